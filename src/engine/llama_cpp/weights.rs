//! The placement of each weight under llama.cpp, and its bytes there.
//!
//! Rules of `llama-model.cpp`, `llama-model-loader.cpp` and the CUDA backend's `get_alloc_size`,
//! build b11434.

use std::ops::Range;

use super::gguf_tensor::{HOST_ALIGNMENT, Weight, padded};
use super::graph_quirks::Family;
use super::placement::{Placement, Split};
use super::tensor_split::{self, Division, TensorSplitter};
use crate::architecture::{Architecture, Role, Tensor};
use crate::quant::GgmlType;
use crate::sort;
use crate::units::Bytes;

/// Whether the tensor is read row by row for the tokens of a batch. It stays on the host, since a
/// device would gain little.
fn is_input(role: Role) -> bool {
    matches!(
        role,
        Role::TokenEmbd | Role::PositionEmbd | Role::TokenTypes | Role::PerLayerTokenEmbd
    )
}

/// The norm before the output head. LFM2's is named like a norm over the embeddings.
pub(super) fn final_norm(architecture: &Architecture) -> Option<Role> {
    let extras = &architecture.extras;
    let named_otherwise = extras.embedding_norm && !Family::of(architecture).encoder;
    match extras.no_final_norm {
        false => Some(Role::OutputNorm),
        true => named_otherwise.then_some(Role::TokenEmbdNorm),
    }
}

/// Whether there is a norm over the embeddings.
pub(super) fn has_embedding_norm(architecture: &Architecture) -> bool {
    architecture.extras.embedding_norm && final_norm(architecture) != Some(Role::TokenEmbdNorm)
}

/// Whether the tensor is applied to the embeddings, and placed with the first layer.
fn is_with_first_layer(architecture: &Architecture, role: Role) -> bool {
    match role {
        Role::TokenEmbdNorm | Role::TokenEmbdNormBias => has_embedding_norm(architecture),
        Role::PerLayerModelProj | Role::PerLayerProjNorm => true,
        _ => false,
    }
}

/// Whether `--n-cpu-moe`, which matches names, keeps the tensor on the host.
pub(super) fn is_with_experts(role: Role) -> bool {
    role.is_expert() || role == Role::FfnDownExpsScale
}

/// Whether the tensor holds rotary factors. Every repeating layer needs them, so each buffer with a
/// layer gets a copy.
pub(super) fn is_rotary_factors(role: Role) -> bool {
    matches!(role, Role::RopeFreqs | Role::RopeFactorsLong | Role::RopeFactorsShort)
}

impl Placement {
    /// The device that holds `weight`; `None` for the host.
    pub fn device_of(&self, architecture: &Architecture, weight: &Weight) -> Option<usize> {
        let Tensor { role, layer, .. } = weight.tensor;
        let il = self.layer_of(architecture, role, layer.map(u64::from))?;
        self.device_of_layer(architecture, il)
    }

    /// The layer that a weight is placed with, where the output layer counts as the last; `None` if
    /// it is always on the host.
    pub(super) fn layer_of(
        &self,
        architecture: &Architecture,
        role: Role,
        layer: Option<u64>,
    ) -> Option<u64> {
        match layer {
            None if is_input(role) => None,
            None if is_with_first_layer(architecture, role) => Some(0),
            None => Some(architecture.n_layers()),
            Some(il) if is_with_experts(role) && il < self.host_expert_layers => None,
            Some(il) => Some(il),
        }
    }
}

