//! Memory: the cases of `tests/data/measured-memory.json`, which
//! `xtask/data/memory_cases.py` writes.

use serde::Deserialize;

use super::case::engine_name;
pub use super::llama_cpp::FitInput;
use super::{Comparison, llama_cpp, serving_engines};

/// A case of the file.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Case {
    Profile(serving_engines::Profile),
    Whole(llama_cpp::Whole),
    Log(llama_cpp::Log),
    File(llama_cpp::File),
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
                let engine = engine_name(&case.engine).to_owned();
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
