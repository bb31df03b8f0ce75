//! The question being asked, everything derived from it, and the two ways to change it.

use std::collections::HashMap;
use std::sync::Arc;

use gloo::timers::callback::Timeout;
use headroom_locales::Locale;
use leptos::prelude::*;
use send_wrapper::SendWrapper;

use crate::answer::{self, Answer, Row};
use crate::entry::{self, AxisEntry, shorten};
use crate::number::{self, Refusal};
use crate::page::app::browser;
use crate::page::app::history;
use crate::page::app::numbers::{self, Style};
use crate::page::app::pace::RowScheduler;
use crate::page::app::reactive::{effect, memo};
use crate::page::app::rest::Rest;
use crate::page::app::text::{self, tr};
use crate::quantity::Units;
use headroom::catalog::Catalog;
use headroom::estimate::{self, Files};
use headroom::quant::Quant;
use headroom::report::{Cell, Notice, Overview};
use headroom::scenario::{
    Bounds, Engine, Lang, Layout, Machine, Problem, Scenario, Selected, Serving, Theme, Unit,
};
use headroom::units::Bytes;

/// Where choices are kept between visits.
const LANG_KEY: &str = "headroom.lang";
const THEME_KEY: &str = "headroom.theme";
const UNITS_KEY: &str = "headroom.units";

/// How long a slider rests before what takes long follows it, in milliseconds.
const REST: u32 = 150;

/// How many notices are shown at once.
const MOST_NOTICES: usize = 10;

/// Everything the components read. A handful of signals: copy it freely.
#[derive(Clone, Copy)]
pub struct State {
    /// The bundled facts.
    pub catalog: &'static Catalog,
    /// The question.
    pub scenario: RwSignal<Scenario>,
    /// The question as well, but who follows it is not told of another context or number of users:
    /// sliders move these, and most of the page depends on neither.
    pub outline: RwSignal<Scenario>,
    /// The question as it was before a slider moved, until that rests.
    pub rested: RwSignal<Scenario>,
    /// While a slider moves, what ends that.
    sliding: StoredValue<Option<SendWrapper<Timeout>>>,
    /// What reading the link could not use.
    problems: RwSignal<Vec<Problem>>,
    /// The answers so far.
    pub rows: Rows,
    /// What the table's rows and columns are.
    pub layout: Memo<Layout>,
    /// What the answer sentence speaks of.
    pub answer: Memo<Option<Answer>>,
    /// The cell whose bill is open.
    pub selected: Memo<Option<Selected>>,
    locale: Memo<Locale>,
    /// Colour scheme.
    pub theme: Memo<Theme>,
    /// Family of memory units.
    pub units: RwSignal<Units>,
    /// The rest of the app.
    pub rest: RwSignal<Rest>,
    preferred_locale: RwSignal<Locale>,
    preferred_theme: RwSignal<Option<Theme>>,
    system_theme: RwSignal<Theme>,
}

