//! Types of the KV cache. Key `kv`.

use std::fmt;

use super::ParseError;
use super::notation::{Control, Notation, words};
use crate::quant::GgmlType;

words! {
    /// The type in which keys or values are cached.
    #[allow(missing_docs, non_camel_case_types)]
    CacheType {
        F32 = "f32",
        F16 = "f16",
        BF16 = "bf16",
        Q8_0 = "q8_0" | "q8",
        Q6_0 = "q6_0" | "q6",
        Q5_1 = "q5_1",
        Q5_0 = "q5_0" | "q5",
        Q4_1 = "q4_1",
        Q4_0 = "q4_0" | "q4",
        IQ4_NL = "iq4_nl",
        Fp8 = "fp8",
        Int8 = "int8",
        Int4 = "int4",
        Nvfp4 = "nvfp4",
        Turbo4 = "turbo4" | "turboquant_4bit_nc",
        Turbo3 = "turbo3" | "turboquant_3bit_nc",
        Turbo2 = "turbo2",
    }
}

impl CacheType {
    /// The ggml type that llama.cpp keeps such a cache in (`--cache-type-k`); of those that it lacks,
    /// the one with as many bits.
    pub const fn ggml_type(self) -> GgmlType {
        match self {
            CacheType::F32 => GgmlType::F32,
            CacheType::F16 => GgmlType::F16,
            CacheType::BF16 => GgmlType::BF16,
            CacheType::Q8_0 | CacheType::Fp8 | CacheType::Int8 => GgmlType::Q8_0,
            CacheType::Q6_0 => GgmlType::Q6_0,
            CacheType::Q5_1 => GgmlType::Q5_1,
            CacheType::Q5_0 => GgmlType::Q5_0,
            CacheType::Q4_1 => GgmlType::Q4_1,
            CacheType::Q4_0 | CacheType::Int4 | CacheType::Nvfp4 => GgmlType::Q4_0,
            CacheType::IQ4_NL => GgmlType::IQ4_NL,
            CacheType::Turbo4 => GgmlType::TURBO4_0,
            CacheType::Turbo3 => GgmlType::TURBO3_0,
            CacheType::Turbo2 => GgmlType::TURBO2_0,
        }
    }

    /// Bits that a cached value takes, scales included.
    pub const fn bits_per_value(self) -> f64 {
        match self {
            CacheType::Fp8 => 8.0,
            CacheType::Int8 => 8.25,
            CacheType::Int4 => 4.25,
            CacheType::Nvfp4 => 4.5,
            ty => {
                let ty = ty.ggml_type();
                8.0 * ty.block_bytes() as f64 / ty.block_elements() as f64
            }
        }
    }

    /// Bytes of this many values, as if the last block were as full as the others.
    pub const fn bytes(self, values: u64) -> u64 {
        match self {
            CacheType::Fp8 => values,
            // A scale of 32 bits for each head of a token, of 128 values.
            CacheType::Int8 => values.saturating_add(values / 32),
            CacheType::Int4 => values.div_ceil(2).saturating_add(values / 32),
            CacheType::Nvfp4 => values.div_ceil(2).saturating_add(values.div_ceil(16)),
            ty => {
                let ty = ty.ggml_type();
                values.saturating_mul(ty.block_bytes()).div_ceil(ty.block_elements())
            }
        }
    }

    /// Values are kept in fewer than 16 bits.
    pub const fn is_quantised(self) -> bool {
        matches!(self, CacheType::Fp8) || self.ggml_type().block_elements() > 1
    }

    /// Whether it is a type of serving engines, which llama.cpp has not.
    pub const fn is_of_serving_engines(self) -> bool {
        matches!(self, CacheType::Fp8 | CacheType::Int8 | CacheType::Int4 | CacheType::Nvfp4)
    }
}

/// The type that engines call `text` (`--kv-cache-dtype`), or the text itself.
fn of_an_engine(text: &str) -> &str {
    const NAMES: [(&str, &str); 15] = [
        ("fp8_e4m3", "fp8"),
        ("fp8_e5m2", "fp8"),
        ("fp8_per_token_head", "fp8"),
        ("int8_per_token_head", "int8"),
        ("int4_per_token_head", "int4"),
        ("bfloat16", "bf16"),
        ("float16", "f16"),
        ("fp16", "f16"),
        // ExLlama's front ends give the bits (`cache_mode: 6,6`, `6bit`).
        ("16", "f16"),
        ("8bit", "q8"),
        ("8", "q8"),
        ("6bit", "q6"),
        ("6", "q6"),
        ("4bit", "q4"),
        ("4", "q4"),
    ];
    let known = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim()));
    known.map_or(text, |(_, ty)| ty)
}

/// Types of the two halves of the KV cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheTypes {
    /// Keys.
    pub key: CacheType,
    /// Values.
    pub value: CacheType,
}

impl CacheTypes {
    /// The same type for keys and values.
    pub const fn both(ty: CacheType) -> CacheTypes {
        CacheTypes { key: ty, value: ty }
    }

    /// The types of an engine that has no FP8 cache: eight bits are Q8_0 there, four Q4_0.
    #[must_use]
    pub fn without_fp8(self) -> CacheTypes {
        let known = |ty: CacheType| match ty {
            CacheType::Fp8 | CacheType::Int8 => CacheType::Q8_0,
            CacheType::Int4 | CacheType::Nvfp4 => CacheType::Q4_0,
            ty => ty,
        };
        CacheTypes { key: known(self.key), value: known(self.value) }
    }
}

impl fmt::Display for CacheTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key == self.value {
            true => write!(f, "{}", self.key),
            false => write!(f, "{},{}", self.key, self.value),
        }
    }
}

impl Notation for CacheTypes {
    fn parse(text: &str) -> Result<CacheTypes, ParseError> {
        match text.split_once(',') {
            // FP8 is a type of whole caches. Of a half it asks for eight bits.
            Some((key, value)) => {
                let half = |text| CacheType::parse(of_an_engine(text));
                let (key, value) = (half(key.trim())?, half(value.trim())?);
                Ok(CacheTypes { key, value }.without_fp8())
            }
            None => CacheType::parse(of_an_engine(text)).map(CacheTypes::both),
        }
    }

    fn accepted() -> String {
        CacheType::accepted()
    }

    fn control() -> Control {
        CacheType::control()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<CacheTypes> {
        use proptest::prelude::*;
        let half =
            || CacheType::any().prop_filter("of llama.cpp", |ty| !ty.is_of_serving_engines());
        let halves = (half(), half()).prop_map(|(key, value)| CacheTypes { key, value });
        prop_oneof![halves, CacheType::any().prop_map(CacheTypes::both)].boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_takes_as_many_bits_as_its_blocks() {
        let bits = |ty: CacheType| ty.bits_per_value();
        assert_eq!((bits(CacheType::F16), bits(CacheType::Q8_0)), (16.0, 8.5));
        assert_eq!((bits(CacheType::Fp8), bits(CacheType::Q4_1)), (8.0, 5.0));
        for ty in CacheType::ALL {
            assert_eq!(ty.is_quantised(), bits(ty) < 16.0, "{ty}");
        }
    }

    #[test]
    fn fp8_is_read_of_a_whole_cache() {
        let read = |text| CacheTypes::parse(text).unwrap().to_string();
        assert_eq!(
            (read("FP8_e4m3"), read("fp8,F16"), read("fp8, fp8")),
            ("fp8".to_owned(), "q8_0,f16".to_owned(), "q8_0".to_owned(),)
        );
    }
}
