//! Checks the JSON of the catalogue and of the calibrations, and encodes it as postcard for the crate
//! to include.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{env, fs};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

// The files of the crate that describe the data, under the paths they have there.
#[allow(dead_code)]
#[path = "src/speed/calibration/record.rs"]
mod calibration;
#[allow(dead_code)]
#[path = "src/architecture/config.rs"]
mod config;
#[path = "src/decimal.rs"]
mod decimal;
#[path = "src/quality/record.rs"]
mod quality;
#[allow(dead_code)]
#[path = "src/catalog/record.rs"]
mod record;
use decimal::Decimal;
use quality::{Kind, Metric, Subject};

mod architecture {
    pub(crate) use super::config;
}

fn main() {
    encode("calibration", &read::<calibration::Table>("src/speed/calibration.json"));

    encode("quality", &quality_columns(read("src/quality/figures.json")));

    let mut models: record::Models = read("src/catalog/data/models.json");
    for model in &models.models {
        check_sources(&model.id, &model.sources, &models.sources);
        check_sources(&model.id, &[model.confidence], &models.sources);
    }
    encode("left_out", &models.left_out);
    encode("never_released", &models.never_released);
    let mut builds: record::Builds = read("src/catalog/data/builds.json");
    for model in &builds.models {
        for file in &model.files {
            check_sources(&model.model, &[u32::from(file.source)], &builds.sources);
        }
    }
    // In the order of the models, so that nobody has to look for them.
    let place = |of: &record::ModelBuilds| models.models.iter().position(|m| m.id == of.model);
    builds.models.retain(|of| place(of).is_some());
    builds.models.sort_by_key(place);
    encode("builds", &builds);
    build_names(&read("src/quant/builds.json"));
    let instances: record::Instances = read("src/catalog/data/instances.json");
    encode("instances", &instances);
    let mut api_prices: record::ApiPrices = read("src/catalog/data/api_prices.json");
    for record::ModelPrices { model, hosts } in &mut api_prices.models {
        let place = models.models.iter().position(|known| known.id == *model);
        let place = place.unwrap_or_else(|| panic!("{model} has prices, but is no model"));
        *model = place.to_string();
        let hosts_known =
            hosts.iter().all(|(host, ..)| usize::from(*host) < api_prices.hosts.len());
        assert!(hosts_known, "{place} has a price of an unknown host");
    }
    encode("api_prices", &api_prices);
    let mut devices: record::Devices = read("src/catalog/data/devices.json");
    for device in &devices.devices {
        check_sources(&device.id, &device.sources, &devices.sources);
    }
    for (name, device, ..) in instances.providers.iter().flat_map(|cloud| &cloud.instances) {
        let is_known = devices.devices.iter().any(|known| known.id == *device);
        assert!(is_known, "{name} has {device}, which is no device");
    }
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|target| target == "wasm32") {
        keep_what_is_shown(&mut models, &mut devices);
    }
    encode("models", &models);
    encode("devices", &devices);
}

fn read<T: DeserializeOwned>(json: &str) -> T {
    println!("cargo::rerun-if-changed={json}");
    let text = fs::read_to_string(json).unwrap_or_else(|e| panic!("{json}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{json}: {e}"))
}

