//! Building the page by what Trunk.toml and index.html say, as Trunk does.

use std::collections::BTreeMap;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result};

use crate::browser::Browser;
use crate::config::Config;
use crate::document::{Asset, Document, RustApp};
use crate::licenses;
use crate::process::{cargo, command, executable, root, run};
use crate::tools;

/// A built page: its files by their addresses, which are relative and divided by `/`.
pub type Page = BTreeMap<String, Vec<u8>>;

/// What the app is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be tried out while it is worked on: built quickly.
    Development,
    /// To be published: small and fast.
    Release,
}

/// Builds the page for publication, writes it into `dist/` and lists what it weighs.
///
/// # Errors
/// A tool is missing or the build fails.
pub fn release() -> Result<()> {
    let config = config()?;
    let mut page = build(&config, Purpose::Release)?;
    page.insert(licenses::ADDRESS.to_owned(), licenses::notice()?.into_bytes());
    let dist = root().join(&config.build.dist);
    if dist.exists() {
        fs::remove_dir_all(&dist)?;
    }
    for (address, bytes) in &page {
        let file = dist.join(address);
        fs::create_dir_all(file.parent().unwrap_or(&dist))?;
        fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
        println!("{:>10} bytes  {}/{address}", bytes.len(), config.build.dist.display());
    }
    Ok(())
}

/// Builds the page and photographs it as it answers `query`.
///
/// # Errors
/// A tool is missing, or the build or the script fails.
pub fn screenshots(query: &str) -> Result<()> {
    let browser = Browser::find()?;
    release()?;
    run(node(&browser)?.args(["tests/e2e/screenshots.mjs", query]))
}

/// Node with what the scripts of tests/e2e read from the environment.
///
/// # Errors
/// There is no Node or no npm.
pub fn node(browser: &Browser) -> Result<Command> {
    let packages = tools::npm_packages()?;
    let mut node = command(which::which("node").context("node is not on PATH")?);
    node.env("HEADROOM_NPM", packages).env("CHROMIUM", &browser.chromium);
    Ok(node)
}

/// Trunk.toml.
///
/// # Errors
/// It cannot be read, or asks for what only Trunk does.
pub fn config() -> Result<Config> {
    let text = fs::read_to_string(root().join("Trunk.toml")).context("Trunk.toml")?;
    Config::parse(&text).context("Trunk.toml")
}

/// Builds the page.
///
/// # Errors
/// A tool is missing, index.html cannot be used, or the app does not compile.
pub fn build(config: &Config, purpose: Purpose) -> Result<Page> {
    tools::wasm_target()?;
    let source = root().join(&config.build.target);
    let name = config.build.target.display();
    let html = fs::read_to_string(&source).with_context(|| name.to_string())?;
    let document = Document::parse(&html).with_context(|| name.to_string())?;
    let folder = source.parent().unwrap_or(root());
    let base = &config.build.public_url;

    let mut page = Page::new();
    let (mut markup, mut preloads) = (Vec::new(), String::new());
    for element in &document.elements {
        markup.push(match &element.asset {
            Asset::Css(path) | Asset::Icon(path) | Asset::Script(path) => {
                let path = folder.join(path);
                let bytes = read(&path)?;
                let address = hashed(&path, &bytes);
                let markup = element.markup(&format!("{base}{address}"));
                page.insert(address, bytes);
                markup
            }
            Asset::CopyFile(path) | Asset::CopyDir(path) => {
                let path = folder.join(path);
                let name = path.file_name().context("a path without a name")?.to_string_lossy();
                copy(&path, &name, &mut page)?;
                String::new()
            }
            Asset::Rust(app) => {
                let files = build_app(app, folder, config, purpose)?;
                let markup = match app.is_late {
                    true => String::new(),
                    false => {
                        preloads = files.preloads(base);
                        config.build.app_markup(&files.js, &files.wasm)
                    }
                };
                page.extend(files.all);
                markup
            }
        });
    }
    page.insert("index.html".to_owned(), document.render(&markup, &preloads).into_bytes());
    Ok(page)
}

/// The files of the app.
struct AppFiles {
    /// The address of the script that starts the app.
    js: String,
    /// The address of the app itself.
    wasm: String,
    all: Page,
}

