//! The quantisations: the table's columns.

use leptos::prelude::*;

use crate::page::app::reactive::For;

use crate::edit;
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::question::picker::{Adder, meant, meant_first};
use crate::page::widgets::combobox::{Choice, Found};
use crate::page::widgets::icons::Cross;
use headroom::engine;
use headroom::quant::Quant;

/// Picks the quantisations to compare.
#[component]
pub fn Quants() -> impl IntoView {
    let state = use_state();
    let quants = state.slice(|scenario| scenario.quants.clone());
    let add = Callback::new(move |name: String| {
        if let Some(quant) = Quant::parse(&name) {
            state.choose(|s| {
                edit::add_quant(s, quant);
                edit::drop_unused(s, "quant");
            });
        }
    });
    view! {
        <div
            class="group quants"
            role="group"
            aria-labelledby="quants-title"
            data-testid="quant-picker"
        >
            <h2 class="group-title" id="quants-title">{words!(state, quants.title)}</h2>
            <div class="group-body">
            <ul class="chips">
                <For each=move || quants.get() key=|quant| *quant let(quant)>
                    <li class="chip">
                        <span>{quant.to_string()}</span>
                        <button
                            type="button"
                            class="button button-icon button-quiet"
                            data-testid="quant-remove"
                            data-quant=quant.to_string()
                            aria-label=words!(state, quants.remove, name = quant.to_string())
                            on:click=move |_| state.choose(|s| edit::remove_quant(s, quant))
                        >
                            <Cross />
                        </button>
                    </li>
                </For>
            </ul>
            <Adder label=words!(state, quants.add) search=search(state) choose=add testid="quant-add" />
            </div>
        </div>
    }
}

/// Finds quantisations by a part of the name that are no columns yet.
fn search(state: State) -> Callback<String, Found> {
    Callback::new(move |text: String| {
        let wanted = text.trim().to_ascii_uppercase();
        let (present, engines) =
            state.outline.with(|scenario| (scenario.quants.clone(), scenario.engines.clone()));
        let loaded = |quant: &Quant| engines.iter().any(|e| engine::loads_format(*e, *quant));
        let names = Quant::all().filter(|quant| !present.contains(quant) && loaded(quant));
        let names = names
            .map(|quant| quant.to_string())
            .filter(|name| name.to_ascii_uppercase().contains(&wanted));
        let choices: Vec<Choice> = names
            .map(|name| Choice { id: name.clone(), title: name, detail: String::new() })
            .collect();
        let status = match choices.len() {
            0 => tr!(state, quants.nothing_near, text = text.clone()),
            n => tr!(state, counts.quants_found, count = n, n = n),
        };
        let is_near = choices.is_empty();
        let meant = meant(state, "quant", &text).into_iter().filter_map(|value| {
            let quant = Quant::parse(&value).filter(|quant| !present.contains(quant))?;
            let title = quant.to_string();
            Some(Choice { id: title.clone(), title, detail: String::new() })
        });
        meant_first(Found { choices, status }, is_near, meant.collect(), |n| {
            tr!(state, counts.quants_found, count = n, n = n)
        })
    })
}
