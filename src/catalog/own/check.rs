//! Whether a configuration that somebody gives is that of a model that can exist.

use super::{OwnError, most};
use crate::architecture::config::Config;
use crate::architecture::{Architecture, tensors};

/// Most parameters of a model.
const MOST_PARAMETERS: u128 = 100_000_000_000_000;

/// Checks that the layers of `config` have what they are made of, that heads divide, and that there
/// are not more parameters than in any model.
///
/// # Errors
/// The first field that is missing or does not go with the others.
pub fn check(config: &Config) -> Result<(), OwnError> {
    let c = config;
    require(&[
        ("hidden_size", c.hidden_size),
        ("num_hidden_layers", c.num_hidden_layers),
        ("vocab_size", c.vocab_size),
    ])?;
    // Each is made below.
    for (field, layers) in [
        ("num_hidden_layers", c.num_hidden_layers),
        ("num_nextn_predict_layers", c.num_nextn_predict_layers),
    ] {
        if layers > most(field) {
            return Err(OwnError::new(field, layers, format!("at most {}", most(field))));
        }
    }
    for i in 0..c.num_hidden_layers as usize {
        mixer(c, i)?;
        feed_forward(c, i)?;
    }
    if c.learned_positions > 0 && c.model_type == "xlm-roberta" && c.learned_positions < 3 {
        return Err(OwnError::new("learned_positions", c.learned_positions, "3 or more"));
    }
    if c.num_nextn_predict_layers > 0 && c.num_experts > 0 && c.mtp_dense {
        require(&[("intermediate_size", c.intermediate_size)])?;
    }
    let mut parameters = 0u128;
    for tensor in tensors(&Architecture::from(c)) {
        let elements = tensor.shape.0.iter().map(|n| u128::from(*n)).product::<u128>();
        if elements == 0 {
            let name = tensor.gguf_name();
            return Err(OwnError::new("config", name, "no tensor without elements"));
        }
        parameters += elements;
    }
    match parameters > MOST_PARAMETERS {
        true => Err(OwnError::new("parameters", parameters, format!("at most {MOST_PARAMETERS}"))),
        false => Ok(()),
    }
}

/// Checks that none of these numbers is missing.
fn require(fields: &[(&str, u64)]) -> Result<(), OwnError> {
    match fields.iter().find(|(_, value)| *value == 0) {
        Some((field, value)) => Err(OwnError::new(field, value, "a whole number from 1 on")),
        None => Ok(()),
    }
}

fn letter(pattern: &str, i: usize) -> Option<u8> {
    pattern.as_bytes().get(i).copied()
}

fn mixer(c: &Config, i: usize) -> Result<(), OwnError> {
    if let Some((kv_heads, _)) = c.block_configs.get(i) {
        return match kv_heads {
            0 => Ok(()),
            kv_heads => heads(c, c.num_attention_heads, *kv_heads, c.head_dim),
        };
    }
    if let Some(ratio) = c.compress_ratios.get(i) {
        require(&[
            ("num_attention_heads", c.num_attention_heads),
            ("head_dim", c.head_dim),
            ("qk_rope_head_dim", c.qk_rope_head_dim),
            ("q_lora_rank", c.q_lora_rank),
            ("o_groups", c.o_groups),
            ("o_lora_rank", c.o_lora_rank),
            ("sliding_window", c.sliding_window.unwrap_or(0)),
        ])?;
        if !c.num_attention_heads.is_multiple_of(c.o_groups) {
            return Err(OwnError::new("o_groups", c.o_groups, "a divisor of num_attention_heads"));
        }
        return if *ratio == 4 { indexer(c) } else { Ok(()) };
    }
    match letter(&c.layer_pattern, i).unwrap_or(b'F') {
        b'-' => Ok(()),
        b'L' => {
            require(&[
                ("linear_num_key_heads", c.linear_num_key_heads),
                ("linear_key_head_dim", c.linear_key_head_dim),
                ("linear_num_value_heads", c.linear_num_value_heads),
                ("linear_value_head_dim", c.linear_value_head_dim),
                ("linear_conv_kernel_dim", c.linear_conv_kernel_dim),
            ])?;
            divides("linear_num_key_heads", c.linear_num_key_heads, c.linear_num_value_heads)
        }
        b'K' => require(&[
            ("linear_num_heads", c.linear_num_heads),
            ("linear_head_dim", c.linear_head_dim),
            ("linear_conv_kernel_dim", c.linear_conv_kernel_dim),
        ]),
        b'G' => {
            require(&[("num_attention_heads", c.num_attention_heads), ("head_dim", c.head_dim)])
        }
        b'M' => require(&[
            ("mamba_d_inner", c.mamba_d_inner),
            ("mamba_d_state", c.mamba_d_state),
            ("mamba_d_conv", c.mamba_d_conv),
            ("mamba_dt_rank", c.mamba_dt_rank),
        ]),
        b'N' => mamba2(c),
        b'X' => require(&[("conv_kernel", c.conv_kernel)]),
        kind @ (b'F' | b'S' | b'C' | b'D' | b'H') => {
            if matches!(kind, b'S' | b'C') {
                require(&[("sliding_window", c.sliding_window.unwrap_or(0))])?;
            }
            if kind == b'D' {
                indexer(c)?;
            }
            if kind == b'H' {
                mamba2(c)?;
            }
            attention(c, kind)
        }
        other => {
            let accepted = "the letters F, S, C, D, L, K, G, M, N, X, H and -";
            Err(OwnError::new("layer_pattern", char::from(other), accepted))
        }
    }
}

