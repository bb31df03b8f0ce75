//! Weights as vLLM holds them after loading: fused projections in PyTorch's blocks, padded
//! vocabulary, rotary tables, and padded MXFP4 experts.

use super::file::{Checkpoint, SizeBasis};
use super::tensor_parallel::{FusedWeight, rank};
use super::torch_allocator::allocated;
use crate::architecture::{Architecture, Mixer};
use crate::quant::{Format, Quant};
use crate::scenario::Scenario;
use crate::units::{Bytes, Interval};

/// A minor release of vLLM 0.x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u16);

impl Release {
    /// The release whose rules are applied by default.
    pub const CURRENT: Release = Release(33);

    /// The release that `scenario` selects.
    pub fn of(scenario: &Scenario) -> Release {
        let minor = scenario.vllm_release.and_then(|minor| u16::try_from(minor).ok());
        minor.map_or(Release::CURRENT, Release)
    }

    /// Default of `gpu_memory_utilization`, in thousandths: 0.92 since CUDA graphs are part of it,
    /// 0.9 before. Source: `config/cache.py`.
    pub fn utilisation(self) -> u64 {
        if self.budgets_graphs() { 920 } else { 900 }
    }

    /// Batches scheduled before the first one completes, as windows are sized for them: two with
    /// asynchronous scheduling (`VllmConfig.max_concurrent_batches`) from release 0.26 on. A log of
    /// 0.22 has one: 6.96 GiB for a request of Gemma-4-31B.
    pub fn batches_in_flight(self) -> u64 {
        if self.0 >= 26 { 2 } else { 1 }
    }

    /// Whether the engine refuses to start with more sequences than there are blocks for their
    /// recurrent states. Source: `config/compilation.py`, since 0.19.
    pub fn checks_state_blocks(self) -> bool {
        self.0 >= 19
    }

    /// Whether the caches of DeepSeek-V4 are packed in tuples with a page of every size. The planner of
    /// 0.26 takes the pages of the largest group instead.
    pub fn packs_tuples(self) -> bool {
        self.0 <= 25
    }

    /// Blocks of recurrent state per sequence: two if prefix caching aligns states with blocks
    /// (`mamba_cache_mode = "align"`), else one.
    pub fn state_blocks(self) -> u64 {
        if self.0 >= 24 { 2 } else { 1 }
    }

    /// Whether "GPU KV cache size" is printed as the concurrency times the context.
    pub fn prints_concurrency(self) -> bool {
        self.0 >= 20
    }

    /// Whether CUDA graphs are part of the budget (since 0.21) instead of on top of it.
    pub fn budgets_graphs(self) -> bool {
        self.0 >= 21
    }
}

/// Times the bytes of the checkpoint that SGLang holds scales of routed experts in. Those of DeepSeek-V4's
/// MXFP4 experts, a byte for each 32 weights, are FP32 where Marlin computes: on devices before Blackwell.
/// 125.65 GiB a rank of V4-Pro on eight H200 (github.com/SemiAnalysisAI/InferenceX/issues/2128). Source:
/// `srt/layers/quantization/mxfp4_marlin_moe.py`, `create_weights`.
pub fn sglang_scales(quant: Quant, capability: Option<u32>) -> u64 {
    let marlin = capability.is_some_and(|capability| capability < 100);
    if marlin && quant.format() == Some(Format::Fp8Mxfp4) { 4 } else { 1 }
}

/// Holds the scales of routed experts among `fused` in `wider` times their bytes.
pub fn widen_scales(fused: &mut [FusedWeight], wider: u64) {
    for weight in fused.iter_mut().filter(|weight| weight.expert) {
        weight.scale_bytes = weight.scale_bytes * wider;
    }
}

/// Memory that vLLM prints as model loading, on one of `ranks` ranks. `capability` is the device's
/// compute capability times ten, and scales of routed experts are held in `wider` times their bytes.
///
/// A GPTQ or AWQ checkpoint is repacked for Marlin in the same bits, and FP8 stays FP8 (on devices
/// without FP8 arithmetic as weights only). Sources: vLLM 0.33
/// `model_executor/layers/quantization`; checked against the load sizes in
/// `tests/data/measured-memory.json`.
pub fn loaded(
    checkpoint: &Checkpoint<'_>,
    ranks: u64,
    capability: Option<u32>,
    release: Release,
    wider: u64,
) -> Interval<Bytes> {
    let mut fused = rank(checkpoint, ranks);
    widen_scales(&mut fused, wider);
    of_rank(checkpoint, fused, ranks, capability, release)
}

