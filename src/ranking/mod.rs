//! Questions with an empty slot: what runs on a machine, what a model needs, in which format.
//!
//! A ranking goes through the catalogue and answers each candidate by the full estimate, so its
//! figures are those of the cell that a row opens. Candidates are asked one by one, so that a
//! page can draw the first while the others are still to come.

mod candidates;
mod lineage;

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use crate::advice::{is_fast_enough, preference};
use crate::catalog::{Catalog, Model};
use crate::economy;
use crate::engine::usual_formats;
use crate::estimate::{self, FileStore, MachineFor};
use crate::quality;
use crate::quant::Quant;
use crate::report::{Cell, Report, Summary, Verdict};
use crate::scenario::{Engine, Filter, Machine, Offload, Problem, RankBy, Scenario};
use crate::sort;
use crate::units::Bytes;
use candidates::{Candidate, is_base, machines, models};
pub use candidates::{DEVICE_COUNTS, Kinds};
use lineage::Lineage;
pub use lineage::{size_class, successor};

/// Cards that the boards of desktop computers and workstations seat at most, two slots each.
const DESKTOP_CARDS: u32 = 4;

/// Rows of a ranking that a report holds.
const REPORTED: usize = 20;

/// The slot that is empty, and so is what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Open {
    /// Which models run on the machine.
    Models,
    /// Which machines run the model.
    Machines,
    /// In which formats the model runs on the machine.
    Formats,
}

impl Open {
    /// Returns what `scenario` leaves open; `None` if it names a model, a machine and a format, or
    /// neither a model nor a machine.
    pub fn of(scenario: &Scenario) -> Option<Open> {
        let Scenario { models, machines, quants, .. } = scenario;
        match (models.is_empty(), machines.is_empty(), quants.is_empty()) {
            (true, true, _) => None,
            (true, false, _) => Some(Open::Models),
            (false, true, _) => Some(Open::Machines),
            (false, false, true) => Some(Open::Formats),
            (false, false, false) => None,
        }
    }
}

/// What rankings of a catalogue find out whatever is asked, kept from one for the next.
#[derive(Debug)]
pub struct Prepared<'a> {
    catalog: &'a Catalog,
    files: FileStore<'a>,
    lineage: OnceLock<Lineage<'a>>,
    /// Of each model of the catalogue, whether it continues text instead of answering.
    bases: OnceLock<Vec<bool>>,
}

impl<'a> Prepared<'a> {
    /// Nothing is found out yet.
    pub fn new(catalog: &'a Catalog) -> Arc<Prepared<'a>> {
        Arc::new(Prepared {
            catalog,
            files: FileStore::default(),
            lineage: OnceLock::new(),
            bases: OnceLock::new(),
        })
    }

    fn bases(&self) -> &[bool] {
        let is_base = |model| is_base(self.catalog, model);
        self.bases.get_or_init(|| self.catalog.models.iter().map(is_base).collect())
    }
}

/// A ranking of the catalogue for a question with an empty slot.
#[derive(Debug)]
pub struct Ranking<'a> {
    prepared: Arc<Prepared<'a>>,
    scenario: Scenario,
    open: Open,
    candidates: Vec<Candidate<'a>>,
    /// The question about each candidate, but for the candidate.
    ask: Scenario,
    /// `ask` with the whole model on the devices, so that no placement is searched for.
    whole: Scenario,
    /// The machine of the question, where it names one.
    site: Option<Site<'a>>,
    /// The model of the question, where it names one.
    model: Option<&'a Model>,
}

/// A machine, and what of it is in a row.
#[derive(Debug)]
struct Site<'a> {
    asked: Machine,
    machine: MachineFor<'a>,
    price: Option<f64>,
    board_w: Option<f64>,
    memory_gb: f64,
    /// What its devices hold together at most; without devices, its RAM.
    most: Bytes,
}

