//! What of the catalogue is asked about where a slot is empty: a kind of model, a family, a size, a
//! licence, a maker, money.

use std::ops::Range;
use std::sync::LazyLock;

use super::grammar::{COUNTS, Reading};
use super::lexer::{Kind, Token};
use super::models::billions;
use super::quantity::trimmed;
use super::table::Table;
use super::words::{self, Meaning};
use crate::letters::lowercase;

/// Words that narrow what is asked about: the key of a link, its value, and the words. A word that
/// ends with `*` is the beginning of one.
const NARROWING: &[(&str, &str, &str)] = &[
    (
        "kind",
        "code",
        "coding code coder coders programming copilot autocomplete refactoring копилот* кодинг* код кода \
        коду кодом кодить кодер* программирован* автодополнен* вайбкодинг* vibecoding питон*",
    ),
    (
        "kind",
        "vision",
        "vision visual vl vlm vlms multimodal ocr распознав* мультимодальн* зрени* визуальн* вижн",
    ),
    ("kind", "vision", PICTURES),
    ("kind", "audio", "audio speech voice asr transcription аудио речь речи голос* озвучк*"),
    ("kind", "reasoning", "reasoning reasoner reasoners thinking ризонинг* рассужд* думающ*"),
    (
        "kind",
        "embedding",
        "embedding embeddings embedder reranker rerank rerankers эмбеддинг* эмбединг* реранк* векторизац*",
    ),
    ("kind", "general", "general"),
    ("license", "apache", "apache apache2"),
    ("license", "mit", "mit"),
    (
        "sort",
        "release",
        "newest latest recent freshest новейш* новую новая новые новый новых свежая свежую свежие свеж* последняя последнюю последние",
    ),
    ("sort", "speed", "fastest quickest быстрая быструю быстрые быстрейш* шустрая шуструю"),
    (
        "sort",
        "size",
        "biggest largest большая большую крупная крупную крупнейш* жирная жирную толстую",
    ),
    (
        "sort",
        "price",
        "cheapest cheap cheaper budget inexpensive affordable дешев* дешёв* подешевле недорог* бюджетн*",
    ),
    ("sort", "power", "efficient quietest quiet экономичн* энергоэффективн* тих*"),
    ("sort", "memory", "smallest"),
    ("class", "apple", "apple"),
    ("class", "workstation", "workstation professional профессиональн*"),
    (
        "class",
        "datacenter",
        "datacenter datacentre серверная серверную серверные датацентр* цодов*",
    ),
    ("class", "consumer", "consumer gaming игровая игровую игровые"),
    ("vendor", "nvidia", "nvidia geforce нвидиа нвидия* невидиа"),
    ("vendor", "amd", "amd radeon амд радеон"),
    ("vendor", "intel", "intel интел"),
];

/// Words for pictures.
const PICTURES: &str = "image images picture pictures photo photos screenshot screenshots картин* \
    изображен* фото фотограф* скриншот*";

/// Whether the word, as typed, is one for pictures.
pub fn is_picture(raw: &str) -> bool {
    PICTURES.split_whitespace().any(|word| match word.strip_suffix('*') {
        Some(start) => raw.starts_with(start),
        None => raw == word,
    })
}

/// Words between `which` and what it asks about.
const BETWEEN: &[&str] = &[
    "local",
    "good",
    "open",
    "current",
    "of",
    "the",
    "из",
    "kind",
    "one",
    "general",
    "лучше",
    "самая",
    "самую",
    "самый",
    "source",
    "хорош",
    "хорошую",
    "локальную",
    "uncensored",
    "new",
    "decent",
    "самые",
    "a",
    "is",
    "weight",
    "weights",
];

static NARROWED: LazyLock<Table<Vec<(&str, &str)>>> = LazyLock::new(|| {
    let mut table: Table<Vec<(&str, &str)>> = Table::new();
    for (key, value, words) in NARROWING {
        for word in words.split_whitespace() {
            table.or_insert(word, Vec::new()).push((key, value));
        }
    }
    table
});

/// The keys and values that a word narrows by.
pub fn narrowing(raw: &str) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    words::by_word(&NARROWED, raw)
}

/// The keys of models, and what can be sorted by.
fn is_of_models(key: &str, value: &str) -> bool {
    match key {
        "sort" => matches!(value, "release" | "speed" | "size"),
        key => matches!(key, "kind" | "license" | "family" | "size" | "since"),
    }
}

