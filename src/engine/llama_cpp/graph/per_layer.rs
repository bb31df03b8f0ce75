//! Gemma 3n and Gemma 4: embeddings for every layer, and parallel residual streams.

use super::{Builder, F32, I32};
use crate::architecture::Role;
use crate::engine::llama_cpp::ggml::Id;

/// Number of first layers in which Gemma 3n sparsifies activations.
const SPARSE_LAYERS: usize = 10;

/// The per-layer inputs of all layers.
#[derive(Clone, Copy)]
pub(super) struct PerLayer {
    inputs: Id,
    width: u64,
}

impl Builder<'_> {
    fn extra_shape(&self, role: Role) -> Option<[u64; 3]> {
        let extra = self.architecture.extras.tensors.iter().find(|t| t.role == role);
        extra.map(|t| t.shape.0)
    }

    /// The per-layer embeddings of the batch plus a projection of its embeddings `x`.
    pub(super) fn per_layer_inputs(&mut self, x: Id) -> Option<PerLayer> {
        let [width, ..] = self.extra_shape(Role::PerLayerProjNorm)?;
        let (t, layers) = (self.tokens, self.architecture.n_layers());
        let all = width * layers;
        let table = self.weight(None, Role::PerLayerTokenEmbd);
        let tokens = self.graph.input([t, 1, 1, 1], I32);
        let embedded = self.look_up(table, tokens, [all, t, 1, 1]);
        let embedded = self.graph.view(embedded, [width, layers, t, 1]);
        let embedded = self.map(embedded);
        self.graph.expand(embedded);
        let projected = self.project(x, None, Role::PerLayerModelProj, all);
        let projected = self.map(projected);
        let projected = self.graph.view(projected, [width, layers, t, 1]);
        let projected = self.rms(projected, None, Role::PerLayerProjNorm);
        let sum = self.add(projected, embedded);
        let inputs = self.cont(sum, [width, t, layers, 1]);
        Some(PerLayer { inputs, width })
    }

    /// Combines `x` with the layer's own input.
    fn per_layer_output(&mut self, il: usize, x: Id, per_layer: PerLayer) -> Id {
        let PerLayer { inputs, width } = per_layer;
        let gate = self.project(x, il, Role::PerLayerInpGate, width);
        let gate = self.map(gate);
        let own = self.graph.view(inputs, [width, self.tokens, 1, 1]);
        let gated = self.graph.in_place(&[gate, own]);
        let out = self.project(gated, il, Role::PerLayerProj, self.width);
        self.rms(out, il, Role::PerLayerPostNorm)
    }

    pub(super) fn add_per_layer_input(&mut self, il: usize, x: Id, per_layer: PerLayer) -> Id {
        let out = self.per_layer_output(il, x, per_layer);
        self.add(x, out)
    }

    // Several residual streams: layers read one, the others are predicted from it and corrected
    // afterwards (AltUp).

    /// Whether there are several residual streams.
    pub(super) fn is_widened(&self) -> bool {
        self.extra_shape(Role::AltupProj).is_some()
    }

    /// Number of residual streams.
    fn streams(&self) -> u64 {
        self.extra_shape(Role::AltupProj).map_or(1, |[_, _, added]| added.saturating_add(1))
    }

    /// The stream that the layers read.
    fn active(&mut self, streams: Id) -> Id {
        self.graph.view(streams, [self.width, self.tokens, 1, 1])
    }

    /// The magnitude of each column.
    fn magnitude(&mut self, x: Id) -> Id {
        let [_, n, p, q] = self.graph.shape(x);
        let squares = self.map(x);
        let sum = self.graph.fresh([1, n, p, q], F32, &[squares]);
        self.map(sum)
    }

    /// Expands the first stream to all of them.
    pub(super) fn widen(&mut self, x: Id) -> Id {
        if !self.is_widened() {
            return x;
        }
        let (width, t, n) = (self.width, self.tokens, self.streams());
        let target = self.magnitude(x);
        let repeated = self.graph.fresh([width, t, n - 1, 1], F32, &[x]);
        let added = self.project(repeated, None, Role::AltupProj, width);
        let added = self.scaled_to(added, target);
        self.graph.fresh([width, t, n, 1], F32, &[x, added])
    }

    fn scaled_to(&mut self, x: Id, target: Id) -> Id {
        let own = self.magnitude(x);
        let scaled = self.graph.in_place(&[x, target]);
        self.graph.in_place(&[scaled, own])
    }

    /// Averages the streams and picks the rows that become logits.
    pub(super) fn narrow(&mut self, x: Id) -> Id {
        if !self.is_widened() {
            return x;
        }
        let (width, t, n) = (self.width, self.tokens, self.streams());
        let first = self.active(x);
        let target = self.magnitude(first);
        let others = self.graph.view(x, [width, t, n - 1, 1]);
        let others = self.project(others, None, Role::AltupUnembdProj, width);
        let others = self.scaled_to(others, target);
        let mut sum = self.active(x);
        for _ in 1..n {
            let other = self.active(others);
            sum = self.add(sum, other);
        }
        self.pick(sum, self.inputs.output_rows)
    }

    /// Builds a layer over all streams.
    pub(super) fn widened_layer(&mut self, il: usize, x: Id, per_layer: Option<PerLayer>) -> Id {
        let (width, t, n) = (self.width, self.tokens, self.streams());
        let architecture = self.architecture;
        let layer = &architecture.layers[il];
        let predicted = self.predict(il, x);
        let active = self.active(predicted);
        let h = self.rms(active, il, Role::AttnNorm);
        let rank = layer.extra.iter().find(|t| t.role == Role::LaurelL).map_or(0, |t| t.shape.0[1]);
        let low = self.project(h, il, Role::LaurelL, rank);
        let laurel = self.project(low, il, Role::LaurelR, width);
        let laurel = self.rms(laurel, il, Role::LaurelPostNorm);
        let laurel = self.add(laurel, h);
        let mixed = self.mixer(il, &layer.mixer, h, active);
        let mixed = self.rms(mixed, il, Role::PostAttentionNorm);
        let mixed = self.add(mixed, active);
        let residual = self.add(mixed, laurel);
        let h = self.rms(residual, il, Role::FfnNorm);
        let out = self.sparse_ffn(il, h);
        let out = self.rms(out, il, Role::PostFfwNorm);
        let out = self.add(out, residual);

        let corrected = self.correct(il, predicted, out);
        let Some(per_layer) = per_layer else { return corrected };
        let first = self.active(corrected);
        let first = self.times(first, il, Role::AltupCorrectScale);
        let first = self.per_layer_output(il, first, per_layer);
        let kept = self.active(corrected);
        let others = self.graph.view(corrected, [width, t, n - 1, 1]);
        let others = self.graph.in_place(&[others, first]);
        self.graph.fresh([width, t, n, 1], F32, &[kept, others])
    }

    /// The weight of each stream.
    fn route_streams(&mut self, il: usize, x: Id) -> Id {
        let normed = self.rms(x, il, Role::AltupRouterNorm);
        let routed = self.project(normed, il, Role::AltupRouter, self.streams());
        self.map(routed)
    }

    fn predict(&mut self, il: usize, x: Id) -> Id {
        let (width, t, n) = (self.width, self.tokens, self.streams());
        let active = self.active(x);
        let routed = self.route_streams(il, active);
        let mix = self.project(routed, il, Role::AltupPredictCoef, n * n);
        let mix = self.graph.view(mix, [n, n, t, 1]);
        let turned = self.cont(x, [n, width, t, 1]);
        let mixed = self.graph.mul_mat(turned, mix, width);
        let predicted = self.cont(mixed, [width, t, n, 1]);
        self.add(predicted, x)
    }

    fn correct(&mut self, il: usize, predicted: Id, activated: Id) -> Id {
        let (width, t, n) = (self.width, self.tokens, self.streams());
        let routed = self.route_streams(il, activated);
        let active = self.active(predicted);
        let news = self.graph.in_place(&[activated, active]);
        let mix = self.project(routed, il, Role::AltupCorrectCoef, n);
        let mix = self.map(mix);
        let mix = self.cont(mix, [1, t, n, 1]);
        let news = self.graph.fresh([width, t, n, 1], F32, &[news]);
        let corrected = self.graph.in_place(&[news, mix]);
        self.add(corrected, predicted)
    }

    fn sparse_ffn(&mut self, il: usize, x: Id) -> Id {
        let Some(dense) = self.architecture.layers[il].ffn.dense() else { return x };
        let up = self.project(x, il, Role::FfnUp, dense.intermediate_size);
        let mut gate = self.project(x, il, Role::FfnGate, dense.intermediate_size);
        if il < SPARSE_LAYERS {
            let t = self.tokens;
            let mean = self.graph.fresh([1, t, 1, 1], F32, &[gate]);
            let deviation = self.graph.in_place(&[gate, mean]);
            let deviation = self.magnitude(deviation);
            let cut = self.add(mean, deviation);
            gate = self.graph.in_place(&[gate, cut]);
        }
        let gate = self.map(gate);
        let activated = self.graph.in_place(&[up, gate]);
        self.project(activated, il, Role::FfnDown, self.width)
    }
}
