//! One chart: a plot that scales with the page, a read-out that follows pointer and arrow keys, and
//! the same values as a table.

use leptos::prelude::*;
use leptos::wasm_bindgen::{JsCast as _, JsValue};
use leptos::web_sys;

use crate::chart::{self, Axis, Point, SIDE};
use crate::page::app::reactive::{CollectAny, memo};
use crate::page::app::state::use_state;
use crate::page::app::text::words;
use crate::page::widgets::saves::{PNG, SVG, Saves};

/// What a chart shows, in the reader's words.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// What the x axis counts.
    pub x_title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// Its marks.
    pub x_ticks: Vec<(f64, String)>,
    /// The vertical axis.
    pub y: Axis,
    /// Its marks.
    pub y_ticks: Vec<(f64, String)>,
    /// Where the series have their points.
    pub xs: Vec<f64>,
    /// The point of the question.
    pub asked: usize,
    /// Where that lies: the operating point.
    pub mark: Option<(f64, f64)>,
    /// From the back to the front.
    pub series: Vec<Series>,
    /// Lines across, such as what a device can hold.
    pub levels: Vec<(f64, String)>,
    /// The table's columns: the first is that of `x_title`.
    pub columns: Vec<String>,
    /// One row a point.
    pub rows: Vec<Vec<Value>>,
    /// What the chart says, in a sentence.
    pub summary: String,
}

/// A value in the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The exact number.
    pub number: Option<f64>,
    /// As it is shown.
    pub text: String,
}

/// A line, a filled area, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// What its look depends on: a term of the bill, or a number from 0 on.
    pub key: String,
    /// What is drawn of it.
    pub look: Look,
    /// One entry for each of the plot's `xs`.
    pub points: Vec<Option<Point>>,
}

/// What is drawn of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A part of a stack.
    Stack,
    /// A line, and around it how far it may be off.
    Band,
    /// A line over an area that lightly takes its colour.
    Reach,
}

impl Look {
    fn name(self) -> &'static str {
        match self {
            Look::Stack => "stack",
            Look::Band => "band",
            Look::Reach => "reach",
        }
    }
}

/// Labels at the ends of lines keep this much of the plot's height from each other.
const LABEL_GAP: f64 = 0.075;

/// A chart under its heading. While `plot` is `None` its place is kept.
#[component]
pub fn Chart(
    /// Its heading.
    #[prop(into)]
    title: Signal<String>,
    /// What it is drawn for, below the heading.
    #[prop(into, optional)]
    note: Signal<String>,
    /// What it shows.
    #[prop(into)]
    plot: Signal<Option<Plot>>,
    /// For tests.
    testid: &'static str,
) -> impl IntoView {
    let state = use_state();
    let plot = memo(move || plot.get());
    // The point that is read out; the question's own while none is pointed at.
    let pointed = RwSignal::new(None::<usize>);
    let at = memo(move || {
        plot.with(|plot| {
            let plot = plot.as_ref()?;
            Some(pointed.get().unwrap_or(plot.asked).min(plot.xs.len().checked_sub(1)?))
        })
    });
    let last = move || plot.with(|p| p.as_ref().map_or(0, |p| p.xs.len().saturating_sub(1)));
    let read_out = move || {
        let at = at.get().unwrap_or_default();
        plot.with(|plot| plot.as_ref().map(|plot| read(plot, at)).unwrap_or_default())
    };
    let point_at = Callback::new(move |place: Option<(f64, f64)>| {
        pointed.set(place.and_then(|(share, _)| {
            plot.with_untracked(|plot| {
                let plot = plot.as_ref()?;
                chart::nearest(plot.x, &plot.xs, share)
            })
        }));
    });
    let summary = move || plot.with(|p| p.as_ref().map(|p| p.summary.clone()).unwrap_or_default());
    let figure = NodeRef::<leptos::html::Figure>::new();
    let saved = move |_| figure.get_untracked().map(JsValue::from);
    view! {
        <figure class="chart" data-testid=testid node_ref=figure>
            <figcaption>
                <h3>{title}</h3>
                <p class="chart-note">{note}</p>
            </figcaption>
            <ul class="chart-legend" aria-hidden="true">
                {move || plot.with(|plot| plot.as_ref().map(legend))}
            </ul>
            <div class="chart-plot">
                <svg role="img" aria-label=title>
                    <title>{title}</title>
                    <desc>{summary}</desc>
                    {move || plot.with(|plot| plot.as_ref().map(draw))}
                    {move || {
                        pointed.get()?;
                        plot.with(|plot| cursor(plot.as_ref()?, at.get()?))
                    }}
                </svg>
                <input
                    class="chart-keys"
                    type="range"
                    min="0"
                    max=move || last().to_string()
                    step="1"
                    data-testid="chart-keys"
                    aria-label=words!(state, charts.point, chart = title.get())
                    aria-valuetext=read_out
                    prop:value=move || at.get().unwrap_or_default().to_string()
                    on:input:target=move |event| pointed.set(event.target().value().parse().ok())
                    on:blur=move |_| _ = pointed.try_set(None)
                />
                <Hit at=point_at testid="chart-hit" />
            </div>
            <p class="chart-x">{move || plot.with(|p| p.as_ref().map(|p| p.x_title.clone()))}</p>
            <p class="chart-read" data-testid="chart-read">{read_out}</p>
            <details class="chart-values">
                <summary>{words!(state, charts.values)}</summary>
                <div class="chart-scroll" role="region" tabindex="0" aria-label=title>
                    <table data-testid="chart-table">
                        <caption class="vh">{summary}</caption>
                        {move || plot.with(|plot| plot.as_ref().map(table))}
                    </table>
                </div>
            </details>
            <Saves forms=&[SVG, PNG] name=testid what=saved />
        </figure>
    }
}

