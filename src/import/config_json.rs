//! A model from its `config.json`: the fields that it states, under the names that families have for
//! them, over what the catalogue knows of the family.

use serde_json::{Map, Value};

use super::{ImportError, Imported, Remark, model_name};
use crate::architecture::config::{Config, QkNormType, RopeFactors};
use crate::catalog::{Catalog, Custom, Model, check, most};

/// A `config.json`, with that of its text model where it has several.
struct Fields<'a> {
    file: &'a str,
    whole: &'a Map<String, Value>,
    text: Option<&'a Map<String, Value>>,
}

impl<'a> Fields<'a> {
    fn new(file: &'a str, whole: &'a Map<String, Value>) -> Fields<'a> {
        let names = ["text_config", "llm_config", "language_config", "thinker_config"];
        let mut text = names.iter().find_map(|name| whole.get(*name)?.as_object());
        if let Some(inner) = text.and_then(|text| text.get("text_config")?.as_object()) {
            text = Some(inner);
        }
        Fields { file, whole, text }
    }

    /// The first of `names` that has a value.
    fn get(&self, names: &[&str]) -> Option<(&'a str, &'a Value)> {
        let of = |map: &'a Map<String, Value>| {
            names.iter().find_map(|name| {
                let (key, value) = map.get_key_value(*name)?;
                (!value.is_null()).then_some((key.as_str(), value))
            })
        };
        self.text.and_then(of).or_else(|| of(self.whole))
    }

    /// The number under the first of `names` that has a value, which is no more than may be of the
    /// first.
    fn number(&self, names: &[&str]) -> Result<Option<u64>, ImportError> {
        let Some((name, value)) = self.get(names) else { return Ok(None) };
        let most = most(names[0]);
        let whole = value.as_u64().or_else(|| {
            // 1e6 and 4096.0 are whole.
            let number = value.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0 && *n < 1e15)?;
            Some(number as u64)
        });
        match whole.filter(|number| *number <= most) {
            Some(number) => Ok(Some(number)),
            None => {
                let accepted = format!("a whole number from 0 to {most}");
                Err(ImportError::new(self.file, name, value, accepted))
            }
        }
    }

    /// A number that a model cannot be without.
    fn needed(&self, names: &[&str]) -> Result<u64, ImportError> {
        let number = self.number(names)?.filter(|number| *number > 0);
        number.ok_or_else(|| {
            let value = if self.get(names).is_some() { "0" } else { "missing" };
            let others = names[1..].join(", ");
            let accepted = match others.as_str() {
                "" => "a whole number from 1 on".to_owned(),
                others => format!("a whole number from 1 on (also as {others})"),
            };
            ImportError::new(self.file, names[0], value, accepted).unmapped()
        })
    }

    fn switch(&self, names: &[&str]) -> Option<bool> {
        self.get(names)?.1.as_bool()
    }

    fn text(&self, names: &[&str]) -> Option<&'a str> {
        self.get(names)?.1.as_str()
    }
}

