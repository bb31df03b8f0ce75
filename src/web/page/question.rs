//! The question: hardware, use, engines, quantisations. On a narrow screen it is folded into one line, so
//! that the answer comes first.

use leptos::prelude::*;

use super::browser;
use super::controls::{Controls, More};
use super::engines::Engines;
use super::hardware::Hardware;
use super::quants::Quants;
use super::state::use_state;
use super::text::{tr, words};

/// The whole question.
#[component]
pub fn Question() -> impl IntoView {
    let state = use_state();
    let open = !browser::is_narrow();
    let machines = move || {
        let machines = state.scenario.with(|s| s.machines.clone());
        let names = machines.iter().map(|machine| state.machine_name(machine));
        names.collect::<Vec<_>>().join(&format!(" {} ", tr!(state, hardware.versus)))
    };
    let used = move || {
        let (context, users, kv) = state.scenario.with(|s| (s.context, s.users, s.kv));
        let users = tr!(state, counts.at_once, count = users, n = state.whole(users));
        let kv = format!("{} {kv}", tr!(state, setting.kv));
        [state.tokens(context), users, kv].join(" · ")
    };
    view! {
        <details class="question" open=open aria-label=words!(state, settings)>
            <summary>
                <span class="question-machines">{machines}</span>
                <span class="question-use">{used}</span>
            </summary>
            <Hardware />
            <Controls />
            <Engines />
            <Quants />
            <More />
        </details>
    }
}
