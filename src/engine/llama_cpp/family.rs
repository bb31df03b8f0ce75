//! What the graphs of single architectures do differently (`src/models/*.cpp`, build b11434).
//!
//! Everything else about a graph follows from the blocks of an [`Architecture`].

use crate::architecture::{Architecture, Attention, Reach};

/// The differences that matter for memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Family {
    /// Where the rows that are to become logits are picked.
    pub rows: OutputRows,
    /// Rotary positions: how many numbers a token (4 for images and video in time and space).
    pub positions: u64,
    /// Which attention layers rotate.
    pub rotary: Rotary,
    /// The residual is the first operand of the addition after the mixer, and so overwritten.
    pub residual_first: bool,
    /// The same after the feed-forward block.
    pub ffn_residual_first: bool,
    /// How embeddings are scaled.
    pub scale: Scale,
    /// Queries of layers without rotation are scaled by their position.
    pub scales_queries: bool,
    /// Expert inputs, not outputs, are weighted (Llama 4).
    pub weighs_expert_input: bool,
    /// Keys of a gated delta net are repeated for each of their value heads.
    pub repeats_keys: bool,
    /// Queries and keys are normalised after rotation, without a weight.
    pub norms_after_rotary: bool,
}

/// Where the rows that are to become logits are picked. A graph that may also have to feed an MTP
/// head keeps every row up to the final norm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OutputRows {
    /// Between mixer and feed-forward block of the last layer.
    #[default]
    InLastLayer,
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

impl Family {
    pub(super) fn of(architecture: &Architecture) -> Family {
        let plain = Family { positions: 1, ..Family::default() };
        let late = Family { rows: OutputRows::AfterNorm, ..plain };
        match architecture.gguf_arch.as_deref().unwrap_or_default() {
            "qwen35" | "qwen35moe" => Family { positions: 4, ..late },
            "bailingmoe3" | "cohere2moe" | "hy-v3" => late,
            "qwen3next" => Family { repeats_keys: true, ..late },
            "gpt-oss" | "step35" => Family { rows: OutputRows::BeforeNorm, ..plain },
            "gemma4" => Family { scale: Scale::Rows, ..late },
            "gemma3" | "gemma3n" => Family { scale: Scale::Rows, ..plain },
            "nemotron_h" | "nemotron_h_moe" => Family { rotary: Rotary::None, ..late },
            "gemma" | "gemma2" | "granite" | "granitemoe" | "minicpm" | "minicpm3" => {
                Family { scale: Scale::All, ..plain }
            }
            "granitehybrid" => Family { rotary: Rotary::None, scale: Scale::All, ..plain },
            "jamba" | "kimi-linear" => Family { rotary: Rotary::None, ..plain },
            "qwen2vl" | "qwen3vl" | "qwen3vlmoe" => Family { positions: 4, ..plain },
            "cohere2" | "exaone4" | "exaone-moe" => Family { rotary: Rotary::Windowed, ..plain },
            "smollm3" => Family { rotary: Rotary::ButEvery(4), ..plain },
            "llama4" => Family {
                rotary: Rotary::ButEvery(4),
                scales_queries: true,
                weighs_expert_input: true,
                norms_after_rotary: true,
                ..plain
            },
            "lfm2" | "lfm2moe" => {
                Family { residual_first: true, ffn_residual_first: true, ..plain }
            }
            "phi3" => Family { ffn_residual_first: true, ..plain },
            _ => plain,
        }
    }

    /// Whether attention layer number `il` rotates.
    pub(super) fn rotates(
        &self,
        il: usize,
        attention: &Attention,
        architecture: &Architecture,
    ) -> bool {
        match self.rotary {
            Rotary::All => true,
            Rotary::None => false,
            Rotary::Windowed => {
                !has_windows(architecture)
                    || matches!(attention.reach, Reach::Sliding | Reach::Chunked)
            }
            Rotary::ButEvery(n) => !(il as u64 + 1).is_multiple_of(n),
        }
    }
}
