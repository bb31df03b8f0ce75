//! The bundled facts: models, accelerators and hosts, each with its sources and confidence.
//!
//! People edit and review `data/*.json`; `build.rs` checks it and encodes it as postcard, which
//! [`Catalog::bundled`] decodes once. Built for `wasm32` the fields that no page shows are empty:
//! notes and most sources, which `build.rs` lists.

mod api;
mod decode;
mod kept;
mod own;
mod record;
mod search;

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use crate::architecture::config::Config;
use crate::architecture::{self, Architecture, Count, Tensor};
use crate::decimal::Decimal;
use crate::quant::{BuildName, Format, Mix, Publisher, Quant};
use crate::units::Bytes;

pub use api::ApiPrice;
pub use own::{
    Custom, CustomDevice, FileTypes, ModelSize, OwnError, OwnModel, Spread, check, most,
};
pub use record::{DeviceKind, Included, LeftOut};

use kept::Kept;

/// A released open-weight model.
#[derive(Clone, Debug)]
pub struct Model {
    /// The last part of the Hugging Face id in lower case, such as `qwen2.5-72b-instruct`; prefixed
    /// with `org--` if another model has the same.
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
    /// Licence tag; empty if none is stated.
    pub license: String,
    /// `text`, `image-text` ...
    pub modality: String,
    /// Published total number of parameters, if there is an exact figure.
    pub params_published: Option<u64>,
    /// Source of the published total.
    pub params_source: Option<String>,
    /// Parts that the published total includes besides the text model, or lacks.
    pub params_include: Vec<Included>,
    /// Active parameters as advertised, in billions.
    pub active_published_b: Option<f64>,
    /// Source of the advertised active parameters.
    pub active_source: Option<String>,
    /// The checkpoint's main data type, such as `bfloat16`.
    pub dtype: Option<String>,
    /// The format in which the checkpoint was released, if not plain BF16/F16 (`fp8`, `mxfp4`).
    pub native_quantization: Option<String>,
    /// Sources of the facts.
    pub sources: Vec<String>,
    /// Confidence in the facts.
    pub confidence: String,
    /// Peculiarities of the model.
    pub note: Option<String>,
    /// Reason why the counted parameters differ from the published ones by more than 0.1 %.
    pub count_note: Option<String>,
    /// GGUF files of the model whose sizes are known.
    pub builds: Vec<PublishedFile>,
    /// What is known of a model that is not in the catalogue.
    own: Option<Box<OwnModel>>,
    /// Configuration from which the architecture is built.
    config: Config,
    /// The architecture, built on first use.
    architecture: OnceLock<Architecture>,
    tensors: OnceLock<Vec<Tensor>>,
    count: OnceLock<Count>,
}

impl Model {
    /// A model that is not in the catalogue. `hf_id` is what its files are called.
    fn not_released(
        id: String,
        hf_id: &str,
        config: Config,
        native_quantization: Option<String>,
        own: OwnModel,
    ) -> Model {
        Model {
            id,
            hf_id: hf_id.to_owned(),
            name: hf_id.rsplit('/').next().unwrap_or(hf_id).to_owned(),
            family: String::new(),
            org: String::new(),
            release: String::new(),
            license: String::new(),
            modality: "text".to_owned(),
            params_published: None,
            params_source: None,
            params_include: Vec::new(),
            active_published_b: None,
            active_source: None,
            dtype: None,
            native_quantization,
            sources: Vec::new(),
            confidence: String::new(),
            note: None,
            count_note: None,
            builds: Vec::new(),
            own: Some(Box::new(own)),
            config,
            architecture: OnceLock::new(),
            tensors: OnceLock::new(),
            count: OnceLock::new(),
        }
    }

    /// The last part of the Hugging Face id, such as `Qwen2.5-72B-Instruct`.
    pub fn name_on_hub(&self) -> &str {
        self.hf_id.rsplit('/').next().unwrap_or_default()
    }

    /// The model's layers and tensors; built on first use.
    pub fn architecture(&self) -> &Architecture {
        self.architecture.get_or_init(|| Architecture::from(&self.config))
    }

    /// All tensors of the model, in the order of a GGUF file; listed on first use.
    pub fn tensors(&self) -> &[Tensor] {
        self.tensors.get_or_init(|| architecture::tensors(self.architecture()))
    }

