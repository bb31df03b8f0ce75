//! The logarithmic scale of the context slider.

/// log2 of the shortest context on the slider.
const FIRST_OCTAVE: u32 = 10;
/// Positions in an octave.
const STEPS: u32 = 8;
/// Octaves on the slider: 1k to 1M tokens. Longer contexts are typed.
const OCTAVES: u32 = 10;

/// The last position; the first is 0.
pub const LAST: u32 = STEPS * OCTAVES;

/// The context in tokens at a position: the whole octaves exactly, those between rounded to a
/// number that llama.cpp would not round again.
pub fn tokens(position: u32) -> u64 {
    let position = position.min(LAST);
    let exact = f64::from(FIRST_OCTAVE) + f64::from(position) / f64::from(STEPS);
    let step = if position < 2 * STEPS { 64.0 } else { 256.0 };
    (exact.exp2() / step).round() as u64 * step as u64
}

/// The position nearest to a context of `tokens`.
pub fn position(tokens: u64) -> u32 {
    let octave = (tokens.max(1) as f64).log2() - f64::from(FIRST_OCTAVE);
    (octave * f64::from(STEPS)).round().clamp(0.0, f64::from(LAST)) as u32
}

/// Where a context lies on the scale, 0 to 1.
pub fn share(tokens: u64) -> f64 {
    let octave = (tokens.max(1) as f64).log2() - f64::from(FIRST_OCTAVE);
    (octave / f64::from(OCTAVES)).clamp(0.0, 1.0)
}

/// The contexts that the scale is marked with, and whether each has its number beside it.
pub fn marks() -> impl Iterator<Item = (u64, bool)> {
    (0..=OCTAVES).map(|octave| (1 << (FIRST_OCTAVE + octave), octave % 2 == 0))
}

/// The numbers of users that the slider of users stops at: four an octave, as far as they differ.
pub fn users() -> Vec<u64> {
    let octaves = headroom::scenario::Bounds::USERS.max.ilog2();
    let stops = (0..=octaves * 4).map(|n| (f64::from(n) / 4.0).exp2().round() as u64);
    let mut stops: Vec<u64> = stops.collect();
    stops.dedup();
    stops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_tokens_lead_back_to_each_other() {
        for p in 0..=LAST {
            assert_eq!(position(tokens(p)), p, "{} tokens", tokens(p));
        }
        assert_eq!(position(0), 0);
        assert_eq!(position(u64::MAX), LAST);
        assert_eq!(tokens(u32::MAX), 1 << 20);
    }

    #[test]
    fn the_stops_of_users_rise_from_one_to_the_most() {
        let stops = users();
        assert_eq!(stops[..6], [1, 2, 3, 4, 5, 6]);
        assert_eq!(stops.last(), Some(&4096));
        assert!(stops.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn whole_octaves_are_exact() {
        assert_eq!(tokens(0), 1024);
        assert_eq!(tokens(position(32_768)), 32_768);
        assert_eq!(share(32_768), 0.5);
    }
}
