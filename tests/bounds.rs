//! What an answer may cost, counted: a clock would tell machines apart, not answers.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::disallowed_methods, reason = "a run that looks for the slowest tells how long")]

#[path = "laws/mixed.rs"]
mod mixed;
#[path = "laws/questions.rs"]
#[allow(dead_code, reason = "the laws use the rest")]
mod questions;

use std::env;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use headroom::catalog::Catalog;
use headroom::curves::{CellCurves, CurveAxis, Frontier, SpeedByContext, SpeedByUsers};
use headroom::engine::llama_cpp::{placed_graphs, placed_tensors};
use headroom::estimate::report;
use headroom::ranking::{self, Prepared};
use headroom::scenario::{Scenario, Selected};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The counts are of the whole process, so one test counts at a time.
static COUNTING: Mutex<()> = Mutex::new(());

/// Tensors that an answer may place: 250 ms of a core.
const MOST_TENSORS: u64 = 2_500_000;
/// Bytes that an answer may need at once.
const MOST_BYTES: usize = 100_000_000;

/// Questions drawn in a run that nobody asked for more.
const QUESTIONS: u64 = 300;

/// The dearest of those drawn so far, of a kind each: with the curves of their first cell.
const DEAR: &[&str] = &[
    "model=minimax-m3&hw=h100-sxm*128&users=256&quant=Q4_K_M",
    "model=minimax-m3&hw=tesla-p40*80&quant=Q3_K_L&ctx=150262&users=4&kv=q8_0",
    "model=ling-1t&hw=gtx-1070*66&quant=IQ2_KS&ctx=82565",
    "model=deepseek-v3.2-speciale&hw=apple-m5-max-40c,rx-6950-xt*64,apple-m5*36&ctx=1048576",
    "model=laguna-m.1&hw=gh200-144gb*64&quant=FP8&engine=vllm&ctx=4096&users=14",
    "model=mistral-large-instruct-2407&hw=h200-sxm*81&quant=BF16&engine=vllm&ctx=41018&users=8",
    "model=nvidia-nemotron-3-super-120b-a12b-bf16&hw=rtx-3060-8gb*7&quant=IQ4_NL&users=15",
    "model=glm-5.3&hw=tesla-t4*19&quant=IQ2_M&ctx=131072",
    "model=nvidia-nemotron-3-ultra-550b-a55b-bf16&hw=a16*8&quant=IQ1_S&ctx=32768&users=7",
    "model=gemma-3n-e4b-it&hw=rtx-5060-ti-16gb*69&quant=IQ2_KS&ctx=131072&users=11&lora=648*27",
];

/// Questions that place more tensors than they may, with the millions that each places now and the
/// megabytes that it needs: of many users each has tensors of its own in sparse attention.
/// They must not grow.
const TOO_DEAR: &[(&str, u64, usize)] =
    &[("model=minimax-m3&hw=h200-sxm*8&users=256&quant=Q4_K_M", 5, 78)];

/// What an answer cost.
struct Cost {
    what: &'static str,
    query: String,
    tensors: u64,
    bytes: usize,
    ms: f64,
}

fn cost(what: &'static str, query: &str, answer: impl FnOnce()) -> Cost {
    let (tensors, bytes) = (placed_tensors(), MEMORY.current_usage());
    MEMORY.reset_peak_usage();
    let start = Instant::now();
    answer();
    Cost {
        what,
        query: query.to_owned(),
        tensors: placed_tensors() - tensors,
        bytes: MEMORY.peak_usage() - bytes,
        ms: start.elapsed().as_secs_f64() * 1e3,
    }
}

/// The answer to a question, and what is drawn of its first cell.
fn costs_of(query: &str, with_cell: bool) -> Vec<Cost> {
    let catalog = Catalog::bundled();
    let (scenario, _) = Scenario::from_query(query);
    let at = Selected { model: 0, machine: 0, quant: 0, engine: 0 };
    let mut costs = vec![cost("report", query, || drop(report(catalog, &scenario, Vec::new())))];
    if with_cell {
        let memory =
            |axis| CellCurves::with(catalog, &scenario, at, |cell| drop(cell.memory(axis)));
        costs.push(cost("memory by context", query, || _ = memory(CurveAxis::Context)));
        costs.push(cost("memory by users", query, || _ = memory(CurveAxis::Users)));
        costs.push(cost("frontier", query, || _ = Frontier::of(catalog, &scenario, at)));
        costs.push(cost("speed", query, || {
            _ = SpeedByContext::of(catalog, &scenario, at);
            _ = SpeedByUsers::of(catalog, &scenario, at);
        }));
    }
    costs
}

