//! The GGUF mixes: which ggml type llama.cpp's quantiser gives each tensor.
//!
//! Rules of llama.cpp b11434 (October 2026). [`super::gguf_part`] determines which tensors are
//! quantised, [`super::gguf_recipe`] the type that each mix prefers for them; this file combines
//! both, and replaces types that a tensor's shape does not allow.

use super::GgmlType;
use super::gguf_part::{Part, Storage, storage};
use super::gguf_recipe::{self as recipe, Recipe};
use super::mix_context::{Lineage, MixContext};
use crate::architecture::{Role, Tensor};
use crate::units::Bytes;

macro_rules! mixes {
    ($($variant:ident = $recipe:ident, bits $bits:literal;)*) => {
        /// A GGUF mix (`llama_ftype`) by its name in llama.cpp.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, non_camel_case_types)]
        pub enum Mix { $($variant,)* }

        impl Mix {
            /// Every mix, largest first as for a mixture of experts without an importance
            /// matrix (in a dense model `MXFP4_MOE` is as large as `Q8_0`).
            pub const ALL: &'static [Mix] = &[$(Mix::$variant,)*];

            /// The mix's name.
            pub const fn name(self) -> &'static str {
                match self { $(Mix::$variant => stringify!($variant),)* }
            }

            /// The bits per weight in the mix's name.
            pub const fn nominal_bits(self) -> u8 {
                match self { $(Mix::$variant => $bits,)* }
            }

            fn recipe(self) -> &'static Recipe {
                match self { $(Mix::$variant => &recipe::$recipe,)* }
            }
        }
    };
}

mixes! {
    F32 = F32_ONLY, bits 32;
    BF16 = BF16_MOSTLY, bits 16;
    F16 = F16_MOSTLY, bits 16;
    Q8_0 = Q8_0_MIX, bits 8;
    Q6_K = Q6_K_MIX, bits 6;
    Q5_1 = Q5_1_MIX, bits 5;
    Q5_K_M = Q5_K_M, bits 5;
    Q5_K_S = Q5_K_S, bits 5;
    Q5_0 = Q5_0_MIX, bits 5;
    Q4_1 = Q4_1_MIX, bits 4;
    Q4_K_M = Q4_K_M, bits 4;
    IQ4_NL = IQ4_NL_MIX, bits 4;
    Q4_K_S = Q4_K_S, bits 4;
    Q4_0 = Q4_0_MIX, bits 4;
    MXFP4_MOE = MXFP4_MOE, bits 4;
    IQ4_XS = IQ4_XS_MIX, bits 4;
    Q3_K_L = Q3_K_L, bits 3;
    Q3_K_M = Q3_K_M, bits 3;
    IQ3_M = IQ3_M, bits 3;
    IQ3_S = IQ3_S_MIX, bits 3;
    Q3_K_S = Q3_K_S, bits 3;
    IQ3_XS = IQ3_XS, bits 3;
    IQ3_XXS = IQ3_XXS_MIX, bits 3;
    Q2_K = Q2_K_MIX, bits 2;
    Q2_K_S = Q2_K_S, bits 2;
    IQ2_M = IQ2_M, bits 2;
    IQ2_S = IQ2_S_MIX, bits 2;
    IQ2_XS = IQ2_XS_MIX, bits 2;
    IQ2_XXS = IQ2_XXS_MIX, bits 2;
    IQ1_M = IQ1_M_MIX, bits 1;
    IQ1_S = IQ1_S_MIX, bits 1;
}

impl Mix {
    /// Parses the name of a mix, in any case.
    pub fn parse(name: &str) -> Option<Mix> {
        Mix::ALL.iter().copied().find(|mix| mix.name().eq_ignore_ascii_case(name))
    }

    /// Whether llama.cpp refuses to create this mix without an importance matrix, since some layer
    /// would get a type that is useless without one.
    pub fn requires_imatrix(self) -> bool {
        use GgmlType::{IQ1_M, IQ1_S, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_XXS};
        let useless = |ty| matches!(ty, IQ3_XXS | IQ2_S | IQ2_XS | IQ2_XXS | IQ1_M | IQ1_S);
        self == Mix::Q2_K_S || self.recipe().layer_types().any(useless)
    }

