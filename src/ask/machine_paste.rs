//! What a computer prints of its devices, turned into a machine: `nvidia-smi`, `rocm-smi`,
//! `system_profiler`, `llama-server --list-devices` and `lspci`.

use serde::{Deserialize, Serialize};

use super::names::NAMES;
use super::{LONGEST, ask};
use crate::catalog::{Catalog, Device, DeviceKind};
use crate::float;
use crate::scenario::{DeviceCount, Machine};

/// The machine that a text describes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastedMachine {
    /// The program that printed the text; `None` if it is none that is known.
    pub tool: Option<String>,
    /// `hw`, and where the text tells what is free `reserve`, as a query string; empty if no device
    /// was found.
    pub query: String,
    /// The devices, in the order of the text.
    pub devices: Vec<PastedDevice>,
}

/// A device that a text names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastedDevice {
    /// The name as printed.
    pub name: String,
    /// The ids that it can be, best first; empty if no device is called so.
    pub options: Vec<String>,
    /// Its memory in MiB, if that was printed.
    pub total_mib: Option<u64>,
    /// Memory that others use, in MiB, if that was printed.
    pub used_mib: Option<u64>,
}

/// A reader of one program's output: its name, and the devices that it lists.
type Reader = (&'static str, fn(&str) -> Vec<PastedDevice>);

/// The programs; the first that finds a device has printed the text.
const READERS: &[Reader] = &[
    ("llama-server --list-devices", llama_devices),
    ("rocm-smi", rocm_smi),
    ("nvidia-smi", nvidia_smi),
    ("system_profiler", system_profiler),
    ("lspci", lspci),
];

/// Most devices of a machine that are read.
const MOST: usize = 64;

/// Reads the machine that a program printed. Never fails: what is not understood is not in it.
///
/// ```
/// let text = "  CUDA0: NVIDIA GeForce RTX 3090 (24135 MiB, 23111 MiB free)\n  CUDA1: NVIDIA GeForce RTX 3090 (24135 MiB, 24000 MiB free)";
/// let machine = headroom::ask::pasted_machine(text);
/// assert_eq!(machine.query, "hw=rtx-3090*2&reserve=1GiB");
/// ```
pub fn pasted_machine(text: &str) -> PastedMachine {
    let mut end = text.len().min(LONGEST * 4);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    let found = READERS.iter().find_map(|(tool, read)| {
        let mut devices = read(text);
        devices.truncate(MOST);
        (!devices.is_empty()).then_some((*tool, devices))
    });
    let Some((tool, mut devices)) = found else { return PastedMachine::default() };
    for device in &mut devices {
        device.resolve();
    }
    let mut machine = Machine { devices: Vec::new() };
    for device in &devices {
        let Some(id) = device.options.first() else { continue };
        let (id, gb) = match id.split_once('@') {
            Some((id, gb)) => (id, gb.parse().ok()),
            None => (id.as_str(), None),
        };
        let same = |known: &&mut DeviceCount| known.id == id && known.memory_gb == gb;
        match machine.devices.iter_mut().find(same) {
            Some(known) => known.count += 1,
            None => machine.devices.push(DeviceCount { memory_gb: gb, ..DeviceCount::one(id) }),
        }
    }
    if machine.devices.is_empty() {
        return PastedMachine { tool: Some(tool.to_owned()), devices, ..PastedMachine::default() };
    }
    let mut query = format!("hw={}", machine.to_query());
    // Of several devices the one with the least left: a setting is for each of them. A driver's own
    // few megabytes are in what is usable already.
    let used = devices.iter().filter_map(|device| device.used_mib).max().unwrap_or(0);
    if used > OWN_MIB {
        let reserve = match used % 1024 {
            0 => format!("{}GiB", used / 1024),
            _ => format!("{used}MiB"),
        };
        query.push_str(&format!("&reserve={reserve}"));
    }
    PastedMachine { tool: Some(tool.to_owned()), query, devices }
}

/// Memory that a driver uses with nothing loaded, in MiB.
const OWN_MIB: u64 = 600;

impl PastedDevice {
    /// The device that a driver, or a browser, calls `name`.
    pub fn of_driver(name: &str) -> PastedDevice {
        let mut device = PastedDevice::named(name);
        device.resolve();
        device
    }

    fn named(name: &str) -> PastedDevice {
        PastedDevice { name: name.trim().to_owned(), ..PastedDevice::default() }
    }

    /// Finds the devices that it can be, those with its memory first.
    fn resolve(&mut self) {
        if !self.options.is_empty() || self.name.is_empty() {
            return;
        }
        let asked = ask(&self.name);
        let told = asked.understood.iter().filter(|part| part.key == "hw");
        let told = told.map(|part| part.value.clone());
        let chosen = asked.choices.iter().filter(|choice| choice.key == "hw");
        let mut options: Vec<String> =
            told.chain(chosen.flat_map(|choice| choice.options.clone())).collect();
        options.dedup();
        let catalog = Catalog::bundled();
        let device = |option: &str| {
            let id = option.split(['@', '*']).next().unwrap_or(option);
            catalog.device(id)
        };
        // A CPU beside them is no part of the machine's devices.
        options.retain(|option| device(option).is_some_and(|d| d.kind != DeviceKind::Cpu));
        if let Some(total) = self.total_mib {
            let gib = total as f64 / 1024.0;
            let has = |gb: f64| (gib / gb.max(0.1) - 1.0).abs() < 0.12;
            // Told by its memory, one of the same chip.
            let fits =
                |option: &String| device(option).is_some_and(|d| d.memory_gb.is_some_and(has));
            let is_any = options.iter().any(fits);
            options.retain(|option| !is_any || fits(option));
        }
        self.options = options;
    }
}

/// The number in front of a unit: `24564MiB`.
fn number_before(text: &str, unit: &str) -> Option<u64> {
    let at = text.find(unit)?;
    let digits = text[..at].trim_end();
    let from = digits.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    digits.get(from..)?.parse().ok()
}

/// `nvidia-smi`: its table, `-L`, and `--query-gpu=name,memory.total,memory.used --format=csv`.
fn nvidia_smi(text: &str) -> Vec<PastedDevice> {
    let mut devices: Vec<PastedDevice> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        // GPU 0: NVIDIA GeForce RTX 4090 (UUID: GPU-...)
        if let Some(rest) = line.strip_prefix("GPU ")
            && let Some((number, name)) = rest.split_once(':')
            && number.bytes().all(|b| b.is_ascii_digit())
        {
            let name = name.split("(UUID").next().unwrap_or(name);
            devices.push(PastedDevice::named(name));
            continue;
        }
        if let Some(row) = line.strip_prefix('|') {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let first = cells.first().copied().unwrap_or_default();
            // |   0  NVIDIA GeForce RTX 4090        Off |
            if let Some((number, name)) = first.split_once(char::is_whitespace)
                && number.bytes().all(|b| b.is_ascii_digit())
                && !number.is_empty()
                && cells.get(1).is_some_and(|bus| bus.contains(':') && bus.contains('.'))
            {
                let words: Vec<&str> = name.split_whitespace().collect();
                let is_mode = |word: &&str| matches!(*word, "On" | "Off" | "N/A" | "WDDM" | "TCC");
                let kept = words.iter().take_while(|word| !is_mode(word)).copied();
                let name = kept.collect::<Vec<_>>().join(" ");
                devices.push(PastedDevice::named(name.trim_end_matches("...")));
                continue;
            }
            // |  0%  45C  P8  21W / 450W |   1024MiB / 24564MiB |
            let memory = cells.iter().find(|cell| cell.matches("MiB").count() == 2);
            if let Some((used, total)) = memory.and_then(|cell| cell.split_once('/'))
                && let Some(device) = devices.last_mut()
                && device.total_mib.is_none()
            {
                device.used_mib = number_before(used, "MiB");
                device.total_mib = number_before(total, "MiB");
            }
            continue;
        }
        // NVIDIA GeForce RTX 4090, 24564 MiB, 1024 MiB
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let is_csv = cells.len() > 1
            && (cells[0].starts_with("NVIDIA") || cells[0].starts_with("Tesla"))
            && cells[1..].iter().all(|cell| cell.ends_with("MiB"));
        if is_csv {
            let of = |at: usize| cells.get(at).and_then(|cell| number_before(cell, "MiB"));
            devices.push(PastedDevice {
                total_mib: of(1),
                used_mib: of(2),
                ..PastedDevice::named(cells[0])
            });
        }
    }
    devices
}

