//! Transformers: a script, which says how fast it was, and its server for 16-bit checkpoints.

use super::{Operations, Server};
use crate::engine::Command;
use crate::plan::{Answered, PlanStep, What, made};
use crate::quant::{Format, Mix, Quant};

pub(super) struct Transformers;

impl Operations for Transformers {
    fn get(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        match a.figures().quant.scheme() {
            Quant::Format(Format::Nf4 | Format::BnbInt8) => vec![
                PlanStep::says(What::DownloadsItself(a.model.hf_id.clone())),
                PlanStep::says(What::MadeOnLoad),
            ],
            _ => made::checkpoint(a, None),
        }
    }

    fn start(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let Some(load) = &a.launch.python else { return Vec::new() };
        let id = &a.model.hf_id;
        let draft = a.figures().flags.iter().find_map(|flag| flag.strip_prefix("assistant_model="));
        let (loads_draft, with_draft) = match draft {
            Some(id) => (
                format!(
                    "draft = AutoModelForCausalLM.from_pretrained({id}, device_map=\"auto\")\n"
                ),
                ", assistant_model=draft",
            ),
            None => (String::new(), ""),
        };
        let text = format!(
            "import time\n\nimport torch\nfrom transformers import AutoModelForCausalLM, \
             AutoTokenizer, BitsAndBytesConfig\n\nmodel = {load}\n{loads_draft}tokenizer = \
             AutoTokenizer.from_pretrained(\"{id}\")\nprompt = tokenizer(\"Write 300 words about the \
             sea.\", return_tensors=\"pt\").to(model.device)\nstart = time.time()\noutput = \
             model.generate(**prompt, max_new_tokens={}{with_draft})\nseconds = time.time() - \
             start\nprint(tokenizer.decode(output[0], skip_special_tokens=True))\nanswer = \
             output.shape[1] - prompt[\"input_ids\"].shape[1]\nprint(f\"{{answer / seconds:.1f}} \
             tokens/s, {{torch.cuda.max_memory_allocated() / 2**30:.1f}} GiB\")\n",
            a.scenario.serving.output
        );
        let mut steps = vec![
            PlanStep::write(What::Write("run.py".to_owned()), "run.py", text),
            PlanStep::run(What::Load, [Command::new("python run.py")]),
        ];
        if let Some(server) = self.server(a) {
            steps.push(PlanStep::run(What::Serve(server.port), [server.command]));
        }
        steps
    }

    fn check(&self, _: &Answered<'_>) -> Vec<PlanStep> {
        vec![PlanStep::run(What::Measure, [Command::new("python run.py")])]
    }

    fn server(&self, a: &Answered<'_>) -> Option<Server> {
        let dtype = match a.figures().quant.scheme() {
            Quant::Gguf(Mix::F32) => "float32",
            Quant::Gguf(Mix::F16) => "float16",
            Quant::Gguf(Mix::BF16) => "bfloat16",
            // Its quantisations are not those of the script.
            _ => return None,
        };
        let name = a.checkpoint().name().to_owned();
        let command = Command::new("transformers serve").word(name).with("--dtype").with(dtype);
        let command = match a.scenario.users {
            1 => command,
            _ => command.with("--continuous-batching"),
        };
        Some(Server { name: "transformers", command, port: 8000, image: None })
    }
}
