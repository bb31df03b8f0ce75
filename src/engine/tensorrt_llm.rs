//! TensorRT-LLM's memory, as far as it is documented: weights and activation buffers first, then a
//! fraction of the free memory for the paged cache.
//!
//! Rules as of release 1.2 (2026), PyTorch backend: the documentation's memory page
//! (`free_gpu_memory_fraction` 0.9, `max_num_tokens` 8192, `max_batch_size` 2048, blocks of 32
//! tokens); the fraction agrees with all four logs that can be checked.

use super::adapter::EngineAdapter;
use super::checkpoint::activation::{Batch, peak};
use super::checkpoint::addons::{CheckpointAddons, Distribution};
use super::checkpoint::ranks::{self, Ranks};
use super::checkpoint::{CheckpointBase, Release, cache_type, nearest_format, usable_device};
use super::command::{CheckpointSource, Command, Launch, TextFile};
use super::layer_cache::{LayerCache, layer_caches};
use super::layout::Layout;
use super::model_files::{Addons, Proposer};
use super::refusal::Refusal;
use super::run::Run;
use crate::architecture::Mtp;
use crate::bill::{DeviceLines, Line, bills, loads};
use crate::catalog::Model;
use crate::hardware::{Hardware, InstalledDevice, Loads};
use crate::quant::{Format, Mix, Quant};
use crate::report::{DeviceBill, HostBill, RefusalReason, Term};
use crate::scenario::{CacheType, CacheTypes, Engine, Lora};
use crate::units::{Bytes, Interval};

/// The release whose rules are applied.
pub const VERSION: &str = "1.2 (2026)";

const SOURCE: &str = "TensorRT-LLM 1.2 documentation";

/// `kv_cache_config.free_gpu_memory_fraction` in thousandths.
const FRACTION: u64 = 900;

/// Tokens in a block of the cache.
const BLOCK: u64 = 32;

/// Architectures in the documentation's support matrix, by their GGUF names.
const ARCHITECTURES: &[&str] = &[
    "command-r",
    "deepseek2",
    "exaone",
    "exaone4",
    "gemma",
    "gemma2",
    "gemma3",
    "glm4moe",
    "gpt-oss",
    "llama",
    "llama4",
    "mistral3",
    "nemotron",
    "nemotron_h",
    "nemotron_h_moe",
    "phi3",
    "phimoe",
    "qwen2",
    "qwen2moe",
    "qwen2vl",
    "qwen3",
    "qwen3moe",
    "qwen3next",
    "qwen3vl",
    "qwen3vlmoe",
    "starcoder2",
];

/// TensorRT-LLM.
pub(super) struct TensorRtLlm;

impl EngineAdapter for TensorRtLlm {
    fn engine(&self) -> Engine {
        Engine::TensorRtLlm
    }

