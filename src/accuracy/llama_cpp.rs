//! llama.cpp, its forks and front ends: files, the buffers they print, whole processes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::case::CaseHeader;
use super::{Comparison, Figure};
use crate::architecture::Architecture;
use crate::catalog::Catalog;
use crate::engine::llama_cpp::GgufFile;
use crate::engine::llama_cpp::KvTypes;
use crate::engine::llama_cpp::{self, DriverCopies, Placement, Platform, Settings};
use crate::engine::split_by_memory;
use crate::quant::{GgmlType, Mix};
use crate::scenario::LogitsBuffer;
use crate::units::{Bytes, Interval};

/// The tensors of a GGUF file.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    #[serde(flatten)]
    header: CaseHeader,
    measured: BTreeMap<String, f64>,
    #[serde(default)]
    printed: BTreeMap<String, f64>,
}

impl File {
    pub fn compare(&self) -> Option<Comparison> {
        let file = file(&self.header)?;
        let measured = *self.measured.get("file")?;
        let printed = self.printed.get("file").copied().unwrap_or(0.0);
        let predicted = Interval::exact(file.bytes());
        Some(self.header.compare(Figure::File, predicted, measured, printed, (None, None)))
    }
}

/// How llama.cpp was started.
#[derive(Debug, Deserialize)]
struct Start {
    context: u64,
    parallel: u64,
    #[serde(default)]
    unified: bool,
    ubatch: u64,
    #[serde(default)]
    bench: bool,
    #[serde(default)]
    flash_attention: bool,
    kv: [String; 2],
    #[serde(default)]
    swa_full: bool,
}

impl Start {
    fn settings(&self) -> Settings {
        let ty = |name: &str| {
            let ty = GgmlType::ALL.iter().find(|ty| ty.name().eq_ignore_ascii_case(name));
            ty.copied().unwrap_or(GgmlType::F16)
        };
        Settings {
            n_ctx: self.context,
            n_parallel: self.parallel,
            unified: self.unified,
            n_ubatch: self.ubatch,
            kv: KvTypes { k: ty(&self.kv[0]), v: ty(&self.kv[1]) },
            flash_attention: self.flash_attention,
            swa_full: self.swa_full,
            logits: if self.bench { LogitsBuffer::Batch } else { LogitsBuffer::Server },
            proposed: 0,
            snapshots: 0,
        }
    }
}

/// The buffers that were printed while a model was loaded.
#[derive(Debug, Deserialize)]
pub(super) struct Log {
    #[serde(flatten)]
    header: CaseHeader,
    #[serde(flatten)]
    start: Start,
    /// Layers on the devices; all of them if it is not said.
    layers: Option<u64>,
    #[serde(default)]
    cpu: bool,
    #[serde(default)]
    experts_on_host: bool,
    #[serde(default)]
    devices: usize,
    measured: BTreeMap<String, f64>,
    printed: BTreeMap<String, f64>,
}

impl Log {
    fn placement(&self, architecture: &Architecture) -> Placement {
        let host_expert_layers = if self.experts_on_host { u64::MAX } else { 0 };
        let layers = architecture.n_layers() + 1;
        let device_layers = match (self.cpu, self.layers, self.devices) {
            (true, ..) => Vec::new(),
            (_, Some(layers), _) => vec![layers],
            (.., n @ 2..) => split_by_memory(layers, &vec![Bytes::gib(24); n]),
            _ => vec![layers],
        };
        Placement { device_layers, host_expert_layers, ..Placement::default() }
    }

    pub fn compare(&self) -> Vec<Comparison> {
        let Some(file) = file(&self.header) else { return Vec::new() };
        let architecture = file.architecture();
        let settings = self.start.settings();
        let placement = self.placement(architecture);
        let states = llama_cpp::layer_states(architecture, &settings);
        let kv: Bytes = states.iter().map(|state| state.kv).sum();
        let recurrent: Bytes = states.iter().map(|state| state.recurrent).sum();
        let weights = llama_cpp::model_bytes(architecture, &file.weights, &placement);
        let split = llama_cpp::compute(architecture, &file.weights, &settings, &placement);
        let (compute, host_compute) =
            llama_cpp::compute_intervals(architecture, &settings, &placement, &split);
        let largest = compute.into_iter().max_by_key(|device| device.expected).unwrap_or_default();
        let predicted = |name: &str| {
            Some(match name {
                "kv" => (Figure::KvCache, Interval::exact(kv)),
                "recurrent" => (Figure::State, Interval::exact(recurrent)),
                "context" => (Figure::Context, Interval::exact(kv + recurrent)),
                "weights" => {
                    (Figure::Weights, Interval::exact(weights.devices.iter().copied().sum()))
                }
                "compute" => (Figure::Compute, largest),
                "compute_host" => (Figure::HostCompute, host_compute),
                _ => return None,
            })
        };
        let told = (Some(self.start.context), Some(self.start.parallel));
        let figures = self.measured.iter().filter_map(|(name, measured)| {
            let (figure, interval) = predicted(name)?;
            let printed = self.printed.get(name).copied().unwrap_or(0.0);
            Some(self.header.compare(figure, interval, *measured, printed, told))
        });
        figures.collect()
    }
}

