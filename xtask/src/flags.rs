//! The real parsers of engines that install anywhere, asked about the commands of plans.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::process::{cargo, command, root, run};
use crate::tools::installed;

/// The releases whose lists are in `tests/data/flags.json`.
const PACKAGES: [&str; 3] = ["mlx[cpu]", "mlx-lm==0.32.2", "transformers==5.24.0"];

/// Holds every command of theirs against the parsers; says so where they cannot be installed.
///
/// # Errors
/// A parser refuses a command.
pub fn run_all() -> Result<()> {
    match parsers() {
        Ok(python) => run(cargo()
            .args(["test", "--test", "flags", "--", "--ignored", "--nocapture", "real_parsers"])
            .env("HEADROOM_PYTHON", python)),
        Err(error) => {
            println!("skipped: the parsers cannot be installed here ({error:#})");
            Ok(())
        }
    }
}

/// Python with the parsers, installed once.
fn parsers() -> Result<PathBuf> {
    let python = which::which("python3").context("python3 is not on PATH")?;
    let name = format!("parsers-{}", PACKAGES[1..].join("-").replace("==", "-"));
    let folder = installed(&name, |partial| {
        run(command(&python).args(["-m", "venv"]).arg(partial).current_dir(root()))?;
        // Called by its module: the scripts of an environment that is renamed name their old place.
        let pip = ["-m", "pip", "install", "--quiet"];
        run(command(partial.join("bin").join("python")).args(pip).args(PACKAGES))
    })?;
    Ok(folder.join("bin").join("python"))
}