/// What follows the pointer over a plot.
#[component]
pub fn Hit(
    /// Takes where the pointer is, as shares of the plot from the left and from above; `None` once it
    /// leaves.
    at: Callback<Option<(f64, f64)>>,
    /// For tests.
    testid: &'static str,
) -> impl IntoView {
    let follow = move |event: web_sys::PointerEvent| {
        let Some(target) = event.current_target() else { return };
        let rect = target.unchecked_into::<web_sys::Element>().get_bounding_client_rect();
        if rect.width() > 0.0 && rect.height() > 0.0 {
            let x = (f64::from(event.client_x()) - rect.left()) / rect.width();
            let y = (f64::from(event.client_y()) - rect.top()) / rect.height();
            at.run(Some((x, y)));
        }
    };
    view! {
        <div
            class="chart-hit"
            data-testid=testid
            on:pointermove=follow
            on:pointerdown=follow
            on:pointerleave=move |_| at.run(None)
        ></div>
    }
}

/// The row at `at` as a sentence.
fn read(plot: &Plot, at: usize) -> String {
    let Some(row) = plot.rows.get(at) else { return String::new() };
    let pairs = plot.columns.iter().zip(row).skip(1);
    let values = pairs.map(|(name, value)| format!("{name} {}", value.text));
    let first = row.first().map(|value| value.text.clone()).unwrap_or_default();
    format!("{first}: {}", values.collect::<Vec<_>>().join(" · "))
}

/// A share of a plot, as its drawing has it.
pub fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

/// How high on the plot `value` is drawn, from above.
fn height(plot: &Plot, value: f64) -> String {
    percent(1.0 - plot.y.share(value))
}

fn legend(plot: &Plot) -> AnyView {
    // From the top of the stack to its bottom, as it is seen.
    let entry = |series: &Series| {
        let swatch = match series.look {
            Look::Stack => {
                view! { <span class="swatch" data-term=series.key.clone()></span> }.into_any()
            }
            _ => view! {
                <svg class="chart-sample" data-series=series.key.clone()>
                    <line x1="0" y1="50%" x2="100%" y2="50%" class="chart-line" />
                </svg>
            }
            .into_any(),
        };
        view! { <li>{swatch} <span>{series.name.clone()}</span></li> }
    };
    let many = plot.series.len() > 1;
    let entries = plot.series.iter().rev().filter(|_| many).map(entry);
    entries.collect_any()
}

