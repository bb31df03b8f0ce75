//! Rankings: every row is the full estimate's answer, and none could be better by one step.

use headroom::advice::is_fast_enough;
use headroom::catalog::Catalog;
use headroom::estimate;
use headroom::ranking::{Open, Prepared, Ranked, Ranking, rank, report};
use headroom::report::{Cell, Summary, Verdict};
use headroom::scenario::{Machine, Scenario};

fn rows(query: &str) -> Vec<Ranked> {
    let (scenario, problems) = Scenario::from_query(query);
    assert_eq!(problems, [], "{query}");
    rank(&Ranking::new(Catalog::bundled(), &scenario).unwrap())
}

/// The only cell of `scenario`.
fn cell(scenario: &Scenario) -> Cell {
    estimate::report(Catalog::bundled(), scenario, Vec::new()).cells.remove(0)
}

/// The answer to a row's question.
fn cell_of(row: &Ranked) -> Cell {
    row.cell_with(&Prepared::new(Catalog::bundled())).unwrap()
}

/// Every twelfth row or so, from another one on each time.
fn sample(rows: &[Ranked]) -> impl Iterator<Item = &Ranked> {
    rows.iter().skip(rows.len() % 12).step_by(12)
}

#[test]
fn an_empty_slot_is_the_question() {
    let open = |query: &str| {
        let (scenario, problems) = Scenario::from_query(query);
        assert_eq!(problems, [], "{query}");
        assert_eq!(scenario.to_query(), query);
        Open::of(&scenario)
    };
    assert_eq!(open("model=*"), Some(Open::Models));
    assert_eq!(open("hw=*"), Some(Open::Machines));
    assert_eq!(open("quant=*"), Some(Open::Formats));
    assert_eq!(open("model=*&hw=*"), None);
    assert_eq!(open("ctx=4096"), None);
    let filters = "model=*&size=7-40&kind=code&family=qwen&license=apache&since=2026-01&sort=speed";
    assert_eq!(open(filters), Some(Open::Models));
    let filters = "hw=*&class=unified&vendor=amd&memory=64-&budget=3000&most=4&sort=power";
    assert_eq!(open(filters), Some(Open::Machines));
}

#[test]
fn a_row_is_the_answer_to_its_own_question() {
    for query in [
        "model=*&hw=rtx-3060&quant=*",
        "model=*&hw=rtx-3090*2&users=4",
        "model=*&hw=apple-m3-max-40c@64&engine=mlx",
        "model=*&hw=h100-sxm&engine=vllm&users=50",
        "model=gpt-oss-120b&hw=*&ctx=131072",
        "model=qwen3-32b&hw=*&engine=vllm",
        "model=qwen3-32b&hw=rtx-4090&quant=*",
    ] {
        let rows = rows(query);
        assert!(rows.len() > 5, "{query}: {}", rows.len());
        for row in sample(&rows) {
            let (again, problems) = Scenario::from_query(&row.scenario.to_query());
            assert_eq!(problems, []);
            let again = cell(&again);
            assert_eq!(again, cell_of(row), "{}", row.scenario.to_query());
            // What orders the rows is what the cell says.
            assert_eq!(Summary::from(&again), row.summary, "{}", row.scenario.to_query());
        }
    }
}

#[test]
fn of_formats_that_lie_wholly_on_the_devices_the_best_is_taken() {
    for query in ["model=*&hw=rtx-3060", "model=*&hw=rtx-5090&ctx=65536", "model=*&hw=h100-sxm"] {
        let rows = rows(query);
        for row in sample(&rows) {
            let usual = rows_of_formats(row);
            let whole = |cell: &&Cell| cell.verdict == Verdict::Fits && is_fast_enough(*cell, 10.0);
            let best = usual.iter().filter(whole).max_by_key(|cell| cell.weights_bytes);
            if let Some(best) = best {
                assert_eq!(best, &cell_of(row), "{}", row.scenario.to_query());
            }
        }
    }
}

/// The cells of a row's model and machine in every usual format.
fn rows_of_formats(row: &Ranked) -> Vec<Cell> {
    let catalog = Catalog::bundled();
    let model = catalog.model(&row.scenario.models[0]).unwrap();
    let quants = headroom::engine::usual_formats(row.scenario.engines[0], model);
    let scenario = Scenario { quants, ..row.scenario.clone() };
    estimate::report(catalog, &scenario, Vec::new()).cells
}

