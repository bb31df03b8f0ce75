//! Which modules of a model a quantised checkpoint stores in fewer bits.
//!
//! A format says how a matrix is stored, not which matrices: makers leave the parts that lose most
//! in 8 or 16 bits. The rules here are those of the methods' own recipes (llm-compressor's examples,
//! ModelOpt's presets and disabled quantisers, AutoRound's defaults, the `ignore` lists of official
//! checkpoints); `tests/builds.rs` holds them against the sizes of published checkpoints.

use super::format::Format;
use crate::architecture::{Group, Role, Tensor};

/// How a module is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// In the format itself.
    Quantised,
    /// In FP8.
    Eight,
    /// In 16 bits.
    Sixteen,
}

use Storage::{Eight, Quantised, Sixteen};

/// The part of a model that a quantiser distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The token embedding table.
    Embedding,
    /// A table that is looked up beside the embedding: n-grams, Engram.
    Lookup,
    /// The output head.
    Head,
    /// A projection of softmax attention.
    Attention,
    /// A projection of linear attention, a state space or a short convolution.
    LinearAttention,
    /// A dense feed-forward block.
    Dense,
    /// A shared expert.
    SharedExpert,
    /// The stacked matrices of routed experts.
    Expert,
    /// The router of a mixture of experts, or the gate of a shared expert.
    Router,
    /// A projection of an MTP layer.
    Mtp,
    /// The projection that joins embedding and hidden state before an MTP layer.
    MtpJoin,
    /// A norm, a bias, a convolution, a state-space vector, a vision tower: never quantised.
    Rest,
}

/// How a checkpoint stores each part of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    attention: Storage,
    linear_attention: Storage,
    dense: Storage,
    shared_expert: Storage,
    expert: Storage,
    head: Storage,
    lookup: Storage,
    mtp: Storage,
    /// Whether each layer mixes tokens by linear attention or a state space.
    linear_layers: Vec<bool>,
}

/// What of a model decides how its checkpoints are laid out.
#[derive(Clone, Debug, Default)]
struct Kind {
    has_experts: bool,
    has_latent_attention: bool,
    has_mamba: bool,
    /// Whether layers have attention heads of different sizes, as Gemma 4's do.
    has_unlike_heads: bool,
    linear_layers: Vec<bool>,
}

impl Kind {
    /// Whether it is a dense model with softmax attention.
    fn is_plain(&self) -> bool {
        !self.has_experts && !self.linear_layers.contains(&true)
    }

    fn of(tensors: &[Tensor]) -> Kind {
        let mut kind = Kind::default();
        let mut norm = None;
        for Tensor { role, layer, group, shape, .. } in tensors {
            if *group != Group::Text {
                continue;
            }
            kind.has_experts |= role.is_expert();
            kind.has_latent_attention |= *role == Role::AttnKvAMqa;
            kind.has_mamba |= *role == Role::SsmIn;
            if *role == Role::AttnQNorm {
                kind.has_unlike_heads |= norm.replace(shape).is_some_and(|last| last != shape);
            }
            if let (Some(layer), Role::SsmA | Role::SsmOut | Role::ShortConvIn) = (layer, role) {
                let layer = *layer as usize;
                let layers = kind.linear_layers.len().max(layer + 1);
                kind.linear_layers.resize(layers, false);
                kind.linear_layers[layer] = true;
            }
        }
        kind
    }
}

impl Layout {
    /// The layouts of a model's checkpoints in `format`, from the one that leaves least in more bits
    /// to the one that leaves most: the second is the usual one.
    pub fn candidates(format: Format, tensors: &[Tensor]) -> [Layout; 3] {
        let kind = Kind::of(tensors);
        let linear_layers = kind.linear_layers.clone();
        let all = Layout {
            attention: Quantised,
            linear_attention: Quantised,
            dense: Quantised,
            shared_expert: Quantised,
            expert: Quantised,
            head: Sixteen,
            lookup: Sixteen,
            mtp: Sixteen,
            linear_layers,
        };
        let with_mtp = Layout { mtp: Quantised, ..all.clone() };
        let attention_in_16 =
            Layout { attention: Sixteen, linear_attention: Sixteen, ..all.clone() };
        let experts_alone =
            Layout { dense: Sixteen, shared_expert: Sixteen, ..attention_in_16.clone() };
        let one = |layout: Layout| [layout.clone(), layout.clone(), layout];
        match format {
            Format::Nvfp4 => Layout::nvfp4(&kind, all, attention_in_16),
            // Recipes of llm-compressor, AutoAWQ and AutoGPTQ quantise every linear module but the
            // head and the routers; some builds of hybrid models and mixtures of experts leave
            // attention alone.
            Format::Awq | Format::Gptq | Format::W4a16 if !kind.is_plain() => {
                [all.clone(), all, Layout { shared_expert: Sixteen, ..attention_in_16 }]
            }
            // config.json of gpt-oss lists attention, router, embeddings and head under
            // `modules_to_not_convert`.
            Format::Mxfp4 if kind.has_experts => one(experts_alone),
            Format::Int4Experts => one(experts_alone),
            Format::Fp8Mxfp4 => one(Layout {
                attention: Eight,
                linear_attention: Eight,
                dense: Eight,
                shared_expert: Eight,
                mtp: Quantised,
                ..all
            }),
            // ModelOpt's checkpoints of Nemotron-H leave attention in 16 bits.
            Format::Fp8 if kind.has_mamba => {
                let usual = Layout { attention: Sixteen, ..all.clone() };
                [all, usual, attention_in_16]
            }
            // Official block checkpoints, which people call FP8 as well, quantise the MTP layers and
            // lookup tables too.
            Format::Fp8Block | Format::Fp8 => one(Layout { lookup: Eight, ..with_mtp }),
            Format::Awq | Format::Gptq | Format::W4a16 => one(all),
            Format::BnbInt8
            | Format::Nf4
            | Format::Int8
            | Format::Mxfp4
            | Format::Mxfp4Q8
            | Format::Mlx(_)
            | Format::Exl3(_) => one(with_mtp),
        }
    }

