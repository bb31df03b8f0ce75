//! What an answer costs: one cell, the first visit's table, one table of all models, and models x devices
//! x quantisations.
//!
//! `cargo bench --bench estimate`. The page's budgets: a row of three cells within 1 ms, so that a
//! table of fifteen rows is redone within one frame; and the slowest row of the catalogue's table
//! of six quantisations, with speed and targets, within one frame. The last lines say how much of
//! them is used.

use std::time::Instant;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use headroom::catalog::Catalog;
use headroom::estimate::{MAX_CELLS, report, row};
use headroom::quant::{Mix, Quant};
use headroom::scenario::{DeviceCount, Machine, Scenario};

fn main() {
    // Decoding the catalogue is a cost of its own.
    Catalog::bundled();
    divan::main();
    budgets();
}

/// A frame at 60 Hz, in milliseconds.
const FRAME_MS: f64 = 1000.0 / 60.0;

/// The whole catalogue's table with speed, row by row, as the page computes it.
fn budgets() {
    let catalog = Catalog::bundled();
    let scenario = scenario("quant=BF16,Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q2_K&ttft=2s&tpot=50ms");
    let timed = |id: &str| {
        let start = Instant::now();
        let cells = black_box(row(catalog, &scenario, id)).iter().flatten().count();
        (start.elapsed().as_secs_f64() * 1e3, cells)
    };
    let rows: Vec<(&str, (f64, usize))> =
        catalog.models.iter().map(|model| (model.id.as_str(), timed(&model.id))).collect();
    let whole: f64 = rows.iter().map(|(_, (ms, _))| ms).sum();
    let cells: usize = rows.iter().map(|(_, (_, cells))| cells).sum();
    let slowest = rows.iter().max_by(|a, b| a.1.0.total_cmp(&b.1.0));
    println!("whole catalogue with speed: {} rows, {cells} cells, {whole:.0} ms", rows.len());
    if let Some((id, (ms, _))) = slowest {
        println!("its slowest row: {ms:.2} ms of a frame's {FRAME_MS:.1} ms ({id})");
    }
    let mean = whole / rows.len().max(1) as f64;
    println!("its mean row: {mean:.3} ms");
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
