//! Splits a text into the tokens that names are made of: `qwen2.5-72b` is `qwen`, `2.5`, `72b`, and
//! `rtx3090ti` is `rtx`, `3090`, `ti`. What is typed and the names of the catalogue are split alike.

use super::words;
use crate::float;
use crate::letters::lowercase;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Letters.
    Word,
    /// Digits, with a decimal point or without; also a version such as `v3`.
    Number,
    /// A letter and a number that belong together: `r1`, `h100`.
    Code,
    /// Parameters: `72b`, `8x7b`, `e4b`.
    Size,
    /// Active parameters: `a3b`.
    Active,
    /// A quantisation, as links write it.
    Quant,
}

/// A token, in lower case and Latin letters.
#[derive(Clone, Debug)]
pub struct Token {
    /// What is compared.
    pub text: String,
    /// What was typed, in lower case.
    pub raw: String,
    /// What it is.
    pub kind: Kind,
    /// First byte in the text.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// The character before it is the end of the token before it.
    pub is_glued: bool,
    /// The last character between it and the token before it that is no space; a space where there
    /// is none.
    pub gap: char,
}

impl Token {
    /// The number that it is.
    pub fn number(&self) -> Option<f64> {
        match self.kind {
            Kind::Number => float::parse(&self.text),
            _ => None,
        }
    }

    /// It is this word.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }
}

/// The Latin letters that stand for a Cyrillic one.
const fn latin(letter: char) -> Option<&'static str> {
    Some(match letter {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' => "g",
        'д' => "d",
        'е' | 'ё' | 'э' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' => "i",
        'й' | 'ы' => "y",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "h",
        'ц' => "c",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "sch",
        'ъ' | 'ь' => "",
        'ю' => "yu",
        'я' => "ya",
        _ => return None,
    })
}

/// Latin letters for the Cyrillic ones as they sound; in a word of both scripts the letters of the one
/// that has fewer are those that they look like: кодеcтраль, qwеn.
pub fn transliterate(raw: &str) -> String {
    let all = raw.chars().filter(|letter| letter.is_alphabetic()).count();
    let ascii = raw.bytes().filter(u8::is_ascii_alphabetic).count();
    let sounds =
        |letter: char| ['р', 'в', 'н', 'с', 'х'].into_iter().find(|c| alike(*c) == Some(letter));
    let mut out = String::with_capacity(raw.len());
    for letter in raw.chars() {
        let letter = match 2 * ascii > all {
            _ if ascii == 0 || ascii == all => letter,
            true => alike(letter).unwrap_or(letter),
            false => sounds(letter).unwrap_or(letter),
        };
        match latin(letter) {
            Some(letters) => out.push_str(letters),
            None => out.push(letter),
        }
    }
    out
}

/// A name in Latin letters without its Russian ending: qwenом, macа.
fn without_ending(raw: &str) -> Option<&str> {
    let stem = raw.trim_end_matches(|letter| latin(letter).is_some());
    let ending = raw[stem.len()..].chars().count();
    (stem.len() > 2 && stem.is_ascii() && (1..4).contains(&ending)).then_some(stem)
}

/// A letter of a script that is written without spaces.
const fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// The Latin letter that a Cyrillic one looks like, where it sounds otherwise.
pub const fn alike(letter: char) -> Option<char> {
    Some(match letter {
        'р' => 'p',
        'в' => 'b',
        'н' => 'h',
        'с' => 'c',
        'х' => 'x',
        _ => return None,
    })
}

/// Whether a number is one of devices rather than one of their names.
fn is_count(number: Option<&Token>) -> bool {
    number.is_some_and(|number| number.text.len() < 3)
}

/// Letters that look like another of the other alphabet, where they stand by a number.
fn by_a_number(raw: &str) -> Option<&'static str> {
    Some(match raw {
        "х" | "×" => "x",
        "н" => "h",
        "б" => "b",
        "гб" => "gb",
        _ => return None,
    })
}

