//! Whole numbers: counts, sizes, shares, rates, times.

use super::{Codec, Control};
use crate::scenario::Bounds;
use crate::scenario::query::{ParseError, ProblemKind};
use crate::units::{Bytes, GB, GIB, MIB};

/// A whole number within bounds, written as people write it in its unit.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub Bounds, pub Unit);

/// What a whole number counts, and so how people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things; `k` behind a number is 1024 and `M` 1024 x 1024.
    Count,
    /// Bytes: `64GiB`, `64GB`, `512MiB`, or a plain number. Forms show GiB.
    Bytes,
    /// Thousandths: `0.9`, `0.925`, `90%`, `1`.
    Share,
    /// As [`Unit::Share`]; forms show a percentage.
    Percent,
    /// Thousandths of something a second: `12.5`.
    Rate,
    /// Microseconds: `2s`, `50ms`, `0.5s`. Forms and plain numbers count seconds.
    Seconds,
    /// As [`Unit::Seconds`]; forms and plain numbers count milliseconds.
    Milliseconds,
    /// The minor number of a release of a 0.x series: `0.11`, `0.11.2`.
    MinorRelease,
}

const SIZES: &[(&str, u64)] = &[
    ("tib", GIB << 10),
    ("gib", GIB),
    ("mib", MIB),
    ("tb", GB * 1000),
    ("gb", GB),
    ("mb", GB / 1000),
    ("b", 1),
];

impl Unit {
    /// How many there are in one of what a form shows.
    pub const fn scale(self) -> u64 {
        match self {
            Unit::Count | Unit::MinorRelease => 1,
            Unit::Percent => 10,
            Unit::Share | Unit::Rate | Unit::Milliseconds => 1_000,
            Unit::Seconds => 1_000_000,
            Unit::Bytes => GIB,
        }
    }

    /// The number in a text, within no bounds.
    fn parse(self, text: &str) -> Result<u64, Wrong> {
        match self {
            Unit::Count => parse_multiple(text, &[("k", 1 << 10), ("m", 1 << 20)]),
            Unit::Bytes => parse_multiple(text, SIZES),
            Unit::MinorRelease => {
                match text.trim_start_matches('v').split('.').collect::<Vec<_>>()[..] {
                    ["0", minor, ..] => parse_multiple(minor, &[]),
                    _ => Err(Wrong::Form),
                }
            }
            Unit::Rate => parse_fraction(text).ok_or(Wrong::Form),
            Unit::Share | Unit::Percent => {
                let (digits, scale) = match text.strip_suffix('%') {
                    Some(percent) => (percent.trim(), 10),
                    None => (text, 1000),
                };
                let scaled = parse_fraction(digits).ok_or(Wrong::Form)? * scale;
                if scaled.is_multiple_of(1000) { Ok(scaled / 1000) } else { Err(Wrong::Form) }
            }
            Unit::Seconds | Unit::Milliseconds => {
                let lower = text.to_ascii_lowercase();
                let (digits, unit) = match (lower.strip_suffix("ms"), lower.strip_suffix('s')) {
                    (Some(digits), _) => (digits, Unit::Milliseconds),
                    (None, Some(digits)) => (digits, Unit::Seconds),
                    (None, None) => (lower.as_str(), self),
                };
                let thousandths = parse_fraction(digits.trim()).ok_or(Wrong::Form)?;
                Ok(thousandths.checked_mul(unit.scale()).ok_or(Wrong::TooLarge)? / 1000)
            }
        }
    }

    fn format(self, n: u64) -> String {
        match self {
            Unit::Count => n.to_string(),
            Unit::Bytes if n.is_multiple_of(GIB) => format!("{}GiB", n / GIB),
            Unit::Bytes if n.is_multiple_of(MIB) => format!("{}MiB", n / MIB),
            Unit::Bytes => format!("{n}B"),
            Unit::MinorRelease => format!("0.{n}"),
            Unit::Rate | Unit::Share | Unit::Percent => format_thousandths(n),
            Unit::Seconds | Unit::Milliseconds => {
                let (second, millisecond) = (Unit::Seconds.scale(), Unit::Milliseconds.scale());
                match n >= second && n.is_multiple_of(millisecond) {
                    true => format!("{}s", format_thousandths(n / millisecond)),
                    false => format!("{}ms", format_thousandths(n)),
                }
            }
        }
    }

