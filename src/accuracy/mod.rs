//! Predicted against measured: figures that engines and benchmarks printed, each beside what this
//! crate predicts for it, and how far apart they are.
//!
//! The cases lie in `tests/data`. The comparison is made natively, by the tests; what the page
//! shows of it is [`Table`], which a test keeps in step with the code.

#[cfg(not(target_arch = "wasm32"))]
pub mod build_table;
#[cfg(not(target_arch = "wasm32"))]
mod case;
#[cfg(not(target_arch = "wasm32"))]
mod llama_cpp;
#[cfg(not(target_arch = "wasm32"))]
pub mod memory;
#[cfg(not(target_arch = "wasm32"))]
mod serving_engines;
#[cfg(not(target_arch = "wasm32"))]
pub mod speed;
pub mod table;

pub use table::Table;

use serde::{Deserialize, Serialize};

use crate::units::Interval;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Everything that a process takes on a device, or all that a serving engine needs before its
    /// first token is cached.
    Total,
    /// Tensors of a GGUF file.
    File,
    /// Weights on the devices.
    Weights,
    /// Weights and what lies outside PyTorch.
    Consumed,
    /// KV cache.
    KvCache,
    /// Recurrent state.
    State,
    /// KV cache and recurrent state together.
    Context,
    /// Tokens that a cache pool of a known size holds.
    PoolTokens,
    /// Blocks of a cache pool of a known size.
    PoolBlocks,
    /// Compute buffer on a device.
    Compute,
    /// Compute buffer on the host.
    HostCompute,
    /// Peak activations of a serving engine.
    Activations,
    /// CUDA graphs.
    CudaGraphs,
    /// Memory outside PyTorch.
    OutsideTorch,
    /// Tokens decoded a second, one sequence.
    Decode,
    /// Tokens decoded a second, several sequences together.
    Batch,
    /// Prompt tokens a second.
    Prefill,
    /// Seconds to the first token, one sequence.
    Ttft,
    /// Seconds to the first token while other sequences are served.
    TtftLoaded,
    /// Seconds a token.
    Tpot,
    /// Tokens a second over a whole run of prompts and answers.
    Throughput,
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// A count of tokens or blocks.
    Count,
    /// Tokens a second.
    Rate,
    /// Seconds.
    Seconds,
}

impl Figure {
    /// Its name in links and in the table.
    pub const fn key(self) -> &'static str {
        match self {
            Figure::Total => "total",
            Figure::File => "file",
            Figure::Weights => "weights",
            Figure::Consumed => "consumed",
            Figure::KvCache => "kv_cache",
            Figure::State => "state",
            Figure::Context => "context",
            Figure::PoolTokens => "pool_tokens",
            Figure::PoolBlocks => "pool_blocks",
            Figure::Compute => "compute",
            Figure::HostCompute => "host_compute",
            Figure::Activations => "activations",
            Figure::CudaGraphs => "cuda_graphs",
            Figure::OutsideTorch => "outside_torch",
            Figure::Decode => "decode",
            Figure::Batch => "batch",
            Figure::Prefill => "prefill",
            Figure::Ttft => "ttft",
            Figure::TtftLoaded => "ttft_loaded",
            Figure::Tpot => "tpot",
            Figure::Throughput => "throughput",
        }
    }

    /// The unit that it is in.
    pub fn unit(self) -> Unit {
        match self {
            Figure::PoolTokens | Figure::PoolBlocks => Unit::Count,
            Figure::Decode | Figure::Batch | Figure::Prefill | Figure::Throughput => Unit::Rate,
            Figure::Ttft | Figure::TtftLoaded | Figure::Tpot => Unit::Seconds,
            _ => Unit::Bytes,
        }
    }
}

/// A measured figure beside its prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The case.
    pub id: String,
    /// The engine that was measured.
    pub engine: String,
    /// What was measured.
    pub figure: Figure,
    /// Model, format, devices and settings, as the log has them.
    pub subject: Subject,
    /// Of a speed, the family of the device.
    pub family: Option<String>,
    /// Bytes, tokens, tokens a second or seconds.
    pub predicted: Interval<f64>,
    /// In the same unit.
    pub measured: f64,
    /// Half of the last printed digit, in the same unit.
    pub printed: f64,
    /// The address of the log; empty where it is not known.
    pub source: String,
    /// The figure was transcribed by somebody, not copied from a log.
    pub second_hand: bool,
}

/// What a case is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Model id.
    pub model: String,
    /// Format of the weights.
    pub quant: String,
    /// Devices.
    pub devices: String,
    /// Release or build of the engine.
    pub version: String,
    /// Tokens of context, or of the prompt.
    pub context: Option<u64>,
    /// Sequences at the same time.
    pub users: Option<u64>,
}

impl Comparison {
    /// The measured figure lies within the interval, as far as it was printed.
    pub fn covered(&self) -> bool {
        let Interval { low, high, .. } = self.predicted;
        low - self.printed <= self.measured && self.measured <= high + self.printed
    }

    /// Share by which the prediction is off: of what was measured, or of the rate that a measured
    /// time stands for.
    pub fn error(&self) -> f64 {
        let (predicted, measured) = match self.figure.unit() {
            Unit::Seconds => (self.measured, self.predicted.expected),
            _ => (self.predicted.expected, self.measured),
        };
        let off = ((predicted - measured).abs() - self.printed).max(0.0);
        // Of nothing measured, whatever is predicted is wrong by all of it.
        if measured > 0.0 { off / measured } else { off.min(1.0) }
    }

    /// Width of the interval as a share of the prediction.
    pub fn width(&self) -> f64 {
        let Interval { low, expected, high } = self.predicted;
        if expected > 0.0 { (high - low) / expected } else { 0.0 }
    }
}

/// How a group of comparisons came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Comparisons.
    pub n: usize,
    /// Those within their interval.
    pub covered: usize,
    /// Median error, as a share.
    pub median: f64,
    /// 90th percentile of the error.
    pub p90: f64,
    /// Median width of the interval, as a share of the prediction.
    pub width: f64,
}

impl Summary {
    /// Of these comparisons; none are no error.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a Comparison>) -> Summary {
        let cases: Vec<&Comparison> = cases.into_iter().collect();
        let sorted = |of: fn(&Comparison) -> f64| {
            let mut values: Vec<f64> = cases.iter().map(|case| of(case)).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (errors, widths) = (sorted(Comparison::error), sorted(Comparison::width));
        Summary {
            n: cases.len(),
            covered: cases.iter().filter(|case| case.covered()).count(),
            median: percentile(&errors, 0.5),
            p90: percentile(&errors, 0.9),
            width: percentile(&widths, 0.5),
        }
    }

    /// Share of those within their interval; all of none.
    pub fn share(&self) -> f64 {
        if self.n == 0 { 1.0 } else { self.covered as f64 / self.n as f64 }
    }

    /// Nine of ten lie within their interval.
    pub fn covers(&self) -> bool {
        self.covered * 10 >= self.n * 9
    }
}

/// A percentile of sorted values; 0 of none.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(0.0)
}
