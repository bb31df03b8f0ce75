//! How values are written in links: a codec is one form of value, such as a number within bounds or
//! a size in bytes. It reads, writes, says what it accepts, and says how a form shows it.

mod decimal;
mod list;
mod number;
mod on_off;
mod optional;
mod own;
mod word;

pub use decimal::Decimal;
pub use list::List;
pub use number::{Number, Size, Unit};
pub use on_off::{FLAG, ON_OFF};
pub use optional::{Unset, optional, or_empty};
pub use own::{Notation, Own, own};

pub(super) use number::{format_thousandths, is_digits};
pub(super) use word::{choose, words};

use std::fmt;

use super::Bounds;
use super::query::ParseError;

/// One form of value in a link.
pub trait Codec: Send + Sync + 'static {
    /// What is written.
    type Value: Clone + PartialEq + fmt::Debug + 'static;

    /// Reads a value, without spaces around it.
    ///
    /// # Errors
    /// The text is not of this form, or out of range.
    fn parse(&self, text: &str) -> Result<Self::Value, ParseError>;

    /// Writes a value so that [`Codec::parse`] reads it back.
    fn format(&self, value: &Self::Value) -> String;

    /// What is accepted: a range such as `1..256`, or the accepted words.
    fn accepted(&self) -> String;

    /// How a form shows the value.
    fn control(&self) -> Control;

    /// The value as a whole number in the unit of its [`Control::Number`].
    fn to_number(&self, _value: &Self::Value) -> Option<u64> {
        None
    }

    /// The value of a whole number in the unit of its [`Control::Number`].
    fn parse_number(&self, _number: u64) -> Option<Self::Value> {
        None
    }

    /// What holds while nothing is set; `None` where a value always is.
    fn unset(&self) -> Option<Unset> {
        None
    }

    /// Reads a pair's value over what there was. Of a repeated key the last usable value counts.
    fn read(&self, value: &mut Self::Value, text: &str, pair: &mut Pair) {
        match self.parse(text.trim()) {
            Ok(parsed) => {
                *value = parsed;
                pair.is_used = true;
            }
            Err(error) => pair.refuse(text, error),
        }
    }

    /// Any value that this form can have.
    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<Self::Value>;
}

/// A pair of the query string while it is read.
#[derive(Debug, Default)]
pub struct Pair {
    is_continued: bool,
    /// Parts that cannot be used, with why.
    pub(super) refused: Vec<(String, ParseError)>,
    is_used: bool,
}

impl Pair {
    /// A pair whose key `is_continued`: it had a usable value before.
    pub(super) fn new(is_continued: bool) -> Pair {
        Pair { is_continued, ..Pair::default() }
    }

    fn refuse(&mut self, text: &str, error: ParseError) {
        self.refused.push((text.to_owned(), error));
    }

    /// The list to add an entry to: the default gives way to the first one.
    fn entries<'a, T>(&mut self, list: &'a mut Vec<T>) -> &'a mut Vec<T> {
        if !self.is_continued && !self.is_used {
            list.clear();
        }
        self.is_used = true;
        list
    }

    pub(super) fn is_used(&self) -> bool {
        self.is_used
    }
}

/// How a form shows a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// On or off.
    Switch,
    /// One of these words.
    Choice(Vec<&'static str>),
    /// A whole number within bounds, shown in a unit.
    Number(Bounds, Unit),
    /// A decimal number from `min` to `max`.
    Decimal {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// It is an amount of money.
        is_money: bool,
    },
    /// As it is written in a link.
    Text,
}