    fn version(&self) -> &'static str {
        VERSION
    }

    fn smaller_cache(&self) -> Option<CacheType> {
        Some(CacheType::Fp8)
    }

    fn check_format(&self, quant: Quant) -> Result<(), Refusal> {
        match quant.scheme() {
            Quant::Gguf(Mix::BF16 | Mix::F16) => Ok(()),
            Quant::Format(
                Format::Fp8
                | Format::Fp8Block
                | Format::Nvfp4
                | Format::Mxfp4
                | Format::Awq
                | Format::Gptq
                | Format::Int8,
            ) => Ok(()),
            _ => Err(Refusal::new(RefusalReason::FormatNotLoaded, quant).or(nearest_format(quant))),
        }
    }

    fn supports_architecture(&self, model: &Model) -> bool {
        let known = |arch: &str| ARCHITECTURES.contains(&arch);
        model.architecture().gguf_arch.as_deref().is_some_and(known)
    }

    fn run_checkpoint<'a>(
        &'static self,
        base: CheckpointBase<'a>,
    ) -> Result<Box<dyn Run + 'a>, Refusal> {
        let CheckpointBase { checkpoint, hardware, scenario, .. } = base;
        let ranks = Ranks::new(Engine::TensorRtLlm, base)?;
        for part in &hardware.parts {
            if part.device.vendor != "NVIDIA" {
                return Err(Refusal::new(RefusalReason::NoBackend, &part.device.id));
            }
            usable_device(part.device, checkpoint.quant, 80)?;
        }
        let first = &hardware.parts[0];
        Ok(Box::new(TensorRtRun {
            base,
            ranks: ranks.clone(),
            cache_type: cache_type(scenario.kv, &[CacheType::Nvfp4])?,
            caches: layer_caches(checkpoint.architecture(), ranks.shard_counts.attention),
            weights: ranks::weights(checkpoint, &ranks, first.device.compute_capability(), 1),
            addons: CheckpointAddons::new(&TensorRtLlm, base)?,
        }))
    }

    fn mtp_layers<'a>(&self, model: &'a Model) -> Result<&'a Mtp, RefusalReason> {
        model.architecture().mtp.as_ref().ok_or(RefusalReason::NoMtpLayers)
    }

    fn supports_draft_heads(&self) -> bool {
        true
    }

    fn max_vocabulary_difference(&self) -> u64 {
        0
    }

    fn launch(&self, model: &Model, quant: Quant, flags: &[String]) -> Launch {
        // What it has no flag for is a line of its file.
        let (options, flags): (Vec<String>, Vec<String>) =
            flags.iter().cloned().partition(|flag| flag.contains(": "));
        let source = CheckpointSource::new(Engine::TensorRtLlm, model, quant);
        let mut command = Command::new("trtllm-serve").word(source.name()).flags(&flags);
        let mut files = Vec::new();
        if !options.is_empty() {
            command = command.with("--config llm.yaml");
            files.push(TextFile { name: "llm.yaml".to_owned(), text: yaml(&options) });
        }
        Launch { files, ..Launch::of(command) }
    }

    /// Options of the LLM API, which `trtllm-serve` reads from a file.
    fn addon_flags(&self, addons: &Addons<'_>, _: bool) -> Vec<String> {
        let mut options = Vec::new();
        if let Some(Lora { rank, count, .. }) = addons.lora {
            options.push("enable_lora: true".to_owned());
            options.push(format!("lora_config.max_lora_rank: {rank}"));
            options.push(format!("lora_config.max_loras: {count}"));
        }
        if let Some(speculation) = &addons.speculation {
            let tokens = speculation.tokens;
            let lines = match &speculation.by {
                Proposer::Mtp(_) => {
                    vec![
                        "decoding_type: MTP".to_owned(),
                        format!("num_nextn_predict_layers: {tokens}"),
                    ]
                }
                Proposer::Draft(files) => vec![
                    "decoding_type: DraftTarget".to_owned(),
                    format!("max_draft_len: {tokens}"),
                    format!("speculative_model_dir: {}", files.model().hf_id),
                ],
                // It drafts by neither: see `supports_draft_heads`.
                Proposer::Head(_) | Proposer::Ngram => Vec::new(),
            };
            options.extend(lines.iter().map(|line| format!("speculative_config.{line}")));
        }
        options
    }
}

/// Options with dots in their names as nested YAML; those of one section follow each other.
fn yaml(options: &[String]) -> String {
    let (mut text, mut section) = (String::new(), "");
    for option in options {
        let (key, value) = option.split_once(": ").unwrap_or((option, ""));
        match key.split_once('.') {
            Some((outer, inner)) => {
                if outer != section {
                    text += &format!("{outer}:\n");
                }
                section = outer;
                text += &format!("  {inner}: {value}\n");
            }
            None => text += &format!("{key}: {value}\n"),
        }
    }
    text
}

