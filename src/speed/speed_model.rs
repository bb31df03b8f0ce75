//! The speed of a model on its devices: one step and one prompt through all stages.

use super::calibration::{Backend, Calibration, Engine, Evidence, Known, Software};
use super::chip::Chip;
use super::correction::Correction;
use super::numerics::Numerics;
use super::roofline::{STREAM_FROM_TOKENS, Stage, Time};
use super::work::Work;

/// A part of a model and the devices that hold it.
#[derive(Clone, Debug)]
pub struct PlacedPart {
    /// Bytes that the part reads and operations that it computes.
    pub work: Work,
    /// The device that holds the part; the host's CPU for a part left in RAM.
    pub chip: Chip,
    /// Number of identical devices that share every tensor of the part (tensor parallelism), at
    /// least 1; with data ranks, the devices of all ranks, which share the routed experts.
    pub width: u32,
    /// Number of data ranks among those devices, at least 1: see [`Stage::data`].
    pub data: u32,
    /// Whether the devices are in several machines: see [`Stage::network`]. Such an estimate is
    /// never called calibrated.
    pub network: bool,
    /// For a part on the host: the device that computes long prompts, to which the weights are
    /// streamed. Decoding takes place on the host.
    pub prompts_on: Option<Chip>,
}

impl PlacedPart {
    /// Returns a part on a single device.
    pub fn on(chip: Chip, work: Work) -> PlacedPart {
        PlacedPart { work, chip, width: 1, data: 1, network: false, prompts_on: None }
    }
}

/// A model on its devices, from which every figure of speed follows.
#[derive(Clone, Debug)]
pub struct SpeedModel<'a> {
    /// Stages in the order of the layers: one in tensor parallelism, several in a layer split or
    /// with a part on the host. Never empty.
    pub stages: Vec<Stage<'a>>,
    /// Number formats and kernels.
    pub numerics: Numerics,
    /// The longest microbatch of a prompt, in tokens (`--ubatch-size`,
    /// `--max-num-batched-tokens`).
    pub microbatch: f64,
    /// Whether the stages work on groups of the running sequences at the same time, as pipelines of
    /// serving engines do; otherwise a step passes all stages before the next one begins.
    pub pipelined: bool,
    /// The network between the hosts of the stages, where each is on a host of its own.
    pub network: Option<Network>,
    /// Speculative decoding, if it is used.
    pub draft: Option<Draft>,
    /// Whether the software was measured.
    pub known: Known,
    /// Correction by measurements on the machine itself.
    pub correction: Correction,
    /// How far the bytes that a token reads may be off, as a factor: 1 unless the shape of the model
    /// is hypothetical.
    pub shape_spread: f64,
}

/// A network between hosts, over which llama.cpp hands the residual stream on (`--rpc`).
///
/// The first host has the other stages compute: what a stage is given and what it returns, 32 bits
/// a value, passes through it (`ggml/src/ggml-rpc/ggml-rpc.cpp`). Servers come before the devices of
/// the first host, so the logits stay there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Bytes a second in one direction.
    pub rate: f64,
}

impl Network {
    /// Seconds that a stage on another host waits for messages in a step: an assumption, some round
    /// trips of TCP. Graphs are not sent again since November 2025 (`rpc : reuse compute graphs`).
    const ROUND_TRIPS_S: f64 = 0.5e-3;

    /// Seconds for `tokens` of `hidden` values each through `stages` stages.
    fn seconds(self, stages: f64, tokens: f64, hidden: f64) -> f64 {
        let bytes = 2.0 * 4.0 * tokens * hidden;
        (stages - 1.0).max(0.0) * (Network::ROUND_TRIPS_S + bytes / self.rate)
    }
}

/// Speculative decoding: tokens are proposed and verified by the model in one step.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Tokens proposed per step.
    pub tokens: f64,
    /// Share of the proposed tokens that are accepted, 0 to 1; given by the user.
    pub acceptance: f64,
    /// Source of the proposed tokens.
    pub by: Proposer,
}

