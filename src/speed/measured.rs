//! Corrections from the user's own measurements.
//!
//! A machine deviates from the fit in the same direction for all models, by its cooling, memory
//! clock, driver and build. So a reading gives one factor for steps and one for prompts, the
//! measured time over the estimated one, and every estimate for that machine is multiplied by it.

use super::correction::Correction;
use super::serving::Load;
use super::speed_model::SpeedModel;
use crate::scenario::Reading;

/// Lower bound of a step's ratio, as a share of the ratio of the whole time under load: applies if
/// the measured time is hardly longer than the prompts alone are estimated to take.
const LEAST: f64 = 0.25;

/// Returns the measured time of `reading` over the time estimated by `model`. `load` has the number
/// of sequences that the machine holds and runs.
fn time_ratio(reading: &Reading, model: &SpeedModel<'_>, load: &Load) -> f64 {
    let milli = |n: u64| n as f64 / 1e3;
    match *reading {
        Reading::Decode { batch, depth, tps } => {
            model.batch_tps(batch as f64, depth as f64).expected / milli(tps)
        }
        Reading::Prefill { tokens, depth, tps } => {
            model.prefill_tps(tokens as f64, depth as f64).expected / milli(tps)
        }
        Reading::TokenTime { users, prompt, output, us } => {
            let (users, prompt, output) = (users as f64, prompt as f64, output as f64);
            let at = Load { users, prompt, output, cached_prefix: 0.0, ..*load };
            let (tpot, step) = (model.serve(&at).tpot_s.expected, model.step_s(&at));
            // Between its steps a sequence waits for the prompts of others, which are as they
            // are estimated.
            let measured = us as f64 * 1e-6;
            ((measured - (tpot - step)) / step).max(measured / tpot * LEAST)
        }
        Reading::FirstToken { prompt, us } => {
            us as f64 * 1e-6 / model.ttft_s(prompt as f64, 0.0).expected
        }
    }
}

impl Correction {
    /// Returns the correction of `model`, which has no correction and no draft yet, by `readings`:
    /// the geometric means of their ratios, of steps and of prompts.
    ///
    /// `load` has the number of sequences that the machine holds and runs. The correction of
    /// prompts is applied before that of steps is computed, since prompts delay steps.
    pub fn from_readings(model: &SpeedModel<'_>, load: &Load, readings: &[Reading]) -> Correction {
        let mean = |model: &SpeedModel<'_>, steps: bool| {
            let ratios = readings.iter().filter(|reading| reading.is_of_steps() == steps);
            let logs: Vec<f64> =
                ratios.map(|reading| time_ratio(reading, model, load).ln()).collect();
            let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
            (!logs.is_empty() && mean.is_finite() && mean > 0.0).then_some(mean)
        };
        let prompt = mean(model, false);
        let correction = Correction { step: None, prompt };
        Correction { step: mean(&SpeedModel { correction, ..model.clone() }, true), prompt }
    }
}
