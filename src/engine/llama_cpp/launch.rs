//! What starts a model under llama.cpp and its front ends.

use crate::catalog::Model;
use crate::engine::command::{Command, Launch, TextFile, gguf_file, published_gguf};
use crate::quant::Quant;

/// `llama-server`, which gets a published file by itself.
pub fn llama_server(model: &Model, quant: Quant, flags: &[String]) -> Launch {
    let command = match published_gguf(model, quant) {
        Some(repository) => Command::new("llama-server -hf").word(repository),
        None => Command::new("llama-server -m").word(gguf_file(model, quant)),
    };
    Launch::of(command.flags(flags))
}

/// `llama-server` of ik_llama.cpp, which loads a file.
pub fn ik_llama_server(model: &Model, quant: Quant, flags: &[String]) -> Launch {
    Launch::of(Command::new("llama-server -m").word(gguf_file(model, quant)).flags(flags))
}

/// Ollama: its settings are the environment of its server, but for those of a model, which stand in
/// a Modelfile.
pub fn ollama(model: &Model, quant: Quant, flags: &[String]) -> Launch {
    let is_instruction = |flag: &&String| {
        ["PARAMETER ", "ADAPTER "].iter().any(|instruction| flag.starts_with(instruction))
    };
    let instructions: Vec<&String> = flags.iter().filter(is_instruction).collect();
    let mut server = Command::new("ollama serve");
    let mut own = Vec::new();
    for flag in flags.iter().filter(|flag| !is_instruction(flag)) {
        match flag.split_once('=') {
            Some((name, value)) => server.environment.push((name.to_owned(), value.to_owned())),
            None => own.push(flag.clone()),
        }
    }
    let published = published_gguf(model, quant).map(|repository| format!("hf.co/{repository}"));
    let run = |name: &str| Command::new("ollama run").word(name).flags(&own);
    let (files, commands) = match &published {
        Some(name) if instructions.is_empty() => (Vec::new(), vec![run(name)]),
        _ => {
            let from = published.unwrap_or_else(|| format!("./{}", gguf_file(model, quant)));
            let mut text = format!("FROM {from}\n");
            for instruction in instructions {
                text += instruction;
                text.push('\n');
            }
            let name = model.name_on_hub().to_ascii_lowercase();
            let create = Command::new("ollama create").word(&name).with("-f Modelfile");
            let file = TextFile { name: "Modelfile".to_owned(), text };
            (vec![file], vec![create, run(&name)])
        }
    };
    Launch { files, server: Some(server), commands, python: None }
}

/// LM Studio, which knows models by their names in lower case.
pub fn lm_studio(model: &Model, _: Quant, flags: &[String]) -> Launch {
    let name = model.name_on_hub().to_ascii_lowercase();
    Launch::of(Command::new("lms load").word(name).flags(flags))
}

/// KoboldCpp, which loads a file.
pub fn kobold_cpp(model: &Model, quant: Quant, flags: &[String]) -> Launch {
    let command = Command::new("koboldcpp --model").word(gguf_file(model, quant));
    Launch::of(command.flags(flags))
}
