//! What the graphs of single architectures do differently (`src/models/*.cpp`, build b11434).
//!
//! Everything else about a graph follows from the blocks of an [`Architecture`].

use crate::architecture::Architecture;

/// The differences that matter for memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Family {
    /// Where the rows that are to become logits are picked.
    pub rows: OutputRows,
    /// Rotary positions: how many numbers a token (4 for images and video in time and space).
    pub positions: u64,
    /// Which attention layers rotate.
    pub rotary: Rotary,
    /// Layers with a window rotate without the model's rotary factors.
    pub plain_window_rotary: bool,
    /// Which attention layers scale their queries by position.
    pub query_scale: QueryScale,
    /// How embeddings are scaled.
    pub scale: Scale,
    /// The first layers, this many, are given image features besides.
    pub deepstack: u64,
    /// The residual is the first operand of the addition after the mixer, and so overwritten.
    pub residual_first: bool,
    /// The same after the feed-forward block.
    pub ffn_residual_first: bool,
    /// The residual is taken after the norm.
    pub normed_residual: bool,
    /// Attention and feed-forward block are added together although each has its own norm.
    pub parallel: bool,
    /// In which order they are added.
    pub parallel_sum: ParallelSum,
    /// Expert inputs, not outputs, are weighted (Llama 4).
    pub weighs_expert_input: bool,
    /// Keys of a gated delta net are repeated for each of their value heads.
    pub repeats_keys: bool,
    /// The convolution state of a delta net is gathered before the layer's norm, not after.
    pub gathers_first: bool,
    /// Queries and keys are rotated before their norms, not after.
    pub rotates_first: bool,
    /// Rotated queries and keys are normalised, without a weight (Llama 4).
    pub norms_rotated: bool,
    /// Values are normalised, without a weight.
    pub norms_values: bool,
    /// Each sequence has a cache of its own, as long as the context, even where it is unified.
    pub separate_streams: bool,
    /// An encoder: no cache, norms after each block, embeddings for a result.
    pub encoder: bool,
    /// Attention scores are capped in a way that rules out flash attention.
    pub no_flash_attention: bool,
    /// A tied output head is loaded before the embedding table and then takes memory of its own
    /// even in the same place.
    pub copies_tied_head: bool,
    /// Of the MTP layers, which are left in the file, the router's biases are loaded all the same.
    pub loads_mtp_router_bias: bool,
}

/// Where the rows that are to become logits are picked. A graph that may also have to feed an MTP
/// head keeps every row up to the final norm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OutputRows {
    /// Between mixer and feed-forward block of the last layer.
    #[default]
    InLastLayer,
    /// There too, but after the mixer is added to the residual.
    AfterResidual,
    /// After the last layer.
    BeforeNorm,
    /// After the final norm.
    AfterNorm,
}

/// Whether the architecture's sliding windows count: others have their full-attention layers'
/// cache everywhere (Mistral 7B v0.1, Phi-3, StarCoder 2).
pub(super) fn has_windows(architecture: &Architecture) -> bool {
    let windowed = [
        "afmoe",
        "cohere2",
        "cohere2moe",
        "deepseek4",
        "dots3note",
        "exaone-moe",
        "exaone4",
        "gemma2",
        "gemma3",
        "gemma3n",
        "gemma4",
        "gpt-oss",
        "granite-swa",
        "laguna",
        "lfm2",
        "lfm2moe",
        "llama4",
        "maple",
        "mellum",
        "mimo2",
        "muse-glimmer",
        "olmo2",
        "plamo3",
        "smallthinker",
        "spark2_5",
        "step35",
    ];
    architecture.sliding_window.is_some()
        && architecture.gguf_arch.as_deref().is_some_and(|arch| windowed.contains(&arch))
}

/// How embeddings are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Scale {
    /// Not at all.
    #[default]
    None,
    /// All by one factor.
    All,
    /// Row by row, because ready-made ones are not to be scaled.
    Rows,
}

/// Which attention layers rotate queries and keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rotary {
    /// All of them.
    #[default]
    All,
    /// None.
    None,
    /// Those with a window.
    Windowed,
    /// All but every `n`-th.
    ButEvery(u64),
}

/// Which attention layers scale queries by their position, so that long contexts are not washed
/// out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum QueryScale {
    /// None.
    #[default]
    None,
    /// Those that don't rotate.
    Unrotated,
    /// All.
    All,
}

/// The order in which a parallel layer adds up its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ParallelSum {
    /// Feed-forward block, residual, mixer.
    #[default]
    FfnResidualMixer,
    /// Feed-forward block, mixer, residual.
    FfnMixerResidual,
    /// Mixer, feed-forward block, residual.
    MixerFfnResidual,
}

