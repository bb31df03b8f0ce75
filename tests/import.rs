//! Models read from files: files of the catalogue's models made here, and bad ones.

#![cfg(not(target_arch = "wasm32"))]

use headroom::architecture::Shape;
use headroom::catalog::{Catalog, Model, check};
use headroom::engine::llama_cpp::GgufFile;
use headroom::import::{
    FIRST, ImportError, Imported, MOST_READ, MetaValue, Part, Step, combine, read, write_header,
};
use headroom::quant::Mix;

/// Reads a file as whoever holds it does: from the beginning, as far as is asked for. Also how many
/// bytes that took.
fn read_part(name: &str, bytes: &[u8], size: u64) -> Result<(Part, usize), ImportError> {
    // Behind the header lie the tensors.
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().max(size.min(FIRST as u64) as usize), 0);
    let mut length = 0;
    for _ in 0..20 {
        match read(name, &bytes[..length.min(bytes.len())], size)? {
            Step::More(more) => {
                assert!(more > length && more as u64 <= size.max(1), "{more} of {size}");
                assert!(more <= MOST_READ);
                length = more;
            }
            Step::Done(part) => return Ok((*part, length)),
        }
    }
    panic!("{name} is read without end");
}

fn import(files: &[(&str, Vec<u8>, u64)]) -> Result<Imported, ImportError> {
    let parts = files
        .iter()
        .map(|(name, bytes, size)| Ok(((*name).to_owned(), read_part(name, bytes, *size)?.0)));
    combine(Catalog::bundled(), parts.collect::<Result<_, _>>()?)
}

fn text(name: &str, json: &str) -> Result<Imported, ImportError> {
    import(&[(name, json.as_bytes().to_vec(), json.len() as u64)])
}

/// The metadata that a converter writes for a model.
fn meta(model: &Model) -> Vec<(String, MetaValue)> {
    let (a, c) = (model.architecture(), model.config());
    let arch = a.gguf_arch.clone().unwrap();
    let whole = |key: &str, n: u64| (format!("{arch}.{key}"), MetaValue::Whole(n.into()));
    let mut meta = vec![
        ("general.architecture".to_owned(), MetaValue::Text(arch.clone())),
        ("general.name".to_owned(), MetaValue::Text(model.name.clone())),
        whole("block_count", c.num_hidden_layers),
        whole("embedding_length", c.hidden_size),
        whole("feed_forward_length", c.intermediate_size),
        whole("attention.head_count", c.num_attention_heads),
        whole("attention.head_count_kv", c.num_key_value_heads),
        ("tokenizer.ggml.tokens".to_owned(), MetaValue::Long(1000)),
    ];
    meta.extend(c.max_position_embeddings.map(|n| whole("context_length", n)));
    if c.num_experts > 0 {
        meta.push(whole("expert_count", c.num_experts));
        meta.push(whole("expert_used_count", c.num_experts_per_tok));
    }
    meta
}

/// The GGUF file of a model in a mix, as far as its header goes, and its size.
fn gguf(model: &Model, mix: Mix) -> Option<(Vec<u8>, u64, u64)> {
    gguf_with(model, mix, |_| ())
}

/// As [`gguf`], with metadata that `change` changed.
fn gguf_with(
    model: &Model,
    mix: Mix,
    change: impl FnOnce(&mut Vec<(String, MetaValue)>),
) -> Option<(Vec<u8>, u64, u64)> {
    let file = GgufFile::new(model, mix, false).ok()?;
    let tensors: Vec<(String, Shape, u32, u64)> = file
        .weights
        .iter()
        .map(|w| (w.tensor.gguf_name(), w.tensor.shape, w.ty as u32, w.bytes().0))
        .collect();
    let mut meta = meta(model);
    change(&mut meta);
    let (bytes, size) = write_header(&meta, &tensors);
    Some((bytes, size, file.bytes().0))
}

