//! A miniature of ggml: just enough of its graphs, scheduler and allocator to compute the size of a
//! model's compute buffers.
//!
//! A compute buffer is the high-water mark of one pass over a graph. Inputs are placed first, each
//! other tensor when it is computed, into the smallest gap that holds it; it is released after the
//! last operation that reads it ([`allocate`]). Where a graph runs on several backends it is cut
//! into splits, and each split first gets copies of what it reads from elsewhere ([`schedule`]).
//!
//! If sizes grow linearly with the context, one pass determines the buffers of a whole range of
//! contexts: all those at which every comparison of sizes has the same result ([`Graph::grow`]).
//!
//! Rules of `ggml.c`, `ggml-alloc.c` and `ggml-backend.cpp` (ggml 0.26, llama.cpp b11434).

mod allocate;
mod schedule;
mod size;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use allocate::Life;
pub(super) use size::ContextRange;
use size::Size;

/// Number of a tensor in its [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(u32);

/// Number of a backend. Devices come first; the last one is the host.
pub(super) type Backend = u8;

/// A backend's compute buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct BufferType {
    /// Alignment of blocks.
    pub alignment: u64,
}

/// A multiple of all alignments.
const MOST_ALIGNMENT: i64 = 128;

const UNASSIGNED: Backend = Backend::MAX;
const NO_TENSOR: u32 = u32::MAX;
const MAX_SOURCES: usize = 7;

/// How a tensor gets its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// Set from outside before the graph runs.
    Input,
    /// Memory that an operation fills, allocated up front like inputs.
    Blank,
    /// A weight in a model buffer.
    Weight,
    /// A cache or a state in a context buffer.
    State,
    /// The bytes of another tensor, seen in another shape.
    View,
    /// Values written into another tensor.
    Store,
    /// Computed; may overwrite a source.
    InPlace,
    /// Computed; needs memory of its own.
    Fresh,
    /// A copy for another backend, inserted by the scheduler.
    Copy,
    /// Keeps its source alive until this point, because it is being copied.
    Keep,
}

/// Where the scheduler prefers to run an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum BackendPreference {
    /// On the backend of its weights.
    Weights,
    /// On a device, with copies of weights that are on the host.
    Device,
    /// On the backend of its neighbours, since its weights are too small to matter (rotary factors,
    /// attention sinks).
    Neighbours,
}

/// Minimum number of rows for which a device computes with copies of host weights
/// (`GGML_OP_OFFLOAD_MIN_BATCH`).
const OFFLOAD_MIN_ROWS: u64 = 32;

impl BackendPreference {
    fn of(rows: u64) -> BackendPreference {
        if rows >= OFFLOAD_MIN_ROWS {
            BackendPreference::Device
        } else {
            BackendPreference::Weights
        }
    }
}

/// The properties of a tensor that scheduling reads often; sizes are in [`Extent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Tensor {
    kind: Kind,
    preference: BackendPreference,
    /// The backend that computes and holds the tensor.
    backend: Backend,
    /// Bytes of an element.
    width: u8,
    /// Number of sources.
    reads: u8,
    /// Whether a source is a weight.
    reads_weights: bool,
    /// Whether it is in the order, or in no need of that.
    is_visited: bool,
    /// The tensor whose bytes a view or a store uses; for all others the tensor itself.
    owner: u32,
    sources: [u32; MAX_SOURCES],
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Dimensions, innermost first.
    shape: [u64; 4],
    /// Bytes to allocate.
    bytes: u64,
}

impl Tensor {
    fn sources(&self) -> impl Iterator<Item = u32> {
        self.sources.iter().take(usize::from(self.reads)).copied()
    }
}

/// Growth of a tensor per step of context.
#[derive(Clone, Copy, Debug, Default)]
struct Growth {
    bytes: i64,
    shape: [i64; 4],
}

/// The compute buffer of each backend, the host's last, at the context of the graph and in a range
/// around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BufferSizes {
    buffers: Vec<Size>,
    span: ContextRange,
}

impl BufferSizes {
    /// The range of contexts for which the sizes hold.
    pub(super) fn span(&self) -> ContextRange {
        self.span
    }

