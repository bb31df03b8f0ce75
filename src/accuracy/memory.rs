//! Memory: the cases of `tests/data/measured-memory.json`, written by `xtask/data/memory_cases.py`.

use serde::Deserialize;

use super::case::engine_name;
pub use super::llama_cpp::FitInput;
use super::{Comparison, llama_cpp, serving_engines};

/// A case in the file.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Case {
    Profile(serving_engines::Profile),
    Whole(llama_cpp::Whole),
    Log(llama_cpp::Log),
    File(llama_cpp::File),
    LeftOut(LeftOut),
}

/// A case that is not compared, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LeftOut {
    /// Id of the case.
    pub id: String,
    /// Name of the engine.
    pub engine: String,
    /// Name of the model in the log.
    pub model: String,
    /// The reason, a key of the reasons in `notes.json`.
    pub why: String,
}

/// Returns every comparison of the cases of `json`, and the cases that are not compared.
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
                let engine = engine_name(&case.engine).to_owned();
                left_out.push(LeftOut { engine, ..case });
            }
        }
    }
    Ok((compared, left_out))
}

/// Returns the inputs of the fits of the runtime overhead.
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
