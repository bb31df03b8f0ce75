//! What the table's rows and columns are, and which entry it shows of what they are not.

use leptos::prelude::*;

use crate::edit;
use crate::entry::{self, AxisEntry};
use crate::page::app::reactive::{For, Show, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::widgets::field::Select;
use headroom::scenario::{Axis, Layout};

/// The fields above the table.
#[component]
pub fn Axes() -> impl IntoView {
    let state = use_state();
    let embedded = state.slice(|scenario| scenario.embed);
    let hidden = memo(move || {
        let hidden = state.layout.get().hidden();
        // A single model is named, so that no table is about a model unknown.
        let told = |axis: &Axis| *axis == Axis::Model || state.outline.with(|s| axis.count(s)) > 1;
        hidden.filter(told).collect::<Vec<_>>()
    });
    // Three things to compare are one more than rows and columns.
    let groups = state.slice(|s| {
        let compared = Axis::ALL.into_iter().filter(|axis| axis.count(s) > 1).count();
        compared > 2 || Layout::of(s).groups.is_some()
    });
    view! {
        <div class="axes">
            <For each=move || hidden.get() key=|axis| *axis let(axis)>
                <Open axis />
            </For>
            <Show when=move || !embedded.get()>
                <div class="axes-layout" role="group" aria-label=words!(state, axes.title)>
                    <AxisField
                        label=words!(state, axes.rows)
                        read=|layout| Some(layout.rows)
                        write=|layout, axis| axis.map_or(layout, |axis| layout.with_rows(axis))
                        testid="rows-select"
                    />
                    <AxisField
                        label=words!(state, axes.cols)
                        read=|layout| Some(layout.cols)
                        write=|layout, axis| axis.map_or(layout, |axis| layout.with_cols(axis))
                        testid="cols-select"
                    />
                    <Show when=groups>
                        <AxisField
                            optional=true
                            label=words!(state, axes.groups)
                            read=|layout| layout.groups
                            write=|layout, axis| layout.with_groups(axis)
                            testid="groups-select"
                        />
                    </Show>
                </div>
            </Show>
        </div>
    }
}

/// Chooses an axis.
#[component]
fn AxisField(
    #[prop(into)] label: Signal<String>,
    /// It may also be none.
    #[prop(optional)]
    optional: bool,
    read: fn(Layout) -> Option<Axis>,
    write: fn(Layout, Option<Axis>) -> Layout,
    testid: &'static str,
) -> impl IntoView {
    let state = use_state();
    let options = move || {
        let none = optional.then(|| (String::new(), tr!(state, axes.none).to_owned()));
        let name = |axis: Axis| (axis.name().to_owned(), axis_name(state, axis));
        none.into_iter().chain(Axis::ALL.map(name)).collect()
    };
    view! {
        <Select
            label
            options=Signal::derive(options)
            value=Signal::derive(move || {
                read(state.layout.get()).map(|axis| axis.name().to_owned()).unwrap_or_default()
            })
            choose=Callback::new(move |name: String| {
                let axis = Axis::ALL.into_iter().find(|axis| axis.name() == name);
                let layout = write(state.layout.get_untracked(), axis);
                state.choose(|s| edit::lay_out(s, layout));
            })
            testid
        />
    }
}

/// Which entry is shown of an axis that is neither rows nor columns.
#[component]
fn Open(axis: Axis) -> impl IntoView {
    let state = use_state();
    let several = state.slice(move |s| axis.count(s) > 1);
    let open = move || {
        let at = state.selected.get().or_else(|| Some(state.outline.with(entry::focused_cell)));
        *entry::index(axis, &mut at.unwrap_or_else(|| state.outline.with(entry::focused_cell)))
    };
    let entries = move || state.outline.with(|s| AxisEntry::all(axis, s));
    let options = move || {
        let name = |(i, entry): (usize, AxisEntry)| (i.to_string(), state.entry_name(&entry));
        entries().into_iter().enumerate().map(name).collect()
    };
    let name = move || entries().get(open()).map(|entry| state.entry_name(entry));
    let choose = Callback::new(move |chosen: String| {
        let Ok(chosen) = chosen.parse() else { return };
        let selected = state.selected.get_untracked();
        state.choose(|s| {
            let mut at = selected.unwrap_or_else(|| entry::focused_cell(s));
            *entry::index(axis, &mut at) = chosen;
            s.selected = Some(at);
        });
    });
    view! {
        <div class="axes-open" data-testid="open-entry" data-axis=axis.name()>
            <Show
                when=several
                fallback=move || {
                    view! {
                        <span class="field-label">{move || axis_name(state, axis)}</span>
                        <span class="axes-only">{name}</span>
                    }
                }
            >
                <Select
                    label=Signal::derive(move || axis_name(state, axis))
                    options=Signal::derive(options)
                    value=Signal::derive(move || open().to_string())
                    choose
                    testid="open-select"
                />
            </Show>
        </div>
    }
}

/// What an axis is called.
pub fn axis_name(state: State, axis: Axis) -> String {
    match axis {
        Axis::Model => tr!(state, axes.model),
        Axis::Hardware => tr!(state, axes.hardware),
        Axis::Quant => tr!(state, axes.quant),
        Axis::Engine => tr!(state, axes.engine),
    }
    .to_owned()
}
