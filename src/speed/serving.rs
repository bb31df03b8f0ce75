//! Many users: continuous batching, first-token latency, and how many can be served.
//!
//! A closed system: each of the users sends a prompt, reads the answer and sends the next. The
//! engine decodes all running sequences in one step and computes new prompts between steps. With B
//! sequences running, a request takes `output` steps and waits for the B prompts that fall into
//! that time, its own included, so the run delivers `B x output / (output x step(B) + B x prompt)`
//! tokens a second. Data ranks compute prompts at the same time. With a draft a step is the time of
//! a token ([`SpeedModel::token`]).
//!
//! Each time is known as well as what it is made of: prompts, or steps. Under load, where both were
//! measured together, all of it is as uncertain as throughput.

use super::calibration::Engine;
use super::roofline::{Bottleneck, Stage};
use super::speed_model::{Figure, SpeedModel};
use crate::scenario::Arrival;
use crate::units::Interval;

/// Load on a machine: users, their requests, and how many run at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Number of concurrent users, at least 1.
    pub users: f64,
    /// Tokens of a prompt.
    pub prompt: f64,
    /// Tokens of an answer.
    pub output: f64,
    /// Tokens at the start of the prompt that are already cached (prefix sharing).
    pub cached_prefix: f64,
    /// Number of sequences that fit into memory at once.
    pub fits: f64,
    /// Largest number of sequences that the scheduler runs (`--max-num-seqs`).
    pub scheduled: f64,
    /// Copies of the whole model among which the users are divided (data parallelism); `fits` and
    /// `scheduled` are per copy.
    pub copies: f64,
    /// How requests arrive.
    pub arrival: Arrival,
}

/// Latencies and throughput of the users of a machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// Number of sequences that run at once on each copy; the other users wait.
    pub running: f64,
    /// Seconds to the first token, including waiting.
    pub ttft_s: Interval<f64>,
    /// Seconds per token after the first.
    pub tpot_s: Interval<f64>,
    /// Answer tokens per second of all users and copies together.
    pub throughput: Interval<f64>,
    /// Share of the time spent on prompts, 0 to 1.
    pub prompt_share: f64,
    /// What limits the throughput.
    pub bottleneck: Bottleneck,
}

impl Load {
    /// Returns the load of a single user without a cached prefix.
    pub fn single(prompt: f64, output: f64) -> Load {
        let (fits, scheduled) = (f64::INFINITY, 256.0);
        let arrival = Arrival::default();
        Load {
            users: 1.0,
            prompt,
            output,
            cached_prefix: 0.0,
            fits,
            scheduled,
            copies: 1.0,
            arrival,
        }
    }

    /// Number of users per copy.
    fn share(&self) -> f64 {
        (self.users / self.copies.max(1.0)).max(1.0)
    }

    /// Number of sequences that run at once on one copy.
    pub fn running(&self) -> f64 {
        self.share().min(self.fits).min(self.scheduled).max(1.0)
    }

    /// Number of tokens before the middle of an answer.
    fn depth(&self) -> f64 {
        self.prompt + self.output / 2.0
    }
}

