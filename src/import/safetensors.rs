//! How large a checkpoint is: the index of its files, and the header of a safetensors file
//! (eight bytes of length, then JSON).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ImportError, Imported, MOST_READ, Part, Remark, Step};
use crate::architecture::{Architecture, count};

/// What a checkpoint's tensors come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of parameters.
    pub parameters: u64,
    /// Bytes of the tensors.
    pub bytes: u64,
    /// The format that it is in, if it is not 16 bits.
    pub native: Option<String>,
}

/// An entry of the header of a safetensors file.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
}

impl Checkpoint {
    /// What an index says.
    pub(super) fn of_index(
        name: &str,
        json: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Checkpoint, ImportError> {
        let metadata = json.get("metadata").and_then(serde_json::Value::as_object);
        let number = |key: &str| {
            let value = metadata.and_then(|metadata| metadata.get(key));
            // Some are written as broken numbers.
            let whole = |value: &serde_json::Value| {
                value.as_u64().or_else(|| value.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64))
            };
            value.and_then(whole)
        };
        let total = metadata.and_then(|metadata| metadata.get("total_size"));
        let Some(bytes) = number("total_size").filter(|bytes| (1..1 << 50).contains(bytes)) else {
            let value = total.map_or("missing".to_owned(), ToString::to_string);
            let accepted = "the bytes of all tensors, up to 2^50";
            return Err(ImportError::new(name, "metadata.total_size", value, accepted));
        };
        let parameters = number("total_parameters").filter(|n| (1..1 << 50).contains(n));
        Ok(Checkpoint { parameters: parameters.unwrap_or(bytes / 2), bytes, native: None })
    }

    /// The sum over the files of a model. Of an index and the files that it lists, the index.
    pub(super) fn join(files: Vec<(String, Checkpoint)>) -> Option<(String, Checkpoint)> {
        let is_index = |(name, _): &&(String, Checkpoint)| name.ends_with(".json");
        if let Some(index) = files.iter().find(is_index) {
            return Some(index.clone());
        }
        let mut files = files.into_iter();
        let (name, mut all) = files.next()?;
        for (_, file) in files {
            all.parameters = all.parameters.saturating_add(file.parameters);
            all.bytes = all.bytes.saturating_add(file.bytes);
            all.native = all.native.or(file.native);
        }
        Some((name, all))
    }

    /// Compares the size with that of a model read from `config.json`, and says where they differ.
    pub(super) fn compare(&self, imported: &mut Imported) {
        imported.stored = Some(self.parameters).filter(|_| imported.custom.native.is_none());
        let config = &imported.custom.config;
        let counted = count(&Architecture::from(config));
        let counted = counted.text + counted.mtp + counted.vision;
        let off = self.parameters.abs_diff(counted) as f64 / self.parameters.max(1) as f64;
        if imported.custom.native.is_none() && off > 0.01 {
            imported.custom.assumed.push("parameters".to_owned());
            let stored = self.parameters;
            imported.remarks.push(Remark::OtherCount { stored, counted });
        }
    }
}

/// Reads the header of a safetensors file of `size` bytes.
pub(super) fn read_header(name: &str, beginning: &[u8], size: u64) -> Result<Step, ImportError> {
    let wrong = |field: &str, value: &dyn ToString, accepted: &str| {
        Err(ImportError::new(name, field, value.to_string(), accepted))
    };
    let Some((length, rest)) = beginning.split_first_chunk::<8>() else {
        return wrong("size", &size, "a whole safetensors file");
    };
    let length = u64::from_le_bytes(*length);
    if length > MOST_READ as u64 - 8 {
        return wrong("length of the header", &length, "at most 64 MiB");
    }
    if length + 8 > size {
        return wrong("length of the header", &length, "less than the file has");
    }
    let Some(json) = rest.get(..length as usize) else {
        return Ok(Step::More(length as usize + 8));
    };
    let entries: BTreeMap<String, serde_json::Value> = match serde_json::from_slice(json) {
        Ok(entries) => entries,
        Err(error) => return wrong("header", &error, "the tensors as a JSON object"),
    };
    let mut checkpoint = Checkpoint::default();
    for (tensor, entry) in entries.into_iter().filter(|(tensor, _)| tensor != "__metadata__") {
        let entry: Entry = match serde_json::from_value(entry) {
            Ok(entry) => entry,
            Err(error) => return wrong(&tensor, &error, "a type and a shape"),
        };
        let bits: u64 = match entry.dtype.as_str() {
            "F64" | "I64" | "U64" => 64,
            "F32" | "I32" | "U32" => 32,
            "F16" | "BF16" | "I16" | "U16" => 16,
            "F8_E4M3" | "F8_E5M2" | "F8_E8M0" | "I8" | "U8" | "BOOL" => 8,
            "F4" => 4,
            other => return wrong(&tensor, &other, "a type of safetensors, such as BF16"),
        };
        let elements = entry
            .shape
            .iter()
            .try_fold(1u64, |all, n| all.checked_mul(*n).filter(|product| *product < 1 << 48));
        let Some(elements) = elements else {
            let shape = format!("{:?}", entry.shape);
            return wrong(&tensor, &shape, "fewer than 2^48 elements");
        };
        let packed = matches!(entry.dtype.as_str(), "I32" | "U8");
        // Packed weights are several in one, their scales are none.
        let is_scale = tensor.ends_with("scales") || tensor.ends_with("scale_inv");
        checkpoint.bytes = checkpoint.bytes.saturating_add(elements * bits / 8);
        let parameters = match (packed, is_scale) {
            (_, true) => 0,
            (true, _) => elements * bits / 4,
            (false, _) => elements,
        };
        checkpoint.parameters = checkpoint.parameters.saturating_add(parameters);
        if bits == 8 && entry.dtype.starts_with("F8_E") && entry.dtype != "F8_E8M0" {
            checkpoint.native = Some("fp8".to_owned());
        }
    }
    Ok(Step::Done(Box::new(Part::Checkpoint(checkpoint))))
}