/// Source of the tokens proposed in speculative decoding.
#[derive(Clone, Debug)]
pub enum Proposer {
    /// The model's MTP layer, as a share of the model's step: its part of the layers and the head.
    Mtp(f64),
    /// A separate draft model.
    Model(Box<SpeedModel<'static>>),
}

/// A kind of speed figure; each kind is calibrated by measurements of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Figure {
    /// Decoding for one user.
    Decode,
    /// Decoding for several.
    Batch,
    /// Prompts.
    Prefill,
    /// Prompts of fewer than 1,024 tokens, which take more than their arithmetic.
    ShortPrompt,
}

/// Tokens from which on a prompt's time is that of its arithmetic.
pub const SHORT_PROMPT: f64 = 1024.0;

impl Figure {
    /// The figure of a prompt of so many tokens.
    pub fn of_prompt(tokens: f64) -> Figure {
        if tokens < SHORT_PROMPT { Figure::ShortPrompt } else { Figure::Prefill }
    }

    /// Returns the measurements behind this kind of figure in `calibration`.
    pub fn evidence(self, calibration: &Calibration) -> &Evidence {
        match self {
            Figure::Decode => &calibration.decode_evidence,
            Figure::Batch => &calibration.batch_evidence,
            Figure::Prefill => &calibration.prefill_evidence,
            Figure::ShortPrompt => {
                let short = calibration.short_prompt_evidence.as_ref();
                short.unwrap_or(&calibration.prefill_evidence)
            }
        }
    }
}

impl SpeedModel<'static> {
    /// Creates the model of `parts`, in the order of the layers, run by `software`; `None` if there
    /// are no parts. `microbatch` is the largest number of prompt tokens computed at once.
    pub fn new(
        software: Software,
        parts: impl IntoIterator<Item = PlacedPart>,
        numerics: Numerics,
        microbatch: f64,
    ) -> Option<SpeedModel<'static>> {
        let mut known = Known::Measured;
        let stages = parts.into_iter().map(|part| {
            let backend = match part.chip.backend {
                Backend::Cpu => Backend::Cpu,
                _ => software.backend,
            };
            let (calibration, how) = Calibration::nearest(Software { backend, ..software })?;
            if how == Known::StandIn || part.network {
                known = Known::StandIn;
            }
            let PlacedPart { work, chip, width, data, network, prompts_on } = part;
            let prompts_on = match prompts_on {
                None => None,
                Some(chip) => {
                    let software = Software { backend: chip.backend, ..software };
                    let (calibration, _) = Calibration::nearest(software)?;
                    Some((chip, calibration))
                }
            };
            let data = f64::from(data.clamp(1, width.max(1)));
            let width = f64::from(width.max(1));
            Some(Stage { work, chip, width, data, network, calibration, prompts_on })
        });
        let stages = stages.collect::<Option<Vec<_>>>()?;
        let pipelined =
            matches!(software.engine, Engine::Vllm | Engine::Sglang | Engine::TensorRtLlm);
        let (network, draft, correction) = (None, None, Correction::default());
        let shape_spread = 1.0;
        let model = SpeedModel {
            stages,
            numerics,
            microbatch,
            pipelined,
            network,
            draft,
            known,
            correction,
            shape_spread,
        };
        (!model.stages.is_empty()).then_some(model)
    }
}