#[test]
fn an_imported_file_of_a_catalogue_model_has_the_bytes_of_the_catalogue() {
    let catalog = Catalog::bundled();
    let (mut read, mut wrong) = (0, Vec::new());
    for model in catalog.models.iter() {
        let Some((bytes, size, expected)) = gguf(model, Mix::Q4_K_M) else { continue };
        read += 1;
        let name = format!("{}-Q4_K_M.gguf", model.name);
        let imported = match import(&[(&name, bytes, size)]) {
            Ok(imported) => imported,
            Err(error) => {
                wrong.push(format!("{}: {error}", model.id));
                continue;
            }
        };
        let id = imported.custom.to_id();
        let own = catalog.model(&id).unwrap_or_else(|| panic!("{id}"));
        let file = GgufFile::new(own, Mix::Q4_K_M, false);
        let found = file.map(|file| file.bytes().0).unwrap_or_default();
        let same = own.architecture() == model.architecture();
        let is_called = imported.quant.is_some_and(|quant| quant.to_string() == "Q4_K_M");
        if !is_called || found != expected || !imported.custom.assumed.is_empty() {
            wrong.push(format!(
                "{}: {found} of {expected}, same {same}, {:?}",
                model.id, imported.remarks
            ));
        }
    }
    assert!(read > 400, "{read}");
    assert!(wrong.is_empty(), "{} of {read}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_model_that_the_catalogue_has_not_is_read_by_its_relatives() {
    // Qwen3-8B with four layers fewer, a wider feed-forward block and another vocabulary.
    let catalog = Catalog::bundled();
    let known = catalog.model("qwen3-8b").unwrap();
    let mut config = known.config().clone();
    config.num_hidden_layers -= 4;
    config.intermediate_size += 1024;
    config.vocab_size += 256;
    let custom = headroom::catalog::Custom { config, ..Default::default() };
    let changed = catalog.model(&custom.to_id()).unwrap();
    let (bytes, size, expected) = gguf(changed, Mix::Q5_K_M).unwrap();
    let imported = import(&[("x/Qwen3-pruned.i1-Q5_K_M.gguf", bytes, size)]).unwrap();
    assert_eq!(imported.custom.config.num_hidden_layers, known.config().num_hidden_layers - 4);
    let own = catalog.model(&imported.custom.to_id()).unwrap();
    assert_eq!(GgufFile::new(own, Mix::Q5_K_M, false).unwrap().bytes().0, expected);
}

#[test]
fn layers_that_no_model_has_are_not_made() {
    // A million layers are a few bytes in a file, and were minutes of work.
    let known = Catalog::bundled().model("deepseek-v2-lite").unwrap();
    for (field, layers, drafts) in
        [("num_hidden_layers", 1 << 20, 0), ("num_nextn_predict_layers", 27, 1 << 20)]
    {
        let mut config = known.config().clone();
        config.num_hidden_layers = layers;
        config.num_nextn_predict_layers = drafts;
        assert_eq!(check(&config).unwrap_err().field, field);
    }
    // A wrong count does not keep the file from being read: its tensors tell the layers.
    let lying = MetaValue::Whole((1 << 20) + 27);
    let (name, (bytes, size, _)) = (
        "lite-Q4_K_M.gguf",
        gguf_with(known, Mix::Q4_K_M, |meta| {
            meta.iter_mut()
                .filter(|(key, _)| key.ends_with("block_count"))
                .for_each(|(_, value)| *value = lying.clone());
        })
        .unwrap(),
    );
    let imported = import(&[(name, bytes, size)]).unwrap();
    assert_eq!(imported.custom.config.num_hidden_layers, 27);
}

#[test]
fn a_dynamic_mix_and_types_of_other_programs_are_exact() {
    let catalog = Catalog::bundled();
    let model = catalog.model("qwen3-8b").unwrap();
    let file = GgufFile::new(model, Mix::Q4_K_M, false).unwrap();
    let mut sum = 0;
    let tensors: Vec<(String, Shape, u32, u64)> = file
        .weights
        .iter()
        .enumerate()
        .map(|(i, w)| {
            let (shape, elements) = (w.tensor.shape, w.tensor.shape.elements());
            let rows = elements / shape.0[0];
            let (ty, bytes) = match (w.tensor.shape.rank(), i % 4) {
                (1, _) => (0, elements * 4),
                // IQ4_KS of ik_llama.cpp: a scale in front of each row.
                (_, 0) => (144, elements / 256 * 136 + rows * 4),
                (_, 1) => (14, elements / 256 * 210),
                // A type that nobody knows, of 4.5 bits.
                (_, 2) => (231, elements / 16 * 9),
                _ => (12, elements / 256 * 144),
            };
            sum += bytes;
            (w.tensor.gguf_name(), shape, ty, bytes)
        })
        .collect();
    let (bytes, size) = write_header(&meta(model), &tensors);
    let imported = import(&[("Qwen3-8B-UD-Q4_K_XL.gguf", bytes, size)]).unwrap();
    assert_eq!(imported.quant.unwrap().to_string(), "UD-Q4_K_XL");
    let id = imported.custom.to_id();
    let query = format!("model={id}&quant=UD-Q4_K_XL&hw=rtx-4090&ctx=8k");
    let (scenario, problems) = headroom::scenario::Scenario::from_query(&query);
    let report = headroom::estimate::report(catalog, &scenario, problems);
    assert_eq!(report.cells[0].weights_bytes.0, sum);
    let told = report.notices.iter().any(|notice| {
        matches!(notice, headroom::report::Notice::ForeignTypes { types, .. }
            if *types == ["IQ4_KS", "type 231"])
    });
    assert!(told, "{:?}", report.notices);
}

#[test]
fn files_of_one_model_are_joined_and_a_missing_one_is_named() {
    let model = Catalog::bundled().model("qwen3-8b").unwrap();
    let file = GgufFile::new(model, Mix::Q8_0, false).unwrap();
    let tensors: Vec<(String, Shape, u32, u64)> = file
        .weights
        .iter()
        .map(|w| (w.tensor.gguf_name(), w.tensor.shape, w.ty as u32, w.bytes().0))
        .collect();
    let part = |no: u64, tensors: &[(String, Shape, u32, u64)]| {
        let mut pairs = if no == 0 { meta(model) } else { Vec::new() };
        pairs.push(("split.no".to_owned(), MetaValue::Whole(no.into())));
        pairs.push(("split.count".to_owned(), MetaValue::Whole(2)));
        write_header(&pairs, tensors)
    };
    let (first, rest) = tensors.split_at(100);
    let (a, a_size) = part(0, first);
    let (b, b_size) = part(1, rest);
    let (one, two) = ("Qwen3-8B-Q8_0-00001-of-00002.gguf", "Qwen3-8B-Q8_0-00002-of-00002.gguf");
    // In any order.
    let imported = import(&[(two, b, b_size), (one, a.clone(), a_size)]).unwrap();
    let own = Catalog::bundled().model(&imported.custom.to_id()).unwrap();
    assert_eq!(GgufFile::new(own, Mix::Q8_0, false).unwrap().bytes(), file.bytes());
    let error = import(&[(one, a, a_size)]).unwrap_err();
    assert!(error.accepted.contains("number 2 is missing"), "{error}");
}

/// The published configurations of families that differ much.
const CONFIGS: &[(&str, &str)] = &[
    (
        "llama-3.1-8b-instruct",
        r#"{"architectures": ["LlamaForCausalLM"], "attention_bias": false, "head_dim": 128,
        "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 131072,
        "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 32,
        "num_key_value_heads": 8, "rope_scaling": {"factor": 8.0, "rope_type": "llama3"},
        "tie_word_embeddings": false, "torch_dtype": "bfloat16", "vocab_size": 128256}"#,
    ),
    (
        "qwen3-30b-a3b",
        r#"{"model_type": "qwen3_moe", "attention_bias": false, "head_dim": 128,
        "hidden_size": 2048, "intermediate_size": 6144, "max_position_embeddings": 40960,
        "moe_intermediate_size": 768, "num_attention_heads": 32, "num_experts": 128,
        "num_experts_per_tok": 8, "num_hidden_layers": 48, "num_key_value_heads": 4,
        "sliding_window": null, "tie_word_embeddings": false, "use_sliding_window": false,
        "vocab_size": 151936}"#,
    ),
    (
        "mixtral-8x7b-instruct-v0.1",
        r#"{"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336,
        "max_position_embeddings": 32768, "num_attention_heads": 32, "num_experts_per_tok": 2,
        "num_hidden_layers": 32, "num_key_value_heads": 8, "num_local_experts": 8,
        "sliding_window": null, "tie_word_embeddings": false, "vocab_size": 32000}"#,
    ),
    (
        "deepseek-v3",
        r#"{"model_type": "deepseek_v3", "first_k_dense_replace": 3, "hidden_size": 7168,
        "intermediate_size": 18432, "kv_lora_rank": 512, "max_position_embeddings": 163840,
        "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1,
        "num_attention_heads": 128, "num_experts_per_tok": 8, "num_hidden_layers": 61,
        "num_key_value_heads": 128, "num_nextn_predict_layers": 1, "q_lora_rank": 1536,
        "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "tie_word_embeddings": false,
        "v_head_dim": 128, "vocab_size": 129280,
        "quantization_config": {"quant_method": "fp8"}}"#,
    ),
];

