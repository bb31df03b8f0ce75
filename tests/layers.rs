//! The order of the rooms: what each folder or file right under `src` may name of the others.

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up: a room names itself and those before it, never one after it. The page, a
/// crate of its own, is above them all.
const ROOMS: &[&str] = &[
    "letters",
    "sort",
    "decimal",
    "float",
    "units",
    "architecture",
    "quant",
    "catalog",
    "import",
    "scenario",
    "ask",
    "speed",
    "report",
    "memory_log",
    "quality",
    "hardware",
    "bill",
    "engine",
    "advice",
    "economy",
    "estimate",
    "ranking",
    "steps",
    "plan",
    "curves",
    "accuracy",
];

fn source_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Crates of their own.
        let other_crate = path.join("Cargo.toml").exists();
        if path.is_dir() && !other_crate {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The text without comments, and without the unit tests at its end, which may use anything.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The rooms that `text` names as `crate::ROOM`.
fn named_rooms(text: &str) -> Vec<String> {
    let names = text.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    names.filter(|name| !name.is_empty()).collect()
}

fn rank(room: &str) -> usize {
    let at = ROOMS.iter().position(|known| *known == room);
    at.unwrap_or_else(|| panic!("`{room}` has no place in the order of rooms: add it to ROOMS"))
}

#[test]
fn every_room_names_only_the_rooms_below_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&src, &mut files);
    assert!(files.len() > 100, "the sources were found: {}", files.len());
    let mut upwards = Vec::new();
    for file in &files {
        let path = file.strip_prefix(&src).unwrap();
        let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
        let room = first.trim_end_matches(".rs");
        if matches!(room, "lib" | "main") {
            continue;
        }
        for named in named_rooms(&code(&fs::read_to_string(file).unwrap())) {
            if rank(&named) > rank(room) {
                upwards.push(format!("{} names {named}", path.display()));
            }
        }
    }
    assert!(upwards.is_empty(), "{upwards:#?}");
}

#[test]
fn names_are_found_in_code_and_not_in_comments_or_tests() {
    let text = "use crate::units::Bytes; // crate::web\nfn f(x: crate::report::Cell) {}\n\
                #[cfg(test)]\nmod tests { use crate::estimate; }";
    assert_eq!(named_rooms(&code(text)), ["units", "report"]);
}
