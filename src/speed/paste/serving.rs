//! The common part of benchmarks of serving engines: `vllm bench serve` and SGLang's
//! `bench_serving` descend from one script.

use serde_json::Value;

use super::{Reading, Run, thousandths};
use crate::float;

/// The totals and times of a run of requests.
#[derive(Default)]
pub(super) struct ServingRun {
    pub requests: Option<f64>,
    pub duration_s: Option<f64>,
    /// Tokens of all prompts.
    pub input: Option<f64>,
    /// Tokens of all answers.
    pub output: Option<f64>,
    /// Largest number of concurrent requests.
    pub max_concurrency: Option<f64>,
    /// Average number of concurrent requests.
    pub concurrency: Option<f64>,
    pub ttft_ms: Option<f64>,
    pub tpot_ms: Option<f64>,
    /// Mean time to the last token, from which the time per token follows if that is not printed.
    pub mean_e2e_ms: Option<f64>,
    pub mean_ttft_ms: Option<f64>,
}

impl ServingRun {
    /// Reads the fields of a JSON object that both tools write.
    pub fn of_json(object: &Value) -> ServingRun {
        let number = |key: &str| object.get(key).and_then(Value::as_f64);
        ServingRun {
            requests: number("completed"),
            duration_s: number("duration"),
            input: number("total_input_tokens"),
            output: number("total_output_tokens"),
            max_concurrency: number("max_concurrency"),
            ttft_ms: number("median_ttft_ms").or(number("mean_ttft_ms")),
            tpot_ms: number("median_tpot_ms").or(number("mean_tpot_ms")),
            ..ServingRun::default()
        }
    }

    /// Reads the lines of text that both tools print.
    pub fn of_lines(lines: &Lines<'_>) -> ServingRun {
        ServingRun {
            requests: lines.number("Successful requests"),
            duration_s: lines.number("Benchmark duration (s)"),
            input: lines.number("Total input tokens"),
            output: lines.number("Total generated tokens"),
            ttft_ms: lines.number("Median TTFT (ms)").or(lines.number("Mean TTFT (ms)")),
            tpot_ms: lines.number("Median TPOT (ms)").or(lines.number("Mean TPOT (ms)")),
            ..ServingRun::default()
        }
    }

    /// Returns the readings of the run, of a model of this name.
    pub fn runs(&self, model: Option<&str>) -> Vec<Run> {
        let readings = self.readings().unwrap_or_default();
        readings.into_iter().map(|r| Run { model: model.map(str::to_owned), reading: r }).collect()
    }

    /// Returns the readings of the run. The time to the first token is used for a single user only:
    /// under load it depends on how requests arrive.
    fn readings(&self) -> Option<Vec<Reading>> {
        let requests = self.requests.filter(|n| *n >= 1.0)?;
        let each = |total: Option<f64>| -> Option<u64> {
            let tokens = (total? / requests).round();
            (1.0..1e9).contains(&tokens).then_some(tokens as u64)
        };
        let (prompt, output) = (each(self.input)?, each(self.output)?);
        let micro = |ms: Option<f64>| thousandths(&ms?.to_string());
        let later = (output as f64 - 1.0).max(1.0);
        let answered = self.mean_e2e_ms.zip(self.mean_ttft_ms);
        let tpot_ms = self.tpot_ms.or(answered.map(|(last, first)| (last - first) / later));
        // Little's law: requests under way are their rate times how long each takes.
        let by_rate = || {
            let took = self.ttft_ms? + tpot_ms? * (output as f64 - 1.0);
            Some(took / 1e3 * requests / self.duration_s.filter(|s| *s > 0.0)?)
        };
        let limit = self.max_concurrency.map(|limit| limit.min(requests));
        // A limit far above what the requests came to was never reached.
        let limit = limit.filter(|limit| by_rate().is_none_or(|users| users > 0.75 * limit));
        let users = self.concurrency.or(limit).or_else(by_rate)?.round().clamp(1.0, 1e5) as u64;
        let mut readings = Vec::new();
        if let Some(us) = micro(tpot_ms) {
            readings.push(Reading::TokenTime { users, prompt, output, us });
        }
        if let Some(us) = micro(self.ttft_ms)
            && users == 1
        {
            readings.push(Reading::FirstToken { prompt, us });
        }
        Some(readings)
    }
}

/// The `label: value` lines under the heading of a serving benchmark.
pub(super) struct Lines<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Lines<'a> {
    /// Returns the lines after the heading; `None` without a heading.
    pub fn find(text: &'a str) -> Option<Lines<'a>> {
        let (_, lines) = text.split_once("Serving Benchmark Result")?;
        let lines = lines.lines().filter_map(|line| line.split_once(':'));
        Some(Lines(lines.map(|(label, value)| (label.trim(), value.trim())).collect()))
    }

    /// Returns the number that follows a label.
    pub fn number(&self, label: &str) -> Option<f64> {
        self.values(label).find_map(float::parse)
    }

    /// Whether a line has the label.
    pub fn has(&self, label: &str) -> bool {
        self.values(label).next().is_some()
    }

    fn values(&self, wanted: &str) -> impl Iterator<Item = &'a str> {
        let lines = self.0.iter().filter(move |(label, _)| label.eq_ignore_ascii_case(wanted));
        lines.map(|(_, value)| *value)
    }
}
