//! What a format and a cache type cost in quality, as far as it was measured and published.

use serde::{Deserialize, Serialize};

use crate::units::Interval;

/// What a cell loses against the model as it was released.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Quality {
    /// By the format of the weights.
    pub weights: QualityNote,
    /// By the type of the KV cache.
    pub cache: QualityNote,
}

/// What is known of the loss by one format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "known", rename_all = "snake_case")]
pub enum QualityNote {
    /// It is what others are measured against: the format that the model was released in, or
    /// 16 bits.
    Reference,
    /// It was measured.
    Measured {
        /// What was measured, one entry for each metric; figures of different metrics or texts do
        /// not compare.
        figures: Vec<QualityFigure>,
    },
    /// Nothing was published that compares.
    NoData,
}

/// Published figures of one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct QualityFigure {
    /// What was measured: the cell's format or cache type, or what stands for it, such as
    /// `pure Q4_K` or `3.3 to 3.8 bits per weight`.
    pub format: String,
    /// Whose figures they are.
    pub basis: QualityBasis,
    /// The models; empty if it is the cell's own.
    pub models: Vec<String>,
    /// The metric.
    pub metric: QualityMetric,
    /// The lowest of the figures, their median and the highest; of benchmarks over several models
    /// the 10th and the 90th percentile.
    pub value: Interval<f64>,
    /// Number of figures behind the interval.
    pub count: u32,
    /// The text and window, or the benchmarks.
    pub data: String,
    /// Who or what quantised the model; empty for figures of several models.
    pub method: String,
    /// Where it was published.
    pub source: String,
}

/// Whose figures they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum QualityBasis {
    /// The model's own.
    Model,
    /// Those of models of its size band and kind, dense or with experts.
    Similar,
    /// Those of models of its kind in the size band nearest to its own that has any.
    OtherSize,
    /// Those of any models that were measured.
    AnyModel,
}

/// A metric of quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum QualityMetric {
    /// Mean Kullback-Leibler divergence of the next token's distribution from the reference, in
    /// nats.
    Divergence,
    /// How often the likeliest next token is that of the reference, in percent.
    Agreement,
    /// Rise of the perplexity over that of the reference, in percent.
    Perplexity,
    /// Scores of benchmarks less those of the reference, in points of 100.
    Benchmark,
}
