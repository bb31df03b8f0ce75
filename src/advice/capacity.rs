//! The limits of a setup: the longest context, the most users, and the number of copies that fit.

use std::cmp::Reverse;

use super::verdict;
use crate::engine::{Effort, Run};
use crate::hardware::{Hardware, InstalledDevice, Load, Loads};
use crate::report::Verdict;
use crate::scenario::{Bounds, Offload, Scenario};
use crate::sort;
use crate::units::Bytes;

/// Independent copies of a setup on one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    /// Number of copies that fit.
    pub count: u64,
    /// Number of devices of the largest copy; 0 without devices.
    pub devices: u64,
}

/// The contexts that differ in memory: up to the longest one, which need not fill its last step.
#[derive(Clone, Copy)]
struct ContextSteps {
    /// Tokens of a step.
    each: u64,
    longest: u64,
}

impl ContextSteps {
    /// Number of steps of the longest context.
    fn most(self) -> u64 {
        self.longest.div_ceil(self.each)
    }

    /// Tokens of a context of `n` steps.
    fn tokens(self, n: u64) -> u64 {
        n.saturating_mul(self.each).min(self.longest)
    }
}

/// A run whose context and users can be varied.
pub struct Capacity<'a> {
    scenario: &'a Scenario,
    run: &'a dyn Run,
    /// Loads at the requested context and number of users.
    loads: &'a Loads,
    /// The run with the whole model on the devices, if `run` chose to leave a part in RAM.
    whole: Option<Box<dyn Run + 'a>>,
    verdict: Verdict,
}

