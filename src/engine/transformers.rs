//! Transformers' memory: weights split by layers (`device_map="auto"`), a cache that grows with the
//! text, and the activations of a prompt computed in one step.
//!
//! Rules as of transformers 5.24 (October 2026): `cache_utils.py` (`DynamicLayer`,
//! `DynamicSlidingWindowLayer` keeps the window less one token), `quantizers/` (bitsandbytes leaves
//! the head alone), `generation/utils.py` (logits of the last token only).

use super::adapter::EngineAdapter;
use super::addons::LoraMemory;
use super::checkpoint::addons::{CheckpointAddons, Distribution};
use super::checkpoint::{Checkpoint, CheckpointBase, LayerSplit};
use super::command::{CheckpointSource, Launch};
use super::layer_cache::{LayerCache, expand_latents, layer_caches};
use super::layout::Layout;
use super::model_files::{Addons, File};
use super::refusal::Refusal;
use super::run::Run;
use crate::architecture::Architecture;
use crate::bill::{DeviceLines, Line, bills, loads};
use crate::catalog::{DeviceKind, Model};
use crate::hardware::{Hardware, InstalledDevice, Loads};
use crate::quant::{Format, Mix, Quant};
use crate::report::{DeviceBill, HostBill, Notice, RefusalReason, Term};
use crate::scenario::{CacheType, CacheTypes, Engine, Scenario};
use crate::units::{Bytes, Interval};

/// The release whose rules are applied.
pub const VERSION: &str = "5.24 (October 2026)";

const SOURCE: &str = "transformers 5.24";

fn nearest(quant: Quant) -> Format {
    match quant.nominal_bits() {
        5.. => Format::BnbInt8,
        _ => Format::Nf4,
    }
}

/// Whether `format` is one of bitsandbytes.
fn is_bitsandbytes(format: Format) -> bool {
    matches!(format, Format::Nf4 | Format::BnbInt8)
}

/// Hugging Face Transformers.
pub(super) struct Transformers;

impl EngineAdapter for Transformers {
    fn engine(&self) -> Engine {
        Engine::Transformers
    }

