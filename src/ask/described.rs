//! Sizes of models and figures of cards that are not in the catalogue: "72B dense", "30B total, 3B
//! active", "24 GB and 900 GB/s".

use super::grammar::Reading;
use super::lexer::{Kind, Token};
use super::models::ModelMention;
use super::names::NAMES;
use super::words::{Meaning, means};
use crate::catalog::{Catalog, CustomDevice, ModelSize};
use crate::float;

/// Words between a size and what is said of it.
const OF_ALL: &[&str] = &[
    "total",
    "totals",
    "overall",
    "params",
    "parameters",
    "parameter",
    "param",
    "in",
    "with",
    "and",
    "of",
    "model",
    "moe",
    "всего",
    "общих",
    "параметров",
    "параметра",
    "параметры",
    "из",
    "них",
    "и",
    "с",
    "модель",
    "мое",
];

/// Words that say that all parameters are active.
const DENSE: &[&str] = &["dense", "плотная", "плотной", "плотную", "плотных", "плотный"];

/// Words for the parameters that a token uses.
const ACTIVE: &[&str] =
    &["active", "activated", "activate", "активных", "активные", "активными", "активны", "актив"];

/// Words for 10^9 behind a number.
const BILLIONS: &[&str] =
    &["миллиардов", "миллиарда", "миллиард", "млрд", "млрд.", "ярдов", "bn", "billion", "billions"];

