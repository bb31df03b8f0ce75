//! Laws of answers: figures that agree with each other, and with the answers to questions nearby.

use headroom::catalog::{Catalog, DeviceKind};
use headroom::estimate;
use headroom::report::{
    BillItem, Cell, NoSpeed, Notice, Overview, PlacementReason, Suggestion, Term, Verdict,
    sum_of_items,
};
use headroom::scenario::{Bounds, Engine, Offload};
use headroom::units::{Bytes, Interval};
use serde_json::Value;

use crate::Law;
use crate::questions::Question;

/// The laws.
pub const LAWS: &[Law] = &[
    ("an interval is ordered", intervals_are_ordered),
    ("a bill is the sum of its lines", bills_add_up),
    ("the verdict and the headroom are those of the bill", the_verdict_is_the_bill_s),
    ("what a table shows of a cell is the cell's", overviews_are_those_of_the_cells),
    ("what does not run has no copies and no speed", no_is_no),
    ("what fits has a copy, a user and its context", fits_is_counted),
    ("as many users as fit do fit, and one more does not", most_users_fit),
    ("the longest context fits, and one step more does not", longest_context_fits),
    ("more users never have a longer context", more_users_have_no_longer_context),
    ("a longer context never fits better", a_longer_context_fits_no_better),
    ("less memory never fits better", less_memory_fits_no_better),
    ("a second card never takes room away", a_second_card_takes_nothing),
    ("the placement found is no worse than any that can be asked for", auto_is_best),
    ("experts in RAM are never faster than on the device", experts_in_ram_are_no_faster),
    ("a prompt is no slower than its steps", prompts_are_steps_at_most),
    ("a shorter prompt and a cached prefix never slow", shorter_prompts_are_no_slower),
    ("a speed has an order", speeds_are_ordered),
    ("a refusal's suggestion is not refused for the same reason", suggestions_help),
];

/// Tokens that no engine divides a context more coarsely than.
const STEP: u64 = 1024;

/// How far a figure of speed may be off by rounding.
const CLOSE: f64 = 1.0 + 1e-9;

fn check(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::No => 0,
        Verdict::Offload => 1,
        Verdict::Tight => 2,
        Verdict::Fits => 3,
    }
}

fn runs(cell: &Cell) -> bool {
    cell.verdict != Verdict::No
}

fn intervals_are_ordered(question: &Question) -> Result<(), String> {
    fn walk(name: &str, value: &Value) -> Result<(), String> {
        match value {
            Value::Array(values) => values.iter().try_for_each(|value| walk(name, value)),
            Value::Object(fields) => {
                let bound = |name: &str| fields.get(name).and_then(Value::as_f64);
                if let (Some(low), Some(expected), Some(high)) =
                    (bound("low"), bound("expected"), bound("high"))
                {
                    let ordered = low <= expected && expected <= high && low >= 0.0;
                    check(ordered, || format!("{name}: {low} {expected} {high}"))?;
                }
                fields.iter().try_for_each(|(name, value)| walk(name, value))
            }
            Value::Number(number) => {
                check(number.as_f64().is_some_and(f64::is_finite), || format!("{name}: {number}"))
            }
            _ => Ok(()),
        }
    }
    walk("report", &serde_json::to_value(question.report()).map_err(|error| error.to_string())?)
}

fn bills_add_up(question: &Question) -> Result<(), String> {
    for cell in question.cells() {
        let bills = cell.devices.iter().map(|bill| (bill.used_bytes, &bill.items));
        let bills = bills.chain([(cell.host.used_bytes, &cell.host.items)]);
        for (used, items) in bills {
            let sum = sum_of_items(items);
            check(sum == used, || format!("lines {sum:?}, used {used:?}"))?;
        }
        let system = |item: &&BillItem| item.term != Term::OperatingSystem;
        let used = cell.devices.iter().map(|bill| bill.used_bytes);
        let in_ram = cell.host.items.iter().filter(system).map(|item| item.bytes);
        let total: Interval<Bytes> = used.chain(in_ram).sum();
        check(total == cell.total_bytes, || format!("bills {total:?}, {:?}", cell.total_bytes))?;
    }
    Ok(())
}

