//! The answer as a sentence.

pub mod differences;
mod steps;

use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::answer::{Among, Answer};
use crate::page::app::browser;
use crate::page::app::numbers::Style;
use crate::page::app::reactive::{Show, effect, memo};
use crate::page::app::rest::Rest;
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{self, tr, words};
use crate::page::bill::bar::Bar;
use crate::page::bill::{Place, places};
use crate::page::panels::accuracy::{self, AccuracyLink};
use crate::page::panels::speed::CellSpeed;
use crate::page::question::empty::Empty;
use crate::page::widgets::icons::VerdictIcon;
use headroom::advice::is_fast_enough;
use headroom::report::{Cell, DecodeRate, Summary, Verdict};
use headroom::scenario::Selected;

use steps::{Steps, StepsAwaited};

pub use steps::FirstSteps;

/// The sentence above the table; what is missing to say one, if something is.
#[component]
pub fn AnswerLine() -> impl IntoView {
    let state = use_state();
    let embedded = state.slice(|scenario| scenario.embed);
    let cell = memo(move || state.cell(state.answer.get()?.lead));
    let verdict = memo(move || cell.with(|cell| cell.as_ref().map(|cell| cell.verdict)));
    let verdict_key = move || verdict.get().map(text::verdict_key);
    let command = memo(move || {
        let command = cell.with(|cell| cell.as_ref().map(|cell| cell.command.clone()));
        command.filter(|command| !command.is_empty())
    });
    let copied = RwSignal::new(false);
    effect(move || {
        command.track();
        copied.set(false);
    });
    let decode = Signal::derive(move || cell.with(|cell| cell.as_ref().and_then(DecodeRate::of)));
    // The memory with the least room, as it is the one that decides.
    let place = memo(move || {
        let places = cell.with(|cell| cell.as_ref().map(places)).unwrap_or_default();
        let (devices, host): (Vec<Place>, Vec<Place>) =
            places.into_iter().partition(|place| place.device.is_some());
        devices.into_iter().chain(host).min_by_key(|place| (place.device.is_none(), place.headroom))
    });
    let used = move || {
        let place = place.get()?;
        let (used, usable) = (state.quantity(place.used.expected), state.quantity(place.usable));
        let (used, usable) = (used.to_string(), usable.to_string());
        Some(tr!(state, answer.used, used = used, usable = usable))
    };
    // How far its speed is from what was measured, with the way to all of it.
    let error = move || {
        cell.with(|cell| {
            let basis = cell.as_ref()?.speed.speed_basis.as_ref()?;
            let speed = (!basis.mixed).then_some(basis.decode)?;
            let pct = state.number(Style::Plain, (speed.median_pct? * 10.0).round() / 10.0);
            Some(tr!(state, answer.error, pct = pct, n = state.whole(u64::from(speed.n))))
        })
    };
    let host = move || {
        cell.with(|cell| {
            let host = cell.as_ref()?.speed.speed_basis.as_ref()?.host_assumed.as_deref()?;
            Some(tr!(state, answer.host, host = state.device_name(host)))
        })
    };
    let accuracy = move || {
        let engine = cell.with(|cell| cell.as_ref().map(|cell| cell.engine));
        Some(accuracy::of_cell(state, engine, true))
    };
    view! {
        <section class="answer" aria-label=words!(state, answer_region) aria-live="polite">
            <Show when=move || state.answer.get().is_some() fallback=|| view! { <Empty /> }>
                <div class="answer-card" data-verdict=verdict_key>
                <p class="answer-lead" data-testid="answer" data-verdict=verdict_key>
                    {move || verdict.get().map(|verdict| view! { <VerdictIcon verdict /> })}
                    {move || state.answer.get().and_then(|answer| lead(state, answer))}
                </p>
                <p class="answer-figures">
                    <CellSpeed decode />
                    <span class="answer-used">{used}</span>
                    {move || host().map(|host| view! { <span class="speed-range">{host}</span> })}
                    <Show when=move || error().is_some()>
                        <AccuracyLink to=Signal::derive(accuracy) testid="answer-accuracy">
                            {error}
                        </AccuracyLink>
                    </Show>
                </p>
                <Show when=move || place.with(Option::is_some)>
                    <Bar place=memo(move || place.get().unwrap_or_else(Place::none)) />
                </Show>
                <Show when=move || command.with(Option::is_some)>
                    <p class="answer-command">
                        <code>{command}</code>
                        <button
                            type="button"
                            class="button button-quiet"
                            data-testid="copy-command"
                            on:click=move |_| {
                                let text = command.get_untracked().unwrap_or_default();
                                spawn_local(async move { copied.set(browser::copy(&text).await) });
                            }
                        >
                            {move || match copied.get() {
                                true => tr!(state, share.command_copied),
                                false => tr!(state, share.command),
                            }}
                        </button>
                    </p>
                </Show>
                <p class="answer-then">
                    {move || state.answer.get().map(|answer| then(state, answer))}
                </p>
                <Show when=move || !embedded.get()>
                    // The search is in the rest, so that the answer does not wait for its code.
                    <Show
                        when=move || state.rest.get() == Rest::Here
                        fallback=move || {
                            let may_come = move || state.rest.get() == Rest::Coming;
                            view! { <Show when=may_come><StepsAwaited /></Show> }
                        }
                    >
                        <Steps />
                    </Show>
                </Show>
                </div>
            </Show>
        </section>
    }
}

