//! What the figures mean: the verdict, and how far the setup could go.

mod room;
mod verdict;

pub use room::Room;
pub use verdict::{headroom, verdict};
