//! The placement of layers under llama.cpp: its own split by memory, and the search for one that
//! fits.

use std::cell::Cell;

use super::layer_division::{Beside, By, Divider, OnHost, Room, Share, SharedRam};
use super::placement::Placement;
use super::tensor_split::Division;
use crate::engine::run::Effort;
use crate::engine::split_by_memory::split_by_memory;
use crate::hardware::{Load, Loads};
use crate::report::PlacementReason;
use crate::scenario::{Offload, SplitMode};
use crate::sort;
use crate::units::{Bytes, Interval};

/// Layers on each device when `layers` of them are split in proportion to `shares`. As in
/// llama.cpp, the output layer counts as the last one, and the `mtp` layers before it, which are
/// not loaded, take places too.
pub fn split_with_mtp(layers: u64, mtp: u64, shares: &[Bytes]) -> Vec<u64> {
    if layers <= 1 || mtp == 0 {
        return split_by_memory(layers, shares);
    }
    let places = layers.saturating_add(mtp);
    let unloaded = layers - 1..places - 1;
    let mut begin = 0;
    let mut counts = split_by_memory(places, shares);
    for count in &mut counts {
        let end = begin + *count;
        *count -= unloaded.end.min(end).saturating_sub(unloaded.start.max(begin));
        begin = end;
    }
    counts
}

/// The user's requirements for a placement.
#[derive(Clone, Copy, Debug)]
pub struct PlacementRequest<'a> {
    /// What may stay on the host.
    pub offload: Offload,
    /// How the model is split between devices.
    pub split: SplitMode,
    /// Each device's share, if the user sets it.
    pub shares: Option<&'a [u64]>,
    /// The device used if nothing is split.
    pub main_gpu: usize,
    /// How hard a placement is looked for.
    pub effort: Effort,
    /// Whether devices and host share one memory.
    pub is_shared: bool,
}

impl PlacementRequest<'_> {
    /// Whether layers may be split otherwise than by the engine's rule.
    fn is_free(&self, memory: &[Bytes]) -> bool {
        self.shares.is_none() && memory.len() > 1
    }

    /// Whether any placement will do that fits by the expected estimates.
    fn runs_at_all(&self) -> bool {
        matches!(self.effort, Effort::Quick | Effort::Assumed { .. })
    }
}

/// What the loads of a placement are held to.
#[derive(Clone, Copy)]
struct Standard {
    room: Room,
    machine: fn(&Loads) -> bool,
}

impl Standard {
    /// Whether no device is overfull.
    fn relieves(self, loads: &Loads) -> bool {
        loads.devices.iter().all(|load| (self.room)(load) >= 0)
    }
}

/// The high estimates fit.
const SAFE: Standard =
    Standard { room: |load| load.safe.minus(load.used.high), machine: Loads::fit };
/// The expected estimates fit.
const EXPECTED: Standard =
    Standard { room: |load| load.most.minus(load.used.expected), machine: Loads::fit_expectedly };

/// The sizes of the layers to place.
#[derive(Clone, Debug)]
pub struct LayerSizes {
    /// Bytes of each repeating layer without its routed experts.
    pub layers: Vec<Bytes>,
    /// Bytes of each layer's routed experts.
    pub experts: Vec<Bytes>,
    /// Bytes of the output layer.
    pub output: Bytes,
    /// Number of MTP layers in the file, which are not loaded.
    pub mtp: u64,
}

impl LayerSizes {
    fn n_layers(&self) -> u64 {
        self.layers.len() as u64
    }

    /// Bytes of everything to place.
    fn bytes(&self) -> Bytes {
        self.layers.iter().chain(&self.experts).copied().sum::<Bytes>() + self.output
    }

    /// The sizes that there are among the layers on the host, or their experts, in any order, and that
    /// of the last one: a copy on a device reuses the memory of the one before it.
    pub fn distinct(&self, on_host: OnHost) -> Vec<(Bytes, Bytes)> {
        let layers = self.layers.iter().zip(&self.experts).enumerate();
        let on_host = layers.map_while(|(il, (layer, experts))| match il as u64 {
            il if il < on_host.layers => Some((*layer, *experts)),
            il if il < on_host.experts => Some((Bytes::ZERO, *experts)),
            _ => None,
        });
        let mut sizes: Vec<(Bytes, Bytes)> = on_host.collect();
        let last = sizes.last().copied();
        sort::distinct(&mut sizes);
        sizes.extend(last);
        sizes
    }

