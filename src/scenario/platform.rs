//! What lets a GPU use the machine's own memory: operating system, the user's limit, and the part
//! that the firmware sets aside; what drives a GPU, and how fast the machine's own memory is. Keys
//! `os`, `wired`, `uma`, `backend` and `ram_speed`.

use std::fmt;

use super::ParseError;
use super::notation::{Codec as _, Decimal, Notation, words};

words! {
    /// An operating system with a rule of its own for what a GPU may use.
    System {
        /// macOS up to 15 (Sequoia).
        Macos15 = "macos-15",
        /// macOS from 26 (Tahoe) on.
        Macos26 = "macos-26",
        /// Linux.
        Linux = "linux",
        /// Windows.
        Windows = "windows",
    }
}

words! {
    /// The programming interface through which llama.cpp uses a GPU, or that it uses none.
    GpuBackend {
        /// NVIDIA's CUDA.
        Cuda = "cuda",
        /// AMD's ROCm.
        Rocm = "rocm" | "hip",
        /// Vulkan, on any GPU but Apple's.
        Vulkan = "vulkan",
        /// SYCL, on Intel's.
        Sycl = "sycl" | "oneapi",
        /// Apple's Metal.
        Metal = "metal",
        /// None: the host's cores compute, and no GPU is used (`--device none`).
        Cpu = "cpu",
    }
}

/// Bandwidth of the machine's memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RamSpeed {
    /// In GB/s.
    Bandwidth(f64),
    /// Channels of 64 bits, and megatransfers a second of each.
    Channels(f64, f64),
}

/// Bandwidth in GB/s, channels and megatransfers a second that are accepted.
const BANDWIDTH: Decimal = Decimal::plain(1.0, 20_000.0);
const CHANNELS: Decimal = Decimal::plain(1.0, 64.0);
const TRANSFERS: Decimal = Decimal::plain(100.0, 40_000.0);

impl RamSpeed {
    /// Bandwidth in GB/s: a channel moves eight bytes in a transfer.
    pub fn gb_s(self) -> f64 {
        match self {
            RamSpeed::Bandwidth(gb_s) => gb_s,
            RamSpeed::Channels(channels, transfers) => channels * transfers * 8.0 / 1000.0,
        }
    }
}

impl fmt::Display for RamSpeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RamSpeed::Bandwidth(gb_s) => write!(f, "{gb_s}"),
            RamSpeed::Channels(channels, transfers) => write!(f, "{channels}*{transfers}"),
        }
    }
}

impl Notation for RamSpeed {
    fn parse(text: &str) -> Result<RamSpeed, ParseError> {
        // What is near a half is no value by itself.
        let form = |error: ParseError| ParseError {
            nearest: None,
            accepted: RamSpeed::accepted(),
            ..error
        };
        match text.split_once('*') {
            None => BANDWIDTH.parse(text).map(RamSpeed::Bandwidth).map_err(form),
            Some((channels, transfers)) => {
                let channels = CHANNELS.parse(channels.trim()).map_err(form)?;
                Ok(RamSpeed::Channels(channels, TRANSFERS.parse(transfers.trim()).map_err(form)?))
            }
        }
    }

    fn accepted() -> String {
        "GB/s (1..20000), channels*MT/s".to_owned()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<RamSpeed> {
        use proptest::prelude::*;
        let channels = (CHANNELS.any(), TRANSFERS.any());
        prop_oneof![
            BANDWIDTH.any().prop_map(RamSpeed::Bandwidth),
            channels.prop_map(|(channels, transfers)| RamSpeed::Channels(channels, transfers)),
        ]
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_and_transfers_are_a_bandwidth() {
        let gb_s = |text| RamSpeed::parse(text).map(RamSpeed::gb_s);
        assert_eq!(
            (gb_s("2*5600"), gb_s("51.2"), gb_s("12*4800")),
            (Ok(89.6), Ok(51.2), Ok(460.8))
        );
        for text in ["", "0", "2*", "*5600", "2*1", "fast", "99999"] {
            assert!(RamSpeed::parse(text).is_err(), "{text}");
        }
    }
}
