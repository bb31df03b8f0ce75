//! The answer: for each model, machine and quantisation an itemised bill and a verdict.

mod cache_layout;
mod economy;
mod speed;
mod suggestion;

pub use cache_layout::{CacheLayout, SlidingWindowCache};
pub use economy::{Economy, InOut, Input, Machine, Money, PerMtok, PowerDraw};
pub use speed::{Measurements, NoSpeed, Speed, SpeedBasis};
pub use suggestion::Suggestion;

use serde::{Deserialize, Serialize};

use crate::scenario::Problem;
use crate::units::{Bytes, Interval};

/// The answer to a [`Scenario`](crate::scenario::Scenario).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    /// Version of this structure.
    pub version: u32,
    /// The question, as a query string.
    pub query: String,
    /// What could not be used of it, and what would be.
    pub notices: Vec<Notice>,
    /// One entry for each model x machine x quantisation x engine, in that order.
    pub cells: Vec<Cell>,
    /// Prices and power of each machine whose devices are known.
    #[serde(default)]
    pub machines: Vec<Machine>,
}

/// Something the reader should know about the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Notice {
    /// A pair of the query string was not used.
    Query(Problem),
    /// No model has this id.
    UnknownModel {
        /// As typed.
        id: String,
        /// It is known never to have been released, and why.
        never_released: Option<String>,
        /// The nearest real ids.
        nearest: Vec<String>,
    },
    /// No device has this id.
    UnknownDevice {
        /// As typed.
        id: String,
        /// The nearest real ids.
        nearest: Vec<String>,
    },
    /// A device is not sold with this much memory.
    UnknownMemory {
        /// The device.
        id: String,
        /// As typed, GB.
        memory_gb: u32,
        /// What it is sold with, GB.
        accepted: Vec<u32>,
    },
    /// The context is longer than the model was trained for.
    ContextBeyondTraining {
        /// The model.
        id: String,
        /// Tokens asked for.
        context: u64,
        /// Tokens it was trained for.
        trained: u64,
    },
    /// The engine has no support for this model's architecture.
    EngineCannotRun {
        /// The model.
        id: String,
        /// The engine.
        engine: String,
    },
    /// The engine has no backend for this device.
    EngineCannotUse {
        /// The device.
        id: String,
        /// The engine.
        engine: String,
    },
    /// The engine does not run this as asked, by a rule of its own.
    EngineRefuses(Box<EngineRefusal>),
    /// The engine takes a setting otherwise than it is said.
    EngineAdjusts(Box<Adjustment>),
    /// The engine refuses a quantised value cache without flash attention.
    QuantisedValuesNeedFlashAttention {
        /// The value type asked for.
        kv_type: String,
    },
    /// The question has more cells than are answered at once.
    TooManyCells {
        /// Cells asked for.
        cells: u64,
        /// Cells answered.
        most: u64,
    },
}

/// What an engine refuses, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EngineRefusal {
    /// The model.
    pub id: String,
    /// The engine.
    pub engine: String,
    /// What was asked for: a format, a device, a setting.
    pub asked: String,
    /// The rule.
    pub rule: RefusalReason,
    /// The nearest that the engine does take.
    pub nearest: Vec<Suggestion>,
}

/// A setting that an engine takes otherwise than it is said, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Adjustment {
    /// The engine.
    pub engine: String,
    /// As asked for, in query notation.
    pub asked: String,
    /// The rule.
    pub rule: RefusalReason,
    /// What says the same plainly, in query notation.
    pub nearest: Vec<Suggestion>,
}

/// A rule by which an engine refuses something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RefusalReason {
    /// The engine has no implementation of this architecture.
    UnknownArchitecture,
    /// The engine does not load this format.
    FormatNotLoaded,
    /// The format's kernels need a newer device.
    ComputeCapability {
        /// The least compute capability, such as `8.0`.
        least: String,
    },
    /// The engine has no backend for the device.
    NoBackend,
    /// The engine runs on one device only.
    OneDevice,
    /// The engine needs a device: it does not run on the CPU alone.
    NeedsDevice,
    /// Tensor parallelism must divide the model's heads and widths.
    Indivisible {
        /// What does not divide, such as `40 attention heads`.
        what: String,
    },
    /// There are fewer devices than tensor-parallel ranks.
    FewerDevices {
        /// Devices of the machine.
        devices: u64,
    },
    /// The engine does not keep its cache in this type.
    CacheType,
    /// More sequences at once than the engine serves.
    Sequences {
        /// The most.
        most: u64,
    },
    /// The engine has no such setting.
    NotOffered,
    /// Tokens are proposed by a draft model or by MTP layers, not by both.
    OneProposer,
    /// The model has no MTP layers in the files that the engine loads.
    NoMtpLayers,
    /// A draft must have the model's vocabulary.
    DraftVocabulary {
        /// Entries of the model's.
        model: u64,
        /// Entries of the draft's.
        draft: u64,
    },
    /// Keys and values of two types, where one cached vector stands for both.
    MixedCache,
    /// A cache type whose blocks do not divide a head.
    CacheBlocks {
        /// Values of a head.
        head: u64,
    },
    /// The engine keeps no cache in FP8.
    NoFp8Cache,
    /// The physical batch is no longer than the logical one.
    BatchLimit {
        /// The logical batch in tokens.
        batch: u64,
    },
    /// More layers than the model has.
    MoreLayers {
        /// Layers that there are, as the setting counts them.
        layers: u64,
    },
    /// Parts for more devices than there are.
    MoreShares {
        /// Devices of the machine.
        devices: u64,
    },
    /// Nothing but zeros for parts.
    NoShares,
    /// The engine or its backend for the device does not divide a model so.
    SplitMode,
    /// The engine does not divide the tensors of this architecture.
    SplitArchitecture,
    /// Tensors are divided with flash attention only.
    NeedsFlashAttention,
    /// Row split has been taken out.
    RowSplitGone {
        /// The build that lacks it.
        build: String,
    },
    /// More pipeline stages than the model has layers.
    MoreStages {
        /// Repeating layers.
        layers: u64,
    },
    /// The model has no routed experts.
    NoExperts,
    /// Experts must divide evenly between ranks.
    UnevenExperts {
        /// Routed experts of a layer.
        experts: u64,
    },
    /// Expert-parallel ranks must divide, or be, the engine's tensor-parallel ranks.
    ExpertRanks {
        /// Ranks that there are.
        ranks: u64,
    },
    /// Data-parallel ranks of the attention must divide the tensor-parallel ones.
    DataRanks {
        /// Tensor-parallel ranks.
        ranks: u64,
    },
    /// The engine runs one copy only.
    OneCopy,
}

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
    pub stands_for: Option<String>,
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
    pub beside_bytes: Interval<Bytes>,
    /// What the runtime takes on the devices beside the above (CUDA context and the like).
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
    #[serde(rename = "ways")]
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

