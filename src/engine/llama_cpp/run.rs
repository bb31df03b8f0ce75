//! A model under llama.cpp: placed, and billed at any context and number of users.

use std::cell::OnceCell;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use super::addons::LlamaCppAddons;
use super::checks;
use super::flags::Placed;
use super::front_ends::{FrontEnd, physical_batch};
use super::gguf_file::GgufFile;
use super::graph;
use super::kv_cache::LayerState;
use super::layer_division::{Beside, OnHost, Share};
use super::memory::{GgufOnMachine, ModelByLayer, PlacedModel};
use super::placement::Placement;
use super::placement_solver::{
    LayerSizes, LoadEstimator, PlacementRequest, Solution, by_rows, place, solve,
};
use super::settings::{Settings, snapshots};
use super::tensor_split::Division;
use super::weights::RunningSums;
use crate::engine::adapter::EngineAdapter;
use crate::engine::layout::Layout;
use crate::engine::model_files::Addons;
use crate::engine::refusal::Refusal;
use crate::engine::run::{Effort, Run};
use crate::hardware::{Hardware, Load, Loads};
use crate::report::{
    self, DeviceBill, HostBill, Notice, PlacementReason, SlidingWindowCache, SplitKind,
};
use crate::scenario::{Offload, Scenario, SplitMode};
use crate::units::{Bytes, Interval};

/// llama.cpp rounds the cells of a sequence up to a multiple of this.
const CELLS: u64 = 256;

/// A GGUF file on a machine under llama.cpp.
pub(super) struct LlamaCppRun<'a> {
    front_end: &'static FrontEnd,
    scenario: &'a Scenario,
    gguf: GgufOnMachine<'a>,
    addons: LlamaCppAddons<'a>,
    placed: Arc<PlacedModel>,
    reason: PlacementReason,
}

/// The loads of a file under any placement of it.
struct PlacementEstimator<'a> {
    gguf: &'a GgufOnMachine<'a>,
    addons: &'a LlamaCppAddons<'a>,
    settings: &'a Settings,
    /// What each layer keeps between tokens with these settings.
    states: Vec<LayerState>,
    /// What computing is taken to need, if no graph is to be placed for it.
    assumed: Option<Compute>,
    /// How single matrices are divided where layers may be moved.
    divided: Division,
    by_layer: OnceCell<ByLayer>,
}

/// What each layer takes.
struct ByLayer {
    model: ModelByLayer,
    lora: Option<RunningSums>,
}

/// What computing takes on each device and on the host.
#[derive(Default)]
struct Compute {
    devices: Vec<Interval<Bytes>>,
    host: Interval<Bytes>,
}

impl Compute {
    /// What `loads` have beyond `bound`, a lower bound of them without it.
    fn of(loads: &Loads, bound: &Loads) -> Compute {
        let beyond = |(load, bound): (&Load, &Load)| load.used.minus(bound.used);
        Compute {
            devices: loads.devices.iter().zip(&bound.devices).map(beyond).collect(),
            host: beyond((&loads.host, &bound.host)),
        }
    }

    fn add_to(&self, mut loads: Loads) -> Loads {
        let more = self.devices.iter().zip(&mut loads.devices);
        more.for_each(|(more, load)| load.used = load.used + *more);
        loads.host.used = loads.host.used + self.host;
        loads
    }
}

impl<'a> PlacementEstimator<'a> {
    fn new(
        gguf: &'a GgufOnMachine<'a>,
        addons: &'a LlamaCppAddons<'a>,
        (scenario, settings): (&Scenario, &'a Settings),
        assumed: Option<Compute>,
    ) -> PlacementEstimator<'a> {
        let divided = match scenario.parallel.split {
            SplitMode::Row => by_rows(&gguf.hardware.usable()),
            _ => Division::Layers,
        };
        let states = gguf.states(settings);
        let by_layer = OnceCell::new();
        PlacementEstimator { gguf, addons, settings, states, assumed, divided, by_layer }
    }

    fn by_layer(&self) -> &ByLayer {
        self.by_layer.get_or_init(|| ByLayer {
            model: self.gguf.by_layer(&self.divided, self.settings, &self.states),
            lora: self.addons.lora_by_layer(),
        })
    }
}

