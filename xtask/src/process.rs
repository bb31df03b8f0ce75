//! Running other programs: in the repository's root, without stdin, their output streamed.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// The repository's root.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// A command that will run in the repository's root and read nothing.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// The cargo that runs this task.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs `command`, its output going to the terminal.
///
/// # Errors
/// It cannot be started, or ends with anything but success.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", line(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", line(command));
    }
    Ok(())
}

/// Runs `command`, passing each line of its stdout on to the terminal and to `look`.
///
/// # Errors
/// It cannot be started.
pub fn watch(command: &mut Command, mut look: impl FnMut(&str)) -> Result<ExitStatus> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", line(command)))?;
    let mut terminal = std::io::stdout();
    for bytes in BufReader::new(child.stdout.take().context("no stdout")?).split(b'\n') {
        let mut bytes = bytes?;
        bytes.push(b'\n');
        terminal.write_all(&bytes)?;
        look(String::from_utf8_lossy(&bytes).trim_end());
    }
    Ok(child.wait()?)
}

/// Runs `cargo build …`; the answer is the one program that it builds.
///
/// # Errors
/// It fails, or builds none or several.
pub fn executable(cargo: &mut Command) -> Result<PathBuf> {
    cargo.args(["--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
    let output = cargo.output().with_context(|| format!("cannot start {}", line(cargo)))?;
    if !output.status.success() {
        bail!("{} failed ({})", line(cargo), output.status);
    }
    let messages = String::from_utf8(output.stdout)?;
    let mut programs = messages.lines().filter_map(executable_of);
    match (programs.next(), programs.next()) {
        (Some(program), None) => Ok(program),
        _ => bail!("{} does not build one program", line(cargo)),
    }
}

/// The program that a line of Cargo's messages reports.
fn executable_of(message: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        executable: Option<PathBuf>,
    }
    serde_json::from_str::<Artifact>(message).ok()?.executable
}

/// What `command` prints, if it can be started and succeeds.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as typed, for messages.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::executable_of;

    #[test]
    fn an_executable_is_told_from_what_else_cargo_builds() {
        let artifact = |executable| {
            format!(
                r#"{{"reason":"compiler-artifact","filenames":["a"],"executable":{executable}}}"#
            )
        };
        assert_eq!(executable_of(&artifact("\"/b/app.wasm\"")), Some(PathBuf::from("/b/app.wasm")));
        assert_eq!(executable_of(&artifact("null")), None);
        assert_eq!(executable_of(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(executable_of("no JSON"), None);
    }
}
