//! How fast a cell answers, and what that rests on.

use serde::{Deserialize, Serialize};

use crate::speed::{Backend, Limit, Tuning};
use crate::units::Interval;

/// How fast a cell answers. Rates are tokens a second, times seconds; a figure is null where there
/// is no estimate, and `no_speed` says why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Speed {
    /// Decoding for one user alone with all of the context asked for filled: the rate below which
    /// it does not fall there. With speculative decoding, where that is asked for, at the share of
    /// accepted tokens that the question states; so are the figures for several users.
    pub decode_tps: Option<Interval<f64>>,
    /// The same with an empty context: where an answer to a short question starts.
    pub decode_tps_empty: Option<Interval<f64>>,
    /// `decode_tps` without speculative decoding; null where none is asked for.
    pub plain_tps: Option<Interval<f64>>,
    /// Tokens of the prompt asked for, less the shared prefix, that are computed a second when no
    /// one else asks.
    pub prefill_tps: Option<Interval<f64>>,
    /// Time to the first token with as many users as asked for, waiting included.
    pub ttft_s: Option<Interval<f64>>,
    /// Time a token after that, with as many users as asked for.
    pub tpot_s: Option<Interval<f64>>,
    /// Tokens of answers for all users together.
    pub throughput_tps: Option<Interval<f64>>,
    /// Sequences that run at once; the other users wait.
    pub running: Option<u64>,
    /// The most users within memory whose expected times keep to the targets; null without any.
    pub slo_users: Option<u64>,
    /// What binds decoding for one user.
    pub decode_limit: Option<Limit>,
    /// What binds the prompt.
    pub prefill_limit: Option<Limit>,
    /// What binds with as many users as asked for.
    pub serving_limit: Option<Limit>,
    /// What the estimate rests on.
    pub speed_basis: Option<SpeedBasis>,
    /// Why there is no estimate.
    pub no_speed: Option<NoSpeed>,
}

/// What an estimate of speed rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SpeedBasis {
    /// This engine was measured on this family of devices; else others stand in and the
    /// intervals are wide.
    pub calibrated: bool,
    /// A part of the model is on the host beside one on devices, of which there are no clean
    /// measurements.
    pub mixed: bool,
    /// Engines whose measurements the coefficients rest on; those of the part that is known least.
    pub engines: Vec<String>,
    /// The interface to the devices that they were measured with.
    pub backend: Backend,
    /// Measurements of decoding for one user.
    pub decode: Measurements,
    /// Measurements of decoding for several.
    pub batch: Measurements,
    /// Measurements of prompts.
    pub prefill: Measurements,
    /// Collections that the measurements come from; docs/speed.md tells where they are.
    pub sources: Vec<String>,
    /// The host that was assumed for the part left there, where the question names none: an id of
    /// the catalogue.
    pub host_assumed: Option<String>,
    /// What the question's own measurements on this machine say: measured times over those that
    /// would be estimated without them. The figures are corrected by it.
    pub measured: Option<Tuning>,
}

/// How many measurements there are of a figure, and how far estimates fell from them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Measurements {
    /// Measurements.
    pub n: u32,
    /// Median error of the fit in %; null without measurements.
    pub median_pct: Option<f64>,
    /// The interval shown: this factor both ways.
    pub factor: f64,
}

/// Why there is no estimate of speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NoSpeed {
    /// It does not run there, even for one user.
    DoesNotFit,
    /// The catalogue has no bandwidth for a device.
    UnknownDevice,
}
