//! Speed along context depth and along users.

use super::CellCurves;
use crate::catalog::Catalog;
use crate::estimate;
use crate::scenario::{Scenario, Selected};
use crate::speed::{Load, Service};
use crate::units::Interval;

/// Tokens a second for one user alone, by how much of the context is filled.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeedByContext {
    /// Tokens before the one decoded, rising.
    pub depths: Vec<u64>,
    /// Tokens a second there.
    pub tps: Vec<Interval<f64>>,
    /// The point of the question: all of its context.
    pub asked: usize,
}

impl SpeedByContext {
    /// The cell at `at`; `None` where there is no estimate of its speed.
    pub fn of(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Option<SpeedByContext> {
        let depths = CellCurves::with(catalog, scenario, at, |cell| cell.contexts())?;
        let pace = estimate::corrected_speed(catalog, scenario, at)?;
        let tps = depths.iter().map(|depth| pace.setup.decode_tps(*depth as f64)).collect();
        let asked = depths.iter().position(|depth| *depth == scenario.context).unwrap_or(0);
        Some(SpeedByContext { depths, tps, asked })
    }
}

/// How the users fare, by how many they are.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeedByUsers {
    /// Users at once, rising.
    pub users: Vec<u64>,
    /// How they fare.
    pub services: Vec<Service>,
    /// The point of the question.
    pub asked: usize,
}

impl SpeedByUsers {
    /// The cell at `at`; `None` where there is no estimate of its speed.
    pub fn of(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Option<SpeedByUsers> {
        let users = CellCurves::with(catalog, scenario, at, |cell| cell.users())?;
        let pace = estimate::corrected_speed(catalog, scenario, at)?;
        let serve = |n: &u64| pace.setup.serve(&Load { users: *n as f64, ..pace.load });
        let services = users.iter().map(serve).collect();
        let asked = users.iter().position(|n| *n == scenario.users).unwrap_or(0);
        Some(SpeedByUsers { users, services, asked })
    }
}
