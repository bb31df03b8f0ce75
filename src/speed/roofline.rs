//! The time of a decode step and of a prompt on one stage: fixed cost, memory, arithmetic, links.
//!
//! ```text
//! step    = fixed + (memory^3 + compute^3)^(1/3) + links
//! fixed   = layer_us x (layers + those with experts, recurrence, a latent) x (2 GHz / clock)^c
//! memory  = [ (W / (e BW))^4 + (W / (r x units x clock))^4 ]^(1/4) + B x K / (ek BW)
//! compute = B x F / rate
//! ```
//! W is what the batch reads of the weights, K what a sequence reads of its cache, F a token's
//! operations. A per-layer cost and a cap on what a compute unit can take in a clock are what
//! makes one set of coefficients serve a phone chip and an H100: achieved bandwidth rises with
//! the model's size and falls with bandwidth per unit. The powers let the larger term win
//! smoothly. Everything is divided by the devices of a tensor-parallel group, which pay for
//! exchanging the residual stream twice a layer; but caches only by their key/value heads, beyond
//! which they are copied. Where the group is made of data ranks (attention data parallelism), each
//! has a share of the sequences and the dense weights whole, and only the experts are divided by
//! all of its devices.

use super::calibration::{Calibration, Dequantise, Family, Peak, Rate};
use super::chip::{Chip, Precision};
use super::numerics::Numerics;
use super::work::Work;

/// What binds a step or a prompt.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename = "Limit", rename_all = "snake_case")]
pub enum Bottleneck {
    /// Memory bandwidth of the devices.
    #[default]
    Bandwidth,
    /// Arithmetic.
    Compute,
    /// Kernel launches and scheduling: a cost that no faster memory removes.
    Overhead,
    /// Links between devices.
    Interconnect,
    /// The host's memory or its link to the devices.
    Host,
    /// Memory size: no more sequences fit.
    Memory,
}

/// A time in seconds by its causes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Time {
    /// Kernel launches, scheduling.
    pub fixed: f64,
    /// Memory and arithmetic together, as far as they overlap.
    pub busy: f64,
    /// Memory alone.
    pub memory: f64,
    /// Arithmetic alone.
    pub compute: f64,
    /// Links between devices.
    pub links: f64,
    /// The part of `busy` spent on the host or on its link.
    pub host: f64,
}

impl Time {
    /// All of it, in seconds.
    pub fn total(&self) -> f64 {
        self.fixed + self.busy + self.links
    }

    /// The largest cause.
    pub fn bottleneck(&self) -> Bottleneck {
        let device = self.busy - self.host;
        let (memory, compute) = match self.memory >= self.compute {
            true => (device, 0.0),
            false => (0.0, device),
        };
        let causes = [
            (memory, Bottleneck::Bandwidth),
            (compute, Bottleneck::Compute),
            (self.fixed, Bottleneck::Overhead),
            (self.links, Bottleneck::Interconnect),
            (self.host, Bottleneck::Host),
        ];
        causes.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).map_or(Bottleneck::Bandwidth, |c| c.1)
    }

    /// A time with every cause `factor` times as long.
    pub fn scaled(self, factor: f64) -> Time {
        Time {
            fixed: self.fixed * factor,
            busy: self.busy * factor,
            memory: self.memory * factor,
            compute: self.compute * factor,
            links: self.links * factor,
            host: self.host * factor,
        }
    }
}

impl std::ops::Add for Time {
    type Output = Time;
    fn add(self, other: Time) -> Time {
        Time {
            fixed: self.fixed + other.fixed,
            busy: self.busy + other.busy,
            memory: self.memory + other.memory,
            compute: self.compute + other.compute,
            links: self.links + other.links,
            host: self.host + other.host,
        }
    }
}

impl std::iter::Sum for Time {
    fn sum<I: Iterator<Item = Time>>(times: I) -> Time {
        times.fold(Time::default(), std::ops::Add::add)
    }
}

