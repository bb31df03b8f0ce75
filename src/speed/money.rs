//! Money: the cost of a million tokens, and when buying beats renting.

use super::energy::Power;
use super::serving::{Load, Service};
use crate::units::Interval;

const HOURS_A_YEAR: f64 = 8766.0;
const SECONDS_AN_HOUR: f64 = 3600.0;

/// Prices of a machine and of its power, all in one currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// Price of the machine; `None` if unknown.
    pub purchase: Option<f64>,
    /// Years over which it is written off.
    pub amortised_years: f64,
    /// Price of a kilowatt-hour; `None` if unknown.
    pub kwh: Option<f64>,
    /// Price of renting the machine for an hour; `None` if unknown.
    pub rent_hour: Option<f64>,
    /// Share of the time that the machine is busy, 0 to 1.
    pub utilisation: f64,
}

/// Cost of tokens on a machine that is owned or rented.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Cost per hour, busy or not.
    pub hour: f64,
    /// Cost per million prompt tokens.
    pub input_mtok: Interval<f64>,
    /// Cost per million answer tokens.
    pub output_mtok: Interval<f64>,
}

/// Cost, energy and the choice between buying and renting at one operating point. A figure that
/// depends on an unknown value is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Economics {
    /// Average watts from the wall.
    pub mean_w: Option<f64>,
    /// Watt-hours per million answer tokens, including their prompts.
    pub wh_mtok: Option<Interval<f64>>,
    /// Cost if the machine is bought.
    pub owned: Option<Cost>,
    /// Cost if the machine is rented; the rent includes its power.
    pub rented: Option<Cost>,
    /// Hours after which renting has cost as much as the machine and its power; `None` also if
    /// renting costs no more than the power alone.
    pub break_even_hours: Option<f64>,
}

