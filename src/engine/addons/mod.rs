//! Add-ons that an engine loads in addition to the weights, each with a line of its own in the
//! bill: projector, LoRA adapters, draft for speculative decoding, and the prompts that
//! llama-server keeps in RAM.
//!
//! [`resolve`] finds the add-ons of a question, which are the same on every machine.
//! `llama_cpp/addons.rs` and `checkpoint/addons.rs` place them.

mod draft;
mod lora;
mod projector;

pub use draft::{drafts, head_line};
pub use lora::{Cut, LoraMemory, Widths, adapted};
pub use projector::{image_tokens, on_demand, profiled, tower, warm_up};

use super::adapter::EngineAdapter;
use super::model_files::{Addons, ModelFiles, Proposer, Speculation};
use super::refusal::Refusal;
use crate::catalog::{Catalog, Model};
use crate::quant::Quant;
use crate::report::{Notice, RefusalReason, find_model};
use crate::scenario::{DraftKind, DraftModel, Lora, Projector, ProjectorType, Scenario, setting};
use crate::units::Bytes;

/// Returns the add-ons that `scenario` loads with `model` in `quant`.
///
/// # Errors
/// The draft is not in the catalogue or has another vocabulary, the model has no MTP layers, or the
/// engine does not offer what is requested.
pub fn resolve<'a>(
    catalog: &'a Catalog,
    adapter: &dyn EngineAdapter,
    model: &'a Model,
    quant: Quant,
    scenario: &Scenario,
) -> Result<Addons<'a>, Notice> {
    let wanted = &scenario.addons;
    let keeps_prompts = adapter.keeps_prompts();
    let of_projector = setting("mmproj_offload");
    let can_leave_projector = of_projector.is_some_and(|s| s.is_read_by(adapter.engine()));
    let lora = lora(adapter, wanted.lora);
    Ok(Addons {
        projector: projector(adapter, model, wanted.projector),
        projector_offload: wanted.projector_offload || !can_leave_projector,
        lora: lora.map_err(|refusal| refusal.notice(adapter.engine(), model))?,
        lora_targets: wanted.lora_targets,
        speculation: speculation(catalog, adapter, model, quant, scenario)?,
        prompt_cache: if keeps_prompts { wanted.prompt_cache } else { Bytes::ZERO },
        checkpoints: if keeps_prompts { wanted.checkpoints } else { 0 },
    })
}

/// The type in which the towers of `model` are loaded; `None` if they are not.
fn projector(
    adapter: &dyn EngineAdapter,
    model: &Model,
    wanted: Projector,
) -> Option<ProjectorType> {
    match wanted {
        _ if model.architecture().extras.vision == 0 => None,
        Projector::Off => None,
        Projector::On(ty) => Some(ty),
        Projector::Auto => adapter.default_projector(),
    }
}

fn lora(adapter: &dyn EngineAdapter, wanted: Lora) -> Result<Option<Lora>, Refusal> {
    if wanted.rank == 0 {
        return Ok(None);
    }
    adapter.check_lora(wanted).map(|()| Some(wanted))
}

fn speculation<'a>(
    catalog: &'a Catalog,
    adapter: &dyn EngineAdapter,
    model: &'a Model,
    quant: Quant,
    scenario: &Scenario,
) -> Result<Option<Speculation<'a>>, Notice> {
    let wanted = &scenario.addons;
    let acceptance = wanted.acceptance as f64 / 1000.0;
    let refuse = |refusal: Refusal| refusal.set("mtp", 0).notice(adapter.engine(), model);
    let proposer = |tokens, by| Ok(Some(Speculation { tokens, acceptance, by }));
    match (&wanted.draft, wanted.mtp) {
        (None, 0) => Ok(None),
        (Some(draft), tokens @ 1..) => {
            let asked = format!("draft={draft}, mtp={tokens}");
            Err(refuse(Refusal::new(RefusalReason::OneProposer, asked)))
        }
        (None, tokens) => match adapter.mtp_layers(model) {
            Ok(mtp) => proposer(tokens, Proposer::Mtp(mtp)),
            Err(rule) => Err(refuse(Refusal::of(rule, "mtp", tokens))),
        },
        (Some(draft), 0) if draft.kind() != DraftKind::Model => {
            let offers = match draft.kind() {
                DraftKind::Head(_) => adapter.supports_draft_heads(),
                _ => adapter.supports_draft(),
            };
            if !offers {
                let refusal = Refusal::of(RefusalReason::NotOffered, "draft", draft);
                return Err(refusal.set("draft", "").notice(adapter.engine(), model));
            }
            proposer(
                wanted.draft_tokens,
                match draft.kind() {
                    DraftKind::Head(kind) => Proposer::Head(draft::head(model, kind)),
                    _ => Proposer::Ngram,
                },
            )
        }
        (Some(draft), 0) => {
            let files = draft_files(catalog, adapter, model, quant, scenario, draft)?;
            proposer(wanted.draft_tokens, Proposer::Draft(Box::new(files)))
        }
    }
}

/// Returns the files of the draft model `draft`.
fn draft_files<'a>(
    catalog: &'a Catalog,
    adapter: &dyn EngineAdapter,
    model: &'a Model,
    quant: Quant,
    scenario: &Scenario,
    draft: &DraftModel,
) -> Result<ModelFiles<'a>, Notice> {
    let found = find_model(catalog, &draft.id)?;
    let refuse = |refusal: Refusal| Err(refusal.notice(adapter.engine(), model));
    if !adapter.supports_draft() {
        return refuse(Refusal::of(RefusalReason::NotOffered, "draft", draft).set("draft", ""));
    }
    if !draft::shares_vocabulary(adapter, model, found) {
        let rule = RefusalReason::DraftVocabulary {
            model: model.architecture().vocab_size,
            draft: found.architecture().vocab_size,
        };
        let refusal = Refusal::of(rule, "draft", draft);
        let nearest = draft::nearest(catalog, adapter, model);
        return refuse(nearest.iter().fold(refusal, |refusal, id| refusal.set("draft", id)));
    }
    adapter.open(found, draft.quant.unwrap_or(quant), scenario).map(ModelFiles::plain)
}
