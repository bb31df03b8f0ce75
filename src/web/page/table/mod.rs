//! The comparison: rows and columns of what is compared, grouped where there is a third thing.

mod order;
mod window;

use leptos::prelude::*;

use crate::edit;
use crate::entry::{self, AxisEntry};
use crate::page::app::numbers::Style;
use crate::page::app::reactive::{CollectAny, For, Show, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{self, tr, words};
use crate::page::panels::speed::{self, CellSpeed, MarkNote, SpeedFilter};
use crate::page::question::axes::{Axes, axis_name};
use crate::page::question::models::AddModel;
use crate::page::widgets::icons::{Cross, VerdictIcon};
use headroom::letters::lowercase;
use headroom::report::{Notice, Overview, RefusalReason, Summary, Verdict};
use headroom::scenario::{Axis, Layout, Scenario, Selected};
use order::{Order, OrderField, SortHeader, ordered, sorted};
use window::Window;

/// Which of several entries a cell is in: its group of rows, row and column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CellPath(Vec<AxisEntry>);

impl CellPath {
    fn and(&self, entry: AxisEntry) -> CellPath {
        CellPath(self.0.iter().cloned().chain([entry]).collect())
    }

    /// The cell; on axes that are not shown, where the table is open.
    fn at(&self, scenario: &Scenario) -> Option<Selected> {
        let open = entry::focused_cell(scenario);
        self.0.iter().try_fold(open, |at, entry| entry.place(scenario, at))
    }
}

/// A line of the table: a row, or without one the heading of its group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Line {
    group: Option<AxisEntry>,
    row: Option<AxisEntry>,
}

/// The whole table with the field that adds a row.
#[component]
pub fn Table() -> impl IntoView {
    let state = use_state();
    let order = RwSignal::new(Order::Asked);
    let complete = state.slice(|s| Axis::ALL.iter().all(|axis| axis.count(s) > 0));
    let embedded = state.slice(|scenario| scenario.embed);
    let cols = memo(move || state.outline.with(|s| AxisEntry::all(state.layout.get().cols, s)));
    let groups = memo(move || {
        let of = |axis| state.outline.with(|s| AxisEntry::all(axis, s));
        match state.layout.get().groups {
            Some(axis) => of(axis).into_iter().map(Some).collect::<Vec<_>>(),
            None => vec![None],
        }
    });
    let lines = memo(move || {
        let axis = state.layout.get().rows;
        let of_group = |group: &Option<AxisEntry>| {
            let spot = CellPath(group.iter().cloned().collect());
            let rows = ordered(state, &spot, axis, &order.get()).into_iter().map(Some);
            let rows = group.is_some().then_some(None).into_iter().chain(rows);
            rows.map(|row| Line { group: group.clone(), row }).collect::<Vec<_>>()
        };
        groups.with(|groups| groups.iter().flat_map(of_group).collect::<Vec<_>>())
    });
    let hidden = memo(move || {
        let axis = state.layout.get().rows;
        let all = state.outline.with(|s| AxisEntry::all(axis, s).len()) * groups.with(Vec::len);
        all - lines.with(|lines| lines.iter().filter(|line| line.row.is_some()).count()).min(all)
    });
    let table = NodeRef::new();
    let window = Window::over(state.rows.pace, table, lines, cols);
    // The groups that have a line drawn.
    let drawn = memo(move || {
        let mut groups: Vec<_> = window.lines().into_iter().map(|line| line.group).collect();
        groups.dedup();
        groups
    });
    let columns = move || cols.with(|cols| cols.len() + 2);
    let caption = move || {
        let Layout { rows, cols, .. } = state.layout.get();
        let (rows, cols) = (axis_name(state, rows), axis_name(state, cols));
        tr!(state, table.caption, rows = lowercase(&rows), cols = lowercase(&cols))
    };
    let names = move || {
        cols.with(|cols| match cols.len() {
            0..=4 if state.layout.get().cols != Axis::Hardware => {
                let names = cols.iter().map(|entry| state.entry_name(entry));
                names.collect::<Vec<_>>().join(" / ")
            }
            _ => String::new(),
        })
    };
    view! {
        <section class="comparison">
            <Show when=complete>
                <div class="table-head">
                <Show when=move || !embedded.get()>
                    <div class="tools">
                        <OrderField order cols />
                        <SpeedFilter hidden />
                    </div>
                </Show>
                <Axes />
                </div>
                <div class="table-scroll" role="region" tabindex="0" aria-label=caption>
                    <table
                        node_ref=table
                        class="table"
                        aria-rowcount=move || window.count()
                        data-testid="table"
                        style:--columns=move || (columns() - 1).to_string()
                    >
                        <caption class="vh">
                            {caption} ". " {move || sorted(state, order.get())}
                        </caption>
                        <thead>
                            <tr>
                                <SortHeader order this=Order::Name>
                                    {move || axis_name(state, state.layout.get().rows)}
                                </SortHeader>
                                <For each=move || cols.get() key=Clone::clone let(col)>
                                    <SortHeader order this=Order::Memory(col.clone())>
                                        {move || state.entry_name(&col)}
                                    </SortHeader>
                                </For>
                                <th scope="col" class="copies-head">
                                    {words!(state, table.side_by_side)} <small>{names}</small>
                                </th>
                            </tr>
                        </thead>
                        <Spacer height=Signal::derive(move || window.above()) />
                        <For each=move || drawn.get() key=Clone::clone let(group)>
                            <Group group window cols />
                        </For>
                        <Spacer height=Signal::derive(move || window.below()) />
                    </table>
                </div>
                <MarkNote />
            </Show>
            <Show when=move || !embedded.get()>
                <AddModel testid="model-add" />
            </Show>
        </section>
    }
}

