//! The comparison: a row for each model, a column for each quantisation.

use leptos::prelude::*;

use super::icons::VerdictIcon;
use super::models::{AddModel, RemoveModel};
use super::numbers::Style;
use super::state::{State, use_state};
use super::text::{self, tr, words};
use crate::quant::Quant;
use crate::report::{Cell, Notice, Verdict};
use crate::scenario::Selected;
use crate::units::Bytes;
use crate::web::answer::{Columns, Row};

/// The order of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// As asked for.
    Asked,
    /// By the model's name.
    Name,
    /// By memory on the first machine, smallest first.
    Memory(Quant),
}

/// The whole table with the field that adds a row.
#[component]
pub fn Table() -> impl IntoView {
    let state = use_state();
    let order = RwSignal::new(Order::Asked);
    let quants = state.slice(|scenario| scenario.quants.clone());
    let machines = state.slice(|scenario| scenario.machines.len());
    let complete =
        state.slice(|s| !(s.models.is_empty() || s.machines.is_empty() || s.quants.is_empty()));
    let embedded = state.slice(|scenario| scenario.embed);
    let columns = move || quants.with(|quants| quants.len() + 2);
    view! {
        <section class="comparison">
            <Show when=move || complete.get()>
                <div
                    class="table-scroll"
                    role="region"
                    tabindex="0"
                    aria-label=words!(state, table.caption)
                >
                    <table
                        class="table"
                        data-testid="table"
                        style:--columns=move || (columns() - 1).to_string()
                    >
                        <caption class="vh">
                            {words!(state, table.caption)} ". " {move || sorted(state, order.get())}
                        </caption>
                        <thead>
                            <tr>
                                <SortHeader order this=Order::Name>
                                    {words!(state, table.model)}
                                </SortHeader>
                                <For each=move || quants.get() key=|quant| *quant let(quant)>
                                    <SortHeader order this=Order::Memory(quant)>
                                        {quant.to_string()}
                                    </SortHeader>
                                </For>
                                <th scope="col" class="copies-head">
                                    {words!(state, table.side_by_side)}
                                    <small>{move || quants.with(|quants| names(quants))}</small>
                                </th>
                            </tr>
                        </thead>
                        <For each=move || 0..machines.get() key=|machine| *machine let(machine)>
                            <tbody>
                                <Show when=move || { machines.get() > 1 }>
                                    <tr class="machine-row">
                                        <th scope="rowgroup" colspan=columns>
                                            {move || machine_name(state, machine)}
                                        </th>
                                    </tr>
                                </Show>
                                <For
                                    each=move || ordered(state, order.get())
                                    key=Clone::clone
                                    let(id)
                                >
                                    <ModelRow id machine />
                                </For>
                            </tbody>
                        </For>
                    </table>
                </div>
            </Show>
            <Show when=move || !embedded.get()>
                <AddModel />
            </Show>
        </section>
    }
}

/// A column's header: a button that sorts by it.
#[component]
fn SortHeader(order: RwSignal<Order>, this: Order, children: Children) -> impl IntoView {
    let state = use_state();
    let title = move || match this {
        Order::Memory(quant) => tr!(state, table.sort_memory, quant = quant.to_string()),
        _ => tr!(state, table.sort_name).to_owned(),
    };
    view! {
        <th scope="col" aria-sort=move || (order.get() == this).then_some("ascending")>
            <button
                type="button"
                class="sort"
                title=title
                on:click=move |_| {
                    order.update(|order| *order = if *order == this { Order::Asked } else { this });
                }
            >
                {children()}
            </button>
        </th>
    }
}

/// One model on one machine.
#[component]
fn ModelRow(id: String, machine: usize) -> impl IntoView {
    let state = use_state();
    let row = state.row(&id);
    let quants = state.slice(|scenario| scenario.quants.clone());
    let embedded = state.slice(|scenario| scenario.embed);
    let params = Memo::new({
        let row = row.clone();
        move |_| {
            let first = row.with(|row| row.iter().find_map(|cell| cell.as_ref().ok().cloned()));
            first.map(|cell| (cell.params_total, cell.params_active))
        }
    });
    let parameters = move || {
        let (total, active) = params.get()?;
        let compact = |n: u64| state.number(Style::Compact, n as f64);
        Some(match total == active {
            true => compact(total),
            false => {
                format!("{} · {} {}", compact(total), tr!(state, table.active), compact(active))
            }
        })
    };
    let copies_row = row.clone();
    let name = state.model_name(&id);
    let removable = id.clone();
    let cell_id = StoredValue::new(id);
    view! {
        <tr>
            <th scope="row" class="model">
                <div class="model-head">
                    <span class="model-name">{name}</span>
                    <span class="model-params">{parameters}</span>
                </div>
                <Show when=move || !embedded.get()>
                    <RemoveModel id=removable.clone() />
                </Show>
            </th>
            <For each=move || quants.get() key=|quant| *quant let(quant)>
                <CellButton id=cell_id.get_value() machine quant />
            </For>
            <td class="copies">
                <Copies row=copies_row machine />
            </td>
        </tr>
    }
}

