//! Speed of a run: the engine's layout on the chips of the machine, for the users of the question.

use std::sync::OnceLock;

use crate::architecture::{Role, count};
use crate::catalog::{Catalog, Device, DeviceKind};
use crate::engine::{self, File, Layout, ModelFiles, PlacedLayers, Run};
use crate::hardware::{CPU_SHARE, Hardware, Host};
use crate::quant::Quant;
use crate::report::{DecodeRate, Measurements, NoSpeed, Speed, SpeedBasis, Verdict};
use crate::scenario::{
    self, CacheTypes, GpuBackend, HeadKind, Measurement, Reading, Scenario, Selected, Serving,
    setting,
};
use crate::sort;
use crate::speed::calibration::{Calibration, Evidence};
use crate::speed::{
    Backend, Chip, Correction, Draft, Engine, Figure, Layers, Load, Network, Numerics, PlacedPart,
    Proposer, Service, Software, SpeedModel, Work, between_machines, mtp_share,
};

/// The host assumed for a machine without a named one, if part of the model is in RAM.
const DESKTOP: &str = "cpu-ddr5-5600-dual";
/// The host assumed for a machine with data-centre accelerators.
const SERVER: &str = "cpu-epyc-genoa-12ch";
/// Maximum number of devices in one server, if no fabric connects more.
const MOST_IN_A_SERVER: u32 = 8;

/// The work of each layer of a file, computed on first use.
#[derive(Debug, Default)]
pub(super) struct LayerWorkCache(OnceLock<Layers>);

impl LayerWorkCache {
    /// Cache types depend only on the engine that loads the file, so they are the same on every
    /// machine.
    fn of(&self, file: &ModelFiles<'_>, types: CacheTypes) -> &Layers {
        self.0.get_or_init(|| {
            let architecture = file.model().architecture();
            match &file.file {
                File::Gguf(file) => {
                    let weights = file.weights.iter().map(|w| (&w.tensor, w.bytes().0));
                    Layers::new(architecture, weights, types.into())
                }
                File::Checkpoint(file) => {
                    let weights = file.tensors.iter().map(|s| (&s.tensor, s.bytes.0));
                    Layers::new(architecture, weights, types.into())
                }
            }
        })
    }
}

/// The speed of a cell at any context and number of users, a few microseconds per figure:
/// [`SpeedModel::decode_tps`], [`SpeedModel::prefill_tps`], [`SpeedModel::serve`] with another
/// [`Load::users`]. [`super::corrected_speed`] creates it.
#[derive(Clone, Debug)]
pub struct CellSpeed {
    /// The model on its devices.
    pub setup: SpeedModel<'static>,
    /// The requested load, and how many users fit.
    pub load: Load,
    /// Context per user, in tokens.
    pub context: u64,
    /// Catalogue id of the host assumed for the part of the model in RAM, if the question names
    /// none.
    pub host_assumed: Option<&'static str>,
}

/// The inputs of a cell's speed estimate.
pub(super) struct SpeedInput<'a> {
    pub catalog: &'a Catalog,
    pub scenario: &'a Scenario,
    pub engine: scenario::Engine,
    pub file: &'a ModelFiles<'a>,
    pub work: &'a LayerWorkCache,
    pub run: &'a dyn Run,
    pub verdict: Verdict,
    /// Maximum number of users that fit at the requested context.
    pub max_users: u64,
    /// Corrections from measurements on this machine under this engine.
    pub corrections: &'a Corrections,
}

/// Corrections from the user's own measurements on one machine under one engine, each for one model
/// and quantisation.
#[derive(Debug, Default)]
pub(super) struct Corrections(Vec<(String, Quant, Correction)>);

impl Corrections {
    /// No measurements.
    pub const fn none() -> Corrections {
        Corrections(Vec::new())
    }

