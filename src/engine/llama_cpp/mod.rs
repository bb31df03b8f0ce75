//! llama.cpp: its memory layout, the placement of layers, and its front ends.
//!
//! Rules as of build b11434 (October 2026).

mod addons;
mod bill_lines;
mod checks;
mod compute;
mod compute_cache;
mod file_size;
mod flags;
mod front_ends;
mod ggml;
mod gguf_file;
mod gguf_tensor;
mod graph;
mod graph_quirks;
mod key_hash;
mod kv_cache;
mod launch;
mod layer_division;
mod memory;
mod overhead;
mod placement;
mod placement_solver;
mod run;
mod settings;
mod tensor_split;
mod weights;

pub use compute::compute;
#[cfg(not(target_arch = "wasm32"))]
pub use compute::{compute_whole, placed_graphs, placed_tensors};
pub use compute_cache::GraphCache;
pub use file_size::FileSize;
pub use front_ends::{FrontEnd, IK_LLAMA_CPP, KOBOLD_CPP, LLAMA_SERVER, LM_STUDIO, OLLAMA};
pub use gguf_file::GgufFile;
pub use gguf_tensor::Weight;
pub use kv_cache::{
    CacheRow, KvTypes, LayerState, cache_rows, checkpoint_bytes, layer_states, states,
};
pub use memory::{AddonLines, GgufOnMachine, PlacedModel};
pub use overhead::{DriverCopies, Overhead, Platform, compute_intervals, runtime_overhead};
pub use placement::{Placement, Split, has_window, mtp_layers};
pub use settings::{MAX_SEQUENCES, Settings, snapshots};
pub use tensor_split::{Division, divides_tensors};
pub use weights::{WeightTotals, cache_parts, loaded, model_bytes, tied_output};

/// The build whose rules are applied.
pub const VERSION: &str = "b11434 (October 2026)";