impl SpeedModel<'_> {
    /// Returns the latencies and the throughput under `load`.
    pub fn serve(&self, load: &Load) -> Service {
        let running = load.running();
        let output = load.output.max(1.0);
        let cached = load.cached_prefix.clamp(0.0, load.prompt);
        let step = self.token(running, load.depth());
        let fresh = load.prompt - cached;
        let prompt = self.prefill(fresh, cached);
        let (step_s, prompt_s) = (step.total(), prompt.total());
        // What each of the running sequences' prompts costs the others.
        let at_once = self.data().min(running);
        let turn_s = self.prompts(running / at_once, fresh, cached).total() / at_once;
        let batched = running > 1.0;
        let step_i = around(output * step_s, self.decode_factor(batched));
        let alone = self.prefill_factor(fresh);
        let prompt_factor = if batched { self.decode_factor(true) } else { alone };
        let cycle = step_i + around(running * turn_s, prompt_factor);
        let prompt_share = running * turn_s / cycle.expected;
        let tpot = step_i + around((running - 1.0) * turn_s, prompt_factor);
        // Prompts of others on the same rank that are being computed or wait as a new one arrives,
        // and a place among the running sequences where there are more users than places.
        let others = running - at_once;
        let alone_s = prompt_s / at_once;
        let (ahead, queue_share) = match load.arrival {
            // Of those that come together half are ahead on average, and half of the rounds.
            Arrival::Burst => (others / 2.0, 0.5),
            // A queue with random arrivals and equal times (M/D/1, Pollaczek and Khinchine): half
            // of what prompts take of the time over what is left of it, and no more than there are.
            // NIM on H100 with 5 to 100 users measured 0.9 to 1.0 of it.
            Arrival::Spread => ((running * alone_s / (output * step_s)).min(others) / 2.0, 1.0),
        };
        let waiting = ahead * alone_s;
        let queue = queue_share * (load.share() / running - 1.0).max(0.0);
        let ttft = around(self.request_s() + prompt_s + waiting, alone)
            + cycle.map(|seconds| queue * seconds);
        // With fewer users than copies some of those stand idle.
        let copies = load.copies.max(1.0).min(load.users.max(1.0));
        let tokens = copies * running * output;
        let bottleneck = match load.share() > running && load.fits < load.scheduled {
            true => Bottleneck::Memory,
            false if prompt_share > 0.5 => prompt.bottleneck(),
            false => step.bottleneck(),
        };
        Service {
            running,
            ttft_s: ttft,
            tpot_s: tpot.map(|seconds| seconds / output),
            throughput: Interval {
                low: tokens / cycle.high,
                expected: tokens / cycle.expected,
                high: tokens / cycle.low,
            },
            prompt_share,
            bottleneck,
        }
    }

    /// Seconds per decode step of the sequences that run under `load`, without a draft.
    pub(super) fn step_s(&self, load: &Load) -> f64 {
        self.step(load.running(), load.depth()).total()
    }

    /// The most users whose expected latencies stay within `ttft_s` and `tpot_s`; 0 if even one is
    /// too many. `load.users` is ignored.
    pub fn users_within(&self, load: &Load, ttft_s: f64, tpot_s: f64) -> u64 {
        let keeps = |users: u64| {
            let service = self.serve(&Load { users: users as f64, ..*load });
            service.ttft_s.expected <= ttft_s && service.tpot_s.expected <= tpot_s
        };
        if !keeps(1) {
            return 0;
        }
        let (mut good, mut bad) = (1u64, 2u64);
        while keeps(bad) {
            (good, bad) = (bad, bad * 2);
            if bad > 1 << 20 {
                return good;
            }
        }
        while bad - good > 1 {
            let middle = good.midpoint(bad);
            if keeps(middle) { good = middle } else { bad = middle }
        }
        good
    }

    /// Decode rate of a single user after `depth` tokens, in tokens per second, with the draft if
    /// there is one.
    pub fn decode_tps(&self, depth: f64) -> Interval<f64> {
        around(1.0 / self.token(1.0, depth).total(), self.decode_factor(false))
    }

    /// Decode rate of `batch` sequences together after `depth` tokens each, in tokens per second,
    /// without a draft.
    pub fn batch_tps(&self, batch: f64, depth: f64) -> Interval<f64> {
        around(batch / self.step(batch, depth).total(), self.decode_factor(batch > 1.0))
    }

    /// Prefill rate of a prompt of `tokens` after `depth` earlier tokens, in tokens per second.
    pub fn prefill_tps(&self, tokens: f64, depth: f64) -> Interval<f64> {
        let prompt = self.prefill(tokens, depth).total();
        let seconds = match self.soc_request_s() {
            // A few tokens are no slower than their steps.
            request if request > 0.0 => {
                let steps = prompt.max(tokens * self.step(1.0, depth).total());
                steps.min(request + prompt)
            }
            _ => prompt,
        };
        around(tokens / seconds, self.prefill_rate_factor(tokens))
    }

    /// Seconds from request to first token of a single user.
    pub fn ttft_s(&self, tokens: f64, depth: f64) -> Interval<f64> {
        let seconds = self.request_s() + self.prefill(tokens, depth).total();
        around(seconds, self.prefill_factor(tokens))
    }

    /// Seconds from a request to the start of its computation.
    fn request_s(&self) -> f64 {
        let seconds = self.stages.first().map_or(0.0, |s| s.calibration.prefill.request_ms * 1e-3);
        self.soc_request_s() + seconds * self.correction.prompt.unwrap_or(1.0)
    }

    /// What of it is so long on NVIDIA's systems on a chip, with serving engines, that the rates which
    /// people read off first tokens have it in them.
    fn soc_request_s(&self) -> f64 {
        let is_slow = |stage: &Stage<'_>| {
            stage.chip.is_soc && !stage.calibration.engines.contains(&Engine::LlamaCpp)
        };
        let seconds = if self.stages.first().is_some_and(is_slow) { SOC_REQUEST_S } else { 0.0 };
        seconds * self.correction.prompt.unwrap_or(1.0)
    }

    fn decode_factor(&self, batched: bool) -> f64 {
        match batched {
            true => self.interval_factor(Figure::Batch),
            false => self.interval_factor(Figure::Decode),
        }
    }

    fn prefill_factor(&self, tokens: f64) -> f64 {
        self.interval_factor(Figure::of_prompt(tokens))
    }
}

