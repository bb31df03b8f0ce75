//! MLX, by the programs of mlx-lm.

use super::{Operations, Server};
use crate::engine::Command;
use crate::plan::{Answered, PlanStep, What};
use crate::quant::{Format, Quant};

pub(super) struct Mlx;

impl Operations for Mlx {
    fn get(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let quant = a.figures().quant;
        let name = a.checkpoint().name().to_owned();
        let mut steps = vec![PlanStep::says(What::DownloadsItself(name.clone()))];
        if let Quant::Format(Format::Mlx(bits)) = quant.scheme() {
            let is_known = a.model.builds.iter().any(|file| file.name.scheme() == quant.scheme());
            if !is_known {
                let convert = Command::new("mlx_lm.convert --hf-path").word(&a.model.hf_id);
                let convert = convert.with("--quantize --q-bits").word(bits.to_string());
                let folder = format!("{}-{bits}bit", a.model.name_on_hub());
                let convert = convert.with("--mlx-path").word(&folder);
                steps.push(PlanStep::run(What::ConvertUnlessPublished(folder), [convert]));
            }
        }
        steps
    }

    fn check(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let name = a.checkpoint().name().to_owned();
        let serving = &a.scenario.serving;
        let bench = Command::new("mlx_lm.benchmark --model")
            .word(name)
            .with("-p")
            .word(serving.prompt.to_string())
            .with("-g")
            .word(serving.output.to_string())
            .with("-b")
            .word(a.scenario.users.to_string());
        vec![PlanStep::run(What::Measure, [bench])]
    }

    fn server(&self, a: &Answered<'_>) -> Option<Server> {
        let name = a.checkpoint().name().to_owned();
        // The server's cache grows as it has to, and is not limited.
        let flags = a.figures().flags.iter().filter(|flag| !flag.starts_with("--max-kv-size"));
        let flags: Vec<String> = flags.cloned().collect();
        let mut command = Command::new("mlx_lm.server --model").word(name).flags(&flags);
        // The cache is quantised from its first token on, as is computed.
        if flags.iter().any(|flag| flag.starts_with("--kv-bits")) {
            command = command.with("--quantized-kv-start 0");
        }
        if let Some(sequences) = a.scenario.max_num_seqs {
            command = command.with("--decode-concurrency").word(sequences.to_string());
        }
        if let Some(tokens) = a.scenario.max_num_batched_tokens {
            command = command.with("--prefill-step-size").word(tokens.to_string());
        }
        Some(Server { name: "mlx-lm", command, port: 8080, image: None })
    }
}
