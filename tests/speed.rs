//! The speed model against public measurements, and the laws it must obey.

#![cfg(not(target_arch = "wasm32"))]

use std::fmt::Write as _;
use std::sync::LazyLock;

use headroom::accuracy::speed::{Case, Kind, cases};
use headroom::accuracy::{Comparison, Summary};
use headroom::speed::{Backend, Engine, Era, MAX_PLAUSIBLE_RATIO, Proposer};
use headroom::units::Interval;

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    cases(include_str!("data/measured-speed.csv")).expect("the file is well-formed")
});

#[test]
fn every_measurement_is_a_case() {
    assert_eq!(CASES.len(), include_str!("data/measured-speed.csv").lines().count() - 1);
    assert!(CASES.iter().all(|case| case.predict().is_some()));
}

/// `HEADROOM_SPEED_INPUTS=FILE` writes the physical inputs of every case, from which
/// `xtask/data/fit_speed.py` fits the coefficients.
#[test]
fn write_inputs_of_the_fit() {
    let Some(path) = std::env::var_os("HEADROOM_SPEED_INPUTS") else { return };
    let mut out = String::new();
    for (i, case) in CASES.iter().enumerate() {
        let row = inputs(case);
        if i == 0 {
            let names: Vec<_> = row.iter().map(|(name, _)| *name).collect();
            writeln!(out, "id,family,{}", names.join(",")).unwrap();
        }
        let values: Vec<_> = row.iter().map(|(_, value)| value.to_string()).collect();
        writeln!(out, "{},{},{}", case.id, case.chip.family, values.join(",")).unwrap();
    }
    std::fs::write(path, out).unwrap();
}

fn inputs(case: &Case) -> Vec<(&'static str, f64)> {
    let (work, chip) = (&case.work, &case.chip);
    let depth = case.depth;
    let read = |latent: bool| -> f64 {
        let caches = work.caches.iter().filter(|c| c.latent == latent);
        caches.map(|c| c.entry_bytes * c.entries(depth)).sum()
    };
    let share = case.draft.as_ref().map_or(0.0, |draft| match draft.by {
        Proposer::Mtp(share) => share,
        Proposer::Model(_) => f64::NAN,
    });
    let heads = work.caches.iter().map(|c| c.heads_per_kv_head).fold(1.0, f64::max);
    vec![
        ("layers", work.layers),
        ("moe_layers", work.moe_layers),
        ("recurrent_layers", work.recurrent_layers),
        ("latent_layers", work.latent_layers),
        ("dense_bytes", work.dense_bytes),
        ("expert_bytes", work.expert_bytes),
        ("expert_share", work.expert_share),
        ("dense_flops", work.dense_flops),
        ("expert_flops", work.expert_flops),
        ("head_flops", work.head_flops),
        ("hidden", work.hidden),
        ("state_bytes", work.state_bytes),
        ("cache_plain", read(false)),
        ("cache_latent", read(true)),
        ("heads_per_kv_head", heads),
        ("decode_flops", work.decode_flops(depth)),
        ("prompt", case.prompt),
        ("attention_flops", work.attention_flops(case.prompt_depth(), case.prompt)),
        ("bandwidth", chip.bandwidth),
        ("unit_hz", chip.unit_hz.unwrap_or(f64::NAN)),
        ("clock_hz", chip.clock_hz.unwrap_or(f64::NAN)),
        ("half_fast", chip.peaks.half_fast),
        ("peak", chip.peaks.at(case.numerics.precision)),
        ("half", chip.peaks.half),
        ("int8", chip.peaks.int8),
        ("power", chip.power_w.unwrap_or(f64::NAN)),
        ("link", chip.link),
        ("fits", case.fits),
        ("mtp_share", share),
        ("soc", f64::from(u8::from(chip.is_soc))),
    ]
}

/// A group of cases with the errors that it may have, in %.
struct Bar {
    name: &'static str,
    holds: fn(&Case) -> bool,
    median: f64,
    p90: f64,
}

fn llama(case: &Case) -> bool {
    case.software.engine == Engine::LlamaCpp
}

fn prompt(case: &Case) -> bool {
    matches!(case.kind, Kind::Prefill | Kind::Ttft)
}

const BARS: &[Bar] = &[
    Bar {
        name: "llama.cpp, one sequence",
        holds: |c| llama(c) && c.kind == Kind::Decode && c.batch == 1.0 && gpu(c),
        median: 7.0,
        p90: 20.0,
    },
    Bar {
        name: "llama.cpp since 2025, one sequence",
        holds: |c| llama(c) && c.kind == Kind::Decode && c.batch == 1.0 && gpu(c) && current(c),
        median: 7.0,
        p90: 20.0,
    },
    Bar {
        name: "serving engines, one sequence",
        holds: |c| !llama(c) && !prompt(c) && c.batch == 1.0,
        median: 12.0,
        p90: 30.0,
    },
    Bar {
        name: "prefill",
        holds: |c| llama(c) && c.kind == Kind::Prefill && gpu(c),
        median: 15.0,
        p90: 50.0,
    },
    Bar {
        name: "throughput at a stated batch",
        holds: |c| c.batch > 1.0 && !prompt(c),
        median: 20.0,
        p90: 75.0,
    },
    // No bar is set for these: what they reach.
    Bar {
        name: "first token, alone",
        holds: |c| c.kind == Kind::Ttft && c.batch == 1.0,
        median: 25.0,
        p90: 80.0,
    },
    // IQ types among them, which a CPU computes half as fast as the others.
    Bar { name: "llama.cpp on a CPU", holds: |c| llama(c) && !gpu(c), median: 35.0, p90: 150.0 },
];

