//! What takes memory beside the model itself: projector, adapters, a draft, caches on the host, the
//! desktop. Keys from `mmproj` to `display`.

use std::fmt;

use super::notation::{Codec, Control, Notation, Number, Unit, Unset, choose, words};
use super::{Bounds, ParseError};
use crate::quant::Quant;
use crate::units::{Bytes, Interval};

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
    /// Every value with the word for it in links.
    const ALL: &'static [(&'static str, Projector)] = &[
        ("auto", Projector::Auto),
        ("off", Projector::Off),
        ("f16", Projector::On(ProjectorType::F16)),
        ("bf16", Projector::On(ProjectorType::BF16)),
        ("q8_0", Projector::On(ProjectorType::Q8_0)),
        ("f32", Projector::On(ProjectorType::F32)),
    ];

    /// The word for it in links.
    pub fn name(self) -> &'static str {
        Projector::ALL.iter().find(|(_, value)| *value == self).map_or("", |(name, _)| name)
    }
}

impl fmt::Display for Projector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Notation for Projector {
    fn parse(text: &str) -> Result<Projector, ParseError> {
        choose(text, Projector::ALL).ok_or_else(|| ParseError::malformed(Projector::accepted()))
    }

    fn accepted() -> String {
        Projector::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    fn control() -> Control {
        Control::Choice(Projector::ALL.iter().map(|(name, _)| *name).collect())
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Projector> {
        use proptest::prelude::*;
        proptest::sample::select(Projector::ALL).prop_map(|(_, value)| value).boxed()
    }
}

/// LoRA adapters of one rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lora {
    /// Rank of each; 0: there are none.
    pub rank: u64,
    /// How many are loaded, or may be active at once where an engine reserves slots.
    pub count: u64,
}

impl Default for Lora {
    fn default() -> Lora {
        Lora { rank: 0, count: 1 }
    }
}

impl fmt::Display for Lora {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "{}", self.rank),
            count => write!(f, "{}*{count}", self.rank),
        }
    }
}

impl Notation for Lora {
    fn parse(text: &str) -> Result<Lora, ParseError> {
        let number = |bounds, text: &str| Number(bounds, Unit::Count).parse(text.trim());
        let Some((rank, count)) = text.split_once('*') else {
            return Ok(Lora { rank: number(Bounds::LORA_RANK, text)?, count: 1 });
        };
        Ok(Lora {
            rank: number(Bounds::LORA_RANK, rank)
                .map_err(|error| error.within(|rank| format!("{rank}*{count}")))?,
            count: number(Bounds::LORA_COUNT, count)
                .map_err(|error| error.within(|count| format!("{rank}*{count}")))?,
        })
    }

    fn accepted() -> String {
        "rank, rank*count".to_owned()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Lora> {
        use proptest::prelude::*;
        let both = (Bounds::LORA_RANK.any(), Bounds::LORA_COUNT.any());
        both.prop_map(|(rank, count)| Lora { rank, count }).boxed()
    }
}

words! {
    /// Projections that a LoRA adapts.
    #[derive(Default)]
    LoraTargets {
        /// Those of the attention.
        Attention = "attention",
        /// Those of attention, state-space and dense feed-forward blocks, shared experts included.
        #[default]
        Linear = "linear",
        /// Those, and every routed expert.
        Experts = "experts",
    }
}

words! {
    /// A head that drafts from the states of the model that it was made for.
    HeadKind {
        /// One layer that reads three of the model's states (EAGLE-3).
        Eagle3 = "eagle3" | "eagle-3" | "eagle",
        /// A few layers that draft a block of tokens at once (DFlash).
        Dflash = "dflash",
    }
}

/// What a draft is, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DraftKind {
    /// A model of the catalogue.
    Model,
    /// A head made for the model.
    Head(HeadKind),
    /// Tokens repeated from the text.
    Ngram,
}

/// A draft model as typed.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftModel {
    /// Model id; resolved against the catalogue when estimating.
    pub id: String,
    /// Its quantisation; `None` is that of the model.
    pub quant: Option<Quant>,
}

impl DraftModel {
    /// What it is.
    pub fn kind(&self) -> DraftKind {
        match HeadKind::parse(&self.id) {
            Ok(head) => DraftKind::Head(head),
            Err(_) if matches!(self.id.as_str(), "ngram" | "n-gram") => DraftKind::Ngram,
            Err(_) => DraftKind::Model,
        }
    }
}

impl fmt::Display for DraftModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quant {
            Some(quant) => write!(f, "{}:{quant}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

/// A model's id, and behind a colon its quantisation; no id is none.
#[derive(Clone, Copy, Debug)]
pub struct Draft;

impl Codec for Draft {
    type Value = Option<DraftModel>;

    fn parse(&self, text: &str) -> Result<Option<DraftModel>, ParseError> {
        let (id, quant) = match text.rsplit_once(':') {
            Some((id, quant)) => (id, Some(<Quant as Notation>::parse(quant.trim())?)),
            None => (text, None),
        };
        let id = id.trim().to_owned();
        Ok((!id.is_empty()).then_some(DraftModel { id, quant }))
    }

    fn format(&self, value: &Option<DraftModel>) -> String {
        value.as_ref().map(DraftModel::to_string).unwrap_or_default()
    }

    fn accepted(&self) -> String {
        "id, id:quant, ngram, eagle3, dflash".to_owned()
    }

    fn control(&self) -> Control {
        Control::Text
    }

    fn unset(&self) -> Option<Unset> {
        Some(Unset::Nothing)
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<Option<DraftModel>> {
        use proptest::prelude::*;
        let draft = ("[a-z0-9./-]{1,20}", proptest::option::of(<Quant as Notation>::any()))
            .prop_map(|(id, quant)| DraftModel { id, quant });
        proptest::option::of(draft).boxed()
    }
}

words! {
    /// A desktop on the first device.
    #[derive(Default)]
    Display {
        /// None: a server, or a device without a display.
        #[default]
        Off = "off",
        /// A Linux desktop.
        Linux = "linux",
        /// A Windows desktop.
        Windows = "windows",
    }
}

impl Display {
    /// Memory of the device that the desktop and its programs take.
    ///
    /// Seen with nvidia-smi before a model was loaded: 679 MiB (RTX 3090), 1,702 MiB (RTX 5070 with
    /// programs open); 400 to 600 MiB after a fresh start of Windows 11 with three screens
    /// (techtactician.com, "Hidden VRAM hogs"). Browsers and games take more: the reserve is there
    /// for them.
    pub const fn bytes(self) -> Interval<Bytes> {
        let (low, expected, high) = match self {
            Display::Off => (0, 0, 0),
            Display::Linux => (400, 700, 1_300),
            Display::Windows => (500, 1_100, 1_800),
        };
        Interval { low: Bytes::mib(low), expected: Bytes::mib(expected), high: Bytes::mib(high) }
    }
}
