//! A tensor of a GGUF file, and its bytes in a buffer.

use super::graph_quirks::Family;
use crate::architecture::{Group, Role, Tensor};
use crate::quant::{GgmlType, StoredType};
use crate::units::Bytes;

/// Alignment of tensors on the host (`TENSOR_ALIGNMENT`).
pub(super) const HOST_ALIGNMENT: u64 = 32;
/// Alignment of tensors on a CUDA device.
pub(super) const DEVICE_ALIGNMENT: u64 = 128;

/// CUDA's matrix kernels read rows of quantised tensors in steps of this many values, so the last
/// row of a tensor is padded to it (`MATRIX_ROW_PADDING`).
const ROW_STEP: u64 = 512;

/// A tensor of the GGUF file with its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The tensor.
    pub tensor: Tensor,
    /// Its type; in a published build the one of the nearest standard mix.
    pub ty: GgmlType,
    bytes: Bytes,
}

impl Weight {
    /// Creates a tensor of a type.
    pub fn new(tensor: Tensor, ty: GgmlType) -> Weight {
        Weight { tensor, ty, bytes: Bytes(ty.bytes(tensor.shape.elements())) }
    }

    /// Creates a tensor of a type that a file states. One that llama.cpp lacks is computed as the
    /// nearest that it has, and takes what its own blocks take.
    pub(super) fn stored(tensor: Tensor, ty: StoredType) -> Weight {
        Weight { tensor, ty: ty.nearest(), bytes: Bytes(ty.bytes(tensor.shape)) }
    }

    /// Bytes in the file.
    pub fn bytes(&self) -> Bytes {
        self.bytes
    }

    /// This tensor in another role.
    pub(super) fn with_role(self, role: Role) -> Weight {
        Weight { tensor: Tensor { role, ..self.tensor }, ..self }
    }

    /// This tensor with `factor` times its bytes if it is quantised, as one of a build whose types
    /// are not known.
    pub(super) fn resized(self, factor: f64) -> Weight {
        match self.is_quantised() {
            true => Weight { bytes: self.bytes.scale(factor), ..self },
            false => self,
        }
    }

    /// Whether it is stored in blocks of fewer than 16 bits a value.
    pub(super) fn is_quantised(&self) -> bool {
        self.ty.block_elements() > 1
    }

    /// Bytes in a device's buffer, whether or not the model loads the tensor.
    pub fn loaded_bytes(&self) -> Bytes {
        Bytes(self.on_device())
    }

    /// Bytes in a buffer on the host.
    pub(super) fn on_host(&self) -> u64 {
        padded(self.bytes().0, HOST_ALIGNMENT)
    }

    /// Bytes in a buffer on a CUDA device.
    pub(super) fn on_device(&self) -> u64 {
        self.on_device_of(self.bytes())
    }

    pub(super) fn on_device_of(&self, bytes: Bytes) -> u64 {
        let [row, ..] = self.tensor.shape.0;
        padded(bytes.0.saturating_add(row_padding(self.ty, row)), DEVICE_ALIGNMENT)
    }

    /// Whether it is loaded for text generation, unlike MTP layers and vision towers.
    pub(super) fn is_loaded(&self, family: Family) -> bool {
        is_loaded(&self.tensor, family)
    }
}

/// Whether `tensor` is loaded for text generation, unlike MTP layers and vision towers.
pub(super) fn is_loaded(tensor: &Tensor, family: Family) -> bool {
    let stray = family.loads_mtp_router_bias && tensor.role == Role::ExpProbsBias;
    tensor.in_gguf && (tensor.group == Group::Text || stray)
}

/// Bytes that a CUDA device adds to a tensor with rows of `row` values.
pub(super) fn row_padding(ty: GgmlType, row: u64) -> u64 {
    let rest = row % ROW_STEP;
    if ty.block_elements() == 1 || rest == 0 { 0 } else { ty.bytes(ROW_STEP - rest) }
}

pub(super) fn padded(bytes: u64, alignment: u64) -> u64 {
    bytes.checked_next_multiple_of(alignment).unwrap_or(u64::MAX)
}
