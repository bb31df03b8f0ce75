//! The question in a query string. Reading never fails: what cannot be used is kept and reported.

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
    if let Some((cols, error)) = reader.scenario.view.drop_conflicting_columns() {
        reader.refuse("cols", cols.name(), error);
    }
    (reader.scenario, reader.problems)
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
        self.scenario.unused.push((key.to_owned(), value.to_owned()));
        self.problems.push(error.of(key, value));
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
