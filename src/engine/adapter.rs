//! The properties of one engine: its version, the formats and add-ons it loads, and how it runs a
//! model.

use super::addons::LoraMemory;
use super::checkpoint::{Checkpoint, CheckpointBase};
use super::command::Launch;
use super::model_files::{Addons, File, ModelFiles};
use super::refusal::Refusal;
use super::run::Run;
use crate::architecture::Mtp;
use crate::catalog::Model;
use crate::hardware::Hardware;
use crate::quant::{Format, Mix, Quant};
use crate::report::{Notice, RefusalReason};
use crate::scenario::{CacheType, Engine, Lora, ProjectorType, Scenario};
use crate::units::Bytes;

/// By how many entries the vocabularies of a model and its draft may differ where tokens are
/// compared one by one, because of padding rows: those of Qwen2.5-72B and 0.5B differ by 128.
/// Source: llama.cpp `common/speculative.cpp`, `SPEC_VOCAB_MAX_SIZE_DIFFERENCE`.
const VOCABULARY_PADDING: u64 = 128;

/// An inference engine. [`super::adapter`] returns the adapter of each [`Engine`].
pub trait EngineAdapter: Sync {
    /// The engine of this adapter.
    fn engine(&self) -> Engine;

    /// The version whose rules are applied.
    fn version(&self) -> &'static str;

    /// Checks that the engine loads models in `quant`.
    ///
    /// # Errors
    /// The engine does not load it; the refusal suggests the engine's format with about as many
    /// bits.
    fn check_format(&self, quant: Quant) -> Result<(), Refusal>;

    /// The formats that people run with this engine, beside the one that a model was released in:
    /// from the most bits to the fewest.
    fn usual_formats(&self) -> &'static [Quant] {
        &[Quant::Format(Format::Fp8), Quant::Format(Format::Awq)]
    }

    /// The cache type that is asked for first where a cache in 16 bits does not fit; `None` if the
    /// engine has no smaller one.
    fn smaller_cache(&self) -> Option<CacheType> {
        Some(CacheType::Q8_0)
    }

    /// Whether the engine implements `model`'s architecture, as far as its list of architectures is
    /// known.
    fn supports_architecture(&self, model: &Model) -> bool {
        let _ = model;
        true
    }

    /// Returns the model's files in `quant`, without add-ons.
    ///
    /// # Errors
    /// The engine loads no files in this format.
    fn read_file<'a>(
        &self,
        model: &'a Model,
        quant: Quant,
        scenario: &Scenario,
    ) -> Result<File<'a>, Notice> {
        let _ = scenario;
        Checkpoint::new(model, quant).map(File::Checkpoint).ok_or_else(|| {
            let refusal = Refusal::new(RefusalReason::FormatNotLoaded, quant);
            refusal.or(Quant::Gguf(Mix::BF16)).notice(self.engine(), model)
        })
    }

    /// Returns the model's files in `quant`, without add-ons, if the engine supports architecture
    /// and format.
    ///
    /// # Errors
    /// The engine does not implement the architecture or does not load the format.
    fn open<'a>(
        &self,
        model: &'a Model,
        quant: Quant,
        scenario: &Scenario,
    ) -> Result<File<'a>, Notice> {
        let refuse = |refusal: Refusal| refusal.notice(self.engine(), model);
        if !self.supports_architecture(model) {
            return Err(refuse(Refusal::new(RefusalReason::UnknownArchitecture, quant)));
        }
        self.check_format(quant).map_err(refuse)?;
        self.read_file(model, quant, scenario)
    }

    /// What the weights of `model` in `quant` take at least where all of it is on devices, told
    /// without its files; nothing where that is not known.
    fn least_bytes(&self, model: &Model, quant: Quant) -> Bytes {
        let _ = (model, quant);
        Bytes::ZERO
    }

    /// Runs `files` on `hardware` under `scenario`.
    ///
    /// # Errors
    /// The engine has no backend for a device, or refuses a setting.
    fn run<'a>(
        &'static self,
        files: &'a ModelFiles<'a>,
        hardware: &'a Hardware<'a>,
        scenario: &'a Scenario,
    ) -> Result<Box<dyn Run + 'a>, Notice> {
        let run = match &files.file {
            File::Checkpoint(checkpoint) => {
                let addons = &files.addons;
                self.run_checkpoint(CheckpointBase { checkpoint, addons, hardware, scenario })
            }
            File::Gguf(file) => Err(Refusal::new(RefusalReason::FormatNotLoaded, file.quant)),
        };
        run.map_err(|refusal| refusal.notice(self.engine(), files.model()))
    }

    /// Runs a checkpoint with its add-ons on a machine.
    ///
    /// # Errors
    /// The engine has no backend for a device, or refuses a setting.
    fn run_checkpoint<'a>(
        &'static self,
        base: CheckpointBase<'a>,
    ) -> Result<Box<dyn Run + 'a>, Refusal> {
        Err(Refusal::new(RefusalReason::FormatNotLoaded, base.checkpoint.quant))
    }

    /// The type in which the engine loads a model's projector by default; `None` if it has to be
    /// requested.
    fn default_projector(&self) -> Option<ProjectorType> {
        Some(ProjectorType::BF16)
    }

    /// Checks that the engine loads `lora`.
    ///
    /// # Errors
    /// The engine loads no adapters, fewer of them, or only ones of lower rank.
    fn check_lora(&self, lora: Lora) -> Result<(), Refusal> {
        let _ = lora;
        Ok(())
    }

    /// How the engine holds LoRA adapters in memory.
    fn lora_memory(&self) -> LoraMemory {
        LoraMemory::SIXTEEN_BIT
    }

    /// Returns the MTP layers of `model` that the engine drafts tokens with.
    ///
    /// # Errors
    /// The engine does not draft with MTP layers ([`RefusalReason::NotOffered`]), or the model has
    /// none that it loads ([`RefusalReason::NoMtpLayers`]).
    fn mtp_layers<'a>(&self, model: &'a Model) -> Result<&'a Mtp, RefusalReason> {
        let _ = model;
        Err(RefusalReason::NotOffered)
    }

    /// Whether the engine supports a draft model.
    fn supports_draft(&self) -> bool {
        true
    }

    /// Whether the engine drafts with heads made for a model (EAGLE-3, DFlash).
    fn supports_draft_heads(&self) -> bool {
        false
    }

    /// By how many entries the vocabularies of a model and its draft may differ.
    fn max_vocabulary_difference(&self) -> u64 {
        VOCABULARY_PADDING
    }

    /// Whether the engine keeps prompts and context checkpoints in RAM, as llama-server does.
    fn keeps_prompts(&self) -> bool {
        false
    }

    /// What starts `model` in `quant` with `flags`, which are those of [`Run::flags`].
    fn launch(&self, model: &Model, quant: Quant, flags: &[String]) -> Launch;

    /// The flags that load `addons`. `has_vision` says whether the model has a projector to load.
    fn addon_flags(&self, addons: &Addons<'_>, has_vision: bool) -> Vec<String> {
        let _ = (addons, has_vision);
        Vec::new()
    }

    /// Settings of `scenario` that the engine silently changes, for any of `models` and for
    /// machines with `devices` devices.
    fn silent_adjustments(
        &self,
        scenario: &Scenario,
        models: &[&Model],
        devices: &[usize],
    ) -> Vec<Refusal> {
        let _ = (scenario, models, devices);
        Vec::new()
    }
}