    /// The buffers `steps` steps of context further on.
    pub(super) fn at(&self, steps: i64) -> impl Iterator<Item = u64> + '_ {
        let at = move |size: &Size| size.at.saturating_add(size.slope.saturating_mul(steps));
        self.buffers.iter().map(move |size| at(size).unsigned_abs())
    }
}

/// A compute graph: tensors, and the order in which they are computed.
#[derive(Debug, Default)]
pub(super) struct Graph {
    tensors: Vec<Tensor>,
    extents: Vec<Extent>,
    /// Growth of each tensor, if known.
    growth: Vec<Growth>,
    /// The range of contexts for which the growth holds.
    span: ContextRange,
    order: Vec<u32>,
    /// Inputs and blanks.
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    /// Backends that compute nothing here, each with the one whose buffer theirs equals.
    alike: Vec<(Backend, Backend)>,
    /// Scratch memory of scheduling and allocation.
    steps: Vec<u32>,
    copies: Vec<u32>,
    lives: Vec<Life>,
}

/// A graph of a neighbouring context.
pub(super) enum Outline {
    /// All of it.
    Whole(Box<Graph>),
    /// A hash of how it is built, and the sizes of its tensors.
    Sizes(u64, Vec<Extent>),
}

fn product(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(1u64, u64::saturating_mul)
}

impl Graph {
    /// Number of tensors.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether the graph's memory is small enough to keep: a megabyte or two.
    pub(super) fn is_small(&self) -> bool {
        self.tensors.len() < 1 << 14
    }

    /// Returns an empty graph that reuses this one's memory.
    pub(super) fn emptied(mut self) -> Graph {
        self.tensors.clear();
        self.extents.clear();
        self.growth.clear();
        self.span = ContextRange::HERE;
        self.order.clear();
        self.inputs.clear();
        self.outputs.clear();
        self.alike.clear();
        self
    }

    fn at(&self, id: u32) -> &Tensor {
        &self.tensors[id as usize]
    }

    fn at_mut(&mut self, id: Id) -> &mut Tensor {
        &mut self.tensors[id.0 as usize]
    }

    fn extent(&self, x: Id) -> Extent {
        self.extents[x.0 as usize]
    }

    fn extent_mut(&mut self, x: Id) -> &mut Extent {
        &mut self.extents[x.0 as usize]
    }

    fn push(&mut self, kind: Kind, shape: [u64; 4], width: u8, sources: &[Id]) -> Id {
        let id = self.tensors.len() as u32;
        let mut list = [NO_TENSOR; MAX_SOURCES];
        let mut reads_weights = false;
        for (slot, source) in list.iter_mut().zip(sources) {
            *slot = source.0;
            reads_weights |= self.at(source.0).kind == Kind::Weight;
        }
        self.tensors.push(Tensor {
            kind,
            preference: BackendPreference::of(product([shape[1], shape[2], shape[3]])),
            backend: UNASSIGNED,
            width,
            reads: sources.len().min(MAX_SOURCES) as u8,
            reads_weights,
            is_visited: false,
            owner: id,
            sources: list,
        });
        let bytes = product(shape).saturating_mul(u64::from(width));
        self.extents.push(Extent { shape, bytes });
        Id(id)
    }

    /// The dimensions of `x`.
    pub(super) fn shape(&self, x: Id) -> [u64; 4] {
        self.extent(x).shape
    }

    /// Adds an input with `width` bytes per element.
    pub(super) fn input(&mut self, shape: [u64; 4], width: u8) -> Id {
        self.push(Kind::Input, shape, width, &[])
    }

    /// Adds memory for an operation to fill, with `width` bytes per element.
    pub(super) fn blank(&mut self, shape: [u64; 4], width: u8) -> Id {
        self.push(Kind::Blank, shape, width, &[])
    }

    /// Adds a weight on `backend`, of which a copy takes `bytes`.
    pub(super) fn weight(&mut self, backend: Backend, bytes: u64) -> Id {
        let id = self.push(Kind::Weight, [1; 4], 1, &[]);
        self.at_mut(id).backend = backend;
        self.extent_mut(id).bytes = bytes;
        id
    }

    /// Adds a cache or state on `backend`.
    pub(super) fn state(&mut self, backend: Backend) -> Id {
        let id = self.push(Kind::State, [1; 4], 1, &[]);
        self.at_mut(id).backend = backend;
        id
    }

