//! A model's files in the form that an engine loads, with what it loads beside them.

use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::llama_cpp::{GgufFile, GraphCache};
use crate::architecture::Mtp;
use crate::catalog::Model;
use crate::quant::Quant;
use crate::scenario::{Lora, LoraTargets, ProjectorType};
use crate::units::Bytes;

/// A model's files with its addons. Made once, they serve every machine.
#[derive(Clone, Debug)]
pub struct ModelFiles<'a> {
    /// The model itself.
    pub file: File<'a>,
    /// What is loaded beside it.
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

/// What an engine loads beside a model.
#[derive(Clone, Debug, Default)]
pub struct Addons<'a> {
    /// The projector; `None` is left out.
    pub projector: Option<ProjectorType>,
    /// LoRA adapters.
    pub lora: Option<Lora>,
    /// What they adapt.
    pub lora_targets: LoraTargets,
    /// Speculative decoding.
    pub speculation: Option<Speculation<'a>>,
    /// Prompts that llama-server keeps in RAM, at most.
    pub prompt_cache: Bytes,
    /// Context checkpoints that llama-server keeps of each sequence, at most.
    pub checkpoints: u64,
}

/// Speculative decoding: tokens are proposed, and verified by the model in one step.
#[derive(Clone, Debug)]
pub struct Speculation<'a> {
    /// Tokens proposed at once.
    pub tokens: u64,
    /// Probability that one is accepted.
    pub acceptance: f64,
    /// What proposes them.
    pub by: Proposer<'a>,
}

/// What proposes tokens in speculative decoding.
#[derive(Clone, Debug)]
pub enum Proposer<'a> {
    /// The model's own MTP layers.
    Mtp(&'a Mtp),
    /// A smaller model.
    Draft(Box<ModelFiles<'a>>),
}

impl<'a> ModelFiles<'a> {
    /// `file` without addons.
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

    /// The format.
    pub fn quant(&self) -> Quant {
        match &self.file {
            File::Gguf(file) => file.quant,
            File::Checkpoint(file) => file.quant,
        }
    }

    /// Bytes of all tensors of the model itself.
    pub fn bytes(&self) -> Bytes {
        match &self.file {
            File::Gguf(file) => file.bytes(),
            File::Checkpoint(file) => file.bytes(),
        }
    }

    /// The model's compute graphs that were simulated so far; `None` where the engine simulates
    /// none.
    pub fn graphs(&self) -> Option<&Arc<GraphCache>> {
        match &self.file {
            File::Gguf(file) => Some(&file.graphs),
            File::Checkpoint(_) => None,
        }
    }

    /// These files, sharing `graphs` with others of their model.
    #[must_use]
    pub fn sharing(mut self, graphs: &Arc<GraphCache>) -> ModelFiles<'a> {
        if let File::Gguf(file) = &mut self.file {
            file.graphs = graphs.clone();
        }
        self
    }
}

impl<'a> Addons<'a> {
    /// Tokens proposed at once; 0 without speculative decoding.
    pub fn proposed(&self) -> u64 {
        self.speculation.as_ref().map_or(0, |speculation| speculation.tokens)
    }

    /// The draft model, where there is one.
    pub fn draft(&self) -> Option<&ModelFiles<'a>> {
        match &self.speculation.as_ref()?.by {
            Proposer::Draft(files) => Some(files),
            Proposer::Mtp(_) => None,
        }
    }

    /// The model's own MTP layers, where they are loaded.
    pub fn mtp(&self) -> Option<&'a Mtp> {
        match &self.speculation.as_ref()?.by {
            Proposer::Mtp(mtp) => Some(mtp),
            Proposer::Draft(_) => None,
        }
    }
}
