//! Logs of llama.cpp and of what is built on it, and of Ollama's own engine: a line for each buffer,
//! and tables of them.

use super::{Load, LoggedMemory, LoggedPart, LoggedPlace, size, size_after};
use crate::units::Bytes;

/// A buffer that a log names.
struct Buffer<'a> {
    /// Its name, such as `CUDA0` or `CPU_Mapped`.
    name: &'a str,
    part: LoggedPart,
    bytes: Bytes,
}

/// Reads the buffers of each model that was loaded; without those, the last table of them.
pub(super) fn read(text: &str) -> Vec<Load> {
    let loads = buffers(text);
    if !loads.is_empty() {
        return loads.iter().map(|buffers| summed(buffers)).collect();
    }
    let table = [breakdown(text), fit_print(text)].into_iter().find(|table| !table.is_empty());
    table.map(|table| summed(&table)).into_iter().collect()
}

/// The buffers of each model that was loaded, as llama.cpp's log names them when they are allocated.
fn buffers(text: &str) -> Vec<Vec<Buffer<'_>>> {
    let mut loads: Vec<Vec<Buffer<'_>>> = Vec::new();
    // Where the buffers of the current context begin.
    let mut context = 0;
    for buffer in text.lines().filter_map(|line| llama_buffer(line).or_else(|| ollama_buffer(line)))
    {
        let last = loads.last().and_then(|load| load.last()).map(|buffer| buffer.part);
        let is_new_load = buffer.part == LoggedPart::Weights && last != Some(LoggedPart::Weights);
        if is_new_load || loads.is_empty() {
            loads.push(Vec::new());
            context = 0;
        }
        let Some(load) = loads.last_mut() else { continue };
        if buffer.part == LoggedPart::Cache && last == Some(LoggedPart::Compute) {
            context = load.len();
        }
        // A graph that is planned anew has its buffer instead of the one before.
        let is_same =
            |known: &&mut Buffer<'_>| known.part == buffer.part && known.name == buffer.name;
        let known = load[context..].iter_mut().find(is_same);
        match known.filter(|_| buffer.part == LoggedPart::Compute) {
            Some(known) => *known = buffer,
            None => load.push(buffer),
        }
    }
    loads
}

/// Reads `load_tensors:   CUDA0 model buffer size =  4403.49 MiB`.
fn llama_buffer(line: &str) -> Option<Buffer<'_>> {
    let (before, after) = line.split_once(" buffer size =")?;
    let mut words = before.split_whitespace().rev();
    let part = match words.next()? {
        "model" => LoggedPart::Weights,
        "KV" | "RS" => LoggedPart::Cache,
        "compute" => LoggedPart::Compute,
        _ => return None,
    };
    Some(Buffer { name: words.next()?, part, bytes: size(after)? })
}

/// Reads `msg="model weights" device=CUDA0 size="4.3 GiB"`.
fn ollama_buffer(line: &str) -> Option<Buffer<'_>> {
    const PARTS: [(&str, LoggedPart); 3] = [
        ("msg=\"model weights\"", LoggedPart::Weights),
        ("msg=\"kv cache\"", LoggedPart::Cache),
        ("msg=\"compute graph\"", LoggedPart::Compute),
    ];
    let (_, part) = PARTS.into_iter().find(|(message, _)| line.contains(message))?;
    let keys = ["device=", "buffer=", "buffer_type="];
    let name = keys.iter().find_map(|key| line.split_once(key))?.1;
    Some(Buffer {
        name: name.split_whitespace().next()?,
        part,
        bytes: size_after(line, "size=\"")?,
    })
}

/// The last table that llama.cpp prints as it fits a model and as it ends:
/// `|   - CUDA0 (RTX 4090)   | 24080 = 9436 + (14193 = 13169 +      38 +     985) +         451 |`
///
/// Source: `common_memory_breakdown_print` of llama.cpp, `common/fit.cpp`.
fn breakdown(text: &str) -> Vec<Buffer<'_>> {
    let mut table = Vec::new();
    for line in text.lines() {
        if line.contains("memory breakdown [MiB]") {
            table.clear();
        }
        let mut cells = line.split('|').map(str::trim);
        let Some(name) = cells.find_map(|cell| cell.strip_prefix("- ")) else { continue };
        let Some(figures) = cells.next() else { continue };
        // Of a device it begins with what it has in all, what is free, and the sum.
        let others = if figures.contains('(') { 3 } else { 1 };
        let numbers = figures.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
        let mib: Vec<&str> = numbers.skip(others).collect();
        table.extend(row(name.split(" (").next().unwrap_or(name), &mib));
    }
    table
}

