//! Divides an app into two parts: what its first answer needs, and the rest, which is loaded after
//! that. Both share one memory, so the rest is no second copy of anything.
//!
//! A function of the rest that the first part calls, directly or through a table, is there a stub: it
//! sees to it that the rest is here, and calls what lies in its slot of the table `rest`, which the
//! rest fills. So a function that is called too early costs a wait, never an answer. Binaryen's
//! wasm-split works alike; its npm package does not hold it, and it names functions by their numbers,
//! which any change of the app moves.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use walrus::ir::{Const, GlobalSet, UnaryOp, Value, Visitor, dfs_in_order};
use walrus::{
    ConstExpr, DataKind, ElementItems, ElementKind, ExportItem, Function, FunctionBuilder,
    FunctionId, FunctionKind, GlobalKind, ImportedFunction, LocalFunction, Module, RefType,
    ValType, passes,
};

use crate::data::Data;

/// The function of public/boot.js that loads the rest at once.
const LOAD: &str = "__wbg_headroomRest_";

/// What the names of exports have that nothing calls: classes of streams, which the server functions
/// of leptos bring along.
const UNCALLED: &str = "intounderlying";

/// The module that the rest imports from: the first part.
const FIRST: &str = "first";

/// The functions that are of the rest, by [`key`], one a line.
///
/// # Errors
/// The file cannot be read, or a line of it is no key.
pub fn keys(list: &Path) -> Result<BTreeSet<u32>> {
    let text = fs::read_to_string(list).with_context(|| list.display().to_string())?;
    let key = |line| u32::from_str_radix(line, 16).with_context(|| format!("{line} is no key"));
    text.lines().map(key).collect()
}

/// What a function is known by in the list of the rest, which outlives changes of other functions:
/// FNV-1a of its path without the hashes of crates; `None` where it has no name.
fn key(function: &Function) -> Option<u32> {
    let name = function.name.as_deref()?;
    let mut hash: u32 = 0x811c_9dc5;
    let mut is_hash = false;
    for byte in name.bytes() {
        match byte {
            b'[' => is_hash = true,
            b']' => is_hash = false,
            _ if !is_hash => hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193),
            _ => {}
        }
    }
    Some(hash)
}

/// Makes each function of `app` set an exported global when it runs: the globals are called `!` and
/// the function's key, so that a page can tell which functions it ran.
pub fn mark(app: &[u8]) -> Result<Vec<u8>> {
    let mut app = Module::from_buffer(app)?;
    let functions: Vec<_> = app.funcs.iter_local().map(|(id, _)| id).collect();
    let mut globals = HashMap::new();
    for id in functions {
        let Some(key) = key(app.funcs.get(id)) else { continue };
        let global = *globals.entry(key).or_insert_with(|| {
            let zero = ConstExpr::Value(Value::I32(0));
            let global = app.globals.add_local(ValType::I32, true, false, zero);
            app.exports.add(&format!("!{key:08x}"), global);
            global
        });
        let function = app.funcs.get_mut(id).kind.unwrap_local_mut();
        let mut body = function.builder_mut().func_body();
        body.instr_at(0, Const { value: Value::I32(1) }).instr_at(1, GlobalSet { global });
    }
    Ok(app.emit_wasm())
}

