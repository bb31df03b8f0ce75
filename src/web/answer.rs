//! Which cell of the table the answer sentence speaks of, and what it adds.

use std::cmp::Reverse;

use crate::report::{Cell, Notice, Verdict};
use crate::scenario::{Scenario, Selected};

/// The answers for one model: see [`crate::estimate::row`].
pub type Row = Vec<Result<Cell, Notice>>;

/// How many cells a row has for each machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Quantisations.
    pub quants: usize,
    /// Engines, for each of them.
    pub engines: usize,
}

impl Columns {
    /// The columns of `scenario`.
    pub fn of(scenario: &Scenario) -> Columns {
        Columns { quants: scenario.quants.len(), engines: scenario.engines.len() }
    }

    /// Where in a row the cell at `at` is; `None` if there is no such column.
    pub fn index(self, at: Selected) -> Option<usize> {
        let Columns { quants, engines } = self;
        if at.quant >= quants || at.engine >= engines {
            return None;
        }
        let column = at.machine.checked_mul(quants)?.checked_add(at.quant)?;
        column.checked_mul(engines)?.checked_add(at.engine)
    }

    /// The entry of a row for the cell at `at`. A row that is a single error, as of an unknown
    /// model, has that for each.
    pub fn entry(self, row: &Row, at: Selected) -> Option<&Result<Cell, Notice>> {
        match row.as_slice() {
            [whole @ Err(_)] => Some(whole),
            _ => row.get(self.index(at)?),
        }
    }

    /// The cell that stands at `index` in the row of `model`.
    fn at(self, model: usize, index: usize) -> Selected {
        let engines = self.engines.max(1);
        let (column, engine) = (index / engines, index % engines);
        let quants = self.quants.max(1);
        Selected { model, machine: column / quants, quant: column % quants, engine }
    }
}

/// What the sentence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The cell of the verdict: the largest model, where it runs best.
    pub lead: Selected,
    /// The next larger quantisation of it on the same machine, which does not fit.
    pub larger: Option<Selected>,
    /// If the largest model does not fit on the devices: the largest other one that does.
    pub other: Option<Selected>,
}

/// Chooses what to say of `rows`. `None` if no cell has a figure.
pub fn choose(rows: &[Row], columns: Columns) -> Option<Answer> {
    let best = rows.iter().enumerate().filter_map(|(model, row)| best_of(model, row, columns));
    let best: Vec<(Selected, &Cell)> = best.collect();
    let (lead, cell) = *best.iter().max_by_key(|(at, c)| (c.params_total, Reverse(at.model)))?;
    let larger = (0..columns.quants)
        .filter_map(|quant| {
            let at = Selected { quant, ..lead };
            let larger = at_cell(rows, columns, at)?;
            let worse = larger.verdict > cell.verdict && !runs_whole(larger);
            (worse && larger.weights_bytes > cell.weights_bytes).then_some((at, larger))
        })
        .min_by_key(|(_, larger)| larger.weights_bytes)
        .map(|(at, _)| at);
    let fits = |cell: &Cell| cell.verdict == Verdict::Fits;
    let other = best.iter().filter(|(_, cell)| fits(cell)).max_by_key(|(_, c)| c.params_total);
    let other = other.filter(|_| !runs_whole(cell)).map(|(at, _)| *at);
    Some(Answer { lead, larger, other })
}

fn runs_whole(cell: &Cell) -> bool {
    matches!(cell.verdict, Verdict::Fits | Verdict::Tight)
}

/// The cell at `at`, if there is one with a figure.
pub fn at_cell(rows: &[Row], columns: Columns, at: Selected) -> Option<&Cell> {
    columns.entry(rows.get(at.model)?, at)?.as_ref().ok()
}

