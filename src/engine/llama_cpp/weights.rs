//! Where llama.cpp puts each weight, and how many bytes it takes there.
//!
//! Rules of `llama-model.cpp`, `llama-model-loader.cpp` and the CUDA backend's `get_alloc_size`,
//! build b11434.

use super::gguf_tensor::{HOST_ALIGNMENT, Weight, padded};
use super::graph_quirks::Family;
use super::placement::{Placement, Split};
use super::tensor_split::{self, Division, TensorSplitter};
use crate::architecture::{Architecture, Role, Tensor};
use crate::quant::GgmlType;
use crate::units::Bytes;

/// Read row by row for the tokens of a batch, on the host: there is little to gain from a device.
fn is_input(role: Role) -> bool {
    matches!(
        role,
        Role::TokenEmbd | Role::PositionEmbd | Role::TokenTypes | Role::PerLayerTokenEmbd
    )
}

/// The norm before the output head. LFM2's has the name of a norm over the embeddings.
pub(super) fn final_norm(architecture: &Architecture) -> Option<Role> {
    let extras = &architecture.extras;
    let named_otherwise = extras.embedding_norm && !Family::of(architecture).encoder;
    match extras.no_final_norm {
        false => Some(Role::OutputNorm),
        true => named_otherwise.then_some(Role::TokenEmbdNorm),
    }
}

/// There is a norm over the embeddings.
pub(super) fn has_embedding_norm(architecture: &Architecture) -> bool {
    architecture.extras.embedding_norm && final_norm(architecture) != Some(Role::TokenEmbdNorm)
}

/// Applied to the embeddings, where the first layer is.
fn is_with_first_layer(architecture: &Architecture, role: Role) -> bool {
    match role {
        Role::TokenEmbdNorm | Role::TokenEmbdNormBias => has_embedding_norm(architecture),
        Role::PerLayerModelProj | Role::PerLayerProjNorm => true,
        _ => false,
    }
}

/// Kept on the host by `--n-cpu-moe`, which goes by names.
fn is_with_experts(role: Role) -> bool {
    role.is_expert() || role == Role::FfnDownExpsScale
}

/// Needed by every repeating layer, so each buffer with a layer gets a copy.
pub(super) fn is_rotary_factors(role: Role) -> bool {
    matches!(role, Role::RopeFreqs | Role::RopeFactorsLong | Role::RopeFactorsShort)
}

impl Placement {
    /// The device that holds `weight`; `None`: the host.
    pub fn device_of(&self, architecture: &Architecture, weight: &Weight) -> Option<usize> {
        self.weight(architecture, weight.tensor.role, weight.tensor.layer.map(u64::from))
    }

    /// The device that holds a weight; `None`: the host.
    pub(super) fn weight(
        &self,
        architecture: &Architecture,
        role: Role,
        layer: Option<u64>,
    ) -> Option<usize> {
        let il = self.layer_of(architecture, role, layer)?;
        self.device_of_layer(architecture, il)
    }

    /// The layer that a weight is with, the output layer counted as the last; `None`: it is on the
    /// host wherever the layers are.
    fn layer_of(&self, architecture: &Architecture, role: Role, layer: Option<u64>) -> Option<u64> {
        match layer {
            None if is_input(role) => None,
            None if is_with_first_layer(architecture, role) => Some(0),
            None => Some(architecture.n_layers()),
            Some(il) if is_with_experts(role) && il < self.host_expert_layers => None,
            Some(il) => Some(il),
        }
    }
}

/// Calls `put` with each of `weights`, given by role and layer, and with each place that it has:
/// a device, or the host (`None`).
fn visit_places<T: Copy>(
    architecture: &Architecture,
    placement: &Placement,
    weights: impl Iterator<Item = (Role, Option<u64>, T)>,
    mut put: impl FnMut(Option<usize>, T),
) {
    let places: Vec<Option<usize>> = (0..=architecture.n_layers())
        .map(|il| placement.device_of_layer(architecture, il))
        .collect();
    let layers = &places[..architecture.layers.len()];
    for (role, layer, weight) in weights {
        if is_rotary_factors(role) {
            let all = (0..placement.device_layers.len()).map(Some).chain([None]);
            all.filter(|place| layers.contains(place)).for_each(|place| put(place, weight));
        } else {
            let il = placement.layer_of(architecture, role, layer);
            put(il.and_then(|il| *places.get(il as usize)?), weight);
        }
    }
}

