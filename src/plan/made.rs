//! How a format is made of a model that nobody has published in it.

use super::{Answered, PlanStep, What};
use crate::engine::{CheckpointSource, Command, TextFile, gguf_file, published_gguf};
use crate::quant::{Format, Mix, Quant};

/// The command that downloads `repository`, or of it what matches `include`, to a folder.
pub(super) fn download(repository: &str, include: Option<&str>, folder: &str) -> Command {
    let mut command = Command::new("hf download").word(repository);
    if let Some(include) = include {
        command = command.with("--include").word(include);
    }
    command.with("--local-dir").word(folder)
}

/// How to get the GGUF file of a cell, for an engine that loads a file.
pub(super) fn gguf(a: &Answered<'_>) -> Vec<PlanStep> {
    let quant = a.figures().quant;
    match published_gguf(a.model, quant) {
        Some(published) => {
            let (repository, name) = published.split_once(':').unwrap_or((&published, ""));
            let command = download(repository, Some(&format!("*{name}*")), ".");
            vec![PlanStep::run(What::Download(repository.to_owned()), [command])]
        }
        None => gguf_made(a),
    }
}

/// How to make the GGUF file of a cell from the model as released.
pub(super) fn gguf_made(a: &Answered<'_>) -> Vec<PlanStep> {
    let (model, quant) = (a.model, a.figures().quant);
    let (id, folder, file) = (&model.hf_id, model.name_on_hub(), gguf_file(model, quant));
    let original = PlanStep::run(What::DownloadOriginal(id.clone()), [download(id, None, folder)]);
    let mix = quant.mix().unwrap_or(Mix::BF16);
    let convert = |out: &str, ty: &str| {
        let command = Command::new("python convert_hf_to_gguf.py").word(folder);
        PlanStep::run(
            What::Convert,
            [command.with("--outfile").word(out).with("--outtype").with(ty)],
        )
    };
    let plain = match mix {
        Mix::F32 => Some("f32"),
        Mix::F16 => Some("f16"),
        Mix::BF16 => Some("bf16"),
        Mix::Q8_0 => Some("q8_0"),
        _ => None,
    };
    if let Some(ty) = plain {
        return vec![original, convert(&file, ty)];
    }
    let large = gguf_file(model, Quant::Gguf(Mix::BF16));
    let mut steps = vec![original, convert(&large, "bf16")];
    let mut quantise = Command::new("llama-quantize");
    if a.scenario.imatrix || Quant::Gguf(mix).requires_imatrix() {
        let imatrix = Command::new("llama-imatrix -m").word(&large);
        steps.push(PlanStep::run(What::Imatrix, [imatrix.with("-f text.txt -o imatrix.gguf")]));
        quantise = quantise.with("--imatrix imatrix.gguf");
    }
    let quantise = quantise.word(&large).word(&file).with(mix.name());
    steps.push(PlanStep::run(What::Quantise, [quantise]));
    steps
}

/// How to get the checkpoint of a cell; `folder` is where the engine looks for it, `None` if it
/// downloads what is published by itself.
pub(super) fn checkpoint(a: &Answered<'_>, folder: Option<&str>) -> Vec<PlanStep> {
    let source = a.checkpoint();
    match (&source, folder) {
        (CheckpointSource::Published(name), None) => {
            vec![PlanStep::says(What::DownloadsItself(name.clone()))]
        }
        (CheckpointSource::OnLoad(name), None) => vec![
            PlanStep::says(What::DownloadsItself(name.clone())),
            PlanStep::says(What::MadeOnLoad),
        ],
        (CheckpointSource::Published(name) | CheckpointSource::OnLoad(name), Some(folder)) => {
            let folder = format!("{folder}{}", source.folder());
            vec![PlanStep::run(What::Download(name.clone()), [download(name, None, &folder)])]
        }
        (CheckpointSource::Made(name), _) => quantised(a, name),
    }
}

/// How to quantise a checkpoint into the folder `out` with llm-compressor, where it makes the format.
fn quantised(a: &Answered<'_>, out: &str) -> Vec<PlanStep> {
    let bits = "load_in_4bit=True, bnb_4bit_quant_type=\"nf4\", bnb_4bit_use_double_quant=True";
    match a.figures().quant.format() {
        Some(Format::BnbInt8) => return saved(a, out, "load_in_8bit=True"),
        Some(Format::Nf4) => return saved(a, out, bits),
        _ => {}
    }
    let (modifier, scheme, is_calibrated) = match a.figures().quant.format() {
        Some(Format::Fp8) => ("QuantizationModifier", "FP8_DYNAMIC", false),
        Some(Format::Fp8Block) => ("QuantizationModifier", "FP8_BLOCK", false),
        Some(Format::Nvfp4) => ("QuantizationModifier", "NVFP4", true),
        Some(Format::Mxfp4) => ("QuantizationModifier", "MXFP4", false),
        Some(Format::Int8) => ("GPTQModifier", "W8A8", true),
        Some(Format::W4a16 | Format::Gptq) => ("GPTQModifier", "W4A16", true),
        Some(Format::Awq) => ("AWQModifier", "W4A16_ASYM", true),
        _ => return Vec::new(),
    };
    let module = match modifier {
        "AWQModifier" => "llmcompressor.modifiers.awq",
        _ => "llmcompressor.modifiers.quantization",
    };
    let calibration = match is_calibrated {
        true => {
            ",\n    dataset=\"open_platypus\",\n    max_seq_length=2048,\n    \
                 num_calibration_samples=512"
        }
        false => "",
    };
    let text = format!(
        "from llmcompressor import oneshot\nfrom {module} import {modifier}\n\noneshot(\n    \
         model=\"{}\",\n    recipe={modifier}(targets=\"Linear\", scheme=\"{scheme}\", \
         ignore=[\"lm_head\"]),\n    output_dir=\"{out}\"{calibration},\n)\n",
        a.model.hf_id
    );
    let file = TextFile { name: "quantise.py".to_owned(), text };
    vec![
        PlanStep::write(What::QuantiseScript("llmcompressor"), file.name, file.text),
        PlanStep::run(What::RunScript, [Command::new("python quantise.py")]),
    ]
}

/// How to save a checkpoint of bitsandbytes, which serving engines do not make themselves.
fn saved(a: &Answered<'_>, out: &str, config: &str) -> Vec<PlanStep> {
    let id = &a.model.hf_id;
    let text = format!(
        "from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig\n\nmodel = \
         AutoModelForCausalLM.from_pretrained(\"{id}\", device_map=\"auto\", \
         quantization_config=BitsAndBytesConfig({config}))\n\
         model.save_pretrained(\"{out}\")\n\
         AutoTokenizer.from_pretrained(\"{id}\").save_pretrained(\"{out}\")\n"
    );
    vec![
        PlanStep::write(What::QuantiseScript("bitsandbytes"), "quantise.py", text),
        PlanStep::run(What::RunScript, [Command::new("python quantise.py")]),
    ]
}
