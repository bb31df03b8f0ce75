//! Headroom: can this model run on that hardware, and how much room is left?
//!
//! A [`scenario::Scenario`] is looked up in the [`catalog::Catalog`] and becomes a
//! [`report::Report`], an itemised answer that the page draws. Nothing here depends on a screen, a
//! clock or a network; the page is a crate of its own (`src/web`).
//!
//! ```
//! use headroom::catalog::Catalog;
//! use headroom::estimate;
//! use headroom::report::Verdict;
//! use headroom::scenario::Scenario;
//!
//! let query = "model=qwen2.5-72b-instruct&hw=rtx-4090*2&quant=Q4_K_M&ctx=32k";
//! let (scenario, problems) = Scenario::from_query(query);
//! let report = estimate::report(Catalog::bundled(), &scenario, problems);
//!
//! // 47.4 GB of weights and 10 GiB of cache do not fit on two cards of 24 GB: a part stays in RAM.
//! let cell = &report.cells[0];
//! assert_eq!(cell.verdict, Verdict::Offload);
//! assert_eq!(cell.weights_bytes.0, 47_409_725_440);
//! assert_eq!(cell.kv_bytes.0, 10 << 30);
//! ```

pub mod accuracy;
pub mod advice;
pub mod architecture;
pub mod ask;
mod bill;
pub mod catalog;
pub mod curves;
mod decimal;
pub mod economy;
pub mod engine;
pub mod estimate;
pub mod float;
pub mod hardware;
pub mod import;
pub mod letters;
pub mod memory_log;
pub mod plan;
pub mod quality;
pub mod quant;
pub mod ranking;
pub mod report;
pub mod scenario;
pub mod sort;
pub mod speed;
pub mod steps;
pub mod units;
