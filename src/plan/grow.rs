//! What serves more: devices, machines, copies. The sizes are those of the full estimates.

use super::engines::{DynamoWorker, Operations, Server};
use super::keep::in_double_quotes;
use super::{Answered, Growth, Larger, PlanInput, PlanStep, What};
use crate::catalog::Catalog;
use crate::engine::{CheckpointSource, Command};
use crate::units::GIB;

/// Copies behind a router.
const COPIES: u32 = 2;

pub(super) fn steps(catalog: &Catalog, engine: &dyn Operations, a: &Answered<'_>) -> Vec<PlanStep> {
    let mut steps = Vec::new();
    for larger in &a.input.larger {
        let input = PlanInput {
            query: larger.query.clone(),
            figures: larger.figures.clone(),
            larger: Vec::new(),
        };
        let Some(grown) = Answered::new(catalog, &input) else { continue };
        match larger.growth {
            Growth::Devices(_) => {
                let mut started = engine.start(&grown);
                if started.is_empty() {
                    continue;
                }
                steps.push(PlanStep::says(What::MoreDevices(larger.clone())));
                match started == engine.start(a) {
                    true => steps.push(PlanStep::says(What::SameCommands)),
                    false => steps.append(&mut started),
                }
            }
            Growth::Nodes(_) => steps.extend(nodes(engine, &grown, larger)),
        }
    }
    if let Some(server) = engine.server(a).filter(|_| a.figures().users > 1) {
        let together = a.figures().throughput_tps;
        let together = together.map(|tps| tps.expected * f64::from(COPIES));
        steps.push(PlanStep::says(What::Replicas(COPIES, together)));
        match engine.dynamo(a) {
            Some(worker) => steps.extend(copies(a, worker)),
            None => {
                steps.push(PlanStep::write(What::Router("nginx"), "nginx.conf", nginx(&server)));
            }
        }
    }
    steps
}

fn nodes(engine: &dyn Operations, grown: &Answered<'_>, larger: &Larger) -> Vec<PlanStep> {
    let Some(nodes) = engine.nodes(grown) else { return Vec::new() };
    let mut steps = vec![
        PlanStep::says(What::MoreNodes(larger.clone())),
        PlanStep::run(What::FirstNode, nodes.first),
        PlanStep::run(What::OtherNodes, nodes.others),
    ];
    if !is_downloaded(grown) {
        return steps;
    }
    let file = "leader-worker-set.yaml";
    steps.push(PlanStep::write(What::LeaderWorkerSet, file, nodes.manifest));
    let pod = format!("pod/{}-0", nodes.name);
    steps.push(PlanStep::run(What::Apply(nodes.port), apply(file, &pod, nodes.port)));
    if let Some(worker) = engine.dynamo(grown) {
        steps.extend(graph(&worker, grown, 1, 2));
    }
    steps
}

/// Copies of a server behind the router of Dynamo: by hand, and in Kubernetes.
fn copies(a: &Answered<'_>, worker: DynamoWorker) -> Vec<PlanStep> {
    let in_kubernetes = match is_downloaded(a) {
        true => graph(&worker, a, COPIES, 1),
        false => Vec::new(),
    };
    let mut steps = vec![PlanStep::run(What::EngineRouter("Dynamo"), [frontend(), worker.command])];
    steps.extend(in_kubernetes);
    steps
}

/// Whether a pod gets the checkpoint by itself: what was made lies on the machine where it was.
fn is_downloaded(a: &Answered<'_>) -> bool {
    !matches!(a.checkpoint(), CheckpointSource::Made(_))
}

/// A graph of Dynamo in Kubernetes: `replicas` of `worker`, each on so many `nodes`, behind its
/// router.
fn graph(worker: &DynamoWorker, a: &Answered<'_>, replicas: u32, nodes: usize) -> Vec<PlanStep> {
    let DynamoWorker { framework, command, image } = worker;
    let devices = a.figures().devices.len() / nodes;
    // The checkpoint, and what its download needs beside it.
    let disk = a.figures().weights.0.div_ceil(GIB) + 2;
    let multinode = match nodes {
        1 => String::new(),
        n => format!("      multinode:\n        nodeCount: {n}\n"),
    };
    let manifest = format!(
        "apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata:
  name: {framework}
spec:
  backendFramework: {framework}
  components:
    - name: Frontend
      type: frontend
      replicas: 1
      podTemplate:
        spec:
          containers:
            - name: main
              image: {image}
{}    - name: Worker
      type: worker
      replicas: {replicas}
{multinode}      podTemplate:
        spec:
          containers:
            - name: main
              image: {image}
{}              envFrom: [{{secretRef: {{name: hf-token-secret, optional: true}}}}]
              resources:
                limits:
                  nvidia.com/gpu: \"{devices}\"
                requests:
                  ephemeral-storage: {disk}Gi
",
        container(&frontend()),
        container(command),
    );
    let (file, service) = ("dynamo.yaml", format!("svc/{framework}-frontend"));
    vec![
        PlanStep::write(What::DynamoGraph, file, manifest),
        PlanStep::run(What::Apply(8000), apply(file, &service, 8000)),
    ]
}

/// The router of Dynamo.
fn frontend() -> Command {
    Command::new("python -m dynamo.frontend --router-mode kv --http-port 8000")
}

/// The lines of a container that runs `python -m MODULE ...`.
fn container(command: &Command) -> String {
    let list = |words: &[String]| {
        words.iter().map(|word| in_double_quotes(word)).collect::<Vec<_>>().join(", ")
    };
    let (module, arguments) = command.words.split_at(3.min(command.words.len()));
    let module = list(module).replace("\"python\"", "\"python3\"");
    format!("              command: [{module}]\n              args: [{}]\n", list(arguments))
}

/// Starts what `file` describes, and makes `what` answer here at `port`.
fn apply(file: &str, what: &str, port: u16) -> [Command; 2] {
    let forward = Command::new("kubectl port-forward").word(what).with(&format!("{port}:{port}"));
    [Command::new("kubectl apply -f").word(file), forward]
}

/// A proxy before copies of a server on hosts of their own, the least busy first.
fn nginx(server: &Server) -> String {
    let hosts: String =
        (1..=COPIES).map(|n| format!("    server host-{n}:{};\n", server.port)).collect();
    format!(
        "events {{}}\nhttp {{\n  upstream {0} {{\n    least_conn;\n{hosts}  }}\n  server {{\n    \
         listen 80;\n    location / {{\n      proxy_pass http://{0};\n      proxy_buffering off;\n      \
         proxy_read_timeout 1h;\n    }}\n  }}\n}}\n",
        server.name
    )
}
