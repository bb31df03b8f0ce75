//! The engines to compare.

use leptos::prelude::*;

use crate::page::app::reactive::CollectAny;

use crate::edit;
use crate::page::app::state::use_state;
use crate::page::app::text::words;
use headroom::scenario::Engine;

/// Picks one engine or several.
#[component]
pub fn Engines() -> impl IntoView {
    let state = use_state();
    let one = move |engine: Engine| {
        let chosen = state.slice(move |s| s.engines.contains(&engine));
        view! {
            <label class="toggle">
                <input
                    type="checkbox"
                    data-testid="engine"
                    data-engine=engine.name()
                    prop:checked=chosen
                    on:change=move |_| {
                        state.choose(|s| {
                            edit::toggle_engine(s, engine);
                            edit::drop_unused(s, "engine");
                        });
                    }
                />
                <span>{engine.title()}</span>
            </label>
        }
    };
    view! {
        <div
            class="group engines"
            role="group"
            aria-labelledby="engines-title"
            data-testid="engine-picker"
        >
            <h2 class="group-title" id="engines-title">{words!(state, engines.title)}</h2>
            <div class="group-body toggles">
                {Engine::ALL.iter().map(|engine| one(*engine)).collect_any()}
            </div>
        </div>
    }
}