impl LoadEstimator for PlacementEstimator<'_> {
    fn loads(&self, placement: &Placement) -> Loads {
        if let Some(compute) = &self.assumed {
            return compute.add_to(self.lower_bound(placement));
        }
        let loads = self.gguf.loads(&self.gguf.place(placement), self.settings, &self.states);
        self.addons.load(loads, placement, self.settings)
    }

    fn lower_bound(&self, placement: &Placement) -> Loads {
        self.gguf.loads_without_compute(&self.gguf.place(placement), self.settings, &self.states)
    }

    fn is_cheap(&self) -> bool {
        self.assumed.is_some()
    }

    fn loads_and_beside(&self, placement: &Placement) -> (Loads, Vec<Beside>) {
        let computing = self.gguf.computing(&self.gguf.place(placement), self.settings);
        let addons = self.addons.beside_lora(placement, self.settings);
        let beside = |(computing, addons)| Beside { computing, addons };
        (self.loads(placement), computing.into_iter().zip(addons).map(beside).collect())
    }

    fn kind(&self, il: u64) -> usize {
        let kinds = self.gguf.file.graphs.kinds(self.gguf.file.architecture());
        kinds.get(il as usize).copied().unwrap_or_default()
    }

    fn copied(&self, on_host: OnHost) -> u64 {
        let file = self.gguf.file;
        let kinds = file.graphs.kinds(file.architecture());
        let layers = on_host.layers.max(on_host.experts).min(kinds.len() as u64) as usize;
        let firsts = kinds[..layers].iter().enumerate().filter(|(il, kind)| il == *kind).count();
        let mut hasher = DefaultHasher::new();
        (firsts, kinds.get(layers.wrapping_sub(1))).hash(&mut hasher);
        (on_host.layers > kinds.len() as u64, file.sizes.distinct(on_host)).hash(&mut hasher);
        hasher.finish()
    }

    fn cache_layer(&self, il: u64) -> u64 {
        let architecture = self.gguf.file.architecture();
        match il < architecture.n_layers() {
            true => graph::cache_layer(architecture, il as usize) as u64,
            false => il,
        }
    }

    fn computes_by_layer(&self) -> bool {
        graph::holds_memory_for_every_layer(self.gguf.file.architecture())
    }

    fn least_computing(&self, has_output: bool) -> Interval<Bytes> {
        self.by_layer().model.least_compute[usize::from(has_output)]
    }

    fn load_of(&self, share: &Share, on_host: OnHost, beside: Beside) -> Load {
        let ByLayer { model, lora } = self.by_layer();
        let Some(compute) = &self.assumed else {
            let values = lora.as_ref().map(|lora| lora.of(&share.layers, on_host.experts));
            let adapters = values.map_or_else(Interval::default, |v| self.addons.lora_bytes(v));
            return self.gguf.load_of(model, share, on_host, beside, adapters);
        };
        let mut load = self.gguf.load_of(model, share, on_host, beside, Interval::default());
        let assumed = compute.devices.get(share.device).copied().unwrap_or_default();
        load.used = load.used + assumed;
        load
    }

    fn satisfies(&self, good: impl Fn(&Loads) -> bool, placement: &Placement) -> bool {
        let placed = self.gguf.place(placement);
        let bound = self.gguf.loads_without_compute(&placed, self.settings, &self.states);
        if let Some(compute) = &self.assumed {
            return good(&compute.add_to(bound));
        }
        let loads = || self.gguf.loads(&placed, self.settings, &self.states);
        good(&bound) && good(&self.addons.load(loads(), placement, self.settings))
    }
}

/// The placement that the scenario requests.
fn request<'a>(scenario: &'a Scenario, hardware: &Hardware<'_>) -> PlacementRequest<'a> {
    let parallel = &scenario.parallel;
    PlacementRequest {
        offload: scenario.offload,
        split: parallel.split,
        shares: parallel.tensor_split.as_ref().map(|split| split.0.as_slice()),
        main_gpu: parallel.main_gpu as usize,
        effort: Effort::Thorough,
        is_shared: hardware.host.shared,
    }
}

