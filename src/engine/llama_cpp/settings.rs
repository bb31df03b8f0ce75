//! The settings that llama.cpp is run with.

use super::KvTypes;
use super::graph_quirks::Family;
use crate::architecture::Architecture;
use crate::scenario::LogitsBuffer;

/// How llama.cpp is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Context for all sequences together, in tokens (`--ctx-size`).
    pub n_ctx: u64,
    /// Sequences (`--parallel`).
    pub n_parallel: u64,
    /// One KV buffer for all sequences (`--kv-unified`).
    pub unified: bool,
    /// Physical batch in tokens (`--ubatch-size`).
    pub n_ubatch: u64,
    /// Cache types.
    pub kv: KvTypes,
    /// Flash attention.
    pub flash_attention: bool,
    /// Sliding-window layers keep the whole context.
    pub swa_full: bool,
    /// What the logits buffer is reserved for.
    pub logits: LogitsBuffer,
    /// Tokens proposed at once in speculative decoding, which the model checks together; 0 without.
    pub proposed: u64,
    /// States of a recurrent layer that each sequence keeps beside the current one, to go back to
    /// where a proposal is rejected (`n_rs_seq`).
    pub snapshots: u64,
}

/// Snapshots of recurrent states that are kept where `proposed` tokens are proposed at once by MTP
/// layers: one each, in architectures that can go back to them; the others are restored from
/// checkpoints on the host. A separate draft model asks for none. Source: `need_n_rs_seq` in
/// `common/common.h`, `llm_arch_supports_rs_rollback` in `src/llama-arch.cpp`.
pub fn snapshots(architecture: &Architecture, proposed: u64) -> u64 {
    match architecture.gguf_arch.as_deref() {
        Some("qwen35" | "qwen35moe" | "qwen4exp") => proposed,
        _ => 0,
    }
}

/// Sequences that llama.cpp can tell apart (`LLAMA_MAX_SEQ`).
pub const MAX_SEQUENCES: u64 = 256;
/// Contexts are counted in 32 bits.
pub(super) const MAX_CONTEXT: u64 = 1 << 31;

impl Settings {
    /// The settings that llama.cpp goes by: in its limits, a batch no longer than the context, and
    /// flash attention only where the architecture has it.
    pub(super) fn effective(&self, architecture: &Architecture) -> Settings {
        let n_ctx = self.n_ctx.clamp(1, MAX_CONTEXT);
        Settings {
            n_ctx,
            n_parallel: self.n_parallel.clamp(1, MAX_SEQUENCES),
            n_ubatch: self.n_ubatch.clamp(1, n_ctx),
            flash_attention: self.flash_attention && !Family::of(architecture).no_flash_attention,
            ..*self
        }
    }
}
