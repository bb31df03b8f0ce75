//! The charts of the open cell: what the core's curves look like in the reader's words.

use gloo::timers::callback::Timeout;
use leptos::prelude::*;
use send_wrapper::SendWrapper;

use crate::chart::{Axis, Point};
use crate::page::app::reactive::{effect, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{self, tr, words};
use crate::page::bill::bar::ruler_text;
use crate::page::panels::speed_charts::{CrowdCharts, DepthChart};
use crate::page::widgets::chart::{Chart, Look, Plot, Series, Value};
use headroom::curves::{CellCurves, CurveAxis, Frontier, Memory};
use headroom::report::Cell;
use headroom::scenario::{CellTab, Scenario, Selected};
use headroom::units::Bytes;

/// The cell that is drawn: a question of one model on one machine, and which of its quantisations
/// and engines is open.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartSubject {
    pub scenario: Scenario,
    pub at: Selected,
}

impl ChartSubject {
    /// The open cell of `scenario`, without what only the screen shows: a change of another row
    /// draws nothing anew.
    fn of(scenario: &Scenario, at: Selected) -> Option<ChartSubject> {
        let scenario = Scenario {
            models: vec![scenario.models.get(at.model)?.clone()],
            machines: vec![scenario.machines.get(at.machine)?.clone()],
            ..scenario.without_interface()
        };
        Some(ChartSubject { scenario, at: Selected { model: 0, machine: 0, ..at } })
    }
}

/// How long the question rests before charts are drawn anew, in milliseconds: most of what a step of a
/// slider would cost is theirs.
const REST: u32 = 100;

/// The charts of a tab of the open cell. They are drawn after the figures above them, once the hand
/// rests: a drag of a slider does not wait for them.
#[component]
pub fn Charts(
    /// The open cell.
    cell: Memo<Option<Cell>>,
    /// The tab that is open.
    tab: Memo<CellTab>,
) -> impl IntoView {
    let state = use_state();
    let has_speed = memo(move || {
        cell.with(|cell| cell.as_ref().is_some_and(|cell| cell.speed.decode_tps.is_some()))
    });
    let subject = memo(move || {
        let at = state.selected.get()?;
        state.scenario.with(|s| ChartSubject::of(s, at))
    });
    let drawn = RwSignal::new(None::<ChartSubject>);
    let waiting = StoredValue::new(None::<SendWrapper<Timeout>>);
    effect(move || {
        subject.track();
        let draw = move || {
            let now = subject.try_get_untracked().flatten();
            if now.is_some() && drawn.try_with_untracked(|drawn| *drawn != now) == Some(true) {
                drawn.set(now);
            }
        };
        match drawn.with_untracked(Option::is_none) {
            true => request_animation_frame(draw),
            false => waiting.set_value(Some(SendWrapper::new(Timeout::new(REST, draw)))),
        }
    });
    view! {
        <div class="charts-grid" data-testid="charts">
            {move || match (tab.get(), has_speed.get()) {
                (CellTab::Memory, _) => {
                    view! {
                        <MemoryChart drawn along=CurveAxis::Context />
                        <MemoryChart drawn along=CurveAxis::Users />
                        <FrontierChart drawn />
                    }
                        .into_any()
                }
                (CellTab::Speed, true) => view! { <DepthChart drawn /> }.into_any(),
                (CellTab::Serving, true) => view! { <CrowdCharts drawn /> }.into_any(),
                _ => ().into_any(),
            }}
        </div>
    }
}

