//! Where a curve is sampled: two points an octave, and where something happens.

use crate::sort;

/// Sorted sample points from `from` to `to`: both ends, every power of two and its midpoint to the
/// next, and the points of `required` in between. A power or midpoint close to one of the others
/// is left out.
pub(super) fn sample_points(from: u64, to: u64, required: &[u64]) -> Vec<u64> {
    let (from, to) = (from.max(1), to.max(1));
    let within = |n: &u64| (from..=to).contains(n);
    let mut points: Vec<u64> = required.iter().copied().filter(within).chain([from, to]).collect();
    let apart = |a: u64, b: u64| a.abs_diff(b) > a.max(b) / 8;
    for octave in 0..u64::BITS - 1 {
        let whole = 1u64 << octave;
        for n in [whole, whole + whole / 2] {
            if within(&n) && points.iter().all(|point| apart(*point, n)) {
                points.push(n);
            }
        }
    }
    sort::distinct(&mut points);
    points
}

#[cfg(test)]
mod tests {
    use super::sample_points;

    #[test]
    fn points_rise_and_hold_the_required_ones() {
        assert_eq!(sample_points(1, 8, &[]), [1, 2, 3, 4, 6, 8]);
        assert_eq!(sample_points(1024, 8192, &[4000]), [1024, 1536, 2048, 3072, 4000, 6144, 8192]);
        assert_eq!(sample_points(5, 5, &[5, 900]), [5]);
        assert_eq!(sample_points(0, 0, &[]), [1]);
        let all = sample_points(1, u64::MAX, &[7]);
        assert!(all.is_sorted() && all.len() < 130);
    }
}
