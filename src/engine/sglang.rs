//! SGLang's memory: weights and cache pools fill a static fraction of the device, the rest is left
//! for activations and graphs.
//!
//! Rules as of release 0.5.23 (October 2026): `srt/arg_groups/memory_hook.py` (the fraction),
//! `srt/mem_cache/kv_cache_configurator.py` (what is left for the pools),
//! `srt/model_executor/pool_configurator.py` (bytes a token).

use super::adapter::EngineAdapter;
use super::addons::LoraMemory;
use super::checkpoint::activation::{Batch, Captures, cuda_graphs, non_torch, peak};
use super::checkpoint::addons::{CheckpointAddons, Distribution};
use super::checkpoint::loaded_weights::sglang_scales;
use super::checkpoint::ranks::{self, Ranks};
use super::checkpoint::{
    CheckpointBase, Release, cache_type, nearest_format, usable_device, visible,
};
use super::command::{CheckpointSource, Command, Launch};
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
use crate::report::{DeviceBill, HostBill, RefusalReason, SlidingWindowCache, Term};
use crate::scenario::{CacheType, CacheTypes, Engine, Lora};
use crate::units::{Bytes, Interval, MIB};

/// The release whose rules are applied.
pub const VERSION: &str = "0.5.23 (October 2026)";

const SOURCE: &str = "SGLang 0.5.23";

/// Tokens in the pool of sliding-window layers per token in that of full layers
/// (`swa_full_tokens_ratio`).
const WINDOW_RATIO: f64 = 0.8;

/// Defaults that depend on the device's memory and the number of ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Defaults {
    /// `--chunked-prefill-size`.
    chunk: u64,
    /// The largest decode batch for which a CUDA graph is captured.
    graph_batch: u64,
}

impl Defaults {
    fn new(memory: Bytes, ranks: u64) -> Defaults {
        let few = ranks < 4;
        let (chunk, graph_batch) = match memory.0 / MIB {
            0..20_480 => (2048, 8),
            20_480..35_840 => (4096, if few { 48 } else { 160 }),
            35_840..61_440 => (4096, if few { 32 } else { 160 }),
            61_440..163_840 => (8192, if few { 256 } else { 512 }),
            _ => (16_384, 512),
        };
        Defaults { chunk, graph_batch }
    }

    /// Default of `--mem-fraction-static`, in thousandths.
    ///
    /// It leaves out 512 MiB, 1.5 MiB per token of a prefill chunk, 128 MiB per rank, 2 MiB per
    /// sequence of the decode graphs and 8 MiB per size of the prefill graphs; on devices over 60
    /// GiB at least 10 GiB.
    fn fraction(self, memory: Bytes, ranks: u64) -> u64 {
        let sizes = prefill_graph_sizes(self.chunk);
        let mut reserved =
            512 + self.chunk * 3 / 2 + ranks * 128 + 2 * self.graph_batch + 8 * sizes;
        let memory = memory.0 / MIB;
        if memory > 61_440 {
            reserved = reserved.max(10_240);
        }
        let rest = memory.saturating_sub(reserved) as f64 / memory.max(1) as f64;
        (rest * 1000.0).round() as u64
    }
}

/// Number of sizes up to `most` tokens for which a prefill graph is captured
/// (`generate_prefill_cuda_graph_batch_sizes`); steps widen with the size.
fn prefill_graph_sizes(most: u64) -> u64 {
    let steps = [
        (0, 32, 4),
        (32, 256, 16),
        (256, 512, 32),
        (512, 1024, 64),
        (1024, 4096, 256),
        (4096, u64::MAX, 512),
    ];
    steps.iter().map(|(from, to, step)| most.min(*to).saturating_sub(*from) / step).sum()
}

/// Sequences that may run where nobody says how many: at least so many (`max_running_requests`).
const MAX_RUNNING: u64 = 2048;

/// SGLang.
pub(super) struct Sglang;

impl EngineAdapter for Sglang {
    fn engine(&self) -> Engine {
        Engine::Sglang
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
        Ok(Box::new(SglangRun::new(base)?))
    }