/// The part of a model that a device, or a tensor-parallel group of like devices, runs.
#[derive(Clone, Debug)]
pub struct Stage<'a> {
    /// Its work.
    pub work: Work,
    /// The device.
    pub chip: Chip,
    /// Devices that share the routed experts: the tensor-parallel group, or several of them.
    pub width: f64,
    /// Data ranks that those devices are divided into, at least 1: each has the rest of the
    /// weights, and a share of the sequences.
    pub data: f64,
    /// They stand in several machines and meet over a network.
    pub network: bool,
    /// Coefficients.
    pub calibration: &'a Calibration,
    /// Where the work lies on the host: the device that computes prompts, to which the weights
    /// are streamed, with its coefficients. Tokens are decoded on the host itself.
    pub prompts_on: Option<(Chip, &'a Calibration)>,
}

/// A prompt shorter than this is computed where the weights lie (llama.cpp's threshold for
/// sending an operation to the device, `GGML_OP_OFFLOAD_MIN_BATCH`).
const STREAM_FROM_TOKENS: f64 = 32.0;

/// The larger of two times wins smoothly: the root of the sum of their third powers.
fn join3(a: f64, b: f64) -> f64 {
    (a * a * a + b * b * b).cbrt()
}

/// The larger of two times wins smoothly, less so than in [`join3`]: the root of the sum of their
/// fourth powers.
fn join4(a: f64, b: f64) -> f64 {
    let (a, b) = (a * a, b * b);
    (a * a + b * b).sqrt().sqrt()
}

impl Dequantise {
    /// Whether quantised weights are dequantised for a prompt on `chip`.
    fn on(self, chip: &Chip) -> bool {
        match self {
            Dequantise::Never => false,
            Dequantise::WithoutInt8 => chip.peaks.int8 == 0.0,
            Dequantise::Always => true,
        }
    }
}

impl Rate {
    /// Operations a second on `chip` with `precision`.
    pub fn on(&self, chip: &Chip, precision: Precision) -> f64 {
        let peak = match self.peak {
            Peak::Operands => chip.peaks.at(precision),
            Peak::HalfFast => chip.peaks.half_fast,
            Peak::Int8 => chip.peaks.at(Precision::Int8),
        };
        let units = chip.unit_hz.map_or(peak, |unit_hz| 512.0 * unit_hz);
        let peak = if peak > 0.0 { peak } else { units };
        self.share * units * (peak / units).powf(self.peak_exponent)
    }
}

/// The clock that `layer_us` is stated at.
const REFERENCE_CLOCK_HZ: f64 = 2e9;
/// The board power for each unit and clock that prefill rates are stated at: 1.5 W a GHz.
const REFERENCE_POWER: f64 = 1.5e-9;
/// What an all-reduce of a few kilobytes takes longer where it crosses a network. No measurements of
/// engines were fitted: nccl-tests print 19 microseconds for two ranks (NVIDIA/nccl-tests#150) and 75
/// for sixteen (NVIDIA/nccl#1453).
const NETWORK_S: f64 = 40e-6;
/// Bytes moved to dequantise a weight to 16 bits: 2 written, 2 read again.
const DEQUANTISING_BYTES: f64 = 4.0;
/// Share of a link's rate that a copy between host and device reaches.
const COPY_SHARE: f64 = 0.8;

