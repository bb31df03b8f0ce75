//! The header of a GGUF file: metadata and the list of tensors
//! (`docs/gguf.md` of ggml, versions 2 and 3).

use std::collections::BTreeMap;

use super::{ImportError, MOST_READ, Part, Step};
use crate::architecture::Shape;
use crate::quant::StoredType;
use crate::sort;

/// Most pairs and tensors of a file; the largest models have a few thousand tensors.
const MOST_ENTRIES: u64 = 1 << 17;
/// The longest key or tensor name.
const LONGEST_NAME: u64 = 1 << 16;
/// Arrays of numbers up to this length are kept: one number a layer.
const KEPT_ARRAY: u64 = 4096;
/// Strings up to this length are kept.
const KEPT_STRING: u64 = 1024;
/// How deep arrays of arrays may be.
const DEEPEST: u32 = 4;
/// The largest dimension, and the most elements, of a tensor.
const MOST_ELEMENTS: u64 = 1 << 48;
/// Alignment of the data if the file does not say otherwise.
const ALIGNMENT: u64 = 32;

/// The header of a GGUF file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GgufHeader {
    /// The metadata, without long strings and arrays.
    pub meta: BTreeMap<String, MetaValue>,
    /// The tensors, in their order.
    pub tensors: Vec<GgufTensor>,
    /// Number of files that the model is split into, and the place of this one.
    pub split: Option<(u64, u64)>,
}

/// A value of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum MetaValue {
    /// A whole number, or whether something is so.
    Whole(i128),
    /// A broken number.
    Broken(f64),
    /// A short text.
    Text(String),
    /// Numbers, one a layer.
    List(Vec<i128>),
    /// Something longer, with its length.
    Long(u64),
}

/// A tensor of a GGUF file.
#[derive(Clone, Debug, PartialEq)]
pub struct GgufTensor {
    /// Its name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Its dimensions, innermost first.
    pub shape: Shape,
    /// Its type.
    pub ty: StoredType,
}

