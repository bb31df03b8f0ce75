//! What takes memory beside the model itself: projector, adapters, a draft, caches on the host, the
//! desktop. Their keys in a link are [`Addons::KEYS`].

use super::bounds::Bounds;
use super::query::{Refused, Writer, bytes, number, share, size, thousandths, word};
use crate::quant::Quant;
use crate::units::Bytes;

/// Settings of what is loaded or kept beside the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Addons {
    /// The projector: vision and audio towers (`mmproj`).
    pub projector: Projector,
    /// LoRA adapters that are loaded (`lora`, `lora_on`).
    pub lora: Lora,
    /// A draft model for speculative decoding (`draft`).
    pub draft: Option<DraftModel>,
    /// Tokens that a draft model proposes at once (`draft_n`).
    pub draft_tokens: u64,
    /// Tokens that the model's own MTP layers propose at once (`mtp`); 0 leaves them out.
    pub mtp: u64,
    /// How likely a proposed token is accepted, in thousandths (`accept`). Only speed depends on
    /// it.
    pub acceptance: u64,
    /// Prompts that llama-server keeps in RAM for later (`cache_ram`, its `--cache-ram`); 0 counts
    /// none.
    pub prompt_cache: Bytes,
    /// Checkpoints of window and recurrent caches that llama-server keeps for each sequence
    /// (`checkpoints`, its `--ctx-checkpoints`); 0 counts none.
    pub checkpoints: u64,
    /// A desktop that the first device draws (`display`).
    pub display: Display,
}

/// Whether vision and audio towers are loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Projector {
    /// As the engine does it by itself: those that load a whole checkpoint load its towers, those
    /// that want a file of their own for it (llama.cpp's `--mmproj`) get none.
    #[default]
    Auto,
    /// Not loaded (vLLM's `--language-model-only`).
    Off,
    /// Loaded, and where the file is one of its own, in this type.
    On(ProjectorType),
}

/// Types that projector files are published in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ProjectorType {
    F32,
    F16,
    BF16,
    Q8_0,
}

impl Projector {
    /// Every value with its name.
    pub const ALL: &'static [(&'static str, Projector)] = &[
        ("auto", Projector::Auto),
        ("off", Projector::Off),
        ("f16", Projector::On(ProjectorType::F16)),
        ("bf16", Projector::On(ProjectorType::BF16)),
        ("q8_0", Projector::On(ProjectorType::Q8_0)),
        ("f32", Projector::On(ProjectorType::F32)),
    ];

    /// The name used in links.
    pub fn name(self) -> &'static str {
        name_of(Projector::ALL, self)
    }
}

/// LoRA adapters of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lora {
    /// Rank of each; 0: there are none.
    pub rank: u64,
    /// How many are loaded, or may be active at once where an engine reserves slots.
    pub count: u64,
    /// Which projections they adapt.
    pub targets: LoraTargets,
}

/// Projections that a LoRA adapts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoraTargets {
    /// Those of the attention.
    Attention,
    /// Those of attention, state-space and dense feed-forward blocks, shared experts included.
    #[default]
    Linear,
    /// Those, and every routed expert.
    Experts,
}

impl LoraTargets {
    /// Every value with its name.
    pub const ALL: &'static [(&'static str, LoraTargets)] = &[
        ("attention", LoraTargets::Attention),
        ("linear", LoraTargets::Linear),
        ("experts", LoraTargets::Experts),
    ];

    /// The name used in links.
    pub fn name(self) -> &'static str {
        name_of(LoraTargets::ALL, self)
    }
}

/// A draft model as typed.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftModel {
    /// Model id; resolved against the catalogue when estimating.
    pub id: String,
    /// Its quantisation; `None` is that of the model.
    pub quant: Option<Quant>,
}

/// A desktop on the first device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Display {
    /// None: a server, or a device without a display.
    #[default]
    Off,
    /// A Linux desktop.
    Linux,
    /// A Windows desktop.
    Windows,
}

impl Display {
    /// Every value with its name.
    pub const ALL: &'static [(&'static str, Display)] =
        &[("off", Display::Off), ("linux", Display::Linux), ("windows", Display::Windows)];

    /// The name used in links.
    pub fn name(self) -> &'static str {
        name_of(Display::ALL, self)
    }

    /// Memory of the device that the desktop and its programs take.
    ///
    /// Seen with nvidia-smi before a model was loaded: 679 MiB (RTX 3090), 1,702 MiB (RTX 5070 with
    /// programs open); 400 to 600 MiB after a fresh start of Windows 11 with three screens
    /// (techtactician.com, "Hidden VRAM hogs"). Browsers and games take more: the reserve is there
    /// for them.
    pub const fn bytes(self) -> Bytes {
        match self {
            Display::Off => Bytes::ZERO,
            Display::Linux => Bytes::mib(700),
            Display::Windows => Bytes::mib(1_100),
        }
    }
}

