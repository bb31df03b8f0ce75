//! Architectures of models: their layers, and the list of their tensors.
//!
//! [`Architecture`] describes a decoder by its blocks. [`tensors`] turns it into the list from
//! which every size in Headroom is computed: parameter counts, weight bytes, bytes read per token.

pub mod config;
mod family;
mod from_config;
mod gguf_order;
mod role;
mod tensors;

pub use role::Role;
pub use tensors::{Count, Group, Place, Shape, Tensor, count, count_of, tensors};

/// A decoder-only language model (or an encoder), block by block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Architecture {
    /// Name of the architecture in llama.cpp (`general.architecture` in a GGUF file), such as
    /// `llama`, `qwen3moe` or `deepseek2`; `None` if llama.cpp cannot run the model.
    pub gguf_arch: Option<String>,
    /// E, the width of the residual stream.
    pub hidden_size: u64,
    /// V, rows of the embedding table in the checkpoint.
    pub vocab_size: u64,
    /// Rows of the embedding table in a GGUF file: fewer than `vocab_size` if the converter trims
    /// padding rows (Gemma 3: 262144 of 262208).
    pub gguf_vocab_size: u64,
    /// Whether the output head is the embedding table.
    pub tied_embeddings: bool,
    /// Longest context the model was trained for, in tokens.
    pub max_context: Option<u64>,
    /// Window of sliding-window (or chunked) attention layers in tokens, if there are any.
    pub sliding_window: Option<u64>,
    /// The repeating layers in order, without MTP layers.
    pub layers: Vec<Layer>,
    /// Multi-token-prediction layers, if the checkpoint has any.
    pub mtp: Option<Mtp>,
    /// Tensors outside the repeating layers, besides embedding, final norm and head.
    pub extras: Extras,
    /// Storage of the model's norms.
    pub norm: NormKind,
}

/// One repeating layer: a token mixer followed by a feed-forward block (either may be absent).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layer {
    /// The token mixer.
    pub mixer: Mixer,
    /// The feed-forward block.
    pub ffn: Ffn,
    /// Norms over the hidden size in this layer, each named by its tensor.
    pub norms: Vec<Role>,
    /// Tensors besides mixer, feed-forward block and norms, which only some families have.
    pub extra: Vec<ExtraTensor>,
    /// Whether attention and FFN read the same input and are added (Command-R, Phi-2, Falcon).
    pub parallel: bool,
}

/// A tensor that does not follow from the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExtraTensor {
    /// Role of the tensor.
    pub role: Role,
    /// Dimensions of the tensor.
    pub shape: Shape,
    /// Files that contain the tensor.
    pub place: Place,
}

/// Storage of a norm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NormKind {
    /// One weight vector.
    #[default]
    Rms,
    /// A weight and a bias vector.
    Layer,
    /// A layer norm with a weight vector only.
    LayerNoBias,
    /// A norm without parameters (OLMo 1).
    NonParametric,
}

/// The block of a layer that mixes information between tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mixer {
    /// Softmax attention with a key and a value per KV head: MHA, GQA, MQA.
    Attention(Attention),
    /// Multi-head latent attention (DeepSeek-V2 and later).
    Mla(Mla),
    /// Gated delta net (Qwen3-Next, Qwen3.5).
    GatedDeltaNet(GatedDeltaNet),
    /// Kimi delta attention.
    Kda(Kda),
    /// Lightning attention (MiniMax-01).
    Lightning(Lightning),
    /// Mamba 1.
    Mamba1(Mamba1),
    /// Mamba 2.
    Mamba2(Mamba2),
    /// Attention over compressed blocks of tokens and a sliding window (DeepSeek-V4).
    Compressed(Compressed),
    /// Gated short convolution (LFM2).
    ShortConv {
        /// Taps of the convolution.
        kernel: u64,
    },
    /// Attention and Mamba 2 side by side in one layer (Falcon-H1).
    AttentionAndMamba2(Attention, Mamba2),
    /// No mixer: the layer is a feed-forward block only (Nemotron-H).
    None,
}

impl Mixer {
    /// Returns the softmax attention of the layer, if it keeps K and V per head.
    pub fn attention(&self) -> Option<&Attention> {
        match self {
            Mixer::Attention(a) | Mixer::AttentionAndMamba2(a, _) => Some(a),
            _ => None,
        }
    }