    /// One past the last layer with routed experts.
    fn expert_layers(&self) -> u64 {
        let last = self.experts.iter().rposition(|bytes| *bytes > Bytes::ZERO);
        last.map_or(0, |last| last as u64 + 1)
    }

    /// Splits all layers over devices in proportion to `memory`, by bytes rather than by number:
    /// with the experts of the first `host_experts` layers on the host, layers differ in size.
    fn balance(&self, host_experts: u64, memory: &[Bytes]) -> Vec<u64> {
        let layers = self.layers.iter().zip(&self.experts).enumerate();
        let on_device = |(il, (layer, experts)): (usize, (&Bytes, &Bytes))| {
            if (il as u64) < host_experts { *layer } else { *layer + *experts }
        };
        let sizes: Vec<Bytes> = layers.map(on_device).chain([self.output]).collect();
        let all = u128::from(sizes.iter().copied().sum::<Bytes>().0).max(1);
        let room = u128::from(memory.iter().copied().sum::<Bytes>().0);
        let mut counts = vec![0; memory.len()];
        let (mut device, mut upto) = (0, u128::from(memory.first().map_or(0, |m| m.0)));
        let mut before = 0u128;
        for size in sizes {
            // The middle of the layer decides.
            let middle = before + u128::from(size.0) / 2;
            while device + 1 < memory.len() && middle * room > upto * all {
                device += 1;
                upto += u128::from(memory[device].0);
            }
            counts[device] += 1;
            before += u128::from(size.0);
        }
        counts
    }
}

/// A placement, and the reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The placement.
    pub placement: Placement,
    /// Why this placement was chosen.
    pub reason: PlacementReason,
}

/// Estimates the loads of a placement.
pub trait LoadEstimator {
    /// Returns the loads of `placement`.
    fn loads(&self, placement: &Placement) -> Loads;

    /// Returns a cheap lower bound of the loads of `placement`, without the parts that are slow to
    /// compute.
    fn lower_bound(&self, placement: &Placement) -> Loads;

    /// Returns the loads of `placement`, and what devices hold that is slow to compute.
    fn loads_and_beside(&self, placement: &Placement) -> (Loads, Vec<Beside>);

    /// Returns the least that computing takes on a device, with the output layer or without.
    fn least_computing(&self, has_output: bool) -> Interval<Bytes>;

    /// Returns the load of a device with `share` of the layers, given what it holds beside them.
    fn load_of(&self, share: &Share, on_host: OnHost, beside: Beside) -> Load;

    /// Returns a number that is the same for repeating layers that are equal.
    fn kind(&self, il: u64) -> usize;

    /// Returns a number that is the same where a device copies the same weights from the host.
    fn copied(&self, on_host: OnHost) -> u64;

    /// Returns the layer whose cache layer `il` uses: mostly its own.
    fn cache_layer(&self, il: u64) -> u64 {
        il
    }

    /// Whether computing takes more the more layers a device has.
    fn computes_by_layer(&self) -> bool {
        false
    }

    /// Whether loads are as cheap as their bound.
    fn is_cheap(&self) -> bool {
        false
    }

    /// Whether the loads of `placement` are `good`, a predicate that holds for smaller loads if it
    /// holds for larger ones.
    fn satisfies(&self, good: impl Fn(&Loads) -> bool, placement: &Placement) -> bool {
        good(&self.lower_bound(placement)) && good(&self.loads(placement))
    }
}