    /// The type of the fewest bits that a tensor may get. Those that take the place of one that does
    /// not fit a tensor's rows have more.
    pub fn smallest_type(self) -> GgmlType {
        let recipe = self.recipe();
        let others = [recipe.head, recipe.embedding].into_iter().chain(recipe.stacked);
        recipe.layer_types().chain(others).fold(recipe.base, GgmlType::smaller)
    }

    /// Returns the type of each of `tensors` (those of the GGUF file), in their order. The types do
    /// not depend on the order.
    pub fn types(self, context: MixContext, tensors: &[Tensor]) -> Vec<GgmlType> {
        Chooser::new(self.recipe(), context, tensors).types().collect()
    }

    /// Total bytes of `tensors` (those of the GGUF file), each padded to a multiple of `alignment`
    /// bytes.
    pub(super) fn total_bytes(
        self,
        context: MixContext,
        tensors: &[Tensor],
        alignment: u64,
    ) -> Bytes {
        let chooser = Chooser::new(self.recipe(), context, tensors);
        let sizes = tensors.iter().zip(chooser.types());
        let sizes = sizes.map(|(tensor, ty)| ty.bytes(tensor.shape.elements()));
        let padded = |bytes: u64| bytes.checked_next_multiple_of(alignment).unwrap_or(bytes);
        sizes.map(|bytes| Bytes(padded(bytes))).sum()
    }
}

/// Chooses the types of a model's tensors by a recipe.
struct Chooser<'a> {
    recipe: &'static Recipe,
    context: MixContext,
    /// The tensors, each with how it is stored.
    tensors: Vec<(&'a Tensor, Storage)>,
    /// Whether the head is the embedding table.
    tied: bool,
    layers: Vec<LayerCensus>,
    /// Number of tensors of [`Part::AttnV`] in all layers.
    values: usize,
}

/// The counted tensors of a layer, by part (see [`counted`]).
#[derive(Clone, Copy, Default)]
struct LayerCensus {
    /// The tensors in this layer, one bit per [`place`].
    here: [u8; 4],
    /// Number of tensors in all layers before this one.
    before: [u16; 4],
}

/// Number of layers that llama.cpp can load (`LLAMA_MAX_LAYERS`); further ones count as the last.
const MAX_LAYERS: usize = 512;

/// Index of a part whose tensors are counted.
const fn counted(part: Part) -> Option<usize> {
    match part {
        Part::AttnV => Some(0),
        Part::FfnDown => Some(1),
        Part::FfnGate => Some(2),
        Part::FfnUp => Some(3),
        _ => None,
    }
}

/// Place of a counted tensor among those of its part and layer, in the order of names.
const fn place(role: Role) -> u8 {
    match role {
        Role::FfnDownExps | Role::FfnGateExps | Role::FfnUpExps | Role::AttnQkv => 1,
        Role::FfnGateInpShexp | Role::AttnV => 2,
        Role::FfnDownShexp | Role::FfnGateShexp | Role::FfnUpShexp => 3,
        Role::FfnGateUpExps => 4,
        _ => 0,
    }
}

fn layer_of(tensor: &Tensor) -> usize {
    tensor.layer.map_or(0, |layer| layer as usize).min(MAX_LAYERS - 1)
}

impl<'a> Chooser<'a> {
    fn new(recipe: &'static Recipe, context: MixContext, tensors: &'a [Tensor]) -> Chooser<'a> {
        let tensors: Vec<_> = tensors.iter().map(|tensor| (tensor, storage(tensor))).collect();
        let count = tensors.iter().map(|(tensor, _)| layer_of(tensor) + 1).max().unwrap_or(0);
        let mut layers = vec![LayerCensus::default(); count];
        let mut tied = true;
        for (tensor, storage) in &tensors {
            tied &= tensor.role != Role::Output;
            if let Storage::Picked(part) = *storage
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
        Chooser { recipe, context, tensors, tied, layers, values: sum[0].into() }
    }

    /// The types of the tensors, in their order.
    fn types(&self) -> impl Iterator<Item = GgmlType> {
        self.tensors.iter().map(|(tensor, storage)| self.type_of(tensor, *storage))
    }

