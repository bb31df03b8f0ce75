//! The engines end to end: golden figures, refusals with their rules, and laws that every engine
//! obeys.

mod common;

use common::{device_bytes, expected_bytes, first_cell, only_cell, refusal, report};
use headroom::catalog::Catalog;
use headroom::engine::Checkpoint;
use headroom::quant::Quant;
use headroom::report::{Cell, Notice, PlacementReason, RefusalReason, Term, Verdict, sum_of_items};
use headroom::scenario::Engine;
use headroom::units::{Bytes, GIB};
use proptest::prelude::*;

/// Bytes are as measured, in GiB, within a share.
#[track_caller]
fn assert_gib(measured_gib: f64, bytes: Bytes, tolerance: f64) {
    let got = bytes.0 as f64 / GIB as f64;
    assert!((got / measured_gib - 1.0).abs() <= tolerance, "{got} instead of {measured_gib} GiB");
}

#[test]
fn vllm_shares_its_budget_between_weights_activations_and_pool() {
    let query = "model=qwen3-32b&hw=h100-sxm&quant=BF16&engine=vllm&vllm=0.11&ctx=16000&eager=on";
    let cell = only_cell(query);
    // As release 0.11 printed it with its defaults, 1024 sequences and 0.9 of the card.
    assert_gib(5.64, device_bytes(&cell, 0, Term::Compute).expected, 0.01);
    assert_eq!(device_bytes(&cell, 0, Term::CudaGraphs).high, Bytes::ZERO);
    assert_gib(61.03, device_bytes(&cell, 0, Term::Weights).expected, 0.001);
    // One sequence of 16,000 tokens: 64 layers of 8 heads of 128, keys and values.
    assert_eq!(expected_bytes(&cell, 0, Term::KvCache), 16_000 * 64 * 8 * 256 * 2);
    assert_gib(71.26, cell.devices[0].usable_bytes, 0.003);
    assert!(cell.devices[0].usable_basis.contains("0.9"));
}

#[test]
fn tensor_parallel_halves_what_is_divided() {
    let one = only_cell("model=qwen3-32b&hw=h100-sxm&quant=BF16&engine=vllm");
    let two = only_cell("model=qwen3-32b&hw=h100-sxm*2&quant=BF16&engine=vllm");
    assert_gib(30.59, device_bytes(&two, 0, Term::Weights).expected, 0.001);
    let kv = |cell: &Cell| expected_bytes(cell, 0, Term::KvCache);
    assert_eq!(2 * kv(&two), kv(&one));
    assert!(two.flags.contains(&"--tensor-parallel-size 2".to_owned()));
    // Of three devices two divide 64 heads; the third stays idle.
    let three = only_cell("model=qwen3-32b&hw=h100-sxm*3&quant=BF16&engine=vllm");
    assert_eq!(three.devices[2].used_bytes.high, Bytes::ZERO);
    assert!(three.flags.contains(&"--tensor-parallel-size 2".to_owned()));
    // Sixteen ranks share eight key heads: each keeps one.
    let sixteen = only_cell("model=qwen3-32b&hw=rtx-4090*16&quant=BF16&engine=vllm");
    let eight = only_cell("model=qwen3-32b&hw=rtx-4090*8&quant=BF16&engine=vllm");
    assert_eq!(kv(&sixteen), kv(&eight));
}

#[test]
fn an_8_bit_cache_takes_half() {
    for engine in ["vllm", "sglang"] {
        let of = |kv| {
            let query = format!(
                "model=qwen3-32b&hw=h200-sxm&quant=FP8-block&engine={engine}&ctx=32k&kv={kv}"
            );
            expected_bytes(&only_cell(&query), 0, Term::KvCache)
        };
        assert_eq!(2 * of("fp8"), of("f16"), "{engine}");
    }
}

