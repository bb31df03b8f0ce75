//! Properties of a model's family in llama.cpp: the architecture name of its GGUF files, the names
//! of norms, and the tensors that the converter fuses.
//!
//! From llama.cpp's converter (`conversion/*.py`) and loader (`src/models/*.cpp`), b11434.

use super::Role;
use super::config::{Config, GateType};
use Role::*;

/// Properties of a model family in llama.cpp.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// `general.architecture`; `None` if llama.cpp has no such architecture.
    pub gguf_arch: Option<&'static str>,
    /// The norms over the hidden size of a layer that has both a mixer and a feed-forward block.
    pub norms: &'static [Role],
    /// Whether Q, K and V are one tensor.
    pub fused_qkv: bool,
    /// Whether gate and up of dense blocks are one tensor.
    pub fused_gate_up: bool,
    /// Whether attention and feed-forward block read the same input.
    pub parallel: bool,
    /// Whether the converter writes MTP layers.
    pub mtp_in_gguf: bool,
    /// Number of rows of the embedding table that the converter keeps.
    pub gguf_vocab_size: Option<u64>,
}

const ONE: &[Role] = &[AttnNorm];
const TWO: &[Role] = &[AttnNorm, FfnNorm];
const TWO_POST_ATTENTION: &[Role] = &[AttnNorm, PostAttentionNorm];
const TWO_POST: &[Role] = &[PostAttentionNorm, PostFfwNorm];
const FOUR: &[Role] = &[AttnNorm, PostAttentionNorm, FfnNorm, PostFfwNorm];