    /// Compares the measurements of `scenario` with uncorrected estimates. Measurements of models
    /// that are not in the catalogue or cannot run there are ignored.
    pub fn new(
        catalog: &Catalog,
        scenario: &Scenario,
        machine: &scenario::Machine,
        engine: scenario::Engine,
    ) -> Corrections {
        let compare = |measured: &Measurement| {
            let context = measured.readings.iter().map(Reading::context).max()?;
            // Like the measured run: with no more context than it needed, for one sequence.
            let asked = Scenario {
                models: vec![measured.model.clone()],
                machines: vec![machine.clone()],
                quants: vec![measured.quant],
                engines: vec![engine],
                context: context.min(scenario::Bounds::CONTEXT.max),
                users: 1,
                serving: Serving::default(),
                ..scenario.clone()
            };
            let at = Selected { model: 0, machine: 0, quant: 0, engine: 0 };
            let CellSpeed { mut setup, load, .. } = super::uncorrected_speed(catalog, &asked, at)?;
            setup.draft = None;
            let tuning = Correction::from_readings(&setup, &load, &measured.readings);
            let model = catalog.model(&measured.model)?.id.clone();
            (!tuning.is_empty()).then_some((model, measured.quant, tuning))
        };
        Corrections(scenario.serving.measured_on(machine, engine).filter_map(compare).collect())
    }

    /// The correction for a model: its own measurement, else the mean of all.
    fn for_model(&self, model: &str, quant: Quant) -> Correction {
        let all: Vec<Correction> = self.0.iter().map(|(_, _, tuning)| *tuning).collect();
        let same = self.0.iter().find(|(id, of, _)| id == model && *of == quant);
        let same = same.map_or(Correction::default(), |(_, _, tuning)| *tuning);
        same.or(Correction::mean(&all))
    }
}

impl SpeedInput<'_> {
    /// Returns the speed of the cell, with the requested service and its predicted load.
    pub fn speed(&self) -> (Speed, Option<(Service, Load)>) {
        match self.cell_speed() {
            Ok(cell) => {
                let service = cell.setup.serve(&cell.load);
                (cell.speed(self.scenario, &service), Some((service, cell.load)))
            }
            Err(why) => (Speed { no_speed: Some(why), ..Speed::default() }, None),
        }
    }

    /// Returns the speed model of the cell.
    ///
    /// # Errors
    /// The cell does not run even for one user, or too little is known about a device.
    pub fn cell_speed(&self) -> Result<CellSpeed, NoSpeed> {
        let users = self.scenario.users;
        let fits = match self.verdict {
            // If only all users together are too many, those beyond memory wait.
            Verdict::No if self.max_users == 0 => return Err(NoSpeed::DoesNotFit),
            Verdict::No => self.max_users,
            _ if self.run.queues() => self.max_users.max(1),
            _ => self.max_users.max(users),
        };
        let layout = self.run.layout();
        let Layout { parts, cache, microbatch, copies, expert_sharing_ranks, .. } = layout;
        let layers = self.work.of(self.file, cache);
        let mut machine = MachineChips::new(self.catalog, self.run.hardware());
        machine.network = self.network();
        // Copies that share their experts are data ranks of one copy.
        let (ranks, copies) = if expert_sharing_ranks > 1 { (copies, 1) } else { (1, copies) };
        let part = |held: &PlacedLayers| {
            let part = machine.part(held, layers, ranks)?;
            Some(PlacedPart {
                data: expert_sharing_ranks.min(u64::from(part.width)) as u32,
                ..part
            })
        };
        let parts: Option<Vec<PlacedPart>> = parts.iter().map(part).collect();
        let mut parts = parts.ok_or(NoSpeed::UnknownDevice)?;
        parts.iter_mut().for_each(|part| part.work.divide_caches(layout.cache_ranks));
        if layout.cache_on_host {
            let on_host = machine.caches_on_host(&mut parts);
            parts.extend(on_host);
        }
        let on_host = parts.iter().any(|part| part.chip.backend == Backend::Cpu);
        let first = parts.first().ok_or(NoSpeed::UnknownDevice)?;
        let engine = Engine::from(self.engine);
        let software = software(engine, &first.chip, self.run.hardware().backend);
        let quant: Quant = self.file.quant();
        let numerics = Numerics::of(quant, self.scenario.flash_attention);
        let setup = SpeedModel::new(software, parts, numerics, microbatch as f64);
        let mut setup = setup.ok_or(NoSpeed::UnknownDevice)?;
        setup.correction = self.corrections.for_model(&self.file.model().id, quant);
        setup.network = machine.network;
        setup.draft = self.draft();
        if let Some(spread) = self.file.model().own().and_then(|own| own.spread) {
            setup.shape_spread = spread.read.1.max(1.0 / spread.read.0);
        }
        let image = engine::image_tokens(self.file.model().architecture());
        let serving = self.scenario.serving.with_images(image);
        let (prompt, output) = serving.within(self.scenario.context);
        let load = Load {
            users: users as f64,
            prompt: prompt as f64,
            output: output as f64,
            // The last token of a prompt is always computed.
            cached_prefix: self.scenario.serving.prefix.min(prompt - 1) as f64,
            // Users that fit one copy.
            fits: (fits / copies.max(1)).max(1) as f64,
            scheduled: (self.run.max_users() / copies.max(1)).max(1) as f64,
            copies: copies as f64,
            arrival: self.scenario.serving.arrival,
        };
        Ok(CellSpeed {
            setup,
            load,
            context: self.scenario.context,
            host_assumed: machine.assumed.filter(|_| on_host),
        })
    }

    /// The network between hosts that llama.cpp works on together: the one asked for, or that of
    /// machines with unified memory, which are hosts of their own.
    fn network(&self) -> Option<Network> {
        let connects = setting("rpc").is_some_and(|setting| setting.is_read_by(self.engine));
        if self.run.hardware().parts.len() < 2 || !connects {
            return None;
        }
        let asked = self.scenario.parallel.rpc.map(|gigabits| gigabits * 1e9 / 8.0);
        let rate = asked.or_else(|| {
            let first = self.run.hardware().parts.first().map(|part| part.device);
            first.and_then(between_machines)
        });
        rate.map(|rate| Network { rate })
    }

    /// The draft for speculative decoding; `None` if there is none, or its own speed is unknown.
    fn draft(&self) -> Option<Draft> {
        let speculation = self.file.addons.speculation.as_ref()?;
        let by = match &speculation.by {
            engine::Proposer::Mtp(_) => {
                let work = self.work.of(self.file, self.run.layout().cache).whole();
                Proposer::Mtp(mtp_share(&work, head_bytes(self.file)))
            }
            engine::Proposer::Ngram => Proposer::Mtp(0.0),
            engine::Proposer::Head(head) => {
                let count = count(self.file.model().architecture());
                let share = count.active as f64 / count.text.max(1) as f64;
                let model = self.file.bytes().0 as f64 * share;
                let pass = head.weights().expected.0 as f64 / model.max(1.0);
                // One pass drafts a block of tokens, or each token takes one.
                Proposer::Mtp(match head.kind {
                    HeadKind::Dflash => pass / speculation.tokens.max(1) as f64,
                    HeadKind::Eagle3 => pass,
                })
            }
            engine::Proposer::Draft(file) => {
                let hardware = self.run.hardware();
                let run = engine::run(self.engine, file, hardware, self.scenario).ok()?;
                let work = LayerWorkCache::default();
                let verdict = Verdict::Fits;
                let draft = SpeedInput { file, work: &work, run: run.as_ref(), verdict, ..*self };
                Proposer::Model(Box::new(draft.cell_speed().ok()?.setup))
            }
        };
        let (tokens, acceptance) = (speculation.tokens as f64, speculation.acceptance);
        Some(Draft { tokens, acceptance, by })
    }
}

