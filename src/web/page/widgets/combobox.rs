//! A field to find something by typing: the ARIA 1.2 combobox with a list.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::page::app::reactive::{For, effect, memo};
use leptos::ev;
use leptos::prelude::*;
use leptos::web_sys;

/// The most options that are listed at once; the count says how many more there are.
pub const LISTED: usize = 100;

/// Something that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// What is handed over.
    pub id: String,
    /// What is shown first.
    pub title: String,
    /// What is shown beside it.
    pub detail: String,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The first of them, best first.
    pub choices: Vec<Choice>,
    /// A line above the list: how many there are, or that there are none.
    pub status: String,
}

/// A text field with a list of matches. Arrow keys walk through the list, Enter takes, Escape
/// closes it and then restores the field.
#[component]
pub fn Combobox(
    /// The field's name for those who don't see its place.
    #[prop(into)]
    label: Signal<String>,
    /// Shown while the field is empty.
    #[prop(into)]
    placeholder: Signal<String>,
    /// What is chosen now; empty in a field that adds.
    #[prop(into, optional)]
    value: Signal<String>,
    /// What is chosen now is not usable.
    #[prop(into, optional)]
    invalid: Signal<bool>,
    /// Finds what matches a text; everything for an empty one.
    search: Callback<String, Found>,
    /// Takes the id of what was chosen.
    choose: Callback<String>,
    /// For tests.
    #[prop(optional)]
    testid: Option<&'static str>,
) -> impl IntoView {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let id = COUNT.fetch_add(1, Ordering::Relaxed);
    let list_id = format!("list-{id}");
    let status_id = format!("status-{id}");
    let option_id = move |at: usize| format!("option-{id}-{at}");

    let typed = RwSignal::new(None::<String>);
    let open = RwSignal::new(false);
    let active = RwSignal::new(None::<usize>);
    let input = NodeRef::<leptos::html::Input>::new();
    let found = memo(move || match open.get() {
        true => search.run(typed.get().unwrap_or_default()),
        false => Found::default(),
    });
    let has_choices = memo(move || found.with(|found| !found.choices.is_empty()));

    let close = move || {
        open.set(false);
        active.set(None);
    };
    let take = move |at: usize| {
        let choice = found.with_untracked(|found| found.choices.get(at).cloned());
        if let Some(choice) = choice {
            typed.set(None);
            close();
            choose.run(choice.id);
        }
    };
    let walk = move |step: isize| {
        if !open.get_untracked() {
            open.set(true);
        }
        let count = found.with_untracked(|found| found.choices.len());
        if count == 0 {
            return;
        }
        let last = count - 1;
        active.update(|active| {
            *active = Some(match (*active, step) {
                (None, 1) => 0,
                (None, _) => last,
                (Some(at), 1) => {
                    if at >= last {
                        0
                    } else {
                        at + 1
                    }
                }
                (Some(at), -1) => at.checked_sub(1).unwrap_or(last),
                (Some(at), step) => at.saturating_add_signed(step).min(last),
            });
        });
    };
    let on_key = move |event: ev::KeyboardEvent| {
        match event.key().as_str() {
            "ArrowDown" => walk(1),
            "ArrowUp" => walk(-1),
            "PageDown" if open.get_untracked() => walk(8),
            "PageUp" if open.get_untracked() => walk(-8),
            "Enter" if open.get_untracked() => match active.get_untracked() {
                Some(at) => take(at),
                None if typed
                    .with_untracked(|t| t.as_deref().is_some_and(|t| !t.trim().is_empty())) =>
                {
                    take(0);
                }
                None => {}
            },
            "Escape" if open.get_untracked() => close(),
            "Escape" => typed.set(None),
            _ => return,
        }
        event.prevent_default();
    };
    // A field that is taken out loses the focus too, and by then its signals are gone.
    let on_blur = move |_| {
        _ = open.try_set(false);
        _ = active.try_set(None);
        // A field that adds keeps what was typed; one that shows a choice shows it again.
        if value.try_with_untracked(String::is_empty) == Some(false) {
            _ = typed.try_set(None);
        }
    };
    effect(move || {
        let Some(at) = active.get() else { return };
        if let Some(option) = document().get_element_by_id(&option_id(at)) {
            let options = web_sys::ScrollIntoViewOptions::new();
            options.set_block(web_sys::ScrollLogicalPosition::Nearest);
            option.scroll_into_view_with_scroll_into_view_options(&options);
        }
    });

    let controls = list_id.clone();
    let described = status_id.clone();
    view! {
        <div class="combobox" class:combobox-open=open>
            <input
                node_ref=input
                type="text"
                role="combobox"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                data-testid=testid
                aria-label=label
                aria-autocomplete="list"
                aria-expanded=move || (open.get() && has_choices.get()).to_string()
                aria-controls=controls
                aria-describedby=described
                aria-activedescendant=move || active.get().map(option_id)
                aria-invalid=move || invalid.get().then_some("true")
                placeholder=placeholder
                prop:value=move || typed.get().unwrap_or_else(|| value.get())
                on:input:target=move |event| {
                    let text = event.target().value();
                    open.set(true);
                    active.set((!text.trim().is_empty()).then_some(0));
                    typed.set(Some(text));
                }
                on:focus:target=move |event| event.target().select()
                on:click=move |_| open.set(true)
                on:keydown=on_key
                on:blur=on_blur
            />
            <div class="combobox-list" class:combobox-hidden=move || !open.get()>
                <p class="combobox-status" id=status_id role="status">
                    {move || found.with(|found| found.status.clone())}
                </p>
                <ul role="listbox" id=list_id aria-label=label>
                    <For
                        each=move || found.get().choices.into_iter().enumerate()
                        key=|(at, choice)| (*at, choice.clone())
                        let((at, choice))
                    >
                        <li
                            role="option"
                            id=option_id(at)
                            data-id=choice.id
                            aria-selected=move || (active.get() == Some(at)).to_string()
                            on:pointerdown=|event| event.prevent_default()
                            on:click=move |_| take(at)
                        >
                            <span>{choice.title}</span>
                            <span class="combobox-detail">{choice.detail}</span>
                        </li>
                    </For>
                </ul>
            </div>
        </div>
    }
}