impl<'a> Capacity<'a> {
    /// Returns the capacity of `run`, given its `loads` under `scenario` and their `verdict`.
    pub fn new(
        scenario: &'a Scenario,
        run: &'a dyn Run,
        loads: &'a Loads,
        verdict: Verdict,
    ) -> Capacity<'a> {
        let whole = match offloads(run) && scenario.offload == Offload::Auto {
            true => run.without_offload(),
            false => None,
        };
        Capacity { scenario, run, loads, whole, verdict }
    }

    /// The longest context in tokens per user at which the verdict is `fits`; 0 if there is none.
    pub fn max_context(&self) -> u64 {
        let Scenario { context, users, .. } = *self.scenario;
        // Whoever waits for a place in the cache takes none.
        let longest = self.max_context_for(if self.run.queues() { 1 } else { users });
        // Shorter than what the engine allocates at once, or between two steps.
        if longest < context && self.verdict == Verdict::Fits { context } else { longest }
    }

    /// The longest context in tokens per user at which the verdict is `fits` with `users` users; 0
    /// if there is none.
    pub fn max_context_for(&self, users: u64) -> u64 {
        if !self.run.starts_for_certain() {
            return 0;
        }
        let steps = self.context_steps();
        let known = self.scenario.context.div_ceil(steps.each);
        let at = |n| (steps.tokens(n), users);
        let longest = self.largest(free, known, steps.most(), &at);
        steps.tokens(self.beyond(longest, steps.most(), &at))
    }

    /// The longest context in tokens per user that the expected estimate allows, at least `safe`, the
    /// longest at which the verdict is `fits`.
    pub fn expected_max_context(&self, safe: u64) -> u64 {
        let users = if self.run.queues() { 1 } else { self.scenario.users };
        let steps = self.context_steps();
        let known = safe.max(self.scenario.context).div_ceil(steps.each);
        let at = |n| (steps.tokens(n), users);
        steps.tokens(self.largest(expected_free, known, steps.most(), &at)).max(safe)
    }

    /// The most users at the requested context that the expected estimate allows, at least `safe`.
    pub fn expected_max_users(&self, safe: u64) -> u64 {
        let known = safe.max(self.scenario.users);
        let at = |n| (self.scenario.context, n);
        self.largest(expected_free, known, self.most_users(), &at).max(safe)
    }

    /// The most users at the requested context for whom the verdict is `fits`; 0 if there are none.
    pub fn max_users(&self) -> u64 {
        if self.run.starts_for_certain() { self.most_held() } else { 0 }
    }

    /// The most users at the requested context whose sequences memory holds by the high estimates, if
    /// the engine starts.
    fn most_held(&self) -> u64 {
        let most = self.most_users();
        let context = self.scenario.context;
        let users = self.largest(free, self.scenario.users, most, &|n| (context, n));
        self.beyond(users, most, &|n| (context, n))
    }

    /// The longest context in tokens per user with which the model still runs with a part in RAM;
    /// `None` unless that is the verdict.
    pub fn offload_max_context(&self) -> Option<u64> {
        let Scenario { context, users, .. } = *self.scenario;
        let steps = self.context_steps();
        let known = (context / steps.each).max(1);
        let at = |n| (steps.tokens(n), users);
        let longest = || steps.tokens(self.most_offloaded(known, steps.most(), &at));
        (self.verdict == Verdict::Offload).then(|| longest().max(context))
    }

    /// The most users with whom the model still runs with a part in RAM; `None` unless that is the
    /// verdict.
    pub fn offload_max_users(&self) -> Option<u64> {
        let Scenario { context, users, .. } = *self.scenario;
        let most = || self.most_users().max(users);
        (self.verdict == Verdict::Offload)
            .then(|| self.most_offloaded(users, most(), &|n| (context, n)))
    }

    fn context_steps(&self) -> ContextSteps {
        ContextSteps { each: self.run.context_step().max(1), longest: self.run.max_context() }
    }

    fn most_users(&self) -> u64 {
        Bounds::USERS.max.min(self.run.max_users()).max(1)
    }

    /// Number of copies that fit, by the high estimate; none of what does not run.
    ///
    /// A device that can hold a whole copy gets its own copies; the others are grouped, largest
    /// first, until a group holds one. With unequal devices, another grouping might fit one more.
    pub fn copies(&self) -> Copies {
        let Hardware { parts, host, .. } = self.run.hardware();
        if self.verdict == Verdict::No {
            return Copies { count: 0, devices: 0 };
        }
        if parts.is_empty() {
            return Copies {
                count: copies_that_fit(&self.loads.host, host.system.high),
                devices: 0,
            };
        }
        let mut copies = Copies { count: 0, devices: 0 };
        let mut rest: Vec<InstalledDevice<'_>> = Vec::new();
        for alike in parts.chunk_by(|a, b| a.is_like(b)) {
            match self.copies_on(&alike[0]) {
                0 => rest.extend(alike),
                each => {
                    copies.count += each * alike.len() as u64;
                    copies.devices = 1;
                }
            }
        }
        if !matches!(self.verdict, Verdict::Fits | Verdict::Tight) {
            return copies;
        }
        sort::by_key(&mut rest, |part| Reverse(part.usable));
        while let Some(group) = self.group(&rest) {
            copies.count += 1;
            copies.devices = copies.devices.max(group.len() as u64);
            // From the back, so that the remaining indices stay valid.
            for at in group.into_iter().rev() {
                rest.remove(at);
            }
        }
        match copies.count {
            0 => Copies { count: 1, devices: parts.len() as u64 },
            _ => copies,
        }
    }

    /// Indices of the fewest `parts` (sorted, largest first) that together hold a copy: the largest
    /// ones, with the last of them as small as possible.
    fn group(&self, parts: &[InstalledDevice<'_>]) -> Option<Vec<usize>> {
        let (mut few, mut enough) = (0, parts.len());
        if !self.holds(parts.to_vec()) {
            return None;
        }
        while few + 1 < enough {
            let n = few.midpoint(enough);
            *(if self.holds(parts[..n].to_vec()) { &mut enough } else { &mut few }) = n;
        }
        let larger = enough.checked_sub(1)?;
        let with = |last: usize| parts[..larger].iter().copied().chain([parts[last]]).collect();
        let mut last = larger;
        for at in (enough..parts.len()).rev() {
            // One of several identical devices stands for all.
            let like_next = parts.get(at + 1).is_some_and(|next| next.is_like(&parts[at]));
            if !parts[at].is_like(&parts[larger]) && !like_next && self.holds(with(at)) {
                last = at;
                break;
            }
        }
        Some((0..larger).chain([last]).collect())
    }

    /// Whether `parts` on their own hold a copy, by the high estimate.
    fn holds(&self, parts: Vec<InstalledDevice<'_>>) -> bool {
        let alone = Hardware { parts, ..self.run.hardware().clone() };
        if alone.parts.is_empty() {
            return false;
        }
        let Some(run) = self.run.on(&alone) else { return false };
        let fit = |loads: Loads| loads.devices.iter().all(Load::fits);
        let (context, users) = (self.scenario.context, self.scenario.users);
        fit(run.loads_lower_bound(context, users)) && fit(run.loads(context, users))
    }

    /// Copies that fit on `part` on its own.
    fn copies_on(&self, part: &InstalledDevice<'_>) -> u64 {
        if let [_] = self.run.hardware().parts.as_slice()
            && self.verdict != Verdict::Offload
        {
            return self.copies_in(self.loads);
        }
        let alone = Hardware { parts: vec![*part], ..self.run.hardware().clone() };
        let Some(run) = self.run.on(&alone) else { return 0 };
        let (context, users) = (self.scenario.context, self.scenario.users);
        match self.copies_in(&run.loads_lower_bound(context, users)) {
            0 => 0,
            _ => self.copies_in(&run.loads(context, users)),
        }
    }

    /// Copies that fit, given the `loads` of one copy on one device.
    fn copies_in(&self, loads: &Loads) -> u64 {
        let host = &self.run.hardware().host;
        let on_device = loads.devices.first().map_or(0, |load| copies_that_fit(load, Bytes::ZERO));
        match host.shared {
            true => on_device.min(copies_that_fit(&loads.host, host.system.high)),
            false => on_device,
        }
    }

    /// The largest number up to `most` that fits with the layers where they are for the question,
    /// where `at` says which context and users that is and `room` how many bytes are left; 0 if there
    /// is none, or a part of the model is in RAM. It is about `known`, of which the loads are known.
    fn largest(
        &self,
        room: fn(&Loads) -> i64,
        known: u64,
        most: u64,
        at: &dyn Fn(u64) -> (u64, u64),
    ) -> u64 {
        let run = self.asked();
        let bound = |n| {
            let (context, users) = at(n);
            room(&run.loads_lower_bound(context, users))
        };
        let left = |n| {
            let (context, users) = at(n);
            room(&run.loads(context, users))
        };
        if offloads(run) || most == 0 || bound(1) < 0 {
            return 0;
        }
        let fits = |n| bound(n) >= 0 && left(n) >= 0;
        let known = known.clamp(1, most);
        let (from, to) = if fits(known) { (known, most) } else { (0, known - 1) };
        // What is stored says where it ends if computing takes what it takes now, and then what it
        // takes there.
        let mut near = known;
        for _ in 0..2 {
            let compute = bound(near).saturating_sub(left(near));
            near = largest_fitting(1, most, near, &|n| bound(n).saturating_sub(compute)).max(1);
        }
        last_true_near(from, to, near, 1, &fits)
    }

    /// The largest number from `runs` to `most` with which the model runs with a part in RAM, where
    /// `at` says which context and users that is.
    fn most_offloaded(&self, runs: u64, most: u64, at: &dyn Fn(u64) -> (u64, u64)) -> u64 {
        let by = |effort, n| {
            let (context, users) = at(n);
            self.offload_headroom(context, users, effort)
        };
        let quick = |n| by(Effort::Quick, n) >= 0;
        let found = match runs < most && quick(runs) {
            true => last_true_near(runs, most, self.predicted(runs, most, at), 1, &quick),
            false => runs,
        };
        match found < most && by(Effort::Thorough, found + 1) >= 0 {
            true => largest_fitting(found + 1, most, found + 2, &|n| by(Effort::Thorough, n)),
            false => found,
        }
    }

    /// About what [`Capacity::most_offloaded`] will find. What computing takes is taken for known:
    /// first what it takes for the question, then what it takes in the placement found with that.
    fn predicted(&self, runs: u64, most: u64, at: &dyn Fn(u64) -> (u64, u64)) -> u64 {
        let bound = |n| {
            let (context, users) = at(n);
            self.run.loads_lower_bound(context, users)
        };
        if self.scenario.offload != Offload::Auto {
            let (context, users) = at(runs);
            let room = expected_free(&self.run.loads(context, users));
            let compute = expected_free(&bound(runs)).saturating_sub(room);
            let left = |n| expected_free(&bound(n)).saturating_sub(compute);
            return largest_fitting(runs, most, runs, &left).max(runs);
        }
        // All memory together holds about as much, however layers are placed.
        let about = largest_fitting(runs, most, runs, &|n| free_in_all(&bound(n))).max(runs);
        let find = |run: &dyn Run, near: u64, guess: u64| {
            let (context, users) = at(near);
            let assumed = Effort::Assumed { context, users };
            let is_placed = |n| {
                let (context, users) = at(n);
                run.placed_anew(context, users, assumed).is_some()
            };
            // What is assumed may be too much for what runs.
            match last_true_near(runs, most, guess, guess / 64, &is_placed) {
                found if found > runs => (assumed, found),
                _ => (assumed, runs.midpoint(guess)),
            }
        };
        let (assumed, near) = find(self.run, runs, about);
        let (context, users) = at(near);
        let Some(there) = self.run.placed_anew(context, users, assumed) else { return near };
        let (assumed, near) = find(there.as_ref(), near, near);
        let (context, users) = at(near);
        let Some(there) = there.placed_anew(context, users, assumed) else { return near };
        find(there.as_ref(), near, near).1
    }

    /// Free bytes by the expected estimate on devices and host together, with as much in RAM as it
    /// takes; negative if the model does not run.
    fn offload_headroom(&self, context: u64, users: u64, effort: Effort) -> i64 {
        let as_it_lies = || self.run.loads(context, users);
        // In a memory that devices share with their hosts the search asks what computing takes before
        // what is stored there.
        let hardware = self.run.hardware();
        let is_ruled_out = effort == Effort::Quick
            && hardware.parts.len() > 1
            && hardware.host.shared
            && self.run.placed_anew(context, users, Effort::Bound).is_none();
        let (loads, is_placed) = match self.scenario.offload {
            Offload::Auto if is_ruled_out => (as_it_lies(), false),
            Offload::Auto => match self.run.placed_anew(context, users, effort) {
                Some(run) => (run.loads(context, users), true),
                None => (as_it_lies(), false),
            },
            _ => (as_it_lies(), true),
        };
        let free = free_in_all(&loads);
        // What is missing with the layers where they are tells how far away is what runs. More than
        // Metal recommends can be used, too.
        if is_placed && loads.fit_expectedly() { free.max(0) } else { free.min(-1) }
    }

    /// The largest number from `fitting` to `most` that fits if the layers are placed anew, which
    /// is possible on several devices; `at` says which context and users that is.
    fn beyond(&self, fitting: u64, most: u64, at: &dyn Fn(u64) -> (u64, u64)) -> u64 {
        let several = self.run.hardware().parts.len() > 1 && self.scenario.offload == Offload::Auto;
        if !several || fitting >= most {
            return fitting;
        }
        let placed = |n| {
            let (context, users) = at(n);
            self.run.placed_anew(context, users, Effort::OnDevices)
        };
        // What is stored says about where it ends, as for what is left in RAM.
        let predicted = |run: &dyn Run, known: u64, guess: u64| {
            let (context, users) = at(known.max(1));
            let assumed = Effort::OnDevicesAssumed { context, users };
            let is_placed = |n| {
                let (context, users) = at(n);
                run.placed_anew(context, users, assumed).is_some()
            };
            last_true_near(fitting, most, guess, guess / 64, &is_placed)
        };
        let mut near = predicted(self.asked(), fitting, fitting + 1);
        if near > fitting
            && let Some(there) = placed(near)
        {
            near = predicted(there.as_ref(), near, near);
        }
        let fits = |n| {
            let (context, users) = at(n);
            placed(n).is_some_and(|run| free(&run.loads(context, users)) >= 0)
        };
        last_true_near(fitting, most, near, 1, &fits)
    }

    fn asked(&self) -> &dyn Run {
        match &self.whole {
            Some(whole) => whole.as_ref(),
            None => self.run,
        }
    }
}