#[test]
fn a_window_is_kept_by_some_engines_and_not_by_others() {
    let of = |engine: &str, hw: &str, quant: &str| {
        let query = format!("model=gemma-3-27b-it&hw={hw}&quant={quant}&engine={engine}&ctx=128k");
        only_cell(&query).kv_bytes.to_gib()
    };
    // 10 of 62 layers keep every token: 10 x 131,072 x 16 heads x 256 x 2 bytes is 10 GiB.
    let vllm = of("vllm", "h200-sxm", "BF16");
    assert!((10.0..22.0).contains(&vllm), "{vllm}");
    let mlx = of("mlx", "m3-ultra@512", "BF16");
    assert!((10.0..12.0).contains(&mlx), "{mlx}");
    let transformers = of("transformers", "h200-sxm", "BF16");
    assert!((10.0..11.0).contains(&transformers), "{transformers}");
    // ExLlamaV3 reserves every layer in full, SGLang four fifths of it in window layers.
    let exl = of("exllamav3", "h200-sxm", "EXL3-4.0bpw");
    assert!((61.0..63.0).contains(&exl), "{exl}");
    let sglang = of("sglang", "h200-sxm", "BF16");
    assert!((50.0..53.0).contains(&sglang), "{sglang}");
}

#[test]
fn latent_attention_is_cached_as_such_but_by_transformers() {
    let of = |engine: &str| {
        let query =
            format!("model=deepseek-v2.5&hw=h200-sxm*8&quant=BF16&engine={engine}&ctx=4096");
        let cell = only_cell(&query);
        expected_bytes(&cell, 0, Term::KvCache)
    };
    // 60 layers x 576 values, on every rank.
    assert_eq!(of("vllm"), 4096 * 60 * 576 * 2);
    assert_eq!(of("sglang"), 4096 * 60 * 576 * 2);
    // Full keys of 192 and values of 128 for 128 heads; eight layers on the first device.
    assert_eq!(of("transformers"), 4096 * 8 * 128 * 320 * 2);
}

#[test]
fn mlx_quantises_embeddings_and_head_as_well() {
    let cell =
        only_cell("model=qwen3-4b-instruct-2507&hw=m3-pro@36&quant=MLX-4bit&engine=mlx&ctx=4096");
    // 4.02 B weights of 4.5 bits.
    assert_gib(2.107, device_bytes(&cell, 0, Term::Weights).expected, 0.003);
    assert_eq!(expected_bytes(&cell, 0, Term::KvCache), 4096 * 36 * 8 * 256 * 2);
}

#[test]
fn mlx_peaks_lie_within_the_stated_interval() {
    // Peaks as mlx-lm or a server on it printed them, GB (`tests/data/measured-memory.json`).
    for (model, context, peak) in [
        ("qwen3-4b-instruct-2507", 2176, 3.30),
        ("qwen3.6-35b-a3b", 512, 21.408),
        ("qwen3.6-35b-a3b", 1024, 21.925),
        ("granite-4.0-h-small", 2048, 23.501),
    ] {
        let query =
            format!("model={model}&hw=m3-ultra@512&quant=MLX-4bit&engine=mlx&ctx={context}");
        let total = only_cell(&query).device_bytes;
        let (low, high) = (total.low.to_gb(), total.high.to_gb());
        assert!(low <= peak && peak <= high, "{model} {context}: {low}..{high} GB, not {peak}");
    }
}

#[test]
fn sglang_loads_and_caches_as_it_printed() {
    // Kimi-K2.5 on eight ranks: 73.58 GiB of weights, 70,272 bytes a token.
    let cell = only_cell("model=kimi-k2.5&hw=b300*8&quant=INT4-experts&engine=sglang&ctx=1000");
    let weights = device_bytes(&cell, 0, Term::Weights);
    let printed = (73.58 * GIB as f64) as u64;
    assert!(weights.low.0 <= printed && printed <= weights.high.0, "{weights:?}");
    assert_eq!(expected_bytes(&cell, 0, Term::KvCache), 70_272 * 1000);
}

