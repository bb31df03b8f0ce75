//! What is drawn: one component a file, over one `State`.

mod accuracy;
mod addon_fields;
mod answer;
mod axes;
mod bar;
mod bill;
mod browser;
mod chart;
mod charts;
mod combobox;
mod controls;
mod differences;
mod empty;
mod engines;
mod fatal;
mod field;
mod figures;
mod hardware;
mod header;
mod history;
mod icons;
mod kv_fields;
mod measure;
mod models;
mod money;
mod notices;
mod numbers;
mod offload_fields;
mod pace;
mod picker;
mod placement;
mod quants;
mod question;
mod reactive;
mod serving;
mod setting;
mod speed;
mod speed_charts;
mod state;
mod table;
mod text;

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys;
use reactive::Show;
use reactive::memo;

use state::State;

/// Mounts the page into `#app` and says so with `<html data-ready>`.
pub fn start() {
    fatal::install();
    let shell = document().get_element_by_id("app");
    let Some(shell) = shell.and_then(|shell| shell.dyn_into::<web_sys::HtmlElement>().ok()) else {
        return;
    };
    shell.set_text_content(None);
    mount_to(shell, App).forget();
    browser::mark_root("data-ready", Some(""));
}

/// The whole page.
#[component]
pub fn App() -> impl IntoView {
    let state = State::open();
    provide_context(state);
    history::follow(state);
    state.dress_document();
    let embedded = state.slice(|scenario| scenario.embed);
    let answers = state.slice(|scenario| scenario.embed || scenario.view.accuracy.is_none());
    view! {
        <Show when=move || !embedded.get()>
            <header::Header />
        </Show>
        <main>
            <Show when=embedded>
                <h1 class="vh">"Headroom"</h1>
            </Show>
            <Show
                when=answers
                fallback=|| view! { <accuracy::AccuracyPage /> }
            >
                <Show when=move || !embedded.get()>
                    <question::Question />
                </Show>
                <notices::Notices />
                <answer::AnswerLine />
                <table::Table />
                <bill::Bill />
                <Panels />
            </Show>
        </main>
        <header::Footer />
    }
}

/// What is told of the open cell below its bill.
#[component]
fn Panels() -> impl IntoView {
    let state = state::use_state();
    let cell = memo(move || state.selected.get().and_then(|at| state.cell(at)));
    let embedded = state.slice(|scenario| scenario.embed);
    let shown = memo(move || cell.with(Option::is_some) && !embedded.get());
    view! {
        <Show when=shown>
            <serving::ServingPanel cell />
            <money::MoneyPanel cell />
            <charts::Charts cell />
        </Show>
    }
}
