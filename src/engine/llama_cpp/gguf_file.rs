//! A model at one quantisation: every tensor of its file with the type it has there.

use std::sync::Arc;

use super::compute_cache::GraphCache;
use super::gguf_tensor::Weight;
use super::overhead::DriverCopies;
use super::placement::{Placement, Split, mtp_layers};
use super::placement_solver::LayerSizes;
use super::settings::Settings;
use super::weights::WeightTotals;
use crate::architecture::{Architecture, Group, Role, Tensor, tensors};
use crate::catalog::Model;
use crate::quant::{Mix, MixContext, Quant};
use crate::report::Notice;
use crate::scenario::Engine;
use crate::units::Bytes;

/// A model at a quantisation. Made once, it serves every machine.
#[derive(Clone, Debug)]
pub struct GgufFile<'a> {
    /// The model.
    pub model: &'a Model,
    /// The quantisation.
    pub quant: Quant,
    /// Every tensor of the GGUF file, in its order.
    pub weights: Vec<Weight>,
    /// It is made with an importance matrix.
    pub imatrix: bool,
    /// The weights summed up.
    pub totals: WeightTotals,
    /// What there is to place, by layers.
    pub sizes: LayerSizes,
    /// What of the weights a driver may keep once more.
    pub driver_copies: DriverCopies,
    /// Graphs of the model that were placed before; its other files may share them.
    pub graphs: Arc<GraphCache>,
}

impl<'a> GgufFile<'a> {
    /// Lists the tensors of `model` and types each; `imatrix` says whether the file is made with
    /// an importance matrix.
    ///
    /// # Errors
    /// llama.cpp does not know the architecture.
    pub fn new(model: &'a Model, mix: Mix, imatrix: bool) -> Result<GgufFile<'a>, Notice> {
        let architecture = model.architecture();
        if architecture.gguf_arch.is_none() {
            let engine = Engine::LlamaCpp.name().to_owned();
            return Err(Notice::EngineCannotRun { id: model.id.clone(), engine });
        }
        let files = model.tensors().iter().filter(|tensor| tensor.in_gguf);
        let files: Vec<Tensor> = files.copied().collect();
        let types = mix.types(MixContext::new(architecture, imatrix), &files);
        let weights = files.into_iter().zip(types);
        let weights: Vec<Weight> = weights.map(|(tensor, ty)| Weight { tensor, ty }).collect();
        Ok(GgufFile {
            model,
            quant: Quant::Gguf(mix),
            totals: WeightTotals::new(architecture, &weights),
            sizes: sizes(architecture, &weights),
            driver_copies: DriverCopies::of(&weights),
            weights,
            imatrix,
            graphs: Arc::default(),
        })
    }

    /// The tensors of the MTP layers, whether they are in this file or in one published with them,
    /// typed as the mix types them.
    pub fn mtp_weights(&self) -> Vec<Weight> {
        let Quant::Gguf(mix) = self.quant else { return Vec::new() };
        let mut files = tensors(self.architecture());
        files.retain(|t| t.in_gguf || (t.group == Group::Mtp && t.role != Role::Mtp));
        let types = mix.types(MixContext::new(self.architecture(), self.imatrix), &files);
        let weights = files.into_iter().zip(types).map(|(tensor, ty)| Weight { tensor, ty });
        weights.filter(|weight| weight.tensor.group == Group::Mtp).collect()
    }

    /// Compute buffers: see [`compute`](super::compute()).
    pub fn compute(&self, settings: &Settings, placement: &Placement) -> Split {
        let copies = placement.pipeline_copies(self.architecture());
        self.compute_with(settings, placement, copies)
    }

    /// The same with each input once, as without a pipeline.
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

    /// Bytes of all tensors together, without the file's header.
    pub fn bytes(&self) -> Bytes {
        self.weights.iter().map(Weight::bytes).sum()
    }
}

/// What there is to place, by layers.
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
