//! What a driver and its libraries take beside llama.cpp's own buffers, and how far a compute
//! buffer moves between builds. Fitted on public measurements; `src/engine/fit_memory.py` brings
//! the runs into the repository and `tests/engines_measured.rs` holds the totals against them.

use crate::units::{Bytes, Interval};

/// What a driver and its libraries take beside the buffers.
#[derive(Clone, Debug, PartialEq)]
pub struct Overhead {
    /// On each device.
    pub bytes: Interval<Bytes>,
    /// Where the figure comes from.
    pub source: String,
}

/// The software a device is driven by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Platform {
    /// NVIDIA.
    Cuda,
    /// AMD.
    Rocm,
    /// Apple.
    Metal,
    /// Any GPU through Vulkan.
    Vulkan,
    /// No device.
    Cpu,
}

/// What a compute buffer may be in another build of the same year.
///
/// Builds differ in what they reserve for masks and logits: of a hybrid model one printed 1.8 times
/// the figure of the build whose graph is simulated here, of a dense one the same.
pub fn compute_interval(expected: Bytes) -> Interval<Bytes> {
    Interval::around(expected, 0.9, 1.6)
}

/// Memory that the driver, its kernels and libraries take on a device with `capacity` of memory.
pub fn runtime_overhead(platform: Platform, capacity: Bytes) -> Overhead {
    let mib = |low, expected, high| Interval {
        low: Bytes::mib(low),
        expected: Bytes::mib(expected),
        high: Bytes::mib(high),
    };
    let (bytes, source) = match platform {
        Platform::Cuda => (
            cuda_context(capacity),
            "fitted: 153 MiB on 8 GB, 244 on 12 GB, 451 to 456 on 24 GB, 749 on 96 GB",
        ),
        Platform::Rocm => (
            mib(180, 430, 720),
            "fitted on 18 runs: 220 to 660 MiB, more where matrices are unpacked for hipBLAS",
        ),
        Platform::Vulkan => (mib(10, 90, 350), "fitted on 24 runs: 10 to 190 MiB, rarely more"),
        Platform::Metal => (mib(50, 200, 600), "assumed: no clean measurement is at hand"),
        Platform::Cpu => (Interval::default(), "no device"),
    };
    Overhead { bytes, source: source.to_owned() }
}

/// A CUDA context with kernels and cuBLAS grows with the card: 160 MiB for each doubling of its
/// memory from 4 GiB on.
fn cuda_context(capacity: Bytes) -> Interval<Bytes> {
    let doublings = (capacity.to_gib().max(4.0) / 4.0).log2();
    Interval::around(Bytes::mib(160).scale(doublings.clamp(0.6, 5.0)), 0.6, 1.6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_grows_with_the_card() {
        for (gib, measured) in [(8, 153), (8, 164), (12, 244), (24, 453), (96, 749)] {
            let Interval { low, high, .. } =
                runtime_overhead(Platform::Cuda, Bytes::gib(gib)).bytes;
            let measured = Bytes::mib(measured);
            assert!(low <= measured && measured <= high, "{gib} GiB: {low:?}..{high:?}");
        }
    }
}
