//! Switches.

use super::{Codec, Control};
use crate::scenario::query::ParseError;

/// `on` or `off`; `1` and `0` are read too.
#[derive(Clone, Copy, Debug)]
pub struct OnOff;

/// As [`OnOff`], but written `1` and `0`.
#[derive(Clone, Copy, Debug)]
pub struct Flag;

impl Codec for OnOff {
    type Value = bool;

    fn parse(&self, text: &str) -> Result<bool, ParseError> {
        match text.to_ascii_lowercase().as_str() {
            "on" | "1" => Ok(true),
            "off" | "0" => Ok(false),
            _ => Err(ParseError::malformed(self.accepted())),
        }
    }

    fn format(&self, value: &bool) -> String {
        format_on_off(*value).to_owned()
    }

    fn accepted(&self) -> String {
        "on, off".to_owned()
    }

    fn control(&self) -> Control {
        Control::Switch
    }

    fn to_number(&self, value: &bool) -> Option<u64> {
        Some(u64::from(*value))
    }

    fn from_number(&self, number: u64) -> Option<bool> {
        Some(number > 0)
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<bool> {
        use proptest::strategy::Strategy as _;
        proptest::bool::ANY.boxed()
    }
}

impl Codec for Flag {
    type Value = bool;

    fn parse(&self, text: &str) -> Result<bool, ParseError> {
        OnOff.parse(text)
    }

    fn format(&self, value: &bool) -> String {
        u8::from(*value).to_string()
    }

    fn accepted(&self) -> String {
        OnOff.accepted()
    }

    fn control(&self) -> Control {
        OnOff.control()
    }

    fn to_number(&self, value: &bool) -> Option<u64> {
        OnOff.to_number(value)
    }

    fn from_number(&self, number: u64) -> Option<bool> {
        OnOff.from_number(number)
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<bool> {
        OnOff.any()
    }
}

fn format_on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
