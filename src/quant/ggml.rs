//! The ggml tensor types: elements and bytes of a block (`ggml_type` and `type_traits` in ggml.c).

macro_rules! ggml_types {
    ($($variant:ident = $id:literal, $name:literal, $block:literal, $bytes:literal;)*) => {
        /// A ggml tensor type. The discriminant is ggml's own number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, non_camel_case_types)]
        #[repr(u8)]
        pub enum GgmlType { $($variant = $id,)* }

        impl GgmlType {
            /// Every type.
            pub const ALL: &'static [GgmlType] = &[$(GgmlType::$variant,)*];

            /// The name, as llama.cpp prints it in upper case.
            pub const fn name(self) -> &'static str {
                match self { $(GgmlType::$variant => $name,)* }
            }

            /// Number of elements in a block.
            pub const fn block_elements(self) -> u64 {
                match self { $(GgmlType::$variant => $block,)* }
            }

            /// Bytes of a block.
            pub const fn block_bytes(self) -> u64 {
                match self { $(GgmlType::$variant => $bytes,)* }
            }

            /// Returns the type with ggml's number `id`.
            pub const fn from_id(id: u32) -> Option<GgmlType> {
                match id { $($id => Some(GgmlType::$variant),)* _ => None }
            }
        }
    };
}

ggml_types! {
    F32 = 0, "F32", 1, 4;
    F16 = 1, "F16", 1, 2;
    Q4_0 = 2, "Q4_0", 32, 18;
    Q4_1 = 3, "Q4_1", 32, 20;
    Q5_0 = 6, "Q5_0", 32, 22;
    Q5_1 = 7, "Q5_1", 32, 24;
    Q8_0 = 8, "Q8_0", 32, 34;
    Q2_K = 10, "Q2_K", 256, 84;
    Q3_K = 11, "Q3_K", 256, 110;
    Q4_K = 12, "Q4_K", 256, 144;
    Q5_K = 13, "Q5_K", 256, 176;
    Q6_K = 14, "Q6_K", 256, 210;
    IQ2_XXS = 16, "IQ2_XXS", 256, 66;
    IQ2_XS = 17, "IQ2_XS", 256, 74;
    IQ3_XXS = 18, "IQ3_XXS", 256, 98;
    IQ1_S = 19, "IQ1_S", 256, 50;
    IQ4_NL = 20, "IQ4_NL", 32, 18;
    IQ3_S = 21, "IQ3_S", 256, 110;
    IQ2_S = 22, "IQ2_S", 256, 82;
    IQ4_XS = 23, "IQ4_XS", 256, 136;
    IQ1_M = 29, "IQ1_M", 256, 56;
    BF16 = 30, "BF16", 1, 2;
    MXFP4 = 39, "MXFP4", 32, 17;
    // Of forks, for caches: TheTom/llama-cpp-turboquant, ikawrakow/ik_llama.cpp.
    TURBO3_0 = 41, "TURBO3_0", 128, 50;
    TURBO4_0 = 42, "TURBO4_0", 128, 66;
    TURBO2_0 = 43, "TURBO2_0", 128, 34;
    Q6_0 = 133, "Q6_0", 32, 26;
}

impl GgmlType {
    /// The one of both that has fewer bits a value.
    pub const fn smaller(self, other: GgmlType) -> GgmlType {
        let mine = self.block_bytes() * other.block_elements();
        if other.block_bytes() * self.block_elements() < mine { other } else { self }
    }

    /// Bytes of `elements` values; a partial last block counts as a whole one.
    pub const fn bytes(self, elements: u64) -> u64 {
        elements.div_ceil(self.block_elements()).saturating_mul(self.block_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::GgmlType;

    #[test]
    fn numbers_lead_back_to_types() {
        for ty in GgmlType::ALL {
            assert_eq!(GgmlType::from_id(*ty as u32), Some(*ty));
        }
        assert_eq!(GgmlType::from_id(255), None);
    }

    #[test]
    fn bytes_follow_the_block() {
        assert_eq!(GgmlType::Q8_0.bytes(64), 68);
        assert_eq!(GgmlType::Q4_K.bytes(256), 144);
        assert_eq!(GgmlType::F16.bytes(3), 6);
    }
}