/// Writes `OUT_DIR/NAME.postcard`.
fn encode(name: &str, data: &impl Serialize) {
    let bytes = postcard::to_allocvec(data).unwrap_or_else(|e| panic!("{name}: {e}"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join(name).with_extension("postcard"), bytes).expect("OUT_DIR can be written");
}

/// Empties what neither an answer nor the page reads, so that it is not loaded with the page: a
/// third of the catalogue. A field that the page comes to show is to be taken off this list.
fn keep_what_is_shown(models: &mut record::Models, devices: &mut record::Devices) {
    for model in &mut models.models {
        model.params_source = None;
        model.params_include.clear();
        model.active_b = None;
        model.active_source = None;
        model.dtype = None;
        model.confidence = 0;
        model.sources.clear();
        model.note = None;
        model.count_note = None;
    }
    // What is left of the table is the source that says no confidence.
    models.sources = vec![String::new()];

    let mut shown = BTreeSet::new();
    for device in &mut devices.devices {
        device.memory_usable_note = None;
        device.memory_type.clear();
        device.tflops_basis = None;
        device.confidence.clear();
        device.flags.clear();
        device.note = None;
        device.sources.clear();
        shown.extend(device.msrp_source);
        shown.extend(device.cloud_prices.iter().map(|price| price.source));
    }
    // The others keep their places.
    for (index, source) in (0..).zip(&mut devices.sources) {
        if !shown.contains(&index) {
            source.clear();
        }
    }
}

/// Every entry must have a source, and refer to existing ones only.
fn check_sources(id: &str, indexes: &[u32], table: &[String]) {
    assert!(!indexes.is_empty(), "{id} has no source");
    for index in indexes {
        assert!(
            (*index as usize) < table.len(),
            "{id} refers to source {index} of {}",
            table.len()
        );
    }
}

/// The contents of `src/quality/figures.json`: see `src/quality/record.rs`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QualityFigures {
    bits: Vec<f64>,
    dense_bands: Vec<f64>,
    moe_bands: Vec<f64>,
    texts: Vec<String>,
    methods: Vec<String>,
    sources: Vec<String>,
    models: Vec<String>,
    measured: Vec<QualityOfModel>,
    similar: Vec<QualityRange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QualityOfModel {
    model: String,
    figures: Vec<QualityOwn>,
}

/// Name, what was measured and of what; lowest, median and highest; count, text, method and source.
#[derive(Deserialize)]
struct QualityOwn(Subject, String, Metric, f64, f64, f64, u32, u16, u16, u16);

/// Kind and size band; the same as of one model, with the models before the count and no method.
#[derive(Deserialize)]
struct QualityRange(Kind, u8, Subject, String, Metric, f64, f64, f64, Vec<u16>, u32, u16, u16);

/// Turns the figures into columns.
fn quality_columns(rows: QualityFigures) -> quality::Figures {
    let own = || rows.measured.iter().flat_map(|of| &of.figures);
    let all_names = own().map(|row| &row.1).chain(rows.similar.iter().map(|row| &row.3));
    let names: Vec<String> = all_names.cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let name = |of: &String| {
        let place = names.binary_search(of).expect("all are in the table");
        u8::try_from(place).expect("there are few names")
    };
    let mut own_columns = quality::Columns::default();
    for QualityOwn(subject, of, metric, low, median, high, count, text, _, source) in own() {
        let figure = (*subject, name(of), *metric, [*low, *median, *high], *count);
        add_figure(&mut own_columns, figure, (*text, *source));
    }
    let mut similar = quality::Columns::default();
    for row in &rows.similar {
        let QualityRange(.., subject, of, metric, low, median, high, _, count, text, source) = row;
        let figure = (*subject, name(of), *metric, [*low, *median, *high], *count);
        add_figure(&mut similar, figure, (*text, *source));
    }
    quality::Figures {
        own: own_columns,
        method: own().map(|row| row.8).collect(),
        similar,
        place: rows.similar.iter().map(|row| (row.0, row.1)).collect(),
        of_models: rows.similar.iter().map(|row| row.8.clone()).collect(),
        measured: rows
            .measured
            .iter()
            .map(|of| (of.model.clone(), of.figures.len() as u32))
            .collect(),
        bits: rows.bits,
        dense_bands: rows.dense_bands,
        moe_bands: rows.moe_bands,
        texts: rows.texts,
        methods: rows.methods,
        sources: rows.sources,
        models: rows.models,
        names,
    }
}

/// Adds what is measured of what, its lowest, median and highest, and how many figures they are of; then
/// the text and where they were published.
fn add_figure(
    columns: &mut quality::Columns,
    (subject, name, metric, [low, median, high], count): (Subject, u8, Metric, [f64; 3], u32),
    (text, source): (u16, u16),
) {
    columns.subject.push(subject);
    columns.name.push(name);
    columns.metric.push(metric);
    columns.median.push(Decimal(median));
    columns.spread.push((low != high).then_some((Decimal(low), Decimal(high))));
    columns.count.push(count);
    columns.text.push(text);
    columns.source.push(source);
}

/// The contents of `src/quant/builds.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BuildNames {
    publishers: Vec<String>,
    names: Vec<BuildName>,
}

/// A name that publishers gave to mixes of their own: see `src/quant/build.rs`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BuildName {
    name: String,
    base: String,
    q8_0_head: bool,
    dense: [f64; 3],
    moe: [f64; 3],
}

/// Writes the names of builds as tables of Rust.
fn build_names(names: &BuildNames) {
    let known = names.names.iter().map(|entry| {
        let BuildName { name, base, q8_0_head, dense, moe } = entry;
        format!(
            "Known {{ name: {name:?}, base: Mix::{base}, has_q8_0_head: {q8_0_head}, \
             dense: {dense:?}, moe: {moe:?} }},\n"
        )
    });
    let tables = format!(
        "static PUBLISHERS: &[&str] = &{:?};\nstatic KNOWN: &[Known] = &[\n{}];\n",
        names.publishers,
        known.collect::<String>()
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("builds.rs"), tables).expect("OUT_DIR can be written");
}
