//! Laws that every answer obeys, over random questions, and the case that started the project.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{
    any_model, any_of, bill_items, cell_of, only_cell, report, total_bytes, verdict_rank,
};
use headroom::report::{BillItem, Cell, Notice, Report, Term, Verdict, sum_of_items};
use headroom::scenario::Scenario;
use headroom::units::{Bytes, Interval};
use proptest::prelude::*;

fn find<'a>(report: &'a Report, model: &str, quant: &str) -> &'a Cell {
    let found = report.cells.iter().find(|c| c.model == model && c.quant.to_string() == quant);
    found.unwrap_or_else(|| panic!("no cell {model} {quant}: {:?}", report.notices))
}

#[test]
fn the_first_visit_answers_the_case_that_started_the_project() {
    let report = report("");
    assert_eq!(report.notices, []);
    assert_eq!(report.cells.len(), 9);

    let q8 = find(&report, "qwen2.5-72b-instruct", "Q8_0");
    assert_eq!(q8.verdict, Verdict::Fits);
    assert!((77.0..77.6).contains(&q8.weights_bytes.to_gb()), "{}", q8.weights_bytes.to_gb());
    assert!(q8.max_context > 32_768, "{}", q8.max_context);
    assert_eq!(q8.kv_bytes, Bytes(80 * 32_768 * 1_024 * 2 * 2));

    let bf16 = find(&report, "qwen2.5-72b-instruct", "BF16");
    assert_eq!(bf16.verdict, Verdict::Offload, "it does not fit, and the RAM holds the rest");
    assert!((145.0..146.0).contains(&bf16.weights_bytes.to_gb()));

    let copies: Vec<u64> =
        ["BF16", "Q8_0", "Q4_K_M"].map(|q| find(&report, "qwen3-30b-a3b", q).copies).to_vec();
    assert!(copies[0] >= 1 && copies[0] < copies[1] && copies[1] < copies[2], "{copies:?}");
}

#[test]
fn a_model_that_was_never_released_is_said_not_to_exist() {
    let report = report("model=qwen3-72b&quant=Q8_0");
    assert_eq!(report.cells.len(), 0);
    let [Notice::UnknownModel { id, never_released, nearest, .. }] = report.notices.as_slice()
    else {
        panic!("{:?}", report.notices);
    };
    assert_eq!(id, "qwen3-72b");
    assert!(never_released.is_some());
    assert!(nearest.iter().any(|id| id == "qwen2.5-72b-instruct"), "{nearest:?}");
}

#[test]
fn offload_none_bills_the_whole_model_whether_or_not_it_fits() {
    let cell = only_cell("model=qwen2.5-72b-instruct&hw=rtx-4090&quant=Q8_0&offload=none");
    assert_eq!(cell.verdict, Verdict::No);
    assert!(cell.headroom_bytes < -60_000_000_000, "{}", cell.headroom_bytes);
    assert!(cell.devices[0].used_bytes.expected > cell.devices[0].usable_bytes);
}

#[test]
fn what_does_not_fit_runs_with_layers_in_ram_where_there_is_enough() {
    let query = "model=qwen2.5-72b-instruct&hw=rtx-4090&quant=Q4_K_M&ctx=8k";
    let cell = only_cell(&format!("{query}&ram=64GiB"));
    assert_eq!(cell.verdict, Verdict::Offload);
    assert!(cell.flags.iter().any(|flag| flag.starts_with("-ngl ")), "{:?}", cell.flags);
    let layers = cell.devices[0].layers;
    assert!((20..60).contains(&layers), "{layers} layers");
    assert_eq!(only_cell(&format!("{query}&ram=16GiB")).verdict, Verdict::No);
}

#[test]
fn experts_stay_in_ram_before_whole_layers_do() {
    let cell = only_cell("model=qwen3-235b-a22b&hw=rtx-4090&quant=Q4_K_M&ctx=8k&ram=192GiB");
    assert_eq!(cell.verdict, Verdict::Offload);
    assert!(cell.flags.iter().any(|flag| flag.starts_with("--n-cpu-moe ")), "{:?}", cell.flags);
    assert!(cell.host.used_bytes.expected > Bytes::gib(100));
}

#[test]
fn a_host_without_a_card_is_billed_in_its_ram() {
    let cell = only_cell("model=qwen3-8b&hw=cpu-ddr5-6000-dual&quant=Q4_K_M&ctx=8k&ram=32GiB");
    assert_eq!(cell.verdict, Verdict::Fits);
    assert!(cell.devices.is_empty());
    assert!(cell.host.used_bytes.expected > cell.weights_bytes);
}

