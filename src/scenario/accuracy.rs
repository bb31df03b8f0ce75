//! Whether the page shows the answer or how accurate it is, and of that which part. Key `view`.

use std::fmt;

use super::ParseError;
use super::notation::Notation;

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

impl Notation for Accuracy {
    fn parse(text: &str) -> Result<Accuracy, ParseError> {
        let mut words = text.split(',').map(str::trim);
        if words.next() != Some("accuracy") {
            return Err(ParseError::malformed(Accuracy::accepted()).or("accuracy"));
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

    fn accepted() -> String {
        "accuracy".to_owned()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Accuracy> {
        use proptest::prelude::*;
        let parts = (
            any::<bool>(),
            proptest::option::of("[a-z_]{1,9}"),
            proptest::option::of("[A-Z][A-Za-z._-]{0,8}"),
        );
        parts.prop_map(|(speed, figure, engine)| Accuracy { speed, figure, engine }).boxed()
    }
}

impl fmt::Display for Accuracy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("accuracy")?;
        if self.speed {
            f.write_str(",speed")?;
        }
        if let Some(figure) = &self.figure {
            write!(f, ",figure={figure}")?;
        }
        match &self.engine {
            Some(engine) => write!(f, ",{engine}"),
            None => Ok(()),
        }
    }
}
