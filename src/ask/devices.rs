//! The devices that a text names.

use super::lexer::{self, Kind, Token};
use super::names::{Names, OPTIONS, slips};
use super::quantity::has_unit;
use super::words::{Meaning, meanings, means};
use crate::catalog::{Catalog, Device, DeviceKind};
use crate::sort;

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
const OTHER: &[&str] = &["xt", "xtx", "ti", "gre", "laptop", "orin"];

/// Words behind a name that make another device of it, also where there is no such one.
const VARIANTS: &[&str] = &["ti", "super", "xt", "xtx", "gre", "nx", "laptop"];

/// Chips that are sold with a processor, whose memory drivers print too.
const SUPERCHIPS: &[&str] = &["gh200", "gb200", "gb300"];

/// Computers that are called by their own name.
const PRODUCTS: &[(&str, &str)] = &[
    ("framework desktop", "strix-halo-395"),
    ("gmktec evo x2", "strix-halo-395"),
    ("evo x2", "strix-halo-395"),
    ("bosgame m5", "strix-halo-395"),
    ("flow z13", "strix-halo-395"),
    ("beelink gtr9", "strix-halo-395"),
    ("minisforum ms s1", "strix-halo-395"),
    ("hp z2 mini g1a", "strix-halo-395"),
    ("project digits", "dgx-spark-gb10"),
    ("ascent gx10", "dgx-spark-gb10"),
    ("pro max gb10", "dgx-spark-gb10"),
    ("thinkstation pgx", "dgx-spark-gb10"),
    ("zgx nano", "dgx-spark-gb10"),
    ("edgexpert", "dgx-spark-gb10"),
    ("ai top atom", "dgx-spark-gb10"),
    ("strix point", "radeon-890m"),
    ("890m", "radeon-890m"),
    ("hawk point", "radeon-780m"),
    ("780m", "radeon-780m"),
    ("lunar lake", "arc-140v"),
    ("core ultra 9 288v", "arc-140v"),
    ("core ultra 7 268v", "arc-140v"),
    ("core ultra 7 266v", "arc-140v"),
    ("core ultra 7 258v", "arc-140v"),
    ("core ultra 7 256v", "arc-140v"),
    ("core ultra 5 238v", "arc-130v"),
    ("core ultra 5 236v", "arc-130v"),
    ("core ultra 5 228v", "arc-130v"),
    ("core ultra 5 226v", "arc-130v"),
    ("core ultra 7 255h", "arc-140t"),
    ("core ultra 5 235h", "arc-130t"),
    ("core ultra 7 165h", "arc-igpu-meteor-lake"),
    ("core ultra 5 135h", "arc-igpu-meteor-lake"),
    ("core ultra 5 125h", "arc-igpu-meteor-lake"),
    ("ryzen 7 8745hs", "radeon-780m"),
    ("ryzen 7 8745h", "radeon-780m"),
    ("ryzen 7 8840hs", "radeon-780m"),
    ("ryzen 7 8840u", "radeon-780m"),
    ("ryzen 7 7840h", "radeon-780m"),
    ("ryzen 7 7735u", "radeon-680m"),
    ("ryzen 9 8945hs", "radeon-780m"),
    ("ryzen 5 8645hs", "radeon-760m"),
    ("ryzen 5 8640u", "radeon-760m"),
    ("ryzen 5 7640hs", "radeon-760m"),
    ("ryzen 5 7640u", "radeon-760m"),
    ("ryzen 9 6900hs", "radeon-680m"),
    ("ryzen 7 6800hs", "radeon-680m"),
    ("ryzen 7 5700u", "radeon-vega-8"),
    ("ryzen 7 5800h", "radeon-vega-8"),
    ("ryzen 7 5800u", "radeon-vega-8"),
    ("ryzen 7 5825u", "radeon-vega-8"),
    ("ryzen 7 4800h", "radeon-vega-8"),
    ("nvidia thor", "jetson-agx-thor-t5000"),
    ("a6000 ada", "rtx-6000-ada"),
];

/// All texts that a device goes by.
pub fn texts(device: &Device) -> impl Iterator<Item = &str> {
    let products = PRODUCTS.iter().filter(|(_, id)| *id == device.id).map(|(name, _)| *name);
    let names = [device.id.as_str(), &device.name].into_iter();
    names.chain(device.aliases.iter().map(String::as_str)).chain(products)
}

