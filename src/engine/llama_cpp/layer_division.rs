//! The search for a division of layers over devices that fits.
//!
//! Devices hold layers in order, so a division is a list of cuts. Filling one device after the other
//! with as many layers as leave it some room finds a division with that room wherever there is one,
//! since fewer layers never take more; halving finds the most room. What is stored is a sum over
//! layers. Only what computing takes needs a graph, one for all devices of a division: it is mostly
//! the same wherever the cuts are, so a graph or two tell it.

use std::cell::RefCell;
use std::ops::Range;

use super::placement::Placement;
use super::placement_solver::LoadEstimator;
use crate::hardware::Load;
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
const GRAPHS: usize = 8;

/// How often the room that every device is left with is halved: to 1 in 4,096 of a device's memory.
const HALVINGS: usize = 12;

/// Finds divisions of one model's layers over the devices of one machine.
pub struct Divider<'a, E> {
    estimator: &'a E,
    devices: usize,
    /// Number of layers with the output layer.
    layers: u64,
    /// What computing was found to take.
    known: RefCell<Vec<Known>>,
}

/// What computing takes on a device with a run of layers, beside what is stored.
struct Known {
    on_host: OnHost,
    share: Share,
    computing: Interval<Bytes>,
}

/// What computing is taken to take on a device.
#[derive(Clone, Default)]
struct Guess {
    /// Without layers, with some, and with the output layer among them.
    kinds: [Interval<Bytes>; 3],
    /// With layers for which it is known.
    exact: Vec<(Range<u64>, Interval<Bytes>)>,
}

impl Guess {
    fn of(&self, share: &Share) -> Interval<Bytes> {
        let exact = self.exact.iter().find(|(layers, _)| *layers == share.layers);
        exact.map_or(self.kinds[kind(share)], |(_, computing)| *computing)
    }
}

/// What computing depends on most.
fn kind(share: &Share) -> usize {
    if share.layers.is_empty() { 0 } else { 1 + usize::from(share.has_output) }
}

/// What is taken for known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// That computing takes nothing.
    Stored,
    /// What it took in the last graph.
    Last,
    /// The least that it took in any graph.
    Least,
}