/// The users of a question whose sequences take memory at the same time, and what they take.
pub struct Seated {
    /// The most that do: in a paged cache as many as fit, and one at least; elsewhere any number.
    pub most: u64,
    /// Those of the question.
    pub users: u64,
    /// The loads with them.
    pub loads: Loads,
    /// The verdict on these.
    pub verdict: Verdict,
}

impl Seated {
    /// Seats the users of `scenario` in `run`.
    pub fn new(scenario: &Scenario, run: &dyn Run) -> Seated {
        let with = |most: u64| {
            let users = scenario.users.min(most);
            let loads = run.loads(scenario.context, users);
            Seated { most, users, verdict: verdict(run, &loads), loads }
        };
        let all = with(u64::MAX);
        if !run.queues() {
            return all;
        }
        let most = Capacity::new(scenario, run, &all.loads, all.verdict).most_held().max(1);
        if scenario.users <= most { Seated { most, ..all } } else { with(most) }
    }
}

/// Whether a part of the model is beside the devices, of which there are some.
fn offloads(run: &dyn Run) -> bool {
    !run.hardware().parts.is_empty() && run.offloads()
}

/// Free bytes by the high estimate.
fn by_high(load: &Load) -> i64 {
    load.safe.minus(load.used.high)
}

/// Free bytes by the high estimate on the tightest device, or by the expected one in RAM: see
/// [`Loads::fit`]. On a machine without devices, by the high estimate in RAM.
fn free(loads: &Loads) -> i64 {
    match loads.devices.iter().map(by_high).min() {
        Some(devices) => devices.min(loads.host.headroom()),
        None => by_high(&loads.host),
    }
}

