//! What benchmark tools print, read as [`Reading`]s: `llama-bench` as Markdown, CSV, JSON or JSON
//! lines, `llama-batched-bench` as Markdown or JSON lines, `vllm bench serve` and SGLang's
//! `bench_serving` as text or JSON.
//!
//! Formats as of llama.cpp b11434 (`tools/llama-bench`; `pp 512` with a space is the older form;
//! `tools/batched-bench`) and vLLM 0.33 (`benchmarks/serve.py`).

use serde_json::Value;

use super::measured::{Reading, thousandths};

/// Readings beyond this many are left out.
pub const MOST_READINGS: usize = 16;
/// No output is longer than this, in bytes.
const LONGEST: usize = 1 << 20;

/// What was read of a paste.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pasted {
    /// The tool that printed it.
    pub tool: Tool,
    /// The model as the tool names it.
    pub model: Option<String>,
    /// What was measured of that model; of several runs of one test the fastest.
    pub readings: Vec<Reading>,
}

/// A benchmark tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `llama-bench`, `llama-batched-bench`.
    LlamaBench,
    /// `vllm bench serve`, SGLang's `bench_serving`.
    BenchServe,
}

/// Why a paste was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasteError {
    /// There is nothing in it.
    Empty,
    /// It is longer than any output is.
    TooLong,
    /// It is none of the known formats.
    UnknownFormat,
    /// It is of a known format, but no figure in it can be used.
    NoReadings(Tool),
}

/// Reads `text`.
///
/// # Errors
/// It is empty, too long, of no known format, or without a figure.
pub fn parse(text: &str) -> Result<Pasted, PasteError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(PasteError::Empty);
    }
    if text.len() > LONGEST {
        return Err(PasteError::TooLong);
    }
    let runs = json(text)
        .or_else(|| serving_text(text))
        .or_else(|| csv(text))
        .or_else(|| markdown(text))
        .ok_or(PasteError::UnknownFormat)?;
    let Runs { tool, rows } = runs;
    let model = rows.first().and_then(|(model, _)| model.clone());
    let mut readings: Vec<Reading> = Vec::new();
    for (_, reading) in rows.into_iter().filter(|(of, _)| *of == model) {
        match readings.iter().position(|seen| is_same_test(seen, &reading)) {
            Some(at) if is_faster(&reading, &readings[at]) => readings[at] = reading,
            Some(_) => {}
            None if readings.len() < MOST_READINGS => readings.push(reading),
            None => {}
        }
    }
    match readings.is_empty() {
        true => Err(PasteError::NoReadings(tool)),
        false => Ok(Pasted { tool, model, readings }),
    }
}

/// The readings of an output, each with the model as the tool names it.
struct Runs {
    tool: Tool,
    rows: Vec<(Option<String>, Reading)>,
}

/// Of two readings of one test.
fn is_faster(a: &Reading, b: &Reading) -> bool {
    // Of times the smaller is the faster: their order is turned round.
    let rank = |reading: &Reading| match *reading {
        Reading::Decode { tps, .. } | Reading::Prefill { tps, .. } => tps,
        Reading::TokenTime { us, .. } | Reading::FirstToken { us, .. } => u64::MAX - us,
    };
    rank(a) > rank(b)
}

/// They differ in their value only.
fn is_same_test(a: &Reading, b: &Reading) -> bool {
    let name = |reading: &Reading| {
        let text = reading.to_string();
        text.split_once(':').map(|(test, _)| test.to_owned())
    };
    name(a) == name(b)
}

/// The value of `llama-bench`'s test with this many tokens of a prompt, of an answer and before
/// both; `None` of a test of both together.
fn llama_bench(prompt: u64, output: u64, depth: u64, tps: u64) -> Option<Reading> {
    match (prompt, output) {
        (tokens @ 1.., 0) => Some(Reading::Prefill { tokens, depth, tps }),
        (0, 1..) => Some(Reading::Decode { batch: 1, depth, tps }),
        _ => None,
    }
}

/// What `llama-batched-bench` says of `batch` sequences: answers decode from `prompt` tokens to
/// `output` more. Prompts count only where there is one: several are computed as one long batch.
fn batched_bench(prompt: u64, output: u64, batch: u64, [pp, tg]: [Option<u64>; 2]) -> Vec<Reading> {
    let depth = prompt.saturating_add(output / 2);
    let decode = tg.filter(|_| batch > 0).map(|tps| Reading::Decode { batch, depth, tps });
    let prefill = pp.filter(|_| batch == 1 && prompt > 0);
    let prefill = prefill.map(|tps| Reading::Prefill { tokens: prompt, depth: 0, tps });
    prefill.into_iter().chain(decode).collect()
}

