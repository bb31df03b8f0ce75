//! The bill: what each device and the host hold, line by line.

pub(crate) mod bill;
mod lines;
mod model_file;
mod setup;

pub use model_file::ModelFile;
pub use setup::{Placed, Setup};