/// The two parts of `app`, whose functions with these `keys` are of the rest, and those that only they
/// call, and what of the `data` only they read.
///
/// # Errors
/// It is not an app that imports [`LOAD`].
pub fn divide(app: &[u8], keys: &BTreeSet<u32>, data: &Data) -> Result<(Vec<u8>, Vec<u8>)> {
    let (mut first, mut rest) = (Module::from_buffer(app)?, Module::from_buffer(app)?);
    for part in [&mut first, &mut rest] {
        let uncalled = part.exports.iter().filter(|export| export.name.contains(UNCALLED));
        ids(uncalled, |export| export.id()).into_iter().for_each(|id| part.exports.delete(id));
    }
    let plan = Plan::new(&first, keys);
    ensure!(!plan.stubs.is_empty(), "no function is of the rest: the list is of another app");
    let names = plan.names(&first);
    plan.make_rest(&mut rest);
    plan.make_first(&mut first, &mut rest)?;
    move_data(&mut first, &mut rest, &data.only_of(|name| names.contains(name)));
    for part in [&mut first, &mut rest] {
        // They are of the whole.
        let notes = ["linking", "reloc.CODE", "reloc.DATA"];
        notes.into_iter().for_each(|name| _ = part.customs.remove_raw(name));
    }
    Ok((first.emit_wasm(), rest.emit_wasm()))
}

/// What becomes of each function. Two modules of the same bytes have their items in the same order, so
/// what is known of one by its place holds for the other.
struct Plan {
    functions: Vec<FunctionId>,
    /// Whether it is of the rest.
    is_rest: Vec<bool>,
    /// The places of those of the rest that the first part calls, by their slots.
    stubs: Vec<usize>,
}

impl Plan {
    fn new(app: &Module, keys: &BTreeSet<u32>) -> Plan {
        let functions: Vec<_> = app.funcs.iter().map(Function::id).collect();
        let places = functions.iter().enumerate().map(|(place, id)| (*id, place));
        let places: HashMap<FunctionId, usize> = places.collect();
        let local = |id: FunctionId| match &app.funcs.get(id).kind {
            FunctionKind::Local(local) => Some(local),
            _ => None,
        };
        let is_listed = |id| {
            local(id).is_some() && key(app.funcs.get(id)).is_some_and(|key| keys.contains(&key))
        };

        // Reached from outside without passing a function of the rest: stays in the first part.
        let mut is_first = vec![false; functions.len()];
        let mut stubs = BTreeSet::new();
        let mut reached = roots(app);
        while let Some(id) = reached.pop() {
            let place = places[&id];
            if is_listed(id) {
                stubs.insert(place);
            } else if !std::mem::replace(&mut is_first[place], true) {
                reached.extend(local(id).map(callees).unwrap_or_default());
            }
        }
        let is_rest = functions.iter().zip(&is_first);
        let is_rest = is_rest.map(|(id, is_first)| !is_first && local(*id).is_some()).collect();
        Plan { functions, is_rest, stubs: stubs.into_iter().collect() }
    }

    /// The names of the functions of the rest that no other has.
    fn names(&self, app: &Module) -> BTreeSet<String> {
        let names = |of_rest: bool| -> BTreeSet<String> {
            let functions = self.functions.iter().zip(&self.is_rest);
            let functions = functions.filter(|(_, is_rest)| **is_rest == of_rest);
            functions.filter_map(|(id, _)| app.funcs.get(*id).name.clone()).collect()
        };
        names(true).difference(&names(false)).cloned().collect()
    }

