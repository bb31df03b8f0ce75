//! vLLM's memory: one budget a device, of which weights, activations and graphs are taken first
//! and the rest is the pool of the paged KV cache.
//!
//! Rules as of release 0.33 (October 2026), V1 engine, read from its source; older releases differ
//! where [`Release`] says so.

mod activation;
mod kv_cache;
mod weights;

pub use activation::{Batch, cuda_graphs, non_torch, peak};
pub use kv_cache::{KvLayout, Settings as KvSettings};
pub use weights::{loaded, of_rank};

use super::addons::checkpoint::{Beside, Sharing};
use super::ranks::Ranks;
use super::shard::stage;
use super::{
    Checkpoint, Layout, Line, Refusal, Rule, Run, Share, bills, compute_capability, layer_caches,
    loads,
};
use std::ops::Range;

use crate::catalog::{Device, DeviceKind};
use crate::placement::{Hardware, Loads, Part};
use crate::quant::{Format, GgmlType, Mix, Quant};
use crate::report::{DeviceBill, HostBill, Term};
use crate::scenario::{Engine, KvTypes, Scenario};
use crate::speed::CacheTypes;
use crate::units::{Bytes, GIB, Interval};

/// The release whose rules these are.
pub const VERSION: &str = "0.33 (October 2026)";

/// What a CUDA process sees less of a device than its driver reports: 24,210 of 24,564 MiB on an
/// RTX 4090, 79.18 of 79.65 GiB on an H100.
const CONTEXT: Bytes = Bytes::mib(430);

const SOURCE: &str = "vLLM 0.33";

/// A minor release of the 0.x series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u16);

impl Release {
    /// The release whose rules are applied unless another is asked for.
    pub const CURRENT: Release = Release(33);

    /// The release that `scenario` asks for.
    fn of(scenario: &Scenario) -> Release {
        let minor = scenario.vllm_release.and_then(|minor| u16::try_from(minor).ok());
        minor.map_or(Release::CURRENT, Release)
    }

    /// `gpu_memory_utilization` where it is not given, in thousandths: 0.92 since graphs are part
    /// of it, 0.9 before. Source: `config/cache.py`.
    fn utilisation(self) -> u64 {
        if self.budgets_graphs() { 920 } else { 900 }
    }

    /// Batches that are scheduled before the first is settled: two with asynchronous scheduling
    /// (`VllmConfig.max_concurrent_batches`), taken to be the default from release 0.20 on.
    fn batches_in_flight(self) -> u64 {
        if self.0 >= 20 { 2 } else { 1 }
    }

    /// Blocks of recurrent state that a sequence keeps: two where prefix caching aligns states
    /// with blocks (`mamba_cache_mode = "align"`), else one.
    fn state_blocks(self) -> u64 {
        if self.0 >= 24 { 2 } else { 1 }
    }

    /// "GPU KV cache size" is the concurrency times the context.
    fn prints_concurrency(self) -> bool {
        self.0 >= 20
    }

    /// CUDA graphs are part of the budget (since 0.21), no longer on top of it.
    pub fn budgets_graphs(self) -> bool {
        self.0 >= 21
    }
}

/// Whether vLLM loads `quant`.
///
/// # Errors
/// The format: GGUF mixes (a plug-in, experimental, is not counted), MLX and EXL3 are not loaded.
pub(super) fn format(quant: Quant) -> Result<(), Refusal> {
    match quant {
        Quant::Gguf(Mix::BF16 | Mix::F16) => Ok(()),
        Quant::Format(Format::Mlx(_) | Format::Exl3(_)) | Quant::Gguf(_) => {
            Err(Refusal::new(Rule::FormatNotLoaded, quant).or(nearest_format(quant)))
        }
        Quant::Format(_) => Ok(()),
    }
}

/// The checkpoint format with about as many bits.
pub(super) fn nearest_format(quant: Quant) -> Quant {
    match quant.nominal_bits() {
        16.. => Quant::Gguf(Mix::BF16),
        5.. => Quant::Format(Format::Fp8),
        _ => Quant::Format(Format::Awq),
    }
}

