//! Reads decimal numbers. The standard library does so by a table of 10 kB that nothing compresses, and
//! code of 4: together a fortieth of what the page loads late.

use std::cmp::Ordering;

/// Digits of a number that are looked at: what follows could only matter to one that ends there halfway
/// between two doubles.
const MOST_DIGITS: usize = 40;

/// Reads digits with at most one point among them, such as `0.5`, `.5` or `12`, as the double nearest to
/// them, which is what [`str::parse`] gives; `None` if there is anything else.
pub fn parse(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let leading = digits().take_while(|b| *b == b'0').count();
    let looked_at: Vec<u8> = digits().skip(leading).take(MOST_DIGITS).collect();
    // The number is these digits, times ten to this power.
    let power = whole.len() as i64 - (leading + looked_at.len()) as i64;
    let of_digits = |digits: &[u8]| digits.iter().fold(0u64, |n, b| 10 * n + u64::from(b - b'0'));
    if looked_at.len() <= 15 && (-22..=22).contains(&power) {
        // Each is exact, so what one operation makes of them is the nearest.
        let (digits, scale) = (of_digits(&looked_at) as f64, 10_f64.powi(power.abs() as i32));
        return Some(if power < 0 { digits / scale } else { digits * scale });
    }
    match looked_at.len() as i64 + power {
        _ if looked_at.is_empty() => return Some(0.0),
        ..-300 => return Some(0.0),
        301.. => return Some(f64::INFINITY),
        _ => {}
    }
    let (first, rest) = looked_at.split_at(looked_at.len().min(19));
    let power_of_first = (power + rest.len() as i64) as i32;
    let near = |power: i32| 10_f64.powi(power / 2) * 10_f64.powi(power - power / 2);
    let mut value = of_digits(first) as f64 * near(power_of_first);
    // A few steps from the nearest.
    while compare(&looked_at, power, value) == Ordering::Greater {
        value = value.next_up();
    }
    while compare(&looked_at, power, value.next_down()) == Ordering::Less {
        value = value.next_down();
    }
    Some(value)
}

/// Compares `digits` times ten to the `power` with the middle between `value` and the double above it;
/// equal to that, they are rounded to the even one of both: `Less` where it is `value`.
fn compare(digits: &[u8], power: i64, value: f64) -> Ordering {
    let bits = value.to_bits();
    let (mantissa, exponent) = (bits & ((1 << 52) - 1) | 1 << 52, (bits >> 52) as i64 - 1075);
    let mut number = Big::default();
    digits.iter().for_each(|digit| number.add_after(10, u32::from(digit - b'0')));
    let middle = 2 * mantissa + 1;
    let middle = Big(vec![middle as u32, (middle >> 32) as u32]);
    // Both times the powers that make them whole.
    let twos = exponent - 1;
    let number = number.scaled(10, power).scaled(2, -twos);
    let order = number.compare(&middle.scaled(10, -power).scaled(2, twos));
    let rounds = if mantissa % 2 == 0 { Ordering::Less } else { Ordering::Greater };
    if order == Ordering::Equal { rounds } else { order }
}

/// A whole number of any size, the least part first.
#[derive(Default)]
struct Big(Vec<u32>);

impl Big {
    /// Multiplies it and adds to it.
    fn add_after(&mut self, factor: u32, summand: u32) {
        let mut carry = u64::from(summand);
        for part in &mut self.0 {
            let product = u64::from(*part) * u64::from(factor) + carry;
            (*part, carry) = (product as u32, product >> 32);
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// This number times `factor` to the `power`; as it is if that is negative.
    fn scaled(mut self, factor: u32, power: i64) -> Big {
        (0..power).for_each(|_| self.add_after(factor, 0));
        self
    }

    fn compare(&self, other: &Big) -> Ordering {
        let parts = |big: &Big| {
            let length = big.0.iter().rposition(|part| *part > 0).map_or(0, |last| last + 1);
            (length, big.0[..length].iter().rev().copied().collect::<Vec<_>>())
        };
        parts(self).cmp(&parts(other))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use proptest::prelude::*;

    const ZEROS: &str = "000000000000000000000000000000.000000000000000000000000000000";

    #[test]
    fn digits_with_a_point_are_read_and_nothing_else() {
        for text in
            ["0", "12", "0.5", ".5", "5.", "007.250", "9007199254740993", "0.1", "8.41", ZEROS]
        {
            assert_eq!(parse(text), text.parse().ok(), "{text}");
        }
        for text in ["", ".", "1.2.3", "-1", "+1", "1e3", "inf", " 1", "1,5", "١"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"9".repeat(400)), Some(f64::INFINITY));
        assert_eq!(parse(&format!("0.{}1", "0".repeat(400))), Some(0.0));
    }

    proptest! {
        #[test]
        fn what_is_read_is_the_nearest_double(whole in "[0-9]{0,60}", fraction in "[0-9]{0,60}") {
            let text = format!("{whole}.{fraction}");
            prop_assert_eq!(parse(&text), text.parse().ok());
        }

        #[test]
        fn what_is_written_is_read_again(number in 1e-200..1e200f64) {
            prop_assert_eq!(parse(&number.to_string()), Some(number));
        }

        #[test]
        fn so_are_numbers_halfway_between_two(number in 1e-3..1e16f64) {
            let middle = format!("{:.60}", number / 2.0 + number.next_up() / 2.0);
            prop_assert_eq!(parse(&middle), middle.parse().ok());
        }
    }
}
