//! MLX's memory: weights, a cache that grows in steps of 256 tokens, and the activations of a
//! prefill step, within the working set that macOS wires for the GPU.
//!
//! Rules as of mlx-lm 0.32 (October 2026): `mlx_lm/models/cache.py` (steps, rotating caches),
//! `mlx_lm/generate.py` (`prefill_step_size`, `kv_bits`), `mlx_lm/utils.py` (quantisation, wired
//! limit = `max_recommended_working_set_size`).

use super::adapter::EngineAdapter;
use super::addons::image_tokens;
use super::checkpoint::CheckpointBase;
use super::checkpoint::addons::{CheckpointAddons, Distribution};
use super::command::{CheckpointSource, Command, Launch};
use super::layer_cache::{LayerCache, layer_caches};
use super::layout::Layout;
use super::model_files::Addons;
use super::refusal::Refusal;
use super::run::Run;
use crate::architecture::{Architecture, AttentionSpan, Mixer};
use crate::bill::{DeviceLines, Line, bills, loads};
use crate::catalog::Model;
use crate::hardware::{Hardware, Loads};
use crate::quant::{Format, Mix, Quant};
use crate::report::{DeviceBill, HostBill, RefusalReason, Suggestion, Term};
use crate::scenario::{CacheType, CacheTypes, Engine, Lora};
use crate::units::{Bytes, Interval};

/// The release whose rules are applied.
pub const VERSION: &str = "0.32 of mlx-lm (October 2026)";

const SOURCE: &str = "mlx-lm 0.32";

/// Tokens by which a cache grows at a time (`KVCache.step`).
const STEP: u64 = 256;

/// Tokens of a prefill step (`prefill_step_size` of `generate` and the server).
const PREFILL: u64 = 2048;

/// The type that keys and values are cached in. `kv_bits` has groups of 64 with an FP16 scale and
/// bias each, which take as many bits as the scales of Q8_0 and Q4_0.
fn cache_type(kv: CacheTypes) -> Result<CacheType, Refusal> {
    use CacheType::{BF16, F16, Q4_0, Q8_0};
    let kv = kv.without_fp8();
    match (kv.key, kv.value) {
        (F16 | BF16, F16 | BF16) => Ok(F16),
        (Q8_0, Q8_0) => Ok(Q8_0),
        (Q4_0, Q4_0) => Ok(Q4_0),
        _ => Err(Refusal::of(RefusalReason::CacheType, "kv", kv).set("kv", "q8_0")),
    }
}

/// MLX.
pub(super) struct Mlx;

impl EngineAdapter for Mlx {
    fn engine(&self) -> Engine {
        Engine::Mlx
    }

    fn version(&self) -> &'static str {
        VERSION
    }

    fn check_format(&self, quant: Quant) -> Result<(), Refusal> {
        match quant.scheme() {
            Quant::Gguf(Mix::BF16 | Mix::F16 | Mix::F32) => Ok(()),
            Quant::Format(Format::Mlx(_) | Format::Mxfp4 | Format::Mxfp4Q8 | Format::Nvfp4) => {
                Ok(())
            }
            _ => {
                let bits = match quant.nominal_bits() {
                    bits @ 2..=6 => bits,
                    ..2 => 2,
                    _ => 8,
                };
                Err(Refusal::new(RefusalReason::FormatNotLoaded, quant).or(Format::Mlx(bits)))
            }
        }
    }

    fn usual_formats(&self) -> &'static [Quant] {
        &[
            Quant::Format(Format::Mlx(8)),
            Quant::Format(Format::Mlx(6)),
            Quant::Format(Format::Mlx(5)),
            Quant::Format(Format::Mlx(4)),
        ]
    }

    fn run_checkpoint<'a>(
        &'static self,
        base: CheckpointBase<'a>,
    ) -> Result<Box<dyn Run + 'a>, Refusal> {
        let CheckpointBase { checkpoint, hardware, scenario, .. } = base;
        match hardware.parts.as_slice() {
            [] => return Err(Refusal::new(RefusalReason::NeedsDevice, "cpu")),
            [part] if part.device.vendor == "Apple" => {}
            [part] => return Err(Refusal::new(RefusalReason::NoBackend, &part.device.id)),
            parts => {
                let asked = format!("{} devices", parts.len());
                return Err(
                    Refusal::new(RefusalReason::OneDevice, asked).or(Suggestion::Devices(1))
                );
            }
        }
        Ok(Box::new(MlxRun {
            base,
            caches: layer_caches(checkpoint.architecture(), 1),
            cache_type: cache_type(scenario.kv)?,
            addons: CheckpointAddons::new(&Mlx, base)?,
        }))
    }

    /// A server loads a single adapter (`--adapter-path`).
    fn check_lora(&self, lora: Lora) -> Result<(), Refusal> {
        match lora.count {
            0 | 1 => Ok(()),
            count => {
                let asked = format!("{}*{count}", lora.rank);
                Err(Refusal::of(RefusalReason::NotOffered, "lora", asked).set("lora", lora.rank))
            }
        }
    }

    fn launch(&self, model: &Model, quant: Quant, flags: &[String]) -> Launch {
        let source = CheckpointSource::new(Engine::Mlx, model, quant);
        let command = Command::new("mlx_lm.generate --model").word(source.name());
        Launch::of(command.flags(flags).with("--prompt Hello"))
    }

    fn addon_flags(&self, addons: &Addons<'_>, _: bool) -> Vec<String> {
        let mut flags = Vec::new();
        if addons.lora.is_some() {
            flags.push("--adapter-path adapter".to_owned());
        }
        if let Some(draft) = addons.draft() {
            let (id, tokens) = (&draft.model().hf_id, addons.proposed());
            flags.push(format!("--draft-model {id} --num-draft-tokens {tokens}"));
        }
        flags
    }
}

