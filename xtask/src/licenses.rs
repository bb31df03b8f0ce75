//! The notice of the licences of what the page is built from, which goes with it: most of them ask
//! that their text does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::process::{cargo, output, root};
use crate::tools;

/// The notice's address in the page.
pub const ADDRESS: &str = "licenses.txt";

/// A package, as `cargo metadata` tells of it.
#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// Writes the notice: each text once, after the packages that it is the licence of.
///
/// # Errors
/// Cargo does not tell what the page is built from, or a file cannot be read.
pub fn notice() -> Result<String> {
    let linked = linked()?;
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version", "1", "--locked"]);
    let metadata = output(metadata.args(["--filter-platform", tools::WASM_TARGET]));
    let Metadata { mut packages } =
        serde_json::from_str(&metadata.context("cargo metadata failed")?)?;
    packages.retain(|package| linked.contains(&format!("{} v{}", package.name, package.version)));
    ensure!(!packages.is_empty(), "cargo metadata and cargo tree name no package alike");

    let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in &packages {
        let Package { name, version, license, repository, .. } = package;
        let license = license.as_deref().unwrap_or("see its repository");
        let from = repository.as_deref().unwrap_or_default();
        let line = format!("{name} {version} ({license}) {from}");
        let folder = package.manifest_path.parent().unwrap_or(root());
        for text in texts(folder, license)? {
            by_text.entry(text).or_default().push(line.trim_end().to_owned());
        }
    }
    let mut notice = "Headroom's page is built from the packages below. The licence of each group \
                      of them follows it.\nThe typeface has its licence beside it, in fonts/.\n"
        .to_owned();
    for (text, packages) in by_text {
        notice += &format!("\n{}\n\n{}\n\n{text}\n", "=".repeat(80), packages.join("\n"));
    }
    Ok(notice)
}

/// The packages that are compiled into the page, as `name v1.2.3`: not what only runs while it is
/// built, nor the page itself.
fn linked() -> Result<BTreeSet<String>> {
    let mut tree = cargo();
    tree.args(["tree", "--locked", "--package", "headroom-web", "--prefix", "none"]);
    tree.args(["--target", tools::WASM_TARGET, "--edges", "normal,no-proc-macro"]);
    let tree = output(&mut tree).context("cargo tree failed")?;
    let others = tree.lines().filter(|line| !line.contains(" (/") && !line.contains(":\\"));
    let names = others.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
    Ok(names.collect())
}

/// The licence's texts in `folder`. Of several to choose from, MIT is chosen: it is the shortest.
fn texts(folder: &Path, license: &str) -> Result<Vec<String>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
        let is_text = ["LICENSE", "LICENCE", "COPYING", "UNLICENSE"];
        if path.is_file() && is_text.iter().any(|word| name.starts_with(word)) {
            files.push(path);
        }
    }
    files.sort();
    let is_mit = |path: &PathBuf| path.to_string_lossy().to_ascii_uppercase().ends_with("MIT");
    if license.contains(" OR ") && files.iter().any(is_mit) {
        files.retain(is_mit);
    }
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Ok(text.replace("\r\n", "\n").trim().to_owned())
    };
    let texts: Vec<String> = files.iter().map(read).collect::<Result<_>>()?;
    Ok(if texts.is_empty() { vec![format!("(no file; its licence is {license})")] } else { texts })
}

#[cfg(test)]
mod tests {
    use super::notice;

    #[test]
    fn what_the_page_is_built_from_is_named_with_its_licence() {
        let notice = notice().unwrap();
        for package in ["leptos 0.8", "serde_json 1.", "wasm-bindgen 0.2"] {
            assert!(notice.contains(package), "no {package}");
        }
        assert!(notice.contains("Permission is hereby granted"));
        // What runs while it is built, and what is ours.
        for package in ["\nthiserror-impl ", "\nproptest ", "\nheadroom "] {
            assert!(!notice.contains(package), "{package}");
        }
    }
}
