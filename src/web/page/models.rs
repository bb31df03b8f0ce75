//! The field that adds a model.

use leptos::prelude::*;

use super::combobox::{Choice, Combobox, Found, LISTED};
use super::icons::Plus;
use super::numbers::Style;
use super::state::{State, use_state};
use super::text::{tr, words};
use crate::edit;
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
    view! {
        <div class="adder" data-testid="model-picker">
            <Plus />
            <Combobox
                label=words!(state, models.add)
                placeholder=words!(state, models.add)
                search=search(state)
                choose=add
            />
        </div>
    }
}

/// Finds models; where none matches, the nearest.
fn search(state: State) -> Callback<String, Found> {
    Callback::new(move |text: String| {
        let models = state.catalog.find_models(&text);
        let total = models.len();
        if total > 0 {
            let choices = models.into_iter().take(LISTED).map(|m| choice(state, m)).collect();
            let n = state.whole(total as u64);
            let status = tr!(state, counts.models_found, count = total, n = n);
            return Found { choices, status };
        }
        let nearest = state.catalog.suggest_model(&text).nearest;
        let nearest = nearest.iter().filter_map(|id| state.catalog.model(id));
        let choices: Vec<Choice> = nearest.map(|model| choice(state, model)).collect();
        let status = match choices.is_empty() {
            true => tr!(state, models.nothing_near, text = text),
            false => tr!(state, models.nothing, text = text),
        };
        Found { choices, status }
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
