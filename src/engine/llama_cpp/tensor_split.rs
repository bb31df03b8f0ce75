//! How llama.cpp divides individual tensors between devices: by rows (`--split-mode row`) or,
//! caches included, along a suitable dimension (`--split-mode tensor`).
//!
//! **Rows.** The split buffers of the CUDA backend (`ggml-cuda.cu` of builds before b11434, which
//! lacks them and refuses the mode; SYCL still has them): matrices of multiplications, without
//! experts, are divided by rows according to `--tensor-split` (by default the cards' memory), each
//! boundary rounded down to 128 rows. Everything else, including caches and compute buffers, stays
//! on the layer's device.
//!
//! **Tensors.** `llama_meta_device_get_split_state` in `llama-model.cpp` and
//! `ggml-backend-meta.cpp`, build b11434: the devices act as one. Attention is divided by heads,
//! feed-forward blocks by their inner width, the head by vocabulary; norms, routers and tensors
//! without a rule are replicated. Parts are equal, or in proportion to `--tensor-split`, rounded
//! down to a step; the device that gets the remainder changes from layer to layer. Each device has
//! a compute buffer for the whole graph.

use super::gguf_tensor::{DEVICE_ALIGNMENT, Weight, padded, row_padding};
use crate::architecture::{
    Architecture, Attention, AttentionSpan, GatedDeltaNet, Layer, Mixer, OutputGate, Role,
};
use crate::units::{Bytes, fraction};

/// What is divided between devices in addition to whole layers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Division {
    /// Whole layers only.
    #[default]
    Layers,
    /// Nothing: one device has all layers, the others are not used.
    Nothing,
    /// The rows of matrices, in these proportions.
    Rows(Vec<u64>),
    /// Every tensor of a layer, in these proportions; the devices act as one.
    Tensors(Vec<u64>),
}

/// Row boundaries are multiples of this.
const ROW_ROUNDING: u64 = 128;

/// Whether build b11434 divides the tensors of `architecture`
/// (`llm_arch_supports_sm_tensor` in `llama-arch.cpp`).
pub fn divides_tensors(architecture: &Architecture) -> bool {
    let without = [
        "grok",
        "mpt",
        "plamo2",
        "minicpm3",
        "gemma3n",
        "mamba",
        "mamba2",
        "jamba",
        "falcon-h1",
        "olmo2",
        "olmoe",
        "deepseek2",
        "deepseek32",
        "hy_v4",
        "dots3note",
        "glm-dsa",
        "bitnet",
        "t5",
        "nemotron_h",
        "nemotron_h_moe",
        "granitehybrid",
        "minimax-01",
        "minimax-m2",
        "minimax-m3",
        "mistral4",
        "kimi-linear",
        "bailingmoe3",
        "kimi-k3",
        "glm5-next",
        "qwen3tts",
    ];
    architecture.gguf_arch.as_deref().is_some_and(|arch| !without.contains(&arch))
}

/// Bytes of the rows of `weight` on each device, with its layer on device `home`; `None` if it is
/// not divided.
pub(super) fn rows(weight: &Weight, shares: &[u64], home: usize) -> Option<Vec<Bytes>> {
    // "For small weight matrices the active device can end up without any rows": then it has all.
    rows_anywhere(weight, shares).filter(|parts| parts.get(home).is_some_and(|p| *p > Bytes::ZERO))
}

/// Bytes of the rows of `weight` on each device, with its layer on one that has any; `None` if it is
/// not divided.
pub(super) fn rows_anywhere(weight: &Weight, shares: &[u64]) -> Option<Vec<Bytes>> {
    let [row, n, depth] = weight.tensor.shape.0;
    if n <= 1 || depth > 1 || !is_multiplied(weight.tensor.role) {
        return None;
    }
    let total: u128 = shares.iter().map(|share| u128::from(*share)).sum();
    let mut upto = 0u128;
    let mut low = 0;
    let mut parts = Vec::with_capacity(shares.len());
    for (i, share) in shares.iter().enumerate() {
        upto += u128::from(*share);
        let high = match i + 1 == shares.len() {
            true => n,
            false => {
                let cut = (u128::from(n) * upto / total.max(1)) as u64;
                cut - cut % ROW_ROUNDING
            }
        };
        parts.push(high.max(low) - low);
        low = high.max(low);
    }
    let bytes = |rows: &u64| match rows {
        0 => Bytes::ZERO,
        rows => Bytes(weight.ty.bytes(row.saturating_mul(*rows)) + row_padding(weight.ty, row)),
    };
    Some(parts.iter().map(bytes).collect())
}

