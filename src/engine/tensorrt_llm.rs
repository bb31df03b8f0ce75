//! TensorRT-LLM's memory, as far as public facts go: weights and activation buffers first, then a
//! fraction of what is free for the paged cache.
//!
//! Rules as of release 1.2 (2026), PyTorch backend: the documentation's memory page
//! (`free_gpu_memory_fraction` 0.9, `max_num_tokens` 8192, `max_batch_size` 2048, blocks of 32
//! tokens); the fraction holds in all four logs that can be checked.

use super::addons::checkpoint::{Beside, Sharing};
use super::ranks::Ranks;
use super::vllm;
use super::{
    Checkpoint, LayerCache, Layout, Line, Refusal, Rule, Run, Share, bills, layer_caches, loads,
};
use crate::catalog::Model;
use crate::placement::{Hardware, Loads, Part};
use crate::quant::{Format, Mix, Quant};
use crate::report::{DeviceBill, HostBill, Term};
use crate::scenario::{Engine, Scenario};
use crate::speed::CacheTypes;
use crate::units::{Bytes, Interval};

/// The release whose rules these are.
pub const VERSION: &str = "1.2 (2026)";

const SOURCE: &str = "TensorRT-LLM 1.2 documentation";

/// `kv_cache_config.free_gpu_memory_fraction` in thousandths.
const FRACTION: u64 = 900;

/// Tokens in a block of the cache.
const BLOCK: u64 = 32;

/// Architectures that the documentation's support matrix lists, by their GGUF names.
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

/// It has an implementation of `model`'s architecture.
pub(super) fn knows(model: &Model) -> bool {
    let known = |arch: &str| ARCHITECTURES.contains(&arch);
    model.architecture().gguf_arch.as_deref().is_some_and(known)
}

pub(super) fn format(quant: Quant) -> Result<(), Refusal> {
    match quant {
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
        _ => Err(Refusal::new(Rule::FormatNotLoaded, quant).or(vllm::nearest_format(quant))),
    }
}

struct TensorRtRun<'a> {
    checkpoint: &'a Checkpoint<'a>,
    hardware: &'a Hardware<'a>,
    scenario: &'a Scenario,
    ranks: Ranks,
    value_bytes: u64,
    caches: Vec<LayerCache>,
    /// Weights on each pipeline stage.
    weights: Vec<Interval<Bytes>>,
    activations: Interval<Bytes>,
    beside: Beside<'a>,
}

pub(super) fn run<'a>(
    checkpoint: &'a Checkpoint<'a>,
    hardware: &'a Hardware<'a>,
    scenario: &'a Scenario,
) -> Result<Box<dyn Run + 'a>, Refusal> {
    let ranks = Ranks::new(Engine::TensorRtLlm, checkpoint, hardware, scenario)?;
    for part in &hardware.parts {
        if part.device.vendor != "NVIDIA" {
            return Err(Refusal::new(Rule::NoBackend, &part.device.id));
        }
        vllm::usable_device(part.device, checkpoint.quant, 80)?;
    }
    let release = vllm::Release::CURRENT;
    let batch = vllm::Batch {
        tokens: scenario.batched.unwrap_or(8192),
        sequences: scenario.sequences.unwrap_or(ranks.users(scenario.users)),
        ranks: ranks.tensor,
        release,
    };
    let first = &hardware.parts[0];
    let peak = vllm::peak(checkpoint.architecture(), batch);
    Ok(Box::new(TensorRtRun {
        checkpoint,
        hardware,
        scenario,
        ranks: ranks.clone(),
        value_bytes: vllm::value_bytes(scenario.kv)?,
        caches: layer_caches(checkpoint.architecture(), ranks.cuts.attention),
        weights: super::ranks::weights(checkpoint, &ranks, super::compute_capability(first.device)),
        activations: Interval { high: peak.high.scale(1.5), ..peak },
        beside: Beside::new(Engine::TensorRtLlm, checkpoint, hardware, scenario)?,
    }))
}

/// What the runtime takes beside: 1.9 GiB in the documentation's example, buffers of 43 and 180 MB
/// included.
const RUNTIME: Interval<Bytes> =
    Interval { low: Bytes::mib(700), expected: Bytes::mib(1_600), high: Bytes::mib(2_600) };

