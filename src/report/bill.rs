//! Memory use of each device and of the host, line by line.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Interval};

/// Memory use of one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceBill {
    /// Device id.
    pub device: String,
    /// Nominal capacity of the device.
    pub capacity_bytes: Bytes,
    /// Memory that the engine can use: the driver's figure minus what is withheld.
    pub usable_bytes: Bytes,
    /// Source of the usable figure.
    pub usable_basis: String,
    /// What the items add up to: see `sum_of_items`. What is kept after prompts (`Term::Kept`) is in
    /// its high end, as a monitor shows it.
    pub used_bytes: Interval<Bytes>,
    /// Number of repeating layers on this device.
    pub layers: u64,
    /// Lines of the bill.
    pub items: Vec<BillItem>,
    /// Memory withheld from the engine, for the desktop and the user's reserve. Not part of the
    /// items.
    pub withheld: Vec<BillItem>,
}

/// Memory use of the host's RAM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HostBill {
    /// RAM of the machine; on unified memory, the memory that the device shares.
    pub ram_bytes: Bytes,
    /// What the items add up to: see `sum_of_items`.
    pub used_bytes: Interval<Bytes>,
    /// Lines of the bill.
    pub items: Vec<BillItem>,
}

/// A line of a bill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BillItem {
    /// Purpose of the memory.
    pub term: Term,
    /// Memory use in bytes.
    pub bytes: Interval<Bytes>,
    /// Whether the figure is exact for the engine's layout.
    pub exact: bool,
    /// The formula, over the names in `inputs`.
    pub formula: String,
    /// The inputs of the formula, in its order.
    pub inputs: Vec<(String, f64)>,
    /// Source of the formula or its coefficients.
    pub source: String,
}

/// Purpose of a line of a bill.
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
    /// CUDA context, kernels and other runtime memory.
    Overhead,
    /// RAM used by the operating system.
    OperatingSystem,
    /// Weights of vision and audio towers.
    Projector,
    /// Compute buffers of vision and audio towers.
    ProjectorCompute,
    /// LoRA adapters, or the slots reserved for them.
    Lora,
    /// Draft of speculative decoding: a draft model with its cache, or the model's own MTP layers.
    Draft,
    /// Prompts kept in RAM, upper bound.
    PromptCache,
    /// Context checkpoints kept in RAM, upper bound.
    Checkpoints,
    /// Desktop that the device displays.
    Display,
    /// Memory that the user keeps free.
    Reserve,
    /// What the process may keep once it has computed prompts: pools, workspaces, buffers for the next
    /// prompts. Monitors show it; it decides no verdict, as most runs do without or give it back.
    Kept,
}

/// What the `items` of a bill add up to: estimates that have nothing to do with each other, so their
/// spreads add in squares ([`Interval::independent`]). Weights and the second copy of a tied output
/// are of one file, whose spread they share.
pub fn sum_of_items(items: &[BillItem]) -> Interval<Bytes> {
    sum_with(items, Interval::default())
}

/// What `items` and `more` beside them add up to: see [`sum_of_items`].
pub(crate) fn sum_with<'a>(
    items: impl IntoIterator<Item = &'a BillItem>,
    more: Interval<Bytes>,
) -> Interval<Bytes> {
    let is_of_file = |item: &&BillItem| matches!(item.term, Term::Weights | Term::TiedOutput);
    let (of_file, others): (Vec<_>, Vec<_>) = items.into_iter().partition(is_of_file);
    let of_file = of_file.into_iter().map(|item| item.bytes).sum();
    Interval::independent(others.into_iter().map(|item| item.bytes).chain([of_file, more]))
}

impl DeviceBill {
    /// What the items add up to but for what is kept after prompts: what decides whether it fits.
    pub fn needed_bytes(&self) -> Interval<Bytes> {
        let needed = self.items.iter().filter(|item| item.term != Term::Kept);
        sum_with(needed, Interval::default())
    }

    /// Usable minus expected bytes; negative if they do not fit.
    pub fn headroom_bytes(&self) -> i64 {
        self.usable_bytes.minus(self.used_bytes.expected)
    }
}

impl HostBill {
    /// RAM minus expected bytes; negative if they do not fit.
    pub fn headroom_bytes(&self) -> i64 {
        self.ram_bytes.minus(self.used_bytes.expected)
    }
}
