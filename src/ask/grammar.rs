//! Reads tokens from left to right: engines, quantisations, switches and names.

use std::ops::Range;

use super::command;
use super::devices::DeviceMention;
use super::drivers::{self, Chip};
use super::lexer::{self, Kind, Token};
use super::models::{ModelMention, OTHERS};
use super::names::{Entry, NAMES, Names};
use super::quantity::{has_unit, trimmed};
use super::quants::with_quants;
use super::words::{Meaning, means};
use super::{Asked, Choice, Lack};
use crate::catalog::DeviceKind;
use crate::scenario::Engine;

/// Names of engines and their programs, as tokens.
const ENGINES: &[(&str, Engine)] = &[
    ("llama cpp", Engine::LlamaCpp),
    ("llama server", Engine::LlamaCpp),
    ("llama cli", Engine::LlamaCpp),
    ("llama bench", Engine::LlamaCpp),
    ("llama swap", Engine::LlamaCpp),
    ("llamacpp", Engine::LlamaCpp),
    ("lcpp", Engine::LlamaCpp),
    ("llamafile", Engine::LlamaCpp),
    ("ggml org llama cpp", Engine::LlamaCpp),
    ("ollama", Engine::Ollama),
    ("lm studio", Engine::LmStudio),
    ("lmstudio", Engine::LmStudio),
    ("lms load", Engine::LmStudio),
    ("koboldcpp", Engine::KoboldCpp),
    ("kobold cpp", Engine::KoboldCpp),
    ("kobold", Engine::KoboldCpp),
    ("ik llama cpp", Engine::IkLlamaCpp),
    ("ik llama", Engine::IkLlamaCpp),
    ("ikllama", Engine::IkLlamaCpp),
    ("vllm serve", Engine::Vllm),
    ("vllm vllm openai", Engine::Vllm),
    ("vllm openai", Engine::Vllm),
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
    // The format of before, whose engine is this one's predecessor.
    ("exl 2", Engine::ExLlamaV3),
    ("exllamav 2", Engine::ExLlamaV3),
    ("tabbyapi", Engine::ExLlamaV3),
];

/// Who rents machines by name.
const CLOUDS: &[&str] = &["aws", "amazon", "gcp", "gce", "azure"];

