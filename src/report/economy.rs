//! Power and cost of a cell, with the values behind them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::units::Interval;

/// Energy and cost at the operating point: the requested users, prompts and answers. A figure is
/// null if a value behind it is unknown, or if there is no estimate of the speed (`no_speed`);
/// [`Money::unknown`] names the missing values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Economy {
    /// Watts at the wall plug by activity.
    pub power_w: Option<PowerDraw>,
    /// Watt-hours per million answer tokens, including their prompts.
    pub wh_per_mtok: Option<Interval<f64>>,
    /// US dollars per million tokens; null also if the amounts are in a currency without an
    /// exchange rate.
    pub usd_per_mtok: Option<PerMtok>,
    /// Cost in the requested currency.
    pub money: Money,
}

/// Watts at the wall plug by activity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PowerDraw {
    /// With the model loaded, but idle.
    pub idle: f64,
    /// While processing prompts.
    pub prefill: f64,
    /// While generating answers.
    pub decode: f64,
    /// On average over busy and idle time; null without an estimate of the speed.
    pub mean: Option<f64>,
}

/// Cost of a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PerMtok {
    /// On an owned machine.
    pub owned: Option<InOut>,
    /// On a rented machine.
    pub rented: Option<InOut>,
}

/// Cost of a million prompt tokens and of a million answer tokens: the time spent on prompts is
/// charged to their tokens, the remaining time to those of answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InOut {
    /// Cost of a million prompt tokens.
    pub input: Interval<f64>,
    /// Cost of a million answer tokens.
    pub output: Interval<f64>,
}

/// Cost in the requested currency.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Money {
    /// ISO 4217 code of all amounts.
    pub currency: String,
    /// Cost of a million tokens.
    pub per_mtok: PerMtok,
    /// Cost of owning the machine for an hour, busy or not: a share of the price, and power.
    pub owned_hour: Option<f64>,
    /// Cost of renting the machine for an hour.
    pub rented_hour: Option<f64>,
    /// Hours of renting that cost as much as buying the machine and powering it; null also if
    /// renting costs no more than the power alone.
    pub break_even_hours: Option<f64>,
    /// Keys of the missing values that a figure needs; [`Machine::inputs`] gives the reasons.
    pub unknown: Vec<Cow<'static, str>>,
}

/// The values behind money and energy on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Machine {
    /// The machine in query notation, such as `rtx-4090*2`.
    pub hardware: String,
    /// The values for this machine.
    pub inputs: Vec<Input>,
}

/// What hosts ask for tokens of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Hosted {
    /// Id of the model.
    pub model: String,
    /// Price of a million tokens of prompts, and of answers.
    pub inputs: Vec<Input>,
}

/// A value behind money and energy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Input {
    /// Key of the value in a question.
    pub key: Cow<'static, str>,
    /// The value used.
    pub value: Option<f64>,
    /// Default, unless the question sets the value.
    pub default: Option<f64>,
    /// Source of the default, and its date.
    pub source: Cow<'static, str>,
}
