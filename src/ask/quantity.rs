//! Quantities with their units: context, users, memory, speed.

use std::cmp::Reverse;

use super::devices::DeviceMention;
use super::filters::is_picture;
use super::grammar::{COUNTS, PendingMemory, Reading};
use super::lexer::{Kind, Token};
use super::names::{NAMES, OPTIONS};
use super::words::{Meaning, means};
use crate::catalog::{Device, DeviceKind};
use crate::float;
use crate::scenario::DeviceCount;
use crate::sort;

/// Numbers that are lengths of context without a word that says so, beside multiples of 1024.
const ROUND: &[f64] = &[8e3, 1e4, 16e3, 2e4, 32e3, 64e3, 1e5, 128e3, 2e5, 256e3];

/// Beyond it a `k` is a letter of a name: i9-13900K.
const MOST_THOUSANDS: f64 = 10_240.0;

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

impl Reading<'_> {
    /// A whole or broken number, with `k` or `m` behind it, and the token after it.
    pub(super) fn amount(&self, at: usize) -> Option<(f64, bool, usize)> {
        let token = self.token(at)?;
        if token.kind == Kind::Size && token.text.ends_with('m') {
            // The 780M is a device.
            let millions = float::parse(token.text.trim_end_matches('m'))?;
            return (millions <= 16.0).then_some((millions * 1_048_576.0, true, at + 1));
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

    pub(super) fn is_unit(&self, at: usize) -> bool {
        self.token(at).is_some_and(|token| {
            let one_letter = token.raw.chars().count() < 2;
            token.is_glued
                || !one_letter && matches!(token.gap, ' ' | '-' | '\u{a0}')
                || matches!(token.gap, ' ' | '\u{a0}')
                    && matches!(token.raw.as_str(), "k" | "к" | "т" | "t" | "г" | "g")
        })
    }

    /// Tokens a second: the end of the words that say so.
    pub(super) fn rate(&self, at: usize) -> Option<usize> {
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

    /// Takes a rate up to `end` as the least that is wanted; not one that somebody says he has.
    fn take_rate(&mut self, end: usize, value: f64) {
        let is_now = |at: Option<usize>| {
            at.and_then(|at| self.token(at)).is_some_and(|token| {
                matches!(token.raw.as_str(), "now" | "currently" | "atm" | "сейчас" | "щас")
            })
        };
        if self.is_had(self.at) || is_now(Some(end)) || is_now(self.at.checked_sub(1)) {
            let span = self.take(end);
            self.unused.push(span);
            return;
        }
        self.set(end, "min_tps", trimmed(value));
    }

    /// Whether the words before `at` say that this is so: I get only 12, получаю 12.
    fn is_had(&self, at: usize) -> bool {
        let raw = |at: usize| self.token(at).map_or("", |token| token.raw.as_str());
        let is_soft = |word: &str| {
            matches!(
                word,
                "only" | "just" | "about" | "around" | "like" | "всего" | "около" | "где-то"
            )
        };
        let mut before = (0..at).rev().skip_while(|at| is_soft(raw(*at)));
        let Some(verb) = before.next() else { return false };
        let who = before.find(|at| !is_soft(raw(*at)) && !matches!(raw(*at), "currently" | "now"));
        let who = who.map_or("", raw);
        match raw(verb) {
            "получаю" | "получаем" => true,
            "get" | "see" | "got" => {
                let asks = before.next().map_or("", raw);
                matches!(who, "i" | "we")
                    && !matches!(asks, "can" | "could" | "will" | "would" | "do" | "should" | "if")
            }
            "getting" | "seeing" => {
                matches!(who, "i" | "we" | "m" | "im" | "am" | "i'm" | "are" | "re")
            }
            _ => false,
        }
    }

    pub(super) fn skip(&self, mut at: usize, words: &[&str]) -> usize {
        while self.token(at).is_some_and(|token| words.contains(&token.raw.as_str())) {
            at += 1;
        }
        at
    }

    /// A number with a unit behind it.
    pub(super) fn quantity(&mut self) -> bool {
        if let Some(bits) = self.token(self.at).and_then(|token| bits_in_a_word(&token.raw)) {
            return self.width(bits, self.at + 1);
        }
        let word = self.token(self.at).and_then(|token| {
            COUNTS
                .iter()
                .find(|(word, _)| *word == token.raw)
                .map(|(_, n)| (*n, false, self.at + 1))
        });
        let Some((value, is_scaled, next)) = self.amount(self.at).or(word) else { return false };
        // Of a whole, and no count.
        if self.token(next).is_some_and(|unit| unit.gap == '%') {
            return false;
        }
        let whole = (value.round() as u64).to_string();
        // 15-20 t/s: at least the first.
        let range = self.token(next).filter(|last| matches!(last.gap, '-' | '–'));
        let range = range.and_then(Token::number).and_then(|_| self.rate(next + 1));
        if let Some(end) = range {
            self.take_rate(end, value);
            return true;
        }
        if self.power(value, next) {
            return true;
        }
        let is_apart = self.token(next).is_some_and(|unit| matches!(unit.gap, ',' | ';' | '?'));
        if let Some(end) = self.rate(next).filter(|_| !is_apart) {
            self.take_rate(end, value);
            return true;
        }
        // 5090, prefix caching.
        let is_card = !is_scaled && value >= 256.0 && self.device(self.at, None).is_some();
        let both =
            if value >= 1.0 && !is_card { self.prompt_and_answer(value, next) } else { None };
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
            // 1000 requests per day are not there at once.
            if self.means(end, Meaning::Per) && self.is_time(end + 1) {
                let span = self.take(end + 2);
                self.unused.push(span);
                return true;
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
        // What 15k are paid for is told of what is had.
        let is_paid = self.at.checked_sub(1).is_some_and(|before| self.tokens[before].raw == "за");
        if is_paid && is_scaled && !self.means(next, Meaning::Tokens) {
            let span = self.take(next);
            self.unused.push(span);
            return true;
        }
        // At least 5 tokens: a second.
        if self.means(next, Meaning::Tokens) && self.is_unit(next) && (1.0..=50.0).contains(&value)
        {
            let is_word = self.tokens[next].raw.chars().count() > 3;
            if is_word && !is_scaled && word.is_none() {
                self.set(next + 1, "min_tps", trimmed(value));
                return true;
            }
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
        // 15360MiB, as drivers tell the memory of a device that is named.
        if self.token(next).is_some_and(|unit| unit.is("mib") || unit.is("mb")) && value >= 1024.0 {
            if self.parts.is_empty() && self.macs.is_empty() {
                return self.memory((value / 1024.0).round(), next + 1);
            }
            self.take(next + 1);
            return true;
        }
        // 5700G with 64 GB.
        let is_name = self.token(next).is_some_and(|unit| unit.raw == "g" && unit.is_glued)
            && self.device(self.at, None).is_some_and(|mention| mention.tokens.end > next);
        if is_name {
            return false;
        }
        for (unit, scale) in [(Meaning::Gigabytes, 1.0), (Meaning::Terabytes, 1024.0)] {
            if self.means(next, unit) && self.is_unit(next) && !is_scaled {
                return self.memory(value * scale, next + 1);
            }
        }
        // 64 ram, 32 озу.
        let is_ram = self.means(next, Meaning::Ram) && self.tokens[next].gap == ' ';
        if is_ram && !is_scaled && word.is_none() && (4.0..=8192.0).contains(&value) {
            return self.memory(value, next);
        }
        if self.means(next, Meaning::Bits) && self.is_unit(next) && value <= 32.0 {
            return self.width(value, next + 1);
        }
        if self.means(next, Meaning::Layers) {
            self.set(next + 1, "offload", format!("ngl:{whole}"));
            return true;
        }
        if self.means(next, Meaning::Millisecond) {
            // Time to first token 500 ms.
            let before = self.at.saturating_sub(6)..self.at;
            let is_next = |raw: &str| matches!(raw, "tpot" | "itl" | "tbt" | "inter" | "next");
            let told = before.rev().find(|at| {
                let raw = self.tokens[*at].raw.as_str();
                raw == "ttft" || raw == "first" || raw.starts_with("перв") || is_next(raw)
            });
            if let Some(told) = told {
                self.is_read[told] = true;
            }
            let is_first = told.is_some_and(|told| !is_next(&self.tokens[told].raw));
            let key = if is_first { "ttft" } else { "tpot" };
            self.set(next + 1, key, format!("{}ms", trimmed(value)));
            return true;
        }
        if self.means(next, Meaning::Second)
            && value <= 600.0
            && self.token(next).is_some_and(|token| token.raw.chars().count() > 2 || token.is_glued)
        {
            self.set(next + 1, "ttft", format!("{}s", trimmed(value)));
            return true;
        }
        if self.token(next).is_some_and(|unit| unit.is("seqs")) && !is_apart {
            self.set(next + 1, "seqs", whole);
            return true;
        }
        let is_cards = self.means(next, Meaning::Card) && !is_apart;
        if is_cards && (1.0..=128.0).contains(&value) && !is_scaled {
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

    /// A number that has the unit of the one it is compared with: 10 or 50 users, 16 vs 32k.
    pub(super) fn either(&mut self) -> bool {
        let at = self.at;
        if self.tokens[at].kind != Kind::Number {
            return false;
        }
        // 128 instead of 64 GB is 128.
        let instead = self.skip(at + 1, &["вместо", "instead", "rather", "а", "не"]);
        let is_instead = instead > at + 1;
        let is_or = is_instead || self.means(at + 1, Meaning::Or);
        let next = match is_instead {
            true => self.skip(instead, &["of", "than"]),
            false => at + 1 + usize::from(is_or),
        };
        let is_slash = self.token(next).is_some_and(|token| token.gap == '/')
            && !self.means(next + 1, Meaning::Gigabytes);
        let number = |at: usize| self.token(at).and_then(Token::number).filter(|n| *n > 0.0);
        let (Some(first), Some(second)) = (number(at), number(next)) else { return false };
        let is_bare = !self.tokens[at].is_glued && self.device(at, None).is_none();
        if !(is_or || is_slash) || !is_bare || !has_unit(&self.tokens, next) {
            return false;
        }
        let (known, memories) = (self.understood.len(), self.memory.len());
        self.at = next;
        if !self.quantity() {
            self.at = at;
            return false;
        }
        let (span, share) = (self.span(at..at + 1), first / second);
        if let [.., last] = &self.memory[memories..] {
            let gb = last.gb * share;
            self.memory.truncate(if is_instead { memories } else { self.memory.len() });
            self.memory.insert(memories, PendingMemory { text: span, gb, count: 1 });
        } else if let [(_, key, value)] = &self.understood[known..] {
            let digits = value.bytes().take_while(u8::is_ascii_digit).count();
            let Some(number) = float::parse(&value[..digits]) else { return true };
            let other = (*key, format!("{}{}", trimmed(number * share), &value[digits..]));
            self.understood.truncate(if is_instead { known } else { self.understood.len() });
            self.understood.insert(known, (span, other.0, other.1));
        } else {
            return true;
        }
        self.is_read[at..next].fill(true);
        true
    }

    /// How much of the time the machine is busy: 24/7, 8 hours a day.
    pub(super) fn busy(&mut self) -> bool {
        let at = self.at;
        let number = |at: usize| self.token(at).and_then(Token::number);
        let is_always = number(at) == Some(24.0)
            && number(at + 1) == Some(7.0)
            && self.tokens[at + 1].gap == '/'
            || self.begins(at, &["круглосуточн"]);
        if is_always {
            let end = at + 1 + usize::from(number(at).is_some());
            self.set(end, "duty", "1".to_owned());
            return true;
        }
        if self.tokens[at].kind != Kind::Number {
            return false;
        }
        // Over 3 years, за 5 лет.
        let before = at.checked_sub(1).map_or("", |before| self.tokens[before].raw.as_str());
        let years = number(at).filter(|n| (1.0..=50.0).contains(n));
        let is_span = matches!(before, "over" | "за" | "на" | "in");
        if let Some(years) =
            years.filter(|_| is_span && self.begins(at + 1, &["year", "год", "лет"]))
        {
            self.set(at + 2, "years", trimmed(years));
            return true;
        }
        let per = at + 2 + usize::from(self.means(at + 2, Meaning::Per));
        let hours = number(at).filter(|n| (1.0..=24.0).contains(n));
        let is_told = self.begins(at + 1, &["hour", "час"])
            && self.begins(per, &["day", "daily", "день", "сутки"]);
        let Some(hours) = hours.filter(|_| is_told) else { return false };
        self.set(per + 1, "duty", trimmed((hours / 24.0 * 100.0).round() / 100.0));
        true
    }

    /// LoRA adapters and their rank: lora rank 32, 10 LoRAs r=16, 4 лоры ранга 64.
    pub(super) fn lora(&mut self) -> bool {
        const LORAS: &[&str] = &["lora", "loras", "лора", "лору", "лоры", "лорой", "лор"];
        let is = |at: usize, words: &[&str]| {
            self.token(at).is_some_and(|token| words.contains(&token.raw.as_str()))
        };
        let number = |at: usize| {
            let number = self.token(at).and_then(Token::number);
            number.filter(|n| n.fract() == 0.0 && (1.0..=1024.0).contains(n))
        };
        let rank_at = |at: usize| {
            let word =
                self.skip(at, &["adapter", "adapters", "адаптер", "адаптера", "of", "with", "с"]);
            let of = self.skip(word + 1, &["of", "is", "up", "to"]);
            is(word, &["rank", "ranks", "r", "ранг", "ранга", "рангом"])
                .then_some(of)
                .filter(|at| number(*at).is_some())
        };
        let count = number(self.at).filter(|_| is(self.at + 1, LORAS));
        let name = self.at + usize::from(count.is_some());
        let (rank, end) = match rank_at(self.at).filter(|at| is(at + 1, LORAS)) {
            Some(rank) => (number(rank), rank + 2),
            None if is(name, LORAS) => match rank_at(name + 1) {
                Some(rank) => (number(rank), rank + 1),
                None => (None, name + 1),
            },
            None => return false,
        };
        if rank.is_none() && count.is_none() {
            return false;
        }
        let span = self.span(self.at..end);
        let many = count.filter(|n| *n > 1.0).map_or(String::new(), |n| format!("*{n}"));
        let written = |rank: f64| format!("{rank}{many}");
        self.set(end, "lora", written(rank.unwrap_or(16.0)));
        if rank.is_none() {
            self.choose(span, "lora", [16.0, 32.0, 64.0].map(written).to_vec(), None);
        }
        true
    }

    fn is_time(&self, at: usize) -> bool {
        let starts =
            ["sec", "min", "hour", "day", "month", "сек", "мин", "час", "день", "сут", "мес"];
        self.begins(at, &starts)
    }

    /// What a card is limited to: limited to 250 W, power limit 300 watts, 250w each.
    fn power(&mut self, value: f64, next: usize) -> bool {
        let is_watts = self.token(next).is_some_and(|unit| {
            let is_letter = unit.raw == "w" && unit.is_glued;
            is_letter || matches!(unit.raw.as_str(), "вт" | "ватт" | "watt" | "watts")
        });
        let is_limit = |at| self.begins(at, &["limit", "cap", "лимит", "огранич"]);
        let around = self.at.saturating_sub(4)..next + 3;
        if !is_watts || !(10.0..=3000.0).contains(&value) || !around.clone().any(is_limit) {
            return false;
        }
        for at in around.filter(|at| is_limit(*at)).collect::<Vec<_>>() {
            self.is_read[at] = true;
        }
        self.set(next + 1, "power_cap", trimmed(value));
        true
    }

    /// Bits of the weights or of the cache, whose words end at `end`.
    fn width(&mut self, bits: f64, mut end: usize) -> bool {
        if self.means(end, Meaning::Quant) {
            end += 1;
        }
        if self.means(end, Meaning::Cache) {
            let key = if bits > 6.0 { "q8_0" } else { "q4_0" };
            self.set(end + 1, "kv", key.to_owned());
            return true;
        }
        let span = self.take(end);
        self.bits.push((span, bits));
        true
    }

    /// RAM by its size alone behind a device: 4090 + 128.
    pub(super) fn bare_ram(&mut self) -> bool {
        const SIZES: &[f64] =
            &[16.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0, 256.0, 384.0, 512.0, 768.0, 1024.0];
        let at = self.at;
        let size = self.token(at).filter(|token| token.gap == '+').and_then(Token::number);
        let Some(size) = size.filter(|size| SIZES.contains(size)) else { return false };
        let before = at.checked_sub(1).map(|before| self.tokens[before].end);
        let is_behind = self.parts.last().is_some_and(|part| Some(part.text.end) == before);
        let is_other = has_unit(&self.tokens, at) || self.device(at + 1, None).is_some();
        if !is_behind || is_other || self.amount(at).is_some_and(|(_, is_scaled, _)| is_scaled) {
            return false;
        }
        self.memory(size, at + 1)
    }

    /// The speed of the RAM: DDR5-6000, DDR4 3200 MHz.
    pub(super) fn ram_transfers(&mut self) -> bool {
        let Some((transfers, end)) = self.transfers_at(self.at) else { return false };
        let span = self.take(end);
        self.transfers.push((span, transfers));
        true
    }

    /// How many pictures a prompt has, of a model that was named: with 4 images, 2 картинки.
    pub(super) fn images(&mut self) -> bool {
        let at = self.at;
        let number = self.token(at).filter(|token| !token.is_glued).and_then(Token::number);
        let number = number.filter(|n| n.fract() == 0.0 && (1.0..=1024.0).contains(n));
        let is_of_images = self.token(at + 1).is_some_and(|next| is_picture(&next.raw));
        let Some(number) = number.filter(|_| is_of_images && !self.models.is_empty()) else {
            return false;
        };
        // 20 images a minute are not there at once.
        if self.means(at + 2, Meaning::Per) && self.is_time(at + 3) {
            let span = self.take(at + 4);
            self.unused.push(span);
            return true;
        }
        self.set(at + 2, "images", trimmed(number));
        true
    }

    /// The generation and the megatransfers a second that are named from here on, and the token after
    /// them.
    pub(super) fn transfers_at(&self, at: usize) -> Option<([u32; 2], usize)> {
        if !self.token(at).is_some_and(|token| token.is("ddr") || token.raw == "ддр") {
            return None;
        }
        let generation = self.token(at + 1).filter(|next| next.is_glued).and_then(Token::number)?;
        // DDR5 (4 sticks @ 4800), DDR4 RAM at 3200.
        let sticks =
            2 * usize::from(self.begins(at + 3, &["stick", "dimm", "планк", "плашк", "модул"]));
        let beside = self.skip(at + 2 + sticks, &["ram", "memory", "at", "озу", "памяти", "на"]);
        let rate = self.token(beside)?;
        let number = rate.number().filter(|n| n.fract() == 0.0 && (1333.0..12_000.0).contains(n));
        let number = number.filter(|_| matches!(rate.gap, ' ' | '-' | '@'))?;
        let unit = |words: &[&str]| self.begins(beside + 1, words);
        let units = usize::from(unit(&["mhz", "мгц"])) + 2 * usize::from(unit(&["mt"]));
        Some(([generation as u32, number as u32], beside + 1 + units))
    }

    /// 1024 + 512 tokens, 2k in 500 out: the end of what was read.
    pub(super) fn prompt_and_answer(&mut self, value: f64, next: usize) -> Option<usize> {
        let side = |reading: &Self, at: usize| -> Option<(&'static str, usize)> {
            let at = if reading.means(at, Meaning::Tokens) { at + 1 } else { at };
            let at = reading.skip(at, &["of", "for", "the", "for", "на"]);
            // 10k system prompt.
            let at = reading.skip(at, &["system", "shared", "common", "системный", "общий"]);
            let is_prompt = reading.means(at, Meaning::Prompt) && reading.token(at)?.raw != "в";
            if is_prompt {
                return Some((reading.prompt_key(at), at + 1));
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

    pub(super) fn text_has_output(&self) -> bool {
        (0..self.tokens.len()).any(|at| self.means(at, Meaning::Output))
    }

    /// The token after the sticks that memory is made of: 64 GB (2x32) DDR5.
    fn sticks(&self, at: usize) -> usize {
        let is_number = |at: usize| self.token(at).is_some_and(|token| token.number().is_some());
        let is_sticks = is_number(at)
            && self.tokens[at].gap == '('
            && self.token(at + 1).is_some_and(|token| token.is("x"))
            && is_number(at + 2)
            && self.device(at + 2, None).is_none();
        let end = at + 3 + usize::from(self.means(at + 3, Meaning::Gigabytes));
        if is_sticks { end } else { at }
    }

    /// Unified memory of a machine that is not named, whose words end at `end`.
    fn unified(&mut self, gb: f64, end: usize) -> bool {
        let end =
            end + usize::from(self.means(end, Meaning::Memory) || self.means(end, Meaning::Ram));
        let is_named = !self.parts.is_empty() || !self.macs.is_empty();
        let sold = |device: &Device| device.memory_options_gb.contains(&gb);
        let mut devices =
            NAMES.devices(|device| device.kind == DeviceKind::Unified && sold(device));
        devices.retain(|device| device.status == "released");
        sort::by_key(&mut devices, |device| Reverse(device.release.clone().unwrap_or_default()));
        let options = devices.iter().take(OPTIONS + 4).map(|device| {
            let count = DeviceCount { memory_gb: Some(gb as u32), ..DeviceCount::one(&device.id) };
            count.to_string()
        });
        let options: Vec<String> = options.collect();
        if is_named || options.is_empty() {
            let text = self.take(end);
            self.memory.push(PendingMemory { text, gb, count: 1 });
            return true;
        }
        self.take_mac((self.at..end, options))
    }

    /// Memory of `gb`, whose words end at `end`.
    pub(super) fn memory(&mut self, gb: f64, end: usize) -> bool {
        // RTX 3080 10 GB or 12 GB: the same one with other memory.
        let is_other = self.at.checked_sub(1).is_some_and(|before| self.means(before, Meaning::Or));
        if let Some(last) = self.parts.last().filter(|_| is_other) {
            let (named, count) = (last.mention.memory_gb, last.count);
            let other = self.device(last.mention.tokens.start, Some(gb));
            let is_sold = |found: &DeviceMention| found.memory_gb == Some(gb) && named != Some(gb);
            if let Some(found) = other.filter(|found| named.is_some() && is_sold(found)) {
                let tokens = self.at..end;
                self.part(DeviceMention { tokens, ..found }, count);
                return true;
            }
        }
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
        let place = self.skip(end, &["ram", "озу", "на", "в", "on", "in", "a", "the"]);
        if let Some(mac) = self.mac_at(place, Some(gb)) {
            return self.take_mac(mac);
        }
        let (mut is_ram, mut is_vram) = (false, false);
        let mut stop = self.sticks(end);
        let is = |at: Option<usize>| {
            at.and_then(|at| self.token(at)).is_some_and(|token| token.is("unified"))
        };
        let before = self.at.checked_sub(1);
        let is_behind =
            before.is_some_and(|at| self.means(at, Meaning::Memory)) && is(self.at.checked_sub(2));
        if is(Some(stop)) || is(before) || is_behind {
            let end = stop + usize::from(is(Some(stop)));
            return self.unified(gb, end);
        }
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
                if let Some((transfers, end)) = self.transfers_at(stop - 1) {
                    self.transfers.push((self.span(stop - 1..end), transfers));
                    stop = end;
                    continue;
                }
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
        // RAM 64 GB, GPU memory 0.6/20.0 GB.
        let is_used = self.tokens[self.at].gap == '/';
        let before = self.at.checked_sub(if is_used { 2 } else { 1 });
        let said = |meaning| {
            before.is_some_and(|before| {
                let is_cards = before > 0
                    && self.means(before, Meaning::Memory)
                    && self.means(before - 1, Meaning::Card);
                let is_said = self.means(before, meaning) || is_cards && meaning == Meaning::Vram;
                is_said && !matches!(self.tokens[self.at].gap, ',' | '+' | ';')
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
}

/// The bits in one Russian word: восьмибитный, четырёхбитная.
fn bits_in_a_word(raw: &str) -> Option<f64> {
    let number = &raw[..raw.find("битн")?];
    Some(match number {
        "двух" => 2.0,
        "трех" | "трёх" => 3.0,
        "четырех" | "четырёх" => 4.0,
        "пяти" => 5.0,
        "шести" => 6.0,
        "восьми" => 8.0,
        "шестнадцати" => 16.0,
        _ => return None,
    })
}

/// A number without a fraction where it is whole.
pub fn trimmed(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value}") }
}
