//! vLLM's memory in addition to weights and cache: the activation peak of its profiling run, CUDA
//! graphs, and memory outside PyTorch.
//!
//! The profiling run sends `max_num_batched_tokens` tokens through the model and then samples for
//! `max_num_seqs` sequences; the larger of the two peaks stays reserved. The sampler's peak is a
//! number of bytes per logit: up to release 0.16 it sorted the logits in PyTorch, later releases
//! use Triton and FlashInfer. The second model runner needs fewer, but keeps counts of each
//! sequence's tokens beside them. The coefficients are fitted by `xtask/data/fit_memory.py`, which
//! prints the residuals.

use super::loaded_weights::Release;
use crate::architecture::{Architecture, Layer, Mixer};
use crate::units::{Bytes, Interval, MIB};

/// The settings that determine the activation peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// `max_num_batched_tokens`.
    pub tokens: u64,
    /// `max_num_seqs`.
    pub sequences: u64,
    /// Tensor-parallel ranks.
    pub ranks: u64,
    /// The release whose rules are applied.
    pub release: Release,
}

/// Peak of activations on one rank, in addition to what stays allocated.
pub fn peak(architecture: &Architecture, batch: Batch) -> Interval<Bytes> {
    let prefill = prefill(architecture, batch);
    let sampler = sampler(architecture, batch);
    let peak = match sampler.expected >= prefill.expected {
        true => Interval {
            low: sampler.low,
            expected: sampler.expected,
            high: sampler.high.max(prefill.high),
        },
        false => Interval {
            low: prefill.low.max(sampler.low),
            expected: prefill.expected,
            high: prefill.high.max(sampler.high),
        },
    };
    peak + Interval::exact(token_counts(architecture, batch))
}

/// What the second model runner keeps to penalise repeated tokens, whether or not a request asks for
/// it: a 32-bit count and a bit for each sequence and token of the vocabulary. Source:
/// `v1/worker/gpu/sample/penalties.py`, `PenaltiesState`.
fn token_counts(architecture: &Architecture, batch: Batch) -> Bytes {
    match batch.release.has_second_runner(architecture) {
        true => {
            Bytes(4 * (architecture.vocab_size + architecture.vocab_size.div_ceil(32)))
                * batch.sequences
        }
        false => Bytes::ZERO,
    }
}

/// At the widest point of a layer, a token holds gate and up (two inner widths), their product
/// (one) and four hidden vectors, in 16 bits. Measured: 1.09 GiB for Qwen2.5-7B at 8192 tokens.
fn prefill(architecture: &Architecture, batch: Batch) -> Interval<Bytes> {
    let inner = architecture.widest_ffn().div_ceil(batch.ranks.max(1));
    let values = 3 * inner + 4 * architecture.hidden_size;
    // Each routed expert's output is a hidden vector of its own until they are summed.
    let experts = architecture.layers.iter().filter_map(|layer| layer.ffn.moe());
    let routed = experts.map(|moe| moe.experts_per_token).max().unwrap_or(0);
    let values = values + routed * architecture.hidden_size;
    let expected = Bytes(2 * values).scale(batch.tokens as f64);
    let prefill = Interval::around(expected, PREFILL.0, PREFILL.1);
    let scratch = Bytes(scan_bytes(architecture).div_ceil(batch.ranks.max(1))) * batch.tokens;
    Interval { high: prefill.high + scratch, ..prefill }
}

/// Bytes per token of a gated delta net's chunked scan, which the profiling run leaves out: states
/// of each chunk of 64, and three vectors as wide as the values. Measured on Qwen3.8-27B: 72 KiB
/// (github.com/vllm-project/vllm/issues/54775).
fn scan_bytes(architecture: &Architecture) -> u64 {
    let nets = architecture.layers.iter().filter_map(|layer| match &layer.mixer {
        Mixer::GatedDeltaNet(net) => Some(net),
        _ => None,
    });
    let bytes = nets.map(|net| {
        let values = net.value_heads * net.value_head_dim;
        2 * (3 * values + values * net.key_head_dim / 64)
    });
    bytes.max().unwrap_or(0)
}

