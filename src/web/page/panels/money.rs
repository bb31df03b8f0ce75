//! What the open cell draws and costs, and the values that this rests on, each of them editable.

use leptos::prelude::*;

use crate::page::app::numbers::Style;
use crate::page::app::reactive::{CollectAny, Show, memo};
use crate::page::app::state::use_state;
use crate::page::app::text::{tr, words};
use crate::page::bill::figures;
use crate::page::panels::serving::Fact;
use crate::page::question::setting::{change, label};
use crate::page::widgets::field::{NumberField, Select};
use headroom::estimate;
use headroom::report::{self, Cell, PerMtok, PowerDraw};
use headroom::scenario::{Control, Currency, Group, SETTINGS, Setting, setting};
use headroom::units::Interval;

/// Currencies that the list offers; any other may stand in the link.
const CURRENCIES: &[&str] = &[
    "USD", "EUR", "GBP", "RUB", "CNY", "JPY", "INR", "KRW", "BRL", "CHF", "KZT", "PLN", "TRY",
    "UAH",
];

/// The key of the exchange rate, which US dollars do without.
const RATE: &str = "rate";

/// The panel of money and energy.
#[component]
pub fn MoneyPanel(
    /// The open cell.
    cell: Memo<Option<Cell>>,
) -> impl IntoView {
    let state = use_state();
    let inputs = memo(move || {
        let at = state.selected.get()?;
        state.outline.with(|s| {
            let machine = s.machines.get(at.machine)?;
            let machine = estimate::machine(state.catalog, s, machine)?;
            let hosted = estimate::hosted(state.catalog, s, s.models.get(at.model)?);
            let hosted = hosted.map(|hosted| hosted.inputs).unwrap_or_default();
            Some([machine.inputs, hosted].concat())
        })
    });
    let currency = state.slice(|s| s.money.currency);
    let codes = move || {
        let now = currency.get().code().to_owned();
        let other = (!CURRENCIES.contains(&now.as_str())).then(|| now.clone());
        let all = CURRENCIES.iter().map(|code| (*code).to_owned()).chain(other);
        all.map(|code| (code.clone(), code)).collect::<Vec<_>>()
    };
    let unknown = move || {
        let keys = cell.with(|cell| cell.as_ref().map(|c| c.economy.money.unknown.clone()))?;
        let names: Vec<&str> = keys.iter().map(|key| label(state, key)).collect();
        (!names.is_empty()).then(|| tr!(state, money.unknown, names = names.join(" · ")))
    };
    let has_rate = move || currency.get() != Currency::USD;
    let source = move |input: &report::Input| {
        let source = input.source.to_string();
        let name = label(state, &input.key);
        let of_use = input.key != RATE || has_rate();
        of_use.then(|| view! { <dt>{name}</dt> <dd lang="en">{source}</dd> })
    };
    let decimals = SETTINGS.iter().filter(|setting| {
        setting.group == Group::Money && matches!(setting.control(), Control::Decimal { .. })
    });
    let field = move |setting: &'static Setting| {
        view! { <InputField setting inputs /> }
    };
    let fields: Vec<_> = decimals.filter(|setting| setting.key != RATE).collect();
    view! {
        <section class="money" data-testid="money" aria-label=words!(state, tabs.cost)>
            <Costs cell inputs />
            <Energy cell />
            <p class="money-unknown" data-testid="money-unknown">{unknown}</p>
            <details class="money-values" data-testid="money-values">
                <summary>{words!(state, money.values)}</summary>
                <div class="panel-fields">
                    <Select
                        label=words!(state, setting.cur)
                        options=Signal::derive(codes)
                        value=Signal::derive(move || currency.get().code().to_owned())
                        choose=Callback::new(move |code: String| {
                            let setting = setting("cur");
                            state.choose(change("cur", |s| setting.map(|cur| cur.set(s, &code))));
                        })
                        testid="currency-select"
                    />
                    <Show when=has_rate>{setting(RATE).map(field)}</Show>
                    {fields.into_iter().map(field).collect_any()}
                </div>
                <h3>{words!(state, money.sources)}</h3>
                <dl class="money-sources" data-testid="money-sources">
                    {move || inputs.with(|inputs| {
                        inputs.iter().flatten().filter_map(source).collect_any()
                    })}
                </dl>
            </details>
        </section>
    }
}

