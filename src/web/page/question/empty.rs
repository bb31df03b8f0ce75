//! What is shown while the question has a gap.

use leptos::prelude::*;

use crate::page::app::state::use_state;
use crate::page::app::text::{tr, words};
use headroom::scenario::{Axis, Scenario};

/// Says which part of the question is missing, and offers the example.
#[component]
pub fn Empty() -> impl IntoView {
    let state = use_state();
    let gap = state.slice(|scenario| Axis::ALL.into_iter().find(|axis| axis.count(scenario) == 0));
    let words = move || match gap.get() {
        Some(Axis::Hardware) => tr!(state, empty.hardware),
        Some(Axis::Model) => tr!(state, empty.models),
        Some(Axis::Quant) => tr!(state, empty.quants),
        Some(Axis::Engine) => tr!(state, empty.engines),
        None => tr!(state, empty.unknown),
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
