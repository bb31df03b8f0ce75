//! What the tests share, each named for what it returns: questions and their answers, sums over a
//! bill, fixtures.

// Each test file uses a part of it.
#![allow(dead_code)]

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use headroom::catalog::Catalog;
use headroom::estimate;
use headroom::report::{BillItem, Cell, Notice, RefusalReason, Report, Term, Verdict};
use headroom::scenario::{Scenario, Selected};
use headroom::units::{Bytes, Interval};
use proptest::prelude::*;
use serde::de::DeserializeOwned;

/// The cell of the first model, machine, quantisation and engine.
pub const FIRST_CELL: Selected = Selected { model: 0, machine: 0, quant: 0, engine: 0 };

/// The question of a query that has no problems.
#[track_caller]
pub fn scenario(query: &str) -> Scenario {
    let (scenario, problems) = Scenario::from_query(query);
    assert_eq!(problems, [], "of {query}");
    scenario
}

/// The report on a query that has no problems.
#[track_caller]
pub fn report(query: &str) -> Report {
    estimate::report(Catalog::bundled(), &scenario(query), Vec::new())
}

/// The only cell of the report on a query.
#[track_caller]
pub fn only_cell(query: &str) -> Cell {
    let mut report = report(query);
    assert_eq!(report.cells.len(), 1, "cells of {query}: {:?}", report.notices);
    report.cells.remove(0)
}

/// The first cell of the report on a query; `None` where an engine refuses it.
#[track_caller]
pub fn first_cell(query: &str) -> Option<Cell> {
    report(query).cells.into_iter().next()
}

/// The first cell of the first model of a question; `None` where an engine refuses it.
pub fn cell_of(scenario: &Scenario) -> Option<Cell> {
    let row = estimate::row(Catalog::bundled(), scenario, scenario.models.first()?);
    row.into_iter().next()?.ok()
}

/// Why an engine refuses a query, and the nearest that it takes.
#[track_caller]
pub fn refusal(query: &str) -> (RefusalReason, Option<String>) {
    let report = report(query);
    let refusal = report.notices.iter().find_map(|notice| match notice {
        Notice::EngineRefuses(refusal) => Some(refusal),
        _ => None,
    });
    let refusal = refusal.unwrap_or_else(|| panic!("nothing refuses {query}"));
    assert_eq!(report.cells, [], "of {query}");
    (refusal.rule.clone(), refusal.nearest.first().map(ToString::to_string))
}

/// The lines of a cell's bills, on devices and host.
pub fn bill_items(cell: &Cell) -> impl Iterator<Item = &BillItem> {
    cell.devices.iter().flat_map(|bill| &bill.items).chain(&cell.host.items)
}

/// The sum of the lines of some terms, on devices and host.
pub fn total_bytes(cell: &Cell, terms: &[Term]) -> Interval<Bytes> {
    bill_items(cell).filter(|item| terms.contains(&item.term)).map(|item| item.bytes).sum()
}

/// The sum of the lines of a term on one device.
pub fn device_bytes(cell: &Cell, device: usize, term: Term) -> Interval<Bytes> {
    let items = cell.devices[device].items.iter().filter(|item| item.term == term);
    items.map(|item| item.bytes).sum()
}

/// The expected bytes of a term on one device.
pub fn expected_bytes(cell: &Cell, device: usize, term: Term) -> u64 {
    device_bytes(cell, device, term).expected.0
}

/// The place of a verdict in the order from the worst to the best.
pub fn verdict_rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::No => 0,
        Verdict::Offload => 1,
        Verdict::Tight => 2,
        Verdict::Fits => 3,
    }
}

/// The id of any model of the catalogue.
pub fn any_model() -> impl Strategy<Value = &'static str> {
    let ids: Vec<&str> = Catalog::bundled().models.iter().map(|model| model.id.as_str()).collect();
    proptest::sample::select(ids)
}

/// One of a list.
pub fn any_of(list: &[&'static str]) -> impl Strategy<Value = &'static str> + use<> {
    proptest::sample::select(list.to_vec())
}

/// The text of a file of `tests/data`, unpacked if it is packed.
pub fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let mut file = File::open(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut text = String::new();
    let read = match name.ends_with(".gz") {
        true => GzDecoder::new(file).read_to_string(&mut text),
        false => file.read_to_string(&mut text),
    };
    read.unwrap_or_else(|error| panic!("{name}: {error}"));
    text
}

/// The rows of a CSV file of `tests/data`.
pub fn fixture_rows<T: DeserializeOwned>(name: &str) -> Vec<T> {
    csv::Reader::from_reader(fixture(name).as_bytes()).deserialize().map(Result::unwrap).collect()
}
