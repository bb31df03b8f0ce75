//! ik_llama.cpp, which is built and measured as llama.cpp is.

use super::llama_cpp::bench_flags;
use super::{Operations, Server};
use crate::engine::{Command, gguf_file};
use crate::plan::{Answered, PlanStep, What, made};

pub(super) struct IkLlamaCpp;

impl Operations for IkLlamaCpp {
    fn get(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        made::gguf(a)
    }

    fn check(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let file = gguf_file(a.model, a.figures().quant);
        let prompt = a.scenario.serving.prompt.to_string();
        // Its own `llama-bench` has no tests behind a context, and takes 0 or 1 for this.
        let mut flags = bench_flags(&a.figures().flags);
        for flag in &mut flags {
            *flag = flag.replace("-fa on", "-fa 1").replace("-fa off", "-fa 0");
        }
        let bench = Command::new("llama-bench -m").word(file).flags(&flags).with("-p").word(prompt);
        vec![PlanStep::run(What::MeasureAndPaste, [bench.with("-n 128")])]
    }

    fn memory_log_flag(&self) -> Option<&'static str> {
        Some("")
    }

    fn server(&self, a: &Answered<'_>) -> Option<Server> {
        Some(Server {
            name: "ik-llama-server",
            command: a.launch.commands.first()?.clone(),
            port: 8080,
            image: None,
        })
    }
}
