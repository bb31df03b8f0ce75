//! From a question to its answer: the one place where catalogue, engine, placement and advice meet.

mod speed;
mod store;
mod threads;

pub use speed::CellSpeed;
pub use store::FileStore;
pub use threads::on_every_core;

use std::sync::Arc;

use crate::advice::{self, Capacity, Seated, headroom};
use crate::catalog::{Catalog, FileTypes, Model};
use crate::economy;
use crate::engine::{self, Effort, ModelFiles, Run};
use crate::hardware::{Hardware, Load, Loads};
use crate::quant::Quant;
use crate::report::{
    self, BillItem, Cell, Notice, Overview, PlacementReason, Report, Summary, Term, Verdict,
    find_model,
};
use crate::scenario::{Engine, Machine, Offload, Problem, Scenario, Selected};
use crate::units::{Bytes, Interval};
use speed::{Corrections, LayerWorkCache, SpeedInput};
use store::OpenedFile;

/// The version of the [`Report`] structure.
pub const REPORT_VERSION: u32 = 2;

/// Maximum number of cells in one report and in one table.
pub const MAX_CELLS: u64 = 20_000;

/// The part of a question that is answered: its first models on its first machines, with all
/// quantisations and engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Number of models.
    pub models: usize,
    /// Number of machines.
    pub machines: usize,
    /// Number of requested cells.
    asked: u64,
    /// Number of answered cells.
    cells: u64,
}

impl Answered {
    /// Returns what of `scenario` is answered with at most [`MAX_CELLS`] cells: whole models, and
    /// of one model alone whole machines.
    pub fn of(scenario: &Scenario) -> Answered {
        let product =
            |counts: &[usize]| counts.iter().fold(1u64, |n, count| n.saturating_mul(*count as u64));
        let Scenario { models, machines, quants, engines, .. } = scenario;
        let fit = |each: u64| usize::try_from(MAX_CELLS / each.max(1)).unwrap_or(usize::MAX).max(1);
        let row = product(&[quants.len(), engines.len()]);
        let machines_answered = machines.len().min(fit(row));
        let models_answered = models.len().min(fit(row.saturating_mul(machines_answered as u64)));
        Answered {
            models: models_answered,
            machines: machines_answered,
            asked: product(&[models.len(), machines.len(), quants.len(), engines.len()]),
            cells: product(&[models_answered, machines_answered, quants.len(), engines.len()]),
        }
    }

    /// Returns the notice that not all is answered, where that is so.
    pub fn notice(self) -> Option<Notice> {
        let Answered { asked, cells, .. } = self;
        (asked > cells).then_some(Notice::TooManyCells { cells: asked, most: cells })
    }
}

/// Answers `scenario` from `catalog`, cell by cell. `problems` are those found in its query string.
pub fn report(catalog: &Catalog, scenario: &Scenario, problems: Vec<Problem>) -> Report {
    report_with(&FileStore::default(), catalog, scenario, problems)
}

/// Answers as [`report()`] does, with the files of `store`.
pub fn report_with<'a>(
    store: &FileStore<'a>,
    catalog: &'a Catalog,
    scenario: &Scenario,
    problems: Vec<Problem>,
) -> Report {
    let mut notices: Vec<Notice> = problems.into_iter().map(Notice::Query).collect();
    notices.extend(advisories(catalog, scenario));
    let mut cells = Vec::new();
    let answered = Answered::of(scenario);
    notices.extend(answered.notice());
    let machines = scenario.machines.iter().take(answered.machines).cloned().collect();
    let part = Scenario { machines, ..scenario.clone() };
    let models = &scenario.models[..answered.models];
    let row = |at: usize| row_with(store, catalog, &part, &models[at]);
    for answer in on_every_core(models.len(), row).into_iter().flatten() {
        match answer {
            Ok(cell) => cells.push(cell),
            Err(notice) if notices.contains(&notice) => {}
            Err(notice) => notices.push(notice),
        }
    }
    let machines =
        scenario.machines.iter().filter_map(|machine| self::machine(catalog, scenario, machine));
    let machines = machines.collect();
    let hosted = scenario.models.iter().filter_map(|model| self::hosted(catalog, scenario, model));
    let hosted = hosted.collect();
    Report { version: REPORT_VERSION, query: scenario.to_query(), notices, cells, machines, hosted }
}

