//! The question being asked, everything derived from it, and the two ways to change it.

use std::collections::HashMap;

use headroom_locales::Locale;
use leptos::prelude::*;

use super::browser;
use super::history;
use super::numbers::{self, Style};
use super::text::{self, tr};
use crate::catalog::Catalog;
use crate::estimate;
use crate::report::{Cell, Notice};
use crate::scenario::{Lang, Machine, Problem, Scenario, Selected, Theme};
use crate::units::Bytes;
use crate::web::answer::{self, Answer, Columns, Row};
use crate::web::quantity::Units;

/// Where choices are kept between visits.
const LANG_KEY: &str = "headroom.lang";
const THEME_KEY: &str = "headroom.theme";
const UNITS_KEY: &str = "headroom.units";

/// Everything the components read. A handful of signals: copy it freely.
#[derive(Clone, Copy)]
pub struct State {
    /// The bundled facts.
    pub catalog: &'static Catalog,
    /// The question.
    pub scenario: RwSignal<Scenario>,
    /// What reading the link could not use.
    problems: RwSignal<Vec<Problem>>,
    /// What every row depends on: the question without its models and without what only the
    /// screen shows.
    settings: Memo<Scenario>,
    /// A memo for each model asked for so far: a change of one row leaves the others alone.
    rows: StoredValue<HashMap<String, ArcMemo<Row>>>,
    /// Owns the memos of `rows`.
    owner: StoredValue<Owner>,
    /// What the answer sentence speaks of.
    pub answer: Memo<Option<Answer>>,
    /// The cell whose bill is open.
    pub selected: Memo<Option<Selected>>,
    locale: Memo<Locale>,
    /// Colour scheme.
    pub theme: Memo<Theme>,
    /// Family of memory units.
    pub units: RwSignal<Units>,
    preferred_locale: RwSignal<Locale>,
    preferred_theme: RwSignal<Option<Theme>>,
    system_theme: RwSignal<Theme>,
}

/// The state that [`super::App`] provides.
pub fn use_state() -> State {
    expect_context::<State>()
}

/// A number of bytes, written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// Three significant digits.
    pub number: String,
    /// The unit's symbol.
    pub unit: &'static str,
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\u{a0}{}", self.number, self.unit)
    }
}

impl State {
    /// The state for the page's address.
    pub fn open() -> State {
        let (scenario, problems) = Scenario::from_query(&browser::query());
        let scenario = RwSignal::new(scenario);
        let settings = Memo::new(move |_| {
            scenario.with(|scenario| Scenario {
                models: Vec::new(),
                lang: None,
                theme: None,
                embed: false,
                selected: None,
                unused: Vec::new(),
                ..scenario.clone()
            })
        });
        let preferred_locale = RwSignal::new(preferred_locale());
        let locale = Memo::new(move |_| match scenario.with(|scenario| scenario.lang) {
            Some(lang) => to_locale(lang),
            None => preferred_locale.get(),
        });
        let preferred_theme = RwSignal::new(match browser::remembered(THEME_KEY).as_deref() {
            Some("light") => Some(Theme::Light),
            Some("dark") => Some(Theme::Dark),
            _ => None,
        });
        let system_theme = RwSignal::new(system_theme());
        let theme = Memo::new(move |_| {
            let in_link = scenario.with(|scenario| scenario.theme);
            in_link.or(preferred_theme.get()).unwrap_or(system_theme.get())
        });
        let units = RwSignal::new(match browser::remembered(UNITS_KEY).as_deref() {
            Some("GiB") => Units::Binary,
            _ => Units::Decimal,
        });
        let rows = StoredValue::new(HashMap::new());
        let owner = StoredValue::new(Owner::current().unwrap_or_default());
        let catalog = Catalog::bundled();
        let answer = Memo::new(move |_| {
            let rows = read_rows(scenario, |id| row(rows, owner, settings, catalog, id));
            answer::choose(&rows, settings.with(Columns::of))
        });
        let selected = Memo::new(move |_| {
            let asked = scenario.with(|s| s.selected.filter(|at| exists(s, *at)));
            asked.or(answer.get().map(|answer| answer.lead))
        });
        let problems = RwSignal::new(problems);
        State {
            catalog,
            scenario,
            problems,
            settings,
            rows,
            owner,
            answer,
            selected,
            locale,
            theme,
            units,
            preferred_locale,
            preferred_theme,
            system_theme,
        }
    }

