//! Speculative decoding: a draft proposes tokens, the model verifies them in one step.
//!
//! With `n` proposed tokens of which a share `a` is accepted, as engines print it, a step yields
//! `1 + n x a` tokens on average: the accepted ones and the model's own. (The acceptance of
//! Leviathan et al. 2023, arXiv 2211.17192, is another: that of a token whose predecessors were all
//! accepted.)
//!
//! Verifying reads the weights once for all proposed tokens, but it computes all of them and meets
//! the experts of all: what pays for one user, whose steps are bound by memory, can cost throughput
//! where many are bound by arithmetic. Engines propose nevertheless, so the figures show it.

use super::roofline::Time;
use super::speed_model::{Draft, Proposer, SpeedModel};

impl Draft {
    /// Average number of tokens per step.
    pub fn yielded(&self) -> f64 {
        1.0 + self.tokens * self.acceptance.clamp(0.0, 1.0)
    }
}

impl SpeedModel<'_> {
    /// Average time per token of each of `batch` sequences: a step, or with a draft the time of a
    /// round of proposing and verifying divided by its tokens.
    pub fn token(&self, batch: f64, depth: f64) -> Time {
        let Some(draft) = &self.draft else { return self.step(batch, depth) };
        let propose = match &draft.by {
            Proposer::Mtp(share) => self.step(batch, 0.0).scaled(*share),
            Proposer::Model(model) => model.step(batch, depth),
        };
        let verify = self.verify_step(batch, draft.tokens + 1.0, depth);
        (verify + propose.scaled(draft.tokens)).scaled(1.0 / draft.yielded())
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
        assert_eq!(draft(0.5).yielded(), 3.0);
    }
}