/// Free bytes by the expected estimate on devices and host together.
fn free_in_all(loads: &Loads) -> i64 {
    loads.devices.iter().chain([&loads.host]).map(Load::headroom).sum()
}

/// Free bytes by the expected estimate on the tightest device or in RAM.
fn expected_free(loads: &Loads) -> i64 {
    let rooms = loads.devices.iter().map(Load::headroom);
    rooms.chain([loads.host.headroom()]).min().unwrap_or(-1)
}

/// How often the high estimate of `load` fits, where `once` bytes of it are shared by all copies.
fn copies_that_fit(load: &Load, once: Bytes) -> u64 {
    (load.safe - once).0.checked_div((load.used.high - once).0).unwrap_or(0)
}

/// The largest `n` in `from..=most` with `left(n) >= 0`, for a `left` that decreases in `n`; 0 if
/// there is none.
///
/// `left` is nearly linear, so the line through two evaluations predicts where it crosses zero;
/// evaluating it at `known` costs nothing. Arguments far beyond the crossing are avoided, since
/// they cost the most.
fn largest_fitting(from: u64, most: u64, known: u64, left: &dyn Fn(u64) -> i64) -> u64 {
    let mut low = (from, left(from));
    if low.1 < 0 {
        return 0;
    }
    let mut before = low;
    let mut high = None;
    let mut next = if (from + 1..=most).contains(&known) { known } else { most.min(from + 1) };
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

/// The largest `n` in `from..=most` for which `holds`, a predicate that is true up to some point;
/// `from` if there is none. It is looked for around `near` in steps that double, the first of them
/// `step`.
fn last_true_near(
    from: u64,
    most: u64,
    near: u64,
    mut step: u64,
    holds: &dyn Fn(u64) -> bool,
) -> u64 {
    let (mut low, mut high) = (from, most.saturating_add(1));
    let mut at = near;
    while low + 1 < high {
        let is_between = low > from && high <= most;
        at = if is_between { low.midpoint(high) } else { at.clamp(low + 1, high - 1) };
        step = step.max(1);
        if holds(at) {
            low = at;
            at = at.saturating_add(step);
        } else {
            high = at;
            at = at.saturating_sub(step);
        }
        step = step.saturating_mul(2);
    }
    low
}

#[cfg(test)]
mod tests {
    use super::{largest_fitting, last_true_near};

    #[test]
    fn the_last_true_is_found_from_anywhere() {
        for (last, near) in (3..=14).flat_map(|last| (0..20).map(move |near| (last, near))) {
            assert_eq!(last_true_near(3, 14, near, 1, &|n| n <= last), last, "{last} from {near}");
        }
        let looks = std::cell::Cell::new(0);
        last_true_near(1, 1000, 600, 1, &|n| {
            looks.set(looks.get() + 1);
            n <= 600
        });
        assert_eq!(looks.get(), 2);
    }

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
                    let found = largest_fitting(1, 65_536, known, &left);
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
            assert_eq!(largest_fitting(1, 65_536, known, &left), 238);
            assert!(looks.get() <= 4, "{} looks", looks.get());
        }
    }
}
