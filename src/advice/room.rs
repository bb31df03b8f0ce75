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
        self.max_context_for(self.scenario.users)
    }

    /// The same for another number of users.
    pub fn max_context_for(&self, users: u64) -> u64 {
        let step = self.run.context_step().max(1);
        let most = Limit::CONTEXT.max / step;
        let known = self.scenario.context.div_ceil(step);
        last_fitting(most, known, |n| self.left(n * step, users)) * step
    }

    /// The most users at the context asked for; 0 if none.
    pub fn max_users(&self) -> u64 {
        let most = Limit::USERS.max.min(self.run.most_users()).max(1);
        last_fitting(most, self.scenario.users, |n| self.left(self.scenario.context, n))
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
/// there is none. `left` is nearly straight, so the line through two looks tells where it ends;
/// `known` is an `n` at which looking costs nothing. Nothing far beyond the end is looked at, where
/// looks cost the most.
fn last_fitting(most: u64, known: u64, left: impl Fn(u64) -> i64) -> u64 {
    let mut low = (1, left(1));
    if low.1 < 0 {
        return 0;
    }
    let mut before = low;
    let mut high = None;
    let mut next = if (2..=most).contains(&known) { known } else { most.min(2) };
    let mut looks = 0;
    while low.0 < most && high.is_none_or(|(n, _)| low.0 + 1 < n) {
        let look = (next, left(next));
        if look.1 >= 0 {
            (before, low) = (low, look);
        } else {
            high = Some(look);
        }
        looks += 1;
        let end = high.unwrap_or((most + 1, i64::MIN));
        let (from, to) = if high.is_some() { (low, end) } else { (before, low) };
        let fall = (from.1 as f64 - to.1 as f64) / (to.0 - from.0).max(1) as f64;
        let straight = if fall > 0.0 { (low.1 as f64 / fall) as u64 } else { u64::MAX };
        // Where the line misleads, halving or doubling bounds the search.
        let step = match (looks % 3, high) {
            (0, Some(_)) => (end.0 - low.0) / 2,
            (0, None) if straight > 0 => straight.max(low.0),
            _ => straight,
        };
        next = low.0.saturating_add(step.max(1)).min(end.0 - 1).max(low.0 + 1);
    }
    low.0
}

#[cfg(test)]
mod tests {
    use super::last_fitting;

    #[test]
    fn the_last_fitting_is_found_on_a_line_and_off_it() {
        for zero in [0i64, 1, 2, 3, 255, 256, 4_000, 65_535, 65_536, 70_000] {
            let wanted = zero.clamp(0, 65_536) as u64;
            let lines: [&dyn Fn(u64) -> i64; 4] = [
                &|n| (zero - n as i64) * 1_000_003,
                &|n| zero.pow(2) - (n as i64).pow(2),
                &|n| if (n as i64) <= zero { 5 } else { -5 },
                &|n| ((zero as f64).sqrt() * 1e9) as i64 - ((n as f64).sqrt() * 1e9) as i64,
            ];
            for (i, left) in lines.iter().enumerate() {
                for known in [0, 1, 2, 100, 65_536, 1 << 40] {
                    let found = last_fitting(65_536, known, left);
                    assert_eq!(found, wanted, "line {i}, zero {zero}, known {known}");
                }
            }
        }
    }

    #[test]
    fn a_straight_line_takes_few_looks() {
        for known in [1, 128, 400] {
            let looks = std::cell::Cell::new(0);
            let left = |n: u64| {
                looks.set(looks.get() + 1);
                assert!(n <= 400, "looked as far as {n}");
                20_000_000_000 - 327_680 * 256 * n as i64
            };
            assert_eq!(last_fitting(65_536, known, left), 238);
            assert!(looks.get() <= 4, "{} looks", looks.get());
        }
    }
}
