//! `llama-bench` of llama.cpp b11434 (`tools/llama-bench`): Markdown, CSV, JSON and JSON lines.

use serde_json::Value;

use super::{JsonForm, Parser, Reading, Record, Run, TableForm, Tool, thousandths};

pub(super) const PARSER: Parser = Parser {
    json: Some(JsonForm { keys: &["avg_ts"], read: |object| json(object).into_iter().collect() }),
    csv: Some(TableForm { columns: &["avg_ts"], read: |row| csv(row).into_iter().collect() }),
    markdown: Some(TableForm {
        columns: &["test", "t/s"],
        read: |row| markdown(row).into_iter().collect(),
    }),
    ..Parser::new(Tool::LlamaBench)
};

/// Returns the reading of a test with these tokens of a prompt, of an answer and before both;
/// `None` for a test of prompt and answer together.
fn reading(prompt: u64, output: u64, depth: u64, tps: u64) -> Option<Reading> {
    match (prompt, output) {
        (tokens @ 1.., 0) => Some(Reading::Prefill { tokens, depth, tps }),
        (0, 1..) => Some(Reading::Decode { batch: 1, depth, tps }),
        _ => None,
    }
}

fn json(object: &Value) -> Option<Run> {
    let count = |key: &str| object.get(key).and_then(Value::as_u64);
    let tps = thousandths(&object.get("avg_ts")?.as_f64()?.to_string())?;
    let depth = count("n_depth").unwrap_or(0);
    let reading = reading(count("n_prompt")?, count("n_gen")?, depth, tps)?;
    let model = object.get("model_type").or(object.get("model_filename"));
    Some(Run { model: model.and_then(Value::as_str).map(str::to_owned), reading })
}

/// Reads a line of `-o csv`, in which all fields are quoted.
fn csv(row: &Record<'_>) -> Option<Run> {
    let count = |name: &str| row.get(name)?.parse::<u64>().ok();
    let tps = thousandths(row.get("avg_ts")?)?;
    let depth = count("n_depth").unwrap_or(0);
    let reading = reading(count("n_prompt")?, count("n_gen")?, depth, tps)?;
    let model = row.get("model_type").or(row.get("model_filename"));
    Some(Run { model: model.map(str::to_owned), reading })
}

/// Reads a row of `| model | ... | test | t/s |`.
fn markdown(row: &Record<'_>) -> Option<Run> {
    let (prompt, output, depth) = test_tokens(row.get("test")?)?;
    let tps = thousandths(row.get("t/s")?.split('±').next()?)?;
    let reading = reading(prompt, output, depth, tps)?;
    Some(Run { model: row.get("model").map(str::to_owned), reading })
}

