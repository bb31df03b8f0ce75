//! What the users send and how fast they want to be answered. Keys from `prompt` to `measured`.

use super::Serving;
use super::notation::words;

words! {
    /// How requests arrive.
    #[derive(Default)]
    Arrival {
        /// At random times, at a rate that keeps as many in the system as there are users; nearly
        /// so where each user sends the next when the last is answered.
        #[default]
        Spread = "spread" | "poisson" | "steady",
        /// All at once, as benchmarks without a rate send them.
        Burst = "burst" | "inf",
    }
}

/// The decode rate, in tokens per second, from which on a person reads along: about twice as fast
/// as people read.
const READING_TPS: f64 = 10.0;

impl Serving {
    /// The decode rate that is fast enough, in tokens per second: `min_tps`, else one at which a
    /// person reads along.
    pub fn decode_floor(&self) -> f64 {
        self.min_tps.map_or(READING_TPS, |thousandths| thousandths as f64 / 1e3)
    }

    /// The tokens of prompt and answer that `context` has room for: the answer at most half of it,
    /// the prompt what is left.
    pub fn within(&self, context: u64) -> (u64, u64) {
        let output = self.output.min((context / 2).max(1));
        (self.prompt.min(context.saturating_sub(output).max(1)), output)
    }

    /// The same with the tokens that images take as part of the prompt.
    #[must_use]
    pub fn with_images(&self, tokens_an_image: u64) -> Serving {
        let tokens = self.images.saturating_mul(tokens_an_image);
        Serving { prompt: self.prompt.saturating_add(tokens), ..self.clone() }
    }

    /// Tokens that each of `users` sequences of at most `context` has in the cache on average: its
    /// prompt and half of its answer, with the prefix that all share counted once.
    pub fn live_tokens(&self, context: u64, users: u64) -> u64 {
        let (prompt, output) = self.within(context);
        let prefix = self.prefix.min(prompt - 1);
        let own = prompt - prefix + output.div_ceil(2);
        (own + prefix.div_ceil(users.max(1))).min(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{ProblemKind, Scenario};

    #[test]
    fn settings_survive_the_link() {
        let query = "prompt=8192&output=256&prefix=2000&min_tps=12.5&ttft=1.5s&tpot=7.5ms";
        let (scenario, problems) = Scenario::from_query(query);
        assert_eq!(problems, []);
        let wanted = Serving {
            prompt: 8192,
            output: 256,
            prefix: 2000,
            images: 0,
            min_tps: Some(12_500),
            ttft_us: Some(1_500_000),
            tpot_us: Some(7_500),
            measured: Vec::new(),
            arrival: Arrival::Spread,
        };
        assert_eq!(scenario.serving, wanted);
        assert_eq!(scenario.to_query(), query);
    }

    #[test]
    fn images_are_part_of_the_prompt() {
        let serving = Serving { images: 3, ..Serving::default() };
        assert_eq!(serving.with_images(256).prompt, serving.prompt + 768);
        assert_eq!(serving.with_images(256).live_tokens(32_768, 1), 1024 + 768 + 256);
        assert_eq!(Serving::default().with_images(256), Serving::default());
    }

    #[test]
    fn times_are_read_with_and_without_units() {
        let serving = |query: &str| Scenario::from_query(query).0.serving;
        assert_eq!(serving("ttft=2").ttft_us, Some(2_000_000));
        assert_eq!(serving("ttft=800ms").ttft_us, Some(800_000));
        assert_eq!(serving("tpot=50").tpot_us, Some(50_000));
        assert_eq!(serving("tpot=0.05 s").tpot_us, Some(50_000));
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
