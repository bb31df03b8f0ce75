//! Models that were read from files before: kept in this browser, for as long as the reader wants.

use leptos::prelude::*;

use crate::edit;
use crate::page::app::browser;
use crate::page::app::reactive::{For, Show};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::words;
use crate::page::widgets::icons::RemoveButton;

/// The key of the browser's storage.
const KEY: &str = "headroom.models";

/// As many are kept.
const MOST: usize = 20;

/// Keeps a model that was read, the newest first.
pub fn keep(id: &str) {
    let mut kept = kept();
    kept.retain(|other| other != id);
    kept.insert(0, id.to_owned());
    kept.truncate(MOST);
    write(&kept);
}

fn kept() -> Vec<String> {
    // An id has no line breaks.
    let text = browser::remembered(KEY).unwrap_or_default();
    text.lines().filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

fn write(kept: &[String]) {
    browser::remember(KEY, &kept.join("\n"));
}

/// Those that are not in the question, each to be added or forgotten.
#[component]
pub fn KeptModels() -> impl IntoView {
    let state = use_state();
    let forgotten = RwSignal::new(());
    let others = Memo::new(move |_| {
        forgotten.track();
        state.outline.with(|s| {
            let is_other =
                |id: &String| !s.models.contains(id) && state.catalog.model(id).is_some();
            kept().into_iter().filter(is_other).collect::<Vec<_>>()
        })
    });
    let forget = Callback::new(move |id: String| {
        let mut kept = kept();
        kept.retain(|other| *other != id);
        write(&kept);
        forgotten.set(());
    });
    view! {
        <Show when=move || others.with(|others| !others.is_empty())>
            <div data-testid="kept-models">
                <p class="field-note">{words!(state, kept_models.title)}</p>
                <ul class="chips">
                    <For each=move || others.get() key=Clone::clone let(id)>
                        {chip(state, id, forget)}
                    </For>
                </ul>
            </div>
        </Show>
    }
}

fn chip(state: State, id: String, forget: Callback<String>) -> impl IntoView {
    let name = state.model_name(&id);
    let (label, forgotten) = (name.clone(), id.clone());
    view! {
        <li class="chip chip-opens">
            <button
                type="button"
                class="button button-quiet"
                data-testid="kept-model-add"
                on:click=move |_| state.choose(|s| edit::add_model(s, &id))
            >
                {name}
            </button>
            <RemoveButton
                label=words!(state, kept_models.forget, name = label.clone())
                remove=move |()| forget.run(forgotten.clone())
                testid="kept-model-forget"
            />
        </li>
    }
}
