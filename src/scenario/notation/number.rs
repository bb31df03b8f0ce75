//! Whole numbers.

use super::{Codec, Control, Unit};
use crate::scenario::Bounds;
use crate::scenario::query::{ParseError, ProblemKind};

/// A whole number; `k` behind it is 1024 and `M` 1024 x 1024.
#[derive(Clone, Copy, Debug)]
pub struct Count(pub Bounds);

impl Codec for Count {
    type Value = u64;

    fn parse(&self, text: &str) -> Result<u64, ParseError> {
        parse_count(text, self.0)
    }

    fn format(&self, value: &u64) -> String {
        value.to_string()
    }

    fn accepted(&self) -> String {
        self.0.to_string()
    }

    fn control(&self) -> Control {
        Control::Number(self.0, Unit::Count)
    }

    fn to_number(&self, value: &u64) -> Option<u64> {
        Some(*value)
    }

    fn from_number(&self, number: u64) -> Option<u64> {
        Some(number)
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<u64> {
        self.0.any()
    }
}

/// The minor number of a release of a 0.x series: `0.11`, `0.11.2`.
#[derive(Clone, Copy, Debug)]
pub struct MinorRelease(pub Bounds);

impl Codec for MinorRelease {
    type Value = u64;

    fn parse(&self, text: &str) -> Result<u64, ParseError> {
        let mut parts = text.trim_start_matches('v').split('.');
        let parsed = match (parts.next(), parts.next()) {
            (Some("0"), Some(minor)) => parse_digits(minor, 1, self.0),
            _ => Err(ParseError::malformed("")),
        };
        parsed.map_err(|error| ParseError {
            accepted: self.accepted(),
            nearest: error.nearest.map(|minor| format!("0.{minor}")),
            ..error
        })
    }

    fn format(&self, value: &u64) -> String {
        format!("0.{value}")
    }

    fn accepted(&self) -> String {
        let Bounds { min, max } = self.0;
        format!("0.{min}..0.{max}")
    }

    fn control(&self) -> Control {
        Control::Number(self.0, Unit::MinorRelease)
    }

    fn to_number(&self, value: &u64) -> Option<u64> {
        Some(*value)
    }

    fn from_number(&self, number: u64) -> Option<u64> {
        Some(number)
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<u64> {
        self.0.any()
    }
}

/// A whole number, with `k` for 1024 and `M` for 1024 x 1024 behind it.
pub(in crate::scenario) fn parse_count(text: &str, bounds: Bounds) -> Result<u64, ParseError> {
    let (digits, times) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    parse_digits(digits.trim(), times, bounds)
}

/// `digits` times `times`, within `bounds`. Digits alone are accepted: no sign, no exponent.
pub(in crate::scenario) fn parse_digits(
    digits: &str,
    times: u64,
    bounds: Bounds,
) -> Result<u64, ParseError> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParseError::malformed(bounds.to_string()));
    }
    match digits.parse::<u64>().ok().and_then(|n| n.checked_mul(times)) {
        Some(n) if bounds.contains(n) => Ok(n),
        parsed => {
            let nearest = bounds.clamp(parsed.unwrap_or(u64::MAX));
            let error = ParseError::new(ProblemKind::OutOfRange, bounds.to_string());
            Err(error.or(nearest.to_string()))
        }
    }
}
