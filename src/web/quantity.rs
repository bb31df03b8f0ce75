//! In which unit a number of bytes is shown.

use headroom::units::Bytes;

/// Which family of units the reader wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Units {
    /// Powers of 1000: MB, GB, TB.
    #[default]
    Decimal,
    /// Powers of 1024: MiB, GiB, TiB.
    Binary,
}

/// A unit of memory.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Kb,
    Mb,
    Gb,
    Tb,
    Kib,
    Mib,
    Gib,
    Tib,
}

/// Three significant digits go up to here; from here on the next unit is used.
const NEXT_UNIT_FROM: f64 = 999.5;

impl Units {
    fn ladder(self) -> (f64, [Unit; 4]) {
        match self {
            Units::Decimal => (1000.0, [Unit::Kb, Unit::Mb, Unit::Gb, Unit::Tb]),
            Units::Binary => (1024.0, [Unit::Kib, Unit::Mib, Unit::Gib, Unit::Tib]),
        }
    }

    /// `bytes` in the unit that leaves one to three digits before the point (none for less than
    /// one of the smallest unit, more for thousands of the largest).
    pub fn scale(self, bytes: Bytes) -> (f64, Unit) {
        let (base, units) = self.ladder();
        let mut value = bytes.0 as f64 / base;
        let mut unit = units[0];
        for next in &units[1..] {
            if value < NEXT_UNIT_FROM {
                break;
            }
            value /= base;
            unit = *next;
        }
        (value, unit)
    }

    /// Round marks for a ruler of `length`, evenly spaced from zero: at least four, at most ten,
    /// unless the ruler is shorter than that.
    pub fn ruler(self, length: Bytes) -> Vec<Bytes> {
        let (base, _) = self.ladder();
        let longest = length.0 as f64 / 4.0;
        // Steps of 1, 2, 5 x 10^n of a unit, or powers of two of a binary one.
        let step = match self {
            Units::Decimal => {
                let tens = 10f64.powf(longest.max(1.0).log10().floor());
                [5.0, 2.0, 1.0].into_iter().find(|n| n * tens <= longest).unwrap_or(1.0) * tens
            }
            Units::Binary => longest.max(1.0).log2().floor().exp2(),
        };
        let step = step.max(base) as u64;
        (0..=length.0 / step).map(|n| Bytes(n * step)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom::units::GIB;

    #[test]
    fn the_unit_leaves_up_to_three_digits() {
        let decimal = |n| Units::Decimal.scale(Bytes(n));
        assert_eq!(decimal(0), (0.0, Unit::Kb));
        assert_eq!(decimal(537_000_000), (537.0, Unit::Mb));
        assert_eq!(decimal(77_300_000_000), (77.3, Unit::Gb));
        assert_eq!(decimal(999_400_000_000).1, Unit::Gb);
        assert_eq!(decimal(999_600_000_000).1, Unit::Tb, "not 1000 GB");
        assert_eq!(decimal(u64::MAX).1, Unit::Tb);
        assert_eq!(Units::Binary.scale(Bytes::gib(96)), (96.0, Unit::Gib));
        assert_eq!(Units::Binary.scale(Bytes::gib(1000)).1, Unit::Tib);
    }

    #[test]
    fn a_ruler_has_few_round_marks() {
        let gb = |marks: Vec<Bytes>| marks.iter().map(|mark| mark.to_gb()).collect::<Vec<_>>();
        assert_eq!(
            gb(Units::Decimal.ruler(Bytes(102_641_958_912))),
            [0., 20., 40., 60., 80., 100.]
        );
        let gib = Units::Binary.ruler(Bytes::gib(96));
        assert_eq!(gib, [0, 16, 32, 48, 64, 80, 96].map(Bytes::gib));
        for length in [0, 1, 999, 5_000, 7 * GIB, u64::MAX] {
            for units in [Units::Decimal, Units::Binary] {
                let marks = units.ruler(Bytes(length));
                assert!((1..=10).contains(&marks.len()), "{} marks on {length}", marks.len());
            }
        }
    }
}
