//! Roles of tensors, with their names in GGUF files.

macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The role of a tensor in a model. Experts are stacked: one tensor holds all experts of a
        /// layer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum Role { $($(#[$doc])* $variant,)* }

        impl Role {
            /// Every role.
            pub const ALL: &'static [Role] = &[$(Role::$variant,)*];

            /// The tensor's name in a GGUF file, without the prefix `blk.N.`.
            pub const fn gguf_name(self) -> &'static str {
                match self { $(Role::$variant => $name,)* }
            }

            /// Parses the name of a GGUF tensor, with or without its prefix `blk.N.`.
            pub fn from_gguf_name(name: &str) -> Option<Role> {
                let suffix = match name.strip_prefix("blk.") {
                    Some(rest) => rest.split_once('.').map_or(rest, |(_, suffix)| suffix),
                    None => name,
                };
                match suffix { $($name => Some(Role::$variant),)* _ => None }
            }
        }
    };
}

// The order here is the order within a layer that llama.cpp creates tensors in, with the exceptions
// listed in `gguf_order.rs`.
roles! {
    TokenEmbd = "token_embd.weight",
    TokenTypes = "token_types.weight",
    PositionEmbd = "position_embd.weight",
    TokenEmbdNorm = "token_embd_norm.weight",
    TokenEmbdNormBias = "token_embd_norm.bias",
    PerLayerTokenEmbd = "per_layer_token_embd.weight",
    PerLayerModelProj = "per_layer_model_proj.weight",
    PerLayerProjNorm = "per_layer_proj_norm.weight",
    AltupProj = "altup_proj.weight",
    AltupUnembdProj = "altup_unembd_proj.weight",
    RopeFreqs = "rope_freqs.weight",
    RopeFactorsLong = "rope_factors_long.weight",
    RopeFactorsShort = "rope_factors_short.weight",
    HcHeadFn = "output_hc_fn.weight",
    HcHeadBase = "output_hc_base.weight",
    HcHeadScale = "output_hc_scale.weight",

    AttnNorm = "attn_norm.weight",
    AttnNormBias = "attn_norm.bias",
    AttnNorm2 = "attn_norm_2.weight",
    AttnNorm2Bias = "attn_norm_2.bias",

    AttnQANorm = "attn_q_a_norm.weight",
    AttnKvANorm = "attn_kv_a_norm.weight",
    AttnQA = "attn_q_a.weight",
    AttnQABias = "attn_q_a.bias",
    AttnQB = "attn_q_b.weight",
    AttnQ = "attn_q.weight",
    AttnK = "attn_k.weight",
    AttnV = "attn_v.weight",
    AttnQkv = "attn_qkv.weight",
    AttnQBias = "attn_q.bias",
    AttnKBias = "attn_k.bias",
    AttnVBias = "attn_v.bias",
    AttnQkvBias = "attn_qkv.bias",
    AttnKvAMqa = "attn_kv_a_mqa.weight",
    AttnKvAMqaBias = "attn_kv_a_mqa.bias",
    AttnKvB = "attn_kv_b.weight",
    AttnKB = "attn_k_b.weight",
    AttnVB = "attn_v_b.weight",
    /// DeepSeek-V4: the single key/value head.
    AttnKv = "attn_kv.weight",
    AttnOutputA = "attn_output_a.weight",
    AttnOutputB = "attn_output_b.weight",
    AttnOutput = "attn_output.weight",
    AttnOutputBias = "attn_output.bias",
    AttnSinks = "attn_sinks.weight",
    AttnGate = "attn_gate.weight",
    HcAttnFn = "hc_attn_fn.weight",
    HcAttnBase = "hc_attn_base.weight",
    HcAttnScale = "hc_attn_scale.weight",
    HcFfnFn = "hc_ffn_fn.weight",
    HcFfnBase = "hc_ffn_base.weight",
    HcFfnScale = "hc_ffn_scale.weight",
    AttnCompressorKv = "attn_compressor_kv.weight",
    AttnCompressorGate = "attn_compressor_gate.weight",
    AttnCompressorApe = "attn_compressor_ape.weight",
    AttnCompressorNorm = "attn_compressor_norm.weight",
    IndexerKNorm = "indexer.k_norm.weight",
    IndexerKNormBias = "indexer.k_norm.bias",
    IndexerProj = "indexer.proj.weight",
    IndexerAttnK = "indexer.attn_k.weight",
    IndexerAttnQB = "indexer.attn_q_b.weight",
    IndexerQProj = "indexer.q_proj.weight",
    IndexerKProj = "indexer.k_proj.weight",
    IndexerQNorm = "indexer.q_norm.weight",
    IndexerCompressorKv = "indexer_compressor_kv.weight",
    IndexerCompressorGate = "indexer_compressor_gate.weight",
    IndexerCompressorApe = "indexer_compressor_ape.weight",
    IndexerCompressorNorm = "indexer_compressor_norm.weight",

    SsmIn = "ssm_in.weight",
    SsmConv1d = "ssm_conv1d.weight",
    SsmConv1dBias = "ssm_conv1d.bias",
    SsmConv1dQ = "ssm_conv1d_q.weight",
    SsmConv1dK = "ssm_conv1d_k.weight",
    SsmConv1dV = "ssm_conv1d_v.weight",
    SsmX = "ssm_x.weight",
    SsmDtNorm = "ssm_dt_norm.weight",
    SsmDt = "ssm_dt.weight",
    SsmDtBias = "ssm_dt.bias",
    SsmBNorm = "ssm_b_norm.weight",
    SsmCNorm = "ssm_c_norm.weight",
    SsmA = "ssm_a",
    SsmD = "ssm_d",
    SsmBa = "ssm_ba.weight",
    SsmBeta = "ssm_beta.weight",
    SsmAlpha = "ssm_alpha.weight",
    SsmFA = "ssm_f_a.weight",
    SsmFB = "ssm_f_b.weight",
    SsmGA = "ssm_g_a.weight",
    SsmGB = "ssm_g_b.weight",
    SsmG = "ssm_g.weight",
    SsmNorm = "ssm_norm.weight",
    SsmOut = "ssm_out.weight",
    ShortConvConv = "shortconv.conv.weight",
    ShortConvIn = "shortconv.in_proj.weight",
    ShortConvOut = "shortconv.out_proj.weight",

    AttnOutputNorm = "attn_output_norm.weight",
    AttnOutputNormBias = "attn_output_norm.bias",
    PostAttentionNorm = "post_attention_norm.weight",
    PostAttentionNormBias = "post_attention_norm.bias",
    AttnKNorm = "attn_k_norm.weight",
    AttnQNorm = "attn_q_norm.weight",
    AttnSubNorm = "attn_sub_norm.weight",

    FfnNorm = "ffn_norm.weight",
    FfnNormBias = "ffn_norm.bias",
    FfnGate = "ffn_gate.weight",
    FfnDown = "ffn_down.weight",
    FfnUp = "ffn_up.weight",
    FfnGateBias = "ffn_gate.bias",
    FfnDownBias = "ffn_down.bias",
    FfnUpBias = "ffn_up.bias",
    FfnGateInp = "ffn_gate_inp.weight",
    FfnGateInpBias = "ffn_gate_inp.bias",
    FfnGateInpScale = "ffn_gate_inp.scale",
    FfnGateTid2Eid = "ffn_gate_tid2eid.weight",
    ExpProbsBias = "exp_probs_b.bias",
    FfnNormExps = "ffn_norm_exps.weight",
    FfnGateUpExps = "ffn_gate_up_exps.weight",
    FfnGateExps = "ffn_gate_exps.weight",
    FfnDownExps = "ffn_down_exps.weight",
    FfnDownExpsScale = "ffn_down_exps.scale",
    FfnUpExps = "ffn_up_exps.weight",
    FfnGateExpsBias = "ffn_gate_exps.bias",
    FfnDownExpsBias = "ffn_down_exps.bias",
    FfnUpExpsBias = "ffn_up_exps.bias",
    FfnLatentDown = "ffn_latent_down.weight",
    FfnLatentUp = "ffn_latent_up.weight",
    FfnLatentNorm = "ffn_latent_norm.weight",
    FfnRoutedDown = "ffn_routed_down.weight",
    FfnRoutedUp = "ffn_routed_up.weight",
    FfnRoutedNorm = "ffn_routed_norm.weight",
    FfnGateInpShexp = "ffn_gate_inp_shexp.weight",
    FfnGateShexp = "ffn_gate_shexp.weight",
    FfnDownShexp = "ffn_down_shexp.weight",
    FfnUpShexp = "ffn_up_shexp.weight",
    FfnPreNorm2 = "pre_ffw_norm_2.weight",
    PostFfwNorm1 = "post_ffw_norm_1.weight",
    PostFfwNorm2 = "post_ffw_norm_2.weight",
    PostFfwNorm = "post_ffw_norm.weight",
    LayerOutputNorm = "layer_output_norm.weight",
    LayerOutputNormBias = "layer_output_norm.bias",
    LayerOutputScale = "layer_output_scale.weight",

    PerLayerInpGate = "inp_gate.weight",
    PerLayerProj = "proj.weight",
    PerLayerPostNorm = "post_norm.weight",
    AltupCorrectCoef = "altup_correct_coef.weight",
    AltupCorrectScale = "altup_correct_scale.weight",
    AltupPredictCoef = "altup_predict_coef.weight",
    AltupRouter = "altup_router.weight",
    AltupRouterNorm = "altup_router_norm.weight",
    LaurelL = "laurel_l.weight",
    LaurelR = "laurel_r.weight",
    LaurelPostNorm = "laurel_post_norm.weight",

    NextnEhProj = "nextn.eh_proj.weight",
    NextnEnorm = "nextn.enorm.weight",
    NextnHnorm = "nextn.hnorm.weight",
    NextnEmbedTokens = "nextn.embed_tokens.weight",
    NextnSharedHeadHead = "nextn.shared_head_head.weight",
    NextnSharedHeadNorm = "nextn.shared_head_norm.weight",

    OutputNorm = "output_norm.weight",
    OutputNormBias = "output_norm.bias",
    Output = "output.weight",
    OutputBias = "output.bias",

    /// Vision or audio tower and its projector as one tensor; in GGUF they are a separate file
    /// (mmproj).
    Vision = "vision",
    /// MTP layers of which only the number of parameters is known.
    Mtp = "mtp",
    /// Lookup tables, of which a token reads a few rows.
    LookupTable = "lookup_table",
    /// Parameters of which only the number is known.
    Other = "other",
}

