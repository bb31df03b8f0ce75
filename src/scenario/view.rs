//! How the comparison is laid out: which parts of the question its rows and columns are, or that
//! the accuracy page is shown in its place. Keys `rows`, `cols` and `view`.

use super::notation::{Codec, Control, Notation as _, Unset, words};
use super::{ParseError, Scenario, View};

words! {
    /// A part of the question that can have several entries, and so can be rows or columns.
    #[derive(PartialOrd, Ord)]
    Axis {
        /// The machines.
        Hardware = "hardware",
        /// The models.
        Model = "model",
        /// The quantisations.
        Quant = "quant",
        /// The engines.
        Engine = "engine",
    }
}

impl Axis {
    /// How many entries `scenario` has on it.
    pub fn count(self, scenario: &Scenario) -> usize {
        match self {
            Axis::Hardware => scenario.machines.len(),
            Axis::Model => scenario.models.len(),
            Axis::Quant => scenario.quants.len(),
            Axis::Engine => scenario.engines.len(),
        }
    }
}

/// The most columns of a table. What there are more of are rows.
const MOST_COLUMNS: usize = 64;

impl Axis {
    /// Its entries could be columns.
    fn fits_columns(self, scenario: &Scenario) -> bool {
        !scenario.view.rows.contains(&self) && self.count(scenario) <= MOST_COLUMNS
    }
}

impl Scenario {
    /// Gives up columns that are rows as well, or too many, and says which of the axes could be
    /// columns.
    pub(super) fn drop_unfit_columns(&mut self) -> Option<(Axis, ParseError)> {
        let cols = self.view.cols.filter(|cols| !cols.fits_columns(self))?;
        let free = Axis::ALL.iter().filter(|axis| axis.fits_columns(self));
        let names: Vec<&str> = free.map(|axis| axis.name()).collect();
        let error = ParseError::malformed(names.join(", "));
        self.view.cols = None;
        Some((cols, error))
    }
}

/// The axis of the rows, after that of the groups of rows if there is one.
#[derive(Clone, Copy, Debug)]
pub struct RowAxes;

impl Codec for RowAxes {
    type Value = Vec<Axis>;

    fn parse(&self, text: &str) -> Result<Vec<Axis>, ParseError> {
        let axis = |name: &str| Axis::parse(name.trim()).ok();
        let axes = text.split(',').map(axis).collect::<Option<Vec<_>>>();
        let differ = |axes: &Vec<Axis>| axes.len() <= 2 && axes.first() != axes.get(1);
        axes.filter(differ).ok_or_else(|| ParseError::malformed(self.accepted()))
    }

    fn format(&self, value: &Vec<Axis>) -> String {
        value.iter().map(|axis| axis.name()).collect::<Vec<_>>().join(",")
    }

    fn accepted(&self) -> String {
        format!("{}; two of them: groups,rows", Axis::accepted())
    }

    fn control(&self) -> Control {
        Control::Text
    }

    fn unset(&self) -> Option<Unset> {
        Some(Unset::Page)
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<Vec<Axis>> {
        use proptest::prelude::*;
        proptest::sample::subsequence(Axis::ALL.to_vec(), 0..3).boxed()
    }
}

/// Which axes a table shows. Of the others it shows one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Groups of rows.
    pub groups: Option<Axis>,
    /// Rows.
    pub rows: Axis,
    /// Columns.
    pub cols: Axis,
}

