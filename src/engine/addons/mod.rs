//! What an engine loads beside a model, each as a line of its own: the projector, LoRA adapters, a
//! draft for speculative decoding; and what llama-server keeps of prompts in RAM.
//!
//! [`Addons`] belong to a file and are the same on every machine; [`llama_cpp`] and [`checkpoint`]
//! put them on one.

pub(super) mod checkpoint;
mod draft;
mod flags;
pub(super) mod llama_cpp;
mod lora;
mod projector;

pub use draft::drafts;
pub(super) use flags::flags;
pub use lora::{Cut, Widths, adapted};
pub use projector::{on_demand, profiled, tower, warm_up};

use super::{File, Refusal, Rule};
use crate::architecture::Mtp;
use crate::catalog::{Catalog, Model, Suggestion};
use crate::quant::Quant;
use crate::report::Notice;
use crate::scenario::{DraftModel, Engine, Lora, Projector, ProjectorType, Scenario};
use crate::units::Bytes;

/// What is loaded beside a model.
#[derive(Clone, Debug, Default)]
pub struct Addons<'a> {
    /// The projector; `None` is left out.
    pub projector: Option<ProjectorType>,
    /// LoRA adapters.
    pub lora: Option<Lora>,
    /// Speculative decoding.
    pub speculation: Option<Speculation<'a>>,
    /// Prompts that llama-server keeps in RAM, at most.
    pub prompt_cache: Bytes,
    /// Context checkpoints that llama-server keeps of each sequence, at most.
    pub checkpoints: u64,
}

/// Speculative decoding: tokens are proposed, and checked by the model in one step.
#[derive(Clone, Debug)]
pub struct Speculation<'a> {
    /// Tokens proposed at once.
    pub tokens: u64,
    /// Probability that one is accepted.
    pub acceptance: f64,
    /// What proposes them.
    pub by: Proposer<'a>,
}

