//! Every command that is shown is one that its program accepts: flags, what they take, choices.
//!
//! `data/flags.json` holds the programs' own lists, with their versions; `xtask/data/flags.py` writes
//! it. Questions are varied over the whole table of settings. `cargo xtask flags` asks the real
//! parsers, and `cargo xtask test` those that install in seconds.

#![cfg(not(target_arch = "wasm32"))]

#[path = "laws/questions.rs"]
#[allow(dead_code)]
mod questions;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::io::Write as _;

use headroom::catalog::Catalog;
use headroom::engine::{Command, Shell, TextFile, launch, usual_formats};
use headroom::plan::{Figures, Plan, PlanInput};
use headroom::scenario::{Engine, Group, SETTINGS, Scenario, Selected};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::Deserialize;

const FIRST: Selected = Selected { model: 0, machine: 0, quant: 0, engine: 0 };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    version: String,
    source: String,
    /// The arguments without a name, in their order.
    positional: Vec<String>,
    flags: BTreeMap<String, Vec<Part>>,
}

/// What a flag takes: the kind first, then marks.
#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Kind(String),
    Marks {
        #[serde(default)]
        choices: Vec<String>,
        #[serde(default)]
        optional: bool,
        #[serde(default)]
        dotted: bool,
        #[serde(default)]
        several: bool,
    },
}

/// A flag as its list has it.
struct Flag<'a> {
    kind: &'a str,
    choices: &'a [String],
    optional: bool,
    dotted: bool,
    several: bool,
}

struct Lists(BTreeMap<String, Program>);

impl Lists {
    fn read() -> Lists {
        Lists(serde_json::from_str(include_str!("data/flags.json")).unwrap())
    }

    /// The programs whose flags `name` takes: a worker of Dynamo has those of its engine too.
    fn programs(&self, name: &str) -> Vec<&Program> {
        let more: &[&str] = match name {
            "python -m dynamo.vllm" => &["dynamo runtime", "vllm serve"],
            "python -m dynamo.sglang" => &["dynamo runtime", "python -m sglang.launch_server"],
            _ => &[],
        };
        std::iter::once(name).chain(more.iter().copied()).map(|name| &self.0[name]).collect()
    }

