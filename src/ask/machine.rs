//! Machines: counts, memory, Apple's products, and what works together.

use std::ops::Range;

use super::Lack;
use super::devices::{DeviceMention, is_bin};
use super::grammar::{Added, COUNTS, Part, PendingMemory, Reading};
use super::lexer::{Kind, Token};
use super::names::{NAMES, OPTIONS};
use super::quantity::{has_unit, trimmed};
use super::words::{Meaning, means};
use crate::catalog::{Catalog, Device, DeviceKind};
use crate::scenario::{DeviceCount, Machine};
use crate::sort;

/// Words behind a number of devices.
const PIECES: &[&str] = &["шт", "штуки", "штук", "штуках", "pcs", "units", "pieces"];

/// Beginnings of words by which one machine is set against another.
const COMPARES: &[&str] = &[
    "compar",
    "сравн",
    "upgrad",
    "replac",
    "instead",
    "between",
    "между",
    "апгрейд",
    "замен",
    "менять",
    "вместо",
    "перейти",
];

/// Words between two machines of which one is set against the other.
const BETTER: &[&str] = &[
    "beat",
    "beats",
    "outperform",
    "outperforms",
    "обгонит",
    "обойдет",
    "обойдёт",
    "faster",
    "slower",
    "better",
    "worse",
    "быстрее",
    "медленнее",
    "лучше",
    "хуже",
    "мощнее",
];

/// Words between a Mac, its chip and its memory.
const BESIDE: &[&str] = &[
    "with",
    "w",
    "с",
    "на",
    "on",
    "apple",
    "of",
    "base",
    "базовый",
    "базовом",
    "базовая",
    "model",
    "модель",
    "version",
    "версия",
];

