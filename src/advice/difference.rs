//! Why two engines need different amounts of memory for the same model on the same machine: reasons
//! with amounts that add up to the difference.
//!
//! The cache is compared with what any engine needs: every token that attention can look back on,
//! once, in 16 bits. An engine's cache deviates from that by the type of its values, by what it
//! keeps in sliding-window layers, by expanded latents, by copies on several devices and, for the
//! rest, by whole blocks and steps.

use crate::architecture::Architecture;
use crate::engine::{LayerCache, expand_latents, layer_caches};
use crate::report::{CacheLayout, SlidingWindowCache};
use crate::report::{Cell, Term};
use crate::sort;
use crate::units::Bytes;

/// A reason why one cell needs more or less device memory than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The cause of the difference.
    pub cause: Cause,
    /// Additional bytes that the other cell needs for this cause; negative if it needs less.
    pub bytes: i64,
}

/// The cause of a difference between two cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Different sizes of the same tensors in two formats.
    Format,
    /// Tensors of the file that are left out, unpacked, repacked or replicated on every rank when
    /// loading.
    Loading,
    /// A second copy of a tied embedding table, used as the output head.
    TiedOutput,
    /// Weights, cache or buffers of layers and tables kept in RAM instead of on the devices.
    InRam(Term),
    /// Bits of a cached value: [`CacheLayout::key_bits`], [`CacheLayout::value_bits`].
    CacheType,
    /// Tokens kept by sliding-window layers: [`CacheLayout::sliding_window`].
    SlidingWindowCache,
    /// Latent attention cached as full keys and values: [`CacheLayout::latents_expanded`].
    Latents,
    /// Keys and values replicated on several ranks: [`CacheLayout::ranks`].
    Replicas,
    /// Whole blocks, padding, and the batch being computed on top of a window.
    Blocks,
    /// Another line of the bill.
    Term(Term),
}

/// Reasons why `other` needs more device memory than `this`, largest first.
///
/// They add up to the difference of [`Cell::device_bytes`]. Both cells run the model with
/// `architecture`, with `users` sequences of `context` tokens each.
pub fn difference(
    architecture: &Architecture,
    context: u64,
    users: u64,
    this: &Cell,
    other: &Cell,
) -> Vec<Reason> {
    let parts = [this, other].map(|cell| {
        let mut parts = weights(cell);
        parts.extend(cache(architecture, context, users, cell));
        for term in terms(cell) {
            match term {
                Term::Weights | Term::TiedOutput | Term::KvCache => {}
                _ => parts.push((Cause::Term(term), signed(in_all(cell, term)))),
            }
            parts.push((Cause::InRam(term), -signed(in_ram(cell, term))));
        }
        parts
    });
    let mut reasons: Vec<Reason> = Vec::new();
    for (sign, part) in [-1, 1].into_iter().zip(parts) {
        for (cause, bytes) in part {
            match reasons.iter_mut().find(|reason| reason.cause == cause) {
                Some(reason) => reason.bytes += sign * bytes,
                None => reasons.push(Reason { cause, bytes: sign * bytes }),
            }
        }
    }
    reasons.retain(|reason| reason.bytes != 0);
    sort::by_key(&mut reasons, |reason| {
        (std::cmp::Reverse(reason.bytes.unsigned_abs()), reason.cause)
    });
    reasons
}

/// Device memory that an engine reserves whatever the model, and the part that becomes extra cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Reserved fraction of each device, in thousandths.
    pub share: u64,
    /// Reserved bytes on all devices.
    pub taken: Bytes,
    /// Reserved bytes that the bill leaves over: cache beyond what the question needs.
    pub spare: Bytes,
}

/// Returns the pool of a cell whose engine reserves a fraction of each device at startup.
pub fn pool(cell: &Cell) -> Option<Pool> {
    let share = cell.cache_layout.reserved_fraction?;
    let used = cell.devices.iter().filter(|device| !device.items.is_empty());
    let (taken, needed) = used.fold((Bytes::ZERO, Bytes::ZERO), |(taken, needed), device| {
        (taken + device.usable_bytes, needed + device.used_bytes.expected)
    });
    (taken > needed).then_some(Pool { share, taken, spare: taken - needed })
}

/// Weights on devices and host.
fn weights(cell: &Cell) -> Vec<(Cause, i64)> {
    let file = signed(cell.weights_bytes);
    vec![
        (Cause::Format, file),
        (Cause::Loading, signed(in_all(cell, Term::Weights)) - file),
        (Cause::TiedOutput, signed(in_all(cell, Term::TiedOutput))),
    ]
}