    /// Returns the indexer of the layer's sparse attention, if there is one.
    pub fn indexer(&self) -> Option<&Indexer> {
        match self {
            Mixer::Mla(m) => m.indexer.as_ref(),
            Mixer::Compressed(c) => c.indexer.as_ref(),
            mixer => mixer.attention()?.indexer.as_ref(),
        }
    }

    /// Returns the Mamba-2 block of the layer, if there is one.
    pub fn mamba2(&self) -> Option<&Mamba2> {
        match self {
            Mixer::Mamba2(m) | Mixer::AttentionAndMamba2(_, m) => Some(m),
            _ => None,
        }
    }
}

/// The tokens that an attention layer attends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttentionSpan {
    /// All earlier tokens.
    Full,
    /// The last `sliding_window` tokens.
    Sliding,
    /// The current chunk of `sliding_window` tokens (Llama 4).
    Chunked,
    /// A subset chosen by an indexer (DeepSeek sparse attention); the cache still holds all.
    Sparse,
}

/// Attention with `heads` queries sharing `kv_heads` keys and values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attention {
    /// H, query heads.
    pub heads: u64,
    /// Key/value heads; divides `heads`.
    pub kv_heads: u64,
    /// Elements of a query or key head.
    pub head_dim: u64,
    /// Elements of a value head.
    pub v_head_dim: u64,
    /// Tokens that the layer attends to.
    pub reach: AttentionSpan,
    /// Whether the Q, K and V projections have biases.
    pub qkv_bias: bool,
    /// Whether the output projection has a bias.
    pub out_bias: bool,
    /// Norms on queries and keys.
    pub qk_norm: QkNorm,
    /// A gate on the attention output.
    pub output_gate: OutputGate,
    /// Whether there is a learned sink logit per head (gpt-oss).
    pub sinks: bool,
    /// Whether Q, K and V are one tensor in a GGUF file (Phi-3, GPT-NeoX, Bloom, Falcon ...).
    pub fused_qkv: bool,
    /// Whether keys are used as values, without a V projection (Gemma 4 global layers).
    pub k_eq_v: bool,
    /// Source of the keys and values.
    pub kv_source: KvSource,
    /// Sparse-attention indexer, which has its own key cache.
    pub indexer: Option<Indexer>,
}

/// Source of a layer's keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KvSource {
    /// The layer computes and caches its own keys and values.
    Own,
    /// The layer reuses an earlier layer's cache (Gemma 3n, Gemma 4 E2B/E4B).
    Shared {
        /// Whether the unused K and V projections are still in the checkpoint.
        stored: bool,
    },
    /// The layer attends to image features only (Llama 3.2 Vision cross attention).
    Image,
}

/// Norms on queries and keys before attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QkNorm {
    /// None.
    None,
    /// One vector of `head_dim` for all query heads and one for all key heads.
    PerHead,
    /// A vector over all query heads and one over all key heads (OLMo 2, MiniMax-M2).
    Full,
    /// A vector of `head_dim` for each query head and each key head (Command-R+, StableLM 2 12B).
    EachHead,
}

/// A gate on the attention output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputGate {
    /// None.
    None,
    /// A gate in a query projection of twice the width (Qwen3-Next).
    InQuery,
    /// A separate projection E x (heads x head_dim) (AFMoE).
    Full,
    /// One value per head.
    PerHead,
}

/// Multi-head latent attention: K and V are expanded from one cached latent vector per token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mla {
    /// H, query heads.
    pub heads: u64,
    /// Rank of the query down-projection; `None` means a full query projection.
    pub q_lora_rank: Option<u64>,
    /// Rank of the cached latent.
    pub kv_lora_rank: u64,
    /// Elements of a query/key head without position.
    pub qk_nope_head_dim: u64,
    /// Elements of a query/key head with the rotary position; cached besides the latent.
    pub qk_rope_head_dim: u64,
    /// Elements of a value head.
    pub v_head_dim: u64,
    /// Whether the down-projections and the output have biases.
    pub bias: bool,
    /// A gate on the attention output.
    pub output_gate: OutputGate,
    /// Whether there is a learned sink logit per head.
    pub sinks: bool,
    /// Whether one tensor expands K and V in a GGUF file too (MiniCPM3), rather than two; llama.cpp
    /// then caches full keys and values.
    pub fused_kv_b: bool,
    /// Tokens that the layer attends to.
    pub reach: AttentionSpan,
    /// Sparse-attention indexer, which has its own key cache.
    pub indexer: Option<Indexer>,
}

