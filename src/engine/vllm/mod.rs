//! vLLM's memory: one budget per device, from which weights, activations and graphs are taken
//! first; the rest is the pool of the paged KV cache.
//!
//! Rules as of release 0.33 (October 2026), V1 engine, read from its source; [`Release`] has the
//! differences of older releases.

mod kv_cache;

pub use kv_cache::{BatchedTokens, KvLayout, Settings as KvSettings};

use std::ops::Range;

use super::adapter::EngineAdapter;
use super::addons::LoraMemory;
use super::checkpoint::activation::{
    Batch, Captures, HOST_PROCESSES, HOST_PROCESSES_EAGER, cuda_graphs, non_torch, peak, rocm,
};
use super::checkpoint::addons::{CheckpointAddons, Distribution};
use super::checkpoint::loaded_weights::of_rank;
use super::checkpoint::ranks::Ranks;
use super::checkpoint::{
    CheckpointBase, Release, cache_type, nearest_format, stage, usable_device, visible,
};
use super::command::{CheckpointSource, Command, Launch};
use super::layer_cache::layer_caches;
use super::layout::Layout;
use super::model_files::{Addons, Proposer};
use super::refusal::Refusal;
use super::run::Run;
use crate::architecture::{Architecture, Mixer, Mtp};
use crate::bill::{DeviceLines, Line, bills, loads};
use crate::catalog::Model;
use crate::hardware::{Hardware, InstalledDevice, Loads};
use crate::quant::{Format, Mix, Quant};
use crate::report::{DeviceBill, HostBill, RefusalReason, Term};
use crate::scenario::{CacheType, CacheTypes, Engine, Lora};
use crate::units::{Bytes, GIB, Interval};

/// The release whose rules are applied.
pub const VERSION: &str = "0.33 (October 2026)";

const SOURCE: &str = "vLLM 0.33";

/// Types of the cache beside 16 bits and FP8 (`--kv-cache-dtype`).
const CACHE_TYPES: &[CacheType] =
    &[CacheType::Int8, CacheType::Int4, CacheType::Nvfp4, CacheType::Turbo4, CacheType::Turbo3];

/// Ranks for which vLLM reserves adapter slots (`MaxLoRARanks` in `config/lora.py`).
const LORA_RANKS: &[u64] = &[1, 8, 16, 32, 64, 128, 256, 320, 512];

/// The least compute capability (times ten) that vLLM's kernels for `quant` require. Source:
/// `get_min_capability` of each quantisation config.
fn least_capability(quant: Quant) -> u32 {
    match quant.scheme() {
        Quant::Format(Format::Fp8 | Format::Fp8Block | Format::Nvfp4) => 75,
        Quant::Format(Format::Mxfp4 | Format::Fp8Mxfp4) => 80,
        Quant::Format(Format::Awq | Format::Int8 | Format::W4a16 | Format::Int4Experts) => 75,
        Quant::Gguf(Mix::BF16) => 80,
        _ => 70,
    }
}

/// vLLM.
pub(super) struct Vllm;