    /// Leaves in `app` the functions of the rest; all else is imported, named by its kind and place.
    fn make_rest(&self, app: &mut Module) {
        app.start = None;
        ids(app.exports.iter(), |export| export.id())
            .into_iter()
            .for_each(|id| app.exports.delete(id));
        ids(app.imports.iter(), |import| import.id())
            .into_iter()
            .for_each(|id| app.imports.delete(id));
        ids(app.elements.iter(), |items| items.id())
            .into_iter()
            .for_each(|id| app.elements.delete(id));
        ids(app.data.iter(), |data| data.id()).into_iter().for_each(|id| app.data.delete(id));
        for table in app.tables.iter_mut() {
            table.elem_segments.clear();
        }
        for memory in app.memories.iter_mut() {
            memory.data_segments.clear();
        }

        let functions = ids(app.funcs.iter(), Function::id);
        let others = functions.iter().enumerate().filter(|(place, _)| !self.is_rest[*place]);
        for (place, id) in others {
            let import = app.imports.add(FIRST, &format!("f{place}"), *id);
            let ty = app.funcs.get(*id).ty();
            let kind = FunctionKind::Import(ImportedFunction { import, ty });
            app.funcs.get_mut(*id).kind = kind;
        }
        for (place, id) in ids(app.globals.iter(), |global| global.id()).into_iter().enumerate() {
            let import = app.imports.add(FIRST, &format!("g{place}"), id);
            app.globals.get_mut(id).kind = GlobalKind::Import(import);
        }
        for (place, id) in ids(app.tables.iter(), |table| table.id()).into_iter().enumerate() {
            let import = app.imports.add(FIRST, &format!("t{place}"), id);
            app.tables.get_mut(id).import = Some(import);
        }
        for (place, id) in ids(app.memories.iter(), |memory| memory.id()).into_iter().enumerate() {
            let import = app.imports.add(FIRST, &format!("m{place}"), id);
            app.memories.get_mut(id).import = Some(import);
        }

        let slots = self.stubs.len() as u64;
        let (table, _) =
            app.add_import_table(FIRST, "rest", false, slots, Some(slots), RefType::FUNCREF);
        let filled = self.stubs.iter().map(|place| functions[*place]).collect();
        let offset = ConstExpr::Value(Value::I32(0));
        let kind = ElementKind::Active { table, offset };
        let items = app.elements.add(kind, ElementItems::Functions(filled));
        app.tables.get_mut(table).elem_segments.insert(items);
        passes::gc::run(app);
    }

    /// Leaves in `app` stubs of what the rest has, and exports from it what `rest` imports.
    fn make_first(&self, app: &mut Module, rest: &mut Module) -> Result<()> {
        let load = app.imports.iter().find(|import| import.name.starts_with(LOAD));
        let load = match load.map(|import| &import.kind) {
            Some(walrus::ImportKind::Function(load)) => *load,
            _ => anyhow::bail!("the app does not import {LOAD}"),
        };
        let globals = ids(app.globals.iter(), |global| global.id());
        let tables = ids(app.tables.iter(), |table| table.id());
        let memories = ids(app.memories.iter(), |memory| memory.id());
        // Names are most of what an export weighs.
        for (number, import) in rest.imports.iter_mut().filter(|i| i.name != "rest").enumerate() {
            let place: usize = import.name[1..].parse()?;
            let item: ExportItem = match &import.name[..1] {
                "f" => self.functions[place].into(),
                "g" => globals[place].into(),
                "t" => tables[place].into(),
                _ => memories[place].into(),
            };
            import.name = number.to_string();
            app.exports.add(&import.name, item);
        }

        let zero = ConstExpr::Value(Value::I32(0));
        let is_here = app.globals.add_local(ValType::I32, true, false, zero);
        let slots = self.stubs.len() as u64;
        let table = app.tables.add_local(false, slots, Some(slots), RefType::FUNCREF);
        app.exports.add("rest_is_here", is_here);
        app.exports.add("rest", table);
        for (slot, place) in (0..).zip(&self.stubs) {
            let id = self.functions[*place];
            let ty = app.funcs.get(id).ty();
            let params = app.types.get(ty).params().to_vec();
            let results = app.types.get(ty).results().to_vec();
            let arguments: Vec<_> = params.iter().map(|ty| app.locals.add(*ty)).collect();
            let mut stub = FunctionBuilder::new(&mut app.types, &params, &results);
            let mut body = stub.func_body();
            body.global_get(is_here).unop(UnaryOp::I32Eqz);
            body.if_else(None, |missing| _ = missing.call(load), |_| {});
            for argument in &arguments {
                body.local_get(*argument);
            }
            body.i32_const(slot).call_indirect(ty, table);
            app.funcs.get_mut(id).kind = FunctionKind::Local(stub.local_func(arguments));
        }
        passes::gc::run(app);
        Ok(())
    }
}