#[test]
fn exllamav3_keeps_the_embedding_on_the_host() {
    let cell =
        only_cell("model=llama-3.1-70b-instruct&hw=rtx-3090*2&quant=EXL3-4.0bpw&engine=exllamav3");
    let host = cell.host.items.iter().find(|item| item.term == Term::Weights).unwrap();
    assert_eq!(host.bytes.expected.0, 128_256 * 8192 * 2);
    assert_eq!(cell.devices.iter().map(|device| device.layers).sum::<u64>(), 80);
    // A cache of 4 bits and its scales: 9 halves of a bit a value.
    let q4 = report(
        "model=llama-3.1-70b-instruct&hw=rtx-3090*2&quant=EXL3-4.0bpw&engine=exllamav3&kv=q4_0",
    );
    assert_eq!(q4.cells[0].kv_bytes.0 * 32, cell.kv_bytes.0 * 9);
}

#[test]
fn nf4_leaves_embeddings_and_head_in_16_bits() {
    let cell = only_cell("model=qwen3-8b&hw=rtx-4090&quant=NF4&engine=transformers&ctx=2048");
    let embeddings = 2 * 151_936 * 4096 * 2;
    let linear = 6_945_767_424u64;
    let expected = embeddings + linear / 2 + linear / 64;
    let weights = expected_bytes(&cell, 0, Term::Weights);
    assert!(weights.abs_diff(expected) < 4_000_000, "{weights} instead of {expected}");
}

#[test]
fn tensorrt_llm_leaves_a_part_of_what_is_free() {
    let cell = only_cell("model=qwen2.5-7b-instruct&hw=rtx-4090&quant=FP8&engine=tensorrt-llm");
    let part = &cell.devices[0];
    assert!(part.usable_bytes < Bytes::gib(24));
    assert!(part.usable_basis.contains("free_gpu_memory_fraction"));
    assert_eq!(cell.verdict, Verdict::Fits);
}

#[test]
fn front_ends_are_llama_cpp_with_defaults_of_their_own() {
    let of = |engine| {
        only_cell(&format!("model=gemma-3-27b-it&hw=rtx-5090&quant=Q4_K_M&engine={engine}&ctx=32k"))
    };
    let llama = of("llama.cpp");
    assert_eq!(of("ollama").kv_bytes, llama.kv_bytes);
    assert!(of("lmstudio").kv_bytes > llama.kv_bytes, "four slots each keep a window");
    assert_eq!(of("koboldcpp").kv_bytes, llama.kv_bytes, "a window cache since 1.114");
    assert!(of("koboldcpp&swa_full=on").kv_bytes > llama.kv_bytes * 2);
    assert!(of("ollama").flags.contains(&"OLLAMA_CONTEXT_LENGTH=32768".to_owned()));
    assert_eq!(llama.engine.name(), "llama.cpp");
}

#[test]
fn engines_stand_side_by_side() {
    let three = report("model=qwen3-8b&hw=rtx-4090&quant=BF16&engine=llama.cpp,vllm,sglang");
    let engines: Vec<&str> = three.cells.iter().map(|cell| cell.engine.name()).collect();
    assert_eq!(engines, ["llama.cpp", "vllm", "sglang"]);
    // A format that one of them lacks stands there with its nearest...
    let stand_in = report("model=qwen3-8b&hw=rtx-4090&quant=Q4_K_M&engine=llama.cpp,vllm");
    let quants: Vec<String> = stand_in.cells.iter().map(|cell| cell.quant.to_string()).collect();
    assert_eq!(quants, ["Q4_K_M", "AWQ"]);
    assert_eq!(stand_in.cells[1].requested_quant, Quant::parse("Q4_K_M"));
    // ... unless that is asked for itself.
    let both = report("model=qwen3-8b&hw=rtx-4090&quant=Q4_K_M,AWQ&engine=llama.cpp,vllm");
    assert_eq!(both.cells.len(), 2);
    assert!(both.notices.iter().any(|n| matches!(n, Notice::EngineRefuses(_))));
}

