//! The coefficients fitted to public measurements, and how far to trust them.
//!
//! `calibration.json` is written by `xtask/data/fit_speed.py` from `tests/data/measured-speed.csv`:
//! each calibration (of an engine on a backend in a period) states how many measurements it rests
//! on, their median and 90th-percentile errors, and the spread within which leave-one-out
//! predictions fell.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::chip::Backend;
use crate::scenario;

/// An engine as distinguished by speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// llama.cpp and its front ends: Ollama, LM Studio, KoboldCpp.
    #[serde(rename = "llama.cpp")]
    LlamaCpp,
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// TensorRT-LLM and NIM.
    #[serde(rename = "tensorrt-llm")]
    TensorRtLlm,
    /// MLX.
    Mlx,
    /// ExLlamaV2 and V3.
    #[serde(rename = "exllama")]
    ExLlama,
    /// Hugging Face Transformers.
    Transformers,
    /// MLC-LLM.
    MlcLlm,
    /// AutoAWQ's own inference.
    AutoAwq,
    /// DeepSpeed (MII; Habana's fork on Gaudi).
    DeepSpeed,
}

impl Engine {
    /// The engine's usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Engine::LlamaCpp => "llama.cpp",
            Engine::Vllm => "vLLM",
            Engine::Sglang => "SGLang",
            Engine::TensorRtLlm => "TensorRT-LLM",
            Engine::Mlx => "MLX",
            Engine::ExLlama => "ExLlama",
            Engine::Transformers => "Transformers",
            Engine::MlcLlm => "MLC-LLM",
            Engine::AutoAwq => "AutoAWQ",
            Engine::DeepSpeed => "DeepSpeed",
        }
    }
}

impl From<scenario::Engine> for Engine {
    fn from(engine: scenario::Engine) -> Engine {
        match engine {
            scenario::Engine::LlamaCpp
            | scenario::Engine::Ollama
            | scenario::Engine::LmStudio
            | scenario::Engine::KoboldCpp => Engine::LlamaCpp,
            scenario::Engine::Vllm => Engine::Vllm,
            scenario::Engine::Sglang => Engine::Sglang,
            scenario::Engine::TensorRtLlm => Engine::TensorRtLlm,
            scenario::Engine::Mlx => Engine::Mlx,
            scenario::Engine::Transformers => Engine::Transformers,
            scenario::Engine::ExLlamaV3 => Engine::ExLlama,
        }
    }
}

/// Period in which the software was built: kernels and schedulers got faster every year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Era {
    /// 2023.
    Y2023,
    /// 2024.
    Y2024,
    /// The first half of 2025: vLLM 0.7, SGLang 0.4.
    #[serde(rename = "early2025")]
    Early2025,
    /// From mid-2025 on: current releases.
    #[default]
    Current,
}

/// The software that runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Software {
    /// The engine.
    pub engine: Engine,
    /// The backend that drives the device.
    pub backend: Backend,
    /// The period in which it was built.
    pub era: Era,
}

impl Software {
    /// Returns the current release of `engine` with the default backend of `chip`.
    pub fn on(engine: Engine, chip: &super::chip::Chip) -> Software {
        Software { engine, backend: chip.backend, era: Era::Current }
    }
}

/// Coefficients of an engine, or of several similar ones, on one backend in one period.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The engines that the coefficients apply to.
    pub engines: Vec<Engine>,
    /// The backend that they apply to.
    pub backend: Backend,
    /// The period that they apply to.
    pub era: Era,
    /// Costs of a decode step.
    pub step: StepCosts,
    /// Costs of a prompt.
    pub prefill: PrefillCosts,
    /// Measurements of decoding for one user.
    pub decode_evidence: Evidence,
    /// Measurements of decoding in batches.
    pub batch_evidence: Evidence,
    /// Measurements of prefill.
    pub prefill_evidence: Evidence,
    /// Measured device families, each with its own small factor; empty if families were not
    /// distinguished.
    #[serde(default)]
    pub families: BTreeMap<String, Family>,
}

