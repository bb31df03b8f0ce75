//! Times.

use super::{Codec, Control, Unit, format_thousandths, parse_fraction};
use crate::scenario::Bounds;
use crate::scenario::query::{ParseError, ProblemKind};

/// A time in microseconds: `2s`, `50ms`, `0.5s`. A plain number counts the unit.
#[derive(Clone, Copy, Debug)]
pub struct Time(pub Bounds, pub Unit);

const SECOND: u64 = Unit::Seconds.scale();
const MILLISECOND: u64 = Unit::Milliseconds.scale();

impl Codec for Time {
    type Value = u64;

    fn parse(&self, text: &str) -> Result<u64, ParseError> {
        let lower = text.to_ascii_lowercase();
        let (digits, unit) = match (lower.strip_suffix("ms"), lower.strip_suffix('s')) {
            (Some(digits), _) => (digits, MILLISECOND),
            (None, Some(digits)) => (digits, SECOND),
            (None, None) => (lower.as_str(), self.1.scale()),
        };
        let Some(thousandths) = parse_fraction(digits.trim()) else {
            return Err(ParseError::malformed(self.accepted()));
        };
        match thousandths.checked_mul(unit).map(|time| time / 1000) {
            Some(time) if self.0.contains(time) => Ok(time),
            _ => Err(ParseError::new(ProblemKind::OutOfRange, self.accepted())),
        }
    }

    fn format(&self, value: &u64) -> String {
        format_time(*value)
    }

    fn accepted(&self) -> String {
        let Bounds { min, max } = self.0;
        format!("{}..{} (s, ms)", format_time(min), format_time(max))
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

fn format_time(us: u64) -> String {
    match us {
        SECOND.. if us.is_multiple_of(MILLISECOND) => {
            format!("{}s", format_thousandths(us / MILLISECOND))
        }
        _ => format!("{}ms", format_thousandths(us)),
    }
}
