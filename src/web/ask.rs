//! What the page loads when it is first used, since most visits begin with a link and end with an
//! answer: what the ask box understands, and what writes plans.

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

fn main() {}
