//! The checkpoint formats of the serving engines: the bytes that a safetensors file stores per
//! tensor.
//!
//! A format quantises the projections and leaves the rest of the model unchanged. Formats differ in
//! which tensors they quantise and in the data stored besides the quantised values: scales, zero
//! points, permutations.

use std::fmt;

use super::layout::{Layout, Part, Storage};
use crate::architecture::Tensor;
use crate::units::Bytes;

macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, bits $bits:literal, granule $granule:literal;)*) => {
        /// A quantised checkpoint format by the name people use for it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Format {
            $($(#[$doc])* $variant,)*
            /// MLX affine quantisation with groups of 64, by its bits (2, 3, 4, 5, 6 or 8).
            Mlx(u8),
            /// ExLlamaV3 by its bits per weight in tenths, the output head at 6 bits.
            Exl3(u8),
        }

        impl Format {
            /// Bits per weight of most of the format's weights, rounded.
            pub const fn nominal_bits(self) -> u8 {
                match self {
                    $(Format::$variant => $bits,)*
                    Format::Mlx(bits) => bits,
                    Format::Exl3(tenth_bits) => (tenth_bits + 5) / 10,
                }
            }

            /// Number of inputs of a projection that share a scale, of which a tensor-parallel rank
            /// must hold a multiple. 1 if scales follow outputs, and for MXFP4 experts, of which a
            /// rank holds whole blocks and the last rank the remainder.
            pub const fn granule(self) -> u64 {
                match self {
                    $(Format::$variant => $granule,)*
                    Format::Mlx(_) | Format::Exl3(_) => 1,
                }
            }
        }

        impl fmt::Display for Format {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Format::$variant => f.write_str($name),)*
                    Format::Mlx(bits) => write!(f, "MLX-{bits}bit"),
                    Format::Exl3(bits) => write!(f, "EXL3-{}.{}bpw", bits / 10, bits % 10),
                }
            }
        }
    };
}

formats! {
    /// FP8 (E4M3) with one scale a tensor or output row (llm-compressor `FP8_DYNAMIC`).
    Fp8 = "FP8", bits 8, granule 1;
    /// FP8 with one FP32 scale for each block of 128 x 128 (DeepSeek-V3, Qwen's `-FP8`).
    Fp8Block = "FP8-block", bits 8, granule 128;
    /// INT8 weights with one scale an output row (llm-compressor `W8A8`).
    Int8 = "INT8", bits 8, granule 1;
    /// FP4 (E2M1) with an FP8 scale for each 16 inputs (ModelOpt and llm-compressor `NVFP4`).
    Nvfp4 = "NVFP4", bits 4, granule 16;
    /// FP4 (E2M1) with a power-of-two scale for each 32 inputs. A mixture of experts has its
    /// experts quantised only (gpt-oss).
    Mxfp4 = "MXFP4", bits 4, granule 1;
    /// Experts in MXFP4, everything else that MLX quantises in its 8 bits (mlx-community's builds of
    /// gpt-oss).
    Mxfp4Q8 = "MXFP4-Q8", bits 4, granule 1;
    /// Experts in MXFP4, the other projections in FP8 by blocks (DeepSeek-V4 as released).
    Fp8Mxfp4 = "FP8-MXFP4", bits 4, granule 1;
    /// Experts in 4 bits with a scale for each 32 inputs, the rest in 16 bits (Kimi-K2.5 as
    /// released: compressed-tensors `pack-quantized`).
    Int4Experts = "INT4-experts", bits 4, granule 32;
    /// 4 bits with scales and zero points for each 128 inputs (AutoAWQ).
    Awq = "AWQ", bits 4, granule 128;
    /// 4 bits with scales, zero points and a group index an input (AutoGPTQ, GPTQModel).
    Gptq = "GPTQ", bits 4, granule 128;
    /// 4 bits with a scale for each 128 inputs, symmetric (compressed-tensors `pack-quantized`).
    W4a16 = "W4A16", bits 4, granule 128;
    /// bitsandbytes LLM.int8().
    BnbInt8 = "BNB-INT8", bits 8, granule 1;
    /// bitsandbytes NF4 with nested (double) quantisation, as pre-quantised repositories store it.
    Nf4 = "NF4", bits 4, granule 1;
}

/// Storage of a quantised matrix of `inputs` x `outputs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scheme {
    /// Bits per weight, in tenths.
    tenth_bits: u64,
    /// The weights that share a scale.
    scale_group: ScaleGroup,
    /// Bits per scale group besides its weights: scale, zero point, bias.
    group_bits: u64,
    /// Bytes per input: a permutation, a sign or scale vector.
    per_input: u64,
    /// Bytes per output: a scale or sign vector.
    per_output: u64,
    /// Bytes per matrix: global scales.
    per_matrix: u64,
}

