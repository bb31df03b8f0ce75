//! What all runs of a checkpoint have in common, and the rules that CUDA and ROCm engines share.

use super::file::Checkpoint;
use crate::architecture::Architecture;
use crate::catalog::{Device, DeviceKind};
use crate::engine::addons::image_tokens;
use crate::engine::model_files::Addons;
use crate::engine::refusal::Refusal;
use crate::hardware::{Hardware, InstalledDevice};
use crate::quant::{Format, Mix, Quant};
use crate::report::RefusalReason;
use crate::scenario::{CacheType, CacheTypes, Scenario};
use crate::units::Bytes;

/// A checkpoint on a machine under one scenario.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointBase<'a> {
    /// The checkpoint.
    pub checkpoint: &'a Checkpoint<'a>,
    /// The add-ons loaded with the model.
    pub addons: &'a Addons<'a>,
    /// The machine.
    pub hardware: &'a Hardware<'a>,
    /// The scenario.
    pub scenario: &'a Scenario,
}

impl<'a> CheckpointBase<'a> {
    /// The model's architecture.
    pub fn architecture(&self) -> &'a Architecture {
        self.checkpoint.architecture()
    }

    /// The number of repeating layers.
    pub fn n_layers(&self) -> u64 {
        self.architecture().n_layers()
    }

    /// What a paged cache has to hold for `users` of at most `context` tokens: their live tokens, or
    /// one sequence of the whole context where that takes more `bytes`. As a context and a number
    /// of sequences.
    pub fn held(
        &self,
        (context, users): (u64, u64),
        bytes: impl Fn(u64, u64) -> Bytes,
    ) -> (u64, u64) {
        let serving = self.scenario.serving.with_images(image_tokens(self.architecture()));
        let live = (serving.live_tokens(context, users), users);
        match bytes(live.0, live.1) >= bytes(context, 1) {
            true => live,
            false => (context, 1),
        }
    }

    /// Returns the same checkpoint and scenario on `hardware`.
    pub fn on<'b>(&self, hardware: &'b Hardware<'b>) -> CheckpointBase<'b>
    where
        'a: 'b,
    {
        CheckpointBase { hardware, ..*self }
    }
}

/// Memory that a process does not see of what the driver reports, where the catalogue has no figure
/// of it: 341 to 484 MiB of GeForce cards of 6 to 24 GB, 478 of an H100.
const UNSEEN: Bytes = Bytes::mib(430);

/// The checkpoint format with about as many bits as `quant`.
pub(in crate::engine) fn nearest_format(quant: Quant) -> Quant {
    match quant.nominal_bits() {
        _ if quant.format() == Some(Format::Mxfp4Q8) => Quant::Format(Format::Mxfp4),
        16.. => Quant::Gguf(Mix::BF16),
        5.. => Quant::Format(Format::Fp8),
        _ => Quant::Format(Format::Awq),
    }
}

/// The type that serving engines cache keys and values in for `kv`: 16 bits, FP8 for any 8 bits, or
/// one of an engine's `own`.
///
/// # Errors
/// Another type, or two that differ.
pub(in crate::engine) fn cache_type(
    kv: CacheTypes,
    own: &[CacheType],
) -> Result<CacheType, Refusal> {
    use CacheType::{BF16, F16, Fp8, Q8_0};
    match (kv.key, kv.value) {
        (F16 | BF16, F16 | BF16) => Ok(F16),
        (Fp8 | Q8_0, Fp8 | Q8_0) => Ok(Fp8),
        (ty, value) if ty == value && own.contains(&ty) => Ok(ty),
        _ => {
            let nearest = if kv.key.is_quantised() { "fp8" } else { "f16" };
            Err(Refusal::of(RefusalReason::CacheType, "kv", kv).set("kv", nearest))
        }
    }
}

/// Checks that a CUDA or ROCm engine can use `device` with kernels that need capability `least`.
///
/// # Errors
/// The device is by another vendor or too old.
pub(in crate::engine) fn usable_device(
    device: &Device,
    quant: Quant,
    least: u32,
) -> Result<(), Refusal> {
    match (device.vendor.as_str(), device.kind) {
        ("NVIDIA", _) => match device.compute_capability() {
            Some(capability) if capability < least => {
                let least = format!("{}.{}", least / 10, least % 10);
                Err(Refusal::new(RefusalReason::ComputeCapability { least }, quant))
            }
            _ => Ok(()),
        },
        ("AMD" | "Intel", DeviceKind::Discrete | DeviceKind::Unified) => Ok(()),
        _ => Err(Refusal::new(RefusalReason::NoBackend, &device.id)),
    }
}

/// Memory of a device that a CUDA process sees; on unified memory, all of it.
pub(in crate::engine) fn visible(part: &InstalledDevice<'_>) -> Bytes {
    let device = part.device;
    let known = device.memory_usable_bytes.map_or(part.capacity, Bytes).min(part.capacity);
    match (device.kind, device.memory_driver_bytes) {
        (DeviceKind::Discrete, Some(_)) => known,
        (DeviceKind::Discrete, None) => known - UNSEEN,
        _ => part.usable.max(known),
    }
}
