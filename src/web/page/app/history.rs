//! The address bar follows the question, and the question follows back and forward.

use std::cell::{Cell, RefCell};

use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use leptos::prelude::*;
use send_wrapper::SendWrapper;

use crate::page::app::browser;
use crate::page::app::state::State;

/// How long a movement rests before the address is written, in milliseconds, once it was written
/// often. Safari refuses more than 100 writes in 30 seconds.
const REST: u32 = 350;
/// So many writes in a [`SPELL`] are done at once: what is typed is then never lost, wherever the
/// reader goes next.
const AT_ONCE: u32 = 40;
/// In milliseconds.
const SPELL: f64 = 30_000.0;

/// Which entry of the history a change belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A new one.
    New,
    /// The present one.
    Same,
}

thread_local! {
    /// A write to the present entry that waits for the movement to rest.
    static WAITING: RefCell<Option<(Timeout, String)>> = const { RefCell::new(None) };
    /// When the present spell began, and the writes in it.
    static WRITTEN: Cell<(f64, u32)> = const { Cell::new((0.0, 0)) };
}

/// Writes the question into the address bar.
pub fn write(state: State, step: Step) {
    let query = state.scenario.with_untracked(|scenario| scenario.to_query());
    match step {
        Step::New => {
            flush();
            browser::write_address(&query, true);
        }
        Step::Same if is_seldom() => {
            cancel();
            browser::write_address(&query, false);
        }
        Step::Same => {
            let waiting = (Timeout::new(REST, flush), query);
            WAITING.with_borrow_mut(|w| *w = Some(waiting));
        }
    }
}

/// Whether one more write is among the first of a spell.
fn is_seldom() -> bool {
    let now = js_sys::Date::now();
    let (since, count) = WRITTEN.get();
    let (since, count) = if now - since > SPELL { (now, 1) } else { (since, count + 1) };
    WRITTEN.set((since, count));
    count <= AT_ONCE
}

/// Takes the question from the address on back and forward; on leaving writes what waits.
pub fn follow(state: State) {
    let back = EventListener::new(&window(), "popstate", move |_| {
        // The address is another entry's already.
        cancel();
        state.read_link(&browser::query());
    });
    let away = EventListener::new(&window(), "pagehide", move |_| {
        state.rest();
        flush();
    });
    let listeners = SendWrapper::new([back, away]);
    on_cleanup(move || drop(listeners));
}

fn flush() {
    if let Some((_, query)) = cancel() {
        browser::write_address(&query, false);
    }
}

/// Takes back a write that waits; a timeout that is dropped does not fire.
fn cancel() -> Option<(Timeout, String)> {
    WAITING.with_borrow_mut(Option::take)
}