    fn version(&self) -> &'static str {
        VERSION
    }

    fn smaller_cache(&self) -> Option<CacheType> {
        None
    }

    fn check_format(&self, quant: Quant) -> Result<(), Refusal> {
        match quant.scheme() {
            Quant::Gguf(Mix::BF16 | Mix::F16 | Mix::F32) => Ok(()),
            // GGUF files are supported, but unpacked to 16 bits, so they are no format of their own
            // in memory.
            Quant::Gguf(_)
            | Quant::Build(_)
            | Quant::Format(Format::Mlx(_) | Format::Mxfp4Q8 | Format::Exl3(_) | Format::Nvfp4) => {
                Err(Refusal::new(RefusalReason::FormatNotLoaded, quant).or(nearest(quant)))
            }
            Quant::Format(_) => Ok(()),
        }
    }

    fn usual_formats(&self) -> &'static [Quant] {
        &[Quant::Format(Format::BnbInt8), Quant::Format(Format::Nf4)]
    }

    fn read_file<'a>(
        &self,
        model: &'a Model,
        quant: Quant,
        _: &Scenario,
    ) -> Result<File<'a>, Notice> {
        let Some(checkpoint) = Checkpoint::new(model, quant) else {
            let refusal = Refusal::new(RefusalReason::FormatNotLoaded, quant);
            return Err(refusal.or(Quant::Gguf(Mix::BF16)).notice(self.engine(), model));
        };
        // bitsandbytes replaces `nn.Linear`; since transformers 5 the experts of a layer are one
        // parameter (`integrations/moe.py`), which stays as it is.
        Ok(File::Checkpoint(match quant.format().is_some_and(is_bitsandbytes) {
            true => checkpoint.with_plain_experts(),
            false => checkpoint,
        }))
    }

    fn run_checkpoint<'a>(
        &'static self,
        base: CheckpointBase<'a>,
    ) -> Result<Box<dyn Run + 'a>, Refusal> {
        let CheckpointBase { checkpoint, hardware, scenario, .. } = base;
        let kv = scenario.kv.without_fp8();
        if !matches!(kv.key, CacheType::F16 | CacheType::BF16) || kv.key != kv.value {
            let asked = format!("kv={kv}");
            return Err(Refusal::new(RefusalReason::CacheType, asked).set("kv", "f16"));
        }
        let bitsandbytes = checkpoint.quant.format().is_some_and(is_bitsandbytes);
        for part in &hardware.parts {
            let known = matches!(part.device.vendor.as_str(), "NVIDIA" | "AMD" | "Intel" | "Apple");
            if !known || (bitsandbytes && part.device.vendor == "Apple") {
                return Err(Refusal::new(RefusalReason::NoBackend, &part.device.id));
            }
        }
        Ok(Box::new(TransformersRun {
            base,
            caches: caches(checkpoint.architecture()),
            split: LayerSplit::new(checkpoint, &hardware.usable(), false),
            addons: CheckpointAddons::new(&Transformers, base)?,
        }))
    }

    fn lora_memory(&self) -> LoraMemory {
        LoraMemory {
            min_value_bytes: 2,
            value_bytes: 4,
            slot_ranks: None,
            source: "PEFT keeps adapters in FP32 (autocast_adapter_dtype)",
        }
    }

    fn launch(&self, model: &Model, quant: Quant, flags: &[String]) -> Launch {
        // A draft is an argument of `generate`.
        let of_load = flags.iter().filter(|flag| !flag.starts_with("assistant_model="));
        let arguments = of_load.map(|flag| match flag.starts_with("BitsAndBytesConfig") {
            true => format!("quantization_config={flag}"),
            false => flag.clone(),
        });
        let name = match quant.scheme() {
            // It makes these of the released checkpoint.
            Quant::Format(Format::Nf4 | Format::BnbInt8) => model.hf_id.clone(),
            _ => CheckpointSource::new(Engine::Transformers, model, quant).name().to_owned(),
        };
        let arguments = std::iter::once(format!("\"{name}\"")).chain(arguments);
        let arguments = arguments.collect::<Vec<_>>().join(", ");
        let python = Some(format!("AutoModelForCausalLM.from_pretrained({arguments})"));
        Launch { python, ..Launch::default() }
    }

    fn addon_flags(&self, addons: &Addons<'_>, _: bool) -> Vec<String> {
        let draft = addons.draft().map(|files| &files.model().hf_id);
        draft.map(|id| format!("assistant_model=\"{id}\"")).into_iter().collect()
    }
}

struct TransformersRun<'a> {
    base: CheckpointBase<'a>,
    caches: Vec<LayerCache>,
    split: LayerSplit,
    addons: CheckpointAddons<'a>,
}

/// State that each layer keeps. Latent attention is computed and cached with full keys and values
/// (`modeling_deepseek_v3.py`).
fn caches(architecture: &Architecture) -> Vec<LayerCache> {
    let mut caches = layer_caches(architecture, 1);
    expand_latents(architecture, &mut caches);
    caches
}

