//! Laws that any speed model must obey, whatever its coefficients.

#![cfg(not(target_arch = "wasm32"))]

use headroom::speed::calibration::classes;
use headroom::speed::{
    Backend, Cache, Chip, Known, Limit, Load, Numerics, Part, Peaks, Setup, Software, Stage,
    Tuning, Work,
};
use proptest::prelude::*;

prop_compose! {
    fn work()(
        layers in 1.0..128.0f64,
        moe in any::<bool>(),
        dense_gb in 0.1..150.0f64,
        expert_gb in 1.0..700.0f64,
        share in 0.01..0.5f64,
        entry_kb in 1.0..1024.0f64,
        window in proptest::option::of(128.0..8192.0f64),
        state_mb in prop_oneof![Just(0.0), 1.0..100.0f64],
    ) -> Work {
        let cache = |window, share: f64| Cache {
            entry_bytes: entry_kb * 1e3 * share,
            tokens_per_entry: 1.0,
            window,
            decode_flops: entry_kb * 1e3 * 4.0 * share,
            prefill_flops: entry_kb * 1e3 * 4.0 * share,
            heads_per_kv_head: 4.0,
            latent: false,
        };
        Work {
            layers,
            moe_layers: if moe { layers } else { 0.0 },
            dense_bytes: dense_gb * 1e9,
            expert_bytes: if moe { expert_gb * 1e9 } else { 0.0 },
            expert_share: if moe { share } else { 0.0 },
            dense_flops: dense_gb * 2e9,
            expert_flops: if moe { expert_gb * 2e9 * share } else { 0.0 },
            head_flops: 1e9,
            caches: vec![cache(None, 0.5), cache(window, 0.5)],
            state_bytes: state_mb * 1e6,
            hidden: 4096.0,
            ..Work::default()
        }
    }
}

prop_compose! {
    fn chip()(
        bandwidth in 20e9..8e12f64,
        units in proptest::option::of(5.0..320.0f64),
        ghz in 0.8..3.0f64,
        tflops in 1.0..2500.0f64,
        watts in proptest::option::of(15.0..1000.0f64),
        link in 8e9..900e9f64,
        family in prop_oneof![Just("Ada Lovelace"), Just("RDNA 4"), Just("Apple M2"), Just("?")],
    ) -> Chip {
        let half = tflops * 1e12;
        Chip {
            bandwidth,
            unit_hz: units.map(|units| units * ghz * 1e9),
            clock_hz: units.map(|_| ghz * 1e9),
            peaks: Peaks { half, half_fast: half, ..Peaks::default() },
            power_w: watts,
            link,
            fabric: false,
            host_link: 16e9,
            family: family.to_owned(),
            backend: Backend::Cuda,
        }
    }
}

fn setup(class: usize, work: Work, chip: Chip, width: f64, flash: bool) -> Setup<'static> {
    let class = &classes()[class % classes().len()];
    let numerics = Numerics { flash_attention: flash, ..Numerics::default() };
    let stage = Stage { work, chip, width, class, prompts_on: None };
    Setup {
        stages: vec![stage],
        numerics,
        microbatch: 512.0,
        known: Known::Measured,
        tuning: Tuning::default(),
    }
}

const CLOSE: f64 = 1.0 + 1e-9;

