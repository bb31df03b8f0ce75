//! Graphs that answer for many contexts and quantisations against graphs placed for each.

#![cfg(not(target_arch = "wasm32"))]

use headroom::catalog::Catalog;
use headroom::engine::llama_cpp::Division;
use headroom::engine::llama_cpp::GgufFile;
use headroom::engine::llama_cpp::KvTypes;
use headroom::engine::llama_cpp::{Placement, Settings, compute, compute_whole};
use headroom::quant::{GgmlType, Mix};
use headroom::scenario::LogitsBuffer;

/// Contexts in an order that makes each next one be told from those before, where that can be:
/// short of a window, in it, far beyond; steps of cells and between them.
const CONTEXTS: &[u64] = &[
    32_768, 4_096, 131_072, 40_000, 8_192, 1_000, 256, 512, 768, 2_048, 2_304, 1_048_576, 65_537,
    999, 5_120, 16_777_216, 300, 1_536,
];

/// The settings that the questions below start from.
const PLAIN: Settings = Settings {
    n_ctx: 8192,
    n_parallel: 1,
    unified: false,
    n_ubatch: 512,
    kv: KvTypes::both(GgmlType::F16),
    draft_kv: KvTypes::both(GgmlType::F16),
    flash_attention: true,
    swa_full: false,
    logits: LogitsBuffer::Server,
    proposed: 0,
    snapshots: 0,
    unpacks_cache: true,
    kv_on_devices: true,
};

/// Placements of a model of `layers` layers: on a device, on several, on none, with parts left.
fn placements(layers: u64) -> Vec<Placement> {
    let on = |device_layers: Vec<u64>, host_expert_layers| Placement {
        device_layers,
        host_expert_layers,
        ..Placement::default()
    };
    vec![
        on(vec![layers + 1], 0),
        on(vec![layers / 2, layers + 1 - layers / 2], 0),
        Placement::cpu(),
        on(vec![layers / 2 + 1], 0),
        on(vec![layers + 1], layers / 2),
    ]
}

