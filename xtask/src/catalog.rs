//! Adds a model to the catalogue from its files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::process::cargo;

/// The catalogue's models, relative to the root of the repository.
const MODELS: &str = "src/catalog/data/models.json";

/// The largest difference of the parameters counted from those of the files that needs no reason.
const CLOSE: f64 = 0.001;

/// What is to be known of a model beside its files.
#[derive(Debug, Default)]
struct Facts<'a> {
    files: Vec<&'a str>,
    id: &'a str,
    family: &'a str,
    release: &'a str,
    source: &'a str,
    license: Option<&'a str>,
    modality: Option<&'a str>,
    replaces: bool,
}

/// What `headroom read` says of files.
#[derive(Debug, Deserialize)]
struct Read {
    config: Map<String, Value>,
    counted: u64,
    counted_active: u64,
    stored: Option<u64>,
    native: Option<String>,
    assumed: Vec<String>,
    is_shape_known: bool,
    remarks: Vec<String>,
}

/// Reads the files named by `arguments`, validates and recounts what they say, and writes the entry.
///
/// # Errors
/// A fact is missing, a file cannot be used, or the entry is there already.
pub fn add(arguments: &[&str]) -> Result<()> {
    let facts = facts(arguments)?;
    let files = files(&facts.files)?;
    let output = cargo()
        .args(["run", "--locked", "--quiet", "--bin", "headroom", "--", "read"])
        .args(&files)
        .output()
        .context("cargo run")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let read: Read = serde_json::from_slice(&output.stdout).context("headroom read")?;
    for remark in &read.remarks {
        println!("{remark}");
    }
    let billions = |n: u64| format!("{:.3} billion", n as f64 / 1e9);
    println!(
        "counted: {} parameters, {} active",
        billions(read.counted),
        billions(read.counted_active)
    );
    if let Some(stored) = read.stored {
        let off = (read.counted as f64 / stored as f64 - 1.0) * 100.0;
        println!("in the files: {} ({off:+.3} %)", billions(stored));
        if off.abs() > CLOSE * 100.0 {
            println!("more than 0.1 %: give the reason in `count_note` of the entry");
        }
    }
    ensure!(read.is_shape_known, "the architecture is not known: nothing was written");
    ensure!(
        read.assumed.is_empty(),
        "assumed: {}. Check these against the model's own code, add the family to \
         src/architecture/family.rs, and state them in its entry by hand",
        read.assumed.join(", ")
    );
    let before = fs::read_to_string(MODELS).with_context(|| MODELS.to_owned())?;
    let after = with_entry(&before, &facts, &read)?;
    fs::write(MODELS, after).with_context(|| MODELS.to_owned())?;
    println!(
        "written to {MODELS}. Raise the number of models in src/catalog/tests.rs, and run \
         cargo test --lib catalog"
    );
    Ok(())
}

fn facts<'a>(arguments: &[&'a str]) -> Result<Facts<'a>> {
    let mut facts = Facts::default();
    let mut rest = arguments.iter().copied();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{argument} takes a value"));
        match argument {
            "--id" => facts.id = value()?,
            "--family" => facts.family = value()?,
            "--release" => facts.release = value()?,
            "--source" => facts.source = value()?,
            "--license" => facts.license = Some(value()?),
            "--modality" => facts.modality = Some(value()?),
            "--replace" => facts.replaces = true,
            _ if argument.starts_with("--") => bail!("catalog add has no option {argument}"),
            file => facts.files.push(file),
        }
    }
    ensure!(!facts.files.is_empty(), "name a config.json, or a folder with a model's files");
    let is_id = facts.id.split('/').filter(|part| !part.is_empty()).count() == 2;
    ensure!(is_id, "--id is `{}`; accepted: the id on the hub, OWNER/NAME", facts.id);
    let (year, month) = facts.release.split_once('-').unwrap_or_default();
    let is_month = year.len() == 4 && matches!(month.parse(), Ok(1u8..=12)) && month.len() == 2;
    ensure!(is_month, "--release is `{}`; accepted: YYYY-MM", facts.release);
    ensure!(!facts.family.is_empty(), "--family is missing, such as `Qwen 3`");
    ensure!(!facts.source.is_empty(), "--source is missing: where the facts can be looked up");
    Ok(facts)
}

