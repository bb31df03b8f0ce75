//! The search for a division of layers over devices that fits.
//!
//! Devices hold layers in order, so a division is a list of cuts. Filling one device after the other
//! with as many layers as leave it some room finds a division with that room wherever there is one,
//! since fewer layers never take more; halving finds the most room. What is stored is a sum over
//! layers. Only what computing takes needs a graph, one for all devices of a division. It follows from
//! the kinds of layers on a device, wherever the cuts are, so a graph or two tell it; in sparse
//! attention, whose layers hold memory before they are computed, from their number, too.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use super::key_hash::KeyHash;
use super::placement::Placement;
use super::placement_solver::LoadEstimator;
use crate::hardware::{Load, Loads};
use crate::units::{Bytes, Interval};

/// What stays on the host: the first layers, and the experts of the first layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnHost {
    /// Number of layers, where the output layer is the last.
    pub layers: u64,
    /// Number of layers whose routed experts stay.
    pub experts: u64,
}

impl OnHost {
    /// Whether computing takes about the same: a pipeline keeps copies of inputs, and weights on the
    /// host are copied.
    fn is_like(self, other: OnHost) -> bool {
        (self.layers > 0, self.experts > 0) == (other.layers > 0, other.experts > 0)
    }
}

/// A run of layers on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Index of the device.
    pub device: usize,
    /// The layers, where the output layer is the last.
    pub layers: Range<u64>,
    /// Whether the output layer is one of them.
    pub has_output: bool,
}

/// What the load of a device is held to: its room, negative if there is none.
pub type Room = fn(&Load) -> i64;

/// Divisions that are looked at with a graph of their own before the search gives up.
const GRAPHS: usize = 16;

/// How often the room that every device is left with is halved: to 1 in 4,096 of a device's memory.
const HALVINGS: usize = 12;

/// By how much less computing may take with other layers of the same kinds: their order leaves other
/// gaps, up to 4 % in Jamba, and a single one leaves none.
const ELSEWHERE: f64 = 0.125;

/// What a device holds beside what is stored of its layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// What computing takes.
    pub computing: Interval<Bytes>,
    /// Add-ons that do not follow the layers.
    pub addons: Interval<Bytes>,
}

/// What is taken for known of computing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Nothing: what is stored alone counts.
    Stored,
    /// What graphs told that holds here, too.
    Proof,
    /// What graphs told, also of the device that computes what is on the host with other layers there.
    Likeness,
}

/// The RAM of machines that share one with a device each: the fullest device has to leave room for
/// what their hosts take.
#[derive(Clone, Copy, Debug)]
pub struct SharedRam {
    usable: Bytes,
    /// What the host takes without computing.
    stored: Bytes,
    /// What it took beyond that, at least.
    beyond: Option<Bytes>,
}

impl SharedRam {
    /// The RAM under `bound`, loads without what computing takes.
    pub fn new(bound: &Loads) -> SharedRam {
        SharedRam { usable: bound.host.usable, stored: of_host(bound), beyond: None }
    }

    /// Bytes left to the fullest device.
    fn left(self, by: By) -> Bytes {
        let beyond = self.beyond.unwrap_or_default();
        let beyond = match by {
            By::Stored => Bytes::ZERO,
            By::Proof => beyond.scale(1.0 - ELSEWHERE),
            By::Likeness => beyond,
        };
        self.usable - self.stored - beyond
    }

    /// Learns what the host took with `loads`, and returns whether they leave enough.
    fn learn(&mut self, loads: &Loads) -> bool {
        let beyond = of_host(loads) - self.stored;
        self.beyond = Some(self.beyond.map_or(beyond, |least| least.min(beyond)));
        loads.host.fits_expectedly()
    }
}

/// What a host takes itself of a memory that each device shares with one.
fn of_host(loads: &Loads) -> Bytes {
    let fullest = loads.devices.iter().map(|load| load.used.expected).max();
    loads.host.used.expected - fullest.unwrap_or_default()
}

/// Finds divisions of one model's layers over the devices of one machine.
pub struct Divider<'a, E> {
    estimator: &'a E,
    devices: usize,
    /// Number of layers with the output layer.
    layers: u64,
    /// The kind of each repeating layer, the layer whose cache it uses, and where the layers after it
    /// that are of its kind and use their own end.
    kinds: Vec<(usize, u64, u64)>,
    /// Layers whose caches others read: one on another device gets a copy.
    lenders: Vec<u64>,
    known: RefCell<Vec<Known>>,
}

