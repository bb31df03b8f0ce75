//! What is fed with bytes that nobody wrote: links, questions, pastes and files.
//!
//! `cargo fuzz run NAME` runs one of [`TARGETS`] under libFuzzer; `tests/laws` runs them all for a
//! bounded time, on the same corpus.

use std::sync::LazyLock;

use headroom::ask::{ask as asked, pasted_machine};
use headroom::catalog::Catalog;
use headroom::estimate;
use headroom::import::{FIRST, HubFiles, MOST_READ, Repository, Step, combine, read};
use headroom::memory_log::MemoryLog;
use headroom::report::Cell;
use headroom::scenario::{Engine, Scenario};
use headroom::speed::paste::parse;

/// A target: its name, which is that of its folder in the corpus, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// The targets.
pub const TARGETS: &[Target] = &[
    ("query", query),
    ("answer", answer),
    ("paste", paste),
    ("gguf", gguf),
    ("safetensors", safetensors),
    ("config", config),
    ("hub", hub),
    ("ask", ask),
];

/// Largest number of cells that are answered of a question: more are answered alike.
const MOST_CELLS: usize = 4;

/// Reads a link, writes it, and reads it again: the same question.
pub fn query(bytes: &[u8]) {
    let (scenario, problems) = Scenario::from_query(&String::from_utf8_lossy(bytes));
    let written = scenario.to_query();
    let (again, _) = Scenario::from_query(&written);
    assert_eq!((&again, again.to_query()), (&scenario, written));
    for problem in problems {
        let is_kept = scenario.unused.iter().any(|(key, _)| *key == problem.field);
        assert!(is_kept, "{problem:?} is not kept");
    }
}

/// Answers a link.
pub fn answer(bytes: &[u8]) {
    let (mut scenario, problems) = Scenario::from_query(&String::from_utf8_lossy(bytes));
    scenario.models.truncate(1);
    scenario.machines.truncate(1);
    scenario.quants.truncate(MOST_CELLS / 2);
    scenario.engines.truncate(MOST_CELLS / 2);
    let report = match bytes.contains(&b':') {
        // What is described is forgotten with its catalogue.
        true => estimate::report(&Catalog::bundled().clone(), &scenario, problems),
        false => estimate::report(Catalog::bundled(), &scenario, problems),
    };
    assert!(report.cells.len() <= MOST_CELLS, "{}", report.cells.len());
}

/// Reads a benchmark's output, and as the log of an engine, which is set beside an answer.
pub fn paste(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(pasted) = parse(&text) {
        assert!(!pasted.readings.is_empty() && pasted.readings.iter().all(|r| r.is_accepted()));
    }
    if let Some(log) = MemoryLog::read(&text) {
        static CELL: LazyLock<Cell> = LazyLock::new(|| {
            let (scenario, _) = Scenario::from_query("model=qwen3-8b&hw=rtx-4090&quant=Q4_K_M");
            estimate::report(Catalog::bundled(), &scenario, Vec::new()).cells.remove(0)
        });
        assert!(log.beside(&CELL).iter().all(|line| line.ratio().is_none_or(f64::is_finite)));
    }
}

/// Reads the beginning of a GGUF file, and answers for its model.
pub fn gguf(bytes: &[u8]) {
    model("a-Q4_K_M.gguf", bytes);
}

/// Reads a safetensors header.
pub fn safetensors(bytes: &[u8]) {
    model("model.safetensors", bytes);
}

/// Reads a model's configuration, and answers for it.
pub fn config(bytes: &[u8]) {
    model("config.json", bytes);
}

/// Picks of a list of a repository's files; their addresses stay in it.
pub fn hub(bytes: &[u8]) {
    for named in ["owner/A-7B", "owner/A-7B:Q4_K_M", "owner/A-7B/blob/main/a-Q4_K_M.gguf"] {
        let repository = Repository::named(named).expect("it is a repository");
        match repository.files(bytes) {
            Ok(HubFiles::Files(files)) => {
                let start = "https://huggingface.co/owner/A-7B/resolve/main/";
                assert!(!files.is_empty() && files.iter().all(|file| file.url.starts_with(start)));
            }
            Ok(HubFiles::Options(options)) => {
                assert!(options.len() > 1);
                let again = options.iter().map(|option| Repository::named(&option.repository));
                assert!(again.flatten().all(|again| again.id == repository.id));
            }
            Err(error) => assert!(!error.accepted.is_empty(), "{error}"),
        }
    }
}

/// Reads free text: a question, a machine that a tool printed, a repository.
pub fn ask(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    pasted_machine(&text);
    _ = Repository::named(&text);
    asked(&text);
}

fn model(name: &str, bytes: &[u8]) {
    if let Some(id) = import(name, bytes) {
        // Bytes choose the engine, so that each is met and a finding comes back.
        let engine = Engine::ALL[bytes.len() % Engine::ALL.len()];
        described(id, engine);
    }
}

/// Reads a file as whoever holds it does; the id of the model in it, if there is one.
pub fn import(name: &str, bytes: &[u8]) -> Option<String> {
    // A header is followed by the tensors, whose bytes nobody reads.
    let size = if name.ends_with(".gguf") { 1 << 40 } else { bytes.len() as u64 };
    let mut beginning = bytes.to_vec();
    let mut length = 0;
    loop {
        let have = length.min(beginning.len());
        match read(name, &beginning[..have], size).ok()? {
            Step::Done(part) => {
                let parts = vec![(name.to_owned(), *part)];
                return Some(combine(Catalog::bundled(), parts).ok()?.custom.to_id());
            }
            Step::More(more) => {
                assert!(length < more && more <= MOST_READ, "{name}: {more} after {length}");
                length = more;
                // More than was damaged is zeros, as in a sparse file.
                beginning.resize(beginning.len().max(more.min(4 * FIRST)), 0);
                if more > beginning.len() {
                    return None;
                }
            }
        }
    }
}

/// Answers for a described model; whether it is one, and the number of cells.
pub fn described(id: String, engine: Engine) -> (bool, usize) {
    let catalog = Catalog::bundled().clone();
    let is_model = catalog.model(&id).is_some();
    let scenario =
        Scenario { models: vec![id], engines: vec![engine], context: 4096, ..Scenario::default() };
    (is_model, estimate::report(&catalog, &scenario, Vec::new()).cells.len())
}
