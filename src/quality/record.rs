//! The figures of `figures.json` as `build.rs` checks and encodes them: a column for each field, since
//! alike values in a row pack into half of what they take among others.

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;

/// What quantisation was measured to cost. Indexes are places in the tables.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Bits per weight between which mixes are pooled, from the fewest.
    pub bits: Vec<f64>,
    /// Total parameters in billions up to which the bands of dense models reach; the last is open.
    pub dense_bands: Vec<f64>,
    /// Those of mixtures of experts.
    pub moe_bands: Vec<f64>,
    /// Names of formats, ggml types and cache types, and the fewest bits per weight of ranges.
    pub names: Vec<String>,
    /// Texts, windows and benchmarks.
    pub texts: Vec<String>,
    /// Makers, engines and methods.
    pub methods: Vec<String>,
    /// Where figures were published.
    pub sources: Vec<String>,
    /// Names of the models of the ranges.
    pub models: Vec<String>,
    /// Hugging Face ids of models of the catalogue, each with how many figures are of it.
    pub measured: Vec<(String, u32)>,
    /// The figures of these models, in their order.
    pub own: Columns,
    /// The maker, engine or method of each of them.
    pub method: Vec<u16>,
    /// Ranges over models of one size band and kind.
    pub similar: Columns,
    /// The kind and the size band of the models of each of them.
    pub place: Vec<(Kind, u8)>,
    /// The models of each of them.
    pub of_models: Vec<Vec<u16>>,
}

/// Figures, or ranges over models, field by field.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Columns {
    /// What `name` is a name of.
    pub subject: Vec<Subject>,
    /// A name.
    pub name: Vec<u8>,
    /// What was measured.
    pub metric: Vec<Metric>,
    /// The median of the figures.
    pub median: Vec<Decimal>,
    /// The lowest and the highest, where they are not the same; of benchmarks in ranges, the 10th and the
    /// 90th percentile.
    pub spread: Vec<Option<(Decimal, Decimal)>>,
    /// How many figures.
    pub count: Vec<u32>,
    /// The text, window or benchmarks.
    pub text: Vec<u16>,
    /// Where they were published.
    pub source: Vec<u16>,
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
