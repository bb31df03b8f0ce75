//! The laws of the curves: at the point asked for they are the report, and they move one way.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{FIRST_CELL, cell_of, scenario};
use headroom::catalog::Catalog;
use headroom::curves::{CellCurves, CurveAxis, Frontier, Memory, SpeedByContext, SpeedByUsers};
use headroom::report::{BillItem, Cell};
use headroom::scenario::{Scenario, Selected};
use headroom::units::{Bytes, Interval};

/// Questions of different kinds: one device, several unequal ones, part in RAM, no device at all,
/// unified memory, a serving engine, recurrent layers, nothing that fits.
const QUESTIONS: &[&str] = &[
    "model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&ctx=8192",
    "model=qwen3-32b&hw=rtx-4090,rtx-3060-12gb&quant=Q4_K_M&ctx=5000&users=3",
    "model=qwen3-30b-a3b&hw=rtx-4090&quant=Q8_0&ctx=16384",
    "model=qwen3-8b&hw=cpu-ddr5-5600-dual&quant=Q4_K_M",
    "model=gemma-3-27b-it&hw=apple-m4-max-40c@64&quant=Q8_0",
    "model=qwen3-8b&hw=h100-sxm*2&quant=BF16&engine=vllm&users=64",
    "model=qwen3-next-80b-a3b-instruct&hw=h100-sxm&quant=Q4_K_M&users=4",
    "model=qwen2.5-72b-instruct&hw=rtx-4090&quant=BF16&offload=none",
];

#[track_caller]
fn memory(scenario: &Scenario, along: CurveAxis) -> Memory {
    CellCurves::with(Catalog::bundled(), scenario, FIRST_CELL, |s| s.memory(along)).unwrap()
}

/// Items, use and room of the memory that a curve is drawn of.
fn bill(cell: &Cell, device: Option<usize>) -> (&[BillItem], Interval<Bytes>, Bytes) {
    match device {
        Some(i) => {
            let bill = &cell.devices[i];
            (&bill.items, bill.needed_bytes(), bill.usable_bytes)
        }
        None => (&cell.host.items, cell.host.used_bytes, cell.host.ram_bytes),
    }
}

#[test]
fn the_point_asked_for_is_the_report_itself() {
    for query in QUESTIONS {
        let scenario = scenario(query);
        let cell = cell_of(&scenario).unwrap();
        for along in [CurveAxis::Context, CurveAxis::Users] {
            let memory = memory(&scenario, along);
            let point = &memory.points[memory.asked];
            let (items, used, usable) = bill(&cell, memory.device);
            let asked = match along {
                CurveAxis::Context => scenario.context,
                CurveAxis::Users => scenario.users,
            };
            assert_eq!(point.x, asked, "{query}");
            assert_eq!((point.used, memory.usable), (used, usable), "{query}");
            for (term, bytes) in memory.terms.iter().zip(&point.bytes) {
                let of_term = items.iter().filter(|item| item.term == *term);
                assert_eq!(of_term.map(|i| i.bytes.expected).sum::<Bytes>(), *bytes, "{query}");
            }
            let tightest = cell.devices.iter().map(|bill| bill.headroom_bytes()).min();
            let room = usable.minus(used.expected);
            assert_eq!(room, tightest.unwrap_or(cell.host.headroom_bytes()), "{query}");
        }
        let frontier = Frontier::of(Catalog::bundled(), &scenario, FIRST_CELL).unwrap();
        assert_eq!(frontier.users[frontier.asked], scenario.users);
        assert_eq!(frontier.lines[0].contexts[frontier.asked], cell.max_context, "{query}");
    }
}

#[test]
fn terms_add_up_and_memory_never_falls() {
    for query in QUESTIONS {
        for along in [CurveAxis::Context, CurveAxis::Users] {
            let memory = memory(&scenario(query), along);
            assert!(memory.points.len() >= 3, "{query}");
            for point in &memory.points {
                let sum = point.bytes.iter().copied().sum::<Bytes>();
                assert_eq!(sum, point.used.expected, "{query}");
            }
            for pair in memory.points.windows(2) {
                assert!(pair[0].x < pair[1].x, "{query}");
                assert!(pair[0].used.expected <= pair[1].used.expected, "{query}: {pair:?}");
            }
        }
    }
}

#[test]
fn any_point_of_a_fixed_placement_is_the_answer_to_its_own_question() {
    let asked = scenario("model=qwen3-32b&hw=rtx-4090,rtx-3060-12gb&quant=Q4_K_M&offload=none");
    let memory = memory(&asked, CurveAxis::Context);
    for point in &memory.points {
        let cell = cell_of(&Scenario { context: point.x, ..asked.clone() }).unwrap();
        assert_eq!(point.used, bill(&cell, memory.device).1, "at {}", point.x);
    }
}

#[test]
fn the_frontier_falls_with_users_and_rises_as_weights_shrink() {
    let asked = scenario("model=qwen3-32b&hw=rtx-pro-6000-blackwell-workstation&users=3");
    let frontier = Frontier::of(Catalog::bundled(), &asked, FIRST_CELL).unwrap();
    assert_eq!(frontier.users, [1, 2, 3, 4, 8, 16, 32, 64, 128, 256]);
    let names: Vec<String> = frontier.lines.iter().map(|line| line.quant.to_string()).collect();
    assert_eq!(names, ["BF16", "Q8_0", "Q4_K_M"]);
    for line in &frontier.lines {
        assert!(line.contexts.is_sorted_by(|a, b| a >= b), "{}", line.quant);
        assert!(line.contexts[0] > 8192);
    }
    for pair in frontier.lines.windows(2) {
        assert!(pair[0].contexts.iter().zip(&pair[1].contexts).all(|(a, b)| a <= b));
    }
}

