//! Laws of speed, energy and money over the whole catalogue: any model, device, engine and format.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{FIRST_CELL, any_model, first_cell, scenario};
use headroom::catalog::Catalog;
use headroom::estimate::{self, corrected_speed};
use headroom::report::{InOut, Verdict};
use headroom::scenario::{Engine, Scenario};
use headroom::speed::{Bottleneck, Load, SpeedModel};
use headroom::units::Interval;
use proptest::prelude::*;

/// One to eight of one device, at times beside a host or a second kind.
fn machines() -> impl Strategy<Value = String> {
    let ids: Vec<String> = Catalog::bundled().devices.iter().map(|d| d.id.clone()).collect();
    let other = prop_oneof![
        4 => Just(""), 1 => Just(",cpu-epyc-genoa-12ch"), 1 => Just(",cpu-ddr4-3200-dual"),
        1 => Just(",rtx-3060-12gb"),
    ];
    (proptest::sample::select(ids), prop_oneof![Just(1), Just(2), Just(4), Just(8)], other)
        .prop_map(|(id, n, other)| format!("{id}*{n}{other}"))
}

fn engines() -> impl Strategy<Value = String> {
    let formats = |engine: Engine, list: &[&str]| -> Vec<String> {
        list.iter().map(|quant| format!("engine={engine}&quant={quant}")).collect()
    };
    let gguf = ["BF16", "Q8_0", "Q4_K_M", "IQ2_XXS"];
    let serving = ["BF16", "FP8", "AWQ", "NVFP4", "MXFP4", "INT8"];
    let mut all = formats(Engine::LlamaCpp, &gguf);
    for engine in [Engine::Vllm, Engine::Sglang, Engine::TensorRtLlm] {
        all.extend(formats(engine, &serving));
    }
    all.extend(formats(Engine::Mlx, &["BF16", "MLX-4bit"]));
    all.extend(formats(Engine::Transformers, &["BF16", "NF4"]));
    all.extend(formats(Engine::ExLlamaV3, &["EXL3-4.0bpw"]));
    proptest::sample::select(all)
}

/// What the users send, what is asked of them, and how the model is spread.
fn load() -> impl Strategy<Value = String> {
    let users = prop_oneof![Just(1u64), 1u64..64, Just(4096)];
    let context = prop_oneof![Just(1u64), 256u64..65_536, Just(16_777_216)];
    let tokens = prop_oneof![Just(1u64), 1u64..8192, Just(16_777_216)];
    let spread = prop_oneof![
        8 => Just(""), 1 => Just("&pp=2"), 1 => Just("&dp=2"), 1 => Just("&dp=2&tp=1&ep=on"),
        1 => Just("&split=layer"), 1 => Just("&split=tensor"), 1 => Just("&offload=experts"),
        1 => Just("&offload=ngl:5"), 1 => Just("&fa=off"), 1 => Just("&mtp=3"),
        1 => Just("&ttft=2s&tpot=50ms"), 1 => Just("&unified=on"),
    ];
    (users, context, tokens.clone(), tokens.clone(), tokens, spread).prop_map(
        |(users, context, prompt, output, prefix, spread)| {
            format!(
                "&users={users}&ctx={context}&prompt={prompt}&output={output}&prefix={prefix}\
                 &ram=1TiB{spread}"
            )
        },
    )
}

prop_compose! {
    fn questions()(model in any_model(), hw in machines(), how in engines(), load in load()) -> String {
        format!("model={model}&hw={hw}&{how}{load}")
    }
}

/// A question whose answer is likely to have a speed: a small model, an ordinary load.
fn small() -> impl Strategy<Value = String> {
    let models = proptest::sample::select(vec![
        "qwen3-8b",
        "gpt-oss-20b",
        "qwen3-30b-a3b",
        "gemma-3-12b-it",
        "llama-3.1-70b-instruct",
        "qwen3-next-80b-a3b-instruct",
        "deepseek-v3",
    ]);
    (models, machines(), engines(), 1u64..64, 1024u64..32_768).prop_map(
        |(model, hw, how, users, context)| {
            format!("model={model}&hw={hw}&{how}&users={users}&ctx={context}&ram=1TiB")
        },
    )
}

