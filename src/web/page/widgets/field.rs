//! Fields: text to type, one of several words, on or off.

use headroom::scenario::Bounds;
use leptos::prelude::*;

use crate::number::Refusal;
use crate::page::app::reactive::{For, Show};
use crate::page::app::state::use_state;
use crate::page::app::text::{tr, words};
use crate::page::widgets::icons::{Minus, Plus};

/// A number to type. What can't be used stays in the field, with what would be accepted below.
#[component]
pub fn NumberField(
    /// What the number is.
    #[prop(into)]
    label: Signal<String>,
    /// Don't show the label: its place says it.
    #[prop(optional)]
    unlabelled: bool,
    /// The number in use, written out; empty where none is.
    #[prop(into)]
    value: Signal<String>,
    /// What is used while the field is empty, written out.
    #[prop(into, optional)]
    placeholder: Signal<String>,
    /// Smallest and largest accepted, written out.
    #[prop(into)]
    range: Signal<(String, String)>,
    /// Uses what was typed.
    commit: Callback<String, Result<(), Refusal>>,
    /// Shown below while all is well.
    #[prop(into, optional)]
    hint: Signal<String>,
    /// For tests.
    #[prop(into, optional)]
    testid: String,
) -> impl IntoView {
    let state = use_state();
    let message = Callback::new(move |refusal| {
        let (min, max) = range.get();
        let used = Some(value.get()).filter(|value| !value.is_empty());
        let used = used.unwrap_or_else(|| placeholder.get());
        match refusal {
            Refusal::NotANumber => {
                tr!(state, field.not_a_number, min = min, max = max, used = used)
            }
            Refusal::OutOfRange => {
                tr!(state, field.out_of_range, min = min, max = max, used = used)
            }
        }
    });
    view! { <TextField label unlabelled value placeholder commit message hint testid /> }
}

/// Text to type. What can't be used stays in the field, with why below.
#[component]
pub fn TextField<E: Clone + Send + Sync + 'static>(
    /// What the text is.
    #[prop(into)]
    label: Signal<String>,
    /// Don't show the label: its place says it.
    #[prop(optional)]
    unlabelled: bool,
    /// The text in use.
    #[prop(into)]
    value: Signal<String>,
    /// Shown while the field is empty.
    #[prop(into, optional)]
    placeholder: Signal<String>,
    /// Uses what was typed.
    commit: Callback<String, Result<(), E>>,
    /// Why what was typed is not used.
    message: Callback<E, String>,
    /// Shown below while all is well.
    #[prop(into, optional)]
    hint: Signal<String>,
    /// For tests.
    #[prop(into, optional)]
    testid: String,
) -> impl IntoView {
    let typed = RwSignal::new(None::<String>);
    let refusal = RwSignal::new(None::<E>);
    // The last value that was typed. Any other came from outside and replaces the text.
    let meant = StoredValue::new(None::<String>);
    Effect::new(move |seen: Option<String>| {
        let now = value.get();
        let elsewhere = meant.with_value(|meant| meant.as_ref() != Some(&now));
        if seen.is_some_and(|seen| seen != now) && elsewhere {
            typed.set(None);
            refusal.set(None);
        }
        now
    });
    let is_refused = move || refusal.with(Option::is_some);
    let id = format!("field-{}", next_id());
    let (for_id, note_id) = (id.clone(), format!("{id}-note"));
    let described = note_id.clone();
    view! {
        <div class="field" class:field-refused=is_refused>
            <label class="field-label" class:vh=unlabelled for=for_id>
                {label}
            </label>
            <input
                id=id
                type="text"
                inputmode="decimal"
                autocomplete="off"
                data-testid=(!testid.is_empty()).then_some(testid)
                aria-describedby=described
                aria-invalid=move || is_refused().then_some("true")
                placeholder=placeholder
                prop:value=move || typed.get().unwrap_or_else(|| value.get())
                on:focus:target=move |event| event.target().select()
                on:input:target=move |event| {
                    let text = event.target().value();
                    refusal.set(commit.run(text.clone()).err());
                    meant.set_value(Some(value.get_untracked()));
                    typed.set(Some(text));
                }
                on:blur=move |_| {
                    // A field that is taken out loses the focus too, and by then it has no signals.
                    if refusal.try_with_untracked(Option::is_none) == Some(true) {
                        _ = typed.try_set(None);
                    }
                }
            />
            <p class="field-note" id=note_id role="status">
                {move || match refusal.get() {
                    Some(refusal) => message.run(refusal),
                    None => hint.get(),
                }}
            </p>
        </div>
    }
}