/// Runs of letters and numbers, before they are joined.
pub fn split(text: &str) -> Vec<Token> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let at = |i: usize| chars.get(i).map_or('\0', |(_, c)| *c);
    let byte = |i: usize| chars.get(i).map_or(text.len(), |(byte, _)| *byte);
    let mut tokens: Vec<Token> = Vec::new();
    let (mut i, mut last_end) = (0, 0);
    while i < chars.len() {
        let (first, c) = (i, at(i));
        let mut value = String::new();
        let kind = if c.is_ascii_digit() {
            while at(i).is_ascii_digit() {
                value.push(at(i));
                i += 1;
                let (mark, next) = (at(i), at(i + 1).is_ascii_digit());
                let digits = (1..).take_while(|n| at(i + n).is_ascii_digit()).take(4).count();
                let is_whole = !value.contains('.');
                match mark {
                    '.' if next && is_whole => value.push('.'),
                    '_' if next && is_whole && digits == 1 => value.push('.'),
                    ',' if next && is_whole && (digits == 1 || value == "0") => value.push('.'),
                    // Thousands: 32,768 and 32 768.
                    ',' | '\u{a0}' | '\u{202f}' if is_whole && digits == 3 && value.len() < 4 => {}
                    ' ' if is_whole
                        && digits == 3
                        && matches!(value.len(), 1..=3)
                        && matches!(value.as_str(), "16" | "32" | "65" | "131" | "262") => {}
                    _ => continue,
                }
                i += 1;
            }
            Kind::Number
        } else if c.is_alphabetic() || c == '×' {
            while at(i).is_alphabetic() || at(i) == '×' {
                i += 1;
                // Between ideographs and letters there is no space.
                if is_ideograph(at(i)) != is_ideograph(c) {
                    break;
                }
                // 8xh100 is 8 x h100, but 7900xtx has a word behind its number.
                let is_times = i == first + 1 && matches!(c, 'x' | 'X' | 'х' | 'Х' | '×');
                let after_number =
                    tokens.last().is_some_and(|t| t.kind == Kind::Number) && last_end == first;
                // L40Sx4
                let is_then_times = matches!(at(i), 'x' | 'X' | 'х' | 'Х')
                    && at(i + 1).is_ascii_digit()
                    && matches!(
                        text[byte(first)..byte(i)].to_ascii_lowercase().as_str(),
                        "s" | "ti" | "super" | "xt" | "xtx" | "sxm" | "pcie" | "nvl" | "gb"
                    );
                // 4070TiSuper
                let is_ti = i == first + 2
                    && text[byte(first)..]
                        .get(..7)
                        .is_some_and(|word| word.eq_ignore_ascii_case("tisuper"));
                if is_then_times || is_ti {
                    break;
                }
                // 2xT4, but 7900 XT.
                let is_xt = matches!(at(i), 't' | 'T' | 's' | 'S' | 'т' | 'Т')
                    && !(at(i + 1).is_ascii_digit() && is_count(tokens.last()));
                if is_times && after_number && !is_xt {
                    break;
                }
            }
            Kind::Word
        } else {
            i += 1;
            continue;
        };
        let raw = lowercase(&text[byte(first)..byte(i)]);
        let is_glued = last_end == first && !tokens.is_empty();
        let numbers = is_glued && tokens.last().is_some_and(|t| t.kind == Kind::Number)
            || at(i).is_ascii_digit();
        let value = match kind {
            Kind::Number => value,
            // H100 in Cyrillic letters, but gemma 3n too.
            _ => match by_a_number(&raw)
                .filter(|letter| numbers || *letter == "x")
                .filter(|letter| *letter != "h" || at(i).is_ascii_digit())
            {
                Some(letter) => letter.to_owned(),
                None => {
                    let raw = without_ending(&raw).unwrap_or(&raw);
                    let is_cyrillic = raw.chars().any(|c| latin(c).is_some());
                    words::canonical(transliterate(raw), raw, is_cyrillic)
                }
            },
        };
        let between = text[tokens.last().map_or(0, |last| last.end)..byte(first)].chars();
        let gap = between.rev().find(|c| !c.is_whitespace() || *c == '\n').unwrap_or(' ');
        let (start, end) = (byte(first), byte(i));
        tokens.push(Token { text: value, raw, kind, start, end, is_glued, gap });
        last_end = i;
    }
    tokens
}

