//! The time of a decode step and of a prompt on one stage: fixed cost, memory, arithmetic, links.
//!
//! ```text
//! step    = fixed + (memory^3 + compute^3)^(1/3) + links
//! fixed   = layer_us x (layers + those with experts, recurrence, a latent) x (2 GHz / clock)^c
//! memory  = [ (W / (e BW))^4 + (W / (r x units x clock))^4 ]^(1/4) + B x K / (ek BW)
//! compute = B x F / rate
//! ```
//! B is the number of sequences, W the bytes of weights that the batch reads, K the bytes of cache
//! that a sequence reads, and F the operations per token. A cost per layer and a limit on the bytes
//! per compute unit and clock let one set of coefficients serve a phone chip and an H100: the
//! achieved bandwidth rises with the model's size and falls with the bandwidth per unit. The powers
//! let the larger term dominate smoothly.
//!
//! Everything is divided by the devices of a tensor-parallel group, which exchange the residual
//! stream twice a layer; caches are divided by their key/value heads at most, beyond which they are
//! copied. In attention data parallelism, each data rank has a share of the sequences and all dense
//! weights, and only the experts are divided by all devices of the group.

use super::calibration::{Backend, Calibration, Dequantise, Engine, Family, Peak, Rate};
use super::chip::{Chip, Precision};
use super::numerics::Numerics;
use super::work::Work;

/// The resource that limits the speed of a decode step or a prompt.
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
    /// Kernel launches and scheduling: a cost that faster memory does not reduce.
    Overhead,
    /// Links between devices.
    Interconnect,
    /// Bandwidth of the host's memory or of its link to the devices.
    Host,
    /// Size of the devices' memory: no more sequences fit.
    Memory,
}

/// A time in seconds, divided by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Time {
    /// Kernel launches, scheduling.
    pub fixed: f64,
    /// Memory access and arithmetic, which overlap.
    pub busy: f64,
    /// Memory access alone.
    pub memory: f64,
    /// Arithmetic alone.
    pub compute: f64,
    /// Links between devices.
    pub links: f64,
    /// The part of `busy` spent on the host or on its link.
    pub host: f64,
}

impl Time {
    /// Total time in seconds.
    pub fn total(&self) -> f64 {
        self.fixed + self.busy + self.links
    }

    /// Returns the largest cause.
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

