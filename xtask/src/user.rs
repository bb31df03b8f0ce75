//! What tasks need of the user who runs them: a browser, and a folder of the user's own for tools.

use std::fs;

use anyhow::{Result, bail};

use crate::browser::Browser;
use crate::process::{command, output};
use crate::tools;

/// Says which browser and which folder the other tasks use, having used both.
///
/// # Errors
/// There is no browser, it opens no page, or no tool could be installed.
pub fn tools() -> Result<()> {
    let Browser { chromium, driver } = Browser::find()?;
    let root = output(command("id").arg("-u")).is_some_and(|id| id.trim() == "0");
    let mut browser = command(&chromium);
    // Chromium has no sandbox for root.
    browser.args(root.then_some("--no-sandbox"));
    browser.args(["--headless", "--disable-gpu", "--no-first-run", "--dump-dom"]);
    let page = output(browser.arg("data:text/html,<title>headroom</title>")).unwrap_or_default();
    if !page.contains("<title>headroom</title>") {
        bail!("{} opens no page", chromium.display());
    }
    println!("{} opens pages; {} drives it", chromium.display(), driver.display());
    let folder = tools::installed("probe", |folder| Ok(fs::write(folder.join("probe"), "")?))?;
    fs::remove_dir_all(&folder)?;
    println!("{} takes tools", folder.parent().unwrap_or(&folder).display());
    Ok(())
}

/// A user whom no one else is.
#[cfg(unix)]
const USER: u32 = 52_716;

/// Runs [`tools()`] as a user who is not root and has only a home; `false` if that is impossible
/// here, or is how this task runs anyway.
///
/// # Errors
/// It fails for that user.
#[cfg(unix)]
pub fn as_an_ordinary_one() -> Result<bool> {
    use std::os::unix::fs::chown;

    use crate::process::{root, run};

    if output(command("id").arg("-u")).is_none_or(|id| id.trim() != "0") {
        println!("skipped: this is no root");
        return Ok(false);
    }
    let Ok(setpriv) = which::which("setpriv") else {
        println!("skipped: setpriv is not on PATH");
        return Ok(false);
    };
    let (user, group) = (format!("--reuid={USER}"), format!("--regid={USER}"));
    let ordinary = || {
        let mut command = command(&setpriv);
        command.args([&user, &group, "--clear-groups"]);
        command
    };
    if output(ordinary().args(["test", "-x"]).arg(root())).is_none() {
        println!("skipped: {} is closed to others", root().display());
        return Ok(false);
    }
    let home = std::env::temp_dir().join(format!("headroom-{}", std::process::id()));
    let checked = (|| {
        fs::create_dir(&home)?;
        chown(&home, Some(USER), Some(USER))?;
        // Where this one lies may be closed to others.
        let xtask = home.join("xtask");
        fs::copy(std::env::current_exe()?, &xtask)?;
        let mut task = ordinary();
        task.arg(&xtask).arg("tools").env_clear().env("HOME", &home);
        for name in ["PATH", "CHROMIUM", "CHROMEDRIVER"] {
            task.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        run(&mut task)?;
        let cache = home.join(".cache").join("headroom");
        if !cache.exists() {
            bail!("{} was not used", cache.display());
        }
        Ok(true)
    })();
    fs::remove_dir_all(&home)?;
    checked
}

/// As on Unix, but that users are changed otherwise here.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn as_an_ordinary_one() -> Result<bool> {
    println!("skipped: only Unix has setpriv");
    Ok(false)
}
