//! The entries of the table's axes: what a row, a column or a group of rows stands for.

use std::borrow::Cow;

use headroom::estimate::Answered;
use headroom::quant::Quant;
use headroom::scenario::{Axis, Engine, Layout, Scenario, Selected};

/// The most letters of a name that someone typed.
const LONGEST: usize = 60;

/// A name or value as typed; of a very long one the beginning and the end.
pub fn shorten(text: &str) -> Cow<'_, str> {
    let end = |n: usize| text.char_indices().rev().nth(n - 1).map_or(0, |(at, _)| at);
    match text.char_indices().nth(LONGEST) {
        None => text.into(),
        Some(_) => {
            let head: String = text.chars().take(LONGEST * 2 / 3).collect();
            format!("{head}…{}", &text[end(LONGEST / 3 - 1)..]).into()
        }
    }
}

/// One entry of an axis, by what it is rather than where it stands, so that it survives changes
/// around it. Machines are told by their place: two may be alike, and one being changed stays the
/// same machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AxisEntry {
    /// A model by its id.
    Model(String),
    /// A machine by its place.
    Hardware(usize),
    /// A quantisation.
    Quant(Quant),
    /// An engine.
    Engine(Engine),
}

impl AxisEntry {
    /// The entries of `axis` that are answered, as asked for.
    pub fn all(axis: Axis, scenario: &Scenario) -> Vec<AxisEntry> {
        let Answered { models, machines, .. } = Answered::of(scenario);
        match axis {
            Axis::Model => {
                scenario.models.iter().take(models).cloned().map(AxisEntry::Model).collect()
            }
            Axis::Hardware => (0..machines).map(AxisEntry::Hardware).collect(),
            Axis::Quant => scenario.quants.iter().copied().map(AxisEntry::Quant).collect(),
            Axis::Engine => scenario.engines.iter().copied().map(AxisEntry::Engine).collect(),
        }
    }

    /// The entry of `axis` that `at` is in.
    pub fn of(axis: Axis, scenario: &Scenario, at: Selected) -> Option<AxisEntry> {
        AxisEntry::all(axis, scenario).into_iter().nth(*index(axis, &mut { at }))
    }

    /// Whether the row of answers that `at` is in, of one model on one machine, has cells in it.
    pub fn has(&self, scenario: &Scenario, at: Selected) -> bool {
        match self {
            AxisEntry::Model(id) => scenario.models.get(at.model) == Some(id),
            AxisEntry::Hardware(machine) => *machine == at.machine,
            AxisEntry::Quant(_) | AxisEntry::Engine(_) => true,
        }
    }

    /// The axis that it is on.
    pub fn axis(&self) -> Axis {
        match self {
            AxisEntry::Model(_) => Axis::Model,
            AxisEntry::Hardware(_) => Axis::Hardware,
            AxisEntry::Quant(_) => Axis::Quant,
            AxisEntry::Engine(_) => Axis::Engine,
        }
    }

    /// Where on its axis it stands in `scenario`; `None` if it is not there.
    pub fn position(&self, scenario: &Scenario) -> Option<usize> {
        match self {
            AxisEntry::Model(id) => scenario.models.iter().position(|model| model == id),
            AxisEntry::Hardware(at) => (*at < scenario.machines.len()).then_some(*at),
            AxisEntry::Quant(quant) => scenario.quants.iter().position(|present| present == quant),
            AxisEntry::Engine(engine) => {
                scenario.engines.iter().position(|present| present == engine)
            }
        }
    }

    /// Moves `at` into this entry; `None` if `scenario` does not have it.
    pub fn place(&self, scenario: &Scenario, mut at: Selected) -> Option<Selected> {
        *index(self.axis(), &mut at) = self.position(scenario)?;
        Some(at)
    }
}

/// The place of a cell on an axis.
pub fn index(axis: Axis, at: &mut Selected) -> &mut usize {
    match axis {
        Axis::Model => &mut at.model,
        Axis::Hardware => &mut at.machine,
        Axis::Quant => &mut at.quant,
        Axis::Engine => &mut at.engine,
    }
}

/// Where the table is open on the axes that it does not show: at the open cell, else at the first
/// entries.
pub fn focused_cell(scenario: &Scenario) -> Selected {
    let first = Selected { model: 0, machine: 0, quant: 0, engine: 0 };
    scenario.selected.filter(|at| exists(scenario, *at)).unwrap_or(first)
}

