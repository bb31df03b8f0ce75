//! The part of unified memory that a GPU may use, by the platform's own rules.
//!
//! - **macOS.** Metal's `recommendedMaxWorkingSetSize`. Up to release 15 two thirds of the RAM up
//!   to 32 GiB and three quarters above (logs of llama.cpp: 11,453.25 MB of 16 GiB, 28,991 of 36,
//!   103,079 of 128). From 26 on 74 % up to 24 GiB, 78 % up to 48, 81 % up to 96, 84 % above (logs:
//!   12,713.12 MB of 16 GiB, 14,302.25 of 18, 19,069.67 of 24, 26,800.60 of 32, 30,150.67 of 36,
//!   40,200.90 of 48, 55,662.79 of 64, 115,448.73 of 128; none of 96). `sysctl
//!   iogpu.wired_limit_mb` replaces it, and Metal then reports that figure.
//! - **Linux, AMD and Intel.** GTT, half of the RAM that the kernel sees (`ttm.pages_limit`; 63,720
//!   to 63,967 MiB on 128 GB hosts), or the firmware's carve-out if that is larger: the driver then
//!   prefers it (`apu_prefer_gtt` of amdgpu).
//!   <https://rocm.docs.amd.com/en/latest/how-to/system-optimization/strixhalo.html>
//! - **Windows.** The firmware's carve-out and half of the rest
//!   (`TotalSystemMemoryAvailableForGraphics` of WDDM, "Calculating graphics memory").
//! - **NVIDIA (DGX Spark, Jetson).** All RAM visible to the system, shared by programs on CPU and
//!   GPU: `cudaMemGetInfo` reports 93 to 96 % of the memory as sold (GB10 124,610 MiB of 128 GiB,
//!   AGX Orin 62,827 of 64, Thor 125,748 of 128, Orin Nano 7,607 of 8).

use crate::catalog::Device;
use crate::scenario::{Platform, System};
use crate::units::{Bytes, GIB};

/// The part of unified memory that a GPU may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unified {
    /// Bytes that programs can use on the GPU.
    pub usable: Bytes,
    /// Bytes that they can use at most: Metal's working set is a recommendation, above which macOS
    /// may take memory back.
    pub most: Bytes,
    /// RAM of the host, without the firmware's carve-out for the GPU.
    pub ram: Bytes,
    /// Whether the GPU's memory is taken from that RAM.
    pub shared: bool,
    /// The rule that was applied.
    pub basis: &'static str,
}

/// Default of the firmware's carve-out: 512 MiB on Strix Halo.
const CARVE_OUT: Bytes = Bytes::mib(512);

/// Fraction of the RAM that the kernel sees: 127,440 of 131,072 MiB minus the carve-out on Strix
/// Halo.
const VISIBLE: f64 = 0.976;

/// The lowest observed fraction of the nominal capacity that `cudaMemGetInfo` reports.
const CUDA_VISIBLE: f64 = 0.93;

/// Applies the rule for `device` with `ram` bytes, of which `seen` are usable according to the
/// catalogue.
pub(super) fn rule(
    device: &Device,
    ram: Bytes,
    seen: Option<Bytes>,
    platform: &Platform,
) -> Unified {
    match device.vendor.as_str() {
        "Apple" => metal(ram, platform),
        "NVIDIA" => cuda(ram, seen),
        _ if platform.system == Some(System::Windows) => windows(ram, platform),
        _ => linux(ram, seen, platform),
    }
}

fn metal(ram: Bytes, platform: &Platform) -> Unified {
    let share = |n: u64, d: u64| Bytes((u128::from(ram.0) * u128::from(n) / u128::from(d)) as u64);
    let (usable, most, basis) = match (platform.limit, platform.system) {
        (Some(limit), _) if limit > Bytes::ZERO => {
            (limit.min(ram), limit.min(ram), "iogpu.wired_limit_mb as it is set")
        }
        (_, Some(System::Macos26)) => {
            let percent = match ram.0.div_ceil(GIB) {
                ..=24 => 74,
                25..=48 => 78,
                49..=96 => 81,
                _ => 84,
            };
            let basis = "Metal's recommended working set on macOS 26: 74 % of the RAM up to 24 GB, 78 % \
                 up to 48, 81 % up to 96, 84 % above. A recommendation, no limit; sudo sysctl \
                 iogpu.wired_limit_mb=N raises it";
            (share(percent, 100), ram, basis)
        }
        _ => {
            let usable = if ram.0 <= 32 * GIB { share(2, 3) } else { share(3, 4) };
            let basis = "Metal's recommended working set up to macOS 15: two thirds of the RAM up to \
                 32 GB, three quarters above; macOS 26 recommends more. A recommendation, no limit; \
                 sudo sysctl iogpu.wired_limit_mb=N raises it";
            (usable, ram, basis)
        }
    };
    Unified { usable, most, ram, shared: true, basis }
}