/// What proposes tokens.
#[derive(Clone, Debug)]
pub enum Proposer<'a> {
    /// The model's own MTP layers.
    Mtp(&'a Mtp),
    /// A smaller model.
    Draft(Box<File<'a>>),
}

impl<'a> Addons<'a> {
    /// What `scenario` wants `engine` to load beside `model` in `quant`.
    ///
    /// # Errors
    /// The draft is not in the catalogue or has another vocabulary, the model has no MTP layers, or
    /// the engine does not offer what is asked for.
    pub fn resolve(
        catalog: &'a Catalog,
        engine: Engine,
        model: &'a Model,
        quant: Quant,
        scenario: &Scenario,
    ) -> Result<Addons<'a>, Notice> {
        let extras = &scenario.extras;
        let refuse = |refusal: Refusal| refusal.notice(engine, model);
        let server = engine == Engine::LlamaCpp;
        Ok(Addons {
            projector: projector(engine, model, extras.projector),
            lora: lora(engine, extras.lora).map_err(refuse)?,
            speculation: speculation(catalog, engine, model, quant, scenario)?,
            prompt_cache: if server { extras.prompt_cache } else { Bytes::ZERO },
            checkpoints: if server { extras.checkpoints } else { 0 },
        })
    }

    /// Tokens proposed at once; 0 without speculative decoding.
    pub fn proposed(&self) -> u64 {
        self.speculation.as_ref().map_or(0, |speculation| speculation.tokens)
    }

    /// The draft model, where there is one.
    pub fn draft(&self) -> Option<&File<'a>> {
        match &self.speculation.as_ref()?.by {
            Proposer::Draft(file) => Some(file),
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

/// Whether `engine` loads the towers of `model`, and in which type.
fn projector(engine: Engine, model: &Model, wanted: Projector) -> Option<ProjectorType> {
    if model.architecture().extras.vision == 0 {
        return None;
    }
    match wanted {
        Projector::Off => None,
        Projector::On(ty) => Some(ty),
        Projector::Auto => match engine {
            // A file, or with ExLlamaV3 a component, of its own that has to be asked for.
            Engine::LlamaCpp | Engine::KoboldCpp | Engine::ExLlamaV3 => None,
            // The projector comes with the model, and is loaded with it.
            Engine::Ollama | Engine::LmStudio => Some(ProjectorType::F16),
            // mlx-lm drops the towers, servers on mlx-vlm load them: the peaks at hand have them.
            Engine::Vllm
            | Engine::Sglang
            | Engine::TensorRtLlm
            | Engine::Transformers
            | Engine::Mlx => Some(ProjectorType::BF16),
        },
    }
}

/// The largest rank that vLLM takes (`MaxLoRARanks` in `config/lora.py`).
const VLLM_MOST_RANK: u64 = 512;

fn lora(engine: Engine, wanted: Lora) -> Result<Option<Lora>, Refusal> {
    if wanted.rank == 0 {
        return Ok(None);
    }
    let refuse = |nearest: String| {
        let asked = format!("lora={}*{}", wanted.rank, wanted.count);
        Err(Refusal::new(Rule::NotOffered, asked).or(nearest))
    };
    match engine {
        Engine::LmStudio | Engine::ExLlamaV3 => refuse("lora=0".to_owned()),
        // One adapter a server (`--adapter-path`).
        Engine::Mlx if wanted.count > 1 => refuse(format!("lora={}", wanted.rank)),
        Engine::Vllm if wanted.rank > VLLM_MOST_RANK => refuse(format!("lora={VLLM_MOST_RANK}")),
        _ => Ok(Some(wanted)),
    }
}

fn speculation<'a>(
    catalog: &'a Catalog,
    engine: Engine,
    model: &'a Model,
    quant: Quant,
    scenario: &Scenario,
) -> Result<Option<Speculation<'a>>, Notice> {
    let extras = &scenario.extras;
    let acceptance = extras.acceptance as f64 / 1000.0;
    let refuse = |refusal: Refusal| refusal.notice(engine, model);
    let proposer = |tokens, by| Ok(Some(Speculation { tokens, acceptance, by }));
    match (&extras.draft, extras.mtp) {
        (None, 0) => Ok(None),
        (Some(draft), tokens @ 1..) => {
            let asked = format!("draft={draft}, mtp={tokens}");
            Err(refuse(Refusal::new(Rule::OneProposer, asked).or("mtp=0")))
        }
        (None, tokens) => {
            let asked = format!("mtp={tokens}");
            if !loads_mtp(engine) {
                return Err(refuse(Refusal::new(Rule::NotOffered, asked).or("mtp=0")));
            }
            let gguf = matches!(engine, Engine::LlamaCpp);
            let mtp = model.architecture().mtp.as_ref();
            // Files with MTP layers are published for models whose plain files lack them.
            let loadable = |mtp: &&Mtp| !gguf || !mtp.layers.is_empty();
            match mtp.filter(loadable) {
                Some(mtp) => proposer(tokens, Proposer::Mtp(mtp)),
                None => Err(refuse(Refusal::new(Rule::NoMtpLayers, asked).or("mtp=0"))),
            }
        }
        (Some(draft), 0) => {
            let file = draft_file(catalog, engine, model, quant, scenario, draft)?;
            proposer(extras.draft_tokens, Proposer::Draft(Box::new(file)))
        }
    }
}

/// The files of the draft that `draft` names.
fn draft_file<'a>(
    catalog: &'a Catalog,
    engine: Engine,
    model: &'a Model,
    quant: Quant,
    scenario: &Scenario,
    draft: &DraftModel,
) -> Result<File<'a>, Notice> {
    let refuse = |rule| Refusal::new(rule, format!("draft={draft}"));
    let Some(found) = catalog.model(&draft.id) else {
        let Suggestion { never_released, nearest } = catalog.suggest_model(&draft.id);
        return Err(Notice::UnknownModel { id: draft.id.clone(), never_released, nearest });
    };
    if !takes_draft(engine) {
        return Err(refuse(Rule::NotOffered).or("draft=").notice(engine, model));
    }
    if !draft::shares_vocabulary(engine, model, found) {
        let rule = Rule::DraftVocabulary {
            model: model.architecture().vocab_size,
            draft: found.architecture().vocab_size,
        };
        let nearest = draft::nearest(catalog, engine, model);
        let refusal = Refusal { nearest, ..refuse(rule) };
        return Err(refusal.notice(engine, model));
    }
    super::bare_file(engine, found, draft.quant.unwrap_or(quant), scenario)
}

/// The engine proposes tokens with a model's own MTP layers: llama.cpp's `--spec-type draft-mtp`,
/// vLLM's and TensorRT-LLM's method `mtp`, SGLang's `NEXTN`.
fn loads_mtp(engine: Engine) -> bool {
    matches!(engine, Engine::LlamaCpp | Engine::Vllm | Engine::Sglang | Engine::TensorRtLlm)
}

/// The engine proposes tokens with another model. Ollama has no setting for one.
fn takes_draft(engine: Engine) -> bool {
    engine != Engine::Ollama
}
