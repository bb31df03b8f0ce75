//! What is predicted against what was measured in public.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeMap;
use std::path::Path;

use headroom::accuracy::{Comparison, Figure, Summary, Table, build_table, memory};

const MEMORY: &str = include_str!("data/measured-memory.json");

fn memory_cases() -> Vec<Comparison> {
    let (cases, _) = memory::compare(MEMORY).expect("the file is well-formed");
    cases.into_iter().filter(|case| !case.second_hand).collect()
}

fn of(cases: &[Comparison], engine: &str, figure: Figure) -> Summary {
    Summary::of(cases.iter().filter(|case| case.engine == engine && case.figure == figure))
}

/// Per engine and figure: how many, how far off, how many inside the interval (`cargo test --test
/// accuracy -- --nocapture` prints them). Nine of ten figures of an engine with ten or more lie
/// within their interval.
#[test]
fn memory_is_as_it_was_measured() {
    let cases = memory_cases();
    let mut engines: BTreeMap<&str, BTreeMap<Figure, Vec<&Comparison>>> = BTreeMap::new();
    for case in &cases {
        engines.entry(&case.engine).or_default().entry(case.figure).or_default().push(case);
    }
    for case in cases.iter().filter(|case| !case.covered()) {
        let Comparison { engine, figure, id, measured, predicted, .. } = case;
        println!("outside: {engine} {figure:?} of {id}: {predicted:?} against {measured}");
    }
    for (engine, figures) in &engines {
        for (figure, cases) in figures {
            println!("{engine} {figure:?}: {:?}", Summary::of(cases.iter().copied()));
        }
        let all = Summary::of(figures.values().flatten().copied());
        println!("{engine}, all: {all:?}\n");
        assert!(all.n < 10 || all.covers(), "{engine}: {} of {} are inside", all.covered, all.n);
    }
}

#[test]
fn totals_keep_to_the_bars() {
    let cases = memory_cases();
    for (engine, bar) in [("llama.cpp", 0.03), ("vLLM", 0.05)] {
        let total = of(&cases, engine, Figure::Total);
        assert!(total.median <= bar, "{engine}: median error of totals {}", total.median);
        assert!(total.covers(), "{engine}: {} of {} totals inside", total.covered, total.n);
    }
    // An interval that covers by being wide would say nothing.
    assert!(of(&cases, "llama.cpp", Figure::Total).width <= 0.08);
    assert!(of(&cases, "vLLM", Figure::Total).width <= 0.15);
}

#[test]
fn what_is_exact_is_exact() {
    let cases = memory_cases();
    let exact = [
        ("llama.cpp", Figure::File),
        ("llama.cpp", Figure::Weights),
        ("llama.cpp", Figure::KvCache),
        ("llama.cpp", Figure::State),
        ("ik_llama.cpp", Figure::KvCache),
        ("Ollama", Figure::KvCache),
        ("vLLM", Figure::Weights),
        ("vLLM", Figure::PoolBlocks),
        ("vLLM", Figure::PoolTokens),
    ];
    for (engine, figure) in exact {
        let summary = of(&cases, engine, figure);
        assert!(summary.n > 0 && summary.median <= 0.005, "{engine} {figure:?}: {summary:?}");
    }
}

/// `HEADROOM_MEMORY_INPUTS=FOLDER` writes the inputs of `xtask/data/fit_memory.py`.
#[test]
fn write_inputs_of_the_fits() {
    let Some(folder) = std::env::var_os("HEADROOM_MEMORY_INPUTS") else { return };
    let folder = Path::new(&folder);
    let mut out = csv::Writer::from_path(folder.join("processes.csv")).unwrap();
    out.write_record(["id", "model", "backend", "known", "table", "matrix", "measured"]).unwrap();
    for i in memory::fit_inputs(MEMORY).unwrap() {
        let numbers = [i.known, i.unpacked.table, i.unpacked.matrix, i.measured];
        let numbers = numbers.map(|bytes| bytes.0.to_string());
        out.write_record([i.id, i.model, i.backend].into_iter().chain(numbers)).unwrap();
    }
    let mut out = csv::Writer::from_path(folder.join("comparisons.csv")).unwrap();
    let texts = ["id", "engine", "figure", "model", "source"];
    let numbers = ["low", "expected", "high", "measured", "printed"];
    out.write_record(texts.into_iter().chain(numbers)).unwrap();
    for case in memory_cases() {
        let figure = format!("{:?}", case.figure);
        let texts = [case.id, case.engine, figure, case.subject.model, case.source];
        let Comparison { predicted: p, measured, printed, .. } = case;
        let numbers = [p.low, p.expected, p.high, measured, printed].map(|n| n.to_string());
        out.write_record(texts.into_iter().chain(numbers)).unwrap();
    }
}

fn table() -> Table {
    let speed = include_str!("data/measured-speed.csv");
    let notes = include_str!("../src/accuracy/notes.json");
    let reported = include_str!("data/cases.json");
    build_table::table(MEMORY, speed, reported, notes).expect("the files are well-formed")
}

/// The page's table is what the code of today predicts.
#[test]
fn the_page_shows_what_the_code_predicts() {
    let table = table();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (page, text) = (root.join("public/accuracy.postcard"), root.join("docs/accuracy.json"));
    if std::env::var_os("HEADROOM_BLESS").is_some() {
        std::fs::write(&page, table.encode().unwrap()).unwrap();
        std::fs::write(&text, build_table::to_json(&table).unwrap()).unwrap();
    }
    let shown = Table::decode(&std::fs::read(page).unwrap());
    let written: Table = serde_json::from_str(&std::fs::read_to_string(text).unwrap()).unwrap();
    assert!(
        shown.as_ref() == Some(&table) && written == table,
        "predictions changed: HEADROOM_BLESS=1 cargo test --test accuracy"
    );
}

/// What lies outside its interval is explained, and so are the speeds that are listed.
#[test]
fn the_worst_are_explained() {
    let table = table();
    let outside = table.memory.rows.iter().filter(|row| !row.covered);
    let rows = outside.chain(&table.speed.rows);
    let unexplained =
        rows.filter(|row| row.why.as_ref().is_none_or(|why| !table.reasons.contains_key(why)));
    let unexplained: Vec<String> = unexplained
        .map(|row| format!("{} {:?} of {:?}", row.engine, row.figure, row.subject))
        .collect();
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    for left in &table.left_out {
        assert!(table.reasons.contains_key(&left.why), "{}", left.why);
    }
    for (key, reason) in &table.reasons {
        assert!(reason.en.ends_with('.') && reason.ru.ends_with('.'), "{key}");
        assert!(reason.ru.chars().any(|c| ('а'..='я').contains(&c)), "{key}");
    }
}

/// Every speed that is listed tells where it was read.
#[test]
fn speeds_have_addresses() {
    let table = table();
    for row in &table.speed.rows {
        assert!(row.source.starts_with("https://"), "{} of {:?}", row.source, row.subject);
    }
}
