//! The machines: which devices, how many of each, with how much memory.

use leptos::prelude::*;

use crate::entry::AxisEntry;
use crate::page::app::numbers::Style;
use crate::page::app::reactive::{For, Show, memo};
use crate::page::app::rest::WithRest;
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::question::own_device::OwnDevice;
use crate::page::question::picker::{Adder, Matches, found, meant, meant_first};
use crate::page::question::this_computer::ThisComputer;
use crate::page::widgets::combobox::{Choice, Combobox, Found};
use crate::page::widgets::field::{NumberField, Select, Stepper};
use crate::page::widgets::icons::{Cross, RemoveButton};
use crate::{edit, number};
use headroom::catalog::Device;
use headroom::scenario::{Bounds, DeviceCount, Machine};

/// What stands in a list of devices for one that it does not have.
const OWN: &str = "own";

/// As many machines stay open to changes. More than that are a list of names, of which one at a
/// time is open.
const OPEN: usize = 2;

/// Picks the machines to compare.
#[component]
pub fn Hardware() -> impl IntoView {
    let state = use_state();
    let machines = state.slice(|scenario| scenario.machines.len());
    let opened = RwSignal::new(None::<usize>);
    Effect::new(move |before: Option<usize>| {
        let now = machines.get();
        // Those behind a machine that went have moved up.
        if before.is_some_and(|before| now < before) {
            opened.set(None);
        }
        now
    });
    let listed = memo(move || machines.get() > OPEN);
    let open = memo(move || match (listed.get(), opened.get()) {
        (false, _) => 0..machines.get(),
        (true, Some(at)) => at..machines.get().min(at + 1),
        (true, None) => 0..0,
    });
    let search = search(state);
    let own = RwSignal::new(false);
    view! {
        <div
            class="group hardware"
            role="group"
            aria-labelledby="hardware-title"
            data-testid="hardware-picker"
        >
            <h2 class="group-title" id="hardware-title">{words!(state, hardware.title)}</h2>
            <div class="group-body">
            <Show when=listed>
                <ul class="chips">
                    <For each=move || 0..machines.get() key=|machine| *machine let(machine)>
                        <MachineChip machine opened />
                    </For>
                </ul>
            </Show>
            <For each=move || open.get() key=|machine| *machine let(machine)>
                <Machine machine search />
            </For>
            <AddMachine search own />
            </div>
        </div>
        <WithRest>
            <OwnDevice opened=own />
            <ThisComputer />
        </WithRest>
    }
}

/// One of many machines: its name opens it to changes.
#[component]
fn MachineChip(machine: usize, opened: RwSignal<Option<usize>>) -> impl IntoView {
    let state = use_state();
    let name = memo(move || state.entry_name(&AxisEntry::Hardware(machine)));
    let is_open = move || opened.get() == Some(machine);
    let toggle = move |_| opened.update(|at| *at = (*at != Some(machine)).then_some(machine));
    view! {
        <li class="chip chip-opens">
            <button
                type="button"
                class="button button-quiet"
                data-testid="machine-open"
                aria-expanded=move || is_open().to_string()
                title=words!(state, hardware.change, name = name.get())
                on:click=toggle
            >
                {name}
            </button>
            <RemoveButton
                label=words!(state, hardware.remove, name = name.get())
                remove=move |()| state.choose(|s| edit::remove_machine(s, machine))
                testid="machine-remove"
            />
        </li>
    }
}

/// One machine: its devices, and a field that adds one.
#[component]
fn Machine(machine: usize, search: Callback<String, Found>) -> impl IntoView {
    let state = use_state();
    let devices = state.slice(move |s| s.machines.get(machine).map_or(0, |m| m.devices.len()));
    let add = Callback::new(move |id: String| state.choose(|s| edit::add_device(s, machine, &id)));
    view! {
        <div class="machine">
            <For each=move || 0..devices.get() key=|device| *device let(device)>
                <DeviceLine machine device search />
            </For>
            <Adder label=words!(state, hardware.add) search choose=add testid="device-add" />
        </div>
    }
}

/// A field that adds a machine: the first one, or one to compare with.
#[component]
fn AddMachine(
    search: Callback<String, Found>,
    /// Whether the form of a device that is not listed is open.
    own: RwSignal<bool>,
) -> impl IntoView {
    let state = use_state();
    let is_first = state.slice(|scenario| scenario.machines.is_empty());
    let label = Signal::derive(move || match is_first.get() {
        true => tr!(state, hardware.add).to_owned(),
        false => tr!(state, hardware.compare).to_owned(),
    });
    let search = Callback::new(move |text: String| {
        let mut found = search.run(text);
        found.choices.push(Choice {
            id: OWN.to_owned(),
            title: tr!(state, own_device.title).to_owned(),
            detail: tr!(state, own_device.detail).to_owned(),
        });
        found
    });
    let add = Callback::new(move |id: String| {
        if id == OWN {
            own.set(true);
            return;
        }
        state.choose(|s| {
            edit::add_machine(s, &id);
            edit::drop_unused(s, "hw");
        });
    });
    view! { <Adder label search choose=add testid="machine-add" /> }
}

