//! Numbers as people type them.

use headroom::float;
use headroom::scenario::{Bounds, Unit};

/// Why what was typed is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no number.
    NotANumber,
    /// It is a number outside the accepted range.
    OutOfRange,
}

/// A whole number: `32768`, `32 768`, `32,768`, `32k` (x 1024), `1M` (x 1024 x 1024), with Latin
/// or Cyrillic letters.
///
/// # Errors
/// It is no number, or not within `limit`.
pub fn parse_count(text: &str, limit: Bounds) -> Result<u64, Refusal> {
    let text: String = text.chars().filter(|c| !is_group_separator(*c)).collect();
    let (digits, times) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K' | 'к' | 'К')) => (&text[..at], 1 << 10),
        Some((at, 'm' | 'M' | 'м' | 'М')) => (&text[..at], 1 << 20),
        _ => (text.as_str(), 1),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::NotANumber);
    }
    digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(times))
        .filter(|n| limit.contains(*n))
        .ok_or(Refusal::OutOfRange)
}

/// A whole number of the question as a form shows it in `unit`; `grouped` as for
/// [`parse_decimal`].
///
/// # Errors
/// It is no number, or not within `bounds`.
pub fn parse_in(unit: Unit, text: &str, bounds: Bounds, grouped: bool) -> Result<u64, Refusal> {
    match unit {
        Unit::Count => parse_count(text, bounds),
        // `0.11`, or 11.
        Unit::MinorRelease => parse_count(text.trim().trim_start_matches("0."), bounds),
        _ => {
            // A form that shows percents has no need of the sign.
            let text = if unit == Unit::Percent { text.trim().trim_end_matches('%') } else { text };
            let scale = unit.scale() as f64;
            let number = parse_decimal(text, (0.0, f64::INFINITY), grouped)?;
            let number = (number * scale).round() as u64;
            if bounds.contains(number) { Ok(number) } else { Err(Refusal::OutOfRange) }
        }
    }
}

/// A number with a decimal point or comma, from `min` to `max`; with `%` behind it, hundredths.
/// Where the reader's language groups thousands by commas (`grouped`), a comma before three digits
/// does that.
///
/// # Errors
/// It is no number, or not within those.
pub fn parse_decimal(text: &str, (min, max): (f64, f64), grouped: bool) -> Result<f64, Refusal> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (digits, scale) = match text.strip_suffix('%') {
        Some(digits) => (digits, 100.0),
        None => (text.as_str(), 1.0),
    };
    let whole = digits.split('.').next().unwrap_or_default();
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let groups = grouped && !matches!(first, "" | "0") && groups.all(|group| group.len() == 3);
    let digits = digits.replace(',', if groups { "" } else { "." });
    let value = float::parse(&digits).ok_or(Refusal::NotANumber)?;
    let value = value / scale;
    if min <= value && value <= max { Ok(value) } else { Err(Refusal::OutOfRange) }
}

fn is_group_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | '_' | '\'' | '’')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_people_write_them() {
        for text in ["32768", " 32 768 ", "32\u{a0}768", "32\u{202f}768", "32,768", "32k", "32К"] {
            assert_eq!(parse_count(text, Bounds::CONTEXT), Ok(32_768), "{text:?}");
        }
        assert_eq!(parse_count("1М", Bounds::CONTEXT), Ok(1 << 20));
    }

    #[test]
    fn what_is_not_a_count_is_told_from_what_is_too_large() {
        for text in ["", "k", "-1", "1e5", "0x10", "много", "1.5"] {
            assert_eq!(parse_count(text, Bounds::CONTEXT), Err(Refusal::NotANumber), "{text:?}");
        }
        for text in ["0", "99999999999999999999999", "17M"] {
            assert_eq!(parse_count(text, Bounds::CONTEXT), Err(Refusal::OutOfRange), "{text:?}");
        }
    }

    #[test]
    fn decimals_are_read_with_point_comma_and_percent() {
        let read = |text: &str| parse_decimal(text, (0.0, 1e6), true);
        assert_eq!(read("0.17"), Ok(0.17));
        assert_eq!((read("6,5"), read("0,925")), (Ok(6.5), Ok(0.925)));
        assert_eq!((read("1,599"), read("1,599.50")), (Ok(1599.0), Ok(1599.5)));
        assert_eq!(read("1,2,3"), Err(Refusal::NotANumber));
        assert_eq!(parse_decimal("1,085", (0.0, 1e6), false), Ok(1.085), "as in Russian");
        assert_eq!(read("150\u{a0}000"), Ok(150_000.0));
        assert_eq!(read("50 %"), Ok(0.5));
        for text in ["", "%", "abc", "-1", "1e3", "nan", "."] {
            assert_eq!(read(text), Err(Refusal::NotANumber), "{text:?}");
        }
        assert_eq!(read("9999999"), Err(Refusal::OutOfRange));
    }

    #[test]
    fn a_number_is_read_in_its_unit() {
        let sizes = Bounds::to(64 << 40);
        let size = |text| parse_in(Unit::Bytes, text, sizes, true);
        assert_eq!((size("64"), size("1,5")), (Ok(64 << 30), Ok(1536 << 20)));
        assert_eq!((size("nan"), size(".")), (Err(Refusal::NotANumber), Err(Refusal::NotANumber)));
        assert_eq!(size("1000000"), Err(Refusal::OutOfRange));
        let share = |unit, text| parse_in(unit, text, Bounds::to(1_000), true);
        assert_eq!((share(Unit::Share, "0.9"), share(Unit::Share, "90 %")), (Ok(900), Ok(900)));
        assert_eq!((share(Unit::Percent, "62.5"), share(Unit::Percent, "70%")), (Ok(625), Ok(700)));
        let time = |unit, text| parse_in(unit, text, Bounds::new(10, 60_000_000), false);
        assert_eq!(
            (time(Unit::Seconds, "0,5"), time(Unit::Milliseconds, "50")),
            (Ok(500_000), Ok(50_000))
        );
        assert_eq!(time(Unit::Milliseconds, "0"), Err(Refusal::OutOfRange));
        let release = |text| parse_in(Unit::MinorRelease, text, Bounds::new(6, 33), true);
        assert_eq!((release("0.11"), release("11")), (Ok(11), Ok(11)));
        assert_eq!(
            (release("1.0"), release("0.99")),
            (Err(Refusal::NotANumber), Err(Refusal::OutOfRange))
        );
        assert_eq!(parse_in(Unit::Count, "32k", Bounds::CONTEXT, true), Ok(32_768));
    }
}
