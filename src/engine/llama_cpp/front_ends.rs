//! llama.cpp, its front ends and a fork, described by their defaults: Ollama, LM Studio and KoboldCpp
//! run the same engine with their own number of slots, window cache and cache types; ik_llama.cpp
//! left it before caches of windows, and reserves logits for every token of a batch.
//!
//! Rules: Ollama 0.2x (`docs/context-length.mdx`, `envconfig/config.go`), LM Studio 0.4
//! (documentation, "Parallel Requests"), KoboldCpp 1.117 (`koboldcpp.py`, arguments), ik_llama.cpp of
//! October 2026 (`common/common.cpp`; buffers of 57 public logs, docs of the fixture).

use super::VERSION;
use super::checks;
use super::flags::{self, Placed};
use super::gguf_file::{GgufFile, least_bytes};
use super::launch;
use super::run::LlamaCppRun;
use super::settings::{MAX_SEQUENCES, Settings};
use crate::architecture::Mtp;
use crate::catalog::Model;
use crate::engine::adapter::EngineAdapter;
use crate::engine::command::Launch;
use crate::engine::model_files::{Addons, File, ModelFiles};
use crate::engine::refusal::Refusal;
use crate::engine::run::Run;
use crate::hardware::Hardware;
use crate::quant::{Format, Mix, Quant};
use crate::report::{Notice, RefusalReason};
use crate::scenario::{Bounds, CacheType, Engine, LogitsBuffer, Lora, ProjectorType, Scenario};
use crate::units::Bytes;