/// The weights of a matrix that share a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScaleGroup {
    /// No scale but those per input or output.
    Nothing,
    /// This many inputs of one output.
    Inputs(u64),
    /// A block of this many inputs x outputs.
    Block(u64),
}

impl Scheme {
    const fn plain(tenth_bits: u64) -> Scheme {
        Scheme {
            tenth_bits,
            scale_group: ScaleGroup::Nothing,
            group_bits: 0,
            per_input: 0,
            per_output: 0,
            per_matrix: 0,
        }
    }

    const fn grouped(bits: u64, inputs: u64, group_bits: u64) -> Scheme {
        Scheme { scale_group: ScaleGroup::Inputs(inputs), group_bits, ..Scheme::plain(bits * 10) }
    }

    fn bytes(&self, inputs: u64, outputs: u64) -> u64 {
        let elements = inputs.saturating_mul(outputs);
        let weights = elements.saturating_mul(self.tenth_bits).div_ceil(80);
        let groups = match self.scale_group {
            ScaleGroup::Nothing => 0,
            ScaleGroup::Inputs(n) => inputs.div_ceil(n).saturating_mul(outputs),
            ScaleGroup::Block(n) => inputs.div_ceil(n).saturating_mul(outputs.div_ceil(n)),
        };
        weights
            .saturating_add(groups.saturating_mul(self.group_bits).div_ceil(8))
            .saturating_add(self.per_input * inputs)
            .saturating_add(self.per_output * outputs)
            .saturating_add(self.per_matrix)
    }
}

