//! Work of a model per token: bytes to read and operations to compute, independent of a device.

use std::ops::Range;

use crate::architecture::{
    Architecture, Attention, AttentionSpan, Compressed, Group, KvSource, Layer, Mixer, Mla, Role,
    Tensor,
};
use crate::scenario::{CacheType, CacheTypes};

/// Bytes read and operations computed per token by a model, or by a part of it. Parts add up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// Repeating layers.
    pub layers: f64,
    /// Layers with routed experts.
    pub moe_layers: f64,
    /// Layers with a recurrent mixer (state space, linear attention, short convolution).
    pub recurrent_layers: f64,
    /// Layers with multi-head latent attention.
    pub latent_layers: f64,
    /// Layers with compressed attention.
    pub compressed_layers: f64,
    /// Bytes of the weights read by every step: all but embedding tables and routed experts.
    pub dense_bytes: f64,
    /// Bytes of all routed experts.
    pub expert_bytes: f64,
    /// Share of the routed experts that one token uses, 0 to 1; of a layer whose experts are
    /// elsewhere, too.
    pub expert_share: f64,
    /// Operations per token with the dense weights of the layers: 2 per weight.
    pub dense_flops: f64,
    /// Operations per token with its routed experts.
    pub expert_flops: f64,
    /// Operations per token with the output head; a prompt needs them for its last token only.
    pub head_flops: f64,
    /// Caches of the attention layers, one per kind of layer.
    pub caches: Vec<Cache>,
    /// Bytes of recurrent state read and written by a step per sequence.
    pub state_bytes: f64,
    /// Width of the residual stream in values per token: what devices exchange.
    pub hidden: f64,
}

/// The cache of all attention layers of one kind together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cache {
    /// Bytes of one entry.
    pub entry_bytes: f64,
    /// Tokens per entry: 1 except in compressed attention.
    pub tokens_per_entry: f64,
    /// Largest number of entries that a step reads: the sliding window, or the indexer's top-k.
    pub window: Option<f64>,
    /// Operations per entry when decoding one token.
    pub decode_flops: f64,
    /// Operations per pair of a token and an entry in a prompt.
    pub prefill_flops: f64,
    /// Query heads per key/value head.
    pub heads_per_kv_head: f64,
    /// Key/value heads: the largest number of tensor-parallel devices that divide an entry; beyond
    /// it, entries are copied. 1 for a latent and for an indexer's keys.
    pub kv_heads: f64,
    /// Whether the cache belongs to multi-head latent attention.
    pub latent: bool,
}

impl Cache {
    /// Entries read by a token after `depth` earlier tokens.
    pub fn entries(&self, depth: f64) -> f64 {
        let entries = depth / self.tokens_per_entry;
        self.window.map_or(entries, |window| entries.min(window))
    }

    /// Entries read per token on average by `tokens` new tokens, the first of them at `depth`.
    pub fn mean_entries(&self, depth: f64, tokens: f64) -> f64 {
        let end = depth + tokens;
        let Some(window) = self.window else {
            return (depth + tokens / 2.0) / self.tokens_per_entry;
        };
        let full_from = window * self.tokens_per_entry;
        if end <= full_from || tokens <= 0.0 {
            return ((depth + tokens / 2.0) / self.tokens_per_entry).min(window);
        }
        let rising = (full_from - depth).max(0.0);
        let rising_mean = (depth + rising / 2.0) / self.tokens_per_entry;
        (rising * rising_mean + (tokens - rising) * window) / tokens
    }
}

/// Bytes per value of the KV cache.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CacheBytes {
    /// A key (and the latent of MLA).
    pub key: f64,
    /// A value.
    pub value: f64,
}

impl CacheBytes {
    /// F16 or BF16.
    pub const SIXTEEN_BIT: CacheBytes = CacheBytes { key: 2.0, value: 2.0 };
}

impl From<CacheTypes> for CacheBytes {
    fn from(types: CacheTypes) -> CacheBytes {
        let bytes = |ty: CacheType| ty.bits_per_value() / 8.0;
        CacheBytes { key: bytes(types.key), value: bytes(types.value) }
    }
}

/// The work of a model layer by layer, from which the work of any part follows. Computed once per
/// file, it serves every machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layers {
    /// Each repeating layer without its routed experts, and the experts.
    layers: Vec<(Work, Work)>,
    /// Norms and the output head.
    outside_layers: Work,
}