/// Finds the placement of `sizes` over devices with `memory` usable bytes each, within the limits
/// of `request`. `estimator` returns the loads of a placement.
///
/// With [`Offload::Auto`], it is the first of these that fits: everything on the devices, split by
/// the engine's rule; everything on the devices, split otherwise; the fewest experts on the host;
/// the most layers on the devices, down to none; first by the high estimates, then by the expected
/// ones. If nothing fits, it is the first of them. The other modes, and a split set by the user, are
/// used as they are.
pub fn solve(
    request: PlacementRequest<'_>,
    sizes: &LayerSizes,
    memory: &[Bytes],
    estimator: &impl LoadEstimator,
) -> Solution {
    let all = sizes.n_layers() + 1;
    if memory.is_empty() {
        return Solution { placement: Placement::cpu(), reason: PlacementReason::Cpu };
    }
    let asked = |layers, host_experts| Solution {
        placement: place(request, sizes, memory, layers, host_experts),
        reason: PlacementReason::Asked,
    };
    match request.offload {
        Offload::Auto => {}
        Offload::None => return asked(all, 0),
        Offload::Experts => return asked(all, sizes.expert_layers()),
        // Of a dense model there are none to leave.
        Offload::ExpertLayers(n) => return asked(all, u64::from(n).min(sizes.expert_layers())),
        Offload::GpuLayers(n) => return asked(u64::from(n).min(all), 0),
    }
    let whole = place(request, sizes, memory, all, 0);
    let divider = Divider::new(estimator, memory.len(), all);
    let is_free = request.is_free(memory) && moves_layers(&whole);
    let other = |standard| match is_free {
        true => divided(&divider, &whole, memory, (estimator, request.is_shared), standard),
        false if request.is_free(memory) => in_proportion(&whole, memory, estimator, standard),
        false => None,
    };
    let nothing = |placement| Solution { placement, reason: PlacementReason::NothingFits };
    if let Effort::OnDevices | Effort::OnDevicesAssumed { .. } = request.effort {
        if estimator.satisfies(Loads::fit, &whole) {
            return Solution { placement: whole, reason: PlacementReason::Fits };
        }
        let rebalanced = |placement| Solution { placement, reason: PlacementReason::Rebalanced };
        return other(SAFE).map_or_else(|| nothing(whole.clone()), rebalanced);
    }
    if estimator.satisfies(Loads::fit_expectedly, &whole) {
        // The engine's own split is left only for one that is safe where it is not.
        if request.is_free(memory)
            && !request.runs_at_all()
            && !estimator.satisfies(Loads::fit, &whole)
            && let Some(placement) = other(SAFE)
        {
            return Solution { placement, reason: PlacementReason::Rebalanced };
        }
        return Solution { placement: whole, reason: PlacementReason::Fits };
    }
    let ram = estimator.lower_bound(&whole).host.usable;
    if sizes.bytes() > memory.iter().copied().sum::<Bytes>() + ram {
        return nothing(whole);
    }
    let is_enough = request.runs_at_all();
    let safe = if is_enough { None } else { other(SAFE) };
    if let Some(placement) = safe.or_else(|| other(EXPECTED)) {
        return Solution { placement, reason: PlacementReason::Rebalanced };
    }
    let search = HostSearch { request, sizes, memory, estimator, divider: &divider, is_free };
    search.solve().unwrap_or_else(|| nothing(whole))
}

/// The compute buffers of the devices, if they are taken for known.
type Assumed = Cell<Option<Vec<Interval<Bytes>>>>;

/// Which layers, or whose experts, are left to the host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Experts,
    Layers,
}

impl Leaves {
    fn on_host(self, n: u64) -> OnHost {
        match self {
            Leaves::Experts => OnHost { layers: 0, experts: n },
            Leaves::Layers => OnHost { layers: n, experts: 0 },
        }
    }

    fn reason(self) -> PlacementReason {
        match self {
            Leaves::Experts => PlacementReason::ExpertsToHost,
            Leaves::Layers => PlacementReason::LayersToHost,
        }
    }
}

/// The search for what has to stay on the host.
struct HostSearch<'a, E> {
    request: PlacementRequest<'a>,
    sizes: &'a LayerSizes,
    memory: &'a [Bytes],
    estimator: &'a E,
    divider: &'a Divider<'a, E>,
    /// Whether layers may be divided otherwise than by the engine's rule.
    is_free: bool,
}

