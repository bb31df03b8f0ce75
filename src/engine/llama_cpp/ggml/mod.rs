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
//! A graph that is built once more, a step of context further on or for another batch
//! ([`Graph::once_more`]), is only compared with what is there, and tells sizes. Layers that are like
//! one before them are not built at all, but repeated ([`Graph::repeat`]).
//!
//! Rules of `ggml.c`, `ggml-alloc.c` and `ggml-backend.cpp` (ggml 0.26, llama.cpp b11434).

mod allocate;
mod schedule;
mod size;

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
const MOST_ALIGNMENT: u64 = 128;

const UNASSIGNED: Backend = Backend::MAX;
const NO_TENSOR: u32 = u32::MAX;
const MAX_SOURCES: usize = 7;

/// How a tensor gets its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Whether its preference does not follow from its shape.
    is_exempt: bool,
    /// The tensor whose bytes a view or a store uses; for all others the tensor itself.
    owner: u32,
    sources: [u32; MAX_SOURCES],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    /// Dimensions, innermost first.
    shape: [u64; 4],
    /// Bytes to allocate.
    bytes: u64,
}

impl Tensor {
    fn sources(&self) -> &[u32] {
        self.sources.get(..usize::from(self.reads)).unwrap_or_default()
    }
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
    /// The extents a step of context further on (-1: back), if known.
    next: Vec<Extent>,
    step: i64,
    /// The range of contexts for which the growth from one to the other holds.
    span: ContextRange,
    /// Where the graph is built once more for `next`: how far it is the same graph.
    again: Option<Again>,
    /// What was asked to be in the order, one after the other.
    roots: Vec<u32>,
    /// The tensors whose preference was set, one after the other.
    exempt: Vec<u32>,
    /// The stretches that were repeated, each with where and for what.
    repeats: Vec<(Stretch, u32, Id)>,
    /// Number of the host's backend.
    host: Backend,
    order: Vec<u32>,
    /// Inputs and blanks.
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    /// Backends that compute nothing here, each with the one whose buffer theirs equals.
    alike: Vec<(Backend, Backend)>,
    /// How many of the tensors are not the scheduler's, and whether those are there.
    built: usize,
    is_scheduled: bool,
    /// The tensors that have copies, with the copy.
    copied: Vec<(u32, u32)>,
    /// Where a tensor reads a copy: the tensor, which of its sources, and what it reads otherwise.
    diverted: Vec<(u32, u8, u32)>,
    /// Scratch memory of scheduling and allocation.
    steps: Vec<u32>,
    copies: Vec<u32>,
    lives: Vec<Life>,
}

/// A graph that is built once more.
#[derive(Clone, Copy, Debug, Default)]
struct Again {
    /// Whether it has turned out to be another one.
    differs: bool,
    /// How many there are so far of what the graph lists.
    roots: usize,
    exempt: usize,
    repeats: usize,
    outputs: usize,
    alike: usize,
}

/// How far a graph is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    tensors: u32,
    roots: usize,
}

/// Tensors that one after the other were added for `x`, and can be for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    from: Mark,
    to: Mark,
    x: Id,
    /// What comes out of them.
    out: Id,
}

