//! What of the catalogue a ranking asks about.

use std::cmp::Reverse;

use crate::catalog::{Catalog, Device, DeviceKind, Model};
use crate::scenario::{DeviceClass, DeviceCount, Filter, Machine, ModelKind, Month, Scenario};
use crate::sort;

/// Something that may be in a ranking.
#[derive(Clone, Debug)]
pub enum Candidate<'a> {
    /// A model.
    Model(&'a Model),
    /// Machines of one kind of device, from the smallest to the largest.
    Machines(Vec<Machine>),
    /// The formats of the model on the machine.
    Formats,
}

/// Names of models for programming.
const CODE: &[&str] =
    &["code", "coder", "codestral", "devstral", "starcoder", "codegemma", "mellum", "swe"];

/// Names of models that think before they answer.
const REASONING: &[&str] = &[
    "thinking",
    "reason",
    "-r1",
    "qwq",
    "magistral",
    "gpt-oss",
    "openthinker",
    "nemotron-3",
    "deepscaler",
    "phi-4-mini-flash",
];

/// Names of models for one task: judging texts, translating, proving, playing an environment or
/// pressing a screen's buttons.
const ONE_TASK: &[&str] = &["guard", "translate", "prover", "-math", "agentworld", "ui-tars"];

/// What a model is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// By the modality and the name of `model`.
    pub fn of(model: &Model) -> Kinds {
        let with = |Kinds(kinds), kind| Kinds(kinds | bit(kind));
        if matches!(model.modality.as_str(), "embedding" | "reranker") {
            return with(Kinds(0), ModelKind::Embedding);
        }
        let is_named = |words: &[&str]| words.iter().any(|word| model.id.contains(word));
        let kinds = [
            (model.modality.contains("image"), ModelKind::Vision),
            (model.modality.contains("audio"), ModelKind::Audio),
            (is_named(REASONING), ModelKind::Reasoning),
        ];
        let main = if is_named(CODE) { ModelKind::Code } else { ModelKind::General };
        let kinds = kinds.into_iter().filter_map(|(is_it, kind)| is_it.then_some(kind));
        let one_task = if is_named(ONE_TASK) { Kinds::ONE_TASK } else { 0 };
        kinds.fold(with(Kinds(one_task), main), with)
    }

    /// The bit of models for one task, beyond those of [`ModelKind`].
    const ONE_TASK: u8 = 1 << 7;

    /// Whether it is for one task, so that it answers no general question.
    pub fn is_for_one_task(self) -> bool {
        self.0 & Kinds::ONE_TASK != 0
    }

    /// Whether `kind` is one of them.
    pub fn contain(self, kind: ModelKind) -> bool {
        self.0 & bit(kind) != 0
    }

    /// Whether `others` are all among them.
    pub fn have(self, Kinds(others): Kinds) -> bool {
        self.0 & others == others
    }

    /// Those that are a speciality. Whether a model thinks is not always in its name.
    pub fn special(self) -> Kinds {
        Kinds(self.0 & !(bit(ModelKind::General) | bit(ModelKind::Reasoning)))
    }

    /// The specialities for which others are given up: a model for code answers less of the rest, one
    /// that sees or hears answers it as well.
    pub fn narrow(self) -> Kinds {
        Kinds(self.special().0 & !(bit(ModelKind::Vision) | bit(ModelKind::Audio)))
    }
}

const fn bit(kind: ModelKind) -> u8 {
    1 << kind as u8
}

/// Endings of models that are tuned to answer.
const TUNED: &[&str] = &["-instruct", "-it", "-chat", "-chat-hf", "-instruct-hf", "-sft", "-dpo"];

/// Whether `model` is what a tuned model of the catalogue was made from, and so continues text
/// instead of answering.
pub fn is_base(catalog: &Catalog, model: &Model) -> bool {
    let is_tuned = |other: &Model| {
        let rest = other.id.strip_prefix(model.id.as_str());
        rest.is_some_and(|rest| TUNED.iter().any(|ending| rest.starts_with(ending)))
    };
    model.id.ends_with("-base") || model.id.ends_with("-pt") || catalog.models.iter().any(is_tuned)
}