/// Calls `put` for each of `weights`, given by role and layer, and each of its places: a device, or
/// the host (`None`).
fn visit_places<T: Copy>(
    architecture: &Architecture,
    placement: &Placement,
    weights: impl Iterator<Item = (Role, Option<u64>, T)>,
    mut put: impl FnMut(Option<usize>, T),
) {
    let places = placement.layer_devices(architecture);
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

/// Calls `visit` for every buffer entry of the loaded model: the device (`None` for the host), the
/// weight, and its bytes there.
///
/// The token embedding stays on the host; if the output head is tied to it, the device of the
/// output layer gets a copy ([`tied_output`], not visited here). MTP layers are not loaded. On a
/// device each tensor is aligned to 128 bytes, and quantised rows are padded to 512 values.
fn visit_buffers(
    architecture: &Architecture,
    weights: &[Weight],
    placement: &Placement,
    mut visit: impl FnMut(Option<usize>, &Weight, Bytes),
) {
    let family = Family::of(architecture);
    let splitter = WeightSplitter::new(architecture, weights, placement);
    let loaded = weights.iter().filter(|w| w.is_loaded(family));
    let loaded = loaded.map(|w| (w.tensor.role, w.tensor.layer.map(u64::from), w));
    visit_places(architecture, placement, loaded, |place, weight| {
        splitter.divide(place, weight, |device, bytes| visit(device, weight, bytes));
    });
}

/// Totals of the loaded weights, grouped by layer and type.
///
/// Weights of a layer, its experts, and those before and after the layers are always in one place.
/// Results equal those of the functions over individual weights, but take less time.
#[derive(Clone, Debug)]
pub struct WeightTotals {
    /// Groups in file order.
    groups: Vec<WeightGroup>,
    /// Sums over the repeating layers before each, and over all of them.
    upto: Vec<LayerSums>,
    /// The embedding table, if it is also the output head.
    tied: Option<Weight>,
}

/// Bytes of layers, of which the routed experts are apart.
#[derive(Clone, Copy, Debug, Default)]
struct LayerSums {
    on_host: Bytes,
    on_device: Bytes,
    experts_on_host: Bytes,
    experts_on_device: Bytes,
}

/// Weights of one type in one place.
#[derive(Clone, Copy, Debug)]
struct WeightGroup {
    /// Role of the first weight.
    role: Role,
    layer: Option<u64>,
    /// What equals in its weights: the type and all that determines their place.
    key: (GgmlType, bool, (bool, bool)),
    bytes: Bytes,
    on_host: Bytes,
    on_device: Bytes,
}

impl WeightTotals {
    /// Groups and sums `weights`.
    pub fn new(architecture: &Architecture, weights: &[Weight]) -> WeightTotals {
        let family = Family::of(architecture);
        // The properties that determine a weight's place beside its layer.
        let place = |role: Role, layer: Option<u64>| match layer {
            Some(_) => (is_with_experts(role), false),
            None => (is_input(role), is_with_first_layer(architecture, role)),
        };
        let mut groups: Vec<WeightGroup> = Vec::new();
        for weight in weights.iter().filter(|w| w.is_loaded(family)) {
            let Tensor { role, layer, .. } = weight.tensor;
            let layer = layer.map(u64::from);
            let bytes = weight.bytes();
            let on_host = Bytes(padded(bytes.0, HOST_ALIGNMENT));
            let on_device = Bytes(weight.on_device_of(bytes));
            // Layers are consecutive, so a matching group is near the end.
            let key = (weight.ty, is_rotary_factors(role), place(role, layer));
            let mut of_layer = groups.iter_mut().rev().take_while(|group| group.layer == layer);
            let same = of_layer.find(|group| group.key == key);
            match same {
                Some(group) => {
                    group.bytes += bytes;
                    group.on_host += on_host;
                    group.on_device += on_device;
                }
                None => groups.push(WeightGroup { role, layer, key, bytes, on_host, on_device }),
            }
        }
        let mut upto = vec![LayerSums::default(); architecture.layers.len() + 1];
        for WeightGroup { role, layer, on_host, on_device, .. } in &groups {
            let Some(sums) = layer.and_then(|il| upto.get_mut(il as usize + 1)) else { continue };
            let (host, device) = match is_with_experts(*role) {
                true => (&mut sums.experts_on_host, &mut sums.experts_on_device),
                false => (&mut sums.on_host, &mut sums.on_device),
            };
            *host += *on_host;
            *device += *on_device;
        }
        let mut before = LayerSums::default();
        for sums in &mut upto {
            sums.on_host += before.on_host;
            sums.on_device += before.on_device;
            sums.experts_on_host += before.experts_on_host;
            sums.experts_on_device += before.experts_on_device;
            before = *sums;
        }
        WeightTotals { groups, upto, tied: tied_table(architecture, weights).copied() }
    }

    /// Bytes of the rotary factors, of which each device with a layer has a copy.
    pub fn rotary_factors(&self) -> Bytes {
        let factors = self.groups.iter().filter(|group| is_rotary_factors(group.role));
        factors.map(|group| group.on_device).sum()
    }

    /// Calls `visit` for every loaded group with its device (`None` for the host) and its bytes
    /// there.
    fn visit(
        &self,
        architecture: &Architecture,
        placement: &Placement,
        mut visit: impl FnMut(Option<usize>, &WeightGroup, Bytes),
    ) {
        let groups = self.groups.iter().map(|group| (group.role, group.layer, group));
        visit_places(architecture, placement, groups, |place, group| {
            visit(place, group, if place.is_some() { group.on_device } else { group.on_host });
        });
    }

    /// Returns the model buffers, like [`model_bytes`].
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
        let layers = architecture.layers.len();
        let is_elsewhere = |group: &&WeightGroup| group.layer.is_none_or(|il| il >= layers as u64);
        let elsewhere = self.groups.iter().filter(is_elsewhere);
        let elsewhere = elsewhere.map(|group| (group.role, group.layer, group));
        visit_places(architecture, placement, elsewhere, |place, group| match place {
            Some(device) => split.devices[device] += group.on_device,
            None => split.host += group.on_host,
        });
        let experts_from = usize::try_from(placement.host_expert_layers).unwrap_or(usize::MAX);
        let mut from = 0;
        let mut add = |until: usize, device: Option<usize>| {
            let (experts_from, until) = (experts_from.clamp(from, until), until);
            let at = |il: usize| self.upto.get(il).copied().unwrap_or_default();
            let (a, b, end) = (at(from), at(experts_from), at(until));
            match device {
                Some(device) => {
                    let experts = end.experts_on_device - b.experts_on_device;
                    split.devices[device] += end.on_device - a.on_device + experts;
                    split.host += b.experts_on_host - a.experts_on_host;
                }
                None => {
                    let experts = end.experts_on_host - a.experts_on_host;
                    split.host += end.on_host - a.on_host + experts;
                }
            }
            from = until;
        };
        let on_devices = placement.device_layers.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
        let mut until = (layers as u64 + 1).saturating_sub(on_devices);
        add(layers.min(until as usize), None);
        for (device, count) in placement.device_layers.iter().enumerate() {
            until = until.saturating_add(*count);
            add(layers.min(usize::try_from(until).unwrap_or(layers)), Some(device));
        }
        split
    }

    /// The weights of each layer in devices' buffers, whose matrices are `divided`.
    pub(super) fn by_layer(
        &self,
        architecture: &Architecture,
        weights: &[Weight],
        divided: &Division,
    ) -> WeightsByLayer {
        let everywhere = Placement::default();
        let layers = architecture.layers.len();
        let part = |(role, layer, bytes): (Role, Option<u64>, Bytes)| {
            let il = everywhere.layer_of(architecture, role, layer)?;
            Some((il, layer.is_some() && is_with_experts(role), bytes))
        };
        let sums = |parts: &mut dyn Iterator<Item = (Role, Option<u64>, Bytes)>| {
            RunningSums::new(layers + 1, parts.filter_map(part))
        };
        let (rotary, n_layers) = (self.rotary_factors(), layers as u64);
        let head = self.tied.as_ref().map(|table| table.with_role(Role::Output));
        let Division::Rows(shares) = divided else {
            let groups = self.groups.iter().filter(|group| !is_rotary_factors(group.role));
            let groups = groups.map(|group| (group.role, group.layer, group.on_device));
            let head = head.map(|head| (Role::Output, None, Bytes(head.on_device())));
            let at_home = sums(&mut groups.chain(head));
            let (divided, small) = (Vec::new(), Vec::new());
            return WeightsByLayer { at_home, divided, small, rotary, layers: n_layers };
        };
        let family = Family::of(architecture);
        let loaded = weights.iter().filter(|w| w.is_loaded(family)).chain(&head);
        let loaded = loaded.filter(|w| !is_rotary_factors(w.tensor.role));
        let none = || vec![Vec::new(); shares.len()];
        let (mut whole, mut parts, mut small) = (Vec::new(), none(), none());
        for weight in loaded {
            let of = |bytes| (weight.tensor.role, weight.tensor.layer.map(u64::from), bytes);
            let on_device = Bytes(weight.on_device());
            match tensor_split::rows_anywhere(weight, shares) {
                None => whole.push(of(on_device)),
                Some(rows) if rows.contains(&Bytes::ZERO) => {
                    let at_home = |rows| if rows == Bytes::ZERO { on_device } else { rows };
                    let each = small.iter_mut().zip(rows);
                    each.for_each(|(small, rows)| small.push(of(at_home(rows))));
                }
                Some(rows) => {
                    let each = parts.iter_mut().zip(rows);
                    each.for_each(|(parts, bytes)| parts.push(of(bytes)));
                }
            }
        }
        let at_home = sums(&mut whole.into_iter());
        let each = |of: Vec<Vec<_>>| of.into_iter().map(|of| sums(&mut of.into_iter())).collect();
        let (divided, small) = (each(parts), each(small));
        WeightsByLayer { at_home, divided, small, rotary, layers: n_layers }
    }

    /// Returns the copies of a tied embedding table, like [`tied_output`].
    pub fn tied_output(
        &self,
        architecture: &Architecture,
        weights: &[Weight],
        placement: &Placement,
    ) -> Split {
        copy_of_head(architecture, weights, placement, self.tied.as_ref())
    }

    /// Returns the loaded bytes and those of further copies, like [`loaded`].
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
        self.visit(architecture, placement, |_, group, _| all += group.bytes);
        let once = self.groups.iter().map(|group| group.bytes).sum();
        (once, all - once)
    }
}