/// Joins what belongs together: sizes, versions, and letters that a number follows.
pub fn join(parts: Vec<Token>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(parts.len());
    let mut i = 0;
    while i < parts.len() {
        let (kind, length) = joined(&parts, i);
        let whole = &parts[i..i + length];
        let mut token = whole[0].clone();
        if length > 1 {
            let text: String = whole.iter().map(|part| part.text.as_str()).collect();
            token.text = match kind {
                Kind::Number => text.trim_start_matches('v').to_owned(),
                Kind::Size => text.replace("billion", "b"),
                _ => text,
            };
            token.raw = whole.iter().map(|part| part.raw.as_str()).collect();
            token.kind = kind;
            token.end = whole[length - 1].end;
        }
        out.push(token);
        i += length;
    }
    out
}

/// Tens by the beginnings of their names, by which cards are called: тридцать девяносто, thirty ninety.
const TENS: &[(&str, u32)] = &[
    ("десять", 10),
    ("шестнадцат", 16),
    ("двадцат", 20),
    ("тридцат", 30),
    ("сорок", 40),
    ("пятьдесят", 50),
    ("пятидесят", 50),
    ("шестьдесят", 60),
    ("шестидесят", 60),
    ("семьдесят", 70),
    ("семидесят", 70),
    ("восемьдесят", 80),
    ("восьмидесят", 80),
    ("девяност", 90),
    ("ten", 10),
    ("sixteen", 16),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
];

/// Numbers of cards that are spelt out, as digits.
pub fn spoken(tokens: Vec<Token>) -> Vec<Token> {
    let tens = |token: &Token| {
        let known = TENS.iter().find(|(start, _)| match start.is_ascii() {
            true => token.raw == *start,
            false => token.raw.starts_with(start),
        });
        known.filter(|_| token.kind == Kind::Word).map(|(_, tens)| *tens)
    };
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let last = out.last_mut().filter(|_| matches!(token.gap, ' ' | '-'));
        match last.and_then(|last| Some((tens(last)?, last))).zip(tens(&token)) {
            Some(((first, last), second @ 50..)) => {
                last.text = format!("{first}{second}");
                last.raw = format!("{} {}", last.raw, token.raw);
                (last.kind, last.end) = (Kind::Number, token.end);
            }
            _ => out.push(token),
        }
    }
    out
}

fn is_glued_number(token: Option<&Token>) -> bool {
    token.is_some_and(|token| token.is_glued && token.kind == Kind::Number)
}

fn joined(parts: &[Token], i: usize) -> (Kind, usize) {
    let glued = |n: usize| parts.get(i + n).filter(|part| part.is_glued);
    let is_word = |n: usize, words: &[&str]| {
        glued(n).is_some_and(|part| part.kind == Kind::Word && words.contains(&part.text.as_str()))
    };
    let is_number = |n: usize| glued(n).is_some_and(|part| part.kind == Kind::Number);
    let first = &parts[i];
    match first.kind {
        Kind::Number if is_word(1, &["x"]) && is_number(2) && is_word(3, &["b"]) => (Kind::Size, 4),
        Kind::Number if is_word(1, &["b", "m", "t"]) => (Kind::Size, 2),
        Kind::Number => {
            // 70 b, 70 billion.
            let next = parts.get(i + 1).filter(|next| matches!(next.gap, ' ' | '-'));
            // A used one: 3090 б/у.
            let next = next.filter(|_| parts.get(i + 2).is_none_or(|then| then.raw != "у"));
            // Eight of B300.
            let next = next.filter(|_| !is_glued_number(parts.get(i + 2)));
            match next.is_some_and(|next| next.is("b") || next.is("billion")) {
                true => (Kind::Size, 2),
                false => (Kind::Number, 1),
            }
        }
        Kind::Word if first.text.len() == 1 && is_number(1) && !first.is("x") => {
            let small = parts[i + 1].number().is_some_and(|n| n < 20.0);
            match first.text.as_str() {
                "a" if is_word(2, &["b", "m"]) => (Kind::Active, 3),
                "e" if is_word(2, &["b"]) => (Kind::Size, 3),
                "v" if small => (Kind::Number, 2),
                _ => (Kind::Code, 2),
            }
        }
        kind => (kind, 1),
    }
}

/// The tokens of a name of the catalogue.
pub fn of_name(name: &str) -> Vec<Token> {
    join(split(name))
}
