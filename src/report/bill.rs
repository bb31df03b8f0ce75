//! What each device and the host hold, line by line.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Interval};

/// What one device holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceBill {
    /// Device id.
    pub device: String,
    /// Memory as sold.
    pub capacity_bytes: Bytes,
    /// What the engine can use: the figure the driver reports, less what is withheld.
    pub usable_bytes: Bytes,
    /// Where the usable figure comes from.
    pub usable_basis: String,
    /// The sum of the items.
    pub used_bytes: Interval<Bytes>,
    /// Repeating layers on this device.
    pub layers: u64,
    /// The bill.
    pub items: Vec<BillItem>,
    /// What is withheld from the engine: the desktop and the user's reserve. Not among the items.
    pub withheld: Vec<BillItem>,
}

/// What lies in the host's RAM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HostBill {
    /// The machine's RAM; on unified memory the memory that the device shares.
    pub ram_bytes: Bytes,
    /// The sum of the items.
    pub used_bytes: Interval<Bytes>,
    /// The bill.
    pub items: Vec<BillItem>,
}

/// A line of a bill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BillItem {
    /// What it is for.
    pub term: Term,
    /// How much.
    pub bytes: Interval<Bytes>,
    /// The figure is exact for the engine's layout.
    pub exact: bool,
    /// The formula, over the names in `inputs`.
    pub formula: String,
    /// The numbers put in, in the order of the formula.
    pub inputs: Vec<(String, f64)>,
    /// Where the formula or its coefficients come from.
    pub source: String,
}

/// What a line of a bill is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// Model weights.
    Weights,
    /// The output head's copy of a tied embedding table.
    TiedOutput,
    /// Key and value cache.
    KvCache,
    /// Recurrent and convolution state.
    RecurrentState,
    /// Activations, logits and masks.
    Compute,
    /// Captured CUDA graphs.
    CudaGraphs,
    /// CUDA context, kernels and the like.
    Overhead,
    /// RAM that the operating system keeps.
    OperatingSystem,
    /// Weights of vision and audio towers.
    Projector,
    /// What the towers compute with.
    ProjectorCompute,
    /// LoRA adapters, or the slots reserved for them.
    Lora,
    /// What proposes tokens: a draft model with its cache, or the model's own MTP layers.
    Draft,
    /// Prompts kept in RAM, at most.
    PromptCache,
    /// Context checkpoints kept in RAM, at most.
    Checkpoints,
    /// The desktop that the device draws.
    Display,
    /// What the user keeps free.
    Reserve,
}

impl DeviceBill {
    /// Usable minus expected use: negative means that much is missing.
    pub fn headroom_bytes(&self) -> i64 {
        self.usable_bytes.minus(self.used_bytes.expected)
    }
}

impl HostBill {
    /// RAM minus expected use: negative means that much is missing.
    pub fn headroom_bytes(&self) -> i64 {
        self.ram_bytes.minus(self.used_bytes.expected)
    }
}
