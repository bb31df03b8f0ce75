//! Outputs of benchmark tools, read as [`Reading`]s.
//!
//! Each tool has a file here, with samples of its output as tests, and an entry in `PARSERS`.

mod llama_batched_bench;
mod llama_bench;
mod serving;
mod sglang;
mod vllm;

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::scenario::{Reading, thousandths};

/// The parsers of all tools, in the order in which they are tried.
const PARSERS: &[Parser] =
    &[llama_bench::PARSER, llama_batched_bench::PARSER, sglang::PARSER, vllm::PARSER];

/// Largest number of readings of a paste; further ones are dropped.
pub const MOST_READINGS: usize = 16;
/// Largest size of a paste in bytes.
const LONGEST: usize = 1 << 20;

/// The readings found in a paste.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pasted {
    /// The tool that printed the paste.
    pub tool: Tool,
    /// Name of the model in the paste.
    pub model: Option<String>,
    /// Readings of that model; the fastest of several runs of one test.
    pub readings: Vec<Reading>,
}

/// A kind of benchmark tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `llama-bench`, `llama-batched-bench`.
    LlamaBench,
    /// `vllm bench serve`, SGLang's `bench_serving`.
    BenchServe,
}

/// Reason why a paste cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasteError {
    /// The paste is empty.
    Empty,
    /// The paste is longer than the output of any tool.
    TooLong,
    /// The paste is in no known format.
    UnknownFormat,
    /// The paste is in a known format, but no figure in it can be used.
    NoReadings(Tool),
}

/// Reads the output of any known tool.
///
/// # Errors
/// The text is empty, too long, in no known format, or has no usable figure.
pub fn parse(text: &str) -> Result<Pasted, PasteError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(PasteError::Empty);
    }
    if text.len() > LONGEST {
        return Err(PasteError::TooLong);
    }
    let (tool, runs) = json(text)
        .or_else(|| report(text))
        .or_else(|| table(text, csv_fields, |parser| parser.csv))
        .or_else(|| table(text, markdown_cells, |parser| parser.markdown))
        .ok_or(PasteError::UnknownFormat)?;
    let model = runs.first().and_then(|run| run.model.clone());
    let mut readings: Vec<Reading> = Vec::new();
    let runs = runs.into_iter().filter(|run| run.model == model && run.reading.is_accepted());
    for Run { reading, .. } in runs {
        match readings.iter().position(|seen| is_same_test(seen, &reading)) {
            Some(at) if is_faster(&reading, &readings[at]) => readings[at] = reading,
            Some(_) => {}
            None if readings.len() < MOST_READINGS => readings.push(reading),
            None => {}
        }
    }
    if readings.is_empty() {
        return Err(PasteError::NoReadings(tool));
    }
    Ok(Pasted { tool, model, readings })
}

/// The forms of a tool's output: how to recognise and read each. Forms that the tool does not print
/// are `None`.
struct Parser {
    tool: Tool,
    json: Option<JsonForm>,
    report: Option<ReadReport>,
    csv: Option<TableForm>,
    markdown: Option<TableForm>,
}

impl Parser {
    /// Returns a parser without any form.
    const fn new(tool: Tool) -> Parser {
        Parser { tool, json: None, report: None, csv: None, markdown: None }
    }
}

/// A form with one JSON object per test, or per run of requests.
#[derive(Clone, Copy)]
struct JsonForm {
    /// Keys of which this tool's objects have at least one.
    keys: &'static [&'static str],
    read: fn(&Value) -> Vec<Run>,
}

/// Reads a text report, or returns `None` if it is another tool's.
type ReadReport = fn(&str) -> Option<Vec<Run>>;

/// A table with one row per test.
#[derive(Clone, Copy)]
struct TableForm {
    /// Columns that this tool's tables have.
    columns: &'static [&'static str],
    read: fn(&Record<'_>) -> Vec<Run>,
}

/// A reading, and the name of the model if the tool prints it.
struct Run {
    model: Option<String>,
    reading: Reading,
}

impl Run {
    /// Returns a reading of a model that the tool does not name.
    fn unnamed(reading: Reading) -> Run {
        Run { model: None, reading }
    }
}

/// A row of a table, with the table's header.
struct Record<'a> {
    header: &'a [Cow<'a, str>],
    fields: &'a [Cow<'a, str>],
}

impl Record<'_> {
    /// Returns the field in a column.
    fn get(&self, column: &str) -> Option<&str> {
        let at = self.header.iter().position(|name| name == column)?;
        self.fields.get(at).map(AsRef::as_ref)
    }
}

