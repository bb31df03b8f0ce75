//! Answers a long table from the top, some rows a frame, so that the rows in view follow the hand that
//! asks and the rest soon does.

use leptos::prelude::*;

/// Cells that are answered in a frame; of rows that are drawn, so many more. Each takes about a
/// millisecond, and between frames the page answers the hand.
const ROOM: usize = 48;

/// How much more is answered in this frame.
#[derive(Clone, Copy)]
pub struct RowScheduler {
    frame: StoredValue<Frame>,
    next: Trigger,
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
        RowScheduler { frame: StoredValue::new(Frame::default()), next: Trigger::new() }
    }

    /// Makes the caller read again once more rows can be answered.
    pub fn track(self) {
        self.next.track();
    }

    /// Whether one more row, of so many cells, may be answered in this frame. Where it
    /// `is_drawn` there is more room.
    pub fn takes_row(self, cells: usize, is_drawn: bool) -> bool {
        let mut frame = self.frame.get_value();
        if frame.taken == 0 && !frame.more {
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
        let Some(Frame { more, .. }) = self.frame.try_get_value() else { return };
        self.frame.set_value(Frame::default());
        if more {
            self.next.notify();
        }
    }
}
