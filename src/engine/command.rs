//! The command that starts a model as an answer has it.

use crate::catalog::{Model, PublishedFile};
use crate::quant::{BuildName, Format, Mix, Quant};
use crate::scenario::Engine;

/// Returns the command that starts `model` in `quant` under `engine` with its `flags`, as it is typed
/// into a shell; for an engine that is used from Python, the expression that loads the model.
///
/// It names the model: a published build where one of this format is known, the checkpoint on the
/// hub where that is of this format, else a file of the format's name, which is still to be made
/// or found.
pub fn command(engine: Engine, model: &Model, quant: Quant, flags: &[String]) -> String {
    let (program, flags) = (engine.program(), flags.join(" "));
    let line = |parts: &[&str]| {
        let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    };
    match engine {
        Engine::LlamaCpp | Engine::IkLlamaCpp => {
            let model = match published(model, quant) {
                Some(repository) => format!("-hf {repository}"),
                None => format!("-m {}", gguf_file(model, quant)),
            };
            line(&[program, &model, &flags])
        }
        Engine::Ollama => {
            let model = match published(model, quant) {
                Some(repository) => format!("hf.co/{repository}"),
                None => format!("hf.co/OWNER/{}-GGUF:{quant}", model.name_on_hub()),
            };
            line(&[&flags, "ollama serve & ollama run", &model])
        }
        Engine::LmStudio => line(&[program, &model.name_on_hub().to_lowercase(), &flags]),
        Engine::KoboldCpp => line(&[program, "--model", &gguf_file(model, quant), &flags]),
        Engine::Vllm | Engine::Sglang => {
            let (checkpoint, is_made) = checkpoint(model, quant);
            let path = if engine == Engine::Sglang { "--model-path" } else { "" };
            let make = if is_made { "--quantization fp8" } else { "" };
            line(&[program, path, &checkpoint, make, &flags])
        }
        Engine::TensorRtLlm => line(&[program, &checkpoint(model, quant).0, &flags]),
        Engine::Mlx => {
            let name = model.name_on_hub();
            let checkpoint = match quant {
                Quant::Format(Format::Mlx(bits)) => format!("mlx-community/{name}-{bits}bit"),
                _ => checkpoint(model, quant).0,
            };
            line(&[program, "--model", &checkpoint, &flags, "--prompt \"Hello\""])
        }
        Engine::Transformers => {
            let flags =
                flags.replace("BitsAndBytesConfig", "quantization_config=BitsAndBytesConfig");
            let flags = flags.replace("\" quantization", "\", quantization");
            format!("AutoModelForCausalLM.from_pretrained(\"{}\", {flags})", model.hf_id)
        }
        Engine::ExLlamaV3 => {
            let folder = format!("{}-{quant}", model.name_on_hub());
            line(&["python examples/chat.py -m", &folder, &flags])
        }
    }
}

/// The repository of a published GGUF file of `model` in `quant`, and its name there, as
/// `llama-server -hf` reads them.
fn published(model: &Model, quant: Quant) -> Option<String> {
    let is_it = |file: &&PublishedFile| match quant {
        Quant::Build(build) => {
            build.name == file.name && build.publisher.is_none_or(|by| by == file.publisher)
        }
        Quant::Gguf(mix) => file.name == BuildName::Mix(mix),
        Quant::Format(_) => false,
    };
    let file = model.builds.iter().find(is_it)?;
    let (publisher, name) = (file.publisher.name(), model.name_on_hub());
    // One of them puts the owner's name before the model's.
    let name = match publisher {
        "bartowski" => model.hf_id.replace('/', "_"),
        _ => name.to_owned(),
    };
    Some(format!("{publisher}/{name}-GGUF:{}", file.name))
}

/// The name of a GGUF file of `model`, as they are usually named.
fn gguf_file(model: &Model, quant: Quant) -> String {
    let quant = match quant {
        Quant::Build(build) => build.name.to_string(),
        quant => quant.to_string(),
    };
    format!("{}-{quant}.gguf", model.name_on_hub())
}

/// The checkpoint of `model` in `quant`, and whether the engine makes the format of it as it loads.
fn checkpoint(model: &Model, quant: Quant) -> (String, bool) {
    let is_native = model.native_quantization.is_some();
    match quant {
        Quant::Gguf(Mix::BF16 | Mix::F16) => (model.hf_id.clone(), false),
        Quant::Format(
            Format::Fp8Block | Format::Fp8Mxfp4 | Format::Mxfp4 | Format::Int4Experts,
        ) if is_native => (model.hf_id.clone(), false),
        Quant::Format(Format::Fp8) => (model.hf_id.clone(), true),
        quant => (format!("{}-{quant}", model.hf_id), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn every_command_names_its_model() {
        let catalog = Catalog::bundled();
        for model in &catalog.models {
            for engine in Engine::ALL.iter().copied() {
                for quant in crate::engine::usual_formats(engine, model) {
                    let command = command(engine, model, quant, &["--flag 1".to_owned()]);
                    let name = model.name_on_hub().to_lowercase();
                    assert!(command.to_lowercase().contains(&name), "{command}");
                    assert!(command.contains("--flag 1"), "{command}");
                }
            }
        }
    }

    #[test]
    fn published_files_and_native_checkpoints_are_named_where_they_lie() {
        let of = |id: &str, engine, quant: &str| {
            let model = Catalog::bundled().model(id).unwrap();
            command(engine, model, Quant::parse(quant).unwrap(), &[])
        };
        assert_eq!(
            of("qwen3.8-27b", Engine::LlamaCpp, "UD-Q4_K_XL"),
            "llama-server -hf unsloth/Qwen3.8-27B-GGUF:UD-Q4_K_XL"
        );
        assert_eq!(of("gpt-oss-120b", Engine::Vllm, "MXFP4"), "vllm serve openai/gpt-oss-120b");
        assert_eq!(
            of("qwen3-32b", Engine::Vllm, "FP8"),
            "vllm serve Qwen/Qwen3-32B --quantization fp8"
        );
        assert_eq!(
            of("qwen3-8b", Engine::Mlx, "MLX-4bit"),
            "mlx_lm.generate --model mlx-community/Qwen3-8B-4bit --prompt \"Hello\""
        );
    }
}
