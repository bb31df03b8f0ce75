//! The state that each layer keeps of a sequence, in values rather than bytes: the part of a KV
//! cache that does not depend on the engine.

use crate::architecture::{Architecture, AttentionSpan, Indexer, KvSource, Mixer};

/// The state that one layer keeps on one rank of a tensor-parallel group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LayerCache {
    /// Key heads cached on the rank.
    pub kv_heads: u64,
    /// Width of one head's key.
    pub key: u64,
    /// Width of one head's value; 0 if the key serves as both (latent attention).
    pub value: u64,
    /// Whether the cache is one latent vector per token (MLA), replicated on every rank.
    pub latent: bool,
    /// Length of the sliding window in tokens; `None` means the whole context.
    pub window: Option<u64>,
    /// Tokens per cache entry (DeepSeek-V4 compresses 4 or 128 tokens into one).
    pub ratio: u64,
    /// Width of a sparse-attention indexer's key, one key per entry.
    pub index_key: u64,
    /// Tokens that share a key of the indexer; 0 as 1.
    pub index_tokens: u64,
    /// Values of the convolution state per sequence: `channels` for each past token that the
    /// convolution covers.
    pub conv: u64,
    /// Channels of the convolution.
    pub channels: u64,
    /// Values of the recurrent state per sequence.
    pub recurrent: u64,
    /// Kind of recurrent state, which determines its data type.
    pub state: Option<State>,
}

/// The family of a recurrent state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Mamba 1 and 2.
    Mamba,
    /// Gated delta net; `true` from Qwen3.5 on, whose config requests FP32.
    DeltaNet(bool),
    /// Kimi delta attention.
    Kda,
    /// Lightning attention.
    Lightning,
    /// Short convolution without a recurrent state.
    Convolution,
}

impl LayerCache {
    /// Number of values that one cached token (or compressed entry) takes, without the indexer's
    /// key.
    pub fn entry(&self) -> u64 {
        self.kv_heads * (self.key + self.value)
    }

    /// Number of entries that a sequence of `context` tokens needs if nothing beyond the window is
    /// kept.
    pub fn entries(&self, context: u64) -> u64 {
        match (self.ratio, self.window) {
            (0 | 1, Some(window)) => context.min(window),
            (0 | 1, None) => context,
            (ratio, window) => context / ratio + window.unwrap_or(0).min(context),
        }
    }

    fn convolve(&mut self, channels: u64, taps: u64) {
        self.channels = channels;
        self.conv = channels * taps.saturating_sub(1);
    }

    /// Whether the layer keeps state per token.
    pub fn has_tokens(&self) -> bool {
        self.entry() > 0
    }

    /// Whether the layer keeps state per sequence.
    pub fn has_state(&self) -> bool {
        self.conv + self.recurrent > 0
    }
}

/// Returns the state that each repeating layer keeps on each of `ranks` tensor-parallel ranks.
///
/// Key heads are divided, or replicated if there are fewer heads than ranks, so that each rank has
/// one (vLLM `ModelConfig.get_num_kv_heads`, SGLang `get_num_kv_heads`); a latent is replicated.
pub fn layer_caches(architecture: &Architecture, ranks: u64) -> Vec<LayerCache> {
    let ranks = ranks.max(1);
    architecture.layers.iter().map(|layer| of(architecture, &layer.mixer, ranks)).collect()
}

/// Returns the state that each multi-token-prediction layer keeps on each of `ranks`
/// tensor-parallel ranks. An engine loads these layers for speculative decoding.
pub fn mtp_caches(architecture: &Architecture, ranks: u64) -> Vec<LayerCache> {
    let layers = architecture.mtp.iter().flat_map(|mtp| &mtp.layers);
    layers.map(|layer| of(architecture, &layer.mixer, ranks.max(1))).collect()
}