impl Stage<'_> {
    /// What is known of the device's family.
    pub fn family(&self) -> Option<&Family> {
        self.calibration.families.get(&self.chip.family)
    }

    /// One decode step of `batch` sequences, each with `depth` earlier tokens, over `tokens` new
    /// ones of each: 1, or more where proposed ones are checked.
    pub fn step(&self, batch: f64, tokens: f64, depth: f64, numerics: &Numerics) -> Time {
        let (costs, work) = (&self.calibration.step, &self.work);
        // Of the fullest data rank.
        let share = (batch / self.data).max(batch.min(1.0));
        let (inner, all) = (self.width / self.data, batch * tokens);
        let memory = self.read_weights(all, numerics) + self.read_caches(share, depth, numerics);
        let dense = share * tokens * (work.decode_flops(depth) - work.expert_flops) / inner;
        let compute = (dense + all * work.expert_flops / self.width) / self.step_rate(numerics);
        let time = Time {
            fixed: self.launch(numerics),
            busy: join3(memory, compute),
            memory,
            compute,
            links: self.reduce(all, costs.reduce_us),
            host: 0.0,
        };
        let time = time.scaled(self.family().map_or(1.0, |family| family.step));
        // No coefficient may promise more than the memory gives.
        let experts = work.expert_bytes * work.distinct_experts(all) / self.width;
        let caches = work.caches.iter();
        let caches = caches.map(|c| c.entry_bytes * c.entries(depth) / inner.min(c.kv_heads));
        let rest = share * (caches.sum::<f64>() + work.state_bytes / inner);
        let floor = (work.dense_bytes / inner + experts + rest) / self.chip.bandwidth;
        self.on_host(Time { busy: time.busy.max(floor), ..time })
    }

    /// Kernel launches of one step.
    fn launch(&self, numerics: &Numerics) -> f64 {
        let (costs, work) = (&self.calibration.step, &self.work);
        let layers = work.layers
            + costs.moe_layer * work.moe_layers
            + costs.recurrent_layer * work.recurrent_layers
            + costs.latent_layer * work.latent_layers;
        let clock = self.chip.clock_hz.map_or(1.0, |hz| hz / REFERENCE_CLOCK_HZ);
        let dequantised = if numerics.dequantised { costs.dequantised_layer } else { 1.0 };
        costs.layer_us * 1e-6 * dequantised * layers * clock.powf(-costs.clock_exponent)
    }

    /// Reading the weights that `batch` tokens need.
    fn read_weights(&self, batch: f64, numerics: &Numerics) -> f64 {
        let (costs, work) = (&self.calibration.step, &self.work);
        let experts = if numerics.half_weights { costs.half_experts } else { 1.0 };
        let experts = work.expert_bytes * work.distinct_experts(batch) * experts;
        let bytes = work.dense_bytes * self.data / self.width + experts / self.width;
        let stream = bytes / (costs.bandwidth_share * self.chip.bandwidth);
        match (costs.unit_bytes, self.chip.unit_hz) {
            (Some(unit_bytes), Some(unit_hz)) => join4(stream, bytes / (unit_bytes * unit_hz)),
            _ => stream,
        }
    }

    /// Reading the caches and states of `batch` sequences of one data rank.
    fn read_caches(&self, batch: f64, depth: f64, numerics: &Numerics) -> f64 {
        let costs = &self.calibration.step;
        let plain = if numerics.flash_attention { 1.0 } else { costs.plain_attention_cache };
        let inner = self.width / self.data;
        let caches = self.work.caches.iter().map(|cache| {
            let latent = if cache.latent { costs.latent_cache } else { 1.0 };
            let repeated = match cache.latent {
                true => 1.0,
                false => cache.heads_per_kv_head.powf(costs.repeated_heads),
            };
            let divided = inner.min(cache.kv_heads);
            cache.entry_bytes * cache.entries(depth) * repeated / (latent * plain * divided)
        });
        let bytes = batch * (caches.sum::<f64>() + self.work.state_bytes / inner);
        bytes / (costs.cache_share * self.chip.bandwidth)
    }

    /// Rate of arithmetic of a decode step, one device.
    fn step_rate(&self, numerics: &Numerics) -> f64 {
        let costs = &self.calibration.step;
        let mut rate = costs.compute.on(&self.chip, numerics.precision);
        if self.work.expert_flops > 0.0 {
            rate *= costs.moe_compute;
        }
        if numerics.dequantised {
            rate *= costs.dequantised_compute;
        }
        rate
    }

    /// Two all-reduces a layer of the residual stream (16 bits a value) of `tokens`, by a ring,
    /// and their latency, which grows with every doubling of the devices.
    fn reduce(&self, tokens: f64, reduce_us: f64) -> f64 {
        if self.width <= 1.0 {
            return 0.0;
        }
        let layers = self.work.layers;
        let bytes = 2.0 * 2.0 * tokens * self.work.hidden * 2.0 * (self.width - 1.0) / self.width;
        let rate = self.calibration.step.link_share * self.chip.link;
        let network = if self.network { 2.0 * NETWORK_S } else { 0.0 };
        layers * (reduce_us * 1e-6 * self.width.log2() + network + bytes / rate)
    }

    /// One microbatch of `tokens` of a prompt after `depth` earlier ones. Of several data ranks it
    /// keeps one busy.
    pub fn microbatch(&self, tokens: f64, depth: f64, numerics: &Numerics) -> Time {
        let streamed = self.prompts_on.as_ref().filter(|_| tokens >= STREAM_FROM_TOKENS);
        let (chip, calibration) =
            streamed.map_or((&self.chip, self.calibration), |(chip, of_chip)| (chip, of_chip));
        let (costs, work) = (&calibration.prefill, &self.work);
        let inner = self.width / self.data;
        let boards = inner * prompt_boost(calibration, chip);
        let dequantised = !numerics.half_weights && costs.dequantise.on(chip);
        let products =
            if numerics.half_weights || dequantised { costs.half } else { costs.compute };
        let routed = tokens * work.expert_share;
        let experts = if numerics.half_weights { costs.half_experts } else { 1.0 };
        let filling = match routed > 0.0 {
            true => (1.0 + costs.expert_tokens / routed) / (costs.moe * experts),
            false => 1.0,
        };
        let mut compute = tokens * (work.dense_flops + work.expert_flops * filling);
        compute /= products.on(chip, numerics.precision) * boards;
        let mut attention = costs.attention.on(chip, numerics.precision) * boards;
        if work.latent_layers > 0.0 {
            attention *= costs.latent_attention;
        }
        if !numerics.flash_attention {
            attention *= costs.plain_attention;
        }
        compute += work.attention_flops(depth, tokens) / attention;
        let experts = work.expert_bytes * work.distinct_experts(tokens);
        let bytes = work.dense_bytes / inner + experts / self.width;
        let memory = bytes / (calibration.step.bandwidth_share * chip.bandwidth);
        let dequantising = match dequantised {
            true => DEQUANTISING_BYTES * work.weights(tokens) / inner,
            false => 0.0,
        };
        let dequantising = dequantising / (costs.dequantise_share * chip.bandwidth);
        let copy = streamed.map_or(0.0, |(chip, _)| bytes / (COPY_SHARE * chip.host_link));
        let busy = join4(join4(memory, compute), copy) + dequantising;
        let time = Time {
            fixed: costs.layer_us * 1e-6 * work.layers,
            busy,
            memory: memory + dequantising,
            compute,
            links: self.reduce(tokens, self.calibration.step.reduce_us),
            host: if copy > memory.max(compute) { busy } else { 0.0 },
        };
        if streamed.is_some() { time } else { self.on_host(time) }
    }

    /// A stage whose prompts run elsewhere lies on the host.
    fn on_host(&self, time: Time) -> Time {
        match self.prompts_on {
            Some(_) => Time { host: time.busy, ..time },
            None => time,
        }
    }
}

/// The factor by which the board's power and the device's family change the rates of a prompt.
fn prompt_boost(calibration: &Calibration, chip: &Chip) -> f64 {
    let family = calibration.families.get(&chip.family).map_or(1.0, |family| family.prefill);
    match (chip.power_w, chip.unit_hz) {
        (Some(power), Some(unit_hz)) => {
            family * (power / unit_hz / REFERENCE_POWER).powf(calibration.prefill.power_exponent)
        }
        _ => family,
    }
}
