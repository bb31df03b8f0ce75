//! The bill: what each device and the host hold, line by line.

mod setup;

pub use setup::{Placed, Setup};