impl Reading<'_> {
    pub(super) fn device(&self, at: usize, memory: Option<f64>) -> Option<DeviceMention> {
        let token = self.token(at)?;
        let device = NAMES.device_at(&self.tokens, at, memory);
        if token.kind == Kind::Quant {
            return device;
        }
        let end = device.as_ref().map_or(0, |device| device.tokens.end);
        NAMES.family_at(&self.tokens, at).filter(|family| family.tokens.end > end).or(device)
    }

    /// A number of devices: 2x4090, two 3090, 4 cards 3090, 8 x 24 GB.
    pub(super) fn counted_device(&mut self) -> bool {
        if self.added_device() {
            return true;
        }
        let at = self.at;
        if let Some((nodes, inner)) = self.nodes(at) {
            let known = self.parts.len();
            self.at = inner;
            if self.counted() && self.parts.len() > known {
                let start = self.tokens[at].start;
                self.is_read[at..inner].fill(true);
                if let Some(part) = self.parts.last_mut() {
                    part.count *= nodes;
                    part.text.start = start;
                }
                return true;
            }
            self.at = at;
        }
        self.counted()
    }

    /// One more device of those that there are: a second 3090, another 4090, вторая 3090.
    fn added_device(&mut self) -> bool {
        let at = self.at;
        let raw = |at: usize| self.token(at).map_or("", |token| token.raw.as_str());
        let is_one = |at: usize, words: &[&str]| words.iter().any(|word| raw(at).starts_with(word));
        let is_ordinal = matches!(raw(at + 1), "nd" | "rd" | "th") && self.tokens[at + 1].is_glued;
        let count = |word: &str| {
            let named = COUNTS.iter().find(|(known, _)| *known == word).map(|(_, n)| *n as u32);
            named.or_else(|| word.parse().ok()).filter(|n| (1..=16).contains(n))
        };
        let (added, mut next) = match raw(at) {
            "second" | "2nd" => (Added::To(2), at + 1),
            "third" => (Added::To(3), at + 1),
            "fourth" => (Added::To(4), at + 1),
            "another" | "extra" | "additional" => (Added::More(1), at + 1),
            word if raw(at + 1) == "more" => match count(word) {
                Some(more) => (Added::More(more), at + 2),
                None => return false,
            },
            "еще" | "ещё" => match count(raw(at + 1)) {
                Some(more) => (Added::More(more), at + 2),
                None => return false,
            },
            _ if is_one(at, &["втор"]) => (Added::To(2), at + 1),
            _ if is_one(at, &["треть"]) => (Added::To(3), at + 1),
            _ if is_one(at, &["четверт", "четвёрт"]) => (Added::To(4), at + 1),
            _ if is_one(at, &["дополнительн"]) => (Added::More(1), at + 1),
            number if is_ordinal => match number.parse() {
                Ok(number @ 2..=16) => (Added::To(number), at + 2),
                _ => return false,
            },
            _ => return false,
        };
        next = self.skip(next, &["used", "бу", "карту", "карта", "видеокарту", "card", "gpu"]);
        let is_near = self.token(next).is_some_and(|token| matches!(token.gap, ' ' | '-'));
        let mention = self.device(next, None).filter(|mention| {
            // The 13th generation is no thirteenth.
            is_near && mention.options[0].kind != DeviceKind::Cpu
        });
        // Two 4060 Ti: is a third worth it?
        let is_verb = at.checked_sub(1).is_some_and(|before| {
            ["добав", "купить", "докуп", "взять", "add"]
                .iter()
                .any(|verb| self.tokens[before].raw.starts_with(verb))
        });
        if let (Added::To(nth), None, true, [.., last]) =
            (added, &mention, is_verb, self.parts.as_mut_slice())
            && last.count < nth
        {
            last.count = nth;
            self.take(at + 1);
            return true;
        }
        let Some(mention) = mention else { return false };
        let known = self.parts.len();
        self.is_read[at..next].fill(true);
        let start = self.tokens[at].start;
        self.part(mention, 1);
        if let Some(part) = self.parts.get_mut(known) {
            part.text.start = start;
            part.added = Some(added);
        }
        true
    }

    /// Counts the devices that are added to those that there are.
    fn add_up(&mut self) {
        while let Some(at) = self.parts.iter().position(|part| part.added.is_some()) {
            let mut part = self.parts.remove(at);
            let id = &part.mention.options[0].id;
            let alone = u32::from(self.parts.iter().all(Part::is_cpu));
            let same = self.parts.iter_mut().find(|known| known.mention.options[0].id == *id);
            let there = same.as_ref().map_or(alone, |known| known.count);
            let count = match part.added.take() {
                Some(Added::To(nth)) => there.max(nth),
                Some(Added::More(more)) => there + more,
                None => part.count,
            };
            match same {
                Some(known) => known.count = count,
                None => self.parts.insert(at, Part { count, ..part }),
            }
        }
    }

    /// A number of devices of one machine.
    fn counted(&mut self) -> bool {
        let at = self.at;
        let token = &self.tokens[at];
        let word = COUNTS.iter().find(|(word, _)| *word == token.raw).map(|(_, n)| *n);
        let Some(count) = token.number().or(word) else { return false };
        // GX10 is a name.
        let is_glued = token.is_glued
            && at > 0
            && self.tokens[at - 1].kind == Kind::Word
            && !self.tokens[at - 1].is("x");
        let is_percent = self.token(at + 1).is_some_and(|next| next.gap == '%');
        if is_glued
            || is_percent
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
                matches!(t.raw.as_str(), "of" | "socket" | "used" | "бу")
                    || PIECES.contains(&t.raw.as_str())
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
        if self.token(next).is_none_or(|token| matches!(token.gap, ',' | ';' | '+' | '[' | ':')) {
            return false;
        }
        let count = count as u32;
        // 2 x 24 GB.
        let memory = self
            .token(next)
            .and_then(Token::number)
            .filter(|_| self.means(next + 1, Meaning::Gigabytes) && self.is_unit(next + 1));
        // Xeon Gold 6248 dual, 256 GB.
        let is_twice = self.tokens[at].is("dual") && at == self.at && memory.is_some();
        if let Some(last) = self.parts.last_mut().filter(|_| is_twice)
            && last.text.end == self.tokens[at - 1].end
            && last.mention.options.iter().all(|device| device.kind == DeviceKind::Cpu)
        {
            last.count *= count;
            last.text.end = self.tokens[at].end;
            self.at += 1;
            return true;
        }
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
            let is_said = self.at.checked_sub(1).is_some_and(|before| {
                let told = self.transfers.last().map(|(span, _)| span.end);
                self.means(before, Meaning::Ram) || told == Some(self.tokens[before].end)
            });
            if self.means(end, Meaning::Ram) || is_said {
                let rate = self.transfers_at(end);
                let end = match rate {
                    Some((transfers, behind)) => {
                        self.transfers.push((self.span(end..behind), transfers));
                        behind
                    }
                    None => end + usize::from(!is_said),
                };
                self.set(end, "ram", format!("{}GiB", trimmed(gb * f64::from(count))));
                return true;
            }
            let text = self.take(end);
            self.vram.push(PendingMemory { text, gb, count });
            return true;
        }
        let instance = self.instance_at(next);
        if let Some(mention) = self.device(next, None).filter(|_| instance.is_none()) {
            self.part(mention, count);
            return true;
        }
        // Dual 7702: a server's processors by their number.
        let is_number = self.token(next).is_some_and(|token| token.number().is_some());
        let named =
            ["epyc", "xeon"].iter().filter(|_| is_number && count == 2).find_map(|series| {
                let series = Token {
                    text: (*series).to_owned(),
                    raw: (*series).to_owned(),
                    kind: Kind::Word,
                    ..self.tokens[next].clone()
                };
                let mut number = self.tokens[next].clone();
                (number.gap, number.is_glued) = (' ', false);
                NAMES.device_at(&[series, number], 0, None).filter(|found| found.tokens.end == 2)
            });
        if let Some(mention) = named.filter(|mention| mention.has_usual) {
            self.part(DeviceMention { tokens: next..next + 1, ..mention }, count);
            return true;
        }
        match instance.or_else(|| self.mac_at(next, None)) {
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

    /// A number of machines, and where what each has begins: two nodes of 8x H100, 2x8 H100.
    fn nodes(&self, at: usize) -> Option<(u32, usize)> {
        let token = self.token(at)?;
        let word = COUNTS.iter().find(|(word, _)| *word == token.raw).map(|(_, n)| *n);
        let nodes =
            token.number().or(word).filter(|n| n.fract() == 0.0 && (2.0..=64.0).contains(n))?;
        let skipped = ["x", "х", "of", "with", "по", "с", "each", "на", "w"];
        let number = |at: usize| {
            let number = self.token(at).and_then(Token::number);
            number.is_some_and(|n| (1.0..=16.0).contains(&n))
        };
        let is_times = self.token(at + 1).is_some_and(|next| next.is("x"));
        let from = if is_times && !self.means(at + 2, Meaning::Node) {
            at + 1
        } else {
            let node = at + 1 + usize::from(is_times);
            self.means(node, Meaning::Node).then_some(node + 1)?
        };
        let inner = self.skip(from, &skipped);
        // 2x8 is two of eight, where a device is behind it.
        (inner > at + 1 && number(inner) && !self.means(inner + 1, Meaning::Gigabytes))
            .then_some((nodes as u32, inner))
    }

    /// Takes a device as a part of the machine.
    pub(super) fn part(&mut self, mention: DeviceMention, count: u32) {
        let mut count = count;
        let mut end = mention.tokens.end;
        // 8x H100 x 2 nodes.
        let nodes_at = end + usize::from(self.token(end).is_some_and(|token| token.is("x")));
        let nodes = self.token(nodes_at).and_then(Token::number);
        let nodes = nodes.filter(|n| (2.0..=64.0).contains(n) && n.fract() == 0.0);
        if let Some(nodes) = nodes.filter(|_| self.means(nodes_at + 1, Meaning::Node)) {
            count *= nodes as u32;
            end = nodes_at + 2;
        }
        // RTX PRO 6000 Workstation Edition x2.
        let is_word = |at: usize| self.means(at, Meaning::Brand) && self.tokens[at].gap == ' ';
        let behind = (end..).find(|at| !is_word(*at)).unwrap_or(end);
        if self.token(behind).is_some_and(|token| token.is("x")) {
            end = behind;
        }
        // 3090 x2, 3090*2, 3090 (2 pcs), 3090 две штуки.
        let times = self.token(end).is_some_and(|token| token.is("x"));
        let number = self.token(end + usize::from(times)).and_then(Token::number);
        let is_pieces =
            |at: usize| self.token(at).is_some_and(|next| PIECES.contains(&next.raw.as_str()));
        let number = number.or_else(|| {
            let word = &self.token(end)?.raw;
            let (_, number) = COUNTS.iter().find(|(known, _)| known == word)?;
            // 3090 две штуки; RTX 8000 две, ...
            let is_last =
                self.token(end + 1).is_none_or(|next| matches!(next.gap, ',' | ';' | '?'));
            let is_counted = is_pieces(end + 1) || is_last && self.tokens[end].gap == ' ';
            is_counted.then_some(*number)
        });
        let number = number.filter(|n| n.fract() == 0.0 && (1.0..=128.0).contains(n));
        // H200 8x, and no device behind it: 3090 2x 4090.
        let is_times_behind = !times
            && number.is_some()
            && self.token(end + 1).is_some_and(|next| next.is("x") && next.is_glued)
            && self.token(end + 2).is_none_or(|next| next.number().is_none())
            && self.device(end + 2, None).is_none();
        if let Some(number) = number.filter(|_| is_times_behind) {
            count = number as u32;
            end += 2;
        } else if let Some(number) = number {
            let at = end + usize::from(times);
            let is_pieces = is_pieces(at + 1);
            let then_device = times
                && !self.tokens[at].is_glued
                && (self.device(at, None).is_some() || has_unit(&self.tokens, at));
            let is_word = self.tokens[at].kind == Kind::Word;
            if !then_device && (times || self.tokens[at].gap == '*' || is_pieces || is_word) {
                count = number as u32;
                end = at + 1 + usize::from(is_pieces);
            }
        }
        // TPU v5e-8 is a slice of eight chips; of those with two cores a chip the cores are counted.
        let device = mention.options[0];
        let slice = self.token(end).filter(|next| next.gap == '-' && device.id.starts_with("tpu-"));
        if let Some(cores) = slice.and_then(Token::number) {
            let a_chip = if matches!(device.id.as_str(), "tpu-v4" | "tpu-v5p") { 2 } else { 1 };
            count = (cores as u32 / a_chip).max(1);
            end += 1;
        }
        let between = self.parts.last().map(|part| part.text.end..self.tokens[self.at].start);
        let is_alternative = between.is_some_and(|between| {
            let has_or = self.tokens.iter().any(|token| {
                let is_or = token.kind == Kind::Word && means(&token.raw, Meaning::Or);
                let compares = COMPARES.iter().any(|start| token.raw.starts_with(start));
                let is_better = BETTER.contains(&token.raw.as_str());
                (is_or || is_better || compares)
                    && (between.contains(&token.start)
                        || compares && !self.text[between.clone()].contains('+'))
            });
            has_or || self.text.get(between).is_some_and(|text| text.contains(';'))
        });
        // [Radeon RX 7900 XT/7900 XTX]: a chip, of which these are made; 3090/4090 are two.
        let between = self.parts.last().map(|part| part.text.end..self.tokens[self.at].start);
        let is_slash =
            between.clone().and_then(|gap| self.text.get(gap)).is_some_and(|gap| gap.trim() == "/");
        let before = &self.text[..self.tokens[self.at].start];
        let is_inside = before.rfind('[') > before.rfind(']');
        let text = self.take(end);
        let number = self.number.take();
        if let Some(last) = self.parts.last_mut().filter(|_| is_slash && is_inside) {
            last.text.end = text.end;
            last.mention.has_usual = false;
            for device in mention.options {
                if last.mention.options.iter().all(|known| known.id != device.id) {
                    last.mention.options.push(device);
                }
            }
            return;
        }
        // It runs on a 4090. Would a 5090 be faster?
        let is_asked = between
            .as_ref()
            .and_then(|gap| self.text.get(gap.clone()))
            .is_some_and(|gap| [". ", "? ", "! ", ", а на "].iter().any(|end| gap.contains(end)));
        let is_apart = is_asked
            && number.is_none()
            && device.kind != DeviceKind::Cpu
            && self.parts.last().is_some_and(|last| !last.is_cpu());
        let is_both = is_slash && between.is_some_and(|between| between.len() == 1);
        let is_alternative = is_alternative || is_both || is_apart;
        self.parts.push(Part { text, count, number, mention, is_alternative, added: None });
    }

    /// A machine that a cloud rents by name: g6e.xlarge, Standard_ND96isr_H100_v5.
    pub(super) fn instance_at(&self, at: usize) -> Option<(Range<usize>, Vec<String>)> {
        let start = self.token(at)?.start;
        let rest = self.text.get(start..)?;
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let word = rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())].trim_end_matches('.');
        // Every such name has one of these; most words do not.
        if !word.contains(['.', '-', '_']) {
            return None;
        }
        let instance = Catalog::bundled().instance(word)?;
        let length = self.tokens[at..].iter().take_while(|t| t.end <= start + word.len()).count();
        Some((at..at + length.max(1), vec![instance.name.clone()]))
    }

    /// Apple's products, which name a chip by what they are sold with.
    pub(super) fn mac_at(
        &self,
        at: usize,
        memory: Option<f64>,
    ) -> Option<(Range<usize>, Vec<String>)> {
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
            // MacBook Pro 14 M3 Pro, 16".
            let behind = self.token(end + 1);
            let is_inches = token.number().is_some_and(|n| (13.0..=16.0).contains(&n))
                && generation.is_none()
                && behind.is_some_and(|next| {
                    next.kind == Kind::Code && next.text.starts_with('m')
                        || next.raw.starts_with("inch")
                        || next.raw.starts_with("дюйм")
                });
            if is_inches {
                let is_word = behind.is_some_and(|next| next.kind == Kind::Word);
                end += 1 + usize::from(is_word);
                continue;
            }
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
            } else if self.means(end + 1, Meaning::Cores) && token.number().is_some() {
                // 40-core GPU: which bin of the chip it is.
                let is_of = |meaning| self.means(end + 2, meaning);
                end += 1 + usize::from(is_of(Meaning::Card) || is_of(Meaning::Cpu));
            } else if !self.token(self.skip(end, BESIDE)).is_some_and(|next| {
                self.skip(end, BESIDE) > end
                    && (next.number().is_some()
                        || next.kind == Kind::Code && next.text.starts_with('m'))
            }) && !(memory.is_some()
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
        devices.retain(|device| !is_bin(device));
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

    pub(super) fn mac(&mut self) -> bool {
        match self.mac_at(self.at, None) {
            // M1 16GB MacBook Air: what the chip is in.
            Some((tokens, options))
                if self.parts.last().is_some_and(|last| {
                    let id = &last.mention.options[0].id;
                    options.iter().any(|option| option == id)
                        && self.tokens[tokens.start].gap == ' '
                }) =>
            {
                self.take(tokens.end);
                true
            }
            Some(mac) => self.which_mac(&mac.0) || self.take_mac(mac),
            None => false,
        }
    }

    pub(super) fn take_mac(&mut self, (tokens, options): (Range<usize>, Vec<String>)) -> bool {
        let text = self.take(tokens.end);
        self.macs.push((text, options));
        true
    }

    pub(super) fn name_machines(&mut self) -> bool {
        self.add_up();
        self.name_bins();
        // MacBook Pro, chip M4 Max; 4x L4 g6.12xlarge.
        let mut parts = std::mem::take(&mut self.parts);
        self.macs.retain(|(_, options)| {
            let is_it = |part: &Part| options.contains(&part.mention.options[0].id);
            options.len() < 2 || !parts.iter().any(is_it)
        });
        // DGX A100 (8x A100 80GB): what it is made of.
        for at in (1..parts.len()).rev() {
            let (before, part) = (&parts[at - 1], &parts[at]);
            let is_inside = self.text[..part.text.start].trim_end().ends_with('(');
            let is_same = before.mention.options[0].id == part.mention.options[0].id;
            if is_inside && is_same && before.count == 1 {
                parts.remove(at - 1);
            }
        }
        // Ryzen AI Max+ 395 w/ Radeon 8060S: one machine by both of its names.
        let mut last: Option<String> = None;
        parts.retain(|part| {
            let device = part.mention.options[0];
            let is_again = last.as_ref() == Some(&device.id)
                && device.kind == DeviceKind::Unified
                && part.mention.memory_gb.is_none()
                && part.count == 1
                && !part.is_alternative;
            last = Some(device.id.clone());
            !is_again
        });
        for (_, options) in &self.macs {
            let [only] = options.as_slice() else { continue };
            let Some(instance) = Catalog::bundled().instance(only) else { continue };
            let is_its = |part: &Part| {
                part.count == instance.count && part.mention.options[0].id == instance.device
            };
            parts.retain(|part| !is_its(part));
        }
        // The memory of a processor that is named: 3970X, quad channel DDR4 3200.
        if parts.iter().filter(|part| part.is_cpu()).count() > 1
            && let Some(at) = parts.iter().position(|part| {
                part.mention.options[0].id.starts_with("cpu-ddr") && !part.is_alternative
            })
        {
            let part = parts.remove(at);
            let mut numbers = part.mention.options[0]
                .id
                .split('-')
                .filter_map(|word| word.trim_start_matches("ddr").parse::<u32>().ok());
            if let (Some(generation), Some(rate)) = (numbers.next(), numbers.next()) {
                self.transfers.push((part.text, [generation, rate]));
            }
        }
        // Beside a card a processor that the catalogue has not, i7-12700H, says nothing, and neither do
        // the graphics of one: Core Ultra 9 185H, RTX 4070.
        let is_card = |part: &Part| part.mention.options[0].kind == DeviceKind::Discrete;
        if parts.iter().any(is_card) && !parts.iter().any(|part| part.is_alternative) {
            let is_idle = |part: &Part| {
                let device = part.mention.options[0];
                let is_other = part.mention.options.len() == 1 && !part.mention.has_usual;
                let named = self.text[part.text.clone()].to_ascii_lowercase();
                let is_processor = ["ryzen", "core"].iter().any(|word| named.contains(word));
                let is_graphics = ["radeon-", "arc-", "iris-"].iter().any(|start| {
                    device.kind == DeviceKind::Unified && device.id.starts_with(start)
                });
                part.is_cpu() && is_other || is_graphics && is_processor
            };
            let (idle, named): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(is_idle);
            for part in idle {
                match part.mention.memory_gb {
                    Some(gb) => self.memory.push(PendingMemory { text: part.text, gb, count: 1 }),
                    None => self.unused.push(part.text),
                }
            }
            parts = named;
        }
        // Two cards, a 3090 and a 3060.
        let gpus = parts.iter().filter(|part| !part.is_cpu()).count();
        let cards = self.cards.take().filter(|(_, cards)| gpus < 2 || *cards as usize != gpus);
        let has_gpu = parts.iter().any(|part| part.mention.options[0].kind != DeviceKind::Cpu);
        let (mut machines, mut spans): (Vec<Vec<DeviceCount>>, Vec<Range<usize>>) =
            (Vec::new(), Vec::new());
        let mut is_open = false;
        let compares = parts.iter().any(|part| part.is_alternative);
        let is_described = parts.is_empty() && self.macs.is_empty() && self.described_card();
        let mut is_named = !parts.is_empty() || is_described;
        let pending = std::mem::take(&mut self.memory);
        let unified =
            parts.first().filter(|part| part.mention.options[0].kind == DeviceKind::Unified);
        let mut unified_gb = unified.and_then(|part| part.mention.memory_gb);
        let mut left = Vec::new();
        let has_gb = |device: &Device, gb: f64| {
            device.memory_gb.is_some_and(|memory| (memory - gb).abs() < 0.5)
        };
        let mut own_gb = None;
        let is_laptop = self.is_laptop();
        // 2x 3090, 48 GB: the memory of both; 6700 XT, 12 GB: its own.
        let all_gb = parts.iter().map(|part| {
            let count = part.count.max(cards.as_ref().map_or(1, |(_, cards)| *cards));
            let laptop = NAMES.laptop(&part.mention).filter(|_| is_laptop);
            let mention = laptop.as_ref().unwrap_or(&part.mention);
            Some(f64::from(count) * mention.options[0].memory_gb?)
        });
        let is_several = parts.len() > 1 || parts.iter().any(|part| part.count > 1);
        let all_gb = all_gb.sum::<Option<f64>>().filter(|_| has_gpu);
        let is_told = parts.iter().any(|part| part.mention.memory_gb.is_some());
        for memory in pending {
            let at = self.tokens.iter().position(|token| token.start == memory.text.start);
            let joins = ["и", "and", "with", "с", "plus", "плюс", "w"];
            let before = at.and_then(|at| self.token(at.checked_sub(1)?));
            let before = before.map_or("", |before| &before.raw);
            // A 3070 for laptops, with 8 GB.
            let is_with = matches!(before, "с" | "with" | "w") && !is_several;
            let is_added = at.is_some_and(|at| self.tokens[at].gap == '+')
                || joins.contains(&before) && !is_with;
            let is_own = is_several || unified.is_none() && !is_told && !is_added;
            // My 3080 has only 10 GB: which of those that are called so.
            let same = |device: &&Device| has_gb(device, memory.gb);
            if let [part] = parts.as_slice()
                && is_own
                && !is_several
                && part.mention.options.len() > 1
                && part.mention.options.iter().any(same)
            {
                own_gb = Some(memory.gb);
                continue;
            }
            if is_own && all_gb.is_some_and(|gb| (gb - memory.gb).abs() < 0.5) {
                continue;
            }
            let fits = unified.filter(|_| unified_gb.is_none()).is_some_and(|part| {
                part.mention
                    .options
                    .iter()
                    .any(|device| device.memory_options_gb.contains(&memory.gb))
            });
            if fits { unified_gb = Some(memory.gb) } else { left.push(memory) }
        }
        for (place, mut part) in parts.into_iter().enumerate() {
            if let Some(mention) = is_laptop.then(|| NAMES.laptop(&part.mention)).flatten() {
                part.mention = mention;
            }
            let has_own = |device: &&Device| own_gb.is_some_and(|gb| has_gb(device, gb));
            if part.mention.options.iter().any(has_own) {
                part.mention.options.retain(has_own);
                part.mention.has_usual |= part.mention.options.len() == 1;
            }
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
            let note = (options.len() == 1 && !part.mention.has_usual).then_some(Lack::Device);
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
            // 3060 + 3060
            let between = spans.last().and_then(|last| self.text.get(last.end..part.text.start));
            let is_plus = between.is_some_and(|between| between.contains('+'));
            match machines.last_mut().filter(|_| !is_apart) {
                Some(machine) => match machine.iter_mut().find(|known| known.id == device.id) {
                    // GPU 0, GPU 1.
                    Some(known) if is_plus || part.number.is_some_and(|n| n >= known.count) => {
                        known.count += device.count;
                    }
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
                [only] if !is_open => {
                    // As of a chip that is named alone: how much memory it has is open.
                    let device =
                        Catalog::bundled().devices.iter().find(|device| device.id == *only);
                    let sizes = device.map_or(&[][..], |device| &device.memory_options_gb);
                    if sizes.len() > 1 {
                        let sizes = sizes.iter().rev().map(|gb| format!("{only}@{gb}"));
                        self.choose(span.clone(), "hw", sizes.collect(), None);
                    }
                    self.understood.push((span, "hw", only.clone()));
                }
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
        // As they are named: two 5090s or a Mac Studio.
        let is_hw = |(_, key, _): &(_, &str, _)| *key == "hw";
        let (mut named, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.understood).into_iter().partition(is_hw);
        sort::by_key(&mut named, |(span, ..)| span.start);
        self.understood = others;
        self.understood.append(&mut named);
        // Memory of a card that is not named, and memory of the machine.
        let mut vram = std::mem::take(&mut self.vram);
        // No device has so much.
        let is_hosts = |gb: f64| {
            let has = |device: &Device| {
                let sizes = device.memory_options_gb.iter().chain(&device.memory_gb);
                sizes.fold(0.0, |most, gb| f64::max(most, *gb)) >= gb
            };
            NAMES.devices(has).is_empty()
        };
        // 24 GB or a 32 GB card: of cards both.
        let is_either = |memory: &PendingMemory, card: &PendingMemory| {
            let between = self.text.get(memory.text.end..card.text.start).unwrap_or_default();
            means(between.trim(), Meaning::Or)
        };
        for memory in left {
            if let Some(at) = vram.iter().position(|card| is_either(&memory, card)) {
                vram.insert(at, memory);
                continue;
            }
            let is_ram = is_named || self.is_cpu_only.is_some() || !vram.is_empty();
            // A desktop that takes 1 GB is no machine with that.
            if is_ram && memory.gb < 2.0 {
                self.unused.push(memory.text);
            } else if is_ram || is_hosts(memory.gb) {
                // Of 32 GB systems tell 31.9.
                self.understood.push((memory.text, "ram", format!("{:.0}GiB", memory.gb.round())));
            } else {
                vram.push(memory);
            }
        }
        for memory in vram.into_iter().filter(|_| !has_gpu) {
            let count = cards.as_ref().map_or(memory.count, |(_, cards)| memory.count.max(*cards));
            // A card with 24 GB under $1000 is one that is asked for.
            if count == 1 && self.filters.iter().any(|(_, key, _)| *key == "budget") {
                self.filters.push((memory.text, "memory", format!("{}-", trimmed(memory.gb))));
                continue;
            }
            is_named |= self.cards_with(memory, count);
        }
        // Beside a device that could compute, the host is to. "On the CPU" alone may be of experts.
        if has_gpu
            && let Some(span) = &self.is_cpu_only
            && ["only", "inference", "только"]
                .iter()
                .any(|word| self.text[span.clone()].contains(word))
        {
            self.understood.push((span.clone(), "backend", "cpu".to_owned()));
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
            // CPU only, DDR5-6000.
            let told = self.transfers.last().map(|(_, [generation, transfers])| {
                format!("cpu-ddr{generation}-{transfers}-dual")
            });
            match told.filter(|told| options.contains(told)) {
                Some(told) => self.understood.push((span, "hw", told)),
                None => self.choose(span, "hw", options, None),
            }
        }
        if let Some((span, count)) = cards.filter(|_| !is_named) {
            self.filters.push((span, "most", count.to_string()));
        }
        is_named
    }

    /// Of Apple's chips those with the cores that are told: M3 Ultra, 60-core GPU.
    fn name_bins(&mut self) {
        let of_gpu =
            |at: &usize| self.means(at + 1, Meaning::Cores) && !self.means(at + 2, Meaning::Cpu);
        let cores = (0..self.tokens.len()).filter(of_gpu);
        let cores: Vec<f64> = cores.filter_map(|at| self.tokens[at].number()).collect();
        for number in cores {
            let with_cores = |id: &str| {
                let chip = id.split(['@', '*']).next().unwrap_or(id);
                let end = format!("-{number}c");
                let bin = format!("{}{end}", chip.trim_end_matches(&end));
                let is_sold = chip.starts_with("apple-");
                let device = Catalog::bundled().device(&bin).filter(|_| is_sold)?;
                Some((device, format!("{bin}{}", &id[chip.len()..])))
            };
            for part in &mut self.parts {
                let bins = part.mention.options.iter().filter_map(|device| with_cores(&device.id));
                let bins: Vec<&Device> = bins.map(|(device, _)| device).collect();
                if let [bin, ..] = bins.as_slice() {
                    (part.mention.options, part.mention.has_usual) = (vec![*bin], true);
                }
            }
            for (_, options) in &mut self.macs {
                let bins = options.iter().filter_map(|id| with_cores(id));
                let bins: Vec<String> = bins.map(|(_, written)| written).collect();
                if !bins.is_empty() {
                    *options = bins;
                }
            }
        }
    }

    /// It is said that the machine is a laptop, beside the name of its device.
    fn is_laptop(&self) -> bool {
        let says = |words: &[&str]| {
            let mut free = self.tokens.iter().zip(&self.is_read).filter(|(_, is_read)| !**is_read);
            free.any(|(token, _)| words.iter().any(|word| token.raw.starts_with(word)))
        };
        says(&["laptop", "notebook", "ноут"]) && !says(&["egpu", "desktop", "десктоп"])
    }

    /// The speed of the RAM, where its platform is not named otherwise.
    pub(super) fn name_ram_speed(&mut self, is_machine_named: bool) {
        let machines = self.understood.iter().filter(|(_, key, _)| *key == "hw");
        let devices = machines.flat_map(|(.., hw)| hw.split([',', ';']));
        let own: Vec<Option<&Device>> = devices
            .map(|written| Catalog::bundled().device(written.split(['@', '*']).next()?))
            .filter(|device| device.is_none_or(|device| device.kind != DeviceKind::Discrete))
            .collect();
        // A processor has its channels, whatever memory is put in them; of several it is open whose it is.
        let channels = match own.as_slice() {
            [Some(processor)] if is_machine_named => {
                let (channels, _) =
                    processor.memory_type.split_once("-channel").unwrap_or_default();
                channels.parse().ok()
            }
            all => (all.is_empty() || !is_machine_named).then_some(2),
        };
        let channels = self.channels().filter(|_| channels.is_some()).or(channels);
        for (span, [_, transfers]) in std::mem::take(&mut self.transfers) {
            let speed = channels.map(|channels| format!("{channels}*{transfers}"));
            self.understood.extend(speed.map(|speed| (span, "ram_speed", speed)));
        }
    }

    /// A word for channels of the RAM.
    pub(super) fn is_channel(&self, at: usize) -> bool {
        self.begins(at, &["channel", "канал"])
    }

    /// Channels of the RAM: quad channel, 8-channel, двухканал.
    fn channels(&self) -> Option<u32> {
        let named = (0..self.tokens.len()).find(|at| self.is_channel(*at));
        let before = &self.tokens[named?.checked_sub(1)?];
        let word = COUNTS.iter().find(|(word, _)| *word == before.raw).map(|(_, n)| *n);
        before.number().or(word).map(|n| n as u32).filter(|n| (1..=24).contains(n))
    }

    pub(super) fn is_comma(&self, spans: &[Range<usize>], next: &Range<usize>) -> bool {
        spans
            .last()
            .and_then(|last| self.text.get(last.end..next.start))
            .is_some_and(|between| between.contains(','))
    }

    /// A choice of the cards that have so much memory.
    pub(super) fn cards_with(&mut self, memory: PendingMemory, count: u32) -> bool {
        let same = |gb: Option<f64>| gb.is_some_and(|gb| (gb - memory.gb).abs() < 0.5);
        let is_card = |device: &Device| {
            device.kind == DeviceKind::Discrete
                && same(device.memory_gb)
                && !device.name.contains("mod")
                && !device.name.to_ascii_lowercase().contains("laptop")
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
            self.choose(memory.text, "hw", options, Some(Lack::Memory));
            return false;
        }
        self.choose(memory.text, "hw", options, None);
        true
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

fn joined(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    a.start.min(b.start)..a.end.max(b.end)
}
