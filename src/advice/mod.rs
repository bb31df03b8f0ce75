//! What the figures mean: the verdict, the limits of the setup, and why engines differ.

mod difference;
mod room;
mod verdict;

pub use difference::{Cause, Pool, Reason, difference, pool};
pub use room::{Capacity, Copies};
pub use verdict::{headroom, verdict};
