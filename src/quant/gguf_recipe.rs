//! The recipe of each GGUF mix: its base type, and the exceptions that give some tensors more or
//! fewer bits.
//!
//! The facts are those of llama.cpp b11434 (October 2026), `llama_tensor_get_type` in
//! llama-quant.cpp, checked against the types it gave every tensor of 31 models
//! (`tests/quant_gguf.rs`).

use super::GgmlType::{self, *};
use super::gguf_part::Part;
use super::mix_context::{Lineage, MixContext};

/// The types that a mix gives the tensors of a model.
pub(super) struct Recipe {
    /// Type of every matrix without a matching rule.
    pub base: GgmlType,
    /// Type of the output head, and of an embedding table that serves as the head.
    pub head: GgmlType,
    /// Type of the embedding table of a model with a separate head.
    pub embedding: GgmlType,
    /// Type of stacked matrices (routed experts, and MLA's per-head ones), if they get a separate
    /// one.
    pub stacked: Option<GgmlType>,
    /// Whether this is a mix of one or two bits: they treat models of eight experts and 70B ones by
    /// the rules below only, and count the `ffn_down` tensors of a mixture of experts one by one.
    pub very_low: bool,
    pub attn_v: &'static [Rule],
    pub attn_k: &'static [Rule],
    pub attn_q: &'static [Rule],
    pub attn_output: &'static [Rule],
    pub ffn_down: &'static [Rule],
    pub ffn_gate_up: &'static [Rule],
}

/// A type for some layers of some models. The first rule that applies wins.
pub(super) struct Rule(pub Model, pub Layers, pub GgmlType);

/// The models that a rule is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    Any,
    /// Four or more query heads share a KV head.
    SharedKv,
    /// Four or more query heads share a KV head, or there are four or more experts.
    SharedKvOrExperts,
    /// Exactly eight experts: Mixtral.
    EightExperts,
    Falcon,
    /// No importance matrix is used.
    Unguided,
    /// An importance matrix is used.
    Guided,
}

impl Model {
    /// Whether `context` is of such a model.
    pub fn admits(self, context: MixContext) -> bool {
        match self {
            Model::Any => true,
            Model::SharedKv => context.heads_per_kv_head >= 4,
            Model::SharedKvOrExperts => context.heads_per_kv_head >= 4 || context.experts >= 4,
            Model::EightExperts => context.experts == 8,
            Model::Falcon => context.lineage == Lineage::Falcon,
            Model::Unguided => !context.imatrix,
            Model::Guided => context.imatrix,
        }
    }
}

/// The layers that a rule is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layers {
    All,
    FirstTwo,
    FirstFour,
    FirstSixteenth,
    FirstEighth,
    /// Between the first and the last eighth.
    Middle,
    /// The first and the last eighth, and every third layer between them.
    Sensitive,
}

impl Layers {
    /// Whether layer `layer` (from 0) of `count` is one of them. Fractions of `count` round down.
    pub fn contain(self, layer: usize, count: usize) -> bool {
        let (eighth, last_eighth) = (count / 8, 7 * count / 8);
        let middle = layer >= eighth && layer < last_eighth;
        match self {
            Layers::All => true,
            Layers::FirstTwo => layer < 2,
            Layers::FirstFour => layer < 4,
            Layers::FirstSixteenth => layer < count / 16,
            Layers::FirstEighth => layer < eighth,
            Layers::Middle => middle,
            Layers::Sensitive => !middle || (layer - eighth) % 3 == 2,
        }
    }
}

impl Recipe {
    /// Returns the rules for `part`.
    pub fn rules(&self, part: Part) -> &'static [Rule] {
        match part {
            Part::AttnV => self.attn_v,
            Part::AttnK => self.attn_k,
            Part::AttnQ => self.attn_q,
            Part::AttnOutput => self.attn_output,
            Part::FfnDown => self.ffn_down,
            Part::FfnGate | Part::FfnUp => self.ffn_gate_up,
            Part::Embedding | Part::Head | Part::Other => &[],
        }
    }

    /// Every type that the recipe can give a tensor of a layer, regardless of shapes.
    pub fn layer_types(&self) -> impl Iterator<Item = GgmlType> {
        [self.attn_v, self.attn_k, self.attn_q, self.attn_output, self.ffn_down, self.ffn_gate_up]
            .into_iter()
            .flatten()
            .map(|rule| rule.2)
            .chain([self.base])
    }
}

use Layers::{All, FirstEighth, FirstFour, FirstSixteenth, FirstTwo, Middle, Sensitive};
use Model::{Any, EightExperts, Falcon, Guided, SharedKv, SharedKvOrExperts, Unguided};

/// A recipe with one type for every matrix.
const fn plain(base: GgmlType) -> Recipe {
    Recipe {
        base,
        head: base,
        embedding: base,
        stacked: None,
        very_low: false,
        attn_v: &[],
        attn_k: &[],
        attn_q: &[],
        attn_output: &[],
        ffn_down: &[],
        ffn_gate_up: &[],
    }
}

