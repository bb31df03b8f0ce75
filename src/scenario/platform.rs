//! What lets a GPU use the machine's own memory: operating system, the user's limit, and the part
//! that the firmware sets aside. The keys in a link are [`Platform::KEYS`].

use super::bounds::Bounds;
use super::query::{Refused, Writer, bytes, size, word};
use crate::units::Bytes;

/// Settings of unified memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// The operating system (`os`); `None` is the newest of the device's usual one.
    pub system: Option<System>,
    /// What the user lets the GPU use (`wired`): `iogpu.wired_limit_mb` on macOS,
    /// `ttm.pages_limit` on Linux.
    pub limit: Option<Bytes>,
    /// What the firmware sets aside for the GPU (`uma`), on AMD's APUs.
    pub carve_out: Option<Bytes>,
}

/// An operating system with a rule of its own for what a GPU may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// macOS up to 15 (Sequoia).
    Macos15,
    /// macOS from 26 (Tahoe) on.
    Macos26,
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}

impl System {
    /// Every value with its name.
    pub const ALL: &'static [(&'static str, System)] = &[
        ("macos-15", System::Macos15),
        ("macos-26", System::Macos26),
        ("linux", System::Linux),
        ("windows", System::Windows),
    ];

    /// The name used in links.
    pub fn name(self) -> &'static str {
        System::ALL.iter().find(|(_, system)| *system == self).map_or("", |(name, _)| name)
    }
}

impl Platform {
    /// The keys that this part of the notation reads.
    pub(super) const KEYS: &[&str] = &["os", "wired", "uma"];

    /// Reads one pair; `false` where the key is none of [`Platform::KEYS`].
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, Refused> {
        match key {
            "os" => self.system = Some(word(value, System::ALL)?),
            "wired" => self.limit = Some(bytes(value, Bounds::WIRED)?),
            "uma" => self.carve_out = Some(bytes(value, Bounds::CARVE_OUT)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Writes what differs from the defaults.
    pub(super) fn write(&self, out: &mut Writer) {
        if let Some(system) = self.system {
            out.pair("os", system.name());
        }
        for (key, value) in [("wired", self.limit), ("uma", self.carve_out)] {
            if let Some(value) = value {
                out.pair(key, &size(value));
            }
        }
    }
}
