//! The coefficients fitted to public measurements, and how far to trust them.
//!
//! `calibration.json` is written by `xtask/data/fit_speed.py` from `tests/data/measured-speed.csv`:
//! each calibration (of an engine on a backend in a period) states how many measurements it rests on, their
//! median and 90th-percentile errors, and the spread within which leave-one-out predictions fell.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::chip::Backend;
use crate::scenario;

/// An engine, as far as speed goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// llama.cpp and what is built on it: Ollama, LM Studio, KoboldCpp.
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
    /// Its usual name.
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

/// When the software was built: kernels and schedulers got faster every year.
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
    /// Later: what is installed today.
    #[default]
    Current,
}

/// Which software runs the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Software {
    /// The engine.
    pub engine: Engine,
    /// The interface to the device.
    pub backend: Backend,
    /// Its age.
    pub era: Era,
}

impl Software {
    /// Today's release of `engine` with the backend that `chip` is used with by default.
    pub fn on(engine: Engine, chip: &super::chip::Chip) -> Software {
        Software { engine, backend: chip.backend, era: Era::Current }
    }
}

/// The coefficients of one engine, or of engines alike, on one backend in one period.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The engines.
    pub engines: Vec<Engine>,
    /// The backend.
    pub backend: Backend,
    /// The period.
    pub era: Era,
    /// What a decode step costs.
    pub step: StepCosts,
    /// What a prompt costs.
    pub prefill: PrefillCosts,
    /// Measurements of decoding for one user.
    pub decode_evidence: Evidence,
    /// Measurements of decoding in batches.
    pub batch_evidence: Evidence,
    /// Measurements of prefill.
    pub prefill_evidence: Evidence,
    /// Families of devices measured, each with its own small factor; empty where no difference
    /// between families was told apart.
    #[serde(default)]
    pub families: BTreeMap<String, Family>,
}

/// What a decode step costs; `roofline.rs` and docs/speed.md have the formula.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepCosts {
    /// Microseconds a layer whatever the model's size, at a clock of 2 GHz: kernel launches and
    /// their latency.
    pub layer_us: f64,
    /// `layer_us` goes with the clock to minus this power; 0 where the host launches are the cost.
    pub clock_exponent: f64,
    /// Cost that routed experts add to a layer, as a ratio of `layer_us`.
    pub moe_layer: f64,
    /// Cost that recurrence adds to a layer, as a ratio of `layer_us`.
    pub recurrent_layer: f64,
    /// Cost that latent attention adds to a layer, as a ratio of `layer_us`.
    pub latent_layer: f64,
    /// Microseconds for each sequence beyond the first: sampling, scheduling.
    pub sequence_us: f64,
    /// Microseconds for each further device in a layer split.
    pub hop_us: f64,
    /// Microseconds a layer and doubling of devices for the all-reduces of tensor parallelism.
    pub reduce_us: f64,
    /// Share of the link's rate that all-reduces get.
    pub link_share: f64,
    /// Share of the memory bandwidth that reading weights gets at best.
    pub bandwidth_share: f64,
    /// Bytes of weights that a compute unit takes in a clock at most.
    pub unit_bytes: Option<f64>,
    /// Share of the memory bandwidth that reading the cache gets.
    pub cache_share: f64,
    /// Rate at which a latent (MLA) cache is read, as a ratio of that of any other.
    pub latent_cache: f64,
    /// Rate at which the cache is read without flash attention, as a ratio of that with it.
    pub plain_attention_cache: f64,
    /// The kernel reads the cache once for each query head: bytes grow with the heads for a KV
    /// head to this power. 0 in all current engines.
    pub repeated_heads: f64,
    /// Bytes of 16-bit routed experts count this much (no native kernel).
    pub half_experts: f64,
    /// Rate of arithmetic.
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

/// A rate of arithmetic: `share x peak^g x (512 x unit_hz)^(1 - g)` operations a second.
///
/// With `g = 1` it is a share of the device's peak, with `g = 0` a number of operations for each
/// compute unit and clock; kernels not written for a device lie in between.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The share.
    pub share: f64,
    /// g.
    pub peak_exponent: f64,
    /// The peak counted.
    pub peak: Peak,
}

