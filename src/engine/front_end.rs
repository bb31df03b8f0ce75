//! llama.cpp as a run, and its front ends as sets of defaults over it: Ollama, LM Studio and
//! KoboldCpp start the same engine with slots, window cache and cache types of their own.
//!
//! Rules: Ollama 0.2x (`docs/context-length.mdx`, `envconfig/config.go`), LM Studio 0.4
//! (documentation, "Parallel Requests"), KoboldCpp 1.1xx (`koboldcpp.py`, arguments).

use super::addons::llama_cpp::Beside;
use super::launch;
use super::llama_cpp::{self, Divided, Placement, Settings};
use super::{Layout, Refusal, Rule, Run, Windows};
use crate::architecture::{Architecture, Mixer};
use crate::memory::{ModelFile, Placed, Setup};
use crate::placement::{Cargo, Hardware, Judge, Loads, Solved, Wish, place, solve};
use crate::quant::GgmlType;
use crate::report::{self, DeviceBill, HostBill, Notice, Reason};
use crate::scenario::{Engine, KvTypes, Offload, Scenario, SplitMode, TensorSplit};
use crate::units::{Bytes, GIB};

/// llama.cpp rounds the cells of a sequence up to this many.
const CELLS: u64 = 256;

/// The context that a front end starts with where none is asked for, in tokens; `memory` is that
/// of all devices. `None`: the model's own.
pub fn default_context(engine: Engine, memory: Bytes) -> Option<u64> {
    match engine {
        // Below 24 GiB, below 48 GiB, from there on.
        Engine::Ollama => Some(match memory.0 / GIB {
            0..24 => 4096,
            24..48 => 32_768,
            _ => 262_144,
        }),
        Engine::LmStudio => Some(4096),
        Engine::KoboldCpp => Some(8192),
        _ => None,
    }
}

/// Sequences that a front end prepares for, however few are used. LM Studio allows four
/// predictions at once; they share one cache, but each keeps a window of its own.
fn slots(engine: Engine, users: u64) -> u64 {
    match engine {
        Engine::LmStudio => users.max(4),
        _ => users,
    }
}

/// How `engine` starts llama.cpp for `scenario` at this context (tokens for each user) and with
/// this many users.
pub fn settings(engine: Engine, scenario: &Scenario, context: u64, users: u64) -> Settings {
    Settings {
        n_ctx: context.saturating_mul(users),
        n_parallel: slots(engine, users),
        unified: scenario.unified_kv || engine == Engine::LmStudio,
        n_ubatch: physical_batch(scenario),
        kv: scenario.kv,
        flash_attention: scenario.flash_attention,
        // KoboldCpp shifts contexts, which a window cache cannot; `--useswa` gives that up.
        swa_full: scenario.swa_full || engine == Engine::KoboldCpp,
        mode: scenario.mode,
        proposed: 0,
        snapshots: 0,
    }
}

/// The physical batch, which is no longer than the logical one (`llama_context`).
fn physical_batch(scenario: &Scenario) -> u64 {
    scenario.ubatch.min(scenario.parallel.logical_batch())
}

/// The cache types that a front end offers, the same for keys and values; `None` where it takes
/// all of llama.cpp's.
fn cache_types(engine: Engine) -> Option<&'static [GgmlType]> {
    use GgmlType::*;
    match engine {
        Engine::Ollama => Some(&[F16, Q8_0, Q4_0]),
        Engine::KoboldCpp => Some(&[F16, BF16, Q8_0, Q5_1, Q4_0]),
        _ => None,
    }
}

struct LlamaRun<'a> {
    engine: Engine,
    scenario: &'a Scenario,
    setup: Setup<'a>,
    beside: Beside<'a>,
    placed: Placed,
    reason: Reason,
}

pub(super) fn run<'a>(
    engine: Engine,
    file: &'a ModelFile<'a>,
    hardware: &'a Hardware<'a>,
    scenario: &'a Scenario,
) -> Result<Box<dyn Run + 'a>, Notice> {
    let refused = |refusal: Refusal| refusal.notice(engine, file.model);
    check(engine, scenario).map_err(refused)?;
    check_model(scenario, file.model).map_err(refused)?;
    check_split(engine, scenario, file.architecture(), hardware).map_err(refused)?;
    let setup = Setup::new(file, hardware)?;
    let beside = Beside::new(file, hardware)?;
    let settings = proposing(file, settings(engine, scenario, scenario.context, scenario.users));
    let memory = hardware.usable();
    let judge = Placing { setup: &setup, beside: &beside, settings: &settings };
    let Solved { placement, reason } = solve(wish(scenario), &file.cargo, &memory, &judge);
    let placed = setup.place(placement);
    Ok(Box::new(LlamaRun { engine, scenario, setup, beside, placed, reason }))
}

