//! The real parsers of engines that install anywhere, asked about the commands of plans.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{cargo, command, root, run};
use crate::tools::installed;

/// The releases whose lists are in `tests/data/flags.json`: their wheels are unpacked, not installed,
/// and read without torch.
const WHEELS: [&str; 3] = ["vllm==0.33.0", "sglang==0.5.23", "exllamav3==1.6.5"];

/// What their parsers are made with.
const LIBRARIES: [&str; 8] = [
    "click==8.5.1",
    "jinja2==3.1.6",
    "msgspec==0.23.0",
    "packaging==26.4",
    "pydantic==2.14.4",
    "pyyaml==6.0.4",
    "regex==2026.11.19",
    "requests==2.34.2",
];

/// Engines that install as they are.
const INSTALLED: [&str; 3] = ["mlx[cpu]", "mlx-lm==0.32.2", "transformers==5.24.0"];

/// Holds every command of theirs against all parsers; says so where they cannot be installed.
///
/// # Errors
/// A parser refuses a command.
pub fn run_all() -> Result<()> {
    let mut test = cargo();
    test.args(["test", "--test", "flags", "--", "--nocapture", "every_command"]);
    match parsers("all", &[&LIBRARIES[..], &INSTALLED[..]].concat()) {
        Ok(parsers) => run(parsers.asked_by(&mut test)),
        Err(error) => {
            println!("skipped: the parsers cannot be installed here ({error:#})");
            Ok(())
        }
    }
}

/// The parsers that install in seconds.
///
/// # Errors
/// They cannot be installed here.
pub fn light() -> Result<Parsers> {
    parsers("light", &LIBRARIES)
}

/// Parsers that are installed.
pub struct Parsers(PathBuf);

impl Parsers {
    /// Lets `tests/flags.rs`, run by `test`, ask them.
    pub fn asked_by<'a>(&self, test: &'a mut Command) -> &'a mut Command {
        let python = self.0.join("bin").join("python");
        test.env("HEADROOM_PYTHON", python).env("HEADROOM_PARSERS", self.0.join("sources"))
    }
}

/// Python with `packages` and the unpacked wheels, installed once.
fn parsers(name: &str, packages: &[&str]) -> Result<Parsers> {
    let python = which::which("python3").context("python3 is not on PATH")?;
    let wheels = WHEELS.join("-").replace("==", "-");
    let folder = installed(&format!("parsers-{name}-{wheels}"), |partial| {
        run(command(&python).args(["-m", "venv"]).arg(partial).current_dir(root()))?;
        // Called by its module: the scripts of an environment that is renamed name their old place.
        let pip = |arguments: &[&str]| {
            let mut pip = command(partial.join("bin").join("python"));
            pip.args(["-m", "pip", "--quiet"]).args(arguments);
            pip
        };
        run(pip(&["install"]).args(packages))?;
        let wheels = partial.join("wheels");
        let plain = ["download", "--no-deps", "--only-binary", ":all:", "--dest"];
        run(pip(&plain).arg(&wheels).args(WHEELS))?;
        let script = root().join("xtask/data/parse_flags.py");
        let sources = partial.join("sources");
        run(command(&python).arg(script).arg("--unpack").args([&wheels, &sources]))?;
        Ok(std::fs::remove_dir_all(wheels)?)
    })?;
    Ok(Parsers(folder))
}
