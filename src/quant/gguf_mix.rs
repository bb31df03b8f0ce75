//! The GGUF mixes: which ggml type llama.cpp's quantiser gives each tensor.
//!
//! Rules of llama.cpp b11434 (October 2026). [`super::gguf_part`] says which tensors are quantised
//! at all, [`super::gguf_recipe`] what each mix wants, and this file applies the one to the other,
//! with what a tensor's shape forbids.

use super::GgmlType;
use super::gguf_part::{Part, Storage, storage};
use super::gguf_recipe::{self as recipe, Recipe};
use crate::architecture::{Architecture, Mixer, Role, Tensor};
use crate::units::Bytes;

macro_rules! mixes {
    ($($variant:ident = $recipe:ident,)*) => {
        /// A GGUF mix (`llama_ftype`) by its name in llama.cpp.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, non_camel_case_types)]
        pub enum Mix { $($variant,)* }

        impl Mix {
            /// Every mix, largest first (as for a dense model of 8B: `MXFP4_MOE` is as large as
            /// Q8_0 there, and takes this place in a mixture of experts only).
            pub const ALL: &'static [Mix] = &[$(Mix::$variant,)*];

            /// The mix's name.
            pub const fn name(self) -> &'static str {
                match self { $(Mix::$variant => stringify!($variant),)* }
            }

            fn recipe(self) -> &'static Recipe {
                match self { $(Mix::$variant => &recipe::$recipe,)* }
            }
        }
    };
}

mixes! {
    F32 = F32_ONLY,
    BF16 = BF16_MOSTLY,
    F16 = F16_MOSTLY,
    Q8_0 = Q8_0_MIX,
    Q6_K = Q6_K_MIX,
    Q5_1 = Q5_1_MIX,
    Q5_K_M = Q5_K_M,
    Q5_K_S = Q5_K_S,
    Q5_0 = Q5_0_MIX,
    Q4_1 = Q4_1_MIX,
    Q4_K_M = Q4_K_M,
    Q4_K_S = Q4_K_S,
    IQ4_NL = IQ4_NL_MIX,
    Q4_0 = Q4_0_MIX,
    IQ4_XS = IQ4_XS_MIX,
    MXFP4_MOE = MXFP4_MOE,
    Q3_K_L = Q3_K_L,
    Q3_K_M = Q3_K_M,
    IQ3_M = IQ3_M,
    IQ3_S = IQ3_S_MIX,
    Q3_K_S = Q3_K_S,
    IQ3_XS = IQ3_XS,
    IQ3_XXS = IQ3_XXS_MIX,
    Q2_K = Q2_K_MIX,
    Q2_K_S = Q2_K_S,
    IQ2_M = IQ2_M,
    IQ2_S = IQ2_S_MIX,
    IQ2_XS = IQ2_XS_MIX,
    IQ2_XXS = IQ2_XXS_MIX,
    IQ1_M = IQ1_M_MIX,
    IQ1_S = IQ1_S_MIX,
}

/// What the rules need to know beside the tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MixContext {
    /// An importance matrix is used.
    pub imatrix: bool,
    /// Routed experts of a layer; 0 for a dense model.
    pub experts: u64,
    /// Query heads for one KV head in the first layer, as the GGUF metadata tell: 0 where they
    /// say that the first layer has no KV heads.
    pub heads_per_kv_head: u64,
    /// A line of models that the quantiser treats in its own way.
    pub lineage: Lineage,
}

/// A line of models that the quantiser treats in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// Falcon (1, not H1).
    Falcon,
    /// What llama.cpp takes for a "70B": Llama 2 or 3 70B, Qwen2 72B and the like.
    SeventyB,
    /// All others.
    Other,
}