/// The models that `scenario` lets through. `bases` says of each of the catalogue whether it
/// [`is_base`].
pub fn models<'a>(catalog: &'a Catalog, bases: &[bool], scenario: &Scenario) -> Vec<Candidate<'a>> {
    let Filter { size, kind, family, license, since, .. } = &scenario.filter;
    let is_asked = |model: &Model, is_base: bool| {
        let kinds = Kinds::of(model);
        let is_kind = match kind {
            Some(kind) => kinds.contain(*kind),
            None => !kinds.contain(ModelKind::Embedding),
        };
        let names = [model.id.as_str(), &model.name, &model.family, &model.org];
        is_kind
            && size.is_none_or(|size| size.contains(model.count().text as f64 / 1e9))
            && family.as_ref().is_none_or(|part| part.is_in(names))
            && license.as_ref().is_none_or(|part| part.is_in([model.license.as_str()]))
            && since.is_none_or(|since| Month::read(&model.release).is_some_and(|at| at >= since))
            && (family.is_some() || !is_base && !kinds.is_for_one_task())
    };
    let models = catalog.models.iter().zip(bases);
    let models = models.filter_map(|(model, base)| is_asked(model, *base).then_some(model));
    let mut models: Vec<&Model> = models.collect();
    // Those that are likely to be far up are answered first.
    sort::by_key(&mut models, |model| Reverse(model.release.clone()));
    models.into_iter().map(Candidate::Model).collect()
}

/// Where `device` is at home.
fn class(device: &Device) -> DeviceClass {
    match (device.kind, device.segment.as_str()) {
        (DeviceKind::Cpu, _) => DeviceClass::Cpu,
        (DeviceKind::Unified, _) if device.vendor == "Apple" => DeviceClass::Apple,
        (DeviceKind::Unified, _) => DeviceClass::Unified,
        (DeviceKind::Discrete, "workstation") => DeviceClass::Workstation,
        (DeviceKind::Discrete, "datacenter") => DeviceClass::Datacenter,
        (DeviceKind::Discrete, _) => DeviceClass::Consumer,
    }
}

/// Memory of `device` in GB, in the size named.
fn device_memory_gb(device: &Device, memory_gb: Option<u32>) -> Option<f64> {
    memory_gb.map(f64::from).or(device.memory_gb)
}

/// Memory that the devices of `machine` have together, in GB; `None` if one is not known.
pub fn memory_gb(catalog: &Catalog, machine: &Machine) -> Option<f64> {
    let of = |part: &DeviceCount| {
        let device = catalog.device(&part.id)?;
        Some(device_memory_gb(device, part.memory_gb)? * f64::from(part.count))
    };
    machine.devices.iter().map(of).sum()
}

/// How many devices machines are built with.
pub const DEVICE_COUNTS: [u32; 6] = [1, 2, 3, 4, 6, 8];

/// The machines that `scenario` lets through: of each device and size of its memory, one to as many
/// as are asked for.
pub fn machines<'a>(catalog: &'a Catalog, scenario: &Scenario) -> Vec<Candidate<'a>> {
    let Filter { class: asked, vendor, memory, most, .. } = &scenario.filter;
    let is_asked = |device: &&Device| {
        let class = class(device);
        let is_class = asked.map_or(class != DeviceClass::Cpu, |asked| asked == class);
        let names = [device.id.as_str(), &device.name, &device.vendor];
        let is_sold = device.status.is_empty() || device.status == "released";
        is_class && is_sold && vendor.as_ref().is_none_or(|part| part.is_in(names))
    };
    let mut candidates = Vec::new();
    for device in catalog.devices.iter().filter(is_asked) {
        let options: Vec<Option<u32>> = match device.memory_options_gb.as_slice() {
            [] => vec![None],
            options => options.iter().map(|gb| Some(*gb as u32)).collect(),
        };
        // Several of these are several machines.
        let most = if device.kind == DeviceKind::Discrete { *most as u32 } else { 1 };
        for memory_gb in options {
            let each = device_memory_gb(device, memory_gb);
            let is_size = |count: &u32| {
                let all = each.map(|each| each * f64::from(*count));
                memory.is_none_or(|memory| all.is_some_and(|all| memory.contains(all)))
            };
            let machine = |count| Machine {
                devices: vec![DeviceCount { id: device.id.clone(), count, memory_gb }],
            };
            let counts = DEVICE_COUNTS.into_iter().filter(|count| *count <= most);
            let sizes: Vec<Machine> = counts.filter(is_size).map(machine).collect();
            if !sizes.is_empty() {
                candidates.push(Candidate::Machines(sizes));
            }
        }
    }
    candidates
}