/// What a million tokens and an hour cost, owned and rented, beside what hosts ask for them.
#[component]
fn Costs(cell: Memo<Option<Cell>>, inputs: Memo<Option<Vec<report::Input>>>) -> impl IntoView {
    let state = use_state();
    let api = move |key: &'static str| {
        let price = memo(move || {
            inputs.with(|inputs| inputs.iter().flatten().find(|input| input.key == key)?.value)
        });
        let code = move || state.outline.with(|s| s.money.currency);
        view! {
            <td data-testid=key data-value=move || price.get().map(|price| price.to_string())>
                {move || match price.get() {
                    None => "–".to_owned(),
                    Some(price) => figures::money(state, price, code().code()),
                }}
            </td>
        }
    };
    let money = memo(move || {
        cell.with(|cell| cell.as_ref().map(|cell| cell.economy.money.clone())).unwrap_or_default()
    });
    let amount = move |of: fn(&report::Money) -> Option<f64>| {
        money.with(|money| {
            let amount = of(money)?;
            Some((amount, figures::money(state, amount, &money.currency)))
        })
    };
    let mtok = move |testid: &'static str, of: fn(&PerMtok) -> Option<Interval<f64>>| {
        let figure = memo(move || money.with(|money| of(&money.per_mtok)));
        let code = move || money.with(|money| money.currency.clone());
        view! {
            <td data-testid=testid data-value=move || figure.get().map(|f| f.expected.to_string())>
                {move || match figure.get() {
                    None => "–".to_owned(),
                    Some(f) => figures::money(state, f.expected, &code()),
                }}
                <small>
                    {move || figure.get().map(|f| {
                        figures::between(state, f, |state, n| state.number(Style::Measured, n))
                    })}
                </small>
            </td>
        }
    };
    let hour = move |of: fn(&report::Money) -> Option<f64>| {
        view! {
            <td data-value=move || amount(of).map(|(n, _)| n.to_string())>
                {move || amount(of).map_or("–".to_owned(), |(_, text)| text)}
            </td>
        }
    };
    let break_even = move || {
        money.with(|money| match money.break_even_hours {
            Some(hours) => {
                let days = state.number(Style::Whole, hours / 24.0);
                let hours = state.number(Style::Whole, hours);
                Some(tr!(state, money.break_even, hours = hours, days = days))
            }
            None => {
                let (owned, rented) = (money.owned_hour?, money.rented_hour?);
                (rented < owned).then(|| tr!(state, money.never).to_owned())
            }
        })
    };
    let break_even_value =
        move || money.with(|money| money.break_even_hours.map(|hours| hours.to_string()));
    view! {
        <div
            class="chart-scroll"
            role="region"
            tabindex="0"
            aria-label=words!(state, money.costs)
        >
            <table class="costs" data-testid="costs">
                <caption class="vh">{words!(state, money.costs)}</caption>
                <thead>
                    <tr>
                        <td></td>
                        <th scope="col">{words!(state, money.input)}</th>
                        <th scope="col">{words!(state, money.output)}</th>
                        <th scope="col">{words!(state, money.hour)}</th>
                    </tr>
                </thead>
                <tbody>
                    <tr>
                        <th scope="row">{words!(state, money.owned)}</th>
                        {mtok("owned-in", |costs| Some(costs.owned?.input))}
                        {mtok("owned-out", |costs| Some(costs.owned?.output))}
                        {hour(|money| money.owned_hour)}
                    </tr>
                    <tr>
                        <th scope="row">{words!(state, money.rented)}</th>
                        {mtok("rented-in", |costs| Some(costs.rented?.input))}
                        {mtok("rented-out", |costs| Some(costs.rented?.output))}
                        {hour(|money| money.rented_hour)}
                    </tr>
                    <tr>
                        <th scope="row">{words!(state, money.api)}</th>
                        {api("api_in")}
                        {api("api_out")}
                        <td>"–"</td>
                    </tr>
                </tbody>
            </table>
        </div>
        <p class="break-even" data-testid="break-even" data-value=break_even_value>
            {break_even}
        </p>
    }
}

