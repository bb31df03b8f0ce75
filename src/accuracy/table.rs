//! What the accuracy page shows: every memory figure and the worst speeds beside their predictions,
//! how groups of them came out, and what cannot be compared.
//!
//! It is made natively from the cases, written as JSON and fetched by the page when it is asked
//! for, so that the cases weigh nothing in the app.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Figure, Subject, Summary};

/// The whole page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Memory.
    pub memory: Part,
    /// Speed.
    pub speed: Part,
    /// Cases that are not compared.
    pub left_out: Vec<LeftOut>,
    /// Sentences by key.
    pub reasons: BTreeMap<String, Reason>,
}

/// One half of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// How each engine's figures came out.
    pub groups: Vec<Group>,
    /// Figures: those outside their interval first, and among equals the worst first.
    pub rows: Vec<Row>,
    /// Figures compared; more than there are rows where only the worst are listed.
    pub compared: usize,
}

/// Figures of one kind under one engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The engine.
    pub engine: String,
    /// What was measured.
    pub figure: Figure,
    /// Only those on devices of this family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// They were transcribed, not copied from logs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second_hand: bool,
    /// How they came out.
    pub summary: Summary,
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The engine.
    pub engine: String,
    /// What was measured.
    pub figure: Figure,
    /// What the case is about.
    pub subject: Subject,
    /// Low, expected and high.
    pub predicted: [f64; 3],
    /// As printed.
    pub measured: f64,
    /// Share by which the prediction is off.
    pub error: f64,
    /// The measured figure lies within the interval.
    pub covered: bool,
    /// It was transcribed, not copied from a log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second_hand: bool,
    /// The address of the measurement; empty where it is not known.
    pub source: String,
    /// The reason, a key of [`Table::reasons`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Cases of an engine that are not compared, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The engine.
    pub engine: String,
    /// The reason, a key of [`Table::reasons`].
    pub why: String,
    /// Cases.
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
