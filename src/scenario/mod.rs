//! The question: which models, on which hardware, at which quantisations, used how.
//!
//! The query string ([`Scenario::from_query`], [`Scenario::to_query`]) is the one notation for it:
//! the page's URL, an embed's attribute and the command line's argument.

mod accuracy;
mod addons;
mod bounds;
mod engine;
mod measured;
mod money;
mod parallel;
mod platform;
mod query;
mod reading;
mod serving;
mod view;

pub use accuracy::Accuracy;
pub use addons::{Addons, Display, DraftModel, Lora, LoraTargets, Projector, ProjectorType};
pub use bounds::Bounds;
pub use engine::Engine;
pub use measured::Measurement;
pub use money::{Currency, Input, Money};
pub use parallel::{ExpertParallel, Parallel, SplitMode, TensorSplit};
pub use platform::{Platform, System};
pub use query::{Problem, ProblemKind};
pub use reading::Reading;
pub(crate) use reading::thousandths;
pub use serving::Serving;
pub use view::{Axis, Layout, View};

use crate::quant::{GgmlType, Quant};
use crate::units::Bytes;

/// The version of the query-string notation that this code writes.
pub const QUERY_VERSION: u32 = 1;

/// A question, complete with every setting. `Scenario::default()` is what a first visit shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Model ids as typed; resolved against the catalogue when estimating.
    pub models: Vec<String>,
    /// Machines to compare; within one, several devices work together.
    pub machines: Vec<Machine>,
    /// Quantisations to compare.
    pub quants: Vec<Quant>,
    /// Engines to compare.
    pub engines: Vec<Engine>,
    /// Context length in tokens, for each user.
    pub context: u64,
    /// Sequences served at the same time.
    pub users: u64,
    /// Types of the key and value caches.
    pub kv: KvTypes,
    /// An 8-bit cache was asked for as `fp8`: [`Scenario::kv`] holds `Q8_0` for it.
    pub kv_fp8: bool,
    /// Flash attention.
    pub flash_attention: bool,
    /// Physical batch, in tokens (`--ubatch-size`).
    pub ubatch: u64,
    /// What the logits buffer is reserved for.
    pub logits: LogitsBuffer,
    /// One KV buffer shared by all sequences (`--kv-unified`).
    pub unified_kv: bool,
    /// Sliding-window layers keep the whole context (`--swa-full`).
    pub swa_full: bool,
    /// The GGUF was made with an importance matrix.
    pub imatrix: bool,
    /// The machine's RAM.
    pub ram: Bytes,
    /// What may be left on the host.
    pub offload: Offload,
    /// Memory to keep free on each device.
    pub reserve: Bytes,
    /// Share of each device that a serving engine lets itself use, in thousandths
    /// (`--gpu-memory-utilization`, `--mem-fraction-static`); `None` is the engine's own.
    pub gpu_memory_utilization: Option<u64>,
    /// Sequences that a serving engine prepares for (`--max-num-seqs`); `None` is its own.
    pub max_num_seqs: Option<u64>,
    /// Tokens that a serving engine computes at once (`--max-num-batched-tokens`); `None` is its
    /// own.
    pub max_num_batched_tokens: Option<u64>,
    /// Tensor-parallel ranks; `None` is one for each device.
    pub tensor_parallel: Option<u64>,
    /// No CUDA graphs are captured (`--enforce-eager`).
    pub eager: bool,
    /// The minor release of vLLM 0.x whose rules are applied; `None` is the newest known.
    pub vllm_release: Option<u64>,
    /// Prices, power and currency.
    pub money: Money,
    /// What is loaded or kept beside the model.
    pub addons: Addons,
    /// What the users send and how fast they want to be answered.
    pub serving: Serving,
    /// How the model is shared out between devices.
    pub parallel: Parallel,
    /// What lets a GPU use the machine's own memory.
    pub platform: Platform,
    /// Interface language, where the link fixes it.
    pub lang: Option<Lang>,
    /// Colour scheme, where the link fixes it.
    pub theme: Option<Theme>,
    /// The page is embedded in another: it shows the answer and the table only.
    pub embed: bool,
    /// What the table's rows and columns are.
    pub view: View,
    /// The cell whose bill is open.
    pub selected: Option<Selected>,
    /// Pairs that could not be used, as typed: unknown keys and refused values. They stay in the
    /// link so that nothing typed is lost.
    pub unused: Vec<(String, String)>,
}