/// The JSON values in `text` that begin a line, with whatever lies around them. Of an array that is
/// cut off its whole lines are read.
fn values(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let mut read = line;
        if rest.trim_start().starts_with(['[', '{']) {
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            let mut last = 0;
            while let Some(Ok(value)) = stream.next() {
                found.push(value);
                last = stream.byte_offset();
            }
            // What follows a value on its line is a comma or noise.
            read = rest[last..].find('\n').map_or(rest.len(), |end| last + end + 1);
        }
        rest = &rest[read..];
    }
    found
}

/// JSON documents, or one a line, with log lines around them.
fn json(text: &str) -> Option<Runs> {
    let values = values(text);
    let objects: Vec<&Value> = values
        .iter()
        .flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice))
        .collect();
    let has = |key: &str| objects.iter().any(|object| object.get(key).is_some());
    if has("avg_ts") {
        let rows = objects.iter().filter_map(|object| {
            let count = |key: &str| object.get(key).and_then(Value::as_u64);
            let tps = object.get("avg_ts").and_then(Value::as_f64)?;
            let model = object.get("model_type").or(object.get("model_filename"));
            let model = model.and_then(Value::as_str).map(str::to_owned);
            let depth = count("n_depth").unwrap_or(0);
            let tps = thousandths(&tps.to_string())?;
            Some((model, llama_bench(count("n_prompt")?, count("n_gen")?, depth, tps)?))
        });
        return Some(Runs { tool: Tool::LlamaBench, rows: rows.collect() });
    }
    if has("speed_tg") {
        let rows = objects.iter().flat_map(|object| {
            let count = |key: &str| object.get(key).and_then(Value::as_u64).unwrap_or(0);
            let rate = |key: &str| thousandths(&object.get(key)?.as_f64()?.to_string());
            let rates = [rate("speed_pp"), rate("speed_tg")];
            batched_bench(count("pp"), count("tg"), count("pl"), rates)
        });
        let rows = rows.map(|reading| (None, reading)).collect();
        return Some(Runs { tool: Tool::LlamaBench, rows });
    }
    if has("median_tpot_ms") || has("mean_tpot_ms") || has("mean_e2e_latency_ms") {
        let rows = objects.iter().flat_map(|object| {
            let number = |key: &str| object.get(key).and_then(Value::as_f64);
            let model = object.get("model_id").and_then(Value::as_str).map(str::to_owned);
            let readings = Serving {
                requests: number("completed"),
                duration_s: number("duration"),
                input: number("total_input_tokens"),
                output: number("total_output_tokens"),
                limit: number("max_concurrency"),
                concurrency: number("concurrency"),
                ttft_ms: number("median_ttft_ms").or(number("mean_ttft_ms")),
                tpot_ms: number("median_tpot_ms").or(number("mean_tpot_ms")),
                answered_ms: number("mean_e2e_latency_ms").zip(number("mean_ttft_ms")),
            }
            .readings();
            readings.into_iter().map(move |reading| (model.clone(), reading))
        });
        return Some(Runs { tool: Tool::BenchServe, rows: rows.collect() });
    }
    None
}

/// What a run of requests came to.
struct Serving {
    requests: Option<f64>,
    duration_s: Option<f64>,
    input: Option<f64>,
    output: Option<f64>,
    /// The most requests at once.
    limit: Option<f64>,
    /// Requests at once on average.
    concurrency: Option<f64>,
    ttft_ms: Option<f64>,
    tpot_ms: Option<f64>,
    /// To the last token on average, and to the first: where the time a token is not printed
    /// (SGLang's text until 0.4).
    answered_ms: Option<(f64, f64)>,
}

impl Serving {
    fn readings(&self) -> Vec<Reading> {
        self.try_readings().unwrap_or_default()
    }

