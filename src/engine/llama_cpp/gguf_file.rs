//! A model at one quantisation: every tensor of its GGUF file with its type.

use std::sync::Arc;

use super::compute_cache::GraphCache;
use super::file_size::FileSize;
use super::gguf_tensor::{Weight, is_loaded};
use super::graph_quirks::Family;
use super::memory::PlacedModels;
use super::overhead::DriverCopies;
use super::placement::{Placement, Split, mtp_layers};
use super::placement_solver::LayerSizes;
use super::settings::Settings;
use super::weights::WeightTotals;
use crate::architecture::{Architecture, Group, Role, Tensor, tensors};
use crate::catalog::Model;
use crate::quant::{Build, GgmlType, Mix, MixContext, Quant};
use crate::report::Notice;
use crate::scenario::Engine;
use crate::units::Bytes;

/// A model at one quantisation. It is independent of the machine.
#[derive(Clone, Debug)]
pub struct GgufFile<'a> {
    /// The model.
    pub model: &'a Model,
    /// The quantisation.
    pub quant: Quant,
    /// Every tensor of the GGUF file, in file order.
    pub weights: Vec<Weight>,
    /// Whether it is quantised with an importance matrix.
    pub imatrix: bool,
    /// How large the file may be, relative to what is listed.
    pub size: FileSize<'a>,
    /// The weights, summed by layer and type.
    pub totals: Box<WeightTotals>,
    /// Sizes of the layers to place.
    pub sizes: LayerSizes,
    /// The weights that a driver may duplicate.
    pub driver_copies: DriverCopies,
    /// Cached graphs of the model, which its other files may share.
    pub graphs: Arc<GraphCache>,
    /// Its weights in the places where they were asked for.
    pub placements: Box<PlacedModels>,
}

