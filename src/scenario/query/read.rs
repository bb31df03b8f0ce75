//! The question in a query string. Reading never fails: what cannot be used is kept and reported.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;

use super::error::{ParseError, Problem, ProblemKind};
use crate::scenario::notation::Pair;
use crate::scenario::{QUERY_VERSION, SETTINGS, Scenario, setting};

/// The key that names the version of the notation.
const VERSION: &str = "v";

pub(super) fn read(query: &str) -> (Scenario, Vec<Problem>) {
    let mut reader = Reader::default();
    let query = query.strip_prefix('?').unwrap_or(query);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        reader.pair(&key, &value);
    }
    for problem in &mut reader.problems {
        let Problem { field, nearest, .. } = problem;
        let is_typed = reader.read.contains(&field.as_str());
        nearest.take_if(|nearest| !keeps_the_rest(&reader.scenario, field, nearest, is_typed));
    }
    if let Some((cols, error)) = reader.scenario.drop_unfit_columns() {
        reader.refuse("cols", cols.name(), error);
    }
    (reader.scenario, reader.problems)
}

/// Whether `key=value` is accepted behind the link of `scenario`, and beside what was typed of that
/// key instead of in its place.
fn keeps_the_rest(scenario: &Scenario, key: &str, value: &str, is_typed: bool) -> bool {
    let Some(setting) = setting(key) else { return false };
    let is_written = !setting.is_default(scenario);
    let (mut changed, mut pair) = (scenario.clone(), Pair::new(is_written));
    setting.read(&mut changed, value, &mut pair);
    let (before, after) = (setting.text(scenario), setting.text(&changed));
    let more = after.strip_prefix(&before);
    let is_kept = more.is_some_and(|more| more.is_empty() || more.starts_with([',', ';']));
    pair.refused.is_empty() && (is_kept || !is_typed)
}

/// Every key, in the order in which links are written.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    [VERSION].into_iter().chain(SETTINGS.iter().map(|setting| setting.key))
}

/// Collects pairs into a scenario.
#[derive(Default)]
struct Reader {
    scenario: Scenario,
    /// Keys of which a usable value was read.
    read: Vec<&'static str>,
    problems: Vec<Problem>,
    /// The pairs that they are of: one that is repeated is one problem.
    refused: BTreeSet<(String, String)>,
}

impl Reader {
    fn pair(&mut self, key: &str, value: &str) {
        let Some(setting) = setting(key) else {
            match key {
                VERSION => check_version(value.trim()),
                _ => Err(ParseError::new(
                    ProblemKind::UnknownKey,
                    keys().collect::<Vec<_>>().join(", "),
                )),
            }
            .unwrap_or_else(|error| self.refuse(key, value, error));
            return;
        };
        let mut pair = Pair::new(self.read.contains(&setting.key));
        setting.read(&mut self.scenario, value, &mut pair);
        if pair.is_used() && !self.read.contains(&setting.key) {
            self.read.push(setting.key);
        }
        for (value, error) in pair.refused {
            self.refuse(key, &value, error);
        }
    }

    fn refuse(&mut self, key: &str, value: &str, error: ParseError) {
        let pair = (key.to_owned(), value.to_owned());
        if self.refused.insert(pair.clone()) {
            self.scenario.unused.push(pair);
            self.problems.push(error.of(key, value));
        }
    }
}

fn check_version(value: &str) -> Result<(), ParseError> {
    let accepted = || format!("1..{QUERY_VERSION}");
    match value.parse::<u32>() {
        Ok(1..=QUERY_VERSION) => Ok(()),
        Ok(_) => Err(ParseError::new(ProblemKind::OutOfRange, accepted())),
        Err(_) => Err(ParseError::malformed(accepted())),
    }
}

/// The id in an entry of a list.
pub(in crate::scenario) fn unescape_entry(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}
