//! Fields of what is loaded beside the model that are not one for a setting: a draft and its format,
//! the rank and number of LoRA adapters.

use headroom::engine::drafts;
use headroom::quant::Quant;
use headroom::scenario::{Bounds, DraftModel};
use headroom::sort;
use leptos::prelude::*;

use crate::number;
use crate::page::app::reactive::Show;
use crate::page::app::state::use_state;
use crate::page::app::text::{tr, words};
use crate::page::question::setting::change;
use crate::page::widgets::field::{NumberField, Select};

/// Formats that drafts are offered in, beside that of the model.
const DRAFT_FORMATS: &[&str] = &["BF16", "Q8_0", "Q4_K_M", "FP8", "AWQ"];

/// The draft model, and its format.
#[component]
pub fn DraftFields() -> impl IntoView {
    view! {
        <DraftField />
        <DraftFormat />
    }
}

/// Models whose drafts are offered: of a longer list the first, since all others are looked over for
/// each.
const WITH_DRAFTS: usize = 12;

/// Drafts that the models of the question could have, and whatever the link asks for.
#[component]
fn DraftField() -> impl IntoView {
    let state = use_state();
    let models = state.slice(|s| (s.models.clone(), s.engines.clone()));
    let value =
        state.slice(|s| s.addons.draft.as_ref().map(|draft| draft.id.clone()).unwrap_or_default());
    let options = move || {
        let mut ids: Vec<String> = models.with(|(models, engines)| {
            let models = models.iter().filter_map(|id| state.catalog.model(id));
            let engine = engines.first().copied().unwrap_or_default();
            let models = models.take(WITH_DRAFTS);
            models.flat_map(|model| drafts(state.catalog, engine, model)).collect()
        });
        ids.push(value.get());
        ids.retain(|id| !id.is_empty());
        sort::distinct(&mut ids);
        let none = (String::new(), tr!(state, addons.none).to_owned());
        let option = |id: String| {
            let name = state.model_name(&id);
            (id, name)
        };
        [none].into_iter().chain(ids.into_iter().map(option)).collect()
    };
    view! {
        <Select
            label=words!(state, setting.draft)
            options=Signal::derive(options)
            value
            choose=Callback::new(move |id: String| {
                state.choose(change("draft", |s| {
                    let addons = &mut s.addons;
                    let quant = addons.draft.as_ref().and_then(|draft| draft.quant);
                    addons.draft = (!id.is_empty()).then_some(DraftModel { id, quant });
                }));
            })
            testid="draft-select"
        />
    }
}

/// The draft's format, where there is one.
#[component]
fn DraftFormat() -> impl IntoView {
    let state = use_state();
    let drafting = state.slice(|s| s.addons.draft.is_some());
    let value = state.slice(|s| {
        let quant = s.addons.draft.as_ref().and_then(|draft| draft.quant);
        quant.map(|quant| quant.to_string()).unwrap_or_default()
    });
    let options = move || {
        let mut names: Vec<String> = DRAFT_FORMATS.iter().map(|name| (*name).to_owned()).collect();
        if !value.get().is_empty() && !names.contains(&value.get()) {
            names.push(value.get());
        }
        let same = (String::new(), tr!(state, addons.draft_same).to_owned());
        [same].into_iter().chain(names.into_iter().map(|name| (name.clone(), name))).collect()
    };
    view! {
        <Show when=drafting>
            <Select
                label=words!(state, addons.draft_format)
                options=Signal::derive(options)
                value
                choose=Callback::new(move |name: String| {
                    state.choose(change("draft", |s| {
                        if let Some(draft) = &mut s.addons.draft {
                            draft.quant = Quant::parse(&name);
                        }
                    }));
                })
                testid="draft-format-select"
            />
        </Show>
    }
}

/// The rank of LoRA adapters, and how many there are.
#[component]
pub fn LoraFields() -> impl IntoView {
    let state = use_state();
    let lora = state.slice(|s| s.addons.lora);
    let rank = Callback::new(move |text: String| {
        let rank = number::parse_count(&text, Bounds::LORA_RANK)?;
        state.adjust(change("lora", |s| s.addons.lora.rank = rank));
        Ok(())
    });
    let count = Callback::new(move |text: String| {
        let count = number::parse_count(&text, Bounds::LORA_COUNT)?;
        state.adjust(change("lora", |s| s.addons.lora.count = count));
        Ok(())
    });
    view! {
        <NumberField
            label=words!(state, setting.lora)
            value=Signal::derive(move || state.whole(lora.get().rank))
            range=state.range(Bounds::LORA_RANK)
            commit=rank
            testid="lora-rank-input"
        />
        <NumberField
            label=words!(state, addons.lora_count)
            value=Signal::derive(move || state.whole(lora.get().count))
            range=state.range(Bounds::LORA_COUNT)
            commit=count
            testid="lora-count-input"
        />
    }
}