impl Family {
    pub(super) fn of(architecture: &Architecture) -> Family {
        let plain = Family { positions: 1, ..Family::default() };
        let late = Family { rows: OutputRows::AfterNorm, ..plain };
        let scaled = Family { scale: Scale::All, ..plain };
        let unrotated = Family { rotary: Rotary::None, ..plain };
        match architecture.gguf_arch.as_deref().unwrap_or_default() {
            "afmoe" => Family { rotary: Rotary::ButEvery(4), ..scaled },
            "bailingmoe3" => Family { gathers_first: true, ..late },
            "deepseek32" | "glm-dsa" => Family { loads_mtp_router_bias: true, ..plain },
            "hy_v3" => Family { loads_mtp_router_bias: true, ..late },
            "bert" => Family { encoder: true, ..unrotated },
            "bloom" | "gpt2" | "jais" | "kimi-linear" | "mpt" | "refact" | "starcoder" => unrotated,
            "cohere2" | "exaone4" | "exaone-moe" => Family { rotary: Rotary::Windowed, ..plain },
            "cohere2moe" => Family { rotary: Rotary::Windowed, ..late },
            "deepseek4" => Family { separate_streams: true, ..plain },
            "falcon" => Family { parallel_sum: ParallelSum::FfnMixerResidual, ..plain },
            "gemma" | "gemma2" | "granite" | "granitemoe" | "minicpm" | "minicpm3" => scaled,
            "grok" => Family { no_flash_attention: true, ..scaled },
            "falcon-h1" => Family { rows: OutputRows::AfterResidual, ..plain },
            "gemma3" => Family { scale: Scale::Rows, ..plain },
            "gemma3n" => {
                Family { scale: Scale::Rows, norms_values: true, copies_tied_head: true, ..plain }
            }
            "gemma4" => Family {
                scale: Scale::Rows,
                plain_window_rotary: true,
                norms_values: true,
                copies_tied_head: true,
                ..late
            },
            "gpt-oss" => Family { rows: OutputRows::BeforeNorm, ..plain },
            "step35" => Family { rows: OutputRows::BeforeNorm, plain_window_rotary: true, ..plain },
            "gptneox" => Family { parallel: true, ..plain },
            "granitehybrid" => Family { rotary: Rotary::None, ..scaled },
            "hunyuan-dense" | "hunyuan-moe" => Family { rotates_first: true, ..plain },
            "jamba" => Family { residual_first: true, ffn_residual_first: true, ..unrotated },
            "lfm2" | "lfm2moe" => {
                Family { residual_first: true, ffn_residual_first: true, ..plain }
            }
            "llama4" => Family {
                rotary: Rotary::ButEvery(4),
                query_scale: QueryScale::Unrotated,
                weighs_expert_input: true,
                norms_rotated: true,
                ..plain
            },
            "minimax-01" => Family { normed_residual: true, ..plain },
            "mistral3" | "mistral4" => Family { query_scale: QueryScale::All, ..plain },
            "nemotron_h" | "nemotron_h_moe" => Family { rotary: Rotary::None, ..late },
            "phi2" => Family { parallel_sum: ParallelSum::MixerFfnResidual, ..plain },
            "phi3" => Family { ffn_residual_first: true, ..plain },
            "qwen2vl" => Family { positions: 4, ..plain },
            "qwen35" | "qwen35moe" => Family { positions: 4, ..late },
            "qwen3next" => Family { repeats_keys: true, ..late },
            "qwen3vl" | "qwen3vlmoe" => Family { positions: 4, deepstack: 3, ..plain },
            "smollm3" => Family { rotary: Rotary::ButEvery(4), ..plain },
            _ => plain,
        }
    }

    /// Whether attention layer `il` rotates; `windowed`: it has a window, `has_windows`: some
    /// layer has.
    pub(super) fn rotates(&self, il: usize, windowed: bool, has_windows: bool) -> bool {
        match self.rotary {
            Rotary::All => true,
            Rotary::None => false,
            Rotary::Windowed => windowed || !has_windows,
            Rotary::ButEvery(n) => !(il as u64 + 1).is_multiple_of(n),
        }
    }

    /// Whether an attention layer scales its queries.
    pub(super) fn scales_queries(&self, rotates: bool) -> bool {
        match self.query_scale {
            QueryScale::None => false,
            QueryScale::Unrotated => !rotates,
            QueryScale::All => true,
        }
    }
}