    /// Adds a view of `x` in another shape (view, reshape, permute, transpose).
    pub(super) fn view(&mut self, x: Id, shape: [u64; 4]) -> Id {
        let Tensor { kind, width, owner, .. } = *self.at(x.0);
        let seen = self.extent(x);
        let id = self.push(Kind::View, shape, width, &[x]);
        self.at_mut(id).owner = owner;
        if kind == Kind::View && product(seen.shape) == product(shape) {
            self.extent_mut(id).bytes = seen.bytes;
        }
        id
    }

    /// Adds a view of the first `width` values of each row of `x`, or of as many further on, in
    /// another shape.
    pub(super) fn part(&mut self, x: Id, width: u64, shape: [u64; 4]) -> Id {
        let [row, columns @ ..] = self.shape(x);
        let gaps = row.saturating_mul(product(columns).saturating_sub(1));
        let bytes = gaps.saturating_add(width).saturating_mul(u64::from(self.at(x.0).width));
        self.spread_view(x, shape, bytes)
    }

    /// Whether the values of `x` are not contiguous.
    pub(super) fn is_spread(&self, x: Id) -> bool {
        let Tensor { kind, width, .. } = *self.at(x.0);
        let Extent { shape, bytes } = self.extent(x);
        kind == Kind::View && bytes > product(shape).saturating_mul(u64::from(width))
    }

    /// Adds a view whose rows are not contiguous, or whose values do not take whole bytes. A copy
    /// of it takes `bytes`, counted from its first to its last value.
    pub(super) fn spread_view(&mut self, x: Id, shape: [u64; 4], bytes: u64) -> Id {
        let id = self.view(x, shape);
        self.extent_mut(id).bytes = bytes;
        id
    }

    /// Adds a write of `sources` into `target` (`set_rows`, and `cpy` into a cache).
    pub(super) fn store(&mut self, target: Id, sources: &[Id]) -> Id {
        let owner = self.at(target.0).owner;
        let id = self.push(Kind::Store, [1; 4], 1, sources);
        self.at_mut(id).owner = owner;
        id
    }

    /// Adds an operation that may overwrite a source of the same shape: element-wise arithmetic,
    /// RMS norm, softmax. The result has the shape of the first source.
    pub(super) fn in_place(&mut self, sources: &[Id]) -> Id {
        let width = self.at(sources[0].0).width;
        self.push(Kind::InPlace, self.shape(sources[0]), width, sources)
    }

    /// Adds an operation whose result has memory of its own, with `width` bytes per element.
    pub(super) fn fresh(&mut self, shape: [u64; 4], width: u8, sources: &[Id]) -> Id {
        self.push(Kind::Fresh, shape, width, sources)
    }

    /// Adds the product of `weight` and `x`: `rows` values for each column of `x`, in f32.
    pub(super) fn mul_mat(&mut self, weight: Id, x: Id, rows: u64) -> Id {
        let [_, n, p, q] = self.shape(x);
        let id = self.fresh([rows, n, p, q], 4, &[weight, x]);
        self.with_rows(id, n)
    }

    /// Sets the number of rows by which the scheduler decides about host weights.
    pub(super) fn with_rows(&mut self, id: Id, rows: u64) -> Id {
        self.at_mut(id).preference = BackendPreference::of(rows);
        id
    }

    /// Lets `id` run on the backend of its neighbours, wherever its weights are.
    pub(super) fn with_neighbours(&mut self, id: Id) -> Id {
        self.at_mut(id).preference = BackendPreference::Neighbours;
        id
    }

    /// Adds bytes that a kernel needs after its result.
    pub(super) fn with_scratch(&mut self, id: Id, bytes: u64) -> Id {
        let extent = self.extent_mut(id);
        extent.bytes = extent.bytes.saturating_add(bytes);
        id
    }

    /// Marks `x` as a result of the graph, which is neither released nor overwritten.
    pub(super) fn output(&mut self, x: Id) {
        self.outputs.push(x.0);
    }

    /// Gives `backend`, of which nothing is in the graph, the buffer of `other`.
    pub(super) fn is_like(&mut self, backend: Backend, other: Backend) {
        self.alike.push((backend, other));
    }