impl Layers {
    /// Computes the work of `architecture` from its loaded `weights` and their bytes.
    ///
    /// `weights` are the tensors that the engine loads; vision towers and MTP layers are ignored.
    /// If there is no output head, the embedding table is read as one.
    pub fn new<'a>(
        architecture: &Architecture,
        weights: impl IntoIterator<Item = (&'a Tensor, u64)>,
        types: CacheBytes,
    ) -> Layers {
        let hidden = architecture.hidden_size as f64;
        let empty = || Work { hidden, ..Work::default() };
        let mut outside_layers = empty();
        let layer = |layer: &Layer| {
            let (mut body, mut experts) = (empty(), empty());
            if let Some(moe) = layer.ffn.moe() {
                experts.moe_layers = 1.0;
                let share = moe.experts_per_token as f64 / moe.experts.max(1) as f64;
                experts.expert_share = share.min(1.0);
                body.expert_share = experts.expert_share;
            }
            body.add_layer(layer, architecture, types);
            (body, experts)
        };
        let mut layers: Vec<(Work, Work)> = architecture.layers.iter().map(layer).collect();
        let (mut head, mut table) = (None, None);
        for (tensor, bytes) in weights {
            if tensor.group != Group::Text {
                continue;
            }
            let (bytes, flops) = (bytes as f64, 2.0 * tensor.shape.elements() as f64);
            let layer = tensor.layer.and_then(|i| layers.get_mut(i as usize));
            match (tensor.role, layer) {
                (Role::Output, _) => head = Some((bytes, flops)),
                (Role::TokenEmbd, _) => table = Some((bytes, flops)),
                (role, _) if is_lookup(role) => {}
                (role, Some((_, experts))) if role.is_expert() => {
                    experts.expert_bytes += bytes;
                    experts.expert_flops += flops * share(architecture, tensor);
                }
                (_, layer) => {
                    let work = layer.map_or(&mut outside_layers, |(body, _)| body);
                    work.dense_bytes += bytes;
                    work.dense_flops += flops;
                }
            }
        }
        if let Some((bytes, flops)) = head.or(table) {
            outside_layers.dense_bytes += bytes;
            outside_layers.head_flops += flops;
        }
        Layers { layers, outside_layers }
    }

    /// Number of repeating layers.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether the model has no repeating layers.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Returns the work of a part with `layers` and their caches, the routed experts of the layers
    /// `experts` and, if `outside_layers`, the norms and the output head. Layers beyond the last
    /// are ignored.
    pub fn part(&self, layers: Range<usize>, experts: Range<usize>, outside_layers: bool) -> Work {
        let mut work = Work { hidden: self.outside_layers.hidden, ..Work::default() };
        let within = |range: Range<usize>| {
            let end = range.end.min(self.len());
            &self.layers[range.start.min(end)..end]
        };
        within(layers).iter().for_each(|(body, _)| work.add(body));
        within(experts).iter().for_each(|(_, experts)| work.add(experts));
        if outside_layers {
            work.add(&self.outside_layers);
        }
        work
    }

    /// The work of the whole model.
    pub fn whole(&self) -> Work {
        self.part(0..self.len(), 0..self.len(), true)
    }
}

impl Work {
    /// Computes the work of a whole model: see [`Layers::new`].
    pub fn whole<'a>(
        architecture: &Architecture,
        weights: impl IntoIterator<Item = (&'a Tensor, u64)>,
        types: CacheBytes,
    ) -> Work {
        Layers::new(architecture, weights, types).whole()
    }

    /// Divides the tokens of every cache among `ranks` devices, beyond those that its heads are
    /// divided among.
    pub fn divide_caches(&mut self, ranks: u64) {
        self.caches.iter_mut().for_each(|cache| cache.kv_heads *= ranks.max(1) as f64);
    }

    /// Takes the caches, and the states with them, as work of their own.
    pub fn take_caches(&mut self) -> Work {
        Work {
            caches: std::mem::take(&mut self.caches),
            state_bytes: std::mem::take(&mut self.state_bytes),
            hidden: self.hidden,
            ..Work::default()
        }
    }

    /// This work and that of another part together.
    #[must_use]
    pub fn joined(mut self, other: Work) -> Work {
        self.add(&other);
        self
    }

