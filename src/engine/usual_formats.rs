//! The formats in which people run a model under each engine.

use super::{adapter, loads_format, nearest_format};
use crate::catalog::Model;
use crate::quant::Quant;
use crate::scenario::Engine;

/// Returns the formats in which people run `model` under `engine`: the one it is published in first
/// where the engine loads it, the others from the most bits to the fewest, none below about four.
///
/// A model that was trained in 4 bits has no other, since a larger file of it holds no more. GGUF
/// files of others begin at 8 bits, from which 16 differ by nothing that is noticed.
pub fn usual_formats(engine: Engine, model: &Model) -> Vec<Quant> {
    let native = native_format(engine, model);
    if let Some(native) = native.filter(|native| native.nominal_bits() <= 4) {
        return vec![native];
    }
    // A checkpoint that is published in 8 bits has no 16-bit one, and is better than another made
    // from it.
    let usual = adapter(engine).usual_formats().iter().copied();
    let usual = usual
        .filter(|quant| native.is_none_or(|native| quant.nominal_bits() < native.nominal_bits()));
    native.into_iter().chain(usual).collect()
}

/// The format in which `model` is published, where `engine` loads it and it is not a 16-bit one of an
/// engine that reads GGUF files.
fn native_format(engine: Engine, model: &Model) -> Option<Quant> {
    let native = model.native_format();
    let nearest = nearest_format(engine, native);
    let is_gguf = engine.rules_engine() == Engine::LlamaCpp;
    let is_it = nearest.is_also_called(native) || nearest == native && loads_format(engine, native);
    (is_it && !(is_gguf && native.nominal_bits() == 16)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn every_model_has_formats_that_the_engine_loads_and_the_published_one_first() {
        let catalog = Catalog::bundled();
        for model in catalog.models.iter() {
            for engine in Engine::ALL.iter().copied() {
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
        assert_eq!(first(Engine::Mlx, "qwen3-32b"), "BF16");
    }

    #[test]
    fn every_way_of_publishing_in_the_catalogue_is_known() {
        for model in Catalog::bundled().models.iter() {
            let is_16_bit = model.native_format().nominal_bits() == 16;
            assert_eq!(model.native_quantization.is_none(), is_16_bit, "{}", model.id);
        }
    }
}