/// Costs of a decode step; the formula is in `roofline.rs` and docs/speed.md.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepCosts {
    /// Microseconds per layer at a clock of 2 GHz, independent of the model's size: kernel launches
    /// and their latency.
    pub layer_us: f64,
    /// Exponent with which `layer_us` falls as the clock rises; 0 if the cost is on the host.
    pub clock_exponent: f64,
    /// Cost that routed experts add to a layer, as a ratio of `layer_us`.
    pub moe_layer: f64,
    /// Cost that recurrence adds to a layer, as a ratio of `layer_us`.
    pub recurrent_layer: f64,
    /// Cost that latent attention adds to a layer, as a ratio of `layer_us`.
    pub latent_layer: f64,
    /// Microseconds per sequence beyond the first: sampling, scheduling.
    pub sequence_us: f64,
    /// Microseconds per additional device in a layer split.
    pub hop_us: f64,
    /// Microseconds per layer and doubling of devices for the all-reduces of tensor parallelism.
    pub reduce_us: f64,
    /// Share of the link's rate achieved by all-reduces.
    pub link_share: f64,
    /// Largest share of the memory bandwidth achieved when reading weights.
    pub bandwidth_share: f64,
    /// Largest number of bytes of weights per compute unit and clock.
    pub unit_bytes: Option<f64>,
    /// Share of the memory bandwidth achieved when reading the cache.
    pub cache_share: f64,
    /// Rate of reading a latent (MLA) cache, as a ratio of that of other caches.
    pub latent_cache: f64,
    /// Rate of reading the cache without flash attention, as a ratio of that with it.
    pub plain_attention_cache: f64,
    /// Exponent with which the bytes read grow with the query heads per KV head, for kernels that
    /// read the cache once per query head; 0 in all current engines.
    pub repeated_heads: f64,
    /// Factor on the bytes of 16-bit routed experts, for backends without a native kernel.
    pub half_experts: f64,
    /// Rate of arithmetic in a step.
    pub compute: Rate,
    /// Rate of arithmetic in a model with routed experts, as a ratio of `compute`.
    pub moe_compute: f64,
    /// Rate of arithmetic with 4-bit weights that are dequantised before use, as a ratio of
    /// `compute`.
    #[serde(rename = "widened_compute")]
    pub dequantised_compute: f64,
    /// Fixed cost of a layer with such weights, as a ratio of `layer_us`.
    #[serde(rename = "widened_layer")]
    pub dequantised_layer: f64,
}

/// A rate of arithmetic: `share x peak^g x (512 x unit_hz)^(1 - g)` operations per second.
///
/// With `g = 1` it is a share of the device's peak, with `g = 0` a number of operations per compute
/// unit and clock; kernels that are not written for a device lie in between.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Share of the rate that the formula has without it.
    pub share: f64,
    /// The exponent `g` of the formula.
    pub peak_exponent: f64,
    /// The peak in the formula.
    pub peak: Peak,
}

/// The peak rate of a device that a kernel is related to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peak {
    /// Peak for the number format of the operands.
    Operands,
    /// Peak for FP16 with FP16 accumulate, which GeForce computes at twice the rate of FP32.
    HalfFast,
    /// Peak for INT8: llama.cpp quantises activations to 8 bits.
    Int8,
}

/// The devices on which a prompt's quantised weights are dequantised to 16 bits and multiplied by a
/// matrix library, rather than by kernels for quantised weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dequantise {
    /// On no device.
    Never,
    /// On devices without INT8 products (NVIDIA: P100, V100).
    WithoutInt8,
    /// On every device: llama.cpp on CUDA until June 2024.
    Always,
}

/// Costs of a prompt.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefillCosts {
    /// Rate of the matrix products of kernels for quantised weights.
    pub compute: Rate,
    /// Rate of the matrix products with 16-bit weights.
    pub half: Rate,
    /// The devices on which quantised weights are dequantised and multiplied like 16-bit ones.
    #[serde(rename = "widen")]
    pub dequantise: Dequantise,
    /// Share of the memory bandwidth achieved when dequantising: 2 bytes per weight are written and
    /// read again.
    #[serde(rename = "widen_share")]
    pub dequantise_share: f64,
    /// Exponent with which rates grow with the board power per unit and clock: boards with little
    /// power do not hold their boost clock. The reference is 1.5 W per unit and GHz.
    pub power_exponent: f64,
    /// Rate of attention.
    pub attention: Rate,
    /// Rate of latent attention, as a ratio of `attention`.
    pub latent_attention: f64,
    /// Rate of attention without flash attention, as a ratio of `attention`.
    pub plain_attention: f64,
    /// Tokens per expert at which its products reach half their rate.
    pub expert_tokens: f64,
    /// Rate of the products with routed experts, as a ratio of that of other weights.
    pub moe: f64,
    /// Additional ratio for 16-bit routed experts: without a kernel for them, each expert is a
    /// product of its own.
    pub half_experts: f64,
    /// Microseconds per layer and microbatch.
    pub layer_us: f64,
    /// Milliseconds per request: tokenising, scheduling, transport.
    pub request_ms: f64,
    /// Share of ideal pipelining that a layer split achieves.
    pub pipeline: f64,
}