/// Returns `settings` with the number of tokens drafted at once for `file`'s model.
fn with_speculation(file: &GgufFile<'_>, addons: &Addons<'_>, settings: Settings) -> Settings {
    let proposed = addons.proposed();
    let snapshots = match addons.mtp() {
        Some(_) => snapshots(file.architecture(), proposed),
        None => 0,
    };
    Settings { proposed, snapshots, ..settings }
}

/// Places the whole model on the devices of `hardware`.
fn whole(scenario: &Scenario, sizes: &LayerSizes, hardware: &Hardware<'_>) -> Placement {
    let memory = hardware.usable();
    let layers = sizes.layers.len() as u64 + 1;
    match memory.as_slice() {
        [] => Placement::cpu(),
        memory => place(request(scenario, hardware), sizes, memory, layers, 0),
    }
}

impl<'a> LlamaCppRun<'a> {
    /// Places `file` with `addons` on `hardware` as `scenario` requests.
    ///
    /// # Errors
    /// llama.cpp has no backend for a device, or llama.cpp or `front_end` refuses a setting.
    pub(super) fn new(
        front_end: &'static FrontEnd,
        file: &'a GgufFile<'a>,
        addons: &'a Addons<'a>,
        hardware: &'a Hardware<'a>,
        scenario: &'a Scenario,
    ) -> Result<LlamaCppRun<'a>, Notice> {
        let refused = |refusal: Refusal| refusal.notice(front_end.engine(), file.model);
        let uses_host = hardware.backend.is_some() || front_end.leaves_integrated_gpus_aside;
        let host_only = hardware.host_only.as_deref().filter(|_| uses_host);
        let hardware = host_only.unwrap_or(hardware);
        checks::check(front_end, scenario).map_err(refused)?;
        checks::check_model(scenario, file.model).map_err(refused)?;
        let architecture = file.architecture();
        checks::check_split(front_end, scenario, architecture, hardware).map_err(refused)?;
        let gguf = GgufOnMachine::new(file, hardware)?;
        let settings = front_end.settings(scenario, scenario.context, scenario.users);
        let settings = Settings { unpacks_cache: gguf.unpacks_cache(), ..settings };
        let settings = with_speculation(file, addons, settings);
        let addons = LlamaCppAddons::new(file, addons, hardware)?;
        let memory = hardware.usable();
        let estimator = PlacementEstimator::new(&gguf, &addons, (scenario, &settings), None);
        let Solution { placement, reason } =
            solve(request(scenario, hardware), &file.sizes, &memory, &estimator);
        let reason = match host_only {
            Some(_) if hardware.backend.is_none() => PlacementReason::LeftAside,
            _ => reason,
        };
        let placed = gguf.place(&placement);
        Ok(LlamaCppRun { front_end, scenario, gguf, addons, placed, reason })
    }

    fn n_layers(&self) -> u64 {
        self.gguf.file.architecture().n_layers()
    }

    /// Returns this run with the whole model on the devices of `gguf`.
    fn whole_on<'b>(
        &'b self,
        gguf: GgufOnMachine<'b>,
        addons: LlamaCppAddons<'b>,
    ) -> Box<dyn Run + 'b> {
        let (front_end, scenario) = (self.front_end, self.scenario);
        let placed = gguf.place(&whole(scenario, &gguf.file.sizes, gguf.hardware));
        let reason = PlacementReason::Fits;
        Box::new(LlamaCppRun { front_end, scenario, gguf, addons, placed, reason })
    }

    fn settings(&self, context: u64, users: u64) -> Settings {
        let settings = self.front_end.settings(self.scenario, context, users);
        let settings = Settings { unpacks_cache: self.gguf.unpacks_cache(), ..settings };
        with_speculation(self.gguf.file, self.addons.addons(), settings)
    }
}

