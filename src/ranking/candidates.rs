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

/// What `model` is made for, by its modality and its name.
pub fn kinds(model: &Model) -> Vec<ModelKind> {
    if matches!(model.modality.as_str(), "embedding" | "reranker") {
        return vec![ModelKind::Embedding];
    }
    let is_named = |words: &[&str]| words.iter().any(|word| model.id.contains(word));
    let mut kinds = Vec::new();
    if model.modality.contains("image") {
        kinds.push(ModelKind::Vision);
    }
    if model.modality.contains("audio") {
        kinds.push(ModelKind::Audio);
    }
    if is_named(CODE) {
        kinds.push(ModelKind::Code);
    } else {
        kinds.push(ModelKind::General);
    }
    if is_named(REASONING) {
        kinds.push(ModelKind::Reasoning);
    }
    kinds
}

/// Endings of models that are tuned to answer.
const TUNED: &[&str] = &["-instruct", "-it", "-chat", "-chat-hf", "-instruct-hf", "-sft", "-dpo"];

/// Whether `model` is what a tuned model of the catalogue was made from, and so continues text
/// instead of answering.
fn is_base(catalog: &Catalog, model: &Model) -> bool {
    let is_tuned = |ending: &&str| {
        catalog.models.iter().any(|other| {
            other.id.strip_prefix(model.id.as_str()).is_some_and(|rest| rest.starts_with(*ending))
        })
    };
    model.id.ends_with("-base") || model.id.ends_with("-pt") || TUNED.iter().any(is_tuned)
}

/// The models that `scenario` lets through.
pub fn models<'a>(catalog: &'a Catalog, scenario: &Scenario) -> Vec<Candidate<'a>> {
    let Filter { size, kind, family, license, since, .. } = &scenario.filter;
    let is_asked = |model: &&Model| {
        let kinds = kinds(model);
        let is_kind = match kind {
            Some(kind) => kinds.contains(kind),
            None => kinds != [ModelKind::Embedding],
        };
        let names = [model.id.as_str(), &model.name, &model.family, &model.org];
        is_kind
            && size.is_none_or(|size| size.contains(model.count().text as f64 / 1e9))
            && family.as_ref().is_none_or(|part| part.is_in(names))
            && license.as_ref().is_none_or(|part| part.is_in([model.license.as_str()]))
            && since.is_none_or(|since| Month::read(&model.release).is_some_and(|at| at >= since))
            && (family.is_some() || !is_base(catalog, model))
    };
    let mut models: Vec<&Model> = catalog.models.iter().filter(is_asked).collect();
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
