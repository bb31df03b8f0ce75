//! The tensors of a checkpoint on one rank of a tensor-parallel group: which are divided, which are
//! replicated, and which are loaded as one.
//!
//! vLLM, SGLang and TensorRT-LLM shard as Megatron does: projections into heads or the inner width
//! are divided by outputs, those out of them by inputs, embeddings and head by vocabulary; norms,
//! routers and latent down-projections are replicated. Sources: vLLM 0.33
//! `model_executor/layers/linear.py`, `vocab_parallel_embedding.py`; SGLang 0.5.23
//! `srt/layers/linear.py`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::file::Checkpoint;
use crate::architecture::{Architecture, Group, Mixer, Role, Tensor};
use crate::units::Bytes;

/// A weight on one rank: one tensor, or several that the engine loads as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FusedWeight {
    /// Bytes of the weights alone.
    pub weights: Bytes,
    /// Bytes of scales and other metadata.
    pub scale_bytes: Bytes,
    /// Whether these are routed experts.
    pub expert: bool,
    /// Whether any of it is quantised.
    pub quantised: bool,
}

/// The part of a tensor on one rank: `of` out of `in_all` equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fraction {
    of: u64,
    in_all: u64,
}

impl Fraction {
    const WHOLE: Fraction = Fraction { of: 1, in_all: 1 };

    fn take(self, Bytes(bytes): Bytes) -> Bytes {
        let part = u128::from(bytes) * u128::from(self.of);
        Bytes(part.div_ceil(u128::from(self.in_all.max(1))) as u64)
    }
}

/// The number of parts that each kind of tensor is divided into, one of them per rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardCounts {
    /// Parts of attention and other token mixers.
    pub attention: u64,
    /// Parts of dense feed-forward blocks, shared experts, head and towers.
    pub dense: u64,
    /// Parts of the embedding table.
    pub vocabulary: u64,
    /// Parts that the columns of each routed expert are divided into.
    pub columns: u64,
    /// Routed experts on a rank, and the total they are a part of.
    pub experts: (u64, u64),
}

impl ShardCounts {
    /// Divides every tensor into `ranks` parts.
    pub const fn all(ranks: u64) -> ShardCounts {
        let ranks = if ranks == 0 { 1 } else { ranks };
        ShardCounts {
            attention: ranks,
            dense: ranks,
            vocabulary: ranks,
            columns: ranks,
            experts: (1, 1),
        }
    }
}

/// Weights of `checkpoint` on one rank of a pipeline stage with `layers`, without MTP layers.
///
/// The first stage has embedding and towers, the last one norm and head (the embedding again if
/// they are tied).
pub fn stage(
    checkpoint: &Checkpoint<'_>,
    counts: ShardCounts,
    layers: &Range<usize>,
) -> Vec<FusedWeight> {
    let architecture = checkpoint.architecture();
    let first = layers.start == 0;
    let last = layers.end >= architecture.layers.len();
    let here = |tensor: &Tensor| match (tensor.layer, tensor.role) {
        _ if tensor.group == Group::Mtp => false,
        (Some(layer), _) => layers.contains(&(layer as usize)),
        (None, Role::TokenEmbd) => first || (last && architecture.tied_embeddings),
        (None, Role::Output | Role::OutputBias | Role::OutputNorm | Role::OutputNormBias) => last,
        (None, _) => first,
    };
    fused(checkpoint, counts, here)
}

/// Weights of `checkpoint` on one of `ranks` tensor-parallel ranks, without MTP layers.
///
/// Query, key and value projections are fused, and so are gate and up, the latent down-projections,
/// and their scales.
pub fn rank(checkpoint: &Checkpoint<'_>, ranks: u64) -> Vec<FusedWeight> {
    fused(checkpoint, ShardCounts::all(ranks), |tensor| tensor.group != Group::Mtp)
}

/// Weights of one group of tensors on one of `ranks` tensor-parallel ranks, fused as by [`rank`].
pub fn rank_of(checkpoint: &Checkpoint<'_>, ranks: u64, part: Group) -> Vec<FusedWeight> {
    fused(checkpoint, ShardCounts::all(ranks), |tensor| tensor.group == part)
}

fn fused(
    checkpoint: &Checkpoint<'_>,
    counts: ShardCounts,
    wanted: impl Fn(&Tensor) -> bool,
) -> Vec<FusedWeight> {
    let architecture = checkpoint.architecture();
    let mut fused: BTreeMap<(Option<u32>, u32), FusedWeight> = BTreeMap::new();
    for (index, stored) in checkpoint.tensors.iter().enumerate() {
        let tensor = &stored.tensor;
        if !wanted(tensor) {
            continue;
        }
        let fraction = fraction(architecture, tensor, counts);
        let key = match partner(tensor.role) {
            Some(group) => group,
            None => 100 + index as u32,
        };
        let entry = fused.entry((tensor.layer, key)).or_default();
        entry.weights += fraction.take(stored.weights);
        entry.scale_bytes += fraction.take(stored.bytes - stored.weights);
        entry.expert |= tensor.role.is_expert();
        entry.quantised |= stored.quantised;
    }
    fused.into_values().collect()
}

