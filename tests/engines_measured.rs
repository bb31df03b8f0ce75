//! The engines against what they printed in public logs: `tests/data/measured-memory.json`, written
//! by `src/engine/fit_memory.py`.

use headroom::catalog::Catalog;
use headroom::engine::llama_cpp::{self, Platform};
use headroom::engine::vllm::{
    Batch, KvLayout, KvSettings, Release, cuda_graphs, loaded, non_torch, peak,
};
use headroom::engine::{Checkpoint, layer_caches, mtp_caches};
use headroom::memory::ModelFile;
use headroom::quant::{GgmlType, Mix, Quant};
use headroom::scenario::{KvTypes, Mode};
use headroom::units::{Bytes, GIB, Interval};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Case {
    id: String,
    grade: String,
    model: String,
    quant: String,
    release: Option<u16>,
    capability: Option<u32>,
    visible_bytes: Option<u64>,
    utilisation: Option<f64>,
    ranks: u64,
    pipeline: Option<u64>,
    context: Option<u64>,
    sequences: Option<u64>,
    batched: Option<u64>,
    #[serde(default)]
    eager: bool,
    lora_rank: Option<u64>,
    excluded: Option<String>,
    #[serde(default)]
    batch_unknown: bool,
    #[serde(default)]
    speculative: u64,
    kv_bytes: u64,
    measured: BTreeMap<String, f64>,
}

/// The cases of which `wanted` holds, by engine.
fn of<T: serde::de::DeserializeOwned>(wanted: impl Fn(&str) -> bool) -> Vec<T> {
    let text = include_str!("data/measured-memory.json");
    let all: Vec<serde_json::Value> = serde_json::from_str(text).expect("the file is JSON");
    let wanted = all.into_iter().filter(|case| wanted(case["engine"].as_str().unwrap_or("")));
    let read = wanted.map(|case| serde_json::from_value(case).expect("a case is well-formed"));
    read.collect()
}

/// A figure of a case: what was predicted and what was measured, in bytes.
struct Figure<'a> {
    case: &'a Case,
    term: &'static str,
    predicted: Interval<Bytes>,
    measured: f64,
    /// Half of the last printed digit.
    printed: f64,
}

impl Figure<'_> {
    fn covered(&self) -> bool {
        let (low, high) = (self.predicted.low.0 as f64, self.predicted.high.0 as f64);
        low - self.printed <= self.measured && self.measured <= high + self.printed
    }

    fn error(&self) -> f64 {
        (self.predicted.expected.0 as f64 - self.measured).abs() / self.measured.max(1.0)
    }
}

