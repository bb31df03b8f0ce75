//! The ask box, held to phrasings as people write them (`data/phrasings.tsv`) and to laws.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;

use headroom::ask::{Asked, Lack, ask};
use headroom::catalog::Catalog;
use headroom::quant::Quant;
use headroom::scenario::{Scenario, setting};
use proptest::prelude::*;

/// Texts, each with the query that it means, the keys that it leaves a choice of, and, where the
/// line has a fourth field, what is ignored of it.
const PHRASINGS: &str = include_str!("data/phrasings.tsv");

struct Phrasing<'a> {
    text: &'a str,
    query: &'a str,
    choices: BTreeSet<&'a str>,
    ignored: Option<&'a str>,
}

fn phrasings() -> Vec<Phrasing<'static>> {
    let lines = PHRASINGS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split('\t');
            let mut next = || fields.next();
            Phrasing {
                text: next().unwrap_or_default(),
                query: next().unwrap_or_default(),
                choices: next()
                    .unwrap_or_default()
                    .split(',')
                    .filter(|key| !key.is_empty())
                    .collect(),
                ignored: next(),
            }
        })
        .collect()
}

fn pairs(query: &str) -> BTreeSet<&str> {
    query.split('&').filter(|pair| !pair.is_empty()).collect()
}

fn is_right(phrasing: &Phrasing, asked: &Asked) -> bool {
    let choices: BTreeSet<&str> = asked.choices.iter().map(|choice| choice.key.as_str()).collect();
    pairs(&asked.query) == pairs(phrasing.query)
        && choices == phrasing.choices
        && phrasing.ignored.is_none_or(|ignored| ignored == asked.ignored.join(" | "))
}

#[test]
fn phrasings_are_understood() {
    let phrasings = phrasings();
    let is_russian = |text: &str| text.chars().any(|c| ('а'..='я').contains(&c));
    let russian = phrasings.iter().filter(|phrasing| is_russian(phrasing.text)).count();
    assert!(phrasings.len() >= 300 && russian >= 75, "{} with {russian}", phrasings.len());
    let mut wrong = Vec::new();
    for phrasing in &phrasings {
        let asked = ask(phrasing.text);
        if !is_right(phrasing, &asked) {
            wrong.push(format!("{}\n  {}\n  {asked:?}", phrasing.text, phrasing.query));
        }
    }
    let right = phrasings.len() - wrong.len();
    let share = right as f64 / phrasings.len() as f64;
    assert!(share >= 0.95, "{right} of {}:\n{}", phrasings.len(), wrong.join("\n"));
}

/// What is asked for is written `*`; the rest is a question as any link.
fn assert_is_a_question(asked: &Asked) {
    let is_open = |pair: &&str| pair.ends_with("=*");
    let query: Vec<&str> = asked.query.split('&').filter(|pair| !is_open(pair)).collect();
    let (scenario, problems) = Scenario::from_query(&query.join("&"));
    assert_eq!(problems, [], "of {}", asked.query);
    let catalog = Catalog::bundled();
    for key in asked.query.split('&').filter_map(|pair| Some(pair.split_once('=')?.0)) {
        let setting = setting(key).unwrap();
        match key {
            _ if asked.query.contains(&format!("{key}=*")) => {}
            "model" => assert!(scenario.models.iter().all(|id| catalog.model(id).is_some())),
            "hw" => {
                let is_known =
                    |id: &str| catalog.device(id).is_some() || catalog.instance(id).is_some();
                let mut devices = scenario.machines.iter().flat_map(|machine| &machine.devices);
                assert!(devices.all(|device| is_known(&device.id)));
            }
            "quant" => {
                assert!(setting.text(&scenario).split(',').all(|q| Quant::parse(q).is_some()))
            }
            _ => assert!(!setting.text(&scenario).is_empty(), "{key}"),
        }
    }
    for choice in &asked.choices {
        for option in &choice.options {
            let mut scenario = Scenario::default();
            let accepted = setting(&choice.key).unwrap().set(&mut scenario, option);
            assert_eq!(accepted, Ok(()), "{choice:?}");
        }
    }
}

#[test]
fn every_answer_is_a_question_without_problems() {
    for phrasing in phrasings() {
        assert_is_a_question(&ask(phrasing.text));
    }
}

