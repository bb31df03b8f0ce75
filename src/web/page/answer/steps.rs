//! What would make the answer better, each step with what it gives and a button that takes it.

use gloo::timers::callback::Timeout;
use leptos::prelude::*;
use leptos::web_sys::Element;
use send_wrapper::SendWrapper;

use crate::page::app::numbers::Style;
use crate::page::app::reactive::{For, Show, effect, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{self, tr};
use crate::page::question::setting::choice;
use crate::page::widgets::quality_note::QualityNote;
use headroom::report::{Cell, Verdict};
use headroom::scenario::{Selected, SplitMode};
use headroom::steps::{Change, Step, next_steps};

/// How long the question rests before steps are looked for, in milliseconds.
const REST: u32 = 120;

/// The steps of the cell that the answer speaks of.
#[component]
pub fn Steps() -> impl IntoView {
    let state = use_state();
    let steps = RwSignal::new(SendWrapper::new(Vec::<Step>::new()));
    // Whether the steps are those of the question as it is, not of the one before.
    let is_current = RwSignal::new(false);
    let at = memo(move || state.answer.get().map(|answer| answer.lead));
    let looked_at = RwSignal::new(false);
    let waiting = StoredValue::new(None::<SendWrapper<Timeout>>);
    effect(move || {
        state.scenario.track();
        let at = at.get();
        is_current.set(false);
        // One that waited is for a question of before.
        let look = move || {
            let found = at.zip(state.scenario.try_get_untracked());
            let found = found.map(|(at, scenario)| next_steps(state.catalog, &scenario, at));
            _ = steps.try_set(SendWrapper::new(found.unwrap_or_default()));
            _ = is_current.try_set(true);
        };
        waiting.set_value(Some(SendWrapper::new(Timeout::new(REST, look))));
    });
    let some = memo(move || steps.with(|steps| !steps.is_empty()));
    let is_good = memo(move || {
        let cell = at.get().and_then(|at| state.cell(at));
        cell.is_some_and(|cell| cell.verdict == Verdict::Fits)
    });
    view! {
        <Show when=move || !is_current.get() && !some.get()>
            <StepsAwaited />
        </Show>
        <Show when=some>
            // A step of the question before would undo what was just asked.
            <div class="steps" data-testid="steps" inert=move || !is_current.get()>
                <p class="steps-title">
                    {move || match is_good.get() {
                        true => tr!(state, steps.better),
                        false => tr!(state, steps.title),
                    }}
                </p>
                <ul
                    on:pointerenter=move |_| looked_at.set(true)
                    on:focusin=move |_| looked_at.set(true)
                >
                    <For
                        each=move || steps.get().take()
                        key=|step| step.scenario.to_query()
                        let(step)
                    >
                        <Offer step at is_good looked_at />
                    </For>
                </ul>
            </div>
        </Show>
    }
}

/// The steps that index.html holds for the question of a first visit, as markup; `None` where another
/// question was asked.
#[derive(Clone)]
pub struct FirstSteps(Option<String>);

impl FirstSteps {
    /// Takes them from the element that the page is about to be mounted into.
    pub fn of(shell: &Element) -> FirstSteps {
        let root = document().document_element();
        let is_asked = root.as_ref().is_none_or(|root| root.has_attribute("data-asked"));
        let lang = root.and_then(|root| root.get_attribute("lang")).filter(|_| !is_asked);
        let drawn = lang.and_then(|lang| {
            shell.query_selector(&format!(".first[lang={lang}] .steps")).ok().flatten()
        });
        FirstSteps(drawn.map(|steps| steps.outer_html()))
    }
}

/// The room of the steps until it is known whether there are any, with those of a first visit.
#[component]
pub fn StepsAwaited() -> impl IntoView {
    match use_context::<FirstSteps>() {
        Some(FirstSteps(Some(steps))) => view! { <div inner_html=steps></div> }.into_any(),
        _ => view! { <div class="steps steps-awaited"></div> }.into_any(),
    }
}

/// One step.
#[component]
fn Offer(
    step: Step,
    at: Memo<Option<Selected>>,
    /// What is bettered fits already.
    is_good: Memo<bool>,
    looked_at: RwSignal<bool>,
) -> impl IntoView {
    let state = use_state();
    let name = {
        let step = step.clone();
        move || {
            let names = step.changes.iter().map(|change| words_of(state, change, &step));
            names.collect::<Vec<_>>().join(&format!(" {} ", tr!(state, steps.also)))
        }
    };
    let (named, query) = (name.clone(), step.scenario.to_query());
    let cell = step.cell.clone();
    let gives = move || gives(state, &cell, is_good.get());
    // What costs no quality has no note; one is made where a reader looks at steps.
    let costs = |change: &Change| matches!(change, Change::Cache(_) | Change::Quant(_));
    let noted = step.changes.iter().any(costs).then(|| (step.cell.clone(), step.scenario.kv));
    let noted = Signal::derive(move || noted.clone().filter(|_| looked_at.get()));
    let apply = move |_| {
        let Some(at) = at.get_untracked() else { return };
        state.choose(|s| s.selected = Some(step.apply(s, at)));
    };
    view! {
        <li>
            <button
                type="button"
                class="step"
                data-testid="step"
                data-query=query
                title=move || tr!(state, steps.apply, name = named())
                on:click=apply
            >
                <span class="step-name">{name}</span>
                <span class="step-gives">{gives}</span>
                <QualityNote of=noted />
            </button>
        </li>
    }
}

/// What a change is, in words.
fn words_of(state: State, change: &Change, step: &Step) -> String {
    let model = |id: &String| match state.catalog.model(id) {
        Some(model) => (model.name.clone(), model.release.clone()),
        None => (id.clone(), String::new()),
    };
    match change {
        Change::Cache(ty) => tr!(state, steps.cache, name = ty.name()),
        Change::Context(tokens) => tr!(state, steps.context, tokens = state.tokens(*tokens)),
        Change::Users(n) => tr!(state, steps.users, count = *n, n = state.whole(*n)),
        Change::Quant(quant) => tr!(state, steps.quant, name = quant.to_string()),
        Change::Devices(_) => {
            let machine = step.scenario.machines.first().map(|m| state.machine_name(m));
            tr!(state, steps.devices, machine = machine.unwrap_or_default())
        }
        Change::UnifiedLimit(limit) => {
            let is_apple = step.cell.hardware.starts_with("apple");
            let setting = if is_apple { "iogpu.wired_limit_mb" } else { "ttm.pages_limit" };
            let amount = state.quantity(*limit).to_string();
            tr!(state, steps.limit, amount = amount, setting = setting)
        }
        Change::DataParallel(n) => tr!(state, steps.data_parallel, n = state.whole(*n)),
        Change::Backend(backend) => {
            tr!(state, steps.backend, name = choice(state, "backend", backend.name()))
        }
        Change::Engine(engine) => engine.title().to_owned(),
        Change::Model(id) => tr!(state, steps.model, name = model(id).0),
        Change::Newer(id) => {
            let (name, release) = model(id);
            tr!(state, steps.newer, name = name, release = release)
        }
        Change::Ubatch(n) => tr!(state, steps.ubatch, n = state.whole(*n)),
        Change::Split(SplitMode::Tensor) => tr!(state, steps.split_tensor).to_owned(),
        Change::Split(_) => tr!(state, steps.split_layer).to_owned(),
        Change::Experts(n) => {
            tr!(state, steps.experts, count = u64::from(*n), n = state.whole(u64::from(*n)))
        }
        Change::Rent(_) => {
            let machine = step.scenario.machines.first().map(|m| state.machine_name(m));
            let offer = step.rent();
            tr!(
                state,
                steps.rent,
                machine = machine.unwrap_or_default(),
                usd = state
                    .number(Style::Measured, offer.and_then(|o| o.usd_per_hour).unwrap_or(0.0)),
                provider = offer.map_or_else(String::new, |offer| offer.provider.clone())
            )
        }
    }
}

/// What a step gives; that it fits is no news where the cell did.
fn gives(state: State, cell: &Cell, is_good: bool) -> String {
    let verdict = match cell.verdict {
        Verdict::Fits if is_good => None,
        Verdict::Fits => Some(tr!(state, steps.whole)),
        verdict => Some(text::verdict(state, verdict)),
    };
    let rate = cell.speed.decode_tps.map(|tps| {
        let rate = state.number(Style::Measured, tps.expected);
        format!("{rate}\u{a0}{}", tr!(state, speed.unit))
    });
    let tokens = tr!(state, steps.up_to, tokens = state.tokens(cell.longest_context()));
    let parts = [verdict.map(str::to_owned), rate, Some(tokens)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