/// Parses the tokens of prompt, of answer and before both from `pp512` or `tg128 @ d4096`, in older
/// builds `tg 128`.
fn test_tokens(text: &str) -> Option<(u64, u64, u64)> {
    let (test, depth) = match text.split_once('@') {
        Some((test, depth)) => (test, depth.trim().strip_prefix('d')?.parse().ok()?),
        None => (text, 0),
    };
    let count = |digits: &str| digits.trim().parse::<u64>().ok();
    let test = test.trim();
    match (test.strip_prefix("pp"), test.strip_prefix("tg")) {
        (Some(tokens), _) => Some((count(tokens)?, 0, depth)),
        (_, Some(tokens)) => Some((0, count(tokens)?, depth)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::readings;
    use super::super::{PasteError, Tool, parse};

    const TABLE: &str = "\
ggml_cuda_init: found 1 CUDA devices:
  Device 0: NVIDIA GeForce RTX 4090, compute capability 8.9, VMM: yes
| model                          |       size |     params | backend    | ngl |            test |                  t/s |
| ------------------------------ | ---------: | ---------: | ---------- | --: | --------------: | -------------------: |
| qwen2 7B Q4_K - Medium         |   4.36 GiB |     7.62 B | CUDA       |  99 |           pp512 |      7340.20 ± 23.45 |
| qwen2 7B Q4_K - Medium         |   4.36 GiB |     7.62 B | CUDA       |  99 |           tg128 |        120.60 ± 0.59 |
| qwen2 7B Q4_K - Medium         |   4.36 GiB |     7.62 B | CUDA       |  99 |    pp512 @ d512 |      6425.91 ± 18.88 |
| qwen2 7B Q4_K - Medium         |   4.36 GiB |     7.62 B | CUDA       |  99 |    tg128 @ d512 |        116.71 ± 0.60 |
| qwen2 7B Q4_K - Medium         |   4.36 GiB |     7.62 B | CUDA       |  99 |     pp512+tg128 |       1100.00 ± 5.00 |
| llama 13B Q8_0                 |  13.00 GiB |    13.02 B | CUDA       |  99 |           tg128 |         60.00 ± 0.20 |

build: 3bcd40b3 (4567)";

    #[test]
    fn a_table_is_read() {
        let pasted = parse(TABLE).unwrap();
        assert_eq!(pasted.tool, Tool::LlamaBench);
        assert_eq!(pasted.model.as_deref(), Some("qwen2 7B Q4_K - Medium"));
        assert_eq!(
            readings(TABLE),
            ["pp512:7340.2", "tg:120.6", "pp512@512:6425.91", "tg@512:116.71"]
        );
        let old = "| model | test | t/s |\n| --- | --- | ---: |\n| a | tg 128 | 132.19 ± 0.55 |";
        assert_eq!(readings(old), ["tg:132.19"]);
    }

    #[test]
    fn what_a_plan_of_a_processor_has_measured_is_read() {
        // `llama-bench -m Made-for-a-test-F16.gguf -fa on -p 1024 -n 128 -d 0,1024` of b11434, built for
        // the processor: a model of Qwen3-0.6B's shape with random weights, on two cores.
        let printed = "\
| model                          |       size |     params | backend    | threads |  fa |            test |                  t/s |
| ------------------------------ | ---------: | ---------: | ---------- | ------: | --: | --------------: | -------------------: |
| qwen3 0.6B F16                 |   1.11 GiB |   596.05 M | CPU        |       2 |   1 |          pp1024 |        34.33 ± 22.76 |
| qwen3 0.6B F16                 |   1.11 GiB |   596.05 M | CPU        |       2 |   1 |           tg128 |         18.39 ± 1.21 |
| qwen3 0.6B F16                 |   1.11 GiB |   596.05 M | CPU        |       2 |   1 |  pp1024 @ d1024 |         38.88 ± 1.26 |
| qwen3 0.6B F16                 |   1.11 GiB |   596.05 M | CPU        |       2 |   1 |   tg128 @ d1024 |         12.37 ± 1.82 |

build: unknown (11434)";
        assert_eq!(parse(printed).unwrap().model.as_deref(), Some("qwen3 0.6B F16"));
        assert_eq!(
            readings(printed),
            ["pp1024:34.33", "tg:18.39", "pp1024@1024:38.88", "tg@1024:12.37"]
        );
    }

    #[test]
    fn csv_and_json_are_read() {
        let csv = "build_commit,model_type,n_prompt,n_gen,n_depth,test_time,avg_ns,avg_ts,stddev_ts\n\
                   \"8cf427ff\",\"qwen2 7B Q4_K, \"\"M\"\"\",\"512\",\"0\",\"0\",\"2025\",\"69\",\"7100.002165\",\"140\"\n\
                   \"8cf427ff\",\"qwen2 7B Q4_K, \"\"M\"\"\",\"0\",\"128\",\"1024\",\"2025\",\"69\",\"120.057\",\"1\"";
        assert_eq!(readings(csv), ["pp512:7100.002", "tg@1024:120.057"]);
        let json = r#"[{"model_type": "qwen2 7B", "n_prompt": 512, "n_gen": 0, "n_depth": 0, "avg_ts": 7127.7},
                       {"model_type": "qwen2 7B", "n_prompt": 0, "n_gen": 128, "n_depth": 0, "avg_ts": 121.5}]"#;
        assert_eq!(readings(json), ["pp512:7127.7", "tg:121.5"]);
        let lines = "{\"n_prompt\": 0, \"n_gen\": 128, \"avg_ts\": 121.5}\n{\"n_prompt\": 64, \"n_gen\": 0, \"avg_ts\": 900}";
        assert_eq!(readings(lines), ["tg:121.5", "pp64:900"]);
        // An array that is cut off, and log lines that look like one.
        let cut = format!("[2026-11-24] INFO start\n{}", &json[..json.len() - 1]);
        assert_eq!(readings(&cut), ["tg:121.5"]);
        let mixed = lines.replace('\n', "\nllama_model_load: loading\n");
        assert_eq!(readings(&mixed), ["tg:121.5", "pp64:900"]);
    }

    #[test]
    fn an_output_without_a_figure_has_no_readings() {
        for text in [
            "| model | test | t/s |",
            "| model | test | t/s |\n| a | tg128 | fast |\n| b |\n| c | pp | 5 |",
            "| model | test | t/s |\n| a | tg128 | -5 ± 1 |\n| a | tg128 @ 4k | 5 |",
            "n_prompt,n_gen,avg_ts\n512,0\n0,128,nan",
            r#"[{"avg_ts": null}, {"avg_ts": 5, "n_prompt": -1, "n_gen": 0}]"#,
        ] {
            assert_eq!(parse(text), Err(PasteError::NoReadings(Tool::LlamaBench)), "{text}");
        }
    }
}