    fn lora_memory(&self) -> LoraMemory {
        LoraMemory {
            source: "SGLang 0.5 srt/lora/mem_pool.py, max_loras_per_batch slots",
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
        let source = CheckpointSource::new(Engine::Sglang, model, quant);
        let command = Command::new("python -m sglang.launch_server --model-path");
        Launch::of(command.checkpoint(&source).flags(flags))
    }

    fn addon_flags(&self, addons: &Addons<'_>, _: bool) -> Vec<String> {
        let mut flags = Vec::new();
        if let Some(Lora { rank, count, .. }) = addons.lora {
            flags.push(format!(
                "--enable-lora --max-loras-per-batch {count} --max-lora-rank {rank}"
            ));
        }
        if let Some(speculation) = &addons.speculation {
            let algorithm = match &speculation.by {
                Proposer::Mtp(_) => "NEXTN".to_owned(),
                Proposer::Draft(files) => {
                    format!("STANDALONE --speculative-draft-model-path {}", files.model().hf_id)
                }
                Proposer::Head(head) => head.kind.name().to_ascii_uppercase(),
                Proposer::Ngram => "NGRAM".to_owned(),
            };
            let tokens = speculation.tokens;
            flags.push(format!(
                "--speculative-algorithm {algorithm} --speculative-num-steps {tokens}"
            ));
        }
        flags
    }
}

struct SglangRun<'a> {
    base: CheckpointBase<'a>,
    ranks: Ranks,
    defaults: Defaults,
    cache_type: CacheType,
    caches: Vec<LayerCache>,
    /// Weights on each pipeline stage.
    weights: Vec<Interval<Bytes>>,
    addons: CheckpointAddons<'a>,
}

