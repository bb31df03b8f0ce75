//! From a question to its answer: the one place where catalogue, engine, placement and advice
//! meet.

mod speed;

pub use speed::Pace;

use crate::advice::{Room, headroom, verdict};
use crate::architecture::count;
use crate::catalog::{Catalog, Suggestion};
use crate::engine::{self, File};
use crate::placement::Hardware;
use crate::report::{Cell, Item, Notice, Report, Term};
use crate::scenario::{Engine, Machine, Problem, Scenario, Selected};
use crate::units::{Bytes, Interval};
use speed::{FileWork, Subject};

/// The version of the [`Report`] structure.
pub const REPORT_VERSION: u32 = 1;

/// The most cells that one report answers.
pub const MAX_CELLS: u64 = 20_000;

/// Answers `scenario` from `catalog`, cell by cell. `problems` are what reading its query string
/// gave.
pub fn report(catalog: &Catalog, scenario: &Scenario, problems: Vec<Problem>) -> Report {
    let mut notices: Vec<Notice> = problems.into_iter().map(Notice::Query).collect();
    notices.extend(advisories(catalog, scenario));
    let mut cells = Vec::new();
    let Scenario { models, machines, quants, engines, .. } = scenario;
    let asked = [models.len(), machines.len(), quants.len(), engines.len()]
        .into_iter()
        .fold(1u64, |n, entries| n.saturating_mul(entries as u64));
    if asked > MAX_CELLS {
        notices.push(Notice::TooManyCells { cells: asked, most: MAX_CELLS });
    }
    for id in &scenario.models {
        if cells.len() as u64 >= MAX_CELLS {
            break;
        }
        for answer in row(catalog, scenario, id) {
            match answer {
                Ok(cell) => cells.push(cell),
                Err(notice) if notices.contains(&notice) => {}
                Err(notice) => notices.push(notice),
            }
        }
    }
    Report { version: REPORT_VERSION, query: scenario.to_query(), notices, cells }
}

/// The answers for one model: each machine x quantisation x engine, in that order; a single error
/// where the model itself is not in the catalogue.
///
/// An answer is an error where the model or a device is not in the catalogue, or the engine
/// cannot run the one or use the other; the notice names the id and the nearest real ones.
pub fn row(catalog: &Catalog, scenario: &Scenario, model_id: &str) -> Vec<Result<Cell, Notice>> {
    let Some(model) = catalog.model(model_id) else {
        let Suggestion { never_released, nearest } = catalog.suggest_model(model_id);
        return vec![Err(Notice::UnknownModel {
            id: model_id.to_owned(),
            never_released,
            nearest,
        })];
    };
    let pairs = scenario
        .quants
        .iter()
        .flat_map(|quant| scenario.engines.iter().map(move |engine| (*engine, *quant)));
    let files: Vec<_> = pairs
        .map(|(engine, quant)| {
            (engine, engine::file(engine, model, quant, scenario), FileWork::default())
        })
        .collect();
    let mut cells = Vec::with_capacity(scenario.machines.len() * files.len());
    for machine in &scenario.machines {
        match Hardware::resolve(catalog, scenario, machine) {
            Err(notice) => cells.extend(files.iter().map(|_| Err(notice.clone()))),
            Ok(hardware) => cells.extend(files.iter().map(|(engine, file, work)| match file {
                Ok(file) => {
                    let loaded = Loaded { engine: *engine, file, work };
                    cell(catalog, scenario, loaded, machine, &hardware)
                }
                Err(notice) => Err(notice.clone()),
            })),
        }
    }
    cells
}

/// What the reader should know although every cell can be answered.
pub fn advisories(catalog: &Catalog, scenario: &Scenario) -> Vec<Notice> {
    let mut notices = Vec::new();
    if !scenario.flash_attention && scenario.kv.v.block_elements() > 1 {
        let kv_type = scenario.kv.v.name().to_ascii_lowercase();
        notices.push(Notice::QuantisedValuesNeedFlashAttention { kv_type });
    }
    for model in scenario.models.iter().filter_map(|id| catalog.model(id)) {
        if let Some(trained) = model.architecture().max_context
            && scenario.context > trained
        {
            let (id, context) = (model.id.clone(), scenario.context);
            notices.push(Notice::ContextBeyondTraining { id, context, trained });
        }
    }
    notices
}