/// Measurements behind some coefficients, and their errors.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Number of measurements.
    pub n: u32,
    /// Median error of the fit, in %.
    pub median_pct: f64,
    /// 90th percentile of the error of the fit, in %.
    pub p90_pct: f64,
    /// Factor within which predictions of left-out (device, model, engine) groups fell.
    pub spread: f64,
    /// Factor within which predictions of left-out device families fell.
    pub spread_unseen: f64,
    /// Collections that the measurements come from.
    #[serde(default)]
    pub sources: Vec<String>,
}

/// Coefficients of a device family, relative to other families under the same software.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Factor on step times.
    pub step: f64,
    /// Factor on prefill rates.
    pub prefill: f64,
    /// Number of measurements of steps.
    pub n_step: u32,
    /// Number of measurements of prefill.
    pub n_prefill: u32,
}

/// The contents of `calibration.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "classes")]
    calibrations: Vec<Calibration>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // A test parses the table; if it were damaged nevertheless, there would be no estimates.
    serde_json::from_str(include_str!("calibration.json"))
        .unwrap_or(Table { calibrations: Vec::new() })
});

/// Whether the software itself was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Measured.
    Measured,
    /// Another engine or period stands in for it.
    StandIn,
}

impl Calibration {
    /// Returns all calibrations.
    pub fn all() -> &'static [Calibration] {
        &TABLE.calibrations
    }

    /// Returns the calibration of `software`, or the nearest one; `None` only if the table is
    /// empty.
    ///
    /// llama.cpp stands in for llama.cpp only and serving engines for all others; then the same
    /// period, engine and backend are preferred, in that order. The period counts more than the
    /// backend: servers of 2024 on AMD ran at half the speed of current ones (MLPerf 5.1).
    pub fn nearest(software: Software) -> Option<(&'static Calibration, Known)> {
        let all = Calibration::all();
        let Software { engine, backend, era } = software;
        let exact = all
            .iter()
            .find(|c| c.engines.contains(&engine) && c.backend == backend && c.era == era);
        if let Some(exact) = exact {
            return Some((exact, Known::Measured));
        }
        let llama = engine == Engine::LlamaCpp;
        let nearest = all.iter().max_by_key(|c| {
            let (same, on) = (c.engines.contains(&engine), c.backend == backend);
            let alike = c.engines.contains(&Engine::LlamaCpp) == llama;
            (alike, c.era == era, same, on, c.decode_evidence.n)
        });
        nearest.map(|nearest| (nearest, Known::StandIn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_parses_and_its_shares_are_physical() {
        let table: Table = serde_json::from_str(include_str!("calibration.json")).unwrap();
        assert!(!table.calibrations.is_empty());
        for calibration in &table.calibrations {
            let StepCosts { bandwidth_share, cache_share, .. } = calibration.step;
            assert!((0.0..=1.0).contains(&bandwidth_share), "{calibration:?}");
            assert!((0.0..=1.0).contains(&cache_share), "{calibration:?}");
            assert!(calibration.decode_evidence.spread >= 1.0);
        }
    }

    #[test]
    fn unknown_software_is_said_to_be_stood_in_for() {
        let software = |engine, backend, era| Software { engine, backend, era };
        let nearest = Calibration::nearest;
        let known = |s| nearest(s).map(|(_, known)| known);
        let (llama, current) = (Engine::LlamaCpp, Era::Current);
        assert_eq!(known(software(llama, Backend::Cuda, current)), Some(Known::Measured));
        assert_eq!(known(software(llama, Backend::Other, current)), Some(Known::StandIn));
        let (stand_in, _) =
            nearest(software(Engine::Transformers, Backend::Cuda, current)).unwrap();
        assert!(stand_in.engines.contains(&Engine::Vllm));
        let (stand_in, _) = nearest(software(Engine::Vllm, Backend::Rocm, current)).unwrap();
        assert_eq!(stand_in.era, current);
        let (stand_in, _) = nearest(software(llama, Backend::Metal, Era::Y2023)).unwrap();
        assert_eq!(stand_in.backend, Backend::Metal);
    }
}
