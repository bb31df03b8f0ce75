//! The reader's own computer, told by what its tools print or by what its browser says of it. Nothing
//! is looked at before the reader presses, and nothing found is taken without a choice.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::edit;
use crate::page::app::browser;
use crate::page::app::reactive::{For, Show};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use headroom::ask::{PastedDevice, PastedMachine, pasted_machine};

/// What came of reading.
#[derive(Clone, PartialEq)]
enum Found {
    Nothing,
    /// No program that is known printed the text.
    UnknownOutput,
    /// The names of devices that the catalogue does not list.
    Unlisted(String),
    /// The machine is in the question: its devices, and those that are not listed.
    Taken(String, String),
    /// The graphics device as the browser names it, and the ids that it can be.
    Renderer(String, Vec<String>),
    /// The browser does not name it.
    NoRenderer,
}

/// The form.
#[component]
pub fn ThisComputer() -> impl IntoView {
    let state = use_state();
    let text = RwSignal::new(String::new());
    let found = RwSignal::new(Found::Nothing);
    let read = move |_| {
        let next = text.with_untracked(|text| take_output(state, text));
        if matches!(next, Found::Taken(..)) {
            text.set(String::new());
        }
        found.set(next);
    };
    let look = move |_| {
        spawn_local(async move {
            let next = match browser::graphics().await {
                Some(name) => {
                    let PastedDevice { name, options, .. } = PastedDevice::of_driver(&name);
                    Found::Renderer(name, options)
                }
                None => Found::NoRenderer,
            };
            _ = found.try_set(next);
        });
    };
    let said = move || match found.get() {
        Found::Nothing => tr!(state, this_computer.about).to_owned(),
        Found::UnknownOutput => tr!(state, this_computer.unknown).to_owned(),
        Found::Unlisted(names) => tr!(state, this_computer.unlisted, names = names),
        Found::Taken(devices, others) => match others.is_empty() {
            true => tr!(state, this_computer.taken, devices = devices),
            false => tr!(state, this_computer.taken_but, devices = devices, names = others),
        },
        Found::Renderer(name, options) => match options.is_empty() {
            true => tr!(state, this_computer.renderer_unlisted, name = name),
            false => tr!(state, this_computer.renderer, name = name),
        },
        Found::NoRenderer => tr!(state, this_computer.no_renderer).to_owned(),
    };
    let options = move || match found.get() {
        Found::Renderer(_, options) => options,
        _ => Vec::new(),
    };
    view! {
        <details class="aside" data-testid="this-computer">
            <summary>{words!(state, this_computer.title)}</summary>
            <label class="field-label" for="computer-text">
                {words!(state, this_computer.label)}
            </label>
            <textarea
                id="computer-text"
                class="paste"
                rows="4"
                spellcheck="false"
                data-testid="computer-text"
                aria-describedby="computer-note"
                placeholder="GPU 0: NVIDIA GeForce RTX 4090 (UUID: …)"
                prop:value=text
                on:input:target=move |event| text.set(event.target().value())
            ></textarea>
            <button type="button" class="button" data-testid="computer-read" on:click=read>
                {words!(state, this_computer.read)}
            </button>
            " "
            <button type="button" class="button" data-testid="computer-look" on:click=look>
                {words!(state, this_computer.look)}
            </button>
            <p class="field-note" id="computer-note" role="status" data-testid="computer-note">
                {said}
            </p>
            <Show when=move || !options().is_empty()>
                <ul class="chips">
                    <For each=options key=Clone::clone let(id)>
                        <Suggested id />
                    </For>
                </ul>
            </Show>
        </details>
    }
}

/// A device that the computer may have.
#[component]
fn Suggested(id: String) -> impl IntoView {
    let state = use_state();
    let name = name(state, &id);
    let value = id.clone();
    view! {
        <li>
            <button
                type="button"
                class="button"
                data-testid="computer-option"
                data-value=value
                on:click=move |_| state.choose(|s| edit::use_machines(s, &format!("hw={id}")))
            >
                {name}
            </button>
        </li>
    }
}

/// The name of what an option such as `apple-m3-max-40c@64` stands for.
fn name(state: State, option: &str) -> String {
    match option.split_once('@') {
        Some((id, gb)) => format!("{}, {gb}\u{a0}{}", state.device_name(id), tr!(state, units.gb)),
        None => state.device_name(option),
    }
}

/// Asks about the machine that a program printed; false if `text` is nothing of the kind.
pub fn takes_output(state: State, text: &str) -> bool {
    matches!(take_output(state, text), Found::Taken(..))
}

fn take_output(state: State, text: &str) -> Found {
    let PastedMachine { tool, query, devices } = pasted_machine(text);
    let names = |is_known: bool| {
        let found = devices.iter().filter(|device| device.options.is_empty() != is_known);
        let names = found.map(|device| match device.options.first() {
            Some(option) => name(state, option),
            None => device.name.clone(),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    match (tool, query.is_empty()) {
        (None, _) => Found::UnknownOutput,
        (Some(_), true) => Found::Unlisted(names(false)),
        (Some(_), false) => {
            state.choose(|s| edit::use_machines(s, &query));
            Found::Taken(names(true), names(false))
        }
    }
}
