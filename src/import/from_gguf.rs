//! A model from the header of its GGUF file: the configuration of the model of the catalogue with the
//! same tensors, or that of the nearest of its architecture with what metadata and shapes say.

use std::collections::BTreeMap;

use super::config_json::implied;
use super::gguf::{GgufHeader, MetaValue};
use super::{ImportError, Imported, Remark, Unmapped, model_name};
use crate::architecture::config::{Config, QkNormType};
use crate::architecture::{Architecture, Group, Role, Shape, Tensor, tensors};
use crate::catalog::{Catalog, Custom, FileTypes, Model, ModelSize, check};
use crate::quant::{Mix, Quant, StoredType};
use crate::sort;

/// Share of the bytes that may belong to tensors which the architecture has not.
const MOST_UNKNOWN: f64 = 0.02;

/// The tensors of a file by role and layer.
type Found = BTreeMap<(Role, Option<u32>), (Shape, StoredType)>;

/// The model that a header describes.
pub(super) fn model(
    catalog: &Catalog,
    file: &str,
    header: &GgufHeader,
) -> Result<Imported, ImportError> {
    let Some(arch) = header.text("general.architecture") else {
        let accepted = "the architecture, such as llama";
        return Err(ImportError::new(file, "general.architecture", "missing", accepted));
    };
    if matches!(header.text("general.type"), Some("adapter" | "mmproj" | "imatrix"))
        || matches!(arch, "clip" | "imatrix")
    {
        let accepted = "the model itself, not a projector, adapter or importance matrix";
        return Err(ImportError::new(file, "general.architecture", arch, accepted));
    }
    if header.tensors.is_empty() {
        let accepted = "a model's tensors, not a vocabulary alone";
        return Err(ImportError::new(file, "tensors", "none", accepted));
    }
    let (found, mut unknown) = by_role(header);
    let name = name_of(file, header);
    let quant = quant_of(file, header);
    let mut best: Option<(u64, Config, &Model)> = None;
    for relative in relatives(catalog, arch, header) {
        for config in
            [same_shape(relative, &found, header), adapted(relative, arch, &found, header)]
        {
            if check(&config).is_err() || named_otherwise(&config, arch) {
                continue;
            }
            let off = difference(&config, &found);
            if best.as_ref().is_none_or(|(least, ..)| off < *least) {
                best = Some((off, config, relative));
            }
        }
        if best.as_ref().is_some_and(|(off, ..)| *off == 0) {
            break;
        }
    }
    let all: u64 = header.tensors.iter().map(|t| t.shape.elements()).fold(0, u64::saturating_add);
    let unmapped = |why| bounds(file, name.clone(), all, why);
    let Some((off, config, relative)) = best else {
        return unmapped(Unmapped::Architecture { name: arch.to_owned() });
    };
    if off as f64 > MOST_UNKNOWN * all as f64 {
        return unmapped(Unmapped::Tensors { name: arch.to_owned() });
    }
    let (mut assumed, mut remarks) = (Vec::new(), Vec::new());
    if off > 0 {
        unknown.retain(|name| !name.contains("rope"));
        assumed.push("tensors".to_owned());
        remarks.push(Remark::OtherTensors {
            elements: off,
            all,
            of: relative.id.clone(),
            example: unknown.first().cloned(),
        });
    } else {
        remarks.push(Remark::SameTensors { of: relative.id.clone() });
    }
    let mut custom = Custom { name, config, assumed, ..Custom::default() };
    let listed = custom.gguf_tensors();
    let typed = listed.iter().filter_map(|tensor| {
        let (_, ty) = found.get(&(tensor.role, tensor.layer))?;
        Some((tensor, *ty))
    });
    let types = FileTypes::of(quant, typed);
    let foreign = types.foreign();
    if !foreign.is_empty() {
        remarks.push(Remark::ForeignTypes { types: foreign });
    }
    custom.file = Some(types);
    Ok(Imported { custom, quant: Some(quant), stored: Some(all), remarks })
}

