//! Commands: what starts a model as an answer has it, and where its files are published.

use serde::{Deserialize, Serialize};

use crate::catalog::{Model, PublishedFile};
use crate::quant::{BuildName, Format, Quant};
use crate::scenario::Engine;

/// A command: its environment, and its words, the program first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Environment variables with their values.
    pub environment: Vec<(String, String)>,
    /// The program and its arguments.
    pub words: Vec<String>,
}

/// A shell that commands are written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// bash, or any other POSIX shell.
    #[default]
    Bash,
    /// PowerShell.
    PowerShell,
}

/// A text file that a command reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFile {
    /// Its name in the folder where the command is run.
    pub name: String,
    /// Its text, ending in a line break.
    pub text: String,
}

/// What starts a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Files that are written first.
    pub files: Vec<TextFile>,
    /// The server that has to run beside the commands, of an engine that has one for all models.
    pub server: Option<Command>,
    /// The commands, one after the other; the last loads the model.
    pub commands: Vec<Command>,
    /// The expression that loads the model, of an engine that is used from Python.
    pub python: Option<String>,
}

impl Command {
    /// Returns the command with these words, separated by spaces.
    pub fn new(words: &str) -> Command {
        Command::default().with(words)
    }

    /// Adds words separated by spaces.
    #[must_use]
    pub fn with(mut self, words: &str) -> Command {
        self.words.extend(words.split_whitespace().map(str::to_owned));
        self
    }

    /// Adds one word.
    #[must_use]
    pub fn word(mut self, word: impl Into<String>) -> Command {
        self.words.push(word.into());
        self
    }

    /// Adds the words of an engine's flags.
    #[must_use]
    pub fn flags(self, flags: &[String]) -> Command {
        flags.iter().fold(self, |command, flag| command.with(flag))
    }

    /// The command as it is typed into `shell`.
    pub fn in_shell(&self, shell: Shell) -> String {
        let mut text = String::new();
        for (name, value) in &self.environment {
            match shell {
                Shell::Bash => text += &format!("{name}={} ", quoted(value, shell)),
                Shell::PowerShell => text += &format!("$env:{name}={}; ", quoted_always(value)),
            }
        }
        let words: Vec<String> = self.words.iter().map(|word| quoted(word, shell)).collect();
        text + &words.join(" ")
    }
}

/// `word` in single quotes where the shell would read it otherwise.
fn quoted(word: &str, shell: Shell) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+%".contains(c);
    // A comma makes a list in PowerShell.
    let is_plain = |c: char| is_plain(c) || c == ',' && shell == Shell::Bash;
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false if shell == Shell::Bash => format!("'{}'", word.replace('\'', "'\\''")),
        false => quoted_always(word),
    }
}

/// `word` as PowerShell takes it literally.
fn quoted_always(word: &str) -> String {
    format!("'{}'", word.replace('\'', "''"))
}

impl Launch {
    /// Returns what one command starts.
    pub fn of(command: Command) -> Launch {
        Launch { commands: vec![command], ..Launch::default() }
    }

    /// All of it as it is typed into bash.
    fn in_bash(&self) -> String {
        if let Some(expression) = &self.python {
            return expression.clone();
        }
        let mut text = String::new();
        for file in &self.files {
            text += &format!("cat > {} <<'EOF'\n{}EOF\n", file.name, file.text);
        }
        if let Some(server) = &self.server {
            // It takes a moment until it listens.
            text += &format!("{} & sleep 3; ", server.in_shell(Shell::Bash));
        }
        let commands: Vec<String> =
            self.commands.iter().map(|command| command.in_shell(Shell::Bash)).collect();
        text + &commands.join(" && ")
    }
}

/// Returns the command that starts `model` in `quant` under `engine` with its `flags`, as it is typed
/// into bash; for an engine that is used from Python, the expression that loads the model.
///
/// It names the model: a published build where one of this format is known, the checkpoint on the
/// hub where that is of this format, else a file or folder of the format's name, which is still to
/// be made or found.
pub fn command(engine: Engine, model: &Model, quant: Quant, flags: &[String]) -> String {
    super::adapter(engine).launch(model, quant, flags).in_bash()
}