/// Whether the tensor is the matrix of a multiplication and not a stack of experts.
fn is_multiplied(role: Role) -> bool {
    use Role::*;
    let looked_up_or_added = matches!(
        role,
        TokenEmbd
            | PositionEmbd
            | TokenTypes
            | PerLayerTokenEmbd
            | SsmConv1d
            | SsmConv1dQ
            | SsmConv1dK
            | SsmConv1dV
            | SsmA
            | SsmD
            | SsmNorm
            | ShortConvConv
            | AttnQNorm
            | AttnKNorm
            | FfnGateTid2Eid
            | AttnCompressorApe
            | IndexerCompressorApe
            | Vision
            | Mtp
            | LookupTable
            | Other
    );
    !looked_up_or_added && !role.is_expert() && role != FfnDownExpsScale
}

/// Divides the tensors and caches of a model between devices that act as one.
#[derive(Clone, Debug)]
pub(super) struct TensorSplitter<'a> {
    shares: &'a [u64],
    layers: Vec<LayerCuts>,
    n_layers: usize,
}

/// The steps at which the tensors of a layer may be divided.
#[derive(Clone, Copy, Debug, Default)]
struct LayerCuts {
    rotation: usize,
    attention: Option<HeadCuts>,
    delta: Option<DeltaCuts>,
    /// Step of the columns of dense or shared blocks, and of experts.
    inner: u64,
    expert: u64,
}

#[derive(Clone, Copy, Debug)]
struct HeadCuts {
    kv_heads: u64,
    /// Number of key heads that stay together.
    step: u64,
}

#[derive(Clone, Copy, Debug)]
struct DeltaCuts {
    key_heads: u64,
    step: u64,
}

