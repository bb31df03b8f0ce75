//! Bills: the lines of what a device or the host holds, and what they add up to.

use crate::hardware::{Hardware, Host, InstalledDevice, Load, Loads};
use crate::report::{BillItem, DeviceBill, HostBill, Term};
use crate::units::{Bytes, Interval};

/// A line of a bill before it is put into words: cheap to make, for searches that make many.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub term: Term,
    pub bytes: Interval<Bytes>,
    pub exact: bool,
    pub formula: &'static str,
    pub inputs: Vec<(&'static str, f64)>,
    pub source: &'static str,
}

impl Line {
    /// A figure that is exact for the engine's layout.
    pub(crate) fn exact(
        term: Term,
        bytes: Bytes,
        formula: &'static str,
        source: &'static str,
    ) -> Line {
        let bytes = Interval::exact(bytes);
        Line { term, bytes, exact: true, formula, inputs: Vec::new(), source }
    }

    /// A figure from a fit or a rule of thumb.
    pub(crate) fn fitted(
        term: Term,
        bytes: Interval<Bytes>,
        formula: &'static str,
        source: &'static str,
    ) -> Line {
        Line { term, bytes, exact: false, formula, inputs: Vec::new(), source }
    }

    /// The numbers put in.
    pub(crate) fn with(mut self, inputs: &[(&'static str, u64)]) -> Line {
        self.inputs = inputs.iter().map(|(name, value)| (*name, *value as f64)).collect();
        self
    }

    /// The line with its formula in words.
    pub(crate) fn item(self) -> BillItem {
        BillItem {
            term: self.term,
            bytes: self.bytes,
            exact: self.exact,
            formula: self.formula.to_owned(),
            inputs: self.inputs.into_iter().map(|(name, n)| (name.to_owned(), n)).collect(),
            source: self.source.to_owned(),
        }
    }
}

/// What a device holds before it is put into words.
#[derive(Clone, Debug)]
pub(crate) struct DeviceLines {
    /// What the engine lets itself use of the device.
    pub usable: Bytes,
    /// Repeating layers on it.
    pub layers: u64,
    /// The bill; empty lines are left out when it is made.
    pub lines: Vec<Line>,
}

impl DeviceLines {
    fn load(&self) -> Load {
        let used = self.lines.iter().map(|line| line.bytes).sum();
        Load { used, usable: self.usable }
    }
}

/// The loads of `shares`, one a device, and of the host with `lines`.
pub(crate) fn loads(hardware: &Hardware<'_>, shares: &[DeviceLines], lines: &[Line]) -> Loads {
    let devices: Vec<Load> = shares.iter().map(DeviceLines::load).collect();
    let used = lines.iter().map(|line| line.bytes).sum::<Interval<Bytes>>();
    let host = hardware.host_load(used + hardware.host.system, &devices);
    Loads { devices, host }
}

/// The bills of `shares`, one a device, and of the host with `lines`. `basis` says where the
/// usable figures come from.
pub(crate) fn bills(
    hardware: &Hardware<'_>,
    shares: Vec<DeviceLines>,
    basis: &str,
    lines: Vec<Line>,
) -> (Vec<DeviceBill>, HostBill) {
    let items = |lines: Vec<Line>| -> Vec<BillItem> {
        let used = lines.into_iter().filter(|line| line.bytes.high > Bytes::ZERO);
        used.map(Line::item).collect()
    };
    let devices = hardware.parts.iter().zip(shares).map(|(part, share)| {
        let basis = if basis.is_empty() { part.basis } else { basis };
        device_bill(part, share.usable, basis, share.layers, items(share.lines))
    });
    (devices.collect(), host_bill(&hardware.host, items(lines)))
}

/// The bill of `part`, of which the engine lets itself use `usable`; `basis` says where that
/// figure comes from. `layers` repeating layers are on it.
pub(crate) fn device_bill(
    part: &InstalledDevice<'_>,
    usable: Bytes,
    basis: &str,
    layers: u64,
    items: Vec<BillItem>,
) -> DeviceBill {
    DeviceBill {
        device: part.device.id.clone(),
        capacity_bytes: part.capacity,
        usable_bytes: usable,
        usable_basis: basis.to_owned(),
        used_bytes: items.iter().map(|item| item.bytes).sum(),
        layers,
        items,
        withheld: withheld(part),
    }
}

/// The bill of the host: `items` of the model, and what the operating system keeps.
pub(crate) fn host_bill(host: &Host<'_>, mut items: Vec<BillItem>) -> HostBill {
    items.push(operating_system(host.system));
    HostBill { ram_bytes: host.ram, used_bytes: items.iter().map(|item| item.bytes).sum(), items }
}

/// Memory of `part` that no engine gets: what the desktop draws with, and the user's reserve.
fn withheld(part: &InstalledDevice<'_>) -> Vec<BillItem> {
    let item = |term, bytes: Bytes, name: &str, source: &str| BillItem {
        term,
        bytes: Interval::exact(bytes),
        exact: term == Term::Reserve,
        formula: name.to_owned(),
        inputs: vec![input(name, bytes.0)],
        source: source.to_owned(),
    };
    let desktop = "assumed from what nvidia-smi showed with nothing loaded: 0.4 to 0.7 GB, with \
                   programs open up to 1.8 GB";
    let items = [
        item(Term::Display, part.display, "desktop", desktop),
        item(Term::Reserve, part.reserve, "reserve", "the question"),
    ];
    items.into_iter().filter(|item| item.bytes.high > Bytes::ZERO).collect()
}

/// RAM that the operating system keeps.
fn operating_system(bytes: Interval<Bytes>) -> BillItem {
    BillItem {
        term: Term::OperatingSystem,
        bytes,
        exact: false,
        formula: "operating_system".to_owned(),
        inputs: Vec::new(),
        source: "assumed: 1 to 4 GiB for the operating system and its services".to_owned(),
    }
}

/// A named number of a formula.
pub(crate) fn input(name: &str, value: u64) -> (String, f64) {
    (name.to_owned(), value as f64)
}
