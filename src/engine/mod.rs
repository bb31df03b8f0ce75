//! The engines: one file each, with the rules by which it lays a model out in memory.
//!
//! All of them answer through [`Run`]: a model in a format on a machine, whose bill can be asked
//! for at any context and number of users. A new engine is one file that implements it and a line
//! in [`file()`] and [`run`].

mod addons;
mod cache;
pub mod exllamav3;
pub mod front_end;
mod launch;
mod layout;
pub mod llama_cpp;
pub mod mlx;
mod ranks;
pub mod sglang;
mod shard;
mod spread;
pub mod tensorrt_llm;
mod torch;
pub mod transformers;
pub mod vllm;
mod ways;

pub use addons::{Addons, Cut, Proposer, Speculation, Widths, adapted};
pub use addons::{drafts, on_demand, profiled, tower, warm_up};
pub use cache::{LayerCache, State, layer_caches, mtp_caches};
pub use layout::{Held, Layout};
use llama_cpp::GraphMemo;
pub use shard::{Checkpoint, Fused, Indivisible, Stored, divides, rank, rank_of};
use spread::Spread;
pub use torch::allocated;
pub use ways::{Ways, Windows, expand_latents};

use std::sync::Arc;

use crate::architecture::Architecture;
use crate::catalog::{Catalog, Device, Model};
use crate::memory::{ModelFile, bill};
use crate::placement::{Hardware, Load, Loads};
use crate::quant::{Mix, Quant};
pub use crate::report::Rule;
use crate::report::{
    Adjustment, DeviceBill, EngineRefusal, HostBill, Item, Notice, Placement, Reason, Term,
};
use crate::scenario::{Engine, Scenario};
use crate::units::{Bytes, Interval};

/// A model's files in the form that an engine loads. Made once, it serves every machine.
#[derive(Clone, Debug)]
pub enum File<'a> {
    /// A GGUF file: llama.cpp and its front ends.
    Gguf(ModelFile<'a>),
    /// A checkpoint in safetensors: every other engine.
    Checkpoint(Checkpoint<'a>),
}

impl<'a> File<'a> {
    /// The model.
    pub fn model(&self) -> &'a Model {
        match self {
            File::Gguf(file) => file.model,
            File::Checkpoint(file) => file.model,
        }
    }

    /// The format.
    pub fn quant(&self) -> Quant {
        match self {
            File::Gguf(file) => file.quant,
            File::Checkpoint(file) => file.quant,
        }
    }

    /// Bytes of all tensors in it.
    pub fn bytes(&self) -> Bytes {
        match self {
            File::Gguf(file) => file.bytes(),
            File::Checkpoint(file) => file.bytes(),
        }
    }

    /// What is loaded beside it.
    pub fn addons(&self) -> &Addons<'a> {
        match self {
            File::Gguf(file) => &file.addons,
            File::Checkpoint(file) => &file.addons,
        }
    }

    /// The graphs that were placed for it; nothing where the engine has none.
    pub fn graphs(&self) -> Option<&Arc<GraphMemo>> {
        match self {
            File::Gguf(file) => Some(&file.graphs),
            File::Checkpoint(_) => None,
        }
    }

    /// The same file, which shares `graphs` with others of its model.
    #[must_use]
    pub fn sharing(mut self, graphs: &Arc<GraphMemo>) -> File<'a> {
        if let File::Gguf(file) = &mut self {
            file.graphs = graphs.clone();
        }
        self
    }

    fn with(mut self, addons: Addons<'a>) -> File<'a> {
        match &mut self {
            File::Gguf(file) => file.addons = addons,
            File::Checkpoint(file) => file.addons = addons,
        }
        self
    }
}

/// A model in a format on a machine, as an engine would run it.
pub trait Run {
    /// The machine.
    fn hardware(&self) -> &Hardware<'_>;