impl<E: LoadEstimator> HostSearch<'_, E> {
    fn all(&self) -> u64 {
        self.sizes.n_layers() + 1
    }

    fn most(&self, leaves: Leaves) -> u64 {
        match leaves {
            Leaves::Experts => self.sizes.expert_layers(),
            Leaves::Layers => self.all(),
        }
    }

    /// The placement as the engine divides it; with experts on the host, by bytes.
    fn placed(&self, leaves: Leaves, n: u64) -> Placement {
        let OnHost { layers, experts } = leaves.on_host(n);
        let (request, sizes, memory) = (self.request, self.sizes, self.memory);
        let mut placement = place(request, sizes, memory, self.all() - layers, experts);
        if leaves == Leaves::Experts && self.is_free {
            placement.device_layers = sizes.balance(n, memory);
        }
        placement
    }

    /// The first placement that relieves the devices, if there is one.
    fn relieving(&self, leaves: Leaves, n: u64, standard: Standard) -> Option<Placement> {
        let placement = self.placed(leaves, n);
        match self.is_free {
            true => self.divider.divide(placement, leaves.on_host(n), standard.room),
            false => {
                let relieves = |loads: &Loads| standard.relieves(loads);
                self.estimator.satisfies(relieves, &placement).then_some(placement)
            }
        }
    }

    /// Whether the devices are relieved if computing takes as much as is known, or nothing.
    fn may_relieve(
        &self,
        leaves: Leaves,
        n: u64,
        standard: Standard,
        computing: Option<&[Interval<Bytes>]>,
    ) -> bool {
        if self.is_free {
            let on_host = leaves.on_host(n);
            let by = if computing.is_some() { By::Likeness } else { By::Stored };
            return self.divider.may_divide(on_host, standard.room, by);
        }
        let computing = computing.unwrap_or_default();
        let bound = self.estimator.lower_bound(&self.placed(leaves, n));
        standard.relieves(&with_compute(bound, computing))
    }

    fn solve(&self) -> Option<Solution> {
        let known = [Cell::new(None), Cell::new(None)];
        let found = |standard: Standard| {
            let [experts, layers] = &known;
            self.least(Leaves::Experts, standard, experts)
                .or_else(|| self.least(Leaves::Layers, standard, layers))
        };
        // What is safe is what is expected, too.
        let is_enough = self.request.runs_at_all();
        let safe = || found(SAFE).or_else(|| self.tried(Leaves::Layers, SAFE));
        let safe = if is_enough { None } else { safe() };
        safe.or_else(|| found(EXPECTED))
            .or_else(|| self.tried(Leaves::Experts, EXPECTED))
            .or_else(|| self.tried(Leaves::Layers, EXPECTED))
    }

    /// The placement with the least on the host, found by halving: the more is on the host, the less
    /// is on the devices, and the first step that relieves them also burdens the RAM least.
    fn least(&self, leaves: Leaves, standard: Standard, assumed: &Assumed) -> Option<Solution> {
        let estimator = self.estimator;
        let high = self.most(leaves);
        if high == 0 {
            return None;
        }
        let last = Cell::new(None);
        let holds = |n| {
            let placement = self.relieving(leaves, n, standard);
            let holds = placement.is_some();
            last.set(placement.or(last.take()));
            holds
        };
        let found = || {
            let placement = last.take()?;
            let fits = estimator.satisfies(standard.machine, &placement);
            fits.then_some(Solution { placement, reason: leaves.reason() })
        };
        if estimator.is_cheap() {
            first_true(1, high, holds)?;
            return found();
        }
        // What is stored says how much has to leave the devices at least, and compute buffers, which
        // are mostly the same wherever layers are, about how much.
        let least = first_true(1, high, |n| self.may_relieve(leaves, n, standard, None))?;
        let placement = self.placed(leaves, least);
        let bound = estimator.lower_bound(&placement);
        // Where the least that has to leave is already too much for the RAM, no graph need be
        // placed. In a shared memory nothing leaves.
        let is_too_much = |bound: &Loads| !self.request.is_shared && !bound.host.fits_expectedly();
        if is_too_much(&bound) {
            return None;
        }
        let known = assumed.take();
        let compute = known.unwrap_or_else(|| match self.is_free {
            true => {
                self.divider.learn(&placement, leaves.on_host(least));
                Vec::new()
            }
            false => beyond(&estimator.loads(&placement), &bound),
        });
        let near = first_true(1, high, |n| self.may_relieve(leaves, n, standard, Some(&compute)));
        let near = near.unwrap_or(high);
        assumed.set(Some(compute));
        // Where the RAM is too small for as much as that, it is for more.
        let bound = estimator.lower_bound(&self.placed(leaves, near));
        if is_too_much(&bound) && (near == 1 || !holds(near - 1)) {
            return None;
        }
        first_true_near(1, high, near, holds)?;
        found()
    }

    /// Where halving finds nothing, every placement that can be asked for is tried: more on the host
    /// need not relieve a device, which gets copies of weights for large batches.
    fn tried(&self, leaves: Leaves, standard: Standard) -> Option<Solution> {
        let high = if self.request.effort == Effort::Thorough { self.most(leaves) } else { 0 };
        // Where the RAM is too small for the least of it, no graph need be placed.
        let runs =
            |n: &u64| self.estimator.lower_bound(&self.placed(leaves, *n)).host.fits_expectedly();
        let mut placements =
            (1..=high).filter(runs).filter_map(|n| self.relieving(leaves, n, standard));
        let fits = |placement: &Placement| self.estimator.satisfies(standard.machine, placement);
        let placement = placements.find(fits)?;
        Some(Solution { placement, reason: leaves.reason() })
    }
}

