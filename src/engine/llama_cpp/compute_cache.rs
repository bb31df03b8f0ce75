//! A cache of the compute buffers of one model.
//!
//! Simulating a graph is the expensive part of an answer, and solver, bill and advice need many:
//! for different contexts and users, for every quantisation and machine. A graph depends on the
//! weights only where a device may get copies of some, and its buffers grow linearly with the
//! context over wide ranges. So one graph answers for all quantisations and for many contexts, to
//! the byte.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::compute::{pass, split};
use super::ggml::{BufferSizes, ContextRange};
use super::gguf_tensor::Weight;
use super::graph::{self, Batch};
use super::kv_cache::CELL_STEP;
use super::placement::{Placement, Split};
use super::settings::{MAX_CONTEXT, Settings};
use crate::architecture::{Architecture, Mixer};
use crate::quant::Quant;

/// Maximum number of cached graphs per model; beyond it the cache is cleared.
const MOST: usize = 512;

/// The simulated graphs of one model, for any quantisation, machine and settings.
#[derive(Default)]
pub struct GraphCache {
    kinds: OnceLock<Vec<usize>>,
    known: Mutex<Known>,
}

impl fmt::Debug for GraphCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GraphCache")
    }
}

#[derive(Default)]
struct Known {
    entries: Vec<CacheKey>,
    graphs: usize,
}

/// The graphs of one placement of the model.
struct CacheKey {
    placement: Placement,
    copies: u64,
    /// Quantisation, and whether it uses an importance matrix; set only where weights matter.
    weights: Option<(Quant, bool)>,
    /// Graphs by the shape of the batch, without the number of cells.
    graphs: HashMap<Batch, Vec<Graph>>,
}

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
        self.kinds.get_or_init(|| graph::kinds(architecture))
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
        let types = placement.copies_weights(architecture).then_some(types);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.graphs >= MOST {
            *known = Known::default();
        }
        let Known { entries, graphs } = &mut *known;
        let same = |entry: &CacheKey| {
            (&entry.placement, entry.copies, entry.weights) == (placement, copies, types)
        };
        let at = entries.iter().position(same).unwrap_or_else(|| {
            let (placement, graphs) = (placement.clone(), HashMap::new());
            entries.push(CacheKey { placement, copies, weights: types, graphs });
            entries.len() - 1
        });
        let key = Batch { cells: batch.cells.with(0), ..batch };
        let group = entries[at].graphs.entry(key).or_default();
        if let Some(split) = group.iter().find_map(|graph| graph.at(full)) {
            return split;
        }
        // After a second context more of them are likely, so determining the range pays off.
        let span = match group.is_empty() {
            true => ContextRange::HERE,
            false => even(architecture, &batch),
        };
        let model = graph::Model { architecture, kinds: self.kinds(architecture), weights };
        let sizes = pass(&model, &batch, placement, copies, span);
        let answer = split(&sizes, 0);
        group.push(Graph { full, sizes });
        *graphs += 1;
        answer
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
