//! The memory that an engine's log reports, set beside the estimate.
//!
//! Each family of engines has a file here, with excerpts of its logs as tests, and an entry in
//! `READERS`.

mod llama_cpp;
mod serving_engines;

use serde::Serialize;

use crate::float;
use crate::report::{BillItem, Cell, DeviceBill, Term};
use crate::units::{Bytes, Interval};

/// Reads the loads of a model that one family of engines prints; empty if the text is not of that
/// family.
type Reader = fn(&str) -> Vec<Load>;

/// The readers, in the order in which they are tried.
const READERS: &[Reader] = &[llama_cpp::read, serving_engines::read];

/// Most bytes of a log that are read: those at the end, since what was loaded last is what runs.
const LONGEST: usize = 1 << 20;

/// What a log reports of one model that was loaded.
type Load = Vec<LoggedMemory>;

/// The memory that an engine's log reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryLog {
    /// The models in the order in which they were loaded, each with its figures.
    loads: Vec<Load>,
}

/// One figure of a log: what a part of a model takes in one kind of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LoggedMemory {
    place: LoggedPlace,
    part: LoggedPart,
    bytes: Bytes,
}

/// The memory that a figure of a log is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoggedPlace {
    /// All devices together.
    Devices,
    /// The device that holds the most.
    EachDevice,
    /// The host's RAM.
    Host,
}

/// What the memory of a log's figure is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoggedPart {
    /// Model weights.
    Weights,
    /// KV cache and recurrent states of the users asked for.
    Cache,
    /// Compute buffers.
    Compute,
    /// Weights, cache and compute buffers, of a model and its draft.
    Total,
    /// What a serving engine has left for the cache of all users.
    Pool,
}

/// A figure of a log beside its estimate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MemoryComparison {
    /// The memory that it lies in.
    pub place: LoggedPlace,
    /// What it is for.
    pub part: LoggedPart,
    /// Bytes that the log reports.
    pub logged: Bytes,
    /// Bytes that are estimated.
    pub estimated: Interval<Bytes>,
}

impl MemoryComparison {
    /// Bytes of the log over those expected; `None` if none are expected.
    pub fn ratio(&self) -> Option<f64> {
        let expected = self.estimated.expected.0 as f64;
        (expected > 0.0).then(|| self.logged.0 as f64 / expected)
    }
}

impl MemoryLog {
    /// Reads the log of llama.cpp and what is built on it (buffers as they are allocated, the
    /// breakdown at the end, `llama-fit-params --fit-print on`), of Ollama's own engine, vLLM, SGLang
    /// or TensorRT-LLM. `None` if the text reports no memory.
    ///
    /// ```
    /// use headroom::memory_log::MemoryLog;
    ///
    /// let log = "load_tensors:        CUDA0 model buffer size =  4403.49 MiB\n\
    ///            llama_kv_cache:      CUDA0 KV buffer size =   512.00 MiB";
    /// assert!(MemoryLog::read(log).is_some());
    /// assert!(MemoryLog::read("srv  llama_server: loading model").is_none());
    /// ```
    pub fn read(text: &str) -> Option<MemoryLog> {
        let mut start = text.len().saturating_sub(LONGEST);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        let text = &text[start..];
        let mut loads = READERS.iter().map(|read| read(text));
        loads.find(|loads| !loads.is_empty()).map(|loads| MemoryLog { loads })
    }

    /// Sets what the log reports of the last model beside the estimates of a cell, as far as the cell
    /// has the same.
    pub fn beside(&self, cell: &Cell) -> Vec<MemoryComparison> {
        let items = cell.devices.iter().flat_map(|bill| &bill.items).chain(&cell.host.items);
        let has_draft = items.into_iter().any(|item| item.term == Term::Draft);
        let mut compared: Vec<MemoryComparison> = Vec::new();
        for &LoggedMemory { place, part, bytes } in self.running(has_draft) {
            // A draft's buffers are called like those of its model: only their sum can be compared.
            let part = match has_draft && place != LoggedPlace::EachDevice {
                true => LoggedPart::Total,
                false => part,
            };
            match compared.iter_mut().find(|known| (known.place, known.part) == (place, part)) {
                Some(known) => known.logged += bytes,
                None => {
                    let Some(estimated) = estimate(cell, place, part) else { continue };
                    compared.push(MemoryComparison { place, part, logged: bytes, estimated });
                }
            }
        }
        compared
    }

