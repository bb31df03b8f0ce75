//! What the figures mean: the verdict, how far the setup could go, and the flags that run it.

mod launch;
mod room;
mod verdict;

pub use launch::flags;
pub use room::{Room, settings, whole};
pub use verdict::{headroom, verdict};
