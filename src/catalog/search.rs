//! Search for entries by ids, short names, parts of names, and misspelt names.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Catalog, Device, DeviceKind, Model, ModelSize, Suggestion};
use crate::sort;

/// Names of makers and brands, which people leave out.
const BRANDS: &[&str] =
    &["nvidia", "geforce", "amd", "radeon", "instinct", "intel", "apple", "tesla", "gpu"];

/// Digits of the shortest number that names a device by itself.
const SHORTEST_NUMBER: usize = 3;

/// Largest number of entries in a suggestion.
const SUGGESTED: usize = 5;

/// Splits text into lower-case words of letters, digits and dots.
fn words(text: &str) -> Vec<String> {
    text.to_ascii_lowercase()
        .split(|c: char| !c.is_alphanumeric() && c != '.')
        .filter(|word| word.contains(char::is_alphanumeric))
        .map(str::to_owned)
        .collect()
}

/// Returns text without case, spaces, punctuation and brands, for comparing names.
pub(super) fn key(text: &str) -> String {
    let mut words = words(text);
    let plain: Vec<String> =
        words.iter().filter(|w| !BRANDS.contains(&w.as_str())).cloned().collect();
    if !plain.is_empty() {
        words = plain;
    }
    words.concat()
}

/// Returns every name of a device.
pub(super) fn device_names(device: &Device) -> Vec<&str> {
    let mut names = vec![device.id.as_str(), &device.name];
    names.extend(device.aliases.iter().map(String::as_str));
    names.push(&device.vendor);
    names
}

/// Returns every name of a model.
pub(super) fn model_names(model: &Model) -> Vec<&str> {
    vec![&model.id, &model.name, &model.hf_id, &model.family, &model.org]
}

/// Finds the model whose id is this one but for punctuation: `llama-3.3` and `llama-3_3`.
///
/// What names a repository or describes a model is left to those that read such.
pub(super) fn model<'a>(models: &'a [Model], id: &str) -> Option<&'a Model> {
    if id.contains(['/', ':']) {
        return None;
    }
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_lowercase()).collect()
    };
    let wanted = plain(id);
    let mut found = models.iter().filter(|model| !wanted.is_empty() && plain(&model.id) == wanted);
    // `qwen2.5` and `qwen25` may be two.
    found.next().filter(|_| found.next().is_none())
}

/// Finds a device by id, name or alias; else the plainest one (fewest words, then first) whose
/// names contain every word of `id`; else one whose name ends with it (`2080ti`).
///
/// If no word has a model number (`rtx`, `24gb`), the match must be unique. A bare number is one only
/// where an accelerator's id has it (`4090`): not a count, a width or a clock rate.
pub(super) fn device<'a>(devices: &'a [Device], id: &str) -> Option<&'a Device> {
    if let Some(device) = devices.iter().find(|d| d.id == id) {
        return Some(device);
    }
    let wanted = key(id);
    if wanted.is_empty() {
        return None;
    }
    let named = |d: &&Device| {
        key(&d.id) == wanted
            || key(&d.name) == wanted
            || d.aliases.iter().any(|alias| key(alias) == wanted)
    };
    if let Some(device) = devices.iter().find(named) {
        return Some(device);
    }
    let mut parts = words(id);
    parts.retain(|word| !BRANDS.contains(&word.as_str()));
    let has_number = |w: &String| w.contains(|c: char| c.is_ascii_digit()) && !w.ends_with("gb");
    let numbered = parts.iter().any(has_number);
    let bare = parts.iter().all(|word| word.bytes().all(|b| b.is_ascii_digit()));
    if bare && parts.concat().len() < SHORTEST_NUMBER {
        return None;
    }
    let holds = |d: &&Device| {
        let names = match bare {
            true if d.kind == DeviceKind::Cpu => return false,
            true => words(&d.id),
            false => words(&device_names(d).join(" ")),
        };
        !parts.is_empty() && parts.iter().all(|word| names.contains(word))
    };
    let mut found = devices.iter().filter(holds);
    if !numbered {
        return found.next().filter(|_| found.next().is_none());
    }
    found
        .min_by_key(|d| words(&d.id).len())
        .or_else(|| devices.iter().find(|d| wanted.len() > 4 && key(&d.id).ends_with(&wanted)))
}

/// Finds the entries whose names match every word of `text`, best first: whole words before
/// prefixes, prefixes before other parts, short names before long ones. All entries if `text` has
/// no word.
pub(super) fn find<'a, T>(
    entries: &'a [T],
    text: &str,
    names: impl Fn(&T) -> Vec<&str>,
) -> Vec<&'a T> {
    let wanted = words(text);
    let mut found: Vec<(usize, usize, &T)> = entries
        .iter()
        .filter_map(|entry| {
            let names = names(entry);
            let penalty = mismatch(&wanted, &names)?;
            let length = if wanted.is_empty() { 0 } else { names[0].len() };
            Some((penalty, length, entry))
        })
        .collect();
    sort::by_key(&mut found, |(penalty, length, _)| (*penalty, *length));
    found.into_iter().map(|(_, _, entry)| entry).collect()
}

