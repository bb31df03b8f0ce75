//! What is loaded beside a model, against what engines printed, and by the laws it obeys.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{bill_items, first_cell, only_cell, refusal, report, total_bytes};
use headroom::report::{BillItem, Cell, Notice, RefusalReason, Term, sum_of_items};
use headroom::units::{Bytes, Interval};
use proptest::prelude::*;

/// An input of the draft's line, in MiB.
#[track_caller]
fn draft(cell: &Cell, name: &str) -> f64 {
    let lines = bill_items(cell).filter(|item| item.term == Term::Draft);
    let inputs = lines.flat_map(|item| &item.inputs).filter(|(input, _)| input == name);
    inputs.map(|(_, bytes)| bytes / f64::from(1 << 20)).sum()
}

/// Starts of Qwen3.8-27B and a model of its shape with MTP layers (llama.cpp b9849 on an RTX 3090,
/// and on Strix Halo): the recurrent state in MiB, the model's cache and that of the MTP layer.
#[test]
fn mtp_layers_keep_a_state_for_each_proposed_token() {
    let model = "model=qwen3.8-27b&hw=rtx-pro-6000-blackwell-workstation&kv=f16";
    for (query, state, cache, of_layer) in [
        ("quant=Q5_K_M&ctx=32768&ubatch=2048&mtp=2", 448.88, 2048.0, 128.0),
        ("quant=Q4_K_M&ctx=2048&users=4&unified=on&ubatch=2048&mtp=2", 1795.50, 512.0, 32.0),
        ("quant=Q8_0&ctx=262144&mtp=6", 1047.38, 16_384.0, 1024.0),
        ("quant=Q8_0&ctx=262144", 149.63, 16_384.0, 0.0),
    ] {
        let cell = only_cell(&format!("{model}&{query}"));
        let recurrent = cell.recurrent_bytes.to_mib();
        assert!((recurrent - state).abs() < 0.01, "{query}: {recurrent}");
        assert_eq!(cell.kv_bytes.to_mib(), cache, "{query}");
        assert_eq!(draft(&cell, "mtp_cache"), of_layer, "{query}");
    }
}

/// The first of those printed 520.06 MiB as the compute buffer of its MTP context.
#[test]
fn the_mtp_context_computes_in_a_buffer_of_its_own() {
    let query = "model=qwen3.8-27b&hw=rtx-pro-6000-blackwell-workstation&quant=Q5_K_M&ctx=32768\
                 &ubatch=2048&mtp=2";
    let compute = draft(&only_cell(query), "mtp_compute");
    assert!((compute / 520.06 - 1.0).abs() < 0.1, "{compute} MiB");
}

/// GLM-4.5-DRAFT-0.6B, of the shape of Qwen2.5-0.5B, beside a model: 384 MiB of cache at 32k.
#[test]
fn a_draft_has_a_cache_at_the_context_of_the_model() {
    let query = "model=qwen2.5-32b-instruct&hw=rtx-pro-6000-blackwell-workstation&quant=Q4_K_M\
                 &ctx=32768&draft=qwen2.5-0.5b-instruct:Q4_0";
    let cell = only_cell(query);
    assert_eq!(draft(&cell, "draft_cache"), 384.0);
    assert!(draft(&cell, "draft_compute") > 0.0);
    assert!(cell.flags.iter().any(|flag| flag.starts_with("-md ")), "{:?}", cell.flags);
}

/// "Model loading took" of vLLM with LoRA slots, GiB, with the rank of the slots (unslothai/
/// notebooks, GRPO notebooks): BF16, FP8 and bitsandbytes checkpoints.
#[test]
fn vllm_reserves_slots_for_adapters() {
    let mut near = 0;
    let runs = [
        ("llama-3.2-3b-instruct", "BF16", 8, 64, 6.2472),
        ("llama-3.2-3b-instruct", "F16", 8, 64, 6.2473),
        ("deepseek-r1-0528-qwen3-8b", "NF4", 8, 32, 5.9071),
        ("llama-3.2-1b-instruct", "FP8-block", 11, 32, 1.4721),
        ("mistral-7b-instruct-v0.3", "NF4", 8, 32, 4.0423),
        ("phi-4", "NF4", 7, 16, 8.492),
    ];
    for (model, quant, release, rank, printed) in runs {
        let cell = only_cell(&format!(
            "model={model}&hw=a100-sxm-40gb&quant={quant}&engine=vllm&vllm=0.{release}&ctx=2048\
             &lora={rank}"
        ));
        let Interval { low, expected, high } =
            total_bytes(&cell, &[Term::Weights]) + total_bytes(&cell, &[Term::Lora]);
        assert!(low.to_gib() <= printed && printed <= high.to_gib(), "{model} {quant}");
        near += u32::from((expected.to_gib() / printed - 1.0).abs() < 0.01);
    }
    assert!(near >= 5, "{near} of {} within 1 %", runs.len());
}

