//! Families of processors, by which hardware lists name them: `Core 13th Generation (i7)`,
//! `Ryzen Zen 4 7000 (Ryzen 9)`, `EPYC 4th Generation (Genoa)`.

use super::devices::DeviceMention;
use super::lexer::{Kind, Token};
use super::names::{Names, OPTIONS};
use super::quantity::has_unit;
use crate::catalog::{Device, DeviceKind};

/// Families of server processors: what the id of each of their devices begins with, and ends with.
const SERVERS: &[(&str, &str, &str)] = &[
    ("naples", "cpu-epyc-75", "1"),
    ("rome", "cpu-epyc-rome", ""),
    ("milan", "cpu-epyc-rome-milan", ""),
    ("genoa", "cpu-epyc-genoa", ""),
    ("turin", "cpu-epyc-turin", ""),
    // Older than what the catalogue has: the nearest.
    ("ivy", "cpu-xeon-e5", "v3"),
    ("haswell", "cpu-xeon-e5", "v3"),
    ("broadwell", "cpu-xeon-e5", "v4"),
    ("skylake", "cpu-xeon-gold-61", ""),
    ("cascade", "cpu-xeon-gold-62", ""),
    ("ice", "cpu-xeon-icelake", ""),
    ("icelake", "cpu-xeon-icelake", ""),
    ("sapphire", "cpu-xeon-spr", ""),
    ("emerald", "cpu-xeon-emr", ""),
    ("granite", "cpu-xeon6-gnr", ""),
];

/// EPYC by its generations.
const EPYCS: [&str; 5] = ["naples", "rome", "milan", "genoa", "turin"];

/// Words that a family's name has besides.
const OTHERS: &[&str] = &[
    "core",
    "ryzen",
    "threadripper",
    "xeon",
    "epyc",
    "zen",
    "th",
    "nd",
    "rd",
    "st",
    "gen",
    "generation",
    "intel",
    "amd",
    "r",
    "tm",
    "lake",
    "rapids",
    "series",
    "bridge",
    "cpu",
    "processor",
    "e5",
    "v",
];

impl Names {
    /// The family of processors that is named from the token `at` on.
    pub fn family_at(&self, tokens: &[Token], at: usize) -> Option<DeviceMention> {
        let word = |token: &Token, word: &str| token.kind != Kind::Number && token.text == word;
        let server = |token: &Token| SERVERS.iter().find(|(name, ..)| *name == token.text);
        let is_tier = |token: &Token| {
            token.kind == Kind::Code && matches!(token.text.as_str(), "i3" | "i5" | "i7" | "i9")
        };
        let first = tokens.get(at)?;
        let is_ordinal = |at: usize| {
            tokens.get(at + 1).is_some_and(|next| {
                next.is_glued && matches!(next.text.as_str(), "th" | "nd" | "rd" | "st")
            })
        };
        let is_start =
            matches!(first.text.as_str(), "core" | "ryzen" | "xeon" | "epyc" | "threadripper")
                || is_tier(first)
                || first.kind == Kind::Number && is_ordinal(at);
        if !is_start {
            return None;
        }
        let mut end = at;
        while let Some(token) = tokens.get(end) {
            let is_part = OTHERS.contains(&token.text.as_str())
                || server(token).is_some()
                || is_tier(token)
                || token.kind == Kind::Code
                    && matches!(token.text.as_str(), "e5" | "v2" | "v3" | "v4")
                || token.number().is_some_and(|number| {
                    number.fract() == 0.0
                        && (number < 20.0 || number % 1000.0 == 0.0 && number < 10_000.0)
                });
            if !is_part || end > at && matches!(token.gap, ',' | ';' | '+' | '\n') {
                break;
            }
            end += 1;
        }
        // A processor, not a family: Core i7-13700.
        let goes_on = tokens.get(end).is_some_and(|next| {
            next.kind == Kind::Number
                && next.text.len() > 2
                && !next.text.contains('.')
                && matches!(next.gap, ' ' | '-')
                && !has_unit(tokens, end)
        });
        if goes_on {
            return None;
        }
        let run = &tokens[at..end];
        let has = |name: &str| run.iter().any(|token| word(token, name));
        let ordinal = (at..end).find(|at| is_ordinal(*at)).and_then(|at| tokens[at].number());
        let (start, last): (String, &str) = if has("epyc") || has("xeon") {
            let told = run.iter().find_map(server);
            let nth = ordinal.filter(|_| has("epyc")).and_then(|nth| EPYCS.get(nth as usize - 1));
            let nth = nth.and_then(|name| SERVERS.iter().find(|(known, ..)| known == name));
            let (_, start, last) = told.or(nth)?;
            ((*start).to_owned(), *last)
        } else if has("ryzen") || has("threadripper") {
            let series = run.iter().find_map(|token| token.number().filter(|n| *n >= 1000.0))?;
            let tier = run.windows(2).find_map(|pair| {
                let tier = pair[1].number().filter(|n| matches!(*n as u32, 3 | 5 | 7 | 9));
                tier.filter(|_| word(&pair[0], "ryzen"))
            });
            let digit = series as u32 / 1000;
            let tier = tier.map_or("?".to_owned(), |tier| tier.to_string());
            match has("threadripper") {
                true => (format!("cpu-threadripper-{digit}000"), ""),
                false => (format!("cpu-ryzen-{tier}-{digit}"), ""),
            }
        } else {
            let tier = run.iter().find(|token| is_tier(token)).map_or("i?", |token| &token.text);
            (format!("cpu-core-{tier}-{}", ordinal?), "")
        };
        let is_of = |start: &str, device: &Device| {
            let id = device.id.as_bytes();
            let same = |(a, b): (&u8, u8)| *a == b || b == b'?';
            device.kind == DeviceKind::Cpu
                && id.len() > start.len()
                && id.iter().zip(start.bytes()).all(same)
                && device.id.ends_with(last)
        };
        let mut options = self.devices(|device| is_of(&start, device));
        if options.is_empty() {
            // Any of the generation, where the catalogue has none of its tier.
            let digit = |c: char| c.is_ascii_digit();
            let wider = start.replacen(digit, "?", 1);
            options = self.devices(|device| is_of(&wider, device));
        }
        options.truncate(OPTIONS);
        let has_usual = options.len() == 1;
        (!options.is_empty()).then_some(DeviceMention {
            tokens: at..end,
            options,
            has_usual,
            memory_gb: None,
        })
    }
}
