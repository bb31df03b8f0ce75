//! What lets a GPU use the machine's own memory: operating system, the user's limit, and the part
//! that the firmware sets aside. Keys `os`, `wired` and `uma`.

use super::notation::words;

words! {
    /// An operating system with a rule of its own for what a GPU may use.
    System {
        /// macOS up to 15 (Sequoia).
        Macos15 = "macos-15",
        /// macOS from 26 (Tahoe) on.
        Macos26 = "macos-26",
        /// Linux.
        Linux = "linux",
        /// Windows.
        Windows = "windows",
    }
}