/// Devices that work together in one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Machine {
    /// Device ids as typed, each with how many of them there are.
    pub devices: Vec<DeviceCount>,
}

/// `count` devices of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceCount {
    /// Id or alias as typed.
    pub id: String,
    /// At least 1.
    pub count: u32,
    /// Memory size in GB, where the device is sold in several.
    pub memory_gb: Option<u32>,
}

/// The cell whose bill is open: indices into models, machines, quantisations and engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Selected {
    /// Index into `models`.
    pub model: usize,
    /// Index into `machines`.
    pub machine: usize,
    /// Index into `quants`.
    pub quant: usize,
    /// Index into `engines`.
    pub engine: usize,
}

/// Types of the two halves of the KV cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KvTypes {
    /// Keys.
    pub k: GgmlType,
    /// Values.
    pub v: GgmlType,
}

impl KvTypes {
    /// The types that llama.cpp accepts for a cache (`--cache-type-k`).
    pub const ACCEPTED: &'static [GgmlType] = &[
        GgmlType::F32,
        GgmlType::F16,
        GgmlType::BF16,
        GgmlType::Q8_0,
        GgmlType::Q5_1,
        GgmlType::Q5_0,
        GgmlType::Q4_1,
        GgmlType::Q4_0,
        GgmlType::IQ4_NL,
    ];

    /// The same type for keys and values.
    pub const fn both(ty: GgmlType) -> KvTypes {
        KvTypes { k: ty, v: ty }
    }
}

/// What llama.cpp reserves its logits buffer for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LogitsBuffer {
    /// One row a sequence, as `llama-server` does.
    #[default]
    Server,
    /// One row a token of the physical batch, as `llama-bench` and the library's default do.
    Batch,
}

/// What may be left on the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Offload {
    /// Whatever is needed to make it run; nothing if it fits.
    #[default]
    Auto,
    /// Nothing: the whole model is billed on the devices, whether or not it fits.
    None,
    /// The routed experts of every layer (`--cpu-moe`).
    Experts,
    /// The routed experts of the first N layers (`--n-cpu-moe N`).
    ExpertLayers(u32),
    /// All but N layers (`-ngl N`; the output counts as one).
    GpuLayers(u32),
}

/// Interface language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lang {
    /// English.
    En,
    /// Russian.
    Ru,
}

/// Colour scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Theme {
    /// Dark ink on light paper.
    Light,
    /// The reverse.
    Dark,
}

impl Default for Scenario {
    fn default() -> Scenario {
        let strings = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        Scenario {
            models: strings(&["qwen3-30b-a3b", "qwen3-32b", "qwen2.5-72b-instruct"]),
            machines: vec![Machine {
                devices: vec![DeviceCount {
                    id: "rtx-pro-6000-blackwell-workstation".to_owned(),
                    count: 1,
                    memory_gb: None,
                }],
            }],
            quants: ["BF16", "Q8_0", "Q4_K_M"].into_iter().filter_map(Quant::parse).collect(),
            engines: vec![Engine::LlamaCpp],
            context: 32_768,
            users: 1,
            kv: KvTypes::both(GgmlType::F16),
            kv_fp8: false,
            flash_attention: true,
            ubatch: 512,
            logits: LogitsBuffer::Server,
            unified_kv: false,
            swa_full: false,
            imatrix: false,
            ram: Bytes::gib(64),
            offload: Offload::Auto,
            reserve: Bytes::ZERO,
            gpu_memory_utilization: None,
            max_num_seqs: None,
            max_num_batched_tokens: None,
            tensor_parallel: None,
            eager: false,
            vllm_release: None,
            money: Money::default(),
            addons: Addons::default(),
            serving: Serving::default(),
            parallel: Parallel::default(),
            platform: Platform::default(),
            lang: None,
            theme: None,
            embed: false,
            view: View::default(),
            selected: None,
            unused: Vec::new(),
        }
    }
}
