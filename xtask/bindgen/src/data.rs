//! Which of an app's data belongs to which of its functions. The linker notes it with `--emit-relocs`;
//! from the addresses in the code alone one could not tell where an item ends.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::{Result, bail};
use wasmparser::{
    DataKind, KnownCustom, Linking, Operator, Parser, Payload, RelocationEntry, RelocationType,
    SymbolInfo, TypeRef,
};

/// The data of an app.
#[derive(Default)]
pub struct Data {
    /// Where the items lie in memory, in that order; none overlaps another.
    items: Vec<Range<u32>>,
    /// The items that each item points to.
    points_to: BTreeMap<usize, Vec<usize>>,
    /// The items that each function names, by its own name.
    named_by: BTreeMap<String, Vec<usize>>,
}

/// What of the file the notes refer to.
#[derive(Default)]
struct Notes<'a> {
    imported: u32,
    /// Where the contents of code and data begin in the file; positions are told from there.
    code_start: usize,
    data_start: usize,
    /// Positions of the functions' bodies.
    bodies: Vec<Range<u32>>,
    /// Positions and addresses of the segments.
    segments: Vec<(Range<u32>, u32)>,
    names: BTreeMap<u32, &'a str>,
    /// By number of the symbol: segment, place in it and size, of those that are data.
    symbols: Vec<Option<(u32, u32, u32)>>,
    in_code: Vec<RelocationEntry>,
    in_data: Vec<RelocationEntry>,
}

impl Data {
    /// Reads the data of an app as the linker left it.
    ///
    /// # Errors
    /// It is no wasm, or the linker noted nothing.
    pub fn read(app: &[u8]) -> Result<Data> {
        let notes = Notes::read(app)?;
        if notes.in_code.is_empty() {
            bail!("the app was not linked with --emit-relocs");
        }
        let address = |symbol: u32| {
            let (segment, offset, size) = notes.symbols.get(symbol as usize).copied()??;
            let (_, base) = notes.segments.get(segment as usize)?;
            (size > 0).then(|| base + offset..base + offset + size)
        };
        let mut data = Data::default();
        // Symbols may share their bytes.
        let mut ranges: Vec<_> = (0..notes.symbols.len() as u32).filter_map(address).collect();
        ranges.sort_by_key(|range| range.start);
        for range in ranges {
            match data.items.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => data.items.push(range),
            }
        }

        let target = |note: &RelocationEntry| match note.ty {
            // Its index is that of a type, not of a symbol.
            RelocationType::TypeIndexLeb => None,
            _ => data.item(address(note.index)?.start),
        };
        let (mut named_by, mut points_to) =
            (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for note in &notes.in_code {
            let body = notes.bodies.partition_point(|body| body.end <= note.offset);
            let name =
                notes.names.get(&(notes.imported + body as u32)).copied().unwrap_or_default();
            let name = rustc_demangle::demangle(name).to_string();
            named_by.entry(name).or_default().extend(target(note));
        }
        for note in &notes.in_data {
            let mut segments = notes.segments.iter();
            let Some((at, base)) = segments.find(|(at, _)| at.contains(&note.offset)) else {
                continue;
            };
            if let Some(item) = data.item(base + note.offset - at.start) {
                points_to.entry(item).or_default().extend(target(note));
            }
        }
        Ok(Data { named_by, points_to, ..data })
    }

    /// The item at an address.
    fn item(&self, address: u32) -> Option<usize> {
        let at = self.items.partition_point(|item| item.end <= address);
        self.items.get(at).filter(|item| item.contains(&address)).map(|_| at)
    }

    /// The items that functions reach of which `is_rest` holds by their names, and no others.
    pub fn only_of(&self, is_rest: impl Fn(&str) -> bool) -> Vec<Range<u32>> {
        let reached = |by_rest: bool| {
            let functions = self.named_by.iter().filter(|(name, _)| is_rest(name) == by_rest);
            let mut reached: Vec<_> = functions.flat_map(|(_, items)| items).copied().collect();
            let mut all = BTreeSet::new();
            while let Some(item) = reached.pop() {
                if all.insert(item) {
                    reached.extend(self.points_to.get(&item).into_iter().flatten());
                }
            }
            all
        };
        let (first, rest) = (reached(false), reached(true));
        rest.difference(&first).map(|item| self.items[*item].clone()).collect()
    }
}