fn is_faster(a: &Reading, b: &Reading) -> bool {
    // Shorter times are faster: their order is reversed.
    let rank = |reading: &Reading| match *reading {
        Reading::Decode { tps, .. } | Reading::Prefill { tps, .. } => tps,
        Reading::TokenTime { us, .. } | Reading::FirstToken { us, .. } => u64::MAX - us,
    };
    rank(a) > rank(b)
}

/// Whether two readings differ in their value only.
fn is_same_test(a: &Reading, b: &Reading) -> bool {
    a.with_value(0) == b.with_value(0)
}

/// Reads JSON documents, or JSON lines, between other lines.
fn json(text: &str) -> Option<(Tool, Vec<Run>)> {
    // Whatever it is without one of these, it is no tool's: most of what is no JSON costs nothing.
    let forms = PARSERS.iter().filter_map(|parser| parser.json);
    if !forms.flat_map(|form| form.keys).any(|key| text.contains(key)) {
        return None;
    }
    let (values, _) = json_values(text);
    let objects: Vec<&Value> = values
        .iter()
        .flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice))
        .collect();
    let is_known = |key: &&str| objects.iter().any(|object| object.get(*key).is_some());
    PARSERS.iter().find_map(|parser| {
        let form = parser.json.filter(|form| form.keys.iter().any(is_known))?;
        Some((parser.tool, objects.iter().flat_map(|object| (form.read)(object)).collect()))
    })
}

/// How often, on average, a byte of a paste may be part of something that turns out to be no JSON. A
/// truncated report is tried as a whole, then its list of results.
const TRIES: usize = 2;

/// Returns the JSON values that begin a line of `text`, ignoring other text, and how many bytes were
/// tried in vain. Of a truncated array, the complete lines are read. Where too much is tried in
/// vain, the rest is not read.
fn json_values(text: &str) -> (Vec<Value>, usize) {
    let (mut found, mut tried) = (Vec::new(), 0);
    let mut rest = text;
    while !rest.is_empty() && tried <= TRIES * text.len() {
        let line = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let mut read = line;
        if rest[..line].trim_start().starts_with(['[', '{']) {
            // Looked over before anything is made of it: most of what is no JSON costs little then.
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
            let mut last = 0;
            while let Some(next) = stream.next() {
                let value = next.map_err(|error| length_up_to(&error, rest)).and_then(|_| {
                    let value = &rest[last..stream.byte_offset()];
                    serde_json::from_str(value).map_err(|_| stream.byte_offset())
                });
                match value {
                    Ok(value) => found.push(value),
                    Err(length) => {
                        tried += length.saturating_sub(last);
                        break;
                    }
                }
                last = stream.byte_offset();
            }
            // What follows a value on its line is a comma or noise.
            read = rest[last..].find('\n').map_or(rest.len(), |end| last + end + 1);
        }
        rest = &rest[read..];
    }
    (found, tried)
}

/// Bytes of `text` before the place of `error`.
fn length_up_to(error: &serde_json::Error, text: &str) -> usize {
    let before = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    before.map(str::len).sum::<usize>() + error.column()
}

/// Reads a tool's own text report.
fn report(text: &str) -> Option<(Tool, Vec<Run>)> {
    PARSERS.iter().find_map(|parser| Some((parser.tool, parser.report?(text)?)))
}

/// Reads the rows after the first header of a known tool; `split` divides a line into fields.
fn table(
    text: &str,
    split: for<'t> fn(&'t str) -> Vec<Cow<'t, str>>,
    form: fn(&Parser) -> Option<TableForm>,
) -> Option<(Tool, Vec<Run>)> {
    // Only a line with the name of a column in it can be a header.
    let forms = PARSERS.iter().filter_map(|parser| Some((parser.tool, form(parser)?)));
    let named = |(_, form): &(Tool, TableForm)| form.columns.iter().all(|name| text.contains(name));
    let forms: Vec<(Tool, TableForm)> = forms.filter(named).collect();
    if forms.is_empty() {
        return None;
    }
    let mut lines = text.lines();
    let (tool, form, header) = lines.find_map(|line| {
        let mut forms = forms.iter().filter(|(_, form)| line.contains(form.columns[0])).peekable();
        forms.peek()?;
        let header = split(line);
        let has = |column: &&str| header.iter().any(|name| name == column);
        let (tool, form) = *forms.find(|(_, form)| form.columns.iter().all(has))?;
        Some((tool, form, header))
    })?;
    let lines = lines.map(split);
    let read = |fields: Vec<_>| (form.read)(&Record { header: &header, fields: &fields });
    Some((tool, lines.flat_map(read).collect()))
}

