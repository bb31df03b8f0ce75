//! Puts like functions beside each other, which is how brotli finds them sooner: of functions of one
//! type each is followed by the one most like it. It takes 17 kB of 1,016 from the page.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::convert::Infallible;

use anyhow::{Context as _, Result, anyhow};
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, FunctionSection};
use wasmparser::{
    CodeSectionReader, FunctionBody, FunctionSectionReader, Parser, Payload, TypeRef,
};

/// How many instructions in a row are compared.
const RUN: usize = 4;

/// Of how many hashes a sketch is: with half of them the page is a kilobyte larger, with twice as many
/// half of that smaller.
const HASHES: usize = 96;

/// The same app with its functions in another order.
pub fn order(app: &[u8]) -> Result<Vec<u8>> {
    let functions = Functions::read(app)?;
    let order = functions.chained();
    let mut places = vec![0; order.len()];
    for (place, &function) in (0..).zip(&order) {
        places[function] = place;
    }
    let mut moved = Moved { imported: functions.imported, order, places };
    let mut ordered = wasm_encoder::Module::new();
    let done = moved.parse_core_module(&mut ordered, Parser::new(0), app);
    done.map_err(|error| anyhow!("{error}"))?;
    Ok(ordered.finish())
}

/// The functions of an app, without those that it imports.
#[derive(Default)]
struct Functions {
    imported: u32,
    types: Vec<u32>,
    sizes: Vec<usize>,
    sketches: Vec<[u32; HASHES]>,
}

impl Functions {
    fn read(app: &[u8]) -> Result<Self> {
        let mut functions = Self::default();
        for payload in Parser::new(0).parse_all(app) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        functions.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::FunctionSection(types) => {
                    functions.types = types.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::CodeSectionEntry(body) => {
                    functions.sizes.push(body.range().len());
                    functions.sketches.push(sketch(&opcodes(&body, app)?));
                }
                _ => {}
            }
        }
        Ok(functions)
    }

    /// All of them, those of a type together: from its smallest on the one most like the last, and of
    /// those that are equally like it the one nearest in size.
    fn chained(&self) -> Vec<usize> {
        let mut by_type: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (function, &kind) in self.types.iter().enumerate() {
            by_type.entry(kind).or_default().push(function);
        }
        let mut order = Vec::with_capacity(self.types.len());
        for mut left in by_type.into_values() {
            let mut next = (0..left.len()).min_by_key(|&at| self.sizes[left[at]]);
            while let Some(at) = next {
                let last = left.swap_remove(at);
                order.push(last);
                next = (0..left.len()).max_by_key(|&at| self.likeness(last, left[at]));
            }
        }
        order
    }

    /// How like two functions are; of two others the larger is the more like.
    fn likeness(&self, one: usize, other: usize) -> (usize, Reverse<usize>, Reverse<usize>) {
        let hashes = self.sketches[one].iter().zip(&self.sketches[other]);
        let apart = self.sizes[one].abs_diff(self.sizes[other]);
        (hashes.filter(|(a, b)| a == b).count(), Reverse(apart), Reverse(other))
    }
}

/// The first byte of each instruction.
fn opcodes(body: &FunctionBody<'_>, app: &[u8]) -> Result<Vec<u8>> {
    let mut instructions = body.get_operators_reader()?;
    let mut opcodes = Vec::new();
    while !instructions.eof() {
        let at = instructions.original_position();
        opcodes.push(*app.get(at).context("an instruction beyond the end")?);
        instructions.read()?;
    }
    Ok(opcodes)
}

/// The least value of each of the hashes over all runs of instructions: of two functions as large a
/// share of them is equal as of the runs that either has both have (A. Broder, "On the resemblance and
/// containment of documents", 1997).
fn sketch(opcodes: &[u8]) -> [u32; HASHES] {
    let mut least = [u32::MAX; HASHES];
    for run in opcodes.windows(RUN.min(opcodes.len()).max(1)) {
        let run = run.iter().fold(0, |hash: u64, &opcode| hash << 8 | u64::from(opcode));
        for (least, seed) in least.iter_mut().zip(1u64..) {
            // The end of splitmix64.
            let mut hash = run ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *least = (*least).min((hash >> 32) as u32);
        }
    }
    least
}

