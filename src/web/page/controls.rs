//! How the model is used: context, users, cache type, and the panel of rarer settings.

use leptos::prelude::*;

use super::extras::ExtrasFields;
use super::field::{Checkbox, NumberField, Select};
use super::icons::{Minus, Plus};
use super::numbers::Style;
use super::placement::PlacementFields;
use super::state::{State, use_state};
use super::text::{tr, words};
use crate::{edit, number, scale};
use headroom::quant::GgmlType;
use headroom::scenario::{Bounds, KvTypes, LogitsBuffer, Offload, Scenario};
use headroom::units::Bytes;

/// Context, users, cache type.
#[component]
pub fn Controls() -> impl IntoView {
    view! {
        <div class="group controls">
            <Context />
            <Users />
            <KvType />
        </div>
    }
}

/// The context: a logarithmic slider, coloured as far as the open cell fits, and exact entry.
#[component]
fn Context() -> impl IntoView {
    let state = use_state();
    let context = state.slice(|scenario| scenario.context);
    let set = move |tokens: u64| {
        state.adjust(|s| {
            s.context = tokens;
            edit::drop_unused(s, "ctx");
        });
    };
    let room = Memo::new(move |_| {
        let cell = state.selected.get().and_then(|at| state.cell(at))?;
        Some(scale::share(cell.max_context.max(1)))
    });
    let commit =
        Callback::new(move |text: String| number::parse_count(&text, Bounds::CONTEXT).map(set));
    let mark = move |(tokens, numbered): (u64, bool)| {
        let place = format!("{}%", scale::share(tokens) * 100.0);
        let text = numbered.then(|| match tokens >> 20 {
            0 => format!("{}k", tokens >> 10),
            millions => format!("{millions}M"),
        });
        view! { <span class="slider-mark" style:inset-inline-start=place>{text}</span> }
    };
    view! {
        <div class="context">
            <NumberField
                label=words!(state, controls.context)
                value=Signal::derive(move || state.whole(context.get()))
                range=limits(state, Bounds::CONTEXT)
                commit
                hint=words!(state, controls.context_unit)
                testid="context-input"
            />
            <div class="slider">
                <div
                    class="slider-room"
                    style:--room=move || format!("{}%", room.get().unwrap_or_default() * 100.0)
                ></div>
                <input
                    type="range"
                    data-testid="context-slider"
                    min="0"
                    max=scale::LAST.to_string()
                    step="1"
                    aria-label=words!(state, controls.context_slider)
                    aria-valuetext=move || state.tokens(context.get())
                    prop:value=move || scale::position(context.get()).to_string()
                    on:input:target=move |event| {
                        if let Ok(position) = event.target().value().parse() {
                            set(scale::tokens(position));
                        }
                    }
                />
                <div class="slider-scale" aria-hidden="true">
                    {scale::marks().map(mark).collect_view()}
                </div>
            </div>
        </div>
    }
}

/// Sequences served at once.
#[component]
fn Users() -> impl IntoView {
    let state = use_state();
    let users = state.slice(|scenario| scenario.users);
    let commit = Callback::new(move |text: String| {
        let users = number::parse_count(&text, Bounds::USERS)?;
        state.adjust(|s| {
            s.users = users;
            edit::drop_unused(s, "users");
        });
        Ok(())
    });
    let step = move |users: u64| {
        state.choose(|s| {
            s.users = Bounds::USERS.clamp(users);
            edit::drop_unused(s, "users");
        });
    };
    let range = limits(state, Bounds::USERS);
    view! {
        <div class="stepper users">
            <button
                type="button"
                class="button button-icon"
                aria-label=words!(state, field.fewer, name = tr!(state, controls.users))
                prop:disabled=move || { users.get() <= Bounds::USERS.min }
                on:click=move |_| step(users.get_untracked().saturating_sub(1))
            >
                <Minus />
            </button>
            <NumberField
                label=words!(state, controls.users)
                value=Signal::derive(move || state.whole(users.get()))
                range
                commit
                testid="users-input"
            />
            <button
                type="button"
                class="button button-icon"
                aria-label=words!(state, field.another, name = tr!(state, controls.users))
                prop:disabled=move || { users.get() >= Bounds::USERS.max }
                on:click=move |_| step(users.get_untracked() + 1)
            >
                <Plus />
            </button>
        </div>
    }
}

