//! Models and devices that are not in the catalogue, as a question describes them.
//!
//! `size:72B` and `size:30B-A3B` are shapes that nobody released (`size.rs`), `custom:1:...` is the
//! architecture of a file that somebody has (`notation.rs`), and as a device what is known of a card
//! (`device.rs`). They are ids like any other: a question, a link and an answer name them so.

mod check;
mod device;
mod notation;
mod pairs;
mod size;

use std::fmt;

pub use check::check;
pub use device::CustomDevice;
pub use notation::{Custom, FileTypes};
pub use pairs::most;
pub use size::ModelSize;

use super::{Catalog, Device, Model};
use crate::architecture::config::Config;
use crate::units::{Bytes, Interval};

/// The longest id that is read, in bytes.
pub const LONGEST_ID: usize = 16 << 10;

/// The version of the notation of architectures and devices.
const VERSION: &str = "1";

/// How far the real models of a size lie from the shape that stands for them, as ratios of its
/// figures: nine of ten are within.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Weights.
    pub weights: (f64, f64),
    /// Bytes of the KV cache and recurrent state of a sequence.
    pub cache: (f64, f64),
    /// Bytes that a decoded token reads, of which its time is made.
    pub read: (f64, f64),
}

impl Default for Spread {
    /// That of a shape which is known.
    fn default() -> Spread {
        Spread { weights: (1.0, 1.0), cache: (1.0, 1.0), read: (1.0, 1.0) }
    }
}

impl Spread {
    /// `bytes` of weights, as wide as those of real models.
    pub fn of_weights(&self, bytes: Interval<Bytes>) -> Interval<Bytes> {
        widened(bytes, self.weights)
    }

    /// `bytes` of KV cache or recurrent state, as wide as those of real models.
    pub fn of_cache(&self, bytes: Interval<Bytes>) -> Interval<Bytes> {
        widened(bytes, self.cache)
    }
}

/// `bytes` with its bounds at the ratios `low` and `high` of them.
fn widened(bytes: Interval<Bytes>, (low, high): (f64, f64)) -> Interval<Bytes> {
    match (low, high) == (1.0, 1.0) {
        true => bytes,
        false => Interval { low: bytes.low.scale(low), high: bytes.high.scale(high), ..bytes },
    }
}

/// What a model is that is not in the catalogue.
#[derive(Clone, Debug, Default)]
pub struct OwnModel {
    /// The spread of real models of its size, if its shape is hypothetical.
    pub spread: Option<Spread>,
    /// Ids of the models that a hypothetical shape is interpolated from, the nearest first.
    pub like: Vec<String>,
    /// Fields of its configuration that were assumed.
    pub assumed: Vec<String>,
    /// The types of the tensors in the GGUF file that it was read from.
    pub file: Option<FileTypes>,
}

/// A description of a model or device that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnError {
    /// The part of the description, such as `num_hidden_layers`.
    pub field: String,
    /// What was written there.
    pub value: String,
    /// What is accepted instead.
    pub accepted: String,
}

impl OwnError {
    pub(super) fn new(field: &str, value: impl ToString, accepted: impl Into<String>) -> OwnError {
        let mut value = value.to_string();
        if let Some((end, _)) = value.char_indices().nth(80) {
            value.truncate(end);
        }
        OwnError { field: field.to_owned(), value, accepted: accepted.into() }
    }
}

impl fmt::Display for OwnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OwnError { field, value, accepted } = self;
        write!(f, "{field}: `{value}` is not accepted, but {accepted}")
    }
}

/// Reads `id` as a model that is not in the catalogue; `None` if it is not written as one.
pub(super) fn model(catalog: &Catalog, id: &str) -> Option<Result<Model, OwnError>> {
    let (kind, rest) = id.split_once(':')?;
    let read = |read: &dyn Fn(&str) -> Result<Model, OwnError>| match id.len() > LONGEST_ID {
        true => Err(OwnError::new(kind, rest, format!("at most {LONGEST_ID} bytes"))),
        false => read(rest),
    };
    match kind.to_ascii_lowercase().as_str() {
        "size" => Some(read(&|rest| Ok(ModelSize::parse(rest)?.model(catalog)))),
        "custom" => Some(read(&|rest| Ok(Custom::parse(rest)?.model(catalog)))),
        _ => None,
    }
}

/// Reads `id` as a device that is not in the catalogue; `None` if it is not written as one.
pub(super) fn device(id: &str) -> Option<Result<Device, OwnError>> {
    let (kind, rest) = id.split_once(':')?;
    if !kind.eq_ignore_ascii_case("custom") {
        return None;
    }
    Some(match id.len() > LONGEST_ID {
        true => Err(OwnError::new(kind, rest, format!("at most {LONGEST_ID} bytes"))),
        false => CustomDevice::parse(rest).map(CustomDevice::into_device),
    })
}

/// Reads the version in front of a description, and returns what is behind it.
fn versioned(text: &str) -> Result<&str, OwnError> {
    let (version, rest) = text.split_once(':').unwrap_or((text, ""));
    match version == VERSION {
        true => Ok(rest),
        false => Err(OwnError::new("version", version, VERSION)),
    }
}

/// `name` with what has a meaning in a link or a list left out; never empty.
fn plain_name(name: &str) -> String {
    let kept = name.trim().chars().take(96).map(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' | '/' => c,
        _ => '-',
    });
    let kept: String = kept.collect();
    match kept.trim_matches(['-', '/']) {
        "" => "model".to_owned(),
        name => name.to_owned(),
    }
}

impl Model {
    /// The configuration that the architecture is built from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What is known of a model that is not in the catalogue; `None` for those in it.
    pub fn own(&self) -> Option<&OwnModel> {
        self.own.as_deref()
    }
}