fn the_verdict_is_the_bill_s(question: &Question) -> Result<(), String> {
    for cell in question.cells() {
        let Some(left) = cell.devices.iter().map(|bill| bill.headroom_bytes()).min() else {
            continue;
        };
        if runs(cell) {
            // Metal's working set is a recommendation.
            let limited = cell.devices.iter().all(|bill| !bill.usable_basis.starts_with("Metal"));
            check(left == cell.headroom_bytes && (left >= 0 || !limited), || {
                format!("{:?} with {} left, bill {left}", cell.verdict, cell.headroom_bytes)
            })?;
        }
        let high = cell.devices.iter().map(|b| b.usable_bytes.minus(b.needed_bytes().high)).min();
        if matches!(cell.verdict, Verdict::Fits | Verdict::Tight) {
            let fits = high.is_some_and(|high| high >= 0);
            check(fits || cell.verdict == Verdict::Tight, || format!("fits with {high:?} left"))?;
        }
    }
    Ok(())
}

fn overviews_are_those_of_the_cells(question: &Question) -> Result<(), String> {
    let (catalog, scenario) = (Catalog::bundled(), question.scenario());
    let mut overviews = Vec::new();
    for model in &scenario.models {
        let Ok(files) = estimate::files(catalog, &scenario, model, None) else { continue };
        for machine in &scenario.machines {
            let of_machine = estimate::overviews(catalog, &scenario, &files, machine);
            overviews.extend(of_machine.into_iter().flatten());
        }
    }
    let cells: Vec<Overview> = question.cells().iter().map(Overview::from).collect();
    check(cells == overviews, || format!("cells {cells:?}, overviews {overviews:?}"))
}

fn no_is_no(question: &Question) -> Result<(), String> {
    for cell in question.cells().iter().filter(|cell| !runs(cell)) {
        check(cell.copies == 0, || format!("no, {} copies", cell.copies))?;
        if cell.max_users == 0 {
            let none = cell.speed.no_speed == Some(NoSpeed::DoesNotFit);
            check(none && cell.speed.decode_tps.is_none(), || "no, with a speed".to_owned())?;
        }
    }
    Ok(())
}

fn fits_is_counted(question: &Question) -> Result<(), String> {
    let scenario = question.scenario();
    for cell in question.cells().iter().filter(|cell| cell.verdict == Verdict::Fits) {
        let counts = (cell.copies, cell.max_users, cell.max_context);
        let enough = cell.copies >= 1
            && cell.max_users >= scenario.users.min(cell.max_users.max(1))
            && cell.max_context >= scenario.context.min(cell.max_context.max(1));
        check(enough, || format!("fits, copies, users, context {counts:?}"))?;
    }
    Ok(())
}

/// Whether the cell of a question fits, and the same for one that is refused or has none: no.
fn fits(question: &Question) -> bool {
    question.cell().is_some_and(|cell| cell.verdict == Verdict::Fits)
}

fn most_users_fit(question: &Question) -> Result<(), String> {
    let Some(cell) = question.cell() else { return Ok(()) };
    let users = |users: u64| question.with(&[("users", &users)]);
    let verdict = |question: &Question| question.cell().map(|cell| cell.verdict);
    let (most, in_ram) = (cell.max_users, cell.offload_max_users);
    if most > 0 {
        let at = users(most);
        check(fits(&at), || format!("{most} users: {:?}", verdict(&at)))?;
        let more = users(most + 1);
        // Beyond as many as the engine schedules, users wait, which takes no memory.
        let waits = more.cell().is_some_and(|more| more.max_users == most);
        let all = most == Bounds::USERS.max;
        check(all || !fits(&more) || waits, || {
            format!("{} users fit as well as {most}", most + 1)
        })?;
    }
    if let Some(most) = in_ram {
        check(users(most).cell().is_some_and(runs), || format!("{most} users do not run"))?;
        let more = users(most + 1);
        let run = most < Bounds::USERS.max && more.cell().is_some_and(runs);
        check(!run, || format!("{} users run, not {most}", most + 1))?;
    }
    check(in_ram.is_some() == (cell.verdict == Verdict::Offload), || format!("{in_ram:?}"))
}

