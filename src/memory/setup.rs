//! One model at one quantisation on one machine: its loads and its bill for any placement.

use std::cell::RefCell;

use crate::architecture::Architecture;
use crate::catalog::{Device, DeviceKind};
use crate::engine::llama_cpp::{self, CacheRow, LayerState, Placement, Platform, Settings, Split};
use crate::memory::{ModelFile, bill, lines};
use crate::placement::{Hardware, Load, Loads, Part};
use crate::report::{DeviceBill, HostBill, Item, Notice};
use crate::scenario::Engine;
use crate::units::{Bytes, Interval};

/// A model at a quantisation, on a machine.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    /// The model with its typed tensors.
    pub file: &'a ModelFile<'a>,
    /// The machine.
    pub hardware: &'a Hardware<'a>,
    /// Runtime overhead of each device.
    overheads: Vec<llama_cpp::Overhead>,
    /// Compute buffers that were asked for before.
    computed: RefCell<Vec<(Placement, Settings, Split)>>,
}

/// A placement with what does not depend on context or users.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Which layers are where.
    pub placement: Placement,
    /// Weights on each device and on the host.
    pub model: Split,
}

/// What every repeating layer keeps between tokens.
struct Caches {
    states: Vec<LayerState>,
    rows: Vec<Option<CacheRow>>,
}

