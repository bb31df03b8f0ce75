//! Which part of a model is where.

use serde::{Deserialize, Serialize};

use super::Term;
use crate::units::Bytes;

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
    pub parts: Vec<PlacementPart>,
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
pub struct PlacementPart {
    /// The devices that share it, by their place in the machine; none: the host.
    pub devices: Vec<u64>,
    /// The first repeating layer, from 0, and one past the last.
    pub layers: (u64, u64),
    /// The first layer whose routed experts are here, and one past the last; equal where there are
    /// none.
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
    #[serde(alias = "levelled")]
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
