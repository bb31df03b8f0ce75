//! What fills the empty slot of the question: models, machines or formats, the best first.

mod work;

use leptos::prelude::*;

use crate::page::app::numbers::Style;
use crate::page::app::reactive::{CollectAny, For, Show, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{self, tr, words};
use crate::page::panels::speed::CellSpeed;
use crate::page::question::setting::Field;
use crate::page::widgets::icons::VerdictIcon;
use headroom::engine::usual_formats;
use headroom::ranking::{Open, Ranked};
use headroom::report::{Cell, DecodeRate, Verdict};
use headroom::scenario::{Engine, Filter, Scenario, Selected};
use work::Work;

/// How many rows of a group are drawn, and how many more at a time.
const DRAWN: usize = 24;

/// The answer to a question with an empty slot.
#[component]
pub fn RankingView() -> impl IntoView {
    let state = use_state();
    let open = state.slice(Open::of);
    let work = Work::follow(state);
    let group_of = move |row: &Ranked| match row.summary.verdict {
        Verdict::Offload => 2,
        _ if open.get() == Some(Open::Machines) && row.needs_server() => 1,
        _ => 0,
    };
    let lead = move || {
        let (n, name) = (work.count(), subject(state));
        let n = state.whole(n as u64);
        match open.get() {
            Some(Open::Models) => tr!(state, ranking.models, n = n, machine = name),
            Some(Open::Machines) => tr!(state, ranking.machines, n = n, model = name),
            _ => tr!(state, ranking.formats, n = n, model = name),
        }
    };
    let busy = move || {
        let (done, all) = work.progress();
        (done < all).then(|| {
            tr!(state, ranking.busy, n = state.whole(done as u64), of = state.whole(all as u64))
        })
    };
    let is_busy = move || {
        let (done, all) = work.progress();
        done < all
    };
    let groups = [
        (words!(state, ranking.whole), words!(state, ranking.whole_about), "ranking-whole"),
        (words!(state, ranking.server), words!(state, ranking.server_about), "ranking-server"),
        (words!(state, ranking.part), words!(state, ranking.part_about), "ranking-part"),
    ];
    let groups = groups.into_iter().enumerate().map(|(group, (title, about, testid))| {
        let rows = memo(move || work.places(move |row| group_of(row) == group));
        view! { <Group rows work open title about testid /> }
    });
    let groups = groups.collect_any();
    view! {
        <section class="ranking" data-testid="ranking" aria-busy=move || is_busy().to_string()>
            <p class="answer-lead" data-testid="answer" aria-live="polite">{lead}</p>
            <p class="answer-then" role="status">{busy}</p>
            <Filters open />
            // A row of the question before would answer that.
            <div class="ranking-rows" inert=move || !work.is_current()>
                {groups}
            </div>
        </section>
    }
}

/// What the question names: its machine, or its model.
fn subject(state: State) -> String {
    state
        .outline
        .with(|s| match Open::of(s) {
            Some(Open::Models) => s.machines.first().map(|machine| state.machine_name(machine)),
            _ => s.models.first().map(|id| state.model_name(id)),
        })
        .unwrap_or_default()
}

/// The order, and the filters: folded, so that the rows come first.
#[component]
fn Filters(open: Memo<Option<Open>>) -> impl IntoView {
    let state = use_state();
    let keys = move || -> &'static [&'static str] {
        match open.get() {
            Some(Open::Models) => &["kind", "size", "family", "license", "since", "min_tps"],
            Some(Open::Machines) => &["class", "vendor", "memory", "budget", "most", "min_tps"],
            _ => &["min_tps"],
        }
    };
    let changed = state.slice(|s| s.filter != Filter { sort: s.filter.sort, ..Filter::default() });
    let unfolded = untrack(|| changed.get());
    view! {
        <div class="ranking-tools">
            <Field key="sort" />
            <details class="filters" open=unfolded data-testid="filters">
                <summary>
                    <span>{words!(state, ranking.filters)}</span>
                    <Show when=changed>
                        <span class="tag">{words!(state, controls.changed)}</span>
                    </Show>
                </summary>
                <div class="ranking-filters">
                    {move || keys().iter().map(|key| view! { <Field key /> }).collect_any()}
                </div>
            </details>
        </div>
    }
}

