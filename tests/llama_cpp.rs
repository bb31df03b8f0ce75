//! llama.cpp's memory against what llama.cpp b11434 itself plans for 31 models: 13,330 records over
//! context, cache types, flash attention, batch, sequences, mode and offload.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::collections::{HashMap, HashSet};

use common::fixture_rows;
use headroom::architecture::{Architecture, tensors};
use headroom::catalog::Catalog;
use headroom::engine::llama_cpp::KvTypes;
use headroom::engine::llama_cpp::{
    self, Placement, Settings, Split, Weight, compute, compute_intervals, layer_states, model_bytes,
};
use headroom::estimate;
use headroom::quant::{GgmlType, Mix, MixContext};
use headroom::scenario::{LogitsBuffer, Scenario};
use headroom::units::Bytes;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Record {
    hf_id: String,
    quant: String,
    offload: String,
    mode: String,
    n_ctx: u64,
    n_ubatch: u64,
    n_parallel: u64,
    kv_unified: u8,
    type_k: String,
    type_v: String,
    flash_attn: u8,
    swa_full: u8,
    model_bytes_dev: u64,
    model_bytes_host: u64,
    kv_bytes: u64,
    kv_base_bytes: u64,
    kv_swa_bytes: u64,
    recurrent_bytes: u64,
    context_bytes_dev: u64,
    compute_bytes_dev: u64,
    compute_bytes_host: u64,
}

fn cache_type(name: &str) -> GgmlType {
    let ty = GgmlType::ALL.iter().find(|ty| ty.name().eq_ignore_ascii_case(name));
    *ty.expect(name)
}

impl Record {
    fn architecture(&self) -> &'static Architecture {
        Catalog::bundled().model(&self.hf_id).expect(&self.hf_id).architecture()
    }

    fn settings(&self) -> Settings {
        Settings {
            n_ctx: self.n_ctx,
            n_parallel: self.n_parallel,
            unified: self.kv_unified == 1,
            n_ubatch: self.n_ubatch,
            kv: KvTypes { k: cache_type(&self.type_k), v: cache_type(&self.type_v) },
            draft_kv: KvTypes::both(GgmlType::F16),
            flash_attention: self.flash_attn == 1,
            swa_full: self.swa_full == 1,
            logits: if self.mode == "server" { LogitsBuffer::Server } else { LogitsBuffer::Batch },
            proposed: 0,
            snapshots: 0,
            unpacks_cache: true,
            kv_on_devices: true,
        }
    }

    fn placement(&self) -> Placement {
        let architecture = self.architecture();
        match self.offload.as_str() {
            "cpu" => Placement::cpu(),
            "gpu" => Placement::gpu(architecture),
            "cpu-moe" => Placement { host_expert_layers: u64::MAX, ..Placement::gpu(architecture) },
            ngl => Placement::ngl(architecture, ngl.strip_prefix("ngl=").unwrap().parse().unwrap()),
        }
    }
}

/// The weights of each model and mix, made once.
#[derive(Default)]
struct Files(HashMap<(String, String), Vec<Weight>>);

impl Files {
    fn weights(&mut self, record: &Record) -> &[Weight] {
        let key = (record.hf_id.clone(), record.quant.clone());
        self.0.entry(key).or_insert_with(|| {
            weights(record.architecture(), Mix::parse(&record.quant).expect(&record.quant))
        })
    }
}

/// What a GGUF file of that mix holds.
fn weights(architecture: &Architecture, mix: Mix) -> Vec<Weight> {
    let tensors: Vec<_> = tensors(architecture).into_iter().filter(|t| t.in_gguf).collect();
    let types = mix.types(MixContext::new(architecture, false), &tensors);
    tensors.into_iter().zip(types).map(|(tensor, ty)| Weight::new(tensor, ty)).collect()
}

fn device(split: &Split) -> u64 {
    split.devices.first().map_or(0, |bytes| bytes.0)
}

