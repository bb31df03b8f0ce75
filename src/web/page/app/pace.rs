//! Answers a long table from the top, some rows a frame, so that the rows in view follow the hand that
//! asks and the rest soon does.

use leptos::prelude::*;

use crate::entry::AxisEntry;
use headroom::scenario::{Scenario, Selected};

/// Cells that are answered in a frame; of rows that are drawn, so many more. Between frames the page
/// answers the hand.
const ROOM: usize = 96;

/// How much more is answered in this frame.
#[derive(Clone, Copy)]
pub struct RowScheduler {
    frame: StoredValue<Frame>,
    next: Trigger,
    /// Rows that are not on the screen wait.
    holds: StoredValue<bool>,
    /// What each line on the screen is of, where not all of the table is drawn.
    seen: StoredValue<Vec<Vec<AxisEntry>>>,
}

/// How near a row is to the reader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Nearness {
    /// On the screen.
    Seen,
    /// Drawn above or below it.
    Drawn,
    /// Not drawn.
    Beyond,
}

/// A frame in which rows are answered.
#[derive(Clone, Copy, Default)]
struct Frame {
    /// Cells that were answered in it so far.
    taken: usize,
    /// Rows wait for the next one.
    more: bool,
}

impl RowScheduler {
    pub fn new() -> RowScheduler {
        let (frame, holds) = (StoredValue::new(Frame::default()), StoredValue::new(false));
        RowScheduler { frame, next: Trigger::new(), holds, seen: StoredValue::new(Vec::new()) }
    }

    /// Says what the lines on the screen are of; none where the whole table is drawn.
    pub fn see(self, lines: Vec<Vec<AxisEntry>>) {
        self.seen.set_value(lines);
    }

    /// How near the row of the cell at `at` is, if it is asked for by a line that `is_drawn`.
    pub fn nearness(self, scenario: &Scenario, at: Selected, is_drawn: bool) -> Nearness {
        let shows = |line: &Vec<AxisEntry>| line.iter().all(|entry| entry.has(scenario, at));
        let is_seen = |lines: &Vec<Vec<AxisEntry>>| lines.is_empty() || lines.iter().any(shows);
        match is_drawn {
            _ if self.seen.with_value(is_seen) => Nearness::Seen,
            true => Nearness::Drawn,
            false => Nearness::Beyond,
        }
    }

    /// Whether rows that are not on the screen are held back: while a slider moves the next step would
    /// take them anyway.
    pub fn hold(self, holds: bool) {
        let held = self.holds.get_value();
        self.holds.set_value(holds);
        if !holds {
            // What follows all rows waited, too.
            self.frame.update_value(|frame| frame.more |= held);
            self.go_on();
        }
    }

    /// Whether rows that are not on the screen are held back.
    pub fn waits(self) -> bool {
        self.holds.get_value() && self.seen.with_value(|seen| !seen.is_empty())
    }

    /// Makes the caller read again once more rows can be answered.
    pub fn track(self) {
        self.next.track();
    }

    /// Whether one more row, of so many cells, may be answered in this frame. There is more room for
    /// those that are nearer.
    pub fn takes_row(self, cells: usize, nearness: Nearness) -> bool {
        let mut frame = self.frame.get_value();
        if frame.taken == 0 {
            request_animation_frame(move || self.end_frame());
        }
        let room = match nearness {
            Nearness::Seen => 2 * ROOM,
            _ if self.holds.get_value() => 0,
            Nearness::Drawn => 2 * ROOM,
            Nearness::Beyond => ROOM,
        };
        let takes = frame.taken < room;
        match takes {
            true => frame.taken += cells.max(1),
            false => frame.more = true,
        }
        self.frame.set_value(frame);
        takes
    }

    fn end_frame(self) {
        let ended = |frame: &mut Frame| *frame = Frame { taken: 0, more: frame.more };
        if self.frame.try_update_value(ended).is_some() {
            self.go_on();
        }
    }

    fn go_on(self) {
        let goes_on = |frame: &mut Frame| {
            let waits = frame.taken == 0 && frame.more && !self.holds.get_value();
            frame.more &= !waits;
            waits
        };
        if self.frame.try_update_value(goes_on) == Some(true) {
            self.next.notify();
        }
    }
}
