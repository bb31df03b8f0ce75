//! What an answer costs: one cell, the first visit's table, one table of all models, models x devices
//! x quantisations, and the search for the next steps of a cell.
//!
//! `cargo bench --bench estimate`. The page's budget is one frame for what changes at once. Its last
//! lines set the whole catalogue at six quantisations, with speed and targets, against it: at first,
//! and after changes of hardware, of quantisation, of context and of users, each with what the page
//! keeps from before. A table of some dozens of rows is held within a frame; the whole catalogue is
//! not yet.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

#[path = "../tests/laws/mixed.rs"]
mod mixed;
#[path = "../tests/laws/questions.rs"]
#[allow(dead_code)]
mod questions;

use std::time::Instant;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use headroom::ask::ask;
use headroom::catalog::Catalog;
use headroom::engine::llama_cpp::{placed_graphs, placed_tensors};
use headroom::estimate::{self, Files, MAX_CELLS, report, row};
use headroom::quant::{Mix, Quant};
use headroom::ranking::{self, Prepared, Ranking, rank};
use headroom::scenario::{DeviceCount, Machine, Scenario, Selected};
use headroom::steps::next_steps;

fn main() {
    // Decoding the catalogue is a cost of its own.
    Catalog::bundled();
    divan::main();
    budgets();
    rankings();
    steps();
    batch();
}

/// A frame at 60 Hz, in milliseconds.
const FRAME_MS: f64 = 1000.0 / 60.0;

/// What the page is asked in turn, each a change of the question before: what is kept of its files
/// and graphs serves the next.
const TURNS: [(&str, &str); 5] = [
    ("at first", "quant=BF16,Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q2_K"),
    ("other hardware", "quant=BF16,Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q2_K&hw=h100-sxm"),
    ("another quantisation", "quant=BF16,Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q3_K_M&hw=h100-sxm"),
    ("another context", "quant=BF16,Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q3_K_M&hw=h100-sxm&ctx=50k"),
    ("more users", "quant=BF16,Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q3_K_M&hw=h100-sxm&ctx=50k&users=5"),
];

/// The whole catalogue's table with speed and targets, row by row, as the page computes it.
fn budgets() {
    let catalog = Catalog::bundled();
    let mut files: Vec<Option<Files<'static>>> = catalog.models.iter().map(|_| None).collect();
    let mut quants = Vec::new();
    for (what, query) in TURNS {
        let scenario = scenario(&format!("{query}&ttft=2s&tpot=50ms"));
        let (mut whole, mut cells, mut slowest) = (0.0, 0, (0.0, ""));
        for (model, files) in catalog.models.iter().zip(&mut files) {
            let start = Instant::now();
            // Files depend on quantisations, not on the machine, context or users.
            if scenario.quants != quants {
                *files = estimate::files(catalog, &scenario, &model.id, files.as_ref()).ok();
            }
            let Some(files) = files else { continue };
            let row = estimate::cells(catalog, &scenario, files, &scenario.machines[0]);
            cells += black_box(row).iter().flatten().count();
            let ms = start.elapsed().as_secs_f64() * 1e3;
            whole += ms;
            if ms > slowest.0 {
                slowest = (ms, &model.id);
            }
        }
        quants.clone_from(&scenario.quants);
        let (frames, (ms, id)) = (whole / FRAME_MS, slowest);
        let cell = whole * 1e3 / cells.max(1) as f64;
        println!(
            "whole catalogue, {what}: {cells} cells in {whole:.0} ms ({frames:.1} frames), \
             {cell:.0} us a cell; slowest row {ms:.2} ms ({id})"
        );
    }
}

/// Rankings that are asked for one after the other, each with what those before it found out.
const RANKINGS: &[(&str, &str)] = &[
    ("at first", "model=*&hw=rtx-3090*2&ram=64GiB"),
    ("another context", "model=*&hw=rtx-3090*2&ram=64GiB&ctx=40k"),
    ("a third context", "model=*&hw=rtx-3090*2&ram=64GiB&ctx=48k"),
    ("more users", "model=*&hw=rtx-3090*2&ram=64GiB&ctx=48k&users=2"),
    ("another machine", "model=*&hw=rtx-4090&ram=64GiB&ctx=48k&users=2"),
    ("a format", "model=*&hw=rtx-4090&ram=64GiB&ctx=48k&users=2&quant=Q4_K_M"),
    ("machines for a model", "hw=*&model=gpt-oss-120b"),
    ("the same at another context", "hw=*&model=gpt-oss-120b&ctx=40k"),
];

/// The ranking of the catalogue as a page asks for it while a reader changes the question: the order
/// of all rows, and the cells of those that are drawn.
fn rankings() {
    const DRAWN: usize = 24;
    let prepared = Prepared::new(Catalog::bundled());
    for (what, query) in RANKINGS {
        let ranking = Ranking::with(&prepared, &scenario(query)).expect("a slot is empty");
        let start = Instant::now();
        let rows = black_box(rank(&ranking));
        let order = start.elapsed().as_secs_f64() * 1e3;
        let drawn = rows.iter().take(DRAWN).filter_map(|row| row.cell_with(&prepared));
        let drawn = black_box(drawn.collect::<Vec<_>>()).len();
        let all = start.elapsed().as_secs_f64() * 1e3;
        println!(
            "ranking, {what}: {} rows in {order:.1} ms, {drawn} cells in {:.1} ms",
            rows.len(),
            all - order
        );
    }
}

