//! The inputs of a batch: tokens, positions, masks, cache rows, and the embeddings looked up from
//! them.

use super::sparse::{BLOCK, RESERVED_POSITIONS};
use super::{Batch, Builder, F16, F32, I32, I64};
use crate::architecture::{Architecture, AttentionSpan, KvSource, Mixer, Role};
use crate::engine::llama_cpp::ggml::{Graph, Id};
use crate::engine::llama_cpp::graph_quirks::{Family, Scale};
use crate::engine::llama_cpp::kv_cache::values;
use crate::engine::llama_cpp::weights::has_embedding_norm;

use crate::quant::GgmlType;

/// The inputs of a graph. Those that nothing reads take no memory.
#[derive(Clone, Copy)]
pub(super) struct Inputs {
    pub positions: Id,
    /// One factor per token.
    pub scales: Id,
    /// Indices of the rows that become logits.
    pub output_rows: Id,
    pub full: Cache,
    pub window: Cache,
    /// Cache of the sparse-attention indexer's keys.
    pub index: Cache,
    /// Indices of the sequences' recurrent states: all, those of this batch, the others.
    pub states: Id,
    pub own_states: Id,
    pub other_states: Id,
    pub decays: Decays,
    pub blocks: Blocks,
    /// Embeddings with the image features appended, if there are some.
    pub features: Option<Id>,
}

/// Decay inputs of lightning attention.
#[derive(Clone, Copy)]
pub(super) struct Decays {
    pub slopes: Id,
    pub query: Id,
    pub key: Id,
    pub within: Id,
}

/// Inputs for picking blocks of tokens.
#[derive(Clone, Copy)]
pub(super) struct Blocks {
    /// Blocks near a token, which are always picked.
    pub forced: Id,
    /// Positions that are masked for a token.
    pub hidden: Id,
    /// Cache row of each position.
    pub slots: Id,
    /// Block of each cache row.
    pub cell_blocks: Id,
    /// The causal mask in f32.
    pub causal: Id,
}

/// Inputs of attention over one kind of cache.
#[derive(Clone, Copy)]
pub(super) struct Cache {
    pub mask: Id,
    pub key_rows: Id,
    pub value_rows: Id,
    /// Hadamard matrices that spread outliers before values are quantised.
    pub key_rotation: Option<Id>,
    pub value_rotation: Option<Id>,
}

impl Inputs {
    pub(super) fn new(graph: &mut Graph, architecture: &Architecture, batch: &Batch) -> Inputs {
        let Batch { tokens, sequences, outputs, .. } = *batch;
        let positions = Family::of(architecture).positions.saturating_mul(tokens);
        let full = cache(graph, architecture, batch, false);
        let window = cache(graph, architecture, batch, true);
        let mask = graph.shape(full.mask);
        let states = graph.input([sequences, 1, 1, 1], I32);
        Inputs {
            positions: graph.input([positions, 1, 1, 1], I32),
            scales: graph.input([1, 1, tokens, 1], F32),
            output_rows: graph.input([outputs, 1, 1, 1], I32),
            full,
            window,
            index: Cache {
                mask: graph.input(mask, F16),
                key_rows: graph.input([tokens, 1, 1, 1], I64),
                value_rows: full.value_rows,
                key_rotation: index_rotation(graph, architecture),
                value_rotation: None,
            },
            states,
            own_states: graph.view(states, [sequences, 1, 1, 1]),
            other_states: graph.view(states, [sequences - 1, 1, 1, 1]),
            blocks: blocks(graph, full.mask, tokens),
            decays: decays(graph, architecture, tokens / sequences, sequences),
            features: None,
        }
    }
}

fn blocks(graph: &mut Graph, mask: Id, tokens: u64) -> Blocks {
    let shape = graph.shape(mask);
    let [cells, _, _, streams] = shape;
    Blocks {
        forced: graph.input([RESERVED_POSITIONS / BLOCK, tokens, 1, 1], F32),
        hidden: graph.input([RESERVED_POSITIONS, tokens, 1, 1], F32),
        slots: graph.input([RESERVED_POSITIONS, streams, 1, 1], I32),
        cell_blocks: graph.input([cells, streams, 1, 1], I32),
        causal: graph.fresh(shape, F32, &[mask]),
    }
}

fn decays(graph: &mut Graph, architecture: &Architecture, tokens: u64, sequences: u64) -> Decays {
    let heads = architecture.layers.iter().find_map(|layer| match &layer.mixer {
        Mixer::Lightning(l) => Some(l.heads),
        _ => None,
    });
    let heads = heads.unwrap_or(0);
    Decays {
        slopes: graph.input([heads, 1, 1, 1], F32),
        query: graph.input([1, heads, tokens, sequences], F32),
        key: graph.input([1, heads, tokens, sequences], F32),
        within: graph.input([tokens, tokens, heads, sequences], F32),
    }
}

