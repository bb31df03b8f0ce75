//! Which models can draft for which: both must have the same tokens.

use crate::architecture::count;
use crate::bill::Line;
use crate::catalog::{Catalog, Model};
use crate::engine::adapter::EngineAdapter;
use crate::engine::model_files::DraftHead;
use crate::report::Term;
use crate::scenario::HeadKind;
use crate::sort;
use crate::units::{Bytes, Interval};

/// Vocabulary of an EAGLE-3 head: the tokens that a model says most often.
const HEAD_VOCABULARY: u64 = 32_000;

/// Layers of a DFlash head, and the model's states that it reads.
const DFLASH_LAYERS: u64 = 5;

/// The head of `kind` that is made for `model`, as heads are usually built: attention as wide as the
/// model's, a feed-forward block like its dense one, the embedding and (DFlash) the output shared
/// with it. yuhuili/EAGLE3-LLaMA3.1-Instruct-8B has 0.85 GB, z-lab/Qwen3-8B-DFlash-b16 2.1 GB.
pub(super) fn head(model: &Model, kind: HeadKind) -> DraftHead {
    let architecture = model.architecture();
    let hidden = architecture.hidden_size;
    let attention = architecture.layers.iter().find_map(|layer| layer.mixer.attention());
    let (query, keys) = match attention {
        Some(a) => (a.heads * a.head_dim, a.kv_heads * a.head_dim),
        // Heads for latent attention have plain attention.
        None => (hidden, hidden / 8),
    };
    let dense = architecture.layers.iter().find_map(|layer| layer.ffn.dense());
    let inner = dense.map_or(3 * hidden, |dense| dense.intermediate_size);
    let block = |read: u64| read * (query + 2 * keys) + query * hidden + 3 * hidden * inner;
    let (parameters, cached) = match kind {
        HeadKind::Eagle3 => {
            (3 * hidden * hidden + block(2 * hidden) + HEAD_VOCABULARY * hidden, 2 * keys)
        }
        HeadKind::Dflash => {
            (DFLASH_LAYERS * (hidden * hidden + block(hidden)), DFLASH_LAYERS * 2 * keys)
        }
    };
    let spread = |share: f64| (parameters as f64 * share) as u64;
    let parameters = Interval { low: spread(0.6), expected: parameters, high: spread(1.6) };
    DraftHead { kind, parameters, cached }
}

/// The line of a head on one of `ranks` ranks, with its `cache` there.
pub fn head_line(head: &DraftHead, ranks: u64, cache: Bytes) -> Line {
    let weights = head.weights().map(|bytes| bytes / ranks.max(1));
    let source = "a head of the usual size for the model: published ones differ by a factor of 1.6";
    let formula = "draft_weights + draft_cache";
    Line::fitted(Term::Draft, weights + Interval::exact(cache), formula, source)
        .with(&[("draft_weights", weights.expected.0), ("draft_cache", cache.0)])
}

/// Maximum number of drafts listed for a model.
const DRAFTS: usize = 12;

/// Maximum number of drafts suggested in a refusal.
const SUGGESTIONS: usize = 3;

/// Whether `draft` has the vocabulary of `model`, as far as the catalogue knows: it holds sizes,
/// not tokens.
///
/// Sizes must agree (exactly for serving engines, which compare nothing else), and so must
/// publisher, family or architecture: by size alone, Llama 2 would be Mistral's draft and
/// Phi-4-mini MiniMax-M2's.
pub(super) fn shares_vocabulary(adapter: &dyn EngineAdapter, model: &Model, draft: &Model) -> bool {
    let [ours, theirs] = [model, draft].map(|m| m.architecture().vocab_size);
    if ours.abs_diff(theirs) > adapter.max_vocabulary_difference() {
        return false;
    }
    // Many vocabularies share a round size; an odd size identifies one.
    let telling = ours > 100_000 && !ours.is_multiple_of(1024);
    let [arch, of_draft] = [model, draft].map(|m| m.architecture().gguf_arch.as_deref());
    model.org == draft.org
        || first_word(&model.family) == first_word(&draft.family)
        || (telling && arch.is_some() && arch == of_draft)
}

fn first_word(family: &str) -> &str {
    family.split_whitespace().next().unwrap_or(family)
}

/// Ids of the models that can draft for `model` under an engine and are at most a third of its
/// size: its own family first, smallest first.
pub fn drafts(catalog: &Catalog, adapter: &dyn EngineAdapter, model: &Model) -> Vec<String> {
    let size = |model: &Model| count(model.architecture()).active;
    let most = size(model) / 3;
    let mut fitting: Vec<(u64, &Model)> = catalog
        .models
        .iter()
        .filter(|draft| shares_vocabulary(adapter, model, draft))
        .map(|draft| (size(draft), draft))
        .filter(|(size, _)| *size <= most)
        .collect();
    // The model's own family first, then other models of its publisher, smallest first.
    let far = |draft: &Model| (draft.org != model.org, draft.family != model.family);
    sort::by_key(&mut fitting, |(size, draft)| (far(draft), *size));
    fitting.into_iter().take(DRAFTS).map(|(_, draft)| draft.id.clone()).collect()
}

/// The first few of [`drafts`], to suggest in a refusal.
pub(super) fn nearest(
    catalog: &Catalog,
    adapter: &dyn EngineAdapter,
    model: &Model,
) -> Vec<String> {
    let mut ids = drafts(catalog, adapter, model);
    ids.truncate(SUGGESTIONS);
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::adapter;
    use crate::scenario::Engine;

    fn model(id: &str) -> &'static Model {
        Catalog::bundled().model(id).unwrap_or_else(|| panic!("{id} is in the catalogue"))
    }

    #[test]
    fn a_draft_speaks_the_same_tokens() {
        let shares = |engine, a, b| shares_vocabulary(adapter(engine), model(a), model(b));
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
    fn heads_are_as_large_as_published_ones() {
        let gb = |id, kind| head(model(id), kind).weights().expected.0 as f64 / 1e9;
        let near = |gb: f64, published: f64| assert!((gb / published - 1.0).abs() < 0.1, "{gb}");
        near(gb("llama-3.1-8b-instruct", HeadKind::Eagle3), 0.85);
        near(gb("qwen3-8b", HeadKind::Dflash), 2.1);
    }

    #[test]
    fn suggestions_are_small_and_can_draft() {
        let catalog = Catalog::bundled();
        let llama_cpp = adapter(Engine::LlamaCpp);
        let near = nearest(catalog, llama_cpp, model("qwen3-32b"));
        assert_eq!(near[0], "qwen3-0.6b");
        for id in near {
            assert!(shares_vocabulary(llama_cpp, model("qwen3-32b"), model(&id)), "{id}");
        }
    }
}
