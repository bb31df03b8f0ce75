//! The ask box: a question in the reader's own words. What was understood of it is shown as it is
//! typed; what can mean several things is a choice.

use gloo::events::{EventListener, EventListenerOptions};
use gloo::timers::callback::Timeout;
use leptos::ev;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys;
use send_wrapper::SendWrapper;

use crate::edit;
use crate::page::app::browser;
use crate::page::app::reactive::{CollectAny, For, Show, effect, memo};
use crate::page::app::rest::Rest;
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::question::from_hub::FromHub;
use crate::page::question::read_files::DropFiles;
use crate::page::question::this_computer::takes_output;
use crate::page::widgets::icons::RemoveButton;
use headroom::ask::{Asked, Choice, Lack, Understood, ask};
use headroom::quant::Quant;
use headroom::scenario::Machine;

/// How long typing rests before it is read, in milliseconds.
const REST: u32 = 80;

/// The box.
#[component]
pub fn AskBox() -> impl IntoView {
    let state = use_state();
    let typed = RwSignal::new(String::new());
    let asked = RwSignal::new(Asked::default());
    let open = RwSignal::new(false);
    let rest = state.rest;
    let waiting = StoredValue::new(None::<SendWrapper<Timeout>>);
    let input = NodeRef::<leptos::html::Input>::new();

    let read = move || {
        if rest.get_untracked() == Rest::Here {
            asked.set(typed.with_untracked(|text| ask(text)));
        }
    };
    // What was typed before the rest was here is read now.
    effect(move || {
        if rest.get() == Rest::Here && typed.with_untracked(|text| !text.is_empty()) {
            read();
        }
    });
    let take = move |query: String| {
        typed.set(String::new());
        asked.set(Asked::default());
        open.set(false);
        if let Some(input) = input.get_untracked() {
            _ = input.blur();
        }
        state.choose(|s| edit::ask(s, &query));
    };
    // Whoever takes a part back takes its words back.
    let remove = Callback::new(move |part: Understood| {
        let without = typed.with_untracked(|typed| typed.replacen(&part.text, " ", 1));
        if typed.with_untracked(|typed| *typed == without) {
            asked.update(|asked| {
                asked.query = without_key(&asked.query, &part.key).collect::<Vec<_>>().join("&");
                asked.understood.retain(|other| *other != part);
            });
        } else {
            typed.set(without.split_whitespace().collect::<Vec<_>>().join(" "));
            read();
        }
        if let Some(input) = input.get_untracked() {
            _ = input.focus();
        }
    });
    // Several lines are what a program printed of a computer, or text to be read as one line.
    let on_paste = move |event: ev::Event| {
        let text = browser::pasted(&event).filter(|text| text.contains('\n'));
        if let Some(text) = text
            && rest.get_untracked() == Rest::Here
            && takes_output(state, &text)
        {
            event.prevent_default();
            typed.set(String::new());
            open.set(false);
        }
    };
    let repository = memo(move || asked.with(|asked| asked.repository.clone()));
    let take_model = Callback::new(move |(id, quant): (String, Option<Quant>)| {
        let query = asked.with_untracked(|asked| asked.query.clone());
        let query = with_pair(&query, &format!("model={id}"));
        take(match quant {
            Some(quant) => with_pair(&query, &format!("quant={quant}")),
            None => query,
        });
    });
    // What is missing for an answer, and can mean several things, is to be chosen first.
    let choices = memo(move || asked.with(|asked| asked.choices.clone()));
    let must_choose = memo(move || {
        let query = asked.with(|asked| asked.query.clone());
        let has = |key: &str| query.split('&').any(|pair| pair.split('=').next() == Some(key));
        choices.with(|choices| choices.iter().any(|choice| !has(&choice.key)))
    });
    let says =
        memo(move || asked.with(|asked| !asked.query.is_empty() || !asked.choices.is_empty()));
    let on_key = move |event: ev::KeyboardEvent| match event.key().as_str() {
        "Enter" => {
            read();
            if says.get() && !must_choose.get() {
                take(asked.with_untracked(|asked| asked.query.clone()));
            }
        }
        "Escape" => open.set(false),
        _ => {}
    };
    let options = EventListenerOptions::enable_prevent_default();
    let slash = EventListener::new_with_options(&document(), "keydown", options, move |event| {
        let Some(event) = event.dyn_ref::<web_sys::KeyboardEvent>() else { return };
        let is_typing = document().active_element().is_some_and(|element| {
            matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
        });
        if event.key() == "/"
            && !is_typing
            && let Some(input) = input.get_untracked()
        {
            event.prevent_default();
            _ = input.focus();
        }
    });
    let slash = SendWrapper::new(slash);
    on_cleanup(move || drop(slash));
    let shown = memo(move || open.get() && typed.with(|typed| !typed.trim().is_empty()));
    view! {
        <search class="ask">
            <input
                node_ref=input
                type="text"
                autocomplete="off"
                spellcheck="false"
                data-testid="ask"
                aria-label=words!(state, ask.label)
                placeholder=words!(state, ask.placeholder)
                prop:value=typed
                on:focus=move |_| {
                    open.set(true);
                }
                on:input:target=move |event| {
                    typed.set(event.target().value());
                    open.set(true);
                    waiting.set_value(Some(SendWrapper::new(Timeout::new(REST, read))));
                }
                on:keydown=on_key
                on:paste=move |event| on_paste(event.into())
            />
            <Show when=shown>
                <div class="ask-panel" data-testid="ask-panel" aria-live="polite">
                    <Understood asked remove />
                    <For
                        each=move || choices.get()
                        key=|choice| (choice.key.clone(), choice.text.clone(), choice.options.clone())
                        let(choice)
                    >
                        <Options
                            choice
                            choose=Callback::new(move |pair: String| {
                                let query = asked.with_untracked(|asked| asked.query.clone());
                                take(with_pair(&query, &pair));
                            })
                        />
                    </For>
                    {move || {
                        let repository = repository.get()?;
                        Some(view! { <FromHub repository take=take_model /> })
                    }}
                    {move || match (rest.get(), says.get(), must_choose.get()) {
                        (Rest::Missing, ..) => {
                            view! { <p class="field-note">{words!(state, rest.missing)}</p> }.into_any()
                        }
                        (Rest::Here, false, _) => {
                            view! { <p class="field-note">{words!(state, ask.nothing)}</p> }.into_any()
                        }
                        (Rest::Here, true, false) => {
                            view! {
                                <button
                                    type="button"
                                    class="button button-primary"
                                    data-testid="ask-go"
                                    on:click=move |_| {
                                        take(asked.with_untracked(|asked| asked.query.clone()));
                                    }
                                >
                                    {words!(state, ask.go)}
                                </button>
                            }
                                .into_any()
                        }
                        _ => ().into_any(),
                    }}
                </div>
            </Show>
            <DropFiles />
        </search>
    }
}

