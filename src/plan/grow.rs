//! What serves more: devices, machines, copies. The sizes are those of the full estimates.

use super::engines::{Operations, Server};
use super::{Answered, Growth, Larger, PlanInput, PlanStep, What};
use crate::catalog::Catalog;

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
        let commands = engine.router(a);
        steps.push(match commands.is_empty() {
            false => PlanStep::run(What::EngineRouter("Dynamo"), commands),
            true => PlanStep::write(What::Router("nginx"), "nginx.conf", nginx(&server)),
        });
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
    steps.push(PlanStep::write(What::LeaderWorkerSet, "leader-worker-set.yaml", nodes.manifest));
    steps
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
