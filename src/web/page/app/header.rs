//! The masthead: name, the way to the errors, language, units, colours, the link; and the footer.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::page::app::browser;
use crate::page::app::reactive::Show;
use crate::page::app::state::{to_lang, use_state};
use crate::page::app::text::{tr, words};
use crate::page::panels::accuracy::AccuracyLink;
use crate::page::question::ask_box::AskBox;
use crate::page::widgets::icons::{HalfDisc, Link, Mark};
use crate::quantity::Units;
use headroom::engine;
use headroom::scenario::{Accuracy, Lang, Theme};

/// How long the confirmation stays.
const CONFIRMATION: Duration = Duration::from_secs(3);

/// Name, the way to the errors, language, units, colours and the link.
#[component]
pub fn Header() -> impl IntoView {
    let state = use_state();
    view! {
        <header class="masthead">
            <div class="masthead-name">
                <Mark />
                <h1>"Headroom"</h1>
            </div>
            <AskBox />
            <p class="masthead-way">
                <AccuracyLink
                    to=Signal::derive(|| Some(Accuracy::default()))
                    testid="accuracy-link"
                >
                    {words!(state, accuracy.link)}
                </AccuracyLink>
            </p>
            <div class="masthead-tools">
                <UnitSwitch />
                <LangSwitch />
                <ThemeSwitch />
                <CopyLink />
            </div>
        </header>
    }
}

/// English or Russian.
#[component]
fn LangSwitch() -> impl IntoView {
    let state = use_state();
    let button =
        move |lang: Lang, testid: &'static str, name: &'static str, letters: &'static str| {
            view! {
                <button
                    type="button"
                    data-testid=testid
                    lang=lang.name()
                    title=name
                    aria-pressed=move || (to_lang(state.locale()) == lang).to_string()
                    on:click=move |_| state.set_lang(lang)
                >
                    {letters}
                </button>
            }
        };
    view! {
        <div class="switch" role="group" aria-label=words!(state, language)>
            {button(Lang::En, "lang-en", "English", "EN")}
            {button(Lang::Ru, "lang-ru", "Русский", "RU")}
        </div>
    }
}

/// GB or GiB.
#[component]
fn UnitSwitch() -> impl IntoView {
    let state = use_state();
    let is = move |units| (state.units.get() == units).to_string();
    view! {
        <div class="switch" role="group" aria-label=words!(state, units.choice)>
            <button
                type="button"
                data-testid="units-gb"
                title=words!(state, units.gb_means)
                aria-pressed=move || is(Units::Decimal)
                on:click=move |_| state.set_units(Units::Decimal)
            >
                {words!(state, units.gb)}
            </button>
            <button
                type="button"
                data-testid="units-gib"
                title=words!(state, units.gib_means)
                aria-pressed=move || is(Units::Binary)
                on:click=move |_| state.set_units(Units::Binary)
            >
                {words!(state, units.gib)}
            </button>
        </div>
    }
}

/// Light or dark.
#[component]
fn ThemeSwitch() -> impl IntoView {
    let state = use_state();
    let other = move || match state.theme.get() {
        Theme::Light => Theme::Dark,
        Theme::Dark => Theme::Light,
    };
    let label = move || match other() {
        Theme::Dark => tr!(state, theme.to_dark),
        Theme::Light => tr!(state, theme.to_light),
    };
    view! {
        <button
            type="button"
            class="button button-icon"
            data-testid="theme"
            title=label
            aria-label=label
            on:click=move |_| state.set_theme(other())
        >
            <HalfDisc />
        </button>
    }
}

/// What became of the last attempt to copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copied {
    NotYet,
    Done,
    Refused,
}

/// Copies the address of the question; where the browser refuses, shows it to be taken by hand.
#[component]
fn CopyLink() -> impl IntoView {
    let state = use_state();
    let copied = RwSignal::new(Copied::NotYet);
    let query = state.follow(|scenario| scenario.to_query());
    let address = move || browser::address(&query.get()).unwrap_or_else(|| query.get());
    let copy = move |_| {
        spawn_local(async move {
            let done = browser::copy(&untrack(address)).await;
            _ = copied.try_set(if done { Copied::Done } else { Copied::Refused });
            if done {
                set_timeout(move || _ = copied.try_set(Copied::NotYet), CONFIRMATION);
            }
        });
    };
    let by_hand = NodeRef::<leptos::html::Input>::new();
    by_hand.on_load(|input| _ = input.focus());
    view! {
        <div class="copy">
            <button type="button" class="button button-primary" data-testid="copy-link" on:click=copy>
                <Link />
                <span class="copy-label">{words!(state, share.copy)}</span>
            </button>
            <span role="status">
                <Show when=move || copied.get() == Copied::Done>
                    <span class="copy-confirm" data-testid="copy-confirm">
                        {words!(state, share.copied)}
                    </span>
                </Show>
            </span>
            <Show when=move || copied.get() == Copied::Refused>
                <label class="copy-by-hand" role="status">
                    <span>{words!(state, share.by_hand)}</span>
                    <input
                        type="text"
                        readonly
                        node_ref=by_hand
                        data-testid="copy-confirm"
                        prop:value=address
                        on:focus:target=move |event| event.target().select()
                        on:blur=move |_| _ = copied.try_set(Copied::NotYet)
                    />
                </label>
            </Show>
        </div>
    }
}

/// Whose layout rules these are; in an embedded page, the way to the full one.
#[component]
pub fn Footer() -> impl IntoView {
    let state = use_state();
    let embedded = state.slice(|scenario| scenario.embed);
    let full = state.follow(|scenario| {
        let whole = headroom::scenario::Scenario { embed: false, ..scenario.clone() };
        browser::address(&whole.to_query()).unwrap_or_default()
    });
    let (models, devices) = (state.catalog.models.len(), state.catalog.devices.len());
    let engines = state.slice(|scenario| {
        let mut rules: Vec<String> = Vec::new();
        for engine in &scenario.engines {
            let (engine, version) = engine::rules_version(*engine);
            let rule = format!("{} {version}", engine.title());
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        rules.join(", ")
    });
    let line = move || {
        tr!(
            state,
            footer.engine,
            engines = engines.get(),
            models = tr!(state, footer.models, count = models, n = state.whole(models as u64)),
            devices = tr!(state, footer.devices, count = devices, n = state.whole(devices as u64))
        )
    };
    view! {
        <footer class="colophon">
            <p>{line}</p>
            <Show when=move || !embedded.get()>
                <p>
                    <AccuracyLink
                        to=Signal::derive(|| Some(Accuracy::default()))
                        testid="footer-accuracy"
                    >
                        {words!(state, accuracy.link)}
                    </AccuracyLink>
                </p>
            </Show>
            <Show when=embedded>
                <p>
                    <a href=full target="_blank" rel="noopener" data-testid="full-page">
                        {words!(state, share.full)}
                    </a>
                </p>
            </Show>
        </footer>
    }
}