#[test]
fn an_engine_that_stands_with_another_format_has_curves_of_that() {
    let asked = scenario("model=qwen3-32b&hw=rtx-3090*2&quant=Q4_K_M&engine=llama.cpp,vllm");
    let (catalog, second) = (Catalog::bundled(), Selected { engine: 1, ..FIRST_CELL });
    assert!(CellCurves::with(catalog, &asked, second, |s| s.memory(CurveAxis::Context)).is_some());
    let frontier = Frontier::of(catalog, &asked, second).unwrap();
    assert_eq!(frontier.lines[0].quant.to_string(), "AWQ");
}

#[test]
fn speed_at_the_point_asked_for_is_the_report_s() {
    for query in QUESTIONS {
        let scenario = scenario(query);
        let speed = cell_of(&scenario).unwrap().speed;
        let catalog = Catalog::bundled();
        let depth = SpeedByContext::of(catalog, &scenario, FIRST_CELL);
        let crowd = SpeedByUsers::of(catalog, &scenario, FIRST_CELL);
        let decode = depth.as_ref().map(|depth| depth.tps[depth.asked]);
        assert_eq!(decode, speed.decode_tps, "{query}");
        let service = crowd.as_ref().map(|crowd| crowd.services[crowd.asked]);
        assert_eq!(service.map(|s| s.throughput), speed.throughput_tps, "{query}");
        assert_eq!(service.map(|s| s.tpot_s), speed.tpot_s, "{query}");
        assert_eq!(service.map(|s| s.ttft_s), speed.ttft_s, "{query}");
        if let (Some(depth), Some(crowd)) = (depth, crowd) {
            assert_eq!(depth.depths[depth.asked], scenario.context);
            assert_eq!(crowd.users[crowd.asked], scenario.users);
            let falls = depth.tps.is_sorted_by(|a, b| a.expected >= b.expected);
            assert!(falls, "{query}: a deeper context decodes faster");
            let waits = crowd.services.is_sorted_by(|a, b| a.ttft_s.expected <= b.ttft_s.expected);
            assert!(waits, "{query}: more users wait less");
        }
    }
    let none = scenario("model=qwen2.5-72b-instruct&hw=rtx-4090&quant=BF16&offload=none");
    assert!(SpeedByContext::of(Catalog::bundled(), &none, FIRST_CELL).is_none());
}

#[test]
fn a_cell_without_figures_has_no_curves() {
    let catalog = Catalog::bundled();
    for query in ["model=no-such&hw=rtx-4090", "model=qwen3-8b&hw=no-such", "model=&hw="] {
        let (scenario, _) = Scenario::from_query(query);
        assert!(CellCurves::with(catalog, &scenario, FIRST_CELL, |_| ()).is_none(), "{query}");
        assert!(Frontier::of(catalog, &scenario, FIRST_CELL).is_none(), "{query}");
    }
    let (scenario, _) = Scenario::from_query("");
    let beyond = Selected { model: 0, machine: usize::MAX, quant: 0, engine: 9 };
    assert!(CellCurves::with(catalog, &scenario, beyond, |_| ()).is_none());
}

/// The frontier, the most users and the longest context of the report are one boundary.
#[test]
fn the_frontier_meets_the_most_users() {
    for query in QUESTIONS {
        let scenario = scenario(query);
        let cell = cell_of(&scenario).unwrap();
        let frontier = Frontier::of(Catalog::bundled(), &scenario, FIRST_CELL).unwrap();
        let line = &frontier.lines[0];
        assert_eq!(line.quant, cell.quant);
        for (users, context) in frontier.users.iter().zip(&line.contexts) {
            let fits = *context >= scenario.context;
            assert_eq!(fits, *users <= cell.max_users, "{query}: {users} of {}", cell.max_users);
        }
    }
}

/// Beyond what fits more users change nothing but the time that they wait.
#[test]
fn users_beyond_memory_wait_in_the_chart_as_in_the_report() {
    let query = "model=qwen3-32b&hw=rtx-pro-6000-blackwell-workstation&quant=Q8_0&ctx=16384&engine=llama.cpp";
    let most = cell_of(&scenario(query)).unwrap().max_users;
    assert!(most > 1);
    let at = |users: u64| cell_of(&scenario(&format!("{query}&users={users}"))).unwrap().speed;
    let asked = scenario(&format!("{query}&users={}", 3 * most));
    let crowd = SpeedByUsers::of(Catalog::bundled(), &asked, FIRST_CELL).unwrap();
    let served = crowd.services[crowd.asked];
    let (full, over) = (at(most), at(3 * most));
    assert_eq!(Some(served.ttft_s), over.ttft_s);
    assert_eq!(over.running, Some(most));
    let throughput = |speed: &headroom::report::Speed| speed.throughput_tps.unwrap().expected;
    assert!((throughput(&over) / throughput(&full) - 1.0).abs() < 1e-9);
    // Little's law: three times the users in the system at the same rate stay three times as long.
    let stay =
        |speed: &headroom::report::Speed, users: u64| users as f64 * 512.0 / throughput(speed);
    let waited = over.ttft_s.unwrap().expected - full.ttft_s.unwrap().expected;
    let more = stay(&over, 3 * most) - stay(&full, most);
    assert!((waited / more - 1.0).abs() < 1e-6, "{waited} {more}");
}
