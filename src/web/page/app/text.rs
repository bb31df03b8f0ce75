//! Strings in the reader's language, and the words for what the report names.

use headroom_locales::Locale;
use leptos::prelude::*;

use crate::quantity::Unit;
use headroom::report::{BillItem, Term, Verdict};

use crate::page::app::state::State;

/// The string under a key of `locales/*.json`, in the reader's language. Read inside a reactive
/// closure it follows the language.
macro_rules! tr {
    ($state:expr, $($key:tt)*) => {
        headroom_locales::td_string!($state.locale(), $($key)*)
    };
}

/// The same as a signal, for a child, an attribute or a prop.
macro_rules! words {
    ($state:expr, $($key:ident).+) => {
        $crate::page::app::text::follow($state, |locale| headroom_locales::td_string!(locale, $($key).+))
    };
    ($state:expr, $($key:tt)*) => {
        leptos::prelude::Signal::derive(move || {
            $crate::page::app::text::tr!($state, $($key)*).to_string()
        })
    };
}

pub(crate) use {tr, words};

/// Words in the reader's language as it changes: one closure for all that hold no figures.
pub fn follow(state: State, words: fn(Locale) -> &'static str) -> Signal<String> {
    Signal::derive(move || words(state.locale()).to_owned())
}

/// The word for a verdict.
pub fn verdict(state: State, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fits => tr!(state, verdict.fits),
        Verdict::Tight => tr!(state, verdict.tight),
        Verdict::Offload => tr!(state, verdict.offload),
        Verdict::No => tr!(state, verdict.no),
    }
}

/// The name of a verdict in `data-verdict`.
pub fn verdict_key(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fits => "fits",
        Verdict::Tight => "tight",
        Verdict::Offload => "offload",
        Verdict::No => "no",
    }
}

/// What a term is called.
pub fn term(state: State, term: Term) -> &'static str {
    match term {
        Term::Weights => tr!(state, terms.weights),
        Term::TiedOutput => tr!(state, terms.tied_output),
        Term::KvCache => tr!(state, terms.kv_cache),
        Term::RecurrentState => tr!(state, terms.recurrent_state),
        Term::Compute => tr!(state, terms.compute),
        Term::CudaGraphs => tr!(state, terms.cuda_graphs),
        Term::Overhead => tr!(state, terms.overhead),
        Term::OperatingSystem => tr!(state, terms.system),
        Term::Projector => tr!(state, terms.projector),
        Term::ProjectorCompute => tr!(state, terms.projector_compute),
        Term::Lora => tr!(state, terms.lora),
        Term::Draft => tr!(state, terms.draft),
        Term::PromptCache => tr!(state, terms.prompt_cache),
        Term::Checkpoints => tr!(state, terms.checkpoints),
        Term::Display => tr!(state, terms.display),
        Term::Reserve => tr!(state, terms.reserve),
        Term::Kept => tr!(state, terms.kept),
    }
}

/// What a term means, in a sentence; empty where its name says it.
pub fn about(state: State, term: Term) -> &'static str {
    match term {
        Term::Weights => tr!(state, glossary.weights),
        Term::TiedOutput => tr!(state, glossary.tied_output),
        Term::KvCache => tr!(state, glossary.kv_cache),
        Term::RecurrentState => tr!(state, glossary.recurrent_state),
        Term::Compute | Term::ProjectorCompute => tr!(state, glossary.compute),
        Term::CudaGraphs => tr!(state, glossary.cuda_graphs),
        Term::Overhead => tr!(state, glossary.overhead),
        Term::Projector => tr!(state, glossary.projector),
        Term::Lora => tr!(state, glossary.lora),
        Term::Draft => tr!(state, glossary.draft),
        Term::PromptCache | Term::Checkpoints => tr!(state, glossary.prompt_cache),
        Term::Kept => tr!(state, glossary.kept),
        Term::OperatingSystem | Term::Display | Term::Reserve => "",
    }
}

/// The name of a line in `data-term`.
pub fn item_key(item: &BillItem) -> &'static str {
    term_key(item.term)
}

/// The name of a term in `data-term`.
pub fn term_key(term: Term) -> &'static str {
    match term {
        Term::Weights => "weights",
        Term::TiedOutput => "tied_output",
        Term::KvCache => "kv_cache",
        Term::RecurrentState => "recurrent_state",
        Term::Compute => "compute",
        Term::CudaGraphs => "cuda_graphs",
        Term::Overhead => "overhead",
        Term::OperatingSystem => "operating_system",
        Term::Projector => "projector",
        Term::ProjectorCompute => "projector_compute",
        Term::Lora => "lora",
        Term::Draft => "draft",
        Term::PromptCache => "prompt_cache",
        Term::Checkpoints => "checkpoints",
        Term::Display => "display",
        Term::Reserve => "reserve",
        Term::Kept => "kept",
    }
}

/// A name in a formula, in the reader's words; the name itself where it is a term of the engine's
/// (`Q8_0`).
pub fn input(state: State, name: &str) -> &'static str {
    match name {
        "layers" => tr!(state, inputs.layers),
        "cells" => tr!(state, inputs.cells),
        "key_values" => tr!(state, inputs.key_values),
        "value_values" => tr!(state, inputs.value_values),
        "index_values" => tr!(state, inputs.index_values),
        "key_bytes" => tr!(state, inputs.key_bytes),
        "value_bytes" => tr!(state, inputs.value_bytes),
        "compressed_cache" => tr!(state, inputs.compressed_cache),
        "padding" => tr!(state, inputs.padding),
        "sequences" => tr!(state, inputs.sequences),
        "state_bytes" => tr!(state, inputs.state_bytes),
        "graph" => tr!(state, inputs.graph),
        "ubatch" => tr!(state, inputs.ubatch),
        "context" => tr!(state, inputs.context),
        "runtime" => tr!(state, inputs.runtime),
        "operating_system" => tr!(state, inputs.operating_system),
        "token_embd" => tr!(state, inputs.token_embd),
        "parameters" => tr!(state, inputs.parameters),
        "adapters" => tr!(state, inputs.adapters),
        "rank" => tr!(state, inputs.rank),
        "widths" => tr!(state, inputs.widths),
        "draft_weights" | "mtp_weights" => tr!(state, inputs.draft_weights),
        "draft_cache" | "mtp_cache" => tr!(state, inputs.draft_cache),
        "draft_compute" | "mtp_compute" => tr!(state, inputs.draft_compute),
        "checkpoints" => tr!(state, inputs.checkpoints),
        "checkpoint_bytes" => tr!(state, inputs.checkpoint_bytes),
        "cache_ram" => tr!(state, inputs.cache_ram),
        _ => "",
    }
}

/// The symbol of a unit.
pub fn unit(state: State, unit: Unit) -> &'static str {
    match unit {
        Unit::Kb => tr!(state, units.kb),
        Unit::Mb => tr!(state, units.mb),
        Unit::Gb => tr!(state, units.gb),
        Unit::Tb => tr!(state, units.tb),
        Unit::Kib => tr!(state, units.kib),
        Unit::Mib => tr!(state, units.mib),
        Unit::Gib => tr!(state, units.gib),
        Unit::Tib => tr!(state, units.tib),
    }
}