/// What a graph told of a run of layers.
#[derive(PartialEq, Eq)]
struct Known {
    on_host: OnHost,
    share: Share,
    /// The kinds of its layers.
    kinds: Kinds,
    /// What is copied from the host: see [`LoadEstimator::copied`].
    copied: u64,
    beside: Beside,
}

/// What computing on a device depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The first device, which also computes what is on the host.
    First,
    /// A repeating layer.
    Layer {
        kind: usize,
        has_host_experts: bool,
        /// Whether it reads the cache of a layer before those of its device.
        borrows: bool,
    },
    /// The output layer.
    Output,
}

/// The kinds on a device, in the order in which they come first.
#[derive(Clone, Default, PartialEq, Eq)]
struct Kinds(Vec<Kind>);

impl Kinds {
    fn add(&mut self, kind: Kind) {
        if !self.0.contains(&kind) {
            self.0.push(kind);
        }
    }

    fn is_like(&self, other: &Kinds) -> bool {
        self.0.len() == other.0.len() && self.is_within(other)
    }

    fn is_within(&self, other: &Kinds) -> bool {
        self.0.iter().all(|kind| other.0.contains(kind))
    }
}

impl<'a, E: LoadEstimator> Divider<'a, E> {
    /// Divides `layers` layers, of which the output layer is the last, over `devices` devices.
    pub fn new(estimator: &'a E, devices: usize, layers: u64) -> Divider<'a, E> {
        let repeating = layers.saturating_sub(1);
        let mut lenders = Vec::new();
        let mut kinds: Vec<(usize, u64, u64)> = Vec::with_capacity(repeating as usize);
        for il in (0..repeating).rev() {
            let (kind, cache) = (estimator.kind(il), estimator.cache_layer(il));
            if cache != il && !lenders.contains(&cache) {
                lenders.push(cache);
            }
            let end = match kinds.last() {
                Some((next, at, end)) if (*next, *at, cache) == (kind, il + 1, il) => *end,
                _ => il + 1,
            };
            kinds.push((kind, cache, end));
        }
        kinds.reverse();
        Divider { estimator, devices, layers, kinds, lenders, known: RefCell::default() }
    }

    fn share(&self, device: usize, layers: Range<u64>) -> Share {
        let has_output = !layers.is_empty() && layers.end == self.layers;
        Share { device, layers, has_output }
    }

    /// The runs of layers of `placement`.
    fn shares<'p>(&'p self, placement: &'p Placement) -> impl Iterator<Item = Share> + 'p {
        let on_devices: u64 = placement.device_layers.iter().sum();
        let mut start = self.layers.saturating_sub(on_devices);
        placement.device_layers.iter().enumerate().map(move |(device, count)| {
            let layers = start..start + count;
            start = layers.end;
            self.share(device, layers)
        })
    }

    /// What a layer adds to the kinds of a device whose first layer is `start`, and where layers that
    /// add the same end.
    fn kind(&self, il: u64, start: u64, on_host: OnHost) -> (Kind, u64) {
        let Some((kind, cache, end)) = self.kinds.get(il as usize).copied() else {
            return (Kind::Output, il + 1);
        };
        let has_host_experts = il < on_host.experts;
        let end = if has_host_experts { end.min(on_host.experts) } else { end };
        (Kind::Layer { kind, has_host_experts, borrows: cache < start }, end)
    }

    /// What a device is before it has layers.
    fn no_kinds(&self, device: usize) -> Kinds {
        Kinds(if device == 0 { vec![Kind::First] } else { Vec::new() })
    }

    fn kinds(&self, share: &Share, on_host: OnHost) -> Kinds {
        let mut kinds = self.no_kinds(share.device);
        let Range { start, end } = share.layers;
        let mut il = start;
        while il < end {
            let (kind, upto) = self.kind(il, start, on_host);
            kinds.add(kind);
            il = upto;
        }
        kinds
    }

    /// Returns a division that leaves every device `room`, with the layers `on_host` left out; `first`
    /// if that is one. `None` if there is none.
    pub fn divide(&self, first: Placement, on_host: OnHost, room: Room) -> Option<Placement> {
        self.divide_well(first, on_host, (room, None), |_| true)
    }

    /// The same, with `ram` and loads that are `good`, which those of all divisions are or none.
    pub fn divide_well(
        &self,
        first: Placement,
        on_host: OnHost,
        (room, mut ram): (Room, Option<SharedRam>),
        good: impl Fn(&Loads) -> bool,
    ) -> Option<Placement> {
        let place = |counts| Placement { device_layers: counts, ..first.clone() };
        let with = |left, by| Rooms { left, ..Rooms::new(self, on_host, room, by) };
        let by = |ram: Option<SharedRam>, by| with(ram.map(|ram| ram.left(by)), by);
        let stored = by(ram, By::Stored);
        if self.estimator.is_cheap() {
            let is_first = stored.has_room(&first);
            return if is_first { Some(first) } else { stored.level().map(place) };
        }
        stored.fill(0).ok()?;
        let level = |ram: Option<SharedRam>| {
            // What the host takes is told by one division, what each device does is not: where the
            // RAM is too small, others are looked for that leave as much of it as that.
            let in_likely_ram = || with(Some(ram?.left(By::Likeness)), By::Proof).level();
            let likely = by(ram, By::Likeness).level().or_else(in_likely_ram);
            likely.or_else(|| by(ram, By::Proof).level()).map(place)
        };
        let mut placement = match by(ram, By::Proof).has_room(&first) {
            true => first.clone(),
            false => level(ram)?,
        };
        for _ in 0..GRAPHS {
            let was_known = self.is_known(&placement, on_host);
            let loads = self.look(&placement, on_host);
            if !good(&loads) {
                return None;
            }
            let is_left = ram.as_mut().is_none_or(|ram| ram.learn(&loads));
            if is_left && loads.devices.iter().all(|load| room(load) >= 0) {
                return Some(placement);
            }
            let next = level(ram)?;
            if was_known && next == placement {
                return None;
            }
            placement = next;
        }
        None
    }

    /// Whether some division leaves every device `room` if computing takes what is known of it.
    pub fn may_divide(&self, on_host: OnHost, room: Room, by: By) -> bool {
        Rooms::new(self, on_host, room, by).fill(0).is_ok()
    }

    /// Learns what computing takes under `placement`, unless a placement like it is known.
    pub fn learn(&self, placement: &Placement, on_host: OnHost) {
        let is_known = |known: &Known| known.on_host.is_like(on_host);
        if !self.known.borrow().iter().any(is_known) {
            self.look(placement, on_host);
        }
    }

    /// Loads under `placement`, of which is remembered what is not stored.
    fn look(&self, placement: &Placement, on_host: OnHost) -> Loads {
        let (loads, beside) = self.estimator.loads_and_beside(placement);
        let mut known = self.known.borrow_mut();
        let copied = self.estimator.copied(on_host);
        for (share, beside) in self.shares(placement).zip(beside) {
            let kinds = self.kinds(&share, on_host);
            let found = Known { on_host, share, kinds, copied, beside };
            if !known.contains(&found) {
                known.push(found);
            }
        }
        loads
    }

    /// Whether all of `placement` was looked at.
    fn is_known(&self, placement: &Placement, on_host: OnHost) -> bool {
        let known = self.known.borrow();
        let is_known = |share: Share| {
            known.iter().any(|known| known.on_host == on_host && known.share == share)
        };
        self.shares(placement).all(is_known)
    }
}

/// Where layers end, or how many they are, and what computing takes with them.
type Run = (u64, Interval<Bytes>);

/// The rooms of devices, if computing takes what is known of it.
struct Rooms<'a, E> {
    divider: &'a Divider<'a, E>,
    on_host: OnHost,
    room: Room,
    by: By,
    /// What computing takes with layers for which it is known: by the first of them and whether they
    /// are on the first device, where they end, and what it takes.
    exact: HashMap<(bool, u64), Vec<Run>, KeyHash>,
    /// The least that it took with these kinds, and no others.
    sets: Vec<(Kinds, Took)>,
    /// The least that it took with each kind, and maybe others.
    kinds: Vec<(Kind, Took)>,
    /// Add-ons of each device, without the output layer and with it.
    addons: Vec<[Interval<Bytes>; 2]>,
    /// See [`LoadEstimator::computes_by_layer`].
    computes_by_layer: bool,
    /// What is left to each device of a RAM that it shares with its host.
    left: Option<Bytes>,
}