impl EngineAdapter for Vllm {
    fn engine(&self) -> Engine {
        Engine::Vllm
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
            Quant::Format(Format::Mlx(_) | Format::Mxfp4Q8 | Format::Exl3(_))
            | Quant::Gguf(_)
            | Quant::Build(_) => {
                Err(Refusal::new(RefusalReason::FormatNotLoaded, quant).or(nearest_format(quant)))
            }
            Quant::Format(_) => Ok(()),
        }
    }

    fn run_checkpoint<'a>(
        &'static self,
        base: CheckpointBase<'a>,
    ) -> Result<Box<dyn Run + 'a>, Refusal> {
        Ok(Box::new(VllmRun::new(base)?))
    }

    fn check_lora(&self, lora: Lora) -> Result<(), Refusal> {
        match LORA_RANKS.last() {
            Some(most) if lora.rank > *most => {
                let asked = format!("{}*{}", lora.rank, lora.count);
                Err(Refusal::of(RefusalReason::NotOffered, "lora", asked).set("lora", most))
            }
            _ => Ok(()),
        }
    }

    fn lora_memory(&self) -> LoraMemory {
        LoraMemory {
            slot_ranks: Some(LORA_RANKS),
            source: "vLLM 0.33 lora/layers, max_loras slots of max_lora_rank",
            ..LoraMemory::SIXTEEN_BIT
        }
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
        let source = CheckpointSource::new(Engine::Vllm, model, quant);
        Launch::of(Command::new("vllm serve").checkpoint(&source).flags(flags))
    }

    fn addon_flags(&self, addons: &Addons<'_>, has_vision: bool) -> Vec<String> {
        let mut flags = Vec::new();
        if has_vision && addons.projector.is_none() {
            flags.push("--language-model-only".to_owned());
        }
        if let Some(Lora { rank, count, .. }) = addons.lora {
            // The slots are of one of these ranks.
            let slot = LORA_RANKS.iter().find(|slot| **slot >= rank).unwrap_or(&rank);
            flags.push(format!("--enable-lora --max-loras {count} --max-lora-rank {slot}"));
        }
        if let Some(speculation) = &addons.speculation {
            let (name, value) = match &speculation.by {
                Proposer::Mtp(_) => ("method", "mtp"),
                Proposer::Draft(files) => ("model", files.model().hf_id.as_str()),
                Proposer::Head(head) => ("method", head.kind.name()),
                Proposer::Ngram => ("method", "ngram"),
            };
            // Keys with dots are parts of a flag that takes JSON, which each shell quotes its own
            // way.
            let (config, tokens) = ("--speculative-config", speculation.tokens);
            flags.push(format!("{config}.{name} {value} {config}.num_speculative_tokens {tokens}"));
        }
        flags
    }
}

/// A checkpoint on a machine under vLLM, with what the bill of a rank needs.
struct VllmRun<'a> {
    base: CheckpointBase<'a>,
    ranks: Ranks,
    default_sequences: u64,
    batched: BatchedTokens,
    utilisation: u64,
    release: Release,
    cache_type: CacheType,
    /// Ranks among which the tokens of a cache are divided.
    cache_ranks: u64,
    graphs: Interval<Bytes>,
    /// Whether they are part of the budget.
    counts_graphs: bool,
    /// Layout of the cache on each pipeline stage.
    kv: Vec<KvLayout>,
    /// Layout of the cache including MTP layers, if they are loaded.
    kv_with_mtp: Option<KvLayout>,
    addons: CheckpointAddons<'a>,
    /// Weights on each used device.
    weights: Vec<Interval<Bytes>>,
    /// Whether the pool has a block for each recurrent state by the high estimates, too.
    has_state_blocks: bool,
}

