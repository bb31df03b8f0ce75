//! Decimal numbers.

use super::{Codec, Control};
use crate::float;
use crate::scenario::query::{ParseError, ProblemKind};

/// A decimal number from `min` to `max`.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    min: f64,
    max: f64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Money,
    Share,
}

impl Decimal {
    /// A number.
    pub const fn plain(min: f64, max: f64) -> Decimal {
        Decimal { min, max, kind: Kind::Plain }
    }

    /// An amount of money.
    pub const fn money(min: f64, max: f64) -> Decimal {
        Decimal { min, max, kind: Kind::Money }
    }

    /// A share of one, which people may write as a percentage.
    pub const fn share(min: f64, max: f64) -> Decimal {
        Decimal { min, max, kind: Kind::Share }
    }

    fn number(&self, text: &str) -> Option<f64> {
        let (digits, percent) = match text.strip_suffix('%') {
            Some(digits) if self.kind == Kind::Share => (digits.trim_end(), true),
            _ => (text, false),
        };
        let value = float::parse(digits).filter(|_| digits.len() <= 32)?;
        Some(if percent { value / 100.0 } else { value })
    }
}

impl Codec for Decimal {
    type Value = f64;

    fn parse(&self, text: &str) -> Result<f64, ParseError> {
        let number = self.number(text).ok_or_else(|| ParseError::malformed(self.accepted()))?;
        if (self.min..=self.max).contains(&number) {
            return Ok(number);
        }
        let error = ParseError::new(ProblemKind::OutOfRange, self.accepted());
        Err(error.or(number.clamp(self.min, self.max).to_string()))
    }

    fn format(&self, value: &f64) -> String {
        value.to_string()
    }

    fn accepted(&self) -> String {
        format!("{}..{}", self.min, self.max)
    }

    fn control(&self) -> Control {
        let Decimal { min, max, kind } = *self;
        Control::Decimal { min, max, is_money: kind == Kind::Money }
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<f64> {
        use proptest::strategy::Strategy as _;
        (self.min..=self.max).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_people_write_them() {
        let (money, share) = (Decimal::money(0.0, 1e12), Decimal::share(0.001, 1.0));
        assert_eq!(money.parse("0.17"), Ok(0.17));
        assert_eq!((share.parse("35%"), share.parse("0.35")), (Ok(0.35), Ok(0.35)));
        for text in ["", "-1", "1e3", "nan", "inf", ".", "1.2.3", "5%"] {
            assert_eq!(
                money.parse(text),
                Err(ParseError::malformed("0..1000000000000")),
                "{text:?}"
            );
        }
        let nearest = |text| share.parse(text).unwrap_err().nearest;
        assert_eq!(nearest("0").as_deref(), Some("0.001"));
        assert_eq!(nearest("1.5").as_deref(), Some("1"));
    }
}
