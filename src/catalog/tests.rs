//! Every entry is whole, adds up, and is found by the names people use.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::architecture::{Count, Group, count, tensors};

/// The parameters of `model` that its published total counts.
fn comparable(model: &Model) -> u64 {
    let Count { text, vision, mtp, .. } = count(model.architecture());
    let head = model.architecture().vocab_size * model.architecture().hidden_size;
    model.params_include.iter().fold(text, |total, part| match part {
        Included::Vision => total + vision,
        Included::Mtp => total + mtp,
        Included::StoredLmHead => total + head,
        Included::NoLmHead => total - head,
    })
}

#[test]
fn tensors_add_up_to_the_published_parameters() {
    let (mut exact, mut near, mut noted) = (0, 0, 0);
    for model in Catalog::bundled().models.iter() {
        let Some(published) = model.params_published else { continue };
        let counted = comparable(model);
        let off = counted.abs_diff(published) as f64 / published as f64;
        match (&model.count_note, off) {
            (_, 0.0) => exact += 1,
            (None, 0.0..=0.001) => near += 1,
            (Some(_), 0.001..=0.01) => noted += 1,
            (note, _) => panic!("{}: {counted}, published {published}, note {note:?}", model.id),
        }
    }
    println!("{exact} exact, {near} within 0.1 %, {noted} with a reason");
    assert!(exact >= 460, "{exact}");
    assert!(noted <= 7, "{noted}");
}

#[test]
fn every_tensor_has_a_size_and_the_parts_make_the_whole() {
    for model in Catalog::bundled().models.iter() {
        let architecture = model.architecture();
        let tensors = tensors(architecture);
        let mut names = BTreeSet::new();
        for t in &tensors {
            assert!(t.shape.elements() > 0, "{} {t:?}", model.id);
            assert!(t.in_checkpoint || t.in_gguf, "{} {t:?}", model.id);
            if t.in_gguf {
                assert!(names.insert((t.layer, t.role)), "{} has {t:?} twice", model.id);
            }
        }
        let sum = |group| -> u64 {
            let of_group = tensors.iter().filter(|t| t.in_checkpoint && t.group == group);
            of_group.map(|t| t.shape.elements()).sum()
        };
        let count = count(architecture);
        assert_eq!(count.text, sum(Group::Text), "{}", model.id);
        assert_eq!(count.vision, sum(Group::Vision), "{}", model.id);
        assert_eq!(count.mtp, sum(Group::Mtp), "{}", model.id);
        assert!(count.active <= count.text && count.active > 0, "{}", model.id);
    }
}

#[test]
fn models_are_whole() {
    let catalog = Catalog::bundled();
    assert_eq!((catalog.models.len(), Catalog::left_out().len()), (557, 12));
    let mut ids = BTreeSet::new();
    for model in catalog.models.iter() {
        assert!(ids.insert(&model.id), "{} twice", model.id);
        assert!(url_safe(&model.id), "{}", model.id);
        assert!(!model.sources.is_empty() && !model.confidence.is_empty(), "{}", model.id);
        for source in &model.sources {
            assert!(!source.is_empty() && !source.contains("{id}"), "{}", model.id);
        }
        assert!(model.params_published.is_none() || model.params_source.is_some(), "{}", model.id);
        assert!(is_date(&model.release), "{} {}", model.id, model.release);
        assert!(!model.name.is_empty() && !model.family.is_empty() && !model.org.is_empty());
        let a = model.architecture();
        assert!((1..1 << 17).contains(&a.hidden_size), "{}", model.id);
        assert!((1..1 << 20).contains(&a.vocab_size), "{}", model.id);
        assert!((1..=256).contains(&a.layers.len()), "{}", model.id);
        assert!(a.max_context.is_none_or(|n| (128..=20_000_000).contains(&n)), "{}", model.id);
        let windowed = a.layers.iter().any(|l| {
            l.mixer
                .attention()
                .is_some_and(|a| a.reach == crate::architecture::AttentionSpan::Sliding)
        });
        assert!(!windowed || a.sliding_window.is_some(), "{} has no window", model.id);
        for layer in &a.layers {
            if let Some(attention) = layer.mixer.attention() {
                let (heads, kv) = (attention.heads, attention.kv_heads);
                assert!(kv > 0 && heads % kv == 0, "{}: {heads} / {kv}", model.id);
            }
            if let Some(moe) = layer.ffn.moe() {
                assert!((1..=moe.experts).contains(&moe.experts_per_token), "{}", model.id);
            }
        }
    }
    for pair in catalog.models.windows(2) {
        let (one, next) = (&pair[0], &pair[1]);
        assert!(one.family != next.family || one.release >= next.release, "{}", next.id);
    }
    for never in Catalog::never_released() {
        assert!(!never.nearest.is_empty(), "{}", never.name);
        assert!(catalog.model(&never.name).is_none(), "{} exists", never.name);
    }
}

