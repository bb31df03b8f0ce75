//! Headroom for JavaScript: `estimate(query)`, `models()` and `devices()`, with the types of
//! `report.d.ts`.

use headroom::catalog::Catalog;
use headroom::scenario::Scenario;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The types of the answers, generated from the report's schema.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("report.d.ts");

/// The answer to a question in query notation.
///
/// What cannot be used of the question is named in the report's notices.
///
/// # Errors
/// None that is known: the browser reads every report that is written here.
#[wasm_bindgen(unchecked_return_type = "Report")]
pub fn estimate(query: &str) -> Result<JsValue, JsValue> {
    js_sys::JSON::parse(&estimate_json(query))
}

fn estimate_json(query: &str) -> String {
    let (scenario, problems) = Scenario::from_query(query);
    let report = headroom::ranking::report(Catalog::bundled(), &scenario, problems);
    serde_json::to_string(&report).unwrap_or_default()
}

/// The ids of all models, sorted as the catalogue has them.
#[wasm_bindgen]
pub fn models() -> Vec<String> {
    Catalog::bundled().models.iter().map(|model| model.id.clone()).collect()
}

/// The ids of all devices, sorted as the catalogue has them.
#[wasm_bindgen]
pub fn devices() -> Vec<String> {
    Catalog::bundled().devices.iter().map(|device| device.id.clone()).collect()
}

#[cfg(test)]
mod typescript;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_the_report_as_json() {
        let json = estimate_json("model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M");
        let report: headroom::report::Report = serde_json::from_str(&json).unwrap();
        assert_eq!(report.cells[0].model, "qwen3-32b");
    }

    #[test]
    fn a_question_that_cannot_be_used_is_answered_too() {
        let json = estimate_json("model=nothing&hw=\u{0}&ctx=-1");
        let report: headroom::report::Report = serde_json::from_str(&json).unwrap();
        assert!(report.cells.is_empty() && !report.notices.is_empty());
    }

    #[test]
    fn ids_are_those_that_estimate_takes() {
        let (models, devices) = (models(), devices());
        assert!(
            models.contains(&"qwen3-32b".to_owned()) && devices.contains(&"rtx-4090".to_owned())
        );
    }
}