/// The type of keys and values alike.
#[component]
fn KvType() -> impl IntoView {
    let state = use_state();
    let kv = state.slice(|scenario| scenario.kv);
    let options = move || {
        let mut options = type_options();
        if kv.get().k != kv.get().v {
            options.insert(0, (String::new(), tr!(state, controls.kv_mixed).to_owned()));
        }
        options
    };
    view! {
        <Select
            label=words!(state, controls.kv)
            options=Signal::derive(options)
            value=Signal::derive(move || match kv.get() {
                KvTypes { k, v } if k == v => k.name().to_owned(),
                _ => String::new(),
            })
            choose=Callback::new(move |name: String| {
                if let Some(ty) = cache_type(&name) {
                    set_kv(state, |_| KvTypes::both(ty));
                }
            })
            testid="kv-select"
        />
    }
}

/// The rarer settings.
#[component]
pub fn More() -> impl IntoView {
    let state = use_state();
    let changed = state.slice(|scenario| more(scenario) != more(&Scenario::default()));
    view! {
        <details class="more" data-testid="more">
            <summary>
                <span>{words!(state, controls.more)}</span>
                <Show when=move || changed.get()>
                    <span class="tag">{words!(state, controls.changed)}</span>
                </Show>
            </summary>
            <div class="more-grid">
                <OffloadFields />
                <SizeField
                    label=words!(state, controls.ram)
                    limit=Bounds::RAM
                    read=|s| s.ram
                    write=|s, bytes| s.ram = bytes
                    testid="ram-input"
                />
                <SizeField
                    label=words!(state, controls.reserve)
                    limit=Bounds::RESERVE
                    read=|s| s.reserve
                    write=|s, bytes| s.reserve = bytes
                    testid="reserve-input"
                />
                <CacheType
                    label=words!(state, controls.kv_keys)
                    read=|kv| kv.k
                    write=|kv, ty| kv.k = ty
                />
                <CacheType
                    label=words!(state, controls.kv_values)
                    read=|kv| kv.v
                    write=|kv, ty| kv.v = ty
                />
                <CountField
                    label=words!(state, controls.ubatch)
                    limit=Bounds::UBATCH
                    read=|s| s.ubatch
                    write=|s, n| s.ubatch = n
                    testid="ubatch-input"
                />
                <ModeField />
                <div class="more-switches">
                    <Switch
                        label=words!(state, controls.flash_attention)
                        key="fa"
                        read=|s| s.flash_attention
                        write=|s, on| s.flash_attention = on
                    />
                    <Switch
                        label=words!(state, controls.imatrix)
                        key="imatrix"
                        read=|s| s.imatrix
                        write=|s, on| s.imatrix = on
                    />
                    <Switch
                        label=words!(state, controls.unified)
                        key="unified"
                        read=|s| s.unified_kv
                        write=|s, on| s.unified_kv = on
                    />
                    <Switch
                        label=words!(state, controls.swa_full)
                        key="swa_full"
                        read=|s| s.swa_full
                        write=|s, on| s.swa_full = on
                    />
                </div>
            </div>
            <PlacementFields />
            <ExtrasFields />
        </details>
    }
}

/// What the panel sets, to see whether any of it is changed.
fn more(s: &Scenario) -> impl PartialEq + use<> {
    (
        (s.flash_attention, s.ubatch, s.logits, s.unified_kv, s.swa_full),
        (s.imatrix, s.ram, s.offload, s.reserve, s.addons.clone()),
        (s.parallel.clone(), s.platform),
    )
}

/// A setting that is on or off.
#[component]
fn Switch(
    #[prop(into)] label: Signal<String>,
    key: &'static str,
    read: fn(&Scenario) -> bool,
    write: fn(&mut Scenario, bool),
) -> impl IntoView {
    let state = use_state();
    let value = state.slice(read);
    let set = Callback::new(move |on| {
        state.choose(|s| {
            write(s, on);
            edit::drop_unused(s, key);
        });
    });
    view! { <Checkbox label value set /> }
}

