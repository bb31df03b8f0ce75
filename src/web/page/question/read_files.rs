//! A model from the reader's own files: chosen, or dropped anywhere on the page. Only their
//! beginnings are read, and nothing is sent anywhere.

use gloo::events::{EventListener, EventListenerOptions};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::{JsCast as _, JsValue};
use leptos::web_sys;
use send_wrapper::SendWrapper;
use serde::Deserialize;
use wasm_bindgen_futures::JsFuture;

use crate::edit;
use crate::page::app::numbers::Style;
use crate::page::app::reactive::{CollectAny, Show};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::question::from_hub::Refusal;
use crate::page::question::{imported, kept_models};
use headroom::import::{HubOption, Remark, Unmapped};
use headroom::quant::Quant;
use headroom::scenario::Scenario;

/// The function of public/boot.js that reads files by slices.
const READER: &str = "headroomImport";

/// What became of the files: the answers of `imported` and `hub`, and of public/hub.js.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Answer {
    pub id: Option<String>,
    pub quant: Option<Quant>,
    pub error: Option<Failure>,
    /// Models of a repository, of which one is to be chosen.
    pub options: Option<Vec<HubOption>>,
    /// Why the hub gave nothing.
    pub hub: Option<Refusal>,
}

/// A file that cannot be used.
#[derive(Clone, Default, PartialEq, Deserialize)]
pub struct Failure {
    file: String,
    field: String,
    value: String,
    accepted: String,
}

/// Where reading stands.
#[derive(Clone, PartialEq)]
enum Progress {
    Idle,
    Busy,
    Failed(Failure),
    /// What reads could not be loaded.
    Missing,
}

/// Reads the files that the reader gives, and adds their model to the question.
#[derive(Clone, Copy)]
struct Reader {
    state: State,
    progress: RwSignal<Progress>,
}

impl Reader {
    fn new() -> Reader {
        Reader { state: use_state(), progress: RwSignal::new(Progress::Idle) }
    }

    fn take(self, files: Vec<JsValue>) {
        let Reader { state, progress } = self;
        if files.is_empty() || progress.get_untracked() == Progress::Busy {
            return;
        }
        progress.set(Progress::Busy);
        spawn_local(async move {
            let files = files.into_iter().collect::<js_sys::Array>();
            let (next, found) = match answer(READER, &files).await {
                Some(Answer { id: Some(id), quant, .. }) => (Progress::Idle, Some((id, quant))),
                Some(Answer { error: Some(error), .. }) => (Progress::Failed(error), None),
                _ => (Progress::Missing, None),
            };
            _ = progress.try_set(next);
            let Some((id, quant)) = found else { return };
            kept_models::keep(&id);
            state.choose(|s| {
                if s.models == Scenario::default().models {
                    s.models.clear();
                    s.selected = None;
                }
                edit::add_model(s, &id);
                if let Some(quant) = quant {
                    edit::add_quant(s, quant);
                }
                edit::drop_unused(s, "model");
            });
        });
    }
}

/// Takes files that are dropped anywhere on the page; shown is only what went wrong.
#[component]
pub fn DropFiles() -> impl IntoView {
    let reader = Reader::new();
    let options = EventListenerOptions::enable_prevent_default();
    let over = EventListener::new_with_options(&document(), "dragover", options, |event| {
        // Else the browser opens what is dropped.
        event.prevent_default();
    });
    let drop_at = EventListener::new_with_options(&document(), "drop", options, move |event| {
        let Some(dropped) = event.dyn_ref::<web_sys::DragEvent>() else { return };
        let files = dropped.data_transfer().and_then(|data| data.files());
        if let Some(files) = files.filter(|files| files.length() > 0) {
            event.prevent_default();
            reader.take(list(&files));
        }
    });
    let listeners = SendWrapper::new((over, drop_at));
    on_cleanup(move || drop(listeners));
    view! { <Failed reader /> }
}

