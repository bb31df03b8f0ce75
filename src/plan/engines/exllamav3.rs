//! ExLlamaV3, by TabbyAPI: its `config.yml` and `main.py`.

use super::{Operations, Server, vllm_bench};
use crate::engine::{Command, TextFile};
use crate::plan::{Answered, PlanStep, What, made};
use crate::quant::{Format, Quant};

pub(super) struct ExLlamaV3;

const PORT: u16 = 5000;

impl Operations for ExLlamaV3 {
    fn get(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let Quant::Format(Format::Exl3(tenth_bits)) = a.figures().quant.scheme() else {
            return made::checkpoint(a, Some("models/"));
        };
        let (id, folder) = (&a.model.hf_id, a.model.name_on_hub());
        let out = format!("models/{}", a.checkpoint().folder());
        let bits = format!("{:.1}", f64::from(tenth_bits) / 10.0);
        let convert = Command::new("python convert.py -i").word(folder).with("-o").word(out);
        let convert = convert.with("-w work -b").word(bits);
        vec![
            PlanStep::run(What::DownloadOriginal(id.clone()), [made::download(id, None, folder)]),
            PlanStep::run(What::ConvertOwn, [convert]),
        ]
    }

    fn start(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let file = TextFile { name: "config.yml".to_owned(), text: config(a) };
        let serve = Command::new("python main.py --config config.yml");
        vec![PlanStep::file(&file), PlanStep::run(What::Serve(PORT), [serve])]
    }

    fn check(&self, a: &Answered<'_>) -> Vec<PlanStep> {
        let bench = vllm_bench(a, &a.model.hf_id, &["--port", "5000"]);
        vec![PlanStep::run(What::MeasureAndPaste, [bench])]
    }

    fn server(&self, _: &Answered<'_>) -> Option<Server> {
        let command = Command::new("python main.py --config config.yml");
        Some(Server { name: "tabbyapi", command, port: PORT, image: None })
    }
}

/// TabbyAPI's configuration with what differs from its defaults.
fn config(a: &Answered<'_>) -> String {
    let value = |name: &str| {
        a.figures().flags.iter().find_map(|flag| {
            let words: Vec<&str> = flag.split(' ').collect();
            let at = words.iter().position(|word| *word == name)?;
            words.get(at + 1).map(|word| (*word).to_owned())
        })
    };
    let folder = a.checkpoint().folder().to_owned();
    let mut text = format!(
        "network:\n  disable_auth: true\nmodel:\n  model_name: {folder}\n  max_seq_len: {}\n",
        a.scenario.context
    );
    if let Some(tokens) = value("-cs") {
        text += &format!("  cache_size: {tokens}\n");
    }
    if let Some(bits) = value("-cq") {
        text += &format!("  cache_mode: {bits}\n");
    }
    if a.scenario.users > 1 {
        text += &format!("  max_batch_size: {}\n", a.scenario.users);
    }
    if let (Some(draft), Some(tokens)) = (value("-dm"), value("-ndt")) {
        text +=
            &format!("draft_model:\n  draft_model_name: {draft}\n  draft_num_tokens: {tokens}\n");
    }
    text
}
