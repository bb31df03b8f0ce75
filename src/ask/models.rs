//! The models that a text names.

use super::Lack;
use super::described::size_of;
use super::filters::narrowing;
use super::lexer::{self, Kind, Token};
use super::names::{Names, OPTIONS, slips};
use super::quantity::has_unit;
use super::words::{self, Meaning, means};
use crate::catalog::{Catalog, Model, ModelSize};
use crate::float;
use crate::sort;

/// Words that a name has or lacks without being another model.
pub const FREE: &[&str] = &[
    "instruct", "chat", "it", "hf", "meta", "nvidia", "c4ai", "bf16", "bf", "inst", "pt", "ai21",
    "ai", "e",
];

/// Words of models' names that do not begin one, since they say what kind of model it is.
pub const KINDS: &[&str] = &[
    "small",
    "large",
    "mini",
    "medium",
    "nano",
    "micro",
    "tiny",
    "pro",
    "flash",
    "air",
    "max",
    "plus",
    "base",
    "chat",
    "instruct",
    "coder",
    "code",
    "vision",
    "next",
    "think",
    "thinking",
    "reasoning",
    "text",
    "math",
    "embedding",
    "guard",
    "multilingual",
    "all",
    "preview",
    "open",
    "super",
    "ultra",
    "edge",
    "lite",
    "dev",
    "deep",
    "distill",
    "reranker",
    "hybrid",
    "linear",
    "nvidia",
    "meta",
    "moe",
    "zero",
    "inst",
    "lightning",
    "horizon",
    "cascade",
    "agent",
    "world",
    "exp",
    "speciale",
    "translate",
    "global",
    "deduped",
    "alpha",
    "lab",
    "xl",
    "mobile",
    "xs",
    "atlas",
    "japanese",
    "pt",
    "oss",
    "gen",
    "fast",
    "turbo",
    "experimental",
];

/// Words that name a family only with something behind them, since they mean something else too.
const NEEDS_MORE: &[&str] = &[
    "gpt", "k2", "command", "spark", "beam", "muse", "solar", "bloom", "intern", "dots", "yi",
    "opt", "ling", "arctic", "trinity", "seed", "step", "north", "fi", "phi", "mamba", "falcon",
    "jais", "scout", "zephyr",
];

/// Of these, what nothing else is written as.
const MEANS_NOTHING_ELSE: &[&str] = &["phi", "mamba", "falcon", "jais"];

/// Names of what the catalogue has not, which are no slips in those that it has; by those of a
/// fine-tune its base is named too, which is another model.
pub const OTHERS: &[&str] = &[
    "llava",
    "claude",
    "gemini",
    "sonnet",
    "opus",
    "haiku",
    "bert",
    "whisper",
    "flux",
    "sdxl",
    "groq",
    "cerebras",
    "yandexgpt",
    "ruadapt",
    "ruadaptqwen",
    "vihr",
    "saiga",
    "vikhr",
    "rugpt",
    "alpaca",
    "dolly",
    "orca",
    "mathstral",
    "phixtral",
    "llada",
    "smolvlm",
    "dolphin",
    "openhermes",
    "neuralhermes",
    "deephermes",
    "nous",
    "airoboros",
    "tulu",
    "samantha",
    "euryale",
    "magnum",
    "cydonia",
    "rocinante",
    "lumimaid",
    "noromaid",
    "fimbulvetr",
    "stheno",
    "lunaris",
    "behemoth",
    "anubis",
    "miqu",
    "goliath",
    "xwin",
    "mythomax",
    "wizardlm",
    "wizardcoder",
    "wizardmath",
    "openchat",
    "starling",
    "capybara",
    "deepcoder",
    "deepswe",
    "openthinker",
    "bespoke",
    "elyza",
    "swallow",
    "sauerkraut",
    "sauerkrautlm",
    "athene",
    "tess",
    "smaug",
    "eva",
    "platypus",
    "synthia",
    "pygmalion",
    "rombos",
    "dracarys",
    "reflection",
    "cogito",
    "skyfall",
    "valkyrie",
    "gutenberg",
    "pantheon",
    "violet",
    "chatqa",
    "meditron",
    "biomistral",
    "opencoder",
    "arcee",
    "virtuoso",
    "shisa",
    "nekomata",
    "xlam",
    "fusechat",
    "nemomix",
    "unslopnemo",
    "mistoria",
    "qwopus",
];

