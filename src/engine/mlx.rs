//! MLX's memory: weights, a cache that grows by 256 tokens, and the activations of a prefill step,
//! within the working set that macOS wires for the GPU.
//!
//! Rules as of mlx-lm 0.32 (October 2026): `mlx_lm/models/cache.py` (steps, rotating caches),
//! `mlx_lm/generate.py` (`prefill_step_size`, `kv_bits`), `mlx_lm/utils.py` (quantisation, wired
//! limit = `max_recommended_working_set_size`).

use super::addons::checkpoint::{Beside, Sharing};
use super::{
    Checkpoint, LayerCache, Layout, Line, Refusal, Rule, Run, Share, bills, layer_caches, loads,
    widest_ffn,
};
use crate::architecture::Architecture;
use crate::placement::{Hardware, Loads};
use crate::quant::{Format, GgmlType, Mix, Quant};
use crate::report::{DeviceBill, HostBill, Term};
use crate::scenario::{Engine, KvTypes, Scenario};
use crate::speed::CacheTypes;
use crate::units::{Bytes, Interval};

/// The release whose rules these are.
pub const VERSION: &str = "0.32 of mlx-lm (October 2026)";

const SOURCE: &str = "mlx-lm 0.32";

/// Tokens by which a cache grows (`KVCache.step`).
const STEP: u64 = 256;

/// Tokens of a prefill step (`prefill_step_size` of `generate` and the server).
const PREFILL: u64 = 2048;

pub(super) fn format(quant: Quant) -> Result<(), Refusal> {
    match quant {
        Quant::Gguf(Mix::BF16 | Mix::F16 | Mix::F32) => Ok(()),
        Quant::Format(Format::Mlx(_) | Format::Mxfp4 | Format::Nvfp4) => Ok(()),
        _ => {
            let bits = match quant.nominal_bits() {
                bits @ 2..=6 => bits,
                ..2 => 2,
                _ => 8,
            };
            Err(Refusal::new(Rule::FormatNotLoaded, quant).or(Format::Mlx(bits)))
        }
    }
}

/// Bits of a cached value in quarters (`kv_bits` with groups of 64: an FP16 scale and bias each).
fn quarter_bits(kv: KvTypes) -> Result<u64, Refusal> {
    match (kv.k, kv.v) {
        (GgmlType::F16 | GgmlType::BF16, GgmlType::F16 | GgmlType::BF16) => Ok(64),
        (GgmlType::Q8_0, GgmlType::Q8_0) => Ok(34),
        (GgmlType::Q4_0, GgmlType::Q4_0) => Ok(18),
        _ => Err(Refusal::new(Rule::CacheType, format!("kv={kv}")).or("kv=q8_0")),
    }
}

struct MlxRun<'a> {
    checkpoint: &'a Checkpoint<'a>,
    hardware: &'a Hardware<'a>,
    scenario: &'a Scenario,
    caches: Vec<LayerCache>,
    quarter_bits: u64,
    beside: Beside<'a>,
    activations: Interval<Bytes>,
}

pub(super) fn run<'a>(
    checkpoint: &'a Checkpoint<'a>,
    hardware: &'a Hardware<'a>,
    scenario: &'a Scenario,
) -> Result<Box<dyn Run + 'a>, Refusal> {
    match hardware.parts.as_slice() {
        [] => return Err(Refusal::new(Rule::NeedsDevice, "cpu")),
        [part] if part.device.vendor == "Apple" => {}
        [part] => return Err(Refusal::new(Rule::NoBackend, &part.device.id)),
        parts => {
            let asked = format!("{} devices", parts.len());
            return Err(Refusal::new(Rule::OneDevice, asked).or("1 device"));
        }
    }
    let architecture = checkpoint.architecture();
    let values = 3 * widest_ffn(architecture) + 4 * architecture.hidden_size;
    let tokens = scenario.batched.unwrap_or(PREFILL).min(scenario.context);
    let prefill = Bytes(2 * values).scale(tokens as f64) + scan(architecture);
    // Servers that evaluate the logits of the whole prompt hold them in two copies.
    let logits = Bytes(4 * architecture.vocab_size).scale(tokens as f64);
    Ok(Box::new(MlxRun {
        checkpoint,
        hardware,
        scenario,
        caches: layer_caches(architecture, 1),
        quarter_bits: quarter_bits(scenario.kv)?,
        beside: Beside::new(Engine::Mlx, checkpoint, hardware, scenario)?,
        activations: Interval {
            low: prefill.scale(0.5),
            expected: prefill,
            high: prefill.scale(1.6) + logits,
        },
    }))
}