    /// The format in which the checkpoint was released.
    pub fn native_format(&self) -> Quant {
        if let Some(file) = self.own().and_then(|own| own.file.as_ref()) {
            return file.quant;
        }
        let format = match self.native_quantization.as_deref().unwrap_or_default() {
            native if native.contains("fp4 experts") => Format::Fp8Mxfp4,
            native if native.starts_with("mxfp4") => Format::Mxfp4,
            native if native.starts_with("int4") => Format::Int4Experts,
            native if native.starts_with("fp8") => Format::Fp8Block,
            _ => return Quant::Gguf(Mix::BF16),
        };
        Quant::Format(format)
    }

    /// Parameter counts of the model; counted on first use.
    pub fn count(&self) -> Count {
        *self.count.get_or_init(|| architecture::count_of(self.architecture(), self.tensors()))
    }
}

/// A published GGUF file.
#[derive(Clone, Debug)]
pub struct PublishedFile {
    /// Who published it.
    pub publisher: Publisher,
    /// The name that says how it is quantised.
    pub name: BuildName,
    /// Size of the file.
    pub bytes: Bytes,
    /// The step that the size is rounded to: 1 if it is exact.
    pub precision: u64,
    /// Whether the projector's file is counted too.
    pub has_projector: bool,
    /// Source of the size.
    pub source: String,
}

/// An accelerator or a host.
#[derive(Clone, Debug)]
pub struct Device {
    /// Stable id, such as `rtx-4090`.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Other common names.
    pub aliases: Vec<String>,
    /// Name of the maker.
    pub vendor: String,
    /// Generation, such as `Ada Lovelace`.
    pub generation: String,
    /// The chip, such as `AD102`.
    pub chip: Option<String>,
    /// `consumer`, `workstation`, `datacenter`, `soc` or `cpu-host`.
    pub segment: String,
    /// Kind of device.
    pub kind: DeviceKind,
    /// Advertised memory in GB; `None` for hosts whose RAM the user sets.
    pub memory_gb: Option<f64>,
    /// Memory sizes on sale in GB, if there are several.
    pub memory_options_gb: Vec<f64>,
    /// Bytes that a process can use (the total it sees, or the default GPU working set of unified
    /// memory) with `memory_gb`, or with the largest option. Of a card whose `memory_driver_bytes`
    /// are unknown, what the driver reports.
    pub memory_usable_bytes: Option<u64>,
    /// Bytes that the driver of an NVIDIA card reports (nvidia-smi). On Linux it keeps a part of
    /// them, which no process sees; on Windows processes see about all.
    pub memory_driver_bytes: Option<u64>,
    /// Usable bytes for each of `memory_options_gb`, in their order; empty if unknown. On Apple
    /// silicon the default of macOS 15 and earlier; macOS 26 allows more.
    pub usable_by_option: Vec<u64>,
    /// Basis of the usable bytes.
    pub memory_usable_basis: Option<String>,
    /// Conditions of the usable bytes.
    pub memory_usable_note: Option<String>,
    /// `GDDR6X`, `HBM3e` ...
    pub memory_type: String,
    /// Peak memory bandwidth, decimal GB/s.
    pub bandwidth_gb_s: Option<f64>,
    /// Dense peak in TFLOPS or TOPS by format.
    pub tflops_dense: Vec<(String, f64)>,
    /// Basis of the dense peaks.
    pub tflops_basis: Option<String>,
    /// Number of streaming multiprocessors, compute units, Xe cores or GPU cores.
    pub compute_units: Option<u32>,
    /// Boost clock of the compute units in MHz.
    pub boost_mhz: Option<f64>,
    /// CUDA compute capability or gfx id.
    pub compute_target: Option<String>,
    /// Board power in watts.
    pub tdp_w: Option<f64>,
    /// Host link, such as `PCIe 5.0 x16`.
    pub pcie: Option<String>,
    /// Rate of NVLink or a similar fabric in GB/s per device, both directions together.
    pub fabric_gb_s: Option<f64>,
    /// Largest number of devices joined by the fabric.
    pub fabric_devices: Option<u32>,
    /// Launch price in USD.
    pub msrp_usd: Option<f64>,
    /// Source of the launch price.
    pub msrp_source: Option<String>,
    /// Prices of renting the device in clouds.
    pub cloud_prices: Vec<CloudPrice>,
    /// `released`, `announced` ...
    pub status: String,
    /// Date of release as far as it is known: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub release: Option<String>,
    /// Confidence in the facts.
    pub confidence: String,
    /// Peculiarities of the device.
    pub flags: Vec<String>,
    /// Further notes on the device.
    pub note: Option<String>,
    /// Sources of the facts.
    pub sources: Vec<String>,
}