    /// A part of the question, followed.
    pub fn slice<T: Clone + PartialEq + Send + Sync + 'static>(
        self,
        part: impl Fn(&Scenario) -> T + Send + Sync + 'static,
    ) -> Memo<T> {
        Memo::new(move |_| self.scenario.with(|scenario| part(scenario)))
    }

    /// A choice: the way back in the history leads to the question before it.
    pub fn choose(self, change: impl FnOnce(&mut Scenario)) {
        self.scenario.update(change);
        history::write(self, history::Step::New);
    }

    /// A step of a movement, such as dragging or typing: the history keeps only where it ends.
    pub fn adjust(self, change: impl FnOnce(&mut Scenario)) {
        self.scenario.update(change);
        history::write(self, history::Step::Same);
    }

    /// Takes the question from a query string.
    pub fn read_link(self, query: &str) {
        let (scenario, problems) = Scenario::from_query(query);
        self.problems.set(problems);
        self.scenario.set(scenario);
    }

    /// The cells of a model: each machine x quantisation x engine.
    pub fn row(self, id: &str) -> ArcMemo<Row> {
        row(self.rows, self.owner, self.settings, self.catalog, id)
    }

    /// A copy of the cell at `at`, followed.
    pub fn cell(self, at: Selected) -> Option<Cell> {
        let (id, columns) = self
            .scenario
            .with(|s| s.models.get(at.model).map(|id| (id.clone(), Columns::of(s))))?;
        self.row(&id).with(|row| columns.entry(row, at)?.as_ref().ok().cloned())
    }

    /// What the reader should know: of the link, of the settings, of the rows.
    pub fn notices(self) -> Vec<Notice> {
        let mut notices: Vec<Notice> = self.scenario.with(|scenario| {
            let kept =
                |p: &Problem| scenario.unused.iter().any(|(k, v)| (k, v) == (&p.field, &p.value));
            let problems = self
                .problems
                .with(|problems| problems.iter().filter(|p| kept(p)).cloned().collect::<Vec<_>>());
            let mut notices: Vec<Notice> = problems.into_iter().map(Notice::Query).collect();
            notices.extend(estimate::advisories(self.catalog, scenario));
            notices
        });
        for row in read_rows(self.scenario, |id| self.row(id)) {
            for notice in row.into_iter().filter_map(Result::err) {
                if !notices.contains(&notice) {
                    notices.push(notice);
                }
            }
        }
        notices
    }

    /// Switches the language, here and for later visits.
    pub fn set_lang(self, lang: Lang) {
        browser::remember(LANG_KEY, lang.code());
        self.preferred_locale.set(to_locale(lang));
        self.adjust(|scenario| scenario.lang = Some(lang));
    }

    /// Switches the colour scheme, here and for later visits.
    pub fn set_theme(self, theme: Theme) {
        browser::remember(THEME_KEY, theme.name());
        self.preferred_theme.set(Some(theme));
        if self.scenario.with_untracked(|scenario| scenario.theme.is_some()) {
            self.adjust(|scenario| scenario.theme = None);
        }
    }

    /// Switches the units, here and for later visits.
    pub fn set_units(self, units: Units) {
        browser::remember(UNITS_KEY, if units == Units::Binary { "GiB" } else { "GB" });
        self.units.set(units);
    }

    /// Keeps `<html>` and the title in the reader's language and colours.
    pub fn dress_document(self) {
        Effect::new(move |_| browser::mark_root("lang", Some(to_lang(self.locale()).code())));
        Effect::new(move |_| browser::mark_root("data-theme", Some(self.theme.get().name())));
        let embedded = self.slice(|scenario| scenario.embed);
        Effect::new(move |_| browser::mark_root("data-embed", embedded.get().then_some("")));
        Effect::new(move |_| document().set_title(tr!(self, title)));
        if let Some(query) = browser::prefers_dark() {
            let system_theme = self.system_theme;
            let listener = leptos::wasm_bindgen::closure::Closure::<dyn Fn()>::new(move || {
                _ = system_theme.try_set(self::system_theme());
            });
            query
                .set_onchange(Some(leptos::wasm_bindgen::JsCast::unchecked_ref(listener.as_ref())));
            // Lives as long as the page does.
            listener.forget();
        }
    }

    /// The reader's language, followed.
    pub fn locale(self) -> Locale {
        self.locale.get()
    }

    /// `value` in the reader's language.
    pub fn number(self, style: Style, value: f64) -> String {
        numbers::write(self.locale(), style, value)
    }

    /// A whole number in the reader's language.
    pub fn whole(self, value: u64) -> String {
        self.number(Style::Whole, value as f64)
    }

    /// Bytes in the unit that suits them.
    pub fn quantity(self, bytes: Bytes) -> Quantity {
        let (value, unit) = self.units.get().scale(bytes);
        let style = if bytes == Bytes::ZERO { Style::Whole } else { Style::Measured };
        Quantity { number: self.number(style, value), unit: text::unit(self, unit) }
    }

    /// How many bytes are missing or left over: the size of a signed amount.
    pub fn amount(self, bytes: i64) -> String {
        self.quantity(Bytes(bytes.unsigned_abs())).to_string()
    }

    /// Every byte of it.
    pub fn bytes(self, bytes: Bytes) -> String {
        tr!(self, counts.bytes, count = bytes.0, n = self.whole(bytes.0))
    }

    /// A number of tokens.
    pub fn tokens(self, tokens: u64) -> String {
        tr!(self, counts.tokens, count = tokens, n = self.whole(tokens))
    }

    /// A model's display name; its id where the catalogue has none.
    pub fn model_name(self, id: &str) -> String {
        self.catalog.model(id).map_or_else(|| id.to_owned(), |model| model.name.clone())
    }

    /// A device's display name; its id where the catalogue has none.
    pub fn device_name(self, id: &str) -> String {
        self.catalog.device(id).map_or_else(|| id.to_owned(), |device| device.name.clone())
    }

    /// A machine in words: `2 × RTX 4090 24GB + RTX 3090 24GB`.
    pub fn machine_name(self, machine: &Machine) -> String {
        let devices = machine.devices.iter().map(|device| {
            let name = self.device_name(&device.id);
            let name = match device.memory_gb {
                Some(gb) => format!("{name} {gb}\u{a0}{}", tr!(self, units.gb)),
                None => name,
            };
            match device.count {
                1 => name,
                n => tr!(self, answer.several, n = n, device = name),
            }
        });
        devices.collect::<Vec<_>>().join(" + ")
    }
}