/// What computing took with some layers.
#[derive(Clone, Copy, Default)]
struct Took {
    least: Interval<Bytes>,
    /// Its least with the fewest layers, and with the most.
    few: Run,
    many: Run,
}

impl Took {
    fn new(computing: Interval<Bytes>, layers: u64) -> Took {
        Took { least: computing, few: (layers, computing), many: (layers, computing) }
    }

    fn add(&mut self, computing: Interval<Bytes>, layers: u64) {
        let is_less = |than: Interval<Bytes>| computing.expected < than.expected;
        if is_less(self.least) {
            self.least = computing;
        }
        if layers < self.few.0 || layers == self.few.0 && is_less(self.few.1) {
            self.few = (layers, computing);
        }
        if layers > self.many.0 || layers == self.many.0 && is_less(self.many.1) {
            self.many = (layers, computing);
        }
    }

    /// What it takes with so many layers, of which each takes the same: on the line through the fewest
    /// and the most. If these are one, in proportion; for a `bound` no more than with more layers.
    fn with(self, layers: u64, is_bound: bool) -> Interval<Bytes> {
        let (few, many) = (self.few, self.many);
        if few.0 == many.0 {
            let ratio = if few.0 == 0 { 1.0 } else { layers as f64 / few.0 as f64 };
            let ratio = if is_bound { ratio.min(1.0) } else { ratio };
            return few.1.map(|bytes| bytes.scale(ratio));
        }
        let at = (layers as f64 - few.0 as f64) / (many.0 - few.0) as f64;
        let along = |few: Bytes, many: Bytes| {
            let (few, many) = (few.0 as f64, many.0 as f64);
            Bytes((few + (many - few) * at) as u64)
        };
        Interval {
            low: along(few.1.low, many.1.low),
            expected: along(few.1.expected, many.1.expected),
            high: along(few.1.high, many.1.high),
        }
    }
}

