//! Rates, times and amounts of money in the reader's words.

use crate::page::app::numbers::Style;
use crate::page::app::state::State;
use crate::page::app::text::tr;
use headroom::units::Interval;

/// Tokens a second.
pub fn rate(state: State, tps: f64) -> String {
    tr!(state, figures.tps, n = state.number(Style::Measured, tps))
}

/// A time, in the unit that suits it.
pub fn time(state: State, seconds: f64) -> String {
    match seconds {
        s if s < 0.9995 => tr!(state, figures.ms, n = state.number(Style::Measured, s * 1e3)),
        s => tr!(state, figures.s, n = state.number(Style::Measured, s)),
    }
}

/// Watts.
pub fn watts(state: State, watts: f64) -> String {
    tr!(state, figures.w, n = state.number(Style::Whole, watts))
}

/// An amount of money under the code of its currency.
pub fn money(state: State, amount: f64, currency: &str) -> String {
    let style = if amount >= 1000.0 { Style::Whole } else { Style::Measured };
    let amount = match amount {
        0.0 => "0".to_owned(),
        amount => state.number(style, amount),
    };
    format!("{amount}\u{a0}{currency}")
}

/// From where to where a figure may lie. A unit that both ends have is named once.
pub fn between(
    state: State,
    figure: Interval<f64>,
    words: impl Fn(State, f64) -> String,
) -> String {
    let (low, high) = (words(state, figure.low), words(state, figure.high));
    let unit = |text: &str| {
        let (_, last) = text.rsplit_once(char::is_whitespace)?;
        // Digits are a group of the number.
        (!last.starts_with(|c: char| c.is_ascii_digit())).then(|| last.to_owned())
    };
    let low = match unit(&low) {
        Some(unit_of_low) if unit(&high).as_ref() == Some(&unit_of_low) => {
            low.trim_end_matches(&unit_of_low).trim_end().to_owned()
        }
        _ => low,
    };
    tr!(state, bill.between, low = low, high = high)
}
