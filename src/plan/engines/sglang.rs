//! SGLang, on several machines by itself, and behind the router of Dynamo.

use super::{DynamoWorker, Image, Nodes, Operations, Server, leader_worker_set, with_load};
use crate::engine::{Command, Shell};
use crate::plan::{Answered, PlanStep, What, made};

pub(super) struct Sglang;

const IMAGE: &str = "lmsysorg/sglang:latest";
const PORT: u16 = 30_000;

impl Operations for Sglang {
    fn get(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        made::checkpoint(a, None)
    }

    fn check(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let bench = Command::new("python -m sglang.benchmark.serving --backend sglang")
            .with("--dataset-name random --random-range-ratio 1");
        let bench = with_load(bench, a);
        vec![PlanStep::run(What::MeasureAndPaste, [bench])]
    }

    fn memory_log_flag(&self) -> Option<&'static str> {
        Some("")
    }

    fn server(&self, a: &Answered<'_>) -> Option<Server> {
        Some(Server {
            name: "sglang",
            command: a.launch.commands.first()?.clone(),
            port: PORT,
            image: Some(Image {
                from: "    image: lmsysorg/sglang:latest\n",
                entrypoint: "[\"python3\", \"-m\", \"sglang.launch_server\"]",
                words: 3,
                cache: "~/.cache/huggingface:/root/.cache/huggingface",
                public: "--host 0.0.0.0",
                reads_files: false,
            }),
        })
    }

    fn dynamo(&self, a: &Answered<'_>) -> Option<DynamoWorker> {
        let worker =
            Command::new("python -m dynamo.sglang --model-path").checkpoint(&a.checkpoint());
        Some(DynamoWorker {
            framework: "sglang",
            command: worker.flags(&a.figures().flags),
            image: "nvcr.io/nvidia/ai-dynamo/sglang-runtime:1.6.1",
        })
    }

    fn nodes(&self, a: &Answered<'_>) -> Option<Nodes> {
        let serve = a.launch.commands.first()?.clone().with("--host 0.0.0.0 --nnodes");
        let node = |nodes: &str, rank: &str, head: &str| {
            serve
                .clone()
                .word(nodes)
                .with("--node-rank")
                .word(rank)
                .with("--dist-init-addr")
                .word(format!("{head}:20000"))
        };
        let devices = a.figures().devices.len() / 2;
        // Kubernetes fills in its own variables.
        let pod = node("NODES", "RANK", "HEAD").in_shell(Shell::Bash);
        let pod = pod.replace("NODES", "$(LWS_GROUP_SIZE)").replace("RANK", "$(LWS_WORKER_INDEX)");
        let pod = pod.replace("HEAD:", "$(LWS_LEADER_ADDRESS):");
        Some(Nodes {
            first: vec![node("2", "0", "HEAD")],
            others: vec![node("2", "1", "HEAD")],
            manifest: leader_worker_set("sglang", IMAGE, (2, devices), PORT, (&pod, &pod)),
            name: "sglang",
            port: PORT,
        })
    }
}
