//! What is to be known of how a model was read.

use std::fmt;

use super::ImportError;

/// What whoever reads an answer should know of how its model was read from files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Its tensors are those of the architecture of a model of the catalogue.
    SameTensors {
        /// The id of that model.
        of: String,
    },
    /// Some of its tensors are not those of the architecture of a model of the catalogue, which is
    /// asked for it.
    OtherTensors {
        /// Elements in these.
        elements: u64,
        /// Elements of all tensors.
        all: u64,
        /// The id of that model.
        of: String,
        /// The name of one of them.
        example: Option<String>,
    },
    /// It was read by the rules of the family of a model of the catalogue.
    SameFamily {
        /// The id of that model.
        of: String,
    },
    /// Its family is not known: its layers are read as those that most models have.
    UnknownFamily {
        /// `model_type`.
        model_type: String,
    },
    /// The size of its vision tower is not known and left out.
    UnknownVision,
    /// The files have another number of parameters than the configuration comes to.
    OtherCount {
        /// In the files.
        stored: u64,
        /// By the configuration.
        counted: u64,
    },
    /// It has types that llama.cpp does not load.
    ForeignTypes {
        /// Their names.
        types: Vec<String>,
    },
    /// Its weights are those of the files; its cache is only bounded by models of its size.
    OnlyWeights {
        /// Why.
        why: Unmapped,
    },
}

/// Why an architecture cannot be told from files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmapped {
    /// Its configuration is not among the files.
    NoConfig,
    /// A field of its configuration has no known meaning.
    Field {
        /// The file.
        file: String,
        /// The field.
        field: String,
        /// What stands there.
        value: String,
        /// What is accepted.
        accepted: String,
    },
    /// No model of the catalogue has layers that can be told from its header.
    Architecture {
        /// `general.architecture`.
        name: String,
    },
    /// Most of its tensors are not those of the architecture that it names.
    Tensors {
        /// `general.architecture`.
        name: String,
    },
}

impl From<ImportError> for Unmapped {
    fn from(error: ImportError) -> Unmapped {
        let ImportError { file, field, value, accepted, .. } = error;
        Unmapped::Field { file, field, value, accepted }
    }
}

impl fmt::Display for Unmapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unmapped::NoConfig => f.write_str("its architecture is not known without config.json"),
            Unmapped::Field { file, field, value, accepted } => {
                write!(f, "{file}: {field} is `{value}`; accepted: {accepted}")
            }
            Unmapped::Architecture { name } => {
                write!(f, "no architecture {name} is known whose layers can be read")
            }
            Unmapped::Tensors { name } => {
                write!(f, "its tensors are not those of the architecture {name}")
            }
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::SameTensors { of } => write!(f, "has the tensors of the architecture of {of}"),
            Remark::OtherTensors { elements, all, of, example } => {
                write!(
                    f,
                    "{elements} of {all} elements are in tensors that {of} has not or has in another \
                     shape"
                )?;
                example.as_ref().map_or(Ok(()), |name| write!(f, ", such as {name}"))
            }
            Remark::SameFamily { of } => {
                write!(f, "read by the rules of its family, as those of {of}")
            }
            Remark::UnknownFamily { model_type } => write!(
                f,
                "no model of the family {model_type} is known: its fields are read as those of other \
                 families, with two norms and three matrices in a feed-forward block"
            ),
            Remark::UnknownVision => {
                f.write_str("the size of its vision tower is not known and left out")
            }
            Remark::OtherCount { stored, counted } => write!(
                f,
                "the files have {stored} parameters and the configuration comes to {counted}"
            ),
            Remark::ForeignTypes { types } => {
                write!(f, "types that llama.cpp lacks: {}", types.join(", "))
            }
            Remark::OnlyWeights { why } => write!(
                f,
                "{why}: the weights are those of the files, the cache is only bounded by models of the \
                 size"
            ),
        }
    }
}
