//! The compute graph of a model, operation by operation, as llama.cpp builds it for its largest
//! batch (`llama-graph.cpp` and `src/models/*.cpp`, build b11434).
//!
//! Only what determines memory is modelled: the size of each result, its readers, and the order.
//! Arithmetic that overwrites its operand (scaling, activation) is omitted where nothing depends on
//! it. A repeating block of layers is built only a few times, and of devices with the same layers one.

mod attention;
mod feed_forward;
mod inputs;
mod per_layer;
mod recurrent;
mod sparse;

use std::ops::Range;

use super::ggml::{Backend, Graph, Id, Stretch};
use super::graph_quirks::{Family, OutputRows, ParallelSum};
use super::kv_cache::Cells;
use super::weights::{final_norm, is_rotary_factors};
use super::{Placement, Settings, Weight};
use crate::architecture::{
    Architecture, Attention, AttentionSpan, Ffn, KvSource, Layer, Mixer, NormKind, Role,
};
use crate::engine::llama_cpp::KvTypes;
use crate::scenario::LogitsBuffer;
use inputs::Inputs;
use per_layer::PerLayer;

/// f32, the type of activations.
const F32: u8 = 4;
const F16: u8 = 2;
/// i32, the type of token, position and expert numbers.
const I32: u8 = 4;
/// i64, the type of cache row numbers.
const I64: u8 = 8;

/// How often a repeating block of layers is built before further repetitions are skipped.
const TURNS: usize = 2;
/// How often on several devices, which get copies of what all layers read.
const TURNS_ON_SEVERAL: usize = 3;
/// How often where more than half of the tokens become logits, which may need a gap as large as
/// layers leave when they have taken turns for longer.
const TURNS_BEFORE_OUTPUTS: usize = 8;
/// Maximum length of a repeating block of layers.
const MAX_BLOCK: usize = 12;

/// The settings that determine the graph: the largest batch, and the caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Batch {
    /// Tokens: a multiple of the sequences.
    pub tokens: u64,
    pub sequences: u64,
    /// Number of tokens that become logits.
    pub outputs: u64,
    pub cells: Cells,
    pub kv: KvTypes,
    pub flash_attention: bool,
    pub unpacks_cache: bool,
}

impl Batch {
    /// Returns the largest batch under `settings`, which must be within llama.cpp's limits.
    pub(super) fn new(architecture: &Architecture, settings: &Settings) -> Batch {
        let sequences = settings.n_parallel;
        let batch = settings.n_ubatch;
        let tokens = batch.checked_next_multiple_of(sequences).unwrap_or(batch);
        let cells = match Family::of(architecture).encoder {
            true => Cells::of_batch(tokens),
            false => Cells::new(architecture, settings),
        };
        let outputs = match settings.logits {
            LogitsBuffer::Batch => batch,
            LogitsBuffer::Server => {
                sequences.saturating_mul(settings.proposed.saturating_add(1)).min(batch)
            }
        };
        let Settings { kv, flash_attention, unpacks_cache, .. } = *settings;
        Batch { tokens, sequences, outputs, cells, kv, flash_attention, unpacks_cache }
    }
}

/// The inputs of a graph that do not depend on the batch.
pub(super) struct Model<'a> {
    pub architecture: &'a Architecture,
    /// Index of the first equal layer for each layer, from [`kinds`].
    pub kinds: &'a [usize],
    pub weights: &'a [Weight],
    /// Whether each layer is built, also where that adds nothing.
    pub is_whole: bool,
}

/// Builds the graph for `batch` into `graph`, which is empty or to be built once more.
pub(super) fn build(
    model: &Model<'_>,
    batch: &Batch,
    placement: &Placement,
    graph: Graph,
) -> Graph {
    Builder::new(model, batch, placement, graph).model()
}

