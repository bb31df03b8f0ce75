//! `vllm bench serve` of vLLM 0.33 (`benchmarks/serve.py`): text and JSON.

use serde_json::Value;

use super::serving::{Lines, ServingRun};
use super::{JsonForm, Parser, Run, Tool};

pub(super) const PARSER: Parser = Parser {
    json: Some(JsonForm { keys: &["median_tpot_ms", "mean_tpot_ms"], read: json }),
    report: Some(report),
    ..Parser::new(Tool::BenchServe)
};

fn json(object: &Value) -> Vec<Run> {
    ServingRun::of_json(object).runs(object.get("model_id").and_then(Value::as_str))
}

fn report(text: &str) -> Option<Vec<Run>> {
    let lines = Lines::find(text)?;
    let run = ServingRun {
        max_concurrency: lines.number("Maximum request concurrency"),
        ..ServingRun::of_lines(&lines)
    };
    Some(run.runs(None))
}

#[cfg(test)]
mod tests {
    use super::super::tests::readings;
    use super::super::{PasteError, Tool, parse};

    const SERVE: &str = "\
Starting initial single prompt test run...
============ Serving Benchmark Result ============
Successful requests:                     500
Maximum request concurrency:             128
Benchmark duration (s):                  283.98
Total input tokens:                      1597574
Total generated tokens:                  400000
Request throughput (req/s):              1.76
Output token throughput (tok/s):         1408.53
---------------Time to First Token----------------
Mean TTFT (ms):                          7585.82
Median TTFT (ms):                        4689.25
-----Time per Output Token (excl. 1st token)------
Mean TPOT (ms):                          80.02
Median TPOT (ms):                        83.26
==================================================";

    #[test]
    fn text_and_json_are_read() {
        assert_eq!(readings(SERVE), ["tpot3195+800x128:83.26"]);
        // Without a limit by Little's law: (4.689 + 799 x 0.08326) s x 500 / 283.98 s.
        let open = SERVE.replace("Maximum request concurrency:             128\n", "");
        assert_eq!(readings(&open), ["tpot3195+800x125:83.26"]);
        // A limit that was never reached says nothing.
        let idle = SERVE.replace("283.98", "2839.8");
        assert_eq!(readings(&idle), ["tpot3195+800x13:83.26"]);
        let alone = SERVE.replace("concurrency:             128", "concurrency:             1");
        assert_eq!(readings(&alone), ["tpot3195+800:83.26", "ttft3195:4689.25"]);
        let json = r#"{"model_id": "m", "completed": 10, "duration": 20.0, "total_input_tokens": 10240,
            "total_output_tokens": 1280, "max_concurrency": 1, "median_ttft_ms": 80.5, "median_tpot_ms": 9.25}"#;
        assert_eq!(readings(json), ["tpot1024+128:9.25", "ttft1024:80.5"]);
    }

    #[test]
    fn an_output_without_requests_has_no_readings() {
        let broken = "Serving Benchmark Result\nSuccessful requests: 0\nMedian TPOT (ms): 5";
        assert_eq!(parse(broken), Err(PasteError::NoReadings(Tool::BenchServe)));
    }
}
