//! A device that the catalogue does not list: what its box says, typed in.

use headroom_locales::{Locale, td_string};
use leptos::prelude::*;

use crate::edit;
use crate::number::Refusal;
use crate::page::app::numbers::Style;
use crate::page::app::reactive::{CollectAny, effect};
use crate::page::app::state::use_state;
use crate::page::app::text::{follow, tr, words};
use crate::page::widgets::field::{NumberField, Select};
use headroom::catalog::CustomDevice;

/// A number that is known of a device.
struct Figure {
    name: &'static str,
    label: fn(Locale) -> &'static str,
    range: (f64, f64),
    of: fn(&mut CustomDevice) -> &mut Option<f64>,
}

/// What may be left out.
const FIGURES: [Figure; 4] = [
    Figure {
        name: "bandwidth",
        label: |locale| td_string!(locale, own_device.bandwidth),
        range: CustomDevice::BANDWIDTH_GB_S,
        of: |device| &mut device.bandwidth_gb_s,
    },
    Figure {
        name: "fp16",
        label: |locale| td_string!(locale, own_device.fp16),
        range: CustomDevice::FP16_TFLOPS,
        of: |device| &mut device.fp16_tflops,
    },
    Figure {
        name: "price",
        label: |locale| td_string!(locale, own_device.price),
        range: CustomDevice::PRICE_USD,
        of: |device| &mut device.price_usd,
    },
    Figure {
        name: "watts",
        label: |locale| td_string!(locale, own_device.power),
        range: CustomDevice::POWER_W,
        of: |device| &mut device.power_w,
    },
];

/// The form of a device.
#[component]
pub fn OwnDevice(
    /// Whether the form is open.
    opened: RwSignal<bool>,
) -> impl IntoView {
    let state = use_state();
    let device = RwSignal::new(CustomDevice::default());
    // One that the question has is changed.
    let own = state.slice(|s| {
        let mut devices = s.machines.iter().flat_map(|machine| &machine.devices);
        devices.find_map(|device| CustomDevice::from_id(&device.id))
    });
    effect(move || {
        if let Some(own) = own.get() {
            device.set(own);
        }
    });
    let is_lacking = RwSignal::new(false);
    let written = move |number: Option<f64>| {
        number.map(|number| state.number(Style::Plain, number)).unwrap_or_default()
    };
    let field = move |name: &'static str,
                      label: fn(Locale) -> &'static str,
                      (min, max): (f64, f64),
                      read: Callback<(), Option<f64>>,
                      write: Callback<Option<f64>>| {
        let commit = move |text: String| {
            let number = match text.trim() {
                "" => None,
                text => Some(state.parse_decimal(text, (min, max))?),
            };
            write.run(number);
            Ok::<(), Refusal>(())
        };
        view! {
            <NumberField
                label=follow(state, label)
                value=Signal::derive(move || written(read.run(())))
                range=Signal::derive(move || {
                    (state.number(Style::Plain, min), state.number(Style::Plain, max))
                })
                commit=Callback::new(commit)
                testid=format!("own-{name}")
            />
        }
    };
    let memory = field(
        "memory",
        |locale| td_string!(locale, own_device.memory),
        CustomDevice::MEMORY_GB,
        Callback::new(move |()| device.with(|d| Some(d.memory_gb).filter(|gb| *gb > 0.0))),
        Callback::new(move |gb: Option<f64>| {
            is_lacking.set(false);
            device.update(|d| d.memory_gb = gb.unwrap_or_default());
        }),
    );
    let figures = FIGURES.map(|Figure { name, label, range, of }| {
        let read = Callback::new(move |()| *of(&mut device.get()));
        let write = Callback::new(move |number| device.update(|d| *of(d) = number));
        field(name, label, range, read, write)
    });
    let use_it = move |_| {
        if device.with_untracked(|d| d.memory_gb <= 0.0) {
            is_lacking.set(true);
            return;
        }
        let id = device.with_untracked(CustomDevice::to_id);
        state.choose(|s| edit::use_own_device(s, &id));
    };
    view! {
        <details
            class="aside"
            data-testid="own-device"
            prop:open=opened
            on:toggle=move |event| {
                let details: leptos::web_sys::Element = event_target(&event);
                opened.set(details.has_attribute("open"));
            }
        >
            <summary>{words!(state, own_device.title)}</summary>
            <div class="panel-fields">
                <label class="field">
                    <span class="field-label">{words!(state, own_device.name)}</span>
                    <input
                        type="text"
                        autocomplete="off"
                        maxlength="40"
                        data-testid="own-name"
                        prop:value=move || device.with(|d| d.name.clone())
                        on:input:target=move |event| {
                            device.update(|d| d.name = event.target().value());
                        }
                    />
                </label>
                {memory}
                {figures.collect_any()}
                <Select
                    label=words!(state, own_device.vendor)
                    options=Signal::derive(move || {
                        let other = (String::new(), tr!(state, own_device.other).to_owned());
                        let named = CustomDevice::vendors().map(|v| (v.to_owned(), v.to_owned()));
                        named.chain([other]).collect()
                    })
                    value=Signal::derive(move || device.with(|d| d.vendor.clone()))
                    choose=Callback::new(move |vendor| device.update(|d| d.vendor = vendor))
                    testid="own-vendor"
                />
            </div>
            <p class="field-note" role="status" data-testid="own-note">
                {move || match is_lacking.get() {
                    true => tr!(state, own_device.lacking),
                    false => tr!(state, own_device.about),
                }}
            </p>
            <button type="button" class="button" data-testid="own-use" on:click=use_it>
                {words!(state, own_device.use_it)}
            </button>
        </details>
    }
}
