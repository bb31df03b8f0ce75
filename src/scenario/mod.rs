//! The question: which models, on which hardware, at which quantisations, used how.
//!
//! The query string ([`Scenario::from_query`], [`Scenario::to_query`]) is the one notation for it:
//! the page's URL, an embed's attribute and the command line's argument. Its keys are the rows of
//! one table ([`SETTINGS`]).

mod accuracy;
mod addons;
mod bounds;
mod cache;
mod engine;
mod filter;
mod interface;
mod logits;
mod machine;
mod measured;
mod money;
mod notation;
mod offload;
mod parallel;
mod platform;
mod query;
mod reading;
mod serving;
mod settings;
mod view;

pub use accuracy::Accuracy;
pub use addons::{
    Display, DraftKind, DraftModel, HeadKind, Lora, LoraTargets, Projector, ProjectorType,
};
pub use bounds::Bounds;
pub use cache::{CacheType, CacheTypes};
pub use engine::Engine;
pub use filter::{DeviceClass, ModelKind, Month, NamePart, RankBy, Span};
pub use interface::{CellTab, Lang, Selected, Theme};
pub use logits::LogitsBuffer;
pub use machine::{DeviceCount, Machine};
pub use measured::Measurement;
pub use money::Currency;
pub use notation::{Control, Unit, Unset};
pub use offload::Offload;
pub use parallel::{ExpertParallel, SplitMode, TensorSplit};
pub use platform::{GpuBackend, RamSpeed, System};
pub use query::{ParseError, Problem, ProblemKind};
pub use reading::Reading;
pub(crate) use reading::thousandths;
pub use serving::Arrival;
pub use settings::{
    Addons, Filter, Group, Money, Parallel, Platform, SETTINGS, Scenario, Serving, Setting, View,
    setting,
};
pub use view::{Axis, Layout};

/// The version of the query-string notation that this code writes.
pub const QUERY_VERSION: u32 = 1;
