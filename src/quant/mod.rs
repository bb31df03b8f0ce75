//! What type every tensor gets, and so how many bytes a model's weights take.

mod ggml;
mod gguf_mix;

pub use ggml::GgmlType;
pub use gguf_mix::{Mix, MixContext};

use std::fmt;

use serde::{Deserialize, Serialize};

/// A quantisation scheme by the name people use for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Quant {
    /// A llama.cpp mix: `Q4_K_M`, `IQ2_XXS`, `BF16` ... In a safetensors checkpoint only BF16,
    /// F16 and F32 exist.
    Gguf(Mix),
}

impl Quant {
    /// The scheme of that name, in any case.
    pub fn parse(name: &str) -> Option<Quant> {
        Mix::parse(name).map(Quant::Gguf)
    }

    /// Every scheme, largest first.
    pub fn all() -> impl Iterator<Item = Quant> {
        Mix::ALL.iter().map(|mix| Quant::Gguf(*mix))
    }
}

impl fmt::Display for Quant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Quant::Gguf(mix) => f.write_str(mix.name()),
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
