//! Quantities with their units: bytes, and a value known only within bounds.
//!
//! GB is 10^9 bytes and GiB is 2^30 bytes; nothing here prints one for the other.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

use serde::{Deserialize, Serialize};

/// Bytes in a gigabyte (10^9).
pub const GB: u64 = 1_000_000_000;
/// Bytes in a mebibyte (2^20).
pub const MIB: u64 = 1 << 20;
/// Bytes in a gibibyte (2^30).
pub const GIB: u64 = 1 << 30;

/// A number of bytes. Arithmetic saturates: no catalogue or URL can make it wrap.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// No bytes.
    pub const ZERO: Bytes = Bytes(0);

    /// `n` mebibytes (2^20 bytes each).
    pub const fn mib(n: u64) -> Bytes {
        Bytes(n.saturating_mul(MIB))
    }

    /// `n` gibibytes (2^30 bytes each).
    pub const fn gib(n: u64) -> Bytes {
        Bytes(n.saturating_mul(GIB))
    }

    /// The value in gigabytes (10^9 bytes).
    pub fn to_gb(self) -> f64 {
        self.0 as f64 / GB as f64
    }

    /// The value in gibibytes (2^30 bytes).
    pub fn to_gib(self) -> f64 {
        self.0 as f64 / GIB as f64
    }

    /// The value in mebibytes (2^20 bytes).
    pub fn to_mib(self) -> f64 {
        self.0 as f64 / MIB as f64
    }

    /// This many bytes scaled by a ratio, rounded to the nearest byte.
    pub fn scale(self, ratio: f64) -> Bytes {
        match self.0 {
            0 => Bytes::ZERO,
            bytes => Bytes(rounded(bytes as f64 * ratio)),
        }
    }

    /// `self - other`, signed: negative where `other` is larger.
    pub fn minus(self, other: Bytes) -> i64 {
        let wide = i128::from(self.0) - i128::from(other.0);
        wide.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }
}

impl Add for Bytes {
    type Output = Bytes;
    fn add(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Bytes) {
        *self = *self + other;
    }
}

impl Sub for Bytes {
    type Output = Bytes;
    fn sub(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_sub(other.0))
    }
}

impl Mul<u64> for Bytes {
    type Output = Bytes;
    fn mul(self, times: u64) -> Bytes {
        Bytes(self.0.saturating_mul(times))
    }
}

impl Div<u64> for Bytes {
    type Output = Bytes;
    fn div(self, by: u64) -> Bytes {
        Bytes(self.0 / by.max(1))
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Bytes>>(values: I) -> Bytes {
        values.fold(Bytes::ZERO, Add::add)
    }
}

/// The whole number nearest to `x`, the larger of two; 0 for what is negative or no number. Searches
/// round more than anything else, and [`f64::round`] is a call on processors of the oldest kind.
fn rounded(x: f64) -> u64 {
    let whole = x as u64;
    if x - whole as f64 >= 0.5 { whole.saturating_add(1) } else { whole }
}

/// `n * part / whole` without overflow, rounded down.
pub fn fraction(n: u64, part: u64, whole: u64) -> u64 {
    match n.checked_mul(part) {
        Some(product) => product / whole.max(1),
        None => {
            let wide = u128::from(n) * u128::from(part) / u128::from(whole.max(1));
            u64::try_from(wide).unwrap_or(u64::MAX)
        }
    }
}

/// A value known only within bounds: `low <= expected <= high`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Interval<T> {
    /// The lower bound.
    pub low: T,
    /// The best single estimate.
    pub expected: T,
    /// The upper bound.
    pub high: T,
}

impl<T: Copy + Ord> Interval<T> {
    /// `expected` within bounds of which either may be the larger, as those of a difference may.
    pub fn ordered(a: T, expected: T, b: T) -> Interval<T> {
        Interval { low: a.min(b).min(expected), expected, high: a.max(b).max(expected) }
    }
}

impl<T: Copy> Interval<T> {
    /// A value that is known exactly.
    pub fn exact(value: T) -> Interval<T> {
        Interval { low: value, expected: value, high: value }
    }

    /// This interval with `change`, which keeps order, made to each bound.
    pub fn map<U>(self, change: impl Fn(T) -> U) -> Interval<U> {
        let Interval { low, expected, high } = self;
        Interval { low: change(low), expected: change(expected), high: change(high) }
    }
}

impl Interval<Bytes> {
    /// Between `low` and `high` mebibytes (2^20 bytes each), `expected` of them.
    pub fn mib(low: u64, expected: u64, high: u64) -> Interval<Bytes> {
        Interval { low, expected, high }.map(Bytes::mib)
    }

