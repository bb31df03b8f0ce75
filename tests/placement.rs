//! Placements end to end: splits over devices, parallel ranks, unified memory, bad input; and the
//! laws that they obey.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{
    any_model, any_of, expected_bytes, first_cell, only_cell, report, total_bytes, verdict_rank,
};
use headroom::catalog::Catalog;
use headroom::report::{
    Cell, Notice, PlacementReason, RefusalReason, SplitKind, Term, Verdict, sum_of_items,
};
use headroom::scenario::{Engine, Scenario};
use headroom::units::{Bytes, GIB};
use proptest::prelude::*;

/// Layers on each device.
fn device_layers(cell: &Cell) -> Vec<u64> {
    cell.devices.iter().map(|device| device.layers).collect()
}

/// Why an engine refuses a query or changes a setting of it, and the nearest that it takes.
#[track_caller]
fn objection(query: &str) -> (RefusalReason, Option<String>) {
    let objection = report(query).notices.into_iter().find_map(|notice| match notice {
        Notice::EngineRefuses(objection) => Some((objection.rule, objection.nearest)),
        Notice::EngineAdjusts(objection) => Some((objection.rule, objection.nearest)),
        _ => None,
    });
    let (rule, nearest) = objection.unwrap_or_else(|| panic!("nothing objects to {query}"));
    (rule, nearest.first().map(ToString::to_string))
}

#[test]
fn an_uneven_pair_splits_layers_by_memory() {
    let cell = only_cell("model=qwen3-32b&hw=rtx-4090,rtx-3060-12gb&quant=Q5_K_M&ctx=32k");
    assert_eq!(cell.verdict, Verdict::Fits);
    // 65 layers, the output among them, over 23.52 and 11.63 GiB: the first 67 % are 43.5, so 44.
    assert_eq!(device_layers(&cell), [44, 20]);
    // 8 heads of 128, keys and values, 2 bytes.
    let layer = 32_768 * 8 * 128 * 2 * 2;
    assert_eq!(expected_bytes(&cell, 0, Term::KvCache), 44 * layer);
    assert_eq!(expected_bytes(&cell, 1, Term::KvCache), 20 * layer);
    assert_eq!(
        (cell.placement.reason, cell.placement.split),
        (PlacementReason::Fits, SplitKind::Layers)
    );
    assert_eq!(cell.placement.parts[1].layers, (44, 64));
    assert!(cell.placement.parts[1].head && !cell.placement.parts[0].head);
    assert_eq!(cell.placement.input_copies, 4);
    let compute = cell.devices[0].items.iter().find(|item| item.term == Term::Compute).unwrap();
    assert!(compute.inputs.contains(&("input_copies".to_owned(), 4.0)), "{:?}", compute.inputs);
}

#[test]
fn a_split_of_the_user_s_is_taken() {
    let query = "model=qwen3-32b&hw=rtx-4090*2&quant=Q4_K_M&ctx=8k";
    let thirds = only_cell(&format!("{query}&ts=3,1"));
    // 65 x 3/4 = 48.75: layers 0 to 48.
    assert_eq!(device_layers(&thirds), [49, 15]);
    assert!(thirds.flags.contains(&"-ts 3,1".to_owned()), "{:?}", thirds.flags);
    let one = only_cell(&format!("{query}&split=none&mg=1"));
    assert_eq!(device_layers(&one), [0, 64]);
    assert_eq!(one.devices[0].used_bytes.high, Bytes::ZERO, "the other card is left out");
}

#[test]
fn rows_and_tensors_are_divided_and_nothing_is_lost() {
    let query = "model=qwen3-32b&hw=rtx-4090*2&quant=Q4_K_M&ctx=8k";
    let layer = only_cell(query);
    let tensor = only_cell(&format!("{query}&split=tensor"));
    let row = only_cell(&format!("{query}&split=row"));
    // Half of the heads, half of the columns: each card has half of the cache and of the weights
    // but norms.
    assert_eq!(expected_bytes(&tensor, 0, Term::KvCache), 8_192 * 64 * 4 * 128 * 2 * 2);
    let [a, b] = [0, 1].map(|i| expected_bytes(&tensor, i, Term::Weights));
    assert!(a.abs_diff(b) < 40 << 20, "{a} and {b}");
    assert_eq!(tensor.placement.split, SplitKind::Tensors);
    // Every card has the compute buffer of the whole graph, and none has four copies of the inputs.
    assert_eq!(
        expected_bytes(&tensor, 0, Term::Compute),
        expected_bytes(&tensor, 1, Term::Compute)
    );
    assert_eq!((tensor.placement.input_copies, row.placement.input_copies), (1, 1));
    // Caches follow the layers where only rows of matrices are divided.
    assert_eq!(device_layers(&row), device_layers(&layer));
    assert_eq!(expected_bytes(&row, 0, Term::KvCache), expected_bytes(&layer, 0, Term::KvCache));
}

