//! A cache of the compute buffers of one model.
//!
//! Simulating a graph is the expensive part of an answer, and solver, bill and advice need many:
//! for different contexts and users, for every quantisation and machine. A graph depends on the
//! weights only where a device may get copies of some, and its buffers grow linearly with the
//! context over wide ranges. So one graph answers for all quantisations and for many contexts, to
//! the byte.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::compute::{pass, split};
use super::ggml::{BufferSizes, ContextRange};
use super::gguf_tensor::Weight;
use super::graph::{self, Batch};
use super::key_hash::KeyHash;
use super::kv_cache::CELL_STEP;
use super::placement::{Placement, Split};
use super::settings::{MAX_CONTEXT, Settings};
use super::tensor_split::Division;
use crate::architecture::{Architecture, Mixer};
use crate::quant::Quant;
use crate::sort;

/// Maximum number of cached graphs per model; beyond it the cache is cleared.
const MOST: usize = 512;

/// The simulated graphs of one model, for any quantisation, machine and settings.
#[derive(Default)]
pub struct GraphCache {
    /// The kind of each layer, and the first layer of each kind.
    kinds: OnceLock<(Vec<usize>, Vec<usize>)>,
    known: Mutex<Known>,
}

impl fmt::Debug for GraphCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GraphCache")
    }
}

/// What a class depends on beside the placement: the copies of each input, the quantisation and
/// importance matrix of weights that are copied, and whether there are many outputs.
type Beside = (u64, Option<(Quant, bool)>, bool);

/// With up to so many outputs of a batch, one layer more on the last device changes no buffer. The
/// memory of more outputs may lie where two layers took turns, so that an odd number differs.
const FEW_OUTPUTS: u64 = 4;

#[derive(Default)]
struct Known {
    /// The class of each placement that was asked for, as an index.
    placements: HashMap<Beside, HashMap<Placement, usize, KeyHash>, KeyHash>,
    classes: HashMap<Class, usize, KeyHash>,
    /// For each class, graphs by the shape of the batch, without the number of cells.
    graphs: Vec<HashMap<Batch, Vec<Graph>, KeyHash>>,
    /// How many graphs there are.
    count: usize,
    /// Numbers of sequences with which several contexts were asked for, and the first one.
    varied: Vec<u64>,
    /// For a quantisation, and whether it uses an importance matrix: hashes of the weights outside
    /// of the layers, and of each layer.
    weights: HashMap<(Quant, bool), Vec<u64>>,
}

/// What the graphs of a placement depend on, beside the batch.
///
/// Not the number of layers: the allocator reuses the memory of a layer for the next one, so that a
/// run of layers in one place takes as much as each kind of layer in it once. But the residual stream
/// may alternate between two places, as in GPT-NeoX: where many outputs go depends on which of the
/// two the last layer used. `tests/graphs.rs` holds both against graphs of each placement of the
/// catalogue's models.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Class {
    copies: u64,
    devices: usize,
    divided: Division,
    /// The device of the output layer.
    output: Option<usize>,
    /// Hash of the weights outside of the layers, if a device may get copies of some.
    outside: u64,
    /// Layers in a row that are in one place.
    runs: Vec<Run>,
    /// Whether the last of these has an odd number of layers, where there are many outputs.
    is_odd: bool,
}

const ENDS: usize = 8;

/// Layers in a row that are in one place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Run {
    device: Option<usize>,
    has_host_experts: bool,
    /// Its first and its last layers, at most [`ENDS`] of each.
    ends: Vec<LayerKind>,
    /// Which layers follow each other between these.
    pairs: Vec<(LayerKind, LayerKind)>,
    /// The kinds of its layers with hashes of the weights that a device may get copies of, in any
    /// order, and that of its last layer: a copy reuses the memory of the one before it.
    copied: Vec<(usize, u64)>,
}

/// The first layer of the model that equals a layer, and where its cache is if that is another
/// layer's.
type LayerKind = (usize, Option<Option<usize>>);

/// The buffers of one simulated graph.
struct Graph {
    /// Cells of a full-attention layer in this graph.
    full: u64,
    sizes: BufferSizes,
}