    /// This interval with another one that it contains taken out again, bound by bound.
    #[must_use]
    pub fn minus(self, part: Interval<Bytes>) -> Interval<Bytes> {
        Interval {
            low: self.low - part.low,
            expected: self.expected - part.expected,
            high: self.high - part.high,
        }
    }

    /// The sum of figures that are off independently of each other: how far its bounds are from
    /// what is expected is the root of the sum of squares. That all were off to one side at once,
    /// as the sum of the bounds would have it, does not happen.
    pub fn independent(values: impl IntoIterator<Item = Interval<Bytes>>) -> Interval<Bytes> {
        let square = |a: Bytes, b: Bytes| ((a - b).0 as f64).powi(2);
        let sum = |(expected, low, high): (Bytes, f64, f64), value: Interval<Bytes>| {
            let low = low + square(value.expected, value.low);
            (expected + value.expected, low, high + square(value.high, value.expected))
        };
        let (expected, low, high) = values.into_iter().fold((Bytes::ZERO, 0.0, 0.0), sum);
        let spread = |square: f64| match square > 0.0 {
            true => Bytes(rounded(square.sqrt())),
            false => Bytes::ZERO,
        };
        Interval { low: expected - spread(low), expected, high: expected + spread(high) }
    }

    /// `expected` with bounds at the given ratios of it.
    pub fn around(expected: Bytes, low: f64, high: f64) -> Interval<Bytes> {
        Interval { low: expected.scale(low), expected, high: expected.scale(high) }
    }
}

impl<T: Add<Output = T>> Add for Interval<T> {
    type Output = Interval<T>;
    fn add(self, other: Interval<T>) -> Interval<T> {
        Interval {
            low: self.low + other.low,
            expected: self.expected + other.expected,
            high: self.high + other.high,
        }
    }
}

impl<T: Add<Output = T> + Default> Sum for Interval<T> {
    fn sum<I: Iterator<Item = Interval<T>>>(values: I) -> Interval<T> {
        values.fold(Interval::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gb_and_gib_are_different_units() {
        assert_eq!(Bytes::gib(1).0, 1_073_741_824);
        assert_eq!(Bytes(1_500_000_000).to_gb(), 1.5);
        assert_eq!(Bytes::mib(1536).to_gib(), 1.5);
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Bytes(u64::MAX) + Bytes(1), Bytes(u64::MAX));
        assert_eq!(Bytes(1) - Bytes(2), Bytes::ZERO);
        assert_eq!(Bytes(u64::MAX) * 2, Bytes(u64::MAX));
        assert_eq!(Bytes(1).minus(Bytes(3)), -2);
    }

    #[test]
    fn numbers_are_rounded_as_the_standard_library_does() {
        let near: [f64; 9] =
            [0.0, 0.25, 0.5, 1.5, 2.5, 1e9 + 0.5, 4_503_599_627_370_495.5, 1e18, 1e300];
        let all = near.iter().flat_map(|x| [x.next_down(), *x, x.next_up(), -*x]);
        for x in all.chain([f64::NAN, f64::INFINITY]) {
            assert_eq!(rounded(x), x.round().max(0.0) as u64, "{x}");
        }
    }

    #[test]
    fn a_fraction_does_not_overflow() {
        assert_eq!(fraction(7, 2, 3), 4);
        assert_eq!(fraction(u64::MAX, 3, 4), u64::MAX / 4 * 3 + 2);
        assert_eq!(fraction(5, 1, 0), 5);
    }

    #[test]
    fn independent_spreads_add_in_squares() {
        let off = |by: u64| Interval {
            low: Bytes(100 - by),
            expected: Bytes(100),
            high: Bytes(100 + by),
        };
        let sum = Interval::independent([off(3), off(4), Interval::exact(Bytes(7))]);
        assert_eq!(sum, Interval { low: Bytes(202), expected: Bytes(207), high: Bytes(212) });
        let large = off(1).map(|Bytes(n)| Bytes(n << 40));
        assert_eq!(Interval::independent([large]), large);
    }

    #[test]
    fn intervals_add_bound_by_bound() {
        let sum: Interval<Bytes> = [
            Interval::exact(Bytes(10)),
            Interval { low: Bytes(1), expected: Bytes(2), high: Bytes(4) },
        ]
        .into_iter()
        .sum();
        assert_eq!(sum, Interval { low: Bytes(11), expected: Bytes(12), high: Bytes(14) });
    }
}
