//! A plan in the words of a language and a shell.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::words::Words;
use super::{Body, DeviceFigures, Plan, PlanInput, Stage};
use crate::catalog::Catalog;
use crate::engine::Shell;
use crate::quality;
use crate::report::Cell;
use crate::scenario::{CacheTypes, Lang, Scenario};

/// What `cell`, which has its cache in `kv`, loses in quality by its format and by that, a line for
/// each figure; nothing of what loses nothing.
pub fn quality_lines(catalog: &Catalog, kv: CacheTypes, cell: &Cell, lang: Lang) -> Vec<String> {
    let quality = quality::of_cell(catalog, kv, cell);
    quality.map(|quality| Words(lang).quality_lines(cell.quant, kv, &quality)).unwrap_or_default()
}

/// A plan as it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// The question, as a query string.
    pub query: String,
    /// Why the answer is as it is.
    pub why: String,
    /// Heading of `why`.
    pub why_title: String,
    /// What the format and the cache type cost, a line a figure; empty where nothing is lost.
    pub quality: Vec<String>,
    /// Heading of `quality`.
    pub quality_title: String,
    /// The stages.
    pub sections: Vec<DocumentSection>,
}

/// A stage of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentSection {
    /// Its heading.
    pub title: String,
    /// Its steps.
    pub steps: Vec<DocumentStep>,
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentStep {
    /// What it does.
    pub text: String,
    /// What is typed, or the text of the file; empty if it only says something.
    pub code: String,
    /// The name of the file whose text it is.
    pub file: Option<String>,
}

/// The devices by name, alike ones counted.
fn names(devices: &[DeviceFigures]) -> Vec<String> {
    let alike = devices.chunk_by(|a, b| a.name == b.name);
    let name = |devices: &[DeviceFigures]| match devices.len() {
        1 => devices[0].name.clone(),
        n => format!("{n}× {}", devices[0].name),
    };
    alike.map(name).collect()
}

impl Document {
    /// Returns the plan of `input` in these words; `None` if there is none.
    pub fn new(catalog: &Catalog, input: &PlanInput, lang: Lang, shell: Shell) -> Option<Document> {
        let plan = Plan::new(catalog, input)?;
        let words = Words(lang);
        let (scenario, _) = Scenario::from_query(&input.query);
        let hardware = match input.figures.devices.as_slice() {
            [] => scenario.machines.iter().map(ToString::to_string).collect(),
            devices => names(devices),
        };
        let model = catalog.model(&input.figures.model).map(|model| model.name.clone());
        let name = format!(
            "{} {}, {}",
            model.unwrap_or_default(),
            input.figures.quant,
            input.figures.engine.title()
        );
        let reasons: Vec<String> = plan.why.iter().map(|reason| words.reason(reason)).collect();
        let sections = plan.stages.iter().filter_map(|(stage, steps)| {
            // What keeps it running is of Linux.
            if *stage == Stage::Keep && shell == Shell::PowerShell {
                return None;
            }
            let steps = steps.iter().map(|step| {
                let (code, file) = match &step.body {
                    Body::Nothing => (String::new(), None),
                    Body::Commands(commands) => {
                        let lines: Vec<String> =
                            commands.iter().map(|command| command.in_shell(shell)).collect();
                        (lines.join("\n"), None)
                    }
                    Body::File(file) => (file.text.trim_end().to_owned(), Some(file.name.clone())),
                };
                DocumentStep { text: words.what(&step.what, &input.figures), code, file }
            });
            Some(DocumentSection { title: words.stage(*stage), steps: steps.collect() })
        });
        Some(Document {
            title: words.title(&name, &hardware.join(" + ")),
            query: input.query.clone(),
            why: reasons.join(" "),
            why_title: words.why(),
            quality: words.quality_lines(input.figures.quant, scenario.kv, &plan.quality),
            quality_title: words.quality(),
            sections: sections.collect(),
        })
    }

    /// The plan as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "# {}\n\n`{}`\n\n## {}\n\n{}\n",
            self.title, self.query, self.why_title, self.why
        );
        if !self.quality.is_empty() {
            _ = write!(text, "\n## {}\n\n", self.quality_title);
            for line in &self.quality {
                _ = writeln!(text, "- {line}");
            }
        }
        for section in &self.sections {
            _ = write!(text, "\n## {}\n", section.title);
            for (n, step) in (1..).zip(&section.steps) {
                _ = write!(text, "\n{n}. {}\n", step.text);
                if !step.code.is_empty() {
                    _ = write!(text, "\n   ```\n");
                    for line in step.code.lines() {
                        _ = writeln!(text, "{}", format!("   {line}").trim_end());
                    }
                    _ = writeln!(text, "   ```");
                }
            }
        }
        text
    }
}