/// The cache on devices and host.
fn cache(architecture: &Architecture, context: u64, users: u64, cell: &Cell) -> Vec<(Cause, i64)> {
    let layout = &cell.cache_layout;
    let total = signed(in_all(cell, Term::KvCache));
    let mut caches = layer_caches(architecture, 1);
    let bytes =
        |caches: &[LayerCache], layout: &CacheLayout| signed(bytes(caches, layout, context, users));
    let plain = CacheLayout { key_bits: 16.0, value_bits: 16.0, ..CacheLayout::default() };
    let typed = CacheLayout { sliding_window: SlidingWindowCache::WindowOnly, ..layout.clone() };
    let plain = bytes(&caches, &plain);
    let typed = bytes(&caches, &typed);
    let windowed = bytes(&caches, layout);
    if layout.latents_expanded {
        expand_latents(architecture, &mut caches);
    }
    let expanded = bytes(&caches, layout);
    // An engine that splits every layer rounds heads up to one a rank and keeps latents on each
    // rank.
    let ranked = match layout.ranks {
        ranks @ 2.. if !layout.latents_expanded => {
            bytes(&layer_caches(architecture, ranks), layout).saturating_mul(ranks as i64)
        }
        _ => expanded,
    };
    vec![
        (Cause::CacheType, typed - plain),
        (Cause::SlidingWindowCache, windowed - typed),
        (Cause::Latents, expanded - windowed),
        (Cause::Replicas, ranked - expanded),
        (Cause::Blocks, total - ranked),
    ]
}

/// Bytes of `caches` in an engine with `layout`, without rounding.
fn bytes(caches: &[LayerCache], layout: &CacheLayout, context: u64, users: u64) -> Bytes {
    let layer = |cache: &LayerCache| {
        let entries = match cache.window {
            Some(window) if cache.ratio <= 1 => layout.sliding_window.tokens(context, window),
            _ => cache.entries(context),
        };
        let keys = (cache.kv_heads * cache.key + cache.index_key) as f64 * layout.key_bits;
        let values = (cache.kv_heads * cache.value) as f64 * layout.value_bits;
        (keys + values) / 8.0 * entries as f64 * users as f64
    };
    Bytes(caches.iter().map(layer).sum::<f64>() as u64)
}

/// The distinct terms of a cell's bills.
fn terms(cell: &Cell) -> Vec<Term> {
    let devices = cell.devices.iter().flat_map(|device| &device.items);
    let mut terms: Vec<Term> = devices.chain(&cell.host.items).map(|item| item.term).collect();
    sort::distinct(&mut terms);
    terms
}

/// Bytes of `term` on devices and host. The operating system's share is not part of the model.
fn in_all(cell: &Cell, term: Term) -> Bytes {
    let devices = cell.devices.iter().flat_map(|device| &device.items);
    let on_devices: Bytes =
        devices.filter(|item| item.term == term).map(|item| item.bytes.expected).sum();
    on_devices + on_host(cell, term)
}

/// Bytes of `term` in RAM on a machine that has devices.
fn in_ram(cell: &Cell, term: Term) -> Bytes {
    if cell.devices.is_empty() { Bytes::ZERO } else { on_host(cell, term) }
}

fn on_host(cell: &Cell, term: Term) -> Bytes {
    let items = cell.host.items.iter().filter(|item| item.term == term);
    match term {
        Term::OperatingSystem => Bytes::ZERO,
        _ => items.map(|item| item.bytes.expected).sum(),
    }
}