    /// Returns the time with every cause multiplied by `factor`.
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

/// The part of a model that a device or a tensor-parallel group of identical devices runs.
#[derive(Clone, Debug)]
pub struct Stage<'a> {
    /// Bytes that the part reads and operations that it computes.
    pub work: Work,
    /// The device.
    pub chip: Chip,
    /// Number of devices that share the routed experts: one tensor-parallel group, or several.
    pub width: f64,
    /// Number of data ranks among those devices, at least 1: each has all weights but the experts,
    /// and a share of the sequences.
    pub data: f64,
    /// Whether the devices are in several machines, connected by a network.
    pub network: bool,
    /// The fitted coefficients.
    pub calibration: &'a Calibration,
    /// For a stage on the host: the device that computes prompts, to which the weights are
    /// streamed, with its coefficients. Tokens are decoded on the host itself.
    pub prompts_on: Option<(Chip, &'a Calibration)>,
}

/// Tokens from which a prompt is computed on the device rather than where its weights are
/// (llama.cpp's threshold for sending an operation to the device, `GGML_OP_OFFLOAD_MIN_BATCH`).
pub(super) const STREAM_FROM_TOKENS: f64 = 32.0;

/// The most tokens of a step that llama.cpp's matrix-vector kernels take (`MMVQ_MAX_BATCH_SIZE`,
/// `mul_mat_vec_max_cols`, `ne11_mm_min`).
const FEW_TOKENS: f64 = 8.0;

/// Smooth maximum of two times: the cube root of the sum of their cubes.
fn join3(a: f64, b: f64) -> f64 {
    (a * a * a + b * b * b).cbrt()
}

/// Smooth maximum of two times, sharper than [`join3`]: the fourth root of the sum of their fourth
/// powers.
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
    /// Operations per second on `chip` with `precision`.
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

/// Clock at which `layer_us` is stated.
const REFERENCE_CLOCK_HZ: f64 = 2e9;
/// Board power per unit and clock at which prefill rates are stated: 1.5 W per GHz.
const REFERENCE_POWER: f64 = 1.5e-9;
/// Additional time of an all-reduce of a few kilobytes that crosses a network. It is not fitted to
/// measurements of engines: nccl-tests print 19 microseconds for two ranks (NVIDIA/nccl-tests#150)
/// and 75 for sixteen (NVIDIA/nccl#1453).
const NETWORK_S: f64 = 40e-6;
/// Additional seconds of a layer with compressed attention in a step of llama.cpp, which makes hundreds
/// of small operations of it: 43 of them take 26 ms of DeepSeek-V4-Flash on two DGX Sparks
/// (llama.cpp#26610) and 31 on a Radeon 8060S through ROCm (kyuz0/amd-strix-halo-toolboxes, August 2026).
const COMPRESSED_LAYER_S: f64 = 0.65e-3;
/// The same through Vulkan, where they take 83 ms, and Metal.
const COMPRESSED_LAYER_SHADERS_S: f64 = 1.9e-3;
/// Bytes moved to dequantise a weight to 16 bits: 2 written, 2 read again.
const DEQUANTISING_BYTES: f64 = 4.0;
/// Share of a link's rate achieved by a copy between host and device.
const COPY_SHARE: f64 = 0.8;

/// What a part of a dense model on the host takes in a step beside a device, as a ratio of the same on
/// a machine that has no other: its threads sleep while the device computes. Fitted to five models on
/// an RTX 2080 with an i9-10900X (llmfit#774, #775 and #778: 1.2 to 1.45).
const BESIDE_DEVICE: f64 = 1.3;
/// The same of routed experts, which alternate with the device in each layer. Fitted to two models
/// there (llmfit#775 and #778: 1.6 and 1.7); five others in `tests/data/cases.json` need 1.05 to 2.
const EXPERTS_BESIDE_DEVICE: f64 = 1.65;

impl Stage<'_> {
    /// Returns the coefficients of the device's family, if it was measured.
    pub fn family(&self) -> Option<&Family> {
        self.calibration.families.get(&self.chip.family)
    }

    /// Time of a decode step of `batch` sequences, each with `depth` earlier and `tokens` new
    /// tokens: 1, or more if drafted tokens are verified.
    pub fn step(&self, batch: f64, tokens: f64, depth: f64, numerics: &Numerics) -> Time {
        let time = self.step_here(batch, tokens, depth, numerics);
        let Some((chip, calibration)) = &self.prompts_on else { return time };
        let experts = self.work.expert_bytes > 0.0;
        let time = time.scaled(if experts { EXPERTS_BESIDE_DEVICE } else { BESIDE_DEVICE });
        // What is left on the host is no faster for that: costs of launches are fitted apart, and
        // an assumed host may have the faster memory.
        let (chip, work) = (chip.clone(), self.work.clone());
        let there = Stage { chip, work, calibration, prompts_on: None, ..*self };
        let there = there.step_here(batch, tokens, depth, numerics).total();
        time.scaled((there / time.total()).max(1.0))
    }

