//! What an answer costs: one cell, the first visit's table, one table of all models, and models x devices
//! x quantisations.
//!
//! `cargo bench --bench estimate`. The page's budget: a row of three cells within 1 ms, so that a
//! table of fifteen rows is redone within one frame.

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
