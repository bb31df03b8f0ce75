//! Measurements of the user's own: readings of one run, and what they say about the estimate.
//!
//! A machine is off from the fit in one direction for all models: its cooling, memory clock,
//! driver and build are its own. So a reading gives one factor for steps and one for prompts, the
//! measured time over the estimated one, and every estimate for that machine is multiplied by it.

use std::fmt;

use super::serving::Load;
use super::setup::Setup;

/// What was measured. Values are thousandths: of a token a second, or of a millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// Tokens decoded a second by `batch` sequences together, each after `depth` tokens.
    Decode {
        /// Sequences.
        batch: u64,
        /// Tokens before.
        depth: u64,
        /// Tokens a second, in thousandths.
        tps: u64,
    },
    /// Tokens of a prompt a second.
    Prefill {
        /// Tokens of the prompt.
        tokens: u64,
        /// Tokens before.
        depth: u64,
        /// Tokens a second, in thousandths.
        tps: u64,
    },
    /// Milliseconds a token under load.
    TokenTime {
        /// Users at the same time.
        users: u64,
        /// Tokens of a prompt.
        prompt: u64,
        /// Tokens of an answer.
        output: u64,
        /// Thousandths of a millisecond.
        us: u64,
    },
    /// Milliseconds to the first token of a prompt when no one else asks.
    FirstToken {
        /// Tokens of the prompt.
        prompt: u64,
        /// Thousandths of a millisecond.
        us: u64,
    },
}

/// The most tokens and the largest value of a reading: beyond lies a slip of the pen.
const MOST: u64 = 1 << 32;

/// Of a time under load that is less than its prompts alone are estimated at, at least this share
/// of what it is off by counts for its steps.
const LEAST: f64 = 0.25;

impl Reading {
    /// The measured time over the estimated one. `load` is what the machine holds and runs.
    fn ratio(&self, setup: &Setup<'_>, load: &Load) -> f64 {
        let milli = |n: u64| n as f64 / 1e3;
        match *self {
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

    /// It bears on steps; else on prompts.
    pub fn is_of_steps(&self) -> bool {
        matches!(self, Reading::Decode { .. } | Reading::TokenTime { .. })
    }

    /// Tokens of context that the run needed for each sequence.
    pub fn context(&self) -> u64 {
        match *self {
            Reading::Decode { depth, .. } => depth + 128,
            Reading::Prefill { tokens, depth, .. } => depth + tokens,
            Reading::TokenTime { prompt, output, .. } => prompt + output,
            Reading::FirstToken { prompt, .. } => prompt + 1,
        }
    }

    /// Sequences at the same time.
    pub fn users(&self) -> u64 {
        match *self {
            Reading::Decode { batch, .. } => batch,
            Reading::TokenTime { users, .. } => users,
            Reading::Prefill { .. } | Reading::FirstToken { .. } => 1,
        }
    }

    /// Reads `tg:38.2`, `tg@4096:35`, `tg@0x8:160`, `pp512:2100`, `pp512@4096:1500`,
    /// `tpot1024+512x8:23.4`, `ttft1024:350`. What [`fmt::Display`] writes is read back.
    pub fn parse(text: &str) -> Option<Reading> {
        let (what, value) = text.trim().split_once(':')?;
        let value = thousandths(value)?;
        let count = |text: &str| -> Option<u64> {
            let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|n| plain && *n < MOST)
        };
        let positive = |text: &str| count(text).filter(|n| *n > 0);
        if let Some(rest) = what.strip_prefix("tpot") {
            let (rest, users) = rest.split_once('x').unwrap_or((rest, "1"));
            let (prompt, output) = rest.split_once('+')?;
            let (prompt, output) = (positive(prompt)?, positive(output)?);
            return Some(Reading::TokenTime { users: positive(users)?, prompt, output, us: value });
        }
        if let Some(prompt) = what.strip_prefix("ttft") {
            return Some(Reading::FirstToken { prompt: positive(prompt)?, us: value });
        }
        let (what, batch) = match what.split_once('x') {
            Some((what, batch)) => (what, positive(batch)?),
            None => (what, 1),
        };
        let (what, depth) = match what.split_once('@') {
            Some((what, depth)) => (what, count(depth)?),
            None => (what, 0),
        };
        match (what, what.strip_prefix("pp"), batch) {
            ("tg", ..) => Some(Reading::Decode { batch, depth, tps: value }),
            (_, Some(tokens), 1) => {
                Some(Reading::Prefill { tokens: positive(tokens)?, depth, tps: value })
            }
            _ => None,
        }
    }
}

/// A positive decimal fraction, in thousandths, rounded to them.
pub(super) fn thousandths(text: &str) -> Option<u64> {
    let text = text.trim();
    let plain = |b: u8| b.is_ascii_digit() || b == b'.';
    let number: f64 = text.parse().ok().filter(|_| text.bytes().all(plain))?;
    let n = (number * 1e3).round();
    (1.0..MOST as f64).contains(&n).then_some(n as u64)
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, times) = match *self {
            Reading::Decode { batch, depth, tps } => {
                write!(f, "tg")?;
                if depth > 0 {
                    write!(f, "@{depth}")?;
                }
                (tps, batch)
            }
            Reading::Prefill { tokens, depth, tps } => {
                write!(f, "pp{tokens}")?;
                if depth > 0 {
                    write!(f, "@{depth}")?;
                }
                (tps, 1)
            }
            Reading::TokenTime { users, prompt, output, us } => {
                write!(f, "tpot{prompt}+{output}")?;
                (us, users)
            }
            Reading::FirstToken { prompt, us } => {
                write!(f, "ttft{prompt}")?;
                (us, 1)
            }
        };
        if times > 1 {
            write!(f, "x{times}")?;
        }
        let value = format!("{}.{:03}", value / 1000, value % 1000);
        write!(f, ":{}", value.trim_end_matches('0').trim_end_matches('.'))
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
            let logs: Vec<f64> = ratios.map(|reading| reading.ratio(setup, load).ln()).collect();
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
    fn readings_are_written_as_they_are_read() {
        for text in [
            "tg:38.2",
            "tg@4096:35",
            "tg@4096x8:160.125",
            "tgx8:160",
            "pp512:2100",
            "pp512@4096:1500.5",
            "tpot1024+512x8:23.4",
            "tpot1024+512:23.4",
            "ttft1024:350",
        ] {
            let reading = Reading::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(reading.to_string(), text);
        }
        assert_eq!(
            Reading::parse("tg@0x1:5"),
            Some(Reading::Decode { batch: 1, depth: 0, tps: 5000 })
        );
    }

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

    #[test]
    fn what_is_no_reading_is_refused() {
        for text in [
            "",
            "tg",
            "tg:",
            "tg:0",
            "tg:-5",
            "tg:fast",
            "tg:1e3",
            "tg:NaN",
            "tg:inf",
            "pp:5",
            "pp0:5",
            "tgx0:5",
            "pp512x2:5",
            "tg@:5",
            "tpot1024:5",
            "tpot0+1:5",
            "ttft:5",
            "xx:5",
            "tg:99999999999999",
            "tg@99999999999999999999:5",
            "tg:1.2.3",
        ] {
            assert_eq!(Reading::parse(text), None, "{text}");
        }
    }
}