/// The model that a `config.json` describes.
///
/// # Errors
/// A field is none, or the fields do not go with each other.
pub(super) fn model(
    catalog: &Catalog,
    file: &str,
    json: &Map<String, Value>,
) -> Result<Imported, ImportError> {
    let fields = Fields::new(file, json);
    let Some(model_type) = fields.text(&["model_type"]) else {
        let value = json.keys().take(4).cloned().collect::<Vec<_>>().join(", ");
        let accepted = "a model's configuration, with model_type";
        return Err(ImportError::new(
            file,
            "model_type",
            format!("missing beside {value}"),
            accepted,
        ));
    };
    let mut model_type = model_type.trim_end_matches("_text").to_owned();
    if json.get("model_type").and_then(Value::as_str) == Some("gemma3_text") {
        model_type = "gemma3".to_owned();
    }
    let (mut assumed, mut remarks) = (Vec::new(), Vec::new());
    let hidden = fields.needed(&["hidden_size", "n_embd", "d_model", "dim", "model_dim"])?;
    let layers = fields.needed(&["num_hidden_layers", "n_layer", "n_layers", "num_layers"])?;
    let relative = family_of(catalog, &model_type, hidden, layers);
    let mut config = match relative {
        Some(model) => implied(model),
        None => {
            assumed.push("model_type".to_owned());
            remarks.push(Remark::UnknownFamily { model_type: model_type.clone() });
            Config::default()
        }
    };
    config.model_type = model_type;
    config.hidden_size = hidden;
    config.num_hidden_layers = layers;
    config.vocab_size = fields.needed(&["vocab_size", "padded_vocab_size"])?;
    let positions =
        &["max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length"];
    config.max_position_embeddings = fields.number(positions)?;
    let mut is_known = relative.is_some();
    if let Some(tied) = fields.switch(&["tie_word_embeddings"]) {
        config.tie_word_embeddings = tied;
    } else if !is_known {
        assumed.push("tie_word_embeddings".to_owned());
    }
    attention(&fields, &mut config, &mut assumed, is_known)?;
    feed_forward(&fields, &mut config)?;
    if let Some(bias) = fields.switch(&["attention_bias", "qkv_bias", "use_qkv_bias"]) {
        config.attention_bias = bias;
    }
    if let Some(true) = fields.switch(&["use_qk_norm", "qk_layernorm"])
        && config.qk_norm == QkNormType::None
    {
        config.qk_norm = QkNormType::Head;
    }
    pattern(&fields, &mut config, relative, &mut assumed)?;
    let scaling = fields.get(&["rope_scaling", "rope_parameters"]);
    if let Some(kind) = scaling.and_then(|(_, scaling)| {
        let kind = scaling.get("rope_type").or_else(|| scaling.get("type"))?;
        kind.as_str()
    }) {
        config.rope_factors = match kind {
            "llama3" => RopeFactors::Llama3,
            "longrope" | "su" => RopeFactors::LongRope(config.head_dim),
            _ => RopeFactors::None,
        };
    }
    if let Some(n) = fields.number(&["num_nextn_predict_layers"])? {
        config.num_nextn_predict_layers = n;
    }
    if fields.whole.contains_key("vision_config") && config.vision_params == 0 {
        assumed.push("vision_params".to_owned());
        remarks.push(Remark::UnknownVision);
    }
    check(&config).map_err(|error| ImportError::of(file, error))?;
    is_known &= assumed.is_empty();
    if is_known && let Some(model) = relative {
        remarks.push(Remark::SameFamily { of: model.id.clone() });
    }
    let native = native(&fields);
    let name = json.get("_name_or_path").and_then(Value::as_str).unwrap_or_default();
    let is_path = name.is_empty() || name.starts_with(['/', '.']) || name.contains('\\');
    let name = if is_path { model_name(file) } else { name.to_owned() };
    let custom = Custom { name, config, native, assumed, ..Custom::default() };
    Ok(Imported { custom, quant: None, stored: None, remarks })
}

/// The model of the catalogue of this family that is nearest in width and depth.
fn family_of<'a>(
    catalog: &'a Catalog,
    model_type: &str,
    hidden: u64,
    layers: u64,
) -> Option<&'a Model> {
    let of_family = catalog
        .models
        .iter()
        .filter(|model| model.config().model_type.trim_end_matches("_text") == model_type);
    let off = |model: &&Model| {
        let c = model.config();
        c.hidden_size.abs_diff(hidden).saturating_mul(4) + c.num_hidden_layers.abs_diff(layers)
    };
    of_family.min_by_key(off)
}

/// What the configuration of a model says of its family, rather than of its own size.
pub(super) fn implied(model: &Model) -> Config {
    let known = model.config().clone();
    Config {
        block_configs: Vec::new(),
        intermediate_sizes: Vec::new(),
        engram_params: 0,
        vision_params: 0,
        extra_params: 0,
        mtp_params: 0,
        num_nextn_predict_layers: 0,
        rope_factors: RopeFactors::None,
        num_experts: 0,
        ..known
    }
}

