//! The part of the question that is about money and energy: prices, power and currency. What is
//! left out takes its default.

use std::fmt;

/// A value behind money and energy that the reader can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// What the machine costs to buy.
    Price,
    /// What the machine costs to rent for an hour.
    Rent,
    /// What a kilowatt-hour costs.
    Tariff,
    /// Share of the time that the machine is busy, 0 to 1.
    Duty,
    /// Years over which the machine is written off.
    Years,
    /// Power usage effectiveness: what the building draws for each watt of the machine.
    Pue,
    /// Board power of all devices together, watts.
    Boards,
    /// Power of the rest of the machine, watts.
    Host,
    /// Share of the board power that is drawn when idle with the model loaded, 0 to 1.
    Idle,
    /// The same while computing prompts.
    Prefill,
    /// The same while decoding.
    Decode,
    /// Units of the currency for one US dollar: turns defaults, which are in dollars.
    Rate,
}

impl Input {
    /// All of them.
    pub const ALL: [Input; 12] = [
        Input::Price,
        Input::Rent,
        Input::Tariff,
        Input::Duty,
        Input::Years,
        Input::Pue,
        Input::Boards,
        Input::Host,
        Input::Idle,
        Input::Prefill,
        Input::Decode,
        Input::Rate,
    ];

    /// The key in a link.
    pub const fn key(self) -> &'static str {
        match self {
            Input::Price => "price",
            Input::Rent => "rent",
            Input::Tariff => "kwh",
            Input::Duty => "duty",
            Input::Years => "years",
            Input::Pue => "pue",
            Input::Boards => "boards_w",
            Input::Host => "host_w",
            Input::Idle => "idle",
            Input::Prefill => "prefill",
            Input::Decode => "decode",
            Input::Rate => "rate",
        }
    }

    /// Smallest and largest accepted value.
    pub const fn range(self) -> (f64, f64) {
        match self {
            Input::Price => (0.0, 1e12),
            Input::Rent => (0.0, 1e9),
            Input::Tariff => (0.0, 1e6),
            Input::Duty => (0.001, 1.0),
            Input::Years => (0.1, 50.0),
            Input::Pue => (1.0, 5.0),
            Input::Boards | Input::Host => (0.0, 1e7),
            Input::Idle | Input::Prefill | Input::Decode => (0.0, 2.0),
            Input::Rate => (1e-6, 1e9),
        }
    }

    /// It is a share of one, which people may write as a percentage.
    pub const fn is_share(self) -> bool {
        matches!(self, Input::Duty | Input::Idle | Input::Prefill | Input::Decode)
    }

    /// It is an amount of money.
    pub const fn is_money(self) -> bool {
        matches!(self, Input::Price | Input::Rent | Input::Tariff)
    }

    /// The value in `text`: digits with a decimal point, or a percentage where it is a share.
    /// `None` where that is no such number.
    pub fn parse(self, text: &str) -> Option<f64> {
        let (digits, percent) = match text.strip_suffix('%') {
            Some(digits) if self.is_share() => (digits.trim_end(), true),
            _ => (text, false),
        };
        let plain = |b: u8| b.is_ascii_digit() || b == b'.';
        if digits.is_empty() || digits.len() > 32 || !digits.bytes().all(plain) {
            return None;
        }
        let value: f64 = digits.parse().ok()?;
        Some(if percent { value / 100.0 } else { value })
    }

    /// `value` lies within the range.
    pub fn contains(self, value: f64) -> bool {
        let (min, max) = self.range();
        min <= value && value <= max
    }
}

/// A currency by its ISO 4217 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// US dollars, in which the catalogue's prices are.
    pub const USD: Currency = Currency(*b"USD");

    /// The currency of a code of three letters, in any case.
    pub fn parse(code: &str) -> Option<Currency> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        let letters = letters.map(|letter| letter.to_ascii_uppercase());
        letters.iter().all(u8::is_ascii_uppercase).then_some(Currency(letters))
    }

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

/// What the reader set of money and energy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Money {
    /// The currency of all amounts.
    pub currency: Currency,
    values: [Option<f64>; Input::ALL.len()],
}

impl Default for Money {
    fn default() -> Money {
        Money { currency: Currency::USD, values: [None; Input::ALL.len()] }
    }
}

impl Money {
    /// What was set of `input`; `None` where its default holds.
    pub const fn get(&self, input: Input) -> Option<f64> {
        self.values[input as usize]
    }

    /// Sets `input`, or gives it back its default.
    pub const fn set(&mut self, input: Input, value: Option<f64>) {
        self.values[input as usize] = value;
    }

    /// Units of the currency for one US dollar, where that is known.
    pub fn rate(&self) -> Option<f64> {
        if self.currency == Currency::USD { Some(1.0) } else { self.get(Input::Rate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_in_the_order_of_their_places() {
        let mut money = Money::default();
        for (i, input) in Input::ALL.into_iter().enumerate() {
            money.set(input, Some(i as f64));
        }
        for (i, input) in Input::ALL.into_iter().enumerate() {
            assert_eq!(money.get(input), Some(i as f64), "{}", input.key());
        }
    }

    #[test]
    fn values_are_read_as_people_write_them() {
        assert_eq!(Input::Tariff.parse("0.17"), Some(0.17));
        assert_eq!(Input::Duty.parse("35%"), Some(0.35));
        assert_eq!(Input::Duty.parse("0.35"), Some(0.35));
        for text in ["", "-1", "1e3", "nan", "inf", ".", "1.2.3", "5%"] {
            assert_eq!(Input::Price.parse(text), None, "{text:?}");
        }
        assert!(
            !Input::Duty.contains(0.0)
                && Input::Duty.contains(1.0)
                && !Input::Duty.contains(f64::NAN)
        );
    }

    #[test]
    fn a_currency_is_three_letters() {
        assert_eq!(Currency::parse("eur").unwrap().code(), "EUR");
        for code in ["", "EU", "EURO", "E1R", "€"] {
            assert_eq!(Currency::parse(code), None, "{code}");
        }
    }
}
