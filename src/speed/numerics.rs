//! How numbers are stored and multiplied, as far as it changes what is read or computed.

use super::chip::Precision;
use crate::quant::{Format, Mix, Quant};

/// How the model is run, where it changes what is read or computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numerics {
    /// Format of the products.
    pub precision: Precision,
    /// Weights are 16 bits wide.
    pub half_weights: bool,
    /// Weights of 4 bits that serving kernels dequantise before they multiply (AWQ, GPTQ, W4A16).
    pub dequantised: bool,
    /// Flash attention.
    pub flash_attention: bool,
}

impl Default for Numerics {
    fn default() -> Numerics {
        Numerics {
            precision: Precision::Half,
            half_weights: false,
            dequantised: false,
            flash_attention: true,
        }
    }
}

impl Numerics {
    /// How weights of `quant` are multiplied, on devices that have the format.
    pub fn of(quant: Quant, flash_attention: bool) -> Numerics {
        let plain = Numerics { flash_attention, ..Numerics::default() };
        let precision = |precision| Numerics { precision, ..plain };
        match quant {
            Quant::Gguf(Mix::F32 | Mix::BF16 | Mix::F16) => {
                Numerics { half_weights: true, ..plain }
            }
            Quant::Format(Format::Fp8 | Format::Fp8Block) => precision(Precision::Fp8),
            Quant::Format(Format::Int8) => precision(Precision::Int8),
            Quant::Format(Format::Nvfp4) => precision(Precision::Fp4),
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
        assert!(of("AWQ").dequantised && of("AWQ").precision == Precision::Half);
    }
}
