//! The lines of a bill: each figure with its formula, the formula's inputs and its source.
//!
//! A formula is arithmetic over the names in `inputs`, so that it can be checked by hand and shown
//! in the user's language.

use super::KvTypes;
use super::file_size::FileSize;
use super::kv_cache::{CacheRow, LayerState};
use super::overhead::Overhead;
use super::settings::Settings;
use crate::bill::{Line, input};
use crate::quant::GgmlType;
use crate::report::{BillItem, Term};
use crate::units::{Bytes, Interval};

/// Weights in one place, summed by type.
pub(super) fn weights(by_type: &[(GgmlType, Bytes)], size: &FileSize<'_>) -> BillItem {
    let names: Vec<&str> = by_type.iter().map(|(ty, _)| ty.name()).collect();
    BillItem {
        term: Term::Weights,
        bytes: size.of(by_type.iter().map(|(_, bytes)| *bytes).sum()),
        exact: size.is_exact(),
        formula: names.join(" + "),
        inputs: by_type.iter().map(|(ty, bytes)| input(ty.name(), bytes.0)).collect(),
        source: size.source(&source("src/llama-model-loader.cpp, src/llama-quant.cpp")),
    }
}

/// Copy of a tied embedding table, used as the output head.
pub(super) fn tied_output(bytes: Bytes, size: &FileSize<'_>) -> BillItem {
    BillItem {
        term: Term::TiedOutput,
        bytes: size.of(bytes),
        exact: size.is_exact(),
        formula: "token_embd".to_owned(),
        inputs: vec![input("token_embd", bytes.0)],
        source: source("src/llama-model.cpp"),
    }
}

/// KV cache of the layers in one place, with the device's `padding`.
pub(super) fn kv_cache(
    states: &[LayerState],
    rows: &[Option<CacheRow>],
    padding: Bytes,
    kv: KvTypes,
) -> BillItem {
    let mut formula = Formula::default();
    for (row, layers) in runs(rows.iter().flatten()) {
        let n = formula.next_group();
        let mut values = format!("{} * {}", n.name("key_values"), "key_bytes");
        let mut inputs = vec![
            n.input("layers", layers),
            n.input("cells", row.cells),
            n.input("key_values", row.key),
        ];
        if row.index > 0 {
            values = format!("({} + {}) * key_bytes", n.name("key_values"), n.name("index_values"));
            inputs.push(n.input("index_values", row.index));
        }
        if row.value > 0 {
            values = format!("({values} + {} * value_bytes)", n.name("value_values"));
            inputs.push(n.input("value_values", row.value));
        }
        formula.group(format!("{} * {} * {values}", n.name("layers"), n.name("cells")), inputs);
    }
    let plain: Bytes = rows.iter().flatten().map(|row| row.bytes(kv)).sum();
    let bytes: Bytes = states.iter().map(|state| state.kv).sum();
    formula.rest("compressed_cache", bytes - plain);
    formula.rest("padding", padding);
    let per_value = |ty: GgmlType| ty.block_bytes() as f64 / ty.block_elements() as f64;
    if rows.iter().flatten().next().is_some() {
        formula.inputs.push(("key_bytes".to_owned(), per_value(kv.k)));
        if rows.iter().flatten().any(|row| row.value > 0) {
            formula.inputs.push(("value_bytes".to_owned(), per_value(kv.v)));
        }
    }
    BillItem {
        term: Term::KvCache,
        bytes: Interval::exact(bytes + padding),
        exact: true,
        formula: formula.text,
        inputs: formula.inputs,
        source: source("src/llama-kv-cache.cpp, src/llama-kv-cache-iswa.cpp"),
    }
}

