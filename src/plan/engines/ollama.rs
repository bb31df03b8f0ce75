//! Ollama: its server's environment, and a Modelfile for what is a model's own.

use super::{Image, Operations, Server};
use crate::engine::{Command, published_gguf};
use crate::plan::{Answered, PlanStep, What, made};

pub(super) struct Ollama;

impl Operations for Ollama {
    fn get(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        match published_gguf(a.model, a.figures().quant) {
            Some(published) => {
                let pull = Command::new("ollama pull").word(format!("hf.co/{published}"));
                vec![PlanStep::run(What::Download(published), [pull])]
            }
            None => made::gguf_made(a),
        }
    }

    fn start(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let server = a.launch.server.clone();
        let mut steps: Vec<PlanStep> =
            server.into_iter().map(|server| PlanStep::run(What::StartServer, [server])).collect();
        steps.extend(a.launch.files.iter().map(PlanStep::file));
        steps.push(PlanStep::run(What::Load, a.launch.commands.clone()));
        steps
    }

    fn check(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let Some(run) = a.launch.commands.last() else { return Vec::new() };
        let measured = run.clone().with("--verbose").word("Write 300 words about the sea.");
        vec![PlanStep::run(What::Measure, [Command::new("ollama ps"), measured])]
    }

    fn memory_log_flag(&self) -> Option<&'static str> {
        Some("")
    }

    fn server(&self, a: &Answered<'_>) -> Option<Server> {
        Some(Server {
            name: "ollama",
            command: a.launch.server.clone()?,
            port: 11_434,
            image: Some(Image {
                from: "    image: ollama/ollama\n",
                entrypoint: "",
                words: 1,
                cache: "~/.ollama:/root/.ollama",
                public: "OLLAMA_HOST=0.0.0.0",
                reads_files: false,
            }),
        })
    }
}
