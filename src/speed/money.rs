//! Money: what a million tokens cost, and when buying beats renting.

use super::energy::Power;
use super::serving::{Load, Service};
use crate::catalog::Device;
use crate::units::Interval;

const HOURS_A_YEAR: f64 = 8766.0;
const SECONDS_AN_HOUR: f64 = 3600.0;

/// What the machine and its power cost; all amounts in one currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// Of the machine.
    pub purchase: f64,
    /// Years over which it is written off.
    pub amortised_years: f64,
    /// Of a kilowatt-hour.
    pub kwh: f64,
    /// Of renting the machine for an hour; `None` where it can't be rented.
    pub rent_hour: Option<f64>,
    /// Share of the time that the machine is busy, 0 to 1.
    pub utilisation: f64,
}

/// Default tariff, US dollars a kilowatt-hour.
pub const DEFAULT_KWH_USD: f64 = 0.17;
/// Where the default amounts come from.
pub const PRICES_SOURCE: &str = "0.17 USD/kWh: a round figure near the US residential average of 2025; \
     3 years: the usual book life of servers; both to be edited";

impl Prices {
    /// Prices in US dollars of `count` devices by the catalogue: launch price and lowest rent. The
    /// rest of the machine is not in them. `None` where neither is known.
    pub fn of(device: &Device, count: u32) -> Option<Prices> {
        let count = f64::from(count);
        let rents = device.cloud_prices.iter().map(|price| price.usd_per_hour.0);
        let rent = rents.min_by(f64::total_cmp).map(|rent| rent * count);
        if device.msrp_usd.is_none() && rent.is_none() {
            return None;
        }
        Some(Prices {
            purchase: device.msrp_usd.unwrap_or(0.0) * count,
            amortised_years: 3.0,
            kwh: DEFAULT_KWH_USD,
            rent_hour: rent,
            utilisation: 0.5,
        })
    }
}

/// What tokens cost when the machine is owned, or rented.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// For an hour of the machine's existence, busy or not.
    pub hour: f64,
    /// For a million tokens of prompts.
    pub input_mtok: Interval<f64>,
    /// For a million tokens of answers.
    pub output_mtok: Interval<f64>,
}

/// Cost, energy and the choice between buying and renting at one operating point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Economics {
    /// Watts from the wall on average.
    pub mean_w: f64,
    /// Watt-hours for a million tokens of answers, their prompts included.
    pub wh_mtok: Interval<f64>,
    /// The machine bought.
    pub owned: Cost,
    /// The machine rented, where it can be.
    pub rented: Option<Cost>,
    /// Hours of renting that cost as much as the machine and its power; `None` where renting
    /// costs less than the power alone, or is not to be had.
    pub break_even_hours: Option<f64>,
}

/// What `service` costs at `load`.
pub fn economics(service: &Service, load: &Load, power: &Power, prices: &Prices) -> Economics {
    let utilisation = prices.utilisation.clamp(1e-3, 1.0);
    let mean_w = power.mean_w(service, utilisation);
    let power_hour = mean_w / 1e3 * prices.kwh;
    let owned_hour =
        prices.purchase / (prices.amortised_years.max(1e-3) * HOURS_A_YEAR) + power_hour;
    let cost = |hour: f64| {
        let second = hour / SECONDS_AN_HOUR / utilisation;
        // The time that a second spends on prompts pays for their tokens, the rest for answers.
        let answered = service.throughput.expected / load.output.max(1.0);
        let input = second * service.prompt_share / (answered * load.prompt.max(1.0)) * 1e6;
        let output = second * (1.0 - service.prompt_share) / service.throughput.expected * 1e6;
        let spread = service.throughput.high / service.throughput.expected;
        let around = super::serving::around;
        Cost { hour, input_mtok: around(input, spread), output_mtok: around(output, spread) }
    };
    let tokens_an_hour = |rate: f64| rate * SECONDS_AN_HOUR * utilisation;
    let wh = |rate: f64| mean_w / tokens_an_hour(rate) * 1e6;
    let saved = prices.rent_hour.map(|rent| rent - power_hour).filter(|saved| *saved > 0.0);
    Economics {
        mean_w,
        wh_mtok: Interval {
            low: wh(service.throughput.high),
            expected: wh(service.throughput.expected),
            high: wh(service.throughput.low),
        },
        owned: cost(owned_hour),
        rented: prices.rent_hour.map(cost),
        break_even_hours: saved.map(|saved| prices.purchase / saved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speed::Limit;

    fn service() -> Service {
        let exact = Interval { low: 500.0, expected: 1000.0, high: 2000.0 };
        Service {
            running: 8.0,
            ttft_s: exact,
            tpot_s: exact,
            throughput: exact,
            prompt_share: 0.25,
            limit: Limit::Bandwidth,
        }
    }

    fn example() -> Economics {
        let power = Power { boards_w: 450.0, host_w: 0.0, ..Power::of_boards(0.0) };
        let prices = Prices {
            purchase: 8766.0,
            amortised_years: 1.0,
            kwh: 0.2,
            rent_hour: Some(1.0),
            utilisation: 1.0,
        };
        economics(&service(), &Load::single(1000.0, 500.0), &power, &prices)
    }

    #[test]
    fn the_price_of_tokens_adds_up_to_that_of_the_machine() {
        let Economics { owned, .. } = example();
        // An hour at 1000 tokens a second: 3.6 M tokens of answers, 7.2 M of prompts.
        let hour = 3.6 * owned.output_mtok.expected + 7.2 * owned.input_mtok.expected;
        assert!((hour - owned.hour).abs() < 1e-9 * owned.hour);
        assert!(owned.output_mtok.low < owned.output_mtok.high);
    }

    #[test]
    fn power_and_break_even_follow_from_the_inputs() {
        let economics = example();
        let mean = 450.0 * (0.25 * 0.95 + 0.75 * 0.6);
        assert!((economics.mean_w - mean).abs() < 1e-9);
        assert!((economics.wh_mtok.expected - mean / 3.6).abs() < 1e-9);
        assert!((economics.owned.hour - (1.0 + mean / 1e3 * 0.2)).abs() < 1e-9);
        let saved = 1.0 - mean / 1e3 * 0.2;
        assert!((economics.break_even_hours.unwrap() - 8766.0 / saved).abs() < 1e-6);
        assert_eq!(economics.rented.unwrap().hour, 1.0);
    }
}
