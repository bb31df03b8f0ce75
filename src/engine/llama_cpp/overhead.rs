//! Memory of a driver and its libraries in addition to llama.cpp's own buffers, and the variation
//! of compute buffers between builds. Fitted to public measurements by `xtask/data/fit_memory.py`;
//! `tests/accuracy.rs` compares them.

use super::gguf_tensor::Weight;
use super::kv_cache::cache_rows;
use super::placement::{Placement, Split};
use super::settings::Settings;
use crate::architecture::{Architecture, Role, Tensor};
use crate::quant::GgmlType;
use crate::scenario::LogitsBuffer;
use crate::units::{Bytes, Interval};

/// Memory of a driver and its libraries in addition to the buffers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overhead {
    /// Bytes on each device.
    pub bytes: Interval<Bytes>,
    /// What may be kept in addition once prompts have been computed.
    pub kept: Bytes,
    /// Source of the figure.
    pub source: &'static str,
}

/// The backend that drives a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Platform {
    /// NVIDIA GPUs.
    Cuda,
    /// AMD GPUs.
    Rocm,
    /// Apple GPUs.
    Metal,
    /// Any GPU through Vulkan.
    Vulkan,
    /// Intel GPUs through SYCL.
    Sycl,
    /// No device.
    Cpu,
}

/// Compute buffers that other builds of the last two years may reserve where this one reserves
/// `split`.
///
/// Builds of 2025 reserved logits for every token of a batch even in a server, and kept a second
/// copy of the mask; if experts are copied from the host, the size of the copies depends on the
/// build. Builds up to May 2026 took the f16 copy of a quantised cache from a pool, when a prompt
/// needed it (github.com/ggml-org/llama.cpp/issues/23446). `xtask/data/fit_memory.py` prints how much
/// the bounds cover.
pub fn compute_intervals(
    architecture: &Architecture,
    settings: &Settings,
    placement: &Placement,
    split: &Split,
) -> (Vec<Interval<Bytes>>, Interval<Bytes>) {
    let spread = ComputeSpread::new(architecture, settings, placement);
    let devices = split.devices.iter().enumerate();
    (devices.map(|(i, bytes)| spread.on_device(i, *bytes)).collect(), spread.on_host(split.host))
}

/// How far other builds' compute buffers may be from those of this one: see [`compute_intervals`].
#[derive(Clone, Copy, Debug)]
pub(super) struct ComputeSpread {
    mask: Bytes,
    logits: Bytes,
    /// The device with the output layer.
    output: Option<usize>,
    least: f64,
    /// What builds that took it from a pool had outside the buffer.
    copies: Bytes,
}

impl ComputeSpread {
    pub(super) fn new(
        architecture: &Architecture,
        settings: &Settings,
        placement: &Placement,
    ) -> ComputeSpread {
        let settings = settings.effective(architecture);
        let logits = match settings.logits {
            LogitsBuffer::Server => Bytes(4 * architecture.gguf_vocab_size) * settings.n_ubatch,
            LogitsBuffer::Batch => Bytes::ZERO,
        };
        // Attention whose cache is on the host is computed there.
        let is_less = placement.host_expert_layers > 0 || !settings.kv_on_devices;
        ComputeSpread {
            mask: Bytes(2 * settings.n_ubatch) * settings.n_ctx,
            logits,
            output: placement.output(architecture),
            least: if is_less { 0.55 } else { 0.8 },
            copies: unpacked(architecture, &settings),
        }
    }

    /// The buffer of device `i`, of which `expected` are expected.
    pub(super) fn on_device(&self, i: usize, expected: Bytes) -> Interval<Bytes> {
        let logits = if self.output == Some(i) { self.logits } else { Bytes::ZERO };
        let high = expected.max(logits).scale(1.15) + self.mask;
        Interval { low: (expected - self.copies).scale(self.least), expected, high }
    }

    /// The buffer of the host, of which `expected` are expected.
    pub(super) fn on_host(&self, expected: Bytes) -> Interval<Bytes> {
        let high = match self.output {
            Some(_) => expected.scale(1.1),
            None => expected.max(self.logits).scale(1.15),
        };
        Interval { low: expected.scale(0.4), expected, high: high + self.mask }
    }
}

/// The least that [`compute_intervals`] gives a device without the output layer, and one with it.
pub(super) fn least_compute(
    architecture: &Architecture,
    settings: &Settings,
) -> [Interval<Bytes>; 2] {
    let spread = ComputeSpread::new(architecture, settings, &Placement::default());
    [None, Some(0)].map(|output| ComputeSpread { output, ..spread }.on_device(0, Bytes::ZERO))
}

