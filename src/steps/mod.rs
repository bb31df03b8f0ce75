//! What to change about a question so that its answer is better: the next steps of a cell.
//!
//! Each step is a changed question with its full estimate. Steps that another beats in every
//! respect are left out, so that what remains is a real choice.

use crate::advice::{is_fast_enough, runs_whole};
use crate::architecture::Mixer;
use crate::catalog::{Catalog, DeviceKind, Model};
use crate::engine::{loads_format, usual_formats};
use crate::estimate;
use crate::hardware::Hardware;
use crate::quality;
use crate::quant::{Format, Mix, Quant};
use crate::ranking::DEVICE_COUNTS;
use crate::report::{Cell, Quality, Verdict};
use crate::scenario::{CacheType, CacheTypes, Engine, ExpertParallel, Scenario, Selected};
use crate::sort;
use crate::units::{Bytes, GIB};

/// The most steps that are offered.
const OFFERED: usize = 4;

/// The burden of a change that is made where nothing else helps.
const LAST: u32 = 8;

/// A change of one part of a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// This type of the KV cache.
    Cache(CacheType),
    /// This much context for each user, in tokens.
    Context(u64),
    /// So many users at once.
    Users(u64),
    /// This format.
    Quant(Quant),
    /// So many of the machine's devices.
    Devices(u32),
    /// A limit of this size on what the GPU may use of unified memory.
    UnifiedLimit(Bytes),
    /// Attention on as many data-parallel ranks as there are devices, experts divided between them.
    DataParallel(u64),
}

impl Change {
    /// Makes the change in `scenario`, of which the cell at `at` is the one that is to be better;
    /// returns where that cell then is.
    pub fn apply(&self, scenario: &mut Scenario, at: Selected) -> Selected {
        match self {
            Change::Cache(ty) => scenario.kv = CacheTypes::both(*ty),
            Change::Context(tokens) => scenario.context = *tokens,
            Change::Users(users) => scenario.users = *users,
            Change::UnifiedLimit(limit) => scenario.platform.limit = Some(*limit),
            Change::DataParallel(ranks) => {
                scenario.tensor_parallel = Some(1);
                scenario.parallel.data = Some(*ranks);
                scenario.parallel.expert = ExpertParallel::On;
            }
            Change::Devices(count) => {
                let machine = scenario.machines.get_mut(at.machine);
                if let Some(device) = machine.and_then(|machine| machine.devices.first_mut()) {
                    device.count = *count;
                }
            }
            Change::Quant(quant) => {
                let place = scenario.quants.iter().position(|known| known == quant);
                let place = place.unwrap_or_else(|| {
                    scenario.quants.push(*quant);
                    scenario.quants.len() - 1
                });
                return Selected { quant: place, ..at };
            }
        }
        at
    }

    /// The place of the change among those that a reader would rather make: what costs nothing
    /// that is noticed first, what costs money last.
    fn burden(&self) -> u32 {
        match self {
            Change::UnifiedLimit(_) | Change::DataParallel(_) => 1,
            Change::Cache(_) => 2,
            Change::Context(_) => 3,
            Change::Quant(quant) if quant.nominal_bits() >= 4 => 4,
            // Below four bits a model loses much.
            Change::Quant(_) => LAST,
            Change::Users(_) => 6,
            Change::Devices(_) => 9,
        }
    }
}

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
    fn worth(&self) -> [f64; 8] {
        let Scenario { context, users, kv, machines, .. } = &self.scenario;
        let devices: u32 = machines.iter().flat_map(|m| &m.devices).map(|d| d.count).sum();
        [
            match self.cell.verdict {
                Verdict::Fits => 3.0,
                Verdict::Tight => 2.0,
                Verdict::Offload => 1.0,
                Verdict::No => 0.0,
            },
            self.cell.speed.decode_tps.map_or(0.0, |tps| tps.expected),
            self.cell.speed.throughput_tps.map_or(0.0, |tps| tps.expected),
            *context as f64,
            *users as f64,
            self.cell.weights_bytes.0 as f64,
            kv.key.bits_per_value(),
            -f64::from(devices),
        ]
    }

    fn burden(&self) -> u32 {
        self.changes.iter().map(Change::burden).sum()
    }

    /// Whether a format of fewer than four bits is among the changes.
    fn loses_much(&self) -> bool {
        let is_few =
            |change: &Change| matches!(change, Change::Quant(quant) if quant.nominal_bits() < 4);
        self.changes.iter().any(is_few)
    }
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
    kept.truncate(OFFERED);
    kept
}

