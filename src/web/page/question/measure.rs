//! A measurement of one's own: a rate typed in, a benchmark's output or an engine's log pasted, and by
//! how much the estimate was off.

use leptos::prelude::*;

use crate::edit;
use crate::page::app::numbers::Style;
use crate::page::app::reactive::{CollectAny, Show, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{self, tr, words};
use headroom::memory_log::{LoggedPart, LoggedPlace, MemoryComparison, MemoryLog};
use headroom::report::{Cell, Term};
use headroom::scenario::{Bounds, Engine, Measurement, Reading};
use headroom::speed::Correction;
use headroom::speed::paste::{self, PasteError, Pasted, Tool};

/// What was last done with the field.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Nothing,
    Used(Vec<Reading>, Option<String>),
    Compared(MemoryLog),
    Refused(PasteError),
    TooMany,
}

/// The fields under the speed of the open cell.
#[component]
pub fn Measure(cell: Memo<Option<Cell>>) -> impl IntoView {
    let state = use_state();
    let text = RwSignal::new(String::new());
    let outcome = RwSignal::new(Outcome::Nothing);
    let correction =
        memo(move || cell.with(|cell| cell.as_ref()?.speed.speed_basis.as_ref()?.measured));
    let use_it = move |_| {
        let pasted = text.get_untracked();
        outcome.set(match read(&pasted) {
            Ok(Pasted { readings, model, .. }) => match save(state, readings.clone()) {
                true => {
                    text.set(String::new());
                    Outcome::Used(readings, model)
                }
                false => Outcome::TooMany,
            },
            Err(error) => match MemoryLog::read(&pasted) {
                Some(log) => Outcome::Compared(log),
                None => Outcome::Refused(error),
            },
        });
    };
    let forget = move |_| {
        outcome.set(Outcome::Nothing);
        let Some(at) = state.selected.get_untracked() else { return };
        state.choose(|s| {
            let machine = s.machines.get(at.machine).cloned();
            let engine = s.engines.get(at.engine).copied();
            s.serving.measured.retain(|measured| {
                (Some(&measured.machine), Some(measured.engine)) != (machine.as_ref(), engine)
            });
        });
    };
    // Everything that corrects the estimate, as the link has it.
    let kept = move || {
        let at = state.selected.get()?;
        let list = state.outline.with(|s| {
            let (machine, engine) = (s.machines.get(at.machine)?, s.engines.get(at.engine)?);
            let one = |measured: &Measurement| {
                let readings: Vec<String> =
                    measured.readings.iter().map(Reading::to_string).collect();
                let model = state.model_name(&measured.model);
                format!("{model} {}: {}", measured.quant, readings.join(", "))
            };
            Some(s.serving.measured_on(machine, *engine).map(one).collect::<Vec<_>>().join("; "))
        });
        list.map(|list| tr!(state, measure.kept, list = list))
    };
    let said = move || match outcome.get() {
        Outcome::Nothing | Outcome::Compared(_) => String::new(),
        Outcome::Used(readings, model) => {
            let list: Vec<String> = readings.iter().map(Reading::to_string).collect();
            let list = list.join(", ");
            match model {
                Some(model) => tr!(state, measure.used_of, list = list, model = model),
                None => tr!(state, measure.used, list = list),
            }
        }
        Outcome::Refused(error) => refusal(state, error).to_owned(),
        Outcome::TooMany => {
            tr!(state, measure.too_many, most = state.whole(Bounds::MEASURED.max))
        }
    };
    // What the log reports follows the question, as what is estimated does.
    let compared = move || {
        let Outcome::Compared(log) = outcome.get() else { return None };
        let lines = cell.with(|cell| cell.as_ref().map(|cell| log.beside(cell)))?;
        let lines = lines.iter().map(|line| view! { <li>{memory_text(state, line)}</li> });
        Some(view! { <ul data-testid="measured-memory">{lines.collect_any()}</ul> })
    };
    view! {
        <details class="aside" data-testid="measure" open=move || correction.get().is_some()>
            <summary>{words!(state, measure.title)}</summary>
            <Show when=move || correction.get().is_some()>
                <p class="measure-off" data-testid="measured-off">
                    {move || correction.get().map(|correction| deviation_text(state, correction))}
                </p>
                <Show when=move || correction.get().is_some_and(Correction::is_doubtful)>
                    <p class="measure-doubt" role="status" data-testid="measured-doubt">
                        {words!(state, measure.doubtful)}
                    </p>
                </Show>
                <p>
                    <span class="measure-kept" data-testid="measured-kept">{kept}</span> " "
                    <button
                        type="button"
                        class="button button-quiet"
                        data-testid="measure-forget"
                        on:click=forget
                    >
                        {words!(state, measure.forget)}
                    </button>
                </p>
            </Show>
            <label class="field-label" for="measure-text">{words!(state, measure.label)}</label>
            <textarea
                id="measure-text"
                class="paste"
                rows="4"
                spellcheck="false"
                data-testid="measure-text"
                aria-describedby="measure-note"
                placeholder="| model | ... | test | t/s |"
                prop:value=text
                on:input:target=move |event| text.set(event.target().value())
            ></textarea>
            <p class="field-note" id="measure-note" role="status" data-testid="measure-note">
                {said}
            </p>
            {compared}
            <button type="button" class="button" data-testid="measure-use" on:click=use_it>
                {words!(state, measure.use_it)}
            </button>
        </details>
    }
}

