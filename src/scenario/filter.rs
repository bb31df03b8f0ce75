//! What of the catalogue is asked about where a slot of the question is empty. Keys from `size` to
//! `sort`.

use std::fmt;

use super::ParseError;
use super::notation::{Notation, words};
use crate::float;

words! {
    /// What a model is made for.
    ModelKind {
        /// Answers in text, without further speciality.
        General = "general",
        /// Programming.
        Code = "code",
        /// Sees images.
        Vision = "vision",
        /// Hears.
        Audio = "audio",
        /// Thinks before it answers, by its name.
        Reasoning = "reasoning",
        /// Turns text into vectors, or orders passages.
        Embedding = "embedding" | "reranker",
    }
}

words! {
    /// Where a device is at home.
    DeviceClass {
        /// Graphics cards for PCs and laptops.
        Consumer = "consumer",
        /// Graphics cards for workstations.
        Workstation = "workstation",
        /// Accelerators for servers.
        Datacenter = "datacenter" | "data-centre" | "server",
        /// Apple silicon.
        Apple = "apple" | "mac",
        /// Other chips that share the machine's memory (DGX Spark, Strix Halo).
        Unified = "unified" | "soc",
        /// Processors without an accelerator.
        Cpu = "cpu",
    }
}

words! {
    /// What comes first in a ranking.
    RankBy {
        /// The model with the most parameters that is fast enough; of about the same size the
        /// newest.
        Size = "size",
        /// The fastest decode.
        Speed = "speed",
        /// The newest model.
        Release = "release" | "new",
        /// The lowest price.
        Price = "price",
        /// The lowest board power.
        Power = "power",
        /// The least memory.
        Memory = "memory",
    }
}

/// A span of numbers, its ends included: `7-40`, `-14`, `70-`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The least.
    pub low: Option<f64>,
    /// The most.
    pub high: Option<f64>,
}

impl Span {
    /// Whether `number` is in the span.
    pub fn contains(self, number: f64) -> bool {
        self.low.is_none_or(|low| number >= low) && self.high.is_none_or(|high| number <= high)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(low) = self.low {
            write!(f, "{low}")?;
        }
        f.write_str("-")?;
        self.high.map_or(Ok(()), |high| write!(f, "{high}"))
    }
}

impl Notation for Span {
    fn parse(text: &str) -> Result<Span, ParseError> {
        let malformed = || ParseError::malformed(Span::accepted());
        let end = |text: &str| match text.trim() {
            "" => Ok(None),
            text => {
                let number = float::parse(text).filter(|number| *number <= 1e9);
                number.map(Some).ok_or_else(malformed)
            }
        };
        let (low, high) = text.split_once(['-', '–']).ok_or_else(malformed)?;
        let span = Span { low: end(low)?, high: end(high)? };
        match (span.low, span.high) {
            (None, None) => Err(malformed()),
            (Some(low), Some(high)) if low > high => Err(malformed()),
            _ => Ok(span),
        }
    }

    fn accepted() -> String {
        "7-40, -14, 70-".to_owned()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Span> {
        use proptest::prelude::*;
        let end = || proptest::option::of((0u32..10_000).prop_map(|n| f64::from(n) / 8.0));
        let span = |(a, b): (Option<f64>, Option<f64>)| match (a, b) {
            (Some(a), Some(b)) => Span { low: Some(a.min(b)), high: Some(a.max(b)) },
            (None, None) => Span { low: Some(1.0), high: None },
            (low, high) => Span { low, high },
        };
        (end(), end()).prop_map(span).boxed()
    }
}

/// A part of a name, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePart(String);

impl NamePart {
    /// Whether one of `names` has the part in it.
    pub fn is_in<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> bool {
        let part = self.0.to_ascii_lowercase();
        names.into_iter().any(|name| name.to_ascii_lowercase().contains(&part))
    }
}

impl fmt::Display for NamePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Notation for NamePart {
    fn parse(text: &str) -> Result<NamePart, ParseError> {
        let is_of_names = |c: char| c.is_alphanumeric() || " .-_/+".contains(c);
        match text.chars().count() {
            1..=60 if text.chars().all(is_of_names) => Ok(NamePart(text.to_owned())),
            _ => Err(ParseError::malformed(NamePart::accepted())),
        }
    }

    fn accepted() -> String {
        "1..60 letters and digits of a name".to_owned()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<NamePart> {
        use proptest::prelude::*;
        "[a-zA-Z0-9][a-zA-Z0-9 .-]{0,20}[a-z0-9]".prop_map(NamePart).boxed()
    }
}

/// A month, `YYYY-MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: u16,
    month: u8,
}

impl Month {
    /// Reads `YYYY-MM`, `YYYY` or `YYYY-MM-DD`.
    pub fn read(text: &str) -> Option<Month> {
        let (year, month) = text.split_once('-').unwrap_or((text, "01"));
        let month = month.split('-').next()?;
        let year = year.parse::<u16>().ok().filter(|year| (1990..=2100).contains(year))?;
        let month = month.parse::<u8>().ok().filter(|month| (1..=12).contains(month))?;
        Some(Month { year, month })
    }

    /// How many months there are from `earlier` to this one, negative if it is the later one.
    pub fn months_since(self, earlier: Month) -> i32 {
        let months = |of: Month| i32::from(of.year) * 12 + i32::from(of.month);
        months(self) - months(earlier)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl Notation for Month {
    fn parse(text: &str) -> Result<Month, ParseError> {
        Month::read(text).ok_or_else(|| ParseError::malformed(Month::accepted()))
    }

    fn accepted() -> String {
        "YYYY-MM".to_owned()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Month> {
        use proptest::prelude::*;
        (1990u16..=2100, 1u8..=12).prop_map(|(year, month)| Month { year, month }).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_open_or_closed() {
        let span = |text| Span::parse(text).unwrap();
        assert!(span("7-40").contains(7.0) && span("7-40").contains(40.0));
        assert!(!span("7-40").contains(40.1) && span("-14").contains(0.5));
        assert!(span("70-").contains(2400.0) && !span("70-").contains(69.9));
        for wrong in ["-", "", "7", "40-7", "a-b", "1e3-", "-1-2", "NaN-"] {
            assert!(Span::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn months_are_read_from_dates_and_years() {
        let month = |text| Month::parse(text).unwrap().to_string();
        assert_eq!(
            [month("2026-08"), month("2025"), month("2025-03-31")],
            ["2026-08", "2025-01", "2025-03"]
        );
        for wrong in ["", "26-08", "2026-13", "soon"] {
            assert!(Month::parse(wrong).is_err(), "{wrong}");
        }
    }
}
