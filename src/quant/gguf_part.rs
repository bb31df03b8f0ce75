//! The tensors that llama.cpp's quantiser quantises, and the part of the model that it sees in
//! each.

use std::sync::LazyLock;

use crate::architecture::{Role, Tensor};

/// A part of the model as distinguished by the quantiser; a mix has one list of rules per part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The embedding table, and the per-layer one of Gemma 3n and 4.
    Embedding,
    /// The output head.
    Head,
    /// Values, fused QKV, and the projection that rebuilds K and V from a latent: the attention
    /// weights that suffer most from few bits.
    AttnV,
    AttnK,
    AttnQ,
    AttnOutput,
    FfnDown,
    /// Gate and up projections, also fused in one tensor.
    FfnGate,
    FfnUp,
    /// Any other matrix, which gets the mix's base type.
    Other,
}

/// How a tensor is stored in a quantised file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// In 32-bit floats (or integers), as written by the converter.
    Full,
    /// In 16-bit floats, as written by the converter.
    Half,
    /// In a type chosen by the mix.
    Picked(Part),
}

/// Returns the part that the quantiser sees in `role`, by the name of its tensor.
pub(super) const fn part(role: Role) -> Part {
    match role {
        Role::TokenEmbd | Role::PerLayerTokenEmbd => Part::Embedding,
        Role::Output => Part::Head,
        Role::AttnV | Role::AttnQkv | Role::AttnKvB => Part::AttnV,
        Role::AttnK | Role::IndexerAttnK => Part::AttnK,
        Role::AttnQ => Part::AttnQ,
        Role::AttnOutput => Part::AttnOutput,
        Role::FfnDown | Role::FfnDownExps | Role::FfnDownShexp => Part::FfnDown,
        Role::FfnGate
        | Role::FfnGateExps
        | Role::FfnGateInpShexp
        | Role::FfnGateShexp
        | Role::FfnGateUpExps => Part::FfnGate,
        Role::FfnUp | Role::FfnUpExps | Role::FfnUpShexp => Part::FfnUp,
        _ => Part::Other,
    }
}

/// For each role, whether its tensor is named as a weight other than a norm's.
static NAMED_WEIGHT: LazyLock<Vec<bool>> = LazyLock::new(|| {
    let names = Role::ALL.iter().map(|role| role.gguf_name());
    names.map(|name| name.ends_with("weight") && !name.ends_with("_norm.weight")).collect()
});

/// Returns how `tensor` is stored: vectors, biases, norms, routers, convolutions and position
/// tables are not quantised (`tensor_allows_quantization` in llama-quant.cpp and the types that
/// convert_hf_to_gguf.py writes).
pub(super) fn storage(tensor: &Tensor) -> Storage {
    match tensor.role {
        // Counts of parameters standing for matrices whose shapes are not known.
        Role::Mtp | Role::Other => return Storage::Picked(Part::Other),
        Role::PerLayerModelProj
        | Role::AltupProj
        | Role::AltupUnembdProj
        | Role::AltupRouter
        | Role::LaurelL
        | Role::LaurelR => return Storage::Half,
        Role::FfnGateInp
        | Role::FfnGateTid2Eid
        | Role::AltupCorrectCoef
        | Role::AltupPredictCoef
        | Role::IndexerQProj
        | Role::IndexerKProj
        | Role::PositionEmbd
        | Role::TokenTypes
        | Role::SsmConv1d
        | Role::SsmConv1dQ
        | Role::SsmConv1dK
        | Role::SsmConv1dV
        | Role::ShortConvConv => return Storage::Full,
        _ => {}
    }
    if tensor.shape.rank() < 2 || !NAMED_WEIGHT[tensor.role as usize] {
        return Storage::Full;
    }
    Storage::Picked(part(tensor.role))
}