struct TensorRtRun<'a> {
    base: CheckpointBase<'a>,
    ranks: Ranks,
    cache_type: CacheType,
    caches: Vec<LayerCache>,
    /// Weights on each pipeline stage.
    weights: Vec<Interval<Bytes>>,
    addons: CheckpointAddons<'a>,
}

/// Additional memory of the runtime: 1.9 GiB in the documentation's example, including buffers of
/// 43 and 180 MB.
const RUNTIME: Interval<Bytes> =
    Interval { low: Bytes::mib(700), expected: Bytes::mib(1_600), high: Bytes::mib(2_600) };

impl TensorRtRun<'_> {
    fn kv(&self, caches: &[LayerCache], context: u64, users: u64) -> (Bytes, Bytes) {
        let whole = |tokens: u64| tokens.div_ceil(BLOCK).saturating_mul(BLOCK);
        let kv = caches.iter().map(|cache| {
            let entry = self.cache_type.bytes(cache.entry()) + cache.index_key;
            Bytes(entry) * whole(cache.entries(context)) * users
        });
        let state = |cache: &LayerCache| Bytes(2 * cache.conv + 4 * cache.recurrent) * users;
        (kv.sum(), caches.iter().map(state).sum())
    }

    /// The activation peak on a rank with this many sequences of its own: of a batch of prompts, or the
    /// logits of each sequence, in 16 bits and in FP32 (`modules/logits_processor.py`). At most both,
    /// since a captured graph keeps what it has. A log with 4,096 sequences and 23,552 tokens leaves
    /// 52.51 GiB (github.com/NVIDIA/TensorRT-LLM/issues/6294).
    fn activations(&self, users: u64) -> Interval<Bytes> {
        let scenario = self.base.scenario;
        let architecture = self.base.architecture();
        let batch = Batch {
            tokens: scenario.max_num_batched_tokens.unwrap_or(8192),
            sequences: 0,
            ranks: self.ranks.tensor,
            release: Release::FIRST_RUNNER,
        };
        let Interval { low, expected, high } = peak(architecture, batch);
        let sequences = scenario.max_num_seqs.unwrap_or(users);
        let logits = Bytes(6 * architecture.vocab_size) * sequences;
        Interval { low: low.max(logits), expected: expected.max(logits), high: high + logits }
    }

    /// Cache of the MTP layers, in blocks like that of the model's own layers.
    fn mtp_cache(&self, context: u64, users: u64) -> Bytes {
        let caches = self.addons.mtp_caches(self.ranks.shard_counts.attention);
        let pool = |context, users| self.kv(&caches, context, users).0;
        let (context, users) = self.base.held((context, users), pool);
        pool(context, users)
    }

    /// Only the configured fraction of what weights, activations and runtime leave can be used.
    fn shares(&self, context: u64, users: u64) -> Vec<DeviceLines> {
        let users = self.ranks.users(users);
        let activations = self.activations(users);
        let fraction =
            self.base.scenario.gpu_memory_utilization.unwrap_or(FRACTION) as f64 / 1000.0;
        let of = |(i, part): (usize, &InstalledDevice<'_>)| {
            let Some(stage) = self.ranks.stage(i) else {
                return DeviceLines { usable: part.usable, layers: 0, lines: Vec::new() };
            };
            let (layers, weights) = (&self.ranks.stages[stage], self.weights[stage]);
            let caches = self.caches.get(layers.clone()).unwrap_or_default();
            let (_, state) = self.kv(caches, context, users);
            let pool = |context, users| self.kv(caches, context, users).0;
            let (tokens, sequences) = self.base.held((context, users), pool);
            let kv = pool(tokens, sequences);
            let free = part.usable - weights.expected - activations.expected - RUNTIME.expected;
            let source = SOURCE;
            DeviceLines {
                usable: part.usable - free.scale(1.0 - fraction),
                layers: layers.len() as u64,
                lines: vec![
                    Line::fitted(
                        Term::Weights,
                        weights,
                        "sum(tensors of the rank)",
                        self.base.checkpoint.source(source),
                    )
                    .with(&[("tensor_parallel", self.ranks.tensor)]),
                    Line::exact(Term::KvCache, kv, "blocks * block_bytes * users", source)
                        .with(&[("context", tokens), ("users", sequences)]),
                    Line::exact(Term::RecurrentState, state, "sum(layers) * users", source),
                    Line::fitted(Term::Compute, activations, "max_num_tokens", source),
                    Line::fitted(Term::Overhead, RUNTIME, "documentation's example", source),
                ],
            }
        };
        let mut shares: Vec<DeviceLines> =
            self.base.hardware.parts.iter().enumerate().map(of).collect();
        let mtp = self.mtp_cache(context, users);
        self.addons.add(&mut shares, Distribution::Ranks(&self.ranks), (context, users), Some(mtp));
        shares
    }
}

