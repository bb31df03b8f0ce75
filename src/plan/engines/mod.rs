//! How each engine is operated: a file an engine, beside those of `src/engine`.

mod exllamav3;
mod ik_llama_cpp;
mod koboldcpp;
mod llama_cpp;
mod lm_studio;
mod mlx;
mod ollama;
mod sglang;
mod tensorrt_llm;
mod transformers;
mod vllm;

use super::{Answered, PlanStep, What};
use crate::engine::Command;
use crate::scenario::Engine;

/// How an engine is operated.
pub(super) trait Operations: Sync {
    /// How to get what it loads.
    fn get(&self, a: &Answered<'_>) -> Vec<PlanStep>;

    /// How to start it.
    fn start(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let mut steps: Vec<PlanStep> = a.launch.files.iter().map(PlanStep::file).collect();
        if let Some(server) = self.server(a) {
            steps.push(PlanStep::run(What::Serve(server.port), [server.command]));
        }
        steps
    }

    /// How to measure what it does.
    fn check(&self, a: &Answered<'_>) -> Vec<PlanStep>;

    /// The flag with which its log reports the memory that it allocates, as
    /// [`MemoryLog`](crate::memory_log::MemoryLog) reads it; empty if it does so without one.
    fn memory_log_flag(&self) -> Option<&'static str> {
        None
    }

    /// Its server, to be kept running.
    fn server(&self, a: &Answered<'_>) -> Option<Server>;

    /// A worker of Dynamo, whose router knows what each copy of it has in its cache.
    fn dynamo(&self, _: &Answered<'_>) -> Option<DynamoWorker> {
        None
    }

    /// How several machines run one model together.
    fn nodes(&self, _: &Answered<'_>) -> Option<Nodes> {
        None
    }
}

/// A server.
pub(super) struct Server {
    /// Its name, as services are named.
    pub name: &'static str,
    /// The command that starts it.
    pub command: Command,
    /// The port that it answers at.
    pub port: u16,
    /// The container image that has it.
    pub image: Option<Image>,
}

/// A container image.
pub(super) struct Image {
    /// The lines of a compose file that name it or build it.
    pub from: &'static str,
    /// The entry point, as a list of YAML; empty for the image's own.
    pub entrypoint: &'static str,
    /// Words of the command that are the entry point's.
    pub words: usize,
    /// The volume that keeps downloads.
    pub cache: &'static str,
    /// What lets others than the container itself reach the server: words, or a variable.
    pub public: &'static str,
    /// Whether the command names files in the folder.
    pub reads_files: bool,
}

/// A worker of Dynamo.
pub(super) struct DynamoWorker {
    /// The engine, as manifests name it.
    pub framework: &'static str,
    /// The command that starts it.
    pub command: Command,
    /// The container image that has it.
    pub image: &'static str,
}

/// Several machines that run one model together.
pub(super) struct Nodes {
    /// What is typed on the first.
    pub first: Vec<Command>,
    /// What is typed on each of the others.
    pub others: Vec<Command>,
    /// A manifest that does the same in Kubernetes, and the name of what it describes.
    pub manifest: String,
    /// See `manifest`.
    pub name: &'static str,
    /// The port that it answers at.
    pub port: u16,
}

/// Returns how `engine` is operated.
pub(super) fn operations(engine: Engine) -> &'static dyn Operations {
    match engine {
        Engine::LlamaCpp => &llama_cpp::LlamaCpp,
        Engine::Ollama => &ollama::Ollama,
        Engine::LmStudio => &lm_studio::LmStudio,
        Engine::KoboldCpp => &koboldcpp::KoboldCpp,
        Engine::IkLlamaCpp => &ik_llama_cpp::IkLlamaCpp,
        Engine::Vllm => &vllm::Vllm,
        Engine::Sglang => &sglang::Sglang,
        Engine::TensorRtLlm => &tensorrt_llm::TensorRtLlm,
        Engine::Mlx => &mlx::Mlx,
        Engine::Transformers => &transformers::Transformers,
        Engine::ExLlamaV3 => &exllamav3::ExLlamaV3,
    }
}

/// The command that measures a server with vLLM's client, whose output the page reads.
fn vllm_bench(a: &Answered<'_>, model: &str, backend: &[&str]) -> Command {
    let mut command = Command::new("vllm bench serve --model").word(model);
    for words in backend {
        command = command.with(words);
    }
    with_load(command.with("--dataset-name random"), a).with("--ignore-eos")
}

/// `command` with the load that is asked about, as vLLM's and SGLang's clients both call it.
fn with_load(command: Command, a: &Answered<'_>) -> Command {
    let (serving, users) = (&a.scenario.serving, a.scenario.users);
    command
        .with("--random-input-len")
        .word(serving.prompt.to_string())
        .with("--random-output-len")
        .word(serving.output.to_string())
        .with("--max-concurrency")
        .word(users.to_string())
        .with("--num-prompts")
        .word(users.saturating_mul(4).max(8).to_string())
}

/// The manifest of a group of pods that run one model together: `leader` and `worker` are shell
/// commands.
fn leader_worker_set(
    name: &str,
    image: &str,
    (nodes, devices): (u32, usize),
    port: u16,
    (leader, worker): (&str, &str),
) -> String {
    // What devices of a pod share is more than the 64 MiB that it has by default.
    let pod = |role: &str, command: &str, ports: &str| {
        format!(
            "    {role}Template:
      spec:
        containers:
          - name: {name}
            image: {image}
            command: [\"sh\", \"-c\"]
            args:
              - >-
                {command}
            resources:
              limits:
                nvidia.com/gpu: \"{devices}\"
{ports}            volumeMounts:
              - name: shm
                mountPath: /dev/shm
        volumes:
          - name: shm
            emptyDir:
              medium: Memory
"
        )
    };
    let ports = format!("            ports:\n              - containerPort: {port}\n");
    format!(
        "apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata:
  name: {name}
spec:
  replicas: 1
  leaderWorkerTemplate:
    size: {nodes}
    restartPolicy: RecreateGroupOnPodRestart
{}{}",
        pod("leader", leader, &ports),
        pod("worker", worker, "")
    )
}