impl Device {
    /// Whether it is described by its id, rather than in the catalogue.
    pub fn is_described(&self) -> bool {
        self.id.starts_with("custom:")
    }

    /// Whether it is a system on a chip of NVIDIA's: GB10, Thor, Orin.
    pub fn is_nvidia_soc(&self) -> bool {
        self.vendor == "NVIDIA" && self.segment == "soc"
    }

    /// Whether Ollama leaves it aside unless it is told otherwise (`OLLAMA_IGPU_ENABLE`): GPUs of AMD and
    /// Intel that share the RAM, but for AMD's largest, which it drives by ROCm. Source:
    /// `integratedGPUAllowedByDefault` in `discover/runner.go`, from 0.30 on; the same in 0.34, whose
    /// makers declined to allow more (github.com/ollama/ollama/pull/16701).
    pub fn is_left_aside_by_ollama(&self) -> bool {
        let is_allowed = self.compute_target.as_deref().is_some_and(|t| t.contains("gfx1151"));
        self.kind == DeviceKind::Unified
            && self.segment != "datacenter"
            && matches!(self.vendor.as_str(), "AMD" | "Intel")
            && !is_allowed
    }

    /// The compute capability of an NVIDIA device times ten: 89 for 8.9.
    pub fn compute_capability(&self) -> Option<u32> {
        let (major, minor) = self.compute_target.as_deref()?.split_once('.')?;
        Some(major.parse::<u32>().ok()? * 10 + minor.parse::<u32>().ok()?)
    }
}

/// The price of a device in a cloud.
#[derive(Clone, Debug)]
pub struct CloudPrice {
    /// Lowest and highest US dollars per device and hour.
    pub usd_per_hour: (f64, f64),
    /// Name of the provider.
    pub provider: String,
    /// Source of the price.
    pub source: String,
    /// Date of the price as far as it is known.
    pub date: String,
}

/// A machine that a cloud rents by name.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name, such as `g6e.xlarge`.
    pub name: String,
    /// The cloud.
    pub provider: String,
    /// Id of its devices.
    pub device: String,
    /// How many it has.
    pub count: u32,
    /// Its RAM.
    pub ram: Bytes,
    /// US dollars an hour on demand, if known.
    pub usd_per_hour: Option<f64>,
    /// Where size and price were read.
    pub source: String,
    /// Date of the price.
    pub date: String,
}

/// A plausible model name that was never released.
#[derive(Clone, Debug)]
pub struct NeverReleased {
    /// The name, such as `Qwen3-72B`.
    pub name: String,
    /// Reason why the model does not exist.
    pub why: String,
    /// Ids of the nearest real models.
    pub nearest: Vec<String>,
}

/// Suggestion for an id that is not in the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestion {
    /// If the name is known never to have been released, the reason.
    pub never_released: Option<String>,
    /// Ids of the nearest real entries, best first, at most five.
    pub nearest: Vec<String>,
    /// Of a model: the one that the name says it is made from, such as a fine-tune's base.
    pub base: Option<String>,
    /// Of a model: the hypothetical shape of the size in its name, such as `size:72B`.
    pub hypothetical: Option<String>,
}

/// Models and devices that questions described. A copy of a catalogue begins without them.
#[derive(Default)]
struct Described {
    models: Kept<Model>,
    devices: Kept<Device>,
}

impl Clone for Described {
    fn clone(&self) -> Described {
        Described::default()
    }
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Described")
    }
}

/// The bundled facts, and what questions describe beside them. A clone shares the facts, and forgets
/// what was described when it is dropped.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Day the facts were collected, `YYYY-MM-DD`.
    pub generated: String,
    /// All models, newest first within a family.
    pub models: Arc<[Model]>,
    /// All devices.
    pub devices: Arc<[Device]>,
    described: Described,
}

