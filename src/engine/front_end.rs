//! llama.cpp as a run, and its front ends as sets of defaults over it: Ollama, LM Studio and
//! KoboldCpp start the same engine with slots, window cache and cache types of their own.
//!
//! Rules: Ollama 0.2x (`docs/context-length.mdx`, `envconfig/config.go`), LM Studio 0.4
//! (documentation, "Parallel Requests"), KoboldCpp 1.1xx (`koboldcpp.py`, arguments).

use super::addons::llama_cpp::Beside;
use super::launch;
use super::llama_cpp::{self, Placement, Settings};
use super::{Layout, Refusal, Rule, Run};
use crate::memory::{ModelFile, Placed, Setup};
use crate::placement::{Hardware, Loads, solve, split_by_memory};
use crate::quant::GgmlType;
use crate::report::{DeviceBill, HostBill, Notice};
use crate::scenario::{Engine, KvTypes, Limit, Scenario};
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
        n_ubatch: scenario.ubatch,
        kv: scenario.kv,
        flash_attention: scenario.flash_attention,
        // KoboldCpp shifts contexts, which a window cache cannot; `--useswa` gives that up.
        swa_full: scenario.swa_full || engine == Engine::KoboldCpp,
        mode: scenario.mode,
        proposed: 0,
        snapshots: 0,
    }
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
    possible: bool,
}

pub(super) fn run<'a>(
    engine: Engine,
    file: &'a ModelFile<'a>,
    hardware: &'a Hardware<'a>,
    scenario: &'a Scenario,
) -> Result<Box<dyn Run + 'a>, Notice> {
    check(engine, scenario).map_err(|refusal| refusal.notice(engine, file.model))?;
    let setup = Setup::new(file, hardware)?;
    let beside = Beside::new(file, hardware)?;
    let settings = proposing(file, settings(engine, scenario, scenario.context, scenario.users));
    let architecture = file.architecture();
    let n_layers = architecture.n_layers();
    let moe_layers = architecture.layers.iter().rposition(|layer| layer.ffn.moe().is_some());
    let expert_layers = moe_layers.map_or(0, |last| last as u64 + 1);
    let memory = hardware.usable();
    let solved = solve(scenario.offload, n_layers, expert_layers, &memory, |placement| {
        let loads = setup.loads(&setup.place(placement.clone()), &settings);
        beside.load(loads, placement, &settings)
    });
    let possible = solved.is_some();
    let placed = setup.place(solved.unwrap_or_else(|| whole(n_layers, &memory)));
    Ok(Box::new(LlamaRun { engine, scenario, setup, beside, placed, possible }))
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
    // KoboldCpp queues what comes while it answers.
    if engine == Engine::KoboldCpp && scenario.users > 1 {
        let asked = format!("users={}", scenario.users);
        return Err(Refusal::new(Rule::Sequences { most: 1 }, asked).or("users=1"));
    }
    Ok(())
}

/// The whole model on the devices, split by their memory.
fn whole(n_layers: u64, memory: &[Bytes]) -> Placement {
    match memory {
        [] => Placement::cpu(),
        _ => Placement {
            device_layers: split_by_memory(n_layers + 1, memory),
            host_expert_layers: 0,
        },
    }
}

impl LlamaRun<'_> {
    fn n_layers(&self) -> u64 {
        self.setup.file.architecture().n_layers()
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

    fn possible(&self) -> bool {
        self.possible
    }

    fn offloads(&self) -> bool {
        let placement = &self.placed.placement;
        let on_devices: u64 = placement.device_layers.iter().sum();
        on_devices <= self.n_layers() || placement.host_expert_layers > 0
    }

    fn whole(&self) -> Option<Box<dyn Run + '_>> {
        let placed = self.setup.place(whole(self.n_layers(), &self.setup.hardware.usable()));
        let setup = self.setup.clone();
        let (engine, scenario, beside) = (self.engine, self.scenario, self.beside.clone());
        Some(Box::new(LlamaRun { engine, scenario, setup, beside, placed, possible: true }))
    }

    fn alone<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        let setup = Setup::new(self.setup.file, hardware).ok()?;
        let beside = Beside::new(self.setup.file, hardware).ok()?;
        let placed = setup.place(whole(self.n_layers(), &hardware.usable()));
        let (engine, scenario) = (self.engine, self.scenario);
        Some(Box::new(LlamaRun { engine, scenario, setup, beside, placed, possible: true }))
    }

    fn layout(&self) -> Layout {
        let placement = &self.placed.placement;
        let (counts, host_experts) = (&placement.device_layers, placement.host_expert_layers);
        Layout {
            parts: Layout::split(counts, self.n_layers(), true, host_experts),
            cache: Layout::cache_of(self.scenario.kv),
            microbatch: self.scenario.ubatch,
            copies: 1,
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
        match self.engine {
            Engine::KoboldCpp => 1,
            _ => Limit::USERS.max,
        }
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
