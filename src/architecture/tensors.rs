//! The list of a model's tensors: role, layer and shape. The only source of sizes.

use super::{Architecture, Role};

/// A tensor's dimensions, innermost first as in a GGUF file; unused dimensions are 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape(pub [u64; 3]);

impl Shape {
    /// Number of elements.
    pub fn elements(self) -> u64 {
        self.0.iter().fold(1u64, |n, d| n.saturating_mul(*d))
    }

    /// How many dimensions are in use (trailing ones do not count; at least 1).
    pub fn rank(self) -> usize {
        self.0.iter().rposition(|d| *d != 1).map_or(1, |i| i + 1)
    }
}

/// What part of a checkpoint a tensor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// The text model itself.
    Text,
    /// Vision and audio towers; a GGUF keeps them in a file of their own.
    Vision,
    /// Multi-token-prediction layers.
    Mtp,
}

/// Which files hold a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The checkpoint and the GGUF file.
    Both,
    /// The checkpoint only.
    Checkpoint,
    /// The GGUF file only: the converter makes it (`rope_freqs`), or renames parts.
    Gguf,
}

/// One tensor of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// What it is for.
    pub role: Role,
    /// The repeating layer it belongs to, from 0; `None` outside the layers. MTP layers follow
    /// the repeating ones.
    pub layer: Option<u32>,
    /// Dimensions.
    pub shape: Shape,
    /// Part of the checkpoint.
    pub group: Group,
    /// It is in the safetensors checkpoint (a GGUF has some more, such as `rope_freqs`).
    pub in_checkpoint: bool,
    /// It is in the GGUF file that llama.cpp's converter writes.
    pub in_gguf: bool,
}

/// Parameters of a model by what they are counted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The text model, embeddings and head included.
    pub text: u64,
    /// Vision and audio towers.
    pub vision: u64,
    /// MTP layers.
    pub mtp: u64,
    /// Text parameters that take part in one token, embeddings and head included, lookup tables
    /// and unused experts not.
    pub active: u64,
}

/// All tensors of `architecture`, in the checkpoint or in a GGUF file, layer by layer.
pub fn tensors(_architecture: &Architecture) -> Vec<Tensor> {
    Vec::new()
}

/// Parameters of `architecture`, from its tensors.
pub fn count(_architecture: &Architecture) -> Count {
    Count::default()
}