    /// Adds the work of another part of the model.
    fn add(&mut self, other: &Work) {
        self.layers += other.layers;
        self.moe_layers += other.moe_layers;
        self.recurrent_layers += other.recurrent_layers;
        self.latent_layers += other.latent_layers;
        self.compressed_layers += other.compressed_layers;
        self.dense_bytes += other.dense_bytes;
        self.expert_bytes += other.expert_bytes;
        self.expert_share = self.expert_share.max(other.expert_share);
        self.dense_flops += other.dense_flops;
        self.expert_flops += other.expert_flops;
        self.head_flops += other.head_flops;
        self.state_bytes += other.state_bytes;
        other.caches.iter().for_each(|cache| self.add_cache(*cache));
    }

    /// Returns a share of this work, as one of several devices holds in an even layer split. The
    /// head is divided too, which does not change the sum over the devices.
    pub fn scaled(&self, share: f64) -> Work {
        let cache = |cache: &Cache| Cache {
            entry_bytes: cache.entry_bytes * share,
            decode_flops: cache.decode_flops * share,
            prefill_flops: cache.prefill_flops * share,
            ..*cache
        };
        Work {
            layers: self.layers * share,
            moe_layers: self.moe_layers * share,
            recurrent_layers: self.recurrent_layers * share,
            latent_layers: self.latent_layers * share,
            compressed_layers: self.compressed_layers * share,
            dense_bytes: self.dense_bytes * share,
            expert_bytes: self.expert_bytes * share,
            expert_share: self.expert_share,
            dense_flops: self.dense_flops * share,
            expert_flops: self.expert_flops * share,
            head_flops: self.head_flops * share,
            caches: self.caches.iter().map(cache).collect(),
            state_bytes: self.state_bytes * share,
            hidden: self.hidden,
        }
    }

    fn add_layer(&mut self, layer: &Layer, architecture: &Architecture, types: CacheBytes) {
        self.layers += 1.0;
        let window = architecture.sliding_window.map(|tokens| tokens as f64);
        match &layer.mixer {
            Mixer::Attention(a) | Mixer::AttentionAndMamba2(a, _) => {
                self.add_attention(a, window, types);
            }
            Mixer::Mla(m) => self.add_latent(m, window, types),
            Mixer::Compressed(c) => self.add_compressed(c, window, types),
            _ => {}
        }
        let state = state_values(&layer.mixer, architecture.hidden_size);
        if state > 0.0 {
            self.recurrent_layers += 1.0;
            // Four bytes each, read and written.
            self.state_bytes += 8.0 * state;
        }
    }

    fn add_attention(&mut self, a: &Attention, window: Option<f64>, types: CacheBytes) {
        if a.kv_source == KvSource::Image {
            return;
        }
        let (kv_heads, heads) = (a.kv_heads as f64, a.heads as f64);
        let (key, value) = (a.head_dim as f64, a.v_head_dim as f64);
        let flops = 2.0 * heads * (key + value);
        let cache = Cache {
            entry_bytes: kv_heads * (key * types.key + value * types.value),
            tokens_per_entry: 1.0,
            window: match a.reach {
                AttentionSpan::Sliding | AttentionSpan::Chunked => window,
                AttentionSpan::Sparse => a.indexer.map(|i| i.top_k as f64).filter(|k| *k > 0.0),
                AttentionSpan::Full => None,
            },
            decode_flops: flops,
            prefill_flops: flops,
            heads_per_kv_head: heads / kv_heads.max(1.0),
            kv_heads: kv_heads.max(1.0),
            latent: false,
        };
        self.add_cache(cache);
        if let Some(indexer) = a.indexer {
            self.add_index(indexer.heads as f64, indexer.head_dim as f64, 1.0, types);
        }
    }

