//! Changes to the question that an engine would accept.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quant::{Format, Quant};

/// A change to the question that would be accepted, written as `kv=q8_0`, `Q4_K_M` or `1 device`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Suggestion {
    /// Sets a key of the question; an empty value removes the key.
    Set {
        /// The key, such as `kv`.
        key: String,
        /// The value in query notation.
        value: String,
    },
    /// Requests this quantisation.
    Quant(Quant),
    /// Uses this many devices.
    Devices(u64),
}

impl Suggestion {
    /// Creates the setting `key=value`.
    pub fn set(key: &str, value: impl ToString) -> Suggestion {
        Suggestion::Set { key: key.to_owned(), value: value.to_string() }
    }
}

impl From<Quant> for Suggestion {
    fn from(quant: Quant) -> Suggestion {
        Suggestion::Quant(quant)
    }
}

impl From<Format> for Suggestion {
    fn from(format: Format) -> Suggestion {
        Suggestion::Quant(Quant::Format(format))
    }
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Suggestion::Set { key, value } => write!(f, "{key}={value}"),
            Suggestion::Quant(quant) => quant.fmt(f),
            Suggestion::Devices(1) => f.write_str("1 device"),
            Suggestion::Devices(n) => write!(f, "{n} devices"),
        }
    }
}

impl From<Suggestion> for String {
    fn from(suggestion: Suggestion) -> String {
        suggestion.to_string()
    }
}

impl TryFrom<String> for Suggestion {
    type Error = String;

    fn try_from(text: String) -> Result<Suggestion, String> {
        if let Some((key, value)) = text.split_once('=') {
            return Ok(Suggestion::set(key, value));
        }
        let devices = text.strip_suffix(" device").or(text.strip_suffix(" devices"));
        match devices.and_then(|n| n.parse().ok()) {
            Some(n) => Ok(Suggestion::Devices(n)),
            None => Quant::parse(&text).map(Suggestion::Quant).ok_or(text),
        }
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Suggestion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Suggestion".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A change to the question that would be accepted: `kv=q8_0`, `Q4_K_M` or `1 device`.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_survive_their_text() {
        for text in ["kv=q8_0", "draft=", "Q4_K_M", "AWQ", "MLX-4bit", "1 device", "8 devices"] {
            let suggestion = Suggestion::try_from(text.to_owned()).unwrap();
            assert_eq!(suggestion.to_string(), text);
        }
        assert!(Suggestion::try_from("Q9".to_owned()).is_err());
    }
}
