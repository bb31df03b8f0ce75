//! A GGUF file on a machine: its loads and its bill for any placement.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::bill_lines as lines;
use super::gguf_file::GgufFile;
use super::key_hash::KeyHash;
use super::kv_cache::{self, CacheRow, LayerState};
use super::layer_division::{Beside, OnHost, Share};
use super::overhead::{self, ComputeSpread, Overhead, Platform};
use super::placement::{Placement, Split};
use super::settings::Settings;
use super::tensor_split::Division;
use super::weights::{self, RunningSums, WeightsByLayer};
use crate::bill::{Line, device_bill, host_bill};
use crate::catalog::{Device, DeviceKind, Spread};
use crate::engine::widened::widen;
use crate::hardware::{Hardware, InstalledDevice, Load, Loads};
use crate::quant::GgmlType;
use crate::report::{
    BillItem, DeviceBill, Duplicate, DuplicateKind, HostBill, Notice, Term, sum_of_items, sum_with,
};
use crate::scenario::{Engine, GpuBackend};
use crate::units::{Bytes, Interval, fraction};

/// A model at one quantisation on a machine.
#[derive(Clone, Debug)]
pub struct GgufOnMachine<'a> {
    /// The model with its typed tensors.
    pub file: &'a GgufFile<'a>,
    /// The machine.
    pub hardware: &'a Hardware<'a>,
    /// Runtime overhead of each device.
    overheads: Vec<Overhead>,
}

/// A placement with everything that does not depend on context or users.
#[derive(Clone, Debug)]
pub struct PlacedModel {
    /// The placement of the layers.
    pub placement: Placement,
    /// Weights on each device and on the host.
    pub model: Split,
    /// Fractions of each layer's cache on each device, if tensors are split.
    cache: Vec<Vec<(u64, u64)>>,
    /// The repeating layers, grouped.
    layers: Vec<LayerGroup>,
}

/// Layers in the same place that keep the same state between tokens.
#[derive(Clone, Copy, Debug)]
struct LayerGroup {
    /// Index of the first layer.
    first: usize,
    /// The kind of layer that they are, in the order of [`GgufOnMachine::states`].
    kind: usize,
    /// The device, or the devices that share the layers; `None` for the host.
    group: Option<usize>,
    count: u64,
}

/// What each layer takes of a device that it is on.
#[derive(Clone, Debug)]
pub(super) struct ModelByLayer {
    weights: WeightsByLayer,
    states: RunningSums,
    /// The least that computing takes, without the output layer and with it.
    pub(super) least_compute: [Interval<Bytes>; 2],
}

/// What the bills of all places are made of, found out once.
struct Held {
    /// The state that every repeating layer keeps between tokens.
    states: Vec<LayerState>,
    rows: Vec<Option<CacheRow>>,
    tied: Split,
}

