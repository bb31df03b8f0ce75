//! The question: hardware, use, engines, quantisations. On a narrow screen it is folded into one line, so
//! that the answer comes first.

pub mod addon_fields;
pub mod axes;
pub mod controls;
pub mod empty;
pub mod engines;
pub mod hardware;
pub mod kv_fields;
pub mod measure;
pub mod models;
pub mod offload_fields;
pub mod picker;
pub mod quants;
pub mod setting;

use leptos::prelude::*;

use crate::page::app::browser;
use crate::page::app::state::use_state;
use crate::page::app::text::{tr, words};
use crate::page::question::controls::{Controls, More};
use crate::page::question::engines::Engines;
use crate::page::question::hardware::Hardware;
use crate::page::question::quants::Quants;

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
