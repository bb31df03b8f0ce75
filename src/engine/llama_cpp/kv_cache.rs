//! What llama.cpp keeps for each layer between tokens: KV cache and recurrent state.
//!
//! Rules of `llama-kv-cache.cpp`, `llama-kv-cache-iswa.cpp`, `llama-memory-recurrent.cpp` and
//! `llama-hparams.cpp`, build b11434.

use super::family::has_windows;
use super::weights::{padded, row_padding};
use super::{DEVICE_ALIGNMENT, Settings};
use crate::architecture::{
    Architecture, Attention, Compressed, GatedDeltaNet, Indexer, Kda, KvSource, Layer, Lightning,
    Mamba1, Mamba2, Mixer, Reach,
};
use crate::quant::GgmlType;
use crate::scenario::KvTypes;
use crate::units::Bytes;

/// Bytes that one layer keeps for all sequences together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerState {
    /// Key and value cache.
    pub kv: Bytes,
    /// What a CUDA device adds to `kv`: quantised rows are padded as those of weights are.
    pub kv_padding: Bytes,
    /// Recurrent and convolution state.
    pub recurrent: Bytes,
}

/// How many cells the caches have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cells {
    /// Caches side by side: one for each sequence, or a single unified one.
    pub streams: u64,
    /// Cells of a full-attention layer in each.
    pub full: u64,
    /// Cells of a sliding-window or chunked layer in each.
    pub window: u64,
    /// There are two caches, one for layers with a window and one for the others.
    pub windowed: bool,
}

/// Caches are sized in steps of this many cells.
const CELL_STEP: u64 = 256;

impl Cells {
    /// The context is padded, then divided among the streams and padded again. A window layer
    /// holds the windows of all sequences of its stream and one physical batch.
    pub(super) fn new(architecture: &Architecture, settings: &Settings) -> Cells {
        let sequences = settings.n_parallel.max(1);
        let context = padded(settings.n_ctx.max(1), CELL_STEP);
        let streams = if settings.unified { 1 } else { sequences };
        let full = padded(context / streams, CELL_STEP).max(CELL_STEP);
        let windowed = has_windows(architecture);
        let window = match architecture.sliding_window {
            Some(window) if windowed && !settings.swa_full => {
                let windows = window.saturating_mul(if settings.unified { sequences } else { 1 });
                padded(full.min(windows.saturating_add(settings.batch())), CELL_STEP)
            }
            _ => full,
        };
        Cells { streams, full, window, windowed }
    }

    /// A layer with that reach is in the cache for windows.
    pub(super) fn in_window(self, reach: Reach) -> bool {
        self.windowed && matches!(reach, Reach::Sliding | Reach::Chunked)
    }

    /// Cells of one stream of a layer with that reach.
    pub(super) fn of(self, reach: Reach) -> u64 {
        if self.in_window(reach) { self.window } else { self.full }
    }
}

/// KV cache and recurrent state of each repeating layer, exact to the byte. A layer's state lies
/// where the layer does.
pub fn layer_states(architecture: &Architecture, settings: &Settings) -> Vec<LayerState> {
    let cells = Cells::new(architecture, settings);
    let widest_value = widest_value(architecture);
    architecture
        .layers
        .iter()
        .map(|layer| LayerState {
            kv: kv_bytes(&layer.mixer, cells, widest_value, settings),
            kv_padding: Bytes(kv_padding(&layer.mixer, widest_value, settings)),
            recurrent: Bytes(
                recurrent_bytes(&layer.mixer, architecture.hidden_size)
                    .saturating_mul(settings.n_parallel.max(1)),
            ),
        })
        .collect()
}

/// Bytes of `cells` rows of `width` values.
fn rows(ty: GgmlType, width: u64, cells: u64) -> u64 {
    ty.bytes(width).saturating_mul(cells)
}

/// What a layer caches for each token: how many values, in how many cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheRow {
    /// Cells of all streams together.
    pub cells: u64,
    /// Values of the keys (or of the latent that stands for keys and values), of the key type.
    pub key: u64,
    /// Values of the values, of the value type.
    pub value: u64,
    /// Values of the indexer's keys, of the key type.
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

