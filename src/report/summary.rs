//! The figures of a cell by which many cells are compared.

use serde::Serialize;

use super::{Cell, Verdict};
use crate::quant::Quant;
use crate::units::Bytes;

/// What is asked of many cells at once: whether each runs, what it takes, and how fast it is. The
/// figures are those of the [`Cell`], without what takes long to find out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The format of the weights: [`Cell::quant`].
    pub quant: Quant,
    /// Whether it runs: [`Cell::verdict`].
    pub verdict: Verdict,
    /// Expected bytes on all devices together, or in RAM on a machine without devices:
    /// [`Cell::device_bytes`].
    pub device_bytes: Bytes,
    /// Expected bytes in the host's RAM: [`Cell::ram_bytes`].
    pub ram_bytes: Bytes,
    /// Expected free bytes: [`Cell::headroom_bytes`].
    pub headroom_bytes: i64,
    /// Expected decode rate for one user with the context full, in tokens per second; `None` if it
    /// is not known, or it does not run.
    pub decode_tps: Option<f64>,
}

impl From<&Cell> for Summary {
    fn from(cell: &Cell) -> Summary {
        Summary {
            quant: cell.quant,
            verdict: cell.verdict,
            device_bytes: cell.device_bytes.expected,
            ram_bytes: cell.ram_bytes(),
            headroom_bytes: cell.headroom_bytes,
            decode_tps: match cell.verdict {
                Verdict::No => None,
                _ => cell.speed.decode_tps.map(|tps| tps.expected),
            },
        }
    }
}