#[test]
fn what_cannot_be_is_refused_with_the_rule_and_the_nearest() {
    let vllm = "model=qwen3-32b&hw=rtx-4090*4&engine=vllm";
    let text = |value: &str| Some(value.to_owned());
    let check = |query: String, rule: RefusalReason, nearest: Option<String>| {
        assert_eq!(refusal(&query), (rule, nearest), "of {query}");
    };
    let format = RefusalReason::FormatNotLoaded;
    check(format!("{vllm}&quant=Q4_K_M"), format.clone(), text("AWQ"));
    check(format!("{vllm}&quant=Q8_0"), format.clone(), text("FP8"));
    check(
        format!("{vllm}&quant=BF16&tp=8"),
        RefusalReason::FewerDevices { devices: 4 },
        text("tp=4"),
    );
    check(
        format!("{vllm}&quant=BF16&tp=3"),
        RefusalReason::Indivisible { what: "64 attention heads".to_owned() },
        text("tp=2"),
    );
    check(format!("{vllm}&quant=BF16&kv=q4_0"), RefusalReason::CacheType, text("kv=fp8"));
    let old = RefusalReason::ComputeCapability { least: "8.0".to_owned() };
    check("model=qwen3-8b&hw=gtx-1080-ti&quant=BF16&engine=vllm".to_owned(), old, None);
    let cpu = "model=qwen3-8b&hw=&quant=BF16&engine=llama.cpp";
    assert_eq!(report(cpu).cells.len(), 0, "no machine, no cell");
    let mlx = "model=qwen3-8b&quant=MLX-4bit&engine=mlx";
    check(format!("{mlx}&hw=rtx-4090"), RefusalReason::NoBackend, None);
    check(format!("{mlx}&hw=m3-ultra@512*2"), RefusalReason::OneDevice, text("1 device"));
    check(
        "model=qwen3-8b&hw=m3-ultra@512&quant=AWQ&engine=mlx".to_owned(),
        format.clone(),
        text("MLX-4bit"),
    );
    check(
        "model=qwen3-8b&hw=rtx-4090&quant=FP8&engine=llama.cpp".to_owned(),
        format.clone(),
        text("Q8_0"),
    );
    check(
        "model=qwen3-8b&hw=rx-7900-xtx&quant=EXL3-4.0bpw&engine=exllamav3".to_owned(),
        RefusalReason::NoBackend,
        None,
    );
    check(
        "model=qwen3-8b&hw=rtx-4090&quant=Q4_K_M&engine=koboldcpp&users=2".to_owned(),
        RefusalReason::Sequences { most: 1 },
        text("users=1"),
    );
    check(
        "model=qwen3-8b&hw=rtx-4090&quant=Q4_K_M&engine=koboldcpp&ctx=524289".to_owned(),
        RefusalReason::Context { most: 524_288 },
        text("ctx=524288"),
    );
    check(
        "model=qwen3-8b&hw=rtx-4090&quant=Q4_K_M&engine=llama.cpp&users=257".to_owned(),
        RefusalReason::Sequences { most: 256 },
        text("users=256"),
    );
}

/// Queries of engines that run anywhere, with a machine and a format that suit them.
const SETUPS: &[&str] = &[
    "engine=vllm&hw=h200-sxm*2&quant=BF16",
    "engine=vllm&hw=rtx-pro-6000-blackwell-workstation&quant=AWQ",
    "engine=sglang&hw=h200-sxm*2&quant=FP8-block",
    "engine=tensorrt-llm&hw=h200-sxm*2&quant=FP8",
    "engine=mlx&hw=m3-ultra@512&quant=MLX-4bit",
    "engine=transformers&hw=h200-sxm*3&quant=NF4",
    "engine=exllamav3&hw=rtx-4090*4&quant=EXL3-3.5bpw",
    "engine=ollama&hw=rtx-4090*2&quant=Q4_K_M",
    "engine=lmstudio&hw=rtx-4090*2&quant=Q4_K_M",
    "engine=ik_llama.cpp&hw=rtx-4090*2&quant=Q4_K_M",
];

