//! Bills: the itemised memory use of each device and of the host, and their sums.

use std::borrow::Cow;

use crate::hardware::{Hardware, Host, InstalledDevice, Load, Loads};
use crate::report::{BillItem, DeviceBill, HostBill, Term};
use crate::units::{Bytes, Interval};

/// A line of a bill before its formula is put into words: cheap to make, for searches that make
/// many.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub term: Term,
    pub bytes: Interval<Bytes>,
    pub exact: bool,
    pub formula: &'static str,
    pub inputs: Vec<(&'static str, f64)>,
    pub source: Cow<'static, str>,
}

impl Line {
    /// Creates a line whose figure is exact for the engine's layout.
    pub(crate) fn exact(
        term: Term,
        bytes: Bytes,
        formula: &'static str,
        source: impl Into<Cow<'static, str>>,
    ) -> Line {
        let bytes = Interval::exact(bytes);
        Line { term, bytes, exact: true, formula, inputs: Vec::new(), source: source.into() }
    }

    /// Creates a line whose figure comes from a fit or a rule of thumb.
    pub(crate) fn fitted(
        term: Term,
        bytes: Interval<Bytes>,
        formula: &'static str,
        source: impl Into<Cow<'static, str>>,
    ) -> Line {
        Line { term, bytes, exact: false, formula, inputs: Vec::new(), source: source.into() }
    }

    /// Creates a line for up to `most` bytes that are kept once prompts have been computed.
    pub(crate) fn kept(most: Bytes, source: &'static str) -> Line {
        let bytes = Interval { low: Bytes::ZERO, expected: Bytes::ZERO, high: most };
        Line::fitted(Term::Kept, bytes, "kept", source)
    }

    /// Sets the inputs of the formula.
    pub(crate) fn with(mut self, inputs: &[(&'static str, u64)]) -> Line {
        self.inputs = inputs.iter().map(|(name, value)| (*name, *value as f64)).collect();
        self
    }

    /// Converts the line to a bill item, with its formula in words.
    pub(crate) fn item(self) -> BillItem {
        BillItem {
            term: self.term,
            bytes: self.bytes,
            exact: self.exact,
            formula: self.formula.to_owned(),
            inputs: self.inputs.into_iter().map(|(name, n)| (name.to_owned(), n)).collect(),
            source: self.source.into_owned(),
        }
    }
}

/// Memory use of one device before it is put into words.
#[derive(Clone, Debug)]
pub(crate) struct DeviceLines {
    /// Bytes of the device that the engine may use.
    pub usable: Bytes,
    /// Repeating layers on the device.
    pub layers: u64,
    /// Lines of the bill; empty lines are dropped when it is made.
    pub lines: Vec<Line>,
}

impl DeviceLines {
    fn load(&self, part: &InstalledDevice<'_>) -> Load {
        let needed = self.lines.iter().filter(|line| line.term != Term::Kept);
        part.load(Interval::independent(needed.map(|line| line.bytes)), self.usable)
    }
}

/// Returns the loads of the devices with `device_lines` and of the host with `lines`.
pub(crate) fn loads(
    hardware: &Hardware<'_>,
    device_lines: &[DeviceLines],
    lines: &[Line],
) -> Loads {
    let parts = hardware.parts.iter().zip(device_lines);
    let devices: Vec<Load> = parts.map(|(part, lines)| lines.load(part)).collect();
    let used = lines.iter().map(|line| line.bytes).chain([hardware.host.system]);
    let host = hardware.host_load(Interval::independent(used), &devices);
    Loads { devices, host }
}

/// Returns the bills of the devices with `device_lines` and of the host with `lines`. `basis` says
/// where the usable figures come from.
pub(crate) fn bills(
    hardware: &Hardware<'_>,
    device_lines: Vec<DeviceLines>,
    basis: &str,
    lines: Vec<Line>,
) -> (Vec<DeviceBill>, HostBill) {
    let items = |lines: Vec<Line>| -> Vec<BillItem> {
        let used = lines.into_iter().filter(|line| line.bytes.high > Bytes::ZERO);
        used.map(Line::item).collect()
    };
    let devices = hardware.parts.iter().zip(device_lines).map(|(part, on_device)| {
        let basis = if basis.is_empty() { part.basis } else { basis };
        let bytes = on_device.lines.iter().map(|line| line.bytes);
        let used = Interval::independent(bytes);
        device_bill(part, (on_device.usable, used), basis, on_device.layers, items(on_device.lines))
    });
    let used = lines.iter().map(|line| line.bytes).chain([hardware.host.system]);
    let used = Interval::independent(used);
    (devices.collect(), host_bill(&hardware.host, items(lines), used))
}

/// Returns the bill of `part`, of which the engine may use `usable` bytes and uses `used`, and which
/// holds `layers` repeating layers. `basis` says where the usable figure comes from.
pub(crate) fn device_bill(
    part: &InstalledDevice<'_>,
    (usable, used): (Bytes, Interval<Bytes>),
    basis: &str,
    layers: u64,
    items: Vec<BillItem>,
) -> DeviceBill {
    DeviceBill {
        device: part.device.id.clone(),
        capacity_bytes: part.capacity,
        usable_bytes: usable,
        usable_basis: basis.to_owned(),
        used_bytes: used,
        layers,
        items,
        withheld: withheld(part),
    }
}

/// Returns the bill of the host, which uses `used`: `items` of the model and the operating system's
/// share.
pub(crate) fn host_bill(
    host: &Host<'_>,
    mut items: Vec<BillItem>,
    used: Interval<Bytes>,
) -> HostBill {
    items.push(operating_system(host.system));
    HostBill { ram_bytes: host.ram, used_bytes: used, items }
}

/// Memory of `part` that no engine gets: the desktop's and the user's reserve.
fn withheld(part: &InstalledDevice<'_>) -> Vec<BillItem> {
    let item = |term, bytes: Interval<Bytes>, name: &str, source: &str| BillItem {
        term,
        bytes,
        exact: term == Term::Reserve,
        formula: name.to_owned(),
        inputs: vec![input(name, bytes.expected.0)],
        source: source.to_owned(),
    };
    let desktop = "assumed from what nvidia-smi showed with nothing loaded: 0.4 to 0.7 GB, with \
                   programs open up to 1.8 GB";
    let items = [
        item(Term::Display, part.display, "desktop", desktop),
        item(Term::Reserve, Interval::exact(part.reserve), "reserve", "the question"),
    ];
    items.into_iter().filter(|item| item.bytes.high > Bytes::ZERO).collect()
}

/// RAM kept by the operating system.
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

/// A named input of a formula.
pub(crate) fn input(name: &str, value: u64) -> (String, f64) {
    (name.to_owned(), value as f64)
}
