//! Compute buffers, by simulating the graph of a batch.

use std::cell::Cell;

use super::ggml::{Backend, BufferSizes, BufferType, ContextRange, Graph};
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
    let mut kept = KEPT.take();
    let key = (std::ptr::from_ref(model.architecture) as usize, model.is_whole);
    let is_known = |known: &Kept| known.key == key && known.placement == *placement;
    let known = kept.iter().rposition(is_known).and_then(|at| {
        let mut graph = kept.remove(at).graph.once_more(0);
        graph = graph::build(model, batch, placement, graph);
        graph.take_on().then_some(graph)
    });
    let mut graph = known.unwrap_or_else(|| {
        let memory = if kept.len() < MOST_KEPT { Graph::default() } else { kept.remove(0).graph };
        graph::build(
            model,
            batch,
            placement,
            memory.emptied(placement.device_layers.len() as Backend),
        )
    });
    if span != ContextRange::HERE && (is_needed || graph.is_small()) {
        let step = if span.on > 0 { 1 } else { -1 };
        let full = batch.cells.full.saturating_add_signed(step * kv_cache::CELL_STEP as i64);
        let neighbour = Batch { cells: batch.cells.with(full), ..*batch };
        graph = graph::build(model, &neighbour, placement, graph.once_more(step));
        graph.grow(span);
    }
    let mut types = vec![BufferType { alignment: DEVICE_ALIGNMENT }; placement.device_layers.len()];
    types.push(BufferType { alignment: HOST_ALIGNMENT });
    let sizes = graph.buffers(&types, copies);
    #[cfg(not(target_arch = "wasm32"))]
    PLACED.set({
        let (graphs, tensors) = PLACED.get();
        (graphs + 1, tensors + graph.len() as u64)
    });
    if graph.is_small() {
        kept.push(Kept { key, placement: placement.clone(), graph });
    }
    KEPT.set(kept);
    sizes
}

/// A graph that was placed. For another batch it mostly is the same but for sizes: whether it is, is
/// found out while it is built once more, so the rest only tells where that is worth trying.
struct Kept {
    /// Address of the architecture, and whether each layer is built.
    key: (usize, bool),
    placement: Placement,
    graph: Graph,
}

/// Number of graphs that are kept: a search goes to and fro between a few placements. Beyond it the
/// oldest one's memory is reused.
const MOST_KEPT: usize = 4;

thread_local! {
    static KEPT: Cell<Vec<Kept>> = const { Cell::new(Vec::new()) };
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

/// The buffers of `sizes`, `steps` steps of context further on.
pub(super) fn split(sizes: &BufferSizes, steps: i64) -> Split {
    let mut devices: Vec<Bytes> = sizes.at(steps).map(Bytes).collect();
    let host = devices.pop().unwrap_or_default();
    Split { devices, host }
}
