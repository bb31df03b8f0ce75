//! Every check and test, one step after another, and the count of them all.

use std::fs;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Error, Result, bail};

use crate::browser::Browser;
use crate::lint;
use crate::process::{cargo, executable, root, run as run_command, watch};
use crate::tally::Tally;
use crate::{flags, page, tools, trunk, user};

/// What `--only` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Formatting, clippy, documentation, dependencies, spelling.
    Lint,
    /// Native tests.
    Unit,
    /// Components, tested in the browser.
    Web,
    /// The built page, tested in the browser.
    E2e,
}

impl FromStr for Group {
    type Err = Error;

    fn from_str(name: &str) -> Result<Group> {
        Ok(match name {
            "lint" => Group::Lint,
            "unit" => Group::Unit,
            "web" => Group::Web,
            "e2e" => Group::E2e,
            _ => bail!("--only takes lint, unit, web or e2e, not {name}"),
        })
    }
}

/// Holds the laws of `tests/laws` against questions drawn by `seed`, for so many `minutes`.
///
/// # Errors
/// A law is broken.
pub fn fuzz(minutes: f64, seed: u64) -> Result<()> {
    let mut cargo = cargo();
    cargo.args(["test", "--locked", "--release", "--test", "laws", "--", "--nocapture"]);
    cargo.env("HEADROOM_MINUTES", minutes.to_string());
    run_command(cargo.env("HEADROOM_SEED", seed.to_string()))
}

/// Every package but the strings of the page, whose framework would take minutes to build here.
const NATIVE: [&str; 3] = ["--workspace", "--exclude", "headroom-locales"];
const WASM: [&str; 2] = ["--target", tools::WASM_TARGET];

/// Runs the groups named, or all of them. A step that counts no tests of its own counts as one.
///
/// # Errors
/// None at present: what goes wrong is a step that failed.
pub fn run(only: &[Group]) -> Result<ExitCode> {
    let wanted = |group: Group| only.is_empty() || only.contains(&group);
    // Half of the page's build runs on one core, so it takes the time of other steps; what it
    // builds lies apart from what they do.
    let page = wanted(Group::E2e).then(|| thread::spawn(page::release));
    let mut steps = Steps::default();

    if wanted(Group::Lint) {
        steps.check("format", || run_command(cargo().args(["fmt", "--all", "--check"])));
        steps.check("clippy", || {
            run_command(
                linting(&mut cargo()).args(["build", "--locked", "--all-targets"]).args(NATIVE),
            )
        });
        steps.check("clippy for wasm32", || {
            tools::wasm_target()?;
            let what = ["build", "--locked", "--package", "headroom-web", "--lib", "--bins"];
            run_command(
                quickly(linting(&mut cargo())).args(what).args(["--test", "web"]).args(WASM),
            )
        });
        steps.check("documentation", || {
            let what = ["doc", "--locked", "--no-deps"];
            run_command(cargo().args(what).args(NATIVE).env("RUSTDOCFLAGS", "-D warnings"))
        });
        steps.check("dependencies", lint::dependencies);
        steps.check("spelling", lint::spelling);
        steps.check("package", || {
            let what = ["publish", "--dry-run", "--quiet", "--locked", "--allow-dirty"];
            // That it builds alone is what is asked, not how fast it then is.
            run_command(quickly(&mut cargo()).args(what).args(["--package", "headroom"]))
        });
    }
    if wanted(Group::Unit) {
        steps.tests("native tests", || {
            let mut cargo = cargo();
            linting(&mut cargo).args(["test", "--locked", "--no-fail-fast"]).args(NATIVE);
            // The commands of plans are held against the lists of flags in any case.
            match flags::light() {
                Ok(parsers) => _ = parsers.asked_by(&mut cargo),
                Err(error) => println!("skipped: no real parsers of engines here ({error:#})"),
            }
            Ok(cargo)
        });
    }
    if wanted(Group::Web) {
        steps.tests("tests in the browser", || {
            tools::wasm_target()?;
            let browser = Browser::find()?;
            let runner = tools::wasm_bindgen("wasm-bindgen-test-runner")?;
            let mut cargo = cargo();
            quickly(linting(&mut cargo))
                .args(["test", "--locked", "--package", "headroom-web", "--test", "web"])
                .args(WASM)
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
                .env("CHROMEDRIVER", browser.driver);
            Ok(cargo)
        });
        steps.step("as an ordinary user", |tally| {
            tally.passed = user::as_an_ordinary_one()?.into();
            Ok(())
        });
    }
    if wanted(Group::E2e) {
        let built = steps.check("page", || {
            let Some(page) = page else { return Ok(()) };
            page.join().unwrap_or_else(|panic| resume_unwind(panic))
        });
        if built {
            steps.step("the same by Trunk", |tally| {
                match trunk::compare()? {
                    true => tally.passed = 1,
                    false => println!("skipped: trunk is not on PATH"),
                }
                Ok(())
            });
            steps.tests("tests of the page", || {
                let mut node = page::node(&Browser::find()?)?;
                // The figures on the page are compared with what the command line prints.
                let mut build = cargo();
                linting(&mut build).args(["build", "--locked", "--bin", "headroom"]);
                let headroom = executable(&mut build)?;
                node.env("HEADROOM_BIN", headroom);
                // Three at a time: a test of the page waits half of its time.
                node.args(["--test", "--test-concurrency=3", "--test-reporter", "spec"]);
                // One by one: what a folder means here differs from one Node to the next.
                node.args(page_tests()?);
                Ok(node)
            });
        }
    }
    Ok(steps.close())
}

