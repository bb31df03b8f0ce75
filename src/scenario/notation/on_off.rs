//! Switches.

use super::{Codec, Control};
use crate::scenario::query::ParseError;

/// On or off, as the two words that are written for it. `on`, `off`, `1` and `0` are read.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    on: &'static str,
    off: &'static str,
}

/// `on` and `off`.
pub const ON_OFF: Switch = Switch { on: "on", off: "off" };
/// `1` and `0`.
pub const FLAG: Switch = Switch { on: "1", off: "0" };

impl Codec for Switch {
    type Value = bool;

    fn parse(&self, text: &str) -> Result<bool, ParseError> {
        match text.to_ascii_lowercase().as_str() {
            "on" | "1" => Ok(true),
            "off" | "0" => Ok(false),
            _ => Err(ParseError::malformed(self.accepted())),
        }
    }

    fn format(&self, value: &bool) -> String {
        (if *value { self.on } else { self.off }).to_owned()
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

    fn parse_number(&self, number: u64) -> Option<bool> {
        Some(number > 0)
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<bool> {
        proptest::strategy::Strategy::boxed(proptest::bool::ANY)
    }
}
