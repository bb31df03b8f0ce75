//! A model's files in the form that an engine loads, with their add-ons.

use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::llama_cpp::{GgufFile, GraphCache};
use crate::architecture::Mtp;
use crate::catalog::Model;
use crate::quant::Quant;
use crate::scenario::{HeadKind, Lora, LoraTargets, ProjectorType};
use crate::units::{Bytes, Interval};

/// A model's files with their add-ons. They are independent of the machine.
#[derive(Clone, Debug)]
pub struct ModelFiles<'a> {
    /// The model itself.
    pub file: File<'a>,
    /// The add-ons loaded with the model.
    pub addons: Addons<'a>,
}

/// A model in one format.
#[derive(Clone, Debug)]
pub enum File<'a> {
    /// A GGUF file: llama.cpp and its front ends.
    Gguf(GgufFile<'a>),
    /// A checkpoint in safetensors: every other engine.
    Checkpoint(Checkpoint<'a>),
}

/// The add-ons that an engine loads with a model.
#[derive(Clone, Debug, Default)]
pub struct Addons<'a> {
    /// Type of the projector; `None` if it is not loaded.
    pub projector: Option<ProjectorType>,
    /// Whether the projector is on a device, where it has a place of its own.
    pub projector_offload: bool,
    /// LoRA adapters.
    pub lora: Option<Lora>,
    /// What they adapt.
    pub lora_targets: LoraTargets,
    /// Speculative decoding.
    pub speculation: Option<Speculation<'a>>,
    /// Maximum RAM that llama-server keeps prompts in.
    pub prompt_cache: Bytes,
    /// Maximum number of context checkpoints that llama-server keeps per sequence.
    pub checkpoints: u64,
}

/// Speculative decoding: drafted tokens are verified by the model in one step.
#[derive(Clone, Debug)]
pub struct Speculation<'a> {
    /// Number of tokens drafted at once.
    pub tokens: u64,
    /// Probability that a drafted token is accepted.
    pub acceptance: f64,
    /// The source of the drafted tokens.
    pub by: Proposer<'a>,
}

/// The source of drafted tokens in speculative decoding.
#[derive(Clone, Debug)]
pub enum Proposer<'a> {
    /// The model's own MTP layers.
    Mtp(&'a Mtp),
    /// A separate, smaller model.
    Draft(Box<ModelFiles<'a>>),
    /// A head that was made for the model and reads its states.
    Head(DraftHead),
    /// The text itself: what followed the last tokens before.
    Ngram,
}

/// A head that drafts from the states of the model that it was made for.
#[derive(Clone, Copy, Debug)]
pub struct DraftHead {
    /// The method.
    pub kind: HeadKind,
    /// Its parameters, an estimate: heads of one kind differ in the width of their feed-forward
    /// block.
    pub parameters: Interval<u64>,
    /// Values that it caches for each token.
    pub cached: u64,
}

impl DraftHead {
    /// Bytes of its weights in 16 bits.
    pub fn weights(&self) -> Interval<Bytes> {
        self.parameters.map(|parameters| Bytes(2) * parameters)
    }

    /// Bytes of its cache, in 16 bits, on one of `ranks` ranks for `users` sequences of `context`
    /// tokens.
    pub fn cache(&self, context: u64, users: u64, ranks: u64) -> Bytes {
        Bytes(2) * self.cached * context * users / ranks.max(1)
    }
}

impl<'a> ModelFiles<'a> {
    /// Creates files without add-ons.
    pub fn plain(file: File<'a>) -> ModelFiles<'a> {
        ModelFiles { file, addons: Addons::default() }
    }

    /// The model.
    pub fn model(&self) -> &'a Model {
        match &self.file {
            File::Gguf(file) => file.model,
            File::Checkpoint(file) => file.model,
        }
    }

    /// The format of the weights.
    pub fn quant(&self) -> Quant {
        match &self.file {
            File::Gguf(file) => file.quant,
            File::Checkpoint(file) => file.quant,
        }
    }

    /// Bytes of all tensors, without add-ons.
    pub fn bytes(&self) -> Bytes {
        match &self.file {
            File::Gguf(file) => file.bytes(),
            File::Checkpoint(file) => file.bytes(),
        }
    }

    /// The model's compute graphs simulated so far; `None` if the engine simulates none.
    pub fn graphs(&self) -> Option<&Arc<GraphCache>> {
        match &self.file {
            File::Gguf(file) => Some(&file.graphs),
            File::Checkpoint(_) => None,
        }
    }

    /// Returns these files with `graphs`, shared with other files of the model.
    #[must_use]
    pub fn sharing(mut self, graphs: &Arc<GraphCache>) -> ModelFiles<'a> {
        if let File::Gguf(file) = &mut self.file {
            file.graphs = graphs.clone();
        }
        self
    }
}

impl<'a> Addons<'a> {
    /// Number of tokens drafted at once; 0 without speculative decoding.
    pub fn proposed(&self) -> u64 {
        self.speculation.as_ref().map_or(0, |speculation| speculation.tokens)
    }

    /// The draft model, if there is one.
    pub fn draft(&self) -> Option<&ModelFiles<'a>> {
        match &self.speculation.as_ref()?.by {
            Proposer::Draft(files) => Some(files),
            _ => None,
        }
    }

    /// The model's own MTP layers, if they are loaded.
    pub fn mtp(&self) -> Option<&'a Mtp> {
        match &self.speculation.as_ref()?.by {
            Proposer::Mtp(mtp) => Some(mtp),
            _ => None,
        }
    }

    /// The head that drafts, if there is one.
    pub fn head(&self) -> Option<&DraftHead> {
        match &self.speculation.as_ref()?.by {
            Proposer::Head(head) => Some(head),
            _ => None,
        }
    }
}
