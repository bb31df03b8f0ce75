//! The parallel ranks of a serving engine: the part of a checkpoint on each device of a machine.
//!
//! **vLLM** (0.33): ranks are numbered data x pipeline x tensor. Layers are assigned to stages by
//! `distributed/utils.py`, `get_pp_indices`: the remainder goes to the last stages but one. With
//! data parallelism, the experts of a mixture-of-experts model are divided over all data and tensor
//! ranks (`fused_moe/config.py`, `FusedMoEParallelConfig.make`), by columns, or as whole experts
//! with `--enable-expert-parallel`; everything else is replicated on each data rank. A dense model
//! is replicated as a whole.
//!
//! **SGLang** (0.5.23): stages as in `srt/distributed/utils.py`, the remainder to the last ones.
//! `--dp-size` of a mixture-of-experts model means `--enable-dp-attention`: groups of tensor ranks
//! that divide the users and replicate the attention. `--ep-size` divides the tensor ranks and the
//! experts.
//!
//! **TensorRT-LLM** (1.2): stages as in `mapping.py`, the remainder to the first ones.
//! `enable_attention_dp` makes every tensor rank a data rank; `--ep_size` as in SGLang.

use std::ops::Range;

use super::base::CheckpointBase;
use super::file::Checkpoint;
use super::loaded_weights::{self, Release};
use super::tensor_parallel::{ShardCounts, divides_as, stage};
use crate::architecture::Architecture;
use crate::engine::layout::{Layout, PlacedLayers};
use crate::engine::refusal::Refusal;
use crate::quant::Format;
use crate::report::RefusalReason;
use crate::scenario::{Engine, ExpertParallel, SplitMode};
use crate::units::{Bytes, Interval};

/// The parallel ranks that a model runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Ranks {
    /// Tensor-parallel ranks per stage.
    pub tensor: u64,
    /// Repeating layers of each pipeline stage.
    pub stages: Vec<Range<usize>>,
    /// Data-parallel ranks, among which users are divided.
    pub data: u64,
    /// Number of ranks that whole experts are divided between.
    pub expert: u64,
    /// Whether data ranks are groups of the tensor ranks instead of additional devices.
    inner_data: bool,
    /// How the tensors of a stage are sharded.
    pub shard_counts: ShardCounts,
}

impl Ranks {
    /// Returns the ranks that `scenario` requests, or by default as many tensor ranks as devices
    /// can divide the model.
    ///
    /// # Errors
    /// The machine has fewer devices than requested, or a size does not divide evenly.
    pub fn new(
        engine: Engine,
        CheckpointBase { checkpoint, hardware, scenario, .. }: CheckpointBase<'_>,
    ) -> Result<Ranks, Refusal> {
        let devices = hardware.parts.len() as u64;
        if devices == 0 {
            return Err(Refusal::new(RefusalReason::NeedsDevice, "cpu"));
        }
        let architecture = checkpoint.architecture();
        let layers = architecture.n_layers().max(1);
        let parallel = &scenario.parallel;
        let split = parallel.split;
        let stages = parallel.pipeline.unwrap_or(match split {
            SplitMode::Layer if scenario.tensor_parallel.is_none() => devices.min(layers),
            _ => 1,
        });
        if stages > layers {
            let refusal = Refusal::of(RefusalReason::MoreStages { layers }, "pp", stages);
            return Err(refusal.set("pp", layers.min(devices)));
        }
        if split == SplitMode::Row {
            return Err(
                Refusal::of(RefusalReason::SplitMode, "split", "row").set("split", "tensor")
            );
        }
        let data = parallel.data.unwrap_or(1);
        let moe = architecture.layers.iter().find_map(|layer| layer.ffn.moe());
        let inner_data = data > 1 && moe.is_some() && engine != Engine::Vllm;
        if data > 1 && moe.is_none() && engine == Engine::TensorRtLlm {
            return Err(Refusal::of(RefusalReason::OneCopy, "dp", data).set("dp", "1"));
        }
        let outer = if inner_data { 1 } else { data };
        let others = stages.saturating_mul(outer);
        if others > devices {
            let (key, asked) = if outer > 1 { ("dp", data) } else { ("pp", stages) };
            let refusal = Refusal::of(RefusalReason::FewerDevices { devices }, key, asked);
            // One key alone may not be enough: then there is nothing to offer.
            let room = devices / scenario.tensor_parallel.unwrap_or(1).max(1);
            let most = if outer > 1 { room / stages.max(1) } else { room };
            return Err(if most > 0 { refusal.set(key, most) } else { refusal });
        }
        let granule = checkpoint.quant.format().map_or(1, Format::granule);
        let of = |tensor: u64| Ranks::cut(engine, architecture, parallel.expert, tensor, data);
        let fits = |tensor: u64| {
            let (counts, _) = of(tensor).ok()?;
            divides_as(architecture, counts, granule).ok()
        };
        let most = devices / others;
        let largest = |most: u64| (1..=most).rev().find(|n| fits(*n).is_some());
        let tensor = match (scenario.tensor_parallel, split) {
            (Some(tensor), _) => tensor,
            (None, SplitMode::None) => 1,
            (None, SplitMode::Layer) if parallel.pipeline.is_none() => 1,
            // Experts that cannot be divided are reported for all devices instead of hidden by a
            // smaller size.
            (None, _) => largest(most).unwrap_or(most),
        };
        if tensor > most {
            let refusal = Refusal::of(RefusalReason::FewerDevices { devices }, "tp", tensor);
            return Err(refusal.set("tp", most));
        }
        let (counts, expert) = of(tensor)?;
        divides_as(architecture, counts, granule).map_err(|what| {
            let refusal = Refusal::of(RefusalReason::Indivisible { what }, "tp", tensor);
            refusal.set("tp", largest(tensor).unwrap_or(1))
        })?;
        let stages = stage_layers(engine, layers, stages);
        Ok(Ranks { tensor, stages, data, expert, inner_data, shard_counts: counts })
    }

