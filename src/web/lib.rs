//! The Headroom page. It knows the question, the answer and the catalogue's names, and computes no
//! memory figure.
//!
//! What can be decided without a screen is plain functions here, tested natively; `page` draws.

pub mod answer;
pub mod chart;
pub mod edit;
pub mod entry;
pub mod formula;
pub mod number;
pub mod quantity;
pub mod scale;

#[cfg(target_arch = "wasm32")]
mod page;

#[cfg(target_arch = "wasm32")]
pub use page::{App, start};