#[test]
fn the_experts_of_a_235b_stay_in_ram_beside_a_24_gb_card() {
    let cell = only_cell("model=qwen3-235b-a22b&hw=rtx-4090&quant=Q4_K_M&ctx=16k&ram=192GiB");
    assert_eq!(cell.verdict, Verdict::Offload);
    assert_eq!(cell.placement.reason, PlacementReason::ExpertsToHost);
    let [device, host] = cell.placement.parts.as_slice() else { panic!("two parts") };
    assert_eq!((device.layers, host.layers), ((0, 94), (0, 0)));
    assert_eq!(host.experts, (0, device.experts.0));
    let left = device.experts.0;
    assert!(cell.flags.contains(&format!("--n-cpu-moe {left}")), "{:?}", cell.flags);
    // An expert layer is 128 x 3 x 4096 x 1536 weights of about 4.85 bits.
    let expert_layer = 128 * 3 * 4096 * 1536u64;
    let on_host = cell.host.items.iter().find(|item| item.term == Term::Weights).unwrap();
    let bits = on_host.bytes.expected.0 as f64 * 8.0 / (left * expert_layer) as f64;
    assert!((4.5..5.4).contains(&bits), "{bits} bits a weight in RAM");
    // 94 layers of 4 heads of 128.
    assert_eq!(expected_bytes(&cell, 0, Term::KvCache), 16_384 * 94 * 4 * 128 * 2 * 2);
}

#[test]
fn experts_that_leave_are_spread_over_two_cards() {
    let query = "model=qwen3-235b-a22b&quant=Q4_K_M&ctx=16k&ram=192GiB&hw=rtx-4090";
    let host = |cell: &Cell| cell.placement.parts.last().unwrap().experts.1;
    let (one, two) = (only_cell(query), only_cell(&format!("{query}*2")));
    // Another 24 GB take at least 14 of the 1.35 GiB expert layers from the RAM.
    assert!(host(&one) - host(&two) >= 14, "{} then {}", host(&one), host(&two));
    assert!(two.flags.iter().any(|flag| flag.starts_with("-ts ")), "{:?}", two.flags);
}

#[test]
fn a_mac_wires_what_its_release_lets_it() {
    let query = "model=llama-3.3-70b-instruct&hw=apple-m4-max-40c@64&quant=Q5_K_M&ctx=8k";
    let usable = |more: &str| only_cell(&format!("{query}{more}")).devices[0].usable_bytes.0;
    assert_eq!(usable(""), 48 * GIB);
    assert_eq!(usable("&os=macos-26"), (64 * GIB) * 81 / 100);
    assert_eq!(usable("&wired=60GiB"), 60 * GIB);
    let basis = &only_cell(&format!("{query}&wired=60GiB")).devices[0].usable_basis;
    assert!(basis.contains("iogpu.wired_limit_mb"), "{basis}");
    // 70.6 B weights of 5.7 bits are 46.5 GiB: too much for three quarters with its cache.
    assert_ne!(only_cell(query).verdict, Verdict::Fits);
    assert_eq!(only_cell(&format!("{query}&wired=58GiB")).verdict, Verdict::Fits);
}

#[test]
fn vllm_on_two_ranks_halves_weights_and_cache() {
    let of = |hw: &str| {
        only_cell(&format!("model=qwen3-32b&hw={hw}&quant=BF16&engine=vllm&ctx=16000&tp=2"))
    };
    let two = of("h100-sxm*2");
    // vLLM printed 30.59 GiB a rank.
    let weights = expected_bytes(&two, 0, Term::Weights) as f64 / GIB as f64;
    assert!((weights / 30.59 - 1.0).abs() < 0.001, "{weights}");
    assert_eq!(expected_bytes(&two, 0, Term::KvCache), 16_000 * 64 * 4 * 256 * 2);
    assert_eq!(expected_bytes(&two, 0, Term::Weights), expected_bytes(&two, 1, Term::Weights));
    assert!(two.flags.contains(&"--tensor-parallel-size 2".to_owned()));
}

