//! Addons under llama.cpp: where its own rules put projector, adapters, draft and MTP layers, and
//! what llama-server keeps in RAM.
//!
//! Rules as of build b11434: `tools/mtmd/clip.cpp` (the projector is on the first device),
//! `src/llama-adapter.cpp` (an adapter's tensors lie where those that they adapt do),
//! `common/speculative.cpp` and `tools/server/server-context.cpp` (a draft has the context of the
//! model; an MTP context caches its own layers and takes its weights from the model),
//! `src/llama-memory-recurrent.cpp` (a state for each proposed token), `tools/server/server-task.cpp`
//! (prompt cache, checkpoints).

use std::sync::Arc;

use super::{adapted, tower, warm_up};
use crate::architecture::{Architecture, tensors};
use crate::engine::llama_cpp::{self, GraphMemo, LayerState, Placement, Settings, Split, Weight};
use crate::engine::{File, Line};
use crate::memory::{ModelFile, Placed, Setup};
use crate::placement::{Hardware, Load, Loads, split_by_memory};
use crate::quant::{Mix, Quant};
use crate::report::{DeviceBill, HostBill, Notice, Term};
use crate::units::{Bytes, Interval};

const SOURCE: &str = "llama.cpp b11434";

/// The addons of a GGUF file on a machine.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Beside<'a> {
    file: &'a ModelFile<'a>,
    hardware: &'a Hardware<'a>,
    draft: Option<(Setup<'a>, Placed)>,
    mtp: Option<MtpLayers>,
}

/// A model's MTP layers as the context that drafts with them sees them.
#[derive(Clone, Debug)]
struct MtpLayers {
    architecture: Architecture,
    weights: Vec<Weight>,
    bytes: Bytes,
    graphs: Arc<GraphMemo>,
}

impl MtpLayers {
    fn new(file: &ModelFile<'_>) -> Option<MtpLayers> {
        let mtp = file.addons.mtp()?;
        let whole = file.architecture();
        let mut architecture = Architecture { mtp: None, ..whole.clone() };
        architecture.layers.clone_from(&mtp.layers);
        let loaded = file.mtp_weights();
        let bytes = loaded.iter().map(Weight::loaded_bytes).sum();
        // The layers' own tensors, for the graph; types matter only to weights on the host.
        let ty = loaded.first()?.ty;
        let of_layers = tensors(&architecture).into_iter().filter(|t| t.in_gguf);
        let weights = of_layers.map(|tensor| Weight { tensor, ty }).collect();
        Some(MtpLayers { architecture, weights, bytes, graphs: Arc::default() })
    }

    /// Compute buffers of the context that drafts with them.
    fn compute(&self, settings: &Settings, placement: &Placement) -> Split {
        // All of it is in one place: weights do not matter.
        let weights = (self.weights.as_slice(), (Quant::Gguf(Mix::Q8_0), false));
        self.graphs.compute(&self.architecture, weights, settings, placement, 1)
    }
}

/// Lines by place.
#[derive(Clone, Debug, Default)]
struct Lines {
    devices: Vec<Vec<Line>>,
    host: Vec<Line>,
}

impl Lines {
    fn at(&mut self, device: Option<usize>) -> &mut Vec<Line> {
        match device.and_then(|i| self.devices.get_mut(i)) {
            Some(lines) => lines,
            None => &mut self.host,
        }
    }
}

