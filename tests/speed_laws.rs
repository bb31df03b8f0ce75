//! Laws that any speed model must obey, whatever its coefficients.

#![cfg(not(target_arch = "wasm32"))]

use headroom::scenario::Reading;
use headroom::speed::calibration::Calibration;
use headroom::speed::{
    Backend, Bottleneck, Cache, Chip, Correction, Draft, Known, Load, Numerics, Peaks, PlacedPart,
    Proposer, Software, SpeedModel, Stage, Work,
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
            kv_heads: 8.0,
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
        is_soc in any::<bool>(),
    ) -> Chip {
        let half = tflops * 1e12;
        Chip {
            is_described: false,
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
            is_soc,
        }
    }
}

fn setup(
    calibration: usize,
    work: Work,
    chip: Chip,
    width: f64,
    flash: bool,
) -> SpeedModel<'static> {
    let calibration = &Calibration::all()[calibration % Calibration::all().len()];
    let numerics = Numerics { flash_attention: flash, ..Numerics::default() };
    let stage =
        Stage { work, chip, width, data: 1.0, network: false, calibration, prompts_on: None };
    SpeedModel {
        shape_spread: 1.0,
        stages: vec![stage],
        numerics,
        microbatch: 512.0,
        pipelined: false,
        network: None,
        draft: None,
        known: Known::Measured,
        correction: Correction::default(),
    }
}

prop_compose! {
    /// A setup of any kind: one device, ranks, data ranks, a pipeline, a layer split, with a part
    /// on the host, with a draft.
    fn any_setup()(
        calibration in 0usize..64, work in work(), chip in chip(), width in 1u32..9,
        data in any::<bool>(), stages in 1u32..5, pipelined in any::<bool>(),
        host in any::<bool>(), draft in proptest::option::of((1.0..8.0f64, 0.0..=1.0f64)),
    ) -> SpeedModel<'static> {
        let width = f64::from(width);
        let share = 1.0 / f64::from(stages + u32::from(host));
        let mut setup = setup(calibration, work.scaled(share), chip.clone(), width, true);
        setup.stages[0].data = if data { width } else { 1.0 };
        setup.stages = vec![setup.stages[0].clone(); stages as usize];
        if host {
            let mut left = setup.stages[0].clone();
            left.prompts_on = Some((chip, left.calibration));
            left.chip = Chip::cpu(80e9);
            (left.width, left.data) = (1.0, 1.0);
            setup.stages.push(left);
        }
        setup.pipelined = pipelined;
        setup.draft = draft.map(|(tokens, acceptance)| Draft {
            tokens: tokens.round(), acceptance, by: Proposer::Mtp(0.1),
        });
        setup
    }
}

const CLOSE: f64 = 1.0 + 1e-9;

