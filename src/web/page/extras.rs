//! Settings of what is loaded or kept beside the model: projector, adapters, draft, prompts, desktop.

use leptos::prelude::*;

use super::controls::{CountField, SizeField};
use super::field::{NumberField, Select};
use super::numbers::Style;
use super::state::{State, use_state};
use super::text::{tr, words};
use crate::{edit, number};
use headroom::engine::drafts;
use headroom::quant::Quant;
use headroom::scenario::{Addons, Bounds, Display, DraftModel, LoraTargets, Projector, Scenario};

/// Formats that drafts are offered in, beside that of the model.
const DRAFT_FORMATS: &[&str] = &["BF16", "Q8_0", "Q4_K_M", "FP8", "AWQ"];

/// The fields, under a heading of their own.
#[component]
pub fn ExtrasFields() -> impl IntoView {
    let state = use_state();
    view! {
        <fieldset class="more-group" data-testid="extras">
            <legend>{words!(state, extras.title)}</legend>
            <div class="more-grid">
                <ProjectorField />
                <DraftField />
                <DraftFormat />
                <CountField
                    label=words!(state, extras.draft_n)
                    limit=Bounds::DRAFT_TOKENS
                    read=|s| s.addons.draft_tokens
                    write=|s, n| s.addons.draft_tokens = n
                    testid="draft-n-input"
                />
                <CountField
                    label=words!(state, extras.mtp)
                    limit=Bounds::MTP
                    read=|s| s.addons.mtp
                    write=|s, n| s.addons.mtp = n
                    testid="mtp-input"
                />
                <Acceptance />
                <CountField
                    label=words!(state, extras.lora_rank)
                    limit=Bounds::LORA_RANK
                    read=|s| s.addons.lora.rank
                    write=|s, n| s.addons.lora.rank = n
                    testid="lora-rank-input"
                />
                <CountField
                    label=words!(state, extras.lora_count)
                    limit=Bounds::LORA_COUNT
                    read=|s| s.addons.lora.count
                    write=|s, n| s.addons.lora.count = n
                    testid="lora-count-input"
                />
                <LoraField />
                <SizeField
                    label=words!(state, extras.cache_ram)
                    limit=Bounds::PROMPT_CACHE
                    read=|s| s.addons.prompt_cache
                    write=|s, bytes| s.addons.prompt_cache = bytes
                    testid="cache-ram-input"
                />
                <CountField
                    label=words!(state, extras.checkpoints)
                    limit=Bounds::CHECKPOINTS
                    read=|s| s.addons.checkpoints
                    write=|s, n| s.addons.checkpoints = n
                    testid="checkpoints-input"
                />
                <DisplayField />
            </div>
        </fieldset>
    }
}

/// Changes one of the extras, and drops what the link had under `key` that could not be used.
fn choose(state: State, key: &'static str, change: impl FnOnce(&mut Addons)) {
    state.choose(|s: &mut Scenario| {
        change(&mut s.addons);
        edit::drop_unused(s, key);
    });
}