/// A file that is being placed.
struct Placing<'a> {
    setup: &'a Setup<'a>,
    beside: &'a Beside<'a>,
    settings: &'a Settings,
}

impl Judge for Placing<'_> {
    fn loads(&self, placement: &Placement) -> Loads {
        let loads = self.setup.loads(&self.setup.place(placement.clone()), self.settings);
        self.beside.load(loads, placement, self.settings)
    }

    fn at_least(&self, placement: &Placement) -> Loads {
        self.setup.stored(&self.setup.place(placement.clone()), self.settings)
    }
}

/// What the user wants of the placement.
fn wish(scenario: &Scenario) -> Wish<'_> {
    let parallel = &scenario.parallel;
    Wish {
        offload: scenario.offload,
        split: parallel.split,
        shares: parallel.tensor_split.as_ref().map(|split| split.0.as_slice()),
        main_gpu: parallel.main_gpu as usize,
    }
}

/// What llama.cpp refuses of a model: caches of two types where one serves as keys and values, and
/// types whose blocks do not divide a head. Source: `llama_init_from_model`.
fn check_model(scenario: &Scenario, model: &crate::catalog::Model) -> Result<(), Refusal> {
    let KvTypes { k, v } = scenario.kv;
    let architecture = model.architecture();
    let mixers = || architecture.layers.iter().map(|layer| &layer.mixer);
    let latent = |mixer: &Mixer| matches!(mixer, Mixer::Mla(_) | Mixer::Compressed(_));
    let refusal = |rule| Refusal::new(rule, format!("kv={}", scenario.kv));
    if k != v && mixers().any(latent) {
        let name = k.name().to_ascii_lowercase();
        return Err(refusal(Rule::MixedCache).or(format!("kv={name}")));
    }
    let divides = |ty: GgmlType, n: u64| n.is_multiple_of(ty.block_elements());
    let uneven = mixers().filter_map(Mixer::attention).find_map(|a| {
        [(k, a.head_dim), (v, a.v_head_dim)].into_iter().find(|(ty, n)| !divides(*ty, *n))
    });
    match uneven {
        Some((_, head)) if scenario.flash_attention => {
            Err(refusal(Rule::CacheBlocks { head }).or("kv=f16"))
        }
        _ => Ok(()),
    }
}

/// What is refused of a split: modes that a front end or a backend lacks, architectures whose
/// tensors are not divided, a device that is not there.
fn check_split(
    engine: Engine,
    scenario: &Scenario,
    architecture: &Architecture,
    hardware: &Hardware<'_>,
) -> Result<(), Refusal> {
    let parallel = &scenario.parallel;
    let devices = hardware.parts.len() as u64;
    let refusal = |rule| Refusal::new(rule, format!("split={}", parallel.split.name()));
    let plain = |rule| Err(refusal(rule).or("split=layer"));
    let vendors = |known: &[&str]| {
        let known = |vendor: &str| known.contains(&vendor);
        hardware.parts.iter().all(|part| known(&part.device.vendor))
    };
    match parallel.split {
        SplitMode::Row | SplitMode::Tensor
            if matches!(engine, Engine::Ollama | Engine::LmStudio) =>
        {
            plain(Rule::SplitMode)
        }
        SplitMode::Tensor if engine == Engine::KoboldCpp => plain(Rule::SplitMode),
        SplitMode::Row if !vendors(&["NVIDIA", "AMD"]) => plain(Rule::SplitMode),
        SplitMode::Tensor if !llama_cpp::divides_tensors(architecture) => {
            plain(Rule::SplitArchitecture)
        }
        SplitMode::Tensor if !scenario.flash_attention => {
            Err(refusal(Rule::NeedsFlashAttention).or("fa=on"))
        }
        SplitMode::None if parallel.main_gpu >= devices.max(1) => {
            let asked = format!("mg={}", parallel.main_gpu);
            let nearest = format!("mg={}", devices.saturating_sub(1));
            Err(Refusal::new(Rule::FewerDevices { devices }, asked).or(nearest))
        }
        _ => Ok(()),
    }
}

/// What llama.cpp takes otherwise than it is said, whatever the model and the machine: a batch,
/// a cache type.
pub(super) fn adjusted(engine: Engine, scenario: &Scenario) -> Vec<Refusal> {
    let mut out = Vec::new();
    let batch = scenario.parallel.logical_batch();
    if scenario.ubatch > batch {
        let asked = format!("ubatch={}", scenario.ubatch);
        out.push(Refusal::new(Rule::BatchLimit { batch }, asked).or(format!("ubatch={batch}")));
    }
    if scenario.kv_fp8 && scenario.kv == KvTypes::both(GgmlType::Q8_0) {
        out.push(Refusal::new(Rule::NoFp8Cache, "kv=fp8").or("kv=q8_0"));
    }
    if scenario.parallel.split == SplitMode::Row && engine == Engine::LlamaCpp {
        let rule = Rule::RowSplitGone { build: llama_cpp::VERSION.to_owned() };
        out.push(Refusal::new(rule, "split=row").or("split=tensor"));
    }
    out
}

