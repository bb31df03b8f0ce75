//! Speed along context and along users.

use super::CellCurves;
use crate::catalog::Catalog;
use crate::estimate;
use crate::scenario::{Scenario, Selected};
use crate::speed::{Load, Service};
use crate::units::Interval;

/// Decode rate of a single user by filled context.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeedByContext {
    /// Filled context in tokens, ascending.
    pub depths: Vec<u64>,
    /// Tokens per second at each depth.
    pub tps: Vec<Interval<f64>>,
    /// Index of the question's context.
    pub asked: usize,
}

impl SpeedByContext {
    /// Computes the curve of the cell at `at`; `None` if there is no estimate of its speed.
    pub fn of(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Option<SpeedByContext> {
        let depths = CellCurves::with(catalog, scenario, at, |cell| cell.contexts())?;
        let speed = estimate::corrected_speed(catalog, scenario, at)?;
        let tps = depths.iter().map(|depth| speed.setup.decode_tps(*depth as f64)).collect();
        let asked = depths.iter().position(|depth| *depth == scenario.context).unwrap_or(0);
        Some(SpeedByContext { depths, tps, asked })
    }
}

/// Latencies and throughput by number of users.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeedByUsers {
    /// Numbers of concurrent users, ascending.
    pub users: Vec<u64>,
    /// Latencies and throughput for each number of users.
    pub services: Vec<Service>,
    /// Index of the question's number of users.
    pub asked: usize,
}

impl SpeedByUsers {
    /// Computes the curve of the cell at `at`; `None` if there is no estimate of its speed.
    pub fn of(catalog: &Catalog, scenario: &Scenario, at: Selected) -> Option<SpeedByUsers> {
        let users = CellCurves::with(catalog, scenario, at, |cell| cell.users())?;
        let speed = estimate::corrected_speed(catalog, scenario, at)?;
        let serve = |n: &u64| speed.setup.serve(&Load { users: *n as f64, ..speed.load });
        let services = users.iter().map(serve).collect();
        let asked = users.iter().position(|n| *n == scenario.users).unwrap_or(0);
        Some(SpeedByUsers { users, services, asked })
    }
}
