//! Curves: the figures of one cell along context and users, for the charts.
//!
//! Every figure comes from the cell's [`Run`] as placed for the question's context and users, so
//! that the point there equals the cell of the [`Report`](crate::report::Report).

mod frontier;
mod memory;
mod points;
mod speed;

pub use frontier::{Frontier, Reach};
pub use memory::{CurveAxis, Memory, MemoryPoint};
pub use speed::{SpeedByContext, SpeedByUsers};

use crate::advice::{Capacity, Seated};
use crate::catalog::Catalog;
use crate::engine::{ModelFiles, Run};
use crate::estimate;
use crate::hardware::Loads;
use crate::report::Verdict;
use crate::scenario::{Scenario, Selected};

/// A cell whose curves can be computed.
pub struct CellCurves<'a> {
    scenario: &'a Scenario,
    file: &'a ModelFiles<'a>,
    run: &'a dyn Run,
    loads: Loads,
    verdict: Verdict,
    /// Users beyond these wait and take no memory.
    most_seated: u64,
}

impl CellCurves<'_> {
    /// Calls `draw` with the cell at `at`. `None` if it has no figures: there is no such cell, its
    /// model or a device is not in the catalogue, or the engine does not run it.
    pub fn with<T>(
        catalog: &Catalog,
        scenario: &Scenario,
        at: Selected,
        draw: impl FnOnce(&CellCurves<'_>) -> T,
    ) -> Option<T> {
        estimate::with_cell_run(catalog, scenario, at, |file, run| {
            let Seated { most: most_seated, loads, verdict, .. } = Seated::new(scenario, run);
            draw(&CellCurves { scenario, file, run, loads, verdict, most_seated })
        })
    }

    fn room(&self) -> Capacity<'_> {
        Capacity::new(self.scenario, self.run, &self.loads, self.verdict)
    }

    /// Returns the longest context that the model was trained for, in tokens.
    fn trained(&self) -> Option<u64> {
        self.file.model().architecture().max_context
    }
}
