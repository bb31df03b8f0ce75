//! Addons in the engines' own flags.

use super::{Addons, Proposer};
use crate::engine::File;
use crate::scenario::Engine;
use crate::units::{Bytes, MIB};

/// The flags with which `engine` loads `addons` beside a model; `sees`: the model has towers.
pub(in crate::engine) fn flags(engine: Engine, addons: &Addons<'_>, sees: bool) -> Vec<String> {
    let mut out = Vec::new();
    let mut flag = |text: String| out.push(text);
    match (engine, addons.projector) {
        (Engine::LlamaCpp | Engine::KoboldCpp, Some(ty)) => {
            flag(format!("--mmproj mmproj-{ty:?}.gguf"));
        }
        (Engine::Vllm, None) if sees => flag("--language-model-only".to_owned()),
        _ => {}
    }
    if let Some(lora) = addons.lora {
        let (rank, count) = (lora.rank, lora.count);
        match engine {
            Engine::LlamaCpp | Engine::KoboldCpp => {
                for n in 1..=count.min(8) {
                    flag(format!("--lora adapter-{n}.gguf"));
                }
            }
            Engine::Vllm => {
                flag(format!("--enable-lora --max-loras {count} --max-lora-rank {rank}"));
            }
            Engine::Sglang => {
                flag(format!("--enable-lora --max-loras-per-batch {count} --max-lora-rank {rank}"))
            }
            Engine::Mlx => flag("--adapter-path adapter".to_owned()),
            _ => {}
        }
    }
    if let Some(speculation) = &addons.speculation {
        let n = speculation.tokens;
        out.extend(proposing(engine, &speculation.by, n));
    }
    if addons.prompt_cache > Bytes::ZERO {
        out.push(format!("--cache-ram {}", addons.prompt_cache.0 / MIB));
    }
    if addons.checkpoints > 0 {
        out.push(format!("--ctx-checkpoints {}", addons.checkpoints));
    }
    out
}

fn proposing(engine: Engine, by: &Proposer<'_>, n: u64) -> Option<String> {
    let id = |file: &File<'_>| file.model().hf_id.clone();
    Some(match (engine, by) {
        (Engine::LlamaCpp, Proposer::Mtp(_)) => {
            format!("--spec-type draft-mtp --spec-draft-n-max {n}")
        }
        (Engine::LlamaCpp, Proposer::Draft(file)) => {
            format!("-md {}-{}.gguf --spec-draft-n-max {n}", file.model().name, file.quant())
        }
        (Engine::KoboldCpp, Proposer::Draft(file)) => {
            format!("--draftmodel {}-{}.gguf --draftamount {n}", file.model().name, file.quant())
        }
        (Engine::Vllm, Proposer::Mtp(_)) => format!(
            "--speculative-config '{{\"method\": \"mtp\", \"num_speculative_tokens\": {n}}}'"
        ),
        (Engine::Vllm, Proposer::Draft(file)) => format!(
            "--speculative-config '{{\"model\": \"{}\", \"num_speculative_tokens\": {n}}}'",
            id(file)
        ),
        (Engine::Sglang, Proposer::Mtp(_)) => {
            format!("--speculative-algorithm NEXTN --speculative-num-steps {n}")
        }
        (Engine::Sglang, Proposer::Draft(file)) => format!(
            "--speculative-algorithm STANDALONE --speculative-draft-model-path {} \
             --speculative-num-steps {n}",
            id(file)
        ),
        (Engine::Mlx, Proposer::Draft(file)) => {
            format!("--draft-model {} --num-draft-tokens {n}", id(file))
        }
        (Engine::Transformers, Proposer::Draft(file)) => {
            format!("assistant_model=\"{}\"", id(file))
        }
        _ => return None,
    })
}