impl<'a> Notes<'a> {
    fn read(app: &'a [u8]) -> Result<Notes<'a>> {
        let mut notes = Notes::default();
        let place = |part: &[u8]| part.as_ptr() as usize - app.as_ptr() as usize;
        for payload in Parser::new(0).parse_all(app) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        notes.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::CodeSectionStart { range, .. } => notes.code_start = range.start,
                Payload::CodeSectionEntry(body) => {
                    let start = notes.code_start;
                    let range = body.range();
                    notes.bodies.push((range.start - start) as u32..(range.end - start) as u32);
                }
                Payload::DataSection(segments) => {
                    notes.data_start = segments.range().start;
                    for segment in segments {
                        let segment = segment?;
                        let DataKind::Active { offset_expr, .. } = segment.kind else {
                            bail!("the app has data that is not put in place at its start");
                        };
                        let Operator::I32Const { value } =
                            offset_expr.get_operators_reader().read()?
                        else {
                            bail!("the app has data whose address is computed");
                        };
                        let start = (place(segment.data) - notes.data_start) as u32;
                        let range = start..start + segment.data.len() as u32;
                        notes.segments.push((range, value.cast_unsigned()));
                    }
                }
                Payload::CustomSection(section) => {
                    notes.note(section.name(), section.as_known())?
                }
                _ => {}
            }
        }
        Ok(notes)
    }

    fn note(&mut self, section: &str, known: KnownCustom<'a>) -> Result<()> {
        match known {
            KnownCustom::Name(names) => {
                for names in names {
                    if let wasmparser::Name::Function(names) = names? {
                        for naming in names {
                            let naming = naming?;
                            self.names.insert(naming.index, naming.name);
                        }
                    }
                }
            }
            KnownCustom::Linking(linking) => {
                for part in linking.subsections() {
                    let Linking::SymbolTable(symbols) = part? else { continue };
                    for symbol in symbols {
                        self.symbols.push(match symbol? {
                            SymbolInfo::Data { symbol: Some(data), .. } => {
                                Some((data.index, data.offset, data.size))
                            }
                            _ => None,
                        });
                    }
                }
            }
            KnownCustom::Reloc(notes) => {
                let to = match section {
                    "reloc.CODE" => &mut self.in_code,
                    "reloc.DATA" => &mut self.in_data,
                    _ => return Ok(()),
                };
                for note in notes.entries() {
                    to.push(note?);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Data;

    #[test]
    fn an_item_that_any_other_function_reaches_is_not_apart() {
        let named_by = [("first", vec![0, 2]), ("rest", vec![1, 3]), ("both", vec![5])];
        let data = Data {
            items: vec![0..4, 4..8, 8..12, 12..16, 16..20, 20..24, 24..28],
            // 0 points to 3, which is so of the first part; 1 points to 4; none reaches 6.
            points_to: [(0, vec![3]), (1, vec![4, 0])].into(),
            named_by: named_by.map(|(name, items)| (name.to_owned(), items)).into(),
        };
        assert_eq!(data.only_of(|name| name == "rest"), [4..8, 16..20]);
        assert_eq!(data.only_of(|_| false), []);
    }

    #[test]
    fn an_app_without_notes_is_refused() {
        let error = Data::read(b"\0asm\x01\0\0\0").err().unwrap().to_string();
        assert!(error.contains("--emit-relocs"), "{error}");
        assert!(Data::read(b"<!doctype html>").is_err());
    }

    #[test]
    fn an_address_is_found_in_its_item() {
        let data = Data { items: vec![8..12, 16..20], ..Data::default() };
        let found = [7, 8, 11, 12, 16, 20].map(|address| data.item(address));
        assert_eq!(found, [None, Some(0), Some(0), None, Some(1), None]);
    }
}