fn name_of<T: Copy + PartialEq>(all: &[(&'static str, T)], value: T) -> &'static str {
    all.iter().find(|(_, v)| *v == value).map_or("", |(name, _)| name)
}

impl Default for Addons {
    fn default() -> Addons {
        Addons {
            projector: Projector::Auto,
            lora: Lora { rank: 0, count: 1, targets: LoraTargets::default() },
            draft: None,
            draft_tokens: 3,
            mtp: 0,
            acceptance: 700,
            prompt_cache: Bytes::ZERO,
            checkpoints: 0,
            display: Display::Off,
        }
    }
}

impl Addons {
    /// The keys that this part of the notation reads.
    pub(super) const KEYS: &[&str] = &[
        "mmproj",
        "lora",
        "lora_on",
        "draft",
        "draft_n",
        "mtp",
        "accept",
        "cache_ram",
        "checkpoints",
        "display",
    ];

    /// Reads one pair; `false` where the key is none of [`Addons::KEYS`].
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, Refused> {
        match key {
            "mmproj" => self.projector = word(value, Projector::ALL)?,
            "lora" => (self.lora.rank, self.lora.count) = lora(value)?,
            "lora_on" => self.lora.targets = word(value, LoraTargets::ALL)?,
            "draft" => self.draft = draft(value)?,
            "draft_n" => self.draft_tokens = number(value, Bounds::DRAFT_TOKENS)?,
            "mtp" => self.mtp = number(value, Bounds::MTP)?,
            "accept" => self.acceptance = thousandths(value, Bounds::ACCEPTANCE)?,
            "cache_ram" => self.prompt_cache = bytes(value, Bounds::PROMPT_CACHE)?,
            "checkpoints" => self.checkpoints = number(value, Bounds::CHECKPOINTS)?,
            "display" => self.display = word(value, Display::ALL)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Writes what differs from the defaults.
    pub(super) fn write(&self, out: &mut Writer) {
        let default = Addons::default();
        if self.projector != default.projector {
            out.pair("mmproj", self.projector.name());
        }
        let Lora { rank, count, targets } = self.lora;
        match (rank, count) {
            (0, 1) => {}
            (_, 1) => out.pair("lora", &rank.to_string()),
            _ => out.pair("lora", &format!("{rank}*{count}")),
        }
        if targets != default.lora.targets {
            out.pair("lora_on", targets.name());
        }
        if let Some(draft) = &self.draft {
            out.pair("draft", &draft.to_string());
        }
        if self.draft_tokens != default.draft_tokens {
            out.pair("draft_n", &self.draft_tokens.to_string());
        }
        if self.mtp != default.mtp {
            out.pair("mtp", &self.mtp.to_string());
        }
        if self.acceptance != default.acceptance {
            out.pair("accept", &share(self.acceptance));
        }
        if self.prompt_cache != default.prompt_cache {
            out.pair("cache_ram", &size(self.prompt_cache));
        }
        if self.checkpoints != default.checkpoints {
            out.pair("checkpoints", &self.checkpoints.to_string());
        }
        if self.display != default.display {
            out.pair("display", self.display.name());
        }
    }
}

impl std::fmt::Display for DraftModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.quant {
            Some(quant) => write!(f, "{}:{quant}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

/// Rank and count: `16`, `16*4`.
fn lora(value: &str) -> Result<(u64, u64), Refused> {
    let (rank, count) = value.split_once('*').unwrap_or((value, "1"));
    Ok((number(rank.trim(), Bounds::LORA_RANK)?, number(count.trim(), Bounds::LORA_COUNT)?))
}

/// A model's id, and behind a colon its quantisation; nothing is none.
fn draft(value: &str) -> Result<Option<DraftModel>, Refused> {
    let (id, quant) = match value.rsplit_once(':') {
        Some((id, name)) => {
            let names = || Quant::all().map(|quant| quant.to_string()).collect::<Vec<_>>();
            let quant = Quant::parse(name.trim());
            (id, Some(quant.ok_or_else(|| Refused::form(names().join(", ")))?))
        }
        None => (value, None),
    };
    let id = id.trim().to_owned();
    Ok((!id.is_empty()).then_some(DraftModel { id, quant }))
}
