//! What a tensor is for, with the name llama.cpp gives it in a GGUF file.

macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a tensor is for. Experts are stacked: one tensor holds all experts of a layer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum Role { $($(#[$doc])* $variant,)* }

        impl Role {
            /// Every role.
            pub const ALL: &'static [Role] = &[$(Role::$variant,)*];

            /// The tensor's name in a GGUF file, without the `blk.N.` in front.
            pub const fn gguf_name(self) -> &'static str {
                match self { $(Role::$variant => $name,)* }
            }

            /// The role of a GGUF tensor name, with or without its `blk.N.`.
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

roles! {
    TokenEmbd = "token_embd.weight",
    TokenEmbdNorm = "token_embd_norm.weight",
    TokenEmbdNormBias = "token_embd_norm.bias",
    PositionEmbd = "position_embd.weight",
    TokenTypes = "token_types.weight",
    PerLayerTokenEmbd = "per_layer_token_embd.weight",
    PerLayerModelProj = "per_layer_model_proj.weight",
    PerLayerProjNorm = "per_layer_proj_norm.weight",
    RopeFreqs = "rope_freqs.weight",
    RopeFactorsLong = "rope_factors_long.weight",
    RopeFactorsShort = "rope_factors_short.weight",
    OutputNorm = "output_norm.weight",
    OutputNormBias = "output_norm.bias",
    Output = "output.weight",
    OutputBias = "output.bias",

    AttnNorm = "attn_norm.weight",
    AttnNormBias = "attn_norm.bias",
    AttnNorm2 = "attn_norm_2.weight",
    AttnNorm2Bias = "attn_norm_2.bias",
    PostAttentionNorm = "post_attention_norm.weight",
    PostAttentionNormBias = "post_attention_norm.bias",
    AttnQ = "attn_q.weight",
    AttnK = "attn_k.weight",
    AttnV = "attn_v.weight",
    AttnQkv = "attn_qkv.weight",
    AttnQBias = "attn_q.bias",
    AttnKBias = "attn_k.bias",
    AttnVBias = "attn_v.bias",
    AttnQkvBias = "attn_qkv.bias",
    AttnOutput = "attn_output.weight",
    AttnOutputBias = "attn_output.bias",
    AttnQNorm = "attn_q_norm.weight",
    AttnKNorm = "attn_k_norm.weight",
    AttnSubNorm = "attn_sub_norm.weight",
    AttnSinks = "attn_sinks.weight",
    AttnGate = "attn_gate.weight",

    AttnQA = "attn_q_a.weight",
    AttnQANorm = "attn_q_a_norm.weight",
    AttnQB = "attn_q_b.weight",
    AttnKvAMqa = "attn_kv_a_mqa.weight",
    AttnKvANorm = "attn_kv_a_norm.weight",
    AttnKvB = "attn_kv_b.weight",
    AttnKB = "attn_k_b.weight",
    AttnVB = "attn_v_b.weight",
    /// All tensors of a sparse-attention indexer together.
    Indexer = "indexer",

    FfnNorm = "ffn_norm.weight",
    FfnNormBias = "ffn_norm.bias",
    PostFfwNorm = "post_ffw_norm.weight",
    FfnGate = "ffn_gate.weight",
    FfnUp = "ffn_up.weight",
    FfnDown = "ffn_down.weight",
    FfnGateBias = "ffn_gate.bias",
    FfnUpBias = "ffn_up.bias",
    FfnDownBias = "ffn_down.bias",
    FfnGateInp = "ffn_gate_inp.weight",
    FfnGateInpBias = "ffn_gate_inp.bias",
    ExpProbsBias = "exp_probs_b.bias",
    FfnGateExps = "ffn_gate_exps.weight",
    FfnUpExps = "ffn_up_exps.weight",
    FfnDownExps = "ffn_down_exps.weight",
    FfnGateExpsBias = "ffn_gate_exps.bias",
    FfnUpExpsBias = "ffn_up_exps.bias",
    FfnDownExpsBias = "ffn_down_exps.bias",
    FfnGateInpShexp = "ffn_gate_inp_shexp.weight",
    FfnGateShexp = "ffn_gate_shexp.weight",
    FfnUpShexp = "ffn_up_shexp.weight",
    FfnDownShexp = "ffn_down_shexp.weight",
    FfnLatentDown = "ffn_latent_down.weight",
    FfnLatentUp = "ffn_latent_up.weight",

    SsmIn = "ssm_in.weight",
    SsmConv1d = "ssm_conv1d.weight",
    SsmConv1dBias = "ssm_conv1d.bias",
    SsmX = "ssm_x.weight",
    SsmDt = "ssm_dt.weight",
    SsmDtBias = "ssm_dt.bias",
    SsmDtNorm = "ssm_dt_norm.weight",
    SsmBNorm = "ssm_b_norm.weight",
    SsmCNorm = "ssm_c_norm.weight",
    SsmA = "ssm_a",
    SsmD = "ssm_d",
    SsmNorm = "ssm_norm.weight",
    SsmOut = "ssm_out.weight",
    SsmBa = "ssm_ba.weight",
    SsmAlpha = "ssm_alpha.weight",
    SsmBeta = "ssm_beta.weight",
    SsmConv1dQ = "ssm_conv1d_q.weight",
    SsmConv1dK = "ssm_conv1d_k.weight",
    SsmConv1dV = "ssm_conv1d_v.weight",
    SsmFA = "ssm_f_a.weight",
    SsmFB = "ssm_f_b.weight",
    SsmGA = "ssm_g_a.weight",
    SsmGB = "ssm_g_b.weight",

    ShortConvConv = "shortconv.conv.weight",
    ShortConvIn = "shortconv.in_proj.weight",
    ShortConvOut = "shortconv.out_proj.weight",

    NextnEhProj = "nextn.eh_proj.weight",
    NextnEnorm = "nextn.enorm.weight",
    NextnHnorm = "nextn.hnorm.weight",
    NextnEmbedTokens = "nextn.embed_tokens.weight",
    NextnSharedHeadHead = "nextn.shared_head_head.weight",
    NextnSharedHeadNorm = "nextn.shared_head_norm.weight",

    /// Vision or audio tower and its projector, as one figure; a GGUF keeps them in a file of
    /// their own (mmproj).
    Vision = "vision",
    /// MTP layers that are known by their parameter count only.
    Mtp = "mtp",
    /// Lookup tables read a few rows a token.
    LookupTable = "lookup_table",
    /// Parameters known by their count only.
    Other = "other",
}

impl Role {
    /// A matrix of routed experts: the part that `--n-cpu-moe` can leave on the host.
    pub const fn is_expert(self) -> bool {
        matches!(
            self,
            Role::FfnGateExps
                | Role::FfnUpExps
                | Role::FfnDownExps
                | Role::FfnGateExpsBias
                | Role::FfnUpExpsBias
                | Role::FfnDownExpsBias
        )
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