fn cuda(ram: Bytes, seen: Option<Bytes>) -> Unified {
    let (visible, basis) = match seen {
        Some(seen) => {
            (seen, "all that the system sees of the RAM, shared with it (cudaMemGetInfo)")
        }
        None => (
            ram.scale(CUDA_VISIBLE),
            "no figure seen: 93 % of the RAM, the least that cudaMemGetInfo reports on kindred \
             devices, shared with the system",
        ),
    };
    Unified { usable: visible, most: visible, ram: visible, shared: true, basis }
}

fn linux(ram: Bytes, seen: Option<Bytes>, platform: &Platform) -> Unified {
    let carve_out = platform.carve_out.unwrap_or(CARVE_OUT).min(ram);
    let rest = ram - carve_out;
    let (gtt, basis) = match (platform.limit, seen) {
        (Some(limit), _) if limit > Bytes::ZERO => {
            (limit.min(rest), "GTT as ttm.pages_limit sets it")
        }
        (_, Some(seen)) if platform.carve_out.is_none() => (seen, GTT),
        _ => (rest.scale(VISIBLE) / 2, GTT),
    };
    match carve_out > gtt {
        true => Unified {
            usable: carve_out,
            most: carve_out,
            ram: rest,
            shared: false,
            basis: "what the firmware sets aside for the GPU, more than its GTT",
        },
        false => Unified { usable: gtt, most: gtt, ram: rest, shared: true, basis },
    }
}

const GTT: &str = "GTT, by default half of the RAM that Linux sees; ttm.pages_limit raises it";

fn windows(ram: Bytes, platform: &Platform) -> Unified {
    let carve_out = platform.carve_out.unwrap_or(CARVE_OUT).min(ram);
    let usable = carve_out + (ram - carve_out) / 2;
    Unified {
        usable,
        most: usable,
        ram,
        shared: true,
        basis: "Windows: what the firmware sets aside for the GPU, and half of the rest",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn of(id: &str, gib: u64, platform: Platform) -> Unified {
        let device = Catalog::bundled().device(id).expect("it is in the catalogue");
        let seen = device.memory_usable_bytes.map(Bytes);
        rule(
            device,
            Bytes::gib(gib),
            seen.filter(|_| device.memory_gb == Some(gib as f64)),
            &platform,
        )
    }

    #[test]
    fn macs_wire_what_their_logs_say() {
        let usable = |gib, system| {
            let system = Some(system);
            of("apple-m4-max-40c", gib, Platform { system, ..Platform::default() }).usable
        };
        // Megabytes as llama.cpp prints `recommendedMaxWorkingSetSize`.
        let near = |bytes: Bytes, mb: f64| {
            assert!((bytes.0 as f64 / 1e6 - mb).abs() < 1.5, "{} instead of {mb} MB", bytes.0)
        };
        for (gib, mb) in [(16, 11_453.25), (36, 28_991.03), (128, 103_079.22)] {
            near(usable(gib, System::Macos15), mb);
        }
        for (gib, mb) in [
            (16, 12_713.12),
            (18, 14_302.25),
            (24, 19_069.67),
            (32, 26_800.60),
            (36, 30_150.67),
            (48, 40_200.90),
            (64, 55_662.79),
            (128, 115_448.73),
        ] {
            near(usable(gib, System::Macos26), mb);
        }
    }

    #[test]
    fn a_wired_limit_replaces_the_default() {
        let set = |limit| of("apple-m4-max-40c", 128, Platform { limit, ..Platform::default() });
        assert_eq!(set(Some(Bytes::gib(112))).usable, Bytes::gib(112));
        assert_eq!(set(Some(Bytes::gib(999))).usable, Bytes::gib(128));
        // 0 is how the sysctl says "the default".
        assert_eq!(set(Some(Bytes::ZERO)), set(None));
    }

    #[test]
    fn strix_halo_uses_gtt_or_its_carve_out() {
        let plain = of("strix-halo-395", 128, Platform::default());
        assert_eq!((plain.usable, plain.shared), (Bytes::mib(63_720), true));
        let carve_out = Some(Bytes::gib(96));
        let carved = of("strix-halo-395", 128, Platform { carve_out, ..Platform::default() });
        assert_eq!((carved.usable, carved.ram), (Bytes::gib(96), Bytes::gib(32)));
        assert!(!carved.shared);
        let limit = Some(Bytes::gib(120));
        let raised = of("strix-halo-395", 128, Platform { limit, ..Platform::default() });
        assert_eq!(raised.usable, Bytes::gib(120));
        let system = Some(System::Windows);
        let windows = of("strix-halo-395", 128, Platform { system, ..Platform::default() });
        assert_eq!(windows.usable, Bytes::mib(512 + (131_072 - 512) / 2));
    }

    #[test]
    fn nvidia_shares_all_that_the_system_sees() {
        let spark = of("dgx-spark-gb10", 128, Platform::default());
        assert_eq!((spark.usable, spark.ram), (Bytes::mib(124_610), Bytes::mib(124_610)));
        let orin = of("jetson-orin-nx-16gb", 16, Platform::default());
        assert!(orin.usable > Bytes::gib(14) && orin.usable < Bytes::gib(15));
    }
}