/// Returns the cells of one model, each machine x quantisation x engine in that order; a single
/// error if the model is not in the catalogue.
///
/// A cell is an error if the model or a device is not in the catalogue, or the engine cannot run
/// the model or use the device; the notice names the id and the nearest known ones.
pub fn row(catalog: &Catalog, scenario: &Scenario, model_id: &str) -> Vec<Result<Cell, Notice>> {
    row_with(&FileStore::default(), catalog, scenario, model_id)
}

/// Answers as [`row`] does, with the files of `store`.
pub fn row_with<'a>(
    store: &FileStore<'a>,
    catalog: &'a Catalog,
    scenario: &Scenario,
    model_id: &str,
) -> Vec<Result<Cell, Notice>> {
    match store.files(catalog, scenario, model_id) {
        Err(notice) => vec![Err(notice)],
        Ok(files) => {
            let cells = |machine| cells(catalog, scenario, &files, machine);
            scenario.machines.iter().flat_map(cells).collect()
        }
    }
}

/// Returns the question of the cell at `at` of `scenario` alone, in the format that it is answered
/// in, and its answer; `None` if there is no such cell or it has none.
pub fn alone(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Option<(Scenario, Cell)> {
    alone_with(&FileStore::default(), catalog, scenario, at)
}

/// Answers as [`alone`] does, with the files of `store`.
pub fn alone_with<'a>(
    store: &FileStore<'a>,
    catalog: &'a Catalog,
    scenario: &Scenario,
    at: Selected,
) -> Option<(Scenario, Cell)> {
    let engine = *scenario.engines.get(at.engine)?;
    let quant = format_in(scenario, engine, *scenario.quants.get(at.quant)?);
    let ask = Scenario {
        models: vec![scenario.models.get(at.model)?.clone()],
        machines: vec![scenario.machines.get(at.machine)?.clone()],
        quants: vec![quant],
        engines: vec![engine],
        selected: None,
        unused: Vec::new(),
        ..scenario.clone()
    };
    let cell = row_with(store, catalog, &ask, &ask.models[0]).pop()?.ok()?;
    Some((ask, cell))
}

/// A model's files for each requested quantisation x engine, in that order. They are independent of
/// the machine.
pub type Files<'a> = Vec<FileFor<'a>>;

/// The file that an engine loads for a quantisation. A copy shares what is found out about it.
#[derive(Clone, Debug)]
pub struct FileFor<'a> {
    engine: Engine,
    /// The requested quantisation, if the file is in another.
    requested_quant: Option<Quant>,
    opened: Arc<OpenedFile<'a>>,
}

/// The quantisation x engine pairs of `scenario`, in the order of its cells.
fn pairs(scenario: &Scenario) -> impl Iterator<Item = (Engine, Quant)> {
    let with = |quant: &Quant| {
        let quant = *quant;
        scenario.engines.iter().map(move |engine| (*engine, quant))
    };
    scenario.quants.iter().flat_map(with)
}

/// Returns the files of a model. They depend on the quantisations, engines, cache types and
/// quantisation method of `scenario`, but not on machines, context, users or available memory.
///
/// In a comparison of several engines, a format means "about this many bits": an engine that does
/// not load it appears with its nearest format, unless that one is requested as well or no other
/// engine loads the requested format either.
///
/// `before` are files of the same model for another scenario, whose graph cache is reused.
///
/// # Errors
/// The model is not in the catalogue.
pub fn files<'a>(
    catalog: &'a Catalog,
    scenario: &Scenario,
    model_id: &str,
    before: Option<&Files<'a>>,
) -> Result<Files<'a>, Notice> {
    let model = find_model(catalog, model_id)?;
    let before = before.into_iter().flatten().filter_map(|file| file.opened.file.as_ref().ok());
    let mut before = before.filter(|file| file.model().id == model.id);
    let graphs = before.find_map(ModelFiles::graphs).cloned().unwrap_or_default();
    let file = |(engine, asked)| {
        let quant = format_in(scenario, engine, asked);
        let opened = OpenedFile::new(catalog, scenario, model, (engine, quant), &graphs);
        let requested_quant = (quant != asked).then_some(asked);
        FileFor { engine, requested_quant, opened: Arc::new(opened) }
    };
    Ok(pairs(scenario).map(file).collect())
}

