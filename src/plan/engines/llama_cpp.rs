//! llama.cpp: `llama-server`, measured with `llama-bench`.

use super::{Image, Operations, Server};
use crate::engine::{Command, gguf_file, published_gguf};
use crate::plan::{Answered, PlanStep, What, made};

pub(super) struct LlamaCpp;

impl Operations for LlamaCpp {
    fn get(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        match published_gguf(a.model, a.figures().quant) {
            Some(published) => vec![PlanStep::says(What::DownloadsItself(published))],
            None => made::gguf_made(a),
        }
    }

    fn check(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let model = |command: &str| match published_gguf(a.model, a.figures().quant) {
            Some(published) => Command::new(command).with("-hf").word(published),
            None => Command::new(command).with("-m").word(gguf_file(a.model, a.figures().quant)),
        };
        /// Tokens that are generated, as by default.
        const GENERATED: u64 = 128;
        let context = a.scenario.context;
        let (prompt, output) = a.scenario.serving.within(context);
        let bench = bench_flags(&a.figures().flags);
        // What is before a test comes on top of it: together they are no more than the plan has room for.
        let depth = match context.saturating_sub(prompt.max(GENERATED)) {
            0 => "0".to_owned(),
            full => format!("0,{full}"),
        };
        let single = model("llama-bench").flags(&bench).with("-p").word(prompt.to_string());
        let single = single.with("-n").word(GENERATED.to_string()).with("-d").word(depth);
        let mut commands = vec![single];
        if a.scenario.users > 1 {
            let users = a.scenario.users.to_string();
            let batched = model("llama-batched-bench").flags(&batched_flags(&a.figures().flags));
            let batched = batched.with("-npp").word(prompt.to_string()).with("-ntg");
            commands.push(batched.word(output.to_string()).with("-npl").word(users));
        }
        vec![PlanStep::run(What::MeasureAndPaste, commands)]
    }

    fn memory_log_flag(&self) -> Option<&'static str> {
        Some("-lv 4")
    }

    fn server(&self, a: &Answered<'_>) -> Option<Server> {
        Some(Server {
            name: "llama-server",
            command: a.launch.commands.first()?.clone(),
            port: 8080,
            image: Some(Image {
                from: "    build:\n      context: https://github.com/ggml-org/llama.cpp.git\n      \
                       dockerfile: .devops/cuda.Dockerfile\n      target: server\n",
                entrypoint: "",
                words: 1,
                cache: "~/.cache/llama.cpp:/root/.cache/llama.cpp",
                public: "--host 0.0.0.0",
                reads_files: published_gguf(a.model, a.figures().quant).is_none(),
            }),
        })
    }
}

/// The flags of `llama-server` that `llama-bench` has too, as it writes them.
pub(super) fn bench_flags(flags: &[String]) -> Vec<String> {
    let both = ["-ngl", "--n-cpu-moe", "--rpc", "-sm", "-mg", "-ts", "-fa", "-ctk", "-ub", "-b"];
    let own = |flag: &String| {
        let name = flag.split(' ').next().unwrap_or_default();
        match flag.as_str() {
            "--device none" => Some("-dev none".to_owned()),
            "--no-kv-offload" => Some("-nkvo 1".to_owned()),
            // It has no name for this type.
            flag if name == "-ctk" && flag.contains(" f32") => None,
            // It takes several values for a comma.
            flag if name == "-ts" => Some(flag.replace(',', "/")),
            _ => both.contains(&name).then(|| flag.clone()),
        }
    };
    flags.iter().filter_map(own).collect()
}

/// The flags of `llama-server` that `llama-batched-bench` has too.
fn batched_flags(flags: &[String]) -> Vec<String> {
    let others = [
        "-np",
        "--mmproj",
        "--no-mmproj",
        "--no-mmproj-offload",
        "--lora",
        "-md",
        "--spec-type",
        "--cache-ram",
        "--ctx-checkpoints",
    ];
    let kept = flags.iter().filter(|flag| {
        let name = flag.split(' ').next().unwrap_or_default();
        !others.contains(&name)
    });
    kept.cloned().collect()
}
