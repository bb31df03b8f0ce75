//! The query string of a question. Defaults are left out.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::scenario::{SETTINGS, Scenario};

/// Encoded in a pair of the query string. What is left readable has no meaning there.
const PAIR: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'`')
    .add(b'?')
    .add(b'\'')
    .add(b'\\')
    .add(b'^')
    .add(b'{')
    .add(b'}')
    .add(b'|');

/// Encoded inside an entry of a list, where these characters have a meaning.
const ENTRY: &AsciiSet = &CONTROLS.add(b',').add(b';').add(b'*').add(b'@').add(b'%');

pub(super) fn write(scenario: &Scenario) -> String {
    let mut out = String::new();
    let mut pair = |key: &str, value: &str| {
        if !out.is_empty() {
            out.push('&');
        }
        out.extend(utf8_percent_encode(key, PAIR));
        out.push('=');
        out.extend(utf8_percent_encode(value, PAIR));
    };
    for setting in SETTINGS.iter().filter(|setting| !setting.is_default(scenario)) {
        pair(setting.key, &setting.text(scenario));
    }
    for (key, value) in &scenario.unused {
        pair(key, value);
    }
    out
}

/// An id as an entry of a list. Outer spaces are encoded, since the reader trims.
pub(in crate::scenario) fn escape_entry(id: &str) -> String {
    let inner = id.trim();
    let lead = &id[..id.len() - id.trim_start().len()];
    let trail = &id[lead.len() + inner.len()..];
    let spaces = |s: &str| s.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
    format!("{}{}{}", spaces(lead), utf8_percent_encode(inner, ENTRY), spaces(trail))
}
