//! Differences between the graphs of individual architectures (`src/models/*.cpp`, build b11434).
//!
//! Everything else about a graph follows from the blocks of an [`Architecture`].

use crate::architecture::Architecture;

/// The peculiarities of an architecture's graph that affect memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Family {
    /// Where the rows that become logits are picked.
    pub rows: OutputRows,
    /// Rotary position ids per token (4 for images and video in time and space).
    pub positions: u64,
    /// Which attention layers apply rotary positions.
    pub rotary: Rotary,
    /// Whether sliding-window layers ignore the model's rotary factors.
    pub plain_window_rotary: bool,
    /// Which attention layers scale their queries by position.
    pub query_scale: QueryScale,
    /// How embeddings are scaled.
    pub scale: Scale,
    /// Number of first layers that additionally get image features.
    pub deepstack: u64,
    /// Whether the residual is the first operand of the addition after the mixer, and so
    /// overwritten.
    pub residual_first: bool,
    /// Whether the residual is the first operand of the addition after the feed-forward block.
    pub ffn_residual_first: bool,
    /// Whether the residual is taken after the norm.
    pub normed_residual: bool,
    /// Whether attention and feed-forward block are summed although each has its own norm.
    pub parallel: bool,
    /// The order of the summands in a parallel layer.
    pub parallel_sum: ParallelSum,
    /// Whether expert inputs instead of outputs are weighted (Llama 4).
    pub weighs_expert_input: bool,
    /// Whether keys of a gated delta net are repeated for each of their value heads.
    pub repeats_keys: bool,
    /// Whether the convolution state of a delta net is gathered before the layer's norm instead of
    /// after it.
    pub gathers_first: bool,
    /// Whether queries and keys are rotated before their norms instead of after them.
    pub rotates_first: bool,
    /// Whether rotated queries and keys are normalised without a weight (Llama 4).
    pub norms_rotated: bool,
    /// Whether values are normalised without a weight.
    pub norms_values: bool,
    /// Whether each sequence has a cache of its own as long as the context, even with a unified
    /// cache.
    pub separate_streams: bool,
    /// Whether the model is an encoder: no cache, norms after each block, and embeddings as the
    /// result.
    pub encoder: bool,
    /// Whether attention scores are capped in a way that rules out flash attention.
    pub no_flash_attention: bool,
    /// Whether a tied output head is loaded before the embedding table, and so takes memory of its
    /// own even in the same place.
    pub copies_tied_head: bool,
    /// Whether the router biases of MTP layers are loaded although the layers themselves are not.
    pub loads_mtp_router_bias: bool,
}

/// Where the rows that become logits are picked. A graph that may also feed an MTP head keeps every
/// row up to the final norm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OutputRows {
    /// Between mixer and feed-forward block of the last layer.
    #[default]
    InLastLayer,
    /// In the last layer, after the mixer is added to the residual.
    AfterResidual,
    /// After the last layer.
    BeforeNorm,
    /// After the final norm.
    AfterNorm,
}

/// Whether llama.cpp uses the architecture's sliding windows. Others get a full-attention cache in
/// every layer (Mistral 7B v0.1, Phi-3, StarCoder 2).
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
    /// Row by row, because ready-made embeddings must not be scaled.
    Rows,
}

/// Which attention layers apply rotary positions to queries and keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rotary {
    /// All layers.
    #[default]
    All,
    /// No layer.
    None,
    /// Sliding-window layers.
    Windowed,
    /// All but every `n`-th layer.
    ButEvery(u64),
}

/// Which attention layers scale queries by their position, so that attention stays focused in long
/// contexts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum QueryScale {
    /// No layer.
    #[default]
    None,
    /// Layers without rotary positions.
    Unrotated,
    /// All layers.
    All,
}

/// The order of the summands in a parallel layer.
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

    /// Whether attention layer `il` applies rotary positions. `windowed` says whether it has a
    /// sliding window, `has_windows` whether any layer has.
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
