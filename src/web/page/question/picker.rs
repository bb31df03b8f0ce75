//! Finding something in the catalogue by typing, and adding it to the question.

use leptos::prelude::*;

use crate::page::widgets::combobox::{Choice, Combobox, Found, LISTED};
use crate::page::widgets::icons::Plus;

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

/// What a search came to.
pub enum Matches {
    /// So many match.
    Some(usize),
    /// None matches, but something is near.
    Near,
    /// None matches, and nothing is near.
    None,
}
