//! Which cell of the table the answer sentence speaks of, and what it adds.

use std::cmp::Reverse;

use crate::report::{Cell, Notice, Verdict};
use crate::scenario::{Scenario, Selected};

/// The answers for one model on one machine: each quantisation x engine, or a single error as of
/// an unknown model. See [`crate::estimate::cells`].
pub type Row = Vec<Result<Cell, Notice>>;

/// The entry for the cell at `at` in the row of its model and machine.
pub fn entry<'a>(
    row: &'a Row,
    scenario: &Scenario,
    at: Selected,
) -> Option<&'a Result<Cell, Notice>> {
    match row.as_slice() {
        [whole @ Err(_)] => Some(whole),
        _ if at.engine >= scenario.engines.len() => None,
        _ => row.get(at.quant.checked_mul(scenario.engines.len())?.checked_add(at.engine)?),
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

/// Chooses what to say of the cells shown. `None` if there are none.
pub fn choose(cells: &[(Selected, &Cell)]) -> Option<Answer> {
    let mut best: Vec<(Selected, &Cell)> = Vec::new();
    for (at, cell) in cells {
        match best.iter_mut().find(|(of, _)| of.model == at.model) {
            None => best.push((*at, cell)),
            Some(best) if rank((*at, cell)) < rank(*best) => *best = (*at, cell),
            Some(_) => {}
        }
    }
    let (lead, cell) = *best.iter().max_by_key(|(at, c)| (c.params_total, Reverse(at.model)))?;
    let beside = |(at, _): &&(Selected, &Cell)| Selected { quant: at.quant, ..lead } == *at;
    let larger = cells
        .iter()
        .filter(beside)
        .filter(|(_, larger)| {
            let worse = larger.verdict > cell.verdict && !runs_whole(larger);
            worse && larger.weights_bytes > cell.weights_bytes
        })
        .min_by_key(|(_, larger)| larger.weights_bytes)
        .map(|(at, _)| *at);
    let fits = |cell: &Cell| cell.verdict == Verdict::Fits;
    let other = best.iter().filter(|(_, cell)| fits(cell)).max_by_key(|(_, c)| c.params_total);
    let other = other.filter(|_| !runs_whole(cell)).map(|(at, _)| *at);
    Some(Answer { lead, larger, other })
}

fn runs_whole(cell: &Cell) -> bool {
    matches!(cell.verdict, Verdict::Fits | Verdict::Tight)
}

/// How well a model runs in a cell, the best first: by verdict, then with the most bytes of
/// weights. Of cells that do not fit, the one that lacks the least.
fn rank((at, cell): (Selected, &Cell)) -> impl Ord + use<> {
    let then = match cell.verdict {
        Verdict::No => Reverse(cell.headroom_bytes),
        _ => Reverse(i64::try_from(cell.weights_bytes.0).unwrap_or(i64::MAX)),
    };
    (cell.verdict, then, at.machine, at.quant, at.engine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Economy, HostBill, Placement, Speed};
    use crate::units::{Bytes, GB, Interval};

    /// A cell of a model of `params` billions, `weights` GB large.
    fn cell(params: u64, weights: u64, verdict: Verdict, headroom_gb: i64) -> Result<Cell, Notice> {
        let bytes = Bytes(weights * GB);
        let none = Interval::exact(Bytes::ZERO);
        Ok(Cell {
            model: String::new(),
            hardware: String::new(),
            quant: String::new(),
            stands_for: None,
            placement: Placement::default(),
            engine: String::new(),
            params_total: params * GB,
            params_active: params * GB,
            weights_bytes: bytes,
            loaded_bytes: bytes,
            kv_bytes: Bytes::ZERO,
            recurrent_bytes: Bytes::ZERO,
            compute_bytes: none,
            beside_bytes: none,
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
            economy: Economy::default(),
            flags: Vec::new(),
        })
    }

    fn at(model: usize, machine: usize, quant: usize) -> Selected {
        Selected { model, machine, quant, engine: 0 }
    }

    /// The answer to rows of machine x quantisation, one a model.
    fn choose(rows: &[Row], quants: usize) -> Option<Answer> {
        let cells = rows.iter().enumerate().flat_map(|(model, row)| {
            let place = move |i: usize| at(model, i / quants, i % quants);
            row.iter().enumerate().filter_map(move |(i, c)| Some((place(i), c.as_ref().ok()?)))
        });
        super::choose(&cells.collect::<Vec<_>>())
    }

    #[test]
    fn a_row_is_read_by_quantisation_and_engine() {
        let (scenario, _) = Scenario::from_query("engine=llama.cpp,vllm");
        let row: Row = (0..6).map(|n| cell(n, 1, Verdict::Fits, 0)).collect();
        let params = |quant, engine| {
            let found = entry(&row, &scenario, Selected { model: 0, machine: 9, quant, engine });
            found.map(|cell| cell.as_ref().unwrap().params_total / GB)
        };
        assert_eq!([params(0, 1), params(2, 0)], [Some(1), Some(4)]);
        assert_eq!([params(0, 2), params(3, 0), params(usize::MAX, 0)], [None; 3]);
        assert_eq!(entry(&vec![unknown()], &scenario, at(0, 1, 2)), Some(&unknown()));
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
    }
}