/// The keys of devices, and what can be sorted by.
fn is_of_devices(key: &str, value: &str) -> bool {
    match key {
        "sort" => matches!(value, "price" | "speed" | "power" | "memory"),
        key => matches!(key, "class" | "vendor" | "budget" | "cur" | "most" | "memory"),
    }
}

impl Reading<'_> {
    /// `which`, or a superlative, before the token `at`.
    fn asks_which(&self, at: usize) -> bool {
        for before in (0..at).rev() {
            let token = &self.tokens[before];
            if self.means(before, Meaning::Which) {
                return true;
            }
            let is_between = BETWEEN.contains(&token.raw.as_str())
                || self.means(before, Meaning::Model)
                || narrowing(&token.raw).next().is_some();
            if token.kind != Kind::Word || !is_between {
                return false;
            }
        }
        false
    }

    /// The size of models that are asked about: up to 14b, 7-14b, the best 14b.
    pub(super) fn sizes(&mut self) -> bool {
        let at = self.at;
        let size = |at: usize| {
            let token = self.token(at).filter(|token| token.kind == Kind::Size);
            token.and_then(|token| billions(&token.text))
        };
        let is = |at: usize, words: &[&str]| {
            self.token(at).is_some_and(|token| words.contains(&token.raw.as_str()))
        };
        let first = size(at).or_else(|| self.token(at)?.number());
        let Some(first) = first else { return false };
        // 7-14b, 7b to 14b, от 7 до 14b.
        let to = self.token(at + 1).map_or(at, |next| match next.gap {
            '-' | '–' => at + 1,
            _ => self.skip(at + 1, &["to", "до", "and", "и"]),
        });
        let has_both =
            to > at + 1 || self.token(at + 1).is_some_and(|next| matches!(next.gap, '-' | '–'));
        if let Some(last) = size(to).filter(|last| has_both && to < at + 3 && *last > first) {
            let span = self.take(to + 1);
            let value = format!("{}-{}", trimmed(first), trimmed(last));
            self.filters.push((span, "size", value));
            return true;
        }
        let Some(of) = size(at) else { return false };
        let before = |n: usize| at.checked_sub(n);
        let says = |words: &[&str], n: usize| before(n).is_some_and(|at| is(at, words));
        let than = says(&["than", "чем"], 1);
        let sign = self.text[..self.tokens[at].start].trim_end().trim_end_matches('=');
        let is_signed = |signs: [char; 2]| sign.ends_with(signs);
        let is_most = says(&["under", "below", "до", "max", "maximum", "меньше", "максимум"], 1)
            || says(&["to"], 1) && says(&["up"], 2)
            || says(&["most"], 1) && says(&["at"], 2)
            || than
                && says(&["less", "smaller", "more", "меньше"], 2)
                && !says(&["no"], 3)
                && !says(&["more"], 2)
            || than && says(&["more", "larger", "bigger"], 2) && says(&["no", "not"], 3)
            || says(&["больше", "более"], 1) && says(&["не"], 2)
            || is_signed(['<', '≤'])
            || is(at + 1, &["or"]) && is(at + 2, &["less", "smaller", "below"])
            || is(at + 1, &["и"]) && is(at + 2, &["меньше", "ниже"]);
        let is_least = !is_most
            && (says(&["over", "above", "от", "больше", "свыше", "минимум"], 1)
                || says(&["least"], 1)
                || than && says(&["more", "larger", "bigger", "greater", "больше"], 2)
                || is_signed(['>', '≥'])
                || is(at + 1, &["or"]) && is(at + 2, &["more", "larger", "bigger", "above"]));
        let value = if is_most {
            format!("-{}", trimmed(of))
        } else if is_least {
            format!("{}-", trimmed(of))
        } else if self.asks_which(at) || is(at + 1, &["models", "class"]) {
            // About as large.
            format!("{}-{}", (of * 0.87).floor(), (of * 1.13).ceil())
        } else {
            return false;
        };
        let span = self.take(at + 1);
        self.filters.push((span, "size", value));
        true
    }

    /// A year from which on models are asked about: models from 2026.
    pub(super) fn year(&mut self) -> bool {
        let at = self.at;
        let year = self.token(at).and_then(|token| token.number());
        let Some(year) = year.filter(|n| n.fract() == 0.0 && (2022.0..2036.0).contains(n)) else {
            return false;
        };
        let is = |at: Option<usize>, words: &[&str]| {
            at.and_then(|at| self.token(at))
                .is_some_and(|token| words.contains(&token.raw.as_str()))
        };
        let before = [
            "from",
            "since",
            "after",
            "in",
            "of",
            "с",
            "за",
            "после",
            "от",
            "released",
            "than",
            "новее",
        ];
        let is_told = is(at.checked_sub(1), &before)
            || is(Some(at + 1), &["models", "model", "год", "года", "году", "llm", "llms"]);
        if !is_told || self.device(at, None).is_some() {
            return false;
        }
        let end = self.skip(at + 1, &["год", "года", "году", "г"]);
        let span = self.take(end);
        self.filters.push((span, "since", format!("{year:.0}-01")));
        true
    }

    /// An amount of money: $2000, 2k usd, 200 тысяч рублей, бюджет 150к.
    pub(super) fn money(&mut self) -> bool {
        const SIGNS: &[(char, &str)] = &[('$', "USD"), ('€', "EUR"), ('£', "GBP"), ('₽', "RUB")];
        const CURRENCIES: &[(&str, &str)] = &[
            ("USD", "usd dollars dollar bucks долларов доллара доллар баксов бакса бакс"),
            ("EUR", "eur euro euros евро"),
            ("GBP", "gbp pounds quid"),
            ("RUB", "rub rubles roubles руб рублей рубля р деревянных"),
        ];
        let at = self.at;
        // Two thousand, half a million.
        let is_scale = self.means(at, Meaning::Million) && self.tokens[at].raw.chars().count() > 2;
        let said = |word: &str| match word {
            "полмиллиона" => Some(500_000.0),
            "полтора" => Some(1.5),
            _ if is_scale => Some(1.0),
            _ => COUNTS.iter().find(|(count, _)| *count == word).map(|(_, count)| *count),
        };
        let (token, scale) = (&self.tokens[at], at + usize::from(!is_scale));
        let is_scaled = self.means(scale, Meaning::Million) || self.means(scale, Meaning::Thousand);
        let word = said(&token.raw).filter(|_| is_scaled || token.raw == "полмиллиона");
        let Some(number) = token.number().or(word) else { return false };
        let sign = |c: Option<char>| SIGNS.iter().find(|(sign, _)| Some(*sign) == c);
        let (mut value, mut end) = (number, at + usize::from(!is_scale));
        // 150 000
        let is_rest = |at: usize| {
            self.token(at).is_some_and(|next| {
                next.kind == Kind::Number && next.raw.len() == 3 && next.gap == ' '
            })
        };
        if number < 1000.0 && is_rest(end) {
            value = value * 1000.0 + self.tokens[end].number().unwrap_or(0.0);
            end += 1;
        }
        if self.means(end, Meaning::Thousand) && self.is_unit(end) {
            value *= 1000.0;
            end += 1;
        } else if self.means(end, Meaning::Million) && self.is_unit(end) {
            value *= 1e6;
            end += 1;
        }
        if end == at {
            return false;
        }
        let behind = self.text[self.tokens[end - 1].end..].trim_start().chars().next();
        let before = self.text[..self.tokens[at].start].trim_end().chars().next_back();
        let word = self.token(end).and_then(|next| {
            let of = |words: &&str| words.split_whitespace().any(|word| word == next.raw);
            CURRENCIES.iter().find(|(_, words)| of(words)).map(|(currency, _)| *currency)
        });
        let word = word.filter(|_| {
            self.tokens[end].raw.chars().count() > 1 || self.tokens[end].is_glued || value >= 1000.0
        });
        // Of roubles 400 thousand.
        let named = at.checked_sub(1).filter(|before| !self.is_read[*before]).and_then(|before| {
            let raw = self.tokens[before].raw.as_str();
            let of =
                |words: &&str| raw.len() > 2 && words.split_whitespace().any(|word| word == raw);
            CURRENCIES.iter().find(|(_, words)| of(words)).map(|(currency, _)| *currency)
        });
        let named = named.filter(|_| word.is_none());
        let between =
            ["of", "is", "до", "в", "up", "to", "около", "under", "around", "about", "мой"];
        let is_between = |at: &usize| between.contains(&self.tokens[*at].raw.as_str());
        let said = (0..at).rev().find(|at| !is_between(at)).filter(|at| {
            let raw = self.tokens[*at].raw.as_str();
            raw == "budget" || raw.starts_with("бюджет")
        });
        // A card up to 50 thousand.
        let is_up_to = value > number
            && value >= 10_000.0
            && at.checked_sub(1).is_some_and(|before| {
                matches!(self.tokens[before].raw.as_str(), "до" | "under" | "below")
            })
            && !self.means(end, Meaning::Context)
            && !self.means(end, Meaning::Tokens)
            && (0..at).any(|before| {
                self.means(before, Meaning::Card) || self.means(before, Meaning::Machine)
            })
            && !(0..at).any(|before| self.means(before, Meaning::Context));
        let is_budget = said.is_some() || is_up_to;
        let currency =
            sign(before).or(sign(behind)).map(|(_, currency)| *currency).or(word).or(named);
        // $2/hr, 150 руб в час.
        let unit = end + usize::from(word.is_some());
        let is_per = self.means(unit, Meaning::Per);
        let hour = unit + usize::from(is_per);
        // $0.30/kWh, 6 рублей за кВт·ч.
        let is_told = |token: &Token| is_per || token.gap == '/' || currency.is_some();
        let is_energy = self.begins(hour, &["kwh", "kilowatt", "квт", "киловатт"])
            && self.token(hour).is_some_and(is_told);
        if is_energy && number > 0.0 {
            let end = self.skip(hour + 1, &["h", "hour", "ч", "час"]);
            let span = self.take(end);
            if let Some(currency) = currency.filter(|currency| *currency != "USD") {
                self.understood.push((span.clone(), "cur", currency.to_owned()));
            }
            self.understood.push((span, "kwh", trimmed(value)));
            return true;
        }
        if currency.is_none() && !is_budget || number <= 0.0 {
            return false;
        }
        let is_hour = self.token(hour).is_some_and(|next| {
            let is_hour = matches!(next.raw.as_str(), "h" | "hr" | "hour" | "ч" | "час");
            is_hour && (is_per || next.gap == '/')
        });
        if let Some(currency) = currency.filter(|_| is_hour) {
            let span = self.take(hour + 1);
            if currency != "USD" {
                self.understood.push((span.clone(), "cur", currency.to_owned()));
            }
            self.understood.push((span, "rent", trimmed(value)));
            return true;
        }
        let is_rate = self.token(end).is_some_and(|next| next.gap == '/');
        if is_rate {
            return false;
        }
        let end = unit;
        let is_russian = said
            .or(at.checked_sub(1).filter(|_| is_up_to))
            .is_some_and(|said| !self.tokens[said].raw.is_ascii());
        for said in said.into_iter().chain(named.and(at.checked_sub(1))) {
            self.is_read[said] = true;
        }
        let span = self.take(end);
        match currency {
            Some("USD") => {}
            Some(currency) => self.filters.push((span.clone(), "cur", currency.to_owned())),
            None if is_russian && value >= 10_000.0 => {
                let options = vec!["RUB".to_owned(), "USD".to_owned()];
                self.choose(span.clone(), "cur", options, None);
            }
            None => {}
        }
        self.filters.push((span, "budget", trimmed(value)));
        true
    }

    /// Models of which only the family is named, where it is asked which of them.
    pub(super) fn families(&mut self) {
        let [(span, mention, false)] = self.models.as_slice() else { return };
        let tokens = mention.tokens.clone();
        let has_size = self.tokens[tokens.clone()].iter().any(|token| token.kind == Kind::Size);
        let is_sized = self.filters.iter().any(|(_, key, _)| *key == "size");
        let is_plural = self
            .token(tokens.end)
            .is_some_and(|next| matches!(next.raw.as_str(), "models" | "family"));
        let is_asked = self.asks_which(tokens.start) || is_plural || is_sized;
        let is_one = mention.options.len() < 2 && tokens.len() > 1;
        if !is_asked || has_size || mention.note.is_some() || is_one {
            return;
        }
        let words: Vec<&str> =
            self.tokens[tokens].iter().map(|token| token.text.as_str()).collect();
        let written = [words.join("-"), words.concat(), words[0].to_owned()];
        let is_in = |name: &&String| mention.options.iter().any(|id| id.contains(name.as_str()));
        let Some(family) = written.iter().find(is_in) else { return };
        self.filters.push((span.clone(), "family", family.clone()));
        self.models.clear();
    }

    /// `how many 3090`: a part of a device's name, of which the number is asked.
    pub(super) fn how_many(&mut self) {
        let is_how_many = |start: usize| {
            let before = self.tokens.iter().take_while(|token| token.start < start).count();
            for at in (0..before).rev() {
                let is_verb = self.means(at, Meaning::Need);
                if self.means(at, Meaning::HowMuch) || self.tokens[at].is("many") {
                    return true;
                }
                let is_between =
                    matches!(self.tokens[at].raw.as_str(), "шт" | "штук" | "таких" | "of");
                let is_skipped = is_between
                    || is_verb
                    || self.means(at, Meaning::Card)
                    || self.means(at, Meaning::Brand);
                if !is_skipped {
                    return false;
                }
            }
            false
        };
        let [part] = self.parts.as_slice() else { return };
        let asks_other = (0..self.tokens.len()).any(|at| {
            let is_rate = self.rate(at).is_some() || self.means(at, Meaning::Speed);
            !self.is_read[at] && (is_rate || self.means(at, Meaning::Tokens))
        });
        if part.count != 1 || self.models.is_empty() || asks_other || !is_how_many(part.text.start)
        {
            return;
        }
        let typed = lowercase(self.text[part.text.clone()].trim());
        // In Latin letters: а100.
        let words = self.tokens.iter().filter(|token| part.text.contains(&token.start));
        let words: Vec<&str> = words.map(|token| token.text.as_str()).collect();
        let typed = if typed.is_ascii() { typed } else { words.join(" ") };
        let device = part.mention.options[0];
        let has_digit = |word: &&str| word.bytes().any(|b| b.is_ascii_digit());
        let first = typed.split_whitespace().find(has_digit).unwrap_or(&typed);
        let is_in = |name: &&str| {
            device.name.to_ascii_lowercase().contains(*name) || device.id.contains(*name)
        };
        let vendor = [&typed, first, typed.trim_end_matches('s'), first.trim_end_matches('s')]
            .into_iter()
            .find(is_in)
            .unwrap_or(&device.name)
            .to_owned();
        let span = part.text.clone();
        self.parts.clear();
        self.filters.push((span.clone(), "vendor", vendor));
        self.filters.push((span, "sort", "price".to_owned()));
    }

    /// A Mac of which it is asked which.
    pub(super) fn which_mac(&mut self, tokens: &Range<usize>) -> bool {
        let is_plain = self.tokens[tokens.clone()].iter().all(|token| {
            token.kind == Kind::Word && !matches!(token.text.as_str(), "max" | "ultra")
        });
        if !is_plain || !self.asks_which(tokens.start) {
            return false;
        }
        let span = self.take(tokens.end);
        self.filters.push((span, "class", "apple".to_owned()));
        true
    }

    /// Something besides money and what models are for is said: these are words of any sentence.
    fn is_question(&self) -> bool {
        use Meaning::{Card, Fit, Machine, Model, Need, Which};
        let is_money = |(_, key, _): &(_, &str, _)| matches!(*key, "budget" | "cur");
        !self.understood.is_empty()
            || !self.choices.is_empty()
            || !self.filters.iter().all(is_money)
            || (0..self.tokens.len()).any(|at| {
                self.begins(at, &["budget", "бюджет"])
                    || [Card, Fit, Machine, Model, Need, Which].iter().any(|m| self.means(at, *m))
            })
    }

    /// Models are asked about by what they are for, even where no word asks.
    pub(super) fn narrows_models(&self) -> bool {
        let is_known = |key: &str| matches!(key, "size" | "family" | "since");
        self.filters.iter().any(|(_, key, _)| is_known(key))
            || self.is_question()
                && self.narrowing_words().any(|(_, key, _)| matches!(key, "kind" | "license"))
    }

    /// Devices are asked about by what they cost or who makes them.
    pub(super) fn narrows_devices(&self) -> bool {
        self.is_question()
            && self.filters.iter().any(|(_, key, _)| matches!(*key, "budget" | "class" | "vendor"))
    }

    fn narrowing_words(&self) -> impl Iterator<Item = (usize, &'static str, &'static str)> {
        let free = self.tokens.iter().enumerate().filter(|(at, _)| !self.is_read[*at]);
        free.filter(|(_, token)| token.kind == Kind::Word).flat_map(|(at, token)| {
            narrowing(&token.raw).map(move |(key, value)| (at, *key, *value))
        })
    }

    /// What narrows the slots that are empty, once each key.
    pub(super) fn narrowed(
        &self,
        models: bool,
        devices: bool,
    ) -> Vec<(Range<usize>, &'static str, String)> {
        let words = self
            .narrowing_words()
            .map(|(at, key, value)| (self.span(at..at + 1), key, value.to_owned()));
        let mut found: Vec<(Range<usize>, &'static str, String)> = Vec::new();
        for (span, key, value) in self.filters.iter().cloned().chain(words) {
            let is_asked =
                models && is_of_models(key, &value) || devices && is_of_devices(key, &value);
            if is_asked && found.iter().all(|(_, known, _)| *known != key) {
                found.push((span, key, value));
            }
        }
        found
    }
}