impl<'a> TensorSplitter<'a> {
    pub(super) fn new(
        architecture: &Architecture,
        weights: &[Weight],
        shares: &'a [u64],
    ) -> TensorSplitter<'a> {
        let layers = &architecture.layers;
        let mut blocks = vec![[1u64; 4]; layers.len()];
        for weight in weights {
            let slot = match weight.tensor.role {
                Role::AttnOutput => 0,
                Role::SsmOut => 1,
                Role::FfnDown | Role::FfnDownShexp => 2,
                Role::FfnDownExps => 3,
                _ => continue,
            };
            let layer = weight.tensor.layer.and_then(|il| blocks.get_mut(il as usize));
            if let Some(layer) = layer {
                layer[slot] = weight.ty.block_elements();
            }
        }
        // Layers of a kind alternate in which device gets the remainder.
        let kind = |layer: &Layer| {
            let recurrent = layer.mixer.attention().is_none();
            let windowed = layer.mixer.attention().is_some_and(|a| a.reach != AttentionSpan::Full);
            (recurrent, windowed)
        };
        let devices = shares.len().max(1);
        let cuts = layers.iter().enumerate().map(|(il, layer)| {
            let before = layers[..il].iter().filter(|other| kind(other) == kind(layer)).count();
            let [output, ssm, down, experts] = blocks[il];
            let delta = match &layer.mixer {
                Mixer::GatedDeltaNet(g) => Some(delta_cuts(g, ssm)),
                _ => None,
            };
            let attention = layer.mixer.attention();
            LayerCuts {
                rotation: before % devices,
                attention: attention.map(|a| head_cuts(a, output, devices as u64)),
                delta,
                inner: lcm(down, 128),
                expert: lcm(experts, 128),
            }
        });
        TensorSplitter { shares, layers: cuts.collect(), n_layers: layers.len() }
    }

    /// The bytes of `weight` on each device.
    pub(super) fn weight(&self, weight: &Weight) -> Vec<Bytes> {
        let whole = vec![Bytes(weight.on_device()); self.shares.len()];
        let Some((axis, parts, of)) = self.cut(weight) else { return whole };
        let shape = weight.tensor.shape.0;
        let elements = weight.tensor.shape.elements();
        let bytes = |part: u64| {
            if part == 0 || of == 0 {
                return Bytes::ZERO;
            }
            let slice = fraction(elements, part, of);
            let row = if axis == 0 { fraction(shape[0], part, of) } else { shape[0] };
            let bytes = weight.ty.bytes(slice).saturating_add(row_padding(weight.ty, row));
            Bytes(padded(bytes, DEVICE_ALIGNMENT))
        };
        // Many devices have equal parts.
        let mut before = (0, Bytes::ZERO);
        let bytes = |part| {
            if before.0 != part {
                before = (part, bytes(part));
            }
            before.1
        };
        parts.into_iter().map(bytes).collect()
    }

    /// Fractions of layer `il`'s cache on each device.
    pub(super) fn cache(&self, il: usize) -> Vec<(u64, u64)> {
        let cuts = self.layers.get(il).copied().unwrap_or_default();
        let parts = |n, step| -> Vec<(u64, u64)> {
            let parts = cut(n, step, self.shares, cuts.rotation);
            parts.into_iter().map(|part| (part, n)).collect()
        };
        match (cuts.attention, cuts.delta) {
            (Some(HeadCuts { kv_heads, step }), _) if kv_heads > 0 => parts(kv_heads, step),
            (_, Some(DeltaCuts { key_heads, step })) if key_heads > 0 => parts(key_heads, step),
            _ => vec![(1, 1); self.shares.len()],
        }
    }

    /// The dimension that a tensor is divided along, the parts, and their sum; `None` if it is
    /// replicated.
    fn cut(&self, weight: &Weight) -> Option<(usize, Vec<u64>, u64)> {
        use Role::*;
        let role = weight.tensor.role;
        let shape = weight.tensor.shape.0;
        let Some(il) = weight.tensor.layer else {
            return match role {
                Output | OutputBias => {
                    let axis = usize::from(role == Output);
                    let rotation = self.n_layers % self.shares.len().max(1);
                    let parts = cut(shape[axis], 1, self.shares, rotation);
                    Some((axis, parts, shape[axis]))
                }
                _ => None,
            };
        };
        let cuts = self.layers.get(il as usize)?;
        let along = |axis: usize, of: u64, step: u64| {
            Some((axis, cut(of, step, self.shares, cuts.rotation), of))
        };
        match role {
            FfnUp | FfnGate | FfnUpShexp | FfnGateShexp => along(1, shape[1], cuts.inner),
            FfnDown | FfnDownShexp => along(0, shape[0], cuts.inner),
            FfnUpBias | FfnGateBias => along(0, shape[0], cuts.inner),
            FfnUpExps | FfnGateExps => along(1, shape[1], cuts.expert),
            // Gate and up are divided at the same columns.
            FfnGateUpExps => along(1, shape[1] / 2, cuts.expert),
            FfnDownExps => along(0, shape[0], cuts.expert),
            FfnUpExpsBias | FfnGateExpsBias => along(0, shape[0], cuts.expert),
            _ => match (cuts.attention, cuts.delta) {
                (Some(HeadCuts { kv_heads, step }), _) => match role {
                    AttnQ | AttnK | AttnV | AttnQkv | AttnGate => along(1, kv_heads, step),
                    AttnQBias | AttnKBias | AttnVBias | AttnQkvBias | AttnSinks | AttnOutput => {
                        along(0, kv_heads, step)
                    }
                    _ => None,
                },
                (None, Some(DeltaCuts { key_heads, step })) => match role {
                    AttnQkv | AttnGate | SsmConv1d | SsmBa | SsmBeta | SsmAlpha => {
                        along(1, key_heads, step)
                    }
                    SsmDtBias | SsmDt | SsmA | SsmOut => along(0, key_heads, step),
                    _ => None,
                },
                (None, None) => None,
            },
        }
    }
}

