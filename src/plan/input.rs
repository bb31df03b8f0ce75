//! What a plan is made of.

use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, DeviceKind};
use crate::engine::{self, Launch};
use crate::estimate;
use crate::quality::Size;
use crate::quant::Quant;
use crate::ranking::DEVICE_COUNTS;
use crate::report::{Cell, Term, Verdict};
use crate::scenario::{Engine, Scenario, Selected};
use crate::speed::Bottleneck;
use crate::units::{Bytes, Interval};

/// The question of one cell, and the figures of its answer and of those of larger machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanInput {
    /// The question, of this one cell.
    pub query: String,
    /// The figures of its answer.
    pub figures: Figures,
    /// What it grows to.
    pub larger: Vec<Larger>,
}

/// A larger setup with the full estimate of its question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Larger {
    /// What is more.
    pub growth: Growth,
    /// The changed question.
    pub query: String,
    /// The figures of its answer.
    pub figures: Figures,
}

/// What a larger setup has more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Growth {
    /// So many devices in the machine.
    Devices(u32),
    /// So many machines, each of which has a part of the layers.
    Nodes(u32),
}

/// The figures of a cell that a plan speaks of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Model id.
    pub model: String,
    /// The format that is loaded.
    pub quant: Quant,
    /// The engine.
    pub engine: Engine,
    /// Whether it runs.
    pub verdict: Verdict,
    /// The engine's flags.
    pub flags: Vec<String>,
    /// What starts the model with them.
    pub launch: Launch,
    /// How large the model is.
    pub size: Size,
    /// Bits of a weight, on average.
    pub bits_per_weight: f64,
    /// Expected bytes on devices and host of weights, KV cache with states, and everything else.
    pub weights: Bytes,
    /// See `weights`.
    pub cache: Bytes,
    /// See `weights`.
    pub rest: Bytes,
    /// The devices, in the machine's order.
    pub devices: Vec<DeviceFigures>,
    /// Expected bytes in RAM, where a part of the model is there.
    pub in_ram: Option<Bytes>,
    /// Usable minus expected bytes on the tightest device.
    pub headroom_bytes: i64,
    /// Tokens of context for each user that were asked for.
    pub context: u64,
    /// The longest context with which it runs as it does.
    pub max_context: u64,
    /// The longest context that the model was trained for.
    pub trained_context: Option<u64>,
    /// Users that were asked for.
    pub users: u64,
    /// The most users with whom it runs as it does.
    pub max_users: u64,
    /// Decode rate of one user at the whole context.
    pub decode_tps: Option<Interval<f64>>,
    /// With an empty context.
    pub decode_tps_empty: Option<Interval<f64>>,
    /// Rate at which a prompt is processed.
    pub prefill_tps: Option<Interval<f64>>,
    /// Rate of all users together.
    pub throughput_tps: Option<Interval<f64>>,
    /// What limits decoding.
    pub decode_limit: Option<Bottleneck>,
}

/// What a device is expected to hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceFigures {
    /// Display name.
    pub name: String,
    /// Maker.
    pub vendor: String,
    /// Whether its memory is its own, and not the machine's.
    pub is_discrete: bool,
    /// Expected use.
    pub used: Interval<Bytes>,
    /// What it can hold.
    pub usable: Bytes,
}

