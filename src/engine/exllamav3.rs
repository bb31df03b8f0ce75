//! ExLlamaV3's memory: trellis weights on the devices, the embedding on the host, and a cache of
//! whole pages that is reserved at startup.
//!
//! Rules as of release 1.6 (October 2026): `exllamav3/cache/` (pages of 256 tokens, FP16 or 2 to 8
//! bits with an FP16 scale for 32 values, latent cache), `modules/embedding.py` (`prefer_cpu`),
//! `conversion/` (head at 6 bits).

use super::adapter::EngineAdapter;
use super::checkpoint::addons::{CheckpointAddons, Distribution};
use super::checkpoint::{CheckpointBase, LayerSplit};
use super::command::{CheckpointSource, Command, Launch};
use super::layer_cache::{LayerCache, layer_caches};
use super::layout::Layout;
use super::model_files::Addons;
use super::refusal::Refusal;
use super::run::Run;
use crate::bill::{DeviceLines, Line, bills, loads};
use crate::catalog::Model;
use crate::hardware::{Hardware, InstalledDevice, Loads};
use crate::quant::{Format, Mix, Quant};
use crate::report::{DeviceBill, HostBill, RefusalReason, SlidingWindowCache, Term};
use crate::scenario::{CacheType, CacheTypes, Engine, Lora, ProjectorType};
use crate::units::{Bytes, Interval};

/// The release whose rules are applied.
pub const VERSION: &str = "1.6 (October 2026)";

const SOURCE: &str = "ExLlamaV3 1.6";

/// Tokens in a page (`PAGE_SIZE`).
const PAGE: u64 = 256;

/// Tokens of a prompt computed at once (`max_chunk_size` of the generator).
const CHUNK: u64 = 2048;

/// Architectures with an implementation, by their GGUF names (`exllamav3/architecture/`).
const ARCHITECTURES: &[&str] = &[
    "afmoe",
    "apertus",
    "arcee",
    "bailingmoe3",
    "cohere2",
    "command-r",
    "deci",
    "deepseek2",
    "deepseek4",
    "dots1",
    "ernie4_5",
    "ernie4_5-moe",
    "exaone4",
    "gemma2",
    "gemma3",
    "gemma4",
    "glm-dsa",
    "glm4",
    "glm4moe",
    "glm5-next",
    "gpt-oss",
    "hy_v3",
    "kimi-linear",
    "laguna",
    "lfm2",
    "lfm2moe",
    "llama",
    "mimo2",
    "minimax-m2",
    "mistral3",
    "mistral4",
    "muse-glimmer",
    "nemotron_h",
    "nemotron_h_moe",
    "olmo2",
    "phi3",
    "qwen2",
    "qwen2vl",
    "qwen3",
    "qwen35",
    "qwen35moe",
    "qwen3moe",
    "qwen3next",
    "qwen3vl",
    "qwen3vlmoe",
    "qwen4exp",
    "seed_oss",
    "smollm3",
    "spark2_5",
    "step35",
];

/// The types that keys and values are cached in: 16 bits, or `n` and half a bit for the scale, as
/// many as ggml's types of `n` bits take.
fn cache_types(kv: CacheTypes) -> Result<CacheTypes, Refusal> {
    use CacheType::{F16, Q4_0, Q5_0, Q6_0, Q8_0};
    let kv = kv.without_fp8();
    match (kv.key, kv.value) {
        (F16, F16) | (Q8_0 | Q6_0 | Q5_0 | Q4_0, Q8_0 | Q6_0 | Q5_0 | Q4_0) => Ok(kv),
        _ => Err(Refusal::of(RefusalReason::CacheType, "kv", kv).set("kv", "q8_0")),
    }
}

/// ExLlamaV3.
pub(super) struct ExLlamaV3;

impl EngineAdapter for ExLlamaV3 {
    fn engine(&self) -> Engine {
        Engine::ExLlamaV3
    }

