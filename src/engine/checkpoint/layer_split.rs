//! Whole layers on each of several devices, as engines without tensor parallelism place a
//! checkpoint.

use super::file::Checkpoint;
use crate::architecture::{Group, Role};
use crate::engine::split_by_memory::split_by_memory;
use crate::units::Bytes;

/// A checkpoint split by layers over devices, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerSplit {
    /// Repeating layers on each device.
    pub layers: Vec<u64>,
    /// Weights on each device.
    pub weights: Vec<Bytes>,
    /// Weights on the host.
    pub host: Bytes,
}

impl LayerSplit {
    /// Splits `checkpoint` over devices with `memory` usable bytes each: layers in proportion to
    /// memory, embedding and towers on the first device (the embedding on the host if
    /// `host_embedding`), norm and head on the last. MTP layers are not loaded.
    pub fn new(checkpoint: &Checkpoint<'_>, memory: &[Bytes], host_embedding: bool) -> LayerSplit {
        let n_layers = checkpoint.architecture().n_layers();
        let layers = split_by_memory(n_layers, memory);
        let mut split =
            LayerSplit { weights: vec![Bytes::ZERO; layers.len()], layers, host: Bytes::ZERO };
        let ends: Vec<u64> = split
            .layers
            .iter()
            .scan(0, |end, n| {
                *end += n;
                Some(*end)
            })
            .collect();
        let last = split.weights.len().saturating_sub(1);
        for stored in &checkpoint.tensors {
            let tensor = &stored.tensor;
            if tensor.group == Group::Mtp {
                continue;
            }
            let embedding = matches!(
                tensor.role,
                Role::TokenEmbd | Role::PerLayerTokenEmbd | Role::LookupTable
            );
            let device = match tensor.layer {
                Some(layer) => ends.iter().position(|end| u64::from(layer) < *end),
                None if embedding && host_embedding => None,
                None if embedding || tensor.group == Group::Vision => Some(0),
                None => Some(last),
            };
            match device.and_then(|i| split.weights.get_mut(i)) {
                Some(weights) => *weights += stored.bytes,
                None => split.host += stored.bytes,
            }
        }
        split
    }

    /// The range of layers on device `i`.
    pub fn range(&self, i: usize) -> std::ops::Range<usize> {
        let before: u64 = self.layers.iter().take(i).sum();
        let count = self.layers.get(i).copied().unwrap_or(0);
        before as usize..(before + count) as usize
    }
}