impl<'a> Site<'a> {
    /// Looks up the devices of `machine`; `None` if one is not in the catalogue.
    fn new(catalog: &'a Catalog, ask: &Scenario, asked: &Machine) -> Option<Site<'a>> {
        let machine = MachineFor::new(catalog, ask, asked).ok()?;
        let hardware = &machine.hardware;
        let value = |key| economy::value(&ask.money, hardware, key);
        Some(Site {
            asked: asked.clone(),
            price: value("price"),
            board_w: value("boards_w"),
            memory_gb: candidates::memory_gb(catalog, asked).unwrap_or_default(),
            most: match hardware.parts.is_empty() {
                true => hardware.host.ram,
                false => hardware.parts.iter().map(|part| part.most).sum(),
            },
            machine,
        })
    }
}

/// A row of a ranking: what it is ordered by. What takes longer to find out is in its cell.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// The question of this row alone, in the format that a person would choose.
    pub scenario: Scenario,
    /// The figures of its answer that order the rows.
    pub summary: Summary,
    /// Parameters of its model.
    pub params_total: u64,
    /// Month of the model's release, `YYYY-MM`.
    pub release: String,
    /// Its publisher has a newer model of about that size, or it is older than a year and a half.
    pub is_superseded: bool,
    /// It runs as fast as is asked.
    pub is_fast_enough: bool,
    /// What its devices cost to buy, in the currency of the question; `None` if a price is unknown.
    pub price: Option<f64>,
    /// Board power of its devices together, in watts.
    pub board_w: Option<f64>,
    /// Memory that its devices have together as sold, in GB.
    pub memory_gb: f64,
}

impl Ranked {
    /// The answer to the question of this row, with what the ranking found out.
    pub fn cell_with<'a>(&self, prepared: &Prepared<'a>) -> Option<Cell> {
        let Prepared { catalog, files, .. } = prepared;
        let model = self.scenario.models.first()?;
        estimate::row_with(files, catalog, &self.scenario, model).pop()?.ok()
    }

    /// Whether it takes more cards than a desktop board seats, so that a server has to be bought with
    /// them.
    pub fn needs_server(&self) -> bool {
        let devices = self.scenario.machines.iter().flat_map(|machine| &machine.devices);
        devices.map(|device| device.count).sum::<u32>() > DESKTOP_CARDS
    }

    fn names(&self) -> (&str, String) {
        let model = self.scenario.models.first().map_or("", String::as_str);
        (model, self.scenario.machines.first().map(Machine::to_query).unwrap_or_default())
    }
}

