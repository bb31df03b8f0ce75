//! The figures one by one: what was predicted, what was measured, where it was read, and why it is
//! off. Those outside their interval come first, the worst before the others.

use leptos::prelude::*;

use super::{Shown, amount, name, percent, sentence};
use crate::page::app::reactive::{CollectAny, Show, memo};
use crate::page::app::text::{tr, words};
use headroom::accuracy::table::Row;

/// Figures shown before the reader asks for the rest.
const FIRST: usize = 30;

/// The list.
#[component]
pub fn Cases(shown: Shown) -> impl IntoView {
    let state = shown.state;
    let all = RwSignal::new(false);
    let found = memo(move || {
        shown.part(|part| {
            let rows = part.rows.iter().enumerate();
            let family = shown.family();
            let wanted = rows.filter(|(_, row)| {
                shown.wants(&row.engine, row.figure) && (family.is_none() || family == row.family)
            });
            wanted.map(|(at, _)| at).collect::<Vec<_>>()
        })
    });
    let many = move || found.with(Vec::len);
    let heading = move || {
        let listed = shown.part(|part| (part.rows.len(), part.compared));
        match listed.0 == listed.1 {
            true => tr!(state, accuracy.worst_first).to_owned(),
            false => tr!(
                state,
                accuracy.worst_of,
                listed = state.whole(listed.0 as u64),
                n = state.whole(listed.1 as u64)
            ),
        }
    };
    let rows = move || {
        let most = if all.get() { usize::MAX } else { FIRST };
        let at: Vec<usize> = found.with(|found| found.iter().copied().take(most).collect());
        at.into_iter()
            .filter_map(|at| shown.part(|part| part.rows.get(at).cloned()))
            .map(|row| case(shown, &row))
            .collect_any()
    };
    view! {
        <section class="cases">
            <h3>{heading}</h3>
            <p class="cases-count" role="status">
                {move || tr!(state, accuracy.found, count = many(), n = state.whole(many() as u64))}
            </p>
            <ol class="case-list">{rows}</ol>
            <Show when=move || { !all.get() && many() > FIRST }>
                <button
                    type="button"
                    class="button"
                    data-testid="accuracy-all"
                    on:click=move |_| all.set(true)
                >
                    {move || tr!(state, accuracy.all, n = state.whole(many() as u64))}
                </button>
            </Show>
        </section>
    }
}

fn case(shown: Shown, row: &Row) -> impl IntoView + use<> {
    let state = shown.state;
    let figure = row.figure;
    let [low, expected, high] =
        [row.low, row.expected, row.high].map(|value| amount(state, figure, value));
    let exact = row.low == row.high;
    let between = (!exact).then(|| tr!(state, accuracy.between, low = low, high = high));
    let subject = &row.subject;
    let users = subject.users.filter(|users| *users > 1);
    let what = [
        Some(subject.quant.clone()),
        Some(subject.devices.clone()),
        subject.context.map(|context| state.tokens(context)),
        users.map(|users| tr!(state, accuracy.sequences, count = users, n = state.whole(users))),
        Some(subject.version.clone()),
    ];
    let what: Vec<String> = what.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let mark = match (row.covered, row.measured > row.expected) {
        (true, _) => tr!(state, accuracy.within),
        (false, true) => tr!(state, accuracy.above),
        (false, false) => tr!(state, accuracy.below),
    };
    let why = row.why.as_deref().map(|why| sentence(shown, why));
    let address = row.source.clone();
    let named = (!address.is_empty()).then(|| {
        let host = address.trim_start_matches("https://");
        let host: Vec<&str> = host.split('/').take(3).collect();
        let host = host.join("/");
        view! {
            <a href=address.clone() target="_blank" rel="noopener noreferrer">
                {host}
            </a>
        }
    });
    let unnamed = row.source.is_empty().then(|| tr!(state, accuracy.unnamed));
    view! {
        <li class="case" data-testid="accuracy-case" data-covered=row.covered.to_string()>
            <p class="case-error">
                <strong>{percent(state, row.error)}</strong>
                <span>{mark}</span>
            </p>
            <div class="case-what">
                <p class="case-model">
                    <strong>{state.model_name(&subject.model)}</strong>
                    " "
                    <span>{row.engine.clone()} " · " {name(state, figure)}</span>
                </p>
                <p class="case-settings">{what.join(" · ")}</p>
                <p class="case-why">{why}</p>
                <p class="case-source">
                    {words!(state, accuracy.source)} ": " {named} {unnamed}
                    {row.second_hand.then(|| format!(" ({})", tr!(state, accuracy.second_hand)))}
                </p>
            </div>
            <dl class="case-figures">
                <div>
                    <dt>{words!(state, accuracy.measured)}</dt>
                    <dd>{amount(state, figure, row.measured)}</dd>
                </div>
                <div>
                    <dt>{words!(state, accuracy.predicted)}</dt>
                    <dd>{expected} <small>{between}</small></dd>
                </div>
            </dl>
        </li>
    }
}