/// Seconds that a request takes beside its prompt on NVIDIA's systems on a chip with serving engines, by
/// what four prompts of 2,048 and 8,192 tokens took longer than their work on GB10: 0.30, 0.37, 0.26 and
/// 0.36 s (vLLM 0.27 and 0.28, `tests/data/cases.json`). First tokens of short prompts took 0.22 to 0.28
/// (github.com/guoqingbao/xinfer/pull/481).
const SOC_REQUEST_S: f64 = 0.28;

/// Returns the interval around `expected` with a half-width of `factor`.
pub fn around(expected: f64, factor: f64) -> Interval<f64> {
    Interval { low: expected / factor, expected, high: expected * factor }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::speed::{Chip, Engine, Numerics, PlacedPart, Software, Work};

    /// An 8B model in BF16 on an H100 under vLLM.
    fn model() -> SpeedModel<'static> {
        let chip = Chip::of(Catalog::bundled().device("h100-sxm").unwrap()).unwrap();
        let work = Work {
            layers: 32.0,
            dense_bytes: 15e9,
            dense_flops: 14e9,
            head_flops: 1e9,
            hidden: 4096.0,
            ..Work::default()
        };
        let software = Software::on(Engine::Vllm, &chip);
        SpeedModel::new(software, [PlacedPart::on(chip, work)], Numerics::default(), 8192.0)
            .unwrap()
    }

    #[test]
    fn a_target_is_kept_by_the_most_users_and_broken_by_one_more() {
        let (model, load) = (model(), Load::single(2000.0, 200.0));
        let most = model.users_within(&load, 1.0, 0.03);
        let keeps = |users: u64| {
            let service = model.serve(&Load { users: users as f64, ..load });
            service.ttft_s.expected <= 1.0 && service.tpot_s.expected <= 0.03
        };
        assert!(most > 1 && keeps(most) && !keeps(most + 1), "{most}");
        assert_eq!(model.users_within(&load, 1.0, 0.001), 0);
    }

    #[test]
    fn those_who_come_at_once_wait_longer() {
        let (model, load) = (model(), Load { users: 32.0, ..Load::single(2000.0, 500.0) });
        let first = |arrival| model.serve(&Load { arrival, ..load }).ttft_s.expected;
        let [burst, spread] = [Arrival::Burst, Arrival::Spread].map(first);
        assert!(burst > 2.0 * spread, "{burst} {spread}");
        let rate = |arrival| model.serve(&Load { arrival, ..load }).throughput.expected;
        assert_eq!(rate(Arrival::Burst), rate(Arrival::Spread));
        let alone = Load { users: 1.0, ..load };
        let alone = |arrival| model.serve(&Load { arrival, ..alone }).ttft_s.expected;
        assert_eq!(alone(Arrival::Burst), alone(Arrival::Spread));
    }

    #[test]
    fn a_shared_prefix_saves_its_prompt_and_copies_multiply_throughput() {
        let (model, load) = (model(), Load { users: 32.0, ..Load::single(4000.0, 200.0) });
        let shared = model.serve(&Load { cached_prefix: 3500.0, ..load });
        let alone = model.serve(&load);
        assert!(shared.ttft_s.expected < 0.5 * alone.ttft_s.expected);
        assert!(shared.throughput.expected > alone.throughput.expected);
        let two = model.serve(&Load { users: 64.0, copies: 2.0, ..load });
        assert_eq!(two.running, alone.running);
        let ratio = two.throughput.expected / alone.throughput.expected;
        assert!((ratio - 2.0).abs() < 1e-9);
    }
}
