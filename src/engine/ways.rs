//! What tells one engine's layout from another's, in facts rather than words.

use serde::{Deserialize, Serialize};

use super::{LayerCache, Run};
use crate::architecture::{Architecture, Mixer};

/// How an engine lays a model out, as far as engines differ in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ways {
    /// Bits of a cached key, scales included.
    pub key_bits: f64,
    /// Bits of a cached value.
    pub value_bits: f64,
    /// What sliding-window layers keep.
    pub windows: Windows,
    /// Latent attention is cached as full keys and values.
    pub latents_expanded: bool,
    /// The most tokens of a prompt that are computed at once; `None` is all of it.
    pub batch_tokens: Option<u64>,
    /// Devices that share every layer (tensor parallelism).
    pub ranks: u64,
    /// Share of each device, in thousandths, that the engine takes whatever the model: what the
    /// bill leaves of it becomes cache.
    pub takes: Option<u64>,
}

/// What the cache of a sliding-window layer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Windows {
    /// The window, and at most what is computed at once beside it.
    #[default]
    Kept,
    /// The whole context.
    Whole,
    /// This share of the context, in thousandths.
    Share(u64),
}

impl Windows {
    /// Tokens that a layer with `window` keeps of `context`, without what is beside the window.
    pub fn tokens(self, context: u64, window: u64) -> u64 {
        match self {
            Windows::Kept => context.min(window),
            Windows::Whole => context,
            Windows::Share(thousandths) => {
                (u128::from(context) * u128::from(thousandths) / 1000) as u64
            }
        }
    }
}

impl Ways {
    /// The ways of `run`.
    pub fn of(run: &dyn Run) -> Ways {
        let layout = run.layout();
        let ranks = layout.parts.iter().map(|held| held.devices.len() as u64).max();
        Ways {
            key_bits: 8.0 * layout.cache.key,
            value_bits: 8.0 * layout.cache.value,
            windows: run.windows(),
            latents_expanded: run.expands_latents(),
            batch_tokens: (layout.microbatch < u64::MAX).then_some(layout.microbatch),
            ranks: ranks.unwrap_or(1).max(1),
            takes: run.takes(),
        }
    }
}

/// Makes latent attention's caches those of full keys and values, as an engine keeps them that
/// computes it so.
pub fn expand_latents(architecture: &Architecture, caches: &mut [LayerCache]) {
    for (cache, layer) in caches.iter_mut().zip(&architecture.layers) {
        if let Mixer::Mla(m) = &layer.mixer {
            cache.kv_heads = m.heads;
            cache.key = m.qk_nope_head_dim + m.qk_rope_head_dim;
            cache.value = m.v_head_dim;
            cache.latent = false;
        }
    }
}