    /// The bill of every device and of the host, with `users` sequences of `context` tokens each.
    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill);

    /// What every memory has to hold, against what the engine lets itself use.
    fn loads(&self, context: u64, users: u64) -> Loads {
        let (devices, host) = self.bills(context, users);
        let load = |bill: &DeviceBill| Load { used: bill.used_bytes, usable: bill.usable_bytes };
        let devices: Vec<Load> = devices.iter().map(load).collect();
        Loads { host: self.hardware().host_load(host.used_bytes, &devices), devices }
    }

    /// Loads that are no larger than those, at little cost.
    fn loads_at_least(&self, context: u64, users: u64) -> Loads {
        self.loads(context, users)
    }

    /// A placement was found or asked for. Where it was not, the bill is that of the whole model
    /// on the devices.
    fn possible(&self) -> bool {
        true
    }

    /// Part of the model is left on the host.
    fn offloads(&self) -> bool {
        false
    }

    /// The same run with nothing left on the host.
    fn whole(&self) -> Option<Box<dyn Run + '_>> {
        None
    }

    /// The same run on some of the machine's devices.
    fn alone<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>>;

    /// Which parts of the model lie where.
    fn layout(&self) -> Layout;

    /// What sliding-window layers keep.
    fn windows(&self) -> Windows {
        Windows::Kept
    }

    /// Latent attention is cached as full keys and values.
    fn expands_latents(&self) -> bool {
        false
    }

    /// Share of each device, in thousandths, that the engine takes whatever the model.
    fn takes(&self) -> Option<u64> {
        None
    }

    /// The same in a report, and how it came about.
    fn placement(&self) -> Placement {
        self.layout().placement(Reason::Fits)
    }

    /// The engine's flags that start it so.
    fn flags(&self) -> Vec<String>;

    /// Tokens in which a sequence's context is allotted.
    fn context_step(&self) -> u64;

    /// The most sequences that the engine serves at once, as it is started.
    fn most_users(&self) -> u64;
}

/// Why an engine does not run what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule that stands against it.
    pub rule: Rule,
    /// What was asked for: a format, a device, a setting.
    pub asked: String,
    /// The nearest that the engine does take, where there is one.
    pub nearest: Option<String>,
}

impl Refusal {
    fn new(rule: Rule, asked: impl ToString) -> Refusal {
        Refusal { rule, asked: asked.to_string(), nearest: None }
    }

    fn or(self, nearest: impl ToString) -> Refusal {
        Refusal { nearest: Some(nearest.to_string()), ..self }
    }

    /// The refusal as a notice about `model` under `engine`.
    pub fn notice(self, engine: Engine, model: &Model) -> Notice {
        let Refusal { rule, asked, nearest } = self;
        let (id, engine) = (model.id.clone(), engine.name().to_owned());
        Notice::EngineRefuses(Box::new(EngineRefusal { id, engine, asked, rule, nearest }))
    }
}

/// It runs llama.cpp.
fn is_llama_cpp(engine: Engine) -> bool {
    matches!(engine, Engine::LlamaCpp | Engine::Ollama | Engine::LmStudio | Engine::KoboldCpp)
}

/// Settings that an engine of `scenario` takes otherwise than they are said, with what it takes:
/// `models` and machines with `devices` devices are those of the question.
pub fn adjustments<'a>(
    scenario: &Scenario,
    models: impl Iterator<Item = &'a Model>,
    devices: impl Iterator<Item = usize>,
) -> Vec<Notice> {
    let Some(engine) = scenario.engines.iter().copied().find(|engine| is_llama_cpp(*engine)) else {
        return Vec::new();
    };
    let mut all = front_end::adjusted(engine, scenario);
    all.extend(models.filter_map(|m| front_end::adjusted_layers(scenario, m.architecture())));
    all.extend(devices.filter_map(|n| front_end::adjusted_shares(scenario, n)));
    let mut notices = Vec::new();
    for Refusal { rule, asked, nearest } in all {
        let engine = engine.name().to_owned();
        let adjustment = Adjustment { engine, asked, rule, nearest };
        let notice = Notice::EngineAdjusts(Box::new(adjustment));
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }
    notices
}

/// Whose rules `engine` is computed by, and of which version: those of llama.cpp for its front ends.
pub const fn rules(engine: Engine) -> (Engine, &'static str) {
    match engine {
        Engine::LlamaCpp | Engine::Ollama | Engine::LmStudio | Engine::KoboldCpp => {
            (Engine::LlamaCpp, llama_cpp::VERSION)
        }
        Engine::Vllm => (engine, vllm::VERSION),
        Engine::Sglang => (engine, sglang::VERSION),
        Engine::TensorRtLlm => (engine, tensorrt_llm::VERSION),
        Engine::Mlx => (engine, mlx::VERSION),
        Engine::Transformers => (engine, transformers::VERSION),
        Engine::ExLlamaV3 => (engine, exllamav3::VERSION),
    }
}

/// Whether `engine` loads `quant` of any model.
pub fn loads_format(engine: Engine, quant: Quant) -> bool {
    format(engine, quant).is_ok()
}

