//! The format of `data/*.json`: entries that refer to a table of source strings.
//!
//! `build.rs` includes this file, checks the JSON against it and encodes it as postcard, which the
//! crate decodes with the same types.

use serde::{Deserialize, Serialize};

use super::Decimal;
use crate::architecture::config::Config;

/// The contents of `data/models.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Models {
    /// Day the facts were collected, `YYYY-MM-DD`.
    pub generated: String,
    /// Source strings; `{id}` stands for the id of the entry that refers to the string.
    pub sources: Vec<String>,
    /// All models by family, newest first.
    pub models: Vec<Model>,
    /// Released models whose tensors are not known well enough; encoded apart, as no answer needs them.
    #[serde(with = "text_only")]
    pub left_out: Vec<LeftOut>,
    /// Plausible model names that were never released; encoded apart, as few questions have one.
    #[serde(with = "text_only")]
    pub never_released: Vec<NeverReleased>,
}

/// A model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Model {
    pub id: String,
    pub name: String,
    pub family: String,
    pub org: String,
    pub release: String,
    #[serde(default)]
    pub license: Option<String>,
    pub modality: String,
    #[serde(default)]
    pub params: Option<u64>,
    #[serde(default)]
    pub params_source: Option<u32>,
    #[serde(default)]
    pub params_include: Vec<Included>,
    #[serde(default)]
    pub active_b: Option<f64>,
    #[serde(default)]
    pub active_source: Option<u32>,
    #[serde(default)]
    pub dtype: Option<String>,
    #[serde(default)]
    pub native_quantization: Option<String>,
    pub confidence: u32,
    pub sources: Vec<u32>,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub count_note: Option<String>,
    pub config: Config,
}

/// A part that a published parameter count includes besides the text model, or lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Included {
    /// Vision and audio towers.
    Vision,
    /// MTP layers.
    Mtp,
    /// A tied head that is stored separately.
    StoredLmHead,
    /// The head, which is missing from the count.
    NoLmHead,
}

/// A model that is not in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Hugging Face id.
    pub id: String,
    /// Reason why the model is left out.
    pub why: String,
}

/// Plausible model names that were never released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeverReleased {
    /// The model names.
    pub names: Vec<String>,
    /// Reason why the models do not exist.
    pub why: String,
    /// Hugging Face ids of the nearest real models.
    pub nearest: Vec<String>,
}

/// The contents of `data/devices.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Devices {
    /// Day the facts were collected, `YYYY-MM-DD`.
    pub generated: String,
    /// Source strings.
    pub sources: Vec<String>,
    /// All devices by maker and generation.
    pub devices: Vec<Device>,
}

/// An accelerator or a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Device {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub aliases: Vec<String>,
    pub vendor: String,
    pub generation: String,
    #[serde(default)]
    pub chip: Option<String>,
    pub segment: String,
    pub kind: DeviceKind,
    #[serde(default)]
    pub release: Option<String>,
    pub status: String,
    #[serde(default)]
    pub memory_gb: Option<Decimal>,
    #[serde(default)]
    pub memory_options_gb: Vec<Decimal>,
    #[serde(default)]
    pub memory_usable_bytes: Option<u64>,
    #[serde(default)]
    pub memory_driver_bytes: Option<u64>,
    #[serde(default)]
    pub usable_by_option: Vec<u64>,
    #[serde(default)]
    pub memory_usable_basis: Option<String>,
    #[serde(default)]
    pub memory_usable_note: Option<String>,
    pub memory_type: String,
    #[serde(default)]
    pub bandwidth_gb_s: Option<Decimal>,
    #[serde(default)]
    pub tflops_dense: Vec<(String, Decimal)>,
    #[serde(default)]
    pub tflops_basis: Option<String>,
    #[serde(default)]
    pub compute_units: Option<u32>,
    #[serde(default)]
    pub boost_mhz: Option<Decimal>,
    #[serde(default)]
    pub compute_target: Option<String>,
    #[serde(default)]
    pub tdp_w: Option<Decimal>,
    #[serde(default)]
    pub pcie: Option<String>,
    #[serde(default)]
    pub fabric_gb_s: Option<Decimal>,
    #[serde(default)]
    pub fabric_devices: Option<u32>,
    #[serde(default)]
    pub msrp_usd: Option<Decimal>,
    #[serde(default)]
    pub msrp_source: Option<u32>,
    #[serde(default)]
    pub cloud_prices: Vec<CloudPrice>,
    pub confidence: String,
    #[serde(default)]
    pub flags: Vec<String>,
    #[serde(default)]
    pub note: Option<String>,
    pub sources: Vec<u32>,
}

/// Kind of a device, by the memory that it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// A card or chip with separate memory.
    Discrete,
    /// A GPU or NPU that shares the machine's memory (Apple silicon, Strix Halo, DGX Spark).
    Unified,
    /// A CPU with its memory: the model runs on the host.
    Cpu,
}

/// The price of a device in a cloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct CloudPrice {
    /// Lowest and highest US dollars per device and hour.
    pub usd_per_hour: (Decimal, Decimal),
    pub provider: String,
    pub source: u32,
    pub date: String,
}

/// The contents of `data/instances.json`: machines that clouds rent by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instances {
    /// Clouds.
    pub providers: Vec<Provider>,
}

/// A cloud with its machines.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// Where sizes and prices were read.
    pub source: String,
    /// Date of the prices as far as it is known.
    pub date: String,
    /// Name, device, number of devices, RAM in GiB, and US dollars an hour on demand.
    pub instances: Vec<(String, String, u32, u32, Option<Decimal>)>,
}

/// The contents of `data/api_prices.json`: what hosts ask for tokens of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiPrices {
    /// Where the prices were read.
    pub source: String,
    /// Date of the prices.
    pub date: String,
    /// Names of hosts.
    pub hosts: Vec<String>,
    /// The prices of each model.
    pub models: Vec<ModelPrices>,
}

/// What hosts ask for tokens of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPrices {
    /// Hugging Face id; encoded as the model's place in the catalogue, which takes fewer bytes.
    pub model: String,
    /// Index of the host, and US dollars for a million tokens of prompts and of answers.
    pub hosts: Vec<(u8, Decimal, Decimal)>,
}

/// The contents of `data/builds.json`: published GGUF files.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Builds {
    /// Source strings.
    pub sources: Vec<String>,
    /// Publishers.
    pub publishers: Vec<String>,
    /// Names of builds.
    pub names: Vec<String>,
    /// The files of each model.
    pub models: Vec<ModelBuilds>,
}

/// The published files of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelBuilds {
    /// Hugging Face id.
    pub model: String,
    /// Its files.
    pub files: Vec<BuildFile>,
}

/// A published file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct BuildFile {
    pub publisher: u8,
    pub name: u8,
    pub bytes: u64,
    /// The step that the bytes are rounded to.
    pub precision: u64,
    /// Whether the projector's file is counted too.
    pub has_projector: bool,
    pub source: u8,
}

/// What is read and written as text, and is empty where it is encoded.
mod text_only {
    use serde::de::{Deserialize, Deserializer};
    use serde::ser::{Serialize, Serializer};

    pub fn serialize<S: Serializer, T: Serialize>(
        list: &Vec<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => list.serialize(serializer),
            false => serializer.serialize_unit(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        deserializer: D,
    ) -> Result<Vec<T>, D::Error> {
        match deserializer.is_human_readable() {
            true => Vec::deserialize(deserializer),
            false => <()>::deserialize(deserializer).map(|()| Vec::new()),
        }
    }
}
