//! Compute buffers of one model, kept once a graph was placed for them.
//!
//! PlacementEstimator a graph is the costly part of an answer, and solver, bill and advice ask for many:
//! along context and users, for every quantisation and machine. What they get depends on the
//! weights only where a device may be given copies of some, and over wide ranges it grows evenly
//! with the context. So one graph answers for all quantisations and for many contexts, to the byte.

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

/// The most graphs that are kept of a model; then all are let go.
const MOST: usize = 512;

/// The graphs of one model, whatever its quantisations, machines and settings.
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
    sites: Vec<CacheKey>,
    graphs: usize,
}

/// A way to lay out the model.
struct CacheKey {
    placement: Placement,
    copies: u64,
    /// Quantisation and importance matrix, where weights matter.
    weights: Option<(Quant, bool)>,
    /// By what there is of a batch beside the cells.
    graphs: HashMap<Batch, Vec<Graph>>,
}

/// A graph that was placed.
struct Graph {
    /// Its cells in a full-attention layer.
    full: u64,
    marks: BufferSizes,
}

impl Graph {
    /// What it tells of the buffers with `full` cells.
    fn at(&self, full: u64) -> Option<Split> {
        let steps = (full as i64 - self.full as i64) / CELL_STEP as i64;
        let ContextRange { back, on } = self.marks.span();
        let whole = full.abs_diff(self.full).is_multiple_of(CELL_STEP);
        (whole && (-back..=on).contains(&steps)).then(|| split(&self.marks, steps))
    }
}

impl GraphCache {
    /// For each repeating layer the first one that is equal to it.
    pub fn kinds(&self, architecture: &Architecture) -> &[usize] {
        self.kinds.get_or_init(|| graph::kinds(architecture))
    }

    /// The compute buffers of `weights`, as a quantisation with or without an importance matrix
    /// types them, with `copies` of each input. The architecture has to be the same at each call.
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
        let Known { sites, graphs } = &mut *known;
        let same = |site: &CacheKey| {
            (&site.placement, site.copies, site.weights) == (placement, copies, types)
        };
        let at = sites.iter().position(same).unwrap_or_else(|| {
            let (placement, graphs) = (placement.clone(), HashMap::new());
            sites.push(CacheKey { placement, copies, weights: types, graphs });
            sites.len() - 1
        });
        let key = Batch { cells: batch.cells.with(0), ..batch };
        let alike = sites[at].graphs.entry(key).or_default();
        if let Some(split) = alike.iter().find_map(|graph| graph.at(full)) {
            return split;
        }
        // A second context makes more of them likely.
        let span = match alike.is_empty() {
            true => ContextRange::HERE,
            false => even(architecture, &batch),
        };
        let model = graph::Model { architecture, kinds: self.kinds(architecture), weights };
        let marks = pass(&model, &batch, placement, copies, span);
        let answer = split(&marks, 0);
        alike.push(Graph { full, marks });
        *graphs += 1;
        answer
    }
}

/// The steps of context, back and on from that of `batch`, within which every tensor of a graph
/// grows evenly.
fn even(architecture: &Architecture, batch: &Batch) -> ContextRange {
    let full = batch.cells.full;
    let (mut from, mut to) = (CELL_STEP, MAX_CONTEXT);
    let mut turns_at = |cells: u64| match full <= cells {
        true => to = to.min(cells),
        false => from = from.max(cells + 1),
    };
    // A window is full, an indexer has as much to pick from as it picks.
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
