//! The state that llama.cpp keeps per layer between tokens: KV cache and recurrent state.
//!
//! Rules of `llama-kv-cache.cpp`, `llama-kv-cache-iswa.cpp`, `llama-memory-recurrent.cpp` and
//! `llama-hparams.cpp`, build b11434.

use super::gguf_tensor::{DEVICE_ALIGNMENT, padded, row_padding};
use super::graph_quirks::{Family, has_windows};
use super::settings::Settings;
use crate::architecture::{
    Architecture, AttentionSpan, Compressed, GatedDeltaNet, Indexer, Kda, KvSource, Layer,
    Lightning, Mamba1, Mamba2, Mixer,
};
use crate::quant::GgmlType;
use crate::scenario::CacheTypes;
use crate::units::Bytes;

/// Bytes that one layer keeps for all sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerState {
    /// Key and value cache.
    pub kv: Bytes,
    /// Bytes that a CUDA device adds to `kv`: quantised rows are padded like those of weights.
    pub kv_padding: Bytes,
    /// Recurrent and convolution state.
    pub recurrent: Bytes,
}

/// The number of cells in the caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cells {
    /// Number of caches: one for each sequence, or a single unified one.
    pub streams: u64,
    /// Cells of a full-attention layer per stream.
    pub full: u64,
    /// Cells of a sliding-window or chunked layer per stream.
    pub window: u64,
    /// Maximum number of cells of a sliding-window layer, before rounding up to a step.
    pub window_limit: Option<u64>,
    /// Whether sliding-window layers have a separate cache.
    pub windowed: bool,
}

/// Granularity of cache sizes in cells.
pub(super) const CELL_STEP: u64 = 256;

impl Cells {
    /// The context is padded, then divided among the streams and padded again. A sliding-window
    /// layer holds the windows of all sequences of its stream and one physical batch.
    pub(super) fn new(architecture: &Architecture, settings: &Settings) -> Cells {
        let sequences = settings.n_parallel;
        let shared = settings.unified && !Family::of(architecture).separate_streams;
        let streams = if shared { 1 } else { sequences };
        let context = padded(settings.n_ctx, CELL_STEP);
        let contexts = if settings.unified { 1 } else { sequences };
        let full = padded(context / contexts, CELL_STEP).max(CELL_STEP);
        let windowed = has_windows(architecture);
        let window = architecture.sliding_window.filter(|_| windowed && !settings.swa_full);
        let window_limit = window.map(|window| {
            let windows = window.saturating_mul(if shared { sequences } else { 1 });
            windows.saturating_add(settings.n_ubatch)
        });
        Cells { streams, full, window: full, window_limit, windowed }.with(full)
    }

    /// Returns these cells with `full` cells in a full-attention layer.
    pub(super) fn with(self, full: u64) -> Cells {
        let window = self.window_limit.map(|limit| padded(full.min(limit), CELL_STEP));
        Cells { full, window: window.unwrap_or(full), ..self }
    }

    /// The cells that an encoder attends to: its batch.
    pub(super) fn of_batch(tokens: u64) -> Cells {
        let (window_limit, windowed) = (None, false);
        Cells { streams: 1, full: tokens, window: tokens, window_limit, windowed }
    }

    /// Whether a layer with this reach is in the sliding-window cache.
    pub(super) fn in_window(self, reach: AttentionSpan) -> bool {
        self.windowed && matches!(reach, AttentionSpan::Sliding | AttentionSpan::Chunked)
    }

    /// Cells per stream for compressed entries, one for `ratio` tokens.
    pub(super) fn compressed(self, ratio: u64) -> u64 {
        self.full.checked_div(ratio).map_or(0, |n| padded(n.max(1), CELL_STEP))
    }

    /// Cells per stream of a layer with this reach.
    pub(super) fn of(self, reach: AttentionSpan) -> u64 {
        if self.in_window(reach) { self.window } else { self.full }
    }
}

