//! Trunk.toml, as far as it decides what the page is made of.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// Trunk's configuration file.
#[derive(Debug, Deserialize)]
pub struct Config {
    /// How the page is built.
    pub build: Build,
    /// Versions of the tools.
    pub tools: Tools,
}

/// The section `[build]`. A key that is not known here is an error, lest Trunk builds another
/// page than this does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// The page's source, relative to the repository's root.
    pub target: PathBuf,
    /// The folder that the page is written to, relative to the repository's root.
    pub dist: PathBuf,
    /// Stands before the address of each file of the page.
    pub public_url: String,
    /// Whether Cargo.lock must be up to date.
    pub locked: bool,
    /// What takes the place of the link to the app; see [`Build::app_markup`].
    pub pattern_script: String,
    minify: String,
    no_sri: bool,
}

/// The section `[tools]`.
#[derive(Debug, Deserialize)]
pub struct Tools {
    wasm_opt: String,
}

impl Config {
    /// Reads the text of a Trunk.toml.
    ///
    /// # Errors
    /// It is not valid, or asks for what only Trunk does.
    pub fn parse(text: &str) -> Result<Config> {
        let config: Config = toml::from_str(text)?;
        let Build { minify, no_sri, .. } = &config.build;
        ensure!(minify == "never" && *no_sri, "minifying and integrity hashes are left to Trunk");
        Ok(config)
    }
}

impl Build {
    /// What takes the place of the link to the app, with the addresses of its script and wasm.
    pub fn app_markup(&self, js: &str, wasm: &str) -> String {
        let values = [("{base}", self.public_url.as_str()), ("{js}", js), ("{wasm}", wasm)];
        let fill = |text: String, (key, value): (&str, &str)| text.replace(key, value);
        values.into_iter().fold(self.pattern_script.clone(), fill)
    }
}

impl Tools {
    /// The version of wasm-opt, such as `132`.
    ///
    /// # Errors
    /// It is not written as a release of Binaryen is named.
    pub fn wasm_opt(&self) -> Result<&str> {
        let version = self.wasm_opt.strip_prefix("version_");
        version.with_context(|| format!("wasm_opt = \"{}\" in Trunk.toml", self.wasm_opt))
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    const TRUNK_TOML: &str = include_str!("../../Trunk.toml");

    #[test]
    fn the_app_is_addressed_by_the_pattern() {
        let config = Config::parse(TRUNK_TOML).unwrap();
        assert_eq!(
            config.build.app_markup("app-1f.js", "app-1f_bg.wasm"),
            r#"<meta name="wasm-app" data-js="./app-1f.js" data-wasm="./app-1f_bg.wasm">"#
        );
    }

    #[test]
    fn wasm_opt_is_the_one_that_npm_installs() {
        let config = Config::parse(TRUNK_TOML).unwrap();
        let version = config.tools.wasm_opt().unwrap();
        let manifest = include_str!("../../tests/e2e/package.json");
        assert!(manifest.contains(&format!("\"binaryen\": \"{version}.0.0\"")), "not {version}");
    }

    #[test]
    fn what_is_left_to_trunk_is_refused() {
        let refused = |from, to| {
            let text = TRUNK_TOML.replace(from, to);
            assert_ne!(text, TRUNK_TOML);
            Config::parse(&text).expect_err(to).to_string()
        };
        assert!(refused("minify = \"never\"", "minify = \"always\"").contains("minifying"));
        assert!(refused("no_sri = true", "no_sri = false").contains("integrity"));
        assert!(refused("[serve]", "filehash = false\n[serve]").contains("filehash"));
    }
}
