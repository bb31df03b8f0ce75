//! Money and energy of a cell: the reader's values, or defaults with their sources, put through
//! the laws of [`speed::money`](crate::speed::money) and [`speed::energy`](crate::speed::energy).

use std::borrow::Cow;

use crate::catalog::{CloudPrice, Device, DeviceKind};
use crate::hardware::Hardware;
use crate::report::{self, Economy, InOut, PerMtok, PowerDraw};
use crate::scenario::{Currency, Input, Money};
use crate::speed::energy::{Power, PowerShares};
use crate::speed::money::{Cost, Prices, economics};
use crate::speed::{Load, Service};

/// A default and where it comes from.
struct Default {
    value: Option<f64>,
    basis: Basis,
}

/// Where a default comes from; put into words only where someone reads them.
enum Basis {
    Said(&'static str),
    /// The sum over the devices of what is said of each.
    Devices {
        said: fn(&Device) -> Option<String>,
        note: &'static str,
    },
}

/// The values behind the figures of `hardware` under `money`, with their sources.
pub fn inputs(money: &Money, hardware: &Hardware<'_>) -> Vec<report::Input> {
    let input = |input: Input| {
        let Default { value: default, basis } = default(input, money, hardware);
        let value = money.get(input).or(default);
        let source = match basis {
            Basis::Said(words) => Cow::Borrowed(words),
            Basis::Devices { said, note } => Cow::Owned(of_devices(hardware, said, note)),
        };
        report::Input { key: Cow::Borrowed(input.key()), value, default, source }
    };
    Input::ALL.into_iter().map(input).collect()
}

/// Energy and money of `hardware` under `money`, with what it is asked to serve and how it does;
/// `None` where there is no estimate of that.
pub fn economy(
    money: &Money,
    hardware: &Hardware<'_>,
    served: Option<(&Service, &Load)>,
) -> Economy {
    let values =
        Input::ALL.map(|input| money.get(input).or_else(|| default(input, money, hardware).value));
    let value = |input: Input| values[input as usize];
    let share = |input: Input| value(input).unwrap_or_default();
    let power = value(Input::Boards).map(|boards_w| Power {
        boards_w,
        shares: PowerShares {
            idle: share(Input::Idle),
            prefill: share(Input::Prefill),
            decode: share(Input::Decode),
        },
        host_w: share(Input::Host),
        pue: share(Input::Pue),
    });
    let prices = Prices {
        purchase: value(Input::Price),
        amortised_years: share(Input::Years),
        kwh: value(Input::Tariff),
        rent_hour: value(Input::Rent),
        utilisation: share(Input::Duty),
    };
    let costs = served.map(|(service, load)| economics(service, load, power.as_ref(), &prices));
    let per_mtok = costs.map(|costs| PerMtok {
        owned: costs.owned.map(InOut::from),
        rented: costs.rented.map(InOut::from),
    });
    let known = per_mtok.filter(|costs| costs.owned.is_some() || costs.rented.is_some());
    let usd = known.zip(money.rate()).map(|(costs, rate)| PerMtok {
        owned: costs.owned.map(|cost| cost.divided(rate)),
        rented: costs.rented.map(|cost| cost.divided(rate)),
    });
    Economy {
        power_w: power.map(|power| PowerDraw {
            idle: power.idle_w(),
            prefill: power.prefill_w(),
            decode: power.decode_w(),
            mean: costs.and_then(|costs| costs.mean_w),
        }),
        wh_per_mtok: costs.and_then(|costs| costs.wh_mtok),
        usd_per_mtok: usd,
        money: report::Money {
            currency: money.currency.to_string(),
            per_mtok: per_mtok.unwrap_or_default(),
            owned_hour: costs.and_then(|costs| Some(costs.owned?.hour)),
            rented_hour: value(Input::Rent),
            break_even_hours: costs.and_then(|costs| costs.break_even_hours),
            unknown: unknown(money, &values),
        },
    }
}

impl From<Cost> for InOut {
    fn from(cost: Cost) -> InOut {
        InOut { input: cost.input_mtok, output: cost.output_mtok }
    }
}

impl InOut {
    fn divided(self, by: f64) -> InOut {
        InOut { input: self.input.map(|cost| cost / by), output: self.output.map(|cost| cost / by) }
    }
}

/// The keys to set before every figure is known: those without a value, and the rate where it
/// would give one to an amount.
fn unknown(money: &Money, values: &[Option<f64>]) -> Vec<Cow<'static, str>> {
    let amounts = Input::ALL.into_iter().filter(|input| input.is_money());
    // Only defaults are in dollars.
    let has_defaults = amounts.into_iter().any(|amount| money.get(amount).is_none());
    let lacking = Input::ALL
        .into_iter()
        .zip(values)
        .filter(|(input, value)| value.is_none() && (*input != Input::Rate || has_defaults));
    lacking.map(|(input, _)| Cow::Borrowed(input.key())).collect()
}