/// Sums over layers, of which the output layer is the last; those of routed experts apart.
#[derive(Clone, Debug)]
pub(super) struct RunningSums {
    plain: Vec<Bytes>,
    experts: Vec<Bytes>,
}

impl RunningSums {
    /// Sums `parts`: the layer, whether it is of its experts, and the bytes.
    pub(super) fn new(
        layers: usize,
        parts: impl IntoIterator<Item = (u64, bool, Bytes)>,
    ) -> RunningSums {
        let none = vec![Bytes::ZERO; layers + 1];
        let mut sums = RunningSums { plain: none.clone(), experts: none };
        for (il, is_expert, bytes) in parts {
            let of = if is_expert { &mut sums.experts } else { &mut sums.plain };
            if let Some(sum) = of.get_mut(il as usize + 1) {
                *sum += bytes;
            }
        }
        for of in [&mut sums.plain, &mut sums.experts] {
            let mut upto = Bytes::ZERO;
            for sum in of {
                upto += *sum;
                *sum = upto;
            }
        }
        sums
    }

    /// The sum over `layers`, without the experts of the first `host_experts` layers.
    pub(super) fn of(&self, layers: &Range<u64>, host_experts: u64) -> Bytes {
        let between = |sums: &[Bytes], start: u64, end: u64| {
            let upto = |il: u64| sums.get(il as usize).or(sums.last()).copied().unwrap_or_default();
            upto(end) - upto(start)
        };
        let Range { start, end } = *layers;
        between(&self.plain, start, end)
            + between(&self.experts, start.max(host_experts).min(end), end)
    }
}

