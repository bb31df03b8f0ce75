//! LoRA adapters: for a projection from `i` to `o` values, an adapter of rank `r` adds a matrix
//! `r x i` and one `o x r` (Hu et al. 2021, arXiv 2106.09685, section 4.1).

use crate::architecture::{Group, Role, Shape, Tensor};
use crate::scenario::LoraTargets;

/// How an engine stores LoRA adapters in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoraMemory {
    /// Bytes of a value, lower bound.
    pub min_value_bytes: u64,
    /// Bytes of a value, expected and upper bound.
    pub value_bytes: u64,
    /// Ranks of the slots reserved for every projection that could be adapted, embedding and head
    /// included; `None` if only the adapters themselves take memory.
    pub slot_ranks: Option<&'static [u64]>,
    /// Source of these figures.
    pub source: &'static str,
}

impl LoraMemory {
    /// Adapters in 16 bits, without reserved slots.
    pub const SIXTEEN_BIT: LoraMemory = LoraMemory {
        min_value_bytes: 2,
        value_bytes: 2,
        slot_ranks: None,
        source: "LoRA (arXiv 2106.09685), in 16 bits",
    };

    /// The rank that memory is reserved for, given adapters of `rank`.
    pub fn reserved_rank(&self, rank: u64) -> u64 {
        let slots = self.slot_ranks.unwrap_or_default();
        slots.iter().copied().find(|slot| rank <= *slot).unwrap_or(rank)
    }
}

/// Dimensions of an adapted projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// Width of the input.
    pub inputs: u64,
    /// Width of the output.
    pub outputs: u64,
    /// Number of projections with these widths: the experts of a layer.
    pub copies: u64,
    /// How tensor parallelism splits the projection.
    pub cut: Cut,
}

/// How tensor parallelism splits a projection and its adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Replicated on every rank.
    Whole,
    /// Split by outputs: the adapter's second matrix is split, its first replicated.
    Outputs,
    /// Split by inputs: the adapter's first matrix is split, its second replicated.
    Inputs,
}

impl Widths {
    /// Number of values of a rank-1 adapter on one of `ranks` tensor-parallel ranks.
    pub fn values(&self, ranks: u64) -> u64 {
        let part = |n: u64| n.div_ceil(ranks.max(1));
        let (inputs, outputs) = match self.cut {
            Cut::Whole => (self.inputs, self.outputs),
            Cut::Outputs => (self.inputs, part(self.outputs)),
            Cut::Inputs => (part(self.inputs), self.outputs),
        };
        inputs.saturating_add(outputs).saturating_mul(self.copies)
    }
}

/// Dimensions of the projection `tensor`, if adapters of `targets` adapt it.
pub fn adapted(tensor: &Tensor, targets: LoraTargets) -> Option<Widths> {
    if tensor.group != Group::Text || tensor.layer.is_none() {
        return None;
    }
    let wanted = match kind(tensor.role)? {
        Kind::Attention => true,
        Kind::Linear => targets != LoraTargets::Attention,
        Kind::Expert => targets == LoraTargets::Experts,
    };
    wanted.then(|| {
        let Shape([a, b, c]) = tensor.shape;
        let (inputs, outputs, copies) = match tensor.role {
            // One projection from the latent to all heads.
            Role::AttnKB => (b, a.saturating_mul(c), 1),
            Role::AttnVB => (a, b.saturating_mul(c), 1),
            _ => (a, b, c),
        };
        Widths { inputs, outputs, copies, cut: cut(tensor.role) }
    })
}

enum Kind {
    Attention,
    Linear,
    Expert,
}

fn kind(role: Role) -> Option<Kind> {
    use Role::*;
    Some(match role {
        AttnQ | AttnK | AttnV | AttnQkv | AttnKv | AttnOutput | AttnOutputA | AttnOutputB
        | AttnQA | AttnQB | AttnKvAMqa | AttnKvB | AttnKB | AttnVB => Kind::Attention,
        AttnGate | SsmIn | SsmX | SsmDt | SsmBa | SsmBeta | SsmAlpha | SsmOut | SsmFA | SsmFB
        | SsmGA | SsmGB | ShortConvIn | ShortConvOut | FfnGate | FfnUp | FfnDown | FfnGateShexp
        | FfnUpShexp | FfnDownShexp | FfnLatentDown | FfnLatentUp => Kind::Linear,
        FfnGateExps | FfnUpExps | FfnGateUpExps | FfnDownExps => Kind::Expert,
        _ => return None,
    })
}

/// Megatron's split, as for the weights themselves.
fn cut(role: Role) -> Cut {
    use Role::*;
    match role {
        AttnOutput | AttnOutputB | FfnDown | FfnDownShexp | FfnDownExps | SsmOut | ShortConvOut => {
            Cut::Inputs
        }
        AttnQA | AttnKvAMqa | AttnKv | FfnLatentDown | FfnLatentUp | SsmFA | SsmGA => Cut::Whole,
        _ => Cut::Outputs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::tensors;
    use crate::catalog::Catalog;

    fn values(id: &str, targets: LoraTargets, ranks: u64) -> u64 {
        let model = Catalog::bundled().model(id).expect("it is in the catalogue");
        let all = tensors(model.architecture());
        all.iter().filter_map(|t| adapted(t, targets)).map(|w| w.values(ranks)).sum()
    }

    /// PEFT prints 167,772,160 trainable parameters for rank 64 on all linear projections of
    /// Llama-3.1-8B: 2,621,440 for each rank.
    #[test]
    fn the_parameters_are_those_that_peft_counts() {
        assert_eq!(64 * values("llama-3.1-8b-instruct", LoraTargets::Linear, 1), 167_772_160);
        // Rank 16 on Qwen2.5-7B: 40,370,176.
        assert_eq!(16 * values("qwen2.5-7b-instruct", LoraTargets::Linear, 1), 40_370_176);
    }

    #[test]
    fn more_targets_never_need_less_and_ranks_share_a_part() {
        for id in ["llama-3.1-8b-instruct", "qwen3-30b-a3b", "deepseek-v3", "falcon-h1-7b-instruct"]
        {
            let of = |targets| values(id, targets, 1);
            let [attention, linear, experts] =
                [LoraTargets::Attention, LoraTargets::Linear, LoraTargets::Experts].map(of);
            assert!(attention > 0 && attention <= linear && linear <= experts, "{id}");
            let two = values(id, LoraTargets::Linear, 2);
            assert!(two < linear && 2 * two > linear, "{id}");
        }
    }
}
