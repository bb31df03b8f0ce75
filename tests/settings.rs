//! The table of settings says which engines read a setting: here it is held against their answers.

#![cfg(not(target_arch = "wasm32"))]

use headroom::catalog::Catalog;
use headroom::estimate::report;
use headroom::report::{Cell, Hosted};
use headroom::scenario::{Control, Engine, Group, SETTINGS, Scenario, Setting, Unset};

fn cells(scenario: &Scenario) -> Vec<Cell> {
    report(Catalog::bundled(), scenario, Vec::new()).cells
}

/// What a question is answered by: its cells, and what hosts ask for tokens of their models.
fn answers(scenario: &Scenario) -> Option<(Vec<Cell>, Vec<Hosted>)> {
    let report = report(Catalog::bundled(), scenario, Vec::new());
    (!report.cells.is_empty()).then_some((report.cells, report.hosted))
}

/// Questions to `engine` on which `key` shows where it reads it.
fn questions(engine: Engine, key: &str) -> Vec<Scenario> {
    let (hw, quant) = match engine.rules_engine() {
        Engine::LlamaCpp => ("rtx-4090,rtx-3090", "Q4_K_M"),
        Engine::Mlx => ("apple-m4-max-40c@64", "MLX-4bit"),
        Engine::ExLlamaV3 => ("rtx-4090*2", "EXL3-4.0bpw"),
        _ => ("h100-sxm*2", "BF16"),
    };
    let more: &[&str] = match key {
        "unified" => &["users=4"],
        "ram_speed" => &["offload=ngl:8", "hw=radeon-780m"],
        "arrival" => &["users=8"],
        "power_cap" => &["boards_w="],
        "mmproj_offload" => &["mmproj=f16"],
        "dcp" => &["model=deepseek-v2-lite&tp=2"],
        "imatrix" => &["quant=IQ3_XXS"],
        "lora_on" => &["lora=16", "model=qwen3-30b-a3b&lora=16"],
        "draft" => &["model=qwen3-8b"],
        "draft_n" | "draft_kv" => &["model=qwen3-8b&draft=qwen3-0.6b"],
        "mtp" => &["model=qwen3.5-4b", "model=deepseek-v3&hw=h100-sxm*16&quant=FP8"],
        "accept" => &["model=qwen3-8b&draft=qwen3-0.6b", "model=qwen3.5-4b&mtp=2"],
        "mg" => &["split=none"],
        "dp" => &["users=8", "model=deepseek-v2-lite&users=8"],
        "ep" => &["model=qwen3-30b-a3b"],
        "rate" => &["cur=EUR&price="],
        "os" | "wired" | "uma" => &["hw=strix-halo-395", "hw=apple-m4-max-40c@64"],
        _ => &[""],
    };
    let question = |more: &&str| {
        let base = format!("model=gemma-3-4b-it&hw={hw}&quant={quant}&engine={engine}&ctx=16384");
        let replaced = |key: &str| more.split('&').any(|pair| pair.starts_with(&format!("{key}=")));
        let kept = base.split('&').filter(|pair| !replaced(pair.split('=').next().unwrap_or("")));
        let query = kept.chain(["price=2000", "boards_w=300", more]).collect::<Vec<_>>().join("&");
        Scenario::from_query(&query).0
    };
    more.iter().map(question).collect()
}

/// Values of a setting, as a link writes them.
fn samples(setting: &Setting) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    match (setting.key, setting.control()) {
        ("offload", _) => texts(&["none", "ngl:8"]),
        ("ts", _) => texts(&["3,1"]),
        ("ram_speed", _) => texts(&["51.2", "2*5600"]),
        ("ep", _) => texts(&["on"]),
        ("lora", _) => texts(&["16*2", "16"]),
        ("draft", _) => texts(&["qwen3-0.6b"]),
        ("cur", _) => texts(&["EUR"]),
        (_, Control::Choice(words)) => texts(&words),
        (_, Control::Switch) => texts(&["on", "off"]),
        (_, Control::Number(bounds, unit)) => {
            let text = |number| {
                let mut scenario = Scenario::default();
                setting.set_number(&mut scenario, bounds.clamp(number));
                setting.text(&scenario)
            };
            [1, 2, 300, 800, 16 * unit.scale()].map(text).to_vec()
        }
        (_, Control::Decimal { min, max, .. }) => vec![min.to_string(), max.min(2.5).to_string()],
        (_, Control::Text) => panic!("{} has no samples", setting.key),
    }
}

#[test]
fn engines_read_what_the_table_says() {
    let mut wrong = Vec::new();
    for setting in SETTINGS {
        if matches!(setting.group, Group::Own | Group::Table | Group::Filter) {
            continue;
        }
        for engine in Engine::ALL {
            let mut changes = questions(*engine, setting.key).into_iter().map(|question| {
                let before = answers(&question);
                samples(setting).iter().any(|text| {
                    let mut asked = question.clone();
                    setting.set(&mut asked, text).unwrap();
                    let after = answers(&asked);
                    // What an engine refuses it does not read.
                    before.is_some() && after.is_some() && before != after
                })
            });
            let reads = changes.any(|changes| changes);
            if reads != setting.is_read_by(*engine) {
                wrong.push(format!("{}: {engine} {reads}", setting.key));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn what_holds_while_a_setting_is_not_set_is_what_its_value_gives() {
    // How a program is started says what was set.
    let answer = |scenario: &Scenario| {
        let mut cells = cells(scenario);
        cells.iter_mut().for_each(|cell| {
            cell.flags.clear();
            cell.command.clear();
        });
        cells
    };
    let mut tried = 0;
    for setting in SETTINGS {
        let Some(Unset::Value(value)) = setting.unset() else { continue };
        for engine in Engine::ALL.iter().filter(|engine| setting.is_read_by(**engine)) {
            for question in questions(*engine, setting.key) {
                let mut asked = question.clone();
                setting.set(&mut asked, value).unwrap();
                assert!(asked != question);
                assert_eq!(answer(&asked), answer(&question), "{}={value}: {engine}", setting.key);
                tried += 1;
            }
        }
    }
    assert!(tried > 50);
}