proptest! {
    #[test]
    fn faster_memory_never_slows(
        calibration in 0usize..64, work in work(), chip in chip(), width in 1u32..9,
        faster in 1.0..4.0f64, batch in 1.0..256.0f64, depth in 0.0..131_072.0f64,
    ) {
        let better = Chip { bandwidth: chip.bandwidth * faster, ..chip.clone() };
        let slow = setup(calibration, work.clone(), chip, f64::from(width), true);
        let fast = setup(calibration, work, better, f64::from(width), true);
        prop_assert!(fast.step(batch, depth).total() <= slow.step(batch, depth).total() * CLOSE);
        prop_assert!(fast.prefill(2048.0, depth).total() <= slow.prefill(2048.0, depth).total() * CLOSE);
    }

    #[test]
    fn more_users_never_lower_the_throughput_until_memory_binds(
        setup in any_setup(), prompt in 1.0..32_768.0f64,
        output in 1.0..4096.0f64, users in 1u32..255, fits in 1.0..256.0f64,
    ) {
        let serve = |users: u32| {
            let load = Load { users: f64::from(users), fits, ..Load::single(prompt, output) };
            setup.serve(&load)
        };
        let (fewer, more) = (serve(users), serve(users + 1));
        prop_assert!(more.throughput.expected * CLOSE >= fewer.throughput.expected);
        prop_assert!(more.ttft_s.expected * CLOSE >= fewer.ttft_s.expected);
        if f64::from(users) > fits {
            prop_assert_eq!(more.bottleneck, Bottleneck::Memory);
            prop_assert_eq!(more.throughput, fewer.throughput);
        }
    }

    #[test]
    fn a_token_is_never_faster_than_the_roofline(
        calibration in 0usize..64, work in work(), chip in chip(), width in 1u32..9,
        batch in 1.0..256.0f64, depth in 0.0..131_072.0f64, flash in any::<bool>(),
    ) {
        let bytes = work.weight_bytes(batch) + batch * work.cache_bytes(depth);
        let roofline = bytes / (chip.bandwidth * f64::from(width));
        let setup = setup(calibration, work, chip, f64::from(width), flash);
        prop_assert!(setup.step(batch, depth).total() * CLOSE >= roofline);
        let load = Load { users: batch.floor(), ..Load::single(depth + 1.0, 1.0) };
        prop_assert!(setup.serve(&load).tpot_s.expected * CLOSE >= setup.step(batch.floor(), depth).total());
    }

    #[test]
    fn a_deeper_context_is_never_faster(
        setup in any_setup(), batch in 1.0..64.0f64,
        depth in 0.0..131_072.0f64, deeper in 0.0..131_072.0f64, tokens in 1.0..8192.0f64,
    ) {
        let (near, far) = (depth, depth + deeper);
        prop_assert!(setup.token(batch, far).total() * CLOSE >= setup.token(batch, near).total());
        prop_assert!(setup.step(batch, far).total() * CLOSE >= setup.step(batch, near).total());
        prop_assert!(setup.prefill(tokens, far).total() * CLOSE >= setup.prefill(tokens, near).total());
    }

    #[test]
    fn intervals_are_ordered_and_finite(
        setup in any_setup(), users in 1u32..1000, fits in 1.0..1000.0f64,
    ) {
        let service = setup.serve(&Load { users: f64::from(users), fits, ..Load::single(1000.0, 200.0) });
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
            let part = PlacedPart::on(chip.clone(), work.scaled(1.0 / f64::from(n)));
            let parts = (0..n).map(|_| part.clone());
            SpeedModel::new(software, parts, Numerics::default(), 512.0).unwrap()
        };
        let (one, four) = (split(1), split(4));
        prop_assert!(four.step(1.0, 1000.0).total() >= one.step(1.0, 1000.0).total() * (1.0 - 1e-6));
        prop_assert!(four.prefill(8192.0, 0.0).total() < one.prefill(8192.0, 0.0).total());
        let short = (four.prefill(512.0, 0.0).total(), one.prefill(512.0, 0.0).total());
        prop_assert!(short.0 >= short.1 * (1.0 - 1e-6));
    }

    #[test]
    fn a_pipeline_delivers_no_less_than_stages_that_wait_for_each_other(
        setup in any_setup(), batch in 1.0..256.0f64, depth in 0.0..32_768.0f64,
    ) {
        let of = |pipelined| SpeedModel { pipelined, draft: None, ..setup.clone() };
        let (waiting, flowing) = (of(false).step(batch, depth), of(true).step(batch, depth));
        let one = of(true).step(1.0, depth).total() / of(false).step(1.0, depth).total();
        prop_assert!((one - 1.0).abs() < 1e-9, "one sequence has nothing to overlap with");
        // Up to what the slowest stage takes.
        let even = setup.stages.iter().all(|stage| stage.prompts_on.is_none());
        prop_assert!(!even || flowing.total() <= waiting.total() * CLOSE);
    }

    #[test]
    fn after_a_reading_the_estimate_is_the_reading(
        setup in any_setup(), off in 0.3..3.0f64, depth in 0u64..8192, batch in 1u64..64,
        kind in 0usize..4,
    ) {
        let setup = SpeedModel { draft: None, ..setup };
        let load = Load::single(1.0, 1.0);
        let at = |users: u64| Load { users: users as f64, ..Load::single(512.0, 256.0) };
        let reads = |setup: &SpeedModel<'_>| match kind {
            0 => setup.batch_tps(batch as f64, depth as f64).expected,
            1 => setup.prefill_tps(777.0, depth as f64).expected,
            2 => 1.0 / setup.serve(&at(1)).tpot_s.expected,
            _ => 1.0 / setup.ttft_s(777.0, 0.0).expected,
        };
        let rate = reads(&setup) * off;
        let (tps, us) = ((rate * 1e3).round() as u64, (1e6 / rate).round() as u64);
        prop_assume!(tps > 1000 && us > 1000);
        let reading = match kind {
            0 => Reading::Decode { batch, depth, tps },
            1 => Reading::Prefill { tokens: 777, depth, tps },
            2 => Reading::TokenTime { users: 1, prompt: 512, output: 256, us },
            _ => Reading::FirstToken { prompt: 777, us },
        };
        let correction = Correction::from_readings(&setup, &load, &[reading]);
        let tuned = reads(&SpeedModel { correction, ..setup });
        prop_assert!((tuned / rate - 1.0).abs() < 2e-3, "{tuned} is not {rate}");
    }

    #[test]
    fn a_time_under_load_is_met_as_well(
        setup in any_setup(), slower in 1.0..3.0f64, users in 2u64..64,
    ) {
        let setup = SpeedModel { draft: None, ..setup };
        let load = Load { users: users as f64, ..Load::single(512.0, 256.0) };
        let us = (setup.serve(&load).tpot_s.expected * slower * 1e6).round();
        let reading = Reading::TokenTime { users, prompt: 512, output: 256, us: us as u64 };
        let correction = Correction::from_readings(&setup, &load, &[reading]);
        let tuned = SpeedModel { correction, ..setup }.serve(&load).tpot_s.expected;
        prop_assert!((tuned * 1e6 / us - 1.0).abs() < 1e-6);
    }

    #[test]
    fn ranks_beyond_the_heads_copy_the_cache(work in work(), chip in chip(), heads in 1u32..9) {
        let mut work = Work { expert_bytes: 0.0, expert_flops: 0.0, state_bytes: 0.0, ..work };
        work.caches.iter_mut().for_each(|cache| {
            cache.kv_heads = f64::from(heads);
            (cache.decode_flops, cache.prefill_flops) = (0.0, 0.0);
        });
        work.dense_flops = 0.0;
        let reads = |width: f64| {
            let setup = setup(0, work.clone(), chip.clone(), width, true);
            setup.step(4.0, 65_536.0).memory - setup.step(4.0, 0.0).memory
        };
        let copied = reads(8.0) / reads(f64::from(heads));
        prop_assert!((copied - 1.0).abs() < 1e-6, "{copied}");
    }

    #[test]
    fn a_prompt_is_no_slower_than_its_steps_than_a_longer_one_or_than_without_its_prefix(
        setup in any_setup(), tokens in 1u32..100, more in 1u32..4096, depth in 0u32..65_536,
        microbatch in 8u32..1024,
    ) {
        let setup = SpeedModel { microbatch: f64::from(microbatch), draft: None, ..setup };
        let time = |tokens: u32, depth: u32| setup.prefill(tokens.into(), depth.into()).total();
        let steps = f64::from(tokens) * setup.step(1.0, f64::from(depth + tokens)).total();
        prop_assert!(time(tokens, depth) <= steps * CLOSE);
        // The rate has more of a request in it, on a system on a chip, but no more than that.
        let told = f64::from(tokens) / setup.prefill_tps(tokens.into(), depth.into()).expected;
        prop_assert!(told <= steps * CLOSE, "{told} s for {steps} s");
        prop_assert!(time(tokens, depth) <= time(tokens + more, depth) * CLOSE);
        prop_assert!(time(tokens, more) <= time(tokens + more, 0) * CLOSE);
    }

    #[test]
    fn what_is_left_on_the_host_never_speeds_prompts(
        work in work(), chip in chip(), left in 0.01..0.99f64, tokens in 32.0..16_384.0f64,
    ) {
        let software = Software::on(headroom::speed::Engine::LlamaCpp, &chip);
        let run = |parts: Vec<PlacedPart>| SpeedModel::new(software, parts, Numerics::default(), 512.0).unwrap();
        let kept = PlacedPart::on(chip.clone(), work.scaled(1.0 - left));
        // The last few tokens of a prompt are not sent: a host that computes nearly as fast as the
        // device, or reads nearly as fast, has them sooner.
        let cpu = Chip::cpu(80e9f64.min(chip.bandwidth / 4.0).min(chip.peaks.half / 128.0));
        let host = PlacedPart { prompts_on: Some(chip.clone()), ..PlacedPart::on(cpu, work.scaled(left)) };
        let (split, whole) = (run(vec![kept, host]), run(vec![PlacedPart::on(chip, work)]));
        let (split, whole) = (split.prefill(tokens, 0.0).total(), whole.prefill(tokens, 0.0).total());
        prop_assert!(split >= whole * (1.0 - 1e-6), "{split} {whole}");
    }
}
