//! The engines' defaults: `data/engine-defaults.json` says which, of what version, and where they
//! were seen. A question that leaves a setting out is answered as one that gives the default, and
//! otherwise than one that gives another value.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::only_cell;
use headroom::report::Cell;
use headroom::scenario::Engine;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Default {
    engine: String,
    version: String,
    seen: String,
    query: String,
    default: String,
    other: String,
}

/// What an answer says of memory, without the flags, which name settings that are given.
fn memory(query: &str) -> Cell {
    Cell { flags: Vec::new(), ..only_cell(query) }
}

#[test]
fn what_a_question_leaves_out_is_the_engine_s_default() {
    let defaults: Vec<Default> =
        serde_json::from_str(include_str!("data/engine-defaults.json")).unwrap();
    for Default { engine, version, seen, query, default, other } in &defaults {
        assert!(Engine::from_name(engine).is_some() && !version.is_empty() && !seen.is_empty());
        let left_out = memory(query);
        assert_eq!(left_out.engine.name(), engine, "{query}");
        let with = |setting: &str| memory(&format!("{query}&{setting}"));
        assert!(left_out == with(default), "{engine}: {default} is not the default of {query}");
        assert!(left_out != with(other), "{engine}: {other} changes nothing of {query}");
    }
    for engine in [Engine::LlamaCpp, Engine::KoboldCpp, Engine::Ollama, Engine::Vllm] {
        assert!(defaults.iter().any(|row| row.engine == engine.name()), "{engine}");
    }
}
