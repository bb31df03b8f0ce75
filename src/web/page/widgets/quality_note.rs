//! What a format and a cache type cost in quality, beside them.

use leptos::prelude::*;

use crate::page::app::reactive::memo;
use crate::page::app::rest::Rest;
use crate::page::app::state::{to_lang, use_state};
use headroom::plan::quality_lines;
use headroom::report::Cell;
use headroom::scenario::CacheTypes;

/// The first thing that is known of it, the others on a hover; nothing of what loses nothing.
#[component]
pub fn QualityNote(
    /// The cell, and the types of its cache.
    #[prop(into)]
    of: Signal<Option<(Cell, CacheTypes)>>,
) -> impl IntoView {
    let state = use_state();
    let lines = memo(move || {
        let lang = to_lang(state.locale());
        let is_here = state.rest.get() == Rest::Here;
        let lines = is_here.then(|| {
            of.with(|of| {
                let (cell, kv) = of.as_ref()?;
                Some(quality_lines(state.catalog, *kv, cell, lang))
            })
        });
        lines.flatten().filter(|lines| !lines.is_empty())
    });
    move || {
        let lines = lines.get()?;
        let first = lines.first()?.split(';').next().unwrap_or_default().to_owned();
        Some(view! {
            <span class="quality-note" data-testid="quality-note" title=lines.join("\n")>{first}</span>
        })
    }
}
