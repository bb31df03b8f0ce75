//! What a step costs in quality, beside it.

use leptos::prelude::*;

use crate::page::app::reactive::memo;
use crate::page::app::rest::Rest;
use crate::page::app::state::{to_lang, use_state};
use headroom::engine::Shell;
use headroom::plan::{Document, Figures, PlanInput};
use headroom::steps::{Change, Step};

/// The note of a step that changes the format or the cache type, once steps are looked at: the first
/// thing that is known, the others on a hover.
#[component]
pub fn StepNote(
    step: Step,
    /// Whether the reader looks at the steps.
    looked_at: RwSignal<bool>,
) -> impl IntoView {
    let state = use_state();
    let changes_it = |change: &Change| matches!(change, Change::Cache(_) | Change::Quant(_));
    let input = step.changes.iter().any(changes_it).then(|| PlanInput {
        query: step.scenario.to_query(),
        figures: Figures::new(state.catalog, &step.scenario, &step.cell),
        larger: Vec::new(),
    });
    let lines = memo(move || {
        let lang = to_lang(state.locale());
        let is_here = state.rest.get() == Rest::Here;
        let input = input.as_ref().filter(|_| is_here && looked_at.get())?;
        let lines = Document::new(state.catalog, input, lang, Shell::default())?.quality;
        (!lines.is_empty()).then_some(lines)
    });
    move || {
        let lines = lines.get()?;
        let first = lines.first()?.split(';').next().unwrap_or_default().to_owned();
        Some(view! {
            <span class="step-note" data-testid="step-note" title=lines.join("\n")>{first}</span>
        })
    }
}