/// Writes an app anew with its functions moved.
struct Moved {
    imported: u32,
    /// The functions in their new order.
    order: Vec<usize>,
    /// Where each of them is then.
    places: Vec<u32>,
}

impl Reencode for Moved {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        let own = function.checked_sub(self.imported).and_then(|own| self.places.get(own as usize));
        Ok(own.map_or(function, |place| self.imported + place))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let types = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for &function in &self.order {
            functions.function(types[function]);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let bodies = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for function in self.order.clone() {
            self.parse_function_body(code, bodies[function].clone())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::order;
    use walrus::ir::{BinaryOp, Value};
    use walrus::{
        ElementItems, ElementKind, FunctionBuilder, FunctionId, Module, RefType, ValType,
    };
    use wasmparser::{ElementItems as Elements, Operator, Parser, Payload};

    /// A function that does `operation` with its argument and `number`, as often as asked.
    fn function(app: &mut Module, operation: BinaryOp, number: i32, times: usize) -> FunctionId {
        let argument = app.locals.add(ValType::I32);
        let mut made = FunctionBuilder::new(&mut app.types, &[ValType::I32], &[ValType::I32]);
        let mut body = made.func_body();
        body.local_get(argument);
        for _ in 0..times {
            body.const_(Value::I32(number)).binop(operation);
        }
        made.finish(vec![argument], &mut app.funcs)
    }

    /// What each function does, known by the number in it.
    fn numbers(app: &[u8]) -> Vec<i32> {
        let mut numbers = Vec::new();
        for payload in Parser::new(0).parse_all(app) {
            if let Payload::CodeSectionEntry(body) = payload.unwrap() {
                let number =
                    body.get_operators_reader().unwrap().into_iter().find_map(|operator| {
                        match operator.unwrap() {
                            Operator::I32Const { value } => Some(value),
                            _ => None,
                        }
                    });
                numbers.extend(number);
            }
        }
        numbers
    }

    /// The numbers of the exported functions by name, and of those in the table.
    fn referred(app: &[u8]) -> (Vec<(String, i32)>, Vec<i32>) {
        let numbers = numbers(app);
        let (mut exported, mut table) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(app) {
            match payload.unwrap() {
                Payload::ExportSection(exports) => {
                    for export in exports.into_iter().map(Result::unwrap) {
                        // One function is imported.
                        let number = numbers[export.index as usize - 1];
                        exported.push((export.name.to_owned(), number));
                    }
                }
                Payload::ElementSection(elements) => {
                    for element in elements {
                        let Elements::Functions(functions) = element.unwrap().items else {
                            panic!("no functions");
                        };
                        table.extend(
                            functions.into_iter().map(|f| numbers[f.unwrap() as usize - 1]),
                        );
                    }
                }
                _ => {}
            }
        }
        exported.sort();
        (exported, table)
    }

    #[test]
    fn like_functions_come_together_and_are_called_as_before() {
        let mut app = Module::default();
        let kind = app.types.add(&[], &[]);
        app.add_import_func("page", "told", kind);
        let mut all = Vec::new();
        for number in 0..12 {
            let operation = if number % 2 == 0 { BinaryOp::I32Mul } else { BinaryOp::I32Xor };
            // Sizes that would bring the two kinds together.
            all.push(function(&mut app, operation, number, 20 + number as usize));
        }
        for (number, &function) in all.iter().enumerate().step_by(3) {
            app.exports.add(&format!("f{number}"), function);
        }
        let table = app.tables.add_local(false, 12, Some(12), RefType::FUNCREF);
        let offset = walrus::ConstExpr::Value(Value::I32(0));
        let kind = ElementKind::Active { table, offset };
        let element = app.elements.add(kind, ElementItems::Functions(all));
        app.tables.get_mut(table).elem_segments.insert(element);
        let app = app.emit_wasm();

        let ordered = order(&app).unwrap();
        wasmparser::validate(&ordered).unwrap();
        assert_eq!(ordered.len(), app.len());
        assert_eq!(referred(&ordered), referred(&app));
        let is_even: Vec<bool> = numbers(&ordered).iter().map(|number| number % 2 == 0).collect();
        let changes = is_even.windows(2).filter(|two| two[0] != two[1]).count();
        assert_eq!(changes, 1, "{:?}", numbers(&ordered));
        assert_eq!(order(&app).unwrap(), ordered, "not the same again");
    }
}
