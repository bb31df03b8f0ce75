//! What the graphs of single architectures do differently (`src/models/*.cpp`, build b11434).
//!
//! Everything else about a graph follows from the blocks of an [`Architecture`].

use crate::architecture::{Architecture, Attention, Reach};

/// The differences that matter for memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Family {
    /// Rows for output are picked after the last layer rather than inside it: such a graph may
    /// also have to feed an MTP head, which wants every row.
    pub picks_rows_late: bool,
    /// Rotary positions: how many numbers a token (4 for images and video in time and space).
    pub positions: u64,
    /// Which attention layers rotate.
    pub rotary: Rotary,
    /// The residual is the first operand of the addition after the mixer, and so overwritten.
    pub residual_first: bool,
    /// The same after the feed-forward block.
    pub ffn_residual_first: bool,
    /// Embeddings are scaled row by row, ready-made ones not.
    pub scales_rows: bool,
    /// Queries of layers without rotation are scaled by their position.
    pub scales_queries: bool,
    /// Expert inputs, not outputs, are weighted (Llama 4).
    pub weighs_expert_input: bool,
    /// Queries and keys are normalised after rotation, without a weight.
    pub norms_after_rotary: bool,
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
        let late = Family { picks_rows_late: true, ..plain };
        match architecture.gguf_arch.as_deref().unwrap_or_default() {
            "qwen35" | "qwen35moe" => Family { positions: 4, ..late },
            "bailingmoe3" | "cohere2moe" | "hy-v3" | "gpt-oss" | "qwen3next" | "step35"
            | "mimo2" => late,
            "gemma4" => Family { scales_rows: true, ..late },
            "gemma3" | "gemma3n" => Family { scales_rows: true, ..plain },
            "nemotron_h" | "nemotron_h_moe" => Family { rotary: Rotary::None, ..late },
            "granitehybrid" | "jamba" | "kimi-linear" => Family { rotary: Rotary::None, ..plain },
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
                architecture.sliding_window.is_none()
                    || matches!(attention.reach, Reach::Sliding | Reach::Chunked)
            }
            Rotary::ButEvery(n) => !(il as u64 + 1).is_multiple_of(n),
        }
    }
}
