//! The notation of a measurement: `tg:38.2`, `pp512@4096:1500`, `tpot1024+512x8:23.4`.

use std::fmt;

use super::Bounds;
use crate::float;

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

/// The tokens, users and values that a reading may have.
const COUNT: Bounds = Bounds::READING_COUNT;

impl Reading {
    /// A link takes it: each count and the value are within [`Bounds::READING_COUNT`], and none that
    /// must be positive is zero.
    pub fn is_accepted(&self) -> bool {
        let (value, positive, depth) = match *self {
            Reading::Decode { batch, depth, tps } => (tps, [batch, 1, 1], depth),
            Reading::Prefill { tokens, depth, tps } => (tps, [tokens, 1, 1], depth),
            Reading::TokenTime { users, prompt, output, us } => (us, [users, prompt, output], 0),
            Reading::FirstToken { prompt, us } => (us, [prompt, 1, 1], 0),
        };
        let is_positive = |n: &u64| *n > 0 && COUNT.contains(*n);
        is_positive(&value) && positive.iter().all(is_positive) && COUNT.contains(depth)
    }

    /// The same test with another value.
    pub fn with_value(mut self, value: u64) -> Reading {
        match &mut self {
            Reading::Decode { tps, .. } | Reading::Prefill { tps, .. } => *tps = value,
            Reading::TokenTime { us, .. } | Reading::FirstToken { us, .. } => *us = value,
        }
        self
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
            text.parse().ok().filter(|n| plain && COUNT.contains(*n))
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

#[cfg(test)]
impl Reading {
    pub(super) fn any() -> proptest::strategy::BoxedStrategy<Reading> {
        use proptest::prelude::*;
        let (count, depth, value) = (|| 1..=COUNT.max, || 0..=COUNT.max, || 1..=COUNT.max);
        prop_oneof![
            (count(), depth(), value()).prop_map(|(batch, depth, tps)| Reading::Decode {
                batch,
                depth,
                tps
            }),
            (count(), depth(), value()).prop_map(|(tokens, depth, tps)| Reading::Prefill {
                tokens,
                depth,
                tps
            }),
            (count(), count(), count(), value()).prop_map(|(users, prompt, output, us)| {
                Reading::TokenTime { users, prompt, output, us }
            }),
            (count(), value()).prop_map(|(prompt, us)| Reading::FirstToken { prompt, us }),
        ]
        .boxed()
    }
}

/// A positive decimal fraction, in thousandths, rounded to them.
pub(crate) fn thousandths(text: &str) -> Option<u64> {
    let n = (float::parse(text.trim())? * 1e3).round();
    (1.0..=COUNT.max as f64).contains(&n).then_some(n as u64)
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
    fn what_is_accepted_is_what_a_link_takes() {
        let counts = [0, 1, COUNT.max, COUNT.max + 1, u64::MAX];
        for (a, b) in counts.into_iter().flat_map(|a| counts.map(|b| (a, b))) {
            for reading in [
                Reading::Decode { batch: a, depth: b, tps: 1 },
                Reading::Decode { batch: 1, depth: a, tps: b },
                Reading::Prefill { tokens: a, depth: b, tps: 1 },
                Reading::TokenTime { users: a, prompt: b, output: 1, us: 1 },
                Reading::TokenTime { users: 1, prompt: 1, output: a, us: b },
                Reading::FirstToken { prompt: a, us: b },
            ] {
                let read = Reading::parse(&reading.to_string());
                assert_eq!(reading.is_accepted(), read == Some(reading), "{reading:?}");
            }
        }
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
