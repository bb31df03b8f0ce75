//! What is wrong with a pair of the query string, and what would be accepted.

use serde::{Deserialize, Serialize};

/// A key of the query string that could not be used as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Problem {
    /// The key, such as `ctx`.
    pub field: String,
    /// The value as typed.
    pub value: String,
    /// What went wrong.
    pub reason: ProblemKind,
    /// What would be accepted: a range such as `1..256`, or the accepted words.
    pub accepted: String,
    /// What to write in place of the value: the nearest that would be accepted, where a number in
    /// it is out of range.
    pub nearest: Option<String>,
}

/// Why a pair of the query string was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

/// Why a value cannot be used, and what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong with it.
    pub reason: ProblemKind,
    /// What would be accepted: a range such as `1..256`, or the accepted words.
    pub accepted: String,
    /// The nearest value that would be accepted.
    pub nearest: Option<String>,
}

impl ParseError {
    /// The value is not of the accepted form.
    pub fn malformed(accepted: impl Into<String>) -> ParseError {
        ParseError::new(ProblemKind::Malformed, accepted)
    }

    /// An error without a nearest value.
    pub fn new(reason: ProblemKind, accepted: impl Into<String>) -> ParseError {
        ParseError { reason, accepted: accepted.into(), nearest: None }
    }

    /// Adds the nearest value that would be accepted.
    #[must_use]
    pub fn or(self, nearest: impl Into<String>) -> ParseError {
        ParseError { nearest: Some(nearest.into()), ..self }
    }

    /// The error of a value that this one's is a part of: `whole` puts the nearest part among the
    /// others.
    #[must_use]
    pub fn within(self, whole: impl FnOnce(String) -> String) -> ParseError {
        ParseError { nearest: self.nearest.map(whole), ..self }
    }

    /// The problem that a pair with this error is reported as.
    pub fn of(self, field: &str, value: &str) -> Problem {
        let ParseError { reason, accepted, nearest } = self;
        Problem { field: field.to_owned(), value: value.to_owned(), reason, accepted, nearest }
    }
}