/// Kinds of models that a family need not have, which no device and no sentence has.
const OTHER_KINDS: &[&str] = &[
    "large", "medium", "lite", "omni", "vl", "vlm", "image", "audio", "ocr", "tts", "saba", "edit",
];

/// Names that models are announced by, where the name of their repository has another version or none.
const PRODUCTS: &[(&str, &str)] = &[
    ("mistral-large-2-123b", "mistral-large-instruct-2407"),
    ("mistral-large-2.1-123b", "mistral-large-instruct-2411"),
    ("mistral-small-2-22b", "mistral-small-instruct-2409"),
    ("mistral-small-3-24b", "mistral-small-24b-instruct-2501"),
    ("devstral-small-1-24b", "devstral-small-2505"),
    ("devstral-small-1.1-24b", "devstral-small-2507"),
    ("magistral-small-1-24b", "magistral-small-2506"),
    ("magistral-small-1.1-24b", "magistral-small-2507"),
    ("gigachat-3.1-lightning-10b", "gigachat3.1-10b-a1.8b-bf16"),
];

/// What the name of another kind of a family costs: Devstral Small where Devstral was said.
const ANOTHER_KIND: u32 = 2;

/// Costs of words that a model's name has and the text has not.
fn cost(word: &Token) -> u32 {
    match word.kind {
        Kind::Word if FREE.contains(&word.text.as_str()) => 0,
        Kind::Word if matches!(word.text.as_str(), "base" | "embedding" | "reranker" | "guard") => {
            5
        }
        Kind::Word => 2,
        _ => 0,
    }
}

pub struct ModelName {
    pub model: &'static Model,
    pub words: Vec<Token>,
    pub params: Option<u64>,
}

/// A model that a text names.
#[derive(Debug)]
pub struct ModelMention {
    /// The tokens.
    pub tokens: std::ops::Range<usize>,
    /// The models that it can be, best first; one, if it is clear.
    pub options: Vec<&'static str>,
    /// Why there is no such model.
    pub note: Option<Lack>,
    /// The size that was told, where no model is named or none is what was named.
    pub size: Option<ModelSize>,
}

impl Names {
    /// The family that a word begins the name of, spelt right.
    fn head(&self, token: &Token) -> Option<&str> {
        if token.kind != Kind::Word {
            // R1 says whose it is, K2 with what is behind it.
            let is_told = matches!(token.text.as_str(), "r1" | "k2");
            return self.model_words.word(&token.text).filter(|_| is_told);
        }
        if let Some(head) = self.heads.word(&token.text) {
            return Some(head);
        }
        let length = token.text.len();
        let is_ordinary = words::meanings(&token.raw).next().is_some()
            || OTHERS.contains(&token.text.as_str())
            || self.first_words.word(&token.text).is_some()
            || KINDS.contains(&token.text.as_str())
            || narrowing(&token.raw).next().is_some();
        if !(4..=16).contains(&length) || is_ordinary {
            return None;
        }
        // As it is heard: кодлама, тинилама.
        if !token.raw.is_ascii() {
            let heard = consonants(&token.text).filter(|heard| heard.len() > 3);
            let alike = heard.and_then(|heard| self.heard.get(&heard));
            if let Some(head) = alike {
                return Some(head);
            }
        }
        let most = if length < 9 { 1 } else { 2 };
        let near = self.heads.words().iter().filter(|head| head.len() > 3);
        let near = near.filter(|head| head.as_bytes()[0] == token.text.as_bytes()[0]);
        let near = near.filter_map(|head| Some((slips(&token.text, head, most)?, head)));
        near.min_by_key(|(slips, _)| *slips).map(|(_, head)| head.as_str())
    }

    /// A family whose name is written as two words: deep seek, code llama.
    fn parted_head(&self, tokens: &[Token], at: usize) -> Option<&str> {
        let (first, second) = (tokens.get(at)?, tokens.get(at + 1)?);
        let is_near = matches!(second.gap, ' ' | '-') && !second.is_glued;
        if first.kind != Kind::Word || second.kind != Kind::Word || !is_near {
            return None;
        }
        let both = format!("{}{}", first.text, second.text);
        self.heads.word(&words::canonical(both.clone(), &both, false)).filter(|head| head.len() > 5)
    }

