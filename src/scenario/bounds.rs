//! The range of every number in a question: one table for the link's reader, the form's inputs
//! and the error text.

/// The accepted range of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The key in a link.
    pub key: &'static str,
    /// Smallest accepted value.
    pub min: u64,
    /// Largest accepted value.
    pub max: u64,
}

impl Bounds {
    /// Context length in tokens, for each user.
    pub const CONTEXT: Bounds = Bounds { key: "ctx", min: 1, max: 16_777_216 };
    /// Sequences served at the same time. Engines have lower limits of their own.
    pub const USERS: Bounds = Bounds { key: "users", min: 1, max: 4096 };
    /// Physical batch in tokens.
    pub const UBATCH: Bounds = Bounds { key: "ubatch", min: 1, max: 65_536 };
    /// RAM in bytes: up to 64 TiB.
    pub const RAM: Bounds = Bounds { key: "ram", min: 0, max: 64 << 40 };
    /// Memory kept free on each device, in bytes: up to 1 TiB.
    pub const RESERVE: Bounds = Bounds { key: "reserve", min: 0, max: 1 << 40 };
    /// Share of a device that an engine lets itself use, in thousandths.
    pub const UTILISATION: Bounds = Bounds { key: "util", min: 10, max: 1000 };
    /// Sequences that an engine prepares for.
    pub const SEQUENCES: Bounds = Bounds { key: "seqs", min: 1, max: 65_536 };
    /// Tokens that an engine computes at once.
    pub const BATCHED: Bounds = Bounds { key: "batched", min: 1, max: 16_777_216 };
    /// Tensor-parallel ranks.
    pub const TENSOR_PARALLEL: Bounds = Bounds { key: "tp", min: 1, max: 128 };
    /// Minor release of vLLM 0.x: from the first with a memory profile to the one whose source was
    /// read.
    pub const VLLM_RELEASE: Bounds = Bounds { key: "vllm", min: 6, max: 33 };
    /// Tokens of a prompt.
    pub const PROMPT: Bounds = Bounds { key: "prompt", min: 1, max: Bounds::CONTEXT.max };
    /// Tokens of an answer.
    pub const OUTPUT: Bounds = Bounds { key: "output", min: 1, max: Bounds::CONTEXT.max };
    /// Tokens of a prompt that are in the cache already.
    pub const PREFIX: Bounds = Bounds { key: "prefix", min: 0, max: Bounds::CONTEXT.max };
    /// Tokens a second that are asked for, in thousandths.
    pub const MIN_TPS: Bounds = Bounds { key: "min_tps", min: 1, max: 1_000_000_000 };
    /// Target for the time to the first token, in microseconds: a millisecond to an hour.
    pub const TTFT: Bounds = Bounds { key: "ttft", min: 1_000, max: 3_600_000_000 };
    /// Target for the time a token after that, in microseconds: up to a minute.
    pub const TPOT: Bounds = Bounds { key: "tpot", min: 10, max: 60_000_000 };
    /// Measurements of the user's own.
    pub const MEASURED: Bounds = Bounds { key: "measured", min: 0, max: 32 };
    /// Readings in one measurement.
    pub const READINGS: Bounds = Bounds { key: "measured", min: 1, max: 16 };
    /// Devices in one machine.
    pub const DEVICES: Bounds = Bounds { key: "hw", min: 1, max: 128 };
    /// Memory size of a device sold in several, GB.
    pub const DEVICE_MEMORY_GB: Bounds = Bounds { key: "hw", min: 1, max: 4_096 };
    /// Layers, in `offload=ngl:N` and `offload=experts:N`.
    pub const LAYERS: Bounds = Bounds { key: "offload", min: 0, max: 10_000 };

    /// A device's part in `--tensor-split`, in thousandths of any unit.
    pub const TENSOR_SPLIT: Bounds = Bounds { key: "ts", min: 0, max: 1_000_000_000 };
    /// The only device that is used.
    pub const MAIN_GPU: Bounds = Bounds { key: "mg", min: 0, max: 127 };
    /// Logical batch in tokens.
    pub const BATCH: Bounds = Bounds { key: "batch", min: 1, max: 1_048_576 };
    /// Pipeline stages.
    pub const PIPELINE: Bounds = Bounds { key: "pp", min: 1, max: 128 };
    /// Data-parallel ranks.
    pub const DATA_PARALLEL: Bounds = Bounds { key: "dp", min: 1, max: 128 };
    /// Expert-parallel ranks.
    pub const EXPERT_PARALLEL: Bounds = Bounds { key: "ep", min: 1, max: 128 };
    /// What the user lets a GPU use of unified memory, in bytes.
    pub const WIRED: Bounds = Bounds { key: "wired", min: 0, max: 4 << 40 };
    /// What the firmware sets aside for a GPU, in bytes.
    pub const CARVE_OUT: Bounds = Bounds { key: "uma", min: 0, max: 4 << 40 };

    /// Rank of a LoRA adapter.
    pub const LORA_RANK: Bounds = Bounds { key: "lora", min: 0, max: 1_024 };
    /// LoRA adapters.
    pub const LORA_COUNT: Bounds = Bounds { key: "lora", min: 1, max: 256 };
    /// Tokens that a draft model proposes at once.
    pub const DRAFT_TOKENS: Bounds = Bounds { key: "draft_n", min: 1, max: 64 };
    /// Tokens that MTP layers propose at once.
    pub const MTP: Bounds = Bounds { key: "mtp", min: 0, max: 16 };
    /// Probability that a proposed token is accepted, in thousandths.
    pub const ACCEPTANCE: Bounds = Bounds { key: "accept", min: 0, max: 1_000 };
    /// Prompts kept in RAM, in bytes: up to 1 TiB.
    pub const PROMPT_CACHE: Bounds = Bounds { key: "cache_ram", min: 0, max: 1 << 40 };
    /// Context checkpoints of a sequence.
    pub const CHECKPOINTS: Bounds = Bounds { key: "checkpoints", min: 0, max: 1_024 };

    /// Entries in the list of models.
    pub const MODELS: Bounds = Bounds { key: "model", min: 0, max: 600 };
    /// Engines side by side.
    pub const ENGINES: Bounds = Bounds { key: "engine", min: 0, max: 16 };
    /// Entries in the list of machines.
    pub const MACHINES: Bounds = Bounds { key: "hw", min: 0, max: 32 };
    /// Kinds of device in one machine.
    pub const KINDS: Bounds = Bounds { key: "hw", min: 0, max: 16 };

    /// `value` lies within.
    pub const fn contains(self, value: u64) -> bool {
        self.min <= value && value <= self.max
    }

    /// The nearest value within.
    pub const fn clamp(self, value: u64) -> u64 {
        if value < self.min {
            self.min
        } else if value > self.max {
            self.max
        } else {
            value
        }
    }

    /// The range as text, such as `1..256`.
    pub fn text(self) -> String {
        format!("{}..{}", self.min, self.max)
    }
}
