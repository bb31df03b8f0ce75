//! The tensors of catalogue models against the GGUF files that llama.cpp b11434 laid out: same
//! names, same shapes, same order.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::process::{Command, Output};

use common::fixture;
use headroom::architecture::{Shape, tensors};
use headroom::catalog::Catalog;
use serde::Deserialize;

#[derive(Deserialize)]
struct Truth {
    hf_id: String,
    arch: String,
    tensors: Vec<(String, Vec<u64>)>,
}

#[test]
fn every_tensor_is_where_llama_cpp_has_it() {
    let models: Vec<Truth> = serde_json::from_str(&fixture("gguf-types.json.gz")).unwrap();
    assert_eq!(models.len(), 31);
    for truth in models {
        let model = Catalog::bundled().model(&truth.hf_id).expect(&truth.hf_id);
        let architecture = model.architecture();
        assert_eq!(architecture.gguf_arch.as_deref(), Some(truth.arch.as_str()), "{}", model.id);
        let ours = tensors(architecture).into_iter().filter(|t| t.in_gguf);
        let ours: Vec<(String, Shape)> = ours.map(|t| (t.gguf_name(), t.shape)).collect();
        for (at, (name, dimensions)) in truth.tensors.iter().enumerate() {
            let mut shape = Shape([1; 3]);
            shape.0[..dimensions.len()].copy_from_slice(dimensions);
            assert_eq!(ours.get(at), Some(&(name.clone(), shape)), "{} tensor {at}", model.id);
        }
        assert_eq!(ours.len(), truth.tensors.len(), "{}", model.id);
    }
}

/// How many tensors llama.cpp counted when it loaded published files of other models.
#[test]
fn published_files_have_as_many_tensors() {
    for (id, count, source) in [
        ("gemma-7b-it", 254, "ggml-org/llama.cpp#8597"),
        ("gemma-3n-e2b-it", 727, "invisiofficial/rk-llama.cpp#6"),
        ("gemma-3n-e4b-it", 847, "mozilla-ai/llamafile#772"),
        ("gemma-4-e2b-it", 601, "animehacker/llama-turboquant#3"),
        ("gemma-4-e4b-it", 720, "ggml-org/llama.cpp#21328"),
        ("gemma-4-26b-a4b-it", 658, "mudler/LocalAI#9240"),
        ("gemma-4-31b-it", 833, "ggml-org/llama.cpp#21760"),
    ] {
        let model = Catalog::bundled().model(id).expect(id);
        let ours = tensors(model.architecture()).into_iter().filter(|t| t.in_gguf).count();
        assert_eq!(ours, count, "{id}: {source}");
    }
}

fn headroom(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_headroom")).args(arguments).output().unwrap()
}

#[test]
fn the_command_line_lists_them() {
    let listed = headroom(&["tensors", "gpt-oss-20b", "MXFP4_MOE"]);
    assert!(listed.status.success(), "{listed:?}");
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!((&listed["arch"], &listed["quant"]), (&"gpt-oss".into(), &"MXFP4_MOE".into()));
    let experts = listed["tensors"].as_array().unwrap().iter();
    let mut experts = experts.filter(|t| t["name"] == "blk.0.ffn_down_exps.weight");
    // 2880 x 2880 x 32 values in blocks of 32, of 17 bytes each.
    assert_eq!(
        experts.next().unwrap(),
        &serde_json::json!({
            "name": "blk.0.ffn_down_exps.weight",
            "shape": [2880, 2880, 32],
            "type": "MXFP4",
            "bytes": 2880 * 2880 * 32 / 32 * 17,
        })
    );
    for (arguments, named) in [
        (["tensors", "no-such-model", "Q8_0"], "model `no-such-model`"),
        (["tensors", "qwen3-8b", "Q9"], "quantisation `Q9` is not one of F32, BF16"),
        (["tensors", "qwen3-8b", "AWQ"], "quantisation `AWQ`"),
    ] {
        let refused = headroom(&arguments);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && said.contains(named), "{arguments:?}: {said}");
    }
}