fn attention(
    fields: &Fields<'_>,
    config: &mut Config,
    assumed: &mut Vec<String>,
    is_known: bool,
) -> Result<(), ImportError> {
    let is_recurrent = config.num_attention_heads == 0 && is_known;
    let heads = &["num_attention_heads", "n_head", "n_heads", "num_heads"];
    if !is_recurrent {
        config.num_attention_heads = fields.needed(heads)?;
    }
    let heads = config.num_attention_heads;
    let kv = &["num_key_value_heads", "num_kv_heads", "multi_query_group_num", "n_kv_heads"];
    config.num_key_value_heads = match fields.number(kv)? {
        Some(kv_heads) => kv_heads,
        None => {
            if !is_known {
                assumed.push("num_key_value_heads".to_owned());
            }
            heads
        }
    };
    config.head_dim = match fields.number(&["head_dim", "kv_channels", "attention_head_dim"])? {
        Some(head_dim) => head_dim,
        None if is_recurrent || config.kv_lora_rank > 0 => config.head_dim,
        None => {
            let hidden = config.hidden_size;
            if !hidden.is_multiple_of(heads.max(1)) {
                let accepted = format!("a divisor of hidden_size {hidden}, or head_dim beside it");
                return Err(ImportError::new(fields.file, "num_attention_heads", heads, accepted));
            }
            hidden / heads.max(1)
        }
    };
    for (names, field) in [
        (&["q_lora_rank"][..], &mut config.q_lora_rank),
        (&["kv_lora_rank"], &mut config.kv_lora_rank),
        (&["qk_nope_head_dim"], &mut config.qk_nope_head_dim),
        (&["qk_rope_head_dim"], &mut config.qk_rope_head_dim),
        (&["index_n_heads"], &mut config.index_n_heads),
        (&["index_head_dim"], &mut config.index_head_dim),
        (&["index_topk"], &mut config.index_topk),
        (&["linear_num_key_heads"], &mut config.linear_num_key_heads),
        (&["linear_key_head_dim"], &mut config.linear_key_head_dim),
        (&["linear_num_value_heads"], &mut config.linear_num_value_heads),
        (&["linear_value_head_dim"], &mut config.linear_value_head_dim),
        (&["linear_conv_kernel_dim"], &mut config.linear_conv_kernel_dim),
    ] {
        if let Some(number) = fields.number(names)? {
            *field = number;
        }
    }
    // MLA states its query rank as null where it has none.
    if config.kv_lora_rank > 0 && fields.get(&["q_lora_rank"]).is_none() {
        config.q_lora_rank = 0;
    }
    if let Some(width) = fields.number(&["v_head_dim"])? {
        config.v_head_dim =
            Some(width).filter(|width| *width != config.head_dim || config.kv_lora_rank > 0);
    }
    Ok(())
}