impl<'a, E: LoadEstimator> Rooms<'a, E> {
    fn new(divider: &'a Divider<'a, E>, on_host: OnHost, room: Room, by: By) -> Rooms<'a, E> {
        let mut rooms = Rooms {
            divider,
            on_host,
            room,
            by,
            exact: HashMap::default(),
            sets: Vec::new(),
            kinds: Vec::new(),
            addons: vec![Default::default(); divider.devices],
            computes_by_layer: divider.estimator.computes_by_layer(),
            left: None,
        };
        let all = divider.known.borrow();
        let copied = match by {
            By::Proof if !all.is_empty() => divider.estimator.copied(on_host),
            _ => 0,
        };
        let alike = all.iter().filter(|one| match by {
            By::Stored => false,
            By::Likeness => one.on_host.is_like(on_host),
            // What the first device copies from the host is not the same with other layers there.
            By::Proof => {
                let is_copied_alike = one.on_host == on_host || one.copied == copied;
                one.on_host.is_like(on_host) && (one.share.device > 0 || is_copied_alike)
            }
        });
        for Known { on_host: other, share, kinds, beside, .. } in alike {
            let Beside { computing, addons } = *beside;
            if *other == on_host {
                let Range { start, end } = share.layers;
                let run = rooms.exact.entry((share.device == 0, start)).or_default();
                run.push((end, computing));
            }
            let layers = share.layers.end - share.layers.start;
            match rooms.sets.iter_mut().find(|(set, _)| set.is_like(kinds)) {
                Some((_, took)) => took.add(computing, layers),
                None => rooms.sets.push((kinds.clone(), Took::new(computing, layers))),
            }
            for kind in &kinds.0 {
                match rooms.kinds.iter_mut().find(|(one, _)| one == kind) {
                    Some((_, took)) => took.add(computing, layers),
                    None => rooms.kinds.push((*kind, Took::new(computing, layers))),
                }
            }
            let [without, with] = &mut rooms.addons[share.device];
            *(if share.has_output { with } else { without }) = addons;
        }
        // Of devices that had the output layer nowhere, that of another is taken.
        let most = rooms.addons.iter().map(|[_, with]| *with).max_by_key(|with| with.expected);
        for [without, with] in &mut rooms.addons {
            if with.expected == Bytes::ZERO {
                let more = most.unwrap_or_default();
                *with = if more.expected > without.expected { more } else { *without };
            }
        }
        rooms
    }

    /// What computing is taken to take on a device with these kinds: what it took with them, or else
    /// with each of them and others; for a proof, at least what it took with some of them alone.
    fn took(&self, kinds: &Kinds) -> Took {
        let most = |each: &mut dyn Iterator<Item = Took>| {
            each.max_by_key(|took| took.least.expected).unwrap_or_default()
        };
        let same = self.sets.iter().find(|(set, _)| set.is_like(kinds));
        match (self.by, same) {
            (By::Stored, _) => Took::default(),
            (By::Proof, _) => {
                let some = self.sets.iter().filter(|(set, _)| set.is_within(kinds));
                most(&mut some.map(|(_, took)| *took))
            }
            (By::Likeness, Some((_, took))) => *took,
            (By::Likeness, None) => {
                let known = self.kinds.iter().filter(|(kind, _)| kinds.0.contains(kind));
                most(&mut known.map(|(_, took)| *took))
            }
        }
    }

    /// What computing is taken to take with so many layers, given what it `took`.
    fn computing(&self, took: Took, layers: u64) -> Interval<Bytes> {
        let is_bound = self.by == By::Proof;
        let computing = match self.computes_by_layer {
            true => took.with(layers, is_bound),
            false => took.least,
        };
        match is_bound {
            true => computing.map(|bytes| bytes.scale(1.0 - ELSEWHERE)),
            false => computing,
        }
    }

    /// The room of a device with `share` of the layers, if computing takes as much as that; unless it
    /// is known.
    fn room(&self, share: &Share, computing: Interval<Bytes>) -> i64 {
        let Share { device, layers, .. } = share;
        let mut exact = self.known_from(*device, layers.start).iter();
        let exact = exact.find(|(end, _)| *end == layers.end);
        let computing = exact.map_or(computing, |(_, computing)| *computing);
        let least = self.divider.estimator.least_computing(share.has_output);
        let computing = if computing.high < least.high { least } else { computing };
        let addons = self.addons[*device][usize::from(share.has_output)];
        let beside = Beside { computing, addons };
        let load = self.divider.estimator.load_of(share, self.on_host, beside);
        let left = self.left.map_or(i64::MAX, |left| left.minus(load.used.expected));
        (self.room)(&load).min(left)
    }

    /// Where layers on `device` from `start` on end for which it is known what computing takes.
    fn known_from(&self, device: usize, start: u64) -> &[Run] {
        self.exact.get(&(device == 0, start)).map_or(&[], Vec::as_slice)
    }

    fn has_room(&self, placement: &Placement) -> bool {
        self.divider.shares(placement).all(|share| {
            let took = self.took(&self.divider.kinds(&share, self.on_host));
            let layers = share.layers.end - share.layers.start;
            self.room(&share, self.computing(took, layers)) >= 0
        })
    }

    /// The first layer on a device.
    fn start(&self) -> u64 {
        self.on_host.layers.min(self.divider.layers)
    }

    /// The room of a device without layers.
    fn empty(&self, device: usize, start: u64) -> i64 {
        let took = self.took(&self.divider.no_kinds(device));
        self.room(&self.divider.share(device, start..start), self.computing(took, 0))
    }

    /// Layers on each device that leave it `least` bytes.
    fn fill(&self, least: i64) -> Result<Filled, Short> {
        // A device may be better left before a layer whose cache those after it read.
        let mut short = match self.fill_up(least, None) {
            Err(short) => short,
            filled => return filled,
        };
        for stop in &self.divider.lenders {
            match self.fill_up(least, Some(*stop)) {
                Err(other) => short.next = short.next.max(other.next),
                filled => return filled,
            }
        }
        Err(short)
    }

    /// The same with as many layers on each device as there is room for, but no device that has
    /// layers before `stop` has that one.
    fn fill_up(&self, least: i64, stop: Option<u64>) -> Result<Filled, Short> {
        let Divider { devices, layers, .. } = *self.divider;
        let mut start = self.start();
        let mut filled = Filled { counts: Vec::with_capacity(devices), room: i64::MAX };
        let mut short = Short { next: i64::MIN };
        for device in 0..devices {
            let limit = stop.filter(|stop| *stop > start).unwrap_or(layers).min(layers);
            // Devices of a kind mostly hold the same number of layers.
            let near = filled.counts.last().map_or(0, |count| start + count);
            let (end, room, next) = self.reach(device, start..limit, near, least);
            let room = if end > start { room } else { self.empty(device, start) };
            short.next = short.next.max(next);
            if room < least {
                return Err(Short { next: short.next.max(room) });
            }
            filled.counts.push(end - start);
            filled.room = filled.room.min(room);
            start = end;
        }
        if start == layers { Ok(filled) } else { Err(short) }
    }

    /// Where the first of `layers` end that leave `device` `least` bytes, the room with these, and that
    /// with one more. They are looked for around `near`.
    fn reach(&self, device: usize, layers: Range<u64>, near: u64, least: i64) -> (u64, i64, i64) {
        let Range { start, end: limit } = layers;
        let room =
            |end: u64, computing| self.room(&self.divider.share(device, start..end), computing);
        let (mut end, mut left, mut next) = (start, i64::MAX, i64::MIN);
        // What is known counts for more and for fewer layers, too.
        let (mut most, mut surely) = (limit, None);
        for (known, computing) in self.known_from(device, start) {
            if *known > start && *known <= limit {
                match room(*known, *computing) {
                    left if left >= least => surely = surely.max(Some((*known, left))),
                    left if *known <= most => (most, next) = (*known - 1, left),
                    _ => {}
                }
            }
        }
        let mut kinds = self.divider.no_kinds(device);
        while end < most {
            // Computing takes the same up to the next kind of layer.
            let mut upto = end;
            while upto < most {
                let (kind, same) = self.divider.kind(upto, start, self.on_host);
                if upto > end && !kinds.0.contains(&kind) {
                    break;
                }
                kinds.add(kind);
                upto = same.min(most);
            }
            let took = self.took(&kinds);
            let room = |end: u64| room(end, self.computing(took, end - start));
            // As many as hold, and one more that does not, end the search here.
            let mut is_short = false;
            for middle in [near, near + 1] {
                if middle > end && middle < upto && !is_short {
                    match room(middle) {
                        there if there >= least => (end, left) = (middle, there),
                        there => (upto, next, is_short) = (middle, there, true),
                    }
                }
            }
            if !is_short {
                let there = room(upto);
                if there >= least {
                    (end, left) = (upto, there);
                    continue;
                }
                next = there;
            }
            while end + 1 < upto {
                let middle = end.midpoint(upto);
                match room(middle) {
                    there if there >= least => (end, left) = (middle, there),
                    there => (upto, next) = (middle, there),
                }
            }
            break;
        }
        match surely {
            Some((known, room)) if known > end && known <= most => (known, room, next),
            _ => (end, left, next),
        }
    }

    /// Layers on each device so that the fullest has as much room as possible; `None` if it has less
    /// than none.
    fn level(&self) -> Option<Vec<u64>> {
        let mut best = self.fill(0).ok()?;
        let start = self.start();
        let most = (0..self.divider.devices).map(|device| self.empty(device, start)).min()?;
        let mut high = most.saturating_add(1);
        for _ in 0..HALVINGS {
            if best.room.saturating_add(1) >= high {
                break;
            }
            let middle = best.room.midpoint(high);
            match self.fill(middle) {
                Ok(filled) => best = filled,
                Err(Short { next }) => high = next.saturating_add(1).min(middle),
            }
        }
        Some(best.counts)
    }
}