/// The least compute capability (times ten) that vLLM's kernels for `quant` run on. Source: the
/// `get_min_capability` of each quantisation config.
fn least_capability(quant: Quant) -> u32 {
    match quant {
        Quant::Format(Format::Fp8 | Format::Fp8Block | Format::Nvfp4) => 75,
        Quant::Format(Format::Mxfp4 | Format::Fp8Mxfp4) => 80,
        Quant::Format(Format::Awq | Format::Int8 | Format::W4a16 | Format::Int4Experts) => 75,
        Quant::Gguf(Mix::BF16) => 80,
        _ => 70,
    }
}

/// What one rank's bill is made of.
pub(super) struct VllmRun<'a> {
    checkpoint: &'a Checkpoint<'a>,
    hardware: &'a Hardware<'a>,
    scenario: &'a Scenario,
    ranks: Ranks,
    sequences: u64,
    batched: u64,
    utilisation: u64,
    release: Release,
    graphs: Interval<Bytes>,
    /// The cache of each pipeline stage.
    kv: Vec<KvLayout>,
    /// The layout with the MTP layers, where they are loaded.
    kv_with_mtp: Option<KvLayout>,
    beside: Beside<'a>,
    /// Weights on each device that is used.
    weights: Vec<Interval<Bytes>>,
    /// Activations at the last stage, which samples, and at the others.
    activations: (Interval<Bytes>, Interval<Bytes>),
}

pub(super) fn run<'a>(
    checkpoint: &'a Checkpoint<'a>,
    hardware: &'a Hardware<'a>,
    scenario: &'a Scenario,
) -> Result<Box<dyn Run + 'a>, Refusal> {
    Ok(Box::new(VllmRun::new(checkpoint, hardware, scenario)?))
}

/// Bytes of a cached value for `kv`: 2, or 1 for an 8-bit type, which these engines keep as FP8.
///
/// # Errors
/// Another type, or two that differ.
pub(super) fn value_bytes(kv: KvTypes) -> Result<u64, Refusal> {
    match (kv.k, kv.v) {
        (GgmlType::F16 | GgmlType::BF16, GgmlType::F16 | GgmlType::BF16) => Ok(2),
        (GgmlType::Q8_0, GgmlType::Q8_0) => Ok(1),
        _ => {
            let nearest = if kv.k.block_elements() > 1 { "kv=fp8" } else { "kv=f16" };
            Err(Refusal::new(Rule::CacheType, format!("kv={kv}")).or(nearest))
        }
    }
}

/// Whether a CUDA or ROCm engine can use `device` with kernels for `least` capability.
///
/// # Errors
/// Another maker's device, or an older one.
pub(super) fn usable_device(device: &Device, quant: Quant, least: u32) -> Result<(), Refusal> {
    match (device.vendor.as_str(), device.kind) {
        ("NVIDIA", _) => match compute_capability(device) {
            Some(capability) if capability < least => {
                let least = format!("{}.{}", least / 10, least % 10);
                Err(Refusal::new(Rule::ComputeCapability { least }, quant))
            }
            _ => Ok(()),
        },
        ("AMD" | "Intel", DeviceKind::Discrete | DeviceKind::Unified) => Ok(()),
        _ => Err(Refusal::new(Rule::NoBackend, &device.id)),
    }
}

