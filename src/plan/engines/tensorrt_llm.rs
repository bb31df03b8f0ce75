//! TensorRT-LLM, by `trtllm-serve`.

use super::{Operations, Server, vllm_bench};
use crate::plan::{Answered, PlanStep, What, made};

pub(super) struct TensorRtLlm;

impl Operations for TensorRtLlm {
    fn get(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        made::checkpoint(a, None)
    }

    fn check(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let source = a.checkpoint();
        vec![PlanStep::run(What::MeasureAndPaste, [vllm_bench(a, source.name(), &[])])]
    }

    fn memory_log_flag(&self) -> Option<&'static str> {
        Some("")
    }

    fn server(&self, a: &Answered<'_>) -> Option<Server> {
        Some(Server {
            name: "trtllm",
            command: a.launch.commands.first()?.clone(),
            port: 8000,
            image: None,
        })
    }
}
