//! Which tensors llama.cpp's quantiser touches, and what part of the model each of them is to it.

use std::sync::LazyLock;

use crate::architecture::{Role, Tensor};

/// What the quantiser takes a tensor for; a mix has one list of rules for each.
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
    /// Any other matrix: it gets the mix's base type.
    Other,
}

/// How a tensor is stored in a quantised file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// As the converter wrote it: 32-bit floats (or integers).
    Full,
    /// As the converter wrote it: 16-bit floats.
    Half,
    /// In a type that the mix picks.
    Picked(Part),
}

/// The part that `role` is, by the name of its tensor.
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

/// How `tensor` is stored: vectors, biases, norms, routers, convolutions and position tables stay
/// as they are (`tensor_allows_quantization` in llama-quant.cpp and the types that
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