impl Catalog {
    /// Returns the catalogue that is compiled into the crate.
    pub fn bundled() -> &'static Catalog {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(decode::bundled);
        &CATALOG
    }

    /// Machines that clouds rent by name.
    pub fn instances() -> &'static [Instance] {
        static INSTANCES: LazyLock<Vec<Instance>> = LazyLock::new(decode::instances);
        &INSTANCES
    }

    /// Plausible model names that were never released.
    pub fn never_released() -> &'static [NeverReleased] {
        static NEVER_RELEASED: LazyLock<Vec<NeverReleased>> =
            LazyLock::new(|| decode::never_released(&Catalog::bundled().models));
        &NEVER_RELEASED
    }

    /// Released models whose tensors are not known well enough, with the reasons.
    pub fn left_out() -> &'static [LeftOut] {
        static LEFT_OUT: LazyLock<Vec<LeftOut>> = LazyLock::new(decode::left_out);
        &LEFT_OUT
    }

    /// Finds the model with this id: the short one or the full Hugging Face id, in any case and with
    /// any punctuation (`llama 3.3 70b instruct`); or one that the id describes (`size:72B`, `custom:1:...`).
    pub fn model(&self, id: &str) -> Option<&Model> {
        self.model_or_error(id)?.ok()
    }

    /// Like [`Catalog::model`], with what is wrong with a description.
    pub fn model_or_error(&self, id: &str) -> Option<Result<&Model, OwnError>> {
        let id = id.trim();
        let known = self
            .models
            .iter()
            .find(|m| m.id.eq_ignore_ascii_case(id) || m.hf_id.eq_ignore_ascii_case(id))
            .or_else(|| search::model(&self.models, id))
            .or_else(|| self.described.models.find(|model| model.id == id));
        if let Some(model) = known {
            return Some(Ok(model));
        }
        let described = own::model(self, id)?;
        Some(described.map(|model| {
            // Written otherwise it may be known.
            let known = self.described.models.find(|known| known.id == model.id);
            known.unwrap_or_else(|| self.described.models.add(model))
        }))
    }

    /// Finds the device with this id, alias or name. Case, spaces, hyphens and the maker's name are
    /// ignored; if a short name fits several devices (`4090`), the plainest of them is returned. Or
    /// one that the id describes (`custom:1:memory.24:bandwidth.900`).
    pub fn device(&self, id: &str) -> Option<&Device> {
        self.device_or_error(id)?.ok()
    }

    /// Like [`Catalog::device`], with what is wrong with a description.
    pub fn device_or_error(&self, id: &str) -> Option<Result<&Device, OwnError>> {
        if let Some(device) = self.described.devices.find(|device| device.id == id) {
            return Some(Ok(device));
        }
        match own::device(id) {
            Some(described) => Some(described.map(|device| {
                let known = self.described.devices.find(|known| known.id == device.id);
                known.unwrap_or_else(|| self.described.devices.add(device))
            })),
            None => search::device(&self.devices, id).map(Ok),
        }
    }

    /// Finds the machine that a cloud rents by this name, in any case; Azure's with or without
    /// `Standard_`.
    pub fn instance(&self, name: &str) -> Option<&'static Instance> {
        let wanted = plain(name.trim());
        let is_it = |instance: &&Instance| plain(&instance.name).eq_ignore_ascii_case(wanted);
        // What is the id of a device needs no decoding of the machines.
        let is_device = self.devices.iter().any(|device| device.id == wanted);
        if is_device { None } else { Catalog::instances().iter().find(is_it) }
    }

    /// Finds the models whose name, id, family or publisher matches every word of `text`, best
    /// first.
    pub fn find_models(&self, text: &str) -> Vec<&Model> {
        search::find(&self.models, text, search::model_names)
    }

    /// Finds the devices whose name, id, alias or maker matches every word of `text`, best first.
    pub fn find_devices(&self, text: &str) -> Vec<&Device> {
        search::find(&self.devices, text, search::device_names)
    }

    /// Suggests models for an unknown model id.
    pub fn suggest_model(&self, unknown: &str) -> Suggestion {
        search::suggest_model(self, unknown)
    }

    /// Suggests devices for an unknown device id.
    pub fn suggest_device(&self, unknown: &str) -> Suggestion {
        search::suggest_device(self, unknown)
    }
}

/// The name of a cloud's machine without Azure's prefix.
fn plain(name: &str) -> &str {
    const PREFIX: &str = "standard_";
    let start = name.get(..PREFIX.len());
    match start.is_some_and(|start| start.eq_ignore_ascii_case(PREFIX)) {
        true => &name[PREFIX.len()..],
        false => name,
    }
}

#[cfg(test)]
mod tests;
