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
    /// As published, but whole, and so that it tells which functions it ran.
    Record,
}

/// Writes anew the list by which the page is divided: what no first visit runs.
///
/// # Errors
/// A tool is missing, the build fails, or the page does not answer.
pub fn record() -> Result<()> {
    let browser = Browser::find()?;
    let dist = root().join("target").join("record");
    write(&build(&config()?, Purpose::Record)?, &dist)?;
    let mut node = node(&browser)?;
    node.arg("tests/e2e/record.mjs").env("HEADROOM_DIST", &dist);
    run(node.env("HEADROOM_REST", root().join("src").join("web").join("rest.txt")))
}

/// Makes `folder` hold the page and nothing else.
fn write(page: &Page, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    for (address, bytes) in page {
        let file = folder.join(address);
        fs::create_dir_all(file.parent().unwrap_or(folder))?;
        fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Builds the page for publication, writes it into `dist/` and lists what it weighs.
///
/// # Errors
/// A tool is missing or the build fails.
pub fn release() -> Result<()> {
    let config = config()?;
    let mut page = build(&config, Purpose::Release)?;
    page.insert(licenses::ADDRESS.to_owned(), licenses::notice()?.into_bytes());
    write(&page, &root().join(&config.build.dist))?;
    for (address, bytes) in &page {
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
                preloads = files.preloads(base);
                let markup = files.markup(config);
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
    /// The address of the app itself, or of its first part.
    wasm: String,
    /// The address of the rest, if it is divided.
    rest: Option<String>,
    all: Page,
}

impl AppFiles {
    /// What tells public/boot.js where they are.
    fn markup(&self, config: &Config) -> String {
        let markup = config.build.app_markup(&self.js, &self.wasm);
        let Some(rest) = &self.rest else { return markup };
        let base = &config.build.public_url;
        markup.replacen('>', &format!(" data-rest=\"{base}{rest}\">"), 1)
    }

    /// The markup that lets a browser load the app before the script asks for it.
    fn preloads(&self, base: &str) -> String {
        let is_wasm =
            |address: &String| *address == self.wasm || Some(address) == self.rest.as_ref();
        let scripts = self.all.keys().filter(|address| !is_wasm(address)).map(|address| {
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

/// What wasm-opt is told beyond its level. Rust's stack begins at the bottom of the memory and nothing
/// points into its last kilobyte, so offsets can be a part of loads; and a function with one caller
/// compresses better where it is than within it: together 9 kB of 1,029 after brotli. Branches made
/// anew from a flat form, and the level twice more, take another 5.
const FOR_SIZE: [&str; 7] = [
    "--low-memory-unused",
    "--one-caller-inline-max-function-size",
    "1",
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
];

/// Compiles the app and makes its script. A release is divided by the list `rest.txt` beside its
/// manifest, if there is one.
fn build_app(app: &RustApp, folder: &Path, config: &Config, purpose: Purpose) -> Result<AppFiles> {
    let released = purpose == Purpose::Release;
    let level = app.wasm_opt.as_deref().filter(|level| released && *level != "0");
    // Asked for before minutes are spent on what it works on.
    let optimiser = level.map(|_| tools::wasm_opt(config.tools.wasm_opt()?)).transpose()?;
    let list = app.manifest(folder).with_file_name("rest.txt");
    let list = Some(list).filter(|list| released && list.exists());

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
    run(command(&bindgen).arg("bind").arg(&compiled).arg(&made))?;
    if purpose == Purpose::Record {
        let wasm = made.join(format!("{name}_bg.wasm"));
        run(command(&bindgen).arg("mark").arg(&wasm).arg(&wasm))?;
    }
    // The script is written for the app, so one hash names both; how it is divided decides what a part
    // of it goes with.
    let mut source = read(&compiled)?;
    let wasm = made.join(format!("{name}_bg.wasm"));
    let mut parts = vec![wasm.clone()];
    if let Some(list) = list {
        source.extend(read(&list)?);
        let rest = made.join(format!("{name}_rest.wasm"));
        let mut divide = command(&bindgen);
        divide.arg("divide").arg(&compiled).arg(&wasm).arg(list);
        run(divide.arg(&wasm).arg(&rest))?;
        parts.push(rest);
    }
    if let (Some(optimiser), Some(level)) = (optimiser, level) {
        for part in &parts {
            let whole = made.with_extension("wasm");
            fs::rename(part, &whole)?;
            run(command(&optimiser)
                .arg(format!("-O{level}"))
                .args(FOR_SIZE)
                .arg(&whole)
                .arg("--output")
                .arg(part))?;
            run(command(&bindgen).arg("order").arg(part).arg(part))?;
        }
    }

    let hashed = format!("{name}-{:x}", seahash::hash(&source));
    let rest = parts.get(1).map(|_| format!("{hashed}_rest.wasm"));
    let (js, wasm) = (format!("{hashed}.js"), format!("{hashed}_bg.wasm"));
    let files = read_files(&made)?;
    let all = files.into_iter().map(|(address, bytes)| match address.strip_prefix(&*name) {
        Some(rest) => (format!("{hashed}{rest}"), bytes),
        None => (address, bytes),
    });
    Ok(AppFiles { js, wasm, rest, all: all.collect() })
}

/// Runs Cargo on the app; the answer is the wasm file it leaves.
fn compile(app: &RustApp, folder: &Path, locked: bool, purpose: Purpose) -> Result<PathBuf> {
    let mut cargo = cargo();
    cargo.args(["build", "--target", tools::WASM_TARGET, "--manifest-path"]);
    cargo.arg(app.manifest(folder));
    let profile = match purpose {
        Purpose::Development => app.dev_profile.as_deref().unwrap_or("dev"),
        Purpose::Release | Purpose::Record => app.release_profile.as_deref().unwrap_or("release"),
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
