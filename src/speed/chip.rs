//! Limits of a device: bandwidth, compute rates, links and power, in SI units.

use super::calibration::Backend;
use crate::catalog::{Device, DeviceKind};

/// FP32 operations per clock and compute unit of most current designs; used for devices whose number
/// of units is unknown.
const FP32_OPS_PER_UNIT: f64 = 256.0;

/// Operations of a CPU per byte of its memory bandwidth. No data sheet states the peak of a whole
/// machine; this is for AVX2 on a two-channel desktop and is accurate to a factor of 2 at best.
const CPU_OPS_PER_BYTE: f64 = 16.0;

/// Clock assumed if none is published: typical of GPUs in systems on a chip.
const ASSUMED_HZ: f64 = 1.5e9;

/// The physical limits of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    /// Peak memory bandwidth in bytes per second.
    pub bandwidth: f64,
    /// Compute units (SM, CU, Xe core, GPU core) times boost clock, in unit-hertz.
    pub unit_hz: Option<f64>,
    /// Boost clock, hertz.
    pub clock_hz: Option<f64>,
    /// Dense peak rates.
    pub peaks: Peaks,
    /// Board power, watts.
    pub power_w: Option<f64>,
    /// Bytes per second to other devices in one direction: over NVLink or the like, else PCIe.
    pub link: f64,
    /// Whether the device has a fabric faster than PCIe.
    pub fabric: bool,
    /// Bytes per second to the host in one direction.
    pub host_link: f64,
    /// Device family as named in the calibration, such as `Ada Lovelace` or `Hopper datacenter`.
    pub family: String,
    /// The backend that engines use by default.
    pub backend: Backend,
    /// Whether an NVIDIA device has the LPDDR memory of a system on a chip: its latency lets a unit have
    /// fewer bytes under way.
    pub is_soc: bool,
    /// Whether somebody described the device, so that what its peak means is not known.
    pub is_described: bool,
}

/// Dense peak rates in operations per second; 0 for formats that the device lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Peaks {
    /// FP16 or BF16 with FP32 accumulate (on GeForce half the rate of `half_fast`).
    pub half: f64,
    /// FP16 with FP16 accumulate; equal to `half` if that is no faster.
    pub half_fast: f64,
    /// FP8.
    pub fp8: f64,
    /// INT8.
    pub int8: f64,
    /// FP4.
    pub fp4: f64,
}

/// The number format that products are computed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// FP16 or BF16: plain weights, and 4- or 8-bit weights that are dequantised first.
    #[default]
    Half,
    /// FP8.
    Fp8,
    /// INT8.
    Int8,
    /// FP4.
    Fp4,
}

impl Peaks {
    /// Returns the rate for `precision`, or that of 16 bits if the device lacks the format.
    ///
    /// On Hopper and Ada, FP4 checkpoints run as 4-bit weights only (Marlin), not in FP8.
    pub fn at(&self, precision: Precision) -> f64 {
        let first = |rates: &[f64]| rates.iter().copied().find(|rate| *rate > 0.0).unwrap_or(0.0);
        match precision {
            Precision::Half => self.half,
            Precision::Fp8 => first(&[self.fp8, self.half]),
            Precision::Int8 => first(&[self.int8, self.half]),
            Precision::Fp4 => first(&[self.fp4, self.half]),
        }
    }
}

impl Backend {
    /// The backend's usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Backend::Cuda => "CUDA",
            Backend::Rocm => "ROCm",
            Backend::Metal => "Metal",
            Backend::Vulkan => "Vulkan",
            Backend::Xpu => "oneAPI",
            Backend::Hpu => "Gaudi",
            Backend::Cpu => "CPU",
            Backend::Other => "another backend",
        }
    }
}

impl Chip {
    /// Returns the CPU cores of a host with this memory bandwidth in bytes per second.
    pub fn cpu(bandwidth: f64) -> Chip {
        let rate = bandwidth * CPU_OPS_PER_BYTE;
        Chip {
            bandwidth,
            unit_hz: None,
            clock_hz: None,
            peaks: Peaks { half: rate, half_fast: rate, ..Peaks::default() },
            power_w: None,
            link: bandwidth,
            fabric: false,
            host_link: bandwidth,
            family: "CPU".to_owned(),
            backend: Backend::Cpu,
            is_soc: false,
            is_described: false,
        }
    }

