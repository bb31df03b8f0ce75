//! Reads tokens from left to right: quantities with their units, names, and what is being asked.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use super::command::{self, Command};
use super::lexer::{self, Kind, Token};
use super::names::{DeviceMention, Entry, FREE, ModelMention, NAMES, OPTIONS};
use super::words::{Meaning, meanings, means};
use super::{Asked, Choice, Understood};
use crate::catalog::{Device, DeviceKind};
use crate::quant::{Format, Quant};
use crate::scenario::{DeviceCount, Engine, Machine, SETTINGS, Scenario, setting};
use crate::sort;

/// Names of engines and their programs, as tokens.
const ENGINES: &[(&str, Engine)] = &[
    ("llama cpp", Engine::LlamaCpp),
    ("llama server", Engine::LlamaCpp),
    ("llama cli", Engine::LlamaCpp),
    ("llama bench", Engine::LlamaCpp),
    ("llamacpp", Engine::LlamaCpp),
    ("lcpp", Engine::LlamaCpp),
    ("ggml org llama cpp", Engine::LlamaCpp),
    ("ollama", Engine::Ollama),
    ("lm studio", Engine::LmStudio),
    ("lmstudio", Engine::LmStudio),
    ("lms load", Engine::LmStudio),
    ("koboldcpp", Engine::KoboldCpp),
    ("kobold cpp", Engine::KoboldCpp),
    ("kobold", Engine::KoboldCpp),
    ("vllm serve", Engine::Vllm),
    ("vllm vllm openai", Engine::Vllm),
    ("vllm entrypoints openai api server", Engine::Vllm),
    ("vllm", Engine::Vllm),
    ("sglang launch server", Engine::Sglang),
    ("sglang serve", Engine::Sglang),
    ("sglang", Engine::Sglang),
    ("tensorrt llm", Engine::TensorRtLlm),
    ("trt llm", Engine::TensorRtLlm),
    ("trtllm serve", Engine::TensorRtLlm),
    ("trtllm", Engine::TensorRtLlm),
    ("tensorrt", Engine::TensorRtLlm),
    ("mlx lm server", Engine::Mlx),
    ("mlx lm generate", Engine::Mlx),
    ("mlx lm chat", Engine::Mlx),
    ("mlx lm", Engine::Mlx),
    ("mlx", Engine::Mlx),
    ("transformers", Engine::Transformers),
    ("exllamav 3", Engine::ExLlamaV3),
    ("exllama 3", Engine::ExLlamaV3),
    ("exllama", Engine::ExLlamaV3),
    ("exl 3", Engine::ExLlamaV3),
    ("tabbyapi", Engine::ExLlamaV3),
];

/// Shorthands of quantisations, without what stands between their parts.
const SHORTHANDS: &[(&str, &str)] = &[
    ("q2", "Q2_K"),
    ("q3", "Q3_K_M"),
    ("q3k", "Q3_K_M"),
    ("q4", "Q4_K_M"),
    ("q4k", "Q4_K_M"),
    ("q4km", "Q4_K_M"),
    ("q5", "Q5_K_M"),
    ("q5k", "Q5_K_M"),
    ("q6", "Q6_K"),
    ("q8", "Q8_0"),
    ("q8k", "Q8_0"),
    ("q80", "Q8_0"),
    ("iq1", "IQ1_M"),
    ("iq2", "IQ2_M"),
    ("iq3", "IQ3_M"),
    ("iq4", "IQ4_XS"),
    ("udq2", "UD-Q2_K_XL"),
    ("udq3", "UD-Q3_K_XL"),
    ("udq4", "UD-Q4_K_XL"),
    ("udq5", "UD-Q5_K_XL"),
    ("udq6", "UD-Q6_K_XL"),
    ("fp16", "F16"),
    ("float16", "F16"),
    ("bfloat16", "BF16"),
    ("fp8e4m3", "FP8"),
    ("fp8dynamic", "FP8"),
    ("float8", "FP8"),
    ("w8a8", "INT8"),
    ("fp4", "NVFP4"),
    ("int4", "W4A16"),
    ("nvfp4a16", "NVFP4"),
    ("mxfp4moe", "MXFP4_MOE"),
    ("awqint4", "AWQ"),
    ("awq4bit", "AWQ"),
    ("gptqint4", "GPTQ"),
    ("gptq4bit", "GPTQ"),
    ("bnb4bit", "NF4"),
    ("bnbnf4", "NF4"),
    ("bnb8bit", "BNB-INT8"),
    ("bitsandbytes", "NF4"),
];

/// Numbers that are lengths of context without a word that says so, beside multiples of 1024.
const ROUND: &[f64] = &[8e3, 1e4, 16e3, 2e4, 32e3, 64e3, 1e5, 128e3, 2e5, 256e3];

/// Beyond it a `k` is a letter of a name: i9-13900K.
const MOST_THOUSANDS: f64 = 10_240.0;

/// Numbers that are written as words.
const COUNTS: &[(&str, f64)] = &[
    ("one", 1.0),
    ("single", 1.0),
    ("two", 2.0),
    ("dual", 2.0),
    ("double", 2.0),
    ("twin", 2.0),
    ("pair", 2.0),
    ("couple", 2.0),
    ("three", 3.0),
    ("triple", 3.0),
    ("four", 4.0),
    ("quad", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("eight", 8.0),
    ("ten", 10.0),
    ("один", 1.0),
    ("одна", 1.0),
    ("одной", 1.0),
    ("одну", 1.0),
    ("одном", 1.0),
    ("два", 2.0),
    ("две", 2.0),
    ("двух", 2.0),
    ("двумя", 2.0),
    ("двe", 2.0),
    ("пара", 2.0),
    ("пару", 2.0),
    ("паре", 2.0),
    ("двойке", 2.0),
    ("три", 3.0),
    ("трех", 3.0),
    ("трёх", 3.0),
    ("тремя", 3.0),
    ("четыре", 4.0),
    ("четырех", 4.0),
    ("четырёх", 4.0),
    ("пять", 5.0),
    ("шесть", 6.0),
    ("шести", 6.0),
    ("восемь", 8.0),
    ("восьми", 8.0),
    ("десять", 10.0),
    ("десяти", 10.0),
    ("двадцать", 20.0),
    ("сто", 100.0),
];

/// Quantisations by their names without what stands between the parts.
static QUANTS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let plain = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    for quant in Quant::all() {
        map.entry(plain(&quant.to_string())).or_insert_with(|| quant.to_string());
    }
    for (short, name) in SHORTHANDS {
        map.insert((*short).to_owned(), (*name).to_owned());
    }
    map
});

/// The number at `at` is of what follows: `4 users`, `24 gb`, `2x`.
pub fn has_unit(tokens: &[Token], at: usize) -> bool {
    let Some(next) = tokens.get(at + 1) else { return false };
    let is_near = next.is_glued || matches!(next.gap, ' ' | '-' | '*' | '\u{a0}');
    if !is_near || next.kind != Kind::Word {
        return false;
    }
    if tokens[at].kind == Kind::Size {
        return means(&next.raw, Meaning::Context) || means(&next.raw, Meaning::Tokens);
    }
    use Meaning::{
        Bits, Card, Context, Cores, Gigabytes, Layers, Millisecond, Rate, Second, Terabytes,
        Thousand, Tokens, Users,
    };
    let value = tokens[at].number().unwrap_or(0.0);
    // 2x 4090, but 7950X, and 3090 x2.
    let is_times = next.is("x") && value <= 128.0;
    is_times && (next.is_glued || !tokens.get(at + 2).is_some_and(|after| after.is_glued))
        || means(&next.raw, Thousand)
            && value <= MOST_THOUSANDS
            && (next.is_glued || next.raw.chars().count() > 1)
        || [Bits, Card, Cores, Gigabytes, Layers, Rate, Terabytes, Tokens, Users, Millisecond]
            .iter()
            .any(|unit| {
                // 5700G is a name.
                let is_name = *unit == Gigabytes && value >= 5000.0;
                means(&next.raw, *unit)
                    && !is_name
                    && (next.raw.chars().count() > 1 || next.is_glued)
            })
        || means(&next.raw, Second) && next.raw.chars().count() > 2
        || means(&next.raw, Context) && next.raw != "window"
}

