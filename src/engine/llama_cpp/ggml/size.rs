//! Sizes linear in the context, and the range of contexts in which a comparison of two stays valid.

use std::cmp::Ordering;
use std::ops::{Add, Sub};

/// A size in bytes and its growth per step of context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub at: i64,
    pub slope: i64,
}

impl Size {
    /// A size that does not depend on the context.
    pub(super) fn fixed(n: u64) -> Size {
        Size { at: i64::try_from(n).unwrap_or(i64::MAX), slope: 0 }
    }

    pub(super) fn is_zero(self) -> bool {
        self == Size::default()
    }
}

impl Add for Size {
    type Output = Size;
    fn add(self, other: Size) -> Size {
        Size { at: self.at.saturating_add(other.at), slope: self.slope.saturating_add(other.slope) }
    }
}

impl Sub for Size {
    type Output = Size;
    fn sub(self, other: Size) -> Size {
        Size { at: self.at.saturating_sub(other.at), slope: self.slope.saturating_sub(other.slope) }
    }
}

/// The range of context steps, back and on from the current one, in which every comparison made so
/// far has the same result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContextRange {
    pub back: i64,
    pub on: i64,
}

impl ContextRange {
    /// The current context only.
    pub(crate) const HERE: ContextRange = ContextRange { back: 0, on: 0 };

    /// Compares two sizes and narrows the range to where the result holds.
    pub(super) fn compare(&mut self, a: Size, b: Size) -> Ordering {
        if a.slope != b.slope {
            self.keep(a - b);
        }
        a.at.cmp(&b.at)
    }

    /// Whether two sizes are equal; narrows the range to where the result holds.
    pub(super) fn equal(&mut self, a: Size, b: Size) -> bool {
        self.compare(a, b).is_eq()
    }

    /// Narrows the range to where `difference`, which depends on the context, keeps its sign.
    #[cold]
    fn keep(&mut self, difference: Size) {
        let Size { at, slope } = difference;
        if at == 0 {
            *self = ContextRange::HERE;
            return;
        }
        // The number of steps towards zero that stop short of it.
        let steps = (at.abs() - 1) / slope.abs();
        match (at > 0) == (slope > 0) {
            true => self.back = self.back.min(steps),
            false => self.on = self.on.min(steps),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_ends_before_a_comparison_turns() {
        let pairs = [-7, -1, 0, 1, 9].into_iter();
        for (a, b) in pairs.clone().flat_map(|at| pairs.clone().map(move |slope| (at, slope))) {
            let (size, other) = (Size { at: a + 100, slope: b + 3 }, Size { at: 100, slope: 3 });
            let mut span = ContextRange { back: 50, on: 50 };
            let order = span.compare(size, other);
            let at = |size: Size, x: i64| size.at + size.slope * x;
            let ordering = |x: i64| at(size, x).cmp(&at(other, x));
            assert!((-span.back..=span.on).all(|x| ordering(x) == order), "{a} {b}");
            assert!(span.on == 50 || ordering(span.on + 1) != order, "{a} {b}");
            assert!(span.back == 50 || ordering(-span.back - 1) != order, "{a} {b}");
        }
    }
}
