//! What the page loads when it is first asked for: functions of a module of their own (`ask.rs`).

use leptos::prelude::window;
use leptos::wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

/// The function that `loader` of public/boot.js gives; `None` where its module cannot be had.
pub async fn function(loader: &str) -> Option<js_sys::Function> {
    let loader = js_sys::Reflect::get(&window(), &JsValue::from_str(loader)).ok()?;
    let loading = loader.dyn_ref::<js_sys::Function>()?.call0(&JsValue::NULL).ok()?;
    let loading: js_sys::Promise = loading.dyn_into().ok()?;
    JsFuture::from(loading).await.ok()?.dyn_into().ok()
}
