//! The page. It knows Scenario, Report and the catalogue's names; it computes no memory figure.

/// Mounts the page.
pub fn start() {}