/// A program that runs llama.cpp, described by how its defaults differ.
#[derive(Debug)]
pub struct FrontEnd {
    engine: Engine,
    /// Minimum number of sequences that memory is reserved for.
    min_slots: u64,
    /// Maximum number of concurrent sequences.
    pub(super) max_users: u64,
    /// The longest context in tokens.
    pub(super) max_context: u64,
    /// Whether all sequences share one KV buffer.
    unified: bool,
    /// The cache types that are offered, the same for keys and values; `None` is all.
    pub(super) cache_types: Option<&'static [CacheType]>,
    /// The cache types of llama.cpp and its forks that this one lacks.
    pub(super) lacks: &'static [CacheType],
    /// Whether there can be more slots than users.
    slots: bool,
    /// Whether the cache can be left in RAM.
    kv_in_ram: bool,
    /// Whether sliding-window layers can keep no more than their window.
    window_cache: bool,
    /// Whether logits are reserved for every token of a batch.
    batch_logits: bool,
    /// Whether rows can be divided between devices.
    pub(super) row_split: bool,
    /// Whether tensor split is supported.
    pub(super) tensor_split: bool,
    projector: Option<ProjectorType>,
    lora: bool,
    mtp: bool,
    draft: bool,
    /// Whether the cache of a draft has types of its own, not those of the model's.
    pub(super) draft_types: bool,
    keeps_prompts: bool,
    /// Whether a GPU that shares the RAM is used only where a backend is asked for: see
    /// [`is_left_aside_by_ollama`](crate::catalog::Device::is_left_aside_by_ollama).
    pub(super) leaves_integrated_gpus_aside: bool,
    flags: fn(Placed<'_>) -> Vec<String>,
    addon_flags: fn(&Addons<'_>) -> Vec<String>,
    launch: fn(&Model, Quant, &[String]) -> Launch,
}

/// `llama-server`.
pub static LLAMA_SERVER: FrontEnd = DEFAULTS;

/// llama.cpp's own defaults.
const DEFAULTS: FrontEnd = FrontEnd {
    engine: Engine::LlamaCpp,
    min_slots: 1,
    max_users: MAX_SEQUENCES,
    max_context: Bounds::CONTEXT.max,
    unified: false,
    cache_types: None,
    lacks: &[CacheType::Q6_0],
    slots: true,
    kv_in_ram: true,
    window_cache: true,
    batch_logits: false,
    row_split: true,
    tensor_split: true,
    // The projector is a separate file that has to be requested.
    projector: None,
    lora: true,
    mtp: true,
    draft: true,
    draft_types: true,
    keeps_prompts: true,
    leaves_integrated_gpus_aside: false,
    flags: flags::llama_server,
    addon_flags: flags::llama_server_addons,
    launch: launch::llama_server,
};

/// Ollama. It has no setting for a draft model.
pub static OLLAMA: FrontEnd = FrontEnd {
    engine: Engine::Ollama,
    slots: false,
    kv_in_ram: false,
    cache_types: Some(&[CacheType::F16, CacheType::Q8_0, CacheType::Q4_0]),
    row_split: false,
    tensor_split: false,
    projector: Some(ProjectorType::F16),
    mtp: false,
    draft: false,
    keeps_prompts: false,
    leaves_integrated_gpus_aside: true,
    flags: flags::ollama,
    addon_flags: flags::ollama_addons,
    launch: launch::ollama,
    ..DEFAULTS
};

/// LM Studio. It runs up to four predictions at once with a shared cache, except that each keeps a
/// sliding window of its own.
pub static LM_STUDIO: FrontEnd = FrontEnd {
    engine: Engine::LmStudio,
    slots: false,
    min_slots: 4,
    unified: true,
    row_split: false,
    tensor_split: false,
    projector: Some(ProjectorType::F16),
    lora: false,
    mtp: false,
    draft_types: false,
    keeps_prompts: false,
    flags: flags::lm_studio,
    addon_flags: flags::lm_studio_addons,
    launch: launch::lm_studio,
    ..DEFAULTS
};

/// KoboldCpp. It queues requests while one is running. Since 1.114 sliding-window layers keep their
/// window only (`--noswa`, or `--swa-full`, goes back to the whole context, which can be shifted).
pub static KOBOLD_CPP: FrontEnd = FrontEnd {
    engine: Engine::KoboldCpp,
    slots: false,
    max_users: 1,
    max_context: 524_288,
    cache_types: Some(&[
        CacheType::F16,
        CacheType::BF16,
        CacheType::Q8_0,
        CacheType::Q5_1,
        CacheType::Q4_0,
    ]),
    tensor_split: false,
    mtp: false,
    draft_types: false,
    keeps_prompts: false,
    flags: flags::kobold_cpp,
    addon_flags: flags::kobold_cpp_addons,
    launch: launch::kobold_cpp,
    ..DEFAULTS
};

/// ik_llama.cpp. All sequences share one cache, layers with a window keep the whole context, and the
/// output's buffer holds a row of logits for each token of a batch.
pub static IK_LLAMA_CPP: FrontEnd = FrontEnd {
    engine: Engine::IkLlamaCpp,
    unified: true,
    lacks: &[CacheType::Turbo4, CacheType::Turbo3, CacheType::Turbo2],
    window_cache: false,
    batch_logits: true,
    tensor_split: false,
    keeps_prompts: false,
    flags: flags::ik_llama_server,
    addon_flags: flags::ik_llama_server_addons,
    launch: launch::ik_llama_server,
    ..DEFAULTS
};

impl FrontEnd {
    /// Returns llama.cpp's settings for `scenario` with `users` users of `context` tokens each.
    pub fn settings(&self, scenario: &Scenario, context: u64, users: u64) -> Settings {
        let slots = scenario.slots.filter(|_| self.slots).unwrap_or(1);
        Settings {
            n_ctx: context.saturating_mul(users),
            n_parallel: users.max(self.min_slots).max(slots),
            unified: scenario.unified_kv || self.unified || slots > users,
            n_ubatch: physical_batch(scenario),
            kv: scenario.kv.into(),
            draft_kv: if self.draft_types { scenario.addons.draft_kv } else { scenario.kv }.into(),
            flash_attention: scenario.flash_attention,
            swa_full: scenario.swa_full || !self.window_cache,
            logits: if self.batch_logits { LogitsBuffer::Batch } else { scenario.logits },
            proposed: 0,
            snapshots: 0,
            unpacks_cache: true,
            kv_on_devices: scenario.kv_offload || !self.kv_in_ram,
        }
    }

    /// The flags that reproduce `placed`.
    pub(super) fn flags(&self, placed: Placed<'_>) -> Vec<String> {
        (self.flags)(placed)
    }
}

/// The physical batch, limited to the logical batch (`llama_context`).
pub(super) fn physical_batch(scenario: &Scenario) -> u64 {
    scenario.ubatch.min(scenario.parallel.logical_batch())
}

impl EngineAdapter for FrontEnd {
    fn engine(&self) -> Engine {
        self.engine
    }

    fn version(&self) -> &'static str {
        VERSION
    }

    fn check_format(&self, quant: Quant) -> Result<(), Refusal> {
        let Some(format) = quant.format() else { return Ok(()) };
        let nearest = match quant.nominal_bits() {
            _ if matches!(format, Format::Mxfp4 | Format::Mxfp4Q8) => Mix::MXFP4_MOE,
            0..=2 => Mix::Q2_K,
            3 => Mix::Q3_K_M,
            4 => Mix::Q4_K_M,
            5 => Mix::Q5_K_M,
            6 => Mix::Q6_K,
            _ => Mix::Q8_0,
        };
        Err(Refusal::new(RefusalReason::FormatNotLoaded, quant).or(Quant::Gguf(nearest)))
    }

    fn usual_formats(&self) -> &'static [Quant] {
        &[
            Quant::Gguf(Mix::Q8_0),
            Quant::Gguf(Mix::Q6_K),
            Quant::Gguf(Mix::Q5_K_M),
            Quant::Gguf(Mix::Q4_K_M),
            Quant::Gguf(Mix::IQ4_XS),
        ]
    }

