//! Lists.

use super::{Codec, Control, Pair};
use crate::scenario::Bounds;
use crate::scenario::query::{ParseError, ProblemKind};

/// Entries with a separator between them, each once. An empty text is an empty list, and a repeated
/// key goes on with its list. An entry that cannot be used is refused by itself.
#[derive(Clone, Copy, Debug)]
pub struct List<C> {
    /// What stands between entries.
    pub separator: char,
    /// How many entries there may be.
    pub length: Bounds,
    /// An entry.
    pub entry: C,
    /// How an empty list is written; read as well as an empty text.
    pub empty: &'static str,
}

impl<C: Codec> Codec for List<C> {
    type Value = Vec<C::Value>;

    fn parse(&self, text: &str) -> Result<Vec<C::Value>, ParseError> {
        let (mut list, mut pair) = (Vec::new(), Pair::default());
        self.read(&mut list, text, &mut pair);
        match pair.refused.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(list),
        }
    }

    fn format(&self, value: &Vec<C::Value>) -> String {
        if value.is_empty() {
            return self.empty.to_owned();
        }
        let entries: Vec<String> = value.iter().map(|entry| self.entry.format(entry)).collect();
        entries.join(&self.separator.to_string())
    }

    fn accepted(&self) -> String {
        self.entry.accepted()
    }

    fn control(&self) -> Control {
        Control::Text
    }

    fn read(&self, list: &mut Vec<C::Value>, text: &str, pair: &mut Pair) {
        let text = match text.trim() {
            text if text == self.empty => "",
            text => text,
        };
        if text.is_empty() {
            pair.entries(list);
        }
        for part in text.split(self.separator).map(str::trim).filter(|part| !part.is_empty()) {
            match self.entry.parse(part) {
                Ok(entry) => {
                    let list = pair.entries(list);
                    if list.contains(&entry) {
                        continue;
                    }
                    match (list.len() as u64) < self.length.max {
                        true => list.push(entry),
                        false => {
                            let accepted = self.length.to_string();
                            pair.refuse(part, ParseError::new(ProblemKind::TooMany, accepted));
                        }
                    }
                }
                Err(error) => pair.refuse(part, error),
            }
        }
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<Vec<C::Value>> {
        use proptest::strategy::Strategy as _;
        let unique = |entries: Vec<C::Value>| {
            let mut out: Vec<C::Value> = Vec::new();
            for entry in entries {
                if !out.contains(&entry) {
                    out.push(entry);
                }
            }
            out
        };
        proptest::collection::vec(self.entry.any(), 0..5).prop_map(unique).boxed()
    }
}
