//! The geometry of a chart: axes with round marks, and the paths of lines and areas. It knows no
//! screen; `page::chart` draws.
//!
//! No chart crate does what is asked here. leptos-chartistry 0.2.3 has linear axes only, no
//! keyboard and no text alternative, and its style attributes are forbidden by the page's
//! Content-Security-Policy; plotters-svg writes colours into a finished string, which then follows
//! no theme; charming hands the work to ECharts, a megabyte of script. What is left to do is this
//! file.

use std::fmt::Write as _;

use headroom::sort;

/// Side of the square that paths are drawn in; it is stretched over the plot.
pub const SIDE: f64 = 1000.0;

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By their logarithm.
    Log,
}

/// An axis: what lies at its ends, and how values are spread between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// How values are spread.
    pub scale: Scale,
    /// At its beginning; above zero on a logarithmic axis.
    pub from: f64,
    /// At its end; above `from`.
    pub to: f64,
}

impl Axis {
    /// From zero to a little over `most`.
    pub fn linear(most: f64) -> Axis {
        let to = if most.is_finite() && most > 0.0 { most * 1.1 } else { 1.0 };
        Axis { scale: Scale::Linear, from: 0.0, to }
    }

    /// From `least` to `most`, or an octave where those are the same.
    pub fn log(least: f64, most: f64) -> Axis {
        let from = if least.is_finite() && least > 0.0 { least } else { 1.0 };
        let to = if most.is_finite() && most > from { most } else { from * 2.0 };
        Axis { scale: Scale::Log, from, to }
    }

    /// Where `value` lies along the axis: 0 at its beginning, 1 at its end, never beyond.
    pub fn share(&self, value: f64) -> f64 {
        let Axis { from, to, .. } = *self;
        let share = match self.scale {
            Scale::Linear => (value - from) / (to - from),
            Scale::Log => (value.max(f64::MIN_POSITIVE) / from).ln() / (to / from).ln(),
        };
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    /// Values on a logarithmic axis that are round in tens: powers of ten, where those are few also
    /// twice and five times as much; at most `most` of them.
    pub fn decimal_ticks(&self, most: usize) -> Vec<f64> {
        let steps: &[f64] = if self.to / self.from > 300.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let tens = self.from.log10().floor() as i32..=self.to.log10().ceil() as i32;
        let ticks = tens.flat_map(|ten| steps.iter().map(move |step| step * 10f64.powi(ten)));
        let ticks: Vec<f64> = ticks.filter(|tick| (self.from..=self.to).contains(tick)).collect();
        let every = ticks.len().div_ceil(most.max(1)).max(1);
        ticks.into_iter().step_by(every).collect()
    }

    /// Round values on the axis, at most `most` of them: powers of two on a logarithmic axis,
    /// steps of 1, 2 or 5 on a linear one.
    pub fn ticks(&self, most: usize) -> Vec<f64> {
        let most = most.max(2);
        match self.scale {
            Scale::Log => {
                let (first, last) = (self.from.log2().ceil(), self.to.log2().floor());
                let octaves = (last - first).max(0.0) as usize + 1;
                let step = octaves.div_ceil(most);
                (0..octaves).step_by(step).map(|n| (first + n as f64).exp2()).collect()
            }
            Scale::Linear => {
                let least = (self.to - self.from) / most as f64;
                let tens = 10f64.powf(least.log10().floor());
                let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * tens);
                let step = step.into_iter().find(|step| *step >= least).unwrap_or(least);
                let first = (self.from / step).ceil();
                let last = (self.to / step).floor();
                (0..=(last - first) as usize).map(|n| (first + n as f64) * step).collect()
            }
        }
    }
}

/// A point of a series: a value, and how far its filling reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where the line is.
    pub y: f64,
    /// Where the filling begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

impl Point {
    /// A value with nothing filled.
    pub fn at(y: f64) -> Point {
        Point { y, from: y, to: y }
    }
}

/// The path of a line through `points` at `xs`; it breaks where there is none.
pub fn line(x: Axis, y: Axis, xs: &[f64], points: &[Option<Point>]) -> String {
    let mut path = String::new();
    let mut down = false;
    for (at, point) in xs.iter().zip(points) {
        if let Some(point) = point {
            step(&mut path, if down { 'L' } else { 'M' }, x, y, *at, point.y);
        }
        down = point.is_some();
    }
    path
}

