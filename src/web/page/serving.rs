//! Users of the open cell: how many it serves within memory and within targets, and how they fare.

use leptos::prelude::*;

use super::browser;
use super::controls::limits;
use super::field::NumberField;
use super::figures;
use super::numbers::Style;
use super::state::{State, use_state};
use super::text::{tr, words};
use crate::number::{self, Refusal};
use crate::{edit, scale};
use headroom::report::{Cell, NoSpeed};
use headroom::scenario::{Bounds, Serving};
use headroom::speed;
use headroom::units::Interval;

/// The panel of users.
#[component]
pub fn ServingPanel(
    /// The open cell.
    cell: Memo<Option<Cell>>,
) -> impl IntoView {
    let state = use_state();
    let open = !browser::is_narrow();
    let of = move |part: fn(&Cell) -> u64| cell.with(|cell| cell.as_ref().map(part));
    let within = move || cell.with(|cell| cell.as_ref().and_then(|cell| cell.speed.slo_users));
    let has_targets = state.slice(|s| s.serving.ttft_us.is_some() || s.serving.tpot_us.is_some());
    let count = move |n: Option<u64>| match n {
        Some(0) | None => tr!(state, bill.none).to_owned(),
        Some(n) => state.whole(n),
    };
    let binds = move || {
        cell.with(|cell| {
            let limit = cell.as_ref()?.speed.serving_limit?;
            Some(limit_words(state, limit))
        })
    };
    let why_not = move || {
        cell.with(|cell| match cell.as_ref()?.speed.no_speed? {
            NoSpeed::DoesNotFit => Some(tr!(state, serving.does_not_fit)),
            NoSpeed::UnknownDevice => Some(tr!(state, serving.unknown_device)),
        })
    };
    view! {
        <details class="fold serving" data-testid="serving" open=open>
            <summary>
                <h2>{words!(state, serving.title)}</h2>
                <span class="fold-about">{words!(state, serving.about)}</span>
            </summary>
            <div class="panel">
                <UsersSlider cell />
                <div class="panel-fields">
                    <Tokens
                        label=words!(state, serving.prompt)
                        limit=Bounds::PROMPT
                        read=|s| s.prompt
                        write=|s, n| s.prompt = n
                        testid="prompt-input"
                    />
                    <Tokens
                        label=words!(state, serving.output)
                        limit=Bounds::OUTPUT
                        read=|s| s.output
                        write=|s, n| s.output = n
                        testid="output-input"
                    />
                    <Tokens
                        label=words!(state, serving.prefix)
                        limit=Bounds::PREFIX
                        read=|s| s.prefix
                        write=|s, n| s.prefix = n
                        testid="prefix-input"
                    />
                    <Target
                        label=words!(state, serving.ttft_target)
                        limit=Bounds::TTFT
                        unit=1e6
                        read=|s| s.ttft_us
                        write=|s, us| s.ttft_us = us
                        testid="ttft-input"
                    />
                    <Target
                        label=words!(state, serving.tpot_target)
                        limit=Bounds::TPOT
                        unit=1e3
                        read=|s| s.tpot_us
                        write=|s, us| s.tpot_us = us
                        testid="tpot-input"
                    />
                </div>
            </div>
            <dl class="facts facts-six">
                <div>
                    <dt>{words!(state, serving.by_memory)}</dt>
                    <dd data-testid="users-memory" data-value=move || of(|c| c.max_users)>
                        {move || count(of(|c| c.max_users))}
                    </dd>
                    <dd class="facts-note">
                        {move || {
                            let tokens = state.tokens(state.scenario.with(|s| s.context));
                            tr!(state, bill.max_users_note, tokens = tokens)
                        }}
                    </dd>
                </div>
                <div>
                    <dt>{words!(state, serving.by_targets)}</dt>
                    <dd data-testid="users-targets" data-value=within>
                        {move || if has_targets.get() { count(within()) } else { "–".to_owned() }}
                    </dd>
                    <dd class="facts-note">
                        {move || match has_targets.get() {
                            true => tr!(state, serving.by_targets_note),
                            false => tr!(state, serving.no_targets),
                        }}
                    </dd>
                </div>
                <Fact
                    label=words!(state, charts.throughput)
                    cell
                    read=|cell| cell.speed.throughput_tps
                    words=figures::rate
                    testid="throughput"
                />
                <Fact
                    label=words!(state, charts.tpot)
                    cell
                    read=|cell| cell.speed.tpot_s
                    words=figures::time
                    testid="tpot"
                />
                <Fact
                    label=words!(state, charts.ttft)
                    cell
                    read=|cell| cell.speed.ttft_s
                    words=figures::time
                    testid="ttft"
                />
                <div>
                    <dt>{words!(state, serving.binds)}</dt>
                    <dd class="facts-word" data-testid="binds">
                        {move || binds().unwrap_or("–")}
                    </dd>
                    <dd class="facts-note">
                        {move || match why_not() {
                            Some(why) => why.to_owned(),
                            None => {
                                let running = cell.with(|c| c.as_ref().and_then(|c| c.speed.running));
                                let n = running.unwrap_or_default();
                                let running =
                                    tr!(state, serving.running, count = n, n = state.whole(n));
                                let waiting = state.scenario.with(|s| s.users).saturating_sub(n);
                                match waiting {
                                    0 => running,
                                    n => {
                                        let n = state.whole(n);
                                        format!("{running}, {}", tr!(state, speed.waiting, n = n))
                                    }
                                }
                            }
                        }}
                    </dd>
                </div>
            </dl>
        </details>
    }
}

