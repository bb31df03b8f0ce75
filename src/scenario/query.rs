//! The query-string notation of a [`Scenario`]: parsing never fails, it reports.

use serde::{Deserialize, Serialize};

use super::Scenario;

/// A key of the query string that could not be used as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The key, such as `ctx`.
    pub field: String,
    /// The value as typed.
    pub value: String,
    /// What went wrong.
    pub kind: ProblemKind,
    /// What would be accepted: a range such as `256..=16777216`, or the accepted words.
    pub accepted: String,
}

/// Why a pair of the query string was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The key means nothing to this version.
    UnknownKey,
    /// The value is not of the expected form.
    Malformed,
    /// The value is a number outside its range.
    OutOfRange,
    /// More list entries than are taken.
    TooMany,
}

impl Scenario {
    /// The question in a query string (with or without a leading `?`). Whatever cannot be used is
    /// kept in [`Scenario::unused`] and reported; the rest still counts.
    pub fn from_query(_query: &str) -> (Scenario, Vec<Problem>) {
        (Scenario::default(), Vec::new())
    }

    /// The query string of this question. Defaults are left out.
    pub fn to_query(&self) -> String {
        String::new()
    }
}