/// One kind of device: which, how many, with how much memory.
#[component]
fn DeviceLine(machine: usize, device: usize, search: Callback<String, Found>) -> impl IntoView {
    let state = use_state();
    let entry = state.slice(move |s| {
        let found = s.machines.get(machine).and_then(|m| m.devices.get(device));
        found.cloned().unwrap_or(DeviceCount { id: String::new(), count: 1, memory_gb: None })
    });
    let id = memo(move || entry.with(|entry| entry.id.clone()));
    let known = move || id.with(|id| state.catalog.device(id));
    let name = Signal::derive(move || id.with(|id| state.device_name(id)));
    let count = memo(move || u64::from(entry.with(|entry| entry.count)));
    let replace = Callback::new(move |id: String| {
        state.choose(|s| {
            edit::replace_device(s, machine, device, &id);
            edit::drop_unused(s, "hw");
        });
    });
    let set_count = Callback::new(move |count| {
        state.choose(|s| edit::set_count(s, machine, device, count));
    });
    let type_count = Callback::new(move |text: String| {
        let count = number::parse_count(&text, Bounds::DEVICES)?;
        state.adjust(|s| edit::set_count(s, machine, device, count));
        Ok(())
    });
    let sizes = memo(move || known().map(memory_sizes).unwrap_or_default());
    view! {
        <div class="device">
            <Combobox
                label=words!(state, hardware.device)
                placeholder=words!(state, hardware.placeholder)
                value=name
                invalid=Signal::derive(move || known().is_none())
                search
                choose=replace
                testid="device"
            />
            <Show when=move || { sizes.with(|sizes| sizes.len() > 1) }>
                <Select
                    unlabelled=true
                    label=words!(state, hardware.memory, name = name.get())
                    options=Signal::derive(move || {
                        let option = |gb: &u32| (gb.to_string(), memory_label(state, *gb));
                        sizes.with(|sizes| sizes.iter().map(option).collect())
                    })
                    value=Signal::derive(move || {
                        let default = known().and_then(|d| d.memory_gb).map(|gb| gb as u32);
                        let gb = entry.with(|entry| entry.memory_gb).or(default);
                        gb.map(|gb| gb.to_string()).unwrap_or_default()
                    })
                    choose=Callback::new(move |gb: String| {
                        let default = known().and_then(|d| d.memory_gb).map(|gb| gb as u32);
                        let gb = gb.parse().ok().filter(|gb| Some(*gb) != default);
                        state.choose(|s| edit::set_memory(s, machine, device, gb));
                    })
                    testid="device-memory"
                />
            </Show>
            <Stepper name value=count bounds=Bounds::DEVICES set=set_count>
                <NumberField
                    unlabelled=true
                    label=words!(state, hardware.count, name = name.get())
                    value=Signal::derive(move || state.whole(count.get()))
                    range=state.range(Bounds::DEVICES)
                    commit=type_count
                    testid="device-count"
                />
            </Stepper>
            <button
                type="button"
                class="button button-icon button-quiet"
                data-testid="device-remove"
                title=words!(state, hardware.remove, name = name.get())
                aria-label=words!(state, hardware.remove, name = name.get())
                on:click=move |_| state.choose(|s| edit::remove_device(s, machine, device))
            >
                <Cross />
            </button>
        </div>
    }
}

/// Finds devices; where none matches, the nearest.
fn search(state: State) -> Callback<String, Found> {
    Callback::new(move |text: String| {
        let nearest = || {
            let ids = state.catalog.suggest_device(&text).nearest;
            ids.iter().filter_map(|id| state.catalog.device(id)).collect()
        };
        let matching = state.catalog.find_devices(&text);
        let is_near = matching.is_empty();
        let found = found(
            matching,
            nearest,
            |d| choice(state, d),
            |matches| match matches {
                Matches::Some(n) => {
                    tr!(state, counts.devices_found, count = n, n = state.whole(n as u64))
                }
                Matches::Near => tr!(state, hardware.nothing, text = text.clone()),
                Matches::None => tr!(state, hardware.nothing_near, text = text.clone()),
            },
        );
        let meant = meant(state, "hw", &text).into_iter().filter_map(|value| {
            let machine = Machine::from_query(&value)?;
            Some(Choice { id: value, title: state.machine_name(&machine), detail: String::new() })
        });
        meant_first(found, is_near, meant.collect(), |n| {
            tr!(state, counts.devices_found, count = n, n = state.whole(n as u64))
        })
    })
}

fn choice(state: State, device: &Device) -> Choice {
    let sizes = memory_sizes(device);
    let detail = match sizes.as_slice() {
        [] => String::new(),
        [.., last] => {
            let numbers: Vec<String> =
                sizes.iter().map(|gb| state.number(Style::Whole, f64::from(*gb))).collect();
            match sizes.len() {
                1 => memory_label(state, *last),
                _ => format!("{}\u{a0}{}", numbers.join("/"), tr!(state, units.gb)),
            }
        }
    };
    Choice { id: device.id.clone(), title: device.name.clone(), detail }
}

/// The memory sizes that a device is sold with, in GB.
fn memory_sizes(device: &Device) -> Vec<u32> {
    match device.memory_options_gb.is_empty() {
        true => device.memory_gb.into_iter().map(|gb| gb as u32).collect(),
        false => device.memory_options_gb.iter().map(|gb| *gb as u32).collect(),
    }
}

fn memory_label(state: State, gb: u32) -> String {
    format!("{}\u{a0}{}", state.whole(u64::from(gb)), tr!(state, units.gb))
}
