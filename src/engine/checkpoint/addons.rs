//! Add-ons of the engines that load a checkpoint, on tensor-parallel ranks or with whole layers on
//! each device.

use std::ops::Range;

use super::base::CheckpointBase;
use super::layer_split::LayerSplit;
use super::ranks::Ranks;
use super::tensor_parallel::rank_of;
use super::torch_allocator::allocated;
use crate::architecture::{Architecture, Group, Role};
use crate::bill::{DeviceLines, Line};
use crate::engine::adapter::EngineAdapter;
use crate::engine::addons::{LoraMemory, adapted, head_line, on_demand, profiled};
use crate::engine::layer_cache::{LayerCache, layer_caches, mtp_caches};
use crate::engine::model_files::{Addons, File, ModelFiles};
use crate::engine::refusal::Refusal;
use crate::engine::run::Run;
use crate::report::{BillItem, Term};
use crate::scenario::{Lora, LoraTargets};
use crate::units::{Bytes, Interval};

/// How a checkpoint is distributed over the devices.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) enum Distribution<'a> {
    /// Tensor-parallel ranks of one or several pipeline stages.
    Ranks(&'a Ranks),
    /// Whole layers on each device.
    Layers(&'a LayerSplit),
    /// Everything on one device.
    One,
}

impl Distribution<'_> {
    /// Ranks that share each tensor of a device.
    fn ranks(self) -> u64 {
        match self {
            Distribution::Ranks(ranks) => ranks.tensor,
            _ => 1,
        }
    }

    /// The repeating layers on a device; `None` means all of them.
    fn layers(self, device: usize) -> Option<Range<usize>> {
        match self {
            Distribution::Ranks(ranks) => {
                ranks.stage(device).and_then(|stage| ranks.stages.get(stage).cloned())
            }
            Distribution::Layers(split) => Some(split.range(device)),
            Distribution::One => None,
        }
    }

    /// Whether the device holds the start of the model, and whether it holds the end.
    fn ends(self, device: usize) -> (bool, bool) {
        match self {
            Distribution::Ranks(ranks) => {
                let stage = ranks.stage(device);
                (stage == Some(0), stage.is_some_and(|stage| stage + 1 == ranks.stages.len()))
            }
            Distribution::Layers(split) => (device == 0, device + 1 == split.layers.len()),
            Distribution::One => (true, true),
        }
    }
}

/// The add-ons of a checkpoint on a machine, with the draft as a run of its own.
pub(in crate::engine) struct CheckpointAddons<'a> {
    adapter: &'static dyn EngineAdapter,
    base: CheckpointBase<'a>,
    draft: Option<Box<dyn Run + 'a>>,
}

