//! A model's configuration as stored in the catalogue: the normalised keys of its `config.json`.
//!
//! Names are those of Hugging Face configurations, with one spelling per concept, and with the
//! implications of a family (biases, norms) stated. `build.rs` includes this file too, so it
//! depends on no other.

use serde::{Deserialize, Serialize};

/// The normalised configuration of a model. Absent numbers are 0 if 0 means "has none".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Hugging Face's `model_type` of the text model, such as `qwen3_moe`.
    pub model_type: String,
    /// E, the width of the residual stream.
    pub hidden_size: u64,
    /// Number of repeating layers.
    pub num_hidden_layers: u64,
    /// Rows of the embedding table.
    pub vocab_size: u64,
    /// Longest context that the model was trained for, in tokens.
    pub max_position_embeddings: Option<u64>,
    /// Whether the output head is the embedding table.
    pub tie_word_embeddings: bool,
    /// Scaling of the rotary frequencies, if a GGUF file stores the factors.
    pub rope_factors: RopeFactors,

    /// The kind of normalisation.
    pub norm_type: NormType,
    /// Number of norms over the hidden size per layer, if not 2.
    pub norms_per_layer: Option<u64>,
    /// Whether there is a norm over the embeddings.
    pub embed_norm: bool,
    /// Whether there is no norm after the last layer.
    pub no_final_norm: bool,

    /// Mixer of each layer, one letter a layer: F full, S sliding-window, C chunked, D sparse
    /// attention, L gated delta net, K Kimi delta attention, G lightning, M Mamba 1, N Mamba 2, X
    /// short convolution, H attention and Mamba 2 side by side, - none. Empty: all F.
    pub layer_pattern: String,
    /// Feed-forward block of each layer, one letter a layer: d dense, m mixture of experts, b both, -
    /// none. Empty: experts after `first_k_dense_replace` if there are experts, otherwise all dense.
    pub ffn_pattern: String,

    /// Query heads.
    pub num_attention_heads: u64,
    /// Key/value heads.
    pub num_key_value_heads: u64,
    /// Elements of a query/key head.
    pub head_dim: u64,
    /// Elements of a value head, if different.
    pub v_head_dim: Option<u64>,
    /// Whether Q, K and V have biases (MLA: the down-projections).
    pub attention_bias: bool,
    /// Whether the output projection of attention has a bias.
    pub attention_out_bias: bool,
    /// Norms on queries and keys.
    pub qk_norm: QkNormType,
    /// A gate on the attention output.
    pub attn_output_gate: GateType,
    /// Whether there are learned sink logits.
    pub sinks: bool,
    /// Window of a sliding-window or chunked layer, in tokens.
    pub sliding_window: Option<u64>,
    /// Query heads of sliding-window layers, if different.
    pub swa_num_attention_heads: Option<u64>,
    /// Key/value heads of sliding-window layers, if different.
    pub swa_num_key_value_heads: Option<u64>,
    /// Head size of full-attention layers, if different.
    pub global_head_dim: Option<u64>,
    /// Key/value heads of full-attention layers, if different.
    pub num_global_key_value_heads: Option<u64>,
    /// Whether full-attention layers use keys as values.
    pub attention_k_eq_v: bool,
    /// First layer that reuses the keys and values of an earlier one; its unused projections are
    /// still in the checkpoint.
    pub kv_shared_from: Option<u64>,
    /// Layers that attend to image features only.
    pub cross_attention_layers: u64,
    /// Key/value heads and FFN width of each layer, if chosen by a search; 0 means none.
    pub block_configs: Vec<(u64, u64)>,

    /// MLA: rank of the query down-projection; 0 for a full projection.
    pub q_lora_rank: u64,
    /// MLA: rank of the cached latent; 0 if the model has no MLA.
    pub kv_lora_rank: u64,
    /// MLA: position-free elements of a query/key head.
    pub qk_nope_head_dim: u64,
    /// MLA: rotary elements of a query/key head.
    pub qk_rope_head_dim: u64,
    /// Number of attention and dense blocks per layer, if more than one (LongCat).
    pub sublayers_per_layer: Option<u64>,
    /// Sparse attention: indexer query heads.
    pub index_n_heads: u64,
    /// Sparse attention: elements of an indexer key.
    pub index_head_dim: u64,
    /// Sparse attention: tokens (blocks) attended to.
    pub index_topk: u64,
    /// Sparse attention, one letter a layer: f has an indexer, s shares an earlier one. Empty: f.
    pub indexer_pattern: String,
    /// Sparse attention: rows of the table beside the gate that pools the indexer's keys; 0 if they
    /// are not pooled.
    pub index_pool: u64,
    /// Sparse attention: tokens that share a pooled key of the indexer; 0 if they are not pooled.
    pub index_kpool: u64,
    /// DeepSeek-V4: tokens per compressed entry in each layer; 0 for the window only.
    pub compress_ratios: Vec<u64>,
    /// DeepSeek-V4: groups of the output projection.
    pub o_groups: u64,
    /// DeepSeek-V4: rank of a group's output down-projection.
    pub o_lora_rank: u64,
    /// Number of streams of the hyper-connections around each block; 0 if there are none.
    pub hc_mult: u64,
    /// Whether the streams of the hyper-connections are not mixed by a head at the end.
    pub no_hc_head: bool,

    /// Gated delta net: key heads.
    pub linear_num_key_heads: u64,
    /// Gated delta net: elements of a key head.
    pub linear_key_head_dim: u64,
    /// Gated delta net: value heads.
    pub linear_num_value_heads: u64,
    /// Gated delta net: elements of a value head.
    pub linear_value_head_dim: u64,
    /// Kimi delta attention: heads.
    pub linear_num_heads: u64,
    /// Kimi delta attention: elements of a head.
    pub linear_head_dim: u64,
    /// Taps of the short convolution of linear attention.
    pub linear_conv_kernel_dim: u64,
    /// Kimi delta attention: whether the decay projection has full rank.
    pub kda_full_rank_f: bool,
    /// Kimi delta attention: whether the gate projection has full rank.
    pub kda_full_rank_gate: bool,
    /// Mamba: inner width.
    pub mamba_d_inner: u64,
    /// Mamba: state size.
    pub mamba_d_state: u64,
    /// Mamba: taps of the convolution.
    pub mamba_d_conv: u64,
    /// Mamba 1: rank of the time step projection.
    pub mamba_dt_rank: u64,
    /// Mamba 2: heads.
    pub mamba_num_heads: u64,
    /// Mamba 2: groups.
    pub mamba_n_groups: u64,
    /// Mamba 2: whether there is no gated norm before the output projection.
    pub mamba_no_norm: bool,
    /// Mamba 1: whether dt, B and C have norms.
    pub mamba_inner_norms: bool,
    /// Taps of the gated short convolution.
    pub conv_kernel: u64,

    /// FF, width of a dense block.
    pub intermediate_size: u64,
    /// FF of each layer, if they differ.
    pub intermediate_sizes: Vec<u64>,
    /// Whether feed-forward blocks have two matrices rather than three.
    pub mlp_plain: bool,
    /// Whether dense feed-forward blocks have biases.
    pub mlp_bias: bool,
    /// Number of learned scalars of the activation per layer (xIELU).
    pub act_params_per_layer: u64,
    /// Number of routed experts.
    pub num_experts: u64,
    /// Number of routed experts per token.
    pub num_experts_per_tok: u64,
    /// Number of additional choices of the router that cost nothing (LongCat).
    pub zero_expert_num: u64,
    /// Width of an expert.
    pub moe_intermediate_size: u64,
    /// Width that experts read and write, if different from E.
    pub moe_latent_size: Option<u64>,
    /// Whether the expert latent has a norm.
    pub latent_norm: bool,
    /// Width of all shared experts together.
    pub shared_expert_intermediate_size: u64,
    /// Whether the shared expert has a gate.
    pub shared_expert_gate: bool,
    /// Number of leading layers whose experts are chosen by a table over token ids (DeepSeek-V4).
    pub num_hash_layers: u64,
    /// Number of leading layers with a dense block.
    pub first_k_dense_replace: u64,
    /// Whether each expert has a selection bias.
    pub router_bias: bool,
    /// Whether the router's projection has a bias.
    pub router_linear_bias: bool,
    /// Whether the experts have biases.
    pub expert_bias: bool,
    /// Number of additional parameters of each router.
    pub router_extra: u64,

    /// Learned position embeddings: rows.
    pub learned_positions: u64,
    /// Token-type embeddings: rows.
    pub token_type_vocab_size: u64,
    /// Width of the embedding rows, if different from E (OPT-350m).
    pub word_embed_proj_dim: Option<u64>,
    /// Whether the output head has a bias.
    pub lm_head_bias: bool,
    /// Per-layer embeddings: elements per layer.
    pub hidden_size_per_layer_input: u64,
    /// Per-layer embeddings: rows.
    pub vocab_size_per_layer_input: u64,
    /// AltUp: number of streams that a layer reads and predicts (Gemma 3n).
    pub altup_num_inputs: u64,
    /// LAuReL: rank of the learned residual (Gemma 3n).
    pub laurel_rank: u64,
    /// n-gram or Engram tables: parameters.
    pub engram_params: u64,
    /// Vision and audio towers: parameters.
    pub vision_params: u64,
    /// Number of parameters of unknown layout.
    pub extra_params: u64,
    /// Number of parameters of unknown layout per layer.
    pub per_layer_extra: u64,

    /// Number of MTP layers in the checkpoint.
    pub num_nextn_predict_layers: u64,
    /// Layout of the MTP layers.
    pub mtp_kind: MtpKind,
    /// Whether each MTP layer stores a copy of the embedding table.
    pub mtp_stores_embed: bool,
    /// Whether each MTP layer stores a copy of the output head.
    pub mtp_stores_head: bool,
    /// Whether the MTP layers have a dense block in a mixture of experts.
    pub mtp_dense: bool,
    /// Number of parameters of all MTP layers, if nothing else is known of them.
    pub mtp_params: u64,
}