#[test]
fn every_name_of_the_catalogue_is_understood() {
    let catalog = Catalog::bundled();
    let mut missed = Vec::new();
    for model in catalog.models.iter() {
        for name in [&model.id, &model.hf_id] {
            let asked = ask(name);
            if asked.query != format!("model={}", model.id) {
                missed.push(format!("{name}: {} {:?}", asked.query, asked.choices));
            }
        }
    }
    let models = 2 * catalog.models.len();
    assert!(missed.len() * 100 <= models * 5, "{} of {models}: {missed:#?}", missed.len());
    let mut missed = Vec::new();
    for device in catalog.devices.iter() {
        for name in [&device.id, &device.name] {
            let asked = ask(name);
            let is_offered = asked.choices.iter().any(|choice| {
                choice.options.iter().any(|option| option.split('@').next() == Some(&device.id))
            });
            let is_named = asked.query.split('@').next() == Some(&format!("hw={}", device.id));
            if !is_named && !is_offered {
                missed.push(format!("{name}: {} {:?}", asked.query, asked.ignored));
            }
        }
    }
    let devices = 2 * catalog.devices.len();
    assert!(missed.len() * 100 <= devices * 5, "{} of {devices}: {missed:#?}", missed.len());
}

#[test]
fn machines_of_clouds_and_overrides_are_understood() {
    for (text, query) in [
        ("qwen3-32b on g6e.xlarge", "model=qwen3-32b&hw=g6e.xlarge"),
        ("Can 2x p5.48xlarge run deepseek-v3?", "model=deepseek-v3&hw=p5.48xlarge*2"),
        ("Standard_ND96isr_H100_v5, qwen3-32b", "model=qwen3-32b&hw=Standard_ND96isr_H100_v5"),
        ("qwen3-8b on a3-highgpu-8g", "model=qwen3-8b&hw=a3-highgpu-8g"),
        (
            r"llama-server -m Qwen3-30B-A3B-Q4_K_M.gguf -ot blk\.([0-9])\.ffn_.*_exps=CPU -nkvo",
            "model=qwen3-30b-a3b&quant=Q4_K_M&offload=experts:10&kv_offload=off",
        ),
        ("qwen3-8b on rx 7900 xtx with vulkan", "model=qwen3-8b&hw=rx-7900-xtx&backend=vulkan"),
        ("ik_llama.cpp qwen3-8b rtx 3090", "model=qwen3-8b&hw=rtx-3090&engine=ik_llama.cpp"),
    ] {
        let asked = ask(text);
        let found = pairs(&asked.query);
        let wanted = pairs(query);
        assert!(wanted.is_subset(&found), "{text}: {}", asked.query);
    }
}

#[test]
fn names_that_were_never_released_are_told_as_such() {
    for never in Catalog::never_released() {
        let asked = ask(&never.name);
        let choice = asked.choices.iter().find(|choice| choice.key == "model");
        let why = match choice.and_then(|choice| choice.note.as_ref()) {
            Some(Lack::NeverReleased { why, .. }) => why.as_str(),
            _ => "",
        };
        assert_eq!(why, never.why, "{}: {asked:?}", never.name);
        assert!(!asked.query.contains("model="), "{}: {}", never.name, asked.query);
    }
}

#[test]
fn what_is_ambiguous_is_a_choice() {
    let options = |text: &str, key: &str| -> Vec<String> {
        let asked = ask(text);
        asked.choices.into_iter().find(|choice| choice.key == key).unwrap().options
    };
    let rtx_6000 = options("RTX 6000", "hw");
    for device in
        ["quadro-rtx-6000", "rtx-a6000", "rtx-6000-ada", "rtx-pro-6000-blackwell-workstation"]
    {
        assert!(rtx_6000.iter().any(|option| option == device), "{rtx_6000:?}");
    }
    assert_eq!(options("72B", "model")[0], "qwen2.5-72b-instruct");
    assert!(options("2 x 24 GB", "hw").contains(&"rtx-3090*2".to_owned()));
}