/// The format in which `engine` loads a model requested as `quant`: see [`files`].
pub fn format_in(scenario: &Scenario, engine: Engine, quant: Quant) -> Quant {
    let Scenario { engines, quants, .. } = scenario;
    let nearest = engine::nearest_format(engine, quant);
    if nearest.is_also_called(quant) {
        return nearest;
    }
    match engines.iter().any(|engine| engine::loads_format(*engine, quant)) {
        true if !quants.contains(&nearest) => nearest,
        _ => quant,
    }
}

/// Returns the cells of `files` on one machine, in the order of the files. A device that is not in
/// the catalogue makes each of them an error.
pub fn cells(
    catalog: &Catalog,
    scenario: &Scenario,
    files: &[FileFor<'_>],
    machine: &Machine,
) -> Vec<Result<Cell, Notice>> {
    match MachineFor::new(catalog, scenario, machine) {
        Ok(machine) => files.iter().map(|file| cell(catalog, scenario, file, &machine)).collect(),
        Err(notice) => files.iter().map(|_| Err(notice.clone())).collect(),
    }
}

/// A machine of a question with what is known of it whatever runs on it.
#[derive(Debug)]
pub struct MachineFor<'a> {
    machine: Machine,
    /// Its devices.
    pub hardware: Hardware<'a>,
    /// Corrections by the reader's own measurements, for each engine of the question.
    corrections: Vec<(Engine, Corrections)>,
}

impl<'a> MachineFor<'a> {
    /// Looks up the devices of `machine`, under the memory, platform and engines of `scenario`.
    ///
    /// # Errors
    /// A device is not in the catalogue.
    pub fn new(
        catalog: &'a Catalog,
        scenario: &Scenario,
        machine: &Machine,
    ) -> Result<MachineFor<'a>, Notice> {
        let hardware = Hardware::resolve(catalog, scenario, machine)?;
        let of_engine =
            |engine: &Engine| (*engine, Corrections::new(catalog, scenario, machine, *engine));
        let corrections = scenario.engines.iter().map(of_engine).collect();
        Ok(MachineFor { machine: machine.clone(), hardware, corrections })
    }

    fn corrections(&self, engine: Engine) -> &Corrections {
        static NONE: Corrections = Corrections::none();
        let own = self.corrections.iter().find(|(known, _)| *known == engine);
        own.map_or(&NONE, |(_, corrections)| corrections)
    }
}

/// The summary of the cell of `file` on `machine`; `None` where the cell is an error, or its verdict
/// is none that is `wanted`, as every better one than one that is has to be.
pub fn summary(
    catalog: &Catalog,
    scenario: &Scenario,
    wanted: fn(Verdict) -> bool,
    FileFor { engine, opened, .. }: &FileFor<'_>,
    machine: &MachineFor<'_>,
) -> Option<Summary> {
    let OpenedFile { file, work } = &**opened;
    let file = file.as_ref().ok()?;
    let hardware = &machine.hardware;
    let run = engine::run(*engine, file, hardware, scenario).ok()?;
    let run = run.as_ref();
    // What is stored alone may be too much already.
    let bound = || run.loads_lower_bound(scenario.context, scenario.users);
    if !run.queues() && !wanted(advice::verdict(run, &bound())) {
        return None;
    }
    let Seated { loads, verdict, .. } = Seated::new(scenario, run);
    if !wanted(verdict) {
        return None;
    }
    // How many users there is room for does not change what one of them gets.
    let max_users = scenario.users;
    let (engine, corrections) = (*engine, machine.corrections(*engine));
    let input =
        SpeedInput { catalog, scenario, engine, file, work, run, verdict, max_users, corrections };
    let runs = verdict != Verdict::No;
    let speed = runs.then(|| input.cell_speed().ok()).flatten();
    let decode_tps = speed.map(|cell| cell.setup.decode_tps(scenario.context as f64).expected);
    Some(summary_of(file, hardware, &loads, verdict, decode_tps))
}

