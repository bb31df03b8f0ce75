//! Why a cell is as it is: what fills the memory, what limits the speed, what gives first.

use super::Figures;
use crate::speed::Bottleneck;
use crate::units::Bytes;

/// A sentence of the paragraph that explains a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// What the memory is filled with: weights, cache and the rest.
    Filled {
        /// Weights.
        weights: Bytes,
        /// KV cache and recurrent states.
        cache: Bytes,
        /// Compute buffers, the runtime and what is loaded beside the model.
        rest: Bytes,
    },
    /// How much stays free on the fullest device, or is missing.
    Headroom(i64),
    /// So much of it is in RAM, which is what makes it slow.
    InRam(Bytes),
    /// Decoding is limited by this; the rate in tokens a second at the whole context.
    Limit(Bottleneck, f64),
    /// The longest context that fits, where less than the model was trained for.
    ContextGivesFirst(u64),
    /// As many users fit.
    UsersGiveFirst(u64),
    /// All of the context that the model was trained for fits.
    WholeContext(u64),
}

/// Returns why the cell with these figures is as it is.
pub fn reasons(figures: &Figures) -> Vec<Reason> {
    let Figures { weights, cache, rest, .. } = *figures;
    let mut reasons = vec![Reason::Filled { weights, cache, rest }];
    match figures.in_ram {
        Some(bytes) if !figures.devices.is_empty() => reasons.push(Reason::InRam(bytes)),
        _ => reasons.push(Reason::Headroom(figures.headroom_bytes)),
    }
    if let (Some(limit), Some(tps)) = (figures.decode_limit, figures.decode_tps) {
        reasons.push(Reason::Limit(limit, tps.expected));
    }
    let trained = figures.trained_context.filter(|trained| figures.max_context >= *trained);
    match trained {
        Some(trained) => reasons.push(Reason::WholeContext(trained)),
        None if figures.max_context > 0 => {
            reasons.push(Reason::ContextGivesFirst(figures.max_context));
        }
        None => {}
    }
    if figures.users > 1 && figures.max_users > 0 {
        reasons.push(Reason::UsersGiveFirst(figures.max_users));
    }
    reasons
}