/// Names of a cell's parts, for a sentence.
struct Parts {
    cell: Cell,
    model: String,
    hardware: String,
    quant: String,
}

fn parts(state: State, at: Selected) -> Option<Parts> {
    let cell = state.cell(at)?;
    let machine = state.outline.with(|s| s.machines.get(at.machine).cloned())?;
    let one = matches!(machine.devices.as_slice(), [device] if device.count == 1);
    let name = state.machine_name(&machine);
    let hardware = if one { tr!(state, answer.one, device = name) } else { name };
    let quant = match state.outline.with(|s| s.engines.len()) {
        0 | 1 => cell.quant.to_string(),
        _ => {
            let engine = cell.engine.title();
            tr!(state, answer.in_engine, quant = cell.quant.to_string(), engine = engine)
        }
    };
    Some(Parts { model: state.model_name(&cell.model), quant, hardware, cell })
}

fn lead(state: State, answer: Answer) -> Option<String> {
    let Parts { cell, model, hardware, quant } = parts(state, answer.lead)?;
    Some(match cell.verdict {
        Verdict::Fits => {
            let tokens = state.tokens(cell.max_context);
            match state.scenario.with(|s| s.users) {
                1 => tr!(
                    state,
                    answer.yes,
                    model = model,
                    hardware = hardware,
                    quant = quant,
                    tokens = tokens
                ),
                n => tr!(
                    state,
                    answer.yes_users,
                    model = model,
                    hardware = hardware,
                    quant = quant,
                    users = tr!(state, counts.users, count = n, n = state.whole(n)),
                    tokens = tokens
                ),
            }
        }
        Verdict::Tight => {
            tr!(state, answer.tight, model = model, hardware = hardware, quant = quant)
        }
        Verdict::Offload => tr!(
            state,
            answer.offload,
            model = model,
            hardware = hardware,
            quant = quant,
            amount = state.quantity(cell.ram_bytes()).to_string()
        ),
        Verdict::No => tr!(
            state,
            answer.no,
            model = model,
            hardware = hardware,
            quant = quant,
            amount = state.amount(cell.headroom_bytes)
        ),
    })
}

/// What follows the verdict: why nothing larger, what else, or what would help.
fn then(state: State, answer: Answer) -> String {
    let summary = |at| state.with_answer(at, |answer| answer.as_ref().ok().map(|o| o.summary))?;
    let larger = answer.larger.and_then(summary).map(|cell| match cell.verdict {
        Verdict::Offload => {
            let amount = state.quantity(cell.ram_bytes).to_string();
            tr!(state, answer.larger_offload, quant = cell.quant.to_string(), amount = amount)
        }
        _ => {
            let amount = state.amount(cell.headroom_bytes);
            tr!(state, answer.larger_no, quant = cell.quant.to_string(), amount = amount)
        }
    });
    let other = answer.other.and_then(|at| {
        let id = state.outline.with(|s| s.models.get(at.model).cloned())?;
        let model = state.model_name(&id);
        Some(match summary(at)?.verdict {
            Verdict::Fits => tr!(state, answer.other_slow, model = model),
            Verdict::Tight => tr!(state, answer.other_tight, model = model),
            Verdict::Offload => tr!(state, answer.other_offload, model = model),
            Verdict::No => tr!(state, answer.other_no, model = model),
        })
    });
    let floor = state.outline.with(|s| s.serving.decode_floor());
    let is_slow = |cell: Summary| cell.verdict != Verdict::No && !is_fast_enough(cell, floor);
    let slow = summary(answer.lead).is_some_and(is_slow);
    let slow = slow.then(|| tr!(state, answer.slow, n = state.number(Style::Plain, floor)));
    let among = |Among { fit, of }: Among, words: fn(State, String, String) -> String| {
        (of > 1).then(|| words(state, state.whole(fit), state.whole(of)))
    };
    let machines =
        among(answer.machines, |state, n, of| tr!(state, answer.machines, n = n, of = of));
    let engines = among(answer.engines, |state, n, of| tr!(state, answer.engines, n = n, of = of));
    [slow, machines, engines, larger, other].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