/// Moves what lies at the addresses `ranges` from the first part to the rest.
fn move_data(first: &mut Module, rest: &mut Module, ranges: &[Range<u32>]) {
    let Some(memory) = rest.memories.iter().next().map(walrus::Memory::id) else { return };
    for id in ids(first.data.iter(), |data| data.id()) {
        let data = first.data.get_mut(id);
        let DataKind::Active { offset: ConstExpr::Value(Value::I32(base)), .. } = data.kind else {
            continue;
        };
        let base = base.cast_unsigned();
        let end = base + data.value.len() as u32;
        let inside = |range: &&Range<u32>| base <= range.start && range.end <= end;
        for range in ranges.iter().filter(inside) {
            let place = (range.start - base) as usize..(range.end - base) as usize;
            let bytes = data.value[place.clone()].to_vec();
            // Zeros weigh nothing once they are compressed.
            data.value[place].fill(0);
            let offset = ConstExpr::Value(Value::I32(range.start.cast_signed()));
            let moved = rest.data.add(DataKind::Active { memory, offset }, bytes);
            rest.memories.get_mut(memory).data_segments.insert(moved);
        }
    }
}

/// The functions that are called from outside, or by their place in a table.
fn roots(app: &Module) -> Vec<FunctionId> {
    let mut roots: Vec<_> = app.start.into_iter().collect();
    roots.extend(app.exports.iter().filter_map(|export| match export.item {
        ExportItem::Function(id) => Some(id),
        _ => None,
    }));
    for items in app.elements.iter() {
        match &items.items {
            ElementItems::Functions(functions) => roots.extend(functions),
            ElementItems::Expressions(_, items) => {
                roots.extend(items.iter().filter_map(|item| match item {
                    ConstExpr::RefFunc(id) => Some(*id),
                    _ => None,
                }));
            }
        }
    }
    roots
}

/// The functions that `function` names.
fn callees(function: &LocalFunction) -> Vec<FunctionId> {
    struct Named(Vec<FunctionId>);
    impl Visitor<'_> for Named {
        fn visit_function_id(&mut self, id: &FunctionId) {
            self.0.push(*id);
        }
    }
    let mut named = Named(Vec::new());
    dfs_in_order(&mut named, function, function.entry_block());
    named.0
}

