//! What public/boot.js and public/hub.js ask of a model's files and of a list of them, as they read
//! them.

use leptos::prelude::{ArcRwSignal, Get as _, Set as _};
use leptos::wasm_bindgen::prelude::*;
use serde_json::{Value, json};

use headroom::catalog::Catalog;
use headroom::import::{Files, ImportError, Remark, Repository, read_all};

thread_local! {
    /// What is to be known of how the last model was read: it stays within the app.
    static REMARKS: ArcRwSignal<Vec<Remark>> = ArcRwSignal::new(Vec::new());
}

/// What is to be known of how the last model was read, from wherever that was. Tracked.
pub fn remarks() -> Vec<Remark> {
    REMARKS.with(ArcRwSignal::get)
}

/// What is read of files, of each its name, its beginning and its size, as JSON: `more`, how many
/// bytes of each are needed; or `id` and `quant` of the model, whose [`remarks`] are then kept; or
/// `error`.
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
    let (answer, remarks) = match read_all(Catalog::bundled(), &files) {
        Ok(Files::More(more)) => (json!({ "more": more }), Vec::new()),
        Ok(Files::Model(model)) => {
            (json!({ "id": model.custom.to_id(), "quant": model.quant }), model.remarks)
        }
        Err(error) => (refused(&error), Vec::new()),
    };
    REMARKS.with(|known| known.set(remarks));
    answer.to_string()
}

/// What is to be fetched of the repository of Hugging Face that `named` is the id or the address of,
/// as JSON: without the list of its files where that `list` is; with it `files`, or `options` of which
/// one is to be chosen. Otherwise `error`.
#[wasm_bindgen]
pub fn hub(named: &str, listing: &str) -> String {
    let answer = match Repository::named(named) {
        None => json!({ "error": {
            "file": named,
            "field": "id",
            "value": named,
            "accepted": "owner/name, or an address on huggingface.co",
        } }),
        Some(repository) if listing.is_empty() => json!({ "list": repository.listing() }),
        Some(repository) => match repository.files(listing.as_bytes()) {
            Ok(files) => json!(files),
            Err(error) => refused(&error),
        },
    };
    answer.to_string()
}

/// Why files cannot be used, as JSON.
fn refused(error: &ImportError) -> Value {
    json!({ "error": {
        "file": error.file,
        "field": error.field,
        "value": error.value,
        "accepted": error.accepted,
    } })
}