#[test]
fn devices_are_whole() {
    let catalog = Catalog::bundled();
    assert_eq!(catalog.devices.len(), 535);
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for device in catalog.devices.iter() {
        assert!(url_safe(&device.id), "{}", device.id);
        assert!(!device.sources.is_empty(), "{}", device.id);
        for name in device.aliases.iter().chain([&device.id, &device.name]) {
            let key = search::key(name);
            let other = names.insert(key, &device.id);
            assert!(other.is_none_or(|id| id == device.id), "{name}: {other:?}, {}", device.id);
            assert_eq!(catalog.device(name).map(|d| &d.id), Some(&device.id), "{name}");
        }
        let plausible = |value: Option<f64>, low: f64, high: f64| {
            assert!(value.is_none_or(|v| (low..=high).contains(&v)), "{} {value:?}", device.id);
        };
        plausible(device.memory_gb, 2.0, 1024.0);
        plausible(device.bandwidth_gb_s, 10.0, 30_000.0);
        plausible(device.tdp_w, 5.0, 3000.0);
        plausible(device.msrp_usd, 50.0, 500_000.0);
        for (format, tflops) in &device.tflops_dense {
            assert!(*tflops > 0.0 && *tflops < 60_000.0, "{} {format}", device.id);
        }
        assert!(device.memory_gb.is_some() || device.kind == DeviceKind::Cpu, "{}", device.id);
        let options = device.usable_by_option.len();
        assert!(options == 0 || options == device.memory_options_gb.len(), "{}", device.id);
        for (gb, usable) in device.memory_options_gb.iter().zip(&device.usable_by_option) {
            assert!((*usable as f64) < gb * 1.0737e9, "{} {gb}", device.id);
        }
        if let (Some(gb), Some(usable)) = (device.memory_gb, device.memory_usable_bytes) {
            let share = usable as f64 / (gb * 1_073_741_824.0);
            assert!((0.4..=1.01).contains(&share), "{} {share}", device.id);
        }
        for price in &device.cloud_prices {
            assert!(0.0 < price.usd_per_hour.0 && price.usd_per_hour.0 <= price.usd_per_hour.1);
        }
    }
}

fn url_safe(id: &str) -> bool {
    id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b))
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-').map(str::parse::<u32>);
    matches!((parts.next(), parts.next()), (Some(Ok(2018..=2027)), Some(Ok(1..=12))))
}

#[track_caller]
fn expect_device(name: &str, id: &str) {
    assert_eq!(Catalog::bundled().device(name).map(|d| d.id.as_str()), Some(id), "{name}");
}