    fn step_here(&self, batch: f64, tokens: f64, depth: f64, numerics: &Numerics) -> Time {
        let (costs, work) = (&self.calibration.step, &self.work);
        // Of the fullest data rank.
        let share = (batch / self.data).max(batch.min(1.0));
        let (inner, all) = (self.width / self.data, batch * tokens);
        let memory = self.read_weights(all, numerics) + self.read_caches(share, depth, numerics);
        let dense = share * tokens * (work.decode_flops(depth) - work.expert_flops) / inner;
        let compute = (dense + all * work.expert_flops / self.width) / self.step_rate(numerics);
        let first = join3(memory, compute / all.max(1.0)) + self.further_tokens(all, numerics);
        let time = Time {
            fixed: self.launch(numerics),
            busy: if self.is_processor() { first } else { first.max(join3(memory, compute)) },
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

    /// Seconds of the kernel launches of a step.
    fn launch(&self, numerics: &Numerics) -> f64 {
        let (costs, work) = (&self.calibration.step, &self.work);
        let layers = work.layers
            + costs.moe_layer * work.moe_layers
            + costs.recurrent_layer * work.recurrent_layers
            + costs.latent_layer * work.latent_layers;
        let clock = self.chip.clock_hz.map_or(1.0, |hz| hz / REFERENCE_CLOCK_HZ);
        let dequantised = if numerics.dequantised { costs.dequantised_layer } else { 1.0 };
        let compressed = match self.calibration.backend {
            Backend::Cpu => 0.0,
            Backend::Vulkan | Backend::Metal => COMPRESSED_LAYER_SHADERS_S,
            _ => COMPRESSED_LAYER_S,
        };
        let llama_cpp = self.calibration.engines.contains(&Engine::LlamaCpp);
        let compressed = if llama_cpp { compressed * work.compressed_layers } else { 0.0 };
        costs.layer_us * 1e-6 * dequantised * layers * clock.powf(-costs.clock_exponent)
            + compressed
    }

    /// Seconds of reading the weights that `batch` tokens need.
    fn read_weights(&self, batch: f64, numerics: &Numerics) -> f64 {
        let (costs, work) = (&self.calibration.step, &self.work);
        let experts = if numerics.half_weights { costs.half_experts } else { 1.0 };
        let experts = work.expert_bytes * work.distinct_experts(batch) * experts;
        let bytes = work.dense_bytes * self.data / self.width + experts / self.width;
        let stream = bytes / (costs.bandwidth_share * self.chip.bandwidth);
        match (costs.unit_bytes, self.chip.unit_hz) {
            (Some(unit_bytes), Some(unit_hz)) => {
                let of_soc = if self.chip.is_soc { costs.soc_unit_bytes } else { 1.0 };
                join4(stream, bytes / (of_soc * unit_bytes * unit_hz))
            }
            _ => stream,
        }
    }

    /// Seconds of reading the caches and states of `batch` sequences of one data rank.
    fn read_caches(&self, batch: f64, depth: f64, numerics: &Numerics) -> f64 {
        let costs = &self.calibration.step;
        let plain = if numerics.flash_attention { 1.0 } else { costs.plain_attention_cache };
        let inner = self.width / self.data;
        let layers = (self.work.layers - self.work.recurrent_layers).max(1.0);
        let caches = self.work.caches.iter().map(|cache| {
            let latent = if cache.latent { costs.latent_cache } else { 1.0 };
            let repeated = match cache.latent {
                true => 1.0,
                false => cache.heads_per_kv_head.powf(match self.chip.has_matrix_units() {
                    true => costs.repeated_heads_matrix,
                    false => costs.repeated_heads,
                }),
            };
            let divided = inner.min(cache.kv_heads);
            let bytes = cache.entry_bytes * cache.entries(depth);
            let again = (bytes - layers * costs.repeated_from).max(0.0) * (repeated - 1.0);
            (bytes + again) / (latent * plain * divided)
        });
        let bytes = batch * (caches.sum::<f64>() + self.work.state_bytes / inner);
        bytes / (costs.cache_share * self.chip.bandwidth)
    }

    /// Operations per second of one device in a decode step.
    fn step_rate(&self, numerics: &Numerics) -> f64 {
        let costs = &self.calibration.step;
        let mut rate = costs.compute.on(&self.chip, numerics.precision);
        // Of the model, wherever its experts are: they may not make attention faster by leaving.
        if self.work.expert_share > 0.0 {
            rate *= costs.moe_compute;
        }
        if numerics.dequantised {
            rate *= costs.dequantised_compute;
        }
        rate
    }

    /// Whether a processor computes it, whose further tokens cost what those of a prompt do, however
    /// many they are: it unpacks weights once for several.
    fn is_processor(&self) -> bool {
        self.chip.backend == Backend::Cpu
    }

    /// Seconds of multiplying all but the first of `tokens` with the weights in kernels that take a few
    /// tokens; a step of more takes no less, and is computed by others.
    fn further_tokens(&self, tokens: f64, numerics: &Numerics) -> f64 {
        let costs = &self.calibration.step;
        let Some(rate) = &costs.further_tokens else { return 0.0 };
        let ratio = if numerics.k_types { costs.k_types } else { 1.0 };
        let work = &self.work;
        let inner = self.width / self.data;
        let one =
            work.dense_flops / inner + (work.head_flops / inner) + work.expert_flops / self.width;
        let few = if self.is_processor() { tokens } else { tokens.min(FEW_TOKENS) };
        // At worst the weights are read again for each.
        let one = ratio * one / rate.on(&self.chip, Precision::Half);
        (few - 1.0).max(0.0) * one.min(self.read_weights(1.0, numerics))
    }

    /// Seconds of two all-reduces per layer of the residual stream (16 bits per value) of `tokens`:
    /// a ring, with a latency that grows with every doubling of the devices.
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

    /// Time of a microbatch of `tokens` of a prompt after `depth` earlier tokens. It occupies one
    /// of several data ranks.
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
        // Only experts that are picked compute tokens in vain: of a short prompt, few are.
        let picked = work.distinct_experts(tokens);
        let filling = match routed > 0.0 {
            true => (1.0 + costs.expert_tokens * picked / routed) / (costs.moe * experts),
            false => 1.0,
        };
        // Grouped products gain nothing from narrow formats: on a B200 the experts of 35B-A3B take a
        // prompt as long in FP8 and FP4 as in BF16, and on an RTX 5090 in FP4 as in 16 bits.
        let dense = work.dense_flops / products.on(chip, numerics.precision);
        let experts = work.expert_flops * filling / products.on(chip, Precision::Half);
        let mut compute = tokens * (dense + experts) / boards;
        let mut attention = costs.attention.on(chip, numerics.precision) * boards;
        if work.latent_layers > 0.0 {
            attention *= costs.latent_attention;
        }
        if !numerics.flash_attention {
            attention *= costs.plain_attention;
        }
        compute += work.attention_flops(depth, tokens) / attention;
        let experts = work.expert_bytes * picked;
        let bytes = work.dense_bytes / inner + experts / self.width;
        let memory = bytes / (calibration.step.bandwidth_share * chip.bandwidth);
        let dequantising = match dequantised {
            true => DEQUANTISING_BYTES * work.weights(tokens) / inner,
            false => 0.0,
        };
        let dequantising = dequantising / (costs.dequantise_share * chip.bandwidth);
        let copy = streamed.map_or(0.0, |(chip, _)| bytes / (COPY_SHARE * chip.host_link));
        let scan = tokens * work.recurrent_layers * costs.recurrent_ops / chip.peaks.half.max(1.0);
        let busy = join4(join4(memory, compute), copy) + dequantising + scan;
        compute += scan;
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

    /// Attributes the busy time to the host if the stage is there.
    fn on_host(&self, time: Time) -> Time {
        match self.prompts_on {
            Some(_) => Time { host: time.busy, ..time },
            None => time,
        }
    }
}

/// Factor by which the board's power and the device's family change the rates of a prompt.
fn prompt_boost(calibration: &Calibration, chip: &Chip) -> f64 {
    let family = calibration.families.get(&chip.family).map_or(1.0, |family| family.prefill);
    match (chip.power_w, chip.unit_hz) {
        (Some(power), Some(unit_hz)) => {
            family * (power / unit_hz / REFERENCE_POWER).powf(calibration.prefill.power_exponent)
        }
        _ => family,
    }
}
