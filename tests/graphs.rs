//! Graphs that answer for many contexts and quantisations against graphs placed for each.

#![cfg(not(target_arch = "wasm32"))]

use headroom::catalog::Catalog;
use headroom::engine::llama_cpp::GgufFile;
use headroom::engine::llama_cpp::KvTypes;
use headroom::engine::llama_cpp::{Placement, Settings, compute};
use headroom::quant::{GgmlType, Mix};
use headroom::scenario::LogitsBuffer;

/// Contexts in an order that makes each next one be told from those before, where that can be:
/// short of a window, in it, far beyond; steps of cells and between them.
const CONTEXTS: &[u64] = &[
    32_768, 4_096, 131_072, 40_000, 8_192, 1_000, 256, 512, 768, 2_048, 2_304, 1_048_576, 65_537,
    999, 5_120, 16_777_216, 300, 1_536,
];

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
                    proposed: 0,
                    snapshots: 0,
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
