//! Memory: the cases of `tests/data/measured-memory.json`, which
//! `xtask/data/memory_cases.py` writes.

use serde::Deserialize;

pub use super::gguf::FitInput;
use super::{Comparison, Figure, Subject, gguf, profile};
use crate::units::{Bytes, Interval};

/// What every case has.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Head {
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

impl Head {
    /// `figure` was predicted and measured, in bytes or tokens; `printed` is half of its last
    /// digit.
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
            engine: name(&self.engine).to_owned(),
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

/// How an engine is called.
fn name(engine: &str) -> &str {
    match engine {
        "vllm" => "vLLM",
        "sglang" => "SGLang",
        "tensorrt-llm" => "TensorRT-LLM",
        "mlx" => "MLX",
        "ollama" => "Ollama",
        other => other,
    }
}

/// A case of the file.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Case {
    Profile(profile::Profile),
    Whole(gguf::Whole),
    Log(gguf::Log),
    File(gguf::File),
    LeftOut(LeftOut),
}

/// A case that is not compared, and why.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LeftOut {
    /// The case.
    pub id: String,
    /// The engine.
    pub engine: String,
    /// The model as the log names it.
    pub model: String,
    /// What stands against it, a key of the reasons in `notes.json`.
    pub why: String,
}

/// Every comparison that the cases of `json` allow, and the cases that allow none.
///
/// # Errors
/// The text is not what `memory_cases.py` writes.
pub fn compare(json: &str) -> Result<(Vec<Comparison>, Vec<LeftOut>), serde_json::Error> {
    let cases: Vec<Case> = serde_json::from_str(json)?;
    let (mut compared, mut left_out) = (Vec::new(), Vec::new());
    for case in cases {
        match case {
            Case::Profile(case) => compared.extend(case.compare()),
            Case::Whole(case) => compared.extend(case.compare()),
            Case::Log(case) => compared.extend(case.compare()),
            Case::File(case) => compared.extend(case.compare()),
            Case::LeftOut(case) => {
                let engine = name(&case.engine).to_owned();
                left_out.push(LeftOut { engine, ..case });
            }
        }
    }
    Ok((compared, left_out))
}

/// What the fits start from.
///
/// # Errors
/// The text is not what `memory_cases.py` writes.
pub fn fit_inputs(json: &str) -> Result<Vec<FitInput>, serde_json::Error> {
    let cases: Vec<Case> = serde_json::from_str(json)?;
    let inputs = cases.iter().filter_map(|case| match case {
        Case::Whole(case) => case.fit_input(),
        _ => None,
    });
    Ok(inputs.collect())
}
