//! How accurate it is: predicted against measured, what is worst first. The figures are a static
//! file, fetched when the reader asks for them.

mod cases;
mod scatter;
mod summary;

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::page::app::browser;
use crate::page::app::numbers::Style;
use crate::page::app::reactive::{CollectAny, Show};
use crate::page::app::state::{State, use_state};
use crate::page::app::text::{tr, words};
use crate::page::widgets::field::Select;
use cases::Cases;
use headroom::accuracy::table::{Group, Part};
use headroom::accuracy::{Figure, Table, Unit};
use headroom::scenario::{Accuracy, Engine};
use headroom::sort;
use headroom::speed::Chip;
use headroom::units::Bytes;
use scatter::Scatter;
use summary::Summaries;

/// Where the figures lie, beside the page.
const FILE: &str = "accuracy.postcard";

/// What has come of fetching them.
#[derive(Clone, Copy, PartialEq)]
enum Fetched {
    Waiting,
    Failed,
    Done,
}

/// What the parts of this page share.
#[derive(Clone, Copy)]
struct Shown {
    state: State,
    table: StoredValue<Table>,
    asked: Memo<Accuracy>,
}

impl Shown {
    /// The half that is shown, read.
    fn part<T>(self, read: impl FnOnce(&Part) -> T) -> T {
        let speed = self.asked.with(|asked| asked.speed);
        self.table.with_value(|table| read(if speed { &table.speed } else { &table.memory }))
    }

    /// A figure of this engine and kind is asked for.
    fn wants(self, engine: &str, figure: Figure) -> bool {
        self.asked.with(|asked| {
            asked.engine.as_deref().is_none_or(|wanted| wanted == engine)
                && asked.figure.as_deref().is_none_or(|wanted| wanted == figure.key())
        })
    }

    /// The family of devices that is asked for, if some of it were measured.
    fn family(self) -> Option<String> {
        let family = self.asked.with(|asked| asked.family.clone())?;
        let is_known = |group: &Group| {
            group.family.as_ref() == Some(&family) && self.wants(&group.engine, group.figure)
        };
        self.part(|part| part.groups.iter().any(is_known)).then_some(family)
    }

    /// Narrows or widens what is shown.
    fn ask(self, change: impl FnOnce(&mut Accuracy)) {
        self.state.choose(|s| change(s.view.accuracy.get_or_insert_default()));
    }
}

/// A link to this page with only what `asked` says, or away from it.
#[component]
pub fn AccuracyLink(
    /// What is asked for; `None` leads back to the answer.
    #[prop(into)]
    to: Signal<Option<Accuracy>>,
    /// Its name in tests.
    testid: &'static str,
    children: Children,
) -> impl IntoView {
    let state = use_state();
    let address = move || {
        let mut scenario = state.rested.get();
        scenario.view.accuracy = to.get();
        browser::address(&scenario.to_query()).unwrap_or_default()
    };
    let is_here = state.slice(move |s| s.view.accuracy == to.get() && to.get().is_some());
    view! {
        <a
            href=address
            aria-current=move || is_here.get().then_some("page")
            data-testid=testid
            on:click=move |event| {
                // With a key held the browser opens it elsewhere.
                if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
                    event.prevent_default();
                    let there = to.get_untracked();
                    state.choose(|s| s.view.accuracy = there);
                    window().scroll_to_with_x_and_y(0.0, 0.0);
                }
            }
        >
            {children()}
        </a>
    }
}

/// What there is about an engine's memory or its speed; a front end or fork of llama.cpp without
/// cases of its own has llama.cpp's.
fn of_engine(engine: Option<Engine>, speed: bool) -> Accuracy {
    let engine = match engine {
        // Their memory was measured.
        Some(Engine::Ollama | Engine::IkLlamaCpp) if !speed => engine,
        Some(Engine::Ollama | Engine::IkLlamaCpp | Engine::LmStudio | Engine::KoboldCpp) => {
            Some(Engine::LlamaCpp)
        }
        Some(Engine::Transformers | Engine::ExLlamaV3) => None,
        engine => engine,
    };
    let engine = engine.map(|engine| engine.title().to_owned());
    Accuracy { speed, engine, ..Accuracy::default() }
}

