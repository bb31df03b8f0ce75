//! Models read from files: GGUF, `config.json`, `model.safetensors.index.json`, safetensors.
//!
//! What says how a model is built stands at the beginning of its files, so [`read`] takes the first
//! bytes and tells how many more it needs ([`Step::More`]); whoever holds the file, a program or a
//! page, reads on and calls it again. [`combine`] makes a model of what was read of its files. Nothing
//! here opens a file, no more than [`MOST_READ`] bytes are taken of one, and nothing panics.
//!
//! The parsers are ours: they take a beginning, are bounded, and name the field that is wrong. The
//! crate safetensors refuses a header without its data.

mod config_json;
mod error;
mod from_gguf;
mod gguf;
mod hub;
mod remark;
mod safetensors;

pub use error::ImportError;
pub use gguf::{GgufHeader, GgufTensor, MetaValue, write_header};
pub use hub::{HubFile, HubFiles, HubOption, Repository};
pub use remark::{Remark, Unmapped};
pub use safetensors::Checkpoint;

use crate::catalog::{Catalog, Custom, ModelSize};
use crate::quant::Quant;

/// The most bytes that are read of one file.
pub const MOST_READ: usize = 64 << 20;

/// The first bytes that are worth reading.
pub const FIRST: usize = 1 << 20;

/// What the beginning of a file says.
#[derive(Clone, Debug)]
pub enum Step {
    /// As many bytes from the beginning of the file are needed.
    More(usize),
    /// All that is needed was there.
    Done(Box<Part>),
}

/// What was read of a file.
#[derive(Clone, Debug)]
pub enum Part {
    /// The header of a GGUF file.
    Gguf(GgufHeader),
    /// A `config.json`.
    Config(serde_json::Map<String, serde_json::Value>),
    /// How large the tensors of a checkpoint are, of an index or of the header of a safetensors file.
    Checkpoint(Checkpoint),
}

/// A model that was read from files.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The model.
    pub custom: Custom,
    /// The format that its files are in.
    pub quant: Option<Quant>,
    /// Number of parameters in its files, where they tell it.
    pub stored: Option<u64>,
    /// What is to be known of how it was read.
    pub remarks: Vec<Remark>,
}

/// Reads the beginning of the file `name`, which has `size` bytes in all.
///
/// # Errors
/// It is none of the files that are read, or is damaged.
pub fn read(name: &str, beginning: &[u8], size: u64) -> Result<Step, ImportError> {
    let error = |field: &str, value: &str, accepted: &str| {
        Err(ImportError::new(name, field, value, accepted))
    };
    let wanted = FIRST.min(usize::try_from(size).unwrap_or(FIRST));
    if beginning.len() < wanted {
        return Ok(Step::More(wanted));
    }
    let accepted = "a GGUF file, config.json, model.safetensors.index.json or .safetensors";
    if let Some(kind) = foreign_kind(beginning) {
        return error("file", kind, accepted);
    }
    if beginning.starts_with(b"GGUF") {
        return gguf::read(name, beginning, size);
    }
    let text = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') {
        return whole_json(name, beginning, size);
    }
    if name.to_ascii_lowercase().ends_with(".safetensors") {
        return safetensors::read_header(name, beginning, size);
    }
    match size {
        0 => error("file", "empty", accepted),
        _ => error("file", "neither JSON nor a header that is known", accepted),
    }
}

/// What a file is that is often taken for one of a model.
fn foreign_kind(beginning: &[u8]) -> Option<&'static str> {
    const KINDS: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "a zip archive (a .pt or .bin checkpoint is one)"),
        (b"%PDF", "a PDF document"),
        (b"FUGG", "a big-endian GGUF file"),
        (b"ggjt", "a GGML file from before GGUF"),
        (b"tjgg", "a GGML file from before GGUF"),
        (b"lmgg", "a GGML file from before GGUF"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"version https://git-lfs", "the pointer of a Git LFS file that was not downloaded"),
        (b"\x89HDF", "an HDF5 file"),
        (b"\x80\x02", "a Python pickle"),
    ];
    let text = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning);
    let at = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    if text.get(at) == Some(&b'<') {
        return Some("a web page, such as an error message, instead of the file");
    }
    KINDS.iter().find(|(magic, _)| beginning.starts_with(magic)).map(|(_, kind)| *kind)
}

/// The longest JSON file that is read: an index of the largest models has a few megabytes.
const MOST_JSON: u64 = 16 << 20;