/// Everything that stays where it is while the read-out moves.
fn draw(plot: &Plot) -> AnyView {
    let x_mark = |(value, text): &(f64, String)| {
        let at = percent(plot.x.share(*value));
        view! {
            <line class="chart-grid" x1=at.clone() x2=at.clone() y1="0" y2="100%" />
            <text class="chart-text" x=at y="100%" dy="18" text-anchor="middle">
                {text.clone()}
            </text>
        }
    };
    let y_mark = |(value, text): &(f64, String)| {
        let at = height(plot, *value);
        view! {
            <line class="chart-grid" x1="0" x2="100%" y1=at.clone() y2=at.clone() />
            <text class="chart-text" x="0" y=at dx="-8" dy="4" text-anchor="end">
                {text.clone()}
            </text>
        }
    };
    let paths = |series: &Series| {
        let (x, y, xs) = (plot.x, plot.y, &plot.xs);
        let area = chart::area(x, y, xs, &series.points);
        let line = chart::line(x, y, xs, &series.points);
        let look = series.look;
        let term = (look == Look::Stack).then(|| series.key.clone());
        let number = (look != Look::Stack).then(|| series.key.clone());
        view! {
            <g data-look=look.name() data-term=term data-series=number>
                <path class="chart-area" d=area />
                {(look != Look::Stack).then(|| view! { <path class="chart-line" d=line /> })}
            </g>
        }
    };
    // A level is named where the lines are not: a reach falls, all else rises.
    let falls = plot.series.iter().any(|series| series.look == Look::Reach);
    let (x, dx, anchor) = if falls { ("100%", "-6", "end") } else { ("0", "6", "start") };
    let level = |(value, text): &(f64, String)| {
        let at = height(plot, *value);
        view! {
            <line class="chart-level" x1="0" x2="100%" y1=at.clone() y2=at.clone() />
            <text
                class="chart-text chart-level-text"
                x=x
                y=at
                dx=dx
                dy="-6"
                text-anchor=anchor
            >
                {text.clone()}
            </text>
        }
    };
    let mark = plot.mark.map(|(x, value)| {
        let (x, y) = (percent(plot.x.share(x)), height(plot, value));
        view! {
            <line class="chart-asked" x1=x.clone() x2=x.clone() y1=y.clone() y2="100%" />
            <circle class="chart-mark" data-testid="chart-mark" cx=x cy=y r="5" />
        }
    });
    view! {
        {plot.x_ticks.iter().map(x_mark).collect_any()}
        {plot.y_ticks.iter().map(y_mark).collect_any()}
        <svg
            class="chart-shapes"
            width="100%"
            height="100%"
            viewBox=format!("0 0 {SIDE} {SIDE}")
            preserveAspectRatio="none"
        >
            {plot.series.iter().map(paths).collect_any()}
        </svg>
        <rect class="chart-frame" width="100%" height="100%" />
        {plot.levels.iter().map(level).collect_any()}
        {mark}
        {ends(plot)}
    }
    .into_any()
}

/// A dot on each line at the point `at`; on top of a stack.
fn dots(plot: &Plot, at: usize) -> AnyView {
    let Some(x) = plot.xs.get(at).map(|x| percent(plot.x.share(*x))) else {
        return ().into_any();
    };
    let stack = plot.series.iter().rev().find(|series| series.look == Look::Stack);
    let lines = plot.series.iter().filter(|series| series.look != Look::Stack);
    let dot = |series: &Series| {
        let point = (*series.points.get(at)?)?;
        let y = height(plot, if series.look == Look::Stack { point.to } else { point.y });
        Some(view! { <circle class="chart-dot" cx=x.clone() cy=y r="3.5" /> })
    };
    lines.chain(stack).filter_map(dot).collect_any()
}

/// The names of the series at their right ends.
fn ends(plot: &Plot) -> AnyView {
    if plot.series.len() < 2 {
        return ().into_any();
    }
    let end = |series: &Series| {
        let point = series.points.iter().rev().find_map(|point| *point)?;
        let middle = match series.look {
            Look::Stack => (plot.y.share(point.from) + plot.y.share(point.to)) / 2.0,
            _ => plot.y.share(point.y),
        };
        Some((series.name.clone(), middle))
    };
    let ends: Vec<(String, f64)> = plot.series.iter().filter_map(end).collect();
    let places: Vec<f64> = ends.iter().map(|(_, place)| *place).collect();
    let places = chart::space_out(&places, LABEL_GAP);
    let label = |((name, _), place): ((String, f64), f64)| {
        let y = percent(1.0 - place);
        view! { <text class="chart-text chart-end" x="100%" y=y dx="8" dy="4">{name}</text> }
    };
    ends.into_iter().zip(places).map(label).collect_any()
}

/// The line and dots that show which point is read out.
fn cursor(plot: &Plot, at: usize) -> Option<AnyView> {
    let x = percent(plot.x.share(*plot.xs.get(at)?));
    Some(
        view! {
            <line class="chart-cursor" x1=x.clone() x2=x y1="0" y2="100%" />
            {dots(plot, at)}
        }
        .into_any(),
    )
}

fn table(plot: &Plot) -> AnyView {
    let head = |name: &String| view! { <th scope="col">{name.clone()}</th> };
    let asked = plot.asked;
    let row = |(i, row): (usize, &Vec<Value>)| {
        let cell = |(column, value): (usize, &Value)| {
            let number = value.number.map(|number| number.to_string());
            match column {
                0 => {
                    view! { <th scope="row" data-value=number>{value.text.clone()}</th> }.into_any()
                }
                _ => view! { <td data-value=number>{value.text.clone()}</td> }.into_any(),
            }
        };
        let current = (i == asked).then_some("true");
        view! { <tr aria-current=current>{row.iter().enumerate().map(cell).collect_any()}</tr> }
    };
    view! {
        <thead>
            <tr>{plot.columns.iter().map(head).collect_any()}</tr>
        </thead>
        <tbody>{plot.rows.iter().enumerate().map(row).collect_any()}</tbody>
    }
    .into_any()
}