impl<'a> GgufOnMachine<'a> {
    /// Creates the model on `hardware`, with the runtime overhead of its devices.
    ///
    /// # Errors
    /// llama.cpp has no backend for a device.
    pub fn new(
        file: &'a GgufFile<'a>,
        hardware: &'a Hardware<'a>,
    ) -> Result<GgufOnMachine<'a>, Notice> {
        let driver_copies = file.driver_copies;
        let overhead = |part: &InstalledDevice<'_>| {
            let overhead =
                |platform| overhead::runtime_overhead(platform, part.capacity, driver_copies);
            platform(part.device, hardware.backend).map(overhead).ok_or_else(|| {
                let engine = Engine::LlamaCpp;
                Notice::EngineCannotUse { id: part.device.id.clone(), engine }
            })
        };
        let overheads = hardware.parts.iter().map(overhead);
        let overheads = overheads.collect::<Result<_, _>>()?;
        Ok(GgufOnMachine { file, hardware, overheads })
    }

    /// Whether the backend of a device unpacks a quantised cache to f16 in flash attention.
    pub fn unpacks_cache(&self) -> bool {
        let backend = self.hardware.backend;
        let backends = self.hardware.parts.iter().filter_map(|part| platform(part.device, backend));
        backends.into_iter().any(|backend| matches!(backend, Platform::Cuda | Platform::Rocm))
    }

    /// Places the weights according to `placement`.
    pub fn place(&self, placement: &Placement) -> Arc<PlacedModel> {
        self.file.placements.of(placement, || PlacedModel::new(self.file, placement.clone()))
    }

    /// The state that a repeating layer of each kind keeps between tokens, in the order in which the
    /// kinds begin.
    pub fn states(&self, settings: &Settings) -> Vec<LayerState> {
        let architecture = self.file.architecture();
        let firsts = self.file.graphs.firsts(architecture).iter().copied();
        kv_cache::states(architecture, settings, firsts)
    }

    /// Returns expected use and usable capacity of every device and of the host, given the
    /// [`GgufOnMachine::states`].
    pub fn loads(&self, placed: &PlacedModel, settings: &Settings, states: &[LayerState]) -> Loads {
        let compute = self.file.compute(settings, &placed.placement);
        self.loads_with(placed, settings, states, Some(&compute))
    }

    /// Returns the loads without graph-dependent compute buffers: a lower bound of
    /// [`GgufOnMachine::loads`].
    pub fn loads_without_compute(
        &self,
        placed: &PlacedModel,
        settings: &Settings,
        states: &[LayerState],
    ) -> Loads {
        self.loads_with(placed, settings, states, None)
    }

    /// What computing takes on each device under `placement`: see [`compute_intervals`].
    ///
    /// [`compute_intervals`]: super::compute_intervals
    pub(super) fn computing(
        &self,
        placed: &PlacedModel,
        settings: &Settings,
    ) -> Vec<Interval<Bytes>> {
        self.compute(placed, settings).0
    }

    /// What each layer takes of a device that it is on, whose matrices are `divided`, given the
    /// [`GgufOnMachine::states`].
    pub(super) fn by_layer(
        &self,
        divided: &Division,
        settings: &Settings,
        states: &[LayerState],
    ) -> ModelByLayer {
        let (file, architecture) = (self.file, self.file.architecture());
        let firsts = file.graphs.firsts(architecture);
        let kinds = file.graphs.kinds(architecture).iter().enumerate();
        let states = kinds.filter_map(|(il, first)| {
            let state = states.get(firsts.binary_search(first).ok()?)?;
            Some((il as u64, false, state.kv + state.kv_padding + state.recurrent))
        });
        let states = states.filter(|_| settings.kv_on_devices);
        ModelByLayer {
            weights: file.totals.by_layer(architecture, &file.weights, divided),
            states: RunningSums::new(architecture.layers.len() + 1, states),
            least_compute: overhead::least_compute(architecture, settings),
        }
    }

    /// The load of a device with `share` of the layers, of which those `on_host` are on none. It is
    /// that of [`GgufOnMachine::loads`] with what is `beside` the layers and `adapters` of them.
    pub(super) fn load_of(
        &self,
        model: &ModelByLayer,
        share: &Share,
        on_host: OnHost,
        beside: Beside,
        adapters: Interval<Bytes>,
    ) -> Load {
        let Share { device, layers, .. } = share;
        let on_host = (on_host.layers, on_host.experts);
        let weights = model.weights.on_device(*device, layers, on_host);
        let used = Interval::independent([
            self.stored(weights),
            self.cached(model.states.of(layers, 0)),
            beside.computing,
            self.overheads[*device].bytes,
            beside.addons,
            adapters,
        ]);
        let part = &self.hardware.parts[*device];
        part.load(used, part.usable)
    }

    /// `bytes` of weights, as far as the file and the shape of the model are known.
    fn stored(&self, bytes: Bytes) -> Interval<Bytes> {
        self.spread().of_weights(self.file.size.of(bytes))
    }

    /// `bytes` of KV cache and recurrent state, as far as the shape of the model is known.
    fn cached(&self, bytes: Bytes) -> Interval<Bytes> {
        self.spread().of_cache(Interval::exact(bytes))
    }

    /// How far real models lie from the shape, if that is hypothetical.
    fn spread(&self) -> Spread {
        self.file.model.own().and_then(|own| own.spread).unwrap_or_default()
    }

    fn loads_with(
        &self,
        placed: &PlacedModel,
        settings: &Settings,
        states: &[LayerState],
        buffers: Option<&Split>,
    ) -> Loads {
        let placement = &placed.placement;
        let spread = ComputeSpread::new(self.file.architecture(), settings, placement);
        let kept = |device| self.kept(placed, settings, states, device);
        let compute = |i: usize| {
            let group = placement.group_of(i);
            let buffer = buffers.map_or(Bytes::ZERO, |split| split.devices[group]);
            match placement.leaves_out(i) {
                true => Interval::default(),
                false => spread.on_device(group, buffer),
            }
        };
        // Many devices hold the same.
        let mut before = None;
        let devices: Vec<Load> = (0..self.hardware.parts.len())
            .map(|i| {
                let (model, kept) = (placed.model.devices[i], kept(Some(i)));
                let others = [compute(i), self.overhead(placed, i)];
                let used = match before {
                    Some((same, used)) if same == (model, kept, others) => used,
                    _ => {
                        let own = [self.stored(model), self.cached(kept)];
                        Interval::independent(own.into_iter().chain(others))
                    }
                };
                before = Some(((model, kept, others), used));
                let part = &self.hardware.parts[i];
                part.load(used, part.usable)
            })
            .collect();
        let host = Interval::independent([
            self.stored(placed.model.host),
            self.cached(kept(None)),
            spread.on_host(buffers.map_or(Bytes::ZERO, |split| split.host)),
            self.hardware.host.system,
        ]);
        Loads { host: self.hardware.host_load(host, &devices), devices }
    }

    /// Bytes of KV cache and recurrent state on a device (`None` for the host). They are in the same
    /// place as the layer.
    fn kept(
        &self,
        placed: &PlacedModel,
        settings: &Settings,
        states: &[LayerState],
        device: Option<usize>,
    ) -> Bytes {
        let group = device.map(|device| placed.placement.group_of(device));
        let (layers, kv_on_devices) = (&placed.layers, settings.kv_on_devices);
        let layers = match (device, kv_on_devices) {
            (Some(_), false) => &[],
            (None, false) => layers.as_slice(),
            // They are in the order of their places, the host's first.
            (_, true) => {
                let from = layers.partition_point(|layers| layers.group < group);
                let until = layers.partition_point(|layers| layers.group <= group);
                &layers[from..until]
            }
        };
        let of_layers = |LayerGroup { first, kind, count, .. }: &LayerGroup| {
            let state = states.get(*kind).copied().unwrap_or_default();
            match device {
                None => (state.kv + state.recurrent) * *count,
                Some(_) => {
                    let state = placed.part(*first, device).of_state(state);
                    (state.kv + state.kv_padding + state.recurrent) * *count
                }
            }
        };
        layers.iter().map(of_layers).sum()
    }

    /// Returns the bill of every device and of the host, with the lines of `addons`.
    pub fn bills(
        &self,
        placed: &PlacedModel,
        settings: &Settings,
        mut addons: AddonLines,
    ) -> (Vec<DeviceBill>, HostBill) {
        let (architecture, weights) = (self.file.architecture(), &self.file.weights);
        let (compute, host_compute) = self.compute(placed, settings);
        let held = Held {
            states: kv_cache::layer_states(architecture, settings),
            rows: kv_cache::cache_rows(architecture, settings),
            tied: self.file.totals.tied_output(architecture, weights, &placed.placement),
        };
        let mut by_type =
            weights::bytes_by_type(architecture, weights, &placed.placement).into_iter();
        let devices = self.hardware.parts.iter().enumerate().map(|(i, part)| {
            let mut items =
                self.items(placed, settings, &held, (Some(i), by_type.next()), compute[i]);
            if !placed.placement.leaves_out(i) {
                items.push(lines::overhead(&self.overheads[i]));
                items.extend(lines::kept(&self.overheads[i]));
            }
            items.extend(addons.take(Some(i)));
            let group = placed.placement.group_of(i);
            let layers = self.layers(&placed.placement, Some(group)).count() as u64;
            let used = sum_of_items(&items);
            device_bill(part, (part.usable, used), part.basis, layers, items)
        });
        let devices = devices.collect();
        let mut items = self.items(placed, settings, &held, (None, by_type.next()), host_compute);
        items.extend(addons.take(None));
        let host = &self.hardware.host;
        let used = sum_with(&items, host.system);
        (devices, host_bill(host, items, used))
    }

    /// Bytes in addition to the model's own, over all devices and the host.
    pub fn duplicates(&self, placed: &PlacedModel, settings: &Settings) -> Vec<Duplicate> {
        let (architecture, weights) = (self.file.architecture(), &self.file.weights);
        let placement = &placed.placement;
        let sum = |split: &Split| split.devices.iter().copied().sum::<Bytes>() + split.host;
        let totals = &self.file.totals;
        let tied = sum(&totals.tied_output(architecture, weights, placement));
        let (once, copies) = totals.loaded(architecture, weights, placement);
        let padding = sum(&placed.model) - tied - once - copies;

        let states = kv_cache::layer_states(architecture, settings);
        let of_kinds = self.states(settings);
        let all = (0..placement.devices()).map(Some).chain([None]);
        let state: Bytes = all.map(|place| self.kept(placed, settings, &of_kinds, place)).sum();
        let plain = states.iter().map(|state| state.kv + state.recurrent).sum::<Bytes>();
        let places = placement.layer_devices(architecture);
        let rows = states.iter().zip(places).enumerate().filter_map(|(il, (state, place))| {
            let padding = |i| placed.part(il, Some(i)).of_state(*state).kv_padding;
            Some(placement.members(place?).map(padding).sum())
        });
        let rows: Bytes = if settings.kv_on_devices { rows.sum() } else { Bytes::ZERO };

        let devices = |split: &Split| split.devices.iter().copied().sum::<Bytes>();
        let once_each = placement.pipeline_copies(architecture) == 1;
        let inputs = match once_each {
            true => Bytes::ZERO,
            false => {
                let piped = self.file.compute(settings, placement);
                let single = self.file.compute_once(settings, placement);
                devices(&piped) - devices(&single)
            }
        };
        let graph = match &placement.divided {
            Division::Tensors(shares) => {
                let one = self.file.compute(settings, placement);
                devices(&one) * (shares.len() as u64).saturating_sub(1)
            }
            _ => Bytes::ZERO,
        };
        let all = [
            (Term::TiedOutput, DuplicateKind::TiedHead, tied),
            (Term::Weights, DuplicateKind::Weights, copies),
            (Term::Weights, DuplicateKind::Padding, padding),
            (Term::KvCache, DuplicateKind::KvHeads, state - rows - plain),
            (Term::KvCache, DuplicateKind::Padding, rows),
            (Term::Compute, DuplicateKind::Inputs, inputs),
            (Term::Compute, DuplicateKind::Graph, graph),
        ];
        let some = all.into_iter().filter(|(_, _, bytes)| *bytes > Bytes::ZERO);
        some.map(|(term, what, bytes)| Duplicate { term, what, bytes }).collect()
    }

    /// The driver's memory on device `i`.
    fn overhead(&self, placed: &PlacedModel, i: usize) -> Interval<Bytes> {
        match placed.placement.leaves_out(i) {
            true => Interval::default(),
            false => self.overheads[i].bytes,
        }
    }

    /// Compute buffers of the devices and of the host. With split tensors, each device has the
    /// whole graph's buffer.
    fn compute(
        &self,
        placed: &PlacedModel,
        settings: &Settings,
    ) -> (Vec<Interval<Bytes>>, Interval<Bytes>) {
        let (architecture, placement) = (self.file.architecture(), &placed.placement);
        let split = self.file.compute(settings, placement);
        let (groups, host) = overhead::compute_intervals(architecture, settings, placement, &split);
        let of = |i| match placement.leaves_out(i) {
            true => Interval::default(),
            false => groups[placement.group_of(i)],
        };
        ((0..placement.devices()).map(of).collect(), host)
    }

    /// Indices of the repeating layers on `device` (`None` for the host).
    fn layers(
        &self,
        placement: &Placement,
        device: Option<usize>,
    ) -> impl Iterator<Item = usize> + use<> {
        let mut places = placement.layer_devices(self.file.architecture());
        places.pop();
        let layers = places.into_iter().enumerate();
        layers.filter(move |(_, place)| *place == device).map(|(il, _)| il)
    }

    /// Lines of the model on a device (`None` for the host), without empty ones.
    fn items(
        &self,
        placed: &PlacedModel,
        settings: &Settings,
        held: &Held,
        (device, by_type): (Option<usize>, Option<Vec<(GgmlType, Bytes)>>),
        compute: Interval<Bytes>,
    ) -> Vec<BillItem> {
        let (architecture, placement) = (self.file.architecture(), &placed.placement);
        let tied = device.map_or(held.tied.host, |device| held.tied.devices[device]);
        let cached: Vec<usize> = match (device, settings.kv_on_devices) {
            (Some(device), true) => {
                self.layers(placement, Some(placement.group_of(device))).collect()
            }
            (Some(_), false) => Vec::new(),
            (None, true) => self.layers(placement, None).collect(),
            (None, false) => (0..held.states.len()).collect(),
        };
        let layers = || cached.iter().copied();
        let states: Vec<LayerState> =
            layers().map(|il| placed.part(il, device).of_state(held.states[il])).collect();
        let rows: Vec<_> = layers()
            .map(|il| held.rows[il].map(|row| placed.part(il, device).of_row(row)))
            .collect();
        let padding = states.iter().map(|state| state.kv_padding).sum();
        let padding = if device.is_some() { padding } else { Bytes::ZERO };
        let copies = match device {
            Some(_) => placement.pipeline_copies(architecture),
            None => 1,
        };
        let items = [
            lines::weights(&by_type.unwrap_or_default(), &self.file.size),
            lines::tied_output(tied, &self.file.size),
            lines::kv_cache(&states, &rows, padding, settings.kv),
            lines::recurrent_state(&states, settings.n_parallel),
            lines::compute(compute, settings, copies),
        ];
        let items = items.into_iter().filter(|item| item.bytes.high > Bytes::ZERO);
        let mut items: Vec<BillItem> = items.collect();
        widen(&mut items, &self.spread());
        items
    }
}