/// The logits of every sequence with the copies that sampling makes, and the hidden states of the
/// batch, which are still allocated.
fn sampler(architecture: &Architecture, batch: Batch) -> Interval<Bytes> {
    let sequences = batch.sequences.min(batch.tokens);
    let logits = sequences.saturating_mul(architecture.vocab_size) as f64;
    let hidden = Bytes(2 * architecture.hidden_size).scale(batch.tokens as f64);
    let (low, expected, high) = match batch.release.has_second_runner(architecture) {
        true => SECOND_RUNNER_LOGIT,
        false => batch.release.bytes_a_logit(),
    };
    let of = |bytes: f64| Bytes((logits * bytes) as u64) + hidden;
    Interval { low: of(low), expected: of(expected), high: of(high) }
}

/// Lowest and highest ratio of the measured to the computed prefill peak.
const PREFILL: (f64, f64) = (0.6, 1.65);

/// Bytes of the second runner's sampler per logit: the model's 16 bits and a copy in FP32, which is
/// changed in place, or another copy where it cannot be (`v1/worker/gpu/sample/sampler.py`). Between 256
/// and 1,024 sequences of Qwen3.8-27B the pool of 0.29 shrinks by 17 blocks of 49 MiB, which the counts of
/// tokens explain alone: sampling stays below the prefill's 1.9 GiB, so that it takes at most 7.6
/// (a log of an RTX PRO 6000: 652 and 635 blocks).
const SECOND_RUNNER_LOGIT: (f64, f64, f64) = (6.0, 7.0, 10.0);

impl Release {
    /// The last release in which the first model runner serves all models. Other engines sample like
    /// it.
    pub const FIRST_RUNNER: Release = Release(24);

    /// Whether the second model runner serves a model like `architecture`: dense models without
    /// recurrent layers since 0.25 (github.com/vllm-project/vllm/pull/44443), all since 0.29
    /// (github.com/vllm-project/vllm/pull/53183).
    pub fn has_second_runner(self, architecture: &Architecture) -> bool {
        let is_plain = |layer: &Layer| {
            let attends =
                matches!(layer.mixer, Mixer::Attention(_) | Mixer::Mla(_) | Mixer::Compressed(_));
            attends && layer.ffn.moe().is_none()
        };
        self.0 >= 29 || self.0 >= 25 && architecture.layers.iter().all(is_plain)
    }

    /// Whether CUDA graphs are part of the budget of a model like `architecture` instead of on top of
    /// it: since 0.21, but the second runner estimates them since 0.29 only. Gemma-4-31B on 0.26 has 0.89
    /// GiB more for its cache by the second runner than by the first
    /// (github.com/vllm-project/vllm/issues/50159).
    pub fn counts_graphs(self, architecture: &Architecture) -> bool {
        self.budgets_graphs() && (self.0 >= 29 || !self.has_second_runner(architecture))
    }

    /// Bytes of the sampler's peak per logit: low, expected, high.
    ///
    /// Up to 0.16: 38.3 (16 profiles, residuals within 3 %). Later: read off the difference between
    /// budget and pool in runs that do not print the peak.
    fn bytes_a_logit(self) -> (f64, f64, f64) {
        match self.0 {
            ..=16 => (37.0, 38.4, 40.5),
            _ => (12.0, 20.0, 27.0),
        }
    }
}

/// What decides how many CUDA graphs are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captures {
    /// Whether none is (`--enforce-eager`).
    pub eager: bool,
    /// Tensor-parallel ranks.
    pub ranks: u64,
    /// `max_num_seqs`.
    pub sequences: u64,
    /// Tokens that a draft proposes at once.
    pub drafted: u64,
    /// Whether batches are captured in pieces around attention only, not whole as well.
    pub in_pieces: bool,
    /// The release whose rules are applied.
    pub release: Release,
}