    /// The family that is meant by a kind of it and a version alone: small 3.2.
    fn implied_head(&self, kind: &Token, version: &Token) -> Option<&str> {
        let family = match kind.text.as_str() {
            "small" | "medium" | "large" => "mistral",
            "air" => "glm",
            _ => return None,
        };
        let is_version = version.text.contains('.') && matches!(version.gap, ' ' | '-');
        let family = self.heads.word(family).filter(|_| is_version)?;
        let of = self.model_words.get(family)?;
        let both = self.model_words.get(&kind.text)?.iter().copied();
        let both: Vec<usize> = both.filter(|at| of.binary_search(at).is_ok()).collect();
        self.of_version(&both, version).map(|_| family)
    }

    /// The model that is named from the token `at` on.
    pub fn model_at(&self, tokens: &[Token], at: usize) -> Option<ModelMention> {
        let first = &tokens[at];
        // 70b llama.
        let sized =
            first.kind == Kind::Size && tokens.get(at + 1).is_none_or(|next| next.gap != ',');
        let start = if sized { at + 1 } else { at };
        let head = tokens.get(start).and_then(|token| self.head(token));
        let parted = head.is_none().then(|| self.parted_head(tokens, start)).flatten();
        let implied = tokens.get(start).filter(|_| head.is_none() && parted.is_none());
        let implied = implied.and_then(|kind| self.implied_head(kind, tokens.get(start + 1)?));
        let behind = start + usize::from(implied.is_none()) + usize::from(parted.is_some());
        let Some(head) = head.or(parted).or(implied) else {
            // A family of which nothing was released: claude.
            let never = || self.never_at(tokens, at, start, start + 1);
            if tokens.get(start).is_some_and(|token| token.kind == Kind::Word)
                && let Some(mut mention) = never()
            {
                // Claude 4 Sonnet, Gemini 2.5 Pro.
                while tokens.get(mention.tokens.end).is_some_and(|next| {
                    let is_version = next.number().is_some_and(|n| n < 10.0);
                    let is_kind = matches!(next.text.as_str(), "sonnet" | "opus" | "haiku")
                        || KINDS.contains(&next.text.as_str());
                    matches!(next.gap, ' ' | '-') && (is_version || is_kind)
                }) {
                    mention.tokens.end += 1;
                }
                return Some(mention);
            }
            let is_size = first.kind == Kind::Size;
            return is_size.then(|| self.models_of_size(tokens, at)).flatten();
        };
        let head = Token { text: head.to_owned(), kind: Kind::Word, ..tokens[start].clone() };
        let mut found = self.model_words.get(&head.text)?.clone();
        let needs_more = NEEDS_MORE.contains(&head.text.as_str())
            && !(MEANS_NOTHING_ELSE.contains(&head.text.as_str()) && head.raw == head.text);
        let mut used: Vec<Token> = vec![head];
        let mut missing = None;
        let (mut version, mut kind) = (None, None);
        if sized {
            match self.narrowed(&found, &used, first) {
                Some((narrower, word)) => {
                    found = narrower;
                    used.push(word);
                }
                None => missing = Some(first.clone()),
            }
        }
        let mut next = behind;
        while let Some(token) = tokens.get(next) {
            let length = tokens.get(next + 1).filter(|k| k.is_glued && k.is("k"));
            if let Some(all) =
                length.and_then(|_| self.model_words.get(&format!("{}k", token.text)))
            {
                // Phi-3-mini-128k.
                let both: Vec<usize> =
                    found.iter().copied().filter(|at| all.binary_search(at).is_ok()).collect();
                let is_context =
                    tokens.get(next + 2).is_some_and(|behind| means(&behind.raw, Meaning::Context));
                if matches!(token.gap, '-' | ' ') && !both.is_empty() && !is_context {
                    found = both;
                    used.push(Token {
                        text: format!("{}k", token.text),
                        kind: Kind::Active,
                        ..token.clone()
                    });
                    next += 2;
                    continue;
                }
            }
            if matches!(token.gap, ',' | ';' | '+' | '/' | '\n') || ends_a_name(tokens, next) {
                break;
            }
            // qwen4 32b, gpt-5: a number by the family's name is a version.
            let is_small = token.kind == Kind::Number
                && token.number().is_some_and(|n| n < 10.0)
                && matches!(token.gap, ' ' | '-');
            // Mistral Small, 2 cards.
            let is_count = is_small
                && next > behind
                && !token.text.contains('.')
                && self.device_at(tokens, next + 1, None).is_some();
            if is_count {
                break;
            }
            let is_version = next == behind
                && is_small
                && (token.is_glued
                    || token.text.contains('.')
                    || token.gap == '-'
                    || tokens.get(next + 1).is_some_and(|then| then.kind == Kind::Size));
            let narrower = match is_version {
                true => self.of_version(&found, token).or_else(|| {
                    // Qwen 0.6 is a size.
                    let is_size = token.text.contains('.');
                    is_size.then(|| self.narrowed(&found, &used, token)).flatten()
                }),
                false => self.narrowed(&found, &used, token),
            };
            if let Some((narrower, word)) = narrower {
                found = narrower;
                used.push(word);
                next += 1;
                continue;
            }
            if is_version || is_small && is_another_version(tokens, next, behind) {
                version = Some(token.text.clone());
                next += 1;
                continue;
            }
            if kind.is_none() && is_another_kind(tokens, next, behind) {
                kind = Some(token.text.clone());
                next += 1;
                continue;
            }
            if token.kind == Kind::Size && !used.iter().any(|word| word.kind == Kind::Size) {
                missing = Some(token.clone());
                next += 1;
                break;
            }
            // llama 3.3 instruct, the 70b.
            let is_bridge = token.kind == Kind::Word
                && (means(&token.raw, Meaning::Filler) || means(&token.raw, Meaning::Model));
            let then =
                tokens.get(next + 1).filter(|then| then.kind == Kind::Size && then.gap == ' ');
            let then =
                then.filter(|_| is_bridge && !matches!(token.text.as_str(), "and" | "i" | "ili"));
            match then.and_then(|then| self.narrowed(&found, &used, then)) {
                Some((narrower, word)) => {
                    found = narrower;
                    used.push(word);
                    next += 2;
                }
                None => break,
            }
        }
        // deepseek-r1:14b is a tag, which is something else than its name says.
        let is_tag = used.iter().any(|word| word.kind == Kind::Size && word.gap == ':');
        let never = self.never_at(tokens, at, start, next);
        if let Some(mention) = never.filter(|_| !is_tag || missing.is_some()) {
            return Some(mention);
        }
        if needs_more && used.len() < 2 && missing.is_none() && version.is_none() {
            return None;
        }
        let tokens = at..next;
        if let Some(missing) = missing {
            let note = Lack::Size(missing.text.clone());
            return Some(ModelMention {
                size: size_of(std::slice::from_ref(&missing)),
                tokens,
                options: self.nearest_sizes(found, &used, &missing),
                note: Some(note),
            });
        }
        // devstral:24b, mistral-small:24b: of another version, as devstral-small-2, the tag says so.
        let is_plain = |at: &usize| {
            self.models[*at].words.windows(2).all(|pair| {
                !KINDS.contains(&pair[0].text.as_str())
                    || pair[1].kind != Kind::Number
                    || pair[1].text.len() > 3
                    || pair[1].text.starts_with('0')
                    || used.iter().any(|used| used.text == pair[1].text)
            })
        };
        if is_tag && found.iter().any(is_plain) {
            found.retain(is_plain);
        }
        let options = self.chosen(found, &used);
        let note = version.map(Lack::Version).or(kind.map(Lack::Kind));
        Some(ModelMention { tokens, options, note, size: None })
    }

