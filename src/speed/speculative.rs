//! Speculative decoding: a draft proposes tokens, the model verifies them in one step.
//!
//! With `n` proposed tokens of which a share `a` is accepted, as engines print it, a step yields
//! `1 + n x a` tokens on average: the accepted ones and the model's own. (The acceptance of
//! Leviathan et al. 2023, arXiv 2211.17192, is another: that of a token whose predecessors were all
//! accepted.)
//!
//! Verifying reads the weights once for all proposed tokens, but it computes all of them and meets
//! the experts of all: what pays for one user, whose steps are bound by memory, can cost throughput
//! where many are bound by arithmetic. Engines propose nevertheless, so the figures show it. How
//! much a further token costs depends on the chip ([`StepCosts::further_tokens`]): on a V100 a third
//! of a step, on an RTX 5090 a tenth, on an M4 two thirds.
//!
//! [`StepCosts::further_tokens`]: super::calibration::StepCosts::further_tokens

use super::roofline::{Stage, Time};
use super::speed_model::{Draft, Proposer, SpeedModel};
use super::work::Work;

/// The pass that proposes a token by an MTP layer, as a share of a step of the model with `work`: a
/// layer of it and the head, by their bytes.
pub fn mtp_share(work: &Work, head_bytes: f64) -> f64 {
    let read = work.weight_bytes(1.0).max(1.0);
    (head_bytes + (read - head_bytes).max(0.0) / work.layers.max(1.0)) / read
}

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
            Proposer::Mtp(share) => self.mtp_step(batch).scaled(*share),
            Proposer::Model(model) => model.step(batch, depth),
        };
        let verify = self.verify_step(batch, draft.tokens + 1.0, depth);
        let round = verify + propose.scaled(draft.tokens) + self.between_rounds(draft);
        round.scaled(1.0 / draft.yielded())
    }

    /// A step as if the whole model were where its last layers are: on the devices, if there are any.
    fn mtp_step(&self, batch: f64) -> Time {
        let bytes = |stage: &Stage<'_>| stage.work.weight_bytes(batch);
        let (mut here, mut device_bytes) = (Time::default(), 0.0);
        for stage in self.stages.iter().filter(|stage| stage.prompts_on.is_none()) {
            here = here + stage.step(batch, 1.0, 0.0, &self.numerics);
            device_bytes += bytes(stage);
        }
        let all: f64 = self.stages.iter().map(bytes).sum();
        if device_bytes == 0.0 || device_bytes == all {
            return self.step(batch, 0.0);
        }
        here.scaled(all / device_bytes * self.correction.step.unwrap_or(1.0))
    }

    /// What a round takes besides its steps.
    fn between_rounds(&self, draft: &Draft) -> Time {
        let costs = self.stages.first().map(|stage| &stage.calibration.step);
        let ms = costs.map_or(0.0, |costs| costs.round_ms + draft.tokens * costs.proposal_ms);
        Time { fixed: ms * 1e-3, ..Time::default() }
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
