//! The settings of a llama.cpp run.

use super::KvTypes;
use super::graph_quirks::Family;
use crate::architecture::Architecture;
use crate::scenario::LogitsBuffer;

/// The settings of a llama.cpp run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Context for all sequences together, in tokens (`--ctx-size`).
    pub n_ctx: u64,
    /// Number of sequences (`--parallel`).
    pub n_parallel: u64,
    /// Whether all sequences share one KV buffer (`--kv-unified`).
    pub unified: bool,
    /// Physical batch in tokens (`--ubatch-size`).
    pub n_ubatch: u64,
    /// Cache types.
    pub kv: KvTypes,
    /// Cache types of a draft and of MTP layers.
    pub draft_kv: KvTypes,
    /// Whether flash attention is used.
    pub flash_attention: bool,
    /// Whether sliding-window layers keep the whole context.
    pub swa_full: bool,
    /// What the logits buffer is reserved for.
    pub logits: LogitsBuffer,
    /// Tokens proposed at once in speculative decoding, which the model checks together; 0 without.
    pub proposed: u64,
    /// States of a recurrent layer that each sequence keeps in addition to the current one, to roll
    /// back to when a draft is rejected (`n_rs_seq`).
    pub snapshots: u64,
    /// Whether flash attention unpacks a quantised cache to f16: with CUDA and ROCm. Metal, Vulkan
    /// and the CPU read it as it is.
    pub unpacks_cache: bool,
    /// Whether the cache of a layer is where the layer is; otherwise it is on the host
    /// (`--no-kv-offload`).
    pub kv_on_devices: bool,
}

/// Snapshots of recurrent states when MTP layers draft `proposed` tokens at once: one per token in
/// architectures that can roll back to them; others restore checkpoints on the host. A separate
/// draft model needs none. Source: `need_n_rs_seq` in `common/common.h`,
/// `llm_arch_supports_rs_rollback` in `src/llama-arch.cpp`.
pub fn snapshots(architecture: &Architecture, proposed: u64) -> u64 {
    match architecture.gguf_arch.as_deref() {
        Some("qwen35" | "qwen35moe" | "qwen4exp") => proposed,
        _ => 0,
    }
}

/// Maximum number of sequences (`LLAMA_MAX_SEQ`).
pub const MAX_SEQUENCES: u64 = 256;
/// Maximum context, which is counted in 32 bits.
pub(super) const MAX_CONTEXT: u64 = 1 << 31;

impl Settings {
    /// The settings of the context that drafts: those of the model, but for the types of its cache.
    /// Source: `common_base_params_to_speculative` in `common/speculative.cpp`.
    #[must_use]
    pub fn of_draft(&self) -> Settings {
        Settings { kv: self.draft_kv, proposed: 0, snapshots: 0, ..*self }
    }

    /// Returns the settings that llama.cpp effectively uses: within its limits, with a batch no
    /// longer than the context, and flash attention only where the architecture supports it.
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
