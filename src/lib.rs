//! Headroom: can this model run on that hardware, and how much room is left?
//!
//! A [`scenario::Scenario`] is looked up in the [`catalog::Catalog`] and becomes a
//! [`report::Report`], an itemised answer that the page draws. Nothing here depends on a screen, a
//! clock or a network; the page is a crate of its own (`src/web`).

pub mod accuracy;
pub mod advice;
pub mod architecture;
mod bill;
pub mod catalog;
pub mod curves;
pub mod economy;
pub mod engine;
pub mod estimate;
pub mod hardware;
pub mod quant;
pub mod report;
pub mod scenario;
pub mod speed;
pub mod units;
