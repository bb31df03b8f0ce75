//! LM Studio, by its command `lms`.

use super::{Operations, Server};
use crate::engine::{Command, gguf_file, published_gguf};
use crate::plan::{Answered, PlanStep, What, made};

pub(super) struct LmStudio;

impl Operations for LmStudio {
    fn get(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        match published_gguf(a.model, a.figures().quant) {
            Some(published) => {
                let (repository, name) = published.split_once(':').unwrap_or((&published, ""));
                let address = format!("https://huggingface.co/{repository}@{name}");
                let get = Command::new("lms get").word(address).with("--yes");
                vec![PlanStep::run(What::Download(repository.to_owned()), [get])]
            }
            None => {
                let mut steps = made::gguf_made(a);
                let file = gguf_file(a.model, a.figures().quant);
                let import = Command::new("lms import").word(file).with("--yes");
                steps.push(PlanStep::run(What::Import, [import]));
                steps
            }
        }
    }

    fn start(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let mut steps = vec![PlanStep::run(What::Load, a.launch.commands.clone())];
        let kv = a.scenario.kv.without_fp8();
        let mut settings = Vec::new();
        if kv.key.is_quantised() {
            settings.push(("K Cache Quantization Type", kv.key.to_string()));
        }
        if kv.value.is_quantised() {
            settings.push(("V Cache Quantization Type", kv.value.to_string()));
        }
        if !a.scenario.flash_attention {
            settings.push(("Flash Attention", "off".to_owned()));
        }
        if !settings.is_empty() {
            steps.insert(0, PlanStep::says(What::SetInApp(settings)));
        }
        steps.push(PlanStep::run(What::Serve(PORT), [Command::new("lms server start")]));
        steps
    }

    fn check(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let name = a.model.name_on_hub().to_ascii_lowercase();
        let chat = Command::new("lms chat").word(name).with("--stats --prompt");
        let chat = chat.word("Write 300 words about the sea.");
        vec![PlanStep::run(What::Measure, [chat])]
    }

    /// The app starts with the session, and so does its server.
    fn server(&self, _: &Answered<'_>) -> Option<Server> {
        None
    }
}

const PORT: u16 = 1234;