    fn version(&self) -> &'static str {
        VERSION
    }

    fn check_format(&self, quant: Quant) -> Result<(), Refusal> {
        match quant.scheme() {
            Quant::Gguf(Mix::BF16 | Mix::F16) | Quant::Format(Format::Exl3(_)) => Ok(()),
            _ => {
                let bits = quant.nominal_bits().clamp(1, 8);
                Err(Refusal::new(RefusalReason::FormatNotLoaded, quant).or(Format::Exl3(bits * 10)))
            }
        }
    }

    fn usual_formats(&self) -> &'static [Quant] {
        &[
            Quant::Format(Format::Exl3(60)),
            Quant::Format(Format::Exl3(50)),
            Quant::Format(Format::Exl3(40)),
        ]
    }

    fn supports_architecture(&self, model: &Model) -> bool {
        let known = |arch: &str| ARCHITECTURES.contains(&arch);
        model.architecture().gguf_arch.as_deref().is_some_and(known)
    }

    fn run_checkpoint<'a>(
        &'static self,
        base: CheckpointBase<'a>,
    ) -> Result<Box<dyn Run + 'a>, Refusal> {
        let CheckpointBase { checkpoint, hardware, scenario, .. } = base;
        if hardware.parts.is_empty() {
            return Err(Refusal::new(RefusalReason::NeedsDevice, "cpu"));
        }
        for part in &hardware.parts {
            match part.device.compute_capability() {
                Some(80..) if part.device.vendor == "NVIDIA" => {}
                Some(_) if part.device.vendor == "NVIDIA" => {
                    let rule = RefusalReason::ComputeCapability { least: "8.0".to_owned() };
                    return Err(Refusal::new(rule, &part.device.id));
                }
                _ => return Err(Refusal::new(RefusalReason::NoBackend, &part.device.id)),
            }
        }
        Ok(Box::new(ExlRun {
            base,
            caches: layer_caches(checkpoint.architecture(), 1),
            cache_types: cache_types(scenario.kv)?,
            split: LayerSplit::new(checkpoint, &hardware.usable(), true),
            addons: CheckpointAddons::new(&ExLlamaV3, base)?,
        }))
    }

    /// The projector is a separate component that has to be requested.
    fn default_projector(&self) -> Option<ProjectorType> {
        None
    }

    fn check_lora(&self, lora: Lora) -> Result<(), Refusal> {
        let asked = format!("{}*{}", lora.rank, lora.count);
        Err(Refusal::of(RefusalReason::NotOffered, "lora", asked).set("lora", 0))
    }

    fn launch(&self, model: &Model, quant: Quant, flags: &[String]) -> Launch {
        let source = CheckpointSource::new(Engine::ExLlamaV3, model, quant);
        let command = Command::new("python examples/chat.py -m").word(source.folder());
        Launch::of(command.flags(flags))
    }

    fn addon_flags(&self, addons: &Addons<'_>, _: bool) -> Vec<String> {
        let draft = addons.draft().map(|files| {
            let source = CheckpointSource::new(Engine::ExLlamaV3, files.model(), files.quant());
            format!("-dm {} -ndt {}", source.folder(), addons.proposed())
        });
        draft.into_iter().collect()
    }
}

struct ExlRun<'a> {
    base: CheckpointBase<'a>,
    caches: Vec<LayerCache>,
    cache_types: CacheTypes,
    split: LayerSplit,
    addons: CheckpointAddons<'a>,
}