/// Rows that lie wholly on the devices, or that do not.
#[component]
fn Group(
    rows: Memo<Vec<usize>>,
    work: Work,
    open: Memo<Option<Open>>,
    #[prop(into)] title: Signal<String>,
    #[prop(into)] about: Signal<String>,
    testid: &'static str,
) -> impl IntoView {
    let state = use_state();
    let drawn = RwSignal::new(DRAWN);
    let some = memo(move || rows.with(|rows| !rows.is_empty()));
    let more = memo(move || rows.with(Vec::len).saturating_sub(drawn.get()));
    let first = move || match open.get() {
        Some(Open::Models) => tr!(state, axes.model),
        Some(Open::Machines) => tr!(state, axes.hardware),
        _ => tr!(state, axes.quant),
    };
    let is_formats = move || open.get() == Some(Open::Formats);
    let last = move || match open.get() {
        Some(Open::Machines) => tr!(state, ranking.price),
        Some(Open::Models) => tr!(state, ranking.release),
        _ => "",
    };
    view! {
        <Show when=some>
            <div class="ranking-group">
                <h2>{title}</h2>
                <p class="field-note">{about}</p>
                <div class="ranking-scroll" tabindex="0" role="region" aria-label=title>
                <table data-testid=testid>
                    <thead>
                        <tr>
                            <th scope="col">{first}</th>
                            <Show when=move || !is_formats()>
                                <th scope="col">{move || tr!(state, axes.quant)}</th>
                            </Show>
                            <th scope="col" class="number">{words!(state, ranking.speed)}</th>
                            <th scope="col" class="number">{words!(state, ranking.memory)}</th>
                            <th scope="col" class="number">{words!(state, bill.max_context)}</th>
                            <Show when=move || !is_formats()>
                                <th scope="col" class="number">{last}</th>
                            </Show>
                        </tr>
                    </thead>
                    <tbody>
                        <For
                            each=move || {
                                let rows = rows.get().into_iter().take(drawn.get());
                                rows.filter_map(|at| Some((at, work.query(at)?))).collect::<Vec<_>>()
                            }
                            key=|(_, query)| query.clone()
                            let((at, query))
                        >
                            {
                                // Longest contexts and bills are made for the rows that are drawn.
                                let row = work.row(at).and_then(|row| {
                                    let cell = work.cell(&row)?;
                                    Some((row, cell))
                                });
                                row.map(|(row, cell)| view! { <Row row cell query open /> })
                            }
                        </For>
                    </tbody>
                </table>
                </div>
                <Show when=move || { more.get() > 0 }>
                    <button
                        type="button"
                        class="button"
                        data-testid="ranking-more"
                        on:click=move |_| drawn.update(|drawn| *drawn += 2 * DRAWN)
                    >
                        {move || tr!(state, ranking.more, n = state.whole(more.get() as u64))}
                    </button>
                </Show>
            </div>
        </Show>
    }
}

/// One row; its name opens it.
#[component]
fn Row(row: Ranked, cell: Cell, query: String, open: Memo<Option<Open>>) -> impl IntoView {
    let state = use_state();
    let Ranked { scenario, release, price, is_superseded, .. } = row;
    let verdict = cell.verdict;
    let decode = DecodeRate::of(&cell);
    let (model, quant, device_bytes) = (cell.model.clone(), cell.quant, cell.device_bytes.expected);
    let context = cell.longest_context();
    let machine = scenario.machines.first().cloned().unwrap_or_default();
    let name = {
        let (model, machine) = (model.clone(), machine.clone());
        move || match open.get() {
            Some(Open::Models) => state.model_name(&model),
            Some(Open::Machines) => state.machine_name(&machine),
            _ => quant.to_string(),
        }
    };
    let choose = move |_| {
        let row = scenario.clone();
        state.choose(|s| show(state, s, row));
    };
    let is_formats = move || open.get() == Some(Open::Formats);
    let last = move || match (open.get(), price) {
        (Some(Open::Models), _) => release.clone(),
        (Some(Open::Machines), Some(price)) => {
            let currency = state.outline.with(|s| s.money.currency.to_string());
            format!("{}\u{a0}{currency}", state.number(Style::Whole, price))
        }
        _ => "—".to_owned(),
    };
    view! {
        <tr data-testid="ranking-row" data-model=model data-machine=machine.to_query() data-quant=quant.to_string() data-query=query>
            <th scope="row">
                <button type="button" class="ranking-name" data-verdict=text::verdict_key(verdict) on:click=choose>
                    <VerdictIcon verdict />
                    <span>{name}</span>
                </button>
                {is_superseded.then(|| view! {
                    <span class="tag">{words!(state, ranking.superseded)}</span>
                })}
            </th>
            <Show when=move || !is_formats()>
                <td>{quant.to_string()}</td>
            </Show>
            <td class="number"><CellSpeed decode=Signal::stored(decode) /></td>
            <td class="number">{move || state.quantity(device_bytes).to_string()}</td>
            <td class="number">{move || state.whole(context)}</td>
            <Show when=move || !is_formats()>
                <td class="number">{last.clone()}</td>
            </Show>
        </tr>
    }
}

/// Fills the empty slot with `row`, and opens its cell among the formats that people would compare
/// it with.
fn show(state: State, s: &mut Scenario, row: Scenario) {
    let Some(quant) = row.quants.first().copied() else { return };
    let engine = row.engines.first().copied().unwrap_or(Engine::LlamaCpp);
    let model = row.models.first().and_then(|id| state.catalog.model(id));
    let mut quants = model.map(|model| usual_formats(engine, model)).unwrap_or_default();
    if !quants.contains(&quant) {
        quants.push(quant);
    }
    s.models = row.models;
    s.machines = row.machines;
    s.engines = row.engines;
    s.filter = Filter::default();
    s.selected = None;
    if s.quants.is_empty() || s.quants == Scenario::default().quants {
        s.quants = quants;
    }
    if let Some(at) = s.quants.iter().position(|known| *known == quant) {
        let open = crate::entry::focused_cell(s);
        s.selected = Some(Selected { quant: at, ..open });
    }
}