fn setting<T: FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

#[test]
fn no_answer_takes_long_or_much_memory() {
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = setting("HEADROOM_SEED").unwrap_or(1);
    let questions: Option<u64> = setting("HEADROOM_QUESTIONS");
    let drawn = (0..questions.unwrap_or(QUESTIONS)).map(|n| questions::drawn(seed, n).query());
    let drawn = drawn.flat_map(|query| costs_of(&query, false));
    let dear = DEAR.iter().flat_map(|query| costs_of(query, true));
    let mut costs: Vec<Cost> = dear.chain(drawn).collect();
    assert!(costs.iter().any(|cost| cost.tensors > MOST_TENSORS / 100), "nothing was counted");
    let show = |cost: &Cost| {
        let Cost { what, query, tensors, bytes, ms } = cost;
        let mb = *bytes as f64 / 1e6;
        println!("{tensors:>9} tensors, {mb:>6.1} MB, {ms:>6.0} ms: {what} of {query}");
    };
    if questions.is_some() {
        let keys: [fn(&Cost) -> f64; 3] = [|c| c.tensors as f64, |c| c.bytes as f64, |c| c.ms];
        for key in keys {
            costs.sort_by(|a, b| key(b).total_cmp(&key(a)));
            costs.iter().take(20).for_each(show);
            println!();
        }
    }
    costs.retain(|cost| cost.tensors > MOST_TENSORS || cost.bytes > MOST_BYTES);
    for (query, millions, megabytes) in TOO_DEAR {
        let now = costs_of(query, false).remove(0);
        if questions.is_some() {
            show(&now);
        }
        let grown = now.tensors > millions * 1_000_000 || now.bytes > megabytes * 1_000_000;
        let is_one = now.tensors > MOST_TENSORS;
        assert!(is_one, "{query} places {} tensors: it belongs to the others", now.tensors);
        costs.extend(grown.then_some(now));
    }
    costs.iter().for_each(show);
    assert!(costs.is_empty(), "{} cost too much", costs.len());
}

/// Graphs that a line of a batch may need on average, and thousands of tensors in them. The 300 lines
/// need 5.1 and 5.0 thousand, the first 2,000 need 4.9 and 6.0 thousand.
const A_LINE: (u64, u64) = (6, 6);
/// Lines that are counted: of a longer batch later lines find more graphs that are made.
const LINES: u64 = 300;

#[test]
fn a_line_of_a_batch_places_few_graphs() {
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let prepared = Prepared::new(Catalog::bundled());
    let (graphs, tensors) = (placed_graphs(), placed_tensors());
    let mut cells = 0;
    for line in mixed::lines(LINES as usize) {
        let before = (placed_graphs(), placed_tensors());
        let (scenario, _) = Scenario::from_query(&line);
        cells += ranking::report_with(&prepared, &scenario, Vec::new()).cells.len() as u64;
        if env::var_os("HEADROOM_QUESTIONS").is_some() {
            let (graphs, tensors) = (placed_graphs() - before.0, placed_tensors() - before.1);
            println!("{tensors:>9} tensors, {graphs:>3} graphs: {line}");
        }
    }
    let (graphs, tensors) = (placed_graphs() - graphs, placed_tensors() - tensors);
    println!("{LINES} lines, {cells} answered: {graphs} graphs of {tensors} tensors");
    assert!(cells > LINES * 8 / 10, "{cells} lines of {LINES} are answered");
    let (most, thousands) = A_LINE;
    assert!(graphs > 0 && graphs <= most * LINES, "{graphs} graphs for {LINES} lines");
    assert!(tensors <= thousands * 1000 * LINES, "{tensors} tensors for {LINES} lines");
}