/// Returns every step that makes the cell at `at` of `scenario` better, of which [`next_steps`]
/// offers those that are [`unbeaten`].
pub fn candidates(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Vec<Step> {
    let Some((ask, cell)) = estimate::alone(catalog, scenario, at) else { return Vec::new() };
    let floor = scenario.serving.decode_floor();
    let is_good = |cell: &Cell| runs_whole(cell) && is_fast_enough(cell, floor);
    let is_better = |step: &Step| match is_good(&cell) {
        // Faster by a quarter, for one user or for all, or half as much context again.
        true => {
            let served = |cell: &Cell| cell.speed.throughput_tps.map_or(0.0, |tps| tps.expected);
            let tps = |cell: &Cell| cell.speed.decode_tps.map_or(0.0, |tps| tps.expected);
            let is_faster = tps(&step.cell) > 1.25 * tps(&cell)
                || scenario.users > 1 && served(&step.cell) > 1.25 * served(&cell);
            let is_longer = 2 * step.cell.max_context > 3 * cell.max_context;
            let is_wanted = cell.trained_context.is_none_or(|most| cell.max_context < most);
            let holds_more = scenario.users > 1 && step.cell.max_users > 2 * cell.max_users;
            is_good(&step.cell) && (is_faster || holds_more || is_longer && is_wanted)
        }
        false => step.cell.verdict < cell.verdict && runs_whole(&step.cell),
    };
    let mut steps: Vec<Step> = Vec::new();
    for change in changes(catalog, &ask, &cell) {
        steps.extend(step(catalog, &ask, vec![change]));
    }
    let is_enough = steps.iter().any(|step| is_better(step) && step.burden() < LAST);
    if !is_good(&cell) && !is_enough {
        let singles: Vec<Step> = steps.clone();
        for first in singles.iter().filter(|first| !is_good(&first.cell)) {
            for second in changes(catalog, &first.scenario, &first.cell) {
                let [change] = first.changes.as_slice() else { continue };
                if second.burden() > change.burden() {
                    steps.extend(step(catalog, &ask, vec![change.clone(), second]));
                }
            }
        }
    }
    // Where nothing makes it lie wholly on the devices, it may at least run.
    let any = steps.iter().any(is_better);
    steps.retain(|step| match any || is_good(&cell) {
        true => is_better(step),
        false => step.cell.verdict < cell.verdict,
    });
    steps
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
    as_good && (of_a != of_b || a.burden() < b.burden() || i < j)
}

/// The answer after `changes`; `None` if they change nothing or it cannot be asked.
fn step(catalog: &Catalog, ask: &Scenario, changes: Vec<Change>) -> Option<Step> {
    let mut changed = ask.clone();
    let at = Selected { model: 0, machine: 0, quant: 0, engine: 0 };
    let at = changes.iter().fold(at, |at, change| change.apply(&mut changed, at));
    let scenario = Scenario { quants: vec![changed.quants[at.quant]], ..changed };
    if scenario == *ask {
        return None;
    }
    let cell = estimate::row(catalog, &scenario, &scenario.models[0]).pop()?.ok()?;
    Some(Step { changes, scenario, cell })
}

/// The changes that could make `cell`, the answer to `ask`, better.
fn changes(catalog: &Catalog, ask: &Scenario, cell: &Cell) -> Vec<Change> {
    let mut changes = Vec::new();
    let engine = cell.engine;
    let smaller_cache = match engine {
        Engine::LlamaCpp
        | Engine::Ollama
        | Engine::LmStudio
        | Engine::KoboldCpp
        | Engine::IkLlamaCpp => Some(CacheType::Q8_0),
        Engine::Vllm | Engine::Sglang | Engine::TensorRtLlm => Some(CacheType::Fp8),
        Engine::Mlx | Engine::ExLlamaV3 => Some(CacheType::Q8_0),
        Engine::Transformers => None,
    };
    let is_smaller = |ty: &CacheType| {
        ty.bits_per_value() < ask.kv.key.bits_per_value().min(ask.kv.value.bits_per_value())
    };
    changes.extend(smaller_cache.filter(is_smaller).map(Change::Cache));

    let step = if cell.max_context >= 8 << 10 { 4 << 10 } else { 1 << 10 };
    let shorter = cell.max_context / step * step;
    if (1..ask.context).contains(&shorter) {
        changes.push(Change::Context(shorter));
    }
    if (1..ask.users).contains(&cell.max_users) {
        changes.push(Change::Users(cell.max_users));
    }

    let model = catalog.model(&cell.model);
    let formats = model.map(|model| usual_formats(engine, model)).unwrap_or_default();
    // What is below the usual formats costs so much quality that it is for what else does not run.
    let last = [Mix::Q3_K_M, Mix::IQ3_XXS, Mix::Q2_K].map(Quant::Gguf).into_iter();
    let last = last.chain([3, 2].map(|bits| Quant::Format(Format::Mlx(bits))));
    let last = last.chain([30, 20].map(|bits| Quant::Format(Format::Exl3(bits))));
    let last = last.filter(|_| !runs_whole(cell) && cell.quant.nominal_bits() <= 4);
    let smaller = formats.into_iter().chain(last).filter(|quant| {
        let is_smaller = match (cell.quant, *quant) {
            (Quant::Gguf(Mix::Q4_K_M), Quant::Gguf(Mix::IQ4_XS)) => true,
            (now, then) => then.nominal_bits() < now.nominal_bits(),
        };
        is_smaller && loads_format(engine, *quant)
    });
    changes.extend(smaller.map(Change::Quant));

    if let Ok(hardware) = Hardware::resolve(catalog, ask, &ask.machines[0])
        && let [device] = ask.machines[0].devices.as_slice()
        && let Some(part) = hardware.parts.first()
    {
        match part.device.kind {
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
        let copies_cache =
            matches!(engine, Engine::Vllm | Engine::Sglang) && model.is_some_and(has_latent_cache);
        if copies_cache && hardware.parts.len() > 1 && ask.parallel.data.is_none() {
            changes.push(Change::DataParallel(hardware.parts.len() as u64));
        }
    }
    changes
}

/// Whether `model` caches one latent a token for all its heads, of which each tensor-parallel rank
/// has a copy.
fn has_latent_cache(model: &Model) -> bool {
    let layers = &model.architecture().layers;
    layers.iter().any(|layer| matches!(layer.mixer, Mixer::Mla(_) | Mixer::Compressed(_)))
}