const MODELS: &[&str] =
    &["qwen3-32b", "gemma-3-27b-it", "qwen3-30b-a3b", "qwen3-next-80b-a3b-instruct", "gpt-oss-20b"];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn more_context_or_users_never_need_less(
        setup in proptest::sample::select(SETUPS),
        model in proptest::sample::select(MODELS),
        context in 1u64..200_000,
        more in 1u64..50_000,
        users in 1u64..8,
    ) {
        let of = |context: u64, users: u64| {
            first_cell(&format!("{setup}&model={model}&ctx={context}&users={users}"))
        };
        let Some(cell) = of(context, users) else { return Ok(()) };
        let longer = of(context + more, users).unwrap();
        let busier = of(context, users + 1).unwrap();
        for larger in [longer, busier] {
            prop_assert!(larger.kv_bytes >= cell.kv_bytes);
            prop_assert!(larger.recurrent_bytes >= cell.recurrent_bytes);
            if larger.verdict == cell.verdict {
                prop_assert!(larger.total_bytes.expected >= cell.total_bytes.expected);
            }
        }
    }

    #[test]
    fn a_bill_adds_up(
        setup in proptest::sample::select(SETUPS),
        model in proptest::sample::select(MODELS),
        context in 1u64..100_000,
    ) {
        let Some(cell) = first_cell(&format!("{setup}&model={model}&ctx={context}")) else {
            return Ok(());
        };
        for device in &cell.devices {
            let sum = sum_of_items(&device.items);
            prop_assert_eq!(sum, device.used_bytes);
            for item in &device.items {
                prop_assert!(item.bytes.low <= item.bytes.expected);
                prop_assert!(item.bytes.expected <= item.bytes.high);
                let stated = !item.source.is_empty() && !item.formula.is_empty();
                prop_assert!(stated || item.bytes.high == Bytes::ZERO);
                prop_assert!(!item.exact || item.bytes.low == item.bytes.high);
            }
        }
        // Nothing of the file is lost: on all devices and the host there is at least the file,
        // less the layers for speculative decoding and rounding between ranks.
        let towers = cell.devices.iter().flat_map(|device| &device.items);
        let towers = towers.filter(|item| item.term == Term::Projector);
        let towers: Bytes = towers.map(|item| item.bytes.expected).sum();
        let model = Catalog::bundled().model(model).unwrap();
        let without_mtp = Checkpoint::new(model, cell.quant).map(|checkpoint| checkpoint.loaded());
        let (loaded, file) = (cell.loaded_bytes + towers, without_mtp.unwrap_or(cell.weights_bytes));
        prop_assert!(setup.contains("exllamav3") || loaded.0 as f64 >= file.0 as f64 * 0.96);
    }

    #[test]
    fn a_larger_card_never_turns_fits_into_no(
        engine in proptest::sample::select(
            &["vllm&quant=BF16", "sglang&quant=AWQ", "transformers&quant=NF4",
              "exllamav3&quant=EXL3-4.0bpw", "tensorrt-llm&quant=FP8"][..]),
        model in proptest::sample::select(MODELS),
        context in 1u64..60_000,
    ) {
        // The same generation, so that only the memory differs.
        let mut fitted = false;
        for card in ["l4", "l40s", "rtx-4090-48gb-mod"] {
            let query = format!("engine={engine}&hw={card}&model={model}&ctx={context}&seqs=64&batched=2048");
            let Some(cell) = first_cell(&query) else { continue };
            let fits = matches!(cell.verdict, Verdict::Fits | Verdict::Tight);
            prop_assert!(fits || !fitted, "{} on {}", model, card);
            fitted |= fits;
        }
    }

    #[test]
    fn the_longest_context_fits_and_a_longer_one_does_not(
        setup in proptest::sample::select(SETUPS),
        model in proptest::sample::select(MODELS),
    ) {
        let Some(cell) = first_cell(&format!("{setup}&model={model}&ctx=4096")) else {
            return Ok(());
        };
        // llama.cpp's front ends level layers out between devices for the cell, not for the search.
        prop_assume!(!setup.contains("Q4_K_M"));
        prop_assume!(cell.max_context > 0 && cell.max_context < 8_000_000);
        let of = |context: u64| first_cell(&format!("{setup}&model={model}&ctx={context}")).unwrap();
        prop_assert_eq!(of(cell.max_context).verdict, Verdict::Fits);
        let beyond = of(cell.max_context + cell.max_context / 2 + 2048);
        prop_assert_ne!(beyond.verdict, Verdict::Fits);
    }
}

