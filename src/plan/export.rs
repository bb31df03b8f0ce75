//! A report as a table: CSV for a spreadsheet, Markdown for a text, JSON for a program.

use serde_json::Value;

use crate::report::{Cell, Report, Verdict};
use crate::units::{Bytes, Interval};

/// A column: its name and the value in a cell, empty where there is none.
type Column = (&'static str, fn(&Cell) -> String);

const COLUMNS: &[Column] = &[
    ("model", |cell| cell.model.clone()),
    ("hardware", |cell| cell.hardware.clone()),
    ("quant", |cell| cell.quant.to_string()),
    ("engine", |cell| cell.engine.to_string()),
    ("verdict", |cell| verdict(cell.verdict).to_owned()),
    ("weights_gib", |cell| gib(cell.weights_bytes)),
    ("kv_gib", |cell| gib(cell.kv_bytes)),
    ("devices_gib", |cell| gib(cell.device_bytes.expected)),
    ("ram_gib", |cell| gib(cell.ram_bytes())),
    ("headroom_gib", |cell| format!("{:.2}", cell.headroom_bytes as f64 / (1u64 << 30) as f64)),
    ("max_context", |cell| cell.longest_context().to_string()),
    ("max_users", |cell| cell.most_users().to_string()),
    ("decode_tps", |cell| rate(cell.speed.decode_tps, |tps| tps.expected)),
    ("decode_tps_low", |cell| rate(cell.speed.decode_tps, |tps| tps.low)),
    ("decode_tps_high", |cell| rate(cell.speed.decode_tps, |tps| tps.high)),
    ("prefill_tps", |cell| rate(cell.speed.prefill_tps, |tps| tps.expected)),
    ("throughput_tps", |cell| rate(cell.speed.throughput_tps, |tps| tps.expected)),
    ("command", |cell| cell.command.clone()),
];

/// `report` as CSV (RFC 4180) with a line of names first: sizes in GiB, rates in tokens a second.
pub fn report_csv(report: &Report) -> String {
    let field = |text: &str| match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    table(
        report,
        |fields| fields.iter().map(|text| field(text)).collect::<Vec<_>>().join(",") + "\r\n",
        "",
    )
}

/// `report` as a Markdown table, and its notices are left out.
pub fn report_markdown(report: &Report) -> String {
    let field = |text: &str| text.replace('|', "\\|").replace('\n', "<br>");
    let rule = format!("|{}\n", " --- |".repeat(COLUMNS.len()));
    let row = |fields: &[String]| {
        let fields: Vec<String> = fields.iter().map(|text| field(text)).collect();
        format!("| {} |\n", fields.join(" | "))
    };
    table(report, row, &rule)
}

/// `report` as JSON: an object a row, with numbers where the values are numbers.
pub fn report_json(report: &Report) -> String {
    let value = |text: String| match text.parse::<serde_json::Number>() {
        Ok(number) => Value::Number(number),
        Err(_) if text.is_empty() => Value::Null,
        Err(_) => Value::String(text),
    };
    let row = |cell: &Cell| {
        // Gathered at once they would be sorted first, by code of its own.
        let mut pairs = serde_json::Map::new();
        for (name, of) in COLUMNS {
            pairs.insert((*name).to_owned(), value(of(cell)));
        }
        Value::Object(pairs)
    };
    format!("{:#}\n", Value::Array(report.cells.iter().map(row).collect()))
}

fn table(report: &Report, row: impl Fn(&[String]) -> String, rule: &str) -> String {
    let names: Vec<String> = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut text = row(&names) + rule;
    for cell in &report.cells {
        let values: Vec<String> = COLUMNS.iter().map(|(_, value)| value(cell)).collect();
        text += &row(&values);
    }
    text
}

fn gib(bytes: Bytes) -> String {
    format!("{:.2}", bytes.to_gib())
}

fn rate(value: Option<Interval<f64>>, part: impl Fn(Interval<f64>) -> f64) -> String {
    value.map(|value| format!("{:.2}", part(value))).unwrap_or_default()
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fits => "fits",
        Verdict::Tight => "tight",
        Verdict::Offload => "offload",
        Verdict::No => "no",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::estimate;
    use crate::scenario::Scenario;

    fn report(query: &str) -> Report {
        let (scenario, problems) = Scenario::from_query(query);
        estimate::report(Catalog::bundled(), &scenario, problems)
    }

    #[test]
    fn every_row_reads_back_with_as_many_fields_as_there_are_columns() {
        let report = report(
            "model=qwen3-32b,gpt-oss-20b&hw=rtx-4090,rtx-3090;h100-sxm*2&engine=ollama,vllm",
        );
        let csv = report_csv(&report);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), report.cells.len());
        for (row, cell) in rows.iter().zip(&report.cells) {
            assert_eq!(row.len(), COLUMNS.len());
            assert_eq!((&row[0], &row[1]), (cell.model.as_str(), cell.hardware.as_str()));
            assert_eq!(&row[COLUMNS.len() - 1], cell.command);
            assert_eq!(
                row[6].parse::<f64>().unwrap(),
                format!("{:.2}", cell.kv_bytes.to_gib()).parse::<f64>().unwrap()
            );
        }
        // A machine of two kinds of devices has a comma in its name.
        assert!(csv.contains("\"rtx-4090,rtx-3090\""));
        let markdown = report_markdown(&report);
        assert_eq!(markdown.lines().count(), report.cells.len() + 2);
        let bars = |line: &str| line.replace("\\|", "").matches('|').count();
        let json: Vec<serde_json::Map<String, Value>> =
            serde_json::from_str(&report_json(&report)).unwrap();
        assert_eq!(json.len(), rows.len());
        for (row, object) in rows.iter().zip(&json) {
            assert_eq!(object["quant"], row[2]);
            assert_eq!(object["kv_gib"].as_f64(), row[6].parse().ok());
        }
        assert!(markdown.lines().all(|line| bars(line) == COLUMNS.len() + 1), "{markdown}");
    }
}
