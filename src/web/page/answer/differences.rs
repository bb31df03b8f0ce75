//! The bill's words on the other engines: what each needs more or less than the open cell, and
//! why.

use leptos::prelude::*;

use crate::page::app::numbers::Style;
use crate::page::app::reactive::{CollectAny, Show, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{self, tr, words};
use headroom::advice::{Cause, Pool, Reason, difference, pool};
use headroom::letters::lowercase;
use headroom::report::SlidingWindowCache;
use headroom::report::{Cell, Term, Verdict};
use headroom::scenario::Selected;

/// The open cell against the same model on the same machine under each other engine.
#[component]
pub fn Differences(cell: Memo<Option<Cell>>) -> impl IntoView {
    let state = use_state();
    let others = memo(move || {
        let Some(at) = state.selected.get() else { return Vec::new() };
        let engines = state.outline.with(|s| s.engines.len());
        let other = |engine| state.cell(Selected { engine, ..at });
        (0..engines).filter(|engine| *engine != at.engine).filter_map(other).collect::<Vec<_>>()
    });
    // An engine's habit is worth a word even where it is the only one.
    let own = move || cell.with(|cell| cell.as_ref().and_then(|cell| pool_words(state, cell)));
    let shown = memo(move || others.with(|others| !others.is_empty()));
    let list = move || {
        let this = cell.get()?;
        let others = others.get();
        let open = others.len() <= 2;
        let one = |other: &Cell| against(state, &this, other, open);
        Some(others.iter().map(one).collect_any())
    };
    view! {
        {move || own().map(|words| view! { <p class="pool" data-testid="pool">{words}</p> })}
        <Show when=shown>
            <section class="differences" data-testid="differences">
                <h3>{words!(state, difference.title)}</h3>
                {list}
            </section>
        </Show>
    }
}

/// One other engine: by how much it differs, and the reasons. Read inside a reactive closure.
fn against(state: State, this: &Cell, other: &Cell, open: bool) -> impl IntoView + use<> {
    let (context, users) = state.scenario.with(|s| (s.context, s.users));
    let model = state.catalog.model(&this.model);
    let reasons = model.map_or_else(Vec::new, |model| {
        difference(model.architecture(), context, users, this, other)
    });
    let total: i64 = reasons.iter().map(|reason| reason.bytes).sum();
    let name = format!("{} · {}", other.engine.title(), other.quant);
    let head = match total {
        0 => tr!(state, difference.same, engine = name),
        more @ 1.. => tr!(state, difference.more, engine = name, amount = state.amount(more)),
        less => tr!(state, difference.less, engine = name, amount = state.amount(less)),
    };
    let engine = other.engine;
    let line = |reason: &Reason| {
        let sign = if reason.bytes > 0 { "+" } else { "−" };
        view! {
            <li data-testid="reason" data-bytes=reason.bytes.to_string()>
                <span class="reason-amount">{sign} {state.amount(reason.bytes)}</span>
                " "
                <span>{sentence(state, reason, this, other)}</span>
            </li>
        }
    };
    let lines = reasons.iter().map(line).collect_any();
    let pool = pool_words(state, other);
    view! {
        <details
            class="difference"
            data-testid="difference"
            data-engine=engine.name()
            data-bytes=total.to_string()
            open=open
        >
            <summary>{head}</summary>
            <ul>{lines}</ul>
            {pool.map(|words| view! { <p class="pool">{words}</p> })}
        </details>
    }
}

/// That an engine takes its share of a device whatever the model.
fn pool_words(state: State, cell: &Cell) -> Option<String> {
    let Pool { share, taken, spare } = pool(cell)?;
    Some(tr!(
        state,
        difference.pool,
        engine = cell.engine.title(),
        share = percent(state, share),
        taken = state.quantity(taken).to_string(),
        spare = state.quantity(spare).to_string()
    ))
}

fn percent(state: State, thousandths: u64) -> String {
    format!("{}\u{a0}%", state.number(Style::Plain, thousandths as f64 / 10.0))
}

/// A reason in words. `heavy` is the cell that needs more for it.
fn sentence(state: State, reason: &Reason, this: &Cell, other: &Cell) -> String {
    let (heavy, light) = if reason.bytes > 0 { (other, this) } else { (this, other) };
    let [h, l] = [heavy, light].map(|cell| cell.engine.title());
    let amount = state.amount(reason.bytes);
    match reason.cause {
        Cause::Format => tr!(
            state,
            difference.format,
            heavy = format!("{} ({h})", heavy.quant),
            heavy_size = state.quantity(heavy.weights_bytes).to_string(),
            light = format!("{} ({l})", light.quant),
            light_size = state.quantity(light.weights_bytes).to_string()
        ),
        Cause::Loading if heavy.cache_layout.ranks > light.cache_layout.ranks => {
            tr!(
                state,
                difference.loading_ranks,
                heavy = h,
                n = state.whole(heavy.cache_layout.ranks)
            )
        }
        Cause::Loading => tr!(state, difference.loading, heavy = h, light = l),
        Cause::TiedOutput => tr!(state, difference.tied, heavy = h),
        Cause::InRam(Term::Weights) if light.verdict != Verdict::Offload => {
            tr!(state, difference.embedding, light = l)
        }
        Cause::InRam(Term::Weights) => {
            tr!(state, difference.layers, light = l, amount = amount)
        }
        Cause::InRam(term) => {
            tr!(state, difference.in_ram, light = l, term = lowercase(text::term(state, term)))
        }
        Cause::CacheType => {
            let [heavy, light] = [heavy, light].map(|cell| bits(state, cell));
            tr!(
                state,
                difference.cache_type,
                heavy = h,
                heavy_bits = heavy,
                light = l,
                light_bits = light
            )
        }
        Cause::SlidingWindowCache => {
            let kept = |cell: &Cell| match cell.cache_layout.sliding_window {
                SlidingWindowCache::WindowOnly => tr!(state, difference.window).to_owned(),
                SlidingWindowCache::Whole => tr!(state, difference.whole_context).to_owned(),
                SlidingWindowCache::Share(share) => {
                    tr!(state, difference.share, share = percent(state, share))
                }
            };
            tr!(
                state,
                difference.windows,
                heavy = h,
                heavy_keeps = kept(heavy),
                light = l,
                light_keeps = kept(light)
            )
        }
        Cause::Latents => tr!(state, difference.latents, heavy = h, light = l),
        Cause::Replicas => {
            tr!(state, difference.replicas, heavy = h, n = state.whole(heavy.cache_layout.ranks))
        }
        Cause::Blocks => tr!(state, difference.blocks, heavy = h, light = l),
        Cause::Term(Term::RecurrentState) => tr!(state, difference.states, heavy = h),
        Cause::Term(Term::Compute) => {
            let tokens = |cell: &Cell| match cell.cache_layout.batch_tokens {
                Some(n) => state.tokens(n),
                None => tr!(state, difference.whole_prompt).to_owned(),
            };
            tr!(
                state,
                difference.compute,
                heavy = h,
                heavy_tokens = tokens(heavy),
                light = l,
                light_tokens = tokens(light)
            )
        }
        Cause::Term(Term::CudaGraphs) => tr!(state, difference.graphs, heavy = h),
        Cause::Term(Term::Overhead) => tr!(state, difference.runtime, heavy = h),
        Cause::Term(term) => {
            tr!(state, difference.other, heavy = h, term = text::term(state, term))
        }
    }
}

/// Bits of a cached value: of keys and values, where they differ.
fn bits(state: State, cell: &Cell) -> String {
    let [key, value] = [cell.cache_layout.key_bits, cell.cache_layout.value_bits]
        .map(|bits| state.number(Style::Plain, bits));
    if key == value { key } else { format!("{key}/{value}") }
}
