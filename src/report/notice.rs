//! Notices about a question: parts that were not used, refused or changed.

use serde::{Deserialize, Serialize};

use super::Suggestion;
use crate::catalog::{self, Catalog, Model, OwnError};
use crate::scenario::{Engine, Problem};

/// A notice about the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Notice {
    /// A pair of the query string was ignored.
    Query(Problem),
    /// No model has this id.
    UnknownModel {
        /// The id as typed.
        id: String,
        /// Why the model was never released, if that is known.
        never_released: Option<String>,
        /// The nearest known ids.
        nearest: Vec<String>,
        /// The model that its name says it is made from, such as a fine-tune's base.
        #[serde(default)]
        base: Option<String>,
        /// The hypothetical shape of the size in its name, such as `size:72B`.
        #[serde(default)]
        hypothetical: Option<String>,
    },
    /// A model or device is described by its id, and a part of the description cannot be used.
    UnusableDescription {
        /// The id as typed.
        id: String,
        /// The part, such as `num_hidden_layers`.
        field: String,
        /// Its value.
        value: String,
        /// What is accepted.
        accepted: String,
    },
    /// A model of this size was never released: its shape is interpolated.
    HypotheticalShape {
        /// The model.
        id: String,
        /// The real models that it is interpolated from, the nearest first.
        like: Vec<String>,
    },
    /// Of a model's architecture nothing is known but the size of its weights.
    UnknownShape {
        /// The model.
        id: String,
        /// The real models of its size, which its cache is assumed from.
        like: Vec<String>,
    },
    /// Parts of a model's configuration were assumed.
    AssumedFields {
        /// The model.
        id: String,
        /// The fields.
        fields: Vec<String>,
    },
    /// A file has tensors of types that this version of llama.cpp lacks.
    ForeignTypes {
        /// The model.
        id: String,
        /// The types.
        types: Vec<String>,
    },
    /// No device has this id.
    UnknownDevice {
        /// The id as typed.
        id: String,
        /// The nearest known ids.
        nearest: Vec<String>,
    },
    /// A device is not sold with this much memory.
    UnknownMemory {
        /// The device.
        id: String,
        /// The memory as typed, in GB.
        memory_gb: u32,
        /// Memory sizes that it is sold with, in GB.
        accepted: Vec<u32>,
    },
    /// The context is longer than the model was trained for.
    ContextBeyondTraining {
        /// The model.
        id: String,
        /// Requested context in tokens.
        context: u64,
        /// Trained context in tokens.
        trained: u64,
    },
    /// The engine has no support for this model's architecture.
    EngineCannotRun {
        /// The model.
        id: String,
        /// The engine.
        engine: Engine,
    },
    /// The engine has no backend for this device.
    EngineCannotUse {
        /// The device.
        id: String,
        /// The engine.
        engine: Engine,
    },
    /// The engine refuses the question as asked, by one of its rules.
    EngineRefuses(Box<EngineRefusal>),
    /// The engine silently changes a setting.
    EngineAdjusts(Box<Adjustment>),
    /// The engine refuses a quantised value cache without flash attention.
    QuantisedValuesNeedFlashAttention {
        /// The requested value type.
        kv_type: String,
    },
    /// The question has more cells than are answered at once.
    TooManyCells {
        /// Number of requested cells.
        cells: u64,
        /// Number of answered cells.
        most: u64,
    },
}

impl Notice {
    /// The notice that a description cannot be used.
    pub fn unusable(id: &str, error: OwnError) -> Notice {
        let OwnError { field, value, accepted } = error;
        Notice::UnusableDescription { id: id.to_owned(), field, value, accepted }
    }
}

/// The model with this id.
///
/// # Errors
/// It is not in the catalogue, or its description cannot be used.
pub fn find_model<'a>(catalog: &'a Catalog, id: &str) -> Result<&'a Model, Notice> {
    match catalog.model_or_error(id) {
        Some(Ok(model)) => Ok(model),
        Some(Err(error)) => Err(Notice::unusable(id, error)),
        None => {
            let catalog::Suggestion { never_released, nearest, base, hypothetical } =
                catalog.suggest_model(id);
            let id = id.to_owned();
            Err(Notice::UnknownModel { id, never_released, nearest, base, hypothetical })
        }
    }
}