/// The speed of the cell of a query, and what its users ask for.
fn speed_and_load(query: &str) -> Option<(SpeedModel<'static>, Load)> {
    let speed = corrected_speed(Catalog::bundled(), &scenario(query), FIRST_CELL)?;
    Some((speed.setup, speed.load))
}

fn sound(interval: Interval<f64>) -> bool {
    let Interval { low, expected, high } = interval;
    low > 0.0 && low <= expected && expected <= high && high.is_finite()
}

/// Prices that are not unknown anywhere.
const PRICES: &str = "&price=2000&rent=1&kwh=0.2&boards_w=300";
const CLOSE: f64 = 1.0 + 1e-9;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_figure_is_finite_positive_and_in_order(query in questions()) {
        let query = format!("{query}{PRICES}");
        let Some(cell) = first_cell(&query) else { return Ok(()) };
        let speed = &cell.speed;
        let decode = [speed.decode_tps, speed.decode_tps_empty, speed.plain_tps];
        let serving = [speed.prefill_tps, speed.ttft_s, speed.tpot_s, speed.throughput_tps];
        for figure in decode.into_iter().chain(serving).flatten() {
            prop_assert!(sound(figure), "{query}: {figure:?}");
        }
        prop_assert!(speed.decode_tps.is_some() != speed.no_speed.is_some(), "{query}");
        let Some(running) = speed.running else { return Ok(()) };
        prop_assert!(running >= 1, "{query}");
        let expected = |i: Option<Interval<f64>>| i.map_or(0.0, |i| i.expected);
        let (full, empty) = (expected(speed.decode_tps), expected(speed.decode_tps_empty));
        prop_assert!(full <= empty * CLOSE, "{query}: {full} {empty}");
        if cell.verdict == Verdict::No {
            prop_assert!(running <= cell.max_users, "{query}");
        }
        let economy = &cell.economy;
        prop_assert!(economy.wh_per_mtok.is_some_and(sound), "{query}: {economy:?}");
        let costs = economy.money.per_mtok;
        for InOut { input, output } in [costs.owned, costs.rented].into_iter().flatten() {
            prop_assert!(sound(input) && sound(output), "{query}: {costs:?}");
        }
        prop_assert!(costs.owned.is_some() && costs.rented.is_some(), "{query}");
    }

    #[test]
    fn a_better_device_never_slows(query in small(), factor in 1.01..8.0f64) {
        let Some((setup, load)) = speed_and_load(&query) else { return Ok(()) };
        // The first token of one user alone: under load those who are answered sooner ask again
        // sooner.
        let figures = |setup: &SpeedModel<'_>| {
            let served = setup.serve(&load);
            [
                1.0 / setup.decode_tps(4096.0).expected,
                1.0 / setup.prefill_tps(2048.0, 0.0).expected,
                setup.ttft_s(2048.0, 0.0).expected,
                served.tpot_s.expected,
                1.0 / served.throughput.expected,
            ]
        };
        let before = figures(&setup);
        let better = |change: fn(&mut headroom::speed::Chip, f64)| {
            let mut setup = setup.clone();
            for stage in &mut setup.stages {
                change(&mut stage.chip, factor);
                if let Some((chip, _)) = &mut stage.prompts_on {
                    change(chip, factor);
                }
            }
            figures(&setup)
        };
        for (what, after) in [
            ("memory", better(|chip, f| chip.bandwidth *= f)),
            ("link", better(|chip, f| chip.link *= f)),
            ("host link", better(|chip, f| chip.host_link *= f)),
            ("peaks", better(|chip, f| {
                let peaks = &mut chip.peaks;
                for rate in [&mut peaks.half, &mut peaks.half_fast, &mut peaks.fp8, &mut peaks.int8, &mut peaks.fp4] {
                    *rate *= f;
                }
            })),
        ] {
            for (a, b) in before.iter().zip(after) {
                prop_assert!(b <= a * CLOSE, "{query}: {what} x {factor}: {before:?} {after:?}");
            }
        }
    }

    #[test]
    fn more_users_and_longer_contexts_cost(query in small(), users in 1u64..200, more in 1u64..50) {
        let Some((setup, load)) = speed_and_load(&query) else { return Ok(()) };
        let serve = |users: u64| setup.serve(&Load { users: users as f64, ..load });
        let (few, many) = (serve(users), serve(users + more));
        prop_assert!(many.throughput.expected * CLOSE >= few.throughput.expected, "{query}");
        prop_assert!(many.ttft_s.expected * CLOSE >= few.ttft_s.expected, "{query}");
        prop_assert!(many.tpot_s.expected * CLOSE >= few.tpot_s.expected, "{query}");
        if few.bottleneck == Bottleneck::Memory {
            prop_assert!((many.throughput.expected / few.throughput.expected - 1.0).abs() < 1e-9);
        }
        // The whole time is made of steps and prompts.
        let rate = few.running * load.copies.min(users as f64) / few.throughput.expected;
        prop_assert!(few.tpot_s.expected <= rate * CLOSE, "{query}");
        let depth = users as f64 * 500.0;
        let deeper = depth + more as f64 * 500.0;
        prop_assert!(setup.decode_tps(deeper).expected <= setup.decode_tps(depth).expected * CLOSE);
        prop_assert!(setup.prefill(1024.0, deeper).total() * CLOSE >= setup.prefill(1024.0, depth).total());
    }

    #[test]
    fn targets_are_kept_by_as_many_users_as_are_told(
        query in small(), ttft in 50u64..20_000, tpot in 5u64..500,
    ) {
        let query = format!("{query}&ttft={ttft}ms&tpot={tpot}ms");
        let Some(cell) = first_cell(&query) else { return Ok(()) };
        let Some(most) = cell.speed.slo_users else { return Ok(()) };
        let (setup, load) = speed_and_load(&query).unwrap();
        let keeps = |users: u64| {
            let served = setup.serve(&Load { users: users as f64, ..load });
            served.ttft_s.expected <= ttft as f64 / 1e3 && served.tpot_s.expected <= tpot as f64 / 1e3
        };
        let room = (load.fits.min(load.scheduled) * load.copies) as u64;
        prop_assert!(most <= room, "{query}: {most} of {room}");
        prop_assert!(most == 0 || keeps(most), "{query}: {most}");
        prop_assert!(most == room || !keeps(most + 1), "{query}: {most}");
    }

    #[test]
    fn money_follows_its_prices(query in small(), factor in 0.1..10.0f64) {
        let at = |prices: &str| first_cell(&format!("{query}{prices}")).map(|cell| cell.economy);
        let (price, rent, kwh) = (2000.0 * factor, factor, 0.2 * factor);
        let dearer = format!("&price={price}&rent={rent}&kwh={kwh}&boards_w=300");
        let (Some(plain), Some(dear)) = (at(PRICES), at(&dearer)) else { return Ok(()) };
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
        for (a, b) in [
            (plain.money.per_mtok.owned, dear.money.per_mtok.owned),
            (plain.money.per_mtok.rented, dear.money.per_mtok.rented),
        ] {
            let (Some(a), Some(b)) = (a, b) else { continue };
            prop_assert!(near(b.input.expected, factor * a.input.expected));
            prop_assert!(near(b.output.high, factor * a.output.high));
        }
        prop_assert_eq!(plain.wh_per_mtok, dear.wh_per_mtok);
        // Prices have no bearing on how many hours pay for the machine, watts have.
        if let (Some(a), Some(b)) = (plain.money.break_even_hours, dear.money.break_even_hours) {
            prop_assert!(near(a, b));
        }
        let free = at("&price=0&rent=0&kwh=0&boards_w=300").unwrap();
        prop_assert_eq!(free.money.break_even_hours, None);
        if let Some(cost) = free.money.per_mtok.owned {
            prop_assert_eq!((cost.input.high, cost.output.high), (0.0, 0.0));
        }
        let watts = at("&price=2000&rent=1&kwh=0.2&boards_w=0&host_w=0").unwrap();
        if let Some(energy) = watts.wh_per_mtok {
            prop_assert_eq!(energy.high, 0.0);
        }
    }

    #[test]
    fn no_question_about_speed_makes_it_panic(
        pairs in proptest::collection::vec((
            proptest::sample::select(vec![
                "prompt", "output", "prefix", "ttft", "tpot", "min_tps", "measured", "cur", "rate",
                "price", "rent", "api_in", "api_out", "kwh", "duty", "years", "pue", "boards_w", "host_w", "idle",
                "prefill", "decode", "accept", "draft", "draft_n", "mtp", "users", "ctx", "pp", "dp",
                "ep", "tp", "seqs", "batched", "ubatch", "offload", "split",
            ]),
            prop_oneof![
                Just("0".to_owned()), Just("1".to_owned()), Just("-1".to_owned()),
                Just("16777216".to_owned()), Just("0.001".to_owned()), Just("1e9".to_owned()),
                Just("999999999".to_owned()), Just("NaN".to_owned()), Just("on".to_owned()),
                Just("EUR".to_owned()), Just("100%".to_owned()), Just("1us".to_owned()),
                Just("experts:3".to_owned()), Just("qwen3-0.6b".to_owned()), Just("".to_owned()),
                Just("rtx-4090/llama.cpp/qwen3-8b/Q4_K_M/tg:0.001,pp1:4000000".to_owned()),
                Just("rtx-4090/vllm/qwen3-8b/AWQ/tpot1+1x4000000000:4000000".to_owned()),
                Just("rtx-4090/llama.cpp/qwen3-8b/Q4_K_M/tg@4000000000x4000000000:1".to_owned()),
                "[0-9a-z.,:;/%*@-]{0,12}",
            ],
        ), 0..8),
        engine in prop_oneof![Just("llama.cpp&quant=Q4_K_M"), Just("vllm&quant=AWQ")],
    ) {
        let mut query = format!("model=qwen3-8b&hw=rtx-4090&engine={engine}");
        for (key, value) in &pairs {
            query.push_str(&format!("&{key}={value}"));
        }
        let (scenario, problems) = Scenario::from_query(&query);
        let report = estimate::report(Catalog::bundled(), &scenario, problems);
        prop_assert!(serde_json::to_string(&report).is_ok());
        for speed in report.cells.iter().map(|cell| &cell.speed) {
            let figures = [speed.decode_tps, speed.prefill_tps, speed.ttft_s, speed.tpot_s, speed.throughput_tps];
            for figure in figures.into_iter().flatten() {
                prop_assert!(sound(figure), "{query}: {figure:?}");
            }
        }
    }
}

