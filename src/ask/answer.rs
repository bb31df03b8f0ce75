//! Puts together what was read, and finds what is being asked.

use std::ops::Range;

use super::command::Command;
use super::filters::narrowing;
use super::grammar::{COUNTS, Reading};
use super::lexer::{self, Kind};
use super::models::FREE;
use super::names::NAMES;
use super::pattern::layers_on_cpu;
use super::quants::with_quants;
use super::words::{Meaning, meanings, means};
use super::{Asked, Choice, Lack, Understood};
use crate::catalog::{Catalog, DeviceKind};
use crate::quant::{Format, Quant};
use crate::scenario::{Bounds, Engine, SETTINGS, Scenario, setting};
use crate::sort;

/// Names that are words of a sentence too.
const ORDINARY: &[&str] = &[
    "falcon",
    "granite",
    "phi",
    "magistral",
    "llama",
    "kimi",
    "titan",
    "spark",
    "mac",
    "thor",
    "gemini",
];

impl Reading<'_> {
    /// Puts together what was read.
    pub(super) fn finish(mut self, command: &Command) -> Asked {
        let mut ignored = self.unread();
        for (span, key, value) in command.found.iter().cloned() {
            self.understood.push((span, key, value));
        }
        if let Some((span, value)) = command.draft.clone() {
            let tokens = with_quants(lexer::split(&value));
            let mention = (0..tokens.len()).find_map(|at| NAMES.model_at(&tokens, at));
            let quant = tokens.iter().find(|token| token.kind == Kind::Quant);
            match mention.filter(|mention| mention.options.len() == 1) {
                Some(mention) => {
                    let quant = quant.map_or(String::new(), |quant| format!(":{}", quant.text));
                    self.understood.push((span, "draft", format!("{}{quant}", mention.options[0])));
                }
                None => ignored.push(span),
            }
        }
        ignored.extend(command.ignored.iter().cloned());
        if command.consumed.is_empty() {
            self.leave_ordinary_words();
        }
        self.families();
        self.how_many();
        let is_model_named = self.name_models();
        self.name_chips();
        let is_machine_named = self.name_machines();
        self.name_ranks();
        self.name_ram_speed(is_machine_named);
        ignored.append(&mut self.unused);
        ignored.extend(self.peak.take().map(|(span, _)| span));
        let is_quantised = !self.bits.is_empty() || !self.values("quant").is_empty();
        if let Some((span, dtype)) = command.dtype.clone().filter(|_| !is_quantised) {
            self.understood.push((span, "quant", dtype.to_owned()));
        }
        if let Some((span, overrides)) = command.tensors.clone() {
            let models = self.values("model");
            let model = models.first().and_then(|id| Catalog::bundled().model(id));
            let layers = model.map(|model| model.architecture().n_layers());
            let left = layers.and_then(|layers| Some((layers_on_cpu(&overrides, layers)?, layers)));
            let value = match left {
                Some((some, all)) if some < all => format!("experts:{some}"),
                _ => "experts".to_owned(),
            };
            self.understood.push((span, "offload", value));
        }
        self.name_quants();
        let is_command = !command.consumed.is_empty();
        let asks = self
            .intent(is_model_named, is_machine_named)
            .filter(|_| !is_command || self.text.contains('?'));
        let asks = asks.or_else(|| {
            let first = self.filters.first().map_or(0..0, |(span, ..)| span.clone());
            let is_hardware = self.narrows_devices() && !is_machine_named;
            let is_models = self.narrows_models() && !is_model_named && !is_command;
            let asks = is_hardware.then_some("hardware").or(is_models.then_some("models"));
            asks.map(|asks| (asks, first))
        });
        self.choose_between(command);
        self.answer(asks, is_model_named, is_machine_named, ignored)
    }

    /// A word that means something by itself, or nothing as any word of a sentence.
    pub(super) fn is_known(&self, at: usize) -> bool {
        let token = &self.tokens[at];
        token.kind == Kind::Word
            && (meanings(&token.raw).next().is_some()
                || token.raw.chars().count() < 2
                || FREE.contains(&token.text.as_str())
                || COUNTS.iter().any(|(word, _)| *word == token.raw)
                || narrowing(&token.raw).next().is_some())
    }

    /// The words that were not read and mean nothing.
    pub(super) fn unread(&self) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        let mut last = usize::MAX;
        for (at, token) in self.tokens.iter().enumerate() {
            // 13th, 16-Core, 2.50GHz.
            let is_counted = token.kind == Kind::Number
                && (self.means(at + 1, Meaning::Cores)
                    || self.is_channel(at + 1)
                    || self
                        .token(at + 1)
                        .is_some_and(|next| matches!(next.text.as_str(), "th" | "ghz" | "mhz")));
            let before = at.checked_sub(1).map(|before| &self.tokens[before]);
            let is_release = token.kind == Kind::Number
                && before.is_some_and(|before| {
                    let is_part = token.is_glued && means(&before.raw, Meaning::Filler);
                    is_part
                        || matches!(
                            before.text.as_str(),
                            "opengl" | "llvm" | "drm" | "cuda" | "rocm"
                        )
                });
            if self.is_read[at]
                || self.is_known(at)
                || self.is_channel(at)
                || is_counted
                || is_release
            {
                continue;
            }
            match spans.last_mut() {
                Some(span) if last.wrapping_add(1) == at => span.end = token.end,
                _ => spans.push(token.start..token.end),
            }
            last = at;
        }
        spans
    }

    /// A sentence of every day, in which a name is one of its words and a number counts what it does:
    /// a falcon over the mountain, soup for 5 people.
    fn leave_ordinary_words(&mut self) {
        use Meaning::{Card, Context, Machine, Model, Quant, Ram, Vram};
        let counts = |(_, key, _): &(_, &str, _)| matches!(*key, "ctx" | "users");
        let is_more = !self.understood.iter().all(counts)
            || !self.choices.is_empty()
            || !self.filters.is_empty()
            || !self.memory.is_empty()
            || !self.vram.is_empty();
        let names = self.models.iter().map(|(span, ..)| span);
        let names = names.chain(self.parts.iter().map(|part| &part.text));
        let names = names.chain(self.macs.iter().map(|(span, _)| span));
        let names: Vec<Range<usize>> = names.cloned().collect();
        let is_word = |name: &Range<usize>| {
            self.tokens.iter().any(|token| {
                (token.start..token.end) == *name
                    && ORDINARY.contains(&token.text.as_str())
                    && token.raw != "llama"
            })
        };
        // In Russian they are words of a sentence more often.
        let least =
            if names.iter().all(|name| !self.text[name.clone()].is_ascii()) { 1 } else { 2 };
        let length = 0..self.tokens.len();
        let unknown = length.clone().filter(|at| !self.is_read[*at] && !self.is_known(*at)).count();
        let is_of_models = length.clone().any(|at| {
            let meanings = [Card, Context, Machine, Model, Quant, Ram, Vram];
            meanings.iter().any(|meaning| self.means(at, *meaning))
        });
        if names.len() < 2
            && names.iter().all(is_word)
            && unknown >= least
            && !is_more
            && !is_of_models
        {
            self.models.clear();
            self.parts.clear();
            self.macs.clear();
            self.unused.extend(names);
            let counted = std::mem::take(&mut self.understood);
            self.unused.extend(counted.into_iter().map(|(span, ..)| span));
        }
    }

    pub(super) fn name_models(&mut self) -> bool {
        let mut is_named = false;
        // Speculative decoding, one with another: the first is no draft.
        if self.models.len() > 1 && self.models.iter().all(|(.., is_draft)| *is_draft) {
            self.models[0].2 = false;
        }
        for (span, mention, is_draft) in std::mem::take(&mut self.models) {
            let key = if is_draft { "draft" } else { "model" };
            is_named |= !is_draft;
            let mut options: Vec<String> =
                mention.options.iter().map(|id| (*id).to_owned()).collect();
            // What was never released can still be asked about, by its size.
            let is_told = options.len() == 1 && mention.note.is_none();
            let size = mention.size.filter(|_| !is_draft && !is_told);
            options.extend(size.map(|size| size.to_string()));
            match (options.as_slice(), &mention.note) {
                ([only], None) => {
                    let known =
                        self.understood.iter().any(|(_, k, value)| *k == key && value == only);
                    if !known {
                        self.understood.push((span, key, only.clone()));
                    }
                }
                _ => self.choose(span, key, options, mention.note),
            }
        }
        is_named
    }

    /// Ranks need a card each: with `tp 8` one that is named once is there eight times.
    fn name_ranks(&mut self) {
        let ranks = |key| {
            let value = self.values(key).first().and_then(|value| value.parse::<u64>().ok());
            value.unwrap_or(1).max(1)
        };
        let ranks = ranks("tp").saturating_mul(ranks("pp")).saturating_mul(ranks("dp"));
        let machines = self.values("hw").len();
        let hardware = self.understood.iter_mut().find(|(_, key, _)| *key == "hw");
        let Some((_, _, value)) = hardware.filter(|_| machines == 1 && ranks > 1) else { return };
        let device = Catalog::bundled().device(value);
        if device.is_some_and(|device| device.kind == DeviceKind::Discrete) {
            *value = format!("{value}*{}", Bounds::DEVICES.clamp(ranks));
        }
    }

    /// Several values of what a question has one of are to be chosen from: 16k or 32k. Of flags the
    /// last is what a program takes.
    fn choose_between(&mut self, command: &Command) {
        let is_one = |key: &str| !matches!(key, "model" | "hw" | "quant" | "engine" | "offload");
        let is_flag = |key: &str| command.found.iter().any(|(_, known, _)| *known == key);
        // What a question cannot have is no choice.
        let is_accepted = |key: &str, value: &str| {
            setting(key).is_some_and(|of| of.set(&mut Scenario::default(), value).is_ok())
        };
        let mut told = self.understood.clone();
        sort::by_key(&mut told, |(span, ..)| span.start);
        told.retain(|(_, key, value)| is_one(key) && !is_flag(key) && is_accepted(key, value));
        while let Some((span, key, _)) = told.first().cloned() {
            let (of_key, others): (Vec<_>, Vec<_>) =
                told.into_iter().partition(|(_, known, _)| *known == key);
            told = others;
            let mut options: Vec<String> = Vec::new();
            for (.., value) in &of_key {
                if !options.contains(value) {
                    options.push(value.clone());
                }
            }
            let end = of_key.last().map_or(span.end, |(last, ..)| last.end);
            if options.len() > 1 {
                self.understood.retain(|part| part.1 != key || *part == of_key[0]);
                self.choose(span.start..end, key, options, None);
            }
        }
    }

    pub(super) fn choose(
        &mut self,
        span: Range<usize>,
        key: &str,
        options: Vec<String>,
        note: Option<Lack>,
    ) {
        let choice =
            Choice { key: key.to_owned(), text: self.text[span.clone()].to_owned(), options, note };
        if !self
            .choices
            .iter()
            .any(|(_, known)| known.key == choice.key && known.options == choice.options)
        {
            self.choices.push((span, choice));
        }
    }

    pub(super) fn name_quants(&mut self) {
        let has = |engine: Engine| {
            self.understood.iter().any(|(_, key, value)| *key == "engine" && value == engine.name())
        };
        let is_checkpoint =
            [Engine::Vllm, Engine::Sglang, Engine::TensorRtLlm].into_iter().any(has);
        let (is_mlx, is_exl) = (has(Engine::Mlx), has(Engine::ExLlamaV3));
        let named: Vec<String> = self.values("quant");
        for (span, bits) in std::mem::take(&mut self.bits) {
            let whole = bits.round() as u8;
            let quant = match whole {
                _ if is_exl => Quant::Format(Format::Exl3((bits * 10.0) as u8)).to_string(),
                16 => "F16".to_owned(),
                _ if is_mlx => Quant::Format(Format::Mlx(whole)).to_string(),
                4 if is_checkpoint => "AWQ".to_owned(),
                8 if is_checkpoint => "FP8".to_owned(),
                1 => "IQ1_M".to_owned(),
                2 => "Q2_K".to_owned(),
                3 => "Q3_K_M".to_owned(),
                4 => "Q4_K_M".to_owned(),
                5 => "Q5_K_M".to_owned(),
                6 => "Q6_K".to_owned(),
                8 => "Q8_0".to_owned(),
                32 => "F32".to_owned(),
                _ => continue,
            };
            // AWQ 4 bit is AWQ.
            let is_told = named.iter().any(|name| {
                Quant::parse(name)
                    .is_some_and(|quant| u64::from(whole) == u64::from(quant.nominal_bits()))
            });
            if !is_told {
                self.understood.push((span, "quant", quant));
            }
        }
        // Google's checkpoints trained for quantisation are made for this.
        let qat = self.tokens.iter().position(|token| token.raw == "qat");
        if let Some(at) = qat {
            self.is_read[at] = true;
            if self.values("quant").is_empty() {
                let span = self.span(at..at + 1);
                self.understood.push((span, "quant", "Q4_0".to_owned()));
            }
        }
        let implied = self.values("quant").iter().find_map(|name| match Quant::parse(name)? {
            Quant::Format(Format::Mlx(_)) => Some(Engine::Mlx),
            Quant::Format(Format::Exl3(_)) => Some(Engine::ExLlamaV3),
            // What llama.cpp and its front ends cannot load.
            Quant::Format(Format::Awq | Format::Gptq) => Some(Engine::Vllm),
            _ => None,
        });
        let is_engine_named = self.understood.iter().any(|(_, key, _)| *key == "engine");
        if let Some(engine) = implied.filter(|_| !is_engine_named) {
            let span = self
                .understood
                .iter()
                .find(|(_, key, _)| *key == "quant")
                .map(|(span, ..)| span.clone());
            self.understood.push((span.unwrap_or(0..0), "engine", engine.name().to_owned()));
        }
    }

    pub(super) fn values(&self, key: &str) -> Vec<String> {
        let of_key = self.understood.iter().filter(|(_, known, _)| *known == key);
        of_key.map(|(_, _, value)| value.clone()).collect()
    }

    /// What is being asked, and the words that say so.
    pub(super) fn intent(
        &self,
        has_model: bool,
        has_machine: bool,
    ) -> Option<(&'static str, Range<usize>)> {
        use Meaning::{
            Card, Context, Fit, HowMuch, Machine, Memory, Model, Need, Quant, Ram, Rate, Second,
            Speed, Tokens, Users, Vram, Which,
        };
        let free = |at: usize, meaning| {
            // The fastest model is a model.
            let is_other = meaning == Speed
                && narrowing(&self.tokens[at].raw).any(|narrowing| *narrowing == ("sort", "speed"));
            // Model Name: MacBook Pro.
            let is_label = meaning == Model
                && (self.text[self.tokens[at].end..].starts_with(':')
                    || self.token(at + 1).is_some_and(|next| next.is("name")));
            !self.is_read.get(at).copied().unwrap_or(true)
                && self.means(at, meaning)
                && !is_other
                && !is_label
        };
        let span = |from: usize, to: usize| self.span(from..to + 1);
        let mut found: Option<(&'static str, Range<usize>)> = None;
        let length = self.tokens.len();
        // The minimum quant is asked for too.
        let is_least = |at: usize| {
            let is_card = self.begins(at, &["миним", "min"]);
            let asked = |at| free(at, Quant) || is_card && (free(at, Card) || free(at, Machine));
            free(at, Need) && at + 1 < length && asked(at + 1)
        };
        let starts: Vec<usize> = (0..length)
            .filter(|at| free(*at, Which) || free(*at, HowMuch) || is_least(*at))
            .collect();
        for from in starts.iter().copied() {
            let is_much = free(from, HowMuch);
            for to in from + 1..(from + 7).min(length) {
                // A clause of its own.
                if matches!(self.tokens[to].gap, '?' | ';' | '\n') {
                    break;
                }
                let is = |meaning| free(to, meaning);
                let asks = if is(Quant) {
                    Some("quant")
                } else if is(Speed)
                    || is(Rate)
                    || is(Tokens) && (to + 1..to + 4).any(|at| self.means(at, Second))
                {
                    Some("speed")
                } else if is(Context) || is_much && is(Tokens) {
                    Some("context")
                } else if is_much && is(Users) {
                    Some("users")
                } else if [Card, Vram, Machine, Ram].into_iter().any(is) || is(Memory) && !is(Card)
                {
                    if has_machine && !is_much { None } else { Some("hardware") }
                } else if is(Model) && !has_model {
                    Some("models")
                } else if is_much && self.parts_at(to) {
                    Some("hardware")
                } else {
                    None
                };
                if let Some(asks) = asks {
                    let better = found.is_none() || matches!(found, Some(("models", _)));
                    if better {
                        found = Some((asks, span(from, to)));
                    }
                    break;
                }
            }
        }
        if found.is_some() {
            return found;
        }
        let first = |meaning| (0..length).find(|at| free(*at, meaning));
        let says_speed = first(Speed)
            .or_else(|| (0..length).find(|at| free(*at, Tokens) && self.rate(*at).is_some()))
            .or_else(|| first(Rate));
        if let Some(at) = says_speed {
            return Some(("speed", span(at, at)));
        }
        // Is there an AMD card that runs it?
        let card = first(Card).filter(|card| {
            // A GPU for it.
            let is_for = self
                .token(card + 1)
                .is_some_and(|next| matches!(next.raw.as_str(), "for" | "под" | "для"));
            // A GPU under $1 an hour.
            let is_rented = self.understood.iter().any(|(_, key, _)| *key == "rent");
            if is_for || is_rented {
                return true;
            }
            let before = card.checked_sub(1).map(|before| self.tokens[before].raw.as_str());
            before.is_some_and(|word| {
                narrowing(word).any(|(key, _)| matches!(*key, "vendor" | "class"))
            })
        });
        if let Some(card) = card.filter(|_| has_model && !has_machine) {
            return Some(("hardware", span(card, card)));
        }
        let (which, need, fit) =
            (starts.iter().copied().find(|at| free(*at, Which)), first(Need), first(Fit));
        // On a laptop: where it is to run, and nothing that is asked for.
        let machine = first(Machine).filter(|at| {
            let before = (0..*at)
                .rev()
                .find(|at| !matches!(self.tokens[*at].raw.as_str(), "a" | "my" | "the"));
            before.is_none_or(|at| !matches!(self.tokens[at].raw.as_str(), "on" | "на"))
        });
        let missing = match (has_model, has_machine) {
            (false, _) => "models",
            (true, false) => "hardware",
            (true, true) => "fits",
        };
        match (which, need, fit) {
            (Some(which), Some(need), _) if !has_machine => {
                Some(("hardware", span(which.min(need), need.max(which))))
            }
            (Some(which), _, Some(fit)) => Some((missing, span(which.min(fit), fit.max(which)))),
            // I need a model for code.
            (None, Some(need), _)
                if !has_model
                    && first(Model).is_some_and(|model| {
                        // A machine for models is a machine.
                        let first = first(Machine).filter(|at| (need..model).contains(at));
                        model > need && first.is_none()
                    }) =>
            {
                Some(("models", span(need, need)))
            }
            (None, Some(need), _) if has_model && !has_machine => {
                Some(("hardware", span(need, need)))
            }
            (None, None, _)
                if has_model
                    && !has_machine
                    && machine.or(first(Vram)).is_some()
                    && first(Fit).is_none() =>
            {
                machine.or(first(Vram)).map(|at| ("hardware", span(at, at)))
            }
            (_, _, Some(fit)) if has_machine && !has_model => Some(("models", span(fit, fit))),
            // Does it fit a single card?
            (_, _, Some(fit))
                if has_model
                    && !has_machine
                    && (first(Card).is_some()
                        || self.filters.iter().any(|(_, key, _)| *key == "most")) =>
            {
                Some(("hardware", span(fit, fit)))
            }
            (_, _, Some(fit)) => Some(("fits", span(fit, fit))),
            // Of two machines that are compared it is asked which is better.
            (Some(_), None, None) if self.values("hw").len() > 1 && first(Model).is_none() => None,
            (Some(which), None, None) if has_machine && !has_model => {
                Some(("models", span(which, which)))
            }
            (None, None, None) if has_machine && !has_model => {
                first(Model).map(|at| ("models", span(at, at)))
            }
            _ => None,
        }
    }

    /// A device is named at this token.
    pub(super) fn parts_at(&self, at: usize) -> bool {
        self.device(at, None).is_some_and(|mention| mention.tokens.end > at)
    }

    pub(super) fn answer(
        self,
        asks: Option<(&'static str, Range<usize>)>,
        has_model: bool,
        has_machine: bool,
        ignored: Vec<Range<usize>>,
    ) -> Asked {
        let text = self.text;
        let filters = self.filters.clone();
        let mut asked = Asked::default();
        let mut scenario = Scenario::default();
        let mut understood = Vec::new();
        let mut refused = Vec::new();
        let mut pairs: Vec<(&str, String)> = Vec::new();
        for (span, key, value) in self.understood.iter().cloned() {
            let Some(setting) = setting(key) else { continue };
            let is_list = matches!(key, "model" | "hw" | "quant" | "engine");
            let whole = match pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
            {
                Some(before) if is_list && before.split([',', ';']).any(|known| known == value) => {
                    continue;
                }
                Some(before) if is_list => {
                    format!("{before}{}{value}", if key == "hw" { ";" } else { "," })
                }
                _ => value.clone(),
            };
            if setting.set(&mut scenario, &whole).is_err() {
                refused.push(span);
                continue;
            }
            let whole = setting.text(&scenario);
            let value = if is_list { value } else { whole.clone() };
            pairs.retain(|(known, _)| *known != key);
            pairs.push((key, whole));
            understood.push((span, key, value));
        }
        if let Some((asks, span)) = asks {
            let is_hardware = asks == "hardware" || self.narrows_devices();
            let is_models = asks == "models" || asks != "hardware" && self.narrows_models();
            let (mut models, mut devices) = (is_models && !has_model, is_hardware && !has_machine);
            for (is_asked, key) in
                [(&mut models, "model"), (&mut devices, "hw"), (&mut (asks == "quant"), "quant")]
            {
                *is_asked &= pairs.iter().all(|(known, _)| *known != key);
                if *is_asked {
                    pairs.push((key, "*".to_owned()));
                }
            }
            for (span, key, value) in self.narrowed(models, devices) {
                let set = setting(key).filter(|set| set.set(&mut scenario, &value).is_ok());
                if let Some(set) = set {
                    let value = set.text(&scenario);
                    pairs.push((key, value.clone()));
                    understood.push((span, key, value));
                }
            }
            understood.push((span, "ask", asks.to_owned()));
        }
        let left = filters.into_iter().map(|(span, ..)| span);
        let is_used = |span: &Range<usize>| understood.iter().any(|(known, ..)| known == span);
        let left: Vec<Range<usize>> = left.filter(|span| !is_used(span)).collect();
        let mut ignored: Vec<Range<usize>> =
            ignored.into_iter().chain(refused).chain(left).collect();
        sort::by_key(&mut ignored, |span| span.start);
        sort::by_key(&mut understood, |(span, ..)| span.start);
        asked.query = query(&pairs);
        asked.understood = understood
            .into_iter()
            .map(|(span, key, value)| Understood {
                text: text[span].to_owned(),
                key: key.to_owned(),
                value,
            })
            .collect();
        asked.choices = self.choices.into_iter().map(|(_, choice)| choice).collect();
        asked.ignored = ignored.into_iter().map(|span| text[span].trim().to_owned()).collect();
        asked
    }
}

/// The query string of these pairs, in the order of the settings.
fn query(pairs: &[(&str, String)]) -> String {
    let mut out = String::new();
    for setting in SETTINGS {
        let of_key = pairs.iter().find(|(key, _)| *key == setting.key);
        let Some((_, value)) = of_key else { continue };
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(setting.key);
        out.push('=');
        out.push_str(
            &value.replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace(' ', "%20"),
        );
    }
    out
}
