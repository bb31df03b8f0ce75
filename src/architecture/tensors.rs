//! The list of a model's tensors: role, layer and shape. The only source of sizes.

use std::ops::Range;

use super::{
    Architecture, Attention, Compressed, Dense, Ffn, GatedDeltaNet, Indexer, Kda, KvSource, Layer,
    Lightning, Mamba1, Mamba2, Mixer, Mla, Moe, Mtp, NormKind, OutputGate, QkNorm, Role,
    gguf_order,
};
use crate::sort;

/// A tensor's dimensions, innermost first as in a GGUF file; unused dimensions are 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape(pub [u64; 3]);

impl Shape {
    /// Returns the shape of a vector.
    pub const fn vector(n: u64) -> Shape {
        Shape([n, 1, 1])
    }

    /// Returns the shape of a matrix that maps `inputs` to `outputs` elements.
    pub const fn matrix(inputs: u64, outputs: u64) -> Shape {
        Shape([inputs, outputs, 1])
    }

    /// Number of elements.
    pub fn elements(self) -> u64 {
        self.0.iter().fold(1u64, |n, d| n.saturating_mul(*d))
    }

    /// Number of dimensions in use, without trailing ones; at least 1.
    pub fn rank(self) -> usize {
        self.0.iter().rposition(|d| *d != 1).map_or(1, |i| i + 1)
    }
}

/// The part of a checkpoint that a tensor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// The text model itself.
    Text,
    /// Vision and audio towers; in GGUF they are a separate file.
    Vision,
    /// Multi-token-prediction layers.
    Mtp,
}

/// The files that contain a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The checkpoint and the GGUF file.
    Both,
    /// The checkpoint only.
    Checkpoint,
    /// The GGUF file only: the converter creates the tensor (`rope_freqs`), or trims another.
    Gguf,
}

/// One tensor of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Role of the tensor.
    pub role: Role,
    /// Index of the layer that the tensor belongs to; `None` outside the layers. MTP layers follow
    /// the repeating ones.
    pub layer: Option<u32>,
    /// Dimensions of the tensor.
    pub shape: Shape,
    /// Part of the checkpoint that the tensor belongs to.
    pub group: Group,
    /// Whether the tensor is in the safetensors checkpoint (a GGUF file has some more, such as
    /// `rope_freqs`).
    pub in_checkpoint: bool,
    /// Whether the tensor is in the GGUF file that llama.cpp's converter writes.
    pub in_gguf: bool,
}

impl Tensor {
    /// The tensor's name in a GGUF file, such as `blk.0.attn_q.weight`.
    pub fn gguf_name(&self) -> String {
        let layer = self.layer.map_or(String::new(), |il| format!("blk.{il}."));
        layer + self.role.gguf_name()
    }
}

/// Parameter counts of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Parameters of the text model, including embeddings and head.
    pub text: u64,
    /// Parameters of vision and audio towers.
    pub vision: u64,
    /// Parameters of MTP layers.
    pub mtp: u64,
    /// Text parameters used per token, including embeddings and head, without lookup tables and
    /// unused experts.
    pub active: u64,
}

/// Lists all tensors of `architecture`, in the checkpoint or in a GGUF file, in the order of the
/// latter.
pub fn tensors(architecture: &Architecture) -> Vec<Tensor> {
    let mut list = List::new(architecture);
    list.start();
    for (index, layer) in architecture.layers.iter().enumerate() {
        list.layer(index as u32, layer);
    }
    if let Some(mtp) = &architecture.mtp {
        list.mtp(mtp);
    }
    list.end();
    list.tensors
}

/// Counts the parameters of `architecture`, from its tensors in the checkpoint.
pub fn count(architecture: &Architecture) -> Count {
    count_of(architecture, &tensors(architecture))
}

/// Counts the parameters of `tensors`, which are those of `architecture`.
pub fn count_of(architecture: &Architecture, tensors: &[Tensor]) -> Count {
    let mut count = Count::default();
    for tensor in tensors.iter().filter(|t| t.in_checkpoint) {
        let elements = tensor.shape.elements();
        match tensor.group {
            Group::Vision => count.vision += elements,
            Group::Mtp => count.mtp += elements,
            Group::Text => {
                count.text += elements;
                count.active += active(architecture, tensor);
            }
        }
    }
    count
}

