//! Softmax attention: grouped queries, latent attention, sparse attention.

use super::inputs::Cache;
use super::{Builder, F16, F32};
use crate::architecture::{Attention, KvSource, Mixer, Mla, OutputGate, QkNorm, Role};
use crate::engine::llama_cpp::ggml::Id;
use crate::quant::GgmlType;

/// Queries, keys and values of one attention, and the cache that they are written to.
pub(super) struct Heads {
    pub query: Id,
    /// New keys and values; `None` if the layer uses another layer's cache.
    pub new: Option<(Id, Id)>,
    pub heads: u64,
    pub kv_heads: u64,
    pub head_dim: u64,
    pub v_head_dim: u64,
    /// Cells of each stream.
    pub cells: u64,
    pub cache: Cache,
}

impl Builder<'_> {
    /// Whether layer `il` has a sliding window.
    fn is_windowed(&self, il: usize) -> bool {
        match &self.architecture.layers[il].mixer {
            Mixer::Attention(a) | Mixer::AttentionAndMamba2(a, _) => self.cells.in_window(a.reach),
            Mixer::Mla(m) => self.cells.in_window(m.reach),
            _ => false,
        }
    }

    /// Whether layer `il` applies rotary positions.
    pub(super) fn rotates(&self, il: usize) -> bool {
        self.family.rotates(il, self.is_windowed(il), self.cells.windowed)
    }

    pub(super) fn attention(&mut self, il: usize, a: &Attention, x: Id) -> Id {
        let t = self.tokens;
        let Attention { heads, kv_heads, head_dim, v_head_dim, .. } = *a;
        let own = a.kv_source == KvSource::Own;
        let q_shape = [head_dim, heads, t, 1];
        let k_shape = [head_dim, kv_heads, t, 1];
        let v_shape = [v_head_dim, kv_heads, t, 1];
        // The gate is as wide as the output, or has one value per head.
        let mut gate = None;
        let (mut q, mut k, mut v);
        if a.fused_qkv {
            let width = heads * head_dim + kv_heads * (head_dim + v_head_dim);
            let mut qkv = self.project(x, il, Role::AttnQkv, width);
            if a.qkv_bias {
                qkv = self.times(qkv, il, Role::AttnQkvBias);
            }
            q = self.graph.part(qkv, heads * head_dim, q_shape);
            k = self.graph.part(qkv, kv_heads * head_dim, k_shape);
            v = self.graph.part(qkv, kv_heads * v_head_dim, v_shape);
        } else {
            let per_head = head_dim * if a.output_gate == OutputGate::InQuery { 2 } else { 1 };
            q = self.project(x, il, Role::AttnQ, heads * per_head);
            k = self.project(x, il, Role::AttnK, kv_heads * head_dim);
            v = match a.k_eq_v {
                true => k,
                false => self.project(x, il, Role::AttnV, kv_heads * v_head_dim),
            };
            if a.qkv_bias {
                q = self.times(q, il, Role::AttnQBias);
                k = self.times(k, il, Role::AttnKBias);
                v = self.times(v, il, Role::AttnVBias);
            }
            if a.qk_norm == QkNorm::Full {
                q = self.rms(q, il, Role::AttnQNorm);
                k = self.rms(k, il, Role::AttnKNorm);
            }
            if a.output_gate == OutputGate::InQuery {
                q = self.graph.view(q, [per_head, heads, t, 1]);
                gate = Some(self.graph.part(q, head_dim, q_shape));
                q = self.graph.part(q, head_dim, q_shape);
            }
            q = self.graph.view(q, q_shape);
            k = self.graph.view(k, k_shape);
            v = self.graph.view(v, v_shape);
        }
        match a.output_gate {
            OutputGate::Full => gate = Some(self.project(x, il, Role::AttnGate, heads * head_dim)),
            OutputGate::PerHead => gate = Some(self.project(x, il, Role::AttnGate, heads)),
            OutputGate::None | OutputGate::InQuery => {}
        }
        let per_head = matches!(a.qk_norm, QkNorm::PerHead | QkNorm::EachHead);
        if per_head && !self.family.rotates_first {
            q = self.rms(q, il, Role::AttnQNorm);
            k = self.rms(k, il, Role::AttnKNorm);
        }
        if self.family.norms_values {
            v = self.map(v);
        }
        if self.rotates(il) {
            q = self.rope(il, q);
            k = self.rope(il, k);
            if self.family.norms_rotated {
                q = self.map(q);
                k = self.map(k);
            }
        }
        if per_head && self.family.rotates_first {
            q = self.rms(q, il, Role::AttnQNorm);
            k = self.rms(k, il, Role::AttnKNorm);
        }
        if self.family.scales_queries(self.rotates(il)) {
            q = self.graph.in_place(&[q, self.inputs.scales]);
        }
        let windowed = self.cells.in_window(a.reach);
        if let Some(indexer) = a.indexer.filter(|_| self.picks_blocks()) {
            let out = self.block_attention(il, a, &indexer, x, [q, k, v]);
            return self.project(out, il, Role::AttnOutput, self.width);
        }
        let out = self.attend(
            il,
            Heads {
                query: q,
                new: own.then_some((k, v)),
                heads,
                kv_heads,
                head_dim,
                v_head_dim,
                cells: self.cells.of(a.reach),
                cache: if windowed { self.inputs.window } else { self.inputs.full },
            },
        );
        let out = match (a.output_gate, gate) {
            (OutputGate::PerHead, Some(gate)) => {
                let gate = self.map(gate);
                let gate = self.graph.view(gate, [1, heads, t, 1]);
                let out = self.graph.view(out, [v_head_dim, heads, t, 1]);
                let gated = self.graph.in_place(&[out, gate]);
                self.graph.view(gated, [v_head_dim * heads, t, 1, 1])
            }
            (OutputGate::InQuery, Some(gate)) => {
                let gate = self.cont(gate, [head_dim * heads, t, 1, 1]);
                let gate = self.map(gate);
                self.graph.in_place(&[out, gate])
            }
            (_, Some(gate)) => {
                let gate = self.map(gate);
                self.graph.in_place(&[out, gate])
            }
            (_, None) => out,
        };
        let out = self.project(out, il, Role::AttnOutput, self.width);
        match a.out_bias {
            true => self.times(out, il, Role::AttnOutputBias),
            false => out,
        }
    }

    /// Applies rotary positions to queries or keys, with the model's own factors if it has some.
    pub(super) fn rope(&mut self, il: usize, x: Id) -> Id {
        let positions = self.inputs.positions;
        let (backend, _) = self.place(il);
        let plain = self.family.plain_window_rotary && self.is_windowed(il);
        let turned = match self.rotary_factors.filter(|_| !plain) {
            Some(on_host) if backend == self.host => self.graph.in_place(&[x, positions, on_host]),
            Some(_) => {
                let there = self.placeholder[usize::from(backend)];
                self.graph.in_place(&[x, positions, there])
            }
            None => self.graph.in_place(&[x, positions]),
        };
        self.graph.with_neighbours(turned)
    }

    /// Multiplies heads by a Hadamard matrix, if there is one.
    pub(super) fn hadamard(&mut self, x: Id, rotation: Option<Id>) -> Id {
        let Some(rotation) = rotation else { return x };
        let shape = self.graph.shape(x);
        let [n, ..] = self.graph.shape(rotation);
        let rows = shape.iter().fold(1u64, |n, d| n.saturating_mul(*d)) / n.max(1);
        let flat = match self.graph.is_spread(x) {
            true => self.cont(x, [n, rows, 1, 1]),
            false => self.graph.view(x, [n, rows, 1, 1]),
        };
        let turned = self.graph.mul_mat(rotation, flat, n);
        self.graph.view(turned, shape)
    }

    /// Stores new keys and values, and attends from the queries to the cache.
    pub(super) fn attend(&mut self, il: usize, h: Heads) -> Id {
        let (t, streams) = (self.tokens, self.cells.streams);
        let Heads { heads, v_head_dim, cells, cache, .. } = h;
        let q = self.hadamard(h.query, cache.key_rotation);
        self.graph.expand(q);
        let (k, v, scratch) = match (self.family.encoder, h.new) {
            (true, Some(new)) => self.uncached(new),
            _ => self.cached(il, &h),
        };
        let q = self.graph.view(q, [h.head_dim, t / streams, heads, streams]);
        let out = if self.batch.flash_attention {
            let out = [v_head_dim, heads, t / streams, streams];
            let out = self.flash_attention(out, &[q, k, v, cache.mask], scratch);
            self.graph.view(out, [v_head_dim * heads, t, 1, 1])
        } else {
            let scores = self.graph.fresh([cells, t / streams, heads, streams], F32, &[k, q]);
            let scores = self.graph.in_place(&[scores, cache.mask]);
            let out =
                self.graph.fresh([v_head_dim, t / streams, heads, streams], F32, &[v, scores]);
            let out = self.graph.view(out, [v_head_dim, heads, t / streams, streams]);
            self.cont(out, [v_head_dim * heads, t, 1, 1])
        };
        self.graph.expand(out);
        self.hadamard(out, cache.value_rotation)
    }

    /// Stores the new keys and values and returns those of the layer's cache, with the scratch
    /// bytes that a kernel needs for them.
    fn cached(&mut self, il: usize, h: &Heads) -> (Id, Id, u64) {
        let (t, streams) = (self.tokens, self.cells.streams);
        let Heads { kv_heads, head_dim, v_head_dim, cells, cache, .. } = *h;
        let (key_width, value_width) = (head_dim * kv_heads, v_head_dim * kv_heads);
        let keys = self.state(il);
        let values = self.state(il);
        if let Some((k, v)) = h.new {
            let k = self.hadamard(k, cache.key_rotation);
            let v = self.hadamard(v, cache.value_rotation);
            let order = if self.cells.windowed { [k, v] } else { [v, k] };
            order.into_iter().for_each(|new| self.graph.expand(new));
            let k = self.graph.view(k, [key_width, t, 1, 1]);
            self.store(keys, &[k, cache.key_rows]);
            let v = match self.graph.is_spread(v) && !self.batch.flash_attention {
                true => self.cont(v, [value_width, t, 1, 1]),
                false => self.graph.view(v, [value_width, t, 1, 1]),
            };
            self.store(values, &[v, cache.value_rows]);
        }
        let kv = self.batch.kv;
        let all = cells.saturating_mul(streams);
        let bytes = |ty: GgmlType, width| ty.bytes(width).saturating_mul(all);
        let k = [head_dim, cells, kv_heads, streams];
        let k = self.graph.spread_view(keys, k, bytes(kv.k, key_width));
        let v = [v_head_dim, cells, kv_heads, streams];
        let v = self.graph.spread_view(values, v, bytes(kv.v, value_width));
        let copies = [(kv.k, key_width), (kv.v, value_width)];
        let copies = copies.map(|(ty, width)| self.f16_copy(ty, width, all));
        (k, v, copies.into_iter().fold(0, u64::saturating_add))
    }

    /// Returns the keys and values of the batch itself, if nothing is cached.
    fn uncached(&mut self, (k, v): (Id, Id)) -> (Id, Id, u64) {
        [k, v].into_iter().for_each(|new| self.graph.expand(new));
        let [head_dim, kv_heads, t, _] = self.graph.shape(k);
        let [v_head_dim, ..] = self.graph.shape(v);
        let k = self.graph.view(k, [head_dim, t, kv_heads, 1]);
        if self.batch.flash_attention {
            let v = self.graph.view(v, [v_head_dim, t, kv_heads, 1]);
            let [k, v] = [k, v].map(|x| {
                let shape = self.graph.shape(x);
                self.graph.fresh(shape, F16, &[x])
            });
            return (k, v, 0);
        }
        (k, self.cont(v, [t, v_head_dim, kv_heads, 1]), 0)
    }

    pub(super) fn store(&mut self, state: Id, sources: &[Id]) {
        let stored = self.graph.store(state, sources);
        self.graph.expand(stored);
    }

    pub(super) fn flash_attention(&mut self, out: [u64; 4], sources: &[Id], scratch: u64) -> Id {
        let out = self.graph.fresh(out, F32, sources);
        let out = self.graph.with_neighbours(out);
        self.graph.with_scratch(out, scratch)
    }

    /// Bytes of the f16 copy that CUDA's flash attention makes of a quantised cache.
    pub(super) fn f16_copy(&self, ty: GgmlType, width: u64, rows: u64) -> u64 {
        match ty == GgmlType::F16 || self.host == 0 || !self.batch.unpacks_cache {
            true => 0,
            false => width.saturating_mul(rows).saturating_mul(u64::from(F16)),
        }
    }

    // Latent attention.

    pub(super) fn mla(&mut self, il: usize, m: &Mla, x: Id) -> Id {
        let t = self.tokens;
        let Mla { heads, kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim, .. } = *m;
        let head_dim = qk_nope_head_dim + qk_rope_head_dim;
        let latent = kv_lora_rank + qk_rope_head_dim;
        let (mut q_role, mut q_input) = (Role::AttnQ, x);
        if let Some(rank) = m.q_lora_rank {
            let down = self.project(x, il, Role::AttnQA, rank);
            q_input = self.rms(down, il, Role::AttnQANorm);
            q_role = Role::AttnQB;
        }
        if let Some(indexer) = m.indexer {
            self.picked = Some(self.index(il, &indexer, x, q_input));
        }
        let q = self.project(q_input, il, q_role, heads * head_dim);
        let q = self.graph.view(q, [head_dim, heads, t, 1]);
        let both = self.project(x, il, Role::AttnKvAMqa, latent);
        let compressed = self.graph.part(both, kv_lora_rank, [kv_lora_rank, t, 1, 1]);
        let mut k_rope = self.graph.part(both, qk_rope_head_dim, [qk_rope_head_dim, 1, t, 1]);
        if m.fused_kv_b {
            let compressed = self.rms(compressed, il, Role::AttnKvANorm);
            return self.expanded_mla(il, m, q, compressed, k_rope);
        }
        let q_plain = self.graph.part(q, qk_nope_head_dim, [qk_nope_head_dim, t, heads, 1]);
        let mut q_rope = self.graph.part(q, qk_rope_head_dim, [qk_rope_head_dim, heads, t, 1]);
        if self.rotates(il) {
            q_rope = self.rope(il, q_rope);
            k_rope = self.rope(il, k_rope);
        }
        let compressed = self.rms(compressed, il, Role::AttnKvANorm);
        let absorbed = self.project(q_plain, il, Role::AttnKB, kv_lora_rank);
        let absorbed = self.graph.view(absorbed, [kv_lora_rank, heads, t, 1]);
        let mut q = self.graph.fresh([latent, heads, t, 1], F32, &[absorbed, q_rope]);
        let compressed = self.graph.view(compressed, [kv_lora_rank, 1, t, 1]);
        let k = self.graph.fresh([latent, 1, t, 1], F32, &[compressed, k_rope]);
        if self.family.scales_queries(self.rotates(il)) {
            q = self.graph.in_place(&[q, self.inputs.scales]);
        }
        let out = self.attend_latent(il, m, [q, compressed, k]);
        let out = self.gate_latent(il, m, x, out);
        self.project(out, il, Role::AttnOutput, self.width)
    }

    /// Attends to the cached latents, whose first part serves as the values.
    fn attend_latent(&mut self, il: usize, m: &Mla, [q, values, k]: [Id; 3]) -> Id {
        let (t, streams) = (self.tokens, self.cells.streams);
        let Mla { heads, kv_lora_rank, v_head_dim, .. } = *m;
        let latent = kv_lora_rank + m.qk_rope_head_dim;
        let cells = self.cells.of(m.reach);
        let windowed = self.cells.in_window(m.reach);
        let cache = if windowed { self.inputs.window } else { self.inputs.full };
        [q, values, k].into_iter().for_each(|x| self.graph.expand(x));
        let keys = self.state(il);
        let flat = self.graph.view(k, [latent, t, 1, 1]);
        self.store(keys, &[flat, cache.key_rows]);
        let mask =
            match self.picked.filter(|_| m.reach == crate::architecture::AttentionSpan::Sparse) {
                Some(picked) => self.sparse_mask(cache.mask, picked),
                None => cache.mask,
            };
        let ty = self.batch.kv.k;
        let all = cells.saturating_mul(streams);
        let bytes = ty.bytes(latent).saturating_mul(all);
        let k = self.graph.spread_view(keys, [latent, cells, 1, streams], bytes);
        let bytes = bytes.saturating_sub(ty.bytes(m.qk_rope_head_dim));
        let v = self.graph.spread_view(k, [kv_lora_rank, cells, 1, streams], bytes);
        let n = t / streams;
        let q = self.graph.view(q, [latent, n, heads, streams]);
        let out = if self.batch.flash_attention {
            let scratch = self.f16_copy(ty, latent, all);
            let out = [kv_lora_rank, heads, n, streams];
            let out = self.flash_attention(out, &[q, k, v, mask], scratch);
            let out = self.graph.view(out, [kv_lora_rank, n, heads, streams]);
            let out = self.project(out, il, Role::AttnVB, v_head_dim);
            let out = self.graph.view(out, [v_head_dim, heads, n, streams]);
            let out = self.cont(out, [v_head_dim, heads, n, streams]);
            self.graph.view(out, [v_head_dim * heads, t, 1, 1])
        } else {
            let scores = self.graph.fresh([cells, n, heads, streams], F32, &[k, q]);
            let scores = self.graph.in_place(&[scores, mask]);
            let turned = self.graph.view(v, [cells, kv_lora_rank, 1, streams]);
            let turned = self.graph.fresh([cells, kv_lora_rank, 1, streams], F16, &[turned]);
            let out = self.graph.fresh([kv_lora_rank, n, heads, streams], F32, &[turned, scores]);
            let out = self.project(out, il, Role::AttnVB, v_head_dim);
            let out = self.graph.view(out, [v_head_dim, heads, n, streams]);
            self.cont(out, [v_head_dim * heads, t, 1, 1])
        };
        self.graph.expand(out);
        out
    }

    fn gate_latent(&mut self, il: usize, m: &Mla, x: Id, out: Id) -> Id {
        let t = self.tokens;
        let Mla { heads, v_head_dim, .. } = *m;
        match m.output_gate {
            OutputGate::None => out,
            OutputGate::PerHead => {
                let gate = self.project(x, il, Role::AttnGate, heads);
                let gate = self.graph.view(gate, [1, heads, t, 1]);
                let gate = self.map(gate);
                let out = self.graph.view(out, [v_head_dim, heads, t, 1]);
                let gated = self.graph.in_place(&[out, gate]);
                self.cont(gated, [v_head_dim * heads, t, 1, 1])
            }
            OutputGate::InQuery | OutputGate::Full => {
                let gate = self.project(x, il, Role::AttnGate, heads * v_head_dim);
                let gate = self.map(gate);
                self.graph.in_place(&[out, gate])
            }
        }
    }

    /// Attends to keys and values that are rebuilt for every head and cached in full.
    fn expanded_mla(&mut self, il: usize, m: &Mla, q: Id, compressed: Id, k_rope: Id) -> Id {
        let t = self.tokens;
        let Mla { heads, qk_nope_head_dim, qk_rope_head_dim, v_head_dim, .. } = *m;
        let head_dim = qk_nope_head_dim + qk_rope_head_dim;
        let rows = heads * (qk_nope_head_dim + v_head_dim);
        let kv = self.project(compressed, il, Role::AttnKvB, rows);
        let kv = self.graph.view(kv, [qk_nope_head_dim + v_head_dim, heads, t, 1]);
        let k_plain = self.graph.part(kv, qk_nope_head_dim, [qk_nope_head_dim, heads, t, 1]);
        let v = self.graph.part(kv, v_head_dim, [v_head_dim, heads, t, 1]);
        let v = self.cont(v, [v_head_dim, heads, t, 1]);
        let q = self.rope(il, q);
        let k_rope = self.rope(il, k_rope);
        let repeated = self.graph.fresh([qk_rope_head_dim, heads, t, 1], F32, &[k_rope]);
        let k = self.graph.fresh([head_dim, heads, t, 1], F32, &[k_plain, repeated]);
        let out = self.attend(
            il,
            Heads {
                query: q,
                new: Some((k, v)),
                heads,
                kv_heads: heads,
                head_dim,
                v_head_dim,
                cells: self.cells.of(m.reach),
                cache: self.inputs.full,
            },
        );
        self.project(out, il, Role::AttnOutput, self.width)
    }
}