impl SpeedModel<'_> {
    /// Time of one decode step of `batch` sequences, each with `depth` earlier tokens.
    ///
    /// The stages of a layer split work one after another; those of a pipeline work on groups of
    /// sequences, and a step takes at least as long as the slowest stage needs for all groups.
    pub fn step(&self, batch: f64, depth: f64) -> Time {
        self.verify_step(batch, 1.0, depth)
    }

    /// Time of one step that verifies `tokens` drafted tokens of each of `batch` sequences.
    pub(super) fn verify_step(&self, batch: f64, tokens: f64, depth: f64) -> Time {
        let time = self.uncorrected_step(batch, tokens, depth);
        time.scaled(self.correction.step.unwrap_or(1.0))
    }

    fn uncorrected_step(&self, batch: f64, tokens: f64, depth: f64) -> Time {
        let groups = if self.pipelined { self.devices().min(batch).max(1.0) } else { 1.0 };
        let (sum, busiest) =
            self.sum_stages(|stage| stage.step(batch / groups, tokens, depth, &self.numerics));
        let mut time = sum.scaled((groups * busiest / sum.total()).max(1.0));
        if let Some(first) = self.stages.first() {
            let costs = &first.calibration.step;
            time.fixed += costs.sequence_us * 1e-6 * (batch - 1.0).max(0.0);
            time.links += costs.hop_us * 1e-6 * (self.devices() - 1.0);
            time.links += self.between_hosts(batch * tokens);
        }
        time
    }

    /// Returns the summed time of all stages and the seconds of the busiest device. The first
    /// device also computes the prompts of the part on the host.
    fn sum_stages(&self, time: impl Fn(&Stage<'_>) -> Time) -> (Time, f64) {
        let (mut sum, mut busiest, mut first) = (Time::default(), 0.0, 0.0);
        for (i, stage) in self.stages.iter().enumerate() {
            let time = time(stage);
            sum = sum + time;
            match i == 0 || stage.prompts_on.is_some() {
                true => first += time.total(),
                false => busiest = f64::max(busiest, time.total()),
            }
        }
        (sum, f64::max(busiest, first))
    }

    /// Seconds that `tokens` are on the network between the hosts of the stages.
    fn between_hosts(&self, tokens: f64) -> f64 {
        let hidden = self.stages.first().map_or(0.0, |stage| stage.work.hidden);
        let network = self.network;
        network.map_or(0.0, |network| network.seconds(self.devices(), tokens, hidden))
    }

    /// Number of stages on devices.
    fn devices(&self) -> f64 {
        self.stages.iter().filter(|s| s.prompts_on.is_none()).count().max(1) as f64
    }

    /// Number of data ranks, which compute prompts at the same time.
    pub(super) fn data(&self) -> f64 {
        self.stages.iter().map(|stage| stage.data).fold(1.0, f64::max)
    }

    /// Time of a prompt of `tokens` after `depth` earlier tokens, up to its first new token. The
    /// microbatches follow each other through the stages as far as the engine overlaps them.
    pub fn prefill(&self, tokens: f64, depth: f64) -> Time {
        self.prompts(1.0, tokens, depth)
    }

    /// Time of each of `n` consecutive prompts; in a pipeline they follow each other through the
    /// stages.
    pub(super) fn prompts(&self, n: f64, tokens: f64, depth: f64) -> Time {
        let time = self.prompts_after(n, tokens, depth);
        // What is cached already never slows: nearly all of a prompt takes no longer than all of it.
        let all = (depth > 0.0).then(|| self.prompts_after(n, tokens + depth, 0.0));
        all.filter(|all| all.total() < time.total()).unwrap_or(time)
    }

    fn prompts_after(&self, n: f64, tokens: f64, depth: f64) -> Time {
        let Some(first) = self.stages.first() else { return Time::default() };
        let n = if self.pipelined { n.max(1.0) } else { 1.0 };
        let tokens = tokens.max(1.0);
        let most = self.microbatch.max(1.0);
        // Whole microbatches and the rest, each at the mean depth of all tokens: attention grows
        // linearly along the prompt.
        let count = (tokens / most).floor();
        let rest = tokens - count * most;
        let part = |size: f64| self.microbatch(size, depth + (tokens - size) / 2.0);
        let whole = (count > 0.0).then(|| part(most));
        let rest = (rest > 0.0).then(|| part(rest));
        let parts = whole.map(|part| (count, part)).into_iter().chain(rest.map(|part| (1.0, part)));
        let (mut sum, mut pipelined, mut longest) = (Time::default(), 0.0, 0.0);
        for (count, (time, busiest)) in parts {
            sum = sum + time.scaled(count);
            pipelined += count * busiest;
            longest = f64::max(longest, time.total() - busiest);
        }
        // Of `n` prompts in a row, each: the first one fills the stages, the others follow.
        let pipelined = pipelined + longest / n;
        let share = first.calibration.prefill.pipeline;
        let time = sum.scaled(1.0 - share * (1.0 - pipelined / sum.total()));
        // The costs of a prompt are fitted to hundreds of tokens; a few are also steps, one of each
        // or one of all.
        let after = depth + tokens / 2.0;
        let one_by_one = self.uncorrected_step(1.0, 1.0, after).scaled(tokens);
        let at_once =
            (tokens <= FEW_PROMPT_TOKENS).then(|| self.uncorrected_step(1.0, tokens, after));
        let steps = at_once.into_iter().chain([one_by_one]);
        let shorter =
            |least: Time, time: Time| if time.total() < least.total() { time } else { least };
        steps.fold(time, shorter).scaled(self.correction.prompt.unwrap_or(1.0))
    }

    /// Time of a microbatch of a prompt through all stages, and the seconds of the busiest device.
    /// A few tokens too few to be sent to the device take no longer than with those few more.
    fn microbatch(&self, tokens: f64, depth: f64) -> (Time, f64) {
        let times = |tokens| {
            let (mut sum, busiest) =
                self.sum_stages(|stage| stage.microbatch(tokens, depth, &self.numerics));
            sum.links += self.between_hosts(tokens);
            (sum, busiest)
        };
        let sent = STREAM_FROM_TOKENS.min(self.microbatch);
        let least = times(tokens);
        if !self.is_mixed() || tokens >= sent {
            return least;
        }
        let longer = times(sent);
        if longer.0.total() < least.0.total() { longer } else { least }
    }

    /// Half-width of the interval of `figure`, as a factor. After a correction it is what the fit
    /// itself leaves: nine of ten of its residuals.
    pub fn interval_factor(&self, figure: Figure) -> f64 {
        let known = self.known_shape_interval_factor(figure);
        match self.shape_spread > 1.0 {
            // Both are off independently of each other.
            true => independent(self.shape_spread, known),
            false => known,
        }
    }

    /// Half-width of the interval of `figure` of a model whose shape is known, as a factor.
    fn known_shape_interval_factor(&self, figure: Figure) -> f64 {
        let uncorrected = self.uncorrected_interval_factor(figure);
        let correction = match figure {
            Figure::Decode | Figure::Batch => self.correction.step,
            Figure::Prefill | Figure::ShortPrompt => self.correction.prompt,
        };
        if correction.is_none() {
            return uncorrected;
        }
        let stages = self.stages.iter();
        let rest = stages.map(|stage| figure.evidence(stage.calibration).p90_pct / 100.0);
        uncorrected.min(1.0 + rest.fold(0.05, f64::max))
    }

    /// Half-width of the interval of `figure` without a correction, as a factor.
    fn uncorrected_interval_factor(&self, figure: Figure) -> f64 {
        let is_prompt = matches!(figure, Figure::Prefill | Figure::ShortPrompt);
        let stage = |stage: &Stage<'_>| {
            // Prompts of what lies in RAM are computed on a device, as far as it can be foreseen.
            let on_device = stage.prompts_on.as_ref().filter(|_| is_prompt);
            let (chip, calibration) = match on_device {
                Some((chip, calibration)) => (chip, *calibration),
                None => (&stage.chip, stage.calibration),
            };
            let families = &calibration.families;
            let measured = families.is_empty() || families.contains_key(&chip.family);
            let evidence = figure.evidence(calibration);
            if figure == Figure::Decode && stage.prompts_on.is_some() {
                return MIXED;
            }
            let reported = match figure {
                Figure::Decode => REPORTED_STEP,
                Figure::Prefill => REPORTED_PROMPT,
                Figure::Batch | Figure::ShortPrompt => 1.0,
            };
            // What reports vary by more than the collections widens an unmeasured family's as much.
            let widened = (reported / evidence.spread).max(1.0);
            let spread = if measured { evidence.spread } else { evidence.spread_unseen } * widened;
            // A figure without any measurement behind it.
            let spread = if evidence.n == 0 { spread.max(UNCALIBRATED) } else { spread };
            let is_told = matches!(figure, Figure::Decode | Figure::Prefill);
            let is_known = evidence.n >= ENOUGH && evidence.p90_pct <= WIDE_PCT;
            let spread = match is_told && measured && is_known {
                true => spread.min(WIDEST),
                false => spread,
            };
            let spread = if on_device.is_some() { spread.max(REPORTED_PROMPT) } else { spread };
            match is_prompt && chip.is_described {
                // A peak that may mean anything, whatever the software makes of it.
                true => independent(spread, UNCALIBRATED),
                false => spread,
            }
        };
        let worst = self.stages.iter().map(stage).fold(1.0, f64::max);
        match self.known {
            Known::Measured => worst,
            Known::StandIn => worst.max(UNCALIBRATED),
        }
    }

    /// Half-width of the interval of the rate of a prompt of `tokens`, as a factor. The first token of a
    /// serving engine varies by what handles its request too; the rate of a long prompt does not.
    pub(super) fn prefill_rate_factor(&self, tokens: f64) -> f64 {
        let figure = Figure::of_prompt(tokens);
        let factor = self.interval_factor(figure);
        let is_told = |stage: &Stage<'_>| {
            !stage.calibration.engines.contains(&Engine::LlamaCpp)
                && figure.evidence(stage.calibration).n >= ENOUGH
                && stage.family().is_some()
                && !stage.chip.is_described
        };
        let is_plain = figure == Figure::Prefill && self.shape_spread <= 1.0;
        match is_plain && self.known == Known::Measured && self.stages.iter().all(is_told) {
            true => factor.min(WIDEST),
            false => factor,
        }
    }

    /// Whether every figure rests on measurements of this software on this family of devices. There
    /// are none of models that are partly on the host.
    pub fn is_calibrated(&self) -> bool {
        let measured = |s: &Stage<'_>| s.calibration.families.is_empty() || s.family().is_some();
        self.known == Known::Measured && !self.is_mixed() && self.stages.iter().all(measured)
    }

    /// Whether a part of the model is on the host.
    pub fn is_mixed(&self) -> bool {
        let on_host = |stage: &Stage<'_>| stage.prompts_on.is_some();
        self.stages.iter().any(on_host)
    }

    /// Returns the stage with the widest interval of decoding.
    pub fn weakest(&self) -> Option<&Stage<'_>> {
        let spread = |stage: &Stage<'_>| stage.calibration.decode_evidence.spread;
        self.stages.iter().max_by(|a, b| spread(a).total_cmp(&spread(b)))
    }
}

