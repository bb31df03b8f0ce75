//! The whole page, over one `State`: what the question is, the address that holds it, the words that
//! are said of it.

pub mod browser;
pub mod fatal;
pub mod header;
pub mod history;
pub mod late;
pub mod notices;
pub mod numbers;
pub mod pace;
pub mod reactive;
pub mod state;
pub mod text;

use headroom::ranking::Open;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys;
use reactive::Show;
use reactive::memo;

use crate::page::answer::AnswerLine;
use crate::page::bill::Bill;
use crate::page::panels::accuracy::AccuracyPage;
use crate::page::panels::charts::Charts;
use crate::page::panels::money::MoneyPanel;
use crate::page::panels::plan::PlanPanel;
use crate::page::panels::plan::writer::PlanWriter;
use crate::page::panels::serving::ServingPanel;
use crate::page::question::Question;
use crate::page::ranking::RankingView;
use crate::page::table::Table;
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
    provide_context(PlanWriter::new());
    history::follow(state);
    state.dress_document();
    let embedded = state.slice(|scenario| scenario.embed);
    let answers = state.slice(|scenario| scenario.embed || scenario.view.accuracy.is_none());
    let ranked = memo(move || state.scenario.with(|s| Open::of(s).is_some()));
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
                fallback=|| view! { <AccuracyPage /> }
            >
                <Show when=move || !embedded.get()>
                    <Question />
                </Show>
                <notices::Notices />
                <Show when=ranked fallback=|| view! {
                    <AnswerLine />
                    <Table />
                    <Bill />
                    <Panels />
                }>
                    <RankingView />
                </Show>
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
            <PlanPanel cell />
            <ServingPanel cell />
            <MoneyPanel cell />
            <Charts cell />
        </Show>
    }
}
