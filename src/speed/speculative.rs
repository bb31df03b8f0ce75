//! Speculative decoding: a draft proposes tokens, the model checks them in one step.
//!
//! Leviathan et al. 2023 (arXiv 2211.17192): with `n` proposed tokens of which each is accepted
//! with probability `a`, a step yields `(1 - a^(n+1)) / (1 - a)` tokens on average.
//!
//! Checking reads the weights once for all proposed tokens, but it computes all of them and meets
//! the experts of all: what pays for one user, whose steps are bound by memory, can cost throughput
//! where many are bound by arithmetic. Engines propose all the same, so the figures show it.

use super::roofline::Time;
use super::setup::Setup;

/// What proposes tokens.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Tokens proposed a step.
    pub tokens: f64,
    /// Probability that a proposed token is accepted, 0 to 1: the user's to measure.
    pub acceptance: f64,
    /// What proposes them.
    pub by: Proposer,
}

/// What proposes tokens, as far as its speed goes.
#[derive(Clone, Debug)]
pub enum Proposer {
    /// The model's MTP layer: this share of a step of the model, its part of the layers and the
    /// head.
    Mtp(f64),
    /// A model of its own, beside the other.
    Model(Box<Setup<'static>>),
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
    /// The time after which each of `batch` sequences has one more token on average: a step, or
    /// with a draft one round of proposing and checking over what it yields.
    pub fn token(&self, batch: f64, depth: f64) -> Time {
        let Some(draft) = &self.draft else { return self.step(batch, depth) };
        let propose = match &draft.by {
            Proposer::Mtp(share) => self.step(batch, 0.0).scaled(*share),
            Proposer::Model(model) => model.step(batch, depth),
        };
        let check = self.check(batch, draft.tokens + 1.0, depth);
        (check + propose.scaled(draft.tokens)).scaled(1.0 / draft.yielded())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_yields_between_one_token_and_all() {
        let draft = |acceptance| Draft { tokens: 4.0, acceptance, by: Proposer::Mtp(0.0) };
        assert_eq!(draft(0.0).yielded(), 1.0);
        assert_eq!(draft(1.0).yielded(), 5.0);
        assert!((draft(0.5).yielded() - 1.9375).abs() < 1e-9);
    }
}
