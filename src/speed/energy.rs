//! Energy: power of a machine when idle, on prompts and while decoding, and on average.

use super::serving::Service;

/// Power of a device as a share of its board power, when idle, on prompts and while decoding.
///
/// The defaults are rules of thumb that the user can replace: an idle accelerator with a model
/// loaded draws about 15 % of its board power, decoding (memory-bound) about 60 %, prompts
/// (compute-bound) nearly all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerShares {
    /// Share when idle with a model loaded.
    pub idle: f64,
    /// Share while computing prompts.
    pub prefill: f64,
    /// Share while decoding.
    pub decode: f64,
}

impl Default for PowerShares {
    fn default() -> PowerShares {
        PowerShares { idle: 0.15, prefill: 0.95, decode: 0.6 }
    }
}

/// Power of a machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// Board power of all devices together, watts.
    pub boards_w: f64,
    /// Shares of the board power that the devices draw.
    pub shares: PowerShares,
    /// Power of the rest of the machine, watts.
    pub host_w: f64,
    /// Power usage effectiveness: watts drawn by the building per watt of the machine; 1 at home.
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

    /// Average watts from the wall if the machine is busy with `service` for a share `utilisation`
    /// of the time.
    pub fn mean_w(&self, service: &Service, utilisation: f64) -> f64 {
        let share = service.prompt_share;
        let busy = share * self.prefill_w() + (1.0 - share) * self.decode_w();
        utilisation * busy + (1.0 - utilisation) * self.idle_w()
    }
}