pub struct DeviceName {
    pub device: &'static Device,
    /// Words of the id, without brands and sizes of memory.
    words: Vec<String>,
    /// Sets of words, each of which is a whole name.
    names: Vec<Vec<String>>,
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
    // 16311MiB, as drivers tell it: a little less than the card has.
    if number >= 1024.0 && matches!(unit.text.as_str(), "mib" | "mb") {
        return Some((number / 1024.0).round());
    }
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
pub fn device_tokens(name: &str) -> Vec<String> {
    let tokens = lexer::of_name(name);
    let mut words = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_memory(&tokens, at).is_some() {
            at += 2;
            continue;
        }
        // 1 x GB300, but MI300X.
        let is_times = tokens[at].is("x")
            && !tokens[at].is_glued
            && (at == 0 || tokens[at - 1].kind == Kind::Number);
        if !is_brand(&tokens[at]) && !is_times {
            words.push(tokens[at].text.clone());
        }
        at += 1;
    }
    words
}

/// A chip of which some cores are off, as of M4 Pro the one with 16: it is meant where these are told.
pub fn is_bin(device: &Device) -> bool {
    let (chip, cores) = device.id.rsplit_once('-').unwrap_or_default();
    let cores = cores.strip_suffix('c').unwrap_or_default();
    !cores.is_empty()
        && cores.bytes().all(|b| b.is_ascii_digit())
        && Catalog::bundled().devices.iter().any(|device| device.id == chip)
}

fn has_memory(device: &Device, gb: f64) -> bool {
    let same = |size: f64| (size - gb).abs() < 0.5;
    device.memory_gb.is_some_and(same) || device.memory_options_gb.iter().any(|gb| same(*gb))
}

/// Words that a name is told by.
fn telling(words: &[String]) -> Vec<String> {
    let words = words.iter().filter(|word| !OPTIONAL.contains(&word.as_str()));
    let mut words: Vec<String> = words.cloned().collect();
    sort::distinct(&mut words);
    words
}

