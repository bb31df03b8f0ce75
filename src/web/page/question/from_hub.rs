//! A model that the catalogue does not know, read from Hugging Face: the only requests of the page to
//! another host, and only when the reader presses for them.

use leptos::prelude::*;

use crate::page::app::reactive::CollectAny;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsValue;
use serde::Deserialize;

use crate::page::app::state::use_state;
use crate::page::app::text::tr;
use crate::page::question::kept_models;
use crate::page::question::read_files::{Answer, Failure, answer, failed};
use headroom::import::HubOption;
use headroom::quant::Quant;
use headroom::units::Bytes;

/// The function of public/boot.js that asks the hub.
const READER: &str = "headroomHub";

/// Why the hub gave nothing: see public/hub.js.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Refusal {
    why: String,
    seconds: Option<u32>,
    status: Option<u16>,
}

/// Where reading stands.
#[derive(Clone, PartialEq)]
enum Progress {
    Idle,
    Busy,
    /// One of several models is to be chosen.
    Several(Vec<HubOption>),
    Refused(Refusal),
    Failed(Failure),
    /// The module that reads could not be loaded.
    Missing,
}

/// The button that reads a repository, and what came of it.
#[component]
pub fn FromHub(
    /// Its id, or its address.
    repository: String,
    /// Takes the id of the model, and the format of its files.
    take: Callback<(String, Option<Quant>)>,
) -> impl IntoView {
    let state = use_state();
    let progress = RwSignal::new(Progress::Idle);
    let read = move |repository: String| {
        if progress.get_untracked() == Progress::Busy {
            return;
        }
        progress.set(Progress::Busy);
        spawn_local(async move {
            let next = match answer(READER, &JsValue::from_str(&repository)).await {
                Some(Answer { id: Some(id), quant, .. }) => {
                    kept_models::keep(&id);
                    _ = progress.try_set(Progress::Idle);
                    _ = take.try_run((id, quant));
                    return;
                }
                Some(Answer { options: Some(options), .. }) => Progress::Several(options),
                Some(Answer { hub: Some(refusal), .. }) => Progress::Refused(refusal),
                Some(Answer { error: Some(error), .. }) => Progress::Failed(error),
                _ => Progress::Missing,
            };
            _ = progress.try_set(next);
        });
    };
    let id = StoredValue::new(repository.clone());
    let refused = move |Refusal { why, seconds, status }: Refusal| {
        let id = id.get_value();
        match why.as_str() {
            "gated" => tr!(state, hub.gated, id = id),
            "missing" => tr!(state, hub.missing, id = id),
            "limited" => match seconds {
                Some(n) => tr!(state, hub.limited_for, n = state.whole(u64::from(n))),
                None => tr!(state, hub.limited).to_owned(),
            },
            "offline" => tr!(state, hub.offline).to_owned(),
            "forbidden" => tr!(state, hub.forbidden).to_owned(),
            "unreachable" => tr!(state, hub.unreachable).to_owned(),
            _ => match status {
                Some(status) => tr!(state, hub.broken, status = status),
                None => tr!(state, hub.slow).to_owned(),
            },
        }
    };
    let said = move || match progress.get() {
        Progress::Idle => Some(tr!(state, hub.about).to_owned()),
        Progress::Busy => None,
        Progress::Several(_) => Some(tr!(state, hub.several).to_owned()),
        Progress::Refused(refusal) => Some(refused(refusal)),
        Progress::Failed(failure) => Some(failed(state, failure)),
        Progress::Missing => Some(tr!(state, rest.missing).to_owned()),
    };
    let option = move |HubOption { name, repository, size }: HubOption| {
        let value = repository.clone();
        view! {
            <li>
                <button
                    type="button"
                    class="button"
                    data-testid="hub-option"
                    data-value=value
                    on:click=move |_| read(repository.clone())
                >
                    {name}
                    " "
                    <span class="figure-unit">{move || state.quantity(Bytes(size)).to_string()}</span>
                </button>
            </li>
        }
    };
    let options = move || match progress.get() {
        Progress::Several(options) => options.into_iter().map(option).collect_any(),
        _ => ().into_any(),
    };
    view! {
        <div class="from-hub" data-testid="hub">
            <button
                type="button"
                class="button"
                data-testid="hub-read"
                on:click=move |_| read(id.get_value())
            >
                {move || match progress.get() {
                    Progress::Busy => tr!(state, hub.busy).to_owned(),
                    _ => tr!(state, hub.read, id = id.get_value()),
                }}
            </button>
            <p class="field-note" role="status" data-testid="hub-said">
                {said}
            </p>
            <ul class="chips">{options}</ul>
        </div>
    }
}
