//! How an engine lays out the KV cache, as far as engines differ.

use serde::{Deserialize, Serialize};

/// How an engine lays out the KV cache, as far as engines differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CacheLayout {
    /// Bits of a cached key, scales included.
    pub key_bits: f64,
    /// Bits of a cached value.
    pub value_bits: f64,
    /// What the cache of a sliding-window layer holds.
    #[serde(alias = "windows")]
    pub sliding_window: SlidingWindowCache,
    /// Whether latent attention is cached as full keys and values.
    pub latents_expanded: bool,
    /// The most tokens of a prompt that are computed at once; `None` is all of it.
    pub batch_tokens: Option<u64>,
    /// Devices that share every layer (tensor parallelism).
    pub ranks: u64,
    /// Fraction of each device, in thousandths, that the engine preallocates whatever the model
    /// (`gpu_memory_utilization` and its like); what the bill leaves of it becomes cache.
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
    /// This share of the context, in thousandths.
    Share(u64),
}

impl SlidingWindowCache {
    /// Tokens that a layer with `window` caches of `context`, without the batch being computed.
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
