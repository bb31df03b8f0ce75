//! Whether a run fits, and by how much.

use crate::engine::Run;
use crate::hardware::{Load, Loads};
use crate::report::Verdict;

/// Returns the verdict on `run` with `loads`.
pub fn verdict(run: &dyn Run, loads: &Loads) -> Verdict {
    if !run.is_feasible() || !loads.fit_expectedly() {
        return Verdict::No;
    }
    if loads.devices.is_empty() {
        return if loads.host.fits() { Verdict::Fits } else { Verdict::Tight };
    }
    match (run.offloads(), loads.fit() && run.starts_for_certain()) {
        (false, true) => Verdict::Fits,
        (false, false) => Verdict::Tight,
        (true, _) => Verdict::Offload,
    }
}

/// Usable minus expected use of the tightest device, or of the RAM on a machine without devices. If
/// the model does not fit, the sum over all devices.
pub fn headroom(loads: &Loads, verdict: Verdict) -> i64 {
    let rooms = || loads.devices.iter().map(Load::headroom);
    let tightest = rooms().min().unwrap_or_else(|| loads.host.headroom());
    if verdict != Verdict::No {
        return tightest;
    }
    match rooms().fold(0, i64::saturating_add) {
        missing if missing < 0 => missing,
        _ => tightest.min(loads.host.headroom()),
    }
}
