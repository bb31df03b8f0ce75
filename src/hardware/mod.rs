//! A machine of the question, resolved from the catalogue: its devices one by one, and its host.

mod load;
mod unified_memory;

pub use load::{Load, Loads};

use crate::catalog::{Catalog, Device, DeviceKind, Instance};
use crate::report::Notice;
use crate::scenario::{Bounds, DeviceCount, GpuBackend, Machine, RamSpeed, Scenario};
use crate::units::{Bytes, Interval};

/// Fraction of the nominal capacity assumed usable if no figure is known. Those in the catalogue are
/// between 0.9 and 1.0 of it.
const USABLE_SHARE: f64 = 0.97;

/// Fraction of a unified memory's bandwidth available to the CPU alone: an assumption.
pub const CPU_SHARE: f64 = 0.5;

/// RAM used by an operating system with its services. An assumption, shown as such.
const SYSTEM: Interval<Bytes> =
    Interval { low: Bytes::gib(1), expected: Bytes::gib(2), high: Bytes::gib(4) };

/// A machine with its devices resolved.
#[derive(Clone, Debug)]
pub struct Hardware<'a> {
    /// The devices, one entry each, in the order of the question. Empty for a CPU-only machine.
    pub parts: Vec<InstalledDevice<'a>>,
    /// The host of the devices.
    pub host: Host<'a>,
    /// What drives the devices, if it is not what usually does.
    pub backend: Option<GpuBackend>,
    /// Power that each device is limited to, in watts.
    pub power_cap_w: Option<f64>,
    /// The machine without its devices, where llama.cpp is asked to use none, or where Ollama uses none
    /// of them by itself.
    pub host_only: Option<Box<Hardware<'a>>>,
    /// The machines of a cloud that it consists of, and how many of each; empty if it is named by
    /// its devices.
    pub instances: Vec<(&'a Instance, u32)>,
}

/// A device in a machine.
#[derive(Clone, Copy, Debug)]
pub struct InstalledDevice<'a> {
    /// The device's entry in the catalogue.
    pub device: &'a Device,
    /// Nominal capacity.
    pub capacity: Bytes,
    /// Memory that the engine can use: what programs can use, minus `display` and `reserve`.
    pub usable: Bytes,
    /// What the engine may use at most: see [`Load::most`].
    pub most: Bytes,
    /// What is left to it with the largest desktop: see [`Load::safe`].
    pub safe: Bytes,
    /// Memory used by the desktop that the device displays.
    pub display: Interval<Bytes>,
    /// Memory that the user keeps free.
    pub reserve: Bytes,
    /// Source of the usable figure.
    pub basis: &'a str,
}

impl InstalledDevice<'_> {
    /// Returns the load of this device with `used` bytes, of which the engine lets itself use
    /// `usable`.
    pub fn load(&self, used: Interval<Bytes>, usable: Bytes) -> Load {
        let most = if usable == self.usable { self.most } else { usable };
        Load { used, usable, most, safe: usable.min(self.safe) }
    }

    /// Whether both are the same device with the same usable memory.
    pub fn is_like(&self, other: &InstalledDevice<'_>) -> bool {
        self.device.id == other.device.id && self.usable == other.usable
    }
}

/// The host that the devices sit in.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// The CPU with its memory, if the question names one.
    pub device: Option<&'a Device>,
    /// RAM; on unified memory, the memory that host and devices share.
    pub ram: Bytes,
    /// RAM used by the operating system.
    pub system: Interval<Bytes>,
    /// Whether devices and host share one memory.
    pub shared: bool,
    /// Bandwidth of the RAM in GB/s, if the question names one.
    pub bandwidth_gb_s: Option<f64>,
}

