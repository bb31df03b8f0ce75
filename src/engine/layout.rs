//! The placement of a model's parts, as far as its speed depends on it.

use std::ops::Range;

use crate::report::{Placement, PlacementPart, PlacementReason, SplitKind};
use crate::scenario::CacheTypes;

/// The layout of one copy of a model on the devices and the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The parts of the model: those on devices in the order of the layers, then the rest on the
    /// host.
    pub parts: Vec<PlacedLayers>,
    /// The types of a cached key and value.
    pub cache: CacheTypes,
    /// Maximum number of prompt tokens computed in one step.
    pub microbatch: u64,
    /// Data-parallel copies of this layout among which users are divided; at least 1.
    pub copies: u64,
    /// Data ranks that share one set of routed experts: all copies, or groups of the devices of one
    /// copy; 1 if every copy has its own experts.
    pub expert_sharing_ranks: u64,
    /// Devices among which the tokens of a cache are divided, beyond its heads; 1 if they are not.
    pub cache_ranks: u64,
    /// Whether the caches of layers on devices are on the host.
    pub cache_on_host: bool,
}

/// A part of a model in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlacedLayers {
    /// The devices that share every tensor of the part (tensor parallelism), as indices into
    /// [`Hardware::parts`](crate::hardware::Hardware::parts); empty for the host.
    pub devices: Range<usize>,
    /// Repeating layers in this part, without their routed experts.
    pub layers: Range<usize>,
    /// Layers whose routed experts are in this part.
    pub experts: Range<usize>,
    /// Whether the part includes the output head.
    pub head: bool,
}

impl Layout {
    /// All `layers` of a model on the first `ranks` devices in tensor parallelism.
    pub fn ranks(ranks: u64, layers: u64) -> Vec<PlacedLayers> {
        let layers = 0..layers as usize;
        let experts = layers.clone();
        vec![PlacedLayers { devices: 0..ranks as usize, layers, experts, head: true }]
    }

    /// Whole layers on each device, in order: the last of `n_layers` layers, `counts` of them per
    /// device, with the output head counted as one if `head_counts`. The remaining first layers are
    /// on the host, and so are the experts of the first `host_experts` layers.
    pub fn split(
        counts: &[u64],
        n_layers: u64,
        head_counts: bool,
        host_experts: u64,
    ) -> Vec<PlacedLayers> {
        let n = n_layers as usize;
        let on_devices = counts.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
        let places = n_layers + u64::from(head_counts);
        let first = (places.saturating_sub(on_devices) as usize).min(n);
        let host_experts = (host_experts as usize).clamp(first, n.max(first));
        let last = counts.iter().rposition(|count| *count > 0);
        let mut at = first;
        let mut parts = Vec::with_capacity(counts.len() + 1);
        for (device, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let end = at.saturating_add(*count as usize).min(n);
            parts.push(PlacedLayers {
                devices: device..device + 1,
                layers: at..end,
                experts: at.max(host_experts)..end.max(host_experts),
                head: Some(device) == last,
            });
            at = end;
        }
        if host_experts > 0 || last.is_none() {
            let (layers, experts) = (0..first, 0..host_experts);
            parts.push(PlacedLayers { devices: 0..0, layers, experts, head: last.is_none() });
        }
        parts
    }

    /// Returns the layout as a report shows it, without duplicates, which the engine adds.
    pub fn placement(&self, reason: PlacementReason) -> Placement {
        let range = |range: &Range<usize>| (range.start as u64, range.end as u64);
        let part = |placed: &PlacedLayers| PlacementPart {
            devices: placed.devices.clone().map(|device| device as u64).collect(),
            layers: range(&placed.layers),
            experts: range(&placed.experts),
            head: placed.head,
        };
        let on_devices = || self.parts.iter().filter(|placed| !placed.devices.is_empty());
        let split = match on_devices().map(|placed| placed.devices.len()).max() {
            Some(2..) => SplitKind::Tensors,
            _ if on_devices().count() > 1 => SplitKind::Layers,
            _ => SplitKind::None,
        };
        Placement {
            reason,
            split,
            shares: Vec::new(),
            parts: self.parts.iter().map(part).collect(),
            input_copies: 1,
            replicas: self.copies,
            duplicates: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_gives_every_layer_and_expert_one_place() {
        let cases: &[(&[u64], u64, bool, u64)] = &[
            (&[33], 32, true, 0),
            (&[17, 16], 32, true, 0),
            (&[17, 16], 32, true, 20),
            (&[0, 5], 32, true, 0),
            (&[10], 32, true, 30),
            (&[1], 32, true, 0),
            (&[0], 32, true, 0),
            (&[], 32, true, 0),
            (&[16, 16], 32, false, 0),
        ];
        for (counts, n, head_counts, host_experts) in cases {
            let parts = Layout::split(counts, *n, *head_counts, *host_experts);
            let layers: usize = parts.iter().map(|part| part.layers.len()).sum();
            let experts: usize = parts.iter().map(|part| part.experts.len()).sum();
            let heads = parts.iter().filter(|part| part.head).count();
            assert_eq!((layers, experts, heads), (32, 32, 1), "{counts:?} {parts:?}");
        }
        let parts = Layout::split(&[10], 32, true, 30);
        assert_eq!((parts[0].layers.clone(), parts[0].experts.clone()), (23..32, 30..32));
        assert_eq!((parts[1].layers.clone(), parts[1].experts.clone()), (0..23, 0..30));
    }
}
