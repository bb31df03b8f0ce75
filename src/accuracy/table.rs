//! The data of the accuracy page: every memory figure and the worst speeds with their predictions,
//! summaries of groups, and the cases that are not compared.
//!
//! It is built natively from the cases, encoded and fetched by the page on demand, so that the cases do
//! not add to the size of the app; nor does reading JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Figure, Subject, Summary};
use crate::decimal::Decimal;

/// The data of the accuracy page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Figures of memory.
    pub memory: Part,
    /// Figures of speed.
    pub speed: Part,
    /// Reported runs and failures, by engine.
    pub verdicts: Vec<Verdicts>,
    /// Cases that are not compared.
    pub left_out: Vec<LeftOut>,
    /// Sentences by key.
    pub reasons: BTreeMap<String, Reason>,
}

impl Table {
    /// Decodes what [`Table::encode`] encoded; `None` if `bytes` are anything else.
    pub fn decode(bytes: &[u8]) -> Option<Table> {
        postcard::from_bytes(bytes).ok()
    }

    /// Encodes the table for the page.
    ///
    /// # Errors
    /// A number has too many digits.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(self)
    }
}

/// How many of the reported runs and failures under an engine are called rightly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    /// The engine.
    pub engine: String,
    /// Number of reports.
    pub n: usize,
    /// Of them, those whose verdict is the reported one.
    pub right: usize,
}

/// The figures of memory or of speed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Summaries by engine and figure.
    pub groups: Vec<Group>,
    /// Individual figures: those outside their interval first, each part by descending error.
    pub rows: Vec<Row>,
    /// Number of compared figures; more than `rows` if only the worst are listed.
    pub compared: usize,
}

/// Summary of the figures of one kind under one engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The engine.
    pub engine: String,
    /// The kind of figure.
    pub figure: Figure,
    /// The device family, if the group is limited to one.
    pub family: Option<String>,
    /// Whether the figures were transcribed instead of copied from logs.
    pub second_hand: bool,
    /// Errors and coverage of the group.
    pub summary: Summary,
    /// Its figures, but for those that a group of one device family has.
    pub points: Vec<Point>,
}

/// A measured figure and what was expected, without what they are of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "(Decimal, Decimal, u8)", from = "(Decimal, Decimal, u8)")]
pub struct Point {
    /// The measured figure.
    pub measured: f64,
    /// The expected one.
    pub expected: f64,
    /// Whether the measured figure is within the interval.
    pub covered: bool,
}

impl Point {
    /// How far the expected figure is from the measured one, as a share of that.
    pub fn deviation(&self) -> f64 {
        self.expected / self.measured - 1.0
    }
}

impl From<Point> for (Decimal, Decimal, u8) {
    fn from(Point { measured, expected, covered }: Point) -> (Decimal, Decimal, u8) {
        (Decimal(measured), Decimal(expected), u8::from(covered))
    }
}

impl From<(Decimal, Decimal, u8)> for Point {
    fn from((measured, expected, covered): (Decimal, Decimal, u8)) -> Point {
        Point { measured: measured.0, expected: expected.0, covered: covered != 0 }
    }
}

/// A measured figure and its prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The engine.
    pub engine: String,
    /// The kind of figure.
    pub figure: Figure,
    /// The device family of a speed.
    pub family: Option<String>,
    /// Model, devices and settings of the case.
    pub subject: Subject,
    /// The low prediction.
    #[serde(with = "crate::decimal")]
    pub low: f64,
    /// The expected one.
    #[serde(with = "crate::decimal")]
    pub expected: f64,
    /// The high one.
    #[serde(with = "crate::decimal")]
    pub high: f64,
    /// The measured figure.
    #[serde(with = "crate::decimal")]
    pub measured: f64,
    /// Relative error of the prediction.
    #[serde(with = "crate::decimal")]
    pub error: f64,
    /// Whether the measured figure is within the interval.
    pub covered: bool,
    /// Whether the figure was transcribed instead of copied from a log.
    pub second_hand: bool,
    /// URL of the measurement; empty if unknown.
    pub source: String,
    /// Reason of the error, a key of [`Table::reasons`].
    pub why: Option<String>,
}

/// Cases of an engine that are not compared for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The engine.
    pub engine: String,
    /// The reason, a key of [`Table::reasons`].
    pub why: String,
    /// Number of cases.
    pub n: usize,
}

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// English.
    pub en: String,
    /// Russian.
    pub ru: String,
}