impl GgufHeader {
    /// A whole number of the metadata.
    pub fn whole(&self, key: &str) -> Option<u64> {
        match self.meta.get(key)? {
            MetaValue::Whole(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// A text of the metadata.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.meta.get(key)? {
            MetaValue::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Why reading stopped.
enum Stop {
    /// So many bytes from the beginning are needed.
    More(u64),
    Wrong(ImportError),
}

/// A place in the beginning of a file.
struct Cursor<'a> {
    name: &'a str,
    bytes: &'a [u8],
    at: u64,
    version: u32,
}

impl<'a> Cursor<'a> {
    fn wrong<T>(&self, field: &str, value: impl ToString, accepted: &str) -> Result<T, Stop> {
        Err(Stop::Wrong(ImportError::new(self.name, field, value, accepted)))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Stop> {
        let end = self.at.saturating_add(length);
        let range = usize::try_from(self.at).ok().zip(usize::try_from(end).ok());
        match range.and_then(|(from, to)| self.bytes.get(from..to)) {
            Some(bytes) => {
                self.at = end;
                Ok(bytes)
            }
            None => Err(Stop::More(end)),
        }
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let bytes = self.take(N as u64)?;
        Ok(bytes.try_into().unwrap_or([0; N]))
    }

    fn u32(&mut self) -> Result<u32, Stop> {
        self.number().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Stop> {
        self.number().map(u64::from_le_bytes)
    }

    fn name(&mut self, field: &str) -> Result<String, Stop> {
        let length = self.u64()?;
        if length > LONGEST_NAME {
            return self.wrong(field, length, "a name of at most 65536 bytes");
        }
        let bytes = self.take(length)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Reads a value of type `ty`.
    fn value(&mut self, key: &str, ty: u32, depth: u32) -> Result<MetaValue, Stop> {
        Ok(match ty {
            0 => MetaValue::Whole(u8::from_le_bytes(self.number()?).into()),
            1 => MetaValue::Whole(i8::from_le_bytes(self.number()?).into()),
            2 => MetaValue::Whole(u16::from_le_bytes(self.number()?).into()),
            3 => MetaValue::Whole(i16::from_le_bytes(self.number()?).into()),
            4 => MetaValue::Whole(u32::from_le_bytes(self.number()?).into()),
            5 => MetaValue::Whole(i32::from_le_bytes(self.number()?).into()),
            6 => MetaValue::Broken(f32::from_le_bytes(self.number()?).into()),
            7 => MetaValue::Whole(i128::from(u8::from_le_bytes(self.number()?) != 0)),
            8 => {
                let length = self.u64()?;
                let bytes = self.take(length)?;
                match length <= KEPT_STRING {
                    true => MetaValue::Text(String::from_utf8_lossy(bytes).into_owned()),
                    false => MetaValue::Long(length),
                }
            }
            9 => self.array(key, depth)?,
            10 => MetaValue::Whole(u64::from_le_bytes(self.number()?).into()),
            11 => MetaValue::Whole(i64::from_le_bytes(self.number()?).into()),
            12 => MetaValue::Broken(f64::from_le_bytes(self.number()?)),
            _ => return self.wrong(key, format!("type {ty}"), "types 0 to 12 of GGUF"),
        })
    }

    fn array(&mut self, key: &str, depth: u32) -> Result<MetaValue, Stop> {
        if depth >= DEEPEST {
            return self.wrong(key, "arrays in arrays", "arrays nested at most 4 deep");
        }
        let (ty, length) = (self.u32()?, self.u64()?);
        let width = match ty {
            0 | 1 | 7 => Some(1),
            2 | 3 => Some(2),
            4..=6 => Some(4),
            10..=12 => Some(8),
            _ => None,
        };
        match width {
            Some(width) if length > KEPT_ARRAY => {
                self.take(length.saturating_mul(width))?;
                Ok(MetaValue::Long(length))
            }
            // At least a length each: an array that cannot be is not read one by one.
            None if length > MOST_READ as u64 / 8 => {
                self.wrong(key, length, "an array within the first 64 MiB of the file")
            }
            _ => {
                let mut list = Vec::new();
                for _ in 0..length {
                    if let MetaValue::Whole(number) = self.value(key, ty, depth + 1)? {
                        list.push(number);
                    }
                }
                Ok(match list.len() as u64 == length {
                    true => MetaValue::List(list),
                    false => MetaValue::Long(length),
                })
            }
        }
    }

    fn header(&mut self, size: u64) -> Result<GgufHeader, Stop> {
        self.take(4)?;
        self.version = self.u32()?;
        match self.version {
            2 | 3 => {}
            1 => return self.wrong("version", 1, "GGUF versions 2 and 3: convert the file anew"),
            swapped if (1..=3).contains(&swapped.swap_bytes()) => {
                let accepted = "a little-endian GGUF file";
                return self.wrong("byte order", "big-endian", accepted);
            }
            version => return self.wrong("version", version, "GGUF versions 2 and 3"),
        }
        let (tensors, pairs) = (self.u64()?, self.u64()?);
        for (field, count) in [("number of tensors", tensors), ("number of pairs", pairs)] {
            if count > MOST_ENTRIES {
                return self.wrong(field, count, "at most 131072");
            }
        }
        let mut meta = BTreeMap::new();
        for _ in 0..pairs {
            let key = self.name("key")?;
            let ty = self.u32()?;
            let value = self.value(&key, ty, 0)?;
            meta.insert(key, value);
        }
        let mut header = GgufHeader { meta, ..GgufHeader::default() };
        header.split = header
            .whole("split.count")
            .filter(|count| *count > 1)
            .map(|count| (count, header.whole("split.no").unwrap_or(0)));
        let mut infos = Vec::new();
        for _ in 0..tensors {
            let (name, shape) = self.tensor()?;
            let (ty, offset) = (self.u32()?, self.u64()?);
            infos.push((name, shape, ty, offset));
        }
        let alignment = header.whole("general.alignment").unwrap_or(ALIGNMENT);
        if !alignment.is_power_of_two() || alignment > 1 << 20 {
            return self.wrong("general.alignment", alignment, "a power of two up to 2^20");
        }
        let start = self.at.next_multiple_of(alignment);
        let data = size.saturating_sub(start);
        header.tensors = self.types(infos, data)?;
        Ok(header)
    }

    fn tensor(&mut self) -> Result<(String, Shape), Stop> {
        let name = self.name("tensor name")?;
        let dims = self.u32()?;
        if dims > 4 {
            return self.wrong(&name, format!("{dims} dimensions"), "at most 4 dimensions");
        }
        let mut shape = [1u64; 3];
        let mut elements = 1u64;
        for i in 0..dims as usize {
            let n = self.u64()?;
            let product = elements.checked_mul(n).filter(|product| *product <= MOST_ELEMENTS);
            let Some(product) = product.filter(|_| n > 0) else {
                return self.wrong(&name, format!("dimension {n}"), "from 1 to 2^48 elements");
            };
            elements = product;
            // A fourth dimension is that of experts, too.
            shape[i.min(2)] *= n;
        }
        Ok((name, Shape(shape)))
    }

    /// The tensors with their types: one that is not known takes what lies up to the next tensor.
    fn types(
        &self,
        infos: Vec<(String, Shape, u32, u64)>,
        data: u64,
    ) -> Result<Vec<GgufTensor>, Stop> {
        let mut offsets: Vec<u64> = infos.iter().map(|(.., offset)| *offset).collect();
        sort::by(&mut offsets, u64::cmp);
        let mut end = 0u64;
        let mut tensors = Vec::with_capacity(infos.len());
        for (name, shape, id, offset) in infos {
            let next = offsets.partition_point(|other| *other <= offset);
            let next = offsets.get(next).copied().unwrap_or(data);
            let room = next.saturating_sub(offset);
            let ty = StoredType::known(id)
                .unwrap_or_else(|| StoredType::measured(id, shape.elements(), room));
            end = end.max(offset.saturating_add(ty.bytes(shape)));
            tensors.push(GgufTensor { name, shape, ty });
        }
        if end > data {
            let short = format!("{data} bytes of tensors");
            let accepted = format!("a whole file: its header lists {end}");
            return self.wrong("size", short, &accepted);
        }
        Ok(tensors)
    }
}

/// Reads the header at the beginning of a file of `size` bytes.
pub(super) fn read(name: &str, beginning: &[u8], size: u64) -> Result<Step, ImportError> {
    let mut cursor = Cursor { name, bytes: beginning, at: 0, version: 3 };
    match cursor.header(size) {
        Ok(header) => Ok(Step::Done(Box::new(Part::Gguf(header)))),
        Err(Stop::Wrong(error)) => Err(error),
        Err(Stop::More(end)) if end > size => {
            let accepted = format!("a whole file: its header goes on to byte {end}");
            Err(ImportError::new(name, "size", size, accepted))
        }
        Err(Stop::More(end)) if end > MOST_READ as u64 => {
            let accepted = format!("at most {MOST_READ} bytes");
            Err(ImportError::new(name, "header", format!("{end} bytes"), accepted))
        }
        // Four times as much each time, so that a header is parsed a few times at most.
        Err(Stop::More(end)) => {
            let most = usize::try_from(size).unwrap_or(MOST_READ).min(MOST_READ);
            let more = (end as usize).max(beginning.len().saturating_mul(4)).min(most);
            Ok(Step::More(more))
        }
    }
}

/// Joins the headers of the files that a model is split into; of one file its own.
pub(super) fn join(
    mut files: Vec<(String, GgufHeader)>,
) -> Result<(String, GgufHeader), ImportError> {
    let split = files.iter().find_map(|(_, header)| header.split);
    let Some((count, _)) = split else {
        let mut files = files.into_iter();
        let (name, header) = files.next().unwrap_or_default();
        return match files.next() {
            None => Ok((name, header)),
            Some((other, _)) => {
                Err(ImportError::new(&other, "files", "another model", "one model at a time"))
            }
        };
    };
    sort::by_key(&mut files, |(_, header)| header.split.map_or(0, |(_, no)| no));
    let numbers: Vec<u64> =
        files.iter().filter_map(|(_, header)| header.split.map(|(_, no)| no)).collect();
    let missing = (0..count.min(MOST_ENTRIES)).find(|no| !numbers.contains(no));
    let (name, mut whole) = files.first().cloned().unwrap_or_default();
    if let Some(missing) = missing {
        let value = format!("{} of {count} files", numbers.len());
        let accepted = format!("all files of the model: number {} is missing", missing + 1);
        return Err(ImportError::new(&name, "split.count", value, accepted));
    }
    for (_, header) in files.into_iter().skip(1) {
        for (key, value) in header.meta {
            whole.meta.entry(key).or_insert(value);
        }
        whole.tensors.extend(header.tensors);
    }
    Ok((name, whole))
}

/// Writes a header of version 3, of which files for tests are made: the pairs `meta`, and tensors
/// with their name, shape and ggml's number of their type, whose data would follow.
pub fn write_header(
    meta: &[(String, MetaValue)],
    tensors: &[(String, Shape, u32, u64)],
) -> (Vec<u8>, u64) {
    let mut out = b"GGUF".to_vec();
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    };
    out.extend(3u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((meta.len() as u64).to_le_bytes());
    for (key, value) in meta {
        text(&mut out, key);
        match value {
            MetaValue::Whole(number) => {
                out.extend(4u32.to_le_bytes());
                out.extend((*number as u32).to_le_bytes());
            }
            MetaValue::Broken(number) => {
                out.extend(12u32.to_le_bytes());
                out.extend(number.to_le_bytes());
            }
            MetaValue::Text(value) => {
                out.extend(8u32.to_le_bytes());
                text(&mut out, value);
            }
            MetaValue::List(numbers) => {
                out.extend(9u32.to_le_bytes());
                out.extend(4u32.to_le_bytes());
                out.extend((numbers.len() as u64).to_le_bytes());
                numbers.iter().for_each(|number| out.extend((*number as u32).to_le_bytes()));
            }
            // As a tokenizer: texts of a letter.
            MetaValue::Long(length) => {
                out.extend(9u32.to_le_bytes());
                out.extend(8u32.to_le_bytes());
                out.extend(length.to_le_bytes());
                (0..*length).for_each(|_| text(&mut out, "t"));
            }
        }
    }
    let mut offset = 0u64;
    for (name, shape, ty, bytes) in tensors {
        text(&mut out, name);
        let rank = shape.rank();
        out.extend((rank as u32).to_le_bytes());
        shape.0[..rank].iter().for_each(|n| out.extend(n.to_le_bytes()));
        out.extend(ty.to_le_bytes());
        out.extend(offset.to_le_bytes());
        offset = (offset + bytes).next_multiple_of(ALIGNMENT);
    }
    out.resize(out.len().next_multiple_of(ALIGNMENT as usize), 0);
    let size = out.len() as u64 + offset;
    (out, size)
}
