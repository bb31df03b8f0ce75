//! Decoding of the encoded data into the catalogue.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::record::{self, ApiPrices, Builds, Devices, Instances, LeftOut, Models};
use super::{Catalog, CloudPrice, Device, Instance, Model, NeverReleased, PublishedFile};
use crate::quant::{BuildName, Publisher};
use crate::units::Bytes;

/// Decodes the catalogue that `build.rs` encoded.
pub(super) fn bundled() -> Catalog {
    let models: Models = decode(include_bytes!(concat!(env!("OUT_DIR"), "/models.postcard")));
    let mut builds = builds().into_iter().peekable();
    let devices: Devices = decode(include_bytes!(concat!(env!("OUT_DIR"), "/devices.postcard")));
    let mut catalog = Catalog { generated: models.generated, ..Catalog::default() };
    let (mut all, mut taken) = (Vec::new(), BTreeSet::new());
    for record in models.models {
        let files =
            builds.next_if(|(of, _)| *of == record.id).map_or_else(Vec::new, |(_, files)| files);
        let model = Model { builds: files, ..model(record, &models.sources, &taken) };
        taken.insert(model.id.clone());
        all.push(model);
    }
    catalog.models = all.into();
    let table = &devices.sources;
    catalog.devices = devices.devices.into_iter().map(|d| device(d, table)).collect();
    catalog
}

/// Returns the published files of each model that has any, with its Hugging Face id, in the order of the
/// models.
fn builds() -> Vec<(String, Vec<PublishedFile>)> {
    let Builds { sources, publishers, names, models } =
        decode(include_bytes!(concat!(env!("OUT_DIR"), "/builds.postcard")));
    let publishers: Vec<_> = publishers.iter().map(|name| Publisher::parse(name)).collect();
    let names: Vec<_> = names.iter().map(|name| BuildName::parse(name)).collect();
    let file = |file: record::BuildFile| {
        Some(PublishedFile {
            publisher: publishers[usize::from(file.publisher)]?,
            name: names[usize::from(file.name)]?,
            bytes: Bytes(file.bytes),
            precision: file.precision,
            has_projector: file.has_projector,
            source: sources[usize::from(file.source)].clone(),
        })
    };
    let of_model =
        |of: record::ModelBuilds| (of.model, of.files.into_iter().filter_map(file).collect());
    models.into_iter().map(of_model).collect()
}

/// Returns the machines that clouds rent by name, which few questions are of: they are decoded apart.
pub(super) fn instances() -> Vec<Instance> {
    let Instances { providers } =
        decode(include_bytes!(concat!(env!("OUT_DIR"), "/instances.postcard")));
    let of_cloud = |cloud: record::Provider| {
        let record::Provider { name: provider, source, date, instances } = cloud;
        instances.into_iter().map(move |(name, device, count, ram_gib, usd_per_hour)| Instance {
            name,
            provider: provider.clone(),
            device,
            count,
            ram: Bytes::gib(u64::from(ram_gib)),
            usd_per_hour: usd_per_hour.map(f64::from),
            source: source.clone(),
            date: date.clone(),
        })
    };
    providers.into_iter().flat_map(of_cloud).collect()
}

/// Returns the models that are left out, with the reasons.
pub(super) fn left_out() -> Vec<LeftOut> {
    decode(include_bytes!(concat!(env!("OUT_DIR"), "/left_out.postcard")))
}

/// Returns what hosts ask for tokens, which few answers need: it is decoded apart.
pub(super) fn api_prices() -> ApiPrices {
    decode(include_bytes!(concat!(env!("OUT_DIR"), "/api_prices.postcard")))
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    postcard::from_bytes(bytes).expect("build.rs encoded it from the same types")
}