/// The button that chooses files.
#[component]
pub fn ReadFiles() -> impl IntoView {
    let reader = Reader::new();
    let Reader { state, progress } = reader;
    view! {
        <label class="button read-files" title=words!(state, read_files.about)>
            {move || match progress.get() {
                Progress::Busy => tr!(state, read_files.busy).to_owned(),
                _ => tr!(state, read_files.choose).to_owned(),
            }}
            <input
                type="file"
                multiple
                accept=".gguf,.json,.safetensors"
                data-testid="model-files"
                on:change=move |event| {
                    let input: web_sys::HtmlInputElement = event_target(&event);
                    reader.take(input.files().as_ref().map(list).unwrap_or_default());
                    // The same file can be chosen again.
                    input.set_value("");
                }
            />
        </label>
        <Failed reader />
        // Of a model that was dropped on the page or read from Hugging Face too.
        <ul class="field-note" data-testid="import-remarks">
            {move || {
                let line = |said: &Remark| view! { <li>{remark(state, said)}</li> };
                imported::remarks().iter().map(line).collect_any()
            }}
        </ul>
    }
}

/// What is to be known of how a model was read.
fn remark(state: State, remark: &Remark) -> String {
    let name = |id: &str| state.model_name(id);
    match remark {
        Remark::SameTensors { of } => tr!(state, remark.same_tensors, of = name(of)),
        Remark::OtherTensors { elements, all, of, example } => {
            let share = 100.0 * *elements as f64 / (*all).max(1) as f64;
            let share = state.number(Style::Measured, share);
            match example {
                Some(example) => tr!(
                    state,
                    remark.other_tensors_such_as,
                    share = share,
                    of = name(of),
                    example = example.clone()
                ),
                None => tr!(state, remark.other_tensors, share = share, of = name(of)),
            }
        }
        Remark::SameFamily { of } => tr!(state, remark.same_family, of = name(of)),
        Remark::UnknownFamily { model_type } => {
            tr!(state, remark.unknown_family, name = model_type.clone())
        }
        Remark::UnknownVision => tr!(state, remark.unknown_vision).to_owned(),
        Remark::OtherCount { stored, counted } => {
            let [stored, counted] =
                [*stored, *counted].map(|n| state.number(Style::Compact, n as f64));
            tr!(state, remark.other_count, stored = stored, counted = counted)
        }
        Remark::ForeignTypes { types } => {
            tr!(state, remark.foreign_types, types = types.join(", "))
        }
        Remark::OnlyWeights { why } => {
            let why = match why {
                Unmapped::NoConfig => tr!(state, remark.no_config).to_owned(),
                Unmapped::Field { file, field, value, accepted } => tr!(
                    state,
                    read_files.failed,
                    file = file.clone(),
                    field = field.clone(),
                    value = value.clone(),
                    accepted = accepted.clone()
                ),
                Unmapped::Architecture { name } => {
                    tr!(state, remark.architecture, name = name.clone())
                }
                Unmapped::Tensors { name } => tr!(state, remark.tensors, name = name.clone()),
            };
            format!("{why} {}", tr!(state, remark.only_weights))
        }
    }
}

/// Why files could not be read.
#[component]
fn Failed(reader: Reader) -> impl IntoView {
    let Reader { state, progress } = reader;
    let failed = move || match progress.get() {
        Progress::Failed(failure) => Some(failed(state, failure)),
        Progress::Missing => Some(tr!(state, rest.missing).to_owned()),
        Progress::Idle | Progress::Busy => None,
    };
    view! {
        <Show when=move || failed().is_some()>
            <p class="field-note" role="alert" data-testid="model-files-failed">
                {move || failed()}
            </p>
        </Show>
    }
}

fn list(files: &web_sys::FileList) -> Vec<JsValue> {
    (0..files.length()).filter_map(|at| Some(files.get(at)?.into())).collect()
}

/// What a file has in place of what is accepted.
pub fn failed(state: State, Failure { file, field, value, accepted }: Failure) -> String {
    tr!(state, read_files.failed, file = file, field = field, value = value, accepted = accepted)
}

/// What `reader`, a function of public/boot.js, makes of `what`; `None` where the module that reads
/// cannot be had.
pub async fn answer(reader: &str, what: &JsValue) -> Option<Answer> {
    let reader = js_sys::Reflect::get(&window(), &JsValue::from_str(reader)).ok()?;
    let reading = reader.dyn_ref::<js_sys::Function>()?.call1(&JsValue::NULL, what).ok()?;
    let reading: js_sys::Promise = reading.dyn_into().ok()?;
    let answer = JsFuture::from(reading).await.ok()?.as_string()?;
    serde_json::from_str(&answer).ok()
}
