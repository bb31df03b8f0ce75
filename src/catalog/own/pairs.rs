//! Pairs of a configuration as text: `hidden_size.4096`, `tie_word_embeddings`,
//! `layer_pattern.S5F`. What a value is follows from the type of its field.

use std::fmt::Display;

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::OwnError;
use crate::architecture::config::Config;

/// Most entries of a list, and letters of a pattern.
const LONGEST_LIST: usize = 1024;

/// Reads a configuration from pairs of field and value.
pub(super) fn read<'de>(
    pairs: impl Iterator<Item = (&'de str, &'de str)>,
) -> Result<Config, OwnError> {
    Config::deserialize(Pairs { pairs, at: None }).map_err(|Wrong(error)| error)
}

/// The most that a field of a configuration may be, in a link as in a file: dimensions, whose
/// products are to be sizes that exist; positions; numbers of parameters; and layers, each of which is
/// made.
pub fn most(field: &str) -> u64 {
    match field {
        "max_position_embeddings" | "sliding_window" => 1 << 40,
        "vision_params" | "engram_params" | "extra_params" | "mtp_params" | "per_layer_extra" => {
            1 << 45
        }
        "num_hidden_layers" => LONGEST_LIST as u64,
        "sublayers_per_layer" | "hc_mult" | "altup_num_inputs" => 64,
        "num_nextn_predict_layers" => 64,
        _ => 1 << 21,
    }
}

/// The pairs of a configuration, as serde reads a map.
struct Pairs<'de, I> {
    pairs: I,
    at: Option<(&'de str, &'de str)>,
}

impl<'de, I: Iterator<Item = (&'de str, &'de str)>> Deserializer<'de> for Pairs<'de, I> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_map(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, I: Iterator<Item = (&'de str, &'de str)>> MapAccess<'de> for Pairs<'de, I> {
    type Error = Wrong;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        self.at = self.pairs.next();
        let Some((key, value)) = self.at else { return Ok(None) };
        let key: StrDeserializer<'_, Wrong> = key.into_deserializer();
        seed.deserialize(key).map(Some).map_err(|wrong| wrong.with_value(value))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let (key, value) = self.at.unwrap_or_default();
        seed.deserialize(Value { field: key, text: value })
            .map_err(|Wrong(error)| Wrong(OwnError::new(key, value, error.accepted)))
    }
}

/// The value of a field.
#[derive(Clone, Copy)]
struct Value<'de> {
    field: &'de str,
    text: &'de str,
}

