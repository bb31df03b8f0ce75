//! What to change about a question so that its answer is better: the next steps of a cell.
//!
//! Each step is a changed question with its full estimate. Steps that another beats in every
//! respect are left out, so that what remains is a real choice.

mod change;

use std::cmp::Reverse;

use crate::advice::{is_fast_enough, runs_whole};
use crate::architecture::Mixer;
use crate::catalog::{Catalog, DeviceKind, Instance, Model};
use crate::engine::{adapter, loads_format, usual_formats};
use crate::estimate::{self, FileFor, FileStore, MachineFor};
use crate::hardware::Hardware;
use crate::quality;
use crate::quant::{Format, Mix, Quant};
use crate::ranking::{DEVICE_COUNTS, Kinds, size_class, successor};
use crate::report::{Cell, PlacementReason, Quality, Summary, Verdict};
use crate::scenario::{
    Bounds, CacheType, DeviceCount, Engine, GpuBackend, Offload, Scenario, Selected, SplitMode,
};
use crate::sort;
use crate::units::{Bytes, GIB};
pub use change::Change;
use change::LAST;

/// The most steps that are offered.
const OFFERED: usize = 4;

/// A step: what to change, and the answer to the changed question.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is changed.
    pub changes: Vec<Change>,
    /// The changed question, of this one cell.
    pub scenario: Scenario,
    /// Its answer.
    pub cell: Cell,
}

impl Step {
    /// Makes all changes in `scenario`, whose cell at `at` is to be better; returns where that cell
    /// then is.
    pub fn apply(&self, scenario: &mut Scenario, at: Selected) -> Selected {
        self.changes.iter().fold(at, |at, change| change.apply(scenario, at))
    }

    /// What the format and the cache type of the step cost in quality, where it changes them.
    pub fn quality(&self, catalog: &Catalog) -> Option<Quality> {
        let changes_it = |change: &Change| matches!(change, Change::Cache(_) | Change::Quant(_));
        let is_changed = self.changes.iter().any(changes_it);
        is_changed.then(|| quality::of_cell(catalog, self.scenario.kv, &self.cell))?
    }

    /// What the step is worth, more of each being better: whether it lies wholly on the devices, its
    /// speed, and what the changes leave as it was.
    fn worth(&self) -> [f64; 11] {
        let Scenario { context, users, kv, .. } = &self.scenario;
        let devices = devices_of(&self.scenario);
        [
            match self.cell.verdict {
                Verdict::Fits => 3.0,
                Verdict::Tight => 2.0,
                Verdict::Offload => 1.0,
                Verdict::No => 0.0,
            },
            self.cell.speed.decode_tps.map_or(0.0, |tps| tps.expected),
            self.cell.speed.throughput_tps.map_or(0.0, |tps| tps.expected),
            self.cell.speed.prefill_tps.map_or(0.0, |tps| tps.expected),
            *context as f64,
            *users as f64,
            self.cell.weights_bytes.0 as f64,
            kv.key.bits_per_value(),
            -f64::from(devices),
            f64::from(!self.leaves_the_machine_or_model()),
            f64::from(self.changes.iter().any(|change| matches!(change, Change::Newer(_)))),
        ]
    }

    /// Whether it is another model, or on a machine that is not the reader's.
    fn leaves_the_machine_or_model(&self) -> bool {
        let is_other =
            |change: &Change| change.is_other_model() || matches!(change, Change::Rent(_));
        self.changes.iter().any(is_other)
    }

    /// The offer of a cloud to rent the machine of the step for the least, where it rents one.
    pub fn rent(&self) -> Option<&'static Instance> {
        let rented = self.changes.iter().find_map(|change| match change {
            Change::Rent(devices) => Some(devices),
            _ => None,
        })?;
        let offers =
            priced().filter(|(offer, _)| offer.device == rented.id && offer.count == rented.count);
        offers.min_by_key(|(_, cents)| *cents).map(|(offer, _)| offer)
    }

    fn burden(&self) -> u32 {
        self.changes.iter().map(Change::burden).sum()
    }

    /// Whether a format of fewer than four bits is among the changes.
    fn loses_much(&self) -> bool {
        self.changes.iter().any(Change::loses_much)
    }
}

/// The machines that clouds rent, with their price in hundredths of a cent an hour.
fn priced() -> impl Iterator<Item = (&'static Instance, u64)> {
    let priced = |offer: &'_ Instance| offer.usd_per_hour.map(|usd| (usd * 1e4) as u64);
    Catalog::instances().iter().filter_map(move |offer| Some((offer, priced(offer)?)))
}

