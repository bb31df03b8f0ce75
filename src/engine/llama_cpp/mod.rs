//! llama.cpp's memory layout: weights, KV cache, recurrent state, compute buffers.
//!
//! Rules as of build b11434 (October 2026).

mod division;
mod family;
mod ggml;
mod graph;
mod kv_cache;
mod memo;
mod overhead;
mod weights;

use std::cell::Cell;

pub use division::{Divided, divides_tensors};
use family::Family;
use ggml::{BufferType, Graph, Marks, Span};
use graph::Batch;
pub use kv_cache::{CacheRow, LayerState, cache_rows, checkpoint_bytes, layer_states, states};
pub use memo::GraphMemo;
pub use overhead::{Overhead, Platform, Unpacked, compute_intervals, runtime_overhead};
pub use weights::{Stock, Weight, bytes_by_type, cache_parts, loaded, model_bytes, tied_output};

use crate::architecture::{Architecture, Layer, Mixer, Reach};
use crate::scenario::{KvTypes, Mode};
use crate::units::Bytes;

/// The build whose rules these are.
pub const VERSION: &str = "b11434 (October 2026)";

/// Tensors begin at multiples of this on the host (`TENSOR_ALIGNMENT`) ...
const HOST_ALIGNMENT: u64 = 32;
/// ... and of this on a CUDA device.
const DEVICE_ALIGNMENT: u64 = 128;

/// How llama.cpp is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Context for all sequences together, in tokens (`--ctx-size`).
    pub n_ctx: u64,
    /// Sequences (`--parallel`).
    pub n_parallel: u64,
    /// One KV buffer for all sequences (`--kv-unified`).
    pub unified: bool,
    /// Physical batch in tokens (`--ubatch-size`).
    pub n_ubatch: u64,
    /// Cache types.
    pub kv: KvTypes,
    /// Flash attention.
    pub flash_attention: bool,
    /// Sliding-window layers keep the whole context.
    pub swa_full: bool,
    /// What the logits buffer is reserved for.
    pub mode: Mode,
    /// Tokens proposed at once in speculative decoding, which the model checks together; 0 without.
    pub proposed: u64,
    /// States of a recurrent layer that each sequence keeps beside the current one, to go back to
    /// where a proposal is rejected (`n_rs_seq`).
    pub snapshots: u64,
}

/// Snapshots of recurrent states that are kept where `proposed` tokens are proposed at once by MTP
/// layers: one each, in architectures that can go back to them; the others are restored from
/// checkpoints on the host. A separate draft model asks for none. Source: `need_n_rs_seq` in
/// `common/common.h`, `llm_arch_supports_rs_rollback` in `src/llama-arch.cpp`.
pub fn snapshots(architecture: &Architecture, proposed: u64) -> u64 {
    match architecture.gguf_arch.as_deref() {
        Some("qwen35" | "qwen35moe" | "qwen4exp") => proposed,
        _ => 0,
    }
}

/// Sequences that llama.cpp can tell apart (`LLAMA_MAX_SEQ`).
pub const MAX_SEQUENCES: u64 = 256;
/// Contexts are counted in 32 bits.
const MAX_CONTEXT: u64 = 1 << 31;

impl Settings {
    /// The settings that llama.cpp goes by: in its limits, a batch no longer than the context, and
    /// flash attention only where the architecture has it.
    fn effective(&self, architecture: &Architecture) -> Settings {
        let n_ctx = self.n_ctx.clamp(1, MAX_CONTEXT);
        Settings {
            n_ctx,
            n_parallel: self.n_parallel.clamp(1, MAX_SEQUENCES),
            n_ubatch: self.n_ubatch.clamp(1, n_ctx),
            flash_attention: self.flash_attention && !Family::of(architecture).no_flash_attention,
            ..*self
        }
    }
}

/// Where the layers are kept, as `--n-gpu-layers`, `--tensor-split` and `--n-cpu-moe` say it.
///
/// The output layer counts as one more layer after the repeating ones. The devices take the last
/// layers, in order; the first layers, those that are left, stay on the host, and with each layer
/// its KV cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Layers on each device, the output layer included (it is the last one of the last device).
    /// No devices: a run on the CPU. A sum of 0: `-ngl 0`, where the device only helps with
    /// large batches.
    pub device_layers: Vec<u64>,
    /// The first layers, this many, keep their routed experts on the host (`--n-cpu-moe`).
    pub host_expert_layers: u64,
    /// What is divided besides. Where tensors are, the devices form one: `device_layers` has a
    /// single entry for all of them.
    pub divided: Divided,
}

impl Placement {
    /// Everything on the CPU.
    pub fn cpu() -> Placement {
        Placement::default()
    }

    /// Everything on one device.
    pub fn gpu(architecture: &Architecture) -> Placement {
        Placement::gpu_layers(architecture.n_layers() + 1)
    }