/// Memory of which it is not said what it is of.
struct PendingMemory {
    text: Range<usize>,
    gb: f64,
    count: u32,
}

/// A device with its place among the others.
struct Part {
    text: Range<usize>,
    count: u32,
    mention: DeviceMention,
    /// It is an alternative to the one before it.
    is_alternative: bool,
}

struct Reading<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    is_read: Vec<bool>,
    understood: Vec<(Range<usize>, &'static str, String)>,
    choices: Vec<(Range<usize>, Choice)>,
    models: Vec<(Range<usize>, ModelMention, bool)>,
    parts: Vec<Part>,
    vram: Vec<PendingMemory>,
    memory: Vec<PendingMemory>,
    bits: Vec<(Range<usize>, f64)>,
    cards: Option<(Range<usize>, u32)>,
    macs: Vec<(Range<usize>, Vec<String>)>,
    is_cpu_only: Option<Range<usize>>,
}

/// Reads a text.
pub fn read(text: &str) -> Asked {
    let command = command::read(text);
    let mut blanked = text.as_bytes().to_vec();
    for span in &command.consumed {
        blanked[span.clone()].fill(b' ');
    }
    blank_drivers(&mut blanked);
    let blanked = String::from_utf8(blanked).unwrap_or_default();
    let tokens = with_quants(lexer::split(&blanked));
    let is_read = vec![false; tokens.len()];
    let mut reading = Reading {
        text,
        tokens,
        at: 0,
        is_read,
        understood: Vec::new(),
        choices: Vec::new(),
        models: Vec::new(),
        parts: Vec::new(),
        vram: Vec::new(),
        memory: Vec::new(),
        bits: Vec::new(),
        cards: None,
        macs: Vec::new(),
        is_cpu_only: None,
    };
    while reading.at < reading.tokens.len() {
        reading.step();
    }
    reading.finish(&command)
}

/// Blanks what drivers print beside a device's name: 0x00002503, Direct3D11, `vs_5_0`.
fn blank_drivers(text: &mut [u8]) {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let mut at = 0;
    while at < text.len() {
        let length = text[at..].iter().take_while(|b| is_part(b)).count();
        let word = text[at..at + length].to_ascii_lowercase();
        let starts = |start: &[u8]| word.starts_with(start);
        let is_number = starts(b"0x") && length > 5 && word[2..].iter().all(u8::is_ascii_hexdigit);
        if is_number || [&b"direct3d"[..], b"d3d", b"vs_", b"ps_"].into_iter().any(starts) {
            text[at..at + length].fill(b' ');
        }
        at += length.max(1);
    }
}

/// The tokens of a text, quantisations among them.
fn with_quants(parts: Vec<Token>) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(parts.len());
    let (mut plain, mut at) = (Vec::new(), 0);
    while at < parts.len() {
        match quant_at(&parts, at) {
            Some((name, length)) => {
                tokens.append(&mut lexer::join(std::mem::take(&mut plain)));
                let mut token = parts[at].clone();
                token.end = parts[at + length - 1].end;
                token.text = name;
                token.kind = Kind::Quant;
                tokens.push(token);
                at += length;
            }
            None => {
                plain.push(parts[at].clone());
                at += 1;
            }
        }
    }
    tokens.append(&mut lexer::join(plain));
    tokens
}

fn quant_at(parts: &[Token], at: usize) -> Option<(String, usize)> {
    let first = &parts[at];
    if first.kind != Kind::Word || first.is_glued && first.text != "q" {
        return None;
    }
    let mut key = String::new();
    let mut found = None;
    for (n, part) in parts[at..].iter().take(8).enumerate() {
        if n > 0 && !part.is_glued && !matches!(part.gap, '_' | '-' | '.' | ' ') {
            break;
        }
        // Behind a space only what completes a mix: q4 k m.
        let is_apart = n > 0 && !part.is_glued && part.gap == ' ';
        let completes = matches!(
            part.text.as_str(),
            "k" | "m" | "s" | "l" | "xs" | "xxs" | "nl" | "xl" | "bpw" | "bit"
        ) || part.kind == Kind::Number
            && matches!(key.as_str(), "q" | "iq" | "fp" | "bf" | "nf" | "int")
            || part.kind == Kind::Number
                && part.text.len() == 1
                && key.len() == 2
                && key.starts_with('q')
                && matches!(part.text.as_str(), "0" | "1");
        if is_apart && !completes {
            break;
        }
        key.extend(part.text.chars().filter(char::is_ascii_alphanumeric));
        if let Some(name) = QUANTS.get(&key) {
            let next = parts.get(at + n + 1);
            // A word that goes on is another word.
            let goes_on = next.is_some_and(|next| next.is_glued && next.kind == Kind::Number);
            if !goes_on {
                found = Some((name.clone(), n + 1));
            }
        }
    }
    found.filter(|(_, length)| {
        let is_word = *length == 1 && first.kind == Kind::Word;
        !is_word || matches!(first.text.as_str(), "awq" | "gptq" | "bitsandbytes")
    })
}

fn joined(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    a.start.min(b.start)..a.end.max(b.end)
}

