//! What writes plans: a function of the module that is loaded late.

use leptos::prelude::*;

use crate::page::app::late::{LateFunction, Module};
use headroom::plan::{Document, PlanInput};

/// The writer, one for the page.
#[derive(Clone, Copy)]
pub struct PlanWriter(LateFunction);

impl PlanWriter {
    /// Returns a writer whose module is not loaded yet.
    pub fn new() -> PlanWriter {
        PlanWriter(LateFunction::new("headroomPlan"))
    }

    /// What became of its module.
    pub fn module(self) -> RwSignal<Module> {
        self.0.module
    }

    /// Loads the module, unless it is here or on its way.
    pub fn load(self) {
        self.0.load(|| ());
    }

    /// The plan of `input` in the words of a language and a shell, by their names.
    pub fn write(self, input: &PlanInput, lang: &str, shell: &str) -> Option<Document> {
        let input = serde_json::to_string(input).ok()?;
        serde_json::from_str(&self.0.call(&[&input, lang, shell])?).ok()
    }
}
