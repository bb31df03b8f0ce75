//! What was not used as asked, each with what would be accepted.

use leptos::prelude::*;

use crate::edit;
use crate::entry::shorten;
use crate::page::app::reactive::{CollectAny, For, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::question::from_hub::FromHub;
use headroom::quant::Quant;
use headroom::report::{Adjustment, EngineRefusal, Notice, RefusalReason, Suggestion};
use headroom::scenario::{Problem, ProblemKind, Scenario};

/// Everything that the reader should know about the question.
#[component]
pub fn Notices() -> impl IntoView {
    let state = use_state();
    let unknown = memo(move || state.unknown());
    let of_question = memo(move || state.notices_of_question(unknown.get()));
    let notices = Memo::new(move |before| state.notices(before, of_question.get()));
    let more = move || match notices.with(|(_, more)| *more) {
        0 => None,
        more => Some(tr!(state, notices.more, n = state.whole(more as u64))),
    };
    view! {
        <section class="notices" aria-label=words!(state, notices.region) aria-live="polite">
            <For
                each=move || notices.get().0
                key=|notice| format!("{notice:?}")
                children=move |notice| view! { <NoticeLine notice /> }
            />
            {move || more().map(|more| view! { <p class="notice" data-testid="more-notices">{more}</p> })}
        </section>
    }
}

/// A way out that a notice offers.
struct Fix {
    text: String,
    take: Box<dyn Fn(&mut Scenario) + Send + Sync>,
}

impl Fix {
    fn new(text: impl Into<String>, take: impl Fn(&mut Scenario) + Send + Sync + 'static) -> Fix {
        Fix { text: text.into(), take: Box::new(take) }
    }
}

#[component]
fn NoticeLine(notice: Notice) -> impl IntoView {
    let state = use_state();
    let kind = match &notice {
        Notice::ContextBeyondTraining { .. }
        | Notice::EngineAdjusts(_)
        | Notice::HypotheticalShape { .. }
        | Notice::UnknownShape { .. }
        | Notice::AssumedFields { .. }
        | Notice::ForeignTypes { .. } => "remark",
        _ => "refusal",
    };
    let shown = StoredValue::new(notice);
    // The catalogue's own words are English.
    let why = shown.with_value(|notice| match notice {
        Notice::UnknownModel { never_released, .. } => never_released.clone(),
        _ => None,
    });
    // What is called like a repository of Hugging Face can be read there.
    let repository = shown.with_value(|notice| match notice {
        Notice::UnknownModel { id, never_released: None, .. } if id.contains('/') => {
            Some(id.clone())
        }
        _ => None,
    });
    let from_hub = repository.map(|repository| {
        let old = repository.clone();
        let take = Callback::new(move |(new, quant): (String, Option<Quant>)| {
            state.choose(|s| {
                edit::replace_model(s, &old, &new);
                if let Some(quant) = quant {
                    edit::add_quant(s, quant);
                }
            });
        });
        view! { <FromHub repository take /> }
    });
    let nearest = shown.with_value(|notice| {
        let (Notice::UnknownModel { nearest, .. } | Notice::UnknownDevice { nearest, .. }) = notice
        else {
            return false;
        };
        !nearest.is_empty()
    });
    view! {
        <div class="notice" data-testid="notice" data-kind=kind>
            <p>
                {move || shown.with_value(|notice| words(state, notice))}
                {why.map(|why| view! { " " <span class="notice-why" lang="en">{why}</span> })}
                {nearest.then(|| view! { " " {words!(state, notices.nearest)} })}
            </p>
            <div class="notice-ways">
                {move || {
                    let fixes = shown.with_value(|notice| fixes(state, notice));
                    fixes.into_iter()
                        .map(|Fix { text, take }| {
                            view! {
                                <button
                                    type="button"
                                    class="button"
                                    data-testid="notice-way"
                                    on:click=move |_| state.choose(|s| take(s))
                                >
                                    {text}
                                </button>
                            }
                        })
                        .collect_any()
                }}
            </div>
            {from_hub}
        </div>
    }
}

/// What a notice says.
pub fn words(state: State, notice: &Notice) -> String {
    match notice {
        Notice::Query(Problem { field, value, reason, accepted, .. }) => {
            let (field, value) = (&*shorten(field), &*shorten(value));
            let accepted = acceptance(state, accepted);
            match reason {
                ProblemKind::UnknownKey => {
                    tr!(state, notices.unknown_key, field = field, value = value)
                }
                ProblemKind::Malformed => {
                    tr!(state, notices.malformed, field = field, value = value, accepted = accepted)
                }
                ProblemKind::OutOfRange => tr!(
                    state,
                    notices.out_of_range,
                    field = field,
                    value = value,
                    accepted = accepted
                ),
                ProblemKind::TooMany => {
                    tr!(state, notices.too_many, field = field, value = value, accepted = accepted)
                }
            }
        }
        Notice::UnknownModel { id, never_released: Some(_), .. } => {
            tr!(state, notices.never_released, id = &*shorten(id))
        }
        Notice::UnknownModel { id, .. } => tr!(state, notices.unknown_model, id = &*shorten(id)),
        Notice::UnusableDescription { id, field, value, accepted } => tr!(
            state,
            notices.unusable,
            id = &*shorten(id),
            field = field.as_str(),
            value = value.as_str(),
            accepted = &*shorten(accepted)
        ),
        Notice::HypotheticalShape { id, like } => {
            let (model, like) = (state.model_name(id), names(state, like));
            tr!(state, notices.hypothetical, model = model, like = like)
        }
        Notice::UnknownShape { id, like } => {
            let (model, like) = (state.model_name(id), names(state, like));
            tr!(state, notices.unknown_shape, model = model, like = like)
        }
        Notice::AssumedFields { id, fields } => {
            let (model, fields) = (state.model_name(id), fields.join(", "));
            tr!(state, notices.assumed, model = model, fields = fields)
        }
        Notice::ForeignTypes { id, types } => {
            let (model, types) = (state.model_name(id), types.join(", "));
            tr!(state, notices.foreign_types, model = model, types = types)
        }
        Notice::UnknownDevice { id, .. } => tr!(state, notices.unknown_device, id = &*shorten(id)),
        Notice::UnknownMemory { id, memory_gb, .. } => {
            let n = state.whole(u64::from(*memory_gb));
            tr!(state, notices.unknown_memory, name = state.device_name(id), n = n)
        }
        Notice::ContextBeyondTraining { id, context, trained } => tr!(
            state,
            notices.beyond_training,
            model = state.model_name(id),
            trained = state.tokens(*trained),
            asked = state.tokens(*context)
        ),
        Notice::EngineCannotRun { id, engine } => {
            let model = state.model_name(id);
            tr!(state, notices.engine_cannot_run, engine = engine.title(), model = model)
        }
        Notice::EngineCannotUse { id, engine } => {
            let device = state.device_name(id);
            tr!(state, notices.engine_cannot_use, engine = engine.title(), device = device)
        }
        Notice::EngineRefuses(refusal) => {
            let EngineRefusal { id, engine, asked, rule, .. } = refusal.as_ref();
            let model = state.model_name(id);
            let what = tr!(
                state,
                notices.engine_refuses,
                engine = engine.title(),
                asked = asked.as_str(),
                model = model
            );
            format!("{what} {}", rule_words(state, rule))
        }
        Notice::EngineAdjusts(adjustment) => {
            let Adjustment { engine, asked, rule, .. } = adjustment.as_ref();
            let what =
                tr!(state, notices.engine_adjusts, engine = engine.name(), asked = asked.as_str());
            format!("{what} {}", rule_words(state, rule))
        }
        Notice::QuantisedValuesNeedFlashAttention { kv_type } => {
            tr!(state, notices.needs_flash_attention, kv_type = kv_type.as_str())
        }
        Notice::TooManyCells { cells, most } => tr!(
            state,
            notices.too_many_cells,
            cells = state.whole(*cells),
            most = state.whole(*most)
        ),
    }
}

/// The names of models, one after the other.
fn names(state: State, ids: &[String]) -> String {
    ids.iter().map(|id| state.model_name(id)).collect::<Vec<_>>().join(", ")
}

/// The rule by which an engine refuses.
fn rule_words(state: State, rule: &RefusalReason) -> String {
    match rule {
        RefusalReason::UnknownArchitecture => tr!(state, rules.unknown_architecture).to_owned(),
        RefusalReason::FormatNotLoaded => tr!(state, rules.format_not_loaded).to_owned(),
        RefusalReason::ComputeCapability { least } => {
            tr!(state, rules.compute_capability, least = least.as_str())
        }
        RefusalReason::NoBackend => tr!(state, rules.no_backend).to_owned(),
        RefusalReason::OneDevice => tr!(state, rules.one_device).to_owned(),
        RefusalReason::NeedsDevice => tr!(state, rules.needs_device).to_owned(),
        RefusalReason::Indivisible { what } => tr!(state, rules.indivisible, what = what.as_str()),
        RefusalReason::FewerDevices { devices } => {
            tr!(state, rules.fewer_devices, n = state.whole(*devices))
        }
        RefusalReason::CacheType => tr!(state, rules.cache_type).to_owned(),
        RefusalReason::NotOffered => tr!(state, rules.not_offered).to_owned(),
        RefusalReason::OneProposer => tr!(state, rules.one_proposer).to_owned(),
        RefusalReason::NoMtpLayers => tr!(state, rules.no_mtp_layers).to_owned(),
        RefusalReason::DraftVocabulary { model, draft } => tr!(
            state,
            rules.draft_vocabulary,
            model = state.whole(*model),
            draft = state.whole(*draft)
        ),
        RefusalReason::Sequences { most } => tr!(state, rules.sequences, n = state.whole(*most)),
        RefusalReason::Context { most } => tr!(state, rules.context, n = state.whole(*most)),
        RefusalReason::MixedCache => tr!(state, rules.mixed_cache).to_owned(),
        RefusalReason::CacheBlocks { head } => {
            tr!(state, rules.cache_blocks, n = state.whole(*head))
        }
        RefusalReason::NoFp8Cache => tr!(state, rules.no_fp8_cache).to_owned(),
        RefusalReason::BatchLimit { batch } => {
            tr!(state, rules.batch_limit, n = state.whole(*batch))
        }
        RefusalReason::MoreLayers { layers } => {
            tr!(state, rules.more_layers, n = state.whole(*layers))
        }
        RefusalReason::MoreShares { devices } => {
            tr!(state, rules.more_shares, n = state.whole(*devices))
        }
        RefusalReason::NoShares => tr!(state, rules.no_shares).to_owned(),
        RefusalReason::SplitMode => tr!(state, rules.split_mode).to_owned(),
        RefusalReason::SplitArchitecture => tr!(state, rules.split_architecture).to_owned(),
        RefusalReason::NeedsFlashAttention => tr!(state, rules.needs_flash_attention).to_owned(),
        RefusalReason::RowSplitGone { build } => {
            tr!(state, rules.row_split_gone, build = build.as_str())
        }
        RefusalReason::MoreStages { layers } => {
            tr!(state, rules.more_stages, n = state.whole(*layers))
        }
        RefusalReason::NoExperts => tr!(state, rules.no_experts).to_owned(),
        RefusalReason::StateBlocks { blocks } => {
            tr!(state, rules.state_blocks, n = state.whole(*blocks))
        }
        RefusalReason::UnevenExperts { experts } => {
            tr!(state, rules.uneven_experts, n = state.whole(*experts))
        }
        RefusalReason::ExpertRanks { ranks } => {
            tr!(state, rules.expert_ranks, n = state.whole(*ranks))
        }
        RefusalReason::DataRanks { ranks } => tr!(state, rules.data_ranks, n = state.whole(*ranks)),
        RefusalReason::OneCopy => tr!(state, rules.one_copy).to_owned(),
    }
}

/// What would be accepted: a range in the reader's numbers, anything else as it is written in
/// links.
fn acceptance(state: State, accepted: &str) -> String {
    let range = accepted.split_once("..").and_then(|(min, max)| {
        let number = |text: &str| text.parse().ok().map(|n| state.whole(n));
        Some((number(min)?, number(max)?))
    });
    match range {
        Some((min, max)) => tr!(state, notices.range, min = min, max = max),
        None => accepted.to_owned(),
    }
}

/// What can be done about it.
fn fixes(state: State, notice: &Notice) -> Vec<Fix> {
    match notice {
        Notice::Query(problem) => {
            let drop = |problem: Problem| {
                move |s: &mut Scenario| {
                    let pair = (&problem.field, &problem.value);
                    s.unused.retain(|(key, value)| (key, value) != pair);
                }
            };
            let nearest = problem.nearest.as_ref().map(|nearest| {
                let suggestion = Suggestion::set(&problem.field, nearest);
                let drop = drop(problem.clone());
                Fix::new(suggestion.to_string(), move |s| {
                    drop(s);
                    edit::apply_suggestion(s, &suggestion);
                })
            });
            let drop = Fix::new(tr!(state, notices.drop), drop(problem.clone()));
            nearest.into_iter().chain([drop]).collect()
        }
        Notice::UnknownModel { id, nearest, hypothetical, .. } => {
            let replace = |new: &String| {
                let (old, new) = (id.clone(), new.clone());
                Fix::new(state.model_name(&new), move |s| edit::replace_model(s, &old, &new))
            };
            let id = id.clone();
            let drop = Fix::new(tr!(state, notices.drop), move |s| edit::remove_model(s, &id));
            nearest.iter().chain(hypothetical).map(replace).chain([drop]).collect()
        }
        Notice::UnknownDevice { id, nearest } => nearest
            .iter()
            .map(|new| {
                let (old, new) = (id.clone(), new.clone());
                Fix::new(state.device_name(&new), move |s| {
                    for_each_device(s, &old, |s, m, d| edit::replace_device(s, m, d, &new));
                })
            })
            .collect(),
        Notice::UnknownMemory { id, accepted, .. } => accepted
            .iter()
            .map(|gb| {
                let (id, gb) = (id.clone(), *gb);
                let text = format!("{}\u{a0}{}", state.whole(u64::from(gb)), tr!(state, units.gb));
                Fix::new(text, move |s| {
                    for_each_device(s, &id, |s, m, d| edit::set_memory(s, m, d, Some(gb)));
                })
            })
            .collect(),
        Notice::ContextBeyondTraining { trained, .. } => {
            let trained = *trained;
            let text = tr!(state, notices.shorten, tokens = state.tokens(trained));
            vec![Fix::new(text, move |s| s.context = trained)]
        }
        Notice::QuantisedValuesNeedFlashAttention { .. } => {
            vec![Fix::new(tr!(state, notices.turn_on), |s| s.flash_attention = true)]
        }
        Notice::EngineCannotRun { id, .. } => {
            let id = id.clone();
            vec![Fix::new(tr!(state, notices.drop), move |s| edit::remove_model(s, &id))]
        }
        Notice::EngineRefuses(refusal) => {
            let fix = |nearest: &Suggestion| {
                let suggestion = nearest.clone();
                let text = nearest.to_string();
                Fix::new(text, move |s| edit::apply_suggestion(s, &suggestion))
            };
            refusal.nearest.iter().map(fix).collect()
        }
        Notice::EngineAdjusts(adjustment) => {
            let fix = |nearest: &Suggestion| {
                let suggestion = nearest.clone();
                let text = match nearest {
                    Suggestion::Set { value, .. } if value.is_empty() => {
                        tr!(state, notices.drop).to_owned()
                    }
                    _ => nearest.to_string(),
                };
                Fix::new(text, move |s| edit::apply_suggestion(s, &suggestion))
            };
            adjustment.nearest.iter().map(fix).collect()
        }
        Notice::UnusableDescription { id, .. } => {
            let id = id.clone();
            vec![Fix::new(tr!(state, notices.drop), move |s| edit::remove_model(s, &id))]
        }
        Notice::EngineCannotUse { .. }
        | Notice::TooManyCells { .. }
        | Notice::HypotheticalShape { .. }
        | Notice::UnknownShape { .. }
        | Notice::AssumedFields { .. }
        | Notice::ForeignTypes { .. } => Vec::new(),
    }
}

/// Calls `change` for each place in the question where the device `id` is named.
fn for_each_device(s: &mut Scenario, id: &str, change: impl Fn(&mut Scenario, usize, usize)) {
    let places = s.machines.iter().enumerate().flat_map(|(m, machine)| {
        let named = machine.devices.iter().enumerate().filter(|(_, device)| device.id == id);
        named.map(move |(d, _)| (m, d))
    });
    for (machine, device) in places.collect::<Vec<_>>() {
        change(s, machine, device);
    }
}
