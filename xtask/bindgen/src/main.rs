//! `xtask-bindgen APP.wasm FOLDER`: writes the app for browsers, and the script that starts it.

#![forbid(unsafe_code)]

use anyhow::{Context as _, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let app = arguments.next().context("no wasm file")?;
    let folder = arguments.next().context("no folder")?;
    // What Trunk asks of the command line of wasm-bindgen.
    Bindgen::new()
        .input_path(app)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(false)
        .generate(folder)
}
