//! What the ask box understands: free text in, a question out. The page loads this module when the
//! box is first used, since most visits begin with a link.

/// What `text` asks, as JSON: see [`headroom::ask::ask`].
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn ask(text: &str) -> String {
    serde_json::to_string(&headroom::ask::ask(text)).unwrap_or_default()
}

fn main() {}
