//! What the reader should know about the question.

use serde::{Deserialize, Serialize};

use super::Suggestion;
use crate::scenario::Problem;

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
