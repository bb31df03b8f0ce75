//! Fields for numbers and words.

use leptos::prelude::*;

use super::state::use_state;
use super::text::tr;
use crate::number::Refusal;

/// A number to type. What can't be used stays in the field, with what would be accepted below.
#[component]
pub fn NumberField(
    /// What the number is.
    #[prop(into)]
    label: Signal<String>,
    /// Don't show the label: its place says it.
    #[prop(optional)]
    unlabelled: bool,
    /// The number in use, written out.
    #[prop(into)]
    value: Signal<String>,
    /// Smallest and largest accepted, written out.
    #[prop(into)]
    range: Signal<(String, String)>,
    /// Uses what was typed.
    commit: Callback<String, Result<(), Refusal>>,
    /// Shown below while all is well.
    #[prop(into, optional)]
    hint: Signal<String>,
    /// For tests.
    #[prop(optional)]
    testid: Option<&'static str>,
) -> impl IntoView {
    let state = use_state();
    let typed = RwSignal::new(None::<String>);
    let refusal = RwSignal::new(None::<Refusal>);
    // The value that what was typed stands for; any other was set elsewhere and replaces it.
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
    let message = move || {
        let (min, max) = range.get();
        let used = value.get();
        match refusal.get()? {
            Refusal::NotANumber => {
                Some(tr!(state, field.not_a_number, min = min, max = max, used = used))
            }
            Refusal::OutOfRange => {
                Some(tr!(state, field.out_of_range, min = min, max = max, used = used))
            }
        }
    };
    let id = format!("field-{}", next_id());
    let (for_id, note_id) = (id.clone(), format!("{id}-note"));
    let described = note_id.clone();
    view! {
        <div class="field" class:field-refused=move || refusal.get().is_some()>
            <label class="field-label" class:vh=unlabelled for=for_id>
                {move || label.get()}
            </label>
            <input
                id=id
                type="text"
                inputmode="decimal"
                autocomplete="off"
                data-testid=testid
                aria-describedby=described
                aria-invalid=move || refusal.get().is_some().then_some("true")
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
                    if refusal.try_get_untracked() == Some(None) {
                        _ = typed.try_set(None);
                    }
                }
            />
            <p class="field-note" id=note_id role="status">
                {move || message().unwrap_or_else(|| hint.get())}
            </p>
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
    /// For tests.
    #[prop(optional)]
    testid: Option<&'static str>,
) -> impl IntoView {
    let id = format!("field-{}", next_id());
    let for_id = id.clone();
    view! {
        <div class="field">
            <label class="field-label" class:vh=unlabelled for=for_id>
                {move || label.get()}
            </label>
            <select
                id=id
                data-testid=testid
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
    /// For tests.
    #[prop(optional)]
    testid: Option<&'static str>,
) -> impl IntoView {
    view! {
        <label class="checkbox">
            <input
                type="checkbox"
                data-testid=testid
                prop:checked=move || value.get()
                on:change:target=move |event| set.run(event.target().checked())
            />
            <span>{move || label.get()}</span>
        </label>
    }
}

/// A number that no other field of the page has.
fn next_id() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}
