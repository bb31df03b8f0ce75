//! Energy: power by what the devices do, and watt-hours for a million tokens.

use super::serving::Service;

/// Power of one device as a share of its board power, by what it does.
///
/// The defaults are rules of thumb, to be replaced by readings of one's own: an idle accelerator
/// with a model loaded draws some 15 % of its board power, decoding (memory-bound) some 60 %,
/// prompts (compute-bound) nearly all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerShares {
    /// Model loaded, nothing to do.
    pub idle: f64,
    /// Computing prompts.
    pub prefill: f64,
    /// Decoding.
    pub decode: f64,
}

impl Default for PowerShares {
    fn default() -> PowerShares {
        PowerShares { idle: 0.15, prefill: 0.95, decode: 0.6 }
    }
}

/// What draws power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// Board power of all devices together, watts.
    pub boards_w: f64,
    /// What the devices draw of it.
    pub shares: PowerShares,
    /// The rest of the machine, watts.
    pub host_w: f64,
    /// Power usage effectiveness: what the building draws for each watt of the machine; 1 at
    /// home.
    pub pue: f64,
}

impl Power {
    fn at(&self, share: f64) -> f64 {
        (self.boards_w * share + self.host_w) * self.pue
    }

    /// Watts from the wall when idle.
    pub fn idle_w(&self) -> f64 {
        self.at(self.shares.idle)
    }

    /// Watts from the wall while computing prompts.
    pub fn prefill_w(&self) -> f64 {
        self.at(self.shares.prefill)
    }

    /// Watts from the wall while decoding.
    pub fn decode_w(&self) -> f64 {
        self.at(self.shares.decode)
    }

    /// Watts from the wall on average: busy with `service` for a share `utilisation` of the time.
    pub fn mean_w(&self, service: &Service, utilisation: f64) -> f64 {
        let share = service.prompt_share;
        let busy = share * self.prefill_w() + (1.0 - share) * self.decode_w();
        utilisation * busy + (1.0 - utilisation) * self.idle_w()
    }
}
