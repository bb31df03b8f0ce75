//! Quantisation: the type of every tensor, and the bytes of a model's weights.

mod build;
mod format;
mod ggml;
mod gguf_mix;
mod gguf_part;
mod gguf_recipe;
mod layout;
mod mix_context;
mod names;
mod stored;

pub use build::{Build, BuildName, Publisher};
pub use format::Format;
pub use ggml::GgmlType;
pub use gguf_mix::Mix;
pub use layout::Layout;
pub use mix_context::{Lineage, MixContext};
pub use stored::{ForeignType, StoredType};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::architecture::Tensor;
use crate::units::Bytes;

/// Bytes to a multiple of which every tensor of a GGUF file is padded (`GGUF_DEFAULT_ALIGNMENT`).
pub const GGUF_ALIGNMENT: u64 = 32;

/// A quantisation scheme by the name people use for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Quant {
    /// A llama.cpp mix: `Q4_K_M`, `IQ2_XXS`, `BF16` ... In a safetensors checkpoint only BF16,
    /// F16 and F32 exist.
    Gguf(Mix),
    /// A file or checkpoint as somebody published it: `UD-Q4_K_XL`, `bartowski:Q4_K_M`,
    /// `nvidia:NVFP4`.
    Build(Build),
    /// A quantised checkpoint: `FP8`, `AWQ`, `MLX-4bit` ...
    Format(Format),
}

impl Quant {
    /// Parses the name of a scheme, in any case: its own, or one that people have for it.
    pub fn parse(name: &str) -> Option<Quant> {
        let build = || Build::parse(name).map(Quant::Build);
        let format = || Format::parse(name).map(Quant::Format);
        let own = Mix::parse(name).map(Quant::Gguf).or_else(build).or_else(format);
        own.or_else(|| names::usual(name))
    }

    /// The GGUF mix: of a build, the standard one that is nearest.
    pub const fn mix(self) -> Option<Mix> {
        match self.scheme() {
            Quant::Gguf(mix) => Some(mix),
            Quant::Build(_) | Quant::Format(_) => None,
        }
    }

    /// The checkpoint format, whoever published it.
    pub const fn format(self) -> Option<Format> {
        match self.scheme() {
            Quant::Format(format) => Some(format),
            Quant::Gguf(_) | Quant::Build(_) => None,
        }
    }

    /// The mix or format that this scheme follows: of a build, the one that is nearest.
    pub const fn scheme(self) -> Quant {
        match self {
            Quant::Build(build) => build.name.scheme(),
            quant => quant,
        }
    }

    /// Whether people call this scheme by the name of `other`: the GGUF files with experts in MXFP4
    /// are published as `MXFP4`.
    pub const fn is_also_called(self, other: Quant) -> bool {
        matches!((self, other), (Quant::Gguf(Mix::MXFP4_MOE), Quant::Format(Format::Mxfp4)))
    }

    /// Every scheme: the mixes and the formats, each largest first, with publishers' own names after
    /// the mix that is nearest.
    pub fn all() -> impl Iterator<Item = Quant> {
        let near = |mix| Build::all().filter(move |build| build.name.scheme() == Quant::Gguf(mix));
        let mixes = Mix::ALL.iter().flat_map(move |mix| {
            [Quant::Gguf(*mix)].into_iter().chain(near(*mix).map(Quant::Build))
        });
        mixes.chain(Format::ALL.iter().map(|format| Quant::Format(*format)))
    }

    /// The scheme whatever its publisher: of a build that is called like a standard mix or format,
    /// these.
    pub const fn of_any_publisher(self) -> Quant {
        match self {
            Quant::Build(Build { name: name @ BuildName::Own(_), .. }) => {
                Quant::Build(Build { name, publisher: None })
            }
            quant => quant.scheme(),
        }
    }

    /// Nominal bits per weight, rounded: 4 for `Q4_K_M`, `AWQ` and `EXL3-4.0bpw`, 32 for `F32`.
    pub const fn nominal_bits(self) -> u8 {
        match self.scheme() {
            Quant::Gguf(mix) => mix.nominal_bits(),
            Quant::Format(format) => format.nominal_bits(),
            // A scheme is no build.
            Quant::Build(_) => 16,
        }
    }

    /// Whether the scheme cannot be created without an importance matrix.
    pub fn requires_imatrix(self) -> bool {
        matches!(self, Quant::Gguf(mix) if mix.requires_imatrix())
    }

    /// Bytes of each of `tensors` (those of the GGUF file, or of the checkpoint), in their order.
    pub fn tensor_bytes(self, context: MixContext, tensors: &[Tensor]) -> Vec<Bytes> {
        match self.format() {
            None => {
                let mix = self.mix().unwrap_or(Mix::F16);
                let types = mix.types(context, tensors);
                let bytes = |(t, ty): (&Tensor, GgmlType)| Bytes(ty.bytes(t.shape.elements()));
                tensors.iter().zip(types).map(bytes).collect()
            }
            Some(format) => {
                let [_, usual, _] = Layout::candidates(format, tensors);
                tensors.iter().map(|tensor| format.bytes(&usual, tensor)).collect()
            }
        }
    }

