//! Questions drawn at random: each key of the table of settings with any value of its form, and now
//! and then with one that is of no form.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fmt;

use headroom::catalog::{Catalog, Custom, DeviceKind};
use headroom::engine::loads_format;
use headroom::estimate;
use headroom::quant::Quant;
use headroom::report::{Cell, Report};
use headroom::scenario::{Bounds, Control, Engine, Group, SETTINGS, Scenario, Setting};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A link's pairs, and their answer once it was asked for.
#[derive(Clone, Debug, Default)]
pub struct Question {
    pairs: Vec<(String, String)>,
    answer: OnceCell<Report>,
}

impl Question {
    /// A question of these pairs.
    pub fn new(pairs: Vec<(String, String)>) -> Question {
        Question { pairs, answer: OnceCell::new() }
    }

    /// The same question with other values for some keys, or with keys that it lacks.
    pub fn with(&self, pairs: &[(&str, &dyn fmt::Display)]) -> Question {
        let kept = self.pairs.iter().filter(|(key, _)| pairs.iter().all(|(other, _)| key != other));
        let new = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.to_string()));
        Question::new(kept.cloned().chain(new).collect())
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// The link's query.
    pub fn query(&self) -> String {
        let escaped = |text: &str| {
            text.replace('%', "%25").replace('&', "%26").replace('#', "%23").replace('+', "%2B")
        };
        let pairs = self.pairs.iter().map(|(key, value)| format!("{key}={}", escaped(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// The scenario that the query is read as.
    pub fn scenario(&self) -> Scenario {
        Scenario::from_query(&self.query()).0
    }

    /// The answer.
    pub fn report(&self) -> &Report {
        self.answer.get_or_init(|| {
            let (scenario, problems) = Scenario::from_query(&self.query());
            estimate::report(Catalog::bundled(), &scenario, problems)
        })
    }

    /// The cells of the answer.
    pub fn cells(&self) -> &[Cell] {
        &self.report().cells
    }

    /// The only cell of the answer; `None` where there are none or several.
    pub fn cell(&self) -> Option<&Cell> {
        match self.cells() {
            [cell] => Some(cell),
            _ => None,
        }
    }

    /// The questions without one of the pairs.
    pub fn shorter(&self) -> impl Iterator<Item = Question> {
        (4..self.pairs.len()).rev().map(|without| {
            let mut pairs = self.pairs.clone();
            pairs.remove(without);
            Question::new(pairs)
        })
    }
}

/// Draws a question by `seed` and `number`.
pub fn drawn(seed: u64, number: u64) -> Question {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    any_question().new_tree(&mut runner).unwrap().current()
}

/// Any question: a model, a machine, a quantisation and an engine that mostly go together, and up
/// to eight settings.
pub fn any_question() -> impl Strategy<Value = Question> {
    let settings: Vec<&'static Setting> =
        SETTINGS.iter().filter(|setting| !matches!(setting.group, Group::Own)).collect();
    let setting = (0..settings.len()).prop_flat_map(move |at| {
        let setting = settings[at];
        let value = prop_oneof![24 => any_value(setting), 1 => any_rubbish()];
        value.prop_map(|value| (setting.key.to_owned(), value))
    });
    let settings = proptest::collection::vec(setting, 0..8);
    let load = (any_context(), prop_oneof![3 => Just(1u64), 2 => 1u64..16, 1 => 1u64..=4096]);
    (any_cell(), load, settings).prop_map(|(cell, (context, users), settings)| {
        let [model, hw, quant, engine] = cell;
        let cell = [("model", model), ("hw", hw), ("quant", quant), ("engine", engine)];
        let load = [("ctx", context.to_string()), ("users", users.to_string())];
        let pairs = cell.into_iter().chain(load).map(|(key, value)| (key.to_owned(), value));
        Question::new(pairs.chain(settings).collect())
    })
}

fn any_context() -> impl Strategy<Value = u64> {
    prop_oneof![
        select(vec![512, 4096, 8192, 16_384, 32_768, 65_536, 131_072, 1_048_576]),
        1u64..300_000,
        1u64..5_000,
    ]
}

/// The values of `model`, `hw`, `quant` and `engine`.
fn any_cell() -> impl Strategy<Value = [String; 4]> {
    let engine = prop_oneof![
        2 => Just(Engine::LlamaCpp),
        3 => select(Engine::ALL.to_vec()),
    ];
    let model = prop_oneof![12 => any_id(&models()), 1 => any_description()];
    (model, any_machine(), engine).prop_flat_map(|(model, hw, engine)| {
        let loaded: Vec<Quant> =
            Quant::all().filter(|quant| loads_format(engine, *quant)).collect();
        let quant =
            prop_oneof![24 => select(loaded), 1 => select(Quant::all().collect::<Vec<_>>())];
        quant.prop_map(move |quant| {
            [model.clone(), hw.clone(), quant.to_string(), engine.to_string()]
        })
    })
}

/// A model that is not in the catalogue.
fn any_description() -> impl Strategy<Value = String> {
    let sizes = &["size:0.5B", "size:8B", "size:72B", "size:30B-A3B", "size:235B-A22B", "size:1T"];
    let custom = any_id(&models()).prop_map(|id| {
        let model = Catalog::bundled().model(&id).expect("it is in the catalogue");
        let (name, config) = (model.hf_id.clone(), model.config().clone());
        Custom { name, config, ..Custom::default() }.to_id()
    });
    prop_oneof![any_id(sizes), custom]
}

fn models() -> Vec<&'static str> {
    Catalog::bundled().models.iter().map(|model| model.id.as_str()).collect()
}

fn any_id(ids: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    select(ids.to_vec()).prop_map(str::to_owned)
}

/// One device, several alike, or a few kinds together.
fn any_machine() -> impl Strategy<Value = String> {
    // Hosts with the same memory answer alike: one of them, or every third question is about a CPU.
    let mut hosts = BTreeSet::new();
    let devices = Catalog::bundled().devices.iter().filter(|device| {
        let rate = device.bandwidth_gb_s.map(f64::to_bits);
        device.kind != DeviceKind::Cpu || hosts.insert((rate, device.memory_gb.map(f64::to_bits)))
    });
    let devices: Vec<&str> = devices.map(|device| device.id.as_str()).collect();
    let entry = move || {
        let count = prop_oneof![4 => Just(1u64), 3 => 2u64..9, 1 => 1..=Bounds::DEVICES.max];
        (any_id(&devices), count).prop_map(|(id, count)| match count {
            1 => id,
            _ => format!("{id}*{count}"),
        })
    };
    let kinds = prop_oneof![6 => Just(1usize), 1 => 2usize..4];
    kinds.prop_flat_map(move |kinds| {
        proptest::collection::vec(entry(), kinds).prop_map(|entries| entries.join(","))
    })
}

/// Any value of a setting, as a link writes it.
pub fn any_value(setting: &'static Setting) -> BoxedStrategy<String> {
    let text = move |number| {
        let mut scenario = Scenario::default();
        setting.set_number(&mut scenario, number);
        setting.text(&scenario)
    };
    let layers = || prop_oneof![4 => 0..100u64, 1 => 0..=Bounds::LAYERS.max];
    let words = |words: &[&'static str]| any_id(words).boxed();
    match (setting.control(), setting.key) {
        (Control::Switch, _) => (0..2u64).prop_map(text).boxed(),
        (Control::Choice(choices), _) => words(&choices),
        (Control::Number(Bounds { min, max }, _), _) => {
            let small = min..=max.min(min.saturating_add(64));
            prop_oneof![2 => small, 2 => min..=max, 1 => Just(min), 1 => Just(max)]
                .prop_map(text)
                .boxed()
        }
        (Control::Decimal { min, max, .. }, _) => {
            prop_oneof![min..=max, min..=max.min(min + 10.0)].prop_map(|n| n.to_string()).boxed()
        }
        (Control::Text, "offload") => prop_oneof![
            words(&["auto", "none", "experts"]),
            layers().prop_map(|n| format!("ngl:{n}")),
            layers().prop_map(|n| format!("experts:{n}")),
        ]
        .boxed(),
        (Control::Text, "kv") => {
            let ty = || {
                words(&[
                    "f16", "bf16", "f32", "q8_0", "q6_0", "q5_1", "q4_0", "iq4_nl", "fp8",
                    "turbo3", "nvfp4", "auto",
                ])
            };
            prop_oneof![ty(), (ty(), ty()).prop_map(|(k, v)| format!("{k},{v}"))].boxed()
        }
        (Control::Text, "ram_speed") => words(&["25.6", "2*5600", "12*4800", "900"]),
        (Control::Text, "ts") => {
            let part = (0..5u32).prop_map(|part| part.to_string());
            proptest::collection::vec(part, 1..5).prop_map(|parts| parts.join(",")).boxed()
        }
        (Control::Text, "ep") => words(&["on", "off", "2", "4", "8"]),
        (Control::Text, "cur") => words(&["USD", "EUR", "RUB"]),
        (Control::Text, "lora") => (0..=Bounds::LORA_RANK.max, 1..=Bounds::LORA_COUNT.max)
            .prop_map(|(rank, count)| format!("{rank}*{count}"))
            .boxed(),
        (Control::Text, "lora_on") => words(&["attention", "linear", "experts"]),
        (Control::Text, "mmproj") => words(&["auto", "off", "f16", "q8_0"]),
        (Control::Text, "draft") => {
            prop_oneof![any_id(&models()), words(&["ngram", "eagle3", "dflash"])].boxed()
        }
        (Control::Text, "rows" | "cols") => words(&["model", "hardware,engine", "quant"]),
        (Control::Text, "cell") => words(&["0.0.0", "0.0.0.0"]),
        (Control::Text, "size" | "memory") => words(&["7-40", "-14", "70-"]),
        (Control::Text, "since") => words(&["2025", "2026-03"]),
        (Control::Text, "family" | "license" | "vendor") => words(&["qwen", "apache", "nvidia"]),
        (Control::Text, "view") => words(&["accuracy", "accuracy,speed"]),
        (Control::Text, key) => panic!("{key} has no values here"),
    }
}

/// What no setting accepts, or nearly none.
fn any_rubbish() -> impl Strategy<Value = String> {
    let typed: &[&str] = &["", "-1", "0", "99999999999999999999", "1e400", "NaN", "%", "а", "auto"];
    prop_oneof![any_id(typed), any::<String>()]
}