/// The weights of each layer in devices' buffers.
#[derive(Clone, Debug)]
pub(super) struct WeightsByLayer {
    /// What lies where the layer does.
    at_home: RunningSums,
    /// Of matrices divided by rows, the part of each device.
    divided: Vec<RunningSums>,
    /// Of those of which some device gets no row and has all where the layer is its own, what each
    /// device has of its layers.
    small: Vec<RunningSums>,
    /// Bytes that each device with a repeating layer has.
    rotary: Bytes,
    layers: u64,
}

impl WeightsByLayer {
    /// Bytes on device `i` with `layers`, where those from `first` on are on devices. Rows of small
    /// matrices of other devices' layers are not counted.
    pub(super) fn on_device(
        &self,
        i: usize,
        layers: &Range<u64>,
        (first, host_experts): (u64, u64),
    ) -> Bytes {
        let has_layer = layers.start < layers.end.min(self.layers);
        let rotary = if has_layer { self.rotary } else { Bytes::ZERO };
        let all = first..self.layers + 1;
        let divided = self.divided.get(i).map(|rows| rows.of(&all, host_experts));
        let small = self.small.get(i).map(|rows| rows.of(layers, host_experts));
        let rows = divided.unwrap_or_default() + small.unwrap_or_default();
        self.at_home.of(layers, host_experts) + rows + rotary
    }
}

