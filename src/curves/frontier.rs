//! How much context each of how many users can have: one line a quantisation.

use super::CellCurves;
use super::points::sample_points;
use crate::catalog::Catalog;
use crate::quant::Quant;
use crate::scenario::{Bounds, Scenario, Selected};

/// The longest contexts that fit, by users.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontier {
    /// Users, rising.
    pub users: Vec<u64>,
    /// Where the question's users are among them.
    pub asked: usize,
    /// One entry for each quantisation of the question that the engine runs, in its order.
    pub lines: Vec<Reach>,
    /// The longest context that the model was trained for, in tokens.
    pub trained: Option<u64>,
}

/// How far one quantisation reaches.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// The quantisation, as the engine loads it.
    pub quant: Quant,
    /// The longest context that fits, in tokens for each user; 0 where none does. One entry for
    /// each number of users.
    pub contexts: Vec<u64>,
}

impl Frontier {
    /// The frontier of the cell at `at`, with every quantisation of the question beside it.
    /// `None` where none of them has figures.
    pub fn of(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Option<Frontier> {
        let users = sample_points(1, Bounds::USERS.max, &[scenario.users]);
        // Whole octaves are enough: the lines are all but straight between them.
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
    /// The longest context that fits for each of `users`; 0 where the engine does not serve them.
    fn reach(&self, users: &[u64]) -> Vec<u64> {
        let room = self.room();
        let served = self.run.max_users();
        let reach = |n: &u64| if *n <= served { room.max_context_for(*n) } else { 0 };
        users.iter().map(reach).collect()
    }
}