/// The summary of what `loads` says of `file`.
fn summary_of(
    file: &ModelFiles<'_>,
    hardware: &Hardware<'_>,
    loads: &Loads,
    verdict: Verdict,
    decode_tps: Option<f64>,
) -> Summary {
    let used = |loads: &[Load]| loads.iter().map(|load| load.used.expected).sum::<Bytes>();
    let on_devices = used(&loads.devices);
    let shared = hardware.shared_use(loads.devices.iter().map(|load| load.used)).expected;
    let in_ram = loads.host.used.expected - shared - hardware.host.system.expected;
    let (device_bytes, ram_bytes) = match loads.devices.is_empty() {
        true => (in_ram, Bytes::ZERO),
        false => (on_devices, in_ram),
    };
    Summary {
        quant: file.quant(),
        verdict,
        device_bytes,
        ram_bytes,
        headroom_bytes: headroom(loads, verdict),
        decode_tps,
    }
}

/// What a table shows of the [`cells`] of `files` on one machine, in their order.
pub fn overviews(
    catalog: &Catalog,
    scenario: &Scenario,
    files: &[FileFor<'_>],
    machine: &Machine,
) -> Vec<Result<Overview, Notice>> {
    match MachineFor::new(catalog, scenario, machine) {
        Ok(machine) => {
            files.iter().map(|file| overview(catalog, scenario, file, &machine)).collect()
        }
        Err(notice) => files.iter().map(|_| Err(notice.clone())).collect(),
    }
}

/// What a table shows of the [`cell`].
///
/// # Errors
/// The engine does not load the model or the format, has no backend for a device, or refuses a
/// setting.
fn overview(
    catalog: &Catalog,
    scenario: &Scenario,
    FileFor { engine, requested_quant, opened }: &FileFor<'_>,
    machine: &MachineFor<'_>,
) -> Result<Overview, Notice> {
    let OpenedFile { file, work } = &**opened;
    let file = file.as_ref().map_err(Clone::clone)?;
    let (engine, corrections) = (*engine, machine.corrections(*engine));
    let hardware = &machine.hardware;
    let run = engine::run(engine, file, hardware, scenario)?;
    let run = run.as_ref();
    let Seated { loads, verdict, .. } = Seated::new(scenario, run);
    let capacity = Capacity::new(scenario, run, &loads, verdict);
    // How many there is room for matters where all together are too many: some of them run.
    let max_users = match (verdict, scenario.users) {
        (Verdict::No, 1) => 0,
        (Verdict::No, _) => capacity.offload_max_users().unwrap_or_else(|| capacity.max_users()),
        (_, users) => users,
    };
    let input =
        SpeedInput { catalog, scenario, engine, file, work, run, verdict, max_users, corrections };
    let decode = input.cell_speed().ok().map(|cell| cell.decode());
    let tps = decode.filter(|_| verdict != Verdict::No).map(|decode| decode.tps.expected);
    let has_devices = !loads.devices.is_empty();
    let on_devices = loads.devices.iter().map(|load| load.usable);
    let (params, copies) = (file.model().count(), capacity.copies());
    Ok(Overview {
        summary: summary_of(file, hardware, &loads, verdict, tps),
        requested_quant: *requested_quant,
        params_total: params.text,
        params_active: params.active,
        weights_bytes: file.bytes(),
        usable_bytes: if has_devices { on_devices.sum() } else { hardware.host.ram },
        has_devices,
        decode,
        copies: copies.count,
        copy_devices: copies.devices,
    })
}

/// The longest context of the cell of `file` on `machine`, and the most users where the question has
/// several, as the cell has them; `None` where the cell is an error.
pub fn room(
    scenario: &Scenario,
    FileFor { engine, opened, .. }: &FileFor<'_>,
    machine: &MachineFor<'_>,
) -> Option<(u64, Option<u64>)> {
    let file = opened.file.as_ref().ok()?;
    let run = engine::run(*engine, file, &machine.hardware, scenario).ok()?;
    let Seated { loads, verdict, .. } = Seated::new(scenario, run.as_ref());
    let capacity = Capacity::new(scenario, run.as_ref(), &loads, verdict);
    let users = (scenario.users > 1).then(|| capacity.max_users());
    Some((capacity.max_context(), users))
}

/// A decode rate that `file` on `machine` with a part in RAM does not reach, for one user with the
/// context full; `None` where that is not told without placing a graph.
///
/// Less in RAM than what is stored demands is not possible, and the rate is between that of this
/// placement and that of the whole model in RAM. `whole` is the question with [`Offload::None`].
pub fn decode_bound(
    catalog: &Catalog,
    whole: &Scenario,
    FileFor { engine, opened, .. }: &FileFor<'_>,
    machine: &MachineFor<'_>,
) -> Option<f64> {
    /// Room for how a step's parts overlap.
    const MARGIN: f64 = 1.25;
    let OpenedFile { file, work } = &**opened;
    let file = file.as_ref().ok()?;
    let hardware = &machine.hardware;
    if hardware.parts.is_empty() {
        return None;
    }
    let (engine, corrections) = (*engine, machine.corrections(*engine));
    let decode = |scenario: &Scenario, run: &dyn Run| {
        let (verdict, max_users) = (Verdict::Offload, scenario.users);
        let input = SpeedInput {
            catalog,
            scenario,
            engine,
            file,
            work,
            run,
            verdict,
            max_users,
            corrections,
        };
        let setup = input.cell_speed().ok()?.setup;
        Some(setup.decode_tps(scenario.context as f64).expected)
    };
    let run = engine::run(engine, file, hardware, whole).ok()?;
    let most = run.placed_anew(whole.context, whole.users, Effort::Bound)?;
    let in_ram = Scenario { offload: Offload::GpuLayers(0), ..whole.clone() };
    let least = engine::run(engine, file, hardware, &in_ram).ok()?;
    if !most.offloads() || !least.offloads() {
        return None;
    }
    let (most, least) = (decode(whole, most.as_ref())?, decode(&in_ram, least.as_ref())?);
    Some(most.max(least) * MARGIN)
}

/// The summaries of the cells that [`row_with`] returns, in that order, with what each was asked for;
/// no summary where the cell is an error.
pub fn summaries<'a>(
    store: &FileStore<'a>,
    catalog: &'a Catalog,
    scenario: &Scenario,
    model_id: &str,
) -> Vec<(Machine, Quant, Engine, Option<Summary>)> {
    let files = store.files(catalog, scenario, model_id).unwrap_or_default();
    let of_machine = |asked: &Machine| -> Vec<_> {
        let machine = MachineFor::new(catalog, scenario, asked).ok();
        let file = |(at, (engine, quant))| {
            let of = |file| summary(catalog, scenario, |_| true, file, machine.as_ref()?);
            (asked.clone(), quant, engine, files.get(at).and_then(of))
        };
        pairs(scenario).enumerate().map(file).collect()
    };
    scenario.machines.iter().flat_map(of_machine).collect()
}

