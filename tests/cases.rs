//! Reported cases: what people measured or saw, against what is answered.
//!
//! Rows that are not met today say why (`known_miss`). A row that comes to be met while it is listed
//! as a miss fails the test, so that the list only shrinks.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{cell_of, refusal, scenario};
use headroom::accuracy::verdict::is_as_reported;
use headroom::report::{BillItem, Cell, DeviceBill, RefusalReason, Term};
use headroom::scenario::Scenario;
use headroom::units::{Bytes, Interval};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    query: String,
    #[serde(flatten)]
    reported: Reported,
    /// Where it was reported; of those without one the issue that asked for them.
    source: Option<String>,
    known_miss: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Reported {
    Verdict {
        verdict: String,
    },
    Figure {
        figure: String,
        value: f64,
        /// Half of the last digit that the source printed, in the figure's unit, where that is not the
        /// last digit of `value`: of one converted from another unit, or with zeros at its end.
        printed: Option<f64>,
    },
}

/// Relative error that a figure may have: of memory and of speed.
const FAIR: (f64, f64) = (0.15, 0.25);

/// Shares of the rows, known misses among them, that have to lie inside their interval, and within
/// [`FAIR`]: of memory and of speed.
const BARS: [(f64, f64); 2] = [(0.88, 0.8), (0.85, 0.65)];

const MIB: f64 = 1_048_576.0;

/// Half of the last digit of `value` as it is written.
fn last_digit(value: f64) -> f64 {
    let text = value.to_string();
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    0.5 * 10_f64.powi(-(decimals as i32))
}

fn exactly(value: f64) -> Interval<f64> {
    Interval { low: value, expected: value, high: value }
}

fn mib(bytes: Interval<Bytes>) -> Interval<f64> {
    bytes.map(|bytes| bytes.0 as f64 / MIB)
}

fn scaled(figure: Interval<f64>, by: f64) -> Interval<f64> {
    figure.map(|value| value * by)
}

fn sum(bill: &DeviceBill, terms: &[Term]) -> Interval<Bytes> {
    let items = bill.items.iter().filter(|item| terms.contains(&item.term));
    items.map(|item| item.bytes).sum()
}

fn cache(bill: &DeviceBill) -> Option<&BillItem> {
    bill.items.iter().find(|item| item.term == Term::KvCache)
}

/// MiB that a serving engine has for its cache on a device.
fn pool(bill: &DeviceBill) -> Interval<f64> {
    let Interval { low, expected, high } = mib(bill.used_bytes);
    let cached = mib(sum(bill, &[Term::KvCache])).expected;
    let room = |used: f64| bill.usable_bytes.0 as f64 / MIB - (used - cached);
    Interval { low: room(high), expected: room(expected), high: room(low) }
}

/// Sequences of the whole context that the pool holds, as vLLM prints it.
fn concurrency(bill: &DeviceBill) -> Option<Interval<f64>> {
    let (pool, cache) = (pool(bill), mib(cache(bill)?.bytes));
    Some(Interval {
        low: pool.low / cache.high,
        expected: pool.expected / cache.expected,
        high: pool.high / cache.low,
    })
}

/// Bytes of a file or of loaded weights, which a report tells without their interval: as far off as the
/// weights on the devices may be.
fn weights(cell: &Cell, bytes: Bytes) -> Interval<f64> {
    let bills = cell.devices.iter().map(|bill| sum(bill, &[Term::Weights]));
    let of = mib(bills.sum());
    scaled(of, bytes.0 as f64 / of.expected.max(f64::MIN_POSITIVE) / 1e9)
}

fn input(item: &BillItem, name: &str) -> Option<f64> {
    item.inputs.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
}

/// Compute buffers of the first device with that of MTP layers, which is a context of its own.
fn compute(bill: &DeviceBill) -> Interval<f64> {
    let mut all = mib(sum(bill, &[Term::Compute]));
    for item in &bill.items {
        let Some(drafts) = input(item, "mtp_compute") else { continue };
        let Interval { low, expected, high } = mib(item.bytes);
        let drafts = drafts / MIB;
        all = all
            + Interval {
                low: drafts - (expected - low),
                expected: drafts,
                high: drafts + (high - expected),
            };
    }
    all
}

fn figure(cell: &Cell, scenario: &Scenario, name: &str) -> Option<Interval<f64>> {
    let first = cell.devices.first();
    Some(match name {
        "kv_mib" => exactly(cell.kv_bytes.0 as f64 / MIB),
        "each_device_mib" => {
            let fullest = cell.devices.iter().max_by_key(|bill| bill.used_bytes.expected)?;
            mib(fullest.used_bytes)
        }
        "compute_mib" => compute(first?),
        // Of a card that shows a desktop, as its driver reports it.
        "with_desktop_mib" => mib(first?.used_bytes + scenario.addons.display.bytes()),
        // What llama.cpp plans, without what the driver takes.
        "planned_mib" => {
            let planned = [Term::Weights, Term::KvCache, Term::RecurrentState, Term::Compute];
            mib(sum(first?, &planned))
        }
        "used_mib" => mib(first?.used_bytes),
        "decode_tps" => cell.speed.decode_tps?,
        "decode_tps_empty" => cell.speed.decode_tps_empty?,
        "prefill_tps" => cell.speed.prefill_tps?,
        "ttft_s" => cell.speed.ttft_s?,
        "total_tps" => cell.speed.throughput_tps?,
        // As vLLM prints them for a rank, with its share of the towers.
        "weights_gib" => scaled(mib(sum(first?, &[Term::Weights, Term::Projector])), 1.0 / 1024.0),
        "file_gb" => weights(cell, cell.weights_bytes),
        "loaded_gb" => weights(cell, cell.loaded_bytes),
        "request_gib" => scaled(mib(sum(first?, &[Term::KvCache])), 1.0 / 1024.0),
        "pool_gib" => scaled(pool(first?), 1.0 / 1024.0),
        "pool_tokens" => scaled(concurrency(first?)?, scenario.context as f64),
        "concurrency" => concurrency(first?)?,
        // The report has the safe limit and the expected one.
        "max_context" => {
            let (safe, expected) = (cell.max_context as f64, cell.expected_max_context as f64);
            Interval { low: safe, expected: safe, high: expected }
        }
        "expected_max_context" => exactly(cell.expected_max_context as f64),
        _ => panic!("{name} is no figure"),
    })
}