/// The cache of each repeating layer that keeps one row a token; `None` for the others, and for
/// compressed attention, whose rows are of two kinds.
pub fn cache_rows(architecture: &Architecture, settings: &Settings) -> Vec<Option<CacheRow>> {
    let cells = Cells::new(architecture, settings);
    let widest_value = widest_value(architecture);
    let row = |layer: &Layer| cache_row(&layer.mixer, cells, widest_value, settings);
    architecture.layers.iter().map(row).collect()
}

fn cache_row(
    mixer: &Mixer,
    cells: Cells,
    widest_value: u64,
    settings: &Settings,
) -> Option<CacheRow> {
    let all = |reach| cells.of(reach).saturating_mul(cells.streams);
    let index = |indexer: Option<Indexer>| indexer.map_or(0, |i| i.head_dim);
    match mixer {
        Mixer::Attention(a) | Mixer::AttentionAndMamba2(a, _) if a.kv_source == KvSource::Own => {
            Some(CacheRow {
                cells: all(a.reach),
                key: a.kv_heads.saturating_mul(a.head_dim),
                value: value_width(a, widest_value, settings),
                index: index(a.indexer),
            })
        }
        Mixer::Mla(m) => Some(CacheRow {
            cells: all(m.reach),
            key: m.kv_lora_rank.saturating_add(m.qk_rope_head_dim),
            value: 0,
            index: index(m.indexer),
        }),
        _ => None,
    }
}

/// Without flash attention values are stored transposed, and then every layer's rows are as wide
/// as the widest.
fn value_width(a: &Attention, widest_value: u64, settings: &Settings) -> u64 {
    match settings.flash_attention {
        true => a.kv_heads.saturating_mul(a.v_head_dim),
        false => widest_value,
    }
}

fn widest_value(architecture: &Architecture) -> u64 {
    let attentions = architecture.layers.iter().filter_map(|layer| layer.mixer.attention());
    attentions.map(|a| a.kv_heads.saturating_mul(a.v_head_dim)).max().unwrap_or(0)
}

fn kv_bytes(mixer: &Mixer, cells: Cells, widest_value: u64, settings: &Settings) -> Bytes {
    match mixer {
        Mixer::Compressed(c) => Bytes(compressed_bytes(c, cells, settings)),
        _ => cache_row(mixer, cells, widest_value, settings)
            .map_or(Bytes::ZERO, |row| row.bytes(settings.kv)),
    }
}

/// Padding of the last row of each tensor of a layer's cache on a CUDA device.
fn kv_padding(mixer: &Mixer, widest_value: u64, settings: &Settings) -> u64 {
    let KvTypes { k, v } = settings.kv;
    let pad = |ty, width| padded(row_padding(ty, width), DEVICE_ALIGNMENT);
    match mixer {
        Mixer::Attention(a) | Mixer::AttentionAndMamba2(a, _) if a.kv_source == KvSource::Own => {
            let value = value_width(a, widest_value, settings);
            pad(k, a.kv_heads.saturating_mul(a.head_dim)).saturating_add(pad(v, value))
        }
        Mixer::Mla(m) => pad(k, m.kv_lora_rank.saturating_add(m.qk_rope_head_dim)),
        _ => 0,
    }
}

/// A window of plain entries and, for each `ratio` tokens of the context, one compressed entry;
/// where there is an indexer, its keys for those.
fn compressed_bytes(c: &Compressed, cells: Cells, settings: &Settings) -> u64 {
    let key = settings.kv.k;
    let window = rows(key, c.head_dim, cells.window.saturating_mul(cells.streams));
    if c.ratio == 0 {
        return window;
    }
    let n = padded(cells.full.div_ceil(c.ratio), CELL_STEP).saturating_mul(cells.streams);
    let index = c.indexer.map_or(0, |i| rows(key, i.head_dim, n));
    window.saturating_add(rows(key, c.head_dim, n)).saturating_add(index)
}

/// Values (f32) that the layer keeps for one sequence: of its convolution, and of its state.
pub(super) fn recurrent_values(mixer: &Mixer, hidden_size: u64) -> (u64, u64) {
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
        Mixer::Attention(_) | Mixer::Mla(_) | Mixer::Compressed(_) | Mixer::None => (0, 0),
    }
}

fn recurrent_bytes(mixer: &Mixer, hidden_size: u64) -> u64 {
    let (convolution, state) = recurrent_values(mixer, hidden_size);
    convolution.saturating_add(state).saturating_mul(4)
}