#[test]
fn an_unknown_device_and_a_size_not_sold_are_named() {
    let unknown = report("model=qwen3-8b&hw=rtx-4099&quant=Q8_0");
    assert!(matches!(&unknown.notices[..], [Notice::UnknownDevice { id, nearest }]
        if id == "rtx-4099" && nearest.iter().any(|id| id == "rtx-4090")));
    let not_sold = report("model=qwen3-8b&hw=apple-m4-max-40c@50&quant=Q8_0");
    assert!(
        matches!(&not_sold.notices[..], [Notice::UnknownMemory { memory_gb: 50, accepted, .. }]
        if accepted.contains(&64))
    );
}

/// The value of a formula: names, numbers, `+`, `*` and brackets.
fn evaluate(formula: &str, inputs: &[(String, f64)]) -> f64 {
    /// A sum of products up to the closing bracket, and what follows it.
    fn sum<'a>(mut rest: &'a str, inputs: &[(String, f64)]) -> (f64, &'a str) {
        let (mut total, mut product) = (0.0, 1.0);
        loop {
            let (factor, after) = factor(rest.trim_start(), inputs);
            product *= factor;
            rest = after.trim_start();
            match rest.chars().next() {
                Some('*') => rest = &rest[1..],
                Some('+') => {
                    total += std::mem::replace(&mut product, 1.0);
                    rest = &rest[1..];
                }
                _ => return (total + product, rest),
            }
        }
    }
    fn factor<'a>(text: &'a str, inputs: &[(String, f64)]) -> (f64, &'a str) {
        if let Some(inner) = text.strip_prefix('(') {
            let (value, rest) = sum(inner, inputs);
            return (value, rest.strip_prefix(')').expect("a closing bracket"));
        }
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let named = inputs.iter().find(|(input, _)| input == name).map(|(_, value)| *value);
        (named.unwrap_or_else(|| panic!("no input {name:?} in {text:?}")), rest)
    }
    let (value, rest) = sum(formula, inputs);
    assert_eq!(rest, "", "of {formula:?}");
    value
}