/// One sequence on one GPU, a model that fills it: reading weights is what takes the time.
#[test]
fn the_limit_named_is_right_in_plain_cases() {
    let limits = |query: &str| {
        let speed = first_cell(query).unwrap_or_else(|| panic!("{query}")).speed;
        (speed.decode_limit.unwrap(), speed.prefill_limit.unwrap(), speed.serving_limit.unwrap())
    };
    for hw in ["rtx-4090", "rtx-3090", "rtx-5090", "apple-m4-max-40c@64", "strix-halo-395@128"] {
        let query = format!("model=qwen3-32b&hw={hw}&quant=Q4_K_M&ctx=8k&prompt=2048");
        let (decode, prefill, _) = limits(&query);
        assert_eq!((decode, prefill), (Bottleneck::Bandwidth, Bottleneck::Compute), "{hw}");
    }
    let tiny = "model=qwen3-0.6b&hw=h100-sxm&quant=BF16&engine=vllm&ctx=1k";
    assert_eq!(limits(tiny).0, Bottleneck::Overhead, "a tiny model waits for its launches");
    let split = "model=qwen3-235b-a22b&hw=rtx-4090&quant=Q4_K_M&ctx=8k&ram=256GiB";
    assert_eq!(limits(split).0, Bottleneck::Host, "most of it is in RAM");
    let full = "model=qwen3-32b&hw=h100-sxm*2&quant=BF16&engine=vllm&ctx=32k&users=500";
    assert_eq!(limits(full).2, Bottleneck::Memory, "no more fit");
}
