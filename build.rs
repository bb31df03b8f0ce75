//! Checks the JSON of the catalogue and of the calibrations, and encodes it as postcard for the crate
//! to include.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Serialize;
use serde::de::DeserializeOwned;

// The files of the crate that describe the data, under the paths they have there.
#[allow(dead_code)]
#[path = "src/speed/calibration/record.rs"]
mod calibration;
#[allow(dead_code)]
#[path = "src/architecture/config.rs"]
mod config;
#[path = "src/speed/calibration/decimal.rs"]
mod decimal;
#[allow(dead_code)]
#[path = "src/catalog/record.rs"]
mod record;
mod architecture {
    pub(crate) use super::config;
}

fn main() {
    encode::<calibration::Table>("src/speed/calibration.json");
    let models: record::Models = encode("src/catalog/data/models.json");
    for model in &models.models {
        check_sources(&model.id, &model.sources, &models.sources);
        check_sources(&model.id, &[model.confidence], &models.sources);
    }
    let devices: record::Devices = encode("src/catalog/data/devices.json");
    for device in &devices.devices {
        check_sources(&device.id, &device.sources, &devices.sources);
    }
}

/// Reads `FOLDER/NAME.json`, writes `OUT_DIR/NAME.postcard`.
fn encode<T: DeserializeOwned + Serialize>(json: &str) -> T {
    println!("cargo::rerun-if-changed={json}");
    let text = fs::read_to_string(json).unwrap_or_else(|e| panic!("{json}: {e}"));
    let data: T = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{json}: {e}"));
    let bytes = postcard::to_allocvec(&data).unwrap_or_else(|e| panic!("{json}: {e}"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let name = Path::new(json).file_name().expect("the path of a file");
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
