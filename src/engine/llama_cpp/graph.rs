//! The compute graph of a model, operation by operation, as llama.cpp builds it for its largest
//! batch (`llama-graph.cpp` and `src/models/*.cpp`, build b11434).
//!
//! Only what decides memory is kept: the size of each result, what reads it, and the order.
//! Arithmetic that overwrites its operand (scaling, activation) is left out where nothing depends
//! on it. A run of layers of one kind repeats the same pattern, so only its first ones are built.

use super::family::{Family, OutputRows, Scale};
use super::ggml::{Backend, Graph, Id};
use super::kv_cache::{Cells, recurrent_values};
use super::weights::is_rotary_factors;
use super::{Placement, Settings, Weight};
use crate::architecture::{
    Architecture, Attention, Dense, Ffn, GatedDeltaNet, KvSource, Layer, Mamba2, Mixer, Mla, Moe,
    NormKind, OutputGate, QkNorm, Role,
};
use crate::quant::GgmlType;
use crate::scenario::Mode;

/// f32, the type of activations.
const F32: u8 = 4;
const F16: u8 = 2;
/// i32, the type of token, position and expert numbers.
const I32: u8 = 4;
/// i64, the type of cache row numbers.
const I64: u8 = 8;

/// How often a block of layers is built before further turns of it count as repetitions.
const TURNS: usize = 2;
/// The longest block of layers that is looked for.
const MAX_BLOCK: usize = 12;

/// The graph of one batch under construction.
struct Builder<'a> {
    graph: Graph,
    architecture: &'a Architecture,
    family: Family,
    settings: &'a Settings,
    placement: &'a Placement,
    /// Where some weights lie on the host beside a device: those outside the layers, then those
    /// of each layer, with the bytes that a copy takes on a device.
    host_weights: Vec<Vec<(Role, u64)>>,
    host: Backend,
    cells: Cells,
    /// E.
    width: u64,
    /// Tokens of the batch: a multiple of the sequences.
    tokens: u64,
    /// Sequences of the batch.
    sequences: u64,
    inputs: Inputs,
    /// The host's copy of the rotary factors, where the model has some.
    rotary_factors: Option<Id>,
    /// A weight on each backend whose size doesn't matter, because nobody copies it.
    placeholder: Vec<Id>,
}

/// The values that are set from outside; those that nothing reads take no memory.
#[derive(Clone, Copy)]
struct Inputs {
    positions: Id,
    /// One factor a token.
    scales: Id,
    output_rows: Id,
    full: Cache,
    window: Cache,
    /// Numbers of the recurrent states of the sequences: all, those of this batch, the others.
    states: Id,
    own_states: Id,
    other_states: Id,
}

/// What attention over one kind of cache is given.
#[derive(Clone, Copy)]
struct Cache {
    mask: Id,
    key_rows: Id,
    value_rows: Id,
    key_rotation: Option<Id>,
    value_rotation: Option<Id>,
}

/// The graph for the largest batch of tokens.
pub(super) fn build(
    architecture: &Architecture,
    weights: &[Weight],
    settings: &Settings,
    placement: &Placement,
) -> Graph {
    Builder::new(architecture, weights, settings, placement).model()
}

