//! The models and devices that a text names, by the words of their names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::lexer::{self, Kind, Token};
use super::words::{self, Meaning, means};
use crate::catalog::{Catalog, Device, DeviceKind, Model};
use crate::sort;

/// Largest number of entries in a choice.
pub const OPTIONS: usize = 8;

/// Words that a name has or lacks without being another model.
pub const FREE: &[&str] = &[
    "instruct", "chat", "it", "hf", "meta", "nvidia", "c4ai", "bf16", "inst", "pt", "ai21", "ai",
    "e",
];

/// Words of models' names that do not begin one, since they say what kind of model it is.
const KINDS: &[&str] = &[
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
    "command", "spark", "beam", "muse", "solar", "bloom", "intern", "dots", "yi", "opt", "ling",
    "arctic", "trinity", "seed", "step", "north", "fi", "phi", "mamba", "falcon", "jais", "scout",
];

/// Names of what the catalogue has not, which are no slips in those that it has.
const OTHERS: &[&str] = &[
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
    "yandexgpt",
    "saiga",
    "vikhr",
    "rugpt",
    "alpaca",
    "dolly",
    "orca",
];

/// Words of devices' names that are left out without meaning another device.
const OPTIONAL: &[&str] = &[
    "rtx",
    "gtx",
    "rx",
    "arc",
    "instinct",
    "tesla",
    "sxm",
    "pcie",
    "blackwell",
    "workstation",
    "cpu",
    "xeon",
    "core",
    "ryzen",
    "platinum",
    "gold",
    "ch",
    "igpu",
    "c",
    "dual",
    "dgx",
    "gb10",
    "radeon",
    "agx",
    "grace",
    "hopper",
    "edition",
    "spr",
    "threadripper",
    "epyc",
    "jetson",
];

/// Words that make another device of one.
const OTHER: &[&str] = &["xt", "xtx", "ti", "gre", "laptop"];

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

struct ModelName {
    model: &'static Model,
    words: Vec<Token>,
    params: Option<u64>,
}

struct DeviceName {
    device: &'static Device,
    /// Words of the id, without brands and sizes of memory.
    words: Vec<String>,
    /// Sets of words, each of which is a whole name.
    names: Vec<BTreeSet<String>>,
}

/// The names of the catalogue by their words.
pub struct Names {
    models: Vec<ModelName>,
    model_words: BTreeMap<String, Vec<usize>>,
    heads: BTreeSet<String>,
    devices: Vec<DeviceName>,
    device_words: BTreeMap<String, Vec<usize>>,
    first_words: BTreeSet<String>,
    never: Vec<(Vec<String>, usize)>,
    ids: BTreeMap<String, Entry>,
}