impl MixContext {
    /// The facts of `architecture`, to be quantised with or without an importance matrix.
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

/// llama.cpp looks at the first layer. In hybrids with gated delta net or lightning attention the
/// converter writes one number of KV heads for all layers; in the other hybrids one for each, 0
/// for a layer without attention. MLA is rebuilt to as many KV heads as query heads.
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

/// The lines are told apart by GGUF architecture and number of layers (`LLM_TYPE_70B`).
fn lineage(architecture: &Architecture, experts: u64) -> Lineage {
    let shares_kv = heads_per_kv_head(architecture) != 1;
    match (architecture.gguf_arch.as_deref(), architecture.layers.len()) {
        (Some("falcon"), _) => Lineage::Falcon,
        (Some("llama"), 80) if shares_kv && experts != 8 => Lineage::SeventyB,
        (Some("qwen2" | "deci" | "olmo"), 80) | (Some("jais2"), 68) => Lineage::SeventyB,
        _ => Lineage::Other,
    }
}

impl Mix {
    /// The mix of that name, in any case.
    pub fn parse(name: &str) -> Option<Mix> {
        Mix::ALL.iter().copied().find(|mix| mix.name().eq_ignore_ascii_case(name))
    }

    /// llama.cpp refuses to make this mix without an importance matrix: some layer would get a
    /// type that is useless without one.
    pub fn requires_imatrix(self) -> bool {
        use GgmlType::{IQ1_M, IQ1_S, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_XXS};
        let useless = |ty| matches!(ty, IQ3_XXS | IQ2_S | IQ2_XS | IQ2_XXS | IQ1_M | IQ1_S);
        self == Mix::Q2_K_S || self.recipe().layer_types().any(useless)
    }

    /// The type of each of `tensors` (those of the GGUF file), in the same order. Any order of
    /// the tensors gives the same types.
    pub fn types(self, context: MixContext, tensors: &[Tensor]) -> Vec<GgmlType> {
        let chooser = Chooser::new(self.recipe(), context, tensors);
        tensors.iter().map(|tensor| chooser.type_of(tensor)).collect()
    }

    /// The bytes of all `tensors` (those of the GGUF file) together, each padded to a multiple of
    /// `alignment` bytes.
    pub(super) fn total_bytes(
        self,
        context: MixContext,
        tensors: &[Tensor],
        alignment: u64,
    ) -> Bytes {
        let chooser = Chooser::new(self.recipe(), context, tensors);
        let bytes = tensors.iter().map(|t| chooser.type_of(t).bytes(t.shape.elements()));
        Bytes(bytes.fold(0, |sum, b| b.checked_next_multiple_of(alignment).unwrap_or(b) + sum))
    }
}

/// A recipe and a model, ready to be asked for the types of its tensors.
struct Chooser {
    recipe: &'static Recipe,
    context: MixContext,
    /// The head is the embedding table.
    tied: bool,
    layers: Vec<LayerCensus>,
    /// Tensors of [`Part::AttnV`] in all layers.
    values: usize,
}

/// The tensors of a layer that are counted, by part (see [`counted`]).
#[derive(Clone, Copy, Default)]
struct LayerCensus {
    /// Those of this layer, one bit for each [`place`].
    here: [u8; 4],
    /// How many the layers before this one have.
    before: [u16; 4],
}

/// The layers that llama.cpp can load (`LLAMA_MAX_LAYERS`); further ones are taken for the last.
const MAX_LAYERS: usize = 512;

/// The index of a part whose tensors are counted.
const fn counted(part: Part) -> Option<usize> {
    match part {
        Part::AttnV => Some(0),
        Part::FfnDown => Some(1),
        Part::FfnGate => Some(2),
        Part::FfnUp => Some(3),
        _ => None,
    }
}

/// The place of a counted tensor among those of the same part and layer: in the order of names.
const fn place(role: Role) -> u8 {
    match role {
        Role::FfnDownExps | Role::FfnGateExps | Role::FfnUpExps | Role::AttnQkv => 1,
        Role::FfnGateInpShexp | Role::AttnV => 2,
        Role::FfnDownShexp | Role::FfnGateShexp | Role::FfnUpShexp => 3,
        _ => 0,
    }
}

fn layer_of(tensor: &Tensor) -> usize {
    tensor.layer.map_or(0, |layer| layer as usize).min(MAX_LAYERS - 1)
}

impl Chooser {
    fn new(recipe: &'static Recipe, context: MixContext, tensors: &[Tensor]) -> Chooser {
        let count = tensors.iter().map(|tensor| layer_of(tensor) + 1).max().unwrap_or(0);
        let mut layers = vec![LayerCensus::default(); count];
        let mut tied = true;
        for tensor in tensors {
            tied &= tensor.role != Role::Output;
            if let Storage::Picked(part) = storage(tensor)
                && let Some(part) = counted(part)
            {
                layers[layer_of(tensor)].here[part] |= 1 << place(tensor.role);
            }
        }
        let mut sum = [0; 4];
        for layer in &mut layers {
            layer.before = sum;
            for (sum, here) in sum.iter_mut().zip(layer.here) {
                *sum += here.count_ones() as u16;
            }
        }
        Chooser { recipe, context, tied, layers, values: sum[0].into() }
    }