#[test]
fn what_is_asked_is_said() {
    let asks = |text: &str| -> Option<String> {
        let asked = ask(text);
        asked.understood.into_iter().find(|part| part.key == "ask").map(|part| part.value)
    };
    for (text, value) in [
        ("does llama 3.3 70b q4 fit on a 3090", "fits"),
        ("влезет ли qwen3 32b в 3090", "fits"),
        ("what can i run on a 4090", "models"),
        ("что запустить на 4090", "models"),
        ("what do i need for gpt-oss-120b", "hardware"),
        ("на чём запустить gpt-oss-120b", "hardware"),
        ("which quant of qwen3 32b for a 3090", "quant"),
        ("какой квант qwen3 32b для 3090", "quant"),
        ("how fast is qwen3 8b on a 3090", "speed"),
        ("какая скорость qwen3 8b на 3090", "speed"),
        ("how much context with qwen3 8b on a 3090", "context"),
        ("сколько контекста влезет с qwen3 8b на 3090", "context"),
        ("how many users can a 3090 serve with qwen3 8b", "users"),
        ("сколько пользователей потянет 3090 с qwen3 8b", "users"),
    ] {
        assert_eq!(asks(text).as_deref(), Some(value), "{text}");
    }
}

#[test]
fn repositories_that_the_catalogue_lacks_are_told() {
    for (text, repository) in [
        ("owner/Brand-New-9B on a 3090", Some("owner/Brand-New-9B")),
        ("hf.co/owner/Brand-New-9B-GGUF:Q6_K", Some("owner/Brand-New-9B-GGUF:Q6_K")),
        ("unsloth/Qwen3-32B-GGUF", Some("unsloth/Qwen3-32B-GGUF")),
        ("https://huggingface.co/Qwen/Qwen3-32B", None),
        ("qwen3 32b at 20 tok/s on 3060/32gb", None),
        ("llama-server -m models/Foo-7B-Q4_K_M.gguf", None),
        ("docker run vllm/vllm-openai:latest --model Qwen/Qwen3-8B", None),
    ] {
        assert_eq!(ask(text).repository.as_deref(), repository, "{text}");
    }
}

#[test]
fn what_is_not_understood_is_said() {
    assert_eq!(ask("asdf qwen3 8b zxcv").ignored, ["asdf", "zxcv"]);
    assert_eq!(ask("").query, "");
}

/// Names of well-known models that the catalogue has not: none of them is silently another one.
#[test]
fn what_the_catalogue_lacks_is_no_other_model() {
    for name in [
        "wizardlm-2 8x22b",
        "wizardcoder 15b",
        "wizardlm 70b",
        "guanaco 65b",
        "xverse 65b",
        "koala 13b",
        "mathstral",
        "mathstral 7b",
        "phixtral",
        "codegen",
        "codegen2 7b",
        "minigpt",
        "smolvlm",
        "llada",
        "llada 8b",
        "mpt 30b",
        "openchat 7b",
        "starling 7b",
        "zephyr",
        "zephyr 7b",
        "goliath 120b",
        "miqu 70b",
        "xwin 70b",
        "mythomax 13b",
        "sqlcoder 15b",
        "magicoder 7b",
        "grok 2",
        "pixtral large",
        "gigachat max",
        "gigachat lite",
        "kimi-vl a3b",
        "qwen3 omni 30b",
        "qwen2.5-omni 7b",
        "qwen-image",
        "deepseek ocr",
        "bielik 11b",
        "rwkv-4 14b",
        "bitnet 2b",
        "aquila 34b",
        "reka flash 21b",
        "viking 33b",
        "opt-175b",
        "internvl 2.5 78b",
        "solar 70b",
        "визардкодер 15б",
        "сайга 8б",
        "пигмалион 13б",
        "т-лайт 8б",
        "грок 2",
        "квен омни 7б",
    ] {
        for text in [name.to_owned(), format!("{name} on a 3090"), format!("{name} q4 24gb")] {
            let asked = ask(&text);
            assert!(!asked.query.contains("model="), "{text}: {asked:?}");
        }
    }
}

/// Sentences of every day, in which words are met that names are made of too.
const EVERYDAY: &str = include_str!("data/everyday.txt");

#[test]
fn sentences_of_every_day_ask_nothing() {
    for text in EVERYDAY.lines() {
        let asked = ask(text);
        let named = (asked.query.as_str(), asked.choices.as_slice());
        assert_eq!(named, ("", [].as_slice()), "{text}");
    }
}