/// Returns what starts `model` in `quant` under `engine` with its `flags`: see [`command`].
pub fn launch(engine: Engine, model: &Model, quant: Quant, flags: &[String]) -> Launch {
    super::adapter(engine).launch(model, quant, flags)
}

/// The repository of a published GGUF file of `model` in `quant`, and its name there, as
/// `llama-server -hf` reads them.
pub fn published_gguf(model: &Model, quant: Quant) -> Option<String> {
    let is_it = |file: &&PublishedFile| match quant {
        Quant::Build(build) => {
            build.name == file.name && build.publisher.is_none_or(|by| by == file.publisher)
        }
        Quant::Gguf(mix) => file.name == BuildName::Mix(mix),
        Quant::Format(_) => false,
    };
    let file = model.builds.iter().find(is_it)?;
    let (publisher, name) = (file.publisher.name(), model.name_on_hub());
    // One of them puts the owner's name before the model's.
    let name = match publisher {
        "bartowski" => model.hf_id.replace('/', "_"),
        _ => name.to_owned(),
    };
    Some(format!("{publisher}/{name}-GGUF:{}", file.name))
}

/// The name of a GGUF file of `model`, as they are usually named.
pub fn gguf_file(model: &Model, quant: Quant) -> String {
    let quant = match quant {
        Quant::Build(build) => build.name.to_string(),
        quant => quant.to_string(),
    };
    format!("{}-{quant}.gguf", model.name_on_hub())
}

/// Where the checkpoint of a model in a format comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointSource {
    /// The model's own repository, or that of a published build.
    Published(String),
    /// The model's own repository, in 16 bits, which the engine turns into FP8 as it loads.
    OnLoad(String),
    /// A folder that is still to be made.
    Made(String),
}

impl CheckpointSource {
    /// The checkpoint of `model` in `quant` that `engine` loads.
    pub fn new(engine: Engine, model: &Model, quant: Quant) -> CheckpointSource {
        let makes_fp8 = matches!(engine, Engine::Vllm | Engine::Sglang);
        let own = || model.hf_id.clone();
        let format = match quant.scheme() {
            Quant::Format(format) if quant.scheme() != model.native_format() => format,
            _ => return CheckpointSource::Published(own()),
        };
        match published_checkpoint(model, quant, format) {
            Some(repository) => CheckpointSource::Published(repository),
            None if format == Format::Fp8 && makes_fp8 => CheckpointSource::OnLoad(own()),
            None => CheckpointSource::Made(format!("{}-{format}", model.name_on_hub())),
        }
    }

    /// The folder that it lies in where it was downloaded or made.
    pub fn folder(&self) -> &str {
        self.name().rsplit('/').next().unwrap_or_default()
    }

    /// What an engine is told to load.
    pub fn name(&self) -> &str {
        match self {
            CheckpointSource::Published(name)
            | CheckpointSource::OnLoad(name)
            | CheckpointSource::Made(name) => name,
        }
    }
}

impl Command {
    /// Tells a serving engine what to load, and to make the format of it where that is not
    /// published.
    #[must_use]
    pub fn checkpoint(self, source: &CheckpointSource) -> Command {
        let command = self.word(source.name());
        match source {
            CheckpointSource::OnLoad(_) => command.with("--quantization fp8"),
            CheckpointSource::Published(_) | CheckpointSource::Made(_) => command,
        }
    }
}

