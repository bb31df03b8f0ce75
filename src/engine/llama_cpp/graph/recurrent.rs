//! Token mixers with a state of fixed size: delta nets, lightning attention, Mamba, short
//! convolutions.

use super::{Builder, F32};
use crate::architecture::{GatedDeltaNet, Kda, Lightning, Mamba1, Mamba2, Role};
use crate::engine::llama_cpp::ggml::Id;

impl Builder<'_> {
    /// Tokens per sequence of the batch.
    fn per_sequence(&self) -> u64 {
        self.tokens / self.sequences
    }

    // States of the sequences.

    /// Gathers the states of the batch's sequences from a cache with `values` each.
    fn gather(&mut self, state: Id, values: u64) -> Id {
        let s = self.sequences;
        self.clear(state);
        let all = self.graph.spread_view(state, [values, s, 1, 1], 0);
        let gathered = self.look_up(all, self.inputs.states, [values, s, 1, 1]);
        let seen = self.graph.view(gathered, [values, s, 1, 1]);
        self.graph.expand(seen);
        // States of sequences outside the batch, which never include the first sequence's.
        let others = self.graph.view(gathered, [values, 0, 1, 1]);
        self.save(state, others);
        seen
    }

    /// Clears the state that a new sequence starts from.
    fn clear(&mut self, state: Id) {
        let cleared = self.graph.store(state, &[]);
        self.graph.expand(cleared);
    }

    fn save(&mut self, state: Id, value: Id) {
        let stored = self.graph.store(state, &[value]);
        self.graph.expand(stored);
    }

    // Convolutions.

    /// Prepends the last `taps` values of each channel to the new values, and saves the new last
    /// ones.
    fn conv_input(&mut self, state: Id, old: Id, x: Id, taps: u64, channels: u64) -> Id {
        let (s, per) = (self.sequences, self.per_sequence());
        let turned = self.graph.view(x, [per, channels, s, 1]);
        let input = self.graph.fresh([taps + per, channels, s, 1], F32, &[old, turned]);
        // The saved values are as far apart as the channels.
        let rows = channels.saturating_mul(s).saturating_sub(1);
        let values = rows.saturating_mul(taps + per).saturating_add(taps);
        let bytes = values.saturating_mul(u64::from(F32));
        let last = self.graph.spread_view(input, [taps, channels, s, 1], bytes);
        self.save(state, last);
        input
    }

    /// The convolution state of a layer and its content.
    fn conv_state(&mut self, il: usize, taps: u64, channels: u64) -> (Id, Id) {
        let state = self.state(il);
        let old = self.gather(state, taps * channels);
        (state, self.graph.view(old, [taps, channels, self.sequences, 1]))
    }

    fn conv(&mut self, il: usize, role: Role, input: Id, channels: u64) -> Id {
        let kernel = self.weight(il, role);
        let shape = [channels, self.per_sequence(), self.sequences, 1];
        self.graph.fresh(shape, F32, &[input, kernel])
    }

    // Delta nets.

    pub(super) fn gated_delta_net(&mut self, il: usize, g: &GatedDeltaNet, x: Id) -> Id {
        let (t, s, per) = (self.tokens, self.sequences, self.per_sequence());
        let GatedDeltaNet { key_heads, key_head_dim, value_heads, value_head_dim, .. } = *g;
        let values = value_heads * value_head_dim;
        let channels = 2 * key_heads * key_head_dim + values;
        self.graph.expand(x);

        let qkv = self.project(x, il, Role::AttnQkv, channels);
        let qkv = self.graph.view(qkv, [channels, per, s, 1]);
        let z = self.project(x, il, Role::AttnGate, values);
        let (beta, a);
        if g.fused_ba {
            let both = self.project(x, il, Role::SsmBa, 2 * value_heads);
            let b = self.graph.part(both, value_heads, [value_heads, per, s, 1]);
            let b = self.cont(b, [value_heads, per, s, 1]);
            beta = self.map(b);
            let view = self.graph.part(both, value_heads, [value_heads, per, s, 1]);
            a = self.cont(view, [value_heads, per, s, 1]);
        } else {
            let b = self.project(x, il, Role::SsmBeta, value_heads);
            let b = self.graph.view(b, [1, value_heads, per, s]);
            beta = self.map(b);
            let alpha = self.project(x, il, Role::SsmAlpha, value_heads);
            a = self.graph.view(alpha, [value_heads, per, s, 1]);
        }
        let gate = self.times(a, il, Role::SsmDtBias);
        let gate = self.times(gate, il, Role::SsmA);
        let beta = self.graph.view(beta, [1, value_heads, per, s]);
        let gate = self.graph.view(gate, [1, value_heads, per, s]);

        let taps = g.conv_kernel.saturating_sub(1);
        let (conv_state, old) = self.conv_state(il, taps, channels);
        let input = self.conv_input(conv_state, old, qkv, taps, channels);
        let state = self.state(il);
        let old = self.gather(state, key_head_dim * values);
        let old = self.graph.view(old, [value_head_dim, key_head_dim, value_heads, s]);
        let mixed = self.conv(il, Role::SsmConv1d, input, channels);
        let mixed = self.map(mixed);
        let mut heads = [0, 1].map(|_| {
            let head = [key_head_dim, key_heads, per, s];
            let head = self.graph.part(mixed, key_heads * key_head_dim, head);
            self.unit_length(head)
        });
        let v = self.graph.part(mixed, values, [value_head_dim, value_heads, per, s]);
        if self.family.repeats_keys && key_heads != value_heads {
            heads = heads.map(|head| {
                let flat = self.graph.view(head, [key_head_dim, 1, key_heads, t]);
                let times = value_heads / key_heads.max(1);
                let repeated = self.graph.fresh([key_head_dim, times, key_heads, t], F32, &[flat]);
                self.graph.view(repeated, [key_head_dim, value_heads, per, s])
            });
        }
        let [q, k] = heads;
        let output = self.delta_rule(state, [q, k, v, gate, beta, old]);
        let z = self.graph.view(z, [value_head_dim, value_heads, per, s]);
        let normed = self.rms(output, il, Role::SsmNorm);
        let z = self.map(z);
        let gated = self.graph.in_place(&[normed, z]);
        let flat = self.graph.view(gated, [values, per, s, 1]);
        let out = self.project(flat, il, Role::SsmOut, self.width);
        self.graph.view(out, [self.width, t, 1, 1])
    }

    /// Kimi delta attention: convolutions for queries, keys and values, and a decay for every
    /// channel of a key.
    pub(super) fn kda(&mut self, il: usize, k: &Kda, x: Id) -> Id {
        let (t, s, per) = (self.tokens, self.sequences, self.per_sequence());
        let Kda { heads, head_dim, .. } = *k;
        let width = heads * head_dim;
        let per_head = [head_dim, heads, per, s];
        if !self.family.gathers_first {
            self.graph.expand(x);
        }

        let taps = k.conv_kernel.saturating_sub(1);
        let (conv_state, old) = self.conv_state(il, taps, 3 * width);
        let parts = [
            (Role::AttnQ, Role::SsmConv1dQ),
            (Role::AttnK, Role::SsmConv1dK),
            (Role::AttnV, Role::SsmConv1dV),
        ];
        let [q, key, v] = parts.map(|(projection, conv)| {
            let bytes = taps.saturating_mul(width).saturating_mul(3 * s).saturating_mul(4);
            let old = self.graph.spread_view(old, [taps, width, s, 1], bytes);
            let new = self.project(x, il, projection, width);
            let new = self.graph.view(new, [width, per, s, 1]);
            let input = self.conv_input(conv_state, old, new, taps, width);
            let mixed = self.conv(il, conv, input, width);
            let flat = self.graph.view(mixed, [width, t, 1, 1]);
            let activated = self.map(flat);
            self.graph.view(activated, per_head)
        });
        let decay = self.low_rank(il, x, [Role::SsmFA, Role::SsmFB], k.full_rank_decay, k);
        let decay = self.times(decay, il, Role::SsmDtBias);
        let decay = self.map(decay);
        let decay = self.graph.view(decay, [head_dim, heads, t, 1]);
        let decay = self.times(decay, il, Role::SsmA);
        let decay = self.graph.view(decay, per_head);
        let beta = self.project(x, il, Role::SsmBeta, heads);
        let beta = self.graph.view(beta, [1, heads, per, s]);
        let beta = self.map(beta);

        let state = self.state(il);
        let old = self.gather(state, head_dim * width);
        let old = self.graph.view(old, [head_dim, head_dim, heads, s]);
        let [q, key] = [q, key].map(|head| self.unit_length(head));
        let output = self.delta_rule(state, [q, key, v, decay, beta, old]);
        let output = self.cont(output, per_head);
        let output = self.graph.view(output, [head_dim, heads, t, 1]);
        let normed = self.rms(output, il, Role::SsmNorm);
        let gate = self.low_rank(il, x, [Role::SsmGA, Role::SsmGB], k.full_rank_gate, k);
        let gate = self.graph.view(gate, [head_dim, heads, t, 1]);
        let gate = self.map(gate);
        let gated = self.graph.in_place(&[normed, gate]);
        let flat = self.cont(gated, [width, t, 1, 1]);
        self.project(flat, il, Role::AttnOutput, self.width)
    }

    /// A projection to all channels, either direct or through the size of a head.
    fn low_rank(&mut self, il: usize, x: Id, [down, up]: [Role; 2], full: bool, k: &Kda) -> Id {
        let width = k.heads * k.head_dim;
        if full {
            return self.project(x, il, down, width);
        }
        let low = self.project(x, il, down, k.head_dim);
        self.project(low, il, up, width)
    }

    /// Scales heads to unit length.
    fn unit_length(&mut self, head: Id) -> Id {
        let normed = self.map(head);
        self.map(normed)
    }

    /// The delta rule over queries, keys, values, decay, beta and old state. Returns the output and
    /// saves the new state.
    fn delta_rule(&mut self, state: Id, operands: [Id; 6]) -> Id {
        let [value_head_dim, key_head_dim, heads, s] = self.graph.shape(operands[5]);
        let values = value_head_dim * heads;
        let rows = self.tokens + key_head_dim * s;
        let result = self.graph.fresh([values, rows, 1, 1], F32, &operands);
        let output = [value_head_dim, heads, self.per_sequence(), s];
        let output = self.graph.view(result, output);
        let new = self.graph.view(result, [key_head_dim * values, s, 1, 1]);
        self.save(state, new);
        output
    }

    /// Lightning attention: a decayed sum within the batch, and one over all previous tokens.
    pub(super) fn lightning(&mut self, il: usize, l: &Lightning, x: Id) -> Id {
        let (s, per) = (self.sequences, self.per_sequence());
        let Lightning { heads, head_dim } = *l;
        let width = heads * head_dim;
        let decays = self.inputs.decays;
        // An empty convolution state is gathered nonetheless.
        let (_, convolution) = self.conv_state(il, 0, 0);
        self.graph.expand(convolution);
        let slope = self.map(decays.slopes);
        let x = self.graph.view(x, [self.width, per, 1, s]);
        let qkv = self.project(x, il, Role::AttnQkv, 3 * width);
        let qkv = self.map(qkv);
        let qkv = self.graph.view(qkv, [3 * head_dim, heads, per, s]);
        let [q, k, v] = [0; 3].map(|_| self.graph.part(qkv, head_dim, [head_dim, heads, per, s]));
        let state = self.state(il);
        let old = self.gather(state, head_dim * width);
        let old = self.graph.view(old, [head_dim, head_dim, heads, s]);

        let [of_query, of_key, within] =
            [decays.query, decays.key, decays.within].map(|decay| self.power(decay));
        let decayed = self.graph.in_place(&[q, of_query]);
        let decayed = self.graph.view(decayed, [head_dim, per, heads, s]);
        let before = self.graph.mul_mat(old, decayed, head_dim);
        let keys = self.graph.view(k, [head_dim, per, heads, s]);
        let queries = self.graph.view(q, [head_dim, per, heads, s]);
        let scores = self.graph.mul_mat(keys, queries, per);
        let scores = self.graph.in_place(&[scores, within]);
        let values = self.cont(v, [per, head_dim, heads, s]);
        let inside = self.graph.mul_mat(values, scores, head_dim);
        let total = self.add(before, inside);
        self.graph.expand(total);

        let slope = self.power(slope);
        let slope = self.graph.view(slope, [1, 1, heads, 1]);
        let faded = self.graph.in_place(&[old, slope]);
        let keys = self.graph.in_place(&[k, of_key]);
        let keys = self.cont(keys, [per, head_dim, heads, s]);
        let added = self.graph.mul_mat(keys, values, head_dim);
        let new = self.add(faded, added);
        self.save(state, new);

        let out = self.cont(total, [head_dim, heads, per, s]);
        let out = self.graph.view(out, [width, per, 1, s]);
        let normed = self.rms(out, il, Role::AttnNorm2);
        let gate = self.project(x, il, Role::AttnGate, width);
        let gate = self.map(gate);
        let gated = self.graph.in_place(&[gate, normed]);
        let out = self.project(gated, il, Role::AttnOutput, self.width);
        self.graph.view(out, [self.width, self.tokens, 1, 1])
    }

    /// A scaled exponential.
    fn power(&mut self, x: Id) -> Id {
        let scaled = self.map(x);
        self.map(scaled)
    }

    // State-space models.

    pub(super) fn mamba1(&mut self, il: usize, m: &Mamba1, x: Id) -> Id {
        let (t, s, per) = (self.tokens, self.sequences, self.per_sequence());
        let Mamba1 { d_inner, d_state, dt_rank, .. } = *m;
        let taps = m.d_conv.saturating_sub(1);
        let (conv_state, old) = self.conv_state(il, taps, d_inner);
        let x = self.graph.view(x, [self.width, per, s, 1]);
        let xz = self.project(x, il, Role::SsmIn, 2 * d_inner);
        let [x, z] = [0; 2].map(|_| self.graph.part(xz, d_inner, [d_inner, per, s, 1]));
        let input = self.conv_input(conv_state, old, x, taps, d_inner);
        let mut x = self.conv(il, Role::SsmConv1d, input, d_inner);
        if m.conv_bias {
            x = self.times(x, il, Role::SsmConv1dBias);
        }
        let x = self.map(x);
        let parts = self.project(x, il, Role::SsmX, dt_rank + 2 * d_state);
        let mut dt = self.graph.part(parts, dt_rank, [dt_rank, per, s, 1]);
        let [mut b, mut c] = [0; 2].map(|_| self.graph.part(parts, d_state, [d_state, 1, per, s]));
        if m.inner_norms {
            dt = self.rms(dt, il, Role::SsmDtNorm);
            b = self.rms(b, il, Role::SsmBNorm);
            c = self.rms(c, il, Role::SsmCNorm);
        } else {
            dt = self.cont(dt, [dt_rank, per, s, 1]);
        }
        let dt = self.project(dt, il, Role::SsmDt, d_inner);
        let dt = self.times(dt, il, Role::SsmDtBias);
        let inner = self.graph.view(x, [1, d_inner, per, s]);
        let scanned = self.scan(il, d_state * d_inner, [inner, dt, b, c]);
        let y = self.graph.view(scanned, [d_inner, per, s, 1]);
        let skip = self.times(x, il, Role::SsmD);
        let y = self.add(y, skip);
        let z = self.cont(z, [d_inner, per, s, 1]);
        let y = self.graph.fresh([d_inner, per, s, 1], F32, &[z, y]);
        let out = self.project(y, il, Role::SsmOut, self.width);
        self.graph.view(out, [self.width, t, 1, 1])
    }

    pub(super) fn mamba2(&mut self, il: usize, m: &Mamba2, x: Id) -> Id {
        let (t, s, per) = (self.tokens, self.sequences, self.per_sequence());
        let Mamba2 { d_inner, d_state, groups, heads, .. } = *m;
        let shared = groups * d_state;
        let channels = d_inner + 2 * shared;
        let head_dim = d_inner / heads.max(1);
        let taps = m.d_conv.saturating_sub(1);
        let (conv_state, old) = self.conv_state(il, taps, channels);
        let all = 2 * d_inner + 2 * shared + heads;
        let projected = self.project(x, il, Role::SsmIn, all);
        let projected = self.graph.view(projected, [all, per, s, 1]);
        let z = self.graph.part(projected, d_inner, [head_dim, heads, per, s]);
        let xbc = self.graph.part(projected, channels, [channels, per, s, 1]);
        let dt = self.graph.part(projected, heads, [heads, per, s, 1]);
        let input = self.conv_input(conv_state, old, xbc, taps, channels);
        let mut xbc = self.conv(il, Role::SsmConv1d, input, channels);
        if m.conv_bias {
            xbc = self.times(xbc, il, Role::SsmConv1dBias);
        }
        let xbc = self.map(xbc);
        let inner = self.graph.part(xbc, d_inner, [head_dim, heads, per, s]);
        let [b, c] = [0; 2].map(|_| self.graph.part(xbc, shared, [d_state, groups, per, s]));
        let dt = self.cont(dt, [heads, per, s, 1]);
        let dt = self.times(dt, il, Role::SsmDtBias);
        let scanned = self.scan(il, d_state * d_inner, [inner, dt, b, c]);
        let y = self.graph.view(scanned, [head_dim, heads, per, s]);
        let skip = self.times(inner, il, Role::SsmD);
        let y = self.add(y, skip);
        let z = self.cont(z, [head_dim, heads, per, s]);
        let mut y = self.graph.fresh([head_dim, heads, per, s], F32, &[z, y]);
        if m.norm {
            y = self.graph.view(y, [d_inner / groups.max(1), groups, per, s]);
            y = self.rms(y, il, Role::SsmNorm);
        }
        let y = self.graph.view(y, [d_inner, t, 1, 1]);
        self.project(y, il, Role::SsmOut, self.width)
    }

    /// The selective scan of input, time step, B and C. Returns the outputs with the new states
    /// appended, which are saved.
    fn scan(&mut self, il: usize, state_values: u64, [inner, dt, b, c]: [Id; 4]) -> Id {
        let s = self.sequences;
        let [head_dim, heads, per, _] = self.graph.shape(inner);
        let decay = self.weight(il, Role::SsmA);
        let state = self.state(il);
        self.clear(state);
        let (own, others) = (self.inputs.own_states, self.inputs.other_states);
        let rows = self.graph.view(state, [state_values, s, 1, 1]);
        let values = head_dim * heads * per * s + state_values * s;
        let operands = [rows, inner, dt, decay, b, c, own];
        let scanned = self.graph.fresh([values, 1, 1, 1], F32, &operands);
        self.graph.expand(scanned);
        // States of sequences outside the batch, which never include the first sequence's.
        let rest = self.look_up(rows, others, [state_values, s - 1, 1, 1]);
        let kept = self.graph.view(rest, [state_values, 0, 1, 1]);
        self.save(state, kept);
        let new = self.graph.view(scanned, [state_values, s, 1, 1]);
        self.save(state, new);
        scanned
    }

    // Short convolutions.

    pub(super) fn short_conv(&mut self, il: usize, kernel: u64, x: Id) -> Id {
        let (t, s, per) = (self.tokens, self.sequences, self.per_sequence());
        let width = self.width;
        let x = self.graph.view(x, [width, per, s, 1]);
        let bcx = self.project(x, il, Role::ShortConvIn, 3 * width);
        let [b, c, x] = [0; 3].map(|_| self.graph.part(bcx, width, [width, per, s, 1]));
        let bx = self.graph.in_place(&[b, x]);
        let taps = kernel.saturating_sub(1);
        let (state, old) = self.conv_state(il, taps, width);
        let input = self.conv_input(state, old, bx, taps, width);
        let out = self.conv(il, Role::ShortConvConv, input, width);
        let y = self.graph.in_place(&[c, out]);
        let y = self.project(y, il, Role::ShortConvOut, width);
        self.graph.view(y, [width, t, 1, 1])
    }
}
