//! Conversion of a normalised configuration into an architecture, layer by layer.

use super::config::{Config, GateType, MtpKind, NormType, QkNormType, RopeFactors};
use super::family::{Family, family};
use super::{
    Architecture, Attention, AttentionSpan, Compressed, Dense, ExtraTensor, Extras, Ffn,
    GatedDeltaNet, Indexer, Kda, KvSource, Layer, Lightning, Mamba1, Mamba2, Mixer, Mla, Moe, Mtp,
    NormKind, OutputGate, Place, QkNorm, Role, Shape,
};

impl From<&Config> for Architecture {
    fn from(config: &Config) -> Architecture {
        let c = Conversion { config, family: family(config) };
        Architecture {
            gguf_arch: c.family.gguf_arch.map(String::from),
            hidden_size: config.hidden_size,
            vocab_size: config.vocab_size,
            gguf_vocab_size: c.gguf_vocab_size(),
            tied_embeddings: config.tie_word_embeddings,
            max_context: config.max_position_embeddings,
            sliding_window: config.sliding_window,
            layers: (0..config.num_hidden_layers).flat_map(|i| c.layers(i as usize)).collect(),
            mtp: c.mtp(),
            extras: c.extras(),
            norm: match config.norm_type {
                NormType::RmsNorm => NormKind::Rms,
                NormType::LayerNorm => NormKind::Layer,
                NormType::LayerNormNoBias => NormKind::LayerNoBias,
                NormType::NonParametric => NormKind::NonParametric,
            },
        }
    }
}

struct Conversion<'a> {
    config: &'a Config,
    family: Family,
}

