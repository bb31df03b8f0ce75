//! How the model is used: context, users, cache type, and the panel of rarer settings.

use headroom::scenario::{Bounds, Group, setting};
use leptos::prelude::*;

use crate::page::app::reactive::{CollectAny, Show, memo};
use crate::page::app::state::use_state;
use crate::page::app::text::{tr, words};
use crate::page::question::kv_fields::CacheTypeField;
use crate::page::question::setting::{Field, Fields, Wanted, change, is_of_use};
use crate::page::widgets::field::Stepper;
use crate::scale;

/// Whom the model is run for, as people often do: a name for tests, and what of the question that
/// changes, as a link says it.
const USES: [(&str, &[(&str, &str)]); 3] = [
    ("chat", &[("users", "1"), ("ctx", "32768"), ("prompt", "1024"), ("output", "512")]),
    ("agent", &[("users", "1"), ("ctx", "131072"), ("prompt", "16384"), ("output", "1024")]),
    ("team", &[("users", "50"), ("ctx", "8192"), ("prompt", "1024"), ("output", "512")]),
];

/// Context, users, cache type; the common ones of them at a press.
#[component]
pub fn Controls() -> impl IntoView {
    let state = use_state();
    let preset = move |(name, pairs): (&'static str, &'static [(&str, &str)])| {
        let words = move || match name {
            "chat" => tr!(state, sentence.use_chat),
            "agent" => tr!(state, sentence.use_agent),
            _ => tr!(state, sentence.use_team),
        };
        let settings =
            move || pairs.iter().filter_map(|(key, value)| Some((setting(key)?, *value)));
        let is_so =
            state.follow(move |s| settings().all(|(setting, value)| setting.text(s) == value));
        view! {
            <button
                type="button"
                class="button"
                data-testid=format!("use-{name}")
                aria-pressed=move || is_so.get().to_string()
                on:click=move |_| state.choose(|s| {
                    for (setting, value) in settings() {
                        change(setting.key, |s| _ = setting.set(s, value))(s);
                    }
                })
            >
                {words}
            </button>
        }
    };
    view! {
        <div class="uses" role="group" aria-label=words!(state, sentence.use_label)>
            {USES.into_iter().map(preset).collect_any()}
        </div>
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
    let context = state.follow(|scenario| scenario.context);
    let set = move |tokens: u64| state.slide(change("ctx", |s| s.context = tokens));
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
                    {scale::marks().map(mark).collect_any()}
                </div>
            </div>
        </div>
    }
}

/// Sequences served at once.
#[component]
fn Users() -> impl IntoView {
    let state = use_state();
    let users = state.follow(|scenario| scenario.users);
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
    let wanted = RwSignal::new(String::new());
    provide_context(Wanted(wanted));
    view! {
        <div class="more" data-testid="more">
            <input
                type="search"
                class="more-search"
                data-testid="more-search"
                aria-label=words!(state, controls.search)
                placeholder=words!(state, controls.search)
                prop:value=wanted
                on:input:target=move |event| wanted.set(event.target().value())
            />
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