/// `llama-server --list-devices`: `CUDA0: NVIDIA GeForce RTX 4090 (24080 MiB, 23700 MiB free)`.
fn llama_devices(text: &str) -> Vec<PastedDevice> {
    let device = |line: &str| {
        let (backend, rest) = line.trim().split_once(':')?;
        let (name, memory) = rest.rsplit_once('(')?;
        let is_backend = backend.bytes().all(|b| b.is_ascii_alphanumeric()) && !backend.is_empty();
        let (total, free) = memory.split_once(',')?;
        let free = free.trim().strip_suffix(')').filter(|free| free.ends_with("free"))?;
        let (total, free) = (number_before(total, "MiB")?, number_before(free, "MiB")?);
        let is_host = matches!(backend, "CPU" | "BLAS" | "RPC");
        // Vulkan adds the driver: AMD Radeon RX 7900 XTX (RADV NAVI31).
        let name = name.split(" (").next().unwrap_or(name);
        (is_backend && !is_host).then(|| PastedDevice {
            total_mib: Some(total),
            used_mib: Some(total.saturating_sub(free)),
            ..PastedDevice::named(name)
        })
    };
    let mut devices: Vec<PastedDevice> = text.lines().filter_map(device).collect();
    for device in &mut devices {
        // Metal tells what the GPU may use of the memory of the whole machine.
        if device.name.starts_with("Apple") {
            device.total_mib = None;
            device.used_mib = None;
        }
    }
    devices
}

