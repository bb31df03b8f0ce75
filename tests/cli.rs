//! The command line as a program: what it prints and how it ends.

#![cfg(not(target_arch = "wasm32"))]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs the program with standard input.
fn headroom(command: &mut Command, input: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_headroom"))
}

/// Runs the program with these arguments.
fn run(args: &[&str]) -> Output {
    headroom(program().args(args), b"")
}

#[test]
fn a_line_that_is_no_text_is_answered_in_its_place() {
    let mut input = b"ctx=1k\nctx=\xff\xfe\r\nctx=2k\r\n\n\xff\nctx=3k".to_vec();
    let output = headroom(program().args(["estimate", "--batch", "-"]), &input);
    assert_eq!(output.status.code(), Some(0));
    let stdout = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |answer: &Value| match &answer["error"] {
        Value::String(error) => error.clone(),
        _ => answer["query"].as_str().unwrap().to_owned(),
    };
    let said: Vec<String> = answers.iter().map(said).collect();
    let (second, fifth) =
        ("line 2 is not UTF-8 from its byte 5 on", "line 5 is not UTF-8 from its byte 1 on");
    assert_eq!(said, ["ctx=1024", second, "ctx=2048", "", fifth, "ctx=3072"]);
    // The others are answered as without it.
    input.retain(|byte| byte.is_ascii());
    let clean = headroom(program().args(["estimate", "--batch", "-"]), &input);
    let clean = String::from_utf8(clean.stdout).unwrap();
    assert_eq!(clean.lines().next(), stdout.lines().next());
    assert_eq!(clean.lines().last(), stdout.lines().last());
}

#[test]
fn a_summary_is_a_line_of_the_cell_s_numbers() {
    let query = "model=qwen3-8b,gemma-3-27b-it&hw=rtx-3060;rtx-4090*2;cpu-ryzen-7-7800x3d\
                 &quant=BF16,Q4_K_M&engine=llama.cpp,vllm&users=3";
    let report = run(&["estimate", query]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    let summary = String::from_utf8(run(&["estimate", query, "--summary"]).stdout).unwrap();
    let lines: Vec<Value> =
        summary.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2 * 3 * 2 * 2);
    let answered: Vec<&Value> = lines.iter().filter(|line| !line["verdict"].is_null()).collect();
    let cells = report["cells"].as_array().unwrap();
    assert_eq!(answered.len(), cells.len());
    for (line, cell) in answered.iter().zip(cells) {
        for key in ["model", "hardware", "quant", "engine", "verdict", "headroom_bytes"] {
            assert_eq!(line[key], cell[key], "{key}");
        }
        assert_eq!(line["device_bytes"], cell["device_bytes"]["expected"]);
        if cell["verdict"] != "no" {
            assert_eq!(line["decode_tps"], cell["decode_tps"]["expected"]);
        }
    }
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_a_mistake_of_the_caller() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let wrong = OsStr::from_bytes(b"model=\xff");
    for arguments in [vec![OsStr::new("estimate"), wrong], vec![wrong]] {
        let output = headroom(program().args(arguments), b"");
        assert_eq!(output.status.code(), Some(2));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("model=\u{fffd}` is not UTF-8"), "{stderr}");
        assert!(stderr.contains("usage:") && !stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn free_text_is_answered_with_a_query() {
    let output = headroom(program().args(["ask", "две 3090, какой квант qwen3 32b?"]), b"");
    assert_eq!(output.status.code(), Some(0));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["query"], "model=qwen3-32b&hw=rtx-3090*2&quant=*");
    assert_eq!(answer["choices"], Value::Array(Vec::new()));

    let output = headroom(program().args(["ask", "--batch", "-"]), b"RTX 6000\n\xff\nasdf 4090\n");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers[0]["choices"][0]["key"], "hw");
    assert_eq!(answers[1]["error"], "line 2 is not UTF-8 from its byte 1 on");
    assert_eq!(
        (&answers[2]["query"], &answers[2]["ignored"][0]),
        (&"hw=rtx-4090".into(), &"asdf".into())
    );
}