/// A setting that is a whole number.
#[component]
pub fn CountField(
    #[prop(into)] label: Signal<String>,
    limit: Bounds,
    read: fn(&Scenario) -> u64,
    write: fn(&mut Scenario, u64),
    testid: &'static str,
) -> impl IntoView {
    let state = use_state();
    let value = state.slice(read);
    let commit = Callback::new(move |text: String| {
        let n = number::parse_count(&text, limit)?;
        state.adjust(|s| {
            write(s, n);
            edit::drop_unused(s, limit.key);
        });
        Ok(())
    });
    view! {
        <NumberField
            label
            value=Signal::derive(move || state.whole(value.get()))
            range=limits(state, limit)
            commit
            testid
        />
    }
}

/// A setting that is a size in GiB.
#[component]
pub fn SizeField(
    #[prop(into)] label: Signal<String>,
    limit: Bounds,
    read: fn(&Scenario) -> Bytes,
    write: fn(&mut Scenario, Bytes),
    testid: &'static str,
) -> impl IntoView {
    let state = use_state();
    let value = state.slice(read);
    let gib = move |bytes: Bytes| state.number(Style::Plain, bytes.to_gib());
    let commit = Callback::new(move |text: String| {
        let bytes = number::parse_gib(&text, limit)?;
        state.adjust(|s| {
            write(s, bytes);
            edit::drop_unused(s, limit.key);
        });
        Ok(())
    });
    view! {
        <NumberField
            label
            value=Signal::derive(move || gib(value.get()))
            range=Signal::derive(move || (gib(Bytes(limit.min)), gib(Bytes(limit.max))))
            commit
            testid
        />
    }
}

/// The type of keys or of values.
#[component]
fn CacheType(
    #[prop(into)] label: Signal<String>,
    read: fn(&KvTypes) -> GgmlType,
    write: fn(&mut KvTypes, GgmlType),
) -> impl IntoView {
    let state = use_state();
    let value = state.slice(move |s| read(&s.kv));
    let choose = Callback::new(move |name: String| {
        if let Some(ty) = cache_type(&name) {
            set_kv(state, |mut kv| {
                write(&mut kv, ty);
                kv
            });
        }
    });
    view! {
        <Select
            label
            options=Signal::derive(type_options)
            value=Signal::derive(move || value.get().name().to_owned())
            choose
        />
    }
}

/// What the logits buffer is reserved for.
#[component]
fn ModeField() -> impl IntoView {
    let state = use_state();
    let mode = state.slice(|scenario| scenario.logits);
    let options = move || {
        vec![
            ("server".to_owned(), tr!(state, controls.mode_server).to_owned()),
            ("batch".to_owned(), tr!(state, controls.mode_batch).to_owned()),
        ]
    };
    view! {
        <Select
            label=words!(state, controls.mode)
            options=Signal::derive(options)
            value=Signal::derive(move || match mode.get() {
                LogitsBuffer::Server => "server".to_owned(),
                LogitsBuffer::Batch => "batch".to_owned(),
            })
            choose=Callback::new(move |name: String| {
                let mode = if name == "batch" { LogitsBuffer::Batch } else { LogitsBuffer::Server };
                state.choose(|s| {
                    s.logits = mode;
                    edit::drop_unused(s, "logits");
                });
            })
        />
    }
}

/// What may be left in RAM, and of how many layers.
#[component]
fn OffloadFields() -> impl IntoView {
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
    let set = move |offload: Offload| {
        move |s: &mut Scenario| {
            s.offload = offload;
            edit::drop_unused(s, "offload");
        }
    };
    let layers = Memo::new(move |_| match offload.get() {
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
            label=words!(state, controls.offload)
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
                range=limits(state, Bounds::LAYERS)
                commit
                testid="layers-input"
            />
        </Show>
    }
}

/// A range, written out.
pub fn limits(state: State, limit: Bounds) -> Signal<(String, String)> {
    Signal::derive(move || (state.whole(limit.min), state.whole(limit.max)))
}

fn set_kv(state: State, change: impl FnOnce(KvTypes) -> KvTypes) {
    state.choose(|s| {
        s.kv = change(s.kv);
        s.kv_fp8 = false;
        edit::drop_unused(s, "kv");
    });
}

fn type_options() -> Vec<(String, String)> {
    KvTypes::ACCEPTED.iter().map(|ty| (ty.name().to_owned(), ty.name().to_owned())).collect()
}

fn cache_type(name: &str) -> Option<GgmlType> {
    KvTypes::ACCEPTED.iter().copied().find(|ty| ty.name() == name)
}