    /// The figures of what runs: the last model that was loaded and, if it is the draft of the one
    /// before, that one.
    fn running(&self, has_draft: bool) -> impl Iterator<Item = &LoggedMemory> {
        let weights = |load: &Load| -> Bytes {
            let weights = load.iter().filter(|memory| memory.part == LoggedPart::Weights);
            weights.map(|memory| memory.bytes).sum()
        };
        let models = match self.loads.as_slice() {
            // An engine that tries placements loads one model several times.
            [.., model, draft] if has_draft && weights(draft) < weights(model) => 2,
            _ => 1,
        };
        self.loads.iter().rev().take(models).flatten()
    }
}

/// Bytes that a cell estimates for a figure of a log; `None` if it has none to set beside it.
fn estimate(cell: &Cell, place: LoggedPlace, part: LoggedPart) -> Option<Interval<Bytes>> {
    let terms: &[Term] = match part {
        LoggedPart::Pool => {
            cell.cache_layout.reserved_fraction?;
            return Some(pool(cell.devices.first()?));
        }
        // Serving engines load the towers with the model; llama.cpp from a file of their own.
        LoggedPart::Weights if place == LoggedPlace::EachDevice => {
            &[Term::Weights, Term::TiedOutput, Term::Projector]
        }
        LoggedPart::Weights => &[Term::Weights, Term::TiedOutput],
        LoggedPart::Cache => &[Term::KvCache, Term::RecurrentState],
        LoggedPart::Compute => &[Term::Compute],
        LoggedPart::Total => &[
            Term::Weights,
            Term::TiedOutput,
            Term::KvCache,
            Term::RecurrentState,
            Term::Compute,
            Term::Draft,
        ],
    };
    let of = |items: &[BillItem]| -> Interval<Bytes> {
        let wanted = items.iter().filter(|item| terms.contains(&item.term));
        wanted.map(|item| item.bytes).sum()
    };
    let devices = cell.devices.iter().map(|bill| of(&bill.items));
    match place {
        LoggedPlace::Devices if cell.devices.is_empty() => None,
        LoggedPlace::Devices => Some(devices.sum()),
        LoggedPlace::EachDevice => devices.max_by_key(|bytes| bytes.expected),
        LoggedPlace::Host => Some(of(&cell.host.items)),
    }
}

/// What a serving engine has left for its cache on a device: what it may use without all that the
/// bill has but the cache.
fn pool(bill: &DeviceBill) -> Interval<Bytes> {
    let is_cached = |item: &&BillItem| matches!(item.term, Term::KvCache | Term::RecurrentState);
    let cached: Interval<Bytes> = bill.items.iter().filter(is_cached).map(|item| item.bytes).sum();
    let Interval { low, expected, high } = bill.needed_bytes();
    let left = |needed: Bytes| bill.usable_bytes - (needed - cached.expected);
    Interval { low: left(high), expected: left(expected), high: left(low) }
}

/// The size that a text begins with, such as `4403.49 MiB`, `12.66 GiB` or `8.23 GB`: engines on PyTorch
/// print GiB as GB.
fn size(text: &str) -> Option<Bytes> {
    const UNITS: [(&str, u64); 6] = [
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("MB", 1 << 20),
        ("GB", 1 << 30),
        ("KiB", 1 << 10),
        ("B", 1),
    ];
    let text = text.trim_start();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.')?);
    let (_, unit) = UNITS.iter().find(|(name, _)| unit.trim_start().starts_with(name))?;
    Some(Bytes(*unit).scale(float::parse(number)?))
}

