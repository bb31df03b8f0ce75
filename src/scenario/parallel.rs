//! How a model is shared out between devices: llama.cpp's split modes, and the parallel ranks of
//! serving engines. Keys from `split` to `ep`.

use std::fmt;

use super::notation::{Codec as _, Control, Notation, Number, Unit, format_thousandths, words};
use super::{Bounds, Parallel, ParseError};

words! {
    /// What is divided between devices.
    #[derive(Default)]
    SplitMode {
        /// As the engine does it by itself: layers in llama.cpp, tensors in serving engines.
        #[default]
        Auto = "auto",
        /// Whole layers; in serving engines a pipeline of stages.
        Layer = "layer" | "pipeline",
        /// The rows of matrices (llama.cpp until CUDA lost it).
        Row = "row",
        /// Every tensor, with the KV cache.
        Tensor = "tensor",
        /// Nothing: one device is used.
        None = "none",
    }
}

/// Proportions of the devices, in thousandths of any unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSplit(pub Vec<u64>);

/// A device's part, in thousandths.
const PART: Number = Number(Bounds::to(1_000_000_000), Unit::Share);

impl Notation for TensorSplit {
    /// Proportions as typed: `3,1`, `0.6,0.4`, `3/1`.
    fn parse(text: &str) -> Result<TensorSplit, ParseError> {
        let malformed = || ParseError::malformed(TensorSplit::accepted());
        let part = |part: &str| match part.ends_with('%') {
            true => Err(malformed()),
            false => PART.parse(part).map_err(|_| malformed()),
        };
        let parts = text.split([',', '/']).map(str::trim).map(part).collect::<Result<Vec<_>, _>>();
        let parts = parts.ok().filter(|parts| Bounds::DEVICES.contains(parts.len() as u64));
        parts.map(TensorSplit).ok_or_else(malformed)
    }

    fn accepted() -> String {
        "3,1".to_owned()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<TensorSplit> {
        use proptest::prelude::*;
        proptest::collection::vec(PART.any(), 1..5).prop_map(TensorSplit).boxed()
    }
}

impl fmt::Display for TensorSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|part| format_thousandths(*part)).collect();
        f.write_str(&parts.join(","))
    }
}

/// Whether whole experts are divided between ranks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpertParallel {
    /// Each expert is divided by its columns.
    #[default]
    Off,
    /// As many ranks as there are (vLLM's `--enable-expert-parallel`).
    On,
    /// This many (SGLang's `--ep-size`, TensorRT-LLM's `--ep_size`).
    Ranks(u64),
}

impl fmt::Display for ExpertParallel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExpertParallel::Off => f.write_str("off"),
            ExpertParallel::On => f.write_str("on"),
            ExpertParallel::Ranks(n) => write!(f, "{n}"),
        }
    }
}

impl Notation for ExpertParallel {
    fn parse(text: &str) -> Result<ExpertParallel, ParseError> {
        match text.to_ascii_lowercase().as_str() {
            "off" | "0" => Ok(ExpertParallel::Off),
            "on" => Ok(ExpertParallel::On),
            n => match Number(Bounds::RANKS, Unit::Count).parse(n) {
                Ok(n) => Ok(ExpertParallel::Ranks(n)),
                Err(_) => Err(ParseError::malformed(ExpertParallel::accepted())),
            },
        }
    }

    fn accepted() -> String {
        format!("on, off, {}", Bounds::RANKS)
    }

    fn control() -> Control {
        Control::Choice(vec!["off", "on"])
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<ExpertParallel> {
        use proptest::prelude::*;
        let ranks = Bounds::RANKS.any().prop_map(ExpertParallel::Ranks);
        prop_oneof![Just(ExpertParallel::Off), Just(ExpertParallel::On), ranks].boxed()
    }
}

impl Parallel {
    /// llama.cpp's own logical batch, in tokens.
    pub const DEFAULT_BATCH: u64 = 2048;

    /// The logical batch that llama.cpp goes by, in tokens.
    pub fn logical_batch(&self) -> u64 {
        self.batch.unwrap_or(Parallel::DEFAULT_BATCH)
    }
}