/// What an id is of.
#[derive(Clone, Copy)]
pub enum Entry {
    /// A model.
    Model(&'static Model),
    /// A device.
    Device(&'static Device),
}

/// The index of the bundled catalogue, built on first use.
pub static NAMES: LazyLock<Names> = LazyLock::new(|| Names::of(Catalog::bundled()));

/// A model that a text names.
#[derive(Debug)]
pub struct ModelMention {
    /// The tokens.
    pub tokens: std::ops::Range<usize>,
    /// The models that it can be, best first; one, if it is clear.
    pub options: Vec<&'static str>,
    /// Why there is no such model.
    pub note: Option<String>,
}

/// A device that a text names.
#[derive(Debug)]
pub struct DeviceMention {
    /// The tokens.
    pub tokens: std::ops::Range<usize>,
    /// The devices that it can be, best first.
    pub options: Vec<&'static Device>,
    /// The first is what the name usually stands for.
    pub has_usual: bool,
    /// The size of the memory that was named.
    pub memory_gb: Option<f64>,
}

fn is_memory(tokens: &[Token], at: usize) -> Option<f64> {
    let number = tokens.get(at)?.number()?;
    let unit = tokens.get(at + 1)?;
    let is_near = unit.is_glued || matches!(unit.gap, ' ' | '-' | '\u{a0}');
    // 5700G is a name.
    (is_near && number < 5000.0 && means(&unit.raw, Meaning::Gigabytes) && unit.kind == Kind::Word)
        .then_some(number)
}

fn is_brand(token: &Token) -> bool {
    let is_mark = token.gap == '(' && matches!(token.text.as_str(), "r" | "tm" | "c");
    token.kind == Kind::Word && (is_mark || means(&token.raw, Meaning::Brand))
}

/// Memory types that drivers print behind a size.
fn is_memory_type(token: &Token) -> bool {
    token.kind == Kind::Word && matches!(token.text.as_str(), "hbm" | "gddr" | "e")
}

/// Words of a device's name, without brands and sizes of memory.
fn device_tokens(name: &str) -> Vec<String> {
    let tokens = lexer::of_name(name);
    let mut words = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_memory(&tokens, at).is_some() {
            at += 2;
            continue;
        }
        if !is_brand(&tokens[at]) {
            words.push(tokens[at].text.clone());
        }
        at += 1;
    }
    words
}

fn has_memory(device: &Device, gb: f64) -> bool {
    let same = |size: f64| (size - gb).abs() < 0.5;
    device.memory_gb.is_some_and(same) || device.memory_options_gb.iter().any(|gb| same(*gb))
}

/// Words that a name is told by.
fn telling(words: &[String]) -> BTreeSet<String> {
    words.iter().filter(|word| !OPTIONAL.contains(&word.as_str())).cloned().collect()
}

impl Names {
    fn of(catalog: &'static Catalog) -> Names {
        let models: Vec<ModelName> = catalog.models.iter().map(ModelName::of).collect();
        let mut model_words: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut heads = BTreeSet::new();
        let add = |map: &mut BTreeMap<String, Vec<usize>>, word: String, at: usize| {
            let known = map.entry(word).or_default();
            if known.last() != Some(&at) {
                known.push(at);
            }
        };
        for (at, name) in models.iter().enumerate() {
            for (place, word) in name.words.iter().enumerate() {
                add(&mut model_words, word.text.clone(), at);
                let is_head = word.kind == Kind::Word
                    && (word.text.len() > 2 || word.text == "yi")
                    && !KINDS.contains(&word.text.as_str())
                    && words::meanings(&word.text).next().is_none()
                    && !FREE.contains(&word.text.as_str());
                if is_head {
                    heads.insert(word.text.clone());
                }
                // gptoss
                let next = name.words.get(place + 1).filter(|next| next.kind == Kind::Word);
                if let Some(next) = next.filter(|_| place == 0 && is_head) {
                    let both = format!("{}{}", word.text, next.text);
                    heads.insert(both.clone());
                    add(&mut model_words, both, at);
                }
            }
        }
        let devices: Vec<DeviceName> = catalog.devices.iter().map(DeviceName::of).collect();
        let (mut device_words, mut first_words) = (BTreeMap::new(), BTreeSet::new());
        for (at, name) in devices.iter().enumerate() {
            let device = name.device;
            let texts = [&device.id, &device.name].into_iter().chain(&device.aliases);
            for text in texts {
                let words = device_tokens(text);
                first_words.extend(words.first().cloned());
                for word in words {
                    // RTX A6000 is one of those that RTX 6000 can mean.
                    if device.segment == "workstation" && word.starts_with('a') && word.len() == 5 {
                        add(&mut device_words, word[1..].to_owned(), at);
                    }
                    add(&mut device_words, word, at);
                }
            }
        }
        first_words.extend(["pro", "orin", "thor", "xavier", "ai"].map(str::to_owned));
        let never = catalog.never_released.iter().enumerate();
        let never = never
            .map(|(at, never)| {
                let words = lexer::of_name(&never.name).into_iter().map(|word| word.text);
                (words.collect(), at)
            })
            .collect();
        let model_ids = catalog.models.iter().flat_map(|model| {
            [&model.id, &model.hf_id].map(|id| (id.to_lowercase(), Entry::Model(model)))
        });
        let device_ids = catalog.devices.iter();
        let device_ids = device_ids.map(|device| (device.id.clone(), Entry::Device(device)));
        let ids = model_ids.chain(device_ids).collect();
        Names { models, model_words, heads, devices, device_words, first_words, never, ids }
    }