    fn flag(&self, program: &str, name: &str) -> Option<Flag<'_>> {
        let parts = self.programs(program).into_iter().find_map(|p| p.flags.get(name))?;
        let mut flag =
            Flag { kind: "", choices: &[], optional: false, dotted: false, several: false };
        for part in parts {
            match part {
                Part::Kind(kind) => flag.kind = kind,
                Part::Marks { choices, optional, dotted, several } => {
                    (flag.choices, flag.optional) = (choices, *optional);
                    (flag.dotted, flag.several) = (*dotted, *several);
                }
            }
        }
        Some(flag)
    }

    /// The program that a command runs, and its arguments.
    fn program<'a>(&self, words: &'a [String]) -> Option<(String, &'a [String])> {
        (1..=words.len()).rev().find_map(|n| {
            let name = words[..n].join(" ");
            self.0.contains_key(&name).then(|| (name, &words[n..]))
        })
    }

    /// Checks the words of a command.
    fn check(&self, words: &[String]) -> Result<(), String> {
        let (program, arguments) =
            self.program(words).ok_or_else(|| format!("no list has {:?}", words.first()))?;
        // The lists of these do not name what is no flag.
        let is_open = program.starts_with("ollama ") || program.starts_with("lms ");
        let is_flag =
            |word: &String| word.starts_with('-') && word.len() > 1 && word.parse::<f64>().is_err();
        let mut at = 0;
        let mut place = 0;
        while let Some(word) = arguments.get(at) {
            at += 1;
            if !is_flag(word) {
                let name = self.0[&program].positional.get(place);
                place += 1;
                match name {
                    Some(name) => self.value(&program, name, word)?,
                    None if is_open => {}
                    None => return Err(format!("{program}: {word} is no flag")),
                }
                continue;
            }
            let flag = match self.flag(&program, word) {
                Some(flag) => flag,
                None => {
                    let base = word.split_once('.').and_then(|(base, _)| self.flag(&program, base));
                    let is_dotted = base.as_ref().is_some_and(|flag| flag.dotted);
                    if !is_dotted {
                        return Err(format!("{program} has no {word}"));
                    }
                    Flag {
                        kind: "string",
                        choices: &[],
                        optional: false,
                        dotted: false,
                        several: false,
                    }
                }
            };
            let end = arguments[at..].iter().position(is_flag).map_or(arguments.len(), |n| at + n);
            let values = &arguments[at..end];
            let taken = match flag.kind {
                "flag" => 0,
                "list" => values.len(),
                _ => values.len().min(1),
            };
            if taken == 0 && flag.kind != "flag" && !flag.optional {
                return Err(format!("{program}: {word} has no value"));
            }
            for value in &values[..taken] {
                accepts(&flag, value).map_err(|why| format!("{program} {word} {value}: {why}"))?;
            }
            at += taken;
        }
        Ok(())
    }

    /// Checks a file that a program of the plan reads; returns the commands in it.
    fn check_file(&self, file: &TextFile) -> Result<Vec<Vec<String>>, String> {
        let lines = || file.text.lines();
        let after = |prefix: &str| {
            let found = lines().find_map(|line| line.trim().strip_prefix(prefix));
            found.map(str::to_owned)
        };
        match file.name.as_str() {
            "Modelfile" => {
                for line in lines() {
                    let (name, value) = line.split_once(' ').ok_or("no value")?;
                    self.value("Modelfile", name, value)?;
                    if name == "PARAMETER" {
                        let (name, value) = value.split_once(' ').ok_or("no value")?;
                        self.value("Modelfile PARAMETER", name, value)?;
                    }
                }
                Ok(Vec::new())
            }
            "llm.yaml" => self.check_yaml("llm.yaml", &file.text),
            "config.yml" => self.check_yaml("python main.py", &file.text),
            "leader-worker-set.yaml" => {
                // A pod's template is Kubernetes' own.
                let own = file.text.split("    leaderTemplate:").next().unwrap_or_default();
                let own: Vec<&str> =
                    own.lines().filter(|line| !line.contains("metadata:")).collect();
                let own: Vec<&str> =
                    own.into_iter().filter(|line| !line.contains("  name:")).collect();
                self.check_yaml("leader-worker-set.yaml", &own.join("\n"))?;
                let scripts = lines().filter(|line| {
                    line.starts_with("                bash ") || line.contains("launch_server")
                });
                let commands = scripts.filter_map(|line| line.trim().rsplit("; ").next());
                let filled = commands.map(|line| {
                    let line =
                        line.replace("$(LWS_GROUP_SIZE)", "2").replace("$(LWS_WORKER_INDEX)", "1");
                    split(&line, Shell::Bash)
                });
                Ok(filled.filter(|words| words[0] != "bash").collect())
            }
            "dynamo.yaml" => {
                self.check_yaml("dynamo.yaml", &file.text)?;
                let list = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap();
                let all = |prefix: &str| -> Vec<Vec<String>> {
                    lines().filter_map(|line| line.trim().strip_prefix(prefix)).map(list).collect()
                };
                let commands = all("command: ").into_iter().zip(all("args: "));
                let words = commands.map(|(command, arguments)| [command, arguments].concat());
                let is_python = |word: String| match word.as_str() {
                    "python3" => "python".to_owned(),
                    _ => word,
                };
                Ok(words.map(|words| words.into_iter().map(is_python).collect()).collect())
            }
            "compose.yaml" => {
                let list = |text: Option<String>| -> Vec<String> {
                    text.map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default()
                };
                let mut words = list(after("entrypoint: "));
                if words.is_empty() {
                    let name =
                        if file.text.contains("ollama/ollama") { "ollama" } else { "llama-server" };
                    words.push(name.to_owned());
                }
                if words[0] == "python3" {
                    words[0] = "python".to_owned();
                }
                words.extend(list(after("command: ")));
                Ok(vec![words])
            }
            name if name.ends_with(".service") => {
                let line = after("ExecStart=/usr/bin/env ").ok_or("no command")?;
                let line = line.replace("%%", "%").replace('"', "'");
                for line in lines().filter_map(|line| line.strip_prefix("Environment=")) {
                    let name = line.trim_matches('"').split('=').next().unwrap_or_default();
                    self.environment(name)?;
                }
                Ok(vec![split(&line, Shell::Bash)])
            }
            "run.py" | "quantise.py" => {
                self.check_python(&file.text)?;
                Ok(Vec::new())
            }
            "nginx.conf" => Ok(Vec::new()),
            name => Err(format!("no list of {name}")),
        }
    }

    fn value(&self, program: &str, name: &str, value: &str) -> Result<(), String> {
        let flag = self.flag(program, name).ok_or_else(|| format!("{program} has no {name}"))?;
        match flag.kind {
            "flag" if matches!(value, "true" | "false") => Ok(()),
            _ => accepts(&flag, value).map_err(|why| format!("{program} {name} {value}: {why}")),
        }
    }

    /// Checks keys of YAML, nested ones with their sections before them.
    fn check_yaml(&self, program: &str, text: &str) -> Result<Vec<Vec<String>>, String> {
        let mut path: Vec<(usize, String)> = Vec::new();
        for line in text.lines() {
            let mut indent = line.len() - line.trim_start().len();
            let mut line = line.trim();
            if let Some(item) = line.strip_prefix("- ") {
                // What is above is a list: its keys are those of its items.
                path.retain(|(at, _)| *at < indent);
                if let Some((_, list)) = path.last_mut()
                    && !list.ends_with("[]")
                {
                    list.push_str("[]");
                }
                (indent, line) = (indent + 2, item);
            }
            let (key, value) = line.split_once(':').ok_or_else(|| line.to_owned())?;
            path.retain(|(at, _)| *at < indent);
            let parents: Vec<String> = path.iter().map(|(_, name)| name.clone()).collect();
            path.push((indent, key.to_owned()));
            if value.trim().is_empty() {
                continue;
            }
            let name =
                parents.iter().map(String::as_str).chain([key]).collect::<Vec<_>>().join(".");
            // A list may name a section without its keys.
            let section = parents.join(".");
            let is_open = self.flag(program, &section).is_some_and(|flag| flag.kind == "section");
            if !is_open {
                self.value(program, &name, value.trim())?;
            }
        }
        Ok(Vec::new())
    }

    fn check_python(&self, text: &str) -> Result<(), String> {
        for call in text.split("BitsAndBytesConfig(").skip(1) {
            for pair in call.split(')').next().unwrap_or_default().split(", ") {
                let (name, value) = pair.split_once('=').ok_or("no value")?;
                let value = value.trim_matches('"').to_ascii_lowercase();
                self.value("BitsAndBytesConfig", name, &value)?;
            }
        }
        Ok(())
    }

    fn environment(&self, name: &str) -> Result<(), String> {
        let known = self.flag("environment of ollama", name);
        known.map(|_| ()).ok_or_else(|| format!("Ollama reads no {name}"))
    }
}