/// Calls `visit` with every buffer entry that loading the model makes: the device (`None`: the
/// host), the weight, and its bytes there.
///
/// The token embedding stays on the host; where the output head is tied to it, the device of the
/// output layer gets a copy ([`tied_output`], not visited here). MTP layers are not loaded. On a
/// device each tensor begins at a multiple of 128 bytes, and quantised rows are padded to 512
/// values.
fn visit_buffers(
    architecture: &Architecture,
    weights: &[Weight],
    placement: &Placement,
    mut visit: impl FnMut(Option<usize>, &Weight, Bytes),
) {
    let family = Family::of(architecture);
    let divider = WeightSplitter::new(architecture, weights, placement);
    let loaded = weights.iter().filter(|w| w.is_loaded(family));
    let loaded = loaded.map(|w| (w.tensor.role, w.tensor.layer.map(u64::from), w));
    visit_places(architecture, placement, loaded, |place, weight| {
        divider.divide(place, weight, |device, bytes| visit(device, weight, bytes));
    });
}

/// The weights of a file that are loaded, summed up where they are always in the same place: those
/// of a layer, its experts, those before the layers and after them. It tells the same as the
/// functions of single weights, and sooner.
#[derive(Clone, Debug)]
pub struct WeightTotals {
    /// In the order of the file.
    lots: Vec<WeightGroup>,
    /// The embedding table, where it is the output head as well.
    tied: Option<Weight>,
}

/// Weights of one type that are in one place.
#[derive(Clone, Copy, Debug)]
struct WeightGroup {
    /// The first of them.
    role: Role,
    layer: Option<u64>,
    ty: GgmlType,
    bytes: Bytes,
    on_host: Bytes,
    on_device: Bytes,
}

impl WeightTotals {
    /// Sums up `weights`.
    pub fn new(architecture: &Architecture, weights: &[Weight]) -> WeightTotals {
        let family = Family::of(architecture);
        // Where a weight is depends on this.
        let place = |role: Role, layer: Option<u64>| match layer {
            Some(_) => is_with_experts(role),
            None => is_input(role),
        };
        let first = |role: Role, layer: Option<u64>| {
            layer.is_none() && is_with_first_layer(architecture, role)
        };
        let mut lots: Vec<WeightGroup> = Vec::new();
        for weight in weights.iter().filter(|w| w.is_loaded(family)) {
            let Tensor { role, layer, .. } = weight.tensor;
            let layer = layer.map(u64::from);
            let bytes = weight.bytes();
            let on_host = Bytes(padded(bytes.0, HOST_ALIGNMENT));
            let on_device = Bytes(weight.on_device_of(bytes));
            // Layers follow one another: what is alike is near the end.
            let mut of_layer = lots.iter_mut().rev().take_while(|lot| lot.layer == layer);
            let same = of_layer.find(|lot| {
                lot.ty == weight.ty
                    && is_rotary_factors(lot.role) == is_rotary_factors(role)
                    && place(lot.role, layer) == place(role, layer)
                    && first(lot.role, layer) == first(role, layer)
            });
            match same {
                Some(lot) => {
                    lot.bytes += bytes;
                    lot.on_host += on_host;
                    lot.on_device += on_device;
                }
                None => {
                    let ty = weight.ty;
                    lots.push(WeightGroup { role, layer, ty, bytes, on_host, on_device });
                }
            }
        }
        WeightTotals { lots, tied: tied_table(architecture, weights).copied() }
    }

    /// Calls `visit` with every lot that is loaded, its device (`None`: the host) and its bytes
    /// there.
    fn visit(
        &self,
        architecture: &Architecture,
        placement: &Placement,
        mut visit: impl FnMut(Option<usize>, &WeightGroup, Bytes),
    ) {
        let lots = self.lots.iter().map(|lot| (lot.role, lot.layer, lot));
        visit_places(architecture, placement, lots, |place, lot| {
            visit(place, lot, if place.is_some() { lot.on_device } else { lot.on_host });
        });
    }