/// Which part of a model is where, and how that came about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Placement {
    /// How it came about.
    pub reason: PlacementReason,
    /// What is divided between devices.
    pub split: SplitKind,
    /// Each device's part, where matrices or tensors are divided unevenly.
    pub shares: Vec<u64>,
    /// Parts of the model in the order of its layers, what is left on the host last.
    pub parts: Vec<Part>,
    /// Batches whose inputs each device keeps at the same time: 4 where layers form a pipeline,
    /// otherwise 1.
    pub input_copies: u64,
    /// Copies of the whole among which users are divided (data parallelism).
    pub replicas: u64,
    /// Bytes that are there beyond those of the model in the file: copies for several devices, and
    /// padding. Weights and caches of the bills less these are the model's own.
    pub duplicates: Vec<Duplicate>,
}

/// A part of a model that lies in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Part {
    /// The devices that share it, by their place in the machine; none: the host.
    pub devices: Vec<u64>,
    /// The first repeating layer, from 0, and one past the last.
    pub layers: (u64, u64),
    /// The same of the layers whose routed experts it holds; equal where it holds none.
    pub experts: (u64, u64),
    /// It has the output head.
    pub head: bool,
}

/// How a placement came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlacementReason {
    /// It was asked for.
    Asked,
    /// The engine's own way fits.
    #[default]
    Fits,
    /// The engine's own way would overfill a device; another division fits.
    #[serde(rename = "levelled")]
    Rebalanced,
    /// Not all fits on the devices: the routed experts of the fewest layers are left on the host.
    ExpertsToHost,
    /// Not all fits on the devices, with or without experts: the fewest layers are left on the host.
    LayersToHost,
    /// Nothing fits: shown is all of the model on the devices.
    NothingFits,
    /// There is no device.
    Cpu,
}

/// What is divided between devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SplitKind {
    /// Nothing: one place holds the model.
    #[default]
    None,
    /// Whole layers.
    Layers,
    /// The rows of matrices.
    Rows,
    /// Every tensor.
    Tensors,
}

/// Bytes that are there beyond those of the model itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Duplicate {
    /// The line of the bills that they are in.
    pub term: Term,
    /// What they are.
    pub what: DuplicateKind,
    /// How many, over all devices and the host.
    pub bytes: Bytes,
}

/// What is there more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DuplicateKind {
    /// An embedding table that is the output head as well.
    TiedHead,
    /// Rotary factors, norms, routers and other weights that every device needs.
    Weights,
    /// Alignment and padded rows.
    Padding,
    /// Key and value heads, or latents, that several ranks keep.
    KvHeads,
    /// Inputs of the batches that are in a pipeline at the same time.
    Inputs,
    /// The compute buffer of the whole graph, on every device.
    Graph,
}

impl Cell {
    /// The part of it in the host's RAM, expected; nothing on a machine without devices.
    pub fn ram_bytes(&self) -> Bytes {
        self.total_bytes.expected - self.device_bytes.expected
    }
}

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

impl DeviceBill {
    /// Usable minus expected use: negative means that much is missing.
    pub fn headroom_bytes(&self) -> i64 {
        self.usable_bytes.minus(self.used_bytes.expected)
    }
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

impl HostBill {
    /// RAM minus expected use: negative means that much is missing.
    pub fn headroom_bytes(&self) -> i64 {
        self.ram_bytes.minus(self.used_bytes.expected)
    }
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
    /// CUDA context, kernels and the like; on the host, the operating system.
    Overhead,
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

#[cfg(test)]
mod tests {
    use super::Report;

    /// `docs/report.schema.json` is published with the project; `HEADROOM_BLESS=1` rewrites it.
    #[test]
    fn the_published_schema_is_that_of_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report.schema.json");
        let schema = serde_json::to_string_pretty(&schemars::schema_for!(Report)).unwrap() + "\n";
        if std::env::var_os("HEADROOM_BLESS").is_some() {
            std::fs::write(path, &schema).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(published == schema, "{path} is out of date: run the test with HEADROOM_BLESS=1");
    }
}
