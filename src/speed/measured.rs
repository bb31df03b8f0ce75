//! Measurements of the user's own: readings of one run, and what they say about the estimate.
//!
//! A machine is off from the fit in one direction for all models: its cooling, memory clock,
//! driver and build are its own. So a reading gives one factor for steps and one for prompts, the
//! measured time over the estimated one, and every estimate for that machine is multiplied by it.

use super::serving::Load;
use super::setup::Setup;
pub(super) use crate::scenario::{Reading, thousandths};

/// Of a time under load that is less than its prompts alone are estimated at, at least this share
/// of what it is off by counts for its steps.
const LEAST: f64 = 0.25;

/// The measured time of `reading` over the estimated one. `load` is what the machine holds and runs.
fn time_ratio(reading: &Reading, setup: &Setup<'_>, load: &Load) -> f64 {
    let milli = |n: u64| n as f64 / 1e3;
    match *reading {
        Reading::Decode { batch, depth, tps } => {
            setup.batch_tps(batch as f64, depth as f64).expected / milli(tps)
        }
        Reading::Prefill { tokens, depth, tps } => {
            setup.prefill_tps(tokens as f64, depth as f64).expected / milli(tps)
        }
        Reading::TokenTime { users, prompt, output, us } => {
            let (users, prompt, output) = (users as f64, prompt as f64, output as f64);
            let at = Load { users, prompt, output, cached_prefix: 0.0, ..*load };
            let (tpot, step) = (setup.serve(&at).tpot_s.expected, setup.step_s(&at));
            // Between its steps a sequence waits for the prompts of others, which are as they
            // are estimated.
            let measured = us as f64 * 1e-6;
            ((measured - (tpot - step)) / step).max(measured / tpot * LEAST)
        }
        Reading::FirstToken { prompt, us } => {
            us as f64 * 1e-6 / setup.ttft_s(prompt as f64, 0.0).expected
        }
    }
}

/// What a machine's own measurements say: its times over the estimated ones. `None` where none
/// bears on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tuning {
    /// Of steps.
    pub step: Option<f64>,
    /// Of prompts.
    pub prompt: Option<f64>,
}

/// Public measurements lie within this factor of their estimates, both ways (`tests/speed.rs` asks
/// for it): what is further off is more likely a slip of the pen, or of another machine.
pub const FARTHEST: f64 = 7.0;

impl Tuning {
    /// It is further off than any public measurement.
    pub fn is_doubtful(self) -> bool {
        let known = 1.0 / FARTHEST..=FARTHEST;
        [self.step, self.prompt].into_iter().flatten().any(|ratio| !known.contains(&ratio))
    }

    /// What `readings` say of the estimate `setup`, which is not tuned itself and has no draft, on
    /// a machine that runs as many sequences as `load` says: the geometric mean of each kind. What
    /// is known of prompts counts where they delay steps.
    pub fn of(setup: &Setup<'_>, load: &Load, readings: &[Reading]) -> Tuning {
        let mean = |setup: &Setup<'_>, steps: bool| {
            let ratios = readings.iter().filter(|reading| reading.is_of_steps() == steps);
            let logs: Vec<f64> =
                ratios.map(|reading| time_ratio(reading, setup, load).ln()).collect();
            let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
            (!logs.is_empty() && mean.is_finite() && mean > 0.0).then_some(mean)
        };
        let prompt = mean(setup, false);
        let tuning = Tuning { step: None, prompt };
        Tuning { step: mean(&Setup { tuning, ..setup.clone() }, true), prompt }
    }

    /// Nothing is known.
    pub fn is_empty(&self) -> bool {
        self.step.is_none() && self.prompt.is_none()
    }

    /// The geometric mean of several, each kind by itself.
    pub fn mean(all: &[Tuning]) -> Tuning {
        let mean = |of: fn(&Tuning) -> Option<f64>| {
            let logs: Vec<f64> = all.iter().filter_map(of).map(f64::ln).collect();
            (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
        };
        Tuning { step: mean(|tuning| tuning.step), prompt: mean(|tuning| tuning.prompt) }
    }

    /// This one where it knows, else `other`.
    pub fn or(self, other: Tuning) -> Tuning {
        Tuning { step: self.step.or(other.step), prompt: self.prompt.or(other.prompt) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_does_is_doubted() {
        let step = |ratio| Tuning { step: Some(ratio), prompt: Some(1.0) };
        for ratio in [1.0, FARTHEST, 1.0 / FARTHEST] {
            assert!(!step(ratio).is_doubtful(), "{ratio}");
        }
        for ratio in [1e-3, 0.14, 7.1, 1e3] {
            assert!(step(ratio).is_doubtful(), "{ratio}");
        }
        assert!(!Tuning::default().is_doubtful());
    }
}
