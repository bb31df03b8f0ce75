//! The models to compare.

use leptos::prelude::*;

use crate::page::app::reactive::For;

use crate::edit;
use crate::page::app::numbers::Style;
use crate::page::app::rest::WithRest;
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::question::kept_models::KeptModels;
use crate::page::question::picker::{Adder, Matches, found, meant, meant_first};
use crate::page::question::read_files::ReadFiles;
use crate::page::widgets::combobox::{Choice, Found};
use crate::page::widgets::icons::RemoveButton;
use headroom::catalog::Model;
use headroom::scenario::Scenario;

/// Picks one model or several.
#[component]
pub fn Models() -> impl IntoView {
    let state = use_state();
    let models = state.slice(|scenario| scenario.models.clone());
    let name = move |id: &str| state.model_name(id);
    view! {
        <div class="group models" role="group" aria-labelledby="models-title">
            <h2 class="group-title" id="models-title">{words!(state, models.title)}</h2>
            <div class="group-body">
                <ul class="chips">
                    <For each=move || models.get() key=Clone::clone let(id)>
                        {
                            let (shown, label, removed) = (id.clone(), id.clone(), id);
                            view! {
                                <li class="chip">
                                    <span>{move || name(&shown)}</span>
                                    <RemoveButton
                                        label=words!(state, models.remove, name = name(&label))
                                        remove=move |()| {
                                            state.choose(|s| edit::remove_model(s, &removed));
                                        }
                                        testid="model-chip-remove"
                                    />
                                </li>
                            }
                        }
                    </For>
                </ul>
                <AddModel replaces_example=true testid="model-pick" />
                <WithRest>
                    <ReadFiles />
                    <KeptModels />
                </WithRest>
            </div>
        </div>
    }
}

/// Adds a model.
#[component]
pub fn AddModel(
    /// The first that a reader picks takes the place of the example's.
    #[prop(optional)]
    replaces_example: bool,
    /// For tests.
    testid: &'static str,
) -> impl IntoView {
    let state = use_state();
    let add = Callback::new(move |id: String| {
        state.choose(|s| {
            if replaces_example && s.models == Scenario::default().models {
                s.models.clear();
                s.selected = None;
            }
            edit::add_model(s, &id);
            edit::drop_unused(s, "model");
        });
    });
    let label = words!(state, models.add);
    view! { <Adder label search=search(state) choose=add testid /> }
}

/// Finds models; where none matches, the nearest.
fn search(state: State) -> Callback<String, Found> {
    Callback::new(move |text: String| {
        let nearest = || {
            let ids = state.catalog.suggest_model(&text).nearest;
            ids.iter().filter_map(|id| state.catalog.model(id)).collect()
        };
        let matching = state.catalog.find_models(&text);
        let is_near = matching.is_empty();
        let found = found(
            matching,
            nearest,
            |m| choice(state, m),
            |matches| match matches {
                Matches::Some(n) => {
                    tr!(state, counts.models_found, count = n, n = state.whole(n as u64))
                }
                Matches::Near => tr!(state, models.nothing, text = text.clone()),
                Matches::None => tr!(state, models.nothing_near, text = text.clone()),
            },
        );
        let meant = meant(state, "model", &text).into_iter().filter_map(|value| {
            let known = state.catalog.model(&value)?;
            Some(Choice { id: value, ..choice(state, known) })
        });
        let mut found = meant_first(found, is_near, meant.collect(), |n| {
            tr!(state, counts.models_found, count = n, n = state.whole(n as u64))
        });
        // A repository of Hugging Face: what is chosen is asked for by its notice.
        let id = text.trim();
        if id.contains('/') && found.choices.iter().all(|choice| choice.id != id) {
            let detail = tr!(state, hub.offered).to_owned();
            found.choices.push(Choice { id: id.to_owned(), title: id.to_owned(), detail });
        }
        found
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
