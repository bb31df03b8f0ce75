//! Checks the catalogue's JSON, and encodes it as postcard for the crate to include.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

// The two files of the crate that describe the data, under the paths they have there.
#[allow(dead_code)]
#[path = "src/architecture/config.rs"]
mod config;
#[allow(dead_code)]
#[path = "src/catalog/record.rs"]
mod record;
mod architecture {
    pub(crate) use super::config;
}

fn main() {
    let models: record::Models = encode("models");
    for model in &models.models {
        check_sources(&model.id, &model.sources, &models.sources);
        check_sources(&model.id, &[model.confidence], &models.sources);
    }
    let builds: record::Builds = encode("builds");
    for model in &builds.models {
        for file in &model.files {
            check_sources(&model.model, &[u32::from(file.source)], &builds.sources);
        }
    }
    build_names();
    let devices: record::Devices = encode("devices");
    for device in &devices.devices {
        check_sources(&device.id, &device.sources, &devices.sources);
    }
}

/// Reads `data/NAME.json`, writes `OUT_DIR/NAME.postcard`.
fn encode<T: DeserializeOwned + Serialize>(name: &str) -> T {
    let json = Path::new("src/catalog/data").join(name).with_extension("json");
    println!("cargo::rerun-if-changed={}", json.display());
    let text = fs::read_to_string(&json).unwrap_or_else(|e| panic!("{}: {e}", json.display()));
    let data: T = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", json.display()));
    let bytes = postcard::to_allocvec(&data).expect("these types always encode");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join(name).with_extension("postcard"), bytes).expect("OUT_DIR can be written");
    data
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
fn build_names() {
    let path = "src/quant/builds.json";
    println!("cargo::rerun-if-changed={path}");
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let names: BuildNames = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
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