/// Memory that vLLM prints as model loading, on a rank that holds `fused`, with the columns of each
/// expert divided into `columns` parts.
pub fn of_rank(
    checkpoint: &Checkpoint<'_>,
    fused: Vec<FusedWeight>,
    columns: u64,
    capability: Option<u32>,
    release: Release,
) -> Interval<Bytes> {
    let architecture = checkpoint.architecture();
    let padding = expert_padding(checkpoint, columns, capability, release);
    let weights = fused.into_iter().map(|fused| {
        let padded = |bytes: Bytes| match fused.expert && fused.quantised {
            true => bytes.scale(padding),
            false => bytes,
        };
        allocated(padded(fused.weights)) + allocated(padded(fused.scale_bytes))
    });
    let bytes = weights.sum::<Bytes>() + rotary_tables(architecture);
    // Official checkpoints are what they say but for a few matrices; others differ in first layers
    // and group sizes, too.
    let (low, high): (f64, f64) = match (checkpoint.quant.format(), checkpoint.basis) {
        (None, _) => (0.995, 1.006),
        // Of what a page or a log says that a checkpoint holds, not all has to be loaded, and some
        // may be loaded twice.
        (_, SizeBasis::Published(_)) => (0.99, 1.006),
        // gpt-oss alone, of which every tensor is known: 0.997 to 1.001, and 1.021 of the first release.
        (Some(Format::Mxfp4), SizeBasis::Method) => (0.985, 1.025),
        (Some(Format::Fp8Block | Format::Fp8Mxfp4 | Format::Int4Experts), SizeBasis::Method) => {
            (0.985, 1.05)
        }
        (_, SizeBasis::Method) => (0.97, 1.075),
    };
    let (least, most) = checkpoint.spread;
    Interval::around(bytes, low.min(least * 0.99), high.max(most * 1.006))
}

/// Cosines and sines for every position, in 16 bits (`RotaryEmbedding.cos_sin_cache`): one table
/// for all layers with the same head size.
fn rotary_tables(architecture: &Architecture) -> Bytes {
    let positions = architecture.max_context.unwrap_or(0);
    let mut tables: Vec<u64> = Vec::new();
    for layer in &architecture.layers {
        let table = match &layer.mixer {
            Mixer::Mla(m) => Some(m.qk_rope_head_dim),
            Mixer::Compressed(c) => Some(c.rope_head_dim),
            mixer => mixer.attention().map(|a| a.head_dim),
        };
        if let Some(table) = table
            && !tables.contains(&table)
        {
            tables.push(table);
        }
    }
    tables.iter().map(|width| allocated(Bytes(positions * width * 2))).sum()
}

/// Ratio by which MXFP4 experts grow to suit a kernel's tiles. Marlin (devices before Hopper, and
/// consumer Blackwell) rounds hidden and inner width up to multiples of 256 and 128; other kernels rounded the hidden
/// width to 256 until release 0.16. Each of `columns` ranks has whole blocks of 32 and rounds its
/// own part up, so the inner width need not divide evenly.
///
/// Sources: `fused_moe/oracle/mxfp4.py`, `mxfp4_round_up_hidden_size_and_intermediate_size`;
/// `models/gpt_oss.py`, `_load_weights_mxfp4`.
fn expert_padding(
    checkpoint: &Checkpoint<'_>,
    columns: u64,
    capability: Option<u32>,
    release: Release,
) -> f64 {
    if checkpoint.quant.format() != Some(Format::Mxfp4) {
        return 1.0;
    }
    let moe = checkpoint.architecture().layers.iter().find_map(|layer| layer.ffn.moe());
    let Some(moe) = moe else { return 1.0 };
    let up = |n: u64, to: u64| n.next_multiple_of(to) as f64 / n.max(1) as f64;
    let inner = |to: u64| {
        let part = moe.intermediate_size.div_ceil(32).div_ceil(columns.max(1)) * 32;
        let all = part.next_multiple_of(to) * columns.max(1);
        all as f64 / moe.intermediate_size.max(1) as f64
    };
    match (capability, release.0) {
        (Some(..90 | 120..), _) => up(moe.hidden_size, 256) * inner(128),
        (_, ..=16) => up(moe.hidden_size, 256),
        _ => inner(64),
    }
}