/// A recipe with one type for every matrix except the head, which gets 6 bits.
const fn with_good_head(base: GgmlType) -> Recipe {
    Recipe { head: Q6_K, ..plain(base) }
}

/// A mix of one or two bits: `careful` is the type of the first layers' `ffn_down`, and of the
/// values of a model whose heads do not share them.
macro_rules! very_low {
    ($base:ident, embedding $embedding:ident, careful $careful:ident, output $output:expr) => {
        Recipe {
            head: Q5_K,
            embedding: $embedding,
            very_low: true,
            attn_v: &[Rule(SharedKvOrExperts, All, Q4_K), Rule(Any, All, $careful)],
            attn_k: &[Rule(EightExperts, All, Q4_K)],
            attn_output: &[Rule(EightExperts, All, Q5_K), Rule(Any, All, $output)],
            ffn_down: &[Rule(Any, FirstEighth, $careful)],
            ..plain($base)
        }
    };
}

pub(super) const F32_ONLY: Recipe = plain(F32);
pub(super) const BF16_MOSTLY: Recipe = plain(BF16);
pub(super) const F16_MOSTLY: Recipe = plain(F16);
pub(super) const Q8_0_MIX: Recipe = plain(Q8_0);
pub(super) const Q6_K_MIX: Recipe = plain(Q6_K);
pub(super) const Q5_1_MIX: Recipe = with_good_head(Q5_1);
pub(super) const Q4_1_MIX: Recipe = with_good_head(Q4_1);

pub(super) const Q5_0_MIX: Recipe =
    Recipe { ffn_down: &[Rule(Guided, FirstEighth, Q5_1)], ..with_good_head(Q5_0) };

pub(super) const Q4_0_MIX: Recipe =
    Recipe { ffn_down: &[Rule(Guided, FirstEighth, Q4_1)], ..with_good_head(Q4_0) };

pub(super) const MXFP4_MOE: Recipe = Recipe { stacked: Some(MXFP4), ..plain(Q8_0) };

pub(super) const Q5_K_M: Recipe = Recipe {
    attn_v: &[Rule(Any, Sensitive, Q6_K)],
    ffn_down: &[Rule(Any, Sensitive, Q6_K)],
    ..with_good_head(Q5_K)
};

pub(super) const Q5_K_S: Recipe = with_good_head(Q5_K);

pub(super) const Q4_K_M: Recipe = Recipe {
    attn_v: &[Rule(Any, Sensitive, Q6_K)],
    attn_output: &[Rule(EightExperts, All, Q5_K)],
    ffn_down: &[
        Rule(Falcon, FirstSixteenth, Q6_K),
        Rule(Falcon, Sensitive, Q5_K),
        Rule(Falcon, All, Q4_K),
        Rule(Any, Sensitive, Q6_K),
    ],
    ..with_good_head(Q4_K)
};

pub(super) const Q4_K_S: Recipe = Recipe {
    attn_v: &[Rule(Any, FirstFour, Q5_K)],
    attn_output: &[Rule(EightExperts, All, Q5_K)],
    ffn_down: &[Rule(Falcon, All, Q4_K), Rule(Any, FirstEighth, Q5_K)],
    ..with_good_head(Q4_K)
};

/// The recipe of IQ4_NL and IQ4_XS.
const fn iq4(base: GgmlType) -> Recipe {
    Recipe {
        attn_v: &[Rule(SharedKv, All, Q5_K)],
        attn_output: &[Rule(EightExperts, All, Q5_K)],
        ffn_down: &[Rule(Unguided, FirstEighth, Q5_K)],
        ..with_good_head(base)
    }
}
pub(super) const IQ4_NL_MIX: Recipe = iq4(IQ4_NL);
pub(super) const IQ4_XS_MIX: Recipe = iq4(IQ4_XS);

pub(super) const Q3_K_L: Recipe = Recipe {
    attn_v: &[Rule(Any, All, Q5_K)],
    attn_output: &[Rule(Falcon, All, Q4_K), Rule(EightExperts, All, Q3_K), Rule(Any, All, Q5_K)],
    ffn_down: &[Rule(Falcon, All, Q4_K), Rule(Any, All, Q5_K)],
    ..with_good_head(Q3_K)
};

pub(super) const Q3_K_M: Recipe = Recipe {
    attn_v: &[Rule(Any, FirstTwo, Q5_K), Rule(Any, All, Q4_K)],
    attn_output: &[Rule(Falcon, All, Q3_K), Rule(EightExperts, All, Q5_K), Rule(Any, All, Q4_K)],
    ffn_down: &[
        Rule(Any, FirstSixteenth, Q5_K),
        Rule(Falcon, Sensitive, Q4_K),
        Rule(Falcon, All, Q3_K),
        Rule(Any, All, Q4_K),
    ],
    ..with_good_head(Q3_K)
};