/// A question with one cell.
fn question() -> impl Strategy<Value = Scenario> {
    let hw = any_of(&[
        "rtx-4090",
        "rtx-4090*2",
        "rtx-3090,rtx-4090",
        "rtx-pro-6000-blackwell-workstation",
        "h100-sxm",
        "apple-m4-max-40c@64",
        "strix-halo-395",
        "cpu-ddr5-6000-dual",
        "rx-7900-xtx*3",
    ]);
    let quant = any_of(&["BF16", "Q8_0", "Q4_K_M", "IQ2_XXS"]);
    let kv = any_of(&["f16", "q8_0", "q4_0"]);
    let offload = any_of(&["auto", "none", "experts", "ngl:7"]);
    (any_model(), hw, quant, kv, offload, 1u64..200_000, 1u64..9, any::<[bool; 3]>()).prop_map(
        |(model, hw, quant, kv, offload, ctx, users, [fa, unified, swa])| {
            let on = |on| if on { "on" } else { "off" };
            let query = format!(
                "model={model}&hw={hw}&quant={quant}&kv={kv}&offload={offload}&ctx={ctx}\
                 &users={users}&fa={}&unified={}&swa_full={}&ram=128GiB",
                on(fa),
                on(unified),
                on(swa)
            );
            Scenario::from_query(&query).0
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_bill_adds_up(scenario in question()) {
        let Some(cell) = cell_of(&scenario) else { return Ok(()) };
        for bill in &cell.devices {
            prop_assert_eq!(bill.used_bytes, sum_of_items(&bill.items));
        }
        prop_assert_eq!(cell.host.used_bytes, sum_of_items(&cell.host.items));
        for item in bill_items(&cell) {
            prop_assert!(item.bytes.low <= item.bytes.expected);
            prop_assert!(item.bytes.expected <= item.bytes.high);
            prop_assert!(!item.exact || item.bytes.low == item.bytes.high);
            prop_assert!(!item.source.is_empty(), "{:?} has no source", item.term);
        }
        let weights = total_bytes(&cell, &[Term::Weights, Term::TiedOutput]);
        prop_assert_eq!(weights.expected, cell.loaded_bytes);
        // Short of that only where published files of the name differ.
        let of_weights = |item: &&BillItem| matches!(item.term, Term::Weights | Term::TiedOutput);
        if bill_items(&cell).filter(of_weights).all(|item| item.exact) {
            prop_assert_eq!(weights, Interval::exact(cell.loaded_bytes));
        }
        // A device pads the last row of each layer's cache: a bill may say a little more.
        let state = total_bytes(&cell, &[Term::KvCache, Term::RecurrentState]).expected;
        let plain = cell.kv_bytes + cell.recurrent_bytes;
        prop_assert!(plain <= state && state <= plain + Bytes::mib(1), "{plain:?} {state:?}");
    }

    #[test]
    fn an_exact_line_can_be_checked_by_hand(scenario in question()) {
        let Some(cell) = cell_of(&scenario) else { return Ok(()) };
        for item in bill_items(&cell) {
            if item.exact {
                let worked_out = evaluate(&item.formula, &item.inputs);
                prop_assert_eq!(worked_out, item.bytes.expected.0 as f64, "{:?}", item);
            }
        }
    }

    #[test]
    fn more_context_never_needs_less(scenario in question(), more in 1u64..100_000) {
        let longer = Scenario { context: scenario.context + more, ..scenario.clone() };
        let (Some(a), Some(b)) = (cell_of(&scenario), cell_of(&longer)) else { return Ok(()) };
        prop_assert!(a.kv_bytes <= b.kv_bytes);
        prop_assert!(verdict_rank(a.verdict) >= verdict_rank(b.verdict), "{:?} then {:?}", a.verdict, b.verdict);
    }

    #[test]
    fn a_card_with_more_memory_never_turns_fits_into_no(scenario in question()) {
        let Some(small) = cell_of(&scenario) else { return Ok(()) };
        let reserve = Bytes::gib(2);
        let Some(smaller) = cell_of(&Scenario { reserve, ..scenario }) else { return Ok(()) };
        prop_assert!(verdict_rank(smaller.verdict) <= verdict_rank(small.verdict));
    }

    #[test]
    fn the_longest_context_fits_and_a_longer_one_does_not(scenario in question()) {
        let Some(cell) = cell_of(&scenario) else { return Ok(()) };
        if !matches!(cell.verdict, Verdict::Fits | Verdict::Tight) || cell.max_context == 0 {
            return Ok(());
        }
        // Over several devices a longer context may be placed another way and fit after all.
        if cell.devices.len() > 1 {
            return Ok(());
        }
        let at = |context| {
            cell_of(&Scenario { context, ..scenario.clone() }).map(|cell| cell.verdict)
        };
        prop_assert_eq!(at(cell.max_context), Some(Verdict::Fits));
        // Compute buffers are packed: a slightly longer context may happen to pack better.
        let longer = cell.max_context + cell.max_context / 50 + 256;
        if longer <= 16_777_216 {
            prop_assert_ne!(at(longer), Some(Verdict::Fits));
        }
    }
}

/// The copies of the only cell, and the most devices that one takes.
fn copies(query: &str) -> (u64, u64) {
    let cell = only_cell(query);
    (cell.copies, cell.copy_devices)
}

#[test]
fn copies_stand_side_by_side_on_groups_of_devices() {
    // 34.8 GB of weights and a cache: two cards of 24 GB hold a copy, one of 48 GB does alone.
    let q8 = |hw: &str| copies(&format!("model=qwen3-32b&quant=Q8_0&hw={hw}"));
    assert_eq!(q8("rtx-3090*2"), (1, 2));
    assert_eq!(q8("rtx-3090*3"), (1, 2));
    assert_eq!(q8("rtx-3090*4"), (2, 2));
    assert_eq!(q8("rtx-3090*9"), (4, 2));
    assert_eq!(q8("rtx-a6000*2"), (2, 1));
    assert_eq!(q8("rtx-a6000,rtx-3090*2"), (2, 2));
    assert_eq!(q8("rtx-3090,rtx-a6000,rtx-3090"), (2, 2));
    assert_eq!(q8("rtx-3090").0, 0);
    // In vLLM two cards are too few and three no better: three ranks do not divide the heads.
    let fp8 = |hw: &str| copies(&format!("engine=vllm&model=qwen3-32b&quant=FP8&hw={hw}"));
    assert_eq!(fp8("rtx-4090*8"), (2, 4));
    assert_eq!(fp8("rtx-4090*7"), (1, 4));
}
