//! The cases of `tests/data/measured-speed.csv` with their work and chips.

use headroom::architecture::{Architecture, Group, Role, Tensor, tensors};
use headroom::catalog::{Catalog, Device};
use headroom::quant::{MixContext, Quant};
use headroom::speed::{
    Backend, CacheTypes, Chip, Engine, Era, Numerics, Precision, Software, Work,
};
use serde::Deserialize;

/// A measurement.
#[derive(Clone, Debug)]
pub struct Case {
    pub id: String,
    pub source: String,
    pub software: Software,
    pub tensor_parallel: f64,
    pub layer_split: f64,
    pub kind: Kind,
    pub prompt: f64,
    pub output: f64,
    pub depth: f64,
    pub batch: f64,
    pub microbatch: f64,
    pub value: f64,
    pub numerics: Numerics,
    pub work: Work,
    pub chip: Chip,
    /// Sequences of prompt and output that fit into memory beside the weights.
    pub fits: f64,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Tokens decoded a second, all sequences together.
    Decode,
    /// Prompt tokens a second.
    Prefill,
    /// Milliseconds a token.
    Tpot,
    /// Milliseconds to the first token.
    Ttft,
    /// Tokens of prompts and answers a second over the whole run.
    Total,
    /// Tokens of answers a second over the whole run.
    Output,
}

impl Case {
    /// Tokens before the measured prompt.
    pub fn prompt_depth(&self) -> f64 {
        if self.kind == Kind::Prefill { self.depth } else { 0.0 }
    }
}

/// Every case.
pub fn cases() -> Vec<Case> {
    let file = include_str!("../data/measured-speed.csv");
    csv::Reader::from_reader(file.as_bytes()).deserialize().map(|row| case(row.unwrap())).collect()
}

/// A row of the file.
#[derive(Deserialize)]
struct Row {
    id: String,
    source: String,
    engine: Engine,
    era: Era,
    backend: Backend,
    model: String,
    quant: String,
    bits: Option<f64>,
    head_bits: Option<f64>,
    file_gib: Option<f64>,
    device: String,
    cores: Option<f64>,
    tp: f64,
    split: f64,
    kind: Kind,
    prompt: f64,
    output: f64,
    depth: f64,
    batch: f64,
    cache_bytes: f64,
    flash: u8,
    ubatch: f64,
    value: f64,
}

fn case(row: Row) -> Case {
    let catalog = Catalog::bundled();
    let architecture = catalog.model(&row.model).unwrap().architecture();
    let device = catalog.device(&row.device).unwrap();
    let loaded = weights(architecture, &row.quant, row.bits.zip(row.head_bits), row.file_gib);
    let work = Work::whole(
        architecture,
        loaded.iter().map(|(tensor, bytes)| (tensor, *bytes)),
        CacheTypes { key: row.cache_bytes, value: row.cache_bytes },
    );
    let stored = work.dense_bytes + work.expert_bytes;
    let usable = device.memory_usable_bytes.map_or(f64::INFINITY, |bytes| bytes as f64);
    let free = row.tp * row.split * (0.9 * usable - 1e9) - stored;
    let sequence = work.cache_bytes(row.prompt + row.output).max(1.0);
    let whole_run = matches!(row.kind, Kind::Tpot | Kind::Total | Kind::Output);
    Case {
        software: Software { engine: row.engine, backend: row.backend, era: row.era },
        tensor_parallel: row.tp,
        layer_split: row.split,
        kind: row.kind,
        prompt: row.prompt,
        output: row.output,
        depth: if whole_run { row.prompt + row.output / 2.0 } else { row.depth },
        batch: row.batch,
        microbatch: if row.engine == Engine::LlamaCpp { row.ubatch } else { 1e9 },
        value: row.value,
        numerics: numerics(&row.quant, row.flash == 1),
        work,
        chip: chip(device, row.cores),
        fits: (free / sequence).max(1.0),
        id: row.id,
        source: row.source,
    }
}

fn numerics(quant: &str, flash_attention: bool) -> Numerics {
    Numerics {
        precision: match quant {
            "FP8" => Precision::Fp8,
            "W8A8" | "INT8" => Precision::Int8,
            "NVFP4" => Precision::Fp4,
            _ => Precision::Half,
        },
        half_weights: matches!(quant, "F16" | "FP16" | "BF16"),
        widened: matches!(quant, "GPTQ-Int4" | "AWQ" | "INT4" | "W4A16"),
        flash_attention,
    }
}

/// The chip of a device; with another count of cores where some of them are switched off.
fn chip(device: &Device, cores: Option<f64>) -> Chip {
    let mut chip = Chip::of(device).unwrap();
    if let (Some(cores), Some(units)) = (cores, device.compute_units) {
        let share = cores / f64::from(units);
        chip.unit_hz = chip.unit_hz.map(|hz| hz * share);
        chip.peaks.half *= share;
        chip.peaks.half_fast *= share;
    }
    chip
}

/// The loaded tensors with their bytes: by llama.cpp's mix, scaled to the size of the measured
/// file, or by the bits a weight of a checkpoint's format.
fn weights(
    architecture: &Architecture,
    quant: &str,
    bits: Option<(f64, f64)>,
    file_gib: Option<f64>,
) -> Vec<(Tensor, u64)> {
    let mut list = tensors(architecture);
    let Some((body, head)) = bits else {
        list.retain(|t| t.in_gguf && t.group == Group::Text);
        let mix = match quant {
            "MXFP4" => "MXFP4_MOE",
            "Q4_K_XL" => "Q4_K_M",
            other => other,
        };
        let mix = Quant::parse(mix).unwrap();
        let bytes = mix.tensor_bytes(MixContext::new(architecture, true), &list);
        let total: f64 = bytes.iter().map(|b| b.0 as f64).sum();
        let scale = file_gib.map_or(1.0, |gib| gib * f64::from(1 << 30) / total);
        return list
            .into_iter()
            .zip(bytes)
            .map(|(t, b)| (t, (b.0 as f64 * scale) as u64))
            .collect();
    };
    list.retain(|t| t.in_checkpoint && t.group == Group::Text);
    let experts_only = quant == "MXFP4";
    let width = |t: &Tensor| match t.role {
        Role::TokenEmbd | Role::Output => head,
        role if experts_only && !role.is_expert() => 16.0,
        _ => body,
    };
    list.into_iter().map(|t| (t, (t.shape.elements() as f64 * width(&t) / 8.0) as u64)).collect()
}
