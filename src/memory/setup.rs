//! One model at one quantisation on one machine: its loads and its bill for any placement.

use crate::catalog::{Device, DeviceKind};
use crate::engine::llama_cpp::{self, LayerState, Placement, Platform, Settings, Split};
use crate::memory::ModelFile;
use crate::placement::{Hardware, Load, Loads};
use crate::report::{DeviceBill, HostBill, Item, Notice, Term};
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
}

/// A placement with what does not depend on context or users.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Which layers are where.
    pub placement: Placement,
    /// Weights on each device and on the host.
    pub model: Split,
}

impl<'a> Setup<'a> {
    /// Looks up what the devices of `hardware` need.
    ///
    /// # Errors
    /// llama.cpp has no backend for a device.
    pub fn new(file: &'a ModelFile<'a>, hardware: &'a Hardware<'a>) -> Result<Setup<'a>, Notice> {
        let overhead = |device: &Device| {
            platform(device).map(llama_cpp::runtime_overhead).ok_or_else(|| {
                let engine = Engine::LlamaCpp.name().to_owned();
                Notice::EngineCannotUse { id: device.id.clone(), engine }
            })
        };
        let overheads = hardware.parts.iter().map(|part| overhead(part.device));
        Ok(Setup { file, hardware, overheads: overheads.collect::<Result<_, _>>()? })
    }

    /// Puts the weights where `placement` says.
    pub fn place(&self, placement: Placement) -> Placed {
        let model =
            llama_cpp::model_bytes(self.file.architecture(), &self.file.weights, &placement);
        Placed { placement, model }
    }

    /// What every memory has to hold.
    pub fn loads(&self, placed: &Placed, settings: &Settings) -> Loads {
        let states = llama_cpp::layer_states(self.file.architecture(), settings);
        let state = by_place(&states, &placed.placement);
        let compute = self.compute(placed, settings);
        let devices: Vec<Load> = (0..self.hardware.parts.len())
            .map(|i| {
                let exact = placed.model.devices[i] + state.devices[i].total();
                let used = Interval::exact(exact)
                    + llama_cpp::compute_interval(compute.devices[i])
                    + self.overheads[i].bytes;
                Load { used, usable: self.hardware.parts[i].usable }
            })
            .collect();
        let host = Interval::exact(placed.model.host + state.host.total())
            + llama_cpp::compute_interval(compute.host)
            + self.hardware.host.system;
        let shared = match self.hardware.host.shared {
            true => devices.iter().map(|load| load.used).sum(),
            false => Interval::default(),
        };
        let host = Load { used: host + shared, usable: self.hardware.host.ram };
        Loads { devices, host }
    }

    /// The bill of every device and of the host.
    pub fn bills(&self, placed: &Placed, settings: &Settings) -> (Vec<DeviceBill>, HostBill) {
        let states = llama_cpp::layer_states(self.file.architecture(), settings);
        let state = by_place(&states, &placed.placement);
        let compute = self.compute(placed, settings);
        let layers = repeating_layers(&placed.placement);
        let devices = self.hardware.parts.iter().enumerate().map(|(i, part)| {
            let overhead = &self.overheads[i];
            let mut items = self.items(
                settings,
                placed.model.devices[i],
                &state.devices[i],
                compute.devices[i],
            );
            items.push(Item {
                term: Term::Overhead,
                bytes: overhead.bytes,
                exact: false,
                formula: "overhead".to_owned(),
                inputs: Vec::new(),
                source: overhead.source.clone(),
            });
            DeviceBill {
                device: part.device.id.clone(),
                capacity_bytes: part.capacity,
                usable_bytes: part.usable,
                usable_basis: part.basis.to_owned(),
                used_bytes: items.iter().map(|item| item.bytes).sum(),
                layers: layers[i],
                items,
            }
        });
        let devices = devices.collect();
        let mut items = self.items(settings, placed.model.host, &state.host, compute.host);
        items.push(Item {
            term: Term::Overhead,
            bytes: self.hardware.host.system,
            exact: false,
            formula: "operating_system".to_owned(),
            inputs: Vec::new(),
            source: "assumed: 1 to 4 GiB for the operating system and its services".to_owned(),
        });
        let host = HostBill {
            ram_bytes: self.hardware.host.ram,
            used_bytes: items.iter().map(|item| item.bytes).sum(),
            items,
        };
        (devices, host)
    }

    fn compute(&self, placed: &Placed, settings: &Settings) -> Split {
        let architecture = self.file.architecture();
        llama_cpp::compute(architecture, &self.file.weights, settings, &placed.placement)
    }

    /// The lines that a device and the host have in common; empty ones are left out.
    fn items(
        &self,
        _settings: &Settings,
        weights: Bytes,
        state: &PlaceState,
        compute: Bytes,
    ) -> Vec<Item> {
        let engine = format!("llama.cpp {}", llama_cpp::VERSION);
        let line = |term, bytes, exact, formula: &str, inputs| Item {
            term,
            bytes,
            exact,
            formula: formula.to_owned(),
            inputs,
            source: engine.clone(),
        };
        let layers = vec![("layers".to_owned(), state.layers as f64)];
        let items = [
            line(Term::Weights, Interval::exact(weights), true, "sum(tensors)", Vec::new()),
            line(Term::KvCache, Interval::exact(state.kv), true, "sum(layers)", layers.clone()),
            line(
                Term::RecurrentState,
                Interval::exact(state.recurrent),
                true,
                "sum(layers)",
                layers,
            ),
            line(Term::Compute, llama_cpp::compute_interval(compute), false, "graph", Vec::new()),
        ];
        items.into_iter().filter(|item| item.bytes.high > Bytes::ZERO).collect()
    }
}

/// Context state of the layers in one place.
#[derive(Clone, Copy, Debug, Default)]
struct PlaceState {
    layers: u64,
    kv: Bytes,
    recurrent: Bytes,
}

impl PlaceState {
    fn total(&self) -> Bytes {
        self.kv + self.recurrent
    }
}

struct StateSplit {
    devices: Vec<PlaceState>,
    host: PlaceState,
}

/// Repeating layers on each device: the output layer is the last of the last device that has any.
fn repeating_layers(placement: &Placement) -> Vec<u64> {
    let mut layers = placement.device_layers.clone();
    if let Some(last) = layers.iter_mut().rev().find(|count| **count > 0) {
        *last -= 1;
    }
    layers
}

/// Each layer's state lies where the layer does: the first ones, those left over, on the host.
fn by_place(states: &[LayerState], placement: &Placement) -> StateSplit {
    let counts = repeating_layers(placement);
    let on_devices: u64 = counts.iter().sum();
    let mut rest = states.iter();
    let mut take = |n: u64, on_device: bool| {
        rest.by_ref().take(n as usize).fold(PlaceState::default(), |sum, state| PlaceState {
            layers: sum.layers + 1,
            kv: sum.kv + state.kv + if on_device { state.kv_padding } else { Bytes::ZERO },
            recurrent: sum.recurrent + state.recurrent,
        })
    };
    let host = take((states.len() as u64).saturating_sub(on_devices), false);
    let devices = counts.iter().map(|n| take(*n, true)).collect();
    StateSplit { devices, host }
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
