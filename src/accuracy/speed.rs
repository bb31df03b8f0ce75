//! Speed: the cases of `tests/data/measured-speed.csv`, written by `xtask/data/speed_cases.py`,
//! with their work and chips.

use serde::Deserialize;

use super::{Comparison, Figure, Subject};
use crate::architecture::{Architecture, Group, Role, Tensor, tensors};
use crate::catalog::{Catalog, Device};
use crate::quant::{MixContext, Quant};
use crate::scenario::Arrival;
use crate::speed::numerics::is_looked_up;
use crate::speed::{
    Backend, CacheBytes, Chip, Draft, Engine, Era, Load, Numerics, PlacedPart, Precision, Proposer,
    Software, SpeedModel, Work, mtp_share,
};
use crate::units::Interval;

/// A measurement, and the inputs of its prediction.
#[derive(Clone, Debug)]
pub struct Case {
    /// Id of the case.
    pub id: String,
    /// Name of the collection of measurements.
    pub source: String,
    /// Engine, backend and period.
    pub software: Software,
    /// Number of devices in tensor parallelism.
    pub tensor_parallel: f64,
    /// Number of devices in a layer split.
    pub layer_split: f64,
    /// The kind of measurement.
    pub kind: Kind,
    /// Tokens of the prompt.
    pub prompt: f64,
    /// Tokens of the answer.
    pub output: f64,
    /// Tokens in the cache.
    pub depth: f64,
    /// Number of concurrent sequences.
    pub batch: f64,
    /// Speculation by the model's MTP layers.
    pub draft: Option<Draft>,
    /// Largest number of prompt tokens computed at once.
    pub microbatch: f64,
    /// The measured value, in the unit of `kind`.
    pub value: f64,
    /// Number formats.
    pub numerics: Numerics,
    /// Bytes and operations of a step.
    pub work: Work,
    /// Limits of the device.
    pub chip: Chip,
    /// Number of sequences of prompt and output that fit into memory besides the weights.
    pub fits: f64,
    subject: Subject,
}

/// A kind of measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Decoded tokens per second of all sequences together.
    Decode,
    /// Prompt tokens per second.
    Prefill,
    /// Milliseconds per token.
    Tpot,
    /// Milliseconds to the first token.
    Ttft,
    /// Prompt and answer tokens per second over the whole run.
    Total,
    /// Answer tokens per second over the whole run.
    Output,
}

impl Case {
    /// Tokens before the measured prompt.
    pub fn prompt_depth(&self) -> f64 {
        if self.kind == Kind::Prefill { self.depth } else { 0.0 }
    }
}

/// Parses every case of the file.
///
/// # Errors
/// A row is not as `speed_cases.py` writes it.
pub fn cases(file: &str) -> Result<Vec<Case>, csv::Error> {
    let rows = csv::Reader::from_reader(file.as_bytes()).into_deserialize();
    let cases = rows.map(|row: Result<Row, csv::Error>| Ok(case(row?)));
    // A row whose model or device is not in the catalogue is no case.
    Ok(cases.collect::<Result<Vec<_>, csv::Error>>()?.into_iter().flatten().collect())
}

impl Case {
    /// Returns the predicted interval and the measured figure, in tokens per second or seconds.
    /// `None` if there is no prediction.
    pub fn predict(&self) -> Option<(Interval<f64>, f64)> {
        let split = self.layer_split;
        let parts = (0..split as u32).map(|_| PlacedPart {
            work: self.work.scaled(1.0 / split),
            chip: self.chip.clone(),
            width: self.tensor_parallel as u32,
            data: 1,
            network: false,
            prompts_on: None,
        });
        let mut model = SpeedModel::new(self.software, parts, self.numerics, self.microbatch)?;
        model.draft.clone_from(&self.draft);
        let load = Load {
            users: self.batch,
            prompt: self.prompt,
            output: if self.output > 0.0 { self.output } else { 128.0 },
            cached_prefix: 0.0,
            fits: self.fits,
            scheduled: if self.source == "accelmark" { 256.0 } else { 1e9 },
            copies: 1.0,
            arrival: match self.source.as_str() {
                // One batch, sent together.
                "argonne" | "silicon" => Arrival::Burst,
                _ => Arrival::Spread,
            },
        };
        let ms = self.value / 1e3;
        Some(match self.kind {
            Kind::Decode if self.draft.is_some() => (model.decode_tps(self.depth), self.value),
            Kind::Decode => (model.batch_tps(self.batch, self.depth), self.value),
            Kind::Prefill => (model.prefill_tps(self.prompt, self.depth), self.value),
            // The whole batch is timed: its last first token, where its middle one is foreseen.
            Kind::Ttft if self.batch > 1.0 && self.source == "argonne" => {
                let (middle, first) = (model.serve(&load).ttft_s, model.ttft_s(self.prompt, 0.0));
                let last = |middle: f64, first: f64| 2.0 * middle - first;
                let last = Interval {
                    low: last(middle.low, first.low),
                    expected: last(middle.expected, first.expected),
                    high: last(middle.high, first.high),
                };
                (last, ms)
            }
            Kind::Ttft if self.batch > 1.0 => (model.serve(&load).ttft_s, ms),
            Kind::Ttft => (model.ttft_s(self.prompt, 0.0), ms),
            Kind::Tpot => (model.serve(&load).tpot_s, ms),
            Kind::Output => (model.serve(&load).throughput, self.value),
            Kind::Total => {
                let factor = (load.prompt + load.output) / load.output;
                let Interval { low, expected, high } = model.serve(&load).throughput;
                let rate = |rate: f64| rate * factor;
                let all = Interval { low: rate(low), expected: rate(expected), high: rate(high) };
                (all, self.value)
            }
        })
    }