#[test]
fn a_pipeline_divides_layers_and_keeps_both_ends() {
    let query = "model=qwen3-32b&hw=h100-sxm*4&quant=BF16&engine=vllm&ctx=8k";
    let pipe = only_cell(&format!("{query}&pp=4"));
    assert_eq!(device_layers(&pipe), [16; 4]);
    assert_eq!(expected_bytes(&pipe, 1, Term::KvCache) * 4, 8_192 * 64 * 8 * 256 * 2);
    let [first, second, _, last] = [0, 1, 2, 3].map(|i| expected_bytes(&pipe, i, Term::Weights));
    // Embedding and head: 151,936 x 5,120 in 16 bits.
    let table = 151_936 * 5_120 * 2u64;
    for end in [first, last] {
        assert!((end - second).abs_diff(table) < 4 << 20, "{} more", end - second);
    }
    let both = only_cell(&format!("{query}&pp=2&tp=2"));
    assert_eq!(device_layers(&both), [32; 4]);
    assert_eq!(both.placement.parts.len(), 2);
    assert_eq!(both.placement.parts[1].devices, [2, 3]);
    assert!(both.flags.contains(&"--pipeline-parallel-size 2".to_owned()));
    assert_eq!(device_layers(&only_cell(&format!("{query}&split=pipeline"))), [16; 4]);
}

#[test]
fn experts_are_divided_by_columns_or_whole() {
    let query = "model=qwen3-30b-a3b&hw=h100-sxm*4&quant=BF16&engine=vllm&ctx=8k";
    let weights =
        |more: &str| expected_bytes(&only_cell(&format!("{query}{more}")), 0, Term::Weights);
    let tp = weights("&tp=4");
    assert_eq!(weights("&tp=4&ep=on").abs_diff(tp) >> 20, 0, "128 experts over four ranks");
    // Four data ranks have the attention whole and a quarter of the experts.
    let data = weights("&tp=1&dp=4&ep=on");
    let experts = 48 * 128 * 3 * 2048 * 768 * 2u64;
    let whole = weights("&tp=1");
    assert!((whole - data).abs_diff(experts / 4 * 3) < 16 << 20, "{whole} {data}");
    // Users are divided among data ranks.
    let kv = |more: &str| expected_bytes(&only_cell(&format!("{query}{more}")), 0, Term::KvCache);
    assert_eq!(kv("&tp=1&dp=4&ep=on&users=8"), kv("&tp=1&users=2"));
    let sglang = only_cell(&format!("{}&tp=4&dp=4&ep=4", query.replace("vllm", "sglang")));
    assert!(sglang.flags.contains(&"--enable-dp-attention".to_owned()), "{:?}", sglang.flags);
}