    /// What `id` is the id of, as the catalogue or Hugging Face writes it. One without a hyphen or a
    /// digit is a word of a sentence.
    pub fn entry(&self, id: &str) -> Option<Entry> {
        let is_told = id.contains(['-', '/']) || id.bytes().any(|b| b.is_ascii_digit());
        self.ids.get(&id.to_lowercase()).copied().filter(|_| is_told)
    }

    /// The family that a word begins the name of, spelt right.
    fn head(&self, token: &Token) -> Option<&str> {
        if token.kind != Kind::Word {
            // R1 says whose it is.
            return self
                .model_words
                .get_key_value("r1")
                .map(|(r1, _)| r1.as_str())
                .filter(|r1| token.text == *r1);
        }
        if let Some(head) = self.heads.get(&token.text) {
            return Some(head);
        }
        let length = token.text.len();
        let is_ordinary = words::meanings(&token.raw).next().is_some()
            || OTHERS.contains(&token.text.as_str())
            || self.first_words.contains(&token.text)
            || KINDS.contains(&token.text.as_str());
        if !(4..=16).contains(&length) || is_ordinary {
            return None;
        }
        let most = if length < 7 { 1 } else { 2 };
        let near = self.heads.iter().filter(|head| head.len() > 3);
        let near = near.filter(|head| head.as_bytes()[0] == token.text.as_bytes()[0]);
        let near = near.filter_map(|head| Some((slips(&token.text, head, most)?, head)));
        near.min_by_key(|(slips, _)| *slips).map(|(_, head)| head.as_str())
    }