/// What a Mamba-2 layer's scan holds: it multiplies the state with every token of a step of 256
/// (`ssm.py`), in FP32, and about four of these products are alive. From one peak (Granite 4.0 H
/// Small).
fn scan(architecture: &Architecture) -> Bytes {
    let mamba = architecture.layers.iter().filter_map(|layer| layer.mixer.mamba2());
    let state = mamba.map(|m| m.d_inner.saturating_mul(m.d_state)).max().unwrap_or(0);
    Bytes(4 * 4 * STEP) * state
}

/// Memory that Metal and the Python process take beside arrays.
const RUNTIME: Interval<Bytes> =
    Interval { low: Bytes::mib(50), expected: Bytes::mib(250), high: Bytes::mib(600) };

impl MlxRun<'_> {
    fn share(&self, context: u64, users: u64) -> Share {
        let whole_steps = |n: u64| n.div_ceil(STEP).saturating_mul(STEP);
        let kv = self.caches.iter().map(|cache| {
            // A rotating cache of a window grows to the window and one prefill step beside it.
            let entries = match cache.window {
                Some(window) if cache.ratio <= 1 => {
                    whole_steps(context).min(window.saturating_add(PREFILL))
                }
                _ => whole_steps(cache.entries(context)),
            };
            // Rotating caches are not quantised.
            let quarters = if cache.window.is_some() { 64 } else { self.quarter_bits };
            let values = cache.entry() + cache.index_key;
            Bytes((values * quarters).div_ceil(32)) * entries
        });
        let kv = kv.sum::<Bytes>() * users;
        let state = |cache: &LayerCache| Bytes(cache.conv * 2 + cache.recurrent * 4);
        let state = self.caches.iter().map(state).sum::<Bytes>() * users;
        let mut share = Share {
            usable: self.hardware.parts[0].usable,
            layers: self.checkpoint.architecture().n_layers(),
            lines: vec![
                Line::exact(Term::Weights, self.checkpoint.loaded(), "sum(tensors)", SOURCE),
                Line::exact(Term::KvCache, kv, "sum(layers) token_bytes * tokens", SOURCE)
                    .with(&[("context", whole_steps(context)), ("users", users)]),
                Line::exact(Term::RecurrentState, state, "sum(layers) * users", SOURCE)
                    .with(&[("users", users)]),
                Line::fitted(Term::Compute, self.activations, "prefill step", SOURCE),
                Line::fitted(Term::Overhead, RUNTIME, "measured", SOURCE),
            ],
        };
        let shares = std::slice::from_mut(&mut share);
        self.beside.add(shares, Sharing::One, (context, users), Bytes::ZERO);
        share
    }
}

impl Run for MlxRun<'_> {
    fn hardware(&self) -> &Hardware<'_> {
        self.hardware
    }

    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill) {
        bills(self.hardware, vec![self.share(context, users)], "", Vec::new())
    }

    fn loads(&self, context: u64, users: u64) -> Loads {
        loads(self.hardware, &[self.share(context, users)], &[])
    }

    fn alone<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        run(self.checkpoint, hardware, self.scenario).ok()
    }

    fn layout(&self) -> Layout {
        let value = self.quarter_bits as f64 / 32.0;
        Layout {
            parts: Layout::ranks(1, self.checkpoint.architecture().n_layers()),
            cache: CacheTypes { key: value, value },
            microbatch: self.scenario.batched.unwrap_or(PREFILL),
            copies: 1,
            pooled: 1,
        }
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = vec![format!("--max-kv-size {}", self.scenario.context)];
        match self.quarter_bits {
            34 => flags.push("--kv-bits 8".to_owned()),
            18 => flags.push("--kv-bits 4".to_owned()),
            _ => {}
        }
        flags.extend(self.beside.flags());
        flags
    }

    fn context_step(&self) -> u64 {
        STEP
    }

    fn most_users(&self) -> u64 {
        self.scenario.sequences.unwrap_or(u64::MAX)
    }
}