/// The path around what is filled; a separate one for each unbroken run of points.
pub fn area(x: Axis, y: Axis, xs: &[f64], points: &[Option<Point>]) -> String {
    let mut path = String::new();
    let pairs: Vec<(f64, Option<Point>)> = xs.iter().copied().zip(points.iter().copied()).collect();
    for run in pairs.split(|(_, point)| point.is_none()) {
        let known = || run.iter().filter_map(|(at, point)| Some((*at, (*point)?)));
        for (i, (at, point)) in known().enumerate() {
            step(&mut path, if i == 0 { 'M' } else { 'L' }, x, y, at, point.to);
        }
        for (at, point) in known().collect::<Vec<_>>().into_iter().rev() {
            step(&mut path, 'L', x, y, at, point.from);
        }
        if !run.is_empty() {
            path.push('Z');
        }
    }
    path
}

fn step(path: &mut String, command: char, x: Axis, y: Axis, at: f64, value: f64) {
    let (across, up) = (x.share(at) * SIDE, (1.0 - y.share(value)) * SIDE);
    // Writing into a string does not fail.
    _ = write!(path, "{command}{across:.1} {up:.1}");
}

/// The index of the point in `xs` that is drawn nearest to `share` of the axis.
pub fn nearest(x: Axis, xs: &[f64], share: f64) -> Option<usize> {
    let far = |i: &usize| (x.share(xs[*i]) - share).abs();
    (0..xs.len()).min_by(|a, b| far(a).total_cmp(&far(b)))
}

/// `places` along an axis moved apart until they are `gap` from each other, in their order and as
/// near as that allows; all within 0 to 1 where there is room.
pub fn space_out(places: &[f64], gap: f64) -> Vec<f64> {
    let order = sort::order(places.len(), &|a, b| places[a].total_cmp(&places[b]));
    let mut moved = places.to_vec();
    for pair in order.windows(2) {
        moved[pair[1]] = moved[pair[1]].max(moved[pair[0]] + gap);
    }
    let mut end = 1.0;
    for i in order.into_iter().rev() {
        moved[i] = moved[i].min(end);
        end = moved[i] - gap;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_axis_is_marked_at_powers_of_two() {
        let axis = Axis::log(1000.0, 131_072.0);
        assert_eq!(axis.ticks(9), [10, 11, 12, 13, 14, 15, 16, 17].map(|n| f64::from(1 << n)));
        assert_eq!(axis.ticks(4), [1024.0, 4096.0, 16_384.0, 65_536.0]);
        assert_eq!(axis.share(1000.0), 0.0);
        assert_eq!(axis.share(131_072.0), 1.0);
        assert_eq!((axis.share(0.0), axis.share(f64::NAN)), (0.0, 0.0));
        let one = Axis::log(8.0, 8.0);
        assert_eq!((one.from, one.to), (8.0, 16.0));
    }

    #[test]
    fn a_linear_axis_is_marked_at_round_values() {
        assert_eq!(Axis::linear(94.0).ticks(6), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(Axis::linear(0.9).ticks(4).len(), 2);
        for most in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9, 1e15] {
            let axis = Axis::linear(most);
            let ticks = axis.ticks(5);
            assert!((1..=6).contains(&ticks.len()), "{most}: {ticks:?}");
            assert!(ticks.iter().all(|tick| *tick <= axis.to));
        }
    }

    #[test]
    fn paths_break_where_there_is_no_point() {
        let (x, y) = (Axis::linear(100.0 / 1.1), Axis::linear(10.0 / 1.1));
        let at = |y: f64| Some(Point { y, from: 0.0, to: y });
        let points = [at(5.0), at(10.0), None, at(0.0)];
        let xs = [0.0, 50.0, 75.0, 100.0];
        assert_eq!(line(x, y, &xs, &points), "M0.0 500.0L500.0 0.0M1000.0 1000.0");
        let filled = area(x, y, &xs, &points);
        assert_eq!(filled.matches('Z').count(), 2);
        assert!(filled.starts_with("M0.0 500.0L500.0 0.0L500.0 1000.0L0.0 1000.0Z"), "{filled}");
        assert_eq!(line(x, y, &[], &[]), "");
    }

    #[test]
    fn the_nearest_point_is_found_on_the_scale_that_is_drawn() {
        let (axis, xs) = (Axis::log(1.0, 256.0), [1.0, 16.0, 256.0]);
        assert_eq!(nearest(axis, &xs, 0.3), Some(1));
        assert_eq!(nearest(axis, &xs, 0.2), Some(0));
        assert_eq!(nearest(axis, &xs, 7.0), Some(2));
        assert_eq!(nearest(axis, &[], 0.5), None);
    }

    #[test]
    fn labels_are_moved_apart_in_their_order() {
        let moved = space_out(&[0.5, 0.52, 0.99, 0.98], 0.1);
        assert_eq!(moved[0], 0.5);
        assert!((moved[1] - 0.6).abs() < 1e-9);
        assert!((moved[2] - 1.0).abs() < 1e-9 && (moved[3] - 0.9).abs() < 1e-9);
        assert_eq!(space_out(&[], 0.1), Vec::<f64>::new());
    }
}
