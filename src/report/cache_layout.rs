//! How an engine lays out the KV cache, in the respects in which engines differ.

use serde::{Deserialize, Serialize};

/// How an engine lays out the KV cache, in the respects in which engines differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CacheLayout {
    /// Bits of a cached key, including scales.
    pub key_bits: f64,
    /// Bits of a cached value, including scales.
    pub value_bits: f64,
    /// What the cache of a sliding-window layer holds.
    #[serde(alias = "windows")]
    pub sliding_window: SlidingWindowCache,
    /// Whether latent attention is cached as full keys and values.
    pub latents_expanded: bool,
    /// Maximum number of prompt tokens computed in one step; `None` means all of them.
    pub batch_tokens: Option<u64>,
    /// Number of devices that share every layer (tensor parallelism).
    pub ranks: u64,
    /// Fraction of each device, in thousandths, that the engine preallocates whatever the model
    /// (such as `gpu_memory_utilization`); what the bill leaves of it becomes cache.
    #[serde(alias = "takes")]
    pub reserved_fraction: Option<u64>,
}

/// What the cache of a sliding-window layer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SlidingWindowCache {
    /// The window and the batch being computed.
    #[default]
    #[serde(alias = "kept")]
    WindowOnly,
    /// The whole context.
    Whole,
    /// A fraction of the context, in thousandths.
    Share(u64),
}

impl SlidingWindowCache {
    /// Number of tokens of `context` that a layer with `window` caches, without the batch being
    /// computed.
    pub fn tokens(self, context: u64, window: u64) -> u64 {
        match self {
            SlidingWindowCache::WindowOnly => context.min(window),
            SlidingWindowCache::Whole => context,
            SlidingWindowCache::Share(thousandths) => {
                (u128::from(context) * u128::from(thousandths) / 1000) as u64
            }
        }
    }
}