impl Graph {
    /// The buffers with `full` cells, if they are within the range of this graph.
    fn at(&self, full: u64) -> Option<Split> {
        let steps = (full as i64 - self.full as i64) / CELL_STEP as i64;
        let ContextRange { back, on } = self.sizes.span();
        let whole = full.abs_diff(self.full).is_multiple_of(CELL_STEP);
        (whole && (-back..=on).contains(&steps)).then(|| split(&self.sizes, steps))
    }
}

impl GraphCache {
    /// Returns for each repeating layer the index of the first layer equal to it.
    pub fn kinds(&self, architecture: &Architecture) -> &[usize] {
        &self.all_kinds(architecture).0
    }

    /// Returns the index of the first layer of each kind, in order.
    pub fn firsts(&self, architecture: &Architecture) -> &[usize] {
        &self.all_kinds(architecture).1
    }

    fn all_kinds(&self, architecture: &Architecture) -> &(Vec<usize>, Vec<usize>) {
        self.kinds.get_or_init(|| {
            let kinds = graph::kinds(architecture);
            let firsts = (0..kinds.len()).filter(|il| kinds[*il] == *il).collect();
            (kinds, firsts)
        })
    }

    /// Returns the compute buffers with `copies` of each input. `types` are the quantisation that
    /// determines the types of `weights` and whether it uses an importance matrix. Every call must
    /// be for the same architecture.
    pub fn compute(
        &self,
        architecture: &Architecture,
        (weights, types): (&[Weight], (Quant, bool)),
        settings: &Settings,
        placement: &Placement,
        copies: u64,
    ) -> Split {
        let batch = Batch::new(architecture, &settings.effective(architecture));
        let full = batch.cells.full;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.count >= MOST {
            *known = Known::default();
        }
        let Known { placements, classes, graphs, count, varied, weights: hashes } = &mut *known;
        let copied = placement.copies_weights(architecture).then_some(types);
        let has_many_outputs = batch.outputs > FEW_OUTPUTS;
        let placements = placements.entry((copies, copied, has_many_outputs)).or_default();
        let index = placements.get(placement).copied().unwrap_or_else(|| {
            let hashes = match copied {
                Some(_) => {
                    hashes.entry(types).or_insert_with(|| hash_weights(architecture, weights))
                }
                None => &Vec::new(),
            };
            let of = (placement, copies, has_many_outputs);
            let class = class(architecture, self.kinds(architecture), hashes, of);
            let index = *classes.entry(class).or_insert(graphs.len());
            if index == graphs.len() {
                graphs.push(HashMap::default());
            }
            placements.insert(placement.clone(), index);
            index
        });
        let key = Batch { cells: batch.cells.with(0), ..batch };
        let group = graphs[index].entry(key).or_default();
        if let Some(split) = group.iter().find_map(|graph| graph.at(full)) {
            return split;
        }
        // Determining the range pays off where more contexts are likely: with the users of a question,
        // of which the first are asked for first, and after a second context with any others.
        if (!group.is_empty() || *count == 0) && !varied.contains(&batch.sequences) {
            varied.push(batch.sequences);
        }
        let span = match varied.contains(&batch.sequences) {
            true => even(architecture, &batch),
            false => ContextRange::HERE,
        };
        let kinds = self.kinds(architecture);
        let model = graph::Model { architecture, kinds, weights, is_whole: false };
        let is_needed = !group.is_empty();
        let sizes = pass(&model, &batch, placement, copies, (span, is_needed));
        let answer = split(&sizes, 0);
        group.push(Graph { full, sizes });
        *count += 1;
        answer
    }
}

/// Hashes of the weights outside of the layers, and of each layer, as far as copies of them differ.
fn hash_weights(architecture: &Architecture, weights: &[Weight]) -> Vec<u64> {
    let mut hashers = vec![DefaultHasher::new(); architecture.layers.len() + 1];
    for weight in weights {
        let slot = weight.tensor.layer.map_or(0, |il| il as usize + 1);
        if let Some(hasher) = hashers.get_mut(slot) {
            (weight.tensor.role, weight.on_device()).hash(hasher);
        }
    }
    hashers.into_iter().map(|hasher| hasher.finish()).collect()
}

