//! Whether a placement runs, and by how much.

use crate::engine::llama_cpp::Placement;
use crate::placement::{Load, Loads};
use crate::report::Verdict;

/// The verdict on `loads` of a model with `n_layers` repeating layers under `placement`.
pub fn verdict(placement: &Placement, n_layers: u64, loads: &Loads) -> Verdict {
    let on_devices: u64 = placement.device_layers.iter().sum();
    let whole = on_devices > n_layers && placement.host_expert_layers == 0;
    if !loads.fit_expectedly() {
        return Verdict::No;
    }
    if loads.devices.is_empty() {
        return if loads.host.fits() { Verdict::Fits } else { Verdict::Tight };
    }
    match (whole, loads.fit()) {
        (true, true) => Verdict::Fits,
        (true, false) => Verdict::Tight,
        (false, _) => Verdict::Offload,
    }
}

/// Usable minus expected use: of the tightest device, or of the RAM without one. Where the model
/// does not fit, what is missing over all devices together.
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