/// Memory by term along context or users.
#[component]
fn MemoryChart(drawn: RwSignal<Option<ChartSubject>>, along: CurveAxis) -> impl IntoView {
    let state = use_state();
    let memory = memo(move || {
        drawn.with(|drawn| {
            let ChartSubject { scenario, at } = drawn.as_ref()?;
            CellCurves::with(state.catalog, scenario, *at, |cell| cell.memory(along))
        })
    });
    let device = memo(move || {
        let index = memory.with(|memory| memory.as_ref()?.device)?;
        let cell = state.selected.get().and_then(|at| state.cell(at))?;
        let several = cell.devices.len() > 1;
        Some((state.device_name(&cell.devices.get(index)?.device), several.then_some(index + 1)))
    });
    let place = move || match device.get() {
        Some((name, Some(n))) => tr!(state, charts.fullest, device = name, n = n),
        Some((name, None)) => name,
        None => tr!(state, bill.host).to_owned(),
    };
    let plot = Signal::derive(move || {
        let place = place();
        memory.with(|memory| Some(memory_plot(state, memory.as_ref()?, along, &place)))
    });
    let title = match along {
        CurveAxis::Context => words!(state, charts.memory_context),
        CurveAxis::Users => words!(state, charts.memory_users),
    };
    let testid = match along {
        CurveAxis::Context => "chart-memory-context",
        CurveAxis::Users => "chart-memory-users",
    };
    view! { <Chart title note=Signal::derive(place) plot testid /> }
}

fn memory_plot(state: State, memory: &Memory, along: CurveAxis, place: &str) -> Plot {
    let xs: Vec<f64> = memory.points.iter().map(|point| point.x as f64).collect();
    let most = memory.points.iter().map(|point| point.used.high).max().unwrap_or_default();
    let y = Axis::linear(most.max(memory.usable).0 as f64);
    let series = memory.terms.iter().enumerate().map(|(i, term)| {
        let points = memory.points.iter().map(|point| {
            let sum = |terms: &[Bytes]| terms.iter().copied().sum::<Bytes>().0 as f64;
            let (from, to) = (sum(&point.bytes[..i]), sum(&point.bytes[..=i]));
            Some(Point { y: to, from, to })
        });
        Series {
            name: text::term(state, *term).to_owned(),
            key: text::term_key(*term).to_owned(),
            look: Look::Stack,
            points: points.collect(),
        }
    });
    let bytes = |bytes: Bytes| Value {
        number: Some(bytes.0 as f64),
        text: state.quantity(bytes).to_string(),
    };
    let (x_title, count): (_, fn(State, u64) -> String) = match along {
        CurveAxis::Context => (tr!(state, charts.context_axis), State::tokens),
        CurveAxis::Users => (tr!(state, charts.users_axis), users),
    };
    let rows = memory.points.iter().map(|point| {
        let x = Value { number: Some(point.x as f64), text: count(state, point.x) };
        let parts = point.bytes.iter().map(|part| bytes(*part));
        let total = [bytes(point.used.expected), bytes(point.used.high)];
        [x].into_iter().chain(parts).chain(total).collect()
    });
    let series: Vec<Series> = series.collect();
    let last = [tr!(state, charts.total).to_owned(), tr!(state, charts.at_most).to_owned()];
    let names = series.iter().map(|series| series.name.clone());
    let columns = [x_title.to_owned()].into_iter().chain(names).chain(last).collect();
    let asked = memory.points.get(memory.asked);
    let used = asked.map(|point| point.used.expected).unwrap_or_default();
    Plot {
        x_title: x_title.to_owned(),
        x: log_axis(&xs),
        x_ticks: ticks(state, log_axis(&xs)),
        y,
        y_ticks: bytes_ticks(state, y),
        asked: memory.asked,
        mark: asked.map(|point| (point.x as f64, used.0 as f64)),
        series,
        levels: vec![(
            memory.usable.0 as f64,
            tr!(state, charts.usable, amount = state.quantity(memory.usable).to_string()),
        )],
        columns,
        rows: rows.collect(),
        summary: tr!(
            state,
            charts.memory_summary,
            at = asked.map(|point| count(state, point.x)).unwrap_or_default(),
            used = state.quantity(used).to_string(),
            usable = state.quantity(memory.usable).to_string(),
            place = place
        ),
        xs,
    }
}

