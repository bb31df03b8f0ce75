//! Facts about a model, besides its tensors, that the GGUF mixes depend on.

use crate::architecture::{Architecture, Mixer};

/// Facts about a model and its quantisation, besides the tensors, that a mix depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MixContext {
    /// Whether an importance matrix is used.
    pub imatrix: bool,
    /// Number of routed experts per layer; 0 for a dense model.
    pub experts: u64,
    /// Query heads per KV head in the first layer, according to the GGUF metadata; 0 if the first
    /// layer has no KV heads there.
    pub heads_per_kv_head: u64,
    /// The line of models, as far as the quantiser distinguishes it.
    pub lineage: Lineage,
}

/// A line of models that the quantiser treats specially.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// Falcon (1, not H1).
    Falcon,
    /// The models that llama.cpp identifies as "70B": Llama 2 or 3 70B, Qwen2 72B and the like.
    SeventyB,
    /// All others.
    Other,
}

impl MixContext {
    /// Returns the facts about `architecture`, quantised with or without an importance matrix.
    pub fn new(architecture: &Architecture, imatrix: bool) -> MixContext {
        let experts = architecture.layers.iter().filter_map(|layer| layer.ffn.moe());
        let experts = experts.map(|moe| moe.experts).max().unwrap_or(0);
        MixContext {
            imatrix,
            experts,
            heads_per_kv_head: heads_per_kv_head(architecture),
            lineage: lineage(architecture, experts),
        }
    }
}

/// Query heads per KV head in the first layer, as llama.cpp reads them from the metadata.
///
/// In hybrids with gated delta net or lightning attention the converter writes one number of KV
/// heads for all layers; in other hybrids one per layer, 0 for a layer without attention. MLA is
/// expanded to as many KV heads as query heads.
fn heads_per_kv_head(architecture: &Architecture) -> u64 {
    let mut layers = architecture.layers.iter();
    let attention = match layers.next().map(|layer| &layer.mixer) {
        Some(Mixer::GatedDeltaNet(_) | Mixer::Lightning(_)) => {
            layers.find_map(|layer| layer.mixer.attention())
        }
        Some(Mixer::Mla(_)) => return 1,
        Some(mixer) => mixer.attention(),
        None => None,
    };
    attention.map_or(0, |a| a.heads / a.kv_heads.max(1))
}

/// Returns the line of models by GGUF architecture and number of layers (`LLM_TYPE_70B`).
fn lineage(architecture: &Architecture, experts: u64) -> Lineage {
    let shares_kv = heads_per_kv_head(architecture) != 1;
    match (architecture.gguf_arch.as_deref(), architecture.layers.len()) {
        (Some("falcon"), _) => Lineage::Falcon,
        (Some("llama"), 80) if shares_kv && experts != 8 => Lineage::SeventyB,
        (Some("qwen2" | "deci" | "olmo"), 80) | (Some("jais2"), 68) => Lineage::SeventyB,
        _ => Lineage::Other,
    }
}