    fn add_latent(&mut self, m: &Mla, window: Option<f64>, types: CacheBytes) {
        self.latent_layers += 1.0;
        let heads = m.heads as f64;
        let (latent, rope) = (m.kv_lora_rank as f64, m.qk_rope_head_dim as f64);
        let head = (m.qk_nope_head_dim + m.qk_rope_head_dim + m.v_head_dim) as f64;
        self.add_cache(Cache {
            entry_bytes: (latent + rope) * types.key,
            tokens_per_entry: 1.0,
            window: match m.reach {
                AttentionSpan::Sliding | AttentionSpan::Chunked => window,
                AttentionSpan::Sparse => m.indexer.map(|i| i.top_k as f64).filter(|k| *k > 0.0),
                AttentionSpan::Full => None,
            },
            // Decoding works on the latent itself, prefill on the keys and values made from it.
            decode_flops: 2.0 * heads * (2.0 * latent + rope),
            prefill_flops: 2.0 * heads * head,
            heads_per_kv_head: heads,
            kv_heads: 1.0,
            latent: true,
        });
        if let Some(indexer) = m.indexer {
            self.add_index(indexer.heads as f64, indexer.head_dim as f64, 1.0, types);
        }
    }

    fn add_compressed(&mut self, c: &Compressed, window: Option<f64>, types: CacheBytes) {
        self.compressed_layers += 1.0;
        let (heads, head) = (c.heads as f64, c.head_dim as f64);
        let cache = |tokens_per_entry, window| Cache {
            entry_bytes: head * types.key,
            tokens_per_entry,
            window,
            decode_flops: 4.0 * heads * head,
            prefill_flops: 4.0 * heads * head,
            heads_per_kv_head: heads,
            kv_heads: 1.0,
            latent: true,
        };
        self.add_cache(cache(1.0, window));
        if c.ratio > 0 {
            let picked = c.indexer.map(|i| i.top_k as f64).filter(|k| *k > 0.0);
            self.add_cache(cache(c.ratio as f64, picked));
            if let Some(indexer) = c.indexer {
                let (heads, head) = (indexer.heads as f64, indexer.head_dim as f64);
                self.add_index(heads, head, c.ratio as f64, types);
            }
        }
    }

    /// Adds the keys of a sparse-attention indexer, all of which are read.
    fn add_index(&mut self, heads: f64, head: f64, tokens_per_entry: f64, types: CacheBytes) {
        self.add_cache(Cache {
            entry_bytes: head * types.key,
            tokens_per_entry,
            window: None,
            decode_flops: 2.0 * heads * head,
            prefill_flops: 2.0 * heads * head,
            heads_per_kv_head: heads,
            kv_heads: 1.0,
            latent: false,
        });
    }

    /// Adds a cache; layers of one kind share an entry of the list.
    fn add_cache(&mut self, cache: Cache) {
        let alike = |c: &&mut Cache| {
            c.window == cache.window
                && c.tokens_per_entry == cache.tokens_per_entry
                && c.heads_per_kv_head == cache.heads_per_kv_head
                && c.kv_heads == cache.kv_heads
                && c.latent == cache.latent
        };
        match self.caches.iter_mut().find(alike) {
            Some(known) => {
                known.entry_bytes += cache.entry_bytes;
                known.decode_flops += cache.decode_flops;
                known.prefill_flops += cache.prefill_flops;
            }
            None => self.caches.push(cache),
        }
    }

    /// Expected share of the routed experts that a batch of `tokens` uses if each token picks
    /// evenly: `1 - (1 - k/E)^B`.
    pub fn distinct_experts(&self, tokens: f64) -> f64 {
        1.0 - (1.0 - self.expert_share).powf(tokens)
    }

    /// Bytes of weights read by a step over `tokens`.
    pub fn weight_bytes(&self, tokens: f64) -> f64 {
        self.dense_bytes + self.expert_bytes * self.distinct_experts(tokens)
    }

    /// Number of weights that a prompt of `tokens` uses, without the head.
    pub fn weights(&self, tokens: f64) -> f64 {
        let experts = match self.expert_share > 0.0 {
            true => self.expert_flops / self.expert_share * self.distinct_experts(tokens),
            false => 0.0,
        };
        (self.dense_flops + experts) / 2.0
    }

    /// Bytes of cache and state read by a step for one sequence at `depth` tokens.
    pub fn cache_bytes(&self, depth: f64) -> f64 {
        let caches = self.caches.iter().map(|c| c.entry_bytes * c.entries(depth));
        caches.sum::<f64>() + self.state_bytes
    }

    /// Operations of decoding one token at `depth`.
    pub fn decode_flops(&self, depth: f64) -> f64 {
        let attention = self.caches.iter().map(|c| c.decode_flops * c.entries(depth));
        self.dense_flops + self.expert_flops + self.head_flops + attention.sum::<f64>()
    }

