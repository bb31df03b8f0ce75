//! The command line: the same questions and answers as on the page, as JSON.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use headroom::architecture::config::Config;
use headroom::ask::{ask, pasted_machine};
use headroom::catalog::Catalog;
use headroom::engine::Shell;
use headroom::engine::llama_cpp::GgufFile;
use headroom::estimate::{self, FileStore};
use headroom::import::{self, Imported, Part};
use headroom::memory_log::MemoryLog;
use headroom::plan::{self, Document, PlanInput};
use headroom::quant::Mix;
use headroom::ranking::{self, Prepared, Ranked, Ranking};
use headroom::report::{Notice, Report};
use headroom::scenario::{Lang, Measurement, Problem, Scenario, Selected};
use headroom::speed::paste::{self, PasteError, Pasted};
use headroom::steps::{Change, Step, next_steps};
use serde::Serialize;
use serde_json::json;

const USAGE: &str = "\
headroom: can this model run on that hardware, and how much room is left?

usage:
  headroom estimate QUERY         answer one question; JSON to standard output
  headroom estimate QUERY --model-file PATH
                                  of a model read from its files, given one by one: GGUF (all files of a
                                  split one), config.json, model.safetensors.index.json, .safetensors;
                                  so do `plan`, `steps` and `check`
  headroom estimate --batch FILE  one question a line (- for standard input), one JSON object a line;
                                  an object with `error` for a line that is not UTF-8
  headroom estimate QUERY --summary
                                  one line of numbers a cell, as JSON: verdict, bytes and decode rate
  headroom estimate QUERY --format csv|markdown
                                  the answer as a table
  headroom plan QUERY [--format markdown|json] [--shell bash|powershell] [--lang en|ru]
                                  how to get, start, check, keep and grow the first cell that runs, or
                                  the one that `cell=` of the query names
  headroom rank QUERY [--top N]   what runs (`model=*`), what is needed (`hw=*`) or in which formats
                                  (`quant=*`): the best N (20) as JSON
  headroom steps QUERY            what to change so that each cell fits or is better, as JSON
  headroom check QUERY FILE       by how much the first cell, or the one that `cell=` of the query names,
                                  was off what llama-bench, llama-batched-bench, `vllm bench serve` or
                                  SGLang's benchmark printed, or what an engine logged of its memory
                                  (- for standard input), as JSON
  headroom ask TEXT               turn free text, English or Russian, into a QUERY; JSON with what was
                                  understood, what can mean several things, and what was ignored
  headroom ask --batch FILE       one text a line, one JSON object a line
  headroom read FILE...           what a model's files say of it: its id for links, its configuration, its
                                  parameters, and what was assumed, as JSON
  headroom machine FILE           the machine that nvidia-smi, rocm-smi, system_profiler, lspci or
                                  llama-server --list-devices printed (- for standard input), as JSON
  headroom tensors MODEL QUANT    what a GGUF file of the model holds: each tensor's name, shape
                                  (innermost first), type and bytes, as JSON
  headroom models                 ids of the models in the catalogue
  headroom devices                ids of the accelerators and hosts