impl AppFiles {
    /// The markup that lets a browser load the app before the script asks for it.
    fn preloads(&self, base: &str) -> String {
        let scripts = self.all.keys().filter(|address| **address != self.wasm).map(|address| {
            format!(
                "<link rel=\"modulepreload\" href=\"{base}{address}\" crossorigin=\"anonymous\">"
            )
        });
        scripts.collect::<String>()
            + &format!(
                "<link rel=\"preload\" href=\"{base}{}\" crossorigin=\"anonymous\" as=\"fetch\" \
                 type=\"application/wasm\">",
                self.wasm
            )
    }
}

/// Compiles the app and makes its script.
fn build_app(app: &RustApp, folder: &Path, config: &Config, purpose: Purpose) -> Result<AppFiles> {
    let released = purpose == Purpose::Release;
    let level = app.wasm_opt.as_deref().filter(|level| released && *level != "0");
    // Asked for before minutes are spent on what it works on.
    let optimiser = level.map(|_| tools::wasm_opt(config.tools.wasm_opt()?)).transpose()?;

    // Neither waits for the other.
    let (compiled, bindgen) = thread::scope(|scope| {
        let bindgen = scope.spawn(tools::bindgen);
        (compile(app, folder, config.build.locked, purpose), bindgen.join())
    });
    let (compiled, bindgen) = (compiled?, bindgen.unwrap_or_else(|panic| resume_unwind(panic))?);
    let name = compiled.file_stem().context("a binary without a name")?.to_string_lossy();
    let made = compiled.with_file_name("wasm-bindgen");
    if made.exists() {
        fs::remove_dir_all(&made)?;
    }
    run(command(bindgen).arg(&compiled).arg(&made))?;
    let wasm = made.join(format!("{name}_bg.wasm"));
    if let (Some(optimiser), Some(level)) = (optimiser, level) {
        let whole = made.with_extension("wasm");
        fs::rename(&wasm, &whole)?;
        run(command(optimiser).arg(format!("-O{level}")).arg(&whole).arg("--output").arg(&wasm))?;
    }

    // The script is written for the app, so one hash names both. What is loaded late is known by its
    // name.
    let hashed = match app.is_late {
        true => name.to_string(),
        false => format!("{name}-{:x}", seahash::hash(&read(&compiled)?)),
    };
    let (js, wasm) = (format!("{hashed}.js"), format!("{hashed}_bg.wasm"));
    let files = read_files(&made)?;
    let all = files.into_iter().map(|(address, bytes)| match address.strip_prefix(&*name) {
        Some(rest) => (format!("{hashed}{rest}"), bytes),
        None => (address, bytes),
    });
    Ok(AppFiles { js, wasm, all: all.collect() })
}

/// Runs Cargo on the app; the answer is the wasm file it leaves.
fn compile(app: &RustApp, folder: &Path, locked: bool, purpose: Purpose) -> Result<PathBuf> {
    let mut manifest = folder.join(app.manifest.as_deref().unwrap_or_default());
    if !manifest.ends_with("Cargo.toml") {
        manifest.push("Cargo.toml");
    }
    let mut cargo = cargo();
    cargo.args(["build", "--target", tools::WASM_TARGET, "--manifest-path"]).arg(manifest);
    let profile = match purpose {
        Purpose::Development => app.dev_profile.as_deref().unwrap_or("dev"),
        Purpose::Release => app.release_profile.as_deref().unwrap_or("release"),
    };
    cargo.args(["--profile", profile]);
    if locked {
        cargo.arg("--locked");
    }
    if let Some(bin) = &app.bin {
        cargo.args(["--bin", bin]);
    }
    executable(&mut cargo)
}

/// The name of a file with the hash of its content in it: another content has another address,
/// so no cache holds an old one. The hash is Trunk's.
fn hashed(path: &Path, bytes: &[u8]) -> String {
    let (stem, extension) = (path.file_stem(), path.extension());
    format!(
        "{}-{:x}.{}",
        stem.unwrap_or_default().display(),
        seahash::hash(bytes),
        extension.unwrap_or_default().display()
    )
}

/// The files below `folder`.
///
/// # Errors
/// One cannot be read.
pub fn read_files(folder: &Path) -> Result<Page> {
    let mut files = Page::new();
    copy(folder, "", &mut files)?;
    Ok(files)
}

/// Puts a file, or all files of a folder, into `page` at `address`.
fn copy(path: &Path, address: &str, page: &mut Page) -> Result<()> {
    if !path.is_dir() {
        page.insert(address.to_owned(), read(path)?);
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let below = if address.is_empty() { name } else { format!("{address}/{name}") };
        copy(&entry.path(), &below, page)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
