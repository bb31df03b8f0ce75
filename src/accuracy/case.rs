//! The fields common to all cases of memory.

use serde::Deserialize;

use super::{Comparison, Figure, Subject};
use crate::units::{Bytes, GIB, Interval};

/// The fields of every case: the engine, the model, and the source of the log.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct CaseHeader {
    pub id: String,
    pub engine: String,
    grade: String,
    pub model: String,
    #[serde(default)]
    pub quant: String,
    #[serde(default)]
    pub gpus: String,
    version: Option<String>,
    #[serde(default)]
    pub source: String,
}

impl CaseHeader {
    /// Bytes of a device, where its name says them: `RTX PRO 5000 72GB`.
    pub fn named_memory(&self) -> Option<u64> {
        let words = self.gpus.split_whitespace();
        let gib = words.filter_map(|word| word.strip_suffix("GB")?.parse::<u64>().ok());
        gib.max().map(|gib| gib.saturating_mul(GIB))
    }

    /// Returns the comparison of a figure with its prediction, in bytes or tokens. `printed` is
    /// half of the last printed digit, `settings` the context and the number of sequences.
    pub fn compare(
        &self,
        figure: Figure,
        predicted: Interval<Bytes>,
        measured: f64,
        printed: f64,
        settings: (Option<u64>, Option<u64>),
    ) -> Comparison {
        let Interval { low, expected, high } = predicted;
        Comparison {
            id: self.id.clone(),
            engine: engine_name(&self.engine).to_owned(),
            figure,
            subject: Subject {
                model: self.model.clone(),
                quant: self.quant.clone(),
                devices: self.gpus.clone(),
                version: self.version.clone().unwrap_or_default(),
                context: settings.0,
                users: settings.1,
            },
            family: None,
            predicted: Interval {
                low: low.0 as f64,
                expected: expected.0 as f64,
                high: high.0 as f64,
            },
            measured,
            printed,
            source: self.source.clone(),
            second_hand: self.grade == "C",
        }
    }
}

/// Returns the usual name of an engine, given its lower-case name in the file.
pub(super) fn engine_name(engine: &str) -> &str {
    match engine {
        "vllm" => "vLLM",
        "sglang" => "SGLang",
        "tensorrt-llm" => "TensorRT-LLM",
        "mlx" => "MLX",
        "ollama" => "Ollama",
        other => other,
    }
}
