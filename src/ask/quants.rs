//! Quantisations by the names that people give them.

use std::sync::LazyLock;

use super::lexer::{self, Kind, Token};
use super::table::Table;
use crate::quant::Quant;

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
    ("q2kxl", "UD-Q2_K_XL"),
    ("q3kxl", "UD-Q3_K_XL"),
    ("q4kxl", "UD-Q4_K_XL"),
    ("q5kxl", "UD-Q5_K_XL"),
    ("q6kxl", "UD-Q6_K_XL"),
    ("q8kxl", "UD-Q8_K_XL"),
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
    ("gptqint8", "INT8"),
    ("gptq8bit", "INT8"),
    ("gptq4bit", "GPTQ"),
    ("bnb4bit", "NF4"),
    ("bnbnf4", "NF4"),
    ("bnb8bit", "BNB-INT8"),
    ("bnb", "NF4"),
    ("bitsandbytes", "NF4"),
];

/// Quantisations by their names without what stands between the parts.
static QUANTS: LazyLock<Table<String>> = LazyLock::new(|| {
    let plain = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let mut map = Table::new();
    for (short, name) in SHORTHANDS {
        map.or_insert(short, (*name).to_owned());
    }
    for quant in Quant::all() {
        map.or_insert(&plain(&quant.to_string()), quant.to_string());
    }
    map
});

/// The tokens of a text, quantisations among them.
pub fn with_quants(parts: Vec<Token>) -> Vec<Token> {
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
        let completes = matches!(key.as_str(), "awq" | "gptq") && part.text == "int"
            || key == "ud" && matches!(part.text.as_str(), "q" | "iq")
            || matches!(
                part.text.as_str(),
                "k" | "m" | "s" | "l" | "xs" | "xxs" | "nl" | "xl" | "bpw" | "bit"
            )
            || part.kind == Kind::Number
                && matches!(key.as_str(), "q" | "iq" | "fp" | "bf" | "nf" | "int" | "bnb")
            || part.kind == Kind::Number
                && part.text.len() == 1
                && key.len() == 2
                && key.starts_with('q')
                && matches!(part.text.as_str(), "0" | "1");
        if is_apart && !completes {
            break;
        }
        // Unsloth's dynamic quants are called UD.
        let text = if n == 0 && part.text == "dynamic" { "ud" } else { &part.text };
        key.extend(text.chars().filter(char::is_ascii_alphanumeric));
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
        !is_word || matches!(first.text.as_str(), "awq" | "gptq" | "bnb" | "bitsandbytes")
    })
}
