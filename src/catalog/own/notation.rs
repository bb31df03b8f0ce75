//! The notation of an architecture in a link: `custom:1:name.acme/lm-7b:model_type.llama:...`.
//!
//! Behind the version come pairs, parted by colons. Those of the configuration are the fields of
//! [`Config`] that a model has (`pairs.rs`); `name` and `native` describe it, `assumed` names the
//! fields that were guessed, `shape` a size whose hypothetical shape stands for one that is not known.
//! A GGUF file's own types are `gguf.MIX`, what it is called, `types.F32-Q4_K-...`, and for each
//! role of tensors its types along the layers: `attn_v.weight/b2a5` is twice the second and five
//! times the first.

use std::fmt::{self, Write};

use super::size::ModelSize;
use super::{OwnError, OwnModel, Spread, VERSION, check, pairs, plain_name, versioned};
use crate::architecture::config::Config;
use crate::architecture::{Architecture, Role, Tensor, tensors};
use crate::catalog::{Catalog, Model};
use crate::quant::{Quant, StoredType};

/// A model that somebody has, as a link describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Custom {
    /// Its name, with the owner's where it is on a hub.
    pub name: String,
    /// Its configuration; without layers if it is not known.
    pub config: Config,
    /// The size whose shape stands for an architecture that is not known.
    pub shape: Option<ModelSize>,
    /// The format that it was released in, if it is not 16 bits: `fp8`, `mxfp4`.
    pub native: Option<String>,
    /// Fields of the configuration that were assumed.
    pub assumed: Vec<String>,
    /// The types in its GGUF file.
    pub file: Option<FileTypes>,
}

/// The type of every tensor of a GGUF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTypes {
    /// The mix or build that the file is called.
    pub quant: Quant,
    /// For each role the types of its tensors, in the order of the layers.
    pub roles: Vec<(Role, Vec<StoredType>)>,
}

/// Most types that a file can have: as many as there are letters.
const MOST_TYPES: usize = 26;

