//! Where a model goes: on one device, over several, or partly in the host's RAM.

mod hardware;
mod solver;
mod unified;

pub use hardware::{Hardware, Host, Part};
pub use solver::{Cargo, Judge, Load, Loads, Solved, Wish, place, solve, split_by_memory, spread};