/// Places `layers` of the model on the devices, with the experts of the first `host_experts` on the
/// host.
pub fn place(
    request: PlacementRequest<'_>,
    sizes: &LayerSizes,
    memory: &[Bytes],
    layers: u64,
    host_experts: u64,
) -> Placement {
    let devices = memory.len();
    // Shares beyond the number of devices are ignored; devices without one get nothing. Only zeros
    // count as no request.
    let shares = request.shares.map(|shares| {
        let given = shares.iter().copied().chain(std::iter::repeat(0)).take(devices);
        given.map(Bytes).collect::<Vec<_>>()
    });
    let shares = shares.filter(|shares| shares.iter().any(|share| *share > Bytes::ZERO));
    let numbers = |shares: &[Bytes]| shares.iter().map(|Bytes(share)| *share).collect();
    let by_layers = || split_with_mtp(layers, sizes.mtp, shares.as_deref().unwrap_or(memory));
    let (device_layers, divided) = match request.split {
        SplitMode::None => {
            let mut counts = vec![0; devices];
            counts[request.main_gpu.min(devices - 1)] = layers;
            (counts, Division::Nothing)
        }
        SplitMode::Auto | SplitMode::Layer => (by_layers(), Division::Layers),
        SplitMode::Row => (by_layers(), by_rows(shares.as_deref().unwrap_or(memory))),
        SplitMode::Tensor => {
            let equal = vec![1; devices];
            (vec![layers], Division::Tensors(shares.as_deref().map_or(equal, numbers)))
        }
    };
    Placement { device_layers, host_expert_layers: host_experts, divided }
}

/// The division of matrices by rows over devices with `memory`.
pub fn by_rows(memory: &[Bytes]) -> Division {
    Division::Rows(memory.iter().map(|Bytes(bytes)| *bytes).collect())
}

/// Whether layers can be moved between devices.
fn moves_layers(placement: &Placement) -> bool {
    matches!(placement.divided, Division::Layers | Division::Rows(_))
}

/// Returns another division of the layers of `whole` over devices with `memory` that fits, if there
/// is one.
fn divided<E: LoadEstimator>(
    divider: &Divider<'_, E>,
    whole: &Placement,
    memory: &[Bytes],
    (estimator, is_shared): (&E, bool),
    standard: Standard,
) -> Option<Placement> {
    let fits = |placement: &Placement| estimator.satisfies(standard.machine, placement);
    let bound = |whole| match estimator.is_cheap() {
        true => estimator.loads(whole),
        false => estimator.lower_bound(whole),
    };
    let ram = is_shared.then(|| SharedRam::new(&bound(whole)));
    // In a memory of its own the host takes about as much, however layers are divided.
    let good = |loads: &Loads| is_shared || loads.host.fits_expectedly();
    let held = (standard.room, ram);
    let placement = divider.divide_well(whole.clone(), OnHost::default(), held, good);
    placement.filter(fits).or_else(|| on_one_device(whole, memory).filter(fits))
}

