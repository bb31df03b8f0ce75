//! From a question to its answer: the one place where catalogue, engine, placement and advice
//! meet.

use crate::advice::{Room, flags, headroom, settings, verdict, whole};
use crate::architecture::count;
use crate::catalog::{Catalog, Suggestion};
use crate::engine::llama_cpp::layer_states;
use crate::memory::{ModelFile, Setup};
use crate::placement::{Hardware, solve};
use crate::quant::Quant;
use crate::report::{Cell, Item, Notice, Report, Term, Verdict};
use crate::scenario::{Machine, Problem, Scenario};
use crate::units::{Bytes, Interval};

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
    let asked = (scenario.models.len() * scenario.machines.len() * scenario.quants.len()) as u64;
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

/// The answers for one model: each machine x quantisation, in that order.
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
    let file = |quant: &Quant| ModelFile::new(model, *quant, scenario.imatrix);
    let files: Vec<_> = scenario.quants.iter().map(file).collect();
    let mut cells = Vec::with_capacity(scenario.machines.len() * files.len());
    for machine in &scenario.machines {
        match Hardware::resolve(catalog, scenario, machine) {
            Err(notice) => cells.push(Err(notice)),
            Ok(hardware) => cells.extend(files.iter().map(|file| match file {
                Ok(file) => cell(scenario, file, machine, &hardware),
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

/// One model on one machine at one quantisation.
///
/// # Errors
/// The engine has no backend for a device.
fn cell(
    scenario: &Scenario,
    file: &ModelFile<'_>,
    machine: &Machine,
    hardware: &Hardware<'_>,
) -> Result<Cell, Notice> {
    let setup = Setup::new(file, hardware)?;
    let settings = settings(scenario, scenario.context, scenario.users);

    let architecture = file.architecture();
    let n_layers = architecture.n_layers();
    let moe_layers = architecture.layers.iter().rposition(|layer| layer.ffn.moe().is_some());
    let expert_layers = moe_layers.map_or(0, |last| last as u64 + 1);
    let memory = hardware.usable();
    let solved = solve(scenario.offload, n_layers, expert_layers, &memory, |placement| {
        setup.loads(&setup.place(placement.clone()), &settings)
    });
    let possible = solved.is_some();
    let placed = setup.place(solved.unwrap_or_else(|| whole(n_layers, &memory)));
    let loads = setup.loads(&placed, &settings);
    let verdict = match possible {
        true => verdict(&placed.placement, n_layers, &loads),
        false => Verdict::No,
    };

    let (devices, host) = setup.bills(&placed, &settings);
    let on_devices = || devices.iter().flat_map(|bill| &bill.items);
    let term = |term| {
        let items = on_devices().chain(&host.items).filter(move |item| item.term == term);
        items.map(|item| item.bytes).sum::<Interval<Bytes>>()
    };
    let overhead_bytes: Interval<Bytes> =
        on_devices().filter(|item| item.term == Term::Overhead).map(|item| item.bytes).sum();
    let loaded_bytes = placed.model.devices.iter().copied().sum::<Bytes>() + placed.model.host;
    let states = layer_states(architecture, &settings);
    let kv_bytes: Bytes = states.iter().map(|state| state.kv).sum();
    let recurrent_bytes: Bytes = states.iter().map(|state| state.recurrent).sum();
    let compute_bytes = term(Term::Compute);
    let of_the_model = |item: &&Item| item.term != Term::Overhead;
    let total_bytes = on_devices().map(|item| item.bytes).sum::<Interval<Bytes>>()
        + host.items.iter().filter(of_the_model).map(|item| item.bytes).sum();
    let device_bytes = match devices.is_empty() {
        true => total_bytes,
        false => devices.iter().map(|bill| bill.used_bytes).sum(),
    };
    let params = count(architecture);
    let room = Room::new(scenario, &setup, &placed, verdict);
    Ok(Cell {
        model: file.model.id.clone(),
        hardware: machine.to_query(),
        quant: file.quant.to_string(),
        engine: scenario.engine.name().to_owned(),
        params_total: params.text,
        params_active: params.active,
        weights_bytes: file.bytes(),
        loaded_bytes,
        kv_bytes,
        recurrent_bytes,
        compute_bytes,
        overhead_bytes,
        total_bytes,
        device_bytes,
        verdict,
        headroom_bytes: headroom(&loads, verdict),
        max_context: room.max_context(),
        trained_context: architecture.max_context,
        max_users: room.max_users(),
        copies: room.copies(),
        flags: flags(scenario, &placed.placement, architecture, &memory),
        devices,
        host,
    })
}
