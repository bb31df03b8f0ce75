//! Answers a long table from the top, more and more rows a frame, so that the rows in view follow
//! the hand that asks and the rest soon does.

use leptos::prelude::*;

/// Rows that are answered at once: those of a table that is read whole.
const FIRST: usize = 12;
/// The most rows of a later frame. Each frame takes twice as many as the one before, since each also
/// looks over the whole table, for the answer, the order and the notices.
const MOST: usize = 4 * FIRST;

/// How much more is answered in this frame.
#[derive(Clone, Copy)]
pub struct Pace {
    frame: StoredValue<Frame>,
    next: Trigger,
}

/// A frame in which rows are answered.
#[derive(Clone, Copy)]
struct Frame {
    /// Rows that it takes.
    room: usize,
    /// Rows that wanted to be answered in it so far.
    asked: usize,
}

impl Pace {
    pub fn new() -> Pace {
        Pace { frame: StoredValue::new(Frame { room: FIRST, asked: 0 }), next: Trigger::new() }
    }

    /// Whether one more row may be answered in this frame. Where not, the caller is told in the next.
    pub fn takes_row(self) -> bool {
        let Frame { room, asked } = self.frame.get_value();
        if asked == 0 {
            request_animation_frame(move || self.end_frame());
        }
        self.frame.set_value(Frame { room, asked: asked + 1 });
        let takes = asked < room;
        if !takes {
            self.next.track();
        }
        takes
    }

    fn end_frame(self) {
        let Some(Frame { room, asked }) = self.frame.try_get_value() else { return };
        let more = asked > room;
        let room = if more { (2 * room).min(MOST) } else { FIRST };
        self.frame.set_value(Frame { room, asked: 0 });
        if more {
            self.next.notify();
        }
    }
}