impl Layout {
    /// The layout of `scenario`: as asked for, else the one that shows most of what is compared.
    ///
    /// Columns are quantisations where there are several. The rows are what else there are
    /// several of: of three, hardware gives way, since engines and models are then read against
    /// each other on one machine at a time.
    pub fn of(scenario: &Scenario) -> Layout {
        let several = |axis: Axis| axis.count(scenario) > 1;
        let asked = &scenario.view.rows;
        let free = |axis: &Axis| axis.fits_columns(scenario);
        let is_row = |axis: &Axis| asked.contains(axis);
        let cols = scenario.view.cols.filter(free).unwrap_or_else(|| {
            let both = several(Axis::Model) && several(Axis::Hardware);
            let wanted = [
                (Axis::Quant, several(Axis::Quant)),
                (Axis::Engine, several(Axis::Engine)),
                (Axis::Hardware, both || is_row(&Axis::Model) && several(Axis::Hardware)),
                (Axis::Model, is_row(&Axis::Hardware) && several(Axis::Model)),
                (Axis::Quant, true),
                (Axis::Model, true),
                (Axis::Hardware, true),
            ];
            let wanted = wanted.into_iter().filter(|(axis, wanted)| *wanted && free(axis));
            wanted.map(|(axis, _)| axis).next().unwrap_or(Axis::Engine)
        });
        match asked.as_slice() {
            [groups, rows, ..] => return Layout { groups: Some(*groups), rows: *rows, cols },
            [rows] => return Layout { groups: None, rows: *rows, cols },
            [] => {}
        }
        let rows: Vec<Axis> =
            Axis::ALL.into_iter().filter(|axis| *axis != cols && several(*axis)).collect();
        match rows.as_slice() {
            [.., groups, rows] => Layout { groups: Some(*groups), rows: *rows, cols },
            [rows] => Layout { groups: None, rows: *rows, cols },
            [] if cols == Axis::Model => Layout { groups: None, rows: Axis::Hardware, cols },
            [] => Layout { groups: None, rows: Axis::Model, cols },
        }
    }

    /// The axes of which one entry is shown.
    pub fn hidden(self) -> impl Iterator<Item = Axis> {
        let shown = [self.groups, Some(self.rows), Some(self.cols)];
        Axis::ALL.into_iter().filter(move |axis| !shown.contains(&Some(*axis)))
    }

    /// What to ask for to get this layout.
    pub fn view(self) -> View {
        View {
            rows: self.groups.into_iter().chain([self.rows]).collect(),
            cols: Some(self.cols),
            accuracy: None,
        }
    }

    /// The layout with `axis` as its rows; what was there goes where `axis` was.
    pub fn with_rows(self, axis: Axis) -> Layout {
        self.swapped(axis, self.rows)
    }

    /// The layout with `axis` as its columns; what was there goes where `axis` was.
    pub fn with_cols(self, axis: Axis) -> Layout {
        self.swapped(axis, self.cols)
    }

    /// The layout with groups of rows by `axis`, or none.
    pub fn with_groups(self, axis: Option<Axis>) -> Layout {
        match (axis, self.groups) {
            (Some(axis), Some(groups)) => self.swapped(axis, groups),
            (Some(axis), None) if axis == self.rows || axis == self.cols => self,
            (axis, _) => Layout { groups: axis, ..self },
        }
    }

