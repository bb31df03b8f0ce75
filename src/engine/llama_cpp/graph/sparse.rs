//! Sparse attention: an indexer picks the cached tokens, or the blocks of them, to attend to.

use super::attention::Heads;
use super::{Builder, F16, F32, I32};
use crate::architecture::{Attention, Compressed, Indexer, Role};
use crate::engine::llama_cpp::ggml::Id;

/// Tokens per block (MiniMax-M3).
pub(super) const BLOCK: u64 = 128;
/// Indexed positions at the time memory is reserved, when the cache is still empty.
pub(super) const RESERVED_POSITIONS: u64 = 256;

impl Builder<'_> {
    /// Indices of the cached tokens that the indexer picks for each token of the batch.
    pub(super) fn index(&mut self, il: usize, i: &Indexer, x: Id, query_input: Id) -> Id {
        let (t, streams) = (self.tokens, self.cells.streams);
        let Indexer { heads, head_dim, .. } = *i;
        let cache = self.inputs.index;
        let q = self.project(query_input, il, Role::IndexerAttnQB, heads * head_dim);
        let q = self.graph.view(q, [head_dim, heads, t, 1]);
        let q = self.rope(il, q);
        let k = self.project(x, il, Role::IndexerAttnK, head_dim);
        let weights = [Role::IndexerKNorm, Role::IndexerKNormBias].map(Some);
        let k = self.layer_norm(k, il, &weights);
        let k = self.graph.view(k, [head_dim, 1, t, 1]);
        let k = self.rope(il, k);
        let (q, k) = match cache.key_rotation {
            Some(rotation) => {
                let q = self.graph.mul_mat(rotation, q, head_dim);
                (q, self.graph.mul_mat(rotation, k, head_dim))
            }
            None => (q, k),
        };
        let keys = self.state(il);
        let flat = self.graph.view(k, [head_dim, t, 1, 1]);
        self.store(keys, &[flat, cache.key_rows]);
        let weights = self.project(x, il, Role::IndexerProj, heads);
        let cells = self.cells.full;
        let bytes = self.batch.kv.k.bytes(head_dim).saturating_mul(cells * streams);
        let k = self.graph.spread_view(keys, [head_dim, 1, cells, streams], bytes);
        let q = self.graph.view(q, [head_dim, heads, t / streams, streams]);
        let weights = self.graph.view(weights, [heads, t / streams, 1, streams]);
        let weights = self.map(weights);
        let scores = [cells, t / streams, 1, streams];
        let scores = self.graph.fresh(scores, F32, &[q, k, weights, cache.mask]);
        let top = [i.top_k.min(cells), t / streams, 1, streams];
        let picked = self.graph.fresh(top, I32, &[scores]);
        self.graph.fresh(top, I32, &[picked])
    }

    /// The mask with all but the picked tokens hidden.
    pub(super) fn sparse_mask(&mut self, mask: Id, picked: Id) -> Id {
        let shape = self.graph.shape(mask);
        let [cells, n, _, streams] = shape;
        let [top, ..] = self.graph.shape(picked);
        let width = if self.batch.flash_attention { F16 } else { F32 };
        let hidden = self.graph.in_place(&[mask]);
        let rows = self.graph.view(hidden, [1, cells, n, streams]);
        let numbers = self.graph.view(picked, [top, n, streams, 1]);
        let zeros = self.graph.blank([1, top, n, streams], F32);
        let zeros = self.map(zeros);
        let shown = self.graph.store(rows, &[zeros, numbers, rows]);
        let shown = self.graph.view(shown, shape);
        self.graph.fresh(shape, width, &[shown, mask])
    }

    /// DeepSeek-V4's attention over a window and compressed entries, without its compressors.
    pub(super) fn compressed(&mut self, il: usize, c: &Compressed, x: Id) -> Id {
        let t = self.tokens;
        let down = self.project(x, il, Role::AttnQA, c.q_lora_rank);
        let down = self.rms(down, il, Role::AttnQANorm);
        let q = self.project(down, il, Role::AttnQB, c.heads * c.head_dim);
        let q = self.graph.view(q, [c.head_dim, c.heads, t, 1]);
        let q = self.rope(il, q);
        let k = self.project(x, il, Role::AttnKv, c.head_dim);
        let k = self.graph.view(k, [c.head_dim, 1, t, 1]);
        let k = self.rope(il, k);
        let compressed = self.cells.compressed(c.ratio);
        let out = self.attend(
            il,
            Heads {
                query: q,
                new: Some((k, k)),
                heads: c.heads,
                kv_heads: 1,
                head_dim: c.head_dim,
                v_head_dim: c.head_dim,
                cells: self.cells.window.saturating_add(compressed),
                cache: self.inputs.window,
            },
        );
        let low = self.project(out, il, Role::AttnOutputA, c.out_groups * c.out_lora_rank);
        self.project(low, il, Role::AttnOutputB, self.width)
    }

    // Blocks of tokens.

    /// Whether blocks are picked, which requires that cache rows correspond to token positions.
    pub(super) fn picks_blocks(&self) -> bool {
        self.batch.flash_attention && self.sequences == self.cells.streams
    }

    /// MiniMax-M3's attention to the best blocks, picked for each key head.
    pub(super) fn block_attention(
        &mut self,
        il: usize,
        a: &Attention,
        i: &Indexer,
        x: Id,
        [q, k, v]: [Id; 3],
    ) -> Id {
        let (t, streams, cells) = (self.tokens, self.cells.streams, self.cells.full);
        let per = t / streams;
        let kv = self.batch.kv;
        let cache = self.inputs.full;
        let index_q = self.project(x, il, Role::IndexerQProj, i.heads * i.head_dim);
        let index_q = self.graph.view(index_q, [i.head_dim, i.heads, t, 1]);
        let index_q = self.rms(index_q, il, Role::IndexerQNorm);
        let index_q = self.rope(il, index_q);
        let index_k = self.project(x, il, Role::IndexerKProj, i.head_dim);
        let index_k = self.graph.view(index_k, [i.head_dim, 1, t, 1]);
        let index_k = self.rms(index_k, il, Role::IndexerKNorm);
        let index_k = self.rope(il, index_k);
        let index_keys = self.state(il);
        let flat = self.graph.view(index_k, [i.head_dim, t, 1, 1]);
        self.store(index_keys, &[flat, self.inputs.index.key_rows]);

        let q = self.hadamard(q, cache.key_rotation);
        let k = self.hadamard(k, cache.key_rotation);
        let v = self.hadamard(v, cache.value_rotation);
        [q, k, v].into_iter().for_each(|x| self.graph.expand(x));
        let (key_width, value_width) = (a.kv_heads * a.head_dim, a.kv_heads * a.v_head_dim);
        let (keys, values) = (self.state(il), self.state(il));
        let flat = self.graph.view(k, [key_width, t, 1, 1]);
        self.store(keys, &[flat, cache.key_rows]);
        let flat = self.graph.view(v, [value_width, t, 1, 1]);
        self.store(values, &[flat, cache.value_rows]);

        let scratch = self.f16_copy(kv.k, key_width, cells).saturating_add(self.f16_copy(
            kv.v,
            value_width,
            cells,
        ));
        let queries = a.heads / a.kv_heads.max(1);
        let mut out = None;
        for _ in 0..streams {
            let mask = self.block_mask(i, a.kv_heads, index_q, index_keys);
            let q = self.graph.view(q, [a.head_dim, per, queries, a.kv_heads]);
            let k = [a.head_dim, cells, 1, a.kv_heads];
            let k = self.graph.spread_view(keys, k, kv.k.bytes(key_width).saturating_mul(cells));
            let v = [a.v_head_dim, cells, 1, a.kv_heads];
            let bytes = kv.v.bytes(value_width).saturating_mul(cells);
            let v = self.graph.spread_view(values, v, bytes);
            let here = [a.v_head_dim, queries, per, a.kv_heads];
            let here = self.flash_attention(here, &[q, k, v, mask], scratch);
            let here = self.cont(here, [a.v_head_dim * a.heads, per, 1, 1]);
            out = Some(match out {
                None => here,
                Some(before) => {
                    let [width, n, ..] = self.graph.shape(before);
                    self.graph.fresh([width, n + per, 1, 1], F32, &[before, here])
                }
            });
        }
        let out = out.unwrap_or(q);
        self.hadamard(out, cache.value_rotation)
    }

    /// The mask of one stream with all but the picked blocks hidden.
    fn block_mask(&mut self, i: &Indexer, heads: u64, index_q: Id, index_keys: Id) -> Id {
        let (streams, cells) = (self.cells.streams, self.cells.full);
        let per = self.tokens / streams;
        let blocks = RESERVED_POSITIONS / BLOCK;
        let top = i.top_k.min(blocks);
        let inputs = self.inputs.blocks;
        let q = self.graph.view(index_q, [i.head_dim, i.heads * per, 1, 1]);
        let bytes = self.batch.kv.k.bytes(i.head_dim).saturating_mul(cells);
        let keys = self.graph.spread_view(index_keys, [i.head_dim, cells, 1, 1], bytes);
        let slots = self.graph.view(inputs.slots, [RESERVED_POSITIONS, 1, 1, 1]);
        let keys = self.look_up(keys, slots, [i.head_dim, RESERVED_POSITIONS, 1, 1]);
        let scores = self.graph.mul_mat(keys, q, RESERVED_POSITIONS);
        let scores = self.graph.view(scores, [RESERVED_POSITIONS, heads, per, 1]);
        let hidden = self.graph.view(inputs.hidden, [RESERVED_POSITIONS, 1, per, 1]);
        let scores = self.graph.store(scores, &[scores, hidden]);
        let best = self.graph.fresh([blocks, heads, per, 1], F32, &[scores]);
        let forced = self.graph.view(inputs.forced, [blocks, 1, per, 1]);
        let best = self.graph.in_place(&[best, forced]);
        let picked = self.graph.fresh([top, heads, per, 1], I32, &[best]);

        let low = self.map(forced);
        let low = self.graph.fresh([blocks, 1, per, 1], F16, &[low]);
        let low = self.graph.fresh([blocks, heads, per, 1], F16, &[low]);
        let rows = self.graph.view(low, [1, blocks, heads * per, 1]);
        let zeros = self.graph.fresh([top, heads, per, 1], F32, &[picked]);
        let zeros = self.map(zeros);
        let zeros = self.graph.view(zeros, [1, top, heads * per, 1]);
        let numbers = self.graph.view(picked, [top, heads * per, 1, 1]);
        let shown = self.graph.store(rows, &[zeros, numbers, rows]);
        let shown = self.graph.view(shown, [blocks, per, heads, 1]);
        let shown = self.graph.fresh([blocks, per, heads, 1], F16, &[shown]);
        let shown = self.graph.view(shown, [per * heads, blocks, 1, 1]);
        let shown = self.graph.fresh([per * heads, blocks, 1, 1], F16, &[shown]);
        let cell_blocks = self.graph.view(inputs.cell_blocks, [cells, 1, 1, 1]);
        let by_cell = self.look_up(shown, cell_blocks, [per * heads, cells, 1, 1]);
        let by_cell = self.graph.view(by_cell, [cells, per * heads, 1, 1]);
        let by_cell = self.cont(by_cell, [cells, per, heads, 1]);
        let causal = self.graph.view(inputs.causal, [cells, per, 1, 1]);
        let mask = self.graph.store(by_cell, &[by_cell, causal]);
        let mask = self.graph.view(mask, [cells, per, 1, heads]);
        self.graph.fresh([cells, per, 1, heads], F16, &[mask])
    }
}