impl Reading<'_> {
    /// A size in words, where no model is named.
    pub(super) fn sized(&mut self) -> bool {
        let Some((total, mut end)) = self.billions(self.at) else { return false };
        let is_in_words = self.tokens[self.at].kind == Kind::Number;
        let is_one_of = |at: usize, words: &[&str]| {
            self.token(at).is_some_and(|token| words.contains(&token.raw.as_str()))
        };
        let (mut is_dense, mut active) = (false, None);
        let mut at = end;
        while at < end + 5 {
            if is_one_of(at, DENSE) {
                (is_dense, end) = (true, at + 1);
                break;
            }
            // 3B active, active 3B, A3B.
            let is_said = is_one_of(at, ACTIVE);
            let number = self.billions(at + usize::from(is_said));
            let said_behind = number.as_ref().is_some_and(|(_, behind)| is_one_of(*behind, ACTIVE));
            if let Some((used, behind)) = number.filter(|_| is_said || said_behind) {
                active = Some(used);
                end = behind + usize::from(!is_said);
                break;
            }
            let token = self.token(at).filter(|token| token.kind == Kind::Active);
            if let Some(token) = token.filter(|_| at > end) {
                active = token.text.trim_start_matches('a').strip_suffix('b').map(str::to_owned);
                end = at + 1;
                break;
            }
            if !is_one_of(at, OF_ALL) {
                break;
            }
            at += 1;
        }
        while is_one_of(end, OF_ALL) && !is_one_of(end, &["in", "with", "and", "с", "и", "из"])
        {
            end += 1;
        }
        if !is_in_words && !is_dense && active.is_none() {
            return false;
        }
        let text = match &active {
            Some(active) => format!("{total}B-A{active}B"),
            None => format!("{total}B"),
        };
        let Ok(size) = ModelSize::parse(&text) else { return false };
        let options = self.real_models(&total, active.as_deref(), is_dense);
        let tokens = self.at..end;
        self.model(ModelMention { tokens, options, note: None, size: Some(size) });
        true
    }

    /// A number of billions that begins at `at`, and the token behind it.
    fn billions(&self, at: usize) -> Option<(String, usize)> {
        let token = self.token(at)?;
        match token.kind {
            Kind::Size => Some((token.text.strip_suffix('b')?.to_owned(), at + 1))
                .filter(|(number, _)| float::parse(number).is_some()),
            Kind::Number => {
                let unit = self.token(at + 1)?;
                let is_unit = BILLIONS.contains(&unit.raw.as_str());
                is_unit.then(|| (token.text.clone(), at + 2))
            }
            _ => None,
        }
    }

    /// The real models of a size, the newest general one first.
    fn real_models(&self, total: &str, active: Option<&str>, is_dense: bool) -> Vec<&'static str> {
        let token = |text: String, kind| Token { text, kind, ..self.tokens[self.at].clone() };
        let mut tokens = vec![token(format!("{total}b"), Kind::Size)];
        tokens.extend(active.map(|active| token(format!("a{active}b"), Kind::Active)));
        let mention = NAMES.models_of_size(&tokens, 0);
        // All of what was said has to be of the models.
        let mention = mention.filter(|mention| mention.tokens.end == tokens.len());
        let mut options = mention.map_or(Vec::new(), |mention| mention.options);
        let catalog = Catalog::bundled();
        options.retain(|id| {
            let is_sparse = catalog.model(id).is_some_and(|model| model.config().num_experts > 0);
            active.is_some() || !is_dense || !is_sparse
        });
        options
    }

    /// Bandwidth or peak of a card: 900 GB/s, 1.8 TB/s, 120 TFLOPS.
    pub(super) fn figures(&mut self) -> bool {
        let Some(value) = self.token(self.at).and_then(Token::number) else { return false };
        let Some(unit) = self.token(self.at + 1) else { return false };
        let is_near = unit.is_glued || matches!(unit.gap, ' ' | '-' | '\u{a0}');
        if !is_near || unit.kind != Kind::Word {
            return false;
        }
        let raw = unit.raw.as_str();
        if matches!(raw, "tflops" | "tflop" | "тфлопс" | "терафлопс" | "tf") {
            let span = self.take(self.at + 2);
            self.peak = Some((span, value));
            return true;
        }
        let scale = match raw {
            "gbps" | "gbs" => Some((1.0, self.at + 2)),
            "tbps" | "tbs" => Some((1000.0, self.at + 2)),
            _ => {
                let scale = if means(raw, Meaning::Gigabytes) {
                    Some(1.0)
                } else {
                    means(raw, Meaning::Terabytes).then_some(1000.0)
                };
                let second = self.token(self.at + 2);
                let is_rate = second.is_some_and(|second| {
                    second.gap == '/' && matches!(second.raw.as_str(), "s" | "sec" | "с" | "сек")
                });
                scale.filter(|_| is_rate).map(|scale| (scale, self.at + 3))
            }
        };
        let Some((scale, mut end)) = scale else { return false };
        while self.token(end).is_some_and(|token| {
            matches!(token.raw.as_str(), "bandwidth" | "memory" | "псп" | "полоса" | "пропускная")
        }) {
            end += 1;
        }
        let span = self.take(end);
        self.bandwidth = Some((span, value * scale));
        true
    }

    /// The card of which memory and bandwidth are told, in place of one with a name.
    pub(super) fn described_card(&mut self) -> bool {
        let Some((span, bandwidth)) = self.bandwidth.take() else { return false };
        let at = match self.vram.is_empty() {
            false => self.vram.remove(0),
            true if !self.memory.is_empty() => self.memory.remove(0),
            true => {
                self.unused.push(span);
                return false;
            }
        };
        let peak = self.peak.take();
        let card = CustomDevice {
            memory_gb: at.gb,
            bandwidth_gb_s: Some(bandwidth),
            fp16_tflops: peak.as_ref().map(|(_, tflops)| *tflops),
            ..CustomDevice::default()
        };
        let count = self.cards.take().map_or(at.count, |(_, cards)| at.count.max(cards));
        let id = card.to_id();
        // As a link would write it, and the catalogue read it.
        if Catalog::bundled().device(&id).is_none() {
            self.unused.extend([at.text, span]);
            return false;
        }
        let machine = match count {
            1 => id,
            count => format!("{id}*{count}"),
        };
        let whole = at.text.start.min(span.start)..at.text.end.max(span.end);
        self.understood.push((whole, "hw", machine));
        true
    }
}

/// The hypothetical model of the size that is among `tokens`.
pub(super) fn size_of(tokens: &[Token]) -> Option<ModelSize> {
    let text: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    ModelSize::in_name(&text.join("-"))
}