impl Conversion<'_> {
    fn gguf_vocab_size(&self) -> u64 {
        let rows = self.config.vocab_size;
        self.family.gguf_vocab_size.map_or(rows, |kept| kept.min(rows))
    }

    /// Returns the letter of layer `i` in a pattern.
    fn mixer_letter(&self, i: usize) -> u8 {
        self.config.layer_pattern.as_bytes().get(i).copied().unwrap_or(b'F')
    }

    fn ffn_letter(&self, i: usize) -> u8 {
        let c = self.config;
        match c.ffn_pattern.as_bytes().get(i) {
            Some(letter) => *letter,
            None if c.num_experts > 0 && i as u64 >= c.first_k_dense_replace => b'm',
            None => b'd',
        }
    }

    /// Returns layer `i`; as two layers if the model has two attention and dense blocks in one,
    /// with the experts in the first.
    fn layers(&self, i: usize) -> Vec<Layer> {
        let c = self.config;
        let mixer = self.mixer(i);
        let ffn = self.ffn(i);
        if c.sublayers_per_layer.unwrap_or(1) == 1 {
            return vec![self.layer(mixer, ffn, true)];
        }
        let dense = self.dense(c.intermediate_size);
        let first = match ffn {
            Ffn::Moe(moe) => Ffn::DenseAndMoe(dense.clone(), moe),
            other => other,
        };
        vec![self.layer(mixer.clone(), first, true), self.layer(mixer, Ffn::Dense(dense), true)]
    }

    fn layer(&self, mixer: Mixer, ffn: Ffn, hyper_connections: bool) -> Layer {
        let c = self.config;
        let mut norms = self.family.norms.to_vec();
        if !c.block_configs.is_empty() {
            norms.retain(|norm| match norm {
                Role::AttnNorm => mixer != Mixer::None,
                Role::FfnNorm => ffn != Ffn::None,
                _ => true,
            });
        }
        let mut layer =
            Layer { mixer, ffn, norms, extra: Vec::new(), parallel: self.family.parallel };
        self.layer_extra(&mut layer, hyper_connections);
        layer
    }

    /// Returns the tensors of a layer besides mixer, feed-forward block and norms.
    fn layer_extra(&self, layer: &mut Layer, hyper_connections: bool) {
        let c = self.config;
        let e = c.hidden_size;
        let mut add = |role, shape, place| layer.extra.push(ExtraTensor { role, shape, place });
        let gemma4 = self.family.gguf_arch == Some("gemma4");
        match c.per_layer_extra {
            0 => {}
            1 if gemma4 => add(Role::LayerOutputScale, Shape::vector(1), Place::Both),
            n => add(Role::Other, Shape::vector(n), Place::Checkpoint),
        }
        if c.act_params_per_layer > 0 {
            // llama.cpp keeps them as metadata.
            add(Role::Other, Shape::vector(c.act_params_per_layer), Place::Checkpoint);
        }
        let has_moe = layer.ffn.moe().is_some();
        if has_moe && c.router_extra > 0 {
            if gemma4 {
                add(Role::FfnGateInpScale, Shape::vector(e), Place::Both);
                add(Role::FfnDownExpsScale, Shape::vector(c.num_experts), Place::Both);
            } else {
                add(Role::Other, Shape::vector(c.router_extra), Place::Checkpoint);
            }
        }
        if c.hc_mult > 0 && hyper_connections {
            // Rows that mix the streams before and after a block: in, out, and among each other.
            let rows = if self.family.gguf_arch == Some("hy_v4") { 2 } else { 2 + c.hc_mult };
            let gains = rows.min(3);
            for [mix, base, scale] in [
                [Role::HcAttnFn, Role::HcAttnBase, Role::HcAttnScale],
                [Role::HcFfnFn, Role::HcFfnBase, Role::HcFfnScale],
            ] {
                add(mix, Shape::matrix(c.hc_mult * e, rows * c.hc_mult), Place::Both);
                add(base, Shape::vector(rows * c.hc_mult), Place::Both);
                add(scale, Shape::vector(gains), Place::Both);
            }
        }
        let width = c.hidden_size_per_layer_input;
        if width > 0 {
            add(Role::PerLayerInpGate, Shape::matrix(e, width), Place::Both);
            add(Role::PerLayerProj, Shape::matrix(width, e), Place::Both);
            add(Role::PerLayerPostNorm, Shape::vector(e), Place::Both);
        }
        let streams = c.altup_num_inputs;
        if streams > 0 {
            for (role, shape) in [
                (Role::AltupCorrectCoef, Shape::matrix(streams, streams)),
                (Role::AltupCorrectScale, Shape::vector(e)),
                (Role::AltupPredictCoef, Shape::matrix(streams, streams * streams)),
                (Role::AltupRouter, Shape::matrix(e, streams)),
                (Role::AltupRouterNorm, Shape::vector(e)),
            ] {
                add(role, shape, Place::Both);
            }
        }
        if c.laurel_rank > 0 {
            add(Role::LaurelL, Shape::matrix(e, c.laurel_rank), Place::Both);
            add(Role::LaurelR, Shape::matrix(c.laurel_rank, e), Place::Both);
            add(Role::LaurelPostNorm, Shape::vector(e), Place::Both);
        }
    }

    fn mixer(&self, i: usize) -> Mixer {
        let c = self.config;
        if let Some(&(kv_heads, _)) = c.block_configs.get(i) {
            if kv_heads == 0 {
                return Mixer::None;
            }
            return Mixer::Attention(Attention { kv_heads, ..self.attention(i, b'F') });
        }
        if let Some(&ratio) = c.compress_ratios.get(i) {
            return Mixer::Compressed(self.compressed(ratio));
        }
        match self.mixer_letter(i) {
            b'-' => Mixer::None,
            b'L' => Mixer::GatedDeltaNet(GatedDeltaNet {
                key_heads: c.linear_num_key_heads,
                key_head_dim: c.linear_key_head_dim,
                value_heads: c.linear_num_value_heads,
                value_head_dim: c.linear_value_head_dim,
                conv_kernel: c.linear_conv_kernel_dim,
                fused_ba: c.model_type == "qwen3_next",
            }),
            b'K' => Mixer::Kda(Kda {
                heads: c.linear_num_heads,
                head_dim: c.linear_head_dim,
                conv_kernel: c.linear_conv_kernel_dim,
                full_rank_decay: c.kda_full_rank_f,
                full_rank_gate: c.kda_full_rank_gate,
            }),
            b'G' => {
                Mixer::Lightning(Lightning { heads: c.num_attention_heads, head_dim: c.head_dim })
            }
            b'M' => Mixer::Mamba1(Mamba1 {
                d_inner: c.mamba_d_inner,
                d_state: c.mamba_d_state,
                d_conv: c.mamba_d_conv,
                dt_rank: c.mamba_dt_rank,
                conv_bias: true,
                inner_norms: c.mamba_inner_norms,
            }),
            b'N' => Mixer::Mamba2(self.mamba2()),
            b'X' => Mixer::ShortConv { kernel: c.conv_kernel },
            b'H' => Mixer::AttentionAndMamba2(self.attention(i, b'F'), self.mamba2()),
            letter if c.kv_lora_rank > 0 => Mixer::Mla(self.mla(i, letter)),
            letter => Mixer::Attention(self.attention(i, letter)),
        }
    }

    fn mamba2(&self) -> Mamba2 {
        let c = self.config;
        Mamba2 {
            d_inner: c.mamba_d_inner,
            d_state: c.mamba_d_state,
            d_conv: c.mamba_d_conv,
            groups: c.mamba_n_groups,
            heads: c.mamba_num_heads,
            conv_bias: true,
            norm: !c.mamba_no_norm,
        }
    }

    fn reach(letter: u8) -> AttentionSpan {
        match letter {
            b'S' => AttentionSpan::Sliding,
            b'C' => AttentionSpan::Chunked,
            b'D' => AttentionSpan::Sparse,
            _ => AttentionSpan::Full,
        }
    }

    fn output_gate(&self) -> OutputGate {
        match self.config.attn_output_gate {
            GateType::None => OutputGate::None,
            GateType::InQuery => OutputGate::InQuery,
            GateType::Full => OutputGate::Full,
            GateType::Head => OutputGate::PerHead,
        }
    }

    fn attention(&self, i: usize, letter: u8) -> Attention {
        let c = self.config;
        let (mut heads, mut kv_heads) = (c.num_attention_heads, c.num_key_value_heads);
        let (mut head_dim, mut k_eq_v) = (c.head_dim, false);
        if letter == b'S' {
            heads = c.swa_num_attention_heads.unwrap_or(heads);
            kv_heads = c.swa_num_key_value_heads.unwrap_or(kv_heads);
        } else if let Some(global) = c.global_head_dim.filter(|_| letter == b'F') {
            head_dim = global;
            kv_heads = c.num_global_key_value_heads.unwrap_or(kv_heads);
            k_eq_v = c.attention_k_eq_v;
        }
        let shared = c.kv_shared_from.is_some_and(|from| i as u64 >= from);
        Attention {
            heads,
            kv_heads,
            head_dim,
            v_head_dim: c.v_head_dim.unwrap_or(head_dim),
            reach: Self::reach(letter),
            qkv_bias: c.attention_bias,
            out_bias: c.attention_out_bias,
            qk_norm: match c.qk_norm {
                QkNormType::None => QkNorm::None,
                QkNormType::Head => QkNorm::PerHead,
                QkNormType::EachHead => QkNorm::EachHead,
                QkNormType::Full => QkNorm::Full,
            },
            output_gate: self.output_gate(),
            sinks: c.sinks,
            fused_qkv: self.family.fused_qkv,
            k_eq_v,
            kv_source: if shared { KvSource::Shared { stored: true } } else { KvSource::Own },
            indexer: (letter == b'D').then(|| self.indexer(c.hidden_size, false)),
        }
    }

    fn mla(&self, i: usize, letter: u8) -> Mla {
        let c = self.config;
        let q_lora_rank = Some(c.q_lora_rank).filter(|rank| *rank > 0);
        let has_indexer = letter == b'D' && c.indexer_pattern.as_bytes().get(i) != Some(&b's');
        Mla {
            heads: c.num_attention_heads,
            q_lora_rank,
            kv_lora_rank: c.kv_lora_rank,
            qk_nope_head_dim: c.qk_nope_head_dim,
            qk_rope_head_dim: c.qk_rope_head_dim,
            v_head_dim: c.v_head_dim.unwrap_or(c.head_dim),
            bias: c.attention_bias,
            output_gate: self.output_gate(),
            sinks: c.sinks,
            fused_kv_b: self.family.gguf_arch == Some("minicpm3"),
            reach: Self::reach(letter),
            indexer: has_indexer.then(|| self.indexer(q_lora_rank.unwrap_or(c.hidden_size), true)),
        }
    }

    fn indexer(&self, query_rank: u64, weighted: bool) -> Indexer {
        let c = self.config;
        Indexer {
            heads: c.index_n_heads,
            head_dim: c.index_head_dim,
            top_k: c.index_topk,
            query_rank,
            pool: c.index_pool,
            tokens_per_key: c.index_kpool.max(1),
            weighted,
        }
    }

    fn compressed(&self, ratio: u64) -> Compressed {
        let c = self.config;
        Compressed {
            heads: c.num_attention_heads,
            head_dim: c.head_dim,
            rope_head_dim: c.qk_rope_head_dim,
            q_lora_rank: c.q_lora_rank,
            out_groups: c.o_groups,
            out_lora_rank: c.o_lora_rank,
            ratio,
            indexer: (ratio == 4).then(|| self.indexer(c.q_lora_rank, true)),
        }
    }

    fn ffn(&self, i: usize) -> Ffn {
        let c = self.config;
        let width = match (c.block_configs.get(i), c.intermediate_sizes.get(i)) {
            (Some(&(_, 0)), _) => return Ffn::None,
            (Some(&(_, width)), _) | (None, Some(&width)) => width,
            (None, None) => c.intermediate_size,
        };
        match self.ffn_letter(i) {
            b'd' => Ffn::Dense(self.dense(width)),
            b'm' => Ffn::Moe(self.moe(i)),
            b'b' => Ffn::DenseAndMoe(self.dense(width), self.moe(i)),
            _ => Ffn::None,
        }
    }

    fn dense(&self, intermediate_size: u64) -> Dense {
        Dense {
            intermediate_size,
            gated: !self.config.mlp_plain,
            bias: self.config.mlp_bias,
            fused_gate_up: self.family.fused_gate_up,
        }
    }

    fn moe(&self, i: usize) -> Moe {
        let c = self.config;
        let by_hash = (i as u64) < c.num_hash_layers;
        Moe {
            experts: c.num_experts,
            experts_per_token: c.num_experts_per_tok,
            idle_experts: c.zero_expert_num,
            intermediate_size: c.moe_intermediate_size,
            hidden_size: c.moe_latent_size.unwrap_or(c.hidden_size),
            latent_norm: c.latent_norm,
            gated: !c.mlp_plain,
            fused_gate_up: matches!(self.family.gguf_arch, Some("gemma4" | "mistral4")),
            expert_bias: c.expert_bias,
            router_linear_bias: c.router_linear_bias,
            // Whatever their configs say, the routers of these have a correction bias.
            router_bias: (c.router_bias
                || matches!(c.model_type.as_str(), "nemotron_h" | "solar_open"))
                && !by_hash,
            token_table: if by_hash { c.vocab_size } else { 0 },
            shared_intermediate_size: c.shared_expert_intermediate_size,
            shared_gate: c.shared_expert_gate,
        }
    }

    fn mtp(&self) -> Option<Mtp> {
        let c = self.config;
        if c.num_nextn_predict_layers == 0 && c.mtp_params == 0 {
            return None;
        }
        let layers = match c.mtp_kind {
            MtpKind::Unknown => Vec::new(),
            MtpKind::Deepseek | MtpKind::DeepseekV4 => {
                (0..c.num_nextn_predict_layers).map(|_| self.mtp_layer()).collect()
            }
        };
        Some(Mtp {
            layers,
            params: c.mtp_params,
            own_embedding: c.mtp_stores_embed,
            own_head: c.mtp_stores_head,
            in_gguf: self.family.mtp_in_gguf,
        })
    }

    /// Returns an MTP layer: full attention (with an indexer if the last layer has sparse
    /// attention) and the model's usual feed-forward block.
    fn mtp_layer(&self) -> Layer {
        let c = self.config;
        let last = c.num_hidden_layers.saturating_sub(1) as usize;
        let letter = if self.mixer_letter(last) == b'D' { b'D' } else { b'F' };
        let mixer = match c.mtp_kind {
            MtpKind::DeepseekV4 => Mixer::Compressed(self.compressed(0)),
            _ if c.kv_lora_rank > 0 => Mixer::Mla(Mla {
                indexer: (letter == b'D').then(|| self.indexer(c.q_lora_rank, true)),
                ..self.mla(last, letter)
            }),
            _ => Mixer::Attention(self.attention(0, b'F')),
        };
        let ffn = if c.num_experts > 0 && !c.mtp_dense {
            Ffn::Moe(self.moe(last))
        } else {
            Ffn::Dense(self.dense(c.intermediate_size))
        };
        let own_streams = c.mtp_kind == MtpKind::DeepseekV4;
        let mut layer = self.layer(mixer, ffn, own_streams);
        if own_streams {
            // A head of its own, which llama.cpp leaves out.
            layer.extra.extend(self.hc_head(Place::Checkpoint));
        }
        layer
    }

    /// Returns the tensors that merge the streams of the hyper-connections after the last layer.
    fn hc_head(&self, place: Place) -> [ExtraTensor; 3] {
        let (e, streams) = (self.config.hidden_size, self.config.hc_mult);
        [
            (Role::HcHeadFn, Shape::matrix(streams * e, streams)),
            (Role::HcHeadBase, Shape::vector(streams)),
            (Role::HcHeadScale, Shape::vector(1)),
        ]
        .map(|(role, shape)| ExtraTensor { role, shape, place })
    }

    fn extras(&self) -> Extras {
        let c = self.config;
        let e = c.hidden_size;
        let mut extras = Extras {
            embedding_norm: c.embed_norm,
            no_final_norm: c.no_final_norm,
            head_bias: c.lm_head_bias,
            embedding_size: c.word_embed_proj_dim,
            lookup_tables: c.engram_params,
            vision: c.vision_params,
            tensors: Vec::new(),
        };
        if matches!(self.family.gguf_arch, Some("lfm2" | "lfm2moe")) {
            // The final norm goes by the name of an embedding norm.
            extras.embedding_norm = true;
            extras.no_final_norm = true;
        }
        let mut add = |role, shape, place| extras.tensors.push(ExtraTensor { role, shape, place });
        match (c.learned_positions, c.model_type.as_str()) {
            (0, _) => {}
            (rows, "xlm-roberta") => {
                // The first positions stand for padding; the converter drops them.
                let kept = Shape::matrix(e, rows.saturating_sub(2));
                add(Role::PositionEmbd, Shape::matrix(e, rows), Place::Checkpoint);
                add(Role::PositionEmbd, kept, Place::Gguf);
            }
            (rows, _) => add(Role::PositionEmbd, Shape::matrix(e, rows), Place::Both),
        }
        if c.token_type_vocab_size > 0 {
            add(Role::TokenTypes, Shape::matrix(e, c.token_type_vocab_size), Place::Both);
        }
        if let Some(width) = c.word_embed_proj_dim {
            add(Role::Other, Shape::matrix(width, 2 * e), Place::Checkpoint);
        }
        let width = c.hidden_size_per_layer_input;
        if width > 0 {
            let all = width * c.num_hidden_layers;
            let rows = c.vocab_size_per_layer_input;
            let gguf_rows = self.gguf_vocab_size();
            if rows == gguf_rows {
                add(Role::PerLayerTokenEmbd, Shape::matrix(all, rows), Place::Both);
            } else {
                // The converter fills the table up to the vocabulary.
                add(Role::PerLayerTokenEmbd, Shape::matrix(all, rows), Place::Checkpoint);
                add(Role::PerLayerTokenEmbd, Shape::matrix(all, gguf_rows), Place::Gguf);
            }
            add(Role::PerLayerModelProj, Shape::matrix(e, all), Place::Both);
            add(Role::PerLayerProjNorm, Shape::vector(width), Place::Both);
        }
        if c.altup_num_inputs > 1 {
            let shape = Shape([e, e, c.altup_num_inputs - 1]);
            add(Role::AltupProj, shape, Place::Both);
            add(Role::AltupUnembdProj, shape, Place::Both);
        }
        if c.extra_params > 0 {
            // Hyper-connections and the like go into the file, a pooler does not.
            let place = match self.family.gguf_arch {
                Some("qwen4exp") => Place::Both,
                _ => Place::Checkpoint,
            };
            add(Role::Other, Shape::vector(c.extra_params), place);
        }
        if c.hc_mult > 0 && !c.no_hc_head {
            for extra in self.hc_head(Place::Both) {
                add(extra.role, extra.shape, extra.place);
            }
        }
        if let Some(head_dim) = c.global_head_dim
            && self.family.gguf_arch == Some("gemma4")
        {
            // Its global layers rotate a part of each head.
            add(Role::RopeFreqs, Shape::vector(head_dim / 2), Place::Gguf);
        }
        if self.family.gguf_arch == Some("falcon") && c.tie_word_embeddings {
            // Its checkpoints store the tied head a second time, and the converter keeps it.
            let rows = self.gguf_vocab_size();
            add(Role::Output, Shape::matrix(e, rows), Place::Gguf);
        }
        match c.rope_factors {
            RopeFactors::None => {}
            RopeFactors::Llama3 => {
                add(Role::RopeFreqs, Shape::vector(c.head_dim / 2), Place::Gguf);
            }
            RopeFactors::LongRope(rotary) => {
                for role in [Role::RopeFactorsLong, Role::RopeFactorsShort] {
                    add(role, Shape::vector(rotary / 2), Place::Gguf);
                }
            }
        }
        extras
    }
}