fn of(architecture: &Architecture, mixer: &Mixer, ranks: u64) -> LayerCache {
    let window = |reach| match reach {
        AttentionSpan::Sliding | AttentionSpan::Chunked => architecture.sliding_window,
        AttentionSpan::Full | AttentionSpan::Sparse => None,
    };
    let index_key = |indexer: &Option<Indexer>| indexer.map_or(0, |i| i.head_dim);
    let index_tokens = |indexer: &Option<Indexer>| indexer.map_or(1, |i| i.tokens_per_key);
    let mut cache = LayerCache { ratio: 1, ..LayerCache::default() };
    if let Some(a) = mixer.attention()
        && a.kv_source == KvSource::Own
    {
        cache.kv_heads = (a.kv_heads / ranks).max(1);
        (cache.key, cache.value) = (a.head_dim, a.v_head_dim);
        cache.window = window(a.reach);
        cache.index_key = index_key(&a.indexer);
        cache.index_tokens = index_tokens(&a.indexer);
    }
    match mixer {
        Mixer::Mla(m) => {
            cache.kv_heads = 1;
            cache.key = m.kv_lora_rank + m.qk_rope_head_dim;
            cache.latent = true;
            cache.window = window(m.reach);
            cache.index_key = index_key(&m.indexer);
            cache.index_tokens = index_tokens(&m.indexer);
        }
        Mixer::Compressed(c) => {
            cache.kv_heads = 1;
            cache.key = c.head_dim;
            cache.latent = true;
            cache.window = architecture.sliding_window;
            cache.ratio = c.ratio.max(1);
            cache.index_key = index_key(&c.indexer);
            cache.index_tokens = index_tokens(&c.indexer);
        }
        Mixer::GatedDeltaNet(g) => {
            let channels = 2 * g.key_heads * g.key_head_dim + g.value_heads * g.value_head_dim;
            cache.convolve(channels / ranks, g.conv_kernel);
            cache.recurrent = g.value_heads / ranks * g.value_head_dim * g.key_head_dim;
            cache.state = Some(State::DeltaNet(!g.fused_ba));
        }
        Mixer::Kda(k) => {
            let inner = k.heads * k.head_dim;
            cache.convolve(3 * inner / ranks, k.conv_kernel);
            cache.recurrent = k.heads / ranks * k.head_dim * k.head_dim;
            cache.state = Some(State::Kda);
        }
        Mixer::Lightning(l) => {
            cache.recurrent = l.heads / ranks * l.head_dim * l.head_dim;
            cache.state = Some(State::Lightning);
        }
        Mixer::Mamba1(m) => {
            cache.convolve(m.d_inner / ranks, m.d_conv);
            cache.recurrent = m.d_inner / ranks * m.d_state;
            cache.state = Some(State::Mamba);
        }
        Mixer::ShortConv { kernel } => {
            cache.convolve(architecture.hidden_size / ranks, *kernel);
            cache.state = Some(State::Convolution);
        }
        _ => {}
    }
    if let Some(m) = mixer.mamba2() {
        // Groups are replicated so that each rank has those of its heads (vLLM
        // `extra_groups_for_head_shards`).
        let groups = if m.groups.is_multiple_of(ranks) { m.groups } else { ranks };
        let channels = m.d_inner + 2 * groups * m.d_state;
        cache.convolve(channels / ranks, m.d_conv);
        cache.recurrent = m.d_inner / ranks * m.d_state;
        cache.state = Some(State::Mamba);
    }
    cache
}

/// Replaces cached latents by full keys and values, as kept by engines that compute latent
/// attention that way.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{Attention, Ffn, Layer, OutputGate, QkNorm};

    fn attention(kv_heads: u64, reach: AttentionSpan) -> Mixer {
        Mixer::Attention(Attention {
            heads: 32,
            kv_heads,
            head_dim: 128,
            v_head_dim: 128,
            reach,
            qkv_bias: false,
            out_bias: false,
            qk_norm: QkNorm::None,
            output_gate: OutputGate::None,
            sinks: false,
            fused_qkv: false,
            k_eq_v: false,
            kv_source: KvSource::Own,
            indexer: None,
        })
    }

    fn model(mixer: Mixer) -> Architecture {
        let layer = Layer { mixer, ffn: Ffn::None, norms: vec![], extra: vec![], parallel: false };
        Architecture { sliding_window: Some(512), layers: vec![layer], ..Default::default() }
    }

    #[test]
    fn key_heads_are_divided_and_then_replicated() {
        let of = |ranks| layer_caches(&model(attention(8, AttentionSpan::Full)), ranks)[0].kv_heads;
        assert_eq!([1, 2, 8, 16].map(of), [8, 4, 1, 1]);
    }

    #[test]
    fn a_window_bounds_the_entries() {
        let sliding = layer_caches(&model(attention(8, AttentionSpan::Sliding)), 1)[0];
        let full = layer_caches(&model(attention(8, AttentionSpan::Full)), 1)[0];
        assert_eq!((sliding.entries(100), sliding.entries(4096)), (100, 512));
        assert_eq!(full.entries(4096), 4096);
        assert_eq!(full.entry(), 8 * 256);
    }
}
