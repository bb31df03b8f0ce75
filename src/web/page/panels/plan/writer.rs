//! What writes plans: a function of the module that is loaded late.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsValue;
use send_wrapper::SendWrapper;

use crate::page::app::late;
use headroom::plan::{Document, PlanInput};

/// The function of public/boot.js that loads the module.
const LOADER: &str = "headroomPlan";

/// What became of the module.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Module {
    Unasked,
    Coming,
    Here,
    Missing,
}

/// The writer, one for the page.
#[derive(Clone, Copy)]
pub struct PlanWriter {
    /// What became of its module.
    pub module: RwSignal<Module>,
    write: StoredValue<Option<SendWrapper<js_sys::Function>>>,
}

impl PlanWriter {
    /// Returns a writer whose module is not loaded yet.
    pub fn new() -> PlanWriter {
        PlanWriter { module: RwSignal::new(Module::Unasked), write: StoredValue::new(None) }
    }

    /// Loads the module, unless it is here or on its way.
    pub fn load(self) {
        if !matches!(self.module.get_untracked(), Module::Unasked | Module::Missing) {
            return;
        }
        self.module.set(Module::Coming);
        spawn_local(async move {
            let loaded = late::function(LOADER).await;
            let module = if loaded.is_some() { Module::Here } else { Module::Missing };
            _ = self.write.try_set_value(loaded.map(SendWrapper::new));
            _ = self.module.try_set(module);
        });
    }

    /// The plan of `input` in the words of a language and a shell, by their names.
    pub fn write(self, input: &PlanInput, lang: &str, shell: &str) -> Option<Document> {
        let input = serde_json::to_string(input).ok()?;
        let written = self.write.try_with_value(|write| {
            let [input, lang, shell] = [&input, lang, shell].map(JsValue::from_str);
            write.as_ref()?.call3(&JsValue::NULL, &input, &lang, &shell).ok()?.as_string()
        })??;
        serde_json::from_str(&written).ok()
    }
}
