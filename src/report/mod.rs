//! The answer: an itemised bill and a verdict for each model, machine, quantisation and engine.

mod bill;
mod cache_layout;
mod cell;
mod economy;
mod notice;
mod overview;
mod placement;
mod quality;
mod speed;
mod suggestion;
mod summary;

pub(crate) use bill::sum_with;
pub use bill::{BillItem, DeviceBill, HostBill, Term, sum_of_items};
pub use cache_layout::{CacheLayout, SlidingWindowCache};
pub use cell::{Cell, Verdict};
pub use economy::{Economy, Hosted, InOut, Input, Machine, Money, PerMtok, PowerDraw};
pub use notice::{Adjustment, EngineRefusal, Notice, RefusalReason, find_model};
pub use overview::{DecodeRate, Overview};
pub use placement::{
    Duplicate, DuplicateKind, Placement, PlacementPart, PlacementReason, SplitKind,
};
pub use quality::{Quality, QualityBasis, QualityFigure, QualityMetric, QualityNote};
pub use speed::{Measurements, NoSpeed, Speed, SpeedBasis};
pub use suggestion::Suggestion;
pub use summary::Summary;

use serde::{Deserialize, Serialize};

/// The answer to a [`Scenario`](crate::scenario::Scenario).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    /// Version of this structure.
    pub version: u32,
    /// The question, as a query string.
    pub query: String,
    /// Parts of the question that were not used as given, with alternatives.
    pub notices: Vec<Notice>,
    /// One entry for each model x machine x quantisation x engine, in that order.
    pub cells: Vec<Cell>,
    /// Prices and power of each machine whose devices are known.
    #[serde(default)]
    pub machines: Vec<Machine>,
    /// What hosts ask for tokens of each model that is known.
    #[serde(default)]
    pub hosted: Vec<Hosted>,
}

#[cfg(test)]
mod tests {
    use super::Report;

    /// `docs/report.schema.json` is published with the project; `HEADROOM_BLESS=1` rewrites it.
    #[test]
    fn the_published_schema_is_that_of_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report.schema.json");
        let schema = serde_json::to_string_pretty(&schemars::schema_for!(Report)).unwrap() + "\n";
        if std::env::var_os("HEADROOM_BLESS").is_some() {
            std::fs::write(path, &schema).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(published == schema, "{path} is out of date: run the test with HEADROOM_BLESS=1");
    }
}