impl<'a> Beside<'a> {
    /// # Errors
    /// llama.cpp has no backend for a device.
    pub(in crate::engine) fn new(
        file: &'a ModelFile<'a>,
        hardware: &'a Hardware<'a>,
    ) -> Result<Beside<'a>, Notice> {
        let draft = match file.addons.draft() {
            Some(File::Gguf(draft)) => {
                let setup = Setup::new(draft, hardware)?;
                let memory = hardware.usable();
                let layers = draft.architecture().n_layers() + 1;
                let placed = setup.place(match memory.is_empty() {
                    true => Placement::cpu(),
                    false => Placement {
                        device_layers: split_by_memory(layers, &memory),
                        ..Placement::default()
                    },
                });
                Some((setup, placed))
            }
            _ => None,
        };
        Ok(Beside { file, hardware, draft, mtp: MtpLayers::new(file) })
    }

    /// There is nothing beside the model.
    fn is_empty(&self) -> bool {
        let addons = &self.file.addons;
        addons.projector.is_none()
            && addons.lora.is_none()
            && addons.speculation.is_none()
            && addons.prompt_cache == Bytes::ZERO
            && addons.checkpoints == 0
    }

    /// `loads` with what is beside the model under `placement`.
    pub(in crate::engine) fn load(
        &self,
        mut loads: Loads,
        placement: &Placement,
        settings: &Settings,
    ) -> Loads {
        if self.is_empty() {
            return loads;
        }
        let lines = self.lines(placement, settings);
        let sum = |lines: &[Line]| lines.iter().map(|line| line.bytes).sum::<Interval<Bytes>>();
        let mut on_devices = Interval::default();
        for (load, lines) in loads.devices.iter_mut().zip(&lines.devices) {
            let more = sum(lines);
            load.used = load.used + more;
            on_devices = on_devices + more;
        }
        let shared = if self.hardware.host.shared { on_devices } else { Interval::default() };
        let Load { used, usable } = loads.host;
        loads.host = Load { used: used + sum(&lines.host) + shared, usable };
        loads
    }

    /// `bills` with what is beside the model under `placement`.
    pub(in crate::engine) fn bill(
        &self,
        (mut devices, mut host): (Vec<DeviceBill>, HostBill),
        placement: &Placement,
        settings: &Settings,
    ) -> (Vec<DeviceBill>, HostBill) {
        if self.is_empty() {
            return (devices, host);
        }
        let lines = self.lines(placement, settings);
        let used = |line: &Line| line.bytes.high > Bytes::ZERO;
        for (bill, lines) in devices.iter_mut().zip(lines.devices) {
            for line in lines.into_iter().filter(used) {
                bill.used_bytes = bill.used_bytes + line.bytes;
                bill.items.push(line.item());
            }
        }
        // The system's share stays the last line.
        let last = host.items.len().saturating_sub(1);
        for line in lines.host.into_iter().filter(used).rev() {
            host.used_bytes = host.used_bytes + line.bytes;
            host.items.insert(last, line.item());
        }
        (devices, host)
    }

    fn lines(&self, placement: &Placement, settings: &Settings) -> Lines {
        let mut lines =
            Lines { devices: vec![Vec::new(); self.hardware.parts.len()], host: vec![] };
        self.projector(&mut lines);
        self.lora(&mut lines, placement);
        self.draft(&mut lines, settings);
        self.mtp(&mut lines, placement, settings);
        self.on_host(&mut lines, settings);
        lines
    }

    fn projector(&self, lines: &mut Lines) {
        let Some(ty) = self.file.addons.projector else { return };
        let parameters = self.file.architecture().extras.vision;
        let first = (!self.hardware.parts.is_empty()).then_some(0);
        let weights = tower(parameters, ty);
        lines.at(first).extend([
            Line::fitted(Term::Projector, weights, "parameters * value_bytes", SOURCE)
                .with(&[("parameters", parameters)]),
            Line::fitted(Term::ProjectorCompute, warm_up(parameters), "warm-up image", SOURCE)
                .with(&[("parameters", parameters)]),
        ]);
    }

    /// FP32 unless the converter is told otherwise (`convert_lora_to_gguf.py --outtype`); published
    /// adapters are often FP16.
    fn lora(&self, lines: &mut Lines, placement: &Placement) {
        let Some(lora) = self.file.addons.lora else { return };
        let architecture = self.file.architecture();
        let mut widths = vec![0u64; self.hardware.parts.len() + 1];
        for weight in &self.file.weights {
            if let Some(adapted) = adapted(&weight.tensor, lora.targets) {
                let device = placement.device_of(architecture, weight);
                let place = device.unwrap_or(self.hardware.parts.len());
                if let Some(sum) = widths.get_mut(place) {
                    *sum += adapted.values(1);
                }
            }
        }
        for (i, widths) in widths.into_iter().enumerate() {
            let of = |width: u64| Bytes(widths) * lora.rank * lora.count * width;
            let bytes = Interval { low: of(2), expected: of(4), high: of(4).scale(1.01) };
            let device = (i < self.hardware.parts.len()).then_some(i);
            lines.at(device).push(
                Line::fitted(Term::Lora, bytes, "adapters * rank * widths * value_bytes", SOURCE)
                    .with(&[
                        ("adapters", lora.count),
                        ("rank", lora.rank),
                        ("widths", widths),
                        ("value_bytes", 4),
                    ]),
            );
        }
    }

    fn draft(&self, lines: &mut Lines, settings: &Settings) {
        let Some((setup, placed)) = &self.draft else { return };
        let settings = Settings { proposed: 0, snapshots: 0, ..*settings };
        let (devices, host) = setup.bills(placed, &settings);
        let line = |items: &[crate::report::Item]| {
            let of = |terms: &[Term]| {
                let items = items.iter().filter(|item| terms.contains(&item.term));
                items.map(|item| item.bytes).sum::<Interval<Bytes>>()
            };
            let weights = of(&[Term::Weights, Term::TiedOutput]);
            let cache = of(&[Term::KvCache, Term::RecurrentState]);
            let compute = of(&[Term::Compute]);
            let formula = "draft_weights + draft_cache + draft_compute";
            Line::fitted(Term::Draft, weights + cache + compute, formula, SOURCE).with(&[
                ("draft_weights", weights.expected.0),
                ("draft_cache", cache.expected.0),
                ("draft_compute", compute.expected.0),
            ])
        };
        for (i, bill) in devices.iter().enumerate() {
            lines.at(Some(i)).push(line(&bill.items));
        }
        lines.host.push(line(&host.items));
    }

    fn mtp(&self, lines: &mut Lines, placement: &Placement, settings: &Settings) {
        let Some(mtp) = &self.mtp else { return };
        let device = placement.output(self.file.architecture());
        let settings = Settings { proposed: 0, snapshots: 0, ..*settings };
        let here = match device {
            Some(_) => Placement::gpu(&mtp.architecture),
            None => Placement::cpu(),
        };
        let cached = |state: &LayerState| state.kv + state.recurrent;
        let states = llama_cpp::layer_states(&mtp.architecture, &settings);
        let cache: Bytes = states.iter().map(cached).sum();
        let buffers = mtp.compute(&settings, &here);
        let (on_device, on_host) =
            llama_cpp::compute_intervals(&mtp.architecture, &settings, &here, &buffers);
        let compute = on_device.first().copied().unwrap_or(on_host);
        let bytes = Interval::exact(mtp.bytes + cache) + compute;
        let formula = "mtp_weights + mtp_cache + mtp_compute";
        lines.at(device).push(Line::fitted(Term::Draft, bytes, formula, SOURCE).with(&[
            ("mtp_weights", mtp.bytes.0),
            ("mtp_cache", cache.0),
            ("mtp_compute", compute.expected.0),
        ]));
    }

    /// What llama-server keeps of prompts in RAM. Both are upper bounds: they fill with use.
    fn on_host(&self, lines: &mut Lines, settings: &Settings) {
        let addons = &self.file.addons;
        let up_to = |bytes: Bytes| Interval { low: Bytes::ZERO, expected: bytes, high: bytes };
        lines.host.push(
            Line::fitted(Term::PromptCache, up_to(addons.prompt_cache), "cache_ram", SOURCE)
                .with(&[("cache_ram", addons.prompt_cache.0)]),
        );
        let checkpoint = llama_cpp::checkpoint_bytes(self.file.architecture(), settings);
        let count = addons.checkpoints.saturating_mul(settings.n_parallel);
        let formula = "checkpoints * sequences * checkpoint_bytes";
        lines.host.push(
            Line::fitted(Term::Checkpoints, up_to(checkpoint * count), formula, SOURCE).with(&[
                ("checkpoints", addons.checkpoints),
                ("sequences", settings.n_parallel),
                ("checkpoint_bytes", checkpoint.0),
            ]),
        );
    }
}