    /// The first token's time is taken only where no one else asks: under load it is a matter of
    /// how requests arrive.
    fn try_readings(&self) -> Option<Vec<Reading>> {
        let requests = self.requests.filter(|n| *n >= 1.0)?;
        let each = |total: Option<f64>| -> Option<u64> {
            let tokens = (total? / requests).round();
            (1.0..1e9).contains(&tokens).then_some(tokens as u64)
        };
        let (prompt, output) = (each(self.input)?, each(self.output)?);
        let micro = |ms: Option<f64>| thousandths(&ms?.to_string());
        let later = (output as f64 - 1.0).max(1.0);
        let tpot_ms = self.tpot_ms.or(self.answered_ms.map(|(last, first)| (last - first) / later));
        // Little's law: requests under way are their rate times how long each takes.
        let by_rate = || {
            let took = self.ttft_ms? + tpot_ms? * (output as f64 - 1.0);
            Some(took / 1e3 * requests / self.duration_s.filter(|s| *s > 0.0)?)
        };
        let limit = self.limit.map(|limit| limit.min(requests));
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

/// The block of `label: value` lines under the heading of the serving benchmarks.
fn serving_text(text: &str) -> Option<Runs> {
    let (_, block) = text.split_once("Serving Benchmark Result")?;
    let number = |labels: &[&str]| -> Option<f64> {
        block.lines().filter_map(|line| line.split_once(':')).find_map(|(label, value)| {
            let wanted = labels.iter().any(|wanted| label.trim().eq_ignore_ascii_case(wanted));
            value.trim().parse().ok().filter(|_| wanted)
        })
    };
    let serving = Serving {
        requests: number(&["Successful requests"]),
        duration_s: number(&["Benchmark duration (s)"]),
        input: number(&["Total input tokens"]),
        output: number(&["Total generated tokens"]),
        limit: number(&[
            "Maximum request concurrency",
            "Max request concurrency",
            "Max reqeuest concurrency",
        ]),
        concurrency: number(&["Concurrency"]),
        ttft_ms: number(&["Median TTFT (ms)"]).or(number(&["Mean TTFT (ms)"])),
        tpot_ms: number(&["Median TPOT (ms)"]).or(number(&["Mean TPOT (ms)"])),
        answered_ms: number(&["Mean E2E Latency (ms)"]).zip(number(&["Mean TTFT (ms)"])),
    };
    let rows = serving.readings().into_iter().map(|reading| (None, reading)).collect();
    Some(Runs { tool: Tool::BenchServe, rows })
}

/// `llama-bench -o csv`: a line of names and a line a test, all quoted.
fn csv(text: &str) -> Option<Runs> {
    let mut lines = text.lines().map(fields).skip_while(|row| !row.iter().any(|f| f == "avg_ts"));
    let header = lines.next()?;
    let rows = lines.filter_map(|row| {
        let field = |name: &str| row.get(header.iter().position(|field| field == name)?);
        let count = |name: &str| field(name)?.parse::<u64>().ok();
        let model = field("model_type").or(field("model_filename")).cloned();
        let depth = count("n_depth").unwrap_or(0);
        let tps = thousandths(field("avg_ts")?)?;
        Some((model, llama_bench(count("n_prompt")?, count("n_gen")?, depth, tps)?))
    });
    Some(Runs { tool: Tool::LlamaBench, rows: rows.collect() })
}

/// The fields of a CSV line, without quotes.
fn fields(line: &str) -> Vec<String> {
    let (mut out, mut field, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    out.push(field);
    out.iter().map(|field| field.trim().to_owned()).collect()
}

/// `llama-bench`'s table, `| model | ... | test | t/s |`, or that of `llama-batched-bench`,
/// `| PP | TG | B | ... | S_TG t/s | ...`.
fn markdown(text: &str) -> Option<Runs> {
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim().trim_start_matches('|').trim_end_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let is_header = |row: &[String]| row.iter().any(|cell| cell == "t/s" || cell == "S_TG t/s");
    let mut lines = text.lines().map(cells).skip_while(|row| !is_header(row));
    let header = lines.next()?;
    let at = |name: &str| header.iter().position(|cell| cell == name);
    if let Some(tg) = at("S_TG t/s") {
        let rows = lines.flat_map(|row| {
            let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).map(String::as_str);
            let count = |name: &str| cell(at(name)).and_then(|n| n.parse().ok()).unwrap_or(0);
            let rates = [at("S_PP t/s"), Some(tg)].map(|at| thousandths(cell(at)?));
            batched_bench(count("PP"), count("TG"), count("B"), rates)
        });
        let rows = rows.map(|reading| (None, reading)).collect();
        return Some(Runs { tool: Tool::LlamaBench, rows });
    }
    let (test, rate, model) = (at("test")?, at("t/s")?, at("model"));
    let rows = lines.filter_map(|row| {
        let (prompt, output, depth) = test_of(row.get(test)?)?;
        let tps = thousandths(row.get(rate)?.split('±').next()?)?;
        let model = model.and_then(|at| row.get(at)).cloned();
        Some((model, llama_bench(prompt, output, depth, tps)?))
    });
    Some(Runs { tool: Tool::LlamaBench, rows: rows.collect() })
}

/// Tokens of prompt, of answer and before them in `pp512`, `tg 128`, `tg128 @ d4096`.
fn test_of(text: &str) -> Option<(u64, u64, u64)> {
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
    use super::*;

    #[track_caller]
    fn readings(text: &str) -> Vec<String> {
        let pasted = parse(text).unwrap_or_else(|error| panic!("{error:?}: {text}"));
        pasted.readings.iter().map(Reading::to_string).collect()
    }

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
    fn a_table_of_llama_bench_is_read() {
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
    fn of_several_runs_the_fastest_counts() {
        let text = "| model | ngl | test | t/s |\n|a|10|tg128|13.45 ± 0.9|\n|a|99|tg128|131.7 ± 0.5|\n|a|20|tg128|21 ± 1|";
        assert_eq!(readings(text), ["tg:131.7"]);
    }

    #[test]
    fn csv_and_json_of_llama_bench_are_read() {
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
    fn a_table_of_llama_batched_bench_is_read() {
        let table = "\
main: n_kv_max = 8192, n_batch = 2048, n_ubatch = 512, flash_attn = 1, is_pp_shared = 0

|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |
|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|
|   128 |    128 |    1 |    256 |    0.108 |  1186.64 |    3.079 |    41.57 |    3.187 |    80.32 |
|   128 |    128 |    8 |   2048 |    0.751 |  1363.27 |    7.344 |   139.43 |    8.095 |   252.99 |";
        assert_eq!(readings(table), ["pp128:1186.64", "tg@192:41.57", "tg@192x8:139.43"]);
        let lines = r#"{"n_kv_max": 8192, "is_pp_shared": 0, "pp": 512, "tg": 32, "pl": 4, "t_pp": 1.0, "speed_pp": 900.5, "t_tg": 1.0, "speed_tg": 151.25, "speed": 200.0}"#;
        assert_eq!(readings(lines), ["tg@528x4:151.25"]);
        for broken in
            ["| S_TG t/s |", "| PP | B | S_TG t/s |\n| 1 | 0 | 5 |\n| 1 |", "{\"speed_tg\": 5}"]
        {
            assert_eq!(parse(broken), Err(PasteError::NoReadings(Tool::LlamaBench)), "{broken}");
        }
    }

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
    fn a_serving_benchmark_is_read() {
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
    fn sglang_s_benchmark_is_read() {
        // As SGLang 0.5.8 prints it, and as 0.4 did, without times a token.
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

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(parse(" \n "), Err(PasteError::Empty));
        assert_eq!(parse(&"x".repeat(LONGEST + 1)), Err(PasteError::TooLong));
        for text in ["hello", "42 tok/s", "{}", "[]", "{", "[1, 2", "| a | b |", "a,b\n1,2", "[[[["]
        {
            assert_eq!(parse(text), Err(PasteError::UnknownFormat), "{text}");
        }
        for text in [
            "| model | test | t/s |",
            "| model | test | t/s |\n| a | tg128 | fast |\n| b |\n| c | pp | 5 |",
            "| model | test | t/s |\n| a | tg128 | -5 ± 1 |\n| a | tg128 @ 4k | 5 |",
            "n_prompt,n_gen,avg_ts\n512,0\n0,128,nan",
            r#"[{"avg_ts": null}, {"avg_ts": 5, "n_prompt": -1, "n_gen": 0}]"#,
        ] {
            assert_eq!(parse(text), Err(PasteError::NoReadings(Tool::LlamaBench)), "{text}");
        }
        let broken = "Serving Benchmark Result\nSuccessful requests: 0\nMedian TPOT (ms): 5";
        assert_eq!(parse(broken), Err(PasteError::NoReadings(Tool::BenchServe)));
    }

    #[test]
    fn a_long_output_is_cut() {
        let rows: String = (1..100).map(|n| format!("| a | pp{n} | {n} |\n")).collect();
        assert_eq!(readings(&format!("| model | test | t/s |\n{rows}")).len(), MOST_READINGS);
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod laws {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_paste_makes_the_reader_panic(text in "\\PC{0,200}") {
            _ = super::parse(&text);
        }

        #[test]
        fn nor_one_that_looks_like_json(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("{\"speed_tg\":"), Just("[{\"avg_ts\":"), Just("\"n_gen\": 1"), Just("}"),
                    Just("]"), Just("{"), Just(","), Just("\n"), Just("1e999"), Just("-1"),
                    Just("\"\u{20ac}"), Just("\"median_tpot_ms\": 0"), Just("null"),
                ],
                0..40,
            ),
        ) {
            _ = super::parse(&parts.concat());
        }

        #[test]
        fn nor_one_that_looks_like_a_table(
            cells in proptest::collection::vec("[-a-z0-9 .±@|+]{0,12}", 0..40),
        ) {
            _ = super::parse(&format!("| model | test | t/s |\n| {}", cells.join(" |\n| ")));
            _ = super::parse(&format!("| PP | TG | B | S_TG t/s |\n| {}", cells.join(" |\n| ")));
            _ = super::parse(&format!("n_prompt,n_gen,avg_ts\n{}", cells.join("\n")));
            _ = super::parse(&format!("Serving Benchmark Result\n{}", cells.join("\n")));
        }
    }
}