/// Computes the cost of `service` at `load`. `power` is `None` if that of a device is unknown.
pub fn economics(
    service: &Service,
    load: &Load,
    power: Option<&Power>,
    prices: &Prices,
) -> Economics {
    let utilisation = prices.utilisation.clamp(1e-3, 1.0);
    let mean_w = power.map(|power| power.mean_w(service, utilisation));
    let power_hour = mean_w.zip(prices.kwh).map(|(watts, kwh)| watts / 1e3 * kwh);
    let hours = prices.amortised_years.max(1e-3) * HOURS_A_YEAR;
    let owned_hour = prices.purchase.zip(power_hour).map(|(price, power)| price / hours + power);
    let cost = |hour: f64| {
        let second = hour / SECONDS_AN_HOUR / utilisation;
        // The time that a second spends on prompts pays for their tokens, the rest for answers.
        let answered = service.throughput.expected / load.output.max(1.0);
        let input = second * service.prompt_share / (answered * load.prompt.max(1.0)) * 1e6;
        let output = second * (1.0 - service.prompt_share) / service.throughput.expected * 1e6;
        // The more tokens, the less each costs.
        let Interval { low, expected, high } = service.throughput;
        let within = |cost: f64| Interval {
            low: cost * expected / high,
            expected: cost,
            high: cost * expected / low,
        };
        Cost { hour, input_mtok: within(input), output_mtok: within(output) }
    };
    let tokens_an_hour = |rate: f64| rate * SECONDS_AN_HOUR * utilisation;
    let wh_mtok = mean_w.map(|watts| {
        let wh = |rate: f64| watts / tokens_an_hour(rate) * 1e6;
        let Interval { low, expected, high } = service.throughput;
        Interval { low: wh(high), expected: wh(expected), high: wh(low) }
    });
    let saved = prices.rent_hour.zip(power_hour).map(|(rent, power)| rent - power);
    let saved = saved.filter(|saved| *saved > 0.0);
    Economics {
        mean_w,
        wh_mtok,
        owned: owned_hour.map(cost),
        rented: prices.rent_hour.map(cost),
        break_even_hours: prices.purchase.zip(saved).map(|(price, saved)| price / saved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speed::Bottleneck;
    use crate::speed::energy::PowerShares;

    fn service() -> Service {
        let exact = Interval { low: 500.0, expected: 1000.0, high: 2000.0 };
        Service {
            running: 8.0,
            ttft_s: exact,
            tpot_s: exact,
            throughput: exact,
            prompt_share: 0.25,
            bottleneck: Bottleneck::Bandwidth,
        }
    }

    fn prices() -> Prices {
        Prices {
            purchase: Some(8766.0),
            amortised_years: 1.0,
            kwh: Some(0.2),
            rent_hour: Some(1.0),
            utilisation: 1.0,
        }
    }

    fn economics(power: Option<&Power>, prices: &Prices) -> Economics {
        super::economics(&service(), &Load::single(1000.0, 500.0), power, prices)
    }

    fn power() -> Power {
        Power { boards_w: 450.0, host_w: 0.0, shares: PowerShares::default(), pue: 1.0 }
    }

    #[test]
    fn the_price_of_tokens_adds_up_to_that_of_the_machine() {
        let owned = economics(Some(&power()), &prices()).owned.unwrap();
        // An hour at 1000 tokens a second: 3.6 M tokens of answers, 7.2 M of prompts.
        let hour = 3.6 * owned.output_mtok.expected + 7.2 * owned.input_mtok.expected;
        assert!((hour - owned.hour).abs() < 1e-9 * owned.hour);
        // Half and twice the tokens: twice and half the price.
        let Interval { low, expected, high } = owned.output_mtok;
        assert!((low / expected - 0.5).abs() < 1e-9 && (high / expected - 2.0).abs() < 1e-9);
    }

    #[test]
    fn power_and_break_even_follow_from_the_inputs() {
        let economics = economics(Some(&power()), &prices());
        let mean = 450.0 * (0.25 * 0.95 + 0.75 * 0.6);
        assert!((economics.mean_w.unwrap() - mean).abs() < 1e-9);
        assert!((economics.wh_mtok.unwrap().expected - mean / 3.6).abs() < 1e-9);
        assert!((economics.owned.unwrap().hour - (1.0 + mean / 1e3 * 0.2)).abs() < 1e-9);
        let saved = 1.0 - mean / 1e3 * 0.2;
        assert!((economics.break_even_hours.unwrap() - 8766.0 / saved).abs() < 1e-6);
        assert_eq!(economics.rented.unwrap().hour, 1.0);
    }

    #[test]
    fn only_what_rests_on_an_unknown_value_is_unknown() {
        let no_power = economics(None, &prices());
        assert_eq!((no_power.owned, no_power.wh_mtok, no_power.mean_w), (None, None, None));
        assert!(no_power.rented.is_some());
        let no_price = economics(Some(&power()), &Prices { purchase: None, ..prices() });
        assert_eq!((no_price.owned, no_price.break_even_hours), (None, None));
        assert!(no_price.wh_mtok.is_some() && no_price.rented.is_some());
        let no_rent = economics(Some(&power()), &Prices { rent_hour: None, ..prices() });
        assert_eq!((no_rent.rented, no_rent.break_even_hours), (None, None));
        // A rent below the power alone never costs as much as buying.
        let cheap = economics(Some(&power()), &Prices { rent_hour: Some(0.01), ..prices() });
        assert_eq!(cheap.break_even_hours, None);
        assert!(cheap.owned.is_some());
    }

    #[test]
    fn a_busier_machine_makes_cheaper_tokens() {
        let at = |utilisation: f64| {
            let owned = economics(Some(&power()), &Prices { utilisation, ..prices() }).owned;
            owned.unwrap().output_mtok.expected
        };
        assert!(at(0.1) > at(0.5) && at(0.5) > at(1.0));
        let dearer = Prices { kwh: Some(0.4), ..prices() };
        let dear = economics(Some(&power()), &dearer).owned.unwrap();
        assert!(dear.output_mtok.expected > at(1.0));
    }
}
