//! How far a setup could go: the longest context, the most users, the most copies side by side.

use crate::engine::Run;
use crate::placement::{Hardware, Load, Loads, Part};
use crate::report::Verdict;
use crate::scenario::{Limit, Scenario};
use crate::units::Bytes;

/// A run whose context and users can be varied.
pub struct Room<'a> {
    scenario: &'a Scenario,
    run: &'a dyn Run,
    /// The loads at the context and users asked for.
    loads: &'a Loads,
    /// The run with the whole model on the devices, where that can fit at all.
    whole: Option<Box<dyn Run + 'a>>,
    verdict: Verdict,
}

impl<'a> Room<'a> {
    /// The room around `run`, whose loads under `scenario` are `loads` and on which the verdict is
    /// `verdict`.
    pub fn new(
        scenario: &'a Scenario,
        run: &'a dyn Run,
        loads: &'a Loads,
        verdict: Verdict,
    ) -> Room<'a> {
        let mut room = Room { scenario, run, loads, whole: None, verdict };
        if verdict == Verdict::Offload {
            room.whole = run.whole();
            if room.left(run.context_step(), scenario.users) < 0 {
                room.whole = None;
            }
        }
        room
    }

    /// The longest context, in tokens for each user, at which it still fits; 0 if none.
    pub fn max_context(&self) -> u64 {
        let step = self.run.context_step().max(1);
        let most = Limit::CONTEXT.max / step;
        last_fitting(most, |n| self.left(n * step, self.scenario.users)) * step
    }

    /// The most users at the context asked for; 0 if none.
    pub fn max_users(&self) -> u64 {
        let most = Limit::USERS.max.min(self.run.most_users()).max(1);
        last_fitting(most, |n| self.left(self.scenario.context, n))
    }

    /// Copies side by side, each on one device; 1 where only all devices together hold one.
    pub fn copies(&self) -> u64 {
        let Hardware { parts, host } = self.run.hardware();
        let copies = match parts.as_slice() {
            [] => times(&self.loads.host, host.system.high),
            [first, ..] if parts.iter().all(|part| part.is_like(first)) => {
                self.copies_on(first) * parts.len() as u64
            }
            _ => parts.iter().map(|part| self.copies_on(part)).sum(),
        };
        match self.verdict {
            Verdict::Fits | Verdict::Tight => copies.max(1),
            _ => copies,
        }
    }

    /// Copies that fit on `part` alone.
    fn copies_on(&self, part: &Part<'_>) -> u64 {
        if let [_] = self.run.hardware().parts.as_slice()
            && self.verdict != Verdict::Offload
        {
            return self.copies_in(self.loads);
        }
        let alone = Hardware { parts: vec![*part], host: self.run.hardware().host };
        let Some(run) = self.run.alone(&alone) else { return 0 };
        self.copies_in(&run.loads(self.scenario.context, self.scenario.users))
    }

    /// Copies that fit where `loads` are those of one copy on one device.
    fn copies_in(&self, loads: &Loads) -> u64 {
        let host = &self.run.hardware().host;
        let on_device = loads.devices.first().map_or(0, |load| times(load, Bytes::ZERO));
        match host.shared {
            true => on_device.min(times(&loads.host, host.system.high)),
            false => on_device,
        }
    }

    /// Bytes left on the tightest memory by the high estimate; negative if it does not fit.
    fn left(&self, context: u64, users: u64) -> i64 {
        let run: &dyn Run = match &self.whole {
            Some(whole) => whole.as_ref(),
            None => self.run,
        };
        let loads = run.loads(context, users);
        let left = |load: &Load| load.usable.minus(load.used.high);
        match loads.devices.iter().map(left).min() {
            Some(devices) => devices.min(loads.host.headroom()),
            None => left(&loads.host),
        }
    }
}

/// How many times the high estimate of `load` fits, where `once` of it is needed only once.
fn times(load: &Load, once: Bytes) -> u64 {
    (load.usable - once).0.checked_div((load.used.high - once).0).unwrap_or(0)
}

/// The largest `n` in `1..=most` with `left(n) >= 0`, for `left` that falls as `n` grows; 0 if
/// there is none. `left` is nearly straight, so the search goes by interpolation, with a bisection
/// every other step to bound it.
fn last_fitting(most: u64, left: impl Fn(u64) -> i64) -> u64 {
    let (mut low, mut high) = (1, most);
    let (mut left_low, mut left_high) = (left(low), left(high));
    if left_low < 0 {
        return 0;
    }
    if left_high >= 0 {
        return most;
    }
    let mut bisect = false;
    while high - low > 1 {
        let width = high - low;
        let share = left_low as f64 / (left_low as f64 - left_high as f64);
        let step = if bisect { width / 2 } else { (width as f64 * share) as u64 };
        let middle = low + step.clamp(1, width - 1);
        let left_middle = left(middle);
        // A step that lands just beside the zero is followed by one to the other side of it.
        if left_middle >= 0 {
            bisect = !bisect && (middle - low) * 2 < width;
            (low, left_low) = (middle, left_middle);
            if low + 1 < high {
                let next = left(low + 1);
                if next < 0 {
                    return low;
                }
            }
        } else {
            bisect = !bisect && (high - middle) * 2 < width;
            (high, left_high) = (middle, left_middle);
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::last_fitting;

    #[test]
    fn the_last_fitting_is_found_on_a_line_and_off_it() {
        for zero in [0i64, 1, 2, 3, 255, 256, 4_000, 65_535, 65_536, 70_000] {
            let wanted = zero.clamp(0, 65_536) as u64;
            assert_eq!(last_fitting(65_536, |n| (zero - n as i64) * 1_000_003), wanted);
            let steps = |n: u64| zero.pow(2) - (n as i64).pow(2);
            assert_eq!(last_fitting(65_536, steps), wanted, "square, zero {zero}");
            let stairs = |n: u64| if (n as i64) <= zero { 5 } else { -5 };
            assert_eq!(last_fitting(65_536, stairs), wanted, "stairs, zero {zero}");
        }
    }

    #[test]
    fn a_straight_line_takes_few_looks() {
        let looks = std::cell::Cell::new(0);
        let left = |n: u64| {
            looks.set(looks.get() + 1);
            20_000_000_000 - 327_680 * 256 * n as i64
        };
        assert_eq!(last_fitting(65_536, left), 238);
        assert!(looks.get() <= 6, "{} looks", looks.get());
    }
}