/// Splits a CSV line into fields without quotes.
fn csv_fields(line: &str) -> Vec<Cow<'_, str>> {
    let mut quoted = false;
    let between = |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    };
    line.split(between).map(unquoted).collect()
}

/// A field without quotes and the spaces around it.
fn unquoted(field: &str) -> Cow<'_, str> {
    let field = field.trim();
    let inner = field.strip_prefix('"').and_then(|field| field.strip_suffix('"'));
    match inner.unwrap_or(field) {
        inner if inner.contains('"') => Cow::Owned(field.replace('"', "").trim().to_owned()),
        inner => Cow::Borrowed(inner.trim()),
    }
}

/// Splits a line of a Markdown table into cells.
fn markdown_cells(line: &str) -> Vec<Cow<'_, str>> {
    let line = line.trim().trim_start_matches('|').trim_end_matches('|');
    line.split('|').map(|cell| Cow::Borrowed(cell.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Bounds;

    /// The readings of a paste, as they are written in a link.
    #[track_caller]
    pub(super) fn readings(text: &str) -> Vec<String> {
        let pasted = parse(text).unwrap_or_else(|error| panic!("{error:?}: {text}"));
        pasted.readings.iter().map(Reading::to_string).collect()
    }

    #[test]
    fn of_several_runs_the_fastest_counts() {
        let text = "| model | ngl | test | t/s |\n|a|10|tg128|13.45 ± 0.9|\n|a|99|tg128|131.7 ± 0.5|\n|a|20|tg128|21 ± 1|";
        assert_eq!(readings(text), ["tg:131.7"]);
    }

    #[test]
    fn the_first_table_of_a_paste_is_read() {
        let bench = "| model | test | t/s |\n| a | tg128 | 120 |";
        let batched = "| PP | TG | B | S_TG t/s |\n| 128 | 128 | 8 | 139 |";
        assert_eq!(readings(&format!("{bench}\n{batched}")), ["tg:120"]);
        assert_eq!(readings(&format!("{batched}\n{bench}")), ["tg@192x8:139"]);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(parse(" \n "), Err(PasteError::Empty));
        assert_eq!(parse(&"x".repeat(LONGEST + 1)), Err(PasteError::TooLong));
        for text in ["hello", "42 tok/s", "{}", "[]", "{", "[1, 2", "| a | b |", "a,b\n1,2", "[[[["]
        {
            assert_eq!(parse(text), Err(PasteError::UnknownFormat), "{text}");
        }
    }

    #[test]
    fn a_truncated_report_is_read_as_far_as_it_goes() {
        let result = "{\"n_prompt\": 0, \"n_gen\": 128, \"avg_ts\": 50}";
        let report = format!("{{\"results\": 1,\n\"all\":\n[\n{result},\n{result},\n{{\"n_pro");
        assert_eq!(readings(&report), ["tg:50"]);
    }

    #[test]
    fn however_a_paste_nests_little_is_tried_in_vain() {
        let lines = |line: &str| line.repeat(LONGEST / line.len());
        let ones = format!("[{}\n", "1,".repeat(50));
        let open = [
            "[\n",
            "{\n",
            "[",
            "{\"a\":\n",
            "[{\"a\":[\n",
            "[1,\n",
            "[\"",
            "[INFO]\n",
            &ones,
            "\n[ \n\n",
        ];
        for line in open {
            let text = lines(line);
            let (_, tried) = json_values(&text);
            // What exceeds the bound is one more try.
            assert!(tried <= (TRIES + 1) * text.len(), "{line:?}: {tried}");
            assert_eq!(parse(&text), Err(PasteError::UnknownFormat), "{line:?}");
        }
    }

    #[test]
    fn a_count_that_no_link_takes_is_not_read() {
        let run = |depth: u64| {
            format!("{{\"n_prompt\":0,\"n_gen\":128,\"n_depth\":{depth},\"avg_ts\":50}}")
        };
        let most = Bounds::READING_COUNT.max;
        assert_eq!(readings(&run(most)), [format!("tg@{most}:50")]);
        let refused = Err(PasteError::NoReadings(Tool::LlamaBench));
        assert_eq!((parse(&run(most + 1)), parse(&run(u64::MAX))), (refused.clone(), refused));
        assert_eq!(readings(&format!("{}\n{}", run(most + 1), run(7))), ["tg@7:50"]);
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
