//! Which cell of a model on a machine a person would choose.

use std::cmp::Reverse;

use crate::report::{Cell, Summary, Verdict};

/// Whether `cell` lies wholly on its devices, with its allowance.
pub fn runs_whole(cell: &Cell) -> bool {
    cell.verdict == Verdict::Fits
}

/// Whether `cell` runs and decodes at least `floor` tokens per second, or its speed is not known.
pub fn is_fast_enough(cell: impl Into<Summary>, floor: f64) -> bool {
    let cell: Summary = cell.into();
    cell.verdict != Verdict::No && cell.decode_tps.is_none_or(|tps| tps >= floor)
}

/// The order in which a person would choose between `cell` and others of the same model on the same
/// machine, the best first.
///
/// That is the format with the most bits of those that lie wholly on the devices and decode at
/// least `floor` tokens per second; else whatever is fastest, however large; else what lacks the
/// least memory.
pub fn preference(cell: Summary, floor: f64) -> impl Ord + use<> {
    // Whole hundredths of a token per second: rates are neither negative nor NaN.
    let speed = cell.decode_tps.map_or(0, |tps| (tps * 100.0) as u64);
    let bits = cell.quant.nominal_bits();
    match cell.verdict {
        Verdict::Fits if is_fast_enough(cell, floor) => (0, Reverse(0), Reverse(bits), Reverse(0)),
        Verdict::Fits | Verdict::Tight | Verdict::Offload => {
            (1, Reverse(speed), Reverse(bits), Reverse(0))
        }
        Verdict::No => (2, Reverse(0), Reverse(0), Reverse(cell.headroom_bytes)),
    }
}
