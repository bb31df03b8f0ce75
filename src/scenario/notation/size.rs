//! Sizes in bytes.

use super::number::parse_digits;
use super::{Codec, Control, Unit};
use crate::scenario::Bounds;
use crate::scenario::query::ParseError;
use crate::units::{Bytes, GB, GIB, MIB};

/// A size in bytes: `64GiB`, `64GB`, `512MiB`, or a plain number of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub Bounds);

const UNITS: &[(&str, u64)] = &[
    ("tib", GIB << 10),
    ("gib", GIB),
    ("mib", MIB),
    ("tb", GB * 1000),
    ("gb", GB),
    ("mb", GB / 1000),
    ("b", 1),
];

impl Codec for Size {
    type Value = Bytes;

    fn parse(&self, text: &str) -> Result<Bytes, ParseError> {
        let lower = text.to_ascii_lowercase();
        let with_unit = |(unit, times): &(&str, u64)| Some((lower.strip_suffix(unit)?, *times));
        let (digits, times) = match UNITS.iter().find_map(with_unit) {
            Some((digits, times)) => (digits.trim(), times),
            None => (lower.as_str(), 1),
        };
        parse_digits(digits, times, self.0).map(Bytes).map_err(|error| ParseError {
            accepted: self.accepted(),
            nearest: error.nearest.and_then(|n| n.parse().ok()).map(|n| format_bytes(Bytes(n))),
            ..error
        })
    }

    fn format(&self, value: &Bytes) -> String {
        format_bytes(*value)
    }

    fn accepted(&self) -> String {
        let Bounds { min, max } = self.0;
        format!("{}..{} (GiB, MiB, GB)", format_bytes(Bytes(min)), format_bytes(Bytes(max)))
    }

    fn control(&self) -> Control {
        Control::Number(self.0, Unit::Bytes)
    }

    fn to_number(&self, value: &Bytes) -> Option<u64> {
        Some(value.0)
    }

    fn from_number(&self, number: u64) -> Option<Bytes> {
        Some(Bytes(number))
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<Bytes> {
        use proptest::strategy::Strategy as _;
        self.0.any().prop_map(Bytes).boxed()
    }
}

/// A size in the largest binary unit that holds it exactly.
fn format_bytes(Bytes(n): Bytes) -> String {
    match n {
        n if n % GIB == 0 => format!("{}GiB", n / GIB),
        n if n % MIB == 0 => format!("{}MiB", n / MIB),
        n => format!("{n}B"),
    }
}