/// Half-width of what is off by two factors independently of each other.
fn independent(a: f64, b: f64) -> f64 {
    a.max(1.0).ln().hypot(b.max(1.0).ln()).exp()
}

/// Tokens up to which a prompt takes no longer than a step that verifies as many: steps were
/// measured with batches of that size, prompts were not.
const FEW_PROMPT_TOKENS: f64 = 32.0;

/// Half-widths that the interval of a step and of a prompt have at least, as factors. People's runs
/// vary more than those of a collection, which one person made on machines of their own: power limits
/// and heat of laptops, other processes, builds of months before. Nine of ten reported steps and
/// prompts lie within them (`tests/data/cases.json`).
const REPORTED_STEP: f64 = 1.41;
const REPORTED_PROMPT: f64 = 1.8;

/// Half-width that the interval of a step or a prompt has at most where the engine was measured often
/// enough on this family of devices: a factor of two from end to end, as more tells little. 94 of 100
/// reported steps of llama.cpp lie within it, and three of four prompts, of which builds, front ends and
/// links between devices are not said (`tests/data/cases.json`). It does not hold where a tenth of the
/// measurements themselves is further off than [`WIDE_PCT`], but for the rates of long prompts on serving
/// engines: 12 of 14 measured ones lie within it, and 11 of 15 reported ones; what is further off there is
/// first tokens.
const WIDEST: f64 = 1.41;
const ENOUGH: u32 = 20;
const WIDE_PCT: f64 = 46.0;

