//! The frontier of context and users: the longest context by number of users, one line per
//! quantisation.

use super::CellCurves;
use super::points::sample_points;
use crate::catalog::Catalog;
use crate::quant::Quant;
use crate::scenario::{Bounds, Scenario, Selected};

/// The longest contexts that fit, by number of users.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontier {
    /// Numbers of users, ascending.
    pub users: Vec<u64>,
    /// Index of the question's number of users in `users`.
    pub asked: usize,
    /// One line per quantisation of the question that the engine runs, in the question's order.
    pub lines: Vec<Reach>,
    /// The longest context that the model was trained for, in tokens.
    pub trained: Option<u64>,
}

/// The longest contexts that fit with one quantisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// The quantisation, as the engine loads it.
    pub quant: Quant,
    /// The longest context that fits, in tokens per user, for each number of users; 0 if none does.
    pub contexts: Vec<u64>,
}

impl Frontier {
    /// Computes the frontier of the cell at `at` for every quantisation of the question. `None` if
    /// none of them has figures.
    pub fn of(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Option<Frontier> {
        let users = sample_points(1, Bounds::USERS.max, &[scenario.users]);
        // Powers of two are enough: the lines are almost straight between them.
        let mut users: Vec<u64> =
            users.into_iter().filter(|n| n.is_power_of_two() || *n == scenario.users).collect();
        let asked = users.iter().position(|n| *n == scenario.users).unwrap_or(0);
        let mut trained = None;
        let lines = (0..scenario.quants.len()).filter_map(|quant| {
            let at = Selected { quant, ..at };
            CellCurves::with(catalog, scenario, at, |cell| {
                trained = cell.trained();
                Reach { quant: cell.file.quant(), contexts: cell.reach(&users) }
            })
        });
        let mut lines: Vec<Reach> = lines.collect();
        lines.dedup_by_key(|line| line.quant);
        let reached = |at: &usize| lines.iter().any(|line| line.contexts[*at] > 0);
        let last = (0..users.len()).rev().find(reached).unwrap_or(0).max(asked);
        users.truncate(last + 1);
        lines.iter_mut().for_each(|line| line.contexts.truncate(last + 1));
        (!lines.is_empty()).then_some(Frontier { users, asked, lines, trained })
    }
}

impl CellCurves<'_> {
    /// Returns the longest context that fits for each of `users`; 0 if the engine does not serve as
    /// many.
    fn reach(&self, users: &[u64]) -> Vec<u64> {
        let room = self.room();
        let served = self.run.max_users();
        let reach = |n: &u64| if *n <= served { room.max_context_for(*n) } else { 0 };
        users.iter().map(reach).collect()
    }
}