/// Returns KV cache and recurrent state of each repeating layer, exact to the byte. They are in the
/// same place as the layer.
pub fn layer_states(architecture: &Architecture, settings: &Settings) -> Vec<LayerState> {
    states(architecture, settings, 0..architecture.layers.len())
}

/// Returns KV cache and recurrent state of `layers`, exact to the byte.
pub fn states(
    architecture: &Architecture,
    settings: &Settings,
    layers: impl Iterator<Item = usize>,
) -> Vec<LayerState> {
    let settings = settings.effective(architecture);
    let caches = Caches::new(architecture, &settings);
    let states = settings.n_parallel.saturating_mul(settings.snapshots.saturating_add(1));
    let state = |layer: &Layer| {
        let recurrent = recurrent_bytes(&layer.mixer, architecture.hidden_size);
        LayerState {
            kv: caches.bytes(&layer.mixer),
            kv_padding: caches.padding(&layer.mixer),
            recurrent: Bytes(recurrent.saturating_mul(states)),
        }
    };
    layers.filter_map(|il| architecture.layers.get(il)).map(state).collect()
}

/// Upper bound of the bytes of one sequence's context checkpoint. It contains the caches that
/// cannot be truncated to an earlier token: sliding windows and recurrent states
/// (`LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY`).
pub fn checkpoint_bytes(architecture: &Architecture, settings: &Settings) -> Bytes {
    let settings = Settings { snapshots: 0, ..*settings };
    let states = layer_states(architecture, &settings);
    let windowed = |layer: &Layer| !settings.swa_full && super::has_window(architecture, layer);
    let of = |(layer, state): (&Layer, &LayerState)| match windowed(layer) {
        true => state.kv + state.recurrent,
        false => state.recurrent,
    };
    architecture.layers.iter().zip(&states).map(of).sum::<Bytes>() / settings.n_parallel.max(1)
}

/// Bytes of `cells` rows of `width` values.
fn rows(ty: GgmlType, width: u64, cells: u64) -> u64 {
    ty.bytes(width).saturating_mul(cells)
}

/// A layer's cache: the values of a row and the number of cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheRow {
    /// Cells of all streams.
    pub cells: u64,
    /// Width of the keys (or of the latent that serves as key and value), of the key type.
    pub key: u64,
    /// Width of the values, of the value type.
    pub value: u64,
    /// Width of the indexer's keys, of the key type.
    pub index: u64,
}

impl CacheRow {
    /// Bytes of all cells.
    pub fn bytes(&self, kv: KvTypes) -> Bytes {
        let rows = |ty, width| rows(ty, width, self.cells);
        let bytes = rows(kv.k, self.key).saturating_add(rows(kv.v, self.value));
        Bytes(bytes.saturating_add(rows(kv.k, self.index)))
    }
}

/// Returns the cache of each repeating layer that keeps one row per token; `None` for the others,
/// and for compressed attention, whose rows are of two kinds.
pub fn cache_rows(architecture: &Architecture, settings: &Settings) -> Vec<Option<CacheRow>> {
    let settings = settings.effective(architecture);
    let caches = Caches::new(architecture, &settings);
    architecture.layers.iter().map(|layer| caches.row(&layer.mixer)).collect()
}

/// The ggml types of the two halves of the KV cache (`--cache-type-k`, `--cache-type-v`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KvTypes {
    /// Keys.
    pub k: GgmlType,
    /// Values.
    pub v: GgmlType,
}

impl KvTypes {
    /// The same type for keys and values.
    pub const fn both(ty: GgmlType) -> KvTypes {
        KvTypes { k: ty, v: ty }
    }
}

impl From<CacheTypes> for KvTypes {
    fn from(types: CacheTypes) -> KvTypes {
        KvTypes { k: types.key.ggml_type(), v: types.value.ggml_type() }
    }
}