impl Captures {
    /// Graphs of steps of a token for each of `sequences`, on one rank.
    pub const fn plain(sequences: u64, release: Release) -> Captures {
        Captures { eager: false, ranks: 1, sequences, drafted: 0, in_pieces: false, release }
    }
}

/// Memory of captured CUDA graphs on one rank.
///
/// Up to 0.16 it hardly depends on the model in 34 measurements; the driver may even return memory
/// during capture. Later releases capture a batch of each size twice, whole and in pieces, and
/// reserve an estimate: what the first two captures of each kind take, times their number
/// (`GPUModelRunner.profile_cudagraph_memory`). They print 0.13 GiB for 5 of 64 layers, 0.36 for 16,
/// 1.62 for 86, or a third of a MiB for each layer and capture; with routed experts a MiB (5.1 GiB for
/// MiniMax-M2.7, 0.85 for 16 captures of Qwen3.6-35B-A3B). The first capture of recurrent layers takes
/// 0.36 GiB alone, and the others up to three times as much as elsewhere; pieces have no recurrent
/// layers in them (0.08 GiB for 4, 0.13 for 5, 0.17 for 7 of Qwen3.6-27B with MTP:
/// github.com/noonghunna/club-3090, issues 617 and 104, pull request 44).
pub fn cuda_graphs(architecture: &Architecture, of: Captures) -> Interval<Bytes> {
    if of.eager {
        return Interval::exact(Bytes::ZERO);
    }
    if of.release.0 <= 16 {
        return Interval { low: Bytes::ZERO, expected: Bytes::mib(480), high: Bytes::mib(1_280) };
    }
    // A batch has the tokens of each sequence that are checked together, and up to twice as many.
    let tokens = of.sequences.saturating_mul(1 + of.drafted);
    let whole = if of.in_pieces { 0 } else { captures(tokens.min(512)) };
    let captures = captures(tokens.saturating_mul(2).min(512)) + whole;
    let layers = captures * architecture.n_layers();
    let recurrent = scan_bytes(architecture) > 0 && !of.in_pieces;
    let first = if recurrent { FIRST_RECURRENT_CAPTURE / of.ranks.max(1) } else { Bytes::ZERO };
    if architecture.layers.iter().any(|layer| layer.ffn.moe().is_some()) {
        let expected = first + Bytes::mib(layers);
        return Interval { low: expected.scale(0.25), expected, high: expected.scale(1.6) };
    }
    let others = Bytes(layers * MIB / 3);
    // Beyond some half a GiB, graphs share more of their memory.
    let expected = first + others.min(Bytes::mib(480) + others / 4);
    let most = if recurrent { expected * 3 } else { expected * 2 };
    let most = if of.in_pieces { most } else { most.max(Bytes::mib(1_280)) };
    Interval { low: Bytes::ZERO, expected, high: most }
}

/// The first capture of a model with recurrent layers: 0.36 GiB for Qwen3.6-35B-A3B, whose others are
/// some 50 MiB. It is of the rank's heads.
const FIRST_RECURRENT_CAPTURE: Bytes = Bytes::mib(300);

/// Number of batch sizes that are captured up to `largest`: 1, 2, 4, then in steps of 8, from 256 on
/// of 16 (`cudagraph_capture_sizes`).
fn captures(largest: u64) -> u64 {
    let small = [1, 2, 4].iter().filter(|size| **size <= largest).count() as u64;
    small + largest.min(256) / 8 + largest.saturating_sub(256) / 16
}

/// Memory outside PyTorch on one rank: communicators and attention workspaces.
pub fn non_torch(ranks: u64) -> Interval<Bytes> {
    let mib = Interval::mib;
    match ranks {
        ..=1 => mib(10, 90, 170),
        2 => mib(200, 580, 1_024),
        3..=4 => mib(200, 800, 2_048),
        _ => mib(200, 1_800, 3_072),
    }
}

