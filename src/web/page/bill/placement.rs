//! Where the model lies: what the placement of the open cell is and why.

use leptos::prelude::*;

use crate::page::app::reactive::{CollectAny, Show, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use headroom::report::{Cell, DuplicateKind, Placement, PlacementPart, PlacementReason, SplitKind};

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
    let divided = memo(move || {
        let divided = |cell: &Cell| cell.devices.len() > 1 || cell.placement.parts.len() > 1;
        cell.with(|cell| cell.as_ref().is_some_and(divided))
    });
    view! {
        <Show when=divided>
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
                            .collect_any()
                    }}
                </dl>
                {move || {
                    remarks()
                        .unwrap_or_default()
                        .into_iter()
                        .map(|remark| view! { <p class="placement-remark">{remark}</p> })
                        .collect_any()
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
        PlacementReason::LeftAside => tr!(state, split.reason_left_aside),
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
