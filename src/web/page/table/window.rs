//! Of a long table only the lines around the screen are drawn; the others are two spacers.

use std::ops::Range;

use gloo::events::EventListener;
use leptos::html;
use leptos::prelude::*;
use send_wrapper::SendWrapper;

use super::{CellPath, Line};
use crate::entry::AxisEntry;
use crate::page::app::pace::RowScheduler;
use crate::page::app::reactive::effect;

/// Cells of a table that is drawn whole.
const WHOLE: usize = 600;
/// Lines that the ends of what is drawn move by.
const STEP: usize = 8;
/// The height of a line that was not seen yet, in pixels.
const HEIGHT: f64 = 110.0;

/// Which lines of a table are drawn.
#[derive(Clone, Copy)]
pub struct Window {
    pace: RowScheduler,
    table: NodeRef<html::Table>,
    lines: Memo<Vec<Line>>,
    cols: Memo<Vec<AxisEntry>>,
    /// The lines around the screen.
    near: RwSignal<Range<usize>>,
    /// The height of a line.
    height: RwSignal<f64>,
    /// The next frame looks where the screen is.
    looks: StoredValue<bool>,
}

impl Window {
    /// The window over the `lines` of a `table`; follows the screen, and tells `pace` what is on it.
    pub(super) fn over(
        pace: RowScheduler,
        table: NodeRef<html::Table>,
        lines: Memo<Vec<Line>>,
        cols: Memo<Vec<AxisEntry>>,
    ) -> Window {
        let (near, height) = (RwSignal::new(0..STEP), RwSignal::new(HEIGHT));
        let looks = StoredValue::new(false);
        let window = Window { pace, table, lines, cols, near, height, looks };
        let listen =
            |event| EventListener::new(&leptos::prelude::window(), event, move |_| window.look());
        let listeners = SendWrapper::new(["scroll", "resize"].map(listen));
        on_cleanup(move || drop(listeners));
        effect(move || {
            lines.track();
            table.track();
            window.look();
        });
        window
    }

    /// The lines that are drawn.
    pub(super) fn lines(self) -> Vec<Line> {
        let drawn = self.drawn();
        self.lines.with(|lines| lines[drawn].to_vec())
    }

    /// Pixels above the lines that are drawn.
    pub(super) fn above(self) -> f64 {
        self.drawn().start as f64 * self.height.get()
    }

    /// Pixels below them.
    pub(super) fn below(self) -> f64 {
        (self.lines.with(Vec::len) - self.drawn().end) as f64 * self.height.get()
    }

    /// How many rows there are, where not all are drawn: with that of the columns' names.
    pub(super) fn count(self) -> Option<usize> {
        (!self.is_whole()).then(|| self.lines.with(Vec::len) + 1)
    }

    /// Which of them the row at `spot` is.
    pub(super) fn place(self, spot: &CellPath) -> Option<usize> {
        let is = |line: &Line| line.row.is_some() && line.group.iter().chain(&line.row).eq(&spot.0);
        self.count()?;
        self.lines.with(|lines| lines.iter().position(is)).map(|at| at + 2)
    }

    fn is_whole(self) -> bool {
        self.lines.with(Vec::len) * self.cols.with(Vec::len).max(4) <= WHOLE
    }

    fn drawn(self) -> Range<usize> {
        let count = self.lines.with(Vec::len);
        let near = self.near.get();
        match self.is_whole() {
            true => 0..count,
            // Rows were taken out from under the screen: until it is looked at again, the last ones.
            false => near.start.min(count.saturating_sub(near.len()))..near.end.min(count),
        }
    }

    /// Looks where the screen is, in the next frame.
    fn look(self) {
        if self.looks.try_get_value() == Some(false) {
            self.looks.set_value(true);
            request_animation_frame(move || self.follow());
        }
    }

    fn follow(self) {
        if self.looks.try_set_value(false).is_some() {
            return;
        }
        let Some(table) = self.table.get_untracked() else { return };
        if untrack(move || self.is_whole()) {
            self.pace.see(Vec::new());
            return;
        }
        let (count, drawn) = untrack(move || (self.lines.with(Vec::len), self.drawn()));
        let (place, before) = (table.get_bounding_client_rect(), self.height.get_untracked());
        let missing = (count - drawn.len()) as f64 * before;
        let height = (place.height() - missing) / drawn.len().max(1) as f64;
        // Lines differ a little: that must not move those on the screen.
        if height > 0.0 && (height / before - 1.0).abs() > 0.2 {
            self.height.set(height);
        }
        let height = self.height.get_untracked();
        let screen = window().inner_height().ok().and_then(|n| n.as_f64()).unwrap_or(1000.0);
        let at = |pixels: f64| (pixels / height).max(0.0) as usize;
        let seen = at(-place.top()).min(count - 1)..(at(screen - place.top()) + 1).min(count);
        let of = |line: &Line| line.group.iter().chain(&line.row).cloned().collect();
        let seen = untrack(|| self.lines.with(|lines| lines[seen].iter().map(of).collect()));
        self.pace.see(seen);
        let line = |pixels: f64| at(pixels) / STEP * STEP;
        let first = line(-place.top() - screen).min(count.saturating_sub(1) / STEP * STEP);
        let end = line(-place.top() + 2.0 * screen) + STEP;
        let near = first..end.max(first + STEP);
        if self.near.get_untracked() != near {
            self.near.set(near);
        }
    }
}
