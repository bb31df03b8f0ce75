//! A model's checkpoint: every tensor with its bytes in one format.

use crate::architecture::{Architecture, Group, Tensor, tensors};
use crate::catalog::Model;
use crate::quant::{Mix, Quant};
use crate::units::Bytes;

/// A model's checkpoint in one format, every tensor with its bytes. It is independent of the
/// machine.
#[derive(Clone, Debug)]
pub struct Checkpoint<'a> {
    /// The model.
    pub model: &'a Model,
    /// The format of the weights.
    pub quant: Quant,
    /// Every tensor of the checkpoint.
    pub tensors: Vec<StoredTensor>,
}

/// A tensor of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredTensor {
    /// The tensor.
    pub tensor: Tensor,
    /// Bytes including scales, zero points and other metadata.
    pub bytes: Bytes,
    /// Bytes of the weights alone.
    pub weights: Bytes,
    /// Whether it is stored in fewer than 16 bits per weight.
    pub quantised: bool,
}

impl<'a> Checkpoint<'a> {
    /// Returns the checkpoint of `model` in `quant`; `None` if `quant` is a mix that exists only in
    /// GGUF files.
    pub fn new(model: &'a Model, quant: Quant) -> Option<Checkpoint<'a>> {
        let experts = model.architecture().n_experts() > 0;
        let store = |tensor: Tensor| {
            let elements = tensor.shape.elements();
            let plain = |width: u64| {
                let bytes = Bytes(elements.saturating_mul(width));
                StoredTensor { tensor, bytes, weights: bytes, quantised: false }
            };
            match quant {
                Quant::Gguf(Mix::F32) => Some(plain(4)),
                Quant::Gguf(Mix::BF16 | Mix::F16) => Some(plain(2)),
                Quant::Gguf(_) | Quant::Build(_) => None,
                Quant::Format(format) => Some(StoredTensor {
                    tensor,
                    bytes: format.bytes(experts, &tensor),
                    weights: format.weight_bytes(experts, &tensor),
                    quantised: format.quantises(experts, &tensor),
                }),
            }
        };
        let tensors = tensors(model.architecture()).into_iter().filter(|t| t.in_checkpoint);
        let tensors = tensors.map(store).collect::<Option<_>>()?;
        Some(Checkpoint { model, quant, tensors })
    }

    /// The model's architecture.
    pub fn architecture(&self) -> &'a Architecture {
        self.model.architecture()
    }

    /// Bytes of all tensors in the files.
    pub fn bytes(&self) -> Bytes {
        self.tensors.iter().map(|t| t.bytes).sum()
    }

    /// Bytes of the tensors loaded without speculative decoding, that is without MTP layers.
    pub fn loaded(&self) -> Bytes {
        self.tensors.iter().filter(|t| t.tensor.group != Group::Mtp).map(|t| t.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn mixes_of_gguf_files_are_no_checkpoints() {
        let model = Catalog::bundled().model("qwen3-8b").unwrap();
        assert!(Checkpoint::new(model, Quant::Gguf(Mix::Q4_K_M)).is_none());
    }
}
