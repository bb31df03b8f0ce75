//! Names under which people know mixes and formats that this crate calls otherwise.

use super::{Format, Mix, Quant};

/// Words of a name that say how a file was made, and not in what.
const MAKERS: &[&str] = &["i1", "imat", "imatrix", "dwq", "gguf", "quant", "quantized"];

/// Formats by their other names, in lower case and without punctuation.
const FORMATS: &[(&str, Format)] = &[
    ("fp8dynamic", Format::Fp8),
    ("fp8static", Format::Fp8),
    ("w8a8fp8", Format::Fp8),
    ("fp8w8a8", Format::Fp8),
    ("w8a8", Format::Int8),
    ("w8a16", Format::Int8),
    ("w8a8int8", Format::Int8),
    ("int8w8a8", Format::Int8),
    ("gptqint8", Format::Int8),
    ("gptq8bit", Format::Int8),
    ("nvfp4a16", Format::Nvfp4),
    ("mlxnvfp4", Format::Nvfp4),
    ("fp4", Format::Nvfp4),
    ("mlxmxfp4", Format::Mxfp4),
    ("mxfp4q8", Format::Mxfp4Q8),
    ("autoround", Format::W4a16),
    ("autoroundint4", Format::W4a16),
    ("int4autoround", Format::W4a16),
    ("autoroundw4a16", Format::W4a16),
    ("w4a16autoround", Format::W4a16),
    ("int4", Format::W4a16),
    ("int4w4a16", Format::W4a16),
    ("w4a16int4", Format::W4a16),
    ("awq4bit", Format::Awq),
    ("awqint4", Format::Awq),
    ("gptq4bit", Format::Gptq),
    ("gptqint4", Format::Gptq),
    ("bnb4bit", Format::Nf4),
    ("bnbnf4", Format::Nf4),
    ("bnb8bit", Format::BnbInt8),
];

/// The scheme that people call `name`; `None` if it is nobody's name, or several have it.
pub(super) fn usual(name: &str) -> Option<Quant> {
    let name = name.trim().to_ascii_lowercase();
    let words: Vec<&str> = name
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '.')
        .flat_map(|word| word.strip_suffix(".gguf").or(Some(word)))
        .filter(|word| !word.is_empty() && !MAKERS.contains(word))
        .collect();
    let plain = words.concat();
    if let Some((_, format)) = FORMATS.iter().find(|(known, _)| *known == plain) {
        return Some(Quant::Format(*format));
    }
    if let Some(bits) = words.iter().find_map(|word| word.strip_suffix("bpw")) {
        let bits = bits.strip_prefix("exl3").unwrap_or(bits);
        let bits = match bits.contains('.') {
            true => bits.trim_end_matches('0').trim_end_matches('.'),
            false => bits,
        };
        return Format::parse(&format!("exl3-{bits}bpw")).map(Quant::Format);
    }
    // `4bit` is how MLX's community calls its checkpoints.
    let of_mlx = plain.strip_prefix("mlx").or_else(|| plain.strip_suffix("mlx"));
    let bits = of_mlx.unwrap_or(&plain).trim_start_matches('q').strip_suffix("bit");
    let bits = bits.or_else(|| of_mlx.map(|rest| rest.trim_start_matches('q')));
    if let Some(bits) = bits {
        return Format::parse(&format!("mlx-{bits}bit")).map(Quant::Format);
    }
    match plain.as_str() {
        "fp16" | "float16" | "half" => return Some(Quant::Gguf(Mix::F16)),
        "bfloat16" => return Some(Quant::Gguf(Mix::BF16)),
        "fp32" | "float32" => return Some(Quant::Gguf(Mix::F32)),
        "q8" => return Some(Quant::Gguf(Mix::Q8_0)),
        _ => {}
    }
    let is_it = |mix: &&Mix| mix.name().replace('_', "").eq_ignore_ascii_case(&plain);
    Mix::ALL.iter().find(is_it).map(|mix| Quant::Gguf(*mix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_the_names_on_the_hub() {
        for (name, known) in [
            ("AutoRound", "W4A16"),
            ("int4-AutoRound", "W4A16"),
            ("GPTQ-Int4", "GPTQ"),
            ("AWQ-4bit", "AWQ"),
            ("FP8_DYNAMIC", "FP8"),
            ("w8a8", "INT8"),
            ("bnb-4bit", "NF4"),
            ("4bit", "MLX-4bit"),
            ("mlx-6-bit", "MLX-6bit"),
            ("4bit-DWQ", "MLX-4bit"),
            ("mlx-q8", "MLX-8bit"),
            ("mxfp4_q8", "MXFP4-Q8"),
            ("4.0bpw", "EXL3-4.0bpw"),
            ("exl3_3.5bpw", "EXL3-3.5bpw"),
            ("SC_4.00bpw_H5", "EXL3-4.0bpw"),
            ("i1-Q4_K_M", "Q4_K_M"),
            ("q4km", "Q4_K_M"),
            ("IQ4XS", "IQ4_XS"),
            ("q4_k_m.gguf", "Q4_K_M"),
            ("fp16", "F16"),
            ("Q8", "Q8_0"),
        ] {
            assert_eq!(Quant::parse(name).map(|quant| quant.to_string()).as_deref(), Some(known));
        }
        for name in ["", "-", "bit", "mlx", "bpw", "12bit", "q4", "Q4_K_XXL", "99bpw"] {
            assert_eq!(Quant::parse(name), None, "{name}");
        }
    }
}
