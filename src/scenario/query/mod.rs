//! The query-string notation of a [`Scenario`]: a pair for each setting that is not at its default,
//! `ctx=32768&users=4`. The README lists the keys.
//!
//! `,` separates list entries, `;` machines, `*N` is a count and `@N` a memory size in GB. A list
//! key may be repeated; of a repeated single value the last usable one counts. Inside an entry
//! those characters are percent-encoded once more.

mod error;
mod read;
mod write;

pub use error::{ParseError, Problem, ProblemKind};
pub(super) use read::unescape_entry;
pub(super) use write::escape_entry;

use super::Scenario;

impl Scenario {
    /// The question in a query string (with or without a leading `?`). Whatever cannot be used is
    /// kept in [`Scenario::unused`] and reported; the rest still counts.
    pub fn from_query(query: &str) -> (Scenario, Vec<Problem>) {
        read::read(query)
    }

    /// The query string of this question. Defaults are left out.
    pub fn to_query(&self) -> String {
        write::write(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::quant::Quant;
    use crate::scenario::{
        CacheType, CacheTypes, Control, Display, Engine, ExpertParallel, Lang, Lora, LoraTargets,
        Offload, SETTINGS, Selected, SplitMode, System, TensorSplit, setting,
    };
    use crate::units::Bytes;

    fn parse(query: &str) -> Scenario {
        let (scenario, problems) = Scenario::from_query(query);
        assert_eq!(problems, [], "of {query:?}");
        scenario
    }

    fn problem(query: &str) -> Problem {
        let (scenario, problems) = Scenario::from_query(query);
        assert_eq!(problems.len(), 1, "of {query:?}: {problems:?}");
        assert_eq!(scenario.unused.len(), 1);
        problems[0].clone()
    }

    #[test]
    fn an_empty_query_is_the_first_visit() {
        assert_eq!(parse(""), Scenario::default());
        assert_eq!(parse("?"), Scenario::default());
        assert_eq!(Scenario::default().to_query(), "");
    }

    #[test]
    fn the_notation_reads_as_documented() {
        let s = parse(
            "?v=1&model=qwen2.5-72b-instruct,Qwen/Qwen3-32B&hw=rtx-4090*2,rtx-3090;m4-max@64\
             &quant=q8_0,Q4_K_M&ctx=32k&users=4&kv=q8_0&fa=off&ram=128GiB&offload=ngl:20\
             &reserve=1GiB&lang=ru&cell=1.0.1&logits=batch",
        );
        assert_eq!(s.models, ["qwen2.5-72b-instruct", "Qwen/Qwen3-32B"]);
        assert_eq!(s.machines.len(), 2);
        assert_eq!(s.machines[0].devices[0].count, 2);
        assert_eq!(s.machines[1].devices[0].memory_gb, Some(64));
        assert_eq!(
            s.quants,
            [Quant::Gguf(crate::quant::Mix::Q8_0), Quant::Gguf(crate::quant::Mix::Q4_K_M)]
        );
        assert_eq!(s.context, 32_768);
        assert_eq!(s.kv, CacheTypes::both(CacheType::Q8_0));
        assert!(!s.flash_attention);
        assert_eq!(s.ram, Bytes::gib(128));
        assert_eq!(s.offload, Offload::GpuLayers(20));
        assert_eq!(s.selected, Some(Selected { model: 1, machine: 0, quant: 1, engine: 0 }));
        assert_eq!(s.lang, Some(Lang::Ru));
    }

    #[test]
    fn links_stay_readable() {
        let mut s = Scenario { users: 4, ..Scenario::default() };
        s.machines[0].devices[0].id = "RTX 6000 BW".to_owned();
        s.machines[0].devices[0].count = 2;
        assert_eq!(s.to_query(), "hw=RTX%206000%20BW*2&users=4");
    }

    #[test]
    fn a_wrong_value_names_field_value_and_what_is_accepted() {
        let p = problem("ctx=lots");
        assert_eq!((p.field.as_str(), p.value.as_str()), ("ctx", "lots"));
        assert_eq!(p.reason, ProblemKind::Malformed);
        assert_eq!(p.accepted, "1..16777216");
        assert_eq!(problem("users=0").reason, ProblemKind::OutOfRange);
        assert_eq!(problem("users=99999999999999999999").reason, ProblemKind::OutOfRange);
        assert_eq!(problem("fa=maybe").accepted, "on, off");
        assert_eq!(problem("colour=red").reason, ProblemKind::UnknownKey);
        assert_eq!(problem("v=99").reason, ProblemKind::OutOfRange);
        assert!(problem("quant=Q9_Z").accepted.contains("Q4_K_M"));
        assert!(problem("ram=lots").accepted.contains("GiB"));
    }

    #[test]
    fn engines_and_their_settings_are_read() {
        let s =
            parse("engine=llama.cpp,VLLM&util=0.95&seqs=64&batched=8k&tp=2&cell=0.0.0.1&kv=fp8");
        assert_eq!(s.engines, [Engine::LlamaCpp, Engine::Vllm]);
        assert_eq!((s.gpu_memory_utilization, s.max_num_seqs), (Some(950), Some(64)));
        assert_eq!((s.max_num_batched_tokens, s.tensor_parallel), (Some(8192), Some(2)));
        assert_eq!(s.selected.map(|cell| cell.engine), Some(1));
        assert_eq!(s.kv, CacheTypes::both(CacheType::Fp8));
        assert_eq!(parse("vllm=0.11.2").vllm_release, Some(11));
        assert_eq!(problem("vllm=1.0").accepted, "0.6..0.33");
        assert_eq!(problem("vllm=0.99").reason, ProblemKind::OutOfRange);
        assert!(parse("eager=on").eager);
        assert_eq!(parse("util=90%").gpu_memory_utilization, Some(900));
        assert_eq!(parse("util=1").gpu_memory_utilization, Some(1000));
        assert_eq!(problem("util=0").accepted, "0.01..1");
        assert_eq!(problem("util=0").nearest.as_deref(), Some("0.01"));
        assert_eq!(problem("util=1.2").nearest.as_deref(), Some("1"));
        assert_eq!(problem("users=9999").nearest.as_deref(), Some("4096"));
        assert_eq!(problem("vllm=0.99").nearest.as_deref(), Some("0.33"));
        assert_eq!(problem("ram=99999TiB").nearest.as_deref(), Some("65536GiB"));
        assert_eq!(problem("offload=ngl:99999").nearest, None);
        assert_eq!(problem("util=1.2").reason, ProblemKind::OutOfRange);
        assert_eq!(problem("util=.9").reason, ProblemKind::Malformed);
        assert!(problem("engine=lama").accepted.contains("vllm"));
    }

    #[test]
    fn what_is_beside_the_model_is_read() {
        let s = parse("mmproj=Q8_0&lora=16*4&lora_on=attention&draft=Qwen/Qwen3-0.6B:q8_0&mtp=2");
        assert_eq!(s.addons.projector.name(), "q8_0");
        assert_eq!(s.addons.lora, Lora { rank: 16, count: 4 });
        assert_eq!(s.addons.lora_targets, LoraTargets::Attention);
        let draft = s.addons.draft.clone().unwrap();
        assert_eq!((draft.id.as_str(), draft.quant), ("Qwen/Qwen3-0.6B", Quant::parse("Q8_0")));
        assert_eq!(s.addons.mtp, 2);
        let s = parse("cache_ram=8GiB&checkpoints=32&accept=80%&display=linux&draft_n=5&draft=");
        assert_eq!((s.addons.prompt_cache, s.addons.checkpoints), (Bytes::gib(8), 32));
        assert_eq!((s.addons.acceptance, s.addons.display), (800, Display::Linux));
        assert_eq!((s.addons.draft_tokens, s.addons.draft), (5, None));
        assert!(problem("draft=qwen3-0.6b:Q9").accepted.contains("Q4_K_M"));
        assert_eq!(problem("lora=4096").accepted, "0..1024");
        assert_eq!(problem("mmproj=yes").accepted, "auto, off, f16, bf16, q8_0, f32");
    }

    #[test]
    fn a_wrong_value_leaves_the_rest_and_stays_in_the_link() {
        let (s, problems) = Scenario::from_query("ctx=lots&users=3&quant=Q8_0,Q9_Z&new=1");
        assert_eq!(problems.len(), 3);
        assert_eq!((s.users, s.context), (3, Scenario::default().context));
        assert_eq!(s.quants.len(), 1);
        assert_eq!(Scenario::from_query(&s.to_query()), (s, problems));
    }

    #[test]
    fn a_wrong_value_that_is_repeated_is_one_problem() {
        let (s, problems) = Scenario::from_query("a=b&users=0&a=b&users=0&a=c");
        assert_eq!((s.unused.len(), problems.len()), (3, 3));
        assert_eq!(s.to_query(), "a=b&users=0&a=c");
    }

    #[test]
    fn the_split_between_devices_is_read() {
        let s = parse("split=pipeline&ts=0.6/0.4&mg=1&batch=4k&pp=2&dp=4&ep=on");
        assert_eq!(s.parallel.split, SplitMode::Layer);
        assert_eq!(s.parallel.tensor_split, Some(TensorSplit(vec![600, 400])));
        assert_eq!((s.parallel.main_gpu, s.parallel.logical_batch()), (1, 4096));
        assert_eq!((s.parallel.pipeline, s.parallel.data), (Some(2), Some(4)));
        assert_eq!(s.to_query(), "split=layer&ts=0.6,0.4&mg=1&batch=4096&pp=2&dp=4&ep=on");
        assert_eq!(parse("ep=8").parallel.expert, ExpertParallel::Ranks(8));
        assert_eq!(parse("ts=").parallel.tensor_split, None);
        assert_eq!(parse("ts=3,1").to_query(), "ts=3,1");
        for wrong in ["ts=a,b", "ts=3,,1", "ts=-1", "ts=1e9", "ts=50%"] {
            assert_eq!(problem(wrong).accepted, "3,1");
        }
        assert_eq!(problem("pp=0").nearest.as_deref(), Some("1"));
        assert_eq!(problem("split=rows").accepted, "auto, layer, row, tensor, none");
    }

    #[test]
    fn the_rules_of_unified_memory_are_read() {
        let s = parse("os=macos-26&wired=110GiB&uma=512MiB");
        assert_eq!(s.platform.system, Some(System::Macos26));
        assert_eq!(s.platform.limit, Some(Bytes::gib(110)));
        assert_eq!(s.platform.carve_out, Some(Bytes::mib(512)));
        assert_eq!(s.to_query(), "os=macos-26&wired=110GiB&uma=512MiB");
    }

    #[test]
    fn an_8_bit_cache_remembers_how_it_was_asked_for() {
        assert_eq!(parse("kv=FP8").to_query(), "kv=fp8");
        assert_eq!(parse("kv=fp8&kv=q8_0").to_query(), "kv=q8_0");
    }

    #[test]
    fn money_is_read_in_the_reader_s_currency() {
        let s = parse("cur=eur&rate=0.92&price=2000&kwh=0.31&duty=35%&idle=0");
        assert_eq!(s.money.currency.code(), "EUR");
        assert_eq!(s.money.price, Some(2000.0));
        assert_eq!((s.money.duty, s.money.idle), (Some(0.35), Some(0.0)));
        assert_eq!((s.money.rent, s.money.rate()), (None, Some(0.92)));
        assert_eq!(s.to_query(), "cur=EUR&price=2000&kwh=0.31&duty=0.35&idle=0&rate=0.92");

        let wrong = problem("pue=0.5");
        assert_eq!((wrong.reason, wrong.accepted.as_str()), (ProblemKind::OutOfRange, "1..5"));
        assert_eq!(problem("rent=-1").reason, ProblemKind::Malformed);
        assert_eq!(problem("cur=EURO").accepted, "a code of three letters, such as EUR");
    }

    #[test]
    fn an_empty_list_is_not_the_default_list() {
        assert_eq!(parse("model=").models, Vec::<String>::new());
        assert_eq!(parse("quant=&hw=").machines, []);
        assert_eq!(parse("quant=&hw=").to_query(), "hw=*&quant=*");
    }

    /// Questions with any value of any setting, and pairs that could not be used.
    fn scenario() -> BoxedStrategy<Scenario> {
        let unused = proptest::collection::btree_set(("x-\\PC{0,6}", "\\PC{0,8}"), 0..3);
        let with = |unused| Scenario { unused, ..Scenario::default() };
        let base = unused.prop_map(move |unused| with(Vec::from_iter(unused))).boxed();
        let any = SETTINGS.iter().fold(base, |base, setting| setting.vary(base));
        // Columns that are rows as well are a question of their own: see view.rs.
        any.prop_map(|mut scenario| {
            _ = scenario.drop_unfit_columns();
            scenario
        })
        .boxed()
    }

    #[test]
    fn every_setting_survives_its_link_by_itself() {
        for setting in SETTINGS {
            let any = setting.vary(Just(Scenario::default()).boxed());
            let survives = |scenario: Scenario| {
                let query = scenario.to_query();
                let written = scenario != Scenario::default();
                prop_assert_eq!(query.starts_with(&format!("{}=", setting.key)), written);
                prop_assert_eq!(Scenario::from_query(&query), (scenario, Vec::new()));
                Ok(())
            };
            TestRunner::default().run(&any, survives).unwrap();
        }
    }

    #[test]
    fn bounds_are_accepted_and_nothing_beyond() {
        let mut numbers = 0;
        for setting in SETTINGS {
            let Control::Number(bounds, _) = setting.control() else { continue };
            numbers += 1;
            let text = |number| {
                let mut scenario = Scenario::default();
                setting.set_number(&mut scenario, number);
                setting.text(&scenario)
            };
            for end in [bounds.min, bounds.max] {
                let mut scenario = Scenario::default();
                assert_eq!(setting.set(&mut scenario, &text(end)), Ok(()), "{}", setting.key);
                assert_eq!(setting.number(&scenario), Some(end), "{}", setting.key);
            }
            for beyond in [bounds.min.checked_sub(1), Some(bounds.max + 1)].into_iter().flatten() {
                let mut scenario = Scenario::default();
                let error = setting.set(&mut scenario, &text(beyond)).unwrap_err();
                assert_eq!(error.reason, ProblemKind::OutOfRange, "{}={beyond}", setting.key);
                assert_eq!(error.accepted, setting.accepted(), "{}={beyond}", setting.key);
                assert_eq!(scenario, Scenario::default());
                if let Some(nearest) = error.nearest {
                    assert_eq!(setting.set(&mut scenario, &nearest), Ok(()), "{}", setting.key);
                }
            }
        }
        assert!(numbers > 20, "the numbers of the table");
    }

    #[test]
    fn every_error_names_key_value_and_what_is_accepted() {
        // Any text is the id of a model.
        for setting in SETTINGS.iter().filter(|setting| setting.key != "model") {
            let value = "\u{2234}*nonsense:?";
            let query = format!("{}={value}", setting.key);
            let (scenario, problems) = Scenario::from_query(&query);
            let [problem] = problems.as_slice() else { panic!("{query}: {problems:?}") };
            assert_eq!((problem.field.as_str(), problem.value.as_str()), (setting.key, value));
            assert_eq!(problem.reason, ProblemKind::Malformed, "{query}");
            assert!(!problem.accepted.is_empty(), "{query}");
            match setting.control() {
                Control::Text => {}
                _ => assert_eq!(problem.accepted, setting.accepted(), "{query}"),
            }
            assert_eq!(Scenario::from_query(&scenario.to_query()), (scenario, problems), "kept");
        }
    }

    #[test]
    fn an_unknown_key_is_answered_with_all_keys() {
        let accepted = problem("colour=red").accepted;
        let keys: Vec<&str> = accepted.split(", ").collect();
        assert_eq!(keys[0], "v");
        assert_eq!(keys[1..], SETTINGS.iter().map(|setting| setting.key).collect::<Vec<_>>());
        for key in &keys[1..] {
            assert_eq!(keys.iter().filter(|other| *other == key).count(), 1, "{key}");
            assert_eq!(setting(key).map(|setting| setting.key), Some(*key));
        }
    }

    proptest! {
        #[test]
        fn a_scenario_survives_its_query(scenario in scenario()) {
            let (back, problems) = Scenario::from_query(&scenario.to_query());
            prop_assert_eq!(problems.len(), scenario.unused.len());
            prop_assert_eq!(back, scenario);
        }

        #[test]
        fn no_string_makes_the_parser_panic(text in "\\PC{0,64}") {
            let _ = Scenario::from_query(&text);
        }

        #[test]
        fn no_value_makes_the_parser_panic(
            key in proptest::sample::select(read::keys().collect::<Vec<_>>()),
            value in "[\\PC]{0,24}|[0-9kKmM*@,;:.%GiB -]{0,24}",
        ) {
            let (s, _) = Scenario::from_query(&format!("{key}={value}"));
            // What was read is written and read again the same, however odd it was.
            let query = s.to_query();
            let (again, _) = Scenario::from_query(&query);
            prop_assert_eq!(again.to_query(), query);
        }
    }
}
