//! A model on a machine under one engine: the interface that every engine implements.

use super::layout::Layout;
use crate::hardware::{Hardware, InstalledDevice, Load, Loads};
use crate::report::{DeviceBill, HostBill, Placement, PlacementReason, SlidingWindowCache};
use crate::scenario::Bounds;

/// How hard a placement is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// By what is stored alone, as if computing took no memory: what no placement is better than.
    Bound,
    /// Any that is expected to fit, as if computing took what it takes this run with that context and
    /// so many users.
    Assumed {
        /// Tokens per user.
        context: u64,
        /// Number of users.
        users: u64,
    },
    /// With the whole model on the devices only, by the high estimates.
    OnDevices,
    /// The same as if computing took what it takes this run with that context and so many users.
    OnDevicesAssumed {
        /// Tokens per user.
        context: u64,
        /// Number of users.
        users: u64,
    },
    /// Any that is expected to fit, by halving, which finds nearly all of them.
    Quick,
    /// One that is safe rather, and where halving finds none, one by one.
    Thorough,
}

/// A model in a format on a machine, as an engine runs it.
pub trait Run {
    /// The machine.
    fn hardware(&self) -> &Hardware<'_>;

    /// Returns the bill of every device and of the host, with `users` sequences of `context` tokens
    /// each.
    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill);

    /// Expected use and usable capacity of every device and of the host.
    fn loads(&self, context: u64, users: u64) -> Loads {
        let (devices, host) = self.bills(context, users);
        let load = |(bill, part): (&DeviceBill, &InstalledDevice<'_>)| {
            part.load(bill.needed_bytes(), bill.usable_bytes)
        };
        let devices: Vec<Load> = devices.iter().zip(&self.hardware().parts).map(load).collect();
        Loads { host: self.hardware().host_load(host.used_bytes, &devices), devices }
    }

    /// A cheap lower bound of [`Run::loads`].
    fn loads_lower_bound(&self, context: u64, users: u64) -> Loads {
        self.loads(context, users)
    }

    /// Whether a placement was found or requested. If not, the bill is that of the whole model on
    /// the devices.
    fn is_feasible(&self) -> bool {
        true
    }

    /// Whether part of the model is on the host.
    fn offloads(&self) -> bool {
        false
    }

    /// Returns this run with the whole model on the devices; `None` if the engine never offloads.
    fn without_offload(&self) -> Option<Box<dyn Run + '_>> {
        None
    }

    /// Returns this run with the layers placed anew for another context and number of users, as the
    /// engine or its user would; `None` if that is not possible, or nothing fits. With
    /// [`Effort::Bound`] also where the question says what to leave in RAM.
    fn placed_anew(
        &self,
        _context: u64,
        _users: u64,
        _effort: Effort,
    ) -> Option<Box<dyn Run + '_>> {
        None
    }

    /// Returns this run on other hardware, such as some of the machine's devices; `None` if the
    /// engine refuses it.
    fn on<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>>;

    /// Which device or host holds which part of the model.
    fn layout(&self) -> Layout;

    /// What the cache of a sliding-window layer holds.
    fn sliding_window_cache(&self) -> SlidingWindowCache {
        SlidingWindowCache::WindowOnly
    }

    /// Whether latent attention is cached as full keys and values.
    fn expands_latents(&self) -> bool {
        false
    }

    /// Fraction of each device, in thousandths, that the engine preallocates whatever the model.
    fn reserved_fraction(&self) -> Option<u64> {
        None
    }

    /// The placement as the report shows it, with its reason.
    fn placement(&self) -> Placement {
        self.layout().placement(PlacementReason::Fits)
    }

    /// The engine's own flags that reproduce this run.
    fn flags(&self) -> Vec<String>;

    /// Granularity, in tokens, in which a sequence's context is allocated.
    fn context_step(&self) -> u64;

    /// Whether users beyond those that memory holds wait for a place in a paged cache, rather than
    /// being promised one.
    fn queues(&self) -> bool {
        false
    }

    /// Whether the engine starts by the high estimates too, whatever is asked of it then.
    fn starts_for_certain(&self) -> bool {
        true
    }

    /// The longest context, in tokens per user, that the engine can be set to.
    fn max_context(&self) -> u64 {
        Bounds::CONTEXT.max
    }

    /// Maximum number of sequences that the engine serves at once with these settings.
    fn max_users(&self) -> u64;
}
