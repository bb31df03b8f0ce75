//! What may be left in RAM.

use headroom::scenario::{Bounds, Offload};
use leptos::prelude::*;

use crate::number;
use crate::page::app::reactive::{Show, memo};
use crate::page::app::state::use_state;
use crate::page::app::text::{tr, words};
use crate::page::question::setting::change;
use crate::page::widgets::field::{NumberField, Select};

/// What may be left in RAM, and of how many layers.
#[component]
pub fn OffloadFields() -> impl IntoView {
    let state = use_state();
    let offload = state.slice(|scenario| scenario.offload);
    let options = move || {
        [
            ("auto", tr!(state, controls.offload_auto)),
            ("none", tr!(state, controls.offload_none)),
            ("experts", tr!(state, controls.offload_experts)),
            ("expert_layers", tr!(state, controls.offload_expert_layers)),
            ("gpu_layers", tr!(state, controls.offload_gpu_layers)),
        ]
        .map(|(value, text)| (value.to_owned(), text.to_owned()))
        .to_vec()
    };
    let set = move |offload: Offload| change("offload", move |s| s.offload = offload);
    let layers = memo(move || match offload.get() {
        Offload::ExpertLayers(n) | Offload::GpuLayers(n) => Some(u64::from(n)),
        _ => None,
    });
    let commit = Callback::new(move |text: String| {
        let n = number::parse_count(&text, Bounds::LAYERS)? as u32;
        state.adjust(set(match offload.get_untracked() {
            Offload::ExpertLayers(_) => Offload::ExpertLayers(n),
            _ => Offload::GpuLayers(n),
        }));
        Ok(())
    });
    view! {
        <Select
            label=words!(state, setting.offload)
            options=Signal::derive(options)
            value=Signal::derive(move || {
                match offload.get() {
                    Offload::Auto => "auto",
                    Offload::None => "none",
                    Offload::Experts => "experts",
                    Offload::ExpertLayers(_) => "expert_layers",
                    Offload::GpuLayers(_) => "gpu_layers",
                }
                .to_owned()
            })
            choose=Callback::new(move |name: String| {
                let n = layers.get_untracked().unwrap_or(16) as u32;
                state.choose(set(match name.as_str() {
                    "none" => Offload::None,
                    "experts" => Offload::Experts,
                    "expert_layers" => Offload::ExpertLayers(n),
                    "gpu_layers" => Offload::GpuLayers(n),
                    _ => Offload::Auto,
                }));
            })
            testid="offload-select"
        />
        <Show when=move || layers.get().is_some()>
            <NumberField
                label=Signal::derive(move || match offload.get() {
                    Offload::ExpertLayers(_) => tr!(state, controls.expert_layers).to_owned(),
                    _ => tr!(state, controls.gpu_layers).to_owned(),
                })
                value=Signal::derive(move || state.whole(layers.get().unwrap_or_default()))
                range=state.range(Bounds::LAYERS)
                commit
                testid="layers-input"
            />
        </Show>
    }
}
