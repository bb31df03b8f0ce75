//! What the page loads when it is first asked for: functions of a module of their own (`ask.rs`).

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::{JsCast as _, JsValue};
use send_wrapper::SendWrapper;
use wasm_bindgen_futures::JsFuture;

/// What became of the module.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Module {
    Unasked,
    Coming,
    Here,
    Missing,
}

/// A function of the module, from text to text.
#[derive(Clone, Copy)]
pub struct LateFunction {
    /// The function of public/boot.js that gives it.
    loader: &'static str,
    /// What became of its module.
    pub module: RwSignal<Module>,
    function: StoredValue<Option<SendWrapper<js_sys::Function>>>,
}

impl LateFunction {
    /// Returns the function that `loader` of public/boot.js gives, which is not loaded yet.
    pub fn new(loader: &'static str) -> LateFunction {
        let module = RwSignal::new(Module::Unasked);
        LateFunction { loader, module, function: StoredValue::new(None) }
    }

    /// Loads the module, unless it is here or on its way, and then does what is to be done `then`.
    pub fn load(self, then: impl FnOnce() + 'static) {
        if !matches!(self.module.get_untracked(), Module::Unasked | Module::Missing) {
            return;
        }
        self.module.set(Module::Coming);
        spawn_local(async move {
            let loaded = function(self.loader).await;
            let module = if loaded.is_some() { Module::Here } else { Module::Missing };
            _ = self.function.try_set_value(loaded.map(SendWrapper::new));
            _ = self.module.try_set(module);
            then();
        });
    }

    /// What it makes of `texts`; `None` while it is not here.
    pub fn call(self, texts: &[&str]) -> Option<String> {
        let texts = texts.iter().map(|text| JsValue::from_str(text)).collect::<js_sys::Array>();
        self.function.try_with_value(|function| {
            function.as_ref()?.apply(&JsValue::NULL, &texts).ok()?.as_string()
        })?
    }
}

/// The function that `loader` gives; `None` where its module cannot be had.
async fn function(loader: &str) -> Option<js_sys::Function> {
    let loader = js_sys::Reflect::get(&window(), &JsValue::from_str(loader)).ok()?;
    let loading = loader.dyn_ref::<js_sys::Function>()?.call0(&JsValue::NULL).ok()?;
    let loading: js_sys::Promise = loading.dyn_into().ok()?;
    JsFuture::from(loading).await.ok()?.dyn_into().ok()
}