fn longest_context_fits(question: &Question) -> Result<(), String> {
    let Some(cell) = question.cell() else { return Ok(()) };
    let context = |context: u64| question.with(&[("ctx", &context)]);
    let verdict = |question: &Question| question.cell().map(|cell| cell.verdict);
    let (longest, in_ram) = (cell.max_context, cell.offload_max_context);
    if longest > 0 {
        let at = context(longest);
        check(fits(&at), || format!("{longest} tokens: {:?}", verdict(&at)))?;
        let more = longest + STEP;
        let longer = more <= Bounds::CONTEXT.max && fits(&context(more));
        check(!longer, || format!("{more} tokens fit as well as {longest}"))?;
    }
    if let Some(longest) = in_ram {
        check(context(longest).cell().is_some_and(runs), || format!("{longest} does not run"))?;
        let more = longest + STEP;
        let longer = more <= Bounds::CONTEXT.max && context(more).cell().is_some_and(runs);
        check(!longer, || format!("{more} tokens run, not only {longest}"))?;
    }
    check(in_ram.is_some() == (cell.verdict == Verdict::Offload), || format!("{in_ram:?}"))
}

fn more_users_have_no_longer_context(question: &Question) -> Result<(), String> {
    let users = question.scenario().users.min(Bounds::USERS.max - 1);
    let question = &question.with(&[("users", &users)]);
    let more = question.with(&[("users", &(users + 1))]);
    let (Some(cell), Some(other)) = (question.cell(), more.cell()) else { return Ok(()) };
    // Under llama.cpp one sequence after the other picks its blocks (MiniMax-M3), in buffers for the
    // tokens that are its part of the batch: with more users they are smaller.
    let model = question.scenario().models.first().and_then(|id| Catalog::bundled().model(id));
    let layers = model.into_iter().flat_map(|model| &model.architecture().layers);
    if layers.filter_map(|layer| layer.mixer.attention()).any(|a| a.indexer.is_some()) {
        return Ok(());
    }
    // llama.cpp rounds its microbatch up to a multiple of the sequences, so that buffers for 8 users
    // are smaller than those for 7.
    let scenario = question.scenario();
    let is_llama_cpp = scenario.engines.iter().any(|e| e.rules_engine() == Engine::LlamaCpp);
    let tokens = |users: u64| scenario.ubatch.next_multiple_of(users) as f64;
    let rounding = if is_llama_cpp { (tokens(users) / tokens(users + 1)).max(1.0) } else { 1.0 };
    for (fewer, longer) in contexts(cell, other) {
        let holds = longer as f64 <= fewer as f64 * rounding
            || is_llama_cpp && buffers_shrink(question, &more, longer);
        check(holds, || format!("{users}: {fewer} tokens, one more: {longer}"))?;
    }
    Ok(())
}

/// Whether llama.cpp's own buffers are smaller for `more` users than for those of `question`, where
/// the layers lie as they do for `more` users with so long a context. Tokens of a batch are divided
/// among the sequences, so that with some numbers of them no tensor is as large as a gap that another
/// one left: in the layers of Gemma 4 E4B on the host, 14 users need 1.9 GB more than 15.
fn buffers_shrink(question: &Question, more: &Question, context: u64) -> bool {
    let longest = more.with(&[("ctx", &context)]);
    let Some(cell) = longest.cell() else { return false };
    let parts = || cell.placement.parts.iter();
    let on_devices = parts().filter(|part| !part.devices.is_empty());
    let layers: u64 =
        on_devices.map(|part| part.layers.1 - part.layers.0 + u64::from(part.head)).sum();
    let offload = match cell.placement.reason {
        PlacementReason::LayersToHost => format!("ngl:{layers}"),
        PlacementReason::ExpertsToHost => {
            let on_host = parts().filter(|part| part.devices.is_empty());
            format!("experts:{}", on_host.map(|part| part.experts.1).max().unwrap_or_default())
        }
        _ => "none".to_owned(),
    };
    let buffers = |question: &Question| {
        let by_hand = question.with(&[("ctx", &context), ("offload", &offload)]);
        let items = by_hand.cell()?.devices.iter().flat_map(|bill| bill.items.clone());
        let compute = items.filter(|item| item.term == Term::Compute);
        Some(compute.map(|item| item.bytes.expected).sum::<Bytes>())
    };
    buffers(question).zip(buffers(more)).is_some_and(|(fewer, more)| fewer > more)
}

