//! The next steps of a cell: what they promise is what the changed question answers.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::disallowed_methods, reason = "a run tells how long it took")]

#[path = "laws/questions.rs"]
#[allow(dead_code)]
mod questions;

use std::env;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use headroom::catalog::Catalog;
use headroom::engine::llama_cpp::placed_tensors;
use headroom::estimate;
use headroom::report::{Cell, QualityNote, Verdict};
use headroom::scenario::{CacheType, Engine, GpuBackend, Scenario, Selected};
use headroom::steps::{Change, Step, candidates, next_steps, unbeaten};

const FIRST: Selected = Selected { model: 0, machine: 0, quant: 0, engine: 0 };

fn steps(query: &str) -> Vec<Step> {
    let (scenario, problems) = Scenario::from_query(query);
    assert_eq!(problems, [], "{query}");
    next_steps(Catalog::bundled(), &scenario, FIRST)
}

fn cells(scenario: &Scenario) -> Vec<Cell> {
    estimate::report(Catalog::bundled(), scenario, Vec::new()).cells
}

#[test]
fn a_model_that_spills_is_brought_onto_the_card() {
    let steps = steps("model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M");
    let changes: Vec<_> = steps.iter().map(|step| step.changes.as_slice()).collect();
    assert_eq!(changes[0], [Change::Cache(CacheType::Q8_0)]);
    assert_eq!(changes[1], [Change::Context(16_384)]);
    for step in &steps {
        assert_eq!(step.cell.verdict, Verdict::Fits);
        assert!(step.cell.speed.decode_tps.unwrap().expected > 25.0);
    }
}

#[test]
fn a_format_that_stands_for_another_has_steps_too() {
    let query = "model=glm-4.5-air&hw=apple-m3-max-40c@64&engine=lmstudio,mlx";
    let (scenario, _) = Scenario::from_query(query);
    // Q4_K_M, which MLX loads as its own 4 bits.
    let at = Selected { quant: 2, engine: 1, ..FIRST };
    let steps = next_steps(Catalog::bundled(), &scenario, at);
    assert!(!steps.is_empty());
    for step in steps {
        let mut changed = scenario.clone();
        let then = step.apply(&mut changed, at);
        let place = then.machine * changed.quants.len() + then.quant;
        let place = place * changed.engines.len() + then.engine;
        let row = estimate::row(Catalog::bundled(), &changed, &changed.models[then.model]);
        let taken = row[place].as_ref().unwrap();
        // What was typed is the table's; all else is the step's.
        let promised = Cell { requested_quant: taken.requested_quant, ..step.cell.clone() };
        assert_eq!(*taken, promised);
    }
}

#[test]
fn what_each_platform_can_change_is_named() {
    let named = |query: &str, is: fn(&Change) -> bool| {
        assert!(steps(query).iter().flat_map(|step| &step.changes).any(is), "{query}");
    };
    named("model=gpt-oss-120b&hw=strix-halo-395@128&ctx=131072&quant=MXFP4", |change| {
        matches!(change, Change::UnifiedLimit(_))
    });
    named("model=glm-4.5-air&hw=apple-m3-max-40c@64&engine=mlx&quant=MLX-4bit", |change| {
        matches!(change, Change::Quant(_))
    });
    named("model=deepseek-r1&hw=h200-sxm*8&engine=vllm&quant=FP8-block&users=64", |change| {
        matches!(change, Change::DataParallel(8))
    });
    named("model=qwen2.5-72b-instruct&hw=rtx-3090&quant=Q4_K_M", |change| {
        matches!(change, Change::Devices(_))
    });
    named("model=glm-4.5-air&hw=apple-m3-max-40c@64&quant=Q4_K_M", |change| {
        matches!(change, Change::Engine(Engine::Mlx))
    });
    named("model=qwen3-30b-a3b&hw=rtx-3060&quant=Q4_K_M&offload=none&ram=64GiB", |change| {
        matches!(change, Change::Experts(_))
    });
    named("model=qwen2.5-7b-instruct&hw=rtx-4090&quant=Q4_K_M", |change| {
        matches!(change, Change::Newer(_))
    });
    named("model=qwen3-32b&hw=rtx-3090*2&quant=Q4_K_M&ctx=8k", |change| {
        matches!(change, Change::Split(_))
    });
    named("model=gpt-oss-20b&hw=radeon-780m&engine=ollama&ctx=8k&quant=MXFP4", |change| {
        matches!(change, Change::Backend(GpuBackend::Vulkan))
    });
    // Neither one that plays an environment, nor one that only thinks; that it sees takes nothing away.
    named(
        "model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M",
        |change| matches!(change, Change::Newer(id) if id == "qwen3.8-27b"),
    );
    // Nothing makes it fit there, so it is said where it does.
    named("model=deepseek-r1&hw=rtx-3060&quant=Q4_K_M", |change| matches!(change, Change::Rent(_)));
    named("model=llama-3.1-70b-instruct&hw=rtx-3060&quant=Q8_0", |change| {
        matches!(change, Change::Model(_))
    });
}

