//! Finding something in the catalogue by typing, and adding it to the question.

use leptos::prelude::*;

use crate::page::app::rest::Rest;
use crate::page::app::state::State;
use crate::page::widgets::combobox::{Choice, Combobox, Found, LISTED};
use crate::page::widgets::icons::Plus;
use headroom::ask::ask;

/// A field that adds what is found by typing.
#[component]
pub fn Adder(
    /// What is added.
    #[prop(into)]
    label: Signal<String>,
    /// Finds what matches a text.
    search: Callback<String, Found>,
    /// Adds what has this id.
    choose: Callback<String>,
    /// For tests.
    testid: &'static str,
) -> impl IntoView {
    view! {
        <div class="adder">
            <Plus />
            <Combobox label placeholder=label search choose testid />
        </div>
    }
}

/// The first of `matches`, else what is `nearest`. `status` says how many match, or that none does
/// and whether something is near.
pub fn found<T>(
    matches: Vec<T>,
    nearest: impl FnOnce() -> Vec<T>,
    choice: impl Fn(T) -> Choice,
    status: impl FnOnce(Matches) -> String,
) -> Found {
    let (listed, status) = match matches.len() {
        0 => {
            let nearest = nearest();
            let status = status(if nearest.is_empty() { Matches::None } else { Matches::Near });
            (nearest, status)
        }
        n => (matches, status(Matches::Some(n))),
    };
    Found { choices: listed.into_iter().take(LISTED).map(choice).collect(), status }
}

/// The values of `key`, as links write them, that the ask box finds in `text`, the likeliest first;
/// none before the rest of the app is here.
pub fn meant(state: State, key: &str, text: &str) -> Vec<String> {
    if text.trim().is_empty() || state.rest.get_untracked() != Rest::Here {
        return Vec::new();
    }
    let asked = ask(text);
    let understood = asked.understood.into_iter().filter(|part| part.key == key);
    let chosen = asked.choices.into_iter().filter(|choice| choice.key == key);
    let values = understood.map(|part| part.value).filter(|value| value != "*");
    values.chain(chosen.flat_map(|choice| choice.options)).take(LISTED).collect()
}

/// What is `meant` before what was `found`; in place of it where nothing matched and it is only near.
pub fn meant_first(
    found: Found,
    is_near: bool,
    meant: Vec<Choice>,
    status: impl FnOnce(usize) -> String,
) -> Found {
    if meant.is_empty() {
        return found;
    }
    let is_new = |choice: &Choice| !is_near && meant.iter().all(|known| known.id != choice.id);
    let others: Vec<Choice> = found.choices.into_iter().filter(is_new).collect();
    let status = if is_near { status(meant.len()) } else { found.status };
    Found { choices: meant.into_iter().chain(others).take(LISTED).collect(), status }
}

/// What a search came to.
pub enum Matches {
    /// So many match.
    Some(usize),
    /// None matches, but something is near.
    Near,
    /// None matches, and nothing is near.
    None,
}