/// A model of an architecture that cannot be read: bounds from its number of parameters.
fn bounds(file: &str, name: String, elements: u64, why: Unmapped) -> Result<Imported, ImportError> {
    let shape = ModelSize::of(elements, None).ok_or_else(|| {
        ImportError::new(file, "parameters", elements, "from a million to 20 trillion")
    })?;
    let custom = Custom { name, shape: Some(shape), ..Custom::default() };
    let remarks = vec![Remark::OnlyWeights { why }];
    Ok(Imported { custom, quant: None, stored: Some(elements), remarks })
}

/// The tensors by their roles, and the names of those that have none.
fn by_role(header: &GgufHeader) -> (Found, Vec<String>) {
    let (mut found, mut unknown) = (Found::new(), Vec::new());
    for tensor in &header.tensors {
        let layer = tensor
            .name
            .strip_prefix("blk.")
            .and_then(|rest| rest.split_once('.').and_then(|(layer, _)| layer.parse().ok()));
        match Role::from_gguf_name(&tensor.name) {
            Some(role) => _ = found.insert((role, layer), (tensor.shape, tensor.ty)),
            None => unknown.push(tensor.name.clone()),
        }
    }
    (found, unknown)
}

/// The models of the catalogue with this architecture, the nearest in width and depth first.
fn relatives<'a>(catalog: &'a Catalog, arch: &str, header: &GgufHeader) -> Vec<&'a Model> {
    let hidden = header.whole(&format!("{arch}.embedding_length")).unwrap_or(0);
    let layers = header.whole(&format!("{arch}.block_count")).unwrap_or(0);
    let width = header.whole(&format!("{arch}.feed_forward_length")).unwrap_or(0);
    let of_arch = |model: &&Model| {
        model.config().num_hidden_layers > 0
            && model.architecture().gguf_arch.as_deref() == Some(arch)
    };
    let mut models: Vec<&Model> = catalog.models.iter().filter(of_arch).collect();
    sort::by_key(&mut models, |model| {
        let c = model.config();
        let off = c.hidden_size.abs_diff(hidden).saturating_mul(16)
            + c.num_hidden_layers.abs_diff(layers).saturating_mul(64);
        off.saturating_add(c.intermediate_size.abs_diff(width))
    });
    // Those that are far off differ in size alone.
    models.truncate(64);
    models
}

/// Whether the configuration is of another architecture in GGUF.
fn named_otherwise(config: &Config, arch: &str) -> bool {
    Architecture::from(config).gguf_arch.as_deref() != Some(arch)
}

/// Elements of tensors that only one of both has, or in different shapes.
fn difference(config: &Config, found: &Found) -> u64 {
    let listed = tensors(&Architecture::from(config));
    let mut seen = 0usize;
    let mut off = 0u64;
    let mut matched = 0u64;
    let is_optional = |tensor: &Tensor| {
        // A file need not have the factors of rotation, nor layers that only draft.
        matches!(tensor.role, Role::RopeFreqs | Role::RopeFactorsLong | Role::RopeFactorsShort)
            || tensor.group == Group::Mtp
    };
    for tensor in listed.iter().filter(|tensor| tensor.in_gguf) {
        match found.get(&(tensor.role, tensor.layer)) {
            Some((shape, _)) if shape.elements() == tensor.shape.elements() => {
                seen += 1;
                matched = matched.saturating_add(shape.elements());
            }
            Some((shape, _)) => {
                seen += 1;
                off = off.saturating_add(shape.elements().abs_diff(tensor.shape.elements()));
            }
            None if is_optional(tensor) => {}
            None => off = off.saturating_add(tensor.shape.elements()),
        }
    }
    if seen < found.len() {
        let all: u64 =
            found.values().map(|(shape, _)| shape.elements()).fold(0, u64::saturating_add);
        off = off.saturating_add(all.saturating_sub(matched)).max(1);
    }
    off
}

/// The relative itself, with the file's vocabulary and context.
fn same_shape(relative: &Model, found: &Found, header: &GgufHeader) -> Config {
    let mut config = relative.config().clone();
    of_file(&mut config, relative, found, header);
    config
}

