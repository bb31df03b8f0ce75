//! SGLang's `bench_serving` of 0.5.8, and of 0.4, which does not print the time a token: text and
//! JSON lines.

use serde_json::Value;

use super::serving::{Lines, ServingRun};
use super::{JsonForm, Parser, Run, Tool};

pub(super) const PARSER: Parser = Parser {
    json: Some(JsonForm { keys: &["mean_e2e_latency_ms"], read: json }),
    report: Some(report),
    ..Parser::new(Tool::BenchServe)
};

fn json(object: &Value) -> Vec<Run> {
    let number = |key: &str| object.get(key).and_then(Value::as_f64);
    let run = ServingRun {
        concurrency: number("concurrency"),
        mean_e2e_ms: number("mean_e2e_latency_ms"),
        mean_ttft_ms: number("mean_ttft_ms"),
        ..ServingRun::of_json(object)
    };
    run.runs(object.get("model_id").and_then(Value::as_str))
}

/// Labels of which only SGLang prints any.
const LABELS: &[&str] = &[
    "Backend",
    "Max request concurrency",
    "Max reqeuest concurrency",
    "Concurrency",
    "Mean E2E Latency (ms)",
];

fn report(text: &str) -> Option<Vec<Run>> {
    let lines = Lines::find(text).filter(|lines| LABELS.iter().any(|label| lines.has(label)))?;
    let limit = lines.number("Max request concurrency");
    let run = ServingRun {
        max_concurrency: limit.or(lines.number("Max reqeuest concurrency")),
        concurrency: lines.number("Concurrency"),
        mean_e2e_ms: lines.number("Mean E2E Latency (ms)"),
        mean_ttft_ms: lines.number("Mean TTFT (ms)"),
        ..ServingRun::of_lines(&lines)
    };
    Some(run.runs(None))
}

#[cfg(test)]
mod tests {
    use super::super::tests::readings;

    #[test]
    fn text_and_json_are_read() {
        let text = "\
============ Serving Benchmark Result ============
Backend:                                 sglang
Traffic request rate:                    inf
Max request concurrency:                 16
Successful requests:                     80
Benchmark duration (s):                  48.43
Total input tokens:                      39588
Total input text tokens:                 39588
Total generated tokens:                  40805
Total generated tokens (retokenized):    37142
Concurrency:                             13.67
----------------End-to-End Latency----------------
Mean E2E Latency (ms):                   8274.32
---------------Time to First Token----------------
Mean TTFT (ms):                          305.44
Median TTFT (ms):                        106.75
-----Time per Output Token (excl. 1st token)------
Median TPOT (ms):                        16.06
---------------Inter-Token Latency----------------
Median ITL (ms):                         13.63
==================================================";
        assert_eq!(readings(text), ["tpot495+510x14:16.06"]);
        let old = text.replace("Median TPOT (ms):                        16.06\n", "");
        assert_eq!(readings(&old), ["tpot495+510x14:15.656"]);
        let line = r#"{"backend": "sglang", "completed": 10, "duration": 43.0, "total_input_tokens": 6090, "total_output_tokens": 4220,
            "max_concurrency": 1, "concurrency": 0.99, "mean_e2e_latency_ms": 4295.92, "mean_ttft_ms": 130.57, "median_ttft_ms": 116.1}"#;
        assert_eq!(readings(line), ["tpot609+422:9.894", "ttft609:116.1"]);
    }
}
