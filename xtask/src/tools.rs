//! The tools that build and test the page, each installed once for the user.
//!
//! A tool on PATH of the right version is used as it is. Otherwise it goes into the user's cache
//! directory under a name with its version, where the next clone finds it.

use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{self, cargo, command, root, run};

/// The newest Trunk that today's stable Rust builds; Trunk.toml accepts the same.
const TRUNK: &str = "0.21.14";

/// wasm-opt's version; the same as the npm package `binaryen` of tests/e2e and as Trunk.toml's.
/// Others are not trusted: that of Debian 12 (108) breaks the page without a word.
const WASM_OPT: &str = "132";

/// Where the tools are.
pub struct Tools {
    /// Folders to look in before PATH.
    folders: Vec<PathBuf>,
    /// The folder whose `node_modules` has the npm packages; none without npm.
    npm: Option<PathBuf>,
}

impl Tools {
    /// What building the page takes: the wasm target, wasm-bindgen, Trunk, wasm-opt.
    ///
    /// # Errors
    /// Something is missing and cannot be installed; the message says how to get it.
    pub fn for_page() -> Result<Tools> {
        wasm_target()?;
        let mut tools = Tools { folders: Vec::new(), npm: None };
        tools.folders.extend(wasm_bindgen()?);
        tools.folders.extend(trunk()?);
        if version(&mut command("wasm-opt")).as_deref() != Some(WASM_OPT) {
            match tools.npm_packages() {
                Ok(packages) => {
                    let bin = packages.join("node_modules").join(".bin");
                    tools.folders.push(bin);
                }
                // Trunk gets wasm-opt by itself where GitHub can be reached.
                Err(why) => println!("note: {why:#}; leaving wasm-opt to Trunk"),
            }
        }
        // Neither cargo nor Trunk should have to reach the network from here on.
        run(cargo().args(["fetch", "--quiet", "--locked"]))?;
        Ok(tools)
    }

    /// What the tests in the browser take beside the browser: the wasm target, wasm-bindgen.
    ///
    /// # Errors
    /// Something is missing and cannot be installed; the message says how to get it.
    pub fn for_wasm() -> Result<Tools> {
        wasm_target()?;
        Ok(Tools { folders: wasm_bindgen()?.into_iter().collect(), npm: None })
    }

    /// The folder whose `node_modules` has Playwright, axe and binaryen, installed if need be.
    ///
    /// # Errors
    /// There is no npm, or it fails.
    pub fn npm_packages(&mut self) -> Result<PathBuf> {
        if let Some(packages) = &self.npm {
            return Ok(packages.clone());
        }
        let packages = npm_packages()?;
        self.npm = Some(packages.clone());
        Ok(packages)
    }

    /// A command that finds the tools, and whose own children find them too.
    ///
    /// # Errors
    /// A folder's name cannot stand in PATH.
    pub fn command(&self, program: &str) -> Result<Command> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path =
            std::env::join_paths(self.folders.iter().cloned().chain(std::env::split_paths(&path)))?;
        let program = which::which_in(program, Some(&path), root())
            .with_context(|| format!("{program} is not on PATH"))?;
        let mut command = command(program);
        command.env("PATH", path);
        Ok(command)
    }
}

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

/// The standard library for the browser.
fn wasm_target() -> Result<()> {
    let target = "wasm32-unknown-unknown";
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

/// The wasm-bindgen command line and its test runner: the version of the crate exactly.
fn wasm_bindgen() -> Result<Option<PathBuf>> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).context("Cargo.lock")?;
    let version = locked_version(&lock, "wasm-bindgen").context("no wasm-bindgen in Cargo.lock")?;
    // Without --locked: its lock file names releases that not every registry mirror has.
    let programs = ["wasm-bindgen", "wasm-bindgen-test-runner"];
    cargo_install("wasm-bindgen-cli", version, &programs, &[])
}

/// Trunk, without its self-update.
fn trunk() -> Result<Option<PathBuf>> {
    let flags = ["--locked", "--no-default-features", "--features", "rustls"];
    cargo_install("trunk", TRUNK, &["trunk"], &flags)
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

/// The npm packages of tests/e2e/package-lock.json.
fn npm_packages() -> Result<PathBuf> {
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

/// The version of package `name` in a Cargo.lock.
fn locked_version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = lock.lines();
    lines.find(|line| line.strip_prefix("name = ") == Some(&format!("\"{name}\"")))?;
    lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::locked_version;

    #[test]
    fn a_locked_version_is_that_of_the_whole_name() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.80\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }
}
