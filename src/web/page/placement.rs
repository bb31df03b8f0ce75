//! Where the model lies: what the placement of the open cell is and why, and the settings of the
//! split between devices and of unified memory.

use leptos::prelude::*;

use super::controls::{CountField, SizeField};
use super::field::Select;
use super::state::{State, use_state};
use super::text::{tr, words};
use crate::edit;
use headroom::report::{
    Cell, DuplicateKind, Placement, PlacementPart, PlacementReason, SplitKind, Suggestion,
};
use headroom::scenario::{Bounds, ExpertParallel, Scenario, SplitMode, System, TensorSplit};

/// Which layers and experts of the open cell are where, and how that came about.
#[component]
pub fn PlacementSection(
    /// The open cell.
    cell: Memo<Option<Cell>>,
) -> impl IntoView {
    let state = use_state();
    let reason =
        move || cell.with(|cell| cell.as_ref().map(|cell| reason(state, cell.placement.reason)));
    let rows = move || cell.with(|cell| cell.as_ref().map(|cell| rows(state, cell)));
    let remarks =
        move || cell.with(|cell| cell.as_ref().map(|cell| remarks(state, &cell.placement)));
    // Of a model that lies in one place there is nothing to tell.
    let divided = Memo::new(move |_| {
        let divided = |cell: &Cell| cell.devices.len() > 1 || cell.placement.parts.len() > 1;
        cell.with(|cell| cell.as_ref().is_some_and(divided))
    });
    view! {
        <Show when=move || divided.get()>
            <section
                class="placement"
                data-testid="placement"
                aria-label=words!(state, split.title)
            >
                <h3>{words!(state, split.title)}</h3>
                <p data-testid="placement-reason">{reason}</p>
                <dl>
                    {move || {
                        rows()
                            .unwrap_or_default()
                            .into_iter()
                            .map(|(place, what)| view! { <dt>{place}</dt> <dd>{what}</dd> })
                            .collect_view()
                    }}
                </dl>
                {move || {
                    remarks()
                        .unwrap_or_default()
                        .into_iter()
                        .map(|remark| view! { <p class="placement-remark">{remark}</p> })
                        .collect_view()
                }}
            </section>
        </Show>
    }
}

fn reason(state: State, reason: PlacementReason) -> String {
    match reason {
        PlacementReason::Asked => tr!(state, split.reason_asked),
        PlacementReason::Fits => tr!(state, split.reason_fits),
        PlacementReason::Rebalanced => tr!(state, split.reason_levelled),
        PlacementReason::ExpertsToHost => tr!(state, split.reason_experts_to_host),
        PlacementReason::LayersToHost => tr!(state, split.reason_layers_to_host),
        PlacementReason::NothingFits => tr!(state, split.reason_nothing_fits),
        PlacementReason::Cpu => tr!(state, split.reason_cpu),
    }
    .to_owned()
}

/// A place and what of the model is there, for each part.
fn rows(state: State, cell: &Cell) -> Vec<(String, String)> {
    let shares = &cell.placement.shares;
    let total: u64 = shares.iter().sum();
    let share = |device: u64| {
        let share = *shares.get(device as usize)?;
        let percent = (share as f64 / total.max(1) as f64 * 100.0).round() as u64;
        Some(tr!(state, split.share, n = state.whole(percent)))
    };
    let row = |part: &PlacementPart| {
        let mut what = contents(state, part);
        if let [first, .., last] = part.devices.as_slice()
            && cell.placement.split == SplitKind::Tensors
            && !shares.is_empty()
        {
            what.extend((*first..=*last).filter_map(share));
        }
        (place(state, cell, part), what.join(", "))
    };
    cell.placement.parts.iter().map(row).collect()
}

fn place(state: State, cell: &Cell, part: &PlacementPart) -> String {
    let number = |device: u64| state.whole(device + 1);
    match part.devices.as_slice() {
        [] => tr!(state, split.host).to_owned(),
        [one] => {
            let bill = cell.devices.get(*one as usize);
            let name = bill.map(|bill| state.device_name(&bill.device)).unwrap_or_default();
            tr!(state, split.device, n = number(*one), name = name)
        }
        [first, .., last] => {
            tr!(state, split.shared_by, first = number(*first), last = number(*last))
        }
    }
}

