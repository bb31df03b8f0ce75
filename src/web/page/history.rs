//! The address bar follows the question, and the question follows back and forward.

use std::cell::RefCell;

use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use leptos::prelude::*;
use send_wrapper::SendWrapper;

use super::browser;
use super::state::State;

/// How long a movement rests before the address is written, in milliseconds. Safari refuses more
/// than 100 writes in 30 seconds.
const REST: u32 = 350;

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
}

/// Writes the question into the address bar.
pub fn write(state: State, step: Step) {
    let query = state.scenario.with_untracked(|scenario| scenario.to_query());
    match step {
        Step::New => {
            flush();
            browser::write_address(&query, true);
        }
        Step::Same => {
            let waiting = (Timeout::new(REST, flush), query);
            WAITING.with_borrow_mut(|w| *w = Some(waiting));
        }
    }
}

/// Takes the question from the address on back and forward.
pub fn follow(state: State) {
    let listener = EventListener::new(&window(), "popstate", move |_| {
        cancel();
        state.read_link(&browser::query());
    });
    let listener = SendWrapper::new(listener);
    on_cleanup(move || drop(listener));
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
