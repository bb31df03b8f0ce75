//! The data of the accuracy page: every memory figure and the worst speeds with their predictions,
//! summaries of groups, and the cases that are not compared.
//!
//! It is built natively from the cases, written as JSON and fetched by the page on demand, so that
//! the cases do not add to the size of the app.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Figure, Subject, Summary};

/// The data of the accuracy page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Figures of memory.
    pub memory: Part,
    /// Figures of speed.
    pub speed: Part,
    /// Reported runs and failures, by engine.
    #[serde(default)]
    pub verdicts: Vec<Verdicts>,
    /// Cases that are not compared.
    pub left_out: Vec<LeftOut>,
    /// Sentences by key.
    pub reasons: BTreeMap<String, Reason>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Whether the figures were transcribed instead of copied from logs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second_hand: bool,
    /// Errors and coverage of the group.
    pub summary: Summary,
    /// Its figures, but for those that a group of one device family has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Point>,
}

/// A measured figure and what was expected, without what they are of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "(f64, f64, u8)", from = "(f64, f64, u8)")]
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

impl From<Point> for (f64, f64, u8) {
    fn from(Point { measured, expected, covered }: Point) -> (f64, f64, u8) {
        (measured, expected, u8::from(covered))
    }
}

impl From<(f64, f64, u8)> for Point {
    fn from((measured, expected, covered): (f64, f64, u8)) -> Point {
        Point { measured, expected, covered: covered != 0 }
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Model, devices and settings of the case.
    pub subject: Subject,
    /// Low, expected and high prediction.
    pub predicted: [f64; 3],
    /// The measured figure.
    pub measured: f64,
    /// Relative error of the prediction.
    pub error: f64,
    /// Whether the measured figure is within the interval.
    pub covered: bool,
    /// Whether the figure was transcribed instead of copied from a log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second_hand: bool,
    /// URL of the measurement; empty if unknown.
    pub source: String,
    /// Reason of the error, a key of [`Table::reasons`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