/// Layers on each device.
struct Filled {
    counts: Vec<u64>,
    /// The room of the fullest device.
    room: i64,
}

/// Devices that do not hold all layers.
struct Short {
    /// The most room that would let one of them hold more.
    next: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Layers of different sizes, of which some share one cache: where one reads it on another device,
    /// computing takes a copy.
    struct Layers {
        sizes: Vec<u64>,
        memory: Vec<u64>,
        lender: u64,
        copy: u64,
    }

    impl Layers {
        fn cache_of(&self, il: u64) -> u64 {
            let borrows = il > self.lender && il + 1 < self.sizes.len() as u64;
            if borrows && il.is_multiple_of(2) { self.lender } else { il }
        }

        fn computing(&self, layers: &Range<u64>) -> u64 {
            let copies = layers.clone().any(|il| self.cache_of(il) < layers.start);
            let output = u64::from(layers.end == self.sizes.len() as u64 && !layers.is_empty());
            u64::from(!layers.is_empty()) + 3 * output + if copies { self.copy } else { 0 }
        }

        fn load(&self, device: usize, layers: &Range<u64>, computing: u64) -> Load {
            let stored: u64 = layers.clone().map(|il| self.sizes[il as usize]).sum();
            Load::new(Interval::exact(Bytes(stored + computing)), Bytes(self.memory[device]))
        }
    }