#[test]
fn bad_input_is_answered_with_the_rule_and_the_nearest() {
    let text = |value: &str| Some(value.to_owned());
    let llama = "model=qwen3-32b&hw=rtx-4090*2&quant=Q4_K_M";
    let vllm = "model=qwen3-30b-a3b&hw=h100-sxm*4&quant=BF16&engine=vllm";
    let sglang = "model=qwen3-30b-a3b&hw=h100-sxm*4&quant=BF16&engine=sglang";
    let mla = "model=deepseek-v3&hw=h200-sxm*8&quant=Q4_K_M";
    let cases = [
        (
            format!("{llama}&offload=ngl:99"),
            RefusalReason::MoreLayers { layers: 65 },
            "offload=ngl:65",
        ),
        (
            format!("{llama}&offload=experts:99"),
            RefusalReason::MoreLayers { layers: 64 },
            "offload=experts:64",
        ),
        (format!("{llama}&ubatch=4096"), RefusalReason::BatchLimit { batch: 2048 }, "ubatch=2048"),
        (
            format!("{llama}&ubatch=512&batch=256"),
            RefusalReason::BatchLimit { batch: 256 },
            "ubatch=256",
        ),
        (format!("{llama}&kv=fp8"), RefusalReason::NoFp8Cache, "kv=q8_0"),
        (format!("{llama}&ts=1,2,3"), RefusalReason::MoreShares { devices: 2 }, "ts=1,2"),
        (format!("{llama}&ts=0,0"), RefusalReason::NoShares, "ts="),
        (format!("{llama}&split=none&mg=5"), RefusalReason::FewerDevices { devices: 2 }, "mg=1"),
        (format!("{llama}&split=tensor&fa=off"), RefusalReason::NeedsFlashAttention, "fa=on"),
        (format!("{llama}&split=row&engine=ollama"), RefusalReason::SplitMode, "split=layer"),
        (format!("{mla}&kv=f16,q8_0"), RefusalReason::MixedCache, "kv=f16"),
        (format!("{mla}&split=tensor"), RefusalReason::SplitArchitecture, "split=layer"),
        (format!("{vllm}&pp=64"), RefusalReason::MoreStages { layers: 48 }, "pp=4"),
        (format!("{vllm}&pp=8"), RefusalReason::FewerDevices { devices: 4 }, "pp=4"),
        (format!("{vllm}&dp=8"), RefusalReason::FewerDevices { devices: 4 }, "dp=4"),
        (format!("{vllm}&tp=4&ep=3"), RefusalReason::ExpertRanks { ranks: 4 }, "ep=on"),
        (format!("{sglang}&tp=4&ep=3"), RefusalReason::ExpertRanks { ranks: 4 }, "ep=2"),
        (format!("{sglang}&tp=4&dp=3"), RefusalReason::DataRanks { ranks: 4 }, "dp=2"),
        (
            "model=qwen3-32b&hw=h100-sxm*4&quant=BF16&engine=vllm&ep=on".to_owned(),
            RefusalReason::NoExperts,
            "ep=off",
        ),
    ];
    for (query, rule, nearest) in cases {
        assert_eq!(objection(&query), (rule, text(nearest)), "{query}");
        // What is offered is taken without a further word about the same.
        let notices = report(&format!("{query}&{nearest}")).notices;
        let again = notices.iter().any(|notice| match notice {
            Notice::EngineRefuses(refusal) => {
                refusal.nearest.iter().any(|n| n.to_string() == nearest)
            }
            Notice::EngineAdjusts(adjustment) => {
                adjustment.nearest.iter().any(|n| n.to_string() == nearest)
            }
            _ => false,
        });
        assert!(!again, "{query}&{nearest}: {notices:?}");
    }
    // The other rows and columns stay.
    let report = report("model=qwen3-32b,deepseek-v3&hw=h200-sxm*8&quant=Q4_K_M&kv=f16,q8_0");
    assert_eq!(report.cells.len(), 1);
}

/// Splits of llama.cpp.
const SPLITS: &[&str] = &[
    "",
    "&split=row",
    "&split=tensor",
    "&split=none&mg=1",
    "&ts=3,1",
    "&ts=0,1,5",
    "&split=row&ts=1,2",
    "&split=tensor&ts=5,2",
    "&offload=experts",
    "&offload=ngl:9",
];