/// A long text costs no more than so many short ones: `10 kB` within what a frame takes, even
/// without optimisation.
#[test]
fn long_texts_are_read_too() {
    for part in [
        "qwen3 32b ",
        "4090 ",
        "2 x ",
        "q4_k_m",
        "--flag ",
        "слово ",
        "72b a3b ",
        "24 gb ",
        "(",
        "🦀",
    ] {
        let text = part.repeat(10_000 / part.len());
        assert_is_a_question(&ask(&text));
    }
}

/// Words of phrasings in any order.
fn shuffled() -> impl Strategy<Value = String> {
    let words: Vec<&str> =
        PHRASINGS.split([' ', '\t', '\n']).filter(|word| !word.is_empty()).collect();
    proptest::collection::vec(proptest::sample::select(words), 0..24)
        .prop_map(|words| words.join(" "))
}

#[test]
fn what_a_question_cannot_have_is_no_choice() {
    let asked = ask("qwen3-32b 25753026560 20к");
    assert_is_a_question(&asked);
    assert!(asked.choices.is_empty(), "{asked:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_read(text in "\\PC{0,80}") {
        assert_is_a_question(&ask(&text));
    }

    #[test]
    fn any_words_are_read(text in shuffled()) {
        assert_is_a_question(&ask(&text));
    }
}

#[test]
fn a_size_without_a_name_is_a_choice_of_real_models_with_the_hypothetical_shape_last() {
    for (text, size) in [
        ("72B", "size:72B"),
        ("72b dense on rtx 6000 bw", "size:72B"),
        ("30B total, 3B active", "size:30B-A3B"),
        ("30b total with 3b active parameters in a 4090", "size:30B-A3B"),
        ("модель на 70 миллиардов", "size:70B"),
        ("модель на 30 млрд, активных 3 млрд", "size:30B-A3B"),
    ] {
        let asked = ask(text);
        let choice = asked.choices.iter().find(|choice| choice.key == "model");
        let choice = choice.unwrap_or_else(|| panic!("{text}: {asked:?}"));
        assert_eq!(choice.options.last().map(String::as_str), Some(size), "{text}: {choice:?}");
        assert!(choice.options.len() > 1, "{text}: {choice:?}");
        let real = &choice.options[..choice.options.len() - 1];
        assert!(real.iter().all(|id| !id.starts_with("size:")), "{text}");
        assert!(asked.ignored.is_empty(), "{text}: {:?}", asked.ignored);
    }
    // No model has so many: the shape is all there is.
    for (text, model) in
        [("71.5B dense", "size:71.5B"), ("333B total, 17B active", "size:333B-A17B")]
    {
        assert_eq!(ask(text).query, format!("model={model}"), "{text}");
    }
}

#[test]
fn a_name_that_was_never_released_comes_with_real_ones_and_the_shape_of_its_size() {
    for (text, size) in [("qwen3 72b", "size:72B"), ("Qwen3-72B q4 on 2x3090", "size:72B")] {
        let asked = ask(text);
        let choice = asked.choices.iter().find(|choice| choice.key == "model").unwrap();
        assert!(choice.note.is_some(), "{text}: {choice:?}");
        assert_eq!(choice.options.last().map(String::as_str), Some(size), "{text}");
        assert!(choice.options[0].starts_with("qwen"), "{text}: {choice:?}");
    }
}

#[test]
fn a_card_that_is_only_described_is_one_of_ones_own() {
    for (text, hw) in [
        ("card with 24 GB and 900 GB/s", "custom:1:memory.24:bandwidth.900"),
        ("qwen3 8b on a 48gb card, 1.2 TB/s", "custom:1:memory.48:bandwidth.1200"),
        ("карта 24 гб и 900 гб/с", "custom:1:memory.24:bandwidth.900"),
        ("2x 32GB at 800 GB/s, 150 tflops", "custom:1:memory.32:bandwidth.800:fp16.150*2"),
    ] {
        let asked = ask(text);
        let found = asked.understood.iter().find(|part| part.key == "hw");
        assert_eq!(found.map(|part| part.value.as_str()), Some(hw), "{text}: {asked:?}");
    }
}