/// The place of lines that are not drawn.
#[component]
fn Spacer(height: Signal<f64>) -> impl IntoView {
    view! {
        <Show when=move || { height.get() > 0.0 }>
            <tbody class="spacer" aria-hidden="true">
                <tr style:block-size=move || format!("{}px", height.get())></tr>
            </tbody>
        </Show>
    }
}

/// Rows that belong together, under a heading where there are several groups.
#[component]
fn Group(group: Option<AxisEntry>, window: Window, cols: Memo<Vec<AxisEntry>>) -> impl IntoView {
    let spot = CellPath(group.iter().cloned().collect());
    let rows = memo(move || {
        let lines = window.lines().into_iter().filter(|line| line.group == group);
        lines.map(|line| line.row).collect::<Vec<_>>()
    });
    let line = move |row: Option<AxisEntry>| match row {
        Some(row) => view! { <Row spot=spot.and(row.clone()) row window cols /> }.into_any(),
        None => {
            let heading = spot.0.first().cloned().map(|entry| {
                view! { <RowHeader entry spot=spot.clone() cols /> }
            });
            view! {
                <tr class="group-row">
                    <th scope="rowgroup" colspan=move || cols.with(|cols| cols.len() + 2)>
                        {heading}
                    </th>
                </tr>
            }
            .into_any()
        }
    };
    view! {
        <tbody>
            <For each=move || rows.get() key=Clone::clone children=line />
        </tbody>
    }
}

/// What a row or a group of rows is, and the button that takes it out.
#[component]
fn RowHeader(entry: AxisEntry, spot: CellPath, cols: Memo<Vec<AxisEntry>>) -> impl IntoView {
    let state = use_state();
    let embedded = state.slice(|scenario| scenario.embed);
    let entry = StoredValue::new(entry);
    let name = memo(move || entry.with_value(|entry| state.entry_name(entry)));
    // A figure of the row itself, from the first of its cells that has one.
    let detail = memo(move || {
        let read = |cell: &Overview| detail(state, entry.with_value(AxisEntry::axis), cell);
        cols.get().into_iter().find_map(|col| {
            let at = state.outline.with(|s| spot.and(col).at(s))?;
            state.with_answer(at, |answer| answer.as_ref().ok().map(read))?
        })
    });
    view! {
        <div class="model-head">
            <span class="model-name">{name}</span>
            <span class="model-params">{detail}</span>
        </div>
        <Show when=move || !embedded.get()>
            <button
                type="button"
                class="button button-icon button-quiet"
                data-testid=move || entry.with_value(|entry| format!("{}-remove", entry.axis().name()))
                title=words!(state, models.remove, name = name.get())
                aria-label=words!(state, models.remove, name = name.get())
                on:click=move |_| {
                    state.choose(|s| entry.with_value(|entry| edit::remove(s, entry)));
                }
            >
                <Cross />
            </button>
        </Show>
    }
}

/// What is said of an entry beside its name.
fn detail(state: State, axis: Axis, cell: &Overview) -> String {
    match axis {
        Axis::Model => {
            let compact = |n: u64| state.number(Style::Compact, n as f64);
            let (total, active) = (compact(cell.params_total), compact(cell.params_active));
            match cell.params_total == cell.params_active {
                true => total,
                false => format!("{total} · {} {active}", tr!(state, table.active)),
            }
        }
        Axis::Hardware => {
            let usable = state.quantity(cell.usable_bytes).to_string();
            match cell.has_devices {
                true => tr!(state, bill.of_usable, amount = usable),
                false => tr!(state, bill.of_ram, amount = usable),
            }
        }
        Axis::Quant | Axis::Engine => String::new(),
    }
}