/// Layers, experts and head of a part. Layers are counted from 1.
fn contents(state: State, part: &PlacementPart) -> Vec<String> {
    let ((first, end), (from, to)) = (part.layers, part.experts);
    let (has_layers, has_experts) = (first < end, from < to);
    let last = |n: u64| state.whole(n);
    let next = |n: u64| state.whole(n + 1);
    let mut out = Vec::new();
    if end == first + 1 {
        out.push(tr!(state, split.part_layer, first = next(first)));
    } else if has_layers {
        out.push(tr!(state, split.part_layers, first = next(first), last = last(end)));
    }
    match (has_layers, has_experts) {
        (true, true) if part.experts != part.layers => {
            out.push(tr!(state, split.part_some_experts, first = next(from), last = last(to)));
        }
        (false, true) => {
            out.push(tr!(state, split.part_experts, first = next(from), last = last(to)));
        }
        _ => {}
    }
    if part.head {
        out.push(tr!(state, split.part_head).to_owned());
    }
    if out.is_empty() {
        out.push(tr!(state, split.part_embedding).to_owned());
    }
    out
}

/// What is there besides: copies of the whole, inputs of a pipeline, duplicates.
fn remarks(state: State, placement: &Placement) -> Vec<String> {
    let mut out = Vec::new();
    if placement.replicas > 1 {
        out.push(tr!(state, split.copies, n = state.whole(placement.replicas)));
    }
    if placement.input_copies > 1 {
        out.push(tr!(state, split.input_copies, n = state.whole(placement.input_copies)));
    }
    if !placement.duplicates.is_empty() {
        let one = |duplicate: &headroom::report::Duplicate| {
            format!("{} ({})", copied(state, duplicate.what), state.bytes(duplicate.bytes))
        };
        let all: Vec<String> = placement.duplicates.iter().map(one).collect();
        out.push(format!("{}: {}.", tr!(state, split.duplicates), all.join(", ")));
    }
    out
}

fn copied(state: State, what: DuplicateKind) -> &'static str {
    match what {
        DuplicateKind::TiedHead => tr!(state, split.tied_head),
        DuplicateKind::Weights => tr!(state, split.weights),
        DuplicateKind::Padding => tr!(state, split.padding),
        DuplicateKind::KvHeads => tr!(state, split.kv_heads),
        DuplicateKind::Inputs => tr!(state, split.inputs),
        DuplicateKind::Graph => tr!(state, split.graph),
    }
}

/// The settings of the split and of unified memory, each under a heading of its own.
#[component]
pub fn PlacementFields() -> impl IntoView {
    let state = use_state();
    view! {
        <fieldset class="more-group" data-testid="split-fields">
            <legend>{words!(state, split.legend)}</legend>
            <div class="more-grid">
                <ModeField />
                <SharesField />
                <CountField
                    label=words!(state, split.main_gpu)
                    limit=Bounds::MAIN_GPU
                    read=|s| s.parallel.main_gpu
                    write=|s, n| s.parallel.main_gpu = n
                    testid="main-gpu-input"
                />
                <CountField
                    label=words!(state, split.batch)
                    limit=Bounds::BATCH
                    read=|s| s.parallel.logical_batch()
                    write=|s, n| s.parallel.batch = Some(n)
                    testid="batch-input"
                />
                <CountField
                    label=words!(state, split.pp)
                    limit=Bounds::PIPELINE
                    read=|s| s.parallel.pipeline.unwrap_or(1)
                    write=|s, n| s.parallel.pipeline = (n > 1).then_some(n)
                    testid="pp-input"
                />
                <CountField
                    label=words!(state, split.dp)
                    limit=Bounds::DATA_PARALLEL
                    read=|s| s.parallel.data.unwrap_or(1)
                    write=|s, n| s.parallel.data = (n > 1).then_some(n)
                    testid="dp-input"
                />
                <ExpertField />
            </div>
        </fieldset>
        <fieldset class="more-group" data-testid="unified-fields">
            <legend>{words!(state, split.unified_legend)}</legend>
            <div class="more-grid">
                <SystemField />
                <SizeField
                    label=words!(state, split.wired)
                    limit=Bounds::WIRED
                    read=|s| s.platform.limit.unwrap_or_default()
                    write=|s, bytes| s.platform.limit = (bytes.0 > 0).then_some(bytes)
                    testid="wired-input"
                />
                <SizeField
                    label=words!(state, split.uma)
                    limit=Bounds::CARVE_OUT
                    read=|s| s.platform.carve_out.unwrap_or_default()
                    write=|s, bytes| s.platform.carve_out = (bytes.0 > 0).then_some(bytes)
                    testid="uma-input"
                />
            </div>
        </fieldset>
    }
}