    /// How tensors are sharded over `tensor` ranks, and the number of ranks that whole experts are
    /// divided between.
    fn cut(
        engine: Engine,
        architecture: &Architecture,
        expert: ExpertParallel,
        tensor: u64,
        data: u64,
    ) -> Result<(ShardCounts, u64), Refusal> {
        let experts = architecture.n_experts();
        let asked = || format!("ep={expert}");
        if experts == 0 {
            return match expert {
                ExpertParallel::Off => Ok((ShardCounts::all(tensor), 1)),
                _ => Err(Refusal::new(RefusalReason::NoExperts, asked()).set("ep", "off")),
            };
        }
        if engine == Engine::Vllm {
            let flat = tensor.saturating_mul(data);
            let ranks = match expert {
                ExpertParallel::Off => 1,
                ExpertParallel::On => flat,
                ExpertParallel::Ranks(n) if n == flat => flat,
                ExpertParallel::Ranks(_) => {
                    let rule = RefusalReason::ExpertRanks { ranks: flat };
                    return Err(Refusal::new(rule, asked()).set("ep", "on"));
                }
            };
            // If experts do not divide evenly, the first ranks have one more.
            let most = experts.div_ceil(ranks);
            let columns = flat / ranks;
            return Ok((
                ShardCounts { columns, experts: (most, experts), ..ShardCounts::all(tensor) },
                ranks,
            ));
        }
        if !tensor.is_multiple_of(data) {
            let rule = RefusalReason::DataRanks { ranks: tensor };
            let nearest = (1..=data.min(tensor)).rev().find(|n| tensor.is_multiple_of(*n));
            let refusal = Refusal::of(rule, "dp", data);
            return Err(refusal.set("dp", nearest.unwrap_or(1)));
        }
        if engine == Engine::TensorRtLlm && data > 1 && data != tensor {
            let rule = RefusalReason::DataRanks { ranks: tensor };
            return Err(Refusal::of(rule, "dp", data).set("dp", tensor));
        }
        let ranks = match expert {
            ExpertParallel::Off => 1,
            ExpertParallel::On => tensor,
            ExpertParallel::Ranks(n) => n,
        };
        let good = |n: &u64| tensor.is_multiple_of(*n) && experts.is_multiple_of(*n);
        if !good(&ranks) {
            let rule = match tensor.is_multiple_of(ranks) {
                true => RefusalReason::UnevenExperts { experts },
                false => RefusalReason::ExpertRanks { ranks: tensor },
            };
            let nearest = (1..=ranks.min(tensor)).rev().find(good).unwrap_or(1);
            return Err(Refusal::new(rule, asked()).set("ep", nearest));
        }
        let counts = ShardCounts {
            attention: tensor / data,
            vocabulary: if data > 1 { 1 } else { tensor },
            columns: tensor / ranks,
            experts: (experts / ranks, experts),
            ..ShardCounts::all(tensor)
        };
        Ok((counts, ranks))
    }