impl<'a, E: LoadEstimator> Divider<'a, E> {
    pub fn new(estimator: &'a E, devices: usize, layers: u64) -> Divider<'a, E> {
        Divider { estimator, devices, layers, known: RefCell::default() }
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

    /// Returns a division that leaves every device `room`, with the layers `on_host` left out; `first`
    /// if that is one. `None` if there is none.
    pub fn divide(&self, first: Placement, on_host: OnHost, room: Room) -> Option<Placement> {
        let by_stored =
            Loading { divider: self, on_host, room, guesses: self.guesses(on_host, By::Stored) };
        let place = |counts| Placement { device_layers: counts, ..first.clone() };
        if self.estimator.is_cheap() {
            let is_first = by_stored.has_room(&first);
            return if is_first { Some(first) } else { by_stored.level().map(place) };
        }
        by_stored.fill(0)?;
        let by = |by| Loading { guesses: self.guesses(on_host, by), ..by_stored };
        let by_guess = || by(By::Last).level().or_else(|| by(By::Least).level()).map(place);
        let mut placement = match by(By::Last).has_room(&first) {
            true => first.clone(),
            false => by_guess()?,
        };
        for _ in 0..GRAPHS {
            if self.is_known(&placement, on_host) {
                return None;
            }
            if self.look(&placement, on_host).iter().all(|load| room(load) >= 0) {
                return Some(placement);
            }
            placement = by_guess()?;
        }
        None
    }

    /// Whether some division leaves every device `room` if computing takes what is `known` of it, or
    /// nothing.
    pub fn may_divide(&self, on_host: OnHost, room: Room, known: bool) -> bool {
        let guesses = self.guesses(on_host, if known { By::Last } else { By::Stored });
        Loading { divider: self, on_host, room, guesses }.fill(0).is_some()
    }

    /// Learns what computing takes under `placement`, unless a placement like it is known.
    pub fn learn(&self, placement: &Placement, on_host: OnHost) {
        let is_known = |known: &Known| known.on_host.is_like(on_host);
        if !self.known.borrow().iter().any(is_known) {
            self.look(placement, on_host);
        }
    }

    /// Loads of the devices under `placement`, whose computing is remembered.
    fn look(&self, placement: &Placement, on_host: OnHost) -> Vec<Load> {
        let (loads, computing) = self.estimator.loads_and_computing(placement);
        let mut known = self.known.borrow_mut();
        for (share, computing) in self.shares(placement).zip(computing) {
            known.push(Known { on_host, share, computing });
        }
        loads.devices
    }

    /// Whether all of `placement` was looked at.
    fn is_known(&self, placement: &Placement, on_host: OnHost) -> bool {
        let known = self.known.borrow();
        let is_known = |share: Share| {
            known.iter().any(|known| known.on_host == on_host && known.share == share)
        };
        self.shares(placement).all(is_known)
    }

    /// What computing is taken to take on each device.
    fn guesses(&self, on_host: OnHost, by: By) -> Vec<Guess> {
        let none = |has_output| self.estimator.least_computing(has_output);
        let least = Guess { kinds: [none(false), none(false), none(true)], exact: Vec::new() };
        let mut guesses = vec![least; self.devices];
        if by == By::Stored {
            return guesses;
        }
        let known = self.known.borrow();
        let mut alike: [Option<Interval<Bytes>>; 3] = [None; 3];
        let choose = |before: Option<Interval<Bytes>>, now: Interval<Bytes>| match (by, before) {
            (By::Least, Some(before)) if before.expected <= now.expected => Some(before),
            _ => Some(now),
        };
        let mut own = vec![[None; 3]; self.devices];
        for Known { on_host: other, share, computing } in known.iter() {
            if !other.is_like(on_host) {
                continue;
            }
            let kind = kind(share);
            alike[kind] = choose(alike[kind], *computing);
            own[share.device][kind] = choose(own[share.device][kind], *computing);
            if *other == on_host {
                guesses[share.device].exact.push((share.layers.clone(), *computing));
            }
        }
        for (guess, own) in guesses.iter_mut().zip(own) {
            for kind in 1..guess.kinds.len() {
                if let Some(computing) = own[kind].or(alike[kind]) {
                    guess.kinds[kind] = computing;
                }
            }
            if let Some(computing) = own[0] {
                guess.kinds[0] = computing;
            }
        }
        guesses
    }
}

/// The rooms of devices, if computing takes what is guessed.
struct Loading<'a, E> {
    divider: &'a Divider<'a, E>,
    on_host: OnHost,
    room: Room,
    guesses: Vec<Guess>,
}

impl<E: LoadEstimator> Loading<'_, E> {
    fn room(&self, share: &Share) -> i64 {
        let computing = self.guesses[share.device].of(share);
        (self.room)(&self.divider.estimator.load_of(share, self.on_host, computing))
    }

    fn has_room(&self, placement: &Placement) -> bool {
        self.divider.shares(placement).all(|share| self.room(&share) >= 0)
    }

    /// The first layer on a device.
    fn start(&self) -> u64 {
        self.on_host.layers.min(self.divider.layers)
    }

    /// Layers on each device that leave it `least` bytes; `None` if there is no such division.
    fn fill(&self, least: i64) -> Option<Vec<u64>> {
        let Divider { devices, layers, .. } = *self.divider;
        let mut start = self.start();
        let mut counts = Vec::with_capacity(devices);
        for device in 0..devices {
            let fits = |end| self.room(&self.divider.share(device, start..end)) >= least;
            if !fits(start) {
                return None;
            }
            let (mut end, mut over) = (start, layers + 1);
            while end + 1 < over {
                let middle = end.midpoint(over);
                *(if fits(middle) { &mut end } else { &mut over }) = middle;
            }
            counts.push(end - start);
            start = end;
        }
        (start == layers).then_some(counts)
    }

    /// Layers on each device so that the fullest has as much room as possible; `None` if it has less
    /// than none.
    fn level(&self) -> Option<Vec<u64>> {
        let mut best = self.fill(0)?;
        let start = self.start();
        let empty = |device| self.room(&self.divider.share(device, start..start));
        let most = (0..self.divider.devices).map(empty).min()?;
        let (mut low, mut high) = (0_i64, most.saturating_add(1));
        for _ in 0..HALVINGS {
            let middle = low.midpoint(high);
            match self.fill(middle) {
                Some(counts) => (low, best) = (middle, counts),
                None => high = middle,
            }
        }
        Some(best)
    }
}