/// The longest contexts of two cells, of each kind that both have.
fn contexts(a: &Cell, b: &Cell) -> impl Iterator<Item = (u64, u64)> {
    let in_ram = a.offload_max_context.zip(b.offload_max_context);
    [(a.max_context, b.max_context)].into_iter().chain(in_ram)
}

fn a_longer_context_fits_no_better(question: &Question) -> Result<(), String> {
    let context = question.scenario().context;
    let longer = question.with(&[("ctx", &(context * 2).min(Bounds::CONTEXT.max))]);
    let (Some(cell), Some(other)) = (question.cell(), longer.cell()) else { return Ok(()) };
    check(rank(other.verdict) <= rank(cell.verdict), || {
        format!("{:?}, twice the context {:?}", cell.verdict, other.verdict)
    })
}

fn less_memory_fits_no_better(question: &Question) -> Result<(), String> {
    let reserve = question.scenario().reserve.0;
    let more = Bytes((reserve + (1 << 30)).min(1 << 40));
    let less = question.with(&[("reserve", &format!("{}B", more.0))]);
    let (Some(cell), Some(other)) = (question.cell(), less.cell()) else { return Ok(()) };
    check(rank(other.verdict) <= rank(cell.verdict), || {
        format!("{:?}, with a GiB less {:?}", cell.verdict, other.verdict)
    })
}

/// llama.cpp only: serving engines refuse numbers of devices, and set aside more for each rank.
fn a_second_card_takes_nothing(question: &Question) -> Result<(), String> {
    let scenario = question.scenario();
    let plain = ["ts", "split", "mg"].iter().all(|key| question.value(key).is_none());
    // What is to lie on the devices is then divided as the engine does it, with a buffer for each card
    // and a pipeline between them.
    let is_free = matches!(scenario.offload, Offload::Auto | Offload::None);
    let (Some(Engine::LlamaCpp), true, [machine]) = (
        scenario.engines.first().map(|engine| engine.rules_engine()),
        plain && is_free,
        scenario.machines.as_slice(),
    ) else {
        return Ok(());
    };
    let [device] = machine.devices.as_slice() else { return Ok(()) };
    // Several machines with one memory each are no larger one.
    let kind = Catalog::bundled().device(&device.id).map(|device| device.kind);
    if kind != Some(DeviceKind::Discrete) {
        return Ok(());
    }
    let mut more = machine.clone();
    more.devices[0].count = device.count + 1;
    if u64::from(device.count) >= Bounds::DEVICES.max {
        return Ok(());
    }
    let other = question.with(&[("hw", &more)]);
    let (Some(cell), Some(other)) = (question.cell(), other.cell()) else { return Ok(()) };
    check(rank(other.verdict) >= rank(cell.verdict), || {
        format!("{:?}, one card more {:?}", cell.verdict, other.verdict)
    })?;
    for (fewer, more) in contexts(cell, other) {
        check(more >= fewer, || format!("{fewer} tokens, one card more {more}"))?;
    }
    Ok(())
}

fn auto_is_best(question: &Question) -> Result<(), String> {
    let scenario = question.scenario();
    if scenario.offload != Offload::Auto {
        return Ok(());
    }
    let Some(cell) = question.cell() else { return Ok(()) };
    for offload in ["ngl:0", "ngl:1", "ngl:2", "ngl:8", "ngl:24", "experts", "experts:4", "none"] {
        let asked = question.with(&[("offload", &offload)]);
        let Some(other) = asked.cell() else { continue };
        check(rank(other.verdict) <= rank(cell.verdict), || {
            format!("{:?}, {offload} {:?}", cell.verdict, other.verdict)
        })?;
    }
    Ok(())
}