/// What a cell shows.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    verdict: Verdict,
    used: Bytes,
    headroom: i64,
    in_ram: Bytes,
    /// How full the devices are, 1 at the brim.
    fill: f64,
}

impl Shown {
    fn new(cell: &Cell) -> Shown {
        let usable: u64 = match cell.devices.is_empty() {
            true => cell.host.ram_bytes.0,
            false => cell.devices.iter().map(|device| device.usable_bytes.0).sum(),
        };
        Shown {
            verdict: cell.verdict,
            used: cell.device_bytes.expected,
            headroom: cell.headroom_bytes,
            in_ram: cell.ram_bytes(),
            fill: cell.device_bytes.expected.0 as f64 / usable.max(1) as f64,
        }
    }
}

/// One cell: total memory and verdict; a click opens its bill.
#[component]
fn CellButton(id: String, machine: usize, quant: Quant) -> impl IntoView {
    let state = use_state();
    let row = state.row(&id);
    let place = {
        let id = id.clone();
        state.slice(move |s| {
            let model = s.models.iter().position(|model| *model == id)?;
            let quant = s.quants.iter().position(|present| *present == quant)?;
            let at = Selected { model, machine, quant, engine: 0 };
            Some((at, Columns::of(s)))
        })
    };
    let cell = Memo::new(move |_| {
        let (at, columns) = place.get()?;
        row.with(|row| {
            let cell = columns.entry(row, at)?;
            Some(cell.as_ref().map(Shown::new).map_err(Clone::clone))
        })
    });
    let shown = Memo::new(move |_| cell.get()?.ok());
    let verdict = Memo::new(move |_| shown.get().map(|shown| shown.verdict));
    let open = Memo::new(move |_| {
        state.selected.get().is_some_and(|at| Some(at) == place.get().map(|(at, _)| at))
    });
    let hardware = state.slice(move |s| s.machines.get(machine).map(|m| m.to_query()));
    let quantity = move || shown.get().map(|shown| state.quantity(shown.used));
    let beside = move || {
        let shown = shown.get()?;
        let beside = match shown.verdict {
            Verdict::No => state.amount(shown.headroom),
            Verdict::Offload => state.quantity(shown.in_ram).to_string(),
            Verdict::Fits | Verdict::Tight => return None,
        };
        Some(format!("+{beside}"))
    };
    let name = state.model_name(&id);
    let select = move |_| {
        if let Some((at, _)) = place.get_untracked() {
            state.choose(|s| s.selected = Some(at));
        }
    };
    view! {
        <td>
            <button
                type="button"
                class="cell"
                data-testid="cell"
                data-model=id
                data-quant=quant.to_string()
                data-machine=move || hardware.get()
                data-verdict=move || verdict.get().map(text::verdict_key)
                data-bytes=move || shown.get().map(|shown| shown.used.0.to_string())
                title=move || shown.get().map(|shown| state.bytes(shown.used))
                aria-pressed=move || open.get().to_string()
                prop:disabled=move || shown.get().is_none()
                on:click=select
            >
                <span class="vh">{name} " "</span>
                <span class="cell-quant">{quant.to_string()}" "</span>
                {move || match cell.get() {
                    Some(Err(notice)) => {
                        view! { <span class="cell-refused">{refusal(state, &notice)}</span> }
                            .into_any()
                    }
                    None => ().into_any(),
                    Some(Ok(_)) => {
                        view! {
                            <span class="figure">
                                <span class="figure-number">{move || quantity().map(|q| q.number)}</span>
                                " "
                                <span class="figure-unit">{move || quantity().map(|q| q.unit)}</span>
                            </span>
                            <span
                                class="gauge"
                                style:--fill=move || {
                                    let fill = shown.get().map_or(0.0, |shown| shown.fill.min(1.0));
                                    format!("{}%", fill * 100.0)
                                }
                            ></span>
                            <span class="cell-verdict">
                                {move || verdict.get().map(|verdict| view! { <VerdictIcon verdict /> })}
                                <span>{move || verdict.get().map(|v| text::verdict(state, v))}</span>
                                " "
                                <span class="cell-beside">{beside}</span>
                            </span>
                        }
                            .into_any()
                    }
                }}
            </button>
        </td>
    }
}