impl<'a> SglangRun<'a> {
    fn new(base: CheckpointBase<'a>) -> Result<SglangRun<'a>, Refusal> {
        let CheckpointBase { checkpoint, hardware, scenario, .. } = base;
        let ranks = Ranks::new(Engine::Sglang, base)?;
        for part in &hardware.parts {
            usable_device(part.device, checkpoint.quant, 75)?;
        }
        let cache_type = cache_type(scenario.kv, &[CacheType::Nvfp4])?;
        let first = &hardware.parts[0];
        let mut defaults = Defaults::new(visible(first), ranks.tensor);
        defaults.chunk = scenario.max_num_batched_tokens.unwrap_or(defaults.chunk);
        let capability = first.device.compute_capability();
        let wider = sglang_scales(checkpoint.quant, capability);
        Ok(SglangRun {
            base,
            ranks: ranks.clone(),
            defaults,
            cache_type,
            caches: layer_caches(checkpoint.architecture(), ranks.shard_counts.attention),
            weights: ranks::weights(checkpoint, &ranks, capability, wider),
            addons: CheckpointAddons::new(&Sglang, base)?,
        })
    }

    fn fraction(&self, part: &InstalledDevice<'_>) -> u64 {
        let own = || self.defaults.fraction(visible(part), self.ranks.tensor);
        self.base.scenario.gpu_memory_utilization.unwrap_or_else(own)
    }

    /// Bytes of the token pools and of the recurrent states for `users` sequences of `context`
    /// tokens: one slot per token in full layers, 0.8 slots in sliding-window layers.
    fn pools(&self, caches: &[LayerCache], context: u64, users: u64) -> (Bytes, Bytes) {
        let tokens = context.saturating_mul(users);
        let window = caches.iter().any(|cache| cache.window.is_some() && cache.ratio <= 1);
        let full = caches.iter().any(|cache| cache.has_tokens() && cache.window.is_none());
        let kv = caches.iter().map(|cache| {
            let index = match cache.index_key {
                0 => 0,
                key => key + key.div_ceil(128) * 4,
            };
            let entry = self.cache_type.bytes(cache.entry()) + index;
            let slots = match cache.window {
                _ if cache.ratio > 1 => cache.entries(context).saturating_mul(users),
                Some(_) if window && full => Bytes(tokens).scale(WINDOW_RATIO).0,
                _ => tokens,
            };
            Bytes(entry) * slots
        });
        // FP32 states, BF16 convolutions (`Mamba2StateDType`).
        let state = |cache: &LayerCache| Bytes(cache.conv * 2 + cache.recurrent * 4) * users;
        (kv.sum(), caches.iter().map(state).sum())
    }

    /// The activation peak on a rank with this many sequences of its own.
    fn activations(&self, users: u64) -> Interval<Bytes> {
        let batch = Batch {
            tokens: self.defaults.chunk,
            sequences: self.base.scenario.max_num_seqs.unwrap_or(users),
            ranks: self.ranks.tensor,
            release: Release::FIRST_RUNNER,
        };
        peak(self.base.architecture(), batch)
    }

    /// What the attention kernels have for partial results: AITER on AMD a value for each sequence
    /// that may run, head, part of 256 tokens and element of a head
    /// (`layers/attention/aiter_backend.py`; not with sliding windows or latent attention), FlashInfer
    /// 384 MiB (`SGLANG_FLASHINFER_WORKSPACE_SIZE`).
    fn workspace(&self, part: &InstalledDevice<'_>, context: u64) -> Bytes {
        if part.device.vendor != "AMD" {
            return Bytes::mib(384);
        }
        let layers = &self.base.architecture().layers;
        let windows = self.caches.iter().any(|cache| cache.window.is_some());
        let attention = layers.iter().find_map(|layer| layer.mixer.attention());
        let Some(attention) = attention.filter(|_| !windows) else { return Bytes::ZERO };
        let sequences = self.base.scenario.max_num_seqs.unwrap_or(MAX_RUNNING);
        let heads = attention.heads.div_ceil(self.ranks.tensor.max(1));
        let parts = sequences.saturating_mul(heads).saturating_mul(context.div_ceil(256));
        Bytes(4 * attention.v_head_dim + 8) * parts
    }

    /// Cache of the MTP layers: one slot per token, as in the model's own layers.
    fn mtp_cache(&self, context: u64, users: u64) -> Bytes {
        let caches = self.addons.mtp_caches(self.ranks.shard_counts.attention);
        let pool = |context, users| self.pools(&caches, context, users).0;
        let (context, users) = self.base.held((context, users), pool);
        pool(context, users)
    }

    fn shares(&self, context: u64, users: u64) -> Vec<DeviceLines> {
        let users = self.ranks.users(users);
        let activations = self.activations(users);
        let of = |(i, part): (usize, &InstalledDevice<'_>)| {
            let Some(stage) = self.ranks.stage(i) else {
                return DeviceLines { usable: part.usable, layers: 0, lines: Vec::new() };
            };
            let (layers, weights) = (&self.ranks.stages[stage], self.weights[stage]);
            let caches = self.caches.get(layers.clone()).unwrap_or_default();
            let (_, state) = self.pools(caches, context, users);
            let pool = |context, users| self.pools(caches, context, users).0;
            let (tokens, sequences) = self.base.held((context, users), pool);
            let kv = pool(tokens, sequences);
            let fraction = self.fraction(part) as f64 / 1000.0;
            // Activations and graphs live outside the fraction; if they need more, the pools
            // shrink.
            let slack = visible(part).scale(1.0 - fraction);
            let runtime = activations
                + Interval::exact(self.workspace(part, context))
                + cuda_graphs(
                    self.base.architecture(),
                    Captures {
                        eager: self.base.scenario.eager,
                        ..Captures::plain(256, Release(16))
                    },
                );
            let beyond = Interval {
                low: runtime.low - slack,
                expected: runtime.expected - slack,
                high: runtime.high - slack,
            };
            let source = SOURCE;
            DeviceLines {
                usable: visible(part).scale(fraction).min(part.usable),
                layers: layers.len() as u64,
                lines: vec![
                    Line::fitted(
                        Term::Weights,
                        weights,
                        "sum(tensors of the rank)",
                        self.base.checkpoint.source(source),
                    )
                    .with(&[("tensor_parallel", self.ranks.tensor)]),
                    Line::exact(Term::KvCache, kv, "sum(layers) token_bytes * slots", source)
                        .with(&[("context", tokens), ("users", sequences)]),
                    Line::exact(Term::RecurrentState, state, "sum(layers) * users", source)
                        .with(&[("users", users)]),
                    Line::fitted(Term::Compute, beyond, "max(activations - slack, 0)", source)
                        .with(&[("chunked_prefill_size", self.defaults.chunk)]),
                    Line::fitted(Term::Overhead, non_torch(self.ranks.group()), "measured", source),
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

impl Run for SglangRun<'_> {
    fn hardware(&self) -> &Hardware<'_> {
        self.base.hardware
    }

    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill) {
        let fraction = self.base.hardware.parts.first().map_or(0, |part| self.fraction(part));
        let basis =
            format!("mem_fraction_static {} of what a process sees", fraction as f64 / 1000.0);
        bills(self.base.hardware, self.shares(context, users), &basis, self.addons.pinned())
    }

    fn loads(&self, context: u64, users: u64) -> Loads {
        loads(self.base.hardware, &self.shares(context, users), &self.addons.pinned())
    }

    fn on<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        Sglang.run_checkpoint(self.base.on(hardware)).ok()
    }

    fn sliding_window_cache(&self) -> SlidingWindowCache {
        let full = self.caches.iter().any(|cache| cache.has_tokens() && cache.window.is_none());
        match full {
            true => SlidingWindowCache::Share((WINDOW_RATIO * 1000.0) as u64),
            false => SlidingWindowCache::Whole,
        }
    }

    fn reserved_fraction(&self) -> Option<u64> {
        self.base.hardware.parts.first().map(|part| self.fraction(part))
    }

    fn layout(&self) -> Layout {
        Layout {
            parts: self.ranks.parts(self.base.n_layers()),
            cache: CacheTypes::both(self.cache_type),
            microbatch: self.defaults.chunk,
            copies: self.ranks.copies(),
            expert_sharing_ranks: self.ranks.expert_sharing_ranks(),
            cache_ranks: 1,
            cache_on_host: false,
        }
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = vec![format!("--context-length {}", self.base.scenario.context)];
        let Ranks { tensor, stages, data, expert, .. } = &self.ranks;
        let stages = stages.len() as u64;
        for (flag, size) in [
            ("--tp-size", *tensor),
            ("--pp-size", stages),
            ("--dp-size", *data),
            ("--ep-size", *expert),
        ] {
            if size > 1 {
                flags.push(format!("{flag} {size}"));
            }
        }
        if *data > 1 && self.ranks.copies() == 1 {
            flags.push("--enable-dp-attention".to_owned());
        }
        if let Some(fraction) = self.base.scenario.gpu_memory_utilization {
            flags.push(format!("--mem-fraction-static {}", fraction as f64 / 1000.0));
        }
        if self.base.scenario.max_num_batched_tokens.is_some() {
            flags.push(format!("--chunked-prefill-size {}", self.defaults.chunk));
        }
        if let Some(sequences) = self.base.scenario.max_num_seqs {
            flags.push(format!("--max-running-requests {sequences}"));
        }
        match self.cache_type {
            CacheType::Fp8 => flags.push("--kv-cache-dtype fp8_e4m3".to_owned()),
            CacheType::Nvfp4 => flags.push("--kv-cache-dtype nvfp4".to_owned()),
            _ => {}
        }
        if self.base.scenario.eager {
            flags.push("--disable-cuda-graph".to_owned());
        }
        let pinned = self.base.scenario.addons.pinned_cache;
        if pinned > Bytes::ZERO {
            let of_rank = pinned.0.div_ceil(1_000_000_000 * self.ranks.group().max(1));
            flags.push(format!("--enable-hierarchical-cache --hicache-size {of_rank}"));
        }
        flags.extend(self.addons.flags());
        flags
    }

    fn context_step(&self) -> u64 {
        1
    }

    fn queues(&self) -> bool {
        true
    }

    fn max_users(&self) -> u64 {
        self.base.scenario.max_num_seqs.unwrap_or(u64::MAX).saturating_mul(self.ranks.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_static_fraction_follows_memory_and_ranks() {
        // 79.2 GiB: 10 GiB at least are kept out, unless chunk and graphs ask for more.
        let h100 = Bytes(85_017_000_000);
        let fraction = Defaults::new(h100, 1).fraction(h100, 1);
        assert!((820..=880).contains(&fraction), "{fraction}");
        let card = Bytes::mib(24_210);
        let fraction = Defaults::new(card, 1).fraction(card, 1);
        assert!((680..=760).contains(&fraction), "{fraction}");
    }

    #[test]
    fn defaults_step_with_memory() {
        assert_eq!(Defaults::new(Bytes::gib(16), 1), Defaults { chunk: 2048, graph_batch: 8 });
        assert_eq!(Defaults::new(Bytes::gib(24), 4).graph_batch, 160);
        assert_eq!(Defaults::new(Bytes::gib(190), 1).chunk, 16_384);
    }
}
