//! Cases of serving engines: weights, activations, graphs and cache pools printed by vLLM, SGLang,
//! TensorRT-LLM and MLX.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::case::CaseHeader;
use super::{Comparison, Figure};
use crate::catalog::{Catalog, Model};
use crate::engine::vllm::{BatchedTokens, KvLayout, KvSettings};
use crate::engine::{
    Batch, Captures, Release, cuda_graphs, loaded, non_torch, peak, sglang_scales,
};
use crate::engine::{Checkpoint, LayerCache, layer_caches, mtp_caches};
use crate::estimate;
use crate::quant::Quant;
use crate::scenario::{CacheType, Scenario};
use crate::units::{Bytes, GIB, Interval};

/// Half of the last digit of a figure printed as GiB with two decimals.
const PRINTED: f64 = 0.005 * GIB as f64;

/// The settings that a serving engine was started with, and the figures that it printed.
#[derive(Debug, Deserialize)]
pub(super) struct Profile {
    #[serde(flatten)]
    header: CaseHeader,
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
    #[serde(default)]
    batch_unknown: bool,
    #[serde(default)]
    speculative: u64,
    kv_bytes: u64,
    measured: BTreeMap<String, f64>,
}

impl Profile {
    /// Returns the comparison of every printed figure that has a prediction.
    pub fn compare(&self) -> Vec<Comparison> {
        let model = Catalog::bundled().model(&self.header.model);
        let quant = Quant::parse(&self.header.quant);
        let (Some(model), Some(quant)) = (model, quant) else { return Vec::new() };
        let Some(checkpoint) = Checkpoint::new(model, quant) else { return Vec::new() };
        match self.header.engine.as_str() {
            "vllm" => self.vllm(model, &checkpoint),
            "mlx" => self.mlx().into_iter().collect(),
            _ => self.pools(&checkpoint),
        }
    }

    fn figure(
        &self,
        figure: Figure,
        predicted: Interval<Bytes>,
        measured: f64,
        printed: f64,
    ) -> Comparison {
        self.header.compare(figure, predicted, measured, printed, (self.context, self.sequences))
    }

    /// Returns the comparison of the figure called `name`, if it was printed.
    fn printed(
        &self,
        figure: Figure,
        name: &str,
        predicted: Interval<Bytes>,
    ) -> Option<Comparison> {
        // A negative figure: the driver gave memory back.
        let measured = self.measured.get(name)?.max(0.0);
        Some(self.figure(figure, predicted, measured, PRINTED))
    }

    fn vllm(&self, model: &Model, checkpoint: &Checkpoint<'_>) -> Vec<Comparison> {
        // A log without a version is assumed to be from the time of its model.
        let of_its_time = match model.release.as_str() {
            month if month >= "2026-08" => Release::CURRENT,
            month if month >= "2026-03" => Release::FIRST_RUNNER,
            _ => Release(16),
        };
        let release = self.release.map_or(of_its_time, Release);
        let memory = self.visible_bytes.or_else(|| self.header.named_memory());
        let large = memory.is_some_and(|bytes| bytes > 70 * GIB) && self.capability != Some(80);
        // The defaults of the V1 engine, and of V0 before it.
        let (sequences, tokens) = match (release.0, large) {
            (..8, _) => (256, self.context.unwrap_or(0).max(2048)),
            (_, true) => (1024, 8192),
            (_, false) => (256, 2048),
        };
        let tokens = self.batched.unwrap_or(tokens);
        let sequences = self.sequences.unwrap_or(sequences);
        let architecture = model.architecture();
        let batch = Batch { tokens, sequences, ranks: self.ranks, release };
        let activations = peak(architecture, batch);
        let weights = loaded(checkpoint, self.ranks, self.capability, release, 1);
        let outside = non_torch(self.ranks);
        let captures = Captures {
            eager: self.eager,
            ranks: self.ranks,
            ..Captures::plain(sequences, release)
        };
        let graphs = cuda_graphs(architecture, captures);
        // Pipeline stages and LoRA slots are not printed separately.
        let plain = self.pipeline.is_none() && self.lora_rank.is_none();
        let mut out = Vec::new();
        if plain {
            out.extend(self.printed(Figure::Weights, "weights", weights));
        }
        if !self.batch_unknown {
            out.extend(self.printed(Figure::Activations, "peak_activation", activations));
        }
        out.extend(self.printed(Figure::OutsideTorch, "non_torch_memory", outside));
        out.extend(self.printed(Figure::CudaGraphs, "cuda_graphs", graphs));
        if self.lora_rank.is_none() {
            let name = "consumed_weights_plus_non_torch";
            out.extend(self.printed(Figure::Consumed, name, weights + outside));
        }
        if plain && !self.batch_unknown {
            let counts = release.counts_graphs(architecture);
            let inside = if counts { graphs } else { Interval::default() };
            out.extend(self.budget(weights + outside + activations, inside));
        }
        let settings = KvSettings {
            cache_type: if self.kv_bytes == 1 { CacheType::Fp8 } else { CacheType::F16 },
            batched: BatchedTokens::Most(tokens),
            speculative: self.speculative,
            cache_ranks: 1,
            stages: self.pipeline.unwrap_or(1),
            release,
        };
        let mut caches = layer_caches(architecture, self.ranks);
        if self.speculative > 0 {
            caches.extend(mtp_caches(architecture, self.ranks));
        }
        if self.pipeline.is_none() {
            out.extend(self.pool(&KvLayout::new(&caches, settings)));
        }
        out
    }

