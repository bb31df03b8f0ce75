//! A word of the field that explains itself.

use leptos::prelude::*;

/// `name`, and what it means: shown when it is pressed, and by the browser when it is pointed at.
#[component]
pub fn Term(
    #[prop(into)] name: Signal<String>,
    #[prop(into)] about: Signal<String>,
    /// Its name in the page, which no other has.
    key: &'static str,
) -> impl IntoView {
    let id = format!("about-{key}");
    view! {
        <button type="button" class="term" title=about popovertarget=id.clone()>
            {name}
        </button>
        <span class="term-about" popover="auto" id=id>
            {about}
        </span>
    }
}
