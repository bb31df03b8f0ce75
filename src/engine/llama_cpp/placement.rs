//! Where llama.cpp keeps the layers.

use super::graph_quirks;
use super::tensor_split::Division;
use crate::architecture::{Architecture, Layer, Mixer, Reach};
use crate::units::Bytes;

/// Batches that are under way at the same time where a pipeline is formed
/// (`GGML_SCHED_MAX_COPIES`).
const PIPELINE_COPIES: u64 = 4;

/// Where the layers are kept, as `--n-gpu-layers`, `--tensor-split` and `--n-cpu-moe` say it.
///
/// The output layer counts as one more layer after the repeating ones. The devices take the last
/// layers, in order; the first layers, those that are left, stay on the host, and with each layer
/// its KV cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Layers on each device, the output layer included (it is the last one of the last device).
    /// No devices: a run on the CPU. A sum of 0: `-ngl 0`, where the device only helps with
    /// large batches.
    pub device_layers: Vec<u64>,
    /// The first layers, this many, keep their routed experts on the host (`--n-cpu-moe`).
    pub host_expert_layers: u64,
    /// What is divided besides. Where tensors are, the devices form one: `device_layers` has a
    /// single entry for all of them.
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

    /// What `--n-gpu-layers N` puts on one device. llama.cpp counts the MTP layers of the file as
    /// well, the last ones before the output layer, although it does not load them.
    pub fn ngl(architecture: &Architecture, n: u64) -> Placement {
        Placement::gpu_layers(n.saturating_sub(mtp_layers(architecture)).max(n.min(1)))
    }

    /// The `--n-gpu-layers` that brings this placement about.
    pub fn n_gpu_layers(&self, architecture: &Architecture) -> u64 {
        let layers = self.device_layers.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
        match layers {
            0 | 1 => layers,
            _ => layers.saturating_add(mtp_layers(architecture)),
        }
    }

    /// The device that holds layer `il`, or the output layer where `il` is the number of layers;
    /// `None`: the host.
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

    /// Devices, those that form one counted singly.
    pub fn devices(&self) -> usize {
        match &self.divided {
            Division::Tensors(shares) => shares.len(),
            _ => self.device_layers.len(),
        }
    }

    /// The entry of `device_layers` that device `i` is part of.
    pub fn group_of(&self, i: usize) -> usize {
        if matches!(self.divided, Division::Tensors(_)) { 0 } else { i }
    }

    /// Device `i` is left out altogether.
    pub fn leaves_out(&self, i: usize) -> bool {
        self.divided == Division::Nothing && self.device_layers.get(i) == Some(&0)
    }

    /// How many batches pass through the devices at the same time: several devices that hold all
    /// layers form a pipeline.
    pub fn pipeline_copies(&self, architecture: &Architecture) -> u64 {
        let all_on_devices = self.device_of_layer(architecture, 0).is_some();
        let pipeline = self.device_layers.len() > 1 && self.divided == Division::Layers;
        match pipeline && all_on_devices && self.host_expert_layers == 0 {
            true => PIPELINE_COPIES,
            false => 1,
        }
    }

    /// A device may be given copies of weights that lie on the host.
    pub(super) fn copies_weights(&self, architecture: &Architecture) -> bool {
        let whole = self.device_of_layer(architecture, 0).is_some();
        !self.device_layers.is_empty() && (!whole || self.host_expert_layers > 0)
    }

    /// The device that holds the output layer.
    pub fn output(&self, architecture: &Architecture) -> Option<usize> {
        self.device_of_layer(architecture, architecture.n_layers())
    }
}

/// MTP layers in the GGUF file.
pub fn mtp_layers(architecture: &Architecture) -> u64 {
    let mtp = architecture.mtp.as_ref().filter(|mtp| mtp.in_gguf);
    mtp.map_or(0, |mtp| mtp.layers.len() as u64)
}

/// The layer's cache is one of those that hold a window only (unless `--swa-full`).
pub fn has_window(architecture: &Architecture, layer: &Layer) -> bool {
    let reach = match &layer.mixer {
        Mixer::Attention(a) | Mixer::AttentionAndMamba2(a, _) => a.reach,
        Mixer::Mla(m) => m.reach,
        _ => return false,
    };
    graph_quirks::has_windows(architecture) && matches!(reach, Reach::Sliding | Reach::Chunked)
}

/// Bytes on each device and on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// On each device of the [`Placement`], in order.
    pub devices: Vec<Bytes>,
    /// On the host.
    pub host: Bytes,
}