/// What people load into `engine` where others load `quant`: `quant` itself where it can, else
/// the engine's format with about as many bits.
pub fn nearest_format(engine: Engine, quant: Quant) -> Quant {
    let refusal = format(engine, quant).err();
    let nearest = refusal.and_then(|refusal| Quant::parse(&refusal.nearest?));
    nearest.unwrap_or(quant)
}

fn format(engine: Engine, quant: Quant) -> Result<(), Refusal> {
    match engine {
        Engine::LlamaCpp | Engine::Ollama | Engine::LmStudio | Engine::KoboldCpp => match quant {
            Quant::Gguf(_) => Ok(()),
            Quant::Format(_) => {
                let nearest = match quant.nominal_bits() {
                    0..=2 => Mix::Q2_K,
                    3 => Mix::Q3_K_M,
                    4 => Mix::Q4_K_M,
                    5 => Mix::Q5_K_M,
                    6 => Mix::Q6_K,
                    _ => Mix::Q8_0,
                };
                Err(Refusal::new(Rule::FormatNotLoaded, quant).or(Quant::Gguf(nearest)))
            }
        },
        Engine::Vllm => vllm::format(quant),
        Engine::Sglang => sglang::format(quant),
        Engine::TensorRtLlm => tensorrt_llm::format(quant),
        Engine::Mlx => mlx::format(quant),
        Engine::Transformers => transformers::format(quant),
        Engine::ExLlamaV3 => exllamav3::format(quant),
    }
}

/// Whether `engine` has an implementation of `model`'s architecture, as far as its list is known.
fn knows(engine: Engine, model: &Model) -> bool {
    match engine {
        Engine::TensorRtLlm => tensorrt_llm::knows(model),
        Engine::ExLlamaV3 => exllamav3::knows(model),
        _ => true,
    }
}

/// The files of `model` in `quant` that `engine` loads, with what `scenario` has loaded beside it; a
/// draft is looked up in `catalog`.
///
/// # Errors
/// The engine does not know the model's architecture, does not load the format, or not what is
/// asked for beside it.
pub fn file<'a>(
    catalog: &'a Catalog,
    engine: Engine,
    model: &'a Model,
    quant: Quant,
    scenario: &Scenario,
) -> Result<File<'a>, Notice> {
    let file = bare_file(engine, model, quant, scenario)?;
    Ok(file.with(Addons::resolve(catalog, engine, model, quant, scenario)?))
}

/// The files of the model alone.
fn bare_file<'a>(
    engine: Engine,
    model: &'a Model,
    quant: Quant,
    scenario: &Scenario,
) -> Result<File<'a>, Notice> {
    let refuse = |refusal: Refusal| refusal.notice(engine, model);
    if !knows(engine, model) {
        return Err(refuse(Refusal::new(Rule::UnknownArchitecture, quant)));
    }
    format(engine, quant).map_err(refuse)?;
    let checkpoint = match (engine, quant) {
        (
            Engine::LlamaCpp | Engine::Ollama | Engine::LmStudio | Engine::KoboldCpp,
            Quant::Gguf(mix),
        ) => return ModelFile::new(model, mix, scenario.imatrix).map(File::Gguf),
        _ => Checkpoint::new(model, quant),
    };
    let refused = || refuse(Refusal::new(Rule::FormatNotLoaded, quant).or("BF16"));
    checkpoint.map(File::Checkpoint).ok_or_else(refused)
}

/// `file` on `hardware` as `engine` would run it under `scenario`.
///
/// # Errors
/// The engine has no backend for a device, or refuses a setting.
pub fn run<'a>(
    engine: Engine,
    file: &'a File<'a>,
    hardware: &'a Hardware<'a>,
    scenario: &'a Scenario,
) -> Result<Box<dyn Run + 'a>, Notice> {
    if let File::Gguf(file) = file {
        return front_end::run(engine, file, hardware, scenario);
    }
    start(engine, file, hardware, scenario).map_err(|refusal| refusal.notice(engine, file.model()))
}

/// A checkpoint on `hardware` as `engine` would run it.
fn start<'a>(
    engine: Engine,
    file: &'a File<'a>,
    hardware: &'a Hardware<'a>,
    scenario: &'a Scenario,
) -> Result<Box<dyn Run + 'a>, Refusal> {
    match (engine, file) {
        (Engine::Vllm, File::Checkpoint(file)) => vllm::run(file, hardware, scenario),
        (Engine::Sglang, File::Checkpoint(file)) => sglang::run(file, hardware, scenario),
        (Engine::TensorRtLlm, File::Checkpoint(file)) => {
            tensorrt_llm::run(file, hardware, scenario)
        }
        (Engine::Mlx, File::Checkpoint(file)) => mlx::run(file, hardware, scenario),
        (Engine::Transformers, File::Checkpoint(file)) => {
            transformers::run(file, hardware, scenario)
        }
        (Engine::ExLlamaV3, File::Checkpoint(file)) => exllamav3::run(file, hardware, scenario),
        _ => Err(Refusal::new(Rule::FormatNotLoaded, file.quant())),
    }
}