/// Returns for each repeating layer the index of the first layer equal to it.
pub(super) fn kinds(architecture: &Architecture) -> Vec<usize> {
    let layers = &architecture.layers;
    let mut firsts: Vec<usize> = Vec::new();
    let kind = |il: usize| {
        let known = firsts.iter().copied().find(|first| layers[*first] == layers[il]);
        if known.is_none() {
            firsts.push(il);
        }
        known.unwrap_or(il)
    };
    (0..layers.len()).map(kind).collect()
}

/// Whether every layer has memory allocated before the first one is computed: blanks of sparse
/// attention, or copies of its views of inputs.
pub(super) fn holds_memory_for_every_layer(architecture: &Architecture) -> bool {
    architecture.layers.iter().any(|layer| match &layer.mixer {
        Mixer::Mla(m) => m.reach == AttentionSpan::Sparse,
        mixer => mixer.attention().is_some_and(|a| a.indexer.is_some()),
    })
}

/// A graph under construction.
struct Builder<'a> {
    graph: Graph,
    architecture: &'a Architecture,
    kinds: &'a [usize],
    family: Family,
    batch: &'a Batch,
    placement: &'a Placement,
    /// The weights, if some are on the host of a machine with devices.
    weights: &'a [Weight],
    /// Where in them those outside of the layers are, and those of each layer.
    weights_of: Vec<Range<usize>>,
    host: Backend,
    /// The backend of each repeating layer and of the output layer.
    places: Vec<Backend>,
    is_whole: bool,
    cells: Cells,
    /// Hidden size.
    width: u64,
    /// Tokens of the batch: a multiple of the sequences.
    tokens: u64,
    /// Sequences of the batch.
    sequences: u64,
    inputs: Inputs,
    /// The host's copy of the rotary factors, if the model has some.
    rotary_factors: Option<Id>,
    /// Tokens picked by a sparse-attention layer, for the layers that reuse them.
    picked: Option<Id>,
    /// Host weights of the current layer: one copy serves all their readers.
    copied: (Option<usize>, Vec<(Role, Id)>),
    /// A weight on each backend whose size does not matter, because it is never copied.
    placeholder: Vec<Id>,
}