/// The group of projections that engines load as one tensor.
fn partner(role: Role) -> Option<u32> {
    use Role::*;
    Some(match role {
        AttnQ | AttnK | AttnV | AttnQkv => 1,
        FfnGate | FfnUp => 2,
        FfnGateExps | FfnUpExps | FfnGateUpExps => 3,
        FfnGateShexp | FfnUpShexp => 4,
        AttnQA | AttnKvAMqa => 5,
        AttnKB | AttnVB => 6,
        SsmBeta | SsmAlpha => 7,
        _ => return None,
    })
}

fn fraction(architecture: &Architecture, tensor: &Tensor, counts: ShardCounts) -> Fraction {
    use Role::*;
    if tensor.role.is_expert() && tensor.role != FfnDownExpsBias {
        let (of, all) = counts.experts;
        return Fraction { of, in_all: all.saturating_mul(counts.columns) };
    }
    let ranks = match tensor.role {
        _ if tensor.group == Group::Vision => counts.dense,
        TokenEmbd | PerLayerTokenEmbd | LookupTable => counts.vocabulary,
        Output | OutputBias | FfnGate | FfnUp | FfnDown | FfnGateBias | FfnUpBias
        | FfnGateShexp | FfnUpShexp | FfnDownShexp => counts.dense,
        _ => counts.attention,
    };
    let split = Fraction { of: 1, in_all: ranks };
    let mixer = tensor.layer.and_then(|i| architecture.layers.get(i as usize)).map(|l| &l.mixer);
    let attention = mixer.and_then(Mixer::attention);
    let kv_heads = attention.map_or(1, |a| a.kv_heads);
    let keys = Fraction { of: (kv_heads / ranks).max(1), in_all: kv_heads };
    match tensor.role {
        _ if tensor.group == Group::Vision => split,
        AttnK | AttnV | AttnKBias | AttnVBias if attention.is_some() => keys,
        // A checkpoint's fused tensor is divided head by head.
        AttnQkv | AttnQkvBias => match attention {
            Some(a) => {
                let heads = |n: u64| (n / ranks).max(1);
                Fraction {
                    of: heads(a.heads) + 2 * heads(a.kv_heads),
                    in_all: a.heads + 2 * a.kv_heads,
                }
            }
            None => split,
        },
        // One vector as long as a head, replicated on every rank.
        SsmNorm if mixer.is_some_and(|m| m.mamba2().is_none()) => Fraction::WHOLE,
        role => match is_divided(role) {
            true => split,
            false => Fraction::WHOLE,
        },
    }
}

/// Whether the tensor is divided between ranks.
fn is_divided(role: Role) -> bool {
    use Role::*;
    match role {
        TokenEmbd | PerLayerTokenEmbd | LookupTable | Output | OutputBias => true,
        AttnQ | AttnQBias | AttnK | AttnV | AttnKBias | AttnVBias | AttnGate | AttnSinks
        | AttnQB | AttnKB | AttnVB | AttnKvB | AttnOutput | AttnOutputA => true,
        SsmIn | SsmConv1d | SsmConv1dBias | SsmConv1dQ | SsmConv1dK | SsmConv1dV | SsmX | SsmDt
        | SsmDtBias | SsmA | SsmD | SsmBa | SsmBeta | SsmAlpha | SsmFB | SsmGB | SsmNorm
        | SsmOut | ShortConvIn | ShortConvConv | ShortConvOut => true,
        FfnGate | FfnUp | FfnDown | FfnGateBias | FfnUpBias | FfnGateShexp | FfnUpShexp
        | FfnDownShexp => true,
        role => role.is_expert() && role != FfnDownExpsBias,
    }
}

/// A tensor-parallel size that does not divide a model, and the nearest that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indivisible {
    /// The dimension that does not divide, such as `40 attention heads`.
    pub what: String,
    /// The nearest smaller size that divides everything.
    pub nearest: u64,
}

