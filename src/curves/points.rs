//! Where a curve is sampled: a few points an octave, and where something happens.

/// `told` and, between `from` and `to`, the whole octaves and their middles, rising. `told` are
/// kept exactly, both ends too; a grid point that all but meets one of them gives way.
pub(super) fn octaves(from: u64, to: u64, told: &[u64]) -> Vec<u64> {
    let (from, to) = (from.max(1), to.max(1));
    let within = |n: &u64| (from..=to).contains(n);
    let mut points: Vec<u64> = told.iter().copied().filter(within).chain([from, to]).collect();
    let apart = |a: u64, b: u64| a.abs_diff(b) > a.max(b) / 8;
    for octave in 0..u64::BITS - 1 {
        let whole = 1u64 << octave;
        for n in [whole, whole + whole / 2] {
            if within(&n) && points.iter().all(|point| apart(*point, n)) {
                points.push(n);
            }
        }
    }
    points.sort_unstable();
    points.dedup();
    points
}

#[cfg(test)]
mod tests {
    use super::octaves;

    #[test]
    fn points_rise_and_hold_what_was_told() {
        assert_eq!(octaves(1, 8, &[]), [1, 2, 3, 4, 6, 8]);
        assert_eq!(octaves(1024, 8192, &[4000]), [1024, 1536, 2048, 3072, 4000, 6144, 8192]);
        assert_eq!(octaves(5, 5, &[5, 900]), [5]);
        assert_eq!(octaves(0, 0, &[]), [1]);
        let all = octaves(1, u64::MAX, &[7]);
        assert!(all.is_sorted() && all.len() < 130);
    }
}