/// Models and devices of `scenario` that are not in the catalogue: the first `most` of them, and
/// how many there are. To look for the nearest known ones takes time for each.
pub fn unknown(catalog: &Catalog, scenario: &Scenario, most: usize) -> (Vec<Notice>, usize) {
    let is_unknown = |id: &&String| !matches!(catalog.model_or_error(id), Some(Ok(_)));
    let models: Vec<&String> = scenario.models.iter().filter(is_unknown).collect();
    let mut machines: Vec<Notice> = Vec::new();
    for machine in &scenario.machines {
        if let Err(notice) = Hardware::resolve(catalog, scenario, machine)
            && !machines.contains(&notice)
        {
            machines.push(notice);
        }
    }
    let count = models.len() + machines.len();
    let models = models.into_iter().filter_map(|id| find_model(catalog, id).err());
    (models.chain(machines).take(most).collect(), count)
}

/// What is to be known of a model that is not in the catalogue.
fn described(model: &Model) -> Vec<Notice> {
    let Some(own) = model.own() else { return Vec::new() };
    let mut notices = Vec::new();
    let id = || model.id.clone();
    if own.spread.is_some() {
        let like = own.like.clone();
        notices.push(match model.id.starts_with("size:") {
            true => Notice::HypotheticalShape { id: id(), like },
            false => Notice::UnknownShape { id: id(), like },
        });
    }
    if !own.assumed.is_empty() {
        notices.push(Notice::AssumedFields { id: id(), fields: own.assumed.clone() });
    }
    let types = own.file.as_ref().map(FileTypes::foreign).unwrap_or_default();
    if !types.is_empty() {
        notices.push(Notice::ForeignTypes { id: id(), types });
    }
    notices
}