impl<'a> CheckpointAddons<'a> {
    /// Resolves the add-ons of `base` under the engine of `adapter`.
    ///
    /// # Errors
    /// The engine refuses the draft.
    pub(in crate::engine) fn new(
        adapter: &'static dyn EngineAdapter,
        base: CheckpointBase<'a>,
    ) -> Result<CheckpointAddons<'a>, Refusal> {
        let draft = match base.addons.draft() {
            Some(ModelFiles { file: File::Checkpoint(checkpoint), addons }) => {
                let run = adapter.run_checkpoint(CheckpointBase { checkpoint, addons, ..base });
                Some(run.map_err(|refusal| Refusal {
                    asked: format!("draft={}: {}", checkpoint.model.id, refusal.asked),
                    ..refusal
                })?)
            }
            _ => None,
        };
        Ok(CheckpointAddons { adapter, base, draft })
    }

    fn addons(&self) -> &'a Addons<'a> {
        self.base.addons
    }

    fn architecture(&self) -> &'a Architecture {
        self.base.architecture()
    }

    /// The engine's flags that load the add-ons.
    pub(in crate::engine) fn flags(&self) -> Vec<String> {
        self.adapter.addon_flags(self.addons(), self.architecture().extras.vision > 0)
    }

    /// The lines of the host: what the engine pins there for prompts that leave the devices.
    pub(in crate::engine) fn pinned(&self) -> Vec<Line> {
        let pinned = self.base.scenario.addons.pinned_cache;
        let source = "the size asked for, pinned as the engine starts";
        vec![Line::exact(Term::PromptCache, pinned, "pinned", source)]
    }

    /// Caches of the loaded MTP layers on each of `ranks` ranks. If only the parameter count of the
    /// MTP layers is known, one layer with the model's widest cache is assumed.
    pub(in crate::engine) fn mtp_caches(&self, ranks: u64) -> Vec<LayerCache> {
        let architecture = self.architecture();
        match self.addons().mtp() {
            None => Vec::new(),
            Some(mtp) if !mtp.layers.is_empty() => mtp_caches(architecture, ranks),
            Some(_) => {
                let caches = layer_caches(architecture, ranks);
                caches.into_iter().max_by_key(LayerCache::entry).into_iter().collect()
            }
        }
    }

    /// Adds the lines of the add-ons to `device_lines`, for `users` sequences of `context` tokens.
    /// `mtp_cache` is the cache of the MTP layers on each device that holds them, `None` if the
    /// engine caches drafts with the model.
    pub(in crate::engine) fn add(
        &self,
        device_lines: &mut [DeviceLines],
        distribution: Distribution<'_>,
        (context, users): (u64, u64),
        mtp_cache: Option<Bytes>,
    ) {
        let draft = self.draft.as_ref().map(|run| run.bills(context, users));
        for (i, on_device) in device_lines.iter_mut().enumerate() {
            if on_device.lines.is_empty() {
                continue;
            }
            self.add_projector(on_device, distribution, i);
            if let Some(lora) = self.addons().lora {
                on_device.lines.push(self.adapters(lora, distribution, i));
            }
            if self.addons().mtp().is_some() && distribution.ends(i).1 {
                on_device.lines.push(self.mtp(distribution, mtp_cache.unwrap_or(Bytes::ZERO)));
            }
            if let Some(head) = self.addons().head().filter(|_| distribution.ends(i).1) {
                let ranks = distribution.ranks();
                let own_cache = mtp_cache.map(|_| head.cache(context, users, ranks));
                on_device.lines.push(head_line(head, ranks, own_cache.unwrap_or(Bytes::ZERO)));
            }
            if let Some(bill) = draft.as_ref().and_then(|(devices, _)| devices.get(i)) {
                on_device.lines.push(draft_line(&bill.items));
            }
        }
    }

    /// Lines of the host, with those of the add-ons, on a machine without devices.
    pub(in crate::engine) fn on_host(
        &self,
        context: u64,
        users: u64,
        lines: Vec<Line>,
    ) -> Vec<Line> {
        let mut on_device = DeviceLines { usable: Bytes::ZERO, layers: 0, lines };
        if on_device.lines.is_empty() {
            return Vec::new();
        }
        self.add_projector(&mut on_device, Distribution::One, 0);
        if let Some(lora) = self.addons().lora {
            on_device.lines.push(self.adapters(lora, Distribution::One, 0));
        }
        if let Some(run) = &self.draft {
            let (_, host) = run.bills(context, users);
            on_device.lines.push(draft_line(&host.items));
        }
        on_device.lines
    }

    /// Bytes of a group of tensors on one of `ranks` ranks, in PyTorch's blocks.
    fn allocated(&self, ranks: u64, part: Group) -> Bytes {
        let fused = rank_of(self.base.checkpoint, ranks, part);
        fused.iter().map(|f| allocated(f.weights) + allocated(f.scale_bytes)).sum()
    }

    /// Bytes of a group of tensors in the checkpoint.
    fn stored(&self, part: Group) -> Bytes {
        let stored = self.base.checkpoint.tensors.iter().filter(|t| t.tensor.group == part);
        stored.map(|t| t.bytes).sum()
    }

    /// Bytes of the towers on a device.
    fn tower(&self, distribution: Distribution<'_>, device: usize) -> Bytes {
        match distribution {
            _ if !distribution.ends(device).0 => Bytes::ZERO,
            Distribution::Ranks(ranks) => self.allocated(ranks.tensor, Group::Vision),
            _ => self.stored(Group::Vision),
        }
    }

    /// Moves the towers from the line of the weights to a line of their own, or removes them.
    fn add_projector(
        &self,
        on_device: &mut DeviceLines,
        distribution: Distribution<'_>,
        device: usize,
    ) {
        let tower = self.tower(distribution, device);
        if tower == Bytes::ZERO {
            return;
        }
        if let Some(weights) = on_device.lines.iter_mut().find(|line| line.term == Term::Weights) {
            let Interval { low, expected, high } = weights.bytes;
            weights.bytes =
                Interval { low: low - tower, expected: expected - tower, high: high - tower };
        }
        if self.addons().projector.is_none() {
            return;
        }
        let parameters = self.architecture().extras.vision;
        let ranks = distribution.ranks();
        on_device.lines.push(
            Line::fitted(
                Term::Projector,
                Interval::exact(tower),
                "parameters * value_bytes / ranks",
                "the model's checkpoint",
            )
            .with(&[("parameters", parameters), ("value_bytes", 2), ("ranks", ranks)]),
        );
        let computes = on_device.lines.iter().filter(|line| line.term == Term::Compute);
        let computed = computes.map(|line| line.bytes).sum::<Interval<Bytes>>();
        let inputs = on_device.lines.iter().flat_map(|line| &line.inputs);
        let mut inputs = inputs.filter(|(name, _)| *name == "max_num_batched_tokens");
        // The towers run before the model, which reuses their memory.
        let (peak, source) = match distribution {
            Distribution::Ranks(_) => {
                let batched = inputs.next().map(|(_, tokens)| *tokens as u64);
                let batched = batched.or(self.base.scenario.max_num_batched_tokens).unwrap_or(0);
                (
                    profiled(self.architecture(), batched),
                    "vLLM profile_run, calibrated on one multimodal profile",
                )
            }
            _ => (on_demand(self.architecture()), "an image of 1472 x 1472 pixels, estimated"),
        };
        let beyond = Interval::ordered(
            peak.low - computed.low,
            peak.expected - computed.expected,
            peak.high - computed.high,
        );
        on_device.lines.push(
            Line::fitted(Term::ProjectorCompute, beyond, "max(towers - activations, 0)", source)
                .with(&[("towers", peak.expected.0), ("activations", computed.expected.0)]),
        );
    }

    /// The line of the adapters, or of the slots reserved for them.
    fn adapters(&self, lora: Lora, distribution: Distribution<'_>, device: usize) -> Line {
        let (ranks, here) = (distribution.ranks(), distribution.layers(device));
        let (first, last) = distribution.ends(device);
        let LoraMemory { min_value_bytes, value_bytes, slot_ranks, source } =
            self.adapter.lora_memory();
        // Slots are reserved for every projection that could be adapted, whatever the adapters do;
        // for experts only where they are asked for, since other kernels are taken then.
        let targets = match self.base.addons.lora_targets {
            LoraTargets::Attention if slot_ranks.is_some() => LoraTargets::Linear,
            targets => targets,
        };
        let mut values = 0u64;
        let mut vocabulary = 0u64;
        for stored in &self.base.checkpoint.tensors {
            let tensor = &stored.tensor;
            let layer = tensor.layer.map(|layer| layer as usize);
            let elsewhere =
                here.as_ref().zip(layer).is_some_and(|(range, il)| !range.contains(&il));
            match tensor.role {
                _ if elsewhere => {}
                Role::TokenEmbd | Role::Output => {
                    let slots = match tensor.role {
                        Role::Output => u64::from(last),
                        // A head tied to the table has slots of its own.
                        _ => {
                            let tied = last && self.architecture().tied_embeddings;
                            u64::from(first) + u64::from(tied)
                        }
                    };
                    vocabulary += (tensor.shape.0[0] + tensor.shape.0[1]) * slots;
                }
                _ => values += adapted(tensor, targets).map_or(0, |widths| widths.values(ranks)),
            }
        }
        let rank = self.adapter.lora_memory().reserved_rank(lora.rank);
        let bytes = |values: u64, width: u64| Bytes(values) * rank * lora.count * width;
        // In models that declare them adaptable, embedding and head have slots too: all of six
        // starts with slots are closer to that.
        let vocabulary = if slot_ranks.is_some() { vocabulary } else { 0 };
        let all = bytes(values, value_bytes) + bytes(vocabulary, value_bytes);
        let bytes = Interval { low: bytes(values, min_value_bytes), expected: all, high: all };
        Line::fitted(Term::Lora, bytes, "adapters * rank * widths * value_bytes", source).with(&[
            ("adapters", lora.count),
            ("rank", rank),
            ("widths", values),
            ("value_bytes", value_bytes),
        ])
    }

    /// The line of the MTP layers: their weights with the output layer, and their cache.
    fn mtp(&self, distribution: Distribution<'_>, cache: Bytes) -> Line {
        let weights = match distribution {
            Distribution::Ranks(ranks) => self.allocated(ranks.tensor, Group::Mtp),
            _ => self.stored(Group::Mtp),
        };
        let known = self.addons().mtp().is_some_and(|mtp| !mtp.layers.is_empty());
        let low = if known { weights + cache } else { weights };
        let bytes = Interval { low, expected: weights + cache, high: weights + cache };
        let source = "the model's checkpoint; cached as its layers are";
        // vLLM caches MTP layers with the others.
        if cache == Bytes::ZERO {
            let line = Line::fitted(Term::Draft, bytes, "mtp_weights", source);
            return line.with(&[("mtp_weights", weights.0)]);
        }
        Line::fitted(Term::Draft, bytes, "mtp_weights + mtp_cache", source)
            .with(&[("mtp_weights", weights.0), ("mtp_cache", cache.0)])
    }
}

/// A draft as one line: its weights and caches. Its activations need no more than the model's,
/// before or after which it runs.
fn draft_line(items: &[BillItem]) -> Line {
    let of = |terms: &[Term]| {
        let items = items.iter().filter(|item| terms.contains(&item.term));
        items.map(|item| item.bytes).sum::<Interval<Bytes>>()
    };
    let weights = of(&[Term::Weights, Term::TiedOutput]);
    let cache = of(&[Term::KvCache, Term::RecurrentState]);
    let source = "as for the model itself";
    Line::fitted(Term::Draft, weights + cache, "draft_weights + draft_cache", source)
        .with(&[("draft_weights", weights.expected.0), ("draft_cache", cache.expected.0)])
}