    /// As [`model_bytes`].
    pub fn model_bytes(
        &self,
        architecture: &Architecture,
        weights: &[Weight],
        placement: &Placement,
    ) -> Split {
        if placement.divides_weights() {
            return model_bytes(architecture, weights, placement);
        }
        let mut split = self.tied_output(architecture, weights, placement);
        self.visit(architecture, placement, |device, _, bytes| match device {
            Some(device) => split.devices[device] += bytes,
            None => split.host += bytes,
        });
        split
    }

    /// As [`bytes_by_type`].
    pub fn bytes_by_type(
        &self,
        architecture: &Architecture,
        weights: &[Weight],
        placement: &Placement,
        device: Option<usize>,
    ) -> Vec<(GgmlType, Bytes)> {
        if placement.divides_weights() {
            return bytes_by_type(architecture, weights, placement, device);
        }
        let mut sums = Vec::new();
        self.visit(architecture, placement, |place, lot, bytes| {
            if place == device {
                add(&mut sums, lot.ty, bytes);
            }
        });
        largest_first(sums)
    }

    /// As [`tied_output`].
    pub fn tied_output(
        &self,
        architecture: &Architecture,
        weights: &[Weight],
        placement: &Placement,
    ) -> Split {
        copy_of_head(architecture, weights, placement, self.tied.as_ref())
    }

    /// As [`loaded`].
    pub fn loaded(
        &self,
        architecture: &Architecture,
        weights: &[Weight],
        placement: &Placement,
    ) -> (Bytes, Bytes) {
        if placement.divides_weights() {
            return loaded(architecture, weights, placement);
        }
        let mut all = Bytes::ZERO;
        self.visit(architecture, placement, |_, lot, _| all += lot.bytes);
        let once = self.lots.iter().map(|lot| lot.bytes).sum();
        (once, all - once)
    }
}

impl Placement {
    /// Single weights are divided between devices.
    fn divides_weights(&self) -> bool {
        matches!(self.divided, Division::Rows(_) | Division::Tensors(_))
    }
}

/// The embedding table, where it is the output head as well.
fn tied_table<'a>(architecture: &Architecture, weights: &'a [Weight]) -> Option<&'a Weight> {
    let of = |role| weights.iter().find(move |w| w.tensor.role == role);
    match of(Role::Output) {
        None if !Family::of(architecture).encoder => of(Role::TokenEmbd),
        _ => None,
    }
}

fn add(sums: &mut Vec<(GgmlType, Bytes)>, ty: GgmlType, bytes: Bytes) {
    match sums.iter_mut().find(|(known, _)| *known == ty) {
        Some((_, sum)) => *sum += bytes,
        None => sums.push((ty, bytes)),
    }
}

fn largest_first(mut sums: Vec<(GgmlType, Bytes)>) -> Vec<(GgmlType, Bytes)> {
    sums.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    sums
}

/// Divides single weights between devices, where the placement asks for it.
struct WeightSplitter<'a> {
    placement: &'a Placement,
    slicer: Option<TensorSplitter<'a>>,
}

impl<'a> WeightSplitter<'a> {
    fn new(
        architecture: &Architecture,
        weights: &[Weight],
        placement: &'a Placement,
    ) -> WeightSplitter<'a> {
        let slicer = match &placement.divided {
            Division::Tensors(shares) => Some(TensorSplitter::new(architecture, weights, shares)),
            _ => None,
        };
        WeightSplitter { placement, slicer }
    }

    /// Calls `put` with each device (`None`: the host) that has some of `weight`, whose layer is in
    /// `place`, and with its bytes there.
    fn divide(
        &self,
        place: Option<usize>,
        weight: &Weight,
        mut put: impl FnMut(Option<usize>, Bytes),
    ) {
        let Some(home) = place else { return put(None, Bytes(weight.on_host())) };
        let parts = match (&self.slicer, &self.placement.divided) {
            (Some(slicer), _) => Some(slicer.weight(weight)),
            (None, Division::Rows(shares)) => tensor_split::rows(weight, shares, home),
            _ => None,
        };
        match parts {
            None => put(Some(home), Bytes(weight.on_device())),
            Some(parts) => {
                let parts = parts.into_iter().enumerate().filter(|(_, b)| *b > Bytes::ZERO);
                parts.for_each(|(device, bytes)| put(Some(device), bytes));
            }
        }
    }
}

