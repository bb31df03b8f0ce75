//! The tools that build and test the page, each installed once for the user.
//!
//! A tool on PATH of the right version is used as it is. Otherwise it goes into the user's cache
//! directory under a name with its version, where the next clone finds it. wasm-bindgen is no such
//! tool: Cargo.lock names its version, and Cargo builds it.

use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{self, cargo, command, executable, root, run};

/// What the page is compiled for.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Where tools are kept: one folder for a tool and version.
fn cache() -> Result<PathBuf> {
    // Set it also where the platform's own place would be another.
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let base = base.or_else(dirs::cache_dir).context("no cache directory: set XDG_CACHE_HOME")?;
    Ok(base.join("headroom"))
}

/// Makes `cache()/name` by `install`, unless it is there. An interrupted installation leaves no
/// folder of that name, and two of them at the same time do the work once.
pub fn installed(name: &str, install: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = cache()?;
    let folder = cache.join(name);
    if folder.exists() {
        return Ok(folder);
    }
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let lock = File::create(cache.join("lock"))?;
    if let Err(TryLockError::WouldBlock) = lock.try_lock() {
        println!("waiting for another installation into {} to end", cache.display());
        lock.lock()?;
    }
    if folder.exists() {
        return Ok(folder);
    }
    println!("installing {name} into {} (once)", cache.display());
    let partial = cache.join(format!("{name}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir(&partial)?;
    install(&partial).with_context(|| format!("cannot install {name}"))?;
    fs::rename(&partial, &folder)?;
    Ok(folder)
}

/// Installs the standard library for the browser, unless it is there.
///
/// # Errors
/// It is missing and cannot be installed; the message says how to get it.
pub fn wasm_target() -> Result<()> {
    let target = WASM_TARGET;
    let libraries =
        process::output(command("rustc").args(["--print", "target-libdir", "--target", target]));
    if libraries.is_some_and(|folder| Path::new(folder.trim()).exists()) {
        return Ok(());
    }
    if which::which("rustup").is_err() {
        bail!(
            "this Rust has no library for {target}. With Rust from https://rustup.rs it is \
             installed by `rustup target add {target}`; otherwise your system's package for it \
             is needed (Debian: libstd-rust-dev-wasm32, Fedora: rust-std-static-{target})"
        );
    }
    println!("installing the Rust target {target}");
    run(command("rustup").args(["target", "add", target]))
}

/// wasm-opt of exactly this version: the one on PATH, or else that of the npm packages. Others are
/// not trusted: that of Debian 12 (108) breaks the page without a word.
///
/// # Errors
/// There is no npm, or it fails.
pub fn wasm_opt(wanted: &str) -> Result<PathBuf> {
    let on_path = which::which("wasm-opt").ok();
    if let Some(program) = on_path.filter(|p| version(&mut command(p)).as_deref() == Some(wanted)) {
        return Ok(program);
    }
    let programs = npm_packages()?.join("node_modules").join(".bin");
    Ok(which::which_in("wasm-opt", Some(programs), root())?)
}

/// The folder with `programs`; none where those on PATH are of this version.
pub fn cargo_install(
    krate: &str,
    wanted: &str,
    programs: &[&str],
    flags: &[&str],
) -> Result<Option<PathBuf>> {
    if programs.iter().all(|name| version(&mut command(name)).as_deref() == Some(wanted)) {
        return Ok(None);
    }
    let folder = installed(&format!("{krate}-{wanted}"), |partial| {
        // Outside `partial`, so that an interrupted build goes on where it was.
        let build = cache()?.join("build");
        run(cargo()
            .args(["install", krate, "--version", wanted, "--root"])
            .arg(partial)
            .arg("--target-dir")
            .arg(&build)
            .args(flags)
            // Built once and run seldom: minutes of optimising would never be won back.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"))?;
        Ok(fs::remove_dir_all(build)?)
    })?;
    Ok(Some(folder.join("bin")))
}

/// Builds xtask/bindgen; says where it is.
///
/// # Errors
/// It does not compile.
pub fn bindgen() -> Result<PathBuf> {
    executable(build_tool().args(["--package", "xtask-bindgen"]))
}

/// Builds a program of wasm-bindgen's command line; says where it is.
///
/// # Errors
/// It does not compile.
pub fn wasm_bindgen(program: &str) -> Result<PathBuf> {
    let features = ["--features", "xtask-bindgen/wasm-bindgen-cli"];
    let packages = ["--package", "xtask-bindgen", "--package", "wasm-bindgen-cli"];
    executable(build_tool().args(packages).args(features).args(["--bin", program]))
}

fn build_tool() -> Command {
    let mut cargo = cargo();
    cargo.args(["build", "--quiet", "--locked", "--profile", "xtask"]);
    cargo
}

/// The folder whose `node_modules` has Playwright, axe and binaryen, as
/// tests/e2e/package-lock.json names them, installed if need be.
///
/// # Errors
/// There is no npm, or it fails.
pub fn npm_packages() -> Result<PathBuf> {
    let manifests = root().join("tests").join("e2e");
    let lock = fs::read_to_string(manifests.join("package-lock.json"))?;
    let mut hasher = DefaultHasher::new();
    lock.replace('\r', "").hash(&mut hasher);
    installed(&format!("npm-{:016x}", hasher.finish()), |partial| {
        let npm = which::which("npm").context(
            "npm is not on PATH; get Node.js 20 or newer from https://nodejs.org (Debian: \
             `apt-get install nodejs npm`, macOS: `brew install node`, Windows: `winget install \
             OpenJS.NodeJS.LTS`)",
        )?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(manifests.join(file), partial.join(file))?;
        }
        let flags = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(command(npm).args(flags).current_dir(partial))
    })
}

/// The version that a program prints for `--version`: the first word that starts with a digit.
pub fn version(program: &mut Command) -> Option<String> {
    let printed = process::output(program.arg("--version"))?;
    let mut words = printed.split_whitespace();
    words.find(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned)
}