fn feed_forward(fields: &Fields<'_>, config: &mut Config) -> Result<(), ImportError> {
    let widths = &["intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "d_ff"];
    if let Some(width) = fields.number(widths)? {
        config.intermediate_size = width;
    }
    let experts =
        &["num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "n_experts"];
    let Some(experts) = fields.number(experts)?.filter(|experts| *experts > 1) else {
        config.num_experts = 0;
        config.num_experts_per_tok = 0;
        return Ok(());
    };
    config.num_experts = experts;
    let used =
        &["num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts"];
    config.num_experts_per_tok = fields.needed(used)?;
    let width = &[
        "moe_intermediate_size",
        "expert_ffn_hidden_size",
        "moe_ffn_hidden_size",
        "ffn_hidden_size",
    ];
    // Mixtral's experts have the one width that it states.
    config.moe_intermediate_size = fields.number(width)?.unwrap_or(config.intermediate_size);
    let dense = &["first_k_dense_replace", "num_dense_layers", "moe_layer_start_index"];
    if let Some(dense) = fields.number(dense)? {
        config.first_k_dense_replace = dense;
    }
    let shared =
        fields.number(&["n_shared_experts", "num_shared_experts", "moe_num_shared_experts"])?;
    let whole = fields.number(&["shared_expert_intermediate_size"])?;
    let shared = shared.map(|n| {
        n.saturating_mul(config.moe_intermediate_size).min(most("shared_expert_intermediate_size"))
    });
    if let Some(width) = whole.or(shared) {
        config.shared_expert_intermediate_size = width;
    }
    Ok(())
}

/// The mixer of each layer.
fn pattern(
    fields: &Fields<'_>,
    config: &mut Config,
    relative: Option<&Model>,
    assumed: &mut Vec<String>,
) -> Result<(), ImportError> {
    let layers = config.num_hidden_layers as usize;
    let window = fields.number(&["sliding_window", "sliding_window_size"])?;
    let is_used = fields.switch(&["use_sliding_window"]).unwrap_or(true);
    if let Some((name, Value::Array(kinds))) = fields.get(&["layer_types"]) {
        if kinds.len() < layers {
            let accepted = format!("one for each of the {layers} layers");
            return Err(ImportError::new(
                fields.file,
                name,
                format!("{} kinds", kinds.len()),
                accepted,
            ));
        }
        let mut letters = String::new();
        for kind in kinds.iter().take(layers) {
            letters.push(match kind.as_str().unwrap_or_default() {
                "full_attention" | "attention" | "global_attention" => 'F',
                "sliding_attention" | "local_attention" => 'S',
                "chunked_attention" => 'C',
                "linear_attention" => 'L',
                "conv" => 'X',
                "mamba" | "mamba2" => 'N',
                other => {
                    let accepted = "full_attention, sliding_attention, chunked_attention, \
                                    linear_attention, conv, mamba";
                    return Err(ImportError::new(fields.file, name, other, accepted).unmapped());
                }
            });
        }
        config.layer_pattern = if letters.contains(|c| c != 'F') { letters } else { String::new() };
    } else if let Some(period) =
        fields.number(&["sliding_window_pattern", "full_attention_interval"])?
        && period > 1
    {
        let other = if fields.get(&["full_attention_interval"]).is_some() { 'L' } else { 'S' };
        let letter = |i: usize| if (i as u64 + 1).is_multiple_of(period) { 'F' } else { other };
        config.layer_pattern = (0..layers).map(letter).collect();
    } else if !config.layer_pattern.is_empty() && config.layer_pattern.len() != layers {
        // Deeper or flatter than the relative: its pattern goes on.
        let known = config.layer_pattern.clone();
        config.layer_pattern = known.chars().cycle().take(layers).collect();
        assumed.push("layer_pattern".to_owned());
    }
    let has = |letter| config.layer_pattern.contains(letter);
    let is_sliding = has('S') || has('C');
    match window.filter(|window| *window > 0 && is_used) {
        Some(window) if is_sliding => config.sliding_window = Some(window),
        // All layers of a model that states a window alone have it.
        Some(window) if relative.is_none() => {
            config.sliding_window = Some(window);
            config.layer_pattern = "S".repeat(layers);
            assumed.push("layer_pattern".to_owned());
        }
        _ => {}
    }
    if config.ffn_pattern.len() != layers && !config.ffn_pattern.is_empty() {
        let known = config.ffn_pattern.clone();
        config.ffn_pattern = known.chars().cycle().take(layers).collect();
        assumed.push("ffn_pattern".to_owned());
    }
    if !config.indexer_pattern.is_empty() {
        let known = config.indexer_pattern.clone();
        config.indexer_pattern = known.chars().cycle().take(layers).collect();
    }
    if !config.compress_ratios.is_empty() && config.compress_ratios.len() != layers {
        let known = config.compress_ratios.clone();
        config.compress_ratios = known.into_iter().cycle().take(layers).collect();
        assumed.push("compress_ratios".to_owned());
    }
    Ok(())
}

/// The format that the checkpoint is in, if it is not 16 bits.
fn native(fields: &Fields<'_>) -> Option<String> {
    let (_, quantised) = fields.get(&["quantization_config"])?;
    match quantised.get("quant_method")?.as_str()? {
        "fp8" => Some("fp8".to_owned()),
        "mxfp4" => Some("mxfp4".to_owned()),
        "compressed-tensors" => Some("int4".to_owned()),
        _ => None,
    }
}
