//! What the users send and how fast they want to be answered.

use super::query::{ProblemKind, Refused, Writer, fraction, number, share};
use super::{Bounds, Measurement};

/// What each user sends, and what is asked of the answer's speed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Tokens of a prompt.
    pub prompt: u64,
    /// Tokens of an answer.
    pub output: u64,
    /// Tokens at the start of the prompt that all users share and that are in the cache already
    /// (a system prompt).
    pub prefix: u64,
    /// Cells that decode slower than this are passed over: thousandths of a token a second.
    pub min_tps: Option<u64>,
    /// The longest time to the first token that is still good, in microseconds.
    pub ttft_us: Option<u64>,
    /// The longest time a token after that which is still good, in microseconds.
    pub tpot_us: Option<u64>,
    /// What was measured, to correct estimates by.
    pub measured: Vec<Measurement>,
}

impl Default for Serving {
    fn default() -> Serving {
        Serving {
            prompt: 1024,
            output: 512,
            prefix: 0,
            min_tps: None,
            ttft_us: None,
            tpot_us: None,
            measured: Vec::new(),
        }
    }
}

const SECOND: u64 = 1_000_000;
const MILLISECOND: u64 = 1_000;

impl Serving {
    /// The keys of the notation.
    pub(super) const KEYS: &'static [&'static str] =
        &["prompt", "output", "prefix", "min_tps", "ttft", "tpot", "measured"];

    /// Sets what `key` stands for; `false` where it is none of [`Serving::KEYS`].
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, Refused> {
        match key {
            "prompt" => self.prompt = number(value, Bounds::PROMPT)?,
            "output" => self.output = number(value, Bounds::OUTPUT)?,
            "prefix" => self.prefix = number(value, Bounds::PREFIX)?,
            "min_tps" => self.min_tps = Some(rate(value)?),
            "ttft" => self.ttft_us = Some(time(value, SECOND, Bounds::TTFT)?),
            "tpot" => self.tpot_us = Some(time(value, MILLISECOND, Bounds::TPOT)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Writes what is not as by default.
    pub(super) fn write(&self, out: &mut Writer) {
        let default = Serving::default();
        let tokens = [
            ("prompt", self.prompt, default.prompt),
            ("output", self.output, default.output),
            ("prefix", self.prefix, default.prefix),
        ];
        for (key, value, _) in tokens.iter().filter(|(_, value, default)| value != default) {
            out.pair(key, &value.to_string());
        }
        if let Some(rate) = self.min_tps {
            out.pair("min_tps", &share(rate));
        }
        if let Some(time) = self.ttft_us {
            out.pair("ttft", &text(time));
        }
        if let Some(time) = self.tpot_us {
            out.pair("tpot", &text(time));
        }
        if !self.measured.is_empty() {
            let entries: Vec<String> = self.measured.iter().map(Measurement::text).collect();
            out.pair("measured", &entries.join(";"));
        }
    }

    /// The tokens of prompt and answer that `context` has room for: the answer at most half of it,
    /// the prompt what is left.
    pub fn within(&self, context: u64) -> (u64, u64) {
        let output = self.output.min((context / 2).max(1));
        (self.prompt.min(context.saturating_sub(output).max(1)), output)
    }
}

/// Tokens a second, in thousandths.
fn rate(value: &str) -> Result<u64, Refused> {
    let limit = Bounds::MIN_TPS;
    let range = || format!("{}..{}", share(limit.min), share(limit.max));
    match fraction(value) {
        Some(rate) if limit.contains(rate) => Ok(rate),
        Some(_) => Err(Refused::new(ProblemKind::OutOfRange, range())),
        None => Err(Refused::new(ProblemKind::Malformed, range())),
    }
}

/// A time in microseconds: `2s`, `50ms`, `0.5s`; a plain number counts `unit` microseconds.
fn time(value: &str, unit: u64, limit: Bounds) -> Result<u64, Refused> {
    let range = || format!("{}..{} (s, ms)", text(limit.min), text(limit.max));
    let lower = value.to_ascii_lowercase();
    let (digits, unit) = match (lower.strip_suffix("ms"), lower.strip_suffix('s')) {
        (Some(digits), _) => (digits, MILLISECOND),
        (None, Some(digits)) => (digits, SECOND),
        (None, None) => (lower.as_str(), unit),
    };
    let Some(thousandths) = fraction(digits.trim()) else {
        return Err(Refused::new(ProblemKind::Malformed, range()));
    };
    match thousandths.checked_mul(unit).map(|time| time / 1000) {
        Some(time) if limit.contains(time) => Ok(time),
        _ => Err(Refused::new(ProblemKind::OutOfRange, range())),
    }
}

/// A time as [`time`] reads it.
fn text(us: u64) -> String {
    match us {
        SECOND.. if us.is_multiple_of(MILLISECOND) => format!("{}s", share(us / MILLISECOND)),
        _ => format!("{}ms", share(us)),
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
impl Serving {
    /// Any of them.
    pub(super) fn any() -> impl proptest::strategy::Strategy<Value = Serving> {
        use proptest::{option, strategy::Strategy};
        let within = |limit: Bounds| limit.min..=limit.max;
        let tokens = (within(Bounds::PROMPT), within(Bounds::OUTPUT), within(Bounds::PREFIX));
        let targets = (
            option::of(within(Bounds::MIN_TPS)),
            option::of(within(Bounds::TTFT)),
            option::of(within(Bounds::TPOT)),
        );
        (tokens, targets).prop_map(|((prompt, output, prefix), (min_tps, ttft_us, tpot_us))| {
            Serving { prompt, output, prefix, min_tps, ttft_us, tpot_us, measured: Vec::new() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn settings_survive_the_link() {
        let query = "prompt=8192&output=256&prefix=2000&min_tps=12.5&ttft=1.5s&tpot=7.5ms";
        let (scenario, problems) = Scenario::from_query(query);
        assert_eq!(problems, []);
        let wanted = Serving {
            prompt: 8192,
            output: 256,
            prefix: 2000,
            min_tps: Some(12_500),
            ttft_us: Some(1_500_000),
            tpot_us: Some(7_500),
            measured: Vec::new(),
        };
        assert_eq!(scenario.serving, wanted);
        assert_eq!(scenario.to_query(), query);
    }

    #[test]
    fn times_are_read_with_and_without_units() {
        let serving = |query: &str| Scenario::from_query(query).0.serving;
        assert_eq!(serving("ttft=2").ttft_us, Some(2 * SECOND));
        assert_eq!(serving("ttft=800ms").ttft_us, Some(800 * MILLISECOND));
        assert_eq!(serving("tpot=50").tpot_us, Some(50 * MILLISECOND));
        assert_eq!(serving("tpot=0.05 s").tpot_us, Some(50 * MILLISECOND));
    }

    #[test]
    fn what_cannot_be_used_names_what_can() {
        for (query, reason) in [
            ("ttft=soon", ProblemKind::Malformed),
            ("ttft=-1s", ProblemKind::Malformed),
            ("tpot=0", ProblemKind::OutOfRange),
            ("ttft=99999999999999999999s", ProblemKind::Malformed),
            ("ttft=999999999s", ProblemKind::OutOfRange),
            ("min_tps=fast", ProblemKind::Malformed),
            ("min_tps=0", ProblemKind::OutOfRange),
            ("prompt=0", ProblemKind::OutOfRange),
            ("prefix=1e3", ProblemKind::Malformed),
        ] {
            let (scenario, problems) = Scenario::from_query(query);
            assert_eq!(problems.len(), 1, "{query}");
            assert_eq!(problems[0].reason, reason, "{query}");
            assert!(problems[0].accepted.contains(".."), "{query}");
            assert_eq!(scenario.serving, Serving::default(), "{query}");
            assert!(scenario.to_query().starts_with(query.split('=').next().unwrap()), "{query}");
        }
    }

    #[test]
    fn prompt_and_answer_share_the_context() {
        let serving = Serving::default();
        assert_eq!(serving.within(32_768), (1024, 512));
        assert_eq!(serving.within(1200), (688, 512));
        assert_eq!(serving.within(512), (256, 256));
        assert_eq!(serving.within(1), (1, 1));
    }
}