fn figures(case: &Case) -> Vec<Figure<'_>> {
    let catalog = Catalog::bundled();
    let model = catalog.model(&case.model).expect("the case names a model of the catalogue");
    let quant = Quant::parse(&case.quant).expect("the case names a format");
    let checkpoint = Checkpoint::new(model, quant).expect("the format is one of safetensors");
    // A log without a version is taken to be of the time of its model.
    let recent = model.release.as_str() >= "2026-03";
    let release = Release(case.release.unwrap_or(if recent { 33 } else { 16 }));
    let large =
        case.visible_bytes.is_some_and(|bytes| bytes > 70 * GIB) && case.capability != Some(80);
    // The defaults of the V1 engine, and of V0 before it.
    let (sequences, tokens) = match (release.0, large) {
        (..8, _) => (256, case.context.unwrap_or(0).max(2048)),
        (_, true) => (1024, 8192),
        (_, false) => (256, 2048),
    };
    let tokens = case.batched.unwrap_or(tokens);
    let sequences = case.sequences.unwrap_or(sequences);
    let architecture = model.architecture();
    let batch = Batch { tokens, sequences, ranks: case.ranks, release };
    let activations = peak(architecture, batch);
    let weights = loaded(&checkpoint, case.ranks, case.capability, release);
    let outside = non_torch(case.ranks);
    let graphs = cuda_graphs(case.eager);
    let mut out = Vec::new();
    let mut figure = |term, name: &str, predicted: Interval<Bytes>| {
        if let Some(measured) = case.measured.get(name) {
            let printed = 0.005 * GIB as f64;
            // Less than nothing: the driver gave memory back.
            let measured = measured.max(0.0);
            out.push(Figure { case, term, predicted, measured, printed });
        }
    };
    if case.pipeline.is_none() && case.lora_rank.is_none() {
        figure("weights", "weights", weights);
    }
    if !case.batch_unknown {
        figure("activations", "peak_activation", activations);
    }
    figure("outside PyTorch", "non_torch_memory", outside);
    figure("CUDA graphs", "cuda_graphs", graphs);
    let consumed = weights + outside;
    if case.lora_rank.is_none() {
        figure("consumed", "consumed_weights_plus_non_torch", consumed);
    }
    // What the engine needs before the first token is cached, and the pool that leaves.
    let m = &case.measured;
    if let (Some(w), Some(n), Some(a)) =
        (m.get("weights"), m.get("non_torch_memory"), m.get("peak_activation"))
        && case.pipeline.is_none()
        && case.lora_rank.is_none()
        && !case.batch_unknown
    {
        let predicted = weights + outside + activations;
        out.push(Figure {
            case,
            term: "total",
            predicted,
            measured: w + n + a,
            printed: 0.015 * GIB as f64,
        });
    } else if let (Some(kv), Some(visible), Some(share)) =
        (m.get("kv_cache_memory"), case.visible_bytes, case.utilisation)
        && case.pipeline.is_none()
        && case.lora_rank.is_none()
        && !case.batch_unknown
    {
        let inside = if release.budgets_graphs() { graphs } else { Interval::default() };
        let predicted = weights + outside + activations + inside;
        let measured = share * visible as f64 - kv;
        out.push(Figure { case, term: "total", predicted, measured, printed: 0.3 * GIB as f64 });
    }
    // Tokens and concurrency of the pool that was printed.
    let speculative = case.speculative;
    let settings = KvSettings { value_bytes: case.kv_bytes, batched: tokens, speculative, release };
    let mut caches = layer_caches(architecture, case.ranks);
    if speculative > 0 {
        caches.extend(mtp_caches(architecture, case.ranks));
    }
    let layout = KvLayout::new(&caches, settings);
    let (least, most) = if layout.is_exact() { (0.97, 1.03) } else { (1.0 / 1.4, 2.5) };
    if let (Some(pool), Some(context)) = (m.get("kv_cache_memory"), case.context)
        && let Some(tokens) = m.get("kv_cache_tokens")
        && case.pipeline.is_none()
    {
        let predicted = layout.tokens(Bytes(*pool as u64), context);
        out.push(Figure {
            case,
            term: "tokens",
            predicted: Interval::around(Bytes(predicted), least, most),
            measured: *tokens,
            printed: 0.0,
        });
    }
    if let (Some(pool), Some(blocks)) = (m.get("kv_cache_memory"), m.get("gpu_blocks"))
        && case.pipeline.is_none()
    {
        let predicted = layout.pool_blocks(Bytes(*pool as u64));
        out.push(Figure {
            case,
            term: "blocks",
            predicted: Interval::around(Bytes(predicted), 0.97, 1.03),
            measured: *blocks,
            printed: 0.0,
        });
    }
    out
}

/// Per term: figures, those covered, median error.
fn by_term<'a>(figures: &'a [Figure<'a>]) -> BTreeMap<&'static str, (usize, usize, f64)> {
    let mut terms: BTreeMap<&str, Vec<&Figure<'_>>> = BTreeMap::new();
    for figure in figures {
        terms.entry(figure.term).or_default().push(figure);
    }
    let summary = |figures: Vec<&Figure<'_>>| {
        let covered = figures.iter().filter(|figure| figure.covered()).count();
        let mut errors: Vec<f64> = figures.iter().map(|figure| figure.error()).collect();
        errors.sort_by(f64::total_cmp);
        (figures.len(), covered, errors[errors.len() / 2])
    };
    terms.into_iter().map(|(term, figures)| (term, summary(figures))).collect()
}

#[test]
fn vllm_is_as_it_was_measured() {
    let cases: Vec<Case> = of(|engine| engine == "vllm");
    let vllm = cases.iter().filter(|case| case.grade != "C" && case.excluded.is_none());
    let figures: Vec<Figure<'_>> = vllm.flat_map(figures).collect();
    for f in figures.iter().filter(|figure| !figure.covered()) {
        let Interval { low, expected, high } = f.predicted;
        println!(
            "outside: {} of {}: {} .. {} .. {} against {} bytes",
            f.term, f.case.id, low.0, expected.0, high.0, f.measured
        );
    }
    let terms = by_term(&figures);
    for (term, (n, covered, error)) in &terms {
        println!("{term}: n={n}, {covered} covered, median error {:.1} %", 100.0 * error);
    }
    let (n, covered) = terms.values().fold((0, 0), |sum, term| (sum.0 + term.0, sum.1 + term.1));
    println!("all: n={n}, {covered} covered");
    assert!(covered * 10 >= n * 9, "{covered} of {n} figures lie within their interval");
    let (n, covered, error) = terms["total"];
    assert!(covered * 10 >= n * 9, "{covered} of {n} totals lie within their interval");
    assert!(error <= 0.05, "median error of totals {error}");
    for exact in ["weights", "blocks", "tokens"] {
        assert!(terms[exact].2 <= 0.005, "{exact}: median error {}", terms[exact].2);
    }
}