#[test]
fn weights_are_exact() {
    let mut files = Files::default();
    for record in fixture_rows::<Record>("llama-cpp-memory.csv.gz") {
        let weights = files.weights(&record);
        let split = model_bytes(record.architecture(), weights, &record.placement());
        assert_eq!(
            (device(&split), split.host.0),
            (record.model_bytes_dev, record.model_bytes_host),
            "{record:?}"
        );
    }
}

#[test]
fn caches_and_states_are_exact() {
    for record in fixture_rows::<Record>("llama-cpp-memory.csv.gz") {
        let architecture = record.architecture();
        let placement = record.placement();
        let states = layer_states(architecture, &record.settings());
        let [mut full, mut window, mut recurrent, mut on_device] = [0; 4];
        for (il, (layer, state)) in architecture.layers.iter().zip(&states).enumerate() {
            let mut kv = state.kv.0;
            let device = placement.device_of_layer(architecture, il as u64);
            if device.is_some() {
                kv += state.kv_padding.0;
                on_device += kv + state.recurrent.0;
            }
            match llama_cpp::has_window(architecture, layer) {
                true => window += kv,
                false => full += kv,
            }
            recurrent += state.recurrent.0;
        }
        assert_eq!(
            [full + window, full, window, recurrent, on_device],
            [
                record.kv_bytes,
                record.kv_base_bytes,
                record.kv_swa_bytes,
                record.recurrent_bytes,
                record.context_bytes_dev
            ],
            "{record:?}"
        );
    }
}

/// What another build, of September 2026, plans on a CPU for a model of the catalogue
/// (`xtask/data/llama_cpp_plan.py`). It loads only files whose tensors are those it expects.
#[derive(Debug, Deserialize)]
struct Plan {
    model: String,
    arch: String,
    n_ctx: u64,
    n_ubatch: u64,
    n_parallel: u64,
    unified: u8,
    flash_attn: u8,
    server: u8,
    weights_bytes: u64,
    kv_mib: f64,
    recurrent_mib: f64,
    compute_mib: f64,
}

/// Weights, caches and states are the same in both builds; compute buffers move between builds,
/// which is what their interval is for.
#[test]
fn models_of_every_architecture_are_as_another_build_plans_them() {
    let plans: Vec<Plan> = fixture_rows("llama-cpp-models.csv.gz");
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    // Two decimals are printed, of up to three parts that add up.
    let same = |ours: u64, printed: f64| (mib(ours) - printed).abs() < 0.016;
    let (mut archs, mut models, mut ratios) = (HashSet::new(), HashSet::new(), Vec::new());
    let mut outside = 0;
    for of_model in plans.chunk_by(|a, b| a.model == b.model) {
        let id = &of_model[0].model;
        let architecture = Catalog::bundled().model(id).expect(id).architecture();
        assert_eq!(architecture.gguf_arch.as_deref(), Some(of_model[0].arch.as_str()), "{id}");
        archs.insert(&of_model[0].arch);
        models.insert(id);
        let weights = weights(architecture, Mix::Q4_K_M);
        for plan in of_model {
            let settings = Settings {
                n_ctx: plan.n_ctx,
                n_parallel: plan.n_parallel,
                unified: plan.unified == 1,
                n_ubatch: plan.n_ubatch,
                kv: KvTypes { k: cache_type("f16"), v: cache_type("f16") },
                draft_kv: KvTypes::both(GgmlType::F16),
                flash_attention: plan.flash_attn == 1,
                swa_full: false,
                logits: if plan.server == 1 { LogitsBuffer::Server } else { LogitsBuffer::Batch },
                proposed: 0,
                snapshots: 0,
                unpacks_cache: true,
                kv_on_devices: true,
            };
            let states = layer_states(architecture, &settings);
            assert_eq!(
                weights.iter().map(|w| w.bytes().0).sum::<u64>(),
                plan.weights_bytes,
                "{plan:?}"
            );
            assert!(same(states.iter().map(|s| s.kv.0).sum(), plan.kv_mib), "{plan:?}");
            assert!(
                same(states.iter().map(|s| s.recurrent.0).sum(), plan.recurrent_mib),
                "{plan:?}"
            );
            let placement = Placement::cpu();
            let estimate = compute(architecture, &weights, &settings, &placement);
            let (_, shown) = compute_intervals(architecture, &settings, &placement, &estimate);
            let inside = mib(shown.low.0)..=mib(shown.high.0);
            outside += usize::from(!inside.contains(&plan.compute_mib));
            ratios.push(plan.compute_mib / mib(estimate.host.0));
        }
    }
    ratios.sort_by(f64::total_cmp);
    let at = |share: f64| ratios[(share * (ratios.len() - 1) as f64) as usize];
    println!(
        "{} models, {} architectures; {outside} compute buffers outside the interval; compute buffers of the other build / this: {:.2} {:.2} {:.2} {:.2} {:.2}",
        models.len(),
        archs.len(),
        at(0.0),
        at(0.05),
        at(0.5),
        at(0.95),
        at(1.0)
    );
    assert_eq!((models.len(), archs.len()), (384, 90));
    assert!(outside * 100 <= ratios.len(), "{outside} of {} outside the interval", ratios.len());
}

