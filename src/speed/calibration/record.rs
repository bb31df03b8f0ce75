//! The format of `calibration.json`.
//!
//! `build.rs` includes this file, checks the JSON against it and encodes it as postcard, which the
//! crate decodes with the same types. So it depends on nothing but `src/decimal.rs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decimal;

/// An engine as distinguished by speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// The programming interface through which an engine uses a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// NVIDIA CUDA.
    #[default]
    Cuda,
    /// AMD ROCm (HIP).
    Rocm,
    /// Apple Metal.
    Metal,
    /// Vulkan.
    Vulkan,
    /// Intel oneAPI (XPU).
    Xpu,
    /// Intel Gaudi.
    Hpu,
    /// The CPU.
    Cpu,
    /// Another interface: TPU, Trainium, Ascend.
    Other,
}

/// Period in which the software was built: kernels and schedulers got faster every year.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
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

/// Coefficients of an engine, or of several similar ones, on one backend in one period.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Measurements of the prefill of short prompts, where it was told apart.
    #[serde(default)]
    pub short_prompt_evidence: Option<Evidence>,
    /// Measured device families, each with its own small factor; empty if families were not
    /// distinguished.
    #[serde(default)]
    pub families: BTreeMap<String, Family>,
}

/// Costs of a decode step; the formula is in `roofline.rs` and docs/speed.md.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepCosts {
    /// Microseconds per layer at a clock of 2 GHz, independent of the model's size: kernel launches
    /// and their latency.
    #[serde(with = "decimal")]
    pub layer_us: f64,
    /// Exponent with which `layer_us` falls as the clock rises; 0 if the cost is on the host.
    #[serde(with = "decimal")]
    pub clock_exponent: f64,
    /// Cost that routed experts add to a layer, as a ratio of `layer_us`.
    #[serde(with = "decimal")]
    pub moe_layer: f64,
    /// Cost that recurrence adds to a layer, as a ratio of `layer_us`.
    #[serde(with = "decimal")]
    pub recurrent_layer: f64,
    /// Cost that latent attention adds to a layer, as a ratio of `layer_us`.
    #[serde(with = "decimal")]
    pub latent_layer: f64,
    /// Microseconds per sequence beyond the first: sampling, scheduling.
    #[serde(with = "decimal")]
    pub sequence_us: f64,
    /// Microseconds per additional device in a layer split.
    #[serde(with = "decimal")]
    pub hop_us: f64,
    /// Microseconds per layer and doubling of devices for the all-reduces of tensor parallelism.
    #[serde(with = "decimal")]
    pub reduce_us: f64,
    /// Share of the link's rate achieved by all-reduces.
    #[serde(with = "decimal")]
    pub link_share: f64,
    /// Largest share of the memory bandwidth achieved when reading weights.
    #[serde(with = "decimal")]
    pub bandwidth_share: f64,
    /// Largest number of bytes of weights per compute unit and clock.
    pub unit_bytes: Option<f64>,
    /// The same on an NVIDIA system on a chip, as a ratio.
    #[serde(with = "decimal")]
    pub soc_unit_bytes: f64,
    /// Share of the memory bandwidth achieved when reading the cache.
    #[serde(with = "decimal")]
    pub cache_share: f64,
    /// Rate of reading a latent (MLA) cache, as a ratio of that of other caches.
    #[serde(with = "decimal")]
    pub latent_cache: f64,
    /// Rate of reading the cache without flash attention, as a ratio of that with it.
    #[serde(with = "decimal")]
    pub plain_attention_cache: f64,
    /// Exponent with which the bytes read grow with the query heads per KV head, for kernels that
    /// read the cache once per query head; 0 in all current engines but MLX.
    #[serde(with = "decimal")]
    pub repeated_heads: f64,
    /// The same on devices with matrix units, such as M5.
    #[serde(with = "decimal")]
    pub repeated_heads_matrix: f64,
    /// Bytes of a layer's cache that the device's last-level cache keeps, so that they are read again
    /// for nothing.
    #[serde(with = "decimal")]
    pub repeated_from: f64,
    /// Factor on the bytes of 16-bit routed experts, for backends without a native kernel.
    #[serde(with = "decimal")]
    pub half_experts: f64,
    /// Rate of arithmetic in a step.
    pub compute: Rate,
    /// Rate at which the second and further of a few tokens are multiplied, those that a draft
    /// proposes or of other sequences: kernels of such steps read the weights once, but their
    /// arithmetic for the further tokens is not hidden behind that. `None` where it is not known.
    pub further_tokens: Option<Rate>,
    /// What such a token costs with weights of ggml's K types, as a ratio: Metal's kernels unpack them
    /// once for each.
    #[serde(with = "decimal")]
    pub k_types: f64,
    /// Milliseconds that a round of speculation takes besides its steps: rejecting tokens, preparing
    /// the next round.
    #[serde(with = "decimal")]
    pub round_ms: f64,
    /// Milliseconds that each proposed token takes besides the step of what proposes it.
    #[serde(with = "decimal")]
    pub proposal_ms: f64,
    /// Rate of arithmetic in a model with routed experts, as a ratio of `compute`.
    #[serde(with = "decimal")]
    pub moe_compute: f64,
    /// Rate of arithmetic with 4-bit weights that are dequantised before use, as a ratio of
    /// `compute`.
    #[serde(rename = "widened_compute")]
    #[serde(with = "decimal")]
    pub dequantised_compute: f64,
    /// Fixed cost of a layer with such weights, as a ratio of `layer_us`.
    #[serde(rename = "widened_layer")]
    #[serde(with = "decimal")]
    pub dequantised_layer: f64,
}

