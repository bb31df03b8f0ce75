//! Money and energy in the report: defaults with sources, the reader's own values, currencies.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{only_cell, report};
use headroom::catalog::{ApiPrice, Catalog};
use headroom::report::{Cell, Input};

const RENTED: &str = "model=qwen3-8b&hw=rtx-4090&quant=Q4_K_M&ctx=8192&users=4";

#[track_caller]
fn input(query: &str, key: &str) -> Input {
    let machine = report(query).machines.swap_remove(0);
    machine.inputs.into_iter().find(|input| input.key == key).unwrap()
}

#[track_caller]
fn assert_close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * a.abs().max(b.abs()), "{a} is not {b}");
}

#[test]
fn defaults_come_with_source_and_date() {
    let price = input(RENTED, "price");
    assert_eq!((price.value, price.default), (Some(1599.0), Some(1599.0)));
    assert!(price.source.contains("1599 USD at launch, 2022-09-20"), "{}", price.source);
    let rent = input(RENTED, "rent");
    assert_eq!(rent.value, Some(0.4));
    assert!(rent.source.contains("Vast.ai") && rent.source.contains("2026-11-23"));
    for each in report(RENTED).machines.swap_remove(0).inputs {
        assert!(!each.source.is_empty(), "{} has no source", each.key);
    }
    let two = input("hw=rtx-4090*2,rtx-3090", "price");
    assert_eq!(two.value, Some(2.0 * 1599.0 + 1499.0));
    assert!(two.source.starts_with("2 x GeForce RTX 4090"), "{}", two.source);
}

#[test]
fn a_host_s_price_is_the_lowest_for_what_is_asked() {
    let asked = |more: &str| {
        let hosted = report(&format!("model=gpt-oss-120b&hw=h100-sxm{more}")).hosted.swap_remove(0);
        assert_eq!(hosted.model, "gpt-oss-120b");
        <[Input; 2]>::try_from(hosted.inputs).unwrap()
    };
    let prices: Vec<ApiPrice> =
        Catalog::bundled().model("gpt-oss-120b").unwrap().api_prices().collect();
    assert!(!prices.is_empty());
    for (prompt, output) in [(100_000, 1), (1, 100_000), (1024, 512)] {
        let [paid_in, paid_out] = asked(&format!("&prompt={prompt}&output={output}&ctx=131072"));
        let cost =
            |usd_in: f64, usd_out: f64| usd_in * f64::from(prompt) + usd_out * f64::from(output);
        let lowest = prices.iter().map(|p| cost(p.usd_in, p.usd_out)).fold(f64::INFINITY, f64::min);
        assert_close(cost(paid_in.value.unwrap(), paid_out.value.unwrap()), lowest);
        let host = prices
            .iter()
            .find(|p| Some(p.usd_in) == paid_in.value && Some(p.usd_out) == paid_out.value);
        assert!(paid_in.source.starts_with(host.unwrap().host), "{}", paid_in.source);
        assert!(paid_in.source.contains(ApiPrice::date()), "{}", paid_in.source);
    }
    let [own_in, own_out] = asked("&api_in=0.5&api_out=2");
    assert_eq!((own_in.value, own_out.value), (Some(0.5), Some(2.0)));
    assert!(own_in.default.unwrap() < 0.5);
    let [roubles, _] = asked("&cur=RUB&rate=80");
    assert_close(roubles.value.unwrap(), 80.0 * own_in.default.unwrap());
    let [no_rate, _] = asked("&cur=RUB");
    assert_eq!(no_rate.value, None);
    let [unknown, _] = report("model=pythia-1b").hosted.swap_remove(0).inputs.try_into().unwrap();
    assert_eq!(unknown.value, None);
    assert!(unknown.source.starts_with("no public price"), "{}", unknown.source);
}

#[test]
fn the_report_s_figures_follow_from_its_inputs() {
    let Cell { speed, economy, .. } = only_cell(RENTED);
    let power = economy.power_w.unwrap();
    assert_close(power.idle, 450.0 * 0.15 + 100.0);
    assert_close(power.prefill, 450.0 * 0.95 + 100.0);
    assert_close(power.decode, 450.0 * 0.6 + 100.0);
    let mean = power.mean.unwrap();
    assert!(power.idle < mean && mean < power.prefill);
    let hour = 1599.0 / (3.0 * 8766.0) + mean / 1e3 * 0.17;
    assert_close(economy.money.owned_hour.unwrap(), hour);
    assert_close(economy.money.break_even_hours.unwrap(), 1599.0 / (0.4 - mean / 1e3 * 0.17));
    // Half of the time busy: what an hour costs is paid by half an hour's tokens.
    let answers = speed.throughput_tps.unwrap().expected * 1800.0 / 1e6;
    let owned = economy.usd_per_mtok.unwrap().owned.unwrap();
    let prompts = answers * 1024.0 / 512.0;
    assert_close(owned.output.expected * answers + owned.input.expected * prompts, hour);
    assert_close(economy.wh_per_mtok.unwrap().expected, mean / answers);
    assert!(owned.output.low < owned.output.expected && owned.output.expected < owned.output.high);
    assert!(economy.money.unknown.is_empty());
}