/// The longest context by users, one line a quantisation.
#[component]
fn FrontierChart(drawn: RwSignal<Option<ChartSubject>>) -> impl IntoView {
    let state = use_state();
    let frontier = memo(move || {
        drawn.with(|drawn| {
            let ChartSubject { scenario, at } = drawn.as_ref()?;
            let frontier = Frontier::of(state.catalog, scenario, *at)?;
            Some((frontier, scenario.context))
        })
    });
    let plot = Signal::derive(move || {
        frontier.with(|frontier| {
            frontier.as_ref().map(|(frontier, context)| frontier_plot(state, frontier, *context))
        })
    });
    view! {
        <Chart
            title=words!(state, charts.frontier)
            note=words!(state, charts.frontier_note)
            plot
            testid="chart-frontier"
        />
    }
}

fn frontier_plot(state: State, frontier: &Frontier, context: u64) -> Plot {
    let xs: Vec<f64> = frontier.users.iter().map(|users| *users as f64).collect();
    let reached = || frontier.lines.iter().flat_map(|line| line.contexts.iter().copied());
    let all = || reached().filter(|n| *n > 0).chain([context]).map(|n| n as f64);
    let y = Axis::log(all().fold(1024.0, f64::min), all().fold(2048.0, f64::max));
    let series = frontier.lines.iter().enumerate().map(|(i, line)| {
        let points = line.contexts.iter().map(|context| {
            let point = Point { y: *context as f64, from: y.from, to: *context as f64 };
            (*context > 0).then_some(point)
        });
        Series {
            name: line.quant.to_string(),
            key: i.to_string(),
            look: Look::Reach,
            points: points.collect(),
        }
    });
    let rows = frontier.users.iter().enumerate().map(|(i, n)| {
        let first = Value { number: Some(*n as f64), text: users(state, *n) };
        let reach = frontier.lines.iter().map(|line| {
            let context = line.contexts.get(i).copied().unwrap_or_default();
            let text = match context {
                0 => tr!(state, charts.fits_not).to_owned(),
                n => state.tokens(n),
            };
            Value { number: Some(context as f64), text }
        });
        [first].into_iter().chain(reach).collect()
    });
    let names = frontier.lines.iter().map(|line| line.quant.to_string());
    let x_title = tr!(state, charts.users_axis).to_owned();
    let trained = frontier
        .trained
        .map(|tokens| (tokens as f64, tr!(state, bill.trained, tokens = state.tokens(tokens))));
    Plot {
        columns: [x_title.clone()].into_iter().chain(names).collect(),
        x_title,
        x: log_axis(&xs),
        x_ticks: ticks(state, log_axis(&xs)),
        y,
        y_ticks: ticks(state, y),
        asked: frontier.asked,
        mark: xs.get(frontier.asked).map(|users| (*users, context as f64)),
        series: series.collect(),
        levels: trained.into_iter().filter(|(tokens, _)| *tokens <= y.to).collect(),
        rows: rows.collect(),
        summary: tr!(state, charts.frontier_summary).to_owned(),
        xs,
    }
}

pub fn users(state: State, n: u64) -> String {
    tr!(state, counts.at_once, count = n, n = state.whole(n))
}

pub fn log_axis(xs: &[f64]) -> Axis {
    Axis::log(xs.first().copied().unwrap_or(1.0), xs.last().copied().unwrap_or(1.0))
}

/// Powers of two, from 1024 on as `1k`, `32k`, `1M`, as on the context slider.
pub fn ticks(state: State, axis: Axis) -> Vec<(f64, String)> {
    let short = |value: f64| match value as u64 {
        n if n < 1 << 10 => state.whole(n),
        n if n < 1 << 20 => format!("{}k", n >> 10),
        n => format!("{}M", n >> 20),
    };
    axis.ticks(7).into_iter().map(|value| (value, short(value))).collect()
}

fn bytes_ticks(state: State, axis: Axis) -> Vec<(f64, String)> {
    let mark = |bytes: Bytes| {
        let quantity = state.quantity(bytes);
        let text = match bytes {
            Bytes::ZERO => quantity.number,
            _ => ruler_text(&quantity.number, quantity.unit),
        };
        (bytes.0 as f64, text)
    };
    state.units.get().ruler(Bytes(axis.to as u64)).into_iter().map(mark).collect()
}