impl<'a> Hardware<'a> {
    /// Looks up the devices of `machine` in the catalogue.
    ///
    /// # Errors
    /// The first device that is not in the catalogue, or not sold with the requested memory.
    pub fn resolve(
        catalog: &'a Catalog,
        scenario: &Scenario,
        machine: &Machine,
    ) -> Result<Hardware<'a>, Notice> {
        let mut parts = Vec::new();
        let mut host = Host {
            device: None,
            ram: scenario.ram,
            system: SYSTEM,
            shared: false,
            bandwidth_gb_s: scenario.ram_speed.map(RamSpeed::gb_s),
        };
        let mut instances = Vec::new();
        for DeviceCount { id, count, memory_gb } in &machine.devices {
            let instance = catalog.instance(id).filter(|_| memory_gb.is_none());
            let (id, count) = match instance {
                Some(instance) => {
                    instances.push((instance, *count));
                    // What is asked for is cut to what the machine has.
                    host.ram = match scenario.ram == Scenario::default().ram {
                        true => instance.ram,
                        false => host.ram.min(instance.ram),
                    };
                    let most = Bounds::DEVICES.max as u32;
                    (&instance.device, instance.count.saturating_mul(*count).min(most))
                }
                None => (id, *count),
            };
            let device = match catalog.device_or_error(id) {
                Some(device) => device.map_err(|error| Notice::unusable(id, error))?,
                None => {
                    let nearest = catalog.suggest_device(id).nearest;
                    return Err(Notice::UnknownDevice { id: id.clone(), nearest });
                }
            };
            if device.kind == DeviceKind::Cpu {
                host.device = Some(device);
                // A board has no more than the memory that is soldered to it.
                if let Some(gb) = device.memory_gb {
                    host.ram = host.ram.min(Bytes::gib(1).scale(gb));
                }
                continue;
            }
            let (capacity, seen) = memory(device, *memory_gb)?;
            let (usable, most, basis) = if device.kind == DeviceKind::Unified {
                let rule = unified_memory::rule(device, capacity, seen, &scenario.platform);
                // Machines that are linked need not have the same RAM.
                host.ram = if host.shared { host.ram.min(rule.ram) } else { rule.ram };
                host.shared = rule.shared;
                (rule.usable, rule.most, rule.basis)
            } else if let Some(seen) = seen {
                let usable = seen.min(capacity);
                (usable, usable, device.memory_usable_basis.as_deref().unwrap_or(""))
            } else {
                let basis = "no figure seen: 97 % of the memory as sold";
                let usable = capacity.scale(USABLE_SHARE);
                (usable, usable, basis)
            };
            let reserve = scenario.reserve.min(usable);
            let part = InstalledDevice {
                device,
                capacity,
                usable: usable - reserve,
                most: most - reserve,
                safe: usable - reserve,
                display: Interval::default(),
                reserve,
                basis,
            };
            parts.extend(std::iter::repeat_n(part, count as usize));
        }
        // The first device displays the desktop; on unified memory it is part of the system's
        // share.
        if let Some(first) = parts.first_mut().filter(|p| p.device.kind == DeviceKind::Discrete) {
            let whole = first.usable;
            first.display = scenario.addons.display.bytes().map(|bytes| bytes.min(whole));
            first.usable = whole - first.display.expected;
            first.most = first.usable;
            first.safe = whole - first.display.high;
        }
        let power_cap_w = scenario.power_cap.map(|watts| watts as f64);
        let backend = scenario.backend;
        let host_only = None;
        let mut hardware = Hardware { parts, host, backend, power_cap_w, host_only, instances };
        let aside = || hardware.parts.iter().all(|part| part.device.is_left_aside_by_ollama());
        let may_use_none = match backend {
            Some(asked) => asked == GpuBackend::Cpu,
            None => aside(),
        };
        if may_use_none && !hardware.parts.is_empty() {
            hardware.host_only = Some(Box::new(hardware.without_devices()));
        }
        Ok(hardware)
    }

    /// The machine with no devices. Of unified memory the CPU has all, at its share of the rate.
    fn without_devices(&self) -> Hardware<'a> {
        let unified = self.parts.first().map(|part| part.device);
        let unified = unified.filter(|device| device.kind == DeviceKind::Unified);
        let share = unified.and_then(|device| device.bandwidth_gb_s).map(|gb_s| gb_s * CPU_SHARE);
        let bandwidth_gb_s = self.host.bandwidth_gb_s.or(share);
        let host = Host { shared: false, bandwidth_gb_s, ..self.host };
        Hardware { parts: Vec::new(), host, host_only: None, ..self.clone() }
    }

    /// Returns the load of the host with `used` bytes of its own; on unified memory, those of
    /// `devices` are added. Several devices with unified memory are machines of their own with a
    /// network between them: then it is the load of the fullest.
    pub fn host_load(&self, used: Interval<Bytes>, devices: &[Load]) -> Load {
        Load::new(used + self.shared_use(devices.iter().map(|load| load.used)), self.host.ram)
    }

    /// What devices with these uses take of a host's RAM: of the fullest, as [`Hardware::host_load`]
    /// says.
    pub fn shared_use(&self, devices: impl Iterator<Item = Interval<Bytes>>) -> Interval<Bytes> {
        let fullest = |a: Interval<Bytes>, b: Interval<Bytes>| Interval {
            low: a.low.max(b.low),
            expected: a.expected.max(b.expected),
            high: a.high.max(b.high),
        };
        match self.host.shared {
            true => devices.fold(Interval::default(), fullest),
            false => Interval::default(),
        }
    }

    /// Usable capacity of every device.
    pub fn usable(&self) -> Vec<Bytes> {
        self.parts.iter().map(|part| part.usable).collect()
    }
}