impl<'a> Ranking<'a> {
    /// Returns the ranking that `scenario` asks for; `None` if no slot of it is empty.
    pub fn new(catalog: &'a Catalog, scenario: &Scenario) -> Option<Ranking<'a>> {
        Ranking::with(&Prepared::new(catalog), scenario)
    }

    /// Returns the ranking that `scenario` asks for, with what rankings before it found out; `None`
    /// if no slot of it is empty.
    pub fn with(prepared: &Arc<Prepared<'a>>, scenario: &Scenario) -> Option<Ranking<'a>> {
        let open = Open::of(scenario)?;
        let catalog = prepared.catalog;
        let candidates = match open {
            Open::Models => models(catalog, prepared.bases(), scenario),
            Open::Machines => machines(catalog, scenario),
            Open::Formats => vec![Candidate::Formats],
        };
        let engine = scenario.engines.first().copied().unwrap_or(Engine::LlamaCpp);
        let ask = Scenario {
            models: Vec::new(),
            machines: Vec::new(),
            quants: Vec::new(),
            engines: vec![engine],
            selected: None,
            unused: Vec::new(),
            // What a row answers needs no filter.
            filter: Filter::default(),
            ..scenario.clone()
        };
        let whole = Scenario { offload: Offload::None, ..ask.clone() };
        let site = scenario.machines.first().and_then(|asked| Site::new(catalog, &ask, asked));
        let model = scenario.models.first().and_then(|id| catalog.model(id));
        let (prepared, scenario) = (prepared.clone(), scenario.clone());
        Some(Ranking { prepared, scenario, open, candidates, ask, whole, site, model })
    }

    /// What is asked.
    pub fn open(&self) -> Open {
        self.open
    }

    /// Number of candidates that the filters let through.
    pub fn candidates(&self) -> usize {
        self.candidates.len()
    }

    /// The question that is ranked for.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Answers the candidate at `index`: one row, or several of different formats. None if it does
    /// not run, or slower than a question for a speed allows.
    pub fn rows(&self, index: usize) -> Vec<Ranked> {
        let rows = self.rows_on_devices(index);
        if rows.is_empty() { self.rows_in_part(index) } else { rows }
    }

    /// Answers the candidate at `index` as far as that is quick: a model if it lies wholly on the
    /// devices, anything else at once.
    pub fn rows_on_devices(&self, index: usize) -> Vec<Ranked> {
        match self.candidates.get(index) {
            Some(Candidate::Model(model)) => self.of_model(model, Ranking::best_whole),
            Some(Candidate::Machines(sizes)) => self.fewest(sizes),
            Some(Candidate::Formats) => self.formats(),
            None => Vec::new(),
        }
    }

    /// Answers the candidate at `index` of which nothing lies wholly on the devices: a model with a
    /// part in RAM, whose placement has to be looked for.
    pub fn rows_in_part(&self, index: usize) -> Vec<Ranked> {
        match self.candidates.get(index) {
            Some(Candidate::Model(model)) => self.of_model(model, Ranking::smallest),
            _ => Vec::new(),
        }
    }

    /// The decode rate that is fast enough, in tokens per second.
    fn floor(&self) -> f64 {
        self.scenario.serving.decode_floor()
    }

    /// The row of `model`, of which `best` is one of its files.
    fn of_model(
        &self,
        model: &'a Model,
        best: fn(&Self, &'a Model, &Site<'a>) -> Option<Summary>,
    ) -> Vec<Ranked> {
        let row = |site| Some(self.ranked(model, site, best(self, model, site)?));
        self.site.as_ref().and_then(row).into_iter().collect()
    }

    /// The first of `sizes` on which the model lies wholly on the devices and is fast enough, and the
    /// smallest where it does not, if it is fast enough with a part in RAM.
    fn fewest(&self, sizes: &[Machine]) -> Vec<Ranked> {
        let Some(model) = self.model else { return Vec::new() };
        let mut rows = Vec::new();
        for (at, machine) in sizes.iter().enumerate() {
            let Some(site) = Site::new(self.catalog(), &self.ask, machine) else { continue };
            let whole = self.best_whole(model, &site);
            if whole.is_none() && at == 0 {
                let part = self.smallest(model, &site);
                rows.extend(part.map(|summary| self.ranked(model, &site, summary)));
            }
            if let Some(summary) = whole.filter(|of| is_fast_enough(*of, self.floor())) {
                rows.push(self.ranked(model, &site, summary));
                break;
            }
        }
        rows.retain(|row| row.is_fast_enough);
        rows
    }

    fn formats(&self) -> Vec<Ranked> {
        let (Some(model), Some(site)) = (self.model, &self.site) else { return Vec::new() };
        let mut quants: Vec<Quant> = usual_formats(self.engine(), model);
        let loads = |quant: &Quant| crate::engine::loads_format(self.engine(), *quant);
        for quant in Quant::all().filter(loads) {
            if !quants.contains(&quant) {
                quants.push(quant);
            }
        }
        let runs = |verdict| verdict != Verdict::No;
        let summary = |quant| self.summary(&self.ask, runs, (model, quant), site);
        let runs = quants.into_iter().filter_map(summary);
        runs.map(|summary| self.ranked(model, site, summary)).collect()
    }

    fn catalog(&self) -> &'a Catalog {
        self.prepared.catalog
    }

    fn engine(&self) -> Engine {
        self.scenario.engines.first().copied().unwrap_or(Engine::LlamaCpp)
    }

    /// The formats to try: those of the question where it names them, else those of the engine.
    fn quants(&self, model: &Model) -> Vec<Quant> {
        let named = &self.scenario.quants;
        match named.is_empty() || *named == Scenario::default().quants {
            true => usual_formats(self.engine(), model),
            false => named.clone(),
        }
    }

    /// The first of the formats of `model` in which it lies wholly on the devices of `site` and is
    /// fast enough; if it is in none, the one in which it is fastest.
    fn best_whole(&self, model: &'a Model, site: &Site<'a>) -> Option<Summary> {
        let mut best: Option<Summary> = None;
        let (files, engine) = (&self.prepared.files, self.engine());
        for quant in self.quants(model) {
            if files.least_bytes(model, engine, quant) > site.most {
                continue;
            }
            let Some(cell) = self.summary_if_whole((model, quant), site) else { continue };
            let is_first =
                |best: &Summary| preference(cell, self.floor()) < preference(*best, self.floor());
            if best.as_ref().is_none_or(is_first) {
                best = Some(cell);
            }
            if is_fast_enough(cell, self.floor()) {
                break;
            }
        }
        best
    }

    /// The last of the formats of `model`, which is the smallest, with as much of it in RAM as has to
    /// be, if it is then fast enough.
    fn smallest(&self, model: &'a Model, site: &Site<'a>) -> Option<Summary> {
        let runs = |verdict| verdict != Verdict::No;
        let quant = self.quants(model).pop()?;
        // Most of what does not lie wholly on the devices is too slow, wherever its layers go.
        if self.ask.offload == Offload::Auto {
            let (catalog, engine) = (self.catalog(), self.engine());
            let file = self.prepared.files.file(catalog, &self.ask, model, engine, quant);
            let bound = estimate::decode_bound(catalog, &self.whole, &file, &site.machine);
            if bound.is_some_and(|tps| tps < self.floor()) {
                return None;
            }
        }
        let cell = self.summary(&self.ask, runs, (model, quant), site)?;
        let is_slow = cell.decode_tps.is_some_and(|tps| tps < self.floor());
        (cell.verdict != Verdict::Offload || !is_slow).then_some(cell)
    }

    /// The summary of a model in a format on `site`; `None` where it is refused, or its verdict is
    /// not `wanted`.
    fn summary(
        &self,
        ask: &Scenario,
        wanted: fn(Verdict) -> bool,
        (model, quant): (&'a Model, Quant),
        site: &Site<'a>,
    ) -> Option<Summary> {
        let (catalog, engine) = (self.catalog(), self.engine());
        let file = self.prepared.files.file(catalog, ask, model, engine, quant);
        estimate::summary(catalog, ask, wanted, &file, &site.machine)
    }

    /// The summary of a model in a format if all of it lies on the devices of `site`, with its
    /// allowance.
    fn summary_if_whole(&self, of: (&'a Model, Quant), site: &Site<'a>) -> Option<Summary> {
        let whole = self.summary(&self.whole, |verdict| verdict == Verdict::Fits, of, site)?;
        match self.ask.offload {
            Offload::Auto | Offload::None => Some(whole),
            _ => self.summary(&self.ask, |_| true, of, site),
        }
    }

    fn ranked(&self, model: &'a Model, site: &Site<'a>, summary: Summary) -> Ranked {
        let catalog = self.catalog();
        let lineage = self.prepared.lineage.get_or_init(|| Lineage::new(catalog));
        Ranked {
            release: model.release.clone(),
            is_superseded: lineage.is_superseded(model),
            is_fast_enough: is_fast_enough(summary, self.floor()),
            price: site.price,
            board_w: site.board_w,
            memory_gb: site.memory_gb,
            params_total: model.count().text,
            scenario: Scenario {
                models: vec![model.id.clone()],
                machines: vec![site.asked.clone()],
                quants: vec![summary.quant],
                ..self.ask.clone()
            },
            summary,
        }
    }

    /// Whether `row` is one that the question asks for: within its budget, and as fast as it says.
    pub fn keeps(&self, row: &Ranked) -> bool {
        let filter = &self.scenario.filter;
        let is_affordable = match (filter.budget, row.price) {
            (Some(budget), Some(price)) => price <= budget,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let is_whole = row.summary.verdict != Verdict::Offload || row.is_fast_enough;
        is_affordable && is_whole && (self.scenario.serving.min_tps.is_none() || row.is_fast_enough)
    }

    /// The order of the rows, the best first.
    pub fn order(&self, a: &Ranked, b: &Ranked) -> Ordering {
        let by = self.scenario.filter.sort.unwrap_or(match self.open {
            Open::Models => RankBy::Size,
            Open::Machines => RankBy::Price,
            Open::Formats => RankBy::Memory,
        });
        let known = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        let speed = |row: &Ranked| row.summary.decode_tps.unwrap_or_default();
        let faster = || speed(b).total_cmp(&speed(a));
        let memory = || a.memory_gb.total_cmp(&b.memory_gb);
        let order = match by {
            RankBy::Size => {
                let set_back = |row: &Ranked| (!row.is_fast_enough, row.is_superseded);
                let size = |row: &Ranked| lineage::size_class(row.params_total);
                (set_back(a).cmp(&set_back(b)))
                    .then_with(|| size(b).cmp(&size(a)))
                    .then_with(|| b.release.cmp(&a.release))
                    .then_with(faster)
            }
            RankBy::Speed => faster(),
            RankBy::Release => b.release.cmp(&a.release).then_with(faster),
            RankBy::Price => known(a.price, b.price).then_with(memory).then_with(faster),
            RankBy::Power => known(a.board_w, b.board_w).then_with(faster),
            RankBy::Memory if self.open == Open::Machines => memory().then_with(faster),
            RankBy::Memory => a.summary.device_bytes.cmp(&b.summary.device_bytes),
        };
        // What lies wholly on the devices comes before what does not, if speed is not all; and what a
        // desktop holds before what costs a server too, of which the price is not known.
        let in_part = |row: &Ranked| row.summary.verdict == Verdict::Offload;
        let needs_server = |row: &Ranked| self.open == Open::Machines && row.needs_server();
        let set_back = |row: &Ranked| (in_part(row), needs_server(row));
        let order = match by {
            RankBy::Size | RankBy::Price => set_back(a).cmp(&set_back(b)).then(order),
            _ => order,
        };
        order.then_with(|| a.names().cmp(&b.names()))
    }
}

/// Answers all of `ranking`, best first; on every core where there are threads.
pub fn rank(ranking: &Ranking<'_>) -> Vec<Ranked> {
    let kept = |at| -> Vec<Ranked> {
        ranking.rows(at).into_iter().filter(|row| ranking.keeps(row)).collect()
    };
    let rows = estimate::on_every_core(ranking.candidates(), kept);
    let mut rows: Vec<Ranked> = rows.into_iter().flatten().collect();
    sort::by(&mut rows, |a, b| ranking.order(a, b));
    rows
}

/// Answers `scenario` as [`estimate::report`] does; where a slot of it is empty, by the cells of the
/// first rows of its ranking. Each cell says what its format and cache cost in quality.
pub fn report(catalog: &Catalog, scenario: &Scenario, problems: Vec<Problem>) -> Report {
    report_with(&Prepared::new(catalog), scenario, problems)
}

/// Answers as [`report`] does, with what questions before it found out.
pub fn report_with<'a>(
    prepared: &Arc<Prepared<'a>>,
    scenario: &Scenario,
    problems: Vec<Problem>,
) -> Report {
    let catalog = prepared.catalog;
    let mut report = estimate::report_with(&prepared.files, catalog, scenario, problems);
    if let Some(ranking) = Ranking::with(prepared, scenario) {
        report.notices.extend(estimate::unknown(catalog, scenario, usize::MAX).0);
        let rows = rank(&ranking);
        let first = rows.iter().take(REPORTED);
        report.cells = first.filter_map(|row| row.cell_with(prepared)).collect();
    }
    for cell in &mut report.cells {
        cell.quality = quality::of_cell(catalog, scenario.kv, cell);
    }
    report
}
