//! Whoever has Trunk may build and serve the page by it: both ways lead to the same files, but for the
//! app, which Trunk leaves whole.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::licenses;
use crate::page::{Page, config, read_files};
use crate::process::{command, root, run};
use crate::tools;

/// Compares what is in `dist/` with what Trunk makes of the same sources; `false` where there is
/// no Trunk.
///
/// # Errors
/// Trunk fails, or a file of the page is not the same.
pub fn compare() -> Result<bool> {
    let Ok(trunk) = which::which("trunk") else { return Ok(false) };
    let config = config()?;
    let dist = root().join("target").join("trunk");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    for tool in [tools::wasm_opt(config.tools.wasm_opt()?)?, tools::wasm_bindgen("wasm-bindgen")?] {
        folders.splice(0..0, tool.parent().map(Into::into));
    }
    let mut build = command(trunk);
    build.args(["build", "--release", "--offline", "--dist"]).arg(&dist);
    build.env("PATH", std::env::join_paths(folders)?);
    // Trunk reads it as a Boolean and refuses the customary `1`.
    build.env_remove("NO_COLOR");
    run(&mut build)?;
    let (mut ours, theirs) = (read_files(&root().join(&config.build.dist))?, read_files(&dist)?);
    // Trunk does not write it.
    ours.remove(licenses::ADDRESS);
    let (ours, theirs) = (without_app(ours), without_app(theirs));
    let different = differences(&ours, &theirs);
    ensure!(different.is_empty(), "not the same by Trunk: {}", different.join(", "));
    Ok(true)
}

/// The page without the app, and without the hash by which others name it.
fn without_app(page: Page) -> Page {
    let app = page.keys().find_map(|address| address.strip_suffix("_bg.wasm")).map(str::to_owned);
    let app = app.unwrap_or_default();
    let rest = format!(" data-rest=\"./{app}_rest.wasm\"");
    let files = page.into_iter().filter(|(address, _)| !address.ends_with(".wasm"));
    let nameless = |(address, bytes): (String, Vec<u8>)| {
        let bytes = match address.as_str() {
            "index.html" => {
                let html = String::from_utf8_lossy(&bytes).replace(&rest, "").replace(&app, "app");
                unpadded(&html).into_bytes()
            }
            _ => bytes,
        };
        (unpadded(&address.replace(&app, "app")), bytes)
    };
    files.map(nameless).collect()
}

/// Without the zeros at the beginning of hashes: Trunk writes them from 0.22 on.
fn unpadded(text: &str) -> String {
    let mut text = text.to_owned();
    while text.contains("-0") {
        text = text.replace("-0", "-");
    }
    text
}

/// The addresses at which two pages have different files, or only one has a file.
fn differences<'a>(one: &'a Page, other: &'a Page) -> Vec<&'a str> {
    let addresses: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let different =
        addresses.into_iter().filter(|address| one.get(*address) != other.get(*address));
    different.map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::{differences, without_app};
    use crate::page::Page;

    fn page(files: &[(&str, &str)]) -> Page {
        files.iter().map(|(address, text)| ((*address).into(), (*text).into())).collect()
    }

    #[test]
    fn a_page_is_the_same_whether_its_app_is_divided() {
        let divided = page(&[
            ("index.html", "<meta data-wasm=\"./a-1_bg.wasm\" data-rest=\"./a-1_rest.wasm\">"),
            ("a-1.js", "start"),
            ("a-1_bg.wasm", "first"),
            ("a-1_rest.wasm", "rest"),
            ("b-c.css", "style"),
        ]);
        let files = |script| {
            let html = "<meta data-wasm=\"./a-2_bg.wasm\">";
            page(&[
                ("index.html", html),
                ("a-2.js", script),
                ("a-2_bg.wasm", "whole"),
                ("b-00c.css", "style"),
            ])
        };
        let divided = without_app(divided);
        assert!(differences(&divided, &without_app(files("start"))).is_empty());
        assert_eq!(differences(&divided, &without_app(files("other"))), ["app.js"]);
    }

    #[test]
    fn changed_missing_and_further_files_are_differences() {
        let one = page(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let other = page(&[("a", "1"), ("b", "2"), ("d", "1")]);
        assert_eq!(differences(&one, &other), ["b", "c", "d"]);
        assert!(differences(&one, &one).is_empty());
    }
}