impl Names {
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
        let mut first = tokens.get(start)?;
        // A slip in a long word: raspbery pi.
        let spelt = self.spelt(first).map(|text| Token { text, ..first.clone() });
        first = spelt.as_ref().unwrap_or(first);
        let is_start = match first.kind {
            Kind::Word => self.first_words.word(&first.text).is_some(),
            Kind::Number => first.text.len() > 3 || self.first_words.word(&first.text).is_some(),
            Kind::Code | Kind::Size => true,
            _ => false,
        };
        if !is_start {
            return None;
        }
        // Р40 in Cyrillic letters sounds otherwise than it looks.
        let alike =
            first.raw.chars().next().and_then(lexer::alike).filter(|_| first.kind == Kind::Code);
        let alike = alike.map(|letter| format!("{letter}{}", &first.text[1..]));
        let known = self.device_words.word(&first.text);
        let name = known.or_else(|| self.device_words.word(alike.as_deref()?))?.to_owned();
        let mut found = self.device_words.get(&name)?.clone();
        let mut used = vec![name];
        let mut memory_gb =
            memory.filter(|gb| found.iter().any(|at| has_memory(self.devices[*at].device, *gb)));
        let mut end = start + 1;
        while let Some(token) = tokens.get(end) {
            // Ryzen AI Max+ 395.
            let is_plus = token.gap == '+' && tokens[end - 1].is("max");
            let is_drivers = token.gap == ','
                && tokens
                    .get(end + 1)
                    .is_some_and(|unit| matches!(unit.text.as_str(), "mib" | "mb"));
            if matches!(token.gap, ',' | ';' | '+' | '\n' | '&') && !is_plus && !is_drivers {
                break;
            }
            // 7900 XT/7900 XTX.
            if token.gap == '/' && token.kind == Kind::Number && token.text.len() > 2 {
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
                // The memory of Grace: GH200 480GB.
                let is_host = found.iter().all(|at| {
                    SUPERCHIPS.iter().any(|chip| self.devices[*at].device.id.starts_with(chip))
                });
                if is_host && !is_ram && !found.iter().any(with) && gb > 200.0 {
                    end += 2;
                    continue;
                }
                if memory_gb.is_some() || is_ram || !found.iter().any(with) {
                    break;
                }
                found.retain(with);
                memory_gb = Some(gb);
                end += 2;
                continue;
            }
            // MI250X x4.
            let is_times = token.is("x")
                && !token.is_glued
                && token.gap != '-'
                && !tokens[end - 1].is("evo")
                && tokens.get(end + 1).is_some_and(|next| next.kind == Kind::Number);
            if is_times {
                break;
            }
            // 4090s are several.
            let narrows = |at: &usize| {
                self.device_words.get("s").is_some_and(|all| all.binary_search(at).is_ok())
            };
            if token.is("s") && token.is_glued && !found.iter().any(narrows) {
                end += 1;
                continue;
            }
            let is_number = matches!(token.kind, Kind::Number | Kind::Size);
            // Memory that is a bare number belongs to devices that are sold with several.
            let sizes = |at: &usize| self.devices[*at].device.memory_gb;
            let is_several = found.iter().any(|at| sizes(at) != sizes(&found[0]));
            let bare = if is_with { tokens.get(end + 1) } else { Some(token) };
            let bare_gb = bare.and_then(Token::number).filter(|gb| *gb >= 6.0);
            let with = |at: &usize| {
                let device = self.devices[*at].device;
                let is_unified = device.kind == DeviceKind::Unified
                    && device.memory_options_gb.len() + usize::from(device.vendor == "Apple") > 0;
                let is_discrete = is_several && device.kind == DeviceKind::Discrete;
                (is_unified || is_discrete) && bare_gb.is_some_and(|gb| has_memory(device, gb))
            };
            let after = end + usize::from(is_with);
            let is_count = tokens.get(after + 1).is_some_and(|next| {
                matches!(next.raw.as_str(), "шт" | "штук" | "pcs" | "cards" | "x" | "х")
            });
            let of = |word: &str| {
                let all = self.device_words.get(word)?;
                let both = found.iter().copied().filter(|at| all.binary_search(at).is_ok());
                Some(both.collect::<Vec<_>>()).filter(|both| !both.is_empty())
            };
            if memory_gb.is_none()
                && matches!(token.gap, ' ' | '-')
                && found.iter().any(with)
                && !has_unit(tokens, after)
                && !is_count
                && of(&token.text).is_none_or(|named| named.iter().all(&with))
            {
                found.retain(with);
                memory_gb = bare_gb;
                end = after + 1;
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
            // Core Ultra 7 265K is no length.
            let is_name = tokens.get(end + 1).is_some_and(|letter| {
                letter.is_glued && letter.is("k") && of("k").is_some() && of(&token.text).is_some()
            });
            let ends = is_number && has_unit(tokens, end) && !token.is_glued && !is_name;
            let word = self.one_of(&token.text).unwrap_or(&token.text);
            let both = of(word).filter(|_| !ends);
            match both {
                Some(both) => found = both,
                // 30-core GPU.
                None if means(&token.raw, Meaning::Cores)
                    && used.last().is_some_and(|n| n.len() == 2) => {}
                None => break,
            }
            used.push(word.to_owned());
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
        let mut mention = self.chosen_devices(found, &used, memory_gb, at..end)?;
        // 1060 3 GB: one with less, that is not in the catalogue.
        let device = mention.options[0];
        let is_less = is_memory(tokens, end).is_some_and(|gb| {
            let is_ram = tokens.get(end + 2).is_some_and(|next| means(&next.raw, Meaning::Ram));
            let is_near = matches!(tokens[end].gap, ' ' | '-') && !is_ram;
            is_near && device.memory_gb.is_some_and(|memory| gb < memory * 0.75)
        });
        if is_less && device.kind == DeviceKind::Discrete {
            mention.tokens.end += 2;
            mention.has_usual = false;
            mention.options.truncate(1);
            return Some(mention);
        }
        // 1650 laptop, where there is only the 1650 Ti's.
        let is_used = |word: &str| used.iter().any(|used| used == word);
        if is_used("laptop") && !is_used("ti") && device.id.contains("-ti-") {
            mention.has_usual = false;
            mention.options.truncate(1);
        }
        // EPYC 7302P is a 7302 for one socket.
        let is_single = device.id.starts_with("cpu-epyc")
            && tokens.get(end).is_some_and(|token| token.is_glued && token.is("p"));
        mention.tokens.end += usize::from(is_single);
        // A laptop is no variant of what only laptops have.
        let is_mobile =
            |word: &str| word.ends_with('m') && word.starts_with(|c: char| c.is_ascii_digit());
        let is_only = device.kind == DeviceKind::Unified || device.id.split('-').any(is_mobile);
        let is_own = |token: &Token| token.is("laptop") && is_only;
        // 5090 Ti, Xavier NX: another device, that is not in the catalogue.
        let is_variant = |token: &&Token| {
            VARIANTS.contains(&token.text.as_str())
                && matches!(token.gap, ' ' | '-')
                && !is_own(token)
                || device.kind == DeviceKind::Cpu
                    && token.is_glued
                    && !is_single
                    && matches!(
                        token.text.as_str(),
                        "h" | "hx" | "hs" | "hk" | "u" | "p" | "hq" | "x"
                    )
        };
        if tokens.get(end).filter(is_variant).is_some() {
            let memory = is_memory(tokens, end + 1).map_or(0, |_| 2);
            mention.tokens.end += 1 + memory;
            mention.has_usual = false;
            mention.options.truncate(1);
        }
        Some(mention)
    }

    /// The first word of a device's name that a word is a slip of, or several of.
    fn spelt(&self, token: &Token) -> Option<String> {
        if let Some(one) = self.one_of(&token.text) {
            return self.first_words.word(one).map(str::to_owned);
        }
        let is_long = token.kind == Kind::Word && token.text.len() > 6;
        let is_known = self.first_words.word(&token.text).is_some()
            || self.heads.word(&token.text).is_some()
            || meanings(&token.raw).next().is_some();
        if !is_long || is_known {
            return None;
        }
        let mut words = self.first_words.words().iter();
        let near = words.find(|word| {
            word.len() > 6
                && word.as_bytes()[0] == token.text.as_bytes()[0]
                && slips(&token.text, word, 1).is_some()
        });
        near.cloned()
    }

    /// The word that several of are called by: sparks.
    fn one_of<'a>(&self, word: &'a str) -> Option<&'a str> {
        let one = word.strip_suffix('s').filter(|one| one.len() > 3)?;
        let is_word = one.bytes().all(|b| b.is_ascii_alphabetic());
        let is_known = |word: &str| self.device_words.get(word).is_some();
        (is_word && !is_known(word) && is_known(one)).then_some(one)
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
        // A Core Ultra is told by its number.
        let is_core = used.iter().any(|word| word == "core");
        let is_word = |word: &String| {
            let is_series = OPTIONAL.contains(&word.as_str()) || is_core && word == "ultra";
            !word.bytes().any(|b| b.is_ascii_digit()) && !is_series && word.len() > 2
        };
        // Snapdragon X Plus is not told by its last word.
        let is_tier = |word: &String| matches!(word.as_str(), "plus" | "elite" | "extreme");
        if !told.is_empty() && told.iter().all(is_tier) {
            return None;
        }
        found.retain(|at| {
            let words = &self.devices[*at].words;
            let is_told = match is_cpu(at) {
                true => {
                    words.iter().filter(long).all(|word| used.contains(word))
                        && used.iter().any(|word| is_word(word) || long(&word))
                }
                false => {
                    used.iter().any(tells)
                        || used.iter().filter(|word| is_word(word)).count() > 1
                        || (memory_gb.is_some() || used.len() > 1)
                            && used.iter().any(|word| is_word(word) && word.len() > 3)
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
        let is_bin = |at: &usize| is_bin(self.devices[*at].device);
        if !found.iter().all(is_bin) {
            found.retain(|at| !is_bin(at));
        }
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
                    let has_memory = memory_gb.is_some()
                        || !alias.contains("GB")
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
            && memory_gb.is_none()
            && found.first().is_some_and(|at| {
                let mut words = self.devices[*at].words.iter();
                words.any(|word| OTHER.contains(&word.as_str()) && !used.contains(word))
            });
        let has_usual = usual.is_some() || options.len() == 1 && !is_near;
        (!options.is_empty()).then_some(DeviceMention { tokens, options, has_usual, memory_gb })
    }

    /// What a laptop has that is called like a card.
    pub fn laptop(&self, mention: &DeviceMention) -> Option<DeviceMention> {
        let words =
            &self.devices.iter().find(|name| name.device.id == mention.options[0].id)?.words;
        // Of the 5090 D the 5090.
        let words: Vec<&str> =
            words.iter().map(String::as_str).filter(|word| !matches!(*word, "d" | "2")).collect();
        let tokens = lexer::of_name(&format!("{} laptop", words.join(" ")));
        let mut found = self.device_at(&tokens, 0, None)?;
        found.options.retain(|device| {
            device.id.contains("laptop")
                && (words.contains(&"ti") || !device.id.contains("-ti-"))
                && mention.memory_gb.is_none_or(|gb| has_memory(device, gb))
        });
        found.has_usual |= found.options.len() == 1;
        found.memory_gb = mention.memory_gb;
        (!found.options.is_empty()).then_some(found)
    }

    /// The devices that a closure selects, in the order of the catalogue.
    pub fn devices(&self, is_wanted: impl Fn(&Device) -> bool) -> Vec<&'static Device> {
        self.devices.iter().map(|name| name.device).filter(|device| is_wanted(device)).collect()
    }
}

impl DeviceName {
    pub fn of(device: &'static Device) -> DeviceName {
        let names = texts(device).map(|text| telling(&device_tokens(text))).collect();
        DeviceName { device, words: device_tokens(&device.id), names }
    }
}
