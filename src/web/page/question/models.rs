//! The field that adds a model.

use leptos::prelude::*;

use crate::edit;
use crate::page::app::numbers::Style;
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::question::picker::{Adder, Matches, found};
use crate::page::widgets::combobox::{Choice, Found};
use headroom::catalog::Model;

/// Adds a row to the table.
#[component]
pub fn AddModel() -> impl IntoView {
    let state = use_state();
    let add = Callback::new(move |id: String| {
        state.choose(|s| {
            edit::add_model(s, &id);
            edit::drop_unused(s, "model");
        });
    });
    let label = words!(state, models.add);
    view! { <Adder label search=search(state) choose=add testid="model-add" /> }
}

/// Finds models; where none matches, the nearest.
fn search(state: State) -> Callback<String, Found> {
    Callback::new(move |text: String| {
        let nearest = || {
            let ids = state.catalog.suggest_model(&text).nearest;
            ids.iter().filter_map(|id| state.catalog.model(id)).collect()
        };
        found(
            state.catalog.find_models(&text),
            nearest,
            |m| choice(state, m),
            |matches| match matches {
                Matches::Some(n) => {
                    tr!(state, counts.models_found, count = n, n = state.whole(n as u64))
                }
                Matches::Near => tr!(state, models.nothing, text = text.clone()),
                Matches::None => tr!(state, models.nothing_near, text = text.clone()),
            },
        )
    })
}

fn choice(state: State, model: &Model) -> Choice {
    let params = model.params_published.map(|n| state.number(Style::Compact, n as f64));
    Choice {
        id: model.id.clone(),
        title: model.name.clone(),
        detail: [Some(model.org.clone()), params]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" · "),
    }
}