/// Bytes of the output head, which may be the embedding table too.
fn head_bytes(file: &ModelFiles<'_>) -> f64 {
    let of = |role: Role| match &file.file {
        File::Gguf(file) => {
            let head = file.weights.iter().find(|weight| weight.tensor.role == role);
            head.map(|weight| weight.bytes().0)
        }
        File::Checkpoint(file) => {
            let head = file.tensors.iter().find(|stored| stored.tensor.role == role);
            head.map(|stored| stored.bytes.0)
        }
    };
    of(Role::Output).or_else(|| of(Role::TokenEmbd)).unwrap_or(0) as f64
}

/// The software that drives `chip`, llama.cpp through the backend `asked` for. Serving engines drive
/// Intel cards through oneAPI.
fn software(engine: Engine, chip: &Chip, asked: Option<GpuBackend>) -> Software {
    let software = Software::on(engine, chip);
    match (engine, software.backend) {
        (Engine::LlamaCpp, Backend::Cpu) => software,
        (Engine::LlamaCpp, usual) => {
            let backend = match asked {
                None => usual,
                Some(GpuBackend::Cuda) => Backend::Cuda,
                Some(GpuBackend::Rocm) => Backend::Rocm,
                Some(GpuBackend::Vulkan) => Backend::Vulkan,
                Some(GpuBackend::Sycl) => Backend::Xpu,
                Some(GpuBackend::Metal) => Backend::Metal,
                Some(GpuBackend::Cpu) => Backend::Cpu,
            };
            Software { backend, ..software }
        }
        (_, Backend::Vulkan) => Software { backend: Backend::Xpu, ..software },
        _ => software,
    }
}