impl<'a> Builder<'a> {
    fn new(
        model: &Model<'a>,
        batch: &'a Batch,
        placement: &'a Placement,
        mut graph: Graph,
    ) -> Builder<'a> {
        let Model { architecture, kinds, weights, is_whole } = *model;
        let family = Family::of(architecture);
        let Batch { tokens, sequences, cells, .. } = *batch;
        let host = placement.device_layers.len() as Backend;
        let devices = placement.layer_devices(architecture);
        let places = devices.iter().map(|device| device.map_or(host, |d| d as Backend)).collect();
        let placeholder = (0..=host).map(|backend| graph.weight(backend, 0)).collect();
        let factors = architecture.extras.tensors.iter().find(|t| is_rotary_factors(t.role));
        let rotary_factors =
            factors.map(|t| graph.weight(host, t.shape.elements().saturating_mul(u64::from(F32))));
        let inputs = Inputs::new(&mut graph, architecture, batch);
        let may_copy = !placement.device_layers.is_empty();
        Builder {
            graph,
            architecture,
            kinds,
            family,
            batch,
            placement,
            weights: if may_copy { weights } else { &[] },
            weights_of: if may_copy { weights_of(architecture, weights) } else { Vec::new() },
            host,
            places,
            is_whole,
            cells,
            width: architecture.hidden_size,
            tokens,
            sequences,
            inputs,
            rotary_factors,
            picked: None,
            copied: (None, Vec::new()),
            placeholder,
        }
    }

    fn model(mut self) -> Graph {
        let mut x = self.embedding();
        let per_layer = self.per_layer_inputs(x);
        x = self.widen(x);
        let kinds = self.kinds();
        let built = self.distinct_layers(&kinds);
        let shared = self.graph.mark();
        let repeats = !self.is_whole && !self.is_widened() && per_layer.is_none();
        let mut stretches: Vec<(usize, Stretch)> = Vec::new();
        for (i, il) in built.iter().copied().enumerate() {
            let last = i + 1 == built.len();
            let is_like = |(like, _): &&(usize, Stretch)| {
                (kinds[*like], self.places[*like]) == (kinds[il], self.places[il])
                    && self.host_weights(Some(*like)).eq(self.host_weights(Some(il)))
            };
            let like = stretches.iter().rev().find(is_like).filter(|_| !last);
            if let Some(out) = like.and_then(|(_, stretch)| self.graph.repeat(*stretch, x)) {
                x = out;
                continue;
            }
            let (from, before, picked) = (self.graph.mark(), x, self.picked);
            x = if self.family.encoder {
                self.encoder_layer(il, x, last)
            } else if self.is_widened() {
                self.widened_layer(il, x, per_layer)
            } else {
                self.layer(il, x, last, per_layer)
            };
            // Tokens that are picked are for later layers, too, as is a cache that is elsewhere.
            let is_alone = self.picked == picked
                && self.places[cache_layer(self.architecture, il)] == self.places[il];
            if repeats && is_alone {
                let stretch = self.graph.stretch(shared, from, before, x);
                stretches.extend(stretch.map(|stretch| (il, stretch)));
            }
        }
        if self.family.encoder {
            self.graph.expand(x);
            return self.graph;
        }
        x = self.narrow(x);
        if self.family.rows == OutputRows::BeforeNorm {
            self.graph.output(x);
        }
        x = self.picked(x, OutputRows::BeforeNorm, true);
        if let Some(role) = final_norm(self.architecture) {
            x = self.norm(x, None, role);
        }
        if self.family.rows == OutputRows::AfterNorm {
            self.graph.output(x);
        }
        x = self.picked(x, OutputRows::AfterNorm, true);
        let vocabulary = self.architecture.gguf_vocab_size;
        let mut logits = self.project(x, None, Role::Output, vocabulary);
        if self.architecture.extras.head_bias {
            logits = self.times(logits, None, Role::OutputBias);
        }
        self.graph.expand(logits);
        self.graph
    }

    /// Returns the layers to build. In a sequence of repeating blocks, memory settles into a
    /// pattern after a few repetitions, and further ones add nothing: except on several devices
    /// with delta nets, between whose gaps the copies that a device gets lie.
    ///
    /// Blocks have an even number of layers because the residual stream alternates between two
    /// places.
    fn distinct_layers(&mut self, kinds: &[usize]) -> Vec<usize> {
        let layers = self.architecture.layers.len();
        if self.is_whole || self.borrows_caches() {
            return (0..layers).collect();
        }
        let layers = self.on_distinct_devices(kinds);
        let devices = layers.chunk_by(|a, b| self.places[*a] == self.places[*b]);
        let devices = devices.filter(|run| self.places[run[0]] != self.host).count();
        let leaves_gaps =
            |layer: &Layer| matches!(layer.mixer, Mixer::GatedDeltaNet(_) | Mixer::Kda(_));
        let is_settled = devices <= 1 || !self.architecture.layers.iter().any(leaves_gaps);
        if holds_memory_for_every_layer(self.architecture) || !is_settled {
            return layers;
        }
        let turns = match devices {
            _ if 2 * self.batch.outputs > self.batch.tokens => TURNS_BEFORE_OUTPUTS,
            0 | 1 => TURNS,
            _ => TURNS_ON_SEVERAL,
        };
        let mut built: Vec<usize> = Vec::new();
        for il in layers {
            built.push(il);
            let kind = |from_end: usize| {
                let il = built[built.len() - 1 - from_end];
                (kinds[il], self.places[il])
            };
            let turn = (2..=MAX_BLOCK).step_by(2).find(|block| {
                let turns = block * (turns + 1);
                turns <= built.len() && (0..turns - block).all(|i| kind(i) == kind(i + block))
            });
            if let Some(block) = turn {
                built.truncate(built.len() - block);
            }
        }
        built
    }

    /// Whether a layer reads the cache of a layer on another backend, of which it gets a copy.
    fn borrows_caches(&self) -> bool {
        let place = |il: usize| self.places[il];
        (0..self.kinds.len()).any(|il| place(il) != place(cache_layer(self.architecture, il)))
    }

    /// Returns a number for each layer that is equal for equal layers, wherever they are.
    fn kinds(&self) -> Vec<usize> {
        let traits: Vec<_> = (0..self.kinds.len())
            .map(|il| {
                let there = (self.place(il).1, self.rotates(il), self.host_bytes(il));
                (self.kinds[il], there, self.adds_image_features(il))
            })
            .collect();
        let mut first: Vec<usize> = Vec::new();
        let mut kind = |il: usize| {
            first.iter().position(|f| traits[*f] == traits[il]).unwrap_or_else(|| {
                first.push(il);
                first.len() - 1
            })
        };
        (0..traits.len()).map(&mut kind).collect()
    }

    /// Returns the layers without those of devices whose layers, and the one after them, are of the
    /// same `kinds` in the same order as those of a device before: what such a device computes, it
    /// computes in the same memory.
    ///
    /// The first device also computes with copies of host weights, the first one with a kind of layer
    /// what all of that kind share; the device of the last layer and that of the head end the graph.
    /// A device that uses the tokens that a layer on another one picked lets them live there longer.
    /// Where convolutions gather their states ahead of the layer before, devices take turns.
    fn on_distinct_devices(&mut self, kinds: &[usize]) -> Vec<usize> {
        let layers = &self.architecture.layers;
        let depends = |layer: &Layer| match &layer.mixer {
            Mixer::Mla(m) => m.reach == AttentionSpan::Sparse && m.indexer.is_none(),
            mixer => {
                matches!(mixer, Mixer::Mamba1(_) | Mixer::ShortConv { .. })
                    || mixer.mamba2().is_some()
            }
        };
        let all: Vec<usize> = (0..layers.len()).collect();
        let (Some(last), false) = (all.last(), layers.iter().any(depends)) else { return all };
        let ends = [0, self.host, self.places[*last], self.places[layers.len()]];
        let mut known: Vec<&[usize]> = Vec::new();
        let mut kept = Vec::new();
        for run in all.chunk_by(|a, b| self.places[*a] == self.places[*b]) {
            let of = |run: &[usize]| kinds.get(run[0]..=run[0] + run.len());
            let place = self.places[run[0]];
            let may_be_like = !ends.contains(&place)
                && run.iter().all(|il| *il > 0 && !self.adds_image_features(*il));
            let like = known.iter().find(|known| may_be_like && of(known) == of(run));
            match like {
                Some(known) => self.graph.is_like(place, self.places[known[0]]),
                None => {
                    kept.extend_from_slice(run);
                    let is_known = |il: &usize| kinds[..run[0]].contains(&kinds[*il]);
                    if may_be_like && run.iter().all(is_known) {
                        known.push(run);
                    }
                }
            }
        }
        kept
    }

    // Placement.

    /// The backend of a repeating layer, and whether its experts are on the host.
    fn place(&self, il: usize) -> (Backend, bool) {
        (self.places[il], (il as u64) < self.placement.host_expert_layers)
    }

    /// A number that identifies the sizes of a layer's host weights.
    fn host_bytes(&self, il: usize) -> u64 {
        let (backend, host_experts) = self.place(il);
        if backend != self.host && !host_experts {
            return 0;
        }
        let hash = |sum: u64, bytes: u64| sum.wrapping_mul(31).wrapping_add(bytes);
        self.host_weights(Some(il)).fold(0, |sum, (_, bytes)| hash(sum, bytes))
    }

    /// The host weights of a layer (or those outside the layers), with the bytes that a copy takes on
    /// a device.
    fn host_weights(&self, il: Option<usize>) -> impl Iterator<Item = (Role, u64)> {
        let range = match il {
            // Of a layer on a device none is on the host, but for its experts.
            Some(il)
                if self.place(il) == (self.places[il], false) && self.places[il] != self.host =>
            {
                0..0
            }
            Some(il) => self.weights_of.get(il + 1).cloned().unwrap_or_default(),
            None => self.weights_of.first().cloned().unwrap_or_default(),
        };
        let weights = self.weights.get(range).unwrap_or_default().iter();
        let layer = il.map(|il| il as u64);
        weights
            .filter(move |weight| weight.tensor.layer.map(u64::from) == layer)
            .map(|weight| (weight.tensor.role, weight.on_device()))
    }

    /// Adds a weight; its size is looked up only if a device may get a copy of it.
    fn weight(&mut self, il: impl Into<Option<usize>>, role: Role) -> Id {
        let il = il.into();
        let layer = self.placement.layer_of(self.architecture, role, il.map(|il| il as u64));
        let backend = layer.and_then(|il| self.places.get(il as usize)).copied();
        let backend = backend.unwrap_or(self.host);
        if backend != self.host || self.host == 0 {
            return self.placeholder[usize::from(backend)];
        }
        let stored = match role {
            Role::Output if self.architecture.tied_embeddings => Role::TokenEmbd,
            role => role,
        };
        if self.copied.0 != il {
            self.copied = (il, Vec::new());
        }
        if let Some((_, weight)) = self.copied.1.iter().find(|(known, _)| *known == role) {
            return *weight;
        }
        let known = self.host_weights(il).find(|(role, _)| *role == stored);
        let bytes = known.map_or(0, |(_, bytes)| bytes);
        let weight = self.graph.weight(backend, bytes);
        self.copied.1.push((role, weight));
        weight
    }

    /// Adds a cache or state of a layer.
    fn state(&mut self, il: usize) -> Id {
        let (backend, _) = self.place(cache_layer(self.architecture, il));
        self.graph.state(backend)
    }

    // Elementary operations.

    /// Multiplies `x` by a matrix of the model.
    fn project(&mut self, x: Id, il: impl Into<Option<usize>>, role: Role, rows: u64) -> Id {
        let weight = self.weight(il, role);
        self.graph.mul_mat(weight, x, rows)
    }

    /// Combines each column of `x` with a vector of the model: a bias, or the weight of a norm.
    fn times(&mut self, x: Id, il: impl Into<Option<usize>>, role: Role) -> Id {
        let weight = self.weight(il, role);
        self.graph.in_place(&[x, weight])
    }

    /// Applies the model's kind of norm.
    fn norm(&mut self, x: Id, il: impl Into<Option<usize>>, role: Role) -> Id {
        let il = il.into();
        match self.architecture.norm {
            NormKind::Rms => self.rms(x, il, role),
            NormKind::Layer => self.layer_norm(x, il, &[Some(role), role.bias()]),
            NormKind::LayerNoBias => self.layer_norm(x, il, &[Some(role)]),
            NormKind::NonParametric => self.layer_norm(x, il, &[]),
        }
    }

    /// Applies an RMS norm with a weight.
    fn rms(&mut self, x: Id, il: impl Into<Option<usize>>, role: Role) -> Id {
        let normed = self.graph.in_place(&[x]);
        self.times(normed, il, role)
    }

    /// Applies a layer norm with `weights`.
    fn layer_norm(&mut self, x: Id, il: impl Into<Option<usize>>, weights: &[Option<Role>]) -> Id {
        let il = il.into();
        let shape = self.graph.shape(x);
        let normed = self.graph.fresh(shape, F32, &[x]);
        let weights = weights.iter().flatten();
        weights.fold(normed, |normed, role| self.times(normed, il, *role))
    }

    fn add(&mut self, a: Id, b: Id) -> Id {
        self.graph.in_place(&[a, b])
    }

    /// Picks rows of `x` by index.
    fn pick(&mut self, x: Id, rows: Id) -> Id {
        let [width, ..] = self.graph.shape(x);
        let [n, ..] = self.graph.shape(rows);
        self.look_up(x, rows, [width, n, 1, 1])
    }

    /// Picks the rows of `x` that become logits, if the family picks them at `place`. `last` says
    /// whether this is the last layer.
    fn picked(&mut self, x: Id, place: OutputRows, last: bool) -> Id {
        match last && self.family.rows == place {
            true => self.pick(x, self.inputs.output_rows),
            false => x,
        }
    }

    /// Looks up rows of a table or tensor by index.
    fn look_up(&mut self, table: Id, rows: Id, shape: [u64; 4]) -> Id {
        let picked = self.graph.fresh(shape, F32, &[table, rows]);
        self.graph.with_rows(picked, 0)
    }

    /// Copies `x` to contiguous memory.
    fn cont(&mut self, x: Id, shape: [u64; 4]) -> Id {
        self.graph.fresh(shape, F32, &[x])
    }

    /// Applies an activation, or another element-wise function.
    fn map(&mut self, x: Id) -> Id {
        self.graph.in_place(&[x])
    }

    // Layers.

    fn layer(&mut self, il: usize, x: Id, last: bool, per_layer: Option<PerLayer>) -> Id {
        let layer = &self.architecture.layers[il];
        let has = |role| layer.norms.contains(&role);
        let first = |roles: &[Role]| roles.iter().copied().find(|role| has(*role));
        let after_ffn = first(&[Role::PostFfwNorm, Role::LayerOutputNorm]);
        // A norm named after attention is the one before the feed-forward block, unless that has
        // its own norm or one after it.
        let named_after = first(&[Role::PostAttentionNorm, Role::AttnOutputNorm]);
        let sandwiched = has(Role::FfnNorm) || after_ffn.is_some();
        let after_mixer = named_after.filter(|_| sandwiched);
        let before_ffn = match has(Role::FfnNorm) {
            true => Some(Role::FfnNorm),
            false => named_after.filter(|_| !sandwiched),
        };

        let h = match has(Role::AttnNorm) {
            true => self.norm(x, il, Role::AttnNorm),
            false => x,
        };
        if layer.mixer == Mixer::None {
            return match layer.ffn {
                Ffn::None => x,
                _ => {
                    let h = match before_ffn {
                        Some(role) => self.norm(x, il, role),
                        None => h,
                    };
                    let out = self.ffn(il, &layer.ffn, h);
                    self.add(out, x)
                }
            };
        }
        let mixer_input = match has(Role::AttnNorm2) && layer.parallel {
            true => self.norm(x, il, Role::AttnNorm2),
            false => h,
        };
        let mixed = self.mixer(il, &layer.mixer, mixer_input, x);
        let residual = if self.family.normed_residual { h } else { x };
        let mut mixed = self.picked(mixed, OutputRows::InLastLayer, last);
        let mut residual = self.picked(residual, OutputRows::InLastLayer, last);
        let mut ffn_input = h;
        if layer.parallel && before_ffn.is_none() {
            ffn_input = self.picked(ffn_input, OutputRows::InLastLayer, last);
        }
        let out = if layer.parallel || self.family.parallel {
            if let Some(role) = before_ffn {
                ffn_input = self.norm(residual, il, role);
            }
            let out = self.ffn(il, &layer.ffn, ffn_input);
            let [a, b, c] = match self.family.parallel_sum {
                ParallelSum::FfnResidualMixer => [out, residual, mixed],
                ParallelSum::FfnMixerResidual => [out, mixed, residual],
                ParallelSum::MixerFfnResidual => [mixed, out, residual],
            };
            let sum = self.add(a, b);
            self.add(sum, c)
        } else {
            if let Some(role) = after_mixer {
                mixed = self.norm(mixed, il, role);
            }
            let before = residual;
            residual = match self.family.residual_first {
                true => self.add(residual, mixed),
                false => self.add(mixed, residual),
            };
            residual = self.picked(residual, OutputRows::AfterResidual, last);
            if layer.ffn == Ffn::None {
                return residual;
            }
            if has(Role::FfnNormExps) {
                return self.dense_then_experts(il, residual, before);
            }
            let mut out = match (has(Role::FfnPreNorm2), before_ffn) {
                (true, _) => self.dense_and_experts(il, residual),
                (false, Some(role)) => {
                    let h = self.norm(residual, il, role);
                    if self.family.normed_residual {
                        residual = h;
                    }
                    self.ffn(il, &layer.ffn, h)
                }
                (false, None) => self.ffn(il, &layer.ffn, residual),
            };
            if let Some(role) = after_ffn {
                out = self.norm(out, il, role);
            }
            match self.family.ffn_residual_first {
                true => self.add(residual, out),
                false => self.add(out, residual),
            }
        };
        let out = self.add_image_features(il, out);
        let out = match per_layer {
            Some(inputs) => self.add_per_layer_input(il, out, inputs),
            None => out,
        };
        match layer.extra.iter().any(|t| t.role == Role::LayerOutputScale) {
            true => self.times(out, il, Role::LayerOutputScale),
            false => out,
        }
    }

    /// Builds a layer with a norm after each of its blocks.
    fn encoder_layer(&mut self, il: usize, x: Id, last: bool) -> Id {
        let layer = &self.architecture.layers[il];
        let mixed = self.mixer(il, &layer.mixer, x, x);
        let mixed = self.picked(mixed, OutputRows::InLastLayer, last);
        let x = self.picked(x, OutputRows::InLastLayer, last);
        let sum = self.add(mixed, x);
        let h = self.norm(sum, il, Role::AttnOutputNorm);
        let out = self.ffn(il, &layer.ffn, h);
        let sum = self.add(out, h);
        self.norm(sum, il, Role::LayerOutputNorm)
    }

    /// Builds the token mixer of a layer. `x` is the layer's input after the norm, `raw` before it.
    fn mixer(&mut self, il: usize, mixer: &'a Mixer, x: Id, raw: Id) -> Id {
        match mixer {
            Mixer::Attention(a) => self.attention(il, a, x),
            Mixer::Mla(m) => self.mla(il, m, x),
            Mixer::Compressed(c) => self.compressed(il, c, x),
            Mixer::GatedDeltaNet(g) => self.gated_delta_net(il, g, x),
            Mixer::Kda(k) => self.kda(il, k, x),
            Mixer::Lightning(l) => self.lightning(il, l, x),
            Mixer::Mamba1(m) => self.mamba1(il, m, x),
            Mixer::Mamba2(m) => self.mamba2(il, m, x),
            Mixer::ShortConv { kernel } => self.short_conv(il, *kernel, x),
            Mixer::AttentionAndMamba2(a, m) => {
                let attention = self.attention(il, a, x);
                let again = self.norm(raw, il, Role::AttnNorm);
                let state_space = self.mamba2(il, m, again);
                self.add(attention, state_space)
            }
            Mixer::None => x,
        }
    }
}

/// The layer whose cache layer `il` uses: its own, or that of the last layer before it that has a
/// cache with the same reach.
pub(super) fn cache_layer(architecture: &Architecture, il: usize) -> usize {
    let layers = &architecture.layers;
    let Some(Attention { kv_source: KvSource::Shared { .. }, reach, .. }) =
        layers[il].mixer.attention()
    else {
        return il;
    };
    let has_cache = |layer: &Layer| {
        let attention = layer.mixer.attention();
        attention.is_some_and(|a| a.kv_source == KvSource::Own && a.reach == *reach)
    };
    layers[..il].iter().rposition(has_cache).unwrap_or(il)
}

/// Where in `weights` the first and the last outside of the layers are, and those of each layer.
fn weights_of(architecture: &Architecture, weights: &[Weight]) -> Vec<Range<usize>> {
    let mut ranges = vec![0..0; architecture.layers.len() + 1];
    for (i, weight) in weights.iter().enumerate() {
        // An MTP layer of the file is none of these.
        if let Some(range) = ranges.get_mut(weight.tensor.layer.map_or(0, |il| il as usize + 1)) {
            let start = if range.end == 0 { i } else { range.start };
            *range = start..i + 1;
        }
    }
    ranges
}