    /// Compares the memory needed before the first token is cached: the sum of the printed figures,
    /// or the budget without the pool.
    fn budget(&self, needed: Interval<Bytes>, graphs: Interval<Bytes>) -> Option<Comparison> {
        let get = |name: &str| self.measured.get(name).copied();
        let parts = ["weights", "non_torch_memory", "peak_activation"].map(get);
        if let [Some(weights), Some(outside), Some(activations)] = parts {
            let measured = weights + outside + activations;
            return Some(self.figure(Figure::Total, needed, measured, 3.0 * PRINTED));
        }
        let budget = self.utilisation? * self.visible_bytes? as f64;
        let measured = budget - get("kv_cache_memory")?;
        Some(self.figure(Figure::Total, needed + graphs, measured, 0.3 * GIB as f64))
    }

    /// Compares the tokens and blocks of the printed pool.
    fn pool(&self, layout: &KvLayout) -> Vec<Comparison> {
        let get = |name: &str| self.measured.get(name).copied();
        let Some(pool) = get("kv_cache_memory").map(|bytes| Bytes(bytes as u64)) else {
            return Vec::new();
        };
        let (least, most) = if layout.is_exact() { (0.97, 1.03) } else { (1.0 / 1.95, 1.0 / 0.9) };
        let tokens = self.context.zip(get("kv_cache_tokens")).map(|(context, measured)| {
            let tokens = Bytes(layout.tokens(pool, context));
            self.figure(Figure::PoolTokens, Interval::around(tokens, least, most), measured, 0.0)
        });
        let blocks = get("gpu_blocks").map(|measured| {
            let blocks = Interval::around(Bytes(layout.pool_blocks(pool)), 0.97, 1.03);
            self.figure(Figure::PoolBlocks, blocks, measured, 0.0)
        });
        tokens.into_iter().chain(blocks).collect()
    }

    /// Compares the weights of a rank and the tokens of the pool, of SGLang and TensorRT-LLM.
    fn pools(&self, checkpoint: &Checkpoint<'_>) -> Vec<Comparison> {
        let wider = match self.header.engine.as_str() {
            "sglang" => sglang_scales(checkpoint.quant, self.capability),
            _ => 1,
        };
        let weights = loaded(checkpoint, self.ranks, self.capability, Release::CURRENT, wider);
        let caches = layer_caches(checkpoint.architecture(), self.ranks);
        let plain = |cache: &LayerCache| cache.window.is_none() && cache.ratio <= 1;
        let token: u64 = caches.iter().map(|cache| cache.entry() * self.kv_bytes).sum();
        let get = |name: &str| self.measured.get(name).copied();
        let tokens = get("kv_cache_memory").zip(get("kv_cache_tokens"));
        let tokens = tokens.filter(|_| caches.iter().all(plain)).map(|(pool, measured)| {
            let tokens = Bytes((pool / token.max(1) as f64) as u64);
            self.figure(Figure::PoolTokens, Interval::around(tokens, 0.97, 1.03), measured, 0.0)
        });
        self.printed(Figure::Weights, "weights", weights).into_iter().chain(tokens).collect()
    }

    /// Compares the peak of an MLX process with the whole answer to its question.
    fn mlx(&self) -> Option<Comparison> {
        let measured = *self.measured.get("peak_memory")?;
        let query = format!(
            "engine=mlx&model={}&quant={}&hw=apple-m2-ultra@192&ctx={}",
            self.header.model, self.header.quant, self.context?
        );
        let (scenario, _) = Scenario::from_query(&query);
        let cells = estimate::row(Catalog::bundled(), &scenario, &self.header.model);
        let used = cells.first()?.as_ref().ok()?.device_bytes;
        Some(self.figure(Figure::Total, used, measured, 0.5e6))
    }
}
