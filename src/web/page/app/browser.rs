//! What the browser may refuse: storage, history, clipboard, media queries. In a sandboxed frame
//! each of these throws; here each gives `None` or `false` instead.

use leptos::prelude::*;
use leptos::wasm_bindgen::prelude::*;
use leptos::web_sys;
use wasm_bindgen_futures::JsFuture;

/// The query string of the address, with its `?`; empty where it can't be read.
pub fn query() -> String {
    window().location().search().unwrap_or_default()
}

/// The address of this page with another query string.
pub fn address(query: &str) -> Option<String> {
    let location = window().location();
    let (origin, path) = (location.origin().ok()?, location.pathname().ok()?);
    // A page without an origin of its own, such as `srcdoc`, has no address that others could open.
    let base = if origin == "null" { path } else { format!("{origin}{path}") };
    Some(if query.is_empty() { base } else { format!("{base}?{query}") })
}

/// Writes the address bar: a new entry of the history, or the present one. False if refused.
pub fn write_address(query: &str, new_entry: bool) -> bool {
    let Some(address) = address(query) else { return false };
    let Ok(history) = window().history() else { return false };
    let written = match new_entry {
        true => history.push_state_with_url(&JsValue::NULL, "", Some(&address)),
        false => history.replace_state_with_url(&JsValue::NULL, "", Some(&address)),
    };
    written.is_ok()
}

/// A value kept from an earlier visit.
pub fn remembered(key: &str) -> Option<String> {
    storage()?.get_item(key).ok()?
}

/// Keeps a value for later visits, where that is allowed.
pub fn remember(key: &str, value: &str) {
    if let Some(storage) = storage() {
        _ = storage.set_item(key, value);
    }
}

/// `gloo::storage` panics where a sandboxed frame has no storage.
fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok()?
}

/// The reader's languages in the order of preference, as BCP 47 tags.
pub fn languages() -> Vec<String> {
    let tags = window().navigator().languages();
    tags.iter().filter_map(|tag| tag.as_string()).collect()
}

/// Whether the system asks for a dark page.
pub fn prefers_dark() -> Option<web_sys::MediaQueryList> {
    window().match_media("(prefers-color-scheme: dark)").ok()?
}

/// Copies text. False if the browser refuses, or has no clipboard (a page over plain HTTP).
pub async fn copy(text: &str) -> bool {
    let navigator = window().navigator();
    let has = js_sys::Reflect::get(&navigator, &JsValue::from_str("clipboard"));
    if !has.is_ok_and(|clipboard| clipboard.is_object()) {
        return false;
    }
    JsFuture::from(navigator.clipboard().write_text(text)).await.is_ok()
}

/// The text of a paste.
pub fn pasted(event: &web_sys::Event) -> Option<String> {
    let data = js_sys::Reflect::get(event, &JsValue::from_str("clipboardData")).ok()?;
    data.dyn_into::<web_sys::DataTransfer>().ok()?.get_data("text/plain").ok()
}

/// What the browser calls the computer's graphics device: by WebGL, else by WebGPU. `None` where it
/// does not say.
pub async fn graphics() -> Option<String> {
    if let Some(name) = webgl_renderer() {
        return Some(name);
    }
    let get = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &JsValue::from_str(name)).ok();
    let gpu = get(&window().navigator(), "gpu")?;
    let request: js_sys::Function = get(&gpu, "requestAdapter")?.dyn_into().ok()?;
    let adapter: js_sys::Promise = request.call0(&gpu).ok()?.dyn_into().ok()?;
    let info = get(&JsFuture::from(adapter).await.ok()?, "info")?;
    let part = |name| get(&info, name).and_then(|text| text.as_string()).unwrap_or_default();
    let name = ["vendor", "architecture", "description"].map(part).join(" ");
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// `UNMASKED_RENDERER_WEBGL`, such as `ANGLE (NVIDIA, NVIDIA GeForce RTX 4090 Direct3D11 ...)`.
fn webgl_renderer() -> Option<String> {
    const UNMASKED_RENDERER_WEBGL: f64 = 37446.0;
    let call = |of: &JsValue, name: &str, argument: JsValue| {
        let function = js_sys::Reflect::get(of, &JsValue::from_str(name)).ok()?;
        let result = function.dyn_into::<js_sys::Function>().ok()?.call1(of, &argument).ok()?;
        (!result.is_null() && !result.is_undefined()).then_some(result)
    };
    let canvas: JsValue = document().create_element("canvas").ok()?.into();
    let context = call(&canvas, "getContext", JsValue::from_str("webgl"))?;
    // Without it the name is one for all of a kind.
    call(&context, "getExtension", JsValue::from_str("WEBGL_debug_renderer_info"));
    let name = call(&context, "getParameter", JsValue::from_f64(UNMASKED_RENDERER_WEBGL));
    let name = name.and_then(|name| name.as_string());
    // A browser has few contexts.
    if let Some(lose) = call(&context, "getExtension", JsValue::from_str("WEBGL_lose_context")) {
        call(&lose, "loseContext", JsValue::UNDEFINED);
    }
    name.filter(|name| !name.is_empty())
}

#[wasm_bindgen]
extern "C" {
    /// Lets the reader save a text, or a chart, as a file: see public/save.js.
    #[wasm_bindgen(catch, js_name = headroomSave)]
    fn save_as(name: &str, media_type: &str, what: &JsValue) -> Result<js_sys::Promise, JsValue>;
}

/// Lets the reader save `what`, a text or the figure of a chart, as the file `name`. Where that
/// cannot be, nothing happens.
pub async fn save(name: &str, media_type: &str, what: &JsValue) {
    if let Ok(saving) = save_as(name, media_type, what) {
        _ = JsFuture::from(saving).await;
    }
}

/// Sets an attribute of `<html>`, or takes it off.
pub fn mark_root(name: &str, value: Option<&str>) {
    if let Some(root) = document().document_element() {
        _ = match value {
            Some(value) => root.set_attribute(name, value),
            None => root.remove_attribute(name),
        };
    }
}

/// The bytes of a file beside the page; `None` where it cannot be had. A copy kept from an earlier
/// visit is asked for again, since another release has another file under the same name.
pub async fn fetch(name: &str) -> Option<Vec<u8>> {
    let options = web_sys::RequestInit::new();
    options.set_cache(web_sys::RequestCache::NoCache);
    let answer = JsFuture::from(window().fetch_with_str_and_init(name, &options)).await.ok()?;
    let answer: web_sys::Response = answer.dyn_into().ok()?;
    if !answer.ok() {
        return None;
    }
    let buffer = JsFuture::from(answer.array_buffer().ok()?).await.ok()?;
    Some(js_sys::Uint8Array::new(&buffer).to_vec())
}
