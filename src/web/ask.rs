//! What the page loads when it is first used, since most visits begin with a link and end with an
//! answer: what the ask box understands, what writes plans, and what reads a model's files.

/// What `text` asks, as JSON: see [`headroom::ask::ask`].
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn ask(text: &str) -> String {
    serde_json::to_string(&headroom::ask::ask(text)).unwrap_or_default()
}

/// The plan of a [`headroom::plan::PlanInput`] in JSON, as the JSON of a
/// [`headroom::plan::Document`] in the language and for the shell of these names; empty where there
/// is none.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn plan(input: &str, lang: &str, shell: &str) -> String {
    use headroom::catalog::Catalog;
    use headroom::plan::{self, Document};
    use headroom::scenario::Lang;

    let Ok(input) = serde_json::from_str(input) else { return String::new() };
    let lang = if lang == "ru" { Lang::Ru } else { Lang::En };
    let shell = plan::shell(shell).unwrap_or_default();
    let document = Document::new(Catalog::bundled(), &input, lang, shell);
    document.and_then(|document| serde_json::to_string(&document).ok()).unwrap_or_default()
}

/// What is read of files, of each its name, its beginning and its size, as JSON: `more`, how many
/// bytes of each are needed; or `id`, `quant` and `remarks` of the model; or `error`.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn imported(
    names: Vec<String>,
    beginnings: Vec<js_sys::Uint8Array>,
    sizes: Vec<f64>,
) -> String {
    use headroom::catalog::Catalog;
    use headroom::import::{Files, read_all};
    use serde_json::json;

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
        Err(error) => refused(&error),
    };
    answer.to_string()
}

/// What is to be fetched of the repository of Hugging Face that `named` is the id or the address of,
/// as JSON: without the list of its files where that `list` is; with it `files`, or `options` of which
/// one is to be chosen. Otherwise `error`.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hub(named: &str, listing: &str) -> String {
    use headroom::import::Repository;
    use serde_json::json;

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
#[cfg(target_arch = "wasm32")]
fn refused(error: &headroom::import::ImportError) -> serde_json::Value {
    serde_json::json!({ "error": {
        "file": error.file,
        "field": error.field,
        "value": error.value,
        "accepted": error.accepted,
    } })
}

fn main() {}
