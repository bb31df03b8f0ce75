//! The types of the KV cache: of keys and values alike, and of each apart.

use headroom::scenario::{CacheType, CacheTypes};
use leptos::prelude::*;

use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::question::setting::change;
use crate::page::widgets::field::Select;

/// The type of keys and values alike.
#[component]
pub fn CacheTypeField() -> impl IntoView {
    let state = use_state();
    let kv = state.slice(|scenario| scenario.kv);
    let options = move || {
        let mixed = (String::new(), tr!(state, controls.kv_mixed).to_owned());
        let is_mixed = kv.get().key != kv.get().value;
        is_mixed.then_some(mixed).into_iter().chain(options(&CacheType::ALL)).collect::<Vec<_>>()
    };
    view! {
        <Select
            label=words!(state, setting.kv)
            options=Signal::derive(options)
            value=Signal::derive(move || match kv.get() {
                CacheTypes { key, value } if key == value => key.name().to_owned(),
                _ => String::new(),
            })
            choose=Callback::new(move |name: String| {
                set(state, &name, |types, ty| *types = CacheTypes::both(ty));
            })
            testid="kv-select"
        />
    }
}

/// The type of the keys, and that of the values.
#[component]
pub fn CacheTypeFields() -> impl IntoView {
    let state = use_state();
    let half = move |read: fn(&mut CacheTypes) -> &mut CacheType, label: Signal<String>| {
        let value = state.slice(move |s| read(&mut s.kv.clone()).name().to_owned());
        // Those of serving engines are types of whole caches.
        let known = move || {
            let known = CacheType::ALL.into_iter();
            let known = known.filter(|ty| !ty.is_of_serving_engines() || value.get() == ty.name());
            options(&known.collect::<Vec<_>>())
        };
        let choose = Callback::new(move |name: String| {
            set(state, &name, |types, ty| {
                *types = types.without_fp8();
                *read(types) = ty;
            });
        });
        view! { <Select label options=Signal::derive(known) value choose /> }
    };
    view! {
        {half(|types| &mut types.key, words!(state, controls.kv_keys))}
        {half(|types| &mut types.value, words!(state, controls.kv_values))}
    }
}

fn options(types: &[CacheType]) -> Vec<(String, String)> {
    types.iter().map(|ty| (ty.name().to_owned(), ty.name().to_ascii_uppercase())).collect()
}

fn set(state: State, name: &str, apply: impl FnOnce(&mut CacheTypes, CacheType)) {
    if let Some(ty) = CacheType::ALL.into_iter().find(|ty| ty.name() == name) {
        state.choose(change("kv", |s| apply(&mut s.kv, ty)));
    }
}