impl TensorRtRun<'_> {
    fn kv(&self, caches: &[LayerCache], context: u64, users: u64) -> (Bytes, Bytes) {
        let whole = |tokens: u64| tokens.div_ceil(BLOCK).saturating_mul(BLOCK);
        let kv = caches.iter().map(|cache| {
            let entry = cache.entry() * self.value_bytes + cache.index_key;
            Bytes(entry) * whole(cache.entries(context)) * users
        });
        let state = |cache: &LayerCache| Bytes(2 * cache.conv + 4 * cache.recurrent) * users;
        (kv.sum(), caches.iter().map(state).sum())
    }

    /// What the MTP layers cache, in blocks as the model's layers do.
    fn mtp_cache(&self, context: u64, users: u64) -> Bytes {
        self.kv(&self.beside.mtp_caches(self.ranks.cuts.attention), context, users).0
    }

    /// Of what weights, activations and runtime leave, one less the fraction stays free.
    fn shares(&self, context: u64, users: u64) -> Vec<Share> {
        let users = self.ranks.users(users);
        let fraction = self.scenario.utilisation.unwrap_or(FRACTION) as f64 / 1000.0;
        let of = |(i, part): (usize, &Part<'_>)| {
            let Some(stage) = self.ranks.stage(i) else {
                return Share { usable: part.usable, layers: 0, lines: Vec::new() };
            };
            let (layers, weights) = (&self.ranks.stages[stage], self.weights[stage]);
            let caches = self.caches.get(layers.clone()).unwrap_or_default();
            let (kv, state) = self.kv(caches, context, users);
            let free =
                part.usable - weights.expected - self.activations.expected - RUNTIME.expected;
            let source = SOURCE;
            Share {
                usable: part.usable - free.scale(1.0 - fraction),
                layers: layers.len() as u64,
                lines: vec![
                    Line::fitted(Term::Weights, weights, "sum(tensors of the rank)", source)
                        .with(&[("tensor_parallel", self.ranks.tensor)]),
                    Line::exact(Term::KvCache, kv, "blocks * block_bytes * users", source)
                        .with(&[("context", context), ("users", users)]),
                    Line::exact(Term::RecurrentState, state, "sum(layers) * users", source),
                    Line::fitted(Term::Compute, self.activations, "max_num_tokens", source),
                    Line::fitted(Term::Overhead, RUNTIME, "documentation's example", source),
                ],
            }
        };
        let mut shares: Vec<Share> = self.hardware.parts.iter().enumerate().map(of).collect();
        let mtp = self.mtp_cache(context, users);
        self.beside.add(&mut shares, Sharing::Ranks(&self.ranks), (context, users), mtp);
        shares
    }
}

impl Run for TensorRtRun<'_> {
    fn hardware(&self) -> &Hardware<'_> {
        self.hardware
    }

    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill) {
        let fraction = self.scenario.utilisation.unwrap_or(FRACTION) as f64 / 1000.0;
        let basis =
            format!("free_gpu_memory_fraction {fraction} of what weights and buffers leave");
        bills(self.hardware, self.shares(context, users), &basis, Vec::new())
    }

    fn loads(&self, context: u64, users: u64) -> Loads {
        loads(self.hardware, &self.shares(context, users), &[])
    }

    fn alone<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        run(self.checkpoint, hardware, self.scenario).ok()
    }

    fn layout(&self) -> Layout {
        let value = self.value_bytes as f64;
        Layout {
            parts: self.ranks.parts(self.checkpoint.architecture().n_layers()),
            cache: CacheTypes { key: value, value },
            microbatch: self.scenario.batched.unwrap_or(8192),
            copies: self.ranks.copies(),
            pooled: self.ranks.pooled(),
        }
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = vec![format!("--max_seq_len {}", self.scenario.context)];
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
        if let Some(fraction) = self.scenario.utilisation {
            flags.push(format!("--kv_cache_free_gpu_memory_fraction {}", fraction as f64 / 1000.0));
        }
        if let Some(tokens) = self.scenario.batched {
            flags.push(format!("--max_num_tokens {tokens}"));
        }
        if let Some(sequences) = self.scenario.sequences {
            flags.push(format!("--max_batch_size {sequences}"));
        }
        flags.extend(self.beside.flags());
        flags
    }

    fn context_step(&self) -> u64 {
        BLOCK
    }

    fn most_users(&self) -> u64 {
        self.scenario.sequences.unwrap_or(2048).saturating_mul(self.ranks.data)
    }
}
