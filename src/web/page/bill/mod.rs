//! The memory of the open cell, itemised: how far it would reach, what lies in each memory, and how
//! every line comes about.

pub mod bar;
pub mod figures;
pub mod placement;

use leptos::prelude::*;

use crate::formula::{self, Piece, pieces};
use crate::page::answer::differences::Differences;
use crate::page::app::numbers::Style;
use crate::page::app::reactive::{Show, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{self, tr, words};
use crate::page::bill::bar::Bar;
use crate::page::bill::placement::PlacementSection;
use headroom::report::{BillItem, Cell, DeviceBill, HostBill, Verdict};
use headroom::units::{Bytes, Interval};

/// One memory of the open cell: a device, several that are filled alike, or the host's RAM.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The device; `None` for the host's RAM.
    pub device: Option<String>,
    /// How many are filled alike.
    pub count: u64,
    /// Memory as sold.
    pub capacity: Bytes,
    /// What can be used of it.
    pub usable: Bytes,
    /// Where that figure comes from.
    pub basis: String,
    /// What is used.
    pub used: Interval<Bytes>,
    /// What is left; negative where that much is missing.
    pub headroom: i64,
    /// Repeating layers on each.
    pub layers: u64,
    /// The lines.
    pub items: Vec<BillItem>,
    /// What is withheld from the engine before it gets what can be used.
    pub withheld: Vec<BillItem>,
}

impl Place {
    fn of_device(bill: &DeviceBill, count: u64) -> Place {
        Place {
            device: Some(bill.device.clone()),
            count,
            capacity: bill.capacity_bytes,
            usable: bill.usable_bytes,
            basis: bill.usable_basis.clone(),
            used: bill.used_bytes,
            headroom: bill.headroom_bytes(),
            layers: bill.layers,
            items: bill.items.clone(),
            withheld: bill.withheld.clone(),
        }
    }

    fn of_host(bill: &HostBill) -> Place {
        Place {
            device: None,
            count: 1,
            capacity: bill.ram_bytes,
            usable: bill.ram_bytes,
            basis: String::new(),
            used: bill.used_bytes,
            headroom: bill.headroom_bytes(),
            layers: 0,
            items: bill.items.clone(),
            withheld: Vec::new(),
        }
    }

    /// What is shown in the moment before a place is taken out.
    pub fn none() -> Place {
        Place::of_host(&NO_HOST)
    }

    /// What the bar has to show: what can be used, or what would be if that is more.
    pub fn length(&self) -> Bytes {
        self.usable.max(self.used.high)
    }

    /// The device's name, or the RAM's.
    pub fn title(&self, state: State) -> String {
        match &self.device {
            Some(id) => state.device_name(id),
            None => tr!(state, bill.host).to_owned(),
        }
    }
}

/// The memories of a cell, devices that are filled alike as one.
pub fn places(cell: &Cell) -> Vec<Place> {
    let alike = cell.devices.chunk_by(|a, b| a == b);
    let devices = alike.map(|bills| Place::of_device(&bills[0], bills.len() as u64));
    devices.chain([Place::of_host(&cell.host)]).collect()
}

/// What lies in each memory of the open cell, and how far it would reach.
#[component]
pub fn Bill(
    /// The open cell.
    cell: Memo<Option<Cell>>,
) -> impl IntoView {
    let places = memo(move || cell.with(|cell| cell.as_ref().map(places)).unwrap_or_default());
    let ram_matters = memo(move || {
        let part = |cell: &Cell| cell.devices.is_empty() || cell.verdict == Verdict::Offload;
        cell.with(|cell| cell.as_ref().is_some_and(part))
    });
    view! {
        <Facts cell />
        <For each=move || 0..places.with(Vec::len) key=|place| *place let(at)>
            <PlaceBill matters=ram_matters place=Memo::new(move |seen: Option<&Place>| {
                let now = places.with(|places| places.get(at).cloned());
                now.or(seen.cloned()).unwrap_or_else(Place::none)
            }) />
        </For>
        <PlacementSection cell />
        <Differences cell />
    }
}

