//! The bundled facts: models, accelerators and hosts, each with its sources and confidence.

use std::sync::OnceLock;

use crate::architecture::Architecture;

/// A released open-weight model.
#[derive(Clone, Debug)]
pub struct Model {
    /// The last part of the Hugging Face id in lower case, such as `qwen2.5-72b-instruct`.
    pub id: String,
    /// The Hugging Face id, such as `Qwen/Qwen2.5-72B-Instruct`.
    pub hf_id: String,
    /// Display name.
    pub name: String,
    /// Family, such as `Qwen 2.5`.
    pub family: String,
    /// Publisher.
    pub org: String,
    /// Month of release, `YYYY-MM`.
    pub release: String,
    /// Licence tag.
    pub license: String,
    /// `text`, `image-text` ...
    pub modality: String,
    /// Published total parameters, where there is an exact figure.
    pub params_published: Option<u64>,
    /// Built on first use.
    architecture: OnceLock<Architecture>,
    /// The format the checkpoint was released in where it is not plain BF16/F16 (`fp8`, `mxfp4`).
    pub native_quantization: Option<String>,
    /// Where the facts were seen.
    pub sources: Vec<String>,
    /// How sure they are.
    pub confidence: String,
    /// What is unusual.
    pub note: Option<String>,
}

impl Model {
    /// What the model is made of; built on first use.
    pub fn architecture(&self) -> &Architecture {
        self.architecture.get_or_init(Architecture::default)
    }
}

/// What kind of machine part a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A card or chip with memory of its own.
    Discrete,
    /// A GPU or NPU that shares the machine's memory (Apple silicon, Strix Halo, DGX Spark).
    Unified,
    /// A CPU with its memory: the model runs on the host.
    Cpu,
}

/// An accelerator or a host.
#[derive(Clone, Debug)]
pub struct Device {
    /// Stable id, such as `rtx-4090`.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Other names people use.
    pub aliases: Vec<String>,
    /// Maker.
    pub vendor: String,
    /// Generation, such as `Ada Lovelace`.
    pub generation: String,
    /// `consumer`, `workstation`, `datacenter`, `apple`, `cpu-host` ...
    pub segment: String,
    /// Kind.
    pub kind: DeviceKind,
    /// Memory as sold, in GB as printed on the box; `None` for hosts whose RAM the user sets.
    pub memory_gb: Option<f64>,
    /// Memory sizes on sale, in GB, where there are several.
    pub memory_options_gb: Vec<f64>,
    /// Bytes the driver reports (or the default GPU working set on unified memory).
    pub memory_usable_bytes: Option<u64>,
    /// Usable bytes for each of `memory_options_gb`, same order, where known.
    pub usable_by_option: Vec<u64>,
    /// Where the usable figure comes from.
    pub memory_usable_basis: Option<String>,
    /// Peak memory bandwidth, decimal GB/s.
    pub bandwidth_gb_s: Option<f64>,
    /// Dense peak in TFLOPS or TOPS by format.
    pub tflops_dense: Vec<(String, f64)>,
    /// CUDA compute capability or gfx id.
    pub compute_target: Option<String>,
    /// Board power in watts.
    pub tdp_w: Option<f64>,
    /// Launch price in USD.
    pub msrp_usd: Option<f64>,
    /// `released`, `announced` ...
    pub status: String,
    /// Date of release.
    pub release: String,
    /// How sure the facts are.
    pub confidence: String,
    /// Peculiarities.
    pub flags: Vec<String>,
    /// Where the facts were seen.
    pub sources: Vec<String>,
}

/// A plausible model name that was never released.
#[derive(Clone, Debug)]
pub struct NeverReleased {
    /// The name, such as `Qwen3-72B`.
    pub name: String,
    /// Why it does not exist.
    pub why: String,
    /// Ids of the nearest real models.
    pub nearest: Vec<String>,
}

/// An answer to an id that the catalogue does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The name is known never to have been released, and why.
    pub never_released: Option<String>,
    /// Ids of the nearest real entries, best first, at most five.
    pub nearest: Vec<String>,
}

/// The bundled facts.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// All models, newest first within a family.
    pub models: Vec<Model>,
    /// All devices.
    pub devices: Vec<Device>,
    /// Names that were never released.
    pub never_released: Vec<NeverReleased>,
}

impl Catalog {
    /// The catalogue that is compiled in.
    pub fn bundled() -> &'static Catalog {
        static CATALOG: std::sync::LazyLock<Catalog> = std::sync::LazyLock::new(Catalog::default);
        &CATALOG
    }

    /// The model with this id: the short one, or the full Hugging Face id, in any case.
    pub fn model(&self, _id: &str) -> Option<&Model> {
        None
    }

    /// The device with this id or alias, in any case.
    pub fn device(&self, _id: &str) -> Option<&Device> {
        None
    }

    /// Models whose name, id, family or publisher matches every word of `text`, best first.
    pub fn find_models(&self, _text: &str) -> Vec<&Model> {
        Vec::new()
    }

    /// Devices whose name, id, alias or maker matches every word of `text`, best first.
    pub fn find_devices(&self, _text: &str) -> Vec<&Device> {
        Vec::new()
    }

    /// What to offer for a model id that is not here.
    pub fn suggest_model(&self, _unknown: &str) -> Suggestion {
        Suggestion { never_released: None, nearest: Vec::new() }
    }

    /// What to offer for a device id that is not here.
    pub fn suggest_device(&self, _unknown: &str) -> Suggestion {
        Suggestion { never_released: None, nearest: Vec::new() }
    }
}
