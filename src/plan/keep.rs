//! What keeps a server running: a unit of systemd, a file for docker compose.

use super::engines::{Image, Operations, Server};
use super::{Answered, PlanStep, What};
use crate::engine::{CheckpointSource, Command};

pub(super) fn steps(engine: &dyn Operations, a: &Answered<'_>) -> Vec<PlanStep> {
    let Some(server) = engine.server(a) else { return Vec::new() };
    let mut steps = Vec::new();
    if !a.is_by("Apple") {
        let unit = format!("{}.service", server.name);
        steps.push(PlanStep::write(
            What::SystemdUnit(unit.clone()),
            unit.clone(),
            systemd(&server),
        ));
        let reload = Command::new("systemctl --user daemon-reload");
        let enable = Command::new("systemctl --user enable --now").word(unit);
        steps.push(PlanStep::run(What::SystemdEnable, [reload, enable]));
    }
    if let Some(image) = server.image.as_ref().filter(|_| a.is_by("NVIDIA")) {
        steps.push(PlanStep::write(What::Compose, "compose.yaml", compose(a, &server, image)));
        steps.push(PlanStep::run(What::ComposeUp, [Command::new("docker compose up -d")]));
    }
    steps
}

/// `word` as systemd and YAML read it in double quotes.
pub(super) fn in_double_quotes(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

fn systemd(server: &Server) -> String {
    let plain =
        |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,+".contains(c));
    let word = |word: &String| match plain(word) {
        true => word.clone(),
        // A percent sign begins a specifier.
        false => in_double_quotes(&word.replace('%', "%%")),
    };
    let words: Vec<String> = server.command.words.iter().map(word).collect();
    let environment = server.command.environment.iter();
    let environment = environment.map(|(name, value)| {
        format!("Environment={}\n", in_double_quotes(&format!("{name}={value}")))
    });
    format!(
        "[Unit]\nDescription={}\nAfter=network-online.target\n\n[Service]\nWorkingDirectory=%h\n{}\
         ExecStart=/usr/bin/env {}\nRestart=on-failure\nRestartSec=5\n\n[Install]\n\
         WantedBy=default.target\n",
        server.name,
        environment.collect::<String>(),
        words.join(" ")
    )
}

fn compose(a: &Answered<'_>, server: &Server, image: &Image) -> String {
    let mut command = server.command.clone();
    match image.public.split_once('=') {
        Some((name, value)) => command.environment.push((name.to_owned(), value.to_owned())),
        None => command = command.with(image.public),
    }
    let words: Vec<String> =
        command.words.iter().skip(image.words).map(|word| in_double_quotes(word)).collect();
    let mut text = format!("services:\n  {}:\n", server.name);
    text += image.from;
    text += "    restart: unless-stopped\n    ipc: host\n";
    if !image.entrypoint.is_empty() {
        text += &format!("    entrypoint: {}\n", image.entrypoint);
    }
    text += &format!("    command: [{}]\n", words.join(", "));
    if !command.environment.is_empty() {
        text += "    environment:\n";
        for (name, value) in &command.environment {
            text += &format!("      {name}: {}\n", in_double_quotes(value));
        }
    }
    text += &format!("    ports: [\"{0}:{0}\"]\n    volumes:\n", server.port);
    text += &format!("      - {}\n", image.cache);
    let is_local = matches!(a.checkpoint(), CheckpointSource::Made(_));
    if is_local || image.reads_files {
        text += "      - ./:/work\n    working_dir: /work\n";
    }
    text += "    deploy:\n      resources:\n        reservations:\n          devices:\n            - \
             driver: nvidia\n              count: all\n              capabilities: [gpu]\n";
    text
}