#[test]
fn every_engine_has_a_setup_here() {
    for engine in Engine::ALL {
        let known = SETUPS.iter().any(|setup| setup.starts_with(&format!("engine={engine}")));
        let elsewhere = matches!(engine, Engine::LlamaCpp | Engine::KoboldCpp);
        assert!(known || elsewhere, "{engine}");
    }
}

/// MXFP4 experts need not divide into whole blocks: each rank has whole ones and pads its part.
#[test]
fn mxfp4_experts_are_divided_unevenly() {
    let query = "model=gpt-oss-120b&quant=MXFP4&ctx=8k";
    for engine in ["vllm", "sglang"] {
        let of = |hw: &str| only_cell(&format!("{query}&engine={engine}&hw={hw}"));
        let (one, eight) = (of("h100-sxm"), of("h100-sxm*8"));
        assert_eq!(eight.placement.parts[0].devices.len(), 8, "{engine}");
        let ratio = eight.loaded_bytes.0 as f64 / one.loaded_bytes.0 as f64;
        // 90 blocks of 32 columns: twelve a rank, and no more than that.
        assert!((1.0..1.08).contains(&ratio), "{engine}: {ratio}");
    }
}

#[test]
fn users_of_a_paged_cache_take_what_they_send_and_wait_beyond() {
    let query = "model=qwen3-32b&quant=FP8&hw=h100-sxm&engine=vllm&prompt=1024&output=512";
    let users = |users: u64| only_cell(&format!("{query}&ctx=32k&users={users}"));
    let (fifty, crowd) = (users(50), users(1000));
    assert_eq!((fifty.verdict, fifty.speed.running), (Verdict::Fits, Some(50)));
    // 1,280 tokens each: 80 blocks of 16.
    assert_eq!(fifty.kv_bytes.0, 50 * 1280 * 64 * 8 * 128 * 2 * 2);
    assert_eq!((crowd.verdict, crowd.max_users), (Verdict::Fits, fifty.max_users));
    assert_eq!(crowd.speed.running, Some(crowd.max_users));
    let first_token = |cell: &Cell| cell.speed.ttft_s.unwrap().expected;
    assert!(first_token(&crowd) > 5.0 * first_token(&fifty));
    // One sequence has to fit as long as it may get.
    let long = only_cell(&format!("{query}&ctx=512k&users=2"));
    assert!(!matches!(long.verdict, Verdict::Fits), "{:?}", long.verdict);
    assert_eq!(long.max_users, 0);
    // A prefix that all share is there once.
    let shared = only_cell(&format!("{query}&ctx=4k&users=50&prefix=1000"));
    assert!(shared.kv_bytes.0 < fifty.kv_bytes.0 / 3, "{:?}", shared.kv_bytes);
}

/// Ollama leaves a GPU that shares the RAM to who asks for it, but for AMD's largest.
#[test]
fn ollama_uses_integrated_gpus_only_when_asked() {
    let devices = |query: &str| {
        only_cell(&format!("model=qwen3-8b&quant=Q4_K_M&ctx=4096&{query}")).devices.len()
    };
    assert_eq!(devices("hw=radeon-780m&engine=ollama"), 0);
    assert_eq!(devices("hw=radeon-780m&engine=ollama&backend=rocm"), 1);
    assert_eq!(devices("hw=arc-140v&engine=ollama"), 0);
    assert_eq!(devices("hw=radeon-780m&engine=llama.cpp"), 1);
    assert_eq!(devices("hw=strix-halo-395&engine=ollama"), 1);
    // That is why all of it is in RAM, not that there were no GPU.
    let reason = |query: &str| only_cell(query).placement.reason;
    let query = "model=qwen3-8b&quant=Q4_K_M&ctx=4096&hw=radeon-780m&engine=ollama";
    assert_eq!(reason(query), PlacementReason::LeftAside);
    assert_eq!(reason(&format!("{query}&backend=cpu")), PlacementReason::Cpu);
}

