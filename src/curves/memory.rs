//! Memory by term along context or users, of the device that fills up first.

use super::CellCurves;
use super::points::sample_points;
use crate::report::{BillItem, Term};
use crate::scenario::Bounds;
use crate::sort;
use crate::units::{Bytes, Interval};

/// Context at which a curve begins, unless a shorter one is requested.
const FIRST_CONTEXT: u64 = 1024;

/// The quantity along which a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurveAxis {
    /// Tokens of context per user.
    Context,
    /// Number of concurrent users.
    Users,
}

/// Use of one memory, by term, as context or users grow.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Index of the device in the machine: the one with the least headroom at the requested point.
    /// `None` is the RAM of a machine without devices.
    pub device: Option<usize>,
    /// Usable bytes of the memory.
    pub usable: Bytes,
    /// Terms of the curve, in the order of the bill.
    pub terms: Vec<Term>,
    /// Points of the curve, ascending.
    pub points: Vec<MemoryPoint>,
    /// Index of the requested point.
    pub asked: usize,
}

/// Memory use at one context or number of users.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryPoint {
    /// Tokens of context per user, or number of users.
    pub x: u64,
    /// Expected bytes per term.
    pub bytes: Vec<Bytes>,
    /// Total bytes.
    pub used: Interval<Bytes>,
}

/// The bill of the memory at one point of the curve.
struct Bill {
    x: u64,
    items: Vec<BillItem>,
    used: Interval<Bytes>,
}

impl Bill {
    fn bytes(&self, term: Term) -> Bytes {
        let items = self.items.iter().filter(|item| item.term == term);
        items.map(|item| item.bytes.expected).sum()
    }
}

impl CellCurves<'_> {
    /// Computes memory along `axis`; the other quantity stays as requested.
    pub fn memory(&self, axis: CurveAxis) -> Memory {
        let (context, users) = (self.scenario.context, self.scenario.users);
        let device =
            (0..self.loads.devices.len()).min_by_key(|i| self.loads.devices[*i].headroom());
        let (asked, xs) = match axis {
            CurveAxis::Context => (context, self.contexts()),
            CurveAxis::Users => (users, self.users()),
        };
        let bill = |x: u64| {
            let (context, users) = match axis {
                CurveAxis::Context => (x, users),
                CurveAxis::Users => (context, x),
            };
            let (mut devices, host) = self.run.bills(context, users.min(self.most_seated));
            let (items, used) = match device {
                Some(i) if i < devices.len() => {
                    let mut bill = devices.swap_remove(i);
                    let needed = bill.needed_bytes();
                    bill.items.retain(|item| item.term != Term::Kept);
                    (bill.items, needed)
                }
                _ => (host.items, host.used_bytes),
            };
            Bill { x, items, used }
        };
        let bills: Vec<Bill> = xs.into_iter().map(bill).collect();
        let mut terms: Vec<Term> =
            bills.iter().flat_map(|bill| &bill.items).map(|item| item.term).collect();
        sort::distinct(&mut terms);
        let points = bills.into_iter().map(|bill| {
            let bytes = terms.iter().map(|term| bill.bytes(*term)).collect();
            MemoryPoint { x: bill.x, bytes, used: bill.used }
        });
        let points: Vec<MemoryPoint> = points.collect();
        let usable = match device {
            Some(i) => self.loads.devices[i].usable,
            None => self.loads.host.usable,
        };
        let asked = points.iter().position(|point| point.x == asked).unwrap_or(0);
        Memory { device, usable, terms, points, asked }
    }

    /// Sample contexts from a short one to the model's maximum, or to twice what fits.
    pub(super) fn contexts(&self) -> Vec<u64> {
        let asked = self.scenario.context;
        let longest = self.room().max_context();
        let trained = self.trained().unwrap_or(asked.saturating_mul(4));
        let overfull = if longest > 0 { longest.saturating_mul(2) } else { u64::MAX };
        let to = trained.min(overfull).max(asked).min(self.run.max_context());
        sample_points(FIRST_CONTEXT.min(asked), to, &[asked, longest])
    }

    /// Sample numbers of users from one to twice what fits, as far as the engine serves them.
    pub(super) fn users(&self) -> Vec<u64> {
        let asked = self.scenario.users;
        let most = self.room().max_users();
        let served = Bounds::USERS.max.min(self.run.max_users()).max(1);
        let to = most.max(asked).saturating_mul(2).clamp(8, served.max(8)).max(asked);
        sample_points(1, to, &[asked, most])
    }
}
