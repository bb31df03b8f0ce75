//! Settings that need not be set.

use super::{Codec, Control};
use crate::scenario::query::ParseError;

/// A value, or none: then what [`Unset`] says holds.
#[derive(Clone, Copy, Debug)]
pub struct Optional<C> {
    codec: C,
    unset: Unset,
    /// An empty text is none; else it is refused.
    reads_empty: bool,
}

/// A value, or none. Only leaving the key out gives none.
pub const fn optional<C>(codec: C, unset: Unset) -> Optional<C> {
    Optional { codec, unset, reads_empty: false }
}

/// A value, or none, which an empty text gives too.
pub const fn or_empty<C>(codec: C, unset: Unset) -> Optional<C> {
    Optional { codec, unset, reads_empty: true }
}

/// What holds while a setting is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// Nothing.
    Nothing,
    /// Any will do.
    Any,
    /// This value.
    Value(&'static str),
    /// The engine's own default.
    Engine,
    /// What the operating system or the firmware does by itself.
    Platform,
    /// A figure of the machine's, from the catalogue.
    Machine,
    /// One for each device.
    Devices,
    /// By the memory of the devices.
    Memory,
    /// What the reader's browser says.
    Reader,
    /// The page's choice.
    Page,
}

impl<C: Codec> Codec for Optional<C> {
    type Value = Option<C::Value>;

    fn parse(&self, text: &str) -> Result<Option<C::Value>, ParseError> {
        match text {
            "" if self.reads_empty => Ok(None),
            _ => self.codec.parse(text).map(Some),
        }
    }

    fn format(&self, value: &Option<C::Value>) -> String {
        value.as_ref().map(|value| self.codec.format(value)).unwrap_or_default()
    }

    fn accepted(&self) -> String {
        self.codec.accepted()
    }

    fn control(&self) -> Control {
        self.codec.control()
    }

    fn to_number(&self, value: &Option<C::Value>) -> Option<u64> {
        value.as_ref().and_then(|value| self.codec.to_number(value))
    }

    fn parse_number(&self, number: u64) -> Option<Option<C::Value>> {
        self.codec.parse_number(number).map(Some)
    }

    fn unset(&self) -> Option<Unset> {
        Some(self.unset)
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<Option<C::Value>> {
        use proptest::strategy::Strategy as _;
        proptest::option::of(self.codec.any()).boxed()
    }
}