/// One row.
#[component]
fn Row(
    spot: CellPath,
    row: AxisEntry,
    window: Window,
    cols: Memo<Vec<AxisEntry>>,
) -> impl IntoView {
    let place = spot.clone();
    let copies = spot.clone();
    let head = spot.clone();
    let spot = StoredValue::new(spot);
    view! {
        <tr aria-rowindex=move || window.place(&place)>
            <th scope="row" class="model">
                <RowHeader entry=row spot=head cols />
            </th>
            <For each=move || cols.get() key=Clone::clone let(col)>
                <CellButton spot=spot.with_value(|spot| spot.and(col.clone())) col />
            </For>
            <td class="copies">
                <Copies spot=copies cols />
            </td>
        </tr>
    }
}

/// What a cell says beside its verdict: what is missing, or is in RAM.
fn beside(state: State, of: &Overview) -> Option<String> {
    let Summary { verdict, ram_bytes, headroom_bytes, .. } = of.summary;
    match verdict {
        Verdict::No => Some(tr!(state, bill.short, amount = state.amount(headroom_bytes))),
        Verdict::Offload => Some(state.quantity(ram_bytes).to_string()),
        Verdict::Fits | Verdict::Tight => None,
    }
}

/// The format of a cell, where it stands for another, and not under another name.
fn other_format(of: &Overview) -> Option<String> {
    let quant = of.summary.quant;
    let other = of.requested_quant.filter(|asked| !quant.is_also_called(*asked));
    other.map(|_| quant.to_string())
}

/// How full the devices of a cell are, 1 at the brim.
fn fill(of: &Overview) -> f64 {
    of.summary.device_bytes.0 as f64 / of.usable_bytes.0.max(1) as f64
}

/// One cell: total memory and verdict; a click opens its bill.
#[component]
fn CellButton(spot: CellPath, col: AxisEntry) -> impl IntoView {
    let state = use_state();
    let place = {
        let spot = spot.clone();
        state.slice(move |s| spot.at(s))
    };
    let cell = memo(move || state.with_answer(place.get()?, Clone::clone));
    // What is drawn changes with nearly every answer, so a memo between would only be one more to
    // follow; and a view that is made anew sets every attribute anew.
    let is_answered = move || cell.with(|cell| matches!(cell, Some(Ok(_))));
    let verdict = memo(move || of(cell, |shown| shown.summary.verdict));
    let open = memo(move || place.get().is_some_and(|at| state.selected.get() == Some(at)));
    let key = move |axis: Axis| {
        let at = place.get()?;
        state.outline.with(|s| match axis {
            Axis::Model => s.models.get(at.model).cloned(),
            Axis::Hardware => s.machines.get(at.machine).map(|machine| machine.to_query()),
            Axis::Quant => s.quants.get(at.quant).map(ToString::to_string),
            Axis::Engine => s.engines.get(at.engine).map(ToString::to_string),
        })
    };
    let bytes = move || of(cell, |shown| shown.summary.device_bytes);
    let used = move || bytes().map(|used| state.quantity(used));
    let decode = move || of(cell, |shown| shown.decode).flatten();
    let tps = move || decode().map(|decode| decode.tps.expected);
    let slow = move || !state.outline.with(|s| speed::is_enough(s, tps()));
    let title = move || {
        let bytes = state.bytes(bytes()?);
        Some(match decode() {
            Some(decode) => format!("{bytes}\n{}", speed::decode_words(state, decode)),
            None => bytes,
        })
    };
    let col = StoredValue::new(col);
    let row_names = move || {
        let names = spot.0.iter().filter(|entry| col.with_value(|col| col != *entry));
        names.map(|entry| state.entry_name(entry)).collect::<Vec<_>>().join(", ")
    };
    let select = move |_| {
        if let Some(at) = place.get_untracked() {
            state.choose(|s| s.selected = Some(at));
        }
    };
    let refused = move || {
        let notice = cell.with(|cell| cell.as_ref()?.as_ref().err().cloned())?;
        Some(view! {
            <span class="cell-refused" title=crate::page::app::notices::words(state, &notice)>
                {refusal(state, &notice)}
            </span>
        })
    };
    view! {
        <td>
            <button
                type="button"
                class="cell"
                data-testid="cell"
                data-model=move || key(Axis::Model)
                data-quant=move || key(Axis::Quant)
                data-machine=move || key(Axis::Hardware)
                data-engine=move || key(Axis::Engine)
                data-verdict=move || verdict.get().map(text::verdict_key)
                data-bytes=move || bytes().map(|bytes| bytes.0.to_string())
                data-tps=move || tps().map(|tps| tps.to_string())
                data-slow=move || slow().then_some("true")
                title=title
                aria-pressed=move || open.get().to_string()
                prop:disabled=move || !is_answered()
                on:click=select
            >
                <span class="vh">{row_names} " "</span>
                <span class="cell-quant">
                    {move || col.with_value(|col| state.entry_name(col))} " "
                </span>
                {refused}
                <Show when=is_answered>
                    <span class="figure">
                        <span class="cell-format">
                            {move || of(cell, other_format).flatten()}
                        </span>
                        " "
                        <span class="figure-number">{move || used().map(|used| used.number)}</span>
                        " "
                        <span class="figure-unit">{move || used().map(|used| used.unit)}</span>
                    </span>
                    <span
                        class="gauge"
                        style:--fill=move || {
                            let fill = of(cell, |shown| fill(shown).min(1.0)).unwrap_or_default();
                            format!("{}%", fill * 100.0)
                        }
                    ></span>
                    <span class="cell-verdict">
                        {move || verdict.get().map(|verdict| view! { <VerdictIcon verdict /> })}
                        <span>{move || verdict.get().map(|v| text::verdict(state, v))}</span>
                        " "
                        <span class="cell-beside">
                            {move || of(cell, |shown| beside(state, shown)).flatten()}
                        </span>
                    </span>
                    <CellSpeed decode=Signal::derive(decode) />
                </Show>
            </button>
        </td>
    }
}

