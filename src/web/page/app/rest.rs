//! The rest of the app. `cargo xtask build` divides it by `src/web/rest.txt` into what a first visit
//! runs and the rest, which public/boot.js loads once that is here. What is asked of the rest before
//! waits for it, with the page standing still; so what can be shown later waits here.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsValue;
use leptos::wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::page::app::browser;
use crate::page::app::reactive::Show;
use crate::page::app::state::use_state;
use crate::page::app::text::words;

/// Where the rest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// On its way.
    Coming,
    /// Here, or part of the first part.
    Here,
    /// Not to be had.
    Missing,
}

#[wasm_bindgen]
extern "C" {
    /// Tells public/boot.js what the first part exports; settles once the rest is here.
    #[wasm_bindgen(catch, js_name = headroomStarted)]
    fn started(exports: &JsValue) -> Result<js_sys::Promise, JsValue>;

    /// Loads the rest at once: what stubs of its functions call.
    #[wasm_bindgen(js_name = headroomRest)]
    fn load();
}

/// Loads the rest at once. Nothing calls it but stubs, which know it by the import alone: exported, it
/// keeps that.
#[wasm_bindgen(js_name = loadRest)]
pub fn load_rest() {
    load();
}

/// Has the rest loaded.
pub fn fetch() -> RwSignal<Rest> {
    let Ok(loading) = started(&leptos::wasm_bindgen::exports()) else {
        // Without that script the app is whole.
        return RwSignal::new(Rest::Here);
    };
    let rest = RwSignal::new(Rest::Coming);
    spawn_local(async move {
        let (found, mark) = match JsFuture::from(loading).await {
            Ok(_) => (Rest::Here, "here"),
            Err(_) => (Rest::Missing, "missing"),
        };
        rest.set(found);
        browser::mark_root("data-rest", Some(mark));
    });
    rest
}

/// Shows its children once the rest is here.
#[component]
pub fn WithRest(children: ChildrenFn) -> impl IntoView {
    let state = use_state();
    let rest = state.rest;
    view! {
        <Show
            when=move || rest.get() == Rest::Here
            fallback=move || {
                view! {
                    <div class="rest-awaited">
                        <Show when=move || rest.get() == Rest::Missing>
                            <p role="alert">{words!(state, rest.missing)}</p>
                        </Show>
                    </div>
                }
            }
        >
            {children()}
        </Show>
    }
}