fn gpu(case: &Case) -> bool {
    case.software.backend != Backend::Cpu
}

fn current(case: &Case) -> bool {
    case.software.era == Era::Current
}

/// Errors of the rate, and how many measured figures lie within the shown bounds.
fn summary<'a>(cases: impl Iterator<Item = &'a Case>) -> Summary {
    let comparisons: Vec<_> = cases.filter_map(Case::compare).collect();
    Summary::of(&comparisons)
}

/// Median and 90th percentile of the error, and coverage of the shown interval, for each kind of
/// figure on the public measurements (`cargo test --test speed -- --nocapture` prints them).
#[test]
fn predictions_keep_to_the_bars() {
    let mut failures = String::new();
    for bar in BARS {
        let summary = summary(CASES.iter().filter(|c| (bar.holds)(c)));
        let (median, p90) = (100.0 * summary.median, 100.0 * summary.p90);
        let line = format!(
            "{:36} n = {:4}  median {median:5.1} % (bar {})  90th {p90:5.1} % (bar {})  covered {:.0} %",
            bar.name,
            summary.n,
            bar.median,
            bar.p90,
            100.0 * summary.share()
        );
        println!("{line}");
        if median > bar.median || p90 > bar.p90 || summary.share() < 0.85 {
            writeln!(failures, "{line}").unwrap();
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

/// The shown interval covers 85 % for every engine, backend and period with 20 cases or more.
#[test]
fn intervals_cover_every_class() {
    let mut classes: Vec<_> = CASES.iter().map(|c| (c.software, prompt(c))).collect();
    classes.dedup();
    let mut seen = std::collections::HashSet::new();
    for (software, prompts) in classes {
        let alike = |c: &&Case| c.software == software && prompt(c) == prompts && !queued(c);
        let summary = summary(CASES.iter().filter(alike));
        if !seen.insert((software, prompts)) || summary.n < 20 {
            continue;
        }
        let share = summary.share();
        println!("{software:?} prompts {prompts}: n = {}, {share:.2}", summary.n);
        assert!(share >= 0.85, "{software:?} prompts {prompts}: {share}");
    }
}

/// Throughput at maximum load, which no fit uses because nobody states the batch: as many
/// sequences as fit, at most 2,048. Where the parallelism is not stated either (MLPerf), the
/// devices are divided into the copies that deliver most.
#[test]
fn maximum_load_is_foreseen_without_being_fitted() {
    let file = include_str!("data/maximum-load.csv");
    let (header, rows) = file.split_once('\n').unwrap();
    let column = |name| header.split(',').position(|column| column == name).unwrap();
    let (tp, source) = (column("tp"), column("source"));
    let best = |row: &str| -> Option<Comparison> {
        let fields: Vec<_> = row.split(',').collect();
        let devices: u32 = fields[tp].parse().unwrap();
        let divided = (0..5)
            .map(|n| 1 << n)
            .filter(|n| devices.is_multiple_of(*n) && fields[source] == "mlperf51");
        let ways = divided.chain([devices]).filter_map(|width| {
            let mut fields = fields.clone();
            let text = width.to_string();
            fields[tp] = &text;
            let mut case = cases(&format!("{header}\n{}\n", fields.join(","))).unwrap().pop()?;
            // One sequence is what a case is given whose weights do not fit.
            if case.fits <= 1.0 && width < devices {
                return None;
            }
            case.batch = case.fits.min(2048.0);
            let mut comparison = case.compare()?;
            let copies = f64::from(devices / width);
            let Interval { low, expected, high } = comparison.predicted;
            comparison.predicted =
                Interval { low: copies * low, expected: copies * expected, high: copies * high };
            Some(comparison)
        });
        ways.max_by(|a, b| a.predicted.expected.total_cmp(&b.predicted.expected))
    };
    let comparisons: Vec<_> = rows.lines().filter_map(best).collect();
    let summary = Summary::of(&comparisons);
    let within = |factor: f64| {
        let ratio = |c: &&Comparison| (c.predicted.expected / c.measured).ln().abs() <= factor.ln();
        comparisons.iter().filter(ratio).count() as f64 / comparisons.len() as f64
    };
    let mut ratios: Vec<f64> =
        comparisons.iter().map(|c| c.predicted.expected / c.measured).collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "middle ratio {:.2}; n = {}  median {:.1} %  90th {:.0} %  within 2: {:.2}  covered {:.2}",
        ratios[ratios.len() / 2],
        summary.n,
        100.0 * summary.median,
        100.0 * summary.p90,
        within(2.0),
        summary.share()
    );
    assert_eq!(summary.n, rows.lines().count());
    assert!(summary.median < 0.35 && within(2.0) > 0.7, "{summary:?}");
}

/// First-token times under load depend on how requests arrive, which the cases do not tell.
fn queued(case: &Case) -> bool {
    case.kind == Kind::Ttft && case.batch > 1.0
}

/// The page doubts a reader's own measurement that is further off than every public one.
#[test]
fn no_measurement_is_doubted() {
    for case in CASES.iter().filter(|case| !queued(case)) {
        let Some(found) = case.compare() else { continue };
        let ratio = found.measured / found.predicted.expected;
        assert!(
            (1.0 / MAX_PLAUSIBLE_RATIO..=MAX_PLAUSIBLE_RATIO).contains(&ratio),
            "{}: {ratio}",
            case.id
        );
    }
}
