//! Users of the open cell: how many it serves within memory and within targets, and how they fare.

use leptos::prelude::*;

use crate::page::app::reactive::{CollectAny, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::bill::figures;
use crate::page::question::setting::{Fields, change};
use crate::page::widgets::term::Term;
use crate::scale;
use headroom::report::{Cell, NoSpeed};
use headroom::scenario::{Bounds, Group};
use headroom::speed;
use headroom::units::Interval;

/// The panel of users.
#[component]
pub fn ServingPanel(
    /// The open cell.
    cell: Memo<Option<Cell>>,
) -> impl IntoView {
    let state = use_state();
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
        <section class="serving" data-testid="serving" aria-label=words!(state, tabs.serving)>
            <div class="panel">
                <UsersSlider cell />
                <div class="panel-fields">
                    <Fields group=Group::Serving />
                </div>
            </div>
            <dl class="facts facts-six">
                <div>
                    <dt>
                        <Term
                            name=words!(state, serving.by_memory)
                            about=words!(state, glossary.most_users)
                            key="users-memory"
                        />
                    </dt>
                    <dd data-testid="users-memory" data-value=move || of(Cell::most_users)>
                        {move || count(of(Cell::most_users))}
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
                    about=words!(state, glossary.throughput)
                    cell
                    read=|cell| cell.speed.throughput_tps
                    words=figures::rate
                    testid="throughput"
                />
                <Fact
                    label=words!(state, charts.tpot)
                    about=words!(state, glossary.tpot)
                    cell
                    read=|cell| cell.speed.tpot_s
                    words=figures::time
                    testid="tpot"
                />
                <Fact
                    label=words!(state, charts.ttft)
                    about=words!(state, glossary.ttft)
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
        </section>
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
    /// What it is, where its name does not say it.
    #[prop(into, optional)]
    about: Option<Signal<String>>,
    cell: Memo<Option<Cell>>,
    read: fn(&Cell) -> Option<Interval<f64>>,
    words: fn(State, f64) -> String,
    testid: &'static str,
) -> impl IntoView {
    let state = use_state();
    let figure = memo(move || cell.with(|cell| cell.as_ref().and_then(read)));
    view! {
        <div>
            <dt>
                {match about {
                    Some(about) => view! { <Term name=label about key=testid /> }.into_any(),
                    None => label.into_any(),
                }}
            </dt>
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
    let users = state.follow(|scenario| scenario.users);
    let nearest = move |n: u64| {
        stops.with_value(|stops| (0..stops.len()).min_by_key(|i| stops[*i].abs_diff(n)))
    };
    let last = stops.with_value(|stops| stops.len().saturating_sub(1));
    let share = move |n: u64| nearest(n).unwrap_or_default() as f64 / last.max(1) as f64 * 100.0;
    let room = move || {
        let most = cell.with(|cell| cell.as_ref().map_or(0, Cell::most_users));
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
            <p class="field-label">{words!(state, setting.users)} ": " {move || state.whole(users.get())}</p>
            <div class="slider">
                <div class="slider-room" style:--room=room></div>
                <input
                    type="range"
                    data-testid="users-slider"
                    min="0"
                    max=last.to_string()
                    step="1"
                    aria-label=words!(state, setting.users)
                    aria-valuetext=move || words(users.get())
                    prop:value=move || nearest(users.get()).unwrap_or_default().to_string()
                    on:input:target=move |event| {
                        let at = event.target().value().parse::<usize>().ok();
                        let stop = stops.with_value(|stops| stops.get(at?).copied());
                        if let Some(n) = stop {
                            state.slide(change("users", |s| s.users = n));
                        }
                    }
                />
                <div class="slider-scale" aria-hidden="true">
                    {(0..=Bounds::USERS.max.ilog2()).step_by(2).map(mark).collect_any()}
                </div>
            </div>
        </div>
    }
}
