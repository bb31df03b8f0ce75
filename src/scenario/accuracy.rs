//! Whether the page shows the answer or how accurate it is, and of that which part. Key `view`.

use std::fmt;

use super::ParseError;
use super::notation::Notation;

/// The figures that the accuracy page shows: `accuracy`, then any of `speed`, a figure, a family of
/// devices and an engine, as in `accuracy,speed,figure=decode,device=Ada Lovelace,llama.cpp`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accuracy {
    /// Speeds instead of memory.
    pub speed: bool,
    /// Only figures of this kind, by its name in the table.
    pub figure: Option<String>,
    /// Only figures of this engine.
    pub engine: Option<String>,
    /// Only figures of this family of devices, where some of it were measured.
    pub family: Option<String>,
}

impl Notation for Accuracy {
    fn parse(text: &str) -> Result<Accuracy, ParseError> {
        let mut words = text.split(',').map(str::trim);
        if words.next() != Some("accuracy") {
            return Err(ParseError::malformed(Accuracy::accepted()).or("accuracy"));
        }
        let mut out = Accuracy::default();
        for word in words {
            let given = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
            match word.split_once('=') {
                Some(("figure", figure)) => out.figure = given(figure),
                Some(("device", family)) => out.family = given(family),
                _ if word == "speed" => out.speed = true,
                _ => out.engine = given(word).or(out.engine),
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
            proptest::option::of("[A-Z][A-Za-z0-9. ()-]{0,8}[a-z]"),
        );
        let made = |(speed, figure, engine, family)| Accuracy { speed, figure, engine, family };
        parts.prop_map(made).boxed()
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
        if let Some(family) = &self.family {
            write!(f, ",device={family}")?;
        }
        match &self.engine {
            Some(engine) => write!(f, ",{engine}"),
            None => Ok(()),
        }
    }
}