/// The caches of a model.
struct Caches {
    cells: Cells,
    kv: KvTypes,
    /// Width of all rows without flash attention: values are stored transposed, and every layer's
    /// rows are as wide as the widest, even those of layers without attention unless the model is
    /// recurrent.
    transposed: Option<u64>,
    /// Whether layers without a mixer have such rows, too.
    fills_gaps: bool,
    /// Whether nothing is cached, as in an encoder.
    absent: bool,
}

impl Caches {
    fn new(architecture: &Architecture, settings: &Settings) -> Caches {
        let mixers = || architecture.layers.iter().map(|layer| &layer.mixer);
        let widest = || mixers().filter_map(values).max().unwrap_or(0);
        let is_recurrent = |mixer| recurrent_bytes(mixer, architecture.hidden_size) > 0;
        let transposed = (!settings.flash_attention).then(widest);
        Caches {
            cells: Cells::new(architecture, settings),
            kv: settings.kv,
            absent: Family::of(architecture).encoder,
            transposed,
            fills_gaps: transposed.is_some() && !mixers().any(is_recurrent),
        }
    }

    fn row(&self, mixer: &Mixer) -> Option<CacheRow> {
        if self.absent {
            return None;
        }
        let all = |reach| self.cells.of(reach).saturating_mul(self.cells.streams);
        let index = |indexer: Option<Indexer>| indexer.map_or(0, |i| i.head_dim);
        let value = |width: Option<u64>| width.map_or(0, |width| self.transposed.unwrap_or(width));
        match mixer {
            Mixer::Attention(a) | Mixer::AttentionAndMamba2(a, _)
                if a.kv_source == KvSource::Own =>
            {
                // A block indexer's cache has values as well, though nothing reads them.
                let unread = a.indexer.map_or(0, |_| a.v_head_dim);
                Some(CacheRow {
                    cells: all(a.reach),
                    key: a.kv_heads.saturating_mul(a.head_dim),
                    value: value(values(mixer)).saturating_add(unread),
                    index: index(a.indexer),
                })
            }
            Mixer::Mla(m) => {
                let nope = if m.fused_kv_b { m.qk_nope_head_dim } else { m.kv_lora_rank };
                let heads = if m.fused_kv_b { m.heads } else { 1 };
                Some(CacheRow {
                    cells: all(m.reach),
                    key: heads.saturating_mul(nope.saturating_add(m.qk_rope_head_dim)),
                    value: value(values(mixer)),
                    index: index(m.indexer),
                })
            }
            Mixer::None if self.fills_gaps => Some(CacheRow {
                cells: all(AttentionSpan::Full),
                value: value(Some(0)),
                ..CacheRow::default()
            }),
            _ => None,
        }
    }

    fn bytes(&self, mixer: &Mixer) -> Bytes {
        match mixer {
            Mixer::Compressed(c) => Bytes(compressed_bytes(c, self.cells, self.kv.k)),
            _ => self.row(mixer).map_or(Bytes::ZERO, |row| row.bytes(self.kv)),
        }
    }

    /// Padding of the last row of each tensor of a layer's cache on a CUDA device.
    fn padding(&self, mixer: &Mixer) -> Bytes {
        let KvTypes { k, v } = self.kv;
        let pad = |ty, width| padded(row_padding(ty, width), DEVICE_ALIGNMENT);
        let tensors = match (mixer, self.row(mixer)) {
            (Mixer::Compressed(c), _) => {
                let compressed = if c.ratio > 0 { c.head_dim } else { 0 };
                let index = c.indexer.map_or(0, |i| i.head_dim);
                [pad(k, c.head_dim), pad(k, compressed), pad(k, index)]
            }
            (_, Some(row)) => [pad(k, row.key), pad(v, row.value), pad(k, row.index)],
            (_, None) => [0; 3],
        };
        Bytes(tensors.into_iter().fold(0, u64::saturating_add))
    }
}