impl FileTypes {
    /// The types of `tensors`, each with what the file has for it.
    pub fn of<'a>(quant: Quant, tensors: impl Iterator<Item = (&'a Tensor, StoredType)>) -> Self {
        let mut roles: Vec<(Role, Vec<StoredType>)> = Vec::new();
        for (tensor, ty) in tensors {
            match roles.iter_mut().find(|(role, _)| *role == tensor.role) {
                Some((_, types)) => types.push(ty),
                None => roles.push((tensor.role, vec![ty])),
            }
        }
        FileTypes { quant, roles }
    }

    /// The type of each of `tensors`, in their order; `None` for those that the file has not.
    pub fn types(&self, tensors: &[Tensor]) -> Vec<Option<StoredType>> {
        let mut next: Vec<_> =
            self.roles.iter().map(|(role, types)| (*role, types.iter())).collect();
        let ty = |tensor: &Tensor| {
            let (_, types) = next.iter_mut().find(|(role, _)| *role == tensor.role)?;
            types.next().copied()
        };
        tensors.iter().map(ty).collect()
    }

    /// Types that the rules for llama.cpp do not know, by name.
    pub fn foreign(&self) -> Vec<String> {
        let types = self.roles.iter().flat_map(|(_, types)| types);
        let mut names: Vec<String> = Vec::new();
        for ty in types.filter(|ty| !ty.is_ggml()) {
            let name = match ty {
                StoredType::Unknown { id, .. } => format!("type {id}"),
                ty => ty.to_string(),
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Writes them as pairs.
    fn write(&self, out: &mut String) {
        let mut table: Vec<StoredType> = Vec::new();
        let mut letter = |ty: StoredType| {
            let known = table.iter().position(|known| *known == ty);
            let at = known.unwrap_or_else(|| {
                // Of more types the rest counts as the last of them.
                if table.len() < MOST_TYPES {
                    table.push(ty);
                }
                table.len() - 1
            });
            char::from(b'a' + at as u8)
        };
        let mut roles = String::new();
        for (role, types) in &self.roles {
            _ = write!(roles, ":{}/", role.gguf_name());
            for run in types.chunk_by(|a, b| a == b) {
                roles.push(letter(run[0]));
                if run.len() > 1 {
                    _ = write!(roles, "{}", run.len());
                }
            }
        }
        let names: Vec<String> = table.iter().map(StoredType::to_string).collect();
        let quant = self.quant.to_string().replace(':', "~");
        _ = write!(out, ":gguf.{quant}:types.{}{roles}", names.join("-"));
    }
}

impl Custom {
    /// Reads what is behind `custom:`.
    ///
    /// # Errors
    /// The first part that cannot be read, or does not go with the others.
    pub fn parse(text: &str) -> Result<Custom, OwnError> {
        let text = versioned(text)?;
        let mut custom = Custom::default();
        let (mut quant, mut table, mut roles) = (None, Vec::new(), Vec::new());
        let mut of_config = Vec::new();
        for pair in text.split(':').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('.').unwrap_or((pair, ""));
            match key {
                "name" => custom.name = plain_name(value),
                "native" => custom.native = Some(plain_name(value)),
                "shape" => custom.shape = Some(ModelSize::parse(value)?),
                "assumed" => custom.assumed = value.split('-').map(plain_name).collect(),
                "gguf" => {
                    let name = value.replace('~', ":");
                    let known = Quant::parse(&name);
                    let accepted = "the name of a GGUF mix or build, such as Q4_K_M";
                    let known = known.filter(|quant| quant.mix().is_some());
                    quant = Some(known.ok_or_else(|| OwnError::new(key, value, accepted))?);
                }
                "types" => {
                    let read = |name: &str| {
                        let accepted = "names of tensor types, such as Q4_K";
                        StoredType::parse(name).ok_or_else(|| OwnError::new(key, name, accepted))
                    };
                    table = value.split('-').map(read).collect::<Result<_, _>>()?;
                }
                _ if pair.contains('/') => roles.push(pair),
                _ if of_config.iter().any(|(known, _)| *known == key) => {
                    return Err(OwnError::new(key, value, "each field once"));
                }
                _ => of_config.push((key, value)),
            }
        }
        custom.config = pairs::read(of_config.into_iter())?;
        if custom.name.is_empty() {
            custom.name = "custom".to_owned();
        }
        if let Some(quant) = quant {
            let roles = roles.iter().map(|pair| read_runs(pair, &table));
            let roles = roles.collect::<Result<Vec<_>, _>>()?;
            custom.file = Some(FileTypes { quant, roles });
        } else if let Some(pair) = roles.first() {
            return Err(OwnError::new("gguf", pair, "the name of the file's mix beside its types"));
        }
        if custom.shape.is_none() {
            check(&custom.config)?;
        }
        Ok(custom)
    }

    /// The id of this model: see the module.
    pub fn to_id(&self) -> String {
        let mut id = format!("custom:{VERSION}:name.{}", plain_name(&self.name));
        if let Some(shape) = self.shape {
            _ = write!(id, ":shape.{}", shape.digits());
        }
        if let Some(native) = &self.native {
            _ = write!(id, ":native.{}", plain_name(native));
        }
        for pair in pairs::write(&self.config) {
            _ = write!(id, ":{pair}");
        }
        if !self.assumed.is_empty() {
            _ = write!(id, ":assumed.{}", self.assumed.join("-"));
        }
        if let Some(file) = &self.file {
            file.write(&mut id);
        }
        id
    }

    /// The model.
    pub(super) fn model(self, catalog: &Catalog) -> Model {
        let id = self.to_id();
        let Custom { name, mut config, shape, native, assumed, file } = self;
        let mut own = OwnModel { assumed, file, ..OwnModel::default() };
        if let Some(shape) = shape {
            let known = shape.model(catalog);
            config = known.config;
            let shaped = known.own.map(|own| *own).unwrap_or_default();
            // Its size is known, what it caches is not.
            let spread = shaped.spread.map(|spread| Spread { weights: (1.0, 1.0), ..spread });
            own = OwnModel { spread, like: shaped.like, ..own };
        }
        Model::not_released(id, &name, config, native, own)
    }

    /// The tensors that its GGUF file has, in their order.
    pub fn gguf_tensors(&self) -> Vec<Tensor> {
        let mut tensors = tensors(&Architecture::from(&self.config));
        tensors.retain(|tensor| tensor.in_gguf);
        tensors
    }
}

impl fmt::Display for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_id())
    }
}