/// Cells whose steps are looked at, others in each run.
const CELLS: usize = 500;

/// Tensors of graphs that a search may place: 20 ms of a core.
const AT_ONCE: u64 = 200_000;

#[test]
fn the_steps_of_random_cells_keep_what_they_promise() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed: u64 =
        env::var("HEADROOM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now);
    println!("seed {seed}");
    let drawn = (0..).map(|number| questions::drawn(seed, number));
    let drawn = drawn.map(|question| (question.query(), question.scenario()));
    // What an engine refuses has no cell.
    let has_cell = |(_, scenario): &(String, Scenario)| {
        estimate::alone(Catalog::bundled(), scenario, FIRST).is_some()
    };
    let questions: Vec<_> = drawn.filter(has_cell).take(CELLS).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let looked_at: Vec<Looked> = std::thread::scope(|scope| {
        let parts = questions.chunks(CELLS.div_ceil(cores));
        let look = |part| move || -> Vec<Looked> { Vec::from_iter(<[_]>::iter(part).map(look)) };
        let threads: Vec<_> = parts.map(|part| scope.spawn(look(part))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let wrong: Vec<&String> = looked_at.iter().flat_map(|looked| &looked.wrong).take(10).collect();
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    let sum = |of: fn(&Looked) -> usize| looked_at.iter().map(of).sum::<usize>();
    let (shown, found) = (sum(|looked| looked.shown), sum(|looked| looked.found));
    println!("{CELLS} cells: {shown} steps of {found} that help");
    let mut took: Vec<(Duration, &str)> =
        looked_at.iter().map(|looked| (looked.took, looked.query.as_str())).collect();
    took.sort();
    let ms = |at: usize| took[at].0.as_secs_f64() * 1e3;
    println!("a cell: median {:.1} ms, 90th {:.1} ms", ms(CELLS / 2), ms(CELLS * 9 / 10));
    println!("slowest: {:.1} ms for {}", ms(CELLS - 1), took[CELLS - 1].1);
    // A clock tells machines apart; tensors are most of the work.
    let placed = |most| looked_at.iter().filter(|looked| looked.placed > most).count();
    println!("{} of {CELLS} cells place more than {AT_ONCE} tensors", placed(AT_ONCE));
    assert!(shown > CELLS / 2, "{shown}");
}

/// What was found out about a cell.
struct Looked {
    query: String,
    took: Duration,
    /// Tensors of graphs that were placed for it.
    placed: u64,
    /// Steps that help, and those of them that are shown.
    found: usize,
    shown: usize,
    wrong: Vec<String>,
}

/// Looks for the steps of a question, and holds them against what they promise and each other.
fn look((query, scenario): &(String, Scenario)) -> Looked {
    let start = Instant::now();
    let before = placed_tensors();
    let found = candidates(Catalog::bundled(), scenario, FIRST);
    let shown = unbeaten(found.clone());
    let took = start.elapsed();
    let placed = placed_tensors() - before;
    let mut wrong = Vec::new();
    for step in &shown {
        if let Err(why) = keeps_its_promise(scenario, step) {
            wrong.push(format!("{query}: {:?}: {why}", step.changes));
        }
        let beaten_by = found.iter().filter(|other| beats(other, step));
        let hidden = |other: &&Step| shown.iter().all(|step| step.changes != other.changes);
        wrong.extend(
            beaten_by.filter(hidden).map(|other| {
                format!("{query}: {:?} is beaten by {:?}", step.changes, other.changes)
            }),
        );
    }
    Looked { query: query.clone(), took, placed, found: found.len(), shown: shown.len(), wrong }
}

/// Whether the question that `step` changes `scenario` into is answered as the step says, and so is
/// its link.
fn keeps_its_promise(scenario: &Scenario, step: &Step) -> Result<(), &'static str> {
    let mut changed = scenario.clone();
    let at = step.apply(&mut changed, FIRST);
    let taken = estimate::alone(Catalog::bundled(), &changed, at);
    let (again, problems) = Scenario::from_query(&step.scenario.to_query());
    match taken {
        Some((_, cell)) if cell != step.cell => Err("taken, it gives another cell"),
        None => Err("taken, it has no answer"),
        _ if !problems.is_empty() => Err("its link cannot be read"),
        _ if again != step.scenario => Err("its link is another question"),
        _ if cells(&again) != [step.cell.clone()] => Err("its link has another answer"),
        _ => Ok(()),
    }
}

/// Whether `a` is as good as `b` in everything that a reader may care about, and better in something.
///
/// Another model gives up the one that was asked for, a rented machine costs money and another engine
/// has to be set up: none of them stands for another.
fn beats(a: &Step, b: &Step) -> bool {
    let respects = |step: &Step| {
        let Scenario { context, users, kv, machines, .. } = &step.scenario;
        let speed = &step.cell.speed;
        let devices: u32 = machines[0].devices.iter().map(|device| device.count).sum();
        let is = |verdict: Verdict| f64::from(step.cell.verdict <= verdict);
        let changes = |is: fn(&Change) -> bool| step.changes.iter().any(is);
        [
            is(Verdict::Fits) + is(Verdict::Tight) + is(Verdict::Offload),
            speed.decode_tps.map_or(0.0, |tps| tps.expected),
            speed.throughput_tps.map_or(0.0, |tps| tps.expected),
            speed.prefill_tps.map_or(0.0, |tps| tps.expected),
            step.cell.max_context as f64,
            step.cell.max_users as f64,
            *context as f64,
            *users as f64,
            step.cell.weights_bytes.0 as f64,
            kv.key.bits_per_value() + kv.value.bits_per_value(),
            -f64::from(devices),
            -(step.changes.len() as f64),
            -f64::from(changes(Change::is_other_model)),
            -f64::from(changes(|change| matches!(change, Change::Rent(_)))),
            -f64::from(changes(|change| matches!(change, Change::Engine(_)))),
            f64::from(changes(|change| matches!(change, Change::Newer(_)))),
        ]
    };
    let (a, b) = (respects(a), respects(b));
    a.iter().zip(&b).all(|(a, b)| a >= b) && a != b
}

#[test]
fn a_step_that_changes_a_format_says_what_that_costs() {
    let catalog = Catalog::bundled();
    let mut noted = 0;
    for step in steps("model=qwen3-32b&hw=rtx-4090&quant=Q8_0") {
        let quality = step.quality(catalog);
        let changes = |is: fn(&Change) -> bool| step.changes.iter().any(is);
        let changes_weights = changes(|change| matches!(change, Change::Quant(_)));
        let changes_cache = changes(|change| matches!(change, Change::Cache(_)));
        assert_eq!(quality.is_some(), changes_weights || changes_cache, "{:?}", step.changes);
        let Some(quality) = quality else { continue };
        // Never silence: a figure with its source, or that there is none.
        assert_eq!(changes_cache, quality.cache != QualityNote::Reference);
        for note in [quality.weights, quality.cache] {
            if let QualityNote::Measured { figures } = note {
                assert!(figures.iter().all(|figure| !figure.source.is_empty()), "{figures:?}");
                noted += figures.len();
            }
        }
    }
    assert!(noted > 0);
}

#[test]
fn a_few_steps_are_shown_and_none_contains_another() {
    for query in [
        "model=qwen3-32b&hw=rtx-4090&quant=Q8_0",
        "model=llama-3.1-8b-instruct&hw=rtx-3060&quant=Q8_0",
        "model=qwen2.5-72b-instruct&hw=rtx-3090&quant=Q4_K_M",
    ] {
        let steps = steps(query);
        assert!(!steps.is_empty() && steps.len() <= 4, "{query}");
        for (i, a) in steps.iter().enumerate() {
            for b in &steps[i + 1..] {
                assert_ne!(a.changes, b.changes, "{query}");
                let contains = b.changes.iter().all(|change| a.changes.contains(change));
                assert!(!contains, "{query}: {:?} is part of {:?}", b.changes, a.changes);
            }
        }
    }
}