proptest! {
    #[test]
    fn faster_memory_never_slows(
        class in 0usize..64, work in work(), chip in chip(), width in 1u32..9,
        faster in 1.0..4.0f64, batch in 1.0..256.0f64, depth in 0.0..131_072.0f64,
    ) {
        let better = Chip { bandwidth: chip.bandwidth * faster, ..chip.clone() };
        let slow = setup(class, work.clone(), chip, f64::from(width), true);
        let fast = setup(class, work, better, f64::from(width), true);
        prop_assert!(fast.step(batch, depth).total() <= slow.step(batch, depth).total() * CLOSE);
        prop_assert!(fast.prefill(2048.0, depth).total() <= slow.prefill(2048.0, depth).total() * CLOSE);
    }

    #[test]
    fn more_users_never_lower_the_throughput_until_memory_binds(
        class in 0usize..64, work in work(), chip in chip(), prompt in 1.0..32_768.0f64,
        output in 1.0..4096.0f64, users in 1u32..255, fits in 1.0..256.0f64,
    ) {
        let setup = setup(class, work, chip, 1.0, true);
        let serve = |users: u32| {
            let load = Load { users: f64::from(users), fits, ..Load::single(prompt, output) };
            setup.serve(&load)
        };
        let (fewer, more) = (serve(users), serve(users + 1));
        prop_assert!(more.throughput.expected * CLOSE >= fewer.throughput.expected);
        prop_assert!(more.ttft_s.expected * CLOSE >= fewer.ttft_s.expected);
        if f64::from(users) > fits {
            prop_assert_eq!(more.limit, Limit::Memory);
            prop_assert_eq!(more.throughput, fewer.throughput);
        }
    }

    #[test]
    fn a_token_is_never_faster_than_the_roofline(
        class in 0usize..64, work in work(), chip in chip(), width in 1u32..9,
        batch in 1.0..256.0f64, depth in 0.0..131_072.0f64, flash in any::<bool>(),
    ) {
        let bytes = work.weight_bytes(batch) + batch * work.cache_bytes(depth);
        let roofline = bytes / (chip.bandwidth * f64::from(width));
        let setup = setup(class, work, chip, f64::from(width), flash);
        prop_assert!(setup.step(batch, depth).total() * CLOSE >= roofline);
        let load = Load { users: batch.floor(), ..Load::single(depth + 1.0, 1.0) };
        prop_assert!(setup.serve(&load).tpot_s.expected * CLOSE >= setup.step(batch.floor(), depth).total());
    }

    #[test]
    fn a_deeper_context_is_never_faster(
        class in 0usize..64, work in work(), chip in chip(), batch in 1.0..64.0f64,
        depth in 0.0..131_072.0f64, deeper in 0.0..131_072.0f64, tokens in 1.0..8192.0f64,
    ) {
        let setup = setup(class, work, chip, 1.0, true);
        let (near, far) = (depth, depth + deeper);
        prop_assert!(setup.step(batch, far).total() * CLOSE >= setup.step(batch, near).total());
        prop_assert!(setup.prefill(tokens, far).total() * CLOSE >= setup.prefill(tokens, near).total());
    }

    #[test]
    fn intervals_are_ordered_and_finite(
        class in 0usize..64, work in work(), chip in chip(), width in 1u32..9, users in 1u32..1000,
    ) {
        let setup = setup(class, work, chip, f64::from(width), true);
        let service = setup.serve(&Load { users: f64::from(users), ..Load::single(1000.0, 200.0) });
        for interval in [service.ttft_s, service.tpot_s, service.throughput, setup.decode_tps(0.0)] {
            prop_assert!(interval.low > 0.0 && interval.high.is_finite());
            prop_assert!(interval.low < interval.expected && interval.expected < interval.high);
        }
    }

    #[test]
    fn a_layer_split_costs_a_hop_and_overlaps_prompts(work in work(), chip in chip()) {
        let chip = Chip { power_w: None, ..chip };
        let software = Software::on(headroom::speed::Engine::LlamaCpp, &chip);
        let split = |n: u32| {
            let part = Part::on(chip.clone(), work.scaled(1.0 / f64::from(n)));
            let parts = (0..n).map(|_| part.clone());
            Setup::new(software, parts, Numerics::default(), 512.0).unwrap()
        };
        let (one, four) = (split(1), split(4));
        prop_assert!(four.step(1.0, 1000.0).total() >= one.step(1.0, 1000.0).total() * (1.0 - 1e-6));
        prop_assert!(four.prefill(8192.0, 0.0).total() < one.prefill(8192.0, 0.0).total());
        let short = (four.prefill(512.0, 0.0).total(), one.prefill(512.0, 0.0).total());
        prop_assert!(short.0 >= short.1 * (1.0 - 1e-6));
    }
}