/// Returns the nominal capacity of `device`, and the bytes of it that a process can use, if known.
fn memory(device: &Device, asked_gb: Option<u32>) -> Result<(Bytes, Option<Bytes>), Notice> {
    let options = &device.memory_options_gb;
    let chosen = match asked_gb {
        Some(gb) if options.is_empty() => device.memory_gb.filter(|sold| *sold == f64::from(gb)),
        Some(gb) => options.iter().copied().find(|option| *option == f64::from(gb)),
        None => device.memory_gb,
    };
    let Some(gb) = chosen else {
        let accepted = match options.is_empty() {
            true => device.memory_gb.map(|gb| gb as u32).into_iter().collect(),
            false => options.iter().map(|gb| *gb as u32).collect(),
        };
        let memory_gb = asked_gb.unwrap_or_default();
        return Err(Notice::UnknownMemory { id: device.id.clone(), memory_gb, accepted });
    };
    let by_option = options
        .iter()
        .position(|option| *option == gb)
        .and_then(|i| device.usable_by_option.get(i))
        .copied();
    let whole = device.memory_usable_bytes.filter(|_| device.memory_gb == Some(gb));
    Ok((Bytes::gib(1).scale(gb), by_option.or(whole).map(Bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_ram(query: &str) -> Bytes {
        let (scenario, _) = Scenario::from_query(query);
        let machine = &scenario.machines[0];
        Hardware::resolve(Catalog::bundled(), &scenario, machine).expect("it is known").host.ram
    }

    #[test]
    fn a_cloud_s_machine_has_its_devices_and_its_ram() {
        let hardware = |query: &str| {
            let (scenario, _) = Scenario::from_query(query);
            let machine = &scenario.machines[0];
            let hardware = Hardware::resolve(Catalog::bundled(), &scenario, machine).unwrap();
            (hardware.parts[0].device.id.clone(), hardware.parts.len(), hardware.host.ram)
        };
        let gib = Bytes::gib;
        assert_eq!(hardware("hw=g6e.xlarge"), ("l40s".to_owned(), 1, gib(32)));
        assert_eq!(hardware("hw=p5.48xlarge*2"), ("h100-sxm".to_owned(), 16, gib(2048)));
        assert_eq!(hardware("hw=nd96isr_h100_v5&ram=100GiB").2, gib(100));
    }

    #[test]
    fn a_board_has_no_more_ram_than_is_soldered_to_it() {
        assert_eq!(host_ram("model=qwen3-8b&hw=raspberry-pi-5-8gb"), Bytes::gib(8));
        assert_eq!(host_ram("model=qwen3-8b&hw=raspberry-pi-5-16gb&ram=12GiB"), Bytes::gib(12));
        assert_eq!(host_ram("model=qwen3-8b&hw=cpu-ryzen-7-7800x3d&ram=96GiB"), Bytes::gib(96));
    }
}