impl<'a> Builder<'a> {
    fn new(
        architecture: &'a Architecture,
        weights: &[Weight],
        settings: &'a Settings,
        placement: &'a Placement,
    ) -> Builder<'a> {
        let cells = Cells::new(architecture, settings);
        let sequences = settings.n_parallel.max(1);
        let batch = settings.batch();
        let tokens = batch.checked_next_multiple_of(sequences).unwrap_or(u64::MAX);
        let outputs = match settings.mode {
            Mode::Batch => batch,
            Mode::Server => sequences.min(batch),
        };
        let mut graph = Graph::default();
        let host = placement.device_layers.len() as Backend;
        let placeholder = (0..=host).map(|backend| graph.weight(backend, 0)).collect();
        let factors = architecture.extras.tensors.iter().find(|t| is_rotary_factors(t.role));
        let rotary_factors =
            factors.map(|t| graph.weight(host, t.shape.elements().saturating_mul(u64::from(F32))));
        let family = Family::of(architecture);
        let mut inputs =
            inputs(&mut graph, architecture, settings, cells, tokens, sequences, outputs);
        if family.positions > 1 {
            inputs.positions = graph.input([tokens.saturating_mul(family.positions), 1, 1, 1], I32);
        }
        Builder {
            graph,
            architecture,
            family,
            settings,
            placement,
            host_weights: host_weights(architecture, weights, placement),
            host,
            cells,
            width: architecture.hidden_size,
            tokens,
            sequences,
            inputs,
            rotary_factors,
            placeholder,
        }
    }

    fn model(mut self) -> Graph {
        let mut x = self.embedding();
        let early = self.family.rows == OutputRows::InLastLayer;
        let built = self.distinct_layers();
        for (i, il) in built.iter().copied().enumerate() {
            let rows = (i + 1 == built.len() && early).then_some(self.inputs.output_rows);
            x = self.layer(il, x, rows);
        }
        if self.family.rows == OutputRows::BeforeNorm {
            self.graph.output(x);
            x = self.pick(x, self.inputs.output_rows);
        }
        if !self.architecture.extras.no_final_norm {
            x = self.norm(x, None, Role::OutputNorm);
        }
        if self.family.rows == OutputRows::AfterNorm {
            self.graph.output(x);
            x = self.pick(x, self.inputs.output_rows);
        }
        let vocabulary = self.architecture.gguf_vocab_size;
        let mut logits = self.project(x, None, Role::Output, vocabulary);
        if self.architecture.extras.head_bias {
            logits = self.bias(logits, None, Role::OutputBias);
        }
        self.graph.expand(logits);
        self.graph
    }

    /// The layers to build. Where a block of layers comes over and over, memory settles into a
    /// pattern after a few turns and further ones add nothing.
    ///
    /// Blocks are of an even number of layers because the residual stream changes places at each
    /// layer: between two.
    fn distinct_layers(&self) -> Vec<usize> {
        let kinds = self.kinds();
        let mut built: Vec<usize> = Vec::new();
        for il in 0..kinds.len() {
            built.push(il);
            let kind = |from_end: usize| kinds[built[built.len() - 1 - from_end]];
            let turn = (2..=MAX_BLOCK).step_by(2).find(|block| {
                let turns = block * (TURNS + 1);
                turns <= built.len() && (0..turns - block).all(|i| kind(i) == kind(i + block))
            });
            if let Some(block) = turn {
                built.truncate(built.len() - block);
            }
        }
        built
    }

    /// For each layer a number that tells its kind: equal layers in equal places.
    fn kinds(&self) -> Vec<usize> {
        let layers = &self.architecture.layers;
        let traits: Vec<_> = (0..layers.len())
            .map(|il| {
                let attention = layers[il].mixer.attention();
                let rotates = attention.map(|a| self.family.rotates(il, a, self.architecture));
                (self.place(il), rotates, self.host_bytes(il))
            })
            .collect();
        let mut first: Vec<usize> = Vec::new();
        let mut kind = |il: usize| {
            let same = |f: &usize| traits[*f] == traits[il] && layers[*f] == layers[il];
            first.iter().position(same).unwrap_or_else(|| {
                first.push(il);
                first.len() - 1
            })
        };
        (0..layers.len()).map(&mut kind).collect()
    }

    // Where things lie.

    /// The backend of a repeating layer.
    fn place(&self, il: usize) -> (Backend, bool) {
        let backend = self
            .placement
            .device_of_layer(self.architecture, il as u64)
            .map_or(self.host, |d| d as Backend);
        (backend, (il as u64) < self.placement.host_expert_layers)
    }

    /// Bytes of the weights of a layer that lie on the host beside a device.
    fn host_bytes(&self, il: usize) -> u64 {
        if self.host == 0 {
            return 0;
        }
        let (backend, host_experts) = self.place(il);
        if backend != self.host && !host_experts {
            return 0;
        }
        let hash = |sum: u64, bytes: u64| sum.wrapping_mul(31).wrapping_add(bytes);
        self.host_weights(Some(il)).iter().fold(0, |sum, (_, bytes)| hash(sum, *bytes))
    }

    /// The weights of a layer (or those outside the layers) with the bytes that a copy takes.
    fn host_weights(&self, il: Option<usize>) -> &[(Role, u64)] {
        let slot = il.map_or(0, |il| il + 1);
        self.host_weights.get(slot).map_or(&[], Vec::as_slice)
    }

    /// A weight; its size is looked up only where a device may get a copy of it.
    fn weight(&mut self, il: Option<usize>, role: Role) -> Id {
        let device = self.placement.weight(self.architecture, role, il.map(|il| il as u64));
        let backend = device.map_or(self.host, |d| d as Backend);
        if backend != self.host || self.host == 0 {
            return self.placeholder[usize::from(backend)];
        }
        let stored = if role == Role::Output && self.architecture.tied_embeddings {
            Role::TokenEmbd
        } else {
            role
        };
        let known = self.host_weights(il).iter().find(|(role, _)| *role == stored);
        let bytes = known.map_or(0, |(_, bytes)| *bytes);
        self.graph.weight(backend, bytes)
    }

    fn state(&mut self, il: usize) -> Id {
        let (backend, _) = self.place(il);
        self.graph.state(backend)
    }

    // Small steps.

    fn project(&mut self, x: Id, il: Option<usize>, role: Role, rows: u64) -> Id {
        let weight = self.weight(il, role);
        self.graph.mul_mat(weight, x, rows)
    }

    fn bias(&mut self, x: Id, il: Option<usize>, role: Role) -> Id {
        let weight = self.weight(il, role);
        self.graph.in_place(&[x, weight])
    }

    fn norm(&mut self, x: Id, il: Option<usize>, role: Role) -> Id {
        match self.architecture.norm {
            NormKind::Rms => {
                let normed = self.graph.in_place(&[x]);
                self.bias(normed, il, role)
            }
            NormKind::Layer => {
                let shape = self.graph.shape(x);
                let normed = self.graph.fresh(shape, F32, &[x]);
                let scaled = self.bias(normed, il, role);
                self.bias(scaled, il, role)
            }
            NormKind::LayerNoBias => {
                let shape = self.graph.shape(x);
                let normed = self.graph.fresh(shape, F32, &[x]);
                self.bias(normed, il, role)
            }
            NormKind::NonParametric => {
                let shape = self.graph.shape(x);
                self.graph.fresh(shape, F32, &[x])
            }
        }
    }

    /// RMS norm with a weight, whatever the norms over E are.
    fn rms(&mut self, x: Id, il: usize, role: Role) -> Id {
        let normed = self.graph.in_place(&[x]);
        self.bias(normed, Some(il), role)
    }

    fn add(&mut self, a: Id, b: Id) -> Id {
        self.graph.in_place(&[a, b])
    }

    fn pick(&mut self, x: Id, rows: Id) -> Id {
        let [width, ..] = self.graph.shape(x);
        let [n, ..] = self.graph.shape(rows);
        let picked = self.graph.fresh([width, n, 1, 1], F32, &[x, rows]);
        self.graph.with_rows(picked, 0)
    }

    fn cont(&mut self, x: Id, shape: [u64; 4]) -> Id {
        self.graph.fresh(shape, F32, &[x])
    }

    /// The embeddings of the batch. Three ways to feed a batch are kept side by side so that the
    /// graph is the same for all: tokens, ready-made embeddings, and a mixture.
    fn embedding(&mut self) -> Id {
        let (width, t) = (self.width, self.tokens);
        let table = self.weight(None, Role::TokenEmbd);
        let tokens = self.graph.input([t, 1, 1, 1], I32);
        let ready = self.graph.input([width, t, 1, 1], F32);
        let embedded = self.graph.fresh([width, t, 1, 1], F32, &[table, tokens]);
        let embedded = self.graph.with_rows(embedded, 0);
        self.graph.expand(embedded);
        self.graph.expand(ready);
        let mixed_tokens = self.graph.input([t, 1, 1, 1], I32);
        let mixed_slots = self.graph.input([t, 1, 1, 1], I64);
        let mixed = self.graph.input([width, t, 1, 1], F32);
        let copy = self.graph.fresh([width, t, 1, 1], F32, &[mixed]);
        let rows = self.graph.fresh([width, t, 1, 1], F32, &[table, mixed_tokens]);
        let rows = self.graph.with_rows(rows, 0);
        let merged = self.graph.store(copy, &[rows, mixed_slots, copy]);
        self.graph.expand(merged);
        match self.family.scale {
            Scale::None => embedded,
            Scale::All => {
                let scaled = self.graph.in_place(&[embedded]);
                self.graph.expand(scaled);
                scaled
            }
            Scale::Rows => {
                let scales = self.graph.input([1, t, 1, 1], F32);
                let scaled = self.graph.in_place(&[embedded, scales]);
                self.graph.expand(scaled);
                scaled
            }
        }
    }

    // A layer.

    fn layer(&mut self, il: usize, x: Id, rows: Option<Id>) -> Id {
        let layer: &Layer = &self.architecture.layers[il];
        let has = |role| layer.norms.contains(&role);
        let pre_norm = has(Role::AttnNorm);
        // Where there is no FFN norm, the norm after attention is the one before the FFN, unless
        // the FFN has a norm after it as well.
        let post_norms = has(Role::PostFfwNorm) || has(Role::FfnNorm);
        let h = if pre_norm { self.norm(x, Some(il), Role::AttnNorm) } else { x };
        let mut residual = x;
        let mut ffn_input = h;
        let mixed = self.mixer(il, &layer.mixer, h);
        let Some(mut mixed) = mixed else {
            // A layer that is a feed-forward block only.
            let out = self.ffn(il, &layer.ffn, h);
            return self.add(out, x);
        };
        if let Some(rows) = rows {
            mixed = self.pick(mixed, rows);
            residual = self.pick(residual, rows);
            if layer.parallel {
                ffn_input = self.pick(ffn_input, rows);
            }
        }
        if layer.parallel {
            let out = self.ffn(il, &layer.ffn, ffn_input);
            let sum = self.add(out, residual);
            return self.add(sum, mixed);
        }
        if layer.ffn == Ffn::None {
            return self.add(mixed, residual);
        }
        if has(Role::PostAttentionNorm) && post_norms {
            mixed = self.norm(mixed, Some(il), Role::PostAttentionNorm);
        }
        let residual = match self.family.residual_first {
            true => self.add(residual, mixed),
            false => self.add(mixed, residual),
        };
        let h = if has(Role::FfnNorm) {
            self.norm(residual, Some(il), Role::FfnNorm)
        } else if has(Role::PostAttentionNorm) && !post_norms {
            self.norm(residual, Some(il), Role::PostAttentionNorm)
        } else {
            residual
        };
        let mut out = self.ffn(il, &layer.ffn, h);
        if has(Role::PostFfwNorm) {
            out = self.norm(out, Some(il), Role::PostFfwNorm);
        }
        match self.family.ffn_residual_first {
            true => self.add(residual, out),
            false => self.add(out, residual),
        }
    }

    fn mixer(&mut self, il: usize, mixer: &'a Mixer, x: Id) -> Option<Id> {
        Some(match mixer {
            Mixer::Attention(a) => self.attention(il, a, x),
            Mixer::Mla(m) => self.mla(il, m, x),
            Mixer::GatedDeltaNet(g) => self.gated_delta_net(il, g, x),
            Mixer::Mamba2(m) => self.mamba2(il, m, x),
            Mixer::ShortConv { kernel } => self.short_conv(il, *kernel, x),
            Mixer::AttentionAndMamba2(a, m) => {
                let attention = self.attention(il, a, x);
                let state_space = self.mamba2(il, m, x);
                self.add(attention, state_space)
            }
            Mixer::Kda(_) | Mixer::Lightning(_) | Mixer::Mamba1(_) | Mixer::Compressed(_) => {
                return None;
            }
            Mixer::None => return None,
        })
    }

    // Attention.

    fn attention(&mut self, il: usize, a: &Attention, x: Id) -> Id {
        let t = self.tokens;
        let Attention { heads, kv_heads, head_dim, v_head_dim, .. } = *a;
        let query_width = head_dim * if a.output_gate == OutputGate::InQuery { 2 } else { 1 };
        let layer = Some(il);
        let (mut q, mut k, mut v);
        let q_shape = [head_dim, heads, t, 1];
        let k_shape = [head_dim, kv_heads, t, 1];
        let v_shape = [v_head_dim, kv_heads, t, 1];
        let mut gate = None;
        if a.fused_qkv {
            let width = heads * head_dim + kv_heads * (head_dim + v_head_dim);
            let mut qkv = self.project(x, layer, Role::AttnQkv, width);
            if a.qkv_bias {
                qkv = self.bias(qkv, layer, Role::AttnQkvBias);
            }
            q = self.graph.view(qkv, q_shape);
            k = self.graph.view(qkv, k_shape);
            v = self.graph.view(qkv, v_shape);
        } else {
            q = self.project(x, layer, Role::AttnQ, heads * query_width);
            k = self.project(x, layer, Role::AttnK, kv_heads * head_dim);
            v = if a.k_eq_v {
                k
            } else {
                self.project(x, layer, Role::AttnV, kv_heads * v_head_dim)
            };
            if a.qkv_bias {
                q = self.bias(q, layer, Role::AttnQBias);
                k = self.bias(k, layer, Role::AttnKBias);
                v = self.bias(v, layer, Role::AttnVBias);
            }
            if a.qk_norm == QkNorm::Full {
                q = self.rms(q, il, Role::AttnQNorm);
                k = self.rms(k, il, Role::AttnKNorm);
            }
            if a.output_gate == OutputGate::InQuery {
                let both = self.graph.view(q, [query_width, heads, t, 1]);
                gate = Some(self.graph.view(both, q_shape));
                q = self.graph.view(both, q_shape);
            } else {
                q = self.graph.view(q, q_shape);
            }
            k = self.graph.view(k, k_shape);
            v = self.graph.view(v, v_shape);
        }
        if matches!(a.qk_norm, QkNorm::PerHead | QkNorm::EachHead) {
            q = self.rms(q, il, Role::AttnQNorm);
            k = self.rms(k, il, Role::AttnKNorm);
        }
        if self.family.rotates(il, a, self.architecture) {
            q = self.rope(il, q);
            k = self.rope(il, k);
            if self.family.norms_after_rotary {
                q = self.graph.in_place(&[q]);
                k = self.graph.in_place(&[k]);
            }
        } else if self.family.scales_queries {
            q = self.graph.in_place(&[q, self.inputs.scales]);
        }
        let own = a.kv_source == KvSource::Own;
        let mut out = self.attend(il, a, q, own.then_some((k, v)));
        if let Some(gate) = gate {
            let gate = self.cont(gate, [heads * head_dim, t, 1, 1]);
            let gate = self.graph.in_place(&[gate]);
            out = self.graph.in_place(&[out, gate]);
        }
        let mut out = self.project(out, layer, Role::AttnOutput, self.width);
        if a.out_bias {
            out = self.bias(out, layer, Role::AttnOutputBias);
        }
        out
    }

    /// Rotates queries or keys by their positions, with the model's own factors where it has
    /// some.
    fn rope(&mut self, il: usize, x: Id) -> Id {
        let positions = self.inputs.positions;
        let (backend, _) = self.place(il);
        let turned = match self.rotary_factors {
            Some(host) if backend == self.host => self.graph.in_place(&[x, positions, host]),
            Some(_) => {
                let there = self.placeholder[usize::from(backend)];
                self.graph.in_place(&[x, positions, there])
            }
            None => self.graph.in_place(&[x, positions]),
        };
        self.graph.with_neighbours(turned)
    }

    /// The rotation that spreads outliers before a quantised cache (a Hadamard matrix).
    fn rotate(&mut self, x: Id, rotation: Option<Id>) -> Id {
        let Some(rotation) = rotation else { return x };
        let shape = self.graph.shape(x);
        let [n, ..] = self.graph.shape(rotation);
        let elements = shape.iter().product::<u64>();
        let flat = self.graph.view(x, [n, elements / n.max(1), 1, 1]);
        let turned = self.graph.mul_mat(rotation, flat, n);
        self.graph.view(turned, shape)
    }

    /// Stores new keys and values, and attends from `q` to the cache.
    fn attend(&mut self, il: usize, a: &Attention, q: Id, new: Option<(Id, Id)>) -> Id {
        let t = self.tokens;
        let Attention { heads, kv_heads, head_dim, v_head_dim, reach, .. } = *a;
        let cells = self.cells.of(reach);
        let streams = self.cells.streams;
        let cache = match self.cells.in_window(reach) {
            true => self.inputs.window,
            false => self.inputs.full,
        };
        let q = self.rotate(q, cache.key_rotation);
        let keys = self.state(il);
        let values = self.state(il);
        if let Some((k, v)) = new {
            let k = self.rotate(k, cache.key_rotation);
            let v = self.rotate(v, cache.value_rotation);
            self.graph.expand(q);
            if self.cells.windowed {
                self.graph.expand(k);
                self.graph.expand(v);
            } else {
                self.graph.expand(v);
                self.graph.expand(k);
            }
            let flat = self.graph.view(k, [head_dim * kv_heads, t, 1, 1]);
            let stored = self.graph.store(keys, &[flat, cache.key_rows]);
            self.graph.expand(stored);
            let v = if !self.settings.flash_attention && a.fused_qkv {
                self.cont(v, [v_head_dim * kv_heads, t, 1, 1])
            } else {
                self.graph.view(v, [v_head_dim * kv_heads, t, 1, 1])
            };
            let stored = self.graph.store(values, &[v, cache.value_rows]);
            self.graph.expand(stored);
        } else {
            self.graph.expand(q);
        }
        let key_bytes =
            self.settings.kv.k.bytes(head_dim * kv_heads).saturating_mul(cells * streams);
        let value_bytes =
            self.settings.kv.v.bytes(v_head_dim * kv_heads).saturating_mul(cells * streams);
        let k = self.graph.spread_view(keys, [head_dim, cells, kv_heads, streams], key_bytes);
        let v = self.graph.spread_view(values, [v_head_dim, cells, kv_heads, streams], value_bytes);
        let q = self.graph.view(q, [head_dim, t / streams, heads, streams]);
        let scratch = self.f16_copy(self.settings.kv.k, head_dim * kv_heads, cells)
            + self.f16_copy(self.settings.kv.v, v_head_dim * kv_heads, cells);
        let out = self.softmax_attention(q, k, v, cache.mask, scratch);
        self.graph.expand(out);
        self.rotate(out, cache.value_rotation)
    }

    /// Bytes of the f16 copy that CUDA's flash attention makes of a quantised cache.
    fn f16_copy(&self, ty: GgmlType, width: u64, cells: u64) -> u64 {
        if ty == GgmlType::F16 || self.host == 0 {
            return 0;
        }
        2 * width * cells * self.cells.streams
    }

    fn softmax_attention(&mut self, q: Id, k: Id, v: Id, mask: Id, scratch: u64) -> Id {
        let [v_dim, ..] = self.graph.shape(v);
        let [_, t, heads, streams] = self.graph.shape(q);
        let [_, cells, ..] = self.graph.shape(k);
        if self.settings.flash_attention {
            let out = self.graph.fresh([v_dim, heads, t, streams], F32, &[q, k, v, mask]);
            let out = self.graph.with_neighbours(out);
            let out = self.graph.with_scratch(out, scratch);
            return self.graph.view(out, [v_dim * heads, t * streams, 1, 1]);
        }
        let scores = self.graph.fresh([cells, t, heads, streams], F32, &[k, q]);
        let scores = self.graph.in_place(&[scores, mask]);
        let out = self.graph.fresh([v_dim, t, heads, streams], F32, &[v, scores]);
        let out = self.graph.view(out, [v_dim, heads, t, streams]);
        self.cont(out, [v_dim * heads, t * streams, 1, 1])
    }

    fn mla(&mut self, il: usize, m: &Mla, x: Id) -> Id {
        let t = self.tokens;
        let Mla { heads, kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim, .. } = *m;
        let layer = Some(il);
        let q_width = heads * (qk_nope_head_dim + qk_rope_head_dim);
        let latent = kv_lora_rank + qk_rope_head_dim;
        let q = match m.q_lora_rank {
            Some(rank) => {
                let down = self.project(x, layer, Role::AttnQA, rank);
                let down = self.rms(down, il, Role::AttnQANorm);
                self.project(down, layer, Role::AttnQB, q_width)
            }
            None => self.project(x, layer, Role::AttnQ, q_width),
        };
        let q = self.graph.view(q, [qk_nope_head_dim + qk_rope_head_dim, heads, t, 1]);
        let q_plain = self.graph.view(q, [qk_nope_head_dim, t, heads, 1]);
        let q_rope = self.graph.view(q, [qk_rope_head_dim, heads, t, 1]);
        let both = self.project(x, layer, Role::AttnKvAMqa, latent);
        let compressed = self.graph.view(both, [kv_lora_rank, t, 1, 1]);
        let k_rope = self.graph.view(both, [qk_rope_head_dim, 1, t, 1]);
        let q_rope = self.rope(il, q_rope);
        let k_rope = self.rope(il, k_rope);
        let compressed = self.rms(compressed, il, Role::AttnKvANorm);
        let k_b = self.weight(layer, Role::AttnKB);
        let absorbed = self.graph.mul_mat(k_b, q_plain, kv_lora_rank);
        let absorbed = self.graph.view(absorbed, [kv_lora_rank, heads, t, 1]);
        let q = self.graph.fresh([latent, heads, t, 1], F32, &[absorbed, q_rope]);
        let compressed = self.graph.view(compressed, [kv_lora_rank, 1, t, 1]);
        let k = self.graph.fresh([latent, 1, t, 1], F32, &[compressed, k_rope]);

        self.graph.expand(q);
        self.graph.expand(compressed);
        self.graph.expand(k);
        let cache = self.inputs.full;
        let keys = self.state(il);
        let flat = self.graph.view(k, [latent, t, 1, 1]);
        let stored = self.graph.store(keys, &[flat, cache.key_rows]);
        self.graph.expand(stored);
        let (cells, streams) = (self.cells.of(m.reach), self.cells.streams);
        let key_bytes = self.settings.kv.k.bytes(latent).saturating_mul(cells * streams);
        let k = self.graph.spread_view(keys, [latent, cells, 1, streams], key_bytes);
        let rope_bytes = self.settings.kv.k.bytes(qk_rope_head_dim);
        let value_bytes = key_bytes.saturating_sub(rope_bytes);
        let v = self.graph.spread_view(k, [kv_lora_rank, cells, 1, streams], value_bytes);
        let q = self.graph.view(q, [latent, t / streams, heads, streams]);
        let v_b = self.weight(layer, Role::AttnVB);
        let mask = cache.mask;
        let per_stream = t / streams;
        let out = if self.settings.flash_attention {
            let out =
                self.graph.fresh([kv_lora_rank, heads, per_stream, streams], F32, &[q, k, v, mask]);
            let out = self.graph.with_neighbours(out);
            let scratch = self.f16_copy(self.settings.kv.k, latent, cells);
            let out = self.graph.with_scratch(out, scratch);
            let out = self.graph.view(out, [kv_lora_rank, per_stream, heads, streams]);
            let out = self.graph.mul_mat(v_b, out, v_head_dim);
            let out = self.graph.view(out, [v_head_dim, heads, per_stream, streams]);
            let out = self.cont(out, [v_head_dim, heads, per_stream, streams]);
            self.graph.view(out, [v_head_dim * heads, t, 1, 1])
        } else {
            let scores = self.graph.fresh([cells, per_stream, heads, streams], F32, &[k, q]);
            let scores = self.graph.in_place(&[scores, mask]);
            let turned = self.graph.view(v, [cells, kv_lora_rank, 1, streams]);
            let turned = self.graph.fresh([cells, kv_lora_rank, 1, streams], F16, &[turned]);
            let out = self.graph.fresh(
                [kv_lora_rank, per_stream, heads, streams],
                F32,
                &[turned, scores],
            );
            let out = self.graph.mul_mat(v_b, out, v_head_dim);
            let out = self.graph.view(out, [v_head_dim, heads, per_stream, streams]);
            self.cont(out, [v_head_dim * heads, t, 1, 1])
        };
        self.graph.expand(out);
        self.project(out, layer, Role::AttnOutput, self.width)
    }

    // Recurrent mixers.

    /// The states of the batch's sequences, gathered from a recurrent cache of `values` each.
    fn gather(&mut self, state: Id, values: u64, sequences: u64) -> Id {
        self.clear(state);
        let all = self.graph.spread_view(state, [values, sequences, 1, 1], 0);
        let numbers = self.inputs.states;
        let gathered = self.graph.fresh([values, sequences, 1, 1], F32, &[all, numbers]);
        let gathered = self.graph.with_rows(gathered, 0);
        let seen = self.graph.view(gathered, [values, sequences, 1, 1]);
        self.graph.expand(seen);
        let extra = self.graph.view(gathered, [values, 0, 1, 1]);
        let kept = self.graph.store(state, &[extra]);
        self.graph.expand(kept);
        seen
    }

    /// Clears the state that a new sequence starts from.
    fn clear(&mut self, state: Id) {
        let cleared = self.graph.store(state, &[]);
        self.graph.expand(cleared);
    }

    /// The last `taps` values of each channel: they lie as far apart as the channels do.
    fn last_taps(&mut self, input: Id, taps: u64, channels: u64) -> Id {
        let s = self.sequences;
        let [row, ..] = self.graph.shape(input);
        let rows = channels.saturating_mul(s).saturating_sub(1);
        let bytes = rows.saturating_mul(row).saturating_add(taps).saturating_mul(u64::from(F32));
        self.graph.spread_view(input, [taps, channels, s, 1], bytes)
    }

    fn save(&mut self, state: Id, value: Id) {
        let stored = self.graph.store(state, &[value]);
        self.graph.expand(stored);
    }

    /// Puts the convolution state before the new values, and saves the new state.
    fn conv_input(&mut self, il: usize, x: Id, kernel: u64, channels: u64) -> Id {
        let s = self.sequences;
        let state = self.state(il);
        let old = self.gather(state, kernel.saturating_sub(1) * channels, s);
        let old = self.graph.view(old, [kernel.saturating_sub(1), channels, s, 1]);
        let turned = self.graph.view(x, [self.tokens / s, channels, s, 1]);
        let input = self.graph.fresh(
            [kernel.saturating_sub(1) + self.tokens / s, channels, s, 1],
            F32,
            &[old, turned],
        );
        let last = self.last_taps(input, kernel.saturating_sub(1), channels);
        self.save(state, last);
        input
    }

    fn conv(&mut self, il: usize, input: Id, channels: u64) -> Id {
        let kernel = self.weight(Some(il), Role::SsmConv1d);
        self.graph.fresh(
            [channels, self.tokens / self.sequences, self.sequences, 1],
            F32,
            &[input, kernel],
        )
    }

    fn gated_delta_net(&mut self, il: usize, g: &GatedDeltaNet, x: Id) -> Id {
        let (t, s) = (self.tokens, self.sequences);
        let GatedDeltaNet {
            key_heads, key_head_dim, value_heads, value_head_dim, conv_kernel, ..
        } = *g;
        let layer = Some(il);
        let values = value_heads * value_head_dim;
        let channels = 2 * key_heads * key_head_dim + values;
        let per = t / s;
        self.graph.expand(x);

        let qkv = self.project(x, layer, Role::AttnQkv, channels);
        let qkv = self.graph.view(qkv, [channels, per, s, 1]);
        let z = self.project(x, layer, Role::AttnGate, values);
        let (beta, gate);
        if g.fused_ba {
            let ba = self.project(x, layer, Role::SsmBa, 2 * value_heads);
            let b = self.graph.view(ba, [value_heads, per, s, 1]);
            let b = self.cont(b, [value_heads, per, s, 1]);
            beta = self.graph.in_place(&[b]);
            let a = self.graph.view(ba, [value_heads, per, s, 1]);
            let a = self.cont(a, [value_heads, per, s, 1]);
            gate = self.bias(a, layer, Role::SsmDtBias);
        } else {
            let b = self.project(x, layer, Role::SsmBeta, value_heads);
            let b = self.graph.view(b, [1, value_heads, per, s]);
            beta = self.graph.in_place(&[b]);
            let a = self.project(x, layer, Role::SsmAlpha, value_heads);
            let a = self.graph.view(a, [value_heads, per, s, 1]);
            gate = self.bias(a, layer, Role::SsmDtBias);
        }
        let gate = self.bias(gate, layer, Role::SsmA);
        let beta = self.graph.view(beta, [1, value_heads, per, s]);
        let gate = self.graph.view(gate, [1, value_heads, per, s]);

        let input = self.conv_input(il, qkv, conv_kernel, channels);
        let state = self.state(il);
        let (_, state_values) = recurrent_values(&Mixer::GatedDeltaNet(g.clone()), self.width);
        let old = self.gather(state, state_values, s);
        let old = self.graph.view(old, [value_head_dim, key_head_dim, value_heads, s]);
        let mixed = self.conv(il, input, channels);
        let mixed = self.graph.in_place(&[mixed]);
        let mut heads = [0, 1].map(|_| {
            let head = self.graph.view(mixed, [key_head_dim, key_heads, per, s]);
            let head = self.graph.in_place(&[head]);
            self.graph.in_place(&[head])
        });
        let v = self.graph.view(mixed, [value_head_dim, value_heads, per, s]);
        if self.family.repeats_keys && key_heads != value_heads {
            heads = heads.map(|head| {
                let flat = self.graph.view(head, [key_head_dim, 1, key_heads, t]);
                let times = value_heads / key_heads.max(1);
                let repeated = self.graph.fresh([key_head_dim, times, key_heads, t], F32, &[flat]);
                self.graph.view(repeated, [key_head_dim, value_heads, per, s])
            });
        }
        let [q, k] = heads;
        let rows = t + key_head_dim * s;
        let result = self.graph.fresh([values, rows, 1, 1], F32, &[q, k, v, gate, beta, old]);
        let output = self.graph.view(result, [value_head_dim, value_heads, per, s]);
        let new = self.graph.view(result, [state_values, s, 1, 1]);
        self.save(state, new);

        let z = self.graph.view(z, [value_head_dim, value_heads, per, s]);
        let normed = self.rms(output, il, Role::SsmNorm);
        let z = self.graph.in_place(&[z]);
        let gated = self.graph.in_place(&[normed, z]);
        let flat = self.graph.view(gated, [values, per, s, 1]);
        let out = self.project(flat, layer, Role::SsmOut, self.width);
        self.graph.view(out, [self.width, t, 1, 1])
    }

    fn mamba2(&mut self, il: usize, m: &Mamba2, x: Id) -> Id {
        let (t, s) = (self.tokens, self.sequences);
        let Mamba2 { d_inner, d_state, d_conv, groups, heads, .. } = *m;
        let layer = Some(il);
        let per = t / s;
        let shared = groups * d_state;
        let channels = d_inner + 2 * shared;
        let head_dim = d_inner / heads.max(1);

        // The gather comes first in the order, before the projection.
        let state = self.state(il);
        let old = self.gather(state, d_conv.saturating_sub(1) * channels, s);
        let old = self.graph.view(old, [d_conv.saturating_sub(1), channels, s, 1]);
        let projected = self.project(x, layer, Role::SsmIn, 2 * d_inner + 2 * shared + heads);
        let projected = self.graph.view(projected, [2 * d_inner + 2 * shared + heads, per, s, 1]);
        let z = self.graph.view(projected, [head_dim, heads, per, s]);
        let xbc = self.graph.view(projected, [channels, per, s, 1]);
        let dt = self.graph.view(projected, [heads, per, s, 1]);
        let turned = self.graph.view(xbc, [per, channels, s, 1]);
        let input =
            self.graph.fresh([d_conv.saturating_sub(1) + per, channels, s, 1], F32, &[old, turned]);
        let last = self.last_taps(input, d_conv.saturating_sub(1), channels);
        self.save(state, last);
        let mut xbc = self.conv(il, input, channels);
        if m.conv_bias {
            xbc = self.bias(xbc, layer, Role::SsmConv1dBias);
        }
        let xbc = self.graph.in_place(&[xbc]);
        let inner = self.graph.view(xbc, [head_dim, heads, per, s]);
        let b = self.graph.view(xbc, [d_state, groups, per, s]);
        let c = self.graph.view(xbc, [d_state, groups, per, s]);
        let dt = self.cont(dt, [heads, per, s, 1]);
        let dt = self.bias(dt, layer, Role::SsmDtBias);
        let decay = self.weight(layer, Role::SsmA);

        let memory = self.state(il);
        let (_, state_values) = recurrent_values(&Mixer::Mamba2(m.clone()), self.width);
        self.clear(memory);
        let (own, others) = (self.inputs.own_states, self.inputs.other_states);
        let rows = self.graph.spread_view(memory, [state_values, s, 1, 1], 0);
        let scanned = self.graph.fresh(
            [d_inner * t + state_values * s, 1, 1, 1],
            F32,
            &[rows, inner, dt, decay, b, c, own],
        );
        self.graph.expand(scanned);
        // States of sequences outside the batch; the first sequence's is never among them.
        let rest = self.graph.fresh([state_values, s - 1, 1, 1], F32, &[rows, others]);
        let rest = self.graph.with_rows(rest, 0);
        let kept = self.graph.view(rest, [state_values, 0, 1, 1]);
        self.save(memory, kept);
        let new = self.graph.view(scanned, [state_values, s, 1, 1]);
        self.save(memory, new);

        let y = self.graph.view(scanned, [head_dim, heads, per, s]);
        let skip = self.bias(inner, layer, Role::SsmD);
        let y = self.graph.in_place(&[y, skip]);
        let z = self.cont(z, [head_dim, heads, per, s]);
        let mut y = self.graph.fresh([head_dim, heads, per, s], F32, &[z, y]);
        if m.norm {
            y = self.graph.view(y, [d_inner / groups.max(1), groups, per, s]);
            y = self.rms(y, il, Role::SsmNorm);
        }
        let y = self.graph.view(y, [d_inner, t, 1, 1]);
        self.project(y, layer, Role::SsmOut, self.width)
    }

    fn short_conv(&mut self, il: usize, kernel: u64, x: Id) -> Id {
        let (t, s, width) = (self.tokens, self.sequences, self.width);
        let layer = Some(il);
        let per = t / s;
        let x = self.graph.view(x, [width, per, s, 1]);
        let bcx = self.project(x, layer, Role::ShortConvIn, 3 * width);
        let b = self.graph.view(bcx, [width, per, s, 1]);
        let c = self.graph.view(bcx, [width, per, s, 1]);
        let x = self.graph.view(bcx, [width, per, s, 1]);
        let bx = self.graph.in_place(&[b, x]);
        let state = self.state(il);
        let taps = kernel.saturating_sub(1);
        let old = self.gather(state, taps * width, s);
        let old = self.graph.view(old, [taps, width, s, 1]);
        let bx = self.graph.view(bx, [per, width, s, 1]);
        let input = self.graph.fresh([taps + per, width, s, 1], F32, &[old, bx]);
        let last = self.last_taps(input, taps, width);
        self.save(state, last);
        let kernel = self.weight(layer, Role::ShortConvConv);
        let out = self.graph.fresh([width, per, s, 1], F32, &[input, kernel]);
        let y = self.graph.in_place(&[c, out]);
        let y = self.project(y, layer, Role::ShortConvOut, width);
        self.graph.view(y, [width, t, 1, 1])
    }

    // Feed-forward blocks.

    fn ffn(&mut self, il: usize, ffn: &Ffn, x: Id) -> Id {
        match ffn {
            Ffn::Dense(dense) => self.dense(il, dense, x),
            Ffn::Moe(moe) => self.moe(il, moe, x),
            Ffn::DenseAndMoe(dense, moe) => {
                let dense = self.dense(il, dense, x);
                let moe = self.moe(il, moe, x);
                self.add(moe, dense)
            }
            Ffn::None => x,
        }
    }

    fn dense(&mut self, il: usize, d: &Dense, x: Id) -> Id {
        let layer = Some(il);
        let [_, n, ..] = self.graph.shape(x);
        let width = d.intermediate_size;
        let shape = [width, n, 1, 1];
        let activated = if d.gated && d.fused_gate_up {
            let both = self.project(x, layer, Role::FfnUp, 2 * width);
            self.graph.fresh(shape, F32, &[both])
        } else {
            let mut up = self.project(x, layer, Role::FfnUp, width);
            if d.bias {
                up = self.bias(up, layer, Role::FfnUpBias);
            }
            if d.gated {
                let mut gate = self.project(x, layer, Role::FfnGate, width);
                if d.bias {
                    gate = self.bias(gate, layer, Role::FfnGateBias);
                }
                self.graph.fresh(shape, F32, &[gate, up])
            } else {
                self.graph.in_place(&[up])
            }
        };
        let mut down = self.project(activated, layer, Role::FfnDown, self.width);
        if d.bias {
            down = self.bias(down, layer, Role::FfnDownBias);
        }
        down
    }

    fn moe(&mut self, il: usize, m: &Moe, x: Id) -> Id {
        let layer = Some(il);
        let [_, n, ..] = self.graph.shape(x);
        let used = m.experts_per_token;
        let width = m.hidden_size;
        let scaled_first = self.family.weighs_expert_input;
        let latent = width != self.width;

        let inner = if latent { self.project(x, layer, Role::FfnLatentDown, width) } else { x };
        let mut logits = self.project(x, layer, Role::FfnGateInp, m.experts);
        if m.router_linear_bias {
            logits = self.bias(logits, layer, Role::FfnGateInpBias);
        }
        let probabilities = self.graph.in_place(&[logits]);
        let ranked = if m.router_bias {
            self.bias(probabilities, layer, Role::ExpProbsBias)
        } else if scaled_first {
            logits
        } else {
            probabilities
        };
        let sorted = self.graph.fresh([m.experts, n, 1, 1], I32, &[ranked]);
        let chosen = self.graph.view(sorted, [used, n, 1, 1]);
        let table = self.graph.view(probabilities, [1, m.experts, n, 1]);
        let shares = self.graph.fresh([1, used, n, 1], F32, &[table, chosen]);
        let shares = self.graph.with_rows(shares, 0);
        let flat = self.graph.view(shares, [used, n, 1, 1]);
        let sum = self.graph.fresh([1, n, 1, 1], F32, &[flat]);
        let shares = self.graph.in_place(&[flat, sum]);
        let shares = self.graph.view(shares, [1, used, n, 1]);
        self.graph.expand(shares);

        let mut input = self.graph.view(inner, [width, 1, n, 1]);
        if scaled_first {
            let repeated = self.graph.fresh([width, used, n, 1], F32, &[input]);
            input = self.graph.in_place(&[repeated, shares]);
        }
        let mut up = self.experts(il, Role::FfnUpExps, input, chosen, m.intermediate_size);
        if m.expert_bias {
            up = self.expert_bias(il, Role::FfnUpExpsBias, up, chosen);
        }
        let activated = if m.gated {
            let mut gate = self.experts(il, Role::FfnGateExps, input, chosen, m.intermediate_size);
            if m.expert_bias {
                gate = self.expert_bias(il, Role::FfnGateExpsBias, gate, chosen);
            }
            self.graph.fresh([m.intermediate_size, used, n, 1], F32, &[gate, up])
        } else {
            self.graph.in_place(&[up])
        };
        let mut out = self.experts(il, Role::FfnDownExps, activated, chosen, width);
        if m.expert_bias {
            out = self.expert_bias(il, Role::FfnDownExpsBias, out, chosen);
        }
        if !scaled_first {
            out = self.graph.in_place(&[out, shares]);
        }
        self.graph.expand(out);
        let parts: Vec<Id> = (0..used.min(256))
            .map(|_| {
                let part = self.graph.view(out, [width, n, 1, 1]);
                self.graph.expand(part);
                part
            })
            .collect();
        let mut total = parts.first().copied().unwrap_or(out);
        for part in parts.iter().skip(1) {
            total = self.add(total, *part);
            self.graph.expand(total);
        }
        if used == 1 {
            total = self.cont(total, [width, n, 1, 1]);
        }
        if latent {
            total = self.project(total, layer, Role::FfnLatentUp, self.width);
        }
        if m.shared_intermediate_size > 0 {
            let shared = self.shared_expert(il, m, x);
            total = self.add(total, shared);
        }
        total
    }

    fn experts(&mut self, il: usize, role: Role, x: Id, chosen: Id, rows: u64) -> Id {
        let [used, n, ..] = self.graph.shape(chosen);
        let weight = self.weight(Some(il), role);
        let out = self.graph.fresh([rows, used, n, 1], F32, &[weight, x, chosen]);
        self.graph.with_rows(out, n)
    }

    fn expert_bias(&mut self, il: usize, role: Role, x: Id, chosen: Id) -> Id {
        let bias = self.weight(Some(il), role);
        self.graph.in_place(&[x, bias, chosen])
    }

    fn shared_expert(&mut self, il: usize, m: &Moe, x: Id) -> Id {
        let layer = Some(il);
        let [_, n, ..] = self.graph.shape(x);
        let up = self.project(x, layer, Role::FfnUpShexp, m.shared_intermediate_size);
        let activated = if m.gated {
            let gate = self.project(x, layer, Role::FfnGateShexp, m.shared_intermediate_size);
            self.graph.fresh([m.shared_intermediate_size, n, 1, 1], F32, &[gate, up])
        } else {
            self.graph.in_place(&[up])
        };
        let out = self.project(activated, layer, Role::FfnDownShexp, self.width);
        if !m.shared_gate {
            return out;
        }
        let gate = self.project(x, layer, Role::FfnGateInpShexp, 1);
        let gate = self.graph.in_place(&[gate]);
        self.graph.in_place(&[out, gate])
    }
}

