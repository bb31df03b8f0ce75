//! The order of the table's rows, and which of them are fast enough to be shown.

use leptos::prelude::*;

use super::CellPath;
use crate::entry::AxisEntry;
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::panels::speed;
use crate::page::widgets::field::Select;
use headroom::letters::lowercase;
use headroom::report::Overview;
use headroom::scenario::Axis;
use headroom::sort;

/// The order of the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// As asked for.
    Asked,
    /// By name.
    Name,
    /// By memory in a column, smallest first.
    Memory(AxisEntry),
    /// By decode rate in a column, fastest first.
    Speed(AxisEntry),
}

/// A column's header: a button that sorts by it.
#[component]
pub fn SortHeader(order: RwSignal<Order>, this: Order, children: Children) -> impl IntoView {
    let state = use_state();
    let this = StoredValue::new(this);
    // A column is sorted by memory, then by speed, then as it was.
    let next = move || {
        this.with_value(|this| match (order.get(), this) {
            (Order::Memory(now), Order::Memory(col)) if now == *col => Order::Speed(now),
            (Order::Speed(now), Order::Memory(col)) if now == *col => Order::Asked,
            (Order::Name, Order::Name) => Order::Asked,
            _ => this.clone(),
        })
    };
    let title = move || match next() {
        Order::Memory(col) => tr!(state, table.sort_memory, quant = state.entry_name(&col)),
        Order::Speed(col) => tr!(state, speed.sort_by_speed, col = state.entry_name(&col)),
        Order::Name => tr!(state, table.sort_name).to_owned(),
        Order::Asked => tr!(state, speed.sort_none).to_owned(),
    };
    let sorted = move || {
        this.with_value(|this| match (order.get(), this) {
            (Order::Speed(now), Order::Memory(col)) if now == *col => Some("descending"),
            (now, this) => (now == *this).then_some("ascending"),
        })
    };
    view! {
        <th scope="col" aria-sort=sorted>
            <button
                type="button"
                class="sort"
                title=title
                on:click=move |_| {
                    let next = untrack(next);
                    order.set(next);
                }
            >
                {children()}
            </button>
        </th>
    }
}

/// The order of the rows as a field, for those who don't look for it in the headers.
#[component]
pub fn OrderField(order: RwSignal<Order>, cols: Memo<Vec<AxisEntry>>) -> impl IntoView {
    let state = use_state();
    let name = move |order: &Order| match order {
        Order::Asked => tr!(state, speed.sort_asked).to_owned(),
        Order::Name => tr!(state, speed.sort_name).to_owned(),
        Order::Memory(col) => tr!(state, speed.sort_memory, col = state.entry_name(col)),
        Order::Speed(col) => tr!(state, speed.sort_speed, col = state.entry_name(col)),
    };
    let orders = move || {
        let memory = cols.get().into_iter().map(Order::Memory);
        let speed = cols.get().into_iter().map(Order::Speed);
        [Order::Asked, Order::Name].into_iter().chain(memory).chain(speed).collect::<Vec<_>>()
    };
    let options = move || {
        let option = |(i, order): (usize, Order)| (i.to_string(), name(&order));
        orders().into_iter().enumerate().map(option).collect::<Vec<_>>()
    };
    let value = move || {
        let at = orders().iter().position(|one| order.with(|order| order == one));
        at.unwrap_or(0).to_string()
    };
    view! {
        <Select
            label=words!(state, speed.sort)
            options=Signal::derive(options)
            value=Signal::derive(value)
            choose=Callback::new(move |at: String| {
                let orders = untrack(orders);
                if let Some(chosen) = at.parse().ok().and_then(|at: usize| orders.get(at)) {
                    order.set(chosen.clone());
                }
            })
            testid="order-select"
        />
    }
}

/// The expected decode rate of the cell at `spot`.
fn decode(state: State, spot: &CellPath) -> Option<f64> {
    let at = state.outline.with(|s| spot.at(s))?;
    let tps = |cell: &Overview| cell.decode.map(|decode| decode.tps.expected);
    state.with_answer(at, |answer| answer.as_ref().ok().and_then(tps)).flatten()
}

/// A cell of the row is as fast as asked for.
pub fn is_fast_enough(state: State, row: &CellPath) -> bool {
    if state.outline.with(|s| s.serving.min_tps).is_none() {
        return true;
    }
    let cols = state.outline.with(|s| AxisEntry::all(state.layout.get().cols, s));
    let enough = |col: AxisEntry| {
        let tps = decode(state, &row.and(col));
        state.outline.with(|s| speed::is_enough(s, tps))
    };
    cols.into_iter().any(enough)
}

/// The rows of a group in their order.
pub fn ordered(state: State, group: &CellPath, axis: Axis, order: &Order) -> Vec<AxisEntry> {
    let mut rows = state.outline.with(|s| AxisEntry::all(axis, s));
    rows.retain(|row| is_fast_enough(state, &group.and(row.clone())));
    match order {
        Order::Asked => {}
        Order::Name => sort::by_key(&mut rows, |row| lowercase(&state.entry_name(row))),
        Order::Memory(col) => sort::by_key(&mut rows, |row| {
            let at = state.outline.with(|s| group.and(row.clone()).and(col.clone()).at(s));
            let bytes = at.and_then(|at| {
                let bytes = |cell: &Overview| cell.summary.device_bytes.0;
                state.with_answer(at, |answer| answer.as_ref().ok().map(bytes))
            });
            bytes.flatten().unwrap_or(u64::MAX)
        }),
        Order::Speed(col) => {
            let tps = |row: &AxisEntry| decode(state, &group.and(row.clone()).and(col.clone()));
            let mut rated: Vec<_> = rows.into_iter().map(|row| (tps(&row), row)).collect();
            sort::by(&mut rated, |(a, _), (b, _)| b.unwrap_or(-1.0).total_cmp(&a.unwrap_or(-1.0)));
            rows = rated.into_iter().map(|(_, row)| row).collect();
        }
    }
    rows
}

/// The order in words, for the caption.
pub fn sorted(state: State, order: Order) -> String {
    match order {
        Order::Asked => String::new(),
        Order::Name => tr!(state, table.sorted_name).to_owned(),
        Order::Speed(entry) => {
            tr!(state, speed.sorted_speed, col = state.entry_name(&entry))
        }
        Order::Memory(entry) => {
            tr!(state, table.sorted_memory, quant = state.entry_name(&entry))
        }
    }
}