/// The class of `placement` with `copies` of each input, of a batch that may have many outputs.
/// `weights` are the hashes of weights that may be copied, if any.
fn class(
    architecture: &Architecture,
    kinds: &[usize],
    weights: &[u64],
    (placement, copies, has_many_outputs): (&Placement, u64, bool),
) -> Class {
    let mut mixers = architecture.layers.iter().map(|layer| &layer.mixer);
    let varied = mixers.any(|mixer| {
        let is_mamba = matches!(mixer, Mixer::Mamba1(_)) || mixer.mamba2().is_some();
        is_mamba || mixer.indexer().is_some()
    });
    let devices = placement.layer_devices(architecture);
    let place = |il: usize| (devices[il], (il as u64) < placement.host_expert_layers);
    let layer = |il: usize| {
        let cache = graph::cache_layer(architecture, il);
        (kinds[il], (cache != il).then(|| place(cache).0))
    };
    // Of layers that differ otherwise, equal weights are not the same.
    let copied = |il: usize| (kinds[il], weights.get(il + 1).copied().unwrap_or_default());
    let layers: Vec<usize> = (0..kinds.len()).collect();
    let in_place = || layers.chunk_by(|a, b| place(*a) == place(*b));
    let is_odd = has_many_outputs && in_place().last().is_some_and(|run| run.len() % 2 == 1);
    let runs = in_place().map(|run| {
        let (device, has_host_experts) = place(run[0]);
        let layers: Vec<LayerKind> = run.iter().map(|il| layer(*il)).collect();
        // With indexers layers have inputs of their own, which add up; between Mamba layers the
        // copies of differing weights leave gaps that depend on them all.
        let most = if varied { layers.len() } else { ENDS };
        let first = layers.len().min(most);
        let last = layers.len().saturating_sub(most).max(first);
        let ends = layers[..first].iter().chain(&layers[last..]).copied().collect();
        let pairs = layers[first.saturating_sub(1)..last].windows(2);
        let mut pairs: Vec<(LayerKind, LayerKind)> = pairs.map(|pair| (pair[0], pair[1])).collect();
        sort::distinct(&mut pairs);
        let mut copied: Vec<(usize, u64)> = match device.is_none() || has_host_experts {
            true => run.iter().map(|il| copied(*il)).collect(),
            false => Vec::new(),
        };
        let last = copied.last().copied();
        if !varied {
            sort::distinct(&mut copied);
            copied.extend(last);
        }
        Run { device, has_host_experts, ends, pairs, copied }
    });
    Class {
        copies,
        devices: placement.device_layers.len(),
        divided: placement.divided.clone(),
        output: placement.output(architecture),
        outside: weights.first().copied().unwrap_or_default(),
        runs: runs.collect(),
        is_odd,
    }
}

/// The range of contexts around that of `batch` within which every tensor of a graph grows
/// linearly.
fn even(architecture: &Architecture, batch: &Batch) -> ContextRange {
    let full = batch.cells.full;
    let (mut from, mut to) = (CELL_STEP, MAX_CONTEXT);
    let mut turns_at = |cells: u64| match full <= cells {
        true => to = to.min(cells),
        false => from = from.max(cells + 1),
    };
    // Growth changes once a window is full, or an indexer has more tokens than it picks.
    batch.cells.window_limit.into_iter().for_each(&mut turns_at);
    for layer in &architecture.layers {
        match &layer.mixer {
            Mixer::Compressed(c) if c.ratio > 0 => return ContextRange::HERE,
            Mixer::Mla(m) => m.indexer.into_iter().for_each(|i| turns_at(i.top_k)),
            mixer => {
                let indexer = mixer.attention().and_then(|a| a.indexer);
                indexer.into_iter().for_each(|i| turns_at(i.top_k));
            }
        }
    }
    let steps = |cells: u64| (cells / CELL_STEP) as i64;
    match full.is_multiple_of(CELL_STEP) {
        true => ContextRange {
            back: steps(full.saturating_sub(from)),
            on: steps(to.saturating_sub(full)),
        },
        false => ContextRange::HERE,
    }
}