    /// Returns the comparison of the figure with its prediction.
    pub fn compare(&self) -> Option<Comparison> {
        let (predicted, measured) = self.predict()?;
        Some(Comparison {
            id: self.id.clone(),
            engine: self.software.engine.name().to_owned(),
            figure: match self.kind {
                Kind::Decode if self.batch > 1.0 => Figure::Batch,
                Kind::Decode => Figure::Decode,
                Kind::Prefill => Figure::Prefill,
                Kind::Tpot => Figure::Tpot,
                Kind::Ttft if self.batch > 1.0 => Figure::TtftLoaded,
                Kind::Ttft => Figure::Ttft,
                Kind::Total | Kind::Output => Figure::Throughput,
            },
            subject: self.subject.clone(),
            family: Some(self.chip.family.clone()),
            predicted,
            measured,
            printed: 0.0,
            source: self.source.clone(),
            second_hand: false,
        })
    }
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
    drafted: Option<f64>,
    accepted: Option<f64>,
    cache_bytes: f64,
    flash: u8,
    ubatch: f64,
    value: f64,
}

fn case(row: Row) -> Option<Case> {
    let catalog = Catalog::bundled();
    let architecture = catalog.model(&row.model)?.architecture();
    let device = catalog.device(&row.device)?;
    let loaded = weights(architecture, &row.quant, row.bits.zip(row.head_bits), row.file_gib)?;
    let work = Work::whole(
        architecture,
        loaded.iter().map(|(tensor, bytes)| (tensor, *bytes)),
        CacheBytes { key: row.cache_bytes, value: row.cache_bytes },
    );
    let stored = work.dense_bytes + work.expert_bytes;
    let usable = device.memory_usable_bytes.map_or(f64::INFINITY, |bytes| bytes as f64);
    let free = row.tp * row.split * (0.9 * usable - 1e9) - stored;
    let sequence = work.cache_bytes(row.prompt + row.output).max(1.0);
    let whole_run = matches!(row.kind, Kind::Tpot | Kind::Total | Kind::Output);
    let devices = row.tp * row.split;
    let subject = Subject {
        model: row.model,
        quant: row.quant.clone(),
        devices: match devices > 1.0 {
            true => format!("{devices}x {}", device.name),
            false => device.name.clone(),
        },
        version: period(row.era).to_owned(),
        context: Some(if row.prompt > 0.0 { row.prompt } else { row.depth } as u64),
        users: Some(row.batch as u64),
    };
    let head = loaded.iter().find(|(tensor, _)| tensor.role == Role::Output);
    let head = head.or_else(|| loaded.iter().find(|(tensor, _)| tensor.role == Role::TokenEmbd));
    let by = Proposer::Mtp(mtp_share(&work, head.map_or(0.0, |(_, bytes)| *bytes as f64)));
    let draft = row.drafted.zip(row.accepted);
    Some(Case {
        draft: draft.map(|(tokens, acceptance)| Draft { tokens, acceptance, by }),
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
        chip: chip(device, row.cores)?,
        fits: (free / sequence).max(1.0),
        id: row.id,
        source: row.source,
        subject,
    })
}

/// Returns the period of the engine's build as shown; empty for current releases.
fn period(era: Era) -> &'static str {
    match era {
        Era::Y2023 => "2023",
        Era::Y2024 => "2024",
        Era::Early2025 => "2025",
        Era::Current => "",
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
        dequantised: matches!(quant, "GPTQ-Int4" | "AWQ" | "INT4" | "W4A16") || is_looked_up(quant),
        k_types: quant.contains("_K"),
        flash_attention,
    }
}

/// Returns the chip of a device, scaled to `cores` if some of its cores are switched off.
fn chip(device: &Device, cores: Option<f64>) -> Option<Chip> {
    let mut chip = Chip::of(device)?;
    if let (Some(cores), Some(units)) = (cores, device.compute_units) {
        let share = cores / f64::from(units);
        chip.unit_hz = chip.unit_hz.map(|hz| hz * share);
        chip.peaks.half *= share;
        chip.peaks.half_fast *= share;
    }
    Some(chip)
}

/// Returns the loaded tensors with their bytes: by llama.cpp's mix, scaled to the size of the
/// measured file, or by the bits per weight of a checkpoint's format.
fn weights(
    architecture: &Architecture,
    quant: &str,
    bits: Option<(f64, f64)>,
    file_gib: Option<f64>,
) -> Option<Vec<(Tensor, u64)>> {
    let mut list = tensors(architecture);
    let Some((body, head)) = bits else {
        list.retain(|t| t.in_gguf && t.group == Group::Text);
        let mix = match quant {
            "MXFP4" => "MXFP4_MOE",
            "Q4_K_XL" => "Q4_K_M",
            other => other,
        };
        let mix = Quant::parse(mix)?;
        let bytes = mix.tensor_bytes(MixContext::new(architecture, true), &list);
        let total: f64 = bytes.iter().map(|b| b.0 as f64).sum();
        let scale = file_gib.map_or(1.0, |gib| gib * f64::from(1 << 30) / total);
        let scaled = bytes.into_iter().map(|b| (b.0 as f64 * scale) as u64);
        return Some(list.into_iter().zip(scaled).collect());
    };
    list.retain(|t| t.in_checkpoint && t.group == Group::Text);
    let experts_only = quant == "MXFP4";
    let width = |t: &Tensor| match t.role {
        Role::TokenEmbd | Role::Output => head,
        role if experts_only && !role.is_expert() => 16.0,
        _ => body,
    };
    let bytes = |t: &Tensor| (t.shape.elements() as f64 * width(t) / 8.0) as u64;
    Some(list.into_iter().map(|t| (bytes(&t), t)).map(|(bytes, t)| (t, bytes)).collect())
}