/// Where a model runs best: by verdict, then with the most bytes of weights. Of cells that do not
/// fit, the one that lacks the least.
fn best_of(model: usize, row: &Row, columns: Columns) -> Option<(Selected, &Cell)> {
    let cells = row.iter().enumerate().filter_map(|(at, cell)| Some((at, cell.as_ref().ok()?)));
    let (at, cell) = cells.min_by_key(|(at, cell)| {
        let then = match cell.verdict {
            Verdict::No => Reverse(cell.headroom_bytes),
            _ => Reverse(i64::try_from(cell.weights_bytes.0).unwrap_or(i64::MAX)),
        };
        (cell.verdict, then, *at)
    })?;
    Some((columns.at(model, at), cell))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{HostBill, Speed};
    use crate::units::{Bytes, GB, Interval};

    /// A cell of a model of `params` billions, `weights` GB large.
    fn cell(params: u64, weights: u64, verdict: Verdict, headroom_gb: i64) -> Result<Cell, Notice> {
        let bytes = Bytes(weights * GB);
        let none = Interval::exact(Bytes::ZERO);
        Ok(Cell {
            model: String::new(),
            hardware: String::new(),
            quant: String::new(),
            engine: String::new(),
            params_total: params * GB,
            params_active: params * GB,
            weights_bytes: bytes,
            loaded_bytes: bytes,
            kv_bytes: Bytes::ZERO,
            recurrent_bytes: Bytes::ZERO,
            compute_bytes: none,
            overhead_bytes: none,
            total_bytes: Interval::exact(bytes),
            device_bytes: Interval::exact(bytes),
            devices: Vec::new(),
            host: HostBill { ram_bytes: Bytes::ZERO, used_bytes: none, items: Vec::new() },
            verdict,
            headroom_bytes: headroom_gb * GB as i64,
            max_context: 0,
            trained_context: None,
            max_users: 0,
            copies: 0,
            speed: Speed::default(),
            flags: Vec::new(),
        })
    }

    fn at(model: usize, machine: usize, quant: usize) -> Selected {
        Selected { model, machine, quant, engine: 0 }
    }

    fn choose(rows: &[Row], quants: usize) -> Option<Answer> {
        super::choose(rows, Columns { quants, engines: 1 })
    }

    #[test]
    fn engines_are_told_apart() {
        let columns = Columns { quants: 3, engines: 2 };
        for index in 0..24 {
            assert_eq!(columns.index(columns.at(0, index)), Some(index));
        }
        assert_eq!(columns.index(Selected { model: 0, machine: 0, quant: 0, engine: 2 }), None);
    }

    fn unknown() -> Result<Cell, Notice> {
        Err(Notice::UnknownDevice { id: "x".to_owned(), nearest: Vec::new() })
    }

    #[test]
    fn the_largest_model_leads_at_its_best_quantisation() {
        use Verdict::{Fits, No};
        let rows = [
            vec![cell(30, 61, Fits, 30), cell(30, 32, Fits, 60), cell(30, 18, Fits, 70)],
            vec![cell(72, 145, No, -48), cell(72, 77, Fits, 14), cell(72, 47, Fits, 40)],
        ];
        let answer = choose(&rows, 3).unwrap();
        assert_eq!(answer, Answer { lead: at(1, 0, 1), larger: Some(at(1, 0, 0)), other: None });
    }

    #[test]
    fn a_better_verdict_wins_over_a_larger_quantisation() {
        use Verdict::{Fits, Offload, Tight};
        let rows = [vec![cell(8, 16, Offload, 0), cell(8, 9, Tight, 0), cell(8, 5, Fits, 2)]];
        assert_eq!(choose(&rows, 3).unwrap().lead, at(0, 0, 2));
    }

    #[test]
    fn where_nothing_fits_the_nearest_is_named_and_another_model_offered() {
        use Verdict::{Fits, No};
        let rows = [
            vec![cell(405, 800, No, -700), cell(405, 240, No, -140)],
            vec![cell(32, 65, Fits, 30), cell(32, 34, Fits, 60)],
        ];
        let answer = choose(&rows, 2).unwrap();
        assert_eq!((answer.lead, answer.other), (at(0, 0, 1), Some(at(1, 0, 0))));
    }

    #[test]
    fn machines_are_told_apart() {
        use Verdict::{Fits, No};
        let rows = [vec![cell(72, 77, No, -50), cell(72, 47, No, -20), cell(72, 77, Fits, 9)]];
        assert_eq!(choose(&[vec![unknown(), rows[0][2].clone()]], 1).unwrap().lead, at(0, 1, 0));
        assert_eq!(choose(&rows, 2).unwrap().lead, at(0, 1, 0));
    }

    #[test]
    fn without_figures_there_is_no_answer() {
        assert_eq!(choose(&[], 3), None);
        assert_eq!(choose(&[vec![unknown()]], 1), None);
        let one = Columns { quants: 1, engines: 1 };
        assert_eq!(at_cell(&[vec![unknown()]], one, at(usize::MAX, usize::MAX, 0)), None);
    }

    #[test]
    fn an_unknown_model_has_its_notice_in_every_cell() {
        let columns = Columns { quants: 3, engines: 2 };
        assert_eq!(columns.entry(&vec![unknown()], at(0, 1, 2)), Some(&unknown()));
    }
}