    /// Those of `found` that have the version.
    fn of_version(&self, found: &[usize], token: &Token) -> Option<(Vec<usize>, Token)> {
        let has = |at: &usize| {
            let same =
                |text: &str| text == token.text || text.strip_suffix(".0") == Some(&token.text);
            let mut words = self.models[*at].words.iter();
            words.any(|word| word.kind == Kind::Number && same(&word.text))
        };
        let of: Vec<usize> = found.iter().copied().filter(has).collect();
        (!of.is_empty()).then(|| (of, token.clone()))
    }

    /// Those of `found` with the word, and how it is spelt in their names.
    fn narrowed(
        &self,
        found: &[usize],
        used: &[Token],
        token: &Token,
    ) -> Option<(Vec<usize>, Token)> {
        let with = |word: &str| {
            let all = self.model_words.get(word)?;
            let both: Vec<usize> =
                found.iter().copied().filter(|at| all.binary_search(at).is_ok()).collect();
            (!both.is_empty()).then(|| (both, Token { text: word.to_owned(), ..token.clone() }))
        };
        let sized =
            |size: &str| with(size).map(|(both, word)| (both, Token { kind: Kind::Size, ..word }));
        let has_size = used.iter().any(|word| word.kind == Kind::Size);
        // `в` is no `v`.
        let is_preposition =
            !token.is_glued && !token.raw.is_ascii() && token.text.len() < 2 && token.raw != "р";
        match token.kind {
            Kind::Quant => None,
            Kind::Word if is_preposition => None,
            Kind::Word => with(&token.text).or_else(|| {
                let long = token.text.len() > 4 && !means(&token.raw, Meaning::Filler);
                let words = found.iter().flat_map(|at| &self.models[*at].words);
                let mut near = words.filter(|word| {
                    long && word.kind == Kind::Word && slips(&token.text, &word.text, 1).is_some()
                });
                near.next().and_then(|word| with(&word.text))
            }),
            Kind::Number => with(&token.text)
                .or_else(|| with(&format!("{}.0", token.text)))
                .or_else(|| with(token.text.strip_suffix(".0")?))
                .or_else(|| (!has_size).then(|| sized(&format!("{}b", token.text))).flatten())
                .or_else(|| (!has_size).then(|| sized(&format!("e{}b", token.text))).flatten()),
            // A million tokens of context are a part of a name.
            Kind::Size if has_size && token.text != "1m" => None,
            Kind::Size => {
                let wanted = billions(&token.text)?;
                let named = with(&token.text);
                // Devstral Small 2505 is one of 24b too.
                let near = found.iter().copied().filter(|at| {
                    let name = &self.models[*at];
                    let is_sized = name.words.iter().any(|word| word.kind == Kind::Size);
                    let params = name.params.map(|params| params as f64 / 1e9);
                    !is_sized && params.is_some_and(|n| (n / wanted - 1.0).abs() < 0.08)
                });
                let mut near: Vec<usize> = near.collect();
                let far = |at: &usize| {
                    let params = self.models[*at].params.map_or(0.0, |params| params as f64 / 1e9);
                    (params / wanted - 1.0).abs()
                };
                let least = near.iter().map(far).fold(1.0, f64::min);
                near.retain(|at| far(at) < least + 0.05);
                near.extend(named.into_iter().flat_map(|(named, _)| named));
                sort::distinct(&mut near);
                (!near.is_empty()).then(|| (near, token.clone()))
            }
            Kind::Code | Kind::Active => with(&token.text),
        }
    }