impl Run for TensorRtRun<'_> {
    fn hardware(&self) -> &Hardware<'_> {
        self.base.hardware
    }

    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill) {
        let fraction =
            self.base.scenario.gpu_memory_utilization.unwrap_or(FRACTION) as f64 / 1000.0;
        let basis =
            format!("free_gpu_memory_fraction {fraction} of what weights and buffers leave");
        bills(self.base.hardware, self.shares(context, users), &basis, self.addons.pinned())
    }

    fn loads(&self, context: u64, users: u64) -> Loads {
        loads(self.base.hardware, &self.shares(context, users), &self.addons.pinned())
    }

    fn on<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        TensorRtLlm.run_checkpoint(self.base.on(hardware)).ok()
    }

    fn layout(&self) -> Layout {
        Layout {
            parts: self.ranks.parts(self.base.n_layers()),
            cache: CacheTypes::both(self.cache_type),
            microbatch: self.base.scenario.max_num_batched_tokens.unwrap_or(8192),
            copies: self.ranks.copies(),
            expert_sharing_ranks: self.ranks.expert_sharing_ranks(),
            cache_ranks: 1,
            cache_on_host: false,
        }
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = vec![format!("--max_seq_len {}", self.base.scenario.context)];
        let Ranks { tensor, stages, data, expert, .. } = &self.ranks;
        let stages = stages.len() as u64;
        for (flag, size) in [("--tp_size", *tensor), ("--pp_size", stages), ("--ep_size", *expert)]
        {
            if size > 1 {
                flags.push(format!("{flag} {size}"));
            }
        }
        if *data > 1 {
            flags.push("enable_attention_dp: true".to_owned());
        }
        if let Some(fraction) = self.base.scenario.gpu_memory_utilization {
            flags.push(format!("--kv_cache_free_gpu_memory_fraction {}", fraction as f64 / 1000.0));
        }
        if let Some(tokens) = self.base.scenario.max_num_batched_tokens {
            flags.push(format!("--max_num_tokens {tokens}"));
        }
        if let Some(sequences) = self.base.scenario.max_num_seqs {
            flags.push(format!("--max_batch_size {sequences}"));
        }
        match self.cache_type {
            CacheType::Fp8 => flags.push("kv_cache_config.dtype: fp8".to_owned()),
            CacheType::Nvfp4 => flags.push("kv_cache_config.dtype: nvfp4".to_owned()),
            _ => {}
        }
        let pinned = self.base.scenario.addons.pinned_cache;
        if pinned > Bytes::ZERO {
            let of_rank = pinned.0.div_ceil(self.ranks.group().max(1));
            flags.push(format!("kv_cache_config.host_cache_size: {of_rank}"));
        }
        flags.extend(self.addons.flags());
        flags
    }

    fn context_step(&self) -> u64 {
        BLOCK
    }

    fn queues(&self) -> bool {
        true
    }

    fn max_users(&self) -> u64 {
        self.base.scenario.max_num_seqs.unwrap_or(2048).saturating_mul(self.ranks.data)
    }
}