/// A part of what a cell shows, followed.
fn of<T>(
    cell: Memo<Option<Result<Overview, Notice>>>,
    part: impl FnOnce(&Overview) -> T,
) -> Option<T> {
    cell.with(|cell| cell.as_ref()?.as_ref().ok().map(part))
}

/// How many copies fit side by side, in each column.
#[component]
fn Copies(spot: CellPath, cols: Memo<Vec<AxisEntry>>) -> impl IntoView {
    let state = use_state();
    let copies = memo(move || {
        let copies = |col: AxisEntry| {
            let at = state.outline.with(|s| spot.and(col.clone()).at(s));
            let copies = at.and_then(|at| {
                let copies = |cell: &Overview| (cell.copies, cell.copy_devices);
                state.with_answer(at, |answer| answer.as_ref().ok().map(copies))
            });
            (col, copies.flatten())
        };
        cols.get().into_iter().map(copies).collect::<Vec<_>>()
    });
    let words = move |col: &str, copies: Option<(u64, u64)>| {
        let at = tr!(state, table.at_quant, quant = col);
        match copies {
            Some((n, devices)) => {
                let copies = tr!(state, counts.copies, count = n, n = state.whole(n));
                let each = |n| tr!(state, counts.copy_devices, count = n, n = state.whole(n));
                let each = (devices > 1).then(|| format!(", {}", each(devices)));
                format!("{copies} {at}{}", each.unwrap_or_default())
            }
            None => format!("— {at}"),
        }
    };
    let one = move |(col, copies): (AxisEntry, Option<(u64, u64)>)| {
        let col = state.entry_name(&col);
        let words = words(&col, copies);
        let (title, key) = (words.clone(), col.clone());
        let each = copies
            .filter(|(_, devices)| *devices > 1)
            .map(|(_, devices)| tr!(state, table.each_on, n = state.whole(devices)));
        view! {
            <li data-testid="copies" data-quant=key title=title>
                <span class="copies-quant" aria-hidden="true">{col}</span>
                <span class="copies-number" aria-hidden="true">
                    {copies.map_or_else(|| "—".to_owned(), |(n, _)| state.whole(n))}
                    {each.map(|words| view! { <small>" " {words}</small> })}
                </span>
                <span class="vh">{words}</span>
            </li>
        }
    };
    view! {
        <ul class="copies-list" data-title=words!(state, table.side_by_side)>
            {move || copies.get().into_iter().map(one).collect_any()}
        </ul>
    }
}

/// Why a cell has no figure, in a word or two; the notice says the rest.
fn refusal(state: State, notice: &Notice) -> String {
    match notice {
        Notice::UnknownModel { .. } => tr!(state, table.no_such_model).to_owned(),
        Notice::UnknownDevice { .. } => tr!(state, table.no_such_device).to_owned(),
        Notice::EngineCannotRun { engine, .. } | Notice::EngineCannotUse { engine, .. } => {
            tr!(state, table.not_in_engine, engine = engine.title())
        }
        Notice::EngineRefuses(refusal) => {
            let engine = refusal.engine.title();
            match refusal.rule {
                RefusalReason::NoBackend
                | RefusalReason::NeedsDevice
                | RefusalReason::ComputeCapability { .. } => {
                    tr!(state, table.no_device_in, engine = engine)
                }
                RefusalReason::OneDevice => tr!(state, table.one_device_in, engine = engine),
                _ => tr!(state, table.not_in_engine, engine = engine),
            }
        }
        _ => tr!(state, table.missing_cell).to_owned(),
    }
}