/// The memo of a row, made on first use.
fn row(
    rows: StoredValue<HashMap<String, ArcMemo<Row>>>,
    owner: StoredValue<Owner>,
    settings: Memo<Scenario>,
    catalog: &'static Catalog,
    id: &str,
) -> ArcMemo<Row> {
    if let Some(row) = rows.with_value(|rows| rows.get(id).cloned()) {
        return row;
    }
    let wanted = id.to_owned();
    // Under the page's owner, not the caller's: the caller may be a row that is taken out.
    let row = owner.with_value(|owner| {
        owner.with(|| ArcMemo::new(move |_| settings.with(|s| estimate::row(catalog, s, &wanted))))
    });
    rows.update_value(|rows| _ = rows.insert(id.to_owned(), row.clone()));
    row
}

fn read_rows(scenario: RwSignal<Scenario>, row: impl Fn(&str) -> ArcMemo<Row>) -> Vec<Row> {
    let ids = scenario.with(|scenario| scenario.models.clone());
    ids.iter().map(|id| row(id).get()).collect()
}

fn exists(scenario: &Scenario, at: Selected) -> bool {
    at.model < scenario.models.len()
        && at.machine < scenario.machines.len()
        && at.quant < scenario.quants.len()
        && at.engine < scenario.engines.len()
}

fn system_theme() -> Theme {
    match browser::prefers_dark() {
        Some(query) if query.matches() => Theme::Dark,
        _ => Theme::Light,
    }
}

/// The language of an earlier choice, else of the browser, else English.
fn preferred_locale() -> Locale {
    let remembered = browser::remembered(LANG_KEY);
    let tags = remembered.into_iter().chain(browser::languages());
    let known = tags.filter_map(|tag| match tag.get(..2)?.to_ascii_lowercase().as_str() {
        "en" => Some(Locale::en),
        "ru" => Some(Locale::ru),
        _ => None,
    });
    known.into_iter().next().unwrap_or_default()
}

fn to_locale(lang: Lang) -> Locale {
    match lang {
        Lang::En => Locale::en,
        Lang::Ru => Locale::ru,
    }
}

/// The question's name for a locale.
pub fn to_lang(locale: Locale) -> Lang {
    match locale {
        Locale::en => Lang::En,
        Locale::ru => Lang::Ru,
    }
}