/// vLLM asks for a block for the state of each sequence before it starts.
#[test]
fn states_that_may_lack_a_block_are_tight() {
    let query = "model=qwen3.8-27b&hw=rtx-pro-6000-blackwell-server&engine=vllm&quant=BF16&ctx=8192&util=0.9";
    let (rule, nearest) = refusal(&format!("{query}&seqs=1024"));
    let RefusalReason::StateBlocks { blocks } = rule else { panic!("{rule:?}") };
    let safe: u64 = nearest.unwrap().strip_prefix("seqs=").unwrap().parse().unwrap();
    let cell = |seqs: u64| only_cell(&format!("{query}&seqs={seqs}"));
    // Fewer sequences take less themselves, so that more blocks are left.
    assert!(safe + 32 < blocks, "{safe} {blocks}");
    assert_eq!(cell(safe).verdict, Verdict::Fits);
    let tight = cell(blocks);
    assert_eq!((tight.verdict, tight.max_context, tight.max_users), (Verdict::Tight, 0, 0));
    assert!(tight.expected_max_context >= 8192);
}

#[test]
fn usual_formats_are_the_native_one_and_those_of_the_engine() {
    let of = |engine, model: &str| {
        let model = Catalog::bundled().model(model).expect("it is in the catalogue");
        let formats = headroom::engine::usual_formats(engine, model);
        formats.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    for (engine, model, formats) in [
        (Engine::LlamaCpp, "qwen3.8-27b", "Q8_0 Q6_K Q5_K_M Q4_K_M IQ4_XS"),
        (Engine::LlamaCpp, "gpt-oss-120b", "MXFP4_MOE"),
        (Engine::LlamaCpp, "deepseek-v3.2", "Q8_0 Q6_K Q5_K_M Q4_K_M IQ4_XS"),
        (Engine::Vllm, "qwen3.8-27b", "BF16 FP8 AWQ"),
        (Engine::Vllm, "gpt-oss-120b", "MXFP4"),
        (Engine::Vllm, "deepseek-v3.2", "FP8-block AWQ"),
        (Engine::Vllm, "kimi-k2.6", "INT4-experts"),
        (Engine::Vllm, "deepseek-v4-flash", "FP8-MXFP4"),
        (Engine::Mlx, "qwen3.8-27b", "BF16 MLX-8bit MLX-6bit MLX-5bit MLX-4bit"),
        (Engine::ExLlamaV3, "qwen3-32b", "BF16 EXL3-6.0bpw EXL3-5.0bpw EXL3-4.0bpw"),
        (Engine::Transformers, "qwen3-32b", "BF16 BNB-INT8 NF4"),
    ] {
        assert_eq!(of(engine, model), formats, "{engine} {model}");
    }
}

#[test]
fn types_of_a_cache_are_what_an_engine_has() {
    let cache = |engine: &str, kv: &str| {
        format!("model=qwen3-32b&hw=rtx-pro-6000-blackwell-workstation&engine={engine}&kv={kv}")
    };
    let vllm = |kv: &str| only_cell(&format!("{}&quant=FP8", cache("vllm", kv))).kv_bytes.0 as f64;
    let full = vllm("f16");
    for (kv, bits) in [("fp8", 8.0), ("int8", 8.25), ("int8_per_token_head", 8.25), ("nvfp4", 4.5)]
    {
        assert!((vllm(kv) / full - bits / 16.0).abs() < 0.001, "{kv}");
    }
    // Nothing that an engine lacks is answered as if it were 16 bits.
    for (engine, kv, nearest) in [
        ("llama.cpp&quant=Q4_K_M", "int8", "kv=q8_0"),
        ("llama.cpp&quant=Q4_K_M", "nvfp4", "kv=q4_0"),
        ("sglang&quant=FP8", "int8", "kv=fp8"),
    ] {
        let (rule, offered) = refusal(&cache(engine, kv));
        assert_eq!((rule, offered.as_deref()), (RefusalReason::CacheType, Some(nearest)), "{kv}");
    }
}