/// The size right after `before`.
fn size_after(text: &str, before: &str) -> Option<Bytes> {
    size(text.split_once(before)?.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::estimate;
    use crate::scenario::Scenario;

    fn beside(log: &str, query: &str) -> Vec<MemoryComparison> {
        let (scenario, problems) = Scenario::from_query(query);
        assert_eq!(problems, [], "{query}");
        let cell = estimate::report(Catalog::bundled(), &scenario, Vec::new()).cells.remove(0);
        MemoryLog::read(log).unwrap().beside(&cell)
    }

    #[test]
    fn a_server_of_llama_cpp_allocated_what_is_estimated() {
        let log = include_str!("../../tests/data/llama-server-cpu.txt");
        let query = "model=qwen3-0.6b&hw=cpu-epyc-genoa-12ch&quant=F16&ctx=4096";
        let compared = beside(log, query);
        assert_eq!(compared.len(), 3);
        for MemoryComparison { place, part, logged, estimated } in compared {
            assert_eq!(place, LoggedPlace::Host);
            // The log has two digits of a MiB.
            let off = (logged.to_mib() - estimated.expected.to_mib()).abs();
            assert!(off < 0.006, "{part:?}: {logged:?} {estimated:?}");
        }
    }

    /// Llama-3.2-3B on an A100 of 40 GB under vLLM 0.8.1, as it was logged: 6.25 GiB of weights leave
    /// 23.46 GiB for the cache.
    #[test]
    fn a_server_of_vllm_had_the_pool_that_is_estimated() {
        let log = "INFO gpu_model_runner.py: Model loading took 6.2472 GB and 10.35 seconds\n\
                   INFO gpu_worker.py: Available KV cache memory: 23.46 GiB";
        let query = "model=llama-3.2-3b-instruct&hw=a100-sxm-40gb&quant=BF16&engine=vllm&ctx=2048&util=0.79&seqs=320&batched=2048";
        let compared = beside(log, query);
        let parts: Vec<LoggedPart> = compared.iter().map(|compared| compared.part).collect();
        assert_eq!(parts, [LoggedPart::Weights, LoggedPart::Pool]);
        for compared in compared {
            assert!((compared.ratio().unwrap() - 1.0).abs() < 0.05, "{compared:?}");
        }
    }

    #[test]
    fn the_buffers_of_a_draft_are_compared_with_those_of_its_model() {
        let log = "load_tensors:        CUDA0 model buffer size =  8000.00 MiB\n\
                   llama_kv_cache:      CUDA0 KV buffer size =   256.00 MiB\n\
                   load_tensors:        CUDA0 model buffer size =   500.00 MiB";
        let query = "model=qwen3-8b&hw=rtx-4090&quant=Q8_0&ctx=4k&draft=qwen3-0.6b";
        let compared = beside(log, query);
        let logged: Vec<_> = compared.iter().map(|c| (c.part, c.logged.to_mib())).collect();
        assert_eq!(logged, [(LoggedPart::Total, 8_756.0)]);
        // Without one, what was loaded last is what runs.
        let compared = beside(log, "model=qwen3-0.6b&hw=rtx-4090&quant=Q8_0&ctx=4k");
        let logged: Vec<_> = compared.iter().map(|c| (c.part, c.logged.to_mib())).collect();
        assert_eq!(logged, [(LoggedPart::Weights, 500.0)]);
    }

    #[test]
    fn whatever_is_pasted_is_read_without_a_panic() {
        for text in [
            "",
            "buffer size = MiB",
            " buffer size =",
            "| - |",
            "x model buffer size = 99999999999999999999 GiB",
            "Host 1 2 99999999999999999999999",
            "size=\"",
            "\u{feff}é | - é ( | (",
        ] {
            let _ = MemoryLog::read(text);
        }
        let long = "é".repeat(LONGEST);
        assert_eq!(MemoryLog::read(&long[..]), None);
        let last = format!("{long}\nllama_kv_cache: CUDA0 KV buffer size = 1.00 MiB");
        assert!(MemoryLog::read(&last).is_some());
    }
}
