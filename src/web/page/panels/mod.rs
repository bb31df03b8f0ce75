//! What is told of the open cell beside its memory, and the page about how accurate all of it is.

pub mod accuracy;
pub mod charts;
pub mod money;
pub mod plan;
pub mod serving;
pub mod speed;
pub mod speed_charts;