/// How many copies fit side by side, at each quantisation.
#[component]
fn Copies(row: ArcMemo<Row>, machine: usize) -> impl IntoView {
    let state = use_state();
    let columns = state.slice(|scenario| (scenario.quants.clone(), Columns::of(scenario)));
    let copies = Memo::new(move |_| {
        let (quants, columns) = columns.get();
        row.with(|row| {
            let copies = |quant: usize| {
                let at = Selected { model: 0, machine, quant, engine: 0 };
                columns.entry(row, at)?.as_ref().ok().map(|cell| cell.copies)
            };
            let each = quants.iter().enumerate();
            each.map(|(at, quant)| (quant.to_string(), copies(at))).collect::<Vec<_>>()
        })
    });
    let words = move |quant: &str, copies: Option<u64>| {
        let at = tr!(state, table.at_quant, quant = quant);
        match copies {
            Some(n) => {
                let copies = tr!(state, counts.copies, count = n, n = state.whole(n));
                format!("{copies} {at}")
            }
            None => format!("— {at}"),
        }
    };
    let one = move |(quant, copies): (String, Option<u64>)| {
        let words = words(&quant, copies);
        let (title, key) = (words.clone(), quant.clone());
        view! {
            <li data-testid="copies" data-quant=key title=title>
                <span class="copies-quant" aria-hidden="true">{quant}</span>
                <span class="copies-number" aria-hidden="true">
                    {copies.map_or_else(|| "—".to_owned(), |n| state.whole(n))}
                </span>
                <span class="vh">{words}</span>
            </li>
        }
    };
    view! { <ul class="copies-list" data-title=words!(state, table.side_by_side)>{move || copies.get().into_iter().map(one).collect_view()}</ul> }
}

/// Why a cell has no figure, in a word or two; the notice says the rest.
fn refusal(state: State, notice: &Notice) -> String {
    match notice {
        Notice::UnknownModel { .. } => tr!(state, table.no_such_model).to_owned(),
        Notice::UnknownDevice { .. } => tr!(state, table.no_such_device).to_owned(),
        Notice::EngineCannotRun { engine, .. } | Notice::EngineCannotUse { engine, .. } => {
            tr!(state, table.not_in_engine, engine = engine.as_str())
        }
        Notice::EngineRefuses(refusal) => {
            tr!(state, table.not_in_engine, engine = refusal.engine.as_str())
        }
        _ => tr!(state, table.missing_cell).to_owned(),
    }
}

fn machine_name(state: State, machine: usize) -> Option<String> {
    let machine = state.scenario.with(|s| s.machines.get(machine).cloned())?;
    Some(state.machine_name(&machine))
}

/// The models in the order of the rows.
fn ordered(state: State, order: Order) -> Vec<String> {
    let (mut ids, quants) = state.scenario.with(|s| (s.models.clone(), s.quants.clone()));
    match order {
        Order::Asked => {}
        Order::Name => ids.sort_by_cached_key(|id| state.model_name(id).to_lowercase()),
        Order::Memory(quant) => {
            let Some(at) = quants.iter().position(|present| *present == quant) else { return ids };
            let at = at * state.scenario.with(|s| s.engines.len());
            ids.sort_by_cached_key(|id| {
                state.row(id).with(|row| {
                    let cell = row.get(at).and_then(|cell| cell.as_ref().ok());
                    cell.map_or(u64::MAX, |cell| cell.device_bytes.expected.0)
                })
            });
        }
    }
    ids
}

/// The order in words, for the caption.
fn sorted(state: State, order: Order) -> String {
    match order {
        Order::Asked => String::new(),
        Order::Name => tr!(state, table.sorted_name).to_owned(),
        Order::Memory(quant) => tr!(state, table.sorted_memory, quant = quant.to_string()),
    }
}

/// The quantisations in the order of the numbers below, as far as they have room.
fn names(quants: &[Quant]) -> String {
    match quants.len() {
        0..=4 => quants.iter().map(Quant::to_string).collect::<Vec<_>>().join(" / "),
        _ => String::new(),
    }
}
