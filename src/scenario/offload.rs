//! What may be left on the host. Key `offload`.

use std::fmt;

use super::notation::{Codec as _, Notation, Number, Unit};
use super::{Bounds, ParseError};

/// What may be left on the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Offload {
    /// Whatever is needed to make it run; nothing if it fits.
    #[default]
    Auto,
    /// Nothing: the whole model is billed on the devices, whether or not it fits.
    None,
    /// The routed experts of every layer (`--cpu-moe`).
    Experts,
    /// The routed experts of the first N layers (`--n-cpu-moe N`).
    ExpertLayers(u32),
    /// All but N layers (`-ngl N`; the output counts as one).
    GpuLayers(u32),
}

impl fmt::Display for Offload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Offload::Auto => f.write_str("auto"),
            Offload::None => f.write_str("none"),
            Offload::Experts => f.write_str("experts"),
            Offload::ExpertLayers(n) => write!(f, "experts:{n}"),
            Offload::GpuLayers(n) => write!(f, "ngl:{n}"),
        }
    }
}

impl Notation for Offload {
    fn parse(text: &str) -> Result<Offload, ParseError> {
        let lower = text.to_ascii_lowercase();
        let layers = |n: &str| match Number(Bounds::LAYERS, Unit::Count).parse(n.trim()) {
            Ok(n) => Ok(n as u32),
            // The nearest number is no value by itself.
            Err(error) => Err(ParseError { nearest: None, ..error }),
        };
        match lower.split_once(':') {
            Some(("ngl", n)) => layers(n).map(Offload::GpuLayers),
            Some(("experts", n)) => layers(n).map(Offload::ExpertLayers),
            _ => match lower.as_str() {
                "auto" => Ok(Offload::Auto),
                "none" => Ok(Offload::None),
                "experts" => Ok(Offload::Experts),
                _ => Err(ParseError::malformed(Offload::accepted())),
            },
        }
    }

    fn accepted() -> String {
        "auto, none, experts, experts:N, ngl:N".to_owned()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Offload> {
        use proptest::prelude::*;
        let layers = || Bounds::LAYERS.any().prop_map(|n| n as u32);
        prop_oneof![
            Just(Offload::Auto),
            Just(Offload::None),
            Just(Offload::Experts),
            layers().prop_map(Offload::ExpertLayers),
            layers().prop_map(Offload::GpuLayers),
        ]
        .boxed()
    }
}
