//! Accuracy: figures printed by engines and benchmarks, compared with the predictions of this
//! crate.
//!
//! The cases are in `tests/data`. They are compared natively, by the tests; the page shows the
//! resulting [`Table`], and a test checks that it matches the code.

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
#[cfg(not(target_arch = "wasm32"))]
pub mod verdict;

pub use table::Table;

use serde::{Deserialize, Serialize};

use crate::units::Interval;

/// A kind of measured figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// All memory of a process on a device, or all that a serving engine needs before its first
    /// token is cached.
    Total,
    /// Tensors of a GGUF file.
    File,
    /// Weights on the devices.
    Weights,
    /// Weights and memory outside PyTorch.
    Consumed,
    /// KV cache.
    KvCache,
    /// Recurrent state.
    State,
    /// KV cache and recurrent state together.
    Context,
    /// Capacity in tokens of a cache pool of a known size.
    PoolTokens,
    /// Number of blocks of a cache pool of a known size.
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
    /// Decoded tokens per second of one sequence.
    Decode,
    /// Decoded tokens per second of several sequences together.
    Batch,
    /// Prompt tokens per second.
    Prefill,
    /// Seconds to the first token of a single sequence.
    Ttft,
    /// Seconds to the first token while other sequences are served.
    TtftLoaded,
    /// Seconds per token.
    Tpot,
    /// Tokens per second over a whole run of prompts and answers.
    Throughput,
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// A count of tokens or blocks.
    Count,
    /// Tokens per second.
    Rate,
    /// Seconds.
    Seconds,
}

impl Figure {
    /// The figure's name in links and in the table.
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

    /// The figure's unit.
    pub fn unit(self) -> Unit {
        match self {
            Figure::PoolTokens | Figure::PoolBlocks => Unit::Count,
            Figure::Decode | Figure::Batch | Figure::Prefill | Figure::Throughput => Unit::Rate,
            Figure::Ttft | Figure::TtftLoaded | Figure::Tpot => Unit::Seconds,
            _ => Unit::Bytes,
        }
    }
}

/// A measured figure and its prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Id of the case.
    pub id: String,
    /// The engine that was measured.
    pub engine: String,
    /// The kind of figure.
    pub figure: Figure,
    /// Model, format, devices and settings according to the log.
    pub subject: Subject,
    /// Device family, for speeds.
    pub family: Option<String>,
    /// The predicted figure in bytes, tokens, tokens per second or seconds.
    pub predicted: Interval<f64>,
    /// The measured figure, in the unit of `predicted`.
    pub measured: f64,
    /// Half of the last printed digit, in the unit of `predicted`.
    pub printed: f64,
    /// URL of the log; empty if unknown.
    pub source: String,
    /// Whether the figure was transcribed by somebody instead of copied from a log.
    pub second_hand: bool,
}

/// The model, devices and settings of a case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Id of the model.
    pub model: String,
    /// Format of the weights.
    pub quant: String,
    /// Names of the devices.
    pub devices: String,
    /// Release or build of the engine.
    pub version: String,
    /// Tokens of context, or of the prompt.
    pub context: Option<u64>,
    /// Number of concurrent sequences.
    pub users: Option<u64>,
}

impl Comparison {
    /// Whether the measured figure is within the interval, allowing for its printed precision.
    pub fn covered(&self) -> bool {
        let Interval { low, high, .. } = self.predicted;
        low - self.printed <= self.measured && self.measured <= high + self.printed
    }

    /// Relative error of the prediction: of the measured figure, or of the corresponding rate if
    /// that is a time.
    pub fn error(&self) -> f64 {
        let (predicted, measured) = match self.figure.unit() {
            Unit::Seconds => (self.measured, self.predicted.expected),
            _ => (self.predicted.expected, self.measured),
        };
        let off = ((predicted - measured).abs() - self.printed).max(0.0);
        // If nothing was measured, any prediction is wrong by all of it.
        if measured > 0.0 { off / measured } else { off.min(1.0) }
    }

    /// Width of the interval as a share of the prediction.
    pub fn width(&self) -> f64 {
        let Interval { low, expected, high } = self.predicted;
        if expected > 0.0 { (high - low) / expected } else { 0.0 }
    }
}

/// Errors and coverage of a group of comparisons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of comparisons.
    pub n: usize,
    /// Number of comparisons within their interval.
    pub covered: usize,
    /// Median relative error.
    #[serde(with = "crate::decimal")]
    pub median: f64,
    /// 90th percentile of the relative error.
    #[serde(with = "crate::decimal")]
    pub p90: f64,
    /// Median width of the interval, as a share of the prediction.
    #[serde(with = "crate::decimal")]
    pub width: f64,
}

impl Summary {
    /// Summarises comparisons; without any, all errors are 0.
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

    /// Share of the comparisons within their interval; 1 without any.
    pub fn share(&self) -> f64 {
        if self.n == 0 { 1.0 } else { self.covered as f64 / self.n as f64 }
    }

    /// Whether nine of ten comparisons are within their interval.
    pub fn covers(&self) -> bool {
        self.covered * 10 >= self.n * 9
    }
}

/// Returns a percentile of sorted values; 0 without any.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(0.0)
}