/// A run of llama.cpp whose whole memory was measured from outside.
#[derive(Deserialize)]
struct Whole {
    id: String,
    model: String,
    quant: String,
    backend: String,
    context: u64,
    parallel: u64,
    ubatch: u64,
    bench: bool,
    flash_attention: bool,
    kv: [String; 2],
    file_bytes: Option<u64>,
    device_model_bytes: Option<u64>,
    total_bytes: u64,
}

impl Whole {
    /// Weights on the device, and of the embedding on the host. A file of a mix without a name of
    /// ours is taken as it was measured, its embedding as 5 bits a value.
    fn weights(&self, file: &ModelFile<'_>) -> Option<(Bytes, Bytes)> {
        let architecture = file.architecture();
        let embedding = match self.quant.as_str() {
            quant if quant.starts_with("F16") => GgmlType::F16,
            "Q8_0" => GgmlType::Q8_0,
            _ => GgmlType::Q5_K,
        };
        let values = architecture.gguf_vocab_size * architecture.hidden_size;
        let embedding = Bytes(embedding.bytes(values));
        if let Some(bytes) = self.device_model_bytes {
            return Some((Bytes(bytes), embedding));
        }
        // A tied head is a second copy: the device has what the file has.
        let host = if architecture.tied_embeddings { Bytes::ZERO } else { embedding };
        if let Some(bytes) = self.file_bytes {
            return Some((Bytes(bytes) - host, embedding));
        }
        let mix = Mix::parse(&self.quant)?;
        let file = ModelFile::new(file.model, mix, false).ok()?;
        let placement = llama_cpp::Placement::gpu(architecture);
        let split = llama_cpp::model_bytes(architecture, &file.weights, &placement);
        Some((split.devices[0], split.host))
    }

    fn total(&self) -> Option<Interval<Bytes>> {
        let model = Catalog::bundled().model(&self.model).expect("a model of the catalogue");
        let architecture = model.architecture();
        let file = ModelFile::new(model, Mix::Q8_0, false).expect("llama.cpp runs it");
        let ty = |name: &str| {
            let ty = GgmlType::ALL.iter().find(|ty| ty.name().eq_ignore_ascii_case(name));
            *ty.expect("a cache type")
        };
        let settings = llama_cpp::Settings {
            n_ctx: self.context,
            n_parallel: self.parallel,
            // The four slots of the default share one cache.
            unified: self.parallel > 1,
            n_ubatch: self.ubatch,
            kv: KvTypes { k: ty(&self.kv[0]), v: ty(&self.kv[1]) },
            flash_attention: self.flash_attention,
            swa_full: false,
            mode: if self.bench { Mode::Batch } else { Mode::Server },
        };
        let states = llama_cpp::layer_states(architecture, &settings);
        let state: Bytes = states.iter().map(|s| s.kv + s.recurrent).sum();
        let placement = llama_cpp::Placement::gpu(architecture);
        let compute = llama_cpp::compute(architecture, &file.weights, &settings, &placement);
        let (weights, embedding) = self.weights(&file)?;
        // On unified memory the driver counts the host's pinned buffers too, with Vulkan also the
        // embedding.
        let (platform, host) = match self.backend.as_str() {
            "cuda" => (Platform::Cuda, Bytes::ZERO),
            "hip" => (Platform::Rocm, compute.host),
            _ => (Platform::Vulkan, compute.host + embedding),
        };
        let capacity = if self.backend == "cuda" { Bytes::gib(8) } else { Bytes::gib(128) };
        let exact = Interval::exact(weights + state + host);
        let compute = llama_cpp::compute_interval(compute.devices[0]);
        Some(exact + compute + llama_cpp::runtime_overhead(platform, capacity).bytes)
    }
}

#[test]
fn llama_cpp_is_as_it_was_measured() {
    let runs: Vec<Whole> = of(|engine| engine == "llama.cpp");
    let mut errors = Vec::new();
    let mut covered = 0;
    for run in &runs {
        let total = run.total().expect("the weights are known");
        let measured = Bytes(run.total_bytes);
        errors.push((total.expected.0 as f64 / measured.0 as f64 - 1.0).abs());
        if total.low <= measured && measured <= total.high {
            covered += 1;
        } else {
            let Interval { low, expected, high } = total;
            println!(
                "outside: {} {}: {:.0} .. {:.0} .. {:.0} against {:.0} MiB",
                run.id,
                run.backend,
                low.to_mib(),
                expected.to_mib(),
                high.to_mib(),
                measured.to_mib()
            );
        }
    }
    errors.sort_by(f64::total_cmp);
    let (n, median) = (errors.len(), errors[errors.len() / 2]);
    println!("totals: n={n}, {covered} covered, median error {:.2} %", 100.0 * median);
    assert!(median <= 0.03, "median error of totals {median}");
    assert!(covered * 10 >= n * 9, "{covered} of {n} totals lie within their interval");
}