/// Returns what to change about the cell at `at` of `scenario`, the least change first; empty where
/// it is good as it is or nothing helps.
///
/// A cell that does not lie wholly on its devices, or decodes slower than people read, is to become
/// one that does; one that does may become faster, or hold a longer context, for a price that is
/// said.
pub fn next_steps(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Vec<Step> {
    unbeaten(candidates(catalog, scenario, at))
}

/// Returns the few of `steps`, those of one cell, that no other beats in every respect, the least
/// change first.
pub fn unbeaten(steps: Vec<Step>) -> Vec<Step> {
    let is_beaten = |(i, step): (usize, &Step)| {
        steps.iter().enumerate().any(|(j, other)| beats((j, other), (i, step)))
    };
    let kept = steps.iter().enumerate().filter(|step| !is_beaten(*step));
    let mut kept: Vec<Step> = kept.map(|(_, step)| step.clone()).collect();
    sort::by_key(&mut kept, |step| (step.burden(), step.changes.len()));
    // What loses much is for where nothing else helps.
    if kept.iter().any(|step| !step.loses_much() && step.burden() < LAST) {
        kept.retain(|step| !step.loses_much());
    }
    // Of formats that do, the one with the most bits under each engine.
    let mut seen = Vec::new();
    kept.retain(|step| {
        let is_new = !seen.contains(&step.scenario.engines[0]);
        if step.loses_much() {
            seen.push(step.scenario.engines[0]);
        }
        is_new || !step.loses_much()
    });
    kept.truncate(OFFERED);
    kept
}

/// Returns every step that makes the cell at `at` of `scenario` better, of which [`next_steps`]
/// offers those that are [`unbeaten`].
pub fn candidates(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Vec<Step> {
    let store = FileStore::default();
    let asked = estimate::alone_with(&store, catalog, scenario, at);
    let Some((ask, cell)) = asked else { return Vec::new() };
    let search = Search { catalog, store, ask, cell };
    match runs_whole(&search.cell) {
        true => search.better(),
        false => search.whole(),
    }
}

/// A search for what makes a cell better.
struct Search<'a> {
    catalog: &'a Catalog,
    /// The files of the questions that were looked at.
    store: FileStore<'a>,
    ask: Scenario,
    /// The answer to `ask`.
    cell: Cell,
}

/// What the answer to a question has room for.
#[derive(Clone, Copy, Default)]
struct Room {
    context: u64,
    users: u64,
}

impl From<&Cell> for Room {
    fn from(cell: &Cell) -> Room {
        Room { context: cell.max_context, users: cell.max_users }
    }
}

/// The number of steps from which on no newer model is named beside them.
const ENOUGH: usize = 3;

impl<'a> Search<'a> {
    /// Steps that make the cell, which lies wholly on its devices, faster by a quarter, for one user
    /// or for all, or hold half as much context again.
    fn better(&self) -> Vec<Step> {
        let (ask, cell) = (&self.ask, &self.cell);
        let floor = ask.serving.decode_floor();
        let served = |cell: &Cell| cell.speed.throughput_tps.map_or(0.0, |tps| tps.expected);
        let tps = |cell: &Cell| cell.speed.decode_tps.map_or(0.0, |tps| tps.expected);
        let is_wanted = cell.trained_context.is_none_or(|most| cell.max_context < most);
        let is_better = |step: &Step| {
            let then = &step.cell;
            let is_faster =
                tps(then) > 1.25 * tps(cell) || ask.users > 1 && served(then) > 1.25 * served(cell);
            let is_longer = 2 * then.max_context > 3 * cell.max_context;
            let holds_more = ask.users > 1 && then.max_users > 2 * cell.max_users;
            let stays_fast = is_fast_enough(then, floor) || !is_fast_enough(cell, floor);
            stays_fast && (is_faster || holds_more || is_longer && is_wanted)
        };
        // The whole answer is looked for only where it may be better.
        let is_longer = |changed: &Scenario| {
            let context = cell.max_context.saturating_mul(3) / 2 + 1;
            let longer = Scenario { context, ..changed.clone() };
            context <= Bounds::CONTEXT.max && self.whole_summary(&longer).is_some()
        };
        let may_be_better = |changed: &Scenario, then: &Summary| {
            let is_faster = then.decode_tps.is_none_or(|then| then > 1.25 * tps(cell));
            let stays_fast = is_fast_enough(*then, floor) || !is_fast_enough(cell, floor);
            stays_fast && (is_faster || ask.users > 1 || is_wanted && is_longer(changed))
        };
        let step = |change: Change| {
            let changes = vec![change];
            let changed = self.changed(&changes)?;
            let then = self.whole_summary(&changed)?;
            may_be_better(&changed, &then).then(|| self.step(changes, changed)).flatten()
        };
        let steps = self.changes(ask, cell.into()).into_iter().filter_map(step).filter(is_better);
        let mut steps: Vec<Step> = steps.collect();
        // Another model does not answer the question, so it comes after the steps that do, if they are few.
        if steps.len() < ENOUGH {
            steps.extend(self.newer_model().filter(|step| is_fast_enough(&step.cell, floor)));
        }
        steps
    }

    /// Steps with which the cell lies wholly on its devices; where there are none, steps with which it
    /// runs at all.
    fn whole(&self) -> Vec<Step> {
        let singles = self.changes(&self.ask, (&self.cell).into());
        let mut steps: Vec<Step> = Vec::new();
        let mut others = Vec::new();
        for change in singles {
            match self.step_if_whole(vec![change.clone()]) {
                Some(step) => steps.push(step),
                None => others.push(change),
            }
        }
        let is_enough = |steps: &[Step]| steps.iter().any(|step| step.burden() < LAST);
        if !is_enough(&steps) {
            for first in &others {
                let Some(ask) = self.changed(std::slice::from_ref(first)) else { continue };
                // There is room for something only where the weights leave it.
                let room = self.may_lie_whole(&ask).then(|| self.room(&on_devices(&ask))).flatten();
                let room = room.unwrap_or_default();
                for second in self.changes(&ask, room) {
                    if second.burden() > first.burden() {
                        steps.extend(self.step_if_whole(vec![first.clone(), second]));
                    }
                }
            }
        }
        steps.extend(self.newer_model());
        steps.extend(self.experts_in_ram());
        if !is_enough(&steps) {
            steps.extend(self.other_engine());
            steps.extend(self.other_model());
            steps.extend(self.rented());
        }
        if steps.is_empty() {
            let runs = others.into_iter().filter_map(|change| self.step_if_better(change));
            steps.extend(runs.take(OFFERED));
        }
        steps
    }

    /// The cell in the format with the most bits with which another engine has it whole, where the
    /// machine has an engine of its own.
    fn other_engine(&self) -> Option<Step> {
        let model = self.catalog.model(&self.cell.model)?;
        let device = self.catalog.device(&self.ask.machines[0].devices.first()?.id)?;
        let engine = match device.vendor.as_str() {
            "Apple" => Engine::Mlx,
            "NVIDIA" => Engine::ExLlamaV3,
            _ => return None,
        };
        if engine == self.cell.engine {
            return None;
        }
        let formats = usual_formats(engine, model).into_iter().chain(last_formats(engine));
        let is_more = |quant: &Quant| quant.nominal_bits() <= self.cell.quant.nominal_bits();
        let changes = |quant| vec![Change::Engine(engine), Change::Quant(quant)];
        formats.filter(is_more).find_map(|quant| self.step_if_whole(changes(quant)))
    }

    /// The largest model of the same publisher and kind that lies wholly on the devices, the newest
    /// of about the size, in the format that was asked for or the next one that fits.
    fn other_model(&self) -> Option<Step> {
        /// Models that are looked at.
        const TRIED: usize = 6;
        let (own, engine) = (self.catalog.model(&self.cell.model)?, self.cell.engine);
        let (size, kinds) = (own.count().text, Kinds::of(own));
        let is_sibling = |model: &&Model| {
            model.org == own.org && model.count().text < size && Kinds::of(model).have(kinds)
        };
        let mut models: Vec<&Model> = self.catalog.models.iter().filter(is_sibling).collect();
        sort::by_key(&mut models, |model| {
            Reverse((size_class(model.count().text), model.release.clone()))
        });
        let with = |model: &Model| {
            // The most bits that fit, and no more than were asked for.
            let is_less = |quant: &Quant| quant.nominal_bits() < self.cell.quant.nominal_bits();
            let others = usual_formats(engine, model).into_iter().filter(is_less);
            let quants = std::iter::once(self.cell.quant).chain(others);
            let changes = quants.map(|quant| match quant == self.cell.quant {
                true => vec![Change::Model(model.id.clone())],
                false => vec![Change::Model(model.id.clone()), Change::Quant(quant)],
            });
            changes.collect::<Vec<_>>()
        };
        let could = models.into_iter().map(with).filter(|ways| {
            let ways = ways.iter().filter_map(|changes| self.changed(changes));
            ways.into_iter().any(|ask| self.may_lie_whole(&ask))
        });
        could.take(TRIED).flatten().find_map(|changes| self.step_if_whole(changes))
    }

    /// The newer model of the same publisher and about the size, where it lies wholly on the devices.
    fn newer_model(&self) -> Option<Step> {
        let newer = successor(self.catalog, self.catalog.model(&self.cell.model)?)?;
        self.step_if_whole(vec![Change::Newer(newer.id.clone())])
    }

    /// As few experts in RAM as it takes, where the question says what is there and another part is:
    /// a step where it then runs at all, or decodes faster by a quarter.
    fn experts_in_ram(&self) -> Option<Step> {
        /// Layers more that are tried where several devices are filled unevenly.
        const TRIED: u64 = 4;
        if matches!(self.ask.offload, Offload::Auto | Offload::Experts) {
            return None;
        }
        let auto = Scenario { offload: Offload::Auto, ..self.ask.clone() };
        let placement = self.answer(&auto)?.placement;
        let in_ram = placement.parts.iter().find(|part| part.devices.is_empty())?.experts.1;
        if placement.reason != PlacementReason::ExpertsToHost {
            return None;
        }
        let tps = |cell: &Cell| cell.speed.decode_tps.map_or(0.0, |tps| tps.expected);
        let steps = (in_ram..in_ram + TRIED).filter_map(|layers| {
            let changes = vec![Change::Experts(u32::try_from(layers).ok()?)];
            let scenario = self.changed(&changes)?;
            self.step(changes, scenario)
        });
        let step = steps.into_iter().find(|step| step.cell.verdict != Verdict::No)?;
        let is_better =
            step.cell.verdict < self.cell.verdict || tps(&step.cell) > 1.25 * tps(&self.cell);
        is_better.then_some(step)
    }

    /// The cheapest machine that a cloud rents on which the cell lies wholly.
    fn rented(&self) -> Option<Step> {
        /// Machines that are looked at.
        const TRIED: usize = 4;
        let mut priced: Vec<_> = priced().collect();
        sort::by_key(&mut priced, |(_, price)| *price);
        let mut seen: Vec<DeviceCount> = Vec::new();
        for (machine, _) in priced {
            let (id, count) = (machine.device.clone(), machine.count);
            let devices = DeviceCount { id, count, memory_gb: None };
            if !seen.contains(&devices) {
                seen.push(devices);
            }
        }
        let could = seen.into_iter().map(Change::Rent).filter(|change| {
            let ask = self.changed(std::slice::from_ref(change));
            ask.is_some_and(|ask| self.may_lie_whole(&ask))
        });
        could.take(TRIED).find_map(|change| self.step_if_whole(vec![change]))
    }

    /// The question of this one cell after `changes`; `None` if they change nothing.
    fn changed(&self, changes: &[Change]) -> Option<Scenario> {
        let mut changed = self.ask.clone();
        let at = Selected { model: 0, machine: 0, quant: 0, engine: 0 };
        let at = changes.iter().fold(at, |at, change| change.apply(&mut changed, at));
        let scenario = Scenario {
            models: vec![changed.models.swap_remove(at.model)],
            machines: vec![changed.machines.swap_remove(at.machine)],
            quants: vec![changed.quants[at.quant]],
            engines: vec![changed.engines[at.engine]],
            ..changed
        };
        (scenario != self.ask).then_some(scenario)
    }

    /// Whether the weights alone are not too much for the devices.
    fn may_lie_whole(&self, ask: &Scenario) -> bool {
        let (catalog, engine) = (self.catalog, ask.engines[0]);
        let hardware = Hardware::resolve(catalog, ask, &ask.machines[0]);
        let (Some(model), Ok(hardware)) = (catalog.model(&ask.models[0]), hardware) else {
            return false;
        };
        let room = hardware.parts.iter().map(|part| part.usable).sum::<Bytes>();
        hardware.parts.is_empty() || self.store.least_bytes(model, engine, ask.quants[0]) <= room
    }

    fn answer(&self, ask: &Scenario) -> Option<Cell> {
        estimate::row_with(&self.store, self.catalog, ask, &ask.models[0]).pop()?.ok()
    }

    /// The answer after `changes`, if it lies wholly on its devices.
    fn step_if_whole(&self, changes: Vec<Change>) -> Option<Step> {
        let scenario = self.changed(&changes)?;
        self.whole_summary(&scenario)?;
        self.step(changes, scenario)
    }

    /// The answer after `change`, if its verdict is better than that of the cell.
    fn step_if_better(&self, change: Change) -> Option<Step> {
        let changes = vec![change];
        let scenario = self.changed(&changes)?;
        match self.cell.verdict {
            Verdict::Fits | Verdict::Tight => None,
            Verdict::Offload => {
                self.summary(&on_devices(&scenario), |verdict| verdict <= Verdict::Tight)
            }
            Verdict::No => self.summary(&scenario, |verdict| verdict != Verdict::No),
        }?;
        self.step(changes, scenario)
    }

    /// The file and the machine of `ask`, of one cell.
    fn setup(&self, ask: &Scenario) -> Option<(FileFor<'a>, MachineFor<'a>)> {
        let model = self.catalog.model(&ask.models[0])?;
        let file = self.store.file(self.catalog, ask, model, ask.engines[0], ask.quants[0]);
        Some((file, MachineFor::new(self.catalog, ask, &ask.machines[0]).ok()?))
    }

    /// The summary of the answer to `ask`, of one cell, if its verdict is one that is `wanted`.
    fn summary(&self, ask: &Scenario, wanted: fn(Verdict) -> bool) -> Option<Summary> {
        let (file, machine) = self.setup(ask)?;
        estimate::summary(self.catalog, ask, wanted, &file, &machine)
    }

    /// The summary of the answer to `ask`, of one cell, if it lies wholly on the devices.
    fn whole_summary(&self, ask: &Scenario) -> Option<Summary> {
        let fits = |verdict| verdict == Verdict::Fits;
        self.may_lie_whole(ask).then(|| self.summary(&on_devices(ask), fits)).flatten()
    }

    fn room(&self, ask: &Scenario) -> Option<Room> {
        let (file, machine) = self.setup(ask)?;
        let (context, users) = estimate::room(ask, &file, &machine)?;
        Some(Room { context, users: users.unwrap_or_default() })
    }

    fn step(&self, changes: Vec<Change>, scenario: Scenario) -> Option<Step> {
        let cell = self.answer(&scenario)?;
        Some(Step { changes, scenario, cell })
    }

    /// The changes that could make the answer to `ask` better, which has this much room.
    fn changes(&self, ask: &Scenario, room: Room) -> Vec<Change> {
        let mut changes = Vec::new();
        let (catalog, engine, now) = (self.catalog, ask.engines[0], ask.quants[0]);
        let smaller_cache = adapter(engine).smaller_cache();
        let is_smaller = |ty: &CacheType| {
            ty.bits_per_value() < ask.kv.key.bits_per_value().min(ask.kv.value.bits_per_value())
        };
        changes.extend(smaller_cache.filter(is_smaller).map(Change::Cache));

        let step = if room.context >= 8 << 10 { 4 << 10 } else { 1 << 10 };
        let shorter = room.context / step * step;
        if (1..ask.context).contains(&shorter) {
            changes.push(Change::Context(shorter));
        }
        if (1..ask.users).contains(&room.users) {
            changes.push(Change::Users(room.users));
        }

        let model = catalog.model(&ask.models[0]);
        let formats = model.map(|model| usual_formats(engine, model)).unwrap_or_default();
        let is_last = !runs_whole(&self.cell) && now.nominal_bits() <= 4;
        let last = last_formats(engine).filter(|_| is_last);
        let smaller = formats.into_iter().chain(last).filter(|quant| {
            let is_smaller = match (now, *quant) {
                (Quant::Gguf(Mix::Q4_K_M), Quant::Gguf(Mix::IQ4_XS)) => true,
                (_, then) => then.nominal_bits() < now.nominal_bits(),
            };
            is_smaller && loads_format(engine, *quant)
        });
        changes.extend(smaller.map(Change::Quant));

        // Ollama and LM Studio have no such setting.
        let has_batch = matches!(engine, Engine::LlamaCpp | Engine::IkLlamaCpp | Engine::KoboldCpp);
        if has_batch && !runs_whole(&self.cell) {
            let smaller = [256, 128].into_iter().filter(|tokens| *tokens < ask.ubatch);
            changes.extend(smaller.map(Change::Ubatch));
        }
        if engine.rules_engine() == Engine::LlamaCpp
            && devices_of(ask) > 1
            && ask.parallel.tensor_split.is_none()
        {
            let now = match ask.parallel.split {
                SplitMode::Auto => SplitMode::Layer,
                asked => asked,
            };
            let others = [SplitMode::Layer, SplitMode::Tensor].into_iter();
            changes.extend(others.filter(|mode| *mode != now).map(Change::Split));
        }

        if let Ok(hardware) = Hardware::resolve(catalog, ask, &ask.machines[0])
            && let [device] = ask.machines[0].devices.as_slice()
            && let Some(part) = hardware.parts.first()
        {
            let is_left_aside = self.cell.placement.reason == PlacementReason::LeftAside;
            match part.device.kind {
                _ if is_left_aside && ask.backend.is_none() => {
                    changes.push(Change::Backend(GpuBackend::Vulkan));
                }
                DeviceKind::Discrete => {
                    let more = DEVICE_COUNTS.into_iter().filter(|n| *n > device.count);
                    changes.extend(more.take(2).map(Change::Devices));
                }
                DeviceKind::Unified => {
                    // What an operating system with a browser needs.
                    let limit = part.capacity.0.saturating_sub(8 * GIB);
                    if limit > part.usable.0 {
                        changes.push(Change::UnifiedLimit(Bytes(limit / GIB * GIB)));
                    }
                }
                DeviceKind::Cpu => {}
            }
            let copies_cache = matches!(engine, Engine::Vllm | Engine::Sglang)
                && model.is_some_and(has_latent_cache);
            if copies_cache && hardware.parts.len() > 1 && ask.parallel.data.is_none() {
                changes.push(Change::DataParallel(hardware.parts.len() as u64));
            }
        }
        changes
    }
}

/// The question with the whole model on the devices, where it is not said what is in RAM: what fits
/// so is placed so, and nothing is looked for where it does not.
fn on_devices(ask: &Scenario) -> Scenario {
    let offload = match ask.offload {
        Offload::Auto => Offload::None,
        asked => asked,
    };
    Scenario { offload, ..ask.clone() }
}

/// Number of devices of the machine that `ask` is about.
fn devices_of(ask: &Scenario) -> u32 {
    ask.machines[0].devices.iter().map(|device| device.count).sum()
}

/// Formats below the usual ones of `engine`, which cost so much quality that they are for what else
/// does not run.
fn last_formats(engine: Engine) -> impl Iterator<Item = Quant> {
    let gguf = [Mix::Q3_K_M, Mix::IQ3_XXS, Mix::Q2_K].map(Quant::Gguf).into_iter();
    let mlx = [3, 2].map(|bits| Quant::Format(Format::Mlx(bits)));
    let exl3 = [30, 20].map(|bits| Quant::Format(Format::Exl3(bits)));
    gguf.chain(mlx).chain(exl3).filter(move |quant| loads_format(engine, *quant))
}

/// Whether `a` is as good as `b` in every respect, with no more changes, and better in one, or `b`
/// does more than what `a` does already; of equals the first is kept.
fn beats((i, a): (usize, &Step), (j, b): (usize, &Step)) -> bool {
    let is_part = a.changes.iter().all(|change| b.changes.contains(change));
    if is_part && a.changes.len() < b.changes.len() && a.cell.verdict <= b.cell.verdict {
        return true;
    }
    let (of_a, of_b) = (a.worth(), b.worth());
    let as_good = of_a.iter().zip(&of_b).all(|(a, b)| a >= b) && a.burden() <= b.burden();
    // Of two that are worth the same, the one with more room.
    let room = |step: &Step| (step.cell.max_context, step.cell.max_users);
    let is_first = (room(a), j) > (room(b), i);
    as_good && (of_a != of_b || a.burden() < b.burden() || is_first)
}

/// Whether `model` caches one latent a token for all its heads, of which each tensor-parallel rank
/// has a copy.
fn has_latent_cache(model: &Model) -> bool {
    let layers = &model.architecture().layers;
    layers.iter().any(|layer| matches!(layer.mixer, Mixer::Mla(_) | Mixer::Compressed(_)))
}