    /// The output layer and the last `n - 1` repeating layers on one device.
    pub fn gpu_layers(n: u64) -> Placement {
        Placement { device_layers: vec![n], ..Placement::default() }
    }

    /// What `--n-gpu-layers N` puts on one device. llama.cpp counts the MTP layers of the file as
    /// well, the last ones before the output layer, although it does not load them.
    pub fn ngl(architecture: &Architecture, n: u64) -> Placement {
        Placement::gpu_layers(n.saturating_sub(mtp_layers(architecture)).max(n.min(1)))
    }

    /// The `--n-gpu-layers` that brings this placement about.
    pub fn n_gpu_layers(&self, architecture: &Architecture) -> u64 {
        let layers = self.device_layers.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
        match layers {
            0 | 1 => layers,
            _ => layers.saturating_add(mtp_layers(architecture)),
        }
    }

    /// The device that holds layer `il`, or the output layer where `il` is the number of layers;
    /// `None`: the host.
    pub fn device_of_layer(&self, architecture: &Architecture, il: u64) -> Option<usize> {
        let on_devices = self.device_layers.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
        let first = (architecture.n_layers() + 1).saturating_sub(on_devices);
        let mut place = il.checked_sub(first)?;
        for (device, layers) in self.device_layers.iter().enumerate() {
            if place < *layers {
                return Some(device);
            }
            place -= layers;
        }
        None
    }

    /// Devices, those that form one counted singly.
    pub fn devices(&self) -> usize {
        match &self.divided {
            Divided::Tensors(shares) => shares.len(),
            _ => self.device_layers.len(),
        }
    }

    /// The entry of `device_layers` that device `i` is part of.
    pub fn group_of(&self, i: usize) -> usize {
        if matches!(self.divided, Divided::Tensors(_)) { 0 } else { i }
    }

    /// Device `i` is left out altogether.
    pub fn leaves_out(&self, i: usize) -> bool {
        self.divided == Divided::Nothing && self.device_layers.get(i) == Some(&0)
    }

    /// How many batches pass through the devices at the same time: several devices that hold all
    /// layers form a pipeline.
    pub fn pipeline_copies(&self, architecture: &Architecture) -> u64 {
        let all_on_devices = self.device_of_layer(architecture, 0).is_some();
        let pipeline = self.device_layers.len() > 1 && self.divided == Divided::Layers;
        match pipeline && all_on_devices && self.host_expert_layers == 0 {
            true => PIPELINE_COPIES,
            false => 1,
        }
    }

    /// A device may be given copies of weights that lie on the host.
    fn copies_weights(&self, architecture: &Architecture) -> bool {
        let whole = self.device_of_layer(architecture, 0).is_some();
        !self.device_layers.is_empty() && (!whole || self.host_expert_layers > 0)
    }

    /// The device that holds the output layer.
    pub fn output(&self, architecture: &Architecture) -> Option<usize> {
        self.device_of_layer(architecture, architecture.n_layers())
    }
}

/// Batches that are under way at the same time where a pipeline is formed
/// (`GGML_SCHED_MAX_COPIES`).
const PIPELINE_COPIES: u64 = 4;

/// MTP layers in the GGUF file.
pub fn mtp_layers(architecture: &Architecture) -> u64 {
    let mtp = architecture.mtp.as_ref().filter(|mtp| mtp.in_gguf);
    mtp.map_or(0, |mtp| mtp.layers.len() as u64)
}

/// The layer's cache is one of those that hold a window only (unless `--swa-full`).
pub fn has_window(architecture: &Architecture, layer: &Layer) -> bool {
    let reach = match &layer.mixer {
        Mixer::Attention(a) | Mixer::AttentionAndMamba2(a, _) => a.reach,
        Mixer::Mla(m) => m.reach,
        _ => return false,
    };
    family::has_windows(architecture) && matches!(reach, Reach::Sliding | Reach::Chunked)
}

/// Bytes on each device and on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// On each device of the [`Placement`], in order.
    pub devices: Vec<Bytes>,
    /// On the host.
    pub host: Bytes,
}

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
    split(&pass(&model, &batch, placement, copies, Span::HERE), 0)
}

/// One pass over the graph of `batch`, for those steps of context before and after it within which
/// its tensors grow evenly.
fn pass(
    model: &graph::Model<'_>,
    batch: &Batch,
    placement: &Placement,
    copies: u64,
    span: Span,
) -> Marks {
    let build = |batch: &Batch| graph::build(model, batch, placement, SPARE.take());
    let mut graph = build(batch);
    if span != Span::HERE {
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
fn split(marks: &Marks, steps: i64) -> Split {
    let mut devices: Vec<Bytes> = marks.at(steps).map(Bytes).collect();
    let host = devices.pop().unwrap_or_default();
    Split { devices, host }
}