/// The state that [`App`](crate::page::App) provides.
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
        let (outline, rested) = (RwSignal::new(scenario.clone()), RwSignal::new(scenario.clone()));
        let scenario = RwSignal::new(scenario);
        let preferred_locale = RwSignal::new(preferred_locale());
        let locale = memo(move || match outline.with(|scenario| scenario.lang) {
            Some(lang) => to_locale(lang),
            None => preferred_locale.get(),
        });
        let preferred_theme = RwSignal::new(match browser::remembered(THEME_KEY).as_deref() {
            Some("light") => Some(Theme::Light),
            Some("dark") => Some(Theme::Dark),
            _ => None,
        });
        let system_theme = RwSignal::new(system_theme());
        let theme = memo(move || {
            let in_link = outline.with(|scenario| scenario.theme);
            in_link.or(preferred_theme.get()).unwrap_or(system_theme.get())
        });
        let units = RwSignal::new(match browser::remembered(UNITS_KEY).as_deref() {
            Some("GB") => Units::Decimal,
            _ => Units::Binary,
        });
        let catalog = Catalog::bundled();
        let rows = Rows::new(catalog, scenario, outline);
        let layout = memo(move || outline.with(Layout::of));
        let answer = Memo::new(move |before: Option<&Option<Answer>>| {
            if let Some(before) = before.filter(|_| rows.wait()) {
                return *before;
            }
            rows.with_shown(&outline.read(), layout.get(), |cells| {
                let cells =
                    cells.iter().map(|(at, answer)| (*at, answer.and_then(|a| a.as_ref().ok())));
                let floor = outline.with(|s| s.serving.decode_floor());
                answer::choose(&cells.collect::<Vec<_>>(), floor)
            })
        });
        let selected = memo(move || {
            let asked = outline.with(|s| s.selected.filter(|at| entry::exists(s, *at)));
            asked.or_else(|| Some(answer.get()?.lead))
        });
        let problems = RwSignal::new(problems);
        // Only an app that was started has one apart.
        let rest = use_context().unwrap_or_else(|| RwSignal::new(Rest::Here));
        State {
            catalog,
            scenario,
            outline,
            rested,
            sliding: StoredValue::new(None),
            problems,
            rows,
            layout,
            answer,
            selected,
            locale,
            theme,
            units,
            rest,
            preferred_locale,
            preferred_theme,
            system_theme,
        }
    }

    /// A part of the question that depends on neither context nor users, followed.
    pub fn slice<T: Clone + PartialEq + Send + Sync + 'static>(
        self,
        part: impl Fn(&Scenario) -> T + Send + Sync + 'static,
    ) -> Memo<T> {
        memo(move || self.outline.with(|scenario| part(scenario)))
    }

    /// A part of the question that depends on any of it, followed.
    pub fn follow<T: Clone + PartialEq + Send + Sync + 'static>(
        self,
        part: impl Fn(&Scenario) -> T + Send + Sync + 'static,
    ) -> Memo<T> {
        memo(move || self.scenario.with(|scenario| part(scenario)))
    }

    /// A choice: the way back in the history leads to the question before it.
    pub fn choose(self, change: impl FnOnce(&mut Scenario)) {
        self.change(Some(history::Step::New), once(change));
    }

    /// A step of a movement, such as typing: the history keeps only where it ends.
    pub fn adjust(self, change: impl FnOnce(&mut Scenario)) {
        self.change(Some(history::Step::Same), once(change));
    }

    /// A step of a slider. So many come in a second that the address, and what takes long to
    /// answer, wait for the last.
    pub fn slide(self, change: impl FnOnce(&mut Scenario)) {
        self.change(None, once(change));
    }

    /// A slider moves.
    pub fn slides(self) -> bool {
        self.sliding.try_with_value(Option::is_some).unwrap_or_default()
    }

    /// Ends the movement of a slider, if one moves.
    pub fn rest(self) {
        if self.slides() {
            self.settle();
            history::write(self, history::Step::Same);
        }
    }

    fn settle(self) {
        self.sliding.set_value(None);
        self.rows.pace.hold(false);
        self.rested.set(self.scenario.get_untracked());
    }

    fn change(self, step: Option<history::Step>, mut change: impl FnMut(&mut Scenario)) {
        // Not once for each change there is.
        fn changed(
            state: State,
            step: Option<history::Step>,
            change: &mut dyn FnMut(&mut Scenario),
        ) {
            if step.is_some() {
                state.rest();
            }
            state.scenario.update(change);
            state.update_outline();
            match step {
                Some(step) => {
                    state.settle();
                    history::write(state, step);
                }
                None => {
                    state.rows.pace.hold(true);
                    let timer = Timeout::new(REST, move || state.rest());
                    state.sliding.set_value(Some(SendWrapper::new(timer)));
                }
            }
        }
        changed(self, step, &mut change);
    }

    fn update_outline(self) {
        let scenario = self.scenario.read_untracked();
        let (context, users) = (scenario.context, scenario.users);
        self.outline
            .update_untracked(|outline| (outline.context, outline.users) = (context, users));
        if self.outline.with_untracked(|outline| *outline != *scenario) {
            self.outline.set(scenario.clone());
        }
    }

    /// Takes the question from a query string.
    pub fn read_link(self, query: &str) {
        let (scenario, problems) = Scenario::from_query(query);
        self.problems.set(problems);
        self.scenario.set(scenario);
        self.update_outline();
        self.settle();
    }

    /// Reads what the table shows at `at`, followed.
    pub fn with_answer<T>(
        self,
        at: Selected,
        read: impl FnOnce(&Result<Overview, Notice>) -> T,
    ) -> Option<T> {
        self.outline.with(|s| {
            let row = self.rows.drawn(s, at)?;
            answer::entry(&row, s, at).map(read)
        })
    }

    /// The cell at `at` with its bill and its limits, followed.
    pub fn cell(self, at: Selected) -> Option<Cell> {
        self.outline.with(|s| self.rows.cell(s, at))
    }

    /// The models and devices that nobody knows, the first [`MOST_NOTICES`], and how many there are:
    /// looked for anew where another is named, not at each step of a slider.
    pub fn unknown(self) -> (Vec<Notice>, usize) {
        self.outline.with(|scenario| estimate::unknown(self.catalog, scenario, MOST_NOTICES))
    }

    /// What the reader should know of the question itself, beside what is unknown in it. Of what was
    /// not understood only the first [`MOST_NOTICES`], and how much more there is.
    pub fn notices_of_question(
        self,
        (unknown, unknowns): (Vec<Notice>, usize),
    ) -> (Vec<Notice>, usize) {
        let scenario = self.scenario.read();
        let mut notices: Vec<Notice> =
            estimate::Answered::of(&scenario).notice().into_iter().collect();
        // As many as are kept in the link are still problems; which, is only asked of the first.
        let kept =
            |p: &&Problem| scenario.unused.iter().any(|(k, v)| (k, v) == (&p.field, &p.value));
        let problems = self.problems.read();
        let problems = problems.iter().filter(kept).take(MOST_NOTICES).cloned();
        let problems: Vec<Notice> = problems.map(Notice::Query).collect();
        let more = scenario.unused.len().saturating_sub(problems.len()) + unknowns - unknown.len();
        notices.extend(problems);
        notices.extend(unknown);
        notices.extend(estimate::advisories(self.catalog, &scenario));
        (notices, more)
    }

    /// What the reader should know: after `known` what the table shows. The first
    /// [`MOST_NOTICES`] of it, and how much more there is; what it was `before` while rows wait.
    pub fn notices(
        self,
        before: Option<&(Vec<Notice>, usize)>,
        (mut notices, more): (Vec<Notice>, usize),
    ) -> (Vec<Notice>, usize) {
        if let Some(before) = before.filter(|_| self.rows.wait()) {
            return before.clone();
        }
        let scenario = self.outline.read();
        self.rows.with_shown(&scenario, self.layout.get(), |cells| {
            let refusals = cells.iter().filter_map(|(at, answer)| {
                Some((*scenario.engines.get(at.engine)?, (*answer)?.as_ref().err()))
            });
            answer::push_refusals(&scenario, &refusals.collect::<Vec<_>>(), &mut notices);
        });
        let more = more + notices.len().saturating_sub(MOST_NOTICES);
        notices.truncate(MOST_NOTICES);
        (notices, more)
    }

    /// Switches the language, here and for later visits.
    pub fn set_lang(self, lang: Lang) {
        browser::remember(LANG_KEY, lang.name());
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
    pub fn sync_document(self) {
        effect(move || browser::mark_root("lang", Some(to_lang(self.locale()).name())));
        effect(move || browser::mark_root("data-theme", Some(self.theme.get().name())));
        let embedded = self.slice(|scenario| scenario.embed);
        effect(move || browser::mark_root("data-embed", embedded.get().then_some("")));
        effect(move || document().set_title(tr!(self, title)));
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

    /// A decimal number as the reader's language writes it, within `range`.
    ///
    /// # Errors
    /// It is no number, or not within `range`.
    pub fn parse_decimal(self, text: &str, range: (f64, f64)) -> Result<f64, Refusal> {
        let grouped = self.locale.get_untracked() == Locale::en;
        number::parse_decimal(text, range, grouped)
    }

    /// A whole number of the question as the reader writes it in `unit`, within `bounds`.
    ///
    /// # Errors
    /// It is no number, or not within `bounds`.
    pub fn parse_in(self, unit: Unit, text: &str, bounds: Bounds) -> Result<u64, Refusal> {
        let grouped = self.locale.get_untracked() == Locale::en;
        number::parse_in(unit, text, bounds, grouped)
    }

    /// Smallest and largest of `bounds`, written out and followed.
    pub fn range(self, bounds: Bounds) -> Signal<(String, String)> {
        Signal::derive(move || (self.whole(bounds.min), self.whole(bounds.max)))
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

    /// A model's display name; where the catalogue has none its id, shortened.
    pub fn model_name(self, id: &str) -> String {
        self.catalog.model(id).map_or_else(|| shorten(id).into_owned(), |model| model.name.clone())
    }

    /// A device's display name; where the catalogue has none its id, shortened.
    pub fn device_name(self, id: &str) -> String {
        self.catalog
            .device(id)
            .map_or_else(|| shorten(id).into_owned(), |device| device.name.clone())
    }

    /// What a row, a column or a group of rows is called.
    pub fn entry_name(self, entry: &AxisEntry) -> String {
        match entry {
            AxisEntry::Model(id) => self.model_name(id),
            AxisEntry::Hardware(at) => {
                let machine = self.outline.with(|s| s.machines.get(*at).cloned());
                machine.map(|machine| self.machine_name(&machine)).unwrap_or_default()
            }
            AxisEntry::Quant(quant) => quant.to_string(),
            AxisEntry::Engine(engine) => engine.title().to_owned(),
        }
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

/// The answers so far, by model and machine, so that a change of one leaves the others alone; and a
/// memo for the files of each model, which every machine is given.
#[derive(Clone, Copy)]
pub struct Rows {
    catalog: &'static Catalog,
    outline: RwSignal<Scenario>,
    /// What every answer depends on: the question without its models and machines and without
    /// what only the screen shows.
    settings: Memo<Scenario>,
    /// How often the settings have changed.
    age: Memo<u64>,
    /// What files depend on: of the settings, not those that often change and never matter.
    file_settings: Memo<Scenario>,
    pub pace: RowScheduler,
    files: StoredValue<HashMap<String, ArcMemo<Arc<ModelFiles>>>>,
    rows: StoredValue<HashMap<String, HashMap<Machine, AgedRow>>>,
    open: StoredValue<OpenCells>,
    /// Owns the memos.
    owner: StoredValue<Owner>,
}

/// A row, and the settings that it answers.
#[derive(Clone)]
struct AgedRow {
    row: Arc<Row>,
    age: u64,
    /// What its cells are of.
    columns: (Vec<Quant>, Vec<Engine>),
}

/// A cell of the table, and its answer once there is one.
type Answered<'a> = (Selected, Option<&'a Result<Overview, Notice>>);

/// Cells that were opened, by what each is of, and the age of the settings that they answer.
type OpenCells = (u64, Vec<((String, Machine, Quant, Engine), Option<Cell>)>);

type ModelFiles = Result<Files<'static>, Notice>;

impl Rows {
    fn new(
        catalog: &'static Catalog,
        scenario: RwSignal<Scenario>,
        outline: RwSignal<Scenario>,
    ) -> Rows {
        let settings = memo(move || {
            scenario.with(|scenario| Scenario {
                models: Vec::new(),
                machines: Vec::new(),
                serving: Serving { min_tps: None, ..scenario.serving.clone() },
                ..scenario.without_interface()
            })
        });
        let file_settings = memo(move || {
            let Scenario { context, users, ram, reserve, offload, serving, .. } =
                Scenario::default();
            settings.with(|s| Scenario {
                context,
                users,
                ram,
                reserve,
                offload,
                serving: serving.clone(),
                ..s.clone()
            })
        });
        let age = Memo::new(move |age| {
            settings.track();
            age.map_or(0, |age| age + 1)
        });
        let rows = Rows {
            catalog,
            outline,
            settings,
            age,
            file_settings,
            pace: RowScheduler::new(),
            files: StoredValue::new(HashMap::new()),
            rows: StoredValue::new(HashMap::new()),
            open: StoredValue::new(OpenCells::default()),
            owner: StoredValue::new(Owner::current().unwrap_or_default()),
        };
        effect(move || rows.forget());
        rows
    }

    /// Lets go of machines that were passed on the way, as when a number is typed.
    fn forget(self) {
        let scenario = self.outline.read();
        let count =
            |rows: &HashMap<_, HashMap<_, _>>| rows.values().map(HashMap::len).sum::<usize>();
        if self.rows.with_value(count) as u64 > 4 * Bounds::MODELS.max {
            self.rows.update_value(|rows| {
                rows.retain(|id, _| scenario.models.contains(id));
                for row in rows.values_mut() {
                    row.retain(|machine, _| scenario.machines.contains(machine));
                }
            });
        }
    }

    /// Whether rows that are not on the screen are held back, so that what follows all of them may wait
    /// for them; followed.
    fn wait(self) -> bool {
        self.follow();
        self.pace.waits()
    }

    /// Reads all cells that the table shows, followed.
    fn with_shown<T>(
        self,
        scenario: &Scenario,
        layout: Layout,
        read: impl FnOnce(&[Answered<'_>]) -> T,
    ) -> T {
        let shown = entry::shown(scenario, layout);
        // The cells of a row follow one another.
        let of_row = |a: &Selected, b: &Selected| (a.model, a.machine) == (b.model, b.machine);
        let age = self.follow();
        let row = |at: Selected| self.row(scenario, at, age, false);
        let rows: Vec<_> = shown.chunk_by(of_row).map(|cells| (row(cells[0]), cells)).collect();
        let cells = rows.iter().flat_map(|(row, cells)| {
            let answer = |at| answer::entry(row.as_ref()?, scenario, at);
            cells.iter().map(move |at| (*at, answer(*at)))
        });
        read(&cells.collect::<Vec<_>>())
    }

    /// Makes the caller read again when answers change. The age of the settings.
    fn follow(self) -> u64 {
        self.pace.track();
        self.age.get()
    }

    /// The row that the drawn cell at `at` is in, followed.
    fn drawn(self, scenario: &Scenario, at: Selected) -> Option<Arc<Row>> {
        self.row(scenario, at, self.follow(), true)
    }

    /// The row that the cell at `at` is in, for settings of this `age`. Where it is not its turn yet,
    /// the row is what it was; none where it was of other columns. Rows that are drawn have more room.
    fn row(self, scenario: &Scenario, at: Selected, age: u64, is_drawn: bool) -> Option<Arc<Row>> {
        let (id, machine) = (scenario.models.get(at.model)?, scenario.machines.get(at.machine)?);
        let known = self.rows.with_value(|rows| rows.get(id)?.get(machine).cloned());
        if let Some(known) = &known
            && known.age == age
        {
            return Some(known.row.clone());
        }
        let (row, columns) = self.settings.with_untracked(|s| {
            let columns = (s.quants.clone(), s.engines.clone());
            let cells = columns.0.len() * columns.1.len();
            let is_open = scenario
                .selected
                .is_some_and(|open| (open.model, open.machine) == (at.model, at.machine));
            let nearness = || self.pace.nearness(scenario, at, is_drawn);
            if !is_open && !self.pace.takes_row(cells, nearness()) {
                return (
                    known.filter(|known| known.columns == columns).map(|known| known.row),
                    None,
                );
            }
            let row = match self.catalog.model(id) {
                // What is nearest to it is looked up for the notices that are shown.
                None => vec![Err(Notice::UnknownModel {
                    id: id.clone(),
                    never_released: None,
                    nearest: Vec::new(),
                    base: None,
                    hypothetical: None,
                })],
                Some(_) => match &**self.files(id).read_untracked() {
                    Err(notice) => vec![Err(notice.clone())],
                    Ok(files) => estimate::overviews(self.catalog, s, files, machine),
                },
            };
            (Some(Arc::new(row)), Some(columns))
        });
        if let (Some(row), Some(columns)) = (&row, columns) {
            let aged = AgedRow { row: row.clone(), age, columns };
            self.rows.update_value(|rows| {
                rows.entry(id.clone()).or_default().insert(machine.clone(), aged);
            });
        }
        row
    }

    /// The cell at `at`, followed.
    fn cell(self, scenario: &Scenario, at: Selected) -> Option<Cell> {
        let age = self.age.get();
        let (id, machine) = (scenario.models.get(at.model)?, scenario.machines.get(at.machine)?);
        let (quant, engine) = (*scenario.quants.get(at.quant)?, *scenario.engines.get(at.engine)?);
        let of = (id.clone(), machine.clone(), quant, engine);
        let known = self.open.with_value(|(of_age, cells)| {
            let known = cells.iter().find(|(known, _)| *of_age == age && *known == of);
            known.map(|(_, cell)| cell.clone())
        });
        if let Some(cell) = known {
            return cell;
        }
        let cell = self.settings.with_untracked(|s| {
            self.catalog.model(id)?;
            let files = self.files(id);
            let files = files.read_untracked();
            let file = (**files).as_ref().ok()?.get(at.quant * s.engines.len() + at.engine)?;
            estimate::cells(self.catalog, s, std::slice::from_ref(file), machine).pop()?.ok()
        });
        self.open.update_value(|(of_age, cells)| {
            if *of_age != age {
                (*of_age, *cells) = (age, Vec::new());
            }
            cells.push((of, cell.clone()));
        });
        cell
    }

    /// The memo of a model's files, made on first use.
    fn files(self, id: &str) -> ArcMemo<Arc<ModelFiles>> {
        if let Some(files) = self.files.with_value(|files| files.get(id).cloned()) {
            return files;
        }
        let wanted = id.to_owned();
        let files = self.own(move || {
            let make = move |before: Option<&Arc<ModelFiles>>| {
                let before = before.and_then(|files| (**files).as_ref().ok());
                self.file_settings
                    .with(|s| Arc::new(estimate::files(self.catalog, s, &wanted, before)))
            };
            ArcMemo::new_with_compare(make, |_, _| true)
        });
        self.files.update_value(|all| _ = all.insert(id.to_owned(), files.clone()));
        files
    }

    /// Makes a memo under the page's owner, not the caller's: the caller may be a row that is
    /// taken out.
    fn own<T>(self, make: impl FnOnce() -> T) -> T {
        self.owner.with_value(|owner| owner.with(make))
    }
}

/// `change` as what could be called again, and then does nothing.
fn once(change: impl FnOnce(&mut Scenario)) -> impl FnMut(&mut Scenario) {
    let mut change = Some(change);
    move |scenario| {
        if let Some(change) = change.take() {
            change(scenario);
        }
    }
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
