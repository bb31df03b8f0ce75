//! Chromium and its driver, which the browser tests need.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::process::{command, output, run};

/// A browser and the driver of the same version.
pub struct Browser {
    /// Chromium, or a browser made from it.
    pub chromium: PathBuf,
    /// Its WebDriver server.
    pub driver: PathBuf,
}

impl Browser {
    /// The browser of this machine: what `CHROMIUM` and `CHROMEDRIVER` name, or what is on PATH
    /// or in the platform's usual place. On Debian it is installed where we are root.
    ///
    /// # Errors
    /// There is none; the message has the one command that gets it.
    pub fn find() -> Result<Browser> {
        if let Some(browser) = Browser::present() {
            return Ok(browser);
        }
        if let Some(apt) = apt_as_root() {
            println!("installing chromium and chromium-driver by apt-get (once)");
            let apt = || {
                let mut apt = command(&apt);
                apt.env("DEBIAN_FRONTEND", "noninteractive");
                apt
            };
            run(apt().args(["update", "-q"]))?;
            let flags = ["install", "-q", "-y", "--no-install-recommends"];
            // The fonts: a bare machine has none to draw Latin and Cyrillic with.
            run(apt().args(flags).args(["chromium", "chromium-driver", "fonts-liberation"]))?;
            if let Some(browser) = Browser::present() {
                return Ok(browser);
            }
        }
        bail!("{}", advice())
    }

    fn present() -> Option<Browser> {
        let chromium = find(
            "CHROMIUM",
            &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"],
            &[
                "/Applications/Chromium.app/Contents/MacOS/Chromium",
                "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
                r"C:\Program Files\Google\Chrome\Application\chrome.exe",
            ],
        )?;
        let driver = find("CHROMEDRIVER", &["chromedriver"], &["/usr/lib/chromium/chromedriver"])?;
        Some(Browser { chromium, driver })
    }
}

/// What `variable` names, or else the first of `programs` on PATH, or else of `places`.
fn find(variable: &str, programs: &[&str], places: &[&str]) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(path.into());
    }
    let on_path = programs.iter().find_map(|program| which::which(program).ok());
    on_path.or_else(|| places.iter().map(PathBuf::from).find(|place| place.exists()))
}

/// apt-get, on Debian itself and with the right to use it. (Ubuntu's `chromium` is a snap.)
fn apt_as_root() -> Option<PathBuf> {
    let debian = fs::read_to_string("/etc/os-release").is_ok_and(|release| is_debian(&release));
    let root = output(command("id").arg("-u")).is_some_and(|id| id.trim() == "0");
    if debian && root { which::which("apt-get").ok() } else { None }
}

fn is_debian(os_release: &str) -> bool {
    os_release.lines().any(|line| line.trim() == "ID=debian")
}

/// How to get the browser on this platform.
fn advice() -> String {
    let get = if cfg!(target_os = "macos") {
        "brew install --cask chromium chromedriver"
    } else if cfg!(windows) {
        "winget install Google.Chrome Chromium.ChromeDriver"
    } else if which::which("apt-get").is_ok() && Path::new("/etc/debian_version").exists() {
        "sudo apt-get install -y chromium chromium-driver"
    } else if which::which("dnf").is_ok() {
        "sudo dnf install -y chromium chromedriver"
    } else if which::which("pacman").is_ok() {
        "sudo pacman -S chromium"
    } else if which::which("apk").is_ok() {
        "sudo apk add chromium chromium-chromedriver"
    } else {
        "npx @puppeteer/browsers install chrome@stable && npx @puppeteer/browsers install \
         chromedriver@stable"
    };
    format!(
        "the browser tests need Chromium (or Chrome) and chromedriver of the same version. \
         Get both with\n\n    {get}\n\nor name them in the variables CHROMIUM and CHROMEDRIVER"
    )
}

#[cfg(test)]
mod tests {
    use super::is_debian;

    #[test]
    fn only_debian_itself_is_debian() {
        assert!(is_debian("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n"));
        assert!(!is_debian("ID=ubuntu\nID_LIKE=debian\n"));
    }
}
