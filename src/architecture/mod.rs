//! What a model is made of: its layers, and through them the list of its tensors.
//!
//! [`Architecture`] describes a decoder by its blocks. [`tensors`] turns it into the one list
//! from which every size in Headroom is computed: parameter counts, weight bytes, bytes read per
//! token.

pub mod config;
mod family;
mod from_config;
mod gguf_order;
mod role;
mod tensors;

pub use role::Role;
pub use tensors::{Count, Group, Place, Shape, Tensor, count, tensors};

/// A decoder-only language model (or an encoder), block by block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Architecture {
    /// The name llama.cpp gives this architecture (`general.architecture` in a GGUF file), such
    /// as `llama`, `qwen3moe` or `deepseek2`; `None` where llama.cpp has none, and then it
    /// cannot run the model.
    pub gguf_arch: Option<String>,
    /// E, the width of the residual stream.
    pub hidden_size: u64,
    /// V, rows of the embedding table in the checkpoint.
    pub vocab_size: u64,
    /// Rows of the embedding table in a GGUF file, where the converter trims the padding rows
    /// (Gemma 3: 262144 of 262208); otherwise the same as `vocab_size`.
    pub gguf_vocab_size: u64,
    /// The output head is the embedding table itself.
    pub tied_embeddings: bool,
    /// Longest context the model was trained for, in tokens.
    pub max_context: Option<u64>,
    /// Tokens a sliding-window (or chunked) attention layer looks back, where there are any.
    pub sliding_window: Option<u64>,
    /// The repeating layers, in order. MTP layers are not among them.
    pub layers: Vec<Layer>,
    /// Multi-token-prediction layers, where the checkpoint has some.
    pub mtp: Option<Mtp>,
    /// Tensors outside the repeating layers and beyond embedding, final norm and head.
    pub extras: Extras,
    /// How each normalisation is stored.
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
    /// Tensors that only some families have, beyond mixer, feed-forward block and norms.
    pub extra: Vec<ExtraTensor>,
    /// Attention and FFN read the same input and are added together (Command-R, Phi-2, Falcon).
    pub parallel: bool,
}

/// A tensor that the blocks do not account for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExtraTensor {
    /// What it is for.
    pub role: Role,
    /// Dimensions.
    pub shape: Shape,
    /// Which files hold it.
    pub place: Place,
}

/// How a normalisation is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NormKind {
    /// One weight vector.
    #[default]
    Rms,
    /// A weight and a bias vector.
    Layer,
    /// A layer norm with a weight vector only.
    LayerNoBias,
    /// Nothing is stored (OLMo 1).
    NonParametric,
}

/// What mixes information between tokens in a layer.
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
    /// The softmax attention of this layer, if it has one that keeps K and V per head.
    pub fn attention(&self) -> Option<&Attention> {
        match self {
            Mixer::Attention(a) | Mixer::AttentionAndMamba2(a, _) => Some(a),
            _ => None,
        }
    }

    /// The Mamba-2 block of this layer, if it has one.
    pub fn mamba2(&self) -> Option<&Mamba2> {
        match self {
            Mixer::Mamba2(m) | Mixer::AttentionAndMamba2(_, m) => Some(m),
            _ => None,
        }
    }
}

/// Which tokens an attention layer can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// All earlier tokens.
    Full,
    /// The last `sliding_window` tokens.
    Sliding,
    /// The current chunk of `sliding_window` tokens (Llama 4).
    Chunked,
    /// A subset picked by an indexer (DeepSeek sparse attention); the cache still holds all.
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
    /// What it can see.
    pub reach: Reach,
    /// Biases on the Q, K and V projections.
    pub qkv_bias: bool,
    /// A bias on the output projection.
    pub out_bias: bool,
    /// Norms on queries and keys.
    pub qk_norm: QkNorm,
    /// A gate on the attention output.
    pub output_gate: OutputGate,
    /// One learned sink logit a head (gpt-oss).
    pub sinks: bool,
    /// Q, K and V are one tensor in a GGUF file (Phi-3, GPT-NeoX, Bloom, Falcon ...).
    pub fused_qkv: bool,
    /// Keys are used as values: no V projection is stored (Gemma 4 global layers).
    pub k_eq_v: bool,
    /// Where K and V come from.
    pub kv_source: KvSource,
    /// A sparse-attention indexer with its own key cache.
    pub indexer: Option<Indexer>,
}

