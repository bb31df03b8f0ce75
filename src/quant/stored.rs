//! The type of a tensor as a file states it, also of types that this version of llama.cpp lacks.

use std::fmt;

use super::GgmlType;
use crate::architecture::Shape;

/// A tensor's type in a GGUF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredType {
    /// A type of llama.cpp's.
    Ggml(GgmlType),
    /// A type that the rules for llama.cpp do not know, but whose blocks are known.
    Foreign(&'static ForeignType),
    /// A type of which the file tells the number, and its offsets the size.
    Unknown {
        /// The type's number.
        id: u32,
        /// Bytes that 1024 elements take.
        bytes: u32,
    },
}

/// A type that the rules for llama.cpp do not know.
#[derive(Debug, PartialEq, Eq)]
pub struct ForeignType {
    id: u32,
    name: &'static str,
    block: u64,
    bytes: u64,
    /// Bytes in front of each row.
    row: u64,
}

const fn foreign(id: u32, name: &'static str, block: u64, bytes: u64, row: u64) -> ForeignType {
    ForeignType { id, name, block, bytes, row }
}

/// Those that files have: the rest of ggml's (`ggml.h`, b11434), which no mix uses, and those of
/// ik_llama.cpp (`ggml-common.h` of its main branch), some of which have a scale in front of a row.
static FOREIGN: &[ForeignType] = &[
    foreign(9, "Q8_1", 32, 36, 0),
    foreign(15, "Q8_K", 256, 292, 0),
    foreign(24, "I8", 1, 1, 0),
    foreign(25, "I16", 1, 2, 0),
    foreign(26, "I32", 1, 4, 0),
    foreign(27, "I64", 1, 8, 0),
    foreign(28, "F64", 1, 8, 0),
    foreign(34, "TQ1_0", 256, 54, 0),
    foreign(35, "TQ2_0", 256, 66, 0),
    foreign(40, "NVFP4", 64, 36, 0),
    foreign(137, "IQ2_K", 256, 76, 0),
    foreign(138, "IQ3_K", 256, 110, 0),
    foreign(139, "IQ4_K", 256, 144, 0),
    foreign(140, "IQ5_K", 256, 176, 0),
    foreign(141, "IQ6_K", 256, 212, 0),
    foreign(144, "IQ4_KS", 256, 136, 4),
    foreign(145, "IQ2_KS", 256, 70, 2),
    foreign(146, "IQ4_KSS", 256, 128, 4),
    foreign(152, "IQ5_KS", 256, 168, 4),
    foreign(153, "IQ2_KT", 256, 68, 4),
    foreign(154, "IQ3_KT", 256, 100, 4),
    foreign(155, "IQ4_KT", 256, 128, 4),
    foreign(156, "IQ3_KS", 256, 102, 2),
    foreign(157, "IQ2_KL", 256, 86, 2),
    foreign(158, "IQ1_KT", 256, 56, 4),
];

/// Elements by which the size of an unknown type is told.
const UNIT: u64 = 1024;

impl StoredType {
    /// The type with ggml's number `id`, if its blocks are known.
    pub fn known(id: u32) -> Option<StoredType> {
        let foreign = || FOREIGN.iter().find(|ty| ty.id == id).map(StoredType::Foreign);
        GgmlType::from_id(id).map(StoredType::Ggml).or_else(foreign)
    }

    /// The type `id` that nothing is known of but that `elements` take `bytes`.
    pub fn measured(id: u32, elements: u64, bytes: u64) -> StoredType {
        let unit = u128::from(bytes) * u128::from(UNIT) / u128::from(elements.max(1));
        StoredType::Unknown { id, bytes: u32::try_from(unit).unwrap_or(u32::MAX) }
    }

    /// Reads what [`StoredType`] displays.
    pub fn parse(name: &str) -> Option<StoredType> {
        if let Some((id, bytes)) = name.strip_prefix('x').and_then(|rest| rest.split_once('~')) {
            let (id, bytes) = (id.parse().ok()?, bytes.parse().ok()?);
            return Some(StoredType::Unknown { id, bytes });
        }
        let ggml = GgmlType::ALL.iter().find(|ty| ty.name() == name);
        let foreign = || FOREIGN.iter().find(|ty| ty.name == name).map(StoredType::Foreign);
        ggml.map(|ty| StoredType::Ggml(*ty)).or_else(foreign)
    }

    /// Bytes of a tensor of this type.
    pub fn bytes(self, shape: Shape) -> u64 {
        let elements = shape.elements();
        match self {
            StoredType::Ggml(ty) => ty.bytes(elements),
            StoredType::Foreign(ty) => {
                let rows = elements / shape.0[0].max(1);
                let blocks = elements.div_ceil(ty.block).saturating_mul(ty.bytes);
                blocks.saturating_add(rows.saturating_mul(ty.row))
            }
            StoredType::Unknown { bytes, .. } => {
                let bytes = u128::from(elements) * u128::from(bytes) / u128::from(UNIT);
                u64::try_from(bytes).unwrap_or(u64::MAX)
            }
        }
    }

    /// The type of llama.cpp's that it is computed as: itself, or the one of about as many bits.
    pub fn nearest(self) -> GgmlType {
        if let StoredType::Ggml(ty) = self {
            return ty;
        }
        let mine = self.bytes(Shape::matrix(UNIT, UNIT));
        let off = |ty: &&GgmlType| ty.bytes(UNIT * UNIT).abs_diff(mine);
        GgmlType::ALL.iter().min_by_key(off).copied().unwrap_or(GgmlType::F16)
    }

    /// Whether it is a type of llama.cpp's.
    pub const fn is_ggml(self) -> bool {
        matches!(self, StoredType::Ggml(_))
    }
}

impl fmt::Display for StoredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoredType::Ggml(ty) => f.write_str(ty.name()),
            StoredType::Foreign(ty) => f.write_str(ty.name),
            StoredType::Unknown { id, bytes } => write!(f, "x{id}~{bytes}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_back_and_have_the_size_of_their_blocks() {
        let foreign = FOREIGN.iter().map(StoredType::Foreign);
        let ggml = GgmlType::ALL.iter().map(|ty| StoredType::Ggml(*ty));
        for ty in ggml.chain(foreign).chain([StoredType::measured(231, 4096, 2056)]) {
            assert_eq!(StoredType::parse(&ty.to_string()), Some(ty), "{ty}");
        }
        let shape = Shape::matrix(4096, 10);
        let bytes = |name: &str| StoredType::parse(name).unwrap().bytes(shape);
        assert_eq!(bytes("Q4_K"), 160 * 144);
        assert_eq!(bytes("IQ4_KS"), 160 * 136 + 10 * 4);
        assert_eq!(StoredType::measured(231, 4096, 2056).bytes(shape), 20_560);
        assert_eq!(StoredType::parse("IQ4_KS").unwrap().nearest(), GgmlType::IQ4_XS);
        assert_eq!(StoredType::known(144).unwrap().to_string(), "IQ4_KS");
        for nothing in ["", "x", "x1", "x1~", "Q9", "x-1~2"] {
            assert_eq!(StoredType::parse(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn no_number_is_two_types() {
        for ty in FOREIGN {
            assert_eq!(GgmlType::from_id(ty.id), None, "{}", ty.name);
        }
    }
}
