//! Buttons that save what is shown as a file.

use leptos::prelude::*;

use crate::page::app::reactive::CollectAny;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsValue;

use crate::page::app::browser;
use crate::page::app::state::use_state;
use crate::page::app::text::words;

/// A form of file: its name, the ending of its files and its media type.
pub type Form = (&'static str, &'static str, &'static str);

/// A picture that scales.
pub const SVG: Form = ("SVG", "svg", "image/svg+xml");
/// A picture in pixels.
pub const PNG: Form = ("PNG", "png", "image/png");
/// A table for a spreadsheet.
pub const CSV: Form = ("CSV", "csv", "text/csv");
/// A text with its structure.
pub const MARKDOWN: Form = ("Markdown", "md", "text/markdown");
/// For a program.
pub const JSON: Form = ("JSON", "json", "application/json");

/// A button for each of `forms`.
#[component]
pub fn Saves(
    /// The forms that are offered.
    forms: &'static [Form],
    /// Name of the file without its ending.
    name: &'static str,
    /// What is saved in this form, a text or the figure of a chart; asked for when it is pressed.
    #[prop(into)]
    what: Callback<Form, Option<JsValue>>,
) -> impl IntoView {
    let state = use_state();
    let button = |form: &Form| {
        let form = *form;
        let (title, ending, media_type) = form;
        let save = move |_| {
            let Some(what) = what.run(form) else { return };
            spawn_local(async move {
                browser::save(&format!("headroom-{name}.{ending}"), media_type, &what).await;
            });
        };
        view! {
            <button
                type="button"
                class="button button-quiet"
                data-testid=format!("save-{ending}")
                aria-label=move || format!("{}: {title}", words!(state, save.label).get())
                on:click=save
            >
                {title}
            </button>
        }
    };
    view! {
        <p class="saves" data-testid=format!("saves-{name}")>
            <span>{words!(state, save.label)}</span>
            {forms.iter().map(button).collect_any()}
        </p>
    }
}
