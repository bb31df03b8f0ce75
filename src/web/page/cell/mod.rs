//! The open cell: which one it is, and what there is to know of it, a tab each.

use leptos::ev;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys;

use crate::page::app::reactive::{CollectAny, Show, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{self, tr, words};
use crate::page::bill::Bill;
use crate::page::panels::accuracy::{self, AccuracyLink};
use crate::page::panels::charts::Charts;
use crate::page::panels::money::MoneyPanel;
use crate::page::panels::plan::PlanPanel;
use crate::page::panels::serving::ServingPanel;
use crate::page::panels::speed::SpeedSection;
use crate::page::widgets::icons::VerdictIcon;
use crate::page::widgets::quality_note::QualityNote;
use headroom::report::{Cell, Verdict};
use headroom::scenario::CellTab;

/// The open cell, if there is one.
#[component]
pub fn OpenCell() -> impl IntoView {
    let state = use_state();
    let cell = memo(move || state.selected.get().and_then(|at| state.cell(at)));
    let embedded = state.slice(|scenario| scenario.embed);
    let shown = memo(move || cell.with(Option::is_some) && !embedded.get());
    let tab = state.slice(|scenario| scenario.tab);
    view! {
        <Show when=shown>
            <section class="bill" data-testid="bill" aria-label=words!(state, bill.region)>
                <RowHeader cell />
                <Tabs tab />
                // What a tab holds is made when it is opened.
                <div
                    class="tab-panel"
                    role="tabpanel"
                    id="tab-panel"
                    aria-labelledby=move || tab_id(tab.get())
                >
                    {move || match tab.get() {
                        CellTab::Memory => view! { <Bill cell /> }.into_any(),
                        CellTab::Speed => view! { <SpeedSection cell /> }.into_any(),
                        CellTab::Serving => view! { <ServingPanel cell /> }.into_any(),
                        CellTab::Cost => view! { <MoneyPanel cell /> }.into_any(),
                        CellTab::Plan => view! { <PlanPanel cell /> }.into_any(),
                    }}
                    <Charts cell tab />
                </div>
            </section>
        </Show>
    }
}

/// The names of the tabs. Arrow keys go from one to the next, as in any list of tabs.
#[component]
fn Tabs(tab: Memo<CellTab>) -> impl IntoView {
    let state = use_state();
    let list = NodeRef::<leptos::html::Div>::new();
    let open = move |at: usize| {
        if let Some(tab) = CellTab::ALL.get(at) {
            state.adjust(|s| s.tab = *tab);
        }
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let (at, count) = (tab.get_untracked() as usize, CellTab::ALL.len());
        let to = match event.key().as_str() {
            "ArrowRight" => (at + 1) % count,
            "ArrowLeft" => (at + count - 1) % count,
            "Home" => 0,
            "End" => count - 1,
            _ => return,
        };
        event.prevent_default();
        open(to);
        let button = list.get_untracked().and_then(|list| list.children().item(to as u32));
        if let Some(button) = button.and_then(|b| b.dyn_into::<web_sys::HtmlElement>().ok()) {
            _ = button.focus();
        }
    };
    let button = move |(at, of): (usize, &CellTab)| {
        let of = *of;
        let is_open = move || tab.get() == of;
        view! {
            <button
                type="button"
                role="tab"
                id=tab_id(of)
                data-testid=tab_id(of)
                aria-controls="tab-panel"
                aria-selected=move || is_open().to_string()
                tabindex=move || if is_open() { "0" } else { "-1" }
                on:click=move |_| open(at)
            >
                {move || name(state, of)}
            </button>
        }
    };
    view! {
        <div
            class="tabs"
            role="tablist"
            node_ref=list
            aria-label=words!(state, bill.region)
            on:keydown=on_key
        >
            {CellTab::ALL.iter().enumerate().map(button).collect_any()}
        </div>
    }
}

fn tab_id(tab: CellTab) -> String {
    format!("tab-{}", tab.name())
}

fn name(state: State, tab: CellTab) -> &'static str {
    match tab {
        CellTab::Memory => tr!(state, tabs.memory),
        CellTab::Speed => tr!(state, tabs.speed),
        CellTab::Serving => tr!(state, tabs.serving),
        CellTab::Cost => tr!(state, tabs.cost),
        CellTab::Plan => tr!(state, tabs.plan),
    }
}

/// Which cell this is, with its verdict.
#[component]
fn RowHeader(cell: Memo<Option<Cell>>) -> impl IntoView {
    let state = use_state();
    let verdict = memo(move || cell.with(|cell| cell.as_ref().map(|cell| cell.verdict)));
    let name = move || cell.with(|c| c.as_ref().map(|cell| state.model_name(&cell.model)));
    let machine = move || {
        let at = state.selected.get()?;
        let machine = state.outline.with(|s| s.machines.get(at.machine).cloned())?;
        Some(state.machine_name(&machine))
    };
    let engine = move || cell.with(|cell| cell.as_ref().map(|cell| cell.engine.title()));
    let under = move || {
        let (context, users) = state.scenario.with(|s| (s.context, s.users));
        let users = tr!(state, counts.at_once, count = users, n = state.whole(users));
        format!("{} · {users}", state.tokens(context))
    };
    let short = move || {
        let headroom = cell.with(|cell| cell.as_ref().map(|cell| cell.headroom_bytes))?;
        (verdict.get() == Some(Verdict::No)).then(|| state.amount(headroom))
    };
    let lossy = Signal::derive(move || Some((cell.get()?, state.scenario.with(|s| s.kv))));
    let accuracy = move || {
        let engine = cell.with(|cell| cell.as_ref().map(|cell| cell.engine));
        Some(accuracy::of_cell(state, engine, false))
    };
    view! {
        <header class="bill-head">
            <h2>
                <span>{name}</span>
                " "
                <span class="bill-quant">
                    {move || cell.with(|cell| cell.as_ref().map(|cell| cell.quant.to_string()))}
                </span>
            </h2>
            <p class="bill-under">
                {machine} " · " {engine} " · " {under} " · "
                <AccuracyLink to=Signal::derive(accuracy) testid="bill-accuracy">
                    {words!(state, accuracy.link)}
                </AccuracyLink>
            </p>
            <p class="bill-under"><QualityNote of=lossy /></p>
            <p class="bill-verdict" data-verdict=move || verdict.get().map(text::verdict_key)>
                {move || verdict.get().map(|verdict| view! { <VerdictIcon verdict /> })}
                <span>{move || verdict.get().map(|v| text::verdict(state, v))}</span>
                " "
                <span class="bill-short">
                    {move || short().map(|amount| tr!(state, bill.short, amount = amount))}
                </span>
            </p>
        </header>
    }
}
