//! Which layers go where under llama.cpp: its own split by memory, and the search for a
//! placement that fits.

use crate::engine::llama_cpp::Placement;
use crate::scenario::Offload;
use crate::units::{Bytes, Interval};

/// What one memory would have to hold, against what it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Bytes to hold.
    pub used: Interval<Bytes>,
    /// Bytes that can be used.
    pub usable: Bytes,
}

impl Load {
    /// Even the high estimate fits.
    pub fn fits(&self) -> bool {
        self.used.high <= self.usable
    }

    /// The expected estimate fits.
    pub fn fits_expectedly(&self) -> bool {
        self.used.expected <= self.usable
    }

    /// Usable minus expected.
    pub fn headroom(&self) -> i64 {
        self.usable.minus(self.used.expected)
    }
}

/// The loads of a machine under one placement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loads {
    /// One a device.
    pub devices: Vec<Load>,
    /// The host's RAM.
    pub host: Load,
}

impl Loads {
    /// Even the high estimates fit on every device, and the expected one in the RAM. (What is
    /// mapped from a file need not stay in RAM, so the host's high estimate is no limit.)
    pub fn fit(&self) -> bool {
        self.devices.iter().all(Load::fits) && self.host.fits_expectedly()
    }

    /// The expected estimates fit.
    pub fn fit_expectedly(&self) -> bool {
        self.devices.iter().all(Load::fits_expectedly) && self.host.fits_expectedly()
    }
}

/// The layers that llama.cpp gives each device when `layers` of them (the output layer counts as
/// one) are spread by memory: layer `i` goes to the first device whose share of the memory up to
/// and including its own exceeds `i / layers`.
///
/// Source: `--split-mode layer` without `--tensor-split`, `llama_model::load_tensors`.
pub fn split_by_memory(layers: u64, memory: &[Bytes]) -> Vec<u64> {
    let total: Bytes = memory.iter().copied().sum();
    let mut out = vec![0; memory.len()];
    let mut given = 0;
    let mut upto = Bytes::ZERO;
    for (count, bytes) in out.iter_mut().zip(memory) {
        upto += *bytes;
        // The number of i in 0..layers with i / layers < upto / total.
        let end = (u128::from(upto.0) * u128::from(layers)).div_ceil(u128::from(total.0.max(1)));
        let end = (end as u64).min(layers);
        *count = end - given;
        given = end;
    }
    if let Some(last) = out.last_mut() {
        *last += layers - given;
    }
    out
}

/// The placement for `offload` of a model with `n_layers` repeating layers (the output layer not
/// counted; `expert_layers` is one past the last with routed experts, 0 without), over devices
/// with `memory` usable bytes each. `judge` gives the loads of a placement.
///
/// With [`Offload::Auto`], the first of these that fits: all on the devices, split by memory;
/// all on the devices, split otherwise; the fewest experts on the host; the most layers on the
/// devices. `None`: nothing fits. The other modes are taken as they are.
pub fn solve(
    offload: Offload,
    n_layers: u64,
    expert_layers: u64,
    memory: &[Bytes],
    judge: impl Fn(&Placement) -> Loads,
) -> Option<Placement> {
    let all = n_layers + 1;
    let place = |layers: u64, host_expert_layers: u64| Placement {
        device_layers: split_by_memory(layers, memory),
        host_expert_layers,
    };
    if memory.is_empty() {
        return Some(Placement::cpu());
    }
    match offload {
        Offload::Auto => {}
        Offload::None => return Some(place(all, 0)),
        Offload::Experts => return Some(place(all, expert_layers)),
        Offload::ExpertLayers(n) => return Some(place(all, u64::from(n).min(n_layers))),
        Offload::GpuLayers(n) => return Some(place(u64::from(n).min(all), 0)),
    }
    if let Some(whole) = level(place(all, 0), &judge) {
        return Some(whole);
    }
    // The more is on the host, the less is on the devices: the first step that relieves them is
    // also the one that burdens the RAM least.
    let relieved = |high: u64, on_host: &dyn Fn(u64) -> Placement| {
        let n = first_true(1, high, |n| judge(&on_host(n)).devices.iter().all(Load::fits))?;
        Some(on_host(n)).filter(|placement| judge(placement).fit())
    };
    relieved(expert_layers, &|n| place(all, n))
        .or_else(|| relieved(n_layers, &|n| place(all - n, 0)))
}

/// `placement`, or one with layers moved from the fullest device to the emptiest until all fit;
/// `None` if that cannot be.
fn level(mut placement: Placement, judge: &impl Fn(&Placement) -> Loads) -> Option<Placement> {
    let mut loads = judge(&placement);
    while !loads.fit_expectedly() {
        let headroom = || loads.devices.iter().map(Load::headroom).enumerate();
        let (fullest, least) = headroom().min_by_key(|(_, room)| *room)?;
        let (emptiest, _) = headroom().max_by_key(|(_, room)| *room)?;
        if fullest == emptiest || placement.device_layers[fullest] == 0 {
            return None;
        }
        placement.device_layers[fullest] -= 1;
        placement.device_layers[emptiest] += 1;
        loads = judge(&placement);
        // Moving on would only pass the overflow around.
        if loads.devices.iter().map(Load::headroom).min()? <= least {
            return None;
        }
    }
    Some(placement)
}