/// Bytes of the f16 copy of the widest layer's cache that flash attention makes of a quantised one.
fn unpacked(architecture: &Architecture, settings: &Settings) -> Bytes {
    let is_f16 = settings.kv.k == GgmlType::F16 && settings.kv.v == GgmlType::F16;
    if is_f16 || !settings.unpacks_cache || !settings.flash_attention {
        return Bytes::ZERO;
    }
    let values = |ty: GgmlType, width: u64| if ty == GgmlType::F16 { 0 } else { width };
    let rows = cache_rows(architecture, settings);
    let copies = rows.iter().flatten().map(|row| {
        Bytes(2 * (values(settings.kv.k, row.key) + values(settings.kv.v, row.value))) * row.cells
    });
    copies.max().unwrap_or_default()
}

/// The weights that a driver may duplicate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriverCopies {
    /// The token embedding.
    pub table: Bytes,
    /// The largest quantised matrix of a layer, without experts, in 16 bits.
    pub matrix: Bytes,
}

impl DriverCopies {
    /// Finds the weights that a driver may duplicate among `weights`.
    pub fn of(weights: &[Weight]) -> DriverCopies {
        let table = weights.iter().filter(|w| w.tensor.role == Role::TokenEmbd);
        let matrices = weights.iter().filter(|w| {
            let Tensor { role, layer, .. } = w.tensor;
            layer.is_some() && !role.is_expert() && w.ty.block_elements() > 1
        });
        DriverCopies {
            table: table.map(Weight::bytes).sum(),
            matrix: matrices
                .map(|w| Bytes(2 * w.tensor.shape.elements()))
                .max()
                .unwrap_or_default(),
        }
    }
}

/// Memory of the driver, its kernels and libraries on a device with `capacity` bytes.
pub fn runtime_overhead(platform: Platform, capacity: Bytes, unpacked: DriverCopies) -> Overhead {
    let mib = Interval::mib;
    let (bytes, source) = match platform {
        Platform::Cuda => (
            cuda_context(capacity),
            "fitted on 21 runs of 12 cards, from 160 MiB on 8 GB to 750 on 96 GB",
        ),
        // hipBLAS multiplies in 16 bits; newer kernels, and Vulkan, need no copy.
        Platform::Rocm => (
            mib(20, 265, 500)
                + Interval { low: Bytes::ZERO, expected: unpacked.matrix, high: unpacked.matrix },
            "fitted on 18 runs of 6 models: 170 to 370 MiB and a 16-bit copy of the largest matrix",
        ),
        Platform::Vulkan => (
            mib(5, 100, 350)
                + Interval { low: Bytes::ZERO, expected: Bytes::ZERO, high: unpacked.table },
            "fitted on 25 runs of 7 models: 8 to 190 MiB, in 8 of them a copy of the embedding more",
        ),
        Platform::Sycl => (mib(50, 300, 800), "assumed: no clean measurement is at hand"),
        Platform::Metal => (mib(50, 200, 600), "assumed: no clean measurement is at hand"),
        Platform::Cpu => (Interval::default(), "no device"),
    };
    let kept = if platform == Platform::Cuda { KEPT } else { Bytes::ZERO };
    Overhead { bytes, kept, source }
}

/// What a CUDA device may hold beyond its buffers and its context once prompts have been computed: the
/// pool of ggml grows with the longest, cuBLAS takes workspaces, and kernels are loaded as they are
/// first used. Nine of ten figures of `nvidia-smi` with llama.cpp's own builds lie no more than so much
/// above what is expected at the load (`xtask/data/fit_memory.py`).
const KEPT: Bytes = Bytes::mib(1_440);

/// A CUDA context with kernels and cuBLAS grows with the card: by 180 MiB for each doubling of its
/// memory from 4 GiB on. The number of SMs predicts it less well (`xtask/data/fit_memory.py`).
fn cuda_context(capacity: Bytes) -> Interval<Bytes> {
    let doublings = (capacity.to_gib().max(4.0) / 4.0).log2();
    Interval::around(Bytes::mib(180).scale(doublings.clamp(0.6, 5.0)), 0.4, 1.65)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_grows_with_the_card() {
        for (gib, measured) in [
            (8, 153),
            (8, 164),
            (12, 244),
            (12, 461),
            (16, 295),
            (16, 521),
            (24, 453),
            (24, 574),
            (32, 562),
            (32, 859),
            (64, 582),
            (96, 749),
        ] {
            let Interval { low, high, .. } =
                runtime_overhead(Platform::Cuda, Bytes::gib(gib), DriverCopies::default()).bytes;
            let measured = Bytes::mib(measured);
            assert!(low <= measured && measured <= high, "{gib} GiB: {low:?}..{high:?}");
        }
    }
}