/// Number of parameters of a text tensor that one token uses.
fn active(architecture: &Architecture, tensor: &Tensor) -> u64 {
    let elements = tensor.shape.elements();
    match tensor.role {
        Role::LookupTable | Role::PerLayerTokenEmbd => 0,
        role if role.is_expert() => {
            let layer = tensor.layer.and_then(|i| architecture.layers.get(i as usize));
            match layer.and_then(|l| l.ffn.moe()) {
                Some(moe) if moe.experts > 0 => elements / moe.experts * moe.experts_per_token,
                _ => elements,
            }
        }
        _ => elements,
    }
}

/// Collects tensors; `layer` and `group` are those of the tensors being added.
struct List<'a> {
    architecture: &'a Architecture,
    tensors: Vec<Tensor>,
    layer: Option<u32>,
    group: Group,
    /// The repeating layers that differ, each with the place of its tensors.
    kinds: Vec<(&'a Layer, Range<usize>)>,
}

impl<'a> List<'a> {
    fn new(architecture: &'a Architecture) -> Self {
        let (tensors, kinds) = (Vec::new(), Vec::new());
        List { architecture, tensors, layer: None, group: Group::Text, kinds }
    }

    fn add(&mut self, role: Role, shape: Shape, place: Place) {
        let role = gguf_order::gguf_role(self.arch(), role);
        self.tensors.push(Tensor {
            role,
            layer: self.layer,
            shape,
            group: self.group,
            in_checkpoint: place != Place::Gguf,
            in_gguf: place != Place::Checkpoint && !is_opaque(role),
        });
    }