impl Placement {
    /// Whether individual weights are divided between devices.
    fn divides_weights(&self) -> bool {
        matches!(self.divided, Division::Rows(_) | Division::Tensors(_))
    }
}

/// The embedding table, if it is also the output head.
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

/// Divides individual weights between devices, if the placement requires it.
struct WeightSplitter<'a> {
    placement: &'a Placement,
    splitter: Option<TensorSplitter<'a>>,
}

impl<'a> WeightSplitter<'a> {
    fn new(
        architecture: &Architecture,
        weights: &[Weight],
        placement: &'a Placement,
    ) -> WeightSplitter<'a> {
        let splitter = match &placement.divided {
            Division::Tensors(shares) => Some(TensorSplitter::new(architecture, weights, shares)),
            _ => None,
        };
        WeightSplitter { placement, splitter }
    }

    /// Calls `put` for each device (`None` for the host) that has a part of `weight`, whose layer
    /// is in `place`, with its bytes there.
    fn divide(
        &self,
        place: Option<usize>,
        weight: &Weight,
        mut put: impl FnMut(Option<usize>, Bytes),
    ) {
        let Some(home) = place else { return put(None, Bytes(weight.on_host())) };
        let parts = match (&self.splitter, &self.placement.divided) {
            (Some(splitter), _) => Some(splitter.weight(weight)),
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

/// Returns the model buffers: every weight that llama.cpp loads, exact to the byte.
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

/// Returns the weights on each device, and last those on the host, by type, largest first; without a
/// tied output's copy.
pub fn bytes_by_type(
    architecture: &Architecture,
    weights: &[Weight],
    placement: &Placement,
) -> Vec<Vec<(GgmlType, Bytes)>> {
    let host = placement.devices();
    let mut sums = vec![Vec::new(); host + 1];
    visit_buffers(architecture, weights, placement, |place, weight, bytes| {
        if let Some(sums) = sums.get_mut(place.unwrap_or(host)) {
            add(sums, weight.ty, bytes);
        }
    });
    for sums in &mut sums {
        sort::by_key(sums, |(_, bytes)| std::cmp::Reverse(*bytes));
    }
    sums
}

/// Bytes of the copy of an embedding table tied to the output head, in the place of the output
/// layer. They are part of [`model_bytes`]; zero if the head is a tensor of its own, or in the same
/// place as the table.
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
    // The copy is used as a head, and divided like one.
    let head = table.with_role(Role::Output);
    match placement.output(architecture) {
        Some(home) => {
            let splitter = WeightSplitter::new(architecture, weights, placement);
            splitter.divide(Some(home), &head, |device, bytes| match device {
                Some(device) => split.devices[device] += bytes,
                None => split.host += bytes,
            });
        }
        None if Family::of(architecture).copies_tied_head => split.host = Bytes(table.on_host()),
        None => {}
    }
    split
}

/// Returns the bytes of the loaded weights, each counted once as in the file, and of further copies
/// of those in several places, without a tied output's copy.
pub fn loaded(
    architecture: &Architecture,
    weights: &[Weight],
    placement: &Placement,
) -> (Bytes, Bytes) {
    let (mut once, mut copies) = (Bytes::ZERO, Bytes::ZERO);
    // Places of a weight are visited consecutively. Its parts make up the whole; whatever follows
    // is a copy.
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

/// Returns the fractions of each repeating layer's cache on each device, if devices act as one;
/// empty if each layer's cache is in one place.
pub fn cache_parts(
    architecture: &Architecture,
    weights: &[Weight],
    placement: &Placement,
) -> Vec<Vec<(u64, u64)>> {
    match &placement.divided {
        Division::Tensors(shares) => {
            let splitter = TensorSplitter::new(architecture, weights, shares);
            (0..architecture.layers.len()).map(|il| splitter.cache(il)).collect()
        }
        _ => Vec::new(),
    }
}