fn whole_json(name: &str, beginning: &[u8], size: u64) -> Result<Step, ImportError> {
    if size > MOST_JSON {
        let accepted = format!("at most {MOST_JSON} bytes of JSON");
        return Err(ImportError::new(name, "size", size, accepted));
    }
    if (beginning.len() as u64) < size {
        return Ok(Step::More(size as usize));
    }
    let text = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning);
    let json: serde_json::Map<_, _> = serde_json::from_slice(text).map_err(|error| {
        ImportError::new(name, "JSON", error, "a JSON object, whole and not nested too deep")
    })?;
    let part = match json.contains_key("weight_map") {
        true => Part::Checkpoint(Checkpoint::of_index(name, &json)?),
        false => Part::Config(json),
    };
    Ok(Step::Done(Box::new(part)))
}

/// What the beginnings of a model's files say.
#[derive(Clone, Debug)]
pub enum Files {
    /// As many bytes from the beginning of each file are needed.
    More(Vec<usize>),
    /// The model.
    Model(Box<Imported>),
}

/// Reads the beginnings of a model's files, of each its name, what was read so far and its size.
///
/// # Errors
/// See [`read`] and [`combine`].
pub fn read_all(catalog: &Catalog, files: &[(&str, &[u8], u64)]) -> Result<Files, ImportError> {
    let (mut parts, mut lengths) = (Vec::new(), Vec::new());
    for (name, beginning, size) in files {
        match read(name, beginning, *size)? {
            Step::More(length) => lengths.push(length),
            Step::Done(part) => {
                lengths.push(beginning.len());
                parts.push(((*name).to_owned(), *part));
            }
        }
    }
    match parts.len() == files.len() {
        true => Ok(Files::Model(Box::new(combine(catalog, parts)?))),
        false => Ok(Files::More(lengths)),
    }
}

/// Makes a model of what was read of its files, given by name.
///
/// # Errors
/// The files do not belong together, one is missing, or what they describe cannot be a model.
pub fn combine(catalog: &Catalog, parts: Vec<(String, Part)>) -> Result<Imported, ImportError> {
    let (mut ggufs, mut configs, mut checkpoints) = (Vec::new(), Vec::new(), Vec::new());
    for (name, part) in parts {
        match part {
            Part::Gguf(header) => ggufs.push((name, header)),
            Part::Config(config) => configs.push((name, config)),
            Part::Checkpoint(checkpoint) => checkpoints.push((name, checkpoint)),
        }
    }
    if !ggufs.is_empty() {
        let (name, header) = gguf::join(ggufs)?;
        return from_gguf::model(catalog, &name, &header);
    }
    let checkpoint = Checkpoint::join(checkpoints);
    match (configs.as_slice(), checkpoint) {
        ([], None) => Err(ImportError::new("", "files", 0, "at least one file of a model")),
        ([], Some((name, checkpoint))) => unknown_shape(&name, checkpoint, Unmapped::NoConfig),
        ([(name, config)], checkpoint) => {
            match (config_json::model(catalog, name, config), checkpoint) {
                (Ok(mut imported), Some((_, checkpoint))) => {
                    checkpoint.compare(&mut imported);
                    Ok(imported)
                }
                (Ok(imported), None) => Ok(imported),
                (Err(error), Some((name, checkpoint))) if error.is_unmapped => {
                    unknown_shape(&name, checkpoint, error.into())
                }
                (Err(error), _) => Err(error),
            }
        }
        ([_, (second, _), ..], _) => {
            Err(ImportError::new(second, "files", "another config.json", "one model at a time"))
        }
    }
}

/// A model of which only the size of its weights is known.
fn unknown_shape(
    name: &str,
    checkpoint: Checkpoint,
    why: Unmapped,
) -> Result<Imported, ImportError> {
    let shape = ModelSize::of(checkpoint.parameters, None).ok_or_else(|| {
        ImportError::new(name, "parameters", checkpoint.parameters, "from a million to 20 trillion")
    })?;
    let custom = Custom {
        name: model_name(name),
        shape: Some(shape),
        native: checkpoint.native.clone(),
        ..Custom::default()
    };
    let remarks = vec![Remark::OnlyWeights { why }];
    Ok(Imported { custom, quant: None, stored: Some(checkpoint.parameters), remarks })
}

/// What a model is called whose file is called `file`.
fn model_name(file: &str) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let lower = name.to_ascii_lowercase();
    let is_general = ["config.json", "model.safetensors.index.json", "model.safetensors"]
        .contains(&lower.as_str());
    // The folder says more than the name that all such files have.
    let name = match is_general {
        true => file.rsplit(['/', '\\']).nth(1).unwrap_or("model"),
        false => name,
    };
    let name = [".gguf", ".safetensors", ".json"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name);
    // model-00001-of-00003
    match name.rsplit_once("-of-") {
        Some((first, _)) => first.rsplit_once('-').map_or(first, |(name, _)| name).to_owned(),
        None => name.to_owned(),
    }
}