/// Sets what a fine-tune changes: vocabulary, tied tables, the longest context.
fn of_file(config: &mut Config, relative: &Model, found: &Found, header: &GgufHeader) {
    let rows = |role| found.get(&(role, None)).map(|(shape, _)| shape.0[1]);
    if let Some(rows) = rows(Role::TokenEmbd)
        && rows != relative.architecture().gguf_vocab_size
    {
        config.vocab_size = rows;
    }
    let is_falcon = config.model_type == "falcon";
    if !is_falcon {
        config.tie_word_embeddings = !found.contains_key(&(Role::Output, None));
    }
    let arch = header.text("general.architecture").unwrap_or_default();
    if let Some(context) = header.whole(&format!("{arch}.context_length")) {
        config.max_position_embeddings = Some(context);
    }
}

/// The relative with what the file says of its own size.
fn adapted(relative: &Model, arch: &str, found: &Found, header: &GgufHeader) -> Config {
    let c = relative.config();
    let mut config = implied(relative);
    config.num_experts = c.num_experts;
    let key = |name: &str| format!("{arch}.{name}");
    let number = |name: &str| {
        let key = key(name);
        header.whole(&key).or_else(|| match header.meta.get(&key)? {
            // One a layer: most of them.
            MetaValue::List(list) => u64::try_from(*list.iter().max()?).ok(),
            _ => None,
        })
    };
    let set = |field: &mut u64, name: &str| {
        if let Some(number) = number(name).filter(|number| *number < 1 << 21) {
            *field = number;
        }
    };
    set(&mut config.hidden_size, "embedding_length");
    set(&mut config.num_hidden_layers, "block_count");
    set(&mut config.num_nextn_predict_layers, "nextn_predict_layers");
    config.num_hidden_layers =
        config.num_hidden_layers.saturating_sub(config.num_nextn_predict_layers);
    set(&mut config.num_attention_heads, "attention.head_count");
    if config.kv_lora_rank == 0 {
        set(&mut config.num_key_value_heads, "attention.head_count_kv");
    }
    set(&mut config.intermediate_size, "feed_forward_length");
    set(&mut config.num_experts, "expert_count");
    set(&mut config.num_experts_per_tok, "expert_used_count");
    set(&mut config.moe_intermediate_size, "expert_feed_forward_length");
    set(&mut config.first_k_dense_replace, "leading_dense_block_count");
    set(&mut config.q_lora_rank, "attention.q_lora_rank");
    set(&mut config.kv_lora_rank, "attention.kv_lora_rank");
    if config.sliding_window.is_some()
        && let Some(window) = number("attention.sliding_window").filter(|window| *window > 0)
    {
        config.sliding_window = Some(window);
    }
    let any = |role: Role| {
        found.iter().find(|((found, _), _)| *found == role).map(|(_, (shape, _))| shape.0)
    };
    // The shapes say what the metadata may leave out.
    if let Some([hidden, rows, _]) = any(Role::TokenEmbd) {
        config.hidden_size = hidden;
        config.vocab_size = rows;
    }
    if config.kv_lora_rank == 0 && config.num_attention_heads > 0 {
        let of_key = number("attention.key_length").filter(|n| (1..1 << 21).contains(n));
        let by_shape = any(Role::AttnK)
            .map(|[_, rows, _]| rows)
            .filter(|rows| rows.is_multiple_of(config.num_key_value_heads.max(1)))
            .map(|rows| rows / config.num_key_value_heads.max(1));
        let usual = config.hidden_size / config.num_attention_heads;
        if config.global_head_dim.is_none() {
            config.head_dim = of_key.or(by_shape).unwrap_or(usual);
            let value = number("attention.value_length").filter(|n| (1..1 << 21).contains(n));
            config.v_head_dim = value.filter(|value| *value != config.head_dim);
        }
        config.attention_bias = any(Role::AttnQBias).or(any(Role::AttnQkvBias)).is_some();
        config.attention_out_bias = any(Role::AttnOutputBias).is_some();
        let wide = config.num_attention_heads.saturating_mul(config.head_dim);
        config.qk_norm = match any(Role::AttnQNorm) {
            None => QkNormType::None,
            Some([width, 1, _]) if width == config.head_dim => QkNormType::Head,
            Some([width, ..]) if width == wide => QkNormType::Full,
            Some(_) => config.qk_norm,
        };
        config.sinks = any(Role::AttnSinks).is_some();
    }
    if let Some([_, width, experts]) = any(Role::FfnUpExps) {
        config.moe_intermediate_size = width;
        config.num_experts = experts;
    }
    config.shared_expert_intermediate_size = any(Role::FfnUpShexp).map_or(0, |shape| shape[1]);
    config.mlp_bias = any(Role::FfnUpBias).is_some();
    let layers = config.num_hidden_layers.min(1 << 10) as usize;
    let stretch = |pattern: &mut String| {
        if !pattern.is_empty() && pattern.len() != layers {
            *pattern = pattern.chars().cycle().take(layers).collect();
        }
    };
    stretch(&mut config.layer_pattern);
    stretch(&mut config.ffn_pattern);
    stretch(&mut config.indexer_pattern);
    of_file(&mut config, relative, found, header);
    config
}