/// The repository of a checkpoint of `model` in `format`, by a publisher whose names follow from the
/// model's.
fn published_checkpoint(model: &Model, quant: Quant, format: Format) -> Option<String> {
    let name = model.name_on_hub().trim_end_matches("-BF16");
    let named = |publisher: &str| {
        let tail = match format {
            Format::Fp8 | Format::Fp8Block => "FP8".to_owned(),
            Format::Mlx(bits) => format!("{bits}bit"),
            Format::Gptq => "GPTQ-Int4".to_owned(),
            format => format.to_string(),
        };
        format!("{publisher}/{name}-{tail}")
    };
    // It makes them of about every model.
    if let Format::Mlx(_) = format {
        return Some(named("mlx-community"));
    }
    let asked = match quant {
        Quant::Build(build) => build.publisher,
        Quant::Gguf(_) | Quant::Format(_) => None,
    };
    let owner = model.hf_id.split('/').next().unwrap_or_default();
    let is_it = |file: &&PublishedFile| {
        let by = file.publisher.name();
        file.name == BuildName::Format(format)
            && match asked {
                Some(asked) => asked == file.publisher,
                None => by == owner || matches!(by, "nvidia" | "QuantTrio"),
            }
    };
    let file = model.builds.iter().find(is_it)?;
    Some(named(file.publisher.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::quant::Mix;

    #[test]
    fn every_command_names_its_model() {
        let catalog = Catalog::bundled();
        for model in catalog.models.iter() {
            for engine in Engine::ALL.iter().copied() {
                for quant in crate::engine::usual_formats(engine, model) {
                    let command = command(engine, model, quant, &["--flag 1".to_owned()]);
                    let name = model.name_on_hub().to_ascii_lowercase();
                    let name = name.trim_end_matches("-bf16");
                    assert!(command.to_ascii_lowercase().contains(name), "{command}");
                    assert!(command.contains("--flag 1"), "{command}");
                }
            }
        }
    }

    #[test]
    fn published_files_and_native_checkpoints_are_named_where_they_lie() {
        let of = |id: &str, engine, quant: &str| {
            let model = Catalog::bundled().model(id).unwrap();
            command(engine, model, Quant::parse(quant).unwrap(), &[])
        };
        assert_eq!(
            of("qwen3.8-27b", Engine::LlamaCpp, "UD-Q4_K_XL"),
            "llama-server -hf unsloth/Qwen3.8-27B-GGUF:UD-Q4_K_XL"
        );
        assert_eq!(of("gpt-oss-120b", Engine::Vllm, "MXFP4"), "vllm serve openai/gpt-oss-120b");
        assert_eq!(
            of("qwen3-32b", Engine::Vllm, "FP8"),
            "vllm serve Qwen/Qwen3-32B --quantization fp8"
        );
        assert_eq!(of("qwen3.6-27b", Engine::Vllm, "FP8"), "vllm serve Qwen/Qwen3.6-27B-FP8");
        assert_eq!(
            of("qwen3.6-27b", Engine::Vllm, "nvidia:NVFP4"),
            "vllm serve nvidia/Qwen3.6-27B-NVFP4"
        );
        assert_eq!(
            of("qwen3-8b", Engine::Mlx, "MLX-4bit"),
            "mlx_lm.generate --model mlx-community/Qwen3-8B-4bit --prompt Hello"
        );
    }

    #[test]
    fn each_shell_reads_the_words_that_are_meant() {
        let mut command = Command::new("run -ts 3,1").word("two words").word("it's").word("");
        command.environment.push(("KEY".to_owned(), "a b".to_owned()));
        assert_eq!(
            command.in_shell(Shell::Bash),
            r"KEY='a b' run -ts 3,1 'two words' 'it'\''s' ''"
        );
        assert_eq!(
            command.in_shell(Shell::PowerShell),
            "$env:KEY='a b'; run -ts '3,1' 'two words' 'it''s' ''"
        );
    }

    #[test]
    fn a_model_of_ollama_with_parameters_has_a_file_of_its_own() {
        let model = Catalog::bundled().model("qwen3-32b").unwrap();
        let flags = ["OLLAMA_NUM_PARALLEL=1", "PARAMETER num_gpu 20"].map(str::to_owned);
        let quant = Quant::Gguf(Mix::Q4_K_M);
        let launch = launch(Engine::Ollama, model, quant, &flags);
        assert!(launch.files[0].text.contains("PARAMETER num_gpu 20\n"), "{launch:?}");
        assert_eq!(
            launch.server.unwrap().in_shell(Shell::Bash),
            "OLLAMA_NUM_PARALLEL=1 ollama serve"
        );
        assert_eq!(launch.commands[0].words[..2], ["ollama", "create"]);
    }
}
