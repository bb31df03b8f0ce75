//! What each memory of a machine would have to hold, against what it can.

use crate::units::{Bytes, Interval};

/// What one memory would have to hold, against what it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Bytes to hold.
    pub used: Interval<Bytes>,
    /// Bytes that can be used.
    pub usable: Bytes,
}

impl Load {
    /// Even the high estimate fits.
    pub fn fits(&self) -> bool {
        self.used.high <= self.usable
    }

    /// The expected estimate fits.
    pub fn fits_expectedly(&self) -> bool {
        self.used.expected <= self.usable
    }

    /// Usable minus expected.
    pub fn headroom(&self) -> i64 {
        self.usable.minus(self.used.expected)
    }
}

/// The loads of a machine under one placement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loads {
    /// One a device.
    pub devices: Vec<Load>,
    /// The host's RAM.
    pub host: Load,
}

impl Loads {
    /// Even the high estimates fit on every device, and the expected one in the RAM. (What is
    /// mapped from a file need not stay in RAM, so the host's high estimate is no limit.)
    pub fn fit(&self) -> bool {
        self.devices.iter().all(Load::fits) && self.host.fits_expectedly()
    }

    /// The expected estimates fit.
    pub fn fit_expectedly(&self) -> bool {
        self.devices.iter().all(Load::fits_expectedly) && self.host.fits_expectedly()
    }
}
