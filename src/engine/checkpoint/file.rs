//! A model's checkpoint: every tensor with its bytes in one format.

use std::borrow::Cow;

use crate::architecture::{Architecture, Group, Tensor, tensors};
use crate::catalog::{Model, PublishedFile};
use crate::quant::{Build, Format, Layout, Mix, Quant};
use crate::sort;
use crate::units::Bytes;

/// A model's checkpoint in one format, every tensor with its bytes. It is independent of the
/// machine.
#[derive(Clone, Debug)]
pub struct Checkpoint<'a> {
    /// The model.
    pub model: &'a Model,
    /// The format of the weights.
    pub quant: Quant,
    /// Every tensor of the checkpoint.
    pub tensors: Vec<StoredTensor>,
    /// What the sizes rest on.
    pub basis: SizeBasis<'a>,
    /// The smallest and the largest that the tensors may be, as ratios of what is listed.
    pub spread: (f64, f64),
}

/// What the size of a checkpoint rests on.
#[derive(Clone, Copy, Debug)]
pub enum SizeBasis<'a> {
    /// What the method quantises.
    Method,
    /// The published checkpoint itself.
    Published(&'a PublishedFile),
}

/// A tensor of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredTensor {
    /// The tensor.
    pub tensor: Tensor,
    /// Bytes including scales, zero points and other metadata.
    pub bytes: Bytes,
    /// Bytes of the weights alone.
    pub weights: Bytes,
    /// Whether it is stored in fewer than 16 bits per weight.
    pub quantised: bool,
}