impl<'a> VllmRun<'a> {
    fn new(
        checkpoint: &'a Checkpoint<'a>,
        hardware: &'a Hardware<'a>,
        scenario: &'a Scenario,
    ) -> Result<VllmRun<'a>, Refusal> {
        let ranks = Ranks::new(Engine::Vllm, checkpoint, hardware, scenario)?;
        for part in &hardware.parts {
            usable_device(part.device, checkpoint.quant, least_capability(checkpoint.quant))?;
        }
        let value_bytes = value_bytes(scenario.kv)?;
        let release = Release::of(scenario);
        let (default_sequences, default_batched) =
            default_batch(&hardware.parts[0], release, scenario.context);
        let batched = scenario.batched.unwrap_or(default_batched);
        let sequences =
            scenario.sequences.unwrap_or(default_sequences).max(ranks.users(scenario.users));
        let architecture = checkpoint.architecture();
        let beside = Beside::new(Engine::Vllm, checkpoint, hardware, scenario)?;
        let speculative = checkpoint.addons.proposed();
        let settings = KvSettings { value_bytes, batched, speculative, release };
        let caches = layer_caches(architecture, ranks.cuts.attention);
        let of_stage = |stage: &Range<usize>| caches.get(stage.clone()).unwrap_or_default();
        let kv =
            ranks.stages.iter().map(|stage| KvLayout::new(of_stage(stage), settings)).collect();
        let with_mtp = || {
            let mut caches = ranks.stages.last().map(of_stage).unwrap_or_default().to_vec();
            caches.extend(beside.mtp_caches(ranks.cuts.attention));
            KvLayout::new(&caches, settings)
        };
        let kv_with_mtp = checkpoint.addons.mtp().map(|_| with_mtp());
        let weights = hardware.parts.iter().enumerate().filter_map(|(i, part)| {
            let layers = &ranks.stages[ranks.stage(i)?];
            let held = stage(checkpoint, ranks.cuts, layers);
            Some(of_rank(
                checkpoint,
                held,
                ranks.cuts.columns,
                compute_capability(part.device),
                release,
            ))
        });
        let weights = weights.collect();
        let batch = Batch { tokens: batched, sequences, ranks: ranks.tensor, release };
        let silent = Batch { sequences: 0, ..batch };
        Ok(VllmRun {
            checkpoint,
            hardware,
            scenario,
            ranks,
            sequences,
            batched,
            utilisation: scenario.utilisation.unwrap_or(release.utilisation()),
            release,
            graphs: cuda_graphs(scenario.eager),
            kv,
            kv_with_mtp,
            beside,
            weights,
            activations: (peak(architecture, batch), peak(architecture, silent)),
        })
    }

    /// What vLLM lets itself use of a device.
    fn budget(&self, part: &Part<'_>) -> Bytes {
        let visible = visible(part);
        let budget = visible.scale(self.utilisation as f64 / 1000.0);
        // Older releases capture graphs on top of the budget.
        let on_top = match self.release.budgets_graphs() {
            true => Bytes::ZERO,
            false => self.graphs.high,
        };
        (budget + on_top).min(visible).min(part.usable)
    }

    /// What the MTP layers add to the cache.
    fn mtp_cache(&self, context: u64, users: u64) -> Bytes {
        let with = self.kv_with_mtp.as_ref();
        let without = self.kv.last().map_or(Bytes::ZERO, |kv| kv.bytes(context, users));
        with.map_or(Bytes::ZERO, |kv| kv.bytes(context, users) - without)
    }

    /// The cache of one rank of a stage.
    fn cache(&self, layout: &KvLayout, context: u64, users: u64) -> Line {
        let kv = layout.bytes(context, users);
        let kv = match layout.is_exact() {
            true => Line::exact(Term::KvCache, kv, "blocks * block_bytes * users", SOURCE),
            false => {
                let kv = Interval::around(kv, 0.4, 1.4);
                Line::fitted(Term::KvCache, kv, "entries * entry_bytes * users", SOURCE)
            }
        };
        kv.with(&[
            ("blocks", layout.blocks(context)),
            ("block_bytes", layout.block_bytes().0),
            ("users", users),
            ("groups", layout.groups()),
        ])
    }

    fn shares(&self, context: u64, users: u64) -> Vec<Share> {
        let users = self.ranks.users(users);
        let caches: Vec<Line> =
            self.kv.iter().map(|layout| self.cache(layout, context, users)).collect();
        let of = |(i, part): (usize, &Part<'_>)| {
            let (Some(stage), Some(weights)) = (self.ranks.stage(i), self.weights.get(i)) else {
                return Share { usable: part.usable, layers: 0, lines: Vec::new() };
            };
            let weights = Line::fitted(Term::Weights, *weights, "sum(tensors of the rank)", SOURCE)
                .with(&[("tensor_parallel", self.ranks.tensor)]);
            let (sampling, silent) = self.activations;
            let last = stage + 1 == self.ranks.stages.len();
            let activations = if last { sampling } else { silent };
            let activations =
                Line::fitted(Term::Compute, activations, "max(prefill, sampler)", SOURCE).with(&[
                    ("max_num_batched_tokens", self.batched),
                    ("max_num_seqs", self.sequences),
                ]);
            let graphs = Line::fitted(Term::CudaGraphs, self.graphs, "measured", SOURCE);
            let rest =
                Line::fitted(Term::Overhead, non_torch(self.ranks.group()), "measured", SOURCE);
            Share {
                usable: self.budget(part),
                layers: self.ranks.stages[stage].len() as u64,
                lines: vec![weights, caches[stage].clone(), activations, graphs, rest],
            }
        };
        let mut shares: Vec<Share> = self.hardware.parts.iter().enumerate().map(of).collect();
        let mtp = self.mtp_cache(context, users);
        self.beside.add(&mut shares, Sharing::Ranks(&self.ranks), (context, users), mtp);
        shares
    }
}

