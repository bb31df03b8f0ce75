//! The correction of an estimate by measurements on the machine itself.

/// Measured times on a machine divided by the estimated ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename = "Tuning")]
pub struct Correction {
    /// Ratio of decode steps; `None` if not measured.
    pub step: Option<f64>,
    /// Ratio of prompts; `None` if not measured.
    pub prompt: Option<f64>,
}

/// Largest factor, both ways, by which a machine is plausibly off its estimate: no public
/// measurement lies further off (`tests/speed.rs`), so one that does is more likely a slip of the
/// pen, or of another machine.
pub const MAX_PLAUSIBLE_RATIO: f64 = 7.0;

impl Correction {
    /// Whether the estimate was further off than from any public measurement.
    pub fn is_doubtful(self) -> bool {
        let known = 1.0 / MAX_PLAUSIBLE_RATIO..=MAX_PLAUSIBLE_RATIO;
        [self.step, self.prompt].into_iter().flatten().any(|ratio| !known.contains(&ratio))
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.step.is_none() && self.prompt.is_none()
    }

    /// Returns the geometric means of several corrections, of steps and of prompts.
    pub fn mean(all: &[Correction]) -> Correction {
        let mean = |of: fn(&Correction) -> Option<f64>| {
            let logs: Vec<f64> = all.iter().filter_map(of).map(f64::ln).collect();
            (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
        };
        Correction {
            step: mean(|correction| correction.step),
            prompt: mean(|correction| correction.prompt),
        }
    }

    /// Completes the correction with the ratios of `other` that it lacks.
    pub fn or(self, other: Correction) -> Correction {
        Correction { step: self.step.or(other.step), prompt: self.prompt.or(other.prompt) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_does_is_doubted() {
        let step = |ratio| Correction { step: Some(ratio), prompt: Some(1.0) };
        for ratio in [1.0, MAX_PLAUSIBLE_RATIO, 1.0 / MAX_PLAUSIBLE_RATIO] {
            assert!(!step(ratio).is_doubtful(), "{ratio}");
        }
        for ratio in [1e-3, 0.14, 7.1, 1e3] {
            assert!(step(ratio).is_doubtful(), "{ratio}");
        }
        assert!(!Correction::default().is_doubtful());
    }
}
