//! The answer for one model on one machine at one quantisation under one engine.

use serde::{Deserialize, Serialize};

use super::{CacheLayout, DeviceBill, Economy, HostBill, Placement, Quality, Speed};
use crate::quant::Quant;
use crate::scenario::Engine;
use crate::units::{Bytes, Interval};

/// One model on one machine at one quantisation under one engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Cell {
    /// Model id.
    pub model: String,
    /// The machine in query notation, such as `rtx-4090*2`.
    pub hardware: String,
    /// Quantisation name.
    pub quant: Quant,
    /// The requested quantisation, if the engine does not load it and its nearest format is shown
    /// instead.
    #[serde(alias = "stands_for")]
    pub requested_quant: Option<Quant>,
    /// Engine name.
    pub engine: Engine,
    /// Parameters of the text model.
    pub params_total: u64,
    /// Parameters used for one token.
    pub params_active: u64,
    /// Bytes of all tensors in the model file.
    pub weights_bytes: Bytes,
    /// Bytes of the loaded weights on devices and host: without MTP layers that the engine does not
    /// load, with tensors that it duplicates.
    pub loaded_bytes: Bytes,
    /// KV cache of all users, on devices and host.
    pub kv_bytes: Bytes,
    /// Recurrent and convolution state of all users.
    pub recurrent_bytes: Bytes,
    /// Compute buffers, on devices and host.
    pub compute_bytes: Interval<Bytes>,
    /// Add-ons on devices and host: projector, adapters, draft, prompts and checkpoints.
    #[serde(alias = "beside_bytes")]
    pub addon_bytes: Interval<Bytes>,
    /// Memory of the runtime on the devices, such as the CUDA context.
    pub overhead_bytes: Interval<Bytes>,
    /// Sum of all items on devices and host but the operating system's.
    pub total_bytes: Interval<Bytes>,
    /// Sum of the items on the devices; on a machine without devices, the total.
    pub device_bytes: Interval<Bytes>,
    /// Bill of each device, in the machine's order.
    pub devices: Vec<DeviceBill>,
    /// Bill of the host's RAM.
    pub host: HostBill,
    /// Whether it fits.
    pub verdict: Verdict,
    /// Usable minus expected bytes on the tightest device, negative if they do not fit. If the
    /// whole model does not fit, the sum over devices.
    pub headroom_bytes: i64,
    /// The longest context (tokens per user) at which the verdict is `fits`; 0 if there is none.
    /// Limits of the engine and of the model's training are ignored.
    pub max_context: u64,
    /// The longest context (tokens per user) that the expected estimates allow, between `max_context`
    /// and which the verdict is `tight`.
    #[serde(default)]
    pub expected_max_context: u64,
    /// The longest context (tokens per user) with which it still runs with part of the model in
    /// RAM; null unless that is the verdict.
    #[serde(default)]
    pub offload_max_context: Option<u64>,
    /// The longest context that the model was trained for, in tokens.
    pub trained_context: Option<u64>,
    /// The most users at the requested context for which the verdict is `fits`; 0 if there are
    /// none. In a paged cache (vLLM, SGLang, TensorRT-LLM) a user takes a prompt and half an
    /// answer; those that are more wait.
    pub max_users: u64,
    /// The most users at the requested context that the expected estimates allow.
    #[serde(default)]
    pub expected_max_users: u64,
    /// The most users at the requested context with whom it still runs with part of the model in
    /// RAM; null unless that is the verdict.
    #[serde(default)]
    pub offload_max_users: Option<u64>,
    /// Number of copies of the setup that fit on the machine: several on a device that is large
    /// enough, else one on as many devices as are needed.
    pub copies: u64,
    /// Number of devices of the largest copy; 0 on a machine without devices.
    pub copy_devices: u64,
    /// How the engine lays out the KV cache.
    #[serde(alias = "ways")]
    pub cache_layout: CacheLayout,
    /// Speed of the answers.
    #[serde(flatten)]
    pub speed: Speed,
    /// Power and cost.
    #[serde(flatten)]
    pub economy: Economy,
    /// The engine's own flags that reproduce this placement.
    pub flags: Vec<String>,
    /// The command that starts the model so, which names it; empty where it does not run.
    #[serde(default)]
    pub command: String,
    /// Which device or host holds which part of the model, with the reason.
    pub placement: Placement,
    /// What the format and the cache type cost in quality, as far as that was published; null in
    /// an answer that was not asked for it.
    #[serde(default)]
    pub quality: Option<Quality>,
}

/// Whether a model runs on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The high estimate is within usable memory.
    Fits,
    /// The expected estimate is within usable memory, the high one is not.
    Tight,
    /// It runs with part of the model on the host.
    Offload,
    /// It does not run on this machine.
    No,
}

impl Cell {
    /// The longest context (tokens per user) with which it runs as the verdict says; 0 if there is
    /// none.
    pub fn longest_context(&self) -> u64 {
        self.offload_max_context.unwrap_or(self.max_context)
    }

    /// The most users at the requested context with whom it runs as the verdict says; 0 if there
    /// are none.
    pub fn most_users(&self) -> u64 {
        self.offload_max_users.unwrap_or(self.max_users)
    }

    /// Expected bytes in the host's RAM; zero on a machine without devices.
    pub fn ram_bytes(&self) -> Bytes {
        self.total_bytes.expected - self.device_bytes.expected
    }
}
