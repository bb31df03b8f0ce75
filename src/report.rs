//! The answer: for each model, machine and quantisation an itemised bill and a verdict.

mod economy;
mod speed;

pub use economy::{Economy, InOut, Input, Machine, Money, PerMtok, PowerDraw};
pub use speed::{Measurements, NoSpeed, Speed, SpeedBasis};

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
    pub rule: Rule,
    /// The nearest that the engine does take.
    pub nearest: Option<String>,
}

/// A rule by which an engine refuses something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Rule {
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
    /// How many copies of the whole setup fit on the machine side by side, each on one device;
    /// 1 where only all devices together hold it.
    pub copies: u64,
    /// How fast it answers.
    #[serde(flatten)]
    pub speed: Speed,
    /// What it draws and costs.
    #[serde(flatten)]
    pub economy: Economy,
    /// How the model is laid out, in the engine's own flags.
    pub flags: Vec<String>,
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
    pub items: Vec<Item>,
    /// What is withheld from the engine: the desktop and the user's reserve. Not among the items.
    pub withheld: Vec<Item>,
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
    pub items: Vec<Item>,
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
pub struct Item {
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
