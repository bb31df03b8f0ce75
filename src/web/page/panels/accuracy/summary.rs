//! How each engine's figures came out, a row a figure, sorted by the column that is chosen.

use leptos::prelude::*;

use crate::page::app::reactive::CollectAny;

use super::{Shown, name, percent};
use crate::page::app::text::{tr, words};
use headroom::accuracy::Summary;
use headroom::accuracy::table::Group;
use headroom::sort;

/// By what the rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// By engine and figure.
    Name,
    /// Most figures first.
    Count,
    /// Largest median error first.
    Median,
    /// Largest 90th percentile first.
    P90,
    /// Least inside the interval first.
    Inside,
    /// Widest interval first.
    Width,
}

impl Order {
    /// The value by which rows fall.
    fn value(self, summary: &Summary) -> f64 {
        match self {
            Order::Name => 0.0,
            Order::Count => summary.n as f64,
            Order::Median => summary.median,
            Order::P90 => summary.p90,
            Order::Inside => -summary.share(),
            Order::Width => summary.width,
        }
    }
}

/// The table.
#[component]
pub fn Summaries(shown: Shown) -> impl IntoView {
    let state = shown.state;
    let order = RwSignal::new(Order::Name);
    let rows = move || {
        let one = shown.asked.with(|asked| asked.engine.is_some() && asked.figure.is_some());
        let mut groups: Vec<Group> = shown.part(|part| {
            let wanted = part.groups.iter().filter(|g| shown.wants(&g.engine, g.figure));
            // Families of devices are many: they are shown of one figure at a time.
            let family = shown.family();
            let shows = |g: &&Group| match (&family, &g.family) {
                (None, of) => of.is_none() || one,
                (family, of) => of.is_none() || *of == *family,
            };
            wanted.filter(shows).cloned().collect()
        });
        let by = order.get();
        sort::by(&mut groups, |a, b| by.value(&b.summary).total_cmp(&by.value(&a.summary)));
        groups
    };
    let head = move |this: Order, label: Signal<String>| {
        let direction = if this == Order::Name { "ascending" } else { "descending" };
        view! {
            <th scope="col" aria-sort=move || (order.get() == this).then_some(direction)>
                <button type="button" class="sort" on:click=move |_| order.set(this)>
                    {label}
                </button>
            </th>
        }
    };
    view! {
        <div class="table-scroll" role="region" tabindex="0" aria-label=words!(state, accuracy.groups)>
            <table class="summaries" data-testid="accuracy-groups">
                <caption class="vh">{words!(state, accuracy.groups)}</caption>
                <thead>
                    <tr>
                        {head(Order::Name, words!(state, accuracy.figure))}
                        {head(Order::Count, words!(state, accuracy.n))}
                        {head(Order::Median, words!(state, accuracy.median))}
                        {head(Order::P90, words!(state, accuracy.p90))}
                        {head(Order::Inside, words!(state, accuracy.inside))}
                        {head(Order::Width, words!(state, accuracy.width))}
                    </tr>
                </thead>
                <tbody>{move || rows().into_iter().map(|group| row(shown, &group)).collect_any()}</tbody>
            </table>
        </div>
    }
}

fn row(shown: Shown, group: &Group) -> impl IntoView + use<> {
    let state = shown.state;
    let Summary { n, covered, median, p90, width } = group.summary;
    let second_hand = group.second_hand.then(|| tr!(state, accuracy.second_hand));
    let low = covered * 10 < n * 9;
    view! {
        <tr data-testid="accuracy-group">
            <th scope="row">
                <span class="summary-engine">{group.engine.clone()}</span>
                " "
                {group.family.clone().unwrap_or_else(|| name(state, group.figure).to_owned())}
                " "
                <small>{second_hand}</small>
            </th>
            <td>{state.whole(n as u64)}</td>
            <td>{percent(state, median)}</td>
            <td>{percent(state, p90)}</td>
            <td data-low=low.to_string()>
                {percent(state, covered as f64 / n.max(1) as f64)}
                " "
                <small>{format!("{}/{}", state.whole(covered as u64), state.whole(n as u64))}</small>
            </td>
            <td>{percent(state, width)}</td>
        </tr>
    }
}
