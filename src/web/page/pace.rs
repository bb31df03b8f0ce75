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
    frame: StoredValue<Option<Frame>>,
    /// Rows that the next frame takes.
    room: StoredValue<usize>,
    next: StoredValue<ArcTrigger>,
}

/// A frame in which rows are answered.
#[derive(Clone, Copy)]
struct Frame {
    /// Rows that it takes yet.
    room: usize,
    /// Some rows wait for the next one.
    more: bool,
}

impl Pace {
    pub fn new() -> Pace {
        Pace {
            frame: StoredValue::new(None),
            room: StoredValue::new(FIRST),
            next: StoredValue::new(ArcTrigger::new()),
        }
    }

    /// Whether one more row may be answered in this frame. Where not, the caller is told in the next.
    pub fn takes_row(self) -> bool {
        let mut frame = self.frame.get_value().unwrap_or_else(|| {
            request_animation_frame(move || self.end_frame());
            Frame { room: self.room.get_value(), more: false }
        });
        let takes = frame.room > 0;
        match takes {
            true => frame.room -= 1,
            false => {
                frame.more = true;
                self.next.with_value(ArcTrigger::track);
            }
        }
        self.frame.set_value(Some(frame));
        takes
    }

    fn end_frame(self) {
        let Some(frame) = self.frame.try_update_value(Option::take).flatten() else { return };
        let grown = (2 * self.room.get_value()).min(MOST);
        self.room.set_value(if frame.more { grown } else { FIRST });
        if frame.more {
            self.next.with_value(ArcTrigger::notify);
        }
    }
}