/// Recurrent and convolution state of the layers in one place.
pub(super) fn recurrent_state(states: &[LayerState], sequences: u64) -> BillItem {
    let mut formula = Formula::default();
    let kept: Vec<Bytes> =
        states.iter().map(|state| state.recurrent).filter(|bytes| *bytes > Bytes::ZERO).collect();
    for (bytes, layers) in runs(kept.iter()) {
        let n = formula.next_group();
        formula.group(
            format!("{} * sequences * {}", n.name("layers"), n.name("state_bytes")),
            vec![n.input("layers", layers), n.input("state_bytes", bytes.0 / sequences.max(1))],
        );
    }
    formula.inputs.push(input("sequences", sequences));
    BillItem {
        term: Term::RecurrentState,
        bytes: Interval::exact(kept.into_iter().sum()),
        exact: true,
        formula: formula.text,
        inputs: formula.inputs,
        source: source("src/llama-memory-recurrent.cpp, src/llama-hparams.cpp"),
    }
}

/// Compute buffers: activations, logits and masks of the largest graph.
/// Where devices form a pipeline, each keeps `copies` of the inputs that it reads.
pub(super) fn compute(bytes: Interval<Bytes>, settings: &Settings, copies: u64) -> BillItem {
    let mut item = BillItem {
        term: Term::Compute,
        bytes,
        exact: false,
        formula: "graph(ubatch, context, sequences)".to_owned(),
        inputs: vec![
            input("ubatch", settings.n_ubatch),
            input("context", settings.n_ctx),
            input("sequences", settings.n_parallel),
        ],
        source: source("src/llama-graph.cpp, ggml/src/ggml-alloc.c"),
    };
    if copies > 1 {
        item.formula = "graph(ubatch, context, sequences, input_copies)".to_owned();
        item.inputs.push(input("input_copies", copies));
        item.source = source("src/llama-graph.cpp, ggml/src/ggml-backend.cpp");
    }
    item
}

/// Memory of the driver and its libraries on a device.
pub(super) fn overhead(overhead: &Overhead) -> BillItem {
    BillItem {
        term: Term::Overhead,
        bytes: overhead.bytes,
        exact: false,
        formula: "runtime".to_owned(),
        inputs: Vec::new(),
        source: overhead.source.to_owned(),
    }
}

/// What the driver and its libraries may keep once prompts have been computed.
pub(super) fn kept(overhead: &Overhead) -> Option<BillItem> {
    let line =
        Line::kept(overhead.kept, "nvidia-smi in reports, above what is expected at the load");
    (overhead.kept > Bytes::ZERO).then(|| line.item())
}

fn source(files: &str) -> String {
    format!("llama.cpp {}: {files}", super::VERSION)
}

/// Groups equal values and counts them, in order of first appearance.
fn runs<'a, T: PartialEq + 'a>(values: impl Iterator<Item = &'a T>) -> Vec<(&'a T, u64)> {
    let mut out: Vec<(&T, u64)> = Vec::new();
    for value in values {
        match out.iter_mut().find(|(seen, _)| *seen == value) {
            Some((_, count)) => *count += 1,
            None => out.push((value, 1)),
        }
    }
    out
}

/// A sum over groups of layers. Names of the second and later groups carry the group's number.
#[derive(Default)]
struct Formula {
    text: String,
    inputs: Vec<(String, f64)>,
    groups: usize,
}

/// Number of a group, from 1.
#[derive(Clone, Copy)]
struct Group(usize);

impl Group {
    fn name(self, name: &str) -> String {
        if self.0 == 1 { name.to_owned() } else { format!("{name}{}", self.0) }
    }

    fn input(self, name: &str, value: u64) -> (String, f64) {
        (self.name(name), value as f64)
    }
}

impl Formula {
    fn next_group(&self) -> Group {
        Group(self.groups + 1)
    }

    fn group(&mut self, product: String, inputs: Vec<(String, f64)>) {
        self.groups += 1;
        self.add(&product);
        self.inputs.extend(inputs);
    }

    /// Adds a summand that is a single figure, unless it is zero.
    fn rest(&mut self, name: &str, bytes: Bytes) {
        if bytes > Bytes::ZERO {
            self.add(name);
            self.inputs.push(input(name, bytes.0));
        }
    }

    fn add(&mut self, summand: &str) {
        if !self.text.is_empty() {
            self.text.push_str(" + ");
        }
        self.text.push_str(summand);
    }
}