/// Half-width of the interval of decoding with a part of the model in RAM, as a factor: two from end to
/// end. Of 15 public measurements of 11 models on five cards (in `tests/data/cases.json`; seven of them
/// gave [`Stage::step`]'s ratios), 13 lie within a factor of 1.25, the others within 1.34 and 1.57; of
/// five later ones three, the others within 2.9; seven more, asked before anything was fitted to them,
/// all within 1.19. So 25 of 27 lie within it, with hosts that are mostly not named.
const MIXED: f64 = 1.414;

/// Half-width of the interval, as a factor, if nothing was measured.
pub const UNCALIBRATED: f64 = 2.5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::tensors;
    use crate::catalog::Catalog;
    use crate::quant::{MixContext, Quant};
    use crate::speed::{Bottleneck, CacheBytes, Engine, Layers};

    fn layers(model: &str) -> Layers {
        let architecture = Catalog::bundled().model(model).unwrap().architecture();
        let list = tensors(architecture);
        let quant = Quant::parse("Q4_K_M").unwrap();
        let bytes = quant.tensor_bytes(MixContext::new(architecture, false), &list);
        let weights = list.iter().zip(bytes.iter().map(|bytes| bytes.0));
        Layers::new(architecture, weights, CacheBytes::SIXTEEN_BIT)
    }

    fn chip(id: &str) -> Chip {
        Chip::of(Catalog::bundled().device(id).unwrap()).unwrap()
    }

    fn run(parts: impl IntoIterator<Item = PlacedPart>) -> SpeedModel<'static> {
        let software = Software::on(Engine::LlamaCpp, &chip("rtx-4090"));
        SpeedModel::new(software, parts, Numerics::default(), 512.0).unwrap()
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let layers = layers("qwen3-30b-a3b");
        let whole = layers.whole();
        let first = layers.part(0..20, 0..20, false);
        let rest = layers.part(20..usize::MAX, 20..usize::MAX, true);
        assert_eq!(first.layers + rest.layers, whole.layers);
        assert_eq!(first.expert_bytes + rest.expert_bytes, whole.expert_bytes);
        assert_eq!(first.dense_bytes + rest.dense_bytes, whole.dense_bytes);
        let depth = 10_000.0;
        assert_eq!(first.cache_bytes(depth) + rest.cache_bytes(depth), whole.cache_bytes(depth));
        // 8 of 128 experts, and all of the rest.
        let active = whole.weight_bytes(1.0) / (whole.dense_bytes + whole.expert_bytes);
        assert!((0.08..0.2).contains(&active), "{active}");
    }

    #[test]
    fn experts_left_on_the_host_bind_decoding_and_long_prompts_stream_them() {
        let gpu = chip("rtx-4090");
        let layers = layers("qwen3-30b-a3b");
        let n = layers.len();
        let whole = run([PlacedPart::on(gpu.clone(), layers.whole())]);
        let kept = PlacedPart::on(gpu.clone(), layers.part(0..n, 0..0, true));
        let mut left = PlacedPart::on(chip("cpu-ddr5-5600-dual"), layers.part(0..0, 0..n, false));
        left.prompts_on = Some(gpu);
        let split = run([kept, left]);
        assert!(split.step(1.0, 0.0).total() > 2.0 * whole.step(1.0, 0.0).total());
        assert_eq!(split.step(1.0, 0.0).bottleneck(), Bottleneck::Host);
        // 16 GB of experts over PCIe 4.0 for every microbatch: some 0.7 s.
        let prompt = split.prefill(512.0, 0.0);
        assert_eq!(prompt.bottleneck(), Bottleneck::Host);
        assert!((0.5..1.5).contains(&prompt.total()), "{prompt:?}");
        assert!(split.interval_factor(Figure::Decode) > whole.interval_factor(Figure::Decode));
    }

    #[test]
    fn a_device_of_an_unmeasured_family_is_said_to_be_uncalibrated() {
        let on = |id: &str| run([PlacedPart::on(chip(id), layers("qwen3-8b").whole())]);
        let (known, unknown) = (on("rtx-3090"), on("rubin"));
        assert!(known.is_calibrated() && !unknown.is_calibrated());
        let width = |model: &SpeedModel<'_>| model.decode_tps(0.0).high / model.decode_tps(0.0).low;
        assert!(width(&unknown) > width(&known));
    }
}