/// Returns `whole`, whose tensors are split, in proportion to `memory`, if it fits so: equal parts
/// overfill the smaller device.
fn in_proportion(
    whole: &Placement,
    memory: &[Bytes],
    estimator: &impl LoadEstimator,
    standard: Standard,
) -> Option<Placement> {
    let Division::Tensors(_) = whole.divided else { return None };
    // In hundredths.
    let total = memory.iter().copied().sum::<Bytes>().0.max(1);
    let part = |bytes: &Bytes| (u128::from(bytes.0) * 100 / u128::from(total)) as u64;
    let shares = memory.iter().map(part).collect();
    let placement = Placement { divided: Division::Tensors(shares), ..whole.clone() };
    estimator.satisfies(standard.machine, &placement).then_some(placement)
}

/// Returns `whole` on the largest device alone, if it is split by layers: a pipeline keeps several
/// copies of the inputs, which can be more than another device has room for.
fn on_one_device(whole: &Placement, memory: &[Bytes]) -> Option<Placement> {
    let (largest, _) = memory.iter().enumerate().rev().max_by_key(|(_, bytes)| **bytes)?;
    let mut device_layers = vec![0; memory.len()];
    device_layers[largest] = whole.device_layers.iter().sum();
    (whole.divided == Division::Layers).then(|| Placement {
        device_layers,
        divided: Division::Nothing,
        ..whole.clone()
    })
}

/// What each device's load has beyond a lower bound of it.
fn beyond(loads: &Loads, bound: &Loads) -> Vec<Interval<Bytes>> {
    let each = loads.devices.iter().zip(&bound.devices);
    each.map(|(load, bound)| load.used.minus(bound.used)).collect()
}

/// `loads` with `compute` more on each device.
fn with_compute(mut loads: Loads, compute: &[Interval<Bytes>]) -> Loads {
    loads.devices.iter_mut().zip(compute).for_each(|(load, c)| load.used = load.used + *c);
    loads
}

/// The smallest `n` in `low..=high` for which `holds`, a predicate that is false up to some point
/// and true from there on.
fn first_true(low: u64, high: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    (low <= high && holds(high)).then(|| first_between(low, high, holds))
}

/// The same, looked for around `near` in steps that double: two looks where that is right.
fn first_true_near(low: u64, high: u64, near: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    let near = near.clamp(low, high);
    let mut step = 1;
    if holds(near) {
        let mut yes = near;
        while yes > low {
            let below = yes.saturating_sub(step).max(low);
            if !holds(below) {
                return Some(first_between(below + 1, yes, holds));
            }
            (yes, step) = (below, step.saturating_mul(2));
        }
        return Some(yes);
    }
    let mut no = near;
    while no < high {
        let above = no.saturating_add(step).min(high);
        if holds(above) {
            return Some(first_between(no + 1, above, holds));
        }
        (no, step) = (above, step.saturating_mul(2));
    }
    None
}

