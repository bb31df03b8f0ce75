//! What a cell draws and costs, and what that rests on.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::units::Interval;

/// Energy and money at the operating point: the users, prompts and answers asked for. A figure is
/// null where a value that it rests on is not known, or where there is no estimate of the speed
/// (`no_speed`); [`Money::unknown`] names the values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Economy {
    /// Watts from the wall by load.
    pub power_w: Option<PowerDraw>,
    /// Watt-hours for a million tokens of answers, their prompts included.
    pub wh_per_mtok: Option<Interval<f64>>,
    /// US dollars for a million tokens; null also where the amounts are in another currency whose
    /// rate is not given.
    pub usd_per_mtok: Option<PerMtok>,
    /// The same and more in the currency asked for.
    pub money: Money,
}

/// Watts from the wall by load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PowerDraw {
    /// The model loaded, nothing to do.
    pub idle: f64,
    /// On prompts.
    pub prefill: f64,
    /// On answers.
    pub decode: f64,
    /// On average over busy and idle time; null without an estimate of the speed.
    pub mean: Option<f64>,
}

/// What a million tokens cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PerMtok {
    /// On a machine of one's own.
    pub owned: Option<InOut>,
    /// On a rented one.
    pub rented: Option<InOut>,
}

/// What a million tokens of prompts and of answers cost: the time on prompts pays for their
/// tokens, the rest of the time for those of answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InOut {
    /// Of prompts.
    pub input: Interval<f64>,
    /// Of answers.
    pub output: Interval<f64>,
}

/// Money in the currency asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Money {
    /// ISO 4217 code of all amounts.
    pub currency: String,
    /// What a million tokens cost.
    pub per_mtok: PerMtok,
    /// What an hour of owning costs, busy or not: a share of the price, and power.
    pub owned_hour: Option<f64>,
    /// What an hour of renting costs.
    pub rented_hour: Option<f64>,
    /// Hours of renting that cost as much as buying the machine and its power; null also where
    /// renting costs no more than the power alone.
    pub break_even_hours: Option<f64>,
    /// Keys of the values that are not known and that a figure needs; [`Machine::inputs`] tells
    /// why.
    pub unknown: Vec<Cow<'static, str>>,
}

/// The values behind money and energy on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Machine {
    /// The machine in query notation, such as `rtx-4090*2`.
    pub hardware: String,
    /// Its values.
    pub inputs: Vec<Input>,
}

/// A value behind money and energy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Input {
    /// Its key in a question.
    pub key: Cow<'static, str>,
    /// The value used.
    pub value: Option<f64>,
    /// What it is unless the question sets it.
    pub default: Option<f64>,
    /// Where the default comes from, and of when it is.
    pub source: Cow<'static, str>,
}
