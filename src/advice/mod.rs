//! What the figures mean: the verdict, the limits of the setup, and why engines differ.

mod capacity;
mod difference;
mod verdict;

pub use capacity::{Capacity, Copies, Seated};
pub use difference::{Cause, Pool, Reason, difference, pool};
pub use verdict::{headroom, verdict};