/// A refusal of an engine, with its rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EngineRefusal {
    /// The model.
    pub id: String,
    /// The engine.
    pub engine: Engine,
    /// What was requested: a format, a device, a setting.
    pub asked: String,
    /// The rule that is violated.
    pub rule: RefusalReason,
    /// The nearest alternatives that the engine accepts.
    pub nearest: Vec<Suggestion>,
}

/// A setting that an engine silently changes, with its rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Adjustment {
    /// The engine.
    pub engine: Engine,
    /// The requested setting, in query notation.
    pub asked: String,
    /// The rule that is applied.
    pub rule: RefusalReason,
    /// The setting that the engine uses instead, in query notation.
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
    /// Tensor parallelism does not divide the model's heads and widths.
    Indivisible {
        /// The dimension that does not divide, such as `40 attention heads`.
        what: String,
    },
    /// There are fewer devices than tensor-parallel ranks.
    FewerDevices {
        /// Number of devices of the machine.
        devices: u64,
    },
    /// The engine does not support this cache type.
    CacheType,
    /// More concurrent sequences than the engine serves.
    Sequences {
        /// The maximum number of sequences.
        most: u64,
    },
    /// A longer context than the engine can be set to.
    Context {
        /// The longest context in tokens.
        most: u64,
    },
    /// The pool has fewer blocks for recurrent states than the engine prepares for sequences.
    StateBlocks {
        /// Number of blocks.
        blocks: u64,
    },
    /// The engine has no such setting.
    NotOffered,
    /// Both a draft model and MTP layers are requested; only one can propose tokens.
    OneProposer,
    /// The model has no MTP layers in the files that the engine loads.
    NoMtpLayers,
    /// The draft has another vocabulary than the model.
    DraftVocabulary {
        /// Size of the model's vocabulary.
        model: u64,
        /// Size of the draft's vocabulary.
        draft: u64,
    },
    /// Key and value types differ, although one cached vector serves as both.
    MixedCache,
    /// The blocks of the cache type do not divide a head.
    CacheBlocks {
        /// Width of a head.
        head: u64,
    },
    /// The engine does not support a cache in FP8.
    NoFp8Cache,
    /// The physical batch is longer than the logical one.
    BatchLimit {
        /// The logical batch in tokens.
        batch: u64,
    },
    /// More layers are requested than the model has.
    MoreLayers {
        /// Number of layers, as the setting counts them.
        layers: u64,
    },
    /// Shares are given for more devices than there are.
    MoreShares {
        /// Number of devices of the machine.
        devices: u64,
    },
    /// All shares are zero.
    NoShares,
    /// The engine, or its backend for the device, does not support this split mode.
    SplitMode,
    /// The engine does not divide the tensors of this architecture.
    SplitArchitecture,
    /// Tensors can only be divided with flash attention.
    NeedsFlashAttention,
    /// Row split has been removed.
    RowSplitGone {
        /// The build without it.
        build: String,
    },
    /// More pipeline stages are requested than the model has layers.
    MoreStages {
        /// Number of repeating layers.
        layers: u64,
    },
    /// The model has no routed experts.
    NoExperts,
    /// Experts do not divide evenly between ranks.
    UnevenExperts {
        /// Number of routed experts per layer.
        experts: u64,
    },
    /// Expert-parallel ranks neither divide nor equal the engine's tensor-parallel ranks.
    ExpertRanks {
        /// Number of available ranks.
        ranks: u64,
    },
    /// Data-parallel ranks of the attention do not divide the tensor-parallel ranks.
    DataRanks {
        /// Number of tensor-parallel ranks.
        ranks: u64,
    },
    /// The engine runs only one copy.
    OneCopy,
}