/// Vision towers as llama.cpp printed them: 887.99 MiB of weights and 248.10 MiB of compute buffer
/// of Qwen3.6-27B's.
#[test]
fn a_projector_is_on_the_first_device() {
    let model = "model=qwen3.6-27b&hw=rtx-4090*2&quant=Q4_K_M&ctx=8192";
    let without = only_cell(model);
    assert_eq!(total_bytes(&without, &[Term::Projector]), Interval::default());
    let with = only_cell(&format!("{model}&mmproj=bf16"));
    let holds =
        |mib: f64, bytes: Interval<Bytes>| bytes.low.to_mib() <= mib && mib <= bytes.high.to_mib();
    assert!(holds(887.99, total_bytes(&with, &[Term::Projector])));
    assert!(holds(248.10, total_bytes(&with, &[Term::ProjectorCompute])));
    let on = |i: usize| with.devices[i].items.iter().any(|item| item.term == Term::Projector);
    assert!(on(0) && !on(1));
    // Serving engines load the towers with the checkpoint, unless told not to.
    let vllm = "model=qwen3.6-27b&hw=h100-sxm&quant=FP8&engine=vllm&ctx=8192&seqs=256";
    let (loaded, off) = (only_cell(vllm), only_cell(&format!("{vllm}&mmproj=off")));
    assert!(total_bytes(&loaded, &[Term::Projector]).expected > Bytes::mib(800));
    assert_eq!(loaded.loaded_bytes, off.loaded_bytes);
    assert!(off.flags.contains(&"--language-model-only".to_owned()));
}

#[test]
fn prompts_and_checkpoints_lie_in_ram() {
    let query = "model=gemma-3-27b-it&hw=rtx-4090&quant=Q4_K_M&ctx=16384&users=2&cache_ram=8GiB\
                 &checkpoints=32";
    let cell = only_cell(query);
    let in_ram = |term: Term| {
        let item = cell.host.items.iter().find(|item| item.term == term);
        item.map_or(Interval::default(), |item| item.bytes)
    };
    assert_eq!(in_ram(Term::PromptCache).high, Bytes::gib(8));
    assert_eq!(in_ram(Term::PromptCache).low, Bytes::ZERO);
    // 52 window layers of 1024 + 512 cells, 16 heads of 128 values twice, in 16 bits.
    let checkpoint = 52 * 1536 * 16 * 128 * 2 * 2;
    assert_eq!(in_ram(Term::Checkpoints).high, Bytes(checkpoint * 32 * 2));
    // A model that keeps every token needs none.
    let query = "model=qwen3-8b&hw=rtx-4090&quant=Q4_K_M&checkpoints=32";
    assert_eq!(total_bytes(&only_cell(query), &[Term::Checkpoints]).high, Bytes::ZERO);
}

#[test]
fn desktop_and_reserve_are_withheld_and_listed() {
    let query = "model=qwen3-8b&hw=rtx-4090*2&quant=Q4_K_M";
    let plain = only_cell(query);
    let with = only_cell(&format!("{query}&display=windows&reserve=1GiB"));
    for (device, before) in with.devices.iter().zip(&plain.devices) {
        let withheld: Interval<Bytes> = device.withheld.iter().map(|item| item.bytes).sum();
        assert_eq!(device.usable_bytes + withheld.expected, before.usable_bytes);
    }
    let terms =
        |i: usize| with.devices[i].withheld.iter().map(|item| item.term).collect::<Vec<_>>();
    assert_eq!(terms(0), [Term::Display, Term::Reserve]);
    assert_eq!(terms(1), [Term::Reserve]);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let qwen = "model=qwen3-32b&hw=h100-sxm&quant=Q4_K_M";
    let (rule, nearest) = refusal(&format!("{qwen}&draft=llama-3.2-1b-instruct"));
    assert_eq!(rule, RefusalReason::DraftVocabulary { model: 151_936, draft: 128_256 });
    assert!(nearest.is_some_and(|near| near.starts_with("draft=qwen3-0.6b")));
    assert_eq!(
        refusal(&format!("{qwen}&mtp=2")),
        (RefusalReason::NoMtpLayers, Some("mtp=0".to_owned()))
    );
    let both = format!("{qwen}&mtp=2&draft=qwen3-0.6b");
    assert_eq!(refusal(&both).0, RefusalReason::OneProposer);
    let (rule, nearest) = refusal(&format!("{qwen}&engine=ollama&draft=qwen3-0.6b"));
    assert_eq!((rule, nearest.as_deref()), (RefusalReason::NotOffered, Some("draft=")));
    let exl = "model=qwen3-32b&hw=h100-sxm&quant=EXL3-4.0bpw&engine=exllamav3&lora=16";
    assert_eq!(refusal(exl).0, RefusalReason::NotOffered);
    let unknown = report(&format!("{qwen}&draft=qwen3-0.7b"));
    assert!(matches!(&unknown.notices[..], [Notice::UnknownModel { id, nearest, .. }]
        if id == "qwen3-0.7b" && nearest.iter().any(|id| id == "qwen3-0.6b")));
    // One model's refusal leaves the others.
    let two = report("model=qwen3-32b,qwen3.6-27b&hw=h100-sxm&quant=Q4_K_M&mtp=2");
    assert_eq!(two.cells.len(), 1);
}

