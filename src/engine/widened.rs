//! A model whose shape is hypothetical, with the bills of an engine as wide as the real models of its
//! size are apart.

use super::layout::Layout;
use super::run::{Effort, Run};
use crate::catalog::Spread;
use crate::hardware::{Hardware, Loads};
use crate::report::{
    BillItem, DeviceBill, HostBill, Placement, SlidingWindowCache, Term, sum_of_items,
};
use crate::units::{Bytes, Interval};

/// A run of a hypothetical shape.
pub(super) struct Widened<'a> {
    pub run: Box<dyn Run + 'a>,
    pub spread: Spread,
}

impl Widened<'_> {
    fn again<'b>(&self, run: Box<dyn Run + 'b>) -> Box<dyn Run + 'b> {
        Box::new(Widened { run, spread: self.spread })
    }
}

/// Widens the lines of a bill, and returns what they add up to.
pub(super) fn widen(items: &mut [BillItem], spread: &Spread) -> Interval<Bytes> {
    for item in items.iter_mut() {
        let bytes = match item.term {
            Term::Weights | Term::TiedOutput => spread.of_weights(item.bytes),
            Term::KvCache | Term::RecurrentState => spread.of_cache(item.bytes),
            _ => item.bytes,
        };
        if bytes != item.bytes {
            item.bytes = bytes;
            item.exact = false;
            item.source.push_str("; as wide as real models of this size are apart");
        }
    }
    sum_of_items(items)
}

impl Run for Widened<'_> {
    fn hardware(&self) -> &Hardware<'_> {
        self.run.hardware()
    }

    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill) {
        let (mut devices, mut host) = self.run.bills(context, users);
        for bill in &mut devices {
            bill.used_bytes = widen(&mut bill.items, &self.spread);
        }
        host.used_bytes = widen(&mut host.items, &self.spread);
        (devices, host)
    }

    fn loads_lower_bound(&self, context: u64, users: u64) -> Loads {
        self.run.loads_lower_bound(context, users)
    }

    fn is_feasible(&self) -> bool {
        self.run.is_feasible()
    }

    fn offloads(&self) -> bool {
        self.run.offloads()
    }

    fn without_offload(&self) -> Option<Box<dyn Run + '_>> {
        self.run.without_offload().map(|run| self.again(run))
    }

    fn placed_anew(&self, context: u64, users: u64, effort: Effort) -> Option<Box<dyn Run + '_>> {
        self.run.placed_anew(context, users, effort).map(|run| self.again(run))
    }

    fn on<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        self.run.on(hardware).map(|run| self.again(run))
    }

    fn layout(&self) -> Layout {
        self.run.layout()
    }

    fn sliding_window_cache(&self) -> SlidingWindowCache {
        self.run.sliding_window_cache()
    }

    fn expands_latents(&self) -> bool {
        self.run.expands_latents()
    }

    fn reserved_fraction(&self) -> Option<u64> {
        self.run.reserved_fraction()
    }

    fn placement(&self) -> Placement {
        self.run.placement()
    }

    fn flags(&self) -> Vec<String> {
        self.run.flags()
    }

    fn context_step(&self) -> u64 {
        self.run.context_step()
    }

    fn queues(&self) -> bool {
        self.run.queues()
    }

    fn starts_for_certain(&self) -> bool {
        self.run.starts_for_certain()
    }

    fn max_context(&self) -> u64 {
        self.run.max_context()
    }

    fn max_users(&self) -> u64 {
        self.run.max_users()
    }
}
