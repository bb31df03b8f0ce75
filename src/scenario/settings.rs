//! The table of settings: a row is a key of a link. From it follow the question's fields and their
//! defaults, reading and writing, what errors say, the page's forms and the README's table.
//!
//! A setting that is added here needs a label in each of the page's languages, and no more.

use std::sync::LazyLock;

use super::addons::Draft;
use super::machine::ModelId;
use super::notation::{
    Codec, Control, Decimal, FLAG, List, Number, ON_OFF, Own, Pair, Size, Unit, Unset, optional,
    or_empty, own,
};
use super::view::RowAxes;
use super::{
    Accuracy, Arrival, Axis, Bounds, CacheTypes, CellTab, Currency, DeviceClass, Display,
    DraftModel, Engine, ExpertParallel, GpuBackend, Lang, LogitsBuffer, Lora, LoraTargets, Machine,
    Measurement, ModelKind, Month, NamePart, Offload, ParseError, Projector, RamSpeed, RankBy,
    Selected, Span, SplitMode, System, TensorSplit, Theme,
};
use crate::quant::{Mix, Quant};
use crate::units::Bytes;
use Engine::{
    ExLlamaV3, IkLlamaCpp, KoboldCpp, LlamaCpp, LmStudio, Mlx, Ollama, Sglang, TensorRtLlm,
    Transformers, Vllm,
};
use Readers::{Except, Only};
use Unit::{Count, Milliseconds, MinorRelease, Percent, Rate, Seconds, Share};

