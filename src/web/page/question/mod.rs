//! The question: a sentence whose slots open to be changed. An empty slot is what is asked.

pub mod addon_fields;
pub mod ask_box;
pub mod axes;
pub mod controls;
pub mod empty;
pub mod engines;
pub mod from_hub;
pub mod hardware;
pub mod imported;
pub mod kept_models;
pub mod kv_fields;
pub mod measure;
pub mod models;
pub mod offload_fields;
pub mod own_device;
pub mod picker;
pub mod quants;
pub mod read_files;
pub mod setting;
pub mod this_computer;

use leptos::prelude::*;

use crate::entry::AxisEntry;
use crate::page::app::reactive::{Show, memo};
use crate::page::app::rest::WithRest;
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::question::controls::{Controls, MORE, More};
use crate::page::question::engines::Engines;
use crate::page::question::hardware::Hardware;
use crate::page::question::models::Models;
use crate::page::question::quants::Quants;
use crate::page::question::setting::is_changed;
use headroom::ranking::Open;
use headroom::scenario::{Axis, Scenario};

/// How many entries of a slot the sentence names.
const NAMED: usize = 3;

/// The whole question, to be read only: what an answer depends on that is part of another page.
#[component]
pub fn QuestionInWords() -> impl IntoView {
    let state = use_state();
    view! {
        <p class="question-words" data-testid="question-words">
            {move || {
                let part = |axis| slot_text(state, axis);
                format!(
                    "{} {} {} {} {} {} {} · {}",
                    part(Axis::Model),
                    tr!(state, sentence.on),
                    part(Axis::Hardware),
                    tr!(state, sentence.with_for),
                    use_text(state),
                    tr!(state, sentence.with_in),
                    part(Axis::Engine),
                    part(Axis::Quant),
                )
            }}
        </p>
    }
}

/// What the sentence says of whom the model is run for.
fn use_text(state: State) -> String {
    let (context, users) = state.scenario.with(|s| (s.context, s.users));
    let context = state.tokens(context);
    match users {
        1 => tr!(state, sentence.one_user, context = context),
        n => tr!(state, sentence.users, count = n, n = state.whole(n), context = context),
    }
}

/// The whole question.
#[component]
pub fn Question() -> impl IntoView {
    let state = use_state();
    let text = move |axis: Axis| Signal::derive(move || slot_text(state, axis));
    let used = Signal::derive(move || use_text(state));
    let changed = state.slice(|scenario| is_changed(scenario, &MORE));
    let settings = words!(state, controls.more);
    view! {
        <section class="question" aria-label=words!(state, settings)>
            <Slot name="model" label=words!(state, axes.model) text=text(Axis::Model)>
                <Models />
                <AnyOf axis=Axis::Model />
            </Slot>
            <span class="sentence-word">{words!(state, sentence.on)}</span>
            <Slot name="hardware" label=words!(state, axes.hardware) text=text(Axis::Hardware)>
                <Hardware />
                <AnyOf axis=Axis::Hardware />
            </Slot>
            <span class="sentence-word">{words!(state, sentence.with_for)}</span>
            <Slot name="use" label=words!(state, sentence.use_label) text=used>
                <Controls />
            </Slot>
            <span class="sentence-word">{words!(state, sentence.with_in)}</span>
            <Slot name="engine" label=words!(state, axes.engine) text=text(Axis::Engine)>
                <Engines />
            </Slot>
            <Slot name="quant" label=words!(state, axes.quant) text=text(Axis::Quant)>
                <Quants />
                <AnyOf axis=Axis::Quant />
            </Slot>
            <Slot name="more" label=settings text=settings quiet=changed>
                <WithRest>
                    <More />
                </WithRest>
            </Slot>
        </section>
    }
}

/// What the sentence says of an axis: its entries, the first of many, or that any will do.
fn slot_text(state: State, axis: Axis) -> String {
    let entries = state.outline.with(|s| {
        // A ranking looks for the format itself unless one is asked for.
        let any_quant =
            axis == Axis::Quant && Open::of(s).is_some() && s.quants == Scenario::default().quants;
        if any_quant { Vec::new() } else { AxisEntry::all(axis, s) }
    });
    let any = match axis {
        Axis::Model => tr!(state, sentence.any_model),
        Axis::Hardware => tr!(state, sentence.any_machine),
        Axis::Quant => tr!(state, sentence.any_quant),
        Axis::Engine => tr!(state, sentence.no_engine),
    };
    let names = entries.iter().take(NAMED).map(|entry| state.entry_name(entry));
    let named = names.collect::<Vec<_>>().join(", ");
    match entries.len() {
        0 => any.to_owned(),
        n if n > NAMED => {
            tr!(state, sentence.and_more, names = named, n = state.whole((n - NAMED) as u64))
        }
        _ => named,
    }
}

/// A slot of the sentence: its text opens the fields that change it.
#[component]
fn Slot(
    name: &'static str,
    #[prop(into)] label: Signal<String>,
    #[prop(into)] text: Signal<String>,
    /// A slot that the sentence does not name but mentions; set where it is not at its defaults.
    #[prop(optional)]
    quiet: Option<Memo<bool>>,
    children: ChildrenFn,
) -> impl IntoView {
    let state = use_state();
    // Its fields are made when it is first opened.
    let opened = RwSignal::new(false);
    let children = StoredValue::new(children);
    let is_quiet = quiet.is_some();
    let marked = memo(move || quiet.is_some_and(|changed| changed.get()));
    view! {
        // Of one name: one that opens closes the others.
        <details
            class="slot"
            name="slot"
            data-testid=format!("slot-{name}")
            on:toggle=move |_| opened.set(true)
        >
            <summary class:slot-quiet=is_quiet>
                <Show when=move || !is_quiet>
                    <span class="vh">{label} ": "</span>
                </Show>
                <span class="slot-text">{text}</span>
                <Show when=marked>
                    <span class="tag">{words!(state, controls.changed)}</span>
                </Show>
            </summary>
            <div class="slot-panel">
                <Show when=opened>{children.with_value(|children| children())}</Show>
            </div>
        </details>
    }
}

/// Empties a slot, which asks what would fill it.
#[component]
fn AnyOf(axis: Axis) -> impl IntoView {
    let state = use_state();
    let words = move || match axis {
        Axis::Model => tr!(state, sentence.ask_models),
        Axis::Hardware => tr!(state, sentence.ask_machines),
        _ => tr!(state, sentence.ask_quants),
    };
    let empty = move |s: &mut Scenario| {
        match axis {
            Axis::Model => s.models.clear(),
            Axis::Hardware => s.machines.clear(),
            Axis::Quant => s.quants.clear(),
            Axis::Engine => {}
        }
        // Only one of the two can be what is asked.
        if s.models.is_empty() && s.machines.is_empty() {
            let Scenario { models, machines, .. } = Scenario::default();
            match axis {
                Axis::Model => s.machines = machines,
                _ => s.models = models.into_iter().take(1).collect(),
            }
        }
        s.selected = None;
    };
    let filled = state.slice(move |s| axis.count(s) > 0);
    view! {
        <Show when=filled>
            <button
                type="button"
                class="button any-of"
                data-testid="any-of"
                data-axis=axis.name()
                on:click=move |_| state.choose(empty)
            >
                {words}
            </button>
        </Show>
    }
}