/// Reads the types of a role's tensors: `attn_v.weight/b2a5`.
fn read_runs(pair: &str, table: &[StoredType]) -> Result<(Role, Vec<StoredType>), OwnError> {
    /// More than any model has layers.
    const LONGEST: usize = 4096;
    let (name, runs) = pair.split_once('/').unwrap_or((pair, ""));
    let accepted = "the name of a tensor of a layer, such as attn_v.weight";
    let role = Role::from_gguf_name(name).ok_or_else(|| OwnError::new("types", name, accepted))?;
    let wrong = || {
        let accepted = "letters of the table `types`, each with how often it comes behind it";
        OwnError::new(name, runs, accepted)
    };
    let mut types = Vec::new();
    let mut rest = runs.bytes().peekable();
    while let Some(letter) = rest.next() {
        let at = letter.checked_sub(b'a').map(usize::from);
        let ty = at.and_then(|at| table.get(at)).ok_or_else(wrong)?;
        let mut count = 0;
        while let Some(digit) = rest.next_if(u8::is_ascii_digit) {
            count = count * 10 + usize::from(digit - b'0');
            if count > LONGEST {
                return Err(wrong());
            }
        }
        if types.len() + count > LONGEST {
            return Err(wrong());
        }
        types.extend(std::iter::repeat_n(*ty, count.max(1)));
    }
    Ok((role, types))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::{GgmlType, MixContext};

    /// Every model of the catalogue with the types of a mix that gives many.
    fn customs() -> impl Iterator<Item = Custom> {
        Catalog::bundled().models.iter().map(|model| {
            let mut custom = Custom {
                name: model.hf_id.clone(),
                config: model.config.clone(),
                ..Custom::default()
            };
            let quant = Quant::parse("Q4_K_M").unwrap();
            let tensors = custom.gguf_tensors();
            let context = MixContext::new(model.architecture(), false);
            let types = quant.mix().unwrap().types(context, &tensors);
            let types = types.into_iter().map(StoredType::Ggml);
            custom.file = Some(FileTypes::of(quant, tensors.iter().zip(types)));
            custom
        })
    }

    #[test]
    fn every_architecture_reads_back_from_its_id() {
        let mut longest = 0;
        for custom in customs() {
            let id = custom.to_id();
            let read = Custom::parse(id.strip_prefix("custom:").unwrap());
            assert_eq!(read.as_ref(), Ok(&custom), "{id}");
            longest = longest.max(id.len());
            let types = custom.file.as_ref().unwrap().types(&custom.gguf_tensors());
            assert!(types.iter().all(Option::is_some), "{id}");
            // Nothing in it has a meaning in a list or has to be encoded in a link.
            let safe = |c: char| c.is_ascii_alphanumeric() || ":._~/-".contains(c);
            assert!(id.chars().all(safe), "{id}");
        }
        println!("longest id: {longest}");
    }

    #[test]
    fn a_usual_architecture_takes_at_most_2000_characters_with_its_types() {
        let mut lengths: Vec<usize> = customs().map(|custom| custom.to_id().len()).collect();
        lengths.sort_unstable();
        let nine_of_ten = lengths[lengths.len() * 9 / 10];
        assert!(nine_of_ten <= 2000, "{nine_of_ten}, longest {:?}", lengths.last());
    }

    #[test]
    fn a_wrong_part_is_named_with_what_is_accepted() {
        let plain = "model_type.llama:hidden_size.64:num_hidden_layers.2:vocab_size.100:\
                     num_attention_heads.4:num_key_value_heads.2:head_dim.16:intermediate_size.128";
        assert!(Custom::parse(&format!("1:{plain}")).is_ok());
        for (text, field, value) in [
            (format!("2:{plain}"), "version", "2"),
            (format!("1:{plain}:hidden_sizes.4"), "hidden_sizes", "4"),
            (format!("1:{plain}:hidden_size.4"), "hidden_size", "4"),
            (plain.replace("layers.2", "layers.-1"), "num_hidden_layers", "-1"),
            (plain.replace("layers.2", "layers.NaN"), "num_hidden_layers", "NaN"),
            (plain.replace("layers.2", "layers.0"), "num_hidden_layers", "0"),
            (
                plain.replace("layers.2", "layers.9223372036854775808"),
                "num_hidden_layers",
                "9223372036854775808",
            ),
            (plain.replace("value_heads.2", "value_heads.3"), "num_key_value_heads", "3"),
            (format!("{plain}:tie_word_embeddings.yes"), "tie_word_embeddings", "yes"),
            (format!("{plain}:qk_norm.some"), "qk_norm", "some"),
            (format!("{plain}:layer_pattern.Z2"), "layer_pattern", "Z"),
            (format!("{plain}:layer_pattern.L2"), "linear_num_key_heads", "0"),
            (format!("{plain}:layer_pattern.F99999"), "layer_pattern", "F99999"),
            (format!("{plain}:gguf.Q9_K"), "gguf", "Q9_K"),
            (format!("{plain}:gguf.Q4_K_M:types.Q9"), "types", "Q9"),
            (format!("{plain}:gguf.Q4_K_M:types.Q4_K:attn_q.weight/b"), "attn_q.weight", "b"),
            (format!("{plain}:gguf.Q4_K_M:types.Q4_K:attn_x.weight/a"), "types", "attn_x.weight"),
            (format!("{plain}:attn_q.weight/a"), "gguf", "attn_q.weight/a"),
        ] {
            let text = if text.starts_with(['1', '2']) { text } else { format!("1:{text}") };
            let error = Custom::parse(&text).unwrap_err();
            assert_eq!((error.field.as_str(), error.value.as_str()), (field, value), "{text}");
            assert!(!error.accepted.is_empty());
        }
        let ty = StoredType::Ggml(GgmlType::Q4_K);
        let text = format!("1:{plain}:gguf.Q4_K_M:types.Q4_K:attn_q.weight/a2");
        assert_eq!(Custom::parse(&text).unwrap().file.unwrap().roles, [(Role::AttnQ, vec![ty; 2])]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
            _ = Custom::parse(&text);
            _ = Custom::parse(&format!("1:{text}"));
        }

        #[test]
        fn what_is_read_is_written_and_read_again(pairs in proptest::collection::vec(
            ("[a-z_]{4,12}", "[a-zA-Z0-9-]{0,6}"), 0..6), at in 0usize..557, cut in 0usize..400) {
            let model = &Catalog::bundled().models[at];
            let custom = Custom { config: model.config.clone(), ..Custom::default() };
            let id = custom.to_id();
            let mut text: String = id["custom:".len()..].chars().take(cut).collect();
            for (key, value) in pairs {
                text += &format!(":{key}.{value}");
            }
            if let Ok(read) = Custom::parse(&text) {
                let again = Custom::parse(&read.to_id()["custom:".len()..]);
                proptest::prop_assert_eq!(again, Ok(read));
            }
        }
    }
}