/// Returns prices and power of `machine`; `None` if one of its devices is unknown.
pub fn machine(
    catalog: &Catalog,
    scenario: &Scenario,
    machine: &Machine,
) -> Option<report::Machine> {
    let hardware = Hardware::resolve(catalog, scenario, machine).ok()?;
    let inputs = economy::inputs(&scenario.money, &hardware);
    Some(report::Machine { hardware: machine.to_query(), inputs })
}

/// Returns what hosts ask for tokens of `model`; `None` if it is unknown.
pub fn hosted(catalog: &Catalog, scenario: &Scenario, model: &str) -> Option<report::Hosted> {
    let model = catalog.model(model)?;
    let inputs = economy::api_inputs(&scenario.money, &scenario.serving, model);
    Some(report::Hosted { model: model.id.clone(), inputs: inputs.into() })
}

/// Returns warnings about questions that can be answered nevertheless.
pub fn advisories(catalog: &Catalog, scenario: &Scenario) -> Vec<Notice> {
    let mut notices = Vec::new();
    let values = scenario.kv.without_fp8().value;
    if !scenario.flash_attention && values.is_quantised() {
        let kv_type = values.to_string();
        notices.push(Notice::QuantisedValuesNeedFlashAttention { kv_type });
    }
    let models = scenario.models.iter().filter_map(|id| catalog.model(id));
    let models: Vec<&Model> = models.collect();
    for model in &models {
        if let Some(trained) = model.architecture().max_context
            && scenario.context > trained
        {
            let (id, context) = (model.id.clone(), scenario.context);
            notices.push(Notice::ContextBeyondTraining { id, context, trained });
        }
        notices.extend(described(model));
    }
    let resolve = |machine| Hardware::resolve(catalog, scenario, machine).ok();
    let devices: Vec<usize> =
        scenario.machines.iter().filter_map(resolve).map(|h| h.parts.len()).collect();
    notices.extend(engine::adjustments(scenario, &models, &devices));
    notices
}