/// The indexer of sparse attention, which scores cached tokens (or blocks) by small keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Indexer {
    /// Indexer query heads.
    pub heads: u64,
    /// Elements of an indexer key; one key is cached per token (or pool of them) and
    /// layer.
    pub head_dim: u64,
    /// Number of tokens (or blocks) attended to.
    pub top_k: u64,
    /// Width from which the indexer's queries are projected: the query latent, or E.
    pub query_rank: u64,
    /// Rows of the table beside the gate that pools the keys (GLM-5.3-Flash); 0 without pooling.
    pub pool: u64,
    /// Number of tokens that share a key, 1 without pooling.
    pub tokens_per_key: u64,
    /// Whether a separate projection weights the query heads, and the key norm has a bias
    /// (DeepSeek-V3.2); otherwise both have a plain norm (MiniMax-M3).
    pub weighted: bool,
}

/// DeepSeek-V4 attention: one key/value head of `head_dim`, of which a layer caches the last
/// `sliding_window` tokens unchanged and, if `ratio` is not 0, one entry per `ratio` earlier
/// tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Compressed {
    /// H, query heads.
    pub heads: u64,
    /// Elements of a head, including the rotary part.
    pub head_dim: u64,
    /// Elements of a head with the rotary position.
    pub rope_head_dim: u64,
    /// Rank of the query down-projection.
    pub q_lora_rank: u64,
    /// Groups of the output projection.
    pub out_groups: u64,
    /// Rank of each group's output down-projection.
    pub out_lora_rank: u64,
    /// Tokens per compressed entry; 0 if the layer has the window only.
    pub ratio: u64,
    /// The indexer that chooses compressed entries.
    pub indexer: Option<Indexer>,
}

impl Compressed {
    /// Whether blocks of `ratio` tokens overlap: the short ones (4) do, the long ones (128) do not.
    pub const fn overlaps(&self) -> bool {
        self.ratio > 0 && self.ratio < 128
    }
}

/// Gated delta net.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GatedDeltaNet {
    /// Key (and query) heads.
    pub key_heads: u64,
    /// Elements of a key head.
    pub key_head_dim: u64,
    /// Value heads.
    pub value_heads: u64,
    /// Elements of a value head.
    pub value_head_dim: u64,
    /// Taps of the short convolution.
    pub conv_kernel: u64,
    /// Whether alpha and beta are one tensor (Qwen3-Next) rather than two (Qwen3.5).
    pub fused_ba: bool,
}

/// Kimi delta attention.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kda {
    /// Heads.
    pub heads: u64,
    /// Elements of a head (keys and values alike).
    pub head_dim: u64,
    /// Taps of the short convolutions on q, k and v.
    pub conv_kernel: u64,
    /// Whether the decay projection has full rank, rather than the rank `head_dim`.
    pub full_rank_decay: bool,
    /// Whether the gate projection has full rank, rather than the rank `head_dim`.
    pub full_rank_gate: bool,
}

/// Lightning attention: linear attention with a full-width output gate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lightning {
    /// Heads.
    pub heads: u64,
    /// Elements of a head.
    pub head_dim: u64,
}

/// Mamba 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mamba1 {
    /// Inner width.
    pub d_inner: u64,
    /// State size.
    pub d_state: u64,
    /// Taps of the convolution.
    pub d_conv: u64,
    /// Rank of the time step projection.
    pub dt_rank: u64,
    /// Whether the convolution has a bias.
    pub conv_bias: bool,
    /// Whether dt, B and C have norms (Jamba).
    pub inner_norms: bool,
}

/// Mamba 2.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mamba2 {
    /// Inner width = heads x head dim.
    pub d_inner: u64,
    /// State size.
    pub d_state: u64,
    /// Taps of the convolution.
    pub d_conv: u64,
    /// Groups that share B and C.
    pub groups: u64,
    /// Heads.
    pub heads: u64,
    /// Whether the convolution has a bias.
    pub conv_bias: bool,
    /// Whether there is a gated norm before the output projection.
    pub norm: bool,
}

/// The feed-forward block of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ffn {
    /// One dense block.
    Dense(Dense),
    /// A mixture of experts.
    Moe(Moe),
    /// A dense block and a mixture of experts, added (Arctic, Gemma 4 26B-A4B).
    DenseAndMoe(Dense, Moe),
    /// No feed-forward block.
    None,
}

impl Ffn {
    /// Returns the mixture of experts of the layer, if there is one.
    pub fn moe(&self) -> Option<&Moe> {
        match self {
            Ffn::Moe(m) | Ffn::DenseAndMoe(_, m) => Some(m),
            _ => None,
        }
    }