    fn type_of(&self, tensor: &Tensor, storage: Storage) -> GgmlType {
        let base = self.recipe.base;
        match storage {
            Storage::Full => GgmlType::F32,
            Storage::Half if base == GgmlType::F32 || base == GgmlType::F16 => base,
            Storage::Half => GgmlType::BF16,
            Storage::Picked(_) if base.block_elements() == 1 => base,
            Storage::Picked(part) => fit(self.wanted(part, tensor), tensor),
        }
    }

    /// Returns the type that the recipe prefers for a tensor, regardless of its shape.
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

    /// Returns the place of a tensor among the layers, and their number, as counted by the rules:
    /// the tensors of its part are counted, but FFN matrices of a mixture of experts have the place
    /// of their layer.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{Group, Shape};
    use GgmlType::*;

    const DENSE: MixContext =
        MixContext { imatrix: false, experts: 0, heads_per_kv_head: 1, lineage: Lineage::Other };
    const GQA: MixContext = MixContext { heads_per_kv_head: 4, ..DENSE };
    const FALCON: MixContext = MixContext { lineage: Lineage::Falcon, ..DENSE };
    const SEVENTY_B: MixContext = MixContext { lineage: Lineage::SeventyB, ..GQA };
    const MIXTRAL: MixContext = MixContext { experts: 8, ..GQA };

    fn tensor(role: Role, layer: Option<u32>, shape: [u64; 3]) -> Tensor {
        let group = Group::Text;
        Tensor { role, layer, shape: Shape(shape), group, in_checkpoint: true, in_gguf: true }
    }

    /// One tensor of each of `roles` in each of `layers`, and a head.
    fn model(layers: u32, roles: &[Role]) -> Vec<Tensor> {
        let shape = [4096, 4096, 1];
        let matrices = (0..layers)
            .flat_map(|layer| roles.iter().map(move |role| tensor(*role, Some(layer), shape)));
        matrices.chain([tensor(Role::Output, None, shape)]).collect()
    }

    /// The types that `mix` gives the tensors of `role` in a model of `layers` layers.
    fn types_of(mix: Mix, context: MixContext, layers: u32, role: Role) -> Vec<GgmlType> {
        let tensors = model(layers, &[role]);
        let mut types = mix.types(context, &tensors);
        types.truncate(layers as usize);
        types
    }

    /// The type that `mix` gives the tensor of `role` in a model of one layer.
    fn type_of(mix: Mix, context: MixContext, role: Role) -> GgmlType {
        types_of(mix, context, 1, role)[0]
    }

    fn layers_with(ty: GgmlType, types: &[GgmlType]) -> Vec<usize> {
        (0..types.len()).filter(|i| types[*i] == ty).collect()
    }

    #[test]
    fn vectors_norms_biases_routers_and_convolutions_are_kept() {
        let kept = [
            (Role::AttnNorm, [4096, 1, 1]),
            (Role::SsmNorm, [1024, 8, 1]),
            (Role::FfnUpExpsBias, [2880, 32, 1]),
            (Role::FfnGateInp, [4096, 8, 1]),
            (Role::SsmConv1d, [4, 8192, 1]),
            (Role::ShortConvConv, [3, 2048, 1]),
            (Role::PositionEmbd, [4096, 2048, 1]),
            (Role::SsmA, [1, 128, 1]),
            (Role::FfnGateInpShexp, [2048, 1, 1]),
        ];
        for mix in Mix::ALL {
            for (role, shape) in kept {
                let types = mix.types(DENSE, &[tensor(role, Some(0), shape)]);
                assert_eq!(types, [F32], "{mix:?} {role:?}");
            }
        }
        let projection = [tensor(Role::PerLayerModelProj, None, [2048, 8960, 1])];
        assert_eq!(Mix::Q4_K_M.types(DENSE, &projection), [BF16]);
        assert_eq!(Mix::F16.types(DENSE, &projection), [F16]);
        assert_eq!(Mix::F32.types(DENSE, &projection), [F32]);
    }