    /// Number of devices used.
    pub fn devices(&self) -> u64 {
        let outer = if self.inner_data { 1 } else { self.data };
        self.tensor * self.stages.len() as u64 * outer
    }

    /// The pipeline stage of device `i`; `None` if the device is idle.
    pub fn stage(&self, i: usize) -> Option<usize> {
        let used = (i as u64) < self.devices();
        used.then(|| i / self.tensor.max(1) as usize % self.stages.len().max(1))
    }

    /// Users on the fullest data rank.
    pub fn users(&self, users: u64) -> u64 {
        users.div_ceil(self.data.max(1))
    }

    /// Ranks that communicate in every layer.
    pub fn group(&self) -> u64 {
        self.tensor
    }

    /// The parts of one copy of the model, in the order of the layers.
    pub fn parts(&self, n_layers: u64) -> Vec<PlacedLayers> {
        if let [_] = self.stages.as_slice() {
            return Layout::ranks(self.tensor, n_layers);
        }
        let width = self.tensor as usize;
        let last = self.stages.len() - 1;
        let stages = self.stages.iter().cloned().enumerate();
        let placed = |(i, layers): (usize, Range<usize>)| PlacedLayers {
            devices: i * width..(i + 1) * width,
            experts: layers.clone(),
            layers,
            head: i == last,
        };
        stages.map(placed).collect()
    }

    /// Data ranks that share one set of routed experts; 1 without experts.
    pub fn expert_sharing_ranks(&self) -> u64 {
        if self.shard_counts.experts.1 > 1 { self.data } else { 1 }
    }

    /// Independent copies of the model on separate devices, among which users are divided.
    pub fn copies(&self) -> u64 {
        if self.inner_data { 1 } else { self.data }
    }
}

/// Weights on one rank of each stage; `capability` is that of the devices, and scales of routed
/// experts are held in `wider` times the bytes that the checkpoint has.
pub(in crate::engine) fn weights(
    checkpoint: &Checkpoint<'_>,
    ranks: &Ranks,
    capability: Option<u32>,
    wider: u64,
) -> Vec<Interval<Bytes>> {
    let of = |layers| {
        let mut fused = stage(checkpoint, ranks.shard_counts, layers);
        loaded_weights::widen_scales(&mut fused, wider);
        loaded_weights::of_rank(
            checkpoint,
            fused,
            ranks.shard_counts.columns,
            capability,
            Release::CURRENT,
        )
    };
    ranks.stages.iter().map(of).collect()
}

/// The layers of each of `stages` stages.
fn stage_layers(engine: Engine, layers: u64, stages: u64) -> Vec<Range<usize>> {
    let (each, over) = (layers / stages, layers % stages);
    let more = |stage: u64| match engine {
        // The last stage has norm and head, so it gets fewer layers.
        Engine::Vllm => stage + 1 + over >= stages && stage + 1 < stages,
        Engine::Sglang => stage + over >= stages,
        _ => stage < over,
    };
    let mut begin = 0;
    let stage = |i| {
        let end = begin + each as usize + usize::from(more(i));
        std::mem::replace(&mut begin, end)..end
    };
    (0..stages).map(stage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_over_goes_where_each_engine_puts_it() {
        let of = |engine, layers, stages| -> Vec<usize> {
            stage_layers(engine, layers, stages).iter().map(Range::len).collect()
        };
        assert_eq!(of(Engine::Vllm, 61, 4), [15, 15, 16, 15]);
        assert_eq!(of(Engine::Vllm, 63, 4), [16, 16, 16, 15]);
        assert_eq!(of(Engine::Sglang, 61, 4), [15, 15, 15, 16]);
        assert_eq!(of(Engine::TensorRtLlm, 62, 4), [16, 16, 15, 15]);
        assert_eq!(of(Engine::Vllm, 64, 1), [64]);
        for engine in [Engine::Vllm, Engine::Sglang, Engine::TensorRtLlm] {
            for stages in 1..=32 {
                assert_eq!(of(engine, 32, stages).iter().sum::<usize>(), 32);
            }
        }
    }
}
