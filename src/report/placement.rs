//! The placement of a model: which device or host holds which part.

use serde::{Deserialize, Serialize};

use super::Term;
use crate::units::Bytes;

/// The placement of a model: which device or host holds which part, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Placement {
    /// Why this placement was chosen.
    pub reason: PlacementReason,
    /// What is divided between devices.
    pub split: SplitKind,
    /// Each device's share, if matrices or tensors are divided unevenly.
    pub shares: Vec<u64>,
    /// Parts of the model in the order of its layers, with the host's part last.
    pub parts: Vec<PlacementPart>,
    /// Batches whose inputs each device keeps at the same time: 4 if layers form a pipeline,
    /// otherwise 1.
    pub input_copies: u64,
    /// Data-parallel copies of the placement, among which users are divided.
    pub replicas: u64,
    /// Bytes in addition to those of the model in the file: copies for several devices, and
    /// padding. Weights and caches of the bills minus these are the model's own.
    pub duplicates: Vec<Duplicate>,
}

/// A part of a model in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlacementPart {
    /// Indices of the machine's devices that share the part; empty for the host.
    pub devices: Vec<u64>,
    /// The first repeating layer, from 0, and one past the last.
    pub layers: (u64, u64),
    /// The first layer whose routed experts are here, and one past the last; equal if there are
    /// none.
    pub experts: (u64, u64),
    /// Whether the part includes the output head.
    pub head: bool,
}

/// Why a placement was chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlacementReason {
    /// It was requested.
    Asked,
    /// The engine's own split fits.
    #[default]
    Fits,
    /// The engine's own split would overfill a device; another one fits.
    #[serde(alias = "levelled")]
    Rebalanced,
    /// The model does not fit on the devices: the routed experts of as few layers as possible are
    /// on the host.
    ExpertsToHost,
    /// The model does not fit on the devices, even without experts: as few layers as possible are
    /// on the host.
    LayersToHost,
    /// Nothing fits: the whole model is shown on the devices.
    NothingFits,
    /// There is no device, or none is asked for.
    Cpu,
    /// The engine uses none of the devices unless it is told to.
    LeftAside,
}

/// What is divided between devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SplitKind {
    /// Nothing: the model is in one place.
    #[default]
    None,
    /// Whole layers.
    Layers,
    /// The rows of matrices.
    Rows,
    /// Every tensor.
    Tensors,
}

/// Bytes in addition to those of the model itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Duplicate {
    /// The line of the bills that includes them.
    pub term: Term,
    /// Kind of duplicate.
    pub what: DuplicateKind,
    /// Number of bytes over all devices and the host.
    pub bytes: Bytes,
}

/// Kind of data that takes more memory than in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DuplicateKind {
    /// An embedding table that is also the output head.
    TiedHead,
    /// Rotary factors, norms, routers and other weights that every device needs.
    Weights,
    /// Alignment and padded rows.
    Padding,
    /// Key and value heads, or latents, replicated on several ranks.
    KvHeads,
    /// Inputs of several batches in flight in a pipeline.
    Inputs,
    /// The compute buffer of the whole graph, on every device.
    Graph,
}