    fn swapped(self, a: Axis, b: Axis) -> Layout {
        let swap = |axis: Axis| match axis {
            axis if axis == a => b,
            axis if axis == b => a,
            axis => axis,
        };
        Layout { groups: self.groups.map(swap), rows: swap(self.rows), cols: swap(self.cols) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::Quant;
    use crate::scenario::{DeviceCount, Engine, Machine};

    /// A question with that many models, machines, quantisations and engines.
    fn question(models: usize, machines: usize, quants: usize, engines: usize) -> Scenario {
        let machine = |i: usize| Machine {
            devices: vec![DeviceCount { id: format!("d{i}"), count: 1, memory_gb: None }],
        };
        Scenario {
            models: (0..models).map(|i| format!("m{i}")).collect(),
            machines: (0..machines).map(machine).collect(),
            quants: Quant::all().take(quants).collect(),
            engines: Engine::ALL.iter().copied().take(engines).collect(),
            ..Scenario::default()
        }
    }

    fn layout(models: usize, machines: usize, quants: usize, engines: usize) -> Layout {
        Layout::of(&question(models, machines, quants, engines))
    }

    #[test]
    fn what_is_compared_is_shown() {
        use Axis::*;
        let is = |groups, rows, cols| Layout { groups, rows, cols };
        assert_eq!(layout(1, 1, 1, 1), is(None, Model, Quant));
        assert_eq!(layout(3, 1, 3, 1), is(None, Model, Quant));
        assert_eq!(layout(1, 20, 3, 1), is(None, Hardware, Quant));
        assert_eq!(layout(1, 20, 1, 1), is(None, Hardware, Quant));
        assert_eq!(layout(1, 1, 3, 2), is(None, Engine, Quant));
        assert_eq!(layout(3, 1, 1, 2), is(None, Model, Engine));
        assert_eq!(layout(3, 4, 1, 1), is(None, Model, Hardware));
        assert_eq!(layout(3, 4, 3, 1), is(Some(Hardware), Model, Quant));
        assert_eq!(layout(3, 1, 3, 2), is(Some(Model), Engine, Quant));
        assert_eq!(layout(1, 4, 3, 2), is(Some(Hardware), Engine, Quant));
        assert_eq!(layout(3, 4, 3, 2), is(Some(Model), Engine, Quant));
        assert_eq!(layout(3, 4, 3, 2).hidden().collect::<Vec<_>>(), [Hardware]);
    }

    #[test]
    fn every_layout_has_three_different_axes_and_can_be_asked_for() {
        let axes = || Axis::ALL.into_iter().map(Some).chain([None]);
        for counts in 0..81 {
            let n = |power: u32| (counts / 3usize.pow(power)) % 3;
            let mut scenario = question(n(0), n(1), n(2), n(3));
            for (a, b, cols) in axes()
                .flat_map(|a| axes().flat_map(move |b| axes().map(move |c| (a, b, c))))
                .filter(|(a, b, _)| a.is_some() || b.is_none())
                .filter(|(a, b, _)| a.is_none() || a != b)
            {
                scenario.view =
                    View { rows: a.into_iter().chain(b).collect(), cols, accuracy: None };
                let layout = Layout::of(&scenario);
                let distinct = |l: Layout| {
                    l.rows != l.cols && l.groups != Some(l.rows) && l.groups != Some(l.cols)
                };
                assert!(distinct(layout), "{layout:?}");
                scenario.view = layout.view();
                assert_eq!(Layout::of(&scenario), layout);
                for axis in Axis::ALL {
                    assert!(distinct(layout.with_rows(axis)));
                    assert_eq!(layout.with_rows(axis).rows, axis);
                    assert!(distinct(layout.with_cols(axis)));
                    assert_eq!(layout.with_cols(axis).cols, axis);
                    assert!(distinct(layout.with_groups(Some(axis))));
                }
                assert_eq!(layout.with_groups(None).groups, None);
            }
        }
    }

    #[test]
    fn the_keys_are_read_and_written() {
        let (scenario, problems) = Scenario::from_query("rows=Hardware,engine&cols=model");
        assert_eq!(problems, []);
        assert_eq!(scenario.to_query(), "rows=hardware,engine&cols=model");
        for wrong in ["rows=model,model", "rows=a", "rows=model,quant,engine", "cols=model,quant"] {
            let (scenario, problems) = Scenario::from_query(wrong);
            assert_eq!(problems.len(), 1, "{wrong}");
            assert!(problems[0].accepted.contains("hardware, model, quant, engine"));
            assert_eq!(scenario.view, View::default());
            assert!(scenario.to_query().starts_with(&wrong[..4]), "kept in the link");
        }
    }

    #[test]
    fn what_there_are_too_many_of_are_no_columns() {
        let models = |n: usize| (0..n).map(|n| format!("m{n}")).collect::<Vec<_>>().join(",");
        for rest in ["cols=model", "rows=hardware", "rows=hardware&cols=model"] {
            let query = |n| format!("model={}&quant=Q8_0&{rest}", models(n));
            let (scenario, problems) = Scenario::from_query(&query(MOST_COLUMNS));
            assert_eq!((Layout::of(&scenario).cols, problems), (Axis::Model, Vec::new()));
            let (scenario, problems) = Scenario::from_query(&query(MOST_COLUMNS + 1));
            assert_ne!(Layout::of(&scenario).cols, Axis::Model);
            assert_eq!(problems.len(), usize::from(rest.contains("cols")), "{rest}");
            assert!(problems.iter().all(|p| p.accepted.ends_with("quant, engine")));
            assert!(scenario.to_query().ends_with(rest), "kept in the link");
        }
    }

    #[test]
    fn columns_that_are_rows_as_well_are_told_of_in_either_order() {
        for wrong in ["rows=engine,model&cols=model", "cols=model&rows=engine,model"] {
            let (scenario, problems) = Scenario::from_query(wrong);
            assert_eq!(scenario.view.rows, [Axis::Engine, Axis::Model]);
            assert_eq!(scenario.view.cols, None);
            assert_eq!(problems[0].accepted, "hardware, quant");
            assert_eq!(scenario.to_query(), "rows=engine,model&cols=model", "kept in the link");
            let (again, repeated) = Scenario::from_query(&scenario.to_query());
            assert_eq!((again, repeated), (scenario, problems));
        }
    }
}
