//! How fast the cells answer: the line in a cell, the filter of the rows, the section of the bill.

use leptos::prelude::*;

use crate::page::app::numbers::Style;
use crate::page::app::reactive::{CollectAny, Show, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::bill::figures::{between, rate};
use crate::page::panels::serving::limit_words;
use crate::page::question::measure::Measure;
use crate::page::question::setting::Field;
use crate::page::widgets::term::Term;
use headroom::report::{Cell, DecodeRate, NoSpeed, Speed, SpeedBasis};
use headroom::scenario::Scenario;
use headroom::speed;

/// The decode rate of a cell in sentences, for its title.
pub fn decode_words(state: State, decode: DecodeRate) -> String {
    let DecodeRate { tps, limit, is_calibrated } = decode;
    let rate = tr!(
        state,
        speed.cell_title,
        expected = rate(state, tps.expected),
        low = rate(state, tps.low),
        high = rate(state, tps.high)
    );
    let limit = limit.map(|limit| tr!(state, speed.binds, limit = limit_words(state, limit)));
    let mark = (!is_calibrated).then(|| tr!(state, speed.mark).to_owned());
    [Some(rate), limit, mark].into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// The decode rate in a cell: what is expected, marked where it is not calibrated, and from where
/// to where it may lie.
#[component]
pub fn CellSpeed(#[prop(into)] decode: Signal<Option<DecodeRate>>) -> impl IntoView {
    let state = use_state();
    let measured = move |tps: f64| state.number(Style::Measured, tps);
    let calibrated = move || decode.get().map(|decode| decode.is_calibrated.to_string());
    view! {
        <Show when=move || decode.get().is_some()>
            <span class="cell-speed" data-testid="cell-speed" data-calibrated=calibrated>
                <span>
                    <span class="speed-number">
                        {move || decode.get().map(|decode| measured(decode.tps.expected))}
                    </span>
                    " "
                    <span class="figure-unit">{words!(state, speed.unit)}</span>
                </span>
                " "
                <span class="speed-range">
                    {move || decode.get().map(|DecodeRate { tps, .. }| {
                        format!("{}–{}", measured(tps.low), measured(tps.high))
                    })}
                </span>
            </span>
        </Show>
    }
}

/// What the mark at a cell's rate means; the style sheet shows it where a cell has one.
#[component]
pub fn MarkNote() -> impl IntoView {
    let state = use_state();
    view! {
        <p class="speed-mark-note" data-testid="speed-mark">
            <span class="speed-mark" aria-hidden="true"></span>
            {words!(state, speed.mark)}
        </p>
    }
}

/// Whether a cell that decodes at `tps` is as fast as asked for.
pub fn is_enough(scenario: &Scenario, tps: Option<f64>) -> bool {
    let least = scenario.serving.min_tps.map(|least| least as f64 / 1e3);
    least.is_none_or(|least| tps.is_some_and(|tps| tps >= least))
}

/// The filter above the table: decode rates of at least so much. `hidden` rows have no such cell.
#[component]
pub fn SpeedFilter(#[prop(into)] hidden: Signal<usize>) -> impl IntoView {
    let state = use_state();
    let note = move || match hidden.get() as u64 {
        0 => String::new(),
        n => tr!(state, speed.hidden, count = n, n = state.whole(n)),
    };
    view! {
        <div class="speed-filter">
            <Field key="min_tps" hint=Signal::derive(note) />
        </div>
    }
}

/// A figure of the section: what it is, how much, and the rest in a line.
#[derive(Clone, Debug, PartialEq)]
struct Fact {
    name: String,
    about: &'static str,
    value: String,
    notes: Vec<String>,
    key: &'static str,
    raw: f64,
}

/// The speed of the open cell for one user; the panel of users has that of several.
#[component]
pub fn SpeedSection(cell: Memo<Option<Cell>>) -> impl IntoView {
    let state = use_state();
    let speed = memo(move || cell.with(|cell| cell.as_ref().map(|c| c.speed.clone())));
    let facts = memo(move || {
        speed.with(|speed| speed.as_ref().map(|speed| facts(state, speed))).unwrap_or_default()
    });
    let basis = memo(move || speed.with(|s| s.as_ref().and_then(|s| s.speed_basis.clone())));
    let missing = move || {
        speed.with(|speed| {
            Some(match speed.as_ref()?.no_speed? {
                NoSpeed::DoesNotFit => tr!(state, serving.does_not_fit),
                NoSpeed::UnknownDevice => tr!(state, serving.unknown_device),
            })
        })
    };
    view! {
        <section class="speed" data-testid="speed" aria-label=words!(state, tabs.speed)>
            <Show when=move || missing().is_some()>
                <p class="speed-missing">{missing}</p>
            </Show>
            <Show when=move || basis.with(Option::is_some)>
                <dl class="facts speed-facts">
                    {move || facts.get().into_iter().map(fact).collect_any()}
                </dl>
                <div class="speed-basis" data-testid="speed-basis">
                    {move || basis.get().map(|basis| in_sentences(state, &basis))}
                </div>
                <Measure cell />
            </Show>
        </section>
    }
}

fn fact(Fact { name, about, value, notes, key, raw }: Fact) -> impl IntoView {
    view! {
        <div>
            <dt><Term name=Signal::stored(name) about=Signal::stored(about.to_owned()) key /></dt>
            <dd data-testid=key data-value=raw.to_string()>{value}</dd>
            {notes
                .into_iter()
                .map(|note| view! { <dd class="facts-note">{note}</dd> })
                .collect_any()}
        </div>
    }
}

fn facts(state: State, of: &Speed) -> Vec<Fact> {
    let (context, serving) = state.scenario.with(|s| (s.context, s.serving.clone()));
    let (prompt, _) = serving.within(context);
    let rates = |i| between(state, i, rate);
    let binds = |limit: Option<speed::Bottleneck>| {
        Some(tr!(state, speed.binds, limit = limit_words(state, limit?)))
    };
    let mut facts = Vec::new();
    if let Some(decode) = of.decode_tps {
        let full = tr!(state, speed.context_full, tokens = state.tokens(context));
        let empty = of.decode_tps_empty;
        let empty =
            empty.map(|empty| tr!(state, speed.context_empty, rate = rate(state, empty.expected)));
        let notes = [Some(rates(decode)), Some(full), empty, binds(of.decode_limit)];
        facts.push(Fact {
            name: tr!(state, speed.decode).to_owned(),
            about: tr!(state, glossary.decode),
            value: rate(state, decode.expected),
            notes: notes.into_iter().flatten().collect(),
            key: "decode-tps",
            raw: decode.expected,
        });
    }
    if let Some(prefill) = of.prefill_tps {
        let tokens = prompt - serving.prefix.min(prompt - 1);
        let asked = tr!(state, speed.prompt_of, tokens = state.tokens(tokens));
        let notes = [Some(rates(prefill)), Some(asked), binds(of.prefill_limit)];
        facts.push(Fact {
            name: tr!(state, speed.prefill).to_owned(),
            about: tr!(state, glossary.prefill),
            value: rate(state, prefill.expected),
            notes: notes.into_iter().flatten().collect(),
            key: "prefill-tps",
            raw: prefill.expected,
        });
    }
    facts
}

/// What the estimate rests on, a sentence a paragraph.
fn in_sentences(state: State, basis: &SpeedBasis) -> impl IntoView + use<> {
    let (engines, backend) = (basis.engines.join(", "), basis.backend.name());
    let n = u64::from(basis.decode.n + basis.batch.n + basis.prefill.n);
    let n = state.whole(n);
    let first = match basis.calibrated {
        true => tr!(state, speed.calibrated, n = n, engines = engines, backend = backend),
        false if basis.mixed => {
            tr!(state, speed.mixed, n = n, engines = engines, backend = backend)
        }
        false => tr!(state, speed.uncalibrated, n = n, engines = engines, backend = backend),
    };
    let error = basis.decode.median_pct.map(|pct| {
        let pct = state.number(Style::Plain, (pct * 10.0).round() / 10.0);
        let factor = state.number(Style::Plain, (basis.decode.factor * 100.0).round() / 100.0);
        tr!(state, speed.error, pct = pct, factor = factor)
    });
    let host = basis
        .host_assumed
        .as_ref()
        .map(|host| tr!(state, speed.host_assumed, host = state.device_name(host)));
    let mark = if basis.calibrated { "calibrated" } else { "uncalibrated" };
    let sources = basis.sources.join(", ");
    view! {
        <p data-calibration=mark>
            {first} " " {error} " " {host}
        </p>
        <p class="source">
            <span>{words!(state, speed.sources)} ": "</span>
            <span lang="en">{sources}" (docs/speed.md)"</span>
        </p>
    }
}