/// Energy for a million tokens, and power by load.
#[component]
fn Energy(cell: Memo<Option<Cell>>) -> impl IntoView {
    let state = use_state();
    let power = memo(move || cell.with(|cell| cell.as_ref()?.economy.power_w));
    let part =
        move |testid: &'static str, label: Signal<String>, of: fn(&PowerDraw) -> Option<f64>| {
            let watts = move || power.get().and_then(|power| of(&power));
            view! {
                <div>
                    <dt>{label}</dt>
                    <dd data-testid=testid data-value=move || watts().map(|w| w.to_string())>
                        {move || watts().map_or("–".to_owned(), |w| figures::watts(state, w))}
                    </dd>
                </div>
            }
        };
    view! {
        <dl class="facts facts-six">
            <Fact
                label=words!(state, money.energy)
                cell
                read=|cell| cell.economy.wh_per_mtok
                words=|state, wh| tr!(state, figures.wh, n = state.number(Style::Measured, wh))
                testid="wh-per-mtok"
            />
            {part("power-idle", words!(state, money.idle), |power| Some(power.idle))}
            {part("power-prefill", words!(state, money.prefill), |power| Some(power.prefill))}
            {part("power-decode", words!(state, money.decode), |power| Some(power.decode))}
            {part("power-mean", words!(state, money.mean), |power| power.mean)}
        </dl>
    }
}

/// One value: the reader's own, or its default.
#[component]
fn InputField(
    setting: &'static Setting,
    inputs: Memo<Option<Vec<report::Input>>>,
) -> impl IntoView {
    let state = use_state();
    let Control::Decimal { min, max, is_money } = setting.control() else { return None };
    let this = memo(move || {
        let with =
            |inputs: &Vec<report::Input>| inputs.iter().find(|i| i.key == setting.key).cloned();
        inputs.with(|inputs| inputs.as_ref().and_then(with))
    });
    let own = state.slice(move |s| !setting.is_default(s));
    let write = move |value: f64| state.number(Style::Plain, value);
    let currency = move || state.outline.with(|s| s.money.currency).to_string();
    let label = Signal::derive(move || match label(state, setting.key) {
        _ if setting.key == RATE => tr!(state, money.rate, code = currency()),
        name if is_money => format!("{name}, {}", currency()),
        name => name.to_owned(),
    });
    let reset = move || state.adjust(change(setting.key, |s| setting.reset(s)));
    let commit = Callback::new(move |text: String| {
        match text.trim() {
            "" => reset(),
            text => {
                let value = state.parse_decimal(text, (min, max))?.to_string();
                state.adjust(change(setting.key, |s| setting.set(s, &value)));
            }
        }
        Ok(())
    });
    let hint = Signal::derive(move || match this.get().and_then(|this| this.default) {
        Some(default) => tr!(state, money.default, value = write(default)),
        None => tr!(state, money.no_default).to_owned(),
    });
    Some(view! {
        <div class="money-field" data-testid=format!("money-{}", setting.key)>
            <NumberField
                label
                value=Signal::derive(move || {
                    this.get().and_then(|this| this.value).map(write).unwrap_or_default()
                })
                range=Signal::derive(move || (write(min), write(max)))
                commit
                hint
            />
            <Show when=own>
                <button type="button" class="button button-quiet" on:click=move |_| reset()>
                    {words!(state, money.reset)}
                    <span class="vh">": " {label}</span>
                </button>
            </Show>
        </div>
    })
}