QUERY is what follows the ? in a link, such as
  'model=qwen2.5-72b-instruct&hw=rtx-4090*2&quant=Q4_K_M&ctx=32k&users=1'";

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some(args) = args.iter().map(|arg| arg.to_str()).collect::<Option<Vec<&str>>>() else {
        let wrong = args.iter().find(|arg| arg.to_str().is_none());
        let wrong = wrong.map(|arg| arg.to_string_lossy()).unwrap_or_default();
        eprintln!("headroom: argument `{wrong}` is not UTF-8\n\n{USAGE}");
        return ExitCode::from(2);
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let done = match args.as_slice() {
        ["rank", query] if !query.starts_with("--") => rank(query, 20, &mut out),
        ["rank", query, "--top", top] if top.parse::<usize>().is_ok() => {
            rank(query, top.parse().unwrap_or_default(), &mut out)
        }
        ["steps", query, files @ ..] if !query.starts_with("--") && are_model_files(files) => {
            question(query, &paths(files)).and_then(|(scenario, _)| steps(&scenario, &mut out))
        }
        ["estimate", "--batch", file] => {
            let prepared = Prepared::new(Catalog::bundled());
            batch(file, |query| answer_with(&prepared, query), &mut out)
        }
        ["estimate", query, "--summary"] if !query.starts_with("--") => summarise(query, &mut out),
        ["estimate", query, "--format", "csv"] if !query.starts_with("--") => {
            write!(out, "{}", plan::report_csv(&answer(query)))
        }
        ["estimate", query, "--format", "markdown"] if !query.starts_with("--") => {
            write!(out, "{}", plan::report_markdown(&answer(query)))
        }
        ["plan", query, options @ ..] if !query.starts_with("--") => {
            match PlanOptions::parse(options) {
                Ok(options) => plan_of(query, &options, &mut out),
                Err(problem) => {
                    eprintln!("headroom: {problem}\n\n{USAGE}");
                    return ExitCode::from(2);
                }
            }
        }
        ["estimate", query] if !query.starts_with("--") => single(&answer(query), &mut out),
        ["estimate", query, files @ ..] if !query.starts_with("--") && are_model_files(files) => {
            question(query, &paths(files)).and_then(|(scenario, problems)| {
                single(&ranking::report(Catalog::bundled(), &scenario, problems), &mut out)
            })
        }
        ["ask", "--batch", file] => batch(file, ask, &mut out),
        ["ask", text] if !text.starts_with("--") => single(&ask(text), &mut out),
        ["read", files @ ..] if !files.is_empty() => read_files(files, &mut out),
        ["machine", file] => machine(file, &mut out),
        ["check", query, file, files @ ..]
            if !query.starts_with("--") && are_model_files(files) =>
        {
            question(query, &paths(files)).and_then(|(scenario, _)| check(scenario, file, &mut out))
        }
        ["tensors", model, quant] => gguf_tensors(model, quant, &mut out),
        ["models"] => list(Catalog::bundled().models.iter().map(|m| m.id.as_str()), &mut out),
        ["devices"] => list(Catalog::bundled().devices.iter().map(|d| d.id.as_str()), &mut out),
        ["help" | "--help" | "-h"] => writeln!(out, "{USAGE}"),
        ["--version" | "-V"] => writeln!(out, "headroom {}", env!("CARGO_PKG_VERSION")),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done.and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has closed the pipe (`headroom models | head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("headroom: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answer(query: &str) -> Report {
    answer_with(&Prepared::new(Catalog::bundled()), query)
}

/// Answers `query` with what was found out for others before.
fn answer_with(prepared: &Arc<Prepared<'static>>, query: &str) -> Report {
    let (scenario, problems) = Scenario::from_query(query);
    let draft = scenario.addons.draft.iter().map(|draft| &draft.id);
    let devices = scenario.machines.iter().flat_map(|machine| &machine.devices);
    let mut ids = scenario.models.iter().chain(draft).chain(devices.map(|device| &device.id));
    // A batch may describe any number of models, each of which is kept as long as its catalogue.
    match ids.any(|id| id.contains(':')) {
        true => ranking::report(&Catalog::bundled().clone(), &scenario, problems),
        false => ranking::report_with(prepared, &scenario, problems),
    }
}

/// Prints one line of numbers a cell of the question, however many these are.
fn summarise(query: &str, out: &mut impl Write) -> io::Result<()> {
    /// Models that are answered before their lines are written.
    const MODELS: usize = 64;
    let (scenario, problems) = Scenario::from_query(query);
    let catalog = Catalog::bundled();
    let notices = problems.into_iter().map(Notice::Query);
    for notice in notices.chain(estimate::unknown(catalog, &scenario, usize::MAX).0) {
        eprintln!("headroom: {}", serde_json::to_string(&notice)?);
    }
    for models in scenario.models.chunks(MODELS) {
        let row = |at: usize| {
            let store = FileStore::default();
            estimate::summaries(&store, catalog, &scenario, &models[at])
        };
        for (model, row) in models.iter().zip(estimate::on_every_core(models.len(), row)) {
            for (machine, quant, engine, summary) in row {
                let mut line = match summary {
                    Some(summary) => serde_json::to_value(summary)?,
                    None => json!({ "quant": quant, "verdict": null }),
                };
                line["model"] = json!(model);
                line["hardware"] = json!(machine.to_query());
                line["engine"] = json!(engine);
                serde_json::to_writer(&mut *out, &line)?;
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

/// Reads what a program printed of a machine.
fn machine(file: &str, out: &mut impl Write) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{file}: {error}"));
    let machine = pasted_machine(&text_of(file)?);
    if machine.tool.is_none() {
        let problem = "no devices are listed as nvidia-smi, rocm-smi, system_profiler, lspci or \
                       llama-server --list-devices print them";
        return Err(named(io::Error::new(io::ErrorKind::InvalidData, problem)));
    }
    single(&machine, out)
}

/// Whether `words` are the files of a model, each as `--model-file PATH`.
fn are_model_files(words: &[&str]) -> bool {
    words.chunks(2).all(|pair| matches!(pair, ["--model-file", path] if !path.is_empty()))
}

/// The paths of words that are the files of a model.
fn paths<'a>(words: &[&'a str]) -> Vec<&'a str> {
    words.chunks(2).filter_map(|pair| pair.get(1).copied()).collect()
}

/// Reads a question, with the model in `files`, if there are any, in place of the models of the
/// example, or beside those that it names.
fn question(query: &str, files: &[&str]) -> io::Result<(Scenario, Vec<Problem>)> {
    let (mut scenario, problems) = Scenario::from_query(query);
    if files.is_empty() {
        return Ok((scenario, problems));
    }
    let Imported { custom, quant, remarks, .. } = import_model(files.iter())?;
    for remark in remarks {
        eprintln!("headroom: {}: {remark}", custom.name);
    }
    let example = Scenario::default();
    if scenario.models == example.models {
        scenario.models.clear();
    }
    scenario.models.push(custom.to_id());
    if let Some(quant) = quant.filter(|_| scenario.quants == example.quants) {
        scenario.quants = vec![quant];
    }
    Ok((scenario, problems))
}

/// The model in `files`.
fn import_model<'a>(files: impl Iterator<Item = &'a &'a str>) -> io::Result<Imported> {
    let parts = files.map(|path| Ok(((*path).to_owned(), read_part(path)?)));
    let parts = parts.collect::<io::Result<Vec<_>>>()?;
    import::combine(Catalog::bundled(), parts).map_err(io::Error::other)
}

/// Prints what is read of a model's files.
fn read_files(files: &[&str], out: &mut impl Write) -> io::Result<()> {
    let Imported { custom, quant, stored, remarks } = import_model(files.iter())?;
    let id = custom.to_id();
    let model = Catalog::bundled().model_or_error(&id);
    let model = model.and_then(Result::ok).ok_or_else(|| io::Error::other("no model"))?;
    let counted = model.count();
    // Fields that it has by default are left out, as in the catalogue.
    let plain = serde_json::to_value(Config::default())?;
    let mut config = serde_json::to_value(model.config())?;
    if let Some(fields) = config.as_object_mut() {
        fields.retain(|field, value| plain.get(field) != Some(value));
    }
    let answer = json!({
        "id": id,
        "name": custom.name,
        "quant": quant,
        "native": custom.native,
        "config": config,
        "counted": counted.text + counted.vision + counted.mtp,
        "counted_active": counted.active,
        "stored": stored,
        "assumed": custom.assumed,
        "is_shape_known": custom.shape.is_none(),
        "remarks": remarks.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    single(&answer, out)
}

/// Reads the beginning of a file as far as it says how the model is built.
fn read_part(path: &str) -> io::Result<Part> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{path}: {error}"));
    let file = std::fs::File::open(path).map_err(named)?;
    let size = file.metadata().map_err(named)?.len();
    let mut beginning = Vec::new();
    loop {
        let step = import::read(path, &beginning, size);
        match step.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))? {
            import::Step::Done(part) => return Ok(*part),
            import::Step::More(length) => {
                let more = (length - beginning.len()) as u64;
                (&file).take(more).read_to_end(&mut beginning).map_err(named)?;
                if beginning.len() < length {
                    let error = "the file became shorter while it was read";
                    return Err(named(io::Error::new(io::ErrorKind::UnexpectedEof, error)));
                }
            }
        }
    }
}

fn single(answer: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, answer)?;
    writeln!(out)
}

/// Ranks what the question leaves open.
fn rank(query: &str, top: usize, out: &mut impl Write) -> io::Result<()> {
    let (scenario, problems) = Scenario::from_query(query);
    let catalog = Catalog::bundled();
    let prepared = Prepared::new(catalog);
    let Some(ranking) = Ranking::with(&prepared, &scenario) else {
        let problem = "no slot is empty: leave `model=*`, `hw=*` or `quant=*` open, but not both of \
                       the first two";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    };
    let rows = ranking::rank(&ranking);
    let notices = problems
        .into_iter()
        .map(Notice::Query)
        .chain(estimate::unknown(catalog, &scenario, usize::MAX).0);
    let answer = json!({
        "query": scenario.to_query(),
        "open": ranking.open(),
        "notices": notices.collect::<Vec<_>>(),
        "candidates": ranking.candidates(),
        "running": rows.len(),
        "rows": rows.iter().take(top).filter_map(|row| ranked_row(&prepared, row)).collect::<Vec<_>>(),
    });
    serde_json::to_writer_pretty(&mut *out, &answer)?;
    writeln!(out)
}

/// A row of a ranking, with the question that it is the answer to.
fn ranked_row(prepared: &Prepared<'_>, row: &Ranked) -> Option<serde_json::Value> {
    let cell = row.cell_with(prepared)?;
    let Ranked { scenario, release, price, board_w, is_superseded, .. } = row;
    Some(json!({
        "query": scenario.to_query(),
        "model": cell.model,
        "hardware": cell.hardware,
        "quant": cell.quant,
        "engine": cell.engine,
        "verdict": cell.verdict,
        "params_total": cell.params_total,
        "params_active": cell.params_active,
        "release": release,
        "is_superseded": is_superseded,
        "device_bytes": cell.device_bytes,
        "ram_bytes": cell.ram_bytes(),
        "headroom_bytes": cell.headroom_bytes,
        "max_context": cell.longest_context(),
        "max_users": cell.most_users(),
        "decode_tps": cell.speed.decode_tps,
        "prefill_tps": cell.speed.prefill_tps,
        "ttft_s": cell.speed.ttft_s,
        "throughput_tps": cell.speed.throughput_tps,
        "price": price,
        "boards_w": board_w,
    }))
}

/// How a plan is written.
#[derive(Default)]
struct PlanOptions<'a> {
    is_json: bool,
    shell: Shell,
    lang: Option<Lang>,
    /// The files of the model that it is about.
    files: Vec<&'a str>,
}

impl<'a> PlanOptions<'a> {
    fn parse(words: &[&'a str]) -> Result<PlanOptions<'a>, String> {
        let mut options = PlanOptions::default();
        let (pairs, rest) = words.as_chunks::<2>();
        if let [option] = rest {
            return Err(format!("`{option}` needs a value"));
        }
        for [option, value] in pairs {
            let refused =
                |accepted: &str| Err(format!("`{option}` takes {accepted}, and not `{value}`"));
            match (*option, *value) {
                ("--format", "markdown") => options.is_json = false,
                ("--format", "json") => options.is_json = true,
                ("--format", _) => return refused("`markdown` or `json`"),
                ("--shell", name) => match plan::shell(name) {
                    Some(shell) => options.shell = shell,
                    None => return refused("`bash` or `powershell`"),
                },
                ("--lang", "en") => options.lang = Some(Lang::En),
                ("--lang", "ru") => options.lang = Some(Lang::Ru),
                ("--lang", _) => return refused("`en` or `ru`"),
                ("--model-file", "") => return refused("a path"),
                ("--model-file", path) => options.files.push(path),
                _ => {
                    let known = "`--format`, `--shell`, `--lang` and `--model-file`";
                    return Err(format!("`{option}` is none of {known}"));
                }
            }
        }
        Ok(options)
    }
}

/// Prints the plan of the cell that the question has open, else of its first cell that runs.
fn plan_of(query: &str, options: &PlanOptions<'_>, out: &mut impl Write) -> io::Result<()> {
    let (scenario, problems) = question(query, &options.files)?;
    for Problem { field, value, accepted, .. } in problems {
        eprintln!("headroom: `{field}={value}` is not used; accepted: {accepted}");
    }
    let lang = options.lang.or(scenario.lang).unwrap_or(Lang::En);
    let of = |at: Selected| {
        let input = PlanInput::new(Catalog::bundled(), &scenario, at)?;
        Document::new(Catalog::bundled(), &input, lang, options.shell)
    };
    let document = match scenario.selected {
        Some(at) => of(at),
        None => places(&scenario).find_map(of),
    };
    let Some(document) = document else {
        let problem = "there is no plan, since none of these cells runs: `headroom steps` says what \
                       to change";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    };
    match options.is_json {
        true => single(&document, out),
        false => write!(out, "{}", document.markdown()),
    }
}

/// The text of a file, or of standard input for `-`, as far as any program prints.
fn text_of(file: &str) -> io::Result<String> {
    const MOST: u64 = 1 << 21;
    let mut bytes = Vec::new();
    match file {
        "-" => io::stdin().lock().take(MOST).read_to_end(&mut bytes),
        _ => std::fs::File::open(file).and_then(|file| file.take(MOST).read_to_end(&mut bytes)),
    }
    .map_err(|error| io::Error::new(error.kind(), format!("{file}: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Holds the cell that the question names, or its first one, against what a benchmark printed, or an
/// engine that logged its memory.
fn check(mut scenario: Scenario, file: &str, out: &mut impl Write) -> io::Result<()> {
    let wrong = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
    let text = text_of(file)?;
    let at = scenario.selected.or_else(|| places(&scenario).next());
    let asked = at.and_then(|at| Some((at, estimate::alone(Catalog::bundled(), &scenario, at)?)));
    let no_cell = || wrong("the question has no such cell, or its engine refuses it".to_owned());
    let (at, (ask, cell)) = asked.ok_or_else(no_cell)?;
    let parsed = paste::parse(&text);
    let log = parsed.is_err().then(|| MemoryLog::read(&text)).flatten();
    if let Some(log) = log {
        return single(&json!({ "memory": log.beside(&cell) }), out);
    }
    let Pasted { model, readings, .. } = parsed.map_err(|error| {
        wrong(match error {
            PasteError::Empty => format!("{file} is empty"),
            PasteError::TooLong => format!("{file} is longer than the output of any benchmark"),
            PasteError::UnknownFormat => {
                format!("{file} is the output of no benchmark known here, and reports no memory")
            }
            PasteError::NoReadings(_) => format!("{file} has no figure that can be used"),
        })
    })?;
    let measurement = Measurement {
        machine: ask.machines[0].clone(),
        engine: cell.engine,
        model: cell.model,
        quant: cell.quant,
        readings: readings.clone(),
    };
    scenario.serving.measure(measurement);
    let corrected = estimate::alone(Catalog::bundled(), &scenario, at).map(|(_, cell)| cell.speed);
    let off = corrected.as_ref().and_then(|speed| speed.speed_basis.as_ref()?.measured);
    single(
        &json!({
            "measured_model": model,
            "readings": readings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "decode_tps": cell.speed.decode_tps,
            // Measured time over estimated time, of decode steps and of prompts.
            "off": off,
            "corrected_decode_tps": corrected.and_then(|speed| speed.decode_tps),
            "query": scenario.to_query(),
        }),
        out,
    )
}

/// The places of the cells of a question.
fn places(scenario: &Scenario) -> impl Iterator<Item = Selected> + use<> {
    let Scenario { models, machines, quants, engines, .. } = scenario;
    let lengths = [models.len(), machines.len(), quants.len(), engines.len()];
    let [models, machines, quants, engines] = lengths;
    (0..models * machines * quants * engines).map(move |n| Selected {
        model: n / engines / quants / machines,
        machine: n / engines / quants % machines,
        quant: n / engines % quants,
        engine: n % engines,
    })
}

/// Prints the next steps of every cell of the question.
fn steps(scenario: &Scenario, out: &mut impl Write) -> io::Result<()> {
    let mut answers = Vec::new();
    for at in places(scenario) {
        let steps = next_steps(Catalog::bundled(), scenario, at);
        let steps = steps.iter().map(|step| {
            let Step { scenario, cell, .. } = step;
            json!({
                "changes": step.changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "query": scenario.to_query(),
                "verdict": cell.verdict,
                "decode_tps": cell.speed.decode_tps,
                "max_context": cell.max_context,
                "device_bytes": cell.device_bytes,
                "quality": step.quality(Catalog::bundled()),
                "is_other_model": step.changes.iter().any(Change::is_other_model),
                "rent": step.rent().map(|offer| json!({
                    "usd_per_hour": offer.usd_per_hour,
                    "provider": offer.provider,
                    "name": offer.name,
                    "date": offer.date,
                    "source": offer.source,
                })),
            })
        });
        answers.push(json!({
            "model": scenario.models[at.model],
            "hardware": scenario.machines[at.machine].to_query(),
            "quant": scenario.quants[at.quant],
            "engine": scenario.engines[at.engine],
            "steps": steps.collect::<Vec<_>>(),
        }));
    }
    serde_json::to_writer_pretty(&mut *out, &answers)?;
    writeln!(out)
}

/// Number of questions that a thread takes at a time.
const PIECE: usize = 32;

/// Answers questions as lines of JSON, in order, on every core.
fn batch<T: Serialize>(
    file: &str,
    answer: impl Fn(&str) -> T + Sync,
    out: &mut impl Write,
) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{file}: {error}"));
    let lines: Box<dyn BufRead + Send> = match file {
        "-" => Box::new(io::BufReader::new(io::stdin())),
        _ => Box::new(io::BufReader::new(std::fs::File::open(file).map_err(named)?)),
    };
    let lines = Mutex::new(lines.split(b'\n').zip(1..).peekable());
    let next = || -> io::Result<(u64, Vec<u8>)> {
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let first = lines.peek().map_or(0, |(_, number)| *number);
        let piece = lines.by_ref().take(PIECE).map(|(line, number)| Ok((number, line?)));
        let piece = piece.collect::<io::Result<Vec<_>>>().map_err(named)?;
        drop(lines);
        Ok((first, answer_all(&piece, &answer)?))
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // A writer that falls behind lets the others wait.
    let (send, receive) = mpsc::sync_channel(2 * cores);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            let send = send.clone();
            let next = &next;
            scope.spawn(move || {
                loop {
                    let piece = next();
                    let is_last = !matches!(&piece, Ok((first, _)) if *first > 0);
                    if send.send(piece).is_err() || is_last {
                        return;
                    }
                }
            });
        }
        drop(send);
        let mut done = BTreeMap::new();
        let mut first = 1;
        for piece in receive {
            let (at, answers) = piece?;
            done.insert(at, answers);
            while let Some(answers) = done.remove(&first) {
                out.write_all(&answers)?;
                first += PIECE as u64;
            }
        }
        Ok(())
    })
}

/// Answers questions, each a line with its number. A line that is no text is answered with what is
/// wrong with it.
fn answer_all<T: Serialize>(
    questions: &[(u64, Vec<u8>)],
    answer: impl Fn(&str) -> T,
) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    for (number, line) in questions {
        match std::str::from_utf8(line) {
            Ok(query) => serde_json::to_writer(&mut out, &answer(query.trim()))?,
            Err(error) => {
                let at = error.valid_up_to() + 1;
                let error = format!("line {number} is not UTF-8 from its byte {at} on");
                serde_json::to_writer(&mut out, &json!({ "error": error }))?;
            }
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// Prints the tensors of a GGUF file in the order in which llama.cpp lays them out.
fn gguf_tensors(model: &str, quant: &str, out: &mut impl Write) -> io::Result<()> {
    let invalid = |problem: String| io::Error::new(io::ErrorKind::InvalidInput, problem);
    let entry = Catalog::bundled().model(model).ok_or_else(|| {
        invalid(format!("model `{model}` is not in the catalogue: `headroom models` lists the ids"))
    })?;
    let mix = Mix::parse(quant).ok_or_else(|| {
        let known: Vec<&str> = Mix::ALL.iter().map(|mix| mix.name()).collect();
        invalid(format!("quantisation `{quant}` is not one of {}", known.join(", ")))
    })?;
    let file = GgufFile::new(entry, mix, false)
        .map_err(|_| invalid(format!("model `{model}`: llama.cpp has no such architecture")))?;
    let tensors = file.weights.iter().map(|weight| {
        let shape = weight.tensor.shape;
        json!({
            "name": weight.tensor.gguf_name(),
            "shape": &shape.0[..shape.rank().max(1)],
            "type": weight.ty.name(),
            "bytes": weight.bytes().0,
        })
    });
    let answer = json!({
        "model": entry.id,
        "arch": file.architecture().gguf_arch,
        "quant": mix.name(),
        "tensors": tensors.collect::<Vec<_>>(),
    });
    serde_json::to_writer(&mut *out, &answer)?;
    writeln!(out)
}

fn list<'a>(ids: impl Iterator<Item = &'a str>, out: &mut impl Write) -> io::Result<()> {
    ids.into_iter().try_for_each(|id| writeln!(out, "{id}"))
}