#[test]
fn what_was_placed_before_tells_the_same_to_the_byte() {
    let catalog = Catalog::bundled();
    let mut asked = 0;
    for (i, model) in catalog.models.iter().enumerate() {
        let Ok(one) = GgufFile::new(model, Mix::Q4_K_M, false) else { continue };
        let Ok(other) = GgufFile::new(model, Mix::Q8_0, false) else { continue };
        let other = GgufFile { graphs: one.graphs.clone(), ..other };
        let architecture = model.architecture();
        // Turns, so that the whole catalogue meets all of it without taking minutes.
        let turn = |n: usize| i % n;
        let placements = placements(architecture.n_layers());
        for placement in [&placements[0], &placements[turn(placements.len())]] {
            let ty = [GgmlType::F16, GgmlType::Q8_0][turn(2)];
            for (users, flash_attention, unified) in
                [(1, turn(3) > 0, false), ([2, 7, 64][turn(3)], true, turn(4) == 1)]
            {
                let settings = |context: u64| Settings {
                    n_ctx: context * users,
                    n_parallel: users,
                    unified,
                    n_ubatch: [512, 2048, 100][turn(3)],
                    kv: KvTypes::both(ty),
                    flash_attention,
                    swa_full: turn(5) == 1,
                    logits: [LogitsBuffer::Server, LogitsBuffer::Batch][turn(2)],
                    ..PLAIN
                };
                for (n, context) in CONTEXTS.iter().enumerate().skip(turn(2)).step_by(2) {
                    let file = [&one, &other][n / 2 % 2];
                    let settings = settings(*context);
                    let placed = compute(architecture, &file.weights, &settings, placement);
                    let told = file.compute(&settings, placement);
                    assert_eq!(told, placed, "{}: {settings:?} {placement:?}", model.id);
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 10_000, "{asked}");
}

/// Layers that are moved from one place to another change a graph's buffers only where they are of
/// another kind.
#[test]
fn placements_of_one_class_have_the_same_buffers() {
    let (mut asked, mut wrong) = (0u64, Vec::new());
    // A part of the catalogue; all of it, and other mixes, where the environment says so.
    let number = |name: &str| std::env::var(name).ok().map(|n| n.parse().unwrap());
    let every: usize = number("HEADROOM_EVERY").unwrap_or(8);
    let shift: usize = number("HEADROOM_SEED").unwrap_or(0);
    // Their layers take turns, which tells where all tokens become logits.
    let takes_turns = |id: &str| matches!(id, "c4ai-command-r-v01" | "granite-4.0-1b");
    let models = Catalog::bundled().models.iter().enumerate();
    for (i, model) in models.filter(|(i, m)| i % every == shift % every || takes_turns(&m.id)) {
        let mix = Mix::ALL[(i + shift) % Mix::ALL.len()];
        let Ok(file) = GgufFile::new(model, mix, i % 3 == 0) else { continue };
        let architecture = model.architecture();
        let layers = architecture.n_layers();
        let settings = Settings {
            n_ctx: 8192,
            n_parallel: [1, 2, 3, 16, 200, 1, 2][i % 7],
            n_ubatch: [512, 64][i % 2],
            flash_attention: i % 5 > 0,
            logits: match i / 2 % 2 == 1 || takes_turns(&model.id) {
                true => LogitsBuffer::Batch,
                false => LogitsBuffer::Server,
            },
            ..PLAIN
        };
        let part = |device_layers: Vec<u64>, host_expert_layers| Placement {
            device_layers,
            host_expert_layers,
            ..Placement::default()
        };
        let all = layers + 1;
        let on_host = (0..=all).map(|n| part(vec![n], 0));
        let experts = (0..=layers).map(|n| part(vec![all], n));
        let split = (0..=all).map(|n| part(vec![n, all - n], 0));
        let split_experts = (0..=layers).map(|n| part(vec![all / 2, all - all / 2], n));
        let three = (0..=all / 2).map(|n| part(vec![n, n, all - 2 * n], 0));
        let three_on_host = (0..=all / 4).map(|n| part(vec![n, n + 1, n], 0));
        let kinds = on_host.chain(experts).chain(split).chain(split_experts);
        for placement in kinds.chain(three).chain(three_on_host) {
            let placed = compute(architecture, &file.weights, &settings, &placement);
            let told = file.compute(&settings, &placement);
            asked += 1;
            if told != placed {
                wrong.push(format!("{} {mix:?} {placement:?}: {told:?} {placed:?}", model.id));
            }
        }
    }
    for line in wrong.iter().take(40) {
        println!("{line}");
    }
    assert!(wrong.is_empty(), "{} of {asked} are wrong", wrong.len());
    assert!(asked > 10_000, "{asked}");
}

/// Layers in a row that repeat, and devices with the same layers, are not built again: as little
/// memory is told as of a graph that has them all.
#[test]
fn a_graph_without_repetitions_takes_the_same_memory() {
    let (mut asked, mut wrong) = (0u64, Vec::new());
    let number = |name: &str| std::env::var(name).ok().map(|n| n.parse().unwrap());
    let every: usize = number("HEADROOM_EVERY").unwrap_or(6);
    let shift: usize = number("HEADROOM_SEED").unwrap_or(0);
    let of_streams = |id: &str| id == "minimax-m3";
    let models = Catalog::bundled().models.iter().enumerate();
    let models = models.filter(|(i, m)| i % every == shift % every || of_streams(&m.id));
    for (i, model) in models {
        let Ok(file) = GgufFile::new(model, Mix::ALL[(i + shift) % Mix::ALL.len()], false) else {
            continue;
        };
        let architecture = model.architecture();
        let all = architecture.n_layers() + 1;
        let part = |device_layers: Vec<u64>, host_expert_layers, divided| Placement {
            device_layers,
            host_expert_layers,
            divided,
        };
        // Evenly on so many devices, but for so many first layers.
        let even = |devices: u64, host: u64, experts: u64, divided| {
            let on_devices = all - host.min(all);
            let upto = |device: u64| on_devices * device / devices;
            let layers = (0..devices).map(|device| upto(device + 1) - upto(device));
            part(layers.collect(), experts, divided)
        };
        let (pipeline, alone) = (Division::Layers, Division::Nothing);
        let mut placements = vec![
            part(vec![all], 0, alone.clone()),
            part(vec![all], all / 3, alone.clone()),
            Placement::cpu(),
        ];
        for devices in [2, 3, 5, all / 3 + 1, all / 2, all + 2] {
            placements.push(even(devices, 0, 0, pipeline.clone()));
            placements.push(even(devices, devices.min(4), 0, alone.clone()));
            placements.push(even(devices, 0, all / 2, alone.clone()));
        }
        let many = if of_streams(&model.id) { &[2, 3, 9, 32][..] } else { &[2] };
        for users in many.iter().copied().chain([1]) {
            let settings = Settings {
                n_ctx: 4096 * users * (1 + (i as u64 % 4)),
                n_parallel: users,
                unified: i % 7 == 1,
                n_ubatch: [512, 64, 1024][i % 3],
                kv: KvTypes::both([GgmlType::F16, GgmlType::Q8_0][i % 2]),
                flash_attention: of_streams(&model.id) || i % 5 > 0,
                logits: [LogitsBuffer::Server, LogitsBuffer::Batch][i / 3 % 2],
                ..PLAIN
            };
            for placement in &placements {
                let whole = compute_whole(architecture, &file.weights, &settings, placement);
                let told = compute(architecture, &file.weights, &settings, placement);
                asked += 1;
                if told != whole {
                    wrong.push(format!("{} {users} {placement:?}: {told:?} {whole:?}", model.id));
                }
            }
        }
    }
    for line in wrong.iter().take(40) {
        println!("{line}");
    }
    assert!(wrong.is_empty(), "{} of {asked} are wrong", wrong.len());
    assert!(asked > 1_000, "{asked}");
}
