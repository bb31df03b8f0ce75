//! llama.cpp's rules for where projector, adapters, draft and MTP layers go, and what llama-server
//! keeps in RAM.
//!
//! Rules as of build b11434: `tools/mtmd/clip.cpp` (the projector is on the first device),
//! `src/llama-adapter.cpp` (an adapter's tensors lie where those that they adapt do),
//! `common/speculative.cpp` and `tools/server/server-context.cpp` (a draft has the context of the
//! model; an MTP context caches its own layers and takes its weights from the model),
//! `src/llama-memory-recurrent.cpp` (a state for each proposed token),
//! `tools/server/server-task.cpp` (prompt cache, checkpoints).

use std::sync::Arc;

use super::compute_cache::GraphCache;
use super::gguf_file::GgufFile;
use super::gguf_tensor::Weight;
use super::kv_cache::{self, LayerState};
use super::memory::{AddonLines, GgufOnMachine, PlacedModel};
use super::overhead::compute_intervals;
use super::placement::{Placement, Split};
use super::settings::Settings;
use super::tensor_split::Division;
use super::weights::{RunningSums, is_with_experts};
use crate::architecture::{Architecture, Role, Tensor, tensors};
use crate::bill::Line;
use crate::engine::addons::{adapted, head_line, tower, warm_up};
use crate::engine::model_files::{Addons, File, ModelFiles};
use crate::engine::split_by_memory::split_by_memory;
use crate::hardware::{Hardware, Loads};
use crate::quant::{Mix, Quant};
use crate::report::{BillItem, Notice, Term};
use crate::scenario::Lora;
use crate::units::{Bytes, Interval};

const SOURCE: &str = "llama.cpp b11434";

/// The add-ons of a GGUF file on a machine.
#[derive(Clone, Debug)]
pub(super) struct LlamaCppAddons<'a> {
    file: &'a GgufFile<'a>,
    addons: &'a Addons<'a>,
    hardware: &'a Hardware<'a>,
    draft: Option<(GgufOnMachine<'a>, Arc<PlacedModel>)>,
    mtp: Option<MtpLayers>,
}

/// A model's MTP layers, as seen by the context that drafts with them.
#[derive(Clone, Debug)]
struct MtpLayers {
    architecture: Architecture,
    weights: Vec<Weight>,
    bytes: Bytes,
    graphs: Arc<GraphCache>,
}

impl MtpLayers {
    fn new(file: &GgufFile<'_>, addons: &Addons<'_>) -> Option<MtpLayers> {
        let mtp = addons.mtp()?;
        let whole = file.architecture();
        let mut architecture = Architecture { mtp: None, ..whole.clone() };
        architecture.layers.clone_from(&mtp.layers);
        let loaded = file.mtp_weights();
        let bytes = loaded.iter().map(Weight::loaded_bytes).sum();
        // The layers' own tensors are for the graph; types matter only for weights on the host.
        let ty = loaded.first()?.ty;
        let of_layers = tensors(&architecture).into_iter().filter(|t| t.in_gguf);
        let weights = of_layers.map(|tensor| Weight::new(tensor, ty)).collect();
        Some(MtpLayers { architecture, weights, bytes, graphs: Arc::default() })
    }

    /// Compute buffers of the context that drafts with the MTP layers.
    fn compute(&self, settings: &Settings, placement: &Placement) -> Split {
        // Everything is in one place, so the weights do not matter.
        let weights = (self.weights.as_slice(), (Quant::Gguf(Mix::Q8_0), false));
        self.graphs.compute(&self.architecture, weights, settings, placement, 1)
    }
}