    /// A name that was never released, if it is the longest that begins here.
    fn never_at(
        &self,
        tokens: &[Token],
        at: usize,
        start: usize,
        end: usize,
    ) -> Option<ModelMention> {
        let same = |word: &str, token: &Token| {
            word == token.text
                || word.strip_suffix('b') == Some(&token.text) && token.kind == Kind::Number
                || token.kind == Kind::Word
                    && slips(&token.text, word, 1).is_some()
                    && word.len() > 4
        };
        let matches = |words: &[String], from: usize| {
            let mut next = from;
            for word in words {
                // A word that makes no other model stands between.
                while tokens
                    .get(next)
                    .is_some_and(|t| next > from && FREE.contains(&t.text.as_str()))
                {
                    next += 1;
                }
                if !tokens.get(next).is_some_and(|token| same(word, token))
                    || (next > from && ends_a_name(tokens, next))
                {
                    return None;
                }
                next += 1;
            }
            while tokens.get(next).is_some_and(|t| FREE.contains(&t.text.as_str()) && t.gap == '-')
            {
                next += 1;
            }
            (next >= end).then_some(next)
        };
        let found = self.never.iter().filter_map(|(words, never)| {
            let next = matches(words, start).or_else(|| {
                // 72b qwen3.
                let (size, rest) = words.split_last()?;
                let is_turned = at < start && same(size, &tokens[at]);
                is_turned.then(|| matches(rest, start)).flatten()
            })?;
            Some((next, *never))
        });
        let (next, never) = found.max_by_key(|(next, never)| (*next, usize::MAX - never))?;
        let never = &Catalog::never_released()[never];
        let nearest = never.nearest.iter().filter_map(|id| Catalog::bundled().model(id));
        let mut options: Vec<&'static str> = nearest.map(|model| model.id.as_str()).collect();
        // Of several sizes the one that was asked for first.
        let size = lexer::of_name(&never.name).into_iter().find(|word| word.kind == Kind::Size);
        if let Some(size) = size {
            let has = |id: &str| lexer::of_name(id).iter().any(|word| word.text == size.text);
            sort::by_key(&mut options, |id| !has(id));
        }
        options.truncate(OPTIONS);
        let note = Lack::NeverReleased { name: never.name.clone(), why: never.why.clone() };
        let size = size_of(&tokens[at..next]);
        Some(ModelMention { tokens: at..next, options, note: Some(note), size })
    }