    fn type_of(&self, tensor: &Tensor) -> GgmlType {
        let base = self.recipe.base;
        match storage(tensor) {
            Storage::Full => GgmlType::F32,
            Storage::Half if base == GgmlType::F32 || base == GgmlType::F16 => base,
            Storage::Half => GgmlType::BF16,
            Storage::Picked(_) if base.block_elements() == 1 => base,
            Storage::Picked(part) => fit(self.wanted(part, tensor), tensor),
        }
    }

    /// The type that the recipe wants for a tensor, whatever its shape.
    fn wanted(&self, part: Part, tensor: &Tensor) -> GgmlType {
        let recipe = self.recipe;
        match part {
            Part::Head => return self.head(tensor),
            Part::Embedding if self.tied => return self.head(tensor),
            Part::Embedding => return recipe.embedding,
            _ => {}
        }
        if let Some(stacked) = recipe.stacked
            && tensor.shape.0[2] > 1
        {
            return stacked;
        }
        // Eight experts share these two, so that many bits cost little.
        let shared = matches!(part, Part::AttnV | Part::AttnK);
        if shared && self.context.experts == 8 && !recipe.very_low {
            return GgmlType::Q8_0;
        }
        let (layer, count) = self.position(part, tensor);
        let rule = recipe
            .rules(part)
            .iter()
            .find(|rule| rule.0.admits(self.context) && rule.1.contain(layer, count));
        match rule.map_or(recipe.base, |rule| rule.2) {
            // Eight query heads share a KV head in these.
            GgmlType::Q3_K | GgmlType::Q4_K
                if part == Part::AttnV
                    && self.context.lineage == Lineage::SeventyB
                    && !recipe.very_low =>
            {
                GgmlType::Q5_K
            }
            wanted => wanted,
        }
    }

    fn head(&self, tensor: &Tensor) -> GgmlType {
        let recipe = self.recipe;
        let fits = tensor.shape.0[0].is_multiple_of(recipe.base.block_elements());
        if fits && self.context.lineage != Lineage::Falcon { recipe.head } else { GgmlType::Q8_0 }
    }

    /// The place of a tensor among the layers, and their number, as the rules count them: by
    /// tensors that there are of its part, except that the FFN matrices of a mixture of experts
    /// go by the layer they are in.
    fn position(&self, part: Part, tensor: &Tensor) -> (usize, usize) {
        let layer = layer_of(tensor);
        let (Some(index), Some(census)) = (counted(part), self.layers.get(layer)) else {
            return (layer, self.layers.len());
        };
        let earlier_here = census.here[index] & ((1 << place(tensor.role)) - 1);
        let rank = usize::from(census.before[index]) + earlier_here.count_ones() as usize;
        match part {
            Part::AttnV => (rank, self.values),
            _ if self.context.experts > 1 && !self.recipe.very_low => (layer, self.layers.len()),
            _ => (rank, self.layers.len()),
        }
    }
}

/// The type nearest to `wanted` whose blocks divide the rows of `tensor`
/// (`tensor_type_fallback`).
fn fit(wanted: GgmlType, tensor: &Tensor) -> GgmlType {
    use GgmlType::*;
    let divides = |ty: GgmlType| tensor.shape.0[0].is_multiple_of(ty.block_elements());
    // A count of parameters has no rows.
    if tensor.shape.rank() < 2 || divides(wanted) {
        return wanted;
    }
    let narrower = match wanted {
        IQ1_S | IQ1_M | IQ2_XXS | IQ2_XS | IQ2_S | IQ3_XXS | IQ3_S | IQ4_XS => IQ4_NL,
        Q2_K | Q3_K => Q4_0,
        Q4_K => Q5_0,
        Q5_K => Q5_1,
        Q6_K => Q8_0,
        other => other,
    };
    if divides(narrower) { narrower } else { F16 }
}
