//! The answer for one model on one machine at one quantisation under one engine.

use serde::{Deserialize, Serialize};

use super::{CacheLayout, DeviceBill, Economy, HostBill, Placement, Speed};
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
    pub quant: String,
    /// The quantisation asked for, where the engine does not load it and stands there with the
    /// nearest that it does.
    #[serde(alias = "stands_for")]
    pub requested_quant: Option<String>,
    /// Engine name.
    pub engine: String,
    /// Parameters of the text model.
    pub params_total: u64,
    /// Parameters that take part in one token.
    pub params_active: u64,
    /// Bytes of all tensors in the model file.
    pub weights_bytes: Bytes,
    /// Bytes of weights as loaded, on devices and host: without MTP layers that the engine does
    /// not load, with tensors that it keeps twice.
    pub loaded_bytes: Bytes,
    /// KV cache of all users, on devices and host.
    pub kv_bytes: Bytes,
    /// Recurrent and convolution state of all users.
    pub recurrent_bytes: Bytes,
    /// Compute buffers, on devices and host.
    pub compute_bytes: Interval<Bytes>,
    /// What is loaded or kept beside the model, on devices and host: projector, adapters, a draft,
    /// prompts and checkpoints.
    #[serde(alias = "beside_bytes")]
    pub addon_bytes: Interval<Bytes>,
    /// What the runtime takes on the devices, such as the CUDA context.
    pub overhead_bytes: Interval<Bytes>,
    /// All of the above together, on devices and host.
    pub total_bytes: Interval<Bytes>,
    /// The part of it on the devices; on a machine without any, all of it.
    pub device_bytes: Interval<Bytes>,
    /// One entry a device, in the machine's order.
    pub devices: Vec<DeviceBill>,
    /// What lies in the host's RAM.
    pub host: HostBill,
    /// The verdict.
    pub verdict: Verdict,
    /// Usable minus expected use on the tightest device: negative means that much is missing.
    /// The sum over devices where the whole model does not fit.
    pub headroom_bytes: i64,
    /// The longest context (tokens for each user) at which the verdict is still `fits`, with the
    /// layers on the devices as they are here; 0 if it never is. Limits of the engine and of the
    /// model's training do not count.
    pub max_context: u64,
    /// The longest context that the model was trained for, in tokens.
    pub trained_context: Option<u64>,
    /// The most users at the context asked for with the verdict `fits`; 0 if there are none.
    pub max_users: u64,
    /// How many copies of the whole setup fit on the machine side by side: several on a device
    /// that holds them, else one on as many devices together as hold it.
    pub copies: u64,
    /// The most devices that one of these copies takes; 0 where there are none.
    pub copy_devices: u64,
    /// How the engine lays out the KV cache.
    #[serde(alias = "ways")]
    pub cache_layout: CacheLayout,
    /// How fast it answers.
    #[serde(flatten)]
    pub speed: Speed,
    /// What it draws and costs.
    #[serde(flatten)]
    pub economy: Economy,
    /// How the model is laid out, in the engine's own flags.
    pub flags: Vec<String>,
    /// Which part of the model is where, and how that came about.
    pub placement: Placement,
}

/// Whether it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The high estimate is within usable memory.
    Fits,
    /// The expected estimate is, the high one is not.
    Tight,
    /// It runs with part of the model on the host.
    Offload,
    /// It does not run there at all.
    No,
}

impl Cell {
    /// The part of it in the host's RAM, expected; nothing on a machine without devices.
    pub fn ram_bytes(&self) -> Bytes {
        self.total_bytes.expected - self.device_bytes.expected
    }
}