    #[test]
    fn a_tied_embedding_is_quantised_as_the_head() {
        let embedding = tensor(Role::TokenEmbd, None, [4096, 32000, 1]);
        let head = tensor(Role::Output, None, [4096, 32000, 1]);
        let types = |mix: Mix, tensors: &[Tensor]| mix.types(DENSE, tensors);
        assert_eq!(types(Mix::Q4_K_M, &[embedding, head]), [Q4_K, Q6_K]);
        assert_eq!(types(Mix::Q4_K_M, &[embedding]), [Q6_K]);
        assert_eq!(types(Mix::IQ2_XXS, &[embedding, head]), [Q2_K, Q5_K]);
        assert_eq!(types(Mix::IQ2_M, &[embedding, head]), [IQ3_S, Q5_K]);
        assert_eq!(types(Mix::IQ1_S, &[embedding]), [Q5_K]);
        assert_eq!(types(Mix::Q8_0, &[embedding]), [Q8_0]);
        assert_eq!(types(Mix::Q5_1, &[embedding, head]), [Q5_1, Q6_K]);
        assert_eq!(types(Mix::BF16, &[embedding]), [BF16]);
    }

    #[test]
    fn rows_that_no_block_divides_get_a_type_of_smaller_blocks() {
        let with_rows = |mix: Mix, columns, role| {
            let head = tensor(Role::Output, None, [256, 1, 1]);
            mix.types(DENSE, &[tensor(role, Some(0), [columns, 64, 1]), head])[0]
        };
        assert_eq!(with_rows(Mix::Q4_K_M, 2880, Role::AttnQ), Q5_0);
        assert_eq!(with_rows(Mix::Q5_K_M, 2880, Role::AttnQ), Q5_1);
        assert_eq!(with_rows(Mix::Q6_K, 2880, Role::AttnQ), Q8_0);
        assert_eq!(with_rows(Mix::Q3_K_S, 2880, Role::AttnQ), Q4_0);
        assert_eq!(with_rows(Mix::Q2_K, 2880, Role::AttnQ), Q4_0);
        assert_eq!(with_rows(Mix::IQ4_XS, 2880, Role::AttnQ), IQ4_NL);
        assert_eq!(with_rows(Mix::IQ1_S, 2880, Role::AttnQ), IQ4_NL);
        assert_eq!(with_rows(Mix::Q4_0, 2880, Role::AttnQ), Q4_0);
        assert_eq!(with_rows(Mix::Q4_K_M, 2890, Role::AttnQ), F16);
        assert_eq!(with_rows(Mix::Q8_0, 2890, Role::AttnQ), F16);
        // A head goes to 8 bits at once.
        let head = [tensor(Role::Output, None, [2880, 64, 1])];
        assert_eq!(Mix::Q4_K_M.types(DENSE, &head), [Q8_0]);
        assert_eq!(Mix::IQ2_XXS.types(DENSE, &head), [Q8_0]);
        assert_eq!(Mix::Q4_0.types(DENSE, &head), [Q8_0]);
    }

    #[test]
    fn medium_mixes_spend_bits_on_sensitive_layers() {
        let types = types_of(Mix::Q4_K_M, DENSE, 32, Role::FfnDown);
        let better = [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31];
        assert_eq!(layers_with(Q6_K, &types), better);
        assert_eq!(layers_with(Q4_K, &types).len(), 16);
        assert_eq!(types_of(Mix::Q4_K_M, DENSE, 32, Role::AttnV), types);
        assert_eq!(layers_with(Q6_K, &types_of(Mix::Q5_K_M, DENSE, 32, Role::AttnV)), better);
        assert_eq!(type_of(Mix::Q4_K_M, DENSE, Role::AttnQ), Q4_K);
    }