impl<'a> VllmRun<'a> {
    fn new(base: CheckpointBase<'a>) -> Result<VllmRun<'a>, Refusal> {
        let CheckpointBase { checkpoint, hardware, scenario, .. } = base;
        let ranks = Ranks::new(Engine::Vllm, base)?;
        for part in &hardware.parts {
            usable_device(part.device, checkpoint.quant, least_capability(checkpoint.quant))?;
        }
        let cache_type = cache_type(scenario.kv, CACHE_TYPES)?;
        let release = Release::of(scenario);
        let (default_sequences, default_batched) = default_batch(&hardware.parts[0], release);
        let asked = scenario.max_num_batched_tokens.map(BatchedTokens::Most);
        let batched = asked.unwrap_or(default_batched);
        let architecture = checkpoint.architecture();
        let addons = CheckpointAddons::new(&Vllm, base)?;
        let speculative = base.addons.proposed();
        let stages = ranks.stages.len() as u64;
        let cache_ranks = cache_ranks(architecture, &ranks, scenario.parallel.decode_context)?;
        let settings =
            KvSettings { cache_type, batched, speculative, stages, cache_ranks, release };
        let caches = layer_caches(architecture, ranks.shard_counts.attention);
        let of_stage = |stage: &Range<usize>| caches.get(stage.clone()).unwrap_or_default();
        let kv =
            ranks.stages.iter().map(|stage| KvLayout::new(of_stage(stage), settings)).collect();
        let with_mtp = || {
            let mut caches = ranks.stages.last().map(of_stage).unwrap_or_default().to_vec();
            caches.extend(addons.mtp_caches(ranks.shard_counts.attention));
            KvLayout::new(&caches, settings)
        };
        let kv_with_mtp = base.addons.mtp().map(|_| with_mtp());
        // The ranks of a stage hold the same.
        let mut known = Vec::new();
        let weights = hardware.parts.iter().enumerate().filter_map(|(i, part)| {
            let of = (ranks.stage(i)?, part.device.compute_capability());
            if let Some((_, bytes)) = known.iter().find(|(known, _)| *known == of) {
                return Some(*bytes);
            }
            let fused = stage(checkpoint, ranks.shard_counts, &ranks.stages[of.0]);
            let bytes = of_rank(checkpoint, fused, ranks.shard_counts.columns, of.1, release);
            known.push((of, bytes));
            Some(bytes)
        });
        let weights = weights.collect();
        // FlashInfer, which reads an FP8 cache on devices without FlashAttention 3, captures drafts in
        // pieces only.
        let has_flash_attention_3 = hardware.parts.first().is_some_and(|part| {
            part.device.compute_capability().is_none_or(|capability| capability == 90)
        });
        let captures = Captures {
            eager: scenario.eager,
            ranks: ranks.tensor,
            sequences: scenario.max_num_seqs.unwrap_or(default_sequences),
            drafted: speculative,
            in_pieces: speculative > 0 && cache_type == CacheType::Fp8 && !has_flash_attention_3,
            release,
        };
        let graphs = cuda_graphs(architecture, captures);
        let mut run = VllmRun {
            base,
            ranks,
            default_sequences,
            batched,
            utilisation: scenario.gpu_memory_utilization.unwrap_or(release.utilisation()),
            release,
            cache_type,
            cache_ranks,
            graphs,
            counts_graphs: release.counts_graphs(architecture),
            kv,
            kv_with_mtp,
            addons,
            weights,
            has_state_blocks: true,
        };
        run.has_state_blocks = run.check_state_blocks()?;
        Ok(run)
    }

    /// Checks that the pool is expected to have a block for the recurrent state of each sequence that
    /// the engine prepares for, where it holds a sequence at all, however short: the engine refuses to
    /// capture CUDA graphs of decoding with fewer. Returns whether it has by the high estimates, too.
    /// Source: `config/compilation.py`.
    ///
    /// # Errors
    /// Fewer blocks than sequences are expected.
    fn check_state_blocks(&self) -> Result<bool, Refusal> {
        let scenario = self.base.scenario;
        if scenario.eager || !self.release.checks_state_blocks() {
            return Ok(true);
        }
        let mut all_have = true;
        let sequences = scenario.max_num_seqs.unwrap_or(self.default_sequences);
        for (i, on_device) in self.device_lines(scenario.context, 1).iter().enumerate() {
            let layout = self.ranks.stage(i).and_then(|stage| self.kv.get(stage));
            let Some(layout) = layout.filter(|layout| layout.has_states()) else { continue };
            let rest = on_device.lines.iter().filter(|line| line.term != Term::KvCache);
            let rest = Interval::independent(rest.map(|line| line.bytes));
            let blocks = |rest: Bytes| layout.pool_blocks(on_device.usable - rest);
            let (expected, safe) = (blocks(rest.expected), blocks(rest.high));
            if expected >= layout.blocks(1) && expected < sequences {
                let rule = RefusalReason::StateBlocks { blocks: expected };
                let starts = if safe > 0 { safe } else { expected };
                return Err(Refusal::of(rule, "seqs", sequences).set("seqs", starts));
            }
            all_have &= safe >= sequences;
        }
        Ok(all_have)
    }

    /// `max_num_seqs` for as many users of each data rank: raised where they are more.
    fn sequences(&self, users: u64) -> u64 {
        self.base.scenario.max_num_seqs.unwrap_or(self.default_sequences).max(users)
    }

    /// Activations of the last stage, which samples, and of the others, with as many users of each
    /// data rank.
    fn activations(&self, context: u64, users: u64) -> (Interval<Bytes>, Interval<Bytes>) {
        let batch = Batch {
            tokens: self.batched.at(context),
            sequences: self.sequences(users),
            ranks: self.ranks.tensor,
            release: self.release,
        };
        let architecture = self.base.checkpoint.architecture();
        let workspace = Interval::exact(Bytes(indexer_entries(architecture)) * context);
        let peak = |batch| peak(architecture, batch) + workspace;
        (peak(batch), peak(Batch { sequences: 0, ..batch }))
    }

    /// Bytes of a device that vLLM may use.
    fn budget(&self, part: &InstalledDevice<'_>) -> Bytes {
        let visible = visible(part);
        let budget = visible.scale(self.utilisation as f64 / 1000.0);
        // Some releases capture graphs on top of the budget, whatever they take.
        let on_top = match self.counts_graphs {
            true => Bytes::ZERO,
            false => self.graphs.expected,
        };
        (budget + on_top).min(visible).min(part.usable)
    }

    /// The cache of one rank of a stage.
    fn cache(&self, layout: &KvLayout, context: u64, users: u64) -> Line {
        let (context, users) = self.base.held((context, users), |c, n| layout.bytes(c, n));
        let kv = layout.bytes(context, users);
        let least = layout.least_bytes(context, users);
        let formula = "blocks * block_bytes * users";
        let kv = match layout.is_exact() {
            true if least == kv => Line::exact(Term::KvCache, kv, formula, SOURCE),
            true => {
                let kv = Interval { low: least, expected: kv, high: kv };
                Line::fitted(Term::KvCache, kv, formula, SOURCE)
            }
            false => {
                // From 0.26 on there are runs with two batches in flight, too.
                let high = if self.release.batches_in_flight() > 1 { 1.95 } else { 1.1 };
                let kv = Interval::around(kv, 0.9, high);
                Line::fitted(Term::KvCache, kv, "entries * entry_bytes * users", SOURCE)
            }
        };
        kv.with(&[
            ("blocks", layout.blocks(context)),
            ("block_bytes", layout.block_bytes().0),
            ("users", users),
            ("tokens", context),
            ("groups", layout.groups()),
        ])
    }

    fn device_lines(&self, context: u64, users: u64) -> Vec<DeviceLines> {
        let users = self.ranks.users(users);
        // MTP layers and heads are cached with those of the last stage, in the same pool.
        let mut layouts: Vec<&KvLayout> = self.kv.iter().collect();
        if let (Some(last), Some(with_mtp)) = (layouts.last_mut(), &self.kv_with_mtp) {
            *last = with_mtp;
        }
        let caches = layouts.into_iter().map(|layout| self.cache(layout, context, users));
        let mut caches: Vec<Line> = caches.collect();
        if let (Some(last), Some(head)) = (caches.last_mut(), self.base.addons.head()) {
            let cache = head.cache(context, users, self.ranks.tensor);
            last.bytes = last.bytes + Interval::exact(cache);
            last.exact = false;
            last.inputs.push(("draft_cache", cache.0 as f64));
        }
        let (sampling, silent) = self.activations(context, users);
        let of = |(i, part): (usize, &InstalledDevice<'_>)| {
            let (Some(stage), Some(weights)) = (self.ranks.stage(i), self.weights.get(i)) else {
                return DeviceLines { usable: part.usable, layers: 0, lines: Vec::new() };
            };
            let weights = Line::fitted(
                Term::Weights,
                *weights,
                "sum(tensors of the rank)",
                self.base.checkpoint.source(SOURCE),
            )
            .with(&[("tensor_parallel", self.ranks.tensor)]);
            let last = stage + 1 == self.ranks.stages.len();
            let activations = if last { sampling } else { silent };
            let activations =
                Line::fitted(Term::Compute, activations, "max(prefill, sampler)", SOURCE).with(&[
                    ("max_num_batched_tokens", self.batched.at(context)),
                    ("max_num_seqs", self.sequences(users)),
                ]);
            let graphs = match self.counts_graphs {
                true => self.graphs,
                false => Interval::exact(self.graphs.expected),
            };
            let graphs = Line::fitted(Term::CudaGraphs, graphs, "measured", SOURCE);
            let outside = non_torch(self.ranks.group());
            let outside = match part.device.vendor.as_str() {
                "AMD" => outside + rocm(self.ranks.group()),
                _ => outside,
            };
            let outside = match (part.device.is_nvidia_soc(), self.base.scenario.eager) {
                (true, false) => outside + HOST_PROCESSES,
                (true, true) => outside + HOST_PROCESSES_EAGER,
                (false, _) => outside,
            };
            let rest = Line::fitted(Term::Overhead, outside, "measured", SOURCE);
            DeviceLines {
                usable: self.budget(part),
                layers: self.ranks.stages[stage].len() as u64,
                lines: vec![weights, caches[stage].clone(), activations, graphs, rest],
            }
        };
        let mut device_lines: Vec<DeviceLines> =
            self.base.hardware.parts.iter().enumerate().map(of).collect();
        let of_ranks = Distribution::Ranks(&self.ranks);
        self.addons.add(&mut device_lines, of_ranks, (context, users), None);
        device_lines
    }
}

/// Bytes for each token of `max_model_len` of the buffer in which a latent model's sparse indexer
/// gathers the keys of prompts: 40 entries of a key with its scale. Source:
/// `v1/attention/backends/mla/indexer.py`, `get_max_prefill_buffer_size`.
fn indexer_entries(architecture: &Architecture) -> u64 {
    let indexers = architecture.layers.iter().filter_map(|layer| match &layer.mixer {
        Mixer::Mla(latent) => latent.indexer,
        _ => None,
    });
    let key = indexers.map(|indexer| indexer.head_dim).max().unwrap_or(0);
    40 * (key + key.div_ceil(128) * 4)
}

/// Ranks among which the tokens of a cache are divided where `asked` are asked for: a part of the
/// tensor-parallel ranks, no more than have the same heads. Source: `config/parallel.py`,
/// `ModelConfig.verify_with_parallel_config`.
///
/// # Errors
/// The tensor-parallel ranks, or those with the same heads, are not divided by them.
fn cache_ranks(
    architecture: &Architecture,
    ranks: &Ranks,
    asked: Option<u64>,
) -> Result<u64, Refusal> {
    let asked = asked.unwrap_or(1);
    let heads =
        architecture.layers.iter().find_map(|layer| Some(layer.mixer.attention()?.kv_heads));
    let alike = ranks.tensor / heads.unwrap_or(1).clamp(1, ranks.tensor.max(1));
    if asked == 1 || alike.is_multiple_of(asked) {
        return Ok(asked);
    }
    let what = format!("{alike} tensor-parallel ranks with the same heads");
    let refusal = Refusal::of(RefusalReason::Indivisible { what }, "dcp", asked);
    Err(refusal.set("dcp", alike))
}

/// Defaults of `max_num_seqs` and `max_num_batched_tokens` of `vllm serve` by device. Source:
/// `engine/arg_utils.py`, `get_batch_defaults`; 16,384 tokens since github.com/vllm-project/vllm/pull/51726
/// of August 2026.
fn default_batch(part: &InstalledDevice<'_>, release: Release) -> (u64, BatchedTokens) {
    match release {
        Release(..=6) => return (256, BatchedTokens::PromptOr(512)),
        Release(7) => return (256, BatchedTokens::PromptOr(2048)),
        _ => {}
    }
    let memory = part.capacity.0 / GIB;
    let device = part.device;
    let small = device.id.contains("a100") || device.compute_capability() == Some(121);
    match memory {
        160.. if release >= Release(28) => (1024, BatchedTokens::Most(16_384)),
        70.. if !small => (1024, BatchedTokens::Most(8192)),
        _ => (256, BatchedTokens::Most(2048)),
    }
}

impl Run for VllmRun<'_> {
    fn hardware(&self) -> &Hardware<'_> {
        self.base.hardware
    }

    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill) {
        let basis = format!(
            "gpu_memory_utilization {} of what a process sees; all of it is taken, and what the \
             bill leaves becomes cache",
            self.utilisation as f64 / 1000.0
        );
        bills(self.base.hardware, self.device_lines(context, users), &basis, self.addons.pinned())
    }

    fn loads(&self, context: u64, users: u64) -> Loads {
        loads(self.base.hardware, &self.device_lines(context, users), &self.addons.pinned())
    }

    fn on<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        Vllm.run_checkpoint(self.base.on(hardware)).ok()
    }

    fn reserved_fraction(&self) -> Option<u64> {
        Some(self.utilisation)
    }

    fn layout(&self) -> Layout {
        Layout {
            parts: self.ranks.parts(self.base.n_layers()),
            cache: CacheTypes::both(self.cache_type),
            microbatch: self.batched.at(self.base.scenario.context),
            copies: self.ranks.copies(),
            expert_sharing_ranks: self.ranks.expert_sharing_ranks(),
            cache_ranks: self.cache_ranks,
            cache_on_host: false,
        }
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = vec![format!("--max-model-len {}", self.base.scenario.context)];
        let Ranks { tensor, stages, data, expert, .. } = &self.ranks;
        for (flag, size) in [
            ("--tensor-parallel-size", *tensor),
            ("--pipeline-parallel-size", stages.len() as u64),
            ("--data-parallel-size", *data),
            ("--decode-context-parallel-size", self.cache_ranks),
        ] {
            if size > 1 {
                flags.push(format!("{flag} {size}"));
            }
        }
        if *expert > 1 {
            flags.push("--enable-expert-parallel".to_owned());
        }
        if self.base.scenario.gpu_memory_utilization.is_some() {
            let share = self.utilisation as f64 / 1000.0;
            flags.push(format!("--gpu-memory-utilization {share}"));
        }
        let sequences = self.sequences(self.ranks.users(self.base.scenario.users));
        if sequences != self.default_sequences {
            flags.push(format!("--max-num-seqs {sequences}"));
        }
        if let Some(tokens) = self.base.scenario.max_num_batched_tokens {
            flags.push(format!("--max-num-batched-tokens {tokens}"));
        }
        let cache = match self.cache_type {
            CacheType::Fp8 => Some("fp8"),
            CacheType::Int8 => Some("int8_per_token_head"),
            CacheType::Int4 => Some("int4_per_token_head"),
            CacheType::Nvfp4 => Some("nvfp4"),
            CacheType::Turbo4 => Some("turboquant_4bit_nc"),
            CacheType::Turbo3 => Some("turboquant_3bit_nc"),
            _ => None,
        };
        flags.extend(cache.map(|cache| format!("--kv-cache-dtype {cache}")));
        if self.base.scenario.eager {
            flags.push("--enforce-eager".to_owned());
        }
        let pinned = self.base.scenario.addons.pinned_cache;
        if pinned > Bytes::ZERO {
            flags.push(format!("--kv-offloading-size {}", pinned.0.div_ceil(GIB)));
        }
        flags.extend(self.addons.flags());
        flags
    }

    fn context_step(&self) -> u64 {
        self.kv.iter().map(KvLayout::block_tokens).max().unwrap_or(1)
    }

    fn queues(&self) -> bool {
        true
    }

    fn starts_for_certain(&self) -> bool {
        self.has_state_blocks
    }

    fn max_users(&self) -> u64 {
        let most = self.base.scenario.max_num_seqs;
        most.map_or(u64::MAX, |sequences| sequences.saturating_mul(self.ranks.data))
    }
}
