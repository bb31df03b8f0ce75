//! The address bar follows the question, and the question follows back and forward.

use std::cell::RefCell;
use std::time::Duration;

use leptos::ev;
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;

use super::browser;
use super::state::State;

/// How long a movement rests before the address is written. Safari refuses more than 100 writes
/// in 30 seconds.
const REST: Duration = Duration::from_millis(350);

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
    static WAITING: RefCell<Option<(TimeoutHandle, String)>> = const { RefCell::new(None) };
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
            cancel();
            let handle = set_timeout_with_handle(flush, REST);
            match handle {
                Ok(handle) => WAITING.with_borrow_mut(|w| *w = Some((handle, query))),
                Err(_) => _ = browser::write_address(&query, false),
            }
        }
    }
}

/// Takes the question from the address on back and forward.
pub fn follow(state: State) {
    let listener = window_event_listener(ev::popstate, move |_| {
        cancel();
        state.read_link(&browser::query());
    });
    on_cleanup(move || listener.remove());
}

fn flush() {
    if let Some((_, query)) = cancel() {
        browser::write_address(&query, false);
    }
}

fn cancel() -> Option<(TimeoutHandle, String)> {
    let waiting = WAITING.with_borrow_mut(Option::take);
    if let Some((handle, _)) = &waiting {
        handle.clear();
    }
    waiting
}
