//! Charts of speed: along context depth, and along users.

use leptos::prelude::*;

use crate::chart::{Axis, Point};
use crate::page::app::numbers::Style;
use crate::page::app::reactive::memo;
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::bill::figures;
use crate::page::panels::charts::{ChartSubject, log_axis, ticks, users};
use crate::page::widgets::chart::{Chart, Look, Plot, Series, Value};
use headroom::curves::{SpeedByContext, SpeedByUsers};
use headroom::units::Interval;

/// What a figure is called, its unit aside, and how it is written.
struct Figure {
    name: String,
    words: fn(State, f64) -> String,
    /// What the marks of its axis count, as a part of the unit that `words` writes.
    unit: f64,
}

/// A line within its interval, for `xs`.
fn band(
    state: State,
    xs: &[u64],
    axis: (&str, fn(State, u64) -> String),
    asked: usize,
    figure: &Figure,
    values: &[Interval<f64>],
) -> Plot {
    let (x_title, count) = axis;
    let at: Vec<f64> = xs.iter().map(|x| *x as f64).collect();
    let y = Axis::linear(values.iter().map(|v| v.high).fold(0.0, f64::max));
    let point = |v: &Interval<f64>| Some(Point { y: v.expected, from: v.low, to: v.high });
    let value = |v: f64| Value { number: Some(v), text: (figure.words)(state, v) };
    let row = |(x, v): (&u64, &Interval<f64>)| {
        let first = Value { number: Some(*x as f64), text: count(state, *x) };
        vec![first, value(v.expected), value(v.low), value(v.high)]
    };
    let marks = Axis { to: y.to / figure.unit, ..y }.ticks(5);
    let here = values.get(asked);
    Plot {
        x_title: x_title.to_owned(),
        x: log_axis(&at),
        x_ticks: ticks(state, log_axis(&at)),
        y,
        y_ticks: marks
            .into_iter()
            .map(|v| (v * figure.unit, state.number(Style::Plain, v)))
            .collect(),
        asked,
        mark: at.get(asked).copied().zip(here.map(|v| v.expected)),
        series: vec![Series {
            name: figure.name.clone(),
            key: "0".to_owned(),
            look: Look::Band,
            points: values.iter().map(point).collect(),
        }],
        levels: Vec::new(),
        columns: vec![
            x_title.to_owned(),
            figure.name.clone(),
            tr!(state, charts.low).to_owned(),
            tr!(state, charts.high).to_owned(),
        ],
        rows: xs.iter().zip(values).map(row).collect(),
        summary: tr!(
            state,
            charts.band_summary,
            at = xs.get(asked).map(|x| count(state, *x)).unwrap_or_default(),
            name = figure.name.clone(),
            value = here.map(|v| (figure.words)(state, v.expected)).unwrap_or_default(),
            range = here.map(|v| figures::between(state, *v, figure.words)).unwrap_or_default()
        ),
        xs: at,
    }
}

/// Tokens a second for one user, by how much of the context is filled.
#[component]
pub fn DepthChart(drawn: RwSignal<Option<ChartSubject>>) -> impl IntoView {
    let state = use_state();
    let depth = memo(move || {
        drawn.with(|drawn| {
            let ChartSubject { scenario, at } = drawn.as_ref()?;
            SpeedByContext::of(state.catalog, scenario, *at)
        })
    });
    let plot = Signal::derive(move || {
        depth.with(|depth| {
            let SpeedByContext { depths, tps, asked } = depth.as_ref()?;
            let axis = (tr!(state, charts.depth_axis), State::tokens as fn(State, u64) -> String);
            let name = tr!(state, charts.decode).to_owned();
            let figure = Figure { name, words: figures::rate, unit: 1.0 };
            Some(band(state, depths, axis, *asked, &figure, tps))
        })
    });
    view! {
        <Chart
            title=words!(state, charts.depth)
            note=words!(state, charts.depth_note)
            plot
            testid="chart-depth"
        />
    }
}

/// Throughput and latencies by users.
#[component]
pub fn CrowdCharts(drawn: RwSignal<Option<ChartSubject>>) -> impl IntoView {
    let state = use_state();
    let crowd = memo(move || {
        drawn.with(|drawn| {
            let ChartSubject { scenario, at } = drawn.as_ref()?;
            SpeedByUsers::of(state.catalog, scenario, *at)
                .map(|crowd| (crowd, scenario.serving.tpot_us))
        })
    });
    let axis = move || (tr!(state, charts.users_axis), users as fn(State, u64) -> String);
    let throughput = Signal::derive(move || {
        crowd.with(|crowd| {
            let (SpeedByUsers { users, services, asked }, _) = crowd.as_ref()?;
            let values: Vec<_> = services.iter().map(|service| service.throughput).collect();
            let name = tr!(state, charts.throughput).to_owned();
            let figure = Figure { name, words: figures::rate, unit: 1.0 };
            Some(band(state, users, axis(), *asked, &figure, &values))
        })
    });
    let latency = Signal::derive(move || {
        crowd.with(|crowd| {
            let (SpeedByUsers { users, services, asked }, tpot_us) = crowd.as_ref()?;
            let values: Vec<_> = services.iter().map(|service| service.tpot_s).collect();
            let name = tr!(state, charts.tpot).to_owned();
            let figure = Figure { name, words: figures::time, unit: 1e-3 };
            let mut plot = band(state, users, axis(), *asked, &figure, &values);
            plot.columns.push(tr!(state, charts.ttft).to_owned());
            for (row, service) in plot.rows.iter_mut().zip(services) {
                let ttft = service.ttft_s.expected;
                row.push(Value { number: Some(ttft), text: figures::time(state, ttft) });
            }
            let target = tpot_us.map(|us| us as f64 / 1e6);
            if let Some(target) = target.filter(|target| *target <= plot.y.to) {
                let words = tr!(state, charts.target, time = figures::time(state, target));
                plot.levels.push((target, words));
            }
            Some(plot)
        })
    });
    view! {
        <Chart
            title=words!(state, charts.throughput_users)
            note=words!(state, charts.throughput_note)
            plot=throughput
            testid="chart-throughput"
        />
        <Chart
            title=words!(state, charts.tpot_users)
            note=words!(state, charts.tpot_note)
            plot=latency
            testid="chart-tpot"
        />
    }
}