impl<'a> Checkpoint<'a> {
    /// Returns the checkpoint of `model` in `quant`; `None` if `quant` is a mix that exists only in
    /// GGUF files.
    pub fn new(model: &'a Model, quant: Quant) -> Option<Checkpoint<'a>> {
        // Of a model that is released in 4 bits, INT4 is what people call the release (Kimi-K2-Thinking
        // and later: a scale for each 32 weights of the experts).
        let native = model.native_format();
        let is_native =
            quant == Quant::Format(Format::W4a16) && native == Quant::Format(Format::Int4Experts);
        let quant = if is_native { native } else { quant };
        let width = match quant.scheme() {
            Quant::Format(format) => return Some(Checkpoint::quantised(model, quant, format)),
            Quant::Gguf(Mix::F32) => 4,
            Quant::Gguf(Mix::BF16 | Mix::F16) => 2,
            Quant::Gguf(_) | Quant::Build(_) => return None,
        };
        let store = |tensor: Tensor| {
            let bytes = Bytes(tensor.shape.elements().saturating_mul(width));
            StoredTensor { tensor, bytes, weights: bytes, quantised: false }
        };
        let tensors = stored_tensors(model).into_iter().map(store).collect();
        Some(Checkpoint { model, quant, tensors, basis: SizeBasis::Method, spread: (1.0, 1.0) })
    }

    /// Returns the checkpoint of `model` in `format`: as its method has it, or with the size of the
    /// published one that `quant` names, or of the one in the middle of those that are known.
    fn quantised(model: &'a Model, quant: Quant, format: Format) -> Checkpoint<'a> {
        let method = Checkpoint::by_method(model, format);
        if let Some(published) = published(model, quant) {
            let half = published.precision as f64 / 2.0 / published.bytes.0.max(1) as f64;
            return Checkpoint {
                quant,
                tensors: resized(model, format, published.bytes),
                basis: SizeBasis::Published(published),
                spread: (1.0 - half, 1.0 + half),
                ..method
            };
        }
        let known = sizes_of(model, format);
        let (Some(first), Some(last)) = (known.first(), known.last()) else {
            return Checkpoint { quant, ..method };
        };
        let bytes = (known[(known.len() - 1) / 2] + known[known.len() / 2]) / 2;
        let (low, high) = method.spread;
        let (low, high) = (method.bytes().scale(low), method.bytes().scale(high));
        let ratio = |end: Bytes| end.0 as f64 / bytes.0.max(1) as f64;
        let spread = (ratio(low.min(*first)).min(1.0), ratio(high.max(*last)).max(1.0));
        Checkpoint { quant, tensors: resized(model, format, bytes), spread, ..method }
    }

    /// Returns the checkpoint of `model` in `format` with what the method usually leaves in more
    /// bits, whatever is published.
    pub fn by_method(model: &'a Model, format: Format) -> Checkpoint<'a> {
        let [least, usual, most] = layouts(model, format);
        let ratio =
            |tensors: &[StoredTensor]| size(tensors).0 as f64 / size(&usual).0.max(1) as f64;
        let spread = (ratio(&least).min(1.0), ratio(&most).max(1.0) * format.finer_groups());
        let quant = Quant::Format(format);
        Checkpoint { model, quant, tensors: usual, basis: SizeBasis::Method, spread }
    }

    /// What the sizes rest on, in words: `rules` of the engine unless the checkpoint is known.
    pub fn source(&self, rules: &'static str) -> Cow<'static, str> {
        match self.basis {
            SizeBasis::Method => rules.into(),
            SizeBasis::Published(file) => {
                format!("published by {}: {}", file.publisher.name(), file.source).into()
            }
        }
    }

    /// This checkpoint with routed experts in 16 bits.
    #[must_use]
    pub fn with_plain_experts(mut self) -> Checkpoint<'a> {
        for stored in self.tensors.iter_mut().filter(|stored| stored.tensor.role.is_expert()) {
            let bytes = Bytes(stored.tensor.shape.elements()) * 2;
            *stored =
                StoredTensor { tensor: stored.tensor, bytes, weights: bytes, quantised: false };
        }
        self
    }

    /// The model's architecture.
    pub fn architecture(&self) -> &'a Architecture {
        self.model.architecture()
    }

    /// Bytes of all tensors in the files.
    pub fn bytes(&self) -> Bytes {
        self.tensors.iter().map(|t| t.bytes).sum()
    }

    /// Bytes of the tensors loaded without speculative decoding, that is without MTP layers.
    pub fn loaded(&self) -> Bytes {
        self.tensors.iter().filter(|t| t.tensor.group != Group::Mtp).map(|t| t.bytes).sum()
    }
}

/// The tensors of `model` that a checkpoint has.
fn stored_tensors(model: &Model) -> Vec<Tensor> {
    tensors(model.architecture()).into_iter().filter(|tensor| tensor.in_checkpoint).collect()
}

fn store_as(format: Format, layout: &Layout, tensors: &[Tensor]) -> Vec<StoredTensor> {
    let store = |tensor: &Tensor| StoredTensor {
        tensor: *tensor,
        bytes: format.bytes(layout, tensor),
        weights: format.weight_bytes(layout, tensor),
        quantised: format.quantises(layout, tensor),
    };
    // mlx-lm drops the MTP layers.
    let kept = tensors
        .iter()
        .filter(|tensor| tensor.group != Group::Mtp || !matches!(format, Format::Mlx(_)));
    kept.map(store).collect()
}

fn size(tensors: &[StoredTensor]) -> Bytes {
    tensors.iter().map(|tensor| tensor.bytes).sum()
}

/// The tensors of `model` in each layout of `format`, as [`Layout::candidates`] orders them.
fn layouts(model: &Model, format: Format) -> [Vec<StoredTensor>; 3] {
    let tensors = stored_tensors(model);
    Layout::candidates(format, &tensors).map(|layout| store_as(format, &layout, &tensors))
}

/// The layout that comes nearest to `bytes`, with its quantised tensors resized so that it has them.
fn resized(model: &Model, format: Format, bytes: Bytes) -> Vec<StoredTensor> {
    let [least, usual, most] = layouts(model, format);
    let off = |tensors: &Vec<StoredTensor>| size(tensors).0.abs_diff(bytes.0);
    let nearest = [usual, least, most].into_iter().min_by_key(off);
    let mut tensors = nearest.unwrap_or_default();
    let quantised = tensors.iter().filter(|t| t.quantised).map(|t| t.bytes).sum::<Bytes>();
    let rest = size(&tensors) - quantised;
    let factor = (bytes - rest).0 as f64 / quantised.0.max(1) as f64;
    for tensor in tensors.iter_mut().filter(|tensor| tensor.quantised) {
        tensor.bytes = tensor.bytes.scale(factor);
        tensor.weights = tensor.weights.scale(factor);
    }
    tensors
}

/// Sizes of the published checkpoints of `model` in `format`, ascending.
fn sizes_of(model: &Model, format: Format) -> Vec<Bytes> {
    let wanted = |file: &&PublishedFile| file.name.scheme() == Quant::Format(format);
    let sizes = model.builds.iter().filter(wanted).map(|file| file.bytes);
    let mut sizes: Vec<Bytes> = sizes.collect();
    sort::by_key(&mut sizes, |bytes| *bytes);
    sizes
}

/// The published checkpoint that `quant` names by its publisher, if its size is known.
fn published(model: &Model, quant: Quant) -> Option<&PublishedFile> {
    let Quant::Build(Build { name, publisher: Some(publisher) }) = quant else { return None };
    let wanted = |file: &&PublishedFile| file.name == name && file.publisher == publisher;
    model.builds.iter().filter(wanted).min_by_key(|file| file.precision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn mixes_of_gguf_files_are_no_checkpoints() {
        let model = Catalog::bundled().model("qwen3-8b").unwrap();
        assert!(Checkpoint::new(model, Quant::Gguf(Mix::Q4_K_M)).is_none());
    }
}
