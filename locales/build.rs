//! Turns `en.json` and `ru.json` into typed keys: a key or a variable that one of them lacks does
//! not compile.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use leptos_i18n_parser::parse_locales::options::{Config, ParseOptions};
use leptos_i18n_parser::parse_locales::parse_locales;

fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::new("en")?
        .add_locale("ru")?
        .locales_path(".")
        .parse_options(ParseOptions::new().interpolate_display(true));
    let parsed = parse_locales(None, config)?;
    for path in parsed.tracked_files.iter().flatten() {
        println!("cargo::rerun-if-changed={path}");
    }
    for warning in parsed.diag.warnings().iter() {
        println!("cargo::error={warning}");
    }
    for error in parsed.diag.errors().iter() {
        println!("cargo::error={error}");
    }
    let code = leptos_i18n_codegen::gen_code(&parsed, None, false, None, false)?.to_string();
    // See src/plural.rs.
    let code = code
        .replace("l_i18n_crate :: reexports :: icu :: plurals ::", "crate :: plural ::")
        .replace(
            "l_i18n_crate :: __private :: get_plural_rules",
            "crate :: plural :: get_plural_rules",
        )
        .replace(
            "l_i18n_crate :: __private :: InterpolatePluralCount",
            "crate :: plural :: InterpolatePluralCount",
        );
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("i18n.rs"), code)?;
    Ok(())
}
