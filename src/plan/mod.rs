//! The plan for a cell that runs: how to get the model, start it, check it, keep it running and grow
//! it, in commands that run as they stand.
//!
//! [`PlanInput`] is the question of one cell with the figures that the plan speaks of; it is small and
//! can be handed to another program. [`Plan`] follows from it without another estimate, and
//! [`Document`] is the plan in the words of a language and a shell.

mod document;
mod engines;
mod export;
mod grow;
mod input;
mod keep;
mod made;
mod reasons;
mod words;

pub use document::{Document, DocumentSection, DocumentStep, quality_lines};
pub use export::{report_csv, report_json, report_markdown};
pub use input::{DeviceFigures, Figures, Growth, Larger, PlanInput};
pub use reasons::{Reason, reasons};

use crate::catalog::{Catalog, Model};
use crate::engine::{CheckpointSource, Command, Launch, Shell, TextFile, gguf_file};
use crate::quality;
use crate::quant::{Mix, Quant};
use crate::report::{Quality, Verdict};
use crate::scenario::{Engine, Scenario};
use engines::{Operations, operations};

/// The plan of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What fills the memory, what limits the speed, what gives first.
    pub why: Vec<Reason>,
    /// What the format and the cache type cost in quality.
    pub quality: Quality,
    /// The steps, stage by stage; a stage without steps is left out.
    pub stages: Vec<(Stage, Vec<PlanStep>)>,
}

/// A stage of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Download the model, or make the file.
    Get,
    /// Start it.
    Start,
    /// See whether it does what was computed.
    Check,
    /// Keep it running.
    Keep,
    /// Serve more.
    Grow,
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanStep {
    /// What it does.
    pub what: What,
    /// What is typed or written.
    pub body: Body,
}

/// What is typed or written in a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing.
    Nothing,
    /// Commands, one after the other.
    Commands(Vec<Command>),
    /// A file.
    File(TextFile),
}

