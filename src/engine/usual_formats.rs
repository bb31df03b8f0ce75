//! The formats in which people run a model under each engine.

use super::loads_format;
use crate::catalog::Model;
use crate::quant::{Format, Mix, Quant};
use crate::scenario::Engine;

/// Returns the formats in which people run `model` under `engine`: the one it is published in first
/// where the engine loads it, the others from the most bits to the fewest, none below about four.
///
/// A model that was trained in 4 bits has no other, since a larger file of it holds no more.
pub fn usual_formats(engine: Engine, model: &Model) -> Vec<Quant> {
    let native = native_format(engine, model);
    if let Some(native) = native.filter(|native| native.nominal_bits() <= 4) {
        return vec![native];
    }
    let usual: Vec<Quant> = match engine {
        Engine::LlamaCpp | Engine::Ollama | Engine::LmStudio | Engine::KoboldCpp => {
            [Mix::Q8_0, Mix::Q6_K, Mix::Q5_K_M, Mix::Q4_K_M, Mix::IQ4_XS].map(Quant::Gguf).into()
        }
        Engine::Mlx => [8, 6, 5, 4].map(|bits| Quant::Format(Format::Mlx(bits))).into(),
        Engine::ExLlamaV3 => [80, 60, 50, 40].map(|bits| Quant::Format(Format::Exl3(bits))).into(),
        Engine::Transformers => {
            vec![Quant::Gguf(Mix::BF16), Quant::Format(Format::BnbInt8), Quant::Format(Format::Nf4)]
        }
        Engine::Vllm | Engine::Sglang | Engine::TensorRtLlm => {
            vec![Quant::Gguf(Mix::BF16), Quant::Format(Format::Fp8), Quant::Format(Format::Awq)]
        }
    };
    // A checkpoint that is published in 8 bits has no 16-bit one, and is better than another made
    // from it.
    let usual = usual
        .into_iter()
        .filter(|quant| native.is_none_or(|native| quant.nominal_bits() < native.nominal_bits()));
    let formats = native.into_iter().chain(usual);
    formats.filter(|quant| loads_format(engine, *quant)).collect()
}

/// The format in which `model` is published, where that is not 16 bits and `engine` loads it.
fn native_format(engine: Engine, model: &Model) -> Option<Quant> {
    let native = match model.native_quantization.as_deref()? {
        "fp8" => Quant::Format(Format::Fp8Block),
        "fp8 + fp4 experts" => Quant::Format(Format::Fp8Mxfp4),
        "mxfp4 (experts)" if engine.rules_engine() == Engine::LlamaCpp => {
            Quant::Gguf(Mix::MXFP4_MOE)
        }
        "mxfp4 (experts)" => Quant::Format(Format::Mxfp4),
        "int4 (QAT, experts)" => Quant::Format(Format::Int4Experts),
        _ => return None,
    };
    loads_format(engine, native).then_some(native)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn every_model_has_formats_that_the_engine_loads_and_the_published_one_first() {
        let catalog = Catalog::bundled();
        for model in &catalog.models {
            for engine in Engine::ALL {
                let formats = usual_formats(engine, model);
                assert!(!formats.is_empty(), "{} in {engine}", model.id);
                assert!(formats.iter().all(|quant| loads_format(engine, *quant)), "{}", model.id);
                let bits: Vec<u8> = formats.iter().map(|quant| quant.nominal_bits()).collect();
                assert!(bits.is_sorted_by(|a, b| a >= b), "{}: {formats:?}", model.id);
            }
        }
        let first = |engine, id| usual_formats(engine, catalog.model(id).unwrap())[0].to_string();
        assert_eq!(first(Engine::LlamaCpp, "gpt-oss-120b"), "MXFP4_MOE");
        assert_eq!(first(Engine::Vllm, "gpt-oss-120b"), "MXFP4");
        assert_eq!(first(Engine::Vllm, "deepseek-v3"), "FP8-block");
        assert_eq!(first(Engine::Vllm, "kimi-k2-thinking"), "INT4-experts");
        assert_eq!(first(Engine::LlamaCpp, "qwen3-32b"), "Q8_0");
        assert_eq!(first(Engine::Mlx, "qwen3-32b"), "MLX-8bit");
    }

    #[test]
    fn every_way_of_publishing_in_the_catalogue_is_known() {
        for model in &Catalog::bundled().models {
            let of_any = Engine::ALL.iter().any(|engine| native_format(*engine, model).is_some());
            assert_eq!(model.native_quantization.is_some(), of_any, "{}", model.id);
        }
    }
}