    impl LoadEstimator for Layers {
        fn loads(&self, placement: &Placement) -> Loads {
            let mut start = 0;
            let devices = placement.device_layers.iter().enumerate().map(|(device, count)| {
                let layers = start..start + count;
                start = layers.end;
                self.load(device, &layers, self.computing(&layers))
            });
            let devices = devices.collect();
            Loads { devices, host: Load::new(Interval::default(), Bytes::ZERO) }
        }

        fn lower_bound(&self, placement: &Placement) -> Loads {
            self.loads(placement)
        }

        fn loads_and_beside(&self, placement: &Placement) -> (Loads, Vec<Beside>) {
            let mut start = 0;
            let beside = placement.device_layers.iter().map(|count| {
                let layers = start..start + count;
                start = layers.end;
                let computing = Interval::exact(Bytes(self.computing(&layers)));
                Beside { computing, ..Beside::default() }
            });
            (self.loads(placement), beside.collect())
        }

        fn least_computing(&self, _has_output: bool) -> Interval<Bytes> {
            Interval::default()
        }

        fn load_of(&self, share: &Share, _on_host: OnHost, beside: Beside) -> Load {
            self.load(share.device, &share.layers, beside.computing.expected.0)
        }

        fn kind(&self, il: u64) -> usize {
            usize::from(self.cache_of(il) != il)
        }