/// Model buffers: every weight that llama.cpp loads, exact to the byte.
pub fn model_bytes(
    architecture: &Architecture,
    weights: &[Weight],
    placement: &Placement,
) -> Split {
    let mut split = tied_output(architecture, weights, placement);
    visit_buffers(architecture, weights, placement, |device, _, bytes| match device {
        Some(device) => split.devices[device] += bytes,
        None => split.host += bytes,
    });
    split
}

/// The weights on `device` (`None`: on the host) by type, largest share first; a tied output's
/// copy is not among them.
pub fn bytes_by_type(
    architecture: &Architecture,
    weights: &[Weight],
    placement: &Placement,
    device: Option<usize>,
) -> Vec<(GgmlType, Bytes)> {
    let mut sums = Vec::new();
    visit_buffers(architecture, weights, placement, |place, weight, bytes| {
        if place == device {
            add(&mut sums, weight.ty, bytes);
        }
    });
    largest_first(sums)
}

/// Bytes of the copy of an embedding table tied to the output head, in the place of the output
/// layer; they are part of [`model_bytes`]. Zero where the head is a tensor of its own, or the
/// table itself serves as one because it is in the same place.
pub fn tied_output(
    architecture: &Architecture,
    weights: &[Weight],
    placement: &Placement,
) -> Split {
    copy_of_head(architecture, weights, placement, tied_table(architecture, weights))
}

fn copy_of_head(
    architecture: &Architecture,
    weights: &[Weight],
    placement: &Placement,
    table: Option<&Weight>,
) -> Split {
    let mut split = Split { devices: vec![Bytes::ZERO; placement.devices()], host: Bytes::ZERO };
    let Some(table) = table else { return split };
    // The copy is used as a head, and divided as one.
    let head = Weight { tensor: Tensor { role: Role::Output, ..table.tensor }, ..*table };
    match placement.output(architecture) {
        Some(home) => {
            let divider = WeightSplitter::new(architecture, weights, placement);
            divider.divide(Some(home), &head, |device, bytes| match device {
                Some(device) => split.devices[device] += bytes,
                None => split.host += bytes,
            });
        }
        None if Family::of(architecture).copies_tied_head => split.host = Bytes(table.on_host()),
        None => {}
    }
    split
}

/// Bytes of the weights that are loaded, each counted once as it is in the file, and of the further
/// copies of those that are in several places; a tied output's copy is not among them.
pub fn loaded(
    architecture: &Architecture,
    weights: &[Weight],
    placement: &Placement,
) -> (Bytes, Bytes) {
    let (mut once, mut copies) = (Bytes::ZERO, Bytes::ZERO);
    // Places of a weight are visited one after the other. Slices make up the whole; what comes
    // after that is a copy.
    let mut last: Option<*const Weight> = None;
    let mut missing = Bytes::ZERO;
    visit_buffers(architecture, weights, placement, |_, weight, bytes| {
        let whole = weight.bytes();
        if last.replace(std::ptr::from_ref(weight)) != Some(std::ptr::from_ref(weight)) {
            once += whole;
            missing = whole;
        }
        if missing == Bytes::ZERO {
            copies += whole.min(bytes);
        }
        missing = missing - bytes;
    });
    (once, copies)
}

/// How much of the cache of each repeating layer is on each device, as parts of a whole, where
/// devices form one; empty where each layer's cache is in one place.
pub fn cache_parts(
    architecture: &Architecture,
    weights: &[Weight],
    placement: &Placement,
) -> Vec<Vec<(u64, u64)>> {
    match &placement.divided {
        Division::Tensors(shares) => {
            let slicer = TensorSplitter::new(architecture, weights, shares);
            (0..architecture.layers.len()).map(|il| slicer.cache(il)).collect()
        }
        _ => Vec::new(),
    }
}