    fn arch(&self) -> &'a str {
        self.architecture.gguf_arch.as_deref().unwrap_or_default()
    }

    fn vector(&mut self, role: Role, n: u64) {
        self.add(role, Shape::vector(n), Place::Both);
    }

    fn matrix(&mut self, role: Role, inputs: u64, outputs: u64) {
        self.add(role, Shape::matrix(inputs, outputs), Place::Both);
    }

    fn vector_if(&mut self, present: bool, role: Role, n: u64) {
        if present {
            self.vector(role, n);
        }
    }

    /// Adds a norm of `n` elements, with its bias if the model's norms have one.
    fn norm(&mut self, role: Role, n: u64) {
        match self.architecture.norm {
            NormKind::NonParametric => {}
            NormKind::Rms | NormKind::LayerNoBias => self.vector(role, n),
            NormKind::Layer => {
                self.vector(role, n);
                if let Some(bias) = role.bias() {
                    self.vector(bias, n);
                }
            }
        }
    }

    fn start(&mut self) {
        let a = self.architecture;
        let width = a.extras.embedding_size.unwrap_or(a.hidden_size);
        if a.gguf_vocab_size == a.vocab_size {
            self.matrix(Role::TokenEmbd, width, a.vocab_size);
        } else {
            let [checkpoint, gguf] =
                [a.vocab_size, a.gguf_vocab_size].map(|rows| Shape::matrix(width, rows));
            self.add(Role::TokenEmbd, checkpoint, Place::Checkpoint);
            self.add(Role::TokenEmbd, gguf, Place::Gguf);
        }
        if a.extras.embedding_norm {
            self.norm(Role::TokenEmbdNorm, a.hidden_size);
        }
        for extra in &a.extras.tensors {
            self.add(extra.role, extra.shape, extra.place);
        }
        if a.extras.lookup_tables > 0 {
            let rows = a.extras.lookup_tables / a.hidden_size.max(1);
            self.matrix(Role::LookupTable, a.hidden_size, rows);
        }
    }

    fn end(&mut self) {
        let a = self.architecture;
        self.layer = None;
        self.group = Group::Text;
        if !a.extras.no_final_norm {
            self.norm(Role::OutputNorm, a.hidden_size);
        }
        if !a.tied_embeddings {
            self.matrix(Role::Output, a.hidden_size, a.vocab_size);
        }
        self.vector_if(a.extras.head_bias, Role::OutputBias, a.vocab_size);
        if a.extras.vision > 0 {
            self.group = Group::Vision;
            self.vector(Role::Vision, a.extras.vision);
        }
    }

    fn layer(&mut self, index: u32, layer: &'a Layer) {
        self.layer = Some(index);
        let first = self.tensors.len();
        if let Some((_, same)) = self.kinds.iter().find(|(kind, _)| *kind == layer) {
            self.tensors.extend_from_within(same.clone());
            self.tensors[first..].iter_mut().for_each(|tensor| tensor.layer = Some(index));
            return;
        }
        self.block(layer);
        self.sort(first);
        self.kinds.push((layer, first..self.tensors.len()));
    }

    /// Sorts the tensors from `first` on by file order.
    fn sort(&mut self, first: usize) {
        let moves = gguf_order::moves(self.arch());
        sort::by_key(&mut self.tensors[first..], |t| gguf_order::sort_key(moves, t.role));
    }

    fn mtp(&mut self, mtp: &Mtp) {
        let a = self.architecture;
        let e = a.hidden_size;
        self.group = Group::Mtp;
        let before = self.tensors.len();
        for (i, layer) in mtp.layers.iter().enumerate() {
            self.layer = Some((a.layers.len() + i) as u32);
            let first = self.tensors.len();
            self.block(layer);
            self.matrix(Role::NextnEhProj, 2 * e, e);
            for norm in [Role::NextnEnorm, Role::NextnHnorm, Role::NextnSharedHeadNorm] {
                self.vector(norm, e);
            }
            if mtp.own_embedding {
                self.matrix(Role::NextnEmbedTokens, e, a.vocab_size);
            }
            if mtp.own_head {
                self.matrix(Role::NextnSharedHeadHead, e, a.vocab_size);
            }
            self.sort(first);
        }
        if mtp.params > 0 {
            self.layer = None;
            self.vector(Role::Mtp, mtp.params);
        }
        for tensor in &mut self.tensors[before..] {
            tensor.in_gguf &= mtp.in_gguf;
        }
    }

    fn block(&mut self, layer: &Layer) {
        for norm in &layer.norms {
            self.norm(*norm, self.architecture.hidden_size);
        }
        for extra in &layer.extra {
            self.add(extra.role, extra.shape, extra.place);
        }
        match &layer.mixer {
            Mixer::Attention(a) => self.attention(a),
            Mixer::Mla(m) => self.mla(m),
            Mixer::GatedDeltaNet(g) => self.gated_delta_net(g),
            Mixer::Kda(k) => self.kda(k),
            Mixer::Lightning(l) => self.lightning(l),
            Mixer::Mamba1(m) => self.mamba1(m),
            Mixer::Mamba2(m) => self.mamba2(m),
            Mixer::Compressed(c) => self.compressed(c),
            Mixer::ShortConv { kernel } => self.short_conv(*kernel),
            Mixer::AttentionAndMamba2(a, m) => {
                self.attention(a);
                self.mamba2(m);
            }
            Mixer::None => {}
        }
        match &layer.ffn {
            Ffn::Dense(d) => self.dense(d),
            Ffn::Moe(m) => self.moe(m),
            Ffn::DenseAndMoe(d, m) => {
                self.dense(d);
                self.moe(m);
            }
            Ffn::None => {}
        }
    }

    fn attention(&mut self, a: &Attention) {
        let e = self.architecture.hidden_size;
        let [q, k, v] = [a.heads * a.head_dim, a.kv_heads * a.head_dim, a.kv_heads * a.v_head_dim];
        let q_rows = if a.output_gate == OutputGate::InQuery { 2 * q } else { q };
        let stored_kv = a.kv_source != KvSource::Shared { stored: false };
        if a.fused_qkv {
            self.matrix(Role::AttnQkv, e, q_rows + k + v);
            self.vector_if(a.qkv_bias, Role::AttnQkvBias, q_rows + k + v);
        } else {
            self.matrix(Role::AttnQ, e, q_rows);
            self.vector_if(a.qkv_bias, Role::AttnQBias, q_rows);
            if stored_kv {
                self.matrix(Role::AttnK, e, k);
                self.vector_if(a.qkv_bias, Role::AttnKBias, k);
            }
            if stored_kv && !a.k_eq_v {
                self.matrix(Role::AttnV, e, v);
                self.vector_if(a.qkv_bias, Role::AttnVBias, v);
            }
        }
        self.matrix(Role::AttnOutput, a.heads * a.v_head_dim, e);
        self.vector_if(a.out_bias, Role::AttnOutputBias, e);
        match a.qk_norm {
            QkNorm::None => {}
            QkNorm::PerHead => {
                self.vector(Role::AttnQNorm, a.head_dim);
                if stored_kv {
                    self.vector(Role::AttnKNorm, a.head_dim);
                }
            }
            QkNorm::Full => {
                self.vector(Role::AttnQNorm, q);
                self.vector(Role::AttnKNorm, k);
            }
            QkNorm::EachHead => {
                self.matrix(Role::AttnQNorm, a.head_dim, a.heads);
                self.matrix(Role::AttnKNorm, a.head_dim, a.kv_heads);
            }
        }
        self.output_gate(a.output_gate, a.heads, a.v_head_dim);
        if a.sinks {
            self.vector(Role::AttnSinks, a.heads);
        }
        if let Some(indexer) = &a.indexer {
            self.indexer(indexer);
        }
    }

    fn output_gate(&mut self, gate: OutputGate, heads: u64, head_dim: u64) {
        let e = self.architecture.hidden_size;
        match gate {
            OutputGate::None | OutputGate::InQuery => {}
            OutputGate::Full => self.matrix(Role::AttnGate, e, heads * head_dim),
            OutputGate::PerHead => self.matrix(Role::AttnGate, e, heads),
        }
    }

    fn mla(&mut self, m: &Mla) {
        let e = self.architecture.hidden_size;
        let query = m.heads * (m.qk_nope_head_dim + m.qk_rope_head_dim);
        match m.q_lora_rank {
            Some(rank) => {
                self.matrix(Role::AttnQA, e, rank);
                self.vector_if(m.bias, Role::AttnQABias, rank);
                self.vector(Role::AttnQANorm, rank);
                self.matrix(Role::AttnQB, rank, query);
            }
            None => self.matrix(Role::AttnQ, e, query),
        }
        self.matrix(Role::AttnKvAMqa, e, m.kv_lora_rank + m.qk_rope_head_dim);
        self.vector_if(m.bias, Role::AttnKvAMqaBias, m.kv_lora_rank + m.qk_rope_head_dim);
        self.vector(Role::AttnKvANorm, m.kv_lora_rank);
        if m.fused_kv_b {
            let rows = m.heads * (m.qk_nope_head_dim + m.v_head_dim);
            self.matrix(Role::AttnKvB, m.kv_lora_rank, rows);
        } else {
            let k = Shape([m.qk_nope_head_dim, m.kv_lora_rank, m.heads]);
            let v = Shape([m.kv_lora_rank, m.v_head_dim, m.heads]);
            self.add(Role::AttnKB, k, Place::Both);
            self.add(Role::AttnVB, v, Place::Both);
        }
        self.matrix(Role::AttnOutput, m.heads * m.v_head_dim, e);
        self.vector_if(m.bias, Role::AttnOutputBias, e);
        self.output_gate(m.output_gate, m.heads, m.v_head_dim);
        if m.sinks {
            self.vector(Role::AttnSinks, m.heads);
        }
        if let Some(indexer) = &m.indexer {
            self.indexer(indexer);
        }
    }

    fn compressed(&mut self, c: &Compressed) {
        let e = self.architecture.hidden_size;
        let inner = c.heads * c.head_dim;
        self.vector(Role::AttnSinks, c.heads);
        self.matrix(Role::AttnQA, e, c.q_lora_rank);
        self.vector(Role::AttnQANorm, c.q_lora_rank);
        self.matrix(Role::AttnQB, c.q_lora_rank, inner);
        self.matrix(Role::AttnKv, e, c.head_dim);
        self.vector(Role::AttnKvANorm, c.head_dim);
        let groups = c.out_groups.max(1);
        self.add(Role::AttnOutputA, Shape([inner / groups, c.out_lora_rank, groups]), Place::Both);
        self.matrix(Role::AttnOutputB, groups * c.out_lora_rank, e);
        if c.ratio > 0 {
            // A short block overlaps the one before it, and so has two sets of weights.
            let width = if c.overlaps() { 2 * c.head_dim } else { c.head_dim };
            self.matrix(Role::AttnCompressorKv, e, width);
            self.matrix(Role::AttnCompressorGate, e, width);
            self.matrix(Role::AttnCompressorApe, width, c.ratio);
            self.vector(Role::AttnCompressorNorm, c.head_dim);
        }
        if let Some(indexer) = &c.indexer {
            self.matrix(Role::IndexerProj, e, indexer.heads);
            self.matrix(Role::IndexerAttnQB, indexer.query_rank, indexer.heads * indexer.head_dim);
            let width = 2 * indexer.head_dim;
            self.matrix(Role::IndexerCompressorKv, e, width);
            self.matrix(Role::IndexerCompressorGate, e, width);
            self.matrix(Role::IndexerCompressorApe, width, c.ratio);
            self.vector(Role::IndexerCompressorNorm, indexer.head_dim);
        }
    }

    fn indexer(&mut self, i: &Indexer) {
        let e = self.architecture.hidden_size;
        self.vector(Role::IndexerKNorm, i.head_dim);
        if i.weighted {
            self.vector(Role::IndexerKNormBias, i.head_dim);
            self.matrix(Role::IndexerProj, e, i.heads);
            self.matrix(Role::IndexerAttnK, e, i.head_dim);
            self.matrix(Role::IndexerAttnQB, i.query_rank, i.heads * i.head_dim);
            if i.pool > 0 {
                self.matrix(Role::IndexerCompressorGate, e, i.head_dim);
                self.matrix(Role::IndexerCompressorApe, i.head_dim, i.pool);
            }
        } else {
            self.vector(Role::IndexerQNorm, i.head_dim);
            self.matrix(Role::IndexerKProj, e, i.head_dim);
            self.matrix(Role::IndexerQProj, i.query_rank, i.heads * i.head_dim);
        }
    }

    fn gated_delta_net(&mut self, g: &GatedDeltaNet) {
        let e = self.architecture.hidden_size;
        let value = g.value_heads * g.value_head_dim;
        let qkv = 2 * g.key_heads * g.key_head_dim + value;
        self.matrix(Role::AttnQkv, e, qkv);
        self.matrix(Role::AttnGate, e, value);
        self.matrix(Role::SsmConv1d, g.conv_kernel, qkv);
        self.vector(Role::SsmDtBias, g.value_heads);
        self.vector(Role::SsmA, g.value_heads);
        if g.fused_ba {
            self.matrix(Role::SsmBa, e, 2 * g.value_heads);
        } else {
            self.matrix(Role::SsmBeta, e, g.value_heads);
            self.matrix(Role::SsmAlpha, e, g.value_heads);
        }
        self.vector(Role::SsmNorm, g.value_head_dim);
        self.matrix(Role::SsmOut, value, e);
    }

    fn kda(&mut self, k: &Kda) {
        let e = self.architecture.hidden_size;
        let inner = k.heads * k.head_dim;
        for (projection, convolution) in [
            (Role::AttnQ, Role::SsmConv1dQ),
            (Role::AttnK, Role::SsmConv1dK),
            (Role::AttnV, Role::SsmConv1dV),
        ] {
            self.matrix(projection, e, inner);
            self.add(convolution, Shape([k.conv_kernel, 1, inner]), Place::Both);
        }
        self.low_rank(k.full_rank_decay, [Role::SsmFA, Role::SsmFB], k.head_dim, inner);
        self.low_rank(k.full_rank_gate, [Role::SsmGA, Role::SsmGB], k.head_dim, inner);
        self.matrix(Role::SsmBeta, e, k.heads);
        self.matrix(Role::SsmA, 1, k.heads);
        self.vector(Role::SsmDtBias, inner);
        self.vector(Role::SsmNorm, k.head_dim);
        self.matrix(Role::AttnOutput, inner, e);
    }

    /// Adds a projection from E, in one step or through `rank`.
    fn low_rank(&mut self, full: bool, [down, up]: [Role; 2], rank: u64, outputs: u64) {
        let e = self.architecture.hidden_size;
        if full {
            self.matrix(down, e, outputs);
        } else {
            self.matrix(down, e, rank);
            self.matrix(up, rank, outputs);
        }
    }

    fn lightning(&mut self, l: &Lightning) {
        let e = self.architecture.hidden_size;
        let inner = l.heads * l.head_dim;
        self.matrix(Role::AttnQkv, e, 3 * inner);
        self.matrix(Role::AttnGate, e, inner);
        self.vector(Role::AttnNorm2, inner);
        self.matrix(Role::AttnOutput, inner, e);
    }

    fn mamba1(&mut self, m: &Mamba1) {
        let e = self.architecture.hidden_size;
        self.matrix(Role::SsmIn, e, 2 * m.d_inner);
        self.matrix(Role::SsmConv1d, m.d_conv, m.d_inner);
        self.vector_if(m.conv_bias, Role::SsmConv1dBias, m.d_inner);
        self.matrix(Role::SsmX, m.d_inner, m.dt_rank + 2 * m.d_state);
        self.matrix(Role::SsmDt, m.dt_rank, m.d_inner);
        self.vector(Role::SsmDtBias, m.d_inner);
        if m.inner_norms {
            self.vector(Role::SsmDtNorm, m.dt_rank);
            self.vector(Role::SsmBNorm, m.d_state);
            self.vector(Role::SsmCNorm, m.d_state);
        }
        self.matrix(Role::SsmA, m.d_state, m.d_inner);
        self.vector(Role::SsmD, m.d_inner);
        self.matrix(Role::SsmOut, m.d_inner, e);
    }

    fn mamba2(&mut self, m: &Mamba2) {
        let e = self.architecture.hidden_size;
        let conv = m.d_inner + 2 * m.groups * m.d_state;
        self.matrix(Role::SsmIn, e, m.d_inner + conv + m.heads);
        self.matrix(Role::SsmConv1d, m.d_conv, conv);
        self.vector_if(m.conv_bias, Role::SsmConv1dBias, conv);
        self.vector(Role::SsmDtBias, m.heads);
        self.matrix(Role::SsmA, 1, m.heads);
        self.matrix(Role::SsmD, 1, m.heads);
        if m.norm {
            self.matrix(Role::SsmNorm, m.d_inner / m.groups.max(1), m.groups);
        }
        self.matrix(Role::SsmOut, m.d_inner, e);
    }

    fn short_conv(&mut self, kernel: u64) {
        let e = self.architecture.hidden_size;
        self.matrix(Role::ShortConvConv, kernel, e);
        self.matrix(Role::ShortConvIn, e, 3 * e);
        self.matrix(Role::ShortConvOut, e, e);
    }

    fn dense(&mut self, d: &Dense) {
        let e = self.architecture.hidden_size;
        let ff = d.intermediate_size;
        match (d.gated, d.fused_gate_up) {
            (true, true) => self.matrix(Role::FfnUp, e, 2 * ff),
            (true, false) => {
                self.matrix(Role::FfnGate, e, ff);
                self.matrix(Role::FfnUp, e, ff);
            }
            (false, _) => self.matrix(Role::FfnUp, e, ff),
        }
        self.matrix(Role::FfnDown, ff, e);
        self.vector_if(d.bias && d.gated, Role::FfnGateBias, ff);
        self.vector_if(d.bias, Role::FfnUpBias, ff);
        self.vector_if(d.bias, Role::FfnDownBias, e);
    }

    fn moe(&mut self, m: &Moe) {
        let e = self.architecture.hidden_size;
        let (x, ff, n) = (m.hidden_size, m.intermediate_size, m.experts);
        let choices = n + m.idle_experts;
        self.matrix(Role::FfnGateInp, e, choices);
        self.vector_if(m.router_linear_bias, Role::FfnGateInpBias, choices);
        self.vector_if(m.router_bias, Role::ExpProbsBias, choices);
        if m.token_table > 0 {
            self.matrix(Role::FfnGateTid2Eid, m.experts_per_token, m.token_table);
        }
        if m.gated && m.fused_gate_up {
            self.add(Role::FfnGateUpExps, Shape([x, 2 * ff, n]), Place::Both);
        } else {
            if m.gated {
                self.add(Role::FfnGateExps, Shape([x, ff, n]), Place::Both);
            }
            self.add(Role::FfnUpExps, Shape([x, ff, n]), Place::Both);
        }
        self.add(Role::FfnDownExps, Shape([ff, x, n]), Place::Both);
        if m.expert_bias {
            if m.gated {
                self.matrix(Role::FfnGateExpsBias, ff, n);
            }
            self.matrix(Role::FfnUpExpsBias, ff, n);
            self.matrix(Role::FfnDownExpsBias, x, n);
        }
        if x != e {
            self.matrix(Role::FfnLatentDown, e, x);
            self.matrix(Role::FfnLatentUp, x, e);
            self.vector_if(m.latent_norm, Role::FfnLatentNorm, x);
        }
        let shared = m.shared_intermediate_size;
        if shared > 0 {
            if m.gated {
                self.matrix(Role::FfnGateShexp, e, shared);
            }
            self.matrix(Role::FfnUpShexp, e, shared);
            self.matrix(Role::FfnDownShexp, shared, e);
            if m.shared_gate {
                self.vector(Role::FfnGateInpShexp, e);
            }
        }
    }
}

/// Parameters known by number only, which no GGUF tensor stands for.
fn is_opaque(role: Role) -> bool {
    matches!(role, Role::Vision | Role::Mtp | Role::LookupTable)
}
