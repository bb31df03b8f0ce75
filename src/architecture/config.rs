//! A model's configuration as the catalogue stores it: the keys of its `config.json`, normalised.
//!
//! Names are those of Hugging Face configurations, with the many spellings of the same thing
//! brought to one, and what a family implies (biases, norms) stated. `build.rs` includes this file
//! too, so it stands alone.

use serde::{Deserialize, Serialize};

/// The normalised configuration of a model. Absent numbers are 0 where 0 means "has none".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Hugging Face's `model_type` of the text model, such as `qwen3_moe`.
    pub model_type: String,
    /// E.
    pub hidden_size: u64,
    /// Repeating layers.
    pub num_hidden_layers: u64,
    /// Rows of the embedding table.
    pub vocab_size: u64,
    /// Longest context trained for, tokens.
    pub max_position_embeddings: Option<u64>,
    /// The output head is the embedding table.
    pub tie_word_embeddings: bool,
    /// How frequencies of the rotary embedding are stretched, where a GGUF file stores the factors.
    pub rope_factors: RopeFactors,

    /// The kind of normalisation.
    pub norm_type: NormType,
    /// Norms over the hidden size in a layer, where not 2.
    pub norms_per_layer: Option<u64>,
    /// A norm over the embeddings.
    pub embed_norm: bool,
    /// There is no norm after the last layer.
    pub no_final_norm: bool,

    /// One letter a layer: F full, S sliding-window, C chunked, D sparse attention, L gated delta
    /// net, K Kimi delta attention, G lightning, M Mamba 1, N Mamba 2, X short convolution,
    /// H attention and Mamba 2 side by side, - none. Empty: all F.
    pub layer_pattern: String,
    /// One letter a layer: d dense, m mixture of experts, b both, - none. Empty: experts after
    /// `first_k_dense_replace` where there are experts, else all dense.
    pub ffn_pattern: String,

    /// Query heads.
    pub num_attention_heads: u64,
    /// Key/value heads.
    pub num_key_value_heads: u64,
    /// Elements of a query/key head.
    pub head_dim: u64,
    /// Elements of a value head, where it differs.
    pub v_head_dim: Option<u64>,
    /// Biases on Q, K, V (MLA: on the down-projections).
    pub attention_bias: bool,
    /// A bias on the output projection.
    pub attention_out_bias: bool,
    /// Norms on queries and keys.
    pub qk_norm: QkNormType,
    /// A gate on the attention output.
    pub attn_output_gate: GateType,
    /// Learned sink logits.
    pub sinks: bool,
    /// Tokens a sliding-window or chunked layer sees.
    pub sliding_window: Option<u64>,
    /// Query heads of sliding-window layers, where they differ.
    pub swa_num_attention_heads: Option<u64>,
    /// Key/value heads of sliding-window layers, where they differ.
    pub swa_num_key_value_heads: Option<u64>,
    /// Head size of full-attention layers, where it differs.
    pub global_head_dim: Option<u64>,
    /// Key/value heads of full-attention layers, where they differ.
    pub num_global_key_value_heads: Option<u64>,
    /// Full-attention layers use keys as values.
    pub attention_k_eq_v: bool,
    /// From this layer on, keys and values of an earlier layer are reused; the unused
    /// projections are in the checkpoint all the same.
    pub kv_shared_from: Option<u64>,
    /// Layers that attend to image features only.
    pub cross_attention_layers: u64,
    /// Key/value heads and FFN width of each layer, where a search chose them; 0 means none.
    pub block_configs: Vec<(u64, u64)>,

    /// MLA: rank of the query down-projection; 0 for a full projection.
    pub q_lora_rank: u64,
    /// MLA: rank of the cached latent; 0 where the model has no MLA.
    pub kv_lora_rank: u64,
    /// MLA: position-free elements of a query/key head.
    pub qk_nope_head_dim: u64,
    /// MLA: rotary elements of a query/key head.
    pub qk_rope_head_dim: u64,
    /// Attention and dense blocks in each layer, where more than one (LongCat).
    pub sublayers_per_layer: Option<u64>,
    /// Sparse attention: indexer query heads.
    pub index_n_heads: u64,
    /// Sparse attention: elements of an indexer key.
    pub index_head_dim: u64,
    /// Sparse attention: tokens (blocks) attended to.
    pub index_topk: u64,
    /// Sparse attention, one letter a layer: f has an indexer, s shares an earlier one. Empty: f.
    pub indexer_pattern: String,
    /// Sparse attention: tokens that the indexer's keys are pooled over; 0 where they are not.
    pub index_pool: u64,
    /// DeepSeek-V4: tokens to a compressed entry in each layer, 0 for the window only.
    pub compress_ratios: Vec<u64>,
    /// DeepSeek-V4: groups of the output projection.
    pub o_groups: u64,
    /// DeepSeek-V4: rank of a group's output down-projection.
    pub o_lora_rank: u64,
    /// Streams of the hyper-connections around each block; 0 where there are none.
    pub hc_mult: u64,
    /// The streams of the hyper-connections are not mixed by a head at the end.
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
    /// Kimi delta attention: full-rank decay projection.
    pub kda_full_rank_f: bool,
    /// Kimi delta attention: full-rank gate projection.
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
    /// Mamba 2: no gated norm before the output projection.
    pub mamba_no_norm: bool,
    /// Mamba 1: norms on dt, B and C.
    pub mamba_inner_norms: bool,
    /// Taps of the gated short convolution.
    pub conv_kernel: u64,

    /// FF, width of a dense block.
    pub intermediate_size: u64,
    /// FF of each layer, where they differ.
    pub intermediate_sizes: Vec<u64>,
    /// Feed-forward blocks have two matrices rather than three.
    pub mlp_plain: bool,
    /// Biases in dense feed-forward blocks.
    pub mlp_bias: bool,
    /// Learned scalars of the activation in each layer (xIELU).
    pub act_params_per_layer: u64,
    /// Routed experts.
    pub num_experts: u64,
    /// Routed experts a token.
    pub num_experts_per_tok: u64,
    /// Further choices of the router that cost nothing (LongCat).
    pub zero_expert_num: u64,
    /// Width of an expert.
    pub moe_intermediate_size: u64,
    /// Width that experts read and write, where it differs from E.
    pub moe_latent_size: Option<u64>,
    /// A norm on the expert latent.
    pub latent_norm: bool,
    /// Width of all shared experts together.
    pub shared_expert_intermediate_size: u64,
    /// A gate on the shared expert.
    pub shared_expert_gate: bool,
    /// Leading layers whose experts are picked by a table over token ids (DeepSeek-V4).
    pub num_hash_layers: u64,
    /// Leading layers with a dense block.
    pub first_k_dense_replace: u64,
    /// A selection bias for each expert.
    pub router_bias: bool,
    /// A bias on the router's projection.
    pub router_linear_bias: bool,
    /// Biases in the experts.
    pub expert_bias: bool,
    /// Further parameters of each router.
    pub router_extra: u64,

    /// Learned position embeddings: rows.
    pub learned_positions: u64,
    /// Token-type embeddings: rows.
    pub token_type_vocab_size: u64,
    /// Width of the embedding rows, where it differs from E (OPT-350m).
    pub word_embed_proj_dim: Option<u64>,
    /// A bias on the output head.
    pub lm_head_bias: bool,
    /// Per-layer embeddings: elements a layer.
    pub hidden_size_per_layer_input: u64,
    /// Per-layer embeddings: rows.
    pub vocab_size_per_layer_input: u64,
    /// AltUp: streams that a layer reads and predicts (Gemma 3n).
    pub altup_num_inputs: u64,
    /// LAuReL: rank of the learned residual (Gemma 3n).
    pub laurel_rank: u64,
    /// n-gram or Engram tables: parameters.
    pub engram_params: u64,
    /// Vision and audio towers: parameters.
    pub vision_params: u64,
    /// Parameters whose layout is not known.
    pub extra_params: u64,
    /// Parameters in each layer whose layout is not known.
    pub per_layer_extra: u64,

    /// MTP layers in the checkpoint.
    pub num_nextn_predict_layers: u64,
    /// How they are laid out.
    pub mtp_kind: MtpKind,
    /// Each stores a copy of the embedding table.
    pub mtp_stores_embed: bool,
    /// Each stores a copy of the output head.
    pub mtp_stores_head: bool,
    /// They have a dense block in a model of experts.
    pub mtp_dense: bool,
    /// Parameters of all of them, where that is all that is known.
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
    /// Nothing is stored.
    NonParametric,
}

/// Norms on queries and keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QkNormType {
    /// None.
    #[default]
    None,
    /// One vector for all heads.
    Head,
    /// One vector for each head.
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
    /// One value a head.
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
    /// There are none, or only their number of parameters is known.
    #[default]
    Unknown,
    /// A repeating layer with a projection of embedding and hidden state in front (DeepSeek-V3).
    Deepseek,
    /// The same with hyper-connections and no compression (DeepSeek-V4).
    DeepseekV4,
}
