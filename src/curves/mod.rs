//! How the figures of one cell move as context and users do: what the charts draw.
//!
//! Every figure is asked of the cell's [`Run`] as it is placed for the context and users of the
//! question, so that the point at those is the cell of the [`Report`](crate::report::Report)
//! itself.

mod frontier;
mod memory;
mod points;
mod speed;

pub use frontier::{Frontier, Reach};
pub use memory::{CurveAxis, Memory, MemoryPoint};
pub use speed::{SpeedByContext, SpeedByUsers};

use crate::advice::{Capacity, verdict};
use crate::catalog::Catalog;
use crate::engine::{ModelFiles, Run};
use crate::estimate;
use crate::hardware::Loads;
use crate::report::Verdict;
use crate::scenario::{Scenario, Selected};

/// The cell that curves are drawn of.
pub struct CellCurves<'a> {
    scenario: &'a Scenario,
    file: &'a ModelFiles<'a>,
    run: &'a dyn Run,
    loads: Loads,
    verdict: Verdict,
}

impl CellCurves<'_> {
    /// Hands the cell at `at` to `draw`. `None` where it has no figures: there is no such cell, its
    /// model or a device is not in the catalogue, or the engine does not run it.
    pub fn with<T>(
        catalog: &Catalog,
        scenario: &Scenario,
        at: Selected,
        draw: impl FnOnce(&CellCurves<'_>) -> T,
    ) -> Option<T> {
        estimate::with_cell_run(catalog, scenario, at, |file, run| {
            let loads = run.loads(scenario.context, scenario.users);
            let verdict = verdict(run, &loads);
            draw(&CellCurves { scenario, file, run, loads, verdict })
        })
    }

    fn room(&self) -> Capacity<'_> {
        Capacity::new(self.scenario, self.run, &self.loads, self.verdict)
    }

    /// The longest context that the model was trained for, in tokens.
    fn trained(&self) -> Option<u64> {
        self.file.model().architecture().max_context
    }
}
