//! Why a file cannot be used.

use std::fmt;

use crate::catalog::OwnError;

/// A file that cannot be used, and what would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// The file's name.
    pub file: String,
    /// The part of it: a key, a tensor, the file itself.
    pub field: String,
    /// What stands there.
    pub value: String,
    /// What is accepted.
    pub accepted: String,
    /// Whether the file is whole, and describes an architecture that is not known.
    pub is_unmapped: bool,
}

impl ImportError {
    pub(super) fn new(
        file: &str,
        field: &str,
        value: impl ToString,
        accepted: impl Into<String>,
    ) -> ImportError {
        let shortened = |text: String| match text.char_indices().nth(120) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text,
        };
        ImportError {
            file: shortened(file.to_owned()),
            field: shortened(field.to_owned()),
            value: shortened(value.to_string()),
            accepted: accepted.into(),
            is_unmapped: false,
        }
    }

    /// This error about an architecture that is not known.
    pub(super) fn unmapped(self) -> ImportError {
        ImportError { is_unmapped: true, ..self }
    }

    pub(super) fn of(file: &str, OwnError { field, value, accepted }: OwnError) -> ImportError {
        ImportError::new(file, &field, value, accepted)
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImportError { file, field, value, accepted, .. } = self;
        if !file.is_empty() {
            write!(f, "{file}: ")?;
        }
        write!(f, "{field} is `{value}`; accepted: {accepted}")
    }
}

impl std::error::Error for ImportError {}