/// Width of the values that a layer caches per token in addition to the keys; `None` if it caches
/// latents.
pub(super) fn values(mixer: &Mixer) -> Option<u64> {
    match mixer {
        Mixer::Attention(a) | Mixer::AttentionAndMamba2(a, _) => {
            Some(a.kv_heads.saturating_mul(a.v_head_dim))
        }
        Mixer::Mla(m) if m.fused_kv_b => Some(m.heads.saturating_mul(m.v_head_dim)),
        _ => None,
    }
}

/// Bytes of a compressed cache: a window of plain entries, one compressed entry per `ratio` tokens
/// of the context and, with an indexer, its keys for the compressed entries.
fn compressed_bytes(c: &Compressed, cells: Cells, key: GgmlType) -> u64 {
    let window = rows(key, c.head_dim, cells.window.saturating_mul(cells.streams));
    if c.ratio == 0 {
        return window;
    }
    let n = cells.compressed(c.ratio).saturating_mul(cells.streams);
    let index = c.indexer.map_or(0, |i| rows(key, i.head_dim, n));
    window.saturating_add(rows(key, c.head_dim, n)).saturating_add(index)
}

/// Values (f32) of the tokens still to be compressed, and their scores. Overlapping blocks count
/// twice.
fn compressor_values(c: &Compressed) -> u64 {
    let blocks = if c.overlaps() { 2 } else { 1 };
    let indexed = c.indexer.map_or(0, |i| i.head_dim);
    let width = c.head_dim.saturating_add(indexed).saturating_mul(blocks);
    width.saturating_mul(c.ratio.saturating_mul(blocks)).saturating_mul(2)
}

/// Values (f32) of the layer's convolution state and recurrent state per sequence.
fn recurrent_values(mixer: &Mixer, hidden_size: u64) -> (u64, u64) {
    let taps = |kernel: u64, channels: u64| kernel.saturating_sub(1).saturating_mul(channels);
    match mixer {
        Mixer::GatedDeltaNet(g) => {
            let GatedDeltaNet { key_heads, key_head_dim, value_heads, value_head_dim, .. } = *g;
            let keys = key_heads.saturating_mul(key_head_dim);
            let values = value_heads.saturating_mul(value_head_dim);
            let channels = keys.saturating_mul(2).saturating_add(values);
            (taps(g.conv_kernel, channels), key_head_dim.saturating_mul(values))
        }
        Mixer::Kda(k) => {
            let Kda { heads, head_dim, conv_kernel, .. } = *k;
            let width = heads.saturating_mul(head_dim);
            (taps(conv_kernel, width.saturating_mul(3)), head_dim.saturating_mul(width))
        }
        Mixer::Lightning(Lightning { heads, head_dim }) => {
            (0, head_dim.saturating_mul(*head_dim).saturating_mul(*heads))
        }
        Mixer::Mamba1(Mamba1 { d_inner, d_state, d_conv, .. }) => {
            (taps(*d_conv, *d_inner), d_state.saturating_mul(*d_inner))
        }
        Mixer::Mamba2(m) | Mixer::AttentionAndMamba2(_, m) => {
            let Mamba2 { d_inner, d_state, d_conv, groups, .. } = *m;
            let shared = groups.saturating_mul(d_state).saturating_mul(2);
            (taps(d_conv, d_inner.saturating_add(shared)), d_state.saturating_mul(d_inner))
        }
        Mixer::ShortConv { kernel } => (taps(*kernel, hidden_size), 0),
        Mixer::Compressed(c) => (0, compressor_values(c)),
        Mixer::Attention(_) | Mixer::Mla(_) | Mixer::None => (0, 0),
    }
}

fn recurrent_bytes(mixer: &Mixer, hidden_size: u64) -> u64 {
    let (convolution, state) = recurrent_values(mixer, hidden_size);
    convolution.saturating_add(state).saturating_mul(4)
}