/// A host without memory.
const NO_HOST: HostBill = HostBill {
    ram_bytes: Bytes::ZERO,
    used_bytes: Interval { low: Bytes::ZERO, expected: Bytes::ZERO, high: Bytes::ZERO },
    items: Vec::new(),
};

/// How far this setup could go.
#[component]
fn Facts(cell: Memo<Option<Cell>>) -> impl IntoView {
    let state = use_state();
    let of = move |part: fn(&Cell) -> u64| cell.with(|cell| cell.as_ref().map(part));
    let count = move |n: Option<u64>| match n {
        Some(0) | None => tr!(state, bill.none).to_owned(),
        Some(n) => state.whole(n),
    };
    let trained = move || {
        let tokens = cell.with(|cell| cell.as_ref().and_then(|cell| cell.trained_context))?;
        Some(tr!(state, bill.trained, tokens = state.tokens(tokens)))
    };
    let file =
        move || of(|c| c.weights_bytes.0).map(|bytes| state.quantity(Bytes(bytes)).to_string());
    let runs = memo(move || {
        cell.with(|cell| cell.as_ref().is_some_and(|cell| cell.verdict != Verdict::No))
    });
    let in_ram = memo(move || {
        cell.with(|cell| cell.as_ref().is_some_and(|cell| cell.verdict == Verdict::Offload))
    });
    let command = move || cell.with(|cell| cell.as_ref().map(|cell| cell.command.clone()));
    view! {
        <dl class="facts">
            <div>
                <dt>{words!(state, bill.max_context)}</dt>
                <dd data-testid="max-context" data-value=move || of(Cell::longest_context)>
                    {move || count(of(Cell::longest_context))}
                </dd>
                <dd class="facts-note">
                    {move || match in_ram.get() {
                        true => tr!(state, bill.offload_context_note),
                        false => tr!(state, bill.max_context_note),
                    }} <br /> {trained}
                </dd>
            </div>
            <div>
                <dt>{words!(state, bill.copies)}</dt>
                <dd data-testid="bill-copies" data-value=move || of(|c| c.copies)>
                    {move || count(of(|c| c.copies))}
                </dd>
                <dd class="facts-note">
                    {move || match of(|c| c.copy_devices) {
                        Some(n @ 2..) => {
                            tr!(state, counts.copy_devices, count = n, n = state.whole(n))
                        }
                        _ => tr!(state, bill.copies_note).to_owned(),
                    }}
                </dd>
            </div>
            <div>
                <dt>{words!(state, bill.file)}</dt>
                <dd data-testid="file" data-bytes=move || of(|c| c.weights_bytes.0)>
                    {file}
                </dd>
                <dd class="facts-note">
                    {move || {
                        let quant = cell.with(|c| c.as_ref().map(|c| c.quant.to_string()));
                        tr!(state, bill.file_note, quant = quant.unwrap_or_default())
                    }}
                </dd>
            </div>
        </dl>
        <Show when=runs>
            <p class="flags">
                <span class="flags-label">{words!(state, bill.flags)}</span>
                <code data-testid="flags">{command}</code>
            </p>
        </Show>
    }
}