/// What `llama-fit-params --fit-print on` prints, MiB of weights, cache and compute buffers of each
/// device and of the host: `CUDA0 13169 38 985`.
///
/// Source: `common_fit_print` of llama.cpp, `common/fit.cpp`. It plans logits for every token of a batch,
/// which a server does not, so its compute buffers are left out.
fn fit_print(text: &str) -> Vec<Buffer<'_>> {
    let mut table = Vec::new();
    let mut has_host = false;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        let mib: Vec<&str> = words.collect();
        if mib.len() == 3 && mib.iter().all(|word| word.bytes().all(|b| b.is_ascii_digit())) {
            table.extend(row(name, &mib[..2]));
            has_host |= name == "Host";
        }
    }
    if has_host { table } else { Vec::new() }
}

/// The buffers of a row: MiB of weights, cache and compute buffers.
fn row<'a>(name: &'a str, mib: &[&str]) -> Vec<Buffer<'a>> {
    let parts = [LoggedPart::Weights, LoggedPart::Cache, LoggedPart::Compute];
    let buffer = |(part, mib): (LoggedPart, &&str)| {
        Some(Buffer { name, part, bytes: Bytes::mib(mib.parse().ok()?) })
    };
    parts.into_iter().zip(mib).filter_map(buffer).collect()
}

/// The sums of buffers on all devices, and of those in the host's RAM.
fn summed(buffers: &[Buffer<'_>]) -> Load {
    let mut load = Load::new();
    for place in [LoggedPlace::Devices, LoggedPlace::Host] {
        for part in [LoggedPart::Weights, LoggedPart::Cache, LoggedPart::Compute] {
            // Where devices hold weights, what is mapped of the file is the span from the first to the last
            // tensor of the host, with those of devices between.
            let is_span = |buffer: &&Buffer<'_>| {
                buffer.name == "CPU_Mapped" && load.iter().any(|memory| memory.part == part)
            };
            let is_of = |buffer: &&Buffer<'_>| {
                let is_there = is_host(buffer.name) == (place == LoggedPlace::Host);
                buffer.part == part && is_there && !is_span(buffer)
            };
            let bytes = buffers.iter().filter(is_of).map(|buffer| buffer.bytes).sum();
            if bytes != Bytes::ZERO {
                load.push(LoggedMemory { place, part, bytes });
            }
        }
    }
    load
}