/// What the fits of the runtime overhead (`xtask/data/fit_memory.py`) start from: a process with
/// what of it is known without its driver.
#[derive(Clone, Debug, PartialEq)]
pub struct FitInput {
    /// The case.
    pub id: String,
    /// The model.
    pub model: String,
    /// `cuda`, `hip` or `vulkan`.
    pub backend: String,
    /// Weights, caches, pinned buffers and the simulated compute buffer.
    pub known: Bytes,
    /// What the driver may keep once more.
    pub unpacked: DriverCopies,
    /// As printed.
    pub measured: Bytes,
}

/// A process whose whole memory was measured from outside.
#[derive(Debug, Deserialize)]
pub(super) struct Whole {
    #[serde(flatten)]
    header: CaseHeader,
    #[serde(flatten)]
    start: Start,
    backend: String,
    file_bytes: Option<u64>,
    device_model_bytes: Option<u64>,
    total_bytes: u64,
}

impl Whole {
    /// Weights on the device, and of the embedding on the host. A file of a mix without a name of
    /// ours is taken as it was measured, its embedding as 5 bits a value.
    fn weights(&self, file: &GgufFile<'_>) -> Option<(Bytes, Bytes)> {
        let architecture = file.architecture();
        let embedding = match self.header.quant.as_str() {
            quant if quant.starts_with("F16") => GgmlType::F16,
            "Q8_0" => GgmlType::Q8_0,
            _ => GgmlType::Q5_K,
        };
        let values = architecture.gguf_vocab_size * architecture.hidden_size;
        let embedding = Bytes(embedding.bytes(values));
        if let Some(bytes) = self.device_model_bytes {
            return Some((Bytes(bytes), embedding));
        }
        // A tied head is a second copy: the device has what the file has.
        let host = if architecture.tied_embeddings { Bytes::ZERO } else { embedding };
        if let Some(bytes) = self.file_bytes {
            return Some((Bytes(bytes) - host, embedding));
        }
        let mix = Mix::parse(&self.header.quant)?;
        let file = GgufFile::new(file.model, mix, false).ok()?;
        let placement = Placement::gpu(architecture);
        let split = llama_cpp::model_bytes(architecture, &file.weights, &placement);
        Some((split.devices[0], split.host))
    }

    fn known(&self) -> Option<Known> {
        let file = file(&self.header)?;
        let architecture = file.architecture();
        let settings = Settings {
            // The four slots of the default share one cache.
            unified: self.start.parallel > 1,
            ..self.start.settings()
        };
        let states = llama_cpp::layer_states(architecture, &settings);
        let state: Bytes = states.iter().map(|s| s.kv + s.recurrent).sum();
        let placement = Placement::gpu(architecture);
        let split = llama_cpp::compute(architecture, &file.weights, &settings, &placement);
        let (compute, _) =
            llama_cpp::compute_intervals(architecture, &settings, &placement, &split);
        let (weights, table) = self.weights(&file)?;
        // On unified memory the driver counts the host's pinned buffers too, with Vulkan also the
        // embedding.
        let host = match self.backend.as_str() {
            "cuda" => Bytes::ZERO,
            "hip" => split.host,
            _ => split.host + table,
        };
        let sixteen_bit = self.header.quant.starts_with("F16");
        let matrix = DriverCopies::of(&file.weights).matrix;
        let matrix = if sixteen_bit { Bytes::ZERO } else { matrix };
        Some(Known {
            exact: weights + state + host,
            compute: *compute.first()?,
            unpacked: DriverCopies { table, matrix },
        })
    }

    /// What the fits of the runtime overhead start from.
    pub fn fit_input(&self) -> Option<FitInput> {
        let known = self.known()?;
        Some(FitInput {
            id: self.header.id.clone(),
            model: self.header.model.clone(),
            backend: self.backend.clone(),
            known: known.exact + known.compute.expected,
            unpacked: known.unpacked,
            measured: Bytes(self.total_bytes),
        })
    }

    pub fn compare(&self) -> Option<Comparison> {
        let Known { exact, compute, unpacked } = self.known()?;
        let (platform, capacity) = match self.backend.as_str() {
            "cuda" => (Platform::Cuda, Bytes::gib(8)),
            "hip" => (Platform::Rocm, Bytes::gib(128)),
            _ => (Platform::Vulkan, Bytes::gib(128)),
        };
        let overhead = llama_cpp::runtime_overhead(platform, capacity, unpacked).bytes;
        let predicted = Interval::exact(exact) + compute + overhead;
        let told = (Some(self.start.context), Some(self.start.parallel));
        Some(self.header.compare(Figure::Total, predicted, self.total_bytes as f64, 0.0, told))
    }
}

/// What is known of a process before the driver's part.
struct Known {
    exact: Bytes,
    compute: Interval<Bytes>,
    unpacked: DriverCopies,
}

/// The file of a case; where its mix has no name of ours, the nearest stands in for the types of
/// weights that compute buffers hold copies of.
fn file(header: &CaseHeader) -> Option<GgufFile<'static>> {
    let model = Catalog::bundled().model(&header.model)?;
    let near = header.quant.trim_start_matches("UD-").replace("_XL", "_M");
    let mix = ["MXFP4 MoE", "MXFP4", "mxfp4"].contains(&header.quant.as_str());
    let mix = if mix { Mix::parse("MXFP4_MOE") } else { Mix::parse(&near) };
    GgufFile::new(model, mix.unwrap_or(Mix::Q8_0), false).ok()
}
