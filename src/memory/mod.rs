//! The bill: what each device and the host hold, line by line.

mod lines;
mod model_file;
mod setup;

pub(crate) use lines::operating_system;
pub use model_file::ModelFile;
pub use setup::{Placed, Setup};