struct MlxRun<'a> {
    base: CheckpointBase<'a>,
    caches: Vec<LayerCache>,
    cache_type: CacheType,
    addons: CheckpointAddons<'a>,
}

/// Memory of a Mamba-2 layer's scan. It multiplies the state with every token of a step of 256
/// (`ssm.py`) in FP32, and about four of these products are alive. From one measured peak (Granite
/// 4.0 H Small).
fn scan(architecture: &Architecture) -> Bytes {
    let mamba = architecture.layers.iter().filter_map(|layer| layer.mixer.mamba2());
    let state = mamba.map(|m| m.d_inner.saturating_mul(m.d_state)).max().unwrap_or(0);
    Bytes(4 * 4 * STEP) * state
}

/// Bytes that attention takes for each pair of a step's token and one in the cache, at the widest
/// layer that keeps the whole context.
///
/// MLX has kernels that keep scores in registers for heads of 64, 80, 96 and 128 values only
/// (`sdpa_full_supported_head_dim` in `scaled_dot_product_attention.cpp`); for others (Qwen3.5 with 256,
/// Gemma 4 with 512) the scores of all heads lie in memory, in 16 bits, with a mask of a byte. Of
/// Qwen3.8-27B at 131,072 tokens steps of 2,048, 1,024, 512 and 256 took 39.8, 32.3, 28.5 and 26.5 GB
/// (github.com/ml-explore/mlx-lm/pull/1781), which is 55 to 60 bytes a pair; its 24 heads give 49.
/// Latent attention takes twice that: DeepSeek-V3 took 15.4 GB more at 16,384 tokens than at 4,096
/// (github.com/ml-explore/mlx-lm/pull/839), 13.8 of them by this.
fn scores(architecture: &Architecture) -> u64 {
    const FUSED: [u64; 4] = [64, 80, 96, 128];
    let pair = |mixer: &Mixer| match mixer {
        // Scores of the positions are a second array.
        Mixer::Mla(latent) => 4 * latent.heads,
        mixer => match mixer.attention() {
            Some(a) if a.reach == AttentionSpan::Full && !FUSED.contains(&a.head_dim) => {
                2 * a.heads + 1
            }
            _ => 0,
        },
    };
    architecture.layers.iter().map(|layer| pair(&layer.mixer)).max().unwrap_or(0)
}

/// Memory of Metal and the Python process in addition to arrays; "Peak memory" is printed without it
/// (`mx.get_peak_memory`).
///
/// The process holds more: Python, and buffers that arrays have left, which are kept for the next ones.
/// Footprints of six servers lay 0.9 to 4.2 GiB above the peak that is foreseen
/// (github.com/raullenchai/Rapid-MLX, docs/benchmarks/model-recommendation-measurements.json).
const RUNTIME: Interval<Bytes> =
    Interval { low: Bytes::ZERO, expected: Bytes::mib(250), high: Bytes::mib(1_024) };

/// Buffers that arrays have left and a server's own memory: the footprints of those servers lie up to so
/// much above the peak with the logits of a step (`xtask/data/fit_memory.py`). MLX gives the buffers
/// back where memory is short.
const KEPT: Bytes = Bytes::mib(2_560);