/// What the file is called: its mix, by its name or the type that it states, or the one whose bits
/// are nearest.
fn quant_of(file: &str, header: &GgufHeader) -> Quant {
    let name = model_name(file);
    let is_part = |c: char| matches!(c, '-' | '.' | '/' | ' ');
    // Qwen3-32B-UD-Q4_K_XL: the longest end that is the name of a mix.
    let starts = name.char_indices().filter(|(_, c)| is_part(*c)).map(|(at, _)| at + 1);
    let named =
        starts.filter_map(|at| Quant::parse(&name[at..])).find(|quant| quant.mix().is_some());
    let stated = || header.whole("general.file_type").and_then(file_type);
    named.or_else(stated).unwrap_or_else(|| nearest_mix(header))
}

/// The mix with llama.cpp's number (`llama_ftype` in `llama.h`).
fn file_type(number: u64) -> Option<Quant> {
    const NAMES: &[(u64, &str)] = &[
        (0, "F32"),
        (1, "F16"),
        (2, "Q4_0"),
        (3, "Q4_1"),
        (7, "Q8_0"),
        (8, "Q5_0"),
        (9, "Q5_1"),
        (10, "Q2_K"),
        (11, "Q3_K_S"),
        (12, "Q3_K_M"),
        (13, "Q3_K_L"),
        (14, "Q4_K_S"),
        (15, "Q4_K_M"),
        (16, "Q5_K_S"),
        (17, "Q5_K_M"),
        (18, "Q6_K"),
        (19, "IQ2_XXS"),
        (20, "IQ2_XS"),
        (21, "Q2_K_S"),
        (22, "IQ3_XS"),
        (23, "IQ3_XXS"),
        (24, "IQ1_S"),
        (25, "IQ4_NL"),
        (26, "IQ3_S"),
        (27, "IQ3_M"),
        (28, "IQ2_S"),
        (29, "IQ2_M"),
        (30, "IQ4_XS"),
        (31, "IQ1_M"),
        (32, "BF16"),
        (38, "MXFP4_MOE"),
    ];
    let (_, name) = NAMES.iter().find(|(known, _)| *known == number)?;
    Mix::parse(name).map(Quant::Gguf)
}

/// The mix with about as many bits as the tensors have.
fn nearest_mix(header: &GgufHeader) -> Quant {
    let sum = |of: &dyn Fn(&super::GgufTensor) -> u64| {
        header.tensors.iter().map(of).fold(0u64, u64::saturating_add)
    };
    let bytes = sum(&|t| t.ty.bytes(t.shape));
    let elements = sum(&|t| t.shape.elements());
    let bits = (8.0 * bytes as f64 / elements.max(1) as f64).round() as u8;
    let off = |mix: &&Mix| mix.nominal_bits().abs_diff(bits);
    Quant::Gguf(Mix::ALL.iter().min_by_key(off).copied().unwrap_or(Mix::F16))
}

/// What the model is called.
fn name_of(file: &str, header: &GgufHeader) -> String {
    let by_file = model_name(file);
    let known = header.text("general.name").filter(|name| name.len() > 2);
    match known {
        Some(name) => name.replace(' ', "-"),
        None => by_file,
    }
}
