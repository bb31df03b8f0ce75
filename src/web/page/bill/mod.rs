//! The memory of the open cell, itemised: how far it would reach, what lies in each memory, and how
//! every line comes about.

pub mod bar;
pub mod figures;
pub mod placement;

use leptos::prelude::*;

use crate::formula::{self, Piece, pieces};
use crate::page::answer::differences::Differences;
use crate::page::app::numbers::Style;
use crate::page::app::reactive::{CollectAny, For, Show, memo};
use crate::page::app::state::{Quantity, State, use_state};
use crate::page::app::text::{self, tr, words};
use crate::page::bill::bar::Bar;
use crate::page::bill::placement::PlacementSection;
use headroom::report::{BillItem, Cell, DeviceBill, HostBill, Term, Verdict};
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
    /// What is needed.
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
            used: bill.needed_bytes(),
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

    /// The lines that a bar draws: those of what is needed.
    pub fn drawn(&self) -> impl Iterator<Item = &BillItem> {
        self.items.iter().filter(|item| item.term != Term::Kept)
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
    move || cell.with(|cell| cell.as_ref().map(|cell| facts(state, cell)))
}

fn facts(state: State, cell: &Cell) -> impl IntoView + use<> {
    let count = |n: u64| match n {
        0 => tr!(state, bill.none).to_owned(),
        n => state.whole(n),
    };
    let trained = cell.trained_context;
    let trained = trained.map(|n| tr!(state, bill.trained, tokens = state.tokens(n)));
    let flags = (cell.verdict != Verdict::No).then(|| {
        view! {
            <p class="flags">
                <span class="flags-label">{tr!(state, bill.flags)}</span>
                <code data-testid="flags">{cell.command.clone()}</code>
            </p>
        }
    });
    view! {
        <dl class="facts">
            <div>
                <dt>{tr!(state, bill.max_context)}</dt>
                <dd data-testid="max-context" data-value=cell.longest_context().to_string()>
                    {count(cell.longest_context())}
                </dd>
                <dd class="facts-note">
                    {match cell.verdict {
                        Verdict::Offload => tr!(state, bill.offload_context_note),
                        _ => tr!(state, bill.max_context_note),
                    }} <br /> {trained}
                </dd>
            </div>
            <div>
                <dt>{tr!(state, bill.copies)}</dt>
                <dd data-testid="bill-copies" data-value=cell.copies.to_string()>
                    {count(cell.copies)}
                </dd>
                <dd class="facts-note">
                    {match cell.copy_devices {
                        n @ 2.. => tr!(state, counts.copy_devices, count = n, n = state.whole(n)),
                        _ => tr!(state, bill.copies_note).to_owned(),
                    }}
                </dd>
            </div>
            <div>
                <dt>{tr!(state, bill.file)}</dt>
                <dd data-testid="file" data-bytes=cell.weights_bytes.0.to_string()>
                    {state.quantity(cell.weights_bytes).to_string()}
                </dd>
                <dd class="facts-note">
                    {tr!(state, bill.file_note, quant = cell.quant.to_string())}
                </dd>
            </div>
        </dl>
        {flags}
    }
}

