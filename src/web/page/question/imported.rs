//! What public/boot.js asks of the beginnings of a model's files, as it reads them.

use leptos::wasm_bindgen::prelude::*;
use serde_json::json;

use headroom::catalog::Catalog;
use headroom::import::{Files, read_all};

/// What is read of files, of each its name, its beginning and its size, as JSON: `more`, how many
/// bytes of each are needed; or `id`, `quant` and `remarks` of the model; or `error`.
#[wasm_bindgen]
pub fn imported(
    names: Vec<String>,
    beginnings: Vec<js_sys::Uint8Array>,
    sizes: Vec<f64>,
) -> String {
    let beginnings: Vec<Vec<u8>> = beginnings.iter().map(js_sys::Uint8Array::to_vec).collect();
    let files = names.iter().zip(&beginnings).zip(&sizes);
    let files: Vec<_> = files
        .map(|((name, bytes), size)| (name.as_str(), bytes.as_slice(), *size as u64))
        .collect();
    let answer = match read_all(Catalog::bundled(), &files) {
        Ok(Files::More(more)) => json!({ "more": more }),
        Ok(Files::Model(model)) => json!({
            "id": model.custom.to_id(),
            "quant": model.quant,
            "remarks": model.remarks,
        }),
        Err(error) => json!({ "error": {
            "file": error.file,
            "field": error.field,
            "value": error.value,
            "accepted": error.accepted,
        } }),
    };
    answer.to_string()
}