#[test]
fn the_reader_s_values_win() {
    let own = format!("{RENTED}&price=0&kwh=0&boards_w=300&host_w=50&idle=0&decode=1&prefill=100%");
    let Cell { economy, .. } = only_cell(&own);
    let power = economy.power_w.unwrap();
    assert_eq!((power.idle, power.decode, power.prefill), (50.0, 350.0, 350.0));
    assert_eq!(economy.money.owned_hour, Some(0.0));
    let price = input(&own, "price");
    assert_eq!((price.value, price.default), (Some(0.0), Some(1599.0)));
    assert_close(input(&format!("{RENTED}&pue=1.5"), "pue").value.unwrap(), 1.5);
}

#[test]
fn dollars_become_another_currency_by_the_rate_that_is_given() {
    let (usd, eur) =
        (only_cell(RENTED).economy, only_cell(&format!("{RENTED}&cur=EUR&rate=0.5")).economy);
    assert_eq!(eur.money.currency, "EUR");
    assert_close(eur.money.owned_hour.unwrap(), usd.money.owned_hour.unwrap() / 2.0);
    assert_close(eur.money.break_even_hours.unwrap(), usd.money.break_even_hours.unwrap());
    let (a, b) = (usd.usd_per_mtok.unwrap(), eur.usd_per_mtok.unwrap());
    assert_close(a.owned.unwrap().output.expected, b.owned.unwrap().output.expected);
    assert_close(a.rented.unwrap().input.high, b.rented.unwrap().input.high);
}

#[test]
fn without_a_rate_only_the_reader_s_amounts_count() {
    let query = format!("{RENTED}&cur=RUB");
    let bare = only_cell(&query).economy;
    assert_eq!((bare.money.owned_hour, bare.usd_per_mtok), (None, None));
    assert_eq!(bare.money.unknown, ["price", "rent", "kwh", "rate"]);
    assert!(bare.wh_per_mtok.is_some(), "energy needs no currency");
    let own = only_cell(&format!("{query}&price=150000&rent=40&kwh=6.5")).economy;
    let power = own.power_w.unwrap().mean.unwrap();
    assert_close(own.money.owned_hour.unwrap(), 150_000.0 / (3.0 * 8766.0) + power / 1e3 * 6.5);
    assert!(own.money.per_mtok.owned.is_some() && own.money.unknown.is_empty());
    assert_eq!(own.usd_per_mtok, None, "its dollars are not known");
}

#[test]
fn what_is_not_known_is_null_and_named() {
    // Apple publishes neither a price of the chip nor its power.
    let mac = "model=qwen3-8b&hw=apple-m4-max-40c@64&quant=Q4_K_M";
    let unknown = only_cell(mac).economy;
    assert_eq!((unknown.power_w, unknown.wh_per_mtok), (None, None));
    assert_eq!(unknown.money.unknown, ["price", "rent", "boards_w"]);
    assert!(input(mac, "boards_w").source.contains("none in the catalogue"));
    let known = only_cell(&format!("{mac}&price=4000&boards_w=80")).economy;
    assert!(known.usd_per_mtok.unwrap().owned.is_some());
    assert_eq!(known.usd_per_mtok.unwrap().rented, None);
    // It does not fit: power is known, but nothing is served.
    let none = only_cell("model=qwen2.5-72b-instruct&hw=rtx-4090&quant=BF16&offload=none");
    assert!(none.speed.no_speed.is_some());
    assert!(none.economy.power_w.unwrap().mean.is_none());
    assert_eq!((none.economy.wh_per_mtok, none.economy.usd_per_mtok), (None, None));
}

#[test]
fn a_machine_without_devices_draws_what_its_host_does() {
    let cpu = only_cell("model=qwen3-8b&hw=cpu-ddr5-5600-dual&quant=Q4_K_M").economy;
    let power = cpu.power_w.unwrap();
    assert_eq!((power.idle, power.decode), (150.0, 150.0));
}
