//! The whole page, over one `State`: what the question is, the address that holds it, the words that
//! are said of it.

pub mod browser;
pub mod fatal;
pub mod header;
pub mod history;
pub mod notices;
pub mod numbers;
pub mod pace;
pub mod reactive;
pub mod rest;
pub mod state;
pub mod text;

use headroom::estimate;
use headroom::plan;
use headroom::ranking::Open;
use headroom::scenario::Axis;
use leptos::prelude::*;
use leptos::wasm_bindgen::{JsCast as _, JsValue};
use leptos::web_sys;
use reactive::Show;
use reactive::memo;
use rest::WithRest;

use crate::page::answer::{AnswerLine, FirstSteps};
use crate::page::cell::OpenCell;
use crate::page::panels::accuracy::AccuracyPage;
use crate::page::question::{Question, QuestionInWords};
use crate::page::ranking::RankingView;
use crate::page::table::Table;
use crate::page::widgets::saves::{CSV, JSON, MARKDOWN, Saves};
use state::State;

/// Mounts the page into `#app` and says so with `<html data-ready>`.
pub fn start() {
    fatal::install();
    let shell = document().get_element_by_id("app");
    let Some(shell) = shell.and_then(|shell| shell.dyn_into::<web_sys::HtmlElement>().ok()) else {
        return;
    };
    let drawn = FirstSteps::of(&shell);
    shell.set_text_content(None);
    let mounted = mount_to(shell, || {
        provide_context(rest::fetch());
        provide_context(drawn);
        App()
    });
    mounted.forget();
    browser::mark_root("data-ready", Some(""));
}

/// The whole page.
#[component]
pub fn App() -> impl IntoView {
    let state = State::open();
    provide_context(state);
    history::follow(state);
    state.sync_document();
    let embedded = state.slice(|scenario| scenario.embed);
    let answers = state.slice(|scenario| scenario.embed || scenario.view.accuracy.is_none());
    let ranked = memo(move || state.outline.with(|s| Open::of(s).is_some()));
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
                fallback=|| {
                    view! {
                        <WithRest>
                            <AccuracyPage />
                        </WithRest>
                    }
                }
            >
                <Show when=move || !embedded.get() fallback=|| view! { <QuestionInWords /> }>
                    <Question />
                </Show>
                <notices::Notices />
                <Show when=ranked fallback=|| view! { <Answered /> }>
                    <WithRest>
                        <RankingView />
                    </WithRest>
                </Show>
            </Show>
        </main>
        <header::Footer />
    }
}

/// The answer to a question whose slots are filled.
#[component]
fn Answered() -> impl IntoView {
    let state = state::use_state();
    // A card says all that a table of one cell would; there is no form beside it that wants more.
    let compares = state.slice(|s| !s.embed || Axis::ALL.iter().any(|axis| axis.count(s) > 1));
    view! {
        <AnswerLine />
        <WithRest>
            <Show when=compares>
                <Table />
                <TableSaves />
            </Show>
            <OpenCell />
        </WithRest>
    }
}

/// Saves the answers to the whole question.
#[component]
fn TableSaves() -> impl IntoView {
    let state = state::use_state();
    let saved = move |form| {
        let report =
            state.scenario.with_untracked(|s| estimate::report(state.catalog, s, Vec::new()));
        let text = match form {
            CSV => plan::report_csv(&report),
            MARKDOWN => plan::report_markdown(&report),
            _ => plan::report_json(&report),
        };
        Some(JsValue::from(text))
    };
    view! { <Saves forms=&[CSV, MARKDOWN, JSON] name="table" what=saved /> }
}