/// Hands the table to the macro named. A row is
///
/// ```text
/// /// What it is.
/// key { group of the page, engines that read it, field: type = default, codec }
/// ```
///
/// Rows in bare braces are fields of [`Scenario`] itself, the others of the struct named.
#[macro_export]
#[doc(hidden)]
macro_rules! settings {
    ($then:ident) => { $then! {

{
    /// Models to compare: the last part of the Hugging Face id, or all of it (`headroom models`
    /// lists them); `*` for what runs.
    model { Own, EVERY, models: Vec<String> = example_models(), MODELS }
    /// Machines to compare, and the devices that work together in each: `rtx-4090*2,rtx-3090;rtx-5090`,
    /// `apple-m4-max-40c@64` (`headroom devices` lists them); machines of clouds by their names, such
    /// as `g6e.xlarge`; `*` for what is needed.
    hw { Own, EVERY, machines: Vec<Machine> = example_machines(), MACHINES }
    /// Quantisations to compare: GGUF mixes, and formats of other engines. Of several engines, one
    /// that does not load a format stands in its column with the nearest that it does (`AWQ` for
    /// `Q4_K_M`), unless that is asked for itself. `*` for the best that fits.
    quant { Own, EVERY, quants: Vec<Quant> = example_quants(), QUANTS }
    /// Engines to compare.
    engine { Own, EVERY, engines: Vec<Engine> = vec![LlamaCpp], ENGINES }
    /// Tokens of context for each user.
    ctx { Use, EVERY, context: u64 = 32_768, Number(Bounds::CONTEXT, Count) }
    /// Sequences served at the same time (llama.cpp serves up to 256). In a paged cache (vLLM,
    /// SGLang, TensorRT-LLM) each takes its prompt and half of its answer, and `ctx` is the longest
    /// of them; those for whom there is no place wait.
    users { Use, Except(&[KoboldCpp]), users: u64 = 1, Number(Bounds::USERS, Count) }
    /// Type of the KV cache; `f16,q8_0` for keys and values apart.
    kv { Use, Except(&[Transformers]), kv: CacheTypes = CacheTypes::both(super::CacheType::F16), own() }
    /// Flash attention.
    fa { Run, Only(LLAMA_CPP), flash_attention: bool = true, ON_OFF }
    /// Physical batch in tokens (`--ubatch-size`).
    ubatch { Run, Only(LLAMA_CPP), ubatch: u64 = 512, Number(Bounds::new(1, 65_536), Count) }
    /// What the logits buffer is reserved for: a row a sequence, as `llama-server` does, or a row a
    /// token, as `llama-bench` does.
    logits { Run, Only(&[LlamaCpp, Ollama, LmStudio, KoboldCpp]), logits: LogitsBuffer = LogitsBuffer::Server, own() }
    /// One KV buffer shared by all users (`--kv-unified`).
    unified { Run, Only(&[LlamaCpp, Ollama]), unified_kv: bool = false, ON_OFF }
    /// Slots of `llama-server` (`-np`), where they are more than the users: they share one KV buffer,
    /// and each keeps its windows and states.
    slots { Run, Only(&[LlamaCpp, IkLlamaCpp]), slots: Option<u64> = None,
        optional(Number(Bounds::new(1, 256), Count), Unset::Value("1")) }
    /// The KV cache is where its layer is; off, all of it is in RAM (`--no-kv-offload`).
    kv_offload { Run, Only(&[LlamaCpp, LmStudio, KoboldCpp, IkLlamaCpp]), kv_offload: bool = true, ON_OFF }
    /// What drives the devices: CUDA on NVIDIA, ROCm on AMD, Metal on Apple and Vulkan on Intel,
    /// unless another is asked for; with `cpu` none is used.
    backend { Run, Only(LLAMA_CPP), backend: Option<GpuBackend> = None, optional(own(), Unset::Platform) }
    /// Sliding-window layers keep the whole context (`--swa-full`).
    swa_full { Run, Only(&[LlamaCpp, Ollama, LmStudio, KoboldCpp]), swa_full: bool = false, ON_OFF }
    /// The GGUF file is quantised with an importance matrix.
    imatrix { Run, Only(LLAMA_CPP), imatrix: bool = false, ON_OFF }
    /// RAM of the machine.
    ram { Run, Except(&[Mlx]), ram: Bytes = Bytes::gib(64), Size(Bounds::to(64 << 40)) }
    /// Bandwidth of the RAM, which is that of an integrated GPU too: in GB/s, or channels and
    /// megatransfers a second, such as `2*5600`.
    ram_speed { Run, Except(&[TensorRtLlm, Mlx, ExLlamaV3]), ram_speed: Option<RamSpeed> = None, optional(own(), Unset::Machine) }
    /// Power that each device is limited to, in watts (`nvidia-smi -pl`).
    power_cap { Run, Except(&[Mlx]), power_cap: Option<u64> = None,
        optional(Number(Bounds::new(10, 3_000), Count), Unset::Machine) }
    /// What may stay in RAM. With `none` the whole model is billed on the devices, whether or not
    /// it fits; `experts:N` are those of the first N layers (`--n-cpu-moe`), `ngl:N` all but N
    /// layers.
    offload { Run, Only(LLAMA_CPP), offload: Offload = Offload::Auto, own() }
    /// Memory to keep free on each device.
    reserve { Run, EVERY, reserve: Bytes = Bytes::ZERO, Size(Bounds::to(1 << 40)) }
    /// Share of each device that the engine lets itself use (`--gpu-memory-utilization`,
    /// `--mem-fraction-static`).
    ///
    /// In thousandths.
    util { Engine, Only(RANKED), gpu_memory_utilization: Option<u64> = None,
        optional(Number(Bounds::new(10, 1_000), Share), Unset::Engine) }
    /// Sequences that the engine prepares for (`--max-num-seqs`, `--max-running-requests`).
    seqs { Engine, Only(&[Vllm, Sglang, TensorRtLlm, Mlx]), max_num_seqs: Option<u64> = None,
        optional(Number(Bounds::new(1, 65_536), Count), Unset::Engine) }
    /// Tokens that the engine computes at once (`--max-num-batched-tokens`,
    /// `--chunked-prefill-size`).
    batched { Engine, Only(&[Vllm, Sglang, TensorRtLlm, Mlx]), max_num_batched_tokens: Option<u64> = None,
        optional(Number(Bounds::CONTEXT, Count), Unset::Engine) }
    /// Tensor-parallel ranks (`--tensor-parallel-size`).
    tp { Split, Only(RANKED), tensor_parallel: Option<u64> = None,
        optional(Number(Bounds::RANKS, Count), Unset::Devices) }
    /// No CUDA graphs are captured (`--enforce-eager`).
    eager { Engine, Only(&[Vllm, Sglang]), eager: bool = false, ON_OFF }
    /// The release of vLLM whose rules are applied, from the first with a memory profile on.
    vllm { Engine, Only(&[Vllm]), vllm_release: Option<u64> = None,
        optional(Number(Bounds::new(6, 33), MinorRelease), Unset::Value("0.33")) }
}

/// Prices, power and currency. What is not set takes its default.
money: Money {
    /// Currency of all amounts.
    cur { Money, EVERY, currency: Currency = Currency::USD, own() }
    /// What the machine costs to buy.
    price { Money, EVERY, price: Option<f64> = None,
        optional(Decimal::money(0.0, 1e12), Unset::Machine) }
    /// What the machine costs to rent for an hour.
    rent { Money, EVERY, rent: Option<f64> = None,
        optional(Decimal::money(0.0, 1e9), Unset::Machine) }
    /// What a host asks for a million tokens of prompts; by default the cheapest for prompts and
    /// answers of these lengths.
    api_in { Money, EVERY, api_in: Option<f64> = None,
        optional(Decimal::money(0.0, 1e6), Unset::Machine) }
    /// What a host asks for a million tokens of answers; by default the cheapest for prompts and
    /// answers of these lengths.
    api_out { Money, EVERY, api_out: Option<f64> = None,
        optional(Decimal::money(0.0, 1e6), Unset::Machine) }
    /// What a kilowatt-hour costs; the default is in US dollars.
    kwh { Money, EVERY, kwh: Option<f64> = None,
        optional(Decimal::money(0.0, 1e6), Unset::Value("0.17")) }
    /// Share of the time that the machine is busy, such as `0.5` or `50%`.
    duty { Money, EVERY, duty: Option<f64> = None,
        optional(Decimal::share(0.001, 1.0), Unset::Value("0.5")) }
    /// Years over which the machine is written off.
    years { Money, EVERY, years: Option<f64> = None,
        optional(Decimal::plain(0.1, 50.0), Unset::Value("3")) }
    /// Power usage effectiveness: what the building draws for each watt of the machine.
    pue { Money, EVERY, pue: Option<f64> = None,
        optional(Decimal::plain(1.0, 5.0), Unset::Value("1")) }
    /// Board power of all devices together, in watts.
    boards_w { Money, EVERY, boards_w: Option<f64> = None,
        optional(Decimal::plain(0.0, 1e7), Unset::Machine) }
    /// Power of the rest of the machine, in watts.
    host_w { Money, EVERY, host_w: Option<f64> = None,
        optional(Decimal::plain(0.0, 1e7), Unset::Machine) }
    /// Share of the board power that is drawn when idle with the model loaded.
    idle { Money, EVERY, idle: Option<f64> = None,
        optional(Decimal::share(0.0, 2.0), Unset::Value("0.15")) }
    /// Share of the board power that is drawn on prompts.
    prefill { Money, EVERY, prefill: Option<f64> = None,
        optional(Decimal::share(0.0, 2.0), Unset::Value("0.95")) }
    /// Share of the board power that is drawn on answers.
    decode { Money, EVERY, decode: Option<f64> = None,
        optional(Decimal::share(0.0, 2.0), Unset::Value("0.6")) }
    /// Units of the currency for one US dollar, which turn the defaults into it.
    rate { Money, EVERY, exchange_rate: Option<f64> = None,
        optional(Decimal::plain(1e-6, 1e9), Unset::Nothing) }
}

/// What is loaded or kept beside the model.
addons: Addons {
    /// The projector of a model that sees or hears. `auto` is as the engine does by itself: those
    /// that load a checkpoint, Ollama and LM Studio have it; llama.cpp and KoboldCpp want its file
    /// named.
    mmproj { Addons, EVERY, projector: Projector = Projector::Auto, own() }
    /// The projector is on the first device; off, it is in RAM (`--no-mmproj-offload`).
    mmproj_offload { Addons, Only(&[LlamaCpp, KoboldCpp, IkLlamaCpp]), projector_offload: bool = true, ON_OFF }
    /// LoRA adapters by their rank, and how many; vLLM and SGLang reserve slots for that many.
    lora { Addons, Except(&[LmStudio, ExLlamaV3]), lora: Lora = Lora::default(), own() }
    /// What LoRA adapters adapt: `linear` is attention and feed-forward blocks, `experts` the
    /// routed experts too.
    lora_on { Addons, Except(&[LmStudio, ExLlamaV3]), lora_targets: LoraTargets = LoraTargets::Linear, own() }
    /// A draft model for speculative decoding, and its quantisation where it is not the model's; or
    /// `ngram` (tokens repeated from the text), `eagle3` and `dflash` (heads made for the model, of
    /// the usual size).
    draft { Addons, Except(&[Ollama]), draft: Option<DraftModel> = None, Draft }
    /// Tokens that a draft model proposes at once.
    draft_n { Addons, Except(&[Ollama]), draft_tokens: u64 = 3, Number(Bounds::new(1, 64), Count) }
    /// Type of the cache of a draft or of the MTP layers (`-ctkd`, `-ctvd`), which is not that of the
    /// model.
    draft_kv { Addons, Only(&[LlamaCpp, IkLlamaCpp]), draft_kv: CacheTypes = CacheTypes::both(super::CacheType::F16), own() }
    /// Tokens that the model's own MTP layers propose at once; 0 leaves them out.
    mtp { Addons, Only(&[LlamaCpp, IkLlamaCpp, Vllm, Sglang, TensorRtLlm]), mtp: u64 = 0, Number(Bounds::to(16), Count) }
    /// Share of the proposed tokens that are accepted, as engines print it: five at 0.5 make 3.5
    /// tokens a step. Only speed depends on it.
    ///
    /// In thousandths.
    accept { Addons, Except(&[Ollama]), acceptance: u64 = 600, Number(Bounds::to(1_000), Percent) }
    /// Prompts that `llama-server` keeps in RAM for later (`--cache-ram`, whose own default is
    /// 8 GiB): an upper bound, counted only when asked for.
    cache_ram { Addons, Only(&[LlamaCpp]), prompt_cache: Bytes = Bytes::ZERO, Size(Bounds::to(1 << 40)) }
    /// Checkpoints of window and recurrent caches that `llama-server` keeps for each sequence
    /// (`--ctx-checkpoints`, whose own default is 32): an upper bound, counted only when asked for.
    checkpoints { Addons, Only(&[LlamaCpp]), checkpoints: u64 = 0, Number(Bounds::to(1_024), Count) }
    /// RAM that a serving engine pins for the cache of prompts that leave the devices
    /// (`--kv-offloading-size`, `--hicache-size`, `host_cache_size`), of all ranks together.
    pinned { Addons, Only(RANKED), pinned_cache: Bytes = Bytes::ZERO, Size(Bounds::to(16 << 40)) }
    /// A desktop that the first device draws: 700 MiB on Linux, 1,100 MiB on Windows.
    display { Addons, Except(&[Mlx]), display: Display = Display::Off, own() }
}

/// What each user sends, and what is asked of the answer's speed.
serving: Serving {
    /// Tokens of a prompt.
    prompt { Serving, EVERY, prompt: u64 = 1024, Number(Bounds::CONTEXT, Count) }
    /// Images in each prompt, each of a megapixel: how many tokens one takes depends on the model's
    /// projector. Models that see none have none.
    images { Serving, EVERY, images: u64 = 0, Number(Bounds::to(1_024), Count) }
    /// Tokens of an answer.
    output { Serving, EVERY, output: u64 = 512, Number(Bounds::CONTEXT, Count) }
    /// Tokens at the start of the prompt that all users share and that are in the cache already, as
    /// those of a system prompt.
    prefix { Serving, EVERY, prefix: u64 = 0, Number(Bounds::to(Bounds::CONTEXT.max), Count) }
    /// How requests arrive: spread at random, or all at once, as `vllm bench serve --request-rate inf`
    /// sends them. Only the time to the first token depends on it.
    arrival { Serving, Except(&[KoboldCpp]), arrival: Arrival = Arrival::Spread, own() }
    /// The page leaves out what decodes fewer tokens a second.
    ///
    /// In thousandths.
    min_tps { Table, EVERY, min_tps: Option<u64> = None,
        optional(Number(Bounds::new(1, 1_000_000_000), Rate), Unset::Nothing) }
    /// Target for the time to the first token: `slo_users` is how many users the targets allow.
    ///
    /// In microseconds.
    ttft { Serving, EVERY, ttft_us: Option<u64> = None,
        optional(Number(Bounds::new(1_000, 3_600_000_000), Seconds), Unset::Nothing) }
    /// Target for the time of each token after the first.
    ///
    /// In microseconds.
    tpot { Serving, EVERY, tpot_us: Option<u64> = None,
        optional(Number(Bounds::new(10, 60_000_000), Milliseconds), Unset::Nothing) }
    /// Measurements of your own, by which the estimates for that machine and engine are corrected;
    /// `tg`, `pp` in tokens a second, `tpot`, `ttft` in milliseconds.
    measured { Own, EVERY, measured: Vec<Measurement> = Vec::new(), MEASUREMENTS }
}

/// How the model is shared out between devices.
parallel: Parallel {
    /// What is divided between devices: whole layers (in serving engines a pipeline), rows of
    /// matrices, every tensor, or nothing, which uses one device.
    split { Split, Except(&[Mlx, Transformers, ExLlamaV3]), split: SplitMode = SplitMode::Auto, own() }
    /// Parts of the devices (`--tensor-split`).
    ts { Split, Only(LLAMA_CPP), tensor_split: Option<TensorSplit> = None, or_empty(own(), Unset::Memory) }
    /// The only device that is used with `split=none` (`--main-gpu`).
    mg { Split, Only(LLAMA_CPP), main_gpu: u64 = 0, Number(Bounds::to(Bounds::RANKS.max - 1), Count) }
    /// Logical batch in tokens, which the physical one is cut to (`--batch-size`).
    batch { Split, Only(LLAMA_CPP), batch: Option<u64> = None,
        optional(Number(Bounds::new(1, 1_048_576), Count), Unset::Value("2048")) }
    /// Pipeline stages.
    pp { Split, Only(RANKED), pipeline: Option<u64> = None,
        optional(Number(Bounds::RANKS, Count), Unset::Value("1")) }
    /// Data-parallel ranks.
    dp { Split, Only(RANKED), data: Option<u64> = None,
        optional(Number(Bounds::RANKS, Count), Unset::Value("1")) }
    /// Ranks among which the tokens of a cache are divided (`--decode-context-parallel-size`), a part
    /// of the tensor-parallel ones.
    dcp { Split, Only(&[Vllm]), decode_context: Option<u64> = None,
        optional(Number(Bounds::RANKS, Count), Unset::Value("1")) }
    /// The devices are on hosts of their own, which llama.cpp reaches over a network (`--rpc`): how
    /// fast that is, in gigabits a second. Devices with unified memory always are.
    rpc { Split, Only(&[LlamaCpp, IkLlamaCpp]), rpc: Option<f64> = None,
        optional(Decimal::plain(0.01, 3_200.0), Unset::Nothing) }
    /// Whole experts are divided between ranks: all of them, or so many.
    ep { Split, Only(RANKED), expert: ExpertParallel = ExpertParallel::Off, own() }
}

/// What of the catalogue is asked about where a slot is empty (`model=*`, `hw=*`).
filter: Filter {
    /// Total parameters of the models, in billions: `7-40`, `-14`, `70-`.
    size { Filter, EVERY, size: Option<Span> = None, optional(own(), Unset::Any) }
    /// What the models are made for. Unless it is asked for, models for embeddings are left out.
    kind { Filter, EVERY, kind: Option<ModelKind> = None, optional(own(), Unset::Any) }
    /// A part of the models' name, family or publisher.
    family { Filter, EVERY, family: Option<NamePart> = None, optional(own(), Unset::Any) }
    /// A part of the models' licence, such as `apache`.
    license { Filter, EVERY, license: Option<NamePart> = None, optional(own(), Unset::Any) }
    /// Models released in this month or later.
    since { Filter, EVERY, since: Option<Month> = None, optional(own(), Unset::Any) }
    /// Where the devices are at home. Unless it is asked for, processors alone are left out.
    class { Filter, EVERY, class: Option<DeviceClass> = None, optional(own(), Unset::Any) }
    /// A part of the devices' name or maker.
    vendor { Filter, EVERY, vendor: Option<NamePart> = None, optional(own(), Unset::Any) }
    /// Memory of all devices together, in GB.
    memory { Filter, EVERY, memory: Option<Span> = None, optional(own(), Unset::Any) }
    /// The most that the devices may cost together, in the currency of the question.
    budget { Filter, EVERY, budget: Option<f64> = None,
        optional(Decimal::money(0.0, 1e12), Unset::Any) }
    /// The most devices in a machine.
    most { Filter, EVERY, most: u64 = 8, Number(Bounds::new(1, 8), Count) }
    /// What comes first.
    sort { Filter, EVERY, sort: Option<RankBy> = None, optional(own(), Unset::Page) }
}

/// What lets a GPU use the machine's own memory.
platform: Platform {
    /// Operating system, where memory is unified.
    os { UnifiedMemory, Except(&[TensorRtLlm, ExLlamaV3]), system: Option<System> = None, optional(own(), Unset::Platform) }
    /// What the GPU may use of unified memory (`iogpu.wired_limit_mb` on macOS, `ttm.pages_limit`
    /// on Linux).
    wired { UnifiedMemory, Except(&[TensorRtLlm, ExLlamaV3]), limit: Option<Bytes> = None,
        optional(Size(Bounds::to(4 << 40)), Unset::Platform) }
    /// What the firmware sets aside for the GPU, on AMD's APUs.
    uma { UnifiedMemory, Except(&[TensorRtLlm, Mlx, ExLlamaV3]), carve_out: Option<Bytes> = None,
        optional(Size(Bounds::to(4 << 40)), Unset::Platform) }
}

{
    /// Language of the page.
    lang { Own, NONE, lang: Option<Lang> = None, optional(own(), Unset::Reader) }
    /// Colour scheme of the page.
    theme { Own, NONE, theme: Option<Theme> = None, optional(own(), Unset::Reader) }
    /// The page is part of another: it shows the answer and the table only.
    embed { Own, NONE, embed: bool = false, FLAG }
}

/// What the table's rows and columns are, and whether it is shown; the default leaves the layout to
/// [`Layout::of`](super::Layout::of).
view: View {
    /// What the table's rows are; `hardware,engine` groups rows by the first.
    rows { Own, NONE, rows: Vec<Axis> = Vec::new(), RowAxes }
    /// What the table's columns are.
    cols { Own, NONE, cols: Option<Axis> = None, optional(own(), Unset::Page) }
    /// The page shows how accurate it is instead of the answer; `accuracy,speed`, `accuracy,vLLM`
    /// and so on narrow it.
    view { Own, NONE, accuracy: Option<Accuracy> = None, optional(own(), Unset::Nothing) }
}

{
    /// The cell whose bill is open, by places in the lists.
    cell { Own, NONE, selected: Option<Selected> = None, optional(own(), Unset::Page) }
    /// What of the open cell is shown.
    tab { Own, NONE, tab: CellTab = CellTab::Memory, own() }
}

    } };
}