/// What was understood, and what was not.
#[component]
fn Understood(asked: RwSignal<Asked>, remove: Callback<Understood>) -> impl IntoView {
    let state = use_state();
    let parts = memo(move || asked.with(|asked| asked.understood.clone()));
    let ignored = memo(move || asked.with(|asked| asked.ignored.join(" ")));
    view! {
        <ul class="chips">
            <For
                each=move || parts.get().into_iter().filter(|part| part.key != "ask")
                key=|part| (part.key.clone(), part.value.clone())
                let(part)
            >
                {
                    let (key, title) = (part.key.clone(), part.text.clone());
                    let (label, removed) = (title.clone(), part.clone());
                    view! {
                        <li class="chip" data-testid="ask-chip" data-key=key title=title>
                            <span>{move || name(state, &part.key, &part.value)}</span>
                            <RemoveButton
                                label=words!(state, ask.remove, text = label.clone())
                                remove=move |()| remove.run(removed.clone())
                                testid="ask-chip-remove"
                            />
                        </li>
                    }
                }
            </For>
        </ul>
        <Show when=move || ignored.with(|ignored| !ignored.is_empty())>
            <p class="field-note" data-testid="ask-ignored">
                {move || tr!(state, ask.ignored, text = ignored.get())}
            </p>
        </Show>
    }
}

/// The meanings of one part.
#[component]
fn Options(choice: Choice, choose: Callback<String>) -> impl IntoView {
    let state = use_state();
    let Choice { key, text, options, note } = choice;
    let named = {
        let key = key.clone();
        move |option: &str| name(state, &key, option)
    };
    let option = move |option: String| {
        let (label, pair) = (named(&option), format!("{key}={option}"));
        view! {
            <li>
                <button
                    type="button"
                    class="button"
                    data-testid="ask-option"
                    data-value=option
                    on:click=move |_| choose.run(pair.clone())
                >
                    {label}
                </button>
            </li>
        }
    };
    view! {
        <div class="ask-choice">
            <p>{move || tr!(state, ask.which, text = text.clone())}</p>
            {note.map(|note| view! { <Why note /> })}
            <ul class="chips">{options.into_iter().map(option).collect_any()}</ul>
        </div>
    }
}

/// What the catalogue lacks of a part.
#[component]
fn Why(note: Lack) -> impl IntoView {
    let state = use_state();
    // The catalogue's own words are English.
    let why = match &note {
        Lack::NeverReleased { why, .. } => Some(why.clone()),
        _ => None,
    };
    let said = move || match &note {
        Lack::Model(name) => tr!(state, ask.no_model, name = name.as_str()),
        Lack::Size(name) => tr!(state, ask.no_size, name = name.as_str()),
        Lack::Version(name) => tr!(state, ask.no_version, name = name.as_str()),
        Lack::Kind(name) => tr!(state, ask.no_kind, name = name.as_str()),
        Lack::NeverReleased { name, .. } => tr!(state, notices.never_released, id = name.as_str()),
        Lack::Device => tr!(state, ask.no_device).to_owned(),
        Lack::Memory => tr!(state, ask.no_memory).to_owned(),
    };
    view! {
        <p class="field-note" data-testid="ask-why">
            {said} {why.map(|why| view! { <span lang="en">" " {why}</span> })}
        </p>
    }
}

/// A value of a key, for people.
fn name(state: State, key: &str, value: &str) -> String {
    match key {
        "model" if value != "*" => state.model_name(value),
        "hw" if value != "*" => Machine::from_query(value)
            .map_or_else(|| value.to_owned(), |machine| state.machine_name(&machine)),
        "ctx" => value.parse().map_or_else(|_| value.to_owned(), |n| state.tokens(n)),
        "model" | "hw" | "quant" | "engine" => value.to_owned(),
        _ => format!("{key}={value}"),
    }
}

/// `query` with the value of `pair` in place of the one it has.
fn with_pair(query: &str, pair: &str) -> String {
    let key = pair.split('=').next().unwrap_or_default();
    without_key(query, key).chain([pair]).collect::<Vec<_>>().join("&")
}

/// The pairs of `query` but that of `key`.
fn without_key<'a>(query: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.filter(move |pair| pair.split('=').next() != Some(key))
}
