//! Decimal fractions of three places, kept as thousandths.

use super::{Codec, Control, Unit};
use crate::scenario::Bounds;
use crate::scenario::query::{ParseError, ProblemKind};

/// A share in thousandths: `0.9`, `0.925`, `90%`, `1`.
#[derive(Clone, Copy, Debug)]
pub struct Thousandths(pub Bounds, pub Unit);

impl Codec for Thousandths {
    type Value = u64;

    fn parse(&self, text: &str) -> Result<u64, ParseError> {
        parse_thousandths(text, self.0)
    }

    fn format(&self, value: &u64) -> String {
        format_thousandths(*value)
    }

    fn accepted(&self) -> String {
        format_range(self.0)
    }

    fn control(&self) -> Control {
        Control::Number(self.0, self.1)
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

/// Something a second, in thousandths: `12.5`.
#[derive(Clone, Copy, Debug)]
pub struct Rate(pub Bounds);

impl Codec for Rate {
    type Value = u64;

    fn parse(&self, text: &str) -> Result<u64, ParseError> {
        match parse_fraction(text) {
            Some(rate) if self.0.contains(rate) => Ok(rate),
            Some(_) => Err(ParseError::new(ProblemKind::OutOfRange, self.accepted())),
            None => Err(ParseError::malformed(self.accepted())),
        }
    }

    fn format(&self, value: &u64) -> String {
        format_thousandths(*value)
    }

    fn accepted(&self) -> String {
        format_range(self.0)
    }

    fn control(&self) -> Control {
        Control::Number(self.0, Unit::Thousandths)
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

fn parse_thousandths(text: &str, bounds: Bounds) -> Result<u64, ParseError> {
    let (digits, scale) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim(), 10),
        None => (text, 1000),
    };
    let scaled = parse_fraction(digits).map(|thousandths| thousandths * scale);
    match scaled.filter(|scaled| scaled.is_multiple_of(1000)).map(|scaled| scaled / 1000) {
        Some(thousandths) if bounds.contains(thousandths) => Ok(thousandths),
        Some(over) => {
            let error = ParseError::new(ProblemKind::OutOfRange, format_range(bounds));
            Err(error.or(format_thousandths(bounds.clamp(over))))
        }
        None => Err(ParseError::malformed(format_range(bounds))),
    }
}

/// A decimal fraction of at most nine digits and three places, in thousandths.
pub(in crate::scenario) fn parse_fraction(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || part.len() > 3 || !plain(whole) || !plain(part) {
        return None;
    }
    let part: u64 = format!("{part:0<3}").parse().ok()?;
    Some(whole.parse::<u64>().ok()? * 1000 + part)
}

/// Thousandths as a decimal fraction without trailing zeros.
pub(in crate::scenario) fn format_thousandths(thousandths: u64) -> String {
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn format_range(Bounds { min, max }: Bounds) -> String {
    format!("{}..{}", format_thousandths(min), format_thousandths(max))
}