/// One memory: its bar and its lines. RAM is unfolded where it `matters`.
#[component]
fn PlaceBill(place: Memo<Place>, matters: Memo<bool>) -> impl IntoView {
    let state = use_state();
    let is_host = memo(move || place.with(|place| place.device.is_none()));
    let lines = memo(move || place.with(|place| place.items.len()));
    let withheld = memo(move || place.with(|place| place.withheld.len()));
    // RAM that matters is open; RAM that only serves is folded away.
    let folded = memo(move || is_host.get() && !matters.get());
    view! {
        <details class="place" data-testid="place" prop:open=move || !folded.get()>
            <summary class="place-head">{move || place.with(|place| head(state, place))}</summary>
            <Bar place />
            <ul class="lines">
                <For each=move || 0..lines.get() key=|line| *line let(at)>
                    <Line item=Memo::new(move |seen: Option<&Option<BillItem>>| {
                        let now = place.with(|place| place.items.get(at).cloned());
                        now.or(seen.cloned().flatten())
                    }) />
                </For>
                {move || place.with(|place| free(state, place))}
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

/// Which memory it is, and how much of it is used.
fn head(state: State, place: &Place) -> impl IntoView + use<> {
    let usable = state.quantity(place.usable).to_string();
    let usable = match place.device {
        None => tr!(state, bill.of_ram, amount = usable),
        Some(_) => tr!(state, bill.of_usable, amount = usable),
    };
    let (n, layers) = (place.count, place.layers);
    let alike = (n > 1).then(|| tr!(state, bill.identical, count = n, n = state.whole(n)));
    let layers =
        (layers > 0).then(|| tr!(state, counts.layers, count = layers, n = state.whole(layers)));
    let used = place.used.expected;
    view! {
        <h3>{place.title(state)}</h3>
        <p class="place-note">
            {[alike, layers].into_iter().flatten().collect::<Vec<_>>().join(" · ")}
        </p>
        <p class="place-total" data-testid="place-total" data-bytes=used.0.to_string()>
            <strong>{state.quantity(used).to_string()}</strong>
            " "
            <span>{usable}</span>
        </p>
    }
}

/// The line of what is left, or missing.
fn free(state: State, place: &Place) -> impl IntoView + use<> {
    let is_over = place.headroom < 0;
    let basis = (!place.basis.is_empty()).then(|| {
        let sold = state.number(Style::Plain, place.capacity.to_gib());
        let sold = tr!(state, bill.sold, gib = sold);
        view! {
            <details class="basis">
                <summary>{tr!(state, bill.usable_basis)}</summary>
                <p>
                    {format!("{} · {sold}", state.bytes(place.usable))} <br />
                    <span lang="en">{place.basis.clone()}</span>
                </p>
            </details>
        }
    });
    view! {
        <li class="line line-free" data-over=is_over.to_string()>
            <span class="swatch" data-term="free"></span>
            <span class="line-name">
                {match is_over {
                    true => tr!(state, bill.over),
                    false => tr!(state, bill.free),
                }}
            </span>
            {amount(state.quantity(Bytes(place.headroom.unsigned_abs())))}
            <span class="line-certainty">{basis}</span>
        </li>
    }
}

/// A number with its unit, aligned on the unit.
fn amount(quantity: Quantity) -> impl IntoView + use<> {
    view! {
        <span class="figure">
            <span class="figure-number">{quantity.number}</span>
            " "
            <span class="figure-unit">{quantity.unit}</span>
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
    move || item.with(|item| item.as_ref().map(|item| line(state, item, testid)))
}

fn line(state: State, item: &BillItem, testid: &'static str) -> impl IntoView + use<> {
    let bytes = item.bytes.expected;
    let certainty = match item.bytes {
        _ if item.exact => tr!(state, bill.exact).to_owned(),
        Interval { low, high, .. } if low == high => tr!(state, bill.estimate).to_owned(),
        Interval { low, high, .. } => tr!(
            state,
            bill.between,
            low = state.quantity(low).to_string(),
            high = state.quantity(high).to_string()
        ),
    };
    let key = text::item_key(item);
    let numbers = (!item.inputs.is_empty()).then(|| {
        view! {
            <p class="formula-numbers" data-testid="numbers">{with_numbers(state, item)}</p>
        }
    });
    view! {
        <li class="line" data-testid=testid data-term=key data-bytes=bytes.0.to_string()>
            <details>
                <summary>
                    <span class="swatch" data-term=key></span>
                    <span class="line-name">{text::term(state, item.term)}</span>
                    {amount(state.quantity(bytes))}
                    <span class="line-certainty">{certainty}</span>
                </summary>
                <div class="derivation">
                    <p>{text::about(state, item.term)}</p>
                    <p class="formula" data-testid="formula">{in_words(state, item)}</p>
                    {numbers}
                    <p class="formula-result">"= " {state.bytes(bytes)}</p>
                    <p class="source">
                        <span>{tr!(state, bill.source)} ": "</span>
                        <span lang="en">{item.source.clone()}</span>
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
    pieces(&item.formula).into_iter().map(piece).collect_any()
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
    pieces(&item.formula).into_iter().map(piece).collect_any()
}

fn name_in_words(state: State, name: &str) -> impl IntoView + use<> {
    let (base, group) = formula::group(name);
    match text::input(state, base) {
        "" => view! { <var>{name.to_owned()}</var> }.into_any(),
        words => view! { <var>{words}<sub>{group.to_owned()}</sub></var> }.into_any(),
    }
}