#[test]
fn devices_answer_to_short_names() {
    expect_device("RTX 6000 BW", "rtx-pro-6000-blackwell-workstation");
    expect_device("rtx pro 6000", "rtx-pro-6000-blackwell-workstation");
    expect_device("4090", "rtx-4090");
    expect_device("RTX4090", "rtx-4090");
    expect_device("GeForce RTX 4090", "rtx-4090");
    expect_device("NVIDIA GeForce RTX 4090", "rtx-4090");
    expect_device("3090", "rtx-3090");
    expect_device("5090", "rtx-5090");
    expect_device("3060", "rtx-3060-12gb");
    expect_device("4070 ti super", "rtx-4070-ti-super");
    expect_device("H100", "h100-sxm");
    expect_device("h100 pcie", "h100-pcie");
    expect_device("a100", "a100-sxm-80gb");
    expect_device("A100 80GB", "a100-sxm-80gb");
    expect_device("a100 40gb", "a100-sxm-40gb");
    expect_device("V100", "tesla-v100-sxm2-32gb");
    expect_device("t4", "tesla-t4");
    expect_device("p40", "tesla-p40");
    expect_device("mi300x", "instinct-mi300x");
    expect_device("7900 XTX", "rx-7900-xtx");
    expect_device("M4 Max", "apple-m4-max-40c");
    expect_device("m1", "apple-m1");
    expect_device("Apple M2 Ultra", "apple-m2-ultra");
    expect_device("strix halo", "strix-halo-395");
    expect_device("DGX Spark", "dgx-spark-gb10");
    expect_device("2080ti", "rtx-2080-ti");
    expect_device("EPYC Genoa", "cpu-epyc-genoa-12ch");
    expect_device("thor", "jetson-agx-thor-t5000");
    expect_device("RTX 3050 laptop", "rtx-3050-laptop-4gb");
    expect_device("3050 ti", "rtx-3050-ti-laptop");
    expect_device("RTX 2000 Ada", "rtx-2000-ada");
    expect_device("NVIDIA RTX 2000 Ada Generation Laptop GPU", "rtx-2000-ada-laptop");
    expect_device("rtx 3080 20gb", "rtx-3080-20gb-mod");
    expect_device("680m", "radeon-680m");
    expect_device("iris xe", "iris-xe-96eu");
    expect_device("tenstorrent p150", "blackhole-p150");
    expect_device("Raspberry Pi 5", "raspberry-pi-5-8gb");
    expect_device("raspberry pi 5 16gb", "raspberry-pi-5-16gb");
    expect_device("snapdragon x elite", "cpu-snapdragon-x-elite");
}

#[test]
fn hosts_answer_to_the_names_of_their_cpus() {
    expect_device("ryzen 7 7800x3d", "cpu-ryzen-7-7800x3d");
    expect_device("AMD Ryzen 9 7950X", "cpu-ryzen-9-7950x");
    expect_device("5800x", "cpu-ryzen-7-5800x");
    expect_device("ryzen 5 5600", "cpu-ryzen-5-5600");
    expect_device("i9-14900k", "cpu-core-i9-14900k");
    expect_device("Intel Core i9 14900KF", "cpu-core-i9-14900k");
    expect_device("13600k", "cpu-core-i5-13600k");
    expect_device("i5 12400f", "cpu-core-i5-12400");
    expect_device("core ultra 9 285k", "cpu-core-ultra-9-285k");
    expect_device("epyc 7763", "cpu-epyc-7763");
    expect_device("EPYC 9654", "cpu-epyc-9654");
    expect_device("Xeon Gold 6248", "cpu-xeon-gold-6248");
    expect_device("w9-3495x", "cpu-xeon-w9-3495x");
    expect_device("xeon e5-2680 v4", "cpu-xeon-e5-2680-v4");
    expect_device("threadripper pro 5995wx", "cpu-threadripper-pro-5995wx");
    expect_device("ryzen 7 7840hs", "radeon-780m");
    for nothing in ["", "rtx", "24gb", "4091", "blackwell", "nvidia"] {
        assert!(Catalog::bundled().device(nothing).is_none(), "{nothing}");
    }
}

#[test]
fn a_bare_number_is_a_device_only_by_its_model_number() {
    let catalog = Catalog::bundled();
    for number in 0..10_000_u32 {
        let text = number.to_string();
        if let Some(device) = catalog.device(&text) {
            let named =
                device.id.split('-').any(|word| word == text) || device.aliases.contains(&text);
            assert!(named && device.kind != DeviceKind::Cpu, "{number}: {}", device.id);
            assert!(number > 128, "{number}, a count of devices, is {}", device.id);
        }
    }
    assert!(catalog.device("4096").is_none());
}