fn signed(Bytes(n): Bytes) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::estimate::report;
    use crate::scenario::Scenario;

    /// The cells of a question, with the reasons for each pair of cells of one model and machine.
    fn reasons(query: &str) -> Vec<(Cell, Cell, Vec<Reason>)> {
        let (scenario, problems) = Scenario::from_query(query);
        assert_eq!(problems, []);
        let cells = report(Catalog::bundled(), &scenario, problems).cells;
        let mut out = Vec::new();
        for this in &cells {
            for other in &cells {
                if (&this.model, &this.hardware) != (&other.model, &other.hardware) {
                    continue;
                }
                let model = Catalog::bundled().model(&this.model).unwrap();
                let reasons =
                    difference(model.architecture(), scenario.context, scenario.users, this, other);
                out.push((this.clone(), other.clone(), reasons));
            }
        }
        out
    }

    /// The bytes of `cause` between the engines `this` and `other`.
    fn due(query: &str, this: &str, other: &str, cause: Cause) -> i64 {
        let all = reasons(query);
        let found =
            all.iter().find(|(a, b, _)| a.engine.name() == this && b.engine.name() == other);
        let (_, _, reasons) = found.expect("both engines run it");
        reasons.iter().find(|r| r.cause == cause).map_or(0, |r| r.bytes)
    }

    const ALL: &str = "engine=llama.cpp,ollama,lmstudio,koboldcpp,vllm,sglang,tensorrt-llm,mlx,\
                       transformers,exllamav3";

    #[test]
    fn the_reasons_add_up_whatever_is_asked() {
        let models = "model=qwen3-30b-a3b,gemma-3-27b-it,deepseek-v3,gpt-oss-20b,mamba-2.8b-hf,\
                      llama-3.1-8b-instruct,granite-4.0-h-small,qwen3-next-80b-a3b-instruct";
        let machines = "hw=rtx-4090;h100-sxm5-80gb*2;apple-m4-max-40c@64;rtx-3090*3,rtx-4090";
        let mut compared = 0;
        for rest in [
            "",
            "ctx=100000&users=3",
            "kv=q8_0&offload=experts",
            "ctx=1&users=7",
            "reserve=1GiB&display=linux&lora=16",
        ] {
            for (this, other, reasons) in
                reasons(&format!("{models}&{machines}&{ALL}&quant=BF16,Q4_K_M&{rest}"))
            {
                let sum: i64 = reasons.iter().map(|reason| reason.bytes).sum();
                let [a, b] = [&this, &other].map(|cell| signed(cell.device_bytes.expected));
                assert_eq!(sum, b - a, "{} {} {}", this.model, this.engine, other.engine);
                let sizes = || reasons.iter().map(|reason| reason.bytes.unsigned_abs());
                assert!(sizes().is_sorted_by(|a, b| a >= b));
                assert!(sizes().all(|size| size > 0));
                compared += 1;
            }
        }
        assert!(compared > 1000, "{compared}");
    }

    #[test]
    fn engines_that_keep_the_whole_context_in_windows_are_told() {
        let query = format!("model=gemma-3-27b-it&hw=h100-sxm5-80gb&quant=BF16&{ALL}&ctx=131072");
        let windows = |other| due(&query, "llama.cpp", other, Cause::SlidingWindowCache);
        // 52 of 62 layers: 131072 - 1024 tokens of 2 x 16 heads x 128 values in 16 bits.
        assert_eq!(windows("exllamav3"), 52 * (131_072 - 1024) * 2 * 16 * 128 * 2);
        assert_eq!(windows("koboldcpp"), 0);
        assert_eq!(windows("vllm"), 0);
        assert_eq!(windows("sglang"), 52 * (131_072 * 4 / 5 - 1024) * 2 * 16 * 128 * 2);
    }

    #[test]
    fn latents_formats_types_and_ranks_are_told() {
        let v3 = "model=deepseek-v3&hw=b200*8&quant=BF16&engine=llama.cpp,transformers,vllm";
        // 61 layers of 128 heads with 192 + 128 values instead of a latent of 512 + 64.
        let expanded = 61 * 32_768 * 2 * (128 * (192 + 128) - 576);
        assert_eq!(due(v3, "llama.cpp", "transformers", Cause::Latents), expanded);
        assert_eq!(due(v3, "llama.cpp", "vllm", Cause::Replicas), 7 * 61 * 32_768 * 2 * 576);
        let kv = "model=qwen3-32b&hw=h100-sxm5-80gb&quant=Q8_0&engine=llama.cpp,vllm&kv=q8_0";
        // 64 layers of 2 x 8 x 128 values: half a bit of Q8_0 is scales.
        let scales = 64 * 32_768 * 2 * 8 * 128 / 16;
        assert_eq!(due(kv, "llama.cpp", "vllm", Cause::CacheType), -scales);
        let all = reasons(kv);
        let (this, other, reasons) = &all[1];
        assert_eq!([this.quant, other.quant].map(|quant| quant.to_string()), ["Q8_0", "FP8"]);
        let format = reasons.iter().find(|reason| reason.cause == Cause::Format).unwrap();
        assert_eq!(format.bytes, signed(other.weights_bytes) - signed(this.weights_bytes));
        assert!(pool(other).is_some_and(|pool| pool.share == 920) && pool(this).is_none());
    }
}