/// One of the words in `all`, which also says what links call it.
fn named<T: Copy>(all: &[(&'static str, T)], name: &str) -> Option<T> {
    all.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

#[component]
fn ProjectorField() -> impl IntoView {
    let state = use_state();
    let value = state.slice(|s| s.addons.projector.name().to_owned());
    let options = move || {
        let text = |name: &str| match name {
            "auto" => tr!(state, extras.projector_auto).to_owned(),
            "off" => tr!(state, extras.projector_off).to_owned(),
            name => name.to_uppercase(),
        };
        Projector::ALL.iter().map(|(name, _)| ((*name).to_owned(), text(name))).collect()
    };
    view! {
        <Select
            label=words!(state, extras.projector)
            options=Signal::derive(options)
            value
            choose=Callback::new(move |name: String| {
                if let Some(projector) = named(Projector::ALL, &name) {
                    choose(state, "mmproj", |addons| addons.projector = projector);
                }
            })
            testid="projector-select"
        />
    }
}

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
            models.flat_map(|model| drafts(state.catalog, engine, model)).collect()
        });
        ids.push(value.get());
        ids.retain(|id| !id.is_empty());
        ids.sort_unstable();
        ids.dedup();
        let none = (String::new(), tr!(state, extras.none).to_owned());
        let option = |id: String| {
            let name = state.model_name(&id);
            (id, name)
        };
        [none].into_iter().chain(ids.into_iter().map(option)).collect()
    };
    view! {
        <Select
            label=words!(state, extras.draft)
            options=Signal::derive(options)
            value
            choose=Callback::new(move |id: String| {
                choose(state, "draft", |addons| {
                    let quant = addons.draft.as_ref().and_then(|draft| draft.quant);
                    addons.draft = (!id.is_empty()).then_some(DraftModel { id, quant });
                });
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
        let same = (String::new(), tr!(state, extras.draft_same).to_owned());
        [same].into_iter().chain(names.into_iter().map(|name| (name.clone(), name))).collect()
    };
    view! {
        <Show when=move || drafting.get()>
            <Select
                label=words!(state, extras.draft_format)
                options=Signal::derive(options)
                value
                choose=Callback::new(move |name: String| {
                    choose(state, "draft", |addons| {
                        if let Some(draft) = &mut addons.draft {
                            draft.quant = Quant::parse(&name);
                        }
                    });
                })
                testid="draft-format-select"
            />
        </Show>
    }
}

/// In percent.
#[component]
fn Acceptance() -> impl IntoView {
    let state = use_state();
    let value = state.slice(|s| s.addons.acceptance);
    let percent = move |thousandths: u64| state.number(Style::Plain, thousandths as f64 / 10.0);
    let limit = Bounds { min: 0, max: 100, ..Bounds::ACCEPTANCE };
    let commit = Callback::new(move |text: String| {
        let n = number::parse_count(text.trim_end_matches('%').trim(), limit)?;
        state.adjust(|s| {
            s.addons.acceptance = n * 10;
            edit::drop_unused(s, "accept");
        });
        Ok(())
    });
    view! {
        <NumberField
            label=words!(state, extras.accept)
            value=Signal::derive(move || percent(value.get()))
            range=Signal::derive(move || (state.whole(limit.min), state.whole(limit.max)))
            commit
            testid="accept-input"
        />
    }
}

#[component]
fn LoraField() -> impl IntoView {
    let state = use_state();
    let value = state.slice(|s| s.addons.lora.targets.name().to_owned());
    let options = move || {
        vec![
            ("attention".to_owned(), tr!(state, extras.lora_attention).to_owned()),
            ("linear".to_owned(), tr!(state, extras.lora_linear).to_owned()),
            ("experts".to_owned(), tr!(state, extras.lora_experts).to_owned()),
        ]
    };
    view! {
        <Select
            label=words!(state, extras.lora_on)
            options=Signal::derive(options)
            value
            choose=Callback::new(move |name: String| {
                if let Some(targets) = named(LoraTargets::ALL, &name) {
                    choose(state, "lora_on", |addons| addons.lora.targets = targets);
                }
            })
            testid="lora-on-select"
        />
    }
}

#[component]
fn DisplayField() -> impl IntoView {
    let state = use_state();
    let value = state.slice(|s| s.addons.display.name().to_owned());
    let options = move || {
        let text = |display: Display| match display {
            Display::Off => tr!(state, extras.none).to_owned(),
            _ => {
                let name = if display == Display::Linux { "Linux" } else { "Windows" };
                format!("{name}, {}", state.quantity(display.bytes()))
            }
        };
        Display::ALL.iter().map(|(name, display)| ((*name).to_owned(), text(*display))).collect()
    };
    view! {
        <Select
            label=words!(state, extras.display)
            options=Signal::derive(options)
            value
            choose=Callback::new(move |name: String| {
                if let Some(display) = named(Display::ALL, &name) {
                    choose(state, "display", |addons| addons.display = display);
                }
            })
            testid="display-select"
        />
    }
}