/// The number of key heads that stay together: whole groups of query heads, enough that a part is a
/// multiple of the output projection's blocks (of 128 columns if the heads allow it).
fn head_cuts(a: &Attention, block: u64, devices: u64) -> HeadCuts {
    let group = (a.heads / a.kv_heads.max(1)).saturating_mul(a.head_dim).max(1);
    let mut columns = block.max(1);
    while columns < 128 && columns.saturating_mul(devices) < group {
        columns *= 2;
    }
    let gated = a.output_gate != OutputGate::None;
    // Gated queries are twice as many, and both halves are divided where the others are.
    let step = lcm(group, columns) / group;
    let gated_step = lcm(group.saturating_mul(2), columns) / group.saturating_mul(2).max(1);
    HeadCuts { kv_heads: a.kv_heads, step: if gated { step.max(gated_step) } else { step } }
}

fn delta_cuts(g: &GatedDeltaNet, block: u64) -> DeltaCuts {
    let head = g.key_head_dim.max(1);
    DeltaCuts { key_heads: g.key_heads, step: lcm(lcm(block.max(1), 128), head) / head }
}

fn lcm(a: u64, b: u64) -> u64 {
    let (mut x, mut y) = (a.max(1), b.max(1));
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a.max(1) / x).saturating_mul(b.max(1))
}

/// Divides `n` in proportion to `shares`, each boundary rounded down to a multiple of `step`,
/// starting with the device `rotation`.
fn cut(n: u64, step: u64, shares: &[u64], rotation: usize) -> Vec<u64> {
    let devices = shares.len();
    let total: u64 = shares.iter().fold(0, |sum, share| sum.saturating_add(*share));
    let mut parts = vec![0; devices];
    let (mut low, mut upto) = (0, 0u64);
    for j in 0..devices {
        let device = (j + rotation) % devices;
        upto = upto.saturating_add(shares[device]);
        let high = match j + 1 == devices {
            true => n,
            false => {
                let high = fraction(n, upto, total);
                high - high % step.max(1)
            }
        };
        parts[device] = high - low;
        low = high;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_rounded_down_and_take_turns() {
        assert_eq!(cut(8, 1, &[1, 1], 0), [4, 4]);
        assert_eq!(cut(5, 1, &[1, 1], 0), [2, 3]);
        assert_eq!(cut(5, 1, &[1, 1], 1), [3, 2]);
        assert_eq!(cut(768, 256, &[3, 1], 0), [512, 256]);
        assert_eq!(cut(2, 1, &[1, 1, 1, 1], 0), [0, 1, 0, 1]);
        for rotation in 0..3 {
            assert_eq!(cut(1000, 128, &[5, 0, 2], rotation).iter().sum::<u64>(), 1000);
        }
    }

    #[test]
    fn heads_of_a_group_stay_together() {
        let of = |heads, kv_heads, head_dim, block| {
            let a = Attention { heads, kv_heads, head_dim, ..attention() };
            head_cuts(&a, block, 2).step
        };
        // Four query heads of 128 make 512 columns: a multiple of any block.
        assert_eq!(of(32, 8, 128, 256), 1);
        // One query head of 64 a key head: two make the 128 columns that kernels like.
        assert_eq!(of(16, 16, 64, 32), 1);
        assert_eq!(of(16, 16, 64, 256), 4);
    }

    fn attention() -> Attention {
        use crate::architecture::{KvSource, QkNorm};
        Attention {
            heads: 1,
            kv_heads: 1,
            head_dim: 128,
            v_head_dim: 128,
            reach: AttentionSpan::Full,
            qkv_bias: false,
            out_bias: false,
            qk_norm: QkNorm::None,
            output_gate: OutputGate::None,
            sinks: false,
            fused_qkv: false,
            k_eq_v: false,
            kv_source: KvSource::Own,
            indexer: None,
        }
    }
}