    /// All models of a size: 72b, or 30b-a3b.
    pub(super) fn models_of_size(&self, tokens: &[Token], at: usize) -> Option<ModelMention> {
        let mut found = self.model_words.get(&tokens[at].text)?.clone();
        let mut used = vec![tokens[at].clone()];
        let mut end = at + 1;
        while let Some(token) = tokens
            .get(end)
            .filter(|token| token.kind == Kind::Active || KINDS.contains(&token.text.as_str()))
        {
            let narrower = self.narrowed(&found, &used, token).or_else(|| {
                // 30b moe: what it is, whether or not its name says so.
                let is_moe = |at: &usize| self.models[*at].model.active_published_b.is_some();
                let mixtures = || found.iter().copied().filter(is_moe).collect();
                token.is("moe").then(|| (mixtures(), token.clone()))
            });
            let Some((narrower, word)) = narrower else { break };
            found = narrower;
            used.push(word);
            end += 1;
        }
        found.retain(|at| {
            !matches!(self.models[*at].model.modality.as_str(), "embedding" | "reranker")
        });
        let costs = |at: &usize| self.cost(*at, &used);
        let newest = |at: &usize| std::cmp::Reverse(self.models[*at].model.release.as_str());
        sort::by_key(&mut found, |at| (costs(at), newest(at)));
        found.truncate(OPTIONS);
        let options: Vec<_> = found.iter().map(|at| self.models[*at].model.id.as_str()).collect();
        let size = size_of(&tokens[at..end]);
        (!options.is_empty()).then_some(ModelMention { tokens: at..end, options, note: None, size })
    }

    fn cost(&self, at: usize, used: &[Token]) -> u32 {
        let is_used = |word: &Token| {
            used.iter().any(|used| {
                let joined = used.kind == Kind::Word && used.text.len() > word.text.len() + 2;
                used.text == word.text || (joined && used.text.contains(&word.text))
            })
        };
        self.models[at].words.iter().filter(|word| !is_used(word)).map(cost).sum()
    }

