//! The next steps of a cell: what they promise is what the changed question answers.

use headroom::catalog::Catalog;
use headroom::estimate;
use headroom::report::{Cell, QualityNote, Verdict};
use headroom::scenario::{CacheType, Scenario, Selected};
use headroom::steps::{Change, Step, next_steps};

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
        let place = then.quant * changed.engines.len() + then.engine;
        let row = estimate::row(Catalog::bundled(), &changed, &changed.models[0]);
        assert_eq!(row[place].as_ref(), Ok(&step.cell));
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
}

#[test]
fn a_step_that_is_taken_gives_what_it_promised() {
    let catalog = Catalog::bundled();
    // Machines, models and formats in pairs that often do not fit, from another place in the
    // catalogue each.
    let machines = ["rtx-4090", "rtx-3060*2", "apple-m4-max-40c@64", "h100-sxm", "rtx-5090"];
    let mut taken = 0;
    for (i, model) in catalog.models.iter().enumerate().step_by(9) {
        let machine = machines[i / 9 % machines.len()];
        let users = 1 + i % 3;
        let query = format!("model={}&hw={machine}&quant=Q8_0,Q4_K_M&users={users}", model.id);
        let (scenario, _) = Scenario::from_query(&query);
        for quant in 0..2 {
            let at = Selected { quant, ..FIRST };
            for step in next_steps(catalog, &scenario, at) {
                let mut changed = scenario.clone();
                let then = step.apply(&mut changed, at);
                let cell = cells(&changed).swap_remove(then.quant);
                assert_eq!(cell, step.cell, "{query}: {:?}", step.changes);
                let (again, problems) = Scenario::from_query(&step.scenario.to_query());
                assert_eq!(problems, []);
                assert_eq!(cells(&again), [step.cell], "{query}: {:?}", step.changes);
                taken += 1;
            }
        }
    }
    assert!(taken > 50, "{taken}");
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
fn no_step_is_beaten_by_another() {
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