impl Figures {
    /// The figures of `cell`, the answer to `scenario`.
    pub fn new(catalog: &Catalog, scenario: &Scenario, cell: &Cell) -> Figures {
        let items = cell.devices.iter().flat_map(|bill| &bill.items).chain(&cell.host.items);
        let of_model = items.filter(|item| item.term != Term::OperatingSystem);
        let (mut weights, mut cache, mut rest) = (Bytes::ZERO, Bytes::ZERO, Bytes::ZERO);
        for item in of_model {
            let bytes = item.bytes.expected;
            match item.term {
                Term::Weights | Term::TiedOutput => weights += bytes,
                Term::KvCache | Term::RecurrentState => cache += bytes,
                _ => rest += bytes,
            }
        }
        let devices = cell.devices.iter().map(|bill| {
            let device = catalog.device(&bill.device);
            DeviceFigures {
                name: device.map_or_else(|| bill.device.clone(), |device| device.name.clone()),
                vendor: device.map(|device| device.vendor.clone()).unwrap_or_default(),
                is_discrete: device.is_some_and(|device| device.kind == DeviceKind::Discrete),
                used: bill.used_bytes,
                usable: bill.usable_bytes,
            }
        });
        let model = catalog.model(&cell.model);
        let is_in_ram = cell.verdict == Verdict::Offload || cell.devices.is_empty();
        Figures {
            model: cell.model.clone(),
            quant: cell.quant,
            engine: cell.engine,
            verdict: cell.verdict,
            flags: cell.flags.clone(),
            launch: model.map_or_else(Launch::default, |model| {
                engine::launch(cell.engine, model, cell.quant, &cell.flags)
            }),
            size: model.map_or(Size { billions: 0.0, has_experts: false }, Size::of),
            bits_per_weight: 8.0 * cell.weights_bytes.0 as f64 / cell.params_total.max(1) as f64,
            weights,
            cache,
            rest,
            devices: devices.collect(),
            in_ram: is_in_ram.then(|| match cell.devices.is_empty() {
                true => cell.total_bytes.expected,
                false => cell.ram_bytes(),
            }),
            headroom_bytes: cell.headroom_bytes,
            context: scenario.context,
            max_context: cell.longest_context(),
            trained_context: cell.trained_context,
            users: scenario.users,
            max_users: cell.most_users(),
            decode_tps: cell.speed.decode_tps,
            decode_tps_empty: cell.speed.decode_tps_empty,
            prefill_tps: cell.speed.prefill_tps,
            throughput_tps: cell.speed.throughput_tps,
            decode_limit: cell.speed.decode_limit,
        }
    }
}

impl PlanInput {
    /// Returns what the plan of the cell at `at` of `scenario` is made of; `None` if there is no
    /// such cell or it has no answer.
    pub fn new(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Option<PlanInput> {
        let (ask, cell) = estimate::alone(catalog, scenario, at)?;
        let figures = Figures::new(catalog, &ask, &cell);
        let larger = match cell.verdict {
            Verdict::No => Vec::new(),
            _ => larger(catalog, &ask, &figures),
        };
        Some(PlanInput { query: ask.to_query(), figures, larger })
    }
}

/// The larger setups of the question `ask`, of one cell, as far as they run and give more.
fn larger(catalog: &Catalog, ask: &Scenario, now: &Figures) -> Vec<Larger> {
    let [machine] = ask.machines.as_slice() else { return Vec::new() };
    let [device] = machine.devices.as_slice() else { return Vec::new() };
    if !now.devices.iter().all(|device| device.is_discrete) || now.devices.is_empty() {
        return Vec::new();
    }
    let with = |devices: u32| {
        let mut changed = ask.clone();
        changed.machines[0].devices[0].count = devices;
        changed
    };
    let mut changed: Vec<(Growth, Scenario)> = Vec::new();
    let more = DEVICE_COUNTS.into_iter().find(|count| *count >= 2 * device.count);
    changed.extend(more.map(|count| (Growth::Devices(count), with(count))));
    if matches!(now.engine, Engine::Vllm | Engine::Sglang) {
        let mut nodes = with(2 * device.count);
        nodes.tensor_parallel = Some(u64::from(device.count));
        nodes.parallel.pipeline = Some(2);
        nodes.parallel.data = None;
        changed.push((Growth::Nodes(2), nodes));
    }
    let answer = |(growth, scenario): (Growth, Scenario)| {
        let cell = estimate::row(catalog, &scenario, scenario.models.first()?).pop()?.ok()?;
        let figures = Figures::new(catalog, &scenario, &cell);
        let helps = cell.verdict != Verdict::No && is_more(&figures, now);
        helps.then(|| Larger { growth, query: scenario.to_query(), figures })
    };
    changed.into_iter().filter_map(answer).collect()
}

/// Whether `larger` gives a tenth more than `now` of anything that is asked for.
fn is_more(larger: &Figures, now: &Figures) -> bool {
    let rate = |tps: Option<Interval<f64>>| tps.map_or(0.0, |tps| tps.expected);
    // Context beyond what the model was trained for is of no use.
    let context = |figures: &Figures| {
        figures.trained_context.unwrap_or(u64::MAX).min(figures.max_context) as f64
    };
    let gains = [
        (rate(larger.decode_tps), rate(now.decode_tps), true),
        (context(larger), context(now), true),
        (rate(larger.throughput_tps), rate(now.throughput_tps), now.users > 1),
        (larger.max_users as f64, now.max_users as f64, now.users > 1),
    ];
    gains.into_iter().any(|(then, now, is_asked)| is_asked && then > 1.1 * now)
}