/// The search for the next steps of random cells, each with nothing found out before.
fn steps() {
    const CELLS: usize = 1000;
    const BUDGET_MS: f64 = 20.0;
    let (catalog, first) =
        (Catalog::bundled(), Selected { model: 0, machine: 0, quant: 0, engine: 0 });
    let drawn = (0..).map(|number| questions::drawn(15, number));
    let drawn = drawn.map(|question| (question.query(), question.scenario()));
    // What an engine refuses has no cell.
    let cells = drawn.filter(|(_, asked)| estimate::alone(catalog, asked, first).is_some());
    let mut took: Vec<(f64, u64, String)> = cells
        .take(CELLS)
        .map(|(query, asked)| {
            let (start, tensors) = (Instant::now(), placed_tensors());
            black_box(next_steps(catalog, &asked, first));
            (start.elapsed().as_secs_f64() * 1e3, placed_tensors() - tensors, query)
        })
        .collect();
    took.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ms = |at: usize| took[at].0;
    let over = took.iter().filter(|(ms, ..)| *ms > BUDGET_MS).count();
    println!(
        "next steps of {CELLS} random cells: median {:.2} ms, 90th {:.1} ms, 99th {:.1} ms; {over} \
         over {BUDGET_MS} ms",
        ms(CELLS / 2),
        ms(CELLS * 9 / 10),
        ms(CELLS * 99 / 100)
    );
    for (ms, tensors, query) in took.iter().rev().take(3) {
        println!("  {ms:.0} ms, {tensors} tensors: {query}");
    }
}

/// Lines of a batch on one core, and what is counted of them.
fn batch() {
    const LINES: usize = 2000;
    let prepared = Prepared::new(Catalog::bundled());
    let (graphs, tensors) = (placed_graphs(), placed_tensors());
    let start = Instant::now();
    for line in mixed::lines(LINES) {
        black_box(ranking::report_with(&prepared, &scenario(&line), Vec::new()));
    }
    let us = start.elapsed().as_secs_f64() * 1e6;
    let a_line = |n: f64| n / LINES as f64;
    let (graphs, tensors) = (placed_graphs() - graphs, placed_tensors() - tensors);
    println!(
        "batch of {LINES} mixed lines: {:.0} us, {:.2} graphs and {:.0} tensors a line",
        a_line(us),
        a_line(graphs as f64),
        a_line(tensors as f64)
    );
}

fn scenario(query: &str) -> Scenario {
    Scenario::from_query(query).0
}

/// Every device alone in a machine.
fn machines() -> Vec<Machine> {
    let alone = |id: &str| Machine {
        devices: vec![DeviceCount { id: id.to_owned(), count: 1, memory_gb: None }],
    };
    Catalog::bundled().devices.iter().map(|device| alone(&device.id)).collect()
}

#[divan::bench]
fn read_a_link(bencher: Bencher) {
    let query = "model=qwen2.5-72b-instruct,qwen3-32b&hw=rtx-4090*2&quant=Q4_K_M&ctx=32k&kv=q8_0";
    bencher.bench(|| Scenario::from_query(black_box(query)));
}

/// The ask box answers as one types: 1 ms at most.
#[divan::bench(args = [
    "qwen 72",
    "влезет ли лама 3.3 70б q4 в две 3090 с контекстом 16к и 64 гб оперативки?",
    "llama-server -hf unsloth/Qwen3-32B-GGUF:Q4_K_M -c 16384 -ngl 99 -ctk q8_0 -ctv q8_0",
])]
fn free_text(bencher: Bencher, text: &str) {
    // The index of names is built on first use.
    ask(text);
    bencher.bench_local(|| ask(black_box(text)));
}

#[divan::bench(args = ["qwen3-8b", "qwen2.5-72b-instruct", "qwen3-235b-a22b", "deepseek-v3"])]
fn one_cell(bencher: Bencher, model: &str) {
    let scenario = scenario("quant=Q4_K_M");
    bencher.bench(|| row(Catalog::bundled(), black_box(&scenario), model));
}

#[divan::bench]
fn one_cell_partly_in_ram(bencher: Bencher) {
    let scenario = scenario("quant=Q4_K_M&hw=rtx-4090&ram=192GiB");
    bencher.bench(|| row(Catalog::bundled(), black_box(&scenario), "qwen3-235b-a22b"));
}

#[divan::bench]
fn first_visit_table(bencher: Bencher) {
    let scenario = Scenario::default();
    bencher
        .counter(ItemsCount::new(9usize))
        .bench(|| report(Catalog::bundled(), black_box(&scenario), Vec::new()));
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn table_of_all_models(bencher: Bencher) {
    let models = Catalog::bundled().models.iter().map(|model| model.id.clone()).collect();
    let scenario = Scenario { models, ..Scenario::default() };
    let cells = scenario.models.len() * scenario.quants.len();
    assert!(cells as u64 <= MAX_CELLS);
    bencher
        .counter(ItemsCount::new(cells))
        .bench(|| report(Catalog::bundled(), black_box(&scenario), Vec::new()));
}

/// Every model on every device, the quantisations taking turns: one in 31 of the whole product,
/// spread evenly over it. The whole takes as many times as long as there are quantisations.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn models_x_devices_x_quants_in_turns(bencher: Bencher) {
    let catalog = Catalog::bundled();
    let quants: Vec<Quant> = Mix::ALL.iter().copied().map(Quant::Gguf).collect();
    let machines = machines();
    let turns = quants.len();
    let cells = catalog.models.len() * machines.len();
    bencher.counter(ItemsCount::new(cells)).bench(|| {
        let mut answered = 0;
        for (i, model) in catalog.models.iter().enumerate() {
            for (q, quant) in quants.iter().enumerate() {
                let machines = machines.iter().skip((q + i) % turns).step_by(turns);
                let scenario = Scenario {
                    machines: machines.cloned().collect(),
                    quants: vec![*quant],
                    ..Scenario::default()
                };
                answered += row(catalog, black_box(&scenario), &model.id).iter().flatten().count();
            }
        }
        answered
    });
}