    /// The newest general one of those found; several, if they are of different sizes.
    fn chosen(&self, mut found: Vec<usize>, used: &[Token]) -> Vec<&'static str> {
        let is_used = |word: &Token| used.iter().any(|used| used.text == word.text);
        let unused = |at: usize| self.models[at].words.iter().filter(move |word| !is_used(word));
        let id = |at: &usize| self.models[*at].model.id.as_str();
        let least = found.iter().map(|at| self.cost(*at, used)).min();
        let is_bare = used.len() == 1;
        let most = if is_bare { Some(ANOTHER_KIND) } else { least };
        found.retain(|at| Some(self.cost(*at, used)) <= most.max(least));
        // A name as it is written, with its version.
        let is_versioned = used.iter().any(|word| matches!(word.kind, Kind::Number | Kind::Code));
        let exact: Vec<usize> =
            found.iter().copied().filter(|at| unused(*at).next().is_none()).collect();
        if let ([exact], true) = (exact.as_slice(), is_versioned) {
            return vec![id(exact)];
        }
        let is_chat = |at: usize| {
            self.models[at]
                .words
                .iter()
                .any(|w| matches!(w.text.as_str(), "instruct" | "chat" | "it"))
        };
        let size = |at: usize| {
            let sizes = self.models[at].words.iter().filter(|word| word.kind == Kind::Size);
            sizes.filter_map(|word| billions(&word.text)).fold(0.0, f64::max)
        };
        let newest = |at: &usize| {
            let name = &self.models[*at];
            (std::cmp::Reverse(name.model.release.as_str()), !is_chat(*at))
        };
        sort::by_key(&mut found, newest);
        let Some(best) = found.first().copied() else { return Vec::new() };
        // Not a year older, by `YYYY-MM-DD`.
        let release = |at: usize| self.models[at].model.release.as_str();
        let year_before = release(best).get(..4).and_then(|year| year.parse().ok());
        let year_before = year_before.map_or(String::new(), |year: u32| {
            format!("{}{}", year.saturating_sub(1), release(best).get(4..).unwrap_or_default())
        });
        let is_of_its_time = |at: usize| release(at) > year_before.as_str();
        let version = |at: usize| -> Vec<&str> {
            let versions = self.models[at].words.iter().filter(|word| {
                matches!(word.kind, Kind::Number | Kind::Code) && word.text.len() < 4
            });
            versions.map(|word| word.text.as_str()).collect()
        };
        let sizes = |at: usize| -> Vec<&str> {
            let told = unused(at).filter(|word| word.kind == Kind::Word && cost(word) > 0);
            let sizes = self.models[at].words.iter().filter(|word| word.kind == Kind::Size);
            sizes.chain(told).map(|word| word.text.as_str()).collect()
        };
        // Of a family alone all that is new.
        let (of_version, mut others): (Vec<usize>, Vec<usize>) = found.iter().partition(|at| {
            if is_bare { is_of_its_time(**at) } else { version(**at) == version(best) }
        });
        let mut seen: Vec<Vec<&str>> = Vec::new();
        let mut options = Vec::new();
        for at in of_version {
            if !seen.contains(&sizes(at)) {
                seen.push(sizes(at));
                options.push(at);
            }
        }
        if options.len() > 1 {
            let larger = |at: &usize| std::cmp::Reverse((size(*at) * 1000.0) as u64);
            sort::by_key(&mut options, |at| (is_bare.then(|| newest(at).0), larger(at)));
            sort::by_key(&mut others, |at| newest(at));
            options.append(&mut others);
        }
        // A model may go by several names.
        let mut ids: Vec<&str> = Vec::new();
        for option in options.iter().map(id) {
            if !ids.contains(&option) {
                ids.push(option);
            }
        }
        ids.truncate(OPTIONS);
        ids
    }

    /// The models nearest in size.
    fn nearest_sizes(
        &self,
        mut found: Vec<usize>,
        used: &[Token],
        missing: &Token,
    ) -> Vec<&'static str> {
        let wanted = billions(&missing.text).unwrap_or(1.0);
        let least = found.iter().map(|at| self.cost(*at, used)).min();
        found.retain(|at| Some(self.cost(*at, used)) == least);
        let distance = |at: &usize| {
            let params = self.models[*at].params.map_or(1e12, |params| params as f64 / 1e9);
            ((params / wanted).ln().abs() * 1000.0) as u64
        };
        sort::by_key(&mut found, |at| {
            (distance(at), std::cmp::Reverse(self.models[*at].model.release.as_str()))
        });
        found.truncate(OPTIONS / 2);
        found.iter().map(|at| self.models[*at].model.id.as_str()).collect()
    }
}

impl ModelName {
    /// The names that a model goes by: its own first.
    pub fn all(model: &'static Model) -> impl Iterator<Item = ModelName> {
        let own = model.hf_id.rsplit('/').next().unwrap_or(&model.hf_id);
        let products =
            PRODUCTS.iter().filter(move |(_, id)| *id == model.id).map(|(name, _)| *name);
        [own].into_iter().chain(products).map(move |name| ModelName::of(model, name))
    }

