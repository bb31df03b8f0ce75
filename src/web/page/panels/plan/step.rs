//! A step of a plan, with a button that copies what it has to be typed.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::page::app::browser;
use crate::page::app::state::use_state;
use crate::page::app::text::tr;
use headroom::plan::DocumentStep;

/// The step.
#[component]
pub fn PlanStep(step: DocumentStep) -> impl IntoView {
    let state = use_state();
    let copied = RwSignal::new(false);
    let DocumentStep { text, code, .. } = step;
    let code = (!code.is_empty()).then(|| {
        let typed = StoredValue::new(code.clone());
        view! {
            <div class="plan-code">
                <pre tabindex="0"><code data-testid="plan-code">{code}</code></pre>
                <button
                    type="button"
                    class="button button-quiet"
                    data-testid="plan-copy"
                    on:click=move |_| {
                        let text = typed.get_value();
                        spawn_local(async move { copied.set(browser::copy(&text).await) });
                    }
                >
                    {move || match copied.get() {
                        true => tr!(state, plan.copied),
                        false => tr!(state, plan.copy),
                    }}
                </button>
            </div>
        }
    });
    view! { <li><p>{text}</p>{code}</li> }
}