/// Returns the names of models that were never released, one entry each, with the ids of those of
/// `models` that are nearest; some are not in it.
pub(super) fn never_released(models: &[Model]) -> Vec<NeverReleased> {
    let all: Vec<record::NeverReleased> =
        decode(include_bytes!(concat!(env!("OUT_DIR"), "/never_released.postcard")));
    let of_record = |record: record::NeverReleased| {
        let known = |id: &String| models.iter().find(|model| model.hf_id == *id);
        let nearest = record.nearest.iter().filter_map(known).map(|model| model.id.clone());
        let (nearest, why) = (nearest.collect::<Vec<_>>(), record.why);
        let entry = move |name| NeverReleased { name, why: why.clone(), nearest: nearest.clone() };
        record.names.into_iter().map(entry)
    };
    all.into_iter().flat_map(of_record).collect()
}

fn model(m: record::Model, table: &[String], taken: &BTreeSet<String>) -> Model {
    let source = |index: u32| table[index as usize].replace("{id}", &m.id);
    Model {
        id: short_id(&m.id, taken),
        params_source: m.params_source.map(source),
        active_source: m.active_source.map(source),
        sources: m.sources.iter().copied().map(source).collect(),
        confidence: source(m.confidence),
        hf_id: m.id.clone(),
        name: m.name,
        family: m.family,
        org: m.org,
        release: m.release,
        license: m.license.unwrap_or_default(),
        modality: m.modality,
        params_published: m.params,
        params_include: m.params_include,
        active_published_b: m.active_b,
        dtype: m.dtype,
        native_quantization: m.native_quantization,
        note: m.note,
        count_note: m.count_note,
        builds: Vec::new(),
        own: None,
        config: m.config,
        architecture: OnceLock::new(),
        tensors: OnceLock::new(),
        count: OnceLock::new(),
    }
}

/// Returns the last part of a Hugging Face id in lower case, or `org--name` if that is taken.
fn short_id(hf_id: &str, taken: &BTreeSet<String>) -> String {
    let id = hf_id.to_ascii_lowercase();
    match id.rsplit_once('/') {
        Some((_, name)) if !taken.contains(name) => name.to_owned(),
        _ => id.replace('/', "--"),
    }
}

fn device(d: record::Device, table: &[String]) -> Device {
    let source = |index: u32| table[index as usize].clone();
    Device {
        id: d.id,
        name: d.name,
        aliases: d.aliases,
        vendor: d.vendor,
        generation: d.generation,
        chip: d.chip,
        segment: d.segment,
        kind: d.kind,
        memory_gb: d.memory_gb.map(f64::from),
        memory_options_gb: d.memory_options_gb.into_iter().map(f64::from).collect(),
        memory_usable_bytes: d.memory_usable_bytes,
        memory_driver_bytes: d.memory_driver_bytes,
        usable_by_option: d.usable_by_option,
        memory_usable_basis: d.memory_usable_basis,
        memory_usable_note: d.memory_usable_note,
        memory_type: d.memory_type,
        bandwidth_gb_s: d.bandwidth_gb_s.map(f64::from),
        tflops_dense: d.tflops_dense.into_iter().map(|(of, peak)| (of, peak.into())).collect(),
        tflops_basis: d.tflops_basis,
        compute_units: d.compute_units,
        boost_mhz: d.boost_mhz.map(f64::from),
        compute_target: d.compute_target,
        tdp_w: d.tdp_w.map(f64::from),
        pcie: d.pcie,
        fabric_gb_s: d.fabric_gb_s.map(f64::from),
        fabric_devices: d.fabric_devices,
        msrp_usd: d.msrp_usd.map(f64::from),
        msrp_source: d.msrp_source.map(source),
        cloud_prices: d
            .cloud_prices
            .into_iter()
            .map(|p| CloudPrice {
                usd_per_hour: (p.usd_per_hour.0.into(), p.usd_per_hour.1.into()),
                provider: p.provider,
                source: source(p.source),
                date: p.date,
            })
            .collect(),
        status: d.status,
        release: d.release,
        confidence: d.confidence,
        flags: d.flags,
        note: d.note,
        sources: d.sources.into_iter().map(source).collect(),
    }
}