impl<'a> Setup<'a> {
    /// Looks up what the devices of `hardware` need.
    ///
    /// # Errors
    /// llama.cpp has no backend for a device.
    pub fn new(file: &'a ModelFile<'a>, hardware: &'a Hardware<'a>) -> Result<Setup<'a>, Notice> {
        let unpacked = llama_cpp::Unpacked::of(&file.weights);
        let overhead = |part: &Part<'_>| {
            let overhead =
                |platform| llama_cpp::runtime_overhead(platform, part.capacity, unpacked);
            platform(part.device).map(overhead).ok_or_else(|| {
                let engine = Engine::LlamaCpp.name().to_owned();
                Notice::EngineCannotUse { id: part.device.id.clone(), engine }
            })
        };
        let overheads = hardware.parts.iter().map(overhead);
        let overheads = overheads.collect::<Result<_, _>>()?;
        Ok(Setup { file, hardware, overheads, computed: RefCell::default() })
    }

    /// Puts the weights where `placement` says.
    pub fn place(&self, placement: Placement) -> Placed {
        let model =
            llama_cpp::model_bytes(self.file.architecture(), &self.file.weights, &placement);
        Placed { placement, model }
    }

    /// What every memory has to hold.
    pub fn loads(&self, placed: &Placed, settings: &Settings) -> Loads {
        let architecture = self.file.architecture();
        let states = llama_cpp::layer_states(architecture, settings);
        let state = state_split(architecture, &states, &placed.placement);
        let (compute, host_compute) = self.compute(placed, settings);
        let devices: Vec<Load> = (0..self.hardware.parts.len())
            .map(|i| {
                let exact = placed.model.devices[i] + state.devices[i];
                let used = Interval::exact(exact) + compute[i] + self.overheads[i].bytes;
                Load { used, usable: self.hardware.parts[i].usable }
            })
            .collect();
        let host = Interval::exact(placed.model.host + state.host)
            + host_compute
            + self.hardware.host.system;
        Loads { host: self.hardware.host_load(host, &devices), devices }
    }

    /// The bill of every device and of the host.
    pub fn bills(&self, placed: &Placed, settings: &Settings) -> (Vec<DeviceBill>, HostBill) {
        let architecture = self.file.architecture();
        let (compute, host_compute) = self.compute(placed, settings);
        let caches = Caches {
            states: llama_cpp::layer_states(architecture, settings),
            rows: llama_cpp::cache_rows(architecture, settings),
        };
        let devices = self.hardware.parts.iter().enumerate().map(|(i, part)| {
            let mut items = self.items(placed, settings, &caches, Some(i), compute[i]);
            items.push(lines::overhead(&self.overheads[i]));
            let layers = self.layers(&placed.placement, Some(i)).count() as u64;
            bill::device(part, part.usable, part.basis, layers, items)
        });
        let devices = devices.collect();
        let items = self.items(placed, settings, &caches, None, host_compute);
        (devices, bill::host(&self.hardware.host, items))
    }

    /// Compute buffers of the devices and of the host. Simulating a graph is the costly part of an answer, and the solver, the
    /// bill and the advice ask for some of the same ones: those are kept.
    fn compute(
        &self,
        placed: &Placed,
        settings: &Settings,
    ) -> (Vec<Interval<Bytes>>, Interval<Bytes>) {
        let (architecture, weights) = (self.file.architecture(), &self.file.weights);
        let placement = &placed.placement;
        let intervals =
            |split: &Split| llama_cpp::compute_intervals(architecture, settings, placement, split);
        let mut computed = self.computed.borrow_mut();
        let same =
            |(p, s, _): &&(Placement, Settings, Split)| s == settings && *p == placed.placement;
        if let Some((_, _, split)) = computed.iter().find(same) {
            return intervals(split);
        }
        let split = llama_cpp::compute(architecture, weights, settings, placement);
        let answer = intervals(&split);
        computed.push((placement.clone(), *settings, split));
        answer
    }

    /// Indices of the repeating layers on `device` (`None`: on the host).
    fn layers(&self, placement: &Placement, device: Option<usize>) -> impl Iterator<Item = usize> {
        let architecture = self.file.architecture();
        let layers = 0..architecture.n_layers();
        let here = move |il: &u64| placement.device_of_layer(architecture, *il) == device;
        layers.filter(here).map(|il| il as usize)
    }

    /// The lines that a device (`None`: the host) has of the model; empty ones are left out.
    fn items(
        &self,
        placed: &Placed,
        settings: &Settings,
        caches: &Caches,
        device: Option<usize>,
        compute: Interval<Bytes>,
    ) -> Vec<Item> {
        let (architecture, weights) = (self.file.architecture(), &self.file.weights);
        let placement = &placed.placement;
        let by_type = llama_cpp::bytes_by_type(architecture, weights, placement, device);
        let tied = match placement.output(architecture) == device {
            true => llama_cpp::tied_output(architecture, weights, placement),
            false => Bytes::ZERO,
        };
        let layers = || self.layers(placement, device);
        let states: Vec<LayerState> = layers().map(|il| caches.states[il]).collect();
        let rows: Vec<_> = layers().map(|il| caches.rows[il]).collect();
        let padding = states.iter().map(|state| state.kv_padding).sum();
        let padding = if device.is_some() { padding } else { Bytes::ZERO };
        let items = [
            lines::weights(&by_type),
            lines::tied_output(tied),
            lines::kv_cache(&states, &rows, padding, settings.kv),
            lines::recurrent_state(&states, settings.n_parallel),
            lines::compute(compute, settings),
        ];
        items.into_iter().filter(|item| item.bytes.high > Bytes::ZERO).collect()
    }
}

/// Bytes of context state on each device and on the host: a layer's state lies where the layer
/// does.
fn state_split(architecture: &Architecture, states: &[LayerState], placement: &Placement) -> Split {
    let mut split =
        Split { devices: vec![Bytes::ZERO; placement.device_layers.len()], host: Bytes::ZERO };
    for (il, state) in states.iter().enumerate() {
        match placement.device_of_layer(architecture, il as u64) {
            Some(device) => {
                split.devices[device] += state.kv + state.kv_padding + state.recurrent;
            }
            None => split.host += state.kv + state.recurrent,
        }
    }
    split
}

/// What llama.cpp drives a device with; `None` where it has no backend for it.
fn platform(device: &Device) -> Option<Platform> {
    match (device.vendor.as_str(), device.kind) {
        (_, DeviceKind::Cpu) => Some(Platform::Cpu),
        ("NVIDIA", _) => Some(Platform::Cuda),
        ("AMD", _) => Some(Platform::Rocm),
        ("Apple", _) => Some(Platform::Metal),
        ("Intel", _) => Some(Platform::Vulkan),
        _ => None,
    }
}