/// The lines of the add-ons by device and host.
#[derive(Clone, Debug, Default)]
pub struct AddonLines {
    devices: Vec<Vec<Line>>,
    host: Vec<Line>,
}

impl AddonLines {
    /// Creates empty lines for a machine with `devices` devices.
    pub fn new(devices: usize) -> AddonLines {
        AddonLines { devices: vec![Vec::new(); devices], host: Vec::new() }
    }

    /// The lines of a device (`None` for the host).
    pub(super) fn at(&mut self, device: Option<usize>) -> &mut Vec<Line> {
        match device.and_then(|i| self.devices.get_mut(i)) {
            Some(lines) => lines,
            None => &mut self.host,
        }
    }

    /// The lines but those of `term`.
    pub(super) fn without(mut self, term: Term) -> AddonLines {
        let all = self.devices.iter_mut().chain([&mut self.host]);
        all.for_each(|lines| lines.retain(|line| line.term != term));
        self
    }

    /// Bytes on each device and on the host.
    pub(super) fn bytes(&self) -> (Vec<Interval<Bytes>>, Interval<Bytes>) {
        let sum = |lines: &Vec<Line>| Interval::independent(lines.iter().map(|line| line.bytes));
        (self.devices.iter().map(sum).collect(), sum(&self.host))
    }