/// Returns the family of `config`.
pub(super) fn family(config: &Config) -> Family {
    let plain = Family {
        gguf_arch: None,
        norms: match config.norms_per_layer.unwrap_or(2) {
            0 => &[],
            1 => ONE,
            2 => TWO,
            3 => &[AttnNorm, FfnNorm, FfnNormExps],
            4 => FOUR,
            5 => &[AttnNorm, PostAttentionNorm, FfnNorm, PostFfwNorm, FfnNormExps],
            _ => &[
                AttnNorm,
                PostAttentionNorm,
                FfnNorm,
                PostFfwNorm,
                FfnPreNorm2,
                PostFfwNorm1,
                PostFfwNorm2,
            ],
        },
        fused_qkv: false,
        fused_gate_up: false,
        parallel: false,
        mtp_in_gguf: false,
        gguf_vocab_size: None,
    };
    let named = |name| Family { gguf_arch: Some(name), ..plain };
    let fused = |name| Family { fused_qkv: true, ..named(name) };
    let parallel = |name| Family { parallel: true, ..named(name) };
    let has_mamba = config.mamba_d_inner > 0;
    let has_experts = config.num_experts > 0;
    match config.model_type.as_str() {
        "llama" if config.attn_output_gate != GateType::None => named("spark2_5"),
        "llama" | "mistral" | "mixtral" | "internlm3" | "iquestcoder" => named("llama"),
        "llama4" => named("llama4"),
        "nemotron-nas" => named("deci"),
        "mistral3" | "ministral3" => named("mistral3"),
        "mistral4" => named("mistral4"),
        "arcee" => named("arcee"),
        "apertus" => named("apertus"),
        "arctic" => named("arctic"),
        "afmoe" => named("afmoe"),
        "baichuan" => named("baichuan"),
        "bailing_moe" if config.router_bias => fused("bailingmoe2"),
        "sarvam_moe" => fused("bailingmoe2"),
        "bailing_moe" => named("bailingmoe"),
        "bailing_hybrid" => named("bailingmoe3"),
        "bert" => Family { norms: &[AttnOutputNorm, LayerOutputNorm], ..named("bert") },
        "xlm-roberta" => Family { norms: &[AttnOutputNorm, LayerOutputNorm], ..named("bert") },
        "bloom" => fused("bloom"),
        "cohere" => parallel("command-r"),
        "cohere2" => parallel("cohere2"),
        "cohere2_moe" => parallel("cohere2moe"),
        "dbrx" => Family { norms: &[AttnNorm, AttnOutputNorm], ..fused("dbrx") },
        "deepseek" => named("deepseek"),
        "deepseek_v2" | "deepseek_v3" | "kimi_k2" | "kimi_k25" | "glm4_moe_lite" => {
            named("deepseek2")
        }
        "deepseek_v32" => named("deepseek32"),
        "deepseek_v4" => named("deepseek4"),
        "dots1" => named("dots1"),
        "ernie4_5" => named("ernie4_5"),
        "ernie4_5_moe" => named("ernie4_5-moe"),
        "exaone" => named("exaone"),
        "exaone4" | "exaone4_5" => Family { norms: TWO_POST, ..named("exaone4") },
        "exaone_moe" => Family { mtp_in_gguf: true, ..named("exaone-moe") },
        "falcon" => Family {
            norms: if plain.norms.len() == 2 { &[AttnNorm, AttnNorm2] } else { ONE },
            parallel: true,
            ..fused("falcon")
        },
        "falcon_h1" => named("falcon-h1"),
        "falcon_mamba" | "mamba" if config.mamba_dt_rank > 0 => named("mamba"),
        "mamba" => named("mamba2"),
        "gemma" => named("gemma"),
        "gemma2" => named("gemma2"),
        "gemma3" | "gemma3_text" => Family { gguf_vocab_size: Some(262_144), ..named("gemma3") },
        "gemma3n" => named("gemma3n"),
        "gemma4" | "gemma4_unified" => named("gemma4"),
        "glm" => Family { fused_gate_up: true, ..named("chatglm") },
        "glm4" | "glm4v" => Family { fused_gate_up: true, ..named("glm4") },
        "glm4_moe" | "glm4v_moe" | "solar_open" => {
            Family { norms: TWO_POST_ATTENTION, mtp_in_gguf: true, ..named("glm4moe") }
        }
        "glm_moe_dsa" => Family { mtp_in_gguf: true, ..named("glm-dsa") },
        "glm5_next" => Family { mtp_in_gguf: true, ..named("glm5-next") },
        "gpt2" => fused("gpt2"),
        "gpt_bigcode" => fused("starcoder"),
        "gpt_neox" => fused("gptneox"),
        "gpt_oss" => Family { norms: TWO_POST_ATTENTION, ..named("gpt-oss") },
        "granite" => named("granite"),
        "granitemoe" => named("granitemoe"),
        "granitemoehybrid" if has_mamba => named("granitehybrid"),
        "granitemoehybrid" if has_experts => named("granitemoe"),
        "granitemoehybrid" => named("granite"),
        "grok-1" => {
            Family { norms: &[AttnNorm, AttnOutputNorm, FfnNorm, LayerOutputNorm], ..named("grok") }
        }
        "hunyuan_v1_dense" => named("hunyuan-dense"),
        "hunyuan_v1_moe" => named("hunyuan-moe"),
        "hy_v3" => named("hy_v3"),
        "hy_v4" => named("hy_v4"),
        "internlm2" => named("internlm2"),
        "jais2" => named("jais2"),
        "jamba" => named("jamba"),
        "kimi_linear" => named("kimi-linear"),
        "kimi_k3" => named("kimi-k3"),
        "laguna" => named("laguna"),
        "lfm2" => named("lfm2"),
        "lfm2_moe" => named("lfm2moe"),
        "mellum" => named("mellum"),
        "mimo_v2" | "mimo_v2_flash" => named("mimo2"),
        "minicpm" => named("minicpm"),
        "minicpm3" => named("minicpm3"),
        "minimax_text_01" | "minimax_m1" => named("minimax-01"),
        "minimax_m2" => named("minimax-m2"),
        "minimax_m3_vl" => named("minimax-m3"),
        "muse_glimmer" => named("muse-glimmer"),
        "nemotron" => named("nemotron"),
        "nemotron_h" if has_experts => named("nemotron_h_moe"),
        "nemotron_h" => named("nemotron_h"),
        "olmo" => named("olmo"),
        "olmo2" | "olmo3" => Family { norms: TWO_POST, ..named("olmo2") },
        "olmoe" => named("olmoe"),
        "phi" => parallel("phi2"),
        "phi3" => Family { fused_gate_up: true, ..fused("phi3") },
        "phimoe" => named("phimoe"),
        "qwen" => fused("qwen"),
        // MiMo-7B is a Qwen 2 with MTP layers, which its GGUF files leave out.
        "qwen2" | "mimo" => named("qwen2"),
        "qwen2_moe" => named("qwen2moe"),
        "qwen2_vl" | "qwen2_5_vl" => named("qwen2vl"),
        "qwen3" => named("qwen3"),
        "qwen3_moe" => named("qwen3moe"),
        "qwen3_vl" => named("qwen3vl"),
        "qwen3_vl_moe" => named("qwen3vlmoe"),
        "qwen3_next" => Family { norms: TWO_POST_ATTENTION, ..named("qwen3next") },
        "qwen3_5" => Family { norms: TWO_POST_ATTENTION, ..named("qwen35") },
        "qwen3_5_moe" | "qwen3_5_moe_text" => {
            Family { norms: TWO_POST_ATTENTION, ..named("qwen35moe") }
        }
        "qwen4_exp" => named("qwen4exp"),
        "seed_oss" => Family { norms: TWO_POST_ATTENTION, ..named("seed_oss") },
        "smollm3" => named("smollm3"),
        "spark2_5" => named("spark2_5"),
        "stablelm" => Family {
            // StableLM 2 12B: attention and FFN share the one norm.
            parallel: plain.norms.len() == 1,
            ..named("stablelm")
        },
        "starcoder2" => named("starcoder2"),
        "step3p5" | "step3p7" => named("step35"),
        _ => plain,
    }
}
