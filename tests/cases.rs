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
    Verdict { verdict: String },
    Figure { figure: String, value: f64 },
}

/// Relative error that a figure may have: of memory and of speed.
const FAIR: (f64, f64) = (0.15, 0.25);

const MIB: f64 = 1_048_576.0;

fn sum(bill: &DeviceBill, terms: &[Term]) -> f64 {
    let items = bill.items.iter().filter(|item| terms.contains(&item.term));
    items.map(|item| item.bytes.expected.0 as f64).sum()
}

fn cache(bill: &DeviceBill) -> Option<&BillItem> {
    bill.items.iter().find(|item| item.term == Term::KvCache)
}

/// Bytes that a serving engine has for its cache on a device.
fn pool(bill: &DeviceBill) -> f64 {
    let cached = sum(bill, &[Term::KvCache]);
    bill.usable_bytes.0 as f64 - (bill.used_bytes.expected.0 as f64 - cached)
}

/// Sequences of the whole context that the pool holds, as vLLM prints it.
fn concurrency(bill: &DeviceBill) -> Option<f64> {
    Some(pool(bill) / cache(bill)?.bytes.expected.0 as f64)
}

fn input(item: &BillItem, name: &str) -> Option<f64> {
    item.inputs.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
}

fn figure(cell: &Cell, scenario: &Scenario, name: &str) -> Option<f64> {
    let first = cell.devices.first();
    Some(match name {
        "kv_mib" => cell.kv_bytes.0 as f64 / MIB,
        "each_device_mib" => {
            let used = cell.devices.iter().map(|bill| bill.used_bytes.expected.0);
            used.max()? as f64 / MIB
        }
        // That of MTP layers is a context of its own.
        "compute_mib" => {
            let inputs = first?.items.iter().filter_map(|item| input(item, "mtp_compute"));
            (sum(first?, &[Term::Compute]) + inputs.sum::<f64>()) / MIB
        }
        // Of a card that shows a desktop, as its driver reports it.
        "with_desktop_mib" => {
            let desktop = scenario.addons.display.bytes().expected;
            (first?.used_bytes.expected + desktop).0 as f64 / MIB
        }
        // What llama.cpp plans, without what the driver takes.
        "planned_mib" => {
            let planned = [Term::Weights, Term::KvCache, Term::RecurrentState, Term::Compute];
            sum(first?, &planned) / MIB
        }
        "used_mib" => first?.used_bytes.expected.0 as f64 / MIB,
        "decode_tps" => cell.speed.decode_tps?.expected,
        "decode_tps_empty" => cell.speed.decode_tps_empty?.expected,
        "prefill_tps" => cell.speed.prefill_tps?.expected,
        "ttft_s" => cell.speed.ttft_s?.expected,
        "total_tps" => cell.speed.throughput_tps?.expected,
        // As vLLM prints them for a rank, with its share of the towers.
        "weights_gib" => sum(first?, &[Term::Weights, Term::Projector]) / MIB / 1024.0,
        "file_gb" => cell.weights_bytes.0 as f64 / 1e9,
        "loaded_gb" => cell.loaded_bytes.0 as f64 / 1e9,
        "request_gib" => sum(first?, &[Term::KvCache]) / MIB / 1024.0,
        "pool_gib" => pool(first?) / MIB / 1024.0,
        "pool_tokens" => concurrency(first?)? * scenario.context as f64,
        "concurrency" => concurrency(first?)?,
        "max_context" => cell.max_context as f64,
        "expected_max_context" => cell.expected_max_context as f64,
        _ => panic!("{name} is no figure"),
    })
}

/// The blocks for recurrent states that an engine refuses to start with.
fn state_blocks(query: &str) -> Option<f64> {
    match refusal(query) {
        (RefusalReason::StateBlocks { blocks }, _) => Some(blocks as f64),
        _ => None,
    }
}

/// What MTP layers that draft add to the first device, with the states to roll back to.
fn mtp_adds(scenario: &Scenario, cell: &Cell) -> Option<f64> {
    let mut without = scenario.clone();
    without.addons.mtp = 0;
    let used = |cell: &Cell| Some(cell.devices.first()?.used_bytes.expected.0 as f64);
    Some((used(cell)? - used(&cell_of(&without)?)?) / MIB)
}

/// What is answered instead; `None` where it is what was reported.
fn difference(case: &Case) -> Option<String> {
    let scenario = scenario(&case.query);
    let cell = cell_of(&scenario);
    match &case.reported {
        Reported::Verdict { verdict: wanted } => {
            let verdict = cell.as_ref().map(|cell| cell.verdict);
            let met = is_as_reported(wanted, verdict);
            let met = met.unwrap_or_else(|| panic!("{wanted} is no verdict"));
            (!met).then(|| format!("{verdict:?}"))
        }
        Reported::Figure { figure: name, value } => {
            let found = match name.as_str() {
                "state_blocks" => state_blocks(&case.query),
                "mtp_adds_mib" => cell.as_ref().and_then(|cell| mtp_adds(&scenario, cell)),
                _ => cell.as_ref().and_then(|cell| figure(cell, &scenario, name)),
            };
            let fair = if name.contains("_tps") || name.ends_with("_s") { FAIR.1 } else { FAIR.0 };
            let met = found.is_some_and(|found| (found / value - 1.0).abs() <= fair);
            (!met).then(|| format!("{found:.2?}"))
        }
    }
}

#[test]
fn reported_cases_are_answered_rightly() {
    let file: File = serde_json::from_str(include_str!("data/cases.json")).unwrap();
    let (mut missed, mut known) = (Vec::new(), 0);
    for case in &file.cases {
        let asked = match &case.reported {
            Reported::Verdict { verdict } => format!("{}: {verdict}", case.query),
            Reported::Figure { figure, value } => format!("{}: {figure} {value}", case.query),
        };
        match (difference(case), &case.known_miss) {
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
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
