//! Predicted against measured, a dot a figure: what lies on the line was predicted rightly.

use std::fmt::Write as _;

use leptos::prelude::*;

use super::{Shown, amount, name, percent};
use crate::chart::{Axis, SIDE};
use crate::page::app::numbers::Style;
use crate::page::app::reactive::{CollectAny, Show, memo};
use crate::page::app::text::{tr, words};
use crate::page::widgets::chart::{self, Hit};
use headroom::accuracy::Figure;
use headroom::accuracy::table::{Group, Point};

/// How far a pointer may be from the dot that is read out, as a share of the plot.
const NEAR: f64 = 0.05;

/// The most marks on an axis.
const TICKS: usize = 7;

/// The dots that are shown: figures of one kind, since each has a unit of its own.
#[derive(Clone, Debug, PartialEq)]
struct Dots {
    figure: Figure,
    points: Vec<Point>,
    axis: Axis,
}

impl Dots {
    /// Those of the kind that is asked for, or has most of them.
    fn of(shown: Shown) -> Option<Dots> {
        let family = shown.family();
        shown.part(|part| {
            let is_wanted = |group: &&Group| {
                shown.wants(&group.engine, group.figure)
                    && (family.is_none() || family == group.family)
            };
            let wanted = || part.groups.iter().filter(is_wanted);
            let many = |figure: Figure| {
                let of_kind = wanted().filter(|group| group.figure == figure);
                of_kind.map(|group| group.points.len()).sum::<usize>()
            };
            let figure = wanted().map(|group| group.figure).max_by_key(|figure| many(*figure))?;
            let points = wanted().filter(|group| group.figure == figure);
            let points = points.flat_map(|group| group.points.iter().copied());
            // A logarithm has no place for nothing.
            let points = points.filter(|point| point.measured > 0.0 && point.expected > 0.0);
            let points: Vec<Point> = points.collect();
            let values = || points.iter().flat_map(|point| [point.measured, point.expected]);
            let least = values().reduce(f64::min)?;
            let most = values().reduce(f64::max)?;
            Some(Dots { figure, axis: Axis::log(least / 1.2, most * 1.2), points })
        })
    }

    /// Where a point lies: across and from above, as shares of the plot.
    fn place(&self, point: &Point) -> (f64, f64) {
        (self.axis.share(point.measured), 1.0 - self.axis.share(point.expected))
    }

    /// A dot for each point that is inside its interval, or is not.
    fn path(&self, covered: bool) -> String {
        let mut path = String::new();
        for point in self.points.iter().filter(|point| point.covered == covered) {
            let (x, y) = self.place(point);
            _ = write!(path, "M{:.1} {:.1}h0", x * SIDE, y * SIDE);
        }
        path
    }

    /// The point nearest to a place.
    fn nearest(&self, x: f64, y: f64) -> Option<usize> {
        let far = |point: &Point| {
            let (across, down) = self.place(point);
            (across - x).hypot(down - y)
        };
        let places = self.points.iter().map(far).enumerate();
        let (at, far) = places.min_by(|a, b| a.1.total_cmp(&b.1))?;
        (far <= NEAR).then_some(at)
    }
}

/// The plot.
#[component]
pub fn Scatter(shown: Shown) -> impl IntoView {
    let state = shown.state;
    let dots = memo(move || Dots::of(shown));
    let pointed = RwSignal::new(None::<usize>);
    let title = Signal::derive(move || {
        dots.with(|dots| match dots {
            Some(dots) => tr!(
                state,
                accuracy.scatter,
                figure = name(state, dots.figure),
                n = state.whole(dots.points.len() as u64)
            ),
            None => String::new(),
        })
    });
    let inside = move || {
        dots.with(|dots| {
            let points = &dots.as_ref()?.points;
            let covered = points.iter().filter(|point| point.covered).count();
            let share = percent(state, covered as f64 / points.len().max(1) as f64);
            Some(tr!(state, accuracy.scatter_inside, share = share))
        })
    };
    let read_out = move || {
        dots.with(|dots| {
            let Dots { figure, points, .. } = dots.as_ref()?;
            let point = points.get(pointed.get()?)?;
            let off = (point.deviation() * 1000.0).round() / 10.0;
            let off = state.number(Style::Plain, off);
            let Point { measured, expected, .. } = *point;
            let [measured, expected] = [measured, expected].map(|n| amount(state, *figure, n));
            Some(tr!(
                state,
                accuracy.scatter_point,
                measured = measured,
                expected = expected,
                off = off
            ))
        })
    };
    let point_at = Callback::new(move |place: Option<(f64, f64)>| {
        pointed
            .set(place.and_then(|(x, y)| dots.with_untracked(|dots| dots.as_ref()?.nearest(x, y))));
    });
    let draw = move |dots: &Dots| {
        let mark = |tick: &f64| {
            let at = dots.axis.share(*tick);
            let (x, y, text) =
                (chart::percent(at), chart::percent(1.0 - at), amount(state, dots.figure, *tick));
            view! {
                <line class="chart-grid" x1=x.clone() x2=x.clone() y1="0" y2="100%" />
                <line class="chart-grid" x1="0" x2="100%" y1=y.clone() y2=y.clone() />
                <text class="chart-text" x=x y="100%" dy="18" text-anchor="middle">
                    {text.clone()}
                </text>
                <text class="chart-text" x="0" y=y dx="-8" dy="4" text-anchor="end">
                    {text}
                </text>
            }
        };
        view! {
            {dots.axis.decimal_ticks(TICKS).iter().map(mark).collect_any()}
            <svg
                class="chart-shapes"
                width="100%"
                height="100%"
                viewBox=format!("0 0 {SIDE} {SIDE}")
                preserveAspectRatio="none"
            >
                <path class="chart-line" d=format!("M0 {SIDE}L{SIDE} 0") />
                <path class="chart-dots" d=dots.path(true) />
                <path class="chart-dots" data-covered="false" d=dots.path(false) />
            </svg>
            <rect class="chart-frame" width="100%" height="100%" />
        }
        .into_any()
    };
    let cursor = move || {
        dots.with(|dots| {
            let dots = dots.as_ref()?;
            let (x, y) = dots.place(dots.points.get(pointed.get()?)?);
            Some(view! { <circle class="chart-dot" cx=chart::percent(x) cy=chart::percent(y) r="5" /> })
        })
    };
    view! {
        <Show when=move || dots.with(Option::is_some)>
            <figure class="chart scatter" data-testid="accuracy-scatter">
                <figcaption>
                    <h3>{title}</h3>
                    <p class="chart-note">{inside}</p>
                </figcaption>
                <div class="chart-plot">
                    <svg role="img" aria-label=title>
                        <title>{title}</title>
                        <desc>{inside}</desc>
                        {move || dots.with(|dots| dots.as_ref().map(draw))}
                        {cursor}
                    </svg>
                    <Hit at=point_at testid="scatter-hit" />
                </div>
                <p class="chart-x">{words!(state, accuracy.scatter_axes)}</p>
                <p class="chart-read" data-testid="scatter-read">{read_out}</p>
            </figure>
        </Show>
    }
}