/// The smallest `n` in `low..=high` for which `holds`, where `holds` is false up to some point
/// and true from there on.
fn first_true(low: u64, high: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if low > high || !holds(high) {
        return None;
    }
    let (mut no, mut yes) = (low, high);
    while no < yes {
        let middle = no + (yes - no) / 2;
        if holds(middle) {
            yes = middle;
        } else {
            no = middle + 1;
        }
    }
    Some(yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: Bytes = Bytes::gib(1);

    /// A model of 10 layers of 1 GiB each and an output layer of 2 GiB, 6 tenths of each layer
    /// experts.
    fn judge(memory: &[Bytes], ram: Bytes) -> impl Fn(&Placement) -> Loads {
        move |placement: &Placement| {
            let on_devices: u64 = placement.device_layers.iter().sum();
            let mut layer = 11 - on_devices;
            let mut host = GIB * layer.min(10) + GIB * u64::from(on_devices == 0) * 2;
            let mut devices = Vec::new();
            for (count, usable) in placement.device_layers.iter().zip(memory) {
                let mut used = Bytes::ZERO;
                for _ in 0..*count {
                    used += if layer == 10 { GIB * 2 } else { GIB };
                    if layer < placement.host_expert_layers {
                        used = used - GIB.scale(0.6);
                        host += GIB.scale(0.6);
                    }
                    layer += 1;
                }
                let used = Interval::around(used, 1.0, 1.01);
                devices.push(Load { used, usable: *usable });
            }
            Loads { devices, host: Load { used: Interval::exact(host), usable: ram } }
        }
    }

    fn solved(memory: &[Bytes], ram: Bytes, experts: u64) -> Option<Placement> {
        solve(Offload::Auto, 10, experts, memory, judge(memory, ram))
    }

    #[test]
    fn a_split_follows_memory_and_loses_no_layer() {
        assert_eq!(split_by_memory(81, &[GIB * 24, GIB * 24]), [41, 40]);
        assert_eq!(split_by_memory(33, &[GIB * 24, GIB * 8]), [25, 8]);
        assert_eq!(split_by_memory(33, &[GIB]), [33]);
        assert_eq!(split_by_memory(5, &[Bytes::ZERO, Bytes::ZERO]).iter().sum::<u64>(), 5);
        assert_eq!(split_by_memory(0, &[GIB, GIB]), [0, 0]);
    }

    #[test]
    fn what_fits_goes_on_the_device() {
        let whole = solved(&[GIB * 13], GIB * 64, 10).unwrap();
        assert_eq!(whole, Placement { device_layers: vec![11], host_expert_layers: 0 });
    }

    #[test]
    fn an_uneven_output_layer_is_levelled_out() {
        // By memory 6 + 5 layers, but the second device also has the 2 GiB output.
        let memory = [GIB * 6 + Bytes(1), GIB * 6 + Bytes(1)];
        assert_eq!(split_by_memory(11, &memory), [6, 5]);
        assert!(
            judge(&memory, GIB)(&Placement { device_layers: vec![6, 5], host_expert_layers: 0 })
                .fit_expectedly()
        );
        let memory = [GIB * 7 + Bytes(1), GIB * 5 + Bytes(1)];
        assert_eq!(split_by_memory(11, &memory), [7, 4]);
        let memory = [GIB * 5 + GIB / 2, GIB * 7];
        assert_eq!(split_by_memory(11, &memory), [5, 6]);
        let memory = [GIB * 8, GIB * 5 - Bytes(1)];
        assert_eq!(split_by_memory(11, &memory), [7, 4]);
        assert_eq!(solved(&memory, GIB * 64, 0).unwrap().device_layers, [8, 3]);
    }

    #[test]
    fn experts_leave_before_layers_and_as_few_as_needed() {
        let placement = solved(&[GIB * 10], GIB * 64, 10).unwrap();
        assert_eq!(placement.device_layers, [11]);
        assert_eq!(placement.host_expert_layers, 4);
        assert!(
            !judge(&[GIB * 10], GIB * 64)(&Placement { host_expert_layers: 3, ..placement }).fit()
        );
    }

    #[test]
    fn a_dense_model_leaves_layers_on_the_host() {
        let placement = solved(&[GIB * 6], GIB * 64, 0).unwrap();
        assert_eq!(placement.device_layers, [4]);
    }

    #[test]
    fn ram_for_a_part_is_enough_when_only_a_part_is_left_over() {
        // All ten layers would not fit in this RAM, the three that have to do.
        let placement = solved(&[GIB * 10], GIB * 4, 0).unwrap();
        assert_eq!(placement.device_layers, [8]);
    }

    #[test]
    fn nothing_fits_where_the_ram_is_too_small() {
        assert_eq!(solved(&[GIB * 6], GIB, 0), None);
        assert_eq!(solved(&[GIB], GIB * 64, 0), None);
    }

    #[test]
    fn a_placement_that_is_asked_for_is_taken_as_it_is() {
        let memory = [GIB];
        let solve = |offload| solve(offload, 10, 10, &memory, judge(&memory, GIB)).unwrap();
        assert_eq!(
            solve(Offload::None),
            Placement { device_layers: vec![11], host_expert_layers: 0 }
        );
        assert_eq!(solve(Offload::GpuLayers(99)).device_layers, [11]);
        assert_eq!(solve(Offload::GpuLayers(3)).device_layers, [3]);
        assert_eq!(solve(Offload::Experts).host_expert_layers, 10);
    }
}