impl Format {
    /// Every named format, largest first.
    pub const ALL: &'static [Format] = &[
        Format::Fp8,
        Format::Fp8Block,
        Format::Int8,
        Format::BnbInt8,
        Format::Mlx(8),
        Format::Exl3(80),
        Format::Mlx(6),
        Format::Exl3(60),
        Format::Mlx(5),
        Format::Exl3(50),
        Format::Fp8Mxfp4,
        Format::Nvfp4,
        Format::Int4Experts,
        Format::Mlx(4),
        Format::Mxfp4Q8,
        Format::Mxfp4,
        Format::Gptq,
        Format::Awq,
        Format::W4a16,
        Format::Nf4,
        Format::Exl3(40),
        Format::Mlx(3),
        Format::Exl3(35),
        Format::Exl3(30),
        Format::Mlx(2),
        Format::Exl3(25),
        Format::Exl3(20),
    ];

    /// Parses the name of a format, in any case.
    pub fn parse(name: &str) -> Option<Format> {
        let lower = name.to_ascii_lowercase();
        if let Some(bits) = lower.strip_prefix("exl3-").and_then(|rest| rest.strip_suffix("bpw")) {
            return tenth_bits(bits).map(Format::Exl3);
        }
        Format::ALL.iter().copied().find(|f| f.to_string().eq_ignore_ascii_case(name))
    }

    /// Bytes of `tensor` in a checkpoint with this layout.
    pub fn bytes(self, layout: &Layout, tensor: &Tensor) -> Bytes {
        let [inputs, outputs, matrices] = tensor.shape.0;
        match self.scheme(layout, tensor) {
            Some(scheme) => Bytes(scheme.bytes(inputs, outputs).saturating_mul(matrices)),
            None => Bytes(2 * tensor.shape.elements()),
        }
    }

    /// The part of [`Format::bytes`] for the weights themselves, without scales and the like.
    pub fn weight_bytes(self, layout: &Layout, tensor: &Tensor) -> Bytes {
        let bits = self.scheme(layout, tensor).map_or(160, |scheme| scheme.tenth_bits);
        Bytes(tensor.shape.elements().saturating_mul(bits).div_ceil(80))
    }

    /// By how much a checkpoint grows with the smallest groups that publishers use: of 32 inputs
    /// instead of the 128 of the format's own tools.
    pub fn finer_groups(self) -> f64 {
        match self {
            Format::Awq | Format::Gptq | Format::W4a16 => {
                (4.0 + 20.0 / 32.0) / (4.0 + 20.0 / 128.0)
            }
            _ => 1.0,
        }
    }

    /// Whether `tensor` is stored in less than 16 bits per weight.
    pub fn quantises(self, layout: &Layout, tensor: &Tensor) -> bool {
        self.scheme(layout, tensor).is_some()
    }

    /// Returns the storage of a tensor; `None` if it stays in 16 bits.
    fn scheme(self, layout: &Layout, tensor: &Tensor) -> Option<Scheme> {
        // A matrix known by its size only has no inputs and outputs; its rows count as one.
        let inputs = tensor.shape.0[0];
        let part = layout.part(tensor);
        match self {
            // FP16 scale and bias for 64 inputs; embeddings and head too, routers of models with
            // a predicate of their own in 8 bits, others in 16 (mlx-lm utils.quantize_model).
            Format::Mlx(_) => match part {
                Part::Rest => None,
                _ if !inputs.is_multiple_of(64) => None,
                Part::Router => Some(Scheme::grouped(8, 64, 32)),
                _ => Some(self.matrix()),
            },
            Format::Mxfp4Q8 => match part {
                Part::Rest => None,
                Part::Expert => Some(self.matrix()),
                _ => Some(Format::Mlx(8).matrix()),
            },
            // Trellis tiles, sign and scale vectors `suh` and `svh` in FP16; the head at 6 bits
            // (`--head_bits`), embeddings and routers in 16.
            Format::Exl3(_) => match part {
                Part::Head => Some(Format::Exl3(60).matrix()),
                Part::Embedding | Part::Lookup | Part::Router | Part::Rest => None,
                _ => Some(self.matrix()),
            },
            _ => match layout.storage(part) {
                Storage::Quantised => Some(self.matrix()),
                Storage::Eight if self == Format::Fp8Mxfp4 => Some(Format::Fp8Block.matrix()),
                Storage::Eight => Some(Format::Fp8.matrix()),
                Storage::Sixteen => None,
            },
        }
    }

    /// How the format stores a matrix.
    const fn matrix(self) -> Scheme {
        match self {
            Format::Fp8 => Scheme { per_output: 4, ..Scheme::plain(80) },
            // config.json `weight_block_size: [128, 128]`, tensors `weight_scale_inv` (FP32).
            Format::Fp8Block => {
                Scheme { scale_group: ScaleGroup::Block(128), group_bits: 32, ..Scheme::plain(80) }
            }
            Format::Int8 => Scheme { per_output: 4, ..Scheme::plain(80) },
            // `weight_scale` (FP8) a group of 16, `weight_scale_2` and `input_scale` (FP32).
            Format::Nvfp4 => Scheme { per_matrix: 8, ..Scheme::grouped(4, 16, 8) },
            // OCP Microscaling v1.0: E8M0 scale for 32 elements.
            Format::Mxfp4 | Format::Mxfp4Q8 | Format::Fp8Mxfp4 => Scheme::grouped(4, 32, 8),
            Format::Int4Experts => Scheme { per_matrix: 16, ..Scheme::grouped(4, 32, 16) },
            // `scales` FP16 and `qzeros` 4 bits a group (AutoAWQ WQLinear_GEMM).
            Format::Awq => Scheme::grouped(4, 128, 16 + 4),
            // As AWQ, and `g_idx`: INT32 an input.
            Format::Gptq => Scheme { per_input: 4, ..Scheme::grouped(4, 128, 16 + 4) },
            // `weight_packed`, `weight_scale` BF16, `weight_shape` (two INT64).
            Format::W4a16 => Scheme { per_matrix: 16, ..Scheme::grouped(4, 128, 16) },
            // `SCB`: FP32 an output row.
            Format::BnbInt8 => Scheme { per_output: 4, ..Scheme::plain(80) },
            // absmax in 8 bits for 64 weights (QLoRA, section 3); the FP32 for 256 of those, 0.002
            // bits a weight, is left out.
            Format::Nf4 => Scheme::grouped(4, 64, 8),
            Format::Mlx(bits) => Scheme::grouped(bits as u64, 64, 32),
            Format::Exl3(tenth_bits) => {
                Scheme { per_input: 2, per_output: 2, ..Scheme::plain(tenth_bits as u64) }
            }
        }
    }
}

