//! Models and devices that are not in the catalogue, in questions like any other.

#![cfg(not(target_arch = "wasm32"))]

use headroom::catalog::{Catalog, Custom};
use headroom::estimate;
use headroom::report::{Cell, Notice, Report, Term, Verdict, sum_of_items};
use headroom::scenario::{Engine, Scenario};

fn report(query: &str) -> Report {
    let (scenario, problems) = Scenario::from_query(query);
    estimate::report(Catalog::bundled(), &scenario, problems)
}

fn cell(query: &str) -> Cell {
    let report = report(query);
    assert_eq!(report.cells.len(), 1, "{query}: {:?}", report.notices);
    report.cells.into_iter().next().unwrap()
}

/// The custom id of a model of the catalogue.
fn custom(model: &str) -> String {
    let model = Catalog::bundled().model(model).unwrap();
    let (name, config) = (model.hf_id.clone(), model.config().clone());
    Custom { name, config, native: model.native_quantization.clone(), ..Custom::default() }.to_id()
}

#[test]
fn a_described_architecture_is_answered_like_the_model_itself() {
    for model in ["qwen3-8b", "qwen3-30b-a3b", "gemma-3-27b-it", "deepseek-v3", "gpt-oss-20b"] {
        for engine in Engine::ALL {
            let ask = |model: &str| {
                report(&format!("model={model}&hw=h100-sxm*8&quant=F16&engine={engine}&ctx=8k"))
            };
            let (known, own) = (ask(model), ask(&custom(model)));
            let figures = |report: &Report| -> Vec<_> {
                let of = |cell: &Cell| (cell.weights_bytes, cell.kv_bytes, cell.max_context);
                report.cells.iter().map(of).collect()
            };
            assert_eq!(figures(&known), figures(&own), "{model} {engine}");
        }
    }
}

#[test]
fn a_link_keeps_a_description_as_it_is() {
    let (id, card) = (custom("nemotron-h-8b-base-8k"), "custom:1:memory.24:bandwidth.900");
    let query = format!("model={id},size:72B&hw={card}*2,rtx-4090;rtx-4090");
    let (scenario, problems) = Scenario::from_query(&query);
    assert_eq!(problems, []);
    assert_eq!(scenario.models, [id.as_str(), "size:72B"]);
    assert_eq!(scenario.machines[0].devices[0].id, card);
    assert!(scenario.to_query().contains(&id), "{}", scenario.to_query());
    assert_eq!(Scenario::from_query(&scenario.to_query()).0, scenario);
}

#[test]
fn a_hypothetical_shape_is_said_to_be_one_and_is_as_wide_as_real_models_are_apart() {
    for (engine, quant) in [("llama.cpp", "Q4_K_M"), ("vllm", "FP8"), ("mlx", "MLX-4bit")] {
        let hw = if engine == "mlx" { "apple-m3-ultra@512" } else { "h100-sxm*2" };
        let query = format!("model=size:72B&hw={hw}&quant={quant}&engine={engine}&ctx=32k");
        let report = report(&query);
        let told = |notice: &Notice| {
            matches!(notice, Notice::HypotheticalShape { id, like }
                if id == "size:72B" && like.len() > 2)
        };
        assert!(report.notices.iter().any(told), "{:?}", report.notices);
        let [cell] = report.cells.as_slice() else { panic!("{engine}: {:?}", report.notices) };
        let kv = cell.devices.iter().flat_map(|bill| &bill.items);
        let kv = kv.filter(|item| item.term == Term::KvCache);
        for item in kv {
            assert!(!item.exact && item.bytes.low < item.bytes.expected, "{engine}: {item:?}");
            assert!(item.bytes.high > item.bytes.expected, "{engine}: {item:?}");
        }
        for bill in &cell.devices {
            assert_eq!(bill.used_bytes, sum_of_items(&bill.items), "{engine}");
        }
        let known = self::cell(&query.replace("size:72B", "qwen2.5-72b-instruct"));
        let width = |cell: &Cell| cell.speed.decode_tps.map(|tps| tps.high / tps.low).unwrap();
        assert!(width(cell) > width(&known), "{engine}");
        let known = known.speed.decode_tps.unwrap().expected;
        let tps = cell.speed.decode_tps.unwrap();
        assert!(tps.low < known && known < tps.high, "{engine}: {known} {tps:?}");
    }
}

