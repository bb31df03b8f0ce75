//! The page's strings and styles: complete in every language, and nothing that no source uses.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use headroom::scenario::setting;

use serde_json::Value;

/// The endings that a count gives a string's key.
const PLURALS: [&str; 6] = ["_zero", "_one", "_two", "_few", "_many", "_other"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files below `folder` with this extension, one after another.
fn read_all(folder: impl AsRef<Path>, extension: &str) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &read_all(&path, extension);
        } else if path.extension().is_some_and(|found| found == extension) {
            text += &read(path);
        }
    }
    assert!(!text.is_empty(), "no .{extension} file");
    text
}

/// The keys of a language as the page writes them: `bill.region`, and `counts.users` for all the
/// plural forms of that string.
fn keys(language: &str) -> BTreeSet<String> {
    fn collect(strings: &Value, path: &str, keys: &mut BTreeSet<String>) {
        let strings = strings.as_object().unwrap();
        for (key, value) in strings {
            let is_plural = |stem: &&str| strings.contains_key(&format!("{stem}_other"));
            let stem = PLURALS.iter().find_map(|plural| key.strip_suffix(plural)).filter(is_plural);
            let path = format!("{path}{}", stem.unwrap_or(key));
            match value {
                Value::Object(_) => collect(value, &format!("{path}."), keys),
                _ => _ = keys.insert(path),
            }
        }
    }
    let mut keys = BTreeSet::new();
    let strings = serde_json::from_str(&read(format!("locales/{language}.json"))).unwrap();
    collect(&strings, "", &mut keys);
    keys
}

/// The classes that the style sheets name.
fn classes() -> BTreeSet<String> {
    let sheets = read_all("style", "css");
    let rules = sheets.split("*/").map(|rule| rule.split("/*").next().unwrap_or_default());
    let rules = rules.collect::<String>();
    let selectors = rules.split('{').map(|rule| rule.rsplit(['}', ';']).next().unwrap_or_default());
    let named = selectors.flat_map(|selector| selector.split('.').skip(1));
    let name = |rest: &str| rest.split(|c| !continues_class(c)).next().unwrap().to_owned();
    named.map(name).filter(|name| name.starts_with(char::is_alphabetic)).collect()
}

fn continues_key(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

fn continues_class(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// The names that stand nowhere in `text`, where a longer name is another one.
fn unused(names: &BTreeSet<String>, text: &str, continues: fn(char) -> bool) -> Vec<String> {
    let used: BTreeSet<&str> = text.split(|c| !continues(c)).collect();
    names.iter().filter(|name| !used.contains(name.as_str())).cloned().collect()
}

#[test]
fn all_languages_have_the_same_strings() {
    let english = keys("en");
    for file in fs::read_dir(root().join("locales")).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "json") {
            let language = file.file_stem().unwrap().to_str().unwrap();
            let other = keys(language);
            let lacking: Vec<_> = english.symmetric_difference(&other).collect();
            assert!(lacking.is_empty(), "in one of en and {language} only: {lacking:?}");
        }
    }
}

#[test]
fn every_string_is_used() {
    let mut unused = unused(&keys("en"), &read_all("src/web", "rs"), continues_key);
    // The page takes the labels of settings from their table.
    unused.retain(|name| name.strip_prefix("setting.").is_none_or(|key| setting(key).is_none()));
    assert!(unused.is_empty(), "in locales/, but not in src/web: {unused:?}");
}

#[test]
fn every_style_is_used() {
    let sources = read_all("src/web", "rs") + &read("index.html");
    let unused = unused(&classes(), &sources, continues_class);
    assert!(unused.is_empty(), "in style/, but not in src/web or index.html: {unused:?}");
}

#[test]
fn what_is_unused_is_found() {
    let names = ["split.none", "counts.users"].map(str::to_owned).into();
    let source = "tr!(state, counts.users, n = 1); tr!(state, split.none_of_it); a.split.none";
    assert_eq!(unused(&names, source, continues_key), ["split.none"]);
    let names = ["cell", "cell-quant"].map(str::to_owned).into();
    assert_eq!(unused(&names, r#"class="cell-quant open""#, continues_class), ["cell"]);
    assert!(classes().contains("cell-quant") && !keys("ru").contains("counts.users_few"));
}
