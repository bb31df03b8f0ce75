//! Answers a long table from the top, some rows a frame, so that the rows in view follow the hand that
//! asks and the rest soon does.

use leptos::prelude::*;

/// Cells that are answered in a frame; of rows that are drawn, so many more. Between frames the page
/// answers the hand.
const ROOM: usize = 96;

/// How much more is answered in this frame.
#[derive(Clone, Copy)]
pub struct RowScheduler {
    frame: StoredValue<Frame>,
    next: Trigger,
    /// Rows that wait go on waiting.
    holds: StoredValue<bool>,
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
        RowScheduler { frame, next: Trigger::new(), holds }
    }

    /// Whether rows that wait are held back: while a slider moves the next step would take them
    /// anyway.
    pub fn hold(self, holds: bool) {
        self.holds.set_value(holds);
        if !holds {
            self.go_on();
        }
    }

    /// Makes the caller read again once more rows can be answered.
    pub fn track(self) {
        self.next.track();
    }

    /// Whether one more row, of so many cells, may be answered in this frame. Where it
    /// `is_drawn` there is more room.
    pub fn takes_row(self, cells: usize, is_drawn: bool) -> bool {
        let mut frame = self.frame.get_value();
        if frame.taken == 0 {
            request_animation_frame(move || self.end_frame());
        }
        let takes = frame.taken < if is_drawn { 2 * ROOM } else { ROOM };
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