/// What ROCm takes outside PyTorch on a rank in addition to [`non_torch`]: its libraries' workspaces and
/// RCCL's buffers. Logs are short of 0.8 and 1.2 GiB on one MI300X and MI355X, of 2.1 and 3.2 on four
/// (Muse-Glimmer-30B in vLLM's recipes), of 1.8 on two MI300X (MiniMax-M2.5) and 1.2 on two RX 7900 XT
/// (github.com/vllm-project/vllm/issues/49064).
pub fn rocm(ranks: u64) -> Interval<Bytes> {
    let mib = Interval::mib;
    match ranks {
        ..=1 => mib(200, 960, 1_600),
        2 => mib(400, 1_500, 2_400),
        3..=4 => mib(600, 2_600, 4_000),
        _ => mib(600, 2_600, 6_000),
    }
}

/// Memory of the host that vLLM takes for its own on a device without memory of its own (NVIDIA's
/// systems on a chip).
///
/// Its profile reads what is free from the operating system there (`MemorySnapshot.measure`), so that
/// the engine's processes, what compiles the model and files read meanwhile count as memory outside
/// PyTorch. In two logs of GB10 7.1 and 7.3 GiB are not explained otherwise
/// (github.com/eugr/spark-vllm-docker/issues/396, Qwen3.6-27B of vLLM 0.23); little is left when all is
/// compiled and cached, and a first start may take 30 (github.com/eugr/spark-vllm-docker/pull/286).
pub const HOST_PROCESSES: Interval<Bytes> =
    Interval { low: Bytes::gib(1), expected: Bytes::gib(7), high: Bytes::gib(12) };

/// The same where nothing is compiled (`--enforce-eager`): Nemotron-3-Nano in NVFP4, of 18 GiB, starts
/// within a fifth of a GB10's memory (github.com/Sggin1/DGX-SPARK, nvfp4-guide), which leaves 5.
pub const HOST_PROCESSES_EAGER: Interval<Bytes> =
    Interval { low: Bytes::gib(1), expected: Bytes::gib(3), high: Bytes::gib(5) };

#[cfg(test)]
mod tests {
    use super::*;

    fn model(vocab_size: u64, hidden_size: u64) -> Architecture {
        Architecture { vocab_size, hidden_size, ..Default::default() }
    }

    /// Qwen3-32B on vLLM 0.11 with the default of 1024 sequences: 5.64 GiB.
    #[test]
    fn the_sampler_rules_with_many_sequences() {
        let batch = Batch { tokens: 8192, sequences: 1024, ranks: 1, release: Release(11) };
        let peak = peak(&model(151_936, 5120), batch);
        assert!((peak.expected.to_gib() - 5.64).abs() < 0.06, "{}", peak.expected.to_gib());
    }

    /// Qwen3.8-27B on vLLM 0.29: 652 blocks of 49 MiB with 256 sequences, 635 with 1,024.
    #[test]
    fn the_second_runner_counts_tokens_of_each_sequence() {
        let of = |sequences, release| {
            let batch = Batch { tokens: 8192, sequences, ranks: 1, release: Release(release) };
            peak(&model(248_320, 5120), batch)
        };
        let counts = of(1024, 29).low.to_gib() - of(256, 29).low.to_gib();
        assert!(counts > 17.0 * 49.0 / 1024.0 - 0.1, "{counts}");
        assert!(of(1024, 29).expected < of(1024, 24).expected);
    }

    #[test]
    fn the_prefill_rules_with_few() {
        let batch = Batch { tokens: 8192, sequences: 4, ranks: 1, release: Release(33) };
        let small = peak(&model(151_936, 5120), batch);
        let wide = peak(&model(151_936, 10_240), batch);
        assert!(wide.expected > small.expected);
    }

    #[test]
    fn eager_mode_has_no_graphs() {
        let captures = Captures { eager: true, ..Captures::plain(256, Release::CURRENT) };
        let none = cuda_graphs(&model(1, 1), captures);
        assert_eq!(none.high, Bytes::ZERO);
    }

    #[test]
    fn few_sequences_make_few_graphs() {
        assert_eq!((captures(4), captures(256), captures(512)), (3, 35, 51));
    }
}