    /// Total bytes of `tensors` (those of the GGUF file, or of the checkpoint) in memory.
    pub fn total_bytes(self, context: MixContext, tensors: &[Tensor]) -> Bytes {
        match self {
            Quant::Gguf(mix) => mix.total_bytes(context, tensors, 1),
            Quant::Build(_) | Quant::Format(_) => {
                self.tensor_bytes(context, tensors).into_iter().sum()
            }
        }
    }

    /// Total bytes of `tensors` in a file, in a GGUF each padded to [`GGUF_ALIGNMENT`]. The file
    /// also has a header of some megabytes, mostly the tokenizer.
    pub fn file_bytes(self, context: MixContext, tensors: &[Tensor]) -> Bytes {
        match self {
            Quant::Gguf(mix) => mix.total_bytes(context, tensors, GGUF_ALIGNMENT),
            Quant::Build(_) | Quant::Format(_) => self.total_bytes(context, tensors),
        }
    }

    /// Total bytes of those of `tensors` that are in the safetensors checkpoint; `None` for a
    /// scheme that is not used in safetensors.
    pub fn checkpoint_bytes(self, tensors: &[Tensor]) -> Option<Bytes> {
        let stored = || tensors.iter().filter(|tensor| tensor.in_checkpoint);
        let plain = |width| stored().map(|tensor| Bytes(tensor.shape.elements()) * width).sum();
        match self {
            Quant::Gguf(Mix::F32) => Some(plain(4)),
            Quant::Gguf(Mix::BF16 | Mix::F16) => Some(plain(2)),
            quant => quant.format().map(|format| {
                let [_, usual, _] = Layout::candidates(format, tensors);
                stored().map(|tensor| format.bytes(&usual, tensor)).sum()
            }),
        }
    }

    /// Average bits per parameter of `tensors` (those of the GGUF file).
    pub fn bits_per_weight(self, context: MixContext, tensors: &[Tensor]) -> f64 {
        let parameters: u64 =
            tensors.iter().map(|t| t.shape.elements()).fold(0, u64::saturating_add);
        8.0 * self.total_bytes(context, tensors).0 as f64 / parameters.max(1) as f64
    }
}

impl fmt::Display for Quant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Quant::Gguf(mix) => f.write_str(mix.name()),
            Quant::Build(build) => write!(f, "{build}"),
            Quant::Format(format) => write!(f, "{format}"),
        }
    }
}

impl TryFrom<String> for Quant {
    type Error = String;
    fn try_from(name: String) -> Result<Quant, String> {
        Quant::parse(&name).ok_or_else(|| format!("no quantisation is called {name:?}"))
    }
}

impl From<Quant> for String {
    fn from(quant: Quant) -> String {
        quant.to_string()
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Quant {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A quantisation by its name, such as `Q4_K_M` or `AWQ`.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{Group, Role, Shape};

    #[test]
    fn a_checkpoint_has_one_type_and_no_gguf_extras() {
        let tensor = |role, shape, in_checkpoint| Tensor {
            role,
            layer: None,
            shape: Shape(shape),
            group: Group::Text,
            in_checkpoint,
            in_gguf: true,
        };
        let tensors = [
            tensor(Role::TokenEmbd, [64, 100, 1], true),
            tensor(Role::OutputNorm, [64, 1, 1], true),
            tensor(Role::RopeFreqs, [32, 1, 1], false),
        ];
        assert_eq!(Quant::Gguf(Mix::BF16).checkpoint_bytes(&tensors), Some(Bytes(12_928)));
        assert_eq!(Quant::Gguf(Mix::F32).checkpoint_bytes(&tensors), Some(Bytes(25_856)));
        assert_eq!(Quant::Gguf(Mix::Q8_0).checkpoint_bytes(&tensors), None);
    }

    #[test]
    fn names_promise_bits() {
        let bits = |name: &str| Quant::parse(name).unwrap().nominal_bits();
        for (name, n) in [
            ("F32", 32),
            ("BF16", 16),
            ("Q8_0", 8),
            ("Q4_K_M", 4),
            ("IQ2_XXS", 2),
            ("FP8-block", 8),
            ("AWQ", 4),
            ("W4A16", 4),
            ("BNB-INT8", 8),
            ("NF4", 4),
            ("MLX-6bit", 6),
            ("EXL3-4.0bpw", 4),
            ("EXL3-2.5bpw", 3),
            ("FP8-MXFP4", 4),
        ] {
            assert_eq!(bits(name), n, "{name}");
        }
        for mix in Mix::ALL {
            let bits = mix.nominal_bits().to_string();
            assert!(
                mix.name().trim_start_matches(char::is_alphabetic).starts_with(&bits),
                "{mix:?}"
            );
        }
        assert!(Quant::all().all(|quant| (1..=32).contains(&quant.nominal_bits())));
    }

    #[test]
    fn quants_read_back_from_json() {
        for quant in Quant::all() {
            let json = serde_json::to_string(&quant).unwrap();
            assert_eq!(serde_json::from_str::<Quant>(&json).unwrap(), quant);
        }
        assert!(serde_json::from_str::<Quant>("\"Q9\"").is_err());
    }
}