#[test]
fn a_published_configuration_comes_to_the_model_of_the_catalogue() {
    for (id, json) in CONFIGS {
        let known = Catalog::bundled().model(id).unwrap();
        // With what editors put into files.
        let windows = format!("\u{feff}{}", json.replace('\n', "\r\n"));
        for json in [(*json).to_owned(), windows] {
            let imported = text("folder/config.json", &json).unwrap();
            let own = Catalog::bundled().model(&imported.custom.to_id()).unwrap();
            assert_eq!(own.count(), known.count(), "{id}");
            assert_eq!(own.architecture().max_context, known.architecture().max_context);
            assert_eq!(own.native_format(), known.native_format(), "{id}");
            assert!(imported.custom.assumed.is_empty(), "{id}: {:?}", imported.custom.assumed);
        }
    }
}

#[test]
fn a_family_that_nobody_knows_is_read_by_its_fields_and_says_what_was_assumed() {
    let json = r#"{"model_type": "acme_lm", "n_embd": 2048, "n_layer": 24, "n_head": 16,
        "vocab_size": 64000, "n_positions": 8192, "ffn_dim": 8192}"#;
    let imported = text("acme/config.json", json).unwrap();
    assert_eq!(imported.custom.name, "acme");
    for field in ["model_type", "num_key_value_heads", "tie_word_embeddings"] {
        assert!(imported.custom.assumed.iter().any(|known| known == field), "{field}");
    }
    let id = imported.custom.to_id();
    let ask = |engine: &str| {
        let query = format!("model={id}&hw=rtx-4090&quant=BF16&engine={engine}&ctx=4k");
        let (scenario, problems) = headroom::scenario::Scenario::from_query(&query);
        headroom::estimate::report(Catalog::bundled(), &scenario, problems)
    };
    let report = ask("vllm");
    assert_eq!(report.cells.len(), 1, "{:?}", report.notices);
    let told = report.notices.iter().any(|notice| {
        matches!(notice, headroom::report::Notice::AssumedFields { fields, .. }
            if fields.contains(&"model_type".to_owned()))
    });
    assert!(told);
}