fn accepts(flag: &Flag<'_>, value: &str) -> Result<(), String> {
    if flag.several && value.contains(',') {
        return value.split(',').try_for_each(|value| accepts(flag, value));
    }
    let is_choice = flag.choices.iter().any(|choice| choice == value);
    let is_number = value.parse::<i64>().is_ok();
    let is_it = match flag.kind {
        "int" => is_number || is_choice,
        "float" => value.parse::<f64>().is_ok(),
        "enum" => is_choice,
        "csv" => value.split(',').all(|part| {
            !part.is_empty() && (flag.choices.is_empty() || flag.choices.iter().any(|c| c == part))
        }),
        // A path that a user has, or a name; where there are choices, they are all there is, but for
        // TabbyAPI's pair of bits.
        _ => {
            flag.choices.is_empty()
                || is_choice
                || value.split(',').all(|n| n.parse::<u8>().is_ok())
        }
    };
    match is_it {
        true => Ok(()),
        false => Err(format!("takes {} {:?}", flag.kind, flag.choices)),
    }
}

/// The words that a shell reads in `line`: blanks divide them, single quotes keep them together.
fn split(line: &str, shell: Shell) -> Vec<String> {
    let (mut words, mut word, mut is_open) = (Vec::new(), None::<String>, false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if is_open && shell == Shell::PowerShell && chars.peek() == Some(&'\'') => {
                chars.next();
                word.get_or_insert_default().push('\'');
            }
            '\'' => {
                is_open = !is_open;
                word.get_or_insert_default();
            }
            '\\' if !is_open && shell == Shell::Bash => {
                word.get_or_insert_default().extend(chars.next());
            }
            ' ' if !is_open => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The command that a line of a shell is.
fn read(line: &str, shell: Shell) -> Command {
    let mut command = Command::default();
    let mut words = split(line, shell).into_iter().peekable();
    let is_variable = |word: &String| match shell {
        Shell::Bash => word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        }),
        Shell::PowerShell => word.starts_with("$env:"),
    };
    while let Some(word) = words.next_if(is_variable) {
        let word = word.trim_start_matches("$env:");
        let (name, value) = word.split_once('=').unwrap();
        let value = if shell == Shell::Bash { value } else { value.trim_end_matches(';') };
        command.environment.push((name.to_owned(), value.to_owned()));
    }
    command.words = words.collect();
    command
}

/// What was checked.
#[derive(Default)]
struct Checked {
    commands: usize,
    files: usize,
    different: BTreeSet<String>,
    engines: BTreeMap<&'static str, usize>,
    wrong: String,
}