/// Checks that tensor parallelism over `ranks` divides the heads and widths of `architecture`, and
/// that each part is a multiple of `granule`, the number of columns that share a scale.
///
/// # Errors
/// Query heads, state-space heads or the inner width of a feed-forward block are not multiples of
/// `ranks`, or key heads neither divide nor are divided by it, or a part is no multiple of
/// `granule`.
pub fn divides(architecture: &Architecture, ranks: u64, granule: u64) -> Result<(), Indivisible> {
    let indivisible = |ranks| indivisible_dimension(architecture, ShardCounts::all(ranks), granule);
    let Some(what) = indivisible(ranks) else { return Ok(()) };
    let fits = |n: &u64| indivisible(*n).is_none();
    let nearest = (1..ranks).rev().find(fits).unwrap_or(1);
    Err(Indivisible { what, nearest })
}

/// Checks that `counts` divide `architecture` evenly.
///
/// # Errors
/// Returns the dimension that does not divide.
pub fn divides_as(
    architecture: &Architecture,
    counts: ShardCounts,
    granule: u64,
) -> Result<(), String> {
    indivisible_dimension(architecture, counts, granule).map_or(Ok(()), Err)
}

fn indivisible_dimension(
    architecture: &Architecture,
    counts: ShardCounts,
    granule: u64,
) -> Option<String> {
    let ranks = counts.attention;
    let uneven = |n: u64, what: &str| (!n.is_multiple_of(ranks)).then(|| format!("{n} {what}"));
    // A single rank needs no whole blocks: its last one may be short.
    let unblocked = |n: u64, ranks: u64, what: &str| match n.is_multiple_of(if ranks > 1 {
        ranks.saturating_mul(granule)
    } else {
        1
    }) {
        true => None,
        false if n.is_multiple_of(ranks) => Some(format!("{n} {what} in blocks of {granule}")),
        false => Some(format!("{n} {what}")),
    };
    architecture.layers.iter().find_map(|layer| {
        let heads = match &layer.mixer {
            Mixer::Mla(m) => uneven(m.heads, "attention heads"),
            Mixer::Compressed(c) => uneven(c.heads, "attention heads"),
            Mixer::GatedDeltaNet(g) => uneven(g.key_heads, "linear-attention key heads"),
            Mixer::Kda(k) => uneven(k.heads, "linear-attention heads"),
            Mixer::Lightning(l) => uneven(l.heads, "linear-attention heads"),
            _ => None,
        };
        let attention = layer.mixer.attention().and_then(|a| {
            let keys = match a.kv_heads {
                n if n >= ranks => uneven(n, "key/value heads"),
                n if ranks.is_multiple_of(n.max(1)) => None,
                n => Some(format!("{n} key/value heads")),
            };
            uneven(a.heads, "attention heads").or(keys)
        });
        let mamba = layer.mixer.mamba2().and_then(|m| uneven(m.heads, "Mamba heads"));
        let dense = layer.ffn.dense();
        let dense = dense
            .and_then(|d| unblocked(d.intermediate_size, counts.dense, "feed-forward columns"));
        let moe = layer.ffn.moe();
        let moe =
            moe.and_then(|m| unblocked(m.intermediate_size, counts.columns, "expert columns"));
        heads.or(attention).or(mamba).or(dense).or(moe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, Model};
    use crate::quant::{Mix, Quant};

    fn model(id: &str) -> &'static Model {
        Catalog::bundled().model(id).expect("it is in the catalogue")
    }

    #[test]
    fn ranks_divide_heads_and_widths_or_name_the_obstacle() {
        let qwen = model("qwen3-30b-a3b").architecture();
        assert_eq!(divides(qwen, 8, 1), Ok(()));
        let uneven = divides(qwen, 3, 1).unwrap_err();
        assert_eq!((uneven.what.as_str(), uneven.nearest), ("32 attention heads", 2));
        // 768 expert columns over eight ranks are 96: less than a block of scales.
        let blocks = divides(qwen, 8, 128).unwrap_err();
        assert_eq!(blocks.what, "768 expert columns in blocks of 128");
        assert_eq!(blocks.nearest, 2);
    }

    #[test]
    fn ranks_together_hold_no_less_than_the_checkpoint() {
        for id in ["qwen3-32b", "gpt-oss-20b", "deepseek-v2.5", "qwen3-next-80b-a3b-instruct"] {
            for quant in [Quant::Gguf(Mix::BF16), Quant::Format(crate::quant::Format::Fp8Block)] {
                let checkpoint = Checkpoint::new(model(id), quant).unwrap();
                let on_rank = |ranks| -> Bytes {
                    rank(&checkpoint, ranks).iter().map(|f| f.weights + f.scale_bytes).sum()
                };
                assert_eq!(on_rank(1), checkpoint.loaded(), "{id} {quant}");
                let mut before = on_rank(1);
                for ranks in [2, 4, 8] {
                    let now = on_rank(ranks);
                    assert!(now * ranks >= checkpoint.loaded(), "{id} {quant} {ranks}");
                    assert!(now < before, "{id} {quant} {ranks}");
                    before = now;
                }
            }
        }
    }
}
