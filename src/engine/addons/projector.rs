//! The projector of a multimodal model: the weights of its vision and audio towers and their
//! compute buffers.
//!
//! The catalogue knows a tower only by its parameter count. Its width is assumed to be that of a
//! vision transformer of 27 layers with a feed-forward block four times as wide, 12 widths squared
//! a layer: for towers of 331 and 461 million parameters this gives 1,011 and 1,192; actual widths
//! are 1,024 and 1,152.

use crate::architecture::Architecture;
use crate::scenario::ProjectorType;
use crate::units::{Bytes, Interval};

/// Patches of llama.cpp's warm-up image for a tower of variable resolution: 1472 x 1472 pixels in
/// patches of 16 (`tools/mtmd/clip.cpp`).
const WARM_UP_PATCHES: f64 = 92.0 * 92.0;

/// Tokens of the largest image that a serving engine's profiling run takes, and the patches of a token:
/// of one resolution (Gemma), of up to 1540 pixels (Mistral), or Qwen-VL's.
fn profiled_image(architecture: &Architecture) -> (u64, u64) {
    match architecture.gguf_arch.as_deref().unwrap_or_default() {
        "gemma3" | "gemma3n" => (256, 16),
        "gemma4" => (280, 9),
        "mistral3" | "mistral4" => (3_025, 4),
        _ => (16_384, 4),
    }
}

/// FP32 values alive per patch and unit of width at the widest point: the inner width and three
/// hidden vectors. The buffers of 248.10 MiB at width 1152, 223.30 at 1024 and 161.31 at 768 give
/// 6.7, 6.75 and 6.5.
const VALUES: f64 = 6.7;

/// Input values of a patch: 16 x 16 pixels, three colours, two frames.
const PIXELS: f64 = 1_536.0;

/// Bytes of a projector in memory.
///
/// Norms, biases and position embeddings are FP32, which adds 0.1 to 1.3 % to a 16-bit file (five
/// logs). In an 8-bit file, rows that are not a multiple of 32 stay in 16 bits, which adds 19 % to
/// Qwen2.5-VL's.
pub fn tower(parameters: u64, ty: ProjectorType) -> Interval<Bytes> {
    let bytes = Bytes(parameters);
    match ty {
        ProjectorType::F32 => Interval::around(bytes * 4, 1.0, 1.01),
        ProjectorType::F16 | ProjectorType::BF16 => {
            Interval::around((bytes * 2).scale(1.007), 0.993, 1.02)
        }
        ProjectorType::Q8_0 => Interval::around(bytes.scale(34.0 / 32.0 * 1.06), 0.94, 1.2),
    }
}

/// Tokens that an image of 1024 x 1024 pixels takes in the context; 0 if the model sees none.
///
/// A projector merges patches, and some cut the image into tiles first: by the processors of the
/// models (`preprocessor_config.json`) and `clip_n_output_tokens` (`tools/mtmd/clip.cpp`).
pub fn image_tokens(architecture: &Architecture) -> u64 {
    /// Pixels of the image along an edge.
    const EDGE: u64 = 1024;
    if architecture.extras.vision == 0 {
        return 0;
    }
    let squares = |pixels: u64| EDGE.div_ceil(pixels).pow(2);
    match architecture.gguf_arch.as_deref().unwrap_or_default() {
        // Scaled to one size, whatever it was.
        "gemma3" | "gemma3n" => 256,
        "gemma4" => 280,
        // Patches of 14 pixels, four of which are one token.
        "qwen2vl" | "deepseek2" | "kimi-linear" | "glm4" | "glm4moe" => squares(28),
        // The same, and a token at the end of each row.
        "llama" | "mistral3" | "mistral4" => squares(28) + EDGE.div_ceil(28),
        // Tiles of 336 pixels, and the whole as one more, of 144 tokens each.
        "llama4" => 144 * (EDGE.div_ceil(336).pow(2).min(16) + 1),
        // Patches of 16 pixels, four of which are one token: Qwen3-VL, Qwen3.5 and later.
        _ => squares(32),
    }
}