fn ids<T, I>(items: impl Iterator<Item = T>, id: impl Fn(T) -> I) -> Vec<I> {
    items.map(id).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use walrus::{ExportItem, FunctionBuilder, FunctionId, FunctionKind, Module, ValType};

    use super::{divide, key, mark};
    use crate::data::Data;

    /// An app whose `main` and `later` are called from outside; `main` calls `page` and `shared`,
    /// `later` calls `page`, and that calls `panel` and `shared`.
    fn app() -> Vec<u8> {
        let mut app = Module::default();
        let none = app.types.add(&[], &[]);
        app.add_import_func("./app_bg.js", "__wbg_headroomRest_1f", none);
        let mut function = |name: &str, calls: &[FunctionId]| {
            let mut builder =
                FunctionBuilder::new(&mut app.types, &[ValType::I32], &[ValType::I32]);
            let argument = app.locals.add(ValType::I32);
            let mut body = builder.name(name.to_owned()).func_body();
            body.local_get(argument);
            for called in calls {
                body.call(*called);
            }
            builder.finish(vec![argument], &mut app.funcs)
        };
        let shared = function("shared", &[]);
        let panel = function("app[1f]::panel", &[]);
        let page = function("app[1f]::page", &[panel, shared]);
        let main = function("main", &[page, shared]);
        let later = function("later", &[page]);
        app.exports.add("main", main);
        app.exports.add("later", later);
        app.emit_wasm()
    }

    fn names(app: &Module) -> BTreeSet<&str> {
        let local = app.funcs.iter().filter(|f| matches!(f.kind, FunctionKind::Local(_)));
        local.filter_map(|f| f.name.as_deref()).collect()
    }

    /// The key of a function of [`app`], as the list has it.
    fn key_of(name: &str) -> u32 {
        let app = Module::from_buffer(&app()).unwrap();
        key(app.funcs.get(app.funcs.by_name(name).unwrap())).unwrap()
    }

    fn parts(rest: &[&str]) -> (Module, Module) {
        let keys = rest.iter().map(|name| key_of(name)).collect();
        let (first, rest) = divide(&app(), &keys, &Data::default()).unwrap();
        (Module::from_buffer(&first).unwrap(), Module::from_buffer(&rest).unwrap())
    }

    #[test]
    fn what_only_the_rest_calls_is_of_the_rest() {
        let (first, rest) = parts(&["app[1f]::page"]);
        assert_eq!(names(&rest), ["app[1f]::page", "app[1f]::panel"].into());
        // A stub has the name of what it calls.
        assert_eq!(names(&first), ["app[1f]::page", "later", "main", "shared"].into());
    }

    #[test]
    fn the_first_part_exports_what_the_rest_imports() {
        let (first, rest) = parts(&["app[1f]::page"]);
        let exports: BTreeSet<&str> = first.exports.iter().map(|e| e.name.as_str()).collect();
        let imports: BTreeSet<&str> = rest.imports.iter().map(|i| i.name.as_str()).collect();
        assert!(imports.is_subset(&exports), "{imports:?} of {exports:?}");
        // The function that is shared, and the table.
        assert_eq!(imports.len(), 2);
        assert!(exports.contains("rest_is_here") && exports.contains("main"));
        assert_eq!(rest.exports.iter().count(), 0);
        assert!(first.imports.iter().any(|import| import.name == "__wbg_headroomRest_1f"));
    }

    #[test]
    fn a_function_that_is_called_from_outside_is_a_stub() {
        let (first, rest) = parts(&["later"]);
        assert_eq!(names(&rest), ["later"].into());
        let later = first.exports.iter().find(|export| export.name == "later").unwrap();
        assert!(matches!(later.item, ExportItem::Function(_)));
    }

    #[test]
    fn what_nothing_calls_is_of_neither() {
        let mut module = Module::from_buffer(&app()).unwrap();
        let later = module.exports.iter_mut().find(|export| export.name == "later").unwrap();
        later.name = "intounderlyingsource_pull".to_owned();
        let keys = [key_of("app[1f]::panel")].into();
        let (first, rest) = divide(&module.emit_wasm(), &keys, &Data::default()).unwrap();
        let [first, rest] = [first, rest].map(|part| Module::from_buffer(&part).unwrap());
        assert!(!names(&first).contains("later") && !names(&rest).contains("later"));
    }

    #[test]
    fn a_list_of_another_app_is_refused() {
        let error = divide(&app(), &[1].into(), &Data::default()).unwrap_err().to_string();
        assert!(error.contains("another app"), "{error}");
        let other = Module::default().emit_wasm();
        assert!(divide(&other, &BTreeSet::new(), &Data::default()).is_err());
    }

    #[test]
    fn a_key_outlives_another_hash_of_the_crate() {
        let mut module = Module::from_buffer(&app()).unwrap();
        let id = module.funcs.by_name("app[1f]::page").unwrap();
        module.funcs.get_mut(id).name = Some("app[2e]::page".to_owned());
        assert_eq!(key(module.funcs.get(id)), Some(key_of("app[1f]::page")));
        assert_ne!(key_of("app[1f]::page"), key_of("app[1f]::panel"));
    }

    #[test]
    fn every_function_with_a_name_is_marked() {
        let marked = Module::from_buffer(&mark(&app()).unwrap()).unwrap();
        let marks = marked.exports.iter().filter(|export| export.name.starts_with('!'));
        assert_eq!(marks.count(), 5);
    }
}
