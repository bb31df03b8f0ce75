//! Numbers of few digits, encoded as these digits: the eight bytes of a double are nearly random,
//! so a page with them is larger. Text keeps its numbers as they are.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Error as _, Serialize, Serializer};

/// Digits and how many of them are decimals.
type Digits = (i64, u8);

/// A number that is encoded so, for fields that hold one among other things; a field that is one names
/// this module as what it is encoded with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decimal(pub f64);

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        deserialize(deserializer).map(Decimal)
    }
}

impl From<Decimal> for f64 {
    fn from(decimal: Decimal) -> f64 {
        decimal.0
    }
}

/// Both are exact up to 2^53 and 10^22, so the quotient is the number nearest to the decimal: what
/// its text is read as.
fn value((digits, decimals): Digits) -> f64 {
    digits as f64 / 10_f64.powi(decimals.into())
}

pub fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        return number.serialize(serializer);
    }
    let text = number.to_string();
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let digits = text.replace('.', "").parse().map_err(S::Error::custom)?;
    let decimal = (digits, u8::try_from(decimals).map_err(S::Error::custom)?);
    if value(decimal) != *number {
        return Err(S::Error::custom(format!("{number} has too many digits")));
    }
    decimal.serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    if deserializer.is_human_readable() {
        return f64::deserialize(deserializer);
    }
    Digits::deserialize(deserializer).map(value)
}