/// Where a layer's keys and values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KvSource {
    /// The layer computes and caches its own.
    Own,
    /// The layer reuses an earlier layer's cache (Gemma 3n, Gemma 4 E2B/E4B); `stored` tells
    /// whether its unused K/V projections are in the checkpoint all the same.
    Shared {
        /// The unused projections are stored.
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
    /// The query projection is twice as wide (Qwen3-Next).
    InQuery,
    /// A separate projection E x (heads x head_dim) (AFMoE).
    Full,
    /// One value a head.
    PerHead,
}

/// Multi-head latent attention: K and V are rebuilt from one cached latent vector a token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mla {
    /// H, query heads.
    pub heads: u64,
    /// Rank of the query down-projection; `None` means a full query projection.
    pub q_lora_rank: Option<u64>,
    /// Rank of the cached latent.
    pub kv_lora_rank: u64,
    /// Elements of a query/key head that carry no position.
    pub qk_nope_head_dim: u64,
    /// Elements of a query/key head that carry the rotary position; cached beside the latent.
    pub qk_rope_head_dim: u64,
    /// Elements of a value head.
    pub v_head_dim: u64,
    /// Biases on the down-projections and the output.
    pub bias: bool,
    /// A gate on the attention output.
    pub output_gate: OutputGate,
    /// One learned sink logit a head.
    pub sinks: bool,
    /// K and V are rebuilt by one tensor in a GGUF file too (MiniCPM3), rather than two, and
    /// then llama.cpp caches full keys and values.
    pub fused_kv_b: bool,
    /// What it can see.
    pub reach: Reach,
    /// A sparse-attention indexer with its own key cache.
    pub indexer: Option<Indexer>,
}

/// The indexer of sparse attention: it scores cached tokens (or blocks) with small keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Indexer {
    /// Indexer query heads.
    pub heads: u64,
    /// Elements of an indexer key; one key is cached a token and layer.
    pub head_dim: u64,
    /// Tokens (or blocks) attended to.
    pub top_k: u64,
    /// Width that the indexer's queries are projected from: the query latent, or E.
    pub query_rank: u64,
    /// Keys are pooled over this many tokens by a gate (GLM-5.3-Flash); 0 where they are not.
    pub pool: u64,
    /// Query heads are weighted by a projection of their own, and the key norm has a bias
    /// (DeepSeek-V3.2); otherwise both have a plain norm (MiniMax-M3).
    pub weighted: bool,
}

/// DeepSeek-V4 attention: one key/value head of `head_dim`, of which a layer caches the last
/// `sliding_window` tokens as they are and, where `ratio` is not 0, one entry for each `ratio`
/// earlier tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Compressed {
    /// H, query heads.
    pub heads: u64,
    /// Elements of a head, rotary part included.
    pub head_dim: u64,
    /// Elements of a head that carry the rotary position.
    pub rope_head_dim: u64,
    /// Rank of the query down-projection.
    pub q_lora_rank: u64,
    /// Groups of the output projection.
    pub out_groups: u64,
    /// Rank of each group's output down-projection.
    pub out_lora_rank: u64,
    /// Tokens that one compressed entry stands for; 0 where the layer has the window only.
    pub ratio: u64,
    /// The indexer that picks compressed entries.
    pub indexer: Option<Indexer>,
}

