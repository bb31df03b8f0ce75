//! Exceptions of GGUF files from the usual names and order of tensors, by architecture.
//!
//! [`Role`] is declared in the usual order; the exceptions are stated here, as seen in the
//! `load_arch_tensors` of llama.cpp's `src/models` (b11434). No size depends on the order: the
//! quantisation mixes count tensors by layer and name.

use super::Role;
use Role::*;

/// A role that directly follows another one (`None`: comes first) in some architectures.
pub(super) struct Move(Role, Option<Role>);

const LFM2: &[Move] = &[
    Move(FfnNorm, None),
    Move(FfnGateInp, None),
    Move(FfnGateExps, None),
    Move(FfnDownExps, None),
    Move(FfnUpExps, None),
    Move(ExpProbsBias, None),
    Move(FfnGate, None),
    Move(FfnDown, None),
    Move(FfnUp, None),
    Move(AttnQNorm, Some(AttnNorm)),
    Move(AttnKNorm, Some(AttnNorm)),
];
const QWEN3_NEXT: &[Move] = &[
    Move(PostAttentionNorm, Some(AttnNorm)),
    Move(AttnKNorm, Some(AttnQNorm)),
    Move(FfnGateExps, Some(FfnDownExps)),
    Move(FfnDownShexp, Some(FfnUpShexp)),
];
const GEMMA: &[Move] = &[Move(FfnDown, Some(FfnUp))];
const GPT_OSS: &[Move] = &[
    Move(PostAttentionNorm, Some(AttnNorm)),
    Move(AttnOutputBias, Some(FfnUpExps)),
    Move(FfnGateInpBias, Some(FfnUpExps)),
];
const MINIMAX_M2: &[Move] = &[
    Move(AttnNorm, Some(AttnOutput)),
    Move(AttnKNorm, Some(AttnQNorm)),
    Move(ExpProbsBias, Some(FfnUpExps)),
];
const DOWN_FIRST: &[Move] = &[Move(FfnGateExps, Some(FfnDownExps))];
const Q_NORM_FIRST: &[Move] = &[Move(AttnKNorm, Some(AttnQNorm))];
const SHARED_UP_FIRST: &[Move] = &[Move(FfnDownShexp, Some(FfnUpShexp))];

/// Returns the exceptions of an architecture.
pub(super) fn moves(gguf_arch: &str) -> &'static [Move] {
    match gguf_arch {
        "lfm2" | "lfm2moe" => LFM2,
        "qwen3next" | "qwen35" | "qwen35moe" => QWEN3_NEXT,
        "gemma" | "gemma2" | "gemma3" | "gemma3n" | "gemma4" | "seed_oss" => GEMMA,
        "gpt-oss" => GPT_OSS,
        "minimax-m2" | "minimax-m3" => MINIMAX_M2,
        "deepseek2" | "mistral4" | "cohere2moe" | "hy_v3" => DOWN_FIRST,
        "exaone4" | "exaone-moe" | "olmo2" | "olmoe" | "afmoe" | "laguna" | "step35" => {
            Q_NORM_FIRST
        }
        "granitehybrid" | "granitemoe" | "granite" | "hunyuan-moe" => SHARED_UP_FIRST,
        _ => &[],
    }
}

/// Returns the role whose name a GGUF file of the architecture uses for `role`.
pub(super) fn gguf_role(gguf_arch: &str, role: Role) -> Role {
    match (gguf_arch, role) {
        ("kimi-k3", SsmGA) => SsmG,
        ("qwen4exp", LookupTable) => PerLayerTokenEmbd,
        ("kimi-k3", FfnLatentDown) => FfnRoutedDown,
        ("kimi-k3", FfnLatentUp) => FfnRoutedUp,
        ("kimi-k3", FfnLatentNorm) => FfnRoutedNorm,
        _ => role,
    }
}

/// Returns the sort key of a tensor among those of its layer.
pub(super) fn sort_key(moves: &[Move], role: Role) -> (Option<Role>, usize) {
    match moves.iter().position(|m| m.0 == role) {
        Some(at) => (moves[at].1, at + 1),
        None => (Some(role), 0),
    }
}
