//! The project's tasks: `cargo xtask serve`, `build`, `test`, `fuzz`, `flags`, `catalog`, `record`.
//!
//! Each one installs what it needs first (see [`tools`] and [`browser`]), so that a fresh clone
//! on a machine with only Rust and Node works, and says what to do where it cannot.

#![allow(clippy::disallowed_methods, reason = "tasks tell how long they took")]

mod browser;
mod catalog;
mod config;
mod document;
mod flags;
mod licenses;
mod lint;
mod page;
mod process;
mod serve;
mod tally;
mod test;
mod tools;
mod trunk;
mod user;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

const USAGE: &str = "\
The project's tasks.

    cargo xtask serve [--port N]
        Build the page quickly and serve it, rebuilding on change.
    cargo xtask build
        Build the page into dist/, a static folder for any web server and any sub-path.
    cargo xtask test [--only lint|unit|web|e2e]...
        Run every check and test, or the groups named.
    cargo xtask fuzz --minutes N [--seed S]
        Hold the laws of tests/laws against questions drawn at random.
    cargo xtask tools
        Say which browser and which folder the other tasks use, having tried both.
    cargo xtask flags
        Ask the real parsers of mlx-lm and Transformers about the commands of plans.
    cargo xtask catalog add PATH... --id OWNER/NAME --family F --release YYYY-MM --source WHERE
                        [--license L] [--modality M] [--replace]
        Add a model to the catalogue from its config.json, or from a folder with a model's files.
    cargo xtask record
        Write anew src/web/rest.txt, what no first visit runs: by it the page is divided in two.
    cargo xtask screenshots [QUERY]
        Build the page and photograph it into tests/e2e/artifacts/.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match task(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn task(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        ["serve", options @ ..] => {
            let port = match options {
                [] => None,
                ["--port", port] => Some(port.parse().with_context(|| format!("--port {port}"))?),
                _ => bail!("serve takes --port N, not {}\n\n{USAGE}", options.join(" ")),
            };
            serve::serve(port)?;
        }
        ["build"] => {
            page::release()?;
            println!("\nThe page is in dist/; serve that folder by any web server, at any path.");
        }
        ["catalog", "add", options @ ..] => catalog::add(options)?,
        ["record"] => page::record()?,
        ["screenshots"] => page::screenshots("")?,
        ["screenshots", query] => page::screenshots(query)?,
        ["test", options @ ..] => {
            let mut only = Vec::new();
            for pair in options.chunks(2) {
                match pair {
                    ["--only", group] => only.push(group.parse()?),
                    _ => bail!("unknown option {}\n\n{USAGE}", pair[0]),
                }
            }
            return test::run(&only);
        }
        ["fuzz", "--minutes", minutes, options @ ..] => {
            let seed = match options {
                [] => std::process::id().into(),
                ["--seed", seed] => seed.parse().with_context(|| format!("--seed {seed}"))?,
                _ => bail!("fuzz takes --minutes N [--seed S]\n\n{USAGE}"),
            };
            let minutes = minutes.parse().with_context(|| format!("--minutes {minutes}"))?;
            test::fuzz(minutes, seed)?;
        }
        ["tools"] => user::tools()?,
        ["flags"] => flags::run_all()?,
        [] | ["help" | "--help" | "-h"] => print!("{USAGE}"),
        [other, ..] => bail!("unknown task {other}\n\n{USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}
