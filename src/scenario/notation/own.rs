//! Types that have a notation of their own.

use std::fmt;
use std::marker::PhantomData;

use super::{Codec, Control};
use crate::scenario::query::ParseError;

/// A type with a notation of its own: what it displays as is read back.
pub trait Notation: fmt::Display + fmt::Debug + Clone + PartialEq + 'static {
    /// Reads a value, without spaces around it.
    ///
    /// # Errors
    /// The text is not of this form, or out of range.
    fn parse(text: &str) -> Result<Self, ParseError>;

    /// What is accepted: the words, or the form.
    fn accepted() -> String;

    /// How a form shows it.
    fn control() -> Control {
        Control::Text
    }

    /// Any value.
    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Self>;
}

/// A value in the notation of its type.
#[derive(Clone, Copy, Debug)]
pub struct Own<T>(PhantomData<fn() -> T>);

/// A value in the notation of its type.
pub const fn own<T>() -> Own<T> {
    Own(PhantomData)
}

impl<T: Notation> Codec for Own<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Result<T, ParseError> {
        T::parse(text)
    }

    fn format(&self, value: &T) -> String {
        value.to_string()
    }

    fn accepted(&self) -> String {
        T::accepted()
    }

    fn control(&self) -> Control {
        T::control()
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<T> {
        T::any()
    }
}
