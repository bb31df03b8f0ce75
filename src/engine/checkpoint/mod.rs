//! Rules shared by the engines that load a safetensors checkpoint.

pub(super) mod activation;
pub(super) mod addons;
mod base;
mod file;
mod layer_split;
pub(super) mod loaded_weights;
pub(super) mod ranks;
mod tensor_parallel;
mod torch_allocator;

pub use base::CheckpointBase;
pub(super) use base::{cache_type, nearest_format, usable_device, visible};
pub use file::{Checkpoint, StoredTensor};
pub(super) use layer_split::LayerSplit;
pub use loaded_weights::{Release, loaded, sglang_scales};
pub(super) use tensor_parallel::stage;
pub use tensor_parallel::{FusedWeight, Indivisible, divides, rank, rank_of};
pub use torch_allocator::allocated;
