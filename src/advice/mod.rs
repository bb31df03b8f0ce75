//! What the figures mean: the verdict, the limits of the setup, and why engines differ.

mod capacity;
mod difference;
mod preference;
mod verdict;

pub use capacity::{Capacity, Copies, Seated};
pub use difference::{Cause, Pool, Reason, difference, pool};
pub use preference::{is_fast_enough, preference, runs_whole};
pub use verdict::{headroom, verdict};