impl ExlRun<'_> {
    /// KV cache and recurrent state of `layers`. Every layer keeps every token, even with a sliding
    /// window.
    fn kv(&self, layers: std::ops::Range<usize>, context: u64, users: u64) -> (Bytes, Bytes) {
        let tokens = context.div_ceil(PAGE).saturating_mul(PAGE).saturating_mul(users);
        let CacheTypes { key, value } = self.cache_types;
        let half_bits = |ty: CacheType| (2.0 * ty.bits_per_value()) as u64;
        let (k, v) = (half_bits(key), half_bits(value));
        let caches = self.caches.get(layers).unwrap_or_default();
        let kv = caches.iter().map(|cache| {
            let bits = match cache.latent {
                true => cache.entry() * 32,
                false => cache.kv_heads * (cache.key * k + cache.value * v),
            };
            let values = Bytes(bits.div_ceil(16) + 2 * cache.index_key);
            values * tokens.div_ceil(cache.ratio.max(1))
        });
        let state = caches.iter().map(|cache| Bytes(2 * cache.conv + 4 * cache.recurrent));
        (kv.sum(), state.sum::<Bytes>() * users)
    }

    /// The cache of one of `layers` in 16 bits, which attention kernels that read no quantised one get
    /// (`cache/quant.py`, `get_kv`).
    fn unpacked(
        &self,
        layers: std::ops::Range<usize>,
        context: u64,
        users: u64,
    ) -> Interval<Bytes> {
        let CacheTypes { key, value } = self.cache_types;
        let is_quantised = key.bits_per_value() < 16.0 || value.bits_per_value() < 16.0;
        let caches = self.caches.get(layers).unwrap_or_default().iter();
        let of_tokens = caches.filter(|cache| is_quantised && !cache.latent);
        let widest = of_tokens.map(LayerCache::entry).max().unwrap_or(0);
        let bytes = Bytes(2 * widest) * context * users;
        Interval { low: Bytes::ZERO, expected: bytes, high: bytes }
    }

    fn device_lines(&self, context: u64, users: u64) -> Vec<DeviceLines> {
        let of = |(i, part): (usize, &InstalledDevice<'_>)| {
            let (kv, state) = self.kv(self.split.range(i), context, users);
            let unpacked = self.unpacked(self.split.range(i), context, users);
            DeviceLines {
                usable: part.usable,
                layers: self.split.layers[i],
                lines: vec![
                    Line::exact(
                        Term::Weights,
                        self.split.weights[i],
                        "sum(tensors)",
                        self.base.checkpoint.source(SOURCE),
                    ),
                    Line::exact(Term::KvCache, kv, "sum(layers) token_bytes * tokens", SOURCE)
                        .with(&[("context", context), ("users", users)]),
                    Line::exact(Term::RecurrentState, state, "sum(layers) * users", SOURCE),
                    Line::fitted(
                        Term::Compute,
                        SCRATCH + unpacked,
                        "measured + layer of the cache",
                        SOURCE,
                    ),
                    Line::fitted(Term::Overhead, CONTEXT, "CUDA context", SOURCE),
                    Line::kept(unpacked.expected * FRAGMENTS, "blocks that PyTorch keeps"),
                ],
            }
        };
        let mut device_lines: Vec<DeviceLines> =
            self.base.hardware.parts.iter().enumerate().map(of).collect();
        let layout = Distribution::Layers(&self.split);
        self.addons.add(&mut device_lines, layout, (context, users), Some(Bytes::ZERO));
        device_lines
    }

    fn host(&self) -> Vec<Line> {
        vec![Line::exact(Term::Weights, self.split.host, "embedding", SOURCE)]
    }
}

/// Copies of a layer's cache in 16 bits that PyTorch's allocator keeps at most, as each longer one needs
/// a block of its own: two reports of TabbyAPI at 262,144 tokens hold 4.0 GiB more than is expected
/// (github.com/0xSero/local-ai-registry/pull/56).
const FRAGMENTS: u64 = 4;

/// Scratch memory for a chunk of 2048 tokens and unpacked weights: measured with ExLlama's
/// predecessors on Llama-2-13B as the excess over file and cache (1.0 to 1.5 GB), less the CUDA
/// context.
const SCRATCH: Interval<Bytes> =
    Interval { low: Bytes::mib(250), expected: Bytes::mib(650), high: Bytes::mib(1_200) };

/// The CUDA context, and what desktops of Windows take beyond the usual: Gemma 3 27B lies 50 to 250 MiB
/// above 700 (github.com/turboderp-org/exllamav3/issues/50).
const CONTEXT: Interval<Bytes> =
    Interval { low: Bytes::mib(200), expected: Bytes::mib(400), high: Bytes::mib(1_000) };

impl Run for ExlRun<'_> {
    fn hardware(&self) -> &Hardware<'_> {
        self.base.hardware
    }

    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill) {
        bills(self.base.hardware, self.device_lines(context, users), "", self.host())
    }

    fn loads(&self, context: u64, users: u64) -> Loads {
        loads(self.base.hardware, &self.device_lines(context, users), &self.host())
    }

    fn on<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        ExLlamaV3.run_checkpoint(self.base.on(hardware)).ok()
    }

    fn sliding_window_cache(&self) -> SlidingWindowCache {
        SlidingWindowCache::Whole
    }

    fn layout(&self) -> Layout {
        Layout {
            parts: Layout::split(&self.split.layers, self.base.n_layers(), false, 0),
            cache: self.cache_types,
            microbatch: CHUNK,
            copies: 1,
            expert_sharing_ranks: 1,
            cache_ranks: 1,
            cache_on_host: false,
        }
    }

    fn flags(&self) -> Vec<String> {
        let tokens = self.base.scenario.context.div_ceil(PAGE) * PAGE;
        let mut flags = vec![format!("-cs {}", tokens.saturating_mul(self.base.scenario.users))];
        let CacheTypes { key, value } = self.cache_types;
        if key.is_quantised() {
            let bits = |ty: CacheType| ty.bits_per_value() as u64;
            flags.push(format!("-cq {},{}", bits(key), bits(value)));
        }
        flags.extend(self.addons.flags());
        flags
    }

    fn context_step(&self) -> u64 {
        PAGE
    }

    fn max_users(&self) -> u64 {
        u64::MAX
    }
}
