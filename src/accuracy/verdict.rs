//! Reported runs and failures (`tests/data/cases.json`): what people saw, against the verdict.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::table::Verdicts;
use crate::catalog::Catalog;
use crate::estimate;
use crate::report::Verdict;
use crate::scenario::Scenario;

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

/// A case; only those with a verdict are counted here.
#[derive(Deserialize)]
struct Case {
    query: String,
    verdict: Option<String>,
}

/// Whether `found`, `None` where the question is refused, is what was reported as `wanted`; `None`
/// where that is no report.
pub fn is_as_reported(wanted: &str, found: Option<Verdict>) -> Option<bool> {
    let runs = found.is_some_and(|verdict| verdict != Verdict::No);
    Some(match wanted {
        "fits" => found == Some(Verdict::Fits),
        "not fits" => found != Some(Verdict::Fits),
        "runs" => runs,
        "runs on devices" => runs && found != Some(Verdict::Offload),
        "no" => !runs,
        _ => return None,
    })
}

/// Counts the verdicts of the cases in `file` by engine.
///
/// # Errors
/// The file is not as `tests/cases.rs` reads it.
pub fn verdicts(file: &str) -> Result<Vec<Verdicts>, serde_json::Error> {
    let Cases { cases } = serde_json::from_str(file)?;
    let mut by_engine: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for Case { query, verdict } in &cases {
        let (scenario, _) = Scenario::from_query(query);
        let report = estimate::report(Catalog::bundled(), &scenario, Vec::new());
        let found = report.cells.first().map(|cell| cell.verdict);
        let wanted = verdict.as_deref().and_then(|wanted| is_as_reported(wanted, found));
        if let (Some(is_right), Some(engine)) = (wanted, scenario.engines.first()) {
            let (n, right) = by_engine.entry(engine.title()).or_default();
            *n += 1;
            *right += usize::from(is_right);
        }
    }
    let verdicts = |(engine, (n, right)): (&str, (usize, usize))| Verdicts {
        engine: engine.to_owned(),
        n,
        right,
    };
    Ok(by_engine.into_iter().map(verdicts).collect())
}