impl Checked {
    fn command(&mut self, lists: &Lists, query: &str, command: &Command) {
        let mut note = |found: Result<(), String>| {
            if let Err(why) = found
                && self.wrong.lines().count() < 40
            {
                _ = writeln!(self.wrong, "{why}\n    {query}");
            }
        };
        note(lists.check(&command.words));
        for (name, _) in &command.environment {
            note(lists.environment(name));
        }
        for shell in [Shell::Bash, Shell::PowerShell] {
            let typed = command.in_shell(shell);
            let is_read = read(&typed, shell) == *command;
            note(is_read.then_some(()).ok_or_else(|| format!("{shell:?} does not read {typed}")));
            self.different.insert(typed);
        }
        self.commands += 1;
    }

    fn question(&mut self, lists: &Lists, scenario: &Scenario) {
        let catalog = Catalog::bundled();
        let Some(input) = PlanInput::new(catalog, scenario, FIRST) else { return };
        let query = &input.query;
        let Some(plan) = Plan::new(catalog, &input) else { return };
        *self.engines.entry(input.figures.engine.name()).or_default() += 1;
        if is_of_a_fork(&input.figures) {
            return;
        }
        for command in plan.commands() {
            self.command(lists, query, command);
        }
        let model = catalog.model(&input.figures.model).unwrap();
        let card = launch(input.figures.engine, model, input.figures.quant, &input.figures.flags);
        for command in card.server.iter().chain(&card.commands) {
            self.command(lists, query, command);
        }
        let found = card.python.map_or(Ok(()), |text| lists.check_python(&text));
        self.wrong += &found.err().map(|why| format!("{why}\n    {query}\n")).unwrap_or_default();
        for file in plan.files().chain(&card.files) {
            self.files += 1;
            match lists.check_file(file) {
                Ok(commands) => {
                    for words in commands {
                        if let Err(why) = lists.check(&words) {
                            _ = writeln!(self.wrong, "{}: {why}\n    {query}", file.name);
                        }
                    }
                }
                Err(why) => _ = writeln!(self.wrong, "{}: {why}\n    {query}", file.name),
            }
        }
    }
}

/// What runs only under a fork of llama.cpp, of whose flags there is no list: ik_llama.cpp, and the
/// TurboQuant cache types.
fn is_of_a_fork(figures: &Figures) -> bool {
    let has_turbo = || figures.flags.iter().any(|flag| flag.contains(" turbo"));
    figures.engine == Engine::IkLlamaCpp
        || figures.engine.rules_engine() == Engine::LlamaCpp && has_turbo()
}

/// Questions that most engines answer, which the settings vary.
fn base(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Mlx => &[
            "model=qwen3-8b&hw=apple-m4-max-40c@64",
            "model=qwen3-30b-a3b&hw=apple-m3-ultra-80c@256&users=4",
        ],
        Engine::ExLlamaV3 => {
            &["model=qwen3-8b&hw=rtx-4090*2", "model=qwen3-32b&hw=rtx-4090*2&users=4"]
        }
        _ => &[
            "model=qwen3-8b&hw=h100-sxm*2",
            "model=qwen3-30b-a3b&hw=rtx-4090,rtx-3090&users=8",
            "model=gemma-3-27b-it&hw=rtx-3090*4",
            "model=deepseek-v3&hw=h200-sxm*8&users=16",
            "model=qwen3-32b&hw=strix-halo-395@128",
        ],
    }
}

