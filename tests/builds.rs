//! Published builds: files by the names under which people download them.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{bill_items, first_cell, only_cell};
use headroom::catalog::Catalog;
use headroom::engine::Checkpoint;
use headroom::quant::{BuildName, Quant};
use headroom::report::{BillItem, Cell, Term};

fn weights(cell: &Cell) -> &BillItem {
    bill_items(cell).find(|item| item.term == Term::Weights).unwrap()
}

/// Gigabytes of the file that a query asks for.
fn file_gb(query: &str) -> f64 {
    only_cell(query).weights_bytes.0 as f64 / 1e9
}

#[track_caller]
fn assert_near(found: f64, wanted: f64, share: f64) {
    assert!((found / wanted - 1.0).abs() <= share, "{found} is not {wanted}");
}

#[test]
fn a_known_file_has_its_published_size() {
    // Printed with its projector, to a tenth of a gigabyte.
    assert_near(file_gb("model=qwen3.8-27b&hw=rtx-5090&quant=UD-Q4_K_XL"), 17.92, 0.004);
    let cell = only_cell("model=qwen3-30b-a3b&hw=rtx-4090&quant=unsloth:UD-Q4_K_XL");
    assert_near(cell.weights_bytes.0 as f64, 17_709_692_928.0, 1e-6);
    let item = weights(&cell);
    assert!(item.exact && item.source.starts_with("published by unsloth: "), "{}", item.source);
}

#[test]
fn a_name_alone_gives_an_interval() {
    let cell = only_cell("model=qwen3-4b-instruct-2507&hw=rtx-4090&quant=UD-Q6_K_XL");
    let item = weights(&cell);
    assert!(!item.exact && item.source.contains("of other models"), "{}", item.source);
    let width = item.bytes.high.0 as f64 / item.bytes.low.0 as f64;
    assert!((1.02..1.4).contains(&width), "{width}");
}

#[test]
fn a_standard_mix_reaches_to_files_published_under_its_name() {
    // unsloth's is 2.4 % larger than what llama-quantize makes.
    let cell = only_cell("model=qwen3.6-27b&hw=rtx-5090&quant=Q4_K_M&imatrix=on");
    let bytes = weights(&cell).bytes;
    assert!(bytes.high > bytes.expected, "{bytes:?}");
    let exact = only_cell("model=qwen2.5-72b-instruct&hw=h200&quant=Q4_K_M");
    assert!(weights(&exact).exact);
}

/// Its experts come in MXFP4: mixes of more bits leave them so, those of fewer do not.
#[test]
fn no_mix_widens_the_experts_of_deepseek_v4() {
    let gb =
        |quant| file_gb(&format!("model=deepseek-v4-flash&hw=apple-m3-ultra@512&quant={quant}"));
    // The other matrices in 16 bits are what unsloth calls lossless.
    assert_near(gb("F16"), 161.9, 0.001);
    for quant in ["Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M"] {
        assert_near(gb(quant), 150.0, 0.04);
    }
    assert!(gb("Q3_K_M") < 0.9 * gb("Q4_K_M"));
    // As unsloth published it, and by its name alone.
    assert_near(file_gb("model=deepseek-v4-flash-0731&hw=h200*2&quant=UD-Q8_K_XL"), 161.9, 0.001);
    assert!((145.0..175.0).contains(&gb("UD-Q8_K_XL")));
}

#[test]
fn gpt_oss_keeps_its_experts() {
    let query = "model=gpt-oss-120b&hw=rtx-3090*2&ram=128GiB";
    for (quant, gb) in [("MXFP4", 63.4), ("Q4_K_M", 62.8), ("F16", 65.4)] {
        assert_near(file_gb(&format!("{query}&quant={quant}")), gb, 0.003);
    }
    let cell = only_cell(&format!("{query}&quant=MXFP4"));
    assert_eq!(cell.quant.to_string(), "MXFP4_MOE");
    assert_eq!(cell.requested_quant, Quant::parse("MXFP4"));
}

/// Nine of ten files lie within the interval of their name, where it is asked for by name alone.
#[test]
fn names_hold_most_of_the_files_that_are_known() {
    let (mut all, mut held) = (0, 0);
    for model in Catalog::bundled().models.iter() {
        let has_experts = model.tensors().iter().any(|tensor| tensor.role.is_expert());
        for file in model.builds.iter().filter(|file| !file.has_projector) {
            let BuildName::Own(_) = file.name else { continue };
            let query = format!(
                "model={}&hw=h200&offload=none&imatrix=on&quant={}",
                model.id,
                file.name.scheme()
            );
            // Some have an architecture that llama.cpp does not know.
            let Some(standard) = first_cell(&query) else { continue };
            let standard = standard.weights_bytes.0 as f64;
            let [low, _, high] = file.name.relative_size(has_experts);
            let ratio = file.bytes.0 as f64 / standard;
            all += 1;
            held += u32::from(file.name.has_q8_0_head() || (low..=high).contains(&ratio));
        }
    }
    assert!(all > 300 && f64::from(held) / f64::from(all) > 0.9, "{held} of {all}");
}

/// Published checkpoints, against what their method alone says: half of them within 2 %, and nine of
/// ten within the interval of a checkpoint of which no publisher is named (`cargo test --test builds
/// -- --nocapture` prints them).
#[test]
fn methods_tell_the_size_of_most_checkpoints() {
    let (mut errors, mut held) = (Vec::new(), 0);
    for model in Catalog::bundled().models.iter() {
        for file in &model.builds {
            let Quant::Format(format) = file.name.scheme() else { continue };
            let checkpoint = Checkpoint::by_method(model, format);
            let size = checkpoint.bytes().0 as f64;
            let error = size / file.bytes.0 as f64 - 1.0;
            let (low, high) = checkpoint.spread;
            let slack = 0.5 * file.precision as f64;
            let is_held = size * low.min(0.97) - slack <= file.bytes.0 as f64
                && file.bytes.0 as f64 <= size * high.max(1.075) + slack;
            let by = file.publisher.name();
            println!(
                "{} {by}:{format} {:.2} GB, {:+.1} % {is_held} {low:.3} {high:.3}",
                model.id,
                file.bytes.0 as f64 / 1e9,
                error * 100.0
            );
            errors.push(error.abs());
            held += usize::from(is_held);
        }
    }
    errors.sort_by(f64::total_cmp);
    let all = errors.len();
    println!("{all} checkpoints: median error {}, {held} held", errors[all / 2]);
    assert!(all > 100 && errors[all / 2] < 0.02 && held * 10 >= all * 9, "{held} of {all}");
}

#[test]
fn a_known_checkpoint_has_its_published_size() {
    let file =
        |query: &str| only_cell(&format!("hw=h100-sxm&engine=vllm&seqs=64&{query}")).weights_bytes;
    let by = |by: &str| file(&format!("model=qwen3.8-27b&quant={by}:NVFP4")).0 as f64 / 1e9;
    assert_near(by("nvidia"), 21.923, 1e-6);
    // unsloth leaves more in FP8, Inferact attention in 16 bits.
    assert_near(by("unsloth"), 23.42, 1e-6);
    assert_near(by("Inferact"), 26.381, 1e-4);
}