    /// Takes the lines of a device (`None` for the host), without empty ones.
    fn take(&mut self, device: Option<usize>) -> impl Iterator<Item = BillItem> + use<> {
        let lines = std::mem::take(self.at(device));
        lines.into_iter().filter(|line| line.bytes.high > Bytes::ZERO).map(Line::item)
    }
}

/// A fraction of a layer's cache.
#[derive(Clone, Copy, Debug)]
struct CachePart(u64, u64);

impl CachePart {
    fn of(self, n: u64) -> u64 {
        if self.0 == self.1 { n } else { fraction(n, self.0, self.1) }
    }

    fn of_state(self, state: LayerState) -> LayerState {
        let of = |Bytes(bytes)| Bytes(self.of(bytes));
        LayerState {
            kv: of(state.kv),
            kv_padding: of(state.kv_padding),
            recurrent: of(state.recurrent),
        }
    }

    fn of_row(self, row: CacheRow) -> CacheRow {
        CacheRow {
            key: self.of(row.key),
            value: self.of(row.value),
            index: self.of(row.index),
            ..row
        }
    }
}

/// The weights of one file in the places where they were asked for: a search comes back to them
/// with another context.
#[derive(Debug, Default)]
pub struct PlacedModels(Mutex<HashMap<Placement, Arc<PlacedModel>, KeyHash>>);