    #[test]
    fn small_mixes_spend_bits_on_the_first_layers() {
        let first = |mix, role, ty| layers_with(ty, &types_of(mix, DENSE, 32, role)).len();
        assert_eq!(first(Mix::Q4_K_S, Role::AttnV, Q5_K), 4);
        assert_eq!(first(Mix::Q4_K_S, Role::FfnDown, Q5_K), 4);
        assert_eq!(first(Mix::Q3_K_M, Role::AttnV, Q5_K), 2);
        assert_eq!(first(Mix::Q3_K_M, Role::FfnDown, Q5_K), 2);
        assert_eq!(first(Mix::Q2_K_S, Role::FfnDown, Q4_K), 4);
        assert_eq!(first(Mix::IQ3_M, Role::FfnDown, Q4_K), 4);
        assert_eq!(first(Mix::IQ2_M, Role::FfnDown, IQ3_S), 4);
        assert_eq!(first(Mix::IQ2_XXS, Role::FfnDown, Q2_K), 4);
        assert_eq!(first(Mix::IQ3_XS, Role::FfnUp, IQ3_XXS), 24);
        assert_eq!(first(Mix::IQ3_XS, Role::FfnGate, IQ3_S), 8);
    }

    #[test]
    fn values_that_heads_share_get_more_bits() {
        for (mix, own, shared) in [
            (Mix::Q2_K, Q3_K, Q4_K),
            (Mix::Q2_K_S, Q2_K, Q4_K),
            (Mix::IQ3_S, IQ3_S, Q4_K),
            (Mix::IQ3_XS, IQ3_S, Q4_K),
            (Mix::IQ4_XS, IQ4_XS, Q5_K),
            (Mix::IQ4_NL, IQ4_NL, Q5_K),
            (Mix::IQ2_XS, Q2_K, Q4_K),
            (Mix::IQ2_S, IQ3_S, Q4_K),
            (Mix::Q3_K_L, Q5_K, Q5_K),
            (Mix::IQ3_M, Q4_K, Q4_K),
        ] {
            assert_eq!(type_of(mix, DENSE, Role::AttnV), own, "{mix:?}");
            assert_eq!(type_of(mix, GQA, Role::AttnV), shared, "{mix:?}");
            assert_eq!(type_of(mix, GQA, Role::AttnQkv), shared, "{mix:?}");
            assert_eq!(type_of(mix, GQA, Role::AttnKvB), shared, "{mix:?}");
        }
    }

    #[test]
    fn a_70b_gets_five_bits_for_its_values() {
        assert_eq!(types_of(Mix::Q4_K_S, SEVENTY_B, 80, Role::AttnV), [Q5_K; 80]);
        assert_eq!(types_of(Mix::Q3_K_S, SEVENTY_B, 80, Role::AttnV), [Q5_K; 80]);
        let types = types_of(Mix::Q4_K_M, SEVENTY_B, 80, Role::AttnV);
        assert!(!types.contains(&Q4_K));
        assert_eq!(layers_with(Q5_K, &types).len(), 40);
        assert_eq!(type_of(Mix::IQ2_XS, SEVENTY_B, Role::AttnV), Q4_K);
        assert_eq!(type_of(Mix::Q4_K_S, SEVENTY_B, Role::FfnUp), Q4_K);
    }

    #[test]
    fn eight_experts_share_good_attention() {
        for mix in [Mix::Q4_K_M, Mix::Q2_K, Mix::IQ3_XXS, Mix::Q6_K, Mix::Q4_0] {
            assert_eq!(type_of(mix, MIXTRAL, Role::AttnV), Q8_0);
            assert_eq!(type_of(mix, MIXTRAL, Role::AttnK), Q8_0);
        }
        assert_eq!(type_of(Mix::IQ1_S, MIXTRAL, Role::AttnK), Q4_K);
        assert_eq!(type_of(Mix::Q4_K_S, MIXTRAL, Role::AttnOutput), Q5_K);
        assert_eq!(type_of(Mix::Q3_K_L, MIXTRAL, Role::AttnOutput), Q3_K);
        assert_eq!(type_of(Mix::Q3_K_L, DENSE, Role::AttnOutput), Q5_K);
        let types = types_of(Mix::IQ3_M, MIXTRAL, 32, Role::FfnDownExps);
        assert_eq!(layers_with(Q4_K, &types).len(), 16);
    }