/// The same of the layers of a model: more than it has.
pub(super) fn adjusted_layers(scenario: &Scenario, architecture: &Architecture) -> Option<Refusal> {
    let layers = architecture.n_layers();
    let (word, asked, most) = match scenario.offload {
        Offload::GpuLayers(n) => {
            let all = Placement::gpu(architecture).n_gpu_layers(architecture);
            ("ngl", u64::from(n), all)
        }
        Offload::ExpertLayers(n) => ("experts", u64::from(n), layers),
        _ => return None,
    };
    (asked > most).then(|| {
        let rule = Rule::MoreLayers { layers: most };
        Refusal::new(rule, format!("offload={word}:{asked}")).or(format!("offload={word}:{most}"))
    })
}

/// The same of the parts for `devices` devices: more than there are, or none at all.
pub(super) fn adjusted_shares(scenario: &Scenario, devices: usize) -> Option<Refusal> {
    let split = scenario.parallel.tensor_split.as_ref()?;
    let refusal = |rule, nearest: String| {
        Some(Refusal::new(rule, format!("ts={split}")).or(format!("ts={nearest}")))
    };
    if split.0.iter().all(|share| *share == 0) {
        return refusal(Rule::NoShares, String::new());
    }
    if split.0.len() > devices && devices > 0 {
        let first = TensorSplit(split.0[..devices].to_vec());
        return refusal(Rule::MoreShares { devices: devices as u64 }, first.to_string());
    }
    None
}

/// `settings` with the tokens that are proposed at once to `file`'s model.
fn proposing(file: &ModelFile<'_>, settings: Settings) -> Settings {
    let proposed = file.addons.proposed();
    let snapshots = match file.addons.mtp() {
        Some(_) => llama_cpp::snapshots(file.architecture(), proposed),
        None => 0,
    };
    Settings { proposed, snapshots, ..settings }
}

/// What a front end does not offer.
fn check(engine: Engine, scenario: &Scenario) -> Result<(), Refusal> {
    let KvTypes { k, v } = scenario.kv;
    if let Some(types) = cache_types(engine)
        && (k != v || !types.contains(&k))
    {
        let nearest = if k.block_elements() > 1 { "kv=q8_0" } else { "kv=f16" };
        return Err(Refusal::new(Rule::CacheType, format!("kv={}", scenario.kv)).or(nearest));
    }
    let most = most_users(engine);
    if scenario.users > most {
        let asked = format!("users={}", scenario.users);
        return Err(Refusal::new(Rule::Sequences { most }, asked).or(format!("users={most}")));
    }
    Ok(())
}

/// The most sequences at once. KoboldCpp queues what comes while it answers.
fn most_users(engine: Engine) -> u64 {
    match engine {
        Engine::KoboldCpp => 1,
        _ => llama_cpp::MAX_SEQUENCES,
    }
}

/// The whole model on devices with `memory`.
fn whole(scenario: &Scenario, cargo: &Cargo, memory: &[Bytes]) -> Placement {
    match memory {
        [] => Placement::cpu(),
        _ => place(wish(scenario), cargo, memory, cargo.layers.len() as u64 + 1, 0),
    }
}

impl LlamaRun<'_> {
    fn n_layers(&self) -> u64 {
        self.setup.file.architecture().n_layers()
    }

    /// The same run with all of the model on the devices of `setup`.
    fn whole_on<'b>(&'b self, setup: Setup<'b>, beside: Beside<'b>) -> Box<dyn Run + 'b> {
        let (engine, scenario) = (self.engine, self.scenario);
        let placed = setup.place(whole(scenario, &setup.file.cargo, &setup.hardware.usable()));
        let reason = Reason::Fits;
        Box::new(LlamaRun { engine, scenario, setup, beside, placed, reason })
    }

    fn settings(&self, context: u64, users: u64) -> Settings {
        proposing(self.setup.file, settings(self.engine, self.scenario, context, users))
    }
}