#[test]
fn the_fewest_devices_are_taken() {
    let rows = rows("model=qwen2.5-72b-instruct&hw=*&quant=Q4_K_M&class=workstation");
    assert!(rows.iter().any(|row| row.scenario.machines[0].devices[0].count > 1));
    for row in rows.iter().filter(|row| row.summary.verdict == Verdict::Fits) {
        let mut fewer = row.scenario.clone();
        let count = fewer.machines[0].devices[0].count;
        let Some(less) = [1, 2, 3, 4, 6, 8].into_iter().rfind(|n| *n < count) else { continue };
        fewer.machines[0].devices[0].count = less;
        let cell = cell(&fewer);
        let is_enough = cell.verdict == Verdict::Fits && is_fast_enough(&cell, 10.0);
        assert!(!is_enough, "{}", row.scenario.to_query());
    }
}

#[test]
fn filters_and_order_are_kept() {
    let code = rows("model=*&hw=rtx-3090*2&kind=code&size=14-&since=2025-06");
    assert!(code.iter().any(|row| row.scenario.models[0] == "qwen3-coder-30b-a3b-instruct"));
    assert!(code.iter().all(|row| row.params_total >= 14_000_000_000));
    assert!(code.iter().all(|row| row.release.as_str() >= "2025-06"));

    let macs = rows("model=gpt-oss-120b&hw=*&class=apple");
    assert!(!macs.is_empty());
    assert!(macs.iter().all(|row| row.scenario.machines[0].to_query().starts_with("apple-")));

    let cheap = rows("model=gpt-oss-20b&hw=*&class=consumer&budget=600");
    assert!(!cheap.is_empty());
    assert!(cheap.iter().all(|row| row.price.is_some_and(|price| price <= 600.0)));

    let fast = rows("model=*&hw=rtx-5090&sort=speed");
    let tps = |row: &Ranked| row.summary.decode_tps.unwrap();
    assert!(fast.is_sorted_by(|a, b| tps(a) >= tps(b)));

    let price = rows("model=qwen3-32b&hw=*&sort=price");
    let whole = price.iter().take_while(|row| row.summary.verdict == Verdict::Fits);
    assert!(whole.map(|row| row.price.unwrap_or(f64::MAX)).is_sorted());
}

#[test]
fn a_model_for_one_task_is_ranked_where_it_is_named() {
    let has = |query: &str, id: &str| rows(query).iter().any(|row| row.scenario.models == [id]);
    assert!(!has("model=*&hw=rtx-3090", "qwen-agentworld-35b-a3b"));
    assert!(!has("model=*&hw=rtx-3090", "llama-guard-3-8b"));
    assert!(has("model=*&hw=rtx-3090&family=guard", "llama-guard-3-8b"));
}

#[test]
fn what_a_desktop_holds_comes_before_what_takes_a_server() {
    let machines = rows("model=gpt-oss-120b&hw=*");
    let whole = machines.iter().filter(|row| row.summary.verdict != Verdict::Offload);
    let takes_server: Vec<bool> = whole.map(Ranked::needs_server).collect();
    assert!(takes_server.is_sorted() && takes_server.contains(&true) && !takes_server[0]);
    // Of models on one machine the number of its cards tells nothing.
    let models = rows("model=*&hw=rtx-3090*8&sort=price");
    assert!(models.iter().all(Ranked::needs_server));
}

#[test]
fn a_report_of_an_open_question_has_the_first_rows() {
    let (scenario, problems) = Scenario::from_query("model=*&hw=rtx-4090");
    let answer = report(Catalog::bundled(), &scenario, problems);
    assert_eq!(answer.cells.len(), 20);
    // As the first row's own question is answered, with what its format costs in quality.
    let first = &rows("model=*&hw=rtx-4090")[0];
    let own = report(Catalog::bundled(), &first.scenario, Vec::new());
    assert_eq!(answer.cells[0], own.cells[0]);
    assert_eq!(Cell { quality: None, ..own.cells[0].clone() }, cell_of(first));
    let machine = Machine::with("rtx-4090");
    assert!(answer.cells.iter().all(|cell| cell.hardware == machine.to_query()));
}