/// Checks what the varied questions of every engine are answered with.
fn checked(lists: &Lists) -> Checked {
    let seed: u64 = env::var("HEADROOM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut checked = Checked::default();
    let scenario = |query: &str| Scenario::from_query(query).0;
    for engine in Engine::ALL.iter().copied() {
        for base in base(engine) {
            let base = format!("{base}&engine={engine}&ctx=8192");
            let model = Catalog::bundled().model(&scenario(&base).models[0]).unwrap();
            for quant in usual_formats(engine, model) {
                checked.question(lists, &scenario(&format!("{base}&quant={quant}")));
            }
            let quant = usual_formats(engine, model).pop().unwrap();
            let settings = SETTINGS.iter().filter(|setting| setting.is_read_by(engine));
            let money = [Group::Own, Group::Money, Group::Filter, Group::Table];
            for setting in settings.filter(|setting| !money.contains(&setting.group)) {
                for _ in 0..3 {
                    let value =
                        questions::any_value(setting).new_tree(&mut runner).unwrap().current();
                    let query = format!("{base}&quant={quant}&{}={value}", setting.key);
                    checked.question(lists, &scenario(&query));
                }
            }
            for more in [
                "draft=qwen3-0.6b",
                "lora=16*2",
                "mtp=2",
                "kv=q8_0",
                "kv=q4_0",
                "kv=fp8",
                "imatrix=1&quant=IQ2_XXS",
                "quant=NVFP4",
                "quant=FP8",
                "quant=NF4",
                "quant=EXL3-3.5bpw",
            ] {
                checked.question(lists, &scenario(&format!("{base}&quant={quant}&{more}")));
            }
        }
    }
    for _ in 0..300 {
        let question = questions::any_question().new_tree(&mut runner).unwrap().current();
        checked.question(lists, &question.scenario());
    }
    checked
}

#[test]
fn every_command_is_one_that_its_program_accepts() {
    let Checked { commands, files, different, engines, wrong, .. } = checked(&Lists::read());
    println!(
        "{commands} commands, {} different lines of two shells, {files} files; plans: {engines:?}",
        different.len()
    );
    assert!(wrong.is_empty(), "{wrong}");
    assert!(commands > 3_000 && files > 500, "{commands} {files}");
    assert!(Engine::ALL.iter().all(|engine| engines.get(engine.name()).is_some_and(|n| *n > 20)));
    ask_parsers(&different);
}

/// Asks the engines' own parsers, where `cargo xtask` has installed some.
fn ask_parsers(commands: &BTreeSet<String>) {
    let Ok(python) = env::var("HEADROOM_PYTHON") else { return };
    let sources = env::var("HEADROOM_PARSERS").expect("HEADROOM_PARSERS names their sources");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/xtask/data/parse_flags.py");
    let mut parsers = std::process::Command::new(python)
        .args([script, &sources])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = parsers.stdin.take().unwrap();
    for line in commands {
        let words = split(line, Shell::Bash);
        input.write_all((serde_json::to_string(&words).unwrap() + "\n").as_bytes()).unwrap();
    }
    drop(input);
    assert!(parsers.wait().unwrap().success(), "a parser refuses a command");
}

#[test]
fn a_wrong_command_is_found() {
    let lists = Lists::read();
    let wrong = |line: &str| {
        assert!(lists.check(&split(line, Shell::Bash)).is_err(), "{line}");
    };
    for line in [
        "llama-server -m a.gguf --mlock",
        "llama-server -m a.gguf --no-mmap",
        "llama-server -m a.gguf -fa",
        "llama-server -m a.gguf -fa 1",
        "llama-server -m a.gguf --draft 4",
        "llama-server a.gguf",
        "llama-bench -m a.gguf -c 4096",
        "llama-quantize a.gguf b.gguf Q4_K_XXL",
        "python -m sglang.launch_server --model-path a --tp 2",
        "python -m sglang.launch_server --model-path a --pp 2",
        "vllm serve a --swap-space 4",
        "vllm serve a --max-lora-rank 24",
        "vllm serve a --kv-cache-dtype q8_0",
        "vllm serve a --kv-cache-dtype.x 1",
        "mlx_lm.server --model a --max-kv-size 4096",
        "koboldcpp --model a --batchsize 300",
        "koboldcpp --model a --quantkv q4_1",
        "trtllm-serve a --tp-size 2",
        "lms load a --kv q8_0",
        "ollama run a --num-ctx 4096",
        "gpustack serve a",
    ] {
        wrong(line);
    }
    let right = "vllm serve a --speculative-config.method mtp --kv-cache-dtype fp8 -tp 2";
    assert_eq!(lists.check(&split(right, Shell::Bash)), Ok(()));
    for (name, text) in [
        ("Modelfile", "FROM a\nPARAMETER num_layers 20\n"),
        ("config.yml", "model:\n  cache_mode: Q3\n"),
        ("config.yml", "model:\n  context: 4096\n"),
        ("dynamo.yaml", "spec:\n  services:\n    - name: a\n"),
        ("dynamo.yaml", "spec:\n  components:\n    - name: a\n      gpus: 8\n"),
        ("llm.yaml", "kv_cache_config:\n  type: fp8\n"),
        ("run.py", "BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=\"nf5\")"),
    ] {
        let file = TextFile { name: name.to_owned(), text: text.to_owned() };
        assert!(lists.check_file(&file).is_err(), "{text}");
    }
}

#[test]
fn every_list_says_what_it_is_of() {
    for (name, program) in &Lists::read().0 {
        assert!(!program.source.is_empty(), "{name}");
        assert!(!program.version.is_empty() || program.flags.is_empty(), "{name}");
    }
}
