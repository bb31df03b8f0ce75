//! The field of any setting, made from its row in the table of settings.

use headroom::letters::lowercase;
use headroom::scenario::{
    Bounds, Control, Display, Group, SETTINGS, Scenario, Setting, Unit, Unset, setting,
};
use leptos::prelude::*;

use crate::edit;
use crate::number;
use crate::page::app::numbers::Style;
use crate::page::app::reactive::{CollectAny, Show, memo};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::tr;
use crate::page::question::addon_fields::{DraftFields, LoraFields};
use crate::page::question::kv_fields::CacheTypeFields;
use crate::page::question::offload_fields::OffloadFields;
use crate::page::widgets::field::{Checkbox, NumberField, Select, TextField};

/// Expands the table of settings into the label of each key, which every language has. Settings
/// with a part of the page of their own have none.
macro_rules! labels {
    ($(
        { $($(#[$_doc:meta])+ $key:ident { $group:ident, $($_columns:tt)* })* }
        $($(#[$_meta:meta])* $_field:ident: $_type:ident {
            $($(#[$_part_doc:meta])+ $part:ident { $part_group:ident, $($_part_columns:tt)* })*
        })*
    )*) => {
        /// What the setting `key` is called.
        pub fn label(state: State, key: &str) -> &'static str {
            match key {
                $(
                    $(stringify!($key) => label!(state, $group, $key),)*
                    $($(stringify!($part) => label!(state, $part_group, $part),)*)*
                )*
                _ => "",
            }
        }
    };
}

macro_rules! label {
    ($state:ident, Own, $key:ident) => {
        ""
    };
    ($state:ident, $group:ident, $key:ident) => {
        tr!($state, setting.$key)
    };
}

headroom::settings!(labels);

/// The fields of `group`: those named in `first`, then the others, then the switches.
#[component]
pub fn Fields(
    /// The group.
    group: Group,
    /// Keys in the order in which they come.
    #[prop(optional)]
    first: &'static [&'static str],
) -> impl IntoView {
    let (switches, others) = of_group(group, first);
    let field = |setting: &'static Setting| view! { <Field key=setting.key /> };
    let has_switches = !switches.is_empty();
    view! {
        {others.into_iter().map(field).collect_any()}
        {has_switches.then(|| view! {
            <div class="more-switches">{switches.into_iter().map(field).collect_any()}</div>
        })}
    }
}

/// The settings named in `first` and the others of `group`: the switches, and what is none.
fn of_group(group: Group, first: &[&str]) -> (Vec<&'static Setting>, Vec<&'static Setting>) {
    let others = SETTINGS.iter().filter(|s| s.group == group && !first.contains(&s.key));
    let settings = first.iter().filter_map(|key| setting(key)).chain(others);
    settings.partition(|setting| setting.control() == Control::Switch)
}

/// Some setting of `groups` is not at its default.
pub fn is_changed(scenario: &Scenario, groups: &[Group]) -> bool {
    let mut settings = SETTINGS.iter().filter(|setting| groups.contains(&setting.group));
    settings.any(|setting| !setting.is_default(scenario))
}

/// Some engine of the question reads a setting of `group`, or one of them is set.
pub fn is_of_use(scenario: &Scenario, group: Group) -> bool {
    let mut settings = SETTINGS.iter().filter(|setting| setting.group == group);
    settings.any(|setting| is_read(scenario, setting) || !setting.is_default(scenario))
}

fn is_read(scenario: &Scenario, setting: &Setting) -> bool {
    scenario.engines.iter().any(|engine| setting.is_read_by(*engine))
}

/// Which of the engines of the question read `setting`; empty where all do.
fn readers(state: State, setting: &Setting) -> String {
    state.outline.with(|scenario| {
        let titles = |read: bool| {
            let engines = scenario.engines.iter().filter(|e| setting.is_read_by(**e) == read);
            engines.map(|engine| engine.title()).collect::<Vec<_>>()
        };
        match (titles(true), titles(false)) {
            (_, others) if others.is_empty() => String::new(),
            (readers, others) if readers.is_empty() => {
                tr!(state, field.not_in, engines = others.join(", "))
            }
            (readers, _) => tr!(state, field.only_in, engines = readers.join(", ")),
        }
    })
}

/// What is looked for among the fields below the one that provides it.
#[derive(Clone, Copy)]
pub struct Wanted(pub RwSignal<String>);

impl Wanted {
    /// Whether the label of `setting` or its key in links has what is looked for.
    fn is(self, state: State, setting: &Setting) -> bool {
        let wanted = self.0.with(|text| lowercase(text.trim()));
        let label = lowercase(label(state, setting.key));
        wanted.split_whitespace().all(|part| label.contains(part) || setting.key.contains(part))
    }
}

/// The field of a setting. One of the engines' own is shown where an engine of the question reads
/// it; of those that are searched, what is [`Wanted`].
#[component]
pub fn Field(
    /// The setting's key.
    key: &'static str,
    /// Shown below while all is well, in place of the engines that read it.
    #[prop(into, optional)]
    hint: Option<Signal<String>>,
    /// For tests, where it does not follow from the key.
    #[prop(optional)]
    testid: &'static str,
) -> impl IntoView {
    let state = use_state();
    let setting = setting(key)?;
    let has_reader = state.slice(move |s| {
        setting.group != Group::Engine || is_read(s, setting) || !setting.is_default(s)
    });
    let wanted = use_context::<Wanted>();
    let shown =
        memo(move || has_reader.get() && wanted.is_none_or(|wanted| wanted.is(state, setting)));
    let field = move || match (key, setting.control()) {
        ("kv", _) => view! { <CacheTypeFields /> }.into_any(),
        ("offload", _) => view! { <OffloadFields /> }.into_any(),
        ("lora", _) => view! { <LoraFields /> }.into_any(),
        ("draft", _) => view! { <DraftFields /> }.into_any(),
        (_, Control::Switch) => view! { <SwitchField setting /> }.into_any(),
        (_, Control::Choice(words)) => view! { <ChoiceField setting words /> }.into_any(),
        (_, Control::Number(bounds, unit)) => {
            let testid = match testid {
                "" => testid_of(setting, "input"),
                testid => testid.to_owned(),
            };
            view! { <WholeNumberField setting bounds unit hint testid /> }.into_any()
        }
        (_, Control::Text | Control::Decimal { .. }) => {
            view! { <NotationField setting /> }.into_any()
        }
    };
    Some(view! { <Show when=shown>{field()}</Show> })
}

/// What a setting is called, and the engines that read it.
fn words_of(state: State, setting: &'static Setting) -> (Signal<String>, Signal<String>) {
    let label = Signal::derive(move || label(state, setting.key).to_owned());
    (label, Signal::derive(move || readers(state, setting)))
}

/// The test id of a setting's field.
fn testid_of(setting: &Setting, kind: &str) -> String {
    format!("{}-{kind}", setting.key.replace('_', "-"))
}

/// Changes the question by a setting, and drops what the link had under its key that could not be
/// used.
pub fn change<T>(
    key: &'static str,
    change: impl FnOnce(&mut Scenario) -> T,
) -> impl FnOnce(&mut Scenario) {
    move |scenario| {
        change(scenario);
        edit::drop_unused(scenario, key);
    }
}

#[component]
fn SwitchField(setting: &'static Setting) -> impl IntoView {
    let state = use_state();
    let (label, hint) = words_of(state, setting);
    let value = state.slice(|s| setting.number(s) == Some(1));
    let set = Callback::new(move |on| {
        state.choose(change(setting.key, |s| setting.set_number(s, u64::from(on))));
    });
    view! { <Checkbox label value set hint testid=testid_of(setting, "switch") /> }
}

#[component]
fn ChoiceField(setting: &'static Setting, words: Vec<&'static str>) -> impl IntoView {
    let state = use_state();
    let (label, hint) = words_of(state, setting);
    let value = state.slice(|s| setting.text(s));
    let options = move || {
        let unset = setting.unset().map(|unset| (String::new(), unset_words(state, unset)));
        let known = words.iter().map(|word| (*word).to_owned());
        // A value that only links can have.
        let other = Some(value.get()).filter(|text| !text.is_empty());
        let other = other.filter(|text| !words.contains(&text.as_str()));
        let option = |word: String| (word.clone(), choice(state, setting.key, &word));
        unset.into_iter().chain(known.chain(other).map(option)).collect::<Vec<_>>()
    };
    let choose = Callback::new(move |word: String| {
        state.choose(change(setting.key, |s| match word.is_empty() {
            true => setting.reset(s),
            false => _ = setting.set(s, &word),
        }));
    });
    view! {
        <Select
            label
            options=Signal::derive(options)
            value
            choose
            hint
            testid=testid_of(setting, "select")
        />
    }
}

#[component]
fn WholeNumberField(
    setting: &'static Setting,
    bounds: Bounds,
    unit: Unit,
    hint: Option<Signal<String>>,
    testid: String,
) -> impl IntoView {
    let state = use_state();
    let (label, readers) = words_of(state, setting);
    let value = state.follow(|s| setting.number(s));
    let shown = move |n: u64| in_unit(state, unit, n);
    let commit = Callback::new(move |text: String| {
        let number = match text.trim() {
            "" if setting.unset().is_some() => None,
            text => Some(state.parse_in(unit, text, bounds)?),
        };
        state.adjust(change(setting.key, |s| match number {
            Some(number) => setting.set_number(s, number),
            None => setting.reset(s),
        }));
        Ok::<(), number::Refusal>(())
    });
    view! {
        <NumberField
            label
            value=Signal::derive(move || value.get().map(shown).unwrap_or_default())
            placeholder=Signal::derive(move || {
                setting.unset().map(|unset| unset_words(state, unset)).unwrap_or_default()
            })
            range=Signal::derive(move || (shown(bounds.min), shown(bounds.max)))
            commit
            hint=hint.unwrap_or(readers)
            testid
        />
    }
}

/// A setting as a link writes it.
#[component]
fn NotationField(setting: &'static Setting) -> impl IntoView {
    let state = use_state();
    let (label, hint) = words_of(state, setting);
    let value = state.slice(|s| setting.text(s));
    let commit = Callback::new(move |text: String| {
        let mut changed = state.scenario.get_untracked();
        setting.set(&mut changed, text.trim()).map_err(|error| error.accepted)?;
        state.adjust(change(setting.key, |s| *s = changed));
        Ok(())
    });
    let message =
        Callback::new(move |accepted: String| tr!(state, field.not_accepted, accepted = accepted));
    view! {
        <TextField
            label
            value
            placeholder=Signal::derive(move || {
                setting.unset().map(|unset| unset_words(state, unset)).unwrap_or_default()
            })
            commit
            message
            hint
            testid=testid_of(setting, "input")
        />
    }
}

/// A whole number as a form shows it.
fn in_unit(state: State, unit: Unit, n: u64) -> String {
    match unit {
        Unit::Count => state.whole(n),
        Unit::MinorRelease => format!("0.{n}"),
        _ => state.number(Style::Plain, n as f64 / unit.scale() as f64),
    }
}

/// What holds while a setting is not set.
fn unset_words(state: State, unset: Unset) -> String {
    match unset {
        Unset::Value(text) => return text.to_owned(),
        Unset::Nothing => tr!(state, unset.nothing),
        Unset::Any => tr!(state, unset.any),
        Unset::Engine => tr!(state, unset.engine),
        Unset::Platform => tr!(state, unset.platform),
        Unset::Devices => tr!(state, unset.devices),
        Unset::Memory => tr!(state, unset.memory),
        Unset::Page => tr!(state, ranking.page_default),
        Unset::Machine | Unset::Reader => "",
    }
    .to_owned()
}

/// One of the words that the setting `key` can have, for people.
pub fn choice(state: State, key: &str, word: &str) -> String {
    let display = |desktop: Display, name: &str| {
        format!("{name}, {}", state.quantity(desktop.bytes().expected))
    };
    match (key, word) {
        ("logits", "server") => tr!(state, controls.mode_server).to_owned(),
        ("logits", "batch") => tr!(state, controls.mode_batch).to_owned(),
        ("split", "auto") => tr!(state, split.auto).to_owned(),
        ("split", "layer") => tr!(state, split.layer).to_owned(),
        ("split", "row") => tr!(state, split.row).to_owned(),
        ("split", "tensor") => tr!(state, split.tensor).to_owned(),
        ("split", "none") => tr!(state, split.one).to_owned(),
        ("ep", "on") => tr!(state, controls.on).to_owned(),
        ("ep", "off") => tr!(state, controls.off).to_owned(),
        ("arrival", "spread") => tr!(state, controls.arrival_spread).to_owned(),
        ("arrival", "burst") => tr!(state, controls.arrival_burst).to_owned(),
        ("backend", "vulkan") => "Vulkan".to_owned(),
        ("backend", "rocm") => "ROCm".to_owned(),
        ("backend", "metal") => "Metal".to_owned(),
        ("os", "macos-15") => "macOS 15".to_owned(),
        ("os", "macos-26") => "macOS 26".to_owned(),
        ("os", "linux") => "Linux".to_owned(),
        ("os", "windows") => "Windows".to_owned(),
        ("mmproj", "auto") => tr!(state, addons.projector_auto).to_owned(),
        ("mmproj", "off") => tr!(state, addons.projector_off).to_owned(),
        ("lora_on", "attention") => tr!(state, addons.lora_attention).to_owned(),
        ("lora_on", "linear") => tr!(state, addons.lora_linear).to_owned(),
        ("lora_on", "experts") => tr!(state, addons.lora_experts).to_owned(),
        ("display", "off") => tr!(state, addons.none).to_owned(),
        ("display", "linux") => display(Display::Linux, "Linux"),
        ("display", "windows") => display(Display::Windows, "Windows"),
        ("sort", "size") => tr!(state, ranking.by_size).to_owned(),
        ("sort", "speed") => tr!(state, ranking.by_speed).to_owned(),
        ("sort", "release") => tr!(state, ranking.by_release).to_owned(),
        ("sort", "price") => tr!(state, ranking.by_price).to_owned(),
        ("sort", "power") => tr!(state, ranking.by_power).to_owned(),
        ("sort", "memory") => tr!(state, ranking.by_memory).to_owned(),
        ("kind", "general") => tr!(state, ranking.kind_general).to_owned(),
        ("kind", "code") => tr!(state, ranking.kind_code).to_owned(),
        ("kind", "vision") => tr!(state, ranking.kind_vision).to_owned(),
        ("kind", "audio") => tr!(state, ranking.kind_audio).to_owned(),
        ("kind", "reasoning") => tr!(state, ranking.kind_reasoning).to_owned(),
        ("kind", "embedding") => tr!(state, ranking.kind_embedding).to_owned(),
        ("class", "consumer") => tr!(state, ranking.class_consumer).to_owned(),
        ("class", "workstation") => tr!(state, ranking.class_workstation).to_owned(),
        ("class", "datacenter") => tr!(state, ranking.class_datacenter).to_owned(),
        ("class", "apple") => tr!(state, ranking.class_apple).to_owned(),
        ("class", "unified") => tr!(state, ranking.class_unified).to_owned(),
        ("class", "cpu") => tr!(state, ranking.class_cpu).to_owned(),
        _ => word.to_ascii_uppercase(),
    }
}
