//! The GGUF mixes: which ggml type llama.cpp's quantiser gives each tensor.

use super::GgmlType;
use crate::architecture::{Architecture, Tensor};

/// A GGUF mix (`llama_ftype`) by its name in llama.cpp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, non_camel_case_types)]
pub enum Mix {
    F32,
    BF16,
    F16,
    Q8_0,
    Q4_K_M,
}

/// What the rules need to know beside a tensor.
#[derive(Clone, Copy, Debug)]
pub struct MixContext<'a> {
    /// The model.
    pub architecture: &'a Architecture,
    /// An importance matrix is used.
    pub imatrix: bool,
}

impl Mix {
    /// Every mix, largest first.
    pub const ALL: &'static [Mix] = &[Mix::F32, Mix::BF16, Mix::F16, Mix::Q8_0, Mix::Q4_K_M];

    /// The mix's name.
    pub const fn name(self) -> &'static str {
        match self {
            Mix::F32 => "F32",
            Mix::BF16 => "BF16",
            Mix::F16 => "F16",
            Mix::Q8_0 => "Q8_0",
            Mix::Q4_K_M => "Q4_K_M",
        }
    }

    /// The mix of that name, in any case.
    pub fn parse(name: &str) -> Option<Mix> {
        Mix::ALL.iter().copied().find(|mix| mix.name().eq_ignore_ascii_case(name))
    }

    /// The type of each of `tensors` (the GGUF ones, in file order), same length and order.
    pub fn types(self, _context: MixContext<'_>, tensors: &[Tensor]) -> Vec<GgmlType> {
        vec![GgmlType::F16; tensors.len()]
    }
}