pub(super) const Q3_K_S: Recipe =
    Recipe { attn_output: &[Rule(EightExperts, All, Q5_K)], ..with_good_head(Q3_K) };

pub(super) const IQ3_M: Recipe = Recipe {
    attn_v: &[Rule(Any, All, Q4_K)],
    attn_output: &[Rule(Falcon, All, IQ3_S), Rule(EightExperts, All, Q5_K), Rule(Any, All, Q4_K)],
    ffn_down: &[Rule(Any, FirstEighth, Q4_K), Rule(EightExperts, Sensitive, Q4_K)],
    ..with_good_head(IQ3_S)
};

pub(super) const IQ3_S_MIX: Recipe = Recipe {
    attn_v: &[Rule(SharedKv, All, Q4_K)],
    attn_output: &[Rule(EightExperts, All, Q5_K)],
    ..with_good_head(IQ3_S)
};

pub(super) const IQ3_XS: Recipe = Recipe {
    attn_k: &[Rule(Any, All, IQ3_XXS)],
    attn_q: &[Rule(Any, All, IQ3_XXS)],
    ffn_gate_up: &[Rule(Any, Middle, IQ3_XXS)],
    ..IQ3_S_MIX
};

pub(super) const IQ3_XXS_MIX: Recipe = Recipe {
    head: Q5_K,
    embedding: IQ3_S,
    attn_v: &[Rule(SharedKv, All, Q4_K), Rule(Unguided, All, IQ3_S)],
    attn_k: &[Rule(Any, All, IQ2_S)],
    attn_q: &[Rule(Any, All, IQ2_S)],
    attn_output: &[
        Rule(Falcon, All, IQ3_XXS),
        Rule(EightExperts, All, Q5_K),
        Rule(Any, All, IQ3_S),
    ],
    ffn_down: &[Rule(Guided, All, IQ3_XXS), Rule(Any, FirstEighth, Q4_K), Rule(Any, All, Q3_K)],
    ..plain(IQ3_XXS)
};

pub(super) const Q2_K_MIX: Recipe = Recipe {
    attn_v: &[Rule(SharedKv, All, Q4_K), Rule(Any, All, Q3_K)],
    attn_output: &[Rule(Falcon, All, Q2_K), Rule(EightExperts, All, Q5_K), Rule(Any, All, Q3_K)],
    ffn_down: &[Rule(Any, All, Q3_K)],
    ..with_good_head(Q2_K)
};

pub(super) const Q2_K_S: Recipe = Recipe {
    attn_v: &[Rule(SharedKv, All, Q4_K)],
    ffn_down: &[Rule(Any, FirstEighth, Q4_K)],
    ..with_good_head(Q2_K)
};

pub(super) const IQ2_M: Recipe = very_low!(IQ2_S, embedding IQ3_S, careful IQ3_S, output IQ3_S);
// The mix called IQ2_S is made of the type called IQ2_XS.
pub(super) const IQ2_S_MIX: Recipe =
    very_low!(IQ2_XS, embedding IQ3_S, careful IQ3_S, output IQ3_S);
pub(super) const IQ2_XS_MIX: Recipe =
    very_low!(IQ2_XS, embedding Q2_K, careful Q2_K, output IQ2_XS);
pub(super) const IQ2_XXS_MIX: Recipe =
    very_low!(IQ2_XXS, embedding Q2_K, careful Q2_K, output IQ2_XXS);
pub(super) const IQ1_M_MIX: Recipe = very_low!(IQ1_M, embedding Q2_K, careful Q2_K, output IQ2_XXS);
pub(super) const IQ1_S_MIX: Recipe = very_low!(IQ1_S, embedding Q2_K, careful Q2_K, output IQ2_XXS);

#[cfg(test)]
mod tests {
    use super::Layers;

    fn of(layers: Layers, count: usize) -> Vec<usize> {
        (0..count).filter(|layer| layers.contain(*layer, count)).collect()
    }

    #[test]
    fn fractions_of_the_layers_round_down() {
        assert_eq!(of(Layers::FirstEighth, 28), [0, 1, 2]);
        assert_eq!(of(Layers::FirstSixteenth, 28), [0]);
        assert_eq!(of(Layers::FirstEighth, 7), [0usize; 0]);
        assert_eq!(of(Layers::Middle, 16), (2..14).collect::<Vec<_>>());
        assert_eq!(of(Layers::FirstTwo, 3), [0, 1]);
        assert_eq!(of(Layers::All, 2), [0, 1]);
    }

    #[test]
    fn the_ends_and_every_third_layer_between_them_are_sensitive() {
        assert_eq!(of(Layers::Sensitive, 24), [0, 1, 2, 5, 8, 11, 14, 17, 20, 21, 22, 23]);
        assert_eq!(of(Layers::Sensitive, 1), [0]);
    }
}
