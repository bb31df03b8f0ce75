//! Speed of a cell, and the basis of the estimate.

use serde::{Deserialize, Serialize};

use crate::speed::{Backend, Bottleneck, Correction};
use crate::units::Interval;

/// Speed of a cell. Rates are in tokens per second, times in seconds; a figure is null if there is
/// no estimate, and `no_speed` gives the reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Speed {
    /// Decode rate for a single user at the full requested context: the lowest rate within it. With
    /// speculative decoding, this and the figures for several users assume the question's
    /// acceptance rate.
    pub decode_tps: Option<Interval<f64>>,
    /// Decode rate for a single user with an empty context, as at the start of an answer to a short
    /// question.
    pub decode_tps_empty: Option<Interval<f64>>,
    /// `decode_tps` without speculative decoding; null if none is requested.
    pub plain_tps: Option<Interval<f64>>,
    /// Prefill rate for a single user: tokens of the requested prompt, without the shared prefix,
    /// per second.
    pub prefill_tps: Option<Interval<f64>>,
    /// Time to the first token with the requested number of users, including waiting.
    pub ttft_s: Option<Interval<f64>>,
    /// Time per token after the first, with the requested number of users.
    pub tpot_s: Option<Interval<f64>>,
    /// Answer tokens per second for all users together.
    pub throughput_tps: Option<Interval<f64>>,
    /// Number of sequences that run concurrently; the other users wait.
    pub running: Option<u64>,
    /// The most users within memory whose expected times meet the targets; null without targets.
    pub slo_users: Option<u64>,
    /// Bottleneck of decoding for a single user.
    pub decode_limit: Option<Bottleneck>,
    /// Bottleneck of the prompt.
    pub prefill_limit: Option<Bottleneck>,
    /// Bottleneck with the requested number of users.
    pub serving_limit: Option<Bottleneck>,
    /// The basis of the estimate.
    pub speed_basis: Option<SpeedBasis>,
    /// Why there is no estimate.
    pub no_speed: Option<NoSpeed>,
}

/// The basis of a speed estimate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SpeedBasis {
    /// Whether this engine was measured on this family of devices. If not, others stand in and the
    /// intervals are wide.
    pub calibrated: bool,
    /// Whether the model is partly on the host and partly on devices, for which there are no clean
    /// measurements.
    pub mixed: bool,
    /// Engines whose measurements the coefficients are fitted to, for the least known part.
    pub engines: Vec<String>,
    /// Interface to the devices in those measurements.
    pub backend: Backend,
    /// Measurements of decoding for a single user.
    pub decode: Measurements,
    /// Measurements of decoding for several users.
    pub batch: Measurements,
    /// Measurements of prompts.
    pub prefill: Measurements,
    /// Sources of the measurements, listed in docs/speed.md.
    pub sources: Vec<String>,
    /// Catalogue id of the host assumed for the part of the model in RAM, if the question names
    /// none.
    pub host_assumed: Option<String>,
    /// Ratio of the user's own measurements on this machine to the uncorrected estimates. The
    /// figures are corrected by it.
    pub measured: Option<Correction>,
}

/// Number of measurements of a figure, and their deviation from the estimates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Measurements {
    /// Number of measurements.
    pub n: u32,
    /// Median error of the fit in %; null without measurements.
    pub median_pct: Option<f64>,
    /// Half-width of the interval shown, as a factor.
    pub factor: f64,
}

/// Why there is no estimate of speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NoSpeed {
    /// The cell does not run, even for one user.
    DoesNotFit,
    /// The catalogue has no bandwidth for a device.
    UnknownDevice,
}