/// Parses bits per weight from 1 to 8, and returns them in tenths.
fn tenth_bits(text: &str) -> Option<u8> {
    let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
    let digit = |s: &str| match s.as_bytes() {
        [d @ b'0'..=b'9'] => Some(d - b'0'),
        _ => None,
    };
    let bits = digit(whole)? * 10 + digit(tenth)?;
    (10..=80).contains(&bits).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{Group, Role, Shape};

    fn tensor(role: Role, shape: [u64; 3]) -> Tensor {
        Tensor {
            role,
            layer: Some(0),
            shape: Shape(shape),
            group: Group::Text,
            in_checkpoint: true,
            in_gguf: true,
        }
    }

    fn bytes(format: Format, role: Role, shape: [u64; 3]) -> u64 {
        let tensor = tensor(role, shape);
        let [_, usual, _] = Layout::candidates(format, &[tensor]);
        format.bytes(&usual, &tensor).0
    }

    #[test]
    fn a_name_leads_back_to_its_format() {
        for format in Format::ALL {
            assert_eq!(Format::parse(&format.to_string()), Some(*format));
        }
        assert_eq!(Format::parse("exl3-4.3bpw"), Some(Format::Exl3(43)));
        assert_eq!(Format::parse("EXL3-9.0bpw"), None);
        assert_eq!(Format::parse("MLX-7bit"), None);
        assert_eq!(Format::parse("fp8-BLOCK"), Some(Format::Fp8Block));
    }

    #[test]
    fn a_projection_takes_its_bits_and_what_stands_beside_them() {
        let shape = [4096, 1024, 1];
        let n = 4096 * 1024;
        assert_eq!(bytes(Format::Fp8, Role::AttnK, shape), n + 4 * 1024);
        assert_eq!(bytes(Format::Fp8Block, Role::AttnK, shape), n + 4 * 32 * 8);
        assert_eq!(bytes(Format::Nvfp4, Role::AttnK, shape), n / 2 + n / 16 + 8);
        assert_eq!(bytes(Format::Mxfp4, Role::AttnK, shape), n / 2 + n / 32);
        assert_eq!(bytes(Format::Awq, Role::AttnK, shape), n / 2 + n / 128 * 20 / 8);
        let awq = bytes(Format::Awq, Role::AttnK, shape);
        assert_eq!(bytes(Format::Gptq, Role::AttnK, shape), awq + 4 * 4096);
        assert_eq!(bytes(Format::W4a16, Role::AttnK, shape), n / 2 + n / 64 + 16);
        assert_eq!(bytes(Format::Nf4, Role::AttnK, shape), n / 2 + n / 64);
        assert_eq!(bytes(Format::Mlx(4), Role::AttnK, shape), n / 2 + n / 64 * 4);
        assert_eq!(bytes(Format::Mlx(3), Role::AttnK, shape), n * 3 / 8 + n / 64 * 4);
        assert_eq!(bytes(Format::Exl3(40), Role::AttnK, shape), n / 2 + 2 * (4096 + 1024));
        assert_eq!(bytes(Format::Exl3(25), Role::AttnK, shape), n * 10 / 32 + 2 * (4096 + 1024));
    }

    #[test]
    fn embeddings_head_router_and_norms_are_left_alone_but_by_mlx_and_exl3() {
        let matrix = [4096, 1000, 1];
        for format in [Format::Fp8Block, Format::Awq, Format::Nf4, Format::Nvfp4] {
            for role in [Role::TokenEmbd, Role::Output, Role::FfnGateInp] {
                assert_eq!(bytes(format, role, matrix), 2 * 4096 * 1000, "{format} {role:?}");
            }
            assert_eq!(bytes(format, Role::AttnNorm, [4096, 1, 1]), 8192);
        }
        assert_eq!(bytes(Format::Mlx(4), Role::TokenEmbd, matrix), 4096 * 1000 * 9 / 16);
        assert_eq!(bytes(Format::Mlx(4), Role::FfnGateInp, matrix), 4096 * 1000 * 17 / 16);
        assert_eq!(bytes(Format::Exl3(30), Role::TokenEmbd, matrix), 2 * 4096 * 1000);
        assert_eq!(
            bytes(Format::Exl3(30), Role::Output, matrix),
            4096 * 1000 * 6 / 8 + 2 * (4096 + 1000)
        );
    }

    #[test]
    fn experts_are_counted_matrix_by_matrix() {
        let shape = [2048, 768, 128];
        let one = bytes(Format::Awq, Role::FfnUp, [2048, 768, 1]);
        assert_eq!(bytes(Format::Awq, Role::FfnUpExps, shape), 128 * one);
    }

    #[test]
    fn no_quantised_format_stores_more_than_eight_bits_and_its_scales() {
        for format in Format::ALL.iter().filter(|format| **format != Format::Int4Experts) {
            let size = bytes(*format, Role::FfnDown, [8192, 4096, 1]) as f64;
            assert!(size / (8192.0 * 4096.0) < 1.07, "{format}");
        }
    }
}