const MACHINES: &[&str] =
    &["rtx-4090*2", "rtx-4090,rtx-3060-12gb", "rtx-3090*3", "h200-sxm*8", "rx-7900-xtx*2"];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_split_never_loses_a_byte(
        model in any_model(),
        machine in any_of(MACHINES),
        split in any_of(SPLITS),
        quant in any_of(&["BF16", "Q8_0", "Q4_K_M", "IQ2_XXS"]),
        ctx in 1u64..40_000,
    ) {
        let query = format!("model={model}&quant={quant}&ctx={ctx}&ram=4TiB");
        let Some(cell) = first_cell(&format!("{query}&hw={machine}{split}")) else { return Ok(()) };
        let Some(whole) = first_cell(&format!("{query}&hw=h200-sxm&offload=none")) else { return Ok(()) };
        // The bills less what is listed as being there more than once are the model's own bytes,
        // however it is divided.
        let own = |cell: &Cell, terms: &[Term]| {
            let more = cell.placement.duplicates.iter().filter(|d| terms.contains(&d.term));
            total_bytes(cell, terms).expected.0 - more.map(|d| d.bytes.0).sum::<u64>()
        };
        for terms in [&[Term::Weights, Term::TiedOutput][..], &[Term::KvCache, Term::RecurrentState]] {
            prop_assert_eq!(own(&cell, terms), own(&whole, terms), "{:?}", cell.placement);
        }
        // The parts have every layer, every layer's experts and the head once.
        let parts = &cell.placement.parts;
        let layers: u64 = parts.iter().map(|part| part.layers.1 - part.layers.0).sum();
        let experts: u64 = parts.iter().map(|part| part.experts.1 - part.experts.0).sum();
        prop_assert_eq!(layers, experts);
        prop_assert_eq!(parts.iter().filter(|part| part.head).count(), 1);
        for bill in &cell.devices {
            prop_assert_eq!(bill.used_bytes, sum_of_items(&bill.items));
        }
    }

    #[test]
    fn more_context_or_users_never_need_less(
        model in any_model(),
        machine in any_of(MACHINES),
        engine in any_of(&["llama.cpp&quant=Q4_K_M", "vllm&quant=BF16&pp=2", "sglang&quant=BF16&ep=on",
            "vllm&quant=BF16&dp=2", "tensorrt-llm&quant=BF16", "transformers&quant=BF16",
            "exllamav3&quant=EXL3-4.0bpw"]),
        split in any_of(&["", "&split=tensor", "&ts=2,1"]),
        ctx in 1u64..100_000,
        more in 1u64..50_000,
        users in 1u64..6,
    ) {
        let of = |ctx: u64, users: u64| first_cell(&format!(
            "model={model}&hw={machine}&engine={engine}{split}&ctx={ctx}&users={users}&offload=none&seqs=64"
        ));
        let Some(cell) = of(ctx, users) else { return Ok(()) };
        for larger in [of(ctx + more, users), of(ctx, users + 1)].into_iter().flatten() {
            prop_assert!(larger.kv_bytes >= cell.kv_bytes);
            prop_assert!(larger.recurrent_bytes >= cell.recurrent_bytes);
        }
    }

    #[test]
    fn a_larger_card_never_turns_fits_into_no(
        model in any_model(),
        split in any_of(SPLITS),
        quant in any_of(&["Q8_0", "Q4_K_M", "IQ2_XXS"]),
        ctx in 1u64..40_000,
        reserve in 1u64..12,
    ) {
        let of = |reserve: u64| first_cell(&format!(
            "model={model}&hw=rtx-4090*2&quant={quant}&ctx={ctx}&reserve={reserve}GiB{split}&ram=512GiB"
        ));
        let (Some(small), Some(large)) = (of(reserve), of(reserve - 1)) else { return Ok(()) };
        let (small, large) = (verdict_rank(small.verdict), verdict_rank(large.verdict));
        prop_assert!(large >= small || small < 2, "{} with less, {} with more", small, large);
    }

    #[test]
    fn no_extreme_panics(
        model in any_model(),
        machine in any_of(&["rtx-4090*2", "apple-m4-max-40c", "strix-halo-395*3", "gtx-1650,h200-sxm*7",
            "cpu-ddr5-6000-dual", "rtx-5090*128", "dgx-spark-gb10*2"]),
        engine in proptest::sample::select(Engine::ALL.to_vec()),
        quant in any_of(&["BF16", "Q4_K_M", "FP8-block", "MLX-4bit", "EXL3-4.0bpw", "NF4", "AWQ"]),
        parallel in any_of(&["", "&split=tensor", "&split=row&ts=0,0,0,9", "&split=none&mg=127",
            "&pp=128&tp=128&dp=128", "&pp=3&dp=5&ep=7", "&ts=1000000,0.001", "&ep=on&dp=128",
            "&split=layer&ep=on", "&tp=1&pp=1&dp=1&ep=1"]),
        ctx in proptest::sample::select(vec![1u64, 16_777_216]),
        users in proptest::sample::select(vec![1u64, 256]),
        ubatch in proptest::sample::select(vec![1u64, 65_536]),
        batch in proptest::sample::select(vec![1u64, 1_048_576]),
        memory in any_of(&["", "&wired=0", "&wired=4TiB&uma=4TiB", "&uma=0", "&reserve=1TiB&ram=0",
            "&os=windows&uma=96GiB", "&os=macos-26", "&offload=ngl:10000", "&offload=experts:10000"]),
    ) {
        let _ = first_cell(&format!(
            "model={model}&hw={machine}&engine={engine}&quant={quant}{parallel}&ctx={ctx}\
             &users={users}&ubatch={ubatch}&batch={batch}{memory}"
        ));
    }

    #[test]
    fn the_bare_engine_never_panics(
        model in any_model(),
        numbers in proptest::array::uniform8(proptest::sample::select(vec![0, 1, 2, 77, u64::MAX - 1, u64::MAX])),
        mode in 0u8..4,
        devices in 0usize..4,
    ) {
        use headroom::engine::llama_cpp::{self, Division, Placement, Settings};
        use headroom::engine::llama_cpp::GgufFile;
        use headroom::quant::{GgmlType, Mix};
        use headroom::engine::llama_cpp::KvTypes;
        use headroom::scenario::LogitsBuffer;

        let model = Catalog::bundled().model(model).unwrap();
        let Ok(file) = GgufFile::new(model, Mix::Q4_K_M, false) else { return Ok(()) };
        let [n_ctx, n_parallel, n_ubatch, a, b, experts, x, y] = numbers;
        let settings = Settings {
            n_ctx,
            n_parallel,
            unified: mode % 2 == 0,
            n_ubatch,
            kv: KvTypes { k: GgmlType::Q8_0, v: GgmlType::F16 },
            flash_attention: true,
            swa_full: false,
            logits: LogitsBuffer::Server,
            ..llama_cpp::LLAMA_SERVER.settings(&Scenario::default(), 1, 1)
        };
        let layers: Vec<u64> = [a, b, x].into_iter().cycle().take(devices).collect();
        let shares: Vec<u64> = [x, y, a].into_iter().cycle().take(devices).collect();
        let (device_layers, divided) = match mode {
            0 => (layers, Division::Layers),
            1 => (layers, Division::Rows(shares)),
            2 => (layers, Division::Nothing),
            _ if devices == 0 => (Vec::new(), Division::Layers),
            _ => (vec![a], Division::Tensors(shares)),
        };
        let placement = Placement { device_layers, host_expert_layers: experts, divided };
        let architecture = model.architecture();
        let _ = llama_cpp::model_bytes(architecture, &file.weights, &placement);
        let _ = llama_cpp::layer_states(architecture, &settings);
        let _ = llama_cpp::compute(architecture, &file.weights, &settings, &placement);
        let _ = llama_cpp::loaded(architecture, &file.weights, &placement);
        let _ = llama_cpp::cache_parts(architecture, &file.weights, &placement);
    }
}