impl<'a> GgufFile<'a> {
    /// Lists the tensors of `model` with their types. `imatrix` says whether the file is quantised
    /// with an importance matrix.
    ///
    /// # Errors
    /// llama.cpp does not know the architecture.
    pub fn new(model: &'a Model, mix: Mix, imatrix: bool) -> Result<GgufFile<'a>, Notice> {
        if let Some(file) = GgufFile::own(model, Quant::Gguf(mix))? {
            return Ok(file);
        }
        let weights = weights(model, mix, imatrix)?;
        let size = FileSize::of_mix(model, mix, weights.iter().map(Weight::bytes).sum());
        Ok(GgufFile::of(model, Quant::Gguf(mix), imatrix, weights, size))
    }

    /// Lists the tensors of `model` as published under the name of `build`. Their types are those
    /// of the nearest standard mix, and their sizes those of the file if it is known, else of files
    /// of that name in general.
    ///
    /// # Errors
    /// llama.cpp does not know the architecture.
    pub fn published(model: &'a Model, build: Build) -> Result<GgufFile<'a>, Notice> {
        if let Some(file) = GgufFile::own(model, Quant::Build(build))? {
            return Ok(file);
        }
        // Publishers use importance matrices.
        let mix = Quant::Build(build).mix().unwrap_or(Mix::F16);
        let mut weights = weights(model, mix, true)?;
        if build.name.has_q8_0_head() {
            for weight in &mut weights {
                if matches!(weight.tensor.role, Role::TokenEmbd | Role::Output) {
                    *weight = Weight::new(weight.tensor, GgmlType::Q8_0);
                }
            }
        }
        let sum = |weights: &[Weight]| weights.iter().map(Weight::bytes).sum::<Bytes>();
        let standard = sum(&weights);
        let (bytes, size) = FileSize::of_build(model, build, standard);
        let plain = weights.iter().filter(|weight| !weight.is_quantised());
        let plain = plain.map(Weight::bytes).sum::<Bytes>();
        let factor = (bytes - plain).0 as f64 / (standard - plain).0.max(1) as f64;
        weights.iter_mut().for_each(|weight| *weight = weight.resized(factor));
        Ok(GgufFile::of(model, Quant::Build(build), true, weights, size))
    }

    /// The file that `model` was read from, with its own types, if it is called `quant`.
    ///
    /// # Errors
    /// llama.cpp does not know the architecture.
    fn own(model: &'a Model, quant: Quant) -> Result<Option<GgufFile<'a>>, Notice> {
        let file = model.own().and_then(|own| own.file.as_ref());
        let Some(file) = file.filter(|file| file.quant == quant) else { return Ok(None) };
        known_architecture(model)?;
        let tensors = model.tensors().iter().filter(|tensor| tensor.in_gguf);
        let tensors: Vec<Tensor> = tensors.copied().collect();
        let types = file.types(&tensors);
        let stored = |(tensor, ty): (Tensor, Option<_>)| Some(Weight::stored(tensor, ty?));
        let weights = tensors.into_iter().zip(types).filter_map(stored).collect();
        Ok(Some(GgufFile::of(model, quant, true, weights, FileSize::read())))
    }

    fn of(
        model: &'a Model,
        quant: Quant,
        imatrix: bool,
        weights: Vec<Weight>,
        size: FileSize<'a>,
    ) -> GgufFile<'a> {
        let architecture = model.architecture();
        GgufFile {
            model,
            quant,
            size,
            totals: Box::new(WeightTotals::new(architecture, &weights)),
            sizes: sizes(architecture, &weights),
            driver_copies: DriverCopies::of(&weights),
            weights,
            imatrix,
            graphs: Arc::default(),
            placements: Box::default(),
        }
    }

    /// The tensors of the MTP layers with the types that the mix gives them, whether they are in
    /// this file or in one published with it.
    pub fn mtp_weights(&self) -> Vec<Weight> {
        let Some(mix) = self.quant.mix() else { return Vec::new() };
        let mut files = tensors(self.architecture());
        files.retain(|t| t.in_gguf || (t.group == Group::Mtp && t.role != Role::Mtp));
        let types = mix.types(MixContext::new(self.architecture(), self.imatrix), &files);
        let weights = files.into_iter().zip(types).map(|(tensor, ty)| Weight::new(tensor, ty));
        weights.filter(|weight| weight.tensor.group == Group::Mtp).collect()
    }

    /// Returns the compute buffers, as [`compute`](super::compute()) does, from the cache.
    pub fn compute(&self, settings: &Settings, placement: &Placement) -> Split {
        let copies = placement.pipeline_copies(self.architecture());
        self.compute_with(settings, placement, copies)
    }

    /// Returns the compute buffers without a pipeline, where each input has a single copy.
    pub fn compute_once(&self, settings: &Settings, placement: &Placement) -> Split {
        self.compute_with(settings, placement, 1)
    }

    fn compute_with(&self, settings: &Settings, placement: &Placement, copies: u64) -> Split {
        let weights = (self.weights.as_slice(), (self.quant, self.imatrix));
        self.graphs.compute(self.architecture(), weights, settings, placement, copies)
    }

    /// The model's architecture.
    pub fn architecture(&self) -> &'a Architecture {
        self.model.architecture()
    }

    /// Bytes of all tensors, without the file's header.
    pub fn bytes(&self) -> Bytes {
        self.weights.iter().map(Weight::bytes).sum()
    }
}

/// The architecture whose experts no publisher requantises.
const KEEPS_EXPERTS: &str = "gpt-oss";

/// The architectures whose experts come in MXFP4, which the converter takes over. Mixes of more bits
/// leave them as they are: `UD-Q8_K_XL` of DeepSeek-V4-Flash-0731 has 162 GB, `UD-Q4_K_XL` 155
/// (huggingface.co/unsloth/DeepSeek-V4-Flash-0731-GGUF).
const COME_IN_MXFP4: &[&str] = &[KEEPS_EXPERTS, "deepseek4", "kimi-k3"];

/// The name of the architecture of `model` in GGUF files.
///
/// # Errors
/// llama.cpp does not know it.
fn known_architecture(model: &Model) -> Result<&str, Notice> {
    let name = model.architecture().gguf_arch.as_deref();
    let unknown = || Notice::EngineCannotRun { id: model.id.clone(), engine: Engine::LlamaCpp };
    name.ok_or_else(unknown)
}

/// What the layers of `model` take in `mix` at least: all of their weights in the smallest type that
/// it gives one.
pub(super) fn least_bytes(model: &Model, mix: Mix) -> Bytes {
    // The types of a model that was read from a file are the file's own.
    if model.own().is_some_and(|own| own.file.is_some()) {
        return Bytes::ZERO;
    }
    let mut smallest = mix.smallest_type();
    let name = model.architecture().gguf_arch.as_deref();
    if name.is_some_and(|name| COME_IN_MXFP4.contains(&name)) {
        smallest = smallest.smaller(GgmlType::MXFP4);
    }
    let family = Family::of(model.architecture());
    let layers = model.tensors().iter().filter(|tensor| tensor.layer.is_some());
    let elements = layers
        .filter(|tensor| is_loaded(tensor, family))
        .map(|tensor| tensor.shape.elements())
        .fold(0u64, u64::saturating_add);
    let blocks = elements / smallest.block_elements();
    Bytes(blocks.saturating_mul(smallest.block_bytes()))
}

/// The tensors of `model` with their types in `mix`.
///
/// # Errors
/// llama.cpp does not know the architecture.
fn weights(model: &Model, mix: Mix, imatrix: bool) -> Result<Vec<Weight>, Notice> {
    let name = known_architecture(model)?;
    let tensors = model.tensors().iter().filter(|tensor| tensor.in_gguf);
    let tensors: Vec<Tensor> = tensors.copied().collect();
    let types = mix.types(MixContext::new(model.architecture(), imatrix), &tensors);
    let come_in_mxfp4 = COME_IN_MXFP4.contains(&name);
    let weight = |(tensor, ty): (Tensor, GgmlType)| {
        let is_stack = tensor.role.is_expert() && tensor.shape.rank() == 3;
        let ty = match come_in_mxfp4 && is_stack {
            true if name == KEEPS_EXPERTS => GgmlType::MXFP4,
            true => ty.smaller(GgmlType::MXFP4),
            false => ty,
        };
        Weight::new(tensor, ty)
    };
    Ok(tensors.into_iter().zip(types).map(weight).collect())
}

/// Sums the sizes of the layers to place.
fn sizes(architecture: &Architecture, weights: &[Weight]) -> LayerSizes {
    let none = vec![Bytes::ZERO; architecture.layers.len()];
    let mut sizes = LayerSizes {
        experts: none.clone(),
        layers: none,
        output: Bytes::ZERO,
        mtp: mtp_layers(architecture),
    };
    for weight in weights {
        let tensor = &weight.tensor;
        let layer = tensor.layer.map(|il| il as usize);
        let place = match (layer, tensor.role) {
            (Some(il), role) if role.is_expert() => sizes.experts.get_mut(il),
            (Some(il), _) => sizes.layers.get_mut(il),
            (None, Role::Output) => Some(&mut sizes.output),
            (None, Role::TokenEmbd) if architecture.tied_embeddings => Some(&mut sizes.output),
            (None, _) => None,
        };
        if let Some(bytes) = place {
            *bytes += weight.bytes();
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn no_file_is_smaller_than_its_bound() {
        for model in Catalog::bundled().models.iter() {
            for mix in Mix::ALL {
                let Ok(file) = GgufFile::new(model, *mix, false) else { continue };
                let whole = file.totals.model_bytes(
                    file.architecture(),
                    &file.weights,
                    &Placement::gpu(file.architecture()),
                );
                let (least, most) = (least_bytes(model, *mix), whole.devices[0]);
                assert!(least <= most, "{} {mix:?}: {least:?} {most:?}", model.id);
                if *mix == Mix::Q8_0 && model.architecture().gguf_vocab_size < 300_000 {
                    assert!(least.0 > most.0 / 4, "{}: {least:?} {most:?}", model.id);
                }
            }
        }
    }
}
