//! The form of `figures.json`, which `build.rs` checks and encodes.

use serde::{Deserialize, Serialize};

use super::decimal;

/// What quantisation was measured to cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Bits per weight between which mixes are pooled, from the fewest.
    pub bits: Vec<f64>,
    /// Total parameters in billions up to which the bands of dense models reach; the last is open.
    pub dense_bands: Vec<f64>,
    /// Those of mixtures of experts.
    pub moe_bands: Vec<f64>,
    /// Texts, windows and benchmarks.
    pub texts: Vec<String>,
    /// Makers, engines and methods.
    pub methods: Vec<String>,
    /// Where figures were published.
    pub sources: Vec<String>,
    /// Names of the models of the ranges.
    pub models: Vec<String>,
    /// Figures of models of the catalogue.
    pub measured: Vec<OfModel>,
    /// Ranges over models of one size band and kind.
    pub similar: Vec<Range>,
}

/// The figures of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfModel {
    /// Hugging Face id.
    pub model: String,
    /// Its figures.
    pub figures: Vec<Measured>,
}

/// What was measured of a model. Indexes are places in the tables of [`Figures`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// What `name` is a name of.
    pub subject: Subject,
    /// Name of a format, a ggml type or a cache type.
    pub name: String,
    /// What was measured.
    pub metric: Metric,
    /// The lowest of the figures.
    #[serde(with = "decimal")]
    pub low: f64,
    /// Their median.
    #[serde(with = "decimal")]
    pub median: f64,
    /// The highest.
    #[serde(with = "decimal")]
    pub high: f64,
    /// How many figures.
    pub count: u32,
    /// The text, window or benchmarks.
    pub text: u16,
    /// The maker, engine or method.
    pub method: u16,
    /// Where they were published.
    pub source: u16,
}

/// What was measured of several models.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Range {
    /// The kind of the models.
    pub kind: Kind,
    /// The size band of the models.
    pub band: u8,
    /// What `name` is a name of.
    pub subject: Subject,
    /// Name of a format, a ggml type or a cache type, or the fewest bits per weight.
    pub name: String,
    /// What was measured.
    pub metric: Metric,
    /// The lowest of the models; of benchmarks, the 10th percentile of all figures.
    #[serde(with = "decimal")]
    pub low: f64,
    /// Their median.
    #[serde(with = "decimal")]
    pub median: f64,
    /// The highest, or the 90th percentile.
    #[serde(with = "decimal")]
    pub high: f64,
    /// The models.
    pub models: Vec<u16>,
    /// How many figures.
    pub count: u32,
    /// The text and window.
    pub text: u16,
    /// Where they were published.
    pub source: u16,
}

/// What the name of a figure's subject is a name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// A format of the weights.
    #[serde(rename = "weights")]
    Weights,
    /// A ggml type that all tensors are of which can be quantised.
    #[serde(rename = "pure")]
    Pure,
    /// Bits per weight of a GGUF mix.
    #[serde(rename = "bits")]
    Bits,
    /// A cache type of llama.cpp.
    #[serde(rename = "llama.cpp")]
    LlamaCppCache,
    /// A cache type of vLLM, SGLang and TensorRT-LLM.
    #[serde(rename = "serving")]
    ServingCache,
    /// A cache type of MLX, as llama.cpp calls one of as many bits.
    #[serde(rename = "mlx")]
    MlxCache,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Mean Kullback-Leibler divergence of the next token's distribution, in nats.
    Divergence,
    /// How often the likeliest token is the same, in percent.
    Agreement,
    /// Rise of the perplexity, in percent.
    Perplexity,
    /// Scores of benchmarks less those of the reference, in points of 100.
    Benchmark,
}

/// A kind of model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Every weight is used for each token.
    Dense,
    /// A mixture of experts.
    Moe,
    /// Any, of whatever size.
    Any,
}