#[test]
fn what_cannot_be_mapped_is_bounded_by_the_size_of_its_weights() {
    let config = r#"{"model_type": "strange", "blocks": [1, 2]}"#;
    let index = r#"{"metadata": {"total_size": 16060522496}, "weight_map": {"a": "b"}}"#;
    let both = [
        ("m/config.json", config.as_bytes().to_vec(), config.len() as u64),
        ("m/model.safetensors.index.json", index.as_bytes().to_vec(), index.len() as u64),
    ];
    let imported = import(&both).unwrap();
    assert!(imported.remarks[0].to_string().contains("hidden_size"), "{:?}", imported.remarks);
    let own = Catalog::bundled().model(&imported.custom.to_id()).unwrap();
    let spread = own.own().unwrap().spread.unwrap();
    assert_eq!(spread.weights, (1.0, 1.0));
    assert!(spread.cache.0 < 1.0 && spread.cache.1 > 1.0);
    let off = own.count().text as f64 / 8_030_261_248.0;
    assert!((0.97..1.03).contains(&off), "{off}");
    let error = import(&both[..1]).unwrap_err();
    assert_eq!(error.field, "hidden_size");
}

#[test]
fn the_header_of_a_safetensors_file_counts_its_parameters() {
    let header = r#"{"__metadata__": {"format": "pt"},
        "a.weight": {"dtype": "BF16", "shape": [50000, 100], "data_offsets": [0, 10000000]},
        "b.weight": {"dtype": "BF16", "shape": [100, 30000], "data_offsets": [0, 6000000]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    let size = bytes.len() as u64 + 16_000_000;
    bytes.resize(FIRST, 0);
    let (part, _) = read_part("model.safetensors", &bytes, size).unwrap();
    let Part::Checkpoint(checkpoint) = part else { panic!("{part:?}") };
    assert_eq!((checkpoint.parameters, checkpoint.bytes), (8_000_000, 16_000_000));
}

#[test]
fn a_sparse_file_of_40_gb_is_read_in_a_second_and_64_mib() {
    let model = Catalog::bundled().model("qwen2.5-72b-instruct").unwrap();
    let file = GgufFile::new(model, Mix::Q4_K_M, false).unwrap();
    let tensors: Vec<(String, Shape, u32, u64)> = file
        .weights
        .iter()
        .map(|w| (w.tensor.gguf_name(), w.tensor.shape, w.ty as u32, w.bytes().0))
        .collect();
    let mut pairs = meta(model);
    // A large vocabulary.
    pairs.push(("tokenizer.ggml.merges".to_owned(), MetaValue::Long(1_500_000)));
    let (header, size) = write_header(&pairs, &tensors);
    assert!(size > 40_000_000_000 && header.len() > 10_000_000, "{size} {}", header.len());
    let mut bytes = header;
    bytes.resize(MOST_READ, 0);
    let (part, length) = read_part("q.gguf", &bytes, size).unwrap();
    assert!(length < MOST_READ, "{length}");
    let imported = combine(Catalog::bundled(), vec![("q-Q4_K_M.gguf".to_owned(), part)]).unwrap();
    let own = Catalog::bundled().model(&imported.custom.to_id()).unwrap();
    assert_eq!(GgufFile::new(own, Mix::Q4_K_M, false).unwrap().bytes(), file.bytes());
}

/// A GGUF header of these counts and rest.
fn raw(version: u32, tensors: u64, pairs: u64, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(pairs.to_le_bytes());
    bytes.extend(rest);
    bytes
}

#[test]
fn bad_files_are_refused_with_what_is_wrong() {
    let named = |text: &str| {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes
    };
    let tensor = |dims: &[u64]| {
        let mut bytes = named("blk.0.attn_q.weight");
        bytes.extend((dims.len() as u32).to_le_bytes());
        dims.iter().for_each(|n| bytes.extend(n.to_le_bytes()));
        bytes.extend(0u32.to_le_bytes());
        bytes.extend(0u64.to_le_bytes());
        bytes
    };
    let mut nested = named("k");
    for _ in 0..1000 {
        nested.extend(9u32.to_le_bytes());
        nested.extend(1u64.to_le_bytes());
    }
    let nested = [&nested[..9], &9u32.to_le_bytes()[..], &nested[9..]].concat();
    let mut lying = named("k");
    lying.extend(9u32.to_le_bytes());
    lying.extend(8u32.to_le_bytes());
    lying.extend((1u64 << 40).to_le_bytes());
    let mut bad_type = named("k");
    bad_type.extend(99u32.to_le_bytes());
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let big_endian = [b"GGUF".to_vec(), 3u32.to_be_bytes().to_vec(), vec![0; 64]].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a.gguf", raw(3, 10, 10, b""), "whole file"),
        ("a.gguf", b"GGUF\x03\x00".to_vec(), "whole file"),
        ("a.gguf", raw(1, 1, 1, b"12345678"), "convert the file anew"),
        ("a.gguf", raw(7, 1, 1, b"12345678"), "GGUF versions 2 and 3"),
        ("a.gguf", big_endian, "little-endian"),
        ("a.gguf", raw(3, u64::MAX, 0, b""), "131072"),
        ("a.gguf", raw(3, 0, u64::MAX, b""), "131072"),
        ("a.gguf", raw(3, 1, 0, &tensor(&[1 << 63, 2])), "2^48"),
        ("a.gguf", raw(3, 1, 0, &tensor(&[0, 2])), "2^48"),
        ("a.gguf", raw(3, 1, 0, &tensor(&[1; 9])), "4 dimensions"),
        ("a.gguf", raw(3, 1, 0, &tensor(&[4096, 4096])), "whole file"),
        ("a.gguf", raw(3, 0, 1, &nested), "4 deep"),
        ("a.gguf", raw(3, 0, 1, &lying), "64 MiB"),
        ("a.gguf", raw(3, 0, 1, &bad_type), "types 0 to 12"),
        ("a.gguf", raw(3, 0, 0, &[0; 64]), "such as llama"),
        ("a.gguf", b"PK\x03\x04rest".to_vec(), "GGUF"),
        ("m.pdf", b"%PDF-1.7".to_vec(), "GGUF"),
        ("config.json", b"<!DOCTYPE html><html>404</html>".to_vec(), "GGUF"),
        ("config.json", b"\xEF\xBB\xBF\r\n<html>".to_vec(), "GGUF"),
        ("config.json", Vec::new(), "GGUF"),
        ("config.json", b"{".to_vec(), "JSON object"),
        ("config.json", format!("{{\"a\": {deep}}}").into_bytes(), "JSON object"),
        ("config.json", b"{\"hidden_size\": NaN}".to_vec(), "JSON object"),
        ("config.json", b"{\"a\": 1}".to_vec(), "model_type"),
        ("config.json", CONFIGS[0].1.replace("layers\": 32", "layers\": -32").into(), "0 to"),
        ("config.json", CONFIGS[0].1.replace("layers\": 32", "layers\": 0").into(), "1 on"),
        ("config.json", CONFIGS[0].1.replace("layers\": 32", "layers\": 1e300").into(), "0 to"),
        ("config.json", CONFIGS[0].1.replace("layers\": 32", "layers\": \"x\"").into(), "0 to"),
        ("config.json", CONFIGS[0].1.replace("layers\": 32", "layers\": 1025").into(), "0 to 1024"),
        (
            "config.json",
            CONFIGS[0].1.replace("value_heads\": 8", "value_heads\": 7").into(),
            "divisor",
        ),
        ("config.json", CONFIGS[2].1.replace("heads\": 32", "heads\": 30").into(), "divisor"),
        ("config.json", CONFIGS[1].1.replace("per_tok\": 8", "per_tok\": 800").into(), "128"),
        ("m.safetensors", vec![0xff; 32], "64 MiB"),
        ("m.safetensors", vec![1; 4], "whole"),
        ("m.safetensors", [&2u64.to_le_bytes()[..], b"[]"].concat(), "JSON object"),
        ("i.json", b"{\"weight_map\": {}}".to_vec(), "2^50"),
        ("i.json", b"{\"weight_map\": {}, \"metadata\": {\"total_size\": -5}}".to_vec(), "2^50"),
    ];
    for (name, bytes, accepted) in cases {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let size = bytes.len() as u64;
        let error = import(&[(name, bytes, size)]).expect_err(&format!("{name}: {shown}"));
        assert_eq!(error.file, name);
        assert!(!error.field.is_empty());
        assert!(error.accepted.contains(accepted), "{shown}: {error}");
        assert!(error.to_string().len() < 600, "{error}");
    }
    let huge = read("config.json", &vec![b'{'; FIRST], 1 << 40).unwrap_err();
    assert_eq!(huge.field, "size");
}