/// Whether a buffer lies in the host's RAM: `CPU`, `CPU_Mapped`, `CPU_REPACK`, `CUDA_Host`.
fn is_host(name: &str) -> bool {
    matches!(name, "Host" | "AMX") || name.starts_with("CPU") || name.ends_with("_Host")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mib(log: &str) -> Vec<Vec<(LoggedPlace, LoggedPart, f64)>> {
        let figure = |memory: &LoggedMemory| (memory.place, memory.part, memory.bytes.to_mib());
        read(log).iter().map(|load| load.iter().map(figure).collect()).collect()
    }

    use LoggedPart::{Cache, Compute, Weights};
    use LoggedPlace::{Devices, Host};

    #[test]
    fn buffers_add_up_over_devices_and_contexts() {
        let log = "load_tensors:          CPU model buffer size =    10.00 MiB\n\
                   load_tensors:   CPU_Mapped model buffer size =   682.03 MiB\n\
                   load_tensors:        CUDA0 model buffer size =  8000.50 MiB\n\
                   load_tensors:        CUDA1 model buffer size =  7000.00 MiB\n\
                   llama_context:  CUDA_Host  output buffer size =     0.95 MiB\n\
                   llama_kv_cache:      CUDA0 KV buffer size =   256.00 MiB\n\
                   llama_kv_cache:      CUDA1 KV buffer size =   256.00 MiB\n\
                   llama_memory_recurrent:      CUDA0 RS buffer size =    64.00 MiB\n\
                   sched_reserve:      CUDA0 compute buffer size =   300.00 MiB\n\
                   sched_reserve:  CUDA_Host compute buffer size =    20.00 MiB\n\
                   sched_reserve:      CUDA0 compute buffer size =   320.00 MiB\n\
                   llama_kv_cache:      CUDA0 KV buffer size =    16.00 MiB\n\
                   sched_reserve:      CUDA0 compute buffer size =    80.00 MiB";
        let expected = [
            (Devices, Weights, 15_000.5),
            (Devices, Cache, 592.0),
            (Devices, Compute, 400.0),
            (Host, Weights, 10.0),
            (Host, Compute, 20.0),
        ];
        assert_eq!(mib(log), [expected.to_vec()]);
    }

    #[test]
    fn each_model_is_a_load_of_its_own() {
        let log = "load_tensors:        CUDA0 model buffer size =  8000.00 MiB\n\
                   llama_kv_cache:      CUDA0 KV buffer size =   256.00 MiB\n\
                   load_tensors:        CUDA0 model buffer size =   500.00 MiB\n\
                   llama_kv_cache:      CUDA0 KV buffer size =    16.00 MiB";
        let first = vec![(Devices, Weights, 8_000.0), (Devices, Cache, 256.0)];
        assert_eq!(mib(log), [first, vec![(Devices, Weights, 500.0), (Devices, Cache, 16.0)]]);
    }

    #[test]
    fn the_last_table_counts() {
        let log = "common_memory_breakdown_print: | memory breakdown [MiB]  | total    free     self   model   context   compute       unaccounted |\n\
                   common_memory_breakdown_print: |   - CUDA0 (RTX 3090)    | 24124 = 23860 + (15946 = 15364 +     411 +     170) +      -15681 |\n\
                   common_memory_breakdown_print: |   - Host                |                    804 =   682 +       0 +     122                |\n\
                   llama_memory_breakdown_print: | memory breakdown [MiB] | total   free     self   model   context   compute    unaccounted |\n\
                   llama_memory_breakdown_print: |   - CUDA0 (RTX 5090)   | 32606 =  912 + (29598 = 26349 +    2647 +     601) +        2095 |\n\
                   llama_memory_breakdown_print: |   - Host               |                 31144 = 30940 +       0 +     203                |";
        let expected = [
            (Devices, Weights, 26_349.0),
            (Devices, Cache, 2_647.0),
            (Devices, Compute, 601.0),
            (Host, Weights, 30_940.0),
            (Host, Compute, 203.0),
        ];
        assert_eq!(mib(log), [expected.to_vec()]);
    }

    #[test]
    fn what_is_planned_has_no_compute_buffers_of_a_server() {
        let printed = "CUDA0 13169 38 985 \nCUDA1 13169 38 548 \nHost 682 0 122 ";
        let expected =
            [(Devices, Weights, 26_338.0), (Devices, Cache, 76.0), (Host, Weights, 682.0)];
        assert_eq!(mib(printed), [expected.to_vec()]);
        assert!(read("a 1 2 3\nb 4 5 6").is_empty());
    }

    #[test]
    fn ollama_names_buffers_in_fields() {
        let log = "time=2025-08-24T08:26:00.310Z level=INFO source=backend.go:310 msg=\"model weights\" device=CUDA0 size=\"4.5 GiB\"\n\
                   time=2025-08-24T08:26:00.310Z level=INFO source=backend.go:315 msg=\"model weights\" device=CPU size=\"292.0 MiB\"\n\
                   time=2025-08-24T08:26:00.310Z level=INFO source=backend.go:321 msg=\"kv cache\" device=CUDA0 size=\"936.0 MiB\"\n\
                   time=2025-08-24T08:26:00.310Z level=INFO source=backend.go:332 msg=\"compute graph\" device=CUDA0 size=\"98.0 MiB\"";
        let expected = [
            (Devices, Weights, 4_608.0),
            (Devices, Cache, 936.0),
            (Devices, Compute, 98.0),
            (Host, Weights, 292.0),
        ];
        assert_eq!(mib(log), [expected.to_vec()]);
    }
}