impl Role {
    /// Whether this is a matrix of routed experts, which `--n-cpu-moe` can leave on the host.
    pub const fn is_expert(self) -> bool {
        matches!(
            self,
            Role::FfnGateExps
                | Role::FfnGateUpExps
                | Role::FfnUpExps
                | Role::FfnDownExps
                | Role::FfnGateExpsBias
                | Role::FfnUpExpsBias
                | Role::FfnDownExpsBias
        )
    }
}

impl Role {
    /// Returns the role of a norm's bias.
    pub(crate) const fn bias(self) -> Option<Role> {
        Some(match self {
            Role::TokenEmbdNorm => Role::TokenEmbdNormBias,
            Role::OutputNorm => Role::OutputNormBias,
            Role::AttnNorm => Role::AttnNormBias,
            Role::AttnNorm2 => Role::AttnNorm2Bias,
            Role::AttnOutputNorm => Role::AttnOutputNormBias,
            Role::PostAttentionNorm => Role::PostAttentionNormBias,
            Role::FfnNorm => Role::FfnNormBias,
            Role::LayerOutputNorm => Role::LayerOutputNormBias,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn every_name_leads_back_to_its_role() {
        for role in Role::ALL {
            assert_eq!(Role::from_gguf_name(role.gguf_name()), Some(*role));
        }
        assert_eq!(Role::from_gguf_name("blk.12.attn_q.weight"), Some(Role::AttnQ));
        assert_eq!(Role::from_gguf_name("blk.12.unheard_of.weight"), None);
    }
}
