//! The page. It knows Scenario, Report and the catalogue's names; it computes no memory figure.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys;

/// Mounts the page.
pub fn start() {
    console_error_panic_hook::set_once();
    let shell = document().get_element_by_id("app");
    let Some(shell) = shell.and_then(|shell| shell.dyn_into::<web_sys::HtmlElement>().ok()) else {
        return;
    };
    shell.set_text_content(None);
    mount_to(shell, App).forget();
    if let Some(html) = document().document_element() {
        _ = html.set_attribute("data-ready", "");
    }
}

/// The whole page.
#[component]
fn App() -> impl IntoView {
    view! {
        <main>
            <h1>{headroom_locales::td_string!(headroom_locales::Locale::ru, g.copies, count = 2, n = "2")}</h1>
        </main>
    }
}