/// Whatever placement can be asked for, `auto` runs where it does.
#[test]
fn auto_runs_wherever_a_placement_that_can_be_asked_for_does() {
    let catalog = Catalog::bundled();
    let seen = [
        "model=nemotron-4-340b-instruct&hw=rtx-a2000-6gb*2&quant=Q4_K_M&ctx=2070&ram=1TiB",
        "model=trinity-mini&hw=gtx-1060-6gb*4&quant=Q4_K_M&ctx=106695&users=12",
        "model=ministral-3-3b-instruct-2512&hw=rtx-4080&quant=IQ2_M&ctx=213398&users=2&fa=off",
        "model=deepseek-v4-pro&hw=rtx-4060&quant=Q4_K_M&ctx=8k&ram=1TiB",
    ];
    let mut rng = Draw(20_261_129);
    let drawn = (0..120).map(|_| {
        let model = &catalog.models[rng.below(catalog.models.len())].id;
        let device = &catalog.devices[rng.below(catalog.devices.len())].id;
        let count = [1, 1, 1, 2, 4][rng.below(5)];
        let quant = ["Q2_K", "Q4_K_M", "Q6_K", "Q8_0", "BF16"][rng.below(5)];
        let context = 256 << rng.below(10);
        let users = [1, 1, 1, 2, 8][rng.below(5)];
        let ram = ["16GiB", "64GiB", "256GiB", "1TiB"][rng.below(4)];
        format!(
            "model={model}&hw={device}*{count}&quant={quant}&ctx={context}&users={users}&ram={ram}"
        )
    });
    let drawn: Vec<String> = drawn.collect();
    let verdict = |query: &str| Some(report(query).cells.first()?.verdict);
    let mut refused = 0;
    for query in seen.map(str::to_owned).into_iter().chain(drawn) {
        let Some(auto) = verdict(&query) else { continue };
        refused += usize::from(auto == Verdict::No);
        let layers = rng.below(100);
        for asked in ["ngl:0", "ngl:1", "ngl:2", "experts", "experts:3"]
            .map(str::to_owned)
            .into_iter()
            .chain([format!("ngl:{layers}"), format!("experts:{layers}")])
        {
            let asked_for = verdict(&format!("{query}&offload={asked}"));
            assert!(
                auto != Verdict::No || asked_for == Some(Verdict::No),
                "{query}: auto says no, {asked} runs"
            );
        }
    }
    assert!(refused > 3, "some questions are answered no: {refused}");
}

/// Numbers drawn by a seed (xorshift).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}