#[test]
fn the_most_context_and_users_of_a_hypothetical_shape_fit_and_one_more_does_not() {
    let ask = |ctx: u64| cell(&format!("model=size:30B-A3B&hw=rtx-4090&quant=Q4_K_M&ctx={ctx}"));
    let most = ask(4096).max_context;
    assert!(most > 4096, "{most}");
    assert_eq!(ask(most).verdict, Verdict::Fits);
    assert_ne!(ask(most + 256).verdict, Verdict::Fits);
}

#[test]
fn what_cannot_be_used_is_named_with_what_is_accepted() {
    for (query, part) in [
        ("model=size:lots&hw=rtx-4090", "size"),
        ("model=size:3B-A30B&hw=rtx-4090", "size"),
        ("model=custom:1:hidden_size.-3&hw=rtx-4090", "hidden_size"),
        ("model=custom:9:hidden_size.3&hw=rtx-4090", "version"),
        ("model=custom:1:hidden_size.64&hw=rtx-4090", "num_hidden_layers"),
        ("model=qwen3-8b&hw=custom:1:memory.24:bandwidth.fast", "bandwidth"),
        ("model=qwen3-8b&hw=custom:1:bandwidth.900", "memory"),
    ] {
        let report = report(query);
        let [Notice::UnusableDescription { field, accepted, .. }] = report.notices.as_slice()
        else {
            panic!("{query}: {:?}", report.notices);
        };
        assert_eq!(field, part, "{query}");
        assert!(!accepted.is_empty());
        assert!(report.cells.is_empty());
    }
}

#[test]
fn a_card_of_ones_own_answers_like_the_card_it_describes() {
    let ask = |hw: &str| cell(&format!("model=qwen3-8b&hw={hw}&quant=Q8_0&ctx=8k"));
    let known = ask("rtx-4090");
    let own = ask("custom:1:vendor.nvidia:memory.24:bandwidth.1008:fp16.165:price.1600");
    assert_eq!(own.weights_bytes, known.weights_bytes);
    assert_eq!(own.verdict, known.verdict);
    let [own_tps, known_tps] = [&own, &known].map(|cell| cell.speed.decode_tps.unwrap());
    assert!(own_tps.low < known_tps.expected && known_tps.expected < own_tps.high);
    // Of a chip that nobody measured less is known.
    assert!(own_tps.high / own_tps.low > known_tps.high / known_tps.low);
    let guessed = ask("custom:1:memory.24:bandwidth.1008");
    let prompts = guessed.speed.prefill_tps.unwrap();
    let known_prompts = known.speed.prefill_tps.unwrap().expected;
    assert!(prompts.low < known_prompts && known_prompts < prompts.high, "{prompts:?}");
    assert!(prompts.high / prompts.low > 4.0);
}

#[test]
fn a_fine_tune_is_offered_as_its_base() {
    for (name, base) in [
        ("someone/llama-3-8b-foo", "meta-llama-3-8b"),
        ("acme/Qwen2.5-72B-Instruct-abliterated", "qwen2.5-72b-instruct"),
        ("x/Mistral-7B-Instruct-v0.3-roleplay", "mistral-7b-instruct-v0.3"),
    ] {
        let report = report(&format!("model={name}&hw=rtx-4090"));
        let [Notice::UnknownModel { base: Some(found), nearest, .. }] = report.notices.as_slice()
        else {
            panic!("{:?}", report.notices);
        };
        assert!(found.starts_with(base), "{name}: {found}");
        assert_eq!(nearest[0], *found);
    }
    let report = report("model=qwen3-72b&hw=rtx-4090");
    let [Notice::UnknownModel { never_released: Some(_), hypothetical, .. }] =
        report.notices.as_slice()
    else {
        panic!("{:?}", report.notices);
    };
    assert_eq!(hypothetical.as_deref(), Some("size:72B"));
}