    /// The model that is named from the token `at` on.
    pub fn model_at(&self, tokens: &[Token], at: usize) -> Option<ModelMention> {
        let first = &tokens[at];
        // 70b llama.
        let sized =
            first.kind == Kind::Size && tokens.get(at + 1).is_none_or(|next| next.gap != ',');
        let start = if sized { at + 1 } else { at };
        let head = tokens.get(start).and_then(|token| self.head(token));
        let Some(head) = head else {
            return sized.then(|| self.models_of_size(tokens, at)).flatten();
        };
        let head = Token { text: head.to_owned(), kind: Kind::Word, ..tokens[start].clone() };
        let mut found = self.model_words.get(&head.text)?.clone();
        let needs_more = NEEDS_MORE.contains(&head.text.as_str());
        let mut used: Vec<Token> = vec![head];
        let mut missing = None;
        if sized {
            match self.narrowed(&found, &used, first) {
                Some((narrower, word)) => {
                    found = narrower;
                    used.push(word);
                }
                None => missing = Some(first.clone()),
            }
        }
        let mut next = start + 1;
        while let Some(token) = tokens.get(next) {
            let length = tokens.get(next + 1).filter(|k| k.is_glued && k.is("k"));
            if let Some(all) =
                length.and_then(|_| self.model_words.get(&format!("{}k", token.text)))
            {
                // Phi-3-mini-128k.
                let both: Vec<usize> =
                    found.iter().copied().filter(|at| all.binary_search(at).is_ok()).collect();
                if token.gap == '-' && !both.is_empty() {
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
            if let Some((narrower, word)) = self.narrowed(&found, &used, token) {
                found = narrower;
                used.push(word);
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
        if let Some(mention) = self.never_at(tokens, at, start, next) {
            return Some(mention);
        }
        if needs_more && used.len() < 2 && missing.is_none() {
            return None;
        }
        let tokens = at..next;
        if let Some(missing) = missing {
            let note = format!("no such size: {}", missing.text);
            return Some(ModelMention {
                tokens,
                options: self.nearest_sizes(found, &used, &missing),
                note: Some(note),
            });
        }
        Some(ModelMention { tokens, options: self.chosen(found, &used), note: None })
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
        match token.kind {
            Kind::Quant => None,
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
            Kind::Size if has_size => None,
            Kind::Size => with(&token.text).or_else(|| {
                let wanted = billions(&token.text)?;
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
                (!near.is_empty()).then(|| (near, token.clone()))
            }),
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
        let never = &Catalog::bundled().never_released[never];
        let nearest = never.nearest.iter().filter_map(|id| Catalog::bundled().model(id));
        let mut options: Vec<&'static str> = nearest.map(|model| model.id.as_str()).collect();
        // Of several sizes the one that was asked for first.
        let size = lexer::of_name(&never.name).into_iter().find(|word| word.kind == Kind::Size);
        if let Some(size) = size {
            let has = |id: &str| lexer::of_name(id).iter().any(|word| word.text == size.text);
            sort::by_key(&mut options, |id| !has(id));
        }
        options.truncate(OPTIONS);
        let note = format!("{} was never released: {}", never.name, never.why);
        Some(ModelMention { tokens: at..next, options, note: Some(note) })
    }

    /// All models of a size: 72b, or 30b-a3b.
    fn models_of_size(&self, tokens: &[Token], at: usize) -> Option<ModelMention> {
        let mut found = self.model_words.get(&tokens[at].text)?.clone();
        let mut used = vec![tokens[at].clone()];
        let mut end = at + 1;
        while let Some(token) = tokens
            .get(end)
            .filter(|token| token.kind == Kind::Active || KINDS.contains(&token.text.as_str()))
        {
            let Some((narrower, word)) = self.narrowed(&found, &used, token) else { break };
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
        (!options.is_empty()).then_some(ModelMention { tokens: at..end, options, note: None })
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
        found.retain(|at| Some(self.cost(*at, used)) == least);
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
        let (of_version, mut others): (Vec<usize>, Vec<usize>) =
            found.iter().partition(|at| version(**at) == version(best));
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
            sort::by_key(&mut options, larger);
            sort::by_key(&mut others, |at| newest(at));
            options.append(&mut others);
            options.truncate(OPTIONS);
        }
        options.iter().map(id).collect()
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

    /// The device that is named from the token `at` on; `memory` is a size named before it.
    pub fn device_at(
        &self,
        tokens: &[Token],
        at: usize,
        memory: Option<f64>,
    ) -> Option<DeviceMention> {
        let mut start = at;
        while tokens.get(start).is_some_and(is_brand) {
            start += 1;
        }
        let first = tokens.get(start)?;
        let is_start = match first.kind {
            Kind::Word => self.first_words.contains(&first.text),
            Kind::Number => first.text.len() > 3 || self.first_words.contains(&first.text),
            Kind::Code | Kind::Size => true,
            _ => false,
        };
        if !is_start {
            return None;
        }
        let mut found = self.device_words.get(&first.text)?.clone();
        let mut used = vec![first.text.clone()];
        let mut memory_gb =
            memory.filter(|gb| found.iter().any(|at| has_memory(self.devices[*at].device, *gb)));
        let mut end = start + 1;
        while let Some(token) = tokens.get(end) {
            // Ryzen AI Max+ 395.
            let is_plus = token.gap == '+' && tokens[end - 1].is("max");
            if matches!(token.gap, ',' | ';' | '+' | '\n' | '&') && !is_plus {
                break;
            }
            // 5060 Ti with 16 GB.
            let is_with = matches!(token.raw.as_str(), "with" | "w" | "по" | "с" | "на" | "each");
            let with_gb = is_memory(tokens, end + 1).filter(|gb| {
                is_with && found.iter().any(|at| has_memory(self.devices[*at].device, *gb))
            });
            if with_gb.is_some() {
                end += 1;
            }
            if let Some(gb) = with_gb.or_else(|| is_memory(tokens, end)) {
                let with = |at: &usize| has_memory(self.devices[*at].device, gb);
                let is_ram = tokens.get(end + 2).is_some_and(|next| {
                    means(&next.raw, Meaning::Ram)
                        && self.devices[found[0]].device.kind == DeviceKind::Discrete
                });
                if memory_gb.is_some() || is_ram || !found.iter().any(with) {
                    break;
                }
                found.retain(with);
                memory_gb = Some(gb);
                end += 2;
                continue;
            }
            let is_number = matches!(token.kind, Kind::Number | Kind::Size);
            // Memory that is a bare number belongs to chips that are sold with several.
            let with = |at: &usize| {
                let device = self.devices[*at].device;
                device.kind == DeviceKind::Unified
                    && device.memory_options_gb.len() + usize::from(device.vendor == "Apple") > 0
                    && token.number().is_some_and(|gb| has_memory(device, gb))
            };
            if memory_gb.is_none()
                && token.gap == ' '
                && found.iter().any(with)
                && !super::grammar::has_unit(tokens, end)
            {
                found.retain(with);
                memory_gb = token.number();
                end += 1;
                continue;
            }
            if is_brand(token) || is_memory_type(token) && memory_gb.is_some() {
                end += 1;
                // HBM3
                let digits =
                    tokens.get(end).filter(|next| next.is_glued && next.kind == Kind::Number);
                end += usize::from(digits.is_some() && is_memory_type(token));
                continue;
            }
            let ends = is_number && super::grammar::has_unit(tokens, end) && !token.is_glued;
            let all = self.device_words.get(&token.text).filter(|_| !ends);
            let both = all.map(|all| {
                found.iter().copied().filter(|at| all.binary_search(at).is_ok()).collect::<Vec<_>>()
            });
            match both.filter(|both| !both.is_empty()) {
                Some(both) => found = both,
                // 30-core GPU.
                None if means(&token.raw, Meaning::Cores)
                    && used.last().is_some_and(|n| n.len() == 2) => {}
                None => break,
            }
            used.push(token.text.clone());
            end += 1;
        }
        while end > start + 1
            && is_brand(&tokens[end - 1])
            && !tokens[end - 1].is("gpu")
            && !tokens[end - 1].is("graphics")
        {
            end -= 1;
        }
        if let Some(gb) = memory_gb {
            found.retain(|at| has_memory(self.devices[*at].device, gb));
        }
        self.chosen_devices(found, &used, memory_gb, at..end)
    }

    fn chosen_devices(
        &self,
        mut found: Vec<usize>,
        used: &[String],
        memory_gb: Option<f64>,
        tokens: std::ops::Range<usize>,
    ) -> Option<DeviceMention> {
        let told = telling(used);
        let is_named = |at: &usize| !told.is_empty() && self.devices[*at].names.contains(&told);
        let is_cpu = |at: &usize| self.devices[*at].device.kind == DeviceKind::Cpu;
        // A series of processors or cards is no device: what tells one from the others was named.
        let tells = |word: &String| {
            let digits = word.bytes().filter(u8::is_ascii_digit).count();
            let is_series = matches!(word.as_str(), "i3" | "i5" | "i7" | "i9");
            digits > 2 || digits > 0 && digits < word.len() && !is_series
        };
        let long = |word: &&String| word.bytes().filter(u8::is_ascii_digit).count() > 2;
        let is_word = |word: &String| {
            !word.bytes().any(|b| b.is_ascii_digit())
                && !OPTIONAL.contains(&word.as_str())
                && word.len() > 2
        };
        found.retain(|at| {
            let words = &self.devices[*at].words;
            let is_told = match is_cpu(at) {
                true => {
                    words.iter().filter(long).all(|word| used.contains(word))
                        && used.iter().any(|word| is_word(word) || long(&word))
                }
                false => {
                    used.iter().any(tells) || used.iter().filter(|word| is_word(word)).count() > 1
                }
            };
            is_told || is_named(at)
        });
        let cost = |at: &usize| -> u32 {
            let name = &self.devices[*at];
            let unused = name.words.iter().filter(|word| !used.contains(word));
            unused
                .map(|word| match word.as_str() {
                    word if OPTIONAL.contains(&word) => 0,
                    "mod" | "unlocked" => 3,
                    word if OTHER.contains(&word) => 2,
                    word if word.bytes().all(|b| b.is_ascii_digit()) && word.len() < 3 => 0,
                    _ => 1,
                })
                .sum::<u32>()
                + u32::from(
                    name.device.flags.iter().any(|flag| flag.contains("mod"))
                        && name.device.name.contains("mod"),
                )
        };
        let least = found
            .iter()
            .filter(|at| {
                memory_gb.is_some() || !self.devices[**at].device.name.contains("unlocked")
            })
            .map(cost)
            .min()?;
        found.retain(|at| cost(at) == least);
        // A bare number is a whole name.
        let is_bare = used.len() == 1 && used[0].bytes().all(|b| b.is_ascii_digit());
        if is_bare && memory_gb.is_none() && (least > 0 || found.iter().all(is_cpu)) {
            return None;
        }
        let joined = used.join("-");
        let is_id = |device: &Device| {
            let prefix = device.id.strip_suffix(&joined).map(|prefix| prefix.trim_end_matches('-'));
            prefix.is_some_and(|prefix| prefix.is_empty() || OPTIONAL.contains(&prefix))
        };
        let usual = found.iter().position(|at| {
            let device = self.devices[*at].device;
            is_id(device)
                || device.aliases.iter().any(|alias| {
                    let has_memory = alias.contains("GB") == memory_gb.is_some()
                        || device.kind == DeviceKind::Unified;
                    let words = device_tokens(alias);
                    let is_whole = words.iter().all(|word| {
                        used.contains(word) || matches!(word.as_str(), "rtx" | "gtx" | "rx" | "arc")
                    });
                    has_memory && is_whole && telling(&words) == told
                })
        });
        if let Some(usual) = usual {
            let first = found.remove(usual);
            let device = self.devices[first].device;
            // Apple's chips of one name are sold with different memory.
            if device.kind == DeviceKind::Unified && device.vendor != "Apple" {
                found.clear();
            }
            found.insert(0, first);
        }
        let options: Vec<&'static Device> =
            found.iter().map(|at| self.devices[*at].device).take(OPTIONS + 2).collect();
        let is_near = usual.is_none()
            && found.first().is_some_and(|at| {
                let mut words = self.devices[*at].words.iter();
                words.any(|word| OTHER.contains(&word.as_str()) && !used.contains(word))
            });
        let has_usual = usual.is_some() || options.len() == 1 && !is_near;
        (!options.is_empty()).then_some(DeviceMention { tokens, options, has_usual, memory_gb })
    }

    /// The devices that a closure selects, in the order of the catalogue.
    pub fn devices(&self, is_wanted: impl Fn(&Device) -> bool) -> Vec<&'static Device> {
        self.devices.iter().map(|name| name.device).filter(|device| is_wanted(device)).collect()
    }
}

impl ModelName {
    fn of(model: &'static Model) -> ModelName {
        let name = model.hf_id.rsplit('/').next().unwrap_or(&model.hf_id);
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

impl DeviceName {
    fn of(device: &'static Device) -> DeviceName {
        let texts = [&device.id, &device.name].into_iter().chain(&device.aliases);
        let names = texts.map(|text| telling(&device_tokens(text))).collect();
        DeviceName { device, words: device_tokens(&device.id), names }
    }
}

/// A number that belongs to what follows it, or a word that begins something else.
fn ends_a_name(tokens: &[Token], at: usize) -> bool {
    let token = &tokens[at];
    match token.kind {
        Kind::Number => super::grammar::has_unit(tokens, at),
        Kind::Size => token.text.ends_with('m') && super::grammar::has_unit(tokens, at),
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
        Some((many, each)) => many.parse::<f64>().ok()? * each.parse::<f64>().ok()?,
        None => digits.parse().ok()?,
    };
    (number > 0.0).then_some(number * scale)
}

/// The slips between two words, if they are no more than `most`: letters left out, put in, taken for
/// others or exchanged with their neighbour.
pub fn slips(a: &str, b: &str, most: usize) -> Option<usize> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > most || b.len() > 32 || a.len() > 32 {
        return None;
    }
    let (mut before, mut last) = ([0; 33], [0; 33]);
    for (j, cell) in last.iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        let mut row = [0; 33];
        row[0] = i;
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        (before, last) = (last, row);
    }
    Some(last[b.len()]).filter(|slips| *slips <= most)
}
