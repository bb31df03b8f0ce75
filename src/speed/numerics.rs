//! Number formats and kernels that change how much is read or computed.

use super::chip::Precision;
use crate::quant::{Format, Mix, Quant};

/// Number formats and kernels with which a model is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numerics {
    /// Number format of the matrix products.
    pub precision: Precision,
    /// Whether weights have 16 bits.
    pub half_weights: bool,
    /// Whether weights are dequantised at a cost before they are multiplied: 4-bit weights by serving
    /// kernels (AWQ, GPTQ, W4A16), IQ types on a CPU, which looks
    /// up those of fewer than four bits in tables.
    pub dequantised: bool,
    /// Whether weights are of ggml's K types.
    pub k_types: bool,
    /// Whether flash attention is used.
    pub flash_attention: bool,
}

impl Default for Numerics {
    fn default() -> Numerics {
        Numerics {
            precision: Precision::Half,
            half_weights: false,
            dequantised: false,
            k_types: false,
            flash_attention: true,
        }
    }
}

/// Whether a CPU looks up the values of the ggml type of this name in tables.
pub(crate) fn is_looked_up(name: &str) -> bool {
    ["IQ1", "IQ2", "IQ3"].iter().any(|start| name.starts_with(start))
}

impl Numerics {
    /// Returns the numerics of `quant` on devices that support its format.
    pub fn of(quant: Quant, flash_attention: bool) -> Numerics {
        let plain = Numerics { flash_attention, ..Numerics::default() };
        let precision = |precision| Numerics { precision, ..plain };
        match quant.scheme() {
            Quant::Gguf(Mix::F32 | Mix::BF16 | Mix::F16) => {
                Numerics { half_weights: true, ..plain }
            }
            Quant::Format(Format::Fp8 | Format::Fp8Block) => precision(Precision::Fp8),
            Quant::Format(Format::Int8) => precision(Precision::Int8),
            Quant::Format(Format::Nvfp4) => precision(Precision::Fp4),
            Quant::Gguf(mix) if is_looked_up(mix.name()) => Numerics { dequantised: true, ..plain },
            Quant::Gguf(mix) if mix.name().contains("_K") => Numerics { k_types: true, ..plain },
            Quant::Format(Format::Awq | Format::Gptq | Format::W4a16) => {
                Numerics { dequantised: true, ..plain }
            }
            _ => plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_multiplied_as_what_they_are() {
        let of = |name| Numerics::of(Quant::parse(name).unwrap(), true);
        assert!(of("BF16").half_weights && !of("Q8_0").half_weights);
        assert_eq!(of("FP8").precision, Precision::Fp8);
        assert_eq!(of("NVFP4").precision, Precision::Fp4);
        assert!(of("IQ3_XXS").dequantised && !of("IQ4_XS").dequantised);
        assert!(of("UD-Q4_K_XL").k_types && !of("Q4_0").k_types);
        assert!(of("AWQ").dequantised && of("AWQ").precision == Precision::Half);
    }
}