impl Run for LlamaRun<'_> {
    fn hardware(&self) -> &Hardware<'_> {
        self.setup.hardware
    }

    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill) {
        let settings = self.settings(context, users);
        let bills = self.setup.bills(&self.placed, &settings);
        self.beside.bill(bills, &self.placed.placement, &settings)
    }

    fn loads(&self, context: u64, users: u64) -> Loads {
        let settings = self.settings(context, users);
        let loads = self.setup.loads(&self.placed, &settings);
        self.beside.load(loads, &self.placed.placement, &settings)
    }

    fn loads_at_least(&self, context: u64, users: u64) -> Loads {
        self.setup.stored(&self.placed, &self.settings(context, users))
    }

    fn possible(&self) -> bool {
        self.reason != Reason::NothingFits
    }

    fn offloads(&self) -> bool {
        let placement = &self.placed.placement;
        let on_devices: u64 = placement.device_layers.iter().sum();
        on_devices <= self.n_layers() || placement.host_expert_layers > 0
    }

    fn whole(&self) -> Option<Box<dyn Run + '_>> {
        Some(self.whole_on(self.setup.clone(), self.beside.clone()))
    }

    fn alone<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        let beside = Beside::new(self.setup.file, hardware).ok()?;
        Some(self.whole_on(Setup::new(self.setup.file, hardware).ok()?, beside))
    }

    fn placement(&self) -> report::Placement {
        let placement = &self.placed.placement;
        let (split, shares) = match &placement.divided {
            Divided::Rows(shares) => (report::Split::Rows, shares.clone()),
            Divided::Tensors(shares) => (report::Split::Tensors, shares.clone()),
            Divided::Layers if placement.device_layers.len() > 1 => {
                (report::Split::Layers, Vec::new())
            }
            Divided::Layers | Divided::Nothing => (report::Split::None, Vec::new()),
        };
        let settings = self.settings(self.scenario.context, self.scenario.users);
        report::Placement {
            split,
            shares,
            input_copies: placement.pipeline_copies(self.setup.file.architecture()),
            duplicates: self.setup.duplicates(&self.placed, &settings),
            ..self.layout().placement(self.reason)
        }
    }

    fn windows(&self) -> Windows {
        match self.settings(self.scenario.context, self.scenario.users).swa_full {
            true => Windows::Whole,
            false => Windows::Kept,
        }
    }

    fn layout(&self) -> Layout {
        let placement = &self.placed.placement;
        let (counts, host_experts) = (&placement.device_layers, placement.host_expert_layers);
        let mut parts = Layout::split(counts, self.n_layers(), true, host_experts);
        if let Divided::Tensors(shares) = &placement.divided {
            let groups = parts.iter_mut().filter(|part| !part.devices.is_empty());
            groups.for_each(|part| part.devices = 0..shares.len());
        }
        Layout {
            parts,
            cache: Layout::cache_of(self.scenario.kv),
            microbatch: physical_batch(self.scenario),
            copies: 1,
            pooled: 1,
        }
    }

    fn flags(&self) -> Vec<String> {
        let memory = self.setup.hardware.usable();
        let placement = &self.placed.placement;
        let architecture = self.setup.file.architecture();
        let scenario = self.scenario;
        let mut flags = match self.engine {
            Engine::Ollama => launch::ollama(scenario, placement, architecture),
            Engine::LmStudio => launch::lm_studio(scenario, placement, self.n_layers()),
            Engine::KoboldCpp => launch::kobold_cpp(scenario, placement, architecture, &memory),
            _ => launch::flags(scenario, placement, architecture, &memory),
        };
        let sees = architecture.extras.vision > 0;
        flags.extend(super::addons::flags(self.engine, &self.setup.file.addons, sees));
        flags
    }

    fn context_step(&self) -> u64 {
        CELLS
    }

    fn most_users(&self) -> u64 {
        most_users(self.engine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_context_follows_the_front_end() {
        let of = |gib| default_context(Engine::Ollama, Bytes::gib(gib));
        assert_eq!([of(16), of(24), of(48)], [Some(4096), Some(32_768), Some(262_144)]);
        assert_eq!(default_context(Engine::LlamaCpp, Bytes::gib(24)), None);
    }

    #[test]
    fn defaults_differ_where_the_front_ends_do() {
        let scenario = Scenario::default();
        let of = |engine| settings(engine, &scenario, 4096, 1);
        assert_eq!(of(Engine::LmStudio).n_parallel, 4);
        assert!(of(Engine::LmStudio).unified);
        assert!(of(Engine::KoboldCpp).swa_full);
        assert_eq!(of(Engine::Ollama), of(Engine::LlamaCpp));
    }

    #[test]
    fn what_a_front_end_lacks_is_refused_with_the_nearest() {
        let scenario = Scenario { users: 4, ..Scenario::default() };
        let refusal = check(Engine::KoboldCpp, &scenario).unwrap_err();
        assert_eq!(refusal.nearest.as_deref(), Some("users=1"));
        let kv = KvTypes { k: GgmlType::Q8_0, v: GgmlType::F16 };
        let mixed = Scenario { kv, ..Scenario::default() };
        assert_eq!(check(Engine::Ollama, &mixed).unwrap_err().rule, Rule::CacheType);
        assert_eq!(check(Engine::LlamaCpp, &mixed), Ok(()));
    }
}
