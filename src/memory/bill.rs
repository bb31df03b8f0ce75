//! The bill of a device and of the host: their lines and what these add up to.

use super::lines;
use crate::placement::{Host, Part};
use crate::report::{DeviceBill, HostBill, Item};
use crate::units::Bytes;

/// The bill of `part`, of which the engine lets itself use `usable`; `basis` says where that
/// figure comes from. `layers` repeating layers are on it.
pub(crate) fn device(
    part: &Part<'_>,
    usable: Bytes,
    basis: &str,
    layers: u64,
    items: Vec<Item>,
) -> DeviceBill {
    DeviceBill {
        device: part.device.id.clone(),
        capacity_bytes: part.capacity,
        usable_bytes: usable,
        usable_basis: basis.to_owned(),
        used_bytes: items.iter().map(|item| item.bytes).sum(),
        layers,
        items,
        withheld: lines::withheld(part),
    }
}

/// The bill of the host: `items` of the model, and what the operating system keeps.
pub(crate) fn host(host: &Host<'_>, mut items: Vec<Item>) -> HostBill {
    items.push(lines::operating_system(host.system));
    HostBill { ram_bytes: host.ram, used_bytes: items.iter().map(|item| item.bytes).sum(), items }
}
