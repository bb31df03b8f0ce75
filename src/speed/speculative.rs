//! Speculative decoding: a draft proposes tokens, the model checks them in one step.
//!
//! Leviathan et al. 2023 (arXiv 2211.17192): with `n` proposed tokens of which each is accepted
//! with probability `a`, a step yields `(1 - a^(n+1)) / (1 - a)` tokens on average.

use super::setup::Setup;
use crate::units::Interval;

use super::serving::around;

/// A way to propose tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draft {
    /// Tokens proposed a step.
    pub tokens: f64,
    /// Probability that a proposed token is accepted, 0 to 1.
    pub acceptance: f64,
    /// Seconds to propose one token: a step of the draft model, next to nothing for n-grams, a
    /// layer's share for MTP heads.
    pub token_s: f64,
}

impl Draft {
    /// Tokens that one step yields on average.
    pub fn yielded(&self) -> f64 {
        let a = self.acceptance.clamp(0.0, 1.0);
        match a < 1.0 {
            true => (1.0 - a.powf(self.tokens + 1.0)) / (1.0 - a),
            false => self.tokens + 1.0,
        }
    }
}

impl Setup<'_> {
    /// Tokens a second for one user with speculative decoding. Checking n proposed tokens reads
    /// the weights (and the experts) of n + 1 and one sequence's cache. The interval is that of
    /// the plain rate: the acceptance is the user's to measure.
    pub fn speculative_tps(&self, depth: f64, draft: &Draft) -> Interval<f64> {
        let plain = self.decode_tps(depth);
        let checked = self.check_s(draft.tokens + 1.0, depth);
        let step = checked + draft.tokens * draft.token_s;
        around(draft.yielded() / step, plain.high / plain.expected)
    }

    /// A step over `tokens` of one sequence: as a batch of that many, but for the cache, which is
    /// read once.
    fn check_s(&self, tokens: f64, depth: f64) -> f64 {
        let batch = self.step(tokens, 0.0).total();
        let cache = self.step(1.0, depth).total() - self.step(1.0, 0.0).total();
        batch + cache
    }
}

#[cfg(test)]
mod tests {
    use super::Draft;

    #[test]
    fn a_draft_yields_between_one_token_and_all() {
        let draft = |acceptance| Draft { tokens: 4.0, acceptance, token_s: 0.0 };
        assert_eq!(draft(0.0).yielded(), 1.0);
        assert_eq!(draft(1.0).yielded(), 5.0);
        assert!((draft(0.5).yielded() - 1.9375).abs() < 1e-9);
    }
}
