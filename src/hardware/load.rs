//! Memory use and usable capacity of the devices and the host.

use crate::units::{Bytes, Interval};

/// Memory use and usable capacity of one device or of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Expected use, with its bounds.
    pub used: Interval<Bytes>,
    /// Usable capacity.
    pub usable: Bytes,
    /// What may be used at most: more than what is usable where that is a recommendation, as Metal's
    /// working set is.
    pub most: Bytes,
    /// What is usable for certain: less where a desktop takes an unknown part.
    pub safe: Bytes,
}

impl Load {
    /// A load of a memory whose usable capacity is a limit.
    pub fn new(used: Interval<Bytes>, usable: Bytes) -> Load {
        Load { used, usable, most: usable, safe: usable }
    }

    /// Whether even the high estimate of what is needed fits.
    pub fn fits(&self) -> bool {
        self.used.high <= self.safe
    }

    /// Whether the expected estimate fits into what may be used at most.
    pub fn fits_expectedly(&self) -> bool {
        self.used.expected <= self.most
    }

    /// Usable minus expected bytes; negative if it does not fit, or is above a recommendation.
    pub fn headroom(&self) -> i64 {
        self.usable.minus(self.used.expected)
    }
}

/// The loads of a machine under one placement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loads {
    /// Load of each device.
    pub devices: Vec<Load>,
    /// Load of the host's RAM.
    pub host: Load,
}

impl Loads {
    /// Whether even the high estimates fit on every device, and the expected one in RAM. Data
    /// mapped from a file need not stay in RAM, so the host's high estimate is no limit.
    pub fn fit(&self) -> bool {
        self.devices.iter().all(Load::fits) && self.host.fits_expectedly()
    }

    /// Whether the expected estimates fit.
    pub fn fit_expectedly(&self) -> bool {
        self.devices.iter().all(Load::fits_expectedly) && self.host.fits_expectedly()
    }
}
