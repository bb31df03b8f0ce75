//! Feed-forward blocks: dense, and mixtures of experts.

use super::{Builder, F32, I32};
use crate::architecture::{Dense, Ffn, Moe, Role};
use crate::engine::llama_cpp::ggml::Id;

/// Maximum number of experts whose outputs are summed one by one; llama.cpp's limit is higher than
/// any model's.
const MAX_EXPERTS_PER_TOKEN: u64 = 64;

impl Builder<'_> {
    pub(super) fn ffn(&mut self, il: usize, ffn: &Ffn, x: Id) -> Id {
        match ffn {
            Ffn::Dense(dense) => self.dense(il, dense, x),
            Ffn::Moe(moe) => self.moe(il, moe, x, None),
            Ffn::DenseAndMoe(dense, moe) => {
                let experts = self.moe(il, moe, x, None);
                let dense = self.dense(il, dense, x);
                self.add(dense, experts)
            }
            Ffn::None => x,
        }
    }

    pub(super) fn dense(&mut self, il: usize, d: &Dense, x: Id) -> Id {
        let [_, n, p, q] = self.graph.shape(x);
        let width = d.intermediate_size;
        let shape = [width, n, p, q];
        let activated = if d.gated && d.fused_gate_up {
            let both = self.project(x, il, Role::FfnUp, width.saturating_mul(2));
            self.graph.fresh(shape, F32, &[both])
        } else {
            let mut up = self.project(x, il, Role::FfnUp, width);
            if d.bias {
                up = self.times(up, il, Role::FfnUpBias);
            }
            if d.gated {
                let mut gate = self.project(x, il, Role::FfnGate, width);
                if d.bias {
                    gate = self.times(gate, il, Role::FfnGateBias);
                }
                self.graph.fresh(shape, F32, &[gate, up])
            } else {
                self.map(up)
            }
        };
        let down = self.project(activated, il, Role::FfnDown, self.width);
        match d.bias {
            true => self.times(down, il, Role::FfnDownBias),
            false => down,
        }
    }

    /// Routed and shared experts. `logits` are the router's, if it does not read `x`.
    pub(super) fn moe(&mut self, il: usize, m: &Moe, x: Id, logits: Option<Id>) -> Id {
        let [_, n, ..] = self.graph.shape(x);
        let used = m.experts_per_token;
        let width = m.hidden_size;
        let input = match width == self.width {
            true => x,
            false => self.project(x, il, Role::FfnLatentDown, width),
        };
        let (chosen, shares) = self.route(il, m, x, logits);
        let mut input = self.graph.view(input, [width, 1, n, 1]);
        if self.family.weighs_expert_input {
            let repeated = self.graph.fresh([width, used, n, 1], F32, &[input]);
            input = self.graph.in_place(&[repeated, shares]);
        }
        let activated = self.expert_activation(il, m, input, chosen);
        let mut out = self.experts(il, Role::FfnDownExps, activated, chosen, width);
        if m.expert_bias {
            out = self.expert_bias(il, Role::FfnDownExpsBias, out, chosen);
        }
        if !self.family.weighs_expert_input {
            out = self.graph.in_place(&[out, shares]);
        }
        self.graph.expand(out);
        let mut total = self.sum_experts(out, [width, n, 1, 1], used);
        if width != self.width {
            total = self.project(total, il, Role::FfnLatentUp, self.width);
        }
        match m.shared_intermediate_size {
            0 => total,
            _ => {
                let shared = self.shared_expert(il, m, x);
                self.add(total, shared)
            }
        }
    }

    /// The experts of each token and their weights.
    fn route(&mut self, il: usize, m: &Moe, x: Id, logits: Option<Id>) -> (Id, Id) {
        let [_, n, ..] = self.graph.shape(x);
        let used = m.experts_per_token;
        let router = |builder: &mut Self| builder.project(x, il, Role::FfnGateInp, m.experts);
        let mut logits = logits.unwrap_or_else(|| router(self));
        if m.router_linear_bias {
            logits = self.times(logits, il, Role::FfnGateInpBias);
        }
        let probabilities = self.map(logits);
        let ranked = if m.router_bias {
            self.times(probabilities, il, Role::ExpProbsBias)
        } else if self.family.weighs_expert_input {
            logits
        } else {
            probabilities
        };
        let sorted = self.graph.fresh([m.experts, n, 1, 1], I32, &[ranked]);
        let chosen = self.graph.view(sorted, [used, n, 1, 1]);
        let table = self.graph.view(probabilities, [1, m.experts, n, 1]);
        let shares = self.look_up(table, chosen, [1, used, n, 1]);
        let flat = self.graph.view(shares, [used, n, 1, 1]);
        let sum = self.graph.fresh([1, n, 1, 1], F32, &[flat]);
        let shares = self.graph.in_place(&[flat, sum]);
        let shares = self.graph.view(shares, [1, used, n, 1]);
        self.graph.expand(shares);
        (chosen, shares)
    }

    fn expert_activation(&mut self, il: usize, m: &Moe, input: Id, chosen: Id) -> Id {
        let [used, n, ..] = self.graph.shape(chosen);
        let width = m.intermediate_size;
        let shape = [width, used, n, 1];
        if m.gated && m.fused_gate_up {
            let rows = width.saturating_mul(2);
            let both = self.experts(il, Role::FfnGateUpExps, input, chosen, rows);
            let gate = self.graph.view(both, shape);
            let up = self.graph.view(both, shape);
            return self.graph.fresh(shape, F32, &[gate, up]);
        }
        let mut up = self.experts(il, Role::FfnUpExps, input, chosen, width);
        if m.expert_bias {
            up = self.expert_bias(il, Role::FfnUpExpsBias, up, chosen);
        }
        if !m.gated {
            return self.map(up);
        }
        let mut gate = self.experts(il, Role::FfnGateExps, input, chosen, width);
        if m.expert_bias {
            gate = self.expert_bias(il, Role::FfnGateExpsBias, gate, chosen);
        }
        self.graph.fresh(shape, F32, &[gate, up])
    }

    fn experts(&mut self, il: usize, role: Role, x: Id, chosen: Id, rows: u64) -> Id {
        let [used, n, ..] = self.graph.shape(chosen);
        let weight = self.weight(il, role);
        let out = self.graph.fresh([rows, used, n, 1], F32, &[weight, x, chosen]);
        self.graph.with_rows(out, n)
    }

    fn expert_bias(&mut self, il: usize, role: Role, x: Id, chosen: Id) -> Id {
        let bias = self.weight(il, role);
        self.graph.in_place(&[x, bias, chosen])
    }

    /// Sums the outputs of each token's experts.
    fn sum_experts(&mut self, out: Id, shape: [u64; 4], used: u64) -> Id {
        let parts: Vec<Id> = (0..used.min(MAX_EXPERTS_PER_TOKEN))
            .map(|_| {
                let part = self.graph.view(out, shape);
                self.graph.expand(part);
                part
            })
            .collect();
        let Some((first, rest)) = parts.split_first() else { return out };
        if rest.is_empty() {
            return self.cont(*first, shape);
        }
        rest.iter().fold(*first, |sum, part| {
            let sum = self.add(sum, *part);
            self.graph.expand(sum);
            sum
        })
    }

    fn shared_expert(&mut self, il: usize, m: &Moe, x: Id) -> Id {
        let [_, n, ..] = self.graph.shape(x);
        let width = m.shared_intermediate_size;
        let up = self.project(x, il, Role::FfnUpShexp, width);
        let activated = match m.gated {
            true => {
                let gate = self.project(x, il, Role::FfnGateShexp, width);
                self.graph.fresh([width, n, 1, 1], F32, &[gate, up])
            }
            false => self.map(up),
        };
        let out = self.project(activated, il, Role::FfnDownShexp, self.width);
        if !m.shared_gate {
            return out;
        }
        let gate = self.project(x, il, Role::FfnGateInpShexp, 1);
        let gate = self.map(gate);
        self.graph.in_place(&[out, gate])
    }

    /// A dense block on the stream after attention, and experts on the stream before it (Arctic).
    pub(super) fn dense_then_experts(&mut self, il: usize, after: Id, before: Id) -> Id {
        let Ffn::DenseAndMoe(dense, moe) = &self.architecture.layers[il].ffn else {
            return after;
        };
        let h = self.norm(after, il, Role::FfnNorm);
        let out = self.dense(il, dense, h);
        let out = self.add(out, after);
        let h = self.norm(before, il, Role::FfnNormExps);
        let experts = self.moe(il, moe, h, None);
        self.add(experts, out)
    }

    /// A dense block in parallel with experts, each with its own norms (Gemma 4).
    pub(super) fn dense_and_experts(&mut self, il: usize, x: Id) -> Id {
        let Ffn::DenseAndMoe(dense, moe) = &self.architecture.layers[il].ffn else {
            return x;
        };
        let h = self.norm(x, il, Role::FfnNorm);
        let out = self.dense(il, dense, h);
        let out = self.norm(out, il, Role::PostFfwNorm1);
        let h = self.norm(x, il, Role::FfnPreNorm2);
        let routed = self.map(x);
        let routed = self.times(routed, il, Role::FfnGateInpScale);
        let logits = self.project(routed, il, Role::FfnGateInp, moe.experts);
        let experts = self.moe(il, moe, h, Some(logits));
        let experts = self.norm(experts, il, Role::PostFfwNorm2);
        self.add(out, experts)
    }
}