/// How far the estimates of a group of records are from the truth.
#[derive(Default)]
struct Errors(Vec<f64>);

impl Errors {
    fn add(&mut self, estimate: &Split, record: &Record) {
        let truth = [record.compute_bytes_dev, record.compute_bytes_host];
        let pairs = [device(estimate), estimate.host.0].into_iter().zip(truth);
        let worst = pairs
            .filter(|(_, truth)| *truth > 0)
            .map(|(estimate, truth)| (estimate as f64 / truth as f64 - 1.0).abs());
        self.0.push(worst.fold(0.0, f64::max));
    }

    fn share_within(&self, bound: f64) -> f64 {
        self.0.iter().filter(|error| **error <= bound).count() as f64 / self.0.len() as f64
    }
}

#[test]
fn compute_buffers_are_within_the_bars() {
    let mut files = Files::default();
    let [mut flash, mut plain] = [Errors::default(), Errors::default()];
    for record in fixture_rows::<Record>("llama-cpp-memory.csv.gz") {
        let weights = files.weights(&record);
        let (settings, placement) = (record.settings(), record.placement());
        let estimate = compute(record.architecture(), weights, &settings, &placement);
        let errors = if settings.flash_attention { &mut flash } else { &mut plain };
        errors.add(&estimate, &record);
    }
    println!(
        "flash attention: exact {:.4}, 1 % {:.4}",
        flash.share_within(0.0),
        flash.share_within(0.01)
    );
    println!("without: exact {:.4}, 1 % {:.4}", plain.share_within(0.0), plain.share_within(0.01));
    assert!(flash.share_within(0.0) >= 0.99);
    assert!(plain.share_within(0.0) >= 0.99);
    assert_eq!((flash.share_within(0.05), plain.share_within(0.05)), (1.0, 1.0));
}

/// What `llama-server -m FILE -c 4096 -np 1 -fa on -lv 4` of b11434, built for the processor, said that
/// it had allocated: the file has the shape of Qwen3-0.6B and random weights in F16.
#[test]
fn a_model_on_a_processor_takes_what_a_server_allocated() {
    let log = include_str!("data/llama-server-cpu.txt");
    let logged = |of: &str| {
        let line = log.lines().find(|line| line.contains(of)).unwrap();
        line.rsplit("= ").next().and_then(|size| size.strip_suffix(" MiB")).unwrap().trim()
    };
    let query = "model=qwen3-0.6b&hw=cpu-epyc-genoa-12ch&quant=F16&ctx=4096";
    let (scenario, problems) = Scenario::from_query(query);
    assert_eq!(problems, []);
    let cell = estimate::report(Catalog::bundled(), &scenario, Vec::new()).cells.remove(0);
    let mib = |bytes: Bytes| format!("{:.2}", bytes.0 as f64 / f64::from(1 << 20));
    assert_eq!(mib(cell.loaded_bytes), logged("model buffer"));
    assert_eq!(mib(cell.kv_bytes), logged("KV buffer"));
    assert_eq!(mib(cell.compute_bytes.expected), logged("compute buffer"));
}