    fn least_bytes(&self, model: &Model, quant: Quant) -> Bytes {
        match quant {
            Quant::Gguf(mix) => least_bytes(model, mix),
            _ => Bytes::ZERO,
        }
    }

    fn read_file<'a>(
        &self,
        model: &'a Model,
        quant: Quant,
        scenario: &Scenario,
    ) -> Result<File<'a>, Notice> {
        match quant {
            Quant::Gguf(mix) => GgufFile::new(model, mix, scenario.imatrix).map(File::Gguf),
            Quant::Build(build) if quant.format().is_none() => {
                GgufFile::published(model, build).map(File::Gguf)
            }
            Quant::Build(_) | Quant::Format(_) => {
                let refusal = Refusal::new(RefusalReason::FormatNotLoaded, quant);
                Err(refusal.notice(self.engine, model))
            }
        }
    }

    fn run<'a>(
        &'static self,
        files: &'a ModelFiles<'a>,
        hardware: &'a Hardware<'a>,
        scenario: &'a Scenario,
    ) -> Result<Box<dyn Run + 'a>, Notice> {
        match &files.file {
            File::Gguf(file) => {
                Ok(Box::new(LlamaCppRun::new(self, file, &files.addons, hardware, scenario)?))
            }
            File::Checkpoint(file) => {
                let refusal = Refusal::new(RefusalReason::FormatNotLoaded, file.quant);
                Err(refusal.notice(self.engine, file.model))
            }
        }
    }

    fn default_projector(&self) -> Option<ProjectorType> {
        self.projector
    }

    fn check_lora(&self, lora: Lora) -> Result<(), Refusal> {
        if self.lora {
            return Ok(());
        }
        let asked = format!("{}*{}", lora.rank, lora.count);
        Err(Refusal::of(RefusalReason::NotOffered, "lora", asked).set("lora", 0))
    }

    fn mtp_layers<'a>(&self, model: &'a Model) -> Result<&'a Mtp, RefusalReason> {
        if !self.mtp {
            return Err(RefusalReason::NotOffered);
        }
        // Files with MTP layers are published for models whose plain files lack them.
        let mtp = model.architecture().mtp.as_ref();
        mtp.filter(|mtp| !mtp.layers.is_empty()).ok_or(RefusalReason::NoMtpLayers)
    }

    fn supports_draft(&self) -> bool {
        self.draft
    }

    fn supports_draft_heads(&self) -> bool {
        self.engine == Engine::LlamaCpp
    }

    fn keeps_prompts(&self) -> bool {
        self.keeps_prompts
    }

    fn launch(&self, model: &Model, quant: Quant, flags: &[String]) -> Launch {
        (self.launch)(model, quant, flags)
    }

    fn addon_flags(&self, addons: &Addons<'_>, has_vision: bool) -> Vec<String> {
        let mut flags = (self.addon_flags)(addons);
        // A model that is taken from the hub brings its projector.
        if has_vision && addons.projector.is_none() && self.engine == Engine::LlamaCpp {
            flags.push("--no-mmproj".to_owned());
        }
        flags
    }

    fn silent_adjustments(
        &self,
        scenario: &Scenario,
        models: &[&Model],
        devices: &[usize],
    ) -> Vec<Refusal> {
        let mut all = checks::silent_adjustments(self.engine, scenario);
        let layers = |m: &&Model| checks::adjusted_layers(scenario, m.architecture());
        all.extend(models.iter().filter_map(layers));
        all.extend(devices.iter().filter_map(|n| checks::adjusted_shares(scenario, *n)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_differ_where_the_front_ends_do() {
        let scenario = Scenario::default();
        let of = |front_end: &FrontEnd| front_end.settings(&scenario, 4096, 1);
        assert_eq!(of(&LM_STUDIO).n_parallel, 4);
        assert!(of(&LM_STUDIO).unified);
        assert_eq!(of(&KOBOLD_CPP), of(&LLAMA_SERVER));
        assert_eq!(of(&OLLAMA), of(&LLAMA_SERVER));
        let ik = of(&IK_LLAMA_CPP);
        assert!(ik.unified && ik.swa_full && ik.logits == LogitsBuffer::Batch);
    }

    #[test]
    fn slots_beyond_the_users_share_one_cache() {
        let scenario = Scenario { slots: Some(4), ..Scenario::default() };
        let of = |users| LLAMA_SERVER.settings(&scenario, 4096, users);
        assert_eq!((of(1).n_parallel, of(1).n_ctx, of(1).unified), (4, 4096, true));
        assert_eq!((of(8).n_parallel, of(8).unified), (8, false));
    }
}