/// `rocm-smi --showproductname --showmeminfo vram`: lines `GPU[0] : Card Series: ...`.
fn rocm_smi(text: &str) -> Vec<PastedDevice> {
    let mut found: Vec<(String, PastedDevice)> = Vec::new();
    for line in text.lines() {
        let Some((gpu, rest)) = line.trim().strip_prefix("GPU[").and_then(|l| l.split_once(']'))
        else {
            continue;
        };
        let rest = rest.trim_start().trim_start_matches(':').trim();
        let Some((key, value)) = rest.split_once(':') else { continue };
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
        let at = match found.iter().position(|(known, _)| known == gpu) {
            Some(at) => at,
            None => {
                found.push((gpu.to_owned(), PastedDevice::default()));
                found.len() - 1
            }
        };
        let device = &mut found[at].1;
        let mib = || value.parse::<u64>().ok().map(|bytes| bytes >> 20);
        match key.as_str() {
            // The series says what people call it; on some cards it is the model alone.
            "card series" | "device name" if !value.starts_with("0x") && value != "N/A" => {
                device.name = value.to_owned();
            }
            "card model" if device.name.is_empty() && !value.starts_with("0x") => {
                device.name = value.to_owned();
            }
            "vram total memory (b)" => device.total_mib = mib(),
            "vram total used memory (b)" => device.used_mib = mib(),
            _ => {}
        }
    }
    let devices = found.into_iter().map(|(_, device)| device);
    devices.filter(|device| !device.name.is_empty()).collect()
}

/// `system_profiler SPHardwareDataType SPDisplaysDataType`: the chip, its cores, the memory.
fn system_profiler(text: &str) -> Vec<PastedDevice> {
    let value = |line: &str, key: &str| {
        let (found, value) = line.trim().split_once(':')?;
        (found.trim() == key).then(|| value.trim().to_owned())
    };
    let all = |key: &str| text.lines().filter_map(|line| value(line, key)).collect::<Vec<_>>();
    let memory = all("Memory").first().and_then(|memory| float::parse(memory.split(' ').next()?));
    let chip = all("Chip").into_iter().next();
    let models = all("Chipset Model");
    let chip = chip.or_else(|| models.iter().find(|name| name.starts_with("Apple")).cloned());
    if let Some(chip) = chip.filter(|chip| chip.starts_with("Apple")) {
        // The cores of the processor are told as 16 (12 performance and 4 efficiency).
        let cores = all("Total Number of Cores")
            .into_iter()
            .find_map(|cores| cores.parse::<u32>().ok().filter(|_| !models.is_empty()));
        return vec![apple(&chip, cores, memory)];
    }
    let vram = all("VRAM (Total)");
    let vram = |at: usize| {
        let (number, unit) = vram.get(at)?.split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        Some(if unit.starts_with("GB") { number << 10 } else { number })
    };
    let device = |(at, name): (usize, String)| PastedDevice {
        total_mib: vram(at),
        ..PastedDevice::named(&name)
    };
    models.into_iter().enumerate().map(device).collect()
}