    /// Operations of attention for `tokens` new tokens after `depth` earlier tokens.
    pub fn attention_flops(&self, depth: f64, tokens: f64) -> f64 {
        let pairs = self.caches.iter().map(|c| c.prefill_flops * c.mean_entries(depth, tokens));
        tokens * pairs.sum::<f64>()
    }
}

/// Whether a token reads only a few rows of the tensor.
fn is_lookup(role: Role) -> bool {
    matches!(
        role,
        Role::PositionEmbd
            | Role::TokenTypes
            | Role::PerLayerTokenEmbd
            | Role::LookupTable
            | Role::Vision
    )
}

/// Share of an expert tensor that one token uses.
fn share(architecture: &Architecture, tensor: &Tensor) -> f64 {
    let layer = tensor.layer.and_then(|i| architecture.layers.get(i as usize));
    layer
        .and_then(|layer| layer.ffn.moe())
        .map_or(1.0, |moe| moe.experts_per_token as f64 / moe.experts.max(1) as f64)
}

/// Values of recurrent state of a layer per sequence.
fn state_values(mixer: &Mixer, hidden: u64) -> f64 {
    let taps = |kernel: u64, channels: f64| kernel.saturating_sub(1) as f64 * channels;
    let mamba = |inner: u64, state: u64, kernel: u64, shared: u64| {
        taps(kernel, (inner + shared) as f64) + inner as f64 * state as f64
    };
    match mixer {
        Mixer::GatedDeltaNet(g) => {
            let keys = (g.key_heads * g.key_head_dim) as f64;
            let values = (g.value_heads * g.value_head_dim) as f64;
            taps(g.conv_kernel, 2.0 * keys + values) + g.key_head_dim as f64 * values
        }
        Mixer::Kda(k) => {
            let width = (k.heads * k.head_dim) as f64;
            taps(k.conv_kernel, 3.0 * width) + k.head_dim as f64 * width
        }
        Mixer::Lightning(l) => l.heads as f64 * (l.head_dim as f64).powi(2),
        Mixer::Mamba1(m) => mamba(m.d_inner, m.d_state, m.d_conv, 0),
        Mixer::Mamba2(m) | Mixer::AttentionAndMamba2(_, m) => {
            mamba(m.d_inner, m.d_state, m.d_conv, 2 * m.groups * m.d_state)
        }
        Mixer::ShortConv { kernel } => taps(*kernel, hidden as f64),
        Mixer::Attention(_) | Mixer::Mla(_) | Mixer::Compressed(_) | Mixer::None => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(window: Option<f64>, tokens_per_entry: f64) -> Cache {
        Cache {
            entry_bytes: 1.0,
            tokens_per_entry,
            window,
            decode_flops: 1.0,
            prefill_flops: 1.0,
            heads_per_kv_head: 1.0,
            kv_heads: 1.0,
            latent: false,
        }
    }

    #[test]
    fn a_window_caps_what_is_read() {
        assert_eq!(cache(None, 1.0).entries(5000.0), 5000.0);
        assert_eq!(cache(Some(1024.0), 1.0).entries(5000.0), 1024.0);
        assert_eq!(cache(Some(1024.0), 1.0).entries(10.0), 10.0);
        assert_eq!(cache(None, 4.0).entries(5000.0), 1250.0);
    }

    #[test]
    fn new_tokens_see_on_average_half_of_themselves() {
        assert_eq!(cache(None, 1.0).mean_entries(100.0, 50.0), 125.0);
        // 100 tokens climb to the window and 100 stay there.
        assert_eq!(cache(Some(100.0), 1.0).mean_entries(0.0, 200.0), 75.0);
        assert_eq!(cache(Some(100.0), 1.0).mean_entries(500.0, 200.0), 100.0);
    }

    #[test]
    fn a_batch_meets_more_experts_than_a_token() {
        let work = Work { expert_share: 0.0625, expert_bytes: 16.0, ..Work::default() };
        assert_eq!(work.weight_bytes(1.0), 1.0);
        assert!(work.weight_bytes(8.0) > 6.0 && work.weight_bytes(8.0) < 7.0);
        assert!(work.weight_bytes(1e4) <= 16.0);
    }
}