/// A number field between buttons for one fewer and one more.
#[component]
pub fn Stepper(
    /// What is counted.
    #[prop(into)]
    name: Signal<String>,
    /// How many there are.
    #[prop(into)]
    value: Signal<u64>,
    /// How many there may be.
    bounds: Bounds,
    /// Takes the new number.
    set: Callback<u64>,
    /// A further class.
    #[prop(optional)]
    class: &'static str,
    /// The number field.
    children: Children,
) -> impl IntoView {
    let state = use_state();
    view! {
        <div class=format!("stepper {class}")>
            <button
                type="button"
                class="button button-icon"
                aria-label=words!(state, field.fewer, name = name.get())
                prop:disabled=move || { value.get() <= bounds.min }
                on:click=move |_| set.run(value.get_untracked().saturating_sub(1))
            >
                <Minus />
            </button>
            {children()}
            <button
                type="button"
                class="button button-icon"
                aria-label=words!(state, field.another, name = name.get())
                prop:disabled=move || { value.get() >= bounds.max }
                on:click=move |_| set.run(value.get_untracked() + 1)
            >
                <Plus />
            </button>
        </div>
    }
}

/// One of several words.
#[component]
pub fn Select(
    /// What is chosen.
    #[prop(into)]
    label: Signal<String>,
    /// Don't show the label: its place says it.
    #[prop(optional)]
    unlabelled: bool,
    /// Value and text of each option.
    #[prop(into)]
    options: Signal<Vec<(String, String)>>,
    /// The value chosen.
    #[prop(into)]
    value: Signal<String>,
    /// Takes the value chosen.
    choose: Callback<String>,
    /// Shown below.
    #[prop(into, optional)]
    hint: Signal<String>,
    /// For tests.
    #[prop(into, optional)]
    testid: String,
) -> impl IntoView {
    let id = format!("field-{}", next_id());
    let for_id = id.clone();
    view! {
        <div class="field">
            <label class="field-label" class:vh=unlabelled for=for_id>
                {label}
            </label>
            <select
                id=id
                data-testid=(!testid.is_empty()).then_some(testid)
                on:change:target=move |event| choose.run(event.target().value())
            >
                <For each=move || options.get() key=Clone::clone let((option, text))>
                    {
                        let this = option.clone();
                        view! {
                            <option value=option prop:selected=move || value.get() == this>
                                {text}
                            </option>
                        }
                    }
                </For>
            </select>
            <Show when=move || !hint.with(String::is_empty)>
                <p class="field-note">{hint}</p>
            </Show>
        </div>
    }
}

/// On or off.
#[component]
pub fn Checkbox(
    /// What is on or off.
    #[prop(into)]
    label: Signal<String>,
    /// Whether it is on.
    #[prop(into)]
    value: Signal<bool>,
    /// Takes the new state.
    set: Callback<bool>,
    /// Shown behind the label.
    #[prop(into, optional)]
    hint: Signal<String>,
    /// For tests.
    #[prop(into, optional)]
    testid: String,
) -> impl IntoView {
    view! {
        <label class="checkbox">
            <input
                type="checkbox"
                data-testid=(!testid.is_empty()).then_some(testid)
                prop:checked=value
                on:change:target=move |event| set.run(event.target().checked())
            />
            <span>{label}</span>
            <span class="field-note">{hint}</span>
        </label>
    }
}

/// A number that no other field of the page has.
fn next_id() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}