/// Returns the distance of `names` from all of the words `wanted`: 0 if each is a whole word of the
/// first name; `None` if one is missing.
fn mismatch(wanted: &[String], names: &[&str]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    let names: Vec<(Vec<String>, String)> = names
        .iter()
        .map(|name| {
            let words = words(name);
            let joined = words.concat().replace('.', "");
            (words, joined)
        })
        .collect();
    let of_word = |word: &String| {
        let of_name = |(place, (words, joined)): (usize, &(Vec<String>, String))| {
            let how = if words.contains(word) {
                0
            } else if words.iter().any(|part| part.starts_with(word.as_str())) {
                1
            } else if joined.contains(&word.replace('.', "")) {
                2
            } else {
                return None;
            };
            Some(4 * how + place.min(3))
        };
        names.iter().enumerate().filter_map(of_name).min()
    };
    wanted.iter().map(of_word).sum()
}

/// Returns the pairs of neighbouring characters, by which spellings are compared.
fn pairs(text: &str) -> BTreeSet<(char, char)> {
    let key = key(text);
    let mut pairs = BTreeSet::new();
    // Collected they would be sorted first, by one more instance of the sort.
    pairs.extend(key.chars().zip(key.chars().skip(1)));
    pairs
}

/// Returns the ids of the entries most similar to `unknown`, best first (Dice coefficient of letter
/// pairs).
fn nearest<'a>(unknown: &str, ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = pairs(unknown);
    let mut scored: Vec<(u64, &str)> = ids
        .map(|id| {
            let pairs = pairs(id);
            let shared = wanted.intersection(&pairs).count() as u64;
            (2000 * shared / (wanted.len() + pairs.len()).max(1) as u64, id)
        })
        .filter(|(score, _)| *score >= 400)
        .collect();
    sort::by_key(&mut scored, |(score, _)| Reverse(*score));
    scored.truncate(SUGGESTED);
    scored.into_iter().map(|(_, id)| id.to_owned()).collect()
}

pub(super) fn suggest_model(catalog: &Catalog, unknown: &str) -> Suggestion {
    let name = unknown.rsplit('/').next().unwrap_or(unknown);
    let wanted = words(name);
    // The longest name that `unknown` begins with: `qwen3-72b-instruct` is meant by `Qwen3-72B`.
    let never = Catalog::never_released()
        .iter()
        .filter(|never| wanted.starts_with(&words(&never.name)))
        .max_by_key(|never| never.name.len());
    let hypothetical = ModelSize::in_name(name).map(|size| size.to_string());
    match never {
        Some(never) => Suggestion {
            never_released: Some(never.why.clone()),
            nearest: never.nearest.iter().take(SUGGESTED).cloned().collect(),
            base: None,
            hypothetical,
        },
        None => {
            let base = base_of(catalog, name).map(|model| model.id.clone());
            let found = catalog.find_models(name).into_iter().map(|m| m.id.as_str());
            let all = catalog.models.iter().map(|m| m.id.as_str());
            let mut nearest = best(name, found, all);
            if let Some(base) = &base {
                nearest.retain(|id| id != base);
                nearest.insert(0, base.clone());
                nearest.truncate(SUGGESTED);
            }
            Suggestion { never_released: None, nearest, base, hypothetical }
        }
    }
}

/// Words of a model's name that a model made from it may lack.
const KINDS: &[&str] = &["instruct", "chat", "it", "hf", "base", "meta"];

/// The model that another one is made from, by its name: the one with all words of its name in that
/// of the other, among them its size, and with the most of them.
pub(super) fn base_of<'a>(catalog: &'a Catalog, name: &str) -> Option<&'a Model> {
    let wanted = words(name);
    let has = |word: &String| wanted.contains(word);
    let shared = |model: &Model| {
        let own = words(model.name_on_hub());
        let is_size =
            |word: &String| word.ends_with('b') && word.starts_with(|c: char| c.is_ascii_digit());
        let is_made = own.iter().any(|word| is_size(word) && has(word))
            && own.iter().all(|word| has(word) || KINDS.contains(&word.as_str()))
            && own.len() < wanted.len() + KINDS.len();
        let kinds = |words: &[String]| {
            KINDS.iter().filter(|kind| words.iter().any(|word| word == *kind)).count()
        };
        let count = own.iter().filter(|word| has(word)).count();
        // Most fine-tunes say what they are made from, and of one that does not say it is an
        // instruct model the base is as good.
        is_made.then(|| (count, Reverse(kinds(&own).abs_diff(kinds(&wanted)))))
    };
    let found = catalog.models.iter().filter_map(|model| Some((shared(model)?, model)));
    found.max_by_key(|(shared, _)| *shared).map(|(_, model)| model)
}

pub(super) fn suggest_device(catalog: &Catalog, unknown: &str) -> Suggestion {
    let found = catalog.find_devices(unknown).into_iter().map(|d| d.id.as_str());
    let all = catalog.devices.iter().map(|d| d.id.as_str());
    let nearest = best(unknown, found, all);
    Suggestion { nearest, ..Suggestion::default() }
}

/// Returns the first of `found`, or, if there are none, those of `all` most similar to `unknown`.
fn best<'a>(
    unknown: &str,
    found: impl Iterator<Item = &'a str>,
    all: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    let found: Vec<String> = match key(unknown).is_empty() {
        true => Vec::new(),
        false => found.take(SUGGESTED).map(str::to_owned).collect(),
    };
    if found.is_empty() { nearest(unknown, all) } else { found }
}