/// A rate of arithmetic: `share x peak^g x (512 x unit_hz)^(1 - g)` operations per second.
///
/// With `g = 1` it is a share of the device's peak, with `g = 0` a number of operations per compute
/// unit and clock; kernels that are not written for a device lie in between.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Share of the rate that the formula has without it.
    #[serde(with = "decimal")]
    pub share: f64,
    /// The exponent `g` of the formula.
    #[serde(with = "decimal")]
    pub peak_exponent: f64,
    /// The peak in the formula.
    pub peak: Peak,
}

/// The peak rate of a device that a kernel is related to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefillCosts {
    /// Rate of the matrix products of kernels for quantised weights.
    pub compute: Rate,
    /// Rate of the matrix products with 16-bit weights.
    pub half: Rate,
    /// The devices on which quantised weights are dequantised and multiplied like 16-bit ones.
    #[serde(rename = "widen")]
    pub dequantise: Dequantise,
    /// What a token takes in a recurrent layer beside its products, as operations at the device's
    /// 16-bit peak: where a scan goes through a prompt token by token. 0 where it works in chunks.
    #[serde(with = "decimal")]
    pub recurrent_ops: f64,
    /// Share of the memory bandwidth achieved when dequantising: 2 bytes per weight are written and
    /// read again.
    #[serde(rename = "widen_share")]
    #[serde(with = "decimal")]
    pub dequantise_share: f64,
    /// Exponent with which rates grow with the board power per unit and clock: boards with little
    /// power do not hold their boost clock. The reference is 1.5 W per unit and GHz.
    #[serde(with = "decimal")]
    pub power_exponent: f64,
    /// Rate of attention.
    pub attention: Rate,
    /// Rate of latent attention, as a ratio of `attention`.
    #[serde(with = "decimal")]
    pub latent_attention: f64,
    /// Rate of attention without flash attention, as a ratio of `attention`.
    #[serde(with = "decimal")]
    pub plain_attention: f64,
    /// Tokens per expert at which its products reach half their rate.
    #[serde(with = "decimal")]
    pub expert_tokens: f64,
    /// Rate of the products with routed experts, as a ratio of that of other weights.
    #[serde(with = "decimal")]
    pub moe: f64,
    /// Additional ratio for 16-bit routed experts: without a kernel for them, each expert is a
    /// product of its own.
    #[serde(with = "decimal")]
    pub half_experts: f64,
    /// Microseconds per layer and microbatch.
    #[serde(with = "decimal")]
    pub layer_us: f64,
    /// Milliseconds per request: tokenising, scheduling, transport.
    #[serde(with = "decimal")]
    pub request_ms: f64,
    /// Share of ideal pipelining that a layer split achieves.
    #[serde(with = "decimal")]
    pub pipeline: f64,
}

/// Measurements behind some coefficients, and their errors.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Number of measurements.
    pub n: u32,
    /// Median error of the fit, in %.
    #[serde(with = "decimal")]
    pub median_pct: f64,
    /// 90th percentile of the error of the fit, in %.
    #[serde(with = "decimal")]
    pub p90_pct: f64,
    /// Factor within which predictions of left-out (device, model, engine) groups fell.
    #[serde(with = "decimal")]
    pub spread: f64,
    /// Factor within which predictions of left-out device families fell.
    #[serde(with = "decimal")]
    pub spread_unseen: f64,
    /// Collections that the measurements come from.
    #[serde(default)]
    pub sources: Vec<String>,
}

/// Coefficients of a device family, relative to other families under the same software.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Factor on step times.
    #[serde(with = "decimal")]
    pub step: f64,
    /// Factor on prefill rates.
    #[serde(with = "decimal")]
    pub prefill: f64,
    /// Number of measurements of steps.
    pub n_step: u32,
    /// Number of measurements of prefill.
    pub n_prefill: u32,
}

/// The contents of `calibration.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// All calibrations.
    #[serde(rename = "classes")]
    pub calibrations: Vec<Calibration>,
}
