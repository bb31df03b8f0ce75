//! Decimal numbers as they are typed and printed, of few digits.

/// Most digits that are read exactly; what is behind them counts as zeros.
const DIGITS: i32 = 18;

/// Reads `text` as a decimal number, such as `38`, `-0.5` or `1.2e3`: to the last bit up to 15 digits
/// and 22 decimals, beyond that to a few of the last bits. `None` if it is no finite number.
pub fn decimal(text: &str) -> Option<f64> {
    let (sign, text) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let (text, mut exponent) = match text.split_once(['e', 'E']) {
        Some((text, exponent)) => (text, exponent.parse::<i32>().ok()?.clamp(-999, 999)),
        None => (text, 0),
    };
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let (mut number, mut digits) = (0u64, 0);
    for (decimals, part) in [(0, whole), (1, part)] {
        for byte in part.bytes() {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
            if digits < DIGITS {
                number = number * 10 + u64::from(digit);
                digits += i32::from(number > 0);
                exponent -= decimals;
            } else {
                exponent += 1 - decimals;
            }
        }
    }
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let value = match exponent {
        0.. => number as f64 * 10f64.powi(exponent),
        -308.. => number as f64 / 10f64.powi(-exponent),
        _ => 0.0,
    };
    Some(sign * value).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::decimal;

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".", "1.2.3", "1e", "e5", "12a", "inf", "NaN", "1e999", "١", "1 2"] {
            assert_eq!(decimal(text), None, "{text}");
        }
        for (text, number) in
            [("1.", 1.0), (".5", 0.5), ("+7", 7.0), ("-0.25", -0.25), ("2e3", 2e3)]
        {
            assert_eq!(decimal(text), Some(number), "{text}");
        }
        assert_eq!(decimal("1e-999"), Some(0.0));
        assert!(decimal(&"9".repeat(40)).is_some_and(|n| (n / 1e40 - 1.0).abs() < 1e-15));
    }

    proptest! {
        #[test]
        fn up_to_fifteen_digits_are_read_as_by_the_standard_library(
            whole in 0u64..1_000_000_000,
            part in "[0-9]{0,6}",
        ) {
            let text = format!("{whole}.{part}");
            prop_assert_eq!(decimal(&text), text.parse().ok());
        }

        #[test]
        fn longer_ones_are_near(text in "[0-9]{1,40}(\\.[0-9]{0,40})?(e-?[0-9]{1,2})?") {
            let exact: f64 = text.parse().unwrap();
            let found = decimal(&text).unwrap();
            prop_assert!((found - exact).abs() <= exact.abs() * 1e-15, "{} {}", found, exact);
        }

        #[test]
        fn any_text_is_read_or_not(text in "\\PC{0,30}") {
            prop_assert_eq!(decimal(&text).is_some(), text.parse::<f64>().is_ok_and(f64::is_finite));
        }
    }
}
