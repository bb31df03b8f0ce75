//! Builds the accuracy page's table from the cases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::table::{Group, LeftOut, Part, Point, Reason, Row};
use super::{Comparison, Figure, Summary, Table, memory, speed, verdict};

/// Number of speeds that are listed individually.
const WORST: usize = 100;

/// The contents of `src/accuracy/notes.json`, which is written by hand.
#[derive(Debug, Deserialize)]
pub struct Notes {
    /// Sentences, and the figures that each explains.
    reasons: Vec<Explained>,
    /// Addresses of the collections of speeds.
    sources: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Explained {
    key: String,
    en: String,
    ru: String,
    /// Rules of which any applies.
    #[serde(default)]
    of: Vec<Rule>,
}

/// The figures that a sentence explains: those that match every given field.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rule {
    /// The beginning of the case's name, or all of it.
    case: Option<String>,
    exact: bool,
    figure: Option<Figure>,
    engine: Option<String>,
    source: Option<String>,
    /// A substring of the devices' names.
    devices: Option<String>,
    quant: Option<String>,
    model: Option<String>,
    /// Whether the measured figure is larger than the predicted one.
    more: Option<bool>,
}

impl Rule {
    fn holds(&self, case: &Comparison) -> bool {
        let is = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        let named = |start: &str| match self.exact {
            true => case.id == start,
            false => case.id.starts_with(start),
        };
        self.case.as_deref().is_none_or(named)
            && self.figure.is_none_or(|figure| figure == case.figure)
            && is(&self.engine, &case.engine)
            && is(&self.source, &case.source)
            && self.devices.as_deref().is_none_or(|part| case.subject.devices.contains(part))
            && is(&self.quant, &case.subject.quant)
            && is(&self.model, &case.subject.model)
            && self.more.is_none_or(|more| more == (case.measured > case.predicted.expected))
    }
}

impl Notes {
    fn why(&self, case: &Comparison) -> Option<String> {
        let explains = |reason: &&Explained| reason.of.iter().any(|rule| rule.holds(case));
        self.reasons.iter().find(explains).map(|reason| reason.key.clone())
    }
}

/// Builds the table of the cases of `memory` (JSON) and `speed` (CSV), with the verdicts of `reported`
/// cases and `notes` (JSON).
///
/// # Errors
/// One of the files is not well-formed.
pub fn table(
    memory: &str,
    speed: &str,
    reported: &str,
    notes: &str,
) -> Result<Table, Box<dyn std::error::Error>> {
    let notes: Notes = serde_json::from_str(notes)?;
    let (mut memory, left_out) = memory::compare(memory)?;
    let speed = speed::cases(speed)?;
    let mut speed: Vec<Comparison> = speed.iter().filter_map(speed::Case::compare).collect();
    worst_first(&mut memory);
    worst_first(&mut speed);
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for case in left_out {
        *counts.entry((case.engine, case.why)).or_default() += 1;
    }
    let left_out = counts.into_iter().map(|((engine, why), n)| LeftOut { engine, why, n });
    let left_out: Vec<LeftOut> = left_out.collect();
    let part = |cases: &[Comparison], rows: usize| Part {
        groups: groups(cases),
        rows: cases.iter().take(rows).map(|case| row(case, &notes)).collect(),
        compared: cases.len(),
    };
    let (memory, speed) = (part(&memory, usize::MAX), part(&speed, WORST));
    let used = |key: &str| {
        let rows = memory.rows.iter().chain(&speed.rows);
        rows.filter_map(|row| row.why.as_deref()).any(|why| why == key)
            || left_out.iter().any(|left| left.why == key)
    };
    let reasons = notes.reasons.iter().filter(|reason| used(&reason.key));
    let sentence = |r: &Explained| (r.key.clone(), Reason { en: r.en.clone(), ru: r.ru.clone() });
    let reasons = reasons.map(sentence).collect();
    let verdicts = verdict::verdicts(reported)?;
    Ok(Table { memory, speed, verdicts, left_out, reasons })
}

fn worst_first(cases: &mut [Comparison]) {
    cases.sort_by(|a, b| {
        a.covered().cmp(&b.covered()).then(b.error().total_cmp(&a.error())).then(a.id.cmp(&b.id))
    });
}

/// Groups the cases by engine and figure, speeds also by device family.
fn groups(cases: &[Comparison]) -> Vec<Group> {
    let mut groups: BTreeMap<(&str, Figure, bool, Option<&str>), Vec<&Comparison>> =
        BTreeMap::new();
    for case in cases {
        let all = (case.engine.as_str(), case.figure, case.second_hand, None);
        groups.entry(all).or_default().push(case);
        if let Some(family) = &case.family {
            groups.entry((all.0, all.1, all.2, Some(family))).or_default().push(case);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|((engine, ..), _)| engine.to_ascii_lowercase());
    let mut out = Vec::new();
    for ((engine, figure, second_hand, family), cases) in groups {
        let own = cases.iter().filter(|case| case.family.as_deref() == family);
        let points = own.map(|case| Point {
            measured: rounded(case.measured),
            expected: rounded(case.predicted.expected),
            covered: case.covered(),
        });
        let points = points.collect();
        let Summary { n, covered, median, p90, width } = Summary::of(cases);
        let [median, p90, width] = [median, p90, width].map(rounded);
        out.push(Group {
            engine: engine.to_owned(),
            figure,
            family: family.map(str::to_owned),
            second_hand,
            summary: Summary { n, covered, median, p90, width },
            points,
        });
    }
    out
}

fn row(case: &Comparison, notes: &Notes) -> Row {
    Row {
        engine: case.engine.clone(),
        figure: case.figure,
        family: case.family.clone(),
        subject: case.subject.clone(),
        low: rounded(case.predicted.low),
        expected: rounded(case.predicted.expected),
        high: rounded(case.predicted.high),
        measured: rounded(case.measured),
        error: rounded(case.error()),
        covered: case.covered(),
        second_hand: case.second_hand,
        source: notes.sources.get(&case.source).unwrap_or(&case.source).clone(),
        why: notes.why(case),
    }
}

/// Rounds to four digits, so that the last bits of a platform's mathematics do not show.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// Writes the table as JSON with a group, row or sentence per line.
///
/// # Errors
/// The table cannot be written as JSON.
pub fn to_json(table: &Table) -> Result<String, serde_json::Error> {
    fn lines<T: Serialize>(items: &[T]) -> Result<String, serde_json::Error> {
        let lines: Result<Vec<_>, _> = items.iter().map(serde_json::to_string).collect();
        Ok(format!("[\n{}\n]", lines?.join(",\n")))
    }
    let part = |part: &Part| -> Result<String, serde_json::Error> {
        let (groups, rows) = (lines(&part.groups)?, lines(&part.rows)?);
        Ok(format!(r#"{{"compared":{},"groups":{groups},"rows":{rows}}}"#, part.compared))
    };
    Ok(format!(
        "{{\"memory\":{},\n\"speed\":{},\n\"verdicts\":{},\n\"left_out\":{},\n\"reasons\":{}}}\n",
        part(&table.memory)?,
        part(&table.speed)?,
        lines(&table.verdicts)?,
        lines(&table.left_out)?,
        serde_json::to_string_pretty(&table.reasons)?
    ))
}