    /// Whether products of 16 bits have units of their own, faster than those of FP32.
    pub fn has_matrix_units(&self) -> bool {
        self.unit_hz.is_some_and(|unit_hz| self.peaks.half > 512.0 * unit_hz)
    }

    /// Returns this chip with its board limited to `watts`. An assumption: power goes with
    /// the cube of the clock, so a board at half of its power runs at four fifths of its clock; its
    /// memory is as fast as before.
    pub fn limited_to(self, watts: f64) -> Chip {
        let Some(clock) =
            self.power_w.filter(|power| watts < *power).map(|power| (watts / power).cbrt())
        else {
            return self;
        };
        let Peaks { half, half_fast, fp8, int8, fp4 } = self.peaks;
        Chip {
            unit_hz: self.unit_hz.map(|hz| hz * clock),
            clock_hz: self.clock_hz.map(|hz| hz * clock),
            peaks: Peaks {
                half: half * clock,
                half_fast: half_fast * clock,
                fp8: fp8 * clock,
                int8: int8 * clock,
                fp4: fp4 * clock,
            },
            // The power for each unit at its clock is that of the board as it is sold.
            power_w: self.power_w.map(|power| power * clock),
            ..self
        }
    }

    /// Returns the limits of `device`; `None` if its bandwidth or all of its rates are unknown.
    pub fn of(device: &Device) -> Option<Chip> {
        let bandwidth = device.bandwidth_gb_s? * 1e9;
        let peaks = peaks(device, bandwidth);
        let fp32 = tflops(device, "fp32");
        let clock_hz = device.boost_mhz.map(|mhz| mhz * 1e6);
        let unit_hz = match (device.compute_units, clock_hz) {
            (Some(units), Some(hz)) => Some(f64::from(units) * hz),
            _ if device.kind == DeviceKind::Cpu => None,
            (Some(units), None) if fp32 == 0.0 => Some(f64::from(units) * ASSUMED_HZ),
            _ => (fp32 > 0.0).then_some(fp32 / FP32_OPS_PER_UNIT),
        };
        // Arithmetic that nothing at all is known of.
        if peaks.half == 0.0 && unit_hz.is_none() {
            return None;
        }
        let host_link = device.pcie.as_deref().and_then(pcie_bytes);
        // Devices that share the host's memory read it at their own bandwidth.
        let host_link = host_link.unwrap_or(match device.kind {
            DeviceKind::Discrete => 16e9,
            DeviceKind::Unified | DeviceKind::Cpu => bandwidth,
        });
        let fabric = device.fabric_gb_s.map(|gb_s| gb_s * 1e9 / 2.0);
        let between = between_machines(device).unwrap_or(host_link);
        Some(Chip {
            bandwidth,
            unit_hz,
            clock_hz,
            peaks,
            power_w: device.tdp_w,
            link: fabric.unwrap_or(between).max(between),
            fabric: fabric.is_some_and(|rate| rate > between),
            host_link,
            family: family(device),
            backend: backend(device),
            is_soc: device.is_nvidia_soc(),
            is_described: device.is_described(),
        })
    }
}

/// Bytes per second in one direction between machines with unified memory, which each device is one
/// of; `None` for devices that share a host.
///
/// A DGX Spark has ConnectX-7, whose two ports of 200 Gb/s share what PCIe gives one; Macs have
/// Thunderbolt of 40 Gb/s or more; of others 10 Gb/s Ethernet is assumed.
pub fn between_machines(device: &Device) -> Option<f64> {
    if device.kind != DeviceKind::Unified || device.segment == "datacenter" {
        return None;
    }
    Some(match (device.vendor.as_str(), device.pcie.as_deref()) {
        (_, Some(link)) if link.starts_with("ConnectX-7") => 25e9,
        ("Apple", _) => 5e9,
        _ => 1.25e9,
    })
}

fn tflops(device: &Device, key: &str) -> f64 {
    let found = device.tflops_dense.iter().find(|(name, _)| name == key);
    found.map_or(0.0, |(_, tflops)| tflops * 1e12)
}