/// See [`Builder::host_weights`].
fn host_weights(
    architecture: &Architecture,
    weights: &[Weight],
    placement: &Placement,
) -> Vec<Vec<(Role, u64)>> {
    if placement.device_layers.is_empty() {
        return Vec::new();
    }
    let mut slots = vec![Vec::new(); architecture.layers.len() + 1];
    for weight in weights {
        let slot = weight.tensor.layer.map_or(0, |il| il as usize + 1);
        if let Some(list) = slots.get_mut(slot) {
            list.push((weight.tensor.role, weight.on_device()));
        }
    }
    slots
}

/// The inputs of a batch.
fn inputs(
    graph: &mut Graph,
    architecture: &Architecture,
    settings: &Settings,
    cells: Cells,
    tokens: u64,
    sequences: u64,
    outputs: u64,
) -> Inputs {
    let flash = settings.flash_attention;
    let attention = || architecture.layers.iter().filter_map(|l| l.mixer.attention());
    let widest_value =
        attention().map(|a| a.kv_heads.saturating_mul(a.v_head_dim)).max().unwrap_or(0);
    let mut cache = |windowed: bool| {
        let n = if windowed { cells.window } else { cells.full };
        let own = || {
            attention()
                .filter(|a| a.kv_source == KvSource::Own && cells.in_window(a.reach) == windowed)
        };
        // The rotation needs heads of one size, a multiple of 64.
        let one_size = |mut sizes: Box<dyn Iterator<Item = u64> + '_>| {
            let first = sizes.next()?;
            (first % 64 == 0 && first > 0 && sizes.all(|size| size == first)).then_some(first)
        };
        let key_rotation = one_size(Box::new(own().map(|a| a.head_dim)))
            .filter(|_| quantised(settings.kv.k))
            .map(|size| 1 << size.trailing_zeros())
            .map(|n| graph.input([n, n, 1, 1], F32));
        let value_rotation = one_size(Box::new(own().map(|a| a.v_head_dim)))
            .filter(|_| quantised(settings.kv.v))
            .map(|_| graph.input([64, 64, 1, 1], F32));
        Cache {
            mask: graph.input(
                [n, tokens / cells.streams, 1, cells.streams],
                if flash { F16 } else { F32 },
            ),
            key_rows: graph.input([tokens, 1, 1, 1], I64),
            value_rows: graph.input(
                [if flash { tokens } else { tokens.saturating_mul(widest_value) }, 1, 1, 1],
                I64,
            ),
            key_rotation,
            value_rotation,
        }
    };
    let full = cache(false);
    let window = cache(true);
    let states = graph.input([sequences, 1, 1, 1], I32);
    Inputs {
        positions: graph.input([tokens, 1, 1, 1], I32),
        scales: graph.input([1, 1, tokens, 1], F32),
        output_rows: graph.input([outputs, 1, 1, 1], I32),
        full,
        window,
        states,
        own_states: graph.view(states, [sequences, 1, 1, 1]),
        other_states: graph.view(states, [sequences - 1, 1, 1, 1]),
    }
}

fn quantised(ty: GgmlType) -> bool {
    ty.block_elements() > 1
}
