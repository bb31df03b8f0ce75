//! How the model is used: context, users, cache type, and the panel of rarer settings.

use headroom::scenario::{Bounds, Group};
use leptos::prelude::*;

use crate::page::app::reactive::{Show, memo};
use crate::page::app::state::use_state;
use crate::page::app::text::words;
use crate::page::question::kv_fields::CacheTypeField;
use crate::page::question::setting::{Field, Fields, change, is_of_use};
use crate::page::widgets::field::Stepper;
use crate::scale;

/// Context, users, cache type.
#[component]
pub fn Controls() -> impl IntoView {
    view! {
        <div class="group controls">
            <Context />
            <Users />
            <CacheTypeField />
        </div>
    }
}

/// The context: a logarithmic slider, coloured as far as the open cell fits, and exact entry.
#[component]
fn Context() -> impl IntoView {
    let state = use_state();
    let context = state.slice(|scenario| scenario.context);
    let set = move |tokens: u64| state.adjust(change("ctx", |s| s.context = tokens));
    let room = memo(move || {
        let cell = state.selected.get().and_then(|at| state.cell(at))?;
        Some(scale::share(cell.longest_context().max(1)))
    });
    let mark = move |(tokens, numbered): (u64, bool)| {
        let place = format!("{}%", scale::share(tokens) * 100.0);
        let text = numbered.then(|| match tokens >> 20 {
            0 => format!("{}k", tokens >> 10),
            millions => format!("{millions}M"),
        });
        view! { <span class="slider-mark" style:inset-inline-start=place>{text}</span> }
    };
    view! {
        <div class="context">
            <Field key="ctx" hint=words!(state, controls.context_unit) testid="context-input" />
            <div class="slider">
                <div
                    class="slider-room"
                    style:--room=move || format!("{}%", room.get().unwrap_or_default() * 100.0)
                ></div>
                <input
                    type="range"
                    data-testid="context-slider"
                    min="0"
                    max=scale::LAST.to_string()
                    step="1"
                    aria-label=words!(state, controls.context_slider)
                    aria-valuetext=move || state.tokens(context.get())
                    prop:value=move || scale::position(context.get()).to_string()
                    on:input:target=move |event| {
                        if let Ok(position) = event.target().value().parse() {
                            set(scale::tokens(position));
                        }
                    }
                />
                <div class="slider-scale" aria-hidden="true">
                    {scale::marks().map(mark).collect_view()}
                </div>
            </div>
        </div>
    }
}

/// Sequences served at once.
#[component]
fn Users() -> impl IntoView {
    let state = use_state();
    let users = state.slice(|scenario| scenario.users);
    let set = Callback::new(move |users: u64| {
        state.choose(change("users", |s| s.users = Bounds::USERS.clamp(users)));
    });
    view! {
        <Stepper
            name=words!(state, setting.users)
            value=users
            bounds=Bounds::USERS
            set
            class="users"
        >
            <Field key="users" />
        </Stepper>
    }
}

/// Groups of the rarer settings.
pub const MORE: [Group; 5] =
    [Group::Run, Group::Engine, Group::Split, Group::UnifiedMemory, Group::Addons];

/// The rarer settings.
#[component]
pub fn More() -> impl IntoView {
    let state = use_state();
    let has_engine_settings = state.slice(|scenario| is_of_use(scenario, Group::Engine));
    view! {
        <div class="more" data-testid="more">
            <div class="more-grid">
                <Fields
                    group=Group::Run
                    first=&[
                        "offload", "ram", "reserve", "kv", "ubatch", "logits", "fa", "imatrix",
                    ]
                />
            </div>
            <Show when=has_engine_settings>
                <FieldSet
                    legend=words!(state, engines.settings)
                    group=Group::Engine
                    testid="engine-fields"
                />
            </Show>
            <FieldSet
                legend=words!(state, split.legend)
                group=Group::Split
                testid="split-fields"
            />
            <FieldSet
                legend=words!(state, split.unified_legend)
                group=Group::UnifiedMemory
                testid="unified-fields"
            />
            <FieldSet
                legend=words!(state, addons.title)
                group=Group::Addons
                first=&["mmproj", "draft", "draft_n", "mtp", "accept"]
                testid="extras"
            />
        </div>
    }
}

/// The fields of a group under a heading of their own.
#[component]
fn FieldSet(
    #[prop(into)] legend: Signal<String>,
    group: Group,
    #[prop(optional)] first: &'static [&'static str],
    testid: &'static str,
) -> impl IntoView {
    view! {
        <fieldset class="more-group" data-testid=testid>
            <legend>{legend}</legend>
            <div class="more-grid">
                <Fields group first />
            </div>
        </fieldset>
    }
}