/// What there is about the engine and the devices of the open cell.
pub fn of_cell(state: State, engine: Option<Engine>, speed: bool) -> Accuracy {
    let device = state.selected.get().and_then(|at| {
        let id =
            state.outline.with(|s| Some(s.machines.get(at.machine)?.devices.first()?.id.clone()));
        state.catalog.device(&id?)
    });
    // Memory does not depend on it.
    let device = device.filter(|_| speed);
    let family = device.and_then(Chip::of).map(|chip| chip.family);
    Accuracy { family, ..of_engine(engine, speed) }
}

/// The whole page.
#[component]
pub fn AccuracyPage() -> impl IntoView {
    let state = use_state();
    let table = StoredValue::new(Table::default());
    let fetched = RwSignal::new(Fetched::Waiting);
    let fetch = move || {
        fetched.set(Fetched::Waiting);
        spawn_local(async move {
            let read = browser::fetch(FILE).await.and_then(|file| Table::decode(&file));
            let came = if read.is_some() { Fetched::Done } else { Fetched::Failed };
            _ = table.try_set_value(read.unwrap_or_default());
            _ = fetched.try_set(came);
        });
    };
    fetch();
    let asked = state.slice(|scenario| scenario.view.accuracy.clone().unwrap_or_default());
    let shown = Shown { state, table, asked };
    let heading = NodeRef::<leptos::html::H2>::new();
    heading.on_load(|heading| _ = heading.focus());
    view! {
        <section class="accuracy" data-testid="accuracy" aria-labelledby="accuracy-title">
            <div class="accuracy-head">
                <h2 id="accuracy-title" tabindex="-1" node_ref=heading>
                    {words!(state, accuracy.title)}
                </h2>
                <AccuracyLink to=Signal::derive(|| None) testid="accuracy-back">
                    {words!(state, accuracy.back)}
                </AccuracyLink>
            </div>
            {move || match fetched.get() {
                Fetched::Waiting => {
                    view! { <p role="status">{words!(state, accuracy.loading)}</p> }.into_any()
                }
                Fetched::Failed => {
                    view! {
                        <div class="empty" role="alert">
                            <p>{words!(state, accuracy.failed)}</p>
                            <button type="button" class="button" on:click=move |_| fetch()>
                                {words!(state, accuracy.again)}
                            </button>
                        </div>
                    }
                        .into_any()
                }
                Fetched::Done => {
                    view! {
                        <Lead shown />
                        <Choice shown />
                        <Scatter shown />
                        <Summaries shown />
                        <Cases shown />
                        <LeftOut shown />
                    }
                        .into_any()
                }
            }}
        </section>
    }
}

/// The errors in two sentences, before anything else.
#[component]
fn Lead(shown: Shown) -> impl IntoView {
    let Shown { state, .. } = shown;
    let outside = move || {
        let (outside, all) = shown.part(|part| {
            let groups = part.groups.iter().filter(|g| g.family.is_none());
            groups.fold((0, 0), |sum, g| {
                (sum.0 + g.summary.n - g.summary.covered, sum.1 + g.summary.n)
            })
        });
        let whole = |n: usize| state.whole(n as u64);
        let share = percent(state, outside as f64 / all.max(1) as f64);
        match shown.asked.with(|asked| asked.speed) {
            true => tr!(
                state,
                accuracy.lead_speed,
                outside = whole(outside),
                n = whole(all),
                share = share
            ),
            false => tr!(
                state,
                accuracy.lead_memory,
                outside = whole(outside),
                n = whole(all),
                share = share
            ),
        }
    };
    let main = move || {
        let wanted = match shown.asked.with(|asked| asked.speed) {
            true => [("llama.cpp", Figure::Decode), ("vLLM", Figure::Throughput)],
            false => [("llama.cpp", Figure::Total), ("vLLM", Figure::Total)],
        };
        let found = wanted.map(|(engine, figure)| {
            shown.part(|part| {
                let mut groups = part.groups.iter();
                let group = groups.find(|g| {
                    g.engine == engine && g.figure == figure && g.family.is_none() && !g.second_hand
                })?;
                Some((engine, figure, group.summary))
            })
        });
        let found = found.into_iter().flatten().map(|(engine, figure, summary)| {
            tr!(
                state,
                accuracy.lead_group,
                engine = engine,
                figure = name(state, figure),
                median = percent(state, summary.median),
                p90 = percent(state, summary.p90)
            )
        });
        found.collect::<Vec<_>>().join(" ")
    };
    // Runs and failures are reported of memory; the engine chosen narrows them as it does the rest.
    let verdicts = move || {
        let (speed, engine) = shown.asked.with(|asked| (asked.speed, asked.engine.clone()));
        let (n, right) = shown.table.with_value(|table| {
            let of_engine = table.verdicts.iter().filter(|verdicts| {
                engine.as_deref().is_none_or(|engine| engine == verdicts.engine)
            });
            of_engine.fold((0, 0), |sum, of| (sum.0 + of.n, sum.1 + of.right))
        });
        let whole = |n: usize| state.whole(n as u64);
        match n > 0 && !speed {
            true => tr!(state, accuracy.verdicts, n = whole(n), right = whole(right)),
            false => String::new(),
        }
    };
    view! {
        <p class="accuracy-lead" data-testid="accuracy-lead">{outside}</p>
        <p class="accuracy-then">{main}</p>
        <p class="accuracy-then" data-testid="accuracy-verdicts">{verdicts}</p>
        <p class="accuracy-how">{words!(state, accuracy.how)}</p>
    }
}