/// The cell at `at` of `scenario` as something that can be asked for its speed at any depth and
/// number of users; `None` where there is no such cell or no estimate of it.
pub fn pace(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Option<Pace> {
    let model = catalog.model(scenario.models.get(at.model)?)?;
    let engine = *scenario.engines.get(at.engine)?;
    let file = engine::file(engine, model, *scenario.quants.get(at.quant)?, scenario).ok()?;
    let machine = scenario.machines.get(at.machine)?;
    let hardware = Hardware::resolve(catalog, scenario, machine).ok()?;
    let run = engine::run(engine, &file, &hardware, scenario).ok()?;
    let run = run.as_ref();
    let loads = run.loads(scenario.context, scenario.users);
    let verdict = verdict(run, &loads);
    let max_users = Room::new(scenario, run, &loads, verdict).max_users();
    let (file, work) = (&file, &FileWork::default());
    Subject { catalog, scenario, engine, file, work, run, verdict, max_users }.pace().ok()
}

/// A file as an engine loads it.
#[derive(Clone, Copy)]
struct Loaded<'a> {
    engine: Engine,
    file: &'a File<'a>,
    work: &'a FileWork,
}

/// One model on one machine at one quantisation under one engine.
///
/// # Errors
/// The engine has no backend for a device, or refuses a setting.
fn cell(
    catalog: &Catalog,
    scenario: &Scenario,
    Loaded { engine, file, work }: Loaded<'_>,
    machine: &Machine,
    hardware: &Hardware<'_>,
) -> Result<Cell, Notice> {
    let run = engine::run(engine, file, hardware, scenario)?;
    let run = run.as_ref();
    let loads = run.loads(scenario.context, scenario.users);
    let verdict = verdict(run, &loads);

    let (devices, host) = run.bills(scenario.context, scenario.users);
    let on_devices = || devices.iter().flat_map(|bill| &bill.items);
    let term = |terms: &[Term]| {
        let items = on_devices().chain(&host.items).filter(|item| terms.contains(&item.term));
        items.map(|item| item.bytes).sum::<Interval<Bytes>>()
    };
    let overhead_bytes: Interval<Bytes> =
        on_devices().filter(|item| item.term == Term::Overhead).map(|item| item.bytes).sum();
    let loaded_bytes = term(&[Term::Weights, Term::TiedOutput]).expected;
    let [kv, recurrent] = [term(&[Term::KvCache]), term(&[Term::RecurrentState])];
    let compute_bytes = term(&[Term::Compute, Term::CudaGraphs]);
    let of_the_model = |item: &&Item| item.term != Term::Overhead;
    let total_bytes = on_devices().map(|item| item.bytes).sum::<Interval<Bytes>>()
        + host.items.iter().filter(of_the_model).map(|item| item.bytes).sum();
    let device_bytes = match devices.is_empty() {
        true => total_bytes,
        false => devices.iter().map(|bill| bill.used_bytes).sum(),
    };
    let architecture = file.model().architecture();
    let params = count(architecture);
    let room = Room::new(scenario, run, &loads, verdict);
    let max_users = room.max_users();
    let speed = Subject { catalog, scenario, engine, file, work, run, verdict, max_users }.speed();
    Ok(Cell {
        model: file.model().id.clone(),
        hardware: machine.to_query(),
        quant: file.quant().to_string(),
        engine: engine.name().to_owned(),
        params_total: params.text,
        params_active: params.active,
        weights_bytes: file.bytes(),
        loaded_bytes,
        kv_bytes: kv.expected,
        recurrent_bytes: recurrent.expected,
        compute_bytes,
        overhead_bytes,
        total_bytes,
        device_bytes,
        verdict,
        headroom_bytes: headroom(&loads, verdict),
        max_context: room.max_context(),
        trained_context: architecture.max_context,
        max_users,
        copies: room.copies(),
        speed,
        flags: run.flags(),
        devices,
        host,
    })
}