/// What a step does. The words are in `words.rs`, in each language.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The engine downloads the published file when it starts.
    DownloadsItself(String),
    /// Download a published file or checkpoint.
    Download(String),
    /// Download the model as released.
    DownloadOriginal(String),
    /// Convert it to a GGUF file in 16 bits.
    Convert,
    /// Compute an importance matrix from a text of one's own.
    Imatrix,
    /// Quantise the GGUF file.
    Quantise,
    /// The script that quantises the checkpoint, with the library that it needs.
    QuantiseScript(&'static str),
    /// Run the script.
    RunScript,
    /// Convert where nobody has published it.
    ConvertUnlessPublished(String),
    /// Convert to the engine's own format.
    ConvertOwn,
    /// The model is of the reader's own files: what the commands call them.
    OwnFiles(String),
    /// The engine makes the format as it loads.
    MadeOnLoad,
    /// Import the file into the app.
    Import,
    /// Write this file first.
    Write(String),
    /// Start the server of all models; it goes on running.
    StartServer,
    /// Start; it answers at this port.
    Serve(u16),
    /// Load the model.
    Load,
    /// Settings that the app has no flag for.
    SetInApp(Vec<(&'static str, String)>),
    /// What each device is expected to hold.
    ExpectMemory(Vec<DeviceFigures>),
    /// Its log reports what it allocates, with this flag if it is not empty, and can be pasted into the
    /// page.
    LogsMemory(&'static str),
    /// What is expected of the speed.
    ExpectSpeed,
    /// Measure; the output can be pasted into the page.
    MeasureAndPaste,
    /// Measure; the tokens a second are typed into the page.
    Measure,
    /// A unit of systemd.
    SystemdUnit(String),
    /// Enable the unit.
    SystemdEnable,
    /// A file for docker compose.
    Compose,
    /// Start the containers.
    ComposeUp,
    /// So many devices instead.
    MoreDevices(Larger),
    /// It is started as before.
    SameCommands,
    /// So many machines that share the model.
    MoreNodes(Larger),
    /// On the first machine.
    FirstNode,
    /// On each of the others.
    OtherNodes,
    /// The same in Kubernetes.
    LeaderWorkerSet,
    /// The same as a graph of Dynamo in Kubernetes.
    DynamoGraph,
    /// Start what the file describes, and reach it at this port.
    Apply(u16),
    /// Copies behind a router: how many, and tokens a second for all users together.
    Replicas(u32, Option<f64>),
    /// A router of the engine's own kind, started by commands.
    EngineRouter(&'static str),
    /// The router's configuration.
    Router(&'static str),
}

impl PlanStep {
    fn says(what: What) -> PlanStep {
        PlanStep { what, body: Body::Nothing }
    }

    fn run(what: What, commands: impl Into<Vec<Command>>) -> PlanStep {
        PlanStep { what, body: Body::Commands(commands.into()) }
    }

    fn write(what: What, name: impl Into<String>, text: String) -> PlanStep {
        PlanStep { what, body: Body::File(TextFile { name: name.into(), text }) }
    }

    fn file(file: &TextFile) -> PlanStep {
        PlanStep::write(What::Write(file.name.clone()), &file.name, file.text.clone())
    }
}

/// A cell that a plan is made for.
struct Answered<'a> {
    input: &'a PlanInput,
    scenario: Scenario,
    model: &'a Model,
    launch: &'a Launch,
}

impl<'a> Answered<'a> {
    fn new(catalog: &'a Catalog, input: &'a PlanInput) -> Option<Answered<'a>> {
        let (scenario, _) = Scenario::from_query(&input.query);
        let model = catalog.model(&input.figures.model)?;
        Some(Answered { input, scenario, model, launch: &input.figures.launch })
    }

    fn figures(&self) -> &'a Figures {
        &self.input.figures
    }

    fn checkpoint(&self) -> CheckpointSource {
        let Figures { engine, quant, .. } = self.figures();
        CheckpointSource::new(*engine, self.model, *quant)
    }

    /// Whether all devices are by `vendor`; a processor alone is by nobody.
    fn is_by(&self, vendor: &str) -> bool {
        let devices = &self.figures().devices;
        !devices.is_empty() && devices.iter().all(|device| device.vendor == vendor)
    }
}

impl Plan {
    /// Returns the plan for the cell of `input`; `None` if it does not run or its model is not in
    /// `catalog`.
    pub fn new(catalog: &Catalog, input: &PlanInput) -> Option<Plan> {
        if input.figures.verdict == Verdict::No {
            return None;
        }
        let a = Answered::new(catalog, input)?;
        let Figures { engine, quant, size, bits_per_weight, .. } = &input.figures;
        let engine: &dyn Operations = operations(*engine);
        let stages = [
            (Stage::Get, get(engine, &a)),
            (Stage::Start, engine.start(&a)),
            (Stage::Check, check(engine, &a)),
            (Stage::Keep, keep::steps(engine, &a)),
            (Stage::Grow, grow::steps(catalog, engine, &a)),
        ];
        Some(Plan {
            why: reasons(&input.figures),
            quality: Quality {
                weights: quality::of_weights(a.model, *size, *quant, *bits_per_weight),
                cache: quality::of_cache(a.model, input.figures.engine, a.scenario.kv),
            },
            stages: stages.into_iter().filter(|(_, steps)| !steps.is_empty()).collect(),
        })
    }

    /// All commands of the plan.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        let steps = self.stages.iter().flat_map(|(_, steps)| steps);
        steps.flat_map(|step| match &step.body {
            Body::Commands(commands) => commands.as_slice(),
            Body::Nothing | Body::File(_) => &[],
        })
    }

    /// All files of the plan.
    pub fn files(&self) -> impl Iterator<Item = &TextFile> {
        let steps = self.stages.iter().flat_map(|(_, steps)| steps);
        steps.filter_map(|step| match &step.body {
            Body::File(file) => Some(file),
            Body::Nothing | Body::Commands(_) => None,
        })
    }
}

/// How to get what is loaded; of a model that was read from files, what they are to be called.
fn get(engine: &dyn Operations, a: &Answered<'_>) -> Vec<PlanStep> {
    let steps = engine.get(a);
    let is_from_files = a.model.own().is_some() && !a.model.hf_id.contains('/');
    if !is_from_files {
        return steps;
    }
    let is_there = |step: &PlanStep| {
        let gets = What::DownloadOriginal(a.model.hf_id.clone());
        step.what == gets || matches!(step.what, What::Download(_) | What::Convert)
    };
    let (_, mut left): (Vec<_>, Vec<_>) = steps.into_iter().partition(is_there);
    let quant = match left.iter().any(|step| step.what == What::Quantise) {
        true => Quant::Gguf(Mix::BF16),
        false => a.figures().quant,
    };
    let name = match a.figures().engine.rules_engine() == Engine::LlamaCpp {
        true => gguf_file(a.model, quant),
        false => a.checkpoint().folder().to_owned(),
    };
    left.insert(0, PlanStep::says(What::OwnFiles(name)));
    left
}

/// What to expect, and how to measure it.
fn check(engine: &dyn Operations, a: &Answered<'_>) -> Vec<PlanStep> {
    let figures = a.figures();
    let mut steps = vec![PlanStep::says(What::ExpectMemory(figures.devices.clone()))];
    steps.extend(engine.memory_log_flag().map(|flag| PlanStep::says(What::LogsMemory(flag))));
    if figures.decode_tps.is_some() {
        steps.push(PlanStep::says(What::ExpectSpeed));
    }
    steps.extend(engine.check(a));
    steps
}

/// The shell of that name.
pub fn shell(name: &str) -> Option<Shell> {
    match name {
        "bash" => Some(Shell::Bash),
        "powershell" => Some(Shell::PowerShell),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate;
    use crate::scenario::{Lang, Selected};
    use crate::units::Bytes;

    const FIRST: Selected = Selected { model: 0, machine: 0, quant: 0, engine: 0 };

    fn input(query: &str) -> PlanInput {
        let (scenario, problems) = Scenario::from_query(query);
        assert_eq!(problems, [], "{query}");
        PlanInput::new(Catalog::bundled(), &scenario, FIRST).unwrap_or_else(|| panic!("{query}"))
    }

    fn document(query: &str, lang: Lang, shell: Shell) -> Document {
        Document::new(Catalog::bundled(), &input(query), lang, shell).unwrap()
    }

    /// A question that runs under each engine.
    const RUNS: [&str; 11] = [
        "model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&ctx=16k",
        "model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&engine=ollama&kv=q8_0",
        "model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&engine=lmstudio&kv=q8_0",
        "model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&engine=koboldcpp&ctx=16k",
        "model=qwen3-8b&hw=h100-sxm&quant=FP8&engine=vllm&users=8",
        "model=qwen3-8b&hw=h100-sxm&quant=AWQ&engine=sglang&users=8",
        "model=qwen3-8b&hw=h100-sxm&quant=BF16&engine=tensorrt-llm&users=8&kv=fp8",
        "model=qwen3-8b&hw=apple-m4-max-40c@64&quant=MLX-4bit&engine=mlx&kv=q8_0",
        "model=qwen3-8b&hw=rtx-4090&quant=NF4&engine=transformers",
        "model=qwen3-8b&hw=rtx-4090&quant=EXL3-4.0bpw&engine=exllamav3&kv=q8_0",
        "model=qwen3-8b&hw=epyc-9654&quant=Q4_K_M",
    ];

    #[test]
    fn a_plan_of_each_engine_starts_and_measures_the_model() {
        for query in RUNS {
            let plan = Plan::new(Catalog::bundled(), &input(query)).unwrap();
            let stages: Vec<Stage> = plan.stages.iter().map(|(stage, _)| *stage).collect();
            assert!(stages.starts_with(&[Stage::Get, Stage::Start, Stage::Check]), "{query}");
            let text: String = plan.commands().map(|c| c.in_shell(Shell::Bash) + "\n").collect();
            let text = text + &plan.files().map(|file| file.text.as_str()).collect::<String>();
            assert!(text.to_ascii_lowercase().contains("qwen3-"), "{query}: {text}");
            let measures = plan.stages[2]
                .1
                .iter()
                .any(|step| matches!(step.what, What::Measure | What::MeasureAndPaste));
            assert!(measures, "{query}");
        }
    }

    #[test]
    fn what_is_pasted_is_of_a_tool_that_the_page_reads() {
        let tools = [
            "llama-bench",
            "llama-batched-bench",
            "vllm bench serve",
            "python -m sglang.benchmark.serving",
        ];
        for query in RUNS {
            let plan = Plan::new(Catalog::bundled(), &input(query)).unwrap();
            for step in plan.stages.iter().flat_map(|(_, steps)| steps) {
                let Body::Commands(commands) = &step.body else { continue };
                if step.what != What::MeasureAndPaste {
                    continue;
                }
                for command in commands {
                    let typed = command.in_shell(Shell::Bash);
                    assert!(tools.iter().any(|tool| typed.starts_with(tool)), "{typed}");
                }
            }
        }
    }

    #[test]
    fn what_is_measured_is_what_is_started() {
        for (query, wanted) in [
            (
                "model=qwen3-30b-a3b&hw=rtx-3060&quant=Q4_K_M&kv=q8_0&ctx=16k",
                "-ngl 49 --n-cpu-moe 21 -fa on -ctk q8_0 -ctv q8_0 -p 1024 -n 128 -d 0,15360",
            ),
            (
                "model=qwen3-30b-a3b&hw=rtx-3060&quant=Q4_K_M&kv=q8_0&ctx=16k&engine=ik_llama.cpp",
                "-ngl 49 --n-cpu-moe 21 -fa 1 -ctk q8_0 -ctv q8_0 -p 1024 -n 128",
            ),
            (
                "model=qwen3-8b&hw=rtx-4090&quant=Q4_K_M&backend=cpu&kv_offload=off&ctx=1k",
                "-dev none -fa on -nkvo 1 -p 512 -n 128 -d 0,512",
            ),
        ] {
            let plan = Plan::new(Catalog::bundled(), &input(query)).unwrap();
            let typed: Vec<String> = plan.commands().map(|c| c.in_shell(Shell::Bash)).collect();
            assert!(typed.iter().any(|line| line.ends_with(wanted)), "{wanted}: {typed:#?}");
        }
    }

    #[test]
    fn the_paragraph_adds_up_to_the_answer() {
        let (scenario, _) = Scenario::from_query("model=qwen3-32b&hw=rtx-4090&quant=Q8_0&ctx=32k");
        let (_, cell) = estimate::alone(Catalog::bundled(), &scenario, FIRST).unwrap();
        let input = PlanInput::new(Catalog::bundled(), &scenario, FIRST).unwrap();
        let why = reasons(&input.figures);
        let Reason::Filled { weights, cache, rest } = why[0] else { panic!("{why:?}") };
        assert_eq!(weights + cache + rest, cell.total_bytes.expected);
        assert_eq!((weights, cache), (cell.loaded_bytes, cell.kv_bytes));
        // It spills: that comes before what is free.
        assert_eq!(why[1], Reason::InRam(cell.ram_bytes()));
        assert!(cell.ram_bytes() > Bytes::gib(1));
        let tps = cell.speed.decode_tps.unwrap().expected;
        assert!(why.contains(&Reason::Limit(cell.speed.decode_limit.unwrap(), tps)), "{why:?}");
    }

    #[test]
    fn what_it_grows_to_is_the_answer_to_the_changed_question() {
        let input = input("model=deepseek-v3&hw=h200-sxm*8&quant=FP8-block&engine=vllm&users=64");
        assert!(input.larger.iter().any(|larger| larger.growth == Growth::Nodes(2)));
        for larger in &input.larger {
            let (scenario, problems) = Scenario::from_query(&larger.query);
            assert_eq!(problems, []);
            let (_, cell) = estimate::alone(Catalog::bundled(), &scenario, FIRST).unwrap();
            assert_eq!(Figures::new(Catalog::bundled(), &scenario, &cell), larger.figures);
        }
    }

    #[test]
    fn another_program_makes_the_same_plan_of_what_it_is_handed() {
        for query in RUNS {
            let input = input(query);
            let handed: PlanInput =
                serde_json::from_str(&serde_json::to_string(&input).unwrap()).unwrap();
            let of = |input| Document::new(Catalog::bundled(), input, Lang::En, Shell::Bash);
            assert_eq!(of(&handed), of(&input), "{query}");
        }
    }

    #[test]
    fn every_sentence_is_of_its_language() {
        let is_russian = |c: char| ('а'..='я').contains(&c);
        for query in RUNS {
            for (lang, wanted) in [(Lang::En, false), (Lang::Ru, true)] {
                let document = document(query, lang, Shell::Bash);
                let sections = document.sections.iter();
                let steps = sections.flat_map(|section| &section.steps).map(|step| &step.text);
                for text in steps.chain([&document.why]).chain(&document.quality) {
                    assert_eq!(
                        crate::letters::lowercase(text).contains(is_russian),
                        wanted,
                        "{text}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_does_not_apply_is_left_out() {
        let titles = |query, shell| {
            let sections = document(query, Lang::En, shell).sections;
            sections.into_iter().map(|section| section.title).collect::<Vec<_>>().join("; ")
        };
        let start = "Get the model; Start it; Check it";
        // One machine, one person: nothing to grow.
        assert_eq!(titles(RUNS[7], Shell::Bash), start);
        assert_eq!(titles(RUNS[0], Shell::Bash), format!("{start}; Keep it running; Grow"));
        assert_eq!(titles(RUNS[0], Shell::PowerShell), format!("{start}; Grow"));
        let (scenario, _) =
            Scenario::from_query("model=deepseek-v3&hw=rtx-3060&engine=vllm&quant=AWQ");
        let input = PlanInput::new(Catalog::bundled(), &scenario, FIRST).unwrap();
        assert_eq!(Plan::new(Catalog::bundled(), &input), None);
    }

    #[test]
    fn a_format_that_nobody_published_is_made() {
        let of = |query| {
            let text = document(query, Lang::En, Shell::Bash).markdown();
            move |line: &str| assert!(text.contains(line), "{line}: {text}")
        };
        let has = of("model=llama-3.1-8b-instruct&hw=rtx-4090&quant=IQ2_XXS&ctx=8k");
        has("--outfile Llama-3.1-8B-Instruct-BF16.gguf --outtype bf16");
        has("llama-imatrix -m Llama-3.1-8B-Instruct-BF16.gguf");
        has("llama-quantize --imatrix imatrix.gguf");
        let has = of("model=qwen3-8b&hw=h100-sxm&quant=NVFP4&engine=vllm");
        has("scheme=\"NVFP4\"");
        has("vllm serve Qwen3-8B-NVFP4 ");
        let has = of("model=qwen3-8b&hw=rtx-4090&quant=EXL3-4.0bpw&engine=exllamav3&kv=q8_0");
        has("python convert.py -i Qwen3-8B -o models/Qwen3-8B-EXL3-4.0bpw -w work -b 4.0");
        has("cache_mode: 8,8");
        let has = of("model=qwen3.8-27b&hw=rtx-4090&quant=UD-Q4_K_XL&engine=koboldcpp&ctx=8k");
        has("hf download unsloth/Qwen3.8-27B-GGUF --include");
    }

    #[test]
    fn a_model_of_ones_own_files_is_not_downloaded() {
        let id = "custom:1:name.Tiny-Llama:head_dim.64:hidden_size.256:intermediate_size.512:\
                  max_position_embeddings.4096:model_type.llama:num_attention_heads.4:\
                  num_hidden_layers.4:num_key_value_heads.2:vocab_size.259";
        let query = format!("model={id}&hw=epyc-9654&quant=F16&ctx=4096");
        let plan = Plan::new(Catalog::bundled(), &input(&query)).unwrap();
        let says = |what| PlanStep { what, body: Body::Nothing };
        let own = says(What::OwnFiles("Tiny-Llama-F16.gguf".to_owned()));
        assert_eq!(plan.stages[0], (Stage::Get, vec![own]));
        let started = plan.commands().next().unwrap().in_shell(Shell::Bash);
        assert_eq!(started, "llama-server -m Tiny-Llama-F16.gguf -c 4096 -np 1 -fa on");
    }

    #[test]
    fn ollama_is_told_by_environment_and_modelfile() {
        let input = input("model=qwen3-32b&hw=rtx-4090&quant=Q8_0&engine=ollama");
        assert_eq!(input.figures.engine, Engine::Ollama);
        let plan = Plan::new(Catalog::bundled(), &input).unwrap();
        let file = plan.files().find(|file| file.name == "Modelfile").unwrap();
        assert!(file.text.contains("\nPARAMETER num_gpu "), "{}", file.text);
        let server = plan.commands().find(|command| command.words == ["ollama", "serve"]).unwrap();
        assert!(server.environment.contains(&("OLLAMA_NUM_PARALLEL".to_owned(), "1".to_owned())));
    }

    #[test]
    fn ollama_is_told_to_use_a_gpu_that_it_leaves_aside() {
        let allows = |hardware: &str| {
            let query = format!("model=qwen3-8b&hw={hardware}&quant=Q4_K_M&engine=ollama");
            let plan = Plan::new(Catalog::bundled(), &input(&query)).unwrap();
            plan.commands().any(|command| {
                command.environment.iter().any(|(name, _)| name == "OLLAMA_IGPU_ENABLE")
            })
        };
        for (hardware, asked) in [
            ("radeon-780m&backend=rocm", true),
            ("radeon-780m&backend=vulkan", true),
            ("arc-140v&backend=vulkan", true),
            ("strix-halo-395", false),
            ("strix-halo-395&backend=vulkan", true),
            ("rtx-4090", false),
            // It is not used.
            ("radeon-780m", false),
        ] {
            assert_eq!(allows(hardware), asked, "{hardware}");
        }
        assert!(!allows("radeon-780m&backend=cpu"));
    }
}