/// Number of placements that are remembered; beyond it they are forgotten.
const MOST_PLACED: usize = 256;

impl Clone for PlacedModels {
    /// Of a copy of the file, whose weights may yet change, nothing is remembered.
    fn clone(&self) -> PlacedModels {
        PlacedModels::default()
    }
}

impl PlacedModels {
    fn of(&self, placement: &Placement, place: impl FnOnce() -> PlacedModel) -> Arc<PlacedModel> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(placed) = known.get(placement) {
            return placed.clone();
        }
        if known.len() >= MOST_PLACED {
            known.clear();
        }
        let placed = Arc::new(place());
        known.insert(placement.clone(), placed.clone());
        placed
    }
}

impl PlacedModel {
    fn new(file: &GgufFile<'_>, placement: Placement) -> PlacedModel {
        let (architecture, weights) = (file.architecture(), &file.weights);
        let model = file.totals.model_bytes(architecture, weights, &placement);
        let cache = weights::cache_parts(architecture, weights, &placement);
        let mut layers: Vec<LayerGroup> = Vec::new();
        let kinds = file.graphs.kinds(architecture);
        let firsts = file.graphs.firsts(architecture);
        let places = placement.layer_devices(architecture);
        for (il, (kind, group)) in kinds.iter().zip(places).enumerate() {
            let same = |layers: &&mut LayerGroup| {
                layers.group == group
                    && kinds[layers.first] == *kind
                    && cache.get(layers.first) == cache.get(il)
            };
            match layers.iter_mut().find(same) {
                Some(layers) => layers.count += 1,
                None => {
                    let kind = firsts.iter().position(|first| first == kind).unwrap_or_default();
                    layers.push(LayerGroup { first: il, kind, group, count: 1 });
                }
            }
        }
        PlacedModel { placement, model, cache, layers }
    }