fn experts_in_ram_are_no_faster(question: &Question) -> Result<(), String> {
    let Some(cell) = question.cell().filter(|cell| cell.verdict == Verdict::Fits) else {
        return Ok(());
    };
    let scenario = question.scenario();
    if scenario.offload != Offload::Auto || cell.devices.is_empty() || cell.ram_bytes() == Bytes(0)
    {
        return Ok(());
    }
    // A named host can have faster memory than its card.
    let named = cell.speed.speed_basis.as_ref().is_some_and(|basis| basis.host_assumed.is_none());
    let asked = question.with(&[("offload", &"experts")]);
    let Some(other) = asked.cell().filter(|other| other.verdict == Verdict::Offload) else {
        return Ok(());
    };
    let assumed = other.speed.speed_basis.as_ref().is_some_and(|b| b.host_assumed.is_some());
    if named && !assumed {
        return Ok(());
    }
    let tps = |cell: &Cell| cell.speed.decode_tps.map(|tps| tps.expected);
    let (Some(all), Some(part)) = (tps(cell), tps(other)) else { return Ok(()) };
    check(part <= all * CLOSE, || format!("{all} tokens/s, with experts in RAM {part}"))
}

/// Seconds to the first token of one user.
fn first_token(question: &Question) -> Option<f64> {
    Some(question.with(&[("users", &1)]).cell()?.speed.ttft_s?.expected)
}

fn prompts_are_steps_at_most(question: &Question) -> Result<(), String> {
    let scenario = question.scenario();
    let measured = !scenario.serving.measured.is_empty();
    if measured || scenario.addons.draft.is_some() || scenario.addons.mtp > 0 {
        return Ok(());
    }
    for tokens in [1, 16, 31] {
        let asked = question.with(&[("prompt", &tokens), ("prefix", &0), ("users", &1)]);
        let Some(cell) = asked.cell() else { continue };
        let (Some(first), Some(step)) = (cell.speed.prefill_tps, cell.speed.decode_tps) else {
            continue;
        };
        // The step is at the full context: no faster than those of the prompt.
        let steps = tokens as f64 / step.expected;
        let prompt = tokens as f64 / first.expected;
        check(prompt <= steps * CLOSE, || format!("{tokens} tokens {prompt} s, steps {steps} s"))?;
    }
    Ok(())
}

fn shorter_prompts_are_no_slower(question: &Question) -> Result<(), String> {
    let asked = |prompt: u64, prefix: u64| {
        first_token(&question.with(&[("prompt", &prompt), ("prefix", &prefix)]))
    };
    if let Some(times) =
        [1, 31, 32, 33, 512, 513, 1024].map(|n| asked(n, 0)).into_iter().collect::<Option<Vec<_>>>()
    {
        check(times.is_sorted_by(|a, b| *a <= b * CLOSE), || format!("prompts {times:?}"))?;
    }
    if let Some(times) =
        [1008, 512, 8, 0].map(|n| asked(1024, n)).into_iter().collect::<Option<Vec<_>>>()
    {
        check(times.is_sorted_by(|a, b| *a <= b * CLOSE), || format!("prefixes {times:?}"))?;
    }
    Ok(())
}

fn speeds_are_ordered(question: &Question) -> Result<(), String> {
    for cell in question.cells() {
        let (Some(deep), Some(empty)) = (cell.speed.decode_tps, cell.speed.decode_tps_empty) else {
            continue;
        };
        check(deep.expected <= empty.expected * CLOSE, || format!("{deep:?} {empty:?}"))?;
        let running = cell.speed.running.unwrap_or(1);
        check(running >= 1, || format!("{running} run"))?;
    }
    Ok(())
}

fn suggestions_help(question: &Question) -> Result<(), String> {
    for notice in &question.report().notices {
        let Notice::EngineRefuses(refusal) = notice else { continue };
        for suggestion in &refusal.nearest {
            let Suggestion::Set { key, value } = suggestion else { continue };
            let changed = question.with(&[(key.as_str(), value)]);
            let same = changed.report().notices.iter().any(|other| match other {
                // One rule may forbid several settings, of which the first is told.
                Notice::EngineRefuses(other) => {
                    let about = |asked: &str| asked.split('=').next().map(str::to_owned);
                    other.rule == refusal.rule
                        && other.engine == refusal.engine
                        && about(&other.asked) == about(&refusal.asked)
                }
                _ => false,
            });
            check(!same, || format!("{key}={value} is refused again: {:?}", refusal.rule))?;
        }
    }
    Ok(())
}
