//! The figures of a cell that a table of cells shows.

use super::{Cell, Summary};
use crate::quant::Quant;
use crate::speed::Bottleneck;
use crate::units::{Bytes, Interval};

/// What a table shows of a cell. The figures are those of the [`Cell`], without its limits and its
/// bills, which take most of the time that a cell takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Verdict, format and bytes.
    pub summary: Summary,
    /// The requested format, if the weights are in another: [`Cell::requested_quant`].
    pub requested_quant: Option<Quant>,
    /// Total parameters: [`Cell::params_total`].
    pub params_total: u64,
    /// Parameters that a token passes: [`Cell::params_active`].
    pub params_active: u64,
    /// Bytes of the weights' file: [`Cell::weights_bytes`].
    pub weights_bytes: Bytes,
    /// Bytes that can be used on all devices together, or of the RAM of a machine without devices.
    pub usable_bytes: Bytes,
    /// The machine has devices.
    pub has_devices: bool,
    /// How fast it decodes: [`Speed::decode_tps`](super::Speed::decode_tps).
    pub decode: Option<DecodeRate>,
    /// Copies that fit side by side: [`Cell::copies`].
    pub copies: u64,
    /// Devices that one of them takes: [`Cell::copy_devices`].
    pub copy_devices: u64,
}

/// How fast one user's tokens come with the context full, and how well that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecodeRate {
    /// Tokens per second.
    pub tps: Interval<f64>,
    /// What binds it.
    pub limit: Option<Bottleneck>,
    /// The engine was measured on such devices.
    pub is_calibrated: bool,
}

impl DecodeRate {
    /// That of `cell`, if it has any.
    pub fn of(cell: &Cell) -> Option<DecodeRate> {
        let basis = cell.speed.speed_basis.as_ref();
        Some(DecodeRate {
            tps: cell.speed.decode_tps?,
            limit: cell.speed.decode_limit,
            is_calibrated: basis.is_some_and(|basis| basis.calibrated),
        })
    }
}

impl From<&Cell> for Overview {
    fn from(cell: &Cell) -> Overview {
        let on_devices = cell.devices.iter().map(|device| device.usable_bytes);
        let has_devices = !cell.devices.is_empty();
        Overview {
            summary: cell.into(),
            requested_quant: cell.requested_quant,
            params_total: cell.params_total,
            params_active: cell.params_active,
            weights_bytes: cell.weights_bytes,
            usable_bytes: if has_devices { on_devices.sum() } else { cell.host.ram_bytes },
            has_devices,
            decode: DecodeRate::of(cell),
            copies: cell.copies,
            copy_devices: cell.copy_devices,
        }
    }
}