impl Compressed {
    /// Blocks of `ratio` tokens overlap, as the short ones (4) do and the long ones (128) don't.
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
    /// alpha and beta are one tensor (Qwen3-Next) rather than two (Qwen3.5).
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
    /// The decay projection is full rank rather than through `head_dim`.
    pub full_rank_decay: bool,
    /// The gate projection is full rank rather than through `head_dim`.
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
    /// The convolution has a bias.
    pub conv_bias: bool,
    /// Norms on dt, B and C (Jamba).
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
    /// The convolution has a bias.
    pub conv_bias: bool,
    /// A gated norm before the output projection.
    pub norm: bool,
}

/// The feed-forward block of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ffn {
    /// One dense block.
    Dense(Dense),
    /// A mixture of experts.
    Moe(Moe),
    /// Both, added together (Arctic, Gemma 4 26B-A4B).
    DenseAndMoe(Dense, Moe),
    /// No feed-forward block.
    None,
}

impl Ffn {
    /// The mixture of experts of this layer, if it has one.
    pub fn moe(&self) -> Option<&Moe> {
        match self {
            Ffn::Moe(m) | Ffn::DenseAndMoe(_, m) => Some(m),
            _ => None,
        }
    }

    /// The dense block of this layer, if it has one.
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
    /// Gated (SwiGLU and the like: three matrices) or plain (two).
    pub gated: bool,
    /// Biases on its projections.
    pub bias: bool,
    /// Gate and up are one tensor in a GGUF file (Phi-3, GLM-4).
    pub fused_gate_up: bool,
}

/// A mixture of experts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Moe {
    /// Routed experts.
    pub experts: u64,
    /// Routed experts that each token uses.
    pub experts_per_token: u64,
    /// Further choices of the router that pass the token on as it is (LongCat).
    pub idle_experts: u64,
    /// FFx, the inner width of one expert.
    pub intermediate_size: u64,
    /// Width that experts read and write; differs from E where tokens are first projected to a
    /// latent (Nemotron 3 Super).
    pub hidden_size: u64,
    /// A norm on that latent (Kimi K3).
    pub latent_norm: bool,
    /// Gated (three matrices an expert) or plain (two).
    pub gated: bool,
    /// Gate and up are one tensor in a GGUF file (Gemma 4).
    pub fused_gate_up: bool,
    /// Experts and router have biases (gpt-oss).
    pub expert_bias: bool,
    /// The router's projection has a bias.
    pub router_linear_bias: bool,
    /// One selection bias an expert (`e_score_correction_bias`, DeepSeek-V3).
    pub router_bias: bool,
    /// Rows of a table that gives the experts of each token id, instead of `router_bias`
    /// (DeepSeek-V4's first layers); 0 where there is none.
    pub token_table: u64,
    /// Inner width of all shared experts together; 0 where there is none.
    pub shared_intermediate_size: u64,
    /// A gate on the shared expert (Qwen2-MoE).
    pub shared_gate: bool,
}

/// Multi-token-prediction layers: each predicts one more token from the hidden state before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mtp {
    /// The layers block by block, where they are laid out like a repeating layer.
    pub layers: Vec<Layer>,
    /// Parameters beyond `layers` that are known by their number only.
    pub params: u64,
    /// Each layer stores a copy of the embedding table.
    pub own_embedding: bool,
    /// Each layer stores a copy of the output head.
    pub own_head: bool,
    /// llama.cpp's converter writes them into the GGUF file.
    pub in_gguf: bool,
}

/// Tensors that belong to no repeating layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// A norm over the embeddings.
    pub embedding_norm: bool,
    /// The final norm is absent.
    pub no_final_norm: bool,
    /// A bias on the output head.
    pub head_bias: bool,
    /// Width of the embedding rows where it differs from the hidden size.
    pub embedding_size: Option<u64>,
    /// Lookup tables read a few rows a token (n-gram): parameters, in rows of E.
    pub lookup_tables: u64,
    /// Vision and audio towers with their projectors: parameters.
    pub vision: u64,
    /// Anything else: position embeddings, rotary factors, per-layer embeddings ...
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

    /// Inner width of the widest feed-forward block that a token passes through, in values: that of
    /// a dense block, or of the shared and routed experts that one token uses together.
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
