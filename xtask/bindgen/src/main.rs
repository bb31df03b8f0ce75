//! What is done with the compiled app; see [`USAGE`].

#![forbid(unsafe_code)]

mod data;
mod divide;
mod order;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use data::Data;
use wasm_bindgen_cli_support::Bindgen;

const USAGE: &str = "\
xtask-bindgen bind APP FOLDER      writes the app for browsers, and the script that starts it
xtask-bindgen divide LINKED APP LIST FIRST REST
                                   writes the two parts of an app that was linked so
xtask-bindgen order APP ORDERED    writes it with like functions beside each other
xtask-bindgen mark APP MARKED      writes it so that it tells which functions it ran";

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let task = arguments.next().unwrap_or_default();
    let paths: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    match (task.to_str(), paths.as_slice()) {
        // What Trunk asks of the command line of wasm-bindgen.
        (Some("bind"), [app, folder]) => Bindgen::new()
            .input_path(app)
            .web(true)?
            .typescript(false)
            .omit_default_module_path(false)
            .generate(folder),
        (Some("divide"), [linked, app, list, first, rest]) => {
            let data = Data::read(&read(linked)?)?;
            let parts = divide::divide(&read(app)?, &divide::keys(list)?, &data)?;
            fs::write(first, parts.0)?;
            Ok(fs::write(rest, parts.1)?)
        }
        (Some("order"), [app, ordered]) => Ok(fs::write(ordered, order::order(&read(app)?)?)?),
        (Some("mark"), [app, marked]) => Ok(fs::write(marked, divide::mark(&read(app)?)?)?),
        _ => bail!("{USAGE}"),
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| file.display().to_string())
}