macro_rules! declare {
    ($(
        { $($(#[doc = $doc:literal])+
            $key:ident { $place:ident, $readers:expr, $field:ident: $ty:ty = $default:expr, $codec:expr }
        )* }
        $(
            $(#[$meta:meta])*
            $group:ident: $Group:ident { $($(#[doc = $part_doc:literal])+
                $part_key:ident {
                    $part_place:ident, $part_readers:expr,
                    $part:ident: $part_ty:ty = $part_default:expr, $part_codec:expr
                }
            )* }
        )*
    )*) => {
        /// A question, complete with every setting. `Scenario::default()` is what a first visit
        /// shows.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Scenario {
            $(
                $($(#[doc = $doc])+ pub $field: $ty,)*
                $($(#[$meta])* pub $group: $Group,)*
            )*
            /// Pairs that could not be used, as typed: unknown keys and refused values. They stay
            /// in the link so that nothing typed is lost.
            pub unused: Vec<(String, String)>,
        }

        impl Default for Scenario {
            fn default() -> Scenario {
                Scenario {
                    $($($field: $default,)* $($group: $Group::default(),)*)*
                    unused: Vec::new(),
                }
            }
        }

        $($(
            $(#[$meta])*
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Group { $($(#[doc = $part_doc])+ pub $part: $part_ty,)* }

            impl Default for $Group {
                fn default() -> $Group {
                    $Group { $($part: $part_default,)* }
                }
            }
        )*)*

        /// Every setting, in the order in which links are written.
        pub static SETTINGS: &[Setting] = &[$(
            $(row!($key, [$($doc),+], $place, $readers, $codec, $ty, $field),)*
            $($(row!(
                $part_key, [$($part_doc),+], $part_place, $part_readers, $part_codec, $part_ty,
                $group.$part
            ),)*)*
        )*];
    };
}

macro_rules! row {
    ($key:ident, [$($doc:literal),+], $place:ident, $readers:expr, $codec:expr, $ty:ty,
     $($field:ident).+) => {
        Setting {
            key: stringify!($key),
            #[cfg(not(target_arch = "wasm32"))]
            doc: &[$($doc),+],
            group: Group::$place,
            readers: $readers,
            field: &Field {
                codec: $codec,
                get: {
                    fn get(scenario: &Scenario) -> &$ty { &scenario.$($field).+ }
                    get
                },
                get_mut: {
                    fn get_mut(scenario: &mut Scenario) -> &mut $ty { &mut scenario.$($field).+ }
                    get_mut
                },
            },
        }
    };
}

settings!(declare);

const EVERY: Readers = Readers::Except(&[]);
const NONE: Readers = Readers::Only(&[]);
/// llama.cpp, its front ends and forks.
const LLAMA_CPP: &[Engine] = &[LlamaCpp, Ollama, LmStudio, KoboldCpp, IkLlamaCpp];
/// Engines with parallel ranks.
const RANKED: &[Engine] = &[Vllm, Sglang, TensorRtLlm];

// The forms of lists.
const MODELS: List<ModelId> =
    List { separator: ',', length: Bounds::MODELS, entry: ModelId, empty: "*" };
const MACHINES: List<Own<Machine>> =
    List { separator: ';', length: Bounds::MACHINES, entry: own(), empty: "*" };
const QUANTS: List<Own<Quant>> =
    List { separator: ',', length: Bounds::QUANTS, entry: own(), empty: "*" };
const ENGINES: List<Own<Engine>> =
    List { separator: ',', length: Bounds::to(16), entry: own(), empty: "" };
const MEASUREMENTS: List<Own<Measurement>> =
    List { separator: ';', length: Bounds::MEASURED, entry: own(), empty: "" };

fn example_models() -> Vec<String> {
    ["qwen3-30b-a3b", "qwen3-32b", "qwen2.5-72b-instruct"].map(str::to_owned).to_vec()
}

fn example_machines() -> Vec<Machine> {
    vec![Machine::with("rtx-pro-6000-blackwell-workstation")]
}

fn example_quants() -> Vec<Quant> {
    [Mix::BF16, Mix::Q8_0, Mix::Q4_K_M].map(Quant::Gguf).to_vec()
}

/// Where the page shows a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// By a part of its own, such as the list of machines or the switch of languages.
    Own,
    /// With how the model is used.
    Use,
    /// With how it is loaded and run.
    Run,
    /// With what serving engines set aside.
    Engine,
    /// With the split between devices.
    Split,
    /// With unified memory.
    UnifiedMemory,
    /// With what is loaded beside the model.
    Addons,
    /// With what users send and expect.
    Serving,
    /// With money and energy.
    Money,
    /// Above the table.
    Table,
    /// Above a ranking.
    Filter,
}

/// The engines that read a setting.
#[derive(Clone, Copy, Debug)]
enum Readers {
    Only(&'static [Engine]),
    Except(&'static [Engine]),
}

/// A setting: a row of the table.
pub struct Setting {
    /// Its key in links.
    pub key: &'static str,
    // The page has words of its own, in each of its languages; these would be bytes to load.
    #[cfg(not(target_arch = "wasm32"))]
    doc: &'static [&'static str],
    /// Where the page shows it.
    pub group: Group,
    readers: Readers,
    field: &'static dyn Access,
}

/// The setting with that key.
pub fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// What a first visit shows.
static DEFAULT: LazyLock<Scenario> = LazyLock::new(Scenario::default);

impl Setting {
    /// What it is, in English and Markdown: the first paragraph of its documentation.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn about(&self) -> String {
        let paragraph = self.doc.iter().take_while(|line| !line.is_empty());
        paragraph.map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }

    /// What is accepted: a range such as `1..256`, or the accepted words.
    pub fn accepted(&self) -> String {
        self.field.accepted()
    }

    /// How a form shows it.
    pub fn control(&self) -> Control {
        self.field.control()
    }

    /// What holds while it is not set; `None` where it always is.
    pub fn unset(&self) -> Option<Unset> {
        self.field.unset()
    }

    /// Its value as a link writes it; empty where it is not set.
    pub fn text(&self, scenario: &Scenario) -> String {
        self.field.text(scenario)
    }

    /// Sets it to what a link would write.
    ///
    /// # Errors
    /// The text is not accepted.
    pub fn set(&self, scenario: &mut Scenario, text: &str) -> Result<(), ParseError> {
        let mut pair = Pair::new(false);
        self.field.read(scenario, text, &mut pair);
        pair.refused.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Its value in the unit of its [`Control::Number`], or 1 and 0 of a [`Control::Switch`].
    pub fn number(&self, scenario: &Scenario) -> Option<u64> {
        self.field.number(scenario)
    }

    /// Sets it to a number in the unit of its [`Control::Number`]; anything else is left alone.
    pub fn set_number(&self, scenario: &mut Scenario, number: u64) {
        self.field.set_number(scenario, number);
    }

    /// Gives it its default.
    pub fn reset(&self, scenario: &mut Scenario) {
        self.field.reset(scenario);
    }

    /// It has its default value.
    pub fn is_default(&self, scenario: &Scenario) -> bool {
        self.field.is_default(scenario)
    }

    /// Answers of `engine` depend on it.
    pub fn is_read_by(&self, engine: Engine) -> bool {
        match self.readers {
            Readers::Only(engines) => engines.contains(&engine),
            Readers::Except(engines) => !engines.contains(&engine),
        }
    }

    pub(super) fn read(&self, scenario: &mut Scenario, text: &str, pair: &mut Pair) {
        self.field.read(scenario, text, pair);
    }

    /// Scenarios of `base`, some of them with any value of this setting.
    #[cfg(test)]
    pub(super) fn vary(
        &self,
        base: proptest::strategy::BoxedStrategy<Scenario>,
    ) -> proptest::strategy::BoxedStrategy<Scenario> {
        self.field.vary(base)
    }
}

/// A field of the question with its notation.
struct Field<C: Codec> {
    codec: C,
    get: fn(&Scenario) -> &C::Value,
    get_mut: fn(&mut Scenario) -> &mut C::Value,
}

/// What can be done with a field whatever its type.
trait Access: Send + Sync {
    fn accepted(&self) -> String;
    fn control(&self) -> Control;
    fn unset(&self) -> Option<Unset>;
    fn text(&self, scenario: &Scenario) -> String;
    fn number(&self, scenario: &Scenario) -> Option<u64>;
    fn set_number(&self, scenario: &mut Scenario, number: u64);
    fn read(&self, scenario: &mut Scenario, text: &str, pair: &mut Pair);
    fn reset(&self, scenario: &mut Scenario);
    fn is_default(&self, scenario: &Scenario) -> bool;
    #[cfg(test)]
    fn vary(
        &self,
        base: proptest::strategy::BoxedStrategy<Scenario>,
    ) -> proptest::strategy::BoxedStrategy<Scenario>;
}

impl<C: Codec> Access for Field<C> {
    fn accepted(&self) -> String {
        self.codec.accepted()
    }

    fn control(&self) -> Control {
        self.codec.control()
    }

    fn unset(&self) -> Option<Unset> {
        self.codec.unset()
    }

    fn text(&self, scenario: &Scenario) -> String {
        self.codec.format((self.get)(scenario))
    }

    fn number(&self, scenario: &Scenario) -> Option<u64> {
        self.codec.to_number((self.get)(scenario))
    }

    fn set_number(&self, scenario: &mut Scenario, number: u64) {
        if let Some(value) = self.codec.parse_number(number) {
            *(self.get_mut)(scenario) = value;
        }
    }

    fn read(&self, scenario: &mut Scenario, text: &str, pair: &mut Pair) {
        self.codec.read((self.get_mut)(scenario), text, pair);
    }

    fn reset(&self, scenario: &mut Scenario) {
        *(self.get_mut)(scenario) = (self.get)(&DEFAULT).clone();
    }

    fn is_default(&self, scenario: &Scenario) -> bool {
        (self.get)(scenario) == (self.get)(&DEFAULT)
    }

    #[cfg(test)]
    fn vary(
        &self,
        base: proptest::strategy::BoxedStrategy<Scenario>,
    ) -> proptest::strategy::BoxedStrategy<Scenario> {
        use proptest::strategy::Strategy as _;
        let get_mut = self.get_mut;
        let value = proptest::option::of(self.codec.any());
        (base, value)
            .prop_map(move |(mut scenario, value)| {
                if let Some(value) = value {
                    *get_mut(&mut scenario) = value;
                }
                scenario
            })
            .boxed()
    }
}