fn cache(graph: &mut Graph, architecture: &Architecture, batch: &Batch, windowed: bool) -> Cache {
    let Batch { tokens, cells, kv, flash_attention: flash, .. } = *batch;
    let heads = || architecture.layers.iter().filter_map(|layer| head_sizes(&layer.mixer));
    let cached = !Family::of(architecture).encoder;
    let own = || heads().filter(move |(reach, ..)| cached && cells.in_window(*reach) == windowed);
    let values = architecture.layers.iter().filter_map(|layer| values(&layer.mixer)).max();
    let n = if windowed { cells.window } else { cells.full };
    let mask = [n, tokens / cells.streams, 1, cells.streams];
    // Without flash attention, values are stored transposed, one by one.
    let value_rows = if flash { 1 } else { values.unwrap_or(1) }.saturating_mul(tokens);
    let key_size = one_size(own().map(|(_, key, _)| key)).filter(|_| quantised(kv.k));
    let value_size = one_size(own().map(|(_, _, value)| value)).filter(|_| quantised(kv.v));
    Cache {
        mask: graph.input(mask, if flash { F16 } else { F32 }),
        key_rows: graph.input([tokens, 1, 1, 1], I64),
        value_rows: graph.input([value_rows, 1, 1, 1], I64),
        key_rotation: key_size.map(|size| {
            let n = 1 << size.trailing_zeros();
            graph.input([n, n, 1, 1], F32)
        }),
        value_rotation: value_size.map(|_| graph.input([64, 64, 1, 1], F32)),
    }
}

/// Span of attention, key width and value width of a layer with its own cache.
fn head_sizes(mixer: &Mixer) -> Option<(AttentionSpan, u64, u64)> {
    match mixer {
        Mixer::Attention(a) | Mixer::AttentionAndMamba2(a, _) if a.kv_source == KvSource::Own => {
            Some((a.reach, a.head_dim, a.v_head_dim))
        }
        Mixer::Mla(m) if m.fused_kv_b => {
            Some((m.reach, m.qk_nope_head_dim + m.qk_rope_head_dim, m.v_head_dim))
        }
        _ => None,
    }
}

/// The keys of an indexer are rotated whatever their type.
fn index_rotation(graph: &mut Graph, architecture: &Architecture) -> Option<Id> {
    let indexer = architecture.layers.iter().find_map(|layer| match &layer.mixer {
        Mixer::Mla(m) => m.indexer,
        _ => None,
    })?;
    let n = 1 << indexer.head_dim.max(64).trailing_zeros();
    Some(graph.input([n, n, 1, 1], F32))
}

/// The common size of all heads, if it is a multiple of 64: then they can be rotated.
fn one_size(mut sizes: impl Iterator<Item = u64>) -> Option<u64> {
    let first = sizes.next().filter(|size| *size > 0 && size % 64 == 0)?;
    sizes.all(|size| size == first).then_some(first)
}

fn quantised(ty: GgmlType) -> bool {
    ty.block_elements() > 1
}

impl Builder<'_> {
    /// Adds the embeddings of the batch. The graph contains the inputs for tokens, ready-made
    /// embeddings and a mixture of both, so that it is the same for all.
    pub(super) fn embedding(&mut self) -> Id {
        let (width, t) = (self.width, self.tokens);
        // Image features of several layers are appended to the embedding.
        let wide = [width.saturating_mul(self.family.deepstack + 1), t, 1, 1];
        let table = self.weight(None, Role::TokenEmbd);
        let tokens = self.graph.input([t, 1, 1, 1], I32);
        let ready = self.graph.input(wide, F32);
        let mut embedded = self.embed(table, tokens, wide);
        self.graph.expand(embedded);
        self.graph.expand(ready);
        let mixed_tokens = self.graph.input([t, 1, 1, 1], I32);
        let mixed_slots = self.graph.input([t, 1, 1, 1], I64);
        let mixed = self.graph.input(wide, F32);
        let copy = self.graph.fresh(wide, F32, &[mixed]);
        let rows = self.embed(table, mixed_tokens, wide);
        let merged = self.graph.store(copy, &[rows, mixed_slots, copy]);
        self.graph.expand(merged);
        if self.family.deepstack > 0 {
            self.inputs.features = Some(embedded);
            embedded = self.graph.part(embedded, width, [width, t, 1, 1]);
        }
        match self.family.scale {
            Scale::None => {}
            Scale::All => {
                embedded = self.map(embedded);
                self.graph.expand(embedded);
            }
            Scale::Rows => {
                let scales = self.graph.input([1, t, 1, 1], F32);
                embedded = self.graph.in_place(&[embedded, scales]);
                self.graph.expand(embedded);
            }
        }
        let extra = |role| self.architecture.extras.tensors.iter().any(|t| t.role == role);
        if extra(Role::TokenTypes) {
            let table = self.weight(None, Role::TokenTypes);
            let first = self.graph.spread_view(table, [width, 1, 1, 1], width * u64::from(F32));
            embedded = self.graph.in_place(&[embedded, first]);
        }
        if extra(Role::PositionEmbd) {
            let table = self.weight(None, Role::PositionEmbd);
            let places = self.look_up(table, self.inputs.positions, [width, t, 1, 1]);
            embedded = self.add(embedded, places);
        }
        if has_embedding_norm(self.architecture) {
            embedded = self.norm(embedded, None, Role::TokenEmbdNorm);
        }
        embedded
    }

    fn embed(&mut self, table: Id, tokens: Id, wide: [u64; 4]) -> Id {
        let embedded = self.look_up(table, tokens, [self.width, self.tokens, 1, 1]);
        match self.family.deepstack {
            0 => embedded,
            _ => self.graph.fresh(wide, F32, &[embedded]),
        }
    }

    /// Whether layer `il` gets image features.
    pub(super) fn adds_image_features(&self, il: usize) -> bool {
        (il as u64) < self.family.deepstack
    }

    /// Adds the image features for layer `il`.
    pub(super) fn add_image_features(&mut self, il: usize, x: Id) -> Id {
        match self.inputs.features {
            Some(features) if self.adds_image_features(il) => {
                let shape = self.graph.shape(x);
                let of_layer = self.graph.part(features, self.width, shape);
                self.add(x, of_layer)
            }
            _ => x,
        }
    }
}