    /// Returns the dense block of the layer, if there is one.
    pub fn dense(&self) -> Option<&Dense> {
        match self {
            Ffn::Dense(d) | Ffn::DenseAndMoe(d, _) => Some(d),
            _ => None,
        }
    }
}

/// A dense feed-forward block.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dense {
    /// FF, the inner width.
    pub intermediate_size: u64,
    /// Whether the block is gated (SwiGLU and the like: three matrices) or plain (two).
    pub gated: bool,
    /// Whether the projections have biases.
    pub bias: bool,
    /// Whether gate and up are one tensor in a GGUF file (Phi-3, GLM-4).
    pub fused_gate_up: bool,
}

/// A mixture of experts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Moe {
    /// Number of routed experts.
    pub experts: u64,
    /// Number of routed experts per token.
    pub experts_per_token: u64,
    /// Number of additional choices of the router that leave the token unchanged (LongCat).
    pub idle_experts: u64,
    /// FFx, the inner width of one expert.
    pub intermediate_size: u64,
    /// Width that experts read and write; differs from E if tokens are first projected to a latent
    /// (Nemotron 3 Super).
    pub hidden_size: u64,
    /// Whether the latent of the experts has a norm (Kimi K3).
    pub latent_norm: bool,
    /// Whether experts are gated (three matrices) or plain (two).
    pub gated: bool,
    /// Whether gate and up are one tensor in a GGUF file (Gemma 4).
    pub fused_gate_up: bool,
    /// Whether experts and router have biases (gpt-oss).
    pub expert_bias: bool,
    /// Whether the router's projection has a bias.
    pub router_linear_bias: bool,
    /// Whether each expert has a selection bias (`e_score_correction_bias`, DeepSeek-V3).
    pub router_bias: bool,
    /// Rows of a table with the experts of each token id, instead of `router_bias` (DeepSeek-V4's
    /// first layers); 0 if there is none.
    pub token_table: u64,
    /// Inner width of all shared experts together; 0 if there are none.
    pub shared_intermediate_size: u64,
    /// Whether the shared expert has a gate (Qwen2-MoE).
    pub shared_gate: bool,
}

/// Multi-token-prediction layers, each of which predicts one more token from the hidden state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mtp {
    /// The layers that are laid out like a repeating layer, block by block.
    pub layers: Vec<Layer>,
    /// Number of parameters of MTP layers that are not in `layers`, of unknown layout.
    pub params: u64,
    /// Whether each layer stores a copy of the embedding table.
    pub own_embedding: bool,
    /// Whether each layer stores a copy of the output head.
    pub own_head: bool,
    /// Whether llama.cpp's converter writes the layers into the GGUF file.
    pub in_gguf: bool,
}

/// Tensors outside the repeating layers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Whether there is a norm over the embeddings.
    pub embedding_norm: bool,
    /// Whether the final norm is absent.
    pub no_final_norm: bool,
    /// Whether the output head has a bias.
    pub head_bias: bool,
    /// Width of the embedding rows, if different from the hidden size.
    pub embedding_size: Option<u64>,
    /// Number of parameters of lookup tables, of which a token reads a few rows of E (n-gram).
    pub lookup_tables: u64,
    /// Number of parameters of vision and audio towers with their projectors.
    pub vision: u64,
    /// Other tensors: position embeddings, rotary factors, per-layer embeddings ...
    pub tensors: Vec<ExtraTensor>,
}

impl Architecture {
    /// Number of repeating layers.
    pub fn n_layers(&self) -> u64 {
        self.layers.len() as u64
    }

    /// The largest number of routed experts in any layer; 0 for a dense model.
    pub fn n_experts(&self) -> u64 {
        self.layers.iter().filter_map(|l| l.ffn.moe()).map(|m| m.experts).max().unwrap_or(0)
    }

    /// Inner width of the widest feed-forward block that a token passes through, in values: of a
    /// dense block, or of the shared and routed experts that one token uses together.
    pub fn widest_ffn(&self) -> u64 {
        let width = |layer: &Layer| {
            let dense = layer.ffn.dense().map_or(0, |d| d.intermediate_size);
            let moe = layer.ffn.moe().map_or(0, |m| {
                m.experts_per_token * m.intermediate_size + m.shared_intermediate_size
            });
            dense + moe
        };
        self.layers.iter().map(width).max().unwrap_or(0)
    }
}