    #[test]
    fn falcon_has_a_head_of_eight_bits_and_a_cheaper_ffn() {
        let head = [tensor(Role::Output, None, [4544, 65024, 1])];
        assert_eq!(Mix::Q4_K_M.types(FALCON, &head), [Q8_0]);
        let types = types_of(Mix::Q4_K_M, FALCON, 32, Role::FfnDown);
        assert_eq!(layers_with(Q6_K, &types), [0, 1]);
        assert_eq!(layers_with(Q5_K, &types).len(), 14);
        assert_eq!(type_of(Mix::Q3_K_L, FALCON, Role::AttnOutput), Q4_K);
        assert_eq!(type_of(Mix::Q2_K, FALCON, Role::AttnOutput), Q2_K);
        assert_eq!(types_of(Mix::Q4_K_S, FALCON, 32, Role::FfnDown), [Q4_K; 32]);
    }

    /// A mixture of experts is counted by layer; a dense hybrid by its tensors.
    #[test]
    fn layers_are_counted_as_llama_cpp_counts_them() {
        let ffn_in = |layers: &[u32], role| {
            let last = tensor(Role::AttnNorm, Some(31), [4096, 1, 1]);
            let ffn = layers.iter().map(|layer| tensor(role, Some(*layer), [4096, 4096, 1]));
            let tensors: Vec<Tensor> = ffn.chain([last]).collect();
            move |mix: Mix, context| {
                let mut types = mix.types(context, &tensors);
                types.pop();
                types
            }
        };
        let odd = [1, 3, 5, 7, 9, 11];
        let moe = MixContext { experts: 64, ..DENSE };
        let experts = ffn_in(&odd, Role::FfnDownExps);
        assert_eq!(experts(Mix::Q4_K_S, moe), [Q5_K, Q5_K, Q4_K, Q4_K, Q4_K, Q4_K]);
        let dense = ffn_in(&odd, Role::FfnDown);
        assert_eq!(dense(Mix::Q4_K_S, DENSE), [Q5_K, Q5_K, Q5_K, Q5_K, Q4_K, Q4_K]);

        // The one and two bit mixes count the matrices of a mixture of experts one by one.
        let tensors = model(32, &[Role::FfnDownShexp, Role::FfnDownExps]);
        let types = Mix::IQ2_XXS.types(moe, &tensors);
        assert_eq!(layers_with(Q2_K, &types), [0, 1, 2, 3]);
    }

    #[test]
    fn an_mxfp4_moe_has_only_its_stacked_matrices_in_four_bits() {
        let experts = tensor(Role::FfnUpExps, Some(0), [2880, 2880, 32]);
        let tensors = [experts, tensor(Role::AttnQ, Some(0), [2880, 4096, 1])];
        let moe = MixContext { experts: 32, ..GQA };
        assert_eq!(Mix::MXFP4_MOE.types(moe, &tensors), [MXFP4, Q8_0]);
    }

    #[test]
    fn an_importance_matrix_changes_five_mixes_and_nine_need_one() {
        let roles = [
            Role::AttnV,
            Role::AttnK,
            Role::AttnQ,
            Role::AttnOutput,
            Role::FfnDown,
            Role::FfnGate,
            Role::FfnUp,
        ];
        let tensors = model(32, &roles);
        let guided = MixContext { imatrix: true, ..DENSE };
        let changed = |mix: &Mix| mix.types(DENSE, &tensors) != mix.types(guided, &tensors);
        let of = |pick: &dyn Fn(&Mix) -> bool| -> Vec<&str> {
            Mix::ALL.iter().filter(|mix| pick(mix)).map(|mix| mix.name()).collect()
        };
        assert_eq!(of(&changed), ["Q5_0", "IQ4_NL", "Q4_0", "IQ4_XS", "IQ3_XXS"]);
        assert_eq!(
            of(&|mix| mix.requires_imatrix()),
            [
                "IQ3_XS", "IQ3_XXS", "Q2_K_S", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M",
                "IQ1_S"
            ]
        );
    }

    #[test]
    fn names_lead_back_to_mixes() {
        assert_eq!(Mix::ALL.len(), 31);
        for mix in Mix::ALL {
            assert_eq!(Mix::parse(&mix.name().to_ascii_lowercase()), Some(*mix));
        }
        assert_eq!(Mix::parse("Q7_K"), None);
    }
}
