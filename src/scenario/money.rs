//! Money: the currency of all amounts, and what turns dollars into it. Keys from `cur` to `rate`.

use std::fmt;

use super::notation::Notation;
use super::{Money, ParseError};

/// A currency by its ISO 4217 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// US dollars, in which the catalogue's prices are.
    pub const USD: Currency = Currency(*b"USD");

    /// Its code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("USD")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Notation for Currency {
    /// The currency of a code of three letters, in any case.
    fn parse(text: &str) -> Result<Currency, ParseError> {
        let letters: Option<[u8; 3]> = text.to_ascii_uppercase().as_bytes().try_into().ok();
        let letters = letters.filter(|letters| letters.iter().all(u8::is_ascii_uppercase));
        letters.map(Currency).ok_or_else(|| ParseError::malformed(Currency::accepted()))
    }

    fn accepted() -> String {
        "a code of three letters, such as EUR".to_owned()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Currency> {
        use proptest::prelude::*;
        "[A-Z]{3}".prop_map(|code| Currency::parse(&code).unwrap()).boxed()
    }
}

impl Money {
    /// Units of the currency for one US dollar, where that is known.
    pub fn rate(&self) -> Option<f64> {
        if self.currency == Currency::USD { Some(1.0) } else { self.exchange_rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_three_letters() {
        assert_eq!(Currency::parse("eur").unwrap().code(), "EUR");
        for code in ["", "EU", "EURO", "E1R", "€"] {
            assert!(Currency::parse(code).is_err(), "{code}");
        }
    }
}
