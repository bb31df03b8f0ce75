//! Cases of llama.cpp, its forks and front ends: files, printed buffers, whole processes.

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

/// A case of the tensor bytes of a GGUF file.
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

/// The settings that llama.cpp was started with.
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
            draft_kv: KvTypes::both(GgmlType::F16),
            flash_attention: self.flash_attention,
            swa_full: self.swa_full,
            logits: if self.bench { LogitsBuffer::Batch } else { LogitsBuffer::Server },
            proposed: 0,
            snapshots: 0,
            unpacks_cache: true,
            kv_on_devices: true,
        }
    }
}

/// A case of the buffers printed while a model was loaded.
#[derive(Debug, Deserialize)]
pub(super) struct Log {
    #[serde(flatten)]
    header: CaseHeader,
    #[serde(flatten)]
    start: Start,
    /// Number of layers on the devices; all of them by default.
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

/// An input of the fits of the runtime overhead (`xtask/data/fit_memory.py`): a process, and the
/// known parts of its memory.
#[derive(Clone, Debug, PartialEq)]
pub struct FitInput {
    /// Id of the case.
    pub id: String,
    /// Id of the model.
    pub model: String,
    /// `cuda`, `hip` or `vulkan`.
    pub backend: String,
    /// Weights, caches, pinned buffers and the simulated compute buffer.
    pub known: Bytes,
    /// Weights that the driver may duplicate.
    pub unpacked: DriverCopies,
    /// The measured memory.
    pub measured: Bytes,
}

/// A case of the whole memory of a process, measured from outside.
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
    /// Returns the bytes of the weights on the device, and of the embedding on the host. For a mix
    /// that is not in the catalogue, the file's measured size is used, and 5 bits per value of the
    /// embedding.
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

    /// Returns the case as an input of the fits of the runtime overhead.
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

/// The parts of a process's memory that are known, without the driver's.
struct Known {
    exact: Bytes,
    compute: Interval<Bytes>,
    unpacked: DriverCopies,
}

/// Returns the file of a case. For a mix that is not in the catalogue, the nearest one stands in;
/// only the types of weights that compute buffers hold copies of depend on it.
fn file(header: &CaseHeader) -> Option<GgufFile<'static>> {
    let model = Catalog::bundled().model(&header.model)?;
    let near = header.quant.trim_start_matches("UD-").replace("_XL", "_M");
    let mix = ["MXFP4 MoE", "MXFP4", "mxfp4"].contains(&header.quant.as_str());
    let mix = if mix { Mix::parse("MXFP4_MOE") } else { Mix::parse(&near) };
    GgufFile::new(model, mix.unwrap_or(Mix::Q8_0), false).ok()
}
