//! The engines, one module each, with the rules by which they lay out a model in memory.
//!
//! [`adapter`] returns the [`EngineAdapter`] of an engine. It answers through [`Run`], a model in
//! one format on one machine, which returns the bill for any context and number of users.

mod adapter;
mod addons;
mod checkpoint;
mod command;
mod exllamav3;
mod layer_cache;
mod layout;
pub mod llama_cpp;
mod mlx;
mod model_files;
mod refusal;
mod run;
mod sglang;
mod split_by_memory;
mod tensorrt_llm;
mod transformers;
mod usual_formats;
pub mod vllm;
mod widened;

pub use adapter::EngineAdapter;
pub use addons::{
    Cut, LoraMemory, Widths, adapted, image_tokens, on_demand, profiled, tower, warm_up,
};
pub use checkpoint::activation::{Batch, Captures, cuda_graphs, non_torch, peak};
pub use checkpoint::{
    Checkpoint, CheckpointBase, FusedWeight, Indivisible, Release, StoredTensor, allocated,
    divides, loaded, rank, rank_of, sglang_scales,
};
pub use command::{
    CheckpointSource, Command, Launch, Shell, TextFile, command, gguf_file, launch, published_gguf,
};
pub use layer_cache::{LayerCache, State, expand_latents, layer_caches, mtp_caches};
pub use layout::{Layout, PlacedLayers};
pub use model_files::{Addons, DraftHead, File, ModelFiles, Proposer, Speculation};
pub use refusal::Refusal;
pub use run::{Effort, Run};
pub use split_by_memory::split_by_memory;
pub use usual_formats::usual_formats;

use widened::Widened;

use crate::catalog::{Catalog, Model};
use crate::hardware::Hardware;
use crate::quant::Quant;
use crate::report::{CacheLayout, Notice, RefusalReason, Suggestion};
use crate::scenario::{CacheType, Engine, Scenario};

/// Returns the adapter of `engine`.
pub fn adapter(engine: Engine) -> &'static dyn EngineAdapter {
    match engine {
        Engine::LlamaCpp => &llama_cpp::LLAMA_SERVER,
        Engine::Ollama => &llama_cpp::OLLAMA,
        Engine::LmStudio => &llama_cpp::LM_STUDIO,
        Engine::KoboldCpp => &llama_cpp::KOBOLD_CPP,
        Engine::IkLlamaCpp => &llama_cpp::IK_LLAMA_CPP,
        Engine::Vllm => &vllm::Vllm,
        Engine::Sglang => &sglang::Sglang,
        Engine::TensorRtLlm => &tensorrt_llm::TensorRtLlm,
        Engine::Mlx => &mlx::Mlx,
        Engine::Transformers => &transformers::Transformers,
        Engine::ExLlamaV3 => &exllamav3::ExLlamaV3,
    }
}

/// Returns the engine whose rules `engine` is computed by, and their version: llama.cpp for its
/// front ends.
pub fn rules_version(engine: Engine) -> (Engine, &'static str) {
    (engine.rules_engine(), adapter(engine).version())
}

/// Settings of `scenario` that its engines silently change, with the values they use instead.
/// `models` are those of the question and `devices` the number of devices of each of its machines.
pub fn adjustments(scenario: &Scenario, models: &[&Model], devices: &[usize]) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut rules = Vec::new();
    for engine in scenario.engines.iter().copied() {
        // Front ends of one engine change the same.
        if rules.contains(&engine.rules_engine()) {
            continue;
        }
        rules.push(engine.rules_engine());
        for refusal in adapter(engine).silent_adjustments(scenario, models, devices) {
            let notice = refusal.adjustment(engine);
            if !notices.contains(&notice) {
                notices.push(notice);
            }
        }
    }
    notices
}

/// Whether `engine` loads models in `quant`.
pub fn loads_format(engine: Engine, quant: Quant) -> bool {
    adapter(engine).check_format(quant).is_ok()
}

/// Returns `quant` if `engine` loads it, else the engine's format with about as many bits.
pub fn nearest_format(engine: Engine, quant: Quant) -> Quant {
    let refusal = adapter(engine).check_format(quant).err();
    let nearest = refusal.iter().flat_map(|refusal| &refusal.nearest);
    let mut quants = nearest.filter_map(|suggestion| match suggestion {
        Suggestion::Quant(quant) => Some(*quant),
        _ => None,
    });
    quants.next().unwrap_or(quant)
}

/// Ids of the models that can draft for `model` under `engine` and are at most a third of its size:
/// its own family first, smallest first.
pub fn drafts(catalog: &Catalog, engine: Engine, model: &Model) -> Vec<String> {
    addons::drafts(catalog, adapter(engine), model)
}

/// Returns the files of `model` in `quant` that `engine` loads, with the add-ons of `scenario`. A
/// draft is looked up in `catalog`.
///
/// # Errors
/// The engine does not implement the model's architecture, or does not load the format or an
/// add-on.
pub fn files<'a>(
    catalog: &'a Catalog,
    engine: Engine,
    model: &'a Model,
    quant: Quant,
    scenario: &Scenario,
) -> Result<ModelFiles<'a>, Notice> {
    let adapter = adapter(engine);
    let file = adapter.open(model, quant, scenario)?;
    let addons = addons::resolve(catalog, adapter, model, quant, scenario)?;
    Ok(ModelFiles { file, addons })
}

/// Runs `files` on `hardware` under `engine` and `scenario`.
///
/// # Errors
/// The engine has no backend for a device, or refuses a setting.
pub fn run<'a>(
    engine: Engine,
    files: &'a ModelFiles<'a>,
    hardware: &'a Hardware<'a>,
    scenario: &'a Scenario,
) -> Result<Box<dyn Run + 'a>, Notice> {
    // A type of the cache that nobody knows is not answered as the default.
    if let Some((key, asked)) = scenario.unused.iter().find(|(key, _)| key == "kv") {
        let refusal = Refusal::of(RefusalReason::CacheType, key, asked);
        return Err(refusal.set(key, CacheType::F16).notice(engine, files.model()));
    }
    let run = adapter(engine).run(files, hardware, scenario)?;
    Ok(match (&files.file, files.model().own().and_then(|own| own.spread)) {
        (File::Checkpoint(_), Some(spread)) => Box::new(Widened { run, spread }),
        // A search for a placement has to know the widths itself.
        (File::Gguf(_), _) | (_, None) => run,
    })
}

/// How `run` lays out the KV cache.
pub fn cache_layout(run: &dyn Run) -> CacheLayout {
    let layout = run.layout();
    let ranks = layout.parts.iter().map(|part| part.devices.len() as u64).max();
    CacheLayout {
        key_bits: layout.cache.key.bits_per_value(),
        value_bits: layout.cache.value.bits_per_value(),
        sliding_window: run.sliding_window_cache(),
        latents_expanded: run.expands_latents(),
        batch_tokens: (layout.microbatch < u64::MAX).then_some(layout.microbatch),
        ranks: ranks.unwrap_or(1).max(1),
        reserved_fraction: run.reserved_fraction(),
    }
}