/// Share of the board power that the rest of a server draws: eight boards of 700 W in a machine of
/// 10.2 kW at most would be 0.8; servers are rarely at their most.
const SERVER_SHARE: f64 = 0.5;

/// What `input` is unless it is set, and why.
fn default(input: Input, money: &Money, hardware: &Hardware<'_>) -> Default {
    let said =
        |value: f64, words: &'static str| Default { value: Some(value), basis: Basis::Said(words) };
    let rate = money.rate();
    let in_currency = |usd: Option<f64>| usd.zip(rate).map(|(usd, rate)| usd * rate);
    let first = hardware.parts.first().map(|part| part.device);
    match input {
        Input::Price => Default {
            value: in_currency(sum(hardware, |device| device.msrp_usd)),
            basis: Basis::Devices { said: price, note: "the rest of the machine is not in it" },
        },
        Input::Rent => Default {
            value: in_currency(sum(hardware, |device| Some(lowest_rent(device)?.usd_per_hour.0))),
            basis: Basis::Devices { said: rent, note: "the lowest of those collected" },
        },
        Input::Tariff => Default {
            value: in_currency(Some(0.17)),
            basis: Basis::Said(
                "0.17 USD: a round figure near the average that US households paid in 2025",
            ),
        },
        Input::Duty => said(0.5, "assumption: busy half of the time"),
        Input::Years => said(
            3.0,
            "assumption: the low end of the 3 to 6 years over which servers are written off",
        ),
        Input::Pue => said(
            1.0,
            "a home or an office without cooling of its own; data centres have 1.1 to 1.6",
        ),
        Input::Boards if first.is_none() => said(0.0, "no devices"),
        Input::Boards => Default {
            value: sum(hardware, |device| device.tdp_w),
            basis: Basis::Devices { said: watts, note: "board power by the maker" },
        },
        Input::Host => match first {
            None => said(150.0, "rule of thumb: 150 W for a machine that computes on its CPU"),
            Some(device) if device.kind == DeviceKind::Unified => {
                said(15.0, "rule of thumb: 15 W beside a chip that holds CPU and GPU")
            }
            Some(device) if device.segment == "datacenter" => said(
                sum(hardware, |device| device.tdp_w).unwrap_or(600.0) * SERVER_SHARE,
                "rule of thumb: half of the boards' power for the rest of a server",
            ),
            Some(_) => said(100.0, "rule of thumb: 100 W for the rest of a desktop"),
        },
        Input::Idle => said(0.15, "rule of thumb, 2026-11: 15 % of the board power"),
        Input::Prefill => said(
            0.95,
            "rule of thumb, 2026-11: prompts are bound by arithmetic, nearly all of the board power",
        ),
        Input::Decode => said(
            0.6,
            "rule of thumb, 2026-11: answers are bound by memory, 60 % of the board power",
        ),
        Input::Rate if rate.is_some() && money.currency == Currency::USD => said(1.0, "US dollars"),
        Input::Rate => Default {
            value: None,
            basis: Basis::Said("not known here: rates move, and nothing is looked up elsewhere"),
        },
    }
}

/// What `each` gives for all devices together; nothing where it gives nothing for one of them, or
/// where there are none.
fn sum(hardware: &Hardware<'_>, each: fn(&Device) -> Option<f64>) -> Option<f64> {
    let of_all: Option<f64> = hardware.parts.iter().map(|part| each(part.device)).sum();
    of_all.filter(|_| !hardware.parts.is_empty())
}

/// What is said of each kind of device, and a note on all of it.
fn of_devices(hardware: &Hardware<'_>, said: fn(&Device) -> Option<String>, note: &str) -> String {
    let mut words = Vec::new();
    for group in hardware.parts.chunk_by(|a, b| a.device.id == b.device.id) {
        let device = group[0].device;
        let Some(one) = said(device) else {
            return format!("none in the catalogue for {}", device.name);
        };
        words.push(match group.len() {
            1 => one,
            n => format!("{n} x {one}"),
        });
    }
    match words.is_empty() {
        true => "none in the catalogue".to_owned(),
        false => format!("{}; {note}", words.join("; ")),
    }
}

fn price(device: &Device) -> Option<String> {
    let (usd, day) = (device.msrp_usd?, device.release.as_deref().unwrap_or("date unknown"));
    let source = device.msrp_source.as_deref().unwrap_or("source unknown");
    Some(format!("{}: {usd} USD at launch, {day} ({source})", device.name))
}

fn lowest_rent(device: &Device) -> Option<&CloudPrice> {
    let prices = device.cloud_prices.iter();
    prices.min_by(|a, b| a.usd_per_hour.0.total_cmp(&b.usd_per_hour.0))
}

fn rent(device: &Device) -> Option<String> {
    let CloudPrice { usd_per_hour: (usd, _), provider, source, date } = lowest_rent(device)?;
    Some(format!("{}: {usd} USD an hour, {provider}, {date} ({source})", device.name))
}

fn watts(device: &Device) -> Option<String> {
    Some(format!("{}: {} W", device.name, device.tdp_w?))
}