/// A line of a bill before it is put into words: cheap to make, for searches that make many.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub term: Term,
    pub bytes: Interval<Bytes>,
    pub exact: bool,
    pub formula: &'static str,
    pub inputs: Vec<(&'static str, f64)>,
    pub source: &'static str,
}

impl Line {
    /// A figure that is exact for the engine's layout.
    pub(crate) fn exact(
        term: Term,
        bytes: Bytes,
        formula: &'static str,
        source: &'static str,
    ) -> Line {
        let bytes = Interval::exact(bytes);
        Line { term, bytes, exact: true, formula, inputs: Vec::new(), source }
    }

    /// A figure from a fit or a rule of thumb.
    pub(crate) fn fitted(
        term: Term,
        bytes: Interval<Bytes>,
        formula: &'static str,
        source: &'static str,
    ) -> Line {
        Line { term, bytes, exact: false, formula, inputs: Vec::new(), source }
    }

    /// The numbers put in.
    pub(crate) fn with(mut self, inputs: &[(&'static str, u64)]) -> Line {
        self.inputs = inputs.iter().map(|(name, value)| (*name, *value as f64)).collect();
        self
    }

    fn item(self) -> Item {
        Item {
            term: self.term,
            bytes: self.bytes,
            exact: self.exact,
            formula: self.formula.to_owned(),
            inputs: self.inputs.into_iter().map(|(name, n)| (name.to_owned(), n)).collect(),
            source: self.source.to_owned(),
        }
    }
}

/// What a device holds before it is put into words.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    /// What the engine lets itself use of the device.
    pub usable: Bytes,
    /// Repeating layers on it.
    pub layers: u64,
    /// The bill; empty lines are left out when it is made.
    pub lines: Vec<Line>,
}

impl Share {
    fn load(&self) -> Load {
        let used = self.lines.iter().map(|line| line.bytes).sum();
        Load { used, usable: self.usable }
    }
}

/// The loads of `shares`, one a device, and of the host with `lines`.
pub(crate) fn loads(hardware: &Hardware<'_>, shares: &[Share], lines: &[Line]) -> Loads {
    let devices: Vec<Load> = shares.iter().map(Share::load).collect();
    let used = lines.iter().map(|line| line.bytes).sum::<Interval<Bytes>>();
    let host = hardware.host_load(used + hardware.host.system, &devices);
    Loads { devices, host }
}

/// The bills of `shares`, one a device, and of the host with `lines`. `basis` says where the
/// usable figures come from.
pub(crate) fn bills(
    hardware: &Hardware<'_>,
    shares: Vec<Share>,
    basis: &str,
    lines: Vec<Line>,
) -> (Vec<DeviceBill>, HostBill) {
    let items = |lines: Vec<Line>| -> Vec<Item> {
        let used = lines.into_iter().filter(|line| line.bytes.high > Bytes::ZERO);
        used.map(Line::item).collect()
    };
    let devices = hardware.parts.iter().zip(shares).map(|(part, share)| {
        let basis = if basis.is_empty() { part.basis } else { basis };
        bill::device(part, share.usable, basis, share.layers, items(share.lines))
    });
    (devices.collect(), bill::host(&hardware.host, items(lines)))
}

/// The compute capability of an NVIDIA device times ten: 89 for 8.9.
pub(crate) fn compute_capability(device: &Device) -> Option<u32> {
    let (major, minor) = device.compute_target.as_deref()?.split_once('.')?;
    Some(major.parse::<u32>().ok()? * 10 + minor.parse::<u32>().ok()?)
}

/// The widest feed-forward block of a token on one rank, in values: the inner width of a dense
/// block, or of the shared and routed experts that one token uses.
pub(crate) fn widest_ffn(architecture: &Architecture) -> u64 {
    let width = |layer: &crate::architecture::Layer| {
        let dense = layer.ffn.dense().map_or(0, |d| d.intermediate_size);
        let moe = layer
            .ffn
            .moe()
            .map_or(0, |m| m.experts_per_token * m.intermediate_size + m.shared_intermediate_size);
        dense + moe
    };
    architecture.layers.iter().map(width).max().unwrap_or(0)
}