/// Which of a device's peaks a kernel is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peak {
    /// That of the number format of the operands.
    Operands,
    /// That of FP16 with FP16 accumulate, which GeForce does at twice the rate of FP32.
    HalfFast,
    /// That of INT8: llama.cpp quantises activations to 8 bits.
    Int8,
}

/// When a prompt's quantised weights are dequantised to 16 bits and multiplied by a matrix library,
/// rather than by kernels that take them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dequantise {
    /// Never.
    Never,
    /// On devices without INT8 products (NVIDIA: P100, V100).
    WithoutInt8,
    /// Always: llama.cpp on CUDA until June 2024.
    Always,
}

/// What a prompt costs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefillCosts {
    /// Rate of the matrix products with quantised weights that are taken as they are.
    pub compute: Rate,
    /// Rate of the matrix products with 16-bit weights.
    pub half: Rate,
    /// When quantised weights are dequantised first, to be multiplied like 16-bit ones.
    #[serde(rename = "widen")]
    pub dequantise: Dequantise,
    /// Share of the memory bandwidth that dequantising gets: 2 bytes a weight written and read
    /// again.
    #[serde(rename = "widen_share")]
    pub dequantise_share: f64,
    /// The rate goes with the board power a unit and clock to this power: boards with little
    /// power do not hold their boost clock. 1.5 W for each unit and GHz is the reference.
    pub power_exponent: f64,
    /// Rate of attention.
    pub attention: Rate,
    /// Rate of latent attention, as a ratio of `attention`.
    pub latent_attention: f64,
    /// Rate of attention without flash attention, as a ratio of `attention`.
    pub plain_attention: f64,
    /// Tokens for each expert at which its products reach half their rate.
    pub expert_tokens: f64,
    /// Rate through routed experts, as a ratio.
    pub moe: f64,
    /// Rate through 16-bit routed experts, as a further ratio: without a kernel for them, each
    /// expert is a product of its own.
    pub half_experts: f64,
    /// Microseconds a layer for each microbatch.
    pub layer_us: f64,
    /// Milliseconds a request: tokenising, scheduling, transport.
    pub request_ms: f64,
    /// Share of a layer split's ideal pipelining that is reached.
    pub pipeline: f64,
}

/// The measurements that some coefficients rest on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Measurements.
    pub n: u32,
    /// Median error of the fit, in %.
    pub median_pct: f64,
    /// 90th percentile of the error of the fit, in %.
    pub p90_pct: f64,
    /// Factor within which predictions of left-out (device, model, engine) groups fell.
    pub spread: f64,
    /// Factor within which predictions of left-out device families fell.
    pub spread_unseen: f64,
    /// Where the measurements come from.
    #[serde(default)]
    pub sources: Vec<String>,
}

/// What sets a family of devices apart from others under the same software.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Step times are multiplied by this.
    pub step: f64,
    /// Prefill rates are multiplied by this.
    pub prefill: f64,
    /// Measurements of steps.
    pub n_step: u32,
    /// Measurements of prefill.
    pub n_prefill: u32,
}

/// The whole table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "classes")]
    calibrations: Vec<Calibration>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // A test parses the table; were it damaged all the same, estimates would be none.
    serde_json::from_str(include_str!("calibration.json"))
        .unwrap_or(Table { calibrations: Vec::new() })
});

/// How well the software is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Measured.
    Measured,
    /// Another engine or period stands in for it.
    StandIn,
}

impl Calibration {
    /// Every calibration.
    pub fn all() -> &'static [Calibration] {
        &TABLE.calibrations
    }

    /// The calibration of `software`, or the one that stands in for it: of llama.cpp for llama.cpp
    /// and of the serving engines for all others, then of the same period, engine and backend as
    /// far as there is one; `None` only where the table is empty. The period counts more than the
    /// backend: servers of 2024 on AMD ran at half the speed that today's reach there (MLPerf 5.1).
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