const SETUPS: &[&str] = &[
    "engine=llama.cpp&quant=Q4_K_M&hw=rtx-pro-6000-blackwell-workstation",
    "engine=llama.cpp&quant=Q4_K_M&hw=rtx-4090*2",
    "engine=llama.cpp&quant=Q4_K_M&hw=cpu-ddr5-6000-dual&ram=256GiB",
    "engine=koboldcpp&quant=Q4_K_M&hw=rtx-4090",
    "engine=vllm&quant=BF16&hw=h200*2",
    "engine=sglang&quant=BF16&hw=h200*2",
    "engine=tensorrt-llm&quant=BF16&hw=h200*2",
    "engine=transformers&quant=BF16&hw=h200*2",
    "engine=mlx&quant=MLX-4bit&hw=m3-ultra@512",
];

const MODELS: &[&str] = &[
    "qwen3-8b",
    "qwen3-30b-a3b",
    "gemma-3-27b-it",
    "qwen3.6-27b",
    "glm-4.5-air",
    "falcon-h1-7b-instruct",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn more_beside_never_needs_less_and_every_bill_adds_up(
        setup in proptest::sample::select(SETUPS),
        model in proptest::sample::select(MODELS),
        rank in 1u64..256,
        more in 1u64..256,
        mmproj in proptest::sample::select(&["off", "f16", "q8_0"][..]),
        extra in proptest::sample::select(&["", "&mtp=1", "&draft=qwen3-0.6b"][..]),
        context in 256u64..32_768,
    ) {
        let of = |rank: u64, extra: &str| first_cell(&format!(
            "{setup}&model={model}&ctx={context}&mmproj={mmproj}&lora={rank}{extra}&offload=none"
        ));
        let Some(plain) = of(0, "") else { return Ok(()) };
        for cell in [of(rank, extra), of(rank + more, extra)].into_iter().flatten() {
            prop_assert!(cell.total_bytes.expected >= plain.total_bytes.expected);
            for device in &cell.devices {
                let sum = sum_of_items(&device.items);
                prop_assert_eq!(sum, device.used_bytes);
                let ordered = |item: &BillItem| {
                    item.bytes.low <= item.bytes.expected && item.bytes.expected <= item.bytes.high
                };
                prop_assert!(device.items.iter().all(ordered), "{:?}", device.items);
            }
            let host = sum_of_items(&cell.host.items);
            prop_assert_eq!(host, cell.host.used_bytes);
            let parts = cell.loaded_bytes + cell.kv_bytes + cell.recurrent_bytes
                + cell.compute_bytes.expected
                + cell.overhead_bytes.expected
                + cell.addon_bytes.expected;
            prop_assert_eq!(parts, cell.total_bytes.expected);
        }
        if let (Some(less), Some(more)) = (of(rank, extra), of(rank + more, extra)) {
            prop_assert!(more.addon_bytes.expected >= less.addon_bytes.expected);
        }
    }
}

/// Speculation changes the speed of one user by what is accepted: with nothing accepted it only
/// costs, and the more is accepted, the faster it is.
#[test]
fn accepted_tokens_make_decoding_faster() {
    for speculation in ["model=qwen3-32b&draft=qwen3-0.6b", "model=qwen3.6-27b&mtp=2"] {
        let speed = |accept: &str| {
            let query = format!("{speculation}&hw=rtx-5090&quant=Q4_K_M&ctx=4096&accept={accept}");
            let speed = only_cell(&query).speed;
            let [with, without] = [speed.decode_tps, speed.plain_tps];
            (with.unwrap().expected, without.unwrap().expected)
        };
        let (none, plain) = speed("0");
        let (some, same) = speed("0.6");
        let (all, _) = speed("1");
        assert_eq!(plain, same, "{speculation}");
        assert!(none < plain && plain < some && some < all, "{speculation}: {none} {some} {all}");
    }
    let plain = only_cell("model=qwen3-32b&hw=rtx-5090&quant=Q4_K_M&ctx=4096").speed;
    assert_eq!(plain.plain_tps, None);
}

/// Of a pipeline, the first stage has the towers and the last one the MTP layers; adapters are
/// where their layers are.
#[test]
fn pipeline_stages_hold_their_own_addons() {
    let query = "model=qwen3.6-27b&hw=h100-sxm*2&quant=FP8&engine=vllm&ctx=8192&pp=2&tp=1&seqs=256";
    let plain = only_cell(query);
    let with = only_cell(&format!("{query}&mtp=2&lora=16"));
    let has = |i: usize, term: Term| with.devices[i].items.iter().any(|item| item.term == term);
    assert!(has(0, Term::Projector) && !has(1, Term::Projector));
    assert!(!has(0, Term::Draft) && has(1, Term::Draft));
    assert!(has(0, Term::Lora) && has(1, Term::Lora));
    let one = only_cell(&query.replace("pp=2", "pp=1").replace("*2", ""));
    let lora = |cell: &Cell| total_bytes(cell, &[Term::Lora]).expected;
    assert_eq!(lora(&with), lora(&only_cell(&format!("{query}&lora=16"))));
    assert_eq!(total_bytes(&plain, &[Term::Projector]), total_bytes(&one, &[Term::Projector]));
}
