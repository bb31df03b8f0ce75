//! KoboldCpp.

use super::{Operations, Server};
use crate::plan::{Answered, PlanStep, What, made};

pub(super) struct KoboldCpp;

impl Operations for KoboldCpp {
    fn get(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        made::gguf(a)
    }

    fn check(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let bench = a.launch.commands.first().map(|command| command.clone().with("--benchmark"));
        bench.into_iter().map(|bench| PlanStep::run(What::Measure, [bench])).collect()
    }

    fn memory_log_flag(&self) -> Option<&'static str> {
        Some("")
    }

    fn server(&self, a: &Answered<'_>) -> Option<Server> {
        Some(Server {
            name: "koboldcpp",
            command: a.launch.commands.first()?.clone(),
            port: 5001,
            image: None,
        })
    }
}