fn peaks(device: &Device, bandwidth: f64) -> Peaks {
    if device.kind == DeviceKind::Cpu {
        let rate = bandwidth * CPU_OPS_PER_BYTE;
        return Peaks { half: rate, half_fast: rate, ..Peaks::default() };
    }
    let rate = |key| tflops(device, key);
    // Engines' FP4 products on consumer Blackwell come near the rate of FP8, not twice that.
    let fp4 = match device.compute_capability() {
        Some(120..) => rate("fp4").min(rate("fp8")),
        _ => rate("fp4"),
    };
    // A device without fast half precision (Pascal) computes in FP32.
    let half = rate("fp16").max(rate("bf16")).max(rate("fp32"));
    Peaks {
        half,
        half_fast: rate("fp16_fp16acc").max(half),
        fp8: rate("fp8"),
        int8: rate("int8"),
        fp4,
    }
}

/// Bytes per second in one direction of a link such as `PCIe 4.0 x16`.
fn pcie_bytes(link: &str) -> Option<f64> {
    let mut words = link.split_whitespace().skip(1);
    let lane = match words.next()?.split('.').next()? {
        "1" => 0.25e9,
        "2" => 0.5e9,
        "3" => 0.985e9,
        "4" => 1.969e9,
        "5" => 3.938e9,
        "6" => 7.563e9,
        _ => return None,
    };
    let lanes: u32 = words.next()?.strip_prefix('x')?.parse().ok()?;
    Some(lane * f64::from(lanes))
}

fn family(device: &Device) -> String {
    match (device.vendor.as_str(), device.segment.as_str(), device.compute_target.as_deref()) {
        ("NVIDIA", "datacenter", _) => format!("{} datacenter", device.generation),
        // GB10 and Thor are of one generation, and neither is like a card of it.
        ("NVIDIA", "soc", Some(target)) => format!("{} SoC {target}", device.generation),
        _ => device.generation.clone(),
    }
}

fn backend(device: &Device) -> Backend {
    match (device.kind, device.vendor.as_str(), device.generation.as_str()) {
        (DeviceKind::Cpu, ..) => Backend::Cpu,
        (_, "NVIDIA", _) => Backend::Cuda,
        (_, "AMD", _) => Backend::Rocm,
        (_, "Apple", _) => Backend::Metal,
        (_, "Intel (Habana)", _) => Backend::Hpu,
        (_, "Intel", "Xe-HPC") => Backend::Xpu,
        (_, "Intel", _) => Backend::Vulkan,
        // Of a card that nobody says the maker of.
        (_, "", _) => Backend::Vulkan,
        _ => Backend::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn chip(id: &str) -> Chip {
        Chip::of(Catalog::bundled().device(id).unwrap()).unwrap()
    }

    #[test]
    fn geforce_halves_its_rate_with_fp32_accumulate() {
        let chip = chip("rtx-4090");
        assert!((chip.peaks.half_fast / chip.peaks.half - 2.0).abs() < 0.01);
        assert_eq!(chip.peaks.at(Precision::Fp4), chip.peaks.half);
        assert!(chip.peaks.at(Precision::Fp8) > chip.peaks.half);
        assert_eq!(chip.unit_hz, Some(128.0 * 2.52e9));
        assert!(!chip.fabric);
    }

    #[test]
    fn links_are_one_way() {
        assert_eq!(chip("h100-sxm").link, 450e9);
        assert!((chip("rtx-4090").host_link - 31.5e9).abs() < 0.1e9);
        // Machines of their own have a network between them.
        assert_eq!((chip("dgx-spark-gb10").link, chip("strix-halo-395").link), (25e9, 1.25e9));
        assert_eq!(chip("dgx-spark-gb10").host_link, 273e9);
    }

    #[test]
    fn every_device_with_a_bandwidth_has_a_chip() {
        for device in Catalog::bundled().devices.iter() {
            let Some(chip) = Chip::of(device) else { continue };
            assert!(
                chip.bandwidth > 0.0 && chip.link > 0.0 && chip.host_link > 0.0,
                "{}",
                device.id
            );
            assert!(chip.peaks.half > 0.0 || chip.unit_hz.is_some(), "{}", device.id);
        }
    }
}