/// Numbers that are written as words.
pub const COUNTS: &[(&str, f64)] = &[
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
    ("двум", 2.0),
    ("двумя", 2.0),
    ("двe", 2.0),
    ("пара", 2.0),
    ("пару", 2.0),
    ("паре", 2.0),
    ("двойке", 2.0),
    ("двойной", 2.0),
    ("двойная", 2.0),
    ("двойные", 2.0),
    ("dva", 2.0),
    ("dve", 2.0),
    ("dvuh", 2.0),
    ("три", 3.0),
    ("трех", 3.0),
    ("трёх", 3.0),
    ("трем", 3.0),
    ("трём", 3.0),
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

/// Memory of which it is not said what it is of.
pub struct PendingMemory {
    pub text: Range<usize>,
    pub gb: f64,
    pub count: u32,
}

/// A device with its place among the others.
pub struct Part {
    pub text: Range<usize>,
    pub count: u32,
    /// Its place in a list of devices.
    pub number: Option<u32>,
    pub mention: DeviceMention,
    /// It is an alternative to the one before it.
    pub is_alternative: bool,
    /// It comes to others of its kind.
    pub added: Option<Added>,
}

/// What a device that is added makes of those that there are.
#[derive(Clone, Copy)]
pub enum Added {
    /// It is the nth.
    To(u32),
    /// There are so many more.
    More(u32),
}

impl Part {
    pub fn is_cpu(&self) -> bool {
        self.mention.options[0].kind == DeviceKind::Cpu
    }
}

/// A text as far as it is read.
pub struct Reading<'a> {
    pub text: &'a str,
    pub tokens: Vec<Token>,
    pub at: usize,
    pub is_read: Vec<bool>,
    pub understood: Vec<(Range<usize>, &'static str, String)>,
    pub choices: Vec<(Range<usize>, Choice)>,
    pub models: Vec<(Range<usize>, ModelMention, bool)>,
    pub parts: Vec<Part>,
    pub chips: Vec<Chip>,
    /// The place in a list of the device that comes next.
    pub number: Option<u32>,
    /// Generation of the RAM and its megatransfers a second.
    pub transfers: Vec<(Range<usize>, [u32; 2])>,
    pub vram: Vec<PendingMemory>,
    pub memory: Vec<PendingMemory>,
    pub bits: Vec<(Range<usize>, f64)>,
    pub cards: Option<(Range<usize>, u32)>,
    pub macs: Vec<(Range<usize>, Vec<String>)>,
    pub is_cpu_only: Option<Range<usize>>,
    /// Bandwidth of a card in GB/s.
    pub bandwidth: Option<(Range<usize>, f64)>,
    /// Peak of a card in TFLOPS.
    pub peak: Option<(Range<usize>, f64)>,
    /// Parts that were read and belong to nothing.
    pub unused: Vec<Range<usize>>,
    /// What narrows the slots that may be empty.
    pub filters: Vec<(Range<usize>, &'static str, String)>,
}

/// Reads a text.
pub fn read(text: &str) -> Asked {
    let command = command::read(text);
    let mut blanked = text.as_bytes().to_vec();
    for span in &command.consumed {
        blanked[span.clone()].fill(b' ');
    }
    drivers::blank(&mut blanked);
    let blanked = String::from_utf8(blanked).unwrap_or_default();
    let tokens = lexer::spoken(with_quants(lexer::split(&blanked)));
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
        chips: Vec::new(),
        number: None,
        transfers: Vec::new(),
        vram: Vec::new(),
        memory: Vec::new(),
        bits: Vec::new(),
        cards: None,
        macs: Vec::new(),
        is_cpu_only: None,
        bandwidth: None,
        peak: None,
        unused: Vec::new(),
        filters: Vec::new(),
    };
    while reading.at < reading.tokens.len() {
        reading.step();
    }
    reading.finish(&command)
}

impl Reading<'_> {
    pub(super) fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at)
    }

    pub(super) fn means(&self, at: usize, meaning: Meaning) -> bool {
        self.token(at).is_some_and(|token| token.kind == Kind::Word && means(&token.raw, meaning))
    }

    /// Whether the word at `at`, as typed, begins with one of `starts`.
    pub(super) fn begins(&self, at: usize, starts: &[&str]) -> bool {
        self.token(at).is_some_and(|token| starts.iter().any(|start| token.raw.starts_with(start)))
    }

    pub(super) fn span(&self, tokens: Range<usize>) -> Range<usize> {
        let end = tokens.end.max(tokens.start + 1) - 1;
        self.tokens[tokens.start].start..self.tokens[end].end
    }

    /// Takes the tokens up to `end` as read.
    pub(super) fn take(&mut self, end: usize) -> Range<usize> {
        let span = self.span(self.at..end);
        self.is_read[self.at..end].fill(true);
        self.at = end;
        span
    }

    pub(super) fn set(&mut self, end: usize, key: &'static str, value: String) {
        let span = self.take(end);
        self.understood.push((span, key, value));
    }

    pub(super) fn step(&mut self) {
        // mlx-community names an engine, lmstudio-community does not.
        let is_owner = self.is_owner(self.at) && !self.tokens[self.at].is("mlx");
        let read = self.id()
            || !is_owner && self.engine()
            || self.log()
            || self.chip()
            || self.numbered()
            || self.slice()
            || self.cache()
            || self.switches()
            || self.busy()
            || self.money()
            || self.lora()
            || self.sizes()
            || self.year()
            || self.ram_transfers()
            || self.images()
            || self.batch()
            || self.keyed()
            || self.figures()
            || self.either()
            || self.bare_ram()
            || self.counted_device()
            || self.sized()
            || self.quantity()
            || self.mac()
            || self.quant()
            || self.name();
        if !read {
            self.at += 1;
        }
    }

    /// An id of the catalogue or of Hugging Face, written in full.
    pub(super) fn id(&mut self) -> bool {
        let start = self.tokens[self.at].start;
        let is_inside =
            self.text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '.');
        if is_inside {
            return false;
        }
        // AWS g5.xlarge, and no g5 of AWS.
        let is_cloud = CLOUDS.contains(&self.tokens[self.at].text.as_str());
        let instance = self.instance_at(self.at + usize::from(is_cloud));
        if let Some(instance) = instance {
            self.at = instance.0.start;
            return self.take_mac(instance);
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
            Some((Names::entry(id)?, start + id.len()))
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
            // H20 is the name of another one too.
            Entry::Device(device) if !device.id.contains('-') => true,
            Entry::Device(_) => goes_on(self.device(self.at, None).map(|device| device.tokens.end)),
        };
        if is_longer {
            return false;
        }
        match entry {
            Entry::Model(model) => self.model(ModelMention {
                tokens,
                options: vec![&model.id],
                note: None,
                size: None,
            }),
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

    pub(super) fn engine(&mut self) -> bool {
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
                // vLLM 0.11, v0.11.2: its release, of which the first two numbers count.
                let at = self.at + usize::from(self.token(self.at).is_some_and(|t| t.is("v")));
                let release = self.token(at).filter(|next| {
                    let is_share = self.begins(at + 1, &["util", "gpu", "mem"]);
                    engine == Engine::Vllm && next.text.starts_with("0.") && !is_share
                });
                let minor = release.and_then(|next| next.text.split('.').nth(1)?.parse().ok());
                let is_setting = |minor: &u64| (6..=33).contains(minor);
                if let Some(minor) = minor.filter(is_setting) {
                    let is_patch = self
                        .token(at + 1)
                        .is_some_and(|patch| patch.gap == '.' && patch.kind == Kind::Number);
                    self.set(at + 1 + usize::from(is_patch), "vllm", format!("0.{minor}"));
                }
                true
            }
            None => false,
        }
    }

    /// A name of the program in its log: `llama_model_loader`, `llama_kv_cache`.
    pub(super) fn log(&mut self) -> bool {
        let is_joined = |at: usize| {
            self.token(at).is_some_and(|next| next.kind == Kind::Word && next.gap == '_')
                && !self
                    .token(at)
                    .is_some_and(|next| matches!(next.text.as_str(), "guard" | "instruct"))
        };
        if !self.tokens[self.at].is("llama") || !is_joined(self.at + 1) {
            return false;
        }
        let mut end = self.at + 1;
        while is_joined(end) {
            end += 1;
        }
        self.set(end, "engine", Engine::LlamaCpp.name().to_owned());
        true
    }

    /// What is served at once: batch 32, batch size of 8, bs=16; of thousands it is tokens.
    pub(super) fn batch(&mut self) -> bool {
        let is_batch = matches!(self.tokens[self.at].raw.as_str(), "batch" | "bs" | "батч");
        let number = self.skip(self.at + 1, &["size", "of", "is", "сайз", "размер"]);
        let value = self.token(number).and_then(Token::number);
        let Some(value) = value.filter(|n| is_batch && n.fract() == 0.0 && *n >= 1.0) else {
            return false;
        };
        if has_unit(&self.tokens, number) || self.device(number, None).is_some() {
            return false;
        }
        let key = if value <= 256.0 { "users" } else { "batch" };
        self.set(number + 1, key, trimmed(value));
        true
    }

    /// The KV cache and its type, in either order.
    pub(super) fn cache(&mut self) -> bool {
        // A type, or its bits, and the token behind it.
        let type_at = |of: &Self, at: usize| {
            let token = of.token(at)?;
            let bits = token.number().filter(|_| of.means(at + 1, Meaning::Bits));
            if let Some(bits) = bits {
                return Some((if bits > 6.0 { "q8_0" } else { "q4_0" }, at + 2));
            }
            let value = match token.text.as_str() {
                _ if token.kind != Kind::Quant => return None,
                "FP8" | "FP8-block" => "fp8",
                "F16" => "f16",
                "BF16" => "bf16",
                "Q8_0" | "INT8" => "q8_0",
                "Q6_K" => "q6_0",
                "Q4_0" | "Q4_K_M" | "W4A16" => "q4_0",
                "Q4_1" => "q4_1",
                "Q5_0" | "Q5_K_M" => "q5_0",
                "Q5_1" => "q5_1",
                "IQ4_NL" => "iq4_nl",
                _ => return None,
            };
            Some((value, at + 1))
        };
        let words = |of: &Self, mut at: usize| {
            let start = at;
            while of.means(at, Meaning::Cache) || at > start && of.means(at, Meaning::Quant) {
                at += 1;
            }
            (at > start).then_some(at)
        };
        let is_typed = self.tokens[self.at].kind == Kind::Quant;
        let first = type_at(self, self.at).filter(|_| is_typed);
        let (value, end) = if let Some((value, behind)) = first {
            // Q8 or f16 cache.
            let is_or = self.means(behind, Meaning::Or);
            let other = type_at(self, behind + 1).filter(|_| is_or);
            match words(self, behind) {
                Some(end) => (value, end),
                None if other.is_some_and(|(_, end)| words(self, end).is_some()) => (value, behind),
                None => return false,
            }
        } else {
            let Some(end) = words(self, self.at) else { return false };
            let end = self.skip(
                end,
                &["type", "dtype", "in", "at", "is", "to", "as", "with", "в", "на", "до", "тип"],
            );
            let Some(told) = type_at(self, end) else { return false };
            told
        };
        self.set(end, "kv", value.to_owned());
        // The cache in q8 or f16.
        let other = self.at + usize::from(self.means(self.at, Meaning::Or));
        let is_other = other > self.at || self.token(other).is_some_and(|next| next.gap == '/');
        if let Some((value, end)) = type_at(self, other).filter(|_| is_other) {
            self.set(end, "kv", value.to_owned());
        }
        true
    }

    /// Offloading, flash attention, a machine without a GPU.
    pub(super) fn switches(&mut self) -> bool {
        let at = self.at;
        let word = self.token(at).map_or("", |token| token.text.as_str());
        // A driver's own name tells its release: Vulkan 1.3.0.
        let is_release = self.token(at + 1).is_some_and(|next| next.kind == Kind::Number);
        if matches!(word, "vulkan" | "sycl") && !is_release {
            let backend = word.to_owned();
            self.set(at + 1, "backend", backend);
            return true;
        }
        let split =
            |at: usize| self.token(at).is_some_and(|t| matches!(t.raw.as_str(), "split" | "mode"));
        let row =
            |at: usize| self.token(at).is_some_and(|t| matches!(t.raw.as_str(), "row" | "rows"));
        if word == "rowsplit" {
            self.set(at + 1, "split", "row".to_owned());
            return true;
        }
        if row(at) && split(at + 1) || split(at) && (row(at + 1) || split(at + 1) && row(at + 2)) {
            let end = at + if row(at + 2) { 3 } else { 2 };
            self.set(end, "split", "row".to_owned());
            return true;
        }
        let without = self.means(at, Meaning::Without);
        if without
            && (self.means(at + 1, Meaning::Card)
                || self.token(at + 1).is_some_and(|t| t.is("discrete")))
        {
            let span = self.take(at + 2);
            self.is_cpu_only = Some(span);
            return true;
        }
        // Of a machine that is named otherwise it says nothing.
        let on = self.token(at).is_some_and(|t| matches!(t.raw.as_str(), "on" | "на"));
        if on && self.means(at + 1, Meaning::Cpu) {
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
            // Offload experts, experts offloaded.
            if self.means(at, Meaning::Offload) || self.means(at + 1, Meaning::Offload) {
                self.set(at + 2, "offload", "experts".to_owned());
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
        // A head that drafts.
        let head = match word {
            "eagle" | "eagle3" => Some("eagle3"),
            "dflash" => Some("dflash"),
            _ => None,
        };
        if let Some(head) = head {
            let end = at + 1 + usize::from(self.token(at + 1).is_some_and(|t| t.text == "3"));
            self.set(end, "draft", head.to_owned());
            return true;
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

    /// The setting of the prompt that is told at `at`: one that all share is a prefix.
    pub(super) fn prompt_key(&self, at: usize) -> &'static str {
        let shared = ["system", "shared", "common", "систем", "общи", "общего", "общим"];
        let is_shared = at > 0 && self.begins(at - 1, &shared);
        if is_shared || self.begins(at, &["prefix", "префикс"]) {
            "prefix"
        } else {
            "prompt"
        }
    }

    /// A word and the number that it is of: context 32k, users: 10, RAM 64.
    pub(super) fn keyed(&mut self) -> bool {
        // tp 4, ngl 99, as in flags.
        let flag = match self.tokens[self.at].text.as_str() {
            "tp" => Some("tp"),
            "pp" => Some("pp"),
            "dp" => Some("dp"),
            "ngl" => Some("offload"),
            "ubatch" => Some("ubatch"),
            "mtp" => Some("mtp"),
            "seqs" => Some("seqs"),
            "ncmoe" => Some("experts"),
            "prefill" if self.at > 0 && self.tokens[self.at - 1].is("chunked") => Some("batched"),
            _ => None,
        };
        // Tensor split 3,1.
        let is_split = self.tokens[self.at].is("tensor")
            && self.token(self.at + 1).is_some_and(|next| next.is("split"));
        if is_split {
            let number = |at: usize| self.token(at).is_some_and(|next| next.number().is_some());
            let first = self.at + 2;
            let last = (first..)
                .take_while(|at| number(*at) && (*at == first || self.tokens[*at].gap == ','));
            if let Some(last) = last.last() {
                let parts = self.text[self.span(first..last + 1)].replace(' ', "");
                self.set(last + 1, "ts", parts);
                return true;
            }
        }
        let parallel = self.begins(self.at + 1, &["parallel", "параллел"]);
        let split = match self.tokens[self.at].text.as_str() {
            "tensor" => Some("tp"),
            "pipeline" => Some("pp"),
            "data" => Some("dp"),
            _ => None,
        };
        let split = split.filter(|_| parallel);
        let last = match split {
            Some(_) => {
                self.skip(self.at + 2, &["size", "of", "on", "over", "across", "degree"]) - 1
            }
            None => self.at,
        };
        let flag = flag.or(split);
        let flag = flag.filter(|flag| *flag != "mtp" || self.tokens[self.at].gap == ' ');
        // MTP with 2 tokens; without a number it is not said how many.
        let last = match flag {
            Some("mtp") => self.skip(last + 1, &["with", "of", "n", "на", "с", "по", "is"]) - 1,
            _ => last,
        };
        let is_drafted = flag == Some("mtp");
        let number = self.token(last + 1).and_then(Token::number).filter(|n| *n <= 16.0);
        let is_other = self.device(last + 2, None).is_some() || has_unit(&self.tokens, last + 1);
        let is_told = number.is_some() && (self.means(last + 2, Meaning::Tokens) || !is_other);
        if is_drafted && !is_told {
            let before = self.at.checked_sub(1);
            let is_off = before.is_some_and(|before| self.means(before, Meaning::Without));
            let span = self.span(self.at..self.at + 1);
            self.set(self.at + 1, "mtp", if is_off { "0" } else { "1" }.to_owned());
            if !is_off {
                self.choose(span, "mtp", ["1", "2", "3"].map(str::to_owned).to_vec(), None);
            }
            return true;
        }
        let share = self.token(self.at + 1).and_then(Token::number);
        if let Some(share) = share.filter(|n| *n > 0.0 && *n < 1.0)
            && matches!(self.tokens[self.at].text.as_str(), "util" | "utilization")
        {
            self.set(self.at + 2, "util", trimmed(share));
            return true;
        }
        let is_near = |token: &&Token| !matches!(token.gap, ',' | ';' | '\n');
        let value = self.token(last + 1).filter(is_near).and_then(Token::number);
        let value = value.filter(|n| n.fract() == 0.0);
        if split.is_some() && value.is_none() {
            self.take(self.at + 2);
            return true;
        }
        if let (Some(key), Some(value)) = (flag, value) {
            let value = match key {
                "offload" if value >= 99.0 => "none".to_owned(),
                "offload" => format!("ngl:{value}"),
                "experts" => format!("experts:{value}"),
                _ => trimmed(value),
            };
            let key = if key == "experts" { "offload" } else { key };
            let end = last + 2;
            let is_tokens = key == "mtp" && self.means(end, Meaning::Tokens);
            self.set(end + usize::from(is_tokens), key, value);
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
        let key = if key == "prompt" { self.prompt_key(self.at) } else { key };
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
        // Users on 2 L40S.
        let is_count = key == "users" && self.tokens[number].gap == ' ';
        if self.rate(end).is_some() || is_count && self.device(number + 1, None).is_some() {
            return false;
        }
        if self.means(end, Meaning::Tokens) {
            end += 1;
        }
        self.set(end, key, (value.round() as u64).to_string());
        true
    }

    pub(super) fn quant(&mut self) -> bool {
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
    pub(super) fn name(&mut self) -> bool {
        let at = self.at;
        if self.is_owner(at) {
            self.take(at + 1);
            return true;
        }
        if let Some(mention) = self.again() {
            self.model(mention);
            return true;
        }
        let model = NAMES.model_at(&self.tokens, at);
        // mistralai_Magistral-Small-2507: whose it is.
        let named = model.as_ref().map(|model| model.tokens.end).filter(|end| *end < at + 3);
        let named = named.filter(|end| self.token(*end).is_some_and(|next| next.gap == '_'));
        if let Some(end) = named.filter(|end| NAMES.model_at(&self.tokens, *end).is_some()) {
            self.take(end);
            return true;
        }
        let device = self.device(at, None);
        let length = |tokens: &Range<usize>| tokens.end - tokens.start;
        let model = model.filter(|model| {
            device.as_ref().is_none_or(|device| length(&model.tokens) >= length(&device.tokens))
        });
        if let Some(mut mention) = model {
            // WizardCoder 15B: the only one of the size is no answer to a name that is not known.
            let is_size = self.tokens[at].kind == Kind::Size
                && (mention.size.is_some() || mention.tokens.len() == 1)
                && matches!(self.tokens[at].gap, ' ' | '-');
            // WizardLM-2 8x22B
            let is_number = |at: &usize| self.tokens[*at].kind != Kind::Word && !self.is_read[*at];
            let before = at.checked_sub(1);
            let before = before.filter(|at| !is_number(at)).or_else(|| before?.checked_sub(1));
            let named = before.filter(|before| !self.is_read[*before] && !self.is_known(*before));
            // light-r1, dolphin mixtral, mixtral dolphin: made of it, and another one.
            let is_tune =
                |at: &usize| !self.is_read[*at] && OTHERS.contains(&self.tokens[*at].text.as_str());
            let is_part = matches!(self.tokens[at].gap, ' ' | '-');
            let joined = at.checked_sub(1).filter(|before| {
                self.tokens[at].gap == '-' && named == Some(*before) && !self.is_owner(*before)
            });
            let is_joined = |next: &Token| matches!(next.gap, ' ' | '-');
            let behind = Some(mention.tokens.end)
                .filter(|behind| self.token(*behind).is_some_and(is_joined) && is_tune(behind));
            let tune = joined.or(before.filter(|at| is_part && is_tune(at))).or(behind);
            if let Some(named) = named.filter(|_| is_size).or(tune)
                && mention.note.is_none()
            {
                mention.note = Some(Lack::Model(self.tokens[named].raw.clone()));
            }
            // As good as GPT-4, which is not what is run.
            let is_measure = mention.note.is_some()
                && at > 0
                && matches!(
                    self.tokens[at - 1].raw.as_str(),
                    "like" | "as" | "than" | "уровня" | "вроде" | "типа" | "аналог" | "близкая"
                )
                || mention.note.is_some()
                    && self.token(mention.tokens.end).is_some_and(|next| {
                        matches!(
                            next.raw.as_str(),
                            "level" | "class" | "quality" | "alternative" | "уровня" | "класса"
                        )
                    });
            // Nous Hermes 2 Mixtral: made of Mixtral.
            let is_name = |last: &ModelMention| {
                let between = last.tokens.end..at;
                (last.options.len() > 1 || last.note.is_some())
                    && is_part
                    && between.len() < 2
                    && between.clone().all(|at| is_number(&at))
            };
            if let Some((span, last, _)) = self.models.pop_if(|(_, last, _)| is_name(last)) {
                mention.note = Some(Lack::Model(self.text[span].to_owned()));
                mention.tokens.start = last.tokens.start;
            }
            if is_measure {
                self.take(mention.tokens.end);
            } else {
                self.model(mention);
            }
            return true;
        }
        if let Some(mention) = device {
            self.part(mention, 1);
            return true;
        }
        false
    }

    /// Another model of the family that was named, by what tells it: llama 3.1 8b vs 70b, glm 4.6 or
    /// air.
    fn again(&self) -> Option<ModelMention> {
        let at = self.at;
        let (_, last, _) = self.models.last()?;
        let token = &self.tokens[at];
        let is_size = token.kind == Kind::Size;
        let between = at.checked_sub(1).filter(|before| *before == last.tokens.end);
        let is_joined = match between {
            Some(or) => {
                self.means(or, Meaning::Or)
                    || is_size && matches!(self.tokens[or].raw.as_str(), "and" | "и")
            }
            None => at == last.tokens.end && is_size && matches!(token.gap, '/' | ','),
        };
        let is_other = token.number().is_some_and(|number| number >= 10.0)
            || has_unit(&self.tokens, at)
            || self.device(at, None).is_some();
        if !is_joined || is_other || !is_size && NAMES.model_at(&self.tokens, at).is_some() {
            return None;
        }
        (1..=last.tokens.len()).rev().find_map(|shared| {
            let mut tokens = self.tokens[last.tokens.start..][..shared].to_vec();
            tokens.extend(self.tokens[at..].iter().take(4).cloned());
            (tokens[shared].is_glued, tokens[shared].gap) = (false, ' ');
            let found = NAMES.model_at(&tokens, 0)?;
            let end = (at + found.tokens.end).checked_sub(shared).filter(|end| *end > at)?;
            let is_told = found.note.is_none() && found.options != last.options;
            is_told.then_some(ModelMention { tokens: at..end, ..found })
        })
    }

    /// Takes a model, or a draft model if it is called so.
    pub(super) fn model(&mut self, mention: ModelMention) {
        let before = |n: usize| self.at.checked_sub(n);
        let is_draft = (1..=2).filter_map(before).any(|at| self.means(at, Meaning::Draft))
            || self.means(mention.tokens.end, Meaning::Draft);
        let text = self.take(mention.tokens.end);
        self.models.push((text, mention, is_draft));
    }

    /// A part of the owner's name in an address, such as `mlx-community/`.
    pub(super) fn is_owner(&self, at: usize) -> bool {
        let token = &self.tokens[at];
        let rest = &self.text[token.end..];
        let is_part = |c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '.');
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let mut behind = rest[end..].chars();
        let has_name =
            behind.next() == Some('/') && behind.next().is_some_and(char::is_alphanumeric);
        token.kind == Kind::Word && has_name && !self.means(at, Meaning::Tokens)
    }
}
