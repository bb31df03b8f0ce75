//! What is shown while the question has a gap.

use leptos::prelude::*;

use super::state::use_state;
use super::text::{tr, words};
use crate::scenario::Scenario;

/// Says which part of the question is missing, and offers the example.
#[component]
pub fn Empty() -> impl IntoView {
    let state = use_state();
    let gap = state.slice(|scenario| {
        (scenario.machines.is_empty(), scenario.models.is_empty(), scenario.quants.is_empty())
    });
    let words = move || match gap.get() {
        (true, _, _) => tr!(state, empty.hardware),
        (_, true, _) => tr!(state, empty.models),
        (_, _, true) => tr!(state, empty.quants),
        _ => tr!(state, empty.unknown),
    };
    let example = move |_| {
        state.choose(|s| {
            let Scenario { lang, theme, embed, .. } = *s;
            *s = Scenario { lang, theme, embed, ..Scenario::default() };
        });
    };
    view! {
        <div class="empty" data-testid="empty">
            <p>{words}</p>
            <button type="button" class="button" data-testid="example" on:click=example>
                {words!(state, empty.example)}
            </button>
        </div>
    }
}
