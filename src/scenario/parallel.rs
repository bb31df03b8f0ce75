//! How a model is shared out between devices: llama.cpp's split modes, and the parallel ranks of
//! serving engines. The keys in a link are [`Parallel::KEYS`].

use super::bounds::Bounds;
use super::query::{Refused, Writer, number, share, thousandths, word};

/// Settings of the split between devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parallel {
    /// What is divided between devices (`split`).
    pub split: SplitMode,
    /// How much of the model each device gets (`ts`, llama.cpp's `--tensor-split`); `None` is the
    /// engine's own way.
    pub tensor_split: Option<TensorSplit>,
    /// The only device that is used with `split=none` (`mg`, llama.cpp's `--main-gpu`).
    pub main_gpu: u64,
    /// Logical batch in tokens (`batch`, llama.cpp's `--batch-size`); `None` is its 2048.
    pub batch: Option<u64>,
    /// Pipeline stages (`pp`); `None` is one.
    pub pipeline: Option<u64>,
    /// Data-parallel ranks (`dp`); `None` is one.
    pub data: Option<u64>,
    /// Whether whole experts are divided between ranks (`ep`).
    pub expert: ExpertParallel,
}

/// What is divided between devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SplitMode {
    /// As the engine does it by itself: layers in llama.cpp, tensors in serving engines.
    #[default]
    Auto,
    /// Whole layers; in serving engines a pipeline of stages.
    Layer,
    /// The rows of matrices (llama.cpp until CUDA lost it).
    Row,
    /// Every tensor, with the KV cache.
    Tensor,
    /// Nothing: one device is used.
    None,
}

impl SplitMode {
    /// Every value with its name.
    pub const ALL: &'static [(&'static str, SplitMode)] = &[
        ("auto", SplitMode::Auto),
        ("layer", SplitMode::Layer),
        ("row", SplitMode::Row),
        ("tensor", SplitMode::Tensor),
        ("none", SplitMode::None),
    ];

    /// The name used in links.
    pub fn name(self) -> &'static str {
        SplitMode::ALL.iter().find(|(_, mode)| *mode == self).map_or("auto", |(name, _)| name)
    }

    fn parse(value: &str) -> Result<SplitMode, Refused> {
        // Another word for whole layers on each device.
        match value.eq_ignore_ascii_case("pipeline") {
            true => Ok(SplitMode::Layer),
            false => word(value, SplitMode::ALL),
        }
    }
}

/// Proportions of the devices, in thousandths of any unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSplit(pub Vec<u64>);

impl TensorSplit {
    /// Proportions as typed: `3,1`, `0.6,0.4`, `3/1`.
    ///
    /// # Errors
    /// An entry that is no number, or too large; too many entries.
    fn parse(value: &str) -> Result<TensorSplit, Refused> {
        let form = || Refused::form("3,1");
        let parts: Vec<&str> = value.split([',', '/']).map(str::trim).collect();
        if parts.len() as u64 > Bounds::DEVICES.max {
            return Err(form());
        }
        let entry = |part: &&str| match part.ends_with('%') {
            true => Err(form()),
            false => thousandths(part, Bounds::TENSOR_SPLIT).map_err(|_| form()),
        };
        parts.iter().map(entry).collect::<Result<_, _>>().map(TensorSplit)
    }
}

impl std::fmt::Display for TensorSplit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entries: Vec<String> = self.0.iter().map(|n| share(*n)).collect();
        f.write_str(&entries.join(","))
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

impl std::fmt::Display for ExpertParallel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ExpertParallel::Off => f.write_str("off"),
            ExpertParallel::On => f.write_str("on"),
            ExpertParallel::Ranks(n) => write!(f, "{n}"),
        }
    }
}

/// llama.cpp's own logical batch.
const BATCH: u64 = 2048;

impl Parallel {
    /// The keys that this part of the notation reads.
    pub(super) const KEYS: &[&str] = &["split", "ts", "mg", "batch", "pp", "dp", "ep"];

    /// The logical batch that llama.cpp goes by, in tokens.
    pub fn logical_batch(&self) -> u64 {
        self.batch.unwrap_or(BATCH)
    }

    /// Reads one pair; `false` where the key is none of [`Parallel::KEYS`].
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, Refused> {
        match key {
            "split" => self.split = SplitMode::parse(value)?,
            "ts" if value.is_empty() => self.tensor_split = None,
            "ts" => self.tensor_split = Some(TensorSplit::parse(value)?),
            "mg" => self.main_gpu = number(value, Bounds::MAIN_GPU)?,
            "batch" => self.batch = Some(number(value, Bounds::BATCH)?),
            "pp" => self.pipeline = Some(number(value, Bounds::PIPELINE)?),
            "dp" => self.data = Some(number(value, Bounds::DATA_PARALLEL)?),
            "ep" => {
                self.expert = match value.to_ascii_lowercase().as_str() {
                    "off" | "0" => ExpertParallel::Off,
                    "on" => ExpertParallel::On,
                    n => ExpertParallel::Ranks(
                        number(n, Bounds::EXPERT_PARALLEL)
                            .map_err(|_| Refused::form("on, off, 1..128"))?,
                    ),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Writes what differs from the defaults.
    pub(super) fn write(&self, out: &mut Writer) {
        if self.split != SplitMode::Auto {
            out.pair("split", self.split.name());
        }
        if let Some(split) = &self.tensor_split {
            out.pair("ts", &split.to_string());
        }
        if self.main_gpu != 0 {
            out.pair("mg", &self.main_gpu.to_string());
        }
        for (key, value) in [("batch", self.batch), ("pp", self.pipeline), ("dp", self.data)] {
            if let Some(value) = value {
                out.pair(key, &value.to_string());
            }
        }
        if self.expert != ExpertParallel::Off {
            out.pair("ep", &self.expert.to_string());
        }
    }
}
