//! What Headroom knows of one engine: its version, the formats it loads, what it loads beside a
//! model, and how it runs one.

use super::addons::LoraMemory;
use super::checkpoint::{Checkpoint, CheckpointBase};
use super::model_files::{Addons, File, ModelFiles};
use super::refusal::Refusal;
use super::run::Run;
use crate::architecture::Mtp;
use crate::catalog::Model;
use crate::hardware::Hardware;
use crate::quant::{Mix, Quant};
use crate::report::{Notice, RefusalReason};
use crate::scenario::{Engine, Lora, ProjectorType, Scenario};

/// Entries by which the vocabularies of a model and its draft may differ where tokens are compared
/// one by one, as padding rows: Qwen2.5-72B and 0.5B differ by 128. Source: llama.cpp
/// `common/speculative.cpp`, `SPEC_VOCAB_MAX_SIZE_DIFFERENCE`.
const VOCABULARY_PADDING: u64 = 128;

/// An engine. [`super::adapter`] has one for each [`Engine`].
pub trait EngineAdapter: Sync {
    /// The engine.
    fn engine(&self) -> Engine;

    /// The version whose rules are applied.
    fn version(&self) -> &'static str;

    /// Checks that the engine loads `quant` of any model.
    ///
    /// # Errors
    /// It does not; the refusal suggests its format with about as many bits.
    fn check_format(&self, quant: Quant) -> Result<(), Refusal>;

    /// Whether the engine implements `model`'s architecture, as far as its list is known.
    fn supports_architecture(&self, model: &Model) -> bool {
        let _ = model;
        true
    }

    /// The model's files in `quant`, without addons.
    ///
    /// # Errors
    /// There are none that the engine loads.
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

    /// The model's files in `quant`, without addons, if the engine loads both.
    ///
    /// # Errors
    /// It does not implement the architecture or does not load the format.
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

    /// `files` on `hardware` under `scenario`.
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

    /// A checkpoint with its addons on a machine.
    ///
    /// # Errors
    /// The engine has no backend for a device, or refuses a setting.
    fn run_checkpoint<'a>(
        &'static self,
        base: CheckpointBase<'a>,
    ) -> Result<Box<dyn Run + 'a>, Refusal> {
        Err(Refusal::new(RefusalReason::FormatNotLoaded, base.checkpoint.quant))
    }

    /// The type in which the engine loads a model's projector by itself; `None` where it is loaded
    /// only when asked for.
    fn default_projector(&self) -> Option<ProjectorType> {
        Some(ProjectorType::BF16)
    }

    /// Checks that the engine loads these LoRA adapters.
    ///
    /// # Errors
    /// It loads none, fewer, or only smaller ones.
    fn check_lora(&self, lora: Lora) -> Result<(), Refusal> {
        let _ = lora;
        Ok(())
    }

    /// How the engine holds LoRA adapters in memory.
    fn lora_memory(&self) -> LoraMemory {
        LoraMemory::SIXTEEN_BIT
    }

    /// The MTP layers of `model` that the engine proposes tokens with.
    ///
    /// # Errors
    /// It does not do that ([`RefusalReason::NotOffered`]), or the model has none that it loads
    /// ([`RefusalReason::NoMtpLayers`]).
    fn mtp_layers<'a>(&self, model: &'a Model) -> Result<&'a Mtp, RefusalReason> {
        let _ = model;
        Err(RefusalReason::NotOffered)
    }

    /// Whether the engine proposes tokens with a draft model.
    fn supports_draft(&self) -> bool {
        true
    }

    /// Entries by which the vocabularies of a model and its draft may differ.
    fn max_vocabulary_difference(&self) -> u64 {
        VOCABULARY_PADDING
    }

    /// Whether the engine keeps prompts and context checkpoints in RAM, as llama-server does.
    fn keeps_prompts(&self) -> bool {
        false
    }

    /// The flags that load `addons`; `has_vision`: the model has a projector to load.
    fn addon_flags(&self, addons: &Addons<'_>, has_vision: bool) -> Vec<String> {
        let _ = (addons, has_vision);
        Vec::new()
    }

    /// Settings of `scenario` that the engine silently changes, for any of `models` and for machines
    /// of `devices` devices.
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
