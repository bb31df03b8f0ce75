//! Compute buffers, by simulating the graph of a batch.

use std::cell::Cell;

use super::ggml::{BufferSizes, BufferType, ContextRange, Graph};
use super::gguf_tensor::{DEVICE_ALIGNMENT, HOST_ALIGNMENT, Weight};
use super::graph::{self, Batch};
use super::kv_cache;
use super::placement::{Placement, Split};
use super::settings::Settings;
use crate::architecture::Architecture;
use crate::units::Bytes;

/// Compute buffers.
///
/// `weights` matter only where some stay on the host beside a device: large batches are computed
/// on the device with copies of them.
pub fn compute(
    architecture: &Architecture,
    weights: &[Weight],
    settings: &Settings,
    placement: &Placement,
) -> Split {
    let batch = Batch::new(architecture, &settings.effective(architecture));
    let copies = placement.pipeline_copies(architecture);
    let kinds = &graph::kinds(architecture);
    let model = graph::Model { architecture, kinds, weights };
    split(&pass(&model, &batch, placement, copies, ContextRange::HERE), 0)
}

/// One pass over the graph of `batch`, for those steps of context before and after it within which
/// its tensors grow evenly.
pub(super) fn pass(
    model: &graph::Model<'_>,
    batch: &Batch,
    placement: &Placement,
    copies: u64,
    span: ContextRange,
) -> BufferSizes {
    let build = |batch: &Batch| graph::build(model, batch, placement, SPARE.take());
    let mut graph = build(batch);
    if span != ContextRange::HERE {
        let step = if span.on > 0 { 1 } else { -1 };
        let full = batch.cells.full.saturating_add_signed(step * kv_cache::CELL_STEP as i64);
        let neighbour = Batch { cells: batch.cells.with(full), ..*batch };
        let neighbour = build(&neighbour);
        graph.grow(&neighbour, step, span);
        keep(neighbour);
    }
    let mut types = vec![BufferType { alignment: DEVICE_ALIGNMENT }; placement.device_layers.len()];
    types.push(BufferType { alignment: HOST_ALIGNMENT });
    let marks = graph.buffers(&types, copies);
    keep(graph);
    marks
}

thread_local! {
    /// The memory of a graph that is done with, for the next one: there is nothing else in it.
    static SPARE: Cell<Graph> = Cell::default();
}

fn keep(graph: Graph) {
    if graph.is_small() {
        SPARE.set(graph);
    }
}

/// The buffers that `marks` tell so many steps of context on.
pub(super) fn split(marks: &BufferSizes, steps: i64) -> Split {
    let mut devices: Vec<Bytes> = marks.at(steps).map(Bytes).collect();
    let host = devices.pop().unwrap_or_default();
    Split { devices, host }
}
