//! Laws of links: what is read, written and kept.

use headroom::scenario::Scenario;

use crate::Law;
use crate::questions::Question;

/// The laws.
pub const LAWS: &[Law] = &[
    ("a link written anew is the same question", written_anew),
    ("nothing typed is lost", nothing_is_lost),
];

fn written_anew(question: &Question) -> Result<(), String> {
    let first = question.scenario();
    let written = first.to_query();
    let (second, _) = Scenario::from_query(&written);
    match second == first {
        true if second.to_query() == written => Ok(()),
        _ => Err(format!("written as {written}, then as {}", second.to_query())),
    }
}

fn nothing_is_lost(question: &Question) -> Result<(), String> {
    let (scenario, problems) = Scenario::from_query(&question.query());
    let refused = problems
        .iter()
        .find(|problem| !scenario.unused.iter().any(|(key, _)| *key == problem.field));
    refused.map_or(Ok(()), |problem| Err(format!("{problem:?} is not kept")))
}
