//! Money and energy of a cell: the reader's values, or defaults with their sources, put through
//! the laws of [`speed::money`](crate::speed::money) and [`speed::energy`](crate::speed::energy).

use std::borrow::Cow;

use crate::catalog::{ApiPrice, CloudPrice, Device, DeviceKind, Instance, Model};
use crate::hardware::{Hardware, InstalledDevice};
use crate::report::{self, Economy, InOut, PerMtok, PowerDraw};
use crate::scenario::{Currency, Money, Serving};
use crate::speed::energy::{Power, PowerShares};
use crate::speed::money::{Cost, Prices, economics};
use crate::speed::{Load, Service};

/// A value behind the figures.
struct Value {
    /// Its key in links.
    key: &'static str,
    /// What the reader set.
    own: Option<f64>,
    default: Option<f64>,
    basis: Basis,
}

impl Value {
    fn used(&self) -> Option<f64> {
        self.own.or(self.default)
    }
}

/// Where a default comes from; put into words only where someone reads them.
enum Basis {
    Said(&'static str),
    /// The sum over the machines of a cloud.
    Instances,
    /// The sum over the devices of what is said of each.
    Devices {
        said: fn(&Device) -> Option<String>,
        note: &'static str,
    },
}

/// The values behind the figures of `hardware` under `money`, with their sources.
pub fn inputs(money: &Money, hardware: &Hardware<'_>) -> Vec<report::Input> {
    let input = |value: Value| {
        let source = match value.basis {
            Basis::Said(words) => Cow::Borrowed(words),
            Basis::Instances => Cow::Owned(of_instances(hardware)),
            Basis::Devices { said, note } => Cow::Owned(of_devices(hardware, said, note)),
        };
        let key = Cow::Borrowed(value.key);
        report::Input { key, value: value.used(), default: value.default, source }
    };
    values(money, hardware).map(input).into()
}

/// What hosts ask for tokens of `model` under `money`, with the source: the reader's own price, or the
/// lowest for prompts and answers as `serving` has them.
pub fn api_inputs(money: &Money, serving: &Serving, model: &Model) -> [report::Input; 2] {
    let usd = |price: &ApiPrice| {
        price.usd_in * serving.prompt as f64 + price.usd_out * serving.output as f64
    };
    let lowest = model.api_prices().min_by(|a, b| usd(a).total_cmp(&usd(b)));
    let source = match lowest {
        None => format!("no public price is known for {}", model.name),
        Some(ApiPrice { host, usd_in, usd_out }) => {
            let (date, source) = (ApiPrice::date(), ApiPrice::source());
            format!(
                "{host}: {usd_in} USD in, {usd_out} USD out, the lowest known, {date} ({source})"
            )
        }
    };
    let rate = money.rate();
    let input = |key, own: Option<f64>, usd: fn(ApiPrice) -> f64| {
        let default = lowest.zip(rate).map(|(lowest, rate)| usd(lowest) * rate);
        let (key, source) = (Cow::Borrowed(key), Cow::Owned(source.clone()));
        report::Input { key, value: own.or(default), default, source }
    };
    [
        input("api_in", money.api_in, |price| price.usd_in),
        input("api_out", money.api_out, |price| price.usd_out),
    ]
}

/// The value with this key, as [`inputs`] has it.
pub fn value(money: &Money, hardware: &Hardware<'_>, key: &str) -> Option<f64> {
    values(money, hardware).iter().find(|value| value.key == key)?.used()
}

/// Energy and money of `hardware` under `money`, with what it is asked to serve and how it does;
/// `None` where there is no estimate of that.
pub fn economy(
    money: &Money,
    hardware: &Hardware<'_>,
    served: Option<(&Service, &Load)>,
) -> Economy {
    let values = values(money, hardware);
    let [price, rent, kwh, duty, years, pue, boards_w, host_w, idle, prefill, decode, _] =
        values.each_ref().map(Value::used);
    let power = boards_w.map(|boards_w| Power {
        boards_w,
        shares: PowerShares {
            idle: idle.unwrap_or_default(),
            prefill: prefill.unwrap_or_default(),
            decode: decode.unwrap_or_default(),
        },
        host_w: host_w.unwrap_or_default(),
        pue: pue.unwrap_or_default(),
    });
    let prices = Prices {
        purchase: price,
        amortised_years: years.unwrap_or_default(),
        kwh,
        rent_hour: rent,
        utilisation: duty.unwrap_or_default(),
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
            rented_hour: rent,
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
fn unknown(money: &Money, values: &[Value]) -> Vec<Cow<'static, str>> {
    // Only defaults are in dollars.
    let has_defaults = [money.price, money.rent, money.kwh].iter().any(Option::is_none);
    let lacking =
        values.iter().filter(|value| value.used().is_none() && (value.key != RATE || has_defaults));
    lacking.map(|value| Cow::Borrowed(value.key)).collect()
}

/// The key of the exchange rate.
const RATE: &str = "rate";

/// Share of the board power that the rest of a server draws: eight boards of 700 W in a machine of
/// 10.2 kW at most would be 0.8; servers are rarely at their most.
const SERVER_SHARE: f64 = 0.5;

/// Every value, in the order of the settings.
fn values(money: &Money, hardware: &Hardware<'_>) -> [Value; 12] {
    let value = |key, own, default, basis| Value { key, own, default, basis };
    let said = |key, own, default: f64, words| value(key, own, Some(default), Basis::Said(words));
    let rate = money.rate();
    let in_currency = |usd: Option<f64>| usd.zip(rate).map(|(usd, rate)| usd * rate);
    let first = hardware.parts.first().map(|part| part.device);
    let (host_w, host_basis) = match first {
        None => (150.0, "rule of thumb: 150 W for a machine that computes on its CPU"),
        Some(device) if device.kind == DeviceKind::Unified => {
            (15.0, "rule of thumb: 15 W beside a chip that holds CPU and GPU")
        }
        Some(device) if device.segment == "datacenter" => (
            sum(hardware, |device| device.tdp_w).unwrap_or(600.0) * SERVER_SHARE,
            "rule of thumb: half of the boards' power for the rest of a server",
        ),
        Some(_) => (100.0, "rule of thumb: 100 W for the rest of a desktop"),
    };
    [
        value(
            "price",
            money.price,
            in_currency(sum(hardware, |device| device.msrp_usd)),
            Basis::Devices { said: price, note: "the rest of the machine is not in it" },
        ),
        value(
            "rent",
            money.rent,
            in_currency(match hardware.instances.is_empty() {
                true => sum(hardware, |device| Some(lowest_rent(device)?.usd_per_hour.0)),
                false => instances(hardware),
            }),
            match hardware.instances.is_empty() {
                true => Basis::Devices { said: rent, note: "the lowest of those collected" },
                false => Basis::Instances,
            },
        ),
        value(
            "kwh",
            money.kwh,
            in_currency(Some(0.17)),
            Basis::Said(
                "0.17 USD: a round figure near the average that US households paid in 2025",
            ),
        ),
        said("duty", money.duty, 0.5, "assumption: busy half of the time"),
        said(
            "years",
            money.years,
            3.0,
            "assumption: the low end of the 3 to 6 years over which servers are written off",
        ),
        said(
            "pue",
            money.pue,
            1.0,
            "a home or an office without cooling of its own; data centres have 1.1 to 1.6",
        ),
        match first {
            None => said("boards_w", money.boards_w, 0.0, "no devices"),
            Some(_) => value(
                "boards_w",
                money.boards_w,
                capped(hardware),
                Basis::Devices { said: watts, note: "board power by the maker, or its limit" },
            ),
        },
        said("host_w", money.host_w, host_w, host_basis),
        said("idle", money.idle, 0.15, "rule of thumb, 2026-11: 15 % of the board power"),
        said(
            "prefill",
            money.prefill,
            0.95,
            "rule of thumb, 2026-11: prompts are bound by arithmetic, nearly all of the board power",
        ),
        said(
            "decode",
            money.decode,
            0.6,
            "rule of thumb, 2026-11: answers are bound by memory, 60 % of the board power",
        ),
        match (rate, money.currency) {
            (Some(_), Currency::USD) => said(RATE, money.exchange_rate, 1.0, "US dollars"),
            _ => value(
                RATE,
                money.exchange_rate,
                None,
                Basis::Said("not known here: rates move, and nothing is looked up elsewhere"),
            ),
        },
    ]
}

/// Board power of all devices together, each within its limit.
fn capped(hardware: &Hardware<'_>) -> Option<f64> {
    let board = |part: &InstalledDevice<'_>| {
        Some(part.device.tdp_w?.min(hardware.power_cap_w.unwrap_or(f64::INFINITY)))
    };
    hardware.parts.iter().map(board).sum()
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

/// US dollars an hour of the machines of a cloud; `None` if one has no known price, or there are
/// devices beside them.
fn instances(hardware: &Hardware<'_>) -> Option<f64> {
    let devices: u32 = hardware.instances.iter().map(|(of, n)| of.count.saturating_mul(*n)).sum();
    let price = |(instance, n): &(&Instance, u32)| Some(instance.usd_per_hour? * f64::from(*n));
    let whole: Option<f64> = hardware.instances.iter().map(price).sum();
    whole.filter(|_| devices as usize == hardware.parts.len())
}

fn of_instances(hardware: &Hardware<'_>) -> String {
    let said =
        |(Instance { name, provider, usd_per_hour, source, date, .. }, n): &(&Instance, u32)| {
            let price = match usd_per_hour {
                Some(usd) => format!("{usd} USD an hour on demand, {date}"),
                None => "no price known".to_owned(),
            };
            format!("{n} x {provider} {name}: {price} ({source})")
        };
    hardware.instances.iter().map(said).collect::<Vec<_>>().join("; ")
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
