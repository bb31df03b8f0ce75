//! Compute buffers, by simulating the graph of a batch.

use std::cell::Cell;

use super::ggml::{BufferSizes, BufferType, ContextRange, Graph, Outline};
use super::gguf_tensor::{DEVICE_ALIGNMENT, HOST_ALIGNMENT, Weight};
use super::graph::{self, Batch};
use super::kv_cache;
use super::placement::{Placement, Split};
use super::settings::Settings;
use crate::architecture::Architecture;
use crate::units::Bytes;

/// Returns the compute buffers of a model on each device and on the host.
///
/// `weights` matter only if some of them are on the host of a machine with devices: large batches
/// are computed on the device with copies of them.
pub fn compute(
    architecture: &Architecture,
    weights: &[Weight],
    settings: &Settings,
    placement: &Placement,
) -> Split {
    computed(architecture, weights, settings, placement, false)
}

/// Returns the same as [`compute`], from a graph with every layer on every device.
#[cfg(not(target_arch = "wasm32"))]
pub fn compute_whole(
    architecture: &Architecture,
    weights: &[Weight],
    settings: &Settings,
    placement: &Placement,
) -> Split {
    computed(architecture, weights, settings, placement, true)
}

fn computed(
    architecture: &Architecture,
    weights: &[Weight],
    settings: &Settings,
    placement: &Placement,
    is_whole: bool,
) -> Split {
    let batch = Batch::new(architecture, &settings.effective(architecture));
    let copies = placement.pipeline_copies(architecture);
    let kinds = &graph::kinds(architecture);
    let model = graph::Model { architecture, kinds, weights, is_whole };
    split(&pass(&model, &batch, placement, copies, (ContextRange::HERE, true)), 0)
}

/// Simulates the graph of `batch` once. The sizes hold for the steps of context within `span`,
/// where all tensors grow linearly; of a large graph for its own context alone, unless the range
/// `is_needed`.
pub(super) fn pass(
    model: &graph::Model<'_>,
    batch: &Batch,
    placement: &Placement,
    copies: u64,
    (span, is_needed): (ContextRange, bool),
) -> BufferSizes {
    let build = |batch: &Batch| graph::build(model, batch, placement, SPARE.take());
    let step = if span.on > 0 { 1 } else { -1 };
    let full = batch.cells.full.saturating_add_signed(step * kv_cache::CELL_STEP as i64);
    let next = || build(&Batch { cells: batch.cells.with(full), ..*batch }).outlined();
    // The neighbour comes first, so that no two large graphs are there at once.
    let has_span = span != ContextRange::HERE;
    let neighbour = (has_span && is_needed).then(next);
    let mut graph = build(batch);
    let neighbour = neighbour.or_else(|| (has_span && graph.is_small()).then(next));
    if let Some(neighbour) = neighbour {
        graph.grow(&neighbour, step, span);
        if let Outline::Whole(neighbour) = neighbour {
            keep(*neighbour);
        }
    }
    let mut types = vec![BufferType { alignment: DEVICE_ALIGNMENT }; placement.device_layers.len()];
    types.push(BufferType { alignment: HOST_ALIGNMENT });
    let sizes = graph.buffers(&types, copies);
    #[cfg(not(target_arch = "wasm32"))]
    PLACED.set({
        let (graphs, tensors) = PLACED.get();
        (graphs + 1, tensors + graph.len() as u64)
    });
    keep(graph);
    sizes
}

thread_local! {
    /// The allocations of a finished graph, reused for the next one. It carries no other state.
    static SPARE: Cell<Graph> = Cell::default();
}

#[cfg(not(target_arch = "wasm32"))]
thread_local! {
    /// Graphs, and tensors in them.
    static PLACED: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// Returns how many tensors of graphs this thread has placed: most of the work of an answer.
#[cfg(not(target_arch = "wasm32"))]
pub fn placed_tensors() -> u64 {
    PLACED.get().1
}

/// Returns how many graphs this thread has placed.
#[cfg(not(target_arch = "wasm32"))]
pub fn placed_graphs() -> u64 {
    PLACED.get().0
}

fn keep(graph: Graph) {
    if graph.is_small() {
        SPARE.set(graph);
    }
}

/// The buffers of `sizes`, `steps` steps of context further on.
pub(super) fn split(sizes: &BufferSizes, steps: i64) -> Split {
    let mut devices: Vec<Bytes> = sizes.at(steps).map(Bytes).collect();
    let host = devices.pop().unwrap_or_default();
    Split { devices, host }
}