/// The kind of normalisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormType {
    /// Weight only.
    #[default]
    RmsNorm,
    /// Weight and bias.
    LayerNorm,
    /// Weight only.
    LayerNormNoBias,
    /// A norm without parameters.
    NonParametric,
}

/// Norms on queries and keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QkNormType {
    /// None.
    #[default]
    None,
    /// One vector shared by all heads.
    Head,
    /// One vector per head.
    EachHead,
    /// One vector over all heads.
    Full,
}

/// A gate on the attention output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateType {
    /// None.
    #[default]
    None,
    /// In a query projection of twice the width.
    InQuery,
    /// A projection as wide as the attention output.
    Full,
    /// One value per head.
    Head,
}

/// Rotary factors that llama.cpp's converter stores as tensors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RopeFactors {
    /// None.
    #[default]
    None,
    /// One tensor (Llama 3.1 scaling).
    Llama3,
    /// A long and a short one (LongRoPE); holds the rotary elements of a head.
    LongRope(u64),
}

/// Layout of MTP layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MtpKind {
    /// No MTP layers, or only their number of parameters is known.
    #[default]
    Unknown,
    /// A repeating layer with a projection of embedding and hidden state in front (DeepSeek-V3).
    Deepseek,
    /// A repeating layer with such a projection, hyper-connections and no compression
    /// (DeepSeek-V4).
    DeepseekV4,
}
