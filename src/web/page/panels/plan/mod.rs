//! The plan of the open cell: how to get it, start it, check it, keep it and grow it.

mod step;

use gloo::timers::callback::Timeout;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsValue;
use send_wrapper::SendWrapper;

use crate::page::app::reactive::{CollectAny, Show, effect, memo};
use crate::page::app::state::{to_lang, use_state};
use crate::page::app::text::words;
use crate::page::widgets::saves::{JSON, MARKDOWN, Saves};
use headroom::plan::{self, Document, PlanInput};
use headroom::report::{Cell, Verdict};
use step::PlanStep;

/// How long the question rests before a plan is made, in milliseconds.
const REST: u32 = 200;

/// The shells that commands are written for, as the module calls them.
const SHELLS: [(&str, &str); 2] = [("bash", "bash"), ("powershell", "PowerShell")];

/// The panel, made when its tab is opened.
#[component]
pub fn PlanPanel(
    /// The open cell.
    cell: Memo<Option<Cell>>,
) -> impl IntoView {
    let state = use_state();
    let shell = RwSignal::new(SHELLS[0].0);
    let waiting = StoredValue::new(None::<SendWrapper<Timeout>>);
    let document = RwSignal::new(None::<Document>);
    let runs = memo(move || {
        cell.with(|cell| cell.as_ref().is_some_and(|cell| cell.verdict != Verdict::No))
    });
    effect(move || {
        // What is written depends on these and on the whole question.
        let (at, shell, lang) = (state.selected.get(), shell.get(), to_lang(state.locale()));
        state.scenario.track();
        let make = move || {
            let made = at.zip(state.scenario.try_get_untracked()).and_then(|(at, scenario)| {
                let input = PlanInput::new(state.catalog, &scenario, at)?;
                Document::new(state.catalog, &input, lang, plan::shell(shell).unwrap_or_default())
            });
            _ = document.try_set(made);
        };
        waiting.set_value(Some(SendWrapper::new(Timeout::new(REST, make))));
    });
    let has = memo(move || document.with(Option::is_some));
    let of = move |part: fn(&Document) -> &String| {
        move || document.with(|document| document.as_ref().map(part).cloned())
    };
    let saved = move |form| {
        document.with_untracked(|document| {
            let document = document.as_ref()?;
            let text = match form == JSON {
                true => serde_json::to_string_pretty(document).ok()?,
                false => document.markdown(),
            };
            Some(JsValue::from(text))
        })
    };
    let quality =
        move || document.with(|d| d.as_ref().map(|d| d.quality.clone()).unwrap_or_default());
    let sections =
        move || document.with(|d| d.as_ref().map(|d| d.sections.clone()).unwrap_or_default());
    view! {
        <section class="plan" data-testid="plan" aria-label=words!(state, tabs.plan)>
            <Show when=runs fallback=move || view! { <p>{words!(state, plan.does_not_run)}</p> }>
                <Show when=has fallback=move || view! { <p class="plan-wait" role="status">{words!(state, plan.coming)}</p> }>
                    <p class="plan-shells" role="group" aria-label=words!(state, plan.shell)>
                        {SHELLS
                            .map(|(name, title)| {
                                view! {
                                    <button
                                        type="button"
                                        class="button button-quiet"
                                        data-testid="plan-shell"
                                        aria-pressed=move || (shell.get() == name).to_string()
                                        on:click=move |_| shell.set(name)
                                    >
                                        {title}
                                    </button>
                                }
                            })
                            .collect_any()}
                    </p>
                    <p class="plan-why" data-testid="plan-why">{of(|d| &d.why)}</p>
                    <Show when=move || document.with(|d| d.as_ref().is_some_and(|d| !d.quality.is_empty()))>
                        <h3>{of(|d| &d.quality_title)}</h3>
                        <ul class="plan-quality" data-testid="plan-quality">
                            {move || quality().into_iter().map(|line| view! { <li>{line}</li> }).collect_any()}
                        </ul>
                    </Show>
                    {move || {
                        sections()
                            .into_iter()
                            .map(|section| {
                                view! {
                                    <section data-testid="plan-stage">
                                        <h3>{section.title}</h3>
                                        <ol>
                                            {section
                                                .steps
                                                .into_iter()
                                                .map(|step| view! { <PlanStep step /> })
                                                .collect_any()}
                                        </ol>
                                    </section>
                                }
                            })
                            .collect_any()
                    }}
                    <Saves forms=&[MARKDOWN, JSON] name="plan" what=saved />
                </Show>
            </Show>
        </section>
    }
}