/// The files of a model: those named, and of a folder those that say how it is built.
fn files(named: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for name in named {
        let path = Path::new(name);
        if !path.is_dir() {
            files.push(path.to_owned());
            continue;
        }
        for entry in fs::read_dir(path).with_context(|| (*name).to_owned())? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_header = name.ends_with(".safetensors");
            if name == "config.json" || name == "model.safetensors.index.json" || is_header {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The catalogue `json` with an entry for a model: as the first of its family, since the newest comes
/// first, or after the others. All other lines stay as they are.
fn with_entry(json: &str, facts: &Facts<'_>, read: &Read) -> Result<String> {
    let whole: Value = serde_json::from_str(json).context(MODELS)?;
    let list = |key: &str| whole.get(key).and_then(Value::as_array).context("a list is missing");
    let (models, sources) = (list("models")?, list("sources")?);
    let text = |model: &Value, key: &str| {
        model.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    if let Some(known) = models.iter().find(|model| text(model, "id") == facts.id) {
        let config = known.get("config").and_then(Value::as_object).context("it has a config")?;
        let changes = differences(config, &read.config);
        println!(
            "{} is in the catalogue; its configuration {}",
            facts.id,
            match changes.as_slice() {
                [] => "is the same".to_owned(),
                changes => format!("differs:\n  {}", changes.join("\n  ")),
            }
        );
        ensure!(facts.replaces, "nothing was written: --replace writes the entry anew");
    }
    let place = |source: &str| sources.iter().position(|known| known == source);
    let added = place(facts.source).is_none();
    let source = place(facts.source).unwrap_or(sources.len());
    let name = facts.id.rsplit('/').next().unwrap_or(facts.id);
    let fields = [
        ("id", json!(facts.id)),
        ("name", json!(name)),
        ("family", json!(facts.family)),
        ("org", json!(facts.id.split('/').next())),
        ("release", json!(facts.release)),
        ("license", json!(facts.license)),
        ("modality", json!(facts.modality.unwrap_or("text"))),
        ("params", json!(read.stored)),
        ("params_source", json!(read.stored.map(|_| source))),
        ("native_quantization", json!(read.native)),
        ("confidence", json!(source)),
        ("sources", json!([source])),
        ("config", json!(read.config)),
    ];
    let known = fields.iter().filter(|(_, value)| !value.is_null());
    let known = known.map(|(key, value)| format!("\"{key}\": {}", spaced(value)));
    let entry = format!("{{{}}}", known.collect::<Vec<_>>().join(", "));

    let mut lines: Vec<String> = json.lines().map(str::to_owned).collect();
    let is_entry = |line: &str, key: &str, value: &str| {
        let value = Value::from(value);
        line.starts_with("  {\"id\": ") && line.contains(&format!("\"{key}\": {value}"))
    };
    let end =
        lines.iter().position(|line| line.starts_with(" \"left_out\"")).context("left_out")?;
    if let Some(old) = lines[..end].iter().position(|line| is_entry(line, "id", facts.id)) {
        let comma = if lines[old].ends_with(',') { "," } else { "" };
        lines[old] = format!("  {entry}{comma}");
    } else if let Some(at) =
        lines[..end].iter().position(|line| is_entry(line, "family", facts.family))
    {
        lines.insert(at, format!("  {entry},"));
    } else {
        // Behind the last one, whose line ends the list.
        let last = lines[..end].iter().rposition(|line| line.starts_with("  {\"id\": "));
        let last = last.context("there are models")?;
        lines[last].push(',');
        lines.insert(last + 1, format!("  {entry}"));
    }
    if added {
        let list = lines.iter().position(|line| line == " \"sources\": [").context("sources")?;
        let close =
            lines[list..].iter().position(|line| line.starts_with(" ]")).context("its end")?;
        let last = list + close - 1;
        lines[last].push(',');
        lines.insert(last + 1, format!("  {}", Value::from(facts.source)));
    }
    let mut written = lines.join("\n");
    written.push('\n');
    // What is written is to be read again.
    serde_json::from_str::<Value>(&written).context("the entry does not fit into the file")?;
    Ok(written)
}

/// What differs between two configurations.
fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let shown = |value: Option<&Value>| value.map_or("-".to_owned(), ToString::to_string);
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    let changed = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    changed
        .map(|key| format!("{key}: {} -> {}", shown(before.get(key)), shown(after.get(key))))
        .collect()
}

/// JSON on one line, with a space behind each comma and colon, as the file has it.
fn spaced(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let pairs = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), spaced(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(values) => {
            format!("[{}]", values.iter().map(spaced).collect::<Vec<_>>().join(", "))
        }
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOGUE: &str = "{
 \"generated\": \"2026-01-01\",
 \"sources\": [
  \"one\",
  \"two\"
 ],
 \"models\": [
  {\"id\": \"a/x\", \"family\": \"A\", \"config\": {\"hidden_size\": 1}},
  {\"id\": \"b/y\", \"family\": \"B\", \"config\": {\"hidden_size\": 2}}
 ],
 \"left_out\": [
 ],
 \"never_released\": []
}
";

    fn read() -> Read {
        let Value::Object(config) = json!({ "hidden_size": 3 }) else { unreachable!() };
        Read {
            config,
            counted: 10,
            counted_active: 10,
            stored: Some(10),
            native: None,
            assumed: Vec::new(),
            is_shape_known: true,
            remarks: Vec::new(),
        }
    }

    fn facts_of<'a>(id: &'a str, family: &'a str, source: &'a str) -> Facts<'a> {
        Facts { id, family, source, release: "2026-01", files: vec!["f"], ..Facts::default() }
    }

    fn ids(json: &str) -> Vec<String> {
        let whole: Value = serde_json::from_str(json).unwrap();
        let models = whole["models"].as_array().unwrap();
        models.iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn an_entry_is_the_first_of_its_family_and_nothing_else_changes() {
        let after = with_entry(CATALOGUE, &facts_of("b/z", "B", "three"), &read()).unwrap();
        assert_eq!(ids(&after), ["a/x", "b/z", "b/y"]);
        let kept = CATALOGUE.lines().filter(|line| after.lines().any(|other| other == *line));
        // The last source has a comma now.
        assert_eq!(kept.count(), CATALOGUE.lines().count() - 1);
        let whole: Value = serde_json::from_str(&after).unwrap();
        assert_eq!(whole["sources"][2], "three");
        assert_eq!(whole["models"][1]["sources"], json!([2]));
        let other = with_entry(CATALOGUE, &facts_of("c/z", "C", "one"), &read()).unwrap();
        assert_eq!(ids(&other), ["a/x", "b/y", "c/z"]);
    }

    #[test]
    fn a_known_model_is_written_anew_only_if_that_is_asked_for() {
        let mut facts = facts_of("a/x", "A", "one");
        assert!(with_entry(CATALOGUE, &facts, &read()).is_err());
        facts.replaces = true;
        let after = with_entry(CATALOGUE, &facts, &read()).unwrap();
        assert_eq!(ids(&after), ["a/x", "b/y"]);
        assert!(after.contains("\"hidden_size\": 3"));
    }

    #[test]
    fn missing_facts_are_named() {
        let whole = ["f", "--id", "a/b", "--family", "F", "--release", "2026-01", "--source", "s"];
        assert!(facts(&whole).is_ok());
        for (without, named) in [(1, "--id"), (3, "--family"), (5, "--release"), (7, "--source")] {
            let mut some = whole.to_vec();
            some.drain(without..without + 2);
            assert!(facts(&some).unwrap_err().to_string().contains(named), "{named}");
        }
        assert!(facts(&whole[1..]).is_err());
    }
}