/// The chips of a machine.
struct MachineChips<'a> {
    hardware: &'a Hardware<'a>,
    host: Option<Chip>,
    /// Id of the assumed host, if the question names none.
    assumed: Option<&'static str>,
    /// The network that the devices are on hosts of their own in.
    network: Option<Network>,
}

impl<'a> MachineChips<'a> {
    fn new(catalog: &Catalog, hardware: &'a Hardware<'a>) -> MachineChips<'a> {
        let first = hardware.parts.first().map(|part| part.device);
        let (host, assumed) = match (&hardware.host, first) {
            (Host { bandwidth_gb_s: Some(gb_s), .. }, _) => {
                let shared = first.is_some_and(|device| device.kind == DeviceKind::Unified);
                let share = if shared { CPU_SHARE } else { 1.0 };
                (Some(Chip::cpu(gb_s * 1e9 * share)), None)
            }
            (Host { device: Some(cpu), .. }, _) => (Chip::of(cpu), None),
            (_, Some(device)) if device.kind == DeviceKind::Unified => {
                let bandwidth = device.bandwidth_gb_s.map(|gb_s| gb_s * 1e9 * CPU_SHARE);
                (bandwidth.map(Chip::cpu), None)
            }
            (_, first) => {
                let server = first.is_some_and(|device| device.segment == "datacenter");
                let id = if server { SERVER } else { DESKTOP };
                (catalog.device(id).and_then(Chip::of), Some(id))
            }
        };
        MachineChips { hardware, host, assumed, network: None }
    }

    /// The chip of a device, with the memory and the power that the question gives it.
    fn chip(&self, device: &Device) -> Option<Chip> {
        let mut chip = Chip::of(device)?;
        let is_socketed =
            device.kind == DeviceKind::Unified && matches!(device.vendor.as_str(), "AMD" | "Intel");
        if let Some(gb_s) = self.hardware.host.bandwidth_gb_s.filter(|_| is_socketed) {
            chip.bandwidth = gb_s * 1e9;
            chip.host_link = chip.bandwidth;
        }
        match self.hardware.power_cap_w {
            Some(watts) => Some(chip.limited_to(watts)),
            None => Some(chip),
        }
    }

    /// Takes the caches of `parts` on devices, which the host keeps and attends to; `None` if there
    /// are none, or the host is unknown.
    fn caches_on_host(&self, parts: &mut [PlacedPart]) -> Option<PlacedPart> {
        let on_devices = parts.iter_mut().filter(|part| part.chip.backend != Backend::Cpu);
        let caches = on_devices.map(|part| part.work.take_caches()).reduce(Work::joined)?;
        Some(PlacedPart::on(self.host.clone()?, caches))
    }

    /// Places the layers of `held` on their chips, in `ranks` groups of them; `None` if a chip is
    /// unknown.
    fn part(&self, held: &PlacedLayers, layers: &Layers, ranks: u64) -> Option<PlacedPart> {
        let PlacedLayers { devices, layers: bodies, experts, head } = held;
        let work = layers.part(bodies.clone(), experts.clone(), *head);
        if devices.is_empty() {
            let prompts_on = self.hardware.parts.first().map(|part| self.chip(part.device));
            let prompts_on = match prompts_on {
                Some(chip) => Some(chip?),
                None => None,
            };
            return Some(PlacedPart { prompts_on, ..PlacedPart::on(self.host.clone()?, work) });
        }
        let group = self.hardware.parts.get(devices.clone())?;
        // Parallel steps of a group wait for its slowest device.
        let slowest = group.iter().map(|part| part.device).min_by(|a, b| {
            let bandwidth = |device: &Device| device.bandwidth_gb_s.unwrap_or(0.0);
            bandwidth(a).total_cmp(&bandwidth(b))
        })?;
        let mut chip = self.chip(slowest)?;
        let width = (devices.len() as u64).saturating_mul(ranks).min(u64::from(u32::MAX)) as u32;
        // A bridge between two devices does not connect four.
        if slowest.fabric_devices.is_some_and(|most| width > most) {
            (chip.link, chip.fabric) = (chip.host_link, false);
        }
        let between_hosts = self.network.filter(|_| width > 1);
        if let Some(network) = between_hosts {
            (chip.link, chip.fabric) = (network.rate, false);
        }
        let network = between_hosts.is_some()
            || width > slowest.fabric_devices.unwrap_or(0).max(MOST_IN_A_SERVER);
        Some(PlacedPart { width, network, ..PlacedPart::on(chip, work) })
    }
}