impl TransformersRun<'_> {
    fn kv(&self, layers: std::ops::Range<usize>, context: u64, users: u64) -> (Bytes, Bytes) {
        let caches = self.caches.get(layers).unwrap_or_default();
        let kv = caches.iter().map(|cache| {
            let entries = match cache.window {
                Some(window) if cache.ratio <= 1 => context.min(window.saturating_sub(1)),
                _ => cache.entries(context),
            };
            Bytes(2 * (cache.entry() + cache.index_key)) * entries
        });
        let state = caches.iter().map(|cache| Bytes(2 * cache.conv + 4 * cache.recurrent));
        (kv.sum::<Bytes>() * users, state.sum::<Bytes>() * users)
    }

    /// The prompt is computed in one step: two hidden-wide and three inner-wide vectors per token,
    /// and a layer's cache twice while it is extended.
    fn activations(&self, context: u64, users: u64) -> Interval<Bytes> {
        let architecture = self.base.architecture();
        let values = 3 * architecture.widest_ffn() + 4 * architecture.hidden_size;
        let tokens = context.saturating_mul(users) as f64;
        let layer = |cache: &LayerCache| Bytes(2 * cache.entry()) * cache.entries(context);
        let layer = self.caches.iter().map(layer).max().unwrap_or_default() * users;
        let logits = Bytes(6 * architecture.vocab_size) * users;
        // Decoding token by token needs next to nothing; a prompt of the whole context needs the
        // most.
        Interval {
            low: layer + logits,
            expected: Bytes(2 * values).scale(tokens.min(4096.0)) + layer + logits,
            high: Bytes(2 * values).scale(tokens) + layer + logits,
        }
    }

    fn device_lines(&self, context: u64, users: u64) -> Vec<DeviceLines> {
        let activations = self.activations(context, users);
        let of = |(i, part): (usize, &InstalledDevice<'_>)| {
            let (kv, state) = self.kv(self.split.range(i), context, users);
            let context_bytes = match part.device.kind {
                DeviceKind::Discrete => RUNTIME,
                _ => Interval::exact(Bytes::ZERO),
            };
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
                    Line::fitted(Term::Compute, activations, "prompt at once", SOURCE)
                        .with(&[("context", context), ("users", users)]),
                    Line::fitted(Term::Overhead, context_bytes, "CUDA context", SOURCE),
                ],
            }
        };
        let mut device_lines: Vec<DeviceLines> =
            self.base.hardware.parts.iter().enumerate().map(of).collect();
        let layout = Distribution::Layers(&self.split);
        self.addons.add(&mut device_lines, layout, (context, users), Some(Bytes::ZERO));
        device_lines
    }

    /// Without devices, everything is on the host.
    fn host(&self, context: u64, users: u64) -> Vec<Line> {
        if !self.base.hardware.parts.is_empty() {
            return Vec::new();
        }
        let (kv, state) = self.kv(0..self.caches.len(), context, users);
        let lines = vec![
            Line::exact(
                Term::Weights,
                self.base.checkpoint.loaded(),
                "sum(tensors)",
                self.base.checkpoint.source(SOURCE),
            ),
            Line::exact(Term::KvCache, kv, "sum(layers) token_bytes * tokens", SOURCE),
            Line::exact(Term::RecurrentState, state, "sum(layers) * users", SOURCE),
            Line::fitted(Term::Compute, self.activations(context, users), "prompt at once", SOURCE),
        ];
        self.addons.on_host(context, users, lines)
    }
}

/// A CUDA context with cuBLAS workspaces, and the allocator's fragmentation.
const RUNTIME: Interval<Bytes> =
    Interval { low: Bytes::mib(300), expected: Bytes::mib(600), high: Bytes::mib(1_200) };

impl Run for TransformersRun<'_> {
    fn hardware(&self) -> &Hardware<'_> {
        self.base.hardware
    }

    fn bills(&self, context: u64, users: u64) -> (Vec<DeviceBill>, HostBill) {
        bills(self.base.hardware, self.device_lines(context, users), "", self.host(context, users))
    }

    fn loads(&self, context: u64, users: u64) -> Loads {
        loads(self.base.hardware, &self.device_lines(context, users), &self.host(context, users))
    }

    fn on<'b>(&'b self, hardware: &'b Hardware<'b>) -> Option<Box<dyn Run + 'b>> {
        Transformers.run_checkpoint(self.base.on(hardware)).ok()
    }

    fn expands_latents(&self) -> bool {
        true
    }

    fn layout(&self) -> Layout {
        Layout {
            parts: Layout::split(&self.split.layers, self.base.n_layers(), false, 0),
            cache: CacheTypes::both(CacheType::F16),
            microbatch: u64::MAX,
            copies: 1,
            expert_sharing_ranks: 1,
            cache_ranks: 1,
            cache_on_host: false,
        }
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = vec!["device_map=\"auto\"".to_owned()];
        match self.base.checkpoint.quant.scheme() {
            Quant::Format(Format::Nf4) => flags.push(
                "BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=\"nf4\", \
                 bnb_4bit_use_double_quant=True)"
                    .to_owned(),
            ),
            Quant::Format(Format::BnbInt8) => {
                flags.push("BitsAndBytesConfig(load_in_8bit=True)".to_owned());
            }
            Quant::Gguf(mix) => {
                flags.push(format!(
                    "dtype=torch.{}",
                    match mix {
                        Mix::F16 => "float16",
                        Mix::F32 => "float32",
                        _ => "bfloat16",
                    }
                ));
            }
            Quant::Build(_) | Quant::Format(_) => {}
        }
        flags.extend(self.addons.flags());
        flags
    }

    fn context_step(&self) -> u64 {
        1
    }

    fn max_users(&self) -> u64 {
        u64::MAX
    }
}