/// The devices of an Apple chip with these GPU cores and this memory.
fn apple(chip: &str, cores: Option<u32>, memory_gb: Option<f64>) -> PastedDevice {
    let id = chip.to_ascii_lowercase().replace(' ', "-");
    let is_chip = |device: &Device| {
        let rest = device.id.strip_prefix(&id);
        rest.is_some_and(|rest| {
            rest.is_empty() || rest[1..].starts_with(|c: char| c.is_ascii_digit())
        })
    };
    let mut devices = NAMES.devices(is_chip);
    let has_cores = |device: &&Device| cores.is_some_and(|n| device.compute_units == Some(n));
    if devices.iter().any(&has_cores) {
        devices.retain(|device| has_cores(device));
    }
    let sold = |device: &Device| {
        memory_gb.filter(|gb| device.memory_options_gb.contains(gb)).map(|gb| gb as u32)
    };
    if devices.iter().any(|device| sold(device).is_some()) {
        devices.retain(|device| sold(device).is_some());
    }
    let written = |device: &&Device| {
        DeviceCount { memory_gb: sold(device), ..DeviceCount::one(&device.id) }.to_string()
    };
    let options = devices.iter().map(written).collect();
    let total_mib = memory_gb.map(|gb| (gb * 1024.0) as u64);
    PastedDevice { options, total_mib, ..PastedDevice::named(chip) }
}

