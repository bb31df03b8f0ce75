//! Every string of the page, in each language. The keys are generated from `en.json` and
//! `ru.json` (see `build.rs`).

#![allow(missing_docs)]

pub mod plural;

include!(concat!(env!("OUT_DIR"), "/i18n.rs"));

pub use i18n::{Locale, td_string};