        fn copied(&self, _on_host: OnHost) -> u64 {
            0
        }

        fn cache_layer(&self, il: u64) -> u64 {
            self.cache_of(il)
        }
    }

    /// Every division of `layers` over `devices`.
    fn all_divisions(layers: u64, devices: usize) -> Vec<Vec<u64>> {
        if devices == 1 {
            return vec![vec![layers]];
        }
        let first = 0..=layers;
        let with = |count| {
            let rest = all_divisions(layers - count, devices - 1).into_iter();
            rest.map(move |rest| std::iter::once(count).chain(rest).collect())
        };
        first.flat_map(with).collect()
    }

    #[test]
    fn a_division_is_found_wherever_there_is_one() {
        let mut state = 7u64;
        let mut draw = move |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let (mut found, mut missing) = (0, 0);
        for _ in 0..400 {
            let layers = 6 + draw(4);
            let sizes: Vec<u64> = (0..layers).map(|_| 2 + draw(9)).collect();
            let devices = 2 + draw(3) as usize;
            let fair = sizes.iter().sum::<u64>() / devices as u64;
            let memory = (0..devices).map(|_| fair / 2 + draw(fair + 4)).collect();
            let (lender, copy) = (draw(layers), draw(12));
            let estimator = Layers { sizes, memory, lender, copy };
            let divider = Divider::new(&estimator, devices, layers);
            let room: Room = |load| load.usable.minus(load.used.expected);
            let place = |device_layers| Placement { device_layers, ..Placement::default() };
            let fits = |placement: &Placement| {
                estimator.loads(placement).devices.iter().all(|load| room(load) >= 0)
            };
            let mut first = vec![0; devices];
            first[0] = layers;
            let solved = divider.divide(place(first), OnHost::default(), room);
            let exists = all_divisions(layers, devices).into_iter().map(place).any(|p| fits(&p));
            assert_eq!(solved.is_some(), exists, "{:?} {:?}", estimator.sizes, estimator.memory);
            assert!(solved.is_none_or(|placement| fits(&placement)));
            *(if exists { &mut found } else { &mut missing }) += 1;
        }
        assert!(found > 50 && missing > 50, "{found} have one, {missing} have none");
    }

    #[test]
    fn devices_are_left_with_room_as_even_as_can_be() {
        let sizes = vec![4; 12];
        let estimator = Layers { sizes, memory: vec![40, 20, 60], lender: 11, copy: 0 };
        let divider = Divider::new(&estimator, 3, 12);
        let room: Room = |load| load.usable.minus(load.used.expected);
        let first = Placement { device_layers: vec![0, 12, 0], ..Placement::default() };
        let placement = divider.divide(first, OnHost::default(), room).unwrap();
        let least = |placement: &Placement| {
            estimator.loads(placement).devices.iter().map(room).min().unwrap()
        };
        let best = all_divisions(12, 3)
            .into_iter()
            .map(|device_layers| least(&Placement { device_layers, ..Placement::default() }));
        // What computing takes is known once there is a graph: 4 at most.
        assert!(least(&placement) + 4 >= best.max().unwrap(), "{placement:?}");
    }
}