    fn of(model: &'static Model, name: &str) -> ModelName {
        let mut words = lexer::of_name(name);
        // Qwen2.5-7B-Instruct-1M: a length of context.
        for word in words.iter_mut().filter(|word| word.text == "1m") {
            word.kind = Kind::Word;
        }
        // Llama-4-Scout-17B-16E: experts; Phi-3-mini-128k: context.
        for at in 1..words.len() {
            if words[at].is("k") && words[at].is_glued && words[at - 1].kind == Kind::Number {
                words[at - 1].text.push('k');
                words[at - 1].kind = Kind::Active;
            }
            if words[at].is("e") && words[at].is_glued && words[at - 1].kind == Kind::Number {
                words[at - 1].kind = Kind::Active;
            }
        }
        ModelName { model, words, params: model.params_published }
    }
}

/// Whether the number is a version that no model of that kind has, as in Mistral Small 5 or Grok 2,
/// where the family's name ends before `family`: it ends the name, or a size is behind it. A number of
/// devices has their name behind it.
fn is_another_version(tokens: &[Token], at: usize, family: usize) -> bool {
    let is_behind_kind = KINDS.contains(&tokens[at - 1].text.as_str());
    (is_behind_kind || at == family)
        && tokens.get(at + 1).is_none_or(|next| match next.kind {
            Kind::Size | Kind::Quant => true,
            Kind::Word => next.gap != ' ' || means(&next.raw, Meaning::Filler),
            _ => false,
        })
}

/// Whether the word makes another model of one, also where the family has none such: Pixtral Large,
/// Qwen3-Omni; the family's name ends before `family`. Some of the kinds are words of a sentence too,
/// unless they are written as a part of the name.
fn is_another_kind(tokens: &[Token], at: usize, family: usize) -> bool {
    let token = &tokens[at];
    let is_kind = OTHER_KINDS.contains(&token.text.as_str())
        || KINDS.contains(&token.text.as_str()) && !FREE.contains(&token.text.as_str());
    match token.gap {
        '-' if !token.is_glued => is_kind,
        ' ' => {
            let is_last = tokens.get(at + 1).is_none_or(|next| {
                next.gap != ' ' || next.kind == Kind::Quant || means(&next.raw, Meaning::Filler)
            });
            OTHER_KINDS.contains(&token.text.as_str()) || is_kind && at == family && is_last
        }
        _ => false,
    }
}

/// The consonants of a word as they are heard, without its vowels: `codellama` and `кодлама` are alike.
pub fn consonants(word: &str) -> Option<String> {
    let mut heard = String::new();
    let mut last = ' ';
    for letter in word.chars() {
        let sound = match letter {
            'c' | 'q' => 'k',
            'w' => 'v',
            'z' => 's',
            'a' | 'e' | 'i' | 'o' | 'u' | 'y' => ' ',
            letter if letter.is_ascii_lowercase() => letter,
            _ => return None,
        };
        if sound != ' ' && sound != last {
            heard.push(sound);
        }
        last = sound;
    }
    Some(heard)
}

/// A number that belongs to what follows it, or a word that begins something else.
fn ends_a_name(tokens: &[Token], at: usize) -> bool {
    let token = &tokens[at];
    match token.kind {
        Kind::Number => has_unit(tokens, at),
        Kind::Size => token.text.ends_with('m') && has_unit(tokens, at),
        _ => false,
    }
}

/// The parameters that a size names, in billions.
pub fn billions(size: &str) -> Option<f64> {
    let size = size.trim_start_matches('e');
    let (digits, scale) = match size.as_bytes().last()? {
        b'b' => (&size[..size.len() - 1], 1.0),
        b'm' => (&size[..size.len() - 1], 1e-3),
        b't' => (&size[..size.len() - 1], 1e3),
        _ => (size, 1.0),
    };
    let number = match digits.split_once('x') {
        Some((many, each)) => float::parse(many)? * float::parse(each)?,
        None => float::parse(digits)?,
    };
    (number > 0.0).then_some(number * scale)
}