impl MlxRun<'_> {
    /// Activations of a prefill step at this context.
    fn activations(&self, context: u64) -> Interval<Bytes> {
        let architecture = self.base.architecture();
        let values = 3 * architecture.widest_ffn() + 4 * architecture.hidden_size;
        let scenario = self.base.scenario;
        let tokens = scenario.max_num_batched_tokens.unwrap_or(PREFILL).min(context);
        let serving = scenario.serving.with_images(image_tokens(architecture));
        let (prompt, _) = serving.within(context);
        let scores = scores(architecture);
        let step = |tokens: u64, context: u64| {
            let of_tokens = Bytes(2 * values).scale(tokens as f64) + scan(architecture);
            of_tokens + Bytes(scores) * tokens * context
        };
        let prefill = step(tokens, prompt.max(tokens));
        // Servers that evaluate the logits of the whole prompt hold them in two copies.
        let logits = Bytes(4 * architecture.vocab_size).scale(tokens as f64);
        // A step is no longer than the prompt, and the context may come to be filled.
        let least = tokens.min(prompt);
        let low = step(least, least).scale(0.5);
        let high = step(tokens, context.max(tokens)).max(prefill.scale(1.6));
        Interval { low, expected: prefill, high: high + logits }
    }

    fn share(&self, context: u64, users: u64) -> DeviceLines {
        let whole_steps = |n: u64| n.div_ceil(STEP).saturating_mul(STEP);
        let kv = self.caches.iter().map(|cache| {
            // A rotating cache grows to its window plus one prefill step.
            let entries = match cache.window {
                Some(window) if cache.ratio <= 1 => {
                    whole_steps(context).min(window.saturating_add(PREFILL))
                }
                _ => whole_steps(cache.entries(context)),
            };
            // Rotating caches are not quantised.
            let ty = if cache.window.is_some() { CacheType::F16 } else { self.cache_type };
            let values = cache.entry() + cache.index_key;
            Bytes(ty.bytes(values)) * entries
        });
        let kv = kv.sum::<Bytes>() * users;
        let state = |cache: &LayerCache| Bytes(cache.conv * 2 + cache.recurrent * 4);
        let state = self.caches.iter().map(state).sum::<Bytes>() * users;
        let mut share = DeviceLines {
            usable: self.base.hardware.parts[0].usable,
            layers: self.base.n_layers(),
            lines: vec![
                Line::exact(
                    Term::Weights,
                    self.base.checkpoint.loaded(),
                    "sum(tensors)",
                    self.base.checkpoint.source(SOURCE),
                ),
                Line::exact(Term::KvCache, kv, "sum(layers) token_bytes * tokens", SOURCE)
                    .with(&[("context", whole_steps(context)), ("users", users)]),
                Line::exact(Term::RecurrentState, state, "sum(layers) * users", SOURCE)
                    .with(&[("users", users)]),
                Line::fitted(Term::Compute, self.activations(context), "prefill step", SOURCE),
                Line::fitted(Term::Overhead, RUNTIME, "measured", SOURCE),
                Line::kept(KEPT, "footprints of servers, above what is expected"),
            ],
        };
        let shares = std::slice::from_mut(&mut share);
        self.addons.add(shares, Distribution::One, (context, users), Some(Bytes::ZERO));
        // mlx-lm passes over the towers of a checkpoint; mlx-vlm loads them.
        let towers = share.lines.iter_mut().filter(|line| line.term == Term::Projector);
        towers.for_each(|line| line.bytes.low = Bytes::ZERO);
        share
    }
}

impl Run for MlxRun<'_> {
    fn hardware(&self) -> &Hardware<'_> {
        self.base.hardware
    }

    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill) {
        bills(self.base.hardware, vec![self.share(context, users)], "", Vec::new())
    }

    fn loads(&self, context: u64, users: u64) -> Loads {
        loads(self.base.hardware, &[self.share(context, users)], &[])
    }

    fn on<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        Mlx.run_checkpoint(self.base.on(hardware)).ok()
    }

    fn layout(&self) -> Layout {
        Layout {
            parts: Layout::ranks(1, self.base.n_layers()),
            cache: CacheTypes::both(self.cache_type),
            microbatch: self.base.scenario.max_num_batched_tokens.unwrap_or(PREFILL),
            copies: 1,
            expert_sharing_ranks: 1,
            cache_ranks: 1,
            cache_on_host: false,
        }
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = vec![format!("--max-kv-size {}", self.base.scenario.context)];
        match self.cache_type {
            CacheType::Q8_0 => flags.push("--kv-bits 8".to_owned()),
            CacheType::Q4_0 => flags.push("--kv-bits 4".to_owned()),
            _ => {}
        }
        flags.extend(self.addons.flags());
        flags
    }

    fn context_step(&self) -> u64 {
        STEP
    }

    fn max_users(&self) -> u64 {
        self.base.scenario.max_num_seqs.unwrap_or(u64::MAX)
    }
}
