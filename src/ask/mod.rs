//! The ask box: free text, English or Russian, turned into a question.
//!
//! [`ask`] reads what people write: names with slips and shorthands, addresses of repositories, tags,
//! names that drivers print, whole command lines, numbers with their units. What is ambiguous comes
//! back as a [`Choice`], what was not understood in [`Asked::ignored`].
//!
//! A text is split into tokens (`lexer.rs`) as the names of the catalogue are; flags are read first
//! (`command.rs`, `pattern.rs`), then the rest from left to right (`grammar.rs`): a quantity with its unit
//! (`quantity.rs`), a quantisation (`quants.rs`), an engine, or the longest name of a model
//! (`models.rs`) or device (`devices.rs`, `families.rs`) that begins there. What narrows an empty slot
//! (`filters.rs`) is read on the way; a size or a card that is only described is in `described.rs`. In the end machines are put together
//! (`machine.rs`) and the question that is asked is found (`answer.rs`). Words that do not follow
//! from the catalogue are in one table (`words.rs`).

mod answer;
mod command;
mod described;
mod devices;
mod drivers;
mod families;
mod filters;
mod grammar;
mod lexer;
mod machine;
mod machine_paste;
mod models;
mod names;
mod pattern;
mod quantity;
mod quants;
mod table;
mod words;

pub use machine_paste::{PastedDevice, PastedMachine, pasted_machine};

use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::import::Repository;

/// What was understood of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The question as a query string; what is asked for is written `*` (`model=*`, `hw=*`,
    /// `quant=*`). Without those, [`Scenario::from_query`](crate::scenario::Scenario::from_query)
    /// reads it without a problem.
    pub query: String,
    /// The parts that were understood, in the order of the text.
    pub understood: Vec<Understood>,
    /// The parts that can mean several things.
    pub choices: Vec<Choice>,
    /// The parts that were not understood, as typed.
    pub ignored: Vec<String>,
    /// A repository of Hugging Face that the catalogue does not have, as
    /// [`Repository::named`](crate::import::Repository::named) reads it: what is understood of it is
    /// what its name says, and its files can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

/// A part of a text and the setting that it is read as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Understood {
    /// What was typed.
    pub text: String,
    /// The key of a link, or `ask` for what is being asked: `fits`, `models`, `hardware`, `quant`,
    /// `speed`, `context` or `users`.
    pub key: String,
    /// Its value, as links write it.
    pub value: String,
}

/// A part of a text that can mean several things. Where the query has a value for the key, it is the
/// first of them, which is what people usually mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The key of a link.
    pub key: String,
    /// What was typed.
    pub text: String,
    /// The values that it can have, as links write them, the likeliest first.
    pub options: Vec<String>,
    /// Why there is no value that is just what was typed, such as a model that was never released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Lack>,
}

/// What the catalogue lacks of what was typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// A model that goes by this word, such as a fine-tune of one that it has.
    Model(String),
    /// A model of the family with this size.
    Size(String),
    /// A model of the family with this version.
    Version(String),
    /// A model of the family of this kind, such as `omni`.
    Kind(String),
    /// Anything: no such model was released.
    NeverReleased {
        /// The model's name.
        name: String,
        /// The reason, in English.
        why: String,
    },
    /// The device: what is offered is the nearest.
    Device,
    /// A device with so much memory.
    Memory,
}

/// The most of a text that is read, in bytes.
const LONGEST: usize = 16 << 10;

/// Reads a question in free text, English or Russian. Never fails.
///
/// ```
/// let asked = headroom::ask::ask("влезет лама 3.3 70б q4 в две 3090?");
/// assert_eq!(asked.query, "model=llama-3.3-70b-instruct&hw=rtx-3090*2&quant=Q4_K_M");
/// ```
pub fn ask(text: &str) -> Asked {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut asked = grammar::read(&text[..end]);
    let repository = Repository::in_text(&text[..end]);
    let is_known = |named: &Repository| Catalog::bundled().model(&named.id).is_some();
    let unknown = repository.filter(|named| !is_known(named));
    asked.repository = unknown.map(|named| named.to_string());
    if end < text.len() {
        asked.ignored.push(text[end..].to_owned());
    }
    asked
}