fn product([a, b, c, d]: [u64; 4]) -> u64 {
    a.saturating_mul(b.saturating_mul(c).saturating_mul(d))
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

    /// Returns an empty graph of `host` devices that reuses this one's memory.
    pub(super) fn emptied(mut self, host: Backend) -> Graph {
        self.host = host;
        self.tensors.clear();
        self.extents.clear();
        self.next.clear();
        self.span = ContextRange::HERE;
        self.again = None;
        self.roots.clear();
        self.exempt.clear();
        self.repeats.clear();
        self.order.clear();
        self.inputs.clear();
        self.outputs.clear();
        self.alike.clear();
        self.is_scheduled = false;
        self.copied.clear();
        self.diverted.clear();
        self
    }

    fn at(&self, id: u32) -> &Tensor {
        &self.tensors[id as usize]
    }

    /// The extents of the graph that is being built.
    fn extents(&self) -> &Vec<Extent> {
        if self.again.is_some() { &self.next } else { &self.extents }
    }

    fn extents_mut(&mut self) -> &mut Vec<Extent> {
        if self.again.is_some() { &mut self.next } else { &mut self.extents }
    }

    fn extent(&self, x: Id) -> Extent {
        self.extents()[x.0 as usize]
    }

    fn extent_mut(&mut self, x: Id) -> &mut Extent {
        &mut self.extents_mut()[x.0 as usize]
    }

    /// Adds a tensor. A graph that is built once more has it already, or is another one.
    fn push(
        &mut self,
        kind: Kind,
        shape: [u64; 4],
        width: u8,
        sources: &[Id],
        owner: Option<u32>,
    ) -> Id {
        let rows = shape[1].saturating_mul(shape[2]).saturating_mul(shape[3]);
        let bytes = shape[0].saturating_mul(rows).saturating_mul(u64::from(width));
        let extents = self.extents_mut();
        let id = extents.len() as u32;
        extents.push(Extent { shape, bytes });
        let owner = owner.unwrap_or(id);
        let preference = BackendPreference::of(rows);
        let reads = sources.len().min(MAX_SOURCES);
        if let Some(again) = self.again
            && let Some(known) = self.tensors.get(id as usize)
        {
            let is_read = |(known, source): (&u32, &Id)| *known == source.0;
            let is_same = known.kind == kind
                && known.width == width
                && known.owner == owner
                && (known.is_exempt || known.preference == preference || !self.may_copy(known))
                && usize::from(known.reads) == reads
                && known.sources.iter().zip(sources).all(is_read);
            self.again = Some(Again { differs: again.differs || !is_same, ..again });
            return Id(id);
        }
        let mut list = [NO_TENSOR; MAX_SOURCES];
        let mut reads_weights = false;
        for (slot, source) in list.iter_mut().zip(sources) {
            *slot = source.0;
            reads_weights |= self.tensors[source.0 as usize].kind == Kind::Weight;
        }
        self.tensors.push(Tensor {
            kind,
            preference,
            backend: UNASSIGNED,
            width,
            reads: reads as u8,
            reads_weights,
            is_visited: matches!(kind, Kind::Weight | Kind::State),
            is_exempt: false,
            owner,
            sources: list,
        });
        Id(id)
    }

    /// Sets where `id` is, unless the graph is built once more: then it has to be there.
    fn set_backend(&mut self, id: Id, backend: Backend) {
        let tensor = &mut self.tensors[id.0 as usize];
        match &mut self.again {
            Some(again) => again.differs |= tensor.backend != backend,
            None => tensor.backend = backend,
        }
    }

    /// Sets what `id` prefers, unless the graph is built once more: then it has to be that.
    fn set_preference(&mut self, id: Id, preference: BackendPreference) {
        let tensor = self.at(id.0);
        let either = [preference, tensor.preference];
        let matters = either[0] != either[1]
            && (either.contains(&BackendPreference::Neighbours) || self.may_copy(tensor));
        match &mut self.again {
            Some(again) => {
                again.differs |= matters || self.exempt.get(again.exempt) != Some(&id.0);
                again.exempt += 1;
            }
            None => {
                self.exempt.push(id.0);
                let tensor = &mut self.tensors[id.0 as usize];
                (tensor.preference, tensor.is_exempt) = (preference, true);
            }
        }
    }

    /// Whether it depends on the number of rows where `tensor` is computed: of a weight on the host
    /// a device may get a copy.
    fn may_copy(&self, tensor: &Tensor) -> bool {
        let is_on_host =
            |source: &Tensor| source.kind == Kind::Weight && source.backend == self.host;
        tensor.reads_weights
            && self.host > 0
            && tensor.sources().iter().any(|source| is_on_host(self.at(*source)))
    }

    /// The dimensions of `x`.
    pub(super) fn shape(&self, x: Id) -> [u64; 4] {
        self.extent(x).shape
    }

    /// Adds an input with `width` bytes per element.
    pub(super) fn input(&mut self, shape: [u64; 4], width: u8) -> Id {
        self.push(Kind::Input, shape, width, &[], None)
    }

    /// Adds memory for an operation to fill, with `width` bytes per element.
    pub(super) fn blank(&mut self, shape: [u64; 4], width: u8) -> Id {
        self.push(Kind::Blank, shape, width, &[], None)
    }

    /// Adds a weight on `backend`, of which a copy takes `bytes`.
    pub(super) fn weight(&mut self, backend: Backend, bytes: u64) -> Id {
        let id = self.push(Kind::Weight, [1; 4], 1, &[], None);
        self.set_backend(id, backend);
        self.extent_mut(id).bytes = bytes;
        id
    }

    /// Adds a cache or state on `backend`.
    pub(super) fn state(&mut self, backend: Backend) -> Id {
        let id = self.push(Kind::State, [1; 4], 1, &[], None);
        self.set_backend(id, backend);
        id
    }

    /// Adds a view of `x` in another shape (view, reshape, permute, transpose).
    pub(super) fn view(&mut self, x: Id, shape: [u64; 4]) -> Id {
        let Tensor { kind, width, owner, .. } = *self.at(x.0);
        let seen = self.extent(x);
        let id = self.push(Kind::View, shape, width, &[x], Some(owner));
        if kind == Kind::View && product(seen.shape) == product(shape) {
            self.extent_mut(id).bytes = seen.bytes;
        }
        id
    }

    /// Adds a view of the first `width` values of each row of `x`, or of as many further on, in
    /// another shape.
    pub(super) fn part(&mut self, x: Id, width: u64, shape: [u64; 4]) -> Id {
        let [row, columns @ ..] = self.shape(x);
        let [a, b, c] = columns;
        let gaps = row.saturating_mul(product([a, b, c, 1]).saturating_sub(1));
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
        self.push(Kind::Store, [1; 4], 1, sources, Some(owner))
    }

    /// Adds an operation that may overwrite a source of the same shape: element-wise arithmetic,
    /// RMS norm, softmax. The result has the shape of the first source.
    pub(super) fn in_place(&mut self, sources: &[Id]) -> Id {
        let width = self.at(sources[0].0).width;
        self.push(Kind::InPlace, self.shape(sources[0]), width, sources, None)
    }

    /// Adds an operation whose result has memory of its own, with `width` bytes per element.
    pub(super) fn fresh(&mut self, shape: [u64; 4], width: u8, sources: &[Id]) -> Id {
        self.push(Kind::Fresh, shape, width, sources, None)
    }

    /// Adds the product of `weight` and `x`: `rows` values for each column of `x`, in f32.
    pub(super) fn mul_mat(&mut self, weight: Id, x: Id, rows: u64) -> Id {
        let [_, n, p, q] = self.shape(x);
        let id = self.fresh([rows, n, p, q], 4, &[weight, x]);
        self.with_rows(id, n)
    }

    /// Sets the number of rows by which the scheduler decides about host weights.
    pub(super) fn with_rows(&mut self, id: Id, rows: u64) -> Id {
        self.set_preference(id, BackendPreference::of(rows));
        id
    }

    /// Lets `id` run on the backend of its neighbours, wherever its weights are.
    pub(super) fn with_neighbours(&mut self, id: Id) -> Id {
        self.set_preference(id, BackendPreference::Neighbours);
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
        match &mut self.again {
            Some(again) => {
                again.differs |= self.outputs.get(again.outputs) != Some(&x.0);
                again.outputs += 1;
            }
            None => self.outputs.push(x.0),
        }
    }

    /// Gives `backend`, of which nothing is in the graph, the buffer of `other`.
    pub(super) fn is_like(&mut self, backend: Backend, other: Backend) {
        match &mut self.again {
            Some(again) => {
                again.differs |= self.alike.get(again.alike) != Some(&(backend, other));
                again.alike += 1;
            }
            None => self.alike.push((backend, other)),
        }
    }

    /// Appends `x` to the order, after those of its dependencies that are not yet in it.
    pub(super) fn expand(&mut self, x: Id) {
        match &mut self.again {
            Some(again) => {
                again.differs |= self.roots.get(again.roots) != Some(&x.0);
                again.roots += 1;
            }
            None => {
                self.roots.push(x.0);
                self.visit(x.0);
            }
        }
    }

    fn visit(&mut self, x: u32) {
        let tensor = &mut self.tensors[x as usize];
        if std::mem::replace(&mut tensor.is_visited, true) {
            return;
        }
        let (kind, reads) = (tensor.kind, usize::from(tensor.reads));
        for slot in 0..reads {
            let source = self.tensors[x as usize].sources[slot];
            if !self.tensors[source as usize].is_visited {
                self.visit(source);
            }
        }
        match kind {
            Kind::Input | Kind::Blank => self.inputs.push(x),
            Kind::Weight | Kind::State => {}
            _ => self.order.push(x),
        }
    }

    /// How far the graph is built.
    pub(super) fn mark(&self) -> Mark {
        let roots = self.again.map_or(self.roots.len(), |again| again.roots);
        Mark { tensors: self.extents().len() as u32, roots }
    }

    /// Returns what was added for `x` since `from`, with the result `out`; `None` if it reads
    /// anything else than itself, `x` and what was there at `shared`.
    pub(super) fn stretch(&self, shared: Mark, from: Mark, x: Id, out: Id) -> Option<Stretch> {
        let to = self.mark();
        let x_owner = self.at(x.0).owner;
        let is_known = |id: &u32| *id >= from.tensors || *id < shared.tensors || *id == x.0;
        let mut tensors = self.tensors.get(from.tensors as usize..to.tensors as usize)?.iter();
        let is_closed = tensors.all(|tensor| {
            (is_known(&tensor.owner) || tensor.owner == x_owner)
                && tensor.sources().iter().all(is_known)
        });
        let is_closed = is_closed && self.roots.get(from.roots..to.roots)?.iter().all(is_known);
        (is_closed && is_known(&out.0)).then_some(Stretch { from, to, x, out })
    }

    /// Adds the tensors of a stretch once more, for `x`, and returns their result; `None` if `x` is
    /// another kind of tensor than what they were added for.
    pub(super) fn repeat(&mut self, of: Stretch, x: Id) -> Option<Id> {
        let (one, other) = (*self.at(of.x.0), *self.at(x.0));
        let is_own = |tensor: Tensor, id: Id| tensor.owner == id.0;
        if (one.kind, one.width, is_own(one, of.x)) != (other.kind, other.width, is_own(other, x))
            || self.extent(of.x) != self.extent(x)
        {
            return None;
        }
        let (first, start) = (of.from.tensors, self.extents().len() as u32);
        let moved = |id: u32| match id {
            id if id >= first => id - first + start,
            id if id == of.x.0 => x.0,
            id => id,
        };
        let stretch = first as usize..of.to.tensors as usize;
        let repeat = (of, start, x);
        if let Some(again) = &mut self.again {
            if self.repeats.get(again.repeats) != Some(&repeat) {
                again.differs = true;
                return None;
            }
            again.repeats += 1;
            again.roots += of.to.roots - of.from.roots;
            self.next.extend_from_within(stretch);
            return Some(Id(moved(of.out.0)));
        }
        self.repeats.push(repeat);
        for at in stretch.clone() {
            let mut tensor = self.tensors[at];
            tensor.owner = match tensor.owner {
                owner if owner < first && owner == one.owner => other.owner,
                owner => moved(owner),
            };
            let sources = tensor.sources.iter_mut().take(usize::from(tensor.reads));
            sources.for_each(|source| *source = moved(*source));
            tensor.is_visited = matches!(tensor.kind, Kind::Weight | Kind::State);
            self.tensors.push(tensor);
        }
        self.extents.extend_from_within(stretch);
        for at in of.from.roots..of.to.roots {
            self.expand(Id(moved(self.roots[at])));
        }
        Some(Id(moved(of.out.0)))
    }

    /// Returns the graph to be built once more: `step` steps of context further on, or for another
    /// batch.
    pub(super) fn once_more(mut self, step: i64) -> Graph {
        if !self.is_scheduled {
            self.built = self.tensors.len();
        }
        self.divert();
        self.next.clear();
        self.again = Some(Again::default());
        self.step = step;
        self
    }

    /// Lets tensors that read copies read what they read otherwise, or the other way round.
    fn divert(&mut self) {
        for (id, slot, other) in &mut self.diverted {
            let source = &mut self.tensors[*id as usize].sources[usize::from(*slot)];
            std::mem::swap(source, other);
        }
    }

    /// Whether what was built once more was the same graph.
    fn is_same_again(&mut self) -> bool {
        self.divert();
        self.again.take().is_some_and(|again| {
            !again.differs
                && again.roots == self.roots.len()
                && again.exempt == self.exempt.len()
                && again.repeats == self.repeats.len()
                && again.outputs == self.outputs.len()
                && again.alike == self.alike.len()
                && self.next.len() == self.built
        })
    }

    /// Takes the batch that the graph was built once more for as its own, and returns whether it was
    /// the same graph; if not, it is of no more use.
    pub(super) fn take_on(&mut self) -> bool {
        let is_same = self.is_same_again();
        std::mem::swap(&mut self.extents, &mut self.next);
        self.extents.extend_from_slice(self.next.get(self.built..).unwrap_or_default());
        self.next.clear();
        self.span = ContextRange::HERE;
        is_same
    }

    /// Takes the growth of tensors from the graph that was built once more, valid within `span`. If
    /// that was another one, or blocks do not stay aligned, the graph remains valid for its own
    /// context only.
    pub(super) fn grow(&mut self, span: ContextRange) {
        let is_same = self.is_same_again();
        let is_aligned = |(extent, next): (&Extent, &Extent)| {
            extent.bytes == next.bytes
                || (extent.bytes.max(next.bytes) <= i64::MAX as u64
                    && extent.bytes.abs_diff(next.bytes).is_multiple_of(MOST_ALIGNMENT))
        };
        match is_same && self.extents.iter().zip(&self.next).all(is_aligned) {
            true => self.span = span,
            false => {
                self.next.clear();
                self.tensors.truncate(self.extents.len());
            }
        }
    }

    /// `here`, with what it grows by until `next` a step.
    fn sized(&self, here: u64, next: u64) -> Size {
        Size { slope: self.step * next.wrapping_sub(here) as i64, ..Size::fixed(here) }
    }

    fn size(&self, id: u32) -> Size {
        let here = self.extents[id as usize].bytes;
        let next = self.next.get(id as usize).map_or(here, |next| next.bytes);
        self.sized(here, next)
    }

    /// Whether two tensors have the same shape at any context in `span`.
    fn is_alike(&self, span: &mut ContextRange, a: u32, b: u32) -> bool {
        if self.at(a).width != self.at(b).width {
            return false;
        }
        let [one, other] = [a, b].map(|id| self.extents[id as usize].shape);
        if let [Some(next), Some(other_next)] = [a, b].map(|id| self.next.get(id as usize))
            && (next.shape, other_next.shape) != (one, other)
        {
            let size = |i: usize| {
                let here = self.sized(one[i], next.shape[i]);
                (here, self.sized(other[i], other_next.shape[i]))
            };
            // One dimension that stays different is enough.
            let differs = (0..4).map(size).any(|(a, b)| a.slope == b.slope && a.at != b.at);
            if !differs {
                (0..4).map(size).for_each(|(a, b)| _ = span.equal(a, b));
            }
        }
        one == other
    }

    /// The compute buffer of each backend, the host's last.
    ///
    /// Where batches are to form a pipeline through several devices, `copies` of each input are
    /// kept; otherwise one.
    pub(super) fn buffers(&mut self, types: &[BufferType], copies: u64) -> BufferSizes {
        if !self.is_scheduled {
            self.built = self.tensors.len();
            self.assign(types.len() as u8 - 1);
            self.split(types.len());
            self.is_scheduled = true;
        }
        let grows = !self.next.is_empty();
        if grows {
            // What the scheduler added has no memory of its own, and so does not grow.
            self.next.extend_from_slice(self.extents.get(self.built..).unwrap_or_default());
        }
        for (source, copy) in self.copied.iter().map(|(of, copy)| (*of as usize, *copy as usize)) {
            self.extents[copy] = self.extents[source];
            if grows {
                self.next[copy] = self.next[source];
            }
        }
        let mut sizes = self.allocate(types, copies);
        for (backend, other) in &self.alike {
            sizes.buffers[usize::from(*backend)] = sizes.buffers[usize::from(*other)];
        }
        sizes
    }
}