impl Reading<'_> {
    fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at)
    }

    fn means(&self, at: usize, meaning: Meaning) -> bool {
        self.token(at).is_some_and(|token| token.kind == Kind::Word && means(&token.raw, meaning))
    }

    fn span(&self, tokens: Range<usize>) -> Range<usize> {
        let end = tokens.end.max(tokens.start + 1) - 1;
        self.tokens[tokens.start].start..self.tokens[end].end
    }

    /// Takes the tokens up to `end` as read.
    fn take(&mut self, end: usize) -> Range<usize> {
        let span = self.span(self.at..end);
        self.is_read[self.at..end].fill(true);
        self.at = end;
        span
    }

    fn set(&mut self, end: usize, key: &'static str, value: String) {
        let span = self.take(end);
        self.understood.push((span, key, value));
    }

    fn step(&mut self) {
        // mlx-community names an engine, lmstudio-community does not.
        let is_owner = self.is_owner(self.at) && !self.tokens[self.at].is("mlx");
        let read = self.id()
            || !is_owner && self.engine()
            || self.cache()
            || self.switches()
            || self.keyed()
            || self.counted_device()
            || self.quantity()
            || self.mac()
            || self.quant()
            || self.name();
        if !read {
            self.at += 1;
        }
    }

    /// An id of the catalogue or of Hugging Face, written in full.
    fn id(&mut self) -> bool {
        let start = self.tokens[self.at].start;
        let is_inside =
            self.text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '.');
        if is_inside {
            return false;
        }
        let rest = &self.text[start..];
        let ends = |c: char| {
            c.is_whitespace()
                || matches!(c, ',' | ';' | '?' | '!' | ')' | '"' | '\'' | '*' | '@' | '+' | ':')
        };
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        // Of an address the owner and the name.
        let mut slashes = word.match_indices('/').map(|(at, _)| at);
        let (name, owned) =
            (slashes.next().unwrap_or(word.len()), slashes.next().unwrap_or(word.len()));
        let whole = [owned, name].into_iter().find_map(|end| {
            let id = word[..end].trim_end_matches('.');
            Some((NAMES.entry(id)?, start + id.len()))
        });
        let Some((entry, end)) = whole else { return false };
        let length = self.tokens[self.at..].iter().take_while(|token| token.end <= end).count();
        let tokens = self.at..self.at + length.max(1);
        // deepseek-r1:671b, H20 96GB: the name goes on.
        let goes_on = |longer: Option<usize>| longer.is_some_and(|end| end > tokens.end);
        let is_longer = match entry {
            Entry::Model(_) => {
                goes_on(NAMES.model_at(&self.tokens, self.at).map(|model| model.tokens.end))
            }
            Entry::Device(_) => goes_on(self.device(self.at, None).map(|device| device.tokens.end)),
        };
        if is_longer {
            return false;
        }
        match entry {
            Entry::Model(model) => {
                self.model(ModelMention { tokens, options: vec![&model.id], note: None })
            }
            Entry::Device(device) => {
                // apple-m3-max-40c@64, as links write it.
                let memory = self.token(tokens.end).filter(|token| token.gap == '@');
                let memory_gb = memory.and_then(Token::number);
                let tokens = tokens.start..tokens.end + usize::from(memory_gb.is_some());
                let mention =
                    DeviceMention { tokens, options: vec![device], has_usual: true, memory_gb };
                self.part(mention, 1);
            }
        }
        true
    }

    fn engine(&mut self) -> bool {
        let is_at = |name: &str| {
            let mut at = self.at;
            for word in name.split(' ') {
                if self.token(at).is_none_or(|token| token.text != word) {
                    return None;
                }
                at += 1;
            }
            Some(at)
        };
        let found = ENGINES.iter().filter_map(|(name, engine)| Some((is_at(name)?, *engine)));
        match found.max_by_key(|(end, _)| *end) {
            Some((end, engine)) => {
                self.set(end, "engine", engine.name().to_owned());
                true
            }
            None => false,
        }
    }

    /// A whole or broken number, with `k` or `m` behind it, and the token after it.
    fn amount(&self, at: usize) -> Option<(f64, bool, usize)> {
        let token = self.token(at)?;
        if token.kind == Kind::Size && token.text.ends_with('m') {
            return Some((
                token.text.trim_end_matches('m').parse::<f64>().ok()? * 1_048_576.0,
                true,
                at + 1,
            ));
        }
        let number = token.number()?;
        if self.means(at + 1, Meaning::Thousand) && self.is_unit(at + 1) && number <= MOST_THOUSANDS
        {
            // 32 000 by words is what it says; 32k is 32,768.
            let scale = if self.tokens[at + 1].raw.chars().count() > 1 { 1000.0 } else { 1024.0 };
            return Some((number * scale, true, at + 2));
        }
        let million = self.means(at + 1, Meaning::Million) && self.is_unit(at + 1);
        let then = self.means(at + 2, Meaning::Context) || self.means(at + 2, Meaning::Tokens);
        if million && then {
            return Some((number * 1_048_576.0, true, at + 2));
        }
        Some((number, false, at + 1))
    }

    fn is_unit(&self, at: usize) -> bool {
        self.token(at).is_some_and(|token| {
            let one_letter = token.raw.chars().count() < 2;
            token.is_glued
                || !one_letter && matches!(token.gap, ' ' | '-' | '\u{a0}')
                || matches!(token.gap, ' ' | '\u{a0}')
                    && matches!(token.raw.as_str(), "k" | "к" | "т" | "t" | "г" | "g")
        })
    }

    /// Tokens a second: the end of the words that say so.
    fn rate(&self, at: usize) -> Option<usize> {
        if self.means(at, Meaning::Rate) {
            return Some(at + 1);
        }
        let is_tokens = self.means(at, Meaning::Tokens);
        let by = at + 1;
        if is_tokens && self.means(by, Meaning::Second) && self.tokens[by].gap == '/' {
            return Some(by + 1);
        }
        let per = self.means(by, Meaning::Per) && self.means(by + 1, Meaning::Second);
        (is_tokens && per).then_some(by + 2)
    }

    fn skip(&self, mut at: usize, words: &[&str]) -> usize {
        while self.token(at).is_some_and(|token| words.contains(&token.raw.as_str())) {
            at += 1;
        }
        at
    }

    /// A number with a unit behind it.
    fn quantity(&mut self) -> bool {
        let word = self.token(self.at).and_then(|token| {
            COUNTS
                .iter()
                .find(|(word, _)| *word == token.raw)
                .map(|(_, n)| (*n, false, self.at + 1))
        });
        let Some((value, is_scaled, next)) = self.amount(self.at).or(word) else { return false };
        let whole = (value.round() as u64).to_string();
        if let Some(end) = self.rate(next) {
            self.set(end, "min_tps", trimmed(value));
            return true;
        }
        let both =
            if is_scaled || value >= 1.0 { self.prompt_and_answer(value, next) } else { None };
        if let Some(end) = both {
            self.at = end;
            return true;
        }
        if self.means(next, Meaning::Users) && self.is_unit(next) {
            let mut end = next + 1;
            while self.means(end, Meaning::Users)
                || self.token(end).is_some_and(|t| t.is("at") || t.is("active"))
            {
                end += 1;
            }
            let value = if is_scaled { value / 1024.0 * 1000.0 } else { value };
            self.set(end, "users", (value.round() as u64).to_string());
            return true;
        }
        let is_device = !is_scaled && self.device(self.at, None).is_some();
        if self.means(next, Meaning::Context) && (is_scaled || value >= 256.0) && !is_device {
            let mut end = next + 1;
            while self
                .token(end)
                .is_some_and(|t| matches!(t.text.as_str(), "length" | "window" | "size"))
            {
                end += 1;
            }
            self.set(end, "ctx", whole);
            return true;
        }
        if self.means(next, Meaning::Tokens) && self.is_unit(next) && (is_scaled || value >= 64.0) {
            let mut end = next + 1;
            let of = self.skip(end, &["of"]);
            if self.means(of, Meaning::Context) {
                end = of + 1;
            } else if self.means(end, Meaning::Prompt) || self.means(end, Meaning::Output) {
                let key = if self.means(end, Meaning::Prompt) { "prompt" } else { "output" };
                self.set(end + 1, key, whole);
                return true;
            }
            self.set(end, "ctx", whole);
            return true;
        }
        for (unit, scale) in [(Meaning::Gigabytes, 1.0), (Meaning::Terabytes, 1024.0)] {
            if self.means(next, unit) && self.is_unit(next) && !is_scaled {
                return self.memory(value * scale, next + 1);
            }
        }
        if self.means(next, Meaning::Bits) && self.is_unit(next) && value <= 32.0 {
            let mut end = next + 1;
            if self.means(end, Meaning::Quant) {
                end += 1;
            }
            if self.means(end, Meaning::Cache) {
                let key = if value > 6.0 { "q8_0" } else { "q4_0" };
                self.set(end + 1, "kv", key.to_owned());
                return true;
            }
            let span = self.take(end);
            self.bits.push((span, value));
            return true;
        }
        if self.means(next, Meaning::Layers) {
            self.set(next + 1, "offload", format!("ngl:{whole}"));
            return true;
        }
        if self.means(next, Meaning::Millisecond) {
            self.set(next + 1, "tpot", format!("{}ms", trimmed(value)));
            return true;
        }
        if self.means(next, Meaning::Second)
            && self.token(next).is_some_and(|token| token.raw.chars().count() > 2 || token.is_glued)
        {
            self.set(next + 1, "ttft", format!("{}s", trimmed(value)));
            return true;
        }
        if self.means(next, Meaning::Card) && (1.0..=128.0).contains(&value) && !is_scaled {
            let span = self.take(next + 1);
            self.cards = Some((span, value as u32));
            return true;
        }
        let is_round = value >= 2048.0 && value % 1024.0 == 0.0 || ROUND.contains(&value);
        if word.is_none()
            && (is_scaled && value >= 512.0 || is_round && self.device(self.at, None).is_none())
        {
            self.set(next, "ctx", whole);
            return true;
        }
        false
    }

    /// 1024 + 512 tokens, 2k in 500 out: the end of what was read.
    fn prompt_and_answer(&mut self, value: f64, next: usize) -> Option<usize> {
        let side = |reading: &Self, at: usize| -> Option<(&'static str, usize)> {
            let token = reading.token(at)?;
            let at = if reading.means(at, Meaning::Tokens) { at + 1 } else { at };
            let at = reading.skip(at, &["of", "for", "the", "for", "на"]);
            let is_prompt = reading.means(at, Meaning::Prompt) && reading.token(at)?.raw != "в";
            if is_prompt {
                return Some(("prompt", at + 1));
            }
            reading.means(at, Meaning::Output).then_some(("output", at + 1))
        };
        if let Some((key, end)) = side(self, next) {
            // "in" is said of a place as well.
            let is_in = self.tokens[end - 1].is("in");
            let is_place = is_in && !self.text_has_output();
            if !is_place {
                let from = self.at;
                self.is_read[from..end].fill(true);
                let span = self.span(from..end);
                self.understood.push((span, key, (value.round() as u64).to_string()));
                return Some(end);
            }
        }
        let second = self.token(next)?;
        if !matches!(second.gap, '+' | '/') {
            return None;
        }
        let (answer, _, end) = self.amount(next)?;
        let is_tokens = self.means(end, Meaning::Tokens) && self.rate(end).is_none();
        if !is_tokens {
            return None;
        }
        let (first, last) = (self.span(self.at..next), self.span(next..end + 1));
        self.is_read[self.at..=end].fill(true);
        self.understood.push((first, "prompt", (value.round() as u64).to_string()));
        self.understood.push((last, "output", (answer.round() as u64).to_string()));
        Some(end + 1)
    }

    fn text_has_output(&self) -> bool {
        (0..self.tokens.len()).any(|at| self.means(at, Meaning::Output))
    }

    /// Memory of `gb`, whose words end at `end`.
    fn memory(&mut self, gb: f64, end: usize) -> bool {
        // 24gb 3090, 128gb M4 Max.
        let skipped = self.skip(end, &["vram", "of", "version", "gb"]);
        let before = self.device(skipped, Some(gb)).filter(|mention| mention.memory_gb.is_some());
        let then = if self.token(skipped).is_some_and(|t| matches!(t.gap, ',' | '+' | ';')) {
            None
        } else {
            before
        };
        if let Some(mention) = then {
            self.part(mention, 1);
            return true;
        }
        if let Some(mac) = self.mac_at(end, Some(gb)) {
            return self.take_mac(mac);
        }
        let (mut is_ram, mut is_vram) = (false, false);
        let mut stop = end;
        while let Some(token) = self.token(stop) {
            if token.kind != Kind::Word || token.gap == ',' || token.gap == '+' {
                break;
            }
            let next_is_ram =
                self.means(stop + 1, Meaning::Ram) || self.means(stop + 1, Meaning::Memory);
            if self.means(stop, Meaning::Ram) {
                is_ram = true;
                stop += 1;
                // DDR5-6000
                while self.token(stop).is_some_and(|next| {
                    next.kind == Kind::Number
                        && (next.is_glued
                            || next.gap == '-'
                            || next.text.len() == 4
                                && token.is("ddr")
                                && matches!(next.text.as_bytes()[0], b'2'..=b'8')
                                && next.gap == ' '
                                && next.text.ends_with("00"))
                }) {
                    stop += 1;
                }
                continue;
            }
            if self.means(stop, Meaning::Vram) || self.means(stop, Meaning::Card) && !is_ram {
                is_vram = true;
            } else if token.is("system")
                || (token.is("of") || self.means(stop, Meaning::Memory))
                    && (next_is_ram
                        || self.means(stop, Meaning::Memory)
                        || self.means(stop + 1, Meaning::Vram))
            {
                // Of memory.
            } else {
                break;
            }
            stop += 1;
        }
        // RAM 64 GB.
        let said = |meaning| {
            self.at.checked_sub(1).is_some_and(|before| {
                self.means(before, meaning) && !matches!(self.tokens[self.at].gap, ',' | '+' | ';')
            })
        };
        is_ram |= !is_vram && said(Meaning::Ram);
        is_vram |= !is_ram && said(Meaning::Vram);
        if is_ram {
            self.set(stop, "ram", format!("{}GiB", trimmed(gb)));
            return true;
        }
        let text = self.take(stop);
        let pending = PendingMemory { text, gb, count: 1 };
        if is_vram {
            self.vram.push(pending)
        } else {
            self.memory.push(pending)
        }
        true
    }

    /// The KV cache and its type, in either order.
    fn cache(&mut self) -> bool {
        let is_quant = |at: usize| self.token(at).is_some_and(|token| token.kind == Kind::Quant);
        let type_of = |at: usize| match self.token(at)?.text.as_str() {
            "FP8" | "FP8-block" => Some("fp8"),
            "F16" => Some("f16"),
            "BF16" => Some("bf16"),
            "Q8_0" | "INT8" => Some("q8_0"),
            "Q4_0" | "Q4_K_M" | "W4A16" => Some("q4_0"),
            "Q4_1" => Some("q4_1"),
            "Q5_0" | "Q5_K_M" => Some("q5_0"),
            "Q5_1" => Some("q5_1"),
            "IQ4_NL" => Some("iq4_nl"),
            _ => None,
        };
        let words = |mut at: usize| {
            let start = at;
            while self.means(at, Meaning::Cache) || at > start && self.means(at, Meaning::Quant) {
                at += 1;
            }
            (at > start).then_some(at)
        };
        let (value, end) = if is_quant(self.at) {
            match (type_of(self.at), words(self.at + 1)) {
                (Some(value), Some(end)) => (value, end),
                _ => return false,
            }
        } else {
            let Some(end) = words(self.at) else { return false };
            let end = self.skip(
                end,
                &["type", "dtype", "in", "at", "is", "to", "as", "with", "в", "на", "до", "тип"],
            );
            let bits = self
                .token(end)
                .and_then(Token::number)
                .filter(|_| self.means(end + 1, Meaning::Bits));
            match (type_of(end), bits) {
                (Some(value), _) if is_quant(end) => (value, end + 1),
                (_, Some(bits)) => (if bits > 6.0 { "q8_0" } else { "q4_0" }, end + 2),
                _ => return false,
            }
        };
        self.set(end, "kv", value.to_owned());
        true
    }

    /// Offloading, flash attention, a machine without a GPU.
    fn switches(&mut self) -> bool {
        let at = self.at;
        let without = self.means(at, Meaning::Without);
        if without
            && (self.means(at + 1, Meaning::Card)
                || self.token(at + 1).is_some_and(|t| t.is("discrete")))
        {
            let span = self.take(at + 2);
            self.is_cpu_only = Some(span);
            return true;
        }
        let only = |at: usize| {
            self.token(at)
                .is_some_and(|t| matches!(t.raw.as_str(), "only" | "только" | "inference"))
        };
        if self.means(at, Meaning::Cpu) && only(at + 1)
            || only(at) && self.means(self.skip(at + 1, &["on", "на", "the", "in"]), Meaning::Cpu)
        {
            let end = if self.means(at, Meaning::Cpu) {
                at + 2
            } else {
                self.skip(at + 1, &["on", "на", "the", "in"]) + 1
            };
            let span = self.take(end);
            self.is_cpu_only = Some(span);
            return true;
        }
        if without && self.means(at + 1, Meaning::Offload) {
            let mut end = at + 2;
            let to = self.skip(end, &["to", "в", "на", "into"]);
            if self.means(to, Meaning::Ram) || self.means(to, Meaning::Cpu) {
                end = to + 1;
            }
            self.set(end, "offload", "none".to_owned());
            return true;
        }
        let is_experts = self.means(at, Meaning::Experts)
            || self.means(at, Meaning::Offload) && self.means(at + 1, Meaning::Experts);
        if is_experts {
            let from = if self.means(at + 1, Meaning::Experts) { at + 2 } else { at + 1 };
            let to = self.skip(from, &["layers", "on", "in", "to", "into", "на", "в", "the"]);
            if self.means(to, Meaning::Ram) || self.means(to, Meaning::Cpu) {
                self.set(to + 1, "offload", "experts".to_owned());
                return true;
            }
        }
        if self.means(at, Meaning::Offload) {
            let to = self.skip(
                at + 1,
                &[
                    "some",
                    "to",
                    "part",
                    "into",
                    "system",
                    "the",
                    "в",
                    "на",
                    "части",
                    "часть",
                    "rest",
                    "it",
                ],
            );
            if self.means(to, Meaning::Ram) || self.means(to, Meaning::Cpu) {
                self.set(to + 1, "offload", "auto".to_owned());
                return true;
            }
        }
        let flash = self.token(at).is_some_and(|t| t.is("flash"))
            && self.token(at + 1).is_some_and(|t| t.is("attention") || t.is("attn"));
        if flash {
            let is_off = self.token(at + 2).is_some_and(|t| t.is("off"))
                || at > 0 && self.means(at - 1, Meaning::Without);
            let is_said = self.token(at + 2).is_some_and(|t| t.is("off") || t.is("on"));
            let end = at + 2 + usize::from(is_said);
            self.set(end, "fa", if is_off { "off" } else { "on" }.to_owned());
            return true;
        }
        false
    }

    /// A word and the number that it is of: context 32k, users: 10, RAM 64.
    fn keyed(&mut self) -> bool {
        // tp 4, ngl 99, as in flags.
        let flag = match self.tokens[self.at].text.as_str() {
            "tp" => Some("tp"),
            "pp" => Some("pp"),
            "dp" => Some("dp"),
            "ngl" => Some("offload"),
            "ubatch" => Some("ubatch"),
            _ => None,
        };
        let value = self.token(self.at + 1).and_then(Token::number).filter(|n| n.fract() == 0.0);
        if let (Some(key), Some(value)) = (flag, value) {
            let value = match key {
                "offload" if value >= 99.0 => "none".to_owned(),
                "offload" => format!("ngl:{value}"),
                _ => trimmed(value),
            };
            self.set(self.at + 2, key, value);
            return true;
        }
        let keys = [
            (Meaning::Context, "ctx"),
            (Meaning::Prompt, "prompt"),
            (Meaning::Output, "output"),
            (Meaning::Users, "users"),
            (Meaning::Ram, "ram"),
        ];
        let Some((meaning, key)) =
            keys.into_iter().find(|(meaning, _)| self.means(self.at, *meaning))
        else {
            return false;
        };
        if key == "prompt" && matches!(self.tokens[self.at].raw.as_str(), "in" | "пп")
            || key == "output" && self.tokens[self.at].is("out")
        {
            return false;
        }
        let fillers: &[&str] = &[
            "of",
            "is",
            "length",
            "size",
            "window",
            "at",
            "to",
            "up",
            "до",
            "в",
            "на",
            "for",
            "be",
            "around",
            "about",
            "=",
            "размер",
            "размером",
            "длиной",
            "окно",
            "токенов",
            "порядка",
            "около",
            "хотя",
            "бы",
            "set",
            "with",
            "maximum",
            "max",
            "len",
            "a",
        ];
        let number = self.skip(self.at + 1, fillers);
        let ddr = self.tokens[self.at].is("ddr");
        let number =
            if ddr && self.token(number).is_some_and(|t| t.is_glued) { number + 1 } else { number };
        let Some((value, is_scaled, mut end)) = self.amount(number) else { return false };
        if self.token(number).is_some_and(|t| matches!(t.gap, ',' | ';' | '+' | '?' | '\n')) {
            return false;
        }
        let is_gb = self.means(end, Meaning::Gigabytes) && self.is_unit(end);
        let is_of_next = has_unit(&self.tokens, number)
            && !(key == "ctx" && value >= 512.0 && self.means(end, Meaning::Users));
        let is_own = self.means(end, Meaning::Tokens) || key == "ram" && is_gb || is_scaled;
        let is_other = is_of_next && !is_own;
        if is_other || key != "ram" && is_gb || self.device(number, None).is_some() && !is_scaled {
            return false;
        }
        match (meaning, value) {
            (Meaning::Context, value) if value < 256.0 && !is_scaled => {
                // context 32 is 32k.
                if ![4.0, 8.0, 16.0, 32.0, 64.0, 128.0].contains(&value) {
                    return false;
                }
                self.set(end, "ctx", ((value * 1024.0) as u64).to_string());
                return true;
            }
            (Meaning::Ram, _) => {
                if is_gb {
                    end += 1;
                } else if ddr || is_scaled || value < 4.0 {
                    return false;
                }
                self.set(end, "ram", format!("{}GiB", trimmed(value)));
                return true;
            }
            (Meaning::Users, value) if value > 4096.0 || is_scaled => return false,
            _ => {}
        }
        if self.rate(end).is_some() {
            return false;
        }
        if self.means(end, Meaning::Tokens) {
            end += 1;
        }
        self.set(end, key, (value.round() as u64).to_string());
        true
    }

    fn device(&self, at: usize, memory: Option<f64>) -> Option<DeviceMention> {
        self.token(at)?;
        NAMES.device_at(&self.tokens, at, memory)
    }

    /// A number of devices: 2x4090, two 3090, 4 cards 3090, 8 x 24 GB.
    fn counted_device(&mut self) -> bool {
        let at = self.at;
        let token = &self.tokens[at];
        let word = COUNTS.iter().find(|(word, _)| *word == token.raw).map(|(_, n)| *n);
        let Some(count) = token.number().or(word) else { return false };
        // GX10 is a name.
        let is_glued = token.is_glued
            && at > 0
            && self.tokens[at - 1].kind == Kind::Word
            && !self.tokens[at - 1].is("x");
        if is_glued
            || !(1.0..=128.0).contains(&count)
            || count.fract() != 0.0
            || token.text.contains('.')
        {
            return false;
        }
        let mut next = at + 1;
        let is_times = |at: usize| self.token(at).is_some_and(|t| t.is("x") || t.text == "×");
        let mut is_told = word.is_some();
        while next < at + 5 {
            let gap = self.token(next).map_or(' ', |token| token.gap);
            let is_of = self.token(next).is_some_and(|t| {
                matches!(t.raw.as_str(), "of" | "шт" | "штуки" | "used" | "units" | "pcs" | "бу")
            });
            if is_times(next) || gap == '*' && next == at + 1 {
                is_told = true;
                next += usize::from(is_times(next));
                if gap == '*' && !is_times(next) {
                    break;
                }
            } else if self.means(next, Meaning::Card) || is_of && !self.means(at, Meaning::Per) {
                next += 1;
            } else {
                break;
            }
        }
        if self.token(next).is_none_or(|token| matches!(token.gap, ',' | ';' | '+')) {
            return false;
        }
        let count = count as u32;
        // 2 x 24 GB.
        let memory = self
            .token(next)
            .and_then(Token::number)
            .filter(|_| self.means(next + 1, Meaning::Gigabytes) && self.is_unit(next + 1));
        if let Some(gb) = memory {
            let after = self.skip(next + 2, &["vram"]);
            if let Some(mention) =
                self.device(after, Some(gb)).filter(|mention| mention.memory_gb.is_some())
            {
                self.part(mention, count);
                return true;
            }
            if !is_told {
                return false;
            }
            let mut end = next + 2;
            while self.means(end, Meaning::Vram) || self.means(end, Meaning::Card) {
                end += 1;
            }
            if self.means(end, Meaning::Ram) {
                self.set(end + 1, "ram", format!("{}GiB", trimmed(gb * f64::from(count))));
                return true;
            }
            let text = self.take(end);
            self.vram.push(PendingMemory { text, gb, count });
            return true;
        }
        if let Some(mention) = self.device(next, None) {
            self.part(mention, count);
            return true;
        }
        match self.mac_at(next, None) {
            Some((tokens, options)) => {
                let many = |option: &String| match count {
                    1 => option.clone(),
                    _ => format!("{option}*{count}"),
                };
                self.take_mac((tokens, options.iter().map(many).collect()))
            }
            None => false,
        }
    }

    /// Takes a device as a part of the machine.
    fn part(&mut self, mention: DeviceMention, count: u32) {
        let mut count = count;
        let mut end = mention.tokens.end;
        // 3090 x2, 3090*2, 3090 (2 pcs).
        let times = self.token(end).is_some_and(|token| token.is("x"));
        let number = self.token(end + usize::from(times)).and_then(Token::number);
        let number = number.filter(|n| n.fract() == 0.0 && (1.0..=128.0).contains(n));
        if let Some(number) = number {
            let at = end + usize::from(times);
            let is_pieces = self.token(at + 1).is_some_and(|next| {
                matches!(next.raw.as_str(), "шт" | "штуки" | "штук" | "pcs" | "units")
            });
            let then_device = times && !self.tokens[at].is_glued;
            if !then_device && (times || self.tokens[at].gap == '*' || is_pieces) {
                count = number as u32;
                end = at + 1 + usize::from(is_pieces);
            }
        }
        let between = self.parts.last().map(|part| part.text.end..self.tokens[self.at].start);
        let is_alternative = between.is_some_and(|between| {
            let has_or = self.tokens.iter().any(|token| {
                let is_or = token.kind == Kind::Word && means(&token.raw, Meaning::Or);
                let compares = token.raw.starts_with("compar") || token.raw.starts_with("сравн");
                is_or
                    && (between.contains(&token.start)
                        || compares && !self.text[between.clone()].contains('+'))
            });
            has_or || self.text.get(between).is_some_and(|text| text.contains(';'))
        });
        let text = self.take(end);
        self.parts.push(Part { text, count, mention, is_alternative });
    }

    fn quant(&mut self) -> bool {
        let token = &self.tokens[self.at];
        if token.kind == Kind::Quant {
            let value = token.text.clone();
            let mut end = self.at + 1;
            if self.means(end, Meaning::Quant) {
                end += 1;
            }
            self.set(end, "quant", value);
            return true;
        }
        let is = |at: usize, words: &[&str]| {
            self.token(at).is_some_and(|t| words.contains(&t.text.as_str()))
        };
        // Without quantisation, full precision.
        let is_plain = self.means(self.at, Meaning::Without)
            && self.means(self.at + 1, Meaning::Quant)
            || is(self.at, &["full"]) && is(self.at + 1, &["precision"]);
        let is_half = is(self.at, &["half"]) && is(self.at + 1, &["precision"]);
        if is_plain || is_half {
            self.set(self.at + 2, "quant", if is_half { "F16" } else { "BF16" }.to_owned());
            return true;
        }
        if is(self.at, &["unquantized", "unquantised"]) {
            self.set(self.at + 1, "quant", "BF16".to_owned());
            return true;
        }
        // 4 quant, quant 4.
        let bits = |at: usize| {
            self.token(at)
                .and_then(Token::number)
                .filter(|n| (1.0..=8.0).contains(n) && !has_unit(&self.tokens, at))
        };
        let number =
            |at: usize| self.token(at).and_then(Token::number).filter(|n| (1.0..=8.0).contains(n));
        let ordinal = self.skip(self.at + 1, &["й", "ый", "ом", "м", "ой"]);
        let read = match (self.means(self.at, Meaning::Quant), self.means(ordinal, Meaning::Quant))
        {
            (true, _) => bits(self.at + 1).map(|n| (n, self.at + 2)),
            (_, true) => number(self.at).map(|n| (n, ordinal + 1)),
            _ => None,
        };
        if let Some((bits, end)) = read {
            let span = self.take(end);
            self.bits.push((span, bits));
            return true;
        }
        false
    }

    /// The longest name of a model or a device.
    fn name(&mut self) -> bool {
        let at = self.at;
        if self.is_owner(at) {
            self.take(at + 1);
            return true;
        }
        let model = NAMES.model_at(&self.tokens, at);
        let device = self.device(at, None);
        let length = |tokens: &Range<usize>| tokens.end - tokens.start;
        let model = model.filter(|model| {
            device.as_ref().is_none_or(|device| length(&model.tokens) >= length(&device.tokens))
        });
        if let Some(mention) = model {
            self.model(mention);
            return true;
        }
        if let Some(mention) = device {
            self.part(mention, 1);
            return true;
        }
        false
    }

    /// Takes a model, or a draft model if it is called so.
    fn model(&mut self, mention: ModelMention) {
        let before = |n: usize| self.at.checked_sub(n);
        let is_draft = (1..=2).filter_map(before).any(|at| self.means(at, Meaning::Draft))
            || self.means(mention.tokens.end, Meaning::Draft);
        let text = self.take(mention.tokens.end);
        self.models.push((text, mention, is_draft));
    }

    /// A part of the owner's name in an address, such as `mlx-community/`.
    fn is_owner(&self, at: usize) -> bool {
        let token = &self.tokens[at];
        let rest = &self.text[token.end..];
        let is_part = |c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '.');
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let mut behind = rest[end..].chars();
        let has_name =
            behind.next() == Some('/') && behind.next().is_some_and(char::is_alphanumeric);
        token.kind == Kind::Word && has_name && !self.means(at, Meaning::Tokens)
    }

    /// Apple's products, which name a chip by what they are sold with.
    fn mac_at(&self, at: usize, memory: Option<f64>) -> Option<(Range<usize>, Vec<String>)> {
        let token = self.token(at)?;
        let product = |at: usize| self.token(at).map_or("", |token| token.text.as_str());
        let (tiers, mut end): (&[&str], usize) = match (token.text.as_str(), product(at + 1)) {
            ("mac", "studio") => (&["max", "ultra"], at + 2),
            ("mac", "mini") => (&["", "pro"], at + 2),
            ("mac", "pro") => (&["ultra"], at + 2),
            ("macstudio", _) => (&["max", "ultra"], at + 1),
            ("macmini", _) => (&["", "pro"], at + 1),
            ("macbook", "pro") => (&["", "pro", "max"], at + 2),
            ("macbookpro", _) => (&["", "pro", "max"], at + 1),
            ("macbook", "air") => (&[""], at + 2),
            ("macbook" | "mac" | "imac", _) => (&["", "pro", "max", "ultra"], at + 1),
            _ => return None,
        };
        let mut memory = memory;
        let (mut generation, mut tier) = (None, None);
        while let Some(token) = self.token(end) {
            if matches!(token.gap, '+' | ';') {
                break;
            }
            let is_chip = token.kind == Kind::Code && token.text.starts_with('m');
            let is_tier =
                matches!(token.text.as_str(), "pro" | "max" | "ultra") && generation.is_some();
            let number = token.number().filter(|n| (8.0..=512.0).contains(n) && memory.is_none());
            if is_chip && generation.is_none() {
                generation = Some(token.text.clone());
            } else if is_tier {
                tier = Some(token.text.clone());
            } else if number.is_some()
                && (!has_unit(&self.tokens, end) || self.means(end + 1, Meaning::Gigabytes))
            {
                memory = number;
                end += usize::from(self.means(end + 1, Meaning::Gigabytes));
            } else if !(matches!(
                token.raw.as_str(),
                "with" | "w" | "с" | "на" | "on" | "apple" | "of"
            ) && self.token(end + 1).is_some_and(|next| {
                next.number().is_some() || next.kind == Kind::Code && next.text.starts_with('m')
            })) && !(memory.is_some()
                && (self.means(end, Meaning::Ram) || self.means(end, Meaning::Memory)))
            {
                break;
            }
            end += 1;
        }
        let chip = |device: &Device| -> Option<(String, String)> {
            let rest = device.id.strip_prefix("apple-")?;
            let mut words = rest.split('-');
            let generation = words.next()?.to_owned();
            let tier = words.next().unwrap_or("").to_owned();
            Some((generation, tier))
        };
        let is_wanted = |device: &Device| {
            chip(device).is_some_and(|(of, has)| {
                let is_tier = match &tier {
                    Some(tier) => *tier == has,
                    None => tiers.contains(&has.as_str()),
                };
                let has_memory = memory.is_none_or(|gb| {
                    device.memory_options_gb.iter().any(|option| (option - gb).abs() < 0.5)
                });
                generation.as_ref().is_none_or(|generation| *generation == of)
                    && is_tier
                    && has_memory
            })
        };
        let mut devices = NAMES.devices(is_wanted);
        // A Mac with an M2 has the plain one, if that is sold so.
        let is_plain = |device: &Device| chip(device).is_some_and(|(_, tier)| tier.is_empty());
        if generation.is_some() && tier.is_none() && devices.iter().any(|device| is_plain(device)) {
            devices.retain(|device| is_plain(device));
        }
        devices.reverse();
        sort::by_key(&mut devices, |device| device.status != "released");
        let written = |device: &&Device| DeviceCount {
            memory_gb: memory.map(|gb| gb as u32),
            ..DeviceCount::one(&device.id)
        };
        let options: Vec<String> =
            devices.iter().map(|device| written(device).to_string()).take(OPTIONS + 4).collect();
        (!options.is_empty()).then_some((at..end, options))
    }

    fn mac(&mut self) -> bool {
        match self.mac_at(self.at, None) {
            Some(mac) => self.take_mac(mac),
            None => false,
        }
    }

    fn take_mac(&mut self, (tokens, options): (Range<usize>, Vec<String>)) -> bool {
        let text = self.take(tokens.end);
        self.macs.push((text, options));
        true
    }

    /// Puts together what was read.
    fn finish(mut self, command: &Command) -> Asked {
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
        let is_model_named = self.name_models();
        let is_machine_named = self.name_machines();
        self.name_quants();
        let is_command = !command.consumed.is_empty();
        let asks = self
            .intent(is_model_named, is_machine_named)
            .filter(|_| !is_command || self.text.contains('?'));
        self.answer(asks, is_model_named, is_machine_named, ignored)
    }

    /// The words that were not read and mean nothing.
    fn unread(&self) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        let mut last = usize::MAX;
        for (at, token) in self.tokens.iter().enumerate() {
            let is_known = token.kind == Kind::Word
                && (meanings(&token.raw).next().is_some()
                    || token.raw.chars().count() < 2
                    || FREE.contains(&token.text.as_str())
                    || COUNTS.iter().any(|(word, _)| *word == token.raw));
            // 13th, 16-Core, 2.50GHz.
            let is_counted = token.kind == Kind::Number
                && (self.means(at + 1, Meaning::Cores)
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
            if self.is_read[at] || is_known || is_counted || is_release {
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

    fn name_models(&mut self) -> bool {
        let mut is_named = false;
        for (span, mention, is_draft) in std::mem::take(&mut self.models) {
            let key = if is_draft { "draft" } else { "model" };
            is_named |= !is_draft;
            match (mention.options.as_slice(), &mention.note) {
                ([only], None) => {
                    let known =
                        self.understood.iter().any(|(_, k, value)| *k == key && value == only);
                    if !known {
                        self.understood.push((span, key, (*only).to_owned()));
                    }
                }
                _ => {
                    let options = mention.options.iter().map(|id| (*id).to_owned()).collect();
                    self.choose(span, key, options, mention.note);
                }
            }
        }
        is_named
    }

    fn choose(
        &mut self,
        span: Range<usize>,
        key: &str,
        options: Vec<String>,
        note: Option<String>,
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

    fn name_machines(&mut self) -> bool {
        let parts = std::mem::take(&mut self.parts);
        let cards = self.cards.take();
        let has_gpu = parts.iter().any(|part| part.mention.options[0].kind != DeviceKind::Cpu);
        let (mut machines, mut spans): (Vec<Vec<DeviceCount>>, Vec<Range<usize>>) =
            (Vec::new(), Vec::new());
        let mut is_open = false;
        let compares = parts.iter().any(|part| part.is_alternative);
        let mut is_named = !parts.is_empty();
        let pending = std::mem::take(&mut self.memory);
        let unified =
            parts.first().filter(|part| part.mention.options[0].kind == DeviceKind::Unified);
        let mut unified_gb = unified.and_then(|part| part.mention.memory_gb);
        let mut left = Vec::new();
        for memory in pending {
            let fits = unified.filter(|_| unified_gb.is_none()).is_some_and(|part| {
                part.mention
                    .options
                    .iter()
                    .any(|device| device.memory_options_gb.contains(&memory.gb))
            });
            if fits { unified_gb = Some(memory.gb) } else { left.push(memory) }
        }
        for (place, part) in parts.into_iter().enumerate() {
            let count = match &cards {
                Some((_, cards)) if part.count == 1 => *cards,
                _ => part.count,
            };
            let gb = part.mention.memory_gb.or(if place == 0 { unified_gb } else { None });
            let mut options = part.mention.options;
            let first = options[0];
            if let Some(gb) = gb.filter(|_| first.kind == DeviceKind::Unified) {
                options.retain(|device| {
                    device.memory_options_gb.contains(&gb) || device.memory_gb == Some(gb)
                });
            }
            let first = options.first().copied().unwrap_or(first);
            let written = |device: &Device, gb: Option<f64>| DeviceCount {
                id: device.id.clone(),
                count,
                memory_gb: gb.filter(|_| device.memory_options_gb.len() > 1).map(|gb| gb as u32),
            };
            // What differs in memory is another card; what does not is sold in another form.
            let differs = options.iter().any(|device| {
                let (a, b) = (device.memory_gb.unwrap_or(0.0), first.memory_gb.unwrap_or(0.0));
                (a / b.max(1.0) - 1.0).abs() > 0.2
            });
            let mut choices: Vec<String> = Vec::new();
            let note = (options.len() == 1 && !part.mention.has_usual)
                .then(|| "not in the catalogue; this is the nearest".to_owned());
            if options.len() > 1 && (differs || !part.mention.has_usual) || note.is_some() {
                choices = options.iter().map(|device| written(device, gb).to_string()).collect();
            } else if gb.is_none() && first.memory_options_gb.len() > 1 {
                let mut sizes = first.memory_options_gb.clone();
                sizes.reverse();
                choices = sizes.iter().map(|gb| written(first, Some(*gb)).to_string()).collect();
            }
            choices.truncate(OPTIONS + 4);
            is_open |= !choices.is_empty() && !part.mention.has_usual;
            if !choices.is_empty() {
                self.choose(part.text.clone(), "hw", choices, note);
            }
            let device = written(first, gb);
            let is_apart =
                part.is_alternative || compares && place > 0 && self.is_comma(&spans, &part.text);
            match machines.last_mut().filter(|_| !is_apart) {
                Some(machine) => match machine.iter_mut().find(|known| known.id == device.id) {
                    Some(known) if known.count == device.count => {}
                    _ => machine.push(device),
                },
                None => machines.push(vec![device]),
            }
            spans.push(part.text);
        }
        let macs = std::mem::take(&mut self.macs);
        is_named |= !macs.is_empty();
        for (span, options) in macs {
            match options.as_slice() {
                [only] if !is_open => self.understood.push((span, "hw", only.clone())),
                _ => self.choose(span, "hw", options, None),
            }
        }
        if !machines.is_empty() && !is_open {
            let machines: Vec<Machine> =
                machines.into_iter().map(|devices| Machine { devices }).collect();
            for (machine, span) in spread(machines, &spans) {
                self.understood.push((span, "hw", machine));
            }
        }
        // Memory of a card that is not named, and memory of the machine.
        let mut vram = std::mem::take(&mut self.vram);
        for memory in left {
            if is_named || self.is_cpu_only.is_some() || !vram.is_empty() {
                self.understood.push((memory.text, "ram", format!("{}GiB", trimmed(memory.gb))));
            } else {
                vram.push(memory);
            }
        }
        for memory in vram.into_iter().filter(|_| !has_gpu) {
            let count = cards.as_ref().map_or(memory.count, |(_, cards)| memory.count.max(*cards));
            is_named |= self.cards_with(memory, count);
        }
        if let Some(span) = self.is_cpu_only.take().filter(|_| !is_named) {
            let hosts = NAMES
                .devices(|device| device.kind == DeviceKind::Cpu && device.id.ends_with("-dual"));
            let mut options: Vec<String> = hosts.iter().map(|device| device.id.clone()).collect();
            sort::by_key(&mut options, |id| match id.as_str() {
                id if id.contains("5600") => 0,
                id if id.contains("3200") => 1,
                _ => 2,
            });
            is_named = true;
            self.choose(span, "hw", options, None);
        }
        is_named
    }

    fn is_comma(&self, spans: &[Range<usize>], next: &Range<usize>) -> bool {
        spans
            .last()
            .and_then(|last| self.text.get(last.end..next.start))
            .is_some_and(|between| between.contains(','))
    }

    /// A choice of the cards that have so much memory.
    fn cards_with(&mut self, memory: PendingMemory, count: u32) -> bool {
        let same = |gb: Option<f64>| gb.is_some_and(|gb| (gb - memory.gb).abs() < 0.5);
        let is_card = |device: &Device| {
            device.kind == DeviceKind::Discrete
                && same(device.memory_gb)
                && !device.name.contains("mod")
                && !device.name.to_lowercase().contains("laptop")
                && device.status == "released"
        };
        let mut devices = NAMES.devices(is_card);
        let rank = |device: &Device| match device.segment.as_str() {
            "consumer" => 0,
            "workstation" => 1,
            _ => 2,
        };
        sort::by_key(&mut devices, |device| {
            (rank(device), std::cmp::Reverse(device.release.clone().unwrap_or_default()))
        });
        let written =
            |device: &&Device| DeviceCount { count, ..DeviceCount::one(&device.id) }.to_string();
        let options: Vec<String> = devices.iter().map(written).take(OPTIONS + 4).collect();
        if options.is_empty() {
            self.choose(memory.text, "hw", options, Some("no card has so much memory".to_owned()));
            return false;
        }
        self.choose(memory.text, "hw", options, None);
        true
    }

    fn name_quants(&mut self) {
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
        let implied = self.values("quant").iter().find_map(|name| match Quant::parse(name)? {
            Quant::Format(Format::Mlx(_)) => Some(Engine::Mlx),
            Quant::Format(Format::Exl3(_)) => Some(Engine::ExLlamaV3),
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

    fn values(&self, key: &str) -> Vec<String> {
        let of_key = self.understood.iter().filter(|(_, known, _)| *known == key);
        of_key.map(|(_, _, value)| value.clone()).collect()
    }

    /// What is being asked, and the words that say so.
    fn intent(&self, has_model: bool, has_machine: bool) -> Option<(&'static str, Range<usize>)> {
        use Meaning::{
            Card, Context, Fit, HowMuch, Machine, Memory, Model, Need, Quant, Ram, Rate, Second,
            Speed, Tokens, Users, Vram, Which,
        };
        let free = |at: usize, meaning| {
            !self.is_read.get(at).copied().unwrap_or(true) && self.means(at, meaning)
        };
        let span = |from: usize, to: usize| self.span(from..to + 1);
        let mut found: Option<(&'static str, Range<usize>)> = None;
        let length = self.tokens.len();
        let starts: Vec<usize> =
            (0..length).filter(|at| free(*at, Which) || free(*at, HowMuch)).collect();
        for from in starts.iter().copied() {
            let is_much = free(from, HowMuch);
            for to in from + 1..(from + 6).min(length) {
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
        let (which, need, fit) =
            (starts.iter().copied().find(|at| free(*at, Which)), first(Need), first(Fit));
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
            (None, Some(need), _) if has_model && !has_machine => {
                Some(("hardware", span(need, need)))
            }
            (None, None, _)
                if has_model
                    && !has_machine
                    && first(Machine).is_some()
                    && first(Fit).is_none() =>
            {
                first(Machine).map(|at| ("hardware", span(at, at)))
            }
            (_, _, Some(fit)) if has_machine && !has_model => Some(("models", span(fit, fit))),
            (_, _, Some(fit)) => Some(("fits", span(fit, fit))),
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
    fn parts_at(&self, at: usize) -> bool {
        self.device(at, None).is_some_and(|mention| mention.tokens.end > at)
    }

    fn answer(
        self,
        asks: Option<(&'static str, Range<usize>)>,
        has_model: bool,
        has_machine: bool,
        ignored: Vec<Range<usize>>,
    ) -> Asked {
        let text = self.text;
        let mut asked = Asked::default();
        let mut scenario = Scenario::default();
        let mut understood = Vec::new();
        let mut refused = Vec::new();
        let mut pairs: BTreeMap<&str, String> = BTreeMap::new();
        for (span, key, value) in self.understood {
            let Some(setting) = setting(key) else { continue };
            let is_list = matches!(key, "model" | "hw" | "quant" | "engine");
            let whole = match pairs.get(key) {
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
            pairs.insert(key, whole);
            understood.push((span, key, value));
        }
        if let Some((asks, span)) = asks {
            let wildcard = match asks {
                "models" if !has_model => Some("model"),
                "hardware" if !has_machine => Some("hw"),
                "quant" => Some("quant"),
                _ => None,
            };
            if let Some(key) = wildcard {
                pairs.entry(key).or_insert_with(|| "*".to_owned());
            }
            understood.push((span, "ask", asks.to_owned()));
        }
        let mut ignored: Vec<Range<usize>> = ignored.into_iter().chain(refused).collect();
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

/// Each machine with what was typed of it.
fn spread(machines: Vec<Machine>, spans: &[Range<usize>]) -> Vec<(String, Range<usize>)> {
    let mut spans = spans.iter();
    machines
        .into_iter()
        .map(|machine| {
            let of_machine = spans.by_ref().take(machine.devices.len());
            let whole = of_machine.cloned().reduce(|a, b| joined(&a, &b)).unwrap_or(0..0);
            (machine.to_query(), whole)
        })
        .collect()
}

/// The query string of these pairs, in the order of the settings.
fn query(pairs: &BTreeMap<&str, String>) -> String {
    let mut out = String::new();
    for setting in SETTINGS {
        let Some(value) = pairs.get(setting.key) else { continue };
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

/// A number without a fraction where it is whole.
fn trimmed(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value}") }
}
