//! vLLM, on several machines over Ray, and behind the router of Dynamo.

use super::{DynamoWorker, Image, Nodes, Operations, Server, leader_worker_set, vllm_bench};
use crate::engine::{Command, Shell};
use crate::plan::{Answered, PlanStep, What, made};

pub(super) struct Vllm;

const IMAGE: &str = "vllm/vllm-openai:v0.33.0";
const PORT: u16 = 8000;

impl Operations for Vllm {
    fn get(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        made::checkpoint(a, None)
    }

    fn check(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let source = a.checkpoint();
        let bench = vllm_bench(a, source.name(), &[]);
        vec![PlanStep::run(What::MeasureAndPaste, [bench])]
    }

    fn memory_log_flag(&self) -> Option<&'static str> {
        Some("")
    }

    fn server(&self, a: &Answered<'_>) -> Option<Server> {
        Some(Server {
            name: "vllm",
            command: a.launch.commands.first()?.clone(),
            port: PORT,
            image: Some(Image {
                from: "    image: vllm/vllm-openai:v0.33.0\n",
                entrypoint: "[\"vllm\", \"serve\"]",
                words: 2,
                cache: "~/.cache/huggingface:/root/.cache/huggingface",
                public: "",
                reads_files: false,
            }),
        })
    }

    fn dynamo(&self, a: &Answered<'_>) -> Option<DynamoWorker> {
        let worker = Command::new("python -m dynamo.vllm --model").checkpoint(&a.checkpoint());
        Some(DynamoWorker {
            framework: "vllm",
            command: worker.flags(&a.figures().flags),
            image: "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1",
        })
    }

    fn nodes(&self, a: &Answered<'_>) -> Option<Nodes> {
        let serve = a.launch.commands.first()?.clone().with("--distributed-executor-backend ray");
        let devices = a.figures().devices.len() / 2;
        let script = "examples/ray_serving/multi-node-serving.sh";
        let leader = format!(
            "bash {script} leader --ray_cluster_size=$(LWS_GROUP_SIZE); {}",
            serve.in_shell(Shell::Bash)
        );
        let worker = format!("bash {script} worker --ray_address=$(LWS_LEADER_ADDRESS)");
        let manifest = leader_worker_set("vllm", IMAGE, (2, devices), PORT, (&leader, &worker));
        Some(Nodes {
            first: vec![Command::new("ray start --head --port 6379"), serve],
            others: vec![Command::new("ray start --address HEAD:6379 --block")],
            manifest,
            name: "vllm",
            port: PORT,
        })
    }
}