/// Estimated width of a tower with `parameters` parameters.
fn width(parameters: u64) -> f64 {
    (parameters as f64 / (12.0 * 27.0)).sqrt()
}

/// Compute buffer of llama.cpp for a tower, with flash attention.
///
/// It is reserved for the warm-up image (smaller for a tower of fixed resolution); images of up to
/// twice as many patches grow it.
pub fn warm_up(parameters: u64) -> Interval<Bytes> {
    let values = VALUES * width(parameters) * WARM_UP_PATCHES;
    Interval::around(Bytes((4.0 * values) as u64), 0.1, 2.0)
}

/// Peak of a serving engine's encoder in its profiling run, in 16 bits, with the pixels in FP32.
///
/// The run takes as many images as fill `batched` tokens (`max_num_batched_tokens`), and at least one
/// (`compute_mm_encoder_budget`).
///
/// For a Qwen3.6-35B-A3B start whose peak is the encoder's, vLLM printed 1.54 GiB; this gives 1.32.
/// Engines without flattened attention, and small images, are far from it.
pub fn profiled(architecture: &Architecture, batched: u64) -> Interval<Bytes> {
    let (tokens, patches) = profiled_image(architecture);
    let patches = (batched / tokens).max(1) * tokens * patches;
    Interval::around(encoder(architecture.extras.vision, patches as f64), 0.15, 2.2)
}

/// Peak of an encoder that runs only when an image arrives: nothing before, expected for one of
/// 1472 x 1472 pixels, and at most for the largest image.
pub fn on_demand(architecture: &Architecture) -> Interval<Bytes> {
    let (tokens, patches) = profiled_image(architecture);
    let most = (tokens * patches) as f64;
    let of = |patches| encoder(architecture.extras.vision, patches);
    Interval { low: Bytes::ZERO, expected: of(WARM_UP_PATCHES.min(most)), high: of(most) }
}

fn encoder(parameters: u64, patches: f64) -> Bytes {
    let a_patch = 2.0 * VALUES * width(parameters) + 4.0 * PIXELS;
    Bytes((a_patch * patches) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Extras;

    /// Parameters, and MiB as printed by llama.cpp (`load_hparams: model size`,
    /// `alloc_compute_meta`): Qwen3.6-27B, Qwen3.5-2B, Qwen2.5-VL-7B, Qwen3-VL-30B-A3B.
    #[test]
    fn logs_of_llama_cpp_lie_within() {
        let sizes = [
            (460_730_096, ProjectorType::BF16, 887.99),
            (331_400_000, ProjectorType::BF16, 640.25),
            (676_550_144, ProjectorType::F16, 1291.40),
            (538_600_000, ProjectorType::F16, 1033.29),
            (668_700_000, ProjectorType::Q8_0, 805.59),
        ];
        for (parameters, ty, mib) in sizes {
            let bytes = tower(parameters, ty);
            assert!(bytes.low.to_mib() <= mib && mib <= bytes.high.to_mib(), "{mib}: {bytes:?}");
        }
        for (parameters, mib) in
            [(460_730_096, 248.10), (331_400_000, 223.30), (100_600_000, 161.31)]
        {
            let bytes = warm_up(parameters);
            assert!(bytes.low.to_mib() <= mib && mib <= bytes.high.to_mib(), "{mib}: {bytes:?}");
            if parameters > 300_000_000 {
                assert!((bytes.expected.to_mib() / mib - 1.0).abs() < 0.06, "{mib}: {bytes:?}");
            }
        }
    }

    #[test]
    fn a_larger_tower_never_needs_less() {
        let mut before = Bytes::ZERO;
        for parameters in [1_000_000, 50_000_000, 450_000_000, 5_600_000_000] {
            let extras = Extras { vision: parameters, ..Extras::default() };
            let architecture = Architecture { extras, ..Architecture::default() };
            let now = tower(parameters, ProjectorType::F16).expected
                + warm_up(parameters).expected
                + profiled(&architecture, 8192).expected;
            assert!(now > before);
            before = now;
        }
    }
}
