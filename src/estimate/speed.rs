//! Speed of a run: what its engine puts where, on the chips of the machine, for the users of the
//! question.

use std::sync::OnceLock;

use crate::architecture::count;
use crate::catalog::{Catalog, Device, DeviceKind};
use crate::engine::{self, File, Layout, ModelFiles, PlacedLayers, Run};
use crate::hardware::{Hardware, Host};
use crate::quant::Quant;
use crate::report::{Measurements, NoSpeed, Speed, SpeedBasis, Verdict};
use crate::scenario::{self, CacheTypes, Measurement, Reading, Scenario, Selected, Serving};
use crate::speed::calibration::{Class, Evidence};
use crate::speed::{
    Backend, Chip, Draft, Engine, Figure, Layers, Load, Numerics, Part, Proposer, Service, Setup,
    Software, Tuning,
};

/// The host of a machine that names none, where a part of the model is left in RAM.
const DESKTOP: &str = "cpu-ddr5-5600-dual";
/// The same beside accelerators of a data centre.
const SERVER: &str = "cpu-epyc-genoa-12ch";
/// Devices that one server takes where no fabric joins more.
const MOST_IN_A_SERVER: u32 = 8;
/// Share of a unified memory's bandwidth that the CPU alone gets: an assumption.
const CPU_SHARE: f64 = 0.5;

/// The work of a file layer by layer, made on first use.
#[derive(Debug, Default)]
pub(super) struct LayerWorkCache(OnceLock<Layers>);

impl LayerWorkCache {
    /// The cache types are those of the engine that loads the file, the same on every machine.
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

/// A cell whose speed can be asked for at any depth and number of users, at a few microseconds a
/// figure: [`Setup::decode_tps`], [`Setup::prefill_tps`], [`Setup::serve`] with another
/// [`Load::users`]. [`super::corrected_speed`] makes it.
#[derive(Clone, Debug)]
pub struct CellSpeed {
    /// The model on its devices.
    pub setup: Setup<'static>,
    /// What the users of the question ask for, and how many fit.
    pub load: Load,
    /// Tokens of context for each user.
    pub context: u64,
    /// The host that was assumed for the part left there: an id of the catalogue.
    pub host_assumed: Option<&'static str>,
}

/// What the speed of a cell is estimated from.
pub(super) struct SpeedInput<'a> {
    pub catalog: &'a Catalog,
    pub scenario: &'a Scenario,
    pub engine: scenario::Engine,
    pub file: &'a ModelFiles<'a>,
    pub work: &'a LayerWorkCache,
    pub run: &'a dyn Run,
    pub verdict: Verdict,
    /// The most users at the context asked for.
    pub max_users: u64,
    /// Corrections from what was measured on the machine under the engine.
    pub corrections: &'a Corrections,
}

/// Corrections from the question's own measurements on one machine under one engine, each for its
/// model and quantisation.
#[derive(Debug, Default)]
pub(super) struct Corrections(Vec<(String, Quant, Tuning)>);

impl Corrections {
    /// Compares the measurements of `scenario` with what would be estimated without them. One of a
    /// model that is not in the catalogue or cannot run there says nothing.
    pub fn new(
        catalog: &Catalog,
        scenario: &Scenario,
        machine: &scenario::Machine,
        engine: scenario::Engine,
    ) -> Corrections {
        let compare = |measured: &Measurement| {
            let context = measured.readings.iter().map(Reading::context).max()?;
            // As the measured run was: no longer than it needed, for one sequence.
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
            let tuning = Tuning::of(&setup, &load, &measured.readings);
            let model = catalog.model(&measured.model)?.id.clone();
            (!tuning.is_empty()).then_some((model, measured.quant, tuning))
        };
        Corrections(scenario.serving.measured_on(machine, engine).filter_map(compare).collect())
    }

    /// What holds for a model: its own measurement, else the mean of all.
    fn for_model(&self, model: &str, quant: Quant) -> Tuning {
        let all: Vec<Tuning> = self.0.iter().map(|(_, _, tuning)| *tuning).collect();
        let same = self.0.iter().find(|(id, of, _)| id == model && *of == quant);
        let same = same.map_or(Tuning::default(), |(_, _, tuning)| *tuning);
        same.or(Tuning::mean(&all))
    }
}