#[test]
fn a_plan_is_text_or_json_in_either_language_and_shell() {
    let query = "model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&ctx=16k&engine=ollama";
    let text = |options: &[&str]| {
        let output = headroom(program().args(["plan", query]).args(options), b"");
        assert_eq!(output.status.code(), Some(0), "{options:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let plain = text(&[]);
    assert!(plain.starts_with("# Plan: Qwen3-32B Q4_K_M, Ollama on GeForce RTX 4090"), "{plain}");
    assert!(plain.contains("OLLAMA_CONTEXT_LENGTH=16384"));
    assert!(plain.contains("systemctl --user enable --now ollama.service"));
    let russian = text(&["--lang", "ru", "--shell", "powershell"]);
    assert!(
        russian.contains("## Запустить") && russian.contains("$env:OLLAMA_CONTEXT_LENGTH='16384'")
    );
    let json: Value = serde_json::from_str(&text(&["--format", "json"])).unwrap();
    assert_eq!(json["sections"][0]["title"], "Get the model");
    assert_eq!(json["query"], "model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&engine=ollama&ctx=16384");
}

#[test]
fn a_wrong_option_of_a_plan_is_named_with_what_is_accepted() {
    let query = "model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M";
    for (options, words) in [
        (["--shell", "zsh"].as_slice(), "`--shell` takes `bash` or `powershell`, and not `zsh`"),
        (&["--lang"], "`--lang` needs a value"),
        (&["--lang", "de"], "`--lang` takes `en` or `ru`, and not `de`"),
        (&["--for", "me"], "`--for` is none of `--format`, `--shell`, `--lang` and `--model-file`"),
    ] {
        let output = headroom(program().args(["plan", query]).args(options), b"");
        assert_eq!(output.status.code(), Some(2));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(words), "{stderr}");
    }
    let output =
        headroom(program().args(["plan", "model=deepseek-v3&hw=rtx-3060&quant=BF16&ram=8"]), b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("none of these cells runs"));
}

#[test]
fn an_answer_is_a_table_too_and_says_what_its_formats_cost() {
    let query = "model=qwen3.8-27b&hw=rtx-4090&quant=Q8_0,Q4_K_M&kv=q8_0";
    let text = |format| {
        let output = headroom(program().args(["estimate", query, "--format", format]), b"");
        String::from_utf8(output.stdout).unwrap()
    };
    let csv = text("csv");
    assert_eq!(csv.lines().count(), 3);
    assert!(csv.starts_with("model,hardware,quant,engine,verdict,"));
    assert!(text("markdown").lines().nth(1).unwrap().starts_with("| --- |"));
    let output = headroom(program().args(["estimate", query]), b"");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let quality = &report["cells"][1]["quality"];
    assert_eq!(quality["weights"]["known"], "measured");
    assert_eq!(quality["cache"]["figures"][0]["basis"], "any_model");
    let output = headroom(program().args(["steps", query]), b"");
    let steps: Value = serde_json::from_slice(&output.stdout).unwrap();
    let noted = steps[0]["steps"].as_array().unwrap();
    assert!(noted.iter().any(|step| step["quality"]["weights"]["known"] == "measured"), "{steps}");
}

/// A file in a folder of its own, which goes when a test is done with it.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, contents: &[u8]) -> TempFile {
        let folder = format!("headroom-cli-{}-{name}", std::process::id());
        let file = TempFile(std::env::temp_dir().join(folder).join(name));
        std::fs::create_dir_all(file.0.parent().unwrap()).unwrap();
        std::fs::write(&file.0, contents).unwrap();
        file
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // A test that fails has its own message.
        _ = self.0.parent().map(std::fs::remove_dir_all);
    }
}

const CONFIG: &str = r#"{"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
    "max_position_embeddings": 131072, "num_attention_heads": 32, "num_hidden_layers": 32,
    "num_key_value_heads": 8, "head_dim": 128, "rope_scaling": {"rope_type": "llama3"},
    "tie_word_embeddings": false, "vocab_size": 128256}"#;

