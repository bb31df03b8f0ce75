//! The coefficients fitted to public measurements, and how far to trust them.
//!
//! `calibration.json` is written by `xtask/data/fit_speed.py` from `tests/data/measured-speed.csv`:
//! each calibration (of an engine on a backend in a period) states how many measurements it rests
//! on, their median and 90th-percentile errors, and the spread within which leave-one-out
//! predictions fell. `build.rs` checks it and encodes it as postcard, which is decoded once.

mod record;

use std::sync::LazyLock;

use crate::decimal;
use crate::scenario;

use record::Table;
pub use record::{
    Backend, Calibration, Dequantise, Engine, Era, Evidence, Family, Peak, PrefillCosts, Rate,
    StepCosts,
};

impl Engine {
    /// The engine's usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Engine::LlamaCpp => "llama.cpp",
            Engine::Vllm => "vLLM",
            Engine::Sglang => "SGLang",
            Engine::TensorRtLlm => "TensorRT-LLM",
            Engine::Mlx => "MLX",
            Engine::ExLlama => "ExLlama",
            Engine::Transformers => "Transformers",
            Engine::MlcLlm => "MLC-LLM",
            Engine::AutoAwq => "AutoAWQ",
            Engine::DeepSpeed => "DeepSpeed",
        }
    }
}

impl From<scenario::Engine> for Engine {
    fn from(engine: scenario::Engine) -> Engine {
        match engine {
            scenario::Engine::LlamaCpp
            | scenario::Engine::Ollama
            | scenario::Engine::LmStudio
            | scenario::Engine::KoboldCpp
            | scenario::Engine::IkLlamaCpp => Engine::LlamaCpp,
            scenario::Engine::Vllm => Engine::Vllm,
            scenario::Engine::Sglang => Engine::Sglang,
            scenario::Engine::TensorRtLlm => Engine::TensorRtLlm,
            scenario::Engine::Mlx => Engine::Mlx,
            scenario::Engine::Transformers => Engine::Transformers,
            scenario::Engine::ExLlamaV3 => Engine::ExLlama,
        }
    }
}

/// The software that runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Software {
    /// The engine.
    pub engine: Engine,
    /// The backend that drives the device.
    pub backend: Backend,
    /// The period in which it was built.
    pub era: Era,
}

impl Software {
    /// Returns the current release of `engine` with the default backend of `chip`.
    pub fn on(engine: Engine, chip: &super::chip::Chip) -> Software {
        Software { engine, backend: chip.backend, era: Era::Current }
    }
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let bytes = include_bytes!(concat!(env!("OUT_DIR"), "/calibration.postcard"));
    postcard::from_bytes(bytes).expect("build.rs encoded it from the same types")
});

/// Whether the software itself was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Measured.
    Measured,
    /// Another engine or period stands in for it.
    StandIn,
}

impl Calibration {
    /// Returns all calibrations.
    pub fn all() -> &'static [Calibration] {
        &TABLE.calibrations
    }

    /// Returns the calibration of `software`, or the nearest one; `None` only if the table is
    /// empty.
    ///
    /// llama.cpp stands in for llama.cpp only and serving engines for all others; then the same
    /// period, engine and backend are preferred, in that order. The period counts more than the
    /// backend: servers of 2024 on AMD ran at half the speed of current ones (MLPerf 5.1).
    pub fn nearest(software: Software) -> Option<(&'static Calibration, Known)> {
        let all = Calibration::all();
        let Software { engine, backend, era } = software;
        let exact = all
            .iter()
            .find(|c| c.engines.contains(&engine) && c.backend == backend && c.era == era);
        if let Some(exact) = exact {
            return Some((exact, Known::Measured));
        }
        let llama = engine == Engine::LlamaCpp;
        let nearest = all.iter().max_by_key(|c| {
            // SYCL and Vulkan drive the same cards.
            let alike_backend = llama && backend == Backend::Xpu && c.backend == Backend::Vulkan;
            let (same, on) = (c.engines.contains(&engine), c.backend == backend || alike_backend);
            let alike = c.engines.contains(&Engine::LlamaCpp) == llama;
            (alike, c.era == era, same, on, c.decode_evidence.n)
        });
        nearest.map(|nearest| (nearest, Known::StandIn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decoded_is_what_the_json_says() {
        let json: Table = serde_json::from_str(include_str!("calibration.json")).unwrap();
        // Debug writes the shortest digits that tell a number from all others.
        assert_eq!(format!("{:?}", *TABLE), format!("{json:?}"));
    }

    #[test]
    fn shares_are_physical() {
        assert!(!Calibration::all().is_empty());
        for calibration in Calibration::all() {
            let StepCosts { bandwidth_share, cache_share, .. } = calibration.step;
            assert!((0.0..=1.0).contains(&bandwidth_share), "{calibration:?}");
            assert!((0.0..=1.0).contains(&cache_share), "{calibration:?}");
            assert!(calibration.decode_evidence.spread >= 1.0);
        }
    }

    #[test]
    fn unknown_software_is_said_to_be_stood_in_for() {
        let software = |engine, backend, era| Software { engine, backend, era };
        let nearest = Calibration::nearest;
        let known = |s| nearest(s).map(|(_, known)| known);
        let (llama, current) = (Engine::LlamaCpp, Era::Current);
        assert_eq!(known(software(llama, Backend::Cuda, current)), Some(Known::Measured));
        assert_eq!(known(software(llama, Backend::Other, current)), Some(Known::StandIn));
        let (stand_in, _) =
            nearest(software(Engine::Transformers, Backend::Cuda, current)).unwrap();
        assert!(stand_in.engines.contains(&Engine::Vllm));
        let (stand_in, _) = nearest(software(Engine::Vllm, Backend::Rocm, current)).unwrap();
        assert_eq!(stand_in.era, current);
        let (stand_in, _) = nearest(software(llama, Backend::Metal, Era::Y2023)).unwrap();
        assert_eq!(stand_in.backend, Backend::Metal);
    }
}