impl<'a> LlamaCppAddons<'a> {
    /// # Errors
    /// llama.cpp has no backend for a device.
    pub(super) fn new(
        file: &'a GgufFile<'a>,
        addons: &'a Addons<'a>,
        hardware: &'a Hardware<'a>,
    ) -> Result<LlamaCppAddons<'a>, Notice> {
        let draft = match addons.draft() {
            Some(ModelFiles { file: File::Gguf(draft), .. }) => {
                let gguf = GgufOnMachine::new(draft, hardware)?;
                let memory = hardware.usable();
                let layers = draft.architecture().n_layers() + 1;
                let placed = gguf.place(&match memory.is_empty() {
                    true => Placement::cpu(),
                    false => Placement {
                        device_layers: split_by_memory(layers, &memory),
                        ..Placement::default()
                    },
                });
                Some((gguf, placed))
            }
            _ => None,
        };
        Ok(LlamaCppAddons { file, addons, hardware, draft, mtp: MtpLayers::new(file, addons) })
    }

    /// The add-ons loaded with the model.
    pub(super) fn addons(&self) -> &'a Addons<'a> {
        self.addons
    }

    /// Whether there are no add-ons.
    fn is_empty(&self) -> bool {
        let addons = self.addons;
        addons.projector.is_none()
            && addons.lora.is_none()
            && addons.speculation.is_none()
            && addons.prompt_cache == Bytes::ZERO
            && addons.checkpoints == 0
    }

    /// Returns `loads` plus those of the add-ons under `placement`.
    pub(super) fn load(
        &self,
        mut loads: Loads,
        placement: &Placement,
        settings: &Settings,
    ) -> Loads {
        if self.is_empty() {
            return loads;
        }
        let (devices, host) = self.lines(placement, settings).bytes();
        let used = |loads: &Loads| self.hardware.shared_use(loads.devices.iter().map(|l| l.used));
        let before = used(&loads);
        for (load, more) in loads.devices.iter_mut().zip(devices) {
            load.used = Interval::independent([load.used, more]);
        }
        let own = loads.host.used.minus(before);
        loads.host.used = Interval::independent([own, host]) + used(&loads);
        loads
    }

    /// Returns the lines of the add-ons under `placement`.
    pub(super) fn lines(&self, placement: &Placement, settings: &Settings) -> AddonLines {
        let mut lines = AddonLines::new(self.hardware.parts.len());
        if self.is_empty() {
            return lines;
        }
        self.projector(&mut lines);
        self.lora(&mut lines, placement);
        self.draft(&mut lines, settings);
        self.mtp(&mut lines, placement, settings);
        self.head(&mut lines, placement, settings);
        self.on_host(&mut lines, settings);
        lines
    }

    fn projector(&self, lines: &mut AddonLines) {
        let Some(ty) = self.addons.projector else { return };
        let parameters = self.file.architecture().extras.vision;
        let is_offloaded = self.addons.projector_offload && !self.hardware.parts.is_empty();
        let first = is_offloaded.then_some(0);
        let weights = tower(parameters, ty);
        lines.at(first).extend([
            Line::fitted(Term::Projector, weights, "parameters * value_bytes", SOURCE)
                .with(&[("parameters", parameters)]),
            Line::fitted(Term::ProjectorCompute, warm_up(parameters), "warm-up image", SOURCE)
                .with(&[("parameters", parameters)]),
        ]);
    }

    /// FP32 is the converter's default (`convert_lora_to_gguf.py --outtype`); published adapters
    /// are often FP16.
    fn lora(&self, lines: &mut AddonLines, placement: &Placement) {
        let Some(lora) = self.addons.lora else { return };
        let architecture = self.file.architecture();
        let devices = placement.layer_devices(architecture);
        let mut widths = vec![0u64; self.hardware.parts.len() + 1];
        for (role, layer, adapted) in self.adapted() {
            let il = placement.layer_of(architecture, role, layer);
            let device = il.and_then(|il| *devices.get(il as usize)?);
            let place = device.unwrap_or(self.hardware.parts.len());
            if let Some(sum) = widths.get_mut(place) {
                *sum += adapted;
            }
        }
        for (i, widths) in widths.into_iter().enumerate() {
            let bytes = lora_bytes(lora, widths);
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

    /// The tensors that adapters adapt: role, layer, and values for each rank.
    fn adapted(&self) -> impl Iterator<Item = (Role, Option<u64>, u64)> {
        self.file.weights.iter().filter_map(|weight| {
            let Tensor { role, layer, .. } = weight.tensor;
            let adapted = adapted(&weight.tensor, self.addons.lora_targets)?;
            Some((role, layer.map(u64::from), adapted.values(1)))
        })
    }

    /// Values for each rank of the adapters in each layer; `None` without adapters.
    pub(super) fn lora_by_layer(&self) -> Option<RunningSums> {
        self.addons.lora?;
        let architecture = self.file.architecture();
        let everywhere = Placement::default();
        let part = |(role, layer, values)| {
            let il = everywhere.layer_of(architecture, role, layer)?;
            Some((il, layer.is_some() && is_with_experts(role), Bytes(values)))
        };
        Some(RunningSums::new(architecture.layers.len() + 1, self.adapted().filter_map(part)))
    }

    /// Bytes of adapters with so many values for each rank.
    pub(super) fn lora_bytes(&self, values: Bytes) -> Interval<Bytes> {
        self.addons.lora.map_or_else(Interval::default, |lora| lora_bytes(lora, values.0))
    }

    /// Bytes on each device beside those of adapters, which follow the layers.
    pub(super) fn beside_lora(
        &self,
        placement: &Placement,
        settings: &Settings,
    ) -> Vec<Interval<Bytes>> {
        if self.is_empty() {
            return vec![Interval::default(); self.hardware.parts.len()];
        }
        self.lines(placement, settings).without(Term::Lora).bytes().0
    }

    fn draft(&self, lines: &mut AddonLines, settings: &Settings) {
        let Some((gguf, placed)) = &self.draft else { return };
        let settings = settings.of_draft();
        let (devices, host) = gguf.bills(placed, &settings, AddonLines::default());
        let line = |items: &[BillItem]| {
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
        lines.at(None).push(line(&host.items));
    }

    fn mtp(&self, lines: &mut AddonLines, placement: &Placement, settings: &Settings) {
        let Some(mtp) = &self.mtp else { return };
        let device = placement.output(self.file.architecture());
        let settings = settings.of_draft();
        let here = match device {
            Some(_) => Placement::gpu(&mtp.architecture),
            None => Placement::cpu(),
        };
        let cached = |state: &LayerState| state.kv + state.recurrent;
        let states = kv_cache::layer_states(&mtp.architecture, &settings);
        let cache: Bytes = states.iter().map(cached).sum();
        let buffers = mtp.compute(&settings, &here);
        let (on_device, on_host) = compute_intervals(&mtp.architecture, &settings, &here, &buffers);
        let compute = on_device.first().copied().unwrap_or(on_host);
        let formula = "mtp_weights + mtp_cache + mtp_compute";
        // Devices that act as one divide the layers, and each has a buffer for the whole graph.
        let shares = match (&placement.divided, device) {
            (Division::Tensors(shares), Some(_)) => shares.as_slice(),
            _ => &[1],
        };
        let total = shares.iter().sum::<u64>().max(1);
        for (i, share) in shares.iter().enumerate() {
            let of = |bytes: Bytes| bytes.scale(*share as f64 / total as f64);
            let (weights, cache) = (of(mtp.bytes), of(cache));
            let bytes = Interval::exact(weights + cache) + compute;
            let line = Line::fitted(Term::Draft, bytes, formula, SOURCE).with(&[
                ("mtp_weights", weights.0),
                ("mtp_cache", cache.0),
                ("mtp_compute", compute.expected.0),
            ]);
            lines.at(device.map(|first| first + i)).push(line);
        }
    }

    /// A head beside the output, with a cache of its own for all sequences.
    fn head(&self, lines: &mut AddonLines, placement: &Placement, settings: &Settings) {
        let Some(head) = self.addons.head() else { return };
        let device = placement.output(self.file.architecture());
        lines.at(device).push(head_line(head, 1, head.cache(settings.n_ctx, 1, 1)));
    }

    /// Adds the lines of prompts and context checkpoints in RAM. Both are upper bounds: they fill
    /// with use.
    fn on_host(&self, lines: &mut AddonLines, settings: &Settings) {
        let addons = self.addons;
        let up_to = |bytes: Bytes| Interval { low: Bytes::ZERO, expected: bytes, high: bytes };
        lines.at(None).push(
            Line::fitted(Term::PromptCache, up_to(addons.prompt_cache), "cache_ram", SOURCE)
                .with(&[("cache_ram", addons.prompt_cache.0)]),
        );
        let checkpoint = kv_cache::checkpoint_bytes(self.file.architecture(), settings);
        let count = addons.checkpoints.saturating_mul(settings.n_parallel);
        let formula = "checkpoints * sequences * checkpoint_bytes";
        lines.at(None).push(
            Line::fitted(Term::Checkpoints, up_to(checkpoint * count), formula, SOURCE).with(&[
                ("checkpoints", addons.checkpoints),
                ("sequences", settings.n_parallel),
                ("checkpoint_bytes", checkpoint.0),
            ]),
        );
    }
}

/// FP32 is the converter's default, and FP16 common.
fn lora_bytes(lora: Lora, values: u64) -> Interval<Bytes> {
    let of = |width: u64| Bytes(values) * lora.rank * lora.count * width;
    Interval { low: of(2), expected: of(4), high: of(4).scale(1.01) }
}
