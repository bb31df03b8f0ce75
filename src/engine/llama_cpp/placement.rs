//! The placement of a model's layers under llama.cpp.

use std::ops::Range;

use super::graph_quirks;
use super::tensor_split::Division;
use crate::architecture::{Architecture, AttentionSpan, Layer, Mixer};
use crate::units::Bytes;

/// Batches in flight at the same time in a pipeline (`GGML_SCHED_MAX_COPIES`).
const PIPELINE_COPIES: u64 = 4;

/// The placement of layers, as set by `--n-gpu-layers`, `--tensor-split` and `--n-cpu-moe`.
///
/// The output layer counts as one more layer after the repeating ones. The devices hold the last
/// layers, in order; the remaining first layers stay on the host. Each layer's KV cache is in the
/// same place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Placement {
    /// Layers on each device, including the output layer (the last one of the last device). Empty
    /// for a run on the CPU; a sum of 0 means `-ngl 0`, where the device only helps with large
    /// batches.
    pub device_layers: Vec<u64>,
    /// Number of first layers whose routed experts are on the host (`--n-cpu-moe`).
    pub host_expert_layers: u64,
    /// What is divided in addition to whole layers. If tensors are, the devices act as one:
    /// `device_layers` has a single entry for all of them.
    pub divided: Division,
}

impl Placement {
    /// Everything on the CPU.
    pub fn cpu() -> Placement {
        Placement::default()
    }

    /// Everything on one device.
    pub fn gpu(architecture: &Architecture) -> Placement {
        Placement::gpu_layers(architecture.n_layers() + 1)
    }

    /// The output layer and the last `n - 1` repeating layers on one device.
    pub fn gpu_layers(n: u64) -> Placement {
        Placement { device_layers: vec![n], ..Placement::default() }
    }

    /// The placement of `--n-gpu-layers N` on one device. llama.cpp also counts the file's MTP
    /// layers, the last ones before the output layer, although it does not load them.
    pub fn ngl(architecture: &Architecture, n: u64) -> Placement {
        Placement::gpu_layers(n.saturating_sub(mtp_layers(architecture)).max(n.min(1)))
    }

    /// The `--n-gpu-layers` that reproduces this placement.
    pub fn n_gpu_layers(&self, architecture: &Architecture) -> u64 {
        let layers = self.device_layers.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
        match layers {
            0 | 1 => layers,
            _ => layers.saturating_add(mtp_layers(architecture)),
        }
    }

    /// The device that holds layer `il`, or the output layer if `il` is the number of layers;
    /// `None` for the host.
    pub fn device_of_layer(&self, architecture: &Architecture, il: u64) -> Option<usize> {
        let on_devices = self.device_layers.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
        let first = (architecture.n_layers() + 1).saturating_sub(on_devices);
        let mut place = il.checked_sub(first)?;
        for (device, layers) in self.device_layers.iter().enumerate() {
            if place < *layers {
                return Some(device);
            }
            place -= layers;
        }
        None
    }

    /// The device of each repeating layer, and last that of the output layer; `None` for the host.
    pub fn layer_devices(&self, architecture: &Architecture) -> Vec<Option<usize>> {
        let layers = architecture.n_layers() + 1;
        let on_devices = self.device_layers.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
        let mut devices = Vec::with_capacity(layers as usize);
        devices.resize(layers.saturating_sub(on_devices) as usize, None);
        for (device, count) in self.device_layers.iter().enumerate() {
            let end = (devices.len() as u64).saturating_add(*count).min(layers);
            devices.resize(end as usize, Some(device));
        }
        devices
    }

    /// Number of devices, including those that act as one.
    pub fn devices(&self) -> usize {
        match &self.divided {
            Division::Tensors(shares) => shares.len(),
            _ => self.device_layers.len(),
        }
    }

    /// The devices that entry `group` of `device_layers` stands for.
    pub(super) fn members(&self, group: usize) -> Range<usize> {
        match &self.divided {
            Division::Tensors(shares) => 0..shares.len(),
            _ => group..group + 1,
        }
    }

    /// Index of the entry of `device_layers` that includes device `i`.
    pub fn group_of(&self, i: usize) -> usize {
        if matches!(self.divided, Division::Tensors(_)) { 0 } else { i }
    }

    /// Whether device `i` is not used at all.
    pub fn leaves_out(&self, i: usize) -> bool {
        self.divided == Division::Nothing && self.device_layers.get(i) == Some(&0)
    }

    /// The device that holds everything on devices, if nothing is divided.
    pub fn only_device(&self) -> Option<usize> {
        let held = || self.device_layers.iter().position(|layers| *layers > 0);
        (self.divided == Division::Nothing).then(held).flatten()
    }

    /// Number of batches in flight at the same time: several devices that hold all layers form a
    /// pipeline.
    pub fn pipeline_copies(&self, architecture: &Architecture) -> u64 {
        let all_on_devices = self.device_of_layer(architecture, 0).is_some();
        let pipeline = self.device_layers.len() > 1 && self.divided == Division::Layers;
        match pipeline && all_on_devices && self.host_expert_layers == 0 {
            true => PIPELINE_COPIES,
            false => 1,
        }
    }

    /// Whether a device may get copies of weights that are on the host.
    pub(super) fn copies_weights(&self, architecture: &Architecture) -> bool {
        let whole = self.device_of_layer(architecture, 0).is_some();
        !self.device_layers.is_empty() && (!whole || self.host_expert_layers > 0)
    }

    /// The device that holds the output layer.
    pub fn output(&self, architecture: &Architecture) -> Option<usize> {
        self.device_of_layer(architecture, architecture.n_layers())
    }
}

/// Number of MTP layers in the GGUF file.
pub fn mtp_layers(architecture: &Architecture) -> u64 {
    let mtp = architecture.mtp.as_ref().filter(|mtp| mtp.in_gguf);
    mtp.map_or(0, |mtp| mtp.layers.len() as u64)
}

/// Whether the layer's cache holds only a window (unless `--swa-full`).
pub fn has_window(architecture: &Architecture, layer: &Layer) -> bool {
    let reach = match &layer.mixer {
        Mixer::Attention(a) | Mixer::AttentionAndMamba2(a, _) => a.reach,
        Mixer::Mla(m) => m.reach,
        _ => return false,
    };
    graph_quirks::has_windows(architecture)
        && matches!(reach, AttentionSpan::Sliding | AttentionSpan::Chunked)
}

/// Bytes on each device and on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// On each device of the [`Placement`], in order.
    pub devices: Vec<Bytes>,
    /// On the host.
    pub host: Bytes,
}