/// One memory: its bar and its lines. RAM is unfolded where it `matters`.
#[component]
fn PlaceBill(place: Memo<Place>, matters: Memo<bool>) -> impl IntoView {
    let state = use_state();
    let is_host = memo(move || place.with(|place| place.device.is_none()));
    let count = memo(move || place.with(|place| place.count));
    let lines = memo(move || place.with(|place| place.items.len()));
    let withheld = memo(move || place.with(|place| place.withheld.len()));
    let used = move || state.quantity(place.with(|place| place.used.expected)).to_string();
    let of = move || {
        let amount = state.quantity(place.with(|place| place.usable)).to_string();
        match is_host.get() {
            true => tr!(state, bill.of_ram, amount = amount),
            false => tr!(state, bill.of_usable, amount = amount),
        }
    };
    let alike = move || {
        let n = count.get();
        (n > 1).then(|| tr!(state, bill.identical, count = n, n = state.whole(n)))
    };
    // A memo as `count` is: a reader of both `count` and `place` itself would miss changes of
    // `place` that leave `count` as it is.
    let layer_count = memo(move || place.with(|place| place.layers));
    let layers = move || {
        let n = layer_count.get();
        (n > 0).then(|| tr!(state, counts.layers, count = n, n = state.whole(n)))
    };
    let headroom = move || place.with(|place| place.headroom);
    let basis = move || place.with(|place| place.basis.clone());
    // RAM that matters is open; RAM that only serves is folded away.
    let folded = memo(move || is_host.get() && !matters.get());
    view! {
        <details class="place" data-testid="place" prop:open=move || !folded.get()>
            <summary class="place-head">
                <h3>{move || place.with(|place| place.title(state))}</h3>
                <p class="place-note">
                    {move || [alike(), layers()].into_iter().flatten().collect::<Vec<_>>().join(" · ")}
                </p>
                <p
                    class="place-total"
                    data-testid="place-total"
                    data-bytes=move || place.with(|place| place.used.expected.0.to_string())
                >
                    <strong>{used}</strong>
                    " "
                    <span>{of}</span>
                </p>
            </summary>
            <Bar place />
            <ul class="lines">
                <For each=move || 0..lines.get() key=|line| *line let(at)>
                    <Line item=Memo::new(move |seen: Option<&Option<BillItem>>| {
                        let now = place.with(|place| place.items.get(at).cloned());
                        now.or(seen.cloned().flatten())
                    }) />
                </For>
                <li class="line line-free" data-over=move || (headroom() < 0).to_string()>
                    <span class="swatch" data-term="free"></span>
                    <span class="line-name">
                        {move || match headroom() < 0 {
                            true => tr!(state, bill.over),
                            false => tr!(state, bill.free),
                        }}
                    </span>
                    <Amount
                        number=Signal::derive(move || state.quantity(Bytes(headroom().unsigned_abs())).number)
                        unit=Signal::derive(move || state.quantity(Bytes(headroom().unsigned_abs())).unit)
                    />
                    <span class="line-certainty">
                        <Show when=move || !basis().is_empty()>
                            <details class="basis">
                                <summary>{words!(state, bill.usable_basis)}</summary>
                                <p>
                                    {move || {
                                        let usable = place.with(|place| place.usable);
                                        let sold = place.with(|place| place.capacity.to_gib());
                                        let sold = state.number(Style::Plain, sold);
                                        format!(
                                            "{} · {}",
                                            state.bytes(usable),
                                            tr!(state, bill.sold, gib = sold),
                                        )
                                    }} <br /> <span lang="en">{basis}</span>
                                </p>
                            </details>
                        </Show>
                    </span>
                </li>
                <Show when=move || withheld.get() != 0>
                    <li class="line-heading">{words!(state, bill.withheld)}</li>
                </Show>
                <For each=move || 0..withheld.get() key=|line| *line let(at)>
                    <Line
                        testid="withheld-item"
                        item=Memo::new(move |seen: Option<&Option<BillItem>>| {
                            let now = place.with(|place| place.withheld.get(at).cloned());
                            now.or(seen.cloned().flatten())
                        })
                    />
                </For>
            </ul>
        </details>
    }
}

/// A number with its unit, aligned on the unit.
#[component]
fn Amount(
    #[prop(into)] number: Signal<String>,
    #[prop(into)] unit: Signal<&'static str>,
) -> impl IntoView {
    view! {
        <span class="figure">
            <span class="figure-number">{number}</span>
            " "
            <span class="figure-unit">{unit}</span>
        </span>
    }
}