/// `cargo`, compiling by clippy with its warnings denied, so that what is tested is linted without
/// being read twice.
fn linting(cargo: &mut Command) -> &mut Command {
    cargo
        .env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver")
        .env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__")
}

/// `cargo`, compiling soon: a few clicks need no fast code, and optimising the framework takes
/// minutes.
fn quickly(cargo: &mut Command) -> &mut Command {
    cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0")
}

/// The test files of tests/e2e.
fn page_tests() -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(root().join("tests").join("e2e"))?;
    let mut files: Vec<_> = files.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    Ok(files)
}

/// The steps so far.
#[derive(Default)]
struct Steps {
    done: Vec<(&'static str, Tally, Duration)>,
}

impl Steps {
    /// A step that passes or fails as a whole.
    fn check(&mut self, name: &'static str, check: impl FnOnce() -> Result<()>) -> bool {
        self.step(name, |tally| {
            check()?;
            tally.passed = 1;
            Ok(())
        })
    }

    /// A step whose command counts its tests itself.
    fn tests(&mut self, name: &'static str, command: impl FnOnce() -> Result<Command>) -> bool {
        self.step(name, |tally| {
            let status = watch(&mut command()?, |line| tally.read(line))?;
            if !status.success() && tally.failed == 0 {
                bail!("it ended with {status}");
            }
            if status.success() && tally.passed == 0 {
                bail!("no test was run");
            }
            Ok(())
        })
    }

    fn step(&mut self, name: &'static str, step: impl FnOnce(&mut Tally) -> Result<()>) -> bool {
        println!("\n=== {name}");
        let start = Instant::now();
        let mut tally = Tally::default();
        if let Err(error) = step(&mut tally) {
            eprintln!("error: {error:#}");
            tally.failed += 1;
        }
        self.done.push((name, tally, start.elapsed()));
        tally.failed == 0
    }

    /// Prints what was done and the count, which ends the output.
    fn close(self) -> ExitCode {
        println!();
        let mut total = Tally::default();
        for (name, tally, time) in self.done {
            let verdict = match tally {
                Tally { passed: 0, failed: 0 } => "skipped",
                Tally { failed: 0, .. } => "ok",
                _ => "FAILED",
            };
            println!("{verdict:<7} {name:<22} {:>7.1} s", time.as_secs_f64());
            total += tally;
        }
        println!("{total}");
        if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