impl Run for LlamaCppRun<'_> {
    fn hardware(&self) -> &Hardware<'_> {
        self.gguf.hardware
    }

    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill) {
        let settings = self.settings(context, users);
        let addons = self.addons.lines(&self.placed.placement, &settings);
        self.gguf.bills(&self.placed, &settings, addons)
    }

    fn loads(&self, context: u64, users: u64) -> Loads {
        let settings = self.settings(context, users);
        let loads = self.gguf.loads(&self.placed, &settings, &self.gguf.states(&settings));
        self.addons.load(loads, &self.placed.placement, &settings)
    }

    fn loads_lower_bound(&self, context: u64, users: u64) -> Loads {
        let settings = self.settings(context, users);
        self.gguf.loads_without_compute(&self.placed, &settings, &self.gguf.states(&settings))
    }

    fn is_feasible(&self) -> bool {
        self.reason != PlacementReason::NothingFits
    }

    fn offloads(&self) -> bool {
        let placement = &self.placed.placement;
        let on_devices: u64 = placement.device_layers.iter().sum();
        on_devices <= self.n_layers() || placement.host_expert_layers > 0
    }

    fn without_offload(&self) -> Option<Box<dyn Run + '_>> {
        Some(self.whole_on(self.gguf.clone(), self.addons.clone()))
    }

    fn placed_anew(&self, context: u64, users: u64, effort: Effort) -> Option<Box<dyn Run + '_>> {
        let (gguf, addons) = (self.gguf.clone(), self.addons.clone());
        let settings = self.settings(context, users);
        let assumed = match effort {
            Effort::Bound => Some(Compute::default()),
            Effort::Assumed { context, users } | Effort::OnDevicesAssumed { context, users } => {
                let bound = self.loads_lower_bound(context, users);
                Some(Compute::of(&self.loads(context, users), &bound))
            }
            Effort::OnDevices | Effort::Quick | Effort::Thorough => None,
        };
        let question = (self.scenario, &settings);
        let estimator = PlacementEstimator::new(&gguf, &addons, question, assumed);
        let memory = gguf.hardware.usable();
        let request = request(self.scenario, gguf.hardware);
        let offload = if effort == Effort::Bound { Offload::Auto } else { request.offload };
        let request = PlacementRequest { effort, offload, ..request };
        let Solution { placement, reason } = solve(request, &gguf.file.sizes, &memory, &estimator);
        let placed = gguf.place(&placement);
        let (front_end, scenario) = (self.front_end, self.scenario);
        let run = LlamaCppRun { front_end, scenario, gguf, addons, placed, reason };
        run.is_feasible().then(|| Box::new(run) as Box<dyn Run>)
    }

    fn on<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        let addons = LlamaCppAddons::new(self.gguf.file, self.addons.addons(), hardware).ok()?;
        Some(self.whole_on(GgufOnMachine::new(self.gguf.file, hardware).ok()?, addons))
    }

    fn placement(&self) -> report::Placement {
        let placement = &self.placed.placement;
        let (split, shares) = match &placement.divided {
            Division::Rows(shares) => (SplitKind::Rows, shares.clone()),
            Division::Tensors(shares) => (SplitKind::Tensors, shares.clone()),
            Division::Layers if placement.device_layers.len() > 1 => {
                (SplitKind::Layers, Vec::new())
            }
            Division::Layers | Division::Nothing => (SplitKind::None, Vec::new()),
        };
        let settings = self.settings(self.scenario.context, self.scenario.users);
        report::Placement {
            split,
            shares,
            input_copies: placement.pipeline_copies(self.gguf.file.architecture()),
            duplicates: self.gguf.duplicates(&self.placed, &settings),
            ..self.layout().placement(self.reason)
        }
    }

    fn sliding_window_cache(&self) -> SlidingWindowCache {
        match self.settings(self.scenario.context, self.scenario.users).swa_full {
            true => SlidingWindowCache::Whole,
            false => SlidingWindowCache::WindowOnly,
        }
    }

    fn layout(&self) -> Layout {
        let placement = &self.placed.placement;
        let (counts, host_experts) = (&placement.device_layers, placement.host_expert_layers);
        let mut parts = Layout::split(counts, self.n_layers(), true, host_experts);
        if let Division::Tensors(shares) = &placement.divided {
            let groups = parts.iter_mut().filter(|part| !part.devices.is_empty());
            groups.for_each(|part| part.devices = 0..shares.len());
        }
        Layout {
            parts,
            cache: self.scenario.kv.without_fp8(),
            microbatch: physical_batch(self.scenario),
            copies: 1,
            expert_sharing_ranks: 1,
            cache_ranks: 1,
            cache_on_host: !self.settings(self.scenario.context, self.scenario.users).kv_on_devices,
        }
    }

    fn flags(&self) -> Vec<String> {
        let architecture = self.gguf.file.architecture();
        let mut flags = self.front_end.flags(Placed {
            scenario: self.scenario,
            placement: &self.placed.placement,
            architecture,
            devices: &self.gguf.hardware.parts,
            memory: &self.gguf.hardware.usable(),
        });
        let has_vision = architecture.extras.vision > 0;
        flags.extend(self.front_end.addon_flags(self.addons.addons(), has_vision));
        flags
    }

    fn context_step(&self) -> u64 {
        CELLS
    }

    fn max_context(&self) -> u64 {
        self.front_end.max_context
    }

    fn max_users(&self) -> u64 {
        self.front_end.max_users
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::engine;
    use crate::engine::model_files::File;
    use crate::scenario::Engine;

    /// A division is searched by sums over layers: they are what the placement has, but for rounding,
    /// wherever the layers lie.
    #[test]
    fn a_device_s_load_is_the_sum_over_its_layers() {
        let catalog = Catalog::bundled();
        let queries = [
            // Layers of one kind, of two by turns, without caches, with borrowed ones, with adapters
            // and projectors, with quantised and host caches; on the host, and their experts.
            "model=qwen2.5-7b-instruct&quant=Q4_K_M&lora=64*4",
            "model=gemma-3-27b-it&quant=Q5_K_M&mmproj=on&kv=q8_0",
            "model=gemma-3n-e4b-it&quant=Q8_0&users=3",
            "model=granite-4.0-h-1b&quant=Q4_K_M&ctx=65536",
            "model=nvidia-nemotron-3-super-120b-a12b-bf16&quant=IQ4_NL",
            "model=qwen3-30b-a3b&quant=Q4_K_M&kv_offload=off",
            "model=deepseek-v3.2&quant=Q4_K_M&users=2",
        ];
        for query in queries {
            let (scenario, _) = Scenario::from_query(&format!("{query}&hw=rtx-4090,rtx-3060*2"));
            let hardware = Hardware::resolve(catalog, &scenario, &scenario.machines[0]).unwrap();
            let model = catalog.model(&scenario.models[0]).unwrap();
            let quant = scenario.quants[0];
            let files = engine::files(catalog, Engine::LlamaCpp, model, quant, &scenario).unwrap();
            let File::Gguf(file) = &files.file else { panic!("{query} is no GGUF") };
            let front_end = &engine::llama_cpp::LLAMA_SERVER;
            let run = LlamaCppRun::new(front_end, file, &files.addons, &hardware, &scenario);
            let run = run.unwrap();
            let settings = run.settings(scenario.context, scenario.users);
            let question = (&scenario, &settings);
            let estimator = PlacementEstimator::new(&run.gguf, &run.addons, question, None);
            let layers = run.n_layers();
            for (counts, experts) in [
                (vec![layers / 2, layers / 4, layers + 1 - layers / 2 - layers / 4], 0),
                (vec![3, layers - 3, 1], layers / 3),
                (vec![5, 0, layers / 3], 0),
                (vec![layers + 1, 0, 0], 2),
            ] {
                let on_host = OnHost {
                    layers: layers + 1 - counts.iter().sum::<u64>(),
                    experts: experts.min(file.sizes.experts.len() as u64),
                };
                let placement = Placement {
                    device_layers: counts.clone(),
                    host_expert_layers: on_host.experts,
                    ..Placement::default()
                };
                let (loads, beside) = estimator.loads_and_beside(&placement);
                let mut start = on_host.layers;
                for (device, count) in counts.iter().enumerate() {
                    let layers = start..start + count;
                    start = layers.end;
                    let has_output = *count > 0 && start == run.n_layers() + 1;
                    let share = Share { device, layers, has_output };
                    let load = estimator.load_of(&share, on_host, beside[device]);
                    let whole = loads.devices[device];
                    let off = |bytes: fn(&Load) -> Bytes| bytes(&load).0.abs_diff(bytes(&whole).0);
                    let most = off(|load| load.used.high).max(off(|load| load.used.low));
                    let is_same = off(|load| load.used.expected) == 0 && most <= 4;
                    assert!(is_same, "{query}: {share:?} of {counts:?}: {load:?} {whole:?}");
                }
            }
        }
    }
}