#[test]
fn models_answer_to_both_ids() {
    let catalog = Catalog::bundled();
    for id in ["qwen2.5-72b-instruct", "Qwen2.5-72B-Instruct", "qwen/QWEN2.5-72b-instruct"] {
        assert_eq!(catalog.model(id).map(|m| m.name.as_str()), Some("Qwen2.5-72B-Instruct"));
    }
    assert!(catalog.model("qwen3-72b").is_none());
}

#[test]
fn finding_puts_the_plain_name_first() {
    let catalog = Catalog::bundled();
    let first_model = |text: &str| catalog.find_models(text)[0].id.as_str();
    assert_eq!(first_model("qwen3 32b"), "qwen3-32b");
    assert_eq!(first_model("72b qwen"), "qwen-72b");
    assert_eq!(first_model("gpt-oss 20"), "gpt-oss-20b");
    assert_eq!(first_model("deepseek-r1"), "deepseek-r1");
    let first_device = |text: &str| catalog.find_devices(text)[0].id.as_str();
    assert_eq!(first_device("4090"), "rtx-4090");
    assert_eq!(first_device("rtx 509"), "rtx-5090");
    assert_eq!(first_device("m3 ultra"), "apple-m3-ultra");
    assert_eq!(catalog.find_devices("").len(), 535);
    assert!(catalog.find_devices("no such card").is_empty());
}

/// A package is named by its kind, name and version; the registry it is downloaded from is no
/// source.
#[test]
fn no_source_names_a_package_registry() {
    let hosts =
        ["crates.io", "pypi.org", "pythonhosted.org", "npmjs.", "rubygems.org", "debian.org"];
    for json in [include_str!("data/models.json"), include_str!("data/devices.json")] {
        for line in json.lines() {
            let host = hosts.iter().find(|host| line.contains(*host));
            assert_eq!(host, None, "{line}");
        }
    }
}

#[test]
fn an_unknown_model_gets_the_nearest_real_ones() {
    let catalog = Catalog::bundled();
    for name in ["qwen3-72b", "Qwen/Qwen3-72B", "qwen3-72b-instruct"] {
        let suggestion = catalog.suggest_model(name);
        assert!(suggestion.never_released.is_some(), "{name}");
        assert_eq!(suggestion.nearest[0], "qwen3-32b");
        assert!(suggestion.nearest.contains(&"qwen2.5-72b-instruct".to_owned()));
    }
    let slip = catalog.suggest_model("qwen2.5-72b-instuct");
    assert_eq!(slip.never_released, None);
    assert_eq!(slip.nearest[0], "qwen2.5-72b-instruct");
    assert!(catalog.suggest_model("mixtral").nearest[0].starts_with("mixtral"));
    assert!(catalog.suggest_model("llama3").nearest[0].starts_with("llama-3"));
    for nothing in ["", "zzz", "///", "\u{1f999}"] {
        assert!(catalog.suggest_model(nothing).nearest.is_empty(), "{nothing}");
    }
    assert_eq!(catalog.suggest_device("rtx 4091").nearest[0], "rtx-4090");
}

#[cfg(not(target_arch = "wasm32"))]
proptest::proptest! {
    #[test]
    fn any_text_can_be_looked_up(text in ".{0,40}") {
        let catalog = Catalog::bundled();
        catalog.model(&text);
        catalog.device(&text);
        proptest::prop_assert!(catalog.find_models(&text).len() <= catalog.models.len());
        proptest::prop_assert!(catalog.find_devices(&text).len() <= catalog.devices.len());
        for id in catalog.suggest_model(&text).nearest {
            proptest::prop_assert!(catalog.model(&id).is_some());
        }
        for id in catalog.suggest_device(&text).nearest {
            proptest::prop_assert!(catalog.device(&id).is_some());
        }
    }

    #[test]
    fn any_part_of_a_name_finds_it(index in 0usize..557, from in 0usize..20, length in 1usize..20) {
        let catalog = Catalog::bundled();
        let id = &catalog.models[index].id;
        let part: String = id.chars().skip(from).take(length).filter(|c| c.is_alphanumeric()).collect();
        let found = catalog.find_models(&part);
        proptest::prop_assert!(found.iter().any(|m| m.id == *id), "{part} of {id}");
    }
}