/// Returns the speed model of the cell at `at` of `scenario`, corrected by the user's own
/// measurements; `None` if there is no such cell or no estimate for it.
pub fn corrected_speed(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Option<CellSpeed> {
    let engine = *scenario.engines.get(at.engine)?;
    let machine = scenario.machines.get(at.machine)?;
    let corrections = Corrections::new(catalog, scenario, machine, engine);
    speed_with(catalog, scenario, at, &corrections)
}

/// Returns the speed model of the cell at `at` of `scenario` as calibrated, without the user's own
/// measurements; `None` if there is no such cell or no estimate for it.
fn uncorrected_speed(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Option<CellSpeed> {
    speed_with(catalog, scenario, at, &Corrections::default())
}

fn speed_with(
    catalog: &Catalog,
    scenario: &Scenario,
    at: Selected,
    corrections: &Corrections,
) -> Option<CellSpeed> {
    let engine = *scenario.engines.get(at.engine)?;
    with_cell_run(catalog, scenario, at, |file, run| {
        let Seated { loads, verdict, .. } = Seated::new(scenario, run);
        let capacity = Capacity::new(scenario, run, &loads, verdict);
        let max_users = capacity.offload_max_users().unwrap_or_else(|| capacity.max_users());
        let work = &LayerWorkCache::default();
        let input = SpeedInput {
            catalog,
            scenario,
            engine,
            file,
            work,
            run,
            verdict,
            max_users,
            corrections,
        };
        input.cell_speed().ok()
    })?
}

/// Calls `look` with the files and the run of the cell at `at` of `scenario`. Returns `None` if
/// there is no such cell, its model or a device is not in the catalogue, or the engine does not run
/// it.
pub(crate) fn with_cell_run<T>(
    catalog: &Catalog,
    scenario: &Scenario,
    at: Selected,
    look: impl FnOnce(&ModelFiles<'_>, &dyn Run) -> T,
) -> Option<T> {
    let model = catalog.model(scenario.models.get(at.model)?)?;
    let engine = *scenario.engines.get(at.engine)?;
    let quant = format_in(scenario, engine, *scenario.quants.get(at.quant)?);
    let file = engine::files(catalog, engine, model, quant, scenario).ok()?;
    let hardware = Hardware::resolve(catalog, scenario, scenario.machines.get(at.machine)?).ok()?;
    let run = engine::run(engine, &file, &hardware, scenario).ok()?;
    Some(look(&file, run.as_ref()))
}

/// Returns the cell of one model on one machine at one quantisation under one engine.
///
/// # Errors
/// The engine does not load the model or the format, has no backend for a device, or refuses a
/// setting.
fn cell(
    catalog: &Catalog,
    scenario: &Scenario,
    FileFor { engine, requested_quant, opened }: &FileFor<'_>,
    machine: &MachineFor<'_>,
) -> Result<Cell, Notice> {
    let OpenedFile { file, work } = &**opened;
    let file = file.as_ref().map_err(Clone::clone)?;
    let engine = *engine;
    let corrections = machine.corrections(engine);
    let MachineFor { machine, hardware, .. } = machine;
    let run = engine::run(engine, file, hardware, scenario)?;
    let run = run.as_ref();
    let Seated { users, loads, verdict, .. } = Seated::new(scenario, run);

    let (devices, host) = run.bills(scenario.context, users);
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
    let addon_bytes = term(&[
        Term::Projector,
        Term::ProjectorCompute,
        Term::Lora,
        Term::Draft,
        Term::PromptCache,
        Term::Checkpoints,
    ]);
    let of_the_model = |item: &&BillItem| item.term != Term::OperatingSystem;
    let used = devices.iter().map(|bill| bill.used_bytes).sum::<Interval<Bytes>>();
    let in_ram = host.items.iter().filter(of_the_model).map(|item| item.bytes);
    let total_bytes = used + in_ram.sum();
    let device_bytes = if devices.is_empty() { total_bytes } else { used };
    let architecture = file.model().architecture();
    let params = file.model().count();
    let capacity = Capacity::new(scenario, run, &loads, verdict);
    let max_context = capacity.max_context();
    let (max_users, offload_max_users) = (capacity.max_users(), capacity.offload_max_users());
    let copies = capacity.copies();
    let input = SpeedInput {
        catalog,
        scenario,
        engine,
        file,
        work,
        run,
        verdict,
        max_users: offload_max_users.unwrap_or(max_users),
        corrections,
    };
    let (speed, served) = input.speed();
    let served = served.as_ref().map(|(service, load)| (service, load));
    let economy = economy::economy(&scenario.money, hardware, served);
    let mut placement = run.placement();
    if verdict == Verdict::No && placement.reason != PlacementReason::Asked {
        placement.reason = PlacementReason::NothingFits;
    }
    let flags = run.flags();
    let command = match verdict {
        Verdict::No => String::new(),
        _ => engine::command(engine, file.model(), file.quant(), &flags),
    };
    Ok(Cell {
        model: file.model().id.clone(),
        hardware: machine.to_query(),
        quant: file.quant(),
        requested_quant: *requested_quant,
        engine,
        params_total: params.text,
        params_active: params.active,
        weights_bytes: file.bytes(),
        loaded_bytes,
        kv_bytes: kv.expected,
        recurrent_bytes: recurrent.expected,
        compute_bytes,
        addon_bytes,
        overhead_bytes,
        total_bytes,
        device_bytes,
        verdict,
        headroom_bytes: headroom(&loads, verdict),
        max_context,
        expected_max_context: capacity.expected_max_context(max_context),
        offload_max_context: capacity.offload_max_context(),
        trained_context: architecture.max_context,
        max_users,
        expected_max_users: capacity.expected_max_users(max_users),
        offload_max_users,
        copies: copies.count,
        copy_devices: copies.devices,
        cache_layout: engine::cache_layout(run),
        speed,
        economy,
        flags,
        command,
        placement,
        devices,
        host,
        quality: None,
    })
}