/// What binds, in a word.
pub fn limit_words(state: State, limit: speed::Bottleneck) -> &'static str {
    match limit {
        speed::Bottleneck::Bandwidth => tr!(state, serving.bandwidth),
        speed::Bottleneck::Compute => tr!(state, serving.compute),
        speed::Bottleneck::Overhead => tr!(state, serving.overhead),
        speed::Bottleneck::Interconnect => tr!(state, serving.interconnect),
        speed::Bottleneck::Host => tr!(state, serving.host),
        speed::Bottleneck::Memory => tr!(state, serving.memory),
    }
}

/// A figure with its interval.
#[component]
pub fn Fact(
    #[prop(into)] label: Signal<String>,
    cell: Memo<Option<Cell>>,
    read: fn(&Cell) -> Option<Interval<f64>>,
    words: fn(State, f64) -> String,
    testid: &'static str,
) -> impl IntoView {
    let state = use_state();
    let figure = Memo::new(move |_| cell.with(|cell| cell.as_ref().and_then(read)));
    view! {
        <div>
            <dt>{move || label.get()}</dt>
            <dd data-testid=testid data-value=move || figure.get().map(|f| f.expected.to_string())>
                {move || figure.get().map_or("–".to_owned(), |f| words(state, f.expected))}
            </dd>
            <dd class="facts-note">
                {move || figure.get().map(|f| figures::between(state, f, words))}
            </dd>
        </div>
    }
}

/// The users, by slider: coloured as far as memory reaches.
#[component]
fn UsersSlider(cell: Memo<Option<Cell>>) -> impl IntoView {
    let state = use_state();
    let stops = StoredValue::new(scale::users());
    let users = state.slice(|scenario| scenario.users);
    let nearest = move |n: u64| {
        stops.with_value(|stops| (0..stops.len()).min_by_key(|i| stops[*i].abs_diff(n)))
    };
    let last = stops.with_value(|stops| stops.len().saturating_sub(1));
    let share = move |n: u64| nearest(n).unwrap_or_default() as f64 / last.max(1) as f64 * 100.0;
    let room = move || {
        let most = cell.with(|cell| cell.as_ref().map_or(0, |cell| cell.max_users));
        format!("{}%", if most == 0 { 0.0 } else { share(most) })
    };
    let words = move |n: u64| tr!(state, counts.at_once, count = n, n = state.whole(n));
    let mark = move |n: u32| {
        let n = 1u64 << n;
        view! {
            <span class="slider-mark" style:inset-inline-start=format!("{}%", share(n))>
                {n.to_string()}
            </span>
        }
    };
    view! {
        <div class="panel-slider">
            <p class="field-label">{words!(state, controls.users)} ": " {move || state.whole(users.get())}</p>
            <div class="slider">
                <div class="slider-room" style:--room=room></div>
                <input
                    type="range"
                    data-testid="users-slider"
                    min="0"
                    max=last.to_string()
                    step="1"
                    aria-label=words!(state, controls.users)
                    aria-valuetext=move || words(users.get())
                    prop:value=move || nearest(users.get()).unwrap_or_default().to_string()
                    on:input:target=move |event| {
                        let at = event.target().value().parse::<usize>().ok();
                        let stop = stops.with_value(|stops| stops.get(at?).copied());
                        if let Some(n) = stop {
                            state.adjust(|s| {
                                s.users = n;
                                edit::drop_unused(s, "users");
                            });
                        }
                    }
                />
                <div class="slider-scale" aria-hidden="true">
                    {(0..=Bounds::USERS.max.ilog2()).step_by(2).map(mark).collect_view()}
                </div>
            </div>
        </div>
    }
}

/// A number of tokens that each user sends or gets.
#[component]
fn Tokens(
    #[prop(into)] label: Signal<String>,
    limit: Bounds,
    read: fn(&Serving) -> u64,
    write: fn(&mut Serving, u64),
    testid: &'static str,
) -> impl IntoView {
    let state = use_state();
    let value = state.slice(move |s| read(&s.serving));
    let commit = Callback::new(move |text: String| {
        let n = number::parse_count(&text, limit)?;
        state.adjust(|s| {
            write(&mut s.serving, n);
            edit::drop_unused(s, limit.key);
        });
        Ok(())
    });
    view! {
        <NumberField
            label
            value=Signal::derive(move || state.whole(value.get()))
            range=limits(state, limit)
            commit
            hint=words!(state, serving.tokens)
            testid
        />
    }
}

/// A target for a time; empty where there is none. `unit` is how many microseconds the field
/// counts in.
#[component]
fn Target(
    #[prop(into)] label: Signal<String>,
    limit: Bounds,
    unit: f64,
    read: fn(&Serving) -> Option<u64>,
    write: fn(&mut Serving, Option<u64>),
    testid: &'static str,
) -> impl IntoView {
    let state = use_state();
    let value = state.slice(move |s| read(&s.serving));
    let plain = move |us: u64| state.number(Style::Plain, us as f64 / unit);
    let commit = Callback::new(move |text: String| {
        let target = match text.trim() {
            "" => None,
            text => {
                let range = (limit.min as f64 / unit, limit.max as f64 / unit);
                Some((state.parse_decimal(text, range)? * unit).round() as u64)
            }
        };
        state.adjust(|s| {
            write(&mut s.serving, target);
            edit::drop_unused(s, limit.key);
        });
        Ok::<(), Refusal>(())
    });
    view! {
        <NumberField
            label
            value=Signal::derive(move || value.get().map(plain).unwrap_or_default())
            range=Signal::derive(move || (plain(limit.min), plain(limit.max)))
            commit
            hint=words!(state, serving.target_hint)
            testid
        />
    }
}