    /// The fraction of the cache of layer `il`, placed on `device`, that is on this device; all of
    /// it unless tensors are split.
    fn part(&self, il: usize, device: Option<usize>) -> CachePart {
        let parts = device.and_then(|device| self.cache.get(il)?.get(device));
        parts.map_or(CachePart(1, 1), |(part, whole)| CachePart(*part, *whole))
    }
}

/// The backend that llama.cpp uses for a device, the one `asked` for or its usual one; `None` if it
/// has none.
fn platform(device: &Device, asked: Option<GpuBackend>) -> Option<Platform> {
    match (device.vendor.as_str(), device.kind, asked) {
        (_, DeviceKind::Cpu, _) => Some(Platform::Cpu),
        ("NVIDIA", _, None | Some(GpuBackend::Cuda)) => Some(Platform::Cuda),
        ("AMD", _, None | Some(GpuBackend::Rocm)) => Some(Platform::Rocm),
        ("Apple", _, None | Some(GpuBackend::Metal)) => Some(Platform::Metal),
        ("Intel", _, Some(GpuBackend::Sycl)) => Some(Platform::Sycl),
        // Vulkan drives a card whose maker is not told, too.
        ("Intel" | "", _, None) => Some(Platform::Vulkan),
        ("NVIDIA" | "AMD" | "Intel" | "", _, Some(GpuBackend::Vulkan)) => Some(Platform::Vulkan),
        _ => None,
    }
}