/// A paste, or a bare number: a decode rate with an empty context.
fn read(text: &str) -> Result<Pasted, PasteError> {
    let number = text.trim().replace(',', ".");
    match Reading::parse(&format!("tg:{number}")).or_else(|| Reading::parse(text)) {
        Some(reading) => {
            Ok(Pasted { tool: Tool::LlamaBench, model: None, readings: vec![reading] })
        }
        None => paste::parse(text),
    }
}

/// Keeps `readings` of the open cell in the question. False if there is no room for them.
fn save(state: State, readings: Vec<Reading>) -> bool {
    let measured = state.selected.get_untracked().and_then(|at| {
        let Cell { model, quant, .. } = state.cell(at)?;
        let mut serving = state.scenario.with_untracked(|s| s.serving.clone());
        let (machine, engine) = state.scenario.with_untracked(|s| {
            let engine: Engine = s.engines.get(at.engine).copied().unwrap_or_default();
            Some((s.machines.get(at.machine).cloned()?, engine))
        })?;
        let new = Measurement { machine, engine, model, quant, readings };
        serving.measure(new).then_some(serving.measured)
    });
    let is_kept = measured.is_some();
    if let Some(measured) = measured {
        state.choose(|s| {
            s.serving.measured = measured;
            edit::drop_unused(s, "measured");
        });
    }
    is_kept
}

/// By how much the estimate was off.
fn deviation_text(state: State, correction: Correction) -> String {
    let steps = correction.step.map(|ratio| match ratio >= 1.0 {
        true => tr!(state, measure.decode_slower, by = ratio_text(state, ratio)),
        false => tr!(state, measure.decode_faster, by = ratio_text(state, 1.0 / ratio)),
    });
    let prompts = correction.prompt.map(|ratio| match ratio >= 1.0 {
        true => tr!(state, measure.prompt_slower, by = ratio_text(state, ratio)),
        false => tr!(state, measure.prompt_faster, by = ratio_text(state, 1.0 / ratio)),
    });
    let said: Vec<String> = steps.into_iter().chain(prompts).collect();
    said.join(" ")
}

/// What a log reports beside what is estimated.
fn memory_text(state: State, compared: &MemoryComparison) -> String {
    let part = match compared.part {
        LoggedPart::Weights => text::term(state, Term::Weights),
        LoggedPart::Cache => text::term(state, Term::KvCache),
        LoggedPart::Compute => text::term(state, Term::Compute),
        LoggedPart::Total => tr!(state, measure.total),
        LoggedPart::Pool => tr!(state, measure.pool),
    };
    let place = match compared.place {
        LoggedPlace::Devices => tr!(state, measure.on_devices),
        LoggedPlace::EachDevice => tr!(state, measure.on_each),
        LoggedPlace::Host => tr!(state, measure.in_ram),
    };
    // Tenths of a per cent; without what turns a nought into a minus.
    let off = ((compared.ratio().unwrap_or(1.0) - 1.0) * 1000.0).round() / 10.0 + 0.0;
    let sign = if off > 0.0 { "+" } else { "" };
    let off = format!("{sign}{}", state.number(Style::Plain, off));
    let logged = state.quantity(compared.logged).to_string();
    let estimated = state.quantity(compared.estimated.expected).to_string();
    tr!(
        state,
        measure.memory,
        part = part,
        place = place,
        logged = logged,
        estimated = estimated,
        off = off
    )
}

/// How much longer or faster, of a `ratio` from 1 on: in per cent up to twice as much, else how
/// many times.
fn ratio_text(state: State, ratio: f64) -> String {
    match ratio {
        r if r < 2.0 => {
            tr!(state, measure.percent, n = state.number(Style::Whole, (r - 1.0) * 100.0))
        }
        r if r < 99.5 => tr!(state, measure.times, n = state.number(Style::Measured, r)),
        r => {
            let n = r.round() as u64;
            tr!(state, measure.many, count = n, n = state.whole(n))
        }
    }
}

fn refusal(state: State, error: PasteError) -> &'static str {
    match error {
        PasteError::Empty => tr!(state, measure.empty),
        PasteError::TooLong => tr!(state, measure.too_long),
        PasteError::UnknownFormat => tr!(state, measure.unknown_format),
        PasteError::NoReadings(Tool::LlamaBench) => tr!(state, measure.no_readings_llama),
        PasteError::NoReadings(Tool::BenchServe) => tr!(state, measure.no_readings_serve),
    }
}
