//! Which models can draft for which: they must speak the same tokens.

use crate::architecture::count;
use crate::catalog::{Catalog, Model};
use crate::scenario::Engine;

/// By how much the vocabularies may differ in size where tokens are compared one by one (llama.cpp
/// `common/speculative.cpp`, `SPEC_VOCAB_MAX_SIZE_DIFFERENCE`): padding rows. Qwen2.5-72B and 0.5B
/// differ by 128.
const PADDING: u64 = 128;

/// Drafts listed for a model at most.
const DRAFTS: usize = 12;

/// Suggestions made at most.
const SUGGESTIONS: usize = 3;

/// Whether `draft` has the vocabulary of `model`, as far as the catalogue knows: it holds sizes,
/// not tokens. Sizes must agree (for serving engines, which compare nothing else, exactly), and
/// publisher, family or architecture with them: by size alone, Llama 2 would be Mistral's draft and
/// Phi-4-mini MiniMax-M2's.
pub(super) fn shares_vocabulary(engine: Engine, model: &Model, draft: &Model) -> bool {
    let [ours, theirs] = [model, draft].map(|m| m.architecture().vocab_size);
    let may_differ = match engine {
        Engine::Vllm | Engine::Sglang | Engine::TensorRtLlm => 0,
        _ => PADDING,
    };
    if ours.abs_diff(theirs) > may_differ {
        return false;
    }
    // A round size is chosen by many; an odd one tells whose it is.
    let telling = ours > 100_000 && !ours.is_multiple_of(1024);
    let [arch, of_draft] = [model, draft].map(|m| m.architecture().gguf_arch.as_deref());
    model.org == draft.org
        || first_word(&model.family) == first_word(&draft.family)
        || (telling && arch.is_some() && arch == of_draft)
}

fn first_word(family: &str) -> &str {
    family.split_whitespace().next().unwrap_or(family)
}

/// Ids of the models that can draft for `model` under `engine` and are no more than a third of it:
/// those of its family first, and the smallest of each.
pub fn drafts(catalog: &Catalog, engine: Engine, model: &Model) -> Vec<String> {
    let size = |model: &Model| count(model.architecture()).active;
    let most = size(model) / 3;
    let mut fitting: Vec<(u64, &Model)> = catalog
        .models
        .iter()
        .filter(|draft| shares_vocabulary(engine, model, draft))
        .map(|draft| (size(draft), draft))
        .filter(|(size, _)| *size <= most)
        .collect();
    // The model's own family first, then its publisher's others, and the smallest first.
    let far = |draft: &Model| (draft.org != model.org, draft.family != model.family);
    fitting.sort_by_key(|(size, draft)| (far(draft), *size));
    fitting.into_iter().take(DRAFTS).map(|(_, draft)| draft.id.clone()).collect()
}

/// The first of [`drafts`] in query notation, separated by commas.
pub(super) fn nearest(catalog: &Catalog, engine: Engine, model: &Model) -> Option<String> {
    let ids = drafts(catalog, engine, model);
    let offers: Vec<String> =
        ids.iter().take(SUGGESTIONS).map(|id| format!("draft={id}")).collect();
    (!offers.is_empty()).then(|| offers.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(id: &str) -> &'static Model {
        Catalog::bundled().model(id).unwrap_or_else(|| panic!("{id} is in the catalogue"))
    }

    #[test]
    fn a_draft_speaks_the_same_tokens() {
        let shares = |engine, a, b| shares_vocabulary(engine, model(a), model(b));
        let [llama_cpp, vllm] = [Engine::LlamaCpp, Engine::Vllm];
        assert!(shares(llama_cpp, "qwen3-32b", "qwen3-0.6b"));
        assert!(shares(llama_cpp, "deepseek-r1-distill-llama-70b", "llama-3.2-1b-instruct"));
        assert!(!shares(llama_cpp, "qwen3-32b", "llama-3.2-1b-instruct"));
        // The same size, other tokens.
        assert!(!shares(llama_cpp, "mistral-7b-instruct-v0.3", "qwen3-0.6b"));
        assert!(!shares(llama_cpp, "minimax-m2", "phi-4-mini-instruct"));
        // 152,064 against 151,936.
        assert!(shares(llama_cpp, "qwen2.5-72b-instruct", "qwen2.5-0.5b-instruct"));
        assert!(!shares(vllm, "qwen2.5-72b-instruct", "qwen2.5-0.5b-instruct"));
    }

    #[test]
    fn suggestions_are_small_and_can_draft() {
        let catalog = Catalog::bundled();
        let near = nearest(catalog, Engine::LlamaCpp, model("qwen3-32b")).unwrap();
        assert!(near.starts_with("draft=qwen3-0.6b"), "{near}");
        for id in near.split(", ").filter_map(|text| text.strip_prefix("draft=")) {
            assert!(shares_vocabulary(Engine::LlamaCpp, model("qwen3-32b"), model(id)), "{id}");
        }
    }
}
