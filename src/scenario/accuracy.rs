//! Whether the page shows the answer or how accurate it is, and of that which part. Key `view`.

use super::query::Refused;

/// The figures that the accuracy page shows: `accuracy`, then any of `speed`, a figure and an
/// engine, as in `accuracy,kv_cache,vLLM`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accuracy {
    /// Speeds instead of memory.
    pub speed: bool,
    /// Only figures of this kind, by its name in the table.
    pub figure: Option<String>,
    /// Only figures of this engine.
    pub engine: Option<String>,
}

impl Accuracy {
    /// Reads the value of `view`.
    pub(super) fn parse(value: &str) -> Result<Accuracy, Refused> {
        let mut words = value.split(',').map(str::trim);
        if words.next() != Some("accuracy") {
            return Err(Refused::form("accuracy").or("accuracy".to_owned()));
        }
        let mut out = Accuracy::default();
        for word in words {
            let name = word.strip_prefix("figure=");
            match (word, name) {
                ("", _) => {}
                ("speed", _) => out.speed = true,
                (_, Some(figure)) => out.figure = Some(figure.to_owned()).filter(|f| !f.is_empty()),
                (engine, None) => out.engine = Some(engine.to_owned()),
            }
        }
        Ok(out)
    }

    pub(super) fn to_query(&self) -> String {
        let mut out = "accuracy".to_owned();
        if self.speed {
            out += ",speed";
        }
        for (prefix, word) in [("figure=", &self.figure), ("", &self.engine)] {
            if let Some(word) = word {
                out = format!("{out},{prefix}{word}");
            }
        }
        out
    }
}