/// One line: how much, how sure, and how it comes about.
#[component]
fn Line(
    item: Memo<Option<BillItem>>,
    #[prop(default = "bill-item")] testid: &'static str,
) -> impl IntoView {
    let state = use_state();
    let with = move |part: fn(State, &BillItem) -> String| {
        item.with(|item| item.as_ref().map(|item| part(state, item))).unwrap_or_default()
    };
    let bytes = move || item.with(|item| item.as_ref().map(|item| item.bytes).unwrap_or_default());
    let certainty = move || {
        item.with(|item| {
            let Some(item) = item else { return String::new() };
            match item.bytes {
                _ if item.exact => tr!(state, bill.exact).to_owned(),
                Interval { low, high, .. } if low == high => tr!(state, bill.estimate).to_owned(),
                Interval { low, high, .. } => tr!(
                    state,
                    bill.between,
                    low = state.quantity(low).to_string(),
                    high = state.quantity(high).to_string()
                ),
            }
        })
    };
    let key = move || item.with(|item| item.as_ref().map(text::item_key));
    let has_inputs =
        memo(move || item.with(|item| item.as_ref().is_some_and(|item| !item.inputs.is_empty())));
    let source = move || with(|_, item| item.source.clone());
    view! {
        <li class="line" data-testid=testid data-term=key data-bytes=move || bytes().expected.0.to_string()>
            <details>
                <summary>
                    <span class="swatch" data-term=key></span>
                    <span class="line-name">{move || with(|s, item| text::term(s, item.term).to_owned())}</span>
                    <Amount
                        number=Signal::derive(move || state.quantity(bytes().expected).number)
                        unit=Signal::derive(move || state.quantity(bytes().expected).unit)
                    />
                    <span class="line-certainty">{certainty}</span>
                </summary>
                <div class="derivation">
                    <p>{move || with(|s, item| text::about(s, item.term).to_owned())}</p>
                    <p class="formula" data-testid="formula">
                        {move || item.get().map(|item| in_words(state, &item))}
                    </p>
                    <Show when=has_inputs>
                        <p class="formula-numbers" data-testid="numbers">
                            {move || item.get().map(|item| with_numbers(state, &item))}
                        </p>
                    </Show>
                    <p class="formula-result">"= " {move || state.bytes(bytes().expected)}</p>
                    <p class="source">
                        <span>{words!(state, bill.source)} ": "</span>
                        <span lang="en">{source}</span>
                    </p>
                </div>
            </details>
        </li>
    }
}

/// The formula with its names in the reader's language.
fn in_words(state: State, item: &BillItem) -> impl IntoView + use<> {
    let piece = |piece: Piece<'_>| match piece {
        Piece::Name(name) => name_in_words(state, name).into_any(),
        Piece::Sign(sign) => sign.replace('*', "×").into_any(),
    };
    pieces(&item.formula).into_iter().map(piece).collect_view()
}

/// The formula with the numbers put in; what is no number stays a name.
fn with_numbers(state: State, item: &BillItem) -> impl IntoView + use<> {
    let value = |name: &str| item.inputs.iter().find(|(input, _)| input == name);
    let piece = |piece: Piece<'_>| match piece {
        Piece::Name(name) => match value(name) {
            Some((_, value)) => state.number(Style::Plain, *value).into_any(),
            None => name_in_words(state, name).into_any(),
        },
        Piece::Sign(sign) => sign.replace('*', "×").into_any(),
    };
    pieces(&item.formula).into_iter().map(piece).collect_view()
}

fn name_in_words(state: State, name: &str) -> impl IntoView + use<> {
    let (base, group) = formula::group(name);
    match text::input(state, base) {
        "" => view! { <var>{name.to_owned()}</var> }.into_any(),
        words => view! { <var>{words}<sub>{group.to_owned()}</sub></var> }.into_any(),
    }
}