/// The smallest `n` from `no` to `yes`, which is one, for which `holds`.
fn first_between(mut no: u64, mut yes: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while no < yes {
        let middle = no + (yes - no) / 2;
        if holds(middle) {
            yes = middle;
        } else {
            no = middle + 1;
        }
    }
    yes
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: Bytes = Bytes::gib(1);

    impl<F: Fn(&Placement) -> Loads> LoadEstimator for F {
        fn loads(&self, placement: &Placement) -> Loads {
            self(placement)
        }

        fn lower_bound(&self, placement: &Placement) -> Loads {
            self(placement)
        }

        fn loads_and_beside(&self, placement: &Placement) -> (Loads, Vec<Beside>) {
            (self(placement), vec![Beside::default(); placement.device_layers.len()])
        }

        fn kind(&self, _il: u64) -> usize {
            0
        }

        fn copied(&self, on_host: OnHost) -> u64 {
            on_host.layers.max(on_host.experts)
        }

        fn least_computing(&self, _has_output: bool) -> Interval<Bytes> {
            Interval::default()
        }

        fn load_of(&self, share: &Share, on_host: OnHost, _: Beside) -> Load {
            let Share { device, layers, .. } = share;
            // Which devices hold the layers before and after these does not matter to it.
            let mut device_layers = vec![0; device + 1];
            device_layers[0] += layers.start - on_host.layers;
            device_layers[*device] += layers.end - layers.start;
            device_layers.push(11 - layers.end);
            let host_expert_layers = on_host.experts;
            let placement = Placement { device_layers, host_expert_layers, ..Placement::default() };
            self(&placement).devices[*device]
        }
    }

    /// A model of 10 layers of 1 GiB each, of which experts are 6 tenths, and an output layer of 2
    /// GiB.
    fn estimator(memory: &[Bytes], ram: Bytes) -> impl Fn(&Placement) -> Loads {
        move |placement: &Placement| {
            let on_devices: u64 = placement.device_layers.iter().sum();
            let mut layer = 11 - on_devices;
            let mut host = GIB * layer.min(10) + GIB * u64::from(on_devices == 0) * 2;
            let mut devices = Vec::new();
            for (count, usable) in placement.device_layers.iter().zip(memory) {
                let mut used = Bytes::ZERO;
                for _ in 0..*count {
                    used += if layer == 10 { GIB * 2 } else { GIB };
                    if layer < placement.host_expert_layers {
                        used = used - GIB.scale(0.6);
                        host += GIB.scale(0.6);
                    }
                    layer += 1;
                }
                let used = Interval::around(used, 1.0, 1.01);
                devices.push(Load::new(used, *usable));
            }
            Loads { devices, host: Load::new(Interval::exact(host), ram) }
        }
    }

    const REQUEST: PlacementRequest<'_> = PlacementRequest {
        offload: Offload::Auto,
        split: SplitMode::Auto,
        shares: None,
        main_gpu: 0,
        effort: Effort::Thorough,
        is_shared: false,
    };

    fn sizes(expert_layers: usize) -> LayerSizes {
        let experts = |il| if il < expert_layers { GIB.scale(0.6) } else { Bytes::ZERO };
        let experts: Vec<Bytes> = (0..10).map(experts).collect();
        let layers = experts.iter().map(|experts| GIB - *experts).collect();
        LayerSizes { layers, experts, output: GIB * 2, mtp: 0 }
    }

    fn solved(memory: &[Bytes], ram: Bytes, experts: usize) -> Option<Placement> {
        let Solution { placement, reason } =
            solve(REQUEST, &sizes(experts), memory, &estimator(memory, ram));
        (reason != PlacementReason::NothingFits).then_some(placement)
    }

    fn split(layers: &[u64]) -> Placement {
        Placement { device_layers: layers.to_vec(), ..Placement::default() }
    }

    #[test]
    fn layers_that_are_not_loaded_take_places() {
        // 47 places halved: the second device has 23, of which one is not loaded.
        assert_eq!(split_with_mtp(46, 1, &[GIB, GIB]), [24, 22]);
        assert_eq!(split_with_mtp(46, 0, &[GIB, GIB]), [23, 23]);
        assert_eq!(split_with_mtp(3, 4, &[GIB, GIB, GIB]), [2, 0, 1]);
        assert_eq!(split_with_mtp(1, 2, &[GIB, GIB]), [1, 0]);
    }

    #[test]
    fn the_first_true_is_found_from_anywhere() {
        for (wanted, near) in (1..=12).flat_map(|wanted| (0..14).map(move |near| (wanted, near))) {
            let found = first_true_near(1, 10, near, |n| n >= wanted);
            assert_eq!(found, (wanted <= 10).then_some(wanted), "{wanted} from {near}");
        }
        let looks = Cell::new(0);
        first_true_near(1, 1000, 600, |n| {
            looks.set(looks.get() + 1);
            n >= 600
        });
        assert_eq!(looks.get(), 2);
    }

    #[test]
    fn what_fits_goes_on_the_device() {
        assert_eq!(solved(&[GIB * 13], GIB * 64, 10).unwrap(), split(&[11]));
    }

    #[test]
    fn an_uneven_output_layer_is_levelled_out() {
        // By memory 6 + 5 layers, but the second device also has the 2 GiB output.
        let memory = [GIB * 6 + Bytes(1), GIB * 6 + Bytes(1)];
        assert_eq!(split_by_memory(11, &memory), [6, 5]);
        assert!(estimator(&memory, GIB)(&split(&[6, 5])).fit_expectedly());
        let memory = [GIB * 8, GIB * 5 - Bytes(1)];
        assert_eq!(split_by_memory(11, &memory), [7, 4]);
        assert_eq!(solved(&memory, GIB * 64, 0).unwrap().device_layers, [8, 3]);
    }

    #[test]
    fn experts_leave_before_layers_and_as_few_as_needed() {
        let placement = solved(&[GIB * 10], GIB * 64, 10).unwrap();
        assert_eq!(placement.device_layers, [11]);
        assert_eq!(placement.host_expert_layers, 4);
        assert!(
            !estimator(&[GIB * 10], GIB * 64)(&Placement { host_expert_layers: 3, ..placement })
                .fit()
        );
    }

    #[test]
    fn experts_that_leave_make_room_on_both_devices() {
        // The layers that lose their experts come first; split by number, the second device would
        // get the heavy ones and overflow.
        let memory = [GIB * 5, GIB * 5];
        let placement = solved(&memory, GIB * 64, 10).unwrap();
        assert!(placement.device_layers[0] > placement.device_layers[1], "{placement:?}");
        assert!(placement.host_expert_layers <= 6, "{placement:?}");
    }

    #[test]
    fn a_dense_model_leaves_layers_on_the_host() {
        let placement = solved(&[GIB * 6], GIB * 64, 0).unwrap();
        assert_eq!(placement.device_layers, [4]);
    }

    #[test]
    fn ram_for_a_part_is_enough_when_only_a_part_is_left_over() {
        // All ten layers would not fit in this RAM; the three that must be there do.
        let placement = solved(&[GIB * 10], GIB * 4, 0).unwrap();
        assert_eq!(placement.device_layers, [8]);
    }

    #[test]
    fn nothing_fits_where_the_ram_is_too_small() {
        assert_eq!(solved(&[GIB * 6], GIB, 0), None);
        // A card that holds no layer is left empty.
        assert_eq!(solved(&[GIB], GIB * 64, 0).unwrap().device_layers, [0]);
    }

    #[test]
    fn a_placement_that_is_asked_for_is_taken_as_it_is() {
        let memory = [GIB];
        let solve = |offload| {
            let request = PlacementRequest { offload, ..REQUEST };
            solve(request, &sizes(10), &memory, &estimator(&memory, GIB)).placement
        };
        assert_eq!(solve(Offload::None), split(&[11]));
        assert_eq!(solve(Offload::GpuLayers(99)).device_layers, [11]);
        assert_eq!(solve(Offload::GpuLayers(3)).device_layers, [3]);
        assert_eq!(solve(Offload::Experts).host_expert_layers, 10);
    }

    #[test]
    fn a_split_that_is_asked_for_is_taken_as_it_is() {
        let memory = [GIB * 24, GIB * 12];
        let place = |split, shares: Option<&[u64]>| {
            let request = PlacementRequest { split, shares, main_gpu: 1, ..REQUEST };
            place(request, &sizes(0), &memory, 11, 0)
        };
        assert_eq!(place(SplitMode::Layer, Some(&[1, 1])).device_layers, [6, 5]);
        assert_eq!(place(SplitMode::Layer, Some(&[1])).device_layers, [11, 0]);
        // Only zeros count as no request, and shares beyond the number of devices are ignored.
        assert_eq!(place(SplitMode::Layer, Some(&[0, 0])).device_layers, [8, 3]);
        assert_eq!(place(SplitMode::Layer, Some(&[1, 1, 9])).device_layers, [6, 5]);
        assert_eq!(place(SplitMode::None, None).device_layers, [0, 11]);
        let tensors = place(SplitMode::Tensor, None);
        assert_eq!(tensors.device_layers, [11]);
        assert_eq!(tensors.divided, Division::Tensors(vec![1, 1]));
        let rows = place(SplitMode::Row, Some(&[3, 1]));
        assert_eq!((rows.device_layers, rows.divided), (vec![9, 2], Division::Rows(vec![3, 1])));
    }
}
