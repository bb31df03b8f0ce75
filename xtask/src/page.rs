//! Building the page and serving it, both by Trunk.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::browser::Browser;
use crate::process::{root, run};
use crate::tools::Tools;

/// The port that is tried first.
const PORT: u16 = 8080;

/// What the page is made of: `serve` rebuilds it when one of these changes.
const SOURCES: [&str; 7] =
    ["Cargo.toml", "build.rs", "index.html", "locales", "public", "src", "style"];

/// Builds the page into `dist/` and lists what it weighs.
///
/// # Errors
/// A tool is missing or the build fails.
pub fn build() -> Result<()> {
    build_with(&Tools::for_page()?)?;
    println!("\nThe page is in dist/; serve that folder by any web server, at any path.");
    Ok(())
}

/// The same with tools at hand.
///
/// # Errors
/// The build fails.
pub fn build_with(tools: &Tools) -> Result<()> {
    run(trunk(tools, "build")?.arg("--release"))?;
    let mut files = Vec::new();
    list(&root().join("dist"), &mut files)?;
    files.sort();
    for (file, bytes) in files {
        println!("{bytes:>10} bytes  {}", file.strip_prefix(root()).unwrap_or(&file).display());
    }
    Ok(())
}

/// The files of `folder` and its folders, with their sizes in bytes.
fn list(folder: &Path, files: &mut Vec<(PathBuf, u64)>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        match about.is_dir() {
            true => list(&entry.path(), files)?,
            false => files.push((entry.path(), about.len())),
        }
    }
    Ok(())
}

/// Builds the page and photographs it as it answers `query`.
///
/// # Errors
/// A tool is missing, or the build or the script fails.
pub fn screenshots(query: &str) -> Result<()> {
    let mut tools = Tools::for_page()?;
    let browser = Browser::find()?;
    build_with(&tools)?;
    run(node(&mut tools, &browser)?.args(["tests/e2e/screenshots.mjs", query]))
}

/// Node with what the scripts of tests/e2e read from the environment.
///
/// # Errors
/// There is no Node or no npm.
pub fn node(tools: &mut Tools, browser: &Browser) -> Result<Command> {
    let packages = tools.npm_packages()?;
    let mut node = tools.command("node")?;
    node.env("HEADROOM_NPM", packages).env("CHROMIUM", &browser.chromium);
    // The command line, where `cargo build` leaves it: beside this program.
    let program = format!("headroom{}", std::env::consts::EXE_SUFFIX);
    node.env("HEADROOM_BIN", std::env::current_exe()?.with_file_name(program));
    Ok(node)
}

/// Builds the page, serves it and rebuilds it on change until interrupted. Without `port`, the
/// first free one from 8080 on. `dev` leaves out optimisation.
///
/// # Errors
/// A tool is missing, the port is taken, or the first build fails.
pub fn serve(port: Option<u16>, dev: bool) -> Result<()> {
    let tools = Tools::for_page()?;
    let port = free_port(port)?;
    // Not dist/, which is for `build` and may be on its way to a host.
    let dist = root().join("target").join("serve");
    if dist.exists() {
        fs::remove_dir_all(&dist)?;
    }
    fs::create_dir_all(&dist)?;

    let mut trunk = trunk(&tools, "serve")?;
    trunk.args(["--address", "127.0.0.1", "--disable-address-lookup", "true"]);
    trunk.arg("--port").arg(port.to_string()).arg("--dist").arg(&dist);
    for source in SOURCES.iter().filter(|source| root().join(source).exists()) {
        trunk.args(["--watch", source]);
    }
    if !dev {
        trunk.arg("--release");
    }
    let mut server = trunk.spawn().context("cannot start trunk")?;
    // Trunk listens as soon as its first build is over, whether or not that went well.
    loop {
        if let Some(status) = server.try_wait()? {
            bail!("trunk ended ({status})");
        }
        match get(port) {
            Ok(answer) if answer.contains("200 OK") => break,
            Ok(_) => {
                server.kill()?;
                server.wait()?;
                bail!("the page was not built");
            }
            Err(_) => sleep(Duration::from_millis(200)),
        }
    }
    println!("\nHeadroom is at http://127.0.0.1:{port}/");
    let status = server.wait()?;
    if !status.success() {
        bail!("trunk ended ({status})");
    }
    Ok(())
}

fn trunk(tools: &Tools, task: &str) -> Result<Command> {
    let mut trunk = tools.command("trunk")?;
    trunk.arg(task);
    // Trunk reads NO_COLOR as a Boolean and refuses the customary `1`.
    if std::env::var_os("NO_COLOR").is_some() {
        trunk.env_remove("NO_COLOR").args(["--color", "never"]);
    }
    // A failed build has cargo's message; Trunk's own backtrace hides it.
    trunk.env("RUST_BACKTRACE", "0");
    Ok(trunk)
}

fn free_port(asked: Option<u16>) -> Result<u16> {
    let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    match asked {
        Some(port) if free(port) => Ok(port),
        Some(port) => bail!("port {port} is taken; leave --port out to get a free one"),
        None => {
            let last = PORT + 99;
            (PORT..=last).find(|port| free(*port)).with_context(|| {
                format!("all ports from {PORT} to {last} are taken; name another with --port")
            })
        }
    }
}

/// The answer of this machine's web server at `port` when asked for its root, headers and all.
fn get(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: text/html\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