/// The blocks for recurrent states that an engine refuses to start with.
fn state_blocks(query: &str) -> Option<Interval<f64>> {
    match refusal(query) {
        (RefusalReason::StateBlocks { blocks }, _) => Some(exactly(blocks as f64)),
        _ => None,
    }
}

/// What MTP layers that draft add to the first device, with the states to roll back to.
fn mtp_adds(scenario: &Scenario, cell: &Cell) -> Option<Interval<f64>> {
    let mut without = scenario.clone();
    without.addons.mtp = 0;
    let used = |cell: &Cell| Some(mib(cell.devices.first()?.used_bytes).expected);
    let added = used(cell)? - used(&cell_of(&without)?)?;
    let draft = mib(sum(cell.devices.first()?, &[Term::Draft]));
    Some(draft.map(|bound| added + bound - draft.expected))
}

/// Whether a figure is one of speed.
fn is_speed(name: &str) -> bool {
    name.contains("_tps") || name.ends_with("_s")
}

/// What is answered where a verdict was reported; `None` where it is what was reported.
fn other_verdict(query: &str, wanted: &str) -> Option<String> {
    let verdict = cell_of(&scenario(query)).map(|cell| cell.verdict);
    let met = is_as_reported(wanted, verdict);
    let met = met.unwrap_or_else(|| panic!("{wanted} is no verdict"));
    (!met).then(|| format!("{verdict:?}"))
}

/// What is answered where a figure was reported.
fn answered(query: &str, name: &str) -> Option<Interval<f64>> {
    let scenario = scenario(query);
    match name {
        "state_blocks" if cell_of(&scenario).is_none() => state_blocks(query),
        "state_blocks" => None,
        "mtp_adds_mib" => mtp_adds(&scenario, &cell_of(&scenario)?),
        _ => figure(&cell_of(&scenario)?, &scenario, name),
    }
}

/// How many figures of a kind were reported, and of how many the answer is inside and is fair.
#[derive(Default)]
struct Tally {
    all: u32,
    inside: u32,
    fair: u32,
}

#[test]
fn reported_cases_are_answered_rightly() {
    let file: File = serde_json::from_str(include_str!("data/cases.json")).unwrap();
    let (mut missed, mut known) = (Vec::new(), 0);
    let mut tallies = [Tally::default(), Tally::default()];
    for case in &file.cases {
        let (asked, difference) = match &case.reported {
            Reported::Verdict { verdict } => {
                (format!("{}: {verdict}", case.query), other_verdict(&case.query, verdict))
            }
            Reported::Figure { figure, value, printed } => {
                let found = answered(&case.query, figure);
                let speed = is_speed(figure);
                let digit = printed.unwrap_or_else(|| last_digit(*value));
                let inside = found.is_some_and(|found| {
                    found.low - digit <= *value && *value <= found.high + digit
                });
                let most = if speed { FAIR.1 } else { FAIR.0 };
                let fair = found.is_some_and(|found| (found.expected / value - 1.0).abs() <= most);
                let asked = format!("{}: {figure} {value}", case.query);
                if found.is_some() {
                    let tally = &mut tallies[usize::from(speed)];
                    tally.all += 1;
                    tally.inside += u32::from(inside);
                    tally.fair += u32::from(fair);
                    if !inside {
                        println!("outside: {asked}, found {found:.2?}");
                    }
                }
                (asked, (!fair).then(|| format!("{:.2?}", found.map(|found| found.expected))))
            }
        };
        match (difference, &case.known_miss) {
            (Some(found), Some(why)) => {
                known += 1;
                println!("known miss: {asked}, found {found} ({why})");
            }
            (Some(found), None) => missed.push(format!("{asked}, found {found}")),
            (None, Some(_)) => missed.push(format!("{asked} is met: no known miss any more")),
            (None, None) => {}
        }
    }
    let found = file.cases.iter().filter(|case| case.source.is_some());
    println!(
        "{known} known misses of {} rows, {} of public threads",
        file.cases.len(),
        found.count()
    );
    for ((name, tally), bars) in ["memory", "speed"].into_iter().zip(&tallies).zip(BARS) {
        let share = |count: u32| f64::from(count) / f64::from(tally.all.max(1));
        let (inside, fair) = (share(tally.inside), share(tally.fair));
        println!("{name}: {} figures, {inside:.3} inside, {fair:.3} fair", tally.all);
        if inside < bars.0 || fair < bars.1 {
            missed.push(format!("{name}: {inside:.3} inside, {fair:.3} fair, {bars:?} asked"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