/// `lspci`: `01:00.0 VGA compatible controller: NVIDIA Corporation AD102 [GeForce RTX 4090]`.
fn lspci(text: &str) -> Vec<PastedDevice> {
    const KINDS: &[&str] = &[
        "VGA compatible controller",
        "3D controller",
        "Display controller",
        "Processing accelerators",
    ];
    let device = |line: &str| {
        let at = KINDS.iter().find_map(|kind| Some(line.find(kind)? + kind.len()))?;
        let rest = line.get(at..)?.split_once(':')?.1;
        let rest = rest.split("(rev").next().unwrap_or(rest);
        let maker = ["NVIDIA", "AMD", "Intel"].into_iter().find(|maker| rest.contains(maker))?;
        // The name people know is in the last brackets.
        let inner = rest.rfind('[').zip(rest.rfind(']')).filter(|(from, to)| from < to);
        let name = inner.and_then(|(from, to)| rest.get(from + 1..to)).unwrap_or(rest.trim());
        // Of several that share a number the last has the most memory: RX 7900 XT/7900 XTX/7900M.
        let name = match name.split_once('/') {
            Some((first, rest)) if !name.contains("AMD/") => {
                let second = rest.split('/').next().unwrap_or(rest);
                let brand = first.rsplit_once(' ');
                match (first.split_whitespace().last(), brand) {
                    (Some(_), Some(_)) if second.starts_with(|c: char| c.is_ascii_digit()) => {
                        let series: Vec<&str> = first
                            .split_whitespace()
                            .take_while(|word| !word.starts_with(|c: char| c.is_ascii_digit()))
                            .collect();
                        format!("{} {second}", series.join(" "))
                    }
                    _ => first.to_owned(),
                }
            }
            _ => name.to_owned(),
        };
        let is_told = name.contains(|c: char| c.is_ascii_digit());
        is_told.then(|| PastedDevice::named(&format!("{maker} {name}")))
    };
    text.lines().filter_map(device).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_print_is_a_machine() {
        for (tool, text, query) in CASES {
            let machine = pasted_machine(text);
            assert_eq!(machine.tool.as_deref(), Some(*tool), "{text}");
            assert_eq!(machine.query, *query, "{text}\n{:?}", machine.devices);
            // Whatever line endings it was copied with.
            let windows = text.replace('\n', "\r\n");
            assert_eq!(pasted_machine(&windows).query, *query);
            let (scenario, problems) = crate::scenario::Scenario::from_query(query);
            assert_eq!(problems, [], "{query}");
            let known = scenario.machines[0].devices.iter();
            assert!(known.clone().all(|d| Catalog::bundled().device(&d.id).is_some()), "{query}");
        }
    }

    #[test]
    fn text_of_no_program_is_no_machine() {
        for text in ["", "hello", "GPU", "GPU[", "| 0 |", "CUDA0: x (1 MiB, 2 MiB)", "VGA: "] {
            assert_eq!(pasted_machine(text), PastedMachine::default(), "{text}");
        }
        let strange = pasted_machine("GPU 0: Frobnicator 9 (UUID: GPU-1)");
        assert_eq!((strange.query.as_str(), strange.devices.len()), ("", 1));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,80}", at in 0usize..CASES.len(), cut in 0usize..2000) {
            pasted_machine(&text);
            let (_, known, _) = CASES[at];
            let part: String = known.chars().take(cut).chain(text.chars()).collect();
            pasted_machine(&part);
        }
    }

    /// Program, what it printed, the query.
    const CASES: &[(&str, &str, &str)] = &[
        (
            "nvidia-smi",
            "+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 570.86.10              Driver Version: 570.86.10      CUDA Version: 12.8     |
|-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|=========================================+========================+======================|
|   0  NVIDIA GeForce RTX 4090        Off |   00000000:01:00.0  On |                  Off |
|  0%   45C    P8             21W /  450W |    1536MiB /  24564MiB |      3%      Default |
|                                         |                        |                  N/A |
+-----------------------------------------+------------------------+----------------------+
|   1  NVIDIA GeForce RTX 4090        Off |   00000000:02:00.0 Off |                  Off |
|  0%   40C    P8             18W /  450W |       2MiB /  24564MiB |      0%      Default |
+-----------------------------------------------------------------------------------------+
| Processes:                                                                              |
|    0   N/A  N/A      2313      G   /usr/lib/xorg/Xorg                            300MiB |
+-----------------------------------------------------------------------------------------+",
            "hw=rtx-4090*2&reserve=1536MiB",
        ),
        (
            "nvidia-smi",
            "|   0  Tesla V100-SXM2-32GB           On  | 00000000:00:1E.0 Off |                    0 |
| N/A   35C    P0              42W / 300W |      0MiB / 32768MiB |      0%      Default |",
            "hw=tesla-v100-sxm2-32gb",
        ),
        (
            "nvidia-smi",
            "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-5e3)\nGPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-6e3)",
            "hw=h100-sxm*2",
        ),
        (
            "nvidia-smi",
            "name, memory.total [MiB], memory.used [MiB]\nNVIDIA GeForce RTX 3060, 12288 MiB, 700 MiB",
            "hw=rtx-3060-12gb&reserve=700MiB",
        ),
        (
            "llama-server --list-devices",
            "Available devices:
  CUDA0: NVIDIA GeForce RTX 5090 (32109 MiB, 31600 MiB free)
  CUDA1: NVIDIA GeForce RTX 3090 (24135 MiB, 23870 MiB free)",
            "hw=rtx-5090,rtx-3090",
        ),
        (
            "llama-server --list-devices",
            "  Vulkan0: AMD Radeon RX 7900 XTX (RADV NAVI31) (24560 MiB, 22512 MiB free)",
            "hw=rx-7900-xtx&reserve=2GiB",
        ),
        (
            "rocm-smi",
            "============================ ROCm System Management Interface ============================
GPU[0]\t\t: Card Series: \t\tRadeon RX 7900 XTX
GPU[0]\t\t: Card Model: \t\t0x744c
GPU[0]\t\t: Card Vendor: \t\tAdvanced Micro Devices, Inc. [AMD/ATI]
GPU[0]\t\t: VRAM Total Memory (B): 25753026560
GPU[0]\t\t: VRAM Total Used Memory (B): 27676672
==========================================================================================",
            "hw=rx-7900-xtx",
        ),
        (
            "system_profiler",
            "Hardware:\n\n    Hardware Overview:\n\n      Model Name: MacBook Pro\n      Chip: Apple M3 Max
      Total Number of Cores: 16 (12 performance and 4 efficiency)\n      Memory: 64 GB
Graphics/Displays:\n\n    Apple M3 Max:\n\n      Chipset Model: Apple M3 Max
      Type: GPU\n      Bus: Built-In\n      Total Number of Cores: 40",
            "hw=apple-m3-max-40c@64",
        ),
        (
            "lspci",
            "00:02.0 VGA compatible controller: Intel Corporation Raptor Lake-S UHD Graphics (rev 04)
01:00.0 VGA compatible controller: NVIDIA Corporation AD102 [GeForce RTX 4090] (rev a1)
01:00.1 Audio device: NVIDIA Corporation AD102 High Definition Audio Controller (rev a1)",
            "hw=rtx-4090",
        ),
        (
            "lspci",
            "03:00.0 VGA compatible controller: Advanced Micro Devices, Inc. [AMD/ATI] Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M] (rev c8)",
            "hw=rx-7900-xtx",
        ),
    ];
}