impl CellSpeed {
    /// Returns the speed, with decoding for a single user at the full requested context.
    fn speed(&self, scenario: &Scenario, service: &Service) -> Speed {
        let CellSpeed { setup, load, context, .. } = self;
        let depth = *context as f64;
        let decode = self.decode();
        let cached = load.cached_prefix;
        let fresh = load.prompt - cached;
        Speed {
            decode_tps: Some(decode.tps),
            decode_tps_empty: Some(setup.decode_tps(0.0)),
            plain_tps: setup.draft.is_some().then(|| setup.batch_tps(1.0, depth)),
            prefill_tps: Some(setup.prefill_tps(fresh, cached)),
            ttft_s: Some(service.ttft_s),
            tpot_s: Some(service.tpot_s),
            throughput_tps: Some(service.throughput),
            running: Some((service.running * load.copies.min(load.users)).min(load.users) as u64),
            slo_users: self.users_within_targets(scenario),
            decode_limit: decode.limit,
            prefill_limit: Some(setup.prefill(fresh, cached).bottleneck()),
            serving_limit: Some(service.bottleneck),
            speed_basis: self.basis(),
            no_speed: None,
        }
    }

    /// Returns the speed of decoding for a single user at the full requested context.
    pub(super) fn decode(&self) -> DecodeRate {
        let (setup, depth) = (&self.setup, self.context as f64);
        DecodeRate {
            tps: setup.decode_tps(depth),
            limit: Some(setup.token(1.0, depth).bottleneck()),
            is_calibrated: setup.weakest().is_some() && setup.is_calibrated(),
        }
    }

    /// Returns the maximum number of users within memory whose expected times meet the targets of
    /// `scenario`; `None` without targets.
    pub fn users_within_targets(&self, scenario: &Scenario) -> Option<u64> {
        let (ttft, tpot) = (scenario.serving.ttft_us, scenario.serving.tpot_us);
        if ttft.is_none() && tpot.is_none() {
            return None;
        }
        let seconds = |target: Option<u64>| target.map_or(f64::INFINITY, |us| us as f64 / 1e6);
        let users = self.setup.users_within(&self.load, seconds(ttft), seconds(tpot));
        let within_memory = self.load.fits.min(self.load.scheduled) * self.load.copies;
        Some(users.min(within_memory as u64))
    }

    /// The basis of the estimate: the calibration of the least known stage, and the widest
    /// intervals.
    fn basis(&self) -> Option<SpeedBasis> {
        let class: &Calibration = self.setup.weakest()?.calibration;
        let measurements = |figure: Figure| {
            let Evidence { n, median_pct, .. } = *figure.evidence(class);
            let factor = self.setup.interval_factor(figure);
            Measurements { n, median_pct: (n > 0).then_some(median_pct), factor }
        };
        let prompt = Figure::of_prompt(self.load.prompt - self.load.cached_prefix);
        let figures = [Figure::Decode, Figure::Batch, Figure::Prefill, Figure::ShortPrompt];
        let evidence = figures.iter().map(|figure| figure.evidence(class));
        let mut sources: Vec<String> =
            evidence.flat_map(|evidence| &evidence.sources).cloned().collect();
        sort::distinct(&mut sources);
        Some(SpeedBasis {
            calibrated: self.setup.is_calibrated(),
            mixed: self.setup.is_mixed(),
            engines: class.engines.iter().map(|engine| engine.name().to_owned()).collect(),
            backend: class.backend,
            decode: measurements(Figure::Decode),
            batch: measurements(Figure::Batch),
            prefill: measurements(prompt),
            sources,
            host_assumed: self.host_assumed.map(str::to_owned),
            measured: Some(self.setup.correction).filter(|tuning| !tuning.is_empty()),
        })
    }
}
