//! llama.cpp's memory layout: weights, KV cache, recurrent state, compute buffers.
//!
//! Rules as of build b11434 (October 2026).

use crate::architecture::{Architecture, Tensor};
use crate::quant::GgmlType;
use crate::scenario::{KvTypes, Mode};
use crate::units::{Bytes, Interval};

/// The build whose rules these are.
pub const VERSION: &str = "b11434 (October 2026)";

/// How llama.cpp is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Context for all sequences together, in tokens (`--ctx-size`).
    pub n_ctx: u64,
    /// Sequences (`--parallel`).
    pub n_parallel: u64,
    /// One KV buffer for all sequences (`--kv-unified`).
    pub unified: bool,
    /// Physical batch in tokens (`--ubatch-size`).
    pub n_ubatch: u64,
    /// Cache types.
    pub kv: KvTypes,
    /// Flash attention.
    pub flash_attention: bool,
    /// Sliding-window layers keep the whole context.
    pub swa_full: bool,
    /// What the logits buffer is reserved for.
    pub mode: Mode,
}

/// Where the layers are kept, as `--n-gpu-layers`, `--tensor-split` and `--n-cpu-moe` say it.
///
/// The output layer counts as one more layer after the repeating ones. The devices take the last
/// layers, in order; the first layers, those that are left, stay on the host, and with each layer
/// its KV cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Layers on each device, the output layer included (it is the last one of the last device).
    /// No devices: a run on the CPU. A sum of 0: `-ngl 0`, where the device only helps with
    /// large batches.
    pub device_layers: Vec<u64>,
    /// The first layers, this many, keep their routed experts on the host (`--n-cpu-moe`).
    pub host_expert_layers: u64,
}

impl Placement {
    /// Everything on the CPU.
    pub fn cpu() -> Placement {
        Placement { device_layers: Vec::new(), host_expert_layers: 0 }
    }

    /// Everything on one device.
    pub fn gpu(architecture: &Architecture) -> Placement {
        Placement::gpu_layers(architecture.n_layers() + 1)
    }

    /// `-ngl N` with one device: the output layer and the last `n - 1` repeating layers.
    pub fn gpu_layers(n: u64) -> Placement {
        Placement { device_layers: vec![n], host_expert_layers: 0 }
    }
}

/// A tensor of the GGUF file with the type it has there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The tensor.
    pub tensor: Tensor,
    /// Its type.
    pub ty: GgmlType,
}

impl Weight {
    /// Bytes in the file.
    pub fn bytes(&self) -> Bytes {
        Bytes(self.ty.bytes(self.tensor.shape.elements()))
    }
}

/// Bytes on each device and on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// On each device of the [`Placement`], in order.
    pub devices: Vec<Bytes>,
    /// On the host.
    pub host: Bytes,
}

/// Bytes that one layer keeps for all sequences together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerState {
    /// Key and value cache.
    pub kv: Bytes,
    /// Recurrent and convolution state.
    pub recurrent: Bytes,
}

/// Model buffers: every weight that llama.cpp loads, exact to the byte.
///
/// The token embedding stays on the host; where the output head is tied to it, the device of the
/// output layer gets a copy ([`tied_output`]). MTP layers are not loaded.
pub fn model_bytes(
    _architecture: &Architecture,
    _weights: &[Weight],
    placement: &Placement,
) -> Split {
    Split { devices: vec![Bytes::ZERO; placement.device_layers.len()], host: Bytes::ZERO }
}

/// Bytes of the copy that a device gets of an embedding table tied to the output head; they are
/// part of [`model_bytes`]. Zero where the head is a tensor of its own or stays on the host.
pub fn tied_output(
    _architecture: &Architecture,
    _weights: &[Weight],
    _placement: &Placement,
) -> Bytes {
    Bytes::ZERO
}

/// KV cache and recurrent state of each repeating layer, exact to the byte. A layer's state lies
/// where the layer does.
pub fn layer_states(architecture: &Architecture, _settings: &Settings) -> Vec<LayerState> {
    vec![LayerState::default(); architecture.layers.len()]
}

/// Compute buffers.
///
/// `weights` matter only where some stay on the host beside a device: large batches are computed
/// on the device with copies of them.
pub fn compute(
    _architecture: &Architecture,
    _weights: &[Weight],
    _settings: &Settings,
    placement: &Placement,
) -> Split {
    Split { devices: vec![Bytes::ZERO; placement.device_layers.len()], host: Bytes::ZERO }
}

/// What a compute buffer may be in another build of the same year.
pub fn compute_interval(expected: Bytes) -> Interval<Bytes> {
    Interval::exact(expected)
}

/// What a driver and its libraries take beside the buffers above.
#[derive(Clone, Debug, PartialEq)]
pub struct Overhead {
    /// On each device.
    pub bytes: Interval<Bytes>,
    /// Where the figure comes from.
    pub source: String,
}

/// The software a device is driven by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Platform {
    /// NVIDIA.
    Cuda,
    /// AMD.
    Rocm,
    /// Apple.
    Metal,
    /// Any GPU through Vulkan.
    Vulkan,
    /// No device.
    Cpu,
}

/// Memory that the driver, its kernels and libraries take on each device.
pub fn runtime_overhead(_platform: Platform) -> Overhead {
    Overhead { bytes: Interval::exact(Bytes::ZERO), source: String::new() }
}
