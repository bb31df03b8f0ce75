//! How large a GGUF file is as published, where its tensors' types are not known or differ from
//! those of llama-quantize.

use crate::architecture::{Group, Role};
use crate::catalog::{Model, PublishedFile};
use crate::quant::{Build, BuildName, GgmlType, Mix};
use crate::units::{Bytes, Interval};

/// How large a file may be, relative to its listed tensors, and why.
#[derive(Clone, Copy, Debug)]
pub struct FileSize<'a> {
    /// The smallest and the largest it may be, as ratios of the listed size.
    low: f64,
    high: f64,
    basis: Basis<'a>,
}

/// What a file's size rests on.
#[derive(Clone, Copy, Debug)]
enum Basis<'a> {
    /// The types that llama-quantize gives.
    Standard,
    /// The published file itself.
    Published(&'a PublishedFile),
    /// Files of that name of other models.
    Named,
    /// The file itself, whose tensors are known with their types.
    Read,
}

/// Bytes of a parameter of the projector, which is published in 16 bits.
const PROJECTOR_BYTES: u64 = 2;

impl<'a> FileSize<'a> {
    /// The size of a file whose header was read.
    pub(super) fn read() -> FileSize<'a> {
        FileSize { low: 1.0, high: 1.0, basis: Basis::Read }
    }

    /// The size of what llama-quantize makes of `model` in `mix`, which is `standard`: published
    /// files of that name may have other types.
    pub(super) fn of_mix(model: &Model, mix: Mix, standard: Bytes) -> FileSize<'a> {
        let is_fine = |file: &&PublishedFile| file.precision as f64 <= FINE * file.bytes.0 as f64;
        let published = model.builds.iter().filter(|file| file.name == BuildName::Mix(mix));
        let published = published.filter(is_fine);
        // The one that is nearer to the mix: with MTP layers in the file or without.
        let mtp = mtp_bytes(model).0 as f64;
        let ratios = published.map(|file| {
            let [whole, main] = [0.0, mtp]
                .map(|mtp| (text_bytes(model, file).0 as f64 - mtp) / standard.0.max(1) as f64);
            if (main - 1.0).abs() < (whole - 1.0).abs() { main } else { whole }
        });
        let (low, high) = ratios
            .fold((1.0, 1.0), |(low, high), ratio| (f64::min(low, ratio), f64::max(high, ratio)));
        // Of what the file's header or a rounded figure explains there is nothing to say.
        let (low, high) =
            (if low > 1.0 - SAME { 1.0 } else { low }, if high < 1.0 + SAME { 1.0 } else { high });
        FileSize { low, high, basis: Basis::Standard }
    }

    /// The size of `build`, and how far it may be off. `standard` is that of the nearest standard
    /// mix.
    pub(super) fn of_build(
        model: &'a Model,
        build: Build,
        standard: Bytes,
    ) -> (Bytes, FileSize<'a>) {
        let wanted = |file: &&'a PublishedFile| {
            file.name == build.name && build.publisher.is_none_or(|by| by == file.publisher)
        };
        let known: Vec<&'a PublishedFile> = model.builds.iter().filter(wanted).collect();
        let Some(finest) = known.iter().min_by_key(|file| file.precision) else {
            let has_experts = model.tensors().iter().any(|tensor| tensor.role.is_expert());
            let [low, median, high] = build.name.relative_size(has_experts);
            let size = FileSize { low: low / median, high: high / median, basis: Basis::Named };
            return (standard.scale(median), size);
        };
        // A head of its own takes the place of the copy of the embedding that is loaded without it.
        let own_head = match build.name.has_q8_0_head() && model.architecture().tied_embeddings {
            true => head_bytes(model),
            false => Bytes::ZERO,
        };
        let bytes = text_bytes(model, finest) - own_head;
        let ratio = |bytes: f64| bytes / (text_bytes(model, finest).0.max(1) as f64);
        let half = |file: &PublishedFile| (file.precision / 2) as f64;
        let ends = known.iter().map(|file| {
            let bytes = text_bytes(model, file).0 as f64;
            (ratio(bytes - half(file)), ratio(bytes + half(file)))
        });
        let (low, high) =
            ends.fold((1.0, 1.0), |all: (f64, f64), (low, high)| (all.0.min(low), all.1.max(high)));
        // Its MTP layers, if there are any, are loaded only when they draft.
        let low = low.min(ratio(bytes.0 as f64 - mtp_bytes(model).0 as f64));
        (bytes, FileSize { low, high, basis: Basis::Published(finest) })
    }

    /// `bytes` of the listed tensors, as far as they are known.
    pub fn of(&self, bytes: Bytes) -> Interval<Bytes> {
        match self.is_exact() {
            true => Interval::exact(bytes),
            false => Interval::around(bytes, self.low, self.high),
        }
    }

    /// Whether the listed size is that of the file.
    pub fn is_exact(&self) -> bool {
        self.low == 1.0 && self.high == 1.0
    }

    /// What the size rests on, in words.
    pub fn source(&self, standard: &str) -> String {
        match &self.basis {
            Basis::Standard if self.is_exact() => standard.to_owned(),
            Basis::Standard => {
                format!("{standard}; the interval reaches to published files of that name")
            }
            Basis::Published(file) => {
                format!("published by {}: {}", file.publisher.name(), file.source)
            }
            Basis::Read => "the types that the file itself states".to_owned(),
            Basis::Named => {
                "published files of that name of other models, relative to the nearest \
                             standard mix"
                    .to_owned()
            }
        }
    }
}

/// How far a published file may be off the standard mix and still be called the same: its header
/// with the tokenizer is a few megabytes.
const SAME: f64 = 0.005;

/// Precision, relative to the size, that tells one mix from another.
const FINE: f64 = 0.01;

/// Bytes of the embedding in Q8_0.
fn head_bytes(model: &Model) -> Bytes {
    let table = model.tensors().iter().find(|tensor| tensor.role == Role::TokenEmbd);
    table.map_or(Bytes::ZERO, |tensor| Bytes(GgmlType::Q8_0.bytes(tensor.shape.elements())))
}

/// Bytes that a model's MTP layers take in a GGUF file, where publishers keep them in Q8_0.
fn mtp_bytes(model: &Model) -> Bytes {
    let tensors = model.tensors().iter();
    let of_mtp = tensors.filter(|t| t.group == Group::Mtp && t.role != Role::Mtp);
    of_mtp.map(|tensor| Bytes(GgmlType::Q8_0.bytes(tensor.shape.elements()))).sum()
}

/// Bytes of a published file without a projector that was counted with it.
fn text_bytes(model: &Model, file: &PublishedFile) -> Bytes {
    let projector = match file.has_projector {
        true => Bytes(model.architecture().extras.vision) * PROJECTOR_BYTES,
        false => Bytes::ZERO,
    };
    file.bytes - projector
}
