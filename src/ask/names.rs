//! The index of the catalogue by the words of its names.

use std::sync::LazyLock;

use super::devices::{DeviceName, device_tokens, texts};
use super::filters::narrowing;
use super::lexer::{self, Kind};
use super::models::{FREE, KINDS, ModelName, consonants};
use super::table::Table;
use super::words;
use crate::catalog::{Catalog, Device, Model};

/// Largest number of entries in a choice.
pub const OPTIONS: usize = 8;

/// The names of the catalogue by their words.
pub struct Names {
    pub(super) models: Vec<ModelName>,
    pub(super) model_words: Table<Vec<usize>>,
    pub(super) heads: Table<()>,
    /// Families by the consonants of their names.
    pub(super) heard: Table<String>,
    pub(super) devices: Vec<DeviceName>,
    pub(super) device_words: Table<Vec<usize>>,
    pub(super) first_words: Table<()>,
    pub(super) never: Vec<(Vec<String>, usize)>,
}

/// What an id is of.
#[derive(Clone, Copy)]
pub enum Entry {
    /// A model.
    Model(&'static Model),
    /// A device.
    Device(&'static Device),
}

/// The index of the bundled catalogue, built on first use.
pub static NAMES: LazyLock<Names> = LazyLock::new(|| Names::of(Catalog::bundled()));

impl Names {
    fn of(catalog: &'static Catalog) -> Names {
        let models: Vec<ModelName> = catalog.models.iter().flat_map(ModelName::all).collect();
        let mut model_words: Table<Vec<usize>> = Table::new();
        let (mut heads, mut heard) = (Table::new(), Table::new());
        let add = |table: &mut Table<Vec<usize>>, word: &str, at: usize| {
            let known = table.or_insert(word, Vec::new());
            if known.last() != Some(&at) {
                known.push(at);
            }
        };
        for (at, name) in models.iter().enumerate() {
            for (place, word) in name.words.iter().enumerate() {
                add(&mut model_words, &word.text, at);
                let is_head = word.kind == Kind::Word
                    && (word.text.len() > 2 || word.text == "yi")
                    && !KINDS.contains(&word.text.as_str())
                    && words::meanings(&word.text).next().is_none()
                    && narrowing(&word.text).next().is_none()
                    && !FREE.contains(&word.text.as_str());
                if is_head {
                    heads.or_insert(&word.text, ());
                    if let Some(sounds) = consonants(&word.text) {
                        heard.or_insert(&sounds, word.text.clone());
                    }
                }
                // gptoss
                let next = name.words.get(place + 1).filter(|next| next.kind == Kind::Word);
                if let Some(next) = next.filter(|_| place == 0 && is_head) {
                    let both = format!("{}{}", word.text, next.text);
                    heads.or_insert(&both, ());
                    add(&mut model_words, &both, at);
                }
            }
        }
        let devices: Vec<DeviceName> = catalog.devices.iter().map(DeviceName::of).collect();
        let (mut device_words, mut first_words) = (Table::new(), Table::new());
        for (at, name) in devices.iter().enumerate() {
            let device = name.device;
            for text in texts(device) {
                let words = device_tokens(text);
                if let Some(first) = words.first() {
                    first_words.or_insert(first, ());
                }
                for word in &words {
                    // RTX A6000 is one of those that RTX 6000 can mean.
                    if device.segment == "workstation" && word.starts_with('a') && word.len() == 5 {
                        add(&mut device_words, &word[1..], at);
                    }
                    add(&mut device_words, word, at);
                }
            }
        }
        for word in ["pro", "orin", "thor", "xavier", "ai", "gold", "platinum"] {
            first_words.or_insert(word, ());
        }
        let never = Catalog::never_released().iter().enumerate();
        let never = never
            .map(|(at, never)| {
                let words = lexer::of_name(&never.name).into_iter().map(|word| word.text);
                (words.collect(), at)
            })
            .collect();
        Names { models, model_words, heads, heard, devices, device_words, first_words, never }
    }

    /// What `id` is the id of, as the catalogue or Hugging Face writes it. One without a hyphen or a
    /// digit is a word of a sentence.
    pub fn entry(id: &str) -> Option<Entry> {
        let is_told = id.contains(['-', '/']) || id.bytes().any(|b| b.is_ascii_digit());
        if !is_told {
            return None;
        }
        let catalog = Catalog::bundled();
        let device = || catalog.devices.iter().find(|device| device.id.eq_ignore_ascii_case(id));
        catalog.model(id).map(Entry::Model).or_else(|| device().map(Entry::Device))
    }
}

/// The slips between two words, if they are no more than `most`: letters left out, put in, taken for
/// others or exchanged with their neighbour.
pub fn slips(a: &str, b: &str, most: usize) -> Option<usize> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > most || b.len() > 32 || a.len() > 32 {
        return None;
    }
    let (mut before, mut last) = ([0; 33], [0; 33]);
    for (j, cell) in last.iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        let mut row = [0; 33];
        row[0] = i;
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        (before, last) = (last, row);
    }
    Some(last[b.len()]).filter(|slips| *slips <= most)
}