impl Value<'_> {
    fn number(self) -> Result<u64, Wrong> {
        let most = most(self.field);
        let number = self.text.parse().ok().filter(|number| *number <= most);
        number.ok_or_else(|| Wrong::accepting(format!("a whole number up to {most}")))
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_u64(self.number()?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.text {
            "" => visitor.visit_bool(true),
            _ => Err(Wrong::accepting("the field alone")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.field.ends_with("_pattern") {
            true => visitor.visit_string(letters(self.text)?),
            false => visitor.visit_str(self.text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_seq(List::runs(self)?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        let parts = self.text.split('~').map(|text| Value { text, ..self });
        visitor.visit_seq(List(parts.collect::<Vec<_>>().into_iter()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let (name, rest) = self.text.split_once('-').unwrap_or((self.text, ""));
        match variants.contains(&name) {
            true => visitor.visit_enum(Variant { name, rest: Value { text: rest, ..self } }),
            false => Err(Wrong::accepting(variants.join(", "))),
        }
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str bytes byte_buf unit unit_struct
        newtype_struct tuple_struct map struct identifier ignored_any
    }
}

/// A variant, with a number behind a hyphen where it has one.
struct Variant<'de> {
    name: &'de str,
    rest: Value<'de>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Wrong;
    type Variant = Value<'de>;

    fn variant_seed<V: de::DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Value<'de>), Wrong> {
        let name: StrDeserializer<'_, Wrong> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.rest))
    }
}

impl<'de> VariantAccess<'de> for Value<'de> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        match self.text {
            "" => Ok(()),
            _ => Err(Wrong::accepting("the name alone")),
        }
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Wrong> {
        Err(Wrong::accepting("no list"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Wrong> {
        Err(Wrong::accepting("no list"))
    }
}

/// The entries of a list: `0-4x28` is 0 and 28 times 4.
struct List<'de>(std::vec::IntoIter<Value<'de>>);

impl<'de> List<'de> {
    fn runs(value: Value<'de>) -> Result<List<'de>, Wrong> {
        let mut entries = Vec::new();
        for run in value.text.split('-') {
            let (text, count) = match run.split_once('x') {
                Some((text, count)) => (text, count.parse().ok()),
                None => (run, Some(1)),
            };
            let count = count.filter(|count| *count <= LONGEST_LIST - entries.len());
            let count = count.ok_or_else(Wrong::too_long)?;
            entries.extend(std::iter::repeat_n(Value { text, ..value }, count));
        }
        Ok(List(entries.into_iter()))
    }
}

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = Wrong;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        self.0.next().map(|value| seed.deserialize(value)).transpose()
    }
}

/// The letters of a pattern: `S5F` is five times S and one F.
fn letters(text: &str) -> Result<String, Wrong> {
    let mut letters = String::new();
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        if letter.is_ascii_digit() || !letter.is_ascii() {
            return Err(Wrong::accepting("letters, each with how often it comes behind it"));
        }
        let mut count = 0;
        while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
            count = count * 10 + digit as usize;
            rest.next();
            if count > LONGEST_LIST {
                return Err(Wrong::too_long());
            }
        }
        if letters.len() + count.max(1) > LONGEST_LIST {
            return Err(Wrong::too_long());
        }
        letters.extend(std::iter::repeat_n(letter, count.max(1)));
    }
    Ok(letters)
}

/// What is wrong with a value; the field is added where it is known.
#[derive(Debug)]
struct Wrong(OwnError);

impl Wrong {
    fn accepting(accepted: impl Into<String>) -> Wrong {
        Wrong(OwnError::new("", "", accepted))
    }

    fn too_long() -> Wrong {
        Wrong::accepting(format!("at most {LONGEST_LIST} entries"))
    }

    fn with_value(self, value: &str) -> Wrong {
        Wrong(OwnError::new(&self.0.field, value, self.0.accepted))
    }
}

impl Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: Display>(message: T) -> Wrong {
        Wrong::accepting(message.to_string())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Wrong {
        Wrong(OwnError::new(field, "", format!("one of the fields {}", expected.join(", "))))
    }

    fn duplicate_field(field: &'static str) -> Wrong {
        Wrong(OwnError::new(field, "", "each field once"))
    }
}

/// Writes the fields of `config` that it does not have by default.
pub(super) fn write(config: &Config) -> Vec<String> {
    use serde_json::Value as Json;

    let (Ok(Json::Object(all)), Ok(Json::Object(plain))) =
        (serde_json::to_value(config), serde_json::to_value(Config::default()))
    else {
        return Vec::new();
    };
    fn text(value: &Json) -> String {
        match value {
            Json::String(text) => text.clone(),
            Json::Array(list) => list.iter().map(text).collect::<Vec<_>>().join("~"),
            Json::Object(variant) => {
                let parts = variant.iter().map(|(name, value)| format!("{name}-{}", text(value)));
                parts.collect()
            }
            value => value.to_string(),
        }
    }
    let runs = |entries: Vec<String>, join: &str, times: &str| {
        let runs = entries.chunk_by(|a, b| a == b).map(|run| match run.len() {
            1 => run[0].clone(),
            n => format!("{}{times}{n}", run[0]),
        });
        runs.collect::<Vec<_>>().join(join)
    };
    let changed = all.iter().filter(|(field, value)| plain.get(*field) != Some(value));
    let pair = |(field, value): (&String, &Json)| match value {
        Json::Bool(_) => field.clone(),
        Json::Array(list) => {
            format!("{field}.{}", runs(list.iter().map(text).collect(), "-", "x"))
        }
        Json::String(letters) if field.ends_with("_pattern") => {
            format!("{field}.{}", runs(letters.chars().map(String::from).collect(), "", ""))
        }
        value => format!("{field}.{}", text(value)),
    };
    changed.map(pair).collect()
}