    /// What the numbers of a link may have behind them.
    const fn suffixes(self) -> &'static str {
        match self {
            Unit::Bytes => " (GiB, MiB, GB)",
            Unit::Seconds | Unit::Milliseconds => " (s, ms)",
            _ => "",
        }
    }
}

impl Codec for Number {
    type Value = u64;

    fn parse(&self, text: &str) -> Result<u64, ParseError> {
        let Number(bounds, unit) = *self;
        let parsed = unit.parse(text);
        let nearest = match parsed {
            Ok(n) if bounds.contains(n) => return Ok(n),
            Err(Wrong::Form) => return Err(ParseError::malformed(self.accepted())),
            Ok(n) => bounds.clamp(n),
            Err(Wrong::TooLarge) => bounds.max,
        };
        let error = ParseError::new(ProblemKind::OutOfRange, self.accepted());
        match unit {
            Unit::Rate | Unit::Seconds | Unit::Milliseconds => Err(error),
            _ => Err(error.or(unit.format(nearest))),
        }
    }

    fn format(&self, value: &u64) -> String {
        self.1.format(*value)
    }

    fn accepted(&self) -> String {
        let Number(Bounds { min, max }, unit) = *self;
        format!("{}..{}{}", unit.format(min), unit.format(max), unit.suffixes())
    }

    fn control(&self) -> Control {
        Control::Number(self.0, self.1)
    }

    fn to_number(&self, value: &u64) -> Option<u64> {
        Some(*value)
    }

    fn parse_number(&self, number: u64) -> Option<u64> {
        Some(number)
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<u64> {
        self.0.any()
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub Bounds);

impl Size {
    const fn number(self) -> Number {
        Number(self.0, Unit::Bytes)
    }
}

impl Codec for Size {
    type Value = Bytes;

    fn parse(&self, text: &str) -> Result<Bytes, ParseError> {
        self.number().parse(text).map(Bytes)
    }

    fn format(&self, value: &Bytes) -> String {
        self.number().format(&value.0)
    }

    fn accepted(&self) -> String {
        self.number().accepted()
    }

    fn control(&self) -> Control {
        self.number().control()
    }

    fn to_number(&self, value: &Bytes) -> Option<u64> {
        Some(value.0)
    }

    fn parse_number(&self, number: u64) -> Option<Bytes> {
        Some(Bytes(number))
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<Bytes> {
        use proptest::strategy::Strategy as _;
        self.0.any().prop_map(Bytes).boxed()
    }
}

/// Why a text is no number of a unit.
enum Wrong {
    /// It is not of the form.
    Form,
    /// It is more than can be counted.
    TooLarge,
}

/// Digits, and behind them one of `units` in any case.
fn parse_multiple(text: &str, units: &[(&str, u64)]) -> Result<u64, Wrong> {
    let lower = text.to_ascii_lowercase();
    let with_unit = |(unit, times): &(&str, u64)| Some((lower.strip_suffix(unit)?.trim(), *times));
    let (digits, times) = units.iter().find_map(with_unit).unwrap_or((lower.as_str(), 1));
    if !is_digits(digits) {
        return Err(Wrong::Form);
    }
    digits.parse::<u64>().ok().and_then(|n| n.checked_mul(times)).ok_or(Wrong::TooLarge)
}

/// Digits alone: no sign, no exponent.
pub(in crate::scenario) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// A decimal fraction of at most nine digits and three places, in thousandths.
fn parse_fraction(text: &str) -> Option<u64> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let places = format!("{places:0<3}");
    if !is_digits(whole) || whole.len() > 9 || !is_digits(&places) || places.len() > 3 {
        return None;
    }
    Some(whole.parse::<u64>().ok()? * 1000 + places.parse::<u64>().ok()?)
}

/// Thousandths as a decimal fraction without trailing zeros.
pub(in crate::scenario) fn format_thousandths(thousandths: u64) -> String {
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
