//! `llama-batched-bench` of llama.cpp b11434 (`tools/batched-bench`): Markdown and JSON lines.

use serde_json::Value;

use super::{JsonForm, Parser, Reading, Record, Run, TableForm, Tool, thousandths};

pub(super) const PARSER: Parser = Parser {
    json: Some(JsonForm { keys: &["speed_tg"], read: json }),
    markdown: Some(TableForm { columns: &["S_TG t/s"], read: markdown }),
    ..Parser::new(Tool::LlamaBench)
};

/// Returns the readings of `batch` sequences that decode `output` tokens after `prompt` tokens. The
/// prompt's rate is used for a single sequence only: several are computed as one long batch.
fn runs(prompt: u64, output: u64, batch: u64, [pp, tg]: [Option<u64>; 2]) -> Vec<Run> {
    let depth = prompt.saturating_add(output / 2);
    let decode = tg.filter(|_| batch > 0).map(|tps| Reading::Decode { batch, depth, tps });
    let prefill = pp.filter(|_| batch == 1 && prompt > 0);
    let prefill = prefill.map(|tps| Reading::Prefill { tokens: prompt, depth: 0, tps });
    prefill.into_iter().chain(decode).map(Run::unnamed).collect()
}

fn json(object: &Value) -> Vec<Run> {
    let count = |key: &str| object.get(key).and_then(Value::as_u64).unwrap_or(0);
    let rate = |key: &str| thousandths(&object.get(key)?.as_f64()?.to_string());
    runs(count("pp"), count("tg"), count("pl"), [rate("speed_pp"), rate("speed_tg")])
}

/// Reads a row of `| PP | TG | B | ... | S_TG t/s | ...`.
fn markdown(row: &Record<'_>) -> Vec<Run> {
    let count = |name: &str| row.get(name).and_then(|n| n.parse().ok()).unwrap_or(0);
    let rates = ["S_PP t/s", "S_TG t/s"].map(|name| thousandths(row.get(name)?));
    runs(count("PP"), count("TG"), count("B"), rates)
}

#[cfg(test)]
mod tests {
    use super::super::tests::readings;
    use super::super::{PasteError, Tool, parse};

    #[test]
    fn a_table_and_json_lines_are_read() {
        let table = "\
main: n_kv_max = 8192, n_batch = 2048, n_ubatch = 512, flash_attn = 1, is_pp_shared = 0

|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |
|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|
|   128 |    128 |    1 |    256 |    0.108 |  1186.64 |    3.079 |    41.57 |    3.187 |    80.32 |
|   128 |    128 |    8 |   2048 |    0.751 |  1363.27 |    7.344 |   139.43 |    8.095 |   252.99 |";
        assert_eq!(readings(table), ["pp128:1186.64", "tg@192:41.57", "tg@192x8:139.43"]);
        // Of 0c1e570, which prints more before it.
        let newer = "\
llama_batched_bench: n_kv_max = 8192, n_batch = 2048, n_ubatch = 512, flash_attn = 1, is_pp_shared = 0, is_tg_separate = 0, n_gpu_layers = -1, n_threads = 2, n_threads_batch = 2

|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |
|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|
|   128 |     32 |    4 |    640 |    0.416 |  1231.28 |    3.510 |    36.47 |    3.925 |   163.04 |";
        assert_eq!(readings(newer), ["tg@144x4:36.47"]);
        let lines = r#"{"n_kv_max": 8192, "is_pp_shared": 0, "pp": 512, "tg": 32, "pl": 4, "t_pp": 1.0, "speed_pp": 900.5, "t_tg": 1.0, "speed_tg": 151.25, "speed": 200.0}"#;
        assert_eq!(readings(lines), ["tg@528x4:151.25"]);
    }

    #[test]
    fn an_output_without_a_figure_has_no_readings() {
        for broken in
            ["| S_TG t/s |", "| PP | B | S_TG t/s |\n| 1 | 0 | 5 |\n| 1 |", "{\"speed_tg\": 5}"]
        {
            assert_eq!(parse(broken), Err(PasteError::NoReadings(Tool::LlamaBench)), "{broken}");
        }
    }
}