    /// What makers of NVFP4 checkpoints leave in more bits, by the kind of model.
    fn nvfp4(kind: &Kind, all: Layout, attention_in_16: Layout) -> [Layout; 3] {
        if kind.has_mamba {
            // Nemotron-3: mixers and shared experts in FP8.
            let usual = Layout {
                attention: Sixteen,
                linear_attention: Eight,
                shared_expert: Eight,
                ..all.clone()
            };
            return [Layout { head: Quantised, ..all }, usual, attention_in_16];
        }
        if kind.linear_layers.contains(&true) {
            // ModelOpt's `w4a16_nvfp4-fp8_attn` of Qwen3.5 and later.
            let usual = Layout {
                attention: Eight,
                linear_attention: Eight,
                head: Quantised,
                ..all.clone()
            };
            return [Layout { head: Quantised, lookup: Eight, ..all }, usual, attention_in_16];
        }
        if kind.has_experts {
            // MiniMax, GLM, DeepSeek, Kimi: `ignore` has `self_attn*`.
            let most = Layout { shared_expert: Sixteen, dense: Sixteen, ..attention_in_16.clone() };
            return [all, attention_in_16, most];
        }
        if kind.has_unlike_heads {
            // NVIDIA's Gemma 4 31B takes 31.18 GiB with its tower (robotmunki.com/blog/vllm-startup-log).
            return [all, attention_in_16.clone(), attention_in_16];
        }
        [all.clone(), all, attention_in_16]
    }

    /// The part of a model that `tensor` belongs to.
    pub(super) fn part(&self, tensor: &Tensor) -> Part {
        use Role::*;
        if tensor.group == Group::Vision {
            return Part::Rest;
        }
        let linear = tensor.layer.and_then(|layer| self.linear_layers.get(layer as usize));
        let mixer = match linear {
            Some(true) => Part::LinearAttention,
            _ => Part::Attention,
        };
        let part = match tensor.role {
            TokenEmbd | PerLayerTokenEmbd | NextnEmbedTokens => Part::Embedding,
            LookupTable => Part::Lookup,
            Output | NextnSharedHeadHead => Part::Head,
            FfnGateExps | FfnGateUpExps | FfnUpExps | FfnDownExps => Part::Expert,
            FfnGateInp | FfnGateInpShexp => Part::Router,
            AttnQ | AttnK | AttnV | AttnQkv | AttnOutput | AttnOutputA | AttnOutputB | AttnGate
            | AttnQA | AttnQB | AttnKvAMqa | AttnKvB | AttnKB | AttnVB | AttnKv | IndexerAttnK
            | IndexerAttnQB | IndexerQProj | IndexerKProj => mixer,
            SsmIn | SsmX | SsmOut | SsmFA | SsmFB | SsmGA | SsmGB | ShortConvIn | ShortConvOut => {
                Part::LinearAttention
            }
            FfnGate | FfnUp | FfnDown | FfnLatentDown | FfnLatentUp | PerLayerInpGate
            | PerLayerProj | PerLayerModelProj => Part::Dense,
            FfnGateShexp | FfnUpShexp | FfnDownShexp => Part::SharedExpert,
            NextnEhProj => Part::MtpJoin,
            _ => Part::Rest,
        };
        match part {
            Part::Attention
            | Part::LinearAttention
            | Part::Dense
            | Part::SharedExpert
            | Part::Expert
                if tensor.group == Group::Mtp =>
            {
                Part::Mtp
            }
            part => part,
        }
    }

    /// How a part is stored.
    pub(super) fn storage(&self, part: Part) -> Storage {
        match part {
            Part::Attention => self.attention,
            Part::LinearAttention => self.linear_attention,
            Part::Dense => self.dense,
            Part::SharedExpert => self.shared_expert,
            Part::Expert => self.expert,
            Part::Head => self.head,
            Part::Lookup => self.lookup,
            Part::Mtp => self.mtp,
            Part::Embedding | Part::Router | Part::MtpJoin | Part::Rest => Sixteen,
        }
    }
}