/// What a CUDA process sees of a device; on unified memory, all of it.
pub(super) fn visible(part: &Part<'_>) -> Bytes {
    let driver = part.device.memory_usable_bytes.map_or(part.capacity, Bytes);
    match part.device.kind {
        DeviceKind::Discrete => driver.min(part.capacity) - CONTEXT,
        _ => part.usable.max(driver.min(part.capacity)),
    }
}

/// `max_num_seqs` and `max_num_batched_tokens` of `vllm serve` by device. Source:
/// `engine/arg_utils.py`, `get_batch_defaults`.
fn default_batch(part: &Part<'_>, release: Release, context: u64) -> (u64, u64) {
    // The V0 engine computed a prompt at once.
    if release < Release(8) {
        return (256, context.max(2048));
    }
    let memory = part.capacity.0 / GIB;
    let device = part.device;
    let small = device.id.contains("a100") || compute_capability(device) == Some(121);
    match memory {
        160.. => (1024, 16_384),
        70.. if !small => (1024, 8192),
        _ => (256, 2048),
    }
}

impl Run for VllmRun<'_> {
    fn hardware(&self) -> &Hardware<'_> {
        self.hardware
    }

    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill) {
        let basis = format!(
            "gpu_memory_utilization {} of what a process sees; all of it is taken, and what the \
             bill leaves becomes cache",
            self.utilisation as f64 / 1000.0
        );
        bills(self.hardware, self.shares(context, users), &basis, Vec::new())
    }

    fn loads(&self, context: u64, users: u64) -> Loads {
        loads(self.hardware, &self.shares(context, users), &[])
    }

    fn alone<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        let run = VllmRun::new(self.checkpoint, hardware, self.scenario).ok()?;
        Some(Box::new(run))
    }

    fn takes(&self) -> Option<u64> {
        Some(self.utilisation)
    }

    fn layout(&self) -> Layout {
        let value = value_bytes(self.scenario.kv).unwrap_or(2) as f64;
        Layout {
            parts: self.ranks.parts(self.checkpoint.architecture().n_layers()),
            cache: CacheTypes { key: value, value },
            microbatch: self.batched,
            copies: self.ranks.copies(),
            pooled: self.ranks.pooled(),
        }
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = vec![format!("--max-model-len {}", self.scenario.context)];
        let Ranks { tensor, stages, data, expert, .. } = &self.ranks;
        for (flag, size) in [
            ("--tensor-parallel-size", *tensor),
            ("--pipeline-parallel-size", stages.len() as u64),
            ("--data-parallel-size", *data),
        ] {
            if size > 1 {
                flags.push(format!("{flag} {size}"));
            }
        }
        if *expert > 1 {
            flags.push("--enable-expert-parallel".to_owned());
        }
        if self.scenario.utilisation.is_some() {
            let share = self.utilisation as f64 / 1000.0;
            flags.push(format!("--gpu-memory-utilization {share}"));
        }
        if self.scenario.sequences.is_some() {
            flags.push(format!("--max-num-seqs {}", self.sequences));
        }
        if self.scenario.batched.is_some() {
            flags.push(format!("--max-num-batched-tokens {}", self.batched));
        }
        if self.scenario.kv.k.block_elements() > 1 {
            flags.push("--kv-cache-dtype fp8".to_owned());
        }
        if self.scenario.eager {
            flags.push("--enforce-eager".to_owned());
        }
        flags.extend(self.beside.flags());
        flags
    }

    fn context_step(&self) -> u64 {
        self.kv.iter().map(KvLayout::block_tokens).max().unwrap_or(1)
    }

    fn most_users(&self) -> u64 {
        self.sequences.saturating_mul(self.ranks.data)
    }
}