#[test]
fn a_model_is_read_from_its_file_and_answered_like_any_other() {
    let file = TempFile::new("config.json", CONFIG.as_bytes());
    let path = file.path();
    let query = "hw=rtx-4090&quant=Q4_K_M&ctx=8k";
    let read = run(&["estimate", query, "--model-file", path]);
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read: Value = serde_json::from_slice(&read.stdout).unwrap();
    let known = run(&["estimate", &format!("{query}&model=llama-3.1-8b-instruct")]);
    let known: Value = serde_json::from_slice(&known.stdout).unwrap();
    assert_eq!(read["cells"].as_array().unwrap().len(), 1);
    for figure in ["weights_bytes", "kv_bytes", "max_context", "verdict"] {
        assert_eq!(read["cells"][0][figure], known["cells"][0][figure], "{figure}");
    }
    let id = read["cells"][0]["model"].as_str().unwrap();
    assert!(id.starts_with("custom:1:") && id.len() < 600, "{id}");
    // The same model by its id alone, in a ranking and in steps too.
    for args in [
        &["estimate", &format!("{query}&model={id}")][..],
        &["rank", &format!("model={id}&hw=*"), "--top", "1"],
        &["steps", &format!("model={id}&hw=rtx-3060-12gb&quant=BF16&ctx=8k")],
        &["rank", "model=size:72B&hw=*", "--top", "1"],
        &["steps", "model=size:30B-A3B&hw=rtx-4090&quant=Q8_0&ctx=8k"],
    ] {
        let output = run(args);
        assert!(output.status.success(), "{args:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let answers = [&answer["cells"], &answer["rows"], &answer[0]["steps"]];
        let some = answers.iter().any(|list| list.as_array().is_some_and(|l| !l.is_empty()));
        assert!(some, "{args:?}: {answer}");
    }
    // And by its file, in what follows an answer.
    let bench = TempFile::new("bench.txt", b"| model | test | t/s |\n| a | tg128 | 50 |\n");
    for args in [
        &["plan", query, "--lang", "ru", "--model-file", path][..],
        &["steps", "hw=rtx-3060-12gb&quant=BF16&ctx=8k", "--model-file", path],
        &["check", query, bench.path(), "--model-file", path],
    ] {
        let output = run(args);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(id), "{args:?}: {said}");
    }
    let output = run(&["read", path]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((said["counted"].as_u64(), said["id"].as_str()), (Some(8_030_261_248), Some(id)));
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_what_is_accepted() {
    let file = TempFile::new("broken.gguf", b"GGUF\x01\x00\x00\x00");
    for args in [&["read", file.path()][..], &["read", "/no/such/file.gguf"]] {
        let output = run(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(args[1]), "{error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn what_a_program_printed_is_a_machine() {
    let printed = b"  CUDA0: NVIDIA GeForce RTX 4090 (24080 MiB, 22032 MiB free)\n";
    let file = TempFile::new("devices.txt", printed);
    let output = run(&["machine", file.path()]);
    let machine: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(machine["query"], "hw=rtx-4090&reserve=2GiB");
    let nothing = TempFile::new("nothing.txt", b"hello");
    assert!(!run(&["machine", nothing.path()]).status.success());
}

#[test]
fn the_memory_that_an_engine_logged_is_set_beside_the_estimate() {
    let log = "load_tensors:        CUDA0 model buffer size =  4403.49 MiB\n\
               llama_kv_cache:      CUDA0 KV buffer size =  1024.00 MiB\n\
               sched_reserve:      CUDA0 compute buffer size =   500.00 MiB\n";
    let file = TempFile::new("server.log", log.as_bytes());
    let query = "model=llama-3.1-8b-instruct&hw=rtx-4090&quant=Q4_K_M&ctx=8k";
    let output = run(&["check", query, file.path()]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let parts: Vec<(&str, &str)> = said["memory"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["place"].as_str().unwrap(), line["part"].as_str().unwrap()))
        .collect();
    assert_eq!(parts, [("devices", "weights"), ("devices", "cache"), ("devices", "compute")]);
    assert_eq!(said["memory"][1]["logged"], 1_u64 << 30);
    assert_eq!(said["memory"][1]["estimated"]["expected"], 1_u64 << 30);
    let nothing = TempFile::new("nothing.log", b"srv  llama_server: loading model\n");
    let output = run(&["check", query, nothing.path()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("reports no memory"));
}