fn choose(state: State, key: &'static str, change: impl FnOnce(&mut Scenario)) {
    state.choose(|s: &mut Scenario| {
        change(s);
        edit::drop_unused(s, key);
    });
}

#[component]
fn ModeField() -> impl IntoView {
    let state = use_state();
    let value = state.slice(|s| s.parallel.split.name().to_owned());
    let options = move || {
        let text = |mode| match mode {
            SplitMode::Auto => tr!(state, split.auto),
            SplitMode::Layer => tr!(state, split.layer),
            SplitMode::Row => tr!(state, split.row),
            SplitMode::Tensor => tr!(state, split.tensor),
            SplitMode::None => tr!(state, split.one),
        };
        let option =
            |(name, mode): &(&str, SplitMode)| ((*name).to_owned(), text(*mode).to_owned());
        SplitMode::ALL.iter().map(option).collect()
    };
    view! {
        <Select
            label=words!(state, split.mode)
            options=Signal::derive(options)
            value
            choose=Callback::new(move |name: String| {
                let known = SplitMode::ALL.iter().find(|(known, _)| *known == name);
                if let Some((_, mode)) = known {
                    choose(state, "split", |s| s.parallel.split = *mode);
                }
            })
            testid="split-select"
        />
    }
}

/// Proportions as they are typed after `-ts`.
#[component]
fn SharesField() -> impl IntoView {
    let state = use_state();
    let value = state.slice(|s| {
        s.parallel.tensor_split.as_ref().map(TensorSplit::to_string).unwrap_or_default()
    });
    view! {
        <div class="field">
            <label class="field-label" for="tensor-split">
                {words!(state, split.shares)}
            </label>
            <input
                id="tensor-split"
                type="text"
                inputmode="decimal"
                autocomplete="off"
                data-testid="tensor-split-input"
                placeholder=words!(state, split.shares_hint)
                prop:value=move || value.get()
                on:change:target=move |event| {
                    let typed = event.target().value();
                    // As in a link: what cannot be used is said there, and stays.
                    state.choose(|s| {
                        edit::drop_unused(s, "ts");
                        s.parallel.tensor_split = None;
                        edit::apply_suggestion(s, &Suggestion::set("ts", typed.trim()));
                    });
                }
            />
        </div>
    }
}

#[component]
fn ExpertField() -> impl IntoView {
    let state = use_state();
    let value = state.slice(|s| s.parallel.expert.to_string());
    let options = move || {
        let on = value.get();
        let mut options = vec![
            ("off".to_owned(), tr!(state, controls.off).to_owned()),
            ("on".to_owned(), tr!(state, controls.on).to_owned()),
        ];
        if !options.iter().any(|(name, _)| *name == on) {
            options.push((on.clone(), on));
        }
        options
    };
    view! {
        <Select
            label=words!(state, split.ep)
            options=Signal::derive(options)
            value
            choose=Callback::new(move |name: String| {
                choose(state, "ep", |s| {
                    s.parallel.expert = match name.as_str() {
                        "on" => ExpertParallel::On,
                        "off" => ExpertParallel::Off,
                        _ => s.parallel.expert,
                    };
                });
            })
            testid="ep-select"
        />
    }
}

#[component]
fn SystemField() -> impl IntoView {
    let state = use_state();
    let value = state.slice(|s| s.platform.system.map(|s| s.name().to_owned()).unwrap_or_default());
    let options = move || {
        let own = (String::new(), tr!(state, split.system_own).to_owned());
        let text = |system| match system {
            System::Macos15 => "macOS 15",
            System::Macos26 => "macOS 26",
            System::Linux => "Linux",
            System::Windows => "Windows",
        };
        let option =
            |(name, system): &(&str, System)| ((*name).to_owned(), text(*system).to_owned());
        [own].into_iter().chain(System::ALL.iter().map(option)).collect()
    };
    view! {
        <Select
            label=words!(state, split.system)
            options=Signal::derive(options)
            value
            choose=Callback::new(move |name: String| {
                let known = System::ALL.iter().find(|(known, _)| *known == name);
                choose(state, "os", |s| s.platform.system = known.map(|(_, system)| *system));
            })
            testid="os-select"
        />
    }
}
