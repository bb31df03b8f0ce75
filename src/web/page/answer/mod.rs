//! The answer as a sentence.

pub mod differences;

use leptos::prelude::*;

use crate::answer::{Among, Answer};
use crate::page::app::reactive::{Show, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{self, tr, words};
use crate::page::question::empty::Empty;
use headroom::report::{Cell, Verdict};
use headroom::scenario::Selected;

/// The sentence above the table; what is missing to say one, if something is.
#[component]
pub fn AnswerLine() -> impl IntoView {
    let state = use_state();
    let verdict = memo(move || {
        let lead = state.answer.get()?.lead;
        state.cell(lead).map(|cell| text::verdict_key(cell.verdict))
    });
    view! {
        <section class="answer" aria-label=words!(state, answer_region) aria-live="polite">
            <Show when=move || state.answer.get().is_some() fallback=|| view! { <Empty /> }>
                <p class="answer-lead" data-testid="answer" data-verdict=verdict>
                    {move || state.answer.get().and_then(|answer| lead(state, answer))}
                </p>
                <p class="answer-then">
                    {move || state.answer.get().map(|answer| then(state, answer))}
                </p>
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
    let machine = state.scenario.with(|s| s.machines.get(at.machine).cloned())?;
    let one = matches!(machine.devices.as_slice(), [device] if device.count == 1);
    let name = state.machine_name(&machine);
    let hardware = if one { tr!(state, answer.one, device = name) } else { name };
    let quant = match state.scenario.with(|s| s.engines.len()) {
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
        Verdict::Offload => {
            tr!(state, answer.offload, model = model, hardware = hardware, quant = quant)
        }
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
    let larger = answer.larger.and_then(|at| state.cell(at)).map(|cell| match cell.verdict {
        Verdict::Offload => {
            let amount = state.quantity(cell.ram_bytes()).to_string();
            tr!(state, answer.larger_offload, quant = cell.quant.to_string(), amount = amount)
        }
        _ => {
            let amount = state.amount(cell.headroom_bytes);
            tr!(state, answer.larger_no, quant = cell.quant.to_string(), amount = amount)
        }
    });
    let other =
        answer.other.and_then(|at| parts(state, at)).map(|Parts { model, quant, .. }| {
            tr!(state, answer.other_fits, model = model, quant = quant)
        });
    let refused = state.cell(answer.lead).is_some_and(|cell| cell.verdict == Verdict::No);
    let advice = refused.then(|| tr!(state, answer.advice).to_owned());
    let among = |Among { fit, of }: Among, words: fn(State, String, String) -> String| {
        (of > 1).then(|| words(state, state.whole(fit), state.whole(of)))
    };
    let machines =
        among(answer.machines, |state, n, of| tr!(state, answer.machines, n = n, of = of));
    let engines = among(answer.engines, |state, n, of| tr!(state, answer.engines, n = n, of = of));
    [machines, engines, larger, other, advice].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