/// Memory or speed, and which engine and figure.
#[component]
fn Choice(shown: Shown) -> impl IntoView {
    let Shown { state, asked, .. } = shown;
    let half = move |speed: bool, testid: &'static str| {
        let label = move || match speed {
            true => tr!(state, accuracy.speed),
            false => tr!(state, accuracy.memory),
        };
        view! {
            <button
                type="button"
                data-testid=testid
                aria-pressed=move || asked.with(|asked| asked.speed == speed).to_string()
                on:click=move |_| shown.ask(|asked| *asked = Accuracy { speed, ..Accuracy::default() })
            >
                {label}
            </button>
        }
    };
    let engines = move || {
        shown.part(|part| {
            let mut names: Vec<String> = part.groups.iter().map(|g| g.engine.clone()).collect();
            names.dedup();
            names
        })
    };
    let figures = move || {
        shown.part(|part| {
            let mut figures: Vec<Figure> = part.groups.iter().map(|g| g.figure).collect();
            sort::distinct(&mut figures);
            figures
        })
    };
    let families = move || {
        shown.part(|part| {
            let groups = part.groups.iter().filter(|g| shown.wants(&g.engine, g.figure));
            let mut names: Vec<String> = groups.filter_map(|g| g.family.clone()).collect();
            sort::distinct(&mut names);
            names
        })
    };
    let family = move || shown.family().unwrap_or_default();
    let engine = move || asked.with(|asked| asked.engine.clone().unwrap_or_default());
    let figure = move || asked.with(|asked| asked.figure.clone().unwrap_or_default());
    // What the link asks for is among them even where there is nothing of it.
    let options = move |known: Vec<(String, String)>, chosen: String| {
        let any = (String::new(), tr!(state, accuracy.any).to_owned());
        let mut options = vec![any];
        options.extend(known);
        if !options.iter().any(|(value, _)| *value == chosen) {
            options.push((chosen.clone(), chosen));
        }
        options
    };
    let engine_options =
        move || options(engines().into_iter().map(|name| (name.clone(), name)).collect(), engine());
    let figure_options = move || {
        let option = |figure: Figure| (figure.key().to_owned(), name(state, figure).to_owned());
        options(figures().into_iter().map(option).collect(), figure())
    };
    let given = |value: String| Some(value).filter(|value| !value.is_empty());
    view! {
        <div class="accuracy-choice">
            <div class="switch" role="group" aria-label=words!(state, accuracy.half)>
                {half(false, "accuracy-memory")}
                {half(true, "accuracy-speed")}
            </div>
            <Select
                label=words!(state, accuracy.engine)
                options=Signal::derive(engine_options)
                value=Signal::derive(engine)
                choose=Callback::new(move |value| shown.ask(|asked| asked.engine = given(value)))
                testid="accuracy-engine"
            />
            <Select
                label=words!(state, accuracy.figure)
                options=Signal::derive(figure_options)
                value=Signal::derive(figure)
                choose=Callback::new(move |value| shown.ask(|asked| asked.figure = given(value)))
                testid="accuracy-figure"
            />
            <Show when=move || !families().is_empty()>
                <Select
                    label=words!(state, accuracy.devices)
                    options=Signal::derive(move || {
                        let named = families().into_iter().map(|name| (name.clone(), name));
                        options(named.collect(), family())
                    })
                    value=Signal::derive(family)
                    choose=Callback::new(move |value| shown.ask(|asked| asked.family = given(value)))
                    testid="accuracy-family"
                />
            </Show>
        </div>
    }
}

