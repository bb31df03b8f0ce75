//! The README's tables against the code. `HEADROOM_BLESS=1` writes them anew.

#![cfg(not(target_arch = "wasm32"))]

use std::{env, fs};

use headroom::scenario::{Engine, SETTINGS, Scenario, Setting, Unset};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const BEGIN: &str =
    "<!-- Written from src/scenario/settings.rs: HEADROOM_BLESS=1 cargo test --test readme -->\n";
const END: &str = "<!-- End of the settings. -->\n";

#[test]
fn the_readme_lists_every_setting() {
    let readme = fs::read_to_string(README).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("a place for the table");
    let (_, after) = rest.split_once(END).expect("an end of the table");
    let written = format!("{before}{BEGIN}{}{END}{after}", table());
    if env::var_os("HEADROOM_BLESS").is_some() {
        fs::write(README, written).unwrap();
    } else {
        assert!(readme == written, "HEADROOM_BLESS=1 writes the table of settings anew");
    }
}

fn table() -> String {
    let head =
        "| key | what it is | accepted | default | read by |\n| --- | --- | --- | --- | --- |\n";
    head.to_owned() + &SETTINGS.iter().map(row).collect::<String>()
}

fn row(setting: &Setting) -> String {
    let cells =
        [code(setting.key), setting.about(), accepted(setting), default(setting), readers(setting)];
    assert!(cells.iter().all(|cell| !cell.contains(['|', '\n'])), "{cells:?}");
    format!("| {} |\n", cells.join(" | "))
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Words and ranges as code, of a long list the first ones.
fn accepted(setting: &Setting) -> String {
    let text = setting.accepted();
    let end = text.find([';', '(']).unwrap_or(text.len());
    let (text, note) = text.split_at(end);
    let words: Vec<String> = text
        .trim()
        .split(", ")
        .map(|word| if word.contains(' ') { word.to_owned() } else { code(word) })
        .collect();
    let listed = match words.len() {
        0..20 => words.join(", "),
        n => format!("{} and {} more", words[..6].join(", "), n - 6),
    };
    match note.starts_with('(') {
        true => format!("{listed} {note}"),
        false => listed + note,
    }
}

fn default(setting: &Setting) -> String {
    match setting.unset() {
        None => match setting.text(&Scenario::default()) {
            text if text.is_empty() => "none".to_owned(),
            text => code(&text),
        },
        Some(Unset::Value(text)) => code(text),
        Some(unset) => match unset {
            Unset::Nothing | Unset::Value(_) => "none",
            Unset::Any => "any",
            Unset::Engine => "the engine's own",
            Unset::Platform => "the platform's own",
            Unset::Machine => "from the catalogue",
            Unset::Devices => "one a device",
            Unset::Memory => "by memory",
            Unset::Reader => "the reader's",
            Unset::Page => "the page's choice",
        }
        .to_owned(),
    }
}

/// The engines that read it, or those that do not, whichever are fewer.
fn readers(setting: &Setting) -> String {
    let titles = |wanted: bool| {
        let engines = Engine::ALL.iter().filter(|engine| setting.is_read_by(**engine) == wanted);
        engines.map(|engine| engine.title()).collect::<Vec<_>>()
    };
    let (readers, others) = (titles(true), titles(false));
    match (readers.len(), others.len()) {
        (0, _) => "the page".to_owned(),
        (_, 0) => "all engines".to_owned(),
        (n, m) if n <= m => readers.join(", "),
        _ => format!("all but {}", others.join(", ")),
    }
}