impl SpeedInput<'_> {
    /// The speed of the cell, and what it is asked to serve and how it does.
    pub fn speed(&self) -> (Speed, Option<(Service, Load)>) {
        match self.cell_speed() {
            Ok(cell) => {
                let service = cell.setup.serve(&cell.load);
                (cell.speed(self.scenario, &service), Some((service, cell.load)))
            }
            Err(why) => (Speed { no_speed: Some(why), ..Speed::default() }, None),
        }
    }

    /// The cell as something that can be asked for its speed.
    ///
    /// # Errors
    /// It does not run there even for one user, or a device is not known well enough.
    pub fn cell_speed(&self) -> Result<CellSpeed, NoSpeed> {
        let users = self.scenario.users;
        let fits = match self.verdict {
            // Where it is too much only for all users together, those beyond memory wait.
            Verdict::No if self.max_users == 0 => return Err(NoSpeed::DoesNotFit),
            Verdict::No => self.max_users,
            _ => self.max_users.max(users),
        };
        let Layout { parts, cache, microbatch, copies, expert_sharing_ranks } = self.run.layout();
        let layers = self.work.of(self.file, cache);
        let machine = MachineChips::new(self.catalog, self.run.hardware());
        // Copies that share their experts are data ranks of one.
        let (ranks, copies) = if expert_sharing_ranks > 1 { (copies, 1) } else { (1, copies) };
        let part = |held: &PlacedLayers| {
            let part = machine.part(held, layers, ranks)?;
            Some(Part { data: expert_sharing_ranks.min(u64::from(part.width)) as u32, ..part })
        };
        let parts: Option<Vec<Part>> = parts.iter().map(part).collect();
        let parts = parts.ok_or(NoSpeed::UnknownDevice)?;
        let on_host = parts.iter().any(|part| part.chip.backend == Backend::Cpu);
        let first = parts.first().ok_or(NoSpeed::UnknownDevice)?;
        let engine = Engine::from(self.engine);
        let software = software(engine, &first.chip);
        let quant: Quant = self.file.quant();
        let numerics = Numerics::of(quant, self.scenario.flash_attention);
        let setup = Setup::new(software, parts, numerics, microbatch as f64);
        let mut setup = setup.ok_or(NoSpeed::UnknownDevice)?;
        setup.tuning = self.corrections.for_model(&self.file.model().id, quant);
        setup.draft = self.draft();
        let (prompt, output) = self.scenario.serving.within(self.scenario.context);
        let load = Load {
            users: users as f64,
            prompt: prompt as f64,
            output: output as f64,
            // The last token of a prompt is always computed.
            cached_prefix: self.scenario.serving.prefix.min(prompt - 1) as f64,
            // Those of one copy.
            fits: (fits / copies.max(1)).max(1) as f64,
            scheduled: (self.run.max_users() / copies.max(1)).max(1) as f64,
            copies: copies as f64,
        };
        Ok(CellSpeed {
            setup,
            load,
            context: self.scenario.context,
            host_assumed: machine.assumed.filter(|_| on_host),
        })
    }

    /// What proposes tokens; nothing where its own speed is not known.
    fn draft(&self) -> Option<Draft> {
        let speculation = self.file.addons.speculation.as_ref()?;
        let by = match &speculation.by {
            engine::Proposer::Mtp(_) => {
                let architecture = self.file.model().architecture();
                let head = architecture.vocab_size.saturating_mul(architecture.hidden_size);
                let active = count(architecture).active.max(1);
                let layers = architecture.n_layers().max(1);
                Proposer::Mtp(1.0 / layers as f64 + head as f64 / active as f64)
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

/// The software that runs on `chip`. Serving engines drive Intel's cards through oneAPI.
fn software(engine: Engine, chip: &Chip) -> Software {
    let software = Software::on(engine, chip);
    match (engine, software.backend) {
        (Engine::LlamaCpp, _) => software,
        (_, Backend::Vulkan) => Software { backend: Backend::Xpu, ..software },
        _ => software,
    }
}

/// The chips of a machine.
struct MachineChips<'a> {
    hardware: &'a Hardware<'a>,
    host: Option<Chip>,
    /// The host was not named: the id of the one that stands in.
    assumed: Option<&'static str>,
}

impl<'a> MachineChips<'a> {
    fn new(catalog: &Catalog, hardware: &'a Hardware<'a>) -> MachineChips<'a> {
        let first = hardware.parts.first().map(|part| part.device);
        let (host, assumed) = match (&hardware.host, first) {
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
        MachineChips { hardware, host, assumed }
    }

    /// `held` on its chips, as many groups of them as there are `ranks`; `None` where one is not
    /// known.
    fn part(&self, held: &PlacedLayers, layers: &Layers, ranks: u64) -> Option<Part> {
        let PlacedLayers { devices, layers: bodies, experts, head } = held;
        let work = layers.part(bodies.clone(), experts.clone(), *head);
        if devices.is_empty() {
            let prompts_on = self.hardware.parts.first().map(|part| Chip::of(part.device));
            let prompts_on = match prompts_on {
                Some(chip) => Some(chip?),
                None => None,
            };
            return Some(Part { prompts_on, ..Part::on(self.host.clone()?, work) });
        }
        let group = self.hardware.parts.get(devices.clone())?;
        // Like steps of a group wait for its slowest device.
        let slowest = group.iter().map(|part| part.device).min_by(|a, b| {
            let bandwidth = |device: &Device| device.bandwidth_gb_s.unwrap_or(0.0);
            bandwidth(a).total_cmp(&bandwidth(b))
        })?;
        let mut chip = Chip::of(slowest)?;
        let width = (devices.len() as u64).saturating_mul(ranks).min(u64::from(u32::MAX)) as u32;
        // A bridge between two does not join four.
        if slowest.fabric_devices.is_some_and(|most| width > most) {
            (chip.link, chip.fabric) = (chip.host_link, false);
        }
        let network = width > slowest.fabric_devices.unwrap_or(0).max(MOST_IN_A_SERVER);
        Some(Part { width, network, ..Part::on(chip, work) })
    }
}

impl CellSpeed {
    /// Decoding for one user alone, with all of the context asked for filled.
    fn speed(&self, scenario: &Scenario, service: &Service) -> Speed {
        let CellSpeed { setup, load, context, .. } = self;
        let depth = *context as f64;
        let cached = load.cached_prefix;
        let fresh = load.prompt - cached;
        Speed {
            decode_tps: Some(setup.decode_tps(depth)),
            decode_tps_empty: Some(setup.decode_tps(0.0)),
            plain_tps: setup.draft.is_some().then(|| setup.batch_tps(1.0, depth)),
            prefill_tps: Some(setup.prefill_tps(fresh, cached)),
            ttft_s: Some(service.ttft_s),
            tpot_s: Some(service.tpot_s),
            throughput_tps: Some(service.throughput),
            running: Some((service.running * load.copies.min(load.users)).min(load.users) as u64),
            slo_users: self.users_within_targets(scenario),
            decode_limit: Some(setup.token(1.0, depth).limit()),
            prefill_limit: Some(setup.prefill(fresh, cached).limit()),
            serving_limit: Some(service.limit),
            speed_basis: self.basis(),
            no_speed: None,
        }
    }

    /// The most users within memory whose expected times keep to the targets of `scenario`; `None`
    /// where it has none.
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

    /// What the estimate rests on: the class of the stage known least, and the widest intervals.
    fn basis(&self) -> Option<SpeedBasis> {
        let class: &Class = self.setup.weakest()?.class;
        let measurements = |figure: Figure| {
            let Evidence { n, median_pct, .. } = *figure.evidence(class);
            let factor = self.setup.spread(figure);
            Measurements { n, median_pct: (n > 0).then_some(median_pct), factor }
        };
        let evidence = [&class.decode_evidence, &class.batch_evidence, &class.prefill_evidence];
        let mut sources: Vec<String> =
            evidence.iter().flat_map(|evidence| &evidence.sources).cloned().collect();
        sources.sort_unstable();
        sources.dedup();
        Some(SpeedBasis {
            calibrated: self.setup.is_calibrated(),
            mixed: self.setup.is_mixed(),
            engines: class.engines.iter().map(|engine| engine.name().to_owned()).collect(),
            backend: class.backend,
            decode: measurements(Figure::Decode),
            batch: measurements(Figure::Batch),
            prefill: measurements(Figure::Prefill),
            sources,
            host_assumed: self.host_assumed.map(str::to_owned),
            measured: Some(self.setup.tuning).filter(|tuning| !tuning.is_empty()),
        })
    }
}