fn attention(c: &Config, kind: u8) -> Result<(), OwnError> {
    if c.kv_lora_rank > 0 && kind != b'H' {
        require(&[
            ("num_attention_heads", c.num_attention_heads),
            ("qk_nope_head_dim", c.qk_nope_head_dim),
            ("v_head_dim", c.v_head_dim.unwrap_or(c.head_dim)),
        ])?;
        return Ok(());
    }
    let (all, kv) = (c.num_attention_heads, c.num_key_value_heads);
    match (kind, c.global_head_dim) {
        (b'S', _) => {
            let own = c.swa_num_attention_heads.unwrap_or(all);
            heads(c, own, c.swa_num_key_value_heads.unwrap_or(kv), c.head_dim)
        }
        (b'F', Some(head_dim)) => {
            heads(c, all, c.num_global_key_value_heads.unwrap_or(kv), head_dim)
        }
        _ => heads(c, all, kv, c.head_dim),
    }
}

fn heads(c: &Config, heads: u64, kv_heads: u64, head_dim: u64) -> Result<(), OwnError> {
    require(&[
        ("num_attention_heads", heads),
        ("num_key_value_heads", kv_heads),
        ("head_dim", head_dim),
        ("v_head_dim", c.v_head_dim.unwrap_or(head_dim)),
    ])?;
    divides("num_key_value_heads", kv_heads, heads)
}

fn divides(field: &str, part: u64, whole: u64) -> Result<(), OwnError> {
    match whole % part.max(1) {
        0 => Ok(()),
        _ => Err(OwnError::new(field, part, format!("a divisor of the {whole} heads"))),
    }
}

fn indexer(c: &Config) -> Result<(), OwnError> {
    require(&[
        ("index_n_heads", c.index_n_heads),
        ("index_head_dim", c.index_head_dim),
        ("index_topk", c.index_topk),
    ])
}

fn mamba2(c: &Config) -> Result<(), OwnError> {
    require(&[
        ("mamba_d_inner", c.mamba_d_inner),
        ("mamba_d_state", c.mamba_d_state),
        ("mamba_d_conv", c.mamba_d_conv),
        ("mamba_num_heads", c.mamba_num_heads),
        ("mamba_n_groups", c.mamba_n_groups),
    ])
}

fn feed_forward(c: &Config, i: usize) -> Result<(), OwnError> {
    if !c.block_configs.is_empty() && i < c.block_configs.len() && c.block_configs[i].1 == 0 {
        return Ok(());
    }
    let width = match (c.block_configs.get(i), c.intermediate_sizes.get(i)) {
        (Some((_, width)), _) | (None, Some(width)) => *width,
        (None, None) => c.intermediate_size,
    };
    let dense = || require(&[("intermediate_size", width)]);
    let experts = || {
        require(&[
            ("num_experts", c.num_experts),
            ("num_experts_per_tok", c.num_experts_per_tok),
            ("moe_intermediate_size", c.moe_intermediate_size),
        ])?;
        match c.num_experts_per_tok > c.num_experts {
            true => {
                let accepted = format!("at most the {} experts", c.num_experts);
                Err(OwnError::new("num_experts_per_tok", c.num_experts_per_tok, accepted))
            }
            false => Ok(()),
        }
    };
    let plain = match c.num_experts > 0 && i as u64 >= c.first_k_dense_replace {
        true => b'm',
        false => b'd',
    };
    match letter(&c.ffn_pattern, i).unwrap_or(plain) {
        b'd' => dense(),
        b'm' => experts(),
        b'b' => dense().and_then(|()| experts()),
        b'-' => Ok(()),
        other => Err(OwnError::new("ffn_pattern", char::from(other), "the letters d, m, b and -")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn every_model_of_the_catalogue_can_exist() {
        for model in Catalog::bundled().models.iter() {
            assert_eq!(check(model.config()), Ok(()), "{}", model.id);
        }
    }
}