/// What is not compared, and why.
#[component]
fn LeftOut(shown: Shown) -> impl IntoView {
    let Shown { state, asked, .. } = shown;
    let left = move || {
        let engine = asked.with(|asked| asked.engine.clone());
        let speed = asked.with(|asked| asked.speed);
        shown.table.with_value(|table| {
            let left = table.left_out.iter().filter(|left| {
                !speed && engine.as_deref().is_none_or(|engine| engine == left.engine)
            });
            left.map(|left| (left.engine.clone(), left.n, sentence(shown, &left.why)))
                .collect::<Vec<_>>()
        })
    };
    view! {
        <Show when=move || !left().is_empty()>
            <section class="left-out" data-testid="left-out">
                <h3>{words!(state, accuracy.left_out)}</h3>
                <ul>
                    {move || {
                        left()
                            .into_iter()
                            .map(|(engine, n, why)| {
                                let n = tr!(state, accuracy.cases, count = n, n = state.whole(n as u64));
                                view! {
                                    <li>
                                        <strong>{engine} ", " {n} ". "</strong>
                                        {why}
                                    </li>
                                }
                            })
                            .collect_any()
                    }}
                </ul>
            </section>
        </Show>
    }
}

/// The sentence under `key`, in the reader's language.
fn sentence(shown: Shown, key: &str) -> String {
    let russian = shown.state.locale() == headroom_locales::Locale::ru;
    shown.table.with_value(|table| {
        let reason = table.reasons.get(key);
        reason.map(|r| if russian { r.ru.clone() } else { r.en.clone() }).unwrap_or_default()
    })
}

/// What a figure is called.
fn name(state: State, figure: Figure) -> &'static str {
    match figure {
        Figure::Total => tr!(state, accuracy.figures.total),
        Figure::File => tr!(state, accuracy.figures.file),
        Figure::Weights => tr!(state, accuracy.figures.weights),
        Figure::Consumed => tr!(state, accuracy.figures.consumed),
        Figure::KvCache => tr!(state, accuracy.figures.kv_cache),
        Figure::State => tr!(state, accuracy.figures.state),
        Figure::Context => tr!(state, accuracy.figures.context),
        Figure::PoolTokens => tr!(state, accuracy.figures.pool_tokens),
        Figure::PoolBlocks => tr!(state, accuracy.figures.pool_blocks),
        Figure::Compute => tr!(state, accuracy.figures.compute),
        Figure::HostCompute => tr!(state, accuracy.figures.host_compute),
        Figure::Activations => tr!(state, accuracy.figures.activations),
        Figure::CudaGraphs => tr!(state, accuracy.figures.cuda_graphs),
        Figure::OutsideTorch => tr!(state, accuracy.figures.outside_torch),
        Figure::Decode => tr!(state, accuracy.figures.decode),
        Figure::Batch => tr!(state, accuracy.figures.batch),
        Figure::Prefill => tr!(state, accuracy.figures.prefill),
        Figure::Ttft => tr!(state, accuracy.figures.ttft),
        Figure::TtftLoaded => tr!(state, accuracy.figures.ttft_loaded),
        Figure::Tpot => tr!(state, accuracy.figures.tpot),
        Figure::Throughput => tr!(state, accuracy.figures.throughput),
    }
}

/// A figure's value with its unit.
fn amount(state: State, figure: Figure, value: f64) -> String {
    let measured = |value: f64| state.number(Style::Measured, value);
    match figure.unit() {
        Unit::Bytes => state.quantity(Bytes(value.max(0.0) as u64)).to_string(),
        Unit::Count => state.whole(value.max(0.0) as u64),
        Unit::Rate => tr!(state, accuracy.rate, n = measured(value)),
        Unit::Seconds if value < 1.0 => tr!(state, accuracy.ms, n = measured(value * 1e3)),
        Unit::Seconds => tr!(state, accuracy.s, n = measured(value)),
    }
}

/// A share in per cent, with a digit more where it is small.
fn percent(state: State, share: f64) -> String {
    let percent = 100.0 * share;
    let (less, number) = match percent {
        0.0 => (false, state.number(Style::Whole, 0.0)),
        p if p < 0.1 => (true, state.number(Style::Plain, 0.1)),
        p if p < 10.0 => (false, state.number(Style::Plain, (p * 10.0).round() / 10.0)),
        p => (false, state.number(Style::Whole, p)),
    };
    let written = tr!(state, accuracy.percent, n = number);
    if less { format!("<\u{2009}{written}") } else { written }
}