    /// Appends `x` to the order, after those of its dependencies that are not yet in it.
    pub(super) fn expand(&mut self, x: Id) {
        if std::mem::replace(&mut self.at_mut(x).is_visited, true) {
            return;
        }
        let tensor = *self.at(x.0);
        let kind = tensor.kind;
        for source in tensor.sources() {
            if !self.at(source).is_visited {
                self.expand(Id(source));
            }
        }
        match kind {
            Kind::Input | Kind::Blank => self.inputs.push(x.0),
            Kind::Weight | Kind::State => {}
            _ => self.order.push(x.0),
        }
    }

    /// What [`Graph::grow`] needs of a graph, in a third of its memory if it is large.
    pub(super) fn outlined(self) -> Outline {
        match self.is_small() {
            true => Outline::Whole(Box::new(self)),
            false => Outline::Sizes(self.build(), self.extents),
        }
    }

    /// A number that graphs share that are built in the same way.
    fn build(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.tensors, &self.order, &self.inputs, &self.outputs).hash(&mut hasher);
        hasher.finish()
    }

    /// Derives the growth of tensors from `next`, the graph one step of context further on (-1:
    /// back), valid within `span`. If the graphs are built differently or blocks do not stay
    /// aligned, the graph remains valid for its own context only.
    pub(super) fn grow(&mut self, next: &Outline, step: i64, span: ContextRange) {
        let (is_same, extents) = match next {
            Outline::Whole(next) => {
                let is_same = (&self.tensors, &self.order, &self.inputs, &self.outputs)
                    == (&next.tensors, &next.order, &next.inputs, &next.outputs);
                (is_same, &next.extents)
            }
            Outline::Sizes(build, extents) => (self.build() == *build, extents),
        };
        if !is_same {
            return;
        }
        let more =
            |from: u64, to: u64| Some(step * (i64::try_from(to).ok()? - i64::try_from(from).ok()?));
        let growth = |(extent, next): (&Extent, &Extent)| {
            let bytes = more(extent.bytes, next.bytes)?;
            let mut shape = [0; 4];
            for (i, by) in shape.iter_mut().enumerate() {
                *by = more(extent.shape[i], next.shape[i])?;
            }
            (bytes % MOST_ALIGNMENT == 0).then_some(Growth { bytes, shape })
        };
        for extents in self.extents.iter().zip(extents) {
            match growth(extents) {
                Some(growth) => self.growth.push(growth),
                None => return self.growth.clear(),
            }
        }
        self.span = span;
    }

    fn growth(&self, id: u32) -> Growth {
        self.growth.get(id as usize).copied().unwrap_or_default()
    }

    fn size(&self, id: u32) -> Size {
        Size { slope: self.growth(id).bytes, ..Size::fixed(self.extent(Id(id)).bytes) }
    }

    /// Whether two tensors have the same shape at any context in `span`.
    fn is_alike(&self, span: &mut ContextRange, a: u32, b: u32) -> bool {
        if self.at(a).width != self.at(b).width {
            return false;
        }
        let [one, other] = [a, b].map(|id| self.shape(Id(id)));
        if !self.growth.is_empty() {
            let size = |id: u32, i: usize| Size {
                slope: self.growth(id).shape[i],
                ..Size::fixed(self.shape(Id(id))[i])
            };
            // One dimension that stays different is enough.
            let differs = (0..4).any(|i| {
                let (a, b) = (size(a, i), size(b, i));
                a.slope == b.slope && a.at != b.at
            });
            if !differs {
                (0..4).for_each(|i| _ = span.equal(size(a, i), size(b, i)));
            }
        }
        one == other
    }

    /// The compute buffer of each backend, the host's last.
    ///
    /// Where batches are to form a pipeline through several devices, `copies` of each input are
    /// kept; otherwise one.
    pub(super) fn buffers(&mut self, types: &[BufferType], copies: u64) -> BufferSizes {
        self.assign(types.len() as u8 - 1);
        let copied = self.split(types.len());
        let mut sizes = self.allocate(types, &copied, copies);
        for (backend, other) in &self.alike {
            sizes.buffers[usize::from(*backend)] = sizes.buffers[usize::from(*other)];
        }
        sizes
    }
}
