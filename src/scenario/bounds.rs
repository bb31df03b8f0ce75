//! The range of a whole number.

use std::fmt;

/// The accepted range of a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Smallest accepted value.
    pub min: u64,
    /// Largest accepted value.
    pub max: u64,
}

/// Bounds that more than one setting has, or that more than its setting needs. The others are in
/// the table of settings.
impl Bounds {
    /// Context length in tokens, for each user.
    pub const CONTEXT: Bounds = Bounds::new(1, 16_777_216);
    /// Sequences served at the same time. Engines have lower limits of their own.
    pub const USERS: Bounds = Bounds::new(1, 4096);
    /// Ranks of any kind of parallelism.
    pub const RANKS: Bounds = Bounds::new(1, 128);
    /// Layers, in `offload=ngl:N` and `offload=experts:N`.
    pub const LAYERS: Bounds = Bounds::to(10_000);
    /// Rank of a LoRA adapter.
    pub const LORA_RANK: Bounds = Bounds::to(1_024);
    /// LoRA adapters.
    pub const LORA_COUNT: Bounds = Bounds::new(1, 256);

    /// Models side by side.
    pub const MODELS: Bounds = Bounds::to(600);
    /// Quantisations side by side.
    pub const QUANTS: Bounds = Bounds::to(128);
    /// Machines side by side.
    pub const MACHINES: Bounds = Bounds::to(32);
    /// Kinds of device in one machine.
    pub const KINDS: Bounds = Bounds::to(16);
    /// Devices in one machine.
    pub const DEVICES: Bounds = Bounds::new(1, 128);
    /// Memory size of a device sold in several, GB.
    pub const DEVICE_MEMORY_GB: Bounds = Bounds::new(1, 4_096);
    /// Measurements of the user's own.
    pub const MEASURED: Bounds = Bounds::to(32);
    /// Tokens and users of a reading, and its value in thousandths: beyond lies a slip of the pen.
    pub const READING_COUNT: Bounds = Bounds::to((1 << 32) - 1);
    /// Readings in one measurement.
    pub const READINGS: Bounds = Bounds::new(1, 16);

    /// From `min` to `max`.
    pub const fn new(min: u64, max: u64) -> Bounds {
        Bounds { min, max }
    }

    /// From 0 to `max`.
    pub const fn to(max: u64) -> Bounds {
        Bounds { min: 0, max }
    }

    /// Whether `value` lies within.
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

    /// Any value within, the ends more often than others.
    #[cfg(test)]
    pub(super) fn any(self) -> proptest::strategy::BoxedStrategy<u64> {
        use proptest::prelude::*;
        let Bounds { min, max } = self;
        prop_oneof![8 => min..=max, 1 => Just(min), 1 => Just(max)].boxed()
    }
}

/// Such as `1..256`.
impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.min, self.max)
    }
}