/// There is such a cell, and it is answered.
pub fn exists(scenario: &Scenario, mut at: Selected) -> bool {
    Axis::ALL.into_iter().all(|axis| *index(axis, &mut at) < count(axis, scenario))
}

/// How many entries of an axis are answered.
fn count(axis: Axis, scenario: &Scenario) -> usize {
    let Answered { models, machines, .. } = Answered::of(scenario);
    match axis {
        Axis::Model => models,
        Axis::Hardware => machines,
        Axis::Quant | Axis::Engine => axis.count(scenario),
    }
}

/// The cells that the table shows, by model, machine, quantisation and engine.
pub fn shown(scenario: &Scenario, layout: Layout) -> Vec<Selected> {
    let mut at = focused_cell(scenario);
    let hidden: Vec<Axis> = layout.hidden().collect();
    let mut along = |axis: Axis| match hidden.contains(&axis) {
        true => *index(axis, &mut at)..(*index(axis, &mut at) + 1).min(count(axis, scenario)),
        false => 0..count(axis, scenario),
    };
    let [models, machines] = [along(Axis::Model), along(Axis::Hardware)];
    let [quants, engines] = [along(Axis::Quant), along(Axis::Engine)];
    let mut cells = Vec::new();
    for model in models {
        for machine in machines.clone() {
            for quant in quants.clone() {
                for engine in engines.clone() {
                    cells.push(Selected { model, machine, quant, engine });
                }
            }
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(query: &str) -> Scenario {
        Scenario::from_query(query).0
    }

    #[test]
    fn an_axis_that_is_not_shown_is_open_at_the_open_cell() {
        let scenario = question("hw=a;b;c&engine=llama.cpp,vllm&cell=1.2.0.1");
        let layout = Layout::of(&scenario);
        assert_eq!(layout.hidden().collect::<Vec<_>>(), [Axis::Hardware]);
        let cells = shown(&scenario, layout);
        assert_eq!(cells.len(), 3 * 3 * 2);
        assert!(cells.iter().all(|at| at.machine == 2));
        let scenario = question("hw=a;b;c&engine=llama.cpp,vllm&cell=9.2.0.1");
        assert!(shown(&scenario, layout).iter().all(|at| at.machine == 0), "no such cell");
    }

    #[test]
    fn a_long_name_is_shortened_in_the_middle() {
        assert_eq!(shorten("qwen3-32b"), "qwen3-32b");
        let sixty = "ж".repeat(LONGEST);
        assert_eq!(shorten(&sixty), sixty);
        let long = format!("start{}end", "ж".repeat(5000));
        let short = shorten(&long);
        assert_eq!(short.chars().count(), LONGEST);
        assert!(short.starts_with("startж") && short.ends_with("жend"), "{short}");
    }

    #[test]
    fn no_more_is_shown_than_is_answered() {
        let models: Vec<String> = (0..600).map(|n| format!("m{n}")).collect();
        let machines: Vec<String> = (0..32).map(|n| format!("d{n}")).collect();
        let (models, machines) = (models.join(","), machines.join(";"));
        let query = format!("model={models}&hw={machines}&rows=hardware,model&cell=599.0.0.0");
        let scenario = question(&query);
        let cells = shown(&scenario, Layout::of(&scenario));
        // 20,000 cells at most, of whole models: 208 x 32 x 3.
        assert_eq!(cells.len(), 208 * 32 * 3);
        assert_eq!(AxisEntry::all(Axis::Model, &scenario).len(), 208);
        assert!(cells.iter().all(|at| exists(&scenario, *at)));
        assert!(!exists(&scenario, scenario.selected.unwrap()));
    }

    #[test]
    fn an_empty_axis_has_no_cells() {
        for query in ["model=", "hw=", "quant=", "engine="] {
            let scenario = question(query);
            assert_eq!(shown(&scenario, Layout::of(&scenario)), [], "{query}");
        }
    }

    #[test]
    fn every_cell_of_the_table_is_found_by_its_entries() {
        let scenario = question("hw=a;b&engine=llama.cpp,vllm");
        for at in shown(&scenario, Layout::of(&scenario)) {
            let entries = Axis::ALL.map(|axis| AxisEntry::of(axis, &scenario, at).unwrap());
            let found =
                entries.iter().try_fold(focused_cell(&scenario), |at, e| e.place(&scenario, at));
            assert_eq!(found, Some(at));
        }
        assert_eq!(AxisEntry::Hardware(2).place(&scenario, focused_cell(&scenario)), None);
    }
}
